// SPDX-License-Identifier: GPL-2.0-or-later
//
// The LAN's side: listeners, datagrams, TCP connections, and who may ask and how much.
//
// A listener is bound to an address and to the interface that it belongs to, so that the machine
// answers nobody who sends packets for that address in by another side. Who asks from an address
// that is not of the LAN gets no answer either: on a single interface (one arm) that is what keeps
// the world out.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"
#include "dns/dns_priv.h"
#include "sock/sock.h"

// Datagrams per turn of the loop, and bytes of a connection, so that a flood of them leaves time
// for the rest.
#define ROUNDS     32
#define READ_MAX   1024
#define QUERY_SIZE 4096 // a longer datagram is no query
// At most, of all clients and of one address.
#define WAITERS_MAX     2048
#define ACCOUNT_WAITERS 128
#define CONNS_MAX       128
#define ACCOUNT_CONNS   16
#define CONN_IDLE_MS    15000 // RFC 7766, 6.2.3: some seconds
#define CONN_OUT_MAX    (256 * 1024)
#define CONN_OUT_ENOUGH (CONN_OUT_MAX / 2) // no more questions are taken

// What one address has under way.
struct account {
	struct list link;
	struct addr addr;
	int refs, waiters, conns;
};

struct listener {
	struct list link;
	struct dns *dns;
	struct dns_listen what;
	int datagrams, stream; // descriptors; -1: not open
	ev_io datagrams_io, stream_io;
	char why[NOTE_SIZE]; // it is not; empty: it is
	struct list waiters;
	bool wanted;
};

struct conn {
	struct list link;
	struct dns *dns;
	struct account *account;
	int fd;
	ev_io io;
	struct buf in, out;
	struct list waiters;
	int64_t used_ms; // when it last asked, or took of an answer
	bool ended;      // the client has said all
	bool broken;     // it can be told nothing any more
};

// ---- accounts

static struct account *account_get(struct dns *dns, const struct addr *addr)
{
	struct list *pos, *after;
	struct account *account;

	list_for_each_safe(pos, after, &dns->accounts) {
		account = list_entry(pos, struct account, link);
		if (addr_equal(&account->addr, addr)) {
			account->refs++;
			return account;
		}
	}
	account = xcalloc(1, sizeof(*account));
	*account = (struct account){ .addr = *addr, .refs = 1 };
	list_add_tail(&dns->accounts, &account->link);
	return account;
}

static void account_put(struct account *account)
{
	if (--account->refs)
		return;
	list_remove(&account->link);
	free(account);
}

static bool is_client(const struct dns *dns, const struct listener *l, const struct addr *addr)
{
	struct addr at = addr_from_sockaddr(&l->what.at);

	if (addr_is_loopback(&at))
		return true;
	for (size_t i = 0; i < dns->spec.n_clients; i++) {
		if (prefix_contains(&dns->spec.clients[i], addr))
			return true;
	}
	return false;
}

// ---- answers

// Who asks and does not take the answers is not listened to.
static bool has_enough(const struct conn *conn)
{
	return conn->broken || conn->out.len >= CONN_OUT_ENOUGH;
}

static void conn_watch(struct conn *conn)
{
	int events =
		(conn->ended || has_enough(conn) ? 0 : EV_READ) | (conn->out.len ? EV_WRITE : 0);

	ev_io_stop(conn->dns->loop, &conn->io);
	if (!events)
		return;
	ev_io_set(&conn->io, conn->fd, events);
	ev_io_start(conn->dns->loop, &conn->io);
}

// client_tick() closes it.
static void conn_break(struct conn *conn)
{
	buf_fini(&conn->out);
	conn->broken = true;
}

// Sends what it can.
static void conn_flush(struct conn *conn)
{
	while (conn->out.len) {
		ssize_t n = send(conn->fd, buf_head(&conn->out), conn->out.len, MSG_NOSIGNAL);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			break;
		if (n < 0) {
			conn_break(conn);
			break;
		}
		buf_consume(&conn->out, (size_t)n);
		conn->used_ms = clock_mono_ms();
	}
	conn_watch(conn);
}

size_t client_limit(const struct waiter *w)
{
	return w->conn ? DNS_MESSAGE_MAX : dns_query_limit(&w->query);
}

static void send_datagram(const struct listener *l, const union sockaddr_any *to,
			  const uint8_t *message, size_t len)
{
	// one that does not go out is lost, as datagrams may be
	(void)sendto(l->datagrams, message, len, 0, &to->sa, sockaddr_len(to));
}

