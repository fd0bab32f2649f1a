// SPDX-License-Identifier: GPL-2.0-or-later
// Pins: what goes over one path, to one exit, or past us, because the configuration says so.
//
// They are asked in the order of the file, before the lists of the LAN. One whose way is down
// either refuses or, with when-down = "any", is left out for so long, and the next is asked. What a
// pin sends straight over a path is marked as its own when it begins (flows.c). What it carries
// goes to a listener of its own: the kernel decides once which pin it is, and the relay goes by
// where the connection came in.
//
// A side that a pin names goes before the lists, one that it does not is as they say.

#include <stdio.h>
#include <string.h>

#include "plan/plan_priv.h"

// Before the main table, and behind the kernel's own.
#define PREF_PINS 800

static int path_of(const struct config *config, const struct config_pin *pin)
{
	const struct config_path *path = config_find_path(config, pin->via);

	return path ? (int)(path - config->paths) : -1;
}

static int exit_of(const struct config *config, const struct config_pin *pin)
{
	const struct config_exit *exit = config_find_exit(config, pin->via);

	return exit ? (int)(exit - config->exits) : -1;
}

static const struct path_way *way_to_exit(const struct path_fsm *fsm)
{
	return &fsm->facts.way[fsm->facts.to_exit];
}

void plan_ways(const struct config *config, const struct path_fsm fsms[],
	       const struct plan_exits *exits, struct plan_ways *out)
{
	*out = (struct plan_ways){ 0 };
	for (size_t i = 0; i < config->n_paths; i++) {
		for (int f = 0; f < PLAN_FAMILIES; f++)
			out->over[i][f] = plan_path_forwards(&fsms[i], (enum plan_family)f);
		out->proxied[i] = path_fsm_verified(&fsms[i]) && way_to_exit(&fsms[i])->routable;
	}
	for (size_t i = 0; i < config->n_exits; i++)
		out->exit[i] = !(exits->down & 1u << i);
}

bool plan_pin_carries(const struct config *config, const struct config_pin *pin)
{
	return pin->proxy || exit_of(config, pin) >= 0;
}

bool plan_pin_carries_udp(const struct config *config, const struct config_pin *pin)
{
	return plan_pin_carries(config, pin) && pin->proto != CONFIG_PROTO_TCP &&
	       plan_udp_relays(config);
}

bool plan_pin_works(const struct config *config, const struct config_pin *pin,
		    const struct plan_ways *ways, enum plan_family family)
{
	int slot = path_of(config, pin), exit = exit_of(config, pin);

	if (slot >= 0)
		return pin->proxy ? ways->proxied[slot] : ways->over[slot][family];
	// what is neither goes direct; where that has gone while its path leaves, nothing works
	return exit >= 0 ? ways->exit[exit] : strcmp(pin->via, CONFIG_DIRECT) == 0;
}

bool plan_pins_route(const struct config *config, int slot)
{
	for (size_t i = 0; i < config->n_pins; i++) {
		int over = config->pins[i].proxy ? -1 : path_of(config, &config->pins[i]);

		if (over >= 0 && (slot < 0 || over == slot))
			return true;
	}
	return false;
}

// ---- which one takes a packet

static bool takes_port(const struct config_pin *pin, const struct plan_packet *packet)
{
	if (pin->proto != CONFIG_PROTO_ANY && pin->proto != packet->proto)
		return false;
	for (size_t i = 0; i < pin->ports.n && packet->proto != CONFIG_PROTO_ANY; i++) {
		if (packet->port >= pin->ports.list[i].first &&
		    packet->port <= pin->ports.list[i].last)
			return true;
	}
	return !pin->ports.n;
}

static bool takes(const struct config_pin *pin, const struct plan_packet *packet, bool exempt_to,
		  bool exempt_from)
{
	return (pin->to.n ? plan_find_range(&pin->to, &packet->to) != NULL : !exempt_to) &&
	       (pin->from.n ? plan_find_range(&pin->from, &packet->from) != NULL : !exempt_from) &&
	       takes_port(pin, packet);
}

