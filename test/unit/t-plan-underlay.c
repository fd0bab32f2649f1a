// SPDX-License-Identifier: GPL-2.0-or-later
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "kworld.h"

#include "plan/plan.h"

#define N 4

static const char *const names[N] = { "ppp0", "tun0", "tun1", "wwan0" };

struct house {
	struct config_path paths[N];
	struct config config;
	struct kstate k;
	int under[N];
};

// Path i is on interface names[i], with index 10 + i.
static void house_init(struct house *h)
{
	*h = (struct house){ .config = { .n_paths = N } };
	h->config.paths = h->paths;
	for (int i = 0; i < N; i++) {
		strcpy(h->paths[i].name, names[i]);
		strcpy(h->paths[i].interface, names[i]);
		add_link(&h->k, 10 + i, names[i], true);
		h->under[i] = -1;
	}
}

// A tunnel whose packets leave by the link with that index; 0: there is no route.
static void route_tunnel(struct house *h, int path, int ifindex)
{
	h->k.links[path].tunnel.remote = addr_of("198.51.100.9");
	h->k.links[path].under = ifindex;
}

static void expect(struct house *h, int ppp0, int tun0, int tun1, int wwan0)
{
	const int wanted[N] = { ppp0, tun0, tun1, wwan0 };

	plan_underlays(&h->config, &h->k, h->under);
	for (int i = 0; i < N; i++) {
		if (h->under[i] != wanted[i])
			fail_msg("%s rides %d, not %d", names[i], h->under[i], wanted[i]);
	}
}

static void follows_the_routes(void **state)
{
	struct house h;

	(void)state;
	house_init(&h);
	expect(&h, -1, -1, -1, -1);
	route_tunnel(&h, 1, 10);
	route_tunnel(&h, 2, 11); // a tunnel in the tunnel
	expect(&h, -1, 0, 1, -1);
	route_tunnel(&h, 1, 13);
	expect(&h, -1, 3, 1, -1);
	route_tunnel(&h, 1, 77); // an interface that is no path
	expect(&h, -1, -1, 1, -1);
	kstate_fini(&h.k);
}

static void looks_through_what_is_no_path(void **state)
{
	struct house h;

	(void)state;
	house_init(&h);
	add_link(&h.k, 50, "vlan7", false);
	h.k.links[N].under = 13;
	route_tunnel(&h, 1, 50);
	expect(&h, -1, 3, -1, -1);
	kstate_fini(&h.k);
}

// pppd takes the route to the VPN's server along when it hangs up: ppp0 is the cause all the same.
static void remembers_a_route_that_went_with_its_line(void **state)
{
	struct house h;

	(void)state;
	house_init(&h);
	route_tunnel(&h, 1, 10);
	expect(&h, -1, 0, -1, -1);
	h.k.links[0].name[0] = '?';
	route_tunnel(&h, 1, 0);
	expect(&h, -1, 0, -1, -1);
	// the tunnel's device has gone too
	h.k.links[1].name[0] = '?';
	expect(&h, -1, 0, -1, -1);
	// until the routes say something else
	h.k.links[1].name[0] = 't';
	route_tunnel(&h, 1, 13);
	expect(&h, -1, 3, -1, -1);
	// or the path is none any more
	route_tunnel(&h, 1, 0);
	h.paths[3].gone = true;
	expect(&h, -1, -1, -1, -1);
	kstate_fini(&h.k);
}

static void believes_the_configuration_first(void **state)
{
	struct house h;

	(void)state;
	house_init(&h);
	route_tunnel(&h, 1, 10);
	strcpy(h.paths[1].over, "wwan0");
	strcpy(h.paths[2].over, "ppp0");
	expect(&h, -1, 3, 0, -1);
	strcpy(h.paths[1].over, "tun0");
	expect(&h, -1, -1, 0, -1);
	kstate_fini(&h.k);
}

