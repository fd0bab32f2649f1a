// SPDX-License-Identifier: GPL-2.0-or-later
#include "ui/ui_priv.h"

// The screen of connections.

void conns_title(const struct ui *ui, const struct view *view, struct str *out)
{
	char n[FORMAT_SIZE];

	(void)ui;
	str_addf(out, "connections %s", format_count(view->s->connections, n));
}

void conns_draw(struct ui *ui, const struct view *view, struct canvas *canvas, int row, int rows)
{
	char n[FORMAT_SIZE];

	(void)ui;
	(void)rows;
	canvas_textf(canvas, row, 1, canvas->width - 1, ATTR_NORMAL,
		     "%s connections, %d of them as plain TCP", format_count(view->s->connections, n),
		     view->s->connections_tcp);
}
