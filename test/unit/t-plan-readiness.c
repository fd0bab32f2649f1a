// SPDX-License-Identifier: GPL-2.0-or-later
#include "unit.h"

#include <string.h>

#include "kworld.h"

#include "plan/plan.h"

#define ETH 3

// What the world below has, as bits.
enum {
	LINK = 1,
	UP = 2,
	CARRIER = 4,
	ADDR4 = 8,
	ADDR6 = 16,
	TENTATIVE6 = 32,
	DEFAULT4 = 64,
	DEFAULT6 = 128,
	P2P = 256,
	PEER4 = 512,
	OUR_DEFAULT4 = 1024,    // what we have put there says nothing about the provider
	OTHER_DEFAULT4 = 2048,  // of another interface
	ONLINK_DEFAULT4 = 4096, // no gateway in it
	ALIVE = LINK | UP | CARRIER,
};

static void make_world(unsigned has, struct kstate *k)
{
	*k = (struct kstate){ 0 };
	add_link(k, 1, "lo", false);
	if (has & LINK) {
		add_link(k, ETH, "eth1", has & P2P);
		k->links[1].admin_up = has & UP;
		k->links[1].carrier = has & CARRIER;
	}
	add_addr(k, ETH, "fe80::2", 64, NULL)->global = false;
	add_addr(k, 1, "192.0.2.99", 24, NULL); // of another link
	if (has & ADDR4)
		add_addr(k, ETH, "192.0.2.2", 24, NULL);
	if (has & PEER4)
		add_addr(k, ETH, "192.0.2.2", 32, "198.51.100.1");
	if (has & ADDR6)
		add_addr(k, ETH, "2001:db8::2", 64, NULL);
	if (has & TENTATIVE6)
		add_addr(k, ETH, "2001:db8::2", 64, NULL)->usable = false;
	if (has & DEFAULT4) {
		add_default(k, ETH, "192.0.2.253", AF_INET, 600);
		add_default(k, ETH, "192.0.2.1", AF_INET, 100);
		add_default(k, ETH, "192.0.2.254", AF_INET, 300);
	}
	if (has & DEFAULT6)
		add_default(k, ETH, "fe80::1", AF_INET6, 1024);
	if (has & OUR_DEFAULT4)
		add_default(k, ETH, "192.0.2.1", AF_INET, 0)->protocol = KSTATE_PROTOCOL;
	if (has & OTHER_DEFAULT4)
		add_default(k, 1, "192.0.2.1", AF_INET, 0);
	if (has & ONLINK_DEFAULT4)
		add_default(k, ETH, NULL, AF_INET, 0);
}

static const struct config_path path = { .name = "dsl", .interface = "eth1" };

