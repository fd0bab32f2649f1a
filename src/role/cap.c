// SPDX-License-Identifier: GPL-2.0-or-later
//
// `mpgate cap`: what each path has used in its billing period, and of how much. With --set-used it
// tells the gateway what the provider has counted.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "model/format.h"
#include "role/client.h"

struct cap_job {
	struct role_args args;
	const char *path; // NULL: all
	const char *set_used;
	int64_t used_bytes;
	struct ctl_client *c;
	struct ctl_message message;
};

// ---- looking

static void write_date(int64_t time_ms, char *out, size_t size)
{
	time_t time = (time_t)(time_ms / 1000);
	struct tm tm;

	if (time_ms <= 0 || !localtime_r(&time, &tm) || !strftime(out, size, "%Y-%m-%d", &tm))
		str_copy(out, size, "?");
}

static void print_row(const struct path_snapshot *p)
{
	char used[FORMAT_SIZE], limit[FORMAT_SIZE], percent[FORMAT_SIZE] = "-", resets[FORMAT_SIZE];
	bool capped = p->cap_bytes > 0;

	if (capped && p->cap_used_bytes >= 0)
		snprintf(percent, sizeof(percent), "%.0f%%",
			 (double)p->cap_used_bytes * 100 / (double)p->cap_bytes);
	else if (capped)
		str_copy(percent, sizeof(percent), "?");
	write_date(p->cap_resets_ms, resets, sizeof(resets));
	printf("%-15s %8s %8s %5s  %-10s  %-8s %s\n", p->name,
	       format_bytes(p->cap_used_bytes, used),
	       format_bytes(capped ? p->cap_bytes : SNAPSHOT_NONE, limit), percent, resets,
	       !capped          ? "-"
	       : p->cap_ignored ? "ignored"
				: p->cap_action,
	       path_state_word(p->state));
}

static void print_plain(const struct path_snapshot *p)
{
	printf("%s\t", p->name);
	printf(p->cap_used_bytes >= 0 ? "%lld\t" : "\t", (long long)p->cap_used_bytes);
	printf(p->cap_bytes > 0 ? "%lld\t" : "\t", (long long)p->cap_bytes);
	printf(p->cap_resets_ms > 0 ? "%lld\t" : "\t", (long long)(p->cap_resets_ms / 1000));
	printf("%s\t%s\n", p->cap_action, path_state_json(p->state));
}

static int print(const struct cap_job *job)
{
	const struct snapshot *s = &job->message.snapshot;
	int n = 0;

	if (job->args.json) {
		puts(job->message.line);
		return STATUS_DONE;
	}
	for (int i = 0; i < s->n_paths; i++) {
		if (job->path && strcmp(s->paths[i].name, job->path) != 0)
			continue;
		if (!n++ && !(job->args.plain && job->args.no_header))
			puts(job->args.plain
				     ? "# path\tused_bytes\tcap_bytes\tresets\taction\tstate"
				     : "PATH                USED       OF        RESETS      AT "
				       "100%  STATE");
		(job->args.plain ? print_plain : print_row)(&s->paths[i]);
	}
	if (job->path && !n)
		return role_fail(STATUS_NO_SUCH, "'mpgate status' shows the paths",
				 "cap: no path '%s'", job->path);
	return STATUS_DONE;
}

static int show(struct cap_job *job)
{
	int rc = ctl_client_status(job->c), status;

	if (rc != 0)
		return client_fail_rc(&job->args, rc);
	status = client_wait(&job->args, job->c, 1u << CTL_SNAPSHOT, &job->message,
			     CLIENT_ANSWER_MS);
	return status == STATUS_DONE ? print(job) : status;
}

// ---- correcting

static int set_used(struct cap_job *job)
{
	struct command command = { .verb = COMMAND_CAP, .used_bytes = job->used_bytes };
	const struct command_result *result = &job->message.result.result;
	int rc, status;
	char *line;

	str_copy(command.object, sizeof(command.object), job->path);
	rc = ctl_client_send(job->c, &command);
	if (rc != 0)
		return client_fail_rc(&job->args, rc);
	status = client_wait(&job->args, job->c, 1u << CTL_RESULT, &job->message, CLIENT_ANSWER_MS);
	if (status != STATUS_DONE)
		return status;
	if (result->status != STATUS_DONE)
		return role_fail((enum status)result->status, result->hint[0] ? result->hint : NULL,
				 "cap: %s", result->text);
	line = job->args.json ? ctl_json_from_result(&job->message.result) : NULL;
	puts(line ? line : result->text);
	free(line);
	return STATUS_DONE;
}

static bool parse(struct cap_job *job, int argc, char **argv)
{
	const struct role_option options[] = {
		{ "set-used", 0, "BYTES", "so much was used in this period: 1.2G",
		  .text = &job->set_used },
		{ 0 },
	};

	if (!role_args_parse(&job->args, argc, argv, options))
		return false;
	job->path = job->args.n_operands ? job->args.operands[0] : NULL;
	job->args.status = STATUS_DONE;
	if (job->path && strlen(job->path) >= NAME_SIZE)
		job->args.status = role_fail(STATUS_NO_SUCH, "'mpgate status' shows the paths",
					     "cap: no path '%s'", job->path);
	else if (job->set_used && !job->path)
		job->args.status =
			role_fail(STATUS_USAGE, "write 'mpgate cap PATH --set-used 1.2G'",
				  "cap: --set-used of which path?");
	else if (job->set_used && format_parse_bytes(job->set_used, &job->used_bytes) < 0)
		job->args.status =
			role_fail(STATUS_USAGE, "write it as 1.2G, 500M or 0",
				  "cap: --set-used: '%s' is no amount of data", job->set_used);
	return job->args.status == STATUS_DONE;
}

int role_cap(int argc, char **argv)
{
	struct cap_job *job = xcalloc(1, sizeof(*job));
	int status;

	if (!parse(job, argc, argv))
		status = job->args.status;
	else
		status = client_open(&job->args, &job->c);
	if (job->c)
		status = (job->set_used ? set_used : show)(job);
	ctl_client_free(job->c);
	free(job);
	return status;
}
