// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef KERN_KERN_PRIV_H
#define KERN_KERN_PRIV_H

#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "model/kstate.h"

#define KERN_NEEDS_NET_ADMIN                                                                       \
	"changing the network needs CAP_NET_ADMIN: run as root, or give the service "              \
	"AmbientCapabilities=CAP_NET_ADMIN"

// ---- netlink.c: one request or dump at a time over a blocking socket

struct nl_msg;

struct kern_netlink {
	int fd; // -1: closed
	uint32_t seq;
	void *buffer;
};

// Called for every message of an answer. Its length has been checked against the bytes received,
// nothing else has.
typedef void kern_message_fn(void *ctx, struct nlmsghdr *msg);

int kern_netlink_open(struct kern_netlink *nl, int protocol);
void kern_netlink_close(struct kern_netlink *nl);
// A request of `type` with its fixed header; NULL when memory is out. Attributes are put with
// libnl's nla_put_*, which always find room: a request is far smaller than the page that libnl
// takes.
struct nl_msg *kern_netlink_request(int type, int flags, const void *header, size_t header_len);
// Takes `msg` (NULL is -ENOMEM). Returns when the kernel has acknowledged or the dump is complete:
// 0, -EINTR for a dump that the kernel marked as inconsistent, or the error, with its text added to
// `why`.
int kern_netlink_call(struct kern_netlink *nl, struct nl_msg *msg, kern_message_fn *got, void *ctx,
		      struct str *why);
// What the kernel said beside the number in an NLMSG_ERROR or NLMSG_DONE: its text in out, or "".
void kern_netlink_extack(const struct nlmsghdr *msg, char *out, size_t size);
// Appends "No such device (extack)".
void kern_netlink_explain(struct str *why, int error, const char *extack);

// ---- rtnetlink.c: links, addresses, routes, rules, counters

// Appends what one RTM_NEW* message describes; nothing for what does not concern us. -EBADMSG when
// the message is malformed.
int kern_rtnl_parse(struct nlmsghdr *msg, struct kstate *out);
// RTM_NEWSTATS into the link that it names, if `state` has it.
int kern_rtnl_parse_counters(struct nlmsghdr *msg, struct kstate *state);
// Whether an event is a reason to observe anew.
bool kern_rtnl_matters(const struct nlmsghdr *msg);

int kern_rtnl_observe(struct kern_netlink *nl, struct kstate *out, struct str *why);
int kern_rtnl_counters(struct kern_netlink *nl, struct kstate *state);
// 0 if we may change the network's state, else -EPERM.
int kern_rtnl_check_privilege(struct kern_netlink *nl, struct str *why);
int kern_route_add(struct kern_netlink *nl, const struct kroute *route, struct str *why);
int kern_route_delete(struct kern_netlink *nl, const struct kroute *route, struct str *why);
int kern_rule_add(struct kern_netlink *nl, const struct krule *rule, struct str *why);
int kern_rule_delete(struct kern_netlink *nl, const struct krule *rule, struct str *why);

// ---- tunnel.c: by which link a tunnel's packets leave

struct nlattr;

// From the attributes of an RTM_NEWLINK, IFLA_MAX + 1 of them.
void kern_tunnel_parse(struct nlattr *const link_attrs[], struct klink *link);
// Asks for the routes to the remote ends. No route is no error.
void kern_tunnels_look_up(struct kern_netlink *nl, struct kstate *state);

// ---- mptcp.c: endpoints and limits

struct kern_mptcp {
	struct kern_netlink nl;
	int family; // number of generic netlink family "mptcp_pm"
};

