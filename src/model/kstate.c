// SPDX-License-Identifier: GPL-2.0-or-later
#include "model/kstate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"

const char *kstate_unproxied_name(enum kstate_unproxied counter)
{
	static const char *const names[KSTATE_UNPROXIED] = {
		[KSTATE_UDP_TX] = "udp_tx",
		[KSTATE_UDP_RX] = "udp_rx",
		[KSTATE_REST_TX] = "rest_tx",
		[KSTATE_REST_RX] = "rest_rx",
	};

	return names[counter];
}

// Room for one more element; arrays grow at powers of two, so no capacity is kept.
static void *grow(void *array, size_t n, size_t size)
{
	if (n & (n - 1))
		return array;
	array = realloc(array, (n ? n * 2 : 1) * size);
	if (!array) {
		log_error("out of memory");
		abort();
	}
	return array;
}

#define APPEND(array, n, value)                                                                    \
	do {                                                                                       \
		(array) = grow((array), (n), sizeof(*(array)));                                    \
		(array)[(n)++] = (value);                                                          \
	} while (0)

void kstate_fini(struct kstate *k)
{
	free(k->links);
	free(k->addrs);
	free(k->routes);
	free(k->rules);
	free(k->endpoints);
	free(k->sysctls);
	free(k->drops);
	free(k->nft);
	*k = (struct kstate){ 0 };
}

void kstate_add_link(struct kstate *k, const struct klink *link)
{
	APPEND(k->links, k->n_links, *link);
}

void kstate_add_addr(struct kstate *k, const struct kaddr *addr)
{
	APPEND(k->addrs, k->n_addrs, *addr);
}

void kstate_add_route(struct kstate *k, const struct kroute *route)
{
	APPEND(k->routes, k->n_routes, *route);
}

void kstate_add_rule(struct kstate *k, const struct krule *rule)
{
	APPEND(k->rules, k->n_rules, *rule);
}

void kstate_add_endpoint(struct kstate *k, const struct kendpoint *endpoint)
{
	APPEND(k->endpoints, k->n_endpoints, *endpoint);
}

void kstate_add_drop(struct kstate *k, const struct kchain *chain)
{
	APPEND(k->drops, k->n_drops, *chain);
}

void kstate_add_sysctl(struct kstate *k, const char *name, const char *value)
{
	struct ksysctl s;

	str_copy(s.name, sizeof(s.name), name);
	str_copy(s.value, sizeof(s.value), value);
	APPEND(k->sysctls, k->n_sysctls, s);
}

const struct klink *kstate_link(const struct kstate *k, const char *name)
{
	for (size_t i = 0; i < k->n_links; i++) {
		if (strcmp(k->links[i].name, name) == 0)
			return &k->links[i];
	}
	return NULL;
}

const struct klink *kstate_link_by_index(const struct kstate *k, int ifindex)
{
	for (size_t i = 0; i < k->n_links; i++) {
		if (k->links[i].ifindex == ifindex)
			return &k->links[i];
	}
	return NULL;
}

const struct ksysctl *kstate_sysctl(const struct kstate *k, const char *name)
{
	for (size_t i = 0; i < k->n_sysctls; i++) {
		if (strcmp(k->sysctls[i].name, name) == 0)
			return &k->sysctls[i];
	}
	return NULL;
}

bool kendpoint_is_ours(const struct kendpoint *endpoint)
{
	return endpoint->id >= KSTATE_ENDPOINT_FIRST && endpoint->id <= KSTATE_ENDPOINT_LAST;
}

bool kroute_equal(const struct kroute *a, const struct kroute *b)
{
	return prefix_equal(&a->dst, &b->dst) && addr_equal(&a->gateway, &b->gateway) &&
	       addr_equal(&a->src, &b->src) && a->oif == b->oif && a->table == b->table &&
	       a->metric == b->metric && a->protocol == b->protocol && a->type == b->type &&
	       a->scope == b->scope;
}

bool krule_equal(const struct krule *a, const struct krule *b)
{
	return a->family == b->family && a->pref == b->pref && a->table == b->table &&
	       prefix_equal(&a->src, &b->src) && strcmp(a->iif, b->iif) == 0 &&
	       a->fwmark == b->fwmark && a->fwmask == b->fwmask &&
	       a->suppress_prefix_len == b->suppress_prefix_len && a->protocol == b->protocol;
}
