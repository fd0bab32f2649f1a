// SPDX-License-Identifier: GPL-2.0-or-later
//
// A session: its two sides, what it waits for, and its one end.
//
// What to wait for is derived from the state after each step (session_watch) and never changed in
// pieces. Every way out leads through session_end(), which closes and takes the session out of the
// worker's list; memory is freed before the loop next sleeps, when no callback of the session can
// be on the stack.
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "relay/relay_priv.h"

// A connection on which nothing moves and of which one direction has ended. Whole connections may
// be idle for as long as they like: keep-alive finds the dead ones.
#define HALF_CLOSED_IDLE_S 600.
// So old, a connection has its further subflows, if it gets them.
#define JOINED_AFTER_S 3.

static void on_side(struct ev_loop *loop, ev_io *io, int revents);

struct session *session_new(struct worker *worker, enum session_state state)
{
	struct session *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->opening = calloc(1, sizeof(*s->opening));
	if (!s->opening) {
		free(s);
		return NULL;
	}
	s->worker = worker;
	// a worker's number and its own count: no two alike
	s->id = ++worker->last_id << 10 | (unsigned)worker->number;
	s->policy = relay_policy_get(worker->policy);
	s->state = state;
	session_side_init(s, &s->plain, -1);
	session_side_init(s, &s->sealed, -1);
	s->up.from = s->down.to = &s->plain;
	s->up.to = s->down.from = &s->sealed;
	s->active = ev_now(worker->loop);
	list_add_tail(&worker->sessions, &s->link);
	return s;
}

void session_side_init(struct session *s, struct side *side, int fd)
{
	side->fd = fd;
	side->session = s;
	ev_io_init(&side->io, on_side, fd, 0);
	side->io.data = side;
}

static void watch_side(struct session *s, struct side *side, int events)
{
	struct ev_loop *loop = s->worker->loop;

	if (side->fd < 0)
		return;
	if (ev_is_active(&side->io) && side->io.fd == side->fd &&
	    (side->io.events & (EV_READ | EV_WRITE)) == events)
		return;
	ev_io_stop(loop, &side->io);
	if (!events)
		return;
	ev_io_set(&side->io, side->fd, events);
	ev_io_start(loop, &side->io);
}

static int flow_events(const struct flow *flow, const struct side *side)
{
	if (side == flow->from)
		return flow->ended || flow->waiting.len ? 0 : EV_READ;
	return flow->waiting.len ? EV_WRITE : 0;
}

void session_watch(struct session *s)
{
	int plain = 0, sealed = 0;

	switch (s->state) {
	case SESSION_SOCKS:
		plain = EV_READ;
		break;
	case SESSION_HEADER:
	case SESSION_DRAINING:
		sealed = EV_READ;
		break;
	case SESSION_RELAYING:
		plain = flow_events(&s->up, &s->plain) | flow_events(&s->down, &s->plain);
		sealed = flow_events(&s->up, &s->sealed) | flow_events(&s->down, &s->sealed);
		break;
	case SESSION_SERVICE:
		sealed = service_events(s);
		break;
	case SESSION_DIALING: // race.c watches
	case SESSION_RESOLVING:
	case SESSION_DEAD:
		break;
	}
	watch_side(s, &s->plain, plain);
	watch_side(s, &s->sealed, sealed);
}

// ---- counters

static uint8_t slot_of(const struct session *s, const union sockaddr_any *local)
{
	const struct relay_policy *policy = s->worker->policy;
	struct addr addr = addr_from_sockaddr(local);

	for (int i = 0; i < policy->n_paths; i++) {
		if (addr_equal(&policy->paths[i].addr4, &addr) ||
		    addr_equal(&policy->paths[i].addr6, &addr))
			return (uint8_t)i;
	}
	return PATHS_MAX;
}

// A subflow is known by its local port: the address behind it may belong to no path any more.
static struct subflow_mark *look_for_mark(const struct session *s, uint16_t port, uint8_t slot)
{
	for (int i = 0; i < s->n_marks; i++) {
		struct subflow_mark *m = &s->marks[i];

		if (m->port == port && (m->slot == slot || slot == PATHS_MAX))
			return m;
	}
	return NULL;
}