const struct config_pin *plan_find_pin(const struct config *config, const struct plan_ways *ways,
				       const struct plan_packet *packet, bool exempt_to,
				       bool exempt_from)
{
	enum plan_family family = packet->to.family == AF_INET6 ? PLAN_V6 : PLAN_V4;

	for (size_t i = 0; i < config->n_pins; i++) {
		const struct config_pin *pin = &config->pins[i];

		if (takes(pin, packet, exempt_to, exempt_from) &&
		    (pin->when_down == CONFIG_DOWN_BLOCK ||
		     plan_pin_works(config, pin, ways, family)))
			return pin;
	}
	return NULL;
}

// ---- rules

void plan_want_pins(const struct config *config, const struct plan_ways *ways,
		    enum plan_family family, struct kstate *want)
{
	for (size_t i = 0; i < config->n_pins; i++) {
		const struct config_pin *pin = &config->pins[i];
		int slot = pin->proxy ? -1 : path_of(config, pin);
		struct krule rule = {
			.family = plan_af(family),
			.pref = PREF_PINS + pin->slot,
			.fwmark = KSTATE_PIN_MARK(pin->slot),
			.fwmask = KSTATE_MARK_MASK,
			.suppress_prefix_len = -1,
			.protocol = KSTATE_PROTOCOL,
		};

		if (slot < 0 || !ways->over[slot][family])
			continue;
		rule.table = config->paths[slot].table;
		str_copy(rule.iif, sizeof(rule.iif), config->lan.interface);
		kstate_add_rule(want, &rule);
	}
}

// ---- the nft table's part

struct addr plan_pin_listener(const struct config_pin *pin, enum plan_family family)
{
	// nothing is ever sent to 100::/64 (RFC 6666), and a transparent socket may have any
	// address
	struct addr addr = { .family = plan_af(family), .bytes = { 1 } };

	if (family == PLAN_V4) {
		const uint8_t v4[] = { 127, 100, 0, pin->slot + 1 };

		memcpy(addr.bytes, v4, sizeof(v4));
	} else {
		addr.bytes[15] = pin->slot + 1;
	}
	return addr;
}

static bool has_family(const struct config_prefixes *prefixes, enum plan_family family)
{
	for (size_t i = 0; i < prefixes->n; i++) {
		if (prefixes->list[i].addr.family == plan_af(family))
			return true;
	}
	return !prefixes->n;
}

static void write_ports_set(struct str *out, const struct config_pin *pin)
{
	str_addf(out,
		 "\tset pin%u_ports {\n\t\ttype inet_service;\n\t\tflags "
		 "interval;\n\t\tauto-merge;\n"
		 "\t\telements = {",
		 pin->slot);
	for (size_t i = 0; i < pin->ports.n; i++)
		str_addf(out, "%s %u-%u", i ? "," : "", pin->ports.list[i].first,
			 pin->ports.list[i].last);
	str_add(out, " };\n\t}\n");
}

static void write_pin_sets(struct str *out, const struct config_pin *pin)
{
	char name[16];

	snprintf(name, sizeof(name), "pin%u_to", pin->slot);
	if (pin->to.n)
		plan_nft_prefix_sets(out, name, &pin->to);
	snprintf(name, sizeof(name), "pin%u_from", pin->slot);
	if (pin->from.n)
		plan_nft_prefix_sets(out, name, &pin->from);
	if (pin->ports.n)
		write_ports_set(out, pin);
}

// Where the pin's connections are taken, and its datagrams when there is a relay for them. All else
// is refused, and these too when nobody listens.
static void write_pin_chain(struct str *out, const struct config *config,
			    const struct config_pin *pin, const struct plan_udp *udp, bool ipv6)
{
	bool carries_udp = udp->relayed && plan_pin_carries_udp(config, pin);

	str_addf(out, "\tchain pin%u {\n", pin->slot);
	if (carries_udp && config->udp.quic == CONFIG_QUIC_REJECT)
		str_add(out, PLAN_NFT_NO_QUIC);
	for (int f = 0; f < (ipv6 ? PLAN_FAMILIES : PLAN_V6); f++) {
		struct addr to = plan_pin_listener(pin, (enum plan_family)f);

		plan_nft_tproxy(out, (enum plan_family)f, &to, config->lan.tproxy_port);
		if (carries_udp)
			plan_nft_tproxy_udp(out, (enum plan_family)f, &to, config->lan.tproxy_port);
	}
	str_add(out, "\t\tgoto refuse\n\t}\n");
}

