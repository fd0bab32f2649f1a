// SPDX-License-Identifier: GPL-2.0-or-later
//
// What keys do: moving, asking, and above all what does not change the gateway.
#include "unit.h"

#include "ui-test.h"

static int64_t now_ms;

static struct ui *start(const char *state, const struct ui_options *options)
{
	struct ui *ui = ui_from_state(state, options);
	struct str out = { 0 };

	now_ms = T0;
	screen_text(ui, 80, 24, false, 0, &out);
	str_fini(&out);
	return ui;
}

// Half a second after the key before it.
static struct ui_need press(struct ui *ui, int key)
{
	return ui_key(ui, key, now_ms += 500);
}

static struct ui_need press_all(struct ui *ui, const char *keys)
{
	struct ui_need need = { 0 };

	while (*keys)
		need = press(ui, *keys++);
	return need;
}

static bool shows(struct ui *ui, const char *text)
{
	struct str out = { 0 };
	bool found;

	screen_text(ui, 80, 24, false, (int)(now_ms - T0), &out);
	found = strstr(str_text(&out), text);
	str_fini(&out);
	return found;
}

static struct path_snapshot *path_of(struct ui *ui, const char *name)
{
	return &ui->live.paths[facts_find_path(&ui->live, name)];
}

static void y_sends_what_was_asked(void **state)
{
	static const struct {
		const char *keys;
		enum command_verb verb;
		const char *path;
	} cases[] = {
		{ "3y", COMMAND_ENABLE, "wwan0" },   { "Ry", COMMAND_REDIAL, "ppp0" },
		{ "jDy", COMMAND_DISABLE, "tun0" },  { "GEy", COMMAND_ENABLE, "wwan0" },
		{ "jBy", COMMAND_BACKUP, "tun0" },   { "j\nDy", COMMAND_DISABLE, "tun0" },
		{ "jj3y", COMMAND_ENABLE, "wwan0" }, { "GgRy", COMMAND_REDIAL, "ppp0" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct ui *ui = start("ok", &(struct ui_options){ 0 });
		struct ui_need need = press_all(ui, cases[i].keys);

		assert_true(need.send);
		assert_int_equal(need.command.verb, cases[i].verb);
		assert_string_equal(need.command.object, cases[i].path);
		assert_false(ui->dialog.open);
		ui_free(ui);
	}
}

static void the_hotkey_takes_an_enabled_path_out(void **state)
{
	struct ui *ui = start("ok", &(struct ui_options){ 0 });
	struct ui_need need;

	(void)state;
	path_of(ui, "wwan0")->state = PATH_STATE_UP;
	need = press_all(ui, "3y");
	assert_true(need.send);
	assert_int_equal(need.command.verb, COMMAND_DISABLE);
	ui_free(ui);
}

static void everything_but_y_means_no(void **state)
{
	static const int triggers[] = { 'E', 'D', 'R', 'B', '3' };

	(void)state;
	if (is_emulated()) // it would take a minute
		skip();
	for (size_t i = 0; i < ARRAY_LEN(triggers); i++) {
		for (int key = 1; key <= UI_KEY_OTHER; key++) {
			struct ui *ui = start("ok", &(struct ui_options){ 0 });

			press(ui, triggers[i]);
			assert_true(ui->dialog.open);
			assert_int_equal(press(ui, key).send,
					 key == 'y' || (triggers[i] == '3' && key == 't'));
			if (key == 'n' || key == UI_KEY_ENTER || key == UI_KEY_ESC ||
			    key == UI_CTRL('c'))
				assert_false(ui->dialog.open);
			if (key == triggers[i])
				assert_true(ui->dialog.open);
			ui_free(ui);
		}
	}
}

// What an optional path may be given, and that what is not offered is not taken.
static void offers_a_time_or_more_data(void **state)
{
	static const struct {
		enum path_state state;
		int64_t cap, used;
		const char *words, *keys; // offered, and taken
	} cases[] = {
		{ PATH_STATE_STANDBY, SNAPSHOT_NONE, 0, "[t] Enable for 30 min only", "yt" },
		{ PATH_STATE_STANDBY, 2000000000, 1210000000,
		  "Data cap: 1.21 GB of 2.00 GB used (60%)", "yt" },
		{ PATH_STATE_CAPPED, 2000000000, 2000000000, "[b] +100 MB    [i] Ignore cap",
		  "bi" },
		{ PATH_STATE_CAPPED, 2000000000, SNAPSHOT_UNKNOWN, "nobody knows what is used",
		  "i" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		for (const char *key = "ytbi"; *key; key++) {
			struct ui *ui = start("ok", &(struct ui_options){ 0 });
			struct path_snapshot *path = path_of(ui, "wwan0");
			struct str out = { 0 };
			struct ui_need need;

			path->state = cases[i].state;
			path->cap_bytes = cases[i].cap;
			path->cap_used_bytes = cases[i].used;
			press(ui, '3');
			assert_true(ui->dialog.open);
			assert_non_null(
				strstr(screen_text(ui, 80, 24, false, 0, &out), cases[i].words));
			need = press(ui, *key);
			assert_int_equal(need.send, strchr(cases[i].keys, *key) != NULL);
			if (need.send) {
				assert_int_equal(need.command.verb, COMMAND_ENABLE);
				assert_string_equal(need.command.object, "wwan0");
				assert_int_equal(need.command.for_s, *key == 't' ? 1800 : 0);
				assert_int_equal(need.command.boost_bytes,
						 *key == 'b' ? 100000000 : 0);
				assert_int_equal(need.command.ignore_cap, *key == 'i');
			}
			str_fini(&out);
			ui_free(ui);
		}
	}
}

static void keys_typed_ahead_do_not_answer(void **state)
{
	struct ui *ui = start("ok", &(struct ui_options){ 0 });

	(void)state;
	press(ui, '3');
	assert_false(ui_key(ui, 'y', now_ms + UI_TYPE_AHEAD_MS - 1).send);
	assert_true(ui->dialog.open);
	assert_true(ui_key(ui, 'y', now_ms + UI_TYPE_AHEAD_MS).send);
	ui_free(ui);
}

static void a_backup_is_released_by_the_same_key(void **state)
{
	struct ui *ui = start("ok", &(struct ui_options){ 0 });

	(void)state;
	path_of(ui, "ppp0")->reserved = true;
	assert_int_equal(press_all(ui, "By").command.verb, COMMAND_NO_BACKUP);
	ui_free(ui);
}

static void a_timed_change_is_shown_and_kept(void **state)
{
	struct ui *ui = start("ok", &(struct ui_options){ 0 });
	struct ui_need need;

	(void)state;
	press(ui, 'K');
	assert_true(shows(ui, "nothing waits to be kept"));
	now_ms += UI_MESSAGE_MS;
	ui->live.revert_at_ms = ui->live.time_ms + (now_ms - T0) + 252000;
	str_copy(ui->live.timed_path, sizeof(ui->live.timed_path), "tun0");
	ui_snapshot(ui, &ui->live, now_ms);
	ui->live.revert_at_ms = ui->live.time_ms + 252000;
	assert_true(shows(ui, "tun0 is off, and comes back in 4:12.   K:Keep it off"));
	assert_false(press_all(ui, "Kn").send);
	need = press_all(ui, "Ky");
	assert_true(need.send);
	assert_int_equal(need.command.verb, COMMAND_CONFIRM);
	ui_free(ui);
}

static void addresses_are_masked_on_every_screen(void **state)
{
	struct ui *ui = start("ok", &(struct ui_options){ 0 });

	(void)state;
	press(ui, '\n');
	assert_true(shows(ui, "10.8.0.6/32"));
	press(ui, 'x');
	assert_true(shows(ui, "10.8.x.x/32"));
	assert_true(shows(ui, "203.0.xxx.xx"));
	assert_true(shows(ui, "12:51:09")); // a time is no address
	press(ui, 'x');
	assert_true(shows(ui, "10.8.0.6/32"));
	ui_free(ui);
}

static void the_refresh_can_be_slowed(void **state)
{
	struct ui *ui = start("ok", &(struct ui_options){ 0 });

	(void)state;
	assert_int_equal(ui_refresh_ms(ui, 1000), 1000);
	assert_int_equal(ui_refresh_ms(ui, 2000), 2000);
	press(ui, '+');
	assert_int_equal(ui_refresh_ms(ui, 1000), 2000);
	press_all(ui, "++++++++");
	assert_int_equal(ui_refresh_ms(ui, 1000), 60000);
	press_all(ui, "---------");
	assert_int_equal(ui_refresh_ms(ui, 1000), 1000);
	ui_free(ui);
}

static void what_is_saved_is_what_is_seen(void **state)
{
	struct ui *ui = start("degraded", &(struct ui_options){ 0 });
	struct canvas canvas = { 0 };
	struct str out = { 0 };

	(void)state;
	assert_true(press(ui, 'w').save);
	canvas_reset(&canvas, 79, 24, false);
	ui_draw(ui, &canvas, now_ms, now_ms);
	ui_save_text(ui, &canvas, &out);
	assert_non_null(strstr(str_text(&out), "ppp0  ADSL DOWN"));
	press(ui, 'l'); // all lines of the log, not those that fit
	answer_wishes(ui);
	str_clear(&out);
	ui_save_text(ui, &canvas, &out);
	assert_null(strstr(str_text(&out), "ADSL"));
	assert_true(out.len > 2000);
	canvas_fini(&canvas);
	str_fini(&out);
	ui_free(ui);
}

// A quiet gateway changes nothing on the screen.
static void a_screen_for_readers_is_quiet(void **state)
{
	struct ui *ui = start("ok", &(struct ui_options){ .accessible = true });
	struct str first = { 0 }, later = { 0 };
	struct snapshot s = ui->live;

	(void)state;
	screen_text(ui, 80, 24, false, 0, &first);
	assert_null(strstr(str_text(&first), "now+"));
	assert_null(strstr(str_text(&first), "13:04:22"));
	assert_non_null(strstr(str_text(&first), "tun1 UP: probes back after 41 s"));
	for (int i = 0; i < 60; i++) {
		s.time_ms += 1000;
		s.rx_bps = ui->live.rx_bps + (i % 2 ? 100000 : -100000);
		ui_snapshot(ui, &s, T0 + 1000 * i);
		screen_text(ui, 80, 24, false, 1000 * i, &later);
		assert_string_equal(str_text(&later), str_text(&first));
	}
	str_fini(&first);
	str_fini(&later);
	ui_free(ui);
}

static void silence_means_no(void **state)
{
	struct ui *ui = start("ok", &(struct ui_options){ 0 });

	(void)state;
	press(ui, '3');
	now_ms += UI_DIALOG_MS - 1000;
	ui_snapshot(ui, &ui->live, now_ms);
	assert_true(shows(ui, "closes in 1 s"));
	now_ms += 1000;
	ui_snapshot(ui, &ui->live, now_ms);
	assert_true(shows(ui, "cancelled: no answer for 30 s"));
	assert_false(ui->dialog.open);
	ui_free(ui);
}

static void the_last_working_path_wants_its_name(void **state)
{
	static const int triggers[] = { 'D', 'R' };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(triggers); i++) {
		struct ui *ui = start("ok", &(struct ui_options){ 0 });

		for (int path = 1; path < ui->live.n_paths; path++)
			ui->live.paths[path].state = PATH_STATE_DOWN;
		press(ui, triggers[i]);
		assert_true(shows(ui, "ppp0 is the only path that works."));
		assert_true(shows(ui, "cuts all 42 "));
		assert_false(press_all(ui, "ypy\n").send);
		assert_false(ui->dialog.open);

		press(ui, triggers[i]);
		assert_true(press_all(ui, "ppx\x7fp0\n").send);
		ui_free(ui);
	}
}

// Paths may come and go while the question is on the screen; it gets stricter only.
static void a_question_for_the_name_stays_one(void **state)
{
	struct ui *ui = start("ok", &(struct ui_options){ 0 });

	(void)state;
	press(ui, 'D');
	for (int path = 1; path < ui->live.n_paths; path++)
		ui->live.paths[path].state = PATH_STATE_DOWN;
	assert_false(press(ui, 'y').send);
	ui->live.paths[1].state = PATH_STATE_UP;
	assert_false(press(ui, 'y').send);
	assert_true(ui->dialog.open);
	ui_free(ui);
}

static void the_effect_is_told(void **state)
{
	struct ui *ui = start(
		"ok", &(struct ui_options){ .ssh_connection = "203.0.113.40 51514 10.8.0.6 22" });

	(void)state;
	press(ui, 'R');
	assert_true(shows(ui, "42 subflows move to tun0, tun1, tun3;"));
	assert_true(shows(ui, "! Your SSH session from 203.0.113.40 comes in over ppp0"));
	press_all(ui, "njR");
	assert_false(shows(ui, "SSH"));
	ui->live.connections_tcp = 0;
	assert_true(shows(ui, "no connection is cut."));
	ui_free(ui);
}

// To an address of the LAN, through a tunnel.
static void a_session_is_found_by_its_route(void **state)
{
	struct ui *ui = start(
		"ok", &(struct ui_options){ .ssh_connection = "10.99.0.7 51514 192.168.5.1 22",
					    .session_interface = "tun0" });

	(void)state;
	press(ui, 'D');
	assert_false(shows(ui, "SSH"));
	press_all(ui, "njD");
	assert_true(shows(ui, "! Your SSH session from 10.99.0.7 comes in over tun0 and will"));
	str_copy(ui->live.paths[1].underlay, sizeof(ui->live.paths[1].underlay), "ppp0");
	press_all(ui, "nkR");
	assert_true(shows(ui, "! Your SSH session from 10.99.0.7 comes in over tun0, which"));
	press_all(ui, "njjR");
	assert_false(shows(ui, "SSH"));
	ui_free(ui);
}

static void a_path_that_goes_takes_its_question_along(void **state)
{
	struct ui *ui = start("ok", &(struct ui_options){ 0 });

	(void)state;
	press(ui, '3');
	ui->live.n_paths--;
	assert_false(press(ui, 'y').send);
	assert_true(shows(ui, "enable wwan0 cancelled: the path is gone"));
	ui_free(ui);
}

static void read_only_asks_nothing(void **state)
{
	struct ui *ui = start("degraded", &(struct ui_options){ .read_only = true });
	const char *keys = "EDRB3AK";

	(void)state;
	for (; *keys; keys++) {
		assert_false(press(ui, *keys).send);
		assert_false(ui->dialog.open);
		assert_true(shows(ui, "read-only: started with --read-only"));
	}
	ui_free(ui);

	ui = start("degraded", &(struct ui_options){ 0 });
	ui_hello(ui, false);
	press(ui, 'R');
	assert_true(shows(ui, "read-only: you are not in group mpgate-admin"));
	ui_free(ui);
}

static void without_a_gateway_nothing_is_sent(void **state)
{
	struct ui *ui = start("ok", &(struct ui_options){ 0 });

	(void)state;
	ui_absent(ui, STATUS_NOT_RUNNING, "no gateway is running", "");
	assert_false(press_all(ui, "3y").send);
	assert_true(shows(ui, "nothing was changed"));
	ui_free(ui);
}

static void an_alarm_can_be_found_and_acknowledged(void **state)
{
	struct ui *ui = start("degraded", &(struct ui_options){ 0 });
	struct ui_need need;

	(void)state;
	press(ui, 'G');
	press(ui, 'a');
	assert_string_equal(ui->selected, "ppp0");
	need = press(ui, 'A');
	assert_true(need.send);
	assert_int_equal(need.command.verb, COMMAND_ACK);
	assert_string_equal(need.command.object, "ppp0");
	ui_free(ui);
}

static void a_new_alarm_comes_before_an_older_message(void **state)
{
	struct ui *ui = start("ok", &(struct ui_options){ 0 });
	struct snapshot now = ui->live;

	(void)state;
	press(ui, 'z');
	assert_true(shows(ui, "RX and TX are drawn to the same scale"));
	now.n_alarms = 1;
	now.alarms[0] = (struct alarm){ .id = "ppp0/down",
					.object = "ppp0",
					.text = "ppp0 DOWN: no reply",
					.since_ms = now.time_ms - 60000 };
	ui_snapshot(ui, &now, ui->live_at_ms);
	assert_true(shows(ui, "RX and TX are drawn to the same scale"));
	now.alarms[0].since_ms = now.time_ms + 60000;
	ui_snapshot(ui, &now, ui->live_at_ms);
	assert_true(shows(ui, "ALARM ppp0 DOWN"));
	ui_free(ui);
}

static void twins_do_the_same(void **state)
{
	static const struct {
		int keys[4];
		const char *selected; // from the third row
	} cases[] = {
		{ { 'j', UI_KEY_DOWN, UI_CTRL('n') }, "tun3" },
		{ { 'k', UI_KEY_UP, UI_CTRL('p') }, "tun0" },
		{ { 'g', UI_KEY_HOME }, "ppp0" },
		{ { 'G', UI_KEY_END }, "wwan0" },
		{ { ' ', UI_KEY_PAGE_DOWN, UI_CTRL('f') }, "wwan0" },
		{ { 'b', UI_KEY_PAGE_UP, UI_CTRL('b') }, "ppp0" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		for (int k = 0; cases[i].keys[k]; k++) {
			struct ui *ui = start("ok", &(struct ui_options){ 0 });

			press_all(ui, "jj");
			press(ui, cases[i].keys[k]);
			assert_string_equal(ui->selected, cases[i].selected);
			ui_free(ui);
		}
	}
}

static void the_selection_follows_its_path(void **state)
{
	struct ui *ui = start("ok", &(struct ui_options){ 0 });
	struct snapshot s = ui->live;

	(void)state;
	press(ui, 'j'); // tun0
	s.paths[1] = ui->live.paths[3];
	s.paths[3] = ui->live.paths[1];
	ui_snapshot(ui, &s, now_ms);
	assert_string_equal(ui->selected, "tun0");
	assert_int_equal(ui->selected_row, 3);
	// gone: the one in its place
	s.paths[3] = s.paths[4];
	s.n_paths = 4;
	ui_snapshot(ui, &s, now_ms);
	assert_string_equal(ui->selected, "wwan0");
	s.n_paths = 0;
	ui_snapshot(ui, &s, now_ms);
	assert_true(shows(ui, "No path is configured"));
	press_all(ui, "jEDR"); // nothing to point at
	assert_false(ui->dialog.open);
	ui_free(ui);
}

static void the_table_scrolls_with_the_selection(void **state)
{
	struct ui *ui = start("twelve-paths", &(struct ui_options){ 0 });

	(void)state;
	assert_true(shows(ui, "rows 1-10 of 12"));
	press(ui, 'G');
	assert_true(shows(ui, "rows 3-12 of 12"));
	assert_true(shows(ui, "> wwan1"));
	press(ui, 'k');
	assert_true(shows(ui, "rows 3-12 of 12"));
	press(ui, 'g');
	assert_true(shows(ui, "rows 1-10 of 12"));
	ui_free(ui);
}

static void a_pause_freezes_what_is_shown(void **state)
{
	struct ui *ui = start("ok", &(struct ui_options){ 0 });
	struct snapshot s = ui->live;

	(void)state;
	press(ui, 'p');
	s.rx_bps = 4440000;
	s.time_ms += 12000;
	now_ms += 12000;
	ui_snapshot(ui, &s, now_ms);
	assert_true(shows(ui, "PAUSED 12 s"));
	assert_true(shows(ui, "now     8.90"));
	press(ui, 'p');
	assert_false(shows(ui, "PAUSED"));
	assert_true(shows(ui, "now     4.44"));
	ui_free(ui);
}

// The help page and the key bar come from the table; each key of the table has to do something, on
// each screen that it is for.
static void every_key_of_the_table_works(void **state)
{
	size_t n;
	const struct binding *b = bindings_list(&n);

	(void)state;
	for (size_t i = 0; i < n * SCREENS; i++, b += i % SCREENS == 0) {
		struct ui *ui = start("degraded", &(struct ui_options){ 0 });
		char name[KEY_NAME_SIZE];

		ui_show(ui, (enum ui_screen)(i % SCREENS), now_ms);
		if (!(b->modes & ui_screen(ui)->mode)) {
			ui_free(ui);
			continue;
		}
		if (b->keys[0] != UI_KEY_HOTKEY && b->help) {
			press(ui, '?');
			if (!shows(ui, b->help))
				fail_msg("%s: %s is not told", ui_screen(ui)->name, b->help);
			press(ui, 'q');
		}
		for (int k = 0; k < KEYS_PER_BINDING && b->keys[k]; k++) {
			ui_show(ui, (enum ui_screen)(i % SCREENS), now_ms);
			press(ui, b->keys[k] == UI_KEY_HOTKEY ? '3' : b->keys[k]);
			if (shows(ui, "does nothing here"))
				fail_msg("%s does nothing", ui_key_name(b->keys[k], name));
			ui->dialog.open = ui->help_open = ui->prompt.open = false;
			ui->message_until_ms = 0;
		}
		ui_free(ui);
	}
}

// And the bar promises no key that is not there.
static void the_bar_tells_keys_that_work(void **state)
{
	static const char *const bars[SCREENS] = {
		[SCREEN_OVERVIEW] = " ?:Help Enter:Path c:Conns l:Log d:Doctor 3:3G-on",
		[SCREEN_PATH] = " Esc:Back ?:Help j:Next path ",
		[SCREEN_CONNS] = " Esc:Back ?:Help /:Filter >:Sort i:Reverse f:Freeze",
		[SCREEN_LOG] = " Esc:Back ?:Help /:Search n:Next v:Level =:Path G:Follow",
		[SCREEN_DOCTOR] = " Esc:Back  ?:Help  c:Conns  l:Log",
	};

	(void)state;
	for (int screen = 0; screen < SCREENS; screen++) {
		struct ui *ui = start("degraded", &(struct ui_options){ 0 });

		ui_show(ui, (enum ui_screen)screen, now_ms);
		if (!shows(ui, bars[screen]))
			fail_msg("not '%s'", bars[screen]);
		ui_free(ui);
	}
}

static void screens_are_walked_by_their_keys(void **state)
{
	static const struct {
		int keys[4];
		enum ui_screen screen;
	} cases[] = {
		{ { UI_KEY_ENTER }, SCREEN_PATH },
		{ { 'c' }, SCREEN_CONNS },
		{ { 'l' }, SCREEN_LOG },
		{ { 'd' }, SCREEN_DOCTOR },
		{ { 'l', 'c', 'd' }, SCREEN_DOCTOR },
		{ { 'l', 'o' }, SCREEN_OVERVIEW },
		{ { 'd', 'q' }, SCREEN_OVERVIEW },
		{ { 'c', UI_KEY_ESC }, SCREEN_OVERVIEW },
		{ { UI_KEY_TAB }, SCREEN_PATH },
		{ { UI_KEY_TAB, UI_KEY_TAB }, SCREEN_CONNS },
		{ { UI_KEY_BACK_TAB }, SCREEN_DOCTOR },
		{ { UI_KEY_BACK_TAB, UI_KEY_TAB }, SCREEN_OVERVIEW },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct ui *ui = start("ok", &(struct ui_options){ 0 });

		for (int k = 0; k < 4 && cases[i].keys[k]; k++)
			assert_false(press(ui, cases[i].keys[k]).quit);
		assert_int_equal(ui->screen, cases[i].screen);
		assert_true(press(ui, 'Q').quit);
		ui_free(ui);
	}
}

static void help_opens_scrolls_and_closes(void **state)
{
	struct ui *ui = start("ok", &(struct ui_options){ 0 });
	struct str out = { 0 };

	(void)state;
	press(ui, '?');
	assert_true(shows(ui, "any key closes"));
	press(ui, 'x');
	assert_false(ui->help_open);
	press(ui, '?');
	assert_true(strstr(screen_text(ui, 40, 8, false, 0, &out), "1-5 of ") != NULL);
	press_all(ui, "j ");
	assert_true(strstr(screen_text(ui, 40, 8, false, 0, &out), "7-11 of ") != NULL);
	press(ui, 'q');
	assert_false(ui->help_open);
	assert_true(press(ui, 'q').quit);
	str_fini(&out);
	ui_free(ui);
}

// Keys at random, with never a "y" while a question is open, change nothing.
static void noise_changes_nothing(void **state)
{
	struct ui *ui = start("twelve-paths", &(struct ui_options){ 0 });
	struct canvas canvas = { 0 };

	(void)state;
	srandom(7);
	for (int i = 0; i < 20000; i++) {
		int key = (int)(random() % (UI_KEY_OTHER + 1));
		struct ui_need need;

		if (key == 'A' || (ui->dialog.open && (strchr("ytbi", key) || ui->dialog.by_name)))
			continue;
		need = ui_key(ui, key, now_ms += random() % 700);
		assert_false(need.send);
		canvas_reset(&canvas, 1 + (int)(random() % 200), 1 + (int)(random() % 60), i & 1);
		ui_draw(ui, &canvas, now_ms, now_ms);
		ui_snapshot(ui, &ui->live, now_ms);
	}
	canvas_fini(&canvas);
	ui_free(ui);
}

// A person's own keys take the place of the table's, and what cannot be is refused.
static void keys_can_be_bound_anew(void **state)
{
	static const struct {
		const char *action, *keys, *why;
	} wrong[] = {
		{ "redial", "", "needs a key" },
		{ "redial", "Ctrl-", "'Ctrl-' is no key" },
		{ "redial", "R 1 2 3 4", "more than 4" },
		{ "redail", "R", "is no action" },
	};
	struct ui *ui = ui_from_state("ok", &(struct ui_options){ 0 });
	struct str why = { 0 };

	(void)state;
	for (size_t i = 0; ui_action_name(i);
	     i++) // all that have a name can be set, to what they have too
		assert_true(strlen(ui_action_name(i)) > 0);
	screen_text(ui, 80, 24, false, 0, &why);
	str_clear(&why);
	assert_true(ui_rebind("redial", "Ctrl-r r", &why));
	assert_true(ui_check_keys(&why));
	ui_key(ui, 'R', T0 + 1000);
	assert_false(ui->dialog.open);
	ui_key(ui, UI_CTRL('r'), T0 + 1000);
	assert_true(ui->dialog.open);
	assert_int_equal(ui->dialog.verb, COMMAND_REDIAL);
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		str_clear(&why);
		assert_false(ui_rebind(wrong[i].action, wrong[i].keys, &why));
		assert_non_null(strstr(str_text(&why), wrong[i].why));
	}
	// one key, two meanings; and one that would answer its own question
	str_clear(&why);
	assert_true(ui_rebind("redial", "p", &why));
	assert_false(ui_check_keys(&why));
	assert_non_null(strstr(str_text(&why), "key p would be both 'redial' and 'pause'"));
	str_clear(&why);
	assert_true(ui_rebind("redial", "y", &why));
	assert_false(ui_check_keys(&why));
	assert_non_null(strstr(str_text(&why), "key y of 'redial' answers questions"));
	ui_default_keys();
	str_clear(&why);
	assert_true(ui_check_keys(&why));
	str_fini(&why);
	ui_free(ui);
}

// Whatever tells a person which key to press tells the one that they have bound.
static void hints_name_the_keys_that_are_bound(void **state)
{
	static const struct {
		const char *action, *keys;
	} own[] = {
		{ "help", "H" }, { "last", "L" },         { "up", "U" },     { "open", "Tab" },
		{ "back", "X" }, { "level", "V" },        { "search", "S" }, { "keep", "W" },
		{ "mask", "M" }, { "next-screen", "F6" }, { "quit", "T" },   { "close-help", "C" },
	};
	static const struct {
		const char *state, *keys, *hint;
	} cases[] = {
		{ "ok", "#", "# does nothing here; H lists the keys" },
		{ "ok", "l", "following.  U stops that" },
		{ "ok", "lU", "L follows again" },
		{ "ok", "ln", "search for what? S asks for it" },
		{ "starting", "lVVVV", "No events at level warning.  V shows more." },
		{ "ok", "lU\t", "Tab or X closes" },
		{ "conns", "c", "TCP!=not bonded, Tab: why" },
		{ "conns", "cMn", "masked: M shows them" },
	};
	struct str why = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(own); i++)
		assert_true(ui_rebind(own[i].action, own[i].keys, &why));
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct ui *ui = start(cases[i].state, &(struct ui_options){ 0 });

		for (const char *key = cases[i].keys; *key; key++) {
			press(ui, *key);
			answer_wishes(ui);
		}
		if (!shows(ui, cases[i].hint))
			fail_msg("'%s' is not shown after %s", cases[i].hint, cases[i].keys);
		ui_free(ui);
	}
	ui_default_keys();
	str_fini(&why);
}

