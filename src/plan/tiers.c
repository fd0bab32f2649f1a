// SPDX-License-Identifier: GPL-2.0-or-later
// What each path is used for just now: what its tier says, less what demotion.c takes away.
//
// An overflow path is a backup until the primaries are full, and in full use then. A line is full
// when a queue stands before it: the last probe took well longer than the least RTT of the last
// minutes. All primaries have to be, but for the optional ones, which come and go; and they have to
// carry near the most that they ever did, so a line that merely got slower does not count. The
// overflow goes back when all paths together carry what the primaries alone would.

#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "plan/plan_priv.h"

#define QUEUE_MIN_US   25000
#define QUEUE_FRESH_MS 10000 // under load probes are few, and some get lost
#define CEILING_RATIO  0.7
#define CEILING_DECAY  0.9995 // a second; half in 23 minutes
#define FULL_MS        3000
#define SPARE_MS       30000

enum path_use plan_use_of_tier(enum path_tier tier)
{
	return tier == PATH_TIER_PRIMARY ? PATH_USE_FULL
	       : tier == PATH_TIER_NEVER ? PATH_USE_NONE
					 : PATH_USE_BACKUP;
}

// ---- overflow

static bool is_queueing(const struct use_evidence *e)
{
	int64_t queue_us = e->rtt_us - e->min_rtt_us;

	return e->rtt_us >= 0 && e->min_rtt_us >= 0 && queue_us > QUEUE_MIN_US &&
	       queue_us > e->min_rtt_us / 2;
}

// When the condition became true, or 0.
static int64_t since(bool true_now, int64_t since_ms, int64_t now_ms)
{
	return !true_now ? 0 : since_ms ? since_ms : now_ms;
}

static void overflow_tick(struct plan_uses *uses, const struct use_evidence evidence[], size_t n,
			  int64_t now_ms)
{
	struct overflow *o = &uses->overflow;
	double rate_bps = 0, total_bps = 0;
	bool any = false, all = true;

	for (size_t i = 0; i < n; i++) {
		const struct use_evidence *e = &evidence[i];

		total_bps += (double)e->rate_bps;
		if (is_queueing(e))
			o->queued_ms[i] = now_ms;
		if (!e->up || e->tier != PATH_TIER_PRIMARY || e->optional ||
		    uses->use[i] != PATH_USE_FULL)
			continue;
		any = true;
		all &= o->queued_ms[i] && now_ms - o->queued_ms[i] < QUEUE_FRESH_MS;
		rate_bps += (double)e->rate_bps;
	}
	o->rate_bps += (rate_bps - o->rate_bps) / 4;
	o->total_bps += (total_bps - o->total_bps) / 4;
	o->ceiling_bps *= CEILING_DECAY;
	if (o->rate_bps > o->ceiling_bps)
		o->ceiling_bps = o->rate_bps;
	o->full_ms = since(any && all && o->rate_bps > 0 &&
				   o->rate_bps >= CEILING_RATIO * o->ceiling_bps,
			   o->full_ms, now_ms);
	o->spare_ms = since(o->total_bps < CEILING_RATIO * o->ceiling_bps, o->spare_ms, now_ms);
	if (o->full_ms && now_ms - o->full_ms >= FULL_MS)
		o->engaged = true;
	if (o->spare_ms && now_ms - o->spare_ms >= SPARE_MS)
		o->engaged = false;
}

// ---- all of it

static enum path_use decide(struct plan_uses *uses, const struct use_evidence *e, size_t path,
			    char why[static NOTE_SIZE])
{
	const struct trial *t = &uses->trial;
	enum path_use use = plan_use_of_tier(e->tier);

	if (use == PATH_USE_NONE) {
		str_copy(why, NOTE_SIZE, "its tier is never");
		return use;
	}
	if (e->reserved) {
		str_copy(why, NOTE_SIZE, "backup on request");
		return PATH_USE_BACKUP;
	}
	if (e->capped) {
		str_copy(why, NOTE_SIZE, "its cap is used up: backup only");
		return PATH_USE_BACKUP;
	}
	if (e->tier == PATH_TIER_BACKUP) {
		str_copy(why, NOTE_SIZE, "backup: for when no other path is up");
		return use;
	}
	if (e->tier == PATH_TIER_OVERFLOW && !uses->overflow.engaged) {
		str_copy(why, NOTE_SIZE, "overflow: the primaries suffice");
		return use;
	}
	if (t->phase == TRIAL_DURING && t->path == path) {
		snprintf(why, NOTE_SIZE, "trial: is it faster %s it?",
			 t->with ? "with" : "without");
		return t->with ? PATH_USE_FULL : PATH_USE_BACKUP;
	}
	if (uses->demotions[path].demoted) {
		str_copy(why, NOTE_SIZE, uses->demotions[path].why);
		return PATH_USE_BACKUP;
	}
	if (e->tier == PATH_TIER_OVERFLOW)
		str_copy(why, NOTE_SIZE, "overflow: the primaries are full");
	else
		str_copy(why, NOTE_SIZE, uses->demotions[path].why);
	return PATH_USE_FULL;
}

void plan_uses_judge(struct plan_uses *uses, const struct use_evidence evidence[], size_t n,
		     int64_t now_ms)
{
	demote_by_rtt(uses, evidence, n, now_ms);
	for (size_t i = 0; i < n; i++)
		uses->use[i] = decide(uses, &evidence[i], i, uses->why[i]);
}

void plan_uses_tick(struct plan_uses *uses, const struct use_evidence evidence[], size_t n,
		    int64_t now_ms)
{
	overflow_tick(uses, evidence, n, now_ms);
	demotion_tick(uses, evidence, n, now_ms);
	plan_uses_judge(uses, evidence, n, now_ms);
}
