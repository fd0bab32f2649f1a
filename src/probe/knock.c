// SPDX-License-Identifier: GPL-2.0-or-later
// Whether an exit answers UDP. No handshake tells that: what goes to a port that is closed or
// filtered vanishes as quietly as what nobody wants to answer. So a datagram asks the exit itself
// for an echo (doc/peer-service.md), over some paths at once, and again while nothing comes back.
// One answer by any path says that it does.

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/str.h"
#include "probe/probe.h"
#include "sock/sock.h"

#define TRIES      4
#define AGAIN_S    .5
#define ANSWER_MAX 512

struct way {
	int fd; // -1: not open
	ev_io io;
	struct knock *knock;
};

struct knock {
	struct ev_loop *loop;
	knock_done_fn *done;
	void *ctx;
	struct wire_datagrams keys;
	struct way ways[PATHS_MAX];
	uint64_t nonce;
	int tries;
	bool refused;
	ev_timer again;
};

// Its owner may free it, with the watchers of the same turn.
static void end(struct knock *knock, int error)
{
	ev_timer_stop(knock->loop, &knock->again);
	knock->done(knock->ctx, error);
}

static void ask(struct knock *knock)
{
	const struct wire_service_message question = { .type = WIRE_SERVICE_ECHO,
						       .nonce = knock->nonce };
	const struct wire_target target = wire_service_target();
	uint8_t message[WIRE_SERVICE_MAX], sealed[WIRE_SERVICE_MAX];
	size_t len = wire_service_put(&question, message);

	for (int i = 0; i < PATHS_MAX; i++) {
		ssize_t n;

		if (knock->ways[i].fd < 0)
			continue;
		n = wire_datagram_seal(&knock->keys, NULL, NULL, &target, message, len, sealed,
				       sizeof(sealed));
		// what cannot be sent has no answer
		if (n > 0 &&
		    send(knock->ways[i].fd, sealed, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
			knock->refused |= errno == ECONNREFUSED;
	}
	knock->tries++;
}

static bool is_answer(const struct knock *knock, const uint8_t *sealed, size_t len)
{
	struct wire_service_message answer;
	uint8_t plain[ANSWER_MAX];
	struct wire_datagram d;
	size_t used;

	return wire_datagram_open(&knock->keys, NULL, sealed, len, plain, &d) == 0 &&
	       wire_service_is_target(&d.target) &&
	       wire_service_parse(d.payload, d.len, &answer, &used) == 0 &&
	       answer.type == (WIRE_SERVICE_ECHO | WIRE_SERVICE_ANSWER) &&
	       answer.nonce == knock->nonce;
}

static void on_way(struct ev_loop *loop, ev_io *io, int revents)
{
	struct way *way = io->data;
	struct knock *knock = way->knock;
	uint8_t sealed[ANSWER_MAX];
	ssize_t n = recv(way->fd, sealed, sizeof(sealed), MSG_DONTWAIT);

	(void)loop;
	(void)revents;
	if (n < 0)
		knock->refused |= errno == ECONNREFUSED;
	else if (is_answer(knock, sealed, (size_t)n))
		end(knock, 0);
}

static void on_again(struct ev_loop *loop, ev_timer *timer, int revents)
{
	struct knock *knock = timer->data;

	(void)loop;
	(void)revents;
	if (knock->tries < TRIES)
		ask(knock);
	else
		end(knock, knock->refused ? -ECONNREFUSED : -ETIMEDOUT);
}

static void open_way(struct knock *knock, struct way *way, const struct addr *from,
		     const union sockaddr_any *exit)
{
	const struct sock_dial how = { .to = *exit, .from = *from };

	way->fd = sock_datagram_dial(&how);
	if (way->fd < 0)
		return;
	way->knock = knock;
	ev_io_init(&way->io, on_way, way->fd, EV_READ);
	way->io.data = way;
	ev_io_start(knock->loop, &way->io);
}

struct knock *knock_start(struct ev_loop *loop, const struct knock_target *target,
			  knock_done_fn *done, void *ctx)
{
	struct knock *knock = xcalloc(1, sizeof(*knock));
	int opened = 0;

	knock->loop = loop;
	knock->done = done;
	knock->ctx = ctx;
	for (int i = 0; i < PATHS_MAX; i++)
		knock->ways[i].fd = -1;
	ev_timer_init(&knock->again, on_again, AGAIN_S, AGAIN_S);
	knock->again.data = knock;
	for (int i = 0; i < target->n_sources; i++) {
		open_way(knock, &knock->ways[i], &target->sources[i], &target->exit);
		opened += knock->ways[i].fd >= 0;
	}
	if (!opened || wire_datagrams_init(&knock->keys, &target->key) < 0 ||
	    getrandom(&knock->nonce, sizeof(knock->nonce), 0) < 0) {
		knock_free(knock);
		return NULL;
	}
	ask(knock);
	ev_timer_start(loop, &knock->again);
	return knock;
}

void knock_free(struct knock *knock)
{
	if (!knock)
		return;
	ev_timer_stop(knock->loop, &knock->again);
	for (int i = 0; i < PATHS_MAX; i++) {
		if (knock->ways[i].fd < 0)
			continue;
		ev_io_stop(knock->loop, &knock->ways[i].io);
		close(knock->ways[i].fd);
	}
	wire_datagrams_wipe(&knock->keys);
	free(knock);
}
