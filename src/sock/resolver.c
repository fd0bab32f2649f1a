// SPDX-License-Identifier: GPL-2.0-or-later
//
// Names to addresses, with c-ares on a libev loop. Belongs to one loop and its thread.
//
// c-ares tells through a callback which of its descriptors wait for what; each gets an ev_io here.
// Its own time-outs are driven by one timer, re-armed from ares_timeout().
#include <ares.h>
#include <errno.h>
#include <netdb.h>
#include <stdlib.h>

#include "base/list.h"
#include "base/str.h"
#include "sock/sock.h"

// Sockets that c-ares holds at once: UDP and TCP to each of a few servers.
#define WATCHES          16
#define QUERY_TIMEOUT_MS 2000
#define QUERY_TRIES      3

struct watch {
	ev_io io;
	bool used;
};

struct resolver {
	struct ev_loop *loop;
	struct list answered; // queries whose outcome is about to be delivered
	ares_channel channel;
	struct watch watches[WATCHES];
	ev_timer timer;
};

struct resolver_query {
	struct list link;
	resolver_done *done; // NULL: cancelled, or asked for a name
	resolver_named *named;
	char name[256];
	void *ctx;
	struct resolver *resolver;
	ev_timer later; // delivers the outcome outside of c-ares and outside of resolver_ask()
	int status, n;
	struct addr addrs[RESOLVER_ADDRS_MAX];
};

static void arm_timer(struct resolver *r)
{
	struct timeval max = { .tv_sec = 3600 }, tv;
	struct timeval *next = ares_timeout(r->channel, &max, &tv);

	r->timer.repeat = (double)next->tv_sec + (double)next->tv_usec / 1e6;
	if (r->timer.repeat < 0.01)
		r->timer.repeat = 0.01;
	ev_timer_again(r->loop, &r->timer);
}

static void on_socket(struct ev_loop *loop, ev_io *io, int revents)
{
	struct resolver *r = io->data;

	(void)loop;
	ares_process_fd(r->channel, revents & EV_READ ? io->fd : ARES_SOCKET_BAD,
			revents & EV_WRITE ? io->fd : ARES_SOCKET_BAD);
	arm_timer(r);
}

static void on_timer(struct ev_loop *loop, ev_timer *timer, int revents)
{
	struct resolver *r = timer->data;

	(void)loop;
	(void)revents;
	ares_process_fd(r->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	arm_timer(r);
}

static struct watch *find_watch(struct resolver *r, int fd)
{
	struct watch *empty = NULL;

	for (int i = 0; i < WATCHES; i++) {
		struct watch *w = &r->watches[i];

		if (w->used && w->io.fd == fd)
			return w;
		if (!w->used && !empty)
			empty = w;
	}
	return empty;
}

static void follow_socket(void *ctx, ares_socket_t fd, int readable, int writable)
{
	struct resolver *r = ctx;
	struct watch *w = find_watch(r, fd);

	if (!w)
		return; // that server's answer is then missed, and the query times out
	if (w->used)
		ev_io_stop(r->loop, &w->io);
	w->used = readable || writable;
	if (!w->used)
		return;
	ev_io_init(&w->io, on_socket, fd, (readable ? EV_READ : 0) | (writable ? EV_WRITE : 0));
	w->io.data = r;
	ev_io_start(r->loop, &w->io);
}

int resolver_new(struct ev_loop *loop, struct resolver **out)
{
	struct resolver *r = xcalloc(1, sizeof(*r));
	struct ares_options options = {
		.timeout = QUERY_TIMEOUT_MS,
		.tries = QUERY_TRIES,
		.sock_state_cb = follow_socket,
		.sock_state_cb_data = r,
	};

	r->loop = loop;
	list_init(&r->answered);
	ev_init(&r->timer, on_timer);
	r->timer.data = r;
	if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS ||
	    ares_init_options(&r->channel, &options,
			      ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB) !=
		    ARES_SUCCESS) {
		free(r);
		return -EIO;
	}
	*out = r;
	return 0;
}

