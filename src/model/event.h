// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef MODEL_EVENT_H
#define MODEL_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/log.h"
#include "model/path.h"

#define EVENT_VERB_SIZE 12
#define EVENT_TEXT_SIZE 160

// One line of history: what, why, effect. "13:04:01 ! ppp0 DOWN carrier lost; 42 subflows moved".
struct event {
	uint64_t seq;    // counts from 1 since the gateway's start
	int64_t time_ms; // wall clock, since the epoch
	enum log_level level;
	char object[NAME_SIZE]; // a path's or exit's name, or "gw"
	char verb[EVENT_VERB_SIZE];
	char text[EVENT_TEXT_SIZE];
};

// Warnings and errors carry the mark "!".
static inline bool event_is_alert(const struct event *event)
{
	return event->level <= LOG_LEVEL_WARNING;
}

// The newest EVENT_LOG_SIZE events. Zero-initialised is empty.
#define EVENT_LOG_SIZE 5000
struct event_log {
	struct event ring[EVENT_LOG_SIZE];
	uint64_t last_seq; // 0 = no event yet
};

// Appends and returns the event, which stays valid until it is overwritten.
__attribute__((format(printf, 6, 7))) const struct event *
event_log_add(struct event_log *log, int64_t time_ms, enum log_level level, const char *object,
	      const char *verb, const char *fmt, ...);
// The event `age` places before the newest (0 = newest), or NULL.
const struct event *event_log_get(const struct event_log *log, size_t age);

// Which events of a log are wanted.
#define EVENT_PAGE_SIZE 100
struct event_filter {
	uint64_t from;          // the first seq; 0: the newest ones
	int limit;              // so many at most; 0: EVENT_PAGE_SIZE, which is also the most
	enum log_level level;   // this and worse; 0: all
	char object[NAME_SIZE]; // of this path or exit only; empty: of all
};

// Some events of a log, the oldest first.
struct event_page {
	uint64_t next; // the first seq that was not looked at: where to go on
	uint64_t last; // the newest seq there is
	int n;
	struct event events[EVENT_PAGE_SIZE];
};

bool event_matches(const struct event *event, const struct event_filter *filter);
void event_log_select(const struct event_log *log, const struct event_filter *filter,
		      struct event_page *out);

#endif
