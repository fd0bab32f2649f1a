// SPDX-License-Identifier: GPL-2.0-or-later
//
// Whether the exits answer UDP, while it is relayed. A port that only TCP was opened for is a
// common mistake, and an association that hears nothing cannot tell it from a far end that has
// nothing to say. So an exit that is ours is asked itself, and called silent when nothing came back
// twice, over any sound path, while its TCP answers over these. Of another program the only certain
// sign is that its machine refuses (ICMP). The first answer to anything clears it.
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "role/gateway_priv.h"

// When nothing else has told that it answers.
#define ASK_MS       60000
#define ASK_AGAIN_MS 1000 // after a failure
// Datagrams were sent and none has come for so long. Where what runs goes one way that is no sign
// of anything, so then the exit is not asked all the time.
#define UNHEARD_MS       3000
#define SUSPECT_AGAIN_MS 20000
// One may be lost with a change of paths.
#define FAILS_MIN 2
// Since it was last heard.
#define REFUSALS_MIN 5

static void note(struct gateway_exit *exit, int error)
{
	struct gateway_exit_udp *udp = &exit->udp;
	struct gateway *g = exit->gateway;
	const char *name = exit->config->name;
	int8_t answers = error == 0;

	if (udp->answers == answers)
		return;
	if (!error && udp->answers == 0) {
		gateway_event(g, LOG_LEVEL_NOTICE, name, "UDP", "is answered");
		gateway_alarm_clear(g, name, "udp");
		udp->fault[0] = '\0';
	} else if (error) {
		snprintf(udp->fault, sizeof(udp->fault), "%s UDP: %s %u/udp",
			 error == -ECONNREFUSED ? "refuses" : "does not answer",
			 error == -ECONNREFUSED ? "nobody listens there on port" : "open its port",
			 exit->config->port);
		gateway_event(g, LOG_LEVEL_WARNING, name, "UDP",
			      "%s; TCP is answered. Its firewall must let UDP in, and 'mpgate "
			      "server' have udp = yes",
			      udp->fault);
		gateway_alarm_raise(g, name, "udp", udp->fault);
	}
	udp->answers = answers;
}

void gateway_exit_udp_forget(struct gateway_exit *exit)
{
	knock_free(exit->udp.knock);
	if (exit->udp.answers == 0)
		gateway_alarm_clear(exit->gateway, exit->config->name, "udp");
	exit->udp = (struct gateway_exit_udp){ .answers = SNAPSHOT_UNKNOWN };
}

static bool is_listed(const struct config_names *names, const char *name)
{
	for (size_t i = 0; i < names->n; i++) {
		if (strcmp(names->list[i], name) == 0)
			return true;
	}
	return false;
}

// Whether datagrams may go over the path, and TCP is answered over it just now.
static bool is_sound(const struct gateway *g, size_t slot)
{
	const struct config_names *via = &g->config->udp.via;
	const struct config_path *path = g->paths[slot].config;

	return path_fsm_may_begin(&g->fsms[slot]) &&
	       (via->n ? is_listed(via, path->name) : !path->optional);
}

static int list_sources(const struct gateway_exit *exit, struct addr sources[static PATHS_MAX])
{
	const struct gateway *g = exit->gateway;
	sa_family_t family = exit->n_addrs ? exit->addrs[0].family : AF_UNSPEC;
	int n = 0;

	// those paths are judged by the exit in use
	if (exit != &g->exits[g->default_exit] &&
	    (!exit->health.good_ms || exit->health.failing_ms))
		return 0;
	for (size_t i = 0; i < g->n_paths; i++) {
		const struct path_way *way =
			&g->fsms[i].facts.way[family == AF_INET6 ? PLAN_V6 : PLAN_V4];

		if (family != AF_UNSPEC && is_sound(g, i) && way->routable &&
		    gateway_is_routed(g, &way->local))
			sources[n++] = way->local;
	}
	return n;
}

static void take_answer(void *ctx, int error)
{
	struct gateway_exit *exit = ctx;
	struct gateway_exit_udp *udp = &exit->udp;
	int64_t now_ms = clock_mono_ms();
	struct addr sources[PATHS_MAX];

	knock_free(udp->knock);
	udp->knock = NULL;
	udp->ask_ms = now_ms + (error ? ASK_AGAIN_MS : ASK_MS);
	udp->suspect_ms = now_ms + SUSPECT_AGAIN_MS;
	// the paths may have died under it
	if (error && !list_sources(exit, sources))
		return;
	udp->fails = error ? udp->fails + 1 : 0;
	if (!error || udp->fails >= FAILS_MIN)
		note(exit, error);
}

static void ask(struct gateway_exit *exit)
{
	struct knock_target target = { .key = exit->key };

	target.n_sources = list_sources(exit, target.sources);
	if (target.n_sources) {
		target.exit = sockaddr_make(&exit->addrs[0], exit->config->port);
		exit->udp.knock = knock_start(exit->gateway->loop, &target, take_answer, exit);
	}
	wire_key_wipe(&target.key);
}

// What associations have heard since the last look.
static void take_counters(struct gateway_exit *exit, const struct relay_exit_counters *now,
			  int64_t now_ms)
{
	struct gateway_exit_udp *udp = &exit->udp;

	if (udp->looks && now->heard == udp->before.heard) {
		if (now->refused - udp->before.refused >= REFUSALS_MIN)
			note(exit, -ECONNREFUSED);
		if (now->sent != udp->before.sent && now_ms - udp->heard_ms >= UNHEARD_MS &&
		    udp->suspect_ms < udp->ask_ms)
			udp->ask_ms = udp->suspect_ms;
		return;
	}
	if (udp->looks) {
		note(exit, 0);
		udp->ask_ms = now_ms + ASK_MS;
		udp->suspect_ms = 0;
	}
	udp->before = *now;
	udp->heard_ms = now_ms;
	udp->looks = true;
}

static bool is_used(const struct gateway *g, size_t exit)
{
	return g->udp.plan.relayed && !g->exits[exit].config->gone &&
	       (exit == g->default_exit || gateway_pins_name_exit(g, exit));
}

void gateway_exit_udp_tick(struct gateway *g)
{
	int64_t now_ms = clock_mono_ms();

	for (size_t i = 0; i < g->n_exits; i++) {
		struct gateway_exit *exit = &g->exits[i];

		if (!is_used(g, i)) {
			gateway_exit_udp_forget(exit);
			continue;
		}
		take_counters(exit, &g->counters.exits[i], now_ms);
		if (exit->service.protocol >= WIRE_SERVICE_DATAGRAMS && !exit->udp.knock &&
		    now_ms >= exit->udp.ask_ms)
			ask(exit);
	}
}
