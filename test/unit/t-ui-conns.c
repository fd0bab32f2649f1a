// SPDX-License-Identifier: GPL-2.0-or-later
//
// What the screen of connections does with news and keys; how it looks is in t-ui-golden.c.
#include "unit.h"

#include "ui-test.h"

static int now_ms;

static void press(struct ui *ui, const char *keys)
{
	for (; *keys; keys++)
		ui_key(ui, *keys, T0 + (now_ms += 10));
}

static struct ui *open_screen(const char *state)
{
	struct ui *ui = ui_from_state(state, &(struct ui_options){ 0 });

	now_ms = 0;
	press(ui, "c");
	answer_wishes(ui);
	return ui;
}

static const char *draw(struct ui *ui, struct str *out)
{
	return screen_text(ui, 80, 24, false, now_ms, out);
}

// The destination in the marked row, or in row `row` of the table.
static const char *target_in(struct ui *ui, int row)
{
	static char target[32];
	struct str screen = { 0 };
	const char *line = draw(ui, &screen);

	if (row < 0) {
		line = strstr(line, "\n>");
		assert_non_null(line);
		line++;
	}
	for (; row >= 0; row--)
		line = strchr(line, '\n') + 1;
	if (strchr("> ", line[0]) && sscanf(line + 1, "%*s %*s %31s", target) != 1)
		target[0] = '\0';
	str_fini(&screen);
	return target;
}

static void the_mark_follows_its_connection(void **state)
{
	struct ui *ui = open_screen("conns");
	struct conns *conns = &test_conns;

	(void)state;
	press(ui, "jjj");
	assert_string_equal(target_in(ui, -1), "203.0.113.9:22");
	conns->list[3].rx_bps = 90000000;
	ui_conns(ui, conns);
	assert_string_equal(target_in(ui, 1), "203.0.113.9:22"); // it is the busiest now
	assert_string_equal(target_in(ui, -1), "203.0.113.9:22");
	conns->list[3] = conns->list[--conns->n];
	ui_conns(ui, conns);
	assert_string_equal(target_in(ui, -1), "93.184.216.34:443"); // what is in its place
	ui_free(ui);
}

static void rows_do_not_move_when_frozen(void **state)
{
	struct ui *ui = open_screen("conns");
	struct conns *conns = &test_conns;

	(void)state;
	press(ui, "f");
	conns->n = 5;
	for (int i = 0; i < 5; i++)
		conns->list[i].rx_bps = 1000000 * i;
	conns->list[5] = conns->list[0];
	conns->list[5].id++;
	conns->list[5].rx_bps = 99000000;
	str_copy(conns->list[5].target, sizeof(conns->list[5].target), "192.0.2.99:1");
	conns->n = 6;
	conns->list[1].closed = true;
	ui_conns(ui, conns);
	assert_string_equal(target_in(ui, 1), "93.184.216.34:443");
	assert_string_equal(target_in(ui, 2), "151.101.1.69:443");
	assert_string_equal(target_in(ui, 5), "198.51.100.77:8443");
	assert_string_equal(target_in(ui, 6), "192.0.2.99:1"); // a new one
	press(ui, "f");
	assert_string_equal(target_in(ui, 1), "192.0.2.99:1");
	assert_string_equal(target_in(ui, 2), "198.51.100.77:8443");
	ui_free(ui);
}

static void a_filter_stays_until_esc(void **state)
{
	struct ui *ui = open_screen("conns");
	struct str screen = { 0 };

	(void)state;
	press(ui, "/mode:tcp !22\n");
	assert_non_null(strstr(draw(ui, &screen), "> connections 1 of 42  /mode:tcp !22"));
	assert_string_equal(target_in(ui, -1), "203.0.113.80:80");
	press(ui, "/");
	for (int i = 0; i < 20; i++)
		press(ui, "\x7f");
	press(ui, "mode:udp\n"); // nonsense leaves it alone
	assert_non_null(strstr(draw(ui, &screen), "mode: is mptcp or tcp"));
	assert_non_null(strstr(str_text(&screen), "/mode:tcp !22"));
	press(ui, "\x1b");
	assert_non_null(strstr(draw(ui, &screen), "> connections 42 (40 MPTCP, 2 TCP)"));
	press(ui, "\x1b");
	assert_null(strstr(draw(ui, &screen), "> connections"));
	str_fini(&screen);
	ui_free(ui);
}

