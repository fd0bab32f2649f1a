// SPDX-License-Identifier: GPL-2.0-or-later
//
// The control socket: how a running gateway is looked at and told what to do. A unix stream socket
// that speaks lines of JSON (doc/control-protocol.md); the console, the command line and anybody's
// script are clients of the same kind. This file is the gateway's end, listen.c its socket file;
// client.c is the other end, json.c turns values into lines and back, peer.c finds out who is
// there.
//
// Everything runs on the thread of the loop that ctl_open() was given, the gateway's main thread,
// and nothing here may block it or grow without bound, whatever a client does. A client that does
// not read (Ctrl-S, a stopped process, a slow serial line) has one snapshot in its queue and the
// newest one waiting; those between are dropped for it, and its requests are not read. Request
// length, the number of clients and of bad requests are bounded too.
//
// Who may do what: the file's mode says who may connect and look (group mpgate); changes are for
// root, the gateway's own user and members of the group mpgate-admin, by what the kernel says of
// the peer at the time it connected (unix(7), SO_PEERCRED; SO_PEERGROUPS since Linux 4.13).
//
// A client is ended by mark_dead() from anywhere and freed by the loop later: a command may make
// the gateway publish, and so come back here while a client's callback is on the stack.
//
// Not here: what a command does, and logging it (the handler's), files, other transports.

#include "ctl/ctl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <ev.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "ctl/ctl_priv.h"

#define CLIENTS_MAX      64
#define REQUEST_MAX      4096        // bytes of one line
#define BAD_REQUESTS_MAX 8           // then the connection is closed
#define ANSWERS_MAX      (64 * 1024) // bytes waiting, above which no more requests are taken
#define SEND_BUFFER      (64 * 1024) // what the kernel may hold for a client
#define INTERVAL_MAX_MS  (3600 * 1000)
#define ACCEPT_RETRY_S   1.

// A line that several clients are going to be sent.
struct shared_line {
	int refs;
	char *text;
};

struct client {
	struct list link;
	struct ctl *ctl;
	ev_io io;
	ev_timer due; // runs while a snapshot waits for the watcher's interval
	struct ctl_peer peer;
	struct buf in, out;
	bool ended;   // the peer will send no more
	bool refused; // we will take no more
	bool dead;    // to be freed
	bool waits;   // for what takes time; later requests come after that
	enum ctl_kind waits_for;
	int64_t waits_id;
	int bad_requests;
	bool watching;
	int interval_ms;
	int64_t sent_ms;             // when the last snapshot was put into `out`
	struct shared_line *pending; // the newest snapshot, not yet in `out`
};

struct ctl {
	struct ev_loop *loop;
	struct ctl_handler handler;
	ev_io listener;
	ev_timer retry; // accepting again after the process ran out of descriptors
	ev_timer reaper;
	gid_t admins;
	struct list clients;
	int n_clients;
	bool gathers; // the handler was asked for the connections and has not answered yet
	struct ctl_listen listen;
};

static void put_shared_line(struct shared_line *line)
{
	if (!line || --line->refs)
		return;
	free(line->text);
	free(line);
}

// ---- the end of a client

static void mark_dead(struct client *c)
{
	if (c->dead)
		return;
	c->dead = true;
	ev_io_stop(c->ctl->loop, &c->io);
	ev_timer_stop(c->ctl->loop, &c->due);
	ev_timer_start(c->ctl->loop, &c->ctl->reaper);
}

static void free_client(struct client *c)
{
	ev_io_stop(c->ctl->loop, &c->io);
	ev_timer_stop(c->ctl->loop, &c->due);
	close(c->io.fd);
	list_remove(&c->link);
	c->ctl->n_clients--;
	buf_fini(&c->in);
	buf_fini(&c->out);
	put_shared_line(c->pending);
	free(c);
}

static void on_reap(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct ctl *ctl = w->data;
	struct list *pos, *after;

	(void)loop;
	(void)revents;
	list_for_each_safe(pos, after, &ctl->clients) {
		struct client *c = list_entry(pos, struct client, link);

		if (c->dead)
			free_client(c);
	}
}

// ---- sending