// At 80x24, on the line of the screen that has this text in it.
static void use_mouse(struct ui *ui, int kind, const char *line)
{
	struct str out = { 0 };
	const char *text = screen_text(ui, 80, 24, false, (int)(now_ms - T0), &out);
	const char *at = line ? strstr(text, line) : text;
	struct ui_mouse_event event = { .kind = kind };

	if (!at)
		fail_msg("'%s' is not in\n%s", line, text);
	for (; at > text; at--)
		event.row += at[-1] == '\n';
	ui_mouse(ui, &event, now_ms += 500);
	str_fini(&out);
}

static void a_mouse_scrolls_and_selects(void **state)
{
	struct ui *ui = start("twelve-paths", &(struct ui_options){ .mouse = true });

	(void)state;
	use_mouse(ui, UI_MOUSE_CLICK, "  tun0  VPN");
	assert_true(shows(ui, "> tun0  VPN"));
	use_mouse(ui, UI_MOUSE_CLICK, "EVENTS"); // no row of a list
	assert_string_equal(ui->selected, "tun0");
	use_mouse(ui, UI_MOUSE_WHEEL_DOWN, NULL);
	assert_string_not_equal(ui->selected, "tun0");
	use_mouse(ui, UI_MOUSE_WHEEL_UP, NULL);
	assert_string_equal(ui->selected, "tun0");
	// a table that is scrolled
	press(ui, 'G');
	assert_false(shows(ui, "  eth0 "));
	use_mouse(ui, UI_MOUSE_CLICK, "  tun2  VPN");
	assert_string_equal(ui->selected, "tun2");
	// a question is for the keyboard
	press(ui, 'D');
	assert_true(ui->dialog.open);
	use_mouse(ui, UI_MOUSE_CLICK, NULL);
	use_mouse(ui, UI_MOUSE_WHEEL_DOWN, NULL);
	assert_true(ui->dialog.open);
	assert_string_equal(ui->selected, "tun2");
	press(ui, 'n');
	press(ui, '?');
	use_mouse(ui, UI_MOUSE_WHEEL_DOWN, NULL);
	assert_true(ui->help_open);
	ui_free(ui);

	ui = start("conns", &(struct ui_options){ .mouse = true });
	press(ui, 'c');
	answer_wishes(ui);
	use_mouse(ui, UI_MOUSE_CLICK, "192.168.1.60 ");
	assert_true(shows(ui, "\n>40m "));
	press(ui, 'l');
	answer_wishes(ui);
	use_mouse(ui, UI_MOUSE_CLICK, "wwan0 STANDBY");
	assert_true(shows(ui, "PAUSED"));
	ui_free(ui);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(y_sends_what_was_asked),
		cmocka_unit_test(the_hotkey_takes_an_enabled_path_out),
		cmocka_unit_test(everything_but_y_means_no),
		cmocka_unit_test(offers_a_time_or_more_data),
		cmocka_unit_test(keys_typed_ahead_do_not_answer),
		cmocka_unit_test(a_backup_is_released_by_the_same_key),
		cmocka_unit_test(a_timed_change_is_shown_and_kept),
		cmocka_unit_test(addresses_are_masked_on_every_screen),
		cmocka_unit_test(the_refresh_can_be_slowed),
		cmocka_unit_test(what_is_saved_is_what_is_seen),
		cmocka_unit_test(a_screen_for_readers_is_quiet),
		cmocka_unit_test(silence_means_no),
		cmocka_unit_test(the_last_working_path_wants_its_name),
		cmocka_unit_test(a_question_for_the_name_stays_one),
		cmocka_unit_test(the_effect_is_told),
		cmocka_unit_test(a_session_is_found_by_its_route),
		cmocka_unit_test(a_path_that_goes_takes_its_question_along),
		cmocka_unit_test(read_only_asks_nothing),
		cmocka_unit_test(without_a_gateway_nothing_is_sent),
		cmocka_unit_test(an_alarm_can_be_found_and_acknowledged),
		cmocka_unit_test(a_new_alarm_comes_before_an_older_message),
		cmocka_unit_test(twins_do_the_same),
		cmocka_unit_test(the_selection_follows_its_path),
		cmocka_unit_test(the_table_scrolls_with_the_selection),
		cmocka_unit_test(a_pause_freezes_what_is_shown),
		cmocka_unit_test(every_key_of_the_table_works),
		cmocka_unit_test(the_bar_tells_keys_that_work),
		cmocka_unit_test(screens_are_walked_by_their_keys),
		cmocka_unit_test(help_opens_scrolls_and_closes),
		cmocka_unit_test(noise_changes_nothing),
		cmocka_unit_test(keys_can_be_bound_anew),
		cmocka_unit_test(hints_name_the_keys_that_are_bound),
		cmocka_unit_test(a_mouse_scrolls_and_selects),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
