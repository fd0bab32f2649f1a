// SPDX-License-Identifier: GPL-2.0-or-later
//
// `mpgate paths`: the table of paths, or all about those that are named; once or again and again.
// JSON is what the gateway said, cut to the paths, so that a newer gateway's keys are not lost on
// an older client.

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "role/client.h"
#include "role/paths_view.h"
#include "role/status_view.h"

#define EVENTS_SHOWN 5

struct paths_job {
	struct role_args args;
	const char *watch; // NULL: once; "" or seconds
	int watch_s;       // 0: whenever something is new
	struct view_look look;
	struct ctl_client *c;
	struct snapshot shown; // the paths that were named, or all, and their events
	uint64_t seen_seq;     // as in status.c
	bool began;
};

static bool parse(struct paths_job *job, int argc, char **argv)
{
	const struct role_option options[] = {
		{ "watch", 'w', "[SECONDS]", "go on, at most once in so many seconds",
		  .text = &job->watch },
		{ 0 },
	};

	if (!role_args_parse(&job->args, argc, argv, options))
		return false;
	job->args.status = STATUS_USAGE;
	if (job->args.json && job->args.plain) {
		role_fail(STATUS_USAGE, NULL, "paths: --json and --plain exclude each other");
		return false;
	}
	job->look = (struct view_look){ role_color(&job->args, STDOUT_FILENO), job->args.units };
	return client_read_watch("paths", job->watch, job->args.plain ? 0 : 1, &job->watch_s) ==
	       STATUS_DONE;
}

static bool is_chosen(const struct paths_job *job, const char *name)
{
	for (int i = 0; i < job->args.n_operands; i++) {
		if (strcmp(job->args.operands[i], name) == 0)
			return true;
	}
	return job->args.n_operands == 0;
}

// A path that a reload takes away while it is watched is no longer shown.
static int choose(struct paths_job *job, const struct snapshot *s)
{
	struct snapshot *shown = &job->shown;

	for (int i = 0; !job->began && i < job->args.n_operands; i++) {
		if (!snapshot_find_path(s, job->args.operands[i]))
			return client_fail_path("paths", s, job->args.operands[i]);
	}
	*shown = *s;
	shown->n_paths = shown->n_events = 0;
	for (int i = 0; i < s->n_paths; i++) {
		if (is_chosen(job, s->paths[i].name))
			shown->paths[shown->n_paths++] = s->paths[i];
	}
	for (int i = 0; i < s->n_events; i++) {
		if (snapshot_find_path(shown, s->events[i].object))
			shown->events[shown->n_events++] = s->events[i];
	}
	return STATUS_DONE;
}

// Its newest events, from the gateway's log.
static int add_detail(struct paths_job *job, const struct path_snapshot *path, struct str *out)
{
	struct ctl_message *message = xcalloc(1, sizeof(*message));
	struct event_filter filter = { .limit = EVENTS_SHOWN, .level = LOG_LEVEL_NOTICE };
	int rc, status;

	str_copy(filter.object, sizeof(filter.object), path->name);
	rc = ctl_client_log(job->c, &filter);
	status = rc ? client_fail_rc(&job->args, rc)
		    : client_wait(&job->args, job->c, 1u << CTL_LOG, message, CLIENT_ANSWER_MS);
	if (status == STATUS_DONE)
		paths_view_detail(&job->shown, path, message->log.events, message->log.n, job->look,
				  out);
	free(message);
	return status;
}

static int add_text(struct paths_job *job, struct str *out)
{
	int status = STATUS_DONE;

	if (job->began)
		str_add(out, "\n");
	if (!job->args.n_operands)
		paths_view_table(&job->shown, job->look, out);
	for (int i = 0; status == STATUS_DONE && job->args.n_operands && i < job->shown.n_paths;
	     i++) {
		if (i)
			str_add(out, "\n");
		status = add_detail(job, &job->shown.paths[i], out);
	}
	return status;
}

static int show(void *ctx, const struct ctl_message *message)
{
	struct paths_job *job = ctx;
	struct str out = { 0 };
	char *line = NULL;
	int status = choose(job, &message->snapshot);

	if (status != STATUS_DONE)
		return status;
	if (job->args.json) {
		line = ctl_json_paths(message->line, job->args.operands, job->args.n_operands);
		str_addf(&out, "%s\n", line ? line : "");
	} else if (job->args.plain && job->watch) {
		if (!job->began)
			job->seen_seq =
				message->snapshot.n_events ? message->snapshot.events[0].seq : 0;
		job->seen_seq = status_view_changes(&job->shown, job->seen_seq, &out);
	} else if (job->args.plain) {
		paths_view_plain(&job->shown, &out);
	} else {
		status = add_text(job, &out);
	}
	job->began = true;
	if (status == STATUS_DONE)
		status = client_print(&job->args, "paths", str_text(&out));
	str_fini(&out);
	free(line);
	return status;
}

int role_paths(int argc, char **argv)
{
	struct paths_job *job = xcalloc(1, sizeof(*job));
	struct client_look look = { .show = show, .ctx = job };
	int status;

	if (!parse(job, argc, argv))
		status = job->args.status;
	else
		status = client_open(&job->args, &job->c);
	look.watch = job->watch;
	look.interval_s = job->watch_s;
	if (job->c)
		status = client_look(&job->args, job->c, &look);
	ctl_client_free(job->c);
	free(job);
	return status;
}
