// SPDX-License-Identifier: GPL-2.0-or-later
//
// The table of keys and what each does. Help page and key bar are made from it. The keys of a
// dialog are its own (dialog.c): they answer a question and are written in it.

#include <stdio.h>
#include <string.h>

#include "ui/ui_priv.h"

typedef void action(const struct press *press);

static action move_down, move_up, move_first, move_last, move_half_down, move_half_up,
	move_page_down, move_page_up, open_row, show_overview, show_conns, show_log, show_doctor,
	next_screen, previous_screen, show_help, hide_help, next_unit, share_scale, pause_display,
	go_to_alarm, ask_hotkey, ask_enable, ask_disable, ask_redial, acknowledge, repaint, suspend,
	leave, back, quit, shift_right, shift_left, next_scale, scroll_down, scroll_up,
	mask_addresses, slower, faster, save_text, ask_backup, ask_keep, start_service, run_here,
	show_check;

#define FAR 100000 // beyond the end of any list

#define SCREENS_ALL (UI_OVERVIEW | UI_PATH | UI_CONNS | UI_LOG | UI_DOCTOR)
#define LISTS       (UI_OVERVIEW | UI_CONNS | UI_LOG | UI_DOCTOR | UI_HELP)
#define SUB_SCREENS (SCREENS_ALL & ~UI_OVERVIEW)
#define OF_PATHS    (UI_OVERVIEW | UI_PATH)
#define ALL         (SCREENS_ALL | UI_HELP | UI_ABSENT)

