// SPDX-License-Identifier: GPL-2.0-or-later
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "kapply.h"
#include "kworld.h"

#include "plan/plan.h"

// ---- Random states

#define RUNS 2000

static unsigned seed;

static unsigned pick(unsigned n)
{
	seed = seed * 1103515245 + 12345;
	return (seed >> 16) % n;
}

static struct addr some_addr(void)
{
	static const char *const addrs[] = { "192.0.2.1", "192.0.2.2", "198.51.100.1",
					     "2001:db8::1", "2001:db8::2" };

	return addr_of(addrs[pick(ARRAY_LEN(addrs))]);
}

static void add_some_route(struct kstate *k, uint8_t protocol)
{
	static const char *const dsts[] = { "0.0.0.0/0", "192.0.2.0/24", "::/0" };
	struct kroute route = {
		.dst = prefix_from(dsts[pick(ARRAY_LEN(dsts))]),
		.gateway = some_addr(),
		.oif = (int)pick(2) + 2,
		.table = 101 + pick(2),
		.metric = pick(2) * 100,
		.protocol = protocol,
		.type = RTN_UNICAST,
	};

	kstate_add_route(k, &route);
}

static void add_some_rule(struct kstate *k, uint8_t protocol)
{
	struct addr src = some_addr();
	struct krule rule = {
		.family = src.family,
		.pref = 1000 + pick(2),
		.table = 101 + pick(2),
		.src = prefix_of(&src, (uint8_t)(addr_len(&src) * 8)),
		.suppress_prefix_len = (int)pick(2) - 1,
		.protocol = protocol,
	};

	kstate_add_rule(k, &rule);
}

// No two endpoints share an id or an address: the kernel does not let them.
static void add_some_endpoint(struct kstate *k, uint8_t first_id)
{
	struct kendpoint e = {
		.id = (uint8_t)(first_id + pick(4)),
		.addr = some_addr(),
		.ifindex = (int)pick(2) + 2,
		.flags = MPTCP_PM_ADDR_FLAG_SUBFLOW | (pick(2) ? MPTCP_PM_ADDR_FLAG_BACKUP : 0),
	};

	for (size_t i = 0; i < k->n_endpoints; i++) {
		if (k->endpoints[i].id == e.id || addr_equal(&k->endpoints[i].addr, &e.addr))
			return;
	}
	kstate_add_endpoint(k, &e);
}

static bool route_slot_is_taken(const struct kstate *k, const struct kroute *route)
{
	for (size_t i = 0; i < k->n_routes; i++) {
		if (k->routes[i].table == route->table && k->routes[i].metric == route->metric &&
		    prefix_equal(&k->routes[i].dst, &route->dst))
			return true;
	}
	return false;
}

static bool has_rule(const struct kstate *k, const struct krule *rule)
{
	for (size_t i = 0; i < k->n_rules; i++) {
		if (krule_equal(&k->rules[i], rule))
			return true;
	}
	return false;
}

// `wanted`: what plan_want() could make: no duplicates. Else what a kernel may hold.
static struct kstate some_state(bool wanted)
{
	static const char *const values[] = { "0", "1", "2" };
	static const char *const texts[] = { NULL, "table inet mpgate {\n}\n",
					     "table inet mpgate { x\n}\n" };
	const char *text = texts[pick(ARRAY_LEN(texts))];
	struct kstate k = { .limits = { pick(3), pick(3) }, .nft = text ? xstrdup(text) : NULL };

	for (unsigned n = pick(5); n > 0; n--) {
		struct kstate one = { 0 };

		add_some_route(&one, KSTATE_PROTOCOL);
		add_some_rule(&one, KSTATE_PROTOCOL);
		if (!wanted || !route_slot_is_taken(&k, one.routes))
			kstate_add_route(&k, one.routes);
		if (!wanted || !has_rule(&k, one.rules))
			kstate_add_rule(&k, one.rules);
		add_some_endpoint(&k, KSTATE_ENDPOINT_FIRST);
		kstate_fini(&one);
	}
	kstate_add_sysctl(&k, "net.ipv4.tcp_mtu_probing", values[pick(3)]);
	return k;
}

