// SPDX-License-Identifier: GPL-2.0-or-later
// Which exit new connections take.
//
// The default one, as long as any path reaches it. It counts as unreachable when every usable path
// has failed since its last answer, twice in all; a refusal is a failure as well as silence is.
// Silence alone is doubted while bytes still arrive, since a full line delays probes for longer
// than they wait; it has to last longer then, and longest before no exit at all counts as reached.
// Then the first exit that has answered since the trouble began stands in: one that fails over the
// same lines is no better.
//
// The way back needs EXIT_GOOD_MS of answers, and twice that each time the exit fails again soon
// after it. Connections that are open stay where they are.

#include <errno.h>
#include <stdio.h>

#include "plan/plan_priv.h"

#define FAILS          2
#define FAILS_DOUBTED  3      // for each path, while bytes arrive
#define FAILS_FOR_NONE 8      // the same, to give up on all exits
#define NAMELESS_MS    5000   // no address yet
#define RELAPSE_MS     600000 // so soon after going back, it was too early
#define SEEN_MS        60000  // an answer this old says nothing of now

static bool is_own_fault(int error)
{
	return error == -EMFILE || error == -ENFILE || error == -ENOMEM || error == -ENOBUFS;
}

void exit_health_probe(struct exit_health *h, size_t path, int error, int64_t now_ms)
{
	if (is_own_fault(error))
		return;
	if (!error) {
		h->answered_ms = now_ms;
		h->failing_ms = 0;
		h->fails = 0;
		if (!h->good_ms)
			h->good_ms = now_ms;
		return;
	}
	h->refuses = error == -ECONNREFUSED && (!h->fails || h->refuses);
	h->failed_ms[path] = now_ms;
	if (!h->failing_ms)
		h->failing_ms = now_ms;
	if (++h->fails >= FAILS)
		h->good_ms = 0;
}

// Whether no usable path reaches the exit. False where there is no path: it is not the exit's
// fault.
static bool is_unreachable(const struct exit_candidate *exit, const struct exit_paths *paths,
			   int doubted, int64_t now_ms)
{
	const struct exit_health *h = exit->health;
	int n_usable = 0, needed = FAILS;

	if (!exit->known)
		return now_ms > NAMELESS_MS && now_ms - h->answered_ms > NAMELESS_MS;
	for (size_t i = 0; i < PATHS_MAX; i++) {
		if (!paths->usable[i])
			continue;
		n_usable++;
		if (!h->failing_ms || h->failed_ms[i] < h->failing_ms)
			return false;
	}
	if (paths->progress && !h->refuses)
		needed = doubted * n_usable;
	return n_usable && h->fails >= needed;
}

bool plan_exit_is_down(const struct exit_candidate *exit, const struct exit_paths *paths,
		       int64_t now_ms)
{
	return is_unreachable(exit, paths, FAILS_DOUBTED, now_ms);
}

static bool comes_before(const struct exit_choice *choice, const struct exit_candidate exits[],
			 size_t a, size_t b)
{
	if (a == choice->preferred || b == choice->preferred)
		return a == choice->preferred && a != b;
	if (exits[a].priority != exits[b].priority)
		return exits[a].priority < exits[b].priority;
	return a < b;
}

// The first in order that `fits`, or n.
static size_t find_first(const struct exit_choice *choice, const struct exit_candidate exits[],
			 size_t n, int64_t now_ms,
			 bool (*fits)(const struct exit_choice *choice,
				      const struct exit_candidate exits[], size_t i,
				      int64_t now_ms))
{
	size_t best = n;

	for (size_t i = 0; i < n; i++) {
		if (exits[i].known && fits(choice, exits, i, now_ms) &&
		    (best == n || comes_before(choice, exits, i, best)))
			best = i;
	}
	return best;
}

// Has answered since the active one ceased to.
static bool stands_in(const struct exit_choice *choice, const struct exit_candidate exits[],
		      size_t i, int64_t now_ms)
{
	const struct exit_health *h = exits[i].health;

	return i != choice->active && h->answered_ms && !h->fails &&
	       now_ms - h->answered_ms < SEEN_MS &&
	       h->answered_ms >= exits[choice->active].health->failing_ms;
}

// Comes before the active one and has been good for long enough.
static bool takes_over(const struct exit_choice *choice, const struct exit_candidate exits[],
		       size_t i, int64_t now_ms)
{
	int64_t good_ms = exits[i].health->good_ms;

	return comes_before(choice, exits, i, choice->active) && good_ms &&
	       now_ms - good_ms >= choice->good_for_ms;
}

static void leave(struct exit_choice *choice, const struct exit_candidate exits[], size_t to,
		  int64_t now_ms)
{
	const struct exit_candidate *from = &exits[choice->active];

	if (choice->back_ms && now_ms - choice->back_ms < RELAPSE_MS) {
		choice->good_for_ms *= 2;
		if (choice->good_for_ms > EXIT_GOOD_MAX_MS)
			choice->good_for_ms = EXIT_GOOD_MAX_MS;
	} else if (choice->active == choice->preferred) {
		choice->good_for_ms = EXIT_GOOD_MS;
	}
	snprintf(choice->why, sizeof(choice->why), "%s %s", from->name,
		 !from->known            ? "has no address"
		 : from->health->refuses ? "refuses on all paths"
					 : "is silent on all paths");
	choice->active = to;
}

static void go_back(struct exit_choice *choice, size_t to, int64_t now_ms)
{
	choice->back_ms = now_ms;
	choice->active = to;
	if (to == choice->preferred)
		choice->why[0] = '\0';
}

bool plan_choose_exit(struct exit_choice *choice, const struct exit_candidate exits[], size_t n,
		      const struct exit_paths *paths, int64_t now_ms)
{
	const struct exit_choice was = *choice;
	size_t to;

	if (!choice->good_for_ms)
		choice->good_for_ms = EXIT_GOOD_MS;
	choice->none = false;
	if (is_unreachable(&exits[choice->active], paths, FAILS_DOUBTED, now_ms)) {
		to = find_first(choice, exits, n, now_ms, stands_in);
		if (to < n) {
			leave(choice, exits, to, now_ms);
			return true;
		}
		choice->none = true;
		for (size_t i = 0; i < n; i++)
			choice->none &= is_unreachable(&exits[i], paths, FAILS_FOR_NONE, now_ms);
	} else {
		to = find_first(choice, exits, n, now_ms, takes_over);
		if (to < n)
			go_back(choice, to, now_ms);
	}
	return choice->active != was.active || choice->none != was.none;
}
