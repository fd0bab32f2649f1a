// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef UI_CANVAS_H
#define UI_CANVAS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

// A grid of cells that panes draw into, so that they can be tested as text. Only ui/term.c knows
// how a canvas gets to a terminal.

// What a cell means; ui/term.c holds the table of what that looks like.
enum attr {
	ATTR_NORMAL,
	ATTR_GOOD,   // UP, OK
	ATTR_BAD,    // in use but bad: DEGRADED
	ATTR_FAILED, // DOWN, BLOCKED
	ATTR_BUSY,   // DIALING, PROBING
	ATTR_IDLE,   // by choice: STANDBY, OFF; also numbers that are out of date
	ATTR_LIMIT,  // CAPPED
	ATTR_SELECTED,
	ATTR_RX,
	ATTR_TX,
	ATTR_STATUS,
	ATTR_STATUS_ALERT, // the verdict, when it is not OK
	ATTR_HEADING,
	ATTRS
};

struct cell {
	uint32_t glyph; // a code point, one column wide
	uint8_t attr;
};

struct canvas {
	int width, height;
	bool utf8; // false: only 7-bit glyphs get in
	struct cell *cells;
	int cursor_row, cursor_col;
};

// Blank, with the cursor in the last row. Also for a canvas that is in use.
void canvas_reset(struct canvas *canvas, int width, int height, bool utf8);
void canvas_fini(struct canvas *canvas);

// What lies outside of the canvas is not drawn. Control characters are dropped, and characters that
// the canvas cannot show in one column become "?", whatever the text (UTF-8) holds.
void canvas_put(struct canvas *canvas, int row, int col, uint32_t glyph, enum attr attr);
void canvas_fill(struct canvas *canvas, int row, int col, int width, uint32_t glyph,
		 enum attr attr);
// Draws at most `width` columns and returns how many.
int canvas_text(struct canvas *canvas, int row, int col, int width, enum attr attr,
		const char *text);
__attribute__((format(printf, 6, 7))) int canvas_textf(struct canvas *canvas, int row, int col,
						       int width, enum attr attr, const char *fmt,
						       ...);
// The same; a text that does not fit ends in "~".
int canvas_text_fit(struct canvas *canvas, int row, int col, int width, enum attr attr,
		    const char *text);
// Draws the texts one after the other, as long as they fit whole; NULL ends them. The first is cut
// if it must be.
void canvas_text_parts(struct canvas *canvas, int row, int col, int width, enum attr attr,
		       const char *const *parts);
// How many columns canvas_text() would take.
int canvas_measure(const char *text);

// The glyphs as lines of UTF-8 without the blanks at their ends.
void canvas_dump(const struct canvas *canvas, struct str *out);

#endif
