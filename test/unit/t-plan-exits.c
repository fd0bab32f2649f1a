// SPDX-License-Identifier: GPL-2.0-or-later
#include "unit.h"

#include <errno.h>
#include <string.h>

#include "plan/plan.h"

// ---- Two or three exits, two paths, a probe of each over each twice a second.

#define STEP_MS 500

struct world {
	struct exit_health health[3];
	struct exit_candidate exits[3];
	struct exit_paths paths;
	struct exit_choice choice;
	int answer[3][2]; // of each exit over each path
	size_t n;
	int64_t now_ms;
	unsigned changes;
};

static void world_init(struct world *w, size_t n)
{
	static const char *const names[] = { "singapore", "frankfurt", "lima" };

	*w = (struct world){ .n = n, .now_ms = 1000000 };
	for (size_t i = 0; i < n; i++)
		w->exits[i] = (struct exit_candidate){
			.name = names[i], .known = true, .priority = 100, .health = &w->health[i]
		};
	w->paths.usable[0] = w->paths.usable[1] = true;
}

static void answer_all(struct world *w, size_t exit, int error)
{
	w->answer[exit][0] = w->answer[exit][1] = error;
}

static void run(struct world *w, int ms)
{
	for (int64_t end_ms = w->now_ms + ms; w->now_ms < end_ms; w->now_ms += STEP_MS) {
		for (size_t e = 0; e < w->n; e++) {
			for (size_t p = 0; p < 2; p++) {
				if (w->paths.usable[p])
					exit_health_probe(&w->health[e], p, w->answer[e][p],
							  w->now_ms);
			}
		}
		w->changes += plan_choose_exit(&w->choice, w->exits, w->n, &w->paths, w->now_ms);
	}
}

static void moves_on_and_back(void **state)
{
	static const struct {
		int error;
		const char *why;
	} cases[] = {
		{ -ECONNREFUSED, "singapore refuses on all paths" },
		{ -ETIMEDOUT, "singapore is silent on all paths" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct world w;

		world_init(&w, 2);
		run(&w, 60000);
		assert_int_equal(w.changes, 0);
		answer_all(&w, 0, cases[i].error);
		run(&w, 2 * STEP_MS);
		assert_int_equal(w.choice.active, 1);
		assert_string_equal(w.choice.why, cases[i].why);
		run(&w, 60000);
		assert_int_equal(w.choice.active, 1);
		answer_all(&w, 0, 0);
		run(&w, EXIT_GOOD_MS - 5000);
		assert_int_equal(w.choice.active, 1);
		run(&w, 6000);
		assert_int_equal(w.choice.active, 0);
		assert_string_equal(w.choice.why, "");
		assert_int_equal(w.changes, 2);
	}
}

static void one_path_that_reaches_it_is_enough(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, 2);
	run(&w, 5000);
	w.answer[0][0] = -ETIMEDOUT;
	run(&w, 3600000);
	assert_int_equal(w.changes, 0);
	// and then that one goes
	w.paths.usable[1] = false;
	run(&w, 2000);
	assert_int_equal(w.choice.active, 1);
}

static void a_dead_line_is_not_a_dead_exit(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, 2);
	run(&w, 5000);
	answer_all(&w, 0, -ETIMEDOUT);
	answer_all(&w, 1, -ETIMEDOUT);
	run(&w, 60000);
	assert_int_equal(w.choice.active, 0);
	assert_true(w.choice.none);
	answer_all(&w, 0, 0);
	answer_all(&w, 1, 0);
	run(&w, 1000);
	assert_false(w.choice.none);
	assert_int_equal(w.choice.active, 0);
	// without any path nobody can know
	w.paths.usable[0] = w.paths.usable[1] = false;
	run(&w, 60000);
	assert_false(w.choice.none);
}

