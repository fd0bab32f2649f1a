// SPDX-License-Identifier: GPL-2.0-or-later
// What a jumpbox wants of the kernel, and what it says is wrong.
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kapply.h"
#include "kworld.h"
#include "netns.h"
#include "plan/plan.h"

enum { ETH0 = 2, TUN0, TUN1, DOCKER0 };

struct machine {
	struct config_jumpbox config;
	char names[2][NAME_SIZE];
	struct kstate k;
	struct jumpbox_view view;
	struct jumpbox_report report;
	bool loses;
};

static void add_route(struct kstate *k, const char *dst, int oif)
{
	kstate_add_route(k, &(struct kroute){ .dst = prefix_from(dst),
					      .oif = oif,
					      .table = RT_TABLE_MAIN,
					      .type = RTN_UNICAST,
					      .protocol = RTPROT_KERNEL });
}

static void add_interface(struct kstate *k, int ifindex, const char *name, int mtu)
{
	add_link(k, ifindex, name, ifindex == TUN0 || ifindex == TUN1);
	k->links[k->n_links - 1].mtu = mtu;
}

static void add_tun0(struct machine *m)
{
	add_interface(&m->k, TUN0, "tun0", 1400);
	add_addr(&m->k, TUN0, "10.8.1.1", 24, NULL);
	add_route(&m->k, "10.8.1.0/24", TUN0);
}

// A rented machine as one gets it.
static void machine_init(struct machine *m)
{
	*m = (struct machine){ .names = { "tun*" } };
	m->config = (struct config_jumpbox){ .present = true, .tunnels = { m->names, 1 } };
	add_interface(&m->k, ETH0, "eth0", 1500);
	add_addr(&m->k, ETH0, "192.0.2.2", 24, NULL);
	add_route(&m->k, "192.0.2.0/24", ETH0);
	add_default(&m->k, ETH0, "192.0.2.1", AF_INET, 100);
	kstate_add_sysctl(&m->k, "net.ipv4.ip_forward", "0");
	kstate_add_sysctl(&m->k, "net.ipv6.conf.all.forwarding", "0");
	kstate_add_sysctl(&m->k, "net.ipv6.conf.eth0.accept_ra", "1");
}

static void machine_fini(struct machine *m)
{
	jumpbox_view_fini(&m->view);
	kstate_fini(&m->k);
}

static void look(struct machine *m)
{
	jumpbox_view_fini(&m->view);
	plan_jumpbox_look(&m->config, &m->k, &m->view);
}

// One round: observe, want, diff, apply. Returns how many ops it took.
static size_t turn(struct machine *m)
{
	struct kstate want = { 0 };
	struct op_list ops;
	size_t n;

	look(m);
	plan_want_jumpbox(&m->config, &m->view, &m->k, &want);
	plan_diff(&m->k, &want, &ops, NULL);
	for (size_t i = 0; i < ops.n; i++)
		kapply(&m->k, &ops.ops[i]);
	n = ops.n;
	op_list_fini(&ops);
	kstate_fini(&want);
	return n;
}

static const char *sysctl(const struct machine *m, const char *name)
{
	return kstate_sysctl(&m->k, name)->value;
}

// ---- what is wanted

static void forwards_what_comes_out_of_tunnels(void **state)
{
	struct machine m;

	(void)state;
	machine_init(&m);
	add_tun0(&m);
	add_route(&m.k, "192.168.5.0/24", TUN0); // of OpenVPN's `route`
	assert_int_equal(turn(&m), 2);
	assert_int_equal(turn(&m), 0);
	assert_string_equal(sysctl(&m, "net.ipv4.ip_forward"), "1");
	assert_string_equal(
		m.k.nft,
		"table inet mpgate_jumpbox {\n"
		"\tflags owner;\n"
		"\tcounter passed {\n\t}\n"
		"\tcounter left {\n\t}\n"
		"\tset range4 {\n\t\ttype ipv4_addr;\n\t\tflags interval;\n\t\tauto-merge;\n"
		"\t\telements = { 10.8.1.0/24, 192.168.5.0/24 };\n\t}\n"
		"\tset range6 {\n\t\ttype ipv6_addr;\n\t\tflags interval;\n\t\tauto-merge;\n\t}\n"
		"\tchain outward {\n"
		"\t\ttcp flags & (syn | rst) == syn tcp option maxseg size set rt mtu\n"
		"\t\tip saddr @range4 counter name passed accept\n"
		"\t\tip6 saddr @range6 counter name passed accept\n"
		"\t\tdrop\n"
		"\t}\n"
		"\tchain inward {\n"
		"\t\ttcp flags & (syn | rst) == syn tcp option maxseg size set rt mtu\n"
		"\t\tct state established,related counter name passed accept\n"
		"\t\tct status dnat counter name passed accept\n"
		"\t\tdrop\n"
		"\t}\n"
		"\tchain forward {\n"
		"\t\ttype filter hook forward priority raw; policy accept;\n"
		"\t\tmeta nfproto ipv4 iifname { \"tun0\" } oifname \"eth0\" goto outward\n"
		"\t\tmeta nfproto ipv4 iifname \"eth0\" oifname { \"tun0\" } goto inward\n"
		"\t\tiifname \"tun*\" drop\n"
		"\t\toifname \"tun*\" drop\n"
		"\t}\n"
		"\tchain behind {\n"
		"\t\ttype filter hook forward priority 300; policy accept;\n"
		"\t\tiifname { \"tun0\" } counter name left accept\n"
		"\t\toifname { \"tun0\" } counter name left\n"
		"\t}\n"
		"\tchain postrouting {\n"
		"\t\ttype nat hook postrouting priority srcnat; policy accept;\n"
		"\t\toifname \"eth0\" ip saddr @range4 masquerade\n"
		"\t}\n"
		"}\n");
	machine_fini(&m);
}

