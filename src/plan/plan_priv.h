// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef PLAN_PLAN_PRIV_H
#define PLAN_PLAN_PRIV_H

#include "plan/plan.h"

// AF_INET or AF_INET6
sa_family_t plan_af(enum plan_family family);

// The nft table as text for `nft -f`: what of the LAN is carried, and to which port. On the heap.
// `ipv6`: whether this machine speaks it.
char *plan_nft_text(const struct config *config, const struct path_fsm fsms[],
		    const struct plan_exits *exits, bool ipv6);

#endif
