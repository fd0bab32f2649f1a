// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef MODEL_LAST_RUN_H
#define MODEL_LAST_RUN_H

#include "base/str.h"
#include "model/event.h"

// What a gateway leaves behind for those who find none: when it ran, and its last words. The
// gateway writes it when it starts and when it stops; the console shows it while there is no
// gateway.

#define LAST_RUN_FILE   "last-run"   // in the state folder
#define LAST_RUN_KIND   "last-run-1" // of the store
#define LAST_RUN_EVENTS 6

struct last_run {
	int64_t started_ms; // wall clock
	int64_t stopped_ms; // 0: it runs, or did not come to say so
	int n;
	struct event events[LAST_RUN_EVENTS]; // the oldest first
};

// The newest events of the log are its last words.
void last_run_make(struct last_run *run, int64_t started_ms, int64_t stopped_ms,
		   const struct event_log *log);
void last_run_write(const struct last_run *run, struct str *out);
// Returns 0 or -EBADMSG. Texts may hold anything: who shows them cleans them.
int last_run_read(const char *text, struct last_run *out);

#endif
