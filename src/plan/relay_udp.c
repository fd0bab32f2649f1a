// SPDX-License-Identifier: GPL-2.0-or-later
// UDP of the LAN that goes through the exit: how it is brought to the relay, and which paths the
// relay may send it over.
//
// As with TCP, tproxy gives a datagram to a listener on loopback and a mark routes it to this
// machine. Flows that are forwarded already stay so. Where there is no listener, as in the moment
// before it opens, UDP is refused: past the exit it would go in the clear. A mark in conntrack
// tells these flows from others, for when they are to be forwarded after all: they have never been
// translated, and conntrack would let them out as they are. So they are dropped until the relay has
// ended what it has of them, as a last answer to a client would begin such a flow anew; then they
// are forgotten.

#include <inttypes.h>

#include "plan/plan_priv.h"

#define PREF_RELAY 891
// The first path has been that for so long when associations that have lost it come back.
#define HOME_MS 30000

void plan_want_relay_udp(const struct config *config, const struct plan_udp *udp,
			 enum plan_family family, struct kstate *want)
{
	if (!config->udp.present || !(udp->relayed || udp->lingers))
		return;
	kstate_add_rule(want, &(struct krule){
				      .family = plan_af(family),
				      .pref = PREF_RELAY,
				      .table = KSTATE_TPROXY_TABLE,
				      .fwmark = KSTATE_RELAY_MARK,
				      .fwmask = KSTATE_MARK_MASK,
				      .suppress_prefix_len = -1,
				      .protocol = KSTATE_PROTOCOL,
			      });
}

void plan_nft_tproxy_udp(struct str *out, enum plan_family family, const struct addr *to,
			 uint16_t port)
{
	union sockaddr_any at = sockaddr_make(to, port);
	const bool v6 = family == PLAN_V6;
	char text[ADDR_STRLEN];

	str_addf(out,
		 "\t\tmeta nfproto %s meta l4proto udp tproxy %s to %s " PLAN_NFT_CT_MARK
		 " " PLAN_NFT_MARK " accept\n",
		 v6 ? "ipv6" : "ipv4", v6 ? "ip6" : "ip", sockaddr_format(&at, text),
		 ~KSTATE_MARK_MASK, KSTATE_RELAY_MARK, ~KSTATE_MARK_MASK, KSTATE_RELAY_MARK);
}

void plan_nft_relay_udp(struct str *out, const struct config *config, const struct plan_udp *udp,
			bool ipv6)
{
	if (!udp->relayed) {
		str_addf(out, "\t\tct mark & 0x%08x == 0x%08x drop\n", KSTATE_MARK_MASK,
			 KSTATE_RELAY_MARK);
		return;
	}
	// what no path can carry is refused below
	for (int f = 0; (udp->path[PLAN_V4] >= 0 || udp->path[PLAN_V6] >= 0) &&
			f < (ipv6 ? PLAN_FAMILIES : PLAN_V6);
	     f++) {
		struct addr to = plan_listener((enum plan_family)f);

		plan_nft_tproxy_udp(out, (enum plan_family)f, &to, config->lan.tproxy_port);
	}
	str_add(out, "\t\tmeta l4proto udp reject with icmpx type admin-prohibited\n");
}

// ---- in which order the relay takes paths

static bool is_listed(const struct plan_udp_order *order, int slot)
{
	for (int i = 0; i < order->n; i++) {
		if (order->slots[i] == slot)
			return true;
	}
	return false;
}

static void add(struct plan_udp_order *order, int slot)
{
	if (!is_listed(order, slot))
		order->slots[order->n++] = slot;
}

// Slots of all paths that may be taken at all, the best first.
static int list_paths(const struct config *config, const uint8_t ranked[], int n_ranked,
		      int slots[PATHS_MAX])
{
	int n = 0;

	if (config->udp.via.n)
		return (int)plan_udp_paths(config, slots);
	while (n < n_ranked) {
		slots[n] = ranked[n];
		n++;
	}
	// those that are in doubt have no rank
	for (size_t i = 0; i < config->n_paths; i++) {
		const struct config_path *path = &config->paths[i];
		bool known = path->gone || path->optional || path->tier != PATH_TIER_PRIMARY;

		for (int r = 0; r < n_ranked; r++)
			known |= ranked[r] == i;
		if (!known)
			slots[n++] = (int)i;
	}
	return n;
}

void plan_udp_rank(struct plan_udp *udp, const struct config *config, const struct path_fsm fsms[],
		   const uint8_t ranked[], int n_ranked, int64_t now_ms, struct plan_udp_order *out)
{
	int slots[PATHS_MAX], n = list_paths(config, ranked, n_ranked, slots), home;

	*out = (struct plan_udp_order){ .home = -1 };
	for (int i = 0; i < n; i++) {
		if (path_fsm_may_begin(&fsms[slots[i]]))
			add(out, slots[i]);
	}
	out->n_sound = out->n;
	for (int i = 0; i < n; i++) {
		if (path_fsm_verified(&fsms[slots[i]]))
			add(out, slots[i]);
	}
	home = out->n_sound ? out->slots[0] : -1;
	if (home != udp->home) {
		udp->home = home;
		udp->home_ms = now_ms;
	}
	if (home >= 0 && now_ms - udp->home_ms >= HOME_MS)
		out->home = home;
}
