// SPDX-License-Identifier: GPL-2.0-or-later
#include "unit.h"

#include <stdio.h>

#include "plan/plan.h"

#define HOUR_MS 3600000
#define NOW_MS  (20 * 86400000LL)

static void tells_a_destination_once_an_hour(void **state)
{
	struct told_fallbacks told = { 0 };
	bool last;

	(void)state;
	assert_true(plan_tell_fallback(&told, "203.0.113.9:22", NOW_MS, &last));
	assert_false(plan_tell_fallback(&told, "203.0.113.9:22", NOW_MS, &last));
	assert_true(plan_tell_fallback(&told, "203.0.113.9:443", NOW_MS, &last));
	assert_false(plan_tell_fallback(&told, "203.0.113.9:22", NOW_MS + HOUR_MS - 1, &last));
	assert_true(plan_tell_fallback(&told, "203.0.113.9:22", NOW_MS + HOUR_MS, &last));
	assert_false(plan_tell_fallback(&told, "203.0.113.9:22", NOW_MS + HOUR_MS + 1, &last));
	assert_false(last);
}

static void tells_so_many_and_no_more(void **state)
{
	struct told_fallbacks told = { 0 };
	char target[32];
	int n = 0;

	(void)state;
	for (int i = 0; i < 10 * FALLBACKS_TOLD; i++) {
		bool last = false;

		snprintf(target, sizeof(target), "198.51.100.%d:443", i);
		n += plan_tell_fallback(&told, target, NOW_MS + i, &last);
		assert_int_equal(last, i == FALLBACKS_TOLD - 1);
	}
	assert_int_equal(n, FALLBACKS_TOLD);
	// those of the hour before make room
	for (int i = 0; i < FALLBACKS_TOLD; i++) {
		bool last = false;

		snprintf(target, sizeof(target), "192.0.2.%d:443", i);
		assert_true(plan_tell_fallback(&told, target, NOW_MS + HOUR_MS + FALLBACKS_TOLD + i,
					       &last));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_a_destination_once_an_hour),
		cmocka_unit_test(tells_so_many_and_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
