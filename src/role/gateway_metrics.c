// SPDX-License-Identifier: GPL-2.0-or-later
//
// The listener of the block `metrics`. On loopback it opens with the gateway; an address of the LAN
// may come later than we, so it is tried again in every round. One that belongs to another
// interface than the LAN's is refused: the numbers are nobody's business outside.
//
// And the file that the block names, for node_exporter: written by the store's thread, so that a
// slow disk stalls nobody, and removed at the end, so that nobody takes old numbers for new ones.
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"
#include "role/gateway_priv.h"
#include "role/metrics.h"

#define TEXTFILE_MS 15000

static void write_page(void *ctx, struct str *out)
{
	struct snapshot *snapshot = xcalloc(1, sizeof(*snapshot));

	gateway_snapshot(ctx, snapshot);
	metrics_write(snapshot, out);
	free(snapshot);
}

static bool is_ours(const struct gateway *g, const struct addr *at)
{
	const struct klink *lan = kstate_link(&g->observed, g->config->lan.interface);

	if (addr_is_loopback(at))
		return true;
	for (size_t i = 0; lan && i < g->observed.n_addrs; i++) {
		const struct kaddr *a = &g->observed.addrs[i];

		if (a->ifindex == lan->ifindex && a->usable && addr_equal(&a->local, at))
			return true;
	}
	return false;
}

static void close_page(struct gateway *g)
{
	ctl_page_close(g->page);
	g->page = NULL;
}

// Said once until it works.
static void fail(struct gateway *g, const char *why)
{
	if (!g->page_failed)
		gateway_event(g, LOG_LEVEL_WARNING, "gw", "METRICS", "%s; tried again", why);
	g->page_failed = true;
}

void gateway_metrics_round(struct gateway *g)
{
	const struct config_metrics *config = &g->config->metrics;
	union sockaddr_any at = sockaddr_make(&config->listen, config->port);
	bool listens = config->present && config->port;
	bool wanted = listens && is_ours(g, &config->listen);
	char text[ADDR_STRLEN];
	struct str why = { 0 };

	if (g->page && (!wanted || !sockaddr_equal(&at, &g->page_at)))
		close_page(g);
	if (listens && !wanted) {
		str_addf(&why, "%s is no address of %s now", addr_format(&config->listen, text),
			 g->config->lan.interface);
		fail(g, str_text(&why));
	} else if (wanted && !g->page) {
		g->page_at = at;
		if (ctl_page_open(g->loop, &at, METRICS_CONTENT_TYPE, write_page, g, &g->page,
				  &why) < 0)
			fail(g, str_text(&why));
		else
			gateway_event(g, LOG_LEVEL_INFO, "gw", "METRICS", "served on %s",
				      sockaddr_format(&at, text));
	}
	if (g->page || !listens)
		g->page_failed = false;
	str_fini(&why);
}

// ---- the file

static void drop_file(struct gateway *g)
{
	if (g->textfile)
		unlink(g->textfile);
	free(g->textfile);
	g->textfile = NULL;
	g->textfile_ms = 0;
}

// How the last one went; said once until it works.
static void check_file(struct gateway *g)
{
	struct str why = { 0 };
	int rc = store_writer_result(g->store, g->textfile, &why);

	if (rc < 0 && !g->textfile_failed)
		gateway_event(g, LOG_LEVEL_WARNING, "gw", "METRICS", "%s; tried again",
			      str_text(&why));
	g->textfile_failed = rc < 0;
	str_fini(&why);
}

void gateway_metrics_tick(struct gateway *g)
{
	const char *file = g->config->metrics.textfile;
	int64_t now_ms = clock_mono_ms();
	struct str text = { 0 };

	if (g->textfile && (!file || strcmp(file, g->textfile) != 0))
		drop_file(g);
	if (!file || !g->store)
		return;
	if (!g->textfile)
		g->textfile = xstrdup(file);
	check_file(g);
	if (g->textfile_ms && now_ms - g->textfile_ms < TEXTFILE_MS)
		return;
	g->textfile_ms = now_ms;
	write_page(g, &text);
	store_writer_put(g->store, file, NULL, &text);
}

void gateway_metrics_fini(struct gateway *g)
{
	close_page(g);
	drop_file(g);
}
