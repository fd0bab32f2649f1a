// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef MODEL_PATH_H
#define MODEL_PATH_H

#include <net/if.h>

// A path is one way to the Internet: an interface of this machine, with what we know of it.

// Names of paths, exits and events' objects, with the final NUL.
#define NAME_SIZE IFNAMSIZ
// A configuration may have this many paths. The kernel takes 8 endpoints per network namespace
// (MPTCP_PM_ADDR_MAX in 6.1 to 6.18); the plan decides which paths get one.
#define PATHS_MAX 16

// The words that a person sees (and, in lower case, JSON). The order is by how good the state is.
enum path_state {
	PATH_STATE_OFF,      // disabled by a person
	PATH_STATE_STANDBY,  // optional and not wanted now
	PATH_STATE_DOWN,     // wanted, but does not carry
	PATH_STATE_DIALING,  // being brought up
	PATH_STATE_PROBING,  // has what it needs, not yet proved
	PATH_STATE_BLOCKED,  // reaches the exit, but MPTCP does not pass
	PATH_STATE_CAPPED,   // its data allowance is used up
	PATH_STATE_FLAPPING, // held down, because it changed too often
	PATH_STATE_DEGRADED, // in use, but slow or lossy
	PATH_STATE_UP,
	PATH_STATES
};

// "UP"; never NULL.
const char *path_state_word(enum path_state state);
// "up"
const char *path_state_json(enum path_state state);
// Returns 0 or -EINVAL.
int path_state_from_json(const char *word, enum path_state *state);

// What the configuration wants a path for.
enum path_tier {
	PATH_TIER_PRIMARY,
	PATH_TIER_OVERFLOW, // in use while the primaries are full
	PATH_TIER_BACKUP,   // in use while no other path is up
	PATH_TIER_NEVER,    // probed and shown, not used
	PATH_TIERS
};

// "overflow"; also in the configuration and in JSON.
const char *path_tier_word(enum path_tier tier);
int path_tier_from_word(const char *word, enum path_tier *tier);

// Who brings the link of a path up.
enum path_dial {
	PATH_DIAL_NONE,    // not we
	PATH_DIAL_PPP,     // pppd
	PATH_DIAL_COMMAND, // commands of the configuration
	PATH_DIALS
};

// "command"; also in the configuration.
const char *path_dial_word(enum path_dial dial);
int path_dial_from_word(const char *word, enum path_dial *dial);

// What a path is used for just now.
enum path_use {
	PATH_USE_FULL,
	PATH_USE_BACKUP, // an endpoint with the backup flag: carries when no full one does
	PATH_USE_NONE,   // no endpoint
	PATH_USES
};

// "full"; JSON.
const char *path_use_word(enum path_use use);
int path_use_from_word(const char *word, enum path_use *use);

#endif
