// SPDX-License-Identifier: GPL-2.0-or-later
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "plan/plan.h"

// A path with connections, and a kernel that opens their subflows when an endpoint is added.
struct world {
	struct join join;
	struct join_evidence e;
	struct join_news news;
	unsigned connections, refused; // by the exit, of each new endpoint's subflows
	unsigned renewals;
	uint8_t next_id;
	int64_t now_ms;
};

static void world_init(struct world *w, unsigned connections)
{
	*w = (struct world){ .connections = connections,
			     .next_id = 100,
			     .now_ms = 1000000,
			     .e = { .wanted = true, .busy = true, .rtt_us = 50000 } };
}

// One second.
static void tick(struct world *w)
{
	bool out = w->join.phase == JOIN_OUT;

	if (w->e.wanted && !out && !w->e.endpoint) {
		w->e.endpoint = w->next_id++;
		w->e.due = w->connections;
		w->e.missing = w->refused;
	}
	join_tick(&w->join, &w->e, 200000, w->now_ms, &w->news);
	if (w->join.phase == JOIN_OUT && !out)
		w->renewals++;
	if (w->join.phase == JOIN_OUT || !w->e.wanted)
		w->e.endpoint = 0;
	w->now_ms += 1000;
}

// Until there is something to tell, or for so many seconds.
static const char *next_news(struct world *w, int seconds)
{
	for (; seconds > 0; seconds--) {
		tick(w);
		if (w->news.text[0])
			return w->news.text;
	}
	return "";
}

static void tells_that_they_are_back(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, 0);
	assert_string_equal(next_news(&w, 60), "");
	assert_int_equal(w.join.phase, JOIN_DONE);

	w.connections = 38;
	w.e.wanted = false;
	tick(&w);
	w.e.wanted = true;
	assert_string_equal(next_news(&w, 4), "38 subflows re-joined");
	assert_int_equal(w.news.level, LOG_LEVEL_NOTICE);
	assert_int_equal(w.join.joined, 38);
	assert_string_equal(next_news(&w, 600), "");
	assert_int_equal(w.renewals, 0);
}

static void tries_again_with_another_id(void **state)
{
	struct world w;
	int64_t start_ms;

	(void)state;
	world_init(&w, 10);
	w.refused = 10;
	start_ms = w.now_ms;
	assert_string_equal(next_news(&w, 10), "0 of 10 subflows joined, 10 did not");
	assert_int_equal(w.news.level, LOG_LEVEL_WARNING);
	assert_true(w.now_ms - start_ms <= 4000);
	w.refused = 0;
	assert_string_equal(next_news(&w, 8), "10 subflows re-joined");
	assert_int_equal(w.e.endpoint, 101);
	assert_int_equal(w.renewals, 1);
	assert_int_equal(w.join.failed, 10);
	assert_int_equal(w.join.joined, 10);
}

// An exit that takes no more subflows never will.
static void tries_less_and_less(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, 4);
	w.refused = 2;
	for (int s = 0; s < 6 * 3600; s++)
		tick(&w);
	assert_in_range(w.renewals, 10, 30);
	assert_int_equal(w.join.failed, 2 * w.renewals + 2);
	// a new beginning is tried at once
	w.renewals = 0;
	w.e.wanted = false;
	tick(&w);
	w.e.wanted = true;
	for (int s = 0; s < 10; s++)
		tick(&w);
	assert_int_equal(w.renewals, 1);
}

// One in ten does not justify to close the other nine's while they carry.
static void leaves_a_busy_path_alone(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, 10);
	w.refused = 1;
	assert_string_equal(next_news(&w, 10), "9 of 10 subflows joined, 1 did not");
	for (int s = 0; s < 3600; s++)
		tick(&w);
	assert_int_equal(w.renewals, 0);
	w.refused = 0;
	w.e.busy = false;
	assert_string_equal(next_news(&w, 10), "10 subflows re-joined");
	assert_int_equal(w.renewals, 1);
}

static void never_takes_the_last_one(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, 10);
	w.refused = 10;
	w.e.alone = true;
	for (int s = 0; s < 3600; s++)
		tick(&w);
	assert_int_equal(w.renewals, 0);
}

// The kernel does not open them again by itself.
static void mends_what_closed_by_itself(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, 5);
	assert_string_equal(next_news(&w, 10), "5 subflows joined");
	w.e.missing = 5;
	for (int s = 0; s < 5; s++)
		tick(&w);
	w.e.missing = 0;
	for (int s = 0; s < 60; s++)
		tick(&w);
	assert_int_equal(w.renewals, 0);
	w.e.missing = 5;
	assert_string_equal(next_news(&w, 20), "5 subflows re-joined");
	assert_int_equal(w.renewals, 1);
}

// The address that a connection began on is id 0 at the exit: it must hear of the removal first.
static void stays_out_for_a_round_trip(void **state)
{
	struct world w;
	int64_t out_ms;

	(void)state;
	world_init(&w, 5);
	w.refused = 5;
	while (w.join.phase != JOIN_OUT)
		tick(&w);
	out_ms = w.now_ms - 1000;
	join_tick(&w.join, &w.e, 200000, out_ms + 600, &w.news);
	assert_int_equal(w.join.phase, JOIN_OUT);
	join_tick(&w.join, &w.e, 200000, out_ms + 800, &w.news);
	assert_int_not_equal(w.join.phase, JOIN_OUT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_that_they_are_back),
		cmocka_unit_test(tries_again_with_another_id),
		cmocka_unit_test(tries_less_and_less),
		cmocka_unit_test(leaves_a_busy_path_alone),
		cmocka_unit_test(never_takes_the_last_one),
		cmocka_unit_test(mends_what_closed_by_itself),
		cmocka_unit_test(stays_out_for_a_round_trip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
