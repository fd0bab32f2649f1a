// SPDX-License-Identifier: GPL-2.0-or-later
#include "ui/graph.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

// A sample stands for a second when it lies this near to it.
#define NEAR_MS 900
// Labels have two decimals: with less from row to row they would all say the same.
#define LEAST_STEP 0.01

static int64_t pick_rate(const struct history_sample *sample, enum graph_direction direction)
{
	return direction == GRAPH_RX ? sample->rx_bps : sample->tx_bps;
}

int graph_column_s(enum trend_scale scale, int width)
{
	static const int spans_s[TREND_SCALES] = {
		[TREND_HOUR] = 3600, [TREND_DAY] = 86400, [TREND_MONTH] = 30 * 86400
	};
	int step_s = trend_step_s(scale), column_s;

	if (scale == TREND_MINUTE || width < 1)
		return 1;
	column_s = (spans_s[scale] + width - 1) / width;
	return (column_s + step_s - 1) / step_s * step_s;
}

static void fill_seconds(struct graph_series *series, const struct history *history,
			 enum graph_direction direction, int64_t newest_ms)
{
	int64_t distance_ms[GRAPH_WIDTH_MAX];
	const struct history_sample *sample;

	for (int i = 0; i < series->width; i++)
		distance_ms[i] = NEAR_MS + 1;
	for (unsigned age = 0; (sample = history_get(history, age)); age++) {
		int64_t age_ms = newest_ms - sample->time_ms;

		// a sample can be nearest to the second before it and to the one after it
		for (int64_t second = age_ms / 1000; second <= age_ms / 1000 + 1; second++) {
			int64_t off_ms = llabs(second * 1000 - age_ms);
			int64_t i = series->width - 1 - second;

			if (i < 0 || i >= series->width || off_ms >= distance_ms[i])
				continue;
			distance_ms[i] = off_ms;
			series->bps[i] = pick_rate(sample, direction);
		}
	}
}

static void fill_means(struct graph_series *series, const struct history *history,
		       enum graph_direction direction, int64_t newest_ms)
{
	int64_t newest = newest_ms / 1000 / series->column_s;
	const struct history_sample *sample;
	double sums[GRAPH_WIDTH_MAX];
	int n[GRAPH_WIDTH_MAX] = { 0 };

	for (unsigned age = 0; (sample = history_get(history, age)); age++) {
		int64_t i = series->width - 1 - newest + sample->time_ms / 1000 / series->column_s;

		if (i < 0 || i >= series->width || pick_rate(sample, direction) < 0)
			continue;
		sums[i] = (n[i] ? sums[i] : 0) + (double)pick_rate(sample, direction);
		n[i]++;
	}
	for (int i = 0; i < series->width; i++) {
		if (n[i])
			series->bps[i] = (int64_t)(sums[i] / n[i]);
	}
}

void graph_series_make(struct graph_series *series, const struct history *history,
		       enum graph_direction direction, int64_t newest_ms, int width, int column_s)
{
	double sum = 0;
	int n = 0;

	series->width = width < GRAPH_WIDTH_MAX ? width : GRAPH_WIDTH_MAX;
	series->column_s = column_s;
	series->span_s = 0;
	series->peak_bps = series->average_bps = SNAPSHOT_UNKNOWN;
	for (int i = 0; i < series->width; i++)
		series->bps[i] = GRAPH_GAP;
	(column_s == 1 ? fill_seconds : fill_means)(series, history, direction, newest_ms);
	for (int i = 0; i < series->width; i++) {
		if (series->bps[i] < 0)
			continue;
		if (!series->span_s)
			series->span_s = (series->width - i) * column_s;
		if (series->bps[i] > series->peak_bps)
			series->peak_bps = series->bps[i];
		sum += (double)series->bps[i];
		n++;
	}
	if (n)
		series->average_bps = (int64_t)(sum / n);
}

double graph_top(double max, int rows)
{
	static const double steps[] = { 1, 1.2, 1.5, 2, 2.4, 3, 4, 5, 6, 8, 10 };
	double least = max > 0 ? max / rows : 1.0 / rows;
	double decade;

	if (least < LEAST_STEP)
		return LEAST_STEP * rows;
	decade = pow(10, floor(log10(least)));
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		if (steps[i] * decade * rows >= max && steps[i] * decade >= least)
			return steps[i] * decade * rows;
	}
	return 10 * decade * rows;
}

const char *graph_label(double top, int rows, int row, char out[static 16])
{
	double step = top / rows;
	bool tenths = fabs(step * 10 - round(step * 10)) < 1e-6;

	snprintf(out, 16, "%.*f", top >= 100 ? 0 : tenths ? 1 : 2, step * (rows - row));
	return out;
}

// Partly filled cells, from nearly empty to full.
static const uint32_t ascii_levels[] = { ' ', '.', ':', '#' };
static const uint32_t block_levels[] = { ' ',    0x2581, 0x2582, 0x2583, 0x2584,
					 0x2585, 0x2586, 0x2587, 0x2588 };

void graph_draw(struct canvas *canvas, int row, int rows, int col,
		const struct graph_series *series, double top_bps, enum attr attr)
{
	const uint32_t *glyphs = canvas->utf8 ? block_levels : ascii_levels;
	int levels = canvas->utf8 ? 8 : 3;

	for (int i = 0; i < series->width; i++) {
		int filled = (int)lround((double)series->bps[i] / top_bps * rows * levels);

		if (series->bps[i] <= 0)
			continue;
		if (filled < 1)
			filled = 1;
		for (int r = rows - 1; r >= 0 && filled > 0; r--, filled -= levels)
			canvas_put(canvas, row + r, col + i,
				   glyphs[filled < levels ? filled : levels], attr);
	}
}
