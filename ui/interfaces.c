// SPDX-License-Identifier: GPL-2.0-or-later
#include "ui/interfaces.h"

#include <ifaddrs.h>
#include <net/route.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

static struct interface *find(struct interfaces *all, const char *name)
{
	for (int i = 0; i < all->n; i++) {
		if (strcmp(all->list[i].name, name) == 0)
			return &all->list[i];
	}
	if (all->n == INTERFACES_MAX)
		return NULL;
	str_copy(all->list[all->n].name, IFNAMSIZ, name);
	return &all->list[all->n++];
}

// getifaddrs(3) packs its list with less room between than the largest member of our union wants.
static struct addr read_address(const struct sockaddr *packed)
{
	union sockaddr_any sa = { .sa = { .sa_family = packed->sa_family } };

	memcpy(&sa, packed, packed->sa_family == AF_INET6 ? sizeof(sa.in6) : sizeof(sa.in));
	return addr_from_sockaddr(&sa);
}

static int count_bits(const struct sockaddr *mask)
{
	const struct addr addr = read_address(mask);
	int n = 0;

	for (size_t i = 0; i < addr_len(&addr); i++)
		n += __builtin_popcount(addr.bytes[i]);
	return n;
}

// The first address counts, and IPv4 before IPv6.
static void take_address(struct interface *out, const struct ifaddrs *a)
{
	char text[ADDR_STRLEN];
	struct addr addr;

	if (!a->ifa_addr ||
	    (a->ifa_addr->sa_family != AF_INET && a->ifa_addr->sa_family != AF_INET6))
		return;
	addr = read_address(a->ifa_addr);
	if (addr_is_link_local(&addr) || (out->address[0] && addr.family == AF_INET6))
		return;
	snprintf(out->address, sizeof(out->address), "%s/%d", addr_format(&addr, text),
		 a->ifa_netmask ? count_bits(a->ifa_netmask) : 0);
}

// proc(5): interface, destination, gateway, flags, ..., mask; numbers in the machine's order.
static void take_routes(struct interfaces *all)
{
	FILE *file = fopen("/proc/net/route", "re");
	char line[256], name[IFNAMSIZ];
	unsigned destination, gateway, flags;

	while (file && fgets(line, sizeof(line), file)) {
		struct addr addr = { .family = AF_INET };

		if (sscanf(line, "%15s %x %x %x", name, &destination, &gateway, &flags) != 4 ||
		    destination)
			continue;
		addr.v4.s_addr = gateway;
		for (int i = 0; i < all->n; i++) {
			if (strcmp(all->list[i].name, name) != 0)
				continue;
			if (flags & RTF_GATEWAY)
				addr_format(&addr, all->list[i].gateway);
			else
				str_copy(all->list[i].gateway, ADDR_STRLEN, "(needs none)");
		}
	}
	if (file)
		fclose(file);
}

void interfaces_look(struct interfaces *out)
{
	struct ifaddrs *list = NULL;

	*out = (struct interfaces){ 0 };
	if (getifaddrs(&list) < 0)
		return;
	for (const struct ifaddrs *a = list; a; a = a->ifa_next) {
		struct interface *interface =
			a->ifa_flags & IFF_LOOPBACK ? NULL : find(out, a->ifa_name);

		if (!interface)
			continue;
		interface->up = (a->ifa_flags & IFF_UP) && (a->ifa_flags & IFF_RUNNING);
		take_address(interface, a);
	}
	freeifaddrs(list);
	take_routes(out);
}

const char *interface_kind(const char *name)
{
	static const struct {
		const char *begin, *kind;
	} kinds[] = {
		{ "ppp", "adsl" }, { "wwan", "lte" }, { "wwp", "lte" },
		{ "usb", "lte" },  { "tun", "vpn" },  { "tap", "vpn" },
		{ "wg", "vpn" },   { "gre", "vpn" },  { "wl", "wifi" },
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strncmp(name, kinds[i].begin, strlen(kinds[i].begin)) == 0)
			return kinds[i].kind;
	}
	return "ethernet";
}