static bool has(const struct machine *m, const char *text)
{
	return strstr(m->k.nft, text) != NULL;
}

static void follows_tunnels(void **state)
{
	struct machine m;

	(void)state;
	machine_init(&m);
	assert_int_equal(turn(&m), 2);
	// closed before there is one
	assert_true(has(&m, "iifname \"tun*\" drop") && !has(&m, "goto"));
	add_tun0(&m);
	assert_int_equal(turn(&m), 1);
	assert_true(has(&m, "{ \"tun0\" }"));
	add_interface(&m.k, TUN1, "tun1", 1400);
	add_route(&m.k, "10.8.2.0/24", TUN1);
	assert_int_equal(turn(&m), 1);
	assert_true(has(&m, "{ \"tun0\", \"tun1\" }") && has(&m, "10.8.2.0/24"));
	m.k.n_links = 1;
	m.k.n_routes = 2;
	assert_int_equal(turn(&m), 1);
	assert_true(!has(&m, "goto") && !has(&m, "10.8."));
	machine_fini(&m);
}

static void takes_no_default_route_for_a_range(void **state)
{
	static const char *const routes[] = { "0.0.0.0/1", "128.0.0.0/1", "2000::/3", "fe80::/64" };
	struct machine m;

	(void)state;
	machine_init(&m);
	add_interface(&m.k, TUN0, "tun0", 1400);
	add_default(&m.k, TUN0, NULL, AF_INET, 50);
	for (size_t i = 0; i < ARRAY_LEN(routes); i++)
		add_route(&m.k, routes[i], TUN0);
	turn(&m);
	assert_int_equal(m.view.n_ranges, 0);
	assert_string_equal(m.view.uplink[PLAN_V4], "eth0");
	machine_fini(&m);
}

// To forward IPv6 makes the kernel forget the default route that it has from router advertisements,
// unless it was told to go on listening before.
static void keeps_the_uplinks_ipv6(void **state)
{
	struct kstate want = { 0 };
	struct machine m;

	(void)state;
	machine_init(&m);
	add_tun0(&m);
	add_default(&m.k, ETH0, "fe80::1", AF_INET6, 1024);
	turn(&m);
	assert_string_equal(sysctl(&m, "net.ipv6.conf.all.forwarding"), "0");
	assert_string_equal(sysctl(&m, "net.ipv6.conf.eth0.accept_ra"), "1");
	add_route(&m.k, "fd00:8:1::/64", TUN0);
	look(&m);
	plan_want_jumpbox(&m.config, &m.view, &m.k, &want);
	assert_int_equal(want.n_sysctls, 3);
	assert_string_equal(want.sysctls[1].name, "net.ipv6.conf.eth0.accept_ra");
	assert_string_equal(want.sysctls[1].value, "2");
	assert_string_equal(want.sysctls[2].name, "net.ipv6.conf.all.forwarding");
	kstate_fini(&want);
	turn(&m);
	assert_int_equal(turn(&m), 0);
	assert_true(has(&m, "oifname \"eth0\" ip6 saddr @range6 ip6 saddr fc00::/7 masquerade"));
	assert_true(
		has(&m, "meta nfproto ipv6 iifname { \"tun0\" } oifname \"eth0\" goto outward"));
	machine_fini(&m);
}

