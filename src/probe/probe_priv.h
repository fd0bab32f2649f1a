// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef PROBE_PROBE_PRIV_H
#define PROBE_PROBE_PRIV_H

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "stream/stream.h"
#include "wire/wire.h"

// An ICMP or ICMPv6 echo under way.
struct probe_echo {
	int fd;
	sa_family_t family;
	uint8_t hops; // how far it may go; 0: as far as need be
	bool raw;     // a raw socket: others' answers come too, and for IPv4 with their IP header
	uint64_t cookie;
};

// Sends one echo request from `source` to `to`. `hops` as in struct probe_echo. Returns 0, or
// -errno: -EACCES or -EPERM when pings are not permitted. Close echo->fd, also when the answer is
// in.
int probe_echo_open(struct probe_echo *echo, const struct addr *source,
		    const union sockaddr_any *to, uint8_t hops, uint64_t cookie);
// When echo->fd is readable: 0 for our answer, -EAGAIN while it is not there, or another -errno.
// With `hops` a router's word that it went no further is an answer too, unless its address is not
// one of the Internet's: -EHOSTUNREACH.
int probe_echo_read(const struct probe_echo *echo);
// What a request or an answer is on the wire, IP header included.
unsigned probe_echo_bytes(sa_family_t family);

// ---- peer_link.c: one connection to the exit's peer service

struct peer_link;

// Each may close the link.
struct peer_link_events {
	void (*up)(struct peer_link *link); // connected
	void (*heard)(struct peer_link *link, const struct wire_service_message *message);
	// It could not be opened, or broke: -EPIPE or -ECONNRESET by the other end, -EPROTO: what
	// came is not the peer service. The link is closed already.
	void (*ended)(struct peer_link *link, int error);
};

struct peer_link_spec {
	const struct wire_key *key;
	struct wire_replay *replay;
	union sockaddr_any exit;
	struct addr source;
	bool plain; // TCP, and not MPTCP
};

struct peer_link {
	const struct peer_link_events *events;
	void *ctx; // its owner's
	struct stream stream;
	bool answered; // something came that could be opened
};

void peer_link_init(struct peer_link *link, struct ev_loop *loop,
		    const struct peer_link_events *events, void *ctx);
// Begins to connect and puts the reserved target first. 0, or -errno: not even begun.
int peer_link_open(struct peer_link *link, const struct peer_link_spec *spec);
// Sends it, or keeps it until it can be sent. An error is told by ended(), later.
void peer_link_ask(struct peer_link *link, uint8_t type, uint64_t nonce);
void peer_link_close(struct peer_link *link);
static inline bool peer_link_is_open(const struct peer_link *link)
{
	return stream_is_open(&link->stream);
}

#endif