static void add_foreign_things(struct kstate *k)
{
	for (unsigned n = pick(4); n > 0; n--) {
		add_some_route(k, RTPROT_STATIC);
		add_some_rule(k, RTPROT_STATIC);
		add_some_endpoint(k, 1);
	}
}

// ---- Properties

static bool same_rules(const struct kstate *a, const struct kstate *b)
{
	if (a->n_rules != b->n_rules)
		return false;
	for (size_t i = 0; i < a->n_rules; i++) {
		if (!has_rule(b, &a->rules[i]))
			return false;
	}
	return true;
}

static bool same_routes(const struct kstate *a, const struct kstate *b)
{
	if (a->n_routes != b->n_routes)
		return false;
	for (size_t i = 0; i < a->n_routes; i++) {
		size_t j = 0;

		while (j < b->n_routes && !kroute_equal(&a->routes[i], &b->routes[j]))
			j++;
		if (j == b->n_routes)
			return false;
	}
	return true;
}

static bool same_endpoints(const struct kstate *a, const struct kstate *b)
{
	if (a->n_endpoints != b->n_endpoints)
		return false;
	for (size_t i = 0; i < a->n_endpoints; i++) {
		const struct kendpoint *x = &a->endpoints[i], *y = NULL;

		for (size_t j = 0; j < b->n_endpoints; j++) {
			if (b->endpoints[j].id == x->id)
				y = &b->endpoints[j];
		}
		if (!y || !addr_equal(&x->addr, &y->addr) || x->ifindex != y->ifindex ||
		    x->flags != y->flags)
			return false;
	}
	return true;
}

static void assert_ordered(const struct op_list *list)
{
	for (size_t i = 1; i < list->n; i++)
		assert_true(list->ops[i - 1].kind <= list->ops[i].kind);
}

static void nothing_to_do_when_all_is_well(void **state)
{
	(void)state;
	for (unsigned run = 0; run < RUNS; run++) {
		struct kstate k = some_state(true);
		struct op_list ops;

		plan_diff(&k, &k, &ops, NULL);
		assert_int_equal(ops.n, 0);
		op_list_fini(&ops);
		kstate_fini(&k);
	}
}

static void applying_the_difference_gives_what_is_wanted(void **state)
{
	(void)state;
	for (unsigned run = 0; run < RUNS; run++) {
		struct kstate a = some_state(false), b = some_state(true);
		struct op_list ops;

		plan_diff(&a, &b, &ops, NULL);
		assert_ordered(&ops);
		for (size_t i = 0; i < ops.n; i++)
			kapply(&a, &ops.ops[i]);
		assert_true(same_routes(&a, &b));
		assert_true(same_rules(&a, &b));
		assert_true(same_endpoints(&a, &b));
		assert_int_equal(a.limits.subflows, b.limits.subflows);
		assert_int_equal(a.limits.add_addr_accepted, b.limits.add_addr_accepted);
		assert_string_equal(a.sysctls[0].value, b.sysctls[0].value);
		assert_int_equal(a.nft == NULL, b.nft == NULL);
		if (b.nft)
			assert_string_equal(a.nft, b.nft);
		op_list_fini(&ops);
		kstate_fini(&a);
		kstate_fini(&b);
	}
}

static bool is_foreign_target(const struct op *op, const struct kstate *k)
{
	switch (op->kind) {
	case OP_ROUTE_DELETE:
		return op->route.protocol != KSTATE_PROTOCOL;
	case OP_ROUTE_ADD: // the kernel would replace it
		for (size_t i = 0; i < k->n_routes; i++) {
			if (k->routes[i].protocol != KSTATE_PROTOCOL &&
			    k->routes[i].table == op->route.table &&
			    k->routes[i].metric == op->route.metric &&
			    prefix_equal(&k->routes[i].dst, &op->route.dst))
				return true;
		}
		return op->route.protocol != KSTATE_PROTOCOL;
	case OP_RULE_DELETE:
	case OP_RULE_ADD:
		return op->rule.protocol != KSTATE_PROTOCOL;
	case OP_ENDPOINT_ADD: // EEXIST
		for (size_t i = 0; i < k->n_endpoints; i++) {
			if (k->endpoints[i].id < KSTATE_ENDPOINT_FIRST &&
			    addr_equal(&k->endpoints[i].addr, &op->endpoint.addr))
				return true;
		}
		return op->endpoint.id < KSTATE_ENDPOINT_FIRST;
	case OP_ENDPOINT_DELETE:
	case OP_ENDPOINT_FLAGS:
		return op->endpoint.id < KSTATE_ENDPOINT_FIRST;
	default:
		return false;
	}
}

