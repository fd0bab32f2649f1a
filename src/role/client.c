// SPDX-License-Identifier: GPL-2.0-or-later
#include "role/client.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define WATCH_MAX_S 3600

int client_fail_rc(const struct role_args *args, int rc)
{
	struct ctl_error error;

	ctl_client_explain(rc, args->socket, &error);
	return role_fail_error(&error);
}

int client_open(const struct role_args *args, struct ctl_client **out)
{
	int rc = ctl_client_connect(args->socket, out);

	return rc == 0 ? STATUS_DONE : client_fail_rc(args, rc);
}

int client_wait(const struct role_args *args, struct ctl_client *c, unsigned kinds,
		struct ctl_message *out, int timeout_ms)
{
	int64_t deadline_ms = clock_mono_ms() + timeout_ms;

	for (;;) {
		int64_t left_ms = deadline_ms - clock_mono_ms();
		int rc = ctl_client_wait(c, out, left_ms > 0 ? (int)left_ms : 0);

		if (rc != 0)
			return client_fail_rc(args, rc);
		if (kinds & 1u << out->kind)
			return STATUS_DONE;
		if (out->kind == CTL_ERROR)
			return role_fail_error(&out->error);
	}
}

int client_read_watch(const char *verb, const char *text, int otherwise_s, int *seconds)
{
	char *end;
	long n;

	*seconds = otherwise_s;
	if (!text || !text[0])
		return STATUS_DONE;
	n = strtol(text, &end, 10);
	if (*end || n < 1 || n > WATCH_MAX_S)
		return role_fail(STATUS_USAGE, NULL, "%s: --watch: '%s' is not 1 to %d seconds",
				 verb, text, WATCH_MAX_S);
	*seconds = (int)n;
	return STATUS_DONE;
}

int client_look(const struct role_args *args, struct ctl_client *c, const struct client_look *look)
{
	struct ctl_message *message = xcalloc(1, sizeof(*message));
	int rc = look->watch ? ctl_client_watch(c, look->interval_s * 1000) : ctl_client_status(c);
	int status = rc ? client_fail_rc(args, rc) : STATUS_DONE, patience_ms = CLIENT_ANSWER_MS;

	while (status == STATUS_DONE) {
		status = client_wait(args, c, 1u << CTL_SNAPSHOT, message, patience_ms);
		patience_ms = INT_MAX;
		if (status == STATUS_DONE)
			status = look->show(look->ctx, message);
		if (!look->watch)
			break;
	}
	free(message);
	return status;
}

int client_print(const struct role_args *args, const char *verb, const char *text)
{
	const char *end =
		args->no_header && args->plain && text[0] == '#' ? strchr(text, '\n') : NULL;

	text = end ? end + 1 : text;
	if (fputs(text, stdout) == EOF || fflush(stdout) == EOF)
		return role_fail(STATUS_FAILED, NULL, "%s: cannot write: %s", verb,
				 strerror(errno));
	return STATUS_DONE;
}

int client_fail_path(const char *verb, const struct snapshot *s, const char *name)
{
	struct str hint = { 0 };
	int status;

	snapshot_hint_at_paths(s, name, &hint);
	status = role_fail(STATUS_NO_SUCH, str_text(&hint), "%s: no path '%s'", verb, name);
	str_fini(&hint);
	return status;
}
