// SPDX-License-Identifier: GPL-2.0-or-later
// When a link is dialled, dialled anew, or hung up.
//
// A link that is not there is dialled when the path is wanted. One that is there and silent is
// dialled anew, as the home of 2014 did by a cron script, but only where that can help: not while
// the exit answers pings (then its port is the trouble), and not while the next router answers and
// no other path fares better (then it is the exit, or the Internet behind the router). Waits double
// from attempt to attempt, because providers lock out who asks too often, and are the longest at
// once when the login is refused. Only a path that was proved, and stayed so for a while, begins
// anew.
#include "plan/plan.h"

static void begin(struct redial *r, int64_t now_ms)
{
	r->wait_ms = !r->wait_ms                      ? REDIAL_MIN_MS
		     : r->wait_ms > REDIAL_MAX_MS / 2 ? REDIAL_MAX_MS
						      : r->wait_ms * 2;
	r->next_ms = now_ms + r->wait_ms;
	r->silent_ms = 0;
	r->attempts++;
}

static bool can_help(const struct redial_facts *facts)
{
	return facts->silent && !facts->exit_fault && (facts->others_up || !facts->gateway_answers);
}

enum redial_action plan_redial(struct redial *r, const struct redial_facts *facts, int64_t now_ms)
{
	if (!facts->wanted) {
		*r = (struct redial){ 0 };
		return facts->dialled || facts->busy ? REDIAL_HANG_UP : REDIAL_NOTHING;
	}
	if (!facts->up)
		r->steady_ms = 0;
	else if (!r->steady_ms)
		r->steady_ms = now_ms;
	else if (now_ms - r->steady_ms >= REDIAL_STEADY_MS)
		*r = (struct redial){ .steady_ms = r->steady_ms };
	if (facts->busy || !facts->ready || !can_help(facts))
		r->silent_ms = 0;
	else if (!r->silent_ms)
		r->silent_ms = now_ms;
	if (facts->busy || now_ms < r->next_ms)
		return REDIAL_NOTHING;
	if (!facts->ready && !facts->dialled) {
		begin(r, now_ms);
		return REDIAL_DIAL;
	}
	if (!r->silent_ms || now_ms - r->silent_ms < REDIAL_SILENT_MS)
		return REDIAL_NOTHING;
	begin(r, now_ms);
	return REDIAL_AGAIN;
}

void plan_redial_failed(struct redial *r, bool refused, int64_t now_ms)
{
	if (refused || !r->wait_ms)
		r->wait_ms = refused ? REDIAL_MAX_MS : REDIAL_MIN_MS;
	r->next_ms = now_ms + r->wait_ms;
}

void plan_redial_asked(struct redial *r, int64_t now_ms)
{
	*r = (struct redial){ 0 };
	begin(r, now_ms);
}
