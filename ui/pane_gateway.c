// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>

#include "ui/ui_priv.h"

#define NEARLY_FULL .8
#define GAP         2

static bool is_nearly_full(int64_t used, int64_t limit)
{
	return used >= 0 && limit > 0 && (double)used >= NEARLY_FULL * (double)limit;
}

static int percent(double ratio)
{
	return (int)(ratio * 100 + .5);
}

// What the machine does not tell is left out. Returns the column behind it.
static int draw_item(struct canvas *canvas, int row, int col, bool bad, const char *text)
{
	col += canvas_text(canvas, row, col, canvas->width - col, bad ? ATTR_BAD : ATTR_NORMAL,
			   bad ? "!" : "");
	return col +
	       canvas_text(canvas, row, col, canvas->width - col, bad ? ATTR_BAD : ATTR_NORMAL,
			   text) +
	       GAP;
}

static int draw_machine(const struct machine_snapshot *m, struct canvas *canvas, int row, int col)
{
	char text[64], bytes[FORMAT_SIZE];

	if (m->cpu_ratio >= 0) {
		snprintf(text, sizeof(text), "cpu %d%%", percent(m->cpu_ratio));
		col = draw_item(canvas, row, col, false, text);
	}
	if (m->memory_bytes >= 0) {
		snprintf(text, sizeof(text), "mem %s", format_bytes(m->memory_bytes, bytes));
		col = draw_item(canvas, row, col, false, text);
	}
	if (m->temperature_c >= 0) {
		snprintf(text, sizeof(text), "temp %d C", m->temperature_c);
		col = draw_item(canvas, row, col, false, text);
	}
	if (m->load >= 0) {
		snprintf(text, sizeof(text), "load %.2f", m->load);
		col = draw_item(canvas, row, col, false, text);
	}
	if (m->files >= 0 && m->files_limit > 0) {
		snprintf(text, sizeof(text), "files %d of %d", m->files, m->files_limit);
		col = draw_item(canvas, row, col, is_nearly_full(m->files, m->files_limit), text);
	}
	if (m->conntrack >= 0 && m->conntrack_limit > 0) {
		snprintf(text, sizeof(text), "conntrack %d%%",
			 percent((double)m->conntrack / (double)m->conntrack_limit));
		col = draw_item(canvas, row, col, is_nearly_full(m->conntrack, m->conntrack_limit),
				text);
	}
	return col;
}

// How the machine is doing, and what is not bonded.
void pane_gateway_draw(const struct view *view, struct canvas *canvas, int row, int rows)
{
	const struct snapshot *s = view->s;
	char tcp[64] = "";
	int col = canvas_text(canvas, row, 0, canvas->width, ATTR_HEADING, "GATEWAY ");

	(void)rows;
	col = draw_machine(&s->machine, canvas, row, col);
	if (s->connections > 0)
		snprintf(tcp, sizeof(tcp), "plain TCP: %d of %d conn%s (%d%%)", s->connections_tcp,
			 s->connections, s->connections == 1 ? "" : "s",
			 percent((double)s->connections_tcp / s->connections));
	if (col <= canvas->width - canvas_measure(tcp))
		canvas_text(canvas, row, canvas->width - canvas_measure(tcp), canvas->width,
			    ATTR_NORMAL, tcp);
}
