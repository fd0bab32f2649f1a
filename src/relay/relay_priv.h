// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef RELAY_PRIV_H
#define RELAY_PRIV_H

#include <ev.h>
#include <pthread.h>

#include "base/buf.h"
#include "base/list.h"
#include "relay/relay.h"
#include "sock/sock.h"
#include "wire/wire.h"

// One read takes at most this much, a multiple of the largest chunk (so that no small chunk trails
// each batch). Below about 64 KiB MPTCP loses throughput, much above it the processor's cache does.
#define RELAY_READ_MAX (8 * WIRE_CHUNK_MAX)
// Reads per callback, so that one fast connection cannot starve the others.
#define RELAY_ROUNDS 4

struct session;
struct worker;

// One end of a session.
struct side {
	int fd; // -1: not open
	ev_io io;
	struct session *session;
};

// One direction of copying. A flow with nothing waiting owns no memory.
struct flow {
	struct side *from, *to;
	struct buf waiting; // output that `to` would not take; nothing is read until it has drained
	bool ended;         // `from` said end of file, and all of it has been turned into output
	bool shut;          // the end was passed on to `to`
};

enum session_state {
	SESSION_SOCKS,     // gateway: reading the client's greeting and request
	SESSION_DIALING,   // connecting to the exit, or (on the exit) to the target
	SESSION_HEADER,    // exit: reading the target's address
	SESSION_RESOLVING, // exit: looking up the target's name
	SESSION_RELAYING,
	SESSION_SERVICE,  // exit: the peer service; there is no plain side
	SESSION_DRAINING, // exit: a peer that is none of ours; read and forget until `deadline`
	SESSION_DEAD,
};

// What a session has seen of one subflow, so that its counters only ever grow.
struct subflow_mark {
	uint16_t port; // local, network order; with the slot it names the subflow
	uint8_t slot;  // path, or PATHS_MAX
	bool listed;   // in the last sample
	bool established;
	bool stuck;
	uint64_t rx_bytes, tx_bytes;
};

// The same on the exit, where all subflows end at one port of ours and come from anywhere.
struct remote_mark {
	struct remote *remote;
	uint16_t port;
	bool listed;
	uint64_t tx_bytes, rx_bytes;
	uint32_t segments, retransmits;
};

// A session is two flows between a plain side (the LAN's client, or the exit's target) and a sealed
// side (to or from the other half of mpgate). Gateway and exit differ in how it opens, not in how
// it runs or ends.
struct session {
	struct list link; // in the worker's sessions, or in its graveyard
	uint64_t id;
	struct worker *worker;
	struct relay_policy *policy; // what it began with; NULL from SESSION_RELAYING on
	enum session_state state;
	union sockaddr_any
		client;   // of the plain side; kept, since a socket that has ended knows it no more
	bool from_client; // the plain side is a client of ours (gateway), not a target (exit)
	bool socks;
	bool direct; // to the target itself: the sealed side is plain too
	bool alone;  // gateway: kept to the path of its pin, or that on which it began
	bool mptcp;  // sealed side
	struct side plain, sealed;
	struct flow up;   // plain -> sealed, sealing
	struct flow down; // sealed -> plain, opening
	struct wire_sealer sealer;
	struct wire_opener opener;
	struct buf rest;                  // start of a chunk that is still incomplete
	struct opening *opening;          // NULL from SESSION_RELAYING on
	struct service *service;          // SESSION_SERVICE
	struct subflow_mark *marks;       // gateway
	struct remote_mark *remote_marks; // exit
	uint8_t n_marks;
	uint64_t backlog;            // bytes, as last set; 0: the kernel's own choice
	uint8_t home;                // slot of the path on which it began
	uint16_t home_port;          // local port of the subflow that it began with, network order
	char *target;                // gateway: what a SOCKS client asked for
	char exit[NAME_SIZE];        // gateway
	uint64_t rx_bytes, tx_bytes; // moved through the sealed side
	uint64_t rx_counted, tx_counted; // of these, found in subflows' counters
	ev_tstamp began;                 // to relay
	ev_tstamp active;                // when bytes last moved
	ev_tstamp tcp_since;             // gateway: when it became plain TCP; 0: it is not
	struct session_past {
		ev_tstamp at;
		uint64_t rx_bytes, tx_bytes;
	} past[2];          // gateway: at the last tick, and at the one before
	ev_tstamp deadline; // SESSION_HEADER, SESSION_SOCKS, SESSION_DRAINING
};

