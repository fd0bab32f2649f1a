// SPDX-License-Identifier: GPL-2.0-or-later
//
// The history of each path and of all together: fills the trends (model/trend.c) once a second from
// the interfaces' counters, and keeps them in files, "history-PATH" and "history", in the state
// folder.
//
// The files are written at the start, every quarter of an hour, and at the end, which is little for
// a flash disk. What a crash or a kill -9 leaves out of them is not lost for the day: the kernel's
// counters go on, and the file tells where they stood; only the rates of that time are unknown.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "role/gateway_priv.h"

#define STORE_KIND    "history-1"
#define SAVE_EVERY_MS (15 * 60 * 1000)
// Counters that went on without us for longer may belong to another day.
#define RESUME_MAX_MS (60 * 60 * 1000)

// As it lies in the file.
struct stored {
	char name[NAME_SIZE];
	char boot_id[CLOCK_BOOT_SIZE]; // the counters are of this run of the kernel
	int64_t time_ms, ifindex;
	uint64_t rx_bytes, tx_bytes;
	struct trend trend;
};

static void file_of(const struct gateway *g, const struct gateway_trend *t, struct str *out)
{
	str_addf(out, "%s/history%s%s", g->state_dir, t->name[0] ? "-" : "", t->name);
}

// ---- files

static bool read_stored(struct gateway *g, const struct gateway_trend *t, struct stored *out)
{
	struct str file = { 0 }, data = { 0 }, why = { 0 };
	bool good;
	int rc;

	file_of(g, t, &file);
	rc = store_read(str_text(&file), STORE_KIND, &data, &why);
	if (rc == -EBADMSG && store_read_previous(str_text(&file), STORE_KIND, &data, &why) == 0)
		rc = 0;
	good = rc == 0 && data.len == sizeof(*out);
	if (good)
		memcpy(out, data.text, sizeof(*out));
	out->boot_id[sizeof(out->boot_id) - 1] = '\0';
	good = good && memcmp(out->name, t->name, sizeof(out->name)) == 0 &&
	       trend_is_sane(&out->trend);
	if (rc == 0 && !good)
		str_addf(&why, "%s does not fit", str_text(&file));
	if (why.len && rc != -ENOENT)
		gateway_event(g, LOG_LEVEL_WARNING, t->name[0] ? t->name : "gw", "HISTORY", "%s%s",
			      str_text(&why),
			      good ? "; the one before it is used" : "; it begins anew");
	str_fini(&file);
	str_fini(&data);
	str_fini(&why);
	return good;
}

static bool is_lately(const struct stored *stored, int64_t now_ms)
{
	int64_t gone_ms = now_ms - stored->time_ms;

	return gone_ms >= 0 && (gone_ms <= RESUME_MAX_MS ||
				trend_today(&stored->trend, now_ms).day ==
					trend_today(&stored->trend, stored->time_ms).day);
}

// The next look at the counters goes on from the stored ones when they are of the same interface.
static void resume(struct gateway_trend *t, const struct stored *stored)
{
	char boot_id[CLOCK_BOOT_SIZE];

	t->trend = stored->trend;
	clock_boot_id(boot_id);
	if (strcmp(boot_id, stored->boot_id) != 0 || !stored->ifindex ||
	    !is_lately(stored, clock_wall_ms()))
		return;
	t->resumes = true;
	t->ifindex = (int)stored->ifindex;
	t->rx_bytes = stored->rx_bytes;
	t->tx_bytes = stored->tx_bytes;
}

static void load(struct gateway *g, struct gateway_trend *t, const char *name)
{
	struct stored *stored = xcalloc(1, sizeof(*stored));

	*t = (struct gateway_trend){ .used = true };
	str_copy(t->name, sizeof(t->name), name);
	if (read_stored(g, t, stored))
		resume(t, stored);
	free(stored);
}

static void save(struct gateway *g, const struct gateway_trend *t)
{
	struct stored stored = { .time_ms = clock_wall_ms(),
				 .ifindex = t->ifindex,
				 .rx_bytes = t->rx_bytes,
				 .tx_bytes = t->tx_bytes };
	struct str file = { 0 }, data = { 0 };

	if (!t->used || !g->store)
		return;
	memcpy(stored.name, t->name, sizeof(stored.name));
	clock_boot_id(stored.boot_id);
	stored.trend = t->trend;
	str_add_bytes(&data, (const char *)&stored, sizeof(stored));
	file_of(g, t, &file);
	store_writer_put(g->store, str_text(&file), STORE_KIND, &data);
	str_fini(&file);
}

static void save_all(struct gateway *g)
{
	for (size_t i = 0; i <= GATEWAY_TREND_ALL; i++)
		save(g, &g->trends[i]);
	g->trends_saved_ms = clock_mono_ms();
}

// A full or read-only disk is told once, until it is over.
static void look_after_disk(struct gateway *g)
{
	struct str file = { 0 }, why = { 0 };
	bool failed;

	file_of(g, &g->trends[GATEWAY_TREND_ALL], &file);
	failed = g->store && store_writer_result(g->store, str_text(&file), &why) < 0;
	if (failed && !g->trends_failed)
		gateway_event(g, LOG_LEVEL_WARNING, "gw", "HISTORY", "%s; it goes on in memory",
			      str_text(&why));
	g->trends_failed = failed;
	str_fini(&file);
	str_fini(&why);
}

// ---- counters

