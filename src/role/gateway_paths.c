// SPDX-License-Identifier: GPL-2.0-or-later
//
// The path manager's round: observe -> decide -> apply, and what probe and relay are told of it.
// Boot, kernel event, probe result and command all lead here; nothing else changes the kernel.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "role/gateway_priv.h"

// After a change that the kernel refused.
#define RETRY_S 5.
// There is no kernel event for endpoints, limits and sysctls.
#define LOOK_S 30.
// Rounds in a row that found something to do. Our own changes raise events, so if the kernel (or
// another program) does not keep what we set, the next round sets it again: not without a pause.
#define RESTLESS_ROUNDS 50

struct round {
	struct gateway *g;
	bool failed;
};

static void note_failure(void *ctx, const struct op *op, int error, const char *why)
{
	struct round *round = ctx;
	struct gateway *g = round->g;
	struct str text = { 0 };

	(void)error;
	round->failed = true;
	op_format(op, &g->observed, &text);
	str_addf(&text, ": %s", why);
	if (!g->last_failure || strcmp(g->last_failure, str_text(&text)) != 0) {
		gateway_event(g, LOG_LEVEL_WARNING, "gw", "KERNEL", "%s; again in %.0f s",
			      str_text(&text), RETRY_S);
		free(g->last_failure);
		g->last_failure = str_take(&text);
	}
	str_fini(&text);
}

static bool is_out(const struct path_fsm *fsm)
{
	return fsm->state == PATH_STATE_DOWN || fsm->state == PATH_STATE_FLAPPING ||
	       fsm->state == PATH_STATE_BLOCKED;
}

static bool rides_dead_line(const struct gateway *g, size_t slot)
{
	return plan_rides_dead_line(g->fsms, g->under, slot, clock_mono_ms());
}

// All of them: then it is not the paths, and the gateway's own alarm says so.
static bool is_blocked_as_all(const struct gateway *g, size_t slot)
{
	return g->fsms[slot].state == PATH_STATE_BLOCKED && g->verdict == VERDICT_NOT_BONDED &&
	       !gateway_is_any_up(g);
}

// What is known to be the exit's fault is one alarm, not one of each path.
static bool is_exits_fault(const struct gateway *g, size_t slot)
{
	return g->verdict == VERDICT_SERVER_UNREACHABLE &&
	       path_fsm_exit_fault(&g->fsms[slot], clock_mono_ms());
}

static void settle_alarm(struct gateway *g, size_t slot)
{
	const struct path_fsm *fsm = &g->fsms[slot];
	const char *name = g->paths[slot].config->name;
	char text[NOTE_SIZE];

	// it is out until it has been dialled and proved, and no other alarm than before
	if (fsm->state == PATH_STATE_DIALING || (fsm->state == PATH_STATE_PROBING && fsm->failed))
		return;
	// what was going to be done then is over when somebody reads it
	snprintf(text, sizeof(text), "%s %s: %.*s", name, path_state_word(fsm->state),
		 (int)strcspn(g->paths[slot].last_change, ";"), g->paths[slot].last_change);
	if (is_out(fsm) && !rides_dead_line(g, slot) && !is_exits_fault(g, slot) &&
	    !is_blocked_as_all(g, slot))
		gateway_alarm_raise(g, name, "down", text);
	else
		gateway_alarm_clear(g, name, "down");
}

void gateway_settle_alarms(struct gateway *g)
{
	for (size_t i = 0; i < g->n_paths; i++) {
		if (!g->paths[i].config->gone && !g->paths[i].leaving)
			settle_alarm(g, i);
	}
}

void gateway_note_change(struct gateway *g, size_t slot, const struct path_change *change)
{
	struct gateway_path *path = &g->paths[slot];
	unsigned subflows = g->counters.paths[slot].subflows;
	bool was_used = change->from == PATH_STATE_UP || change->from == PATH_STATE_DEGRADED;
	bool out = is_out(&g->fsms[slot]);
	char effect[40] = "";

	path->state_changes += change->from != change->to;
	if (out && rides_dead_line(g, slot))
		snprintf(effect, sizeof(effect), "; it rides %s",
			 g->paths[g->under[slot]].config->name);
	else if (out && was_used && subflows)
		snprintf(effect, sizeof(effect), "; %u subflow%s move%s", subflows,
			 subflows == 1 ? "" : "s", subflows == 1 ? "s" : "");
	gateway_event(g, change->level, path->config->name, path_state_word(change->to), "%.*s%s",
		      effect[0] ? 110 : EVENT_TEXT_SIZE - 1, change->text, effect);
	str_copy(path->last_change, sizeof(path->last_change), change->text);
	settle_alarm(g, slot);
	if (out && g->under[slot] >= 0)
		path_fsm_doubt(&g->fsms[g->under[slot]], clock_mono_ms());
	// what rides it has no alarm of its own while this one is out, and is asked at once
	for (size_t i = 0; i < g->n_paths; i++) {
		if (g->under[i] != (int)slot)
			continue;
		settle_alarm(g, i);
		if (out)
			path_fsm_doubt(&g->fsms[i], clock_mono_ms());
	}
}

