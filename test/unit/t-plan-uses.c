// SPDX-License-Identifier: GPL-2.0-or-later
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "plan/plan.h"

// ---- Lines that carry what a connection over them would.

#define SECOND_MS 1000

struct world {
	struct plan_uses uses;
	struct use_evidence paths[4];
	size_t n;
	int64_t now_ms;
	unsigned changes; // of use, ever
	unsigned trials;  // begun, ever
};

static void world_init(struct world *w, size_t n)
{
	static const char *const names[] = { "a", "b", "c", "d" };

	*w = (struct world){ .n = n, .now_ms = 1000000 };
	for (size_t i = 0; i < n; i++)
		w->paths[i] = (struct use_evidence){
			.name = names[i], .up = true, .min_rtt_us = 30000, .rtt_us = 30000
		};
}

static bool is_full(const struct world *w, size_t i)
{
	return w->uses.use[i] == PATH_USE_FULL;
}

// Gives each path its rate, given which are in full use.
typedef void load_fn(struct world *w);

static void tick(struct world *w, load_fn *load)
{
	enum path_use was[PATHS_MAX];
	bool trial_was = w->uses.trial.phase == TRIAL_DURING;

	memcpy(was, w->uses.use, sizeof(was));
	load(w);
	plan_uses_tick(&w->uses, w->paths, w->n, w->now_ms);
	w->trials += !trial_was && w->uses.trial.phase == TRIAL_DURING;
	for (size_t i = 0; i < w->n; i++)
		w->changes += w->uses.use[i] != was[i];
	w->now_ms += SECOND_MS;
}

static void run(struct world *w, load_fn *load, int seconds)
{
	for (int s = 0; s < seconds; s++)
		tick(w, load);
}

static void idle(struct world *w)
{
	for (size_t i = 0; i < w->n; i++)
		w->paths[i].rate_bps = 0;
}

// ---- Demotion

// Path 1 adds 1 Mbit/s and costs 5.
static void harsh(struct world *w)
{
	w->paths[0].rate_bps = is_full(w, 1) ? 13000000 : 18500000;
	w->paths[1].rate_bps = is_full(w, 1) ? 400000 : 0;
}

static void make_harsh(struct world *w)
{
	world_init(w, 2);
	w->paths[1].min_rtt_us = 400000;
	w->paths[1].loss_ratio = 0.03;
}

static void demotes_before_the_first_byte(void **state)
{
	struct world w;

	(void)state;
	make_harsh(&w);
	plan_uses_judge(&w.uses, w.paths, w.n, w.now_ms);
	assert_int_equal(w.uses.use[0], PATH_USE_FULL);
	assert_int_equal(w.uses.use[1], PATH_USE_BACKUP);
	assert_string_equal(w.uses.why[1],
			    "demoted: 400 ms and 3.0 % loss would slow the rest (a: 30 ms)");
}

static void leaves_ordinary_households_alone(void **state)
{
	static const struct {
		const char *what;
		int rtt_ms[4];
	} cases[] = {
		{ "mixed", { 10, 30, 0, 0 } },
		{ "home", { 40, 50, 60, 90 } },
		{ "far, but all of them", { 400, 500, 0, 0 } },
		{ "five times of next to nothing", { 2, 60, 0, 0 } },
	};

	(void)state;
	for (size_t c = 0; c < ARRAY_LEN(cases); c++) {
		struct world w;

		world_init(&w, 4);
		for (size_t i = 0; i < 4; i++) {
			w.paths[i].up = cases[c].rtt_ms[i] > 0;
			w.paths[i].min_rtt_us = cases[c].rtt_ms[i] * 1000;
		}
		run(&w, idle, 3600);
		for (size_t i = 0; i < 4; i++) {
			if (!is_full(&w, i))
				fail_msg("%s: %zu is %s", cases[c].what, i, w.uses.why[i]);
		}
	}
}

// Six hours of downloads. Each trial costs eight seconds of the slower rate.
static void tries_less_and_less(void **state)
{
	struct world w;
	unsigned full_s = 0;

	(void)state;
	make_harsh(&w);
	for (int s = 0; s < 6 * 3600; s++) {
		tick(&w, harsh);
		full_s += is_full(&w, 1);
	}
	assert_in_range(w.trials, 5, 12);
	assert_true(full_s < 120);
	assert_false(is_full(&w, 1));
	assert_string_equal(w.uses.why[1], "demoted: 18.5 Mb/s without it, 13.4 with it");
}

