// SPDX-License-Identifier: GPL-2.0-or-later
//
// `mpgate alarm list` and `mpgate alarm ack`: what is wrong just now, and that somebody knows.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/format.h"
#include "role/client.h"

struct alarm_job {
	struct role_args args;
	const char *what;  // "list" or "ack"
	const char *whose; // an alarm's id or object, or "all"
	struct ctl_client *c;
	struct ctl_message message;
};

// ---- list

static void list_text(const struct snapshot *s)
{
	char age[FORMAT_SIZE];

	if (!s->n_alarms)
		puts("no active alarms");
	for (int i = 0; i < s->n_alarms; i++) {
		const struct alarm *a = &s->alarms[i];

		printf("%-22s %-8s %-5s %s\n", a->id,
		       format_duration_short((s->time_ms - a->since_ms) / 1000, age),
		       a->acked ? "acked" : "", a->text);
	}
}

static void list_plain(const struct snapshot *s, bool heads)
{
	if (heads)
		printf("#id\tobject\tsince\tacked\ttext\n");
	for (int i = 0; i < s->n_alarms; i++) {
		const struct alarm *a = &s->alarms[i];

		printf("%s\t%s\t%lld\t%d\t%s\n", a->id, a->object, (long long)(a->since_ms / 1000),
		       a->acked, a->text);
	}
}

static int ask_status(struct alarm_job *job)
{
	int rc = ctl_client_status(job->c);

	if (rc != 0)
		return client_fail_rc(&job->args, rc);
	return client_wait(&job->args, job->c, 1u << CTL_SNAPSHOT, &job->message, CLIENT_ANSWER_MS);
}

static int list(struct alarm_job *job)
{
	int status = ask_status(job);
	char *line;

	if (status != STATUS_DONE)
		return status;
	if (job->args.json) {
		line = ctl_json_from_alarms(&job->message.snapshot);
		puts(line);
		free(line);
	} else if (job->args.plain) {
		list_plain(&job->message.snapshot, !job->args.no_header);
	} else {
		list_text(&job->message.snapshot);
	}
	return STATUS_DONE;
}

// ---- ack

// Whose alarm is meant; false: there is none. An id stands for its object, which people acknowledge
// as a whole, as the console does.
static bool find_object(const struct alarm_job *job, char *object, size_t size)
{
	const struct snapshot *s = &job->message.snapshot;

	for (int i = 0; i < s->n_alarms; i++) {
		if (strcmp(s->alarms[i].id, job->whose) != 0 &&
		    strcmp(s->alarms[i].object, job->whose) != 0)
			continue;
		str_copy(object, size, s->alarms[i].object);
		return true;
	}
	return false;
}

static int send_ack(struct alarm_job *job, const char *object)
{
	struct command command = { .verb = COMMAND_ACK };
	const struct command_result *result;
	int rc, status;

	str_copy(command.object, sizeof(command.object), object);
	rc = ctl_client_send(job->c, &command);
	if (rc != 0)
		return client_fail_rc(&job->args, rc);
	status = client_wait(&job->args, job->c, 1u << CTL_RESULT, &job->message, CLIENT_ANSWER_MS);
	if (status != STATUS_DONE)
		return status;
	result = &job->message.result.result;
	if (result->status != STATUS_DONE)
		return role_fail((enum status)result->status, result->hint[0] ? result->hint : NULL,
				 "alarm: %s", result->text);
	puts(job->args.json ? job->message.line : result->text);
	return STATUS_DONE;
}

static int ack_all(struct alarm_job *job)
{
	const struct snapshot s = job->message.snapshot;
	int status = STATUS_DONE, n = 0;

	for (int i = 0; i < s.n_alarms && status == STATUS_DONE; i++) {
		bool again = s.alarms[i].acked;

		for (int k = 0; k < i; k++)
			again |= strcmp(s.alarms[k].object, s.alarms[i].object) == 0;
		if (again)
			continue;
		status = send_ack(job, s.alarms[i].object);
		n++;
	}
	if (!n)
		puts("no alarm waits to be acknowledged");
	return status;
}

static int ack(struct alarm_job *job)
{
	char object[NAME_SIZE];
	int status = ask_status(job);

	if (status != STATUS_DONE)
		return status;
	if (strcmp(job->whose, "all") == 0)
		return ack_all(job);
	if (!find_object(job, object, sizeof(object)))
		return role_fail(STATUS_NO_SUCH, "'mpgate alarm list' shows them",
				 "alarm: no alarm '%s'", job->whose);
	return send_ack(job, object);
}

static bool parse(struct alarm_job *job, int argc, char **argv)
{
	bool lists;

	if (!role_args_parse(&job->args, argc, argv, NULL))
		return false;
	job->what = job->args.n_operands ? job->args.operands[0] : "list";
	job->whose = job->args.n_operands > 1 ? job->args.operands[1] : "all";
	lists = strcmp(job->what, "list") == 0;
	if ((lists && job->args.n_operands < 2) || strcmp(job->what, "ack") == 0)
		return true;
	job->args.status = role_fail(
		STATUS_USAGE, "write 'mpgate alarm list' or 'mpgate alarm ack [ID|all]'",
		lists ? "alarm list: '%s' is too much" : "alarm: '%s' is neither list nor ack",
		lists ? job->whose : job->what);
	return false;
}

int role_alarm(int argc, char **argv)
{
	struct alarm_job *job = xcalloc(1, sizeof(*job));
	int status;

	if (!parse(job, argc, argv))
		status = job->args.status;
	else
		status = client_open(&job->args, &job->c);
	if (job->c)
		status = strcmp(job->what, "list") == 0 ? list(job) : ack(job);
	ctl_client_free(job->c);
	free(job);
	return status;
}