static void goes_by_the_configuration(void **state)
{
	struct prefix range = prefix_from("10.8.9.0/24");
	struct machine m;

	(void)state;
	machine_init(&m);
	add_tun0(&m);
	add_interface(&m.k, TUN1, "wg0", 1420);
	add_interface(&m.k, DOCKER0, "tun9", 1500); // leads out, by name
	strcpy(m.names[1], "wg0");
	m.config.tunnels.n = 2;
	strcpy(m.config.uplink, "tun9");
	m.config.ranges = (struct config_prefixes){ &range, 1 };
	m.config.between = true;
	turn(&m);
	assert_true(has(&m, "iifname { \"tun0\", \"wg0\" } oifname \"tun9\" goto outward"));
	assert_true(has(
		&m, "iifname { \"tun0\", \"wg0\" } oifname { \"tun0\", \"wg0\" } goto between"));
	assert_true(has(&m, "iifname \"tun*\" iifname != \"tun9\" iifname != \"tun9\" drop"));
	assert_true(has(&m, "oifname \"wg0\" drop"));
	assert_true(has(&m, "elements = { 10.8.9.0/24, 10.8.1.0/24 }"));
	machine_fini(&m);
}

// ---- what is said

static void without_uplink(struct machine *m)
{
	m->k.n_routes = 1;
}

static void with_another_uplink(struct machine *m)
{
	strcpy(m->config.uplink, "eth7");
}

static void with_tun0_down(struct machine *m)
{
	add_tun0(m);
	m->k.links[1].admin_up = false;
}

static void with_tun0_empty(struct machine *m)
{
	add_interface(&m->k, TUN0, "tun0", 1400);
}

static void with_a_large_mtu(struct machine *m)
{
	add_tun0(m);
	m->k.links[1].mtu = 1500;
}

static void with_the_largest_mtu(struct machine *m)
{
	add_tun0(m);
	m->k.links[1].mtu = 1448;
}

static void with_docker_on_the_range(struct machine *m)
{
	add_tun0(m);
	add_interface(&m->k, DOCKER0, "docker0", 1500);
	add_addr(&m->k, DOCKER0, "10.8.0.1", 16, NULL);
}

static void with_tunnels_on_one_range(struct machine *m)
{
	add_tun0(m);
	add_interface(&m->k, TUN1, "tun1", 1400);
	add_addr(&m->k, TUN1, "10.8.1.1", 25, NULL);
	add_route(&m->k, "10.8.1.0/25", TUN1);
}

static void with_a_firewall(struct machine *m)
{
	add_tun0(m);
	kstate_add_drop(&m->k, &(struct kchain){ AF_INET, "filter", "FORWARD" });
}

static void with_a_firewall_that_drops(struct machine *m)
{
	with_a_firewall(m);
	m->loses = true;
}

static void with_one_that_is_not_seen(struct machine *m)
{
	add_tun0(m);
	m->loses = true;
}

static void says_what_is_wrong(void **state)
{
	static const struct {
		void (*change)(struct machine *m);
		enum jumpbox_level level;
		const char *object, *text, *next;
	} cases[] = {
		{ add_tun0, JUMPBOX_OK, "eth0", "uplink of IPv4 alone", "" },
		{ add_tun0, JUMPBOX_OK, "tun0", "tunnel, 10.8.1.0/24, MTU 1400", "" },
		{ NULL, JUMPBOX_WARN, "", "there is no interface tun*", "openvpn-server@" },
		{ without_uplink, JUMPBOX_FAIL, "", "no uplink", "'uplink'" },
		{ with_another_uplink, JUMPBOX_FAIL, "eth7", "no such interface", "ip route" },
		{ with_tun0_down, JUMPBOX_WARN, "tun0", "tunnel is down", "start" },
		{ with_tun0_empty, JUMPBOX_FAIL, "tun0", "no route leads into it",
		  "server 10.8.1.0" },
		{ with_a_large_mtu, JUMPBOX_WARN, "tun0", "MTU 1500 does not pass eth0 (1500)",
		  "tun-mtu 1400" },
		{ with_the_largest_mtu, JUMPBOX_OK, "tun0", "MTU 1448", "" },
		{ with_docker_on_the_range, JUMPBOX_FAIL, "tun0",
		  "range 10.8.1.0/24 overlaps 10.8.0.0/16, the network of docker0",
		  "a range of its own" },
		{ with_tunnels_on_one_range, JUMPBOX_FAIL, "tun1",
		  "range 10.8.1.0/25 overlaps 10.8.1.0/24, the network of tun0",
		  "a range of its own" },
		{ with_a_firewall, JUMPBOX_WARN, "", "chain FORWARD of table ip filter drops",
		  "nft insert rule ip filter FORWARD iifname \"tun*\" accept" },
		{ with_a_firewall_that_drops, JUMPBOX_FAIL, "", "the tunnels' packets too",
		  "nft insert rule" },
		{ with_one_that_is_not_seen, JUMPBOX_FAIL, "", "another firewall drops packets",
		  "nft list ruleset" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct machine m;
		bool found = false;

		machine_init(&m);
		if (cases[i].change)
			cases[i].change(&m);
		look(&m);
		plan_jumpbox_judge(&m.config, &m.view, &m.k, m.loses, &m.report);
		for (size_t f = 0; f < m.report.n && !found; f++)
			found = m.report.list[f].level == cases[i].level &&
				strcmp(m.report.list[f].object, cases[i].object) == 0 &&
				strstr(m.report.list[f].text, cases[i].text) &&
				strstr(m.report.list[f].next, cases[i].next);
		for (size_t f = 0; f < m.report.n && !found; f++)
			print_error("%d %s: %s; %s\n", m.report.list[f].level,
				    m.report.list[f].object, m.report.list[f].text,
				    m.report.list[f].next);
		if (!found)
			fail_msg("nothing like: %s", cases[i].text);
		machine_fini(&m);
	}
}

static void is_content_with_what_is_right(void **state)
{
	void (*const fine[])(struct machine * m) = { add_tun0, with_the_largest_mtu };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(fine); i++) {
		struct machine m;

		machine_init(&m);
		fine[i](&m);
		look(&m);
		plan_jumpbox_judge(&m.config, &m.view, &m.k, m.loses, &m.report);
		for (size_t f = 0; f < m.report.n; f++)
			assert_int_equal(m.report.list[f].level, JUMPBOX_OK);
		machine_fini(&m);
	}
}

