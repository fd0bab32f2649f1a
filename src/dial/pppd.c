// SPDX-License-Identifier: GPL-2.0-or-later
//
// Links of pppd. Ours is started without `persist`: every hang-up is an exit, whose status says
// why, and dialling again is decided in one place. One that something else has started is expected
// to have `persist`: SIGHUP makes it hang up and dial again.
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "dial/dial_priv.h"

static const int signals[] = { SIGHUP, SIGTERM, SIGKILL };
#define N_SIGNALS (int)(sizeof(signals) / sizeof(signals[0]))
#define FROM_TERM 1

static bool is_alive(const struct link *link)
{
	return link->program.pid || link->pidfd >= 0;
}

static int signal_pppd(struct link *link, int number)
{
	return pidfd_signal(link->program.pid ? link->program.pidfd : link->pidfd, number);
}

// ---- its end

static void forget_other(struct link *link)
{
	if (link->pidfd < 0)
		return;
	ev_io_stop(link->dial->loop, &link->gone);
	close(link->pidfd);
	link->pidfd = -1;
}

static void raise_link(struct link *link);

static void take_end(struct link *link)
{
	ev_timer_stop(link->dial->loop, &link->step);
	unlink(link->record);
	if (link->phase == DIAL_RAISING || link->phase == DIAL_HELD) {
		link_fell(link);
	} else if (link->phase == DIAL_DROPPING) {
		link_enter(link, DIAL_IDLE);
		if (link->again)
			raise_link(link);
	}
}

static void on_ended(void *ctx, int status)
{
	struct link *link = ctx;

	words_take_pppd_end(&link->words, status);
	take_end(link);
}

static void on_gone(struct ev_loop *loop, ev_io *w, int revents)
{
	struct link *link = w->data;

	(void)loop;
	(void)revents;
	forget_other(link);
	link->foreign = false;
	if (!link->words.weight) {
		str_copy(link->words.reason, sizeof(link->words.reason), "ended");
		str_copy(link->words.note, sizeof(link->words.note), "PPP: pppd ended");
		snprintf(link->words.text, sizeof(link->words.text), "pppd (process %d) has ended",
			 (int)link->pid);
	}
	take_end(link);
}

// ---- one that is there already

static void watch_other(struct link *link, int pidfd, pid_t pid, bool foreign)
{
	link->pidfd = pidfd;
	link->pid = pid;
	link->foreign = foreign;
	ev_io_init(&link->gone, on_gone, pidfd, EV_READ);
	link->gone.data = link;
	ev_io_start(link->dial->loop, &link->gone);
}

static bool find_other(struct link *link, struct str *why)
{
	pid_t pid;
	int pidfd;

	if (!link->pid_file[0])
		return false;
	pidfd = process_find_pppd(link->pid_file, link->interface, &pid, why);
	if (pidfd < 0)
		return false;
	watch_other(link, pidfd, pid, true);
	return true;
}

static void recall(struct link *link)
{
	char text[EVENT_TEXT_SIZE];
	pid_t pid;
	int pidfd = process_recall(link->record, &pid);

	if (pidfd < 0) {
		unlink(link->record);
		return;
	}
	watch_other(link, pidfd, pid, false);
	link_enter(link, DIAL_RAISING);
	snprintf(text, sizeof(text),
		 "pppd (process %d) of an earlier mpgate is still there: taken over", (int)pid);
	link_news(link, "adopted", text);
}

// ---- ours

// pppd's PPPoE plugin: "Connected to 02:00:00:00:00:01 via interface eth1".
static void note_concentrator(struct link *link, const char *line)
{
	static const char connected[] = "Connected to ";
	size_t begin = strlen(connected);

	if (strncmp(line, connected, begin) != 0)
		return;
	str_copy(link->concentrator, sizeof(link->concentrator), line + begin);
	link->concentrator[strcspn(link->concentrator, " ")] = '\0';
}

static void on_said(void *ctx, const char *line)
{
	static const char using[] = "Using interface ";
	struct link *link = ctx;

	log_info("%s pppd: %s", link->path, line);
	str_copy(link->last, sizeof(link->last), line);
	words_take_line(&link->words, line);
	note_concentrator(link, line);
	if (strncmp(line, using, strlen(using)) != 0 ||
	    strcmp(line + strlen(using), link->interface) == 0)
		return;
	link->words.weight = WORDS_FINAL;
	link->words.refused = false;
	str_copy(link->words.reason, sizeof(link->words.reason), "other-interface");
	str_copy(link->words.note, sizeof(link->words.note), "PPP: two pppds?");
	snprintf(link->words.text, sizeof(link->words.text),
		 "pppd has got %.15s and not %s, which another pppd may have: name that with "
		 "'pid-file'",
		 line + strlen(using), link->interface);
	signal_pppd(link, SIGTERM);
}

// The options that say which interface it is to be.
static void ask_for_interface(const struct link *link, const char *argv[], size_t *n)
{
	const char *digits = link->interface + 3;

	if (strncmp(link->interface, "ppp", 3) == 0 && *digits &&
	    !digits[strspn(digits, "0123456789")]) {
		argv[(*n)++] = "unit";
		argv[(*n)++] = digits;
	} else {
		argv[(*n)++] = "ifname";
		argv[(*n)++] = link->interface;
	}
}

