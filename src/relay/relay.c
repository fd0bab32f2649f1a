// SPDX-License-Identifier: GPL-2.0-or-later
//
// The data plane.
//
// A relay is a set of worker threads. Each has its own loop and its own listening sockets on the
// same ports (SO_REUSEPORT), so the kernel spreads connections and no connection ever changes
// threads. The main thread talks to them by letters: listeners to open, the policy to go by, stop;
// they answer with counters. A session (session.c) is two flows (flow.c) between a plain side and a
// sealed side; gate.c and exit.c differ only in how a session opens.
//
// It does not look at routes, names of interfaces or the configuration, and it does not decide
// which path is good: the policy says where a connection should begin, and the kernel's path
// manager adds the other subflows.
//
// Datagrams have associations (assoc.c) instead of sessions. One of the gateway (gate_udp.c) has a
// socket of its own to the exit, bound to one path, and gets another when that dies; the exit
// (exit_udp.c) knows it by the name that its datagrams carry, wherever they come from, and goes on
// with the same port towards the Internet. A client's socket stays with a worker, since the kernel
// spreads by its address; what comes to another worker of the exit than has the association is
// passed on by letter.
#include "relay/relay.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "relay/relay_priv.h"

// Salts remembered, for both directions of all connections.
#define REPLAY_CAPACITY (1u << 18)
// The same for datagrams, each of which has one.
#define UDP_REPLAY_CAPACITY (1u << 19)

struct relay_policy *relay_policy_new(void)
{
	struct relay_policy *policy = xcalloc(1, sizeof(*policy));

	atomic_init(&policy->refs, 1);
	for (int i = 0; i < RELAY_PINS_MAX; i++)
		policy->pins[i] = (struct relay_pin){ .exit = -1, .path = -1 };
	return policy;
}

struct relay_policy *relay_policy_get(struct relay_policy *policy)
{
	atomic_fetch_add_explicit(&policy->refs, 1, memory_order_relaxed);
	return policy;
}

void relay_policy_put(struct relay_policy *policy)
{
	if (!policy || atomic_fetch_sub_explicit(&policy->refs, 1, memory_order_acq_rel) != 1)
		return;
	for (int i = 0; i < policy->n_exits; i++) {
		wire_key_wipe(&policy->exits[i].key);
		wire_datagrams_wipe(&policy->exits[i].datagrams);
	}
	for (int i = 0; i < RELAY_PINS_MAX; i++)
		free(policy->pins[i].to);
	wire_key_wipe(&policy->server_key);
	wire_datagrams_wipe(&policy->server_datagrams);
	free(policy->allow);
	free(policy->own);
	free(policy);
}

// ---- letters to workers

struct listen_letter {
	struct letter letter;
	struct relay_listen what;
	int fd;
};

struct policy_letter {
	struct letter letter;
	struct relay_policy *policy;
};

static void open_listen(struct letter *letter, void *ctx)
{
	struct listen_letter *l = (struct listen_letter *)letter;

	listener_start(ctx, &l->what, l->fd);
	free(l);
}

static void free_listen(struct letter *letter)
{
	close(((struct listen_letter *)letter)->fd);
	free(letter);
}

static void open_unlisten(struct letter *letter, void *ctx)
{
	struct listen_letter *l = (struct listen_letter *)letter;

	listener_stop(ctx, &l->what);
	free(l);
}

static void free_unlisten(struct letter *letter)
{
	free(letter);
}

static void open_policy(struct letter *letter, void *ctx)
{
	struct policy_letter *l = (struct policy_letter *)letter;
	struct worker *w = ctx;

	relay_policy_put(w->policy);
	w->policy = l->policy;
	free(l);
	gate_follow_policy(w);
	gate_udp_follow_policy(w);
}

static void free_policy(struct letter *letter)
{
	relay_policy_put(((struct policy_letter *)letter)->policy);
	free(letter);
}

static void open_stop(struct letter *letter, void *ctx)
{
	struct worker *w = ctx;

	free(letter);
	ev_break(w->loop, EVBREAK_ALL);
}

static void free_stop(struct letter *letter)
{
	free(letter);
}

// ---- the main thread's side

static void warn_of_congestion(void)
{
	int rc = sock_congestion_check();

	if (rc < 0)
		log_warning("relay: no BBR congestion control (%s); when a path dies, connections "
			    "over it stall "
			    "longer than they need. Load it: modprobe tcp_bbr",
			    strerror(-rc));
}

