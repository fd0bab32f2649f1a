// SPDX-License-Identifier: GPL-2.0-or-later
//
// Datagrams on the exit server: a NAT whose inside is what gateways send.
//
// Each association has a port of its own for each family, towards whatever its client talks to, and
// takes what anybody sends there (RFC 4787: endpoint-independent mapping and filtering), which is
// what games and calls between browsers are built on. One that carries a name (wire/datagram.c) is
// found by it, and its answers go to where the newest of its datagrams came from; a counter says
// which that is, so that an old one that is played back from elsewhere leads nothing astray. Any
// other is found by the address that it comes from.
//
// Who does not know the key gets no answer.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "relay/relay_priv.h"

// Datagrams that wait for a name's address, and for how long that is good.
#define WAITING_MAX 8
#define NAME_GOOD_S 60.
// Letters with datagrams that a worker has not opened yet.
#define GUESTS_MAX 256

struct waiting {
	uint16_t port;
	size_t len;
	uint8_t *bytes;
};

// What a program that sends names instead of addresses asked for last.
struct assoc_lookup {
	struct assoc *assoc;
	char name[256];
	struct resolver_query *query;
	struct addr addr;
	ev_tstamp known; // when
	struct waiting waiting[WAITING_MAX];
	int n_waiting;
};

// ---- to gateways

static void seal_home(struct assoc *a, const struct wire_target *source, const uint8_t *bytes,
		      size_t len)
{
	struct worker *w = a->worker;
	ssize_t n;
	int rc;

	if (!a->listener)
		return;
	n = wire_datagram_seal(&w->policy->server_datagrams, w->relay->udp_replay, NULL, source,
			       bytes, len, w->out, RELAY_OUT_SIZE);
	rc = n < 0 ? (int)n
		   : sock_datagram_send(a->listener->io.fd, &a->peer, &a->local, w->out, (size_t)n);
	if (rc)
		assoc_drop_for(w, rc);
}

// The peer service's ECHO: whether UDP gets here and back.
static void echo(struct assoc *a, const struct wire_datagram *d)
{
	const struct wire_target source = wire_service_target();
	uint8_t bytes[WIRE_SERVICE_MAX];
	struct wire_service_message message;
	size_t used;

	if (wire_service_parse(d->payload, d->len, &message, &used) < 0 ||
	    message.type != WIRE_SERVICE_ECHO)
		return;
	message = (struct wire_service_message){ .type = WIRE_SERVICE_ECHO | WIRE_SERVICE_ANSWER,
						 .nonce = message.nonce };
	seal_home(a, &source, bytes, wire_service_put(&message, bytes));
}

static void send_home(void *ctx, const struct sock_datagram *d)
{
	struct assoc *a = ctx;
	struct worker *w = a->worker;
	const struct wire_target source = { .addr = addr_from_sockaddr(&d->from),
					    .port = sockaddr_port(&d->from) };

	// who may not be spoken to may not speak either
	if (!exit_may_reach(w->policy, &source.addr)) {
		assoc_drop(w, RELAY_DROP_REFUSED);
		return;
	}
	seal_home(a, &source, d->bytes, d->len);
	assoc_use(a, 0);
}

static void on_answer(struct ev_loop *loop, ev_io *io, int revents)
{
	struct assoc *a = io->data;

	(void)loop;
	(void)revents;
	assoc_read(a->worker, io->fd, send_home, a);
}

// ---- to targets

static int open_port(struct assoc *a, struct assoc_socket *far, sa_family_t family)
{
	int fd;

	if (far->fd >= 0)
		return 0;
	fd = sock_datagram_open(family);
	if (fd < 0)
		return fd;
	assoc_watch(a, far, fd, on_answer);
	return 0;
}

static void send_out(struct assoc *a, const struct addr *addr, uint16_t port, const uint8_t *bytes,
		     size_t len)
{
	struct assoc_socket *far = &a->far[addr->family == AF_INET6];
	union sockaddr_any to = sockaddr_make(addr, port);
	int rc = port && exit_may_reach(a->worker->policy, addr) ? 0 : -EACCES;

	if (!rc)
		rc = open_port(a, far, addr->family);
	if (!rc)
		rc = sock_datagram_send(far->fd, &to, NULL, bytes, len);
	if (rc)
		assoc_drop_for(a->worker, rc);
}

