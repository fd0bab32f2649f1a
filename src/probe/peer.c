// SPDX-License-Identifier: GPL-2.0-or-later
// The gateway's side of the peer service (doc/peer-service.md): what only the exit can know.
//
// One long connection is kept to the exit. It begins on the best path, the kernel's path manager
// joins all others to it, and so what the exit sees of it tells which joins arrive. Beside it, each
// path is checked by a short connection of its own when it comes and rarely after that: does MPTCP
// pass there, as both ends see it, and which address does the exit see? By those addresses the
// exit's answers, which know nothing of our paths, are sorted into them.
//
// An exit that is not ours refuses the reserved target. It is then asked again every ten minutes,
// for it may have become ours; and the checks go on with what our own end sees of a handshake.
//
// One timer turns once a second and does what is due; everything else is its consequence. A
// connection that gives no answer is closed and opened anew, with back-off.

#include "probe/probe_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/backoff.h"
#include "base/clock.h"
#include "base/str.h"
#include "probe/probe.h"
#include "sock/sock.h"

#define TICK_S      1.
#define PATIENCE_MS 8000 // for one answer
// How often to ask over the long connection.
#define ECHO_MS  15000
#define SEEN_MS  60000
#define STATS_MS 60000
#define BUSY_MS  2000 // statistics, while data moves
// After the paths have changed: the kernel's joins take a few round trips.
#define SETTLE_MS 2000
// Of one path's check: after a good one, and after one that found MPTCP missing.
#define RECHECK_MS 600000
#define RETRY_MS   60000
// Where every byte costs, all of them are so many times as long.
#define METERED_FACTOR 10
// An exit that hung up on so many connections without a word, or let so many wait, has no service.
#define REFUSALS   2
#define SILENCES   3
#define REFUSED_MS 600000
// Of salts, for the two directions of our few streams.
#define REPLAY_CAPACITY 4096

enum question { ASK_ECHO, ASK_SEEN, ASK_STATS, QUESTIONS };

static const uint8_t question_type[QUESTIONS] = {
	[ASK_ECHO] = WIRE_SERVICE_ECHO,
	[ASK_SEEN] = WIRE_SERVICE_SEEN,
	[ASK_STATS] = WIRE_SERVICE_STATS,
};

struct asked {
	uint64_t nonce; // 0: nothing is awaited
	int64_t sent_us;
	int64_t due_ms; // when to ask next
};

// What is known of a slot's path.
struct known {
	struct addr source;  // of the path that this is about; AF_UNSPEC: none
	struct addr seen_as; // AF_UNSPEC: not known
	bool stripped;       // MPTCP does not pass
	int64_t check_ms;    // when to check next
	struct backoff backoff;
};

struct peer {
	struct ev_loop *loop;
	peer_report_fn *report;
	void *ctx;
	struct wire_replay *replay;
	struct peer_target target;
	ev_timer tick;
	int serves; // 1, 0, -1: not known
	int refusals, silences;

	struct peer_link link; // the long one
	int link_path;         // slot on which it began
	bool link_stripped;    // it came out as plain TCP
	struct asked asked[QUESTIONS];
	int64_t open_ms; // when to open it
	struct backoff backoff;

	struct peer_link check;
	struct peer_path checked;
	struct asked check_asked;
	int64_t check_until_ms;
	bool check_mptcp; // at our end

	struct known known[PATHS_MAX]; // by slot
	unsigned told_bytes;           // of link.stream.bytes and check.stream.bytes
};

static void turn_soon(struct peer *peer)
{
	ev_now_update(peer->loop);
	ev_timer_stop(peer->loop, &peer->tick);
	ev_timer_set(&peer->tick, 0., TICK_S);
	ev_timer_start(peer->loop, &peer->tick);
}

// ---- reports

static void tell(struct peer *peer, struct peer_report *report)
{
	unsigned bytes = peer->link.stream.bytes + peer->check.stream.bytes;

	report->bytes = bytes - peer->told_bytes;
	peer->told_bytes = bytes;
	peer->report(peer->ctx, report);
}

