// SPDX-License-Identifier: GPL-2.0-or-later
// Tunnels that ride another path's line: it is dead when the line is, one alarm says so, and its
// bytes are counted once.
//
// Where the tunnel's packets leave is what the kernel says of its remote address (kern/tunnel.c).
// When the line goes the route often goes with it: then what was true before is the cause to name.
// For a TUN device only the program behind it knows, so the configuration has `over`; over a path's
// own name means "an own line, whatever the routes say".

#include <string.h>

#include "plan/plan.h"

// So long a tunnel may take to be proved after its line is.
#define RETURN_MS 15000

static int find_path(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->n_paths; i++) {
		if (!config->paths[i].gone && strcmp(config->paths[i].name, name) == 0)
			return (int)i;
	}
	return -1;
}

static int find_path_on(const struct config *config, const char *interface)
{
	for (size_t i = 0; i < config->n_paths; i++) {
		if (!config->paths[i].gone && strcmp(config->paths[i].interface, interface) == 0)
			return (int)i;
	}
	return -1;
}

// Down through what is no path itself: a tunnel over a VLAN of a path's Ethernet. `before`: what
// was found the last time.
static int ask_the_routes(const struct config *config, const struct kstate *observed, size_t path,
			  int before)
{
	const struct klink *link = kstate_link(observed, config->paths[path].interface);
	bool is_routed = link && (link->under || !addr_is_set(&link->tunnel.remote));
	int under = -1;

	if (before >= 0 && config->paths[before].gone)
		before = -1;
	if (!is_routed)
		return before;

	for (size_t depth = 0; link && link->under && under < 0 && depth < PATHS_MAX; depth++) {
		link = kstate_link_by_index(observed, link->under);
		if (link)
			under = find_path_on(config, link->name);
	}
	return under;
}

// Two tunnels, each routed into the other, are a fault of the routes, and no line carries them.
static bool is_circular(const int under[], size_t path)
{
	int at = under[path];

	for (size_t depth = 0; at >= 0 && depth < PATHS_MAX; depth++) {
		if ((size_t)at == path)
			return true;
		at = under[at];
	}
	return at >= 0;
}

void plan_underlays(const struct config *config, const struct kstate *observed, int under[])
{
	for (size_t i = 0; i < config->n_paths; i++) {
		const char *over = config->paths[i].over;

		under[i] = over[0] ? find_path(config, over)
				   : ask_the_routes(config, observed, i, under[i]);
		if (under[i] == (int)i)
			under[i] = -1;
	}
	for (size_t i = 0; i < config->n_paths; i++) {
		if (is_circular(under, i))
			under[i] = -1;
	}
}

bool plan_rides_dead_line(const struct path_fsm fsms[], const int under[], size_t path,
			  int64_t now_ms)
{
	const struct path_fsm *line = under[path] >= 0 ? &fsms[under[path]] : NULL;

	if (!line || path_fsm_works(&fsms[path]))
		return false;
	return !(path_fsm_may_begin(line) || line->exit_silent) ||
	       now_ms - line->since_ms < RETURN_MS;
}

void plan_shares(double bytes[], const int under[], size_t n)
{
	double ridden[PATHS_MAX] = { 0 }, total = 0;

	for (size_t i = 0; i < n; i++) {
		if (under[i] >= 0)
			ridden[under[i]] += bytes[i];
	}
	// headers make the line's bytes more than the tunnels'; counters that are read at different
	// moments may say otherwise
	for (size_t i = 0; i < n; i++) {
		bytes[i] = bytes[i] > ridden[i] ? bytes[i] - ridden[i] : 0;
		total += bytes[i];
	}
	for (size_t i = 0; i < n; i++)
		bytes[i] = total > 0 ? bytes[i] / total : 0;
}
