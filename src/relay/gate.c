// SPDX-License-Identifier: GPL-2.0-or-later
//
// How sessions open on the gateway: a client of the LAN was accepted, a connection to the exit is
// dialled over the paths in the policy's order, and the target's address goes out in one write with
// whatever the client has said meanwhile.
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "model/kstate.h"
#include "relay/relay_priv.h"

// A handshake that is not back after one and a half expected round trips and a little gets company
// on the next path.
#define HEAD_START_RTTS    1.5
#define HEAD_START_EXTRA_S 0.03
#define HEAD_START_MAX_S   1.
#define UNKNOWN_RTT_S      0.2
#define SOCKS_TIMEOUT_S    30.

// From the path's address of the target's family, if it has one.
static bool bind_to_path(const struct relay_path *path, struct sock_dial *how)
{
	how->from = how->to.sa.sa_family == AF_INET ? path->addr4 : path->addr6;
	return addr_is_set(&how->from);
}

bool gate_find_way(const struct relay_exit *exit, const struct relay_path *path,
		   struct sock_dial *how)
{
	for (int i = 0; i < exit->n_addrs; i++) {
		how->to = exit->addrs[i];
		if (bind_to_path(path, how))
			return true;
	}
	return false;
}

static double head_start_s(const struct relay_path *path)
{
	double rtt_s = path->rtt_us < 0 ? UNKNOWN_RTT_S : (double)path->rtt_us / 1e6;
	double wait_s = HEAD_START_RTTS * rtt_s + HEAD_START_EXTRA_S;

	return wait_s < HEAD_START_MAX_S ? wait_s : HEAD_START_MAX_S;
}

// The pin that decides where it goes, or NULL.
static const struct relay_pin *pin_of(const struct relay_policy *policy, const struct session *s)
{
	return s->opening->pin ? &policy->pins[s->opening->pin - 1] : NULL;
}

// The i-th path to try, or NULL.
static const struct relay_path *path_to_try(const struct session *s, int i)
{
	const struct relay_policy *policy = s->policy;

	if (s->alone)
		return i == 0 ? &policy->paths[pin_of(policy, s)->path] : NULL;
	return i < policy->n_begin ? &policy->paths[policy->begin[i]] : NULL;
}

static int find_candidate(struct session *s, int i, struct sock_dial *how, double *head_start)
{
	const struct relay_policy *policy = s->policy;
	const struct relay_path *path = path_to_try(s, i);
	bool found;

	if (!path)
		return -ENOENT;
	if (s->direct) {
		how->to = sockaddr_make(&s->opening->target.addr, s->opening->target.port);
		how->mark = KSTATE_OWN_MARK;
		found = bind_to_path(path, how);
	} else {
		found = gate_find_way(&policy->exits[s->opening->exit], path, how);
	}
	if (!found)
		return -EADDRNOTAVAIL;
	// the kernel's path manager would add the other paths
	how->mptcp = !s->direct && !s->alone;
	*head_start = head_start_s(path);
	return 0;
}

// The client's last words from us. Closed in order, because a reset would overtake the reply.
static void dismiss(struct session *s, const uint8_t *reply, size_t len)
{
	if (len && send(s->plain.fd, reply, len, MSG_NOSIGNAL) < 0)
		log_debug("socks: reply: %s", strerror(errno));
	ev_io_stop(s->worker->loop, &s->plain.io);
	shutdown(s->plain.fd, SHUT_WR);
	close(s->plain.fd);
	s->plain.fd = -1;
}

static void refuse_socks(struct session *s, int error)
{
	uint8_t reply[WIRE_SOCKS_REPLY_MAX];

	dismiss(s, reply, wire_socks_reply(error, NULL, reply));
}

static void give_up(struct session *s, int error)
{
	if (s->socks)
		refuse_socks(s, error);
	session_end(s, error == -EMFILE || error == -ENFILE ? RELAY_END_LIMIT : RELAY_END_NO_EXIT);
}

