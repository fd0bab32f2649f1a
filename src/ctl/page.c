// SPDX-License-Identifier: GPL-2.0-or-later
//
// One page for scrapers, over HTTP/1.0 (RFC 1945): GET /metrics, an answer, the end. A client has
// PAGE_LIMIT_S from its connection on, whatever it does with them, a request of at most REQUEST_MAX
// bytes, and PAGE_CLIENTS_MAX may be there at once; further ones wait in the kernel's queue.
// Nothing blocks, and the page is made when a whole request has come.

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <ev.h>

#include "base/buf.h"
#include "ctl/ctl_priv.h"

#define PAGE_CLIENTS_MAX 8
#define PAGE_LIMIT_S     5.
#define REQUEST_MAX      2048
#define RETRY_S          1.

struct reader {
	struct ctl_page *page; // NULL: the place is free
	ev_io io;
	ev_timer limit;
	char in[REQUEST_MAX];
	size_t len;
	struct buf out;
	bool answered;
};

struct ctl_page {
	struct ev_loop *loop;
	ev_io listener;
	ev_timer retry; // accepting again after the process ran out of descriptors
	const char *type;
	void (*write)(void *ctx, struct str *out);
	void *ctx;
	struct reader readers[PAGE_CLIENTS_MAX];
	int n_readers;
};

static void end_reader(struct reader *r)
{
	struct ctl_page *page = r->page;

	ev_io_stop(page->loop, &r->io);
	ev_timer_stop(page->loop, &r->limit);
	close(r->io.fd);
	buf_fini(&r->out);
	r->page = NULL;
	page->n_readers--;
	if (!ev_is_active(&page->retry))
		ev_io_start(page->loop, &page->listener);
}

static void wait_for(struct reader *r, int events)
{
	ev_io_stop(r->page->loop, &r->io);
	ev_io_set(&r->io, r->io.fd, events);
	ev_io_start(r->page->loop, &r->io);
}

// ---- the answer

static const struct outcome {
	const char *line, *text; // NULL: the page
} found = { "200 OK", NULL }, bad = { "400 Bad Request", "This is no request of HTTP.\n" },
  missing = { "404 Not Found", "There is /metrics, and nothing else.\n" },
  method = { "405 Method Not Allowed\r\nAllow: GET, HEAD", "There is only GET and HEAD.\n" },
  too_long = { "431 Request Header Fields Too Large", "A request has at most 2048 bytes.\n" };

static const struct outcome *judge(const char *request, bool *head)
{
	char verb[8], path[64];
	int major, minor;

	*head = false;
	if (sscanf(request, "%7[A-Z] %63[^ \r\n] HTTP/%1d.%1d", verb, path, &major, &minor) != 4)
		return &bad;
	*head = strcmp(verb, "HEAD") == 0;
	if (!*head && strcmp(verb, "GET") != 0)
		return &method;
	path[strcspn(path, "?")] = '\0';
	return strcmp(path, "/metrics") == 0 ? &found : &missing;
}

static void answer(struct reader *r, const struct outcome *outcome, bool head)
{
	struct str body = { 0 }, all = { 0 };

	if (outcome->text)
		str_add(&body, outcome->text);
	else
		r->page->write(r->page->ctx, &body);
	str_addf(&all,
		 "HTTP/1.0 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nConnection: "
		 "close\r\n\r\n",
		 outcome->line, outcome->text ? "text/plain; charset=utf-8" : r->page->type,
		 body.len);
	if (!head)
		str_add(&all, str_text(&body));
	r->answered = buf_append(&r->out, str_text(&all), all.len) == 0;
	str_fini(&body);
	str_fini(&all);
}

// ---- a client's turn

// Returns whether a whole request is there, or more than one may have.
static bool take_request(struct reader *r)
{
	const struct outcome *outcome;
	bool head = false;

	r->in[r->len] = '\0';
	if (strstr(r->in, "\r\n\r\n") || strstr(r->in, "\n\n"))
		outcome = judge(r->in, &head);
	else if (r->len == sizeof(r->in) - 1)
		outcome = &too_long;
	else
		return false;
	answer(r, outcome, head);
	return true;
}

