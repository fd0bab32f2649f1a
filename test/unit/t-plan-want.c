// SPDX-License-Identifier: GPL-2.0-or-later
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "kapply.h"
#include "kworld.h"
#include "netns.h"

#include "plan/plan.h"

// ---- A gateway without a kernel: the control round over a state in memory.

#define FIRST_IFINDEX 10

struct gateway {
	struct config config;
	struct config_path paths[PATHS_MAX];
	struct path_fsm fsms[PATHS_MAX];
	struct path_facts facts[PATHS_MAX];
	struct plan_ids ids;
	enum path_use uses[PATHS_MAX];
	struct plan_exits exits;
	struct plan_udp udp;
	struct addr exit;
	struct kstate kernel;
	int64_t now_ms;
	struct str log; // every op since the last look, one a line
};

static void add_sysctl(struct gateway *g, const char *name, const char *value)
{
	kstate_add_sysctl(&g->kernel, name, value);
}

// Paths path0, path1 ...: point-to-point links with the addresses 192.0.2.1, .2 ...
static void gateway_init(struct gateway *g, size_t n)
{
	*g = (struct gateway){ 0 };
	g->config.paths = g->paths;
	g->config.n_paths = n;
	g->exit = addr_of("203.0.113.10");
	plan_udp_init(&g->udp);
	g->exits = (struct plan_exits){ .list = &g->exit, .n = 1 };
	add_link(&g->kernel, 1, "lo", false);
	for (size_t i = 0; i < n; i++) {
		struct config_path *path = &g->paths[i];
		char text[ADDR_STRLEN];

		snprintf(path->name, sizeof(path->name), "path%zu", i);
		strcpy(path->interface, path->name);
		path->table = 101 + (uint32_t)i;
		path->priority = 100;
		add_link(&g->kernel, FIRST_IFINDEX + (int)i, path->name, true);
		snprintf(text, sizeof(text), "192.0.2.%zu", i + 1);
		add_addr(&g->kernel, FIRST_IFINDEX + (int)i, text, 32, NULL);
		path_fsm_init(&g->fsms[i], false, 0);
	}
}

static void gateway_fini(struct gateway *g)
{
	kstate_fini(&g->kernel);
	str_fini(&g->log);
}

// One round; returns how many ops there were.
static size_t turn(struct gateway *g)
{
	struct path_change change;
	struct op_list ops;
	struct kstate want;
	size_t n;

	plan_readiness_all(&g->config, &g->kernel, g->exit.family, g->facts);
	for (size_t i = 0; i < g->config.n_paths; i++)
		path_fsm_observe(&g->fsms[i], &g->facts[i], g->now_ms, &change);
	plan_want(&g->config, g->fsms, g->uses, &g->exits, &g->udp, &g->kernel, &g->ids, &want);
	plan_diff(&g->kernel, &want, &ops, NULL);
	n = ops.n;
	for (size_t i = 0; i < n; i++) {
		op_format(&ops.ops[i], &g->kernel, &g->log);
		str_add(&g->log, "\n");
		kapply(&g->kernel, &ops.ops[i]);
	}
	op_list_fini(&ops);
	kstate_fini(&want);
	return n;
}

static void settle(struct gateway *g)
{
	for (int rounds = 0; turn(g); rounds++)
		assert_true(rounds < 3);
}

// Every op since the last look.
static void assert_log(struct gateway *g, const char *text)
{
	assert_string_equal(str_text(&g->log), text);
	str_clear(&g->log);
}

static void probe(struct gateway *g, size_t path, int error, int times)
{
	struct path_change change;

	for (; times > 0; times--)
		path_fsm_probe(&g->fsms[path], error, 30000, g->now_ms += 500, &change);
}

static void all_up(struct gateway *g)
{
	settle(g);
	for (size_t i = 0; i < g->config.n_paths; i++)
		probe(g, i, 0, PATH_GOOD_FOR_FIRST_UP);
	settle(g);
	str_clear(&g->log);
}

static struct klink *link_of(struct gateway *g, size_t path)
{
	return &g->kernel.links[1 + path];
}

// The ids of the endpoints, in the order of the kernel's list, as "100 101".
static const char *endpoint_ids(const struct gateway *g)
{
	static char text[64];

	text[0] = '\0';
	for (size_t i = 0; i < g->kernel.n_endpoints; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%u", i ? " " : "",
			 g->kernel.endpoints[i].id);
	return text;
}

// ---- Routes and rules

static void wants_tables_and_rules(void **state)
{
	struct gateway g;

	(void)state;
	gateway_init(&g, 2);
	add_sysctl(&g, "net.ipv6.conf.lo.disable_ipv6", "0");
	// the second is an Ethernet with both families
	link_of(&g, 1)->point_to_point = false;
	g.kernel.addrs[1].prefix_len = 24;
	add_addr(&g.kernel, FIRST_IFINDEX + 1, "2001:db8::2", 64, NULL);
	add_default(&g.kernel, FIRST_IFINDEX + 1, "192.0.2.254", AF_INET, 100);
	add_default(&g.kernel, FIRST_IFINDEX + 1, "fe80::1", AF_INET6, 1024);
	settle(&g);
	assert_log(
		&g,
		"ip mptcp limits set subflows 8 add_addr_accepted 0\n"
		"ip route replace default dev path0 src 192.0.2.1 table 101 scope link proto 199\n"
		"ip route replace 192.0.2.0/24 dev path1 src 192.0.2.2 table 102 scope link proto "
		"199\n"
		"ip route replace default via 192.0.2.254 dev path1 src 192.0.2.2 table 102 proto "
		"199\n"
		"ip -6 route replace 2001:db8::/64 dev path1 src 2001:db8::2 table 102 metric 1024 "
		"proto 199\n"
		"ip -6 route replace default via fe80::1 dev path1 src 2001:db8::2 table 102 "
		"metric 1024 proto 199\n"
		"ip rule add pref 900 lookup main suppress_prefixlength 1 protocol 199\n"
		"ip rule add pref 1000 from 192.0.2.1 lookup 101 protocol 199\n"
		"ip rule add pref 1001 from 192.0.2.2 lookup 102 protocol 199\n"
		"ip -6 rule add pref 900 lookup main suppress_prefixlength 4 protocol 199\n"
		"ip -6 rule add pref 1001 from 2001:db8::2 lookup 102 protocol 199\n");
	gateway_fini(&g);
}

