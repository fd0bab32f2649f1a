// SPDX-License-Identifier: GPL-2.0-or-later
//
// The past that graphs show and that does not come with the snapshots: of one path, or at a longer
// scale than the minute. One at a time is kept: that of the screen in front.

#include <string.h>

#include "ui/ui_priv.h"

#define AGAIN_MS 60000 // at most, before a long scale is asked for again

// Which past the screen in front needs. False: none but what comes by itself.
static bool is_wanted(const struct ui *ui, char path[static NAME_SIZE])
{
	str_copy(path, NAME_SIZE, ui->screen == SCREEN_PATH ? ui->selected : "");
	return path[0] || (ui->screen == SCREEN_OVERVIEW && ui->scale != TREND_MINUTE);
}

static bool is_of(const struct past *past, const char *path, enum trend_scale scale)
{
	return past->history.scale == scale && strcmp(past->history.path, path) == 0;
}

static bool is_old(const struct past *past, int64_t now_ms)
{
	int64_t again_ms = (int64_t)trend_step_s(past->history.scale) * 1000;

	// the minute goes on with the snapshots
	return past->history.scale != TREND_MINUTE &&
	       now_ms - past->at_ms >= (again_ms < AGAIN_MS ? again_ms : AGAIN_MS);
}

bool past_wish(struct ui *ui, int64_t now_ms, struct ui_wish *out)
{
	struct past *past = &ui->past;
	char path[NAME_SIZE];

	if (!is_wanted(ui, path))
		return false;
	if (!is_of(past, path, ui->scale)) {
		*past = (struct past){ .history.scale = ui->scale };
		str_copy(past->history.path, sizeof(past->history.path), path);
	}
	if (past->asked || (past->known && !is_old(past, now_ms)))
		return false;
	past->asked = true;
	*out = (struct ui_wish){ .kind = WISH_HISTORY, .scale = ui->scale };
	str_copy(out->path, sizeof(out->path), path);
	return true;
}

void past_take(struct ui *ui, const struct history *history, int64_t now_ms)
{
	struct past *past = &ui->past;

	if (!is_of(past, history->path, history->scale))
		return; // of a screen that was left meanwhile
	past->history = *history;
	past->asked = false;
	past->known = true;
	past->at_ms = now_ms;
}

void past_add(struct ui *ui, const struct snapshot *s)
{
	struct past *past = &ui->past;
	int row = facts_find_path(s, past->history.path);
	const struct history_sample *last = history_get(&past->history, 0);
	struct history_sample sample = { .time_ms = s->time_ms };

	if (!past->known || past->history.scale != TREND_MINUTE || row < 0 ||
	    s->paths[row].rx_bps < 0 || (last && s->time_ms - last->time_ms < 500))
		return;
	sample.rx_bps = s->paths[row].rx_bps;
	sample.tx_bps = s->paths[row].tx_bps;
	history_add(&past->history, &sample);
}

void past_subject(const struct ui *ui, const struct snapshot *s, const struct path_snapshot *path,
		  struct subject *out)
{
	static const struct history nothing;
	char wanted[NAME_SIZE];

	*out = (struct subject){
		.scale = ui->scale,
		.history = &nothing,
		.rx_bps = path ? path->rx_bps : s->rx_bps,
		.tx_bps = path ? path->tx_bps : s->tx_bps,
		.today_rx_bytes = path ? path->today_rx_bytes : s->today_rx_bytes,
		.today_tx_bytes = path ? path->today_tx_bytes : s->today_tx_bytes,
		.month_rx_bytes = path ? path->month_rx_bytes : s->month_rx_bytes,
		.month_tx_bytes = path ? path->month_tx_bytes : s->month_tx_bytes,
	};
	if (!is_wanted(ui, wanted))
		out->history = &ui->history;
	else if (ui->past.known && is_of(&ui->past, wanted, ui->scale))
		out->history = &ui->past.history;
}
