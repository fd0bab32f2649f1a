// SPDX-License-Identifier: GPL-2.0-or-later
//
// Whether running connections really have a subflow on each path: the workers' counts for
// plan/join.c, and what it decides turned into a round.
#include "base/clock.h"
#include "role/gateway_priv.h"

// More in a second is data.
#define BUSY_BYTES 3000

static bool is_busy(struct gateway *g, size_t slot)
{
	const struct relay_path_counters *c = &g->counters.paths[slot];
	uint64_t bytes = c->rx_bytes + c->tx_bytes, before = g->paths[slot].join_bytes;

	g->paths[slot].join_bytes = bytes;
	return bytes - before > BUSY_BYTES;
}

// One at a time: while one is out the others carry its data.
static bool is_alone(const struct gateway *g, size_t slot)
{
	bool alone = true;

	for (size_t i = 0; i < g->n_paths; i++) {
		if (i == slot)
			continue;
		if (g->ids.out[i])
			return true;
		alone &= !g->paths[i].endpoint_id || !path_fsm_verified(&g->fsms[i]);
	}
	return alone;
}

static void look_at_path(struct gateway *g, size_t slot, int64_t largest_rtt_us, int64_t now_ms)
{
	struct gateway_path *path = &g->paths[slot];
	const struct path_fsm *fsm = &g->fsms[slot];
	const struct join_evidence evidence = {
		.endpoint = (uint8_t)path->endpoint_id,
		.wanted = path_fsm_verified(fsm) && g->uses.use[slot] != PATH_USE_NONE,
		.alone = is_alone(g, slot),
		.busy = is_busy(g, slot),
		.due = g->counters.paths[slot].due,
		.missing = g->counters.paths[slot].missing,
		.rtt_us = path_fsm_rtt_us(fsm),
	};
	struct join_news news;
	bool out;

	join_tick(&path->join, &evidence, largest_rtt_us, now_ms, &news);
	if (news.text[0])
		gateway_event(g, news.level, path->config->name, "JOIN", "%s", news.text);
	out = path->join.phase == JOIN_OUT;
	if (out == g->ids.out[slot])
		return;
	g->ids.out[slot] = out;
	gateway_round_soon(g);
}

void gateway_joins_tick(struct gateway *g)
{
	int64_t now_ms = clock_mono_ms(), largest_us = 0;

	for (size_t i = 0; i < g->n_paths; i++) {
		int64_t rtt_us = path_fsm_verified(&g->fsms[i]) ? path_fsm_rtt_us(&g->fsms[i]) : 0;

		if (rtt_us > largest_us)
			largest_us = rtt_us;
	}
	for (size_t i = 0; i < g->n_paths; i++)
		look_at_path(g, i, largest_us, now_ms);
}
