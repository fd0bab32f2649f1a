// SPDX-License-Identifier: GPL-2.0-or-later
#include "ui/keys.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/str.h"

static const struct {
	int key;
	const char *name;
} names[] = {
	{ UI_KEY_ENTER, "Enter" }, { UI_KEY_ESC, "Esc" },      { UI_KEY_BACKSPACE, "BkSp" },
	{ UI_KEY_UP, "Up" },       { UI_KEY_DOWN, "Down" },    { UI_KEY_HOME, "Home" },
	{ UI_KEY_END, "End" },     { UI_KEY_PAGE_UP, "PgUp" }, { UI_KEY_PAGE_DOWN, "PgDn" },
	{ UI_KEY_F1, "F1" },       { UI_KEY_F10, "F10" },      { ' ', "Space" },
	{ UI_KEY_LEFT, "Left" },   { UI_KEY_RIGHT, "Right" },  { UI_KEY_TAB, "Tab" },
	{ UI_KEY_F3, "F3" },       { UI_KEY_F6, "F6" },        { UI_KEY_BACK_TAB, "Shift-Tab" },
};

const char *ui_key_name(int key, char out[static KEY_NAME_SIZE])
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (names[i].key == key)
			return str_copy(out, KEY_NAME_SIZE, names[i].name);
	}
	if (key > 0 && key < ' ')
		snprintf(out, KEY_NAME_SIZE, "Ctrl-%c", key | 0x60);
	else
		snprintf(out, KEY_NAME_SIZE, "%c", key > ' ' && key < 0x7f ? key : '?');
	return out;
}

int ui_key_from_name(const char *name, size_t len)
{
	static const char ctrl[] = "Ctrl-";
	size_t n = strlen(ctrl);

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strlen(names[i].name) == len && strncasecmp(names[i].name, name, len) == 0)
			return names[i].key;
	}
	if (len == n + 1 && strncasecmp(name, ctrl, n) == 0 &&
	    ((name[n] | 0x20) >= 'a' && (name[n] | 0x20) <= 'z'))
		return UI_CTRL(name[n]);
	return len == 1 && name[0] > ' ' && name[0] < 0x7f ? name[0] : UI_KEY_NONE;
}
