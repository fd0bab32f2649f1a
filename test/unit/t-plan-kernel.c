// SPDX-License-Identifier: GPL-2.0-or-later
// What the plan wants, put into a real kernel, must look there as it was wanted: else each round
// would change it again. And the kernel must do with it what it is for.
#include "unit.h"

#include <errno.h>
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

static void apply_difference(const struct kstate *k, const struct kstate *want, size_t *n)
{
	struct str conflicts = { 0 };
	struct op_list ops;

	plan_diff(k, want, &ops, &conflicts);
	assert_string_equal(str_text(&conflicts), "");
	assert_int_equal(kern_apply(kern, &ops, print_failure, (void *)k), 0);
	*n = ops.n;
	op_list_fini(&ops);
}

// One control round; returns how many ops it took.
static size_t turn(void)
{
	const struct plan_exits exits = { &exit_addr, 1 };
	struct kstate k = observe(), want;
	struct path_change change;
	struct path_facts facts;
	size_t n;

	for (size_t i = 0; i < config.n_paths; i++) {
		facts = fsms[i].facts;
		plan_readiness(&paths[i], &k, AF_INET, &facts);
		if (!facts.ready)
			fail_msg("%s: %s %s", paths[i].name, facts.note, facts.advice);
		path_fsm_observe(&fsms[i], &facts, 0, &change);
	}
	plan_want(&config, fsms, &exits, &k, &ids, &want);
	apply_difference(&k, &want, &n);
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
	if (!netns_enter() || system("command -v ip sysctl >/dev/null") != 0)
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

static void settles_in_one_round(void **state)
{
	struct path_change change;

	(void)state;
	assert_true(turn() > 0);
	assert_int_equal(turn(), 0);
	for (size_t i = 0; i < config.n_paths; i++) {
		path_fsm_probe(&fsms[i], 0, 30000, 0, &change);
		path_fsm_probe(&fsms[i], 0, 30000, 0, &change);
	}
	assert_int_equal(turn(), 2);
	assert_int_equal(turn(), 0);
}

// Answers are what the route lookup says for packets that exist only in the question.
static void routes_as_meant(void **state)
{
	(void)state;
	sh("ip route get 203.0.113.10 from 192.0.2.2 | grep -q 'via 198.51.100.1 dev eth1 table "
	   "101'");
	sh("ip route get 203.0.113.10 from 10.8.0.2 | grep -q 'dev tun.1 table 102'");
	sh("ip -6 route get 2001:4860::1 from 2001:db8::2 | grep -q 'via fe80::1 dev eth1 table "
	   "101'");
	// the LAN is near from everywhere, also where a VPN has split the default route in two
	sh("ip route get 192.168.5.40 from 10.8.0.2 | grep -q 'dev br0'");
	sh("ip route add 0.0.0.0/1 dev tun.1 && ip route add 128.0.0.0/1 dev tun.1 && "
	   "ip -6 route add 2000::/3 dev tun.1");
	sh("ip route get 203.0.113.10 from 192.0.2.2 | grep -q 'dev eth1 table 101'");
	sh("ip route get 8.8.8.8 from 192.0.2.2 | grep -q 'dev eth1 table 101'");
	sh("ip -6 route get 2001:4860::1 from 2001:db8::2 | grep -q 'dev eth1 table 101'");
	// what TPROXY took is ours, and other marks are not
	sh("ip route get 203.0.113.10 from 192.168.5.40 iif br0 mark 0x6d000000 | grep -q "
	   "'^local'");
	sh("ip route get 203.0.113.10 from 192.168.5.40 iif br0 mark 0x6d00ca6c | grep -q "
	   "'^local'");
	sh("ip -6 route get 2001:4860::1 mark 0x6d000000 | grep -q 'dev lo table 100'");
	sh("! ip route get 203.0.113.10 mark 0x6c000000 | grep -q '^local'");
	assert_int_equal(turn(), 0);
}

static void heals_what_was_done_to_it(void **state)
{
	(void)state;
	sh("ip route del default table 101 && ip rule del pref 1001 && ip mptcp endpoint del id "
	   "100");
	// and something with our mark that is not wanted
	sh("ip rule add pref 1002 from 192.0.2.9 lookup 101 protocol 199");
	assert_int_equal(turn(), 4);
	assert_int_equal(turn(), 0);
	sh("ip mptcp endpoint show | grep -q '192.0.2.2 id 102 '");
}

static void leaves_nothing(void **state)
{
	struct kstate k = observe(), nothing;
	size_t n;

	(void)state;
	plan_want_nothing(&k, &nothing);
	apply_difference(&k, &nothing, &n);
	kstate_fini(&nothing);
	kstate_fini(&k);
	sh("test -z \"$(ip mptcp endpoint show; ip route show table all proto 199; "
	   "ip -6 route show table all proto 199; ip rule | grep 'proto 199'; "
	   "ip -6 rule | grep 'proto 199')\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(settles_in_one_round),
		cmocka_unit_test(routes_as_meant),
		cmocka_unit_test(heals_what_was_done_to_it),
		cmocka_unit_test(leaves_nothing),
	};

	return cmocka_run_group_tests(tests, make_world, close_world);
}
