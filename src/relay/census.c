// SPDX-License-Identifier: GPL-2.0-or-later
//
// The gateway's connections, for people to look at.
//
// Nobody looks most of the time, and then nothing is done here. A look is one letter that goes
// round the workers, as each owns its sessions: every worker puts its busiest among those that the
// letter brings, asks the kernel for the subflows of those alone, and posts it on; the last one
// posts it home. Connections that end while somebody looks are kept for a little, since most are
// over before an eye has found them.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/snapshot.h"
#include "relay/relay_priv.h"

// Of each worker.
#define CLOSED_MAX 64
// So long after the last look somebody is believed to look still.
#define LOOKS_S 15.
// A rate over less time says nothing.
#define RATE_LEAST_S 0.3

struct census {
	struct letter letter;
	struct relay *relay;
	int next; // worker that it goes to
	void (*done)(void *ctx, struct conns *conns);
	void *ctx;
	struct conns conns;
};

struct closed {
	struct list link;
	ev_tstamp at;
	struct conn conn;
};

static const char *const end_words[RELAY_ENDS] = {
	[RELAY_END_DONE] = "done",         [RELAY_END_RESET] = "reset",
	[RELAY_END_REFUSED] = "refused",   [RELAY_END_NO_EXIT] = "no-exit",
	[RELAY_END_BAD_PEER] = "bad-peer", [RELAY_END_BAD_CLIENT] = "bad-client",
	[RELAY_END_IDLE] = "idle",         [RELAY_END_LIMIT] = "limit",
	[RELAY_END_STOPPED] = "stopped",
};

// ---- one connection

static int64_t to_ms(ev_tstamp at)
{
	return (int64_t)(at * 1e3);
}

// Over the last one to two seconds, or since it began.
static void measure_rates(const struct session *s, ev_tstamp now, int64_t *rx_bps, int64_t *tx_bps)
{
	const struct session_past begin = { .at = s->began };
	const struct session_past *then = s->past[1].at > 0 ? &s->past[1] : &begin;
	double span_s = now - then->at;

	*rx_bps = *tx_bps = SNAPSHOT_UNKNOWN;
	if (span_s < RATE_LEAST_S)
		return;
	*rx_bps = (int64_t)((double)(s->rx_bytes - then->rx_bytes) * 8 / span_s);
	*tx_bps = (int64_t)((double)(s->tx_bytes - then->tx_bytes) * 8 / span_s);
}

static void write_client(const struct session *s, char out[static ADDR_STRLEN])
{
	sockaddr_format(&s->client, out);
}

// A diverted socket's own address is where the client wanted to go.
static void write_target(const struct session *s, char out[static CONN_TARGET_SIZE])
{
	union sockaddr_any sa;
	socklen_t len = sizeof(sa);

	if (s->socks)
		str_copy_clean(out, CONN_TARGET_SIZE, s->target ? s->target : "");
	else if (getsockname(s->plain.fd, &sa.sa, &len) == 0)
		sockaddr_format(&sa, out);
}

static void describe_subflow(const struct session *s, const struct sock_subflow *sf,
			     struct conn_subflow *out)
{
	uint8_t slot = session_slot(s, sf);
	bool first = sf->local.in.sin_port == s->home_port && slot == s->home;

	*out = (struct conn_subflow){
		.slot = slot < PATHS_MAX ? slot : -1,
		.local_id = !s->mptcp ? SNAPSHOT_NONE
			    : first   ? 0
				      : SNAPSHOT_UNKNOWN,
		.established = sf->established,
		.rtt_us = sf->rtt_us ? (int64_t)sf->rtt_us : SNAPSHOT_UNKNOWN,
		.cwnd = (int)sf->cwnd,
		.retransmits = (int)sf->retransmits,
		.rx_bytes = sf->rx_bytes,
		.tx_bytes = sf->tx_bytes,
	};
	sockaddr_format(&sf->local, out->local);
	sockaddr_format(&sf->remote, out->remote);
}

// Those that are closing go last, and where there is no room for them not at all.
static void describe_subflows(const struct session *s, struct conn *out)
{
	struct sock_subflow list[SOCK_SUBFLOWS_MAX];
	int n = sock_subflows(s->sealed.fd, list);

	for (int pass = 0; pass < 2; pass++) {
		for (int i = 0; i < n && out->n_subflows < CONN_SUBFLOWS_MAX; i++) {
			if (list[i].established == !pass)
				describe_subflow(s, &list[i], &out->subflows[out->n_subflows++]);
		}
	}
}

