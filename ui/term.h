// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef UI_TERM_H
#define UI_TERM_H

#include <stdbool.h>

#include "ui/canvas.h"
#include "ui/keys.h"
#include "ui/ui.h"

// The process's terminal: standard input and output. There is one, so nothing is passed around.

// Puts the terminal into full-screen mode and takes over the signals. Returns 0, or -errno after
// saying why on standard error.
int term_open(const struct ui_options *options);
// Gives the terminal and the signals back as they were. When output is held up, the terminal is put
// right by force after two seconds, and the process ended.
void term_close(void);

void term_size(int *columns, int *rows);
bool term_is_utf8(void);
// A serial line of 9600 baud or less.
bool term_is_slow(void);

// The next key, or UI_KEY_NONE when none waits. After UI_KEY_MOUSE, term_mouse() says what it was.
int term_key(void);
struct ui_mouse_event term_mouse(void);

// Whether the terminal takes output now; it does not after Ctrl-S, or when nobody reads.
bool term_takes_output(void);
// Rings the bell.
void term_ring(void);
// Sends what differs from the canvas before.
void term_draw(const struct canvas *canvas);
// Sets our modes again and makes the next term_draw() send everything. Also asks for the size,
// where only the terminal knows it.
void term_repaint(void);

// Gives the terminal back, stops the process and, once it goes on, takes the terminal again.
void term_suspend(void);

// Readable when a signal waits: SIGINT, SIGTERM, SIGQUIT, SIGHUP, SIGTSTP, SIGCONT, SIGWINCH. After
// one of the first four the process has two seconds to call term_signal(), else it is ended with
// the terminal put right.
int term_signal_fd(void);
// The next signal, or 0.
int term_signal(void);

#endif
