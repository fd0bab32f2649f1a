// SPDX-License-Identifier: GPL-2.0-or-later
//
// Who wants a path: people by command, for good or for a time, and the policy of plan/demand.c.
// Both end in path_fsm_enable() and path_fsm_disable(); what these set in motion is not known here.
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "model/format.h"
#include "role/gateway_priv.h"

#define FOR_MAX_S (366 * 86400LL)
#define BYTES_MAX 1000000000000000LL

static void note(struct gateway *g, size_t slot, bool changed, const struct path_change *change)
{
	if (!changed)
		return;
	gateway_note_change(g, slot, change);
	gateway_round_soon(g);
}

// ---- the policy

static bool is_present(const struct gateway *g, size_t slot)
{
	return !g->paths[slot].config->gone && !g->paths[slot].leaving;
}

static struct demand_need find_need(const struct gateway *g)
{
	struct demand_need need = { .full = g->uses.overflow.engaged };

	for (size_t i = 0; i < g->n_paths; i++) {
		const struct config_path *path = g->paths[i].config;

		if (!is_present(g, i) || path->optional || path->tier != PATH_TIER_PRIMARY)
			continue;
		need.primaries++;
		need.up += path_fsm_works(&g->fsms[i]);
		// another path would not make these names known
		need.poor += g->fsms[i].state == PATH_STATE_DEGRADED &&
			     strcmp(g->fsms[i].reason, REASON_DNS) != 0;
	}
	return need;
}

void gateway_demand_tick(struct gateway *g)
{
	const struct demand_need need = find_need(g);
	int64_t now_ms = clock_mono_ms();

	for (size_t i = 0; i < g->n_paths; i++) {
		struct gateway_path *path = &g->paths[i];
		const struct demand_state state = { .wanted = path_fsm_wanted(&g->fsms[i]),
						    .allowed = !path->spent };
		struct path_change change;
		char why[NOTE_SIZE];

		if (!is_present(g, i))
			continue;
		switch (plan_demand(&path->demand, path->config, &need, &state, now_ms, why)) {
		case DEMAND_BRING:
			note(g, i, path_fsm_enable(&g->fsms[i], why, now_ms, &change), &change);
			break;
		case DEMAND_RELEASE:
			note(g, i, path_fsm_disable(&g->fsms[i], why, now_ms, &change), &change);
			break;
		case DEMAND_KEEP:
			break;
		}
	}
}

// ---- people

static void refuse(struct command_result *out, enum status status, const char *text,
		   const char *hint)
{
	out->status = status;
	str_copy(out->text, sizeof(out->text), text);
	str_copy(out->hint, sizeof(out->hint), hint);
}

static bool is_sane(const struct command *command, struct command_result *out)
{
	if (command->for_s <= FOR_MAX_S && command->boost_bytes <= BYTES_MAX &&
	    command->used_bytes <= BYTES_MAX)
		return true;
	refuse(out, STATUS_USAGE, "that is more than anybody has",
	       "at most a year, and a petabyte");
	return false;
}

static void say_time(const struct command *command, struct command_result *out)
{
	size_t len = strlen(out->text);
	char time[FORMAT_SIZE];

	if (command->for_s > 0)
		snprintf(out->text + len, sizeof(out->text) - len, ", for %s",
			 format_exact_duration(command->for_s, time));
}

static void enable(struct gateway *g, size_t slot, const struct command *command,
		   struct command_result *out)
{
	const char *name = g->paths[slot].config->name;
	struct path_fsm *fsm = &g->fsms[slot];
	int64_t now_ms = clock_mono_ms();
	struct path_change change;
	bool changed;

	if (command->for_s > 0 && path_fsm_wanted(fsm) && !g->paths[slot].config->optional) {
		refuse(out, STATUS_REFUSED, "", "--for is for a path that is off");
		snprintf(out->text, sizeof(out->text), "%s is on, and not only for a time", name);
		return;
	}
	if (!is_sane(command, out) || !gateway_caps_allow(g, slot, command, out))
		return;
	changed = path_fsm_enable(fsm, command->who, now_ms, &change);
	note(g, slot, changed, &change);
	plan_demand_enabled(&g->paths[slot].demand, command->for_s, now_ms);
	snprintf(out->text, sizeof(out->text), "%s is %s%s", name, changed ? "now " : "already ",
		 path_state_word(fsm->state));
	say_time(command, out);
}

static void disable(struct gateway *g, size_t slot, const struct command *command,
		    struct command_result *out)
{
	struct path_fsm *fsm = &g->fsms[slot];
	struct path_change change;
	bool changed = path_fsm_disable(fsm, command->who, clock_mono_ms(), &change);

	note(g, slot, changed, &change);
	plan_demand_disabled(&g->paths[slot].demand);
	snprintf(out->text, sizeof(out->text), "%s is %s%s", command->object,
		 changed ? "now " : "already ", path_state_word(fsm->state));
}

void gateway_demand_command(struct gateway *g, size_t slot, const struct command *command,
			    struct command_result *out)
{
	if (command->verb == COMMAND_ENABLE)
		enable(g, slot, command, out);
	else if (command->verb == COMMAND_DISABLE)
		disable(g, slot, command, out);
	else if (is_sane(command, out))
		gateway_caps_set_used(g, slot, command, out);
}

void gateway_demand_fill(const struct gateway *g, size_t slot, int64_t now_ms,
			 struct path_snapshot *p)
{
	const struct gateway_path *path = &g->paths[slot];
	int64_t left_ms = path->demand.until_ms - now_ms;
	char note_before[NOTE_SIZE], left[FORMAT_SIZE];

	if (path->config->optional)
		str_copy(p->demand, sizeof(p->demand), config_demand_word(path->config->demand));
	if (!path->demand.until_ms || !path_fsm_wanted(&g->fsms[slot]))
		return;
	p->enabled_until_ms = clock_wall_ms() + (left_ms > 0 ? left_ms : 0);
	str_copy(note_before, sizeof(note_before), p->note);
	snprintf(p->note, sizeof(p->note), "%.60s, off in %s", note_before,
		 format_duration_short(left_ms > 0 ? left_ms / 1000 : 0, left));
}
