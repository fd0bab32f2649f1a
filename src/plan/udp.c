// SPDX-License-Identifier: GPL-2.0-or-later
// What of the LAN is not TCP: forwarded and masqueraded over one path, the first of a list that
// works.
//
// A flow stays on the path that it began on (flows.c), because another path means another address
// and most protocols do not survive that. So a better path that comes back takes new flows only,
// and those only when it has worked for a while again. What has no path is refused.

#include "plan/plan_priv.h"

// A better path that has failed once has to work so long before new flows go there.
#define BACK_MS 30000

void plan_udp_init(struct plan_udp *udp)
{
	*udp = (struct plan_udp){ .home = -1 };
	for (int f = 0; f < PLAN_FAMILIES; f++)
		udp->path[f] = udp->better[f] = -1;
}

bool plan_udp_relays(const struct config *config)
{
	return config->udp.present && config->udp.mode == CONFIG_UDP_RELAY;
}

size_t plan_udp_paths(const struct config *config, int slots[static PATHS_MAX])
{
	const struct config_names *via = &config->udp.via;
	size_t n = 0;

	if (!config->udp.present)
		return 0;
	for (size_t i = 0; i < via->n && n < PATHS_MAX; i++) {
		const struct config_path *path = config_find_path(config, via->list[i]);

		if (path)
			slots[n++] = (int)(path - config->paths);
	}
	for (size_t i = 0; i < config->n_paths && !via->n; i++) {
		const struct config_path *path = &config->paths[i];

		if (!path->gone && !path->optional && path->tier == PATH_TIER_PRIMARY)
			slots[n++] = (int)i;
	}
	return n;
}

static bool has_failed(const struct path_fsm *fsm)
{
	return fsm->failed_ms > 0;
}

static int find_best(const struct config *config, const struct path_fsm fsms[],
		     enum plan_family family, bool *may_stay, int now)
{
	int slots[PATHS_MAX], best = -1;
	size_t n = plan_udp_paths(config, slots);

	*may_stay = false;
	for (size_t i = 0; i < n; i++) {
		if (!plan_path_forwards(&fsms[slots[i]], family))
			continue;
		if (best < 0)
			best = slots[i];
		*may_stay |= slots[i] == now;
	}
	return best;
}

bool plan_udp_choose(struct plan_udp *udp, const struct config *config,
		     const struct path_fsm fsms[], int64_t now_ms)
{
	bool changed = false;

	for (int f = 0; f < PLAN_FAMILIES; f++) {
		bool may_stay;
		int now = udp->path[f];
		int best = find_best(config, fsms, (enum plan_family)f, &may_stay, now);

		if (best != udp->better[f]) {
			udp->better[f] = best;
			udp->better_ms[f] = now_ms;
		}
		if (best == now ||
		    (may_stay && has_failed(&fsms[best]) && now_ms - udp->better_ms[f] < BACK_MS))
			continue;
		udp->path[f] = best;
		changed = true;
	}
	return changed;
}

int plan_udp_first(const struct config *config, const struct plan_ways *ways,
		   enum plan_family family)
{
	int slots[PATHS_MAX];
	size_t n = plan_udp_paths(config, slots);

	for (size_t i = 0; i < n; i++) {
		if (ways->over[slots[i]][family])
			return slots[i];
	}
	return -1;
}

// ---- the nft table's part

static void write_begin(struct str *out, const char *nfproto, int slot)
{
	if (slot < 0) {
		str_addf(out, "\t\tmeta nfproto %s reject with icmpx type admin-prohibited\n",
			 nfproto);
		return;
	}
	str_addf(out, "\t\tmeta nfproto %s " PLAN_NFT_CT_MARK " " PLAN_NFT_MARK " accept\n",
		 nfproto, ~KSTATE_MARK_MASK, KSTATE_PATH_MARK(slot), ~KSTATE_MARK_MASK,
		 KSTATE_PATH_MARK(slot));
}

void plan_nft_udp(struct str *out, const struct config *config, const struct plan_udp *udp,
		  bool ipv6)
{
	if (config->udp.quic == CONFIG_QUIC_REJECT)
		str_add(out, PLAN_NFT_NO_QUIC);
	plan_nft_relay_udp(out, config, udp, ipv6);
	write_begin(out, "ipv4", udp->path[PLAN_V4]);
	write_begin(out, "ipv6", udp->path[PLAN_V6]);
}
