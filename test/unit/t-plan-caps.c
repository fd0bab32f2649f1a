// SPDX-License-Identifier: GPL-2.0-or-later
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "plan/plan.h"

#define MB   1000000
#define GB   1000000000LL
#define DAY  86400000LL
#define HOUR 3600000LL

// A gateway with one capped link, and a world around it.
struct world {
	struct caps caps, kept; // in memory, on disk
	struct config_path path;
	struct cap_look look;
	struct cap_news news, heard; // of the last look; of all since it was cleared
	uint64_t truth;              // what the interface really moved
};

static int64_t wall(const char *text)
{
	struct tm tm = { .tm_isdst = -1 };

	if (sscanf(text, "%d-%d-%d %d:%d", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &tm.tm_hour,
		   &tm.tm_min) != 5)
		fail();
	tm.tm_year -= 1900;
	tm.tm_mon--;
	return (int64_t)mktime(&tm) * 1000;
}

static struct cap_count *count_of(struct world *w)
{
	return caps_get(&w->caps, "wwan0");
}

static void look(struct world *w)
{
	caps_look(&w->caps, count_of(w), &w->path, &w->look, &w->news);
	w->heard.began |= w->news.began;
	w->heard.taken_back |= w->news.taken_back;
	if (w->news.percent)
		w->heard.percent = w->news.percent;
}

static void zone(const char *name)
{
	setenv("TZ", name, 1);
	tzset();
}

static struct world begin(const char *time, int day)
{
	struct world w = {
		.path = { .name = "wwan0", .cap_bytes = 2 * GB, .cap_day = day, .cap_warn = 80 },
		.look = { .boot = "boot-1",
			  .ifindex = 7,
			  .mono_ms = 1000,
			  .rx_bytes = 500 * MB, // of before our time
			  .wall_ms = wall(time) }
	};

	look(&w);
	return w;
}

// `ms` go by, and `bytes` over the link.
static void pass(struct world *w, int64_t ms, uint64_t bytes)
{
	w->look.wall_ms += ms;
	w->look.mono_ms += ms;
	w->look.rx_bytes += bytes - bytes / 10;
	w->look.tx_bytes += bytes / 10;
	w->truth += bytes;
	look(w);
}

// The program ends, without a word when `killed`, and begins again; `bytes` pass meanwhile.
static void restart(struct world *w, bool killed, int64_t ms, uint64_t bytes)
{
	struct str file = { 0 }, why = { 0 };

	if (!killed || caps_due(&w->caps, &w->path, 1, w->look.mono_ms)) {
		caps_write(&w->caps, &file);
		caps_saved(&w->caps, w->look.mono_ms);
		assert_int_equal(caps_read(&w->kept, str_text(&file), &why), 0);
	}
	w->caps = w->kept;
	caps_saved(&w->caps, w->look.mono_ms);
	w->look.own_bytes = 0;
	w->look.wall_ms += ms;
	w->look.mono_ms += ms;
	w->look.rx_bytes += bytes;
	w->truth += bytes;
	look(w);
	str_fini(&file);
	str_fini(&why);
}

static void counts_the_interface_and_nothing_from_before(void **state)
{
	struct world w = begin("2026-11-22 13:00", 1);

	(void)state;
	zone("Europe/Berlin");
	assert_int_equal(cap_used_bytes(count_of(&w)), 0);
	pass(&w, 1000, 100 * MB);
	assert_int_equal(cap_used_bytes(count_of(&w)), 100 * MB);
	w.look.own_bytes = 90 * MB; // the same, without the headers
	pass(&w, 1000, 0);
	assert_int_equal(cap_used_bytes(count_of(&w)), 100 * MB);
}

static void goes_by_our_own_counter_where_the_interface_has_none(void **state)
{
	struct world w = begin("2026-11-22 13:00", 1);

	(void)state;
	for (int i = 0; i < 10; i++) {
		w.look.own_bytes += 7 * MB;
		w.look.wall_ms += 1000;
		w.look.mono_ms += 1000;
		look(&w);
	}
	assert_int_equal(cap_used_bytes(count_of(&w)), 70 * MB);
}

