// SPDX-License-Identifier: GPL-2.0-or-later
//
// Links of commands: `up` brings one up and ends, `down` takes it down, `status` says how it is
// doing. One of them runs at a time.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "dial/dial_priv.h"

#define STATUS_EVERY_S 5.

enum job { JOB_NONE, JOB_UP, JOB_DOWN, JOB_STATUS };

static const char *const job_words[] = { "", "up", "down", "status" };

static void raise_link(struct link *link);

// ---- jobs

static void say_no_link(struct link *link, const char *reason, const char *what)
{
	struct words *words = &link->words;

	if (words->weight)
		return;
	words->weight = 1;
	str_copy(words->reason, sizeof(words->reason), reason);
	snprintf(words->note, sizeof(words->note), "%.60s", link->last[0] ? link->last : what);
	snprintf(words->text, sizeof(words->text), "%s%s%.100s", what,
		 link->last[0] ? "; status says: " : "", link->last);
}

static void ask_later(struct link *link)
{
	if (!link->status[0])
		return;
	ev_timer_set(&link->step, STATUS_EVERY_S, 0.);
	ev_timer_start(link->dial->loop, &link->step);
}

static void take_up_end(struct link *link, int status)
{
	if (link->program.overdue || status != 0) {
		words_take_command_end(&link->words, "up", status, link->program.overdue,
				       link->timeout_ms / 1000, link->last);
		unlink(link->record);
		link_fell(link);
		return;
	}
	link->last[0] = '\0';
	if (link->ready)
		link_raised(link);
	else
		ask_later(link);
}

static void take_down_end(struct link *link, int status)
{
	bool again = link->again;

	if (link->program.overdue || status != 0) {
		struct words words = { 0 };

		words_take_command_end(&words, "down", status, link->program.overdue,
				       link->timeout_ms / 1000, link->last);
		link_news(link, words.reason, words.text);
	}
	unlink(link->record);
	link_enter(link, DIAL_IDLE);
	if (again)
		raise_link(link);
}

static void take_status_end(struct link *link, int status)
{
	struct words words = { 0 };

	if (link->program.overdue)
		str_copy(link->last, sizeof(link->last), "'status' hangs");
	if (status != 0 || !link->ready)
		words_take_line(&link->words, link->last);
	if (link->phase == DIAL_HELD && !link->ready) {
		say_no_link(link, "link-lost", "the link is gone");
		link_fell(link);
	} else if (link->phase == DIAL_RAISING) {
		snprintf(words.note, sizeof(words.note), "%.60s", link->last);
		link_report(link, DIAL_NEWS, &words);
		ask_later(link);
	}
}

static void on_ended(void *ctx, int status)
{
	static void (*const take[])(struct link * link, int status) = {
		[JOB_UP] = take_up_end,
		[JOB_DOWN] = take_down_end,
		[JOB_STATUS] = take_status_end,
	};
	struct link *link = ctx;
	int job = link->job;

	link->job = JOB_NONE;
	take[job](link, status);
}

static void on_said(void *ctx, const char *line)
{
	struct link *link = ctx;

	log_info("%s %s: %s", link->path, job_words[link->job], line);
	str_copy(link->last, sizeof(link->last), line);
}

static int run(struct link *link, enum job job, const char *command)
{
	const char *argv[] = { "/bin/sh", "-c", command, NULL };
	char **environment = link_environment(link);
	int rc;

	link->last[0] = '\0';
	link->program.loop = link->dial->loop;
	link->program.said = on_said;
	link->program.ended = on_ended;
	link->program.ctx = link;
	rc = program_start(&link->program, argv, environment, link->timeout_ms);
	link_environment_free(environment);
	link->job = rc < 0 ? JOB_NONE : job;
	if (rc < 0)
		snprintf(link->last, sizeof(link->last), "cannot run /bin/sh: %s", strerror(-rc));
	return rc;
}

static void stop_job(struct link *link)
{
	program_end(&link->program);
	program_forget(&link->program);
	link->job = JOB_NONE;
	ev_timer_stop(link->dial->loop, &link->step);
}

// ---- verbs

static bool is_ours(const struct link *link)
{
	return access(link->record, F_OK) == 0;
}

// After a crash the record says that the link was dialled by us.
static void recall(struct link *link)
{
	if (is_ours(link))
		link_enter(link, DIAL_HELD);
}

static void start_up(struct link *link)
{
	link->again = false;
	link->words = (struct words){ 0 };
	link_enter(link, DIAL_RAISING);
	if (process_record(link->record, getpid()) < 0)
		log_warning("%s: cannot write %s: 'down' will not be run at the end", link->path,
			    link->record);
	if (run(link, JOB_UP, link->up) < 0) {
		say_no_link(link, "command-failed", "'up' cannot be run");
		link_fell(link);
	}
}

static bool start_down(struct link *link)
{
	if (!link->down[0] || run(link, JOB_DOWN, link->down) < 0)
		return false;
	link_enter(link, DIAL_DROPPING);
	return true;
}

// What is half up is taken down first.
static void raise_link(struct link *link)
{
	link->again = is_ours(link);
	if (!link->again || !start_down(link))
		start_up(link);
}

static void again(struct link *link)
{
	stop_job(link);
	link->again = true;
	if (!start_down(link))
		start_up(link);
}

static void drop(struct link *link)
{
	stop_job(link);
	if (is_ours(link) && start_down(link))
		return;
	unlink(link->record);
	link_enter(link, DIAL_IDLE);
}

static void take_link(struct link *link)
{
	if (link->phase == DIAL_RAISING && link->ready && link->job != JOB_UP) {
		stop_job(link);
		link_raised(link);
	} else if (link->phase == DIAL_HELD && !link->ready && link->job == JOB_NONE) {
		if (link->status[0] && run(link, JOB_STATUS, link->status) == 0)
			return;
		link->last[0] = '\0';
		say_no_link(link, "link-lost", "the link is gone");
		link_fell(link);
	}
}

// `up` has a limit of its own.
static void late(struct link *link)
{
	char what[48];

	if (link->job == JOB_UP)
		return;
	snprintf(what, sizeof(what), "no link within %d s", link->timeout_ms / 1000);
	if (link->job == JOB_STATUS)
		link->last[0] = '\0';
	stop_job(link);
	say_no_link(link, "no-link", what);
	link_fell(link);
}

static void step(struct link *link)
{
	if (link->phase == DIAL_RAISING && link->job == JOB_NONE)
		run(link, JOB_STATUS, link->status);
}

static void leave(struct link *link)
{
	stop_job(link);
	if (is_ours(link) && start_down(link))
		link->farewell = link->program.pidfd;
	unlink(link->record);
}

static void forget(struct link *link)
{
	program_forget(&link->program);
	link->job = JOB_NONE;
}

const struct way way_command = {
	.recall = recall,
	.raise = raise_link,
	.drop = drop,
	.again = again,
	.link = take_link,
	.late = late,
	.step = step,
	.leave = leave,
	.forget = forget,
};