uint8_t session_slot(const struct session *s, const struct sock_subflow *sf)
{
	uint8_t slot = slot_of(s, &sf->local);
	const struct subflow_mark *mark = look_for_mark(s, sf->local.in.sin_port, slot);

	return mark ? mark->slot : slot;
}

static struct subflow_mark *find_mark(struct session *s, const struct sock_subflow *sf)
{
	uint16_t port = sf->local.in.sin_port;
	uint8_t slot = slot_of(s, &sf->local);
	struct subflow_mark *marks = look_for_mark(s, port, slot);

	if (marks)
		return marks;
	if (s->n_marks == UINT8_MAX)
		return NULL;
	marks = realloc(s->marks, (s->n_marks + 1u) * sizeof(*marks));
	if (!marks)
		return NULL;
	s->marks = marks;
	marks[s->n_marks] = (struct subflow_mark){ .port = port, .slot = slot };
	return &marks[s->n_marks++];
}

static void note_rtt(struct worker *worker, uint8_t slot, uint32_t rtt_us)
{
	int64_t *least = &worker->rtt_us[slot];

	if (rtt_us && (*least < 0 || rtt_us < *least))
		*least = rtt_us;
}

static void add_progress(struct session *s, const struct sock_subflow *sf)
{
	struct subflow_mark *mark = find_mark(s, sf);
	struct relay_path_counters *path;
	int64_t heard_ms;

	if (!mark)
		return;
	path = &s->worker->counters.paths[mark->slot];
	if (sf->rx_bytes > mark->rx_bytes || sf->tx_bytes > mark->tx_bytes) {
		path->rx_bytes += sf->rx_bytes - mark->rx_bytes;
		path->tx_bytes += sf->tx_bytes - mark->tx_bytes;
		s->rx_counted += sf->rx_bytes - mark->rx_bytes;
		s->tx_counted += sf->tx_bytes - mark->tx_bytes;
		note_rtt(s->worker, mark->slot, sf->rtt_us);
	}
	mark->rx_bytes = sf->rx_bytes;
	mark->tx_bytes = sf->tx_bytes;
	mark->listed = true;
	mark->established = sf->established;
	mark->stuck = sf->established && sf->backoff;
	path->subflows += mark->established;
	path->stuck += mark->stuck;
	heard_ms = clock_mono_ms() - sf->heard_ago_ms;
	if (heard_ms > path->heard_ms)
		path->heard_ms = heard_ms;
}

// A subflow that ended since the last sample can no longer be asked; what it carried goes to the
// path on which the session began.
static void count_remainder(struct session *s)
{
	struct relay_path_counters *home = &s->worker->counters.paths[s->home];

	if (s->rx_bytes > s->rx_counted)
		home->rx_bytes += s->rx_bytes - s->rx_counted;
	if (s->tx_bytes > s->tx_counted)
		home->tx_bytes += s->tx_bytes - s->tx_counted;
}

// Takes this session's subflows out of the sums, and forgets those that the kernel did not list
// the last time: they do not come back.
static void retract_subflows(struct session *s)
{
	uint8_t kept = 0;

	for (int i = 0; i < s->n_marks; i++) {
		struct subflow_mark *m = &s->marks[i];

		s->worker->counters.paths[m->slot].subflows -= m->established;
		s->worker->counters.paths[m->slot].stuck -= m->stuck;
		if (!m->listed)
			continue;
		s->marks[kept] = *m;
		s->marks[kept].listed = s->marks[kept].established = s->marks[kept].stuck = false;
		kept++;
	}
	s->n_marks = kept;
}

static void bound_backlog(struct session *s, const struct sock_subflow subflows[], int n)
{
	uint64_t bytes = backlog_bound(subflows, n, s->worker->relay->unsent_bounded, s->backlog);

	if (bytes == s->backlog)
		return;
	sock_bound_backlog(s->sealed.fd, bytes);
	s->backlog = bytes;
}