static void reaches_a_gateway_off_the_link(void **state)
{
	static const struct {
		const char *gateway;
		uint8_t prefix_len;
	} cases[] = {
		{ "198.51.100.1", 32 },
		{ "169.254.1.1", 32 }, // link-local, which IPv4 does not treat apart
		{ "198.51.100.1", 0 }, // nonsense, but not to be fought over for ever
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct str expected = { 0 };
		struct gateway g;

		gateway_init(&g, 1);
		g.kernel.addrs[0].prefix_len = cases[i].prefix_len;
		link_of(&g, 0)->point_to_point = false;
		g.paths[0].gateway = addr_of(cases[i].gateway);
		settle(&g);
		str_addf(&expected,
			 "ip mptcp limits set subflows 8 add_addr_accepted 0\n"
			 "ip route replace %s dev path0 src 192.0.2.1 table 101 scope link proto "
			 "199\n"
			 "ip route replace default via %s dev path0 src 192.0.2.1 table 101 proto "
			 "199\n"
			 "ip rule add pref 900 lookup main suppress_prefixlength 1 protocol 199\n"
			 "ip rule add pref 1000 from 192.0.2.1 lookup 101 protocol 199\n",
			 cases[i].gateway, cases[i].gateway);
		assert_log(&g, str_text(&expected));
		str_fini(&expected);
		gateway_fini(&g);
	}
}

static void follows_an_address(void **state)
{
	struct gateway g;

	(void)state;
	gateway_init(&g, 1);
	all_up(&g);
	g.kernel.addrs[0].local = addr_of("198.51.100.9");
	turn(&g);
	assert_log(&g, "ip mptcp endpoint delete id 100\n"
		       "ip rule delete pref 1000 from 192.0.2.1 lookup 101 protocol 199\n"
		       "ip route replace default dev path0 src 198.51.100.9 table 101 scope link "
		       "proto 199\n"
		       "ip rule add pref 1000 from 198.51.100.9 lookup 101 protocol 199\n");
	probe(&g, 0, 0, PATH_GOOD_FOR_FIRST_UP);
	turn(&g);
	assert_log(&g, "ip mptcp endpoint add 198.51.100.9 dev path0 id 101 subflow\n");
	gateway_fini(&g);
}

static void puts_back_what_the_kernel_flushed(void **state)
{
	struct gateway g;

	(void)state;
	gateway_init(&g, 1);
	all_up(&g);
	// an interface that goes down loses its IPv4 routes in every table, for good
	link_of(&g, 0)->admin_up = false;
	g.kernel.n_routes = 0;
	settle(&g);
	assert_log(&g, "ip mptcp endpoint delete id 100\n"
		       "ip rule delete pref 1000 from 192.0.2.1 lookup 101 protocol 199\n");
	link_of(&g, 0)->admin_up = true;
	settle(&g);
	assert_log(
		&g,
		"ip route replace default dev path0 src 192.0.2.1 table 101 scope link proto 199\n"
		"ip rule add pref 1000 from 192.0.2.1 lookup 101 protocol 199\n");
	gateway_fini(&g);
}

static void takes_a_path_out_that_is_switched_off(void **state)
{
	struct path_change change;
	struct gateway g;

	(void)state;
	gateway_init(&g, 1);
	all_up(&g);
	path_fsm_disable(&g.fsms[0], "root on tty1", 0, &change);
	settle(&g);
	assert_log(
		&g,
		"ip mptcp endpoint delete id 100\n"
		"ip rule delete pref 1000 from 192.0.2.1 lookup 101 protocol 199\n"
		"ip route delete default dev path0 src 192.0.2.1 table 101 scope link proto 199\n");
	gateway_fini(&g);
}

static void carries_the_lan(void **state)
{
	struct gateway g;
	char *nft;

	(void)state;
	gateway_init(&g, 0);
	strcpy(g.config.lan.interface, "br0");
	add_sysctl(&g, "net.ipv6.conf.lo.disable_ipv6", "0");
	settle(&g);
	nft = strstr(g.log.text, "nft -f -");
	assert_non_null(nft);
	*nft = '\0'; // the table's text has its own test
	assert_log(&g,
		   "ip mptcp limits set subflows 8 add_addr_accepted 0\n"
		   "ip route replace local default dev lo table 100 scope host proto 199\n"
		   "ip -6 route replace local default dev lo table 100 metric 1024 proto 199\n"
		   "ip rule add pref 890 fwmark 0x6d000000/0xff000000 lookup 100 protocol 199\n"
		   "ip rule add pref 900 lookup main suppress_prefixlength 1 protocol 199\n"
		   "ip -6 rule add pref 890 fwmark 0x6d000000/0xff000000 lookup 100 protocol 199\n"
		   "ip -6 rule add pref 900 lookup main suppress_prefixlength 4 protocol 199\n");
	gateway_fini(&g);
}

// ---- Endpoints

static void adds_endpoints_of_proved_paths(void **state)
{
	struct gateway g;

	(void)state;
	gateway_init(&g, 2);
	settle(&g);
	assert_string_equal(endpoint_ids(&g), "");
	probe(&g, 1, 0, 1);
	settle(&g);
	assert_string_equal(endpoint_ids(&g), "");
	probe(&g, 1, 0, 1);
	str_clear(&g.log);
	settle(&g);
	assert_log(&g, "ip mptcp endpoint add 192.0.2.2 dev path1 id 100 subflow\n");
	probe(&g, 0, 0, 2);
	settle(&g);
	assert_log(&g, "ip mptcp endpoint add 192.0.2.1 dev path0 id 101 subflow\n");
	assert_int_equal(turn(&g), 0);
	gateway_fini(&g);
}

static void comes_back_with_another_id(void **state)
{
	struct gateway g;
	int id = 101;

	(void)state;
	gateway_init(&g, 2);
	all_up(&g);
	assert_string_equal(endpoint_ids(&g), "100 101");
	for (int outage = 0; outage < 400; outage++) {
		char line[64];

		g.now_ms += 900000; // seldom enough not to flap
		probe(&g, 1, -ETIMEDOUT, PATH_LOST_FOR_DOWN);
		settle(&g);
		snprintf(line, sizeof(line), "ip mptcp endpoint delete id %d\n", id);
		assert_log(&g, line);
		probe(&g, 1, 0, PATH_GOOD_AFTER_FAILURE);
		settle(&g);
		id = id < 254 ? id + 1 : 101; // path0 has 100
		snprintf(line, sizeof(line),
			 "ip mptcp endpoint add 192.0.2.2 dev path1 id %d subflow\n", id);
		assert_log(&g, line);
	}
	gateway_fini(&g);
}

