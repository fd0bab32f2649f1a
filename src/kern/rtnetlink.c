// SPDX-License-Identifier: GPL-2.0-or-later
// Links, addresses, routes and rules: kernel messages into kstate values, and values into requests.
#include "kern/kern_priv.h"

#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <netlink/msg.h>
#include <stdio.h>
#include <string.h>

// A dump that keeps being torn by changes is taken as it is after this many attempts: each change
// has also raised an event, which brings the next observation.
#define DUMP_ATTEMPTS 5

#define NO_SUPPRESS UINT32_MAX // what the kernel reports for a rule without suppress_prefixlength

// ---- messages into values

static bool read_addr(const struct nlattr *attr, int family, struct addr *out)
{
	struct addr a = { .family = (sa_family_t)family };

	if (!attr || addr_len(&a) == 0 || (size_t)nla_len(attr) != addr_len(&a))
		return false;
	memcpy(a.bytes, nla_data(attr), addr_len(&a));
	*out = a;
	return true;
}

static uint32_t read_u32(const struct nlattr *attr, uint32_t otherwise)
{
	return attr ? nla_get_u32(attr) : otherwise;
}

static bool family_is_ours(int family)
{
	return family == AF_INET || family == AF_INET6;
}

static void read_stats(const struct nlattr *attr, struct klink *link)
{
	struct rtnl_link_stats64 stats = { 0 };

	// the structure has grown at its end and will again
	nla_memcpy(&stats, attr, sizeof(stats));
	link->rx_bytes = stats.rx_bytes;
	link->tx_bytes = stats.tx_bytes;
}

static int parse_link(struct nlmsghdr *msg, struct kstate *out)
{
	static const struct nla_policy policy[IFLA_MAX + 1] = {
		[IFLA_IFNAME] = { .type = NLA_STRING, .maxlen = IFNAMSIZ },
		[IFLA_LINK] = { .type = NLA_U32 },
		[IFLA_MTU] = { .type = NLA_U32 },
	};
	const struct ifinfomsg *info = nlmsg_data(msg);
	struct nlattr *attrs[IFLA_MAX + 1];
	struct klink link = { 0 };

	if (nlmsg_parse(msg, sizeof(*info), attrs, IFLA_MAX, policy) < 0 || !attrs[IFLA_IFNAME])
		return -EBADMSG;
	// AF_BRIDGE speaks of a port of a bridge, not of a link
	if (info->ifi_family != AF_UNSPEC)
		return 0;
	link.ifindex = info->ifi_index;
	link.admin_up = info->ifi_flags & IFF_UP;
	link.carrier = info->ifi_flags & IFF_LOWER_UP;
	link.point_to_point = info->ifi_flags & IFF_POINTOPOINT;
	link.mtu = (int)read_u32(attrs[IFLA_MTU], 0);
	str_copy(link.name, sizeof(link.name), nla_get_string(attrs[IFLA_IFNAME]));
	if (attrs[IFLA_STATS64])
		read_stats(attrs[IFLA_STATS64], &link);
	kern_tunnel_parse(attrs, &link);
	kstate_add_link(out, &link);
	return 0;
}

static int parse_addr(struct nlmsghdr *msg, struct kstate *out)
{
	static const struct nla_policy policy[IFA_MAX + 1] = {
		[IFA_FLAGS] = { .type = NLA_U32 },
	};
	const struct ifaddrmsg *info = nlmsg_data(msg);
	struct nlattr *attrs[IFA_MAX + 1];
	struct kaddr addr = { 0 };
	struct addr far;
	uint32_t flags;

	if (nlmsg_parse(msg, sizeof(*info), attrs, IFA_MAX, policy) < 0)
		return -EBADMSG;
	if (!family_is_ours(info->ifa_family))
		return 0;
	// IFA_LOCAL is ours and IFA_ADDRESS the peer's; equal on a broadcast link, where IPv6 sends
	// IFA_ADDRESS alone
	if (!read_addr(attrs[IFA_ADDRESS], info->ifa_family, &far) &&
	    !read_addr(attrs[IFA_LOCAL], info->ifa_family, &far))
		return -EBADMSG;
	if (!read_addr(attrs[IFA_LOCAL], info->ifa_family, &addr.local))
		addr.local = far;
	if (!addr_equal(&addr.local, &far))
		addr.peer = far;
	flags = read_u32(attrs[IFA_FLAGS], info->ifa_flags);
	addr.ifindex = (int)info->ifa_index;
	addr.prefix_len = info->ifa_prefixlen;
	addr.usable = !(flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED | IFA_F_DEPRECATED));
	addr.global = info->ifa_scope == RT_SCOPE_UNIVERSE;
	kstate_add_addr(out, &addr);
	return 0;
}

