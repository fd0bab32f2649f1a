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
// Reads the argument of --watch, of the subcommand `verb`: NULL or "" is `otherwise_s`. Returns
// STATUS_DONE or, having said why, STATUS_USAGE.
int client_read_watch(const char *verb, const char *text, int otherwise_s, int *seconds);
// Hands the gateway's snapshot to `show`: once, or with `watch` again at most every `interval_s`
// (0: whenever there is a new one) until something but STATUS_DONE comes back, from it or from the
// connection.
struct client_look {
	bool watch;
	int interval_s;
	int (*show)(void *ctx, const struct ctl_message *message);
	void *ctx;
};
int client_look(const struct role_args *args, struct ctl_client *c, const struct client_look *look);
// Prints at once, for `verb`; with --no-header not the line that begins with "#". STATUS_FAILED
// when stdout takes no more.
int client_print(const struct role_args *args, const char *verb, const char *text);
// No path is called so: says which there are, and which was meant. Returns STATUS_NO_SUCH.
int client_fail_path(const char *verb, const struct snapshot *s, const char *name);
// Says what a return code of a ctl_client_ function means; role_fail_error() is for errors.
int client_fail_rc(const struct role_args *args, int rc);

#endif