// clang-format off
static const struct binding bindings[] = {
	{ .keys = { UI_KEY_ESC }, SUB_SCREENS, GROUP_SCREENS, back, "back", "Back", 0 },
	{ .keys = { '?', UI_KEY_F1 }, SCREENS_ALL, GROUP_LOOK, show_help, "this help", "Help", 1 },

	{ .keys = { 'j', UI_KEY_DOWN, UI_CTRL('n') }, LISTS, GROUP_MOVE, move_down,
	  "down, up a row" },
	{ .keys = { 'k', UI_KEY_UP, UI_CTRL('p') }, LISTS, GROUP_MOVE, move_up },
	{ .keys = { 'j', UI_KEY_DOWN, UI_CTRL('n') }, UI_PATH, GROUP_MOVE, move_down,
	  "next, previous", "Next path", 2 },
	{ .keys = { 'k', UI_KEY_UP, UI_CTRL('p') }, UI_PATH, GROUP_MOVE, move_up },
	{ .keys = { 'g', UI_KEY_HOME }, LISTS | UI_PATH, GROUP_MOVE, move_first, "first, last row" },
	{ .keys = { 'G', UI_KEY_END }, LISTS | UI_PATH, GROUP_MOVE, move_last },
	{ .keys = { UI_CTRL('d') }, LISTS, GROUP_MOVE, move_half_down, "half a page" },
	{ .keys = { UI_CTRL('u') }, LISTS, GROUP_MOVE, move_half_up },
	{ .keys = { ' ', UI_KEY_PAGE_DOWN, UI_CTRL('f') }, LISTS, GROUP_MOVE, move_page_down,
	  "a page" },
	{ .keys = { 'b', UI_KEY_PAGE_UP, UI_CTRL('b') }, LISTS, GROUP_MOVE, move_page_up },

	{ .keys = { ' ', UI_KEY_PAGE_DOWN, UI_CTRL('f'), UI_CTRL('d') }, UI_PATH, GROUP_MOVE,
	  scroll_down, "the rest, if cut" },
	{ .keys = { 'b', UI_KEY_PAGE_UP, UI_CTRL('b'), UI_CTRL('u') }, UI_PATH, GROUP_MOVE,
	  scroll_up },

	{ .keys = { UI_KEY_RIGHT }, UI_LOG, GROUP_MOVE, shift_right, "long lines" },
	{ .keys = { UI_KEY_LEFT }, UI_LOG, GROUP_MOVE, shift_left },

	{ .keys = { '/', UI_KEY_F3 }, UI_LOG, GROUP_LOOK, log_ask_search, "search", "Search", 2 },
	{ .keys = { 'n' }, UI_LOG, GROUP_LOOK, log_search_older, "older, newer line found",
	  "Next", 5 },
	{ .keys = { 'N' }, UI_LOG, GROUP_LOOK, log_search_newer },
	{ .keys = { 'v' }, UI_LOG, GROUP_LOOK, log_next_level, "level, from errors to debug",
	  "Level", 3 },
	{ .keys = { '=' }, UI_LOG, GROUP_LOOK, log_only_object, "this path's lines only",
	  "Path", 3 },
	{ .keys = { 'G' }, UI_LOG, GROUP_LOOK, move_last, "the newest, and follow", "Follow", 4 },

	{ .keys = { '/', UI_KEY_F3 }, UI_CONNS, GROUP_LOOK, conns_ask_filter,
	  "filter: 443 path:tun1 mode:tcp", "Filter", 2 },
	{ .keys = { '>', UI_KEY_F6 }, UI_CONNS, GROUP_LOOK, conns_next_column,
	  "sort by the next column", "Sort", 3 },
	{ .keys = { '<' }, UI_CONNS, GROUP_LOOK, conns_previous_column, "sort by the one before" },
	{ .keys = { 'i' }, UI_CONNS, GROUP_LOOK, conns_invert, "the other way round", "Reverse", 4 },
	{ .keys = { 'f' }, UI_CONNS, GROUP_LOOK, conns_freeze, "freeze the order, or not",
	  "Freeze", 3 },

	{ .keys = { 'n' }, UI_CONNS, GROUP_LOOK, conns_names, "look up names, or not", "Names", 4 },

	{ .keys = { UI_KEY_ENTER }, UI_CONNS, GROUP_SCREENS, open_row, "why it is plain TCP",
	  "Why", 3 },
	{ .keys = { UI_KEY_ENTER }, UI_OVERVIEW, GROUP_SCREENS, open_row, "all about the path",
	  "Path", 2 },
	{ .keys = { UI_KEY_ENTER }, UI_LOG, GROUP_SCREENS, open_row, "the whole line", "Line", 4 },
	{ .keys = { 'o' }, SUB_SCREENS, GROUP_SCREENS, show_overview, "overview" },
	{ .keys = { 'c' }, UI_OVERVIEW, GROUP_SCREENS, show_conns, "connections", "Conns", 3 },
	{ .keys = { 'c' }, SUB_SCREENS & ~UI_CONNS, GROUP_SCREENS, show_conns, "connections",
	  "Conns", 6 },
	{ .keys = { 'l' }, UI_OVERVIEW, GROUP_SCREENS, show_log, "event log", "Log", 2 },
	{ .keys = { 'l' }, SUB_SCREENS & ~UI_LOG, GROUP_SCREENS, show_log, "event log", "Log", 6 },
	{ .keys = { 'd' }, UI_OVERVIEW, GROUP_SCREENS, show_doctor, "doctor's report", "Doctor",
	  3 },
	{ .keys = { 'd' }, SUB_SCREENS & ~UI_DOCTOR, GROUP_SCREENS, show_doctor,
	  "doctor's report", "Doctor", 6 },
	{ .keys = { UI_KEY_TAB }, SCREENS_ALL, GROUP_SCREENS, next_screen,
	  "next, previous screen" },
	{ .keys = { UI_KEY_BACK_TAB }, SCREENS_ALL, GROUP_SCREENS, previous_screen },

	{ .keys = { 's' }, UI_ABSENT, GROUP_CHANGE, start_service, "start the service", "Start", 1 },
	{ .keys = { 'f' }, UI_ABSENT, GROUP_CHANGE, run_here, "run the gateway here", "Run here", 2 },
	{ .keys = { 'c' }, UI_ABSENT, GROUP_SCREENS, show_check, "check the configuration", "Check",
	  1 },
	{ .keys = { 'd' }, UI_ABSENT, GROUP_SCREENS, show_doctor, "doctor's report", "Doctor", 1 },
	{ .keys = { 'd' }, UI_DOCTOR, GROUP_LOOK, show_doctor, "run the doctor again", "Again", 1 },

	{ .keys = { UI_KEY_HOTKEY }, OF_PATHS, GROUP_CHANGE, ask_hotkey, "on or off", "", 2 },
	{ .keys = { 'E' }, OF_PATHS, GROUP_CHANGE, ask_enable, "enable the path", "Enable", 5 },
	{ .keys = { 'D' }, OF_PATHS, GROUP_CHANGE, ask_disable, "disable the path", "Disable", 5 },
	{ .keys = { 'R' }, OF_PATHS, GROUP_CHANGE, ask_redial,
	  "redial or reconnect the path", "Redial", 3 },
	{ .keys = { 'B' }, OF_PATHS, GROUP_CHANGE, ask_backup, "backup only, or not", "Backup", 6 },
	{ .keys = { 'K' }, OF_PATHS, GROUP_CHANGE, ask_keep, "keep a change with a timer" },

	{ .keys = { 'p' }, SCREENS_ALL, GROUP_LOOK, pause_display, "pause, or go on", "Pause", 4 },
	{ .keys = { 't' }, OF_PATHS, GROUP_LOOK, next_scale, "time: 1m, 1h, 1d, 30d", "Time", 5 },
	{ .keys = { 'u' }, SCREENS_ALL, GROUP_LOOK, next_unit, "unit: Mb/s, kb/s, MB/s, auto",
	  "Unit", 7 },
	{ .keys = { 'x' }, SCREENS_ALL, GROUP_LOOK, mask_addresses, "mask addresses", "Mask", 5 },
	{ .keys = { '+' }, SCREENS_ALL, GROUP_LOOK, slower, "redraw rarely, often" },
	{ .keys = { '-' }, SCREENS_ALL, GROUP_LOOK, faster },
	{ .keys = { 'z' }, OF_PATHS, GROUP_LOOK, share_scale, "same scale for RX and TX",
	  "Scale", 8 },
	{ .keys = { 'a' }, SCREENS_ALL, GROUP_LOOK, go_to_alarm, "go to the alarm's path" },
	{ .keys = { 'A' }, SCREENS_ALL, GROUP_LOOK, acknowledge, "acknowledge the alarm" },

	{ .keys = { 'w' }, SCREENS_ALL, GROUP_OTHER, save_text, "write it to a file", "Save", 6 },
	{ .keys = { UI_CTRL('l') }, ALL, GROUP_OTHER, repaint, "redraw; suspend" },
	{ .keys = { UI_CTRL('z') }, ALL, GROUP_OTHER, suspend },
	{ .keys = { 'q', UI_KEY_ESC, UI_KEY_F10 }, UI_HELP, GROUP_OTHER, hide_help,
	  "close", "Close" },
	{ .keys = { 'q', UI_KEY_F10 }, SUB_SCREENS, GROUP_OTHER, leave, "back to the overview" },
	{ .keys = { 'q', UI_KEY_F10 }, UI_OVERVIEW | UI_ABSENT, GROUP_OTHER, quit,
	  "quit; nothing stops", "Quit" },
	{ .keys = { 'Q', UI_CTRL('c') }, ALL, GROUP_OTHER, quit, "quit from anywhere" },
};
// clang-format on

