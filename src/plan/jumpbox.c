// SPDX-License-Identifier: GPL-2.0-or-later
// The jumpbox: what comes out of a tunnel leaves by the uplink under the jumpbox's own address, and
// what answers it goes back. Nothing else passes: not from one tunnel to another unless that is
// wanted, not into other networks of the machine, and nothing that somebody outside begins, unless
// a port was forwarded on purpose.
//
// Tunnels are the interfaces that the configuration names, as they come and go. What may come out
// of one is what the routes lead into it; so OpenVPN's `server` and `route` lines and WireGuard's
// AllowedIPs say it, and nobody has to say it twice. Names that are not there yet are closed as
// well: between a tunnel's birth and the next look at it nothing leaves with an address of its own.
//
// IPv4 is masqueraded, of IPv6 what is unique local (RFC 4193): who has a global network behind a
// tunnel has it routed here. To forward IPv6 makes a kernel ignore router advertisements, so the
// uplink that has its default route from those is told to go on listening (accept_ra 2), before.
//
// The TCP option of the greatest segment is lowered to what the smaller MTU of both ways takes. The
// chain stands before those of other programs and counts what it lets pass, and another one behind
// them counts what is left.

#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "plan/plan_priv.h"

#define FORWARD_V4 "net.ipv4.ip_forward"
#define FORWARD_V6 "net.ipv6.conf.all.forwarding"
#define ACCEPT_RA  "accept_ra"

// ---- what there is

static bool matches(const char *pattern, const char *name)
{
	size_t len = strlen(pattern);

	if (len && pattern[len - 1] == '*')
		return strncmp(pattern, name, len - 1) == 0;
	return strcmp(pattern, name) == 0;
}

static bool is_named(const struct config_jumpbox *config, const char *name)
{
	for (size_t i = 0; i < config->tunnels.n; i++) {
		if (matches(config->tunnels.list[i], name))
			return true;
	}
	return false;
}

// The kernel takes nearly any name, nft's syntax does not.
static bool can_be_quoted(const char *name)
{
	for (const char *c = name; *c; c++) {
		if (*c <= ' ' || *c > '~' || *c == '"' || *c == '\\' || *c == '*')
			return false;
	}
	return true;
}

static bool is_default(const struct prefix *dst)
{
	return dst->len <=
	       (dst->addr.family == AF_INET6 ? PLAN_DEFAULT_LEN_V6 : PLAN_DEFAULT_LEN_V4);
}

static const struct klink *find_uplink(const struct config_jumpbox *config, const struct kstate *k,
				       sa_family_t af)
{
	const struct kroute *best = NULL;

	if (config->uplink[0])
		return kstate_link(k, config->uplink);
	for (size_t i = 0; i < k->n_routes; i++) {
		const struct kroute *r = &k->routes[i];
		const struct klink *link = kstate_link_by_index(k, r->oif);

		if (r->table == RT_TABLE_MAIN && r->type == RTN_UNICAST &&
		    r->dst.addr.family == af && r->dst.len == 0 && link &&
		    can_be_quoted(link->name) && !is_named(config, link->name) &&
		    (!best || r->metric < best->metric))
			best = r;
	}
	return best ? kstate_link_by_index(k, best->oif) : NULL;
}

static bool is_uplink(const struct jumpbox_view *view, const char *name)
{
	return strcmp(view->uplink[PLAN_V4], name) == 0 || strcmp(view->uplink[PLAN_V6], name) == 0;
}

static const struct jumpbox_tunnel *find_tunnel(const struct jumpbox_view *view, int ifindex)
{
	for (size_t i = 0; i < view->n_tunnels; i++) {
		if (view->tunnels[i].ifindex == ifindex)
			return &view->tunnels[i];
	}
	return NULL;
}

static void add_range(struct jumpbox_view *view, const struct prefix *range, int ifindex)
{
	view->ranges = xgrow(view->ranges, view->n_ranges, sizeof(*view->ranges));
	view->ranges[view->n_ranges++] =
		(struct jumpbox_range){ .range = *range, .ifindex = ifindex };
}

static bool is_for_a_tunnel(const struct jumpbox_view *view, const struct kroute *r)
{
	return r->table == RT_TABLE_MAIN && r->type == RTN_UNICAST && !is_default(&r->dst) &&
	       !addr_is_link_local(&r->dst.addr) && find_tunnel(view, r->oif);
}