int relay_start(struct ev_loop *loop, int workers, struct relay **out, struct str *why)
{
	struct relay *relay = xcalloc(1, sizeof(*relay));
	int rc = 0;

	relay->loop = loop;
	relay->unsent_bounded = sock_bounds_unsent();
	relay->workers = xcalloc((size_t)workers, sizeof(*relay->workers));
	relay->reports = xcalloc((size_t)workers, sizeof(*relay->reports));
	relay->reported_ms = xcalloc((size_t)workers, sizeof(*relay->reported_ms));
	for (int i = 0; i < workers; i++) {
		relay->reports[i].sampled_ms = INT64_MAX;
		relay->reported_ms[i] = clock_mono_ms();
	}
	warn_of_congestion();
	relay->replay = wire_replay_new(REPLAY_CAPACITY);
	relay->udp_replay = wire_replay_new(UDP_REPLAY_CAPACITY);
	relay->directory = workers > 1 ? directory_new() : NULL;
	mailbox_init(&relay->mailbox, loop, relay);
	if (!relay->replay || !relay->udp_replay || (workers > 1 && !relay->directory))
		rc = -ENOMEM;
	while (!rc && relay->n_workers < workers) {
		rc = worker_start(&relay->workers[relay->n_workers], relay, relay->n_workers);
		if (!rc)
			relay->n_workers++;
	}
	if (rc < 0) {
		str_addf(why, "cannot start %d worker threads: %s", workers, strerror(-rc));
		relay_stop(relay);
		return rc;
	}
	*out = relay;
	return 0;
}

int relay_listen(struct relay *relay, const struct relay_listen *listen, struct str *why)
{
	static const enum sock_listen_kind kinds[] = {
		[RELAY_LISTEN_TPROXY] = SOCK_LISTEN_TRANSPARENT,
		[RELAY_LISTEN_SOCKS] = SOCK_LISTEN_TCP,
		[RELAY_LISTEN_EXIT] = SOCK_LISTEN_MPTCP,
		[RELAY_LISTEN_TPROXY_UDP] = SOCK_LISTEN_DATAGRAMS_TRANSPARENT,
		[RELAY_LISTEN_EXIT_UDP] = SOCK_LISTEN_DATAGRAMS,
	};
	int *fds = xcalloc((size_t)relay->n_workers, sizeof(*fds));
	int rc = sock_listen(kinds[listen->kind], &listen->at, fds, relay->n_workers, why);

	for (int i = 0; rc == 0 && i < relay->n_workers; i++) {
		struct listen_letter *l = xcalloc(1, sizeof(*l));

		l->letter = (struct letter){ .open = open_listen, .free = free_listen };
		l->what = *listen;
		l->fd = fds[i];
		mailbox_post(&relay->workers[i].mailbox, &l->letter);
	}
	free(fds);
	return rc;
}

void relay_unlisten(struct relay *relay, const struct relay_listen *listen)
{
	for (int i = 0; i < relay->n_workers; i++) {
		struct listen_letter *l = xcalloc(1, sizeof(*l));

		l->letter = (struct letter){ .open = open_unlisten, .free = free_unlisten };
		l->what = *listen;
		mailbox_post(&relay->workers[i].mailbox, &l->letter);
	}
}

bool relay_listen_equal(const struct relay_listen *a, const struct relay_listen *b)
{
	return a->kind == b->kind && a->exit == b->exit && a->pin == b->pin &&
	       sockaddr_equal(&a->at, &b->at);
}

void relay_set_policy(struct relay *relay, struct relay_policy *policy)
{
	for (int i = 0; i < relay->n_workers; i++) {
		struct policy_letter *l = xcalloc(1, sizeof(*l));

		l->letter = (struct letter){ .open = open_policy, .free = free_policy };
		l->policy = relay_policy_get(policy);
		mailbox_post(&relay->workers[i].mailbox, &l->letter);
	}
	relay_policy_put(policy);
}

static void add_path(struct relay_path_counters *sum, const struct relay_path_counters *part)
{
	sum->rx_bytes += part->rx_bytes;
	sum->tx_bytes += part->tx_bytes;
	sum->subflows += part->subflows;
	sum->overtaken += part->overtaken;
	sum->fallbacks += part->fallbacks;
	sum->stuck += part->stuck;
	sum->due += part->due;
	sum->missing += part->missing;
	sum->associations += part->associations;
	sum->udp_rx_bytes += part->udp_rx_bytes;
	sum->udp_tx_bytes += part->udp_tx_bytes;
	if (part->heard_ms > sum->heard_ms)
		sum->heard_ms = part->heard_ms;
	if (part->rtt_us >= 0 && (sum->rtt_us < 0 || part->rtt_us < sum->rtt_us))
		sum->rtt_us = part->rtt_us;
}

