// SPDX-License-Identifier: GPL-2.0-or-later
//
// The log screen: what it follows, what stays where it is, what is found.
#include "unit.h"

#include "ui-test.h"

static struct event_log past;
static struct str out;

// As a gateway answers.
static void answer(struct ui *ui)
{
	static struct event_page page;
	struct ui_wish wish;

	while (ui_wish(ui, T0, &wish)) {
		event_log_select(&past, &wish.log, &page);
		ui_log(ui, &page);
	}
}

static const char *draw(struct ui *ui)
{
	answer(ui);
	return screen_text(ui, 80, 24, false, 1000, &out);
}

static bool shows(struct ui *ui, const char *text)
{
	return strstr(draw(ui), text);
}

// `n` more events, of which the last is in the snapshot.
static void more(struct ui *ui, int n)
{
	static struct snapshot s;

	for (int i = 0; i < n; i++) {
		int number = (int)past.last_seq + 1;

		event_log_add(&past, 1795349062000 + number * 1000,
			      number % 10 ? LOG_LEVEL_NOTICE : LOG_LEVEL_INFO,
			      number % 2 ? "tun1" : "ppp0", "TEST", "number %d.", number);
	}
	s = ui->live;
	s.n_events = 1;
	s.events[0] = *event_log_get(&past, 0);
	ui_snapshot(ui, &s, T0);
}

static struct ui *start(int n)
{
	struct ui *ui = ui_from_state("ok", &(struct ui_options){ 0 });

	past = (struct event_log){ 0 };
	more(ui, n);
	ui_key(ui, 'l', T0);
	return ui;
}

static void press(struct ui *ui, const char *keys)
{
	for (; *keys; keys++) {
		draw(ui);
		ui_key(ui, *keys, T0);
	}
}

// The number in the row of the screen; 0: there is none.
static int number_in_row(struct ui *ui, int row)
{
	const char *text = draw(ui), *number;

	while (row--)
		text = strchr(text, '\n') + 1;
	number = strstr(text, "number ");
	return number && number < strchr(text, '\n') ? atoi(number + strlen("number ")) : 0;
}

#define FIRST_ROW 1
#define LAST_ROW  21

static void it_follows(void **state)
{
	struct ui *ui = start(308);

	(void)state;
	assert_int_equal(number_in_row(ui, LAST_ROW), 308);
	assert_true(shows(ui, "278 of 308 lines, following"));
	more(ui, 5);
	assert_int_equal(number_in_row(ui, LAST_ROW), 313);
	ui_free(ui);
}

static void going_up_keeps_lines_where_they_are(void **state)
{
	struct ui *ui = start(308);
	int first;

	(void)state;
	press(ui, "k");
	first = number_in_row(ui, FIRST_ROW);
	assert_true(shows(ui, "PAUSED"));
	more(ui, 100);
	assert_int_equal(number_in_row(ui, FIRST_ROW), first);
	assert_int_equal(number_in_row(ui, LAST_ROW), 308);
	assert_true(shows(ui, "PAUSED  90 newer below, G follows again"));
	press(ui, "G");
	assert_int_equal(number_in_row(ui, LAST_ROW), 408);
	assert_true(shows(ui, "following"));
	press(ui, "g");
	assert_int_equal(number_in_row(ui, FIRST_ROW), 1);
	press(ui, "b ");
	assert_true(number_in_row(ui, FIRST_ROW) > 1);
	ui_free(ui);
}

// What is on the screen may be overwritten; then it is the oldest there is.
static void what_the_gateway_forgot_goes(void **state)
{
	struct ui *ui = start(100);

	(void)state;
	press(ui, "g");
	more(ui, EVENT_LOG_SIZE);
	assert_int_equal(number_in_row(ui, FIRST_ROW), 101);
	ui_free(ui);
}

static void levels_and_paths_are_chosen(void **state)
{
	struct ui *ui = start(300);

	(void)state;
	assert_int_equal(number_in_row(ui, LAST_ROW), 299);
	press(ui, "v");
	assert_true(shows(ui, "level: info+"));
	assert_int_equal(number_in_row(ui, LAST_ROW), 300);
	press(ui, "vv");
	assert_true(shows(ui, "No events at level error.  v shows more."));
	press(ui, "vvv=");
	assert_true(shows(ui, "path: ppp0")); // the selected one
	assert_int_equal(number_in_row(ui, LAST_ROW), 300);
	assert_int_equal(number_in_row(ui, LAST_ROW - 1), 298);
	press(ui, "=k=");
	assert_true(shows(ui, "path: tun1")); // that of the marked line
	ui_key(ui, UI_KEY_ESC, T0);
	assert_true(shows(ui, "path: all"));
	ui_key(ui, UI_KEY_ESC, T0);
	assert_int_equal(ui->screen, SCREEN_OVERVIEW);
	ui_free(ui);
}

