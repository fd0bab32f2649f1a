// SPDX-License-Identifier: GPL-2.0-or-later
//
// `mpgate confirm` and `mpgate revert`: what becomes of a change that the gateway would take back
// by itself.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "role/client.h"

static int ask(const struct role_args *args, struct ctl_client *c, enum command_verb verb)
{
	struct ctl_message *message = xcalloc(1, sizeof(*message));
	const struct command_result *result = &message->result.result;
	int rc = ctl_client_send(c, &(struct command){ .verb = verb });
	int status = rc != 0 ? client_fail_rc(args, rc)
			     : client_wait(args, c, 1u << CTL_RESULT, message, CLIENT_ANSWER_MS);

	if (status == STATUS_DONE && result->status != STATUS_DONE) {
		status = role_fail((enum status)result->status,
				   result->hint[0] ? result->hint : NULL, "%s: %s",
				   command_word(verb), result->text);
	} else if (status == STATUS_DONE && args->json) {
		char *line = ctl_json_from_result(&message->result);

		puts(line);
		free(line);
	} else if (status == STATUS_DONE) {
		puts(result->text);
	}
	free(message);
	return status;
}

int role_timed(int argc, char **argv)
{
	enum command_verb verb = strcmp(argv[0], "confirm") == 0 ? COMMAND_CONFIRM : COMMAND_REVERT;
	struct ctl_client *c;
	struct role_args args;
	int status;

	if (!role_args_parse(&args, argc, argv, NULL))
		return args.status;
	status = client_open(&args, &c);
	if (status != STATUS_DONE)
		return status;
	status = ask(&args, c, verb);
	ctl_client_free(c);
	return status;
}