// Seals the target's address together with what the client has said so far.
static int send_header(struct session *s)
{
	uint8_t *plain = s->worker->in;
	size_t len = wire_target_put(&s->opening->target, plain);
	ssize_t n = 0;

	if (s->up.waiting.len) {
		// said before the SOCKS request was answered
		memcpy(plain + len, buf_head(&s->up.waiting), s->up.waiting.len);
		len += s->up.waiting.len;
		buf_consume(&s->up.waiting, s->up.waiting.len);
	} else if (!s->socks) {
		n = recv(s->plain.fd, plain + len, RELAY_READ_MAX - len, 0);
		if (n > 0)
			len += (size_t)n;
	}
	return flow_seal(s, plain, len);
}

static int answer_socks(struct session *s)
{
	uint8_t reply[WIRE_SOCKS_REPLY_MAX];
	size_t n = wire_socks_reply(0, NULL, reply);

	return send(s->plain.fd, reply, n, MSG_NOSIGNAL) == (ssize_t)n ? 0 : -EPIPE;
}

static void reach_exit(struct session *s, int fd, int candidate)
{
	const struct relay_exit *exit = &s->policy->exits[s->opening->exit];
	int rc;

	// those before it had their head start and did not answer
	for (int i = 0; i < candidate; i++)
		s->worker->counters.paths[s->policy->begin[i]].overtaken++;
	session_side_init(s, &s->sealed, fd);
	s->mptcp = sock_is_mptcp(fd);
	str_copy(s->exit, sizeof(s->exit), exit->name);
	wire_sealer_init(&s->sealer, &exit->key, s->worker->relay->replay);
	wire_opener_init(&s->opener, &exit->key, s->worker->relay->replay);
	rc = s->socks ? answer_socks(s) : 0;
	if (!rc)
		rc = send_header(s);
	if (rc < 0)
		session_end(s, RELAY_END_RESET);
	else
		session_run(s);
}

static void reach_target(struct session *s, int fd, int candidate)
{
	(void)candidate;
	session_side_init(s, &s->sealed, fd);
	session_run(s);
}

static const struct race_entrant to_target = {
	.candidate = find_candidate,
	.won = reach_target,
	.lost = give_up,
};

static const struct race_entrant to_exit = {
	.candidate = find_candidate,
	.won = reach_exit,
	.lost = give_up,
};

static struct session *accept_client(struct worker *worker, enum session_state state, int exit,
				     int fd, const union sockaddr_any *from)
{
	struct session *s = NULL;

	if (exit < worker->policy->n_exits)
		s = session_new(worker, state);
	if (!s) {
		sock_abort(fd);
		worker_count_end(worker, RELAY_END_LIMIT);
		return NULL;
	}
	sock_tune(fd, false);
	session_side_init(s, &s->plain, fd);
	s->from_client = true;
	s->client = *from;
	s->opening->exit = exit;
	return s;
}

// Where it goes by this policy. False: its pin is gone.
static bool aim(struct session *s, const struct relay_policy *policy)
{
	const struct relay_pin *pin = pin_of(policy, s);

	s->opening->exit = pin ? pin->exit : policy->default_exit;
	s->alone = pin && pin->path >= 0;
	s->direct = !pin && policy->direct;
	return s->opening->exit >= 0 && s->opening->exit < policy->n_exits;
}

static void dial(struct session *s)
{
	race_start(s, s->direct ? &to_target : &to_exit);
}

void gate_accept_transparent(struct worker *worker, const struct listener *listener, int fd,
			     const union sockaddr_any *from)
{
	union sockaddr_any local;
	socklen_t len = sizeof(local);
	struct session *s;

	// Somebody connected to our port itself: carrying that would come back to us for ever.
	if (getsockname(fd, &local.sa, &len) < 0 || sockaddr_equal(&local, &listener->what.at)) {
		sock_abort(fd);
		worker_count_end(worker, RELAY_END_BAD_CLIENT);
		return;
	}
	s = accept_client(worker, SESSION_DIALING, worker->policy->default_exit, fd, from);
	if (!s)
		return;
	s->opening->target = (struct wire_target){ .addr = addr_from_sockaddr(&local),
						   .port = sockaddr_port(&local) };
	s->opening->pin = listener->what.pin;
	if (aim(s, s->policy))
		dial(s);
	else
		session_end(s, RELAY_END_NO_EXIT);
}

static bool is_dialled(const struct session *s)
{
	return s->state == SESSION_DIALING && s->from_client;
}

