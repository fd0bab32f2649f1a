// SPDX-License-Identifier: GPL-2.0-or-later
//
// The exit's accounts of the addresses from which gateways come. For a download only its sender,
// the exit, knows what was lost and how far the windows are open; the peer service (service.c)
// passes that on. Each worker keeps its own, from the samples that it takes of its sessions once a
// second.
#include <stdlib.h>

#include "relay/relay_priv.h"

// Per worker. Only peers that know the key get an account.
#define REMOTES_MAX 256

static void remote_free(struct worker *w, struct remote *r)
{
	list_remove(&r->link);
	w->n_remotes--;
	free(r);
}

// Makes room by the account that was left alone for longest.
static bool make_room(struct worker *w)
{
	struct remote *oldest = NULL;
	struct list *pos, *after;

	if (w->n_remotes < REMOTES_MAX)
		return true;
	list_for_each_safe(pos, after, &w->remotes) {
		struct remote *r = list_entry(pos, struct remote, link);

		if (!r->refs && (!oldest || r->used < oldest->used))
			oldest = r;
	}
	if (oldest)
		remote_free(w, oldest);
	return oldest != NULL;
}

static struct remote *find_remote(const struct worker *w, const struct addr *addr)
{
	struct list *pos, *after;

	list_for_each_safe(pos, after, &w->remotes) {
		struct remote *r = list_entry(pos, struct remote, link);

		if (addr_equal(&r->sums.addr, addr))
			return r;
	}
	return NULL;
}

static struct remote *find_or_make_remote(struct worker *w, const struct addr *addr)
{
	struct remote *r = find_remote(w, addr);

	if (r || !make_room(w))
		return r;
	r = calloc(1, sizeof(*r));
	if (!r)
		return NULL;
	r->sums.addr = *addr;
	list_add_tail(&w->remotes, &r->link);
	w->n_remotes++;
	return r;
}

static struct remote_mark *find_mark(struct session *s, const struct sock_subflow *sf)
{
	struct addr addr = addr_from_sockaddr(&sf->remote);
	uint16_t port = sockaddr_port(&sf->remote);
	struct remote_mark *marks;
	struct remote *remote;

	for (int i = 0; i < s->n_marks; i++) {
		struct remote_mark *m = &s->remote_marks[i];

		if (m->port == port && addr_equal(&m->remote->sums.addr, &addr))
			return m;
	}
	remote = s->n_marks < UINT8_MAX ? find_or_make_remote(s->worker, &addr) : NULL;
	if (!remote)
		return NULL;
	marks = realloc(s->remote_marks, (s->n_marks + 1u) * sizeof(*marks));
	if (!marks)
		return NULL;
	remote->refs++;
	s->remote_marks = marks;
	marks[s->n_marks] = (struct remote_mark){ .remote = remote, .port = port };
	return &marks[s->n_marks++];
}

static void add_state(struct wire_service_remote *sums, const struct sock_subflow *sf, bool moved)
{
	if (!sf->established)
		return;
	sums->subflows++;
	sums->stalled += sf->backoff > 0;
	sums->cwnd += sf->cwnd;
	sums->unacked += sf->unacked;
	// that of an idle subflow is old
	if (moved && sf->rtt_us && (!sums->rtt_us || sf->rtt_us < sums->rtt_us))
		sums->rtt_us = sf->rtt_us;
}

static void add_subflow(struct session *s, const struct sock_subflow *sf)
{
	struct remote_mark *m = find_mark(s, sf);
	struct wire_service_remote *sums;

	if (!m)
		return;
	sums = &m->remote->sums;
	m->remote->used = ev_now(s->worker->loop);
	add_state(sums, sf, sf->tx_bytes > m->tx_bytes || sf->rx_bytes > m->rx_bytes);
	sums->tx_bytes += sf->tx_bytes - m->tx_bytes;
	sums->rx_bytes += sf->rx_bytes - m->rx_bytes;
	sums->segments += sf->segments - m->segments;
	sums->retransmits += sf->retransmits - m->retransmits;
	m->tx_bytes = sf->tx_bytes;
	m->rx_bytes = sf->rx_bytes;
	m->segments = sf->segments;
	m->retransmits = sf->retransmits;
	m->listed = true;
}

// Forgets the subflows that the kernel does not list any more: they do not come back.
static void drop_unlisted(struct session *s)
{
	uint8_t kept = 0;

	for (int i = 0; i < s->n_marks; i++) {
		struct remote_mark *m = &s->remote_marks[i];

		if (m->listed)
			s->remote_marks[kept++] = *m;
		else
			m->remote->refs--;
	}
	s->n_marks = kept;
}

void remote_sample(struct session *s)
{
	struct sock_subflow subflows[SOCK_SUBFLOWS_MAX];
	int n = sock_subflows(s->sealed.fd, subflows);

	if (n < 0)
		return;
	for (int i = 0; i < s->n_marks; i++)
		s->remote_marks[i].listed = false;
	for (int i = 0; i < n; i++)
		add_subflow(s, &subflows[i]);
	drop_unlisted(s);
}

void remote_leave(struct session *s)
{
	for (int i = 0; i < s->n_marks; i++)
		s->remote_marks[i].remote->refs--;
	s->n_marks = 0;
}

void remote_begin_tick(struct worker *w)
{
	struct list *pos, *after;

	list_for_each_safe(pos, after, &w->remotes) {
		struct wire_service_remote *sums = &list_entry(pos, struct remote, link)->sums;

		sums->subflows = sums->stalled = 0;
		sums->rtt_us = sums->cwnd = sums->unacked = 0;
	}
}

void remote_add(const struct worker *w, struct wire_service_remote *sum)
{
	const struct remote *r = find_remote(w, &sum->addr);

	if (!r)
		return;
	sum->subflows += r->sums.subflows;
	sum->stalled += r->sums.stalled;
	sum->cwnd += r->sums.cwnd;
	sum->unacked += r->sums.unacked;
	if (r->sums.rtt_us && (!sum->rtt_us || r->sums.rtt_us < sum->rtt_us))
		sum->rtt_us = r->sums.rtt_us;
	sum->tx_bytes += r->sums.tx_bytes;
	sum->rx_bytes += r->sums.rx_bytes;
	sum->segments += r->sums.segments;
	sum->retransmits += r->sums.retransmits;
}

void remote_free_all(struct worker *w)
{
	while (!list_is_empty(&w->remotes))
		remote_free(w, list_entry(w->remotes.next, struct remote, link));
}
