// SPDX-License-Identifier: GPL-2.0-or-later
#include "model/command.h"

#include <errno.h>
#include <string.h>

static const char *const words[COMMANDS] = {
	[COMMAND_ENABLE] = "enable",
	[COMMAND_DISABLE] = "disable",
	[COMMAND_REDIAL] = "redial",
	[COMMAND_BACKUP] = "backup",
	[COMMAND_NO_BACKUP] = "no-backup",
	[COMMAND_CAP] = "cap",
	[COMMAND_ACK] = "ack",
	[COMMAND_RELOAD] = "reload",
	[COMMAND_STOP] = "stop",
	[COMMAND_CONFIRM] = "confirm",
	[COMMAND_REVERT] = "revert",
};

const char *command_word(enum command_verb verb)
{
	return words[verb];
}

int command_from_word(const char *word, enum command_verb *verb)
{
	for (int i = 0; i < COMMANDS; i++) {
		if (strcmp(word, words[i]) == 0) {
			*verb = (enum command_verb)i;
			return 0;
		}
	}
	return -EINVAL;
}
