// SPDX-License-Identifier: GPL-2.0-or-later
#include "model/op.h"

#include <inttypes.h>
#include <linux/mptcp.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

void op_list_fini(struct op_list *list)
{
	free(list->ops);
	*list = (struct op_list){ 0 };
}

void op_list_add(struct op_list *list, const struct op *op)
{
	// grows at powers of two, so no capacity is kept
	if (!(list->n & (list->n - 1))) {
		list->ops = realloc(list->ops, (list->n ? list->n * 2 : 1) * sizeof(*list->ops));
		if (!list->ops) {
			log_error("out of memory");
			abort();
		}
	}
	list->ops[list->n++] = *op;
}

static const char *ip_of(sa_family_t family)
{
	return family == AF_INET6 ? "ip -6" : "ip";
}

// As one word of a shell. The kernel lets interface names hold nearly any byte.
static void add_word(struct str *out, const char *word)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789-_.:/@%+=,";

	if (*word && strspn(word, plain) == strlen(word)) {
		str_add(out, word);
		return;
	}
	str_add(out, "'");
	for (; *word; word++) {
		if (*word == '\'')
			str_add(out, "'\\''");
		else
			str_addf(out, "%c", *word);
	}
	str_add(out, "'");
}

static void add_dev(struct str *out, const struct kstate *k, int ifindex)
{
	const struct klink *link = kstate_link_by_index(k, ifindex);

	if (!ifindex)
		return;
	str_add(out, " dev ");
	if (link)
		add_word(out, link->name);
	else
		str_addf(out, "if%d", ifindex); // what ip(8) prints for a link that is gone
}

static void add_prefix(struct str *out, const struct prefix *prefix)
{
	char text[ADDR_STRLEN];

	str_add(out, prefix->len == addr_len(&prefix->addr) * 8 ? addr_format(&prefix->addr, text)
								: prefix_format(prefix, text));
}

static const char *type_word(uint8_t type)
{
	static const struct {
		uint8_t type;
		const char *word;
	} words[] = {
		{ RTN_LOCAL, "local " },
		{ RTN_BLACKHOLE, "blackhole " },
		{ RTN_UNREACHABLE, "unreachable " },
		{ RTN_PROHIBIT, "prohibit " },
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (words[i].type == type)
			return words[i].word;
	}
	return "";
}

static const char *scope_word(uint8_t scope)
{
	return scope == RT_SCOPE_LINK ? " scope link" : scope == RT_SCOPE_HOST ? " scope host" : "";
}

static void format_route(const char *verb, const struct kroute *r, const struct kstate *k,
			 struct str *out)
{
	char text[ADDR_STRLEN];

	str_addf(out, "%s route %s %s", ip_of(r->dst.addr.family), verb, type_word(r->type));
	if (r->dst.len)
		add_prefix(out, &r->dst);
	else
		str_add(out, "default");
	if (addr_is_set(&r->gateway))
		str_addf(out, " via %s", addr_format(&r->gateway, text));
	add_dev(out, k, r->oif);
	if (addr_is_set(&r->src))
		str_addf(out, " src %s", addr_format(&r->src, text));
	str_addf(out, " table %" PRIu32, r->table);
	if (r->metric)
		str_addf(out, " metric %" PRIu32, r->metric);
	str_addf(out, "%s proto %u", scope_word(r->scope), r->protocol);
}

static void format_rule(const char *verb, const struct krule *r, struct str *out)
{
	str_addf(out, "%s rule %s pref %" PRIu32, ip_of(r->family), verb, r->pref);
	if (addr_is_set(&r->src.addr)) {
		str_add(out, " from ");
		add_prefix(out, &r->src);
	}
	if (r->iif[0]) {
		str_add(out, " iif ");
		add_word(out, r->iif);
	}
	if (r->fwmask)
		str_addf(out, " fwmark 0x%" PRIx32 "/0x%" PRIx32, r->fwmark, r->fwmask);
	if (r->table == RT_TABLE_MAIN)
		str_add(out, " lookup main");
	else
		str_addf(out, " lookup %" PRIu32, r->table);
	if (r->suppress_prefix_len >= 0)
		str_addf(out, " suppress_prefixlength %d", r->suppress_prefix_len);
	str_addf(out, " protocol %u", r->protocol);
}

