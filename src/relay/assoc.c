// SPDX-License-Identifier: GPL-2.0-or-later
//
// Associations: which datagrams belong together, as far as that is the same on the gateway and on
// the exit. A worker has its own, in a table by what they are found by, and in a list by when they
// were last used for each patience. A datagram in either direction counts as use. Nothing says that
// a flow of datagrams is over, so they end by silence only.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/log.h"
#include "relay/relay_priv.h"

// RFC 4787 asks for two minutes and recommends five, and lets known ports have less.
static const ev_tstamp patience_s[ASSOC_PATIENCES] = { [ASSOC_SHORT] = 20., [ASSOC_LONG] = 300. };

// Of each worker.
#define ASSOCS_MAX 8192
#define DNS_PORT   53

void assoc_init(struct worker *w)
{
	for (int i = 0; i < ASSOC_PATIENCES; i++)
		list_init(&w->assocs.idle[i]);
	if (getrandom(&w->assocs.secret, sizeof(w->assocs.secret), GRND_NONBLOCK) < 0)
		log_debug("getrandom: %s", strerror(errno));
}

void assoc_fini(struct worker *w)
{
	struct list *pos, *after;

	assoc_for_each(pos, after, w, patience)
		assoc_end(list_entry(pos, struct assoc, link));
	free(w->assocs.buckets);
	w->assocs.buckets = NULL;
}

// ---- the table

static uint64_t mix(uint64_t hash, uint64_t value)
{
	hash = (hash ^ value) * 0x9e3779b97f4a7c15u;
	return hash ^ hash >> 29;
}

static uint64_t hash_peer(const struct worker *w, const union sockaddr_any *peer, int pin)
{
	struct addr addr = addr_from_sockaddr(peer);
	uint64_t halves[2] = { 0 };

	memcpy(halves, addr.bytes, addr_len(&addr));
	return mix(mix(mix(w->assocs.secret, halves[0]), halves[1]),
		   (uint64_t)pin << 16 | sockaddr_port(peer));
}

static uint64_t hash_name(const struct worker *w, uint64_t id)
{
	return mix(w->assocs.secret, id);
}

static struct assoc **find_bucket(const struct worker *w, uint64_t hash)
{
	return &w->assocs.buckets[(hash >> 32) % ASSOC_BUCKETS];
}

struct assoc *assoc_find_peer(struct worker *w, const union sockaddr_any *peer, int pin)
{
	uint64_t hash = hash_peer(w, peer, pin);
	struct assoc *a = w->assocs.buckets ? *find_bucket(w, hash) : NULL;

	while (a &&
	       (a->named || a->hash != hash || a->pin != pin || !sockaddr_equal(&a->peer, peer)))
		a = a->next;
	return a;
}

struct assoc *assoc_find_name(struct worker *w, uint64_t id)
{
	uint64_t hash = hash_name(w, id);
	struct assoc *a = w->assocs.buckets ? *find_bucket(w, hash) : NULL;

	while (a && (!a->named || a->name.id != id))
		a = a->next;
	return a;
}

static void make_room(struct worker *w)
{
	for (int i = 0; i < ASSOC_PATIENCES && w->assocs.n >= ASSOCS_MAX; i++) {
		if (!list_is_empty(&w->assocs.idle[i]))
			assoc_end(list_entry(w->assocs.idle[i].next, struct assoc, link));
	}
}

struct assoc *assoc_new(struct worker *w, uint64_t id, const union sockaddr_any *peer, int pin)
{
	struct assoc *a, **bucket;

	if (!w->assocs.buckets)
		w->assocs.buckets = calloc(ASSOC_BUCKETS, sizeof(struct assoc *));
	make_room(w);
	a = w->assocs.buckets ? calloc(1, sizeof(*a)) : NULL;
	if (!a)
		return NULL;
	a->worker = w;
	a->named = id != 0;
	a->name.id = id;
	a->peer = *peer;
	a->pin = pin;
	a->hash = id ? hash_name(w, id) : hash_peer(w, peer, pin);
	a->far[0].fd = a->far[1].fd = -1;
	a->active = ev_now(w->loop);
	bucket = find_bucket(w, a->hash);
	a->next = *bucket;
	*bucket = a;
	list_add_tail(&w->assocs.idle[ASSOC_SHORT], &a->link);
	w->assocs.n++;
	w->counters.udp.associations++;
	w->counters.udp.begun++;
	return a;
}