static void tell_service(struct peer *peer, bool serves, int error)
{
	struct peer_report report = {
		.kind = PEER_SERVICE, .serves = serves, .error = error, .rtt_us = -1
	};

	if (serves)
		peer->refusals = peer->silences = 0;
	if (peer->serves == serves)
		return;
	peer->serves = serves;
	turn_soon(peer); // the checks have waited for this
	tell(peer, &report);
}

// ---- questions

static void ask(struct peer_link *link, struct asked *asked, enum question question)
{
	// never 0, and nothing that an old answer could match
	if (getrandom(&asked->nonce, sizeof(asked->nonce), GRND_NONBLOCK) < 0)
		asked->nonce = (uint64_t)clock_mono_us();
	asked->nonce |= 1;
	asked->sent_us = clock_mono_us();
	peer_link_ask(link, question_type[question], asked->nonce);
}

// Whether the message answers this; and how long that took.
static bool is_answer(struct asked *asked, enum question question,
		      const struct wire_service_message *message, int64_t *rtt_us)
{
	if (!asked->nonce || message->nonce != asked->nonce ||
	    message->type != (question_type[question] | WIRE_SERVICE_ANSWER))
		return false;
	asked->nonce = 0;
	*rtt_us = clock_mono_us() - asked->sent_us;
	return true;
}

static int64_t offset_us(const struct wire_service_message *message, int64_t rtt_us)
{
	return (int64_t)message->time_us - (clock_wall_ms() * 1000 - rtt_us / 2);
}

static bool all_metered(const struct peer *peer)
{
	for (size_t i = 0; i < peer->target.n_paths; i++) {
		if (!peer->target.paths[i].metered)
			return false;
	}
	return true;
}

static int64_t interval_ms(const struct peer *peer, enum question question)
{
	static const int usual_ms[QUESTIONS] = {
		[ASK_ECHO] = ECHO_MS,
		[ASK_SEEN] = SEEN_MS,
		[ASK_STATS] = STATS_MS,
	};
	int64_t ms = question == ASK_STATS && peer->target.busy ? BUSY_MS : usual_ms[question];

	return all_metered(peer) ? ms * METERED_FACTOR : ms;
}

// ---- sorting the exit's addresses into our paths

static int paths_from(const struct peer *peer, const struct addr *addr)
{
	int n = 0;

	for (size_t i = 0; i < peer->target.n_paths; i++)
		n += addr_equal(&peer->known[peer->target.paths[i].path].seen_as, addr);
	return n;
}

// Most translators leave the port alone where they can.
static bool has_port(const struct sock_subflow *ours, int n, const struct addr *source,
		     uint16_t port)
{
	for (int i = 0; i < n; i++) {
		struct addr local = addr_from_sockaddr(&ours[i].local);

		if (addr_equal(&local, source) && sockaddr_port(&ours[i].local) == port)
			return true;
	}
	return false;
}

static void begin_views(const struct peer *peer, struct peer_report *report)
{
	for (size_t i = 0; i < peer->target.n_paths; i++) {
		int slot = peer->target.paths[i].path;
		const struct addr *seen_as = &peer->known[slot].seen_as;

		report->paths[slot].known = addr_is_set(seen_as);
		report->paths[slot].shared = addr_is_set(seen_as) && paths_from(peer, seen_as) > 1;
	}
}

static void sort_subflows(const struct peer *peer, const struct wire_service_message *message,
			  struct peer_report *report)
{
	struct sock_subflow ours[SOCK_SUBFLOWS_MAX];
	int n = sock_subflows(peer->link.stream.fd, ours);

	for (int i = 0; i < message->n_subflows; i++) {
		const struct wire_service_subflow *sf = &message->subflows[i];

		report->subflows += sf->established;
		for (size_t p = 0; sf->established && p < peer->target.n_paths; p++) {
			const struct peer_path *path = &peer->target.paths[p];
			struct peer_path_view *view = &report->paths[path->path];

			if (addr_equal(&peer->known[path->path].seen_as, &sf->addr) &&
			    (!view->shared || has_port(ours, n, &path->source, sf->port)))
				view->subflows++;
		}
	}
}

static void sort_remotes(const struct peer *peer, const struct wire_service_message *message,
			 struct peer_report *report)
{
	for (int i = 0; i < message->n_remotes; i++) {
		for (size_t p = 0; p < peer->target.n_paths; p++) {
			int slot = peer->target.paths[p].path;

			if (addr_equal(&peer->known[slot].seen_as, &message->remotes[i].addr))
				report->paths[slot].sender = message->remotes[i];
		}
	}
}