void op_format_flags(uint32_t flags, const char *separator, struct str *out)
{
	static const struct {
		uint32_t flag;
		const char *word;
	} words[] = {
		{ MPTCP_PM_ADDR_FLAG_SIGNAL, "signal" },
		{ MPTCP_PM_ADDR_FLAG_SUBFLOW, "subflow" },
		{ MPTCP_PM_ADDR_FLAG_BACKUP, "backup" },
		{ MPTCP_PM_ADDR_FLAG_FULLMESH, "fullmesh" },
	};
	const char *before = "";

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (!(flags & words[i].flag))
			continue;
		str_addf(out, "%s%s", before, words[i].word);
		before = separator;
	}
}

static void format_endpoint(const struct kendpoint *e, const struct kstate *k, struct str *out)
{
	char text[ADDR_STRLEN];

	str_addf(out, "ip mptcp endpoint add %s", addr_format(&e->addr, text));
	add_dev(out, k, e->ifindex);
	str_addf(out, " id %u%s", e->id, e->flags ? " " : "");
	op_format_flags(e->flags, " ", out);
}

static void format_sysctl(const struct ksysctl *s, struct str *out)
{
	struct str word = { 0 };

	str_addf(&word, "%s=%s", s->name, s->value);
	str_add(out, "sysctl -w ");
	add_word(out, str_text(&word));
	str_fini(&word);
}

void op_format(const struct op *op, const struct kstate *k, struct str *out)
{
	switch (op->kind) {
	case OP_NFT_DELETE:
		str_add(out, "nft delete table inet " KSTATE_NFT_TABLE);
		break;
	case OP_ENDPOINT_DELETE:
		str_addf(out, "ip mptcp endpoint delete id %u", op->endpoint.id);
		break;
	case OP_RULE_DELETE:
		format_rule("delete", &op->rule, out);
		break;
	case OP_ROUTE_DELETE:
		format_route("delete", &op->route, k, out);
		break;
	case OP_SYSCTL_SET:
		format_sysctl(&op->sysctl, out);
		break;
	case OP_LIMITS_SET:
		str_addf(out, "ip mptcp limits set subflows %" PRIu32 " add_addr_accepted %" PRIu32,
			 op->limits.subflows, op->limits.add_addr_accepted);
		break;
	case OP_ROUTE_ADD:
		format_route("replace", &op->route, k, out);
		break;
	case OP_RULE_ADD:
		format_rule("add", &op->rule, out);
		break;
	case OP_ENDPOINT_ADD:
		format_endpoint(&op->endpoint, k, out);
		break;
	case OP_ENDPOINT_FLAGS:
		// the kernel changes these two flags only
		str_addf(out, "ip mptcp endpoint change id %u %s %s", op->endpoint.id,
			 op->endpoint.flags & MPTCP_PM_ADDR_FLAG_BACKUP ? "backup" : "nobackup",
			 op->endpoint.flags & MPTCP_PM_ADDR_FLAG_FULLMESH ? "fullmesh"
									  : "nofullmesh");
		break;
	case OP_NFT_SET:
		str_addf(out, "nft -f - <<'END'\n%sEND", op->nft);
		break;
	case OP_FLOWS_DELETE:
		str_addf(out, "conntrack -D -f %s -m 0x%08" PRIx32 "/0x%08x",
			 op->flows.family == AF_INET6 ? "ipv6" : "ipv4", op->flows.mark,
			 KSTATE_MARK_MASK);
		break;
	case OP_KINDS:
		break;
	}
}