static void add_udp(struct relay_udp_counters *sum, const struct relay_udp_counters *part)
{
	sum->associations += part->associations;
	sum->begun += part->begun;
	sum->moved += part->moved;
	for (int i = 0; i < RELAY_DROPS; i++)
		sum->dropped[i] += part->dropped[i];
}

const char *relay_drop_word(enum relay_drop why)
{
	static const char *const words[RELAY_DROPS] = {
		[RELAY_DROP_NO_WAY] = "no-way",     [RELAY_DROP_FULL] = "full",
		[RELAY_DROP_BAD_PEER] = "bad-peer", [RELAY_DROP_REPLAYED] = "replayed",
		[RELAY_DROP_REFUSED] = "refused",   [RELAY_DROP_TOO_BIG] = "too-big",
		[RELAY_DROP_LIMIT] = "limit",       [RELAY_DROP_TAKEN] = "port-taken",
	};

	return words[why];
}

void relay_read_counters(const struct relay *relay, struct relay_counters *out)
{
	*out = (struct relay_counters){ .sampled_ms = INT64_MAX };
	for (int i = 0; i <= PATHS_MAX; i++)
		out->paths[i].rtt_us = -1;
	for (int w = 0; w < relay->n_workers; w++) {
		const struct relay_counters *part = &relay->reports[w];

		for (int i = 0; i <= PATHS_MAX; i++)
			add_path(&out->paths[i], &part->paths[i]);
		add_udp(&out->udp, &part->udp);
		for (int i = 0; i < RELAY_EXITS_MAX; i++) {
			out->exits[i].sent += part->exits[i].sent;
			out->exits[i].heard += part->exits[i].heard;
			out->exits[i].refused += part->exits[i].refused;
		}
		out->sessions += part->sessions;
		out->sessions_tcp += part->sessions_tcp;
		out->sessions_alone += part->sessions_alone;
		out->direct += part->direct;
		out->pinned += part->pinned;
		out->unasked += part->unasked;
		out->accepted += part->accepted;
		if (part->sampled_ms < out->sampled_ms)
			out->sampled_ms = part->sampled_ms;
		for (int i = 0; i < RELAY_ENDS; i++)
			out->ended[i] += part->ended[i];
	}
}

void relay_on_counters(struct relay *relay, void (*fn)(void *ctx), void *ctx)
{
	relay->on_counters = fn;
	relay->on_counters_ctx = ctx;
}

void relay_on_plain(struct relay *relay, void (*fn)(void *ctx, struct conn *conn), void *ctx)
{
	relay->on_plain = fn;
	relay->on_plain_ctx = ctx;
}

int64_t relay_silent_ms(const struct relay *relay)
{
	int64_t now_ms = clock_mono_ms(), longest_ms = 0;

	for (int i = 0; i < relay->n_workers; i++) {
		int64_t silent_ms = now_ms - relay->reported_ms[i];

		if (silent_ms > longest_ms)
			longest_ms = silent_ms;
	}
	return longest_ms;
}

static void fini_worker(struct worker *w)
{
	mailbox_fini(&w->mailbox);
	ev_loop_destroy(w->loop);
	relay_policy_put(w->policy);
	free(w->in);
	free(w->out);
	free(w->batch);
}

void relay_stop(struct relay *relay)
{
	for (int i = 0; i < relay->n_workers; i++) {
		struct letter *letter = xcalloc(1, sizeof(*letter));

		*letter = (struct letter){ .open = open_stop, .free = free_stop };
		mailbox_post(&relay->workers[i].mailbox, letter);
	}
	for (int i = 0; i < relay->n_workers; i++)
		pthread_join(relay->workers[i].thread, NULL);
	for (int i = 0; i < relay->n_workers; i++)
		fini_worker(&relay->workers[i]);
	mailbox_fini(&relay->mailbox);
	wire_replay_free(relay->replay);
	wire_replay_free(relay->udp_replay);
	directory_free(relay->directory);
	free(relay->workers);
	free(relay->reports);
	free(relay->reported_ms);
	free(relay);
}
