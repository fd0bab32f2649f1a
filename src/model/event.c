// SPDX-License-Identifier: GPL-2.0-or-later
#include "model/event.h"

#include <stdarg.h>
#include <stdio.h>

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
