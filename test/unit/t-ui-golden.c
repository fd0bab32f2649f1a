// SPDX-License-Identifier: GPL-2.0-or-later
//
// Screens of recorded states against test/screen/golden/NAME-WxH.txt. After a change on purpose,
// "UPDATE_GOLDEN=1 srcdir=.. test/unit/t-ui-golden" writes them anew; look at each with git diff.
#include "unit.h"

#include "ui-test.h"

struct shot {
	const char *name; // of the golden file
	const char *state;
	const char *keys; // pressed before, half a second apart
	int columns, rows;
	bool utf8;
	int silent_ms;     // without news from the gateway, at the end
	bool absent;       // it is gone then
	bool first;        // and none has ever run
	const char *after; // keys pressed then
	bool read_only;
};

static const struct shot shots[] = {
	{ .name = "ok", "ok", "", 80, 24 },
	{ .name = "ok", "ok", "", 120, 40 },
	{ .name = "ok", "ok", "", 60, 16 },
	{ .name = "ok", "ok", "", 40, 8 },
	{ .name = "ok", "ok", "", 30, 5 },
	{ .name = "ok-utf8", "ok", "", 80, 24, .utf8 = true },
	{ .name = "ok-units", "ok", "uz", 80, 24 },
	{ .name = "degraded", "degraded", "", 80, 24 },
	{ .name = "degraded", "degraded", "", 120, 40 },
	{ .name = "degraded", "degraded", "", 60, 16 },
	{ .name = "degraded", "degraded", "", 40, 8 },
	{ .name = "twelve-paths", "twelve-paths", "", 80, 24 },
	{ .name = "twelve-paths", "twelve-paths", "G", 60, 16 },
	{ .name = "twelve-paths", "twelve-paths", "G", 120, 30 },
	{ .name = "starting", "starting", "", 80, 24 },
	{ .name = "offline", "offline", "", 80, 24 },
	{ .name = "not-bonded", "not-bonded", "", 80, 24 },
	{ .name = "exit-unreachable", "exit-unreachable", "", 80, 24 },
	{ .name = "control-characters", "control-characters", "", 80, 24, .utf8 = true },
	{ .name = "ok-hour", "ok", "t", 80, 24 },
	{ .name = "ok-hour", "ok", "t", 120, 40 },
	{ .name = "ok-day", "ok", "tt", 80, 24 },
	{ .name = "ok-month", "ok", "ttt", 80, 24 },
	{ .name = "path-up", "ok", "j\n", 80, 24 },
	{ .name = "path-down", "degraded", "\n", 80, 24 },
	{ .name = "path-standby", "ok", "G\n", 80, 24 },
	{ .name = "path-degraded", "degraded", "jj\n", 120, 40 },
	{ .name = "path-degraded", "degraded", "jj\n", 60, 16 },
	{ .name = "path-degraded", "degraded", "jj\n", 40, 8 },
	{ .name = "path-dialled", "faults/no-pado", "\n", 80, 24 },
	{ .name = "path-dialled", "faults/no-pado", "\n", 120, 40 },
	{ .name = "path-dialled", "faults/no-pado", "\n", 60, 16 },
	{ .name = "path-capped", "faults/cap-warning", "G\n", 80, 24 },
	{ .name = "path-capped", "faults/cap-warning", "G\n", 120, 40 },
	{ .name = "path-capped", "faults/cap-warning", "G\n", 40, 8 },
	{ .name = "path-cap-unknown", "faults/cap-unknown", "G\n", 80, 24 },
	{ .name = "path-portal", "faults/portal", "j\n", 80, 24 },
	{ .name = "ask-reconnect", "faults/well", "jR", 80, 24 },
	{ .name = "ask-more-data", "faults/capped", "GE", 80, 24 },
	{ .name = "path-hour", "ok", "\nt", 80, 24 },
	{ .name = "path-help", "ok", "\n?", 80, 24 },
	{ .name = "log", "degraded", "l", 80, 24 },
	{ .name = "log", "degraded", "l", 120, 40 },
	{ .name = "log", "degraded", "l", 60, 16 },
	{ .name = "log", "degraded", "l", 40, 8 },
	{ .name = "log-paused", "ok", "lkkk", 80, 24 },
	{ .name = "log-search", "degraded", "l/ppp0\nn", 80, 24 },
	{ .name = "log-typing", "degraded", "l/pp", 80, 24 },
	{ .name = "log-one-path", "degraded", "l=", 80, 24 },
	{ .name = "log-line", "degraded", "lk\n", 80, 24 },
	{ .name = "log-empty", "starting", "lvvvv", 80, 24 },
	{ .name = "log-help", "ok", "l?", 80, 24 },
	{ .name = "conns", "conns", "c", 80, 24 },
	{ .name = "conns", "conns", "c", 120, 40 },
	{ .name = "conns", "conns", "c", 60, 16 },
	{ .name = "conns", "conns", "c", 40, 8 },
	{ .name = "conns-tcp", "conns", "cjjj", 80, 24 },
	{ .name = "conns-why", "conns", "cjjj\n", 80, 24 },
	{ .name = "conns-filter", "conns", "c/22\n", 80, 24 },
	{ .name = "conns-no-match", "conns", "c/9\n", 80, 24 },
	{ .name = "conns-names", "conns", "cn", 80, 24 },
	{ .name = "conns-masked", "conns", "c>ixG", 80, 24 },
	{ .name = "conns-none", "no-conns", "c", 80, 24 },
	{ .name = "conns-stale", "conns", "cf", 80, 24, .silent_ms = 5000 },
	{ .name = "conns-help", "conns", "c?", 80, 24 },
	{ .name = "help", "ok", "?", 80, 24 },
	{ .name = "help", "ok", "?", 120, 40 },
	{ .name = "help", "ok", "?", 60, 16 },
	{ .name = "ask-enable", "ok", "3", 80, 24 },
	{ .name = "ask-disable", "ok", "D", 80, 24 },
	{ .name = "ask-disable", "ok", "D", 40, 8 },
	{ .name = "ask-redial", "ok", "R", 80, 24 },
	{ .name = "paused", "degraded", "p", 80, 24, .silent_ms = 12000 },
	{ .name = "stale", "degraded", "", 80, 24, .silent_ms = 5000 },
	{ .name = "absent", "ok", "", 80, 24, .silent_ms = 7000, .absent = true },
	{ .name = "absent", "ok", "", 40, 8, .silent_ms = 7000, .absent = true },
	{ .name = "first-run", "ok", "", 80, 24, .silent_ms = 7000, .absent = true, .first = true },
	{ .name = "absent-doctor",
	  "ok",
	  "",
	  80,
	  24,
	  .silent_ms = 7000,
	  .absent = true,
	  .after = "d" },
	{ .name = "doctor", "degraded", "d", 80, 24 },
	{ .name = "doctor", "degraded", "d", 60, 16 },
	{ .name = "doctor", "degraded", "d", 40, 8 },
	{ .name = "read-only", "degraded", "", 80, 24, .read_only = true },
	{ .name = "read-only-help", "degraded", "?", 80, 24, .read_only = true },
};

