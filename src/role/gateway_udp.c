// SPDX-License-Identifier: GPL-2.0-or-later
//
// What is not TCP, and what pins lead straight over a path: which path new flows take (plan/udp.c),
// and whether that path, and those of pins, still answer. No connection of ours tells of its death
// while only others' packets move; so while some leave over it the interface's counters are
// watched, and when nothing comes back the path is asked at once.
#include "base/clock.h"
#include "role/gateway_priv.h"

#define WATCH_S .1
// Sent within a second that is more than our own probes.
#define MOVES_BYTES 200
#define IDLE_MS     2000
// Nothing comes back for so long, or for two round trips.
#define SILENCE_MS 250
// What is answered by nobody, as syslog is, is not asked about all the time.
#define ASK_AGAIN_MS 5000

static const struct klink *link_of(const struct gateway *g, size_t slot)
{
	return kstate_link(&g->observed, g->paths[slot].config->interface);
}

static bool takes_flows(const struct gateway *g, size_t slot)
{
	for (int f = 0; f < PLAN_FAMILIES; f++) {
		if (g->udp.plan.path[f] == (int)slot)
			return true;
	}
	return g->counters.paths[slot].associations > 0 || plan_pins_route(g->config, (int)slot);
}

static int64_t patience_ms(const struct gateway *g, size_t slot)
{
	int64_t rtts_ms = 2 * path_fsm_rtt_us(&g->fsms[slot]) / 1000;

	return rtts_ms > SILENCE_MS ? rtts_ms : SILENCE_MS;
}

static void watch_path(struct gateway *g, size_t slot, int64_t now_ms)
{
	struct gateway_udp_path *p = &g->udp.paths[slot];
	const struct klink *link = link_of(g, slot);

	if (!link)
		return;
	if (link->rx_bytes != p->rx_bytes)
		p->waits_ms = 0;
	else if (link->tx_bytes != p->tx_bytes && !p->waits_ms)
		p->waits_ms = now_ms;
	if (link->tx_bytes != p->tx_bytes)
		g->udp.moved_ms = now_ms;
	p->rx_bytes = link->rx_bytes;
	p->tx_bytes = link->tx_bytes;
	if (p->waits_ms && now_ms - p->waits_ms >= patience_ms(g, slot) && now_ms >= p->ask_ms) {
		p->ask_ms = now_ms + ASK_AGAIN_MS;
		path_fsm_silence(&g->fsms[slot], now_ms);
	}
}

static void on_watch(struct ev_loop *loop, ev_timer *timer, int revents)
{
	struct gateway *g = timer->data;
	int64_t now_ms = clock_mono_ms();

	(void)revents;
	kern_counters(g->kern, &g->observed);
	for (size_t i = 0; i < g->n_paths; i++) {
		if (takes_flows(g, i))
			watch_path(g, i, now_ms);
	}
	gateway_take_counters(g); // sends the probes, and judges them
	if (now_ms - g->udp.moved_ms > IDLE_MS)
		ev_timer_stop(loop, timer);
}

static void begin_watch(struct gateway *g)
{
	uint64_t sent = 0;

	for (size_t i = 0; i < g->n_paths; i++) {
		const struct klink *link = takes_flows(g, i) ? link_of(g, i) : NULL;

		sent += link ? link->tx_bytes : 0;
	}
	if (sent > g->udp.sent_bytes + MOVES_BYTES && !ev_is_active(&g->udp.watch)) {
		g->udp.moved_ms = clock_mono_ms();
		for (size_t i = 0; i < g->n_paths; i++)
			g->udp.paths[i].waits_ms = 0;
		ev_timer_again(g->loop, &g->udp.watch);
	}
	g->udp.sent_bytes = sent;
}

static void tell(struct gateway *g, enum plan_family family, int was)
{
	static const char *const what[PLAN_FAMILIES] = { "UDP", "UDP over IPv6" };
	int is = g->udp.plan.path[family];

	if (is == was)
		return;
	if (is >= 0)
		gateway_event(g, LOG_LEVEL_NOTICE, "gw", "UDP", "%s and the like go over %s",
			      what[family], g->paths[is].config->name);
	else
		gateway_event(g, family == PLAN_V4 ? LOG_LEVEL_WARNING : LOG_LEVEL_NOTICE, "gw",
			      "UDP", "%s and the like are refused: no path for them works",
			      what[family]);
}

bool gateway_udp_judge(struct gateway *g)
{
	const struct plan_udp was = g->udp.plan;

	if (!plan_udp_choose(&g->udp.plan, g->config, g->fsms, clock_mono_ms()))
		return false;
	for (int f = 0; f < PLAN_FAMILIES; f++)
		tell(g, (enum plan_family)f, was.path[f]);
	return true;
}

void gateway_udp_tick(struct gateway *g)
{
	if (gateway_udp_judge(g))
		gateway_round_soon(g);
	begin_watch(g);
}

void gateway_udp_init(struct gateway *g)
{
	plan_udp_init(&g->udp.plan);
	ev_timer_init(&g->udp.watch, on_watch, 0., WATCH_S);
	g->udp.watch.data = g;
}

void gateway_udp_fini(struct gateway *g)
{
	ev_timer_stop(g->loop, &g->udp.watch);
}