static void downloads_of_eight_seconds(struct world *w)
{
	harsh(w);
	if (w->now_ms / SECOND_MS % 10 >= 8)
		idle(w);
}

static void makes_no_trial_without_a_steady_load(void **state)
{
	struct world w;

	(void)state;
	make_harsh(&w);
	run(&w, idle, 3600);
	run(&w, downloads_of_eight_seconds, 3600);
	assert_int_equal(w.trials, 0);
	assert_false(is_full(&w, 1));
}

// A satellite beside a thin line: far, and most of the bandwidth.
static void satellite(struct world *w)
{
	w->paths[0].rate_bps = 2000000;
	w->paths[1].rate_bps = is_full(w, 1) ? 40000000 : 0;
}

static void a_trial_takes_it_back(void **state)
{
	struct world w;

	(void)state;
	make_harsh(&w);
	w.paths[1].min_rtt_us = 600000;
	w.paths[1].loss_ratio = 0;
	run(&w, satellite, 40);
	assert_true(is_full(&w, 1));
	assert_string_equal(w.uses.why[1], "in full use: 2.0 Mb/s without it, 42.0 with it");
	run(&w, satellite, 6 * 3600);
	assert_true(is_full(&w, 1));
	assert_in_range(w.changes, 1, 4);
}

// The load ends in the middle of every trial: that says nothing about the path.
static void stops_when_tried(struct world *w)
{
	harsh(w);
	if (w->uses.trial.phase != TRIAL_NONE)
		idle(w);
}

static void a_download_that_ends_decides_nothing(void **state)
{
	struct world w;

	(void)state;
	make_harsh(&w);
	run(&w, stops_when_tried, 600);
	assert_in_range(w.trials, 3, 10);
	assert_string_equal(w.uses.why[1],
			    "demoted: 400 ms and 3.0 % loss would slow the rest (a: 30 ms)");
}

// 60 ms beside 30 are no reason; but every tenth packet is lost.
static void is_demoted_by_a_trial(void **state)
{
	struct world w;

	(void)state;
	make_harsh(&w);
	w.paths[1].min_rtt_us = 60000;
	w.paths[1].loss_ratio = 0.1;
	run(&w, idle, 60);
	assert_true(is_full(&w, 1));
	run(&w, harsh, 60);
	assert_false(is_full(&w, 1));
	assert_string_equal(w.uses.why[1], "demoted: 18.5 Mb/s without it, 13.4 with it");
	run(&w, harsh, 6 * 3600);
	assert_false(is_full(&w, 1));
}

// A path that comes back changes the total by itself: the seconds before say nothing.
static void begins_no_trial_when_a_path_has_just_come(void **state)
{
	struct world w;

	(void)state;
	make_harsh(&w);
	w.paths[1].min_rtt_us = 60000;
	w.paths[1].loss_ratio = 0.1;
	w.paths[1].up = false;
	run(&w, harsh, 60);
	w.paths[1].up = true;
	run(&w, harsh, USES_RATES - 1);
	assert_int_equal(w.trials, 0);
	run(&w, harsh, 2);
	assert_int_equal(w.trials, 1);
	// nor does one go on when another path goes
	w.paths[0].up = false;
	run(&w, harsh, 1);
	assert_int_equal(w.uses.trial.phase, TRIAL_NONE);
}

static void comes_back_when_its_rtt_does(void **state)
{
	struct world w;

	(void)state;
	make_harsh(&w);
	run(&w, idle, 10);
	w.paths[1].min_rtt_us = 80000;
	run(&w, idle, 29);
	assert_false(is_full(&w, 1));
	run(&w, idle, 3);
	assert_true(is_full(&w, 1));
}

// The near path dies and returns every three seconds: the far one stays what it is.
static void does_not_flap_with_the_nearest(void **state)
{
	struct world w;

	(void)state;
	make_harsh(&w);
	w.n = 3;
	w.paths[2] = w.paths[1];
	w.paths[2].name = "c";
	run(&w, idle, 1);
	w.changes = 0;
	for (int i = 0; i < 1200; i++) {
		w.paths[0].up = i % 2 == 0;
		run(&w, idle, 3);
	}
	assert_int_equal(w.changes, 0);
}

// ---- Tiers

