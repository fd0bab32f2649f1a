// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "role/client.h"

// One answer follows the other; snapshots may come between.
static int ask(const struct role_args *args, struct ctl_client *c, struct ctl_message *message)
{
	int rc = ctl_client_send(c, &(struct command){ .verb = COMMAND_RELOAD });

	if (rc != 0)
		return client_fail_rc(args, rc);
	return client_wait(args, c, 1u << CTL_RESULT, message, CLIENT_ANSWER_MS);
}

static int fail(const struct command_result *result)
{
	char hint[sizeof(result->hint)];

	str_copy(hint, sizeof(hint), result->hint);
	if (result->status == STATUS_BAD_CONFIG)
		str_copy(hint, sizeof(hint), "'mpgate check' reads the file without a gateway");
	fputs(result->details, stderr);
	return role_fail((enum status)result->status, hint[0] ? hint : NULL, "reload: %s",
			 result->text);
}

static void print_result(const struct role_args *args, const struct ctl_result *result)
{
	char *line = args->json ? ctl_json_from_result(result) : NULL;

	if (line)
		puts(line);
	else
		printf("%s\n%s", result->result.text, result->result.details);
	free(line);
}

int role_reload(int argc, char **argv)
{
	struct ctl_client *c = NULL;
	struct ctl_message *message;
	struct role_args args;
	int status;

	if (!role_args_parse(&args, argc, argv, NULL))
		return args.status;
	message = xcalloc(1, sizeof(*message));
	status = client_open(&args, &c);
	if (status == STATUS_DONE)
		status = ask(&args, c, message);
	if (status == STATUS_DONE && message->result.result.status != STATUS_DONE)
		status = fail(&message->result.result);
	else if (status == STATUS_DONE)
		print_result(&args, &message->result);
	ctl_client_free(c);
	free(message);
	return status;
}
