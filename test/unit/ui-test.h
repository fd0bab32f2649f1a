// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef TEST_UI_TEST_H
#define TEST_UI_TEST_H

// Recorded states of a gateway, drawn without a terminal.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ctl/ctl.h"
#include "ui/ui_priv.h"

// The monotonic time at which a loaded state is new.
#define T0 1000000

// Of t-role-faults.c.
#define RECORDED_FAULTS                                                                            \
	"faults/well", "faults/starting", "faults/no-carrier", "faults/no-pado",                   \
		"faults/login-refused", "faults/no-reply", "faults/slow-lossy", "faults/flapping", \
		"faults/portal", "faults/stripped", "faults/no-mptcp", "faults/fallbacks",         \
		"faults/exit-silent", "faults/exit-refuses", "faults/all-down", "faults/3g-on",    \
		"faults/cap-warning", "faults/capped", "faults/cap-unknown", "faults/sim-pin",     \
		"faults/dns-fails", "faults/clock-off", "faults/dialing", "faults/dialing-cap",    \
		"faults/line-below", "faults/restart-pending"

static inline const char *source_dir(void)
{
	const char *dir = getenv("srcdir");

	return dir ? dir : ".";
}

// The connections of the state that was loaded last.
static struct conns test_conns;

// Tells the console what the lines of a recorded state hold, up to the first state, or only to its
// past.
static inline bool tell_state(struct ui *ui, const char *name, bool past_only)
{
	static struct ctl_message message;
	static char line[256 * 1024];
	char path[512];
	bool done = false;
	FILE *file;

	snprintf(path, sizeof(path), "%s/test/screen/states/%s.jsonl", source_dir(), name);
	file = fopen(path, "re");
	if (!file)
		fail_msg("%s is missing", path);
	while (!done && fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		assert_int_equal(ctl_json_parse(line, &message), 0);
		done = message.kind == CTL_SNAPSHOT;
		if (message.kind == CTL_HISTORY)
			ui_history(ui, &message.history, T0);
		else if (message.kind == CTL_CONNS)
			test_conns = message.conns;
		else if (done && !past_only)
			ui_snapshot(ui, &message.snapshot, T0);
	}
	fclose(file);
	return done;
}

// A console that was told what test/screen/states/NAME.jsonl holds. Those of faults have the past
// of a home that is well.
static inline struct ui *ui_from_state(const char *name, const struct ui_options *options)
{
	struct ui *ui = ui_new(options);

	setenv("TZ", "CET-1", 1); // the recorded states' zone
	tzset();
	ui_hello(ui, true);
	if (strncmp(name, "faults/", strlen("faults/")) == 0)
		tell_state(ui, "ok", true);
	assert_true(tell_state(ui, name, false));
	return ui;
}

// Rates that go up and down; known for a quarter of the hour and of the day, and for all else.
static inline void answer_history(struct ui *ui, const struct ui_wish *wish)
{
	static struct history history;
	int step_s = trend_step_s(wish->scale);
	int n = (int)trend_slots(wish->scale) /
		(wish->scale == TREND_HOUR || wish->scale == TREND_DAY ? 4 : 1);

	history = (struct history){ .scale = wish->scale };
	memcpy(history.path, wish->path, sizeof(history.path));
	for (int i = 0; i < n; i++) {
		int64_t time_ms = ui->live.time_ms / 1000 / step_s * step_s * 1000;
		int64_t rx_bps = 600000 + 30000 * ((i * 7 + i / 20 * 13) % 40);

		history_add(&history,
			    &(struct history_sample){ .time_ms = time_ms - (int64_t)(n - 1 - i) *
										   step_s * 1000,
						      .rx_bps = rx_bps,
						      .tx_bps = rx_bps / 9 });
	}
	ui_history(ui, &history, T0);
}

// Answers what the console wants to know as a gateway would whose log ends as its snapshot says,
// after a long time of nothing much.
static inline void answer_wishes(struct ui *ui)
{
	static struct event_log log;
	static struct event_page page;
	const struct snapshot *s = &ui->live;
	struct ui_wish wish;
	char name[64];

	log = (struct event_log){ 0 };
	while (s->n_events && log.last_seq + 1 < s->events[s->n_events - 1].seq)
		event_log_add(&log, s->time_ms - (int64_t)(300 - log.last_seq) * 600000,
			      log.last_seq % 5 ? LOG_LEVEL_INFO : LOG_LEVEL_NOTICE, "tun1", "UP",
			      "probes back after %d s", (int)(log.last_seq % 50) + 3);
	for (int i = s->n_events - 1; i >= 0; i--)
		event_log_add(&log, s->events[i].time_ms, s->events[i].level, s->events[i].object,
			      s->events[i].verb, "%s", s->events[i].text);
	while (ui_wish(ui, T0, &wish)) {
		switch (wish.kind) {
		case WISH_LOG:
			event_log_select(&log, &wish.log, &page);
			ui_log(ui, &page);
			break;
		case WISH_HISTORY:
			answer_history(ui, &wish);
			break;
		case WISH_CONNS:
			ui_conns(ui, &test_conns);
			break;
		case WISH_NAME:
			snprintf(name, sizeof(name), "host-%.*s.example.net",
				 (int)strspn(wish.host, "0123456789"), wish.host);
			ui_name(ui, wish.host, strchr(wish.host, ':') ? "" : name);
			break;
		}
	}
}

// The screen of a terminal of this size, `after_ms` after T0, as text.
static inline const char *screen_text(struct ui *ui, int columns, int rows, bool utf8, int after_ms,
				      struct str *out)
{
	struct canvas canvas = { 0 };

	str_clear(out);
	canvas_reset(&canvas, columns - 1, rows, utf8);
	ui_draw(ui, &canvas, T0 + after_ms, ui->live.time_ms + after_ms);
	canvas_dump(&canvas, out);
	canvas_fini(&canvas);
	return str_text(out);
}

#endif