#define N_BINDINGS (sizeof(bindings) / sizeof(bindings[0]))

// What people call them in their console.conf; a path's own key is set in mpgate.conf.
static const struct {
	action *act;
	const char *name;
} actions[] = {
	{ back, "back" },
	{ show_help, "help" },
	{ move_down, "down" },
	{ move_up, "up" },
	{ move_first, "first" },
	{ move_last, "last" },
	{ move_half_down, "half-page-down" },
	{ move_half_up, "half-page-up" },
	{ move_page_down, "page-down" },
	{ move_page_up, "page-up" },
	{ scroll_down, "scroll-down" },
	{ scroll_up, "scroll-up" },
	{ shift_right, "right" },
	{ shift_left, "left" },
	{ log_ask_search, "search" },
	{ log_search_older, "search-older" },
	{ log_search_newer, "search-newer" },
	{ log_next_level, "level" },
	{ log_only_object, "only-path" },
	{ conns_ask_filter, "filter" },
	{ conns_next_column, "sort-next" },
	{ conns_previous_column, "sort-previous" },
	{ conns_invert, "invert" },
	{ conns_freeze, "freeze" },
	{ conns_names, "names" },
	{ open_row, "open" },
	{ show_overview, "overview" },
	{ show_conns, "connections" },
	{ show_log, "log" },
	{ show_doctor, "doctor" },
	{ next_screen, "next-screen" },
	{ previous_screen, "previous-screen" },
	{ start_service, "start" },
	{ run_here, "run-here" },
	{ show_check, "check" },
	{ ask_enable, "enable" },
	{ ask_disable, "disable" },
	{ ask_redial, "redial" },
	{ ask_backup, "backup" },
	{ ask_keep, "keep" },
	{ pause_display, "pause" },
	{ next_scale, "time" },
	{ next_unit, "unit" },
	{ mask_addresses, "mask" },
	{ slower, "slower" },
	{ faster, "faster" },
	{ share_scale, "same-scale" },
	{ go_to_alarm, "alarm" },
	{ acknowledge, "acknowledge" },
	{ save_text, "save" },
	{ repaint, "repaint" },
	{ suspend, "suspend" },
	{ hide_help, "close-help" },
	{ leave, "leave" },
	{ quit, "quit" },
};

