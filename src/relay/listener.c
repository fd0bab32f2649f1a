// SPDX-License-Identifier: GPL-2.0-or-later
//
// A worker's listening sockets.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "relay/relay_priv.h"

#define ACCEPTS_PER_TURN 64
// How long to leave the backlog alone when descriptors or memory are out.
#define PAUSE_S 0.2

// Either takes a connection, or all datagrams that wait.
static const struct {
	void (*accept)(struct worker *, const struct listener *, int fd,
		       const union sockaddr_any *from);
	void (*read)(struct listener *);
} kinds[] = {
	[RELAY_LISTEN_TPROXY] = { .accept = gate_accept_transparent },
	[RELAY_LISTEN_SOCKS] = { .accept = gate_accept_socks },
	[RELAY_LISTEN_EXIT] = { .accept = exit_accept },
	[RELAY_LISTEN_TPROXY_UDP] = { .read = gate_udp_ready },
	[RELAY_LISTEN_EXIT_UDP] = { .read = exit_udp_ready },
};

static void on_pause_over(struct ev_loop *loop, ev_timer *timer, int revents)
{
	struct listener *l = timer->data;

	(void)revents;
	ev_io_start(loop, &l->io);
}

bool listener_is_shortage(int error)
{
	return error == -EMFILE || error == -ENFILE || error == -ENOBUFS || error == -ENOMEM;
}

void listener_note_shortage(const struct worker *worker, const char *what, int error)
{
	static atomic_llong last_said_s; // all workers hit the limit together; one line is enough
	long long now_s = (long long)ev_now(worker->loop);

	if (atomic_exchange(&last_said_s, now_s) / 10 != now_s / 10)
		log_warning("relay: cannot %s: %s. Raise the descriptor limit (LimitNOFILE= of the "
			    "unit, or "
			    "ulimit -n)",
			    what, strerror(-error));
}

static void pause_listener(struct listener *l, int error)
{
	listener_note_shortage(l->worker, "accept, new connections wait in the backlog", error);
	ev_io_stop(l->worker->loop, &l->io);
	ev_timer_set(&l->pause, PAUSE_S, 0.);
	ev_timer_start(l->worker->loop, &l->pause);
}

static void take_connections(struct listener *l)
{
	for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
		union sockaddr_any from;
		socklen_t len = sizeof(from);
		int fd = accept4(l->io.fd, &from.sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			l->worker->counters.accepted++;
			kinds[l->what.kind].accept(l->worker, l, fd, &from);
		} else if (listener_is_shortage(-errno)) {
			pause_listener(l, -errno);
			return;
		} else if (errno == EAGAIN) {
			return;
		}
		// others tell of the connection, not of the listener (accept(2))
	}
}

static void on_ready(struct ev_loop *loop, ev_io *io, int revents)
{
	struct listener *l = io->data;

	(void)loop;
	(void)revents;
	if (kinds[l->what.kind].read)
		kinds[l->what.kind].read(l);
	else
		take_connections(l);
}

void listener_start(struct worker *worker, const struct relay_listen *what, int fd)
{
	struct listener *l = xcalloc(1, sizeof(*l));

	l->worker = worker;
	l->what = *what;
	ev_io_init(&l->io, on_ready, fd, EV_READ);
	l->io.data = l;
	ev_timer_init(&l->pause, on_pause_over, 0., 0.);
	l->pause.data = l;
	ev_io_start(worker->loop, &l->io);
	list_add_tail(&worker->listeners, &l->link);
}

void listener_stop(struct worker *worker, const struct relay_listen *what)
{
	struct list *pos, *after;

	list_for_each_safe(pos, after, &worker->listeners) {
		struct listener *l = list_entry(pos, struct listener, link);

		if (!relay_listen_equal(&l->what, what))
			continue;
		on_ready(worker->loop, &l->io, EV_READ);
		listener_free(l);
	}
}

void listener_free(struct listener *l)
{
	ev_io_stop(l->worker->loop, &l->io);
	ev_timer_stop(l->worker->loop, &l->pause);
	assoc_forget_listener(l->worker, l);
	close(l->io.fd);
	list_remove(&l->link);
	free(l);
}