static void bytes_that_arrive_make_silence_doubtful(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, 2);
	run(&w, 5000);
	w.paths.progress = true;
	answer_all(&w, 0, -ETIMEDOUT);
	run(&w, 1000);
	assert_int_equal(w.choice.active, 0);
	answer_all(&w, 0, 0);
	run(&w, 1000);
	answer_all(&w, 0, -ECONNREFUSED);
	run(&w, 500);
	answer_all(&w, 0, 0);
	run(&w, 500);
	answer_all(&w, 0, -ECONNREFUSED); // that, nobody says by mistake
	run(&w, 1000);
	assert_int_equal(w.choice.active, 1);
	// and what goes direct makes bytes arrive too
	answer_all(&w, 0, -ETIMEDOUT);
	answer_all(&w, 1, -ETIMEDOUT);
	run(&w, 2000);
	assert_false(w.choice.none);
	run(&w, 3000);
	assert_true(w.choice.none);
	run(&w, 60000);
	assert_true(w.choice.none);
}

// Exits in reserve are asked rarely; an answer from before the trouble is no recommendation.
static void asks_the_others_first(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, 2);
	run(&w, 5000);
	w.now_ms += 10000;
	for (size_t p = 0; p < 2; p++)
		exit_health_probe(&w.health[0], p, -ETIMEDOUT, w.now_ms);
	assert_false(plan_choose_exit(&w.choice, w.exits, w.n, &w.paths, w.now_ms));
	exit_health_probe(&w.health[1], 0, 0, w.now_ms + 100);
	assert_true(plan_choose_exit(&w.choice, w.exits, w.n, &w.paths, w.now_ms + 100));
	assert_int_equal(w.choice.active, 1);
}

static void follows_the_priorities(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, 3);
	w.exits[2].priority = 50;
	run(&w, 5000);
	answer_all(&w, 0, -ECONNREFUSED);
	run(&w, 1000);
	assert_int_equal(w.choice.active, 2);
	answer_all(&w, 2, -ECONNREFUSED);
	run(&w, 1000);
	assert_int_equal(w.choice.active, 1);
	answer_all(&w, 2, 0);
	run(&w, 40000);
	assert_int_equal(w.choice.active, 2);
	answer_all(&w, 0, 0);
	run(&w, 70000);
	assert_int_equal(w.choice.active, 0);
}

static void an_exit_without_an_address_is_none(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, 2);
	w.exits[1].known = false;
	run(&w, 5000);
	answer_all(&w, 0, -ECONNREFUSED);
	answer_all(&w, 1, -ENETUNREACH);
	run(&w, 20000);
	assert_int_equal(w.choice.active, 0);
	assert_true(w.choice.none);
	w.exits[1].known = true;
	answer_all(&w, 1, 0);
	run(&w, 1000);
	assert_int_equal(w.choice.active, 1);
}

// It dies and returns every two minutes, for a day.
static void does_not_flap(void **state)
{
	struct world w;
	unsigned in_the_last_hour;

	(void)state;
	world_init(&w, 2);
	for (int i = 0; i < 24 * 15; i++) {
		if (i == 23 * 15)
			in_the_last_hour = w.changes;
		answer_all(&w, 0, 0);
		run(&w, 120000);
		answer_all(&w, 0, -ECONNREFUSED);
		run(&w, 120000);
	}
	assert_in_range(w.changes, 3, 9);
	assert_int_equal(w.changes, in_the_last_hour);
}

// Every probe of three is lost: that is a bad line, not a bad exit.
static void lossy_lines_change_nothing(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, 2);
	run(&w, 5000);
	for (int i = 0; i < 7200; i++) {
		w.answer[0][0] = i % 3 ? 0 : -ETIMEDOUT;
		w.answer[0][1] = i % 3 == 1 ? -ETIMEDOUT : 0;
		run(&w, STEP_MS);
	}
	assert_int_equal(w.changes, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(moves_on_and_back),
		cmocka_unit_test(one_path_that_reaches_it_is_enough),
		cmocka_unit_test(a_dead_line_is_not_a_dead_exit),
		cmocka_unit_test(bytes_that_arrive_make_silence_doubtful),
		cmocka_unit_test(asks_the_others_first),
		cmocka_unit_test(follows_the_priorities),
		cmocka_unit_test(an_exit_without_an_address_is_none),
		cmocka_unit_test(does_not_flap),
		cmocka_unit_test(lossy_lines_change_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