static void notices_what_is_lost(void **state)
{
	static const struct {
		uint64_t passed, left;
		bool loses;
	} looks[] = {
		{ 0, 0, false },       { 8, 0, false },
		{ 9, 0, true }, // nothing comes through
		{ 12, 3, true },       { 1000, 991, false },
		{ 1100, 1083, false },                       // some are under way
		{ 1200, 1133, true },  { 1200, 1133, true }, // no news
		{ 10, 10, false },                           // a new table
		{ 30, 10, true },      { 130, 110, false },
	};
	struct jumpbox_losses losses = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(looks); i++) {
		const struct kstate k = { .passed = looks[i].passed, .left = looks[i].left };

		plan_jumpbox_losses(&losses, &k);
		if (losses.loses != looks[i].loses)
			fail_msg("look %zu", i);
	}
}

static void has_room_for_so_many_findings(void **state)
{
	struct machine m;

	(void)state;
	machine_init(&m);
	for (int i = 0; i < 2 * JUMPBOX_FINDINGS_MAX; i++) {
		char name[IFNAMSIZ];

		snprintf(name, sizeof(name), "tun%d", i);
		add_interface(&m.k, 100 + i, name, 1400);
	}
	look(&m);
	plan_jumpbox_judge(&m.config, &m.view, &m.k, m.loses, &m.report);
	assert_int_equal(m.report.n, JUMPBOX_FINDINGS_MAX);
	machine_fini(&m);
}

// ---- against the library's syntax

static void check_syntax(const struct machine *m)
{
	FILE *nft = popen("nft -c -f -", "w");

	assert_non_null(nft);
	fputs(m->k.nft, nft);
	if (pclose(nft) != 0)
		fail_msg("%s", m->k.nft);
}

static void nft_takes_the_text(void **state)
{
	struct machine m;

	(void)state;
	if (!netns_enter() || system("command -v nft >/dev/null") != 0)
		skip();
	machine_init(&m);
	turn(&m);
	check_syntax(&m);
	add_tun0(&m);
	add_default(&m.k, ETH0, "fe80::1", AF_INET6, 1024);
	add_route(&m.k, "10.8.1.2/32", TUN0); // within another
	add_route(&m.k, "fd00:8:1::/64", TUN0);
	m.config.between = true;
	turn(&m);
	check_syntax(&m);
	strcpy(m.config.uplink, "tun0");
	turn(&m);
	check_syntax(&m);
	machine_fini(&m);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(forwards_what_comes_out_of_tunnels),
		cmocka_unit_test(follows_tunnels),
		cmocka_unit_test(takes_no_default_route_for_a_range),
		cmocka_unit_test(keeps_the_uplinks_ipv6),
		cmocka_unit_test(goes_by_the_configuration),
		cmocka_unit_test(says_what_is_wrong),
		cmocka_unit_test(is_content_with_what_is_right),
		cmocka_unit_test(notices_what_is_lost),
		cmocka_unit_test(has_room_for_so_many_findings),
		cmocka_unit_test(nft_takes_the_text), // changes the namespace: last
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
