// SPDX-License-Identifier: GPL-2.0-or-later
// What plan/ wants, applied to the running kernel: everything is accepted, the next look finds
// nothing left to do, and a clean stop leaves nothing. In a network namespace of its own; skipped
// (77) without.
#include "unit.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "kern/kern.h"
#include "kworld.h"
#include "kstage.h"
#include "netns.h"
#include "plan/plan.h"

#define SKIPPED 77
#define PATHS   3

struct gateway {
	struct config config;
	struct config_path paths[PATHS];
	struct path_fsm fsms[PATHS];
	struct path_facts facts[PATHS];
	struct plan_ids ids;
	struct plan_exits exits;
	struct addr exit;
	struct prefix bypass;
	struct kern *kern;
	struct kstate observed;
	int64_t now_ms;
};

static bool shell(const char *command)
{
	return system(command) == 0;
}

static void observe(struct gateway *g)
{
	struct plan_names names = plan_sysctls_for_gateway(&g->config);
	struct str why = { 0 };

	kstate_fini(&g->observed);
	if (kern_observe(g->kern, (const char *const *)names.list, names.n, &g->observed, &why) < 0)
		fail_msg("%s", str_text(&why));
	plan_names_fini(&names);
}

static void gateway_init(struct gateway *g, const char *exit)
{
	static const char *const interfaces[PATHS] = { "eth9", "ppp9", "eth8.5" };
	const struct kern_options options = { .mode = KERN_MANAGE, .saved_path = saved_path };
	struct str why = { 0 };

	*g = (struct gateway){ .exit = addr_of(exit), .bypass = prefix_from("203.0.113.80/32") };
	g->exits = (struct plan_exits){ .list = &g->exit, .n = 1 };
	g->config.paths = g->paths;
	g->config.n_paths = PATHS;
	strcpy(g->config.lan.interface, "peer9");
	g->config.lan.tproxy_port = 12345;
	g->config.lan.bypass = (struct config_prefixes){ .list = &g->bypass, .n = 1 };
	for (size_t i = 0; i < PATHS; i++) {
		strcpy(g->paths[i].name, interfaces[i]);
		strcpy(g->paths[i].interface, interfaces[i]);
		g->paths[i].table = 101 + 100 * (uint32_t)i; // the last one above 255
		g->paths[i].priority = 100;
		path_fsm_init(&g->fsms[i], false, 0);
	}
	if (kern_open(&options, &g->kern, &why) < 0)
		fail_msg("%s", str_text(&why));
	observe(g);
}

static void gateway_fini(struct gateway *g)
{
	kern_close(g->kern);
	kstate_fini(&g->observed);
}

static void report(void *ctx, const struct op *op, int error, const char *why)
{
	struct gateway *g = ctx;
	struct str text = { 0 };

	op_format(op, &g->observed, &text);
	fail_msg("%s: %s (%d)", str_text(&text), why, error);
}

// Applies the difference; returns how many ops it took.
static size_t apply(struct gateway *g, const struct kstate *want)
{
	struct str conflicts = { 0 };
	struct op_list ops;
	size_t n;

	plan_diff(&g->observed, want, &ops, &conflicts);
	assert_string_equal(str_text(&conflicts), "");
	n = ops.n;
	assert_int_equal(kern_apply(g->kern, &ops, report, g), 0);
	op_list_fini(&ops);
	observe(g);
	return n;
}

// One round of the gateway.
static size_t turn(struct gateway *g)
{
	struct path_change change;
	struct kstate want;
	size_t n;

	for (size_t i = 0; i < PATHS; i++) {
		plan_readiness(&g->paths[i], &g->observed, g->exit.family, &g->facts[i]);
		path_fsm_observe(&g->fsms[i], &g->facts[i], g->now_ms, &change);
	}
	plan_want(&g->config, g->fsms, NULL, &g->exits, NULL, &g->observed, &g->ids, &want);
	n = apply(g, &want);
	kstate_fini(&want);
	return n;
}

static void probe_all(struct gateway *g, int error)
{
	struct path_change change;

	for (size_t i = 0; i < PATHS; i++) {
		for (int j = 0; j < PATH_GOOD_FOR_FIRST_UP; j++)
			path_fsm_probe(&g->fsms[i], error, 30000, g->now_ms += 500, &change);
	}
}

static size_t count_ours(const struct gateway *g)
{
	size_t n = g->observed.n_endpoints;

	for (size_t i = 0; i < g->observed.n_routes; i++)
		n += g->observed.routes[i].protocol == KSTATE_PROTOCOL;
	for (size_t i = 0; i < g->observed.n_rules; i++)
		n += g->observed.rules[i].protocol == KSTATE_PROTOCOL;
	return n;
}

static void stop(struct gateway *g)
{
	struct kstate want;
	struct str notes = { 0 };

	plan_want_nothing(&g->observed, &want);
	apply(g, &want);
	assert_int_equal(count_ours(g), 0);
	assert_int_equal(kern_restore(g->kern, &notes), 0);
	assert_string_equal(str_text(&notes), "");
	kstate_fini(&want);
}

