// SPDX-License-Identifier: GPL-2.0-or-later
// From what is to what is wanted. What carries our mark and is not wanted goes, duplicates included
// (a kernel asked without NLM_F_EXCL adds a second copy of a rule); what belongs to others stays,
// even where it is in the way.

#include "plan/plan.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static void add(struct op_list *out, struct op op)
{
	op_list_add(out, &op);
}

// ---- Endpoints

static bool is_same_endpoint(const struct kendpoint *a, const struct kendpoint *b)
{
	return a->id == b->id && a->ifindex == b->ifindex && addr_equal(&a->addr, &b->addr);
}

static const struct kendpoint *find_same_endpoint(const struct kstate *k, const struct kendpoint *e)
{
	for (size_t i = 0; i < k->n_endpoints; i++) {
		if (is_same_endpoint(&k->endpoints[i], e))
			return &k->endpoints[i];
	}
	return NULL;
}

static const struct kendpoint *find_foreign_endpoint(const struct kstate *k,
						     const struct addr *addr)
{
	for (size_t i = 0; i < k->n_endpoints; i++) {
		if (!kendpoint_is_ours(&k->endpoints[i]) && addr_equal(&k->endpoints[i].addr, addr))
			return &k->endpoints[i];
	}
	return NULL;
}

static void delete_endpoints(const struct kstate *observed, const struct kstate *want,
			     struct op_list *out)
{
	for (size_t i = 0; i < observed->n_endpoints; i++) {
		const struct kendpoint *e = &observed->endpoints[i];

		if (kendpoint_is_ours(e) && !find_same_endpoint(want, e))
			add(out, (struct op){ .kind = OP_ENDPOINT_DELETE, .endpoint = *e });
	}
}

static void add_endpoints(const struct kstate *observed, const struct kstate *want,
			  struct op_list *out, struct str *conflicts)
{
	for (size_t i = 0; i < want->n_endpoints; i++) {
		const struct kendpoint *e = &want->endpoints[i];
		const struct kendpoint *foreign = find_foreign_endpoint(observed, &e->addr);
		char text[ADDR_STRLEN];

		if (find_same_endpoint(observed, e))
			continue;
		if (!foreign)
			add(out, (struct op){ .kind = OP_ENDPOINT_ADD, .endpoint = *e });
		else if (conflicts)
			str_addf(conflicts,
				 "another program has the MPTCP endpoint %s (id %u); take it from "
				 "there: "
				 "NetworkManager's connection.mptcp-flags=disabled, or no mptcpd\n",
				 addr_format(&e->addr, text), foreign->id);
	}
}

static void flag_endpoints(const struct kstate *observed, const struct kstate *want,
			   struct op_list *out)
{
	for (size_t i = 0; i < want->n_endpoints; i++) {
		const struct kendpoint *e = &want->endpoints[i];
		const struct kendpoint *is = find_same_endpoint(observed, e);

		if (is && is->flags != e->flags)
			add(out, (struct op){ .kind = OP_ENDPOINT_FLAGS, .endpoint = *e });
	}
}

// ---- Rules

static bool has_rule(const struct krule *rules, size_t n, const struct krule *rule)
{
	for (size_t i = 0; i < n; i++) {
		if (krule_equal(&rules[i], rule))
			return true;
	}
	return false;
}

static void delete_rules(const struct kstate *observed, const struct kstate *want,
			 struct op_list *out)
{
	for (size_t i = 0; i < observed->n_rules; i++) {
		const struct krule *r = &observed->rules[i];

		if (r->protocol == KSTATE_PROTOCOL &&
		    (!has_rule(want->rules, want->n_rules, r) || has_rule(observed->rules, i, r)))
			add(out, (struct op){ .kind = OP_RULE_DELETE, .rule = *r });
	}
}

static void add_rules(const struct kstate *observed, const struct kstate *want, struct op_list *out)
{
	for (size_t i = 0; i < want->n_rules; i++) {
		const struct krule *r = &want->rules[i];

		if (!has_rule(observed->rules, observed->n_rules, r))
			add(out, (struct op){ .kind = OP_RULE_ADD, .rule = *r });
	}
}

// ---- Routes

// What the kernel takes for the same route when asked to replace one.
static bool is_same_slot(const struct kroute *a, const struct kroute *b)
{
	return a->table == b->table && a->metric == b->metric && prefix_equal(&a->dst, &b->dst);
}

static bool has_route(const struct kroute *routes, size_t n, const struct kroute *route)
{
	for (size_t i = 0; i < n; i++) {
		if (kroute_equal(&routes[i], route))
			return true;
	}
	return false;
}

// Whether one of ours, not `route` itself, sits in the slot of routes[i].
static bool shares_slot(const struct kroute *routes, size_t n, const struct kroute *route)
{
	for (size_t i = 0; i < n; i++) {
		if (routes[i].protocol == KSTATE_PROTOCOL && is_same_slot(&routes[i], route))
			return true;
	}
	return false;
}