static void queue_line(struct client *c, const char *line)
{
	if (!line || buf_append(&c->out, line, strlen(line)) != 0 ||
	    buf_append(&c->out, "\n", 1) != 0)
		mark_dead(c); // memory is out
}

static void answer(struct client *c, enum ctl_kind kind, const void *value, int64_t id)
{
	char *line = ctl_json_from_value(kind, value, id);

	queue_line(c, line);
	free(line);
}

// Moves the newest snapshot into the queue when that is empty and the watcher's interval has
// passed; starts the timer when it has not.
static void queue_pending(struct client *c)
{
	int64_t wait_ms;

	if (!c->pending || c->out.len || c->dead || ev_is_active(&c->due))
		return;
	wait_ms = c->sent_ms + c->interval_ms - clock_mono_ms();
	if (wait_ms > 0) {
		ev_timer_set(&c->due, (double)wait_ms / 1000, 0.);
		ev_timer_start(c->ctl->loop, &c->due);
		return;
	}
	c->sent_ms = clock_mono_ms();
	queue_line(c, c->pending->text);
	put_shared_line(c->pending);
	c->pending = NULL;
}

static void send_out(struct client *c)
{
	while (c->out.len && !c->dead) {
		ssize_t n = send(c->io.fd, buf_head(&c->out), c->out.len, MSG_NOSIGNAL);

		if (n >= 0)
			buf_consume(&c->out, (size_t)n);
		else if (errno == EAGAIN)
			return;
		else if (errno != EINTR)
			mark_dead(c);
	}
}

static void send_queued(struct client *c)
{
	send_out(c);
	queue_pending(c);
	send_out(c);
}

static void update_io(struct client *c)
{
	bool reads = !c->ended && !c->refused && !c->waits && c->out.len <= ANSWERS_MAX;
	int events = (reads ? EV_READ : 0) | (c->out.len ? EV_WRITE : 0);

	if (!events && !c->waits && (c->refused || !c->in.len))
		mark_dead(c); // all that was asked is answered
	if (c->dead || (ev_is_active(&c->io) && (c->io.events & (EV_READ | EV_WRITE)) == events))
		return;
	ev_io_stop(c->ctl->loop, &c->io);
	if (!events)
		return; // ctl_answer_conns() goes on
	ev_io_set(&c->io, c->io.fd, events);
	ev_io_start(c->ctl->loop, &c->io);
}

// ---- requests

static void run_status(struct client *c, const struct ctl_request *request)
{
	const struct ctl_handler *h = &c->ctl->handler;
	struct snapshot snapshot = { 0 };

	h->snapshot(h->ctx, &snapshot);
	answer(c, CTL_SNAPSHOT, &snapshot, request->id);
}

static bool send_history(struct client *c, const char *path, enum trend_scale scale, int64_t id)
{
	const struct ctl_handler *h = &c->ctl->handler;
	struct history *history = xcalloc(1, sizeof(*history));
	bool found;

	str_copy(history->path, sizeof(history->path), path);
	history->scale = scale;
	found = h->history(h->ctx, path, scale, history);
	if (found)
		answer(c, CTL_HISTORY, history, id);
	free(history);
	return found;
}

static void run_watch(struct client *c, const struct ctl_request *request)
{
	struct ctl_hello hello = { .may_change = c->peer.may_change };

	str_copy(hello.who, sizeof(hello.who), c->peer.who);
	answer(c, CTL_HELLO, &hello, request->id);
	send_history(c, "", TREND_MINUTE, request->id);
	run_status(c, request);
	c->watching = true;
	c->interval_ms =
		request->interval_ms < INTERVAL_MAX_MS ? request->interval_ms : INTERVAL_MAX_MS;
	c->sent_ms = clock_mono_ms();
	ev_timer_stop(c->ctl->loop, &c->due); // of an earlier watch
}

static void hint_at_paths(const struct snapshot *s, const char *name, char *out, size_t size)
{
	struct str hint = { 0 };

	snapshot_hint_at_paths(s, name, &hint);
	str_copy(out, size, str_text(&hint));
	str_fini(&hint);
}

