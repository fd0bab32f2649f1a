// SPDX-License-Identifier: GPL-2.0-or-later
#include "unit.h"

#include <string.h>

#include "model/event.h"
#include "model/last_run.h"

static struct event_log events;
static struct event_page page;

static void fill(int n)
{
	events = (struct event_log){ 0 };
	for (int i = 1; i <= n; i++)
		event_log_add(&events, i, i % 10 ? LOG_LEVEL_NOTICE : LOG_LEVEL_WARNING,
			      i % 2 ? "tun1" : "gw", "TEST", "%d", i);
}

static void check(const struct event_filter *filter, uint64_t first, uint64_t last, int n)
{
	event_log_select(&events, filter, &page);
	assert_int_equal(page.n, n);
	assert_int_equal(page.last, events.last_seq);
	if (!n)
		return;
	assert_int_equal(page.events[0].seq, first);
	assert_int_equal(page.events[n - 1].seq, last);
}

static void without_a_start_it_is_the_newest(void **state)
{
	(void)state;
	fill(350);
	check(&(struct event_filter){ 0 }, 251, 350, 100);
	assert_int_equal(page.next, 351);
	check(&(struct event_filter){ .limit = 5 }, 346, 350, 5);
	check(&(struct event_filter){ .limit = 5, .object = "tun1" }, 341, 349, 5);
	check(&(struct event_filter){ .limit = 5, .level = LOG_LEVEL_WARNING }, 310, 350, 5);
	check(&(struct event_filter){ .limit = 5, .level = LOG_LEVEL_WARNING, .object = "gw" }, 310,
	      350, 5);
	check(&(struct event_filter){ .object = "ppp0" }, 0, 0, 0);
}

static void with_a_start_it_goes_on_from_there(void **state)
{
	(void)state;
	fill(350);
	check(&(struct event_filter){ .from = 1 }, 1, 100, 100);
	assert_int_equal(page.next, 101);
	check(&(struct event_filter){ .from = 300 }, 300, 350, 51);
	assert_int_equal(page.next, 351);
	check(&(struct event_filter){ .from = 351 }, 0, 0, 0);
	assert_int_equal(page.next, 351);
	check(&(struct event_filter){ .from = 9000 }, 0, 0, 0);
	// what was skipped need not be looked at again
	check(&(struct event_filter){ .from = 1, .limit = 2, .level = LOG_LEVEL_WARNING }, 10, 20,
	      2);
	assert_int_equal(page.next, 21);
}

static void what_was_overwritten_is_skipped(void **state)
{
	(void)state;
	fill(EVENT_LOG_SIZE + 30);
	check(&(struct event_filter){ .from = 1 }, 31, 130, 100);
	check(&(struct event_filter){ .from = 31, .limit = 1 }, 31, 31, 1);
	check(&(struct event_filter){ .from = EVENT_LOG_SIZE + 30 }, EVENT_LOG_SIZE + 30,
	      EVENT_LOG_SIZE + 30, 1);
	fill(0);
	check(&(struct event_filter){ 0 }, 0, 0, 0);
	check(&(struct event_filter){ .from = 1 }, 0, 0, 0);
}

// What a run leaves comes back, and what is damaged does not.
static void the_last_words_come_back(void **state)
{
	struct last_run run, read;
	struct str text = { 0 };

	(void)state;
	fill(0);
	for (int i = 0; i < LAST_RUN_EVENTS + 3; i++)
		event_log_add(&events, 1000 + i, LOG_LEVEL_WARNING, "gw", "NOT BONDED",
			      "event %d: a, b; c", i);
	last_run_make(&run, 500, 2000, &events);
	assert_int_equal(run.n, LAST_RUN_EVENTS);
	last_run_write(&run, &text);
	assert_int_equal(last_run_read(str_text(&text), &read), 0);
	assert_int_equal(read.started_ms, 500);
	assert_int_equal(read.stopped_ms, 2000);
	assert_int_equal(read.n, LAST_RUN_EVENTS);
	assert_string_equal(read.events[0].text, "event 3: a, b; c");
	for (int i = 0; i < read.n; i++) {
		assert_int_equal(read.events[i].time_ms, run.events[i].time_ms);
		assert_int_equal(read.events[i].level, LOG_LEVEL_WARNING);
		assert_string_equal(read.events[i].object, "gw");
		assert_string_equal(read.events[i].verb, "NOT BONDED");
	}
	// cut off anywhere: either whole lines are left, or it is refused
	for (size_t len = text.len; len-- > 0;) {
		text.text[len] = '\0';
		if (last_run_read(text.text, &read) == 0)
			assert_int_equal(text.text[len - 1], '\n');
	}
	str_fini(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_start_it_is_the_newest),
		cmocka_unit_test(with_a_start_it_goes_on_from_there),
		cmocka_unit_test(what_was_overwritten_is_skipped),
		cmocka_unit_test(the_last_words_come_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
