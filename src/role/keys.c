// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "role/role_priv.h"
#include "ui/ui.h"

static void print_json(void)
{
	struct str out = { 0 };
	struct ui_listed_key key;

	str_add(&out, "{\"schema\":\"mpgate.keys\",\"schema_version\":1,\"keys\":[");
	for (size_t i = 0; ui_list_key(i, &key); i++) {
		str_add(&out, i ? ",{\"keys\":" : "{\"keys\":");
		role_add_json_text(&out, key.keys);
		str_add(&out, ",\"screens\":");
		role_add_json_text(&out, key.screens);
		str_add(&out, ",\"does\":");
		role_add_json_text(&out, key.does);
		str_addf(&out, ",\"changes\":%s,\"name\":", key.changes ? "true" : "false");
		role_add_json_text(&out, key.action);
		str_add(&out, "}");
	}
	str_add(&out, "]}");
	puts(str_text(&out));
	str_fini(&out);
}

int role_keys(int argc, char **argv)
{
	struct ui_listed_key key;
	struct role_args args;
	int width = 4, what = 4;

	if (!role_args_parse(&args, argc, argv, NULL))
		return args.status;
	if (args.json) {
		print_json();
		return STATUS_DONE;
	}
	for (size_t i = 0; ui_list_key(i, &key); i++)
		width = (int)strlen(key.keys) > width ? (int)strlen(key.keys) : width;
	for (size_t i = 0; ui_list_key(i, &key); i++)
		what = (int)strlen(key.does) > what ? (int)strlen(key.does) : what;
	if (args.plain && !args.no_header)
		printf("#keys\tdoes\tscreens\tname\n");
	else if (!args.plain)
		printf("%-*s  %-*s  %-15s  %s\n", width, "KEYS", what, "WHAT", "NAME", "WHERE");
	for (size_t i = 0; ui_list_key(i, &key); i++) {
		if (args.plain)
			printf("%s\t%s\t%s\t%s\n", key.keys, key.does, key.screens, key.action);
		else
			printf("%-*s  %-*s  %-15s  %s\n", width, key.keys, what, key.does,
			       key.action, key.screens);
	}
	return STATUS_DONE;
}