static void read_via(const struct nlattr *attr, struct addr *gateway)
{
	const struct rtvia *via = nla_data(attr);
	struct addr a;

	if ((size_t)nla_len(attr) < sizeof(*via))
		return;
	a = (struct addr){ .family = via->rtvia_family };
	if (addr_len(&a) == 0 || (size_t)nla_len(attr) != sizeof(*via) + addr_len(&a))
		return;
	memcpy(a.bytes, via->rtvia_addr, addr_len(&a));
	*gateway = a;
}

static void read_next_hop(struct nlattr *const attrs[], int family, struct kroute *route)
{
	route->gateway = (struct addr){ 0 };
	if (attrs[RTA_VIA])
		read_via(attrs[RTA_VIA], &route->gateway); // IPv4 over an IPv6 router, RFC 5549
	else
		read_addr(attrs[RTA_GATEWAY], family, &route->gateway);
}

static int add_multipath(struct nlattr *multipath, int family, struct kroute route,
			 struct kstate *out)
{
	struct rtnexthop *hop = nla_data(multipath);
	int left = nla_len(multipath);

	// RTNH_OK reads the hop's length before it looks at what is left
	for (; left >= (int)sizeof(*hop) && RTNH_OK(hop, left);
	     left -= (int)RTNH_ALIGN(hop->rtnh_len), hop = RTNH_NEXT(hop)) {
		struct nlattr *attrs[RTA_MAX + 1];

		if (nla_parse(attrs, RTA_MAX, (struct nlattr *)RTNH_DATA(hop),
			      hop->rtnh_len - (int)sizeof(*hop), NULL) < 0)
			return -EBADMSG;
		route.oif = hop->rtnh_ifindex;
		read_next_hop(attrs, family, &route);
		kstate_add_route(out, &route);
	}
	return 0;
}

static int parse_route(struct nlmsghdr *msg, struct kstate *out)
{
	static const struct nla_policy policy[RTA_MAX + 1] = {
		[RTA_TABLE] = { .type = NLA_U32 },
		[RTA_OIF] = { .type = NLA_U32 },
		[RTA_PRIORITY] = { .type = NLA_U32 },
	};
	const struct rtmsg *info = nlmsg_data(msg);
	struct nlattr *attrs[RTA_MAX + 1];
	struct kroute route = { 0 };

	if (nlmsg_parse(msg, sizeof(*info), attrs, RTA_MAX, policy) < 0)
		return -EBADMSG;
	route.table = read_u32(attrs[RTA_TABLE], info->rtm_table);
	route.protocol = info->rtm_protocol;
	if (!family_is_ours(info->rtm_family) || (info->rtm_flags & RTM_F_CLONED) ||
	    (route.table == RT_TABLE_LOCAL && route.protocol != KSTATE_PROTOCOL))
		return 0;
	route.dst = (struct prefix){ .addr.family = info->rtm_family, .len = info->rtm_dst_len };
	if (attrs[RTA_DST] && !read_addr(attrs[RTA_DST], info->rtm_family, &route.dst.addr))
		return -EBADMSG;
	read_addr(attrs[RTA_PREFSRC], info->rtm_family, &route.src);
	route.oif = (int)read_u32(attrs[RTA_OIF], 0);
	route.metric = read_u32(attrs[RTA_PRIORITY], 0);
	route.type = info->rtm_type;
	route.scope = info->rtm_scope;
	if (attrs[RTA_MULTIPATH])
		return add_multipath(attrs[RTA_MULTIPATH], info->rtm_family, route, out);
	read_next_hop(attrs, info->rtm_family, &route);
	kstate_add_route(out, &route);
	return 0;
}

