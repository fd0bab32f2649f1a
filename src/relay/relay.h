// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef RELAY_RELAY_H
#define RELAY_RELAY_H

#include <ev.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/str.h"
#include "model/conns.h"
#include "model/path.h"
#include "wire/wire.h"

// The data plane: worker threads that accept, seal, open and copy. Everything in this header is
// called from the main thread.

#define RELAY_EXITS_MAX 16
#define RELAY_PINS_MAX  64

// A way out, as far as the relay needs to know it. The place in the policy's array is the path's
// slot, which stays the same for the life of the process.
struct relay_path {
	struct addr addr4, addr6; // source addresses; AF_UNSPEC: none
	int64_t rtt_us;           // expected; negative: unknown
	struct addr endpoint; // of its MPTCP endpoint, from which every connection should have a
			      // subflow; AF_UNSPEC: none
	bool up; // proved
};

// Where the connections and datagrams of one listener go.
struct relay_pin {
	int exit;          // place in the policy's exits; -1: there is no such pin
	int path;          // slot; -1: all paths, as any connection
	struct prefix *to; // destinations that it names, special ranges perhaps among them
	int n_to;
};

struct relay_exit {
	char name[NAME_SIZE];
	struct wire_key key;
	struct wire_datagrams datagrams; // of the same key
	bool ours; // it is mpgate, and knows an association from wherever it comes
	union sockaddr_any
		addrs[8]; // in the order of preference; none while the name is unresolved
	int n_addrs;
};

// What workers go by. Immutable once handed over; counted, because sessions in the making hold the
// policy that they began with.
struct relay_policy {
	atomic_int refs;
	struct relay_path paths[PATHS_MAX];
	int n_paths;
	// Slots in the order in which connections should try to begin.
	uint8_t begin[PATHS_MAX];
	int n_begin;
	struct relay_udp_policy {
		bool closed;              // none may go any more: associations of clients end
		uint8_t order[PATHS_MAX]; // slots of the paths that datagrams may take, the best
					  // first;
		int n;
		int n_sound;   // of these, those that are not in doubt just now; they come first
		int home;      // slot of the one that has been the best for a while; -1: none
		bool pin_quic; // a QUIC flow leaves its path only when that dies
	} udp;
	struct relay_exit exits[RELAY_EXITS_MAX];
	int n_exits;
	int default_exit;
	bool direct; // diverted connections go straight to their targets, not encrypted
	struct relay_pin pins[RELAY_PINS_MAX];
	struct prefix *own; // addresses of this machine and its LAN: no datagram from there comes
			    // by an exit
	int n_own;
	// Exit server's role
	struct wire_key server_key;
	struct wire_datagrams server_datagrams; // of the same key
	struct prefix *allow; // targets let through although they lie in the server's own ranges
	int n_allow;
};

struct relay_policy *relay_policy_new(void); // one reference
struct relay_policy *relay_policy_get(struct relay_policy *policy);
void relay_policy_put(struct relay_policy *policy);

enum relay_listen_kind {
	RELAY_LISTEN_TPROXY,     // the LAN's connections, by nft's tproxy
	RELAY_LISTEN_SOCKS,      // SOCKS5 on the LAN, to one exit
	RELAY_LISTEN_EXIT,       // gateways' encrypted connections
	RELAY_LISTEN_TPROXY_UDP, // the same as the first and the last, for datagrams
	RELAY_LISTEN_EXIT_UDP,
};

struct relay_listen {
	enum relay_listen_kind kind;
	union sockaddr_any at;
	int exit; // RELAY_LISTEN_SOCKS: place in the policy's exits
	int pin;  // RELAY_LISTEN_TPROXY and _UDP: 1 and the place in the policy's pins; 0: it is of
		  // none
};

// Why sessions ended, for counters and for people.
enum relay_end {
	RELAY_END_DONE,       // both sides finished in order
	RELAY_END_RESET,      // one side was reset
	RELAY_END_REFUSED,    // the exit could not reach the target, or would not
	RELAY_END_NO_EXIT,    // no exit could be reached
	RELAY_END_BAD_PEER,   // not our protocol, a wrong key, a replay
	RELAY_END_BAD_CLIENT, // nonsense from a SOCKS client or to the peer service, or a
			      // connection straight to our port
	RELAY_END_IDLE,    // nothing moved for too long
	RELAY_END_LIMIT,   // out of descriptors or memory
	RELAY_END_STOPPED, // the relay stops
	RELAY_ENDS
};

// Why datagrams were not passed on.
enum relay_drop {
	RELAY_DROP_NO_WAY,   // no path to an exit, or none to the target
	RELAY_DROP_FULL,     // the kernel's queue, or one of ours
	RELAY_DROP_BAD_PEER, // not our protocol, or a wrong key
	RELAY_DROP_REPLAYED, // it has come before
	RELAY_DROP_REFUSED,  // to or from whom that is not allowed, or to a name without an address
	RELAY_DROP_TOO_BIG,  // for its path, and not to be cut up
	RELAY_DROP_LIMIT,    // out of descriptors or memory
	RELAY_DROP_TAKEN, // gateway: an answer from a port that another program here has for itself
	RELAY_DROPS
};

