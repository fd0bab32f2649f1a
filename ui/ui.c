// SPDX-License-Identifier: GPL-2.0-or-later
//
// The console: what a person sees of a running gateway, and the few things they can ask of it.
//
// It keeps the newest snapshot and a past of five minutes, and draws them as a canvas: panes
// (pane_*.c) are functions from a view to cells, placed by layout.c, with a dialog or the help page
// on top. Keys are rows of a table (bindings.c) whose actions change what is shown or ask
// a question (dialog.c); what must leave the console - a command, a wish to quit - is returned as
// struct ui_need. Nothing here knows the time, a descriptor or curses: the loop in role/console.c
// brings snapshots from the control socket and keys from ui/term.c, and may be replaced by a test.
//
// The console is a process of its own and runs on one thread. It keeps no state of the gateway:
// when it dies or its terminal stalls, the gateway does not notice.
//
// Words of this room: a mode says what keys mean, a form is a set of columns and words that fits a
// width, a pane is some rows of the screen, the view is what all panes are drawn from.

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ui/ui_priv.h"

struct ui *ui_new(const struct ui_options *options)
{
	struct ui *ui = xcalloc(1, sizeof(*ui));

	ui->options = *options;
	ui->units = options->units;
	ui->mask = options->mask;
	ui->may_change = true;
	ui->log.level = LOG_LEVEL_NOTICE;
	if (options->screen)
		ui_show(ui, screen_from_name(options->screen), 0);
	ui->conns.column = CONN_BY_RX;
	ui->absent_status = STATUS_DONE;
	return ui;
}

void ui_free(struct ui *ui)
{
	str_fini(&ui->report.text);
	free(ui);
}

// ---- news

void ui_hello(struct ui *ui, bool may_change)
{
	ui->connected = true;
	ui->may_change = may_change;
	// of an earlier connection
	ui->log.asked = ui->conns.asked = ui->past.asked = ui->past.known = false;
}

// What the gateway remembers follows what we saw of the one before it.
static void take_minutes(struct ui *ui, const struct history *history)
{
	struct history merged = { 0 };
	const struct history_sample *sample, *oldest = NULL;
	unsigned n = 0;

	while (history_get(history, n))
		oldest = history_get(history, n++);
	for (unsigned age = HISTORY_SIZE; age-- > 0;) {
		sample = history_get(&ui->history, age);
		if (sample && (!oldest || sample->time_ms < oldest->time_ms))
			history_add(&merged, sample);
	}
	while (n-- > 0)
		history_add(&merged, history_get(history, n));
	ui->history = merged;
}

void ui_history(struct ui *ui, const struct history *history, int64_t now_ms)
{
	if (!history->path[0] && history->scale == TREND_MINUTE)
		take_minutes(ui, history);
	else
		past_take(ui, history, now_ms);
}

// Snapshots also come between the full seconds, when something changed; the past needs one a
// second.
static void remember(struct ui *ui, const struct snapshot *s)
{
	const struct history_sample *last = history_get(&ui->history, 0);
	struct history_sample sample = { s->time_ms, s->rx_bps, s->tx_bps };

	if (s->rx_bps >= 0 && s->tx_bps >= 0 && (!last || s->time_ms - last->time_ms >= 500))
		history_add(&ui->history, &sample);
	past_add(ui, s);
}

// The selection follows its path; when that is gone, the one in its place is selected.
static void follow_selection(struct ui *ui)
{
	int row = facts_find_path(&ui->live, ui->selected);

	ui_select(ui, row >= 0 ? row : ui->selected_row);
}

void ui_snapshot(struct ui *ui, const struct snapshot *snapshot, int64_t now_ms)
{
	ui->live = *snapshot;
	ui->have_live = true;
	ui->live_at_ms = now_ms;
	remember(ui, snapshot);
	follow_selection(ui);
}

bool ui_wish(struct ui *ui, int64_t now_ms, struct ui_wish *out)
{
	const struct screen *screen = ui_screen(ui);

	return ui->have_live && screen->wish && screen->wish(ui, now_ms, out);
}