// Answers that there is no such path, and which there are.
static void answer_no_path(struct client *c, const struct snapshot *s, const char *path, int64_t id)
{
	char message[64], hint[sizeof(((struct ctl_error *)NULL)->hint)];
	struct ctl_error error;

	snprintf(message, sizeof(message), "no path '%s'", path);
	hint_at_paths(s, path, hint, sizeof(hint));
	ctl_error_set(&error, STATUS_NO_SUCH, message, hint);
	answer(c, CTL_ERROR, &error, id);
}

// Whether it exists; else it has been answered.
static bool find_path(struct client *c, const char *path, int64_t id)
{
	const struct ctl_handler *h = &c->ctl->handler;
	struct snapshot snapshot = { 0 };

	h->snapshot(h->ctx, &snapshot);
	if (snapshot_find_path(&snapshot, path))
		return true;
	answer_no_path(c, &snapshot, path, id);
	return false;
}

static void run_history(struct client *c, const struct ctl_request *request)
{
	const struct ctl_handler *h = &c->ctl->handler;
	struct snapshot snapshot = { 0 };

	if (send_history(c, request->path, request->scale, request->id))
		return;
	h->snapshot(h->ctx, &snapshot);
	answer_no_path(c, &snapshot, request->path, request->id);
}

// Whether the command may be handed on; else `out` says why not.
static bool check_command(struct client *c, const struct command *command,
			  struct command_result *out)
{
	static const bool wants_path[COMMANDS] = {
		[COMMAND_ENABLE] = true, [COMMAND_DISABLE] = true, [COMMAND_REDIAL] = true,
		[COMMAND_BACKUP] = true, [COMMAND_CAP] = true,     [COMMAND_NO_BACKUP] = true,
	};
	const struct ctl_handler *h = &c->ctl->handler;
	struct snapshot snapshot = { 0 };

	if (!c->peer.may_change) {
		out->status = STATUS_NOT_ALLOWED;
		snprintf(out->text, sizeof(out->text), "%s may look but not change things",
			 c->peer.who);
		str_copy(out->hint, sizeof(out->hint),
			 "changes need root or membership of the group " CTL_GROUP_CHANGE);
		return false;
	}
	if (!wants_path[command->verb])
		return true;
	h->snapshot(h->ctx, &snapshot);
	if (snapshot_find_path(&snapshot, command->object))
		return true;
	out->status = STATUS_NO_SUCH;
	snprintf(out->text, sizeof(out->text), "no path '%s'", command->object);
	hint_at_paths(&snapshot, command->object, out->hint, sizeof(out->hint));
	return false;
}

static void run_command(struct client *c, const struct ctl_request *request)
{
	const struct ctl_handler *h = &c->ctl->handler;
	struct command command = request->command;
	struct ctl_result result = { .verb = command.verb };

	str_copy(result.object, sizeof(result.object), command.object);
	str_copy(command.who, sizeof(command.who), c->peer.who);
	if (check_command(c, &command, &result.result))
		h->command(h->ctx, &command, &result.result);
	answer(c, CTL_RESULT, &result, request->id);
}

static void run_log(struct client *c, const struct ctl_request *request)
{
	const struct ctl_handler *h = &c->ctl->handler;
	struct event_page page;

	event_log_select(h->events(h->ctx), &request->filter, &page);
	answer(c, CTL_LOG, &page, request->id);
}

static void wait_for(struct client *c, enum ctl_kind kind, int64_t id)
{
	c->waits = true;
	c->waits_for = kind;
	c->waits_id = id;
}

// To who waits for `wanted`.
static void answer_waiting(struct ctl *ctl, enum ctl_kind wanted, enum ctl_kind kind,
			   const void *value)
{
	struct list *pos, *after;

	list_for_each_safe(pos, after, &ctl->clients) {
		struct client *c = list_entry(pos, struct client, link);

		if (!c->waits || c->waits_for != wanted || c->dead)
			continue;
		c->waits = false;
		answer(c, kind, value, c->waits_id);
		// the client's own callback may be on the stack
		ev_feed_event(ctl->loop, &c->io, EV_CUSTOM);
	}
}

static void run_conns(struct client *c, const struct ctl_request *request)
{
	static const struct conns none;
	struct ctl *ctl = c->ctl;

	if (!ctl->handler.conns) {
		answer(c, CTL_CONNS, &none, request->id);
		return;
	}
	wait_for(c, CTL_CONNS, request->id);
	if (ctl->gathers)
		return; // what is under way is new enough
	ctl->gathers = true;
	ctl->handler.conns(ctl->handler.ctx);
}

