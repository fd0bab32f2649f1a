// SPDX-License-Identifier: GPL-2.0-or-later
//
// Links that a program brings up.
//
// A slot is one link. Its phase (idle, raising, held, dropping) is what its program is doing;
// whether the link carries anything is not known here. Two ways (struct way) fill in the verbs:
// pppd.c talks to pppd by its options, its output, its exit status and signals; command.c runs
// commands of the configuration. Both keep to this: a verb begins something and returns; the end of
// a child, a line that it says, the link's readiness or a timer moves on; every attempt ends in
// exactly one report.
//
// Programs are children of ours in sessions of their own (program.c), or processes that were there
// before us (process.c): a pppd that a gateway before this one has left behind, known by a record
// in the run folder, or one that something else has started, known by the pid file of the
// configuration. A process that is not a child gets a signal through its pidfd only, and only after
// it was verified to be the pppd of this link.
//
// Runs in the main thread, on the default loop. Assumes pidfds (Linux 5.3) and pppd 2.4.7 or later.
// Not here: when to dial, addresses and routes, PPP itself.
#include "dial/dial.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "dial/dial_priv.h"

// From one signal to the next; longer than pppd waits for the peer's last word (lcp-max-terminate).
#define HARDER_S 10.
// How long the programs may take to hang up when we end.
#define FAREWELL_MS 8000

static const struct way *const ways[PATH_DIALS] = {
	[PATH_DIAL_PPP] = &way_ppp,
	[PATH_DIAL_COMMAND] = &way_command,
};

// ---- for the ways

void link_report(struct link *link, enum dial_event event, const struct words *words)
{
	struct dial_report report = { .slot = link->slot,
				      .event = event,
				      .refused = words->refused };

	str_copy(report.reason, sizeof(report.reason), words->reason);
	str_copy(report.note, sizeof(report.note), words->note);
	str_copy(report.text, sizeof(report.text), words->text);
	if (!link->dial->leaving)
		link->dial->report(link->dial->ctx, &report);
}

void link_news(struct link *link, const char *reason, const char *text)
{
	struct words words = { 0 };

	str_copy(words.reason, sizeof(words.reason), reason);
	str_copy(words.text, sizeof(words.text), text);
	link_report(link, DIAL_NEWS, &words);
}

void link_enter(struct link *link, enum dial_phase phase)
{
	struct ev_loop *loop = link->dial->loop;

	link->phase = phase;
	ev_timer_stop(loop, &link->limit);
	if (phase != DIAL_RAISING)
		return;
	link->raising_ms = clock_mono_ms();
	ev_timer_set(&link->limit, link->timeout_ms / 1e3, 0.);
	ev_timer_start(loop, &link->limit);
}

void link_raised(struct link *link)
{
	struct words words = { 0 };

	link_enter(link, DIAL_HELD);
	snprintf(words.text, sizeof(words.text), "link up after %lld s",
		 (long long)(clock_mono_ms() - link->raising_ms + 500) / 1000);
	link->words = (struct words){ 0 };
	link_report(link, DIAL_RAISED, &words);
}

void link_fell(struct link *link)
{
	const struct words words = link->words;
	bool was_held = link->phase == DIAL_HELD;

	link_enter(link, DIAL_IDLE);
	link->words = (struct words){ 0 };
	link_report(link, was_held ? DIAL_ENDED : DIAL_FAILED, &words);
}

char **link_environment(const struct link *link)
{
	size_t n = 0;
	char **list;

	while (environ[n])
		n++;
	list = xcalloc(n + 3, sizeof(*list));
	memcpy(list, environ, n * sizeof(*list));
	for (int i = 0; i < 2; i++) {
		struct str text = { 0 };

		str_addf(&text, i ? "MPGATE_INTERFACE=%s" : "MPGATE_PATH=%s",
			 i ? link->interface : link->path);
		list[n + (size_t)i] = str_take(&text);
	}
	return list;
}

void link_environment_free(char **list)
{
	size_t n = 0;

	while (list[n])
		n++;
	free(list[n - 1]);
	free(list[n - 2]);
	free(list);
}

// ---- slots

static void on_limit(struct ev_loop *loop, ev_timer *timer, int revents)
{
	struct link *link = timer->data;

	(void)loop;
	(void)revents;
	link->way->late(link);
}

static void on_step(struct ev_loop *loop, ev_timer *timer, int revents)
{
	struct link *link = timer->data;

	(void)loop;
	(void)revents;
	link->way->step(link);
}

struct dial *dial_new(const struct dial_options *options)
{
	struct dial *dial = xcalloc(1, sizeof(*dial));

