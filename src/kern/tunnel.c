// SPDX-License-Identifier: GPL-2.0-or-later
// By which link a tunnel's own packets leave.
//
// The remote address is in the tunnel's link message, and the kernel is asked for the route to it,
// as the tunnel would: with its source address, mark and device. Interfaces that are part of
// another (VLAN and the like) name it themselves. What a program carries over a TUN device, and
// WireGuard's peers, are not to be seen here.
#include "kern/kern.h"
#include "kern/kern_priv.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/if_tunnel.h>
#include <linux/rtnetlink.h>
#include <netlink/msg.h>
#include <string.h>

// Where each kind has it in its IFLA_INFO_DATA; 0: it has no such thing.
static const struct kind {
	const char *name;
	uint8_t oif, local, remote, local6, remote6, mark;
} kinds[] = {
	{ "vxlan", IFLA_VXLAN_LINK, IFLA_VXLAN_LOCAL, IFLA_VXLAN_GROUP, IFLA_VXLAN_LOCAL6,
	  IFLA_VXLAN_GROUP6, 0 },
	{ "geneve", 0, 0, IFLA_GENEVE_REMOTE, 0, IFLA_GENEVE_REMOTE6, 0 },
	{ "gre", IFLA_GRE_LINK, IFLA_GRE_LOCAL, IFLA_GRE_REMOTE, 0, 0, IFLA_GRE_FWMARK },
	{ "gretap", IFLA_GRE_LINK, IFLA_GRE_LOCAL, IFLA_GRE_REMOTE, 0, 0, IFLA_GRE_FWMARK },
	{ "ip6gre", IFLA_GRE_LINK, 0, 0, IFLA_GRE_LOCAL, IFLA_GRE_REMOTE, IFLA_GRE_FWMARK },
	{ "ip6gretap", IFLA_GRE_LINK, 0, 0, IFLA_GRE_LOCAL, IFLA_GRE_REMOTE, IFLA_GRE_FWMARK },
	{ "ipip", IFLA_IPTUN_LINK, IFLA_IPTUN_LOCAL, IFLA_IPTUN_REMOTE, 0, 0, IFLA_IPTUN_FWMARK },
	{ "sit", IFLA_IPTUN_LINK, IFLA_IPTUN_LOCAL, IFLA_IPTUN_REMOTE, 0, 0, IFLA_IPTUN_FWMARK },
	{ "ip6tnl", IFLA_IPTUN_LINK, 0, 0, IFLA_IPTUN_LOCAL, IFLA_IPTUN_REMOTE, IFLA_IPTUN_FWMARK },
	{ "vti", IFLA_VTI_LINK, IFLA_VTI_LOCAL, IFLA_VTI_REMOTE, 0, 0, IFLA_VTI_FWMARK },
	{ "vti6", IFLA_VTI_LINK, 0, 0, IFLA_VTI_LOCAL, IFLA_VTI_REMOTE, IFLA_VTI_FWMARK },
};

#define DATA_MAX 64 // above every number in the table

static const char *const part_of_another[] = { "vlan", "macvlan", "ipvlan" };

static bool is_zero(const struct addr *addr)
{
	return memcmp(addr->bytes, (const uint8_t[sizeof(addr->bytes)]){ 0 }, addr_len(addr)) == 0;
}

static void read_addr(struct nlattr *const data[], uint8_t which, sa_family_t family,
		      struct addr *out)
{
	struct addr a = { .family = family };

	if (!which || !data[which] || (size_t)nla_len(data[which]) != addr_len(&a))
		return;
	memcpy(a.bytes, nla_data(data[which]), addr_len(&a));
	if (!is_zero(&a))
		*out = a;
}

static uint32_t read_number(struct nlattr *const data[], uint8_t which)
{
	return which && data[which] && nla_len(data[which]) == sizeof(uint32_t)
		       ? nla_get_u32(data[which])
		       : 0;
}

static void read_tunnel(const struct kind *kind, struct nlattr *info_data, struct ktunnel *out)
{
	struct nlattr *data[DATA_MAX + 1];

	if (nla_parse_nested(data, DATA_MAX, info_data, NULL) < 0)
		return;
	read_addr(data, kind->remote, AF_INET, &out->remote);
	read_addr(data, kind->remote6, AF_INET6, &out->remote);
	if (out->remote.family == AF_INET)
		read_addr(data, kind->local, AF_INET, &out->local);
	else
		read_addr(data, kind->local6, AF_INET6, &out->local);
	out->oif = (int)read_number(data, kind->oif);
	out->mark = read_number(data, kind->mark);
}

