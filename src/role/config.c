// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>

#include "base/str.h"
#include "config/config.h"
#include "role/role_priv.h"

static int print_effective(const char *file)
{
	struct str text = { 0 };
	struct config *config;
	int status = role_load_config(file, CONFIG_ROLE_ANY, &config);

	if (status != STATUS_DONE)
		return status;
	config_write(config, &text);
	fputs(str_text(&text), stdout);
	str_fini(&text);
	config_free(config);
	return STATUS_DONE;
}

static void print_default(void)
{
	struct str text = { 0 };

	config_write_default(&text);
	fputs(str_text(&text), stdout);
	str_fini(&text);
}

int role_config(int argc, char **argv)
{
	bool effective = false, defaults = false;
	const struct role_option options[] = {
		{ "effective", 0, NULL, "what the file says, complete with defaults",
		  .flag = &effective },
		{ "default", 0, NULL, "a file with every key and its default, to begin with",
		  .flag = &defaults },
		{ 0 },
	};
	struct role_args args;

	if (!role_args_parse(&args, argc, argv, options))
		return args.status;
	if (effective && defaults)
		return role_fail(STATUS_USAGE, NULL,
				 "config: --effective and --default exclude each other");
	if (!defaults)
		return print_effective(args.config);
	print_default();
	return STATUS_DONE;
}