struct relay_udp_counters {
	uint32_t associations; // now
	uint64_t begun;        // since start, as are the others
	uint64_t moved;        // gateway: to another path. exit: seen to come from another address
	uint64_t dropped[RELAY_DROPS];
};

// Of datagrams, since start.
struct relay_exit_counters {
	uint64_t sent;
	uint64_t heard;   // that the exit sent
	uint64_t refused; // that came back, as nobody listens there (ICMP); the kernel tells of
			  // some of them
};

struct relay_path_counters {
	uint64_t rx_bytes, tx_bytes; // by our subflows on this path, since start
	uint32_t subflows;           // established now
	uint64_t overtaken;          // handshakes that another path's finished before, since start
	uint64_t fallbacks; // connections that began here and became plain TCP, since start
	int64_t rtt_us;     // least smoothed RTT of a subflow that moved data lately; or negative
	int64_t heard_ms;   // CLOCK_MONOTONIC of the last packet on a subflow of ours; 0: never
	uint32_t stuck;     // subflows whose retransmissions go unanswered
	uint32_t due, missing; // connections that should have a subflow here by its endpoint;
			       // of these, those that have none. A second old
	uint32_t associations; // whose datagrams take this path now
	uint64_t udp_rx_bytes, udp_tx_bytes; // of these, as sealed, since start
};

struct relay_counters {
	// The last element is for subflows over no path of ours (an exit on the LAN, say).
	struct relay_path_counters paths[PATHS_MAX + 1];
	uint32_t sessions;       // open, carried to or from an exit
	uint32_t sessions_tcp;   // of these, as plain TCP although MPTCP was asked for
	uint32_t sessions_alone; // of these, kept to one path by a pin, and so as plain TCP
	uint64_t direct;         // that went straight to their targets, since start
	uint64_t pinned;         // that a pin kept to one path, since start
	uint64_t unasked;        // that the kernel would not open as MPTCP, since start
	uint64_t accepted;       // since start
	uint64_t ended[RELAY_ENDS];
	struct relay_udp_counters udp;
	struct relay_exit_counters exits[RELAY_EXITS_MAX]; // by place in the policy
	// CLOCK_MONOTONIC up to when `heard_ms` is complete: every session that moves data was
	// asked then or later. INT64_MAX: none does.
	int64_t sampled_ms;
};

// "no-way"
const char *relay_drop_word(enum relay_drop why);

struct relay;

// Starts `workers` threads. The relay lives on the loop of the calling thread for its reports.
// Returns 0, or -errno with a text.
int relay_start(struct ev_loop *loop, int workers, struct relay **out, struct str *why);
// Opens listeners in every worker. Returns 0, or -errno with a text that says what to do.
int relay_listen(struct relay *relay, const struct relay_listen *listen, struct str *why);
// Closes what relay_listen() opened with the same values. Connections that were taken live on.
void relay_unlisten(struct relay *relay, const struct relay_listen *listen);
bool relay_listen_equal(const struct relay_listen *a, const struct relay_listen *b);
// Takes one reference. Connections that begin from now on go by it.
void relay_set_policy(struct relay *relay, struct relay_policy *policy);
// Sums over the workers; at most a second old, and RELAY_QUICK_MS while data moves.
void relay_read_counters(const struct relay *relay, struct relay_counters *out);
#define RELAY_QUICK_MS 50
// `fn` runs in the main thread after new counters have come in.
void relay_on_counters(struct relay *relay, void (*fn)(void *ctx), void *ctx);
// `fn` runs in the main thread for connections that asked for MPTCP and have become plain TCP,
// RELAY_PLAIN_MAX a second and worker at most. `conn` is as from relay_ask_conns(), and its own
// until it returns.
#define RELAY_PLAIN_MAX 8
void relay_on_plain(struct relay *relay, void (*fn)(void *ctx, struct conn *conn), void *ctx);
// How long ago the worker reported that has been silent for longest. They report once a second: a
// thread that does not is stuck.
int64_t relay_silent_ms(const struct relay *relay);
// The gateway's connections, asked of the workers: a thing to do when somebody looks, since each
// that is listed costs some microseconds. `done` runs in the main thread, once, unless the relay is
// stopped before; `conns` is its own until it returns. Open ones come first, the busiest of them at
// the top, then those that ended lately while somebody looked. Left to `done` to fill in are the
// names of paths (by their slots), local ids other than 0, what is behind CONN_REASON_UNKNOWN,
// `why` and `sources`.
void relay_ask_conns(struct relay *relay, void (*done)(void *ctx, struct conns *conns), void *ctx);
// Stops accepting, ends every session, joins the threads.
void relay_stop(struct relay *relay);

#endif