#define N_ACTIONS (sizeof(actions) / sizeof(actions[0]))

// The table as a person wants it, once they have said so.
static struct binding custom[N_BINDINGS];
static bool is_custom;

static const struct binding *table(void)
{
	return is_custom ? custom : bindings;
}

const struct binding *bindings_list(size_t *n)
{
	*n = N_BINDINGS;
	return table();
}

const char *bindings_action(const struct binding *b)
{
	for (size_t i = 0; i < N_ACTIONS; i++) {
		if (actions[i].act == b->act)
			return actions[i].name;
	}
	return "";
}

const char *bindings_key_of(const char *name, enum ui_mode mode, char out[static KEY_NAME_SIZE])
{
	for (size_t i = 0; i < N_BINDINGS; i++) {
		if (table()[i].modes & mode && strcmp(bindings_action(&table()[i]), name) == 0)
			return ui_key_name(table()[i].keys[0], out);
	}
	return NULL;
}

const char *bindings_closing(enum ui_mode mode, char out[static CLOSING_SIZE])
{
	char open[KEY_NAME_SIZE], back[KEY_NAME_SIZE];

	snprintf(out, CLOSING_SIZE, "%s or %s closes", bindings_key_of("open", mode, open),
		 bindings_key_of("back", mode, back));
	return out;
}

const char *ui_action_name(size_t i)
{
	return i < N_ACTIONS ? actions[i].name : NULL;
}

void ui_default_keys(void)
{
	is_custom = false;
}

static bool read_keys(const char *text, int keys[KEYS_PER_BINDING], struct str *why)
{
	int n = 0;

	memset(keys, 0, KEYS_PER_BINDING * sizeof(keys[0]));
	for (text += strspn(text, " "); *text; text += strspn(text, " ")) {
		size_t len = strcspn(text, " ");

		if (n == KEYS_PER_BINDING) {
			str_addf(why, "has more than %d keys", KEYS_PER_BINDING);
			return false;
		}
		keys[n] = ui_key_from_name(text, len);
		if (keys[n++] == UI_KEY_NONE) {
			str_addf(why,
				 "'%.*s' is no key; there are a, A, Ctrl-a, Tab, PgUp, F1 and the "
				 "like",
				 (int)len, text);
			return false;
		}
		text += len;
	}
	if (!n)
		str_add(why, "needs a key");
	return n > 0;
}