static void count_subflows(struct session *s, const struct sock_subflow subflows[], int n)
{
	retract_subflows(s);
	for (int i = 0; i < n; i++)
		add_progress(s, &subflows[i]);
}

// The kernel opens further subflows after the first acknowledged data, and none after the first
// end.
static bool should_have_joined(const struct session *s)
{
	return s->mptcp && wire_opener_started(&s->opener) && !s->up.shut && !s->down.ended &&
	       ev_now(s->worker->loop) - s->began > JOINED_AFTER_S;
}

static bool has_subflow_on(const struct session *s, int slot)
{
	for (int i = 0; i < s->n_marks; i++) {
		if (s->marks[i].slot == slot && s->marks[i].established)
			return true;
	}
	return false;
}

static void count_joins(struct session *s, sa_family_t family)
{
	const struct relay_policy *policy = s->worker->policy;

	if (!should_have_joined(s))
		return;
	for (int i = 0; i < policy->n_paths; i++) {
		struct relay_path_counters *path = &s->worker->counters.paths[i];

		if (policy->paths[i].endpoint.family != family)
			continue;
		path->due++;
		path->missing += !has_subflow_on(s, i);
	}
}

// It is plain TCP, from the beginning or from now on.
static void count_plain(struct session *s)
{
	struct relay_counters *counters = &s->worker->counters;

	if (s->direct)
		counters->direct++;
	else if (s->alone)
		counters->pinned++;
	else if (!sock_asked_mptcp(s->sealed.fd))
		counters->unasked++;
	else
		counters->paths[s->home].fallbacks++;
	if (!s->direct && !s->alone)
		census_tell_plain(s);
}

// The exit keeps accounts by remote address instead, and only with the slow tick.
static void sample_subflows(struct session *s, bool lives)
{
	struct sock_subflow subflows[SOCK_SUBFLOWS_MAX];
	int n;

	if (!s->from_client) {
		remote_sample(s);
		return;
	}
	n = sock_subflows(s->sealed.fd, subflows);
	if (n >= 0)
		count_subflows(s, subflows, n);
	// a connection with several subflows never falls back (RFC 8684, 3.7)
	if (s->mptcp && n == 1 && !sock_is_mptcp(s->sealed.fd)) {
		s->mptcp = false;
		s->tcp_since = ev_now(s->worker->loop);
		count_plain(s);
	}
	if (n > 0 && lives)
		count_joins(s, subflows[0].remote.sa.sa_family);
}

static void remember_past(struct session *s)
{
	s->past[1] = s->past[0];
	s->past[0] = (struct session_past){ .at = ev_now(s->worker->loop),
					    .rx_bytes = s->rx_bytes,
					    .tx_bytes = s->tx_bytes };
}

void session_look(struct session *s)
{
	struct sock_subflow subflows[SOCK_SUBFLOWS_MAX];
	int n = sock_subflows(s->sealed.fd, subflows);

	if (n < 0)
		return;
	if (s->from_client)
		count_subflows(s, subflows, n);
	if (s->mptcp)
		bound_backlog(s, subflows, n);
}

// ---- running and ending

void session_drop_opening(struct session *s)
{
	if (!s->opening)
		return;
	race_stop(s);
	if (s->opening->query)
		resolver_cancel(s->opening->query);
	free(s->opening);
	s->opening = NULL;
	relay_policy_put(s->policy);
	s->policy = NULL;
}

static enum relay_end end_for(const struct session *s, int error)
{
	switch (error) {
	case -EBADMSG:
	case -EEXIST:
		return RELAY_END_BAD_PEER;
	case -ENOMEM:
		return RELAY_END_LIMIT;
	case -ECONNREFUSED:
		return RELAY_END_REFUSED;
	default:
		// a reset before the exit has said a word is how our exit says "refused"
		return s->from_client && !s->direct && !wire_opener_started(&s->opener)
			       ? RELAY_END_REFUSED
			       : RELAY_END_RESET;
	}
}

