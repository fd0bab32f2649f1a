// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>
#include <string.h>

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

static void print_json(const char *file, const struct config *config)
{
	struct str out = { 0 };
	const char *before = "";

	str_add(&out, "{\"schema\":\"mpgate.check\",\"schema_version\":1,\"file\":");
	role_add_json_text(&out, file);
	str_addf(&out, ",\"paths\":%zu,\"exits\":%zu,\"server\":%s,\"jumpbox\":%s,\"warnings\":[",
		 config->n_paths, config->n_exits, config->server.present ? "true" : "false",
		 config->jumpbox.present ? "true" : "false");
	for (const char *line = config->warnings; *line;
	     line += strcspn(line, "\n") + 1, before = ",") {
		struct str text = { 0 };

		str_add_bytes(&text, line, strcspn(line, "\n"));
		str_add(&out, before);
		role_add_json_text(&out, str_text(&text));
		str_fini(&text);
	}
	str_add(&out, "]}");
	puts(str_text(&out));
	str_fini(&out);
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
	(args.json ? print_json : print_summary)(file, config);
	config_free(config);
	return STATUS_DONE;
}
