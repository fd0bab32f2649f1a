// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef UI_COMMAND_H
#define UI_COMMAND_H

#include <stdbool.h>
#include <sys/types.h>

// A command whose output the console shows. It has no terminal, and ends with the console.

struct ui_command {
	pid_t pid; // 0: none runs
	int fd;    // of its output, standard error among it; -1: none
};

#define UI_COMMAND_NONE ((struct ui_command){ .fd = -1 })

// Returns 0 or -errno. argv[0] is looked for in PATH unless it holds a slash.
int ui_command_start(struct ui_command *command, char *const argv[]);
// What it has printed meanwhile: the number of bytes, 0 when nothing waits, -EPIPE when it has
// ended; then *status is as the shell would say.
ssize_t ui_command_read(struct ui_command *command, char *buf, size_t size, int *status);
// Ends it.
void ui_command_stop(struct ui_command *command);

#endif
