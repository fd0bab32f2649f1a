// SPDX-License-Identifier: GPL-2.0-or-later
#include "model/format.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
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

static const char *format_scaled(int64_t bytes, int digits, char *out)
{
	static const char *const units[] = { "kB", "MB", "GB", "TB", "PB", "EB" };
	double value = (double)bytes;
	int decimals;
	size_t i = 0;

	if (format_absent(value, out))
		return out;
	if (bytes < 1000) {
		snprintf(out, FORMAT_SIZE, "%d B", (int)bytes);
		return out;
	}
	for (value /= 1000; value >= 999.5 && i + 1 < sizeof(units) / sizeof(units[0]); i++)
		value /= 1000;
	decimals = decimals_of(value) - (3 - digits);
	snprintf(out, FORMAT_SIZE, "%.*f %s", decimals > 0 ? decimals : 0, value, units[i]);
	return out;
}

const char *format_bytes(int64_t bytes, char out[static FORMAT_SIZE])
{
	return format_scaled(bytes, 3, out);
}

const char *format_bytes_short(int64_t bytes, char out[static FORMAT_SIZE])
{
	return format_scaled(bytes, 2, out);
}

// ---- what people write

struct unit {
	const char *words[4]; // the first is how it is written here
	int64_t factor;
};

// The largest last.
static const struct unit byte_units[] = {
	{ { "B", "" }, 1 },
	{ { "kB", "k" }, 1000 },
	{ { "MB", "M" }, 1000000 },
	{ { "GB", "G" }, 1000000000 },
	{ { "TB", "T" }, 1000000000000 },
};
static const struct unit time_units[] = {
	{ { "s", "sec", "seconds" }, 1 },
	{ { "min", "m", "minutes" }, 60 },
	{ { "h", "hours", "hour" }, 3600 },
	{ { "days", "d", "day" }, 86400 },
};

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

static int64_t find_factor(const struct unit *units, size_t n, const char *word)
{
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < ARRAY_LEN(units[i].words) && units[i].words[k]; k++) {
			if (strcasecmp(units[i].words[k], word) == 0)
				return units[i].factor;
		}
	}
	return 0;
}

// A number, blanks or none, a unit. Not strtod(3) alone: that takes "0x10", "inf" and "1e3".
static int parse_amount(const char *text, const struct unit *units, size_t n, bool fractions,
			int64_t *out)
{
	size_t digits = strspn(text, "0123456789"), len = digits;
	int64_t factor;
	double value;

	if (fractions && text[len] == '.') {
		size_t more = strspn(text + len + 1, "0123456789");

		len += more ? more + 1 : 0;
	}
	if (digits == 0)
		return -EINVAL;
	factor = find_factor(units, n, text + len + strspn(text + len, " "));
	if (!factor)
		return -EINVAL;
	value = strtod(text, NULL) * (double)factor;
	if (value > 9e18)
		return -ERANGE;
	*out = (int64_t)(value + 0.5);
	return 0;
}

int format_parse_bytes(const char *text, int64_t *bytes)
{
	return parse_amount(text, byte_units, ARRAY_LEN(byte_units), true, bytes);
}

int format_parse_duration(const char *text, int64_t *seconds)
{
	return parse_amount(text, time_units, ARRAY_LEN(time_units), false, seconds);
}

static const char *format_exact(int64_t amount, const struct unit *units, size_t n, char *out)
{
	size_t i = n - 1;

	while (i > 0 && (amount == 0 || amount % units[i].factor != 0))
		i--;
	snprintf(out, FORMAT_SIZE, "%" PRId64 " %s", amount / units[i].factor, units[i].words[0]);
	return out;
}

const char *format_exact_bytes(int64_t bytes, char out[static FORMAT_SIZE])
{
	return format_exact(bytes, byte_units, ARRAY_LEN(byte_units), out);
}

const char *format_exact_duration(int64_t seconds, char out[static FORMAT_SIZE])
{
	return format_exact(seconds, time_units, ARRAY_LEN(time_units), out);
}

// ---- rates

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

enum rate_unit rate_unit_choose(enum rate_choice choice, int64_t max_bps)
{
	enum rate_unit natural = rate_unit_for(max_bps);

	if (choice == RATE_BYTES)
		return RATE_UNIT_MBYTE;
	if (natural == RATE_UNIT_MBIT &&
	    (choice == RATE_KBITS || (choice == RATE_AUTO && max_bps < 1000000)))
		return RATE_UNIT_KBIT;
	return natural;
}

int rate_choice_from_word(const char *word, enum rate_choice *out)
{
	static const char *const words[RATE_CHOICES] = { [RATE_BITS] = "bit",
							 [RATE_KBITS] = "kbit",
							 [RATE_BYTES] = "byte",
							 [RATE_AUTO] = "auto" };

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (strcmp(word, words[i]) != 0)
			continue;
		*out = (enum rate_choice)i;
		return 0;
	}
	return -EINVAL;
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
