// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef ROLE_MACHINE_H
#define ROLE_MACHINE_H

#include "model/snapshot.h"

// What the machine and this process take of it. Zero-initialised is right but for the roots.
struct machine {
	const char *proc, *sys; // "/proc", "/sys"; borrowed
	uint64_t busy, all;     // of the processors, in ticks, at the last look
};

// Reads files of /proc and /sys: some tenths of a millisecond. The processors' part is that of the
// time since the last look. What this machine does not tell is SNAPSHOT_NONE.
void machine_look(struct machine *machine, struct machine_snapshot *out);

#endif