void ctl_answer_conns(struct ctl *ctl, const struct conns *conns)
{
	ctl->gathers = false;
	answer_waiting(ctl, CTL_CONNS, CTL_CONNS, conns);
}

static void run_test(struct client *c, const struct ctl_request *request)
{
	const struct ctl_handler *h = &c->ctl->handler;
	struct path_test_order order = request->test;
	struct ctl_error why;

	if (!h->test) {
		ctl_error_set(&why, STATUS_REFUSED, "this gateway cannot test paths", "");
		answer(c, CTL_ERROR, &why, request->id);
	} else if (find_path(c, order.path, request->id)) {
		order.may_spend = c->peer.may_change;
		wait_for(c, CTL_TEST, request->id);
		if (h->test(h->ctx, &order, &why))
			return;
		c->waits = false;
		answer(c, CTL_ERROR, &why, request->id);
	}
}

void ctl_answer_test(struct ctl *ctl, const struct path_test *test)
{
	answer_waiting(ctl, CTL_TEST, CTL_TEST, test);
}

void ctl_refuse_test(struct ctl *ctl, const struct ctl_error *why)
{
	answer_waiting(ctl, CTL_TEST, CTL_ERROR, why);
}

static void run_request(struct client *c, const char *line, size_t len)
{
	static void (*const run[CTL_ASKS])(struct client *, const struct ctl_request *) = {
		[CTL_ASK_STATUS] = run_status,   [CTL_ASK_WATCH] = run_watch,
		[CTL_ASK_HISTORY] = run_history, [CTL_ASK_COMMAND] = run_command,
		[CTL_ASK_LOG] = run_log,         [CTL_ASK_CONNS] = run_conns,
		[CTL_ASK_TEST] = run_test,
	};
	struct ctl_request request;
	struct ctl_error error;

	if (ctl_json_to_request(line, len, &request, &error) == 0) {
		run[request.ask](c, &request);
		return;
	}
	answer(c, CTL_ERROR, &error, request.id);
	c->refused = ++c->bad_requests >= BAD_REQUESTS_MAX;
}

static void refuse_long_request(struct client *c)
{
	struct ctl_error error;

	ctl_error_set(&error, STATUS_USAGE, "a request is longer than 4096 bytes", "");
	answer(c, CTL_ERROR, &error, CTL_NO_ID);
	c->refused = true;
}

// Takes requests as long as their answers are taken.
static void run_requests(struct client *c)
{
	while (c->in.len && c->out.len <= ANSWERS_MAX && !c->refused && !c->waits && !c->dead) {
		const char *head = (const char *)buf_head(&c->in);
		const char *end = memchr(head, '\n', c->in.len);
		size_t len = end ? (size_t)(end - head) : c->in.len;

		if (!end && c->in.len >= REQUEST_MAX) {
			refuse_long_request(c);
		} else if (!end && !c->ended) {
			return; // the rest is still to come
		} else {
			run_request(c, head, len);
			buf_consume(&c->in, end ? len + 1 : len);
		}
		send_queued(c);
	}
}

static void receive(struct client *c)
{
	size_t room = REQUEST_MAX - c->in.len;
	uint8_t *tail = buf_reserve(&c->in, room);
	ssize_t n;

	if (!tail) {
		mark_dead(c);
		return;
	}
	n = recv(c->io.fd, tail, room, 0);
	if (n > 0)
		buf_commit(&c->in, (size_t)n);
	else if (n == 0)
		c->ended = true;
	else if (errno != EAGAIN && errno != EINTR)
		mark_dead(c);
}

static void on_io(struct ev_loop *loop, ev_io *w, int revents)
{
	struct client *c = w->data;

	(void)loop;
	if ((revents & EV_READ) && c->in.len < REQUEST_MAX)
		receive(c);
	send_queued(c);
	run_requests(c);
	update_io(c);
}

static void on_due(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct client *c = w->data;

	(void)loop;
	(void)revents;
	send_queued(c);
	update_io(c);
}

// ---- new clients

