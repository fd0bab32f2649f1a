// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef ROLE_SERVICE_H
#define ROLE_SERVICE_H

#include <ev.h>

#include "base/str.h"
#include "config/config.h"
#include "wire/wire.h"

// What the long-running roles share: signals, limits, folders, keys.

struct service {
	struct ev_loop *loop;
	ev_signal term, interrupt, hangup;
	void (*reload)(void *ctx); // SIGHUP; NULL: ignored
	void *ctx;
};

// Ends ev_run() on SIGTERM and SIGINT; ignores SIGPIPE; raises the descriptor limit to what is allowed.
void service_init(struct service *service, struct ev_loop *loop);
void service_fini(struct service *service);

// Makes the folder for control socket and saved state. Returns 0, or -errno with a text.
int service_make_folder(const char *path, struct str *why);

// Reads the key of an exit or of the server. Returns 0, or -errno with a text.
int service_read_key(struct wire_key *key, enum config_method method, const char *file,
		     struct str *why);

// `configured`, or one per processor when that is 0.
int service_workers(int configured);

#endif
