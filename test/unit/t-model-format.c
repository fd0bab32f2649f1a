// SPDX-License-Identifier: GPL-2.0-or-later
#include "unit.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "model/format.h"
#include "model/path.h"
#include "model/snapshot.h"

static void formats_durations(void **state)
{
	static const struct {
		int64_t seconds;
		const char *sentence, *column;
	} cases[] = {
		{ 0, "0 s", "0s" },
		{ 59, "59 s", "59s" },
		{ 60, "1 min", "1m" },
		{ 3599, "59 min", "59m" },
		{ 3600, "1h 00m", "1h 00m" },
		{ 15125, "4h 12m", "4h 12m" },
		{ 86399, "23h 59m", "23h 59m" },
		{ 86400, "1d 00h", "1d 00h" },
		{ 1047682, "12d 03h", "12d 03h" },
		{ SNAPSHOT_UNKNOWN, "?", "?" },
		{ SNAPSHOT_NONE, "-", "-" },
	};
	char out[FORMAT_SIZE];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_string_equal(format_duration(cases[i].seconds, out), cases[i].sentence);
		assert_string_equal(format_duration_short(cases[i].seconds, out), cases[i].column);
	}
}

static void parses_amounts(void **state)
{
	static const struct {
		const char *text;
		int rc;
		int64_t bytes;
		const char *exact;
	} sizes[] = {
		{ "2 GB", 0, 2000000000, "2 GB" },
		{ "1.2G", 0, 1200000000, "1200 MB" },
		{ "500MB", 0, 500000000, "500 MB" },
		{ "64 kb", 0, 64000, "64 kB" },
		{ "1234567", 0, 1234567, "1234567 B" },
		{ "0", 0, 0, "0 B" },
		{ "0.5 T", 0, 500000000000, "500 GB" },
		{ "100.25 MB", 0, 100250000, "100250 kB" },
		{ "10000000 TB", -ERANGE, 0, NULL },
		{ "", -EINVAL, 0, NULL },
		{ "GB", -EINVAL, 0, NULL },
		{ "-1 GB", -EINVAL, 0, NULL },
		{ ".5 GB", -EINVAL, 0, NULL },
		{ "1. GB", -EINVAL, 0, NULL },
		{ "1.5.2 GB", -EINVAL, 0, NULL },
		{ "1e9", -EINVAL, 0, NULL },
		{ "0x10", -EINVAL, 0, NULL },
		{ "2 GiB", -EINVAL, 0, NULL },
		{ "2 GB ", -EINVAL, 0, NULL },
		{ "2 GB/s", -EINVAL, 0, NULL },
	}, times[] = {
		{ "30s", 0, 30, "30 s" },
		{ "30m", 0, 1800, "30 min" },
		{ "30 min", 0, 1800, "30 min" },
		{ "90 s", 0, 90, "90 s" },
		{ "2h", 0, 7200, "2 h" },
		{ "7 days", 0, 604800, "7 days" },
		{ "0 s", 0, 0, "0 s" },
		{ "30", -EINVAL, 0, NULL },
		{ "1.5h", -EINVAL, 0, NULL },
		{ "1h 30m", -EINVAL, 0, NULL },
		{ "soon", -EINVAL, 0, NULL },
		{ "99999999999999999999 d", -ERANGE, 0, NULL },
	};
	char out[FORMAT_SIZE];
	int64_t value;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		assert_int_equal(format_parse_bytes(sizes[i].text, &value), sizes[i].rc);
		if (sizes[i].rc)
			continue;
		assert_int_equal(value, sizes[i].bytes);
		assert_string_equal(format_exact_bytes(value, out), sizes[i].exact);
	}
	for (size_t i = 0; i < ARRAY_LEN(times); i++) {
		assert_int_equal(format_parse_duration(times[i].text, &value), times[i].rc);
		if (times[i].rc)
			continue;
		assert_int_equal(value, times[i].bytes);
		assert_string_equal(format_exact_duration(value, out), times[i].exact);
	}
	assert_string_equal(format_bytes_short(2000000000, out), "2.0 GB");
	assert_string_equal(format_bytes_short(29400000, out), "29 MB");
	assert_string_equal(format_bytes_short(998000000, out), "998 MB");
	assert_string_equal(format_bytes_short(SNAPSHOT_UNKNOWN, out), "?");
}

