// SPDX-License-Identifier: GPL-2.0-or-later
// The kernel room: it shows the network state of one network namespace as a struct kstate and
// carries out struct op values on it. What to do is decided in plan/; nothing here has an opinion.
//
// Who and when. Main thread only. Calls are synchronous: the kernel answers a netlink request
// inside the system call, a full observation takes a fraction of a millisecond, and deleting an
// MPTCP endpoint takes as long as the kernel needs to walk all connections (56 ms with 1000 of
// them).
//
// Parts. netlink.c carries requests and dumps; rtnetlink.c knows links, addresses, routes and
// rules; mptcp.c the path manager; nft.c the table; sysctl.c and saved.c values in /proc/sys and
// their originals; firewall.c what others have in nftables. There is one socket per protocol for
// requests and dumps, and one for events here, so that an event never stands between a request and
// its answer.
//
// Events only say "look again". The handler empties the socket and calls the owner once; the owner
// observes, plans, and applies what differs. Our own changes come back as events too: that
// observation finds nothing to do, and there it rests. A lost event (ENOBUFS) is the same call.
//
// What is ours: routes and rules with protocol KSTATE_PROTOCOL, endpoint ids from
// KSTATE_ENDPOINT_FIRST, the nft table. Nothing else is ever deleted or replaced.
//
// Assumes Linux 6.1 or later. doc/kernel-notes.md has what the code relies on.
// Not here: which process owns a foreign object, namespaces other than the current one,
// per-connection state (relay and probe ask their sockets).
#include "kern/kern.h"

#include <errno.h>
#include <ev.h>
#include <linux/rtnetlink.h>
#include <netlink/msg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kern/kern_priv.h"

// A burst, such as a few hundred routes, must fit while the loop is elsewhere.
#define EVENT_RCVBUF_BYTES (4 * 1024 * 1024)
#define EVENT_BUFFER_BYTES (32 * 1024)
// After this many datagrams other watchers get their turn; the rest is read in the next iteration.
#define EVENTS_PER_TURN 256

// The name under which the MPTCP limits are remembered, beside those of sysctls.
#define LIMITS_NAME "mptcp limits"

// What each mode is about.
static const struct {
	bool mptcp, firewall, changes;
	const char *table, *holder; // of nftables; NULL: none
} modes[] = {
	[KERN_OBSERVE] = { .mptcp = true, .firewall = true },
	[KERN_GLANCE] = { .firewall = true },
	[KERN_TUNE] = { .mptcp = true, .changes = true },
	[KERN_FORWARD] = { .firewall = true,
			   .changes = true,
			   .table = KSTATE_JUMPBOX_TABLE,
			   .holder = "jumpbox" },
	[KERN_MANAGE] = { .mptcp = true,
			  .changes = true,
			  .table = KSTATE_NFT_TABLE,
			  .holder = "gateway" },
};

struct kern {
	struct kern_options options;
	struct kern_netlink rtnl;
	struct kern_mptcp mptcp;
	struct kern_nft nft;
	struct kern_saved saved;
	int event_fd;
	ev_io event_watcher;
	_Alignas(struct nlmsghdr) char event_buffer[EVENT_BUFFER_BYTES];
};

// ---- events

// Whether the datagram holds a reason to look again.
static bool holds_change(struct nlmsghdr *msg, int len)
{
	bool matters = false;

	for (; nlmsg_ok(msg, len); msg = nlmsg_next(msg, &len))
		matters |= kern_rtnl_matters(msg);
	return matters;
}

static void read_events(struct ev_loop *loop, ev_io *watcher, int revents)
{
	struct kern *kern = watcher->data;
	bool changed = false;

	(void)loop;
	(void)revents;
	for (int i = 0; i < EVENTS_PER_TURN; i++) {
		ssize_t n = recv(kern->event_fd, kern->event_buffer, sizeof(kern->event_buffer),
				 MSG_TRUNC);

		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			break;
		if (n < 0 && errno == EINTR)
			continue;
		// lost some (ENOBUFS) or cannot see all of it: look again. No other error is known
		if (n < 0 || (size_t)n > sizeof(kern->event_buffer))
			changed = true;
		else
			changed |= holds_change((struct nlmsghdr *)kern->event_buffer, (int)n);
	}
	if (changed)
		kern->options.changed(kern->options.ctx);
}

