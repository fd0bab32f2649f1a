// SPDX-License-Identifier: GPL-2.0-or-later
// What the plan wants, put into a real kernel, has to route as it is meant to.
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kworld.h"
#include "netns.h"

#include "kern/kern.h"
#include "plan/plan.h"

static struct config_path paths[2] = {
	{ .name = "dsl", .interface = "eth1", .table = 101, .priority = 100 },
	{ .name = "vpn", .interface = "tun.1", .table = 102, .priority = 100 },
};
static struct config config = {
	.lan = { .interface = "br0", .tproxy_port = 12345 },
	.paths = paths,
	.n_paths = 2,
};
static struct kern *kern;
static struct path_fsm fsms[2];
static struct plan_ids ids;
static struct addr exit_addr;

static void sh(const char *command)
{
	if (system(command) != 0)
		fail_msg("failed: %s", command);
}

static struct kstate observe(void)
{
	struct plan_names names = plan_sysctls_for_gateway(&config);
	struct str why = { 0 };
	struct kstate k;

	if (kern_observe(kern, (const char *const *)names.list, names.n, &k, &why) < 0)
		fail_msg("%s", str_text(&why));
	plan_names_fini(&names);
	return k;
}

static void print_failure(void *ctx, const struct op *op, int error, const char *why)
{
	struct str line = { 0 };

	(void)error;
	op_format(op, ctx, &line);
	print_error("%s: %s\n", str_text(&line), why);
	str_fini(&line);
}

// One control round; returns how many ops it took.
static size_t turn(void)
{
	const struct plan_exits exits = { .list = &exit_addr, .n = 1 };
	struct kstate k = observe(), want;
	struct path_change change;
	struct path_facts facts;
	struct op_list ops;
	size_t n;

	for (size_t i = 0; i < config.n_paths; i++) {
		facts = fsms[i].facts;
		plan_readiness(&paths[i], &k, AF_INET, &facts);
		if (!facts.ready)
			fail_msg("%s: %s %s", paths[i].name, facts.note, facts.advice);
		path_fsm_observe(&fsms[i], &facts, 0, &change);
	}
	plan_want(&config, fsms, NULL, &exits, NULL, &k, &ids, &want);
	plan_diff(&k, &want, &ops, NULL);
	assert_int_equal(kern_apply(kern, &ops, print_failure, &k), 0);
	n = ops.n;
	op_list_fini(&ops);
	kstate_fini(&want);
	kstate_fini(&k);
	return n;
}

static int make_world(void **state)
{
	static const char *const commands[] = {
		"ip link set lo up",
		"ip link add br0 type veth peer name lan",
		"ip link add eth1 type veth peer name isp1",
		"ip link add tun.1 type veth peer name isp2",
		"for i in br0 lan eth1 isp1 tun.1 isp2; do ip link set $i up; done",
		"ip addr add 192.168.5.1/24 dev br0",
		"ip addr add 192.0.2.2/24 dev eth1",
		"ip addr add 2001:db8::2/64 dev eth1 nodad",
		"ip addr add 10.8.0.2 peer 10.8.0.1/32 dev tun.1",
		// a gateway outside the network, as some providers have it
		"ip route add default via 198.51.100.1 dev eth1 onlink proto dhcp metric 100",
		"ip -6 route add default via fe80::1 dev eth1 proto ra metric 1024",
		"sysctl -qw net.ipv4.conf.eth1.rp_filter=1 net/ipv4/conf/tun.1/rp_filter=1",
	};
	struct kern_options options = { .mode = KERN_MANAGE };
	struct str why = { 0 };
	int rc;

	(void)state;
	if (is_emulated() || !netns_enter() || system("command -v ip sysctl >/dev/null") != 0)
		exit(77);
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		sh(commands[i]);
	rc = kern_open(&options, &kern, &why);
	if (rc == -EOPNOTSUPP)
		exit(77);
	if (rc < 0)
		fail_msg("%s", str_text(&why));
	exit_addr = addr_of("203.0.113.10");
	for (size_t i = 0; i < config.n_paths; i++)
		path_fsm_init(&fsms[i], false, 0);
	return 0;
}

static int close_world(void **state)
{
	(void)state;
	kern_close(kern);
	return 0;
}

static void routes_as_meant(void **state)
{
	static const struct {
		const char *packet, *way; // as of ip-route(8) get
	} cases[] = {
		{ "203.0.113.10 from 192.0.2.2", "via 198.51.100.1 dev eth1 table 101" },
		{ "203.0.113.10 from 10.8.0.2", "dev tun.1 table 102" },
		{ "2001:4860::1 from 2001:db8::2", "via fe80::1 dev eth1 table 101" },
		// the LAN is near, from whichever address
		{ "192.168.5.40 from 10.8.0.2", "dev br0" },
		// what TPROXY took is ours, whatever else is in its mark
		{ "203.0.113.10 from 192.168.5.40 iif br0 mark 0x6d000000", "^local" },
		{ "203.0.113.10 from 192.168.5.40 iif br0 mark 0x6d00ca6c", "^local" },
		{ "2001:4860::1 mark 0x6d000000", "dev lo table 100" },
		// others' marks are not
		{ "203.0.113.10 from 192.0.2.2 mark 0x6c000000", "dev eth1 table 101" },
	};

	(void)state;
	assert_true(turn() > 0);
	assert_int_equal(turn(), 0);
	for (int split = 0; split < 2; split++) {
		for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
			char command[200];

			snprintf(command, sizeof(command), "ip route get %s | grep -q '%s'",
				 cases[i].packet, cases[i].way);
			sh(command);
		}
		// the same once a VPN has put its halves of a default route into main
		sh("ip route replace 0.0.0.0/1 dev tun.1 && ip route replace 128.0.0.0/1 dev tun.1 "
		   "&& ip -6 route replace 2000::/3 dev tun.1");
	}
	assert_int_equal(turn(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(routes_as_meant),
	};

	return cmocka_run_group_tests(tests, make_world, close_world);
}
