// SPDX-License-Identifier: GPL-2.0-or-later
//
// The status line. Its items leave one by one when the line is short, the one with the highest rank
// first; the verdict never goes.

#include <stdio.h>
#include <string.h>

#include "ui/ui_priv.h"

enum item {
	ITEM_NAME,
	ITEM_VERDICT,
	ITEM_EXTRA,
	ITEM_TRAIL, // where we are; stands in for all that follow but the clock
	ITEM_PATHS,
	ITEM_STANDBY, // goes on where ITEM_PATHS ends
	ITEM_EXIT,
	ITEM_CONNECTIONS,
	ITEM_UPTIME,
	ITEM_CLOCK,
	ITEMS
};

static const int ranks[ITEMS] = {
	[ITEM_VERDICT] = 0,     [ITEM_EXTRA] = 1,  [ITEM_PATHS] = 2, [ITEM_TRAIL] = 0,
	[ITEM_CLOCK] = 3,       [ITEM_NAME] = 4,   [ITEM_EXIT] = 5,  [ITEM_STANDBY] = 6,
	[ITEM_CONNECTIONS] = 7, [ITEM_UPTIME] = 8,
};

#define ITEM_SIZE 120
#define HOST_MAX  20

typedef char item_text[ITEM_SIZE];

static bool is_long(const struct view *view)
{
	return view->form & (FORM_NORMAL | FORM_WIDE);
}

static void write_name(const struct view *view, char *out)
{
	size_t n = strlen(view->s->host);

	if (!is_long(view) || !n)
		str_copy(out, ITEM_SIZE, "mpgate");
	else
		snprintf(out, ITEM_SIZE, "mpgate %.*s%s", n > HOST_MAX ? HOST_MAX - 1 : HOST_MAX,
			 view->s->host, n > HOST_MAX ? "~" : "");
}

static void write_extra(const struct view *view, char *out)
{
	char age[FORMAT_SIZE];

	if (view->stale)
		snprintf(out, ITEM_SIZE, "STALE %s", format_duration(view->silent_s, age));
	else if (view->paused_s != SNAPSHOT_NONE)
		snprintf(out, ITEM_SIZE, "PAUSED %s", format_duration(view->paused_s, age));
	else if (view->read_only && is_long(view))
		str_copy(out, ITEM_SIZE, "READ-ONLY");
	if (view->s->pending[0] && is_long(view) && !out[0])
		snprintf(out, ITEM_SIZE, "restart pending %s", view->s->pending);
	else if (view->s->pending[0] && !out[0])
		str_copy(out, ITEM_SIZE, "restart");
}

static void write_paths(const struct view *view, char *out, char *standby)
{
	struct facts_count n = facts_count_paths(view->s);

	if (!is_long(view)) {
		snprintf(out, ITEM_SIZE, "%d/%d up", n.up, n.wanted);
		return;
	}
	snprintf(out, ITEM_SIZE, "%d of %d path%s up", n.up, n.wanted, n.wanted == 1 ? "" : "s");
	if (n.standby)
		snprintf(standby, ITEM_SIZE, ", %d standby", n.standby);
}

static void write_exit(const struct view *view, char *out)
{
	const struct exit_snapshot *to = &view->s->exit;
	const char *word = is_long(view) ? "exit " : "";
	char rtt[FORMAT_SIZE];

	if (!to->name[0])
		return;
	if (to->reachable == 0)
		snprintf(out, ITEM_SIZE, "%s%s silent", word, to->name);
	else if (to->rtt_us < 0)
		snprintf(out, ITEM_SIZE, "%s%s ?", word, to->name);
	else
		snprintf(out, ITEM_SIZE, "%s%s %s ms", word, to->name, format_rtt(to->rtt_us, rtt));
}

static void write_connections(const struct view *view, char *out)
{
	char n[FORMAT_SIZE];
	int used;

	if (view->form != FORM_WIDE)
		return;
	used = snprintf(out, ITEM_SIZE, "conns %s", format_count(view->s->connections, n));
	if (view->s->connections_tcp > 0)
		snprintf(out + used, ITEM_SIZE - (size_t)used, " (%d TCP)",
			 view->s->connections_tcp);
}

static void write_items(const struct view *view, item_text items[ITEMS])
{
	char text[FORMAT_SIZE];

	memset(items, 0, ITEMS * sizeof(items[0]));
	write_name(view, items[ITEM_NAME]);
	str_copy(items[ITEM_VERDICT], ITEM_SIZE,
		 view->s->n_paths ? verdict_word(view->s->verdict) : "NO PATHS CONFIGURED");
	if (view->absent)
		str_copy(items[ITEM_VERDICT], ITEM_SIZE, view->absent);
	else
		write_extra(view, items[ITEM_EXTRA]);
	if (view->wall_ms != SNAPSHOT_NONE)
		format_clock(view->wall_ms, items[ITEM_CLOCK]);
	if (view->trail) {
		snprintf(items[ITEM_TRAIL], ITEM_SIZE, "> %s", view->trail);
		return;
	}
	if (view->s->n_paths)
		write_paths(view, items[ITEM_PATHS], items[ITEM_STANDBY]);
	write_exit(view, items[ITEM_EXIT]);
	write_connections(view, items[ITEM_CONNECTIONS]);
	if (view->form == FORM_WIDE)
		snprintf(items[ITEM_UPTIME], ITEM_SIZE, "up %s",
			 format_duration(view->s->uptime_s, text));
}

// Items stand two blanks apart, but for the verdict after the name in narrow forms.
static int gap_before(const struct view *view, enum item item)
{
	return item == ITEM_STANDBY ? 0 : item == ITEM_VERDICT && !is_long(view) ? 1 : 2;
}

static int measure_items(const struct view *view, item_text items[ITEMS])
{
	int used = 0;

	for (int i = 0; i < ITEMS; i++) {
		if (items[i][0])
			used += (used ? gap_before(view, i) : 0) + canvas_measure(items[i]);
	}
	return used;
}

static bool is_alerting(const struct view *view, enum item item)
{
	if (item == ITEM_EXTRA)
		return view->stale;
	return item == ITEM_VERDICT &&
	       (view->absent || view->s->verdict > VERDICT_OK || !view->s->n_paths);
}

static void drop_item(item_text items[ITEMS])
{
	int worst = ITEM_VERDICT;

	for (int i = 0; i < ITEMS; i++) {
		if (items[i][0] && ranks[i] > ranks[worst])
			worst = i;
	}
	if (worst != ITEM_VERDICT)
		items[worst][0] = '\0';
}

void pane_status_draw(const struct view *view, struct canvas *canvas, int row, int rows)
{
	item_text items[ITEMS];
	int left = view->form == FORM_TINY ? 0 : 1, col = left;
	int clock_width;

	(void)rows;
	write_items(view, items);
	for (int i = 1; i < ITEMS && left + measure_items(view, items) > canvas->width; i++)
		drop_item(items);
	canvas_fill(canvas, row, 0, canvas->width, ' ', ATTR_STATUS);
	clock_width = canvas_measure(items[ITEM_CLOCK]);
	canvas_text(canvas, row, canvas->width - clock_width, clock_width, ATTR_STATUS,
		    items[ITEM_CLOCK]);
	for (int i = 0; i < ITEM_CLOCK; i++) {
		if (!items[i][0])
			continue;
		col += col > left ? gap_before(view, i) : 0;
		col += canvas_text_fit(canvas, row, col, canvas->width - col,
				       is_alerting(view, i) ? ATTR_STATUS_ALERT : ATTR_STATUS,
				       items[i]);
	}
}
