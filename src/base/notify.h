// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BASE_NOTIFY_H
#define BASE_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>

// What a service manager wants to hear: sd_notify(3)'s protocol. Called by the main thread only.

// Takes NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID out of the environment, so that no child
// speaks in our name.
void notify_init(void);
// Somebody listens.
bool notify_is_wanted(void);
// How long we may be silent before we are taken for dead; 0: nobody watches.
int64_t notify_watchdog_ms(void);
// Sends "NAME=value" lines in one datagram. Never blocks. False when it was not taken: what matters
// is to be said again.
__attribute__((format(printf, 1, 2))) bool notify_send(const char *fmt, ...);

#endif
