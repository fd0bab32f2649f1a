// SPDX-License-Identifier: GPL-2.0-or-later
#include "role/role.h"

#include <stdio.h>
#include <string.h>

#include "model/status.h"

static int print_version(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	puts("mpgate " PACKAGE_VERSION);
	return STATUS_DONE;
}

static const struct {
	const char *word, *help;
	int (*run)(int argc, char **argv);
} commands[] = {
	{ "version", "print the version", print_version },
};

int role_main(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(argv[1], commands[i].word) == 0)
			return commands[i].run(argc - 1, argv + 1);
	}
	fprintf(stderr, "mpgate: unknown command\n");
	return STATUS_USAGE;
}
