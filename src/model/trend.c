// SPDX-License-Identifier: GPL-2.0-or-later
//
// Rings of rates, filled by the second and read at four scales.
//
// Every ring is fed with the same bytes; a span that crosses the border of two slots is divided by
// time. Slots are counted from the epoch, so that a stored ring goes on where it stopped, and those
// that nobody saw in between become unknown. Days are kept by date and not in turn: a clock that
// was wrong for a while has put bytes under a wrong date, but has not hidden the right one.
#include "model/trend.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define UNKNOWN_RATE ((struct trend_rate){ -1, -1 })
// The clock is steered by small steps all the time.
#define BACK_MAX_MS 2000
// Before that no ring could be full; what a clock says then is not the time.
#define FIRST_MS (INT64_C(31) * 24 * 3600 * 1000)

static const struct {
	const char *word;
	int step_s;
	unsigned slots;
} scales[TREND_SCALES] = {
	[TREND_MINUTE] = { "1m", 1, 300 }, // wide terminals show more than a minute
	[TREND_HOUR] = { "1h", 10, 360 },
	[TREND_DAY] = { "1d", 300, 288 },
	[TREND_MONTH] = { "30d", 7200, 360 },
};

const char *trend_scale_word(enum trend_scale scale)
{
	return scales[scale].word;
}

int trend_scale_from_word(const char *word, enum trend_scale *scale)
{
	for (int i = 0; i < TREND_SCALES; i++) {
		if (strcmp(word, scales[i].word) == 0) {
			*scale = (enum trend_scale)i;
			return 0;
		}
	}
	return -EINVAL;
}

int trend_step_s(enum trend_scale scale)
{
	return scales[scale].step_s;
}

unsigned trend_slots(enum trend_scale scale)
{
	return scales[scale].slots;
}

// ---- one ring

static int64_t step_ms_of(enum trend_scale scale)
{
	return (int64_t)scales[scale].step_s * 1000;
}

static struct trend_rate *slot_at(struct trend_ring *ring, enum trend_scale scale, int64_t number)
{
	return &ring->slots[number % scales[scale].slots];
}

// What the open slot is worth when `of_ms` of it have passed.
static struct trend_rate rate_of_open(const struct trend_ring *ring, double of_ms)
{
	if (ring->covered_ms <= 0 || ring->covered_ms < of_ms / 2)
		return UNKNOWN_RATE;
	return (struct trend_rate){ (float)(ring->rx_bytes * 8000 / ring->covered_ms),
				    (float)(ring->tx_bytes * 8000 / ring->covered_ms) };
}

static void forget(struct trend_ring *ring, enum trend_scale scale, int64_t from, int64_t to)
{
	int64_t slots = scales[scale].slots;

	for (int64_t n = to - from >= slots ? to - slots + 1 : from; n <= to; n++)
		*slot_at(ring, scale, n) = UNKNOWN_RATE;
}

static void open_slot(struct trend_ring *ring, enum trend_scale scale, int64_t number)
{
	if (ring->newest == 0)
		forget(ring, scale, number - scales[scale].slots + 1, number);
	else
		*slot_at(ring, scale, ring->newest) = rate_of_open(ring, (double)step_ms_of(scale));
	if (ring->newest)
		forget(ring, scale, ring->newest + 1, number);
	ring->newest = number;
	ring->rx_bytes = ring->tx_bytes = ring->covered_ms = 0;
}

