// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef MODEL_TREND_H
#define MODEL_TREND_H

#include <stdbool.h>
#include <stdint.h>

#include "model/snapshot.h"

// What one path carried, kept for long in little room: rates in four rings, each of a fixed number
// of slots, and bytes by day. Pure: every time is a parameter, in milliseconds since the epoch.
//
// A slot that was not watched for at least half of its time is unknown, never zero. Fixed-size
// values without pointers, so that a trend can be stored as it is.

#define TREND_SLOTS_MAX HISTORY_SIZE
#define TREND_DAYS      HISTORY_DAYS

// Negative: unknown.
struct trend_rate {
	float rx_bps, tx_bps;
};

struct trend_ring {
	int64_t newest; // the open slot's number: it began at newest * step; 0: the ring is empty
	double rx_bytes, tx_bytes, covered_ms; // of the open slot
	struct trend_rate
		slots[TREND_SLOTS_MAX]; // slot n is at n % count; the open one's is unused
};

struct trend_day {
	int64_t day; // 20261122, by local time; 0: unused
	uint64_t rx_bytes, tx_bytes;
};

// Zero-initialised is empty.
struct trend {
	int64_t latest_ms; // to which it has been filled
	int64_t behind_ms; // how long the clock has been before that
	struct trend_ring rings[TREND_SCALES];
	struct trend_day days[TREND_DAYS];
};

// Takes what was moved in the `span_ms` before `now_ms`. A clock that goes back is not believed
// before it has said so for TREND_PATIENCE_MS: a machine without a battery starts in the past,
// until it has asked for the time. Meanwhile only the bytes of the day are counted.
#define TREND_PATIENCE_MS (10 * 60 * 1000)
void trend_add(struct trend *trend, int64_t now_ms, int64_t span_ms, uint64_t rx_bytes,
	       uint64_t tx_bytes);
// Bytes that nobody watched at the time: they count for the day alone.
void trend_add_bytes(struct trend *trend, int64_t now_ms, uint64_t rx_bytes, uint64_t tx_bytes);

// Of the local day, or of the calendar month so far, in which `now_ms` lies.
struct trend_day trend_today(const struct trend *trend, int64_t now_ms);
struct trend_day trend_month(const struct trend *trend, int64_t now_ms);

// Fills in samples and days, not the path.
void trend_history(const struct trend *trend, enum trend_scale scale, struct history *out);

// Of one that was read from a file: nothing in it can lead astray.
bool trend_is_sane(const struct trend *trend);

#endif
