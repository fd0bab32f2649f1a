// SPDX-License-Identifier: GPL-2.0-or-later
//
// When a link is dialled, over simulated hours: one look a second, as the gateway does.
#include "unit.h"

#include <string.h>

#include "plan/plan.h"

// A line and its provider.
struct line {
	struct redial redial;
	struct redial_facts facts;
	int64_t now_ms;
	int64_t attempts[2000]; // when
	int n;
};

static void init(struct line *line)
{
	*line = (struct line){ .now_ms = 1000000, .facts = { .wanted = true, .others_up = true } };
}

// Looks once a second, for `seconds` or until something is to be done.
static enum redial_action wait_for_action(struct line *line, int64_t seconds)
{
	for (; seconds > 0; seconds--, line->now_ms += 1000) {
		enum redial_action action = plan_redial(&line->redial, &line->facts, line->now_ms);

		if (action != REDIAL_NOTHING) {
			line->attempts[line->n++] = line->now_ms;
			return action;
		}
	}
	return REDIAL_NOTHING;
}

static int64_t gap_s(const struct line *line)
{
	return (line->attempts[line->n - 1] - line->attempts[line->n - 2]) / 1000;
}

static void dials_at_once_and_then_slower(void **state)
{
	static const int gaps_s[] = { 5, 10, 20, 40, 80, 160, 300, 300, 300 };
	struct line line;

	(void)state;
	init(&line);
	assert_int_equal(wait_for_action(&line, 1), REDIAL_DIAL);
	for (size_t i = 0; i < sizeof(gaps_s) / sizeof(gaps_s[0]); i++) {
		plan_redial_failed(&line.redial, false, line.now_ms);
		assert_int_equal(wait_for_action(&line, 3600), REDIAL_DIAL);
		assert_int_equal(gap_s(&line), gaps_s[i]);
	}
}

static void counts_the_wait_from_the_failure(void **state)
{
	struct line line;

	(void)state;
	init(&line);
	wait_for_action(&line, 1);
	line.facts.busy = true;
	assert_int_equal(wait_for_action(&line, 60), REDIAL_NOTHING);
	line.facts.busy = false;
	plan_redial_failed(&line.redial, false, line.now_ms);
	assert_int_equal(wait_for_action(&line, 3600), REDIAL_DIAL);
	assert_int_equal(gap_s(&line), 65);
}

static void is_slow_at_once_when_refused(void **state)
{
	struct line line;

	(void)state;
	init(&line);
	wait_for_action(&line, 1);
	for (int i = 0; i < 3; i++) {
		plan_redial_failed(&line.redial, true, line.now_ms);
		assert_int_equal(wait_for_action(&line, 3600), REDIAL_DIAL);
		assert_int_equal(gap_s(&line), 300);
	}
}

// A day without a line: an attempt every five minutes, no more.
static void keeps_trying_all_day(void **state)
{
	struct line line;
	int64_t end_ms;

	(void)state;
	init(&line);
	end_ms = line.now_ms + 86400000;
	while (line.now_ms < end_ms && wait_for_action(&line, 86400) == REDIAL_DIAL)
		plan_redial_failed(&line.redial, false, line.now_ms);
	assert_in_range(line.n, 24 * 12, 24 * 12 + 8);
}

static void begins_anew_after_success(void **state)
{
	struct line line;

	(void)state;
	init(&line);
	for (int i = 0; i < 6; i++) {
		wait_for_action(&line, 3600);
		plan_redial_failed(&line.redial, false, line.now_ms);
	}
	wait_for_action(&line, 3600);
	line.facts.ready = line.facts.up = line.facts.dialled = true;
	assert_int_equal(wait_for_action(&line, 12), REDIAL_NOTHING);
	line.facts.ready = line.facts.up = line.facts.dialled = false;
	assert_int_equal(wait_for_action(&line, 1), REDIAL_DIAL); // it was well: at once
	plan_redial_failed(&line.redial, false, line.now_ms);
	wait_for_action(&line, 3600);
	assert_int_equal(gap_s(&line), 5);
}