void kern_tunnel_parse(struct nlattr *const link_attrs[], struct klink *link)
{
	static const struct nla_policy policy[IFLA_INFO_MAX + 1] = {
		[IFLA_INFO_KIND] = { .type = NLA_STRING },
	};
	struct nlattr *info[IFLA_INFO_MAX + 1];
	const char *name;

	if (!link_attrs[IFLA_LINKINFO] ||
	    nla_parse_nested(info, IFLA_INFO_MAX, link_attrs[IFLA_LINKINFO], policy) < 0 ||
	    !info[IFLA_INFO_KIND])
		return;
	name = nla_get_string(info[IFLA_INFO_KIND]);
	for (size_t i = 0; i < sizeof(part_of_another) / sizeof(part_of_another[0]); i++) {
		// with a namespace id the number is of another namespace
		if (strcmp(name, part_of_another[i]) == 0 && link_attrs[IFLA_LINK] &&
		    !link_attrs[IFLA_LINK_NETNSID])
			link->under = (int)nla_get_u32(link_attrs[IFLA_LINK]);
	}
	for (size_t i = 0; info[IFLA_INFO_DATA] && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(name, kinds[i].name) == 0)
			read_tunnel(&kinds[i], info[IFLA_INFO_DATA], &link->tunnel);
	}
}

static void take_route(void *ctx, struct nlmsghdr *msg)
{
	struct nlattr *attrs[RTA_MAX + 1];
	int *oif = ctx;

	if (msg->nlmsg_type == RTM_NEWROUTE &&
	    nlmsg_parse(msg, sizeof(struct rtmsg), attrs, RTA_MAX, NULL) == 0 && attrs[RTA_OIF] &&
	    nla_len(attrs[RTA_OIF]) == sizeof(uint32_t))
		*oif = (int)nla_get_u32(attrs[RTA_OIF]);
}

// The interface by which a packet of the tunnel would leave, or 0: there is no route now.
static int look_up(struct kern_netlink *nl, const struct ktunnel *tunnel)
{
	struct rtmsg header = { .rtm_family = (uint8_t)tunnel->remote.family,
				.rtm_dst_len = (uint8_t)(addr_len(&tunnel->remote) * 8) };
	struct nl_msg *msg;
	struct str why = { 0 };
	int oif = 0;

	if (addr_is_set(&tunnel->local))
		header.rtm_src_len = (uint8_t)(addr_len(&tunnel->local) * 8);
	msg = kern_netlink_request(RTM_GETROUTE, 0, &header, sizeof(header));
	if (msg) {
		nla_put(msg, RTA_DST, (int)addr_len(&tunnel->remote), tunnel->remote.bytes);
		if (addr_is_set(&tunnel->local))
			nla_put(msg, RTA_SRC, (int)addr_len(&tunnel->local), tunnel->local.bytes);
		if (tunnel->mark)
			nla_put_u32(msg, RTA_MARK, tunnel->mark);
		if (tunnel->oif)
			nla_put_u32(msg, RTA_OIF, (uint32_t)tunnel->oif);
	}
	if (kern_netlink_call(nl, msg, take_route, &oif, &why) < 0)
		oif = 0;
	str_fini(&why);
	return oif;
}

int kern_route_interface(const struct addr *from, const struct addr *to,
			 char out[static IF_NAMESIZE])
{
	const struct ktunnel packet = { .local = *from, .remote = *to };
	struct kern_netlink nl;
	int rc = kern_netlink_open(&nl, NETLINK_ROUTE), oif;

	if (rc < 0)
		return rc;
	oif = look_up(&nl, &packet);
	kern_netlink_close(&nl);
	if (!oif)
		return -ENETUNREACH;
	return if_indextoname((unsigned)oif, out) ? 0 : -errno;
}

void kern_tunnels_look_up(struct kern_netlink *nl, struct kstate *state)
{
	for (size_t i = 0; i < state->n_links; i++) {
		struct klink *link = &state->links[i];

		if (!addr_is_set(&link->tunnel.remote))
			continue;
		link->under = look_up(nl, &link->tunnel);
		if (link->under == link->ifindex)
			link->under = 0;
	}
}
