// SPDX-License-Identifier: GPL-2.0-or-later
//
// All about one path. Lines with nothing to say are left out.

#include "ui/ui_priv.h"

void path_title(const struct ui *ui, const struct view *view, struct str *out)
{
	(void)ui;
	if (view->selected < 0)
		str_add(out, "path");
	else
		str_addf(out, "path %s (%d of %d)", view->s->paths[view->selected].name,
			 view->selected + 1, view->s->n_paths);
}

void path_draw(struct ui *ui, const struct view *view, struct canvas *canvas, int row, int rows)
{
	const struct path_snapshot *path;

	(void)ui;
	(void)rows;
	if (view->selected < 0) {
		canvas_text(canvas, row, 1, canvas->width - 1, ATTR_NORMAL,
			    "No path is configured.");
		return;
	}
	path = &view->s->paths[view->selected];
	canvas_textf(canvas, row, 1, canvas->width - 1, ATTR_NORMAL, "%s  %s", path->name,
		     path_state_word(path->state));
}