static void searching_goes_from_the_newest(void **state)
{
	struct ui *ui = start(300);

	(void)state;
	press(ui, "/NUMBER 2\n");
	assert_true(shows(ui, ">") && ui->log.cursor == 299);
	press(ui, "n");
	assert_int_equal(ui->log.cursor, 298);
	press(ui, "N");
	assert_int_equal(ui->log.cursor, 299);
	press(ui, "/number 17.\n");
	assert_int_equal(ui->log.cursor, 17);
	assert_true(shows(ui, "number 17."));
	press(ui, "n");
	assert_true(shows(ui, "no older line has 'number 17.'"));
	press(ui, "/tun1\x1b");
	assert_string_equal(ui->log.search, "number 17.");
	ui_free(ui);
}

static void long_lines_can_be_read(void **state)
{
	struct ui *ui = start(20);

	(void)state;
	event_log_add(&past, 1795349062000, LOG_LEVEL_WARNING, "tun1", "DEGRADED", "%s",
		      "RTT 187 ms over 150 for 15 s, loss 4.1% over 2%; kept in use, the "
		      "scheduler lowers its share");
	more(ui, 0);
	assert_false(shows(ui, "share"));
	ui_key(ui, UI_KEY_RIGHT, T0);
	ui_key(ui, UI_KEY_RIGHT, T0);
	assert_true(shows(ui, "its share"));
	ui_key(ui, UI_KEY_LEFT, T0);
	ui_key(ui, UI_KEY_LEFT, T0);
	assert_false(shows(ui, "share"));
	press(ui, "\n");
	assert_true(shows(ui, "share"));
	ui_key(ui, UI_KEY_ESC, T0);
	assert_false(shows(ui, "share"));
	assert_int_equal(ui->screen, SCREEN_LOG);
	ui_free(ui);
}

static void another_gateway_counts_anew(void **state)
{
	struct ui *ui = start(300);
	static struct snapshot s;

	(void)state;
	draw(ui);
	past = (struct event_log){ 0 };
	s = ui->live;
	s.pid++;
	ui_snapshot(ui, &s, T0);
	more(ui, 3);
	assert_true(shows(ui, "3 of 3 lines"));
	ui_free(ui);
}

static void a_pause_holds_the_log_too(void **state)
{
	struct ui *ui = start(308);

	(void)state;
	press(ui, "p");
	more(ui, 11);
	assert_int_equal(number_in_row(ui, LAST_ROW), 308);
	press(ui, "p");
	assert_int_equal(number_in_row(ui, LAST_ROW), 319);
	ui_free(ui);
}

static int tear_down(void **state)
{
	(void)state;
	str_fini(&out);
	return 0;
}

// A path that came up in the first second, by a gateway that tells its age in whole ones.
static void the_record_begins_with_the_start(void **state)
{
	struct ui *ui = ui_from_state("ok", &(struct ui_options){ 0 });
	static struct snapshot s;

	(void)state;
	s = ui->live;
	s.uptime_s = 13;
	past = (struct event_log){ 0 };
	event_log_add(&past, s.time_ms - 13300, LOG_LEVEL_NOTICE, "ppp0", "UP", "the exit answers");
	s.n_events = 1;
	s.events[0] = *event_log_get(&past, 0);
	ui_snapshot(ui, &s, T0);
	ui_key(ui, UI_KEY_ENTER, T0);
	assert_true(shows(ui, "since the start, 13 s: up 13 s, came up 1 time)"));
	ui_free(ui);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_follows),
		cmocka_unit_test(going_up_keeps_lines_where_they_are),
		cmocka_unit_test(what_the_gateway_forgot_goes),
		cmocka_unit_test(levels_and_paths_are_chosen),
		cmocka_unit_test(searching_goes_from_the_newest),
		cmocka_unit_test(long_lines_can_be_read),
		cmocka_unit_test(another_gateway_counts_anew),
		cmocka_unit_test(a_pause_holds_the_log_too),
		cmocka_unit_test(the_record_begins_with_the_start),
	};

	return cmocka_run_group_tests(tests, NULL, tear_down);
}
