// SPDX-License-Identifier: GPL-2.0-or-later
#include "golden.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ctl/ctl.h"
#include "role/conns_view.h"

// The connections of test/screen/states/NAME.jsonl, its first line.
static struct conns *load(const char *name)
{
	static struct ctl_message message;
	const char *srcdir = getenv("srcdir");
	char path[256], *line = NULL;
	size_t size = 0;
	FILE *file;

	setenv("TZ", "CET-1", 1);
	tzset();
	snprintf(path, sizeof(path), "%s/test/screen/states/%s.jsonl", srcdir ? srcdir : ".", name);
	file = fopen(path, "re");
	if (!file)
		fail_msg("cannot open %s", path);
	assert_true(getline(&line, &size, file) > 0);
	assert_int_equal(ctl_json_parse(line, &message), 0);
	assert_int_equal(message.kind, CTL_CONNS);
	free(line);
	fclose(file);
	return &message.conns;
}

static void prints_as_recorded(void **state)
{
	struct str out = { 0 };
	size_t width = 0;

	(void)state;
	conns_view_text(load("conns"), "", 43, RATE_BITS, &out);
	compare_golden("conns.txt", str_text(&out));
	for (const char *c = str_text(&out); *c; c++) {
		width = *c == '\n' ? 0 : width + 1;
		assert_true(width <= 80);
	}
	str_clear(&out);
	conns_view_plain(load("conns"), &out);
	compare_golden("conns-plain.txt", str_text(&out));
	str_fini(&out);
}

static const char *text_with(const char *state, const char *words, struct str *out)
{
	struct conns *conns = load(state);
	struct conn_filter filter;
	char why[160];
	int listed;

	assert_int_equal(conn_filter_parse(words, &filter, why, sizeof(why)), 0);
	listed = conns_view_filter(conns, &filter);
	str_clear(out);
	conns_view_text(conns, words, listed, RATE_BITS, out);
	return str_text(out);
}

static void says_why_there_is_nothing(void **state)
{
	struct str out = { 0 };

	(void)state;
	assert_string_equal(text_with("conns", "tun9", &out), "0 of 42 match \"tun9\"\n");
	assert_string_equal(text_with("no-conns", "tun9", &out),
			    "No connections. Clients are redirected from br0 (192.168.1.0/24); "
			    "nothing matched yet.\n");
	assert_non_null(
		strstr(text_with("conns", "mode:tcp 22", &out), "; 1 match \"mode:tcp 22\"\n"));
	assert_null(strstr(text_with("conns", "mode:tcp", &out), "192.168.1.23"));
	str_fini(&out);
}

static void tells_what_has_changed(void **state)
{
	static struct conns before, now;
	struct str out = { 0 };

	(void)state;
	before = now = *load("conns");
	conns_view_changes(&before, &now, &out);
	assert_string_equal(str_text(&out), "");
	before.list[3].id = 1; // so that it is new
	now.list[0].closed = true;
	now.list[0].ended_ms = now.time_ms;
	strcpy(now.list[0].end, "reset");
	conns_view_changes(&before, &now, &out);
	assert_string_equal(
		str_text(&out),
		"192.168.1.23:51514 -> 93.184.216.34:443 closed: reset after 14 min, 418 MB in, "
		"12.0 MB out  13:04:22\n"
		"192.168.1.7:51517 -> 203.0.113.9:22 opened as plain TCP: something on ppp0 "
		"removes "
		"MPTCP's options; over tun0 exit vps1 answers with them  11:01:12\n");
	str_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prints_as_recorded),
		cmocka_unit_test(says_why_there_is_nothing),
		cmocka_unit_test(tells_what_has_changed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