static bool observe(struct gateway *g)
{
	struct kstate now = { 0 };
	struct str why = { 0 };
	int rc = kern_observe(g->kern, (const char *const *)g->sysctls.list, g->sysctls.n, &now,
			      &why);

	if (rc < 0) {
		gateway_event(g, LOG_LEVEL_ERROR, "gw", "KERNEL",
			      "cannot read the network's state: %s", str_text(&why));
	} else {
		kstate_fini(&g->observed);
		g->observed = now;
	}
	str_fini(&why);
	return rc == 0;
}

static const struct krule *find_rule(const struct kstate *k, const struct addr *from)
{
	for (size_t i = 0; i < k->n_rules; i++) {
		if (k->rules[i].protocol == KSTATE_PROTOCOL && addr_is_set(from) &&
		    addr_equal(&k->rules[i].src.addr, from))
			return &k->rules[i];
	}
	return NULL;
}

bool gateway_is_routed(const struct gateway *g, const struct addr *from)
{
	return find_rule(&g->observed, from) != NULL;
}

static int find_endpoint(const struct kstate *k, const struct path_facts *facts)
{
	for (size_t i = 0; i < k->n_endpoints; i++) {
		for (int family = 0; family < PLAN_FAMILIES; family++) {
			const struct addr *local = &facts->way[family].local;

			if (addr_is_set(local) && addr_equal(&k->endpoints[i].addr, local))
				return k->endpoints[i].id;
		}
	}
	return 0;
}

static const struct path_way *way_to_exit(const struct gateway *g, size_t slot)
{
	struct addr exit = gateway_exit_address(g);

	return &g->fsms[slot].facts.way[exit.family == AF_INET6 ? PLAN_V6 : PLAN_V4];
}

static void judge_paths(struct gateway *g)
{
	int64_t now_ms = clock_mono_ms();
	struct addr exit = gateway_exit_address(g);
	struct path_facts facts[PATHS_MAX];

	for (size_t i = 0; i < g->n_paths; i++)
		facts[i] = g->fsms[i].facts;
	plan_readiness_all(g->config, &g->observed, exit.family, facts);
	plan_underlays(g->config, &g->observed, g->under);
	for (size_t i = 0; i < g->n_paths; i++) {
		struct gateway_path *path = &g->paths[i];
		struct path_change change;

		if (path_fsm_observe(&g->fsms[i], &facts[i], now_ms, &change))
			gateway_note_change(g, i, &change);
		path->routed = gateway_is_routed(g, &way_to_exit(g, i)->local);
		path->endpoint_id = find_endpoint(&g->observed, &facts[i]);
	}
}

static void collect_exit_addresses(const struct gateway *g, struct addr *list, size_t *n)
{
	*n = 0;
	for (size_t i = 0; i < g->n_exits; i++) {
		const struct gateway_exit *exit = &g->exits[(g->default_exit + i) % g->n_exits];

		for (int a = 0; a < exit->n_addrs; a++)
			list[(*n)++] = exit->addrs[a];
	}
}

static void want(const struct gateway *g, struct plan_ids *ids, struct kstate *out)
{
	struct addr list[RELAY_EXITS_MAX * RESOLVER_ADDRS_MAX];
	struct plan_exits exits = { .list = list, .down = g->pins.exits_down };

	collect_exit_addresses(g, list, &exits.n);
	plan_want(g->config, g->fsms, g->uses.use, &exits, &g->udp.plan, &g->observed, ids, out);
}

