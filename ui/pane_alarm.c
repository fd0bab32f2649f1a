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

enum {
	HELP_REDIAL = 1 << 0,
	HELP_OTHER = 1 << 1, // another path that waits
	HELP_DOCTOR = 1 << 2,
	HELP_ENABLE = 1 << 3, // offers to go on all the same
};

#define HELP_LINE (HELP_REDIAL | HELP_OTHER)

// What helps, by what the alarm is of: its id after the slash, and the path's reason; the first row
// that fits.
static const struct {
	const char *what, *reason; // reason NULL: any
	unsigned help;
} helps[] = {
	{ "down", "login-refused",
	  HELP_OTHER }, // before the words have changed it would be refused again
	{ "down", "settings", HELP_OTHER | HELP_DOCTOR },
	{ "down", "not-permitted", HELP_OTHER | HELP_DOCTOR },
	{ "down", "no-kernel-ppp", HELP_OTHER | HELP_DOCTOR },
	{ "down", "no-pppd", HELP_OTHER | HELP_DOCTOR },
	{ "down", "sim-pin", HELP_OTHER },
	{ "down", "sim-puk", HELP_OTHER },
	{ "down", "no-sim", HELP_OTHER },
	{ "down", "no-reply", HELP_LINE | HELP_DOCTOR },
	{ "down", "no-address", HELP_OTHER | HELP_DOCTOR },
	{ "down", "no-gateway", HELP_OTHER | HELP_DOCTOR },
	{ "down", "same-address", HELP_OTHER | HELP_DOCTOR },
	{ "down", "portal", HELP_DOCTOR },
	{ "down", "no-mptcp", HELP_DOCTOR },
	{ "down", "flapping", HELP_OTHER },
	{ "down", NULL, HELP_LINE },
	{ "cap", NULL, HELP_ENABLE },
	{ "verdict", NULL, HELP_DOCTOR },
	{ "clock", NULL, HELP_DOCTOR },
	{ "exit", NULL, HELP_DOCTOR },
	{ "caps", NULL, HELP_DOCTOR },
	{ "dns", NULL, HELP_DOCTOR },
	{ "name-server", NULL, HELP_DOCTOR },
};

static unsigned find_help(const struct view *view, const struct alarm *alarm,
			  const struct path_snapshot *path)
{
	const char *slash = strchr(alarm->id, '/');

	if (!path && view->s->verdict == VERDICT_OFFLINE)
		return HELP_OTHER;
	for (size_t i = 0; slash && i < sizeof(helps) / sizeof(helps[0]); i++) {
		if (strcmp(slash + 1, helps[i].what) == 0 &&
		    (!helps[i].reason || (path && strcmp(path->reason, helps[i].reason) == 0)))
			return helps[i].help;
	}
	return 0;
}

static void add_hint(const struct view *view, const char *action, const char *words,
		     struct str *out)
{
	char key[KEY_NAME_SIZE];

	if (bindings_key_of(action, view->screen, key))
		str_addf(out, "  %s:%s", key, words);
}

// The keys that help, the best first. What acts on the selected path is offered when that is the
// one.
static void write_hints(const struct view *view, const struct alarm *alarm, struct str *out)
{
	bool roomy = view->form & (FORM_NORMAL | FORM_WIDE);
	bool acts = view->screen & (UI_OVERVIEW | UI_PATH); // on paths, here
	int object = facts_find_path(view->s, alarm->object);
	const struct path_snapshot *path = object >= 0 ? &view->s->paths[object] : NULL;
	unsigned help = find_help(view, alarm, path);

	if (path && (!acts || object != view->selected))
		add_hint(view, "alarm", roomy ? "Go there" : "Go", out);
	else if (path && help & HELP_REDIAL)
		add_hint(view, "redial", "Redial", out);
	else if (path && help & HELP_ENABLE)
		add_hint(view, "enable", "Use it still", out);
	for (int i = 0; acts && help & HELP_OTHER && i < view->s->n_paths; i++) {
		const struct path_snapshot *other = &view->s->paths[i];

		if (bindings_allow_hotkey(other->hotkey) && other->state == PATH_STATE_STANDBY)
			str_addf(out, "  %c:Enable %s", other->hotkey, other->name);
	}
	add_hint(view, "acknowledge", "Ack", out);
	if (help & HELP_DOCTOR && view->screen != UI_DOCTOR)
		add_hint(view, "doctor", "Doctor", out);
}