static char *read_text(const char *path)
{
	FILE *file = fopen(path, "re");
	struct str text = { 0 };
	char line[512];

	if (!file)
		return xstrdup("");
	while (fgets(line, sizeof(line), file))
		str_add(&text, line);
	fclose(file);
	return str_take(&text);
}

static void write_text(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

// What the doctor says, one line of it longer than the screen.
static void answer_task(struct ui *ui, int64_t now_ms)
{
	static const char report[] =
		"kernel\n"
		"  ok    MPTCP built in and on (net.mptcp.enabled=1), kernel 6.1.0-28\n"
		"paths\n"
		"  ok    ppp0  address, table 101, rule, endpoint id 1\n"
		"  FAIL  tun1  MPTCP options do not pass: SYN sent with MP_CAPABLE, SYN/ACK "
		"without\n"
		"          over ppp0 the same server answers with it, so something on tun1 strips "
		"them\n"
		"          try: mpgate test tun1 --mptcp\n"
		"  warn  wwan0  not tested: STANDBY and metered   (mpgate doctor wwan0 tests it)\n"
		"system\n"
		"  skip  conntrack (needs root)\n"
		"\n"
		"2 ok, 1 warning, 1 failed, 1 not checked.   exit 1\n";

	if (ui_task(ui) == UI_TASK_NONE)
		return;
	ui_task_text(ui, report, sizeof(report) - 1);
	ui_task_end(ui, 1, now_ms + 2100);
}

// As model/last_run.c has it.
static const char last_words[] =
	"ran 1795300000000 1795347607000\n"
	"1795347599000 4 ppp0 DOWN\tno carrier: check cable, modem or peer of ppp0\n"
	"1795347604000 5 gw STOP\tasked by root on pts/0\n"
	"1795347607000 5 gw STOP\tafter 13h 13m; 42 connections end\n";

static const struct interfaces first_run = {
	4,
	{ { "ppp0", true, "203.0.113.17/32", "203.0.113.1" },
	  { "eth1", true, "198.51.100.23/24", "198.51.100.1" },
	  { "wwan0", false, "", "" },
	  { "br0", true, "192.168.1.1/24", "" } },
};

static void draw(const struct shot *shot, struct str *out)
{
	struct ui *ui =
		ui_from_state(shot->state, &(struct ui_options){ .read_only = shot->read_only });
	struct last_run last_run;
	int after_ms = 0;

	assert_int_equal(last_run_read(last_words, &last_run), 0);
	screen_text(ui, shot->columns, shot->rows, shot->utf8, after_ms, out);
	answer_wishes(ui);
	for (const char *key = shot->keys; *key; key++) {
		ui_key(ui, *key, T0 + (after_ms += 500));
		answer_wishes(ui);
		screen_text(ui, shot->columns, shot->rows, shot->utf8, after_ms, out);
	}
	if (shot->absent) {
		if (shot->first)
			ui_first_run(ui, &first_run);
		else
			ui_last_run(ui, &last_run);
		ui_absent(ui, STATUS_NOT_RUNNING,
			  "no gateway is running (/run/mpgate/control.sock does not exist)",
			  "start it with 'systemctl start mpgate'");
	}
	after_ms += shot->silent_ms;
	for (const char *key = shot->after; key && *key; key++)
		ui_key(ui, *key, T0 + (after_ms += 500));
	answer_task(ui, T0 + after_ms);
	screen_text(ui, shot->columns, shot->rows, shot->utf8, after_ms, out);
	ui_free(ui);
}

static bool looks_as_recorded(const struct shot *shot)
{
	struct str screen = { 0 };
	char path[512], *golden;
	bool same;

	snprintf(path, sizeof(path), "%s/test/screen/golden/%s-%dx%d.txt", source_dir(), shot->name,
		 shot->columns, shot->rows);
	draw(shot, &screen);
	if (getenv("UPDATE_GOLDEN"))
		write_text(path, str_text(&screen));
	golden = read_text(path);
	same = strcmp(golden, str_text(&screen)) == 0;
	if (!same)
		print_message("%s differs; now it is:\n%s", path, str_text(&screen));
	free(golden);
	str_fini(&screen);
	return same;
}

static void screens_look_as_recorded(void **state)
{
	int wrong = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(shots); i++)
		wrong += !looks_as_recorded(&shots[i]);
	assert_int_equal(wrong, 0);
}

static const char *const faults[] = { RECORDED_FAULTS };

static const struct {
	int columns, rows;
} sizes[] = { { 80, 24 }, { 120, 40 }, { 60, 16 }, { 40, 8 } };

// What the gateway says of each fault, in all sizes.
static void faults_look_as_recorded(void **state)
{
	int wrong = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(faults) * ARRAY_LEN(sizes); i++) {
		const char *name = faults[i / ARRAY_LEN(sizes)];

		wrong += !looks_as_recorded(
			&(struct shot){ .name = name,
					.state = name,
					.keys = "",
					.columns = sizes[i % ARRAY_LEN(sizes)].columns,
					.rows = sizes[i % ARRAY_LEN(sizes)].rows });
	}
	assert_int_equal(wrong, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(screens_look_as_recorded),
		cmocka_unit_test(faults_look_as_recorded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