void plan_jumpbox_look(const struct config_jumpbox *config, const struct kstate *observed,
		       struct jumpbox_view *view)
{
	*view = (struct jumpbox_view){ 0 };
	for (int f = 0; f < PLAN_FAMILIES; f++) {
		const struct klink *uplink = find_uplink(config, observed, plan_af(f));

		if (uplink)
			str_copy(view->uplink[f], sizeof(view->uplink[f]), uplink->name);
	}
	for (size_t i = 0; i < observed->n_links; i++) {
		const struct klink *link = &observed->links[i];
		struct jumpbox_tunnel tunnel = { .ifindex = link->ifindex,
						 .mtu = link->mtu,
						 .up = link->admin_up };

		if (!is_named(config, link->name) || is_uplink(view, link->name) ||
		    !can_be_quoted(link->name))
			continue;
		str_copy(tunnel.name, sizeof(tunnel.name), link->name);
		view->tunnels = xgrow(view->tunnels, view->n_tunnels, sizeof(tunnel));
		view->tunnels[view->n_tunnels++] = tunnel;
	}
	for (size_t i = 0; i < config->ranges.n; i++)
		add_range(view, &config->ranges.list[i], 0);
	for (size_t i = 0; i < observed->n_routes; i++) {
		if (is_for_a_tunnel(view, &observed->routes[i]))
			add_range(view, &observed->routes[i].dst, observed->routes[i].oif);
	}
}

void jumpbox_view_fini(struct jumpbox_view *view)
{
	free(view->tunnels);
	free(view->ranges);
	*view = (struct jumpbox_view){ 0 };
}

// ---- the nft table

static bool has_range(const struct jumpbox_view *view, enum plan_family family)
{
	for (size_t i = 0; i < view->n_ranges; i++) {
		if (view->ranges[i].range.addr.family == plan_af(family))
			return true;
	}
	return false;
}

static void write_ranges(struct str *out, const struct jumpbox_view *view, enum plan_family family)
{
	const char *sep = "";

	str_addf(out, "\tset range%c {\n\t\ttype %s;\n\t\tflags interval;\n\t\tauto-merge;\n",
		 family == PLAN_V6 ? '6' : '4', family == PLAN_V6 ? "ipv6_addr" : "ipv4_addr");
	if (has_range(view, family)) {
		str_add(out, "\t\telements = {");
		for (size_t i = 0; i < view->n_ranges; i++) {
			char text[ADDR_STRLEN];

			if (view->ranges[i].range.addr.family != plan_af(family))
				continue;
			str_addf(out, "%s %s", sep, prefix_format(&view->ranges[i].range, text));
			sep = ",";
		}
		str_add(out, " };\n");
	}
	str_add(out, "\t}\n");
}

static void add_tunnel_names(struct str *out, const struct jumpbox_view *view)
{
	str_add(out, "{");
	for (size_t i = 0; i < view->n_tunnels; i++)
		str_addf(out, "%s \"%s\"", i ? "," : "", view->tunnels[i].name);
	str_add(out, " }");
}

static void write_ways(struct str *out, const struct config_jumpbox *config,
		       const struct jumpbox_view *view, const char *tunnels)
{
	for (int f = 0; f < PLAN_FAMILIES && view->n_tunnels; f++) {
		const char *proto = f == PLAN_V6 ? "ipv6" : "ipv4", *uplink = view->uplink[f];

		if (!uplink[0])
			continue;
		str_addf(out, "\t\tmeta nfproto %s iifname %s oifname \"%s\" goto outward\n", proto,
			 tunnels, uplink);
		str_addf(out, "\t\tmeta nfproto %s iifname \"%s\" oifname %s goto inward\n", proto,
			 uplink, tunnels);
	}
	if (config->between && view->n_tunnels)
		str_addf(out, "\t\tiifname %s oifname %s goto between\n", tunnels, tunnels);
}

// What was not named above, whether it is there or not.
static void write_rest(struct str *out, const struct config_jumpbox *config,
		       const struct jumpbox_view *view)
{
	static const char *const ways[] = { "iifname", "oifname" };

	for (size_t i = 0; i < config->tunnels.n; i++) {
		const char *pattern = config->tunnels.list[i];

		for (size_t w = 0; w < sizeof(ways) / sizeof(ways[0]); w++) {
			str_addf(out, "\t\t%s \"%s\"", ways[w], pattern);
			for (int f = 0; f < PLAN_FAMILIES; f++) {
				if (view->uplink[f][0] && matches(pattern, view->uplink[f]))
					str_addf(out, " %s != \"%s\"", ways[w], view->uplink[f]);
			}
			str_add(out, " drop\n");
		}
	}
}

#define CLAMP "\t\ttcp flags & (syn | rst) == syn tcp option maxseg size set rt mtu\n"

