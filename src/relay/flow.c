// SPDX-License-Identifier: GPL-2.0-or-later
//
// Copying, written once. A flow reads from one side, seals or opens, and writes to the other; it
// does not know on which machine it runs.
//
// Everything passes through the worker's two scratch areas: read into one, turn into the other,
// write from there. Only what the far side would not take at once is kept (flow->waiting, at most
// one scratch area), and nothing more is read until that has drained: that is the whole of flow
// control. The far side's window then closes in the kernel, and the sender slows down.
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "relay/relay_priv.h"

static bool would_block(int error)
{
	return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

static void count_sent(struct flow *flow, size_t len)
{
	struct session *s = flow->to->session;

	if (flow->to == &s->sealed)
		s->tx_bytes += len;
}

// Writes what it can and keeps the rest.
static int write_or_keep(struct flow *flow, const uint8_t *bytes, size_t len)
{
	size_t done = 0;

	if (!flow->waiting.len && flow->to->fd >= 0) {
		while (done < len) {
			ssize_t n = send(flow->to->fd, bytes + done, len - done, MSG_NOSIGNAL);

			if (n < 0 && would_block(errno))
				break;
			if (n < 0)
				return -errno;
			done += (size_t)n;
		}
	}
	count_sent(flow, done);
	return buf_append(&flow->waiting, bytes + done, len - done);
}

int flow_drain(struct flow *flow)
{
	while (flow->waiting.len) {
		ssize_t n = send(flow->to->fd, buf_head(&flow->waiting), flow->waiting.len,
				 MSG_NOSIGNAL);

		if (n < 0)
			return would_block(errno) ? 0 : -errno;
		count_sent(flow, (size_t)n);
		buf_consume(&flow->waiting, (size_t)n);
	}
	return 0;
}

int flow_seal(struct session *s, const uint8_t *plain, size_t len)
{
	ssize_t n = wire_seal(&s->sealer, plain, len, s->worker->out, RELAY_OUT_SIZE);

	if (n < 0)
		return (int)n;
	return write_or_keep(&s->up, s->worker->out, (size_t)n);
}

// The salt alone says that the target was reached, even if it then had nothing to say.
static int end_sealed(struct session *s)
{
	return wire_sealer_started(&s->sealer) ? 0 : flow_seal(s, NULL, 0);
}

// One read from the plain side. Returns bytes taken, 0 when it must wait or has ended, or -errno.
static ssize_t seal_once(struct session *s)
{
	ssize_t n = recv(s->plain.fd, s->worker->in, RELAY_READ_MAX, 0);
	int rc;

	if (n < 0)
		return would_block(errno) ? 0 : -errno;
	if (n == 0) {
		s->up.ended = true;
		return end_sealed(s);
	}
	rc = flow_seal(s, s->worker->in, (size_t)n);
	return rc < 0 ? rc : n;
}

// The peer has closed. In the middle of a chunk that is a cut stream; before its salt it means
// that the exit did not reach the target.
static int check_end(const struct session *s)
{
	if (!wire_opener_started(&s->opener))
		return s->from_client ? -ECONNREFUSED : -EBADMSG;
	return s->rest.len || !wire_opener_between_chunks(&s->opener) ? -EBADMSG : 0;
}

// Reads and opens once; the plaintext is in the worker's out area.
static ssize_t read_and_open(struct session *s, size_t *produced)
{
	struct worker *w = s->worker;
	size_t have = s->rest.len, consumed;
	ssize_t n;
	int rc;

	*produced = 0;
	n = recv(s->sealed.fd, w->in + have, RELAY_READ_MAX, 0);
	if (n < 0)
		return would_block(errno) ? 0 : -errno;
	if (n == 0) {
		rc = check_end(s);
		return rc < 0 ? rc : -EPIPE;
	}
	s->rx_bytes += (size_t)n;
	if (have)
		memcpy(w->in, buf_head(&s->rest), have);
	have += (size_t)n;
	rc = wire_open(&s->opener, w->in, have, &consumed, w->out, RELAY_OUT_SIZE, produced);
	if (rc < 0)
		return rc;
	buf_consume(&s->rest, s->rest.len);
	rc = buf_append(&s->rest, w->in + consumed, have - consumed);
	return rc < 0 ? rc : n;
}

static ssize_t open_once(struct session *s)
{
	size_t produced;
	ssize_t n = read_and_open(s, &produced);
	int rc;

	if (n == -EPIPE) {
		s->down.ended = true;
		return 0;
	}
	if (n <= 0)
		return n;
	rc = write_or_keep(&s->down, s->worker->out, produced);
	return rc < 0 ? rc : n;
}

ssize_t flow_open_once(struct session *s)
{
	size_t produced;
	ssize_t n = read_and_open(s, &produced);

	if (n <= 0)
		return n;
	if (buf_append(&s->down.waiting, s->worker->out, produced) < 0)
		return -ENOMEM;
	return (ssize_t)produced;
}

// One read, passed on as it is.
static ssize_t copy_once(struct session *s, struct flow *flow)
{
	ssize_t n = recv(flow->from->fd, s->worker->in, RELAY_READ_MAX, 0);
	int rc;

	if (n < 0)
		return would_block(errno) ? 0 : -errno;
	if (n == 0) {
		flow->ended = true;
		return 0;
	}
	if (flow->from == &s->sealed)
		s->rx_bytes += (size_t)n;
	rc = write_or_keep(flow, s->worker->in, (size_t)n);
	return rc < 0 ? rc : n;
}

// Passes the end on once all before it is out.
static int pass_end(struct flow *flow)
{
	if (!flow->ended || flow->shut || flow->waiting.len)
		return 0;
	flow->shut = true;
	// ENOTCONN: the peer has reset meanwhile; the next read says so
	return shutdown(flow->to->fd, SHUT_WR) < 0 && errno != ENOTCONN ? -errno : 0;
}

int flow_run(struct session *s, struct flow *flow)
{
	int rc = flow_drain(flow);

	for (int round = 0; !rc && round < RELAY_ROUNDS; round++) {
		ssize_t n;

		if (flow->ended || flow->waiting.len)
			break;
		if (s->direct)
			n = copy_once(s, flow);
		else
			n = flow == &s->up ? seal_once(s) : open_once(s);
		if (n <= 0) {
			rc = (int)n;
			break;
		}
		// a short read means that the socket is empty; asking again would cost a call
		if (n < RELAY_READ_MAX)
			break;
	}
	s->active = ev_now(s->worker->loop);
	worker_stir(s->worker);
	return rc ? rc : pass_end(flow);
}