static void leaves_others_alone(void **state)
{
	(void)state;
	for (unsigned run = 0; run < RUNS; run++) {
		struct kstate a = some_state(false), b = some_state(true);
		struct op_list ops;

		add_foreign_things(&a);
		plan_diff(&a, &b, &ops, NULL);
		for (size_t i = 0; i < ops.n; i++)
			assert_false(is_foreign_target(&ops.ops[i], &a));
		op_list_fini(&ops);
		kstate_fini(&a);
		kstate_fini(&b);
	}
}

static void takes_everything_of_ours_out(void **state)
{
	(void)state;
	for (unsigned run = 0; run < RUNS; run++) {
		struct kstate a = some_state(false), nothing;
		struct op_list ops;

		plan_want_nothing(&a, &nothing);
		plan_diff(&a, &nothing, &ops, NULL);
		for (size_t i = 0; i < ops.n; i++)
			kapply(&a, &ops.ops[i]);
		assert_int_equal(a.n_routes + a.n_rules + a.n_endpoints, 0);
		assert_null(a.nft);
		op_list_fini(&ops);
		kstate_fini(&a);
		kstate_fini(&nothing);
	}
}

// ---- Single cases

static void replaces_a_route_in_one_step(void **state)
{
	struct kstate a = { 0 }, b = { 0 };
	struct op_list ops;

	(void)state;
	add_default(&a, 3, "192.0.2.1", AF_INET, 0)->protocol = KSTATE_PROTOCOL;
	add_default(&b, 3, "192.0.2.254", AF_INET, 0)->protocol = KSTATE_PROTOCOL;
	plan_diff(&a, &b, &ops, NULL);
	assert_int_equal(ops.n, 1);
	assert_int_equal(ops.ops[0].kind, OP_ROUTE_ADD);
	op_list_fini(&ops);
	kstate_fini(&a);
	kstate_fini(&b);
}

static void reports_what_is_in_the_way(void **state)
{
	struct kstate a = { 0 }, b = { 0 };
	struct str conflicts = { 0 };
	struct op_list ops;

	(void)state;
	add_default(&a, 3, "192.0.2.1", AF_INET, 0)->table = 101;
	add_endpoint(&a, 1, "192.0.2.2", 3);
	*add_default(&b, 3, "192.0.2.254", AF_INET, 0) = (struct kroute){
		.dst = { .addr = { .family = AF_INET } },
		.gateway = addr_of("192.0.2.254"),
		.table = 101,
		.protocol = KSTATE_PROTOCOL,
	};
	add_endpoint(&b, 100, "192.0.2.2", 3);
	plan_diff(&a, &b, &ops, &conflicts);
	assert_int_equal(ops.n, 0);
	assert_string_equal(
		str_text(&conflicts),
		"another program has the route to 0.0.0.0/0 in table 101; take it out, or give the "
		"path "
		"another 'table'\n"
		"another program has the MPTCP endpoint 192.0.2.2 (id 1); take it from there: "
		"NetworkManager's connection.mptcp-flags=disabled, or no mptcpd\n");
	str_fini(&conflicts);
	op_list_fini(&ops);
	kstate_fini(&a);
	kstate_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_to_do_when_all_is_well),
		cmocka_unit_test(applying_the_difference_gives_what_is_wanted),
		cmocka_unit_test(leaves_others_alone),
		cmocka_unit_test(takes_everything_of_ours_out),
		cmocka_unit_test(replaces_a_route_in_one_step),
		cmocka_unit_test(reports_what_is_in_the_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
