// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

// CLOCK_MONOTONIC. Pure code takes time as a parameter and never calls these.
int64_t clock_mono_us(void);
int64_t clock_mono_ms(void);

// CLOCK_REALTIME, milliseconds since the epoch.
int64_t clock_wall_ms(void);

// Names this run of the kernel, for counters that begin anew with the next; empty where /proc is
// not.
#define CLOCK_BOOT_SIZE 40
void clock_boot_id(char out[static CLOCK_BOOT_SIZE]);

#endif
