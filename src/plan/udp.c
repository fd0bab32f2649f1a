// SPDX-License-Identifier: GPL-2.0-or-later
// What of the LAN is not TCP: forwarded and masqueraded over one path, the first of a list that
// works.
//
// A flow stays on the path that it began on, which its conntrack mark says, because another path
// means another address and most protocols do not survive that. So a better path that comes back
// takes new flows only, and those only when it has worked for a while again. When a path dies the rule for
// its mark goes, and with it the flows: the next packet of each is that of a new flow, on the path
// that is the first by now. What has no path is refused, and so is what would leave over another
// interface than its mark says: nothing takes a way around.

#include <inttypes.h>
#include <string.h>

#include "plan/plan_priv.h"

#define PREF_FLOWS 1100
// A better path that has failed once has to work so long before new flows go there.
#define BACK_MS 30000

void plan_udp_init(struct plan_udp *udp)
{
	*udp = (struct plan_udp){ .home = -1 };
	for (int f = 0; f < PLAN_FAMILIES; f++)
		udp->path[f] = udp->better[f] = -1;
}

static int find_path(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->n_paths; i++) {
		if (!config->paths[i].gone && strcmp(config->paths[i].name, name) == 0)
			return (int)i;
	}
	return -1;
}

size_t plan_udp_paths(const struct config *config, int slots[static PATHS_MAX])
{
	const struct config_names *via = &config->udp.via;
	size_t n = 0;

	if (!config->udp.present)
		return 0;
	for (size_t i = 0; i < via->n && n < PATHS_MAX; i++) {
		int slot = find_path(config, via->list[i]);

		if (slot >= 0)
			slots[n++] = slot;
	}
	for (size_t i = 0; i < config->n_paths && !via->n; i++) {
		const struct config_path *path = &config->paths[i];

		if (!path->gone && !path->optional && path->tier == PATH_TIER_PRIMARY)
			slots[n++] = (int)i;
	}
	return n;
}

static bool works(const struct path_fsm *fsm, enum plan_family family)
{
	return path_fsm_verified(fsm) && fsm->facts.way[family].routable;
}

static bool has_failed(const struct path_fsm *fsm)
{
	return fsm->failed_ms > 0;
}

static int find_best(const struct config *config, const struct path_fsm fsms[], enum plan_family family,
		     bool *may_stay, int now)
{
	int slots[PATHS_MAX], best = -1;
	size_t n = plan_udp_paths(config, slots);

	*may_stay = false;
	for (size_t i = 0; i < n; i++) {
		if (!works(&fsms[slots[i]], family))
			continue;
		if (best < 0)
			best = slots[i];
		*may_stay |= slots[i] == now;
	}
	return best;
}

bool plan_udp_choose(struct plan_udp *udp, const struct config *config, const struct path_fsm fsms[],
		     int64_t now_ms)
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
		if (best == now || (may_stay && has_failed(&fsms[best]) && now_ms - udp->better_ms[f] < BACK_MS))
			continue;
		udp->path[f] = best;
		changed = true;
	}
	return changed;
}

void plan_want_flows(const struct config *config, const struct path_fsm fsms[], enum plan_family family,
		     struct kstate *want)
{
	for (size_t i = 0; i < config->n_paths; i++) {
		if (!works(&fsms[i], family))
			continue;
		kstate_add_rule(want, &(struct krule){
					      .family = plan_af(family),
					      .pref = PREF_FLOWS + (uint32_t)i,
					      .table = config->paths[i].table,
					      .fwmark = KSTATE_PATH_MARK(i),
					      .fwmask = KSTATE_MARK_MASK,
					      .suppress_prefix_len = -1,
					      .protocol = KSTATE_PROTOCOL,
				      });
	}
}

// ---- the nft table's part

#define MASK "0x%08x"
#define MARK "0x%08" PRIx32

static void write_keep(struct str *out, const struct config *config)
{
	for (size_t i = 0; i < config->n_paths; i++) {
		if (config->paths[i].gone)
			continue;
		str_addf(out, "\t\tct mark & " MASK " == " MARK " meta mark set meta mark & " MASK " | " MARK
			 " accept\n",
			 KSTATE_MARK_MASK, KSTATE_PATH_MARK(i), ~KSTATE_MARK_MASK, KSTATE_PATH_MARK(i));
	}
}

static void write_begin(struct str *out, const char *nfproto, int slot)
{
	if (slot < 0) {
		str_addf(out, "\t\tmeta nfproto %s reject with icmpx type admin-prohibited\n", nfproto);
		return;
	}
	str_addf(out, "\t\tmeta nfproto %s ct mark set ct mark & " MASK " | " MARK " meta mark set meta mark & "
		 MASK " | " MARK " accept\n",
		 nfproto, ~KSTATE_MARK_MASK, KSTATE_PATH_MARK(slot), ~KSTATE_MARK_MASK, KSTATE_PATH_MARK(slot));
}

void plan_nft_answers(struct str *out, const struct config *config)
{
	for (size_t i = 0; i < config->n_paths; i++) {
		if (config->paths[i].gone)
			continue;
		str_addf(out, "\t\tiifname \"%s\" ct mark & " MASK " == " MARK " meta mark set meta mark & " MASK
			 " | " MARK " return\n",
			 config->paths[i].interface, KSTATE_MARK_MASK, KSTATE_PATH_MARK(i), ~KSTATE_MARK_MASK,
			 KSTATE_PATH_MARK(i));
	}
}

void plan_nft_udp(struct str *out, const struct config *config, const struct plan_udp *udp, bool ipv6,
		  void write_lists(struct str *out, const struct config *config))
{
	str_add(out, "\tchain rest {\n"
		     "\t\tfib daddr type local return\n");
	write_keep(out, config);
	write_lists(out, config);
	if (config->udp.quic == CONFIG_QUIC_REJECT)
		str_add(out, "\t\tudp dport 443 reject\n");
	plan_nft_relay_udp(out, config, udp, ipv6);
	write_begin(out, "ipv4", udp->path[PLAN_V4]);
	write_begin(out, "ipv6", udp->path[PLAN_V6]);
	str_add(out, "\t}\n"
		     "\tchain forward {\n"
		     "\t\ttype filter hook forward priority filter; policy accept;\n");
	for (size_t i = 0; i < config->n_paths; i++) {
		if (config->paths[i].gone)
			continue;
		str_addf(out, "\t\tiifname \"%s\" oifname != \"%s\" meta mark & " MASK " == " MARK " drop\n",
			 config->lan.interface, config->paths[i].interface, KSTATE_MARK_MASK, KSTATE_PATH_MARK(i));
	}
	str_add(out, "\t}\n"
		     "\tchain postrouting {\n"
		     "\t\ttype nat hook postrouting priority srcnat; policy accept;\n");
	for (size_t i = 0; i < config->n_paths; i++) {
		if (config->paths[i].gone)
			continue;
		str_addf(out, "\t\toifname \"%s\" meta mark & " MASK " == " MARK " masquerade\n",
			 config->paths[i].interface, KSTATE_MARK_MASK, KSTATE_PATH_MARK(i));
	}
	str_add(out, "\t}\n");
}
