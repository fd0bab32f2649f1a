// SPDX-License-Identifier: GPL-2.0-or-later
//
// `mpgate conns`: the connections that the running gateway carries, once or again and again. The
// gateway lists them all; filtering is done here, by the same rules as in the console.

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "role/client.h"
#include "role/conns_view.h"

#define WATCH_DEFAULT_S 1

struct conns_job {
	struct role_args args;
	const char *watch; // NULL: once; "" or seconds
	int watch_s;
	struct str words; // the filter as typed
	struct conn_filter filter;
	struct ctl_message message;
	struct conns before; // what was last shown
	bool began;
};

static bool parse(struct conns_job *job, int argc, char **argv)
{
	const struct role_option options[] = {
		{ "watch", 'w', "[SECONDS]", "go on, once in so many seconds",
		  .text = &job->watch },
		{ 0 },
	};
	char why[160];

	if (!role_args_parse(&job->args, argc, argv, options))
		return false;
	job->args.status = STATUS_USAGE;
	if (job->args.json && job->args.plain) {
		role_fail(STATUS_USAGE, NULL, "conns: --json and --plain exclude each other");
		return false;
	}
	for (int i = 0; i < job->args.n_operands; i++)
		str_addf(&job->words, "%s%s", i ? " " : "", job->args.operands[i]);
	if (conn_filter_parse(str_text(&job->words), &job->filter, why, sizeof(why)) != 0) {
		role_fail(STATUS_USAGE,
			  "for example: 192.168.1.23, 443, path:tun1, mode:tcp, "
			  "'!client:192.168.1.7'",
			  "conns: filter: %s", why);
		return false;
	}
	return client_read_watch("conns", job->watch, WATCH_DEFAULT_S, &job->watch_s) ==
	       STATUS_DONE;
}

// Without a filter what came is passed on, with keys that a newer gateway may have.
static void add_json(const struct conns_job *job, const struct conns *conns, struct str *out)
{
	char *line = job->filter.n ? ctl_json_from_conns(conns) : NULL;

	str_addf(out, "%s\n", line ? line : job->message.line);
	free(line);
}

static void add_text(const struct conns_job *job, const struct conns *conns, int listed,
		     struct str *out)
{
	if (job->began)
		str_add(out, "\n");
	conns_view_text(conns, str_text(&job->words), listed, job->args.units, out);
}

static int show(struct conns_job *job)
{
	struct conns *conns = &job->message.conns;
	int listed = conns_view_filter(conns, &job->filter), status;
	struct str out = { 0 };

	if (!job->began)
		job->before = *conns;
	if (job->args.json)
		add_json(job, conns, &out);
	else if (job->args.plain && job->watch)
		conns_view_changes(&job->before, conns, &out);
	else if (job->args.plain)
		conns_view_plain(conns, &out);
	else
		add_text(job, conns, listed, &out);
	job->began = true;
	job->before = *conns;
	status = client_print(&job->args, "conns", str_text(&out));
	str_fini(&out);
	return status;
}

static int ask(struct conns_job *job, struct ctl_client *c)
{
	int rc = ctl_client_conns(c), status;

	if (rc != 0)
		return client_fail_rc(&job->args, rc);
	status = client_wait(&job->args, c, 1u << CTL_CONNS, &job->message, CLIENT_ANSWER_MS);
	return status == STATUS_DONE ? show(job) : status;
}

// Nothing comes unasked, so what ends the pause early is the end of the gateway.
static int pause_watch(struct conns_job *job, struct ctl_client *c)
{
	int rc = ctl_client_wait(c, &job->message, job->watch_s * 1000);

	return rc == 0 || rc == -ETIMEDOUT ? STATUS_DONE : client_fail_rc(&job->args, rc);
}

int role_conns(int argc, char **argv)
{
	struct conns_job *job = xcalloc(1, sizeof(*job));
	struct ctl_client *c = NULL;
	int status;

	if (!parse(job, argc, argv))
		status = job->args.status;
	else
		status = client_open(&job->args, &c);
	if (c)
		status = ask(job, c);
	while (c && job->watch && status == STATUS_DONE) {
		status = pause_watch(job, c);
		if (status == STATUS_DONE)
			status = ask(job, c);
	}
	ctl_client_free(c);
	str_fini(&job->words);
	free(job);
	return status;
}
