// SPDX-License-Identifier: GPL-2.0-or-later
// Never worse than the best line.
//
// A connection over several paths is one stream in order: what a slow path still holds, all others
// wait for. A path that is much slower than the rest and adds little can so lower the total (20 and
// 1 Mbit/s, the latter with 400 ms and 3 % loss: 12 instead of 18.5). Such a path is demoted to
// backup, from two kinds of evidence:
//
//	before the first byte, its RTT: more than RTT_RATIO times that of the nearest path, and by
//	RTT_GAP_US. Until a trial has shown that it helps, it is not trusted.
//
//	under a steady load, a trial: the total before, with the path's use turned round, and after.
//	Only when the two outer figures agree does the one between say something; a download that
//	ended halfway must not. A demoted path is tried in full use; one in full use that looks
//	suspicious (slow and adding little, or lossy) is tried as backup.
//
// Trials cost throughput where they fail, so they get rarer: the wait doubles from a minute to an
// hour, and whatever a trial decides holds at least for the wait. That is all the hysteresis that
// is needed between trials; the RTT rule has its own.

#include <stdio.h>
#include <string.h>

#include "model/format.h"
#include "plan/plan_priv.h"

#define RTT_RATIO  5
#define RTT_WELL   4 // times, and for WELL_MS: no longer spoken against
#define RTT_GAP_US 100000
#define WELL_MS    30000

#define SUSPECT_RTT_RATIO  2.5
#define SUSPECT_SHARE      0.1
#define SUSPECT_LOSS_RATIO 0.08

#define STEADY_BPS   256000. // less is no load
#define STEADY_RATIO 0.5     // no second below this part of the mean
#define BEFORE_S     4       // the last seconds before a trial count
#define SETTLE_MS    2000
#define SETTLE_RTTS  8 // slow start to a long fat path
#define MEASURE_MS   3000
#define AGREE_RATIO  0.8  // of the outer figures, the smaller to the larger
#define HELPS_RATIO  1.03 // with, to without
#define HURTS_RATIO  1.05 // without, to with
#define WAIT_MIN_MS  60000
#define WAIT_MAX_MS  3600000

static bool takes_part(const struct use_evidence *e)
{
	return e->up && e->tier != PATH_TIER_NEVER;
}

// The nearest of the other paths, or NULL.
static const struct use_evidence *find_nearest(const struct use_evidence evidence[], size_t n,
					       size_t but)
{
	const struct use_evidence *best = NULL;

	for (size_t i = 0; i < n; i++) {
		const struct use_evidence *e = &evidence[i];

		if (i == but || !takes_part(e) || e->min_rtt_us < 0)
			continue;
		if (!best || e->min_rtt_us < best->min_rtt_us)
			best = e;
	}
	return best;
}

// ---- by RTT

static void explain_rtt(struct demotion *d, const struct use_evidence *e,
			const struct use_evidence *nearest)
{
	char rtt[FORMAT_SIZE], other[FORMAT_SIZE], loss[FORMAT_SIZE + 16] = "";

	if (e->loss_ratio >= 0.01) {
		char percent[FORMAT_SIZE];

		snprintf(loss, sizeof(loss), " and %s %% loss",
			 format_loss(e->loss_ratio, percent));
	}
	snprintf(d->why, sizeof(d->why), "demoted: %s ms%s would slow the rest (%s: %s ms)",
		 format_rtt(e->min_rtt_us, rtt), loss, nearest->name,
		 format_rtt(nearest->min_rtt_us, other));
}

