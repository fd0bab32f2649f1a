// SPDX-License-Identifier: GPL-2.0-or-later
//
// Connecting, written once. A side of a session that has to be dialled has several candidates: the
// exit over each path (gate.c), or the addresses of a target (exit.c). The first starts at once,
// each other one when those before it have failed or their head start is over; the first to connect
// wins, and the others are closed quietly. So one path that went silent costs a new connection its
// head start, not a time-out (as RFC 8305 does it for addresses).
#include <errno.h>
#include <unistd.h>

#include "relay/relay_priv.h"

static void start_next(struct session *s);

static void stop_runner(struct session *s, struct runner *runner)
{
	if (runner->fd < 0)
		return;
	ev_io_stop(s->worker->loop, &runner->io);
	sock_abort(runner->fd);
	runner->fd = -1;
}

void race_stop(struct session *s)
{
	struct race *race = &s->opening->race;

	if (!race->entrant)
		return;
	ev_timer_stop(s->worker->loop, &race->timer);
	for (int i = 0; i < RACE_MAX; i++)
		stop_runner(s, &race->runners[i]);
	race->entrant = NULL;
}

static bool is_running(const struct race *race)
{
	for (int i = 0; i < RACE_MAX; i++) {
		if (race->runners[i].fd >= 0)
			return true;
	}
	return false;
}

static void win(struct session *s, struct runner *runner)
{
	const struct race_entrant *entrant = s->opening->race.entrant;
	int fd = runner->fd, candidate = runner->candidate;

	ev_io_stop(s->worker->loop, &runner->io);
	runner->fd = -1;
	race_stop(s);
	entrant->won(s, fd, candidate);
}

static void lose(struct session *s)
{
	struct race *race = &s->opening->race;
	const struct race_entrant *entrant = race->entrant;
	int error = race->error;

	race_stop(s);
	entrant->lost(s, error);
}

static void on_runner(struct ev_loop *loop, ev_io *io, int revents)
{
	struct runner *runner = io->data;
	struct session *s = runner->session;
	int rc = sock_dial_result(runner->fd);

	(void)loop;
	(void)revents;
	if (rc == 0) {
		win(s, runner);
		return;
	}
	s->opening->race.error = rc;
	stop_runner(s, runner);
	start_next(s);
}

static void on_timer(struct ev_loop *loop, ev_timer *timer, int revents)
{
	struct session *s = timer->data;
	struct race *race = &s->opening->race;

	(void)revents;
	if (ev_now(loop) < race->give_up) {
		start_next(s);
		return;
	}
	race->error = -ETIMEDOUT;
	lose(s);
}

static void arm_timer(struct session *s, double head_start_s)
{
	struct race *race = &s->opening->race;
	double rest_s = race->give_up - ev_now(s->worker->loop);

	ev_timer_stop(s->worker->loop, &race->timer);
	ev_timer_set(&race->timer, head_start_s < rest_s ? head_start_s : rest_s, 0.);
	ev_timer_start(s->worker->loop, &race->timer);
}

static struct runner *find_place(struct race *race)
{
	for (int i = 0; i < RACE_MAX; i++) {
		if (race->runners[i].fd < 0)
			return &race->runners[i];
	}
	return NULL;
}

// Starts the next candidate that can start; ends the race when none runs any more.
static void start_next(struct session *s)
{
	struct race *race = &s->opening->race;
	struct runner *runner = find_place(race);

	while (runner) {
		struct sock_dial how = { 0 };
		double head_start_s = 0;
		int candidate = race->next++;
		int rc = race->entrant->candidate(s, candidate, &how, &head_start_s);

		if (rc == -ENOENT)
			break;
		if (rc == 0)
			rc = sock_dial(&how);
		if (rc < 0) {
			// the client's own descriptor may have been the last
			if (listener_is_shortage(rc))
				listener_note_shortage(s->worker,
						       "dial, new connections are refused", rc);
			race->error = rc;
			continue;
		}
		sock_tune(rc, s->from_client);
		runner->session = s;
		runner->candidate = candidate;
		runner->fd = rc;
		ev_io_init(&runner->io, on_runner, rc, EV_WRITE);
		runner->io.data = runner;
		ev_io_start(s->worker->loop, &runner->io);
		arm_timer(s, head_start_s);
		return;
	}
	if (is_running(race))
		arm_timer(s, RACE_GIVE_UP_S);
	else
		lose(s);
}

void race_start(struct session *s, const struct race_entrant *entrant)
{
	struct race *race = &s->opening->race;

	race->entrant = entrant;
	race->next = 0;
	race->error = -ENETUNREACH;
	race->give_up = ev_now(s->worker->loop) + RACE_GIVE_UP_S;
	for (int i = 0; i < RACE_MAX; i++)
		race->runners[i].fd = -1;
	ev_timer_init(&race->timer, on_timer, 0., 0.);
	race->timer.data = s;
	s->state = SESSION_DIALING;
	session_watch(s);
	start_next(s);
}
