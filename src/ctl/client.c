// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <poll.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "ctl/ctl_priv.h"

// A snapshot with sixteen paths is about 20 KiB long, a history at most 45 KiB, two hundred
// connections with five subflows each 300 KiB.
#define LINE_MAX_BYTES (1024 * 1024)
#define READ_SIZE      (16 * 1024)

struct ctl_client {
	int fd;
	struct buf in, out;
	size_t scanned; // bytes at the head of `in` that hold no line end
	size_t given;   // length of the line that the last message borrowed
};

int ctl_client_connect(const char *socket_path, struct ctl_client **out)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd, rc;

	if (strlen(socket_path) >= sizeof(sa.sun_path))
		return -ENAMETOOLONG;
	str_copy(sa.sun_path, sizeof(sa.sun_path), socket_path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&sa, sizeof(sa)) != 0) {
		rc = -errno;
		close(fd);
		return rc;
	}
	*out = xcalloc(1, sizeof(**out));
	(*out)->fd = fd;
	return 0;
}

void ctl_client_free(struct ctl_client *c)
{
	if (!c)
		return;
	close(c->fd);
	buf_fini(&c->in);
	buf_fini(&c->out);
	free(c);
}

int ctl_client_fd(const struct ctl_client *c)
{
	return c->fd;
}

short ctl_client_events(const struct ctl_client *c)
{
	return c->out.len ? POLLIN | POLLOUT : POLLIN;
}

// ---- requests

