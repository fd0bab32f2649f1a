// SPDX-License-Identifier: GPL-2.0-or-later
#include "model/last_run.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void last_run_make(struct last_run *run, int64_t started_ms, int64_t stopped_ms,
		   const struct event_log *log)
{
	*run = (struct last_run){ .started_ms = started_ms, .stopped_ms = stopped_ms };
	for (size_t age = LAST_RUN_EVENTS; age-- > 0;) {
		const struct event *event = event_log_get(log, age);

		if (event)
			run->events[run->n++] = *event;
	}
}

// ran STARTED STOPPED
// TIME LEVEL OBJECT VERB<tab>TEXT
//
// A verb may have blanks.
void last_run_write(const struct last_run *run, struct str *out)
{
	str_addf(out, "ran %" PRId64 " %" PRId64 "\n", run->started_ms, run->stopped_ms);
	for (int i = 0; i < run->n; i++)
		str_addf(out, "%" PRId64 " %d %s %s\t%s\n", run->events[i].time_ms,
			 (int)run->events[i].level, run->events[i].object, run->events[i].verb,
			 run->events[i].text);
}

static bool read_event(const char *line, size_t len, struct event *event)
{
	char text[sizeof(*event) + 32];
	int level;

	if (len >= sizeof(text))
		return false;
	memcpy(text, line, len);
	text[len] = '\0';
	*event = (struct event){ 0 };
	if (sscanf(text, "%" SCNd64 " %d %15s %11[^\t]\t%159[^\n]", &event->time_ms, &level,
		   event->object, event->verb, event->text) < 4 ||
	    level < LOG_LEVEL_ERROR || level > LOG_LEVEL_DEBUG)
		return false;
	event->level = (enum log_level)level;
	return true;
}

int last_run_read(const char *text, struct last_run *out)
{
	int used = 0;

	*out = (struct last_run){ 0 };
	if (sscanf(text, "ran %" SCNd64 " %" SCNd64 "%n", &out->started_ms, &out->stopped_ms,
		   &used) != 2 ||
	    text[used] != '\n')
		return -EBADMSG;
	for (text += used + 1; *text; text += strcspn(text, "\n") + 1) {
		size_t len = strcspn(text, "\n");

		if (text[len] != '\n' || out->n == LAST_RUN_EVENTS ||
		    !read_event(text, len, &out->events[out->n]))
			return -EBADMSG;
		out->n++;
	}
	return 0;
}
