// SPDX-License-Identifier: GPL-2.0-or-later
//
// UDP that goes through the exit: whether it goes there just now, which paths the relay may send it
// over, and who cannot be at the far end.
#include "base/clock.h"
#include "base/str.h"
#include "role/gateway_priv.h"

void gateway_relay_udp_round(struct gateway *g)
{
	g->udp.listens = plan_udp_relays(g->config) && gateway_listens_for_udp(g);
	// when TCP goes straight to its targets, so does UDP
	g->udp.plan.relayed = plan_udp_relays(g->config) && !gateway_goes_direct(g);
	g->udp.plan.lingers = !g->udp.plan.relayed && g->counters.udp.associations > 0;
}

void gateway_relay_udp_settle(struct gateway *g)
{
	if (g->udp.plan.lingers && !g->counters.udp.associations)
		gateway_round_soon(g);
}

// All of this machine's addresses, and the ranges that its LAN is.
static void list_own(const struct gateway *g, struct relay_policy *policy)
{
	const struct klink *lan = kstate_link(&g->observed, g->config->lan.interface);

	policy->own = xcalloc(g->observed.n_addrs + 1, sizeof(*policy->own));
	for (size_t i = 0; i < g->observed.n_addrs; i++) {
		const struct kaddr *a = &g->observed.addrs[i];
		bool whole = lan && a->ifindex == lan->ifindex;

		policy->own[policy->n_own++] = prefix_of(
			&a->local, whole ? a->prefix_len : (uint8_t)(addr_len(&a->local) * 8));
	}
}

void gateway_relay_udp_fill(struct gateway *g, struct relay_policy *policy)
{
	struct plan_udp_order order;

	plan_udp_rank(&g->udp.plan, g->config, g->fsms, policy->begin, policy->n_begin,
		      clock_mono_ms(), &order);
	for (int i = 0; i < order.n; i++)
		policy->udp.order[i] = (uint8_t)order.slots[i];
	policy->udp.n = order.n;
	policy->udp.n_sound = order.n_sound;
	policy->udp.home = order.home;
	policy->udp.pin_quic = g->config->udp.quic == CONFIG_QUIC_PIN;
	policy->udp.closed = !g->udp.plan.relayed;
	if (policy->udp.closed)
		return;
	list_own(g, policy);
	// out of memory: none go, rather than with half a key
	for (int i = 0; i < policy->n_exits; i++) {
		if (wire_datagrams_init(&policy->exits[i].datagrams, &policy->exits[i].key) < 0)
			policy->udp.closed = true;
	}
}

void gateway_relay_udp_fill_path(const struct gateway *g, size_t slot, struct path_snapshot *p)
{
	const struct relay_path_counters *counters = &g->counters.paths[slot];

	p->associations = g->udp.listens ? (int)counters->associations : SNAPSHOT_NONE;
	p->udp_rx_bytes = counters->udp_rx_bytes - g->paths[slot].udp_rx_bytes_before;
	p->udp_tx_bytes = counters->udp_tx_bytes - g->paths[slot].udp_tx_bytes_before;
}

void gateway_relay_udp_fill_snapshot(const struct gateway *g, struct snapshot *out)
{
	const struct relay_udp_counters *udp = &g->counters.udp;

	out->udp_associations = g->udp.listens ? (int)udp->associations : SNAPSHOT_NONE;
	out->udp_moved = udp->moved;
	for (int i = 0; i < RELAY_DROPS; i++)
		out->udp_dropped += udp->dropped[i];
	for (int i = 0; i < out->n_paths; i++) {
		out->udp_rx_bytes += out->paths[i].udp_rx_bytes;
		out->udp_tx_bytes += out->paths[i].udp_tx_bytes;
	}
}
