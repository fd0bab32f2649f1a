// SPDX-License-Identifier: GPL-2.0-or-later
// Who may reach what the gateway listens on: the LAN, and nobody else.
//
// A socket that is bound to the LAN's address is not closed to the rest of the world by that: Linux
// takes a packet for any of its addresses from any interface (RFC 1122 calls it the weak host
// model), so whoever shares a provider's network with us need only route the LAN's address this
// way, and an IPv6 address of the LAN is routed this way by all the Internet. So what comes in
// elsewhere for one of our ports is dropped unless the address is that interface's own, where
// another program may well listen.
//
// Where LAN and uplink are one interface (one arm) it cannot be told by the interface, and the
// source has to be of the LAN: of a network that the interface has an address in, or of
// lan.sources. There the kernel would also tell LAN hosts that the router is nearer to what we
// forward back out of the interface that it came from (ICMP redirects); they would believe it, and
// go around us from then on.

#include <inttypes.h>
#include <string.h>

#include "plan/plan_priv.h"

const struct config_path *plan_one_arm(const struct config *config)
{
	for (size_t i = 0; i < config->n_paths; i++) {
		if (!config->paths[i].gone &&
		    strcmp(config->paths[i].interface, config->lan.interface) == 0)
			return &config->paths[i];
	}
	return NULL;
}

static void add_port(struct str *ports, uint16_t port)
{
	str_addf(ports, "%s%u", ports->len ? ", " : "", port);
}

static void list_ports(const struct config *config, struct str *ports)
{
	for (size_t i = 0; i < config->n_exits; i++) {
		if (!config->exits[i].gone && config->exits[i].socks_port)
			add_port(ports, config->exits[i].socks_port);
	}
	if (config->metrics.present)
		add_port(ports, config->metrics.port);
	if (config->dns.present)
		add_port(ports, config->dns.port);
}

// Networks that the LAN's interface has an address in.
static void write_near(struct str *out, const struct config *config, const struct kstate *observed)
{
	const struct klink *lan = kstate_link(observed, config->lan.interface);
	struct plan_set near = { 0 };

	for (size_t i = 0; lan && i < observed->n_addrs; i++) {
		const struct kaddr *a = &observed->addrs[i];
		struct prefix network = prefix_of(&a->local, a->prefix_len);

		if (a->ifindex == lan->ifindex)
			plan_set_add(&near, &network);
	}
	for (size_t i = 0; i < config->lan.sources.n; i++)
		plan_set_add(&near, &config->lan.sources.list[i]);
	plan_set_write(out, "near", &near);
}

void plan_nft_guard_sets(struct str *out, const struct config *config,
			 const struct kstate *observed)
{
	if (plan_one_arm(config))
		write_near(out, config, observed);
}

void plan_nft_guard(struct str *out, const struct config *config)
{
	const char *lan = config->lan.interface;
	struct str ports = { 0 };

	list_ports(config, &ports);
	if (ports.len)
		str_addf(out,
			 "\t\tiifname != { \"lo\", \"%s\" } meta l4proto { tcp, udp } th dport { "
			 "%s } "
			 "fib daddr type local fib daddr . iif type != local drop\n",
			 lan, str_text(&ports));
	for (int f = 0; ports.len && plan_one_arm(config) && f < PLAN_FAMILIES; f++)
		str_addf(out,
			 "\t\tiifname \"%s\" meta l4proto { tcp, udp } th dport { %s } "
			 "fib daddr type local %s saddr != @near%c drop\n",
			 lan, str_text(&ports), f == PLAN_V6 ? "ip6" : "ip",
			 f == PLAN_V6 ? '6' : '4');
	str_fini(&ports);
}

void plan_nft_no_redirects(struct str *out, const struct config *config)
{
	if (!plan_one_arm(config))
		return;
	str_addf(out,
		 "\tchain output {\n"
		 "\t\ttype filter hook output priority filter; policy accept;\n"
		 "\t\toifname \"%s\" icmp type redirect drop\n"
		 "\t\toifname \"%s\" icmpv6 type nd-redirect drop\n"
		 "\t}\n",
		 config->lan.interface, config->lan.interface);
}