static void send_message(struct conn *conn, const uint8_t *message, size_t len)
{
	uint8_t prefix[2] = { (uint8_t)(len >> 8), (uint8_t)len };

	if (conn->broken)
		return;
	if (conn->out.len + len > CONN_OUT_MAX || buf_append(&conn->out, prefix, 2) < 0 ||
	    buf_append(&conn->out, message, len) < 0)
		conn_break(conn); // rather than leave one out, for which it would wait
	conn_flush(conn);
}

void client_answer(struct waiter *w, const uint8_t *message, size_t len)
{
	if (w->conn)
		send_message(w->conn, message, len);
	else
		send_datagram(w->listener, &w->from, message, len);
}

void waiter_free(struct dns *dns, struct waiter *w)
{
	list_remove(&w->link);
	list_remove(&w->home);
	w->account->waiters--;
	account_put(w->account);
	dns->n_waiters--;
	free(w);
}

// ---- queries

// The same datagram once more, from a client that lost patience.
static bool is_repeated(const struct ask *ask, const struct waiter *one)
{
	struct list *pos, *after;

	list_for_each_safe(pos, after, &ask->waiters) {
		const struct waiter *w = list_entry(pos, struct waiter, link);

		if (!w->conn && w->query.id == one->query.id &&
		    sockaddr_equal(&w->from, &one->from))
			return true;
	}
	return false;
}

// Answers from what is kept, if that will do.
static bool answer_from_cache(struct dns *dns, struct waiter *w)
{
	struct dns_kept kept;
	enum dns_found found = DNS_FOUND_NONE;

	if (dns->cache)
		found = dns_cache_get(dns->cache, &w->query, clock_mono_ms(), &kept);
	if (found != DNS_FOUND_FRESH && found != DNS_FOUND_STALE_ONLY)
		return false;
	dns->counted.hits++;
	dns->counted.stale += kept.stale;
	client_answer(w, dns->reply, dns_reply(&w->query, &kept, client_limit(w), dns->reply));
	return true;
}

static void refuse(struct dns *dns, struct waiter *w, int rcode)
{
	client_answer(w, dns->reply,
		      dns_reply_error(&w->query, (uint16_t)rcode, DNS_EXTRA_NONE, dns->reply));
}

// `from` is filled in as far as it is known where the query came from. Returns -EPROTO when it was
// none.
static int take_query(struct dns *dns, const struct waiter *from, const uint8_t *message,
		      size_t len)
{
	struct waiter one = *from, *w;
	struct ask *ask;
	int rcode = dns_query_parse(message, len, &one.query);

	if (rcode < 0)
		return rcode;
	dns->counted.queries++;
	if (rcode) {
		refuse(dns, &one, rcode);
		return 0;
	}
	if (answer_from_cache(dns, &one))
		return 0;
	ask = ask_find(dns, &one.query);
	if (ask && !one.conn && is_repeated(ask, &one))
		return 0;
	if (one.account->waiters == ACCOUNT_WAITERS || dns->n_waiters == WAITERS_MAX) {
		refuse(dns, &one, DNS_SERVFAIL);
		return 0;
	}
	w = malloc(sizeof(*w));
	if (!w)
		return 0;
	*w = one;
	list_init(&w->link);
	list_add_tail(w->conn ? &w->conn->waiters : &w->listener->waiters, &w->home);
	w->account->refs++;
	w->account->waiters++;
	dns->n_waiters++;
	if (ask)
		ask_join(ask, w);
	else
		ask_begin(dns, w);
	return 0;
}

// ---- datagrams

static void on_datagram(struct ev_loop *loop, ev_io *io, int revents)
{
	struct listener *l = io->data;
	uint8_t bytes[QUERY_SIZE];

	(void)loop;
	(void)revents;
	for (int i = 0; i < ROUNDS; i++) {
		struct waiter from = { .listener = l };
		socklen_t size = sizeof(from.from);
		ssize_t n = recvfrom(l->datagrams, bytes, sizeof(bytes), MSG_TRUNC, &from.from.sa,
				     &size);
		struct addr addr;

		if (n < 0)
			return;
		addr = addr_from_sockaddr(&from.from);
		if ((size_t)n > sizeof(bytes) || !sockaddr_port(&from.from) ||
		    !is_client(l->dns, l, &addr))
			continue;
		from.account = account_get(l->dns, &addr);
		take_query(l->dns, &from, bytes, (size_t)n);
		account_put(from.account);
	}
}

// ---- connections

static void drop_waiters(struct list *waiters)
{
	while (!list_is_empty(waiters))
		ask_leave(list_entry(waiters->next, struct waiter, home));
}