static void describe(const struct session *s, ev_tstamp now, struct conn *out)
{
	*out = (struct conn){
		.id = s->id,
		.mode = s->mptcp ? CONN_MPTCP : CONN_TCP,
		.reason = s->mptcp                          ? CONN_REASON_NONE
			  : s->direct                       ? CONN_REASON_DIRECT
			  : s->alone                        ? CONN_REASON_PIN
			  : !sock_asked_mptcp(s->sealed.fd) ? CONN_REASON_KERNEL
							    : CONN_REASON_UNKNOWN,
		.tcp_since_ms = to_ms(s->tcp_since),
		.token = s->mptcp ? sock_mptcp_token(s->sealed.fd) : 0,
		.socks = s->socks,
		.began_ms = to_ms(s->began),
		.rx_bytes = s->rx_bytes,
		.tx_bytes = s->tx_bytes,
	};
	write_client(s, out->client);
	write_target(s, out->target);
	str_copy(out->exit, sizeof(out->exit), s->exit);
	measure_rates(s, now, &out->rx_bps, &out->tx_bps);
	describe_subflows(s, out);
}

// ---- which are listed

// Open before closed, by rate, the younger before the older.
static int compare(bool a_closed, int64_t a_rate, uint64_t a_id, bool b_closed, int64_t b_rate,
		   uint64_t b_id)
{
	if (a_closed != b_closed)
		return a_closed ? 1 : -1;
	if (a_rate != b_rate)
		return a_rate > b_rate ? -1 : 1;
	return (a_id < b_id) - (a_id > b_id);
}

static int compare_conns(const void *a, const void *b)
{
	const struct conn *left = a, *right = b;

	// of closed ones the last to end
	if (left->closed && right->closed)
		return (left->ended_ms < right->ended_ms) - (left->ended_ms > right->ended_ms);
	return compare(left->closed, left->rx_bps + left->tx_bps, left->id, right->closed,
		       right->rx_bps + right->tx_bps, right->id);
}

struct candidate {
	const struct session *session;
	int64_t rate;
};

static int compare_candidates(const void *a, const void *b)
{
	const struct candidate *left = a, *right = b;

	return compare(false, left->rate, left->session->id, false, right->rate,
		       right->session->id);
}

static bool is_listable(const struct session *s)
{
	return s->state == SESSION_RELAYING && s->from_client;
}

static size_t count_listable(const struct worker *w)
{
	size_t n = 0;

	for (const struct list *pos = w->sessions.next; pos != &w->sessions; pos = pos->next)
		n += is_listable(list_entry(pos, struct session, link));
	return n;
}

// The busiest first.
static size_t list_candidates(struct worker *w, ev_tstamp now, struct candidate **out)
{
	size_t n = count_listable(w), i = 0;
	struct candidate *list = n ? malloc(n * sizeof(*list)) : NULL;

	*out = list;
	if (!list)
		return 0;
	for (struct list *pos = w->sessions.next; pos != &w->sessions; pos = pos->next) {
		const struct session *s = list_entry(pos, struct session, link);
		int64_t rx_bps, tx_bps;

		if (!is_listable(s))
			continue;
		measure_rates(s, now, &rx_bps, &tx_bps);
		list[i++] = (struct candidate){ s, rx_bps + tx_bps };
	}
	qsort(list, n, sizeof(*list), compare_candidates);
	return n;
}

static bool goes_before(const struct conn *conn, const struct candidate *other)
{
	return compare(conn->closed, conn->rx_bps + conn->tx_bps, conn->id, false, other->rate,
		       other->session->id) < 0;
}

// Both lists are sorted. Cuts the first to those that are among the CONNS_MAX best of both, and
// returns how many of the second are.
static size_t share_room(struct conns *conns, const struct candidate *list, size_t n)
{
	size_t kept = 0, taken = 0, old = (size_t)conns->n;

	while (kept + taken < CONNS_MAX && (kept < old || taken < n)) {
		if (taken == n || (kept < old && goes_before(&conns->list[kept], &list[taken])))
			kept++;
		else
			taken++;
	}
	conns->n = (int)kept;
	return taken;
}

static void add_open(struct worker *w, ev_tstamp now, struct conns *conns)
{
	struct candidate *list;
	size_t n = list_candidates(w, now, &list), taken = share_room(conns, list, n);

	for (size_t i = 0; i < n; i++) {
		conns->total++;
		conns->n_tcp += !list[i].session->mptcp;
		if (i < taken)
			describe(list[i].session, now, &conns->list[conns->n++]);
	}
	free(list);
}