void ui_result(struct ui *ui, enum command_verb verb, const char *object,
	       const struct command_result *result, int64_t now_ms)
{
	const char *text = result->text[0] ? result->text : "done";

	if (result->status != STATUS_DONE)
		ui_say(ui, now_ms, "%s %s failed: %s%s%s", command_word(verb), object, text,
		       result->hint[0] ? "; " : "", result->hint);
	else if (verb != COMMAND_ACK) // an acknowledged alarm is gone, which says it
		ui_say(ui, now_ms, "%s", text);
}

void ui_say(struct ui *ui, int64_t now_ms, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(ui->message, sizeof(ui->message), fmt, ap);
	va_end(ap);
	ui->message_until_ms = now_ms + UI_MESSAGE_MS;
}

void ui_absent(struct ui *ui, enum status status, const char *message, const char *hint)
{
	ui->connected = false;
	ui->absent_status = status;
	str_copy(ui->absent_message, sizeof(ui->absent_message), message);
	str_copy(ui->absent_hint, sizeof(ui->absent_hint), hint);
}

void ui_last_run(struct ui *ui, const struct last_run *run)
{
	ui->last_run = *run;
}

void ui_first_run(struct ui *ui, const struct interfaces *interfaces)
{
	ui->interfaces = *interfaces;
}

// ---- keys

static bool is_absent(const struct ui *ui, int64_t now_ms)
{
	return !ui->have_live || (!ui->connected && now_ms - ui->live_at_ms > UI_ABSENT_MS);
}

enum ui_mode ui_mode(const struct ui *ui, int64_t now_ms)
{
	// the doctor knows what to do without a gateway too
	if (is_absent(ui, now_ms) && ui->screen != SCREEN_DOCTOR)
		return UI_ABSENT;
	return ui->dialog.open   ? UI_DIALOG
	       : ui->help_open   ? UI_HELP
	       : ui->prompt.open ? UI_PROMPT
				 : ui_screen(ui)->mode;
}

bool ui_is_read_only(const struct ui *ui)
{
	return ui->options.read_only || !ui->may_change;
}

void ui_select(struct ui *ui, int row)
{
	if (row >= ui->live.n_paths)
		row = ui->live.n_paths - 1;
	if (row < 0)
		row = 0;
	ui->selected_row = row;
	str_copy(ui->selected, sizeof(ui->selected),
		 ui->live.n_paths ? ui->live.paths[row].name : "");
}

const struct path_snapshot *ui_selected(const struct ui *ui)
{
	int row = facts_find_path(&ui->live, ui->selected);

	return row >= 0 ? &ui->live.paths[row] : NULL;
}

static void press_binding(const struct press *press, enum ui_mode mode)
{
	struct ui *ui = press->ui;
	const struct binding *b = bindings_find(&ui->live, press->key, mode);
	char name[KEY_NAME_SIZE], help[KEY_NAME_SIZE];

	if (b && bindings_change(b) && ui->options.read_only)
		ui_say(ui, press->now_ms, "read-only: started with --read-only");
	else if (b && bindings_change(b) && !ui->may_change)
		ui_say(ui, press->now_ms, "read-only: you are not in group mpgate-admin");
	else if (b)
		b->act(press);
	else if (mode == UI_HELP)
		ui->help_open = false;
	else if (mode != UI_ABSENT && press->key < UI_KEY_UP && press->key != UI_KEY_ESC)
		ui_say(ui, press->now_ms, "%s does nothing here; %s lists the keys",
		       ui_key_name(press->key, name),
		       bindings_key_of("help", ui_screen(ui)->mode, help));
}

struct ui_need ui_key(struct ui *ui, int key, int64_t now_ms)
{
	struct ui_need need = { .redraw = true };
	struct press press = { .ui = ui, .key = key, .now_ms = now_ms, .need = &need };
	bool asked = ui->dialog.open;
	enum ui_mode mode;

	dialog_check(ui, now_ms);
	mode = ui_mode(ui, now_ms);
	if (mode == UI_DIALOG)
		dialog_key(&press);
	else if (mode == UI_PROMPT)
		prompt_key(&press);
	else if (asked && !ui->dialog.open)
		return need; // it was meant for a question that is no more
	else
		press_binding(&press, mode);
	if (need.send && !ui->connected) {
		need.send = false;
		ui_say(ui, now_ms, "the gateway does not answer: nothing was changed");
	}
	return need;
}

