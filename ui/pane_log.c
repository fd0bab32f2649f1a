// SPDX-License-Identifier: GPL-2.0-or-later
//
// The screen of events: what the gateway remembers, the newest at the bottom. It follows, until the
// mark is moved up; then what is on the screen stays there, whatever comes, by the numbers of its
// events. The events are read from the gateway page by page while a screen that wants them is in
// front, and kept.

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "ui/ui_priv.h"

#define WHOLE_WIDTH 70 // of the box with one line in full

// ---- what was read

static void forget(struct log_view *log)
{
	log->first = log->last = log->next = log->cursor = log->top = log->ends = 0;
	log->asked = log->whole = false;
}

void ui_log(struct ui *ui, const struct event_page *page)
{
	struct log_view *log = &ui->log;

	log->asked = false;
	// an answer that leads nowhere is not asked for again until there are new events
	log->next = page->next > log->next ? page->next
		    : ui->live.n_events    ? ui->live.events[0].seq + 1
					   : 1;
	for (int i = 0; i < page->n; i++) {
		const struct event *event = &page->events[i];

		if (log->last && event->seq != log->last + 1)
			log->last = 0; // a gap: what is before it is not shown as if it were all
		if (!log->last)
			log->first = event->seq;
		log->last = event->seq;
		log->ring[event->seq % EVENT_LOG_SIZE] = *event;
		if (log->last - log->first >= EVENT_LOG_SIZE)
			log->first = log->last - EVENT_LOG_SIZE + 1;
	}
}

bool log_wish(struct ui *ui, int64_t now_ms, struct ui_wish *out)
{
	struct log_view *log = &ui->log;

	(void)now_ms;
	if (log->pid != ui->live.pid) // another gateway counts its events anew
		forget(log);
	log->pid = ui->live.pid;
	if (log->asked || !ui->live.n_events || ui->live.events[0].seq < log->next)
		return false;
	log->asked = true;
	*out = (struct ui_wish){ .kind = WISH_LOG };
	out->log.from = log->next ? log->next : 1;
	return true;
}

const struct event *log_event(const struct ui *ui, uint64_t seq)
{
	const struct log_view *log = &ui->log;

	return log->last && seq >= log->first && seq <= log->last ? &log->ring[seq % EVENT_LOG_SIZE]
								  : NULL;
}

// ---- what of it is shown

static uint64_t newest(const struct log_view *log)
{
	return log->ends && log->ends < log->last ? log->ends : log->last;
}

static bool is_shown(const struct ui *ui, uint64_t seq)
{
	struct event_filter filter = { .level = ui->log.level };
	const struct event *event = log_event(ui, seq);

	memcpy(filter.object, ui->log.object, sizeof(filter.object));
	return event && seq <= newest(&ui->log) && event_matches(event, &filter);
}

// The shown line `n` before or after that of `seq`, or the last one on the way; 0: there is none.
static uint64_t step(const struct ui *ui, uint64_t seq, int n)
{
	uint64_t found = is_shown(ui, seq) ? seq : 0;

	for (; n > 0 && seq < newest(&ui->log); n -= is_shown(ui, seq))
		found = is_shown(ui, ++seq) ? seq : found;
	for (; n < 0 && seq > ui->log.first; n += is_shown(ui, seq))
		found = is_shown(ui, --seq) ? seq : found;
	return found;
}

static int count(const struct ui *ui, uint64_t from, uint64_t to)
{
	int n = 0;

	for (uint64_t seq = from; from && seq <= to; seq++)
		n += is_shown(ui, seq);
	return n;
}

static uint64_t last_shown(const struct ui *ui)
{
	return step(ui, newest(&ui->log) + 1, -1);
}

// Brings mark and top to lines that are there.
static void settle(struct ui *ui, int rows)
{
	struct log_view *log = &ui->log;
	uint64_t last = last_shown(ui), lowest;

	if (!log->cursor || !last) {
		log->top = last ? step(ui, last, -(rows - 1)) : 0;
		return;
	}
	if (log->cursor < log->first)
		log->cursor = log->first;
	if (!is_shown(ui, log->cursor))
		log->cursor = step(ui, log->cursor, -1);
	if (!log->cursor)
		log->cursor = step(ui, log->first, 1);
	if (log->top < log->first || !is_shown(ui, log->top))
		log->top = step(ui, log->cursor, -(rows - 1));
	if (log->cursor < log->top)
		log->top = log->cursor;
	lowest = step(ui, log->top, rows - 1);
	if (log->cursor > lowest)
		log->top = step(ui, log->cursor, -(rows - 1));
}

