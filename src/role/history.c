// SPDX-License-Identifier: GPL-2.0-or-later
//
// `mpgate history`: what a path, or all of them, carried lately and on which day. JSON is printed
// as it came; for people the samples are put together to a page of rows.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "model/format.h"
#include "role/client.h"

#define BAR_WIDTH 40

// How a scale is shown to people: `row_s` is a multiple of the scale's step.
static const struct {
	int row_s, rows;
	const char *name;
} pages[TREND_SCALES] = {
	[TREND_MINUTE] = { 5, 12, "the last minute" },
	[TREND_HOUR] = { 300, 12, "the last hour" },
	[TREND_DAY] = { 3600, 24, "the last day" },
	[TREND_MONTH] = { 86400, 30, "the last 30 days" },
};

struct row {
	int64_t rx_bps, tx_bps;
	int n;
};

// Rows begin at full multiples of their length by local time, as people read clocks.
static int64_t row_begin(int64_t time_s, int row_s)
{
	time_t seconds = (time_t)time_s;
	struct tm tm;

	localtime_r(&seconds, &tm);
	return time_s - (time_s + tm.tm_gmtoff) % row_s;
}

static struct row average(const struct history *h, int64_t from_s, int64_t to_s)
{
	const struct history_sample *sample;
	struct row row = { 0 };

	for (unsigned age = 0; (sample = history_get(h, age)); age++) {
		int64_t time_s = sample->time_ms / 1000;

		if (time_s < from_s || time_s >= to_s || sample->rx_bps < 0 || sample->tx_bps < 0)
			continue;
		row.rx_bps += sample->rx_bps;
		row.tx_bps += sample->tx_bps;
		row.n++;
	}
	row.rx_bps = row.n ? row.rx_bps / row.n : SNAPSHOT_UNKNOWN;
	row.tx_bps = row.n ? row.tx_bps / row.n : SNAPSHOT_UNKNOWN;
	return row;
}

static void format_label(enum trend_scale scale, int64_t time_s, char *out, size_t size)
{
	time_t seconds = (time_t)time_s;
	struct tm tm;

	localtime_r(&seconds, &tm);
	if (scale == TREND_MONTH)
		strftime(out, size, "%d %b", &tm);
	else if (scale == TREND_MINUTE)
		strftime(out, size, "%H:%M:%S", &tm);
	else
		strftime(out, size, "%H:%M", &tm);
}

// In whole columns, or in eighths: U+2588 is a full one, and those after it are eighths less.
static void add_bar(struct str *out, bool utf8, int64_t bps, int64_t top_bps)
{
	int steps = utf8 ? 8 : 1;
	int64_t n = bps > 0 && top_bps > 0 ? (bps * BAR_WIDTH * steps + top_bps - 1) / top_bps : 0;

	if (n)
		str_add(out, "  ");
	for (; n >= steps; n -= steps)
		str_add(out, utf8 ? "\u2588" : "#");
	if (n)
		str_addf(out, "\xe2\x96%c", (char)(0x90 - n));
	str_add(out, "\n");
}

static void add_row(struct str *out, const char *label, const struct row *row, enum rate_unit unit,
		    bool utf8, int64_t top_bps)
{
	char rx[FORMAT_SIZE], tx[FORMAT_SIZE];

	str_addf(out, "%-10s%9s%9s", label, format_rate(row->rx_bps, unit, rx),
		 format_rate(row->tx_bps, unit, tx));
	add_bar(out, utf8, row->rx_bps, top_bps);
}

static void view_text(const struct history *h, enum rate_choice units, bool utf8, struct str *out)
{
	int row_s = pages[h->scale].row_s, rows = pages[h->scale].rows;
	const struct history_sample *newest = history_get(h, 0);
	struct row list[30]; // the most rows of any page
	int64_t last_s, top_bps = 0;
	enum rate_unit unit;

	if (!newest) {
		str_addf(out, "%s: nothing is known yet of %s\n",
			 h->path[0] ? h->path : "all paths", pages[h->scale].name);
		return;
	}
	last_s = row_begin(newest->time_ms / 1000, row_s);
	for (int i = 0; i < rows; i++) {
		int64_t from_s = last_s - (int64_t)(rows - 1 - i) * row_s;

		list[i] = average(h, from_s, from_s + row_s);
		if (list[i].rx_bps > top_bps)
			top_bps = list[i].rx_bps;
	}
	unit = rate_unit_choose(units, top_bps);
	str_addf(out, "%s, %s\n%-10s%4s %s%4s %s\n", h->path[0] ? h->path : "all paths",
		 pages[h->scale].name, "FROM", "RX", rate_unit_word(unit), "TX",
		 rate_unit_word(unit));
	for (int i = 0; i < rows; i++) {
		char label[32];

		format_label(h->scale, last_s - (int64_t)(rows - 1 - i) * row_s, label,
			     sizeof(label));
		add_row(out, label, &list[i], unit, utf8, top_bps);
	}
}

