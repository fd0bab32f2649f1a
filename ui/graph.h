// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef UI_GRAPH_H
#define UI_GRAPH_H

#include <stdint.h>

#include "model/snapshot.h"
#include "ui/canvas.h"

// Rates over time as columns, each of some seconds, the newest at the right.

#define GRAPH_WIDTH_MAX 512
#define GRAPH_GAP       (-1) // no sample for this column

struct graph_series {
	int width, column_s;
	int64_t bps[GRAPH_WIDTH_MAX];  // GRAPH_GAP, or the rate
	int span_s;                    // from the oldest sample on; 0: there is none
	int64_t peak_bps, average_bps; // of what is there; SNAPSHOT_UNKNOWN when nothing is
};

enum graph_direction { GRAPH_RX, GRAPH_TX };

// How many seconds one of `width` columns stands for, so that they cover the scale: 1 for the
// minute, else a multiple of the scale's step.
int graph_column_s(enum trend_scale scale, int width);

// The time up to `newest_ms` (wall clock). A column of one second takes the sample nearest to it,
// so that samples which come a little early or late neither double nor leave a hole; a longer one
// is the mean of its samples, and begins at a multiple of its length, so that it stays as it is
// until it is over.
void graph_series_make(struct graph_series *series, const struct history *history,
		       enum graph_direction direction, int64_t newest_ms, int width, int column_s);

// The top of a scale of `rows` rows that `max` (in any unit) fits under, with round labels.
double graph_top(double max, int rows);
// What the upper edge of a row of that scale stands for: "12.0", "0.05", "120".
const char *graph_label(double top, int rows, int row, char out[static 16]);

// Draws the columns into `rows` rows from `row`, `col`. No value above zero is invisible, and none
// above the top is cut without being seen: the top must come from graph_top() of the peak.
void graph_draw(struct canvas *canvas, int row, int rows, int col,
		const struct graph_series *series, double top_bps, enum attr attr);

#endif