void log_enter(struct ui *ui, int64_t now_ms)
{
	(void)now_ms;
	ui->log.cursor = 0;
	ui->log.shift = 0;
	ui->log.whole = false;
}

void log_move(struct ui *ui, int rows)
{
	struct log_view *log = &ui->log;
	uint64_t at = log->cursor ? log->cursor : last_shown(ui);

	if (at)
		at = step(ui, at, rows);
	// at the end it follows again
	log->cursor = rows > 0 && at == last_shown(ui) ? 0 : at;
}

void log_pick(struct ui *ui, int row)
{
	ui->log.cursor = step(ui, ui->log.top, row);
}

int log_page(const struct ui *ui)
{
	return ui->log.page;
}

void log_shift(struct ui *ui, int columns)
{
	ui->log.shift += columns;
	if (ui->log.shift < 0)
		ui->log.shift = 0;
	if (ui->log.shift > EVENT_TEXT_SIZE)
		ui->log.shift = EVENT_TEXT_SIZE;
}

void log_open(const struct press *press)
{
	press->ui->log.whole = !press->ui->log.whole;
}

bool log_back(struct ui *ui)
{
	struct log_view *log = &ui->log;
	bool had = log->whole || log->search[0] || log->object[0];

	if (!log->whole)
		log->search[0] = log->object[0] = '\0';
	log->whole = false;
	return had;
}

// ---- filters

void log_next_level(const struct press *press)
{
	struct log_view *log = &press->ui->log;

	log->level = log->level == LOG_LEVEL_DEBUG ? LOG_LEVEL_ERROR : log->level + 1;
}

// The object of the marked line; while it follows, the path that is selected on the overview.
void log_only_object(const struct press *press)
{
	struct log_view *log = &press->ui->log;
	const struct event *event = log_event(press->ui, log->cursor);
	const char *object = event ? event->object : press->ui->selected;

	str_copy(log->object, sizeof(log->object), log->object[0] ? "" : object);
}

// ---- searching

static bool contains(const char *text, const char *part)
{
	return strcasestr(text, part);
}

static bool is_found(const struct ui *ui, uint64_t seq)
{
	const struct event *event = log_event(ui, seq);
	const char *part = ui->log.search;

	return is_shown(ui, seq) && (contains(event->object, part) || contains(event->verb, part) ||
				     contains(event->text, part));
}

static void search(struct ui *ui, uint64_t from, int direction, int64_t now_ms)
{
	struct log_view *log = &ui->log;
	uint64_t seq = from;

	while (seq && log_event(ui, seq) && !is_found(ui, seq))
		seq += (uint64_t)direction;
	if (log_event(ui, seq))
		log->cursor = seq;
	else
		ui_say(ui, now_ms, "no %s line has '%s'", direction < 0 ? "older" : "newer",
		       log->search);
}

static void take_search(struct ui *ui, const char *text, int64_t now_ms)
{
	str_copy(ui->log.search, sizeof(ui->log.search), text);
	if (text[0])
		search(ui, ui->log.cursor ? ui->log.cursor : newest(&ui->log), -1, now_ms);
}

void log_ask_search(const struct press *press)
{
	prompt_open(press->ui, "Search", "", take_search);
}

static void search_on(const struct press *press, int direction)
{
	struct ui *ui = press->ui;
	uint64_t at = ui->log.cursor ? ui->log.cursor : newest(&ui->log);
	char key[KEY_NAME_SIZE];

	if (!ui->log.search[0])
		ui_say(ui, press->now_ms, "search for what? %s asks for it",
		       bindings_key_of("search", UI_LOG, key));
	else
		search(ui, at + (uint64_t)direction, direction, press->now_ms);
}

void log_search_older(const struct press *press)
{
	search_on(press, -1);
}