static void start(struct link *link)
{
	const char *argv[12] = {
		"pppd", "call", link->call, "nodetach", "nopersist", "logfd", "1"
	};
	char **environment = link_environment(link);
	size_t n = 7;
	int rc;

	ask_for_interface(link, argv, &n);
	link->words = (struct words){ 0 };
	link->last[0] = link->concentrator[0] = '\0';
	link->program.loop = link->dial->loop;
	link->program.said = on_said;
	link->program.ended = on_ended;
	link->program.ctx = link;
	link_enter(link, DIAL_RAISING);
	rc = program_start(&link->program, argv, environment, 0);
	link_environment_free(environment);
	if (rc < 0) {
		words_take_pppd_missing(&link->words, rc);
		link_fell(link);
		return;
	}
	rc = process_record(link->record, link->program.pid);
	if (rc < 0)
		log_warning("%s: cannot note pppd's process in %s: %s; after a crash it would not "
			    "be found",
			    link->path, link->record, strerror(-rc));
}

static void lack_pppd(struct link *link, const char *why)
{
	link->words.weight = 1;
	link->words.refused = false;
	str_copy(link->words.reason, sizeof(link->words.reason), "no-pppd");
	str_copy(link->words.note, sizeof(link->words.note), "PPP: no pppd found");
	snprintf(link->words.text, sizeof(link->words.text), "cannot hang up or dial: %s", why);
	link_fell(link);
}

// One that is there is left to its dialling, which SIGHUP may hasten (it ends a hold-off).
static void wake(struct link *link)
{
	link_enter(link, DIAL_RAISING);
	if (!link->ready)
		signal_pppd(link, SIGHUP);
}

static void raise_link(struct link *link)
{
	struct str why = { 0 };

	link->again = false;
	if (is_alive(link))
		wake(link);
	else if (find_other(link, &why))
		link_enter(link, DIAL_RAISING);
	else if (link->call[0])
		start(link);
	else
		lack_pppd(link, str_text(&why));
	str_fini(&why);
}

// ---- hanging up

// Sends the next signal, each harder than the one before.
static void press(struct link *link)
{
	signal_pppd(link, signals[link->harder++]);
	ev_timer_set(&link->step, link->dial->harder_s, 0.);
	ev_timer_start(link->dial->loop, &link->step);
}

static void hang_up(struct link *link, int from)
{
	link_enter(link, DIAL_DROPPING);
	link->harder = from;
	press(link);
}

static void step(struct link *link)
{
	// what we cannot start anew is not ended
	bool may_end = !link->foreign || link->call[0];

	if (link->harder < N_SIGNALS && may_end) {
		press(link);
		return;
	}
	link->again = false;
	link->words = (struct words){ .weight = 1 };
	str_copy(link->words.reason, sizeof(link->words.reason), "pppd-stuck");
	str_copy(link->words.note, sizeof(link->words.note), "PPP: pppd does not react");
	snprintf(link->words.text, sizeof(link->words.text),
		 "pppd (process %d) does not react to %s",
		 (int)(link->program.pid ? link->program.pid : link->pid),
		 may_end ? "any signal" : "SIGHUP");
	link_fell(link);
}

static void drop(struct link *link)
{
	// what something else has started goes on
	if (!is_alive(link))
		link_enter(link, DIAL_IDLE);
	else if (!link->foreign)
		hang_up(link, 0);
}

static void again(struct link *link)
{
	struct str why = { 0 };

	if (is_alive(link) || find_other(link, &why)) {
		if (link->foreign && !link->ready)
			wake(link);
		else
			hang_up(link, 0);
	} else if (link->ready) {
		if (!why.len)
			str_addf(&why, "%s is up by no pppd that mpgate knows; name its 'pid-file'",
				 link->interface);
		lack_pppd(link, str_text(&why));
	} else {
		raise_link(link);
	}
	str_fini(&why);
}

// ---- what becomes of the link

static void take_link(struct link *link)
{
	struct str why = { 0 };

	switch (link->phase) {
	case DIAL_IDLE:
		// it has come up without us
		if (link->ready && (is_alive(link) || find_other(link, &why)))
			link_enter(link, DIAL_HELD);
		break;
	case DIAL_RAISING:
		if (link->ready)
			link_raised(link);
		break;
	case DIAL_HELD:
		if (!link->ready)
			link_enter(link, DIAL_RAISING); // until pppd has said why, or is back
		break;
	case DIAL_DROPPING:
		if (!link->foreign || link->ready || !link->again || link->harder > 1)
			break;
		// it has hung up, and dials again
		ev_timer_stop(link->dial->loop, &link->step);
		link->again = false;
		link_enter(link, DIAL_RAISING);
		break;
	}
	str_fini(&why);
}

static void late(struct link *link)
{
	struct words *words = &link->words;

	if (!words->weight) {
		words->weight = WORDS_FINAL;
		str_copy(words->reason, sizeof(words->reason), "no-link");
		str_copy(words->note, sizeof(words->note), "PPP: no link");
		snprintf(words->text, sizeof(words->text), "no link within %d s%s%.90s",
			 link->timeout_ms / 1000, link->last[0] ? "; pppd said last: " : "",
			 link->last);
	}
	if (!link->foreign) {
		link->harder = FROM_TERM; // its end is the failure
		press(link);
	} else if (link->call[0]) {
		link_news(
			link, "pppd-replaced",
			"the pppd that was there has not dialled again: it is ended, mpgate dials");
		link->again = true;
		hang_up(link, FROM_TERM);
	} else {
		link_fell(link);
	}
}

static void leave(struct link *link)
{
	if (link->foreign || !is_alive(link))
		return;
	signal_pppd(link, SIGTERM);
	unlink(link->record);
	link->farewell = link->program.pid ? link->program.pidfd : link->pidfd;
}

static void forget(struct link *link)
{
	program_forget(&link->program);
	forget_other(link);
	link->foreign = false;
}

const struct way way_ppp = {
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