bool ui_rebind(const char *name, const char *text, struct str *why)
{
	int keys[KEYS_PER_BINDING];
	bool known = false;

	if (!read_keys(text, keys, why))
		return false;
	if (!is_custom)
		memcpy(custom, bindings, sizeof(custom));
	is_custom = true;
	for (size_t i = 0; i < N_BINDINGS; i++) {
		if (strcmp(bindings_action(&custom[i]), name) != 0)
			continue;
		memcpy(custom[i].keys, keys, sizeof(keys));
		known = true;
	}
	if (!known)
		str_add(why, "is no action; 'mpgate keys' lists them");
	return known;
}

static bool has_key(const struct binding *b, int key)
{
	for (int i = 0; i < KEYS_PER_BINDING && b->keys[i]; i++) {
		if (b->keys[i] == key)
			return true;
	}
	return false;
}

static const struct binding *find_fixed(int key, unsigned modes)
{
	for (size_t i = 0; i < N_BINDINGS; i++) {
		if (table()[i].modes & modes && has_key(&table()[i], key))
			return &table()[i];
	}
	return NULL;
}

bool bindings_change(const struct binding *b)
{
	return b->group == GROUP_CHANGE || b->act == acknowledge;
}

// These answer the questions that changes ask: no question may be answered by the key that asked
// it.
static bool is_answer(const struct binding *b, struct str *why)
{
	for (int k = 0; bindings_change(b) && k < KEYS_PER_BINDING && b->keys[k]; k++) {
		if (b->keys[k] > ' ' && b->keys[k] < 0x7f && strchr("ynbit", b->keys[k])) {
			str_addf(why, "key %c of '%s' answers questions", b->keys[k],
				 bindings_action(b));
			return true;
		}
	}
	return false;
}

// Two things that one key would do on one screen.
bool ui_check_keys(struct str *why)
{
	char key[KEY_NAME_SIZE];

	for (size_t i = 0; i < N_BINDINGS; i++) {
		if (is_answer(&table()[i], why))
			return false;
	}
	for (size_t i = 0; i < N_BINDINGS * N_BINDINGS; i++) {
		const struct binding *a = &table()[i / N_BINDINGS], *b = &table()[i % N_BINDINGS];

		for (int k = 0;
		     a < b && a->act != b->act && a->modes & b->modes && k < KEYS_PER_BINDING;
		     k++) {
			if (!a->keys[k] || !has_key(b, a->keys[k]))
				continue;
			str_addf(why, "key %s would be both '%s' and '%s'",
				 ui_key_name(a->keys[k], key), bindings_action(a),
				 bindings_action(b));
			return false;
		}
	}
	return true;
}

bool bindings_allow_hotkey(char hotkey)
{
	// "y" and "n" answer the question that the hotkey asks
	return hotkey > ' ' && hotkey < 0x7f && hotkey != 'y' && hotkey != 'n' &&
	       !find_fixed(hotkey, ALL);
}

static const struct path_snapshot *find_hotkey(const struct snapshot *s, int key)
{
	for (int i = 0; i < s->n_paths; i++) {
		if (s->paths[i].hotkey == key && bindings_allow_hotkey(s->paths[i].hotkey))
			return &s->paths[i];
	}
	return NULL;
}

const struct binding *bindings_find(const struct snapshot *s, int key, enum ui_mode mode)
{
	return find_fixed(find_hotkey(s, key) ? UI_KEY_HOTKEY : key, mode);
}

// ---- moving: on the screen, or the help page

static void move_by(const struct press *press, int rows)
{
	const struct screen *screen = ui_screen(press->ui);

	if (press->ui->help_open)
		help_scroll(press->ui, rows);
	else if (screen->move)
		screen->move(press->ui, rows);
}

static int page_of(const struct press *press)
{
	const struct screen *screen = ui_screen(press->ui);
	int rows = press->ui->help_open ? press->ui->help_rows
		   : screen->page       ? screen->page(press->ui)
					: 1;

	return rows > 1 ? rows : 1;
}

static void move_down(const struct press *press)
{
	move_by(press, 1);
}

