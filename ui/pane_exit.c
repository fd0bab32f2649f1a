// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>

#include "ui/ui_priv.h"

static const char *yes_or_no(int known)
{
	return known == 1 ? "yes" : known == 0 ? "NO" : "?";
}

// "  clock +0.2 s", where the exit tells its own.
static const char *write_clock(const struct exit_snapshot *to, char *out, size_t size)
{
	int64_t us = to->clock_offset_us;

	out[0] = '\0';
	if (us != SNAPSHOT_NO_OFFSET) // in whole tenths, or there would be -0.0
		snprintf(out, size, "  clock %+.1f s",
			 (double)((us + (us < 0 ? -50000 : 50000)) / 100000) / 10);
	return out;
}

// "  answered 4 s ago": when a probe last came back, whichever path it took.
static const char *write_answered(const struct view *view, char *out, size_t size)
{
	int64_t answered_ms = 0, age_s;
	char age[FORMAT_SIZE];

	for (int i = 0; i < view->s->n_paths; i++) {
		if (view->s->paths[i].answered_ms > answered_ms)
			answered_ms = view->s->paths[i].answered_ms;
	}
	age_s = (view->time_ms - answered_ms) / 1000;
	out[0] = '\0';
	if (answered_ms && !view->accessible)
		snprintf(out, size, "  answered %s ago",
			 format_duration(age_s < 0 ? 0 : age_s, age));
	return out;
}

// The exit server as the paths see it. Why it is not the one that it should be comes before what is
// well.
void pane_exit_draw(const struct view *view, struct canvas *canvas, int row, int rows)
{
	const struct exit_snapshot *to = &view->s->exit;
	char rtt[FORMAT_SIZE], n[FORMAT_SIZE], clock[40], answered[40];
	int col = canvas_text(canvas, row, 0, canvas->width, ATTR_HEADING, "EXIT    ");

	(void)rows;
	if (!to->name[0]) {
		canvas_text(canvas, row, col, canvas->width, ATTR_NORMAL,
			    "none is configured: add an exit block to the file");
		return;
	}
	canvas_textf(canvas, row, col, canvas->width - col, ATTR_NORMAL,
		     "%s at %s  reached over %s of %d paths  MPTCP %s  RTT %s ms%s%s%s%s", to->name,
		     to->endpoint, format_count(to->paths_ok, n), view->s->n_paths,
		     yes_or_no(to->mptcp), format_rtt(to->rtt_us, rtt), to->why[0] ? "  " : "",
		     to->why, write_clock(to, clock, sizeof(clock)),
		     write_answered(view, answered, sizeof(answered)));
}
