// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef UI_UI_H
#define UI_UI_H

#include <stdbool.h>
#include <stddef.h>

#include "model/format.h"

struct str;

// The live console: a full-screen client of a running gateway.

enum ui_color { UI_COLOR_AUTO, UI_COLOR_ALWAYS, UI_COLOR_NEVER };
enum ui_charset { UI_CHARSET_AUTO, UI_CHARSET_ASCII, UI_CHARSET_UTF8 };

// Zero-initialised is right but for the socket. Texts are borrowed.
struct ui_options {
	const char *socket;   // the gateway's control socket; waited for while it is not there
	const char *last_run; // the file with what the last gateway left; NULL: there is none
	bool read_only;       // send no commands
	bool no_clock;
	bool mouse;         // the wheel scrolls, a click selects
	bool accessible;    // for screen readers: nothing moves that need not
	const char *screen; // to begin with, by its name; NULL: the overview
	bool mask;          // begin with addresses hidden
	enum rate_choice units;
	enum ui_color color; // auto: what NO_COLOR and the terminal say
	enum ui_charset charset;
	int width, height;          // of the terminal; 0: ask it
	const char *complaint;      // said first; NULL: none
	const char *ssh_connection; // SSH_CONNECTION, to warn before the session's own path is cut
	const char *session_interface; // by which that session's packets leave; NULL: nobody knows
};

// One key or more of the console that do one thing.
struct ui_listed_key {
	char keys[64];    // as people call them: "j Down Ctrl-n"
	char screens[80]; // where, by name: "overview path"
	const char *does;
	char action[64]; // its name in console.conf, or the names of two; empty: it is not set
			 // there
	bool changes;    // it acts on the gateway
};
// The table of keys, for others than the console: the i-th row, false when there is none.
bool ui_list_key(size_t i, struct ui_listed_key *out);

// ---- other keys than the table's, for the whole process

// The names of what keys do: the i-th, or NULL.
const char *ui_action_name(size_t i);
// Gives an action other keys ("R Ctrl-r F3") in the place of its own. False: not possible; `why`
// goes on after the action's name.
bool ui_rebind(const char *action, const char *keys, struct str *why);
// Whether no key has two meanings on one screen; to be asked after all are told.
bool ui_check_keys(struct str *why);
void ui_default_keys(void);

// Whether there is a screen of this name; else all names, with commas, are added to `out`.
bool ui_knows_screen(const char *name, struct str *out);

// Whether standard output shows more than 7-bit characters; automatically, no file and no pipe
// does.
bool ui_shows_utf8(enum ui_charset charset);

// Whether standard input and output are a terminal that a full screen can be drawn on, and nobody
// said that a program runs us (TERM=dumb, CI).
bool ui_console_possible(void);

// Runs the console on standard input and output until it is left, and prints one line about the
// gateway then. Returns an exit status: 0, or 128 and the signal that ended it. Takes the process's
// signals meanwhile, and ends the process when the terminal is stuck; for a process of its own.
int ui_console_run(const struct ui_options *options);

#endif
