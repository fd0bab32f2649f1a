// SPDX-License-Identifier: GPL-2.0-or-later
// The nft table: which connections of the LAN are carried.
//
// One chain in prerouting, before routing. What is carried gets the mark, by which a rule routes it
// to this machine, and the listener on loopback as its socket; the packet itself stays as it is, so
// the accepted socket's own address is where the client wanted to go. All else is let through. The
// syntax is nft 1.0.6's, and works from Linux 6.1 on. What is not TCP: udp.c; what goes elsewhere:
// pins.c.
//
// With `local` there is a second chain, on output: what programs of this machine begin gets the
// same mark, and so is routed to loopback, comes in again there, and finds the listener by the
// first chain. The mark of our own sockets, the addresses of exits, and what answers others'
// connections keep it from going round in circles.

#include <inttypes.h>
#include <stdlib.h>

#include "base/special.h"
#include "plan/plan_priv.h"

void plan_set_add(struct plan_set *set, const struct prefix *p)
{
	struct str *out = &set->elements[p->addr.family == AF_INET6 ? PLAN_V6 : PLAN_V4];
	char text[ADDR_STRLEN];

	str_addf(out, "%s\t\t\t%s", out->len ? ",\n" : "", prefix_format(p, text));
}

static void add_addr(struct plan_set *set, const struct addr *addr)
{
	struct prefix p = { .addr = *addr, .len = (uint8_t)(addr_len(addr) * 8) };

	if (addr_is_set(addr))
		plan_set_add(set, &p);
}

static void add_list(struct plan_set *set, const struct config_prefixes *prefixes)
{
	for (size_t i = 0; i < prefixes->n; i++)
		plan_set_add(set, &prefixes->list[i]);
}

static void add_special(struct plan_set *set)
{
	for (int i = 0; i < SPECIAL_RANGES; i++)
		plan_set_add(set, &special_ranges[i].prefix);
}

void plan_set_write(struct str *out, const char *name, struct plan_set *set)
{
	for (int f = 0; f < PLAN_FAMILIES; f++) {
		str_addf(out, "\tset %s%c {\n\t\ttype %s;\n\t\tflags interval;\n\t\tauto-merge;\n",
			 name, f == PLAN_V6 ? '6' : '4', f == PLAN_V6 ? "ipv6_addr" : "ipv4_addr");
		if (set->elements[f].len)
			str_addf(out, "\t\telements = {\n%s\n\t\t};\n",
				 str_text(&set->elements[f]));
		str_add(out, "\t}\n");
		str_fini(&set->elements[f]);
	}
}

void plan_nft_prefix_sets(struct str *out, const char *name, const struct config_prefixes *prefixes)
{
	struct plan_set set = { 0 };

	add_list(&set, prefixes);
	plan_set_write(out, name, &set);
}

static void write_match(struct str *out, const char *field, const char *op, const char *set)
{
	str_addf(out, "\t\tip %s %s@%s4 return\n", field, op, set);
	str_addf(out, "\t\tip6 %s %s@%s6 return\n", field, op, set);
}

// A connection that is carried stays so, whatever the lists say by now.
static void write_carried(struct str *out)
{
	str_addf(out, "\t\tmeta l4proto tcp socket transparent 1 " PLAN_NFT_MARK " accept\n",
		 ~KSTATE_MARK_MASK, KSTATE_TPROXY_MARK);
}

void plan_nft_tproxy(struct str *out, enum plan_family family, const struct addr *to, uint16_t port)
{
	const bool v6 = family == PLAN_V6;
	char text[ADDR_STRLEN];

	addr_format(to, text);
	str_addf(out,
		 "\t\tmeta nfproto %s meta l4proto tcp tproxy %s to %s%s%s:%u " PLAN_NFT_MARK
		 " accept\n",
		 v6 ? "ipv6" : "ipv4", v6 ? "ip6" : "ip", v6 ? "[" : "", text, v6 ? "]" : "", port,
		 ~KSTATE_MARK_MASK, KSTATE_TPROXY_MARK);
}

struct addr plan_listener(enum plan_family family)
{
	static const char *const loopback[PLAN_FAMILIES] = { "127.0.0.1", "::1" };
	struct addr addr;

	addr_parse(loopback[family], &addr);
	return addr;
}

static void write_tproxies(struct str *out, const struct config *config, bool ipv6)
{
	for (int f = 0; f < (ipv6 ? PLAN_FAMILIES : PLAN_V6); f++) {
		struct addr to = plan_listener((enum plan_family)f);

		plan_nft_tproxy(out, (enum plan_family)f, &to, config->lan.tproxy_port);
	}
}

static void write_lists(struct str *out, const struct config *config)
{
	write_match(out, "saddr", "", "source_bypass");
	write_match(out, "daddr", "", "bypass");
	// an answer at once makes programs take IPv4 (RFC 8305)
	if (config->lan.refuse_ipv6)
		str_add(out, "\t\tct direction original meta nfproto ipv6 goto refuse\n");
	if (config->lan.sources.n)
		write_match(out, "saddr", "!= ", "source");
}

static void write_refuse(struct str *out)
{
	str_add(out, "\tchain refuse {\n"
		     "\t\tmeta l4proto tcp reject with tcp reset\n"
		     "\t\treject with icmpx type admin-prohibited\n"
		     "\t}\n");
}

static bool has_rest(const struct config *config)
{
	return config->udp.present || config->n_pins || config->lan.refuse_ipv6;
}

static void write_pins(struct str *out, const struct config *config)
{
	if (!config->n_pins)
		return;
	plan_nft_keep_pins(out, config);
	str_add(out, "\t\tjump pins\n");
}