static void conn_close(struct conn *conn)
{
	drop_waiters(&conn->waiters);
	ev_io_stop(conn->dns->loop, &conn->io);
	close(conn->fd);
	buf_fini(&conn->in);
	buf_fini(&conn->out);
	list_remove(&conn->link);
	conn->dns->n_conns--;
	conn->account->conns--;
	account_put(conn->account);
	free(conn);
}

static int take_messages(struct conn *conn)
{
	while (conn->in.len >= 2 && !has_enough(conn)) {
		const struct waiter from = { .conn = conn, .account = conn->account };
		const uint8_t *at = buf_head(&conn->in);
		size_t len = (size_t)(at[0] << 8 | at[1]);
		int rc;

		if (len > QUERY_SIZE)
			return -EPROTO;
		if (conn->in.len < 2 + len)
			break;
		conn->used_ms = clock_mono_ms();
		rc = take_query(conn->dns, &from, at + 2, len);
		if (rc < 0)
			return rc;
		buf_consume(&conn->in, 2 + len);
	}
	return 0;
}

static int read_some(struct conn *conn)
{
	uint8_t bytes[READ_MAX];
	ssize_t n = recv(conn->fd, bytes, sizeof(bytes), 0);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if (n == 0)
		conn->ended = true;
	return buf_append(&conn->in, bytes, (size_t)n);
}

static void on_conn(struct ev_loop *loop, ev_io *io, int revents)
{
	struct conn *conn = io->data;
	int rc = 0;

	(void)loop;
	if (revents & EV_READ)
		rc = read_some(conn);
	conn_flush(conn);
	// those, too, that had to wait until there was room for the answers
	if (!rc)
		rc = take_messages(conn);
	conn_watch(conn);
	if (rc < 0 || conn->broken ||
	    (conn->ended && !conn->out.len && list_is_empty(&conn->waiters)))
		conn_close(conn);
}

static struct conn *find_idlest(struct dns *dns)
{
	struct conn *idlest = NULL;
	struct list *pos, *after;

	list_for_each_safe(pos, after, &dns->conns) {
		struct conn *conn = list_entry(pos, struct conn, link);

		if (list_is_empty(&conn->waiters) && (!idlest || conn->used_ms < idlest->used_ms))
			idlest = conn;
	}
	return idlest;
}

// Takes fd.
static void conn_open(struct listener *l, int fd, const struct addr *addr)
{
	struct dns *dns = l->dns;
	struct account *account = account_get(dns, addr);
	struct conn *idlest = dns->n_conns == CONNS_MAX ? find_idlest(dns) : NULL, *conn;

	if (account->conns == ACCOUNT_CONNS || (dns->n_conns == CONNS_MAX && !idlest)) {
		account_put(account);
		sock_abort(fd);
		return;
	}
	conn = xcalloc(1, sizeof(*conn));
	*conn = (struct conn){
		.dns = dns, .account = account, .fd = fd, .used_ms = clock_mono_ms()
	};
	account->conns++;
	if (idlest)
		conn_close(idlest);
	sock_tune(fd, false);
	list_init(&conn->waiters);
	list_add_tail(&dns->conns, &conn->link);
	dns->n_conns++;
	ev_io_init(&conn->io, on_conn, fd, EV_READ);
	ev_set_priority(&conn->io, EV_MINPRI);
	conn->io.data = conn;
	conn_watch(conn);
	dns_stir(dns);
}

