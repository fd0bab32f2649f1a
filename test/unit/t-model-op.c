// SPDX-License-Identifier: GPL-2.0-or-later
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "kworld.h"
#include "netns.h"

#include "model/op.h"

static struct op route(enum op_kind kind, uint8_t type, const char *dst, const char *gateway,
		       int oif, const char *src, uint32_t metric, uint8_t scope)
{
	return (struct op){ .kind = kind,
			    .route = { .dst = prefix_from(dst),
				       .gateway = addr_of(gateway),
				       .src = addr_of(src),
				       .oif = oif,
				       .table = type == RTN_LOCAL ? KSTATE_TPROXY_TABLE : 101,
				       .metric = metric,
				       .protocol = KSTATE_PROTOCOL,
				       .type = type,
				       .scope = scope } };
}

static struct op rule(enum op_kind kind, sa_family_t family, uint32_t pref, uint32_t table,
		      const char *src, int suppress)
{
	return (struct op){ .kind = kind,
			    .rule = { .family = family,
				      .pref = pref,
				      .table = table,
				      .src = prefix_from(src),
				      .fwmark =
					      table == KSTATE_TPROXY_TABLE ? KSTATE_TPROXY_MARK : 0,
				      .fwmask = table == KSTATE_TPROXY_TABLE ? KSTATE_MARK_MASK : 0,
				      .suppress_prefix_len = suppress,
				      .protocol = KSTATE_PROTOCOL } };
}

static struct op endpoint(enum op_kind kind, const char *addr, int ifindex, uint32_t flags)
{
	return (struct op){
		.kind = kind,
		.endpoint = { .id = 100, .addr = addr_of(addr), .ifindex = ifindex, .flags = flags }
	};
}

