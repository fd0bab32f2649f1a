// SPDX-License-Identifier: GPL-2.0-or-later
//
// Datagrams on the gateway: what nft's tproxy gives us of the LAN goes to the exit, and what the
// exit sends comes to the client from the address that it wrote to.
//
// Each client's socket has an association with a socket of ours to the exit, bound to the best
// path's address. It stays there until that path dies; then it gets a socket on another at once,
// and our exit, which knows it by its name, goes on where it was, with the same port towards the
// Internet. So it is announced to the exit even when the client is silent, for then the exit would
// send into the dead path. Towards our exit an association leaves at the first doubt and returns
// when the best path has been well for a while, for nobody sees it move. With any other program it
// leaves a dead path only, as every move means another port there.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/special.h"
#include "relay/relay_priv.h"

#define QUIC_PORT 443
// Asked for so long and not heard: with another exit in use by now it takes that one.
#define UNHEARD_S 2.
// A client is told of a length that does not fit no more often.
#define COMPLAIN_AGAIN_S 1.

static const struct relay_exit *exit_of(const struct assoc *a)
{
	const struct relay_policy *policy = a->worker->policy;

	return a->exit < policy->n_exits ? &policy->exits[a->exit] : NULL;
}

// The pin that decides where it goes, or NULL.
static const struct relay_pin *pin_of(const struct assoc *a)
{
	return a->pin ? &a->worker->policy->pins[a->pin - 1] : NULL;
}

// The exit that one which begins now takes; -1: its pin is gone.
static int exit_now(const struct relay_policy *policy, int pin)
{
	return pin ? policy->pins[pin - 1].exit : policy->default_exit;
}

// The slot of the path that its pin keeps it to; -1: of none.
static int only_path(const struct assoc *a)
{
	const struct relay_pin *pin = pin_of(a);

	return pin ? pin->path : -1;
}

// ---- which path

static int place_in_order(const struct relay_udp_policy *udp, uint8_t slot)
{
	int i = 0;

	while (i < udp->n && udp->order[i] != slot)
		i++;
	return i;
}

static void leave_path(struct assoc *a)
{
	if (a->far[0].fd >= 0)
		a->worker->counters.paths[a->slot].associations--;
	assoc_unwatch(a, &a->far[0]);
}

static void on_answer(struct ev_loop *loop, ev_io *io, int revents);

static int take_path(struct assoc *a, uint8_t slot)
{
	const struct relay_exit *exit = exit_of(a);
	struct sock_dial how = { 0 };
	int fd;

	if (!exit || !gate_find_way(exit, &a->worker->policy->paths[slot], &how))
		return -ENETUNREACH;
	fd = sock_datagram_dial(&how);
	if (fd < 0)
		return fd;
	leave_path(a);
	a->slot = slot;
	a->from = how.from;
	a->to = how.to;
	a->fits = sock_datagram_fits(fd);
	a->worker->counters.paths[slot].associations++;
	assoc_watch(a, &a->far[0], fd, on_answer);
	return 0;
}

// The best that works, but not `but`. 0 or -errno; then the association has what it had.
static int take_best_path(struct assoc *a, int but)
{
	const struct relay_udp_policy *udp = &a->worker->policy->udp;
	int only = only_path(a), rc = -ENETUNREACH;

	if (only >= 0)
		return only == but ? rc : take_path(a, (uint8_t)only);
	for (int i = 0; rc && i < udp->n; i++) {
		if (udp->order[i] != but)
			rc = take_path(a, udp->order[i]);
		if (rc == -EMFILE || rc == -ENFILE)
			return rc;
	}
	return rc;
}

// ---- to the exit

static void count_refusal(const struct assoc *a, int error)
{
	if (error == -ECONNREFUSED)
		a->worker->counters.exits[a->exit].refused++;
}