// Takes `fd`.
static void add_client(struct ctl *ctl, int fd)
{
	struct client *c = xcalloc(1, sizeof(*c));

	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &(int){ SEND_BUFFER }, sizeof(int));
	c->ctl = ctl;
	ctl_peer_read(fd, ctl->admins, &c->peer);
	ev_io_init(&c->io, on_io, fd, EV_READ);
	ev_timer_init(&c->due, on_due, 0., 0.);
	c->io.data = c->due.data = c;
	list_add_tail(&ctl->clients, &c->link);
	ctl->n_clients++;
	ev_io_start(ctl->loop, &c->io);
}

// Takes `fd`.
static void turn_away(int fd)
{
	struct ctl_error error;
	char *line;

	ctl_error_set(&error, STATUS_REFUSED, "too many clients on the control socket",
		      "close a console or two");
	line = ctl_json_from_error(&error);
	if (line) {
		send(fd, line, strlen(line), MSG_NOSIGNAL | MSG_MORE);
		send(fd, "\n", 1, MSG_NOSIGNAL);
	}
	free(line);
	close(fd);
}

static void on_accept(struct ev_loop *loop, ev_io *w, int revents)
{
	struct ctl *ctl = w->data;
	int fd = accept4(w->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	(void)revents;
	if (fd >= 0) {
		if (ctl->n_clients < CLIENTS_MAX)
			add_client(ctl, fd);
		else
			turn_away(fd);
		return;
	}
	if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED)
		return;
	log_warning("control socket: cannot accept: %s; retry in %g s", strerror(errno),
		    ACCEPT_RETRY_S);
	ev_io_stop(loop, w);
	ev_timer_set(&ctl->retry, ACCEPT_RETRY_S, 0.);
	ev_timer_start(loop, &ctl->retry);
}

static void on_retry(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct ctl *ctl = w->data;

	(void)revents;
	ev_io_start(loop, &ctl->listener);
}

// ---- the door

int ctl_open(struct ev_loop *loop, const char *socket_path, const struct ctl_handler *handler,
	     struct ctl **out, struct str *why)
{
	struct ctl *ctl = xcalloc(1, sizeof(*ctl));
	int rc = ctl_listen_open(&ctl->listen, socket_path, CLIENTS_MAX, why);

	if (rc != 0) {
		free(ctl);
		return rc;
	}
	ctl->loop = loop;
	ctl->handler = *handler;
	ctl->admins = ctl_peer_group(CTL_GROUP_CHANGE);
	list_init(&ctl->clients);
	ev_io_init(&ctl->listener, on_accept, ctl->listen.fd, EV_READ);
	ev_timer_init(&ctl->retry, on_retry, 0., 0.);
	ev_timer_init(&ctl->reaper, on_reap, 0., 0.);
	ctl->listener.data = ctl->retry.data = ctl->reaper.data = ctl;
	ev_io_start(loop, &ctl->listener);
	*out = ctl;
	return 0;
}

static bool has_watchers(const struct ctl *ctl)
{
	for (struct list *pos = ctl->clients.next; pos != &ctl->clients; pos = pos->next) {
		if (list_entry(pos, struct client, link)->watching)
			return true;
	}
	return false;
}

void ctl_publish(struct ctl *ctl, const struct snapshot *snapshot)
{
	struct shared_line *line;
	struct list *pos, *after;

	if (!has_watchers(ctl))
		return;
	line = xcalloc(1, sizeof(*line));
	line->refs = 1;
	line->text = ctl_json_from_snapshot(snapshot);
	list_for_each_safe(pos, after, &ctl->clients) {
		struct client *c = list_entry(pos, struct client, link);

		if (!c->watching || c->dead || !line->text)
			continue;
		put_shared_line(c->pending);
		c->pending = line;
		line->refs++;
		send_queued(c);
		update_io(c);
	}
	put_shared_line(line);
}

void ctl_close(struct ctl *ctl)
{
	struct list *pos, *after;

	if (!ctl)
		return;
	list_for_each_safe(pos, after, &ctl->clients)
		free_client(list_entry(pos, struct client, link));
	ev_io_stop(ctl->loop, &ctl->listener);
	ev_timer_stop(ctl->loop, &ctl->retry);
	ev_timer_stop(ctl->loop, &ctl->reaper);
	ctl_listen_close(&ctl->listen);
	free(ctl);
}