static void move_up(const struct press *press)
{
	move_by(press, -1);
}

static void move_first(const struct press *press)
{
	move_by(press, -FAR);
}

static void move_last(const struct press *press)
{
	move_by(press, FAR);
}

static void scroll_down(const struct press *press)
{
	path_scroll(press->ui, page_of(press));
}

static void scroll_up(const struct press *press)
{
	path_scroll(press->ui, -page_of(press));
}

static void shift_right(const struct press *press)
{
	log_shift(press->ui, press->ui->columns / 2);
}

static void shift_left(const struct press *press)
{
	log_shift(press->ui, -press->ui->columns / 2);
}

static void move_half_down(const struct press *press)
{
	move_by(press, (page_of(press) + 1) / 2);
}

static void move_half_up(const struct press *press)
{
	move_by(press, -(page_of(press) + 1) / 2);
}

static void move_page_down(const struct press *press)
{
	move_by(press, page_of(press));
}

static void move_page_up(const struct press *press)
{
	move_by(press, -page_of(press));
}

// ---- from screen to screen

static void open_row(const struct press *press)
{
	ui_screen(press->ui)->open(press);
}

static void show_overview(const struct press *press)
{
	ui_show(press->ui, SCREEN_OVERVIEW, press->now_ms);
}

static void show_conns(const struct press *press)
{
	ui_show(press->ui, SCREEN_CONNS, press->now_ms);
}

static void show_log(const struct press *press)
{
	ui_show(press->ui, SCREEN_LOG, press->now_ms);
}

static void show_doctor(const struct press *press)
{
	ui_show(press->ui, SCREEN_DOCTOR, press->now_ms);
}

static void run_task(const struct press *press, enum ui_task task)
{
	press->ui->screen = SCREEN_DOCTOR;
	report_begin(press->ui, task, press->now_ms);
}

static void show_check(const struct press *press)
{
	run_task(press, UI_TASK_CHECK);
}

static void start_service(const struct press *press)
{
	if (press->ui->absent_status == STATUS_NOT_RUNNING)
		run_task(press, UI_TASK_START);
	else
		ui_say(press->ui, press->now_ms, "a gateway is running already");
}

static void run_here(const struct press *press)
{
	if (press->ui->absent_status != STATUS_NOT_RUNNING) {
		ui_say(press->ui, press->now_ms, "a gateway is running already");
		return;
	}
	press->need->run_here = press->need->quit = true;
}

static void next_screen(const struct press *press)
{
	ui_show(press->ui, (press->ui->screen + 1) % SCREENS, press->now_ms);
}

static void previous_screen(const struct press *press)
{
	ui_show(press->ui, (press->ui->screen + SCREENS - 1) % SCREENS, press->now_ms);
}

static void leave(const struct press *press)
{
	ui_show(press->ui, SCREEN_OVERVIEW, press->now_ms);
}

static void back(const struct press *press)
{
	const struct screen *screen = ui_screen(press->ui);

	if (!screen->back || !screen->back(press->ui))
		leave(press);
}

// ---- looking

static void show_help(const struct press *press)
{
	press->ui->help_open = true;
	press->ui->help_first = 0;
}

static void hide_help(const struct press *press)
{
	press->ui->help_open = false;
}

static void next_unit(const struct press *press)
{
	static const char *const words[RATE_CHOICES] = {
		[RATE_BITS] = "Mb/s",
		[RATE_KBITS] = "kb/s",
		[RATE_BYTES] = "MB/s",
		[RATE_AUTO] = "the unit that fits them",
	};

	press->ui->units = (press->ui->units + 1) % RATE_CHOICES;
	ui_say(press->ui, press->now_ms, "rates are shown in %s", words[press->ui->units]);
}

static void next_scale(const struct press *press)
{
	press->ui->scale = (press->ui->scale + 1) % TREND_SCALES;
}

static void mask_addresses(const struct press *press)
{
	press->ui->mask = !press->ui->mask;
}