// What the interface has moved since the last look; false when there was none to compare with.
static bool read_counters(const struct gateway *g, size_t slot, struct gateway_trend *t,
			  uint64_t *rx_bytes, uint64_t *tx_bytes)
{
	const struct klink *link = kstate_link(&g->observed, g->paths[slot].config->interface);
	bool goes_on = link && link->ifindex == t->ifindex && link->rx_bytes >= t->rx_bytes &&
		       link->tx_bytes >= t->tx_bytes;
	bool compared = t->seen || (t->resumes && goes_on);

	t->seen = true;
	t->resumes = false;
	*rx_bytes = link ? link->rx_bytes : 0;
	*tx_bytes = link ? link->tx_bytes : 0;
	if (goes_on) { // else it is new, and began to count at 0
		*rx_bytes -= t->rx_bytes;
		*tx_bytes -= t->tx_bytes;
	}
	t->ifindex = link ? link->ifindex : 0;
	t->rx_bytes = link ? link->rx_bytes : 0;
	t->tx_bytes = link ? link->tx_bytes : 0;
	return link && compared;
}

// Returns whether the path's bytes were watched since the last tick.
static bool fill_path(struct gateway *g, size_t slot, int64_t wall_ms, int64_t span_ms,
		      struct trend_day *total)
{
	struct gateway_trend *t = &g->trends[slot];
	bool resumes = t->resumes;
	uint64_t rx_bytes, tx_bytes;

	// one that a reload removed is nobody's business
	if (!read_counters(g, slot, t, &rx_bytes, &tx_bytes) || g->paths[slot].config->gone)
		return false;
	if (resumes) // moved while nobody looked
		trend_add_bytes(&t->trend, wall_ms, rx_bytes, tx_bytes);
	else
		trend_add(&t->trend, wall_ms, span_ms, rx_bytes, tx_bytes);
	// a tunnel's bytes are among those of the line that it rides
	if (g->under[slot] >= 0)
		return false;
	if (resumes)
		trend_add_bytes(&g->trends[GATEWAY_TREND_ALL].trend, wall_ms, rx_bytes, tx_bytes);
	else
		*total = (struct trend_day){ 0, total->rx_bytes + rx_bytes,
					     total->tx_bytes + tx_bytes };
	return !resumes;
}

// A slot may have got another path.
static void follow_paths(struct gateway *g)
{
	for (size_t i = 0; i < g->n_paths; i++) {
		struct gateway_trend *t = &g->trends[i];

		if (t->used && strcmp(t->name, g->paths[i].config->name) == 0)
			continue;
		save(g, t);
		load(g, t, g->paths[i].config->name);
	}
}

void gateway_trends_tick(struct gateway *g)
{
	int64_t now_ms = clock_mono_ms(), wall_ms = clock_wall_ms();
	int64_t span_ms = now_ms - g->trends_ms;
	struct trend_day total = { 0 };
	bool watched = false;

	follow_paths(g);
	g->trends_ms = now_ms;
	for (size_t i = 0; i < g->n_paths; i++)
		watched |= fill_path(g, i, wall_ms, span_ms, &total);
	if (watched)
		trend_add(&g->trends[GATEWAY_TREND_ALL].trend, wall_ms, span_ms, total.rx_bytes,
			  total.tx_bytes);
	look_after_disk(g);
	if (now_ms - g->trends_saved_ms >= SAVE_EVERY_MS)
		save_all(g);
}

void gateway_trends_init(struct gateway *g)
{
	g->trends_ms = clock_mono_ms();
	// once at the beginning too: then the counters of a crash are known
	g->trends_saved_ms = g->trends_ms - SAVE_EVERY_MS;
	load(g, &g->trends[GATEWAY_TREND_ALL], "");
	follow_paths(g);
}

void gateway_trends_fini(struct gateway *g)
{
	save_all(g);
}

// ---- who asks

static void tell_bytes(const struct trend *trend, int64_t time_ms, int64_t *today_rx,
		       int64_t *today_tx, int64_t *month_rx, int64_t *month_tx)
{
	struct trend_day today = trend_today(trend, time_ms), month = trend_month(trend, time_ms);

	*today_rx = (int64_t)today.rx_bytes;
	*today_tx = (int64_t)today.tx_bytes;
	*month_rx = (int64_t)month.rx_bytes;
	*month_tx = (int64_t)month.tx_bytes;
}

void gateway_trends_tell(const struct gateway *g, struct snapshot *out)
{
	for (size_t i = 0; i < g->n_paths; i++) {
		struct path_snapshot *p = &out->paths[i];

		tell_bytes(&g->trends[i].trend, out->time_ms, &p->today_rx_bytes,
			   &p->today_tx_bytes, &p->month_rx_bytes, &p->month_tx_bytes);
	}
	tell_bytes(&g->trends[GATEWAY_TREND_ALL].trend, out->time_ms, &out->today_rx_bytes,
		   &out->today_tx_bytes, &out->month_rx_bytes, &out->month_tx_bytes);
}

bool gateway_history(void *ctx, const char *path, enum trend_scale scale, struct history *out)
{
	const struct gateway *g = ctx;
	size_t slot = GATEWAY_TREND_ALL;

	for (size_t i = 0; path[0] && i < g->n_paths; i++) {
		if (strcmp(g->paths[i].config->name, path) == 0 && !g->paths[i].config->gone)
			slot = i;
	}
	if (path[0] && slot == GATEWAY_TREND_ALL)
		return false;
	trend_history(&g->trends[slot].trend, scale, out);
	return true;
}