static void write_protocol(struct str *out, const struct config_pin *pin)
{
	static const char *const words[CONFIG_PROTOS] = {
		[CONFIG_PROTO_ANY] = "{ tcp, udp }",
		[CONFIG_PROTO_TCP] = "tcp",
		[CONFIG_PROTO_UDP] = "udp",
	};

	if (pin->ports.n || pin->proto != CONFIG_PROTO_ANY)
		str_addf(out, " meta l4proto %s", words[pin->proto]);
	if (pin->ports.n)
		str_addf(out, " th dport @pin%u_ports", pin->slot);
}

static void write_match(struct str *out, const struct config *config, const struct config_pin *pin,
			enum plan_family family)
{
	const char *ip = family == PLAN_V6 ? "ip6" : "ip";
	char digit = family == PLAN_V6 ? '6' : '4';

	str_add(out, "\t\t");
	if (pin->from.n)
		str_addf(out, "%s saddr @pin%u_from%c", ip, pin->slot, digit);
	else
		str_addf(out, "%s saddr != @source_bypass%c", ip, digit);
	if (!pin->from.n && config->lan.sources.n)
		str_addf(out, " %s saddr @source%c", ip, digit);
	if (pin->to.n)
		str_addf(out, " %s daddr @pin%u_to%c", ip, pin->slot, digit);
	else
		str_addf(out, " %s daddr != @bypass%c", ip, digit);
	write_protocol(out, pin);
}

// A flow that began elsewhere stays there: its addresses have been translated for that way. What
// conntrack cannot assign to one is no flow of ours, and must not be taken for the begin of a
// carried connection.
static void write_routed(struct str *out, const struct config_pin *pin, const char *match)
{
	uint32_t mark = KSTATE_PIN_MARK(pin->slot);

	str_addf(out, "%s ct state new " PLAN_NFT_CT_MARK " " PLAN_NFT_MARK " accept\n", match,
		 ~KSTATE_MARK_MASK, mark, ~KSTATE_MARK_MASK, mark);
	str_addf(out, "%s ct state invalid drop\n", match);
}

// What has begun to be relayed was never translated, and conntrack would let it out as it is.
static void write_direct(struct str *out, const struct config *config, const char *match)
{
	if (config->udp.present)
		str_addf(out, "%s ct mark & 0x%08x != 0x%08x accept\n", match, KSTATE_MARK_MASK,
			 KSTATE_RELAY_MARK);
	else
		str_addf(out, "%s accept\n", match);
}

static void write_pin(struct str *out, const struct config *config, const struct config_pin *pin,
		      const struct plan_ways *ways, enum plan_family family)
{
	struct str match = { 0 };

	if (!has_family(&pin->to, family) || !has_family(&pin->from, family))
		return;
	write_match(&match, config, pin, family);
	if (!plan_pin_works(config, pin, ways, family)) {
		if (pin->when_down == CONFIG_DOWN_BLOCK)
			str_addf(out, "%s goto refuse\n", str_text(&match));
	} else if (plan_pin_carries(config, pin)) {
		str_addf(out, "%s goto pin%u\n", str_text(&match), pin->slot);
	} else if (path_of(config, pin) >= 0) {
		write_routed(out, pin, str_text(&match));
	} else {
		write_direct(out, config, str_text(&match));
	}
	str_fini(&match);
}

void plan_nft_pins(struct str *out, const struct config *config, const struct plan_ways *ways,
		   const struct plan_udp *udp, bool ipv6)
{
	for (size_t i = 0; i < config->n_pins; i++)
		write_pin_sets(out, &config->pins[i]);
	for (size_t i = 0; i < config->n_pins; i++) {
		if (plan_pin_carries(config, &config->pins[i]))
			write_pin_chain(out, config, &config->pins[i], udp, ipv6);
	}
	str_add(out, "\tchain pins {\n"
		     "\t\tfib daddr type { broadcast, multicast } return\n");
	for (size_t i = 0; i < config->n_pins; i++) {
		for (int f = 0; f < PLAN_FAMILIES; f++)
			write_pin(out, config, &config->pins[i], ways, (enum plan_family)f);
	}
	str_add(out, "\t}\n");
}
