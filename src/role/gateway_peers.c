// SPDX-License-Identifier: GPL-2.0-or-later
//
// What the exits say through their peer service, kept where others look for it: in struct
// gateway_exit and struct gateway_path.
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "role/gateway_priv.h"

// Moved since the last second, this is more than keep-alive and chatter.
#define BUSY_BYTES 20000
// A loss ratio is reckoned over at least so many segments.
#define LOSS_SEGMENTS 50
// And is of interest for as long as that of the probes.
#define LOSS_FRESH_MS 60000
// Still busy for so long after: the end of a download is worth knowing too.
#define BUSY_MS 10000

static void note_service(struct gateway_exit *exit, const struct peer_report *report)
{
	struct gateway *g = exit->gateway;
	const char *name = exit->config->name;

	if (!report->serves) {
		exit->service.version[0] = '\0';
		exit->service.protocol = 0;
		exit->service.rtt_us = exit->service.subflows = SNAPSHOT_UNKNOWN;
		exit->service.mptcp = SNAPSHOT_UNKNOWN;
		exit->service.clock_offset_us = SNAPSHOT_NO_OFFSET;
		gateway_event(g, LOG_LEVEL_NOTICE, name, "SERVICE", "%s",
			      report->error == -ETIMEDOUT ? "no answer to our own questions: "
							    "another key, or a server that is not "
							    "mpgate; going on without"
							  : "the server is not mpgate, or an older "
							    "one; going on without its view of "
							    "the paths");
	} else if (exit->service.serves == 0) {
		gateway_event(g, LOG_LEVEL_NOTICE, name, "SERVICE",
			      "the server answers our questions now");
	}
	exit->service.serves = report->serves;
}

static void note_seen(struct gateway_exit *exit, const struct peer_report *report)
{
	struct gateway_service *service = &exit->service;

	if (strcmp(service->version, report->version) != 0)
		log_info("%s SERVICE mpgate %s, its clock %+.3f s from ours", exit->config->name,
			 report->version, (double)report->clock_offset_us / 1e6);
	str_copy(service->version, sizeof(service->version), report->version);
	service->protocol = report->protocol;
	service->rtt_us = report->rtt_us;
	service->mptcp = report->mptcp;
	service->subflows = report->subflows;
	service->clock_offset_us = report->clock_offset_us;
	service->seen_ms = clock_mono_ms();
}

static bool is_default(const struct gateway_exit *exit)
{
	return exit == &exit->gateway->exits[exit->gateway->default_exit];
}

// Loss of what was sent since it was last reckoned, once that is enough to say something.
static void note_sender(struct gateway_path_view *view, const struct wire_service_remote *now)
{
	uint64_t segments = now->segments - view->loss_from.segments;

	view->sender = *now;
	if (!addr_equal(&now->addr, &view->loss_from.addr) ||
	    now->segments < view->loss_from.segments)
		view->loss_ratio = SNAPSHOT_UNKNOWN; // another account, or a new exit
	else if (segments < LOSS_SEGMENTS)
		return;
	else
		view->loss_ratio =
			(double)(now->retransmits - view->loss_from.retransmits) / (double)segments;
	view->loss_from = *now;
	view->loss_ms = clock_mono_ms();
}

double gateway_loss_ratio(const struct gateway *g, size_t slot, int64_t now_ms)
{
	const struct gateway_path_view *view = &g->paths[slot].view;
	double probes = path_fsm_loss_ratio(&g->fsms[slot], now_ms);

	if (!path_fsm_verified(&g->fsms[slot]) || view->loss_ratio < 0 ||
	    now_ms - view->loss_ms > LOSS_FRESH_MS)
		return probes;
	return view->loss_ratio > probes ? view->loss_ratio : probes;
}

static void note_views(struct gateway *g, const struct peer_report *report)
{
	int64_t now_ms = clock_mono_ms();

	for (size_t i = 0; i < g->n_paths; i++) {
		const struct peer_path_view *view = &report->paths[i];
		struct gateway_path_view *ours = &g->paths[i].view;

		if (!view->known)
			continue;
		ours->shared = view->shared;
		if (report->kind == PEER_SEEN) {
			ours->subflows = view->subflows;
			ours->subflows_ms = now_ms;
		} else {
			note_sender(ours, &view->sender);
			ours->sender_ms = now_ms;
		}
	}
}

// Somebody takes the connection and says nothing that the exit's key opens, while the exit answers
// over another path: a login page on the way, most likely. What has joined a connection is no
// stranger.
static void note_stranger(struct gateway *g, const struct peer_report *report)
{
	struct path_fsm *fsm = &g->fsms[report->path];
	bool stranger = report->error && report->taken &&
			g->exits[g->default_exit].service.serves == 1 &&
			!g->counters.paths[report->path].subflows;
	struct path_change change;

	if ((report->error && !stranger) ||
	    !path_fsm_stranger(fsm, stranger, clock_mono_ms(), &change))
		return;
	gateway_note_change(g, (size_t)report->path, &change);
	gateway_round_soon(g);
}

