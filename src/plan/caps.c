// SPDX-License-Identifier: GPL-2.0-or-later
//
// What each path has used of its data allowance.
//
// Two counters are added up side by side: the interface's own, which sees all traffic and goes on
// while mpgate does not run, and ours (subflows and probes), which goes on when the interface's is
// reset or tells nothing. The larger one counts. Of the interface's only differences are added, and
// the value that the last one was taken from is kept on disk with the boot and the interface that
// it belongs to; so a restart, also after kill -9, closes the gap by itself. Another interface of
// the same name (a stick that was plugged in again, a PPP session dialled anew) begins at nought,
// and all that it has counted is new. What was moved between the last write and a reboot or an
// unplugging that nobody saw is lost; caps_due() keeps that small against the cap.
//
// A billing period is named by its first day in local time, so daylight saving cannot matter. The
// clock is not believed blindly:
//
//	* Before 2020 it was never set, and no period begins or ends.
//	* While it is behind the period that is counted, that period goes on.
//	* A period that began while the clock ran on evenly from look to look is begun for good.
//	  One that began with a jump, or across a restart, is taken back with all that was used
//	  when the clock goes back, until it has run on evenly for a day.
//
// Everything here errs towards having used more.

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "model/format.h"
#include "plan/plan.h"

#define DAY_MS         86400000LL
#define CLOCK_LEAST_MS (1577836800LL * 1000) // 2020-01-01
#define JUMP_MS        60000
#define STEADY_MS      DAY_MS
#define SAVE_MS        300000
#define SAVE_PARTS     200 // of a cap: at most so many writes more in a period
#define HEADING        "caps 1"

// ---- the calendar