	dial->loop = options->loop;
	dial->report = options->report;
	dial->ctx = options->ctx;
	dial->harder_s = HARDER_S;
	dial->farewell_ms = FAREWELL_MS;
	str_copy(dial->run_dir, sizeof(dial->run_dir), options->run_dir);
	for (size_t i = 0; i < PATHS_MAX; i++) {
		struct link *link = &dial->links[i];

		link->dial = dial;
		link->slot = i;
		link->pidfd = -1;
		ev_timer_init(&link->limit, on_limit, 0., 0.);
		ev_timer_init(&link->step, on_step, 0., 0.);
		link->limit.data = link->step.data = link;
	}
	return dial;
}

// Waits for what way->leave() has begun; what takes too long is ended.
static void wait_for_all(struct dial *dial)
{
	int64_t end_ms = clock_mono_ms() + dial->farewell_ms;

	for (size_t i = 0; i < PATHS_MAX; i++) {
		struct link *link = &dial->links[i];
		struct pollfd fd = { .fd = link->farewell, .events = POLLIN };
		int64_t left_ms = end_ms - clock_mono_ms();

		if (!link->way || link->farewell < 0)
			continue;
		if (poll(&fd, 1, left_ms > 0 ? (int)left_ms : 0) <= 0) {
			log_warning("dial: %s does not hang up in time, ended", link->path);
			pidfd_signal(link->farewell, SIGKILL);
			poll(&fd, 1, 1000);
		}
		if (link->program.pid)
			waitpid(link->program.pid, NULL, WNOHANG);
	}
}

void dial_free(struct dial *dial)
{
	if (!dial)
		return;
	dial->leaving = true;
	for (size_t i = 0; i < PATHS_MAX; i++) {
		dial->links[i].farewell = -1;
		if (dial->links[i].way)
			dial->links[i].way->leave(&dial->links[i]);
	}
	wait_for_all(dial);
	for (size_t i = 0; i < PATHS_MAX; i++) {
		struct link *link = &dial->links[i];

		ev_timer_stop(dial->loop, &link->limit);
		ev_timer_stop(dial->loop, &link->step);
		if (link->way)
			link->way->forget(link);
	}
	free(dial);
}

static void copy_settings(struct link *link, const struct dial_settings *settings)
{
	str_copy(link->path, sizeof(link->path), settings->path);
	str_copy(link->interface, sizeof(link->interface), settings->interface);
	str_copy(link->call, sizeof(link->call), settings->call);
	str_copy(link->pid_file, sizeof(link->pid_file), settings->pid_file);
	str_copy(link->up, sizeof(link->up), settings->up);
	str_copy(link->down, sizeof(link->down), settings->down);
	str_copy(link->status, sizeof(link->status), settings->status);
	link->timeout_ms = settings->timeout_ms;
	snprintf(link->record, sizeof(link->record), "%s/dial-%s", link->dial->run_dir,
		 settings->path);
}

// Another way or interface, or none: what was dialled is hung up, without waiting for it.
static void clear(struct link *link)
{
	link->way->leave(link);
	link->way->forget(link);
	link_enter(link, DIAL_IDLE);
	ev_timer_stop(link->dial->loop, &link->step);
	link->way = NULL;
	link->ready = false;
}

void dial_set(struct dial *dial, size_t slot, const struct dial_settings *settings)
{
	struct link *link = &dial->links[slot];
	const struct way *way = settings ? ways[settings->way] : NULL;

	if (link->way && (link->way != way || strcmp(link->path, settings->path) != 0 ||
			  strcmp(link->interface, settings->interface) != 0))
		clear(link);
	if (!way)
		return;
	copy_settings(link, settings);
	if (link->way)
		return;
	link->way = way;
	link->words = (struct words){ 0 };
	way->recall(link);
}

void dial_up(struct dial *dial, size_t slot)
{
	struct link *link = &dial->links[slot];

	if (link->way && link->phase == DIAL_IDLE)
		link->way->raise(link);
}

void dial_down(struct dial *dial, size_t slot)
{
	struct link *link = &dial->links[slot];

	link->again = false;
	if (link->way && (link->phase == DIAL_RAISING || link->phase == DIAL_HELD))
		link->way->drop(link);
}

void dial_again(struct dial *dial, size_t slot)
{
	struct link *link = &dial->links[slot];

	if (!link->way)
		return;
	link->again = true;
	if (link->phase != DIAL_DROPPING)
		link->way->again(link);
}

void dial_link(struct dial *dial, size_t slot, bool ready)
{
	struct link *link = &dial->links[slot];

	link->ready = ready;
	if (link->way)
		link->way->link(link);
}

enum dial_phase dial_phase(const struct dial *dial, size_t slot)
{
	return dial->links[slot].phase;
}

const char *dial_concentrator(const struct dial *dial, size_t slot)
{
	return dial->links[slot].concentrator;
}
