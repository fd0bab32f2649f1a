// SPDX-License-Identifier: GPL-2.0-or-later
// Whether running connections really got their subflow.
//
// When a path is proved again its endpoint is added, and the kernel opens a subflow on every
// connection, once: one that fails (the SYN's answer lost, a router that forgot, a limit at the
// exit), or that closes by itself later, is not tried again (kernel-notes). Only removing the
// endpoint and adding it anew helps, and that closes the subflows of those that have one. So the
// workers count the connections that lack a subflow, and an endpoint is renewed
//
//	when one connection in LACKING_PART lacks it, or when the path is idle, so that it costs
//	nothing;
//
//	never when it is the only one: there would be nobody to tell the exit;
//
//	with growing waits, because an exit that does not take more subflows never will.
//
// Between removal and addition more than the largest round trip passes: the exit knows the address
// that a connection began on by id 0, whatever we name it.

#include <stdarg.h>
#include <stdio.h>

#include "plan/plan.h"

#define COUNTED_MS   2000 // until the workers' figures speak of a new endpoint
#define GRACE_MS     2000 // more, when only some lack it: a lost SYN is sent again after one second
#define GRACE_RTTS   4
#define LASTS_MS     8000 // of a subflow that closed by itself
#define LACKING_PART 5
#define OUT_MS       300
#define WAIT_MIN_MS  5000
#define WAIT_MAX_MS  1200000
#define WAIT_FACTOR  3

__attribute__((format(printf, 3, 4))) static void tell(struct join_news *news, enum log_level level,
						       const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	news->level = level;
	vsnprintf(news->text, sizeof(news->text), fmt, ap);
	va_end(ap);
}

static void enter(struct join *j, enum join_phase phase, int64_t now_ms)
{
	j->phase = phase;
	j->since_ms = now_ms;
}

static const char *verb(const struct join *j)
{
	return j->again ? "re-joined" : "joined";
}

static void succeed(struct join *j, const struct join_evidence *e, int64_t now_ms,
		    struct join_news *news)
{
	j->joined += e->due;
	j->wait_ms = 0;
	if (e->due)
		tell(news, LOG_LEVEL_NOTICE, "%u subflow%s %s", e->due, e->due == 1 ? "" : "s",
		     verb(j));
	enter(j, JOIN_DONE, now_ms);
}

static void fail(struct join *j, const struct join_evidence *e, int64_t now_ms,
		 struct join_news *news)
{
	j->joined += e->due - e->missing;
	j->failed += e->missing;
	j->next_ms = now_ms + j->wait_ms;
	tell(news, LOG_LEVEL_WARNING, "%u of %u subflows %s, %u did not", e->due - e->missing,
	     e->due, verb(j), e->missing);
	enter(j, JOIN_LACKING, now_ms);
}

static void wait(struct join *j, const struct join_evidence *e, int64_t now_ms,
		 struct join_news *news)
{
	int64_t rtts_ms = e->rtt_us > 0 ? GRACE_RTTS * e->rtt_us / 1000 : 0;
	int64_t grace_ms = COUNTED_MS + rtts_ms + (e->missing < e->due ? GRACE_MS : 0);

	if (now_ms - j->since_ms < COUNTED_MS)
		return;
	if (!e->missing)
		succeed(j, e, now_ms, news);
	else if (now_ms - j->since_ms >= grace_ms)
		fail(j, e, now_ms, news);
}

static void grow_wait(struct join *j)
{
	j->wait_ms = j->wait_ms ? j->wait_ms * WAIT_FACTOR : WAIT_MIN_MS;
	if (j->wait_ms > WAIT_MAX_MS)
		j->wait_ms = WAIT_MAX_MS;
}

static void renew_when_worth_it(struct join *j, const struct join_evidence *e,
				int64_t largest_rtt_us, int64_t now_ms)
{
	bool worth = e->missing * LACKING_PART >= e->due || !e->busy;

	if (!e->missing) {
		enter(j, JOIN_DONE, now_ms);
		return;
	}
	if (!worth || e->alone || now_ms < j->next_ms)
		return;
	grow_wait(j);
	j->out_until_ms = now_ms + OUT_MS + (largest_rtt_us > 0 ? 2 * largest_rtt_us / 1000 : 0);
	enter(j, JOIN_OUT, now_ms);
}

// Subflows close by themselves too.
static void watch(struct join *j, const struct join_evidence *e, int64_t now_ms)
{
	if (!e->missing)
		j->lacking_ms = 0;
	else if (!j->lacking_ms)
		j->lacking_ms = now_ms;
	else if (now_ms - j->lacking_ms >= LASTS_MS)
		enter(j, JOIN_LACKING, now_ms);
}

static void take_endpoint(struct join *j, uint8_t endpoint, int64_t now_ms)
{
	j->again = j->again || j->endpoint;
	j->endpoint = endpoint;
	j->lacking_ms = 0;
	enter(j, JOIN_WAIT, now_ms);
}

void join_tick(struct join *j, const struct join_evidence *e, int64_t largest_rtt_us,
	       int64_t now_ms, struct join_news *news)
{
	news->text[0] = '\0';
	if (!e->wanted) {
		// what comes after an outage is a new beginning
		j->wait_ms = 0;
		enter(j, JOIN_NONE, now_ms);
		return;
	}
	if (j->phase == JOIN_OUT) {
		if (!e->endpoint && now_ms >= j->out_until_ms)
			enter(j, JOIN_NONE, now_ms);
		return;
	}
	if (!e->endpoint) {
		enter(j, JOIN_NONE, now_ms);
		return;
	}
	if (e->endpoint != j->endpoint || j->phase == JOIN_NONE)
		take_endpoint(j, e->endpoint, now_ms);
	switch (j->phase) {
	case JOIN_WAIT:
		wait(j, e, now_ms, news);
		break;
	case JOIN_DONE:
		watch(j, e, now_ms);
		break;
	case JOIN_LACKING:
		renew_when_worth_it(j, e, largest_rtt_us, now_ms);
		break;
	case JOIN_NONE:
	case JOIN_OUT:
		break;
	}
}
