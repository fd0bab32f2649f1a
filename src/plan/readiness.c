// SPDX-License-Identifier: GPL-2.0-or-later
// What a path's interface offers, and in words what it lacks.

#include "plan/plan.h"

#include <linux/rtnetlink.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "plan/plan_priv.h"

sa_family_t plan_af(enum plan_family family)
{
	return family == PLAN_V4 ? AF_INET : AF_INET6;
}

static bool is_usable(const struct kaddr *a, int ifindex, sa_family_t af)
{
	return a->ifindex == ifindex && a->local.family == af && a->usable && a->global &&
	       !addr_is_link_local(&a->local) && !addr_is_loopback(&a->local);
}

// The address in use while it lasts; else the first, a globally unique one before a unique local.
static const struct kaddr *choose_addr(const struct kstate *k, int ifindex, sa_family_t af,
				       const struct addr *in_use)
{
	const struct kaddr *best = NULL;

	for (size_t i = 0; i < k->n_addrs; i++) {
		const struct kaddr *a = &k->addrs[i];

		if (!is_usable(a, ifindex, af))
			continue;
		if (addr_equal(&a->local, in_use))
			return a;
		if (!best ||
		    (addr_is_unique_local(&best->local) && !addr_is_unique_local(&a->local)))
			best = a;
	}
	return best;
}

// The default route on the interface that somebody else set (DHCP, router advertisement, a person),
// in whatever table; with several, that of the lowest metric.
static const struct kroute *find_default(const struct kstate *k, int ifindex, sa_family_t af)
{
	const struct kroute *best = NULL;

	for (size_t i = 0; i < k->n_routes; i++) {
		const struct kroute *r = &k->routes[i];

		if (r->oif != ifindex || r->dst.addr.family != af || r->dst.len != 0 ||
		    r->type != RTN_UNICAST || r->protocol == KSTATE_PROTOCOL)
			continue;
		if (!best || r->metric < best->metric)
			best = r;
	}
	return best;
}

static struct path_way find_way(const struct config_path *path, const struct kstate *k,
				const struct klink *link, sa_family_t af, const struct addr *in_use)
{
	const struct kaddr *a = choose_addr(k, link->ifindex, af, in_use);
	const struct kroute *route;
	struct path_way way = { 0 };

	if (!a)
		return way;
	way.local = a->local;
	way.prefix_len = a->prefix_len;
	way.peer = a->peer;
	route = find_default(k, link->ifindex, af);
	if (path->gateway.family == af)
		way.gateway = path->gateway;
	else if (!link->point_to_point && !addr_is_set(&a->peer) && route)
		way.gateway = route->gateway;
	// a default route without a gateway says that the link needs none
	way.routable = link->admin_up && (addr_is_set(&way.gateway) || link->point_to_point ||
					  addr_is_set(&a->peer) || route);
	return way;
}

__attribute__((format(printf, 4, 5))) static void
lack(struct path_facts *facts, const char *reason, const char *note, const char *advice_fmt, ...)
{
	va_list ap;

	str_copy(facts->reason, sizeof(facts->reason), reason);
	str_copy(facts->note, sizeof(facts->note), note);
	va_start(ap, advice_fmt);
	vsnprintf(facts->advice, sizeof(facts->advice), advice_fmt, ap);
	va_end(ap);
}

static const char *family_word(sa_family_t af)
{
	return af == AF_INET6 ? "IPv6 " : af == AF_INET ? "IPv4 " : "";
}

static bool has_address_being_checked(const struct kstate *k, int ifindex)
{
	for (size_t i = 0; i < k->n_addrs; i++) {
		if (k->addrs[i].ifindex == ifindex && k->addrs[i].global && !k->addrs[i].usable)
			return true;
	}
	return false;
}

static void explain_no_address(const struct kstate *k, const char *interface, sa_family_t family,
			       struct path_facts *facts)
{
	char note[NOTE_SIZE];

	snprintf(note, sizeof(note), "no %saddress", family_word(family));
	if (has_address_being_checked(k, facts->ifindex))
		lack(facts, "no-address", note,
		     "%s has one that may not be used (yet): 'ip addr show %s'", interface,
		     interface);
	else
		lack(facts, "no-address", note, "%s has no usable global one; is DHCP running?",
		     interface);
}

void plan_readiness(const struct config_path *path, const struct kstate *observed,
		    sa_family_t family, struct path_facts *facts)
{
	const struct klink *link = kstate_link(observed, path->interface);
	const char *interface = path->interface;
	struct path_facts was = *facts;
	bool has_address = false;

	*facts = (struct path_facts){ 0 };
	if (path->gone) {
		lack(facts, "removed", "removed", "it is not in the configuration any more");
		return;
	}
	if (!link) {
		lack(facts, "no-interface", "no interface", "%s does not exist (yet)", interface);
		return;
	}
	facts->ifindex = link->ifindex;
	facts->mtu = link->mtu;
	facts->to_exit = family == AF_INET6 ? PLAN_V6 : PLAN_V4;
	for (int f = PLAN_FAMILIES - 1; f >= 0; f--) {
		sa_family_t af = plan_af(f);

		facts->way[f] = find_way(path, observed, link, af, &was.way[f].local);
		if (family != AF_UNSPEC && family != af)
			continue;
		has_address |= addr_is_set(&facts->way[f].local);
		if (facts->way[f].routable) {
			facts->to_exit = f;
			facts->ready = link->carrier;
		}
	}
	if (facts->ready)
		return;
	if (!link->admin_up)
		lack(facts, "link-down", "interface down", "'ip link set %s up'", interface);
	else if (!link->carrier)
		lack(facts, "no-carrier", "no carrier", "check cable, modem or peer of %s",
		     interface);
	else if (!has_address)
		explain_no_address(observed, interface, family, facts);
	else
		lack(facts, "no-gateway", "no gateway",
		     "no %sdefault route on %s yet: DHCP not finished? or set 'gateway'",
		     family_word(family), interface);
}

static bool has_same_address(const struct path_facts *a, const struct path_facts *b)
{
	const struct addr *local = &a->way[a->to_exit].local;

	return addr_is_set(local) && addr_equal(local, &b->way[b->to_exit].local);
}

void plan_readiness_all(const struct config *config, const struct kstate *observed,
			sa_family_t family, struct path_facts facts[])
{
	for (size_t i = 0; i < config->n_paths; i++) {
		plan_readiness(&config->paths[i], observed, family, &facts[i]);
		for (size_t j = 0; j < i; j++) {
			if (!has_same_address(&facts[j], &facts[i]))
				continue;
			facts[i].ready = false;
			facts[i].way[facts[i].to_exit].routable = false;
			lack(&facts[i], "same-address", "address twice",
			     "%s has it too; give one modem another network",
			     config->paths[j].interface);
		}
	}
}