// Howard Hinnant's days_from_civil and civil_from_days, for years after 1600.
static int32_t day_number(int year, int month, int day)
{
	int y = month <= 2 ? year - 1 : year, era = y / 400, of_era = y - era * 400;
	int of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static void date_of(int32_t number, int *year, int *month, int *day)
{
	int z = number + 719468, era = z / 146097, of_era = z - era * 146097;
	int y = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int of_year = of_era - (365 * y + y / 4 - y / 100), m = (5 * of_year + 2) / 153;

	*day = of_year - (153 * m + 2) / 5 + 1;
	*month = m < 10 ? m + 3 : m - 9;
	*year = y + era * 400 + (*month <= 2);
}

// Month 13 is the next January.
static int32_t first_day_in(int year, int month, int day)
{
	int32_t begin = day_number(year + (month - 1) / 12, (month - 1) % 12 + 1, 1);
	int32_t next = day_number(year + month / 12, month % 12 + 1, 1);

	return begin + day <= next ? begin + day - 1 : next - 1;
}

// The first day of the period that the time lies in; `day` of the month begins one. 0: no such
// time.
static int32_t period_at(int64_t wall_ms, int day)
{
	time_t now = (time_t)(wall_ms / 1000);
	int32_t today, first;
	struct tm tm;

	if (!localtime_r(&now, &tm))
		return 0;
	today = day_number(tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday);
	first = first_day_in(tm.tm_year + 1900, tm.tm_mon + 1, day);
	return today >= first ? first : first_day_in(tm.tm_year + 1899, tm.tm_mon + 12, day);
}

// Local midnight, or the first moment of a day that has none.
static int64_t midnight_ms(int32_t number)
{
	struct tm tm = { .tm_isdst = -1 };

	date_of(number, &tm.tm_year, &tm.tm_mon, &tm.tm_mday);
	tm.tm_year -= 1900;
	tm.tm_mon--;
	return (int64_t)mktime(&tm) * 1000;
}

int64_t cap_began_ms(const struct cap_count *c)
{
	return c->period ? midnight_ms(c->period) : 0;
}

int64_t cap_ends_ms(const struct cap_count *c)
{
	int year, month, day;

	if (!c->period)
		return 0;
	date_of(c->period, &year, &month, &day);
	return midnight_ms(first_day_in(year, month + 1, c->day));
}

// ---- counting

int64_t cap_used_bytes(const struct cap_count *c)
{
	uint64_t used =
		c->base_bytes + (c->line_bytes > c->own_bytes ? c->line_bytes : c->own_bytes);

	return (int64_t)(used & INT64_MAX);
}

static void start_from(struct cap_count *c, uint64_t bytes)
{
	c->base_bytes = bytes;
	c->line_bytes = c->own_bytes = 0;
}

// A counter that is lower than it was has been reset, unless it was near the end of 32 bits: some
// drivers have no more.
static uint64_t moved(uint64_t before, uint64_t now)
{
	if (now >= before)
		return now - before;
	if (before > UINT32_MAX / 4 * 3 && before <= UINT32_MAX)
		return now + (UINT32_MAX - before) + 1;
	return now;
}

static void count_line(struct caps *caps, struct cap_count *c, const struct cap_look *look)
{
	struct cap_line *line = &c->line;
	bool same = line->ifindex == look->ifindex && strcmp(line->boot, look->boot) == 0;

	if (!look->ifindex)
		return;
	if (same)
		c->line_bytes += moved(line->rx_bytes, look->rx_bytes) +
				 moved(line->tx_bytes, look->tx_bytes);
	else if (line->boot[0])
		c->line_bytes += look->rx_bytes + look->tx_bytes;
	caps->urgent |= !same;
	str_copy(line->boot, sizeof(line->boot), look->boot);
	line->ifindex = look->ifindex;
	line->rx_bytes = look->rx_bytes;
	line->tx_bytes = look->tx_bytes;
}

static void count(struct caps *caps, struct cap_count *c, const struct cap_look *look)
{
	count_line(caps, c, look);
	c->own_bytes +=
		look->own_bytes >= c->own_seen ? look->own_bytes - c->own_seen : look->own_bytes;
	c->own_seen = look->own_bytes;
}

// ---- periods

static void begin_period(struct cap_count *c, int32_t period, bool certain, struct cap_news *news)
{
	news->began = true;
	news->last_bytes = cap_used_bytes(c);
	c->undo_period = certain ? 0 : c->period;
	c->undo_bytes = (uint64_t)news->last_bytes;
	c->period = period;
	c->steady_ms = 0;
	c->unknown &= !certain;
	c->boost_bytes = 0;
	c->ignored = false;
	c->warned = 0;
	start_from(c, 0);
}

static void take_back(struct cap_count *c, int32_t period, struct cap_news *news)
{
	uint64_t used = (uint64_t)cap_used_bytes(c);

	news->taken_back = true;
	start_from(c, period == c->undo_period ? c->undo_bytes + used : used);
	c->period = period;
	c->undo_period = 0;
	c->warned = 0;
}

static void turn(struct caps *caps, struct cap_count *c, int day, const struct cap_look *look,
		 bool even, struct cap_news *news)
{
	int32_t period = look->wall_ms < CLOCK_LEAST_MS ? 0 : period_at(look->wall_ms, day);

	c->behind = period < c->period;
	if (!period)
		return;
	if (!c->period || c->day != day) {
		// another billing day gives nothing back
		c->period = period;
		c->day = day;
		c->undo_period = 0;
		c->behind = false;
		caps->urgent = true;
	} else if (period > c->period) {
		begin_period(c, period, even, news);
		caps->urgent = true;
	} else if (c->undo_period && period < c->period && period >= c->undo_period) {
		take_back(c, period, news);
		c->behind = false;
		caps->urgent = true;
	}
}

static void watch_clock(struct cap_count *c, const struct cap_look *look, bool even)
{
	if (even && c->undo_period)
		c->steady_ms += look->mono_ms - c->mono_ms;
	if (c->steady_ms >= STEADY_MS)
		c->undo_period = 0;
	c->looked = true;
	c->wall_ms = look->wall_ms;
	c->mono_ms = look->mono_ms;
}

// ---- warnings

int64_t cap_limit_bytes(const struct cap_count *c, const struct config_path *path)
{
	return path->cap_bytes ? path->cap_bytes + (int64_t)c->boost_bytes : 0;
}

static int percent_of(const struct cap_count *c, const struct config_path *path)
{
	double ratio = (double)cap_used_bytes(c) / (double)cap_limit_bytes(c, path);

	return ratio > 99 ? 9999 : (int)(ratio * 100 + 1e-9);
}

// The highest level that is reached, or 0.
static int level_of(int percent, int warn)
{
	const int levels[] = { warn, 90, 95 };
	int level = 0;

	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
		if (levels[i] >= warn && percent >= levels[i])
			level = levels[i];
	}
	return level;
}

