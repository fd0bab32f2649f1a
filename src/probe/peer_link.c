// SPDX-License-Identifier: GPL-2.0-or-later
// One sealed connection to the exit's peer service: questions go in, answers come out.

#include "probe/probe_priv.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "sock/sock.h"

#define READ_MAX 8192
// IP and TCP headers with their options; of a handshake and its end. IPv6 costs 20 more each.
#define PACKET_BYTES 60
#define OPEN_BYTES   (4 * PACKET_BYTES)

static void fail(struct peer_link *link, int error)
{
	peer_link_close(link);
	link->events->ended(link, error);
}

static void watch(struct peer_link *link)
{
	int events = !link->connected || link->out.len ? EV_READ | EV_WRITE : EV_READ;

	if ((link->io.events & (EV_READ | EV_WRITE)) == events && ev_is_active(&link->io))
		return;
	ev_io_stop(link->loop, &link->io);
	ev_io_set(&link->io, link->fd, events);
	ev_io_start(link->loop, &link->io);
}

static int seal(struct peer_link *link, const uint8_t *plain, size_t len)
{
	size_t bound = wire_seal_bound(&link->sealer, len);
	uint8_t *out = buf_reserve(&link->out, bound);
	ssize_t n = out ? wire_seal(&link->sealer, plain, len, out, bound) : -ENOMEM;

	if (n < 0)
		return (int)n;
	buf_commit(&link->out, (size_t)n);
	return 0;
}

static int flush(struct peer_link *link)
{
	while (link->out.len) {
		ssize_t n = send(link->fd, buf_head(&link->out), link->out.len, MSG_NOSIGNAL);

		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -errno;
		link->bytes += (unsigned)n + 2 * PACKET_BYTES; // and its acknowledgement
		buf_consume(&link->out, (size_t)n);
	}
	return 0;
}

static int read_some(struct peer_link *link)
{
	uint8_t bytes[READ_MAX], *plain;
	size_t consumed, produced;
	ssize_t n = recv(link->fd, bytes, sizeof(bytes), 0);
	int rc;

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if (n == 0)
		return -EPIPE;
	link->bytes += (unsigned)n + 2 * PACKET_BYTES;
	if (buf_append(&link->sealed, bytes, (size_t)n) < 0)
		return -ENOMEM;
	plain = buf_reserve(&link->plain, link->sealed.len);
	if (!plain)
		return -ENOMEM;
	rc = wire_open(&link->opener, buf_head(&link->sealed), link->sealed.len, &consumed, plain,
		       link->sealed.len, &produced);
	buf_commit(&link->plain, produced);
	buf_consume(&link->sealed, consumed);
	return rc < 0 ? -EPROTO : 0;
}

// Hands on every message that is whole.
static int take_messages(struct peer_link *link)
{
	while (peer_link_is_open(link)) {
		struct wire_service_message message;
		size_t used;
		int rc = wire_service_parse(buf_head(&link->plain), link->plain.len, &message, &used);

		if (rc < 0)
			return rc == -EAGAIN ? 0 : rc;
		buf_consume(&link->plain, used);
		if (!(message.type & WIRE_SERVICE_ANSWER))
			continue; // a question: not ours to answer
		link->answered = true;
		link->events->heard(link, &message);
	}
	return 0;
}

static int come_up(struct peer_link *link)
{
	int rc = sock_dial_result(link->fd);

	if (rc < 0)
		return rc;
	sock_tune(link->fd, true);
	link->connected = true;
	link->bytes += OPEN_BYTES;
	link->events->up(link);
	return 0;
}

static void on_io(struct ev_loop *loop, ev_io *io, int revents)
{
	struct peer_link *link = io->data;
	int rc = 0;

	(void)loop;
	if (!link->connected)
		rc = come_up(link);
	else if (revents & EV_READ)
		rc = read_some(link);
	if (!rc && peer_link_is_open(link))
		rc = take_messages(link);
	if (!rc && peer_link_is_open(link))
		rc = flush(link);
	if (rc < 0)
		fail(link, rc);
	else if (peer_link_is_open(link))
		watch(link);
}

void peer_link_init(struct peer_link *link, struct ev_loop *loop, const struct peer_link_events *events,
		    void *ctx)
{
	*link = (struct peer_link){ .events = events, .ctx = ctx, .loop = loop, .fd = -1 };
	ev_init(&link->io, on_io);
	link->io.data = link;
}

int peer_link_open(struct peer_link *link, const struct peer_link_spec *spec)
{
	const struct sock_dial how = { .to = spec->exit, .from = spec->source, .mptcp = true };
	struct wire_target target = wire_service_target();
	uint8_t header[WIRE_TARGET_MAX];
	int rc = sock_dial(&how);

	if (rc < 0)
		return rc;
	link->fd = rc;
	link->connected = link->answered = false;
	wire_sealer_init(&link->sealer, spec->key, spec->replay);
	wire_opener_init(&link->opener, spec->key, spec->replay);
	rc = seal(link, header, wire_target_put(&target, header));
	if (rc < 0)
		peer_link_close(link);
	else
		watch(link);
	return rc;
}

void peer_link_ask(struct peer_link *link, uint8_t type, uint64_t nonce)
{
	const struct wire_service_message question = { .type = type, .nonce = nonce };
	uint8_t bytes[WIRE_SERVICE_MAX];

	// without memory the question is lost, and its owner's patience ends the link
	if (seal(link, bytes, wire_service_put(&question, bytes)) == 0)
		watch(link);
}

void peer_link_close(struct peer_link *link)
{
	if (!peer_link_is_open(link))
		return;
	ev_io_stop(link->loop, &link->io);
	sock_abort(link->fd);
	link->fd = -1;
	wire_sealer_fini(&link->sealer);
	wire_opener_fini(&link->opener);
	buf_fini(&link->out);
	buf_fini(&link->sealed);
	buf_fini(&link->plain);
}
