// SPDX-License-Identifier: GPL-2.0-or-later
#include "model/snapshot.h"

#include <errno.h>
#include <string.h>

#include "base/str.h"

static const struct {
	const char *word, *json;
} verdicts[VERDICTS] = {
	[VERDICT_STARTING] = { "STARTING", "starting" },
	[VERDICT_OK] = { "OK", "ok" },
	[VERDICT_DEGRADED] = { "DEGRADED", "degraded" },
	[VERDICT_NOT_BONDED] = { "NOT BONDED", "not-bonded" },
	[VERDICT_SERVER_UNREACHABLE] = { "SERVER UNREACHABLE", "server-unreachable" },
	[VERDICT_OFFLINE] = { "OFFLINE", "offline" },
};

const char *verdict_word(enum verdict verdict)
{
	return verdicts[verdict].word;
}

const char *verdict_json(enum verdict verdict)
{
	return verdicts[verdict].json;
}

int verdict_from_json(const char *word, enum verdict *verdict)
{
	for (int i = 0; i < VERDICTS; i++) {
		if (strcmp(word, verdicts[i].json) == 0) {
			*verdict = (enum verdict)i;
			return 0;
		}
	}
	return -EINVAL;
}

void snapshot_hint_at_paths(const struct snapshot *s, const char *name, struct str *out)
{
	const char *near = NULL;
	unsigned best = 3; // more than two slips is another word

	for (int i = 0; i < s->n_paths; i++) {
		unsigned distance = str_distance(name, s->paths[i].name);

		if (distance < best) {
			best = distance;
			near = s->paths[i].name;
		}
	}
	if (near)
		str_addf(out, "did you mean %s? ", near);
	str_add(out, s->n_paths ? "paths are:" : "the configuration has no paths");
	for (int i = 0; i < s->n_paths; i++)
		str_addf(out, " %s", s->paths[i].name);
}

const struct path_snapshot *snapshot_find_path(const struct snapshot *s, const char *name)
{
	for (int i = 0; i < s->n_paths; i++) {
		if (strcmp(s->paths[i].name, name) == 0)
			return &s->paths[i];
	}
	return NULL;
}

void history_add(struct history *history, const struct history_sample *sample)
{
	history->ring[history->count++ % HISTORY_SIZE] = *sample;
}

const struct history_sample *history_get(const struct history *history, unsigned age)
{
	if (age >= history->count || age >= HISTORY_SIZE)
		return NULL;
	return &history->ring[(history->count - 1 - age) % HISTORY_SIZE];
}
