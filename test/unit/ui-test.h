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

static inline const char *source_dir(void)
{
	const char *dir = getenv("srcdir");

	return dir ? dir : ".";
}

// A console that was told what test/screen/states/NAME.jsonl holds, as far as its first state.
static inline struct ui *ui_from_state(const char *name, const struct ui_options *options)
{
	static struct ctl_message message;
	static char line[256 * 1024];
	struct ui *ui = ui_new(options);
	char path[512];
	FILE *file;
	bool done = false;

	setenv("TZ", "CET-1", 1); // the recorded states' zone
	tzset();
	snprintf(path, sizeof(path), "%s/test/screen/states/%s.jsonl", source_dir(), name);
	file = fopen(path, "re");
	if (!file)
		fail_msg("%s is missing", path);
	ui_hello(ui, true);
	while (!done && fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		assert_int_equal(ctl_json_parse(line, &message), 0);
		if (message.kind == CTL_HISTORY)
			ui_history(ui, &message.history);
		done = message.kind == CTL_SNAPSHOT;
	}
	fclose(file);
	assert_true(done);
	ui_snapshot(ui, &message.snapshot, T0);
	return ui;
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
