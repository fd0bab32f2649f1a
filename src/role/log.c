// SPDX-License-Identifier: GPL-2.0-or-later
//
// `mpgate log`: what the running gateway remembers of what happened, in the words of the console.
// The gateway gives it out page by page; only what is new travels while it is followed.

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "role/client.h"

#define LINES_DEFAULT 50
#define LINES_MAX     EVENT_LOG_SIZE

struct log_job {
	struct role_args args;
	struct event_filter filter;
	int64_t since_ms; // 0: whenever
	size_t lines;     // the newest so many; 0: all
	bool follow;
	struct event *events; // that were read and not yet printed
	size_t n_events;
	uint64_t last; // the newest there is
};

// ---- words

// "90s", "30m", "2h", "3d" ago.
static bool parse_ago(const char *text, int64_t *since_ms)
{
	static const struct {
		char letter;
		int seconds;
	} units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 } };
	char *end;
	long n = strtol(text, &end, 10);

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (end > text && n >= 0 && n < 100000 && end[0] == units[i].letter && !end[1]) {
			*since_ms = clock_wall_ms() - (int64_t)n * units[i].seconds * 1000;
			return true;
		}
	}
	return false;
}

// A time of today, or a day and perhaps a time of it, all local.
static bool parse_moment(const char *text, int64_t *since_ms)
{
	static const char *const forms[] = {
		"%H:%M",          "%H:%M:%S",          "%Y-%m-%d",
		"%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S"
	};
	time_t now = (time_t)(clock_wall_ms() / 1000);

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		const char *end;
		struct tm tm;

		localtime_r(&now, &tm);
		tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
		end = strptime(text, forms[i], &tm);
		if (!end || *end)
			continue;
		tm.tm_isdst = -1;
		*since_ms = (int64_t)mktime(&tm) * 1000;
		return true;
	}
	return false;
}

static bool parse_words(struct log_job *job, const char *lines, const char *since,
			const char *level, const char *path)
{
	char *end;
	long n = LINES_DEFAULT;

	job->args.status = STATUS_USAGE;
	if (lines) {
		n = strtol(lines, &end, 10);
		if (end == lines || *end || n < 1 || n > LINES_MAX) {
			role_fail(STATUS_USAGE, NULL, "log: --lines: '%s' is not 1 to %d", lines,
				  LINES_MAX);
			return false;
		}
	}
	job->lines = since && !lines ? 0 : (size_t)n;
	if (since && !parse_ago(since, &job->since_ms) && !parse_moment(since, &job->since_ms)) {
		role_fail(STATUS_USAGE, NULL,
			  "log: --since: '%s' is no time; some are 30m, 2h, 13:04, 2026-11-22, "
			  "\"2026-11-22 13:04\"",
			  since);
		return false;
	}
	if (level && log_level_parse(level, &job->filter.level) != 0) {
		role_fail(STATUS_USAGE, NULL,
			  "log: --level: '%s' is none of error, warning, notice, info, debug",
			  level);
		return false;
	}
	if (path && strlen(path) >= NAME_SIZE) {
		role_fail(STATUS_NO_SUCH, NULL, "log: no path '%s'", path);
		job->args.status = STATUS_NO_SUCH;
		return false;
	}
	str_copy(job->filter.object, sizeof(job->filter.object), path ? path : "");
	return true;
}

static bool parse(struct log_job *job, int argc, char **argv)
{
	const char *lines = NULL, *since = NULL, *level = NULL, *path = NULL;
	const struct role_option options[] = {
		{ "follow", 'f', NULL, "go on with what happens from now", .flag = &job->follow },
		{ "lines", 'n', "N", "the newest N; 50, or all with --since", .text = &lines },
		{ "since", 0, "TIME", "30m, 2h, 13:04, 2026-11-22 or \"2026-11-22 13:04\"",
		  .text = &since },
		{ "level", 0, "error|warning|notice|info|debug", "this and worse", .text = &level },
		{ "path", 0, "PATH", "events of this path, or exit, or 'gw'", .text = &path },
		{ 0 },
	};

	return role_args_parse(&job->args, argc, argv, options) &&
	       parse_words(job, lines, since, level, path);
}

// ---- reading

static void keep(struct log_job *job, const struct event *event)
{
	if (event->time_ms < job->since_ms)
		return;
	job->events = xgrow(job->events, job->n_events, sizeof(*job->events));
	job->events[job->n_events++] = *event;
}

// Reads from filter.from to the end.
static int read_all(struct log_job *job, struct ctl_client *c)
{
	static struct ctl_message message;
	int rc, status;

	do {
		rc = ctl_client_log(c, &job->filter);
		if (rc != 0)
			return client_fail_rc(&job->args, rc);
		status = client_wait(&job->args, c, 1u << CTL_LOG, &message, CLIENT_ANSWER_MS);
		if (status != STATUS_DONE)
			return status;
		for (int i = 0; i < message.log.n; i++)
			keep(job, &message.log.events[i]);
		job->filter.from = message.log.next;
		job->last = message.log.last;
	} while (message.log.next <= message.log.last);
	return STATUS_DONE;
}

