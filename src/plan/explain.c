// SPDX-License-Identifier: GPL-2.0-or-later
// Why a connection of the LAN, or a flow, is carried, forwarded, let through or refused: the same
// questions, in the same order, as the chains that nft.c writes ask of its packets.

#include "plan/plan.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/special.h"
#include "model/format.h"
#include "plan/plan_priv.h"

const struct prefix *plan_find_range(const struct config_prefixes *prefixes,
				     const struct addr *addr)
{
	for (size_t i = 0; i < prefixes->n; i++) {
		if (prefix_contains(&prefixes->list[i], addr))
			return &prefixes->list[i];
	}
	return NULL;
}

__attribute__((format(printf, 3, 4))) static void say(struct plan_explanation *out,
						      const char *rule, const char *fmt, ...)
{
	va_list ap;

	str_copy(out->rule, sizeof(out->rule), rule);
	va_start(ap, fmt);
	vsnprintf(out->text, sizeof(out->text), fmt, ap);
	va_end(ap);
}

static bool is_own(const struct kstate *observed, const struct addr *to,
		   struct plan_explanation *out)
{
	for (size_t i = 0; i < observed->n_addrs; i++) {
		const struct klink *link =
			kstate_link_by_index(observed, observed->addrs[i].ifindex);

		if (!addr_equal(&observed->addrs[i].local, to))
			continue;
		say(out, "own-address", "it is this gateway's own address, on %s",
		    link ? link->name : "an interface");
		return true;
	}
	return addr_is_loopback(to) && (say(out, "own-address", "it is a loopback address"), true);
}

// The router of the only interface is a machine of the LAN, too.
static bool is_router(const struct config *config, const struct addr *addr)
{
	const struct config_path *arm = plan_one_arm(config);

	return arm && addr_equal(&arm->gateway, addr);
}

static bool is_excepted(const struct config *config, const struct addr *from)
{
	return plan_find_range(&config->lan.source_bypass, from) || is_router(config, from);
}

static bool source_is_left_alone(const struct config *config, const struct addr *from,
				 struct plan_explanation *out)
{
	const struct config_lan *lan = &config->lan;
	const struct prefix *range;
	char source[ADDR_STRLEN], text[ADDR_STRLEN];

	if (!addr_is_set(from))
		return false;
	addr_format(from, source);
	range = plan_find_range(&lan->source_bypass, from);
	if (range)
		say(out, "source-bypass", "%s is in lan.source-bypass (%s)", source,
		    prefix_format(range, text));
	else if (is_router(config, from))
		say(out, "router", "%s is the router of the LAN's own interface", source);
	else if (lan->sources.n && !plan_find_range(&lan->sources, from))
		say(out, "not-a-source", "%s is in none of lan.sources", source);
	else
		return false;
	return true;
}

static bool is_special(const struct addr *to, struct plan_explanation *out)
{
	const struct special_range *range = special_find(to);
	char text[ADDR_STRLEN];

	if (range)
		say(out, "special-range", "%s is never carried (%s)",
		    prefix_format(&range->prefix, text), range->source);
	return range;
}

static bool is_bypassed(const struct config_lan *lan, const struct addr *to,
			struct plan_explanation *out)
{
	const struct prefix *range = plan_find_range(&lan->bypass, to);
	char text[ADDR_STRLEN];

	if (range)
		say(out, "bypass", "it is in lan.bypass (%s)", prefix_format(range, text));
	return range;
}

static bool is_exit(const struct plan_exits *exits, const struct addr *to,
		    struct plan_explanation *out)
{
	for (size_t i = 0; i < exits->n; i++) {
		if (!addr_equal(&exits->list[i], to))
			continue;
		say(out, "exit", "it is the address of an exit");
		return true;
	}
	return false;
}

