// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef MODEL_FORMAT_H
#define MODEL_FORMAT_H

#include <stddef.h>
#include <stdint.h>

// Numbers as people read them, the same on the console and on the command line. Every function
// takes SNAPSHOT_UNKNOWN and SNAPSHOT_NONE and writes "?" and "-" for them: unknown is never zero.
// Each formats into `out` and returns it.

#define FORMAT_SIZE 24

// For sentences: "41 s", "12 min", "4h 12m", "12d 03h".
const char *format_duration(int64_t seconds, char out[static FORMAT_SIZE]);
// For narrow columns: "41s", "12m", "4h 12m", "12d 03h".
const char *format_duration_short(int64_t seconds, char out[static FORMAT_SIZE]);

// Decimal units, three digits: "999 B", "29.0 MB", "14.2 GB".
const char *format_bytes(int64_t bytes, char out[static FORMAT_SIZE]);

// The same where room is scarce, for allowances: "2.0 GB".
const char *format_bytes_short(int64_t bytes, char out[static FORMAT_SIZE]);

// What people write: "2 GB", "1.2G", "500MB", "64 kB"; decimal units from B to TB, in either case.
// "30s", "30 min", "2h", "7 days"; whole numbers. Return 0, or -EINVAL; -ERANGE: too large.
int format_parse_bytes(const char *text, int64_t *bytes);
int format_parse_duration(const char *text, int64_t *seconds);
// The shortest of these that says exactly so much: "1500 MB", "2 min".
const char *format_exact_bytes(int64_t bytes, char out[static FORMAT_SIZE]);
const char *format_exact_duration(int64_t seconds, char out[static FORMAT_SIZE]);

enum rate_unit { RATE_UNIT_KBIT, RATE_UNIT_MBIT, RATE_UNIT_GBIT, RATE_UNIT_MBYTE, RATE_UNITS };

// "Mb/s"
const char *rate_unit_word(enum rate_unit unit);
// The unit for a whole column, so that its cells compare by eye: Mb/s, from 1000 Mb/s on Gb/s.
enum rate_unit rate_unit_for(int64_t max_bps);
// What a person wants rates in: the unit for the column, as above, kb/s below 1000 Mb/s, MB/s, or
// what fits the largest rate best.
enum rate_choice { RATE_BITS, RATE_KBITS, RATE_BYTES, RATE_AUTO, RATE_CHOICES };
enum rate_unit rate_unit_choose(enum rate_choice choice, int64_t max_bps);
// "bit", "kbit", "byte", "auto"; -EINVAL: none of them.
int rate_choice_from_word(const char *word, enum rate_choice *out);
// How many bits per second one of the unit is.
double rate_unit_bits(enum rate_unit unit);
// The number alone, two decimals ("5.91"); kb/s without, for the same width.
const char *format_rate(int64_t bps, enum rate_unit unit, char out[static FORMAT_SIZE]);

// Milliseconds without the unit: "0.4", "31", "187".
const char *format_rtt(int64_t rtt_us, char out[static FORMAT_SIZE]);
// Percent without the sign: "0.2", "4.1", "100".
const char *format_loss(double ratio, char out[static FORMAT_SIZE]);
const char *format_count(int64_t count, char out[static FORMAT_SIZE]);
// Local time of day: "13:04:22".
const char *format_clock(int64_t time_ms, char out[static FORMAT_SIZE]);

// Whole percents that sum to 100 when any ratio is above zero (largest remainder). A negative ratio
// stays as it is in `percents` (SNAPSHOT_UNKNOWN, SNAPSHOT_NONE). At most PATHS_MAX ratios.
void format_shares(const double *ratios, size_t n, int *percents);

#endif