static void survives_wrap_reset_and_replug(void **state)
{
	struct world w = begin("2026-11-22 13:00", 1);
	int64_t before;

	(void)state;
	w.path.cap_bytes = 1000 * GB;
	w.look.rx_bytes = UINT32_MAX - 99; // 32 bits
	look(&w);
	before = cap_used_bytes(count_of(&w));
	w.look.rx_bytes = 200;
	look(&w);
	assert_int_equal(cap_used_bytes(count_of(&w)), before + 300);
	w.look.rx_bytes = 5 * GB; // 64 bits, and reset
	look(&w);
	before = cap_used_bytes(count_of(&w));
	w.look.rx_bytes = 1000;
	look(&w);
	assert_int_equal(cap_used_bytes(count_of(&w)), before + 1000);
	w.look.ifindex = 0; // pulled out
	look(&w);
	assert_int_equal(cap_used_bytes(count_of(&w)), before + 1000);
	w.look.ifindex = 8; // another one, from nought; a first packet is through
	w.look.rx_bytes = 5000;
	w.look.tx_bytes = 0;
	look(&w);
	assert_int_equal(cap_used_bytes(count_of(&w)), before + 6000);
	assert_true(w.caps.urgent);
}

static void is_right_after_kill_and_restart(void **state)
{
	struct world w = begin("2026-11-01 00:00", 1);

	(void)state;
	restart(&w, false, 1000, 0);
	for (int round = 0; round < 40; round++) {
		for (int i = 0; i < 60; i++) {
			pass(&w, 1000, 60000);
			if (caps_due(&w.caps, &w.path, 1, w.look.mono_ms))
				restart(&w, false, 1000, 0);
		}
		restart(&w, true, 20000, round * 10000); // it was down for a while
	}
	assert_int_equal(cap_used_bytes(count_of(&w)), w.truth);
}

// What is lost in a power cut is what was not written: little, against the cap.
static void loses_little_in_a_power_cut(void **state)
{
	struct world w = begin("2026-11-01 00:00", 1);
	int writes = 0;

	(void)state;
	restart(&w, false, 1000, 0);
	for (int i = 0; i < 3600; i++) {
		pass(&w, 1000, 500000);
		if (!caps_due(&w.caps, &w.path, 1, w.look.mono_ms))
			continue;
		writes++;
		restart(&w, false, 0, 0);
	}
	assert_true(writes > 150 && writes < 230); // of an hour that uses up the whole cap
	w.look.boot = "boot-2";
	w.look.ifindex = 3;
	w.look.rx_bytes = w.look.tx_bytes = 0;
	restart(&w, true, 60000, 0);
	assert_in_range(cap_used_bytes(count_of(&w)), w.truth - w.truth / 100, w.truth);
}

static void is_written_rarely(void **state)
{
	struct world w = begin("2026-11-01 00:00", 1);
	int writes = 0;

	(void)state;
	caps_saved(&w.caps, w.look.mono_ms);
	for (int i = 0; i < 86400; i++) {
		pass(&w, 1000, 26); // probes
		if (caps_due(&w.caps, &w.path, 1, w.look.mono_ms)) {
			caps_saved(&w.caps, w.look.mono_ms);
			writes++;
		}
	}
	assert_int_equal(writes, 288);
	for (int i = 0; i < 86400; i++) {
		pass(&w, 1000, 0);
		assert_false(i > 300 && caps_due(&w.caps, &w.path, 1, w.look.mono_ms));
		if (i == 300)
			caps_saved(&w.caps, w.look.mono_ms);
	}
}

