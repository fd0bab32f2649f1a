// SPDX-License-Identifier: GPL-2.0-or-later
//
// What each path is used for: collects the evidence for plan/tiers.c and plan/demotion.c, and tells
// of what they decided. The round turns that into flags of endpoints.
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "role/gateway_priv.h"

static void collect(const struct gateway *g, int64_t now_ms, struct use_evidence out[])
{
	for (size_t i = 0; i < g->n_paths; i++) {
		const struct gateway_path *path = &g->paths[i];
		const struct path_fsm *fsm = &g->fsms[i];

		out[i] = (struct use_evidence){
			.name = path->config->name,
			.up = path_fsm_verified(fsm),
			.tier = path->config->tier,
			.optional = path->config->optional,
			.reserved = path->reserved,
			.capped = path->capped,
			.min_rtt_us = path_fsm_min_rtt_us(fsm, now_ms),
			.rtt_us = path->probe_rtt_us,
			.loss_ratio = gateway_loss_ratio(g, i, now_ms),
			.rate_bps = path->rate_bps,
		};
	}
}

// Returns whether the kernel has to be told.
static bool tell(struct gateway *g, const enum path_use was[], bool trial_was)
{
	const struct trial *trial = &g->uses.trial;
	bool changed = false;

	for (size_t i = 0; i < g->n_paths; i++) {
		const char *name = g->paths[i].config->name, *why = g->uses.why[i];
		bool tried = trial->phase != TRIAL_NONE && trial->path == i;

		if (g->uses.use[i] == was[i])
			continue;
		changed = true;
		// a path that is not up is not in use anyhow
		if (!path_fsm_verified(&g->fsms[i]))
			continue;
		gateway_event(g, trial_was || tried ? LOG_LEVEL_INFO : LOG_LEVEL_NOTICE, name,
			      "USE", "%s%s%s", path_use_word(g->uses.use[i]), why[0] ? ", " : "",
			      why);
	}
	return changed;
}

static bool is_on_trial(const struct gateway *g)
{
	return g->uses.trial.phase != TRIAL_NONE;
}

void gateway_uses_judge(struct gateway *g)
{
	struct use_evidence evidence[PATHS_MAX];
	enum path_use was[PATHS_MAX];
	int64_t now_ms = clock_mono_ms();

	memcpy(was, g->uses.use, sizeof(was));
	collect(g, now_ms, evidence);
	plan_uses_judge(&g->uses, evidence, g->n_paths, now_ms);
	tell(g, was, is_on_trial(g));
}

// The workers report once a second, not at the same moment as we ask: rates of single seconds jump,
// and only their means say something.
static void measure_rates(struct gateway *g, int64_t now_ms)
{
	int64_t span_ms = now_ms - g->uses_ms;

	for (size_t i = 0; i < g->n_paths; i++) {
		struct gateway_path *path = &g->paths[i];
		const struct relay_path_counters *c = &g->counters.paths[i];
		uint64_t moved = gateway_rx_bytes(c) + gateway_tx_bytes(c);

		path->rate_bps =
			g->uses_ms && span_ms > 0 && moved > path->moved_bytes
				? (int64_t)((moved - path->moved_bytes) * 8000 / (uint64_t)span_ms)
				: 0;
		path->moved_bytes = moved;
	}
	g->uses_ms = now_ms;
}

void gateway_uses_tick(struct gateway *g)
{
	struct use_evidence evidence[PATHS_MAX];
	enum path_use was[PATHS_MAX];
	int64_t now_ms = clock_mono_ms();
	bool trial_was = is_on_trial(g);

	measure_rates(g, now_ms);
	memcpy(was, g->uses.use, sizeof(was));
	collect(g, now_ms, evidence);
	plan_uses_tick(&g->uses, evidence, g->n_paths, now_ms);
	if (tell(g, was, trial_was))
		gateway_round_soon(g);
}

void gateway_uses_take_probe(struct gateway *g, const struct probe_result *result)
{
	if (result->kind == PROBE_TCP)
		g->paths[result->path].probe_rtt_us = result->rtt_us;
}
