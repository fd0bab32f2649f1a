// SPDX-License-Identifier: GPL-2.0-or-later
// Other programs' base chains of the forward hook that drop by policy: Docker's, ufw's and
// hand-written ones, also those that iptables makes by way of nftables. A packet passes all base
// chains of a hook, so nothing that ours accepts helps against them. A chain that ends in a rule
// that drops is not found, nor what iptables-legacy has.
#include "kern/kern_priv.h"

#include <endian.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <netlink/msg.h>
#include <string.h>

static bool is_of_forward(struct nlattr *hook)
{
	static const struct nla_policy policy[NFTA_HOOK_MAX + 1] = {
		[NFTA_HOOK_HOOKNUM] = { .type = NLA_U32 },
	};
	struct nlattr *attrs[NFTA_HOOK_MAX + 1];

	return nla_parse_nested(attrs, NFTA_HOOK_MAX, hook, policy) == 0 &&
	       attrs[NFTA_HOOK_HOOKNUM] &&
	       ntohl(nla_get_u32(attrs[NFTA_HOOK_HOOKNUM])) == NF_INET_FORWARD;
}

// False for families that forward no IP, such as that of bridges.
static bool take_family(uint8_t nfproto, sa_family_t *out)
{
	static const struct {
		uint8_t nfproto;
		sa_family_t family;
	} families[] = { { NFPROTO_INET, AF_UNSPEC },
			 { NFPROTO_IPV4, AF_INET },
			 { NFPROTO_IPV6, AF_INET6 } };

	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
		*out = families[i].family;
		if (families[i].nfproto == nfproto)
			return true;
	}
	return false;
}

int kern_firewall_parse(const struct nlmsghdr *msg, struct kstate *out)
{
	static const struct nla_policy policy[NFTA_CHAIN_MAX + 1] = {
		[NFTA_CHAIN_TABLE] = { .type = NLA_STRING },
		[NFTA_CHAIN_NAME] = { .type = NLA_STRING },
		[NFTA_CHAIN_POLICY] = { .type = NLA_U32 },
	};
	const struct nfgenmsg *header = nlmsg_data(msg);
	struct nlattr *attrs[NFTA_CHAIN_MAX + 1];
	struct kchain chain = { 0 };

	if (nlmsg_parse((struct nlmsghdr *)msg, sizeof(*header), attrs, NFTA_CHAIN_MAX, policy) < 0)
		return -EBADMSG;
	if (!attrs[NFTA_CHAIN_TABLE] || !attrs[NFTA_CHAIN_NAME] || !attrs[NFTA_CHAIN_HOOK] ||
	    !attrs[NFTA_CHAIN_POLICY] || ntohl(nla_get_u32(attrs[NFTA_CHAIN_POLICY])) != NF_DROP ||
	    !is_of_forward(attrs[NFTA_CHAIN_HOOK]) ||
	    !take_family(header->nfgen_family, &chain.family))
		return 0;
	str_copy(chain.table, sizeof(chain.table), nla_get_string(attrs[NFTA_CHAIN_TABLE]));
	str_copy(chain.name, sizeof(chain.name), nla_get_string(attrs[NFTA_CHAIN_NAME]));
	if (strcmp(chain.table, KSTATE_NFT_TABLE) != 0 &&
	    strcmp(chain.table, KSTATE_JUMPBOX_TABLE) != 0)
		kstate_add_drop(out, &chain);
	return 0;
}

struct counted {
	uint64_t packets, bytes;
};

static struct counted read_counter(struct nlattr *data)
{
	static const struct nla_policy policy[NFTA_COUNTER_MAX + 1] = {
		[NFTA_COUNTER_PACKETS] = { .type = NLA_U64 },
		[NFTA_COUNTER_BYTES] = { .type = NLA_U64 },
	};
	struct nlattr *attrs[NFTA_COUNTER_MAX + 1];

	if (nla_parse_nested(attrs, NFTA_COUNTER_MAX, data, policy) < 0 ||
	    !attrs[NFTA_COUNTER_PACKETS] || !attrs[NFTA_COUNTER_BYTES])
		return (struct counted){ 0 };
	return (struct counted){ be64toh(nla_get_u64(attrs[NFTA_COUNTER_PACKETS])),
				 be64toh(nla_get_u64(attrs[NFTA_COUNTER_BYTES])) };
}

static void take_gateway_counter(const char *name, const struct counted *counted,
				 struct kstate *out)
{
	for (int i = 0; i < KSTATE_UNPROXIED; i++) {
		if (strcmp(name, kstate_unproxied_name((enum kstate_unproxied)i)) != 0)
			continue;
		out->unproxied[i] = counted->bytes;
		out->counts = true;
	}
}

