// SPDX-License-Identifier: GPL-2.0-or-later
//
// Connections, for people: what the relay's workers know of each, put into the words of the control
// plane. The workers know addresses and slots; which path that is, and why a connection is plain
// TCP, is known here.
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "role/gateway_priv.h"

static const struct gateway_path *path_of(const struct gateway *g, const struct conn_subflow *sf)
{
	return sf->slot >= 0 && (size_t)sf->slot < g->n_paths ? &g->paths[sf->slot] : NULL;
}

// As the kernel has it, but for the first, whose id is 0 whatever its endpoint's (kernel-notes).
static void name_subflow(const struct gateway *g, struct conn_subflow *sf)
{
	const struct gateway_path *path = path_of(g, sf);

	if (!path)
		return;
	str_copy(sf->path, sizeof(sf->path), path->config->name);
	if (sf->local_id == SNAPSHOT_UNKNOWN && path->endpoint_id)
		sf->local_id = path->endpoint_id;
}

// In the order of the configuration; what is over none of the paths comes last.
static void sort_subflows(struct conn *conn)
{
	for (int i = 1; i < conn->n_subflows; i++) {
		struct conn_subflow sf = conn->subflows[i];
		int at = i;

		for (; at > 0 && (unsigned)conn->subflows[at - 1].slot > (unsigned)sf.slot; at--)
			conn->subflows[at] = conn->subflows[at - 1];
		conn->subflows[at] = sf;
	}
}

// 1, 0, or unknown; by the check with the exit, and by the probes, which are quicker to know that
// it no longer does.
static int8_t passes_mptcp(const struct gateway *g, size_t slot)
{
	bool blocked = g->fsms[slot].state == PATH_STATE_BLOCKED;

	return blocked ? 0 : g->paths[slot].mptcp_ok;
}

// The name of a path over which the exit answers with MPTCP, or NULL.
static const char *find_passing(const struct gateway *g)
{
	for (size_t i = 0; i < g->n_paths; i++) {
		if (passes_mptcp(g, i) == 1 && !g->paths[i].config->gone)
			return g->paths[i].config->name;
	}
	return NULL;
}

enum conn_reason gateway_fallback_reason(const struct gateway *g, int slot)
{
	if (!find_passing(g))
		return CONN_REASON_EXIT;
	if (slot >= 0 && (size_t)slot < g->n_paths && passes_mptcp(g, (size_t)slot) == 0)
		return CONN_REASON_PATH;
	return CONN_REASON_UNKNOWN;
}

// It has fallen back: by the exit's doing, or by something on the way?
static void find_culprit(const struct gateway *g, struct conn *conn)
{
	int slot = conn->n_subflows ? conn->subflows[0].slot : -1;
	const char *name = slot >= 0 ? conn->subflows[0].path : "its way";

	conn->reason = gateway_fallback_reason(g, slot);
	if (conn->reason == CONN_REASON_EXIT)
		snprintf(conn->why, sizeof(conn->why),
			 "exit %s answers without MPTCP, over every path that was tried",
			 conn->exit);
	else if (conn->reason == CONN_REASON_PATH)
		snprintf(conn->why, sizeof(conn->why),
			 "something on %s removes MPTCP's options; over %s exit %s answers with "
			 "them",
			 name, find_passing(g), conn->exit);
	else
		snprintf(conn->why, sizeof(conn->why),
			 "MPTCP's options were lost on %s; whether that lasts is being tried",
			 name);
}

void gateway_count_fallbacks(struct gateway *g, const struct relay_counters *before)
{
	g->fallbacks[CONN_REASON_DIRECT] = g->counters.direct;
	g->fallbacks[CONN_REASON_PIN] = g->counters.pinned;
	g->fallbacks[CONN_REASON_KERNEL] = g->counters.unasked;
	for (int i = 0; i <= PATHS_MAX; i++) {
		uint64_t more = g->counters.paths[i].fallbacks - before->paths[i].fallbacks;

		if (more)
			g->fallbacks[gateway_fallback_reason(g, i < PATHS_MAX ? i : -1)] += more;
	}
}

static void explain(const struct gateway *g, struct conn *conn)
{
	switch (conn->reason) {
	case CONN_REASON_DIRECT:
		str_copy(
			conn->why, sizeof(conn->why),
			"no exit was reached when it began: straight to its target, not encrypted");
		break;
	case CONN_REASON_PIN:
		str_copy(conn->why, sizeof(conn->why), "a pin keeps it to this path");
		break;
	case CONN_REASON_KERNEL:
		str_copy(conn->why, sizeof(conn->why),
			 "MPTCP is off in this machine's kernel; see sysctl net.mptcp.enabled");
		break;
	case CONN_REASON_UNKNOWN:
		find_culprit(g, conn);
		break;
	default:
		break;
	}
}

// When all of them are, the verdict has an event that says so.
void gateway_tell_plain(void *ctx, struct conn *conn)
{
	struct gateway *g = ctx;
	bool last = false;

	if (g->verdict == VERDICT_NOT_BONDED ||
	    !plan_tell_fallback(&g->told_fallbacks, conn->target, clock_mono_ms(), &last))
		return;
	for (int i = 0; i < conn->n_subflows; i++)
		name_subflow(g, &conn->subflows[i]);
	explain(g, conn);
	gateway_event(g, LOG_LEVEL_WARNING, "gw", "FALLBACK", "%s runs as plain TCP: %s%s",
		      conn->target, conn->why,
		      last ? "; no more of them are told within the hour" : "");
}

// "br0 (192.168.1.0/24, ...)"
static void describe_sources(const struct config_lan *lan, char *out, size_t size)
{
	char text[ADDR_STRLEN];

	if (!lan->sources.n)
		str_copy(out, size, lan->interface);
	else
		snprintf(out, size, "%s (%s%s)", lan->interface,
			 prefix_format(&lan->sources.list[0], text),
			 lan->sources.n > 1 ? ", ..." : "");
}

static void name_paths(const struct gateway *g, struct conns *conns)
{
	for (size_t i = 0; i < g->n_paths; i++) {
		if (!g->paths[i].config->gone)
			str_copy(conns->paths[conns->n_paths++], NAME_SIZE,
				 g->paths[i].config->name);
	}
}

static void take_conns(void *ctx, struct conns *conns)
{
	struct gateway *g = ctx;

	conns->time_ms = clock_wall_ms();
	conns->accepted = g->counters.accepted;
	describe_sources(&g->config->lan, conns->sources, sizeof(conns->sources));
	name_paths(g, conns);
	for (int i = 0; i < conns->n; i++) {
		struct conn *conn = &conns->list[i];

		sort_subflows(conn);
		for (int k = 0; k < conn->n_subflows; k++)
			name_subflow(g, &conn->subflows[k]);
		explain(g, conn);
	}
	ctl_answer_conns(g->ctl, conns);
}

void gateway_conns_ask(void *ctx)
{
	struct gateway *g = ctx;

	relay_ask_conns(g->relay, take_conns, g);
}