static void warn(struct caps *caps, struct cap_count *c, const struct config_path *path,
		 struct cap_news *news)
{
	int percent = path->cap_bytes && !c->unknown ? percent_of(c, path) : 0;
	int level = level_of(percent, path->cap_warn);

	if (level <= c->warned)
		return;
	c->warned = level;
	caps->urgent = true;
	if (percent < 100)
		news->percent = percent;
}

void caps_look(struct caps *caps, struct cap_count *c, const struct config_path *path,
	       const struct cap_look *look, struct cap_news *news)
{
	bool even = c->looked &&
		    llabs((look->wall_ms - c->wall_ms) - (look->mono_ms - c->mono_ms)) < JUMP_MS;
	bool was_spent = cap_judge(c, path) == CAP_SPENT;

	*news = (struct cap_news){ 0 };
	// what was moved since the last look belongs to the period that ends, but not what was
	// moved while nobody looked
	if (c->looked)
		count(caps, c, look);
	turn(caps, c, path->cap_day, look, even, news);
	if (!c->looked)
		count(caps, c, look);
	watch_clock(c, look, even);
	warn(caps, c, path, news);
	caps->urgent |= !was_spent && cap_judge(c, path) == CAP_SPENT;
}

// ---- verdict and words

enum cap_verdict cap_judge(const struct cap_count *c, const struct config_path *path)
{
	if (!path->cap_bytes || c->ignored)
		return CAP_FREE;
	if (c->unknown)
		return CAP_UNKNOWN;
	return cap_used_bytes(c) >= cap_limit_bytes(c, path) ? CAP_SPENT : CAP_FREE;
}

void cap_note(const struct cap_count *c, const struct config_path *path, char out[static NOTE_SIZE])
{
	char used[FORMAT_SIZE], limit[FORMAT_SIZE];
	const char *unit;

	format_bytes_short(cap_limit_bytes(c, path), limit);
	format_bytes(cap_used_bytes(c), used);
	unit = strchr(used, ' ');
	if (unit && strcmp(unit, strchr(limit, ' ')) == 0) // "2.00 of 2.0 GB"
		used[unit - used] = '\0';
	if (cap_judge(c, path) == CAP_UNKNOWN)
		str_copy(out, NOTE_SIZE, "cap unknown");
	else if (cap_judge(c, path) == CAP_SPENT)
		snprintf(out, NOTE_SIZE, "%s of %s", used, limit);
	else if (c->ignored)
		snprintf(out, NOTE_SIZE, "cap ignored, %s of %s", used, limit);
	else
		snprintf(out, NOTE_SIZE, "cap %d%% of %s", percent_of(c, path), limit);
}

static void write_until(int64_t ms, char out[static FORMAT_SIZE])
{
	if (ms >= 2 * DAY_MS)
		snprintf(out, FORMAT_SIZE, "%d days", (int)(ms / DAY_MS));
	else
		format_duration(ms > 0 ? ms / 1000 : 0, out);
}

