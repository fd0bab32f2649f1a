// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef SOCK_SOCK_H
#define SOCK_SOCK_H

#include <ev.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/str.h"

// How a socket to the far side is opened, and what the kernel says of it. Thread: any, each socket
// used by one at a time.

struct sock_dial {
	union sockaddr_any to;
	struct addr
		from;  // source address, which chooses the path; AF_UNSPEC: the routing table does
	bool mptcp;    // where the kernel has no MPTCP, plain TCP is used instead
	uint32_t mark; // of its packets; 0: none
};

// Starts to connect. Returns a non-blocking descriptor that becomes writable when the outcome is
// known (ask sock_dial_result()), or -errno.
int sock_dial(const struct sock_dial *how);
// 0 when connected, or -errno.
int sock_dial_result(int fd);

enum sock_listen_kind {
	SOCK_LISTEN_TCP,         // LAN services
	SOCK_LISTEN_TRANSPARENT, // target of nft's tproxy; accepted sockets carry the client's
				 // destination
	SOCK_LISTEN_MPTCP, // plain TCP clients get plain TCP sockets (kernel-notes, "listeners")
	SOCK_LISTEN_DATAGRAMS, // UDP; each datagram carries the address of ours that it was sent to
	SOCK_LISTEN_DATAGRAMS_TRANSPARENT, // UDP, target of nft's tproxy; the address is the
					   // client's destination
};

// Opens `n` listening sockets on the same address and port, one per worker; the kernel spreads
// connections over them (SO_REUSEPORT). Returns 0, or -errno with a text that says what to do.
int sock_listen(enum sock_listen_kind kind, const union sockaddr_any *at, int fds[], int n,
		struct str *why);

// Opens a socket (SOCK_DGRAM, or SOCK_STREAM that listens) which serves one address, and only what
// comes in by the interface `device`. Returns the descriptor, or -errno with a text that says what
// to do.
int sock_serve(int type, const union sockaddr_any *at, const char *device, struct str *why);

// Options for a relayed connection: no delay, keep-alive, bounded unsent data. Failures do not
// matter. `far`: the side that crosses the Internet to or from the exit.
void sock_tune(int fd, bool far);

// 0 when the kernel lets far sockets have the congestion control that sock_tune() asks for, or
// -errno: -ENOENT without the module, -EPERM where it may be set by the administrator only.
int sock_congestion_check(void);

// Whether the kernel bounds what MPTCP connections hold unsent, as sock_tune() asks (6.9 on).
bool sock_bounds_unsent(void);

// Bounds what the kernel keeps of a connection that was not acknowledged yet, sent or not.
void sock_bound_backlog(int fd, uint64_t bytes);

// True if the connection is really MPTCP, false if it fell back to TCP.
bool sock_is_mptcp(int fd);

// True if it was opened as MPTCP, whatever it has become; false where the kernel would not have it.
bool sock_asked_mptcp(int fd);

// The connection's MPTCP token, by which ss(8) names it; 0: it has none.
uint32_t sock_mptcp_token(int fd);

// Closes so that the peer sees a reset at once (MP_FASTCLOSE on MPTCP).
void sock_abort(int fd);

struct sock_subflow {
	union sockaddr_any local, remote;
	bool established;
	uint64_t rx_bytes, tx_bytes; // TCP payload; TX as acknowledged by the peer
	uint32_t rtt_us, least_rtt_us, cwnd, retransmits;
	uint64_t rate;         // bytes a second that got through lately
	uint32_t segments;     // with data, sent, retransmits among them
	uint32_t unacked;      // segments
	uint32_t heard_ago_ms; // since a packet of the peer's last came in
	uint8_t backoff;       // retransmission time-outs in a row without an answer
};

#define SOCK_SUBFLOWS_MAX 16

// The subflows of an MPTCP connection, or the one of a connection that fell back. Uses
// MPTCP_FULL_INFO (6.5 on) or MPTCP_SUBFLOW_ADDRS with MPTCP_TCPINFO. Returns how many were
// written to `out`, or -errno.
int sock_subflows(int fd, struct sock_subflow out[static SOCK_SUBFLOWS_MAX]);

// ---- datagrams

#define SOCK_BATCH        16
#define SOCK_DATAGRAM_MAX 65535