static bool dials_another_exit(const struct session *s)
{
	const struct relay_policy *now = s->worker->policy;
	const struct relay_pin *pin, *was;

	// a SOCKS client has chosen its exit
	if (!is_dialled(s) || s->socks)
		return false;
	pin = pin_of(now, s);
	was = pin_of(s->policy, s);
	if (pin)
		return pin->exit != was->exit || pin->path != was->path;
	return s->direct != now->direct || (!s->direct && s->opening->exit != now->default_exit);
}

// What a pin keeps to one path has nowhere else to go.
static bool has_lost_its_path(const struct session *s)
{
	const struct relay_policy *now = s->worker->policy;

	if (!s->alone)
		return false;
	if (is_dialled(s))
		return !now->paths[pin_of(s->policy, s)->path].up;
	return s->state == SESSION_RELAYING && s->home < PATHS_MAX && !now->paths[s->home].up;
}

void gate_follow_policy(struct worker *worker)
{
	struct list *pos, *after;

	if (worker->policy->default_exit >= worker->policy->n_exits)
		return;
	// one that cannot begin ends, and leaves the list
	list_for_each_safe(pos, after, &worker->sessions) {
		struct session *s = list_entry(pos, struct session, link);

		if (dials_another_exit(s)) {
			race_stop(s);
			relay_policy_put(s->policy);
			s->policy = relay_policy_get(worker->policy);
			if (aim(s, s->policy))
				dial(s);
			else
				session_end(s, RELAY_END_NO_EXIT);
		} else if (has_lost_its_path(s)) {
			session_end(s, is_dialled(s) ? RELAY_END_NO_EXIT : RELAY_END_RESET);
		}
	}
}

void gate_accept_socks(struct worker *worker, const struct listener *listener, int fd,
		       const union sockaddr_any *from)
{
	struct session *s = accept_client(worker, SESSION_SOCKS, listener->what.exit, fd, from);

	if (!s)
		return;
	s->socks = true;
	s->deadline = ev_now(worker->loop) + SOCKS_TIMEOUT_S;
	session_watch(s);
}

// Takes one step of the dialogue from what has come. Returns 0 when a step was taken, -EAGAIN when
// more must come, another errno when the client is to go. The greeting has been answered when
// s->opening->greeted is set.
static int take_socks_step(struct session *s, bool *requested)
{
	struct buf *heard = &s->up.waiting;
	struct wire_socks_step step;
	int rc;

	if (!s->opening->greeted)
		rc = wire_socks_greeting(buf_head(heard), heard->len, &step);
	else
		rc = wire_socks_request(buf_head(heard), heard->len, &s->opening->target, &step);
	if (rc == -EAGAIN)
		return rc;
	if (rc < 0) {
		dismiss(s, step.reply, step.reply_len);
		return rc;
	}
	if (step.reply_len && send(s->plain.fd, step.reply, step.reply_len, MSG_NOSIGNAL) < 0)
		return -EPIPE;
	buf_consume(heard, step.used);
	*requested = s->opening->greeted;
	s->opening->greeted = true;
	return 0;
}

void gate_socks_ready(struct session *s)
{
	uint8_t bytes[WIRE_SOCKS_GREETING_MAX + WIRE_SOCKS_REQUEST_MAX];
	char target[WIRE_TARGET_STRLEN];
	ssize_t n = recv(s->plain.fd, bytes, sizeof(bytes), 0);
	bool requested = false;
	int rc = 0;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		session_end(s, RELAY_END_BAD_CLIENT);
		return;
	}
	if (buf_append(&s->up.waiting, bytes, (size_t)n) < 0)
		rc = -ENOMEM;
	while (!rc && !requested)
		rc = take_socks_step(s, &requested);
	if (rc == -EAGAIN) {
		session_watch(s);
	} else if (rc < 0) {
		session_end(s, RELAY_END_BAD_CLIENT);
	} else if (wire_service_is_target(&s->opening->target)) {
		// what the exit tells us is none of the LAN's business
		refuse_socks(s, -EACCES);
		session_end(s, RELAY_END_BAD_CLIENT);
	} else {
		s->target = strdup(wire_target_format(&s->opening->target, target));
		race_start(s, &to_exit);
	}
}
