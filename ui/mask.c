// SPDX-License-Identifier: GPL-2.0-or-later
//
// Addresses made unreadable on a drawn screen, so that it can be shown to others.

#include <stdlib.h>

#include "model/hide.h"
#include "ui/ui_priv.h"

// What is not ASCII is part of no address.
static void read_row(const struct cell *cells, int n, char *text)
{
	for (int i = 0; i < n; i++)
		text[i] = cells[i].glyph >= ' ' && cells[i].glyph < 0x7f ? (char)cells[i].glyph
									 : '\n';
	text[n] = '\0';
}

void mask_canvas(struct canvas *canvas)
{
	char *text = xcalloc((size_t)canvas->width + 1, 1);

	for (int row = 0; row < canvas->height; row++) {
		struct cell *cells = canvas->cells + row * canvas->width;

		read_row(cells, canvas->width, text);
		hide_addresses(text);
		for (int col = 0; col < canvas->width; col++) {
			if (text[col] == 'x')
				cells[col].glyph = 'x';
		}
	}
	free(text);
}