// Interfaces: 1 lo, 7 "path0", 8 "0'path1". The order is such that a shell can run it.
static void each_op(void (*check)(const struct op *op, const char *line))
{
	const uint32_t subflow = MPTCP_PM_ADDR_FLAG_SUBFLOW;
	const uint32_t backup = subflow | MPTCP_PM_ADDR_FLAG_BACKUP;
	const uint8_t link = RT_SCOPE_LINK, host = RT_SCOPE_HOST;
	struct op limits = { .kind = OP_LIMITS_SET, .limits = { 8, 0 } };
	struct op sysctl = { .kind = OP_SYSCTL_SET,
			     .sysctl = { "net.ipv4.conf.path0.rp_filter", "2" } };
	struct op tcp_rmem = { .kind = OP_SYSCTL_SET,
			       .sysctl = { "net.ipv4.tcp_rmem", "4096 131072 33554432" } };
	struct op nft = { .kind = OP_NFT_SET, .nft = "table inet mpgate {\n}\n" };
	struct op nft_delete = { .kind = OP_NFT_DELETE };
	const struct {
		struct op op;
		const char *line;
	} cases[] = {
		{ limits, "ip mptcp limits set subflows 8 add_addr_accepted 0" },
		{ sysctl, "sysctl -w net.ipv4.conf.path0.rp_filter=2" },
		{ tcp_rmem, "sysctl -w 'net.ipv4.tcp_rmem=4096 131072 33554432'" },
		{ route(OP_ROUTE_ADD, RTN_UNICAST, "192.0.2.0/24", NULL, 7, "192.0.2.2", 0, link),
		  "ip route replace 192.0.2.0/24 dev path0 src 192.0.2.2 table 101 scope link "
		  "proto 199" },
		{ route(OP_ROUTE_ADD, RTN_UNICAST, "0.0.0.0/0", "192.0.2.1", 7, "192.0.2.2", 0, 0),
		  "ip route replace default via 192.0.2.1 dev path0 src 192.0.2.2 table 101 proto "
		  "199" },
		{ route(OP_ROUTE_ADD, RTN_UNICAST, "198.51.100.1", NULL, 8, NULL, 0, link),
		  "ip route replace 198.51.100.1 dev '0'\\''path1' table 101 scope link proto "
		  "199" },
		{ route(OP_ROUTE_ADD, RTN_UNICAST, "::/0", "fe80::1", 7, "2001:db8::2", 1024, 0),
		  "ip -6 route replace default via fe80::1 dev path0 src 2001:db8::2 table 101 "
		  "metric 1024 proto 199" },
		{ route(OP_ROUTE_ADD, RTN_LOCAL, "0.0.0.0/0", NULL, 1, NULL, 0, host),
		  "ip route replace local default dev lo table 100 scope host proto 199" },
		{ route(OP_ROUTE_ADD, RTN_LOCAL, "::/0", NULL, 1, NULL, 1024, 0),
		  "ip -6 route replace local default dev lo table 100 metric 1024 proto 199" },
		{ rule(OP_RULE_ADD, AF_INET, 890, KSTATE_TPROXY_TABLE, NULL, -1),
		  "ip rule add pref 890 fwmark 0x6d000000/0xff000000 lookup 100 protocol 199" },
		{ rule(OP_RULE_ADD, AF_INET6, 900, RT_TABLE_MAIN, NULL, 0),
		  "ip -6 rule add pref 900 lookup main suppress_prefixlength 0 protocol 199" },
		{ rule(OP_RULE_ADD, AF_INET, 1000, 101, "192.0.2.2", -1),
		  "ip rule add pref 1000 from 192.0.2.2 lookup 101 protocol 199" },
		{ endpoint(OP_ENDPOINT_ADD, "192.0.2.2", 7, subflow),
		  "ip mptcp endpoint add 192.0.2.2 dev path0 id 100 subflow" },
		{ endpoint(OP_ENDPOINT_FLAGS, "192.0.2.2", 7, backup),
		  "ip mptcp endpoint change id 100 backup nofullmesh" },
		{ nft, "nft -f - <<'END'\ntable inet mpgate {\n}\nEND" },

		{ nft_delete, "nft delete table inet mpgate" },
		{ endpoint(OP_ENDPOINT_DELETE, "192.0.2.2", 7, subflow),
		  "ip mptcp endpoint delete id 100" },
		{ rule(OP_RULE_DELETE, AF_INET, 1000, 101, "192.0.2.2", -1),
		  "ip rule delete pref 1000 from 192.0.2.2 lookup 101 protocol 199" },
		{ rule(OP_RULE_DELETE, AF_INET6, 900, RT_TABLE_MAIN, NULL, 0),
		  "ip -6 rule delete pref 900 lookup main suppress_prefixlength 0 protocol 199" },
		{ rule(OP_RULE_DELETE, AF_INET, 890, KSTATE_TPROXY_TABLE, NULL, -1),
		  "ip rule delete pref 890 fwmark 0x6d000000/0xff000000 lookup 100 protocol 199" },
		{ route(OP_ROUTE_DELETE, RTN_LOCAL, "::/0", NULL, 1, NULL, 1024, 0),
		  "ip -6 route delete local default dev lo table 100 metric 1024 proto 199" },
		{ route(OP_ROUTE_DELETE, RTN_UNICAST, "0.0.0.0/0", "192.0.2.1", 7, "192.0.2.2", 0,
			0),
		  "ip route delete default via 192.0.2.1 dev path0 src 192.0.2.2 table 101 proto "
		  "199" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		check(&cases[i].op, cases[i].line);
}

static void name_links(struct kstate *k)
{
	kstate_add_link(k, &(struct klink){ .ifindex = 1, .name = "lo" });
	kstate_add_link(k, &(struct klink){ .ifindex = 7, .name = "path0" });
	kstate_add_link(k, &(struct klink){ .ifindex = 8, .name = "0'path1" });
}

static void check_text(const struct op *op, const char *line)
{
	struct kstate k = { 0 };
	struct str out = { 0 };

	name_links(&k);
	op_format(op, &k, &out);
	assert_string_equal(str_text(&out), line);
	str_fini(&out);
	kstate_fini(&k);
}

static void formats_as_commands(void **state)
{
	(void)state;
	each_op(check_text);
}

static void names_a_link_that_is_gone(void **state)
{
	struct op op = endpoint(OP_ENDPOINT_ADD, "2001:db8::2", 31, MPTCP_PM_ADDR_FLAG_SUBFLOW);
	struct kstate k = { 0 };
	struct str out = { 0 };

	(void)state;
	op_format(&op, &k, &out);
	assert_string_equal(str_text(&out),
			    "ip mptcp endpoint add 2001:db8::2 dev if31 id 100 subflow");
	str_fini(&out);
}

static void run(const struct op *op, const char *line)
{
	(void)op;
	if (system(line) != 0)
		fail_msg("the shell refused: %s", line);
}

// The promise is that a person could type it.
static void commands_work(void **state)
{
	(void)state;
	if (!netns_enter() || system("command -v ip nft sysctl >/dev/null") != 0)
		skip();
	run(NULL, "exec >/dev/null; ip link set lo up && "
		  "ip link add path0 index 7 type veth peer name \"0'path1\" index 8 && "
		  "ip link set path0 up && ip link set \"0'path1\" up && "
		  "ip addr add 192.0.2.2/24 dev path0 && "
		  "ip addr add 2001:db8::2/64 dev path0 nodad");
	each_op(run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(formats_as_commands), cmocka_unit_test(names_a_link_that_is_gone),
		cmocka_unit_test(commands_work), // changes the namespace: last
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