#define RACE_MAX       4
#define RACE_GIVE_UP_S 15.

// What a race needs to know of who is dialled.
struct race_entrant {
	// Fills in *how and how long the candidate may run alone. 0; -ENOENT: there are no more;
	// another errno: this one cannot start.
	int (*candidate)(struct session *s, int i, struct sock_dial *how, double *head_start_s);
	void (*won)(struct session *s, int fd, int candidate); // takes fd
	void (*lost)(struct session *s, int error);            // the last one's
};

struct runner {
	int fd; // -1: free
	int candidate;
	ev_io io;
	struct session *session;
};

struct race {
	const struct race_entrant *entrant; // NULL: not running
	struct runner runners[RACE_MAX];
	ev_timer timer;
	ev_tstamp give_up;
	int next;  // candidate
	int error; // the last, negative errno
};

// What only a session in the making needs.
struct opening {
	struct wire_target target;
	struct race race;
	int exit;     // gateway: place in policy->exits
	int pin;      // gateway: as in struct relay_listen
	bool greeted; // gateway: the SOCKS5 greeting has been answered
	struct resolver_query *query;
	struct addr addrs[RESOLVER_ADDRS_MAX];
	int n_addrs;
};

struct listener {
	struct list link;
	struct worker *worker;
	struct relay_listen what;
	ev_io io;
	ev_timer pause; // while descriptors are out
};

// How long an association lives without a datagram: RFC 4787, section 4.3.
enum assoc_patience {
	ASSOC_SHORT, // it has asked name servers only
	ASSOC_LONG,
	ASSOC_PATIENCES
};

#define ASSOC_ANNOUNCEMENTS 3

struct assoc_socket {
	int fd; // -1: not open
	ev_io io;
};

// Datagrams that belong together: on the gateway those of one client's socket, on the exit those
// that came with the same name or, from a program that is not ours, from the same address. It is
// what a NAT calls a mapping: one port of the exit, for whatever the client talks to.
struct assoc {
	struct list link;   // in the worker's list of its patience, the one used longest ago first
	struct assoc *next; // in its bucket
	uint64_t hash;
	struct worker *worker;
	bool from_client; // of a client of ours (gateway), not of a gateway (exit)
	bool named;       // it is found by its name's id, not by `peer` and `pin`
	enum assoc_patience patience;
	ev_tstamp active;
	struct wire_association name; // gateway: for the next datagram
	union sockaddr_any
		peer; // gateway: client of the LAN. exit: where the last datagram came from
	struct assoc_socket far[2]; // gateway: the first, to the exit. exit: to targets, by family
	// gateway
	int pin;               // as in struct relay_listen
	int exit;              // place in the policy's exits
	uint8_t slot;          // path
	struct addr from;      // of it, which the socket is bound to
	union sockaddr_any to; // the exit's, which the socket is connected to
	bool quic;
	bool strayed;      // its path has died under it
	int announcements; // still to be made, of an address that the exit has not seen
	size_t fits;       // bytes of a sealed datagram that its path takes in one piece
	ev_tstamp asked; // when the client first spoke since the exit was last heard; 0: it has not
	ev_tstamp complained; // of a length, to the client
	// exit
	struct wire_window window;
	struct listener *listener; // that the last came to; NULL: it is closed
	union sockaddr_any local;  // address of ours that the last was sent to
	struct assoc_lookup *lookup;
};

#define ASSOC_BUCKETS 4096

struct assocs {
	struct assoc **buckets; // NULL until there is one
	struct list idle[ASSOC_PATIENCES];
	unsigned n;
	uint64_t secret; // so that nobody can aim at one bucket
};

// An address from which gateways' subflows come, and what was sent to it. Marks refer to it.
struct remote {
	struct list link;
	int refs;
	ev_tstamp used;
	struct wire_service_remote sums;
};

#define REPLY_SETS 64
#define REPLY_WAYS 4

// Sockets that speak to the LAN in the name of others, kept for a while.
struct replies {
	struct reply {
		union sockaddr_any as;
		int fd; // 0: the place is empty
		ev_tstamp used;
	} sets[REPLY_SETS][REPLY_WAYS];
	unsigned n;
};