// ---- the long connection

static void close_link(struct peer *peer)
{
	peer_link_close(&peer->link);
	peer->link_stripped = false;
	for (int q = 0; q < QUESTIONS; q++)
		peer->asked[q] = (struct asked){ 0 };
}

static void note_no_answer(struct peer *peer, int error)
{
	bool connected = peer->link.stream.connected,
	     refused = error == -EPIPE || error == -ECONNRESET;

	if (!connected || peer->link.answered)
		return;
	if (refused || error == -EPROTO)
		peer->refusals++;
	else if (error == -ETIMEDOUT && peer->serves < 0)
		peer->silences++; // one that has served before is hindered, not changed
	if (peer->refusals >= REFUSALS || peer->silences >= SILENCES) {
		peer->open_ms = clock_mono_ms() + REFUSED_MS;
		tell_service(peer, false, error);
	}
}

static void lose_link(struct peer *peer, int error)
{
	close_link(peer);
	peer->open_ms = clock_mono_ms() + backoff_next_ms(&peer->backoff);
	note_no_answer(peer, error);
}

static void link_up(struct peer_link *link)
{
	struct peer *peer = link->ctx;

	ask(link, &peer->asked[ASK_SEEN], ASK_SEEN);
}

static void link_ended(struct peer_link *link, int error)
{
	lose_link(link->ctx, error);
}

static void link_heard(struct peer_link *link, const struct wire_service_message *message)
{
	struct peer *peer = link->ctx;
	struct peer_report report = { .rtt_us = -1 };
	int64_t rtt_us;

	if (is_answer(&peer->asked[ASK_ECHO], ASK_ECHO, message, &rtt_us)) {
		report.kind = PEER_ECHO;
		report.rtt_us = rtt_us;
	} else if (is_answer(&peer->asked[ASK_SEEN], ASK_SEEN, message, &rtt_us)) {
		report.kind = PEER_SEEN;
		report.rtt_us = rtt_us;
		report.clock_offset_us = offset_us(message, rtt_us);
		report.version = message->version;
		report.protocol = message->protocol;
		report.mptcp = message->mptcp && sock_is_mptcp(link->stream.fd);
		peer->link_stripped = !report.mptcp;
		begin_views(peer, &report);
		sort_subflows(peer, message, &report);
	} else if (is_answer(&peer->asked[ASK_STATS], ASK_STATS, message, &rtt_us)) {
		report.kind = PEER_STATS;
		begin_views(peer, &report);
		sort_remotes(peer, message, &report);
	} else {
		return;
	}
	backoff_reset(&peer->backoff);
	tell_service(peer, true, 0);
	tell(peer, &report);
}

static const struct peer_link_events link_events = {
	.up = link_up,
	.heard = link_heard,
	.ended = link_ended,
};

static struct peer_link_spec spec_for(const struct peer *peer, const struct peer_path *path)
{
	return (struct peer_link_spec){ .key = &peer->target.key,
					.replay = peer->replay,
					.exit = peer->target.exit,
					.source = path->source };
}

// The best of those that let MPTCP pass, or simply the best.
static const struct peer_path *path_to_begin_on(const struct peer *peer)
{
	for (size_t i = 0; i < peer->target.n_paths; i++) {
		if (!peer->known[peer->target.paths[i].path].stripped)
			return &peer->target.paths[i];
	}
	return &peer->target.paths[0];
}

static void open_link(struct peer *peer, int64_t now_ms)
{
	const struct peer_path *path = path_to_begin_on(peer);
	struct peer_link_spec spec = spec_for(peer, path);

	// the first question goes with the handshake's end, and its patience runs from here
	peer->asked[ASK_SEEN] = (struct asked){ .nonce = 1,
						.sent_us = now_ms * 1000,
						.due_ms = now_ms + SETTLE_MS };
	peer->asked[ASK_ECHO].due_ms = peer->asked[ASK_STATS].due_ms = now_ms + SETTLE_MS;
	peer->link_path = path->path;
	peer->link_stripped = false;
	if (peer_link_open(&peer->link, &spec) < 0)
		lose_link(peer, -EADDRNOTAVAIL);
}

