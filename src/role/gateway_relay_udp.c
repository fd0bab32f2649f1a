// SPDX-License-Identifier: GPL-2.0-or-later
//
// UDP that goes through the exit: the listener for what nft gives us of it, whether it goes there just
// now, and which paths the relay may send it over.
#include "base/clock.h"
#include "base/str.h"
#include "role/gateway_priv.h"

// One that cannot be opened is tried again in every round, and complained of once.
void gateway_relay_udp_round(struct gateway *g)
{
	const struct config_udp *config = &g->config->udp;
	bool wanted = config->present && config->mode == CONFIG_UDP_RELAY;
	uint16_t port = wanted ? g->config->lan.tproxy_port : 0;
	struct str why = { 0 };

	if (g->udp.relay_port && g->udp.relay_port != port) {
		gateway_unlisten_transparent(g, RELAY_LISTEN_TPROXY_UDP, g->udp.relay_port);
		g->udp.relay_port = 0;
	}
	if (wanted && !g->udp.relay_port) {
		if (gateway_listen_transparent(g, RELAY_LISTEN_TPROXY_UDP, port, &why) == 0)
			g->udp.relay_port = port;
		else if (!g->udp.failed)
			gateway_event(g, LOG_LEVEL_ERROR, "gw", "UDP", "is refused: %s", str_text(&why));
	}
	g->udp.failed = wanted && !g->udp.relay_port;
	// when TCP goes straight to its targets, so does UDP
	g->udp.plan.relayed = wanted && !gateway_goes_direct(g);
	g->udp.plan.lingers = !g->udp.plan.relayed && g->counters.udp.associations > 0;
	str_fini(&why);
}

void gateway_relay_udp_settle(struct gateway *g)
{
	if (g->udp.plan.lingers && !g->counters.udp.associations)
		gateway_round_soon(g);
}

void gateway_relay_udp_fill(struct gateway *g, struct relay_policy *policy)
{
	struct plan_udp_order order;

	plan_udp_rank(&g->udp.plan, g->config, g->fsms, policy->begin, policy->n_begin, clock_mono_ms(), &order);
	for (int i = 0; i < order.n; i++)
		policy->udp.order[i] = (uint8_t)order.slots[i];
	policy->udp.n = order.n;
	policy->udp.n_sound = order.n_sound;
	policy->udp.home = order.home;
	policy->udp.closed = !g->udp.plan.relayed;
	policy->udp.pin_quic = g->config->udp.quic == CONFIG_QUIC_PIN;
	// out of memory: none go, rather than with half a key
	for (int i = 0; i < policy->n_exits; i++) {
		if (wire_datagrams_init(&policy->exits[i].datagrams, &policy->exits[i].key) < 0)
			policy->udp.n = 0;
	}
}

void gateway_relay_udp_fill_path(const struct gateway *g, size_t slot, struct path_snapshot *p)
{
	const struct relay_path_counters *counters = &g->counters.paths[slot];

	p->associations = g->udp.relay_port ? (int)counters->associations : SNAPSHOT_NONE;
	p->udp_rx_bytes = counters->udp_rx_bytes - g->paths[slot].udp_rx_bytes_before;
	p->udp_tx_bytes = counters->udp_tx_bytes - g->paths[slot].udp_tx_bytes_before;
}

void gateway_relay_udp_fill_snapshot(const struct gateway *g, struct snapshot *out)
{
	const struct relay_udp_counters *udp = &g->counters.udp;

	out->udp_associations = g->udp.relay_port ? (int)udp->associations : SNAPSHOT_NONE;
	out->udp_moved = udp->moved;
	for (int i = 0; i < RELAY_DROPS; i++)
		out->udp_dropped += udp->dropped[i];
	for (int i = 0; i < out->n_paths; i++) {
		out->udp_rx_bytes += out->paths[i].udp_rx_bytes;
		out->udp_tx_bytes += out->paths[i].udp_tx_bytes;
	}
}