static int parse_rule(struct nlmsghdr *msg, struct kstate *out)
{
	static const struct nla_policy policy[FRA_MAX + 1] = {
		[FRA_PRIORITY] = { .type = NLA_U32 },
		[FRA_FWMARK] = { .type = NLA_U32 },
		[FRA_FWMASK] = { .type = NLA_U32 },
		[FRA_TABLE] = { .type = NLA_U32 },
		[FRA_SUPPRESS_PREFIXLEN] = { .type = NLA_U32 },
		[FRA_PROTOCOL] = { .type = NLA_U8 },
		[FRA_IIFNAME] = { .type = NLA_STRING },
	};
	const struct fib_rule_hdr *info = nlmsg_data(msg);
	struct nlattr *attrs[FRA_MAX + 1];
	struct krule rule = { 0 };
	uint32_t suppress;

	if (nlmsg_parse(msg, sizeof(*info), attrs, FRA_MAX, policy) < 0)
		return -EBADMSG;
	if (!family_is_ours(info->family))
		return 0;
	if (attrs[FRA_SRC]) {
		if (!read_addr(attrs[FRA_SRC], info->family, &rule.src.addr))
			return -EBADMSG;
		rule.src.len = info->src_len;
	}
	if (attrs[FRA_IIFNAME])
		nla_strlcpy(rule.iif, attrs[FRA_IIFNAME], sizeof(rule.iif));
	suppress = read_u32(attrs[FRA_SUPPRESS_PREFIXLEN], NO_SUPPRESS);
	rule.family = info->family;
	rule.pref = read_u32(attrs[FRA_PRIORITY], 0);
	rule.table = read_u32(attrs[FRA_TABLE], info->table);
	rule.fwmark = read_u32(attrs[FRA_FWMARK], 0);
	rule.fwmask = read_u32(attrs[FRA_FWMASK], 0);
	rule.suppress_prefix_len = suppress == NO_SUPPRESS ? -1 : (int)suppress;
	rule.protocol = attrs[FRA_PROTOCOL] ? nla_get_u8(attrs[FRA_PROTOCOL]) : RTPROT_UNSPEC;
	kstate_add_rule(out, &rule);
	return 0;
}

int kern_rtnl_parse(struct nlmsghdr *msg, struct kstate *out)
{
	switch (msg->nlmsg_type) {
	case RTM_NEWLINK:
		return parse_link(msg, out);
	case RTM_NEWADDR:
		return parse_addr(msg, out);
	case RTM_NEWROUTE:
		return parse_route(msg, out);
	case RTM_NEWRULE:
		return parse_rule(msg, out);
	default:
		return 0;
	}
}

int kern_rtnl_parse_counters(struct nlmsghdr *msg, struct kstate *state)
{
	const struct if_stats_msg *info = nlmsg_data(msg);
	struct nlattr *attrs[IFLA_STATS_MAX + 1];

	if (nlmsg_parse(msg, sizeof(*info), attrs, IFLA_STATS_MAX, NULL) < 0)
		return -EBADMSG;
	for (size_t i = 0; attrs[IFLA_STATS_LINK_64] && i < state->n_links; i++) {
		if (state->links[i].ifindex == (int)info->ifindex)
			read_stats(attrs[IFLA_STATS_LINK_64], &state->links[i]);
	}
	return 0;
}

bool kern_rtnl_matters(const struct nlmsghdr *msg)
{
	const struct ifinfomsg *link = nlmsg_data(msg);
	const struct rtmsg *route = nlmsg_data(msg);

	switch (msg->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		return nlmsg_valid_hdr(msg, sizeof(*link)) && link->ifi_family == AF_UNSPEC;
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		// table local follows the addresses, which raise events of their own
		return nlmsg_valid_hdr(msg, sizeof(*route)) && family_is_ours(route->rtm_family) &&
		       !(route->rtm_flags & RTM_F_CLONED) && route->rtm_table != RT_TABLE_LOCAL;
	case RTM_NEWADDR:
	case RTM_DELADDR:
	case RTM_NEWRULE:
	case RTM_DELRULE:
		return true;
	default:
		return false;
	}
}