static void turn_link(struct peer *peer, int64_t now_ms)
{
	// one path's fault must not stand for the whole
	if (peer->link_stripped && path_to_begin_on(peer)->path != peer->link_path)
		close_link(peer);
	if (!peer_link_is_open(&peer->link)) {
		if (now_ms >= peer->open_ms)
			open_link(peer, now_ms);
		return;
	}
	for (int q = 0; q < QUESTIONS; q++) {
		struct asked *asked = &peer->asked[q];

		if (asked->nonce && now_ms - asked->sent_us / 1000 > PATIENCE_MS) {
			lose_link(peer, -ETIMEDOUT);
			return;
		}
		// a shorter interval takes effect at once
		if (asked->due_ms > now_ms + interval_ms(peer, (enum question)q))
			asked->due_ms = now_ms;
		if (!peer->link.stream.connected || asked->nonce || now_ms < asked->due_ms)
			continue;
		asked->due_ms = now_ms + interval_ms(peer, (enum question)q);
		ask(&peer->link, asked, (enum question)q);
	}
}

// ---- the paths' own connections

static void finish_check(struct peer *peer, struct peer_report *report)
{
	struct known *known = &peer->known[peer->checked.path];
	int64_t wait_ms = RECHECK_MS;

	peer_link_close(&peer->check);
	if (report->error)
		wait_ms = backoff_next_ms(&known->backoff);
	else
		backoff_reset(&known->backoff);
	if (!report->error && !report->mptcp)
		wait_ms = RETRY_MS;
	if (peer->checked.metered)
		wait_ms *= METERED_FACTOR;
	known->check_ms = clock_mono_ms() + wait_ms;
	known->stripped = !report->error && !report->mptcp;
	if (addr_is_set(&report->seen_as))
		known->seen_as = report->seen_as;
	report->kind = PEER_PATH;
	report->path = peer->checked.path;
	turn_soon(peer); // for the next one
	tell(peer, report);
}

static void fail_check(struct peer *peer, int error)
{
	struct peer_report report = { .error = error,
				      .rtt_us = -1,
				      .taken = peer->check.stream.connected };

	// whatever the exit's program is, this much is known when the handshake came back
	if (peer->check.stream.connected && peer->serves == 0) {
		report.error = 0;
		report.mptcp = peer->check_mptcp;
	}
	finish_check(peer, &report);
}

static void check_up(struct peer_link *link)
{
	struct peer *peer = link->ctx;

	peer->check_mptcp = sock_is_mptcp(link->stream.fd);
	if (peer->serves == 0)
		fail_check(peer, 0);
	else
		ask(link, &peer->check_asked, ASK_SEEN);
}

static void check_ended(struct peer_link *link, int error)
{
	fail_check(link->ctx, error);
}

static void check_heard(struct peer_link *link, const struct wire_service_message *message)
{
	struct peer *peer = link->ctx;
	struct peer_report report = { 0 };

	if (!is_answer(&peer->check_asked, ASK_SEEN, message, &report.rtt_us))
		return;
	report.mptcp = message->mptcp && sock_is_mptcp(link->stream.fd);
	report.clock_offset_us = offset_us(message, report.rtt_us);
	// the subflow that a connection began on comes first
	if (message->n_subflows)
		report.seen_as = message->subflows[0].addr;
	finish_check(peer, &report);
}

static const struct peer_link_events check_events = {
	.up = check_up,
	.heard = check_heard,
	.ended = check_ended,
};

// One at a time, the best path's first. Not before it is known whether there is a service: that
// takes a round trip, and decides what a check is.
static void turn_check(struct peer *peer, int64_t now_ms)
{
	if (peer_link_is_open(&peer->check)) {
		if (now_ms > peer->check_until_ms)
			fail_check(peer, -ETIMEDOUT);
		return;
	}
	for (size_t i = 0; peer->serves >= 0 && i < peer->target.n_paths; i++) {
		struct peer_link_spec spec = spec_for(peer, &peer->target.paths[i]);
		int rc;

		if (now_ms < peer->known[peer->target.paths[i].path].check_ms)
			continue;
		peer->checked = peer->target.paths[i];
		peer->check_until_ms = now_ms + PATIENCE_MS;
		rc = peer_link_open(&peer->check, &spec);
		if (rc < 0)
			fail_check(peer, rc);
		return;
	}
}

