// SPDX-License-Identifier: GPL-2.0-or-later
//
// How sessions open on the exit server: the first chunks bring the target's address, a name among
// them is looked up, and the target is dialled.
//
// A peer that does not prove to know the key learns nothing: whatever it sends is read and
// forgotten until a random time is over, with no answer and no early close that would tell what was
// wrong. A target that cannot be reached is answered by a reset, which the gateway passes on.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "relay/relay_priv.h"

#define HEADER_TIMEOUT_S 60.
#define DRAIN_MIN_S      30.
#define DRAIN_SPREAD_S   90.
// RFC 8305, section 5: the delay before the next of a name's addresses is tried as well.
#define HEAD_START_S 0.25

void exit_accept(struct worker *worker, const struct listener *listener, int fd,
		 const union sockaddr_any *from)
{
	struct session *s = session_new(worker, SESSION_HEADER);

	(void)from;
	(void)listener;
	if (!s) {
		sock_abort(fd);
		worker_count_end(worker, RELAY_END_LIMIT);
		return;
	}
	sock_tune(fd, true);
	session_side_init(s, &s->sealed, fd);
	s->mptcp = sock_is_mptcp(fd);
	wire_sealer_init(&s->sealer, &worker->policy->server_key, worker->relay->replay);
	wire_opener_init(&s->opener, &worker->policy->server_key, worker->relay->replay);
	s->deadline = ev_now(worker->loop) + HEADER_TIMEOUT_S;
	session_watch(s);
}

void exit_drain(struct session *s)
{
	uint16_t random = 0;

	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) < 0)
		log_debug("getrandom: %s", strerror(errno));
	s->state = SESSION_DRAINING;
	s->deadline = ev_now(s->worker->loop) + DRAIN_MIN_S + DRAIN_SPREAD_S * random / UINT16_MAX;
	buf_fini(&s->rest);
	session_watch(s);
}

void exit_drain_ready(struct session *s)
{
	ssize_t n = recv(s->sealed.fd, s->worker->in, RELAY_READ_MAX, 0);

	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		session_end(s, RELAY_END_BAD_PEER);
}

// Ranges that are the server itself, whatever its interfaces are.
static bool is_own(const struct addr *addr)
{
	static const uint8_t zero[16];

	if (addr->family == AF_INET && addr->bytes[0] == 0)
		return true; // 0.0.0.0/8, "this host" (RFC 6890)
	if (addr->family == AF_INET6 && memcmp(addr->bytes, zero, sizeof(zero)) == 0)
		return true;
	return addr_is_loopback(addr) || addr_is_link_local(addr);
}

bool exit_may_reach(const struct relay_policy *policy, const struct addr *addr)
{
	for (int i = 0; i < policy->n_allow; i++) {
		if (prefix_contains(&policy->allow[i], addr))
			return true;
	}
	return !is_own(addr);
}

static void refuse(struct session *s, int error)
{
	char text[WIRE_TARGET_STRLEN];

	log_info("relay: %s: %s", wire_target_format(&s->opening->target, text), strerror(-error));
	session_end(s, error == -EMFILE || error == -ENFILE ? RELAY_END_LIMIT : RELAY_END_REFUSED);
}

static int find_candidate(struct session *s, int i, struct sock_dial *how, double *head_start_s)
{
	const struct opening *o = s->opening;

	if (i >= o->n_addrs)
		return -ENOENT;
	how->to = sockaddr_make(&o->addrs[i], o->target.port);
	*head_start_s = HEAD_START_S;
	return exit_may_reach(s->policy, &o->addrs[i]) ? 0 : -EACCES;
}

static void reach_target(struct session *s, int fd, int candidate)
{
	(void)candidate;
	session_side_init(s, &s->plain, fd);
	session_run(s);
}

static const struct race_entrant to_target = {
	.candidate = find_candidate,
	.won = reach_target,
	.lost = refuse,
};

static void take_addresses(void *ctx, int status, const struct addr *addrs, int n)
{
	struct session *s = ctx;

	s->opening->query = NULL;
	if (status < 0) {
		refuse(s, status);
		return;
	}
	memcpy(s->opening->addrs, addrs, (size_t)n * sizeof(*addrs));
	s->opening->n_addrs = n;
	race_start(s, &to_target);
}

static void find_target(struct session *s)
{
	if (addr_is_set(&s->opening->target.addr)) {
		s->opening->addrs[0] = s->opening->target.addr;
		s->opening->n_addrs = 1;
		race_start(s, &to_target);
		return;
	}
	s->state = SESSION_RESOLVING;
	session_watch(s);
	s->opening->query =
		resolver_ask(s->worker->resolver, s->opening->target.name, take_addresses, s);
}

void exit_header_ready(struct session *s)
{
	struct buf *heard = &s->down.waiting;
	ssize_t n = flow_open_once(s);
	size_t used;
	int rc;

	if (n < 0 && n != -EBADMSG && n != -EEXIST) {
		session_end(s,
			    wire_opener_trusted(&s->opener) ? RELAY_END_RESET : RELAY_END_BAD_PEER);
		return;
	}
	rc = n < 0 ? (int)n
		   : wire_target_parse(buf_head(heard), heard->len, &s->opening->target, &used);
	if (rc == -EAGAIN)
		return;
	if (rc < 0) {
		exit_drain(s);
		return;
	}
	buf_consume(heard, used);
	if (wire_service_is_target(&s->opening->target))
		service_start(s);
	else
		find_target(s);
}