static int open_events(struct kern *kern)
{
	static const int groups[] = { RTNLGRP_LINK,       RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR,
				      RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE,  RTNLGRP_IPV4_RULE,
				      RTNLGRP_IPV6_RULE };
	const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	int bytes = EVENT_RCVBUF_BYTES;

	kern->event_fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	if (kern->event_fd < 0)
		return -errno;
	// gives it a port of its own, without which it would pass for the kernel and hear nothing,
	// and keeps other processes from writing to it
	if (connect(kern->event_fd, (const struct sockaddr *)&kernel, sizeof(kernel)) < 0)
		return -errno;
	// the plain form is bounded by rmem_max, but needs no privilege
	if (setsockopt(kern->event_fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) < 0 &&
	    setsockopt(kern->event_fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes)) < 0)
		return -errno;
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		if (setsockopt(kern->event_fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &groups[i],
			       sizeof(groups[i])) < 0)
			return -errno;
	}
	ev_io_init(&kern->event_watcher, read_events, kern->event_fd, EV_READ);
	kern->event_watcher.data = kern;
	ev_io_start(kern->options.loop, &kern->event_watcher);
	return 0;
}

// ---- opening

static int load_saved(struct kern *kern, struct str *why)
{
	char boot_id[KERN_SYSCTL_VALUE_SIZE];
	socklen_t len = sizeof(kern->saved.netns);
	uint64_t netns;
	int error = kern_sysctl_get("kernel.random.boot_id", boot_id, why);

	if (error < 0)
		return error;
	if (getsockopt(kern->rtnl.fd, SOL_SOCKET, SO_NETNS_COOKIE, &netns, &len) < 0) {
		error = -errno;
		str_addf(why,
			 "cannot tell network namespaces apart (SO_NETNS_COOKIE, Linux 5.14): %s",
			 strerror(-error));
		return error;
	}
	return kern_saved_load(&kern->saved, kern->options.saved_path, boot_id, netns, why);
}

static int check_privilege(struct kern *kern, struct str *why)
{
	return modes[kern->options.mode].mptcp ? kern_mptcp_check_privilege(&kern->mptcp, why)
					       : kern_rtnl_check_privilege(&kern->rtnl, why);
}

static int open_parts(struct kern *kern, struct str *why)
{
	const enum kern_mode mode = kern->options.mode;
	int error = kern_netlink_open(&kern->rtnl, NETLINK_ROUTE);

	if (error < 0) {
		str_addf(why, "cannot open a routing netlink socket: %s", strerror(-error));
		return error;
	}
	if (modes[mode].mptcp)
		error = kern_mptcp_open(&kern->mptcp, why);
	if (error == 0 && modes[mode].changes)
		error = check_privilege(kern, why);
	if (error == 0 && modes[mode].table)
		error = kern_nft_open(&kern->nft, modes[mode].table, modes[mode].holder, why);
	if (error == 0 && modes[mode].changes)
		error = load_saved(kern, why);
	if (error == 0 && kern->options.changed) {
		error = open_events(kern);
		if (error < 0)
			str_addf(why, "cannot follow network events: %s", strerror(-error));
	}
	return error;
}

int kern_open(const struct kern_options *options, struct kern **out, struct str *why)
{
	struct kern *kern = xcalloc(1, sizeof(*kern));
	int error;

	kern->options = *options;
	kern->rtnl.fd = kern->mptcp.nl.fd = kern->event_fd = -1;
	error = open_parts(kern, why);
	if (error < 0) {
		kern_close(kern);
		return error;
	}
	*out = kern;
	return 0;
}

void kern_close(struct kern *kern)
{
	if (!kern)
		return;
	if (kern->event_fd >= 0) {
		if (ev_is_active(&kern->event_watcher))
			ev_io_stop(kern->options.loop, &kern->event_watcher);
		close(kern->event_fd);
	}
	kern_nft_close(&kern->nft);
	kern_mptcp_close(&kern->mptcp);
	kern_netlink_close(&kern->rtnl);
	kern_saved_fini(&kern->saved);
	free(kern);
}

// ---- observing

void kern_observe_sysctls(const char *const names[], size_t n, struct kstate *out)
{
	for (size_t i = 0; i < n; i++) {
		char value[KERN_SYSCTL_VALUE_SIZE];
		struct str text = { 0 };

		// one that cannot be read is left out like one that is not there
		if (kern_sysctl_get(names[i], value, &text) == 0)
			kstate_add_sysctl(out, names[i], value);
		str_fini(&text);
	}
}

