// SPDX-License-Identifier: GPL-2.0-or-later
//
// A line that a client reads from what it takes for a gateway: refused, or a message whose texts
// can be shown and which, once written, stays as it is.
#include "fuzz.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/ctl_priv.h"

static void check_snapshot(const struct snapshot *s)
{
	FUZZ_REQUIRE(s->n_paths >= 0 && s->n_paths <= PATHS_MAX);
	FUZZ_REQUIRE(s->n_alarms >= 0 && s->n_alarms <= SNAPSHOT_ALARMS);
	FUZZ_REQUIRE(s->n_events >= 0 && s->n_events <= SNAPSHOT_EVENTS);
	FUZZ_REQUIRE(s->verdict < VERDICTS);
	for (int i = 0; i < s->n_paths; i++) {
		FUZZ_REQUIRE(s->paths[i].state < PATH_STATES);
		FUZZ_REQUIRE(memchr(s->paths[i].note, '\0', sizeof(s->paths[i].note)));
	}
}

static void check_line(const char *line)
{
	for (; *line; line++)
		FUZZ_REQUIRE((unsigned char)*line >= ' ' && *line != 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct ctl_message once, twice;
	char *text = xcalloc(size + 1, 1), *first, *second;
	int rc;

	if (size)
		memcpy(text, data, size);
	rc = ctl_json_parse(text, &once);
	FUZZ_REQUIRE(rc == 0 || rc == -EPROTO);
	if (rc == 0) {
		if (once.kind == CTL_SNAPSHOT)
			check_snapshot(&once.snapshot);
		first = ctl_json_from_value(once.kind, &once.hello, CTL_NO_ID);
		check_line(first);
		FUZZ_REQUIRE(ctl_json_parse(first, &twice) == 0 && twice.kind == once.kind);
		second = ctl_json_from_value(twice.kind, &twice.hello, CTL_NO_ID);
		FUZZ_REQUIRE(strcmp(first, second) == 0);
		free(first);
		free(second);
	}
	free(text);
	return 0;
}