static void take_jumpbox_counter(const char *name, const struct counted *counted,
				 struct kstate *out)
{
	if (strcmp(name, KSTATE_COUNT_PASSED) == 0)
		out->passed = counted->packets;
	else if (strcmp(name, KSTATE_COUNT_LEFT) == 0)
		out->left = counted->packets;
}

int kern_firewall_parse_counter(const struct nlmsghdr *msg, struct kstate *out)
{
	static const struct nla_policy policy[NFTA_OBJ_MAX + 1] = {
		[NFTA_OBJ_TABLE] = { .type = NLA_STRING },
		[NFTA_OBJ_NAME] = { .type = NLA_STRING },
		[NFTA_OBJ_TYPE] = { .type = NLA_U32 },
	};
	struct nlattr *attrs[NFTA_OBJ_MAX + 1];
	struct counted counted;
	const char *table;

	if (nlmsg_parse((struct nlmsghdr *)msg, sizeof(struct nfgenmsg), attrs, NFTA_OBJ_MAX,
			policy) < 0)
		return -EBADMSG;
	if (!attrs[NFTA_OBJ_TABLE] || !attrs[NFTA_OBJ_NAME] || !attrs[NFTA_OBJ_TYPE] ||
	    !attrs[NFTA_OBJ_DATA] || ntohl(nla_get_u32(attrs[NFTA_OBJ_TYPE])) != NFT_OBJECT_COUNTER)
		return 0;
	table = nla_get_string(attrs[NFTA_OBJ_TABLE]);
	counted = read_counter(attrs[NFTA_OBJ_DATA]);
	if (strcmp(table, KSTATE_NFT_TABLE) == 0)
		take_gateway_counter(nla_get_string(attrs[NFTA_OBJ_NAME]), &counted, out);
	else if (strcmp(table, KSTATE_JUMPBOX_TABLE) == 0)
		take_jumpbox_counter(nla_get_string(attrs[NFTA_OBJ_NAME]), &counted, out);
	return 0;
}

// ---- dumps

struct dump {
	struct kstate *out;
	int type; // of the messages to come
	int (*parse)(const struct nlmsghdr *msg, struct kstate *out);
	int error;
};

static void take_message(void *ctx, struct nlmsghdr *msg)
{
	struct dump *dump = ctx;
	int error = msg->nlmsg_type == dump->type ? dump->parse(msg, dump->out) : 0;

	if (error < 0)
		dump->error = error;
}

static int list(struct kern_netlink *nl, uint8_t family, int request, struct dump *dump,
		struct str *why)
{
	struct nfgenmsg header = { .nfgen_family = family, .version = NFNETLINK_V0 };
	struct nl_msg *msg = kern_netlink_request(NFNL_SUBSYS_NFTABLES << 8 | request, NLM_F_DUMP,
						  &header, sizeof(header));
	int error = kern_netlink_call(nl, msg, take_message, dump, why);

	// torn: somebody works on it just now, and it is looked at again
	if (error == -EPERM || error == -EINTR || error == -EINVAL || error == -EOPNOTSUPP)
		error = 0;
	return error < 0 ? error : dump->error;
}

static int list_counters(struct kern_netlink *nl, struct kstate *out, struct str *why)
{
	struct dump counters = { out, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWOBJ,
				 kern_firewall_parse_counter, 0 };

	out->counts = false;
	return list(nl, NFPROTO_INET, NFT_MSG_GETOBJ, &counters, why);
}

int kern_firewall_count(struct kstate *out)
{
	struct kern_netlink nl;
	struct str ignored = { 0 };
	int error = kern_netlink_open(&nl, NETLINK_NETFILTER);

	if (error < 0)
		return error;
	error = list_counters(&nl, out, &ignored);
	kern_netlink_close(&nl);
	str_fini(&ignored);
	return error;
}

int kern_firewall_observe(struct kstate *out, struct str *why)
{
	struct dump chains = { out, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWCHAIN,
			       kern_firewall_parse, 0 };
	struct kern_netlink nl;
	struct str text = { 0 };
	int error = kern_netlink_open(&nl, NETLINK_NETFILTER);

	if (error < 0)
		return 0;
	error = list(&nl, NFPROTO_UNSPEC, NFT_MSG_GETCHAIN, &chains, &text);
	if (error == 0)
		error = list_counters(&nl, out, &text);
	kern_netlink_close(&nl);
	if (error < 0)
		str_addf(why, "cannot read nftables: %s",
			 text.len ? str_text(&text) : strerror(-error));
	str_fini(&text);
	return error;
}
