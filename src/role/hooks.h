// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef ROLE_HOOKS_H
#define ROLE_HOOKS_H

#include "model/event.h"

// Programs of the administrator that are told of events; see hooks.c.

struct ev_loop;
struct hooks;

// `folder` may come and go. `failed` is told in one line what did not work, at most once an hour;
// it may be called from within any of these functions. `loop` must be the default one.
struct hooks *hooks_new(struct ev_loop *loop, const char *folder,
			void (*failed)(void *ctx, const char *text), void *ctx);
// Ends the one that runs.
void hooks_free(struct hooks *hooks);

// Tells all of them, as soon as those that were told of earlier events have ended. `state` and
// `reason` are those of the path that the event is about; empty for other objects.
void hooks_tell(struct hooks *hooks, const struct event *event, const char *state,
		const char *reason);

#endif