static void test_comes_to_rest(void **state)
{
	const char *exit = *state;
	struct gateway g;

	gateway_init(&g, exit);
	assert_true(turn(&g) > 0);
	assert_int_equal(turn(&g), 0);
	assert_true(count_ours(&g) > 0);
	assert_int_equal(g.observed.n_endpoints, 0);
	probe_all(&g, 0);
	assert_true(turn(&g) > 0);
	assert_int_equal(turn(&g), 0);
	assert_int_equal(g.observed.n_endpoints, PATHS);
	assert_true(shell("nft list chain inet mpgate prerouting >/dev/null"));
	stop(&g);
	gateway_fini(&g);
}

static void test_after_a_crash(void **state)
{
	struct gateway g;
	size_t before;

	gateway_init(&g, *state);
	turn(&g);
	probe_all(&g, 0);
	turn(&g);
	before = count_ours(&g);
	gateway_fini(&g); // as kill -9: all stays but the nft table

	gateway_init(&g, *state);
	turn(&g);
	probe_all(&g, 0);
	turn(&g);
	assert_int_equal(turn(&g), 0);
	// no duplicate and nothing stale
	assert_int_equal(count_ours(&g), before);
	stop(&g);
	gateway_fini(&g);
}

// A link that goes down takes its routes along and keeps its endpoint: the rest is taken out, and
// all of it comes back with the link.
static void test_link_goes_and_comes(void **state)
{
	struct gateway g;
	size_t before;

	gateway_init(&g, *state);
	turn(&g);
	probe_all(&g, 0);
	turn(&g);
	before = count_ours(&g);
	assert_true(shell("ip link set ppp9 down"));
	observe(&g);
	assert_true(turn(&g) > 0);
	assert_int_equal(turn(&g), 0);
	assert_true(count_ours(&g) < before);
	assert_int_equal(g.observed.n_endpoints, PATHS - 1);
	assert_true(shell("ip link set ppp9 up && ip -6 addr replace 2001:db8:7::7 peer "
			  "2001:db8:7::1 dev ppp9 nodad"));
	observe(&g);
	turn(&g);
	for (int i = 0; i < PATH_GOOD_AFTER_FAILURE; i++)
		probe_all(&g, 0);
	turn(&g);
	assert_int_equal(turn(&g), 0);
	assert_int_equal(g.observed.n_endpoints, PATHS);
	assert_int_equal(count_ours(&g), before);
	stop(&g);
	gateway_fini(&g);
}

// ---- the stage

// Stands for PPP. It has a carrier while this process has it open, which is until the end.
static bool raise_tun(const char *name)
{
	struct ifreq request = { .ifr_flags = IFF_TUN | IFF_NO_PI };
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	strcpy(request.ifr_name, name);
	return fd >= 0 && ioctl(fd, TUNSETIFF, &request) == 0;
}

static int set_stage(void **state)
{
	(void)state;
	if (!make_saved_folder())
		return -1;
	if (!raise_tun("ppp9"))
		return -1;
	return shell("ip link set lo up && "
		     "ip link add eth9 type veth peer name peer9 && "
		     "ip link add eth8.5 type veth peer name peer8 && "
		     "for i in eth9 peer9 eth8.5 peer8 ppp9; do ip link set $i up; done && "
		     "ip addr add 192.0.2.9/24 dev eth9 && "
		     "ip addr add 198.51.100.9/25 dev eth8.5 && "
		     "ip addr add 10.64.0.7 peer 10.64.0.1 dev ppp9 && "
		     "ip -6 addr add 2001:db8:9::9/64 dev eth9 nodad && "
		     "ip -6 addr add 2001:db8:8::9/64 dev eth8.5 nodad && "
		     "ip -6 addr add 2001:db8:7::7 peer 2001:db8:7::1 dev ppp9 nodad && "
		     "ip route add default via 192.0.2.1 dev eth9 proto dhcp metric 100 && "
		     "ip route add default via 198.51.100.1 dev eth8.5 proto dhcp metric 200 && "
		     "ip -6 route add default via fe80::1 dev eth9 proto ra metric 100 && "
		     "ip -6 route add default via 2001:db8:8::1 dev eth8.5 metric 200")
		       ? 0
		       : -1;
}

int main(void)
{
	static char v4[] = "203.0.113.10", v6[] = "2001:db8:ffff::10";
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_prestate(test_comes_to_rest, v4),
		cmocka_unit_test_prestate(test_comes_to_rest, v6),
		cmocka_unit_test_prestate(test_after_a_crash, v4),
		cmocka_unit_test_prestate(test_link_goes_and_comes, v4),
		cmocka_unit_test_prestate(test_link_goes_and_comes, v6),
	};

	return can_run() ? cmocka_run_group_tests(tests, set_stage, clear_stage) : SKIPPED;
}
