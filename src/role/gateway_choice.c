// SPDX-License-Identifier: GPL-2.0-or-later
//
// Which exit new connections take: probes of the exits, and what plan/exits.c makes of them.
//
// Where there is something to choose, the exit in use is probed over the best path, and as soon as
// it fails there all exits over all paths. An exit that a pin names is watched as closely. With one
// exit, and nothing to do instead, the paths' own probes are enough.
#include <errno.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/str.h"
#include "role/gateway_priv.h"

#define BUSY_MS          1000 // an exit in use, while the LAN asks for anything
#define IDLE_MS          5000
#define BETTER_MS        2000  // an exit to which connections want to go back
#define SPARE_MS         30000 // any other
#define TROUBLE_MS       300   // all of them over all paths
#define TROUBLE_LONG_MS  3000  // when that has led to nothing for so long as
#define TROUBLE_SHORT_MS 10000
#define STILL_BUSY_MS    10000 // after the last thing that the LAN asked for
#define TIMEOUT_MIN_MS   300
#define TIMEOUT_MAX_MS   1000

bool gateway_goes_direct(const struct gateway *g)
{
	return g->choice.none && g->config->lan.when_unreachable == CONFIG_UNREACHABLE_DIRECT;
}

static sa_family_t family_of(const struct gateway_exit *exit)
{
	return exit->n_addrs ? exit->addrs[0].family : AF_UNSPEC;
}

// The way over which the exit would be reached on a path, or NULL.
static const struct path_way *find_way(const struct gateway *g, size_t exit, size_t slot)
{
	const struct path_fsm *fsm = &g->fsms[slot];
	sa_family_t family = family_of(&g->exits[exit]);
	const struct path_way *way = &fsm->facts.way[family == AF_INET6 ? PLAN_V6 : PLAN_V4];

	if (family == AF_UNSPEC || g->uses.use[slot] == PATH_USE_NONE || !path_fsm_wanted(fsm) ||
	    !fsm->facts.ready || !way->routable || !gateway_is_routed(g, &way->local))
		return NULL;
	return way;
}

static void collect(const struct gateway *g, struct exit_candidate exits[],
		    struct exit_paths *paths)
{
	for (size_t i = 0; i < g->n_exits; i++)
		exits[i] = (struct exit_candidate){
			.name = g->exits[i].config->name,
			.known = g->exits[i].n_addrs > 0 && !g->exits[i].config->gone,
			.priority = g->exits[i].config->priority,
			.health = &g->exits[i].health,
		};
	*paths = (struct exit_paths){ .progress = g->progress };
	for (size_t i = 0; i < g->n_paths; i++)
		paths->usable[i] = find_way(g, g->default_exit, i) != NULL;
}

static void tell_none(struct gateway *g)
{
	const char *name = g->exits[g->choice.preferred].config->name;
	bool direct = g->config->lan.when_unreachable == CONFIG_UNREACHABLE_DIRECT;

	if (g->choice.none) {
		gateway_event(g, LOG_LEVEL_WARNING, name, "EXIT",
			      "no exit can be reached; new connections %s",
			      direct ? "go straight to their targets, not encrypted"
				     : "are refused (when-unreachable = \"block\")");
		gateway_alarm_raise(g, name, "exit",
				    direct ? "no exit reached: connections go direct, not encrypted"
					   : "no exit reached: new connections are refused");
	} else {
		gateway_event(g, LOG_LEVEL_NOTICE, name, "EXIT", "reached again");
		gateway_alarm_clear(g, name, "exit");
	}
}

static void tell_move(struct gateway *g)
{
	const char *preferred = g->exits[g->choice.preferred].config->name;
	const char *name = g->exits[g->choice.active].config->name;
	char text[NOTE_SIZE];

	if (g->choice.active == g->choice.preferred) {
		gateway_event(g, LOG_LEVEL_NOTICE, name, "EXIT",
			      "good again; new connections take it");
		gateway_alarm_clear(g, name, "exit");
		return;
	}
	gateway_event(g, LOG_LEVEL_WARNING, name, "EXIT", "new connections take it: %s",
		      g->choice.why);
	snprintf(text, sizeof(text), "%.40s: %.39s stands in", g->choice.why, name);
	gateway_alarm_raise(g, preferred, "exit", text);
}

static void choose(struct gateway *g)
{
	struct exit_candidate exits[RELAY_EXITS_MAX];
	struct exit_paths paths;
	bool none_was = g->choice.none;

	collect(g, exits, &paths);
	gateway_pins_judge(g, exits, &paths, clock_mono_ms());
	if (!plan_choose_exit(&g->choice, exits, g->n_exits, &paths, clock_mono_ms()))
		return;
	if (g->choice.none != none_was)
		tell_none(g);
	if (g->choice.active != g->default_exit) {
		g->default_exit = g->choice.active;
		tell_move(g);
		gateway_round_soon(g);
	}
	gateway_push_policy(g);
}

// ---- probes

static bool is_busy(const struct gateway *g, int64_t now_ms)
{
	return g->busy_ms && now_ms - g->busy_ms < STILL_BUSY_MS;
}

static bool is_in_use(const struct gateway *g, size_t exit)
{
	return exit == g->default_exit || gateway_pins_name_exit(g, exit);
}