void assoc_end(struct assoc *a)
{
	struct worker *w = a->worker;
	struct assoc **link = find_bucket(w, a->hash);

	while (*link != a)
		link = &(*link)->next;
	*link = a->next;
	list_remove(&a->link);
	w->assocs.n--;
	w->counters.udp.associations--;
	if (a->from_client && a->far[0].fd >= 0)
		w->counters.paths[a->slot].associations--;
	if (a->named && w->relay->directory)
		directory_drop(w->relay->directory, a->name.id);
	if (a->lookup)
		exit_udp_forget_lookup(a);
	assoc_unwatch(a, &a->far[0]);
	assoc_unwatch(a, &a->far[1]);
	free(a);
}

void assoc_use(struct assoc *a, uint16_t port)
{
	struct worker *w = a->worker;

	if (port && port != DNS_PORT)
		a->patience = ASSOC_LONG;
	a->active = ev_now(w->loop);
	list_remove(&a->link);
	list_add_tail(&w->assocs.idle[a->patience], &a->link);
}

// ---- sockets

void assoc_watch(struct assoc *a, struct assoc_socket *socket, int fd,
		 void (*ready)(struct ev_loop *loop, ev_io *io, int revents))
{
	socket->fd = fd;
	ev_io_init(&socket->io, ready, fd, EV_READ);
	socket->io.data = a;
	ev_io_start(a->worker->loop, &socket->io);
}

void assoc_unwatch(struct assoc *a, struct assoc_socket *socket)
{
	if (socket->fd < 0)
		return;
	ev_io_stop(a->worker->loop, &socket->io);
	close(socket->fd);
	socket->fd = -1;
}

// Rounds of one callback, so that a fast flow cannot starve the others.
#define ROUNDS 4

int assoc_read(struct worker *w, int fd, void (*take)(void *ctx, const struct sock_datagram *d),
	       void *ctx)
{
	int n = SOCK_BATCH;

	for (int round = 0; n == SOCK_BATCH && round < ROUNDS; round++) {
		n = sock_batch_read(w->batch, fd);
		for (int i = 0; i < n; i++)
			take(ctx, &w->batch->list[i]);
	}
	return n < 0 ? n : 0;
}

void assoc_forget_listener(struct worker *w, const struct listener *listener)
{
	struct list *pos, *after;

	assoc_for_each(pos, after, w, patience) {
		struct assoc *a = list_entry(pos, struct assoc, link);

		if (a->listener == listener)
			a->listener = NULL;
	}
}

// ---- time and counters

void assoc_tick(struct worker *w, ev_tstamp now)
{
	struct list *pos, *after;

	assoc_for_each(pos, after, w, patience) {
		struct assoc *a = list_entry(pos, struct assoc, link);

		if (now - a->active > patience_s[patience])
			assoc_end(a);
		else if (a->from_client)
			gate_udp_tick(a, now);
	}
}

void assoc_drop(struct worker *w, enum relay_drop why)
{
	w->counters.udp.dropped[why]++;
}

void assoc_drop_for(struct worker *w, int error)
{
	switch (error) {
	case -EAGAIN:
	case -ENOBUFS:
		assoc_drop(w, RELAY_DROP_FULL);
		break;
	case -EMSGSIZE:
		assoc_drop(w, RELAY_DROP_TOO_BIG);
		break;
	case -EACCES:
		assoc_drop(w, RELAY_DROP_REFUSED);
		break;
	case -EMFILE:
	case -ENFILE:
	case -ENOMEM:
		listener_note_shortage(w, "open a socket for datagrams, they are dropped", error);
		assoc_drop(w, RELAY_DROP_LIMIT);
		break;
	default:
		assoc_drop(w, RELAY_DROP_NO_WAY);
	}
}