static void begins_at_midnight_of_the_day(void **state)
{
	static const struct {
		const char *zone, *time;
		int day;
		const char *began, *ends;
	} cases[] = {
		{ "UTC", "2026-11-22 13:00", 1, "2026-11-01 00:00", "2026-12-01 00:00" },
		{ "UTC", "2026-12-31 23:59", 1, "2026-12-01 00:00", "2027-01-01 00:00" },
		{ "UTC", "2026-11-14 23:59", 15, "2026-10-15 00:00", "2026-11-15 00:00" },
		{ "UTC", "2026-11-15 00:00", 15, "2026-11-15 00:00", "2026-12-15 00:00" },
		{ "UTC", "2027-01-05 00:00", 20, "2026-12-20 00:00", "2027-01-20 00:00" },
		// the 31st, where there is none
		{ "UTC", "2026-11-29 12:00", 31, "2026-10-31 00:00", "2026-11-30 00:00" },
		{ "UTC", "2026-11-30 00:00", 31, "2026-11-30 00:00", "2026-12-31 00:00" },
		{ "UTC", "2027-02-27 23:59", 31, "2027-01-31 00:00", "2027-02-28 00:00" },
		{ "UTC", "2027-02-28 00:00", 31, "2027-02-28 00:00", "2027-03-31 00:00" },
		{ "UTC", "2028-02-28 12:00", 30, "2028-01-30 00:00", "2028-02-29 00:00" },
		{ "UTC", "2028-02-29 12:00", 29, "2028-02-29 00:00", "2028-03-29 00:00" },
		{ "UTC", "2027-03-01 12:00", 31, "2027-02-28 00:00", "2027-03-31 00:00" },
		// daylight saving begins on 29 March and ends on 25 October
		{ "Europe/Berlin", "2026-03-29 03:30", 29, "2026-03-29 00:00", "2026-04-29 00:00" },
		{ "Europe/Berlin", "2026-10-25 02:30", 26, "2026-09-26 00:00", "2026-10-26 00:00" },
		{ "Asia/Kolkata", "2026-11-01 00:10", 1, "2026-11-01 00:00", "2026-12-01 00:00" },
		// a midnight that does not exist
		{ "Asia/Beirut", "2023-03-26 12:00", 26, "2023-03-26 01:00", "2023-04-26 00:00" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct world w;

		zone(cases[i].zone);
		w = begin(cases[i].time, cases[i].day);
		assert_int_equal(cap_began_ms(count_of(&w)), wall(cases[i].began));
		assert_int_equal(cap_ends_ms(count_of(&w)), wall(cases[i].ends));
	}
	zone("Europe/Berlin");
}

// Three years, hour by hour: a period begins on its day and on no other.
static void turns_once_a_month_for_years(void **state)
{
	static const int days[] = { 1, 15, 29, 30, 31 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(days); i++) {
		struct world w = begin("2026-01-01 12:30", days[i]);
		int turns = 0;

		for (int hour = 0; hour < (3 * 365 + 1) * 24; hour++) {
			pass(&w, HOUR, 1000);
			if (!w.news.began)
				continue;
			turns++;
			assert_in_range(w.look.wall_ms - cap_began_ms(count_of(&w)), 0, HOUR);
			assert_int_equal(cap_used_bytes(count_of(&w)), 0);
			assert_in_range(w.news.last_bytes, 0, 32 * 24 * 1000);
		}
		assert_int_equal(turns, 36);
	}
}

static void is_not_fooled_by_a_clock_that_is_behind(void **state)
{
	struct world w = begin("2026-11-22 13:00", 1);
	int64_t now = w.look.wall_ms;

	(void)state;
	pass(&w, 1000, 1900 * MB);
	for (int i = 0; i < 3; i++) {
		// no battery: the clock begins in 1970, or where it was left months ago
		w.look.wall_ms =
			i == 0 ? 5000 : wall(i == 1 ? "2026-10-31 23:00" : "2019-05-05 05:05");
		restart(&w, true, 0, 0);
		assert_true(count_of(&w)->behind);
		pass(&w, 60000, MB);
		w.look.wall_ms = now + (i + 1) * HOUR; // NTP
		pass(&w, 1000, MB);
		assert_false(count_of(&w)->behind);
		pass(&w, 60000, MB);
	}
	assert_int_equal(cap_used_bytes(count_of(&w)), 1909 * MB);
	assert_false(w.heard.began || w.heard.taken_back);
}

static void takes_back_a_period_that_a_jump_began(void **state)
{
	static const char *const futures[] = { "2026-12-03 12:00", "2038-01-19 03:14" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(futures); i++) {
		for (int over_restart = 0; over_restart < 2; over_restart++) {
			struct world w = begin("2026-11-22 13:00", 1);
			int64_t now;

			pass(&w, 1000, 1900 * MB);
			now = w.look.wall_ms;
			w.look.wall_ms = wall(futures[i]);
			if (over_restart)
				restart(&w, false, 1000, 0);
			pass(&w, 1000, 0);
			pass(&w, 1000, 10 * MB);
			assert_true(w.heard.began);
			assert_int_equal(cap_used_bytes(count_of(&w)), 10 * MB);
			restart(&w, false, 1000, 0);
			w.look.wall_ms = now;
			pass(&w, 1000, 10 * MB);
			assert_true(w.heard.taken_back);
			assert_int_equal(cap_used_bytes(count_of(&w)), 1920 * MB);
			assert_int_equal(cap_ends_ms(count_of(&w)), wall("2026-12-01 00:00"));
			// and the true one comes all the same
			w.heard = (struct cap_news){ 0 };
			for (int day = 0; day < 10; day++)
				pass(&w, DAY, 0);
			assert_true(w.heard.began);
			assert_int_equal(cap_used_bytes(count_of(&w)), 0);
		}
	}
}

static void does_not_take_back_what_was_certain(void **state)
{
	struct world w = begin("2026-11-30 23:59", 1);

	(void)state;
	pass(&w, 1000, 1900 * MB);
	pass(&w, 120000, 0);
	assert_true(w.news.began);
	w.look.wall_ms -= DAY;
	pass(&w, 1000, MB);
	assert_true(count_of(&w)->behind);
	assert_int_equal(cap_used_bytes(count_of(&w)), MB);

	// a reboot over the end of the month, and a steady day after it
	w = begin("2026-11-30 23:59", 1);
	pass(&w, 1000, 1900 * MB);
	restart(&w, false, HOUR, 0);
	assert_true(w.heard.began);
	for (int hour = 0; hour < 25; hour++)
		pass(&w, HOUR, MB);
	w.look.wall_ms = wall("2026-11-29 12:00");
	restart(&w, false, 1000, 0);
	assert_true(count_of(&w)->behind);
	assert_int_equal(cap_used_bytes(count_of(&w)), 25 * MB);
}

// A setting in the file gives nothing back.
static void keeps_the_count_when_the_billing_day_changes(void **state)
{
	struct world w = begin("2026-11-22 13:00", 1);

	(void)state;
	pass(&w, 1000, 1900 * MB);
	w.path.cap_day = 15;
	pass(&w, 1000, MB);
	assert_int_equal(cap_used_bytes(count_of(&w)), 1901 * MB);
	assert_int_equal(cap_ends_ms(count_of(&w)), wall("2026-12-15 00:00"));
	assert_false(w.heard.began);
}

static void warns_once_at_each_level(void **state)
{
	struct world w = begin("2026-11-22 13:00", 1);
	int warnings = 0, at[8] = { 0 };

	(void)state;
	for (int i = 0; i < 220; i++) {
		pass(&w, 1000, 10 * MB);
		if (w.news.percent)
			at[warnings++] = w.news.percent;
		if (i % 7 == 0)
			restart(&w, false, 1000, 0);
		assert_int_equal(cap_judge(count_of(&w), &w.path),
				 (i + 1) * 10 >= 2000 ? CAP_SPENT : CAP_FREE);
	}
	assert_int_equal(warnings, 3);
	assert_int_equal(at[0], 80);
	assert_int_equal(at[1], 90);
	assert_int_equal(at[2], 95);
}

static void says_what_is_used(void **state)
{
	static const struct {
		int64_t used, limit;
		const char *note, *sentence;
	} cases[] = {
		{ 0, 2 * GB, "cap 0% of 2.0 GB", "0% used, 2.00 GB left, resets in 8 days" },
		{ 1210 * MB, 2 * GB, "cap 60% of 2.0 GB",
		  "60% used, 790 MB left, resets in 8 days" },
		{ 1700 * MB, 2 * GB, "cap 85% of 2.0 GB",
		  "85% used, 300 MB left, resets in 8 days" },
		{ 2 * GB - 1, 2 * GB, "cap 99% of 2.0 GB", "99% used, 1 B left, resets in 8 days" },
		{ 2 * GB, 2 * GB, "2.00 of 2.0 GB",
		  "2.00 GB of 2.00 GB used, resets in 8 days; disabled" },
		{ 2 * GB, 500 * MB, "2.00 GB of 500 MB",
		  "2.00 GB of 500 MB used, resets in 8 days; disabled" },
	};
	char note[NOTE_SIZE], sentence[EVENT_TEXT_SIZE];
	struct world w = begin("2026-11-22 13:04", 1);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		w.path.cap_bytes = cases[i].limit;
		cap_set_used(&w.caps, count_of(&w), cases[i].used, w.look.wall_ms);
		cap_note(count_of(&w), &w.path, note);
		cap_sentence(count_of(&w), &w.path, w.look.wall_ms, sentence);
		assert_string_equal(note, cases[i].note);
		assert_string_equal(sentence, cases[i].sentence);
	}
	cap_sentence(count_of(&w), &w.path, wall("2026-11-30 20:30"), sentence);
	assert_string_equal(sentence, "2.00 GB of 500 MB used, resets in 3h 30m; disabled");
	cap_ignore(&w.caps, count_of(&w));
	assert_int_equal(cap_judge(count_of(&w), &w.path), CAP_FREE);
	cap_note(count_of(&w), &w.path, note);
	assert_string_equal(note, "cap ignored, 2.00 GB of 500 MB");
}

