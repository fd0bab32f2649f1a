// SPDX-License-Identifier: GPL-2.0-or-later
//
// Which pane gets how many rows. Rows are handed out in the order of a table: what stands first in
// it survives longest when the terminal is short.

#include <limits.h>
#include <string.h>

#include "ui/ui_priv.h"

#define ALL INT_MAX

// A pane grows to so many rows, as far as it wants them and there are any left.
static const struct {
	enum pane pane;
	int rows;
} steps[] = {
	{ PANE_STATUS, 1 }, { PANE_ALARM, 1 },    { PANE_PATHS, 2 },   { PANE_KEYS, 1 },
	{ PANE_PATHS, 7 },  { PANE_RATES, 1 },    { PANE_RX, 3 },      { PANE_AXIS, 1 },
	{ PANE_EVENTS, 3 }, { PANE_TX, 2 },       { PANE_PATHS, ALL }, { PANE_RX, 5 },
	{ PANE_EVENTS, 6 }, { PANE_EXIT, 1 },     { PANE_GATEWAY, 1 }, { PANE_RX, ALL },
	{ PANE_TX, ALL },   { PANE_EVENTS, ALL },
};

#define GRAPH_COLUMNS 66
#define GRAPH_ROWS    18
#define LARGE_ROWS    30 // from here on graphs grow with the terminal

enum ui_form layout_form(int columns)
{
	return columns >= 120  ? FORM_WIDE
	       : columns >= 80 ? FORM_NORMAL
	       : columns >= 60 ? FORM_NARROW
			       : FORM_TINY;
}

static void list_wishes(const struct layout_wish *wish, bool graphs, int want[PANES])
{
	enum ui_form form = layout_form(wish->columns);

	memset(want, 0, PANES * sizeof(want[0]));
	want[PANE_STATUS] = 1;
	if (wish->columns < UI_LEAST_COLUMNS || wish->rows < UI_LEAST_ROWS)
		return;
	want[PANE_ALARM] = wish->alarm;
	want[PANE_RATES] = !graphs;
	want[PANE_RX] = !graphs ? 0 : wish->rows < LARGE_ROWS ? 5 : wish->rows / 5;
	want[PANE_TX] = !graphs || wish->rows == GRAPH_ROWS ? 0
			: wish->rows < LARGE_ROWS           ? 2
							    : wish->rows / 10;
	want[PANE_AXIS] = graphs;
	want[PANE_PATHS] = pane_paths_wish(form, graphs, wish->n_paths);
	want[PANE_EXIT] = form == FORM_WIDE;
	// its numbers never rest, and a screen reader says each
	want[PANE_GATEWAY] = form == FORM_WIDE && !wish->accessible;
	want[PANE_EVENTS] = 1 + (wish->n_events ? wish->n_events : 1);
	want[PANE_KEYS] = 1;
}

void layout_make(const struct layout_wish *wish, struct layout *out)
{
	int want[PANES], left = wish->rows, row = 0;

	*out = (struct layout){ 0 };
	out->graphs =
		!wish->accessible && wish->columns >= GRAPH_COLUMNS && wish->rows >= GRAPH_ROWS;
	list_wishes(wish, out->graphs, want);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		enum pane pane = steps[i].pane;
		int goal = steps[i].rows < want[pane] ? steps[i].rows : want[pane];
		int more = goal - out->rows[pane];

		if (more > left)
			more = left;
		if (more > 0) {
			out->rows[pane] += more;
			left -= more;
		}
	}
	for (int pane = 0; pane < PANES; pane++) {
		if (pane == PANE_ALARM) // what nobody wanted stays blank above the last lines
			row += out->spare = left;
		out->row[pane] = row;
		row += out->rows[pane];
	}
}
