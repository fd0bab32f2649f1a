// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef PROBE_PROBE_H
#define PROBE_PROBE_H

#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

// Measures whether and how fast the exit answers over each path. Main thread.

struct ev_loop;
struct probe;

enum probe_kind {
	PROBE_TCP,          // connect to the exit's port: decides, and gives the RTT
	PROBE_EXIT_ECHO,    // ping the exit: sent only while PROBE_TCP gets no answer
	PROBE_GATEWAY_ECHO, // ping the first hop: the same
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
};

// Called from the loop only, never from probe_set(). It may call probe_set(), not probe_free().
typedef void probe_result_fn(void *ctx, const struct probe_result *result);

struct probe *probe_new(struct ev_loop *loop, probe_result_fn *result, void *ctx);
void probe_free(struct probe *probe);

// Replaces the list of targets. A target that only changed its interval or time-out keeps its
// measurement under way; a shorter interval takes effect at once. The first probe of a new target
// starts in the next turn of the loop.
void probe_set(struct probe *probe, const struct probe_target targets[], size_t n);

#endif
