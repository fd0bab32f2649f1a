// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef PLAN_PLAN_PRIV_H
#define PLAN_PLAN_PRIV_H

#include "plan/plan.h"

// AF_INET or AF_INET6
sa_family_t plan_af(enum plan_family family);

// The nft table as text for `nft -f`: what of the LAN is carried, and to which port. On the heap.
// `ipv6`: whether this machine speaks it.
char *plan_nft_text(const struct config *config, const struct path_fsm fsms[],
		    const struct plan_exits *exits, const struct plan_udp *udp,
		    const struct plan_ways *ways, const struct kstate *observed, bool ipv6);

// A pair of the table's sets, one a family. Zero-initialised; `write` ends it. Empty sets are
// written too: then nothing matches, which is what the rules mean.
struct plan_set {
	struct str elements[PLAN_FAMILIES];
};

void plan_set_add(struct plan_set *set, const struct prefix *p);
void plan_set_write(struct str *out, const char *name, struct plan_set *set);

// What a gateway in the same namespace has made, or left behind, is wanted as it is: an exit server
// or a jumpbox has no say in it.
void plan_leave_to_gateway(const struct kstate *observed, struct kstate *want);

// guard.c: the path that has its uplink on the LAN's interface, or NULL,
const struct config_path *plan_one_arm(const struct config *config);
// the sets and rules that keep all but the LAN from what we listen on, for the table and its first
// chain,
void plan_nft_guard_sets(struct str *out, const struct config *config,
			 const struct kstate *observed);
void plan_nft_guard(struct str *out, const struct config *config);
// and the chain that, on one arm, keeps the kernel from sending hosts of the LAN around us.
void plan_nft_no_redirects(struct str *out, const struct config *config);
// unproxied.c
void plan_nft_unproxied(struct str *out, const struct config *config);

// explain.c: the first of the ranges that the address is in, or NULL.
const struct prefix *plan_find_range(const struct config_prefixes *prefixes,
				     const struct addr *addr);

// Whether the path takes flows straight to destinations of the family.
bool plan_path_forwards(const struct path_fsm *fsm, enum plan_family family);

// flows.c: whether anything is forwarded over paths at all,
bool plan_forwards(const struct config *config);
// rules for the flows of paths that work,
void plan_want_flows(const struct config *config, const struct path_fsm fsms[],
		     enum plan_family family, struct kstate *want);
// the rules of the first chain that mark what answers them, so that the reverse path is that of the
// mark,
void plan_nft_answers(struct str *out, const struct config *config);
// rules that keep flows where they began: of paths, of pins,
void plan_nft_keep(struct str *out, const struct config *config);
void plan_nft_keep_pins(struct str *out, const struct config *config);
// and the chains that see to it that they leave by their path only, and masquerade them.
void plan_nft_forward(struct str *out, const struct config *config);

// Marks of a packet and of its flow, as statements.
#define PLAN_NFT_MARK    "meta mark set meta mark & 0x%08x | 0x%08x"
#define PLAN_NFT_CT_MARK "ct mark set ct mark & 0x%08x | 0x%08x"
#define PLAN_NFT_NO_QUIC "\t\tudp dport 443 reject\n"
// As matches.
#define PLAN_NFT_IF_MARK    "meta mark & 0x%08x == 0x%08x"
#define PLAN_NFT_IF_CT_MARK "ct mark & 0x%08x == 0x%08x"

// udp.c: where what is not TCP begins; to be written into the chain `rest`.
void plan_nft_udp(struct str *out, const struct config *config, const struct plan_udp *udp,
		  bool ipv6);

// pins.c: rules for the flows of pins that work,
void plan_want_pins(const struct config *config, const struct plan_ways *ways,
		    enum plan_family family, struct kstate *want);
// and the chain `pins`, with what it needs.
void plan_nft_pins(struct str *out, const struct config *config, const struct plan_ways *ways,
		   const struct plan_udp *udp, bool ipv6);

// nft.c: writes both sets of a pair, empty ones too: then nothing matches, which is what the rules
// mean.
void plan_nft_prefix_sets(struct str *out, const char *name,
			  const struct config_prefixes *prefixes);
// TPROXY of TCP to `port`. Without a listener there the rule ends before the mark is set.
void plan_nft_tproxy(struct str *out, enum plan_family family, const struct addr *to,
		     uint16_t port);

// relay_udp.c: the rule that brings datagrams to the relay,
void plan_want_relay_udp(const struct config *config, const struct plan_udp *udp,
			 enum plan_family family, struct kstate *want);
// TPROXY of UDP, as plan_nft_tproxy() of TCP,
void plan_nft_tproxy_udp(struct str *out, enum plan_family family, const struct addr *to,
			 uint16_t port);
// and the rules of chain `rest` that give them to it.
void plan_nft_relay_udp(struct str *out, const struct config *config, const struct plan_udp *udp,
			bool ipv6);
// udp.c: slots of the paths that the configuration lets UDP take, in its order; returns how many.
size_t plan_udp_paths(const struct config *config, int slots[static PATHS_MAX]);
// mss.c: a chain of the nft table that lowers the greatest TCP segment of what is forwarded over a
// path.
void plan_nft_mss(struct str *out, const struct config *config, const struct path_fsm fsms[]);

// demotion.c: `demote_by_rtt` at any time, `demotion_tick` once a second. Both change demotions and
// trial only.
void demote_by_rtt(struct plan_uses *uses, const struct use_evidence evidence[], size_t n,
		   int64_t now_ms);
void demotion_tick(struct plan_uses *uses, const struct use_evidence evidence[], size_t n,
		   int64_t now_ms);

#endif
