// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef ROLE_CONNS_VIEW_H
#define ROLE_CONNS_VIEW_H

#include "base/str.h"
#include "model/conns.h"
#include "model/format.h"

// What `mpgate conns` prints, as text. Each adds to `out`; lines end with a line feed.

// Keeps the connections that the filter matches, and returns how many were listed before.
int conns_view_filter(struct conns *conns, const struct conn_filter *filter);
// For people: at most 80 columns, the busiest first. `filter` is as it was typed, for what to say
// when nothing matched; `listed` as conns_view_filter() said.
void conns_view_text(const struct conns *conns, const char *filter, int listed,
		     enum rate_choice units, struct str *out);
// For programs: a header line, then one line per connection with fields between tabs.
void conns_view_plain(const struct conns *conns, struct str *out);
// One sentence for each connection that has opened or closed since `before`.
void conns_view_changes(const struct conns *before, const struct conns *now, struct str *out);

#endif