static void judge_rtt(struct demotion *d, const struct use_evidence *e,
		      const struct use_evidence *nearest, int64_t now_ms)
{
	int64_t gap_us = nearest ? e->min_rtt_us - nearest->min_rtt_us : 0;
	bool far = gap_us > RTT_GAP_US && e->min_rtt_us > RTT_RATIO * nearest->min_rtt_us;
	bool near = gap_us <= RTT_GAP_US || e->min_rtt_us < RTT_WELL * nearest->min_rtt_us;

	if (far && !d->demoted && !d->proved) {
		d->demoted = d->by_rtt = true;
		explain_rtt(d, e, nearest);
	}
	if (!near || !d->by_rtt) {
		d->well_ms = 0;
	} else if (!d->well_ms) {
		d->well_ms = now_ms;
	} else if (now_ms - d->well_ms >= WELL_MS) {
		char rtt[FORMAT_SIZE];

		d->demoted = d->by_rtt = false;
		snprintf(d->why, sizeof(d->why), "in full use again: %s ms do no harm now",
			 format_rtt(e->min_rtt_us, rtt));
	}
}

void demote_by_rtt(struct plan_uses *uses, const struct use_evidence evidence[], size_t n,
		   int64_t now_ms)
{
	for (size_t i = 0; i < n; i++) {
		if (takes_part(&evidence[i]) && evidence[i].min_rtt_us >= 0)
			judge_rtt(&uses->demotions[i], &evidence[i], find_nearest(evidence, n, i),
				  now_ms);
	}
}

// ---- by trial

static double mean_of_last(const struct plan_uses *uses, unsigned seconds)
{
	double sum = 0;

	for (unsigned i = 1; i <= seconds; i++)
		sum += uses->rates[(uses->n_rates - i) % USES_RATES];
	return sum / seconds;
}

static bool is_steady(const struct plan_uses *uses)
{
	double mean;

	if (uses->n_rates < USES_RATES)
		return false;
	mean = mean_of_last(uses, USES_RATES);
	for (size_t i = 0; i < USES_RATES; i++) {
		if (uses->rates[i] < STEADY_RATIO * mean)
			return false;
	}
	return mean >= STEADY_BPS;
}

// Full use would change something: its tier is for that just now, and it is not the only path.
static bool may_be_tried(const struct plan_uses *uses, const struct use_evidence evidence[],
			 size_t n, size_t path)
{
	const struct use_evidence *e = &evidence[path];
	bool others = false;

	if (!e->up || e->reserved || e->min_rtt_us < 0 || e->tier == PATH_TIER_NEVER ||
	    e->tier == PATH_TIER_BACKUP ||
	    (e->tier == PATH_TIER_OVERFLOW && !uses->overflow.engaged))
		return false;
	for (size_t i = 0; i < n; i++)
		others |= i != path && evidence[i].up && uses->use[i] == PATH_USE_FULL;
	return others;
}

static bool is_suspect(const struct plan_uses *uses, const struct use_evidence evidence[], size_t n,
		       size_t path)
{
	const struct use_evidence *e = &evidence[path], *nearest = find_nearest(evidence, n, path);
	double share = uses->demotions[path].rate_bps / mean_of_last(uses, USES_RATES);

	if (e->loss_ratio >= SUSPECT_LOSS_RATIO)
		return true;
	return nearest && share < SUSPECT_SHARE &&
	       (double)e->min_rtt_us > SUSPECT_RTT_RATIO * (double)nearest->min_rtt_us;
}

static void begin_phase(struct trial *t, enum trial_phase phase, int64_t rtt_us, int64_t now_ms)
{
	int64_t settle_ms = SETTLE_RTTS * rtt_us / 1000;

	t->phase = phase;
	t->measure_ms = now_ms + (settle_ms > SETTLE_MS ? settle_ms : SETTLE_MS);
	t->end_ms = t->measure_ms + MEASURE_MS;
	t->sum_bps = 0;
	t->n = 0;
}

static void begin_trial(struct plan_uses *uses, const struct use_evidence evidence[], size_t n,
			int64_t now_ms)
{
	struct trial *t = &uses->trial;

	for (size_t i = 0; i < n; i++) {
		struct demotion *d = &uses->demotions[i];

		if (now_ms < d->next_trial_ms || !may_be_tried(uses, evidence, n, i) ||
		    !(d->demoted || is_suspect(uses, evidence, n, i)))
			continue;
		t->path = i;
		t->with = d->demoted;
		t->before_bps = mean_of_last(uses, BEFORE_S);
		begin_phase(t, TRIAL_DURING, evidence[i].min_rtt_us, now_ms);
		return;
	}
}

