// SPDX-License-Identifier: GPL-2.0-or-later
//
// Tells the hooks in "event.d", beside the configuration file, of events that people should know.
#include <string.h>

#include "base/str.h"
#include "role/gateway_priv.h"
#include "role/hooks.h"

#define HOOK_VERB "HOOK" // of failures of hooks, which are not told to hooks

static void on_failed(void *ctx, const char *text)
{
	gateway_event(ctx, LOG_LEVEL_WARNING, "gw", HOOK_VERB, "%s", text);
}

void gateway_hooks_init(struct gateway *g)
{
	const char *slash = strrchr(g->config->file, '/');
	struct str folder = { 0 };

	if (slash)
		str_add_bytes(&folder, g->config->file, (size_t)(slash - g->config->file));
	else
		str_add(&folder, ".");
	str_add(&folder, "/event.d");
	g->hooks = hooks_new(g->loop, str_text(&folder), on_failed, g);
	str_fini(&folder);
}

void gateway_hooks_fini(struct gateway *g)
{
	hooks_free(g->hooks);
	g->hooks = NULL;
}

void gateway_hooks_tell(struct gateway *g, const struct event *event)
{
	const char *state = "", *reason = "";

	if (!g->hooks || event->level > LOG_LEVEL_NOTICE || strcmp(event->verb, HOOK_VERB) == 0)
		return;
	for (size_t i = 0; i < g->n_paths; i++) {
		if (strcmp(g->paths[i].config->name, event->object) == 0) {
			state = path_state_json(g->fsms[i].state);
			reason = g->fsms[i].reason;
		}
	}
	hooks_tell(g->hooks, event, state, reason);
}
