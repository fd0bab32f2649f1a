// SPDX-License-Identifier: GPL-2.0-or-later
//
// What comes from the exit has to reach the client from the address that the client wrote to. That
// takes a socket for each such address and port, bound to what is nobody's address here
// (IP_TRANSPARENT). A worker keeps some for all of its clients; another one that is needed takes
// the place of one among four, the one used longest ago. Nothing is ever read from them: the rule
// of nft gives what the LAN sends to the listener.
#include <errno.h>
#include <unistd.h>

#include "base/log.h"
#include "relay/relay_priv.h"

#define KEPT_S 60.
// Once, as long as it goes on.
#define TAKEN_AGAIN_S 600

static struct reply *find_set(struct worker *w, const union sockaddr_any *as)
{
	struct addr addr = addr_from_sockaddr(as);
	uint32_t hash = sockaddr_port(as);

	for (size_t i = 0; i < addr_len(&addr); i++)
		hash = hash * 31 + addr.bytes[i];
	return w->replies.sets[(hash ^ hash >> 11) % REPLY_SETS];
}

static void close_reply(struct worker *w, struct reply *reply)
{
	if (!reply->fd)
		return;
	close(reply->fd);
	reply->fd = 0;
	reply->used = 0;
	w->replies.n--;
}

// A program here has the port on all addresses, and shares it with nobody (without SO_REUSEADDR).
static void note_taken(const struct worker *w, const union sockaddr_any *as)
{
	static atomic_llong last_said_s;
	long long now_s = (long long)ev_now(w->loop);
	char text[ADDR_STRLEN];

	if (now_s - atomic_exchange(&last_said_s, now_s) < TAKEN_AGAIN_S)
		return;
	log_warning("relay: what %s answers does not reach the LAN: another program of this "
		    "machine has UDP port %u on "
		    "all addresses for itself. 'ss -lnup sport = :%u' shows it; let it listen on "
		    "certain addresses",
		    sockaddr_format(as, text), sockaddr_port(as), sockaddr_port(as));
}

static int open_reply(struct worker *w, struct reply *reply, const union sockaddr_any *as)
{
	int fd;

	close_reply(w, reply);
	fd = sock_datagram_open_as(as);
	if (fd == -EADDRINUSE)
		note_taken(w, as);
	if (fd < 0)
		return fd;
	reply->as = *as;
	reply->fd = fd;
	w->replies.n++;
	return 0;
}

int reply_socket(struct worker *w, const union sockaddr_any *as)
{
	struct reply *set = find_set(w, as), *oldest = set;
	int rc;

	for (int i = 0; i < REPLY_WAYS; i++) {
		if (set[i].fd && sockaddr_equal(&set[i].as, as)) {
			set[i].used = ev_now(w->loop);
			return set[i].fd;
		}
		if (set[i].used < oldest->used)
			oldest = &set[i];
	}
	rc = open_reply(w, oldest, as);
	if (rc < 0)
		return rc;
	oldest->used = ev_now(w->loop);
	return oldest->fd;
}

static void close_older(struct worker *w, ev_tstamp than)
{
	for (int i = 0; i < REPLY_SETS * REPLY_WAYS && w->replies.n; i++) {
		struct reply *reply = &w->replies.sets[i / REPLY_WAYS][i % REPLY_WAYS];

		if (reply->used < than)
			close_reply(w, reply);
	}
}

void reply_tick(struct worker *w, ev_tstamp now)
{
	close_older(w, now - KEPT_S);
}

void reply_fini(struct worker *w)
{
	close_older(w, ev_now(w->loop) + 1);
}
