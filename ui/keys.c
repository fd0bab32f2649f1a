// SPDX-License-Identifier: GPL-2.0-or-later
#include "ui/keys.h"

#include <stddef.h>
#include <stdio.h>

#include "base/str.h"

#define NAME_ROOM 8

static const struct {
	int key;
	const char *name;
} names[] = {
	{ UI_KEY_ENTER, "Enter" }, { UI_KEY_ESC, "Esc" },      { UI_KEY_BACKSPACE, "BkSp" },
	{ UI_KEY_UP, "Up" },       { UI_KEY_DOWN, "Down" },    { UI_KEY_HOME, "Home" },
	{ UI_KEY_END, "End" },     { UI_KEY_PAGE_UP, "PgUp" }, { UI_KEY_PAGE_DOWN, "PgDn" },
	{ UI_KEY_F1, "F1" },       { UI_KEY_F10, "F10" },      { ' ', "Space" },
};

const char *ui_key_name(int key, char out[static NAME_ROOM])
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (names[i].key == key)
			return str_copy(out, NAME_ROOM, names[i].name);
	}
	if (key > 0 && key < ' ')
		snprintf(out, NAME_ROOM, "Ctrl-%c", key | 0x60);
	else
		snprintf(out, NAME_ROOM, "%c", key > ' ' && key < 0x7f ? key : '?');
	return out;
}
