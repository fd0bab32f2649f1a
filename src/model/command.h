// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef MODEL_COMMAND_H
#define MODEL_COMMAND_H

#include <stdbool.h>
#include <stdint.h>

#include "model/path.h"

// What a person may ask of a running gateway, from a key or the command line.

enum command_verb {
	COMMAND_ENABLE,
	COMMAND_DISABLE,
	COMMAND_REDIAL,
	COMMAND_BACKUP,    // use the path as a backup only
	COMMAND_NO_BACKUP, // by its tier again
	COMMAND_CAP,       // say what the path has used of its data allowance
	COMMAND_ACK,       // acknowledge the alarms of the named object
	COMMAND_RELOAD,    // read the configuration again
	COMMAND_STOP,
	COMMAND_CONFIRM, // keep a change that would be taken back
	COMMAND_REVERT,  // take it back now
	COMMANDS
};

// "enable"
const char *command_word(enum command_verb verb);
int command_from_word(const char *word, enum command_verb *verb);

struct command {
	enum command_verb verb;
	char object[NAME_SIZE]; // a path's name; empty for the verbs from COMMAND_RELOAD on
	int64_t for_s;          // enable: so long; 0: for good
	int64_t boost_bytes;    // enable: and raise its cap by this until it resets; 0: do not
	bool ignore_cap;        // enable: and have no cap until it resets
	int64_t used_bytes;     // cap
	char who[64];           // "root on ttyS0", for the log; filled in by the receiving end
};

#define COMMAND_DETAILS_SIZE 8192

// How it went. `status` is an exit status of the command line (mpgate(8), EXIT STATUS).
struct command_result {
	int status;
	char text[160]; // for people: "wwan0 is already UP"
	char hint[160]; // may be empty
	// More lines, each with a line end: what was changed, or everything that is wrong. May be
	// empty.
	char details[COMMAND_DETAILS_SIZE];
};

#endif