void log_search_newer(const struct press *press)
{
	search_on(press, 1);
}

void log_save(const struct ui *ui, struct str *out)
{
	const struct log_view *log = &ui->log;

	for (uint64_t seq = log->first; seq && seq <= newest(log); seq++) {
		const struct event *event = log_event(ui, seq);
		time_t then = (time_t)(event->time_ms / 1000);
		char when[32] = "";
		struct tm tm;

		if (!is_shown(ui, seq))
			continue;
		if (localtime_r(&then, &tm))
			strftime(when, sizeof(when), "%b %d %H:%M:%S", &tm);
		str_addf(out, "%s %c %-5s %-8s %s\n", when, event_is_alert(event) ? '!' : ' ',
			 event->object, event->verb, event->text);
	}
}

// ---- drawing

void log_title(const struct ui *ui, const struct view *view, struct str *out)
{
	const struct log_view *log = &ui->log;
	const char *plus = log->level == LOG_LEVEL_ERROR ? "" : "+";

	(void)view;
	str_addf(out, "log  level: %s%s  path: %s", log_level_word(log->level), plus,
		 log->object[0] ? log->object : "all");
	if (log->search[0])
		str_addf(out, "  /%s", log->search);
}

struct widths {
	int when, object, verb;
};

// Where both have no room, the day of what is not of today.
static const char *format_when(const struct view *view, const struct event *event, int width,
			       char out[static 32])
{
	time_t then = (time_t)(event->time_ms / 1000), now = (time_t)(view->time_ms / 1000);
	struct tm tm, now_tm;

	out[0] = '\0';
	if (localtime_r(&then, &tm) && localtime_r(&now, &now_tm))
		strftime(out, 32,
			 width > 8 ? "%b %d %H:%M:%S"
			 : tm.tm_yday != now_tm.tm_yday || tm.tm_year != now_tm.tm_year
				 ? "%b %d"
				 : "%H:%M:%S",
			 &tm);
	return out;
}

static struct widths measure(const struct ui *ui, const struct view *view, int rows)
{
	bool roomy = view->form & (FORM_NORMAL | FORM_WIDE);
	struct widths widths = { roomy ? 15 : 8, 5, 8 };
	int most = view->form == FORM_WIDE ? 12 : 8;
	uint64_t seq = ui->log.top;

	for (int i = 0; seq && i < rows; i++) {
		const struct event *event = log_event(ui, seq);
		uint64_t next = step(ui, seq, 1);
		int object = canvas_measure(event->object), verb = canvas_measure(event->verb);

		if (object > widths.object)
			widths.object = object < most ? object : most;
		if (verb > widths.verb && roomy)
			widths.verb = verb < 11 ? verb : 11;
		if (next == seq)
			break;
		seq = next;
	}
	return widths;
}

static void draw_line(const struct ui *ui, const struct view *view, struct canvas *canvas, int row,
		      const struct widths *widths, const struct event *event)
{
	int mark_col = 1 + widths->when + 1, object_col = mark_col + 2;
	int verb_col = object_col + widths->object + 1, text_col = verb_col + widths->verb + 1;
	bool marked = event->seq == ui->log.cursor;
	const char *text = event->text;
	char when[32];

	for (int i = 0; i < ui->log.shift && *text; i++) {
		text++;
		while ((*text & 0xc0) == 0x80) // the rest of a character
			text++;
	}
	canvas_text(canvas, row, 1, widths->when, ATTR_NORMAL,
		    format_when(view, event, widths->when, when));
	if (event_is_alert(event))
		canvas_put(canvas, row, mark_col, '!', ATTR_BAD);
	canvas_text_fit(canvas, row, object_col, widths->object, ATTR_NORMAL, event->object);
	canvas_text_fit(canvas, row, verb_col, widths->verb, ATTR_NORMAL, event->verb);
	canvas_text_fit(canvas, row, text_col, canvas->width - text_col,
			ui->log.search[0] && is_found(ui, event->seq) ? ATTR_HEADING : ATTR_NORMAL,
			text);
	if (marked) {
		canvas_put(canvas, row, 0, '>', ATTR_NORMAL);
		canvas->cursor_row = row;
		canvas->cursor_col = 0;
	}
}

