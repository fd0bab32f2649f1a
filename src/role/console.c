// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/last_run.h"
#include "config/config.h"
#include "role/role_priv.h"
#include "ui/ui.h"

#define SIZE_LEAST 2
#define SIZE_MOST  1000

static bool set_size(struct ui_options *options, const char *word)
{
	int used = 0;

	if (!word)
		return true;
	if (sscanf(word, "%dx%d%n", &options->width, &options->height, &used) == 2 && !word[used] &&
	    options->width >= SIZE_LEAST && options->width <= SIZE_MOST && options->height >= 1 &&
	    options->height <= SIZE_MOST)
		return true;
	role_fail(STATUS_USAGE, NULL, "console: --size: '%s' is no size; one is 80x24", word);
	return false;
}

static bool check_screen(const char *name)
{
	struct str names = { 0 };
	bool known = !name || ui_knows_screen(name, &names);

	if (!known)
		role_fail(STATUS_USAGE, NULL, "console: --screen: '%s' is none of %s", name,
			  str_text(&names));
	str_fini(&names);
	return known;
}

static enum ui_color color_of(enum role_color color)
{
	return color == ROLE_COLOR_ALWAYS  ? UI_COLOR_ALWAYS
	       : color == ROLE_COLOR_NEVER ? UI_COLOR_NEVER
					   : UI_COLOR_AUTO;
}

// Where no full screen can be drawn, its contents are printed once.
static int print_status(const struct role_args *args)
{
	const struct role_verb *status = role_verb_find("status");
	char socket[sizeof(args->socket)];

	memcpy(socket, args->socket, sizeof(socket));
	return status->run(args->mask ? 4 : 3,
			   (char *[]){ (char[]){ "status" }, (char[]){ "--socket" }, socket,
				       args->mask ? (char[]){ "--mask" } : NULL, NULL });
}

// ---- a person's own file: keys, and what is easier to read

#define OWN_FILE "console.conf"

struct own_keys {
	struct str *errors;
	bool wrong;
};

static void take_keys(void *ctx, const char *action, const char *keys)
{
	struct own_keys *own = ctx;
	struct str why = { 0 };

	if (!ui_rebind(action, keys, &why) && !own->wrong) {
		str_addf(own->errors, OWN_FILE ": '%s' %s", action, str_text(&why));
		own->wrong = true;
	}
	str_fini(&why);
}

// $XDG_CONFIG_HOME/mpgate/console.conf. Whatever is wrong with it, the console starts: with its own
// keys, and the first of what is wrong as its first message.
static void load_own_file(struct ui_options *ui, struct str *complaint)
{
	const char *folder = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME"), *names[128];
	struct str file = { 0 }, errors = { 0 }, why = { 0 };
	struct own_keys own = { .errors = &errors };
	struct config_console_keys keys = { .actions = names, .take = take_keys, .ctx = &own };
	int rc;

	if (folder && folder[0] == '/')
		str_addf(&file, "%s/mpgate/" OWN_FILE, folder);
	else if (home)
		str_addf(&file, "%s/.config/mpgate/" OWN_FILE, home);
	while (keys.n < sizeof(names) / sizeof(names[0]) &&
	       (names[keys.n] = ui_action_name(keys.n)))
		keys.n++;
	rc = file.len ? config_console_load(str_text(&file), &keys, &ui->accessible, &errors)
		      : -ENOENT;
	if (rc == 0 && !own.wrong && !ui_check_keys(&why))
		str_addf(&errors, OWN_FILE ": %s", str_text(&why));
	if (!errors.len && rc < 0 && rc != -ENOENT)
		str_addf(&errors, OWN_FILE ": %s", strerror(-rc));
	if (errors.len) {
		ui_default_keys();
		str_addf(complaint, "%.*s; the keys are as usual", (int)strcspn(errors.text, "\n"),
			 errors.text);
	}
	str_fini(&file);
	str_fini(&errors);
	str_fini(&why);
}

// ---- starting

_Static_assert(sizeof("/" LAST_RUN_FILE) <= 16, "its name fits behind that of the folder");

void role_screen_init(struct role_screen *screen, const struct role_args *args)
{
	struct ui_options *ui = &screen->options;

	snprintf(screen->last_run, sizeof(screen->last_run), "%s/" LAST_RUN_FILE, args->state_dir);
	load_own_file(ui, &screen->complaint);
	role_session_find(ui);
	ui->last_run = screen->last_run;
	ui->socket = args->socket;
	ui->color = color_of(args->color);
	ui->charset = args->charset;
	ui->units = args->units;
	ui->mask = args->mask;
	ui->complaint = screen->complaint.len ? str_text(&screen->complaint) : NULL;
}

void role_screen_fini(struct role_screen *screen)
{
	str_fini(&screen->complaint);
}

int role_console(int argc, char **argv)
{
	struct role_screen screen = { 0 };
	struct ui_options *ui = &screen.options;
	const char *size = NULL;
	const struct role_option options[] = {
		{ "read-only", 0, NULL, "send no commands", .flag = &ui->read_only },
		{ "a11y", 0, NULL, "for screen readers: no clock, no graphs, events as sentences",
		  .flag = &ui->accessible },
		{ "screen", 0, "NAME", "begin with this one: path, connections, log, doctor",
		  .text = &ui->screen },
		{ "mouse", 0, NULL, "the wheel scrolls, a click selects a row",
		  .flag = &ui->mouse },
		{ "no-clock", 0, NULL, "show no time of day", .flag = &ui->no_clock },
		{ "size", 0, "WxH", "the terminal's size, when it cannot tell", .text = &size },
		{ 0 },
	};
	struct role_args args;
	int status;

	if (!role_args_parse(&args, argc, argv, options))
		return args.status;
	if (!check_screen(ui->screen) || !set_size(ui, size))
		return STATUS_USAGE;
	if (!ui_console_possible())
		return print_status(&args);
	role_screen_init(&screen, &args);
	status = ui_console_run(ui);
	role_screen_fini(&screen);
	return status;
}