static void fill_ring(struct trend_ring *ring, enum trend_scale scale, int64_t now_ms,
		      int64_t span_ms, double rx_bytes, double tx_bytes)
{
	int64_t step_ms = step_ms_of(scale), from_ms = now_ms - span_ms;
	int64_t last = (now_ms - 1) / step_ms, n = from_ms / step_ms;

	if (n < last - scales[scale].slots)
		n = last - scales[scale].slots;
	if (n < ring->newest)
		n = ring->newest;
	for (; n <= last; n++) {
		int64_t begin_ms = n * step_ms > from_ms ? n * step_ms : from_ms;
		int64_t end_ms = (n + 1) * step_ms < now_ms ? (n + 1) * step_ms : now_ms;
		double part = (double)(end_ms - begin_ms) / (double)span_ms;

		if (n != ring->newest)
			open_slot(ring, scale, n);
		ring->rx_bytes += rx_bytes * part;
		ring->tx_bytes += tx_bytes * part;
		ring->covered_ms += (double)(end_ms - begin_ms);
	}
}

// What lies after `now_ms` never was.
static void rewind_ring(struct trend_ring *ring, enum trend_scale scale, int64_t now_ms)
{
	int64_t number = now_ms / step_ms_of(scale);

	if (number >= ring->newest)
		return;
	forget(ring, scale, number, ring->newest);
	ring->newest = number;
	ring->rx_bytes = ring->tx_bytes = ring->covered_ms = 0;
}

// ---- days

static int64_t date_of(int64_t time_ms)
{
	time_t seconds = (time_t)(time_ms / 1000);
	struct tm tm = { 0 };

	localtime_r(&seconds, &tm);
	return (tm.tm_year + 1900) * INT64_C(10000) + (tm.tm_mon + 1) * 100 + tm.tm_mday;
}

// Dates as numbers are far enough apart to tell near from far.
static struct trend_day *day_for(struct trend *trend, int64_t date)
{
	struct trend_day *out = &trend->days[0];

	for (int i = 0; i < TREND_DAYS; i++) {
		struct trend_day *day = &trend->days[i];

		if (day->day == date)
			return day;
		if (llabs(day->day - date) > llabs(out->day - date))
			out = day;
	}
	*out = (struct trend_day){ .day = date };
	return out;
}

void trend_add_bytes(struct trend *trend, int64_t now_ms, uint64_t rx_bytes, uint64_t tx_bytes)
{
	struct trend_day *day;

	if (!rx_bytes && !tx_bytes)
		return;
	day = day_for(trend, date_of(now_ms));
	day->rx_bytes += rx_bytes;
	day->tx_bytes += tx_bytes;
}

static struct trend_day sum_days(const struct trend *trend, int64_t from, int64_t to)
{
	struct trend_day sum = { .day = from };

	for (int i = 0; i < TREND_DAYS; i++) {
		if (trend->days[i].day < from || trend->days[i].day > to)
			continue;
		sum.rx_bytes += trend->days[i].rx_bytes;
		sum.tx_bytes += trend->days[i].tx_bytes;
	}
	return sum;
}

struct trend_day trend_today(const struct trend *trend, int64_t now_ms)
{
	int64_t date = date_of(now_ms);

	return sum_days(trend, date, date);
}

struct trend_day trend_month(const struct trend *trend, int64_t now_ms)
{
	int64_t date = date_of(now_ms);

	return sum_days(trend, date / 100 * 100, date);
}

// ---- the whole

// Whether the rings take what comes at `now_ms`.
static bool follow_clock(struct trend *trend, int64_t now_ms, int64_t span_ms)
{
	bool behind = now_ms < trend->latest_ms - BACK_MAX_MS;

	if (now_ms - span_ms < FIRST_MS || (behind && trend->behind_ms < TREND_PATIENCE_MS)) {
		trend->behind_ms += behind ? span_ms : 0;
		return false;
	}
	if (behind) {
		for (int i = 0; i < TREND_SCALES; i++)
			rewind_ring(&trend->rings[i], (enum trend_scale)i, now_ms);
	}
	trend->behind_ms = 0;
	trend->latest_ms = now_ms;
	return true;
}