int kern_observe(struct kern *kern, const char *const sysctls[], size_t n_sysctls,
		 struct kstate *out, struct str *why)
{
	int error;

	*out = (struct kstate){ 0 };
	error = kern_rtnl_observe(&kern->rtnl, out, why);
	if (error == 0 && modes[kern->options.mode].mptcp)
		error = kern_mptcp_observe(&kern->mptcp, out, why);
	if (error == 0 && modes[kern->options.mode].firewall)
		error = kern_firewall_observe(out, why);
	if (error == 0)
		kern_observe_sysctls(sysctls, n_sysctls, out);
	if (kern->nft.text)
		out->nft = xstrdup(kern->nft.text);
	if (error < 0)
		kstate_fini(out);
	return error;
}

int kern_counters(struct kern *kern, struct kstate *state)
{
	return kern_rtnl_counters(&kern->rtnl, state);
}

int kern_unproxied(struct kern *kern, struct kstate *state)
{
	return kern->nft.text ? kern_firewall_count(state) : 0;
}

// ---- applying

static void format_limits(const struct klimits *limits, char *out, size_t size)
{
	snprintf(out, size, "%u %u", limits->subflows, limits->add_addr_accepted);
}

static int set_limits(struct kern *kern, const struct op *op, struct str *why)
{
	char before[KERN_SYSCTL_VALUE_SIZE], ours[KERN_SYSCTL_VALUE_SIZE];
	struct klimits now;
	int error = kern_limits_get(&kern->mptcp, &now, why);

	if (error < 0)
		return error;
	format_limits(&now, before, sizeof(before));
	format_limits(&op->limits, ours, sizeof(ours));
	if (strcmp(before, ours) == 0)
		return 0;
	error = kern_saved_note(&kern->saved, LIMITS_NAME, before, ours, why);
	return error < 0 ? error : kern_limits_set(&kern->mptcp, &op->limits, why);
}

static int set_sysctl(struct kern *kern, const struct op *op, struct str *why)
{
	const struct ksysctl *sysctl = &op->sysctl;
	char before[KERN_SYSCTL_VALUE_SIZE];
	int error = kern_sysctl_get(sysctl->name, before, why);

	if (error < 0)
		return error;
	if (strcmp(before, sysctl->value) == 0)
		return 0;
	error = kern_saved_note(&kern->saved, sysctl->name, before, sysctl->value, why);
	return error < 0 ? error : kern_sysctl_set(sysctl->name, sysctl->value, why);
}

static int add_route(struct kern *kern, const struct op *op, struct str *why)
{
	return kern_route_add(&kern->rtnl, &op->route, why);
}

static int delete_route(struct kern *kern, const struct op *op, struct str *why)
{
	return kern_route_delete(&kern->rtnl, &op->route, why);
}

static int add_rule(struct kern *kern, const struct op *op, struct str *why)
{
	return kern_rule_add(&kern->rtnl, &op->rule, why);
}

static int delete_rule(struct kern *kern, const struct op *op, struct str *why)
{
	return kern_rule_delete(&kern->rtnl, &op->rule, why);
}

static int add_endpoint(struct kern *kern, const struct op *op, struct str *why)
{
	return kern_endpoint_add(&kern->mptcp, &op->endpoint, why);
}

static int delete_endpoint(struct kern *kern, const struct op *op, struct str *why)
{
	return kern_endpoint_delete(&kern->mptcp, &op->endpoint, why);
}

static int set_endpoint_flags(struct kern *kern, const struct op *op, struct str *why)
{
	return kern_endpoint_set_flags(&kern->mptcp, &op->endpoint, why);
}

static int set_nft(struct kern *kern, const struct op *op, struct str *why)
{
	return kern_nft_set(&kern->nft, op->nft, why);
}

// The table itself stays, empty: it is the lock.
static int delete_nft(struct kern *kern, const struct op *op, struct str *why)
{
	(void)op;
	return kern_nft_set(&kern->nft, NULL, why);
}

static int delete_flows(struct kern *kern, const struct op *op, struct str *why)
{
	(void)kern;
	return kern_flows_delete(&op->flows, KSTATE_MARK_MASK, why);
}

#define MODE(m) (1u << (m))
#define MANAGE  MODE(KERN_MANAGE)