int ui_refresh_ms(const struct ui *ui, int base_ms)
{
	return ui->refresh_s ? ui->refresh_s * 1000 : base_ms;
}

void ui_save_text(const struct ui *ui, const struct canvas *canvas, struct str *out)
{
	if (ui_screen(ui)->save)
		ui_screen(ui)->save(ui, out);
	else
		canvas_dump(canvas, out);
}

// ---- drawing

static void (*const draw_pane[PANES])(const struct view *view, struct canvas *canvas, int row,
				      int rows) = {
	[PANE_STATUS] = pane_status_draw,   [PANE_RATES] = pane_rates_draw,
	[PANE_RX] = pane_graph_rx_draw,     [PANE_TX] = pane_graph_tx_draw,
	[PANE_AXIS] = pane_graph_axis_draw, [PANE_PATHS] = pane_paths_draw,
	[PANE_EXIT] = pane_exit_draw,       [PANE_GATEWAY] = pane_gateway_draw,
	[PANE_EVENTS] = pane_events_draw,   [PANE_ALARM] = pane_alarm_draw,
	[PANE_KEYS] = pane_keys_draw,
};

// Old numbers are no numbers.
static void forget_numbers(struct snapshot *s)
{
	s->unproxied_udp_rx_bps = s->unproxied_udp_tx_bps = SNAPSHOT_UNKNOWN;
	s->unproxied_rest_rx_bps = s->unproxied_rest_tx_bps = SNAPSHOT_UNKNOWN;
	s->rx_bps = s->tx_bps = s->connections = s->subflows = SNAPSHOT_UNKNOWN;
	s->connections_tcp = 0;
	s->exit.rtt_us = s->exit.paths_ok = SNAPSHOT_UNKNOWN;
	s->exit.reachable = s->exit.mptcp = SNAPSHOT_UNKNOWN;
	s->exit.clock_offset_us = SNAPSHOT_NO_OFFSET;
	s->machine =
		(struct machine_snapshot){ SNAPSHOT_UNKNOWN, SNAPSHOT_UNKNOWN, SNAPSHOT_UNKNOWN,
					   SNAPSHOT_UNKNOWN, SNAPSHOT_UNKNOWN, SNAPSHOT_UNKNOWN,
					   SNAPSHOT_UNKNOWN, SNAPSHOT_UNKNOWN };
	for (int i = 0; i < s->n_paths; i++) {
		struct path_snapshot *path = &s->paths[i];

		path->rx_bps = path->tx_bps = path->subflows = SNAPSHOT_UNKNOWN;
		path->rtt_us = path->jitter_us = SNAPSHOT_UNKNOWN;
		path->share_ratio = path->loss_ratio = SNAPSHOT_UNKNOWN;
	}
}

static enum rate_unit choose_unit(enum rate_choice units, const struct snapshot *s)
{
	int64_t max_bps = s->rx_bps > s->tx_bps ? s->rx_bps : s->tx_bps;

	for (int i = 0; i < s->n_paths; i++) {
		if (s->paths[i].rx_bps > max_bps)
			max_bps = s->paths[i].rx_bps;
		if (s->paths[i].tx_bps > max_bps)
			max_bps = s->paths[i].tx_bps;
	}
	return rate_unit_choose(units, max_bps);
}

static int64_t calm(int64_t was, int64_t is)
{
	return was >= 0 && is >= 0 && is > was - was / 20 - 1 && is < was + was / 20 + 1 ? was : is;
}

// What hardly differs from what is on the screen stays as it is there: a screen reader says all
// that changes.
static void calm_numbers(const struct snapshot *was, struct snapshot *is)
{
	is->rx_bps = calm(was->rx_bps, is->rx_bps);
	is->tx_bps = calm(was->tx_bps, is->tx_bps);
	is->exit.rtt_us = calm(was->exit.rtt_us, is->exit.rtt_us);
	for (int i = 0; i < is->n_paths && i < was->n_paths; i++) {
		const struct path_snapshot *old = &was->paths[i];
		struct path_snapshot *path = &is->paths[i];

		if (strcmp(old->name, path->name) != 0)
			continue;
		path->rx_bps = calm(old->rx_bps, path->rx_bps);
		path->tx_bps = calm(old->tx_bps, path->tx_bps);
		path->rtt_us = calm(old->rtt_us, path->rtt_us);
	}
}

