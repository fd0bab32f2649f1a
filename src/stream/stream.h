// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef STREAM_STREAM_H
#define STREAM_STREAM_H

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/buf.h"
#include "wire/wire.h"

// A connection of the gateway's own that its main thread speaks over: to a target through the exit,
// sealed as the LAN's are, or straight to the target. What the LAN's connections carry is relay/'s.

struct stream;

// Each may close the stream, and open it anew.
struct stream_events {
	void (*up)(struct stream *stream); // connected
	// Something came; take what is whole and leave the rest. 0, or -errno that ends the stream.
	int (*heard)(struct stream *stream, struct buf *plain);
	// It could not be opened, or broke: -EPIPE or -ECONNRESET by the other end, -EPROTO: what
	// came cannot be opened with the key. The stream is closed already.
	void (*ended)(struct stream *stream, int error);
};

struct stream_spec {
	union sockaddr_any to; // the exit; without a key the target itself
	struct addr from;      // source address, which chooses the path; AF_UNSPEC: the routes do
	bool mptcp;
	uint32_t mark;              // of its packets; 0: none
	const struct wire_key *key; // NULL: not sealed
	// With a key. The filter is borrowed until the stream is closed.
	struct wire_replay *replay;
	const struct wire_target *target;
};

struct stream {
	const struct stream_events *events;
	struct ev_loop *loop;
	int fd; // -1: closed
	ev_io io;
	bool connected;
	bool keyed;
	struct wire_sealer sealer;
	struct wire_opener opener;
	struct buf out, sealed, plain; // not sent yet; half a chunk; not taken yet
	unsigned bytes;                // ever spent, headers estimated
};

void stream_init(struct stream *stream, struct ev_loop *loop, const struct stream_events *events);
// Begins to connect and puts the target first. 0, or -errno: not even begun.
int stream_open(struct stream *stream, const struct stream_spec *spec);
// Keeps it until it can be sent, which is soon. 0, or -ENOMEM or -EIO: it could not be kept or
// sealed, and the stream is of no use any more. That it could not be sent is told by ended(),
// later.
int stream_send(struct stream *stream, const uint8_t *bytes, size_t len);
// Without a word to its owner.
void stream_close(struct stream *stream);
static inline bool stream_is_open(const struct stream *stream)
{
	return stream->fd >= 0;
}

#endif
