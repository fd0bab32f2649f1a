// SPDX-License-Identifier: GPL-2.0-or-later
//
// What the console makes of news, and of their absence.
#include "unit.h"

#include "ui-test.h"

static bool shows(struct ui *ui, int after_ms, const char *text)
{
	struct str out = { 0 };
	bool found = strstr(screen_text(ui, 80, 24, false, after_ms, &out), text);

	str_fini(&out);
	return found;
}

static void old_numbers_are_unknown(void **state)
{
	struct ui *ui = ui_from_state("ok", &(struct ui_options){ 0 });
	int after_ms = UI_STALE_MS;

	(void)state;
	assert_false(shows(ui, after_ms, "STALE"));
	after_ms += 1000;
	assert_true(shows(ui, after_ms, "STALE 4 s"));
	assert_true(
		shows(ui, after_ms, "ppp0  ADSL UP             ?       ?     ?    ?     ?     ?"));
	assert_false(shows(ui, after_ms, "5.91"));
	ui_absent(ui, STATUS_NOT_RUNNING, "no gateway is running (it is gone)", "start it");
	assert_true(shows(ui, after_ms, "STALE 4 s"));
	after_ms += UI_ABSENT_MS;
	assert_true(shows(ui, after_ms, "NO GATEWAY RUNNING"));
	assert_true(shows(ui, after_ms, "No gateway is running (it is gone)"));
	ui_hello(ui, true);
	ui_snapshot(ui, &ui->live, T0 + after_ms);
	assert_true(shows(ui, after_ms, "5.91"));
	ui_free(ui);
}

static void who_may_not_ask_is_told_so(void **state)
{
	struct ui *ui = ui_new(&(struct ui_options){ 0 });
	struct canvas canvas = { 0 };
	struct str out = { 0 };

	(void)state;
	ui_absent(ui, STATUS_NOT_ALLOWED, "user pi may not talk to the gateway", "use sudo");
	canvas_reset(&canvas, 79, 24, false);
	ui_draw(ui, &canvas, T0, T0);
	canvas_dump(&canvas, &out);
	assert_non_null(strstr(str_text(&out), "NOT ALLOWED"));
	assert_non_null(strstr(str_text(&out), "User pi may not talk to the gateway"));
	assert_null(strstr(str_text(&out), "RUNNING"));
	str_fini(&out);
	canvas_fini(&canvas);
	ui_free(ui);
}

static int count_samples(const struct ui *ui)
{
	int n = 0;

	while (history_get(&ui->history, (unsigned)n))
		n++;
	return n;
}

// A change is told at once, between the snapshots of every second.
static void the_past_has_one_sample_a_second(void **state)
{
	struct ui *ui = ui_from_state("starting", &(struct ui_options){ 0 });
	struct snapshot s = ui->live;

	(void)state;
	s.rx_bps = s.tx_bps = 1000;
	for (int i = 0; i < 40; i++) {
		s.time_ms += 250;
		ui_snapshot(ui, &s, T0 + 250 * i);
	}
	assert_in_range(count_samples(ui), 10, 20);
	s.rx_bps = SNAPSHOT_UNKNOWN;
	s.time_ms += 1000;
	ui_snapshot(ui, &s, T0 + 11000);
	assert_in_range(count_samples(ui), 10, 20);
	ui_free(ui);
}

// What was seen of a gateway goes on in front of what the next one remembers.
static void the_past_survives_a_new_gateway(void **state)
{
	struct ui *ui = ui_from_state("ok", &(struct ui_options){ 0 });
	struct history young = { 0 };
	int64_t now_ms = ui->live.time_ms;
	int before = count_samples(ui);

	(void)state;
	for (int i = 0; i < 5; i++)
		history_add(&young, &(struct history_sample){ .time_ms = now_ms + 10000 + 1000 * i,
							      .rx_bps = 5 });
	ui_history(ui, &young, T0);
	assert_int_equal(count_samples(ui), before + 5 < HISTORY_SIZE ? before + 5 : HISTORY_SIZE);
	assert_int_equal(history_get(&ui->history, 0)->rx_bps, 5);
	assert_int_equal(history_get(&ui->history, 5)->time_ms, now_ms);
	// the same once more changes nothing
	ui_history(ui, &young, T0);
	assert_int_equal(history_get(&ui->history, 5)->time_ms, now_ms);
	ui_free(ui);
}

