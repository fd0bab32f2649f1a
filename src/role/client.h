// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef ROLE_CLIENT_H
#define ROLE_CLIENT_H

#include "ctl/ctl.h"
#include "role/role_priv.h"

// What the commands that ask a running gateway share. On failure each says why, as
// "mpgate: WHY" and a hint on stderr or, with --json, as mpgate.error on stdout.

// The gateway answers at once or is in trouble.
#define CLIENT_ANSWER_MS 5000

// Returns STATUS_DONE and *out, or the exit status.
int client_open(const struct role_args *args, struct ctl_client **out);
// Waits for the next message of one of these kinds (a mask of 1 << CTL_...), skips others, takes
// CTL_ERROR for a failure. Returns STATUS_DONE or the exit status.
int client_wait(const struct role_args *args, struct ctl_client *c, unsigned kinds,
		struct ctl_message *out, int timeout_ms);
// Says what a return code of a ctl_client_ function means; role_fail_error() is for errors.
int client_fail_rc(const struct role_args *args, int rc);

#endif