static void apply(struct gateway *g)
{
	struct round round = { .g = g };
	struct kstate wanted = { 0 };
	struct op_list ops = { 0 };
	struct str conflicts = { 0 };

	want(g, &g->ids, &wanted);
	plan_diff(&g->observed, &wanted, &ops, &conflicts);
	if (ops.n)
		log_debug("gateway: %zu changes to the kernel", ops.n);
	kern_apply(g->kern, &ops, note_failure, &round);
	if (conflicts.len &&
	    (!g->last_failure || strcmp(g->last_failure, str_text(&conflicts)) != 0)) {
		gateway_event(g, LOG_LEVEL_WARNING, "gw", "CONFLICT", "%s", str_text(&conflicts));
		free(g->last_failure);
		g->last_failure = str_take(&conflicts);
	} else if (!round.failed && !conflicts.len) {
		free(g->last_failure);
		g->last_failure = NULL;
	}
	g->busy_rounds = ops.n ? g->busy_rounds + 1 : 0;
	if (g->busy_rounds >= RESTLESS_ROUNDS) {
		round.failed = true;
		if (g->busy_rounds == RESTLESS_ROUNDS)
			gateway_event(g, LOG_LEVEL_WARNING, "gw", "KERNEL",
				      "does not keep what is set; does another program manage "
				      "routes, rules or "
				      "endpoints here? 'mpgate plan' shows what is missing");
	}
	// endpoints and limits raise no event, so what was done is looked at again
	if (ops.n && observe(g))
		judge_paths(g);
	ev_timer_stop(g->loop, &g->retry);
	ev_timer_set(&g->retry, round.failed ? RETRY_S : LOOK_S, 0.);
	ev_timer_start(g->loop, &g->retry);
	op_list_fini(&ops);
	kstate_fini(&wanted);
	str_fini(&conflicts);
}

static void set_probes(struct gateway *g)
{
	struct addr exit = gateway_exit_address(g);
	struct probe_target targets[PATHS_MAX];
	int64_t now_ms = clock_mono_ms();
	size_t n = 0;

	for (size_t i = 0; addr_is_set(&exit) && i < g->n_paths; i++) {
		const struct path_fsm *fsm = &g->fsms[i];
		const struct path_way *way = way_to_exit(g, i);
		int interval_ms = path_fsm_probe_interval_ms(fsm, now_ms);

		g->paths[i].interval_ms = interval_ms;
		if (!interval_ms || !g->paths[i].routed || !way->routable)
			continue;
		targets[n++] = (struct probe_target){
			.path = (int)i,
			.ifindex = fsm->facts.ifindex,
			.source = way->local,
			.gateway = addr_is_set(&way->gateway) ? way->gateway : way->peer,
			.exit = sockaddr_make(&exit, g->exits[g->default_exit].config->port),
			.interval_ms = interval_ms,
			.timeout_ms = path_fsm_probe_timeout_ms(fsm),
		};
	}
	probe_set(g->probe, targets, n);
}

void gateway_round(struct gateway *g)
{
	ev_idle_stop(g->loop, &g->round);
	if (!observe(g))
		return;
	judge_paths(g);
	gateway_dial_look(g);
	gateway_uses_judge(g);
	gateway_udp_judge(g);
	gateway_listen_prepare(g);
	gateway_relay_udp_round(g);
	apply(g);
	gateway_listen_follow(g);
	gateway_metrics_round(g);
	set_probes(g);
	gateway_exits_resolve(g);
	gateway_push_policy(g);
	gateway_peers_set(g);
	gateway_choice_watch(g);
	gateway_publish(g);
}

void gateway_round_soon(struct gateway *g)
{
	if (g->busy_rounds < RESTLESS_ROUNDS)
		ev_idle_start(g->loop, &g->round);
}

// The exit is silent over this path: is it over the others?
static void ask_others(struct gateway *g, size_t slot)
{
	struct path_fsm *fsm = &g->fsms[slot];

	fsm->others = plan_others(g->fsms, g->n_paths, slot, g->choice.none);
	for (size_t i = 0; i < g->n_paths && fsm->others == OTHERS_UNASKED; i++) {
		if (i != slot && path_fsm_verified(&g->fsms[i]))
			probe_shoot(g->probe, (int)i);
	}
}

