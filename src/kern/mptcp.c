// SPDX-License-Identifier: GPL-2.0-or-later
// The in-kernel path manager: endpoints and limits over generic netlink family "mptcp_pm".
// PORT in an endpoint is in host byte order and not used here. There is no event for changes.
#include "kern/kern_priv.h"

#include <errno.h>
#include <linux/genetlink.h>
#include <linux/mptcp.h>
#include <netlink/msg.h>
#include <string.h>

static struct nl_msg *new_request(int family, uint8_t command, int flags)
{
	struct genlmsghdr header = { .cmd = command, .version = MPTCP_PM_VER };

	return kern_netlink_request(family, flags, &header, sizeof(header));
}

static int parse(struct nlmsghdr *msg, struct nlattr *attrs[MPTCP_PM_ATTR_MAX + 1])
{
	static const struct nla_policy policy[MPTCP_PM_ATTR_MAX + 1] = {
		[MPTCP_PM_ATTR_RCV_ADD_ADDRS] = { .type = NLA_U32 },
		[MPTCP_PM_ATTR_SUBFLOWS] = { .type = NLA_U32 },
	};

	return nlmsg_parse(msg, GENL_HDRLEN, attrs, MPTCP_PM_ATTR_MAX, policy) < 0 ? -EBADMSG : 0;
}

// ---- opening

static void take_family(void *ctx, struct nlmsghdr *msg)
{
	static const struct nla_policy policy[CTRL_ATTR_MAX + 1] = {
		[CTRL_ATTR_FAMILY_ID] = { .type = NLA_U16 },
	};
	struct nlattr *attrs[CTRL_ATTR_MAX + 1];
	int *family = ctx;

	if (nlmsg_parse(msg, GENL_HDRLEN, attrs, CTRL_ATTR_MAX, policy) == 0 &&
	    attrs[CTRL_ATTR_FAMILY_ID])
		*family = nla_get_u16(attrs[CTRL_ATTR_FAMILY_ID]);
}

static int resolve_family(struct kern_mptcp *m, struct str *why)
{
	struct genlmsghdr header = { .cmd = CTRL_CMD_GETFAMILY, .version = 1 };
	struct nl_msg *msg = kern_netlink_request(GENL_ID_CTRL, 0, &header, sizeof(header));
	struct str text = { 0 };
	int error;

	if (msg)
		nla_put_string(msg, CTRL_ATTR_FAMILY_NAME, MPTCP_PM_NAME);
	error = kern_netlink_call(&m->nl, msg, take_family, &m->family, &text);
	if (error == -ENOENT || (error == 0 && m->family == 0)) {
		str_add(why,
			"this kernel has no Multipath TCP (generic netlink family mptcp_pm is "
			"missing): use one built with CONFIG_MPTCP, 6.1 or later, as Debian's are");
		error = -EOPNOTSUPP;
	} else if (error < 0) {
		str_addf(why, "cannot find generic netlink family mptcp_pm: %s", str_text(&text));
	}
	str_fini(&text);
	return error;
}

int kern_mptcp_open(struct kern_mptcp *m, struct str *why)
{
	int error = kern_netlink_open(&m->nl, NETLINK_GENERIC);

	m->family = 0;
	if (error < 0) {
		str_addf(why, "cannot open a generic netlink socket: %s", strerror(-error));
		return error;
	}
	error = resolve_family(m, why);
	if (error < 0)
		kern_mptcp_close(m);
	return error;
}

void kern_mptcp_close(struct kern_mptcp *m)
{
	kern_netlink_close(&m->nl);
}

// Setting limits without naming any changes nothing but needs the right to: in the user namespace
// that owns the network namespace, which looking at our capabilities would not tell.
int kern_mptcp_check_privilege(struct kern_mptcp *m, struct str *why)
{
	struct str text = { 0 };
	int error = kern_netlink_call(&m->nl, new_request(m->family, MPTCP_PM_CMD_SET_LIMITS, 0),
				      NULL, NULL, &text);

	if (error == -EPERM)
		str_add(why, KERN_NEEDS_NET_ADMIN);
	else if (error < 0)
		str_addf(why, "cannot set MPTCP limits: %s", str_text(&text));
	str_fini(&text);
	return error;
}

// ---- messages into values

static bool read_address(struct nlattr *const attrs[], struct addr *out)
{
	struct addr a = { .family = attrs[MPTCP_PM_ADDR_ATTR_FAMILY]
					    ? nla_get_u16(attrs[MPTCP_PM_ADDR_ATTR_FAMILY])
					    : AF_UNSPEC };
	const struct nlattr *bytes = a.family == AF_INET ? attrs[MPTCP_PM_ADDR_ATTR_ADDR4]
							 : attrs[MPTCP_PM_ADDR_ATTR_ADDR6];

	if (!bytes || addr_len(&a) == 0 || (size_t)nla_len(bytes) != addr_len(&a))
		return false;
	memcpy(a.bytes, nla_data(bytes), addr_len(&a));
	*out = a;
	return true;
}