static void add_closed(struct worker *w, struct conns *conns)
{
	struct list *pos, *after;

	list_for_each_safe(pos, after, &w->closed) {
		const struct closed *closed = list_entry(pos, struct closed, link);

		if (conns->n < CONNS_MAX)
			conns->list[conns->n++] = closed->conn;
	}
}

// ---- the letter

static void free_census(struct letter *letter)
{
	free(letter);
}

static void come_home(struct letter *letter, void *ctx)
{
	struct census *census = (struct census *)letter;

	(void)ctx;
	census->done(census->ctx, &census->conns);
	free(census);
}

static void take_census(struct letter *letter, void *ctx)
{
	struct census *census = (struct census *)letter;
	struct relay *relay = census->relay;
	struct worker *w = ctx;

	w->looked = ev_now(w->loop);
	add_open(w, w->looked, &census->conns);
	add_closed(w, &census->conns);
	qsort(census->conns.list, (size_t)census->conns.n, sizeof(census->conns.list[0]),
	      compare_conns);
	if (++census->next < relay->n_workers) {
		mailbox_post(&relay->workers[census->next].mailbox, letter);
		return;
	}
	letter->open = come_home;
	mailbox_post(&relay->mailbox, letter);
}

void relay_ask_conns(struct relay *relay, void (*done)(void *ctx, struct conns *conns), void *ctx)
{
	struct census *census = xcalloc(1, sizeof(*census));

	census->letter = (struct letter){ .open = take_census, .free = free_census };
	census->relay = relay;
	census->done = done;
	census->ctx = ctx;
	mailbox_post(&relay->workers[0].mailbox, &census->letter);
}

// ---- those that have become plain TCP

struct plain {
	struct letter letter;
	struct conn conn;
};

static void free_plain(struct letter *letter)
{
	free(letter);
}

static void take_plain(struct letter *letter, void *ctx)
{
	struct plain *plain = (struct plain *)letter;
	struct relay *relay = ctx;

	if (relay->on_plain)
		relay->on_plain(relay->on_plain_ctx, &plain->conn);
	free(plain);
}

void census_tell_plain(const struct session *s)
{
	struct worker *w = s->worker;
	struct plain *plain;

	if (w->n_plain++ >= RELAY_PLAIN_MAX)
		return;
	plain = calloc(1, sizeof(*plain));
	if (!plain)
		return;
	plain->letter = (struct letter){ .open = take_plain, .free = free_plain };
	describe(s, ev_now(w->loop), &plain->conn);
	mailbox_post(&w->relay->mailbox, &plain->letter);
}

// ---- those that ended

static void free_closed(struct worker *w, struct closed *closed)
{
	list_remove(&closed->link);
	w->n_closed--;
	free(closed);
}

static bool somebody_looks(const struct worker *w, ev_tstamp now)
{
	return w->looked > 0 && now - w->looked < LOOKS_S;
}

void census_note_end(struct session *s, enum relay_end why)
{
	struct worker *w = s->worker;
	ev_tstamp now = ev_now(w->loop);
	struct closed *closed;

	if (!is_listable(s) || !somebody_looks(w, now))
		return;
	closed = calloc(1, sizeof(*closed));
	if (!closed)
		return;
	if (w->n_closed == CLOSED_MAX)
		free_closed(w, list_entry(w->closed.next, struct closed, link));
	closed->at = now;
	describe(s, now, &closed->conn);
	closed->conn.closed = true;
	closed->conn.ended_ms = to_ms(now);
	closed->conn.rx_bps = closed->conn.tx_bps = SNAPSHOT_NONE;
	str_copy(closed->conn.end, sizeof(closed->conn.end), end_words[why]);
	list_add_tail(&w->closed, &closed->link);
	w->n_closed++;
}

void census_tick(struct worker *w, ev_tstamp now)
{
	struct list *pos, *after;

	w->n_plain = 0;
	list_for_each_safe(pos, after, &w->closed) {
		struct closed *closed = list_entry(pos, struct closed, link);

		if (now - closed->at > CONN_CLOSED_S)
			free_closed(w, closed);
	}
}

void census_free_closed(struct worker *w)
{
	census_tick(w, ev_now(w->loop) + 2 * CONN_CLOSED_S);
}
