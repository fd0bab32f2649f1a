// SPDX-License-Identifier: GPL-2.0-or-later
// Forgetting flows. Asked to delete without naming a flow, conntrack deletes all; with a mark in
// the request, those that have it (Linux 3.10 on), and where the message has a version other than 0
// those of its family alone (Linux 5.3 on).
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netlink/msg.h>

#include "kern/kern_priv.h"

#define BY_FAMILY (NFNETLINK_V0 + 1)

int kern_flows_delete(const struct kflows *flows, uint32_t mask, struct str *why)
{
	struct nfgenmsg header = { .nfgen_family = (uint8_t)flows->family, .version = BY_FAMILY };
	struct kern_netlink nl;
	struct nl_msg *msg;
	int error = kern_netlink_open(&nl, NETLINK_NETFILTER);

	if (error < 0) {
		str_addf(why, "cannot open a netfilter socket: %s", strerror(-error));
		return error;
	}
	msg = kern_netlink_request(NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE, 0, &header,
				   sizeof(header));
	if (msg) {
		nla_put_u32(msg, CTA_MARK, htonl(flows->mark));
		nla_put_u32(msg, CTA_MARK_MASK, htonl(mask));
	}
	error = kern_netlink_call(&nl, msg, NULL, NULL, why);
	kern_netlink_close(&nl);
	// without the module there are no flows
	return error == -ENOENT || error == -EOPNOTSUPP ? 0 : error;
}