static bool is_peer(const struct config *config, const struct kstate *observed,
		    const struct addr *to, struct plan_explanation *out)
{
	for (size_t i = 0; i < config->n_paths; i++) {
		const struct klink *link = kstate_link(observed, config->paths[i].interface);

		for (size_t a = 0; link && a < observed->n_addrs; a++) {
			if (observed->addrs[a].ifindex != link->ifindex ||
			    !addr_equal(&observed->addrs[a].peer, to))
				continue;
			say(out, "path-peer", "it is the far end of path %s",
			    config->paths[i].name);
			return true;
		}
	}
	return false;
}

static bool is_refused_ipv6(const struct config *config, const struct addr *to,
			    const struct addr *from)
{
	return config->lan.refuse_ipv6 && to->family == AF_INET6 && !is_excepted(config, from);
}

static void say_carried(const struct config_lan *lan, const struct addr *from,
			struct plan_explanation *out)
{
	const struct prefix *range =
		addr_is_set(from) ? plan_find_range(&lan->sources, from) : NULL;
	char source[ADDR_STRLEN], text[ADDR_STRLEN];

	out->fate = PLAN_CARRIED;
	if (range)
		say(out, "carried",
		    "%s is in lan.sources (%s), and no rule excepts the destination",
		    addr_format(from, source), prefix_format(range, text));
	else if (lan->sources.n && !addr_is_set(from))
		say(out, "carried",
		    "for the machines of lan.sources; no rule excepts the destination");
	else
		say(out, "carried", "no rule excepts it");
}

static bool is_quic(const struct config *config, const struct plan_packet *packet)
{
	return config->udp.quic == CONFIG_QUIC_REJECT && packet->proto == CONFIG_PROTO_UDP &&
	       packet->port == 443;
}

// What is not TCP, and no list or pin says anything of.
static void say_rest(const struct config *config, const struct plan_ways *ways,
		     const struct plan_packet *packet, struct plan_explanation *out)
{
	const bool relayed = plan_udp_relays(config) && packet->proto == CONFIG_PROTO_UDP;
	const bool v6 = packet->to.family == AF_INET6;
	int slot = plan_udp_first(config, ways, v6 ? PLAN_V6 : PLAN_V4);

	// the way to the exit may be of the other family
	if (slot < 0 && relayed)
		slot = plan_udp_first(config, ways, v6 ? PLAN_V4 : PLAN_V6);

	if (!config->udp.present) {
		say(out, "not-tcp", "it is not TCP, and there is no block udp");
		return;
	}
	if (is_quic(config, packet)) {
		out->fate = PLAN_REFUSED;
		say(out, "quic", "udp.quic is reject");
	} else if (slot < 0) {
		out->fate = PLAN_REFUSED;
		say(out, "udp", "none of the paths for it works");
	} else if (relayed) {
		out->fate = PLAN_CARRIED;
		say(out, "udp", "udp.mode is relay");
	} else {
		out->fate = PLAN_FORWARDED;
		out->path = slot;
		say(out, "udp", "%s is the first of the paths for it that works",
		    config->paths[slot].name);
	}
}

static void say_pin_works(const struct config *config, const struct plan_packet *packet,
			  struct plan_explanation *out)
{
	const struct config_pin *pin = out->pin;
	const struct config_path *path = config_find_path(config, pin->via);
	const struct config_exit *exit = config_find_exit(config, pin->via);

	bool relayed = packet->proto == CONFIG_PROTO_UDP && plan_pin_carries_udp(config, pin);

	if (plan_pin_carries(config, pin) && packet->proto != CONFIG_PROTO_TCP && !relayed) {
		out->fate = PLAN_REFUSED;
		say(out, "pin", "pin %s leads to an exit, to which %s", pin->name,
		    packet->proto == CONFIG_PROTO_UDP ? "UDP goes only with udp.mode = \"relay\""
						      : "only TCP and UDP can go");
		return;
	}
	if (relayed && is_quic(config, packet)) {
		out->fate = PLAN_REFUSED;
		say(out, "quic", "pin %s would carry it, but udp.quic is reject", pin->name);
		return;
	}
	out->path = path ? (int)(path - config->paths) : -1;
	out->exit = exit ? (int)(exit - config->exits) : -1;
	out->fate = plan_pin_carries(config, pin) ? PLAN_CARRIED
		    : path                        ? PLAN_FORWARDED
						  : PLAN_LET_THROUGH;
	if (path && pin->proxy)
		say(out, "pin", "by pin %s, over %s alone", pin->name, path->name);
	else
		say(out, "pin", "by pin %s, via %s", pin->name, pin->via);
}

