// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef ROLE_SERVICE_H
#define ROLE_SERVICE_H

#include <ev.h>

#include "base/log.h"
#include "base/str.h"
#include "config/config.h"
#include "relay/relay.h"
#include "wire/wire.h"

// What the long-running roles share: signals, limits, folders, keys.

struct service {
	struct ev_loop *loop;
	ev_signal term, interrupt, hangup;
	void (*reload)(void *ctx); // SIGHUP; NULL: ignored
	// Appends a sentence on how we are, and returns whether we do our job (at first it is to
	// begin); for service_report().
	bool (*describe)(void *ctx, struct str *out);
	void *ctx;

	const struct relay *relay;
	ev_timer pulse;
	struct str told; // the sentence that was told last
	bool ready, stuck;
};

// Ends ev_run() on SIGTERM and SIGINT; ignores SIGPIPE; raises the descriptor limit to what is
// allowed.
void service_init(struct service *service, struct ev_loop *loop);
void service_fini(struct service *service);

// From now on tells the service manager, when there is one, how we are: once a second, that we
// live, as long as all of the relay's workers do; and what `describe` says when it changes. The
// relay must outlive it; NULL for a role without one.
void service_report(struct service *service, const struct relay *relay);
// Around a reload.
void service_reloading(struct service *service);
void service_reloaded(struct service *service);
// The end has begun; ends service_report() too.
void service_stopping(struct service *service, const char *what);

// Logs each line as "role: line".
void service_log_lines(enum log_level level, const char *role, const char *lines);

// Makes the folder for control socket and saved state. Returns 0, or -errno with a text.
int service_make_folder(const char *path, struct str *why);

// Reads the key of an exit or of the server. Returns 0, or -errno with a text.
int service_read_key(struct wire_key *key, enum config_method method, const char *file,
		     struct str *why);

// `configured`, or one per processor when that is 0.
int service_workers(int configured);

#endif
