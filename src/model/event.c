// SPDX-License-Identifier: GPL-2.0-or-later
#include "model/event.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

const struct event *event_log_add(struct event_log *log, int64_t time_ms, enum log_level level,
				  const char *object, const char *verb, const char *fmt, ...)
{
	struct event *event = &log->ring[log->last_seq % EVENT_LOG_SIZE];
	va_list ap;

	*event = (struct event){ .seq = ++log->last_seq, .time_ms = time_ms, .level = level };
	str_copy(event->object, sizeof(event->object), object);
	str_copy(event->verb, sizeof(event->verb), verb);
	va_start(ap, fmt);
	vsnprintf(event->text, sizeof(event->text), fmt, ap);
	va_end(ap);
	return event;
}

const struct event *event_log_get(const struct event_log *log, size_t age)
{
	if (age >= log->last_seq || age >= EVENT_LOG_SIZE)
		return NULL;
	return &log->ring[(log->last_seq - 1 - age) % EVENT_LOG_SIZE];
}

bool event_matches(const struct event *event, const struct event_filter *filter)
{
	return (!filter->level || event->level <= filter->level) &&
	       (!filter->object[0] || strcmp(event->object, filter->object) == 0);
}

// How many places before the newest the first event that may be wanted stands.
static size_t first_age(const struct event_log *log, const struct event_filter *filter, int limit)
{
	size_t held = log->last_seq < EVENT_LOG_SIZE ? (size_t)log->last_seq : EVENT_LOG_SIZE;
	size_t age = 0;
	int n = 0;

	if (filter->from > log->last_seq)
		return 0;
	if (filter->from)
		return log->last_seq - filter->from < held
			       ? (size_t)(log->last_seq - filter->from) + 1
			       : held;
	while (age < held && n < limit)
		n += event_matches(event_log_get(log, age++), filter);
	return age;
}

void event_log_select(const struct event_log *log, const struct event_filter *filter,
		      struct event_page *out)
{
	int limit = filter->limit > 0 && filter->limit < EVENT_PAGE_SIZE ? filter->limit
									 : EVENT_PAGE_SIZE;
	size_t age = first_age(log, filter, limit);

	*out = (struct event_page){ .last = log->last_seq };
	while (age > 0 && out->n < limit) {
		const struct event *event = event_log_get(log, --age);

		if (event_matches(event, filter))
			out->events[out->n++] = *event;
	}
	out->next = log->last_seq + 1 - age;
}
