// SPDX-License-Identifier: GPL-2.0-or-later
//
// The table of keys for `mpgate keys` and for the check of the manual.

#include <stdio.h>
#include <string.h>

#include "ui/ui_priv.h"

static const struct {
	unsigned mode;
	const char *name;
} modes[] = {
	{ UI_OVERVIEW, "overview" }, { UI_PATH, "path" },     { UI_CONNS, "connections" },
	{ UI_LOG, "log" },           { UI_DOCTOR, "doctor" }, { UI_ABSENT, "no-gateway" },
	{ UI_HELP, "help" },         { UI_DIALOG, "dialog" }, { UI_PROMPT, "prompt" },
};

static void add_word(char *out, size_t size, const char *word)
{
	size_t used = strlen(out);

	snprintf(out + used, size - used, "%s%s", used ? " " : "", word);
}

static void add_keys(const struct binding *b, struct ui_listed_key *out)
{
	char name[KEY_NAME_SIZE];

	for (int i = 0; i < KEYS_PER_BINDING && b->keys[i]; i++)
		add_word(out->keys, sizeof(out->keys),
			 b->keys[i] == UI_KEY_HOTKEY ? "HOTKEY" : ui_key_name(b->keys[i], name));
}

// A binding without help of its own is told in the line of the one before it.
static const struct binding *find_line(size_t at, const struct binding **end)
{
	size_t n;
	const struct binding *b = bindings_list(&n), *line = NULL;

	*end = b + n;
	for (; b < *end; b++) {
		if (b->help && at-- == 0)
			line = b;
		else if (b->help && line)
			*end = b;
	}
	return line;
}

bool ui_list_key(size_t i, struct ui_listed_key *out)
{
	const struct binding *end, *b = find_line(i, &end);

	*out = (struct ui_listed_key){ 0 };
	if (!b)
		return false;
	out->does = b->help;
	out->changes = b->group == GROUP_CHANGE;
	for (size_t m = 0; m < sizeof(modes) / sizeof(modes[0]); m++) {
		if (b->modes & modes[m].mode)
			add_word(out->screens, sizeof(out->screens), modes[m].name);
	}
	for (; b < end; b++) {
		add_keys(b, out);
		add_word(out->action, sizeof(out->action), bindings_action(b));
	}
	return true;
}
