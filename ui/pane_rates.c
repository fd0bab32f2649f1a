// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>

#include "ui/graph.h"
#include "ui/ui_priv.h"

#define AVERAGE_SECONDS 60

static int64_t average(const struct view *view, enum graph_direction direction)
{
	struct graph_series series;

	graph_series_make(&series, view->history, direction, view->s->time_ms, AVERAGE_SECONDS, 1);
	return series.average_bps;
}

// In one line what the graphs would show.
void pane_rates_draw(const struct view *view, struct canvas *canvas, int row, int rows)
{
	const char *unit = rate_unit_word(view->unit);
	char rx[FORMAT_SIZE], tx[FORMAT_SIZE], rx_average[FORMAT_SIZE], n[FORMAT_SIZE],
		tcp[32] = "", average_text[40] = "";
	enum attr attr = view->stale ? ATTR_IDLE : ATTR_NORMAL;

	(void)rows;
	format_rate(view->s->rx_bps, view->unit, rx);
	format_rate(view->s->tx_bps, view->unit, tx);
	format_count(view->s->connections, n);
	if (view->form == FORM_TINY) {
		canvas_textf(canvas, row, 0, canvas->width, attr, "RX %s TX %s %s  conns %s", rx,
			     tx, unit, n);
		return;
	}
	if (view->s->connections_tcp > 0)
		snprintf(tcp, sizeof(tcp), ", %d TCP", view->s->connections_tcp);
	if (!view->accessible) // which says each change of it
		snprintf(average_text, sizeof(average_text), " (avg %s)",
			 format_rate(average(view, GRAPH_RX), view->unit, rx_average));
	canvas_textf(canvas, row, 1, canvas->width - 1, attr, "RX %s %s%s  TX %s %s  conns %s%s",
		     rx, unit, average_text, tx, unit, n, tcp);
}
