// SPDX-License-Identifier: GPL-2.0-or-later
//
// The screen of the doctor's report.

#include "ui/ui_priv.h"

void doctor_title(const struct ui *ui, const struct view *view, struct str *out)
{
	(void)ui;
	(void)view;
	str_add(out, "doctor");
}

void doctor_draw(struct ui *ui, const struct view *view, struct canvas *canvas, int row, int rows)
{
	(void)ui;
	(void)view;
	(void)rows;
	canvas_text(canvas, row, 1, canvas->width - 1, ATTR_NORMAL,
		    "'mpgate doctor' in a shell tells what is wrong.");
}