// ---- the peer

static void on_tick(struct ev_loop *loop, ev_timer *timer, int revents)
{
	struct peer *peer = timer->data;
	int64_t now_ms = clock_mono_ms();

	(void)loop;
	(void)revents;
	turn_link(peer, now_ms);
	if (peer->target.n_paths)
		turn_check(peer, now_ms);
}

static void close_check(struct peer *peer)
{
	peer_link_close(&peer->check);
	peer->check_asked = (struct asked){ 0 };
}

static void forget_all(struct peer *peer)
{
	close_link(peer);
	close_check(peer);
	memset(peer->known, 0, sizeof(peer->known));
	peer->open_ms = 0;
	peer->refusals = peer->silences = 0;
	backoff_reset(&peer->backoff);
}

// A path that is not listed, or listed with another address, has to be checked when it is back.
// Returns whether something changed.
static bool update_known(struct peer *peer, const struct peer_target *target)
{
	bool listed[PATHS_MAX] = { 0 }, changed = false;

	for (size_t i = 0; i < target->n_paths; i++) {
		const struct peer_path *path = &target->paths[i];
		struct known *known = &peer->known[path->path];

		listed[path->path] = true;
		if (addr_equal(&known->source, &path->source))
			continue;
		*known = (struct known){ .source = path->source,
					 .backoff = { .min_ms = 5000, .max_ms = RECHECK_MS } };
		changed = true;
	}
	for (int slot = 0; slot < PATHS_MAX; slot++) {
		if (listed[slot] || !addr_is_set(&peer->known[slot].source))
			continue;
		peer->known[slot] = (struct known){ 0 };
		changed = true;
	}
	return changed;
}

static bool is_same_exit(const struct peer_target *a, const struct peer_target *b)
{
	return sockaddr_equal(&a->exit, &b->exit) && a->key.method == b->key.method &&
	       memcmp(a->key.master, b->key.master, sizeof(a->key.master)) == 0;
}

static bool is_checked_still(const struct peer *peer, const struct peer_target *target)
{
	for (size_t i = 0; i < target->n_paths; i++) {
		if (target->paths[i].path == peer->checked.path)
			return addr_equal(&target->paths[i].source, &peer->checked.source);
	}
	return false;
}

void peer_set(struct peer *peer, const struct peer_target *target)
{
	bool other_exit = !is_same_exit(&peer->target, target), changed;

	if (other_exit)
		forget_all(peer);
	if (peer_link_is_open(&peer->check) && !is_checked_still(peer, target))
		close_check(peer);
	changed = update_known(peer, target);
	peer->target = *target;
	if (!target->n_paths) {
		close_link(peer);
		ev_timer_stop(peer->loop, &peer->tick);
		return;
	}
	if (!changed && ev_is_active(&peer->tick))
		return;
	// which joins arrive now?
	peer->asked[ASK_SEEN].due_ms = clock_mono_ms() + SETTLE_MS;
	turn_soon(peer);
}

struct peer *peer_new(struct ev_loop *loop, peer_report_fn *report, void *ctx)
{
	struct peer *peer = xcalloc(1, sizeof(*peer));

	peer->loop = loop;
	peer->report = report;
	peer->ctx = ctx;
	peer->serves = -1;
	peer->backoff = (struct backoff){ .min_ms = 1000, .max_ms = 60000 };
	peer->replay = wire_replay_new(REPLAY_CAPACITY);
	peer_link_init(&peer->link, loop, &link_events, peer);
	peer_link_init(&peer->check, loop, &check_events, peer);
	ev_init(&peer->tick, on_tick);
	peer->tick.data = peer;
	return peer;
}

void peer_free(struct peer *peer)
{
	if (!peer)
		return;
	peer_link_close(&peer->link);
	peer_link_close(&peer->check);
	ev_timer_stop(peer->loop, &peer->tick);
	wire_replay_free(peer->replay);
	wire_key_wipe(&peer->target.key);
	free(peer);
}