// ---- dumps

// Every rtnetlink header begins with the family; the rest is zero in a dump of everything.
#define HEADER_BYTES_MAX sizeof(struct ifinfomsg)

struct dump {
	uint8_t family;
	struct kstate *out;
	int error;
};

static void take_message(void *ctx, struct nlmsghdr *msg)
{
	const uint8_t *family = nlmsg_data(msg);
	struct dump *dump = ctx;
	int error;

	// without IPv6 the kernel answers a dump for it with every family it knows
	if (nlmsg_datalen(msg) < 1 || *family != dump->family)
		return;
	error = kern_rtnl_parse(msg, dump->out);
	if (error < 0)
		dump->error = error;
}

static int dump_once(struct kern_netlink *nl, int type, size_t header_len, uint8_t family,
		     uint32_t table, struct kstate *out, struct str *why)
{
	const uint8_t header[HEADER_BYTES_MAX] = { family };
	struct dump dump = { .family = family, .out = out };
	struct nl_msg *msg = kern_netlink_request(type, NLM_F_DUMP, header, header_len);
	int error;

	if (msg && table)
		nla_put_u32(msg, RTA_TABLE, table);
	error = kern_netlink_call(nl, msg, take_message, &dump, why);
	if (error == 0 && dump.error < 0) {
		str_add(why, "the kernel sent a message that cannot be read");
		return dump.error;
	}
	return error;
}

static void move_all(struct kstate *from, struct kstate *to)
{
	for (size_t i = 0; i < from->n_links; i++)
		kstate_add_link(to, &from->links[i]);
	for (size_t i = 0; i < from->n_addrs; i++)
		kstate_add_addr(to, &from->addrs[i]);
	for (size_t i = 0; i < from->n_routes; i++)
		kstate_add_route(to, &from->routes[i]);
	for (size_t i = 0; i < from->n_rules; i++)
		kstate_add_rule(to, &from->rules[i]);
}

// Dumps until one is whole. `table` 0: all tables.
static int dump_whole(struct kern_netlink *nl, int type, size_t header_len, uint8_t family,
		      uint32_t table, struct kstate *out, struct str *why)
{
	struct kstate part = { 0 };
	int error = -EINTR;

	for (int i = 0; i < DUMP_ATTEMPTS && error == -EINTR; i++) {
		kstate_fini(&part);
		error = dump_once(nl, type, header_len, family, table, &part, why);
	}
	if (error == 0 || error == -EINTR) {
		move_all(&part, out);
		error = 0;
	}
	kstate_fini(&part);
	return error;
}

int kern_rtnl_observe(struct kern_netlink *nl, struct kstate *out, struct str *why)
{
	static const struct {
		int type;
		size_t header_len;
		uint8_t family;
		const char *what;
	} dumps[] = {
		{ RTM_GETLINK, sizeof(struct ifinfomsg), AF_UNSPEC, "links" },
		{ RTM_GETADDR, sizeof(struct ifaddrmsg), AF_INET, "IPv4 addresses" },
		{ RTM_GETADDR, sizeof(struct ifaddrmsg), AF_INET6, "IPv6 addresses" },
		{ RTM_GETROUTE, sizeof(struct rtmsg), AF_INET, "IPv4 routes" },
		{ RTM_GETROUTE, sizeof(struct rtmsg), AF_INET6, "IPv6 routes" },
		{ RTM_GETRULE, sizeof(struct fib_rule_hdr), AF_INET, "IPv4 rules" },
		{ RTM_GETRULE, sizeof(struct fib_rule_hdr), AF_INET6, "IPv6 rules" },
	};

	for (size_t i = 0; i < sizeof(dumps) / sizeof(dumps[0]); i++) {
		struct str text = { 0 };
		int error = dump_whole(nl, dumps[i].type, dumps[i].header_len, dumps[i].family, 0,
				       out, &text);

		// a kernel without IPv6 has none of it
		if (error == -EOPNOTSUPP && dumps[i].family == AF_INET6)
			error = 0;
		if (error < 0)
			str_addf(why, "cannot list %s: %s", dumps[i].what, str_text(&text));
		str_fini(&text);
		if (error < 0)
			return error;
	}
	kern_tunnels_look_up(nl, out);
	return 0;
}