// Runs the flow (either may be NULL) and then waits or ends, as their outcome asks.
static void run_flows(struct session *s, struct flow *first, struct flow *second)
{
	int rc = first ? flow_run(s, first) : 0;

	if (!rc && second)
		rc = flow_run(s, second);
	if (rc)
		session_end(s, end_for(s, rc));
	else if (s->up.shut && s->down.shut)
		session_end(s, RELAY_END_DONE);
	else
		session_watch(s);
}

void session_run(struct session *s)
{
	union sockaddr_any local;
	socklen_t len = sizeof(local);

	session_drop_opening(s);
	s->home = PATHS_MAX;
	if (getsockname(s->sealed.fd, &local.sa, &len) == 0) {
		s->home = slot_of(s, &local);
		s->home_port = local.in.sin_port;
	}
	s->state = SESSION_RELAYING;
	s->began = ev_now(s->worker->loop);
	s->tcp_since = s->mptcp ? 0 : s->began;
	if (s->from_client && !s->mptcp)
		count_plain(s);
	run_flows(s, &s->up, &s->down);
}

static void on_side(struct ev_loop *loop, ev_io *io, int revents)
{
	struct side *side = io->data;
	struct session *s = side->session;
	bool plain = side == &s->plain;

	(void)loop;
	switch (s->state) {
	case SESSION_RELAYING:
		// readable: the flow from this side runs; writable: the one to it
		run_flows(s, revents & EV_READ ? (plain ? &s->up : &s->down) : NULL,
			  revents & EV_WRITE ? (plain ? &s->down : &s->up) : NULL);
		break;
	case SESSION_SOCKS:
		gate_socks_ready(s);
		break;
	case SESSION_HEADER:
		exit_header_ready(s);
		break;
	case SESSION_SERVICE:
		service_ready(s);
		break;
	case SESSION_DRAINING:
		exit_drain_ready(s);
		break;
	case SESSION_DIALING:
	case SESSION_RESOLVING:
	case SESSION_DEAD:
		break;
	}
}

static void close_side(struct session *s, struct side *side, bool in_order)
{
	if (side->fd < 0)
		return;
	ev_io_stop(s->worker->loop, &side->io);
	if (in_order)
		close(side->fd);
	else
		sock_abort(side->fd);
	side->fd = -1;
}

void session_end(struct session *s, enum relay_end why)
{
	// Only a session that finished says goodbye; all others are reset, so that no peer takes
	// half of something for the whole of it.
	bool in_order = why == RELAY_END_DONE;

	if (s->state == SESSION_DEAD)
		return;
	if (s->state == SESSION_RELAYING) {
		sample_subflows(s, false);
		count_remainder(s);
		census_note_end(s, why);
	}
	if (s->from_client)
		retract_subflows(s);
	else
		remote_leave(s);
	service_free(s);
	s->state = SESSION_DEAD;
	session_drop_opening(s);
	close_side(s, &s->plain, in_order);
	close_side(s, &s->sealed, in_order);
	buf_fini(&s->up.waiting);
	buf_fini(&s->down.waiting);
	buf_fini(&s->rest);
	worker_count_end(s->worker, why);
	list_remove(&s->link);
	list_add_tail(&s->worker->graveyard, &s->link);
}

void session_free(struct session *s)
{
	wire_sealer_fini(&s->sealer);
	wire_opener_fini(&s->opener);
	free(s->marks);
	free(s->remote_marks);
	free(s->target);
	free(s);
}

void session_tick(struct session *s, ev_tstamp now)
{
	switch (s->state) {
	case SESSION_SOCKS:
		if (now > s->deadline)
			session_end(s, RELAY_END_BAD_CLIENT);
		break;
	case SESSION_HEADER:
		if (now > s->deadline)
			exit_drain(s);
		break;
	case SESSION_DRAINING:
		if (now > s->deadline)
			session_end(s, RELAY_END_BAD_PEER);
		break;
	case SESSION_SERVICE:
		service_tick(s, now);
		break;
	case SESSION_RELAYING:
		if ((s->up.shut || s->down.shut) && now - s->active > HALF_CLOSED_IDLE_S) {
			session_end(s, RELAY_END_IDLE);
			break;
		}
		sample_subflows(s, true);
		remember_past(s);
		break;
	default:
		break;
	}
}
