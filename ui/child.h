// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef UI_CHILD_H
#define UI_CHILD_H

#include <stdbool.h>
#include <sys/types.h>

// A command whose output the console shows. It has no terminal, and ends with the console.

struct child {
	pid_t pid; // 0: none runs
	int fd;    // of its output, standard error among it; -1: none
};

#define CHILD_NONE ((struct child){ .fd = -1 })

// Returns 0 or -errno. argv[0] is looked for in PATH unless it holds a slash.
int child_start(struct child *child, char *const argv[]);
// What it has printed meanwhile: the number of bytes, 0 when nothing waits, -EPIPE when it has ended;
// then *status is as the shell would say.
ssize_t child_read(struct child *child, char *buf, size_t size, int *status);
// Ends it.
void child_stop(struct child *child);

#endif
