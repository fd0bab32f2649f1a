// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef ROLE_PATHS_VIEW_H
#define ROLE_PATHS_VIEW_H

#include <stdbool.h>

#include "base/str.h"
#include "model/event.h"
#include "model/format.h"
#include "model/snapshot.h"

// What `mpgate paths` prints, and `mpgate status` of the paths, as text. Each adds to `out`; lines
// end with a line feed.

// How it is to look.
struct view_look {
	bool color;
	enum rate_choice units;
};

// The unit for all rates of a snapshot.
enum rate_unit paths_view_unit(const struct snapshot *s, enum rate_choice units);
// The columns of the longest name, at least five.
int paths_view_name_width(const struct snapshot *s);
// For people: a line per path, at most 80 columns.
void paths_view_table(const struct snapshot *s, struct view_look look, struct str *out);
// All that is known of one path; `events` are its last, the oldest first.
void paths_view_detail(const struct snapshot *s, const struct path_snapshot *path,
		       const struct event *events, int n_events, struct view_look look,
		       struct str *out);
// For programs: a header line, then one line per path with fields between tabs.
void paths_view_plain(const struct snapshot *s, struct str *out);

#endif
