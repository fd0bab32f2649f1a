// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef UI_KEYS_H
#define UI_KEYS_H

#include <stddef.h>

// Keys as the console's own numbers: what a terminal sends for them is known to ui/term.c alone.
// Printable ASCII and control characters are themselves.

#define UI_CTRL(letter) ((letter)&0x1f)

enum ui_key {
	UI_KEY_NONE = 0,
	UI_KEY_TAB = '\t',
	UI_KEY_ENTER = '\n',
	UI_KEY_ESC = 0x1b,
	UI_KEY_BACKSPACE = 0x7f,
	UI_KEY_UP = 0x100,
	UI_KEY_DOWN,
	UI_KEY_HOME,
	UI_KEY_END,
	UI_KEY_PAGE_UP,
	UI_KEY_PAGE_DOWN,
	UI_KEY_LEFT,
	UI_KEY_RIGHT,
	UI_KEY_BACK_TAB,
	UI_KEY_F1,
	UI_KEY_F3,
	UI_KEY_F6,
	UI_KEY_F10,
	UI_KEY_MOUSE,  // no key: term_mouse() has what it did
	UI_KEY_OTHER,  // a key that we have no use for
	UI_KEY_HOTKEY, // in tables: the paths' own keys, whatever they are
};

// What a mouse did.
struct ui_mouse_event {
	enum { UI_MOUSE_NONE, UI_MOUSE_CLICK, UI_MOUSE_WHEEL_UP, UI_MOUSE_WHEEL_DOWN } kind;
	int row;
};

// "j", "Ctrl-d", "PgDn": how help calls it.
#define KEY_NAME_SIZE 12
const char *ui_key_name(int key, char out[static KEY_NAME_SIZE]);
// The same backwards, of `len` bytes; UI_KEY_NONE: no key is called so.
int ui_key_from_name(const char *name, size_t len);

#endif