static bool is_pinned(const struct config *config, const struct plan_ways *ways,
		      const struct plan_packet *packet, bool exempt_to, bool exempt_from,
		      struct plan_explanation *out)
{
	const struct config_pin *pin = plan_find_pin(config, ways, packet, exempt_to, exempt_from);

	if (!pin)
		return false;
	*out = (struct plan_explanation){ .pin = pin, .path = -1, .exit = -1 };
	if (plan_pin_works(config, pin, ways, packet->to.family == AF_INET6 ? PLAN_V6 : PLAN_V4)) {
		say_pin_works(config, packet, out);
		return true;
	}
	out->fate = PLAN_REFUSED;
	say(out, "pin", "by pin %s: %s is down", pin->name, pin->via);
	return true;
}

static const char *const fates[] = {
	[PLAN_LET_THROUGH] = "let-through",
	[PLAN_CARRIED] = "carried",
	[PLAN_FORWARDED] = "forwarded",
	[PLAN_REFUSED] = "refused",
};

const char *plan_fate_word(enum plan_fate fate)
{
	return fates[fate];
}

void plan_explain(const struct config *config, const struct kstate *observed,
		  const struct plan_exits *exits, const struct plan_ways *ways,
		  const struct plan_packet *packet, struct plan_explanation *out)
{
	const struct config_lan *lan = &config->lan;
	const struct addr *to = &packet->to, *from = &packet->from;
	struct plan_explanation from_says = { .path = -1, .exit = -1 }, to_says = from_says;
	bool exempt_from, exempt_to;

	*out = from_says;
	if (is_own(observed, to, out))
		return;
	exempt_from = source_is_left_alone(config, from, &from_says);
	exempt_to = is_special(to, &to_says) || is_bypassed(lan, to, &to_says) ||
		    is_exit(exits, to, &to_says) || is_peer(config, observed, to, &to_says);
	if (!addr_is_multicast(to) && is_pinned(config, ways, packet, exempt_to, exempt_from, out))
		return;
	if (is_refused_ipv6(config, to, from) && !exempt_to) {
		out->fate = PLAN_REFUSED;
		say(out, "refuse-ipv6", "lan.refuse-ipv6 is yes");
	} else if (exempt_from) {
		*out = from_says;
	} else if (exempt_to) {
		*out = to_says;
	} else if (packet->proto == CONFIG_PROTO_TCP) {
		say_carried(lan, from, out);
	} else {
		say_rest(config, ways, packet, out);
	}
}

// ---- why this path is first

void plan_explain_first(const struct plan_candidate candidates[], const int order[], size_t n,
			char out[static NOTE_SIZE])
{
	const struct plan_candidate *a = n ? &candidates[order[0]] : NULL;
	const struct plan_candidate *b = n > 1 ? &candidates[order[1]] : NULL;
	char rtt[FORMAT_SIZE];

	if (!b)
		snprintf(out, NOTE_SIZE, "%s", a ? "the only path that can begin" : "");
	else if (a->reserve != b->reserve)
		snprintf(out, NOTE_SIZE, "the others are in reserve");
	else if (a->priority != b->priority)
		snprintf(out, NOTE_SIZE, "priority %d goes before %d", a->priority, b->priority);
	else if (a->optional != b->optional)
		snprintf(out, NOTE_SIZE, "the others are optional");
	else if (a->rtt_us >= 0)
		snprintf(out, NOTE_SIZE, "lowest RTT, %s ms, of %zu paths",
			 format_rtt(a->rtt_us, rtt), n);
	else
		snprintf(out, NOTE_SIZE, "first in the file; no RTT is known");
}
