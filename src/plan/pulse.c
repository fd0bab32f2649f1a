// SPDX-License-Identifier: GPL-2.0-or-later
// The pulse of a path: does what was moving a moment ago still move?
//
// A path that goes silent while its link stays up must be found out within a few tenths of a
// second, long before a probe's time-out could tell. Data helps: while our subflows carry some,
// packets come in all the time, and their absence is a question. The question is put as probes
// ("shots"), and the answer must be there after little more than the path's least round trip. That
// is safe on a saturated line too: if a queue delays the answer, then what is queued keeps arriving
// meanwhile. A packet of ours is a sign of life; while the line brings only other people's (or
// ours, of connections that have ended) the answer gets more time.
//
// Doubt may also come from outside (a handshake overtaken by another path's, retransmissions
// without an answer). Then nothing was moving, a queue may be full of other people's packets, and
// the answer gets as much time as it would take through that.
//
// A line that hiccups (radio does) is mourned too early sometimes. When it speaks again at once,
// patience with it grows, and shrinks again as time passes.

#include "plan/plan.h"

#include <string.h>

// Bytes in one look that count as flowing: more than keep-alives and answers to probes.
#define FLOW_BYTES 3000
// The same of everybody's bytes on the line: a queue is draining.
#define LINE_BYTES 2000
// Silence after the last packet of a flow that raises the question.
#define SILENCE_MS 80
// Data that moved this long before the last packet is what that packet belonged to.
#define FLOW_LASTS_MS 300

#define SHOTS_MAX           4
#define SHOT_GAP_MS         60
#define SHOT_GAP_METERED_MS 1000

// Until the answer has to be there, beyond one and a half least round trips.
#define WAIT_EXTRA_MS   60
#define WAIT_MAX_MS     1000
#define WAIT_UNKNOWN_MS 500
// The same for doubt from outside, beyond three smoothed round trips.
#define DOUBT_EXTRA_MS 300
#define DOUBT_MAX_MS   3000

#define HASTY_MS         1500 // mourned and back in this time: that was too early
#define PATIENCE_STEP_MS 200
#define PATIENCE_MAX_MS  1600
#define PATIENCE_HALF_MS 600000

static void clear(struct path_pulse *p)
{
	p->suspect_ms = p->shot_ms = 0;
	p->shots = 0;
}

static void suspect(struct path_pulse *p, bool was_flowing, int64_t now_ms)
{
	if (p->suspect_ms) {
		p->was_flowing |= was_flowing;
		return;
	}
	p->suspect_ms = now_ms;
	p->was_flowing = was_flowing;
}

static void hear(struct path_pulse *p, int64_t heard_ms)
{
	if (heard_ms > p->heard_ms)
		p->heard_ms = heard_ms;
	if (p->suspect_ms && heard_ms > p->suspect_ms)
		clear(p);
}

void path_pulse_reset(struct path_pulse *p)
{
	clear(p);
	p->flow_ms = 0;
}

static bool is_flow(const struct path_pulse *p)
{
	return p->flow_ms && p->heard_ms - p->flow_ms < FLOW_LASTS_MS;
}

void path_pulse_look(struct path_pulse *p, const struct path_traffic *t)
{
	uint64_t moved = t->rx_bytes + t->tx_bytes - p->bytes;

	p->bytes = t->rx_bytes + t->tx_bytes;
	if (t->line_rx_bytes >= p->line_bytes + LINE_BYTES)
		p->line_ms = t->time_ms;
	p->line_bytes = t->line_rx_bytes;
	if (t->stuck > p->stuck)
		suspect(p, false, t->time_ms);
	p->stuck = t->stuck;
	hear(p, t->heard_ms);
	if (moved >= FLOW_BYTES)
		p->flow_ms = t->heard_ms;
	if (is_flow(p) && t->time_ms - p->heard_ms >= SILENCE_MS)
		suspect(p, true, t->time_ms);
}

void path_pulse_doubt(struct path_pulse *p, int64_t now_ms)
{
	suspect(p, false, now_ms);
}

void path_pulse_silence(struct path_pulse *p, int64_t now_ms)
{
	suspect(p, true, now_ms);
}

void path_pulse_answer(struct path_pulse *p, int64_t now_ms)
{
	// silence that a probe has explained: what flowed has ended
	if (p->suspect_ms)
		p->flow_ms = 0;
	hear(p, now_ms);
	if (p->dead_ms && now_ms - p->dead_ms < HASTY_MS && p->patience_ms < PATIENCE_MAX_MS) {
		p->patience_ms += PATIENCE_STEP_MS;
		p->patience_since_ms = now_ms;
	}
	p->dead_ms = 0;
}

bool path_pulse_wants_shot(struct path_pulse *p, bool metered, int64_t now_ms)
{
	int64_t gap_ms = metered ? SHOT_GAP_METERED_MS : SHOT_GAP_MS;

	if (!p->suspect_ms || p->shots >= SHOTS_MAX ||
	    (p->last_shot_ms && now_ms - p->last_shot_ms < gap_ms))
		return false;
	if (!p->shots)
		p->shot_ms = now_ms;
	p->last_shot_ms = now_ms;
	p->shots++;
	return true;
}

static int64_t wait_ms(struct path_pulse *p, const struct path_rtt *rtt, int64_t now_ms)
{
	int64_t ms;

	while (p->patience_ms && now_ms - p->patience_since_ms >= PATIENCE_HALF_MS) {
		p->patience_ms = p->patience_ms > PATIENCE_STEP_MS ? p->patience_ms / 2 : 0;
		p->patience_since_ms += PATIENCE_HALF_MS;
	}
	if (!p->was_flowing) {
		ms = 3 * (rtt->smoothed_us + 4 * rtt->var_us) / 1000 + DOUBT_EXTRA_MS;
		return ms < DOUBT_MAX_MS ? ms : DOUBT_MAX_MS;
	}
	ms = rtt->least_us > 0 ? rtt->least_us * 3 / 2000 + WAIT_EXTRA_MS : WAIT_UNKNOWN_MS;
	return (ms < WAIT_MAX_MS ? ms : WAIT_MAX_MS) + p->patience_ms;
}

bool path_pulse_is_dead(struct path_pulse *p, const struct path_rtt *rtt, int64_t now_ms)
{
	if (!p->suspect_ms || p->shots < 2)
		return false;
	if (p->line_ms > p->shot_ms)
		p->was_flowing = false;
	if (now_ms - p->shot_ms < wait_ms(p, rtt, now_ms))
		return false;
	p->dead_ms = now_ms;
	p->silent_ms = now_ms - (p->heard_ms ? p->heard_ms : p->suspect_ms);
	clear(p);
	p->flow_ms = 0;
	return true;
}
