// SPDX-License-Identifier: GPL-2.0-or-later
#include "unit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "model/trend.h"

#define SECOND INT64_C(1000)
#define HOUR   (3600 * SECOND)
#define DAY    (24 * HOUR)
// Noon of 15 October 2026, UTC; the tests' zone has its clocks put back on the 25th.
#define BEGIN (INT64_C(1792065600) * 1000)

static struct trend t;
static struct history h;

static int begin(void **state)
{
	(void)state;
	setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
	tzset();
	memset(&t, 0, sizeof(t));
	memset(&h, 0, sizeof(h));
	return 0;
}

// `bytes` each second, for the seconds after `from_ms`. Returns when they are over.
static int64_t run(int64_t from_ms, int64_t seconds, uint64_t bytes)
{
	for (int64_t i = 1; i <= seconds; i++)
		trend_add(&t, from_ms + i * SECOND, SECOND, bytes, bytes / 10);
	return from_ms + seconds * SECOND;
}

static const struct history_sample *newest(enum trend_scale scale, unsigned age)
{
	trend_history(&t, scale, &h);
	return history_get(&h, age);
}

static unsigned count(enum trend_scale scale, bool known)
{
	const struct history_sample *sample;
	unsigned n = 0;

	trend_history(&t, scale, &h);
	for (unsigned age = 0; (sample = history_get(&h, age)); age++)
		n += (sample->rx_bps >= 0) == known;
	return n;
}

static void nothing_is_no_samples(void **state)
{
	(void)state;
	for (int i = 0; i < TREND_SCALES; i++)
		assert_null(newest((enum trend_scale)i, 0));
	assert_int_equal(trend_today(&t, BEGIN).rx_bytes, 0);
	assert_true(trend_is_sane(&t));
}

static void an_even_rate_is_that_rate_at_every_scale(void **state)
{
	(void)state;
	run(BEGIN, 31 * DAY / SECOND, 1000);
	for (int i = 0; i < TREND_SCALES; i++) {
		enum trend_scale scale = (enum trend_scale)i;

		assert_int_equal(count(scale, true), trend_slots(scale));
		for (unsigned age = 0; age < trend_slots(scale); age++) {
			assert_in_range(history_get(&h, age)->rx_bps, 7999, 8001);
			assert_in_range(history_get(&h, age)->tx_bps, 799, 801);
		}
		assert_int_equal(history_get(&h, 0)->time_ms - history_get(&h, 1)->time_ms,
				 trend_step_s(scale) * SECOND);
	}
}

static void a_burst_is_seen_where_it_was(void **state)
{
	int64_t now = run(BEGIN, 3000, 0);

	(void)state;
	now = run(now, 10, 100000);
	run(now, 300, 0);
	// 800 kb/s for ten seconds, thirty slots ago
	assert_int_equal(newest(TREND_HOUR, 30)->rx_bps, 800000);
	assert_int_equal(newest(TREND_HOUR, 31)->rx_bps, 0);
	assert_int_equal(newest(TREND_HOUR, 29)->rx_bps, 0);
	assert_int_equal(newest(TREND_HOUR, 30)->time_ms, BEGIN + 3000 * SECOND);
	// the same bytes in five minutes
	assert_int_equal(newest(TREND_DAY, 1)->rx_bps, 800000 / 30);
}

static void uneven_ticks_lose_no_byte(void **state)
{
	int64_t now = BEGIN;
	double bytes = 0;

	(void)state;
	for (int i = 0; now < BEGIN + HOUR; i++) {
		int64_t span = 700 + i * 37 % 900;

		now += span;
		trend_add(&t, now, span, 12345, 0);
	}
	trend_history(&t, TREND_HOUR, &h);
	for (unsigned age = 1; history_get(&h, age); age++)
		bytes += (double)history_get(&h, age)->rx_bps * 10 / 8;
	assert_true(fabs(bytes / (double)trend_today(&t, now).rx_bytes - 1) < 0.005);
}