static int flush_out(struct ctl_client *c)
{
	while (c->out.len) {
		ssize_t n = send(c->fd, buf_head(&c->out), c->out.len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : -errno;
		buf_consume(&c->out, (size_t)n);
	}
	return 0;
}

static int ask(struct ctl_client *c, const struct ctl_request *request)
{
	char *line = ctl_json_from_request(request);
	int rc = line ? buf_append(&c->out, line, strlen(line)) : -ENOMEM;

	free(line);
	if (rc == 0)
		rc = buf_append(&c->out, "\n", 1);
	return rc == 0 ? flush_out(c) : rc;
}

int ctl_client_status(struct ctl_client *c)
{
	return ask(c, &(struct ctl_request){ .ask = CTL_ASK_STATUS });
}

int ctl_client_watch(struct ctl_client *c, int interval_ms)
{
	return ask(c, &(struct ctl_request){ .ask = CTL_ASK_WATCH, .interval_ms = interval_ms });
}

int ctl_client_history(struct ctl_client *c, const char *path, enum trend_scale scale)
{
	struct ctl_request request = { .ask = CTL_ASK_HISTORY, .scale = scale };

	str_copy(request.path, sizeof(request.path), path);
	return ask(c, &request);
}

int ctl_client_log(struct ctl_client *c, const struct event_filter *filter)
{
	return ask(c, &(struct ctl_request){ .ask = CTL_ASK_LOG, .filter = *filter });
}

int ctl_client_send(struct ctl_client *c, const struct command *command)
{
	return ask(c, &(struct ctl_request){ .ask = CTL_ASK_COMMAND, .command = *command });
}

int ctl_client_test(struct ctl_client *c, const struct path_test_order *order)
{
	return ask(c, &(struct ctl_request){ .ask = CTL_ASK_TEST, .test = *order });
}

int ctl_client_conns(struct ctl_client *c)
{
	return ask(c, &(struct ctl_request){ .ask = CTL_ASK_CONNS });
}

// ---- answers

// The next complete line, terminated in place, or NULL.
static const char *take_line(struct ctl_client *c)
{
	uint8_t *head, *end;

	if (c->in.len == c->scanned)
		return NULL;
	head = c->in.data + c->in.head;
	end = memchr(head + c->scanned, '\n', c->in.len - c->scanned);
	if (!end) {
		c->scanned = c->in.len;
		return NULL;
	}
	*end = '\0';
	c->given = (size_t)(end - head) + 1;
	return (const char *)head;
}

static void drop_given_line(struct ctl_client *c)
{
	if (!c->given)
		return;
	buf_consume(&c->in, c->given);
	c->given = c->scanned = 0;
}

// Returns 1 when something came, 0 when nothing is there.
static int receive(struct ctl_client *c)
{
	uint8_t *tail = buf_reserve(&c->in, READ_SIZE);
	ssize_t n;

	if (!tail)
		return -ENOMEM;
	do
		n = recv(c->fd, tail, READ_SIZE, 0);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? 0 : errno == ECONNRESET ? -EPIPE : -errno;
	if (n == 0)
		return -EPIPE;
	buf_commit(&c->in, (size_t)n);
	return 1;
}

int ctl_client_read(struct ctl_client *c, struct ctl_message *out)
{
	const char *line;
	int rc;

	flush_out(c); // when that fails, what was answered before can still be read
	drop_given_line(c);
	while (!(line = take_line(c))) {
		if (c->in.len > LINE_MAX_BYTES)
			return -EPROTO;
		rc = receive(c);
		if (rc <= 0)
			return rc;
	}
	rc = ctl_json_parse(line, out);
	return rc == 0 ? 1 : rc;
}

int ctl_client_wait(struct ctl_client *c, struct ctl_message *out, int timeout_ms)
{
	int64_t deadline_ms = clock_mono_ms() + timeout_ms;
	int rc;

	while ((rc = ctl_client_read(c, out)) == 0) {
		struct pollfd pfd = { .fd = c->fd, .events = ctl_client_events(c) };
		int64_t left_ms = deadline_ms - clock_mono_ms();

		if (left_ms <= 0)
			return -ETIMEDOUT;
		if (poll(&pfd, 1, (int)left_ms) < 0 && errno != EINTR)
			return -errno;
	}
	return rc < 0 ? rc : 0;
}

// ---- failures in words

static const struct failure {
	int error;
	enum status status;
	const char *code;           // NULL: the status's own
	const char *message, *hint; // %p: the socket's path, %u: the user, %e: strerror()
} failures[] = {
	{ ENOENT, STATUS_NOT_RUNNING, NULL, "no gateway is running (%p does not exist)",
	  "start it with 'systemctl start mpgate', or in this terminal with 'mpgate gateway'" },
	{ ECONNREFUSED, STATUS_NOT_RUNNING, NULL, "no gateway is running (none answers on %p)",
	  "start it with 'systemctl start mpgate', or in this terminal with 'mpgate gateway'" },
	{ EPIPE, STATUS_NOT_RUNNING, "gone", "the gateway on %p has ended the connection", "" },
	{ EACCES, STATUS_NOT_ALLOWED, NULL, "user %u may not talk to the gateway (%p: %e)",
	  "join the group ('adduser %u mpgate', then log in again), or use sudo" },
	{ ETIMEDOUT, STATUS_FAILED, "no-answer", "the gateway on %p does not answer", "" },
	{ EAGAIN, STATUS_FAILED, "no-answer", "the gateway on %p does not answer", "" },
	{ EPROTO, STATUS_FAILED, "protocol", "what answers on %p is not understood",
	  "a gateway of another version? 'systemctl restart mpgate' starts the installed one" },
	{ 0, STATUS_FAILED, NULL, "cannot talk to the gateway on %p: %e", "" },
};

static const struct failure *find_failure(int error)
{
	const struct failure *f = failures;

	while (f->error && f->error != error)
		f++;
	return f;
}

static void fill_in(struct str *out, const char *text, const char *path, const char *user,
		    const char *error)
{
	for (; *text; text++) {
		if (*text != '%')
			str_addf(out, "%c", *text);
		else
			str_add(out, *++text == 'p' ? path : *text == 'u' ? user : error);
	}
}

void ctl_client_explain(int rc, const char *socket_path, struct ctl_error *out)
{
	const struct failure *f = find_failure(-rc);
	const struct passwd *pw = getpwuid(geteuid());
	const char *user = pw ? pw->pw_name : "?";
	struct str message = { 0 }, hint = { 0 };

	fill_in(&message, f->message, socket_path, user, strerror(-rc));
	fill_in(&hint, f->hint, socket_path, user, strerror(-rc));
	ctl_error_set(out, f->status, str_text(&message), str_text(&hint));
	if (f->code)
		str_copy(out->code, sizeof(out->code), f->code);
	str_fini(&message);
	str_fini(&hint);
}
