// SPDX-License-Identifier: GPL-2.0-or-later
//
// The exits' keys and addresses. A name is looked up over the best path, tried again with back-off
// while that fails, and refreshed now and then; the old addresses serve until new ones are known.
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "role/gateway_priv.h"

#define REFRESH_S 300.

static void ask(struct gateway_exit *exit);

static void on_again(struct ev_loop *loop, ev_timer *timer, int revents)
{
	(void)loop;
	(void)revents;
	ask(timer->data);
}

static void ask_again_in(struct gateway_exit *exit, double seconds)
{
	ev_timer_stop(exit->gateway->loop, &exit->again);
	ev_timer_set(&exit->again, seconds, 0.);
	ev_timer_start(exit->gateway->loop, &exit->again);
}

static void take_addresses(void *ctx, int status, const struct addr *addrs, int n)
{
	struct gateway_exit *exit = ctx;
	struct gateway *g = exit->gateway;
	int wait_ms;

	exit->query = NULL;
	if (status < 0) {
		wait_ms = backoff_next_ms(&exit->backoff);
		if (!exit->failing)
			gateway_event(g, LOG_LEVEL_WARNING, exit->config->name, "NAME",
				      "cannot look up %s: %s; next try in %d s",
				      exit->config->address, strerror(-status), wait_ms / 1000);
		exit->failing = true;
		ask_again_in(exit, wait_ms / 1000.);
		return;
	}
	exit->failing = false;
	backoff_reset(&exit->backoff);
	memcpy(exit->addrs, addrs, (size_t)n * sizeof(*addrs));
	exit->n_addrs = n;
	ask_again_in(exit, REFRESH_S);
	gateway_round_soon(g);
}

static void ask(struct gateway_exit *exit)
{
	struct gateway *g = exit->gateway;

	if (exit->query)
		return;
	// there may be no default route but in the paths' own tables
	for (size_t i = 0; i < g->n_paths; i++) {
		const struct path_way *way = &g->fsms[i].facts.way[PLAN_V4];

		if (g->paths[i].routed && way->routable)
			resolver_bind(g->resolver, &way->local);
	}
	exit->query = resolver_ask(g->resolver, exit->config->address, take_addresses, exit);
}

void gateway_exits_resolve(struct gateway *g)
{
	for (size_t i = 0; i < g->n_exits; i++) {
		struct gateway_exit *exit = &g->exits[i];

		if (!exit->config->gone && !exit->n_addrs && !exit->query &&
		    !ev_is_active(&exit->again))
			ask(exit);
	}
}

static void begin_exit(struct gateway *g, size_t i, const struct config_exit *config)
{
	struct gateway_exit *exit = &g->exits[i];

	peer_free(exit->peer); // of one that had the place
	*exit = (struct gateway_exit){ .config = config,
				       .gateway = g,
				       .udp.answers = SNAPSHOT_UNKNOWN };
	exit->backoff = (struct backoff){ .min_ms = 1000, .max_ms = 60000 };
	ev_timer_init(&exit->again, on_again, 0., 0.);
	exit->again.data = exit;
	if (addr_parse(config->address, &exit->addrs[0]) == 0)
		exit->n_addrs = 1;
}

int gateway_exits_init(struct gateway *g, struct str *why)
{
	for (size_t i = 0; i < g->config->n_exits && i < RELAY_EXITS_MAX; i++) {
		const struct config_exit *config = &g->config->exits[i];
		int rc;

		begin_exit(g, i, config);
		g->n_exits++;
		rc = service_read_key(&g->exits[i].key, config->method, config->key_file, why);
		if (rc < 0)
			return rc;
	}
	gateway_choice_follow(g, g->config);
	return 0;
}

static void forget_addresses(struct gateway_exit *exit)
{
	ev_timer_stop(exit->gateway->loop, &exit->again);
	if (exit->query)
		resolver_cancel(exit->query);
	exit->query = NULL;
	exit->failing = false;
	backoff_reset(&exit->backoff);
}

// A name's old addresses serve until the new ones are known.
static void move_exit(struct gateway_exit *exit)
{
	forget_addresses(exit);
	if (addr_parse(exit->config->address, &exit->addrs[0]) == 0)
		exit->n_addrs = 1;
	else
		ask(exit);
}

static void follow_exit(struct gateway *g, size_t i, const struct config_exit *to)
{
	struct gateway_exit *exit = &g->exits[i];
	const struct config_exit *from = i < g->n_exits ? exit->config : NULL;

	// whatever is other about it, it is soon asked anew
	if (from)
		gateway_exit_udp_forget(exit);
	if (from && (to->gone || strcmp(from->name, to->name) != 0)) {
		forget_addresses(exit);
		exit->n_addrs = 0;
	}
	if (!from || strcmp(from->name, to->name) != 0 || (from->gone && !to->gone)) {
		begin_exit(g, i, to);
		return;
	}
	exit->config = to;
	if (!to->gone && strcmp(from->address, to->address) != 0)
		move_exit(exit);
}

void gateway_exits_follow(struct gateway *g, const struct config *next,
			  const struct wire_key keys[])
{
	for (size_t i = 0; i < next->n_exits; i++) {
		follow_exit(g, i, &next->exits[i]);
		g->exits[i].key = keys[i];
	}
	g->n_exits = next->n_exits;
	gateway_choice_follow(g, next);
}

void gateway_exits_fini(struct gateway *g)
{
	gateway_choice_stop(g);
	for (size_t i = 0; i < g->n_exits; i++) {
		knock_free(g->exits[i].udp.knock);
		ev_timer_stop(g->loop, &g->exits[i].again);
		wire_key_wipe(&g->exits[i].key);
	}
}

struct addr gateway_exit_address(const struct gateway *g)
{
	const struct gateway_exit *exit = &g->exits[g->default_exit];

	return exit->n_addrs ? exit->addrs[0] : (struct addr){ .family = AF_UNSPEC };
}
