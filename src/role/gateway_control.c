// SPDX-License-Identifier: GPL-2.0-or-later
//
// What people may ask of the running gateway.
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "role/gateway_priv.h"

static size_t find_slot(const struct gateway *g, const char *name)
{
	size_t slot = 0;

	while (slot < g->n_paths && strcmp(g->paths[slot].config->name, name) != 0)
		slot++;
	return slot;
}

static void say(struct command_result *out, const char *name, const char *what,
		const struct path_fsm *fsm)
{
	snprintf(out->text, sizeof(out->text), "%s is %s%s", name, what,
		 path_state_word(fsm->state));
}

static void switch_path(struct gateway *g, const struct command *command,
			struct command_result *out)
{
	size_t slot = find_slot(g, command->object);
	bool was_last = command->verb == COMMAND_DISABLE && gateway_timed_is_last(g, slot);

	gateway_demand_command(g, slot, command, out);
	if (command->verb == COMMAND_ENABLE)
		gateway_timed_forget(g, command->object);
	if (!was_last || path_fsm_wanted(&g->fsms[slot]))
		return;
	gateway_timed_begin(g, slot);
	snprintf(out->hint, sizeof(out->hint),
		 "it comes back by itself in 5 min; 'mpgate confirm' keeps it off");
}

// A path without a dialler is taken out and brought in again: its subflows close, and once it has
// proved itself anew, connections get fresh ones.
static void reconnect_path(struct gateway *g, const struct command *command,
			   struct command_result *out)
{
	size_t slot = find_slot(g, command->object);
	struct path_fsm *fsm = &g->fsms[slot];
	struct path_change change;

	if (!path_fsm_wanted(fsm)) {
		out->status = STATUS_REFUSED;
		snprintf(out->text, sizeof(out->text), "%s is %s, so there is nothing to reconnect",
			 command->object, path_state_word(fsm->state));
		snprintf(out->hint, sizeof(out->hint), "switch it on with 'mpgate enable %s'",
			 command->object);
		return;
	}
	if (gateway_dial_redial(g, slot, command->who)) {
		gateway_round_soon(g);
	} else if (path_fsm_restart(fsm, command->who, clock_mono_ms(), &change)) {
		gateway_note_change(g, slot, &change);
		gateway_round_soon(g);
	}
	say(out, command->object, "now ", fsm);
}

static void reserve_path(struct gateway *g, const struct command *command,
			 struct command_result *out)
{
	struct gateway_path *path = &g->paths[find_slot(g, command->object)];
	bool reserved = command->verb == COMMAND_BACKUP;
	const char *what = reserved ? "a backup" : "used by its tier";

	snprintf(out->text, sizeof(out->text), "%s is %s %s", command->object,
		 path->reserved == reserved ? "already" : "now", what);
	if (path->reserved == reserved)
		return;
	path->reserved = reserved;
	gateway_event(g, LOG_LEVEL_NOTICE, command->object, "BACKUP", "%s by %s",
		      reserved ? "on" : "off", command->who);
	gateway_round_soon(g);
}

void gateway_acknowledge(struct gateway *g, const struct command *command,
			 struct command_result *out)
{
	int n = 0;

	for (int i = 0; i < g->n_alarms; i++) {
		if (strcmp(g->alarms[i].object, command->object) != 0)
			continue;
		g->alarms[i].acked = true;
		n++;
	}
	snprintf(out->text, sizeof(out->text), n ? "alarm of %s acknowledged" : "%s has no alarm",
		 command->object);
	if (n)
		gateway_event(g, LOG_LEVEL_NOTICE, command->object, "ACK",
			      "alarm acknowledged by %s", command->who);
}

static void reload(struct gateway *g, const struct command *command, struct command_result *out)
{
	gateway_reload(g, command->who, out);
}

static void stop(struct gateway *g, const struct command *command, struct command_result *out)
{
	gateway_event(g, LOG_LEVEL_NOTICE, "gw", "STOP", "asked by %s", command->who);
	snprintf(out->text, sizeof(out->text), "the gateway stops");
	ev_break(g->loop, EVBREAK_ALL);
}

static void (*const run[COMMANDS])(struct gateway *, const struct command *,
				   struct command_result *) = {
	[COMMAND_ENABLE] = switch_path,
	[COMMAND_DISABLE] = switch_path,
	[COMMAND_CAP] = switch_path,
	[COMMAND_REDIAL] = reconnect_path,
	[COMMAND_BACKUP] = reserve_path,
	[COMMAND_NO_BACKUP] = reserve_path,
	[COMMAND_ACK] = gateway_acknowledge,
	[COMMAND_RELOAD] = reload,
	[COMMAND_STOP] = stop,
	[COMMAND_CONFIRM] = gateway_timed_command,
	[COMMAND_REVERT] = gateway_timed_command,
};

static void take_command(void *ctx, const struct command *command, struct command_result *out)
{
	struct gateway *g = ctx;

	run[command->verb](g, command, out);
	gateway_publish(g);
}

static const struct event_log *get_events(void *ctx)
{
	return &((struct gateway *)ctx)->events;
}

const struct ctl_handler gateway_handler = {
	.snapshot = gateway_snapshot,
	.history = gateway_history,
	.command = take_command,
	.events = get_events,
	.conns = gateway_conns_ask,
	.test = gateway_test_start,
};
