// SPDX-License-Identifier: GPL-2.0-or-later
// Which path begins a connection. What is idle or interactive stays on the subflow that began it
// (kernel notes, scheduler), so the nearest path is the best one; the others join by themselves.

#include "plan/plan.h"

// Another path must be faster by this much, and by an eighth, to take over first place.
#define HYSTERESIS_US 5000

static bool fits(const struct plan_candidate *c, sa_family_t family)
{
	if (!c->may_begin)
		return false;
	if (family == AF_UNSPEC)
		return c->has[PLAN_V4] || c->has[PLAN_V6];
	return c->has[family == AF_INET6 ? PLAN_V6 : PLAN_V4];
}

// Below zero when `a` costs less than `b`, in the administrator's eyes.
static int compare_policy(const struct plan_candidate *a, const struct plan_candidate *b)
{
	if (a->reserve != b->reserve)
		return (int)a->reserve - (int)b->reserve;
	if (a->priority != b->priority)
		return a->priority < b->priority ? -1 : 1;
	return (int)a->optional - (int)b->optional;
}

static bool is_before(const struct plan_candidate *a, const struct plan_candidate *b)
{
	int policy = compare_policy(a, b);

	if (policy)
		return policy < 0;
	if (a->rtt_us < 0 || b->rtt_us < 0)
		return a->rtt_us >= 0 && b->rtt_us < 0;
	return a->rtt_us < b->rtt_us;
}

// Whether `best`, which is before `current`, is so by enough.
static bool takes_over(const struct plan_candidate *best, const struct plan_candidate *current)
{
	if (compare_policy(best, current) != 0)
		return true;
	if (current->rtt_us < 0)
		return best->rtt_us >= 0;
	return best->rtt_us + HYSTERESIS_US < current->rtt_us &&
	       best->rtt_us + best->rtt_us / 8 < current->rtt_us;
}

static void move_to_front(int order[], size_t at)
{
	int index = order[at];

	for (; at > 0; at--)
		order[at] = order[at - 1];
	order[0] = index;
}

size_t plan_rank_paths(const struct plan_candidate candidates[], size_t n, sa_family_t family,
		       int current, int order[])
{
	size_t count = 0;

	for (size_t i = 0; i < n; i++) {
		size_t at = count;

		if (!fits(&candidates[i], family))
			continue;
		for (; at > 0 && is_before(&candidates[i], &candidates[order[at - 1]]); at--)
			order[at] = order[at - 1];
		order[at] = (int)i;
		count++;
	}
	for (size_t at = 1; at < count; at++) {
		if (order[at] == current &&
		    !takes_over(&candidates[order[0]], &candidates[current]))
			move_to_front(order, at);
	}
	return count;
}
