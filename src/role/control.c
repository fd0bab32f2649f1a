// SPDX-License-Identifier: GPL-2.0-or-later
//
// `mpgate enable`, `disable`, `redial` and `backup`: tell the running gateway to change a path, and
// wait until it has. On a terminal they ask first, as the console does; without one they act,
// except that what cuts the last working path needs --yes.

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "model/format.h"
#include "role/client.h"

#define TIMEOUT_DEFAULT_S 60
#define TIMEOUT_MAX_S     3600

static bool carries(const struct path_snapshot *path)
{
	return path->state == PATH_STATE_UP || path->state == PATH_STATE_DEGRADED;
}

static bool is_up(const struct path_snapshot *now, int64_t since_ms)
{
	(void)since_ms;
	return carries(now);
}

static bool is_off(const struct path_snapshot *now, int64_t since_ms)
{
	(void)since_ms;
	return now->state == PATH_STATE_OFF || now->state == PATH_STATE_STANDBY ||
	       now->state == PATH_STATE_CAPPED;
}

// Nothing to wait for, and nothing to ask: no connection is cut.
static bool is_answered(const struct path_snapshot *now, int64_t since_ms)
{
	(void)now;
	(void)since_ms;
	return true;
}

// Up again, and not still: its state has changed since the command.
static bool is_up_again(const struct path_snapshot *now, int64_t since_ms)
{
	return carries(now) && now->since_ms != since_ms;
}

static const struct action {
	enum command_verb verb;
	const char *question; // what happens; the path's name follows
	bool (*done)(const struct path_snapshot *now, int64_t since_ms);
	bool repeats; // does something also where it is done already
	bool cuts;    // takes the path away, if only for a while
} actions[] = {
	{ COMMAND_ENABLE, "Enable path", is_up, false, false },
	{ COMMAND_DISABLE, "Disable path", is_off, false, true },
	{ COMMAND_REDIAL, "Hang up and redial path", is_up_again, true, true },
	{ COMMAND_BACKUP, "", is_answered, false, false },
	{ COMMAND_NO_BACKUP, "", is_answered, false, false },
};

struct control_job {
	struct role_args args;
	const struct action *action;
	const char *path;
	bool no_wait;
	int timeout_s;
	int64_t for_s, boost_bytes; // of enable
	bool ignore_cap;
	struct ctl_client *c;
	struct ctl_message message;
	struct path_snapshot now; // the path as last seen
};

__attribute__((format(printf, 4, 5))) static int
fail(const struct control_job *job, enum status status, const char *hint, const char *fmt, ...)
{
	struct str text = { 0 };
	struct ctl_error error;
	va_list ap;

	str_addf(&text, "%s: ", command_word(job->action->verb));
	va_start(ap, fmt);
	str_vaddf(&text, fmt, ap);
	va_end(ap);
	ctl_error_set(&error, status, str_text(&text), hint);
	str_fini(&text);
	return role_fail_error(&error);
}

static const struct action *find_action(const char *word)
{
	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
		if (strcmp(word, command_word(actions[i].verb)) == 0)
			return &actions[i];
	}
	return NULL;
}

// Of 'backup PATH on|off'; the others take the path alone.
static bool parse_on_off(struct control_job *job)
{
	bool backup = job->action->verb == COMMAND_BACKUP;
	int n = job->args.n_operands;

	if (backup && n < 2) {
		fail(job, STATUS_USAGE, "write 'mpgate backup PATH on|off'", "on or off?");
		return false;
	}
	if (backup && strcmp(job->args.operands[1], "off") == 0) {
		job->action = find_action(command_word(COMMAND_NO_BACKUP));
	} else if (backup && strcmp(job->args.operands[1], "on") != 0) {
		fail(job, STATUS_USAGE, "", "'%s' is neither on nor off", job->args.operands[1]);
		return false;
	}
	return true;
}

// "--for 30m --boost 100M"
static bool parse_amounts(struct control_job *job, const char *time, const char *boost)
{
	if (time && (format_parse_duration(time, &job->for_s) < 0 || job->for_s < 1)) {
		fail(job, STATUS_USAGE, "write it as 30s, 30m or 2h", "--for: '%s' is no time",
		     time);
		return false;
	}
	if (boost && (format_parse_bytes(boost, &job->boost_bytes) < 0 || job->boost_bytes < 1)) {
		fail(job, STATUS_USAGE, "write it as 100M or 1.5G",
		     "--boost: '%s' is no amount of data", boost);
		return false;
	}
	return true;
}

