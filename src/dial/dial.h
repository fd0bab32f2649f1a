// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef DIAL_DIAL_H
#define DIAL_DIAL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"
#include "model/event.h"
#include "model/path.h"
#include "model/snapshot.h"

// Links that are brought up by a program: pppd, or commands of the configuration. This room starts,
// watches, hangs up and ends these programs, and says in words why a link does not come up. When to
// dial is decided elsewhere (plan_redial() in plan/), whether the link is ready too
// (plan_readiness()).
//
// All of it belongs to the loop's thread, whose loop must be the default one (it reaps children).

struct ev_loop;
struct dial;

// What the configuration says of one link. The texts are copied.
struct dial_settings {
	enum path_dial way;
	const char *path;               // its name, for texts and the environment of commands
	const char *interface;          // that the link is to have
	const char *call, *pid_file;    // PATH_DIAL_PPP; either may be empty
	const char *up, *down, *status; // PATH_DIAL_COMMAND; `down` and `status` may be empty
	int timeout_ms;
};

enum dial_phase {
	DIAL_IDLE,     // nothing runs that this room knows of
	DIAL_RAISING,  // the link is being brought up
	DIAL_HELD,     // it is up as far as the program knows
	DIAL_DROPPING, // it is being hung up, to dial again or for good
};

enum dial_event {
	DIAL_RAISED, // the program says that the link is up
	DIAL_FAILED, // it did not come up
	DIAL_ENDED,  // it was up, and is not any more
	DIAL_NEWS,   // something a person should know; the phase is as before
};

struct dial_report {
	size_t slot;
	enum dial_event event;
	bool refused; // trying again soon would not help: the login, the SIM, the settings
	char reason[REASON_SIZE];   // for programs: "no-pado"
	char note[NOTE_SIZE];       // for people, short: "PPP: no PADO"
	char text[EVENT_TEXT_SIZE]; // the sentence: what pppd or the command said
};

struct dial_options {
	struct ev_loop *loop;
	const char *run_dir; // where the process ids of our own pppds are kept, to find them after
			     // a crash
	// May be called from within every function below, but not after dial_free().
	void (*report)(void *ctx, const struct dial_report *report);
	void *ctx;
};

struct dial *dial_new(const struct dial_options *options);
// Hangs up what this room has dialled, and only that: it waits for the programs' end, a few seconds
// at most for all of them together. What something else has started goes on.
void dial_free(struct dial *dial);

// What slot `slot` (below PATHS_MAX) is from now on; NULL: nothing any more. With another way to
// dial, or another interface, what was dialled before is hung up.
void dial_set(struct dial *dial, size_t slot, const struct dial_settings *settings);

// Each begins something and returns at once; what comes of it is reported. They do nothing where
// the slot has no settings or is there already.
void dial_up(struct dial *dial, size_t slot);
// Hangs up what was dialled by dial_up(); a pppd that something else has started goes on.
void dial_down(struct dial *dial, size_t slot);
// Hangs up, also what something else has started, and dials again.
void dial_again(struct dial *dial, size_t slot);

// Tells whether the interface has what a link needs. A link that does not come up in time is a
// failure, and one that loses it is looked at.
void dial_link(struct dial *dial, size_t slot, bool ready);

enum dial_phase dial_phase(const struct dial *dial, size_t slot);
// Who answered the last time, as pppd says: the concentrator's address. Empty: not known.
const char *dial_concentrator(const struct dial *dial, size_t slot);

#endif
