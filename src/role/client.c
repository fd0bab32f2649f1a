// SPDX-License-Identifier: GPL-2.0-or-later
#include "role/client.h"

#include <errno.h>

#include "base/clock.h"

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