// For subflows that were not opened; see plan/join.c.
static void renews_one_on_request(void **state)
{
	struct gateway g;

	(void)state;
	gateway_init(&g, 2);
	all_up(&g);
	g.ids.out[1] = true;
	settle(&g);
	assert_log(&g, "ip mptcp endpoint delete id 101\n");
	g.ids.out[1] = false;
	settle(&g);
	assert_log(&g, "ip mptcp endpoint add 192.0.2.2 dev path1 id 102 subflow\n");
	gateway_fini(&g);
}

// With no live path nobody could be told of the removal.
static void keeps_the_last_endpoints(void **state)
{
	struct gateway g;

	(void)state;
	gateway_init(&g, 2);
	all_up(&g);
	probe(&g, 0, -ETIMEDOUT, PATH_LOST_FOR_DOWN);
	probe(&g, 1, -ETIMEDOUT, PATH_LOST_FOR_DOWN);
	settle(&g);
	assert_log(&g, "");
	// the first that is back is renewed, then the other goes
	probe(&g, 1, 0, PATH_GOOD_AFTER_FAILURE);
	turn(&g);
	assert_log(&g, "ip mptcp endpoint delete id 101\n"
		       "ip mptcp endpoint add 192.0.2.2 dev path1 id 102 subflow\n");
	turn(&g);
	assert_log(&g, "ip mptcp endpoint delete id 100\n");
	assert_int_equal(turn(&g), 0);
	probe(&g, 0, 0, PATH_GOOD_AFTER_FAILURE);
	settle(&g);
	assert_string_equal(endpoint_ids(&g), "102 103");
	gateway_fini(&g);
}

static void keeps_the_last_endpoint_without_carrier(void **state)
{
	struct gateway g;

	(void)state;
	gateway_init(&g, 2);
	all_up(&g);
	link_of(&g, 0)->carrier = false;
	settle(&g);
	assert_log(&g, "ip mptcp endpoint delete id 100\n");
	link_of(&g, 1)->carrier = false;
	settle(&g);
	assert_log(&g, "");
	// but not without its address
	g.kernel.addrs[1].usable = false;
	turn(&g);
	assert_log(
		&g,
		"ip mptcp endpoint delete id 101\n"
		"ip rule delete pref 1001 from 192.0.2.2 lookup 102 protocol 199\n"
		"ip route delete default dev path1 src 192.0.2.2 table 102 scope link proto 199\n");
	gateway_fini(&g);
}

static void renews_on_request(void **state)
{
	struct path_change change;
	struct gateway g;

	(void)state;
	gateway_init(&g, 1); // even the only one
	all_up(&g);
	path_fsm_restart(&g.fsms[0], "root on tty1", 0, &change);
	settle(&g);
	assert_log(&g, "");
	probe(&g, 0, 0, PATH_GOOD_FOR_FIRST_UP);
	settle(&g);
	assert_log(&g, "ip mptcp endpoint delete id 100\n"
		       "ip mptcp endpoint add 192.0.2.1 dev path0 id 101 subflow\n");
	gateway_fini(&g);
}

// Lost again before there was another round.
static void renews_a_young_endpoint(void **state)
{
	struct gateway g;

	(void)state;
	gateway_init(&g, 1);
	settle(&g);
	probe(&g, 0, 0, PATH_GOOD_FOR_FIRST_UP);
	turn(&g);
	str_clear(&g.log);
	probe(&g, 0, -ETIMEDOUT, PATH_LOST_FOR_DOWN);
	settle(&g);
	probe(&g, 0, 0, PATH_GOOD_AFTER_FAILURE);
	settle(&g);
	assert_log(&g, "ip mptcp endpoint delete id 100\n"
		       "ip mptcp endpoint add 192.0.2.1 dev path0 id 101 subflow\n");
	gateway_fini(&g);
}

// What a crash left behind: one that fits, one of an interface that is gone since.
static void adopts_what_a_crash_left(void **state)
{
	struct gateway g;

	(void)state;
	gateway_init(&g, 2);
	add_endpoint(&g.kernel, 120, "192.0.2.1", FIRST_IFINDEX);
	add_endpoint(&g.kernel, 121, "192.0.2.2", 7);
	add_endpoint(&g.kernel, 122, "198.51.100.77", 8);
	settle(&g);
	assert_string_equal(endpoint_ids(&g), "120");
	probe(&g, 0, 0, PATH_GOOD_FOR_FIRST_UP);
	probe(&g, 1, 0, PATH_GOOD_FOR_FIRST_UP);
	settle(&g);
	assert_string_equal(endpoint_ids(&g), "120 123");
	gateway_fini(&g);
}

static void has_room_for_eight(void **state)
{
	struct path_change change;
	struct gateway g;

	(void)state;
	gateway_init(&g, 10);
	add_endpoint(&g.kernel, 1, "198.51.100.1", 0); // another program's
	all_up(&g);
	assert_string_equal(endpoint_ids(&g), "1 100 101 102 103 104 105 106");
	// a place that gets free is taken, and not given back
	path_fsm_disable(&g.fsms[0], "root on tty1", 0, &change);
	settle(&g);
	assert_string_equal(endpoint_ids(&g), "1 101 102 103 104 105 106 107");
	path_fsm_enable(&g.fsms[0], "root on tty1", 0, &change);
	probe(&g, 0, 0, PATH_GOOD_FOR_FIRST_UP);
	settle(&g);
	assert_string_equal(endpoint_ids(&g), "1 101 102 103 104 105 106 107");
	gateway_fini(&g);
}

static void leaves_another_programs_endpoint(void **state)
{
	struct gateway g;

	(void)state;
	gateway_init(&g, 2);
	add_endpoint(&g.kernel, 1, "192.0.2.1", FIRST_IFINDEX);
	all_up(&g);
	assert_true(strncmp(endpoint_ids(&g), "1 10", 4) == 0);
	assert_int_equal(g.kernel.n_endpoints, 2);
	// it serves as well as ours would: path1 need not wait to be removed
	probe(&g, 1, -ETIMEDOUT, PATH_LOST_FOR_DOWN);
	settle(&g);
	assert_string_equal(endpoint_ids(&g), "1");
	gateway_fini(&g);
}

