// SPDX-License-Identifier: GPL-2.0-or-later
#include "model/format.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <time.h>

#include "base/str.h"
#include "model/path.h"
#include "model/snapshot.h"

// Writes "-" or "?" for a number that is none, and says whether it did.
static bool format_absent(double value, char *out)
{
	if (value >= 0)
		return false;
	str_copy(out, FORMAT_SIZE, value == SNAPSHOT_NONE ? "-" : "?");
	return true;
}

static const char *format_span(int64_t seconds, const char *second, const char *minute, char *out)
{
	int64_t minutes = seconds / 60, hours = minutes / 60;

	if (format_absent((double)seconds, out))
		return out;
	if (seconds < 60)
		snprintf(out, FORMAT_SIZE, "%" PRId64 "%s", seconds, second);
	else if (minutes < 60)
		snprintf(out, FORMAT_SIZE, "%" PRId64 "%s", minutes, minute);
	else if (hours < 24)
		snprintf(out, FORMAT_SIZE, "%" PRId64 "h %02dm", hours, (int)(minutes % 60));
	else
		snprintf(out, FORMAT_SIZE, "%" PRId64 "d %02dh", hours / 24, (int)(hours % 24));
	return out;
}

const char *format_duration(int64_t seconds, char out[static FORMAT_SIZE])
{
	return format_span(seconds, " s", " min", out);
}

const char *format_duration_short(int64_t seconds, char out[static FORMAT_SIZE])
{
	return format_span(seconds, "s", "m", out);
}

// Decimals that make three digits of `value`, judged after rounding: 9.996 is "10.0".
static int decimals_of(double value)
{
	return value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
}

const char *format_bytes(int64_t bytes, char out[static FORMAT_SIZE])
{
	static const char *const units[] = { "kB", "MB", "GB", "TB", "PB", "EB" };
	double value = (double)bytes;
	size_t i = 0;

	if (format_absent(value, out))
		return out;
	if (bytes < 1000) {
		snprintf(out, FORMAT_SIZE, "%d B", (int)bytes);
		return out;
	}
	for (value /= 1000; value >= 999.5 && i + 1 < sizeof(units) / sizeof(units[0]); i++)
		value /= 1000;
	snprintf(out, FORMAT_SIZE, "%.*f %s", decimals_of(value), value, units[i]);
	return out;
}

static const struct {
	const char *word;
	double bits;
	int decimals;
} rate_units[RATE_UNITS] = {
	[RATE_UNIT_KBIT] = { "kb/s", 1e3, 0 },
	[RATE_UNIT_MBIT] = { "Mb/s", 1e6, 2 },
	[RATE_UNIT_GBIT] = { "Gb/s", 1e9, 2 },
	[RATE_UNIT_MBYTE] = { "MB/s", 8e6, 2 },
};

const char *rate_unit_word(enum rate_unit unit)
{
	return rate_units[unit].word;
}

double rate_unit_bits(enum rate_unit unit)
{
	return rate_units[unit].bits;
}

enum rate_unit rate_unit_for(int64_t max_bps)
{
	return max_bps < 1000000000 ? RATE_UNIT_MBIT : RATE_UNIT_GBIT;
}

const char *format_rate(int64_t bps, enum rate_unit unit, char out[static FORMAT_SIZE])
{
	if (!format_absent((double)bps, out))
		snprintf(out, FORMAT_SIZE, "%.*f", rate_units[unit].decimals,
			 (double)bps / rate_units[unit].bits);
	return out;
}

const char *format_rtt(int64_t rtt_us, char out[static FORMAT_SIZE])
{
	double ms = (double)rtt_us / 1000;

	if (!format_absent((double)rtt_us, out))
		snprintf(out, FORMAT_SIZE, "%.*f", ms < 9.95 ? 1 : 0, ms);
	return out;
}

const char *format_loss(double ratio, char out[static FORMAT_SIZE])
{
	double percent = ratio * 100;

	if (!format_absent(ratio, out))
		snprintf(out, FORMAT_SIZE, "%.*f", percent < 99.95 ? 1 : 0, percent);
	return out;
}

const char *format_count(int64_t count, char out[static FORMAT_SIZE])
{
	if (!format_absent((double)count, out))
		snprintf(out, FORMAT_SIZE, "%" PRId64, count);
	return out;
}

const char *format_clock(int64_t time_ms, char out[static FORMAT_SIZE])
{
	time_t seconds = (time_t)(time_ms / 1000);
	struct tm tm;

	if (!localtime_r(&seconds, &tm) || !strftime(out, FORMAT_SIZE, "%H:%M:%S", &tm))
		str_copy(out, FORMAT_SIZE, "?");
	return out;
}

void format_shares(const double *ratios, size_t n, int *percents)
{
	double rest[PATHS_MAX], sum = 0;
	int left = 100;

	for (size_t i = 0; i < n; i++)
		sum += fmax(ratios[i], 0);
	for (size_t i = 0; i < n; i++) {
		double exact = sum > 0 ? ratios[i] * 100 / sum : 0;

		percents[i] = (int)(ratios[i] < 0 ? ratios[i] : exact);
		rest[i] = ratios[i] > 0 ? exact - percents[i] : -1;
		left -= ratios[i] < 0 ? 0 : percents[i];
	}
	for (; sum > 0 && left > 0; left--) {
		size_t best = 0;

		for (size_t i = 1; i < n; i++) {
			if (rest[i] > rest[best])
				best = i;
		}
		percents[best]++;
		rest[best] = 0;
	}
}