int kern_endpoint_parse(struct nlmsghdr *msg, struct kstate *out)
{
	static const struct nla_policy policy[MPTCP_PM_ADDR_ATTR_MAX + 1] = {
		[MPTCP_PM_ADDR_ATTR_FAMILY] = { .type = NLA_U16 },
		[MPTCP_PM_ADDR_ATTR_ID] = { .type = NLA_U8 },
		[MPTCP_PM_ADDR_ATTR_FLAGS] = { .type = NLA_U32 },
		[MPTCP_PM_ADDR_ATTR_IF_IDX] = { .type = NLA_U32 },
	};
	struct nlattr *outer[MPTCP_PM_ATTR_MAX + 1], *attrs[MPTCP_PM_ADDR_ATTR_MAX + 1];
	struct kendpoint endpoint = { 0 };

	if (parse(msg, outer) < 0 || !outer[MPTCP_PM_ATTR_ADDR])
		return -EBADMSG;
	if (nla_parse_nested(attrs, MPTCP_PM_ADDR_ATTR_MAX, outer[MPTCP_PM_ATTR_ADDR], policy) < 0)
		return -EBADMSG;
	if (!attrs[MPTCP_PM_ADDR_ATTR_ID] || !read_address(attrs, &endpoint.addr))
		return -EBADMSG;
	endpoint.id = nla_get_u8(attrs[MPTCP_PM_ADDR_ATTR_ID]);
	if (attrs[MPTCP_PM_ADDR_ATTR_FLAGS])
		endpoint.flags = nla_get_u32(attrs[MPTCP_PM_ADDR_ATTR_FLAGS]);
	if (attrs[MPTCP_PM_ADDR_ATTR_IF_IDX])
		endpoint.ifindex = (int)nla_get_u32(attrs[MPTCP_PM_ADDR_ATTR_IF_IDX]);
	kstate_add_endpoint(out, &endpoint);
	return 0;
}

int kern_limits_parse(struct nlmsghdr *msg, struct klimits *out)
{
	struct nlattr *attrs[MPTCP_PM_ATTR_MAX + 1];

	if (parse(msg, attrs) < 0 || !attrs[MPTCP_PM_ATTR_SUBFLOWS] ||
	    !attrs[MPTCP_PM_ATTR_RCV_ADD_ADDRS])
		return -EBADMSG;
	out->subflows = nla_get_u32(attrs[MPTCP_PM_ATTR_SUBFLOWS]);
	out->add_addr_accepted = nla_get_u32(attrs[MPTCP_PM_ATTR_RCV_ADD_ADDRS]);
	return 0;
}

// ---- observing

struct answer {
	struct kstate *state;
	int error;
};

static void take_endpoint(void *ctx, struct nlmsghdr *msg)
{
	struct answer *answer = ctx;
	int error = kern_endpoint_parse(msg, answer->state);

	if (error < 0)
		answer->error = error;
}

static void take_limits(void *ctx, struct nlmsghdr *msg)
{
	struct answer *answer = ctx;

	answer->error = kern_limits_parse(msg, &answer->state->limits);
}

static int ask(struct kern_mptcp *m, struct nl_msg *msg, kern_message_fn *got, struct kstate *out,
	       const char *what, struct str *why)
{
	struct answer answer = { .state = out };
	struct str text = { 0 };
	int error = kern_netlink_call(&m->nl, msg, got, &answer, &text);

	if (error < 0)
		str_addf(why, "cannot read MPTCP %s: %s", what, str_text(&text));
	else if (answer.error < 0)
		str_addf(why, "cannot read MPTCP %s: the kernel's answer makes no sense", what);
	str_fini(&text);
	return error < 0 ? error : answer.error;
}

static int list_endpoints(struct kern_mptcp *m, struct kstate *out, struct str *why)
{
	return ask(m, new_request(m->family, MPTCP_PM_CMD_GET_ADDR, NLM_F_DUMP), take_endpoint, out,
		   "endpoints", why);
}

int kern_limits_get(struct kern_mptcp *m, struct klimits *out, struct str *why)
{
	struct kstate state = { 0 };
	int error = ask(m, new_request(m->family, MPTCP_PM_CMD_GET_LIMITS, 0), take_limits, &state,
			"limits", why);

	*out = state.limits;
	return error;
}

int kern_mptcp_observe(struct kern_mptcp *m, struct kstate *out, struct str *why)
{
	int error = list_endpoints(m, out, why);

	return error < 0 ? error : kern_limits_get(m, &out->limits, why);
}

// ---- changing

