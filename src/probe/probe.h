// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef PROBE_PROBE_H
#define PROBE_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "model/path.h"
#include "model/path_test.h"
#include "wire/wire.h"

// Measures whether and how fast the exit answers over each path. Main thread.

struct ev_loop;
struct probe;

enum probe_kind {
	PROBE_TCP,          // connect to the exit's port: decides, and gives the RTT
	PROBE_EXIT_ECHO,    // ping the exit: sent only while PROBE_TCP gets no answer
	PROBE_GATEWAY_ECHO, // ping the first hop: the same
	PROBE_ROUTER_ECHO,  // a router of the Internet on the way to the exit answers: the same
	PROBE_KINDS
};

// Probes leave by the rule `from SOURCE lookup TABLE`, as the connections do: set a target only
// when that rule is in the kernel, or it would measure another path.
struct probe_target {
	int path; // index, handed back in results; one target per path
	int ifindex;
	struct addr source;
	struct addr gateway; // AF_UNSPEC: no first hop to ask
	union sockaddr_any exit;
	int interval_ms; // from one start to the next
	int timeout_ms;
};

struct probe_result {
	int path;
	enum probe_kind kind;
	int error;      // 0 or -errno: -ETIMEDOUT, -ECONNREFUSED (somebody answered) ...
	int64_t rtt_us; // < 0: no sample
	unsigned bytes; // what this probe cost, IP headers included, both directions
	int8_t mptcp;   // of a PROBE_TCP that stood: 1 it was MPTCP, 0 it was not; else -1
	bool shot;      // asked for by probe_shoot()
};

// Called from the loop only, never from probe_set(). It may call probe_set(), not probe_free().
typedef void probe_result_fn(void *ctx, const struct probe_result *result);

struct probe *probe_new(struct ev_loop *loop, probe_result_fn *result, void *ctx);
void probe_free(struct probe *probe);

// Replaces the list of targets. A target that only changed its interval or time-out keeps its
// measurement under way; a shorter interval takes effect at once. The first probe of a new target
// starts in the next turn of the loop.
void probe_set(struct probe *probe, const struct probe_target targets[], size_t n);
// One more PROBE_TCP at once, beside the regular ones. Nothing happens when the path has no target
// or PROBE_SHOTS are under way.
#define PROBE_SHOTS 4
void probe_shoot(struct probe *probe, int path);

// ---- peer.c: what the exit itself says (doc/peer-service.md). Main thread.
//
// A peer keeps one connection to the exit's peer service, begun over the best path and joined by
// the kernel over all the others, and asks over a short one of each path's own, when the path comes
// and then rarely, whether MPTCP passes there. An exit that is not ours refuses; that is found out
// once, and asked again every now and then.

struct peer;

struct peer_path {
	int path; // slot, handed back
	struct addr source;
	bool metered; // every byte costs: ask seldom
};

struct peer_target {
	struct wire_key key;
	union sockaddr_any exit;
	// Paths over which the exit answers, best first; each has its rule in the kernel.
	struct peer_path paths[PATHS_MAX];
	size_t n_paths;
	bool busy; // data moves: ask for statistics every two seconds
};

enum peer_report_kind {
	PEER_SERVICE, // it is known, or otherwise than before, whether the exit has the service
	PEER_ECHO,    // rtt_us
	PEER_SEEN,    // of the long connection: mptcp, version, clock_offset_us, paths[].subflows
	PEER_STATS,   // paths[].sender
	// Of a path's own connection: path, error, mptcp, rtt_us, seen_as. An exit without the
	// service gives `mptcp` alone, as our end has it.
	PEER_PATH,
};

// A path through the exit's eyes. Known by the address that the exit saw it come from; paths that
// share one address (behind one NAT) are told apart where ports allow, and share what they do not.
struct peer_path_view {
	bool known;   // an address for it is known, and the rest of this was found by it
	bool shared;  // another path comes from the same address: `sender` is of both
	int subflows; // of the long connection, established at the exit
	struct wire_service_remote sender; // what it sends to us
};

struct peer_report {
	enum peer_report_kind kind;
	int path;       // PEER_PATH
	int error;      // PEER_PATH: 0 or -errno; PEER_SERVICE: why not, when it does not serve
	bool serves;    // PEER_SERVICE
	bool taken;     // PEER_PATH with an error: the handshake had come back before
	bool mptcp;     // at both ends
	int64_t rtt_us; // through the whole chain; < 0: no sample
	int64_t clock_offset_us; // the exit's wall clock less ours, at best to half a round trip
	struct addr seen_as;     // PEER_PATH: where the exit saw it come from
	const char *version;     // PEER_SEEN
	uint32_t protocol;       // PEER_SEEN: WIRE_SERVICE_VERSION of the exit
	int subflows;            // PEER_SEEN: of the long connection, established at the exit
	struct peer_path_view paths[PATHS_MAX]; // by slot
	unsigned bytes;                         // spent since the last report, IP headers estimated
};

// Called from the loop only, never from peer_set(). It may call peer_set(), not peer_free().
typedef void peer_report_fn(void *ctx, const struct peer_report *report);

struct peer *peer_new(struct ev_loop *loop, peer_report_fn *report, void *ctx);
void peer_free(struct peer *peer);
// Copies what it needs. Connections that still fit go on; n_paths 0 closes all.
void peer_set(struct peer *peer, const struct peer_target *target);

// ---- knock.c: whether an exit that is ours answers UDP. Main thread.

struct knock;

struct knock_target {
	union sockaddr_any exit;
	struct wire_key key;
	struct addr sources[PATHS_MAX]; // each has its rule in the kernel
	int n_sources;
};

// Called once, from the loop, within some seconds; it may free the knock. 0: it answered.
// -ECONNREFUSED: its machine says that nobody listens. -ETIMEDOUT: not a word.
typedef void knock_done_fn(void *ctx, int error);

// NULL: nothing could be sent. Free it whenever you like.
struct knock *knock_start(struct ev_loop *loop, const struct knock_target *target,
			  knock_done_fn *done, void *ctx);
void knock_free(struct knock *knock);

// ---- exam.c: one path tried on demand. Main thread.

struct exam;

struct exam_target {
	int ifindex;
	struct addr source;
	struct addr hop;   // the other end of the link; AF_UNSPEC: it is not known
	struct addr other; // of a path that is well, to begin a connection on which this one should
			   // join; AF_UNSPEC: do not try
	union sockaddr_any exit;
	struct wire_key key;
	bool fill; // have the exit send bytes to measure by: WIRE_SERVICE_FILL_MAX, or what comes
		   // in some seconds
};

// Called once, from the loop, after some seconds at most; it may free the exam.
typedef void exam_done_fn(void *ctx, const struct test_facts *facts);

// Every source has its rule in the kernel, or another path would be measured. Free it whenever you
// like.
struct exam *exam_start(struct ev_loop *loop, const struct exam_target *target, exam_done_fn *done,
			void *ctx);
void exam_free(struct exam *exam);

#endif
