// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef DNS_DNS_H
#define DNS_DNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/log.h"
#include "model/path.h"
#include "model/snapshot.h"
#include "wire/wire.h"

// DNS for the LAN. Main thread.

struct ev_loop;
struct dns;

#define DNS_LISTEN_MAX     16
#define DNS_CLIENTS_MAX    64
#define DNS_EXIT_ADDRS_MAX 8

// Where clients ask.
struct dns_listen {
	union sockaddr_any at;
	char device[NAME_SIZE]; // packets count that come in by this interface,
	int ifindex;            // as long as it is this one; 0: it is not there
};

// A way to the exit, or to a name server without it.
struct dns_way {
	struct addr addr4,
		addr6;  // source addresses, each with its rule in the kernel; AF_UNSPEC: none
	int64_t rtt_us; // expected; negative: unknown
};

struct dns_direct {
	uint8_t suffix[255]; // in wire form
	uint8_t suffix_len;
	union sockaddr_any server;
	int way; // of ways[]; negative: as the routes say
};

// All that it goes by.
struct dns_spec {
	struct dns_listen listen[DNS_LISTEN_MAX];
	size_t n_listen;
	struct prefix
		clients[DNS_CLIENTS_MAX]; // who is answered, besides those who ask on loopback
	size_t n_clients;
	union sockaddr_any upstreams[SNAPSHOT_UPSTREAMS];
	size_t n_upstreams;
	bool sealed;   // upstreams are asked through the exit
	uint32_t mark; // of what goes without the exit; 0: none
	struct wire_key key;
	union sockaddr_any exits[DNS_EXIT_ADDRS_MAX]; // its addresses, the first preferred
	size_t n_exits;
	struct dns_way ways[PATHS_MAX]; // by slot
	uint8_t begin[PATHS_MAX];       // slots, the best first
	size_t n_begin;
	struct dns_direct *direct; // borrowed during dns_set()
	size_t n_direct;
	size_t cache_entries;
	int64_t stale_s;
};

// Something that people should know.
typedef void dns_tell_fn(void *ctx, enum log_level level, const char *text);

// "corp.example" in wire form; returns its length, or -EINVAL.
int dns_suffix(const char *domain, uint8_t out[static 255]);

// Listens nowhere at first.
struct dns *dns_new(struct ev_loop *loop, dns_tell_fn *tell, void *ctx);
// Goes by `spec` from now on; copies what it needs. Cheap when little has changed: call it whenever
// something may have. A listener that cannot be opened is tried again each time.
void dns_set(struct dns *dns, const struct dns_spec *spec);
void dns_fill(const struct dns *dns, struct dns_snapshot *out);
// What ails a name server that is asked over this way without the exit, if it has failed to answer
// lately.
bool dns_find_fault(const struct dns *dns, int way, char out[static NOTE_SIZE]);
// The way itself was down: its name servers begin anew.
void dns_forgive(struct dns *dns, int way);
void dns_free(struct dns *dns);

#endif