void resolver_free(struct resolver *r)
{
	struct list *pos, *after;

	if (!r)
		return;
	ares_destroy(r->channel);
	ev_timer_stop(r->loop, &r->timer);
	list_for_each_safe(pos, after, &r->answered) {
		struct resolver_query *q = list_entry(pos, struct resolver_query, link);

		ev_timer_stop(r->loop, &q->later);
		free(q);
	}
	free(r);
}

void resolver_bind(struct resolver *r, const struct addr *from)
{
	if (from->family == AF_INET)
		ares_set_local_ip4(r->channel, ntohl(from->v4.s_addr));
	else if (from->family == AF_INET6)
		ares_set_local_ip6(r->channel, from->bytes);
}

static int error_of(int ares_status)
{
	switch (ares_status) {
	case ARES_SUCCESS:
		return 0;
	case ARES_ENOTFOUND:
	case ARES_ENODATA:
	case ARES_EBADNAME:
		return -ENOENT;
	case ARES_ETIMEOUT:
	case ARES_ECONNREFUSED:
		return -ETIMEDOUT;
	default:
		return -EIO;
	}
}

static void deliver(struct ev_loop *loop, ev_timer *timer, int revents)
{
	struct resolver_query *q = timer->data;

	(void)loop;
	(void)revents;
	list_remove(&q->link);
	if (q->done)
		q->done(q->ctx, q->status, q->addrs, q->n);
	else if (q->named)
		q->named(q->ctx, q->status, q->name);
	free(q);
}

// c-ares has ended with it.
static void end(struct resolver_query *q, int ares_status)
{
	if (ares_status == ARES_EDESTRUCTION) {
		free(q);
		return;
	}
	list_add_tail(&q->resolver->answered, &q->link);
	ev_timer_init(&q->later, deliver, 0., 0.);
	q->later.data = q;
	ev_timer_start(q->resolver->loop, &q->later);
}

static void take_answer(void *ctx, int status, int timeouts, struct ares_addrinfo *answer)
{
	struct resolver_query *q = ctx;

	(void)timeouts;
	q->status = error_of(status);
	for (struct ares_addrinfo_node *node = answer ? answer->nodes : NULL;
	     node && q->n < RESOLVER_ADDRS_MAX; node = node->ai_next)
		q->addrs[q->n++] = addr_from_sockaddr((const void *)node->ai_addr);
	if (answer)
		ares_freeaddrinfo(answer);
	if (!q->status && !q->n)
		q->status = -ENOENT;
	end(q, status);
}

static void take_host(void *ctx, int status, int timeouts, struct hostent *host)
{
	struct resolver_query *q = ctx;

	(void)timeouts;
	q->status = error_of(status);
	if (!q->status && host && host->h_name)
		str_copy_clean(q->name, sizeof(q->name), host->h_name);
	if (!q->status && !q->name[0])
		q->status = -ENOENT;
	end(q, status);
}

struct resolver_query *resolver_ask(struct resolver *r, const char *name, resolver_done *done,
				    void *ctx)
{
	struct ares_addrinfo_hints hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
	struct resolver_query *q = xcalloc(1, sizeof(*q));

	q->done = done;
	q->ctx = ctx;
	q->resolver = r;
	ares_getaddrinfo(r->channel, name, NULL, &hints, take_answer, q);
	arm_timer(r);
	return q;
}

struct resolver_query *resolver_ask_name(struct resolver *r, const struct addr *addr,
					 resolver_named *named, void *ctx)
{
	struct resolver_query *q = xcalloc(1, sizeof(*q));

	q->named = named;
	q->ctx = ctx;
	q->resolver = r;
	ares_gethostbyaddr(r->channel, addr->bytes, (int)addr_len(addr), addr->family, take_host,
			   q);
	arm_timer(r);
	return q;
}

void resolver_cancel(struct resolver_query *q)
{
	q->done = NULL;
	q->named = NULL;
}