// One that comes back says what became of an earlier one.
static int send_sealed(struct assoc *a, const uint8_t *sealed, size_t len)
{
	int rc = -ECONNREFUSED;

	for (int tries = 0; rc == -ECONNREFUSED && tries < 2; tries++) {
		rc = send(a->far[0].fd, sealed, len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
		count_refusal(a, rc);
	}
	if (rc)
		return rc;
	a->worker->counters.paths[a->slot].udp_tx_bytes += len;
	a->worker->counters.exits[a->exit].sent++;
	return 0;
}

static ssize_t seal(struct assoc *a, const struct wire_target *target, const uint8_t *bytes,
		    size_t len)
{
	ssize_t n = wire_datagram_seal(&exit_of(a)->datagrams, NULL, &a->name, target, bytes, len,
				       a->worker->out, RELAY_OUT_SIZE);

	if (n >= 0)
		a->name.counter++;
	return n;
}

static void announce(struct assoc *a)
{
	const struct wire_target target = wire_service_target();
	ssize_t n = seal(a, &target, NULL, 0);

	a->announcements--;
	if (n > 0 && send_sealed(a, a->worker->out, (size_t)n) < 0)
		a->announcements = 0; // the next datagram finds out why
}

// To the path of `slot`, or with -1 to the best, but not `but`. 0 or -errno; then it stays.
static int move(struct assoc *a, int slot, int but)
{
	int rc = slot >= 0 ? take_path(a, (uint8_t)slot) : take_best_path(a, but);

	if (rc)
		return rc;
	a->worker->counters.udp.moved++;
	a->asked = 0;
	a->announcements = exit_of(a)->ours ? ASSOC_ANNOUNCEMENTS : 0;
	if (a->announcements)
		announce(a);
	return 0;
}

// The path is gone before anybody has told us, or there is no route any more.
static bool is_lost_way(int error)
{
	return error == -ENETUNREACH || error == -EHOSTUNREACH || error == -ENETDOWN ||
	       error == -EADDRNOTAVAIL || error == -ENODEV || error == -EINVAL;
}

// QUIC tries which lengths arrive whole, and must not be cut up (RFC 9000, section 14): it is told,
// as by any router with a smaller link. Everything else arrives in fragments, and nobody need know.
static bool is_too_big(const struct assoc *a, size_t sealed)
{
	return a->quic && sealed > a->fits;
}

static void complain_of_length(struct assoc *a, const union sockaddr_any *target, size_t len,
			       size_t sealed)
{
	ev_tstamp now = ev_now(a->worker->loop);
	size_t added = sealed - len;

	assoc_drop(a->worker, RELAY_DROP_TOO_BIG);
	if (a->fits <= added || now - a->complained < COMPLAIN_AGAIN_S)
		return;
	a->complained = now;
	sock_say_too_big(&a->peer, target, len, a->fits - added);
}

static void pass_on(struct assoc *a, const struct sock_datagram *d)
{
	const struct wire_target target = { .addr = addr_from_sockaddr(&d->to),
					    .port = sockaddr_port(&d->to) };
	struct worker *w = a->worker;
	ssize_t n = seal(a, &target, d->bytes, d->len);
	int rc;

	if (n < 0) {
		assoc_drop_for(w, n == -ENOBUFS ? -EMSGSIZE : (int)n);
		return;
	}
	if (is_too_big(a, (size_t)n)) {
		complain_of_length(a, &d->to, d->len, (size_t)n);
		return;
	}
	rc = send_sealed(a, w->out, (size_t)n);
	if (is_lost_way(rc) && move(a, -1, a->slot) == 0) {
		// sealed anew, as what announced the move is later than this
		n = seal(a, &target, d->bytes, d->len);
		rc = n < 0 ? (int)n : send_sealed(a, w->out, (size_t)n);
		a->strayed = true;
	}
	if (rc)
		assoc_drop_for(w, rc);
	else if (!a->asked)
		a->asked = ev_now(w->loop);
}

// Asked before there is an association, for which another may have to go.
static bool may_begin(const struct relay_policy *policy, int pin)
{
	int exit = exit_now(policy, pin);

	return !policy->udp.closed && exit >= 0 && exit < policy->n_exits &&
	       (policy->udp.n || (pin && policy->pins[pin - 1].path >= 0));
}

static struct assoc *begin(struct worker *w, const struct sock_datagram *d, int pin)
{
	struct assoc *a;
	int rc;

	if (!may_begin(w->policy, pin)) {
		assoc_drop(w, RELAY_DROP_NO_WAY);
		return NULL;
	}
	a = assoc_new(w, 0, &d->from, pin);
	if (!a) {
		assoc_drop(w, RELAY_DROP_LIMIT);
		return NULL;
	}
	a->from_client = true;
	a->quic = sockaddr_port(&d->to) == QUIC_PORT;
	a->exit = exit_now(w->policy, pin);
	rc = wire_association_start(&a->name);
	if (!rc)
		rc = take_best_path(a, -1);
	if (rc) {
		assoc_drop_for(w, rc);
		assoc_end(a);
		return NULL;
	}
	worker_stir(w); // the paths are to be watched
	return a;
}

static void take(void *ctx, const struct sock_datagram *d)
{
	struct listener *l = ctx;
	struct worker *w = l->worker;
	struct assoc *a;

	// sent to our port itself: there is nobody that it could be for
	if (d->to.sa.sa_family == AF_UNSPEC || sockaddr_equal(&d->to, &l->what.at) ||
	    !sockaddr_port(&d->to)) {
		assoc_drop(w, RELAY_DROP_BAD_PEER);
		return;
	}
	a = assoc_find_peer(w, &d->from, l->what.pin);
	if (!a)
		a = begin(w, d, l->what.pin);
	if (!a)
		return;
	assoc_use(a, sockaddr_port(&d->to));
	pass_on(a, d);
}

void gate_udp_ready(struct listener *l)
{
	assoc_read(l->worker, l->io.fd, take, l);
}

// ---- from the exit

static bool is_in(const struct prefix *list, int n, const struct addr *addr)
{
	for (int i = 0; i < n; i++) {
		if (prefix_contains(&list[i], addr))
			return true;
	}
	return false;
}

// An exit, or whoever has its key, says who a datagram is from, and the client believes it. It must
// not be a machine of this house: not the router, the printer or the client's own name server.
// Private ranges are reached through an exit only where a pin says so.
static bool may_speak(const struct assoc *a, const struct addr *source)
{
	const struct relay_policy *policy = a->worker->policy;
	const struct relay_pin *pin = pin_of(a);

	if (is_in(policy->own, policy->n_own, source))
		return false;
	return !special_find(source) || (pin && is_in(pin->to, pin->n_to, source));
}

static void answer(struct assoc *a, const struct wire_datagram *d)
{
	union sockaddr_any as = sockaddr_make(&d->target.addr, d->target.port);
	struct worker *w = a->worker;
	int fd, rc;

	// a name, or the other family: nothing that a client could have asked for
	if (as.sa.sa_family != a->peer.sa.sa_family || !d->target.port) {
		assoc_drop(w, RELAY_DROP_BAD_PEER);
		return;
	}
	if (!may_speak(a, &d->target.addr)) {
		assoc_drop(w, RELAY_DROP_REFUSED);
		return;
	}
	fd = reply_socket(w, &as);
	rc = fd < 0 ? fd : sock_datagram_send(fd, &a->peer, NULL, d->payload, d->len);
	if (fd == -EADDRINUSE)
		assoc_drop(w, RELAY_DROP_TAKEN);
	else if (rc)
		assoc_drop_for(w, rc);
	assoc_use(a, 0);
}

static void take_answer(void *ctx, const struct sock_datagram *sealed)
{
	struct assoc *a = ctx;
	const struct relay_exit *exit = exit_of(a);
	struct worker *w = a->worker;
	struct wire_datagram d;
	int rc;

	if (!exit)
		return;
	rc = wire_datagram_open(&exit->datagrams, w->relay->udp_replay, sealed->bytes, sealed->len,
				w->in, &d);
	// with a name it is one of ours, played back to us
	if (rc == -EEXIST || (!rc && d.from.id)) {
		assoc_drop(w, RELAY_DROP_REPLAYED);
		return;
	}
	if (rc) {
		assoc_drop(w, RELAY_DROP_BAD_PEER);
		return;
	}
	a->asked = 0;
	a->announcements = 0;
	w->counters.exits[a->exit].heard++;
	w->counters.paths[a->slot].udp_rx_bytes += sealed->len;
	answer(a, &d);
}

static void on_answer(struct ev_loop *loop, ev_io *io, int revents)
{
	struct assoc *a = io->data;

	(void)loop;
	(void)revents;
	count_refusal(a, assoc_read(a->worker, io->fd, take_answer, a));
}

// ---- following the policy

static bool has_lost_path(const struct assoc *a)
{
	const struct relay_policy *policy = a->worker->policy;
	int place = place_in_order(&policy->udp, a->slot), only = only_path(a);

	if (only >= 0)
		return a->slot != only || !policy->paths[only].up;
	if (place == policy->udp.n)
		return true;
	return place >= policy->udp.n_sound && policy->udp.n_sound && exit_of(a)->ours &&
	       !(a->quic && policy->udp.pin_quic);
}

// The path has another address by now.
static bool has_lost_address(const struct assoc *a)
{
	const struct relay_path *path = &a->worker->policy->paths[a->slot];

	return !addr_equal(&a->from, a->from.family == AF_INET ? &path->addr4 : &path->addr6);
}

static bool may_go_home(const struct assoc *a)
{
	const struct relay_udp_policy *udp = &a->worker->policy->udp;

	return a->strayed && udp->home >= 0 && only_path(a) < 0 && exit_of(a)->ours &&
	       !(a->quic && udp->pin_quic);
}

static bool is_unheard(const struct assoc *a, ev_tstamp now)
{
	return a->asked > 0 && now - a->asked > UNHEARD_S;
}

// The exit has other addresses by now: its name was looked up again, or the configuration says so.
static bool has_another_address(const struct assoc *a)
{
	const struct relay_exit *exit = exit_of(a);

	for (int i = 0; exit && i < exit->n_addrs; i++) {
		if (sockaddr_equal(&a->to, &exit->addrs[i]))
			return false;
	}
	return true;
}

static void change_exit(struct assoc *a)
{
	const struct wire_association name = a->name;
	int exit = a->exit;

	a->exit = exit_now(a->worker->policy, a->pin);
	if (wire_association_start(&a->name) < 0 || move(a, -1, -1) < 0) {
		a->exit = exit;
		a->name = name;
	}
}

static void follow(struct assoc *a)
{
	const struct relay_udp_policy *udp = &a->worker->policy->udp;

	// what a pin carried begins anew, by whatever decides now
	if (!exit_of(a) || !exit_of(a)->n_addrs || exit_now(a->worker->policy, a->pin) < 0 ||
	    a->worker->policy->udp.closed) {
		assoc_end(a);
		return;
	}
	if (has_lost_path(a)) {
		a->strayed |= move(a, -1, a->slot) == 0;
		return;
	}
	if (has_lost_address(a) && move(a, a->slot, -1) < 0)
		move(a, -1, a->slot);
	if (may_go_home(a) && (a->slot == udp->home || move(a, udp->home, -1) == 0))
		a->strayed = false;
}

void gate_udp_follow_policy(struct worker *w)
{
	struct list *pos, *after;

	if (w->policy->udp.closed && w->assocs.n)
		worker_stir(w); // that they have ended is waited for
	assoc_for_each(pos, after, w, patience) {
		struct assoc *a = list_entry(pos, struct assoc, link);

		if (a->from_client)
			follow(a);
	}
}

void gate_udp_tick(struct assoc *a, ev_tstamp now)
{
	if (a->announcements)
		announce(a);
	// The call is lost when nobody answers there any more, but what the client says next is
	// not. While somebody does, it stays: another machine would mean another port.
	if (!is_unheard(a, now))
		return;
	if (a->exit != exit_now(a->worker->policy, a->pin))
		change_exit(a);
	else if (has_another_address(a))
		move(a, -1, -1);
}
