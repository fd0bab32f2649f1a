// SPDX-License-Identifier: GPL-2.0-or-later
#include "golden.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ctl/ctl.h"
#include "role/status_view.h"

// The last state recorded in test/screen/states/NAME.jsonl.
static struct ctl_message *load(const char *name)
{
	static struct ctl_message message;
	const char *srcdir = getenv("srcdir");
	char path[256], *line = NULL;
	size_t size = 0;
	FILE *file;

	snprintf(path, sizeof(path), "%s/test/screen/states/%s.jsonl", srcdir ? srcdir : ".", name);
	file = fopen(path, "re");
	if (!file)
		fail_msg("cannot open %s", path);
	while (getline(&line, &size, file) > 0)
		assert_int_equal(ctl_json_parse(line, &message), 0);
	free(line);
	fclose(file);
	assert_int_equal(message.kind, CTL_SNAPSHOT);
	return &message;
}

static void compare_status(const char *name, const char *text)
{
	char file[100];

	snprintf(file, sizeof(file), "status-%s.txt", name);
	compare_golden(file, text);
}

static void tells_each_state_in_a_sentence(void **state)
{
	static const struct {
		const char *name, *sentence;
	} cases[] = {
		{ "ok", "4 of 4 paths up, 42 connections" },
		{ "degraded",
		  "3 of 4 paths up, ppp0 DOWN 21 s, tun1 DEGRADED 13 s, 42 connections" },
		{ "starting", "STARTING, 0 of 4 paths up, 0 connections" },
		{ "offline",
		  "OFFLINE, 0 of 4 paths up, ppp0 DOWN 2 min, tun0 DOWN 2 min, tun1 DOWN 2 min, "
		  "tun3 DOWN 1 min, 7 connections" },
		{ "not-bonded", "NOT BONDED, 4 of 4 paths up, 42 connections" },
		{ "exit-unreachable", "SERVER UNREACHABLE, 4 of 4 paths up, 42 connections" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct str out = { 0 };

		status_view_sentence(&load(cases[i].name)->snapshot, &out);
		assert_string_equal(str_text(&out), cases[i].sentence);
		str_fini(&out);
	}
}

static void prints_each_state_as_recorded(void **state)
{
	static const char *const names[] = {
		"ok",           "degraded",   "starting",         "offline",           "3g",
		"twelve-paths", "not-bonded", "exit-unreachable", "control-characters"
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct str out = { 0 };

		status_view_text(&load(names[i])->snapshot, (struct view_look){ .color = false },
				 &out);
		compare_status(names[i], str_text(&out));
		str_fini(&out);
	}
}

static void prints_columns_for_programs(void **state)
{
	struct str out = { 0 };

	(void)state;
	paths_view_plain(&load("degraded")->snapshot, &out);
	compare_golden("status-plain.txt", str_text(&out));
	str_fini(&out);
}

// Units are the table's, its title's and the traffic line's alike.
static void rates_come_in_the_unit_that_is_wanted(void **state)
{
	static const struct {
		enum rate_choice units;
		const char *title, *total;
	} cases[] = {
		{ RATE_BITS, "RX Mb/s", "traffic RX 2.99 Mb/s" },
		{ RATE_KBITS, "RX kb/s", "traffic RX 2990 kb/s" },
		{ RATE_BYTES, "RX MB/s", "traffic RX 0.37 MB/s" },
		{ RATE_AUTO, "RX Mb/s", "traffic RX 2.99 Mb/s" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct str out = { 0 };

		status_view_text(&load("degraded")->snapshot,
				 (struct view_look){ .units = cases[i].units }, &out);
		assert_non_null(strstr(str_text(&out), cases[i].title));
		assert_non_null(strstr(str_text(&out), cases[i].total));
		str_fini(&out);
	}
}

static void tells_all_about_a_path(void **state)
{
	static const struct {
		const char *state, *path;
	} cases[] = {
		{ "ok", "wwan0" }, { "degraded", "ppp0" }, { "degraded", "tun1" }, { "3g", "wwan0" }
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct snapshot *s = &load(cases[i].state)->snapshot;
		struct str out = { 0 };
		char name[64];

		for (int p = 0; p < s->n_paths; p++) {
			if (strcmp(s->paths[p].name, cases[i].path) == 0)
				paths_view_detail(s, &s->paths[p], s->events, 2,
						  (struct view_look){ 0 }, &out);
		}
		snprintf(name, sizeof(name), "path-%s-%s", cases[i].state, cases[i].path);
		compare_status(name, str_text(&out));
		for (const char *line = str_text(&out); *line; line = strchr(line, '\n') + 1)
			assert_true(strcspn(line, "\n") <= 80);
		str_fini(&out);
	}
}

static void no_line_is_wider_than_a_terminal(void **state)
{
	static struct snapshot s;
	struct str out = { 0 };
	size_t width = 0;

	(void)state;
	s = load("twelve-paths")->snapshot;
	memset(s.host, 'h', sizeof(s.host) - 1);
	memset(s.exit.endpoint, 'e', sizeof(s.exit.endpoint) - 1);
	s.verdict = VERDICT_SERVER_UNREACHABLE;
	s.n_alarms = 1;
	memset(s.alarms[0].text, 'a', sizeof(s.alarms[0].text) - 1);
	memset(s.events[0].text, 't', sizeof(s.events[0].text) - 1);
	for (int i = 0; i < s.n_paths; i++) {
		struct path_snapshot *path = &s.paths[i];

		memset(path->name, 'n', sizeof(path->name) - 1);
		memset(path->kind, 'k', sizeof(path->kind) - 1);
		for (size_t j = 0; j + 3 < sizeof(path->note); j += 3)
			memcpy(path->note + j, "\xe2\x82\xac", 3); // one column each
		path->rx_bps = path->tx_bps = INT64_MAX;
		path->rtt_us = path->jitter_us = INT64_MAX;
		path->subflows = INT32_MAX;
	}
	status_view_text(&s, (struct view_look){ .color = false }, &out);
	for (const char *c = str_text(&out); *c; c++) {
		width = *c == '\n' ? 0 : width + ((*c & 0xc0) != 0x80);
		assert_true(width <= 80);
	}
	str_fini(&out);
}

// Colour changes nothing but colour.
static void colour_only_adds_escapes(void **state)
{
	struct str plain = { 0 }, color = { 0 }, stripped = { 0 };
	int escapes = 0;

	(void)state;
	status_view_text(&load("degraded")->snapshot, (struct view_look){ .color = false }, &plain);
	status_view_text(&load("degraded")->snapshot, (struct view_look){ .color = true }, &color);
	for (const char *c = str_text(&color); *c; c++) {
		if (*c == '\033') {
			escapes++;
			c = strchr(c, 'm');
		} else {
			str_addf(&stripped, "%c", *c);
		}
	}
	assert_string_equal(str_text(&stripped), str_text(&plain));
	assert_int_equal(escapes, 2 * 5); // the verdict and four paths; STANDBY has none
	assert_null(strchr(str_text(&plain), '\033'));
	str_fini(&plain);
	str_fini(&color);
	str_fini(&stripped);
}

static void checks_as_nagios_wants(void **state)
{
	static const struct {
		const char *name, *line;
		int status;
	} cases[] = {
		{ "ok",
		  "OK 4 of 4 paths up|paths_up=4;;;0;4 rx_bps=8900000 tx_bps=830000 conns=42\n",
		  0 },
		{ "starting", "STARTING 0 of 4 paths up|paths_up=0;;;0;4 conns=0\n", 1 },
		{ "degraded",
		  "DEGRADED 2 of 4 paths up; ppp0 DOWN: PPPoE peer silent (21 s); tun1 DEGRADED: "
		  "RTT 187 ms, loss 4.1% (13 s)|paths_up=2;;;0;4 rx_bps=2990000 tx_bps=210000 "
		  "conns=42\n",
		  1 },
		{ "not-bonded", NULL, 2 },
		{ "exit-unreachable", NULL, 2 },
		{ "offline", NULL, 2 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct str out = { 0 };

		assert_int_equal(status_view_check(&load(cases[i].name)->snapshot, &out),
				 cases[i].status);
		if (cases[i].line)
			assert_string_equal(str_text(&out), cases[i].line);
		str_fini(&out);
	}
}

static void a_bar_in_a_text_does_not_begin_the_numbers(void **state)
{
	static struct snapshot s;
	struct str out = { 0 };

	(void)state;
	s = load("degraded")->snapshot;
	strcpy(s.alarms[0].text, "a|b");
	status_view_check(&s, &out);
	assert_non_null(strstr(str_text(&out), "a/b"));
	assert_ptr_equal(strchr(str_text(&out), '|'), strrchr(str_text(&out), '|'));
	str_fini(&out);
}

static void tells_each_change_once(void **state)
{
	static struct snapshot s;
	struct str out = { 0 };

	(void)state;
	s = load("degraded")->snapshot;
	assert_int_equal(status_view_changes(&s, 215, &out), 217);
	assert_string_equal(str_text(&out),
			    "ppp0 DOWN: PPPoE peer not answering; redial 2 in 9 s  13:04:03\n"
			    "tun1 DEGRADED: RTT 187 ms over 150 for 15 s, loss 4.1% over 2%  "
			    "13:04:09\n");
	str_clear(&out);
	assert_int_equal(status_view_changes(&s, 217, &out), 217);
	assert_string_equal(str_text(&out), "");
	str_fini(&out);
}

static void an_empty_gateway_can_be_shown(void **state)
{
	static struct snapshot s;
	struct str out = { 0 };

	(void)state;
	status_view_text(&s, (struct view_look){ .color = false }, &out);
	assert_non_null(strstr(str_text(&out), "exit    none is configured\n"));
	assert_non_null(strstr(str_text(&out), "No paths are configured.\n"));
	str_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_each_state_in_a_sentence),
		cmocka_unit_test(prints_each_state_as_recorded),
		cmocka_unit_test(prints_columns_for_programs),
		cmocka_unit_test(rates_come_in_the_unit_that_is_wanted),
		cmocka_unit_test(tells_all_about_a_path),
		cmocka_unit_test(no_line_is_wider_than_a_terminal),
		cmocka_unit_test(colour_only_adds_escapes),
		cmocka_unit_test(checks_as_nagios_wants),
		cmocka_unit_test(a_bar_in_a_text_does_not_begin_the_numbers),
		cmocka_unit_test(tells_each_change_once),
		cmocka_unit_test(an_empty_gateway_can_be_shown),
	};

	setenv("TZ", "CET-1", 1);
	tzset();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