static void gives_more_until_the_period_ends(void **state)
{
	struct world w = begin("2026-11-30 13:00", 1);

	(void)state;
	pass(&w, 1000, 2010 * MB);
	assert_int_equal(cap_judge(count_of(&w), &w.path), CAP_SPENT);
	cap_boost(&w.caps, count_of(&w), 100 * MB);
	restart(&w, false, 1000, 0);
	assert_int_equal(cap_judge(count_of(&w), &w.path), CAP_FREE);
	assert_int_equal(cap_limit_bytes(count_of(&w), &w.path), 2100 * MB);
	pass(&w, 1000, 90 * MB);
	assert_int_equal(cap_judge(count_of(&w), &w.path), CAP_SPENT);
	cap_ignore(&w.caps, count_of(&w));
	restart(&w, false, 1000, 0);
	assert_int_equal(cap_judge(count_of(&w), &w.path), CAP_FREE);
	pass(&w, DAY, 0);
	pass(&w, 1000, 2 * GB);
	assert_int_equal(cap_limit_bytes(count_of(&w), &w.path), 2 * GB);
	assert_int_equal(cap_judge(count_of(&w), &w.path), CAP_SPENT);
}

static void stays_unknown_until_somebody_says(void **state)
{
	struct world w = begin("2026-11-22 13:00", 1);
	char note[NOTE_SIZE];

	(void)state;
	pass(&w, 1000, 500 * MB);
	caps_doubt(&w.caps);
	assert_int_equal(cap_judge(count_of(&w), &w.path), CAP_UNKNOWN);
	restart(&w, false, 1000, 0);
	assert_int_equal(cap_judge(count_of(&w), &w.path), CAP_UNKNOWN);
	assert_true(caps_get(&w.caps, "other")->unknown); // it may have been in what is lost
	assert_int_equal(cap_used_bytes(count_of(&w)), 500 * MB);
	cap_note(count_of(&w), &w.path, note);
	assert_string_equal(note, "cap unknown");
	// a jump of the clock does not heal it
	w.look.wall_ms += 40 * DAY;
	pass(&w, 1000, 0);
	assert_int_equal(cap_judge(count_of(&w), &w.path), CAP_UNKNOWN);
	cap_set_used(&w.caps, count_of(&w), 1200 * MB, w.look.wall_ms);
	restart(&w, false, 1000, 0);
	assert_int_equal(cap_judge(count_of(&w), &w.path), CAP_FREE);
	assert_int_equal(cap_used_bytes(count_of(&w)), 1200 * MB);
	// a period that begins before its eyes is known from the start
	caps_doubt(&w.caps);
	for (int day = 0; day < 31; day++)
		pass(&w, DAY, MB);
	assert_int_equal(cap_judge(count_of(&w), &w.path), CAP_FREE);
}

