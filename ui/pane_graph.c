// SPDX-License-Identifier: GPL-2.0-or-later
//
// The graphs of the subject's rates: scale at the left, columns, numbers at the right, and the axis
// of time under them.

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ui/graph.h"
#include "ui/ui_priv.h"

#define LABEL_WIDTH 6  // "120000"
#define PANEL_WIDTH 14 // " today 14.2 GB"

static int columns_of(const struct canvas *canvas)
{
	int columns = canvas->width - LABEL_WIDTH - 1 - 1 - PANEL_WIDTH;

	return columns < GRAPH_WIDTH_MAX ? columns : GRAPH_WIDTH_MAX;
}

static void make_series(const struct view *view, const struct canvas *canvas,
			enum graph_direction direction, struct graph_series *out)
{
	int columns = columns_of(canvas);

	graph_series_make(out, view->subject.history, direction, view->s->time_ms, columns,
			  graph_column_s(view->subject.scale, columns));
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

// ---- the numbers at the right

enum number { NUMBER_NOW, NUMBER_AVERAGE, NUMBER_PEAK, NUMBER_TODAY, NUMBER_MONTH, NUMBERS };

// Which leave first when there are few rows.
static const enum number leaving[] = { NUMBER_MONTH, NUMBER_PEAK, NUMBER_AVERAGE, NUMBER_TODAY };

static void write_bytes(int64_t bytes, const char *word, char out[static 32])
{
	char text[FORMAT_SIZE];

	if (bytes >= 0)
		snprintf(out, 32, "%s %s", word, format_bytes(bytes, text));
}

static void write_rate(const struct view *view, int64_t bps, const char *word, char out[static 32])
{
	char text[FORMAT_SIZE];

	snprintf(out, 32, "%-5s %6s", word, format_rate(bps, view->unit, text));
}

static void write_numbers(const struct view *view, bool rx, const struct graph_series *series,
			  char out[static NUMBERS][32])
{
	const struct subject *of = &view->subject;

	memset(out, 0, NUMBERS * sizeof(out[0]));
	write_rate(view, rx ? of->rx_bps : of->tx_bps, "now", out[NUMBER_NOW]);
	write_rate(view, series->average_bps, "avg", out[NUMBER_AVERAGE]);
	write_rate(view, series->peak_bps, "peak", out[NUMBER_PEAK]);
	write_bytes(rx ? of->today_rx_bytes : of->today_tx_bytes, "today", out[NUMBER_TODAY]);
	write_bytes(rx ? of->month_rx_bytes : of->month_tx_bytes, "month", out[NUMBER_MONTH]);
}

static void keep_as_many(char numbers[static NUMBERS][32], int rows)
{
	int n = 0;

	for (int i = 0; i < NUMBERS; i++)
		n += numbers[i][0] != '\0';
	for (size_t i = 0; n > rows && i < sizeof(leaving) / sizeof(leaving[0]); i++) {
		n -= numbers[leaving[i]][0] != '\0';
		numbers[leaving[i]][0] = '\0';
	}
}

// Title, then as many numbers as there are rows.
static void draw_panel(const struct view *view, struct canvas *canvas, int row, int rows, bool rx,
		       const struct graph_series *series)
{
	int col = canvas->width - PANEL_WIDTH + 1;
	char numbers[NUMBERS][32];
	const char *scale =
		view->subject.scale == TREND_MINUTE ? "" : trend_scale_word(view->subject.scale);

	write_numbers(view, rx, series, numbers);
	keep_as_many(numbers, rows - 1);
	canvas_textf(canvas, row++, col, PANEL_WIDTH - 1, ATTR_HEADING, "%s %s  %s",
		     rx ? "RX" : "TX", rate_unit_word(view->unit), scale);
	for (int i = 0; i < NUMBERS; i++) {
		if (numbers[i][0])
			canvas_text(canvas, row++, col, PANEL_WIDTH - 1,
				    view->stale ? ATTR_IDLE : ATTR_NORMAL, numbers[i]);
	}
}

// ---- what there is to say instead of columns

static const struct {
	int span_s, unit_s;
	const char *unit;
	char letter;
	int tick_s;
} scales[TREND_SCALES] = {
	[TREND_MINUTE] = { 60, 1, "s", 's', 20 },
	[TREND_HOUR] = { 3600, 60, "min", 'm', 20 * 60 },
	[TREND_DAY] = { 86400, 3600, "h", 'h', 6 * 3600 },
	[TREND_MONTH] = { 30 * 86400, 86400, "days", 'd', 10 * 86400 },
};

static void write_remark(const struct view *view, const struct graph_series *series,
			 char out[static 64])
{
	enum trend_scale scale = view->subject.scale;
	int unit_s = scales[scale].unit_s;

	out[0] = '\0';
	if (series->peak_bps < 0)
		snprintf(out, 64, "no samples yet");
	else if (series->peak_bps == 0)
		snprintf(out, 64, "no traffic in the last %d %s", series->span_s / unit_s,
			 scales[scale].unit);
	else if (scale != TREND_MINUTE && series->span_s + series->column_s < scales[scale].span_s)
		snprintf(out, 64, "collecting, %d of %d %s", series->span_s / unit_s,
			 scales[scale].span_s / unit_s, scales[scale].unit);
}

// In the middle of where no columns are, if there is room, else of all.
static void draw_remark(const struct view *view, struct canvas *canvas, int row, int rows,
			const struct graph_series *series)
{
	int room = series->width, width;
	char text[64];

	write_remark(view, series, text);
	width = (int)strlen(text);
	if (series->peak_bps > 0)
		room -= series->span_s / series->column_s;
	if (room < width)
		room = width;
	canvas_text(canvas, row + (rows - 1) / 2, LABEL_WIDTH + 1 + (room - width) / 2, width,
		    ATTR_NORMAL, text);
}

static void draw_graph(const struct view *view, struct canvas *canvas, int row, int rows,
		       enum graph_direction direction)
{
	bool rx = direction == GRAPH_RX;
	struct graph_series series, other;
	int64_t peak_bps;
	double top;

