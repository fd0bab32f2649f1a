// SPDX-License-Identifier: GPL-2.0-or-later
//
// The line above the key bar: what the console has to say, else the oldest alarm that nobody
// acknowledged, with the keys that help.

#include <stdio.h>
#include <string.h>

#include "ui/ui_priv.h"

// "ppp0 DOWN: no reply" with the age put before the colon: "ppp0 DOWN 21 s: no reply".
static void write_alarm(const struct view *view, const struct alarm *alarm, struct str *out)
{
	const char *colon = strstr(alarm->text, ": ");
	int head = colon ? (int)(colon - alarm->text) : (int)strlen(alarm->text);
	int64_t age_s = (view->time_ms - alarm->since_ms) / 1000;
	char age[FORMAT_SIZE];

	str_addf(out, "%.*s %s%s", head, alarm->text, format_duration(age_s < 0 ? 0 : age_s, age),
		 alarm->text + head);
}

// Another path helps when one is out, or all are; what else is wrong, the doctor may find.
static bool another_helps(const struct view *view, int object)
{
	if (object >= 0)
		return view->s->paths[object].state != PATH_STATE_BLOCKED;
	return view->s->verdict == VERDICT_OFFLINE;
}

static void write_hints(const struct view *view, const struct alarm *alarm, struct str *out)
{
	bool roomy = view->form & (FORM_NORMAL | FORM_WIDE);
	bool acts = bindings_find(view->s, 'R', view->screen); // on paths, here
	int object = facts_find_path(view->s, alarm->object);
	bool helps = another_helps(view, object);

	if (object >= 0)
		str_add(out, acts && object == view->selected ? "  R:Redial"
			     : roomy                          ? "  a:Go there"
							      : "  a:Go");
	str_add(out, "  A:Ack");
	if (!helps && roomy && view->screen != UI_DOCTOR)
		str_add(out, "  d:Doctor");
	for (int i = 0; acts && roomy && helps && i < view->s->n_paths; i++) {
		const struct path_snapshot *path = &view->s->paths[i];

		if (bindings_allow_hotkey(path->hotkey) && path->state == PATH_STATE_STANDBY)
			str_addf(out, "  %c:Enable %s", path->hotkey, path->name);
	}
}

static void draw_alarm(const struct view *view, struct canvas *canvas, int row,
		       const struct alarm *alarm)
{
	struct str text = { 0 }, hints = { 0 };
	int col = 1, hints_width;

	write_alarm(view, alarm, &text);
	if (!view->read_only)
		write_hints(view, alarm, &hints);
	col += canvas_text(canvas, row, col, canvas->width - col, ATTR_FAILED, "ALARM") + 1;
	hints_width = canvas_measure(str_text(&hints));
	if (hints_width > canvas->width / 2) // then the cause is worth more than the last hint
		hints_width = canvas->width / 2;
	col += canvas_text_fit(canvas, row, col, canvas->width - col - hints_width, ATTR_NORMAL,
			       str_text(&text));
	canvas_text_fit(canvas, row, col, canvas->width - col, ATTR_NORMAL, str_text(&hints));
	str_fini(&text);
	str_fini(&hints);
}

// A change that is going to be taken back comes before all alarms: it waits for an answer.
static void draw_timed(const struct view *view, struct canvas *canvas, int row)
{
	int64_t left_s = (view->s->revert_at_ms - view->time_ms + 999) / 1000;
	char text[128];

	snprintf(text, sizeof(text), "%s is off, and comes back in %d:%02d.%s", view->s->timed_path,
		 (int)(left_s > 0 ? left_s / 60 : 0), (int)(left_s > 0 ? left_s % 60 : 0),
		 view->read_only || !bindings_find(view->s, 'K', view->screen) ? "" : "   K:Keep it off");
	canvas_text_fit(canvas, row, 1, canvas->width - 1, ATTR_BAD, text);
}

void pane_alarm_draw(const struct view *view, struct canvas *canvas, int row, int rows)
{
	const struct alarm *alarm = facts_first_alarm(view->s);

	(void)rows;
	if (view->message)
		canvas_text_fit(canvas, row, 1, canvas->width - 1, ATTR_HEADING, view->message);
	else if (view->s->revert_at_ms)
		draw_timed(view, canvas, row);
	else if (alarm)
		draw_alarm(view, canvas, row, alarm);
}
