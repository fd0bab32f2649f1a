// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef TEST_LOOP_H
#define TEST_LOOP_H

#include <ev.h>

static inline void give_up(struct ev_loop *loop, ev_timer *timer, int revents)
{
	(void)timer;
	(void)revents;
	ev_break(loop, EVBREAK_ALL);
}

// Runs the loop until somebody breaks it, or for so long.
static inline void run_loop(struct ev_loop *loop, double seconds)
{
	ev_timer timer;

	ev_timer_init(&timer, give_up, seconds, 0);
	ev_now_update(loop);
	ev_timer_start(loop, &timer);
	ev_run(loop, 0);
	ev_timer_stop(loop, &timer);
}

#endif