void cap_sentence(const struct cap_count *c, const struct config_path *path, int64_t wall_ms,
		  char out[static EVENT_TEXT_SIZE])
{
	int64_t used_bytes = cap_used_bytes(c), limit_bytes = cap_limit_bytes(c, path);
	char used[FORMAT_SIZE], limit[FORMAT_SIZE], resets[FORMAT_SIZE + 16];

	format_bytes(limit_bytes, limit);
	if (!c->period || c->behind)
		str_copy(resets, sizeof(resets), "the clock is behind");
	else {
		str_copy(resets, sizeof(resets), "resets in ");
		write_until(cap_ends_ms(c) - wall_ms, resets + strlen(resets));
	}
	if (c->unknown)
		snprintf(out, EVENT_TEXT_SIZE,
			 "how much of %s is used is not known, at least %s; say it with 'mpgate "
			 "cap %s --set-used'",
			 limit, format_bytes(used_bytes, used), path->name);
	else if (used_bytes >= limit_bytes)
		snprintf(out, EVENT_TEXT_SIZE, "%s of %s used, %s%s",
			 format_bytes(used_bytes, used), limit, resets,
			 path->cap_action == CONFIG_CAP_BACKUP ? "" : "; disabled");
	else
		snprintf(out, EVENT_TEXT_SIZE, "%d%% used, %s left, %s", percent_of(c, path),
			 format_bytes(limit_bytes - used_bytes, used), resets);
}

// ---- by a person's word

void cap_set_used(struct caps *caps, struct cap_count *c, int64_t bytes, int64_t wall_ms)
{
	int32_t period = wall_ms < CLOCK_LEAST_MS ? 0 : period_at(wall_ms, c->day ? c->day : 1);

	start_from(c, (uint64_t)bytes);
	if (period)
		c->period = period;
	c->undo_period = 0;
	c->unknown = c->behind = false;
	c->warned = 0;
	caps->urgent = true;
}

void cap_boost(struct caps *caps, struct cap_count *c, int64_t bytes)
{
	c->boost_bytes += (uint64_t)bytes;
	c->warned = 0;
	caps->urgent = true;
}

void cap_ignore(struct caps *caps, struct cap_count *c)
{
	c->ignored = true;
	caps->urgent = true;
}

void cap_forget_line(struct cap_count *c)
{
	c->line = (struct cap_line){ 0 };
}

// ---- all of them

static const struct cap_count *find(const struct caps *caps, const char *name)
{
	for (size_t i = 0; i < caps->n; i++) {
		if (strcmp(caps->counts[i].name, name) == 0)
			return &caps->counts[i];
	}
	return NULL;
}

struct cap_count *caps_get(struct caps *caps, const char *name)
{
	const struct cap_count *found = find(caps, name);
	struct cap_count *c;

	if (found || caps->n == CAPS_MAX)
		return found ? &caps->counts[found - caps->counts] : NULL;
	c = &caps->counts[caps->n++];
	*c = (struct cap_count){ .unknown = caps->damaged };
	str_copy(c->name, sizeof(c->name), name);
	caps->urgent = true;
	return c;
}

void caps_doubt(struct caps *caps)
{
	caps->damaged = true;
	for (size_t i = 0; i < caps->n; i++)
		caps->counts[i].unknown = true;
}

bool caps_due(const struct caps *caps, const struct config_path paths[], size_t n, int64_t mono_ms)
{
	bool late = mono_ms - caps->saved_ms >= SAVE_MS;

	if (caps->urgent)
		return true;
	for (size_t i = 0; i < n; i++) {
		const struct cap_count *c = find(caps, paths[i].name);
		int64_t unsaved = c && !paths[i].gone ? cap_used_bytes(c) - c->saved_bytes : 0;

		if (unsaved &&
		    (late || (paths[i].cap_bytes && unsaved >= paths[i].cap_bytes / SAVE_PARTS)))
			return true;
	}
	return false;
}

void caps_saved(struct caps *caps, int64_t mono_ms)
{
	caps->urgent = false;
	caps->saved_ms = mono_ms;
	for (size_t i = 0; i < caps->n; i++)
		caps->counts[i].saved_bytes = cap_used_bytes(&caps->counts[i]);
}

// ---- the file: a heading, and a line for each path
//
//	caps 1
//	wwan0 2026-11-01 day=1 base=0 line=1210000000 own=1180000000 boost=0 ignored=0 warned=80
//	... undo=0000-00-00/0 steady=0 unknown=0 at=BOOT-ID/7/1100000000/110000000

#define DATE_SIZE 16

