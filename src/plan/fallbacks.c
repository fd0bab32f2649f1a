// SPDX-License-Identifier: GPL-2.0-or-later
// Connections that have become plain TCP are told once an hour for each destination, not one by
// one: a page has dozens of them, and who reads of one knows. Only so many destinations are told
// within an hour, so that a LAN full of them fills neither the list of events nor memory.

#include <string.h>

#include "base/str.h"
#include "plan/plan.h"

#define AGAIN_MS 3600000

bool plan_tell_fallback(struct told_fallbacks *told, const char *target, int64_t now_ms, bool *last)
{
	struct told_fallback *room = NULL;
	size_t taken = 0;

	for (size_t i = 0; i < FALLBACKS_TOLD; i++) {
		struct told_fallback *t = &told->list[i];
		bool fresh = t->target[0] && now_ms - t->told_ms < AGAIN_MS;

		if (fresh && strcmp(t->target, target) == 0)
			return false;
		taken += fresh;
		if (!fresh)
			room = t;
	}
	if (!room)
		return false;
	str_copy(room->target, sizeof(room->target), target);
	room->told_ms = now_ms;
	*last = taken + 1 == FALLBACKS_TOLD;
	return true;
}