static void results_are_told(void **state)
{
	static const struct {
		enum command_verb verb;
		struct command_result result;
		const char *shown; // NULL: nothing
	} cases[] = {
		{ COMMAND_ENABLE,
		  { STATUS_DONE, "wwan0 is now DIALING", "", "" },
		  " wwan0 is now DIALING" },
		{ COMMAND_REDIAL,
		  { STATUS_REFUSED, "it is switched off", "press E", "" },
		  " redial wwan0 failed: it is switched off; press E" },
		{ COMMAND_ACK, { STATUS_DONE, "1 alarm acknowledged", "", "" }, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct ui *ui = ui_from_state("ok", &(struct ui_options){ 0 });

		ui_result(ui, cases[i].verb, "wwan0", &cases[i].result, T0);
		if (cases[i].shown)
			assert_true(shows(ui, 0, cases[i].shown));
		else
			assert_false(shows(ui, 0, cases[i].result.text));
		assert_false(shows(ui, UI_MESSAGE_MS, cases[i].result.text));
		ui_free(ui);
	}
}

static void the_summary_names_what_is_wrong(void **state)
{
	struct ui *ui = ui_from_state("degraded", &(struct ui_options){ 0 });
	struct str out = { 0 };

	(void)state;
	ui_summary(ui, T0, &out);
	assert_string_equal(str_text(&out),
			    "mpgate: console closed, gateway still running (pid 812): "
			    "3 of 4 paths up, ppp0 DOWN 21 s, tun1 DEGRADED 13 s.");
	str_clear(&out);
	ui_absent(ui, STATUS_NOT_RUNNING, "no gateway is running (gone)", "");
	ui_summary(ui, T0, &out);
	assert_string_equal(str_text(&out), "mpgate: console closed; no gateway is running (gone)");
	str_fini(&out);
	ui_free(ui);
}

static void add_event(struct snapshot *s, enum log_level level, const char *object,
		      const char *verb)
{
	struct event event = { .seq = s->events[0].seq + 1, .level = level };

	str_copy(event.object, sizeof(event.object), object);
	str_copy(event.verb, sizeof(event.verb), verb);
	memmove(&s->events[1], &s->events[0], sizeof(s->events) - sizeof(s->events[0]));
	s->events[0] = event;
	if (s->n_events < SNAPSHOT_EVENTS)
		s->n_events++;
}

static void the_bell_rings_for_deaths_only(void **state)
{
	static const struct {
		enum log_level level;
		const char *object, *verb;
		bool rings;
	} cases[] = {
		{ LOG_LEVEL_WARNING, "ppp0", "DOWN", true },
		{ LOG_LEVEL_WARNING, "ppp0", "FLAPPING", true },
		{ LOG_LEVEL_INFO, "ppp0", "DOWN", false }, // it was dead before
		{ LOG_LEVEL_WARNING, "ppp0", "DEGRADED", false },
		{ LOG_LEVEL_NOTICE, "ppp0", "UP", false },
		{ LOG_LEVEL_WARNING, "tun0", "DOWN", false }, // has none
		{ LOG_LEVEL_WARNING, "gw", "DOWN", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct ui *ui = ui_from_state("ok", &(struct ui_options){ 0 });
		struct snapshot was, now;

		ui->live.paths[facts_find_path(&ui->live, "ppp0")].bell = true;
		was = now = ui->live;
		assert_false(facts_has_died(&was, &now));
		add_event(&now, cases[i].level, cases[i].object, cases[i].verb);
		assert_int_equal(facts_has_died(&was, &now), cases[i].rings);
		was = now; // once
		assert_false(facts_has_died(&was, &now));
		// also when it is being dialled anew already
		was = ui->live;
		add_event(&now, LOG_LEVEL_NOTICE, "ppp0", "DIALING");
		assert_int_equal(facts_has_died(&was, &now), cases[i].rings);
		ui_free(ui);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_bell_rings_for_deaths_only),
		cmocka_unit_test(old_numbers_are_unknown),
		cmocka_unit_test(who_may_not_ask_is_told_so),
		cmocka_unit_test(the_past_has_one_sample_a_second),
		cmocka_unit_test(the_past_survives_a_new_gateway),
		cmocka_unit_test(results_are_told),
		cmocka_unit_test(the_summary_names_what_is_wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
