// SPDX-License-Identifier: GPL-2.0-or-later
#include "model/snapshot.h"

#include <errno.h>
#include <string.h>

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
