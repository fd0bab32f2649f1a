// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef TEST_KWORLD_H
#define TEST_KWORLD_H

// Kernel states in few words, for the tests of what is decided from them.

#include <linux/mptcp.h>
#include <linux/rtnetlink.h>

#include "model/kstate.h"

// NULL gives the unset value.
static inline struct addr addr_of(const char *text)
{
	struct addr a = { .family = AF_UNSPEC };

	if (text)
		assert_int_equal(addr_parse(text, &a), 0);
	return a;
}

static inline struct prefix prefix_from(const char *text)
{
	struct prefix p = { .addr = { .family = AF_UNSPEC } };

	if (text)
		assert_int_equal(prefix_parse(text, &p), 0);
	return p;
}

static inline void add_link(struct kstate *k, int ifindex, const char *name, bool point_to_point)
{
	struct klink link = {
		.ifindex = ifindex,
		.admin_up = true,
		.carrier = true,
		.point_to_point = point_to_point,
	};

	assert_true(strlen(name) < sizeof(link.name));
	strcpy(link.name, name);
	kstate_add_link(k, &link);
}

static inline struct kaddr *add_addr(struct kstate *k, int ifindex, const char *local, uint8_t len,
				     const char *peer)
{
	struct kaddr addr = {
		.ifindex = ifindex,
		.local = addr_of(local),
		.peer = addr_of(peer),
		.prefix_len = len,
		.usable = true,
		.global = true,
	};

	kstate_add_addr(k, &addr);
	return &k->addrs[k->n_addrs - 1];
}

// A default route in `main`, as DHCP sets it.
static inline struct kroute *add_default(struct kstate *k, int ifindex, const char *gateway,
					 sa_family_t af, uint32_t metric)
{
	struct kroute route = {
		.dst = { .addr = { .family = af } },
		.gateway = addr_of(gateway),
		.oif = ifindex,
		.table = RT_TABLE_MAIN,
		.metric = metric,
		.protocol = RTPROT_DHCP,
		.type = RTN_UNICAST,
	};

	kstate_add_route(k, &route);
	return &k->routes[k->n_routes - 1];
}

static inline void add_endpoint(struct kstate *k, uint8_t id, const char *addr, int ifindex)
{
	kstate_add_endpoint(k, &(struct kendpoint){ .id = id,
						    .addr = addr_of(addr),
						    .ifindex = ifindex,
						    .flags = MPTCP_PM_ADDR_FLAG_SUBFLOW });
}

#endif