static const char *write_date(int32_t number, char out[static DATE_SIZE])
{
	int year = 0, month = 0, day = 0;

	if (number)
		date_of(number, &year, &month, &day);
	snprintf(out, DATE_SIZE, "%04d-%02d-%02d", year % 10000, month % 100, day % 100);
	return out;
}

void caps_write(const struct caps *caps, struct str *out)
{
	char period[DATE_SIZE], undo[DATE_SIZE];

	str_addf(out, HEADING "%s\n", caps->damaged ? " damaged" : "");
	for (size_t i = 0; i < caps->n; i++) {
		const struct cap_count *c = &caps->counts[i];

		str_addf(out, "%s %s day=%d base=%" PRIu64 " line=%" PRIu64 " own=%" PRIu64,
			 c->name, write_date(c->period, period), c->day, c->base_bytes,
			 c->line_bytes, c->own_bytes);
		str_addf(out, " boost=%" PRIu64 " ignored=%d warned=%d", c->boost_bytes, c->ignored,
			 c->warned);
		str_addf(out, " undo=%s/%" PRIu64 " steady=%" PRId64 " unknown=%d",
			 write_date(c->undo_period, undo), c->undo_bytes, c->steady_ms, c->unknown);
		str_addf(out, " at=%s/%d/%" PRIu64 "/%" PRIu64 "\n",
			 c->line.boot[0] ? c->line.boot : "-", c->line.ifindex, c->line.rx_bytes,
			 c->line.tx_bytes);
	}
}

static int32_t read_date(const int date[3])
{
	return date[0] ? day_number(date[0], date[1], date[2]) : 0;
}

static bool is_date(const int date[3])
{
	return !date[0] || (date[0] > 1969 && date[0] < 10000 && date[1] >= 1 && date[1] <= 12 &&
			    date[2] >= 1 && date[2] <= 31);
}

static bool read_line(const char *line, struct cap_count *c)
{
	int period[3], undo[3], ignored, unknown, used = 0;

	*c = (struct cap_count){ 0 };
	if (sscanf(line,
		   "%15s %d-%d-%d day=%d base=%" SCNu64 " line=%" SCNu64 " own=%" SCNu64
		   " boost=%" SCNu64 " ignored=%d warned=%d undo=%d-%d-%d/%" SCNu64
		   " steady=%" SCNd64 " unknown=%d at=%39[^/]/%d/%" SCNu64 "/%" SCNu64 "%n",
		   c->name, &period[0], &period[1], &period[2], &c->day, &c->base_bytes,
		   &c->line_bytes, &c->own_bytes, &c->boost_bytes, &ignored, &c->warned, &undo[0],
		   &undo[1], &undo[2], &c->undo_bytes, &c->steady_ms, &unknown, c->line.boot,
		   &c->line.ifindex, &c->line.rx_bytes, &c->line.tx_bytes, &used) != 21 ||
	    line[used] != '\n' || !is_date(period) || !is_date(undo) || c->day < 0 || c->day > 31)
		return false;
	c->period = read_date(period);
	c->undo_period = read_date(undo);
	c->ignored = ignored;
	c->unknown = unknown;
	if (strcmp(c->line.boot, "-") == 0)
		c->line.boot[0] = '\0';
	c->saved_bytes = cap_used_bytes(c);
	return true;
}

int caps_read(struct caps *caps, const char *text, struct str *why)
{
	static const char well[] = HEADING "\n", damaged[] = HEADING " damaged\n";
	int number = 1;

	*caps = (struct caps){ .damaged = strncmp(text, damaged, strlen(damaged)) == 0 };
	if (!caps->damaged && strncmp(text, well, strlen(well)) != 0) {
		str_add(why, "has no heading");
		return -EBADMSG;
	}
	while ((text = strchr(text, '\n') + 1)[0]) {
		number++;
		if (caps->n == CAPS_MAX || !strchr(text, '\n') ||
		    !read_line(text, &caps->counts[caps->n])) {
			str_addf(why, "is damaged in line %d", number);
			return -EBADMSG;
		}
		caps->n++;
	}
	return 0;
}
