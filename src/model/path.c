// SPDX-License-Identifier: GPL-2.0-or-later
#include "model/path.h"

#include <errno.h>
#include <string.h>

static const struct {
	const char *word, *json;
} states[PATH_STATES] = {
	[PATH_STATE_OFF] = { "OFF", "off" },
	[PATH_STATE_STANDBY] = { "STANDBY", "standby" },
	[PATH_STATE_DOWN] = { "DOWN", "down" },
	[PATH_STATE_DIALING] = { "DIALING", "dialing" },
	[PATH_STATE_PROBING] = { "PROBING", "probing" },
	[PATH_STATE_BLOCKED] = { "BLOCKED", "blocked" },
	[PATH_STATE_CAPPED] = { "CAPPED", "capped" },
	[PATH_STATE_FLAPPING] = { "FLAPPING", "flapping" },
	[PATH_STATE_DEGRADED] = { "DEGRADED", "degraded" },
	[PATH_STATE_UP] = { "UP", "up" },
};

const char *path_state_word(enum path_state state)
{
	return states[state].word;
}

const char *path_state_json(enum path_state state)
{
	return states[state].json;
}

int path_state_from_json(const char *word, enum path_state *state)
{
	for (int i = 0; i < PATH_STATES; i++) {
		if (strcmp(word, states[i].json) == 0) {
			*state = (enum path_state)i;
			return 0;
		}
	}
	return -EINVAL;
}

static const char *const tiers[PATH_TIERS] = {
	[PATH_TIER_PRIMARY] = "primary",
	[PATH_TIER_OVERFLOW] = "overflow",
	[PATH_TIER_BACKUP] = "backup",
	[PATH_TIER_NEVER] = "never",
};

const char *path_tier_word(enum path_tier tier)
{
	return tiers[tier];
}

int path_tier_from_word(const char *word, enum path_tier *tier)
{
	for (int i = 0; i < PATH_TIERS; i++) {
		if (strcmp(word, tiers[i]) == 0) {
			*tier = (enum path_tier)i;
			return 0;
		}
	}
	return -EINVAL;
}

static const char *const dials[PATH_DIALS] = {
	[PATH_DIAL_NONE] = "none",
	[PATH_DIAL_PPP] = "ppp",
	[PATH_DIAL_COMMAND] = "command",
};

const char *path_dial_word(enum path_dial dial)
{
	return dials[dial];
}

int path_dial_from_word(const char *word, enum path_dial *dial)
{
	for (int i = 0; i < PATH_DIALS; i++) {
		if (strcmp(word, dials[i]) == 0) {
			*dial = (enum path_dial)i;
			return 0;
		}
	}
	return -EINVAL;
}

static const char *const uses[PATH_USES] = {
	[PATH_USE_FULL] = "full",
	[PATH_USE_BACKUP] = "backup",
	[PATH_USE_NONE] = "none",
};

const char *path_use_word(enum path_use use)
{
	return uses[use];
}

int path_use_from_word(const char *word, enum path_use *use)
{
	for (int i = 0; i < PATH_USES; i++) {
		if (strcmp(word, uses[i]) == 0) {
			*use = (enum path_use)i;
			return 0;
		}
	}
	return -EINVAL;
}
