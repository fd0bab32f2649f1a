// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef DIAL_PROGRAM_H
#define DIAL_PROGRAM_H

#include <ev.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// A program that runs for us, in a session of its own and without our descriptors. Zero-initialised
// but for the first part. The loop must be the default one, which reaps children.
struct program {
	struct ev_loop *loop;
	// Each whole line of its output, without what steers terminals; may be NULL.
	void (*said)(void *ctx, const char *line);
	void (*ended)(void *ctx, int status); // as of wait(2); it may be started again here
	void *ctx;

	pid_t pid; // 0: does not run
	int pidfd;
	int fd; // its output
	char line[256];
	size_t len;
	int budget;   // bytes that it may still say in this second
	bool overdue; // it is being ended
	ev_child end;
	ev_io output;
	ev_timer limit, refill;
};

// Returns 0, or -errno of what could not be executed. After `limit_ms` (0: never) the program is
// ended with all that it has started in its process group.
int program_start(struct program *program, const char *const argv[], char *const envp[],
		  int limit_ms);
// Ends it as its limit would.
void program_end(struct program *program);
// Lets it run, or be dead, without us.
void program_forget(struct program *program);

int pidfd_of(pid_t pid);
int pidfd_signal(int pidfd, int number);

#endif
