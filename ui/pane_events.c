// SPDX-License-Identifier: GPL-2.0-or-later
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "ui/ui_priv.h"

#define TIME_COL   1
#define MARK_COL   10
#define OBJECT_COL 12

static void draw_header(const struct view *view, struct canvas *canvas, int row)
{
	int n = view->s->n_alarms, width;
	char text[48] = "no active alarms";

	canvas_textf(canvas, row, 0, canvas->width, ATTR_HEADING, "EVENTS (%" PRIu64 " today)",
		     view->s->events_today);
	if (n)
		snprintf(text, sizeof(text), "%d active alarm%s", n, n == 1 ? "" : "s");
	width = canvas_measure(text);
	canvas_text(canvas, row, canvas->width - width - 1, width, n ? ATTR_BAD : ATTR_HEADING,
		    text);
}

// The time of day, or the day when it was another one than today.
static const char *format_when(const struct view *view, int64_t time_ms,
			       char out[static FORMAT_SIZE])
{
	time_t then = (time_t)(time_ms / 1000), now = (time_t)(view->time_ms / 1000);
	struct tm then_tm, now_tm;

	format_clock(time_ms, out);
	if (localtime_r(&then, &then_tm) && localtime_r(&now, &now_tm) &&
	    (then_tm.tm_yday != now_tm.tm_yday || then_tm.tm_year != now_tm.tm_year))
		strftime(out, FORMAT_SIZE, "%d %b", &then_tm);
	return out;
}

// The columns that are as wide as their contents need, within limits.
struct widths {
	int object, verb;
};

static struct widths measure_events(const struct view *view, int n)
{
	bool roomy = view->form & (FORM_NORMAL | FORM_WIDE);
	struct widths most = { view->form == FORM_WIDE ? 12 : roomy ? 8 : 5, roomy ? 11 : 8 };
	struct widths widths = { 5, 8 };

	for (int i = 0; i < n; i++) {
		const struct event *event = facts_event(view->ui, view->s, i);
		int object = canvas_measure(event->object);
		int verb = canvas_measure(event->verb);

		if (object > widths.object)
			widths.object = object < most.object ? object : most.object;
		if (verb > widths.verb)
			widths.verb = verb < most.verb ? verb : most.verb;
	}
	return widths;
}

static void draw_event(const struct view *view, struct canvas *canvas, int row,
		       const struct widths *widths, const struct event *event)
{
	int verb_col = OBJECT_COL + widths->object + 1;
	int text_col = verb_col + widths->verb + 1;
	char when[FORMAT_SIZE];

	canvas_text(canvas, row, TIME_COL, MARK_COL - TIME_COL, ATTR_NORMAL,
		    format_when(view, event->time_ms, when));
	if (event_is_alert(event))
		canvas_put(canvas, row, MARK_COL, '!', ATTR_BAD);
	canvas_text_fit(canvas, row, OBJECT_COL, widths->object, ATTR_NORMAL, event->object);
	if (view->form == FORM_TINY) // no column is left for verbs
		text_col = verb_col + 1 +
			   canvas_text(canvas, row, verb_col, canvas->width - verb_col, ATTR_NORMAL,
				       event->verb);
	else
		canvas_text_fit(canvas, row, verb_col, widths->verb, ATTR_NORMAL, event->verb);
	canvas_text_fit(canvas, row, text_col, canvas->width - text_col, ATTR_NORMAL, event->text);
}

// As sentences, the newest at the bottom: they are read out as they come.
static void draw_sentences(const struct view *view, struct canvas *canvas, int row, int n)
{
	for (int i = 0; i < n; i++) {
		const struct event *event = facts_event(view->ui, view->s, n - 1 - i);
		char when[FORMAT_SIZE], text[256];

		snprintf(text, sizeof(text), "%s %s: %s  %s", event->object, event->verb,
			 event->text, format_when(view, event->time_ms, when));
		canvas_text_fit(canvas, row + i, 1, canvas->width - 1, ATTR_NORMAL, text);
	}
}

void pane_events_draw(const struct view *view, struct canvas *canvas, int row, int rows)
{
	struct widths widths;
	int n = 0;

	while (n < rows - 1 && facts_event(view->ui, view->s, n))
		n++;
	widths = measure_events(view, n);
	draw_header(view, canvas, row);
	if (!view->s->n_events)
		canvas_text(canvas, row + 1, TIME_COL, canvas->width - TIME_COL, ATTR_NORMAL,
			    "none yet");
	if (view->accessible)
		draw_sentences(view, canvas, row + 1, n);
	for (int i = 0; i < n && !view->accessible; i++)
		draw_event(view, canvas, row + 1 + i, &widths, facts_event(view->ui, view->s, i));
}