static void a_gap_is_unknown_and_not_zero(void **state)
{
	int64_t now = run(BEGIN, 600, 1000);

	(void)state;
	run(now + 100 * SECOND, 200, 1000);
	assert_int_equal(count(TREND_HOUR, false), 10);
	assert_int_equal(newest(TREND_HOUR, 19)->rx_bps, 8000);
	assert_int_equal(newest(TREND_HOUR, 20)->rx_bps, SNAPSHOT_UNKNOWN);
	assert_int_equal(newest(TREND_HOUR, 29)->rx_bps, SNAPSHOT_UNKNOWN);
	assert_int_equal(newest(TREND_HOUR, 30)->rx_bps, 8000);
	assert_int_equal(newest(TREND_HOUR, 29)->time_ms, now);
	// five minutes of which two thirds were seen are known, with the rate of what was seen
	assert_int_equal(count(TREND_DAY, false), 0);
	assert_int_equal(newest(TREND_DAY, 0)->rx_bps, 8000);
}

static void less_than_half_of_a_slot_is_not_enough(void **state)
{
	int64_t now = run(BEGIN, 300 + 140, 1000);

	(void)state;
	run(now + 160 * SECOND, 10, 1000);
	assert_int_equal(newest(TREND_DAY, 0)->rx_bps, 8000); // the open one, so far
	assert_int_equal(newest(TREND_DAY, 1)->rx_bps, SNAPSHOT_UNKNOWN);
	assert_int_equal(newest(TREND_DAY, 2)->rx_bps, 8000);
}

static void a_silence_longer_than_the_ring_leaves_it_empty(void **state)
{
	int64_t now = run(BEGIN, 7200, 1000);

	(void)state;
	run(now + 3 * HOUR, 100, 2000);
	assert_int_equal(count(TREND_HOUR, true), 10);
	assert_int_equal(count(TREND_HOUR, false), 0); // nothing before the beginning
	assert_int_equal(count(TREND_DAY, true), 24 + 1);
}

static void a_clock_that_is_behind_for_a_while_hides_nothing(void **state)
{
	static struct trend before;
	int64_t now = run(BEGIN, 3600, 1000);

	(void)state;
	before = t;
	// as after a boot without a battery, until the time was asked for
	run(BEGIN - 300 * DAY, 60, 5000);
	run(10 * SECOND, 60, 5000);
	assert_memory_equal(t.rings, before.rings, sizeof(t.rings));
	assert_int_equal(trend_today(&t, now).rx_bytes, 3600 * 1000);
	now = run(now + 200 * SECOND, 60, 1000);
	assert_int_equal(newest(TREND_HOUR, 0)->rx_bps, 8000);
	assert_int_equal(count(TREND_HOUR, true), 334 + 6);
	assert_int_equal(trend_today(&t, now).rx_bytes, 3660 * 1000);
}

static void a_clock_that_stays_behind_is_believed(void **state)
{
	int64_t now = run(BEGIN, 7200, 1000) - 40 * DAY;

	(void)state;
	now = run(now, TREND_PATIENCE_MS / SECOND + 100, 2000);
	assert_in_range(newest(TREND_HOUR, 0)->rx_bps, 15999, 16001);
	assert_int_equal(newest(TREND_HOUR, 0)->time_ms, now - 10 * SECOND);
	assert_int_equal(count(TREND_HOUR, true), 10);
	assert_true(trend_is_sane(&t));
}

static void a_small_step_back_does_no_harm(void **state)
{
	int64_t now = run(BEGIN, 3600, 1000);

	(void)state;
	run(now - 1500, 100, 1000);
	assert_int_equal(count(TREND_HOUR, true), 360);
	assert_int_equal(count(TREND_HOUR, false), 0);
	for (unsigned age = 0; history_get(&h, age); age++)
		assert_in_range(history_get(&h, age)->rx_bps, 7999, 8001);
}

static void a_wrong_date_does_not_hide_the_right_one(void **state)
{
	int64_t now = run(BEGIN, 100, 1000);

	(void)state;
	run(now + 4000 * DAY, 100, 1);
	now = run(now + 200 * SECOND, 100, 1000);
	assert_int_equal(trend_today(&t, now).rx_bytes, 200 * 1000);
	assert_int_equal(trend_month(&t, now).rx_bytes, 200 * 1000);
}

static void days_begin_at_local_midnight(void **state)
{
	// 25 October has 25 hours
	const int64_t midnight = INT64_C(1792879200) * 1000;
	int64_t now = run(midnight, 25 * 3600, 10);

	(void)state;
	assert_int_equal(trend_today(&t, now - 1000).rx_bytes, 25 * 3600 * 10 - 10);
	assert_int_equal(trend_today(&t, now - 1000).day, 20261025);
	run(now, 60, 10);
	assert_int_equal(trend_today(&t, now + 60 * SECOND).day, 20261026);
	assert_int_equal(trend_today(&t, now + 60 * SECOND).rx_bytes, 61 * 10);
}