struct worker {
	struct relay *relay;
	int number;
	pthread_t thread;
	struct ev_loop *loop;
	struct mailbox mailbox;
	struct relay_policy *policy;
	struct resolver *resolver;
	struct list sessions, graveyard, listeners;
	uint64_t last_id;
	struct list closed; // gateway: connections that ended while somebody looked
	int n_closed;
	ev_tstamp looked; // when somebody last did
	int n_plain;      // gateway: connections that were told to be plain TCP since the last tick
	struct list remotes, services; // exit
	int n_remotes;
	uint64_t last_survey;
	ev_prepare burial;
	ev_timer tick;
	ev_timer quick; // active while data moves
	struct relay_counters counters;
	int64_t rtt_us[PATHS_MAX + 1]; // as in counters, of the second that has not ended yet
	uint8_t *in, *out;             // scratch of RELAY_IN_SIZE and RELAY_OUT_SIZE bytes
	struct sock_batch *batch;      // of the datagrams that are being looked at
	struct assocs assocs;
	struct replies replies; // gateway
	atomic_uint guests;     // exit: letters with datagrams for it that are on the way
};

// The rest of a chunk goes in front of what is read.
#define RELAY_IN_SIZE (WIRE_OPEN_REST_MAX + RELAY_READ_MAX)
#define RELAY_OUT_SIZE                                                                             \
	(64 + RELAY_IN_SIZE + (RELAY_IN_SIZE / WIRE_CHUNK_MAX + 1) * WIRE_CHUNK_OVERHEAD)

struct relay {
	struct ev_loop *loop; // of the main thread
	struct mailbox mailbox;
	struct relay_counters *reports; // the last of each worker
	int64_t *reported_ms;           // when that came; CLOCK_MONOTONIC
	bool unsent_bounded;            // for backlog_bound()
	struct worker *workers;
	int n_workers;
	struct wire_replay *replay, *udp_replay; // datagrams would wash out what streams left
	struct directory *directory; // exit: whose which association is; NULL: there is one worker
	void (*on_counters)(void *ctx);
	void *on_counters_ctx;
	void (*on_plain)(void *ctx, struct conn *conn);
	void *on_plain_ctx;
};

// worker.c
int worker_start(struct worker *worker, struct relay *relay, int number);
void worker_count_end(struct worker *worker, enum relay_end why);
// Data moves: its subflows are looked at more often for a while.
void worker_stir(struct worker *worker);

// session.c
struct session *session_new(struct worker *worker, enum session_state state);
void session_end(struct session *s, enum relay_end why);
void session_free(struct session *s);
// Registers what the session waits for with the loop; call after every change.
void session_watch(struct session *s);
// Both sides are open: what was needed to open them is dropped and the flows begin to run.
void session_run(struct session *s);
void session_drop_opening(struct session *s);
void session_side_init(struct session *s, struct side *side, int fd);
void session_tick(struct session *s, ev_tstamp now);
// The slot of the path that the subflow is on, or PATHS_MAX.
uint8_t session_slot(const struct session *s, const struct sock_subflow *sf);
// Between two ticks, of a session that moves data: what cannot wait for the next.
void session_look(struct session *s);

// backlog.c: how much a connection over several subflows may hold unacknowledged, given what it was
// held to before (0: nothing). `unsent_bounded`: the kernel bounds by itself what was not sent yet.
uint64_t backlog_bound(const struct sock_subflow subflows[], int n, bool unsent_bounded,
		       uint64_t before);

// flow.c: all return 0 or a negative errno that ends the session
int flow_run(struct session *s, struct flow *flow);
int flow_seal(struct session *s, const uint8_t *plain, size_t len);
int flow_drain(struct flow *flow);
// Reads once from the sealed side and appends what it opened to s->down.waiting. Returns bytes of
// plaintext; 0: nothing complete yet; -EPIPE: end of file; other negative errno.
ssize_t flow_open_once(struct session *s);

// listener.c
void listener_start(struct worker *worker, const struct relay_listen *what, int fd);
// Takes what already waits at it, then closes it.
void listener_stop(struct worker *worker, const struct relay_listen *what);
void listener_free(struct listener *listener);
// Whether -errno says that this machine is short of descriptors or memory; tells it, not too often.
bool listener_is_shortage(int error);
void listener_note_shortage(const struct worker *worker, const char *what, int error);

// race.c: dials the candidates of `entrant`; s->opening must be there until it is over.
void race_start(struct session *s, const struct race_entrant *entrant);
void race_stop(struct session *s);

// gate.c: how sessions open on the gateway
void gate_accept_transparent(struct worker *worker, const struct listener *listener, int fd,
			     const union sockaddr_any *from);
void gate_accept_socks(struct worker *worker, const struct listener *listener, int fd,
		       const union sockaddr_any *from);