// Where the sentence may end, the last place before `end`, or 0.
static size_t find_clause(const char *text, size_t end)
{
	static const char *const ends[] = { ": ", ", ", " (" };
	size_t last = 0;

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		for (const char *at = text; (at = strstr(at, ends[i])) && (size_t)(at - text) < end;
		     at++) {
			if ((size_t)(at - text) > last)
				last = (size_t)(at - text);
		}
	}
	return last;
}

// Whole clauses leave rather than parts of words, as long as `least` bytes stay.
static void cut_clauses(struct str *text, int width, size_t least)
{
	size_t end;

	while (canvas_measure(str_text(text)) > width &&
	       (end = find_clause(text->text, text->len)) >= least && end)
		text->text[text->len = end] = '\0';
}

// The last hints leave, as long as there are more than `least`.
static void cut_hints(struct str *hints, int width, int least)
{
	while (canvas_measure(str_text(hints)) > width) {
		const char *last = NULL;
		int n = 0;

		for (const char *at = hints->text; (at = strstr(at, "  ")); at += 2, n++)
			last = at;
		if (!last || n <= least)
			return;
		hints->text[hints->len = (size_t)(last - hints->text)] = '\0';
	}
}

// The head and the first clause behind it: what is wrong, in the fewest words.
static size_t measure_cause(const char *text)
{
	size_t end = strlen(text), clause;
	const char *colon = strstr(text, ": ");

	while (colon && (clause = find_clause(text, end)) > (size_t)(colon - text))
		end = clause;
	return end;
}

// So much room is better filled with half a sentence.
#define WASTE 10

static void fit(struct str *text, struct str *hints, int width)
{
	struct str whole = { 0 };

	str_add(&whole, str_text(text));
	cut_hints(hints, width - canvas_measure(str_text(text)), 3);
	cut_clauses(text, width - canvas_measure(str_text(hints)), measure_cause(str_text(text)));
	cut_hints(hints, width - canvas_measure(str_text(text)), 2);
	cut_clauses(text, width - canvas_measure(str_text(hints)), 0);
	cut_hints(hints, width - canvas_measure(str_text(text)), 1);
	if (text->len < whole.len &&
	    width - canvas_measure(str_text(hints)) - canvas_measure(str_text(text)) >= WASTE) {
		str_clear(text);
		str_add(text, str_text(&whole));
	}
	str_fini(&whole);
}

static void draw_alarm(const struct view *view, struct canvas *canvas, int row,
		       const struct alarm *alarm)
{
	struct str text = { 0 }, hints = { 0 };
	int col = 1;

	write_alarm(view, alarm, &text);
	if (!view->read_only)
		write_hints(view, alarm, &hints);
	col += canvas_text(canvas, row, col, canvas->width - col, ATTR_FAILED, "ALARM") + 1;
	fit(&text, &hints, canvas->width - col);
	col += canvas_text_fit(canvas, row, col,
			       canvas->width - col - canvas_measure(str_text(&hints)), ATTR_NORMAL,
			       str_text(&text));
	canvas_text_fit(canvas, row, col, canvas->width - col, ATTR_NORMAL, str_text(&hints));
	str_fini(&text);
	str_fini(&hints);
}

// A change that is going to be taken back comes before all alarms: it waits for an answer.
static void draw_timed(const struct view *view, struct canvas *canvas, int row)
{
	int64_t left_s = (view->s->revert_at_ms - view->time_ms + 999) / 1000;
	char key[KEY_NAME_SIZE];
	const char *keep = view->read_only ? NULL : bindings_key_of("keep", view->screen, key);
	char text[128];

	snprintf(text, sizeof(text), "%s is off, and comes back in %d:%02d.%s%s%s",
		 view->s->timed_path, (int)(left_s > 0 ? left_s / 60 : 0),
		 (int)(left_s > 0 ? left_s % 60 : 0), keep ? "   " : "", keep ? keep : "",
		 keep ? ":Keep it off" : "");
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