static struct nl_msg *new_endpoint_request(int family, uint8_t command, const struct kendpoint *e,
					   bool with_address, bool with_flags)
{
	struct nl_msg *msg = new_request(family, command, 0);
	struct nlattr *nest;

	if (!msg)
		return NULL;
	nest = nla_nest_start(msg, NLA_F_NESTED | MPTCP_PM_ATTR_ADDR);
	nla_put_u8(msg, MPTCP_PM_ADDR_ATTR_ID, e->id);
	if (with_address) {
		nla_put_u16(msg, MPTCP_PM_ADDR_ATTR_FAMILY, e->addr.family);
		nla_put(msg,
			e->addr.family == AF_INET ? MPTCP_PM_ADDR_ATTR_ADDR4
						  : MPTCP_PM_ADDR_ATTR_ADDR6,
			(int)addr_len(&e->addr), e->addr.bytes);
	}
	if (with_address && e->ifindex)
		nla_put_s32(msg, MPTCP_PM_ADDR_ATTR_IF_IDX, e->ifindex);
	if (with_flags)
		nla_put_u32(msg, MPTCP_PM_ADDR_ATTR_FLAGS, e->flags);
	nla_nest_end(msg, nest);
	return msg;
}

// The endpoint with this id as it stands: 1, 0 when there is none, or an error with text.
static int find_endpoint(struct kern_mptcp *m, uint8_t id, struct kendpoint *out, struct str *why)
{
	struct kstate now = { 0 };
	int found = list_endpoints(m, &now, why);

	for (size_t i = 0; found == 0 && i < now.n_endpoints; i++) {
		if (now.endpoints[i].id == id) {
			*out = now.endpoints[i];
			found = 1;
		}
	}
	kstate_fini(&now);
	return found;
}

static int refuse_foreign(const struct kendpoint *e, struct str *why)
{
	if (kendpoint_is_ours(e))
		return 0;
	str_addf(why, "endpoint id %u is not ours, which are %d to %d", e->id,
		 KSTATE_ENDPOINT_FIRST, KSTATE_ENDPOINT_LAST);
	return -EPERM;
}

// Before an endpoint is changed or removed: 1 if it is there and the one that is meant, 0 if it is
// gone.
static int check_endpoint(struct kern_mptcp *m, const struct kendpoint *e, struct str *why)
{
	struct kendpoint present;
	char text[ADDR_STRLEN];
	int found = refuse_foreign(e, why);

	if (found < 0)
		return found;
	found = find_endpoint(m, e->id, &present, why);
	if (found == 1 && !addr_equal(&present.addr, &e->addr)) {
		str_addf(why, "endpoint id %u now belongs to %s: somebody else has changed it",
			 e->id, addr_format(&present.addr, text));
		return -EPERM;
	}
	return found;
}

static bool endpoint_equal(const struct kendpoint *a, const struct kendpoint *b)
{
	return a->id == b->id && a->ifindex == b->ifindex && a->flags == b->flags &&
	       addr_equal(&a->addr, &b->addr);
}

int kern_endpoint_add(struct kern_mptcp *m, const struct kendpoint *e, struct str *why)
{
	struct str text = { 0 }, ignored = { 0 };
	struct kendpoint present;
	int error = refuse_foreign(e, why);

	if (error < 0)
		return error;
	error = kern_netlink_call(
		&m->nl, new_endpoint_request(m->family, MPTCP_PM_CMD_ADD_ADDR, e, true, true), NULL,
		NULL, &text);
	if (error < 0 && find_endpoint(m, e->id, &present, &ignored) == 1 &&
	    endpoint_equal(&present, e))
		error = 0;
	if (error < 0)
		str_add(why, str_text(&text));
	str_fini(&text);
	str_fini(&ignored);
	return error;
}

int kern_endpoint_delete(struct kern_mptcp *m, const struct kendpoint *e, struct str *why)
{
	int found = check_endpoint(m, e, why);

	if (found <= 0)
		return found;
	return kern_netlink_call(
		&m->nl, new_endpoint_request(m->family, MPTCP_PM_CMD_DEL_ADDR, e, false, false),
		NULL, NULL, why);
}

// The kernel changes only the backup and fullmesh bits.
int kern_endpoint_set_flags(struct kern_mptcp *m, const struct kendpoint *e, struct str *why)
{
	int found = check_endpoint(m, e, why);

	if (found == 0) {
		str_addf(why, "there is no endpoint with id %u", e->id);
		return -ENOENT;
	}
	if (found < 0)
		return found;
	return kern_netlink_call(
		&m->nl, new_endpoint_request(m->family, MPTCP_PM_CMD_SET_FLAGS, e, false, true),
		NULL, NULL, why);
}

int kern_limits_set(struct kern_mptcp *m, const struct klimits *limits, struct str *why)
{
	struct nl_msg *msg = new_request(m->family, MPTCP_PM_CMD_SET_LIMITS, 0);

	if (msg) {
		nla_put_u32(msg, MPTCP_PM_ATTR_SUBFLOWS, limits->subflows);
		nla_put_u32(msg, MPTCP_PM_ATTR_RCV_ADD_ADDRS, limits->add_addr_accepted);
	}
	return kern_netlink_call(&m->nl, msg, NULL, NULL, why);
}
