// SPDX-License-Identifier: GPL-2.0-or-later
// Whether an optional path is wanted, besides by a person's word: because its time is over, because
// it is needed, or because it is needed no longer.
//
// A need has to last before it brings a path in, which may mean dialling, and has to be over for a
// while before the path goes. A person's word goes first: what was enabled by hand stays until it
// is disabled or its time is over, and what was disabled by hand waits for the next need. What must
// not be spent is not brought in, and is let go.

#include <stdio.h>

#include "base/str.h"
#include "model/format.h"
#include "plan/plan.h"

static bool is_needed(const struct config_path *path, const struct demand_need *need)
{
	if (!path->optional || !need->primaries)
		return false;
	switch (path->demand) {
	case CONFIG_DEMAND_WHEN_SLOW:
		return !need->up || need->full || need->poor == need->up;
	case CONFIG_DEMAND_WHEN_DOWN:
		return !need->up;
	default:
		return false;
	}
}

static const char *name_need(const struct demand_need *need)
{
	return !need->up                ? "no primary is up"
	       : need->poor == need->up ? "the primaries are poor"
					: "the primaries are full";
}

static enum demand_wish bring(struct demand *d, const struct demand_need *need,
			      char why[static NOTE_SIZE])
{
	d->engaged = true;
	snprintf(why, NOTE_SIZE, "demand: %s", name_need(need));
	return DEMAND_BRING;
}

static enum demand_wish release(struct demand *d, const char *reason, char why[static NOTE_SIZE])
{
	d->engaged = false;
	d->until_ms = 0;
	str_copy(why, NOTE_SIZE, reason);
	return DEMAND_RELEASE;
}

// How long it has been needed, or not.
static void note_need(struct demand *d, const struct config_path *path, bool needed, int64_t now_ms)
{
	if (needed) {
		d->calm_ms = 0;
		if (!d->needed_ms)
			d->needed_ms = now_ms;
		return;
	}
	d->needed_ms = 0;
	if (!d->calm_ms)
		d->calm_ms = now_ms;
	if (now_ms - d->calm_ms >= path->demand_hold_s * 1000)
		d->declined = false;
}

static enum demand_wish end_time(struct demand *d, bool keep, char why[static NOTE_SIZE])
{
	char text[NOTE_SIZE], time[FORMAT_SIZE];

	d->until_ms = 0;
	d->engaged = keep;
	if (keep)
		return DEMAND_KEEP;
	snprintf(text, sizeof(text), "the end of its %s", format_exact_duration(d->for_s, time));
	return release(d, text, why);
}

static enum demand_wish end_need(struct demand *d, const struct config_path *path, bool allowed,
				 int64_t now_ms, char why[static NOTE_SIZE])
{
	char text[NOTE_SIZE], time[FORMAT_SIZE];

	if (!allowed)
		return release(d, "demand: its cap is used up", why);
	if (!d->calm_ms || now_ms - d->calm_ms < path->demand_hold_s * 1000)
		return DEMAND_KEEP;
	snprintf(text, sizeof(text), "demand: not needed for %s",
		 format_exact_duration(path->demand_hold_s, time));
	return release(d, text, why);
}

enum demand_wish plan_demand(struct demand *d, const struct config_path *path,
			     const struct demand_need *need, const struct demand_state *state,
			     int64_t now_ms, char why[static NOTE_SIZE])
{
	bool needed = is_needed(path, need);

	note_need(d, path, needed, now_ms);
	if (state->wanted && d->until_ms && now_ms >= d->until_ms)
		return end_time(d, needed && state->allowed, why);
	if (state->wanted)
		return d->engaged ? end_need(d, path, state->allowed, now_ms, why) : DEMAND_KEEP;
	d->engaged = false;
	d->until_ms = 0;
	if (needed && state->allowed && !d->declined &&
	    now_ms - d->needed_ms >= path->demand_after_s * 1000)
		return bring(d, need, why);
	return DEMAND_KEEP;
}

void plan_demand_enabled(struct demand *d, int64_t for_s, int64_t now_ms)
{
	d->engaged = d->declined = false;
	d->for_s = for_s;
	d->until_ms = for_s > 0 ? now_ms + for_s * 1000 : 0;
}

void plan_demand_disabled(struct demand *d)
{
	d->engaged = false;
	d->declined = true;
	d->until_ms = 0;
}
