// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef TEST_KAPPLY_H
#define TEST_KAPPLY_H

// The kernel in small: what applying an op does to a state, with the kernel's objections as
// failures.

#include <stdlib.h>
#include <string.h>

#include "model/op.h"

#define KAPPLY_DROP(array, n, i)                                                                   \
	memmove(&(array)[i], &(array)[(i) + 1], (--(n) - (i)) * sizeof((array)[0]))

static inline bool kapply_same_slot(const struct kroute *a, const struct kroute *b)
{
	return a->protocol == KSTATE_PROTOCOL && a->table == b->table && a->metric == b->metric &&
	       prefix_equal(&a->dst, &b->dst);
}

static inline void kapply_route(struct kstate *k, const struct op *op)
{
	size_t i = 0;

	while (i < k->n_routes &&
	       !(op->kind == OP_ROUTE_ADD ? kapply_same_slot(&k->routes[i], &op->route)
					  : kroute_equal(&k->routes[i], &op->route)))
		i++;
	if (op->kind == OP_ROUTE_DELETE) {
		assert_true(i < k->n_routes);
		KAPPLY_DROP(k->routes, k->n_routes, i);
	} else if (i < k->n_routes) {
		k->routes[i] = op->route;
	} else {
		kstate_add_route(k, &op->route);
	}
}

static inline void kapply_rule(struct kstate *k, const struct op *op)
{
	size_t i = 0;

	while (i < k->n_rules && !krule_equal(&k->rules[i], &op->rule))
		i++;
	if (op->kind == OP_RULE_DELETE) {
		assert_true(i < k->n_rules);
		KAPPLY_DROP(k->rules, k->n_rules, i);
	} else {
		assert_int_equal(i, k->n_rules); // EEXIST
		kstate_add_rule(k, &op->rule);
	}
}

static inline void kapply_endpoint(struct kstate *k, const struct op *op)
{
	size_t i = 0;

	while (i < k->n_endpoints && k->endpoints[i].id != op->endpoint.id)
		i++;
	if (op->kind == OP_ENDPOINT_ADD) {
		assert_int_equal(i, k->n_endpoints); // the id is taken
		for (i = 0; i < k->n_endpoints; i++) // EEXIST
			assert_false(addr_equal(&k->endpoints[i].addr, &op->endpoint.addr));
		kstate_add_endpoint(k, &op->endpoint);
		return;
	}
	assert_true(i < k->n_endpoints);
	if (op->kind == OP_ENDPOINT_DELETE)
		KAPPLY_DROP(k->endpoints, k->n_endpoints, i);
	else
		k->endpoints[i].flags = op->endpoint.flags;
}

static inline void kapply(struct kstate *k, const struct op *op)
{
	switch (op->kind) {
	case OP_NFT_DELETE:
	case OP_NFT_SET:
		free(k->nft);
		k->nft = op->kind == OP_NFT_SET ? xstrdup(op->nft) : NULL;
		break;
	case OP_ROUTE_ADD:
	case OP_ROUTE_DELETE:
		kapply_route(k, op);
		break;
	case OP_RULE_ADD:
	case OP_RULE_DELETE:
		kapply_rule(k, op);
		break;
	case OP_ENDPOINT_ADD:
	case OP_ENDPOINT_DELETE:
	case OP_ENDPOINT_FLAGS:
		kapply_endpoint(k, op);
		break;
	case OP_SYSCTL_SET:
		for (size_t i = 0; i < k->n_sysctls; i++) {
			if (strcmp(k->sysctls[i].name, op->sysctl.name) == 0)
				k->sysctls[i] = op->sysctl;
		}
		break;
	case OP_LIMITS_SET:
		k->limits = op->limits;
		break;
	case OP_FLOWS_DELETE: // none here
		break;
	case OP_KINDS:
		fail();
	}
}

#endif