// What comes after the request is read and dropped: closing on it would take the answer back.
static void read_more(struct reader *r)
{
	char rest[512];
	char *to = r->answered ? rest : r->in + r->len;
	size_t room = r->answered ? sizeof(rest) : sizeof(r->in) - 1 - r->len;
	ssize_t n = recv(r->io.fd, to, room, 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		end_reader(r);
		return;
	}
	if (r->answered)
		return;
	r->len += (size_t)n;
	if (!take_request(r))
		return;
	if (r->answered)
		wait_for(r, EV_WRITE);
	else
		end_reader(r); // memory is out
}

static void write_more(struct reader *r)
{
	ssize_t n = send(r->io.fd, buf_head(&r->out), r->out.len, MSG_NOSIGNAL);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) {
		end_reader(r);
		return;
	}
	buf_consume(&r->out, (size_t)n);
	if (r->out.len)
		return;
	shutdown(r->io.fd, SHUT_WR);
	wait_for(r, EV_READ);
}

static void on_ready(struct ev_loop *loop, ev_io *w, int revents)
{
	(void)loop;
	if (revents & EV_WRITE)
		write_more(w->data);
	else
		read_more(w->data);
}

static void on_limit(struct ev_loop *loop, ev_timer *w, int revents)
{
	(void)loop;
	(void)revents;
	end_reader(w->data);
}

// ---- the door

static void begin_reader(struct ctl_page *page, int fd)
{
	struct reader *r = page->readers;

	while (r->page)
		r++;
	*r = (struct reader){ .page = page };
	ev_io_init(&r->io, on_ready, fd, EV_READ);
	ev_timer_init(&r->limit, on_limit, PAGE_LIMIT_S, 0.);
	r->io.data = r->limit.data = r;
	ev_io_start(page->loop, &r->io);
	ev_timer_start(page->loop, &r->limit);
	if (++page->n_readers == PAGE_CLIENTS_MAX)
		ev_io_stop(page->loop, &page->listener);
}

static void on_accept(struct ev_loop *loop, ev_io *w, int revents)
{
	struct ctl_page *page = w->data;
	int fd = accept4(w->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	(void)revents;
	if (fd >= 0) {
		begin_reader(page, fd);
	} else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
		ev_io_stop(loop, w);
		ev_timer_set(&page->retry, RETRY_S, 0.);
		ev_timer_start(loop, &page->retry);
	}
}

static void on_retry(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct ctl_page *page = w->data;

	(void)revents;
	if (page->n_readers < PAGE_CLIENTS_MAX)
		ev_io_start(loop, &page->listener);
}

static int open_listener(const union sockaddr_any *at)
{
	int fd = socket(at->sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1,
	    rc;

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, &at->sa, sockaddr_len(at)) == 0 && listen(fd, PAGE_CLIENTS_MAX) == 0)
		return fd;
	rc = -errno;
	close(fd);
	return rc;
}

int ctl_page_open(struct ev_loop *loop, const union sockaddr_any *at, const char *type,
		  void (*write)(void *ctx, struct str *out), void *ctx, struct ctl_page **out,
		  struct str *why)
{
	int fd = open_listener(at);
	char text[ADDR_STRLEN];
	struct ctl_page *page;

	if (fd < 0) {
		str_addf(why, "cannot listen on %s: %s", sockaddr_format(at, text), strerror(-fd));
		return fd;
	}
	page = xcalloc(1, sizeof(*page));
	page->loop = loop;
	page->type = type;
	page->write = write;
	page->ctx = ctx;
	ev_io_init(&page->listener, on_accept, fd, EV_READ);
	ev_timer_init(&page->retry, on_retry, 0., 0.);
	page->listener.data = page->retry.data = page;
	ev_io_start(loop, &page->listener);
	*out = page;
	return 0;
}

void ctl_page_close(struct ctl_page *page)
{
	if (!page)
		return;
	for (size_t i = 0; i < PAGE_CLIENTS_MAX; i++) {
		if (page->readers[i].page)
			end_reader(&page->readers[i]);
	}
	ev_io_stop(page->loop, &page->listener);
	ev_timer_stop(page->loop, &page->retry);
	close(page->listener.fd);
	free(page);
}