	make_series(view, canvas, direction, &series);
	peak_bps = series.peak_bps;
	if (view->same_scale) {
		make_series(view, canvas, rx ? GRAPH_TX : GRAPH_RX, &other);
		if (other.peak_bps > peak_bps)
			peak_bps = other.peak_bps;
	}
	// the same top whatever the rows, when the scale is shared
	top = graph_top(in_unit(view, peak_bps), view->same_scale ? 4 : rows);
	draw_scale(canvas, row, rows, top);
	graph_draw(canvas, row, rows, LABEL_WIDTH + 1, &series, top * rate_unit_bits(view->unit),
		   rx ? ATTR_RX : ATTR_TX);
	if (rx)
		draw_remark(view, canvas, row, rows, &series);
	for (int r = 0; r < rows; r++)
		canvas_put(canvas, row + r, LABEL_WIDTH + 1 + series.width, '|', ATTR_NORMAL);
	// the numbers of TX go on in the row of the axis
	draw_panel(view, canvas, row, rx ? rows : rows + 1, rx, &series);
}

void pane_graph_rx_draw(const struct view *view, struct canvas *canvas, int row, int rows)
{
	draw_graph(view, canvas, row, rows, GRAPH_RX);
}

void pane_graph_tx_draw(const struct view *view, struct canvas *canvas, int row, int rows)
{
	draw_graph(view, canvas, row, rows, GRAPH_TX);
}

// ---- the axis

#define TICK_ROOM 8 // columns that a label keeps from the next

// A label ends under the column that it means.
static void draw_tick(const struct view *view, struct canvas *canvas, int row,
		      const struct graph_series *series, int age_s)
{
	int unit_s = scales[view->subject.scale].unit_s;
	char text[16];
	int width = snprintf(text, sizeof(text), "%d%c", age_s / unit_s,
			     scales[view->subject.scale].letter);
	int end = series->width - 1 - age_s / series->column_s;

	if (end < width)
		end = width;
	canvas_text(canvas, row, LABEL_WIDTH + 1 + end - width + 1, width, ATTR_NORMAL, text);
}

// Dashes stand under the columns that were measured, so that a gap differs from zero.
void pane_graph_axis_draw(const struct view *view, struct canvas *canvas, int row, int rows)
{
	struct graph_series series;
	int step_s = scales[view->subject.scale].tick_s, oldest_s, room_s;

	(void)rows;
	make_series(view, canvas, GRAPH_RX, &series);
	if (view->subject.scale == TREND_MINUTE && series.width > 130)
		step_s = 60;
	oldest_s = series.span_s - series.column_s;
	room_s = TICK_ROOM * series.column_s;
	canvas_put(canvas, row, LABEL_WIDTH, '+', ATTR_NORMAL);
	canvas_put(canvas, row, LABEL_WIDTH + 1 + series.width, '+', ATTR_NORMAL);
	for (int i = 0; i < series.width; i++) {
		if (series.bps[i] != GRAPH_GAP)
			canvas_put(canvas, row, LABEL_WIDTH + 1 + i, '-', ATTR_NORMAL);
	}
	for (int age_s = step_s; age_s <= oldest_s - room_s; age_s += step_s)
		draw_tick(view, canvas, row, &series, age_s);
	if (oldest_s >= room_s)
		draw_tick(view, canvas, row, &series, oldest_s);
	canvas_text(canvas, row, LABEL_WIDTH + 1 + series.width - 3, 3, ATTR_NORMAL, "now");
}
