// SPDX-License-Identifier: GPL-2.0-or-later
//
// Tests of a path that somebody asks for: what is known of it is put together here, probe/
// measures, plan/ judges, and the answer goes out by the control socket. One at a time: it is for a
// person who waits, and what it sends must not be in the way of another's.
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "role/gateway_priv.h"

static size_t find_slot(const struct gateway *g, const char *name)
{
	size_t slot = 0;

	while (slot < g->n_paths && (strcmp(g->paths[slot].config->name, name) != 0 ||
				     g->paths[slot].config->gone || g->paths[slot].leaving))
		slot++;
	return slot;
}

static const struct path_way *way_of(const struct gateway *g, size_t slot)
{
	const struct gateway_exit *exit = &g->exits[g->test.exit];

	return &g->fsms[slot].facts.way[exit->addrs[0].family == AF_INET6 ? PLAN_V6 : PLAN_V4];
}

// What is at the other end of the link.
static struct addr hop_of(const struct path_way *way)
{
	return addr_is_set(&way->gateway) ? way->gateway : way->peer;
}

static bool costs(const struct gateway *g, size_t slot)
{
	return g->paths[slot].config->optional || g->paths[slot].config->cap_bytes > 0;
}

// Another path over which the exit speaks MPTCP, best of all the one that connections begin on; or
// -1.
static int find_other(const struct gateway *g, size_t slot)
{
	int found = -1;

	for (size_t i = 0; i < g->n_paths; i++) {
		if (i == slot || !path_fsm_verified(&g->fsms[i]) || !g->paths[i].routed ||
		    g->paths[i].mptcp_ok == 0)
			continue;
		if (found < 0 || (int)i == g->first_choice)
			found = (int)i;
	}
	return found;
}

static struct test_context describe(const struct gateway *g, size_t slot, bool mptcp_only)
{
	const struct gateway_path *path = &g->paths[slot];
	const struct path_fsm *fsm = &g->fsms[slot];
	const struct path_way *way = way_of(g, slot);
	int other = find_other(g, slot);

	return (struct test_context){
		.path = path->config->name,
		.interface = path->config->interface,
		.address = way->local,
		.gateway = way->gateway,
		.hop = hop_of(way),
		.table = path->config->table,
		.wanted = path_fsm_wanted(fsm),
		.routed = path->routed && way->routable,
		.state = path_state_word(fsm->state),
		.note = fsm->facts.note,
		.advice = fsm->facts.advice,
		.passing = other >= 0 && g->paths[other].mptcp_ok == 1
				   ? g->paths[other].config->name
				   : NULL,
		.serves = g->exits[g->test.exit].service.serves,
		.has_endpoint = path->endpoint_id > 0,
		.mptcp_only = mptcp_only,
	};
}

static void answer(struct gateway *g, const struct test_facts *facts)
{
	const struct config_exit *exit = g->exits[g->test.exit].config;
	struct test_context context = describe(g, g->test.slot, g->test.order.mptcp);
	struct path_test test = { .time_ms = clock_wall_ms() };

	str_copy(test.path, sizeof(test.path), context.path);
	str_copy(test.exit, sizeof(test.exit), exit->name);
	snprintf(test.endpoint, sizeof(test.endpoint), "%.64s:%u", exit->address, exit->port);
	plan_judge_test(&context, facts, &test);
	g->paths[g->test.slot].probe_bytes += test.bytes;
	ctl_answer_test(g->ctl, &test);
}

static void take_facts(void *ctx, const struct test_facts *facts)
{
	struct gateway *g = ctx;

	answer(g, facts);
	gateway_test_fini(g);
}

static void begin(struct gateway *g)
{
	const struct gateway_exit *exit = &g->exits[g->test.exit];
	const struct path_way *way = way_of(g, g->test.slot);
	int other = g->test.order.mptcp ? find_other(g, g->test.slot) : -1;
	struct exam_target target = { .ifindex = g->fsms[g->test.slot].facts.ifindex,
				      .source = way->local,
				      .hop = hop_of(way),
				      .exit = sockaddr_make(&exit->addrs[0], exit->config->port),
				      .key = exit->key,
				      .fill = g->test.order.speed };

	if (other >= 0)
		target.other = way_of(g, (size_t)other)->local;
	g->test.exam = exam_start(g->loop, &target, take_facts, g);
	wire_key_wipe(&target.key);
}

bool gateway_test_start(void *ctx, const struct path_test_order *order, struct ctl_error *why)
{
	struct gateway *g = ctx;
	size_t slot = find_slot(g, order->path);
	char text[160], hint[160];

	if (g->test.exam) {
		snprintf(text, sizeof(text), "test: %s is being tested",
			 g->paths[g->test.slot].config->name);
		ctl_error_set(why, STATUS_REFUSED, text, "try again in some seconds");
		return false;
	}
	if (slot == g->n_paths) {
		ctl_error_set(why, STATUS_NO_SUCH, "test: the path has just been removed", "");
		return false;
	}
	if (costs(g, slot) && !order->metered) {
		snprintf(text, sizeof(text), "test: %s is metered, and a test sends %s over it",
			 order->path, order->speed ? "up to 4 MB" : "some 20 kB");
		snprintf(hint, sizeof(hint), "'mpgate test %s%s --metered' does it", order->path,
			 order->speed ? " --speed" : "");
		ctl_error_set(why, STATUS_REFUSED, text, hint);
		return false;
	}
	if (costs(g, slot) && !order->may_spend) {
		ctl_error_set(why, STATUS_NOT_ALLOWED,
			      "test: you may look, but not spend data of a metered path",
			      "that needs root or membership of the group mpgate-admin");
		return false;
	}
	if (!g->exits[g->default_exit].n_addrs) {
		snprintf(text, sizeof(text),
			 "test: the address of exit %s is not known, as no name server tells it",
			 g->exits[g->default_exit].config->name);
		ctl_error_set(why, STATUS_FAILED, text, "'mpgate doctor' tells more");
		return false;
	}
	g->test.order = *order;
	g->test.slot = slot;
	g->test.exit = g->default_exit; // whichever is in use when it ends
	if (g->paths[slot].routed && way_of(g, slot)->routable)
		begin(g);
	else
		answer(g, NULL); // there is nothing to measure
	return true;
}

void gateway_test_refuse(struct gateway *g)
{
	struct ctl_error why;
	char text[160];

	snprintf(text, sizeof(text), "test: a reload has changed %s or its exit",
		 g->paths[g->test.slot].config->name);
	ctl_error_set(&why, STATUS_FAILED, text, "test it once more");
	ctl_refuse_test(g->ctl, &why);
	gateway_test_fini(g);
}

void gateway_test_fini(struct gateway *g)
{
	exam_free(g->test.exam);
	g->test.exam = NULL;
}