static const struct {
	unsigned modes; // that may
	int (*apply)(struct kern *kern, const struct op *op, struct str *why);
} appliers[OP_KINDS] = {
	[OP_NFT_DELETE] = { MANAGE | MODE(KERN_FORWARD), delete_nft },
	[OP_ENDPOINT_DELETE] = { MANAGE, delete_endpoint },
	[OP_RULE_DELETE] = { MANAGE, delete_rule },
	[OP_ROUTE_DELETE] = { MANAGE, delete_route },
	[OP_SYSCTL_SET] = { MANAGE | MODE(KERN_FORWARD) | MODE(KERN_TUNE), set_sysctl },
	[OP_LIMITS_SET] = { MANAGE | MODE(KERN_TUNE), set_limits },
	[OP_ROUTE_ADD] = { MANAGE, add_route },
	[OP_RULE_ADD] = { MANAGE, add_rule },
	[OP_ENDPOINT_ADD] = { MANAGE, add_endpoint },
	[OP_ENDPOINT_FLAGS] = { MANAGE, set_endpoint_flags },
	[OP_NFT_SET] = { MANAGE | MODE(KERN_FORWARD), set_nft },
	[OP_FLOWS_DELETE] = { MANAGE, delete_flows },
};

static int apply_one(struct kern *kern, const struct op *op, struct str *why)
{
	if (!(appliers[op->kind].modes & MODE(kern->options.mode))) {
		str_add(why, "this command only looks and does not change the kernel's state");
		return -EPERM;
	}
	return appliers[op->kind].apply(kern, op, why);
}

int kern_apply(struct kern *kern, const struct op_list *ops, kern_failed_fn *failed, void *ctx)
{
	struct str why = { 0 };
	int first = 0;

	for (size_t i = 0; i < ops->n; i++) {
		int error = apply_one(kern, &ops->ops[i], &why);

		if (error < 0 && failed)
			failed(ctx, &ops->ops[i], error, str_text(&why));
		if (first == 0)
			first = error;
		str_clear(&why);
	}
	str_fini(&why);
	return first;
}

// ---- putting back

static int read_now(struct kern *kern, const char *name, char value[static KERN_SYSCTL_VALUE_SIZE],
		    struct str *why)
{
	struct klimits limits;
	int error;

	if (strcmp(name, LIMITS_NAME) != 0)
		return kern_sysctl_get(name, value, why);
	error = kern_limits_get(&kern->mptcp, &limits, why);
	format_limits(&limits, value, KERN_SYSCTL_VALUE_SIZE);
	return error;
}

static int write_back(struct kern *kern, const struct kern_saved_entry *e, struct str *why)
{
	struct klimits limits;

	if (strcmp(e->name, LIMITS_NAME) != 0)
		return kern_sysctl_set(e->name, e->original, why);
	if (sscanf(e->original, "%u %u", &limits.subflows, &limits.add_addr_accepted) != 2)
		return -EBADMSG;
	return kern_limits_set(&kern->mptcp, &limits, why);
}

// 0 when the entry has done its duty, whether or not something was left to do.
static int restore_one(struct kern *kern, const struct kern_saved_entry *e, struct str *note)
{
	char now[KERN_SYSCTL_VALUE_SIZE];
	int error = read_now(kern, e->name, now, note);

	if (error == -ENOENT) {
		// an interface's own setting goes with the interface
		str_clear(note);
		return 0;
	}
	if (error < 0 || strcmp(now, e->original) == 0)
		return error;
	if (strcmp(now, e->ours) != 0) {
		str_addf(note,
			 "%s is left at \"%s\": somebody has changed it since we set it to \"%s\"",
			 e->name, now, e->ours);
		return 0;
	}
	return write_back(kern, e, note);
}

int kern_restore(struct kern *kern, struct str *notes)
{
	struct str note = { 0 };
	int first = 0, error;

	for (size_t i = 0; i < kern->saved.n;) {
		error = restore_one(kern, &kern->saved.entries[i], &note);
		if (note.len)
			str_addf(notes, "%s%s", notes->len ? "\n" : "", str_text(&note));
		str_clear(&note);
		if (first == 0)
			first = error;
		if (error < 0)
			i++;
		else
			kern_saved_drop(&kern->saved, i);
	}
	error = kern_saved_store(&kern->saved, notes);
	str_fini(&note);
	return first < 0 ? first : error;
}
