// SPDX-License-Identifier: GPL-2.0-or-later
//
// What a mouse does, where --mouse is given: the wheel scrolls, a click selects a row. It asks
// nothing, answers nothing, and changes nothing of the gateway.

#include "ui/ui_priv.h"

#define WHEEL_ROWS 3

static void turn_wheel(struct ui *ui, enum ui_mode mode, int rows)
{
	const struct screen *screen = ui_screen(ui);

	if (mode == UI_HELP)
		help_scroll(ui, rows);
	else if (mode == UI_PATH)
		path_scroll(ui, rows);
	else if (screen->move)
		screen->move(ui, rows);
}

static void click(struct ui *ui, int row)
{
	const struct screen *screen = ui_screen(ui);
	int at = row - ui->list_row;

	if (screen->pick && at >= 0 && at < ui->list_rows)
		screen->pick(ui, at);
}

void ui_mouse(struct ui *ui, const struct ui_mouse_event *event, int64_t now_ms)
{
	enum ui_mode mode = ui_mode(ui, now_ms);

	if (mode == UI_DIALOG || mode == UI_PROMPT || mode == UI_ABSENT)
		return;
	if (event->kind != UI_MOUSE_CLICK)
		turn_wheel(ui, mode, event->kind == UI_MOUSE_WHEEL_DOWN ? WHEEL_ROWS : -WHEEL_ROWS);
	else if (mode != UI_HELP)
		click(ui, event->row);
}