static bool parse(struct control_job *job, int argc, char **argv)
{
	const char *timeout = NULL, *time = NULL, *boost = NULL;
	bool enable = job->action->verb == COMMAND_ENABLE;
	const struct role_option options[] = {
		{ "no-wait", 0, NULL, "do not wait for the result", .flag = &job->no_wait },
		{ "timeout", 't', "SECONDS", "wait at most so long (60)", .text = &timeout },
		{ enable ? "for" : NULL, 0, "TIME", "and take it out again after so long: 30m, 2h",
		  .text = &time },
		{ "boost", 0, "BYTES", "raise its data cap by so much until it resets: 100M",
		  .text = &boost },
		{ "ignore-cap", 0, NULL, "have no data cap until it resets",
		  .flag = &job->ignore_cap },
		{ 0 },
	};
	char *end;
	long seconds;

	if (!role_args_parse(&job->args, argc, argv, options))
		return false;
	job->args.status = STATUS_USAGE;
	if (!parse_amounts(job, time, boost))
		return false;
	if (job->args.n_operands < 1) {
		fail(job, STATUS_USAGE, "'mpgate status' shows the paths", "which path?");
		return false;
	}
	if (!parse_on_off(job))
		return false;
	job->path = job->args.operands[0];
	if (strlen(job->path) >= NAME_SIZE) {
		fail(job, STATUS_NO_SUCH, "'mpgate status' shows the paths", "no path '%s'",
		     job->path);
		job->args.status = STATUS_NO_SUCH;
		return false;
	}
	seconds = timeout ? strtol(timeout, &end, 10) : TIMEOUT_DEFAULT_S;
	if (timeout && (end == timeout || *end || seconds < 1 || seconds > TIMEOUT_MAX_S)) {
		fail(job, STATUS_USAGE, "", "--timeout: '%s' is not 1 to %d seconds", timeout,
		     TIMEOUT_MAX_S);
		return false;
	}
	job->timeout_s = (int)seconds;
	return true;
}

static bool is_last_carrier(const struct snapshot *s, const struct path_snapshot *path)
{
	int n = 0;

	for (int i = 0; i < s->n_paths; i++)
		n += carries(&s->paths[i]);
	return n == 1 && carries(path);
}

// ---- asking the person

static void explain(const struct control_job *job, const struct snapshot *s,
		    const struct path_snapshot *path)
{
	char used[FORMAT_SIZE], limit[FORMAT_SIZE];

	fprintf(stderr, "%s %s (%s)?\n", job->action->question, path->name, path->kind);
	if (job->action->verb == COMMAND_ENABLE && path->cap_bytes > 0)
		fprintf(stderr, "Data cap: %s of %s used.\n",
			format_bytes(path->cap_used_bytes, used),
			format_bytes(path->cap_bytes, limit));
	if (!job->action->cuts)
		return;
	if (is_last_carrier(s, path))
		fprintf(stderr, "It is the only path that works: %d connections will be cut.\n",
			s->connections > 0 ? s->connections : 0);
	else if (path->subflows > 0)
		fprintf(stderr, "Its %d subflows move to the other paths; no connection is cut.\n",
			path->subflows);
}

// Beyond the warning, and not by a word about the cap itself.
static bool spends_the_rest(const struct control_job *job, const struct path_snapshot *path)
{
	return job->action->verb == COMMAND_ENABLE && path->cap_bytes > 0 &&
	       path->cap_used_bytes >= 0 && !job->boost_bytes && !job->ignore_cap &&
	       path->state != PATH_STATE_CAPPED &&
	       path->cap_used_bytes * 100 >= path->cap_bytes * path->cap_warn_percent;
}

// Returns STATUS_DONE when the command may be sent.
static int confirm(const struct control_job *job, const struct snapshot *s,
		   const struct path_snapshot *path)
{
	const struct action *action = job->action;
	bool terminal = isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
	char used[FORMAT_SIZE];

	if (job->args.yes || (!action->repeats && action->done(path, 0)))
		return STATUS_DONE;
	if ((!terminal || job->args.no_input) && spends_the_rest(job, path))
		return fail(job, STATUS_REFUSED,
			    "--yes does it all the same; 'mpgate cap' shows what is used",
			    "%s has used %s of its data cap", path->name,
			    format_bytes(path->cap_used_bytes, used));
	if (!terminal || job->args.no_input) {
		if (!action->cuts || !is_last_carrier(s, path))
			return STATUS_DONE;
		return fail(job, STATUS_REFUSED, "--yes does it all the same",
			    "%s is the only path that works", path->name);
	}
	explain(job, s, path);
	return role_hear_yes() ? STATUS_DONE : fail(job, STATUS_REFUSED, "", "not done");
}

// ---- telling the gateway

