// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>

#include "config/config.h"
#include "role/role_priv.h"

static void print_summary(const char *file, const struct config *config)
{
	printf("%s: ok", file);
	if (config->n_paths)
		printf(", %zu path%s, %zu exit%s", config->n_paths, config->n_paths == 1 ? "" : "s",
		       config->n_exits, config->n_exits == 1 ? "" : "s");
	if (config->server.present)
		printf(", server");
	if (config->jumpbox.present)
		printf(", jumpbox");
	printf("\n");
}

int role_check(int argc, char **argv)
{
	struct role_args args;
	struct config *config;
	const char *file;
	int status;

	if (!role_args_parse(&args, argc, argv, NULL))
		return args.status;
	file = args.n_operands ? args.operands[0] : args.config;
	status = role_load_config(file, CONFIG_ROLE_ANY, &config);
	if (status != STATUS_DONE)
		return status;
	print_summary(file, config);
	config_free(config);
	return STATUS_DONE;
}
