// SPDX-License-Identifier: GPL-2.0-or-later
//
// The graphs of the total: scale at the left, columns, numbers at the right, and the axis of time
// under them. One column is one second.

#include <stdio.h>
#include <string.h>

#include "ui/graph.h"
#include "ui/ui_priv.h"

#define LABEL_WIDTH 6  // "120000"
#define PANEL_WIDTH 13 // " peak 120000"

static int columns_of(const struct canvas *canvas)
{
	int columns = canvas->width - LABEL_WIDTH - 1 - 1 - PANEL_WIDTH;

	return columns < GRAPH_WIDTH_MAX ? columns : GRAPH_WIDTH_MAX;
}

static double in_unit(const struct view *view, int64_t bps)
{
	return (double)bps / rate_unit_bits(view->unit);
}

static void draw_scale(struct canvas *canvas, int row, int rows, double top)
{
	char label[16], text[32];

	for (int r = 0; r < rows; r++) {
		graph_label(top, rows, r, label);
		snprintf(text, sizeof(text), strlen(label) < LABEL_WIDTH ? "%5s " : "%s", label);
		canvas_text(canvas, row + r, 0, LABEL_WIDTH, ATTR_NORMAL, text);
		canvas_put(canvas, row + r, LABEL_WIDTH, '|', ATTR_NORMAL);
	}
}

// Title, then as many numbers as there are rows.
static void draw_panel(const struct view *view, struct canvas *canvas, int row, int rows,
		       const char *title, int64_t now_bps, const struct graph_series *series)
{
	const struct {
		const char *word;
		int64_t bps;
	} numbers[] = {
		{ "now", now_bps },
		{ "avg", series->average_bps },
		{ "peak", series->peak_bps },
	};
	int col = canvas->width - PANEL_WIDTH;
	char rate[FORMAT_SIZE];

	canvas_textf(canvas, row, col + 1, PANEL_WIDTH - 1, ATTR_HEADING, "%s %s", title,
		     rate_unit_word(view->unit));
	for (int i = 0; i + 1 < rows && i < (int)(sizeof(numbers) / sizeof(numbers[0])); i++)
		canvas_textf(canvas, row + i + 1, col + 1, PANEL_WIDTH - 1,
			     view->stale ? ATTR_IDLE : ATTR_NORMAL, "%-4s %6s", numbers[i].word,
			     format_rate(numbers[i].bps, view->unit, rate));
}

static void say_nothing_passed(struct canvas *canvas, int row, int rows,
			       const struct graph_series *series)
{
	char text[64];
	int width;

	if (series->peak_bps > 0)
		return;
	if (series->peak_bps < 0)
		snprintf(text, sizeof(text), "no samples yet");
	else
		snprintf(text, sizeof(text), "no traffic in the last %d s", series->span_s);
	width = (int)strlen(text);
	canvas_text(canvas, row + (rows - 1) / 2, LABEL_WIDTH + 1 + (series->width - width) / 2,
		    width, ATTR_NORMAL, text);
}

static void draw_graph(const struct view *view, struct canvas *canvas, int row, int rows,
		       enum graph_direction direction)
{
	bool rx = direction == GRAPH_RX;
	struct graph_series series, other;
	int64_t peak_bps;
	double top;

	graph_series_make(&series, view->history, direction, view->s->time_ms, columns_of(canvas));
	peak_bps = series.peak_bps;
	if (view->same_scale) {
		graph_series_make(&other, view->history, rx ? GRAPH_TX : GRAPH_RX, view->s->time_ms,
				  series.width);
		if (other.peak_bps > peak_bps)
			peak_bps = other.peak_bps;
	}
	// the same top whatever the rows, when the scale is shared
	top = graph_top(in_unit(view, peak_bps), view->same_scale ? 4 : rows);
	draw_scale(canvas, row, rows, top);
	graph_draw(canvas, row, rows, LABEL_WIDTH + 1, &series, top * rate_unit_bits(view->unit),
		   rx ? ATTR_RX : ATTR_TX);
	if (rx)
		say_nothing_passed(canvas, row, rows, &series);
	for (int r = 0; r < rows; r++)
		canvas_put(canvas, row + r, LABEL_WIDTH + 1 + series.width, '|', ATTR_NORMAL);
	// the numbers of TX go on in the row of the axis
	draw_panel(view, canvas, row, rx ? rows : rows + 1, rx ? "RX" : "TX",
		   rx ? view->s->rx_bps : view->s->tx_bps, &series);
}

void pane_graph_rx_draw(const struct view *view, struct canvas *canvas, int row, int rows)
{
	draw_graph(view, canvas, row, rows, GRAPH_RX);
}

void pane_graph_tx_draw(const struct view *view, struct canvas *canvas, int row, int rows)
{
	draw_graph(view, canvas, row, rows, GRAPH_TX);
}

#define TICK_ROOM 8 // columns that a label keeps from the next

// A label ends under the column that it means.
static void draw_tick(struct canvas *canvas, int row, int columns, int age_s)
{
	char text[16];
	int width = snprintf(text, sizeof(text), "%ds", age_s);
	int end = columns - 1 - age_s;

	if (end < width)
		end = width;
	canvas_text(canvas, row, LABEL_WIDTH + 1 + end - width + 1, width, ATTR_NORMAL, text);
}

// Dashes stand under the seconds that were measured, so that a gap differs from zero.
void pane_graph_axis_draw(const struct view *view, struct canvas *canvas, int row, int rows)
{
	struct graph_series series;
	int columns = columns_of(canvas), step = columns > 130 ? 60 : 20;
	int oldest_s;

	(void)rows;
	graph_series_make(&series, view->history, GRAPH_RX, view->s->time_ms, columns);
	oldest_s = series.span_s - 1;
	canvas_put(canvas, row, LABEL_WIDTH, '+', ATTR_NORMAL);
	canvas_put(canvas, row, LABEL_WIDTH + 1 + columns, '+', ATTR_NORMAL);
	for (int i = 0; i < columns; i++) {
		if (series.bps[i] != GRAPH_GAP)
			canvas_put(canvas, row, LABEL_WIDTH + 1 + i, '-', ATTR_NORMAL);
	}
	for (int age_s = step; age_s <= oldest_s - TICK_ROOM; age_s += step)
		draw_tick(canvas, row, columns, age_s);
	if (oldest_s >= TICK_ROOM)
		draw_tick(canvas, row, columns, oldest_s);
	canvas_text(canvas, row, LABEL_WIDTH + 1 + columns - 3, 3, ATTR_NORMAL, "now");
}
