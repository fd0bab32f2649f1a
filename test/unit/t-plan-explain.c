// SPDX-License-Identifier: GPL-2.0-or-later
#include "unit.h"

#include <string.h>

#include "plan/plan.h"

static struct addr addr_of(const char *text)
{
	struct addr addr = { 0 };

	if (text)
		assert_int_equal(addr_parse(text, &addr), 0);
	return addr;
}

static struct prefix prefix(const char *text)
{
	struct prefix p;

	assert_int_equal(prefix_parse(text, &p), 0);
	return p;
}

static void names_the_rule_that_decides(void **state)
{
	static const struct {
		const char *to, *from, *rule, *text;
	} cases[] = {
		{ "198.51.100.80", NULL, "carried", "lan.sources" },
		{ "198.51.100.80", "192.168.5.34", "carried",
		  "192.168.5.34 is in lan.sources (192.168.5.32/27)" },
		{ "198.51.100.80", "192.168.5.200", "not-a-source", "192.168.5.200 is in none" },
		{ "198.51.100.80", "192.168.5.40", "source-bypass",
		  "lan.source-bypass (192.168.5.40/32)" },
		{ "203.0.113.80", "192.168.5.34", "bypass", "lan.bypass (203.0.113.64/26)" },
		{ "203.0.113.10", "192.168.5.34", "exit", "an exit" },
		{ "192.168.7.7", "192.168.5.34", "special-range",
		  "192.168.0.0/16 is never carried (private, RFC 1918)" },
		{ "100.64.1.1", NULL, "special-range", "RFC 6598" },
		{ "fe80::1", NULL, "special-range", "RFC 4291" },
		{ "192.168.5.1", "192.168.5.34", "own-address", "on br0" },
		{ "127.0.0.1", NULL, "own-address", "loopback" },
		{ "192.0.2.9", NULL, "path-peer", "far end of path ppp0" },
		{ "2001:db8::1", NULL, "carried", "" },
	};
	struct prefix sources[] = { prefix("192.168.5.32/27") },
		      not_from[] = { prefix("192.168.5.40/32") };
	struct prefix bypass[] = { prefix("203.0.113.64/26") };
	struct config_path path = { .name = "ppp0", .interface = "ppp0" };
	const struct config config = {
		.lan = { .interface = "br0",
			 .sources = { sources, 1 },
			 .source_bypass = { not_from, 1 },
			 .bypass = { bypass, 1 } },
		.paths = &path,
		.n_paths = 1,
	};
	struct addr exit = addr_of("203.0.113.10");
	const struct plan_exits exits = { .list = &exit, .n = 1 };
	struct kstate observed = { 0 };

	(void)state;
	kstate_add_link(&observed, &(struct klink){ .ifindex = 2, .name = "br0" });
	kstate_add_link(&observed, &(struct klink){ .ifindex = 3, .name = "ppp0" });
	kstate_add_addr(&observed,
			&(struct kaddr){ .ifindex = 2, .local = addr_of("192.168.5.1") });
	kstate_add_addr(&observed, &(struct kaddr){ .ifindex = 3,
						    .local = addr_of("192.0.2.8"),
						    .peer = addr_of("192.0.2.9") });
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct addr to = addr_of(cases[i].to), from = addr_of(cases[i].from);
		const struct plan_packet packet = { .to = to,
						    .from = from,
						    .proto = CONFIG_PROTO_TCP };
		const struct plan_ways ways = { 0 };
		struct plan_explanation e;

		plan_explain(&config, &observed, &exits, &ways, &packet, &e);
		if (strcmp(e.rule, cases[i].rule) != 0 || !strstr(e.text, cases[i].text))
			fail_msg("%s from %s: %s: %s", cases[i].to,
				 cases[i].from ? cases[i].from : "-", e.rule, e.text);
		assert_int_equal(e.fate,
				 strcmp(e.rule, "carried") == 0 ? PLAN_CARRIED : PLAN_LET_THROUGH);
	}
	kstate_fini(&observed);
}

static void refuses_ipv6_but_what_is_excepted(void **state)
{
	static const struct {
		const char *to, *from;
		enum plan_fate fate;
	} cases[] = {
		{ "2001:db8::1", NULL, PLAN_REFUSED },
		{ "2001:db8::1", "2001:db8:5::34", PLAN_REFUSED },
		{ "2001:db8::1", "2001:db8:5::40", PLAN_LET_THROUGH },
		{ "2001:db8:80::80", "2001:db8:5::34", PLAN_LET_THROUGH },
		{ "198.51.100.80", "192.168.5.34", PLAN_CARRIED },
	};
	struct prefix sources[] = { prefix("192.168.5.32/27") },
		      not_from[] = { prefix("2001:db8:5::40/128") };
	struct prefix bypass[] = { prefix("2001:db8:80::/48") };
	const struct config config = { .lan = { .interface = "br0",
						.sources = { sources, 1 },
						.source_bypass = { not_from, 1 },
						.bypass = { bypass, 1 },
						.refuse_ipv6 = true } };
	const struct plan_exits exits = { 0 };
	const struct plan_ways ways = { 0 };
	const struct kstate observed = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct plan_packet packet = { .to = addr_of(cases[i].to),
						    .from = addr_of(cases[i].from),
						    .proto = CONFIG_PROTO_TCP };
		struct plan_explanation e;

		plan_explain(&config, &observed, &exits, &ways, &packet, &e);
		if (e.fate != cases[i].fate)
			fail_msg("%s from %s: %s, %s", cases[i].to,
				 cases[i].from ? cases[i].from : "-", plan_fate_word(e.fate),
				 e.text);
	}
}

static void says_why_a_path_is_first(void **state)
{
	static const struct {
		struct plan_candidate paths[2];
		size_t n;
		const char *why;
	} cases[] = {
		{ { { .priority = 100 } }, 0, "" },
		{ { { .priority = 100 } }, 1, "the only path that can begin" },
		{ { { .priority = 100, .rtt_us = 31000 }, { .priority = 100, .rtt_us = 45000 } },
		  2,
		  "lowest RTT, 31 ms, of 2 paths" },
		{ { { .priority = 50 }, { .priority = 100 } }, 2, "priority 50 goes before 100" },
		{ { { .priority = 100 }, { .priority = 50, .reserve = true } },
		  2,
		  "the others are in reserve" },
		{ { { .priority = 1 }, { .priority = 1, .optional = true } },
		  2,
		  "the others are optional" },
		{ { { .rtt_us = -1 }, { .rtt_us = -1 } }, 2, "first in the file; no RTT is known" },
	};
	const int order[] = { 0, 1 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char why[NOTE_SIZE];

		plan_explain_first(cases[i].paths, order, cases[i].n, why);
		assert_string_equal(why, cases[i].why);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_the_rule_that_decides),
		cmocka_unit_test(refuses_ipv6_but_what_is_excepted),
		cmocka_unit_test(says_why_a_path_is_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