static void change_refresh(const struct press *press, int step)
{
	static const int seconds[] = { 1, 2, 5, 10, 30, 60 };
	int n = (int)(sizeof(seconds) / sizeof(seconds[0])), i = 0;

	while (i < n - 1 && seconds[i] < press->ui->refresh_s)
		i++;
	i += step;
	i = i < 0 ? 0 : i >= n ? n - 1 : i;
	press->ui->refresh_s = seconds[i];
	ui_say(press->ui, press->now_ms, "the screen is drawn every %d s", seconds[i]);
}

static void slower(const struct press *press)
{
	change_refresh(press, 1);
}

static void faster(const struct press *press)
{
	change_refresh(press, -1);
}

static void save_text(const struct press *press)
{
	press->need->save = true;
}

static void share_scale(const struct press *press)
{
	press->ui->same_scale = !press->ui->same_scale;
	ui_say(press->ui, press->now_ms,
	       press->ui->same_scale ? "RX and TX are drawn to the same scale"
				     : "RX and TX are drawn to a scale of their own");
}

static void pause_display(const struct press *press)
{
	struct ui *ui = press->ui;

	ui->paused = !ui->paused;
	ui->paused_at_ms = press->now_ms;
	ui->frozen = ui->live;
}

static void go_to_alarm(const struct press *press)
{
	const struct alarm *alarm = facts_first_alarm(&press->ui->live);
	int row = alarm ? facts_find_path(&press->ui->live, alarm->object) : -1;

	if (row >= 0) {
		ui_select(press->ui, row);
		if (press->ui->screen != SCREEN_PATH)
			ui_show(press->ui, SCREEN_OVERVIEW, press->now_ms);
	} else if (alarm)
		ui_say(press->ui, press->now_ms, "the alarm is about %s, which is no path",
		       alarm->object);
	else
		ui_say(press->ui, press->now_ms, "there is no alarm to go to");
}

static void repaint(const struct press *press)
{
	press->need->repaint = true;
}

static void suspend(const struct press *press)
{
	press->need->suspend = true;
}

static void quit(const struct press *press)
{
	press->need->quit = true;
}

// ---- changing the gateway

static void ask_hotkey(const struct press *press)
{
	const struct path_snapshot *path = find_hotkey(&press->ui->live, press->key);

	dialog_open(press->ui, facts_is_wanted(path) ? COMMAND_DISABLE : COMMAND_ENABLE, path->name,
		    press->now_ms);
}

static void ask_selected(const struct press *press, enum command_verb verb)
{
	const struct path_snapshot *path = ui_selected(press->ui);

	if (path)
		dialog_open(press->ui, verb, path->name, press->now_ms);
	else
		ui_say(press->ui, press->now_ms, "no path is selected");
}

static void ask_enable(const struct press *press)
{
	ask_selected(press, COMMAND_ENABLE);
}

static void ask_disable(const struct press *press)
{
	ask_selected(press, COMMAND_DISABLE);
}

static void ask_redial(const struct press *press)
{
	ask_selected(press, COMMAND_REDIAL);
}

static void ask_backup(const struct press *press)
{
	const struct path_snapshot *path = ui_selected(press->ui);

	ask_selected(press, path && path->reserved ? COMMAND_NO_BACKUP : COMMAND_BACKUP);
}

static void ask_keep(const struct press *press)
{
	if (press->ui->live.revert_at_ms)
		dialog_open(press->ui, COMMAND_CONFIRM, press->ui->live.timed_path, press->now_ms);
	else
		ui_say(press->ui, press->now_ms, "nothing waits to be kept");
}

// Does not ask: it changes what is shown, not what the gateway does.
static void acknowledge(const struct press *press)
{
	const struct alarm *alarm = facts_first_alarm(&press->ui->live);

	if (!alarm) {
		ui_say(press->ui, press->now_ms, "there is no alarm to acknowledge");
		return;
	}
	press->need->send = true;
	press->need->command.verb = COMMAND_ACK;
	str_copy(press->need->command.object, sizeof(press->need->command.object), alarm->object);
}