// An alarm that came after a message does not wait until that has been read: it may be what came of
// it.
static bool is_outdated(const struct ui *ui, const struct view *view)
{
	const struct alarm *alarm = facts_first_alarm(&ui->shown);
	int64_t age_ms = UI_MESSAGE_MS - (ui->message_until_ms - view->now_ms);

	return alarm && alarm->since_ms > view->time_ms - age_ms;
}

static struct view make_view(struct ui *ui, int64_t now_ms, int64_t wall_ms)
{
	double shares[PATHS_MAX];
	struct snapshot was;
	struct view view = {
		.ui = ui,
		.accessible = ui->options.accessible,
		.s = &ui->shown,
		.history = &ui->history,
		.form = layout_form(ui->columns),
		.mode = ui_mode(ui, now_ms),
		.screen = ui_screen(ui)->mode,
		.now_ms = now_ms,
		.absent = is_absent(ui, now_ms) ? absent_title(ui) : NULL,
		.stale = !ui->paused && (!ui->connected || now_ms - ui->live_at_ms > UI_STALE_MS),
		.silent_s = (now_ms - ui->live_at_ms) / 1000,
		.paused_s = ui->paused ? (now_ms - ui->paused_at_ms) / 1000 : SNAPSHOT_NONE,
		.wall_ms = wall_ms,
		.same_scale = ui->same_scale,
		.read_only = ui_is_read_only(ui),
		.message = now_ms < ui->message_until_ms ? ui->message : NULL,
	};

	was = ui->options.accessible ? ui->shown : (struct snapshot){ 0 };
	ui->shown = ui->paused ? ui->frozen : ui->live;
	if (ui->options.accessible)
		calm_numbers(&was, &ui->shown);
	if (view.stale)
		forget_numbers(&ui->shown);
	view.time_ms = ui->shown.time_ms;
	if (!ui->paused)
		view.time_ms += now_ms - ui->live_at_ms;
	if (view.message && is_outdated(ui, &view))
		view.message = NULL;
	view.unit = choose_unit(ui->units, &ui->shown);
	view.selected = facts_find_path(&ui->shown, ui->selected);
	past_subject(ui, &ui->shown,
		     ui->screen == SCREEN_PATH && view.selected >= 0
			     ? &ui->shown.paths[view.selected]
			     : NULL,
		     &view.subject);
	for (int i = 0; i < ui->shown.n_paths; i++)
		shares[i] = ui->shown.paths[i].share_ratio;
	format_shares(shares, (size_t)ui->shown.n_paths, view.percents);
	return view;
}

// Keeps the selected row among the `body` rows that are drawn.
static void scroll_table(struct ui *ui, struct view *view, int body)
{
	int last = view->s->n_paths - body;

	if (view->selected >= 0 && ui->first_row > view->selected)
		ui->first_row = view->selected;
	if (view->selected >= 0 && ui->first_row < view->selected - body + 1)
		ui->first_row = view->selected - body + 1;
	if (ui->first_row > last)
		ui->first_row = last;
	if (ui->first_row < 0)
		ui->first_row = 0;
	ui->page_rows = body;
	view->first = ui->first_row;
}

static int count_events(const struct view *view)
{
	int n = 0;

	while (n < view->ui->rows && facts_event(view->ui, view->s, n))
		n++;
	return n;
}

static void draw_overview(struct ui *ui, struct view *view, struct canvas *canvas)
{
	struct layout_wish wish = {
		.columns = ui->columns,
		.rows = ui->rows,
		.n_paths = view->s->n_paths,
		.n_events = count_events(view),
		.accessible = view->accessible,
	};
	struct layout layout;

	wish.alarm = view->message || facts_has_alarm(view->s);
	layout_make(&wish, &layout);
	ui->events_short = layout.spare > 0;
	view->graphs = layout.graphs;
	scroll_table(ui, view,
		     pane_paths_body(view->form, layout.graphs, view->s->n_paths,
				     layout.rows[PANE_PATHS]));
	ui->list_row = layout.row[PANE_PATHS] + pane_paths_header(view->form);
	ui->list_rows = ui->page_rows < view->s->n_paths ? ui->page_rows : view->s->n_paths;
	for (int pane = 0; pane < PANES; pane++) {
		if (layout.rows[pane])
			draw_pane[pane](view, canvas, layout.row[pane], layout.rows[pane]);
	}
	if (view->message && !layout.rows[PANE_ALARM])
		pane_alarm_draw(view, canvas, 0, 1);
}

