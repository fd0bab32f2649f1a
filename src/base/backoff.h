// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BASE_BACKOFF_H
#define BASE_BACKOFF_H

// Waits that double from `min_ms` to `max_ms`. Pure: the caller owns the clock.
struct backoff {
	int min_ms, max_ms;
	int next_ms; // 0 = not started
};

// The wait before the next attempt; each call doubles the one after.
static inline int backoff_next_ms(struct backoff *b)
{
	int wait_ms = b->next_ms ? b->next_ms : b->min_ms;

	b->next_ms = wait_ms > b->max_ms / 2 ? b->max_ms : wait_ms * 2;
	return wait_ms;
}

static inline void backoff_reset(struct backoff *b)
{
	b->next_ms = 0;
}

#endif