// ---- Sysctls

static void check_sysctls(struct gateway *g, const struct plan_names *names)
{
	// all that is changed was asked for, or it would not be observed
	for (size_t i = 1; i < g->kernel.n_sysctls; i++) {
		bool asked = false;

		for (size_t j = 0; j < names->n; j++)
			asked |= strcmp(names->list[j], g->kernel.sysctls[i].name) == 0;
		if (!asked)
			fail_msg("%s is not asked for", g->kernel.sysctls[i].name);
	}
}

static void sets_sysctls(void **state)
{
	static const struct {
		const char *name, *is, *becomes, *all_rp_filter; // becomes NULL: left alone
	} cases[] = {
		{ "net.mptcp.enabled", "0", "1", "0" },
		{ "net.mptcp.enabled", "1", NULL, "0" },
		{ "net.mptcp.pm_type", "1", "0", "0" },
		{ "net.mptcp.blackhole_timeout", "3600", "0", "0" },
		{ "net.mptcp.syn_retrans_before_tcp_fallback", "2", "128", "0" },
		{ "net.ipv4.tcp_rmem", "4096 131072 6291456",
		  "'net.ipv4.tcp_rmem=4096 8388608 33554432'", "0" },
		{ "net.ipv4.tcp_rmem", "8192 262144 67108864",
		  "'net.ipv4.tcp_rmem=8192 8388608 67108864'", "0" },
		{ "net.ipv4.tcp_rmem", "8192 16777216 67108864", NULL, "0" },
		{ "net.ipv4.tcp_rmem", "nonsense", NULL, "0" },
		{ "net.ipv4.tcp_mtu_probing", "0", "1", "0" },
		{ "net.ipv4.tcp_mtu_probing", "2", NULL, "0" },
		{ "net.ipv4.tcp_slow_start_after_idle", "1", "0", "0" },
		{ "net.ipv4.conf.path0.rp_filter", "1", "2", "0" },
		{ "net.ipv4.conf.path0.rp_filter", "0", "2", "1" },
		{ "net.ipv4.conf.path0.rp_filter", "0", NULL, "0" },
		{ "net.ipv4.conf.path0.rp_filter", "1", NULL, "2" },
		{ "net.ipv4.conf.path0.rp_filter", "2", NULL, "1" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct plan_names names;
		struct str line = { 0 };
		struct gateway g;

		gateway_init(&g, 1);
		g.kernel.limits.subflows = 8;
		link_of(&g, 0)->admin_up = false;
		settle(&g);
		str_clear(&g.log);
		add_sysctl(&g, "net.ipv4.conf.all.rp_filter", cases[i].all_rp_filter);
		add_sysctl(&g, cases[i].name, cases[i].is);
		settle(&g);
		if (cases[i].becomes && cases[i].becomes[0] == '\'')
			str_addf(&line, "sysctl -w %s\n", cases[i].becomes);
		else if (cases[i].becomes)
			str_addf(&line, "sysctl -w %s=%s\n", cases[i].name, cases[i].becomes);
		assert_log(&g, str_text(&line));
		names = plan_sysctls_for_gateway(&g.config);
		check_sysctls(&g, &names);
		plan_names_fini(&names);
		str_fini(&line);
		gateway_fini(&g);
	}
}

static void fill_lan(struct gateway *g)
{
	static struct prefix sources[2], source_bypass[1], bypass[2];

	sources[0] = prefix_from("192.168.5.32/27");
	sources[1] = prefix_from("2001:db8:5::/64");
	source_bypass[0] = prefix_from("192.168.5.40/32");
	bypass[0] = prefix_from("203.0.113.80/32");
	bypass[1] = prefix_from("10.1.0.0/16"); // lies in a special range
	g->config.lan = (struct config_lan){
		.interface = "br0",
		.sources = { sources, 2 },
		.source_bypass = { source_bypass, 1 },
		.bypass = { bypass, 2 },
		.tproxy_port = 12345,
	};
}

// wg-quick's doing, on which all that is carried would be dropped.
static void bears_marks_on_the_way_back(void **state)
{
	struct gateway g;

	(void)state;
	gateway_init(&g, 1);
	fill_lan(&g);
	add_sysctl(&g, "net.ipv4.conf.all.src_valid_mark", "0");
	add_sysctl(&g, "net.ipv4.conf.br0.src_valid_mark", "0");
	add_sysctl(&g, "net.ipv4.conf.br0.accept_local", "0");
	settle(&g);
	assert_null(strstr(str_text(&g.log), "accept_local"));
	g.kernel.n_sysctls = 0;
	add_sysctl(&g, "net.ipv4.conf.all.src_valid_mark", "1");
	add_sysctl(&g, "net.ipv4.conf.br0.accept_local", "0");
	settle(&g);
	assert_non_null(strstr(str_text(&g.log), "sysctl -w net.ipv4.conf.br0.accept_local=1\n"));
	gateway_fini(&g);
}

static void names_sysctls_of_vlans(void **state)
{
	struct plan_names names;
	struct gateway g;

	(void)state;
	gateway_init(&g, 1);
	strcpy(g.paths[0].interface, "eth0.5");
	names = plan_sysctls_for_gateway(&g.config);
	assert_string_equal(names.list[names.n - 2], "net.ipv4.conf.eth0/5.rp_filter");
	assert_string_equal(names.list[names.n - 1], "net.ipv4.conf.eth0/5.src_valid_mark");
	plan_names_fini(&names);
	gateway_fini(&g);
}

static void tunes_a_server(void **state)
{
	struct plan_names names = plan_sysctls_for_server();
	struct kstate k = { .limits = { 2, 0 } }, want;
	struct op_list ops;

	(void)state;
	for (size_t i = 0; i < names.n; i++)
		kstate_add_sysctl(&k, names.list[i], "0");
	plan_want_server(&k, &want);
	plan_diff(&k, &want, &ops, NULL);
	for (size_t i = 0; i < ops.n; i++) {
		assert_true(ops.ops[i].kind == OP_SYSCTL_SET || ops.ops[i].kind == OP_LIMITS_SET);
		kapply(&k, &ops.ops[i]);
	}
	assert_int_equal(k.limits.subflows, 8);
	assert_string_equal(kstate_sysctl(&k, "net.mptcp.enabled")->value, "1");
	assert_null(
		kstate_sysctl(&k, "net.mptcp.blackhole_timeout")); // it opens nothing over MPTCP
	op_list_fini(&ops);
	plan_names_fini(&names);
	kstate_fini(&want);
	kstate_fini(&k);
}

static void takes_all_out_for_a_clean_stop(void **state)
{
	struct kstate nothing;
	struct op_list ops;
	struct gateway g;

	(void)state;
	gateway_init(&g, 2);
	strcpy(g.config.lan.interface, "br0");
	add_sysctl(&g, "net.ipv4.tcp_mtu_probing", "0");
	all_up(&g);
	plan_want_nothing(&g.kernel, &nothing);
	plan_diff(&g.kernel, &nothing, &ops, NULL);
	for (size_t i = 0; i < ops.n; i++) {
		// kern_restore() knows what was there before
		assert_true(ops.ops[i].kind != OP_SYSCTL_SET && ops.ops[i].kind != OP_LIMITS_SET);
		kapply(&g.kernel, &ops.ops[i]);
	}
	assert_int_equal(g.kernel.n_routes + g.kernel.n_rules + g.kernel.n_endpoints, 0);
	assert_null(g.kernel.nft);
	op_list_fini(&ops);
	kstate_fini(&nothing);
	gateway_fini(&g);
}

// ---- The nft table

// clang-format off
#define SPECIAL4                                                                                   \
	"\t\t\t0.0.0.0/8,\n\t\t\t10.0.0.0/8,\n\t\t\t100.64.0.0/10,\n\t\t\t127.0.0.0/8,\n"          \
	"\t\t\t169.254.0.0/16,\n\t\t\t172.16.0.0/12,\n\t\t\t192.0.0.0/24,\n\t\t\t192.168.0.0/16,\n" \
	"\t\t\t198.18.0.0/15,\n\t\t\t224.0.0.0/4,\n\t\t\t240.0.0.0/4"
#define SPECIAL6                                                                                   \
	"\t\t\t::/127,\n\t\t\t::ffff:0.0.0.0/96,\n\t\t\t64:ff9b::/96,\n\t\t\t64:ff9b:1::/48,\n"    \
	"\t\t\t100::/64,\n\t\t\t2001::/23,\n\t\t\t5f00::/16,\n\t\t\tfc00::/7,\n\t\t\tfe80::/10,\n" \
	"\t\t\tfec0::/10,\n\t\t\tff00::/8"
#define SET(name, type, elements)                                                                  \
	"\tset " name " {\n\t\ttype " type ";\n\t\tflags interval;\n\t\tauto-merge;\n" elements "\t}\n"
#define SYN "tcp flags & (syn | rst) == syn tcp option maxseg size set "
#define ELEMENTS(list) "\t\telements = {\n" list "\n\t\t};\n"
// clang-format on

// Of two paths, path0 and path1.
#define UNPROXIED                                                                                  \
	"\tcounter udp_tx {\n\t}\n\tcounter udp_rx {\n\t}\n"                                       \
	"\tcounter rest_tx {\n\t}\n\tcounter rest_rx {\n\t}\n"                                     \
	"\tchain unproxied {\n"                                                                    \
	"\t\ttype filter hook forward priority filter + 10; policy accept;\n"                      \
	"\t\tiifname \"br0\" oifname { \"path0\", \"path1\" } meta l4proto udp counter name "      \
	"udp_tx\n"                                                                                 \
	"\t\toifname \"br0\" iifname { \"path0\", \"path1\" } meta l4proto udp counter name "      \
	"udp_rx\n"                                                                                 \
	"\t\tiifname \"br0\" oifname { \"path0\", \"path1\" } meta l4proto != udp counter name "   \
	"rest_tx\n"                                                                                \
	"\t\toifname \"br0\" iifname { \"path0\", \"path1\" } meta l4proto != udp counter name "   \
	"rest_rx\n"                                                                                \
	"\t}\n"

static void writes_the_nft_table(void **state)
{
	struct gateway g;

	(void)state;
	gateway_init(&g, 2);
	add_sysctl(&g, "net.ipv6.conf.lo.disable_ipv6", "0");
	fill_lan(&g);
	g.kernel.addrs[1].peer = addr_of("198.51.100.1");
	settle(&g);
	assert_string_equal(
		g.kernel.nft,
		"table inet mpgate {\n\tflags owner;\n" SET("source4", "ipv4_addr",
							    ELEMENTS("\t\t\t192.168.5.32/27"))
			SET("source6", "ipv6_addr", ELEMENTS("\t\t\t2001:db8:5::/64")) SET(
				"source_bypass4", "ipv4_addr", ELEMENTS("\t\t\t192.168.5.40/32"))
				SET("source_bypass6", "ipv6_addr", "") SET(
					"bypass4", "ipv4_addr",
					ELEMENTS(SPECIAL4
						 ",\n\t\t\t203.0.113.80/32,\n\t\t\t10.1.0.0/16,\n"
						 "\t\t\t203.0.113.10/32,\n\t\t\t192.0.2.1/"
						 "32,\n\t\t\t192.0.2.2/32,\n"
						 "\t\t\t198.51.100.1/32"))
					SET("bypass6", "ipv6_addr", ELEMENTS(SPECIAL6)) UNPROXIED
		"\tchain prerouting {\n"
		"\t\ttype filter hook prerouting priority "
		"mangle; policy accept;\n"
		"\t\tiifname != \"lo\" ip daddr "
		"127.0.0.0/8 tcp dport 12345 drop\n"
		"\t\tiifname != \"br0\" return\n"
		"\t\tmeta l4proto != tcp return\n"
		"\t\tfib daddr type local return\n"
		"\t\tmeta l4proto tcp socket transparent 1 "
		"meta mark set meta mark & 0x00ffffff | 0x6d000000 accept\n"
		"\t\tip saddr @source_bypass4 return\n"
		"\t\tip6 saddr @source_bypass6 return\n"
		"\t\tip daddr @bypass4 return\n"
		"\t\tip6 daddr @bypass6 return\n"
		"\t\tip saddr != @source4 return\n"
		"\t\tip6 saddr != @source6 return\n"
		"\t\tmeta nfproto ipv4 meta l4proto tcp "
		"tproxy ip to 127.0.0.1:12345 "
		"meta mark set meta mark & 0x00ffffff | "
		"0x6d000000 accept\n"
		"\t\tmeta nfproto ipv6 meta l4proto tcp "
		"tproxy ip6 to [::1]:12345 "
		"meta mark set meta mark & 0x00ffffff | "
		"0x6d000000 accept\n"
		"\t}\n"
		"\tchain segments {\n"
		"\t\ttype filter hook forward priority "
		"mangle; policy accept;\n"
		"\t\toifname \"path0\" " SYN "rt mtu\n"
		"\t\toifname \"path1\" " SYN "rt mtu\n"
		"\t}\n}\n");
	gateway_fini(&g);
}

static void lowers_segments_to_the_paths_mtu(void **state)
{
	struct gateway g;

	(void)state;
	gateway_init(&g, 2);
	fill_lan(&g);
	link_of(&g, 1)->mtu = 1400;
	settle(&g);
	assert_non_null(strstr(g.kernel.nft,
			       "\tchain segments {\n"
			       "\t\ttype filter hook forward priority mangle; policy accept;\n"
			       "\t\toifname \"path0\" " SYN "rt mtu\n"
			       "\t\toifname \"path1\" " SYN "rt mtu\n"
			       "\t\tiifname \"path1\" meta nfproto ipv4 " SYN "1360\n"
			       "\t\tiifname \"path1\" meta nfproto ipv6 " SYN "1340\n"
			       "\t}\n"));
	link_of(&g, 1)->mtu = 1300;
	settle(&g);
	assert_non_null(strstr(g.kernel.nft, SYN "1260\n"));
	gateway_fini(&g);
}

// ---- Who reaches what we listen on

static void guards_what_listens(void **state)
{
	static struct config_exit exits[3] = { { .socks_port = 1080 },
					       { .socks_port = 1081, .gone = true } };
	struct gateway g;

	(void)state;
	gateway_init(&g, 1);
	fill_lan(&g);
	g.config.exits = exits;
	g.config.n_exits = ARRAY_LEN(exits);
	g.config.metrics = (struct config_metrics){ .present = true, .port = 9469 };
	g.config.dns = (struct config_dns){ .present = true, .port = 53 };
	settle(&g);
	assert_non_null(strstr(g.kernel.nft,
			       "\t\tiifname != { \"lo\", \"br0\" } meta l4proto { tcp, udp } th "
			       "dport { 1080, 9469, 53 } "
			       "fib daddr type local fib daddr . iif type != local drop\n"));
	assert_null(strstr(g.kernel.nft, "near4"));
	assert_non_null(strstr(g.kernel.nft, "chain unproxied"));
	assert_null(strstr(g.kernel.nft, "redirect"));
	gateway_fini(&g);
}

// The LAN's interface is the first path's.
static void fill_one_arm(struct gateway *g)
{
	static struct config_exit exits[1] = { { .socks_port = 1080 } };

	fill_lan(g);
	strcpy(g->config.lan.interface, g->paths[0].interface);
	g->paths[0].gateway = addr_of("192.0.2.254");
	g->kernel.addrs[0].prefix_len = 24;
	add_addr(&g->kernel, FIRST_IFINDEX, "2001:db8:1::2", 64, NULL);
	g->config.exits = exits;
	g->config.n_exits = ARRAY_LEN(exits);
}

static void works_on_one_arm(void **state)
{
	struct gateway g;

	(void)state;
	gateway_init(&g, 2);
	add_sysctl(&g, "net.ipv6.conf.lo.disable_ipv6", "0");
	fill_one_arm(&g);
	g.config.udp.present = true;
	add_sysctl(&g, "net.ipv4.conf.path0.src_valid_mark", "0");
	add_sysctl(&g, "net.ipv4.conf.path1.src_valid_mark", "0");
	settle(&g);
	// the mark of what is carried must not be asked for the way back
	assert_string_equal(kstate_sysctl(&g.kernel, "net.ipv4.conf.path0.src_valid_mark")->value,
			    "0");
	assert_string_equal(kstate_sysctl(&g.kernel, "net.ipv4.conf.path1.src_valid_mark")->value,
			    "1");
	// who is near is told by the source, since the interface is everybody's
	assert_non_null(
		strstr(g.kernel.nft, SET("near4", "ipv4_addr",
					 ELEMENTS("\t\t\t192.0.2.0/24,\n\t\t\t192.168.5.32/27"))));
	assert_non_null(strstr(g.kernel.nft,
			       SET("near6", "ipv6_addr",
				   ELEMENTS("\t\t\t2001:db8:1::/64,\n\t\t\t2001:db8:5::/64"))));
	assert_non_null(strstr(g.kernel.nft,
			       "th dport { 1080 } fib daddr type local ip saddr != @near4 drop\n"));
	assert_non_null(strstr(
		g.kernel.nft, "th dport { 1080 } fib daddr type local ip6 saddr != @near6 drop\n"));
	assert_null(strstr(g.kernel.nft, "unproxied"));
	// the router is no client
	assert_non_null(strstr(g.kernel.nft,
			       SET("source_bypass4", "ipv4_addr",
				   ELEMENTS("\t\t\t192.168.5.40/32,\n\t\t\t192.0.2.254/32"))));
	assert_non_null(strstr(g.kernel.nft,
			       "\t\toifname \"path0\" icmp type redirect drop\n"
			       "\t\toifname \"path0\" icmpv6 type nd-redirect drop\n"));
	gateway_fini(&g);
}

// ---- What is not TCP

static void turn_with_udp(struct gateway *g)
{
	plan_udp_choose(&g->udp, &g->config, g->fsms, g->now_ms);
	settle(g);
}

static bool takes_new_flows(const struct gateway *g, unsigned path)
{
	char rule[64];

	snprintf(rule, sizeof(rule), "ct mark set ct mark & 0x00ffffff | 0x%x000000", 0x70 + path);
	return strstr(g->kernel.nft, rule) != NULL;
}

static void forwards_what_is_not_tcp(void **state)
{
	static char via[][NAME_SIZE] = { "path1", "path0" };
	struct gateway g;

	(void)state;
	gateway_init(&g, 2);
	fill_lan(&g);
	g.config.udp = (struct config_udp){ .present = true,
					    .via = { via, 2 },
					    .quic = CONFIG_QUIC_REJECT };
	add_sysctl(&g, "net.ipv4.ip_forward", "0");
	add_sysctl(&g, "net.ipv4.conf.path0.src_valid_mark", "0");
	turn_with_udp(&g);
	// no path works: refused, and no rule leads anywhere
	assert_int_equal(g.udp.path[PLAN_V4], -1);
	assert_non_null(strstr(g.kernel.nft, "meta l4proto != tcp goto rest\n"));
	assert_non_null(strstr(g.kernel.nft,
			       "meta nfproto ipv4 reject with icmpx type admin-prohibited\n"));
	assert_non_null(strstr(g.kernel.nft, "udp dport 443 reject\n"));
	assert_non_null(strstr(str_text(&g.log), "sysctl -w net.ipv4.ip_forward=1\n"));
	assert_non_null(
		strstr(str_text(&g.log), "sysctl -w net.ipv4.conf.path0.src_valid_mark=1\n"));
	str_clear(&g.log);
	// the second of the list works, and is at once better than none
	probe(&g, 0, 0, PATH_GOOD_FOR_FIRST_UP);
	turn_with_udp(&g);
	assert_int_equal(g.udp.path[PLAN_V4], 0);
	assert_int_equal(g.udp.path[PLAN_V6], -1);
	assert_true(takes_new_flows(&g, 0));
	assert_non_null(strstr(str_text(&g.log),
			       "ip rule add pref 1100 fwmark 0x70000000/0xff000000 lookup 101"));
	// the first takes over as soon as it works, unless it has failed before
	probe(&g, 1, 0, PATH_GOOD_FOR_FIRST_UP);
	turn_with_udp(&g);
	assert_int_equal(g.udp.path[PLAN_V4], 1);
	probe(&g, 1, -ETIMEDOUT, PATH_LOST_FOR_DOWN);
	turn_with_udp(&g);
	assert_int_equal(g.udp.path[PLAN_V4], 0);
	assert_non_null(
		strstr(str_text(&g.log), "conntrack -D -f ipv4 -m 0x71000000/0xff000000\n"));
	g.now_ms += 10000;
	probe(&g, 1, 0, PATH_GOOD_AFTER_FAILURE);
	turn_with_udp(&g);
	assert_int_equal(g.udp.path[PLAN_V4], 0);
	g.now_ms += 29999;
	turn_with_udp(&g);
	assert_int_equal(g.udp.path[PLAN_V4], 0);
	str_clear(&g.log);
	g.now_ms += 1;
	turn_with_udp(&g);
	assert_int_equal(g.udp.path[PLAN_V4], 1);
	assert_true(takes_new_flows(&g, 1));
	// old flows stay where they are
	assert_null(strstr(str_text(&g.log), "conntrack"));
	str_clear(&g.log);
	// and move when their path dies
	probe(&g, 0, -ETIMEDOUT, PATH_LOST_FOR_DOWN);
	turn_with_udp(&g);
	assert_non_null(
		strstr(str_text(&g.log), "conntrack -D -f ipv4 -m 0x70000000/0xff000000\n"));
	assert_null(strstr(str_text(&g.log), "0x71000000"));
	gateway_fini(&g);
}

static void relays_udp(void **state)
{
	struct gateway g;

	(void)state;
	gateway_init(&g, 2);
	fill_lan(&g);
	add_sysctl(&g, "net.ipv6.conf.lo.disable_ipv6", "0");
	g.config.udp = (struct config_udp){ .present = true, .mode = CONFIG_UDP_RELAY };
	g.udp.relayed = true;
	turn_with_udp(&g);
	// no path works
	assert_null(strstr(g.kernel.nft, "l4proto udp tproxy"));
	assert_non_null(
		strstr(g.kernel.nft, "meta l4proto udp reject with icmpx type admin-prohibited\n"));
	assert_non_null(strstr(g.kernel.nft,
			       "iifname != \"lo\" ip daddr 127.0.0.0/8 udp dport 12345 drop\n"));
	str_clear(&g.log);
	probe(&g, 0, 0, PATH_GOOD_FOR_FIRST_UP);
	turn_with_udp(&g);
	assert_non_null(strstr(
		g.kernel.nft, "\t\tmeta nfproto ipv4 meta l4proto udp tproxy ip to 127.0.0.1:12345 "
			      "ct mark set ct mark & 0x00ffffff | 0x6f000000 "
			      "meta mark set meta mark & 0x00ffffff | 0x6f000000 accept\n"
			      "\t\tmeta nfproto ipv6 meta l4proto udp tproxy ip6 to [::1]:12345 "
			      "ct mark set ct mark & 0x00ffffff | 0x6f000000 "
			      "meta mark set meta mark & 0x00ffffff | 0x6f000000 accept\n"
			      "\t\tmeta l4proto udp reject with icmpx type admin-prohibited\n"));
	// what is neither goes over the path
	assert_true(takes_new_flows(&g, 0));
	// to be forwarded after all: flows that were never translated must not be let out as they
	// are
	str_clear(&g.log);
	g.udp.relayed = false;
	g.udp.lingers = true;
	turn_with_udp(&g);
	assert_non_null(strstr(g.kernel.nft, "ct mark & 0xff000000 == 0x6f000000 drop\n"));
	assert_null(strstr(str_text(&g.log), "conntrack -D"));
	g.udp.lingers = false;
	turn_with_udp(&g);
	assert_null(strstr(g.kernel.nft, "l4proto udp tproxy"));
	assert_null(strstr(g.kernel.nft, "l4proto udp reject"));
	assert_non_null(
		strstr(str_text(&g.log), "conntrack -D -f ipv4 -m 0x6f000000/0xff000000\n"));
	assert_non_null(
		strstr(str_text(&g.log), "conntrack -D -f ipv6 -m 0x6f000000/0xff000000\n"));
	gateway_fini(&g);
}

static struct plan_udp_order rank_udp(struct gateway *g, const uint8_t ranked[], int n)
{
	struct plan_udp_order order;

	plan_udp_rank(&g->udp, &g->config, g->fsms, ranked, n, g->now_ms, &order);
	return order;
}

static void ranks_paths_for_datagrams(void **state)
{
	static char via[][NAME_SIZE] = { "path2", "path0" };
	static const uint8_t ranked[] = { 1, 0 };
	struct plan_udp_order order;
	struct gateway g;

	(void)state;
	gateway_init(&g, 3);
	fill_lan(&g);
	settle(&g);
	g.config.udp = (struct config_udp){ .present = true, .mode = CONFIG_UDP_RELAY };
	assert_int_equal(rank_udp(&g, NULL, 0).n, 0);
	for (size_t i = 0; i < 3; i++)
		probe(&g, i, 0, PATH_GOOD_FOR_FIRST_UP);
	// as connections begin, and what has no rank behind it
	order = rank_udp(&g, ranked, 2);
	assert_int_equal(order.n, 3);
	assert_int_equal(order.n_sound, 3);
	assert_int_equal(order.slots[0], 1);
	assert_int_equal(order.slots[1], 0);
	assert_int_equal(order.slots[2], 2);
	assert_int_equal(order.home, -1);
	// one in doubt comes last
	path_fsm_silence(&g.fsms[1], g.now_ms);
	order = rank_udp(&g, ranked + 1, 1);
	assert_int_equal(order.n, 3);
	assert_int_equal(order.n_sound, 2);
	assert_int_equal(order.slots[0], 0);
	assert_int_equal(order.slots[2], 1);
	// a list of one's own goes before rank; the first is home when it has been that for a while
	g.config.udp.via = (struct config_names){ via, 2 };
	order = rank_udp(&g, ranked, 2);
	assert_int_equal(order.n, 2);
	assert_int_equal(order.slots[0], 2);
	assert_int_equal(order.slots[1], 0);
	assert_int_equal(order.home, -1);
	g.now_ms += 29999;
	assert_int_equal(rank_udp(&g, ranked, 2).home, -1);
	g.now_ms += 1;
	assert_int_equal(rank_udp(&g, ranked, 2).home, 2);
	// a dead one is out, and no home when it comes back
	probe(&g, 2, -ETIMEDOUT, PATH_LOST_FOR_DOWN);
	order = rank_udp(&g, ranked, 2);
	assert_int_equal(order.n, 1);
	assert_int_equal(order.slots[0], 0);
	assert_int_equal(order.home, -1);
	probe(&g, 2, 0, PATH_GOOD_AFTER_FAILURE);
	order = rank_udp(&g, ranked, 2);
	assert_int_equal(order.slots[0], 2);
	assert_int_equal(order.home, -1);
	gateway_fini(&g);
}

static void carries_every_source_when_none_is_named(void **state)
{
	struct gateway g;

	(void)state;
	gateway_init(&g, 0);
	fill_lan(&g);
	g.config.lan.sources.n = 0;
	settle(&g);
	assert_null(strstr(g.kernel.nft, "saddr != "));
	assert_null(strstr(g.kernel.nft, "tproxy ip6")); // no IPv6 here
	gateway_fini(&g);
}

static void nft_takes_the_text(void **state)
{
	struct gateway g;
	FILE *nft;

	(void)state;
	if (!netns_enter() || system("command -v nft >/dev/null") != 0)
		skip();
	for (int full = 0; full < 3; full++) {
		gateway_init(&g, 2);
		if (full)
			add_sysctl(&g, "net.ipv6.conf.lo.disable_ipv6", "0");
		if (full == 2)
			fill_one_arm(&g);
		else
			fill_lan(&g);
		if (!full)
			g.config.lan.sources.n = 0;
		settle(&g);
		nft = popen("nft -c -f -", "w");
		assert_non_null(nft);
		fputs(g.kernel.nft, nft);
		assert_int_equal(pclose(nft), 0);
		gateway_fini(&g);
	}
}

static void flags_endpoints_by_use(void **state)
{
	struct gateway g;

	(void)state;
	gateway_init(&g, 3);
	g.uses[1] = PATH_USE_BACKUP;
	g.uses[2] = PATH_USE_NONE;
	settle(&g);
	str_clear(&g.log);
	for (size_t i = 0; i < 3; i++)
		probe(&g, i, 0, PATH_GOOD_FOR_FIRST_UP);
	settle(&g);
	assert_log(&g, "ip mptcp endpoint add 192.0.2.1 dev path0 id 100 subflow\n"
		       "ip mptcp endpoint add 192.0.2.2 dev path1 id 101 subflow backup\n");
	// on live connections, without a new endpoint
	g.uses[0] = PATH_USE_BACKUP;
	g.uses[1] = PATH_USE_FULL;
	settle(&g);
	assert_log(&g, "ip mptcp endpoint change id 100 backup nofullmesh\n"
		       "ip mptcp endpoint change id 101 nobackup nofullmesh\n");
	g.uses[1] = PATH_USE_NONE;
	g.uses[2] = PATH_USE_FULL;
	settle(&g);
	assert_log(&g, "ip mptcp endpoint delete id 101\n"
		       "ip mptcp endpoint add 192.0.2.3 dev path2 id 102 subflow\n");
	gateway_fini(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wants_tables_and_rules),
		cmocka_unit_test(reaches_a_gateway_off_the_link),
		cmocka_unit_test(follows_an_address),
		cmocka_unit_test(puts_back_what_the_kernel_flushed),
		cmocka_unit_test(takes_a_path_out_that_is_switched_off),
		cmocka_unit_test(carries_the_lan),
		cmocka_unit_test(adds_endpoints_of_proved_paths),
		cmocka_unit_test(flags_endpoints_by_use),
		cmocka_unit_test(comes_back_with_another_id),
		cmocka_unit_test(renews_one_on_request),
		cmocka_unit_test(keeps_the_last_endpoints),
		cmocka_unit_test(keeps_the_last_endpoint_without_carrier),
		cmocka_unit_test(renews_on_request),
		cmocka_unit_test(renews_a_young_endpoint),
		cmocka_unit_test(adopts_what_a_crash_left),
		cmocka_unit_test(has_room_for_eight),
		cmocka_unit_test(leaves_another_programs_endpoint),
		cmocka_unit_test(sets_sysctls),
		cmocka_unit_test(bears_marks_on_the_way_back),
		cmocka_unit_test(names_sysctls_of_vlans),
		cmocka_unit_test(tunes_a_server),
		cmocka_unit_test(takes_all_out_for_a_clean_stop),
		cmocka_unit_test(writes_the_nft_table),
		cmocka_unit_test(lowers_segments_to_the_paths_mtu),
		cmocka_unit_test(guards_what_listens),
		cmocka_unit_test(works_on_one_arm),
		cmocka_unit_test(forwards_what_is_not_tcp),
		cmocka_unit_test(relays_udp),
		cmocka_unit_test(ranks_paths_for_datagrams),
		cmocka_unit_test(carries_every_source_when_none_is_named),
		cmocka_unit_test(nft_takes_the_text), // changes the namespace: last
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