static void survives_a_circle(void **state)
{
	struct house h;

	(void)state;
	house_init(&h);
	route_tunnel(&h, 1, 12);
	route_tunnel(&h, 2, 11);
	route_tunnel(&h, 3, 11);
	plan_underlays(&h.config, &h.k, h.under);
	for (int i = 0; i < N; i++) {
		int at = i, steps = 0;

		while (at >= 0 && steps++ < N)
			at = h.under[at];
		assert_true(steps < N);
	}
	kstate_fini(&h.k);
}

static void blames_the_line(void **state)
{
	static const struct {
		const char *what;
		enum path_state line, tunnel;
		int64_t since_ms; // of the line's state
		int64_t suspect_ms;
		bool rides;
	} cases[] = {
		{ "all is well", PATH_STATE_UP, PATH_STATE_UP, 0, 0, false },
		{ "the tunnel's server is dead", PATH_STATE_UP, PATH_STATE_DOWN, 0, 0, false },
		{ "so it is", PATH_STATE_DEGRADED, PATH_STATE_DOWN, 0, 0, false },
		{ "not noticed yet", PATH_STATE_DOWN, PATH_STATE_UP, 99000, 0, false },
		{ "one cause", PATH_STATE_DOWN, PATH_STATE_DOWN, 99000, 0, true },
		{ "the line is being proved", PATH_STATE_PROBING, PATH_STATE_DOWN, 99000, 0, true },
		{ "switched off", PATH_STATE_OFF, PATH_STATE_DOWN, 0, 0, true },
		{ "flapping", PATH_STATE_FLAPPING, PATH_STATE_PROBING, 0, 0, true },
		{ "the tunnel fell first", PATH_STATE_UP, PATH_STATE_DOWN, 0, 99900, true },
		{ "the line was back first", PATH_STATE_UP, PATH_STATE_DOWN, 90000, 0, true },
		{ "but long ago", PATH_STATE_UP, PATH_STATE_DOWN, 80000, 0, false },
	};
	const int under[2] = { -1, 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct path_fsm fsms[2] = {
			{ .state = cases[i].line,
			  .since_ms = cases[i].since_ms,
			  .pulse = { .suspect_ms = cases[i].suspect_ms } },
			{ .state = cases[i].tunnel },
		};

		assert_false(plan_rides_dead_line(fsms, under, 0, 100000));
		if (plan_rides_dead_line(fsms, under, 1, 100000) != cases[i].rides)
			fail_msg("%s", cases[i].what);
	}
}

static void counts_bytes_once(void **state)
{
	static const struct {
		double bytes[N];
		int under[N];
		double shares[N];
	} cases[] = {
		{ { 0, 0, 0, 0 }, { -1, -1, -1, -1 }, { 0, 0, 0, 0 } },
		{ { 60, 0, 0, 40 }, { -1, -1, -1, -1 }, { .6, 0, 0, .4 } },
		// 60 on the line, 20 and 30 of them the tunnels'
		{ { 60, 20, 30, 40 }, { -1, 0, 0, -1 }, { .1, .2, .3, .4 } },
		// a tunnel in a tunnel
		{ { 60, 50, 30, 40 }, { -1, 0, 1, -1 }, { .1, .2, .3, .4 } },
		// read a moment apart
		{ { 40, 50, 0, 50 }, { -1, 0, -1, -1 }, { 0, .5, 0, .5 } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		double bytes[N];

		memcpy(bytes, cases[i].bytes, sizeof(bytes));
		plan_shares(bytes, cases[i].under, N);
		for (int p = 0; p < N; p++)
			assert_true(bytes[p] > cases[i].shares[p] - .001 &&
				    bytes[p] < cases[i].shares[p] + .001);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(follows_the_routes),
		cmocka_unit_test(looks_through_what_is_no_path),
		cmocka_unit_test(remembers_a_route_that_went_with_its_line),
		cmocka_unit_test(believes_the_configuration_first),
		cmocka_unit_test(survives_a_circle),
		cmocka_unit_test(blames_the_line),
		cmocka_unit_test(counts_bytes_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