static void formats_bytes(void **state)
{
	static const struct {
		int64_t bytes;
		const char *text;
	} cases[] = {
		{ 0, "0 B" },
		{ 999, "999 B" },
		{ 1000, "1.00 kB" },
		{ 9994, "9.99 kB" },
		{ 9996, "10.0 kB" },
		{ 29000000, "29.0 MB" },
		{ 99960000, "100 MB" },
		{ 999400000, "999 MB" },
		{ 999600000, "1.00 GB" },
		{ 14200331776, "14.2 GB" },
		{ INT64_MAX, "9.22 EB" },
		{ SNAPSHOT_UNKNOWN, "?" },
	};
	char out[FORMAT_SIZE];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_string_equal(format_bytes(cases[i].bytes, out), cases[i].text);
}

static void formats_rates(void **state)
{
	static const struct {
		int64_t bps;
		enum rate_unit unit;
		const char *text;
	} cases[] = {
		{ 5910000, RATE_UNIT_MBIT, "5.91" },       { 0, RATE_UNIT_MBIT, "0.00" },
		{ 8000000, RATE_UNIT_MBYTE, "1.00" },      { 1600, RATE_UNIT_KBIT, "2" },
		{ 2500000000, RATE_UNIT_GBIT, "2.50" },    { SNAPSHOT_NONE, RATE_UNIT_MBIT, "-" },
		{ SNAPSHOT_UNKNOWN, RATE_UNIT_MBIT, "?" },
	};
	char out[FORMAT_SIZE];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_string_equal(format_rate(cases[i].bps, cases[i].unit, out), cases[i].text);
	assert_string_equal(rate_unit_word(rate_unit_for(999999999)), "Mb/s");
	assert_string_equal(rate_unit_word(rate_unit_for(1000000000)), "Gb/s");
}

static void formats_measures(void **state)
{
	char out[FORMAT_SIZE];

	(void)state;
	assert_string_equal(format_rtt(412, out), "0.4");
	assert_string_equal(format_rtt(9960, out), "10");
	assert_string_equal(format_rtt(48210, out), "48");
	assert_string_equal(format_rtt(SNAPSHOT_UNKNOWN, out), "?");
	assert_string_equal(format_loss(0, out), "0.0");
	assert_string_equal(format_loss(0.041, out), "4.1");
	assert_string_equal(format_loss(0.9996, out), "100");
	assert_string_equal(format_loss(1, out), "100");
	assert_string_equal(format_loss(SNAPSHOT_NONE, out), "-");
	assert_string_equal(format_count(42, out), "42");
	assert_string_equal(format_count(SNAPSHOT_UNKNOWN, out), "?");
}

static void formats_the_local_time_of_day(void **state)
{
	char out[FORMAT_SIZE];

	(void)state;
	setenv("TZ", "CET-1", 1);
	tzset();
	assert_string_equal(format_clock(1795349062103, out), "13:04:22");
}

static void shares_sum_to_100(void **state)
{
	static const struct {
		double ratios[5];
		int percents[5];
	} cases[] = {
		{ { .664, .105, .184, .047, 0 }, { 66, 11, 18, 5, 0 } },
		{ { 1. / 3, 1. / 3, 1. / 3, 0, 0 }, { 34, 33, 33, 0, 0 } },
		{ { .2, .2, .2, .2, .2 }, { 20, 20, 20, 20, 20 } },
		{ { 0, 0, 0, 0, 0 }, { 0, 0, 0, 0, 0 } },
		{ { SNAPSHOT_UNKNOWN, .996, .004, 0, SNAPSHOT_NONE }, { -1, 100, 0, 0, -2 } },
		{ { 0, 0, 0, 0, 1e-9 }, { 0, 0, 0, 0, 100 } },
	};
	int percents[PATHS_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		format_shares(cases[i].ratios, 5, percents);
		for (int j = 0; j < 5; j++)
			assert_int_equal(percents[j], cases[i].percents[j]);
	}
	srandom(1);
	for (int round = 0; round < 1000; round++) {
		double ratios[PATHS_MAX];
		int sum = 0;

		for (int i = 0; i < PATHS_MAX; i++)
			ratios[i] = (double)(random() % 1000);
		format_shares(ratios, PATHS_MAX, percents);
		for (int i = 0; i < PATHS_MAX; i++)
			sum += percents[i];
		assert_int_equal(sum, 100);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(formats_durations),
		cmocka_unit_test(parses_amounts),
		cmocka_unit_test(formats_bytes),
		cmocka_unit_test(formats_rates),
		cmocka_unit_test(formats_measures),
		cmocka_unit_test(formats_the_local_time_of_day),
		cmocka_unit_test(shares_sum_to_100),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
