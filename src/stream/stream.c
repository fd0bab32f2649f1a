// SPDX-License-Identifier: GPL-2.0-or-later
//
// The gateway's own connections: that to the exit's peer service (probe/peer_link.c) and those that
// carry DNS (dns/lane.c). One is a descriptor, the two ciphers when it is sealed, and queues that
// are empty most of the time. Main thread, a libev loop; nothing blocks.
//
// An owner's callback may close its stream, so after each one the stream is looked at again.
#include "stream/stream.h"

#include <errno.h>
#include <sys/socket.h>

#include "sock/sock.h"

#define READ_MAX 8192
// IP and TCP headers with their options; of a handshake and its end. IPv6 costs 20 more each.
#define PACKET_BYTES 60
#define OPEN_BYTES   (4 * PACKET_BYTES)

static void watch(struct stream *s)
{
	int events = !s->connected || s->out.len ? EV_READ | EV_WRITE : EV_READ;

	if ((s->io.events & (EV_READ | EV_WRITE)) == events && ev_is_active(&s->io))
		return;
	ev_io_stop(s->loop, &s->io);
	ev_io_set(&s->io, s->fd, events);
	ev_io_start(s->loop, &s->io);
}

static int seal(struct stream *s, const uint8_t *plain, size_t len)
{
	size_t bound = wire_seal_bound(&s->sealer, len);
	uint8_t *out = buf_reserve(&s->out, bound);
	ssize_t n = out ? wire_seal(&s->sealer, plain, len, out, bound) : -ENOMEM;

	if (n < 0)
		return (int)n;
	buf_commit(&s->out, (size_t)n);
	return 0;
}

static int flush(struct stream *s)
{
	while (s->out.len) {
		ssize_t n = send(s->fd, buf_head(&s->out), s->out.len, MSG_NOSIGNAL);

		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -errno;
		s->bytes += (unsigned)n + 2 * PACKET_BYTES; // and its acknowledgement
		buf_consume(&s->out, (size_t)n);
	}
	return 0;
}

static int open_chunks(struct stream *s, const uint8_t *bytes, size_t len)
{
	size_t consumed, produced;
	uint8_t *plain;
	int rc;

	if (buf_append(&s->sealed, bytes, len) < 0)
		return -ENOMEM;
	plain = buf_reserve(&s->plain, s->sealed.len);
	if (!plain)
		return -ENOMEM;
	rc = wire_open(&s->opener, buf_head(&s->sealed), s->sealed.len, &consumed, plain,
		       s->sealed.len, &produced);
	buf_commit(&s->plain, produced);
	buf_consume(&s->sealed, consumed);
	return rc < 0 ? -EPROTO : 0;
}

static int read_some(struct stream *s)
{
	uint8_t bytes[READ_MAX];
	ssize_t n = recv(s->fd, bytes, sizeof(bytes), 0);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if (n == 0)
		return -EPIPE;
	s->bytes += (unsigned)n + 2 * PACKET_BYTES;
	return s->keyed ? open_chunks(s, bytes, (size_t)n)
			: buf_append(&s->plain, bytes, (size_t)n);
}

static int come_up(struct stream *s)
{
	int rc = sock_dial_result(s->fd);

	if (rc < 0)
		return rc;
	sock_tune(s->fd, true);
	s->connected = true;
	s->bytes += OPEN_BYTES;
	s->events->up(s);
	return 0;
}

static void on_io(struct ev_loop *loop, ev_io *io, int revents)
{
	struct stream *s = io->data;
	int rc = 0;

	(void)loop;
	if (!s->connected)
		rc = come_up(s);
	else if (revents & EV_READ)
		rc = read_some(s);
	if (!rc && s->plain.len)
		rc = s->events->heard(s, &s->plain);
	if (!rc && stream_is_open(s) && s->connected)
		rc = flush(s);
	if (rc < 0) {
		stream_close(s);
		s->events->ended(s, rc);
	} else if (stream_is_open(s)) {
		watch(s);
	}
}

void stream_init(struct stream *s, struct ev_loop *loop, const struct stream_events *events)
{
	*s = (struct stream){ .events = events, .loop = loop, .fd = -1 };
	ev_init(&s->io, on_io);
	s->io.data = s;
}

int stream_open(struct stream *s, const struct stream_spec *spec)
{
	const struct sock_dial how = {
		.to = spec->to, .from = spec->from, .mptcp = spec->mptcp, .mark = spec->mark
	};
	uint8_t header[WIRE_TARGET_MAX];
	int rc = sock_dial(&how);

	if (rc < 0)
		return rc;
	s->fd = rc;
	s->connected = false;
	s->keyed = spec->key != NULL;
	rc = 0;
	if (s->keyed) {
		wire_sealer_init(&s->sealer, spec->key, spec->replay);
		wire_opener_init(&s->opener, spec->key, spec->replay);
		rc = seal(s, header, wire_target_put(spec->target, header));
	}
	if (rc < 0)
		stream_close(s);
	else
		watch(s);
	return rc;
}

int stream_send(struct stream *s, const uint8_t *bytes, size_t len)
{
	int rc = s->keyed ? seal(s, bytes, len) : buf_append(&s->out, bytes, len);

	if (!rc)
		watch(s);
	return rc;
}

void stream_close(struct stream *s)
{
	if (!stream_is_open(s))
		return;
	ev_io_stop(s->loop, &s->io);
	sock_abort(s->fd);
	s->fd = -1;
	wire_sealer_fini(&s->sealer);
	wire_opener_fini(&s->opener);
	buf_fini(&s->out);
	buf_fini(&s->sealed);
	buf_fini(&s->plain);
}
