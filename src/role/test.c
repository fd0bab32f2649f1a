// SPDX-License-Identifier: GPL-2.0-or-later
//
// `mpgate test PATH`: lets the running gateway try one path, and says what was found. The gateway
// has the routes, the key and the right to send, so whoever may look may test; a path that costs
// only when asked.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "role/client.h"
#include "role/table.h"

// The gateway gives up before that.
#define PATIENCE_MS 15000

struct test_job {
	struct role_args args;
	struct path_test_order order;
	bool color;
};

static bool parse(struct test_job *job, int argc, char **argv)
{
	const struct role_option options[] = {
		{ "mptcp", 0, NULL, "MPTCP alone, and whether a subflow joins over it",
		  .flag = &job->order.mptcp },
		{ "speed", 0, NULL, "how fast the exit's bytes come, by up to 4 MB",
		  .flag = &job->order.speed },
		{ "metered", 0, NULL, "also when each byte costs", .flag = &job->order.metered },
		{ 0 },
	};

	if (!role_args_parse(&job->args, argc, argv, options))
		return false;
	job->args.status = STATUS_USAGE;
	if (job->args.json && job->args.plain) {
		role_fail(STATUS_USAGE, NULL, "test: --json and --plain exclude each other");
		return false;
	}
	if (!job->args.n_operands) {
		role_fail(STATUS_USAGE, "'mpgate paths' shows the paths", "test: which path?");
		return false;
	}
	if (strlen(job->args.operands[0]) >= sizeof(job->order.path)) {
		job->args.status = role_fail(STATUS_NO_SUCH, "'mpgate paths' shows the paths",
					     "test: no path '%s'", job->args.operands[0]);
		return false;
	}
	str_copy(job->order.path, sizeof(job->order.path), job->args.operands[0]);
	job->color = role_color(&job->args, STDOUT_FILENO);
	return true;
}

// ---- consent

static bool hear_consent(const struct path_snapshot *path)
{
	char used[FORMAT_SIZE], cap[FORMAT_SIZE];

	fprintf(stderr, "%s is metered, and this takes up to 4 MB of it", path->name);
	if (path->cap_bytes > 0)
		fprintf(stderr, "; %s of %s are used", format_bytes(path->cap_used_bytes, used),
			format_bytes_short(path->cap_bytes, cap));
	fprintf(stderr, ". Go on? ");
	return role_hear_yes();
}

// A speed costs where bytes do: on a terminal a person is asked. Without one the gateway refuses.
static int ask_consent(struct test_job *job, struct ctl_client *c, struct ctl_message *message)
{
	bool terminal = isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
	const struct path_snapshot *path;
	int status, rc;

	job->order.metered |= job->order.speed && job->args.yes;
	if (!job->order.speed || job->order.metered || job->args.no_input || !terminal)
		return STATUS_DONE;
	rc = ctl_client_status(c);
	status = rc ? client_fail_rc(&job->args, rc)
		    : client_wait(&job->args, c, 1u << CTL_SNAPSHOT, message, CLIENT_ANSWER_MS);
	if (status != STATUS_DONE)
		return status;
	path = snapshot_find_path(&message->snapshot, job->order.path);
	if (!path || !(path->optional || path->cap_bytes > 0))
		return STATUS_DONE;
	job->order.metered = hear_consent(path);
	return job->order.metered ? STATUS_DONE : role_fail(STATUS_REFUSED, NULL, "test: not done");
}

// ---- for people

static void add_text(const struct path_test *t, bool color, int status, struct str *out)
{
	static const char *const names[TEST_STEPS] = {
		[TEST_ADDRESS] = "address", [TEST_ROUTE] = "route",       [TEST_HOP] = "first hop",
		[TEST_EXIT] = "exit",       [TEST_ECHO] = "through exit", [TEST_SIZE] = "full size",
		[TEST_MPTCP] = "mptcp",     [TEST_JOIN] = "join",         [TEST_SPEED] = "speed",
	};
	static const char *const words[TEST_LEVELS] = {
		[TEST_OK] = "ok", [TEST_WARN] = "warn", [TEST_FAIL] = "FAIL", [TEST_SKIP] = "skip"
	};
	static const char *const colors[TEST_LEVELS] = { [TEST_WARN] = YELLOW, [TEST_FAIL] = RED };
	int counts[TEST_LEVELS] = { 0 };

	str_addf(out, "%s to exit %s (%s)\n", t->path, t->exit, t->endpoint);
	for (int i = 0; i < t->n; i++) {
		const struct test_finding *f = &t->list[i];

		str_add(out, "  ");
		table_add_colored(out, words[f->level], color ? colors[f->level] : NULL);
		str_addf(out, "%*s%-13s %s\n", 6 - (int)strlen(words[f->level]), "", names[f->step],
			 f->text);
		if (f->cause[0])
			str_addf(out, "          %s\n", f->cause);
		if (f->next[0])
			str_addf(out, "          try: %s\n", f->next);
		counts[f->level]++;
	}
	str_addf(out, "\n%d ok, %d warning%s, %d failed, %d not tried.   exit %d\n",
		 counts[TEST_OK], counts[TEST_WARN], counts[TEST_WARN] == 1 ? "" : "s",
		 counts[TEST_FAIL], counts[TEST_SKIP], status);
}

// ---- for programs

static void add_plain(const struct path_test *t, struct str *out)
{
	char took[FORMAT_SIZE];

	str_add(out, "#step\tlevel\ttook_us\ttext\tcause\tnext\n");
	for (int i = 0; i < t->n; i++) {
		const struct test_finding *f = &t->list[i];

		str_addf(out, "%s\t%s\t%s\t%s\t%s\t%s\n", test_step_word(f->step),
			 test_level_word(f->level), format_count(f->took_us, took), f->text,
			 f->cause[0] ? f->cause : "-", f->next[0] ? f->next : "-");
	}
}

static int show(const struct test_job *job, const struct ctl_message *message)
{
	int status = message->test.passed ? STATUS_DONE : STATUS_FAILED, printed;
	struct str out = { 0 };

	if (job->args.json)
		str_addf(&out, "%s\n", message->line);
	else if (job->args.plain)
		add_plain(&message->test, &out);
	else
		add_text(&message->test, job->color, status, &out);
	printed = client_print(&job->args, "test", str_text(&out));
	str_fini(&out);
	return printed == STATUS_DONE ? status : printed;
}

int role_test(int argc, char **argv)
{
	struct test_job job = { 0 };
	struct ctl_message *message;
	struct ctl_client *c;
	int status, rc;

	if (!parse(&job, argc, argv))
		return job.args.status;
	status = client_open(&job.args, &c);
	if (status != STATUS_DONE)
		return status;
	message = xcalloc(1, sizeof(*message));
	status = ask_consent(&job, c, message);
	if (status == STATUS_DONE) {
		rc = ctl_client_test(c, &job.order);
		status = rc ? client_fail_rc(&job.args, rc)
			    : client_wait(&job.args, c, 1u << CTL_TEST, message, PATIENCE_MS);
	}
	if (status == STATUS_DONE)
		status = show(&job, message);
	ctl_client_free(c);
	free(message);
	return status;
}
