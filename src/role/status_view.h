// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef ROLE_STATUS_VIEW_H
#define ROLE_STATUS_VIEW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "model/snapshot.h"
#include "role/paths_view.h"

// What `mpgate status` prints, as text. Each adds to `out`; lines end with a line feed.

// For people: at most 80 columns, problems first.
void status_view_text(const struct snapshot *s, struct view_look look, struct str *out);
// One line as Nagios plugins print it; returns their exit status (0 fine, 1 warning, 2 critical).
int status_view_check(const struct snapshot *s, struct str *out);
// One short sentence for `systemctl status` (no line feed): "3 of 4 paths up, ppp0 DOWN 21 s, 42
// connections".
void status_view_sentence(const struct snapshot *s, struct str *out);
// One sentence per event after `seen_seq`, the oldest first. Returns the newest event's number.
uint64_t status_view_changes(const struct snapshot *s, uint64_t seen_seq, struct str *out);

#endif