static void each_tier_means_what_it_says(void **state)
{
	static const struct {
		enum path_tier tier;
		bool reserved;
		enum path_use use;
	} cases[] = {
		{ PATH_TIER_PRIMARY, false, PATH_USE_FULL },
		{ PATH_TIER_PRIMARY, true, PATH_USE_BACKUP },
		{ PATH_TIER_OVERFLOW, false, PATH_USE_BACKUP },
		{ PATH_TIER_BACKUP, false, PATH_USE_BACKUP },
		{ PATH_TIER_NEVER, false, PATH_USE_NONE },
		{ PATH_TIER_NEVER, true, PATH_USE_NONE },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct world w;

		world_init(&w, 2);
		w.paths[1].tier = cases[i].tier;
		w.paths[1].reserved = cases[i].reserved;
		run(&w, idle, 10);
		assert_int_equal(w.uses.use[1], cases[i].use);
		assert_int_equal(w.uses.use[0], PATH_USE_FULL);
	}
}

static int64_t demand_bps; // of the LAN

// Path 0 takes 8 Mbit/s and queues when asked for more, path 1 what is left.
static void demand(struct world *w)
{
	bool full = demand_bps >= 8000000;

	w->paths[0].rate_bps = full ? 8000000 : demand_bps;
	// a probe comes every three seconds
	if (w->now_ms / SECOND_MS % 3 == 0)
		w->paths[0].rtt_us = full ? 300000 : 31000;
	w->paths[1].rate_bps = is_full(w, 1) ? demand_bps - w->paths[0].rate_bps : 0;
}

static void make_overflow(struct world *w)
{
	world_init(w, 2);
	w->paths[1].tier = PATH_TIER_OVERFLOW;
	w->paths[1].min_rtt_us = w->paths[1].rtt_us = 60000;
}

static void overflow_follows_the_load(void **state)
{
	struct world w;

	(void)state;
	make_overflow(&w);
	demand_bps = 3000000;
	run(&w, demand, 600);
	assert_false(is_full(&w, 1));
	demand_bps = 12000000;
	run(&w, demand, 15);
	assert_true(is_full(&w, 1));
	run(&w, demand, 3600);
	assert_true(is_full(&w, 1));
	assert_int_equal(w.changes, 2); // with the first decision
	demand_bps = 7000000;           // the primary could, but only just
	run(&w, demand, 600);
	assert_true(is_full(&w, 1));
	demand_bps = 3000000;
	run(&w, demand, 25);
	assert_true(is_full(&w, 1));
	run(&w, demand, 20);
	assert_false(is_full(&w, 1));
}

// An hour of a load that swings across the limit.
static void overflow_does_not_flap(void **state)
{
	struct world w;

	(void)state;
	make_overflow(&w);
	for (int i = 0; i < 360; i++) {
		demand_bps = i % 2 ? 12000000 : 4000000;
		run(&w, demand, 10);
	}
	assert_in_range(w.changes, 1, 2);
}

// The line got slower, nobody asks for more.
static void a_slow_line_is_not_a_full_one(void **state)
{
	struct world w;

	(void)state;
	make_overflow(&w);
	demand_bps = 12000000;
	run(&w, demand, 60);
	demand_bps = 1000000;
	run(&w, demand, 60);
	assert_false(is_full(&w, 1));
	for (int s = 0; s < 600; s++) {
		demand(&w);
		w.paths[0].rtt_us = 300000;
		plan_uses_tick(&w.uses, w.paths, w.n, w.now_ms);
		w.now_ms += SECOND_MS;
		assert_false(is_full(&w, 1));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(demotes_before_the_first_byte),
		cmocka_unit_test(leaves_ordinary_households_alone),
		cmocka_unit_test(tries_less_and_less),
		cmocka_unit_test(makes_no_trial_without_a_steady_load),
		cmocka_unit_test(a_trial_takes_it_back),
		cmocka_unit_test(a_download_that_ends_decides_nothing),
		cmocka_unit_test(is_demoted_by_a_trial),
		cmocka_unit_test(begins_no_trial_when_a_path_has_just_come),
		cmocka_unit_test(comes_back_when_its_rtt_does),
		cmocka_unit_test(does_not_flap_with_the_nearest),
		cmocka_unit_test(each_tier_means_what_it_says),
		cmocka_unit_test(overflow_follows_the_load),
		cmocka_unit_test(overflow_does_not_flap),
		cmocka_unit_test(a_slow_line_is_not_a_full_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
