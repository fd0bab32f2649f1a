// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef UI_KEYS_H
#define UI_KEYS_H

// Keys as the console's own numbers: what a terminal sends for them is known to ui/term.c alone.
// Printable ASCII and control characters are themselves.

#define UI_CTRL(letter) ((letter)&0x1f)

enum ui_key {
	UI_KEY_NONE = 0,
	UI_KEY_ENTER = '\n',
	UI_KEY_ESC = 0x1b,
	UI_KEY_BACKSPACE = 0x7f,
	UI_KEY_UP = 0x100,
	UI_KEY_DOWN,
	UI_KEY_HOME,
	UI_KEY_END,
	UI_KEY_PAGE_UP,
	UI_KEY_PAGE_DOWN,
	UI_KEY_F1,
	UI_KEY_F10,
	UI_KEY_OTHER,  // a key that we have no use for
	UI_KEY_HOTKEY, // in tables: the paths' own keys, whatever they are
};

// "j", "Ctrl-d", "PgDn": how help calls it.
const char *ui_key_name(int key, char out[static 8]);

#endif