static void write_masquerade(struct str *out, const struct jumpbox_view *view)
{
	str_add(out, "\tchain postrouting {\n"
		     "\t\ttype nat hook postrouting priority srcnat; policy accept;\n");
	if (view->uplink[PLAN_V4][0])
		str_addf(out, "\t\toifname \"%s\" ip saddr @range4 masquerade\n",
			 view->uplink[PLAN_V4]);
	if (view->uplink[PLAN_V6][0])
		str_addf(out,
			 "\t\toifname \"%s\" ip6 saddr @range6 ip6 saddr fc00::/7 masquerade\n",
			 view->uplink[PLAN_V6]);
	str_add(out, "\t}\n");
}

static char *nft_text(const struct config_jumpbox *config, const struct jumpbox_view *view)
{
	struct str out = { 0 }, tunnels = { 0 };

	add_tunnel_names(&tunnels, view);
	str_add(&out, "table inet " KSTATE_JUMPBOX_TABLE " {\n\tflags owner;\n"
		      "\tcounter " KSTATE_COUNT_PASSED " {\n\t}\n\tcounter " KSTATE_COUNT_LEFT
		      " {\n\t}\n");
	write_ranges(&out, view, PLAN_V4);
	write_ranges(&out, view, PLAN_V6);
	str_add(&out,
		"\tchain outward {\n" CLAMP "\t\tip saddr @range4 counter name " KSTATE_COUNT_PASSED
		" accept\n"
		"\t\tip6 saddr @range6 counter name " KSTATE_COUNT_PASSED " accept\n"
		"\t\tdrop\n\t}\n"
		"\tchain inward {\n" CLAMP
		"\t\tct state established,related counter name " KSTATE_COUNT_PASSED " accept\n"
		"\t\tct status dnat counter name " KSTATE_COUNT_PASSED " accept\n"
		"\t\tdrop\n\t}\n");
	if (config->between)
		str_add(&out, "\tchain between {\n" CLAMP "\t\tcounter name " KSTATE_COUNT_PASSED
			      " accept\n\t}\n");
	str_add(&out,
		"\tchain forward {\n\t\ttype filter hook forward priority raw; policy accept;\n");
	write_ways(&out, config, view, str_text(&tunnels));
	write_rest(&out, config, view);
	str_add(&out, "\t}\n");
	str_add(&out,
		"\tchain behind {\n\t\ttype filter hook forward priority 300; policy accept;\n");
	if (view->n_tunnels)
		str_addf(&out,
			 "\t\tiifname %s counter name " KSTATE_COUNT_LEFT " accept\n"
			 "\t\toifname %s counter name " KSTATE_COUNT_LEFT "\n",
			 str_text(&tunnels), str_text(&tunnels));
	str_add(&out, "\t}\n");
	write_masquerade(&out, view);
	str_add(&out, "}\n");
	str_fini(&tunnels);
	return str_take(&out);
}

// ---- sysctls

struct plan_names plan_sysctls_for_jumpbox(const struct jumpbox_view *view)
{
	struct plan_names names = { .list = xcalloc(3, sizeof(*names.list)) };
	char name[sizeof(((struct ksysctl *)0)->name)];

	names.list[names.n++] = xstrdup(FORWARD_V4);
	names.list[names.n++] = xstrdup(FORWARD_V6);
	if (view->uplink[PLAN_V6][0]) {
		plan_name_setting("ipv6", view->uplink[PLAN_V6], ACCEPT_RA, name);
		names.list[names.n++] = xstrdup(name);
	}
	return names;
}

static void want_forwarding_v6(const struct jumpbox_view *view, const struct kstate *observed,
			       struct kstate *want)
{
	char name[sizeof(((struct ksysctl *)0)->name)];
	const struct ksysctl *accept_ra;

	plan_name_setting("ipv6", view->uplink[PLAN_V6], ACCEPT_RA, name);
	accept_ra = kstate_sysctl(observed, name);
	if (accept_ra && strcmp(accept_ra->value, "1") == 0)
		kstate_add_sysctl(want, name, "2");
	if (kstate_sysctl(observed, FORWARD_V6))
		kstate_add_sysctl(want, FORWARD_V6, "1");
}

void plan_want_jumpbox(const struct config_jumpbox *config, const struct jumpbox_view *view,
		       const struct kstate *observed, struct kstate *want)
{
	*want = (struct kstate){ .limits = observed->limits };
	plan_leave_to_gateway(observed, want);
	if (kstate_sysctl(observed, FORWARD_V4))
		kstate_add_sysctl(want, FORWARD_V4, "1");
	if (view->uplink[PLAN_V6][0] && has_range(view, PLAN_V6))
		want_forwarding_v6(view, observed, want);
	want->nft = nft_text(config, view);
}
