// SPDX-License-Identifier: GPL-2.0-or-later
#include <ctype.h>
#include <string.h>

#include "ui/ui_priv.h"

static const struct {
	enum attr attr;
	bool carries, wanted, alerting;
} states[PATH_STATES] = {
	[PATH_STATE_OFF] = { ATTR_IDLE, false, false, false },
	[PATH_STATE_STANDBY] = { ATTR_IDLE, false, false, false },
	[PATH_STATE_DOWN] = { ATTR_FAILED, false, true, true },
	[PATH_STATE_DIALING] = { ATTR_BUSY, false, true, false },
	[PATH_STATE_PROBING] = { ATTR_BUSY, false, true, false },
	[PATH_STATE_BLOCKED] = { ATTR_FAILED, false, true, true },
	[PATH_STATE_CAPPED] = { ATTR_LIMIT, false, false, true },
	[PATH_STATE_FLAPPING] = { ATTR_BAD, false, true, true },
	[PATH_STATE_DEGRADED] = { ATTR_BAD, true, true, true },
	[PATH_STATE_UP] = { ATTR_GOOD, true, true, false },
};

enum attr facts_state_attr(enum path_state state)
{
	return states[state].attr;
}

bool facts_carries(const struct path_snapshot *path)
{
	return states[path->state].carries;
}

bool facts_is_wanted(const struct path_snapshot *path)
{
	return states[path->state].wanted;
}

bool facts_is_alerting(const struct path_snapshot *path)
{
	return states[path->state].alerting;
}

struct facts_count facts_count_paths(const struct snapshot *s)
{
	struct facts_count count = { 0 };

	for (int i = 0; i < s->n_paths; i++) {
		count.up += facts_carries(&s->paths[i]);
		count.wanted += facts_is_wanted(&s->paths[i]) ||
				(s->paths[i].state == PATH_STATE_CAPPED && !s->paths[i].optional);
		count.standby += s->paths[i].state == PATH_STATE_STANDBY;
	}
	return count;
}

static bool is_death(const struct snapshot *s, const struct event *event)
{
	static const enum path_state out[] = { PATH_STATE_DOWN, PATH_STATE_FLAPPING,
					       PATH_STATE_BLOCKED };
	int path = facts_find_path(s, event->object);

	for (size_t i = 0; path >= 0 && i < sizeof(out) / sizeof(out[0]); i++) {
		if (event_is_alert(event) && strcmp(event->verb, path_state_word(out[i])) == 0)
			return s->paths[path].bell;
	}
	return false;
}

// By the events, because a path may be dialled anew before the next snapshot shows it.
bool facts_has_died(const struct snapshot *was, const struct snapshot *now)
{
	uint64_t seen = was->n_events ? was->events[0].seq : 0;

	for (int i = 0; i < now->n_events && now->events[i].seq > seen; i++) {
		if (is_death(now, &now->events[i]))
			return true;
	}
	return false;
}

int facts_find_path(const struct snapshot *s, const char *name)
{
	const struct path_snapshot *path = snapshot_find_path(s, name);

	return path ? (int)(path - s->paths) : -1;
}

const char *facts_kind(const struct path_snapshot *path, char out[static NAME_SIZE])
{
	size_t n = strnlen(path->kind, NAME_SIZE - 1);

	for (size_t i = 0; i < n; i++)
		out[i] = (char)toupper((unsigned char)path->kind[i]);
	out[n] = '\0';
	return out;
}

const char *facts_word(const struct snapshot *s, const struct path_snapshot *path,
		       char out[static NAME_SIZE])
{
	int n = 0;

	for (int i = 0; i < s->n_paths; i++)
		n += strcmp(s->paths[i].kind, path->kind) == 0;
	return n == 1 && path->kind[0] ? facts_kind(path, out) : path->name;
}

const char *facts_redial_word(const struct path_snapshot *path)
{
	return path->dial[0] ? "Redial" : "Reconnect";
}

const struct event *facts_event(const struct ui *ui, const struct snapshot *s, int i)
{
	uint64_t oldest = s->n_events ? s->events[s->n_events - 1].seq : 0;
	uint64_t back = (uint64_t)(i - s->n_events + 1);

	if (i < s->n_events)
		return &s->events[i];
	return oldest > back && ui->log.pid == s->pid ? log_event(ui, oldest - back) : NULL;
}

bool facts_has_alarm(const struct snapshot *s)
{
	return s->revert_at_ms || facts_first_alarm(s);
}

const struct alarm *facts_first_alarm(const struct snapshot *s)
{
	const struct alarm *first = NULL;

	for (int i = 0; i < s->n_alarms; i++) {
		if (s->alarms[i].acked)
			continue;
		if (!first || s->alarms[i].since_ms < first->since_ms)
			first = &s->alarms[i];
	}
	return first;
}