struct sock_datagram {
	union sockaddr_any from;
	union sockaddr_any
		to;     // see enum sock_listen_kind; without a port when it is an address of ours
	uint8_t *bytes; // in the batch's memory
	size_t len;
};

// Room for what one call reads; memory becomes resident as it is used.
struct sock_batch {
	struct sock_datagram list[SOCK_BATCH];
	uint8_t memory[SOCK_BATCH][SOCK_DATAGRAM_MAX];
};

// Reads what waits, at most SOCK_BATCH datagrams. Returns how many, or -errno; -EAGAIN: none.
int sock_batch_read(struct sock_batch *batch, int fd);

// A UDP socket that speaks with how->to only, from how->from. `mptcp` does not matter. What is too
// long for a link goes in fragments, and DF is never set. Returns a non-blocking descriptor, or
// -errno.
int sock_datagram_dial(const struct sock_dial *how);
// One that speaks with everybody, from a port that the kernel chooses. Descriptor or -errno.
int sock_datagram_open(sa_family_t family);
// One that speaks as `as`, which is nobody's address here; needs CAP_NET_ADMIN. Descriptor or
// -errno.
int sock_datagram_open_as(const union sockaddr_any *as);
// `from` (may be NULL): which address of ours it leaves with. 0 or -errno.
int sock_datagram_send(int fd, const union sockaddr_any *to, const union sockaddr_any *from,
		       const uint8_t *bytes, size_t len);
// What one packet to the peer of a connected socket may have, stream or not, as the route has it;
// 0: not known.
int sock_mtu(int fd);
// The longest payload that goes to the peer of a dialled socket in one piece, as far as this
// machine knows.
size_t sock_datagram_fits(int fd);
// Tells `client` in the name of the network (ICMP, RFC 1191 and 8201) that its datagram of `len`
// bytes to `target` was too long, and that `fits` bytes of payload are not. Needs CAP_NET_RAW. 0 or
// -errno.
int sock_say_too_big(const union sockaddr_any *client, const union sockaddr_any *target, size_t len,
		     size_t fits);

// ---- mailbox: the one way from thread to thread

struct letter {
	struct letter *next;
	// Runs in the receiving thread, which then owns the letter and all in it.
	void (*open)(struct letter *letter, void *ctx);
	// Frees a letter that nobody opened.
	void (*free)(struct letter *letter);
};

struct mailbox {
	pthread_mutex_t lock;
	struct letter *first, **last;
	ev_async bell;
	struct ev_loop *loop;
	void *ctx;
};

// In the receiving thread, or before it starts. `ctx` is passed to each letter's open(). The bell
// does not keep the loop alive.
void mailbox_init(struct mailbox *mailbox, struct ev_loop *loop, void *ctx);
// After the last sender is gone; frees what was not opened.
void mailbox_fini(struct mailbox *mailbox);
// Any thread; takes the letter. Letters of one sender arrive in order.
void mailbox_post(struct mailbox *mailbox, struct letter *letter);

// ---- resolver: names to addresses without blocking

struct resolver;
struct resolver_query;

#define RESOLVER_ADDRS_MAX 8

// `status` 0 with n >= 1 addresses, or -errno: -ENOENT no such name, -ETIMEDOUT, -EIO.
typedef void resolver_done(void *ctx, int status, const struct addr *addrs, int n);

// One per loop; belongs to the loop's thread. Reads resolv.conf(5). Returns 0 or -errno.
int resolver_new(struct ev_loop *loop, struct resolver **out);
// Queries that are still open are dropped: their `done` does not run.
void resolver_free(struct resolver *resolver);
// Source address of the queries, so that they leave by a chosen path.
void resolver_bind(struct resolver *resolver, const struct addr *from);
// Calls `done` later, never from within. The query is over when `done` has run or resolver_cancel()
// was called, after which `done` does not run.
struct resolver_query *resolver_ask(struct resolver *resolver, const char *name,
				    resolver_done *done, void *ctx);
// The name of an address, for people to read; `name` is clean UTF-8, and empty with any status but
// 0.
typedef void resolver_named(void *ctx, int status, const char *name);
struct resolver_query *resolver_ask_name(struct resolver *resolver, const struct addr *addr,
					 resolver_named *named, void *ctx);
void resolver_cancel(struct resolver_query *query);

#endif
