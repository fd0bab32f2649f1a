// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef ROLE_TABLE_H
#define ROLE_TABLE_H

#include <stddef.h>

#include "base/str.h"

// Lines and columns of text, for a terminal of 80. Texts are UTF-8, each character a column wide.

#define TABLE_COLUMNS 80

size_t table_width(const char *text);
// Adds as much of `text` as fits into `columns`; the last one says when something is missing.
void table_add_cut(struct str *out, const char *text, size_t columns);
// One line of free text.
__attribute__((format(printf, 2, 3))) void table_add_line(struct str *out, const char *fmt, ...);
// `width` columns, the rest blank; a negative width puts the blanks first.
void table_add_cell(struct str *out, const char *text, int width);

// As SGR (ECMA-48) wants them.
#define GREEN   "32"
#define YELLOW  "1;33"
#define RED     "7;31"
#define CYAN    "36"
#define MAGENTA "1;35"

// `color` NULL: none.
void table_add_colored(struct str *out, const char *word, const char *color);

#endif