// Leaves the newest snapshot in job->message.
static int begin(struct control_job *job)
{
	int rc = ctl_client_watch(job->c, 0), status;

	if (rc != 0)
		return client_fail_rc(&job->args, rc);
	status = client_wait(&job->args, job->c, 1u << CTL_HELLO, &job->message, CLIENT_ANSWER_MS);
	if (status != STATUS_DONE)
		return status;
	if (!job->message.hello.may_change)
		return fail(job, STATUS_NOT_ALLOWED,
			    "changes need root or membership of the group mpgate-admin",
			    "%s may look but not change things", job->message.hello.who);
	return client_wait(&job->args, job->c, 1u << CTL_SNAPSHOT, &job->message, CLIENT_ANSWER_MS);
}

// Keeps what a snapshot says of the path.
static void note_path(struct control_job *job)
{
	const struct path_snapshot *path = snapshot_find_path(&job->message.snapshot, job->path);

	if (path)
		job->now = *path;
}

// The gateway may show the effect before it answers.
static int send_command(struct control_job *job, struct ctl_result *result)
{
	struct command command = { .verb = job->action->verb,
				   .for_s = job->for_s,
				   .boost_bytes = job->boost_bytes,
				   .ignore_cap = job->ignore_cap };
	int rc, status;

	str_copy(command.object, sizeof(command.object), job->path);
	rc = ctl_client_send(job->c, &command);
	if (rc != 0)
		return client_fail_rc(&job->args, rc);
	do {
		status = client_wait(&job->args, job->c, 1u << CTL_RESULT | 1u << CTL_SNAPSHOT,
				     &job->message, CLIENT_ANSWER_MS);
		if (status != STATUS_DONE)
			return status;
		if (job->message.kind == CTL_SNAPSHOT)
			note_path(job);
	} while (job->message.kind != CTL_RESULT);
	*result = job->message.result;
	if (result->result.status == STATUS_DONE)
		return STATUS_DONE;
	return fail(job, (enum status)result->result.status, result->result.hint, "%s",
		    result->result.text);
}

static int fail_timeout(const struct control_job *job)
{
	return fail(job, STATUS_TIMEOUT, "the gateway goes on trying; 'mpgate status' shows how",
		    "%s is %s after %d s%s%s", job->path, path_state_word(job->now.state),
		    job->timeout_s, job->now.note[0] ? ": " : "", job->now.note);
}

// Watches the path until it is where it should be, and says so in `result`. `since_ms` is of the
// state that it had before the command.
static int wait_for_path(struct control_job *job, int64_t since_ms, struct ctl_result *result)
{
	int64_t begin_ms = clock_mono_ms(), deadline_ms = begin_ms + job->timeout_s * 1000;
	char took[FORMAT_SIZE];

	while (!job->action->done(&job->now, since_ms)) {
		int64_t left_ms = deadline_ms - clock_mono_ms();
		int rc = ctl_client_wait(job->c, &job->message, left_ms > 0 ? (int)left_ms : 0);

		if (rc == -ETIMEDOUT)
			return fail_timeout(job);
		if (rc != 0)
			return client_fail_rc(&job->args, rc);
		if (job->message.kind == CTL_SNAPSHOT)
			note_path(job);
	}
	snprintf(result->result.text, sizeof(result->result.text), "%s is %s after %s", job->path,
		 path_state_word(job->now.state),
		 format_duration((clock_mono_ms() - begin_ms) / 1000, took));
	return STATUS_DONE;
}

static int print_result(const struct control_job *job, const struct ctl_result *result)
{
	char *line = job->args.json ? ctl_json_from_result(result) : NULL;

	puts(line ? line : result->result.text);
	free(line);
	return STATUS_DONE;
}

static int run(struct control_job *job)
{
	const struct path_snapshot *path;
	struct ctl_result result;
	int64_t since_ms;
	bool waits;
	int status;

	status = begin(job);
	if (status != STATUS_DONE)
		return status;
	path = snapshot_find_path(&job->message.snapshot, job->path);
	if (path) { // if there is none, the gateway says so, with a hint
		job->now = *path;
		status = confirm(job, &job->message.snapshot, path);
	}
	since_ms = job->now.since_ms;
	waits = !job->no_wait && (job->action->repeats || !job->action->done(&job->now, since_ms));
	if (status == STATUS_DONE)
		status = send_command(job, &result);
	if (status == STATUS_DONE && waits)
		status = wait_for_path(job, since_ms, &result);
	return status == STATUS_DONE ? print_result(job, &result) : status;
}

int role_control(int argc, char **argv)
{
	struct control_job *job = xcalloc(1, sizeof(*job));
	int status;

	job->action = find_action(argv[0]);
	if (!parse(job, argc, argv))
		status = job->args.status;
	else
		status = client_open(&job->args, &job->c);
	if (job->c)
		status = run(job);
	ctl_client_free(job->c);
	free(job);
	return status;
}