// Nothing may have happened to a path, or there may be none of this name.
static int check_object(struct log_job *job, struct ctl_client *c)
{
	static struct ctl_message message;
	const struct snapshot *s = &message.snapshot;
	const char *name = job->filter.object;
	struct str hint = { 0 };
	int rc = ctl_client_status(c), status;
	bool known;

	if (rc != 0)
		return client_fail_rc(&job->args, rc);
	status = client_wait(&job->args, c, 1u << CTL_SNAPSHOT, &message, CLIENT_ANSWER_MS);
	if (status != STATUS_DONE)
		return status;
	known = strcmp(name, "gw") == 0 || strcmp(name, s->exit.name) == 0;
	str_add(&hint, "paths are:");
	for (int i = 0; i < s->n_paths; i++) {
		known |= strcmp(name, s->paths[i].name) == 0;
		str_addf(&hint, " %s", s->paths[i].name);
	}
	if (!known)
		status = role_fail(STATUS_NO_SUCH, str_text(&hint), "log: no path '%s'", name);
	str_fini(&hint);
	return status;
}

// ---- printing

static void write_text(const struct event *event, struct str *out)
{
	time_t then = (time_t)(event->time_ms / 1000);
	char when[32] = "", text[EVENT_TEXT_SIZE];
	struct tm tm;

	if (localtime_r(&then, &tm))
		strftime(when, sizeof(when), "%b %d %H:%M:%S", &tm);
	str_addf(out, "%s %c %-5s %-8s %s\n", when, event_is_alert(event) ? '!' : ' ',
		 event->object, event->verb, str_copy_clean(text, sizeof(text), event->text));
}

static void write_plain(const struct event *event, struct str *out)
{
	char when[40] = "", offset[8] = "", text[EVENT_TEXT_SIZE];
	time_t then = (time_t)(event->time_ms / 1000);
	struct tm tm;

	if (localtime_r(&then, &tm)) {
		strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &tm);
		strftime(offset, sizeof(offset), "%z", &tm);
	}
	str_addf(out, "%s.%03d%.3s:%s\t%" PRIu64 "\t%s\t%s\t%s\t%s\n", when,
		 (int)(event->time_ms % 1000), offset, offset + 3, event->seq,
		 log_level_word(event->level), event->object, event->verb,
		 str_copy_clean(text, sizeof(text), event->text));
}

static int print(struct log_job *job)
{
	size_t first = job->lines && job->n_events > job->lines ? job->n_events - job->lines : 0;
	struct str out = { 0 };
	int status = STATUS_DONE;

	if (job->args.json) {
		char *line = ctl_json_from_events(job->events + first, job->n_events - first,
						  job->filter.from, job->last);

		str_addf(&out, "%s\n", line);
		free(line);
	}
	for (size_t i = first; i < job->n_events && !job->args.json; i++)
		(job->args.plain ? write_plain : write_text)(&job->events[i], &out);
	if (fputs(str_text(&out), stdout) == EOF || fflush(stdout) == EOF)
		status = role_fail(STATUS_FAILED, NULL, "log: cannot write: %s", strerror(errno));
	str_fini(&out);
	job->n_events = 0;
	return status;
}

static int follow(struct log_job *job, struct ctl_client *c)
{
	static struct ctl_message message;
	const struct snapshot *s = &message.snapshot;
	int rc = ctl_client_watch(c, 0), status = STATUS_DONE;

	if (rc != 0)
		return client_fail_rc(&job->args, rc);
	job->lines = 0;
	while (status == STATUS_DONE) {
		status = client_wait(&job->args, c, 1u << CTL_SNAPSHOT, &message, INT_MAX);
		if (status != STATUS_DONE || !s->n_events || s->events[0].seq < job->filter.from)
			continue;
		status = read_all(job, c);
		if (status == STATUS_DONE && job->n_events)
			status = print(job);
	}
	return status;
}

int role_log(int argc, char **argv)
{
	struct log_job job = { .filter.from = 1 };
	struct ctl_client *c;
	int status;

	if (!parse(&job, argc, argv))
		return job.args.status;
	status = client_open(&job.args, &c);
	if (status != STATUS_DONE)
		return status;
	status = read_all(&job, c);
	if (status == STATUS_DONE && !job.n_events && job.filter.object[0])
		status = check_object(&job, c);
	if (status == STATUS_DONE && job.args.plain && !job.args.no_header)
		puts("#time\tseq\tseverity\tobject\tverb\ttext");
	if (status == STATUS_DONE)
		status = print(&job);
	if (status == STATUS_DONE && job.follow)
		status = follow(&job, c);
	ctl_client_free(c);
	free(job.events);
	return status;
}
