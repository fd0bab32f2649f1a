// SPDX-License-Identifier: GPL-2.0-or-later
#include "unit.h"

#include <string.h>

#include "plan/plan.h"

// A candidate that may begin, IPv4 only.
#define PATH(prio, opt, ms)                                                                        \
	{                                                                                          \
		.may_begin = true, .has = { [PLAN_V4] = true }, .priority = (prio),                \
		.optional = (opt), .rtt_us = (ms) < 0 ? -1 : (ms)*1000                             \
	}
#define RESERVE(prio, ms)                                                                          \
	{                                                                                          \
		.may_begin = true, .has = { [PLAN_V4] = true }, .priority = (prio),                \
		.reserve = true, .rtt_us = (ms)*1000                                               \
	}
#define DEAD                                                                                       \
	{                                                                                          \
		.may_begin = false, .has = { true, true }, .priority = 1, .rtt_us = 1              \
	}
#define V6                                                                                         \
	{                                                                                          \
		.may_begin = true, .has = { [PLAN_V6] = true }, .priority = 100, .rtt_us = 30000   \
	}
#define DUAL                                                                                       \
	{                                                                                          \
		.may_begin = true, .has = { true, true }, .priority = 100, .rtt_us = 50000         \
	}

static void ranks(void **state)
{
	static const struct {
		const char *what;
		struct plan_candidate paths[4];
		size_t n;
		sa_family_t family;
		int current;
		const char *order; // indices as digits
	} cases[] = {
		{ "nothing", { { 0 } }, 0, AF_INET, -1, "" },
		{ "nothing alive", { DEAD, DEAD }, 2, AF_INET, 0, "" },
		{ "by RTT",
		  { PATH(100, 0, 60), PATH(100, 0, 31), PATH(100, 0, 45) },
		  3,
		  AF_INET,
		  -1,
		  "120" },
		{ "priority before RTT",
		  { PATH(100, 0, 10), PATH(50, 0, 90) },
		  2,
		  AF_INET,
		  -1,
		  "10" },
		{ "priority before the current one",
		  { PATH(100, 0, 10), PATH(50, 0, 90) },
		  2,
		  AF_INET,
		  0,
		  "10" },
		{ "reserves behind all others",
		  { RESERVE(1, 10), PATH(100, 1, 90), RESERVE(100, 5) },
		  3,
		  AF_INET,
		  0,
		  "102" },
		{ "optional last", { PATH(100, 1, 10), PATH(100, 0, 90) }, 2, AF_INET, -1, "10" },
		{ "optional, but preferred",
		  { PATH(10, 1, 90), PATH(100, 0, 10) },
		  2,
		  AF_INET,
		  -1,
		  "01" },
		{ "not measured is last",
		  { PATH(100, 0, -1), PATH(100, 0, 90) },
		  2,
		  AF_INET,
		  -1,
		  "10" },
		{ "not measured, and first",
		  { PATH(100, 0, -1), PATH(100, 0, 90) },
		  2,
		  AF_INET,
		  0,
		  "10" },
		{ "equal ones in the configuration's order",
		  { PATH(1, 0, 9), PATH(1, 0, 9) },
		  2,
		  AF_INET,
		  -1,
		  "01" },
		{ "dead ones are left out", { DEAD, PATH(100, 0, 31) }, 2, AF_INET, 0, "1" },
		{ "the exit's family", { PATH(100, 0, 1), V6, DUAL }, 3, AF_INET6, -1, "12" },
		{ "the exit's family", { PATH(100, 0, 1), V6, DUAL }, 3, AF_INET, -1, "02" },
		{ "any family", { PATH(100, 0, 1), V6, DUAL }, 3, AF_UNSPEC, -1, "012" },
		{ "a little faster is not enough",
		  { PATH(100, 0, 31), PATH(100, 0, 28) },
		  2,
		  AF_INET,
		  0,
		  "01" },
		{ "the same without a current one",
		  { PATH(100, 0, 31), PATH(100, 0, 28) },
		  2,
		  AF_INET,
		  -1,
		  "10" },
		{ "clearly faster", { PATH(100, 0, 31), PATH(100, 0, 20) }, 2, AF_INET, 0, "10" },
		{ "six of two hundred are noise",
		  { PATH(100, 0, 200), PATH(100, 0, 194) },
		  2,
		  AF_INET,
		  0,
		  "01" },
		{ "the current one keeps its place before both",
		  { PATH(100, 0, 30), PATH(100, 0, 29), PATH(100, 0, 33) },
		  3,
		  AF_INET,
		  2,
		  "210" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char text[5] = "";
		int order[4];
		size_t n = plan_rank_paths(cases[i].paths, cases[i].n, cases[i].family,
					   cases[i].current, order);

		for (size_t j = 0; j < n; j++)
			text[j] = (char)('0' + order[j]);
		text[n] = '\0';
		if (strcmp(text, cases[i].order) != 0)
			fail_msg("%s: %s, not %s", cases[i].what, text, cases[i].order);
	}
}

// Two paths whose RTT wanders by a few milliseconds around the same value.
static void does_not_swing(void **state)
{
	int current = -1, changes = 0;

	(void)state;
	for (int t = 0; t < 1000; t++) {
		struct plan_candidate paths[] = { PATH(100, 0, 40 + t % 5),
						  PATH(100, 0, 40 + t % 4) };
		int order[2];

		assert_int_equal(plan_rank_paths(paths, 2, AF_INET, current, order), 2);
		changes += order[0] != current;
		current = order[0];
	}
	assert_int_equal(changes, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranks),
		cmocka_unit_test(does_not_swing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