static void sorting_goes_from_column_to_column(void **state)
{
	static const char *const columns[] = { "TX v",          "AGE v",  "CLIENT v",
					       "DESTINATION v", "MODE v", "RX v" };
	struct ui *ui = open_screen("conns");
	struct str screen = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(columns); i++) {
		press(ui, ">");
		assert_non_null(strstr(draw(ui, &screen), columns[i]));
	}
	press(ui, "<<"); // MODE, DESTINATION
	assert_non_null(strstr(draw(ui, &screen), "DESTINATION v"));
	press(ui, ">g");
	assert_string_equal(target_in(ui, 1), "203.0.113.80:80");
	press(ui, "ig");
	assert_non_null(strstr(draw(ui, &screen), "MODE ^"));
	assert_string_not_equal(target_in(ui, 1), "203.0.113.80:80");
	str_fini(&screen);
	ui_free(ui);
}

// Once for each second's snapshot, and only while somebody looks.
static void it_asks_while_it_is_in_front(void **state)
{
	struct ui *ui = open_screen("conns");
	static struct snapshot snapshot;
	struct ui_wish wish;

	(void)state;
	snapshot = ui->live;
	assert_false(ui_wish(ui, T0, &wish));
	ui_snapshot(ui, &snapshot, T0 + 100); // because of an event
	assert_false(ui_wish(ui, T0, &wish));
	ui_snapshot(ui, &snapshot, T0 + 1000);
	assert_true(ui_wish(ui, T0, &wish));
	assert_int_equal(wish.kind, WISH_CONNS);
	assert_false(ui_wish(ui, T0, &wish)); // until it is answered
	ui_snapshot(ui, &snapshot, T0 + 2000);
	assert_false(ui_wish(ui, T0, &wish));
	ui_conns(ui, &test_conns);
	assert_true(ui_wish(ui, T0, &wish));
	ui_hello(ui, true); // a new connection, to which the question is not known
	ui_snapshot(ui, &snapshot, T0 + 3000);
	assert_true(ui_wish(ui, T0, &wish));
	ui_conns(ui, &test_conns);
	press(ui, "o");
	ui_snapshot(ui, &snapshot, T0 + 4000);
	while (ui_wish(ui, T0, &wish))
		assert_int_not_equal(wish.kind, WISH_CONNS);
	ui_free(ui);
}

static void nothing_changes_while_paused(void **state)
{
	struct ui *ui = open_screen("conns");
	struct ui_wish wish;

	(void)state;
	press(ui, "p");
	test_conns.list[3].rx_bps = 90000000;
	ui_conns(ui, &test_conns); // was under way
	assert_string_equal(target_in(ui, 1), "93.184.216.34:443");
	ui_snapshot(ui, &ui->live, T0 + 5000);
	assert_false(ui_wish(ui, T0, &wish));
	press(ui, "p");
	assert_true(ui_wish(ui, T0, &wish));
	ui_conns(ui, &test_conns);
	assert_string_equal(target_in(ui, 1), "203.0.113.9:22");
	ui_free(ui);
}

static void enter_tells_why(void **state)
{
	struct ui *ui = open_screen("conns");
	struct str screen = { 0 };

	(void)state;
	press(ui, "\n");
	assert_non_null(strstr(draw(ui, &screen), "it is MPTCP, over 4 subflows"));
	press(ui, "jjj\n");
	assert_non_null(strstr(draw(ui, &screen), "203.0.113.9:22 is not bonded, since 11:01:12"));
	press(ui, "\x1b");
	assert_null(strstr(draw(ui, &screen), "is not bonded"));
	assert_non_null(strstr(str_text(&screen), "> connections"));
	str_fini(&screen);
	ui_free(ui);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_mark_follows_its_connection),
		cmocka_unit_test(rows_do_not_move_when_frozen),
		cmocka_unit_test(a_filter_stays_until_esc),
		cmocka_unit_test(sorting_goes_from_column_to_column),
		cmocka_unit_test(it_asks_while_it_is_in_front),
		cmocka_unit_test(nothing_changes_while_paused),
		cmocka_unit_test(enter_tells_why),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