void gateway_take_probe(void *ctx, const struct probe_result *result)
{
	struct gateway *g = ctx;
	struct path_fsm *fsm = &g->fsms[result->path];
	struct gateway_path *path = &g->paths[result->path];
	int64_t now_ms = clock_mono_ms();
	bool changed = false, could_begin = path_fsm_may_begin(fsm);
	struct path_change change;

	path->probe_bytes += result->bytes;
	// shots come in bursts, whose loss the pulse has judged long before their time-out
	if (result->shot && result->error)
		return;
	gateway_uses_take_probe(g, result);
	gateway_choice_take_probe(g, result);
	if (result->mptcp >= 0 && path_fsm_mptcp(fsm, result->mptcp, now_ms, &change)) {
		gateway_note_change(g, (size_t)result->path, &change);
		gateway_round_soon(g);
	}
	if (result->kind == PROBE_TCP && result->error)
		ask_others(g, (size_t)result->path);
	if (result->kind == PROBE_TCP)
		changed = path_fsm_probe(fsm, result->error, result->rtt_us, now_ms, &change);
	else if (!result->error && result->kind == PROBE_EXIT_ECHO)
		path_fsm_exit_echo(fsm, now_ms);
	else if (!result->error && result->kind == PROBE_ROUTER_ECHO)
		path_fsm_router_echo(fsm, now_ms);
	else if (!result->error && result->kind == PROBE_GATEWAY_ECHO)
		path_fsm_gateway_echo(fsm, now_ms);
	if (changed) {
		gateway_note_change(g, (size_t)result->path, &change);
		gateway_round_soon(g);
		return;
	}
	if (could_begin != path_fsm_may_begin(fsm))
		gateway_push_policy(g);
	if (path->interval_ms != path_fsm_probe_interval_ms(fsm, now_ms))
		set_probes(g);
}

// ---- what the relay goes by

static void rank(struct gateway *g, struct relay_policy *policy)
{
	struct plan_candidate candidates[PATHS_MAX];
	struct addr exit = gateway_exit_address(g);
	int64_t now_ms = clock_mono_ms();
	int order[PATHS_MAX];
	bool any = false, any_verified = false, any_works = false;
	size_t n;

	for (size_t i = 0; i < g->n_paths; i++) {
		bool used = g->uses.use[i] != PATH_USE_NONE;

		any |= used && path_fsm_may_begin(&g->fsms[i]);
		any_verified |= used && path_fsm_verified(&g->fsms[i]);
		any_works |= used && path_fsm_works(&g->fsms[i]);
	}
	for (size_t i = 0; i < g->n_paths; i++) {
		const struct config_path *config = g->paths[i].config;
		const struct path_fsm *fsm = &g->fsms[i];

		candidates[i] = (struct plan_candidate){
			// when all are in doubt one of those; when none is proved, one that works
			// but for
			// the exit, and one that is only ready is better than none
			.may_begin = g->uses.use[i] != PATH_USE_NONE &&
				     (any            ? path_fsm_may_begin(fsm)
				      : any_verified ? path_fsm_verified(fsm)
				      : any_works    ? path_fsm_works(fsm)
						     : g->paths[i].routed && path_fsm_wanted(fsm)),
			.reserve = config->tier != PATH_TIER_PRIMARY ||
				   g->uses.use[i] != PATH_USE_FULL,
			.has = { addr_is_set(&policy->paths[i].addr4),
				 addr_is_set(&policy->paths[i].addr6) },
			.priority = config->priority,
			.optional = config->optional,
			.rtt_us = path_fsm_min_rtt_us(fsm, now_ms),
		};
	}
	n = plan_rank_paths(candidates, g->n_paths, exit.family, g->first_choice, order);
	g->first_choice = n ? order[0] : -1;
	for (size_t i = 0; i < n; i++)
		policy->begin[i] = (uint8_t)order[i];
	policy->n_begin = (int)n;
}

static void fill_exit(struct relay_exit *out, const struct gateway_exit *exit)
{
	str_copy(out->name, sizeof(out->name), exit->config->name);
	out->key = exit->key;
	out->ours = exit->service.serves == 1;
	for (int i = 0; i < exit->n_addrs; i++)
		out->addrs[out->n_addrs++] = sockaddr_make(&exit->addrs[i], exit->config->port);
}

