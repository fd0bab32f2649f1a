// SPDX-License-Identifier: GPL-2.0-or-later
//
// `mpgate status`: what the running gateway says about itself, once or again and again. This file
// is asking and choosing a form; the forms are in status_view.c, and JSON is printed as it came, so
// that a newer gateway's keys are not lost on an older client.

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "role/client.h"
#include "role/status_view.h"

// --check speaks the Nagios plugins' exit statuses, not ours.
#define CHECK_UNKNOWN 3

struct status_job {
	struct role_args args;
	bool check;
	const char *watch; // NULL: once; "" or seconds
	int watch_s;       // 0: whenever something is new
	struct view_look look;
	uint64_t seen_seq; // newest event that was there when watching began, or was printed since
	bool began;
};

static bool parse(struct status_job *job, int argc, char **argv)
{
	const struct role_option options[] = {
		{ "check", 0, NULL, "one line and exit status as a Nagios plugin",
		  .flag = &job->check },
		{ "watch", 'w', "[SECONDS]", "go on, at most once in so many seconds",
		  .text = &job->watch },
		{ 0 },
	};
	int forms;

	if (!role_args_parse(&job->args, argc, argv, options))
		return false;
	job->args.status = STATUS_USAGE;
	forms = job->args.json + job->args.plain + job->check;
	if (forms > 1 || (job->check && job->watch)) {
		role_fail(STATUS_USAGE, NULL,
			  "status: --check, --json and --plain exclude each other, and --check "
			  "is asked once");
		return false;
	}
	job->look = (struct view_look){ role_color(&job->args, STDOUT_FILENO), job->args.units };
	// a change is told at once, numbers may wait
	return client_read_watch("status", job->watch, job->args.plain ? 0 : 1, &job->watch_s) ==
	       STATUS_DONE;
}

static int show(void *ctx, const struct ctl_message *message)
{
	struct status_job *job = ctx;
	const struct snapshot *s = &message->snapshot;
	struct str out = { 0 };
	int status, checked = 0;

	if (job->args.json) {
		str_addf(&out, "%s\n", message->line);
	} else if (job->check) {
		checked = status_view_check(s, &out);
	} else if (job->args.plain && job->watch) {
		if (!job->began)
			job->seen_seq = s->n_events ? s->events[0].seq : 0;
		job->seen_seq = status_view_changes(s, job->seen_seq, &out);
	} else if (job->args.plain) {
		paths_view_plain(s, &out);
	} else {
		if (job->began)
			str_add(&out, "\n");
		status_view_text(s, job->look, &out);
	}
	job->began = true;
	status = client_print(&job->args, "status", str_text(&out));
	str_fini(&out);
	return status == STATUS_DONE ? checked : status;
}

// A monitor reads stdout.
static int check(struct status_job *job)
{
	static struct ctl_message message;
	struct ctl_error error;
	struct ctl_client *c = NULL;
	int rc = ctl_client_connect(job->args.socket, &c);

	if (rc == 0)
		rc = ctl_client_status(c);
	if (rc == 0)
		rc = ctl_client_wait(c, &message, CLIENT_ANSWER_MS);
	ctl_client_free(c);
	if (rc == 0 && message.kind == CTL_SNAPSHOT)
		return show(job, &message);
	ctl_client_explain(rc == 0 ? -EPROTO : rc, job->args.socket, &error);
	if (rc == 0 && message.kind == CTL_ERROR)
		error = message.error;
	printf("UNKNOWN %s\n", error.message);
	return CHECK_UNKNOWN;
}

int role_status(int argc, char **argv)
{
	struct status_job job = { 0 };
	struct client_look look = { .show = show, .ctx = &job };
	struct ctl_client *c;
	int status;

	if (!parse(&job, argc, argv))
		return job.args.status;
	if (job.check)
		return check(&job);
	status = client_open(&job.args, &c);
	if (status != STATUS_DONE)
		return status;
	look.watch = job.watch;
	look.interval_s = job.watch_s;
	status = client_look(&job.args, c, &look);
	ctl_client_free(c);
	return status;
}
