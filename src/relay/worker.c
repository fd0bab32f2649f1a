// SPDX-License-Identifier: GPL-2.0-or-later
//
// A worker: a thread with its own loop, listeners and sessions. It shares nothing with the other
// workers but the replay filter; what it must know comes as letters, and what it has to tell goes
// to the main thread as a letter, once a second and more often while data moves.
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "relay/relay_priv.h"

#define TICK_S 1.
// A session that moved data this long ago is among those that are looked at more often.
#define STIRRED_S 2.
// With more of them than this the quick ticks come less often, in proportion: a look costs some
// microseconds.
#define STIRRED_MAX 128

struct report {
	struct letter letter;
	int worker;
	struct relay_counters counters;
};

void worker_count_end(struct worker *worker, enum relay_end why)
{
	worker->counters.ended[why]++;
}

static void free_letter(struct letter *letter)
{
	free(letter);
}

static void take_report(struct letter *letter, void *ctx)
{
	struct report *report = (struct report *)letter;
	struct relay *relay = ctx;

	relay->reports[report->worker] = report->counters;
	relay->reported_ms[report->worker] = clock_mono_ms();
	free(report);
	if (relay->on_counters)
		relay->on_counters(relay->on_counters_ctx);
}

static void send_report(struct worker *w)
{
	struct report *report = malloc(sizeof(*report));

	if (!report)
		return; // the next one tells all of it
	report->letter = (struct letter){ .open = take_report, .free = free_letter };
	report->worker = w->number;
	report->counters = w->counters;
	mailbox_post(&w->relay->mailbox, &report->letter);
}

static void on_tick(struct ev_loop *loop, ev_timer *timer, int revents)
{
	struct worker *w = timer->data;
	struct list *pos, *after;

	(void)revents;
	w->counters.sampled_ms = ev_is_active(&w->quick) ? clock_mono_ms() : INT64_MAX;
	w->counters.sessions = w->counters.sessions_tcp = w->counters.sessions_alone = 0;
	for (int i = 0; i < PATHS_MAX; i++)
		w->counters.paths[i].due = w->counters.paths[i].missing = 0;
	remote_begin_tick(w);
	list_for_each_safe(pos, after, &w->sessions) {
		struct session *s = list_entry(pos, struct session, link);

		session_tick(s, ev_now(loop));
		if (s->state == SESSION_RELAYING && !s->direct) {
			w->counters.sessions++;
			w->counters.sessions_tcp += !s->mptcp && !s->alone;
			w->counters.sessions_alone += s->alone;
		}
	}
	for (int i = 0; i <= PATHS_MAX; i++) {
		w->counters.paths[i].rtt_us = w->rtt_us[i];
		w->rtt_us[i] = -1;
	}
	census_tick(w, ev_now(loop));
	assoc_tick(w, ev_now(loop));
	reply_tick(w, ev_now(loop));
	send_report(w);
}

// Only what tells whether the paths live is renewed; sums over all sessions are the slow tick's.
static void on_quick(struct ev_loop *loop, ev_timer *timer, int revents)
{
	struct worker *w = timer->data;
	struct list *pos, *after;
	int64_t now_ms = clock_mono_ms();
	unsigned n = 0;

	(void)revents;
	list_for_each_safe(pos, after, &w->sessions) {
		struct session *s = list_entry(pos, struct session, link);

		if (s->state != SESSION_RELAYING || ev_now(loop) - s->active > STIRRED_S)
			continue;
		session_look(s);
		n++;
	}
	w->counters.sampled_ms = n ? now_ms : INT64_MAX;
	send_report(w);
	if (!n) {
		ev_timer_stop(loop, timer);
		return;
	}
	timer->repeat = RELAY_QUICK_MS / 1e3 * (1 + n / STIRRED_MAX);
	ev_timer_again(loop, timer);
}

void worker_stir(struct worker *w)
{
	if (!ev_is_active(&w->quick))
		ev_timer_again(w->loop, &w->quick);
}

static void bury(struct ev_loop *loop, ev_prepare *prepare, int revents)
{
	struct worker *w = prepare->data;
	struct list *pos, *after;

	(void)loop;
	(void)revents;
	list_for_each_safe(pos, after, &w->graveyard) {
		list_remove(pos);
		session_free(list_entry(pos, struct session, link));
	}
}

static void *run_worker(void *arg)
{
	struct worker *w = arg;
	struct list *pos, *after;

	ev_run(w->loop, 0);
	list_for_each_safe(pos, after, &w->listeners)
		listener_free(list_entry(pos, struct listener, link));
	list_for_each_safe(pos, after, &w->sessions)
		session_end(list_entry(pos, struct session, link), RELAY_END_STOPPED);
	assoc_fini(w);
	reply_fini(w);
	// the resolver's last words go to sessions that are dead but not yet buried
	resolver_free(w->resolver);
	bury(w->loop, &w->burial, 0);
	remote_free_all(w);
	census_free_closed(w);
	return NULL;
}

// Signals are the main thread's.
static int start_thread(struct worker *w)
{
	sigset_t all, before;
	char name[16];
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&w->thread, NULL, run_worker, w);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (!rc) {
		snprintf(name, sizeof(name), "worker-%d", w->number);
		pthread_setname_np(w->thread, name); // for top(1) and debuggers
	}
	return -rc;
}

int worker_start(struct worker *w, struct relay *relay, int number)
{
	int rc;

	w->relay = relay;
	w->number = number;
	list_init(&w->sessions);
	list_init(&w->graveyard);
	list_init(&w->listeners);
	list_init(&w->closed);
	list_init(&w->remotes);
	list_init(&w->services);
	assoc_init(w);
	w->policy = relay_policy_new();
	w->in = malloc(RELAY_IN_SIZE);
	w->out = malloc(RELAY_OUT_SIZE);
	w->batch = malloc(sizeof(*w->batch));
	w->loop = ev_loop_new(EVFLAG_AUTO | EVFLAG_NOENV);
	if (!w->in || !w->out || !w->batch || !w->loop)
		return -ENOMEM;
	rc = resolver_new(w->loop, &w->resolver);
	if (rc < 0)
		return rc;
	mailbox_init(&w->mailbox, w->loop, w);
	ev_prepare_init(&w->burial, bury);
	w->burial.data = w;
	ev_prepare_start(w->loop, &w->burial);
	w->counters.sampled_ms = INT64_MAX;
	for (int i = 0; i <= PATHS_MAX; i++)
		w->counters.paths[i].rtt_us = w->rtt_us[i] = -1;
	ev_timer_init(&w->quick, on_quick, 0., RELAY_QUICK_MS / 1e3);
	ev_timer_init(&w->tick, on_tick, TICK_S, TICK_S);
	w->tick.data = w->quick.data = w;
	ev_timer_start(w->loop, &w->tick);
	return start_thread(w);
}