static void note_path(struct gateway *g, const struct peer_report *report)
{
	struct gateway_path *path = &g->paths[report->path];
	const char *passes = report->mptcp ? "passes" : "does not pass";
	char text[ADDR_STRLEN];

	note_stranger(g, report);
	if (report->error) {
		log_debug("%s: check of MPTCP: %s", path->config->name, strerror(-report->error));
		return;
	}
	if (path->mptcp_ok != report->mptcp && addr_is_set(&report->seen_as))
		log_info("%s MPTCP %s; seen as %s, %.1f ms through the exit", path->config->name,
			 passes, addr_format(&report->seen_as, text), (double)report->rtt_us / 1e3);
	else if (path->mptcp_ok != report->mptcp)
		log_info("%s MPTCP %s", path->config->name, passes);
	if (path->mptcp_ok != report->mptcp)
		gateway_round_soon(g);
	path->mptcp_ok = report->mptcp;
	path->mptcp_ms = clock_mono_ms();
	path->view.seen_as = report->seen_as;
}

static void take_report(void *ctx, const struct peer_report *report)
{
	struct gateway_exit *exit = ctx;

	switch (report->kind) {
	case PEER_SERVICE:
		note_service(exit, report);
		break;
	case PEER_ECHO:
		exit->service.rtt_us = report->rtt_us;
		break;
	case PEER_SEEN:
		note_seen(exit, report);
		if (is_default(exit))
			note_views(exit->gateway, report);
		break;
	case PEER_STATS:
		if (is_default(exit))
			note_views(exit->gateway, report);
		break;
	case PEER_PATH:
		if (is_default(exit))
			note_path(exit->gateway, report);
		break;
	}
}

// The exit's port answers over the path, whether connections may use it or not.
static bool reaches_exit(const struct path_fsm *fsm)
{
	return path_fsm_verified(fsm) || fsm->state == PATH_STATE_BLOCKED;
}

static void add_path(const struct gateway *g, size_t slot, sa_family_t family,
		     struct peer_target *target)
{
	const struct path_fsm *fsm = &g->fsms[slot];
	const struct path_way *way = &fsm->facts.way[family == AF_INET6 ? PLAN_V6 : PLAN_V4];

	if (!reaches_exit(fsm) || !g->paths[slot].routed || !way->routable)
		return;
	target->paths[target->n_paths++] = (struct peer_path){
		.path = (int)slot,
		.source = way->local,
		.metered = g->paths[slot].config->optional,
	};
}

// Exits may come with a new configuration.
static void make_peer(struct gateway *g, struct gateway_exit *exit)
{
	exit->service = (struct gateway_service){
		.serves = SNAPSHOT_UNKNOWN,
		.mptcp = SNAPSHOT_UNKNOWN,
		.subflows = SNAPSHOT_UNKNOWN,
		.rtt_us = SNAPSHOT_UNKNOWN,
		.clock_offset_us = SNAPSHOT_NO_OFFSET,
	};
	exit->peer = peer_new(g->loop, take_report, exit);
}

static void set_target(struct gateway *g, struct gateway_exit *exit)
{
	struct peer_target target = { .key = exit->key,
				      .busy = g->busy_until_ms > clock_mono_ms() };
	const struct addr *addr = &exit->addrs[0];

	if (!exit->peer)
		make_peer(g, exit);
	if (exit->n_addrs && !exit->config->gone) {
		target.exit = sockaddr_make(addr, exit->config->port);
		if (g->first_choice >= 0)
			add_path(g, (size_t)g->first_choice, addr->family, &target);
		for (size_t i = 0; i < g->n_paths; i++) {
			if ((int)i != g->first_choice)
				add_path(g, i, addr->family, &target);
		}
	}
	// the paths are judged by the default exit alone
	if (!is_default(exit) && target.n_paths > 1)
		target.n_paths = 1;
	peer_set(exit->peer, &target);
	wire_key_wipe(&target.key);
}

// What was learnt of a path ends with it.
static void forget_lost_paths(struct gateway *g)
{
	for (size_t i = 0; i < g->n_paths; i++) {
		if (reaches_exit(&g->fsms[i]))
			continue;
		g->paths[i].mptcp_ok = SNAPSHOT_UNKNOWN;
		g->paths[i].view = (struct gateway_path_view){ .subflows = SNAPSHOT_UNKNOWN,
							       .loss_ratio = SNAPSHOT_UNKNOWN };
	}
}

void gateway_peers_set(struct gateway *g)
{
	forget_lost_paths(g);
	for (size_t i = 0; i < g->n_exits; i++)
		set_target(g, &g->exits[i]);
}

void gateway_peers_tick(struct gateway *g)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i <= PATHS_MAX; i++)
		bytes += g->counters.paths[i].rx_bytes + g->counters.paths[i].tx_bytes;
	if (bytes - g->peers_bytes > BUSY_BYTES)
		g->busy_until_ms = clock_mono_ms() + BUSY_MS;
	g->peers_bytes = bytes;
	gateway_peers_set(g);
}

void gateway_peers_fini(struct gateway *g)
{
	for (size_t i = 0; i < g->n_exits; i++)
		peer_free(g->exits[i].peer);
}
