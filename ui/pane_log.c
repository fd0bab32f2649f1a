// SPDX-License-Identifier: GPL-2.0-or-later
//
// The screen of events, the newest at the bottom.

#include "ui/ui_priv.h"

void log_title(const struct ui *ui, const struct view *view, struct str *out)
{
	(void)ui;
	(void)view;
	str_add(out, "log");
}

void log_draw(struct ui *ui, const struct view *view, struct canvas *canvas, int row, int rows)
{
	(void)ui;
	pane_events_draw(view, canvas, row, rows);
}