static void view_plain(const struct history *h, struct str *out)
{
	const struct history_sample *sample;

	str_add(out, "#time\trx_bps\ttx_bps\n");
	for (unsigned age = HISTORY_SIZE; age-- > 0;) {
		sample = history_get(h, age);
		if (!sample)
			continue;
		str_addf(out, "%lld.%03d", (long long)(sample->time_ms / 1000),
			 (int)(sample->time_ms % 1000));
		if (sample->rx_bps < 0)
			str_add(out, "\t?\t?\n");
		else
			str_addf(out, "\t%lld\t%lld\n", (long long)sample->rx_bps,
				 (long long)sample->tx_bps);
	}
}

static void view_days(const struct history *h, bool plain, struct str *out)
{
	char rx[FORMAT_SIZE], tx[FORMAT_SIZE];

	if (plain)
		str_add(out, "#date\trx_bytes\ttx_bytes\n");
	else
		str_addf(out, "%-12s%10s%10s\n", "DAY", "RX", "TX");
	for (int i = 0; i < h->n_days; i++) {
		const struct history_day *day = &h->days[i];

		if (plain)
			str_addf(out, "%s\t%llu\t%llu\n", day->date,
				 (unsigned long long)day->rx_bytes,
				 (unsigned long long)day->tx_bytes);
		else
			str_addf(out, "%-12s%10s%10s\n", day->date,
				 format_bytes((int64_t)day->rx_bytes, rx),
				 format_bytes((int64_t)day->tx_bytes, tx));
	}
}

struct history_job {
	struct role_args args;
	const char *path;
	enum trend_scale scale;
	bool days;
};

static bool parse(struct history_job *job, int argc, char **argv)
{
	const char *scale = NULL;
	const struct role_option options[] = {
		{ "scale", 0, "1m|1h|1d|30d", "how far back; 1h unless said", .text = &scale },
		{ "days", 0, NULL, "bytes by day instead of rates", .flag = &job->days },
		{ 0 },
	};

	if (!role_args_parse(&job->args, argc, argv, options))
		return false;
	job->path = job->args.n_operands ? job->args.operands[0] : "";
	job->scale = TREND_HOUR;
	if (scale && trend_scale_from_word(scale, &job->scale) != 0) {
		job->args.status = role_fail(STATUS_USAGE, "write --scale 1m, 1h, 1d or 30d",
					     "history: no scale '%s'", scale);
		return false;
	}
	if (strlen(job->path) >= NAME_SIZE) {
		job->args.status = role_fail(STATUS_NO_SUCH, "'mpgate status' shows the paths",
					     "history: no path '%s'", job->path);
		return false;
	}
	return true;
}

static int ask(const struct history_job *job, struct ctl_client *c, struct ctl_message *message)
{
	int rc = ctl_client_history(c, job->path, job->scale);

	if (rc != 0)
		return client_fail_rc(&job->args, rc);
	return client_wait(&job->args, c, 1u << CTL_HISTORY, message, CLIENT_ANSWER_MS);
}

static int print(const struct history_job *job, const struct ctl_message *message)
{
	struct str out = { 0 };
	int status;

	if (job->args.json)
		str_addf(&out, "%s\n", message->line);
	else if (job->days)
		view_days(&message->history, job->args.plain, &out);
	else if (job->args.plain)
		view_plain(&message->history, &out);
	else
		view_text(&message->history, job->args.units, ui_shows_utf8(job->args.charset),
			  &out);
	status = client_print(&job->args, "history", str_text(&out));
	str_fini(&out);
	return status;
}

int role_history(int argc, char **argv)
{
	struct ctl_message *message;
	struct history_job job = { 0 };
	struct ctl_client *c = NULL;
	int status;

	if (!parse(&job, argc, argv))
		return job.args.status;
	message = xcalloc(1, sizeof(*message));
	status = client_open(&job.args, &c);
	if (status == STATUS_DONE)
		status = ask(&job, c, message);
	if (status == STATUS_DONE)
		status = print(&job, message);
	ctl_client_free(c);
	free(message);
	return status;
}