// An observed route that is not wanted goes by itself when it is the only one of ours in a slot for
// which another is wanted: that one replaces it without a moment between.
static bool is_replaced(const struct kstate *observed, const struct kstate *want, size_t i)
{
	const struct kroute *route = &observed->routes[i];

	if (!shares_slot(want->routes, want->n_routes, route))
		return false;
	return !shares_slot(observed->routes, i, route) &&
	       !shares_slot(observed->routes + i + 1, observed->n_routes - i - 1, route);
}

static void delete_routes(const struct kstate *observed, const struct kstate *want,
			  struct op_list *out)
{
	for (size_t i = 0; i < observed->n_routes; i++) {
		const struct kroute *r = &observed->routes[i];

		if (r->protocol != KSTATE_PROTOCOL)
			continue;
		if (has_route(want->routes, want->n_routes, r) ? has_route(observed->routes, i, r)
							       : !is_replaced(observed, want, i))
			add(out, (struct op){ .kind = OP_ROUTE_DELETE, .route = *r });
	}
}

static const struct kroute *find_foreign_route(const struct kstate *k, const struct kroute *route)
{
	for (size_t i = 0; i < k->n_routes; i++) {
		if (k->routes[i].protocol != KSTATE_PROTOCOL && is_same_slot(&k->routes[i], route))
			return &k->routes[i];
	}
	return NULL;
}

static void add_routes(const struct kstate *observed, const struct kstate *want,
		       struct op_list *out, struct str *conflicts)
{
	for (size_t i = 0; i < want->n_routes; i++) {
		const struct kroute *r = &want->routes[i];
		char text[ADDR_STRLEN];

		if (has_route(observed->routes, observed->n_routes, r))
			continue;
		if (!find_foreign_route(observed, r))
			add(out, (struct op){ .kind = OP_ROUTE_ADD, .route = *r });
		else if (conflicts)
			str_addf(conflicts,
				 "another program has the route to %s in table %" PRIu32
				 "; take it out, or give the path another 'table'\n",
				 prefix_format(&r->dst, text), r->table);
	}
}

// ---- Flows

static bool leads_on(const struct kstate *want, const struct krule *rule)
{
	for (size_t i = 0; i < want->n_rules; i++) {
		if (want->rules[i].fwmark == rule->fwmark && want->rules[i].table == rule->table &&
		    want->rules[i].family == rule->family)
			return true;
	}
	return false;
}

// With the rule of a mark of the relay's, a path's or a pin's go the flows that it led.
static void delete_flows(const struct kstate *observed, const struct kstate *want,
			 struct op_list *out)
{
	for (size_t i = 0; i < observed->n_rules; i++) {
		const struct krule *r = &observed->rules[i];

		if (r->protocol == KSTATE_PROTOCOL && r->fwmark >= KSTATE_RELAY_MARK &&
		    r->fwmark <= KSTATE_PIN_MARK(CONFIG_PIN_SLOTS - 1) && !leads_on(want, r))
			add(out, (struct op){ .kind = OP_FLOWS_DELETE,
					      .flows = { r->fwmark, r->family } });
	}
}

// ---- The rest

static void set_sysctls(const struct kstate *observed, const struct kstate *want,
			struct op_list *out)
{
	for (size_t i = 0; i < want->n_sysctls; i++) {
		const struct ksysctl *s = &want->sysctls[i];
		const struct ksysctl *is = kstate_sysctl(observed, s->name);

		if (is && strcmp(is->value, s->value) != 0)
			add(out, (struct op){ .kind = OP_SYSCTL_SET, .sysctl = *s });
	}
}

static void set_limits(const struct kstate *observed, const struct kstate *want,
		       struct op_list *out)
{
	if (observed->limits.subflows != want->limits.subflows ||
	    observed->limits.add_addr_accepted != want->limits.add_addr_accepted)
		add(out, (struct op){ .kind = OP_LIMITS_SET, .limits = want->limits });
}

void plan_diff(const struct kstate *observed, const struct kstate *want, struct op_list *out,
	       struct str *conflicts)
{
	*out = (struct op_list){ 0 };
	if (observed->nft && !want->nft)
		add(out, (struct op){ .kind = OP_NFT_DELETE });
	delete_endpoints(observed, want, out);
	delete_rules(observed, want, out);
	delete_routes(observed, want, out);
	set_sysctls(observed, want, out);
	set_limits(observed, want, out);
	add_routes(observed, want, out, conflicts);
	add_rules(observed, want, out);
	add_endpoints(observed, want, out, conflicts);
	flag_endpoints(observed, want, out);
	if (want->nft && (!observed->nft || strcmp(observed->nft, want->nft) != 0))
		add(out, (struct op){ .kind = OP_NFT_SET, .nft = want->nft });
	delete_flows(observed, want, out);
}