static void write_chain(struct str *out, const struct config *config, bool ipv6)
{
	const struct config_lan *lan = &config->lan;

	str_add(out, "\tchain prerouting {\n"
		     "\t\ttype filter hook prerouting priority mangle; policy accept;\n");
	// the listener is on loopback, which route_localnet could open to the outside
	str_addf(out, "\t\tiifname != \"lo\" ip daddr 127.0.0.0/8 tcp dport %u drop\n",
		 lan->tproxy_port);
	if (plan_udp_relays(config))
		str_addf(out, "\t\tiifname != \"lo\" ip daddr 127.0.0.0/8 udp dport %u drop\n",
			 lan->tproxy_port);
	if (plan_forwards(config))
		plan_nft_answers(out, config);
	plan_nft_guard(out, config);
	if (config->local)
		str_addf(out, "\t\tiifname \"lo\" " PLAN_NFT_IF_MARK " goto local\n",
			 KSTATE_MARK_MASK, KSTATE_TPROXY_MARK);
	str_addf(out, "\t\tiifname != \"%s\" return\n", lan->interface);
	str_addf(out,
		 "\t\tmeta l4proto != tcp %s\n"
		 "\t\tfib daddr type local return\n",
		 has_rest(config) ? "goto rest" : "return");
	write_carried(out);
	write_pins(out, config);
	write_lists(out, config);
	write_tproxies(out, config, ipv6);
	str_add(out, "\t}\n");
}

// What is not TCP.
static void write_rest(struct str *out, const struct config *config, const struct plan_udp *udp,
		       bool ipv6)
{
	str_add(out, "\tchain rest {\n"
		     "\t\tfib daddr type local return\n");
	if (config->udp.present)
		plan_nft_keep(out, config);
	write_pins(out, config);
	if (config->udp.present || config->lan.refuse_ipv6)
		write_lists(out, config);
	if (config->udp.present)
		plan_nft_udp(out, config, udp, ipv6);
	str_add(out, "\t}\n");
}

// A connection that has begun to be carried stays so.
static void write_local(struct str *out, const struct config *config, bool ipv6)
{
	str_add(out, "\tchain local {\n");
	write_carried(out);
	write_tproxies(out, config, ipv6);
	str_add(out, "\t}\n"
		     "\tchain own {\n"
		     "\t\ttype route hook output priority mangle; policy accept;\n"
		     "\t\tmeta l4proto != tcp return\n"
		     "\t\tfib daddr type local return\n");
	if (plan_one_arm(config))
		write_match(out, "daddr", "", "near");
	else
		str_addf(out, "\t\toifname \"%s\" return\n", config->lan.interface);
	str_addf(out,
		 "\t\tct direction reply return\n"
		 "\t\t" PLAN_NFT_IF_MARK " return\n"
		 "\t\t" PLAN_NFT_IF_CT_MARK " " PLAN_NFT_MARK " accept\n",
		 KSTATE_MARK_MASK, KSTATE_OWN_MARK, KSTATE_MARK_MASK, KSTATE_TPROXY_MARK,
		 ~KSTATE_MARK_MASK, KSTATE_TPROXY_MARK);
	write_match(out, "daddr", "", "bypass");
	str_addf(out, "\t\tct state new " PLAN_NFT_CT_MARK " " PLAN_NFT_MARK " accept\n\t}\n",
		 ~KSTATE_MARK_MASK, KSTATE_TPROXY_MARK, ~KSTATE_MARK_MASK, KSTATE_TPROXY_MARK);
}

char *plan_nft_text(const struct config *config, const struct path_fsm fsms[],
		    const struct plan_exits *exits, const struct plan_udp *udp,
		    const struct plan_ways *ways, const struct kstate *observed, bool ipv6)
{
	const struct config_lan *lan = &config->lan;
	struct plan_set source = { 0 }, source_bypass = { 0 }, bypass = { 0 };
	const struct config_path *arm = plan_one_arm(config);
	struct str out = { 0 };

	add_list(&source, &lan->sources);
	add_list(&source_bypass, &lan->source_bypass);
	// a router that is a machine of the LAN, too
	if (arm)
		add_addr(&source_bypass, &arm->gateway);
	add_special(&bypass);
	add_list(&bypass, &lan->bypass);
	for (size_t i = 0; i < exits->n; i++)
		add_addr(&bypass, &exits->list[i]);
	for (size_t i = 0; i < config->n_paths; i++) {
		for (int f = 0; f < PLAN_FAMILIES; f++) {
			add_addr(&bypass, &fsms[i].facts.way[f].local);
			add_addr(&bypass, &fsms[i].facts.way[f].peer);
		}
	}
	str_add(&out, "table inet " KSTATE_NFT_TABLE " {\n\tflags owner;\n");
	plan_set_write(&out, "source", &source);
	plan_set_write(&out, "source_bypass", &source_bypass);
	plan_set_write(&out, "bypass", &bypass);
	plan_nft_guard_sets(&out, config, observed);
	if (config->n_pins || lan->refuse_ipv6)
		write_refuse(&out);
	if (config->n_pins)
		plan_nft_pins(&out, config, ways, udp, ipv6);
	if (has_rest(config))
		write_rest(&out, config, udp, ipv6);
	if (plan_forwards(config))
		plan_nft_forward(&out, config);
	plan_nft_no_redirects(&out, config);
	plan_nft_unproxied(&out, config);
	if (config->local)
		write_local(&out, config, ipv6);
	write_chain(&out, config, ipv6);
	plan_nft_mss(&out, config, fsms);
	str_add(&out, "}\n");
	return str_take(&out);
}