static void says_what_is_there(void **state)
{
	static const struct {
		unsigned has;
		sa_family_t family;
		const char *reason, *local,
			*gateway; // reason "": ready; local: of the way to the exit
	} cases[] = {
		{ 0, AF_UNSPEC, "no-interface", NULL, NULL },
		{ LINK | CARRIER | ADDR4 | DEFAULT4, AF_UNSPEC, "link-down", NULL, NULL },
		{ LINK | UP | ADDR4 | DEFAULT4, AF_UNSPEC, "no-carrier", NULL, NULL },
		{ ALIVE, AF_UNSPEC, "no-address", NULL, NULL },
		{ ALIVE | TENTATIVE6 | DEFAULT6, AF_INET6, "no-address", NULL, NULL },
		{ ALIVE | ADDR4, AF_UNSPEC, "no-gateway", NULL, NULL },
		{ ALIVE | ADDR4 | OUR_DEFAULT4, AF_UNSPEC, "no-gateway", NULL, NULL },
		{ ALIVE | ADDR4 | OTHER_DEFAULT4, AF_UNSPEC, "no-gateway", NULL, NULL },
		{ ALIVE | ADDR4 | DEFAULT6, AF_UNSPEC, "no-gateway", NULL, NULL },
		{ ALIVE | ADDR4 | DEFAULT4, AF_UNSPEC, "", "192.0.2.2", "192.0.2.1" },
		{ ALIVE | ADDR4 | ONLINK_DEFAULT4, AF_UNSPEC, "", "192.0.2.2", NULL },
		{ ALIVE | ADDR6 | DEFAULT6, AF_UNSPEC, "", "2001:db8::2", "fe80::1" },
		{ ALIVE | PEER4, AF_UNSPEC, "", "192.0.2.2", NULL },
		{ ALIVE | P2P | ADDR4, AF_UNSPEC, "", "192.0.2.2", NULL },
		// a tunnel's default route in main may go anywhere; the link itself needs no
		// gateway
		{ ALIVE | P2P | ADDR4 | DEFAULT4, AF_UNSPEC, "", "192.0.2.2", NULL },
		// the exit's family decides
		{ ALIVE | ADDR4 | DEFAULT4, AF_INET6, "no-address", NULL, NULL },
		{ ALIVE | ADDR4 | DEFAULT4 | ADDR6, AF_INET6, "no-gateway", NULL, NULL },
		{ ALIVE | ADDR4 | DEFAULT4 | ADDR6 | DEFAULT6, AF_INET6, "", "2001:db8::2",
		  "fe80::1" },
		{ ALIVE | ADDR4 | DEFAULT4 | ADDR6 | DEFAULT6, AF_INET, "", "192.0.2.2",
		  "192.0.2.1" },
		{ ALIVE | ADDR4 | DEFAULT4 | ADDR6 | DEFAULT6, AF_UNSPEC, "", "192.0.2.2",
		  "192.0.2.1" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct addr local = addr_of(cases[i].local), gateway = addr_of(cases[i].gateway);
		struct path_facts facts = { 0 };
		const struct path_way *way;
		struct kstate k;

		make_world(cases[i].has, &k);
		plan_readiness(&path, &k, cases[i].family, &facts);
		assert_string_equal(facts.reason, cases[i].reason);
		assert_int_equal(facts.ready, !cases[i].reason[0]);
		assert_int_equal(facts.ifindex, cases[i].has & LINK ? ETH : 0);
		assert_int_equal(facts.note[0] != '\0', !facts.ready);
		way = &facts.way[facts.to_exit];
		if (facts.ready) {
			assert_true(way->routable);
			assert_true(addr_equal(&way->local, &local));
			assert_true(addr_equal(&way->gateway, &gateway));
		}
		kstate_fini(&k);
	}
}

static void tells_what_to_do(void **state)
{
	static const struct {
		unsigned has;
		sa_family_t family;
		const char *note, *advice;
	} cases[] = {
		{ 0, AF_INET, "no interface", "eth1 does not exist (yet)" },
		{ LINK, AF_INET, "interface down", "'ip link set eth1 up'" },
		{ LINK | UP, AF_INET, "no carrier", "check cable, modem or peer of eth1" },
		{ ALIVE, AF_INET, "no IPv4 address",
		  "eth1 has no usable global one; is DHCP running?" },
		{ ALIVE | TENTATIVE6, AF_INET6, "no IPv6 address",
		  "eth1 has one that may not be used (yet): 'ip addr show eth1'" },
		{ ALIVE | ADDR4, AF_UNSPEC, "no gateway",
		  "no default route on eth1 yet: DHCP not finished? or set 'gateway'" },
		{ ALIVE | ADDR4, AF_INET, "no gateway",
		  "no IPv4 default route on eth1 yet: DHCP not finished? or set 'gateway'" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct path_facts facts = { 0 };
		struct kstate k;

		make_world(cases[i].has, &k);
		plan_readiness(&path, &k, cases[i].family, &facts);
		assert_string_equal(facts.note, cases[i].note);
		assert_string_equal(facts.advice, cases[i].advice);
		kstate_fini(&k);
	}
}

// Routes stay in place without a carrier: the address is in use, and must not leave by another
// link.
static void keeps_the_way_without_carrier(void **state)
{
	struct path_facts facts = { 0 };
	struct kstate k;

	(void)state;
	make_world(LINK | UP | ADDR4 | DEFAULT4, &k);
	plan_readiness(&path, &k, AF_UNSPEC, &facts);
	assert_false(facts.ready);
	assert_true(facts.way[PLAN_V4].routable);
	k.links[1].admin_up = false;
	plan_readiness(&path, &k, AF_UNSPEC, &facts);
	assert_false(facts.way[PLAN_V4].routable);
	kstate_fini(&k);
}

static void obeys_the_configured_gateway(void **state)
{
	struct config_path own = path;
	struct path_facts facts = { 0 };
	struct addr far = addr_of("198.51.100.7");
	struct kstate k;

	(void)state;
	own.gateway = far;
	make_world(ALIVE | ADDR4 | DEFAULT4 | ADDR6, &k);
	plan_readiness(&own, &k, AF_UNSPEC, &facts);
	assert_true(facts.ready);
	assert_true(addr_equal(&facts.way[PLAN_V4].gateway, &far));
	assert_false(facts.way[PLAN_V6].routable); // it is of the other family
	kstate_fini(&k);

	make_world(ALIVE | P2P | ADDR4, &k);
	plan_readiness(&own, &k, AF_UNSPEC, &facts);
	assert_true(addr_equal(&facts.way[PLAN_V4].gateway, &far));
	kstate_fini(&k);
}

// Temporary addresses come and go at the head of the list.
static void keeps_the_address_in_use(void **state)
{
	struct addr local = addr_of("2001:db8::a"), newer = addr_of("2001:db8::b");
	struct path_facts facts = { 0 };
	struct kstate k = { 0 };

	(void)state;
	add_link(&k, ETH, "eth1", false);
	add_default(&k, ETH, "fe80::1", AF_INET6, 1024);
	add_addr(&k, ETH, "fd00::5", 64, NULL); // leads nowhere on its own
	add_addr(&k, ETH, "2001:db8::a", 64, NULL);
	plan_readiness(&path, &k, AF_INET6, &facts);
	assert_true(addr_equal(&facts.way[PLAN_V6].local, &local));

	k.addrs[0].local = newer;
	plan_readiness(&path, &k, AF_INET6, &facts);
	assert_true(addr_equal(&facts.way[PLAN_V6].local, &local));

	k.addrs[1].usable = false; // deprecated
	plan_readiness(&path, &k, AF_INET6, &facts);
	assert_true(addr_equal(&facts.way[PLAN_V6].local, &newer));
	kstate_fini(&k);
}

// Two modems of a kind.
static void refuses_the_same_address_twice(void **state)
{
	struct config_path paths[] = { { .interface = "wwan0" }, { .interface = "wwan1" } };
	struct config config = { .paths = paths, .n_paths = 2 };
	struct path_facts facts[2] = { 0 };
	struct kstate k = { 0 };

	(void)state;
	add_link(&k, 3, "wwan0", true);
	add_link(&k, 4, "wwan1", true);
	add_addr(&k, 3, "192.168.8.100", 24, NULL);
	add_addr(&k, 4, "192.168.8.100", 24, NULL);
	plan_readiness_all(&config, &k, AF_INET, facts);
	assert_true(facts[0].ready);
	assert_false(facts[1].ready);
	assert_false(facts[1].way[PLAN_V4].routable);
	assert_string_equal(facts[1].reason, "same-address");
	assert_string_equal(facts[1].advice, "wwan0 has it too; give one modem another network");

	k.addrs[1].local = addr_of("192.168.9.100");
	plan_readiness_all(&config, &k, AF_INET, facts);
	assert_true(facts[0].ready && facts[1].ready);
	kstate_fini(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(says_what_is_there),
		cmocka_unit_test(tells_what_to_do),
		cmocka_unit_test(keeps_the_way_without_carrier),
		cmocka_unit_test(obeys_the_configured_gateway),
		cmocka_unit_test(keeps_the_address_in_use),
		cmocka_unit_test(refuses_the_same_address_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