// A message covers the last row of the screen for a while, an alarm has its own row: a list does
// not jump when something is said.
static void draw_framed(struct ui *ui, struct view *view, struct canvas *canvas)
{
	const struct screen *screen = ui_screen(ui);
	bool roomy = ui->columns >= UI_LEAST_COLUMNS && ui->rows >= UI_LEAST_ROWS;
	bool alarm = !view->absent && facts_has_alarm(view->s);
	struct str trail = { 0 };

	if (screen->title)
		screen->title(ui, view, &trail);
	view->trail = str_text(&trail);
	pane_status_draw(view, canvas, 0, 1);
	if (roomy) {
		screen->draw(ui, view, canvas, 1, canvas->height - 2 - alarm);
		pane_keys_draw(view, canvas, canvas->height - 1, 1);
	}
	if (view->message || (alarm && roomy)) {
		int row = roomy ? canvas->height - 2 : 0;

		canvas_fill(canvas, row, 0, canvas->width, ' ', ATTR_NORMAL);
		pane_alarm_draw(view, canvas, row, 1);
	}
	str_fini(&trail);
}

void ui_draw(struct ui *ui, struct canvas *canvas, int64_t now_ms, int64_t wall_ms)
{
	struct view view;
	enum ui_mode mode;

	ui->columns = canvas->width + 1;
	ui->rows = canvas->height;
	ui->list_rows = 0;
	dialog_check(ui, now_ms);
	canvas_reset(canvas, canvas->width, canvas->height, canvas->utf8);
	if (ui->options.no_clock || ui->options.accessible)
		wall_ms = SNAPSHOT_NONE;
	mode = ui_mode(ui, now_ms);
	if (mode == UI_ABSENT) {
		absent_draw(ui, canvas, wall_ms);
		if (now_ms < ui->message_until_ms && canvas->height > 2)
			canvas_text_fit(canvas, canvas->height - 2, 1, canvas->width - 1,
					ATTR_HEADING, ui->message);
		return;
	}
	view = make_view(ui, now_ms, wall_ms);
	if (ui->screen == SCREEN_OVERVIEW)
		draw_overview(ui, &view, canvas);
	else
		draw_framed(ui, &view, canvas);
	if (ui->mask)
		mask_canvas(canvas);
	if (mode == UI_HELP)
		help_draw(ui, canvas);
	else if (mode == UI_DIALOG)
		dialog_draw(ui, canvas, now_ms);
	else if (mode == UI_PROMPT)
		prompt_draw(ui, canvas);
}

// ---- the last word

static void summarise_faults(const struct snapshot *s, int64_t time_ms, struct str *out)
{
	char age[FORMAT_SIZE];

	for (int i = 0; i < s->n_paths; i++) {
		int64_t age_s = (time_ms - s->paths[i].since_ms) / 1000;

		if (facts_is_alerting(&s->paths[i]))
			str_addf(out, ", %s %s %s", s->paths[i].name,
				 path_state_word(s->paths[i].state),
				 format_duration(age_s < 0 ? 0 : age_s, age));
	}
}

void ui_summary(const struct ui *ui, int64_t now_ms, struct str *out)
{
	struct facts_count n = facts_count_paths(&ui->live);
	int64_t silent_ms = now_ms - ui->live_at_ms;
	char age[FORMAT_SIZE];

	if (!ui->have_live || !ui->connected) {
		str_addf(out, "mpgate: console closed; %s",
			 ui->absent_message[0] ? ui->absent_message : "no gateway has answered");
		return;
	}
	str_addf(out, "mpgate: console closed, gateway still running (pid %d): ", ui->live.pid);
	if (silent_ms > UI_STALE_MS)
		str_addf(out, "silent for %s, before that ",
			 format_duration(silent_ms / 1000, age));
	str_addf(out, "%d of %d paths up", n.up, n.wanted);
	summarise_faults(&ui->live, ui->live.time_ms + silent_ms, out);
	str_add(out, ".");
}