static void forget_waiting(struct assoc_lookup *lookup)
{
	for (int i = 0; i < lookup->n_waiting; i++)
		free(lookup->waiting[i].bytes);
	lookup->n_waiting = 0;
}

void exit_udp_forget_lookup(struct assoc *a)
{
	if (a->lookup->query)
		resolver_cancel(a->lookup->query);
	forget_waiting(a->lookup);
	free(a->lookup);
	a->lookup = NULL;
}

static void take_addresses(void *ctx, int status, const struct addr *addrs, int n)
{
	struct assoc_lookup *lookup = ctx;
	struct assoc *a = lookup->assoc;

	(void)n;
	lookup->query = NULL;
	lookup->addr = (struct addr){ 0 };
	lookup->known = ev_now(a->worker->loop);
	if (status == 0)
		lookup->addr = addrs[0];
	else
		assoc_drop(a->worker, RELAY_DROP_REFUSED);
	for (int i = 0; status == 0 && i < lookup->n_waiting; i++)
		send_out(a, &lookup->addr, lookup->waiting[i].port, lookup->waiting[i].bytes,
			 lookup->waiting[i].len);
	forget_waiting(lookup);
}

static void wait_for_address(struct assoc *a, const struct wire_datagram *d)
{
	struct waiting *waiting = &a->lookup->waiting[a->lookup->n_waiting];
	uint8_t *bytes = a->lookup->n_waiting < WAITING_MAX ? malloc(d->len + 1) : NULL;

	if (!bytes) {
		assoc_drop(a->worker, RELAY_DROP_FULL);
		return;
	}
	memcpy(bytes, d->payload, d->len);
	*waiting = (struct waiting){ d->target.port, d->len, bytes };
	a->lookup->n_waiting++;
}

static void send_to_name(struct assoc *a, const struct wire_datagram *d)
{
	struct assoc_lookup *lookup = a->lookup;
	struct worker *w = a->worker;

	if (lookup && strcmp(lookup->name, d->target.name) != 0) {
		// one question at a time: who knows the key may still not make us ask thousands
		if (lookup->query) {
			assoc_drop(w, RELAY_DROP_FULL);
			return;
		}
		exit_udp_forget_lookup(a);
		lookup = NULL;
	}
	if (!lookup) {
		lookup = a->lookup = calloc(1, sizeof(*lookup));
		if (!lookup) {
			assoc_drop(w, RELAY_DROP_LIMIT);
			return;
		}
		lookup->assoc = a;
		str_copy(lookup->name, sizeof(lookup->name), d->target.name);
	}
	if (!lookup->query && lookup->known > 0 && ev_now(w->loop) - lookup->known < NAME_GOOD_S) {
		if (addr_is_set(&lookup->addr))
			send_out(a, &lookup->addr, d->target.port, d->payload, d->len);
		else
			assoc_drop(w, RELAY_DROP_REFUSED);
		return;
	}
	wait_for_address(a, d);
	if (!lookup->query)
		lookup->query = resolver_ask(w->resolver, lookup->name, take_addresses, lookup);
}

// ---- from gateways

// Where a datagram has come from and to.
struct arrival {
	union sockaddr_any from, local;
	struct listener *listener;
};

static void note_arrival(struct assoc *a, const struct arrival *arrival)
{
	if (!sockaddr_equal(&a->peer, &arrival->from))
		a->worker->counters.udp.moved++;
	a->peer = arrival->from;
	a->local = arrival->local;
	a->listener = arrival->listener;
}

static struct assoc *find_or_begin(struct worker *w, const struct arrival *arrival, uint64_t id)
{
	struct assoc *a = id ? assoc_find_name(w, id) : assoc_find_peer(w, &arrival->from, 0);

	if (a)
		return a;
	a = assoc_new(w, id, &arrival->from, 0);
	if (!a)
		assoc_drop(w, RELAY_DROP_LIMIT);
	return a;
}

