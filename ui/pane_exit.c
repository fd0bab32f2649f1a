// SPDX-License-Identifier: GPL-2.0-or-later
#include "ui/ui_priv.h"

static const char *yes_or_no(int known)
{
	return known == 1 ? "yes" : known == 0 ? "NO" : "?";
}

// The exit server as the paths see it.
void pane_exit_draw(const struct view *view, struct canvas *canvas, int row, int rows)
{
	const struct exit_snapshot *to = &view->s->exit;
	char rtt[FORMAT_SIZE], n[FORMAT_SIZE];
	int col = canvas_text(canvas, row, 0, canvas->width, ATTR_HEADING, "EXIT ");

	(void)rows;
	if (!to->name[0]) {
		canvas_text(canvas, row, col + 3, canvas->width, ATTR_NORMAL,
			    "none is configured: add an exit block to the file");
		return;
	}
	canvas_textf(canvas, row, col + 3, canvas->width - col - 3, ATTR_NORMAL,
		     "%s at %s  reached over %s of %d paths  MPTCP %s  RTT %s ms%s%s", to->name,
		     to->endpoint, format_count(to->paths_ok, n), view->s->n_paths,
		     yes_or_no(to->mptcp), format_rtt(to->rtt_us, rtt), to->why[0] ? "  " : "",
		     to->why);
}