static void on_connection(struct ev_loop *loop, ev_io *io, int revents)
{
	struct listener *l = io->data;

	(void)revents;
	for (int i = 0; i < ROUNDS; i++) {
		union sockaddr_any from;
		socklen_t size = sizeof(from);
		int fd = accept4(l->stream, &from.sa, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
		struct addr addr;

		if (fd < 0) {
			// without descriptors the loop would turn and turn; client_listen() looks
			// again
			if (errno == EMFILE || errno == ENFILE || errno == ENOMEM ||
			    errno == ENOBUFS)
				ev_io_stop(loop, io);
			return;
		}
		addr = addr_from_sockaddr(&from);
		if (is_client(l->dns, l, &addr))
			conn_open(l, fd, &addr);
		else
			sock_abort(fd);
	}
}

void client_tick(struct dns *dns, int64_t now_ms)
{
	struct list *pos, *after;

	list_for_each_safe(pos, after, &dns->conns) {
		struct conn *conn = list_entry(pos, struct conn, link);
		bool done = conn->ended && !conn->out.len;

		// an answer that nobody reads does not hold it either
		if (conn->broken || (list_is_empty(&conn->waiters) &&
				     (done || now_ms - conn->used_ms > CONN_IDLE_MS)))
			conn_close(conn);
	}
}

// ---- listeners

static void stop_listening(struct listener *l)
{
	if (l->datagrams >= 0) {
		ev_io_stop(l->dns->loop, &l->datagrams_io);
		close(l->datagrams);
	}
	if (l->stream >= 0) {
		ev_io_stop(l->dns->loop, &l->stream_io);
		close(l->stream);
	}
	l->datagrams = l->stream = -1;
}

static void listener_free(struct listener *l)
{
	drop_waiters(&l->waiters);
	stop_listening(l);
	list_remove(&l->link);
	free(l);
}

static void watch(struct listener *l, ev_io *io, int fd, void (*fn)(struct ev_loop *, ev_io *, int))
{
	ev_io_init(io, fn, fd, EV_READ);
	// what keeps the paths alive comes first
	ev_set_priority(io, EV_MINPRI);
	io->data = l;
	ev_io_start(l->dns->loop, io);
}

static void start_listening(struct listener *l)
{
	struct dns *dns = l->dns;
	char at[ADDR_STRLEN], text[NOTE_SIZE];
	struct str why = { 0 };
	bool first;

	l->datagrams = sock_serve(SOCK_DGRAM, &l->what.at, l->what.device, &why);
	if (l->datagrams >= 0)
		l->stream = sock_serve(SOCK_STREAM, &l->what.at, l->what.device, &why);
	if (l->stream < 0) {
		stop_listening(l);
		first = !l->why[0];
		str_copy(l->why, sizeof(l->why), str_text(&why));
		// said once until it works
		if (first)
			dns->tell(dns->ctx, LOG_LEVEL_ERROR, str_text(&why));
	} else {
		watch(l, &l->datagrams_io, l->datagrams, on_datagram);
		watch(l, &l->stream_io, l->stream, on_connection);
		l->why[0] = '\0';
		snprintf(text, sizeof(text), "answers on %s", sockaddr_format(&l->what.at, at));
		dns->tell(dns->ctx, LOG_LEVEL_NOTICE, text);
	}
	str_fini(&why);
}

static bool is_same_place(const struct dns_listen *a, const struct dns_listen *b)
{
	// a socket that is bound to a device is deaf when that is made anew
	return sockaddr_equal(&a->at, &b->at) && strcmp(a->device, b->device) == 0 &&
	       a->ifindex == b->ifindex;
}

static struct listener *find_listener(struct dns *dns, const struct dns_listen *what)
{
	struct list *pos, *after;

	list_for_each_safe(pos, after, &dns->listeners) {
		struct listener *l = list_entry(pos, struct listener, link);

		if (is_same_place(&l->what, what))
			return l;
	}
	return NULL;
}

static struct listener *listener_new(struct dns *dns, const struct dns_listen *what)
{
	struct listener *l = xcalloc(1, sizeof(*l));

	*l = (struct listener){ .dns = dns, .what = *what, .datagrams = -1, .stream = -1 };
	list_init(&l->waiters);
	list_add_tail(&dns->listeners, &l->link);
	return l;
}

void client_listen(struct dns *dns)
{
	struct list *pos, *after;

	list_for_each_safe(pos, after, &dns->listeners)
		list_entry(pos, struct listener, link)->wanted = false;
	for (size_t i = 0; i < dns->spec.n_listen; i++) {
		const struct dns_listen *what = &dns->spec.listen[i];
		struct listener *l = find_listener(dns, what);

		if (!l)
			l = listener_new(dns, what);
		l->wanted = true;
	}
	// an address that moves to another interface is given up first
	list_for_each_safe(pos, after, &dns->listeners) {
		struct listener *l = list_entry(pos, struct listener, link);

		if (!l->wanted)
			listener_free(l);
	}
	list_for_each_safe(pos, after, &dns->listeners) {
		struct listener *l = list_entry(pos, struct listener, link);

		if (l->stream < 0)
			start_listening(l);
		else
			ev_io_start(dns->loop, &l->stream_io);
	}
}

void client_count(const struct dns *dns, struct dns_snapshot *out)
{
	struct list *pos, *after;

	list_for_each_safe(pos, after, &dns->listeners) {
		const struct listener *l = list_entry(pos, struct listener, link);

		out->listeners++;
		out->listening += l->stream >= 0;
		if (l->why[0])
			str_copy(out->why, sizeof(out->why), l->why);
	}
}

void client_close_all(struct dns *dns)
{
	while (!list_is_empty(&dns->conns))
		conn_close(list_entry(dns->conns.next, struct conn, link));
	while (!list_is_empty(&dns->listeners))
		listener_free(list_entry(dns->listeners.next, struct listener, link));
}