static void take(struct worker *w, const struct arrival *arrival, const struct wire_datagram *d)
{
	struct assoc *a = find_or_begin(w, arrival, d->from.id);
	bool for_us = wire_service_is_target(&d->target), newest = !d->from.id;

	if (!a)
		return;
	if (d->from.id) {
		newest = !a->window.begun || d->from.counter > a->window.top;
		if (wire_window_admit(&a->window, d->from.counter) < 0) {
			assoc_drop(w, RELAY_DROP_REPLAYED);
			return;
		}
	}
	if (newest)
		note_arrival(a, arrival);
	assoc_use(a, for_us ? 0 : d->target.port);
	// without a question it has announced where it is now
	if (for_us && d->len)
		echo(a, d);
	if (for_us)
		return;
	if (addr_is_set(&d->target.addr))
		send_out(a, &d->target.addr, d->target.port, d->payload, d->len);
	else
		send_to_name(a, d);
}

// ---- from worker to worker

struct guest {
	struct letter letter;
	struct relay_listen at; // of the listener that it came to
	union sockaddr_any from, local;
	struct wire_datagram datagram;
	uint8_t payload[];
};

static struct listener *find_listener(struct worker *w, const struct relay_listen *at)
{
	struct list *pos, *after;

	list_for_each_safe(pos, after, &w->listeners) {
		struct listener *l = list_entry(pos, struct listener, link);

		if (relay_listen_equal(&l->what, at))
			return l;
	}
	return NULL;
}

static void free_guest(struct letter *letter)
{
	free(letter);
}

static void host(struct worker *w, const struct arrival *arrival, const struct wire_datagram *d);

static void open_guest(struct letter *letter, void *ctx)
{
	struct guest *guest = (struct guest *)letter;
	struct worker *w = ctx;
	const struct arrival arrival = { .from = guest->from,
					 .local = guest->local,
					 .listener = find_listener(w, &guest->at) };

	atomic_fetch_sub_explicit(&w->guests, 1, memory_order_relaxed);
	if (arrival.listener)
		host(w, &arrival, &guest->datagram);
	free(guest);
}

static void send_to_owner(struct worker *from, struct worker *to, const struct arrival *arrival,
			  const struct wire_datagram *d)
{
	struct guest *guest = NULL;

	if (atomic_load_explicit(&to->guests, memory_order_relaxed) < GUESTS_MAX)
		guest = malloc(sizeof(*guest) + d->len);
	if (!guest) {
		assoc_drop(from, RELAY_DROP_FULL);
		return;
	}
	guest->letter = (struct letter){ .open = open_guest, .free = free_guest };
	guest->at = arrival->listener->what;
	guest->from = arrival->from;
	guest->local = arrival->local;
	guest->datagram = *d;
	guest->datagram.payload = memcpy(guest->payload, d->payload, d->len);
	atomic_fetch_add_explicit(&to->guests, 1, memory_order_relaxed);
	mailbox_post(&to->mailbox, &guest->letter);
}

// Takes it, unless another worker has its association.
static void host(struct worker *w, const struct arrival *arrival, const struct wire_datagram *d)
{
	struct relay *relay = w->relay;
	int owner = w->number;

	if (d->from.id && relay->directory && !assoc_find_name(w, d->from.id))
		owner = directory_claim(relay->directory, d->from.id, w->number);
	if (owner < 0)
		assoc_drop(w, RELAY_DROP_LIMIT);
	else if (owner == w->number)
		take(w, arrival, d);
	else
		send_to_owner(w, &relay->workers[owner], arrival, d);
}

static void open_datagram(void *ctx, const struct sock_datagram *sealed)
{
	struct listener *l = ctx;
	struct worker *w = l->worker;
	const struct arrival arrival = { .from = sealed->from, .local = sealed->to, .listener = l };
	struct wire_datagram d;
	int rc = wire_datagram_open(&w->policy->server_datagrams, w->relay->udp_replay,
				    sealed->bytes, sealed->len, w->in, &d);

	if (rc == -EEXIST)
		assoc_drop(w, RELAY_DROP_REPLAYED);
	else if (rc)
		assoc_drop(w, RELAY_DROP_BAD_PEER);
	else
		host(w, &arrival, &d);
}

void exit_udp_ready(struct listener *l)
{
	assoc_read(l->worker, l->io.fd, open_datagram, l);
}