// How often to probe an exit, and whether over all paths.
static int choose_pace(const struct gateway *g, size_t exit, int64_t now_ms, bool *all)
{
	int64_t failing_ms = g->exits[g->default_exit].health.failing_ms;
	bool in_use = is_in_use(g, exit);

	if (in_use && !failing_ms)
		failing_ms = g->exits[exit].health.failing_ms;
	*all = failing_ms != 0;
	if (*all)
		return now_ms - failing_ms < TROUBLE_SHORT_MS ? TROUBLE_MS : TROUBLE_LONG_MS;
	if (in_use)
		return is_busy(g, now_ms) ? BUSY_MS : IDLE_MS;
	// what stands in is to be left; which of the others comes first, plan/exits.c knows
	return g->default_exit != g->choice.preferred ? BETTER_MS : SPARE_MS;
}

static int choose_timeout_ms(const struct path_fsm *fsm)
{
	int64_t rtt_us = path_fsm_rtt_us(fsm);
	int64_t wait_ms = rtt_us < 0 ? TIMEOUT_MAX_MS : TIMEOUT_MIN_MS + 2 * rtt_us / 1000;

	return wait_ms < TIMEOUT_MAX_MS ? (int)wait_ms : TIMEOUT_MAX_MS;
}

static void add_target(const struct gateway *g, size_t exit, size_t slot, int interval_ms,
		       struct probe_target targets[], size_t *n)
{
	const struct path_way *way = find_way(g, exit, slot);
	const struct gateway_exit *e = &g->exits[exit];

	if (!way)
		return;
	targets[(*n)++] = (struct probe_target){
		.path = (int)(exit * PATHS_MAX + slot),
		.ifindex = g->fsms[slot].facts.ifindex,
		.source = way->local,
		.exit = sockaddr_make(&e->addrs[0], e->config->port),
		.interval_ms = interval_ms,
		.timeout_ms = choose_timeout_ms(&g->fsms[slot]),
	};
}

void gateway_choice_watch(struct gateway *g)
{
	struct probe_target targets[RELAY_EXITS_MAX * PATHS_MAX];
	int64_t now_ms = clock_mono_ms();
	size_t n = 0;

	if (!g->exit_probe)
		return;
	for (size_t exit = 0; exit < g->n_exits; exit++) {
		bool all;
		int interval_ms = choose_pace(g, exit, now_ms, &all);

		for (size_t slot = 0; slot < g->n_paths && !g->exits[exit].config->gone; slot++) {
			if (all || (int)slot == g->first_choice)
				add_target(g, exit, slot, interval_ms, targets, &n);
		}
	}
	probe_set(g->exit_probe, targets, n);
}

static void take_probe(void *ctx, const struct probe_result *result)
{
	struct gateway *g = ctx;
	size_t exit = (size_t)result->path / PATHS_MAX, slot = (size_t)result->path % PATHS_MAX;
	struct exit_health *health = &g->exits[exit].health;
	bool failing_was = health->failing_ms != 0;

	if (result->kind != PROBE_TCP)
		return;
	exit_health_probe(health, slot, result->error, clock_mono_ms());
	choose(g);
	if (is_in_use(g, exit) && failing_was != (health->failing_ms != 0))
		gateway_choice_watch(g);
}

void gateway_choice_take_probe(struct gateway *g, const struct probe_result *result)
{
	struct exit_health *health = &g->exits[g->default_exit].health;
	bool failing_was = health->failing_ms != 0;

	// they wait longer than ours, so that their silence tells of the past
	if (!g->exit_probe || result->kind != PROBE_TCP ||
	    (result->error && result->error != -ECONNREFUSED))
		return;
	exit_health_probe(health, (size_t)result->path, result->error, clock_mono_ms());
	choose(g);
	if (failing_was != (health->failing_ms != 0))
		gateway_choice_watch(g);
}

void gateway_choice_tick(struct gateway *g)
{
	int64_t now_ms = clock_mono_ms();

	if (g->counters.accepted != g->accepted || g->counters.sessions)
		g->busy_ms = now_ms;
	g->accepted = g->counters.accepted;
	if (!g->exit_probe)
		return;
	choose(g);
	gateway_choice_watch(g);
}

// ---- following the configuration

static size_t find_default(const struct config *config)
{
	size_t i = 0;

	while (i + 1 < config->n_exits && !config->exits[i].is_default)
		i++;
	return i;
}

static bool has_pinned_exit(const struct config *config)
{
	for (size_t i = 0; i < config->n_pins; i++) {
		if (config_find_exit(config, config->pins[i].via))
			return true;
	}
	return false;
}

void gateway_choice_follow(struct gateway *g, const struct config *config)
{
	size_t preferred = find_default(config);
	bool needed = config->n_exits > 1 || has_pinned_exit(config) ||
		      config->lan.when_unreachable == CONFIG_UNREACHABLE_DIRECT;

	if (preferred != g->choice.preferred || g->exits[g->choice.active].config->gone) {
		gateway_alarm_clear(g, g->exits[g->choice.preferred].config->name, "exit");
		g->choice = (struct exit_choice){ .preferred = preferred, .active = preferred };
	}
	g->default_exit = g->choice.active;
	if (needed && !g->exit_probe)
		g->exit_probe = probe_new(g->loop, take_probe, g);
	if (!needed) {
		gateway_choice_stop(g);
		g->choice.none = false;
		g->pins.exits_down = 0;
	}
}

void gateway_choice_stop(struct gateway *g)
{
	probe_free(g->exit_probe);
	g->exit_probe = NULL;
}