int kern_rtnl_check_privilege(struct kern_netlink *nl, struct str *why)
{
	// the right is asked for first; then the request turns out to name no link
	struct ifinfomsg header = { .ifi_family = AF_UNSPEC };
	struct str ignored = { 0 };
	int error =
		kern_netlink_call(nl, kern_netlink_request(RTM_SETLINK, 0, &header, sizeof(header)),
				  NULL, NULL, &ignored);

	str_fini(&ignored);
	if (error != -EPERM && error != -EACCES)
		return 0;
	str_add(why, KERN_NEEDS_NET_ADMIN);
	return -EPERM;
}

static void take_counters(void *ctx, struct nlmsghdr *msg)
{
	if (msg->nlmsg_type == RTM_NEWSTATS)
		kern_rtnl_parse_counters(msg, ctx);
}

int kern_rtnl_counters(struct kern_netlink *nl, struct kstate *state)
{
	struct if_stats_msg header = { .filter_mask = IFLA_STATS_FILTER_BIT(IFLA_STATS_LINK_64) };
	struct str why = { 0 };
	int error;

	error = kern_netlink_call(
		nl, kern_netlink_request(RTM_GETSTATS, NLM_F_DUMP, &header, sizeof(header)),
		take_counters, state, &why);
	str_fini(&why);
	// torn only means that a link came or went meanwhile
	return error == -EINTR ? 0 : error;
}

// ---- values into requests

static void put_addr(struct nl_msg *msg, int attr, const struct addr *addr)
{
	if (addr_is_set(addr))
		nla_put(msg, attr, (int)addr_len(addr), addr->bytes);
}

static void put_via(struct nl_msg *msg, const struct addr *gateway)
{
	struct {
		sa_family_t family;
		uint8_t bytes[16];
	} via = { .family = gateway->family };

	memcpy(via.bytes, gateway->bytes, addr_len(gateway));
	nla_put(msg, RTA_VIA, (int)(sizeof(via.family) + addr_len(gateway)), &via);
}

static struct nl_msg *build_route(int type, int flags, const struct kroute *r)
{
	struct rtmsg header = {
		.rtm_family = (unsigned char)r->dst.addr.family,
		.rtm_dst_len = r->dst.len,
		.rtm_table = r->table < 256 ? (unsigned char)r->table : RT_TABLE_COMPAT,
		.rtm_protocol = r->protocol,
		.rtm_scope = r->scope,
		.rtm_type = r->type,
	};
	struct nl_msg *msg = kern_netlink_request(type, flags, &header, sizeof(header));

	if (!msg)
		return NULL;
	if (r->dst.len)
		put_addr(msg, RTA_DST, &r->dst.addr);
	if (r->gateway.family == r->dst.addr.family)
		put_addr(msg, RTA_GATEWAY, &r->gateway);
	else if (addr_is_set(&r->gateway))
		put_via(msg, &r->gateway);
	put_addr(msg, RTA_PREFSRC, &r->src);
	if (r->oif)
		nla_put_u32(msg, RTA_OIF, (uint32_t)r->oif);
	if (r->metric)
		nla_put_u32(msg, RTA_PRIORITY, r->metric);
	nla_put_u32(msg, RTA_TABLE, r->table);
	return msg;
}

static struct nl_msg *build_rule(int type, int flags, const struct krule *r)
{
	struct fib_rule_hdr header = {
		.family = (uint8_t)r->family,
		.src_len = r->src.len,
		.table = r->table < 256 ? (uint8_t)r->table : RT_TABLE_COMPAT,
		.action = FR_ACT_TO_TBL,
	};
	struct nl_msg *msg = kern_netlink_request(type, flags, &header, sizeof(header));

	if (!msg)
		return NULL;
	put_addr(msg, FRA_SRC, &r->src.addr);
	nla_put_u32(msg, FRA_PRIORITY, r->pref);
	nla_put_u32(msg, FRA_TABLE, r->table);
	nla_put_u8(msg, FRA_PROTOCOL, r->protocol);
	if (r->iif[0])
		nla_put_string(msg, FRA_IIFNAME, r->iif);
	if (r->fwmask) {
		nla_put_u32(msg, FRA_FWMARK, r->fwmark);
		nla_put_u32(msg, FRA_FWMASK, r->fwmask);
	}
	if (r->suppress_prefix_len >= 0)
		nla_put_u32(msg, FRA_SUPPRESS_PREFIXLEN, (uint32_t)r->suppress_prefix_len);
	return msg;
}