// Up for a moment each time: no success.
static void slows_down_for_a_line_that_dies_at_once(void **state)
{
	struct line line;

	(void)state;
	init(&line);
	for (int i = 0; i < 8; i++) {
		assert_int_equal(wait_for_action(&line, 3600), REDIAL_DIAL);
		line.facts.ready = line.facts.up = line.facts.dialled = true;
		wait_for_action(&line, 3);
		line.facts.ready = line.facts.up = line.facts.dialled = false;
	}
	assert_int_equal(gap_s(&line), 300);
}

// The link is there; nothing comes over it.
static void make_silent(struct line *line)
{
	init(line);
	line->facts.ready = line->facts.dialled = line->facts.silent = true;
}

static void dials_a_silent_link_anew(void **state)
{
	struct line line;
	int64_t begin_ms;

	(void)state;
	make_silent(&line);
	begin_ms = line.now_ms;
	assert_int_equal(wait_for_action(&line, 3600), REDIAL_AGAIN);
	assert_int_equal(line.now_ms - begin_ms, REDIAL_SILENT_MS);
	// and again, if it comes back as silent as before: always slower
	for (int i = 0; i < 7; i++) {
		line.facts.busy = true;
		wait_for_action(&line, 3);
		line.facts.busy = false;
		assert_int_equal(wait_for_action(&line, 3600), REDIAL_AGAIN);
	}
	assert_int_equal(gap_s(&line), 300);
}

static void leaves_a_link_whose_fault_it_is_not(void **state)
{
	struct line line;

	(void)state;
	make_silent(&line);
	line.facts.exit_fault = true;
	assert_int_equal(wait_for_action(&line, 3600), REDIAL_NOTHING);
	make_silent(&line);
	line.facts.others_up = false;
	line.facts.gateway_answers = true;
	assert_int_equal(wait_for_action(&line, 3600), REDIAL_NOTHING);
	// the only line of the house
	line.facts.gateway_answers = false;
	assert_int_equal(wait_for_action(&line, 3600), REDIAL_AGAIN);
	// the router answers, but others fare better
	make_silent(&line);
	line.facts.gateway_answers = true;
	assert_int_equal(wait_for_action(&line, 3600), REDIAL_AGAIN);
	// proving itself
	make_silent(&line);
	line.facts.silent = false;
	assert_int_equal(wait_for_action(&line, 3600), REDIAL_NOTHING);
}

static void hangs_up_what_is_not_wanted(void **state)
{
	struct line line;

	(void)state;
	init(&line);
	wait_for_action(&line, 1);
	plan_redial_failed(&line.redial, true, line.now_ms);
	line.facts.wanted = false;
	assert_int_equal(wait_for_action(&line, 10), REDIAL_NOTHING);
	line.facts.dialled = true;
	assert_int_equal(wait_for_action(&line, 10), REDIAL_HANG_UP);
	// wanted again: at once
	line.facts.dialled = false;
	line.facts.wanted = true;
	assert_int_equal(wait_for_action(&line, 1), REDIAL_DIAL);
}

static void does_not_wait_when_asked(void **state)
{
	struct line line;

	(void)state;
	init(&line);
	wait_for_action(&line, 1);
	plan_redial_failed(&line.redial, true, line.now_ms);
	line.now_ms += 1000;
	plan_redial_asked(&line.redial, line.now_ms);
	plan_redial_failed(&line.redial, false, line.now_ms);
	line.attempts[line.n++] = line.now_ms;
	assert_int_equal(wait_for_action(&line, 3600), REDIAL_DIAL);
	assert_int_equal(gap_s(&line), 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dials_at_once_and_then_slower),
		cmocka_unit_test(counts_the_wait_from_the_failure),
		cmocka_unit_test(is_slow_at_once_when_refused),
		cmocka_unit_test(keeps_trying_all_day),
		cmocka_unit_test(begins_anew_after_success),
		cmocka_unit_test(slows_down_for_a_line_that_dies_at_once),
		cmocka_unit_test(dials_a_silent_link_anew),
		cmocka_unit_test(leaves_a_link_whose_fault_it_is_not),
		cmocka_unit_test(hangs_up_what_is_not_wanted),
		cmocka_unit_test(does_not_wait_when_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