void gateway_push_policy(struct gateway *g)
{
	struct relay_policy *policy = relay_policy_new();
	int64_t now_ms = clock_mono_ms();

	for (size_t i = 0; i < g->n_paths; i++) {
		const struct path_way *way = g->fsms[i].facts.way;

		policy->paths[i] = (struct relay_path){
			.addr4 = way[PLAN_V4].routable ? way[PLAN_V4].local : (struct addr){ 0 },
			.addr6 = way[PLAN_V6].routable ? way[PLAN_V6].local : (struct addr){ 0 },
			.rtt_us = path_fsm_min_rtt_us(&g->fsms[i], now_ms),
			.endpoint = g->paths[i].endpoint_id ? way_to_exit(g, i)->local
							    : (struct addr){ 0 },
			.up = path_fsm_verified(&g->fsms[i]),
		};
	}
	policy->n_paths = (int)g->n_paths;
	for (size_t i = 0; i < g->n_exits; i++)
		fill_exit(&policy->exits[i], &g->exits[i]);
	policy->n_exits = (int)g->n_exits;
	policy->default_exit = (int)g->default_exit;
	policy->direct = gateway_goes_direct(g);
	gateway_pins_fill(g, policy);
	rank(g, policy);
	gateway_relay_udp_fill(g, policy);
	gateway_dns_set(g, policy);
	relay_set_policy(g->relay, policy);
}

// What one look at the counters says about a path. Returns whether the policy is to change.
static bool look_at_path(struct gateway *g, size_t slot, const struct relay_counters *before,
			 int64_t now_ms)
{
	const struct relay_path_counters *counters = &g->counters.paths[slot];
	const struct klink *link = kstate_link(&g->observed, g->paths[slot].config->interface);
	const struct path_traffic traffic = {
		.time_ms = g->counters.sampled_ms < now_ms ? g->counters.sampled_ms : now_ms,
		.heard_ms = counters->heard_ms,
		.rx_bytes = counters->rx_bytes,
		.tx_bytes = counters->tx_bytes,
		.line_rx_bytes = link ? link->rx_bytes : 0,
		.direct = gateway_goes_direct(g),
		.stuck = counters->stuck,
	};
	struct path_fsm *fsm = &g->fsms[slot];
	bool could_begin = path_fsm_may_begin(fsm);
	struct path_change change;

	if (g->counters.accepted > before->accepted || g->counters.udp.begun > before->udp.begun)
		path_fsm_stir(fsm, now_ms);
	if (counters->overtaken > before->paths[slot].overtaken)
		path_fsm_doubt(fsm, now_ms);
	if (path_fsm_traffic(fsm, &traffic, now_ms, &change)) {
		gateway_note_change(g, slot, &change);
		gateway_round_soon(g);
	} else if (path_fsm_wants_shot(fsm, now_ms)) {
		probe_shoot(g->probe, (int)slot);
	}
	return could_begin != path_fsm_may_begin(fsm);
}

void gateway_take_counters(void *ctx)
{
	struct gateway *g = ctx;
	const struct relay_counters before = g->counters;
	int64_t now_ms = clock_mono_ms();
	bool changed = false, other_pace = false;

	relay_read_counters(g->relay, &g->counters);
	gateway_count_fallbacks(g, &before);
	if (g->counters.sampled_ms <= now_ms)
		kern_counters(g->kern, &g->observed);
	for (size_t i = 0; i < g->n_paths; i++) {
		changed |= look_at_path(g, i, &before, now_ms);
		other_pace |=
			g->paths[i].interval_ms != path_fsm_probe_interval_ms(&g->fsms[i], now_ms);
	}
	gateway_relay_udp_settle(g);
	if (changed)
		gateway_push_policy(g);
	if (other_pace)
		set_probes(g);
}

void gateway_paths_tick(struct gateway *g)
{
	uint64_t rx_bytes = 0;

	for (size_t i = 0; i < g->n_paths; i++)
		rx_bytes += g->counters.paths[i].rx_bytes;
	g->progress = rx_bytes > g->relay_rx_bytes;
	g->relay_rx_bytes = rx_bytes;
	gateway_settle_alarms(g);
	gateway_uses_tick(g);
	gateway_joins_tick(g);
	gateway_udp_tick(g);
	gateway_exit_udp_tick(g);
	gateway_choice_tick(g);
	gateway_push_policy(g);
}

void gateway_leave_kernel(struct gateway *g)
{
	struct round round = { .g = g };
	struct kstate nothing = { 0 };
	struct op_list ops = { 0 };
	struct str notes = { 0 };

	if (observe(g)) {
		plan_want_nothing(&g->observed, &nothing);
		plan_diff(&g->observed, &nothing, &ops, NULL);
		kern_apply(g->kern, &ops, note_failure, &round);
	}
	kern_restore(g->kern, &notes);
	if (notes.len)
		log_warning("gateway: %s", str_text(&notes));
	str_fini(&notes);
	op_list_fini(&ops);
	kstate_fini(&nothing);
}
