// SPDX-License-Identifier: GPL-2.0-or-later
// One sealed connection to the exit's peer service: questions go in, answers come out.

#include "probe/probe_priv.h"

#include <errno.h>

#include "base/list.h"

static struct peer_link *link_of(struct stream *stream)
{
	return list_entry(stream, struct peer_link, stream);
}

static void come_up(struct stream *stream)
{
	struct peer_link *link = link_of(stream);

	link->events->up(link);
}

// Hands on every message that is whole.
static int take_messages(struct stream *stream, struct buf *plain)
{
	struct peer_link *link = link_of(stream);

	while (peer_link_is_open(link)) {
		struct wire_service_message message;
		size_t used;
		int rc = wire_service_parse(buf_head(plain), plain->len, &message, &used);

		if (rc < 0)
			return rc == -EAGAIN ? 0 : rc;
		buf_consume(plain, used);
		if (!(message.type & WIRE_SERVICE_ANSWER))
			continue; // a question: not ours to answer
		link->answered = true;
		link->events->heard(link, &message);
	}
	return 0;
}

static void end(struct stream *stream, int error)
{
	struct peer_link *link = link_of(stream);

	link->events->ended(link, error);
}

static const struct stream_events stream_events = {
	.up = come_up,
	.heard = take_messages,
	.ended = end,
};

void peer_link_init(struct peer_link *link, struct ev_loop *loop,
		    const struct peer_link_events *events, void *ctx)
{
	*link = (struct peer_link){ .events = events, .ctx = ctx };
	stream_init(&link->stream, loop, &stream_events);
}

int peer_link_open(struct peer_link *link, const struct peer_link_spec *spec)
{
	const struct wire_target target = wire_service_target();
	const struct stream_spec how = { .to = spec->exit,
					 .from = spec->source,
					 .mptcp = !spec->plain,
					 .key = spec->key,
					 .replay = spec->replay,
					 .target = &target };

	link->answered = false;
	return stream_open(&link->stream, &how);
}

void peer_link_ask(struct peer_link *link, uint8_t type, uint64_t nonce)
{
	const struct wire_service_message question = { .type = type, .nonce = nonce };
	uint8_t bytes[WIRE_SERVICE_MAX];

	// without memory the question is lost, and its owner's patience ends the link
	(void)stream_send(&link->stream, bytes, wire_service_put(&question, bytes));
}

void peer_link_close(struct peer_link *link)
{
	stream_close(&link->stream);
}
