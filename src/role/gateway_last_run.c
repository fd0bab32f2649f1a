// SPDX-License-Identifier: GPL-2.0-or-later
//
// What is left for the console that finds no gateway; see model/last_run.h.
#include "model/last_run.h"

#include "base/clock.h"
#include "model/format.h"
#include "role/gateway_priv.h"

static void save(struct gateway *g, int64_t stopped_ms)
{
	struct str name = { 0 }, text = { 0 };
	struct last_run run;

	if (!g->store)
		return;
	last_run_make(&run, g->start_ms, stopped_ms, &g->events);
	last_run_write(&run, &text);
	str_addf(&name, "%s/" LAST_RUN_FILE, g->state_dir);
	store_writer_put(g->store, str_text(&name), LAST_RUN_KIND, &text);
	str_fini(&name);
	str_fini(&text);
}

void gateway_last_run_begin(struct gateway *g)
{
	save(g, 0);
}

void gateway_last_run_end(struct gateway *g)
{
	int64_t now_ms = clock_wall_ms();
	char up[FORMAT_SIZE];

	gateway_event(g, LOG_LEVEL_NOTICE, "gw", "STOP", "after %s; %u connections end",
		      format_duration((now_ms - g->start_ms) / 1000, up), g->counters.sessions);
	save(g, now_ms);
}
