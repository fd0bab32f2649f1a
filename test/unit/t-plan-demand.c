// SPDX-License-Identifier: GPL-2.0-or-later
#include "unit.h"

#include <string.h>

#include "plan/plan.h"

// Second by second: in `need` 'u' the primaries are up, 'd' down, 'f' full, 'p' poor, 'h' one of
// two poor. In `says` a person enables 'E' for good, 'T' for five seconds, or disables 'D'; '$'
// from then on the cap is used up. `is` is what comes of it: '.' off, '#' on.
static void follows_the_need(void **state)
{
	static const struct {
		const char *what;
		enum config_demand demand;
		const char *need, *says, *is;
	} cases[] = {
		// clang-format off
		{ "a person alone", CONFIG_DEMAND_MANUAL,
		  "dddddduuffffff",
		  "        E   D ",
		  "........####.." },
		{ "comes after two seconds of need, goes after three without", CONFIG_DEMAND_WHEN_DOWN,
		  "uuduudddddudduuuuuu",
		  "                   ",
		  ".......#########..." },
		{ "full and poor is not down", CONFIG_DEMAND_WHEN_DOWN,
		  "ffffffpppppp",
		  "            ",
		  "............" },
		{ "slow is full, poor or down", CONFIG_DEMAND_WHEN_SLOW,
		  "hhhhhffffuuuupppuuudddd",
		  "                       ",
		  ".......#####...########" },
		{ "one need takes over from another", CONFIG_DEMAND_WHEN_SLOW,
		  "fdpfdpuuuu",
		  "          ",
		  "..#######." },
		{ "by hand it stays", CONFIG_DEMAND_WHEN_DOWN,
		  "uddddduuuuuuuuu",
		  "E            D ",
		  "#############.." },
		{ "by hand while it is needed, too", CONFIG_DEMAND_WHEN_DOWN,
		  "ddddduuuuuuuuu",
		  "    E         ",
		  "..############" },
		{ "switched off by hand, it waits for the next need", CONFIG_DEMAND_WHEN_DOWN,
		  "ddddddddduudddduuuuddd",
		  "     D                ",
		  "..###................#" },
		{ "its time is over", CONFIG_DEMAND_MANUAL,
		  "uuuuuuuuuu",
		  " T        ",
		  ".#####...." },
		{ "its time is over, but it is needed", CONFIG_DEMAND_WHEN_DOWN,
		  "uuuuudddduuuuu",
		  " T            ",
		  ".###########.." },
		{ "another word about its time", CONFIG_DEMAND_MANUAL,
		  "uuuuuuuuuuuuuuuu",
		  "T  T       E    ",
		  "########...#####" },
		{ "from a time to for good", CONFIG_DEMAND_MANUAL,
		  "uuuuuuuuuu",
		  "T  E      ",
		  "##########" },
		{ "never spends a spent cap", CONFIG_DEMAND_WHEN_DOWN,
		  "dddddddd",
		  "$       ",
		  "........" },
		{ "lets go when its cap is spent", CONFIG_DEMAND_WHEN_DOWN,
		  "dddddddd",
		  "    $   ",
		  "..##...." },
		// clang-format on
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct config_path path = { .name = "wwan0",
						  .optional = true,
						  .demand = cases[i].demand,
						  .demand_after_s = 2,
						  .demand_hold_s = 3 };
		struct demand_state now = { .allowed = true };
		struct demand demand = { 0 };
		char why[NOTE_SIZE];

		for (size_t second = 0; cases[i].need[second]; second++) {
			char what = cases[i].need[second], says = cases[i].says[second];
			const struct demand_need need = { .primaries = 2,
							  .up = what == 'd' ? 0 : 2,
							  .poor = what == 'p' ? 2 : what == 'h',
							  .full = what == 'f' };
			int64_t now_ms = 1000000 + (int64_t)second * 1000;

			if (says == 'E' || says == 'T') {
				now.wanted = true;
				plan_demand_enabled(&demand, says == 'T' ? 5 : 0, now_ms);
			} else if (says == 'D') {
				now.wanted = false;
				plan_demand_disabled(&demand);
			} else if (says == '$') {
				now.allowed = false;
			}
			switch (plan_demand(&demand, &path, &need, &now, now_ms, why)) {
			case DEMAND_BRING:
				assert_false(now.wanted);
				now.wanted = true;
				break;
			case DEMAND_RELEASE:
				assert_true(now.wanted);
				now.wanted = false;
				break;
			case DEMAND_KEEP:
				break;
			}
			if (now.wanted != (cases[i].is[second] == '#'))
				fail_msg("%s: second %zu", cases[i].what, second);
		}
	}
}

static void says_why(void **state)
{
	struct config_path path = { .optional = true,
				    .demand = CONFIG_DEMAND_WHEN_SLOW,
				    .demand_hold_s = 90 };
	struct demand_need need = { .primaries = 2, .up = 1, .full = true };
	struct demand_state now = { .allowed = true };
	struct demand demand = { 0 };
	char why[NOTE_SIZE];

	(void)state;
	assert_int_equal(plan_demand(&demand, &path, &need, &now, 1000, why), DEMAND_BRING);
	assert_string_equal(why, "demand: the primaries are full");
	now.wanted = true;
	need.full = false;
	assert_int_equal(plan_demand(&demand, &path, &need, &now, 2000, why), DEMAND_KEEP);
	assert_int_equal(plan_demand(&demand, &path, &need, &now, 92000, why), DEMAND_RELEASE);
	assert_string_equal(why, "demand: not needed for 90 s");
	plan_demand_enabled(&demand, 1800, 100000);
	assert_int_equal(plan_demand(&demand, &path, &need, &now, 1899999, why), DEMAND_KEEP);
	assert_int_equal(plan_demand(&demand, &path, &need, &now, 1900000, why), DEMAND_RELEASE);
	assert_string_equal(why, "the end of its 30 min");
	// a path that is not optional is nobody's to bring in, nor is one without primaries beside
	// it
	now.wanted = false;
	need.up = 0;
	path.optional = false;
	assert_int_equal(plan_demand(&demand, &path, &need, &now, 2000000, why), DEMAND_KEEP);
	path.optional = true;
	need.primaries = 0;
	assert_int_equal(plan_demand(&demand, &path, &need, &now, 3000000, why), DEMAND_KEEP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(follows_the_need),
		cmocka_unit_test(says_why),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