// Nothing was learned; it will be tried again.
static void abandon(struct plan_uses *uses, int64_t now_ms)
{
	uses->demotions[uses->trial.path].next_trial_ms = now_ms + WAIT_MIN_MS;
	uses->trial.phase = TRIAL_NONE;
}

static void explain_trial(struct demotion *d, double without_bps, double with_bps)
{
	snprintf(d->why, sizeof(d->why), "%s: %.1f Mb/s without it, %.1f with it",
		 d->demoted ? "demoted" : "in full use", without_bps / 1e6, with_bps / 1e6);
}

static void conclude(struct plan_uses *uses, double after_bps, int64_t now_ms)
{
	struct trial *t = &uses->trial;
	struct demotion *d = &uses->demotions[t->path];
	double outer_bps = (t->before_bps + after_bps) / 2;
	double with_bps = t->with ? t->during_bps : outer_bps;
	double without_bps = t->with ? outer_bps : t->during_bps;
	bool agree = after_bps >= AGREE_RATIO * t->before_bps &&
		     t->before_bps >= AGREE_RATIO * after_bps;

	if (!agree) {
		abandon(uses, now_ms);
		return;
	}
	t->phase = TRIAL_NONE;
	d->by_rtt = false;
	d->demoted = t->with ? with_bps < HELPS_RATIO * without_bps
			     : without_bps >= HURTS_RATIO * with_bps;
	d->proved = !d->demoted;
	explain_trial(d, without_bps, with_bps);
	d->wait_ms = d->wait_ms ? 2 * d->wait_ms : WAIT_MIN_MS;
	if (d->wait_ms > WAIT_MAX_MS)
		d->wait_ms = WAIT_MAX_MS;
	d->next_trial_ms = now_ms + d->wait_ms;
}

static void go_on(struct plan_uses *uses, const struct use_evidence evidence[], size_t n,
		  double total_bps, int64_t now_ms)
{
	struct trial *t = &uses->trial;
	int64_t rtt_us = evidence[t->path].min_rtt_us;

	if (!may_be_tried(uses, evidence, n, t->path)) {
		abandon(uses, now_ms);
		return;
	}
	if (now_ms > t->measure_ms) {
		t->sum_bps += total_bps;
		t->n++;
	}
	if (now_ms < t->end_ms || !t->n)
		return;
	if (t->phase == TRIAL_DURING) {
		t->during_bps = t->sum_bps / t->n;
		begin_phase(t, TRIAL_AFTER, rtt_us, now_ms);
	} else {
		conclude(uses, t->sum_bps / t->n, now_ms);
	}
}

// A path that came or went has changed the total by itself: what was measured before cannot be
// compared with what comes.
static void begin_anew_when_paths_change(struct plan_uses *uses,
					 const struct use_evidence evidence[], size_t n,
					 int64_t now_ms)
{
	uint32_t up = 0;

	for (size_t i = 0; i < n; i++)
		up |= (uint32_t)takes_part(&evidence[i]) << i;
	if (up == uses->up)
		return;
	uses->up = up;
	uses->n_rates = 0;
	if (uses->trial.phase != TRIAL_NONE)
		abandon(uses, now_ms);
}

void demotion_tick(struct plan_uses *uses, const struct use_evidence evidence[], size_t n,
		   int64_t now_ms)
{
	double total_bps = 0;

	begin_anew_when_paths_change(uses, evidence, n, now_ms);
	for (size_t i = 0; i < n; i++) {
		struct demotion *d = &uses->demotions[i];

		total_bps += (double)evidence[i].rate_bps;
		d->rate_bps += ((double)evidence[i].rate_bps - d->rate_bps) / 4;
	}
	uses->rates[uses->n_rates++ % USES_RATES] = total_bps;
	if (uses->trial.phase != TRIAL_NONE)
		go_on(uses, evidence, n, total_bps, now_ms);
	else if (is_steady(uses))
		begin_trial(uses, evidence, n, now_ms);
}