static int refuse_foreign(const char *what, uint8_t protocol, struct str *why)
{
	str_addf(why, "this %s is not ours: it carries protocol %u, ours %d", what, protocol,
		 KSTATE_PROTOCOL);
	return -EPERM;
}

// The route that stands where `route` wants to be; false when there is none (any more).
static bool find_route_in_place(struct kern_netlink *nl, const struct kroute *route,
				struct kroute *out)
{
	struct kstate now = { 0 };
	struct str ignored = { 0 };
	bool found = false;

	dump_whole(nl, RTM_GETROUTE, sizeof(struct rtmsg), (uint8_t)route->dst.addr.family,
		   route->table, &now, &ignored);
	for (size_t i = 0; i < now.n_routes && !found; i++) {
		*out = now.routes[i];
		found = out->table == route->table && out->metric == route->metric &&
			prefix_equal(&out->dst, &route->dst);
	}
	kstate_fini(&now);
	str_fini(&ignored);
	return found;
}

// NLM_F_REPLACE would also take away a stranger's route, for example one that an old if-up script
// put into a table that we were told to use. So: create, and replace only what is ours.
int kern_route_add(struct kern_netlink *nl, const struct kroute *route, struct str *why)
{
	struct kroute present;
	struct str text = { 0 };
	int error;

	if (route->protocol != KSTATE_PROTOCOL)
		return refuse_foreign("route", route->protocol, why);
	error = kern_netlink_call(nl, build_route(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, route),
				  NULL, NULL, &text);
	if (error != -EEXIST || !find_route_in_place(nl, route, &present)) {
		str_add(why, str_text(&text));
	} else if (present.protocol != KSTATE_PROTOCOL) {
		str_addf(why,
			 "table %u has another route there, not made by us (protocol %u); remove "
			 "it or choose another table",
			 route->table, present.protocol);
	} else if (kroute_equal(&present, route)) {
		error = 0;
	} else {
		error = kern_netlink_call(
			nl, build_route(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, route), NULL,
			NULL, why);
	}
	str_fini(&text);
	return error;
}

// What is gone already is success.
static int take_out(struct kern_netlink *nl, struct nl_msg *msg, struct str *why)
{
	struct str text = { 0 };
	int error = kern_netlink_call(nl, msg, NULL, NULL, &text);

	// ENODEV: the interface is gone, and took its routes along
	if (error == -ESRCH || error == -ENOENT || error == -ENODEV)
		error = 0;
	if (error < 0)
		str_add(why, str_text(&text));
	str_fini(&text);
	return error;
}

int kern_route_delete(struct kern_netlink *nl, const struct kroute *route, struct str *why)
{
	if (route->protocol != KSTATE_PROTOCOL)
		return refuse_foreign("route", route->protocol, why);
	return take_out(nl, build_route(RTM_DELROUTE, 0, route), why);
}

int kern_rule_add(struct kern_netlink *nl, const struct krule *rule, struct str *why)
{
	struct str text = { 0 };
	int error;

	if (rule->protocol != KSTATE_PROTOCOL)
		return refuse_foreign("rule", rule->protocol, why);
	// without EXCL the kernel takes exact duplicates; with it, EEXIST is a rule like this one
	error = kern_netlink_call(nl, build_rule(RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL, rule),
				  NULL, NULL, &text);
	if (error == -EEXIST)
		error = 0;
	if (error < 0)
		str_add(why, str_text(&text));
	str_fini(&text);
	return error;
}

int kern_rule_delete(struct kern_netlink *nl, const struct krule *rule, struct str *why)
{
	if (rule->protocol != KSTATE_PROTOCOL)
		return refuse_foreign("rule", rule->protocol, why);
	return take_out(nl, build_rule(RTM_DELRULE, 0, rule), why);
}