void trend_add(struct trend *trend, int64_t now_ms, int64_t span_ms, uint64_t rx_bytes,
	       uint64_t tx_bytes)
{
	if (span_ms <= 0)
		return;
	trend_add_bytes(trend, now_ms, rx_bytes, tx_bytes);
	if (!follow_clock(trend, now_ms, span_ms))
		return;
	for (int i = 0; i < TREND_SCALES; i++)
		fill_ring(&trend->rings[i], (enum trend_scale)i, now_ms, span_ms, (double)rx_bytes,
			  (double)tx_bytes);
}

static void add_sample(struct history *out, int64_t number, int64_t step_ms, struct trend_rate rate)
{
	struct history_sample sample = { number * step_ms, SNAPSHOT_UNKNOWN, SNAPSHOT_UNKNOWN };

	if (rate.rx_bps >= 0) {
		sample.rx_bps = (int64_t)rate.rx_bps;
		sample.tx_bps = (int64_t)rate.tx_bps;
	} else if (out->count == 0) {
		return; // before the beginning
	}
	history_add(out, &sample);
}

static int compare_days(const void *a, const void *b)
{
	return strcmp(((const struct history_day *)a)->date, ((const struct history_day *)b)->date);
}

static void list_days(const struct trend *trend, struct history *out)
{
	out->n_days = 0;
	for (int i = 0; i < TREND_DAYS; i++) {
		const struct trend_day *day = &trend->days[i];
		struct history_day *to = &out->days[out->n_days];

		if (!day->day)
			continue;
		snprintf(to->date, sizeof(to->date), "%04u-%02u-%02u",
			 (unsigned)(day->day / 10000) % 10000, (unsigned)(day->day / 100) % 100,
			 (unsigned)day->day % 100);
		to->rx_bytes = day->rx_bytes;
		to->tx_bytes = day->tx_bytes;
		out->n_days++;
	}
	qsort(out->days, (size_t)out->n_days, sizeof(out->days[0]), compare_days);
}

void trend_history(const struct trend *trend, enum trend_scale scale, struct history *out)
{
	const struct trend_ring *ring = &trend->rings[scale];
	int64_t step_ms = step_ms_of(scale), slots = scales[scale].slots;

	out->scale = scale;
	out->count = 0;
	list_days(trend, out);
	if (!ring->newest)
		return;
	for (int64_t n = ring->newest - slots + 1; n < ring->newest; n++)
		add_sample(out, n, step_ms, ring->slots[n % slots]);
	add_sample(out, ring->newest, step_ms,
		   rate_of_open(ring, (double)(trend->latest_ms - ring->newest * step_ms)));
}

// ---- stored ones

static bool is_rate(float bps)
{
	return isfinite(bps) && bps < 1e15f;
}

static bool ring_is_sane(const struct trend_ring *ring, enum trend_scale scale)
{
	// far enough for any clock, and no product overflows
	const int64_t newest_max = INT64_C(1) << 40;

	for (unsigned i = 0; i < scales[scale].slots; i++) {
		if (!is_rate(ring->slots[i].rx_bps) || !is_rate(ring->slots[i].tx_bps))
			return false;
	}
	// the first slots of 1970 would have numbers below zero before them
	return (ring->newest == 0 || ring->newest >= scales[scale].slots) &&
	       ring->newest < newest_max && isfinite(ring->rx_bytes) && isfinite(ring->tx_bytes) &&
	       isfinite(ring->covered_ms) && ring->rx_bytes >= 0 && ring->tx_bytes >= 0 &&
	       ring->covered_ms >= 0;
}

bool trend_is_sane(const struct trend *trend)
{
	for (int i = 0; i < TREND_SCALES; i++) {
		if (!ring_is_sane(&trend->rings[i], (enum trend_scale)i))
			return false;
	}
	for (int i = 0; i < TREND_DAYS; i++) {
		if (trend->days[i].day < 0 || trend->days[i].day > 99991231)
			return false;
	}
	return trend->latest_ms >= 0 && trend->behind_ms >= 0 &&
	       trend->behind_ms <= 2 * TREND_PATIENCE_MS;
}
