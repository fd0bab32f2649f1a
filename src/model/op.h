// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef MODEL_OP_H
#define MODEL_OP_H

#include "base/str.h"
#include "model/kstate.h"

// One change to the kernel's state, as a value: it can be printed, tested and applied.
// The order of this list is the order in which plan_diff() emits kinds: what takes a path out goes
// first and from the outside in (endpoint, rule, route), what brings one in goes last and from the
// inside out (sysctl, route, rule, endpoint). See kernel notes on burnt endpoints.
enum op_kind {
	OP_NFT_DELETE,
	OP_ENDPOINT_DELETE,
	OP_RULE_DELETE,
	OP_ROUTE_DELETE,
	OP_SYSCTL_SET,
	OP_LIMITS_SET,
	OP_ROUTE_ADD, // replaces a route of the same destination and table
	OP_RULE_ADD,
	OP_ENDPOINT_ADD,
	OP_ENDPOINT_FLAGS,
	OP_NFT_SET,      // replaces our table as a whole, atomically
	OP_FLOWS_DELETE, // conntrack forgets flows: their next packets are new ones
	OP_KINDS
};

struct op {
	enum op_kind kind;
	union {
		struct kroute route;
		struct krule rule;
		struct kendpoint endpoint;
		struct ksysctl sysctl;
		struct klimits limits;
		struct kflows flows;
		const char *nft; // borrowed from the wanted state
	};
};

struct op_list {
	struct op *ops;
	size_t n;
};

void op_list_fini(struct op_list *list);
void op_list_add(struct op_list *list, const struct op *op);

// As a command line that a person could type: "ip route replace default via 192.0.2.1 dev eth1
// table 101 proto 199". `k` names the interfaces.
void op_format(const struct op *op, const struct kstate *k, struct str *out);
// MPTCP_PM_ADDR_FLAG_* as ip-mptcp(8) names them.
void op_format_flags(uint32_t flags, const char *separator, struct str *out);

#endif