static void months_are_sums_of_days_for_half_a_year(void **state)
{
	int64_t now = BEGIN;
	uint64_t month = 0;
	int64_t last = trend_today(&t, now).day / 100;

	(void)state;
	for (int minute = 0; minute < 180 * 24 * 60; minute++) {
		now += 60 * SECOND;
		trend_add(&t, now, 60 * SECOND, 600, 60);
		if (trend_today(&t, now).day / 100 != last)
			month = 0;
		last = trend_today(&t, now).day / 100;
		month += 600;
		if (minute % 997 == 0)
			assert_int_equal(trend_month(&t, now).rx_bytes, month);
	}
	trend_history(&t, TREND_MONTH, &h);
	assert_int_equal(h.n_days, HISTORY_DAYS);
	assert_string_equal(h.days[HISTORY_DAYS - 1].date, "2027-04-13");
	for (int i = 1; i < h.n_days; i++)
		assert_true(strcmp(h.days[i - 1].date, h.days[i].date) < 0);
	assert_true(trend_is_sane(&t));
}

static void bytes_that_nobody_watched_make_no_rate(void **state)
{
	int64_t now = run(BEGIN, 100, 1000);

	(void)state;
	trend_add_bytes(&t, now, 5000000, 1);
	assert_int_equal(trend_today(&t, now).rx_bytes, 5100000);
	assert_int_equal(newest(TREND_HOUR, 0)->rx_bps, 8000);
}

static void spans_of_any_length_end(void **state)
{
	(void)state;
	trend_add(&t, BEGIN, 900 * DAY, 1000000, 1);
	assert_int_equal(count(TREND_MONTH, true), trend_slots(TREND_MONTH));
	trend_add(&t, BEGIN + 10, 0, 1, 1);
	trend_add(&t, BEGIN + 10, -5, 1, 1);
	trend_add(&t, -5, 1000, 1, 1);
	trend_add(&t, BEGIN + 10, BEGIN + 500, 1, 1);
	assert_true(trend_is_sane(&t));
}

static void nonsense_is_told(void **state)
{
	static struct trend good;

	(void)state;
	run(BEGIN, 5000, 1000);
	good = t;
	assert_true(trend_is_sane(&t));
	t.rings[TREND_DAY].slots[7].rx_bps = NAN;
	assert_false(trend_is_sane(&t));
	t = good;
	t.rings[TREND_DAY].newest = INT64_MAX;
	assert_false(trend_is_sane(&t));
	t.rings[TREND_DAY].newest = -1;
	assert_false(trend_is_sane(&t));
	t = good;
	t.rings[TREND_MINUTE].covered_ms = INFINITY;
	assert_false(trend_is_sane(&t));
	t = good;
	t.days[3].day = INT64_MIN;
	assert_false(trend_is_sane(&t));
}

static void scales_have_words(void **state)
{
	enum trend_scale scale;

	(void)state;
	for (int i = 0; i < TREND_SCALES; i++) {
		assert_int_equal(
			trend_scale_from_word(trend_scale_word((enum trend_scale)i), &scale), 0);
		assert_int_equal(scale, i);
		assert_true(trend_slots(scale) <= TREND_SLOTS_MAX);
	}
	assert_true(trend_scale_from_word("2h", &scale) < 0);
}

#define TEST(name) cmocka_unit_test_setup(name, begin)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing_is_no_samples),
		TEST(an_even_rate_is_that_rate_at_every_scale),
		TEST(a_burst_is_seen_where_it_was),
		TEST(uneven_ticks_lose_no_byte),
		TEST(a_gap_is_unknown_and_not_zero),
		TEST(less_than_half_of_a_slot_is_not_enough),
		TEST(a_silence_longer_than_the_ring_leaves_it_empty),
		TEST(a_clock_that_is_behind_for_a_while_hides_nothing),
		TEST(a_clock_that_stays_behind_is_believed),
		TEST(a_small_step_back_does_no_harm),
		TEST(a_wrong_date_does_not_hide_the_right_one),
		TEST(days_begin_at_local_midnight),
		TEST(months_are_sums_of_days_for_half_a_year),
		TEST(bytes_that_nobody_watched_make_no_rate),
		TEST(spans_of_any_length_end),
		TEST(nonsense_is_told),
		TEST(scales_have_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