int kern_mptcp_open(struct kern_mptcp *m, struct str *why);
void kern_mptcp_close(struct kern_mptcp *m);
// 0 if we may change the kernel's state, else -EPERM.
int kern_mptcp_check_privilege(struct kern_mptcp *m, struct str *why);
int kern_endpoint_parse(struct nlmsghdr *msg, struct kstate *out);
int kern_limits_parse(struct nlmsghdr *msg, struct klimits *out);
int kern_mptcp_observe(struct kern_mptcp *m, struct kstate *out, struct str *why);
int kern_endpoint_add(struct kern_mptcp *m, const struct kendpoint *e, struct str *why);
int kern_endpoint_delete(struct kern_mptcp *m, const struct kendpoint *e, struct str *why);
int kern_endpoint_set_flags(struct kern_mptcp *m, const struct kendpoint *e, struct str *why);
int kern_limits_get(struct kern_mptcp *m, struct klimits *out, struct str *why);
int kern_limits_set(struct kern_mptcp *m, const struct klimits *limits, struct str *why);

// ---- nft.c: our table, owned by this process

struct nft_ctx;

struct kern_nft {
	struct nft_ctx *ctx;
	const char *table, *holder; // its name, and what whoever has it is called; static
	char *text;                 // set last, or NULL
};

// Takes the table, which is the lock of this network namespace: -EBUSY when another process has it.
int kern_nft_open(struct kern_nft *nft, const char *table, const char *holder, struct str *why);
void kern_nft_close(struct kern_nft *nft);
// Replaces the table by `text` in one transaction; NULL leaves it empty. On failure the old one
// stays.
int kern_nft_set(struct kern_nft *nft, const char *text, struct str *why);

// ---- firewall.c: what of other programs' firewalls concerns us

// NFT_MSG_NEWCHAIN, when it is a base chain of the forward hook that drops by policy.
int kern_firewall_parse(const struct nlmsghdr *msg, struct kstate *out);
// NFT_MSG_NEWOBJ, when it is one of the jumpbox's counters.
int kern_firewall_parse_counter(const struct nlmsghdr *msg, struct kstate *out);
// Without the privilege, and where the kernel has no nftables, there is nothing to be seen: 0.
int kern_firewall_observe(struct kstate *out, struct str *why);
// The counters alone.
int kern_firewall_count(struct kstate *out);

// ---- conntrack.c

// Forgets all flows with this mark and family. 0 also where the kernel has no connection tracking.
int kern_flows_delete(const struct kflows *flows, uint32_t mask, struct str *why);

// ---- sysctl.c

#define KERN_SYSCTL_VALUE_SIZE sizeof(((struct ksysctl *)0)->value)

// "net.ipv4.conf.eth0/100.rp_filter" -> "/proc/sys/net/ipv4/conf/eth0.100/rp_filter", as sysctl(8)
// does it. -EINVAL for a name that is not one or leaves /proc/sys.
int kern_sysctl_path(const char *name, char *path, size_t size);
// Blanks between fields become one space. -ENOENT, -EACCES, -EROFS, -EMSGSIZE (too long for a
// ksysctl) with text in `why`.
int kern_sysctl_get(const char *name, char value[static KERN_SYSCTL_VALUE_SIZE], struct str *why);
int kern_sysctl_set(const char *name, const char *value, struct str *why);

// ---- saved.c: values from before our first change, kept in a file across a crash

struct kern_saved_entry {
	char name[sizeof(((struct ksysctl *)0)->name)];
	char original[KERN_SYSCTL_VALUE_SIZE];
	char ours[KERN_SYSCTL_VALUE_SIZE]; // what we set last
};

struct kern_saved {
	char *path; // NULL: nothing is remembered
	char boot_id[40];
	uint64_t netns; // SO_NETNS_COOKIE: unlike the inode it is not used again
	struct kern_saved_entry *entries;
	size_t n;
};

// Reads `path`, if there is one of this boot and this network namespace. -EBADMSG when it is
// damaged.
int kern_saved_load(struct kern_saved *saved, const char *path, const char *boot_id, uint64_t netns,
		    struct str *why);
void kern_saved_fini(struct kern_saved *saved);
// To be called before the change. The first original of a name is kept; the file is on disk on
// return.
int kern_saved_note(struct kern_saved *saved, const char *name, const char *original,
		    const char *ours, struct str *why);
// Drops entry `i`; kern_saved_store() makes it last, and removes the file when no entry is left.
void kern_saved_drop(struct kern_saved *saved, size_t i);
int kern_saved_store(const struct kern_saved *saved, struct str *why);

#endif
