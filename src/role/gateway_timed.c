// SPDX-License-Identifier: GPL-2.0-or-later
//
// A change that is taken back unless somebody keeps it: whoever switches off the last working path
// may be sitting behind it, and could not switch it on again.
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "role/gateway_priv.h"

#define KEEP_MS (5 * 60 * 1000)

static int find_slot(const struct gateway *g, const char *name)
{
	for (size_t i = 0; i < g->n_paths; i++) {
		if (strcmp(g->paths[i].config->name, name) == 0)
			return (int)i;
	}
	return -1;
}

bool gateway_timed_is_last(const struct gateway *g, size_t slot)
{
	if (!path_fsm_works(&g->fsms[slot]))
		return false;
	for (size_t i = 0; i < g->n_paths; i++) {
		if (i != slot && path_fsm_works(&g->fsms[i]))
			return false;
	}
	return true;
}

void gateway_timed_begin(struct gateway *g, size_t slot)
{
	str_copy(g->timed.path, sizeof(g->timed.path), g->paths[slot].config->name);
	g->timed.revert_ms = clock_mono_ms() + KEEP_MS;
	gateway_event(g, LOG_LEVEL_WARNING, g->timed.path, "TIMED",
		      "was the last working path: it comes back in %d min unless that is kept",
		      KEEP_MS / 60000);
}

void gateway_timed_forget(struct gateway *g, const char *path)
{
	if (strcmp(g->timed.path, path) == 0)
		g->timed = (struct gateway_timed){ 0 };
}

static void take_back(struct gateway *g, const char *who)
{
	int slot = find_slot(g, g->timed.path);
	struct path_change change;

	g->timed = (struct gateway_timed){ 0 };
	if (slot < 0 || !path_fsm_enable(&g->fsms[slot], who, clock_mono_ms(), &change))
		return;
	gateway_note_change(g, (size_t)slot, &change);
	gateway_round_soon(g);
}

void gateway_timed_tick(struct gateway *g)
{
	if (g->timed.revert_ms && clock_mono_ms() >= g->timed.revert_ms)
		take_back(g, "the timer: nobody kept the change");
}

void gateway_timed_command(struct gateway *g, const struct command *command,
			   struct command_result *out)
{
	bool keep = command->verb == COMMAND_CONFIRM;
	char path[NAME_SIZE];

	if (!g->timed.revert_ms) {
		snprintf(out->text, sizeof(out->text), "nothing waits to be %s",
			 keep ? "kept" : "taken back");
		return;
	}
	str_copy(path, sizeof(path), g->timed.path);
	snprintf(out->text, sizeof(out->text), keep ? "%s stays off" : "%s is on again", path);
	if (keep) {
		g->timed = (struct gateway_timed){ 0 };
		gateway_event(g, LOG_LEVEL_NOTICE, path, "KEPT", "stays off, kept by %s",
			      command->who);
	} else {
		take_back(g, command->who);
	}
}

void gateway_timed_fill(const struct gateway *g, struct snapshot *out)
{
	if (!g->timed.revert_ms)
		return;
	str_copy(out->timed_path, sizeof(out->timed_path), g->timed.path);
	out->revert_at_ms = clock_wall_ms() + g->timed.revert_ms - clock_mono_ms();
}