void gate_socks_ready(struct session *s);
// How to reach the exit over the path: fills in `to` and `from`. False: not at all.
bool gate_find_way(const struct relay_exit *exit, const struct relay_path *path,
		   struct sock_dial *how);
// Connections that are still being dialled to an exit that new ones do not take any more begin
// anew, and those that a pin keeps to a path that is down end.
void gate_follow_policy(struct worker *worker);

// exit.c: how sessions open on the exit server
void exit_accept(struct worker *worker, const struct listener *listener, int fd,
		 const union sockaddr_any *from);
void exit_header_ready(struct session *s);
void exit_drain_ready(struct session *s);
void exit_drain(struct session *s);

// Whether a target's address may be talked to.
bool exit_may_reach(const struct relay_policy *policy, const struct addr *addr);

// assoc.c: what the associations of gateway and exit have in common
void assoc_init(struct worker *worker);
void assoc_fini(struct worker *worker);
struct assoc *assoc_find_peer(struct worker *worker, const union sockaddr_any *peer, int pin);
struct assoc *assoc_find_name(struct worker *worker, uint64_t id);
// `id` 0: it is found by the peer and the pin. NULL when memory is out. When there are too many,
// one goes: of those that have asked name servers only, as far as there are any, the one used
// longest ago.
struct assoc *assoc_new(struct worker *worker, uint64_t id, const union sockaddr_any *peer,
			int pin);
void assoc_end(struct assoc *a);
// A datagram for the target's port, or for the client (0).
void assoc_use(struct assoc *a, uint16_t port);
// `ready` runs when something has come. Takes fd.
void assoc_watch(struct assoc *a, struct assoc_socket *socket, int fd,
		 void (*ready)(struct ev_loop *loop, ev_io *io, int revents));
void assoc_unwatch(struct assoc *a, struct assoc_socket *socket);
// Gives `take` what has come to a socket, up to a bound. It must not end the association whose
// socket it is. 0, or -errno that the socket had for us.
int assoc_read(struct worker *worker, int fd,
	       void (*take)(void *ctx, const struct sock_datagram *d), void *ctx);
void assoc_tick(struct worker *worker, ev_tstamp now);
void assoc_forget_listener(struct worker *worker, const struct listener *listener);
// Counts a datagram that was not passed on; `error` is what sending it came to.
void assoc_drop(struct worker *worker, enum relay_drop why);
void assoc_drop_for(struct worker *worker, int error);
#define assoc_for_each(pos, after, worker, patience)                                               \
	for (int patience = 0; patience < ASSOC_PATIENCES; patience++)                             \
		list_for_each_safe(pos, after, &(worker)->assocs.idle[patience])

// gate_udp.c: datagrams of the LAN
void gate_udp_ready(struct listener *listener);
void gate_udp_follow_policy(struct worker *worker);
void gate_udp_tick(struct assoc *a, ev_tstamp now);

// reply.c: one that speaks as `as`, or -errno. It stays the worker's.
int reply_socket(struct worker *worker, const union sockaddr_any *as);
void reply_tick(struct worker *worker, ev_tstamp now);
void reply_fini(struct worker *worker);

// exit_udp.c: datagrams of gateways
void exit_udp_ready(struct listener *listener);
void exit_udp_forget_lookup(struct assoc *a);

// directory.c: which worker an association is with, any thread
struct directory *directory_new(void);
void directory_free(struct directory *directory);
// The worker that has it; `worker` when nobody had, and then that has it from now on. -ENOMEM.
int directory_claim(struct directory *directory, uint64_t id, int worker);
void directory_drop(struct directory *directory, uint64_t id);

// census.c: connections for people
void census_note_end(struct session *s, enum relay_end why); // while its sides are still open
// It has asked for MPTCP and is plain TCP now.
void census_tell_plain(const struct session *s);
void census_tick(struct worker *worker, ev_tstamp now);
void census_free_closed(struct worker *worker);

// remote.c: the exit's accounts of where gateways come from
void remote_begin_tick(struct worker *worker); // before the sessions of a tick are sampled
void remote_sample(struct session *s);
// Takes a last sample of a session that ends.
void remote_leave(struct session *s);
// Adds what this worker knows of sum->addr.
void remote_add(const struct worker *worker, struct wire_service_remote *sum);
void remote_free_all(struct worker *worker);

// service.c: the exit's side of the peer service
void service_start(struct session *s);
void service_ready(struct session *s);
int service_events(const struct session *s);
void service_tick(struct session *s, ev_tstamp now);
void service_free(struct session *s);

#endif