static void draw_footer(const struct ui *ui, struct canvas *canvas, int row, int rows)
{
	const struct log_view *log = &ui->log;
	uint64_t lowest = log->top ? step(ui, log->top, rows - 1) : 0;
	int held = log->last ? (int)(newest(log) - log->first + 1) : 0;
	int newer = lowest ? count(ui, lowest + 1, newest(log)) : 0;

	char key[KEY_NAME_SIZE], below[32] = "", head[48], hint[48];

	if (newer)
		snprintf(below, sizeof(below), "%d newer below, ", newer);
	if (log->cursor) {
		canvas_textf(canvas, row, 1, canvas->width - 1, ATTR_HEADING,
			     "PAUSED  %s%s follows again", below,
			     bindings_key_of("last", UI_LOG, key));
		return;
	}
	snprintf(head, sizeof(head), "%d of %d lines, following.",
		 count(ui, log->first, newest(log)), held);
	snprintf(hint, sizeof(hint), "  %s stops that.", bindings_key_of("up", UI_LOG, key));
	canvas_text_parts(
		canvas, row, 1, canvas->width - 1, ATTR_NORMAL,
		(const char *const[]){ head, hint, "  Older: journalctl -u mpgate", NULL });
}

static void draw_empty(const struct ui *ui, struct canvas *canvas, int row)
{
	const struct log_view *log = &ui->log;
	char back[KEY_NAME_SIZE], key[KEY_NAME_SIZE];
	const char *level = bindings_key_of("level", UI_LOG, key);
	struct str text = { 0 };

	if (!log->last && ui->live.n_events)
		str_add(&text, "Reading the log.");
	else if (log->object[0])
		str_addf(&text,
			 "No events of %s at level %s.  %s shows all paths, %s other levels.",
			 log->object, log_level_word(log->level),
			 bindings_key_of("back", UI_LOG, back), level);
	else
		str_addf(&text, "No events at level %s.  %s shows more.",
			 log_level_word(log->level), level);
	canvas_text_fit(canvas, row, 1, canvas->width - 1, ATTR_NORMAL, str_text(&text));
	str_fini(&text);
}

static void draw_whole(const struct ui *ui, const struct view *view, struct canvas *canvas)
{
	uint64_t seq = ui->log.cursor ? ui->log.cursor : last_shown(ui);
	const struct event *event = log_event(ui, seq);
	int width = canvas->width - 4 < WHOLE_WIDTH ? canvas->width - 4 : WHOLE_WIDTH;
	struct page page = { 0 };
	char when[32], head[96], closes[CLOSING_SIZE];

	if (!event)
		return;
	snprintf(head, sizeof(head), "%s  %s  %s %s", format_when(view, event, 15, when),
		 log_level_word(event->level), event->object, event->verb);
	page_wrap(&page, ATTR_HEADING, width, 2, head);
	page_wrap(&page, ATTR_NORMAL, width, 0, event->text);
	box_draw(canvas, "EVENT", bindings_closing(UI_LOG, closes), &page, 0, width);
}

void log_draw(struct ui *ui, const struct view *view, struct canvas *canvas, int row, int rows)
{
	int lines = rows - 1;
	struct widths widths;
	uint64_t seq;

	ui->log.ends = ui->paused && ui->frozen.n_events ? ui->frozen.events[0].seq : 0;
	ui->log.page = lines;
	settle(ui, lines);
	widths = measure(ui, view, lines);
	seq = ui->log.top;
	ui->list_row = row;
	for (int i = 0; i < lines; i++) {
		uint64_t next = seq ? step(ui, seq, 1) : 0;

		ui->list_rows += seq != 0;
		if (seq)
			draw_line(ui, view, canvas, row + i, &widths, log_event(ui, seq));
		else if (i)
			canvas_put(canvas, row + i, 0, '~', ATTR_IDLE);
		seq = next == seq ? 0 : next;
	}
	if (!ui->log.top)
		draw_empty(ui, canvas, row);
	draw_footer(ui, canvas, row + lines, lines);
	if (ui->log.whole)
		draw_whole(ui, view, canvas);
}