static void refuses_a_file_that_is_not_its_own(void **state)
{
	static const char line[] = "wwan0 2026-11-01 day=1 base=1 line=2 own=3 boost=4 ignored=0 "
				   "warned=80 undo=0000-00-00/0 steady=0 unknown=0 at=b/7/8/9";
	static const struct {
		const char *head, *end, *why;
	} cases[] = {
		{ "caps 1\n", "\n", NULL },
		{ "caps 1 damaged\n", "\n", NULL },
		{ "", "\n", "has no heading" },
		{ "caps 2\n", "\n", "has no heading" },
		{ "caps 1\n", "", "is damaged in line 2" },
		{ "caps 1\n", "0\nx\n", "is damaged in line 3" },
		{ "caps 1\nx", " \n", "is damaged in line 2" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct str text = { 0 }, why = { 0 };
		struct caps caps;

		str_addf(&text, "%s%s%s", cases[i].head, line, cases[i].end);
		assert_int_equal(caps_read(&caps, str_text(&text), &why),
				 cases[i].why ? -EBADMSG : 0);
		assert_string_equal(str_text(&why), cases[i].why ? cases[i].why : "");
		str_fini(&text);
		str_fini(&why);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_the_interface_and_nothing_from_before),
		cmocka_unit_test(goes_by_our_own_counter_where_the_interface_has_none),
		cmocka_unit_test(survives_wrap_reset_and_replug),
		cmocka_unit_test(is_right_after_kill_and_restart),
		cmocka_unit_test(loses_little_in_a_power_cut),
		cmocka_unit_test(is_written_rarely),
		cmocka_unit_test(begins_at_midnight_of_the_day),
		cmocka_unit_test(turns_once_a_month_for_years),
		cmocka_unit_test(is_not_fooled_by_a_clock_that_is_behind),
		cmocka_unit_test(takes_back_a_period_that_a_jump_began),
		cmocka_unit_test(does_not_take_back_what_was_certain),
		cmocka_unit_test(keeps_the_count_when_the_billing_day_changes),
		cmocka_unit_test(warns_once_at_each_level),
		cmocka_unit_test(says_what_is_used),
		cmocka_unit_test(gives_more_until_the_period_ends),
		cmocka_unit_test(stays_unknown_until_somebody_says),
		cmocka_unit_test(refuses_a_file_that_is_not_its_own),
	};

	zone("Europe/Berlin");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
