// SPDX-License-Identifier: GPL-2.0-or-later
//
// Addresses made unreadable on a drawn screen, so that it can be shown to others. What looks like an
// address keeps its first two groups and its length.

#include <ctype.h>

#include "ui/ui_priv.h"

static bool is_part(uint32_t glyph)
{
	return glyph < 0x80 && (isxdigit((int)glyph) || glyph == '.' || glyph == ':');
}

// What a run of digits, dots and colons is made of.
struct run {
	int digits, dots, colons, letters, longest; // of the groups between dots and colons
	bool doubled;                               // "::"
};

static struct run read_run(const struct cell *cells, int n)
{
	struct run run = { 0 };
	int group = 0;

	for (int i = 0; i < n; i++) {
		uint32_t glyph = cells[i].glyph;

		group = isxdigit((int)glyph) ? group + 1 : 0;
		run.longest = group > run.longest ? group : run.longest;
		run.digits += isdigit((int)glyph) != 0;
		run.letters += isalpha((int)glyph) != 0;
		run.dots += glyph == '.';
		run.colons += glyph == ':';
		run.doubled |= i && glyph == ':' && cells[i - 1].glyph == ':';
	}
	return run;
}

// Not of a time of day, a version or a rate.
static bool is_address(const struct run *run)
{
	if (run->dots == 3 && run->colons <= 1 && !run->letters)
		return run->longest <= 5; // a port may follow
	return run->dots == 0 && run->longest <= 4 && (run->colons > 2 || run->doubled) &&
	       run->digits + run->letters > 0;
}

static void hide(struct cell *cells, int n, const struct run *run)
{
	uint32_t separator = run->dots ? '.' : ':';
	int seen = 0;

	for (int i = 0; i < n; i++) {
		if (run->dots && cells[i].glyph == ':')
			return; // the port says nothing of who
		if (cells[i].glyph == separator)
			seen++;
		else if (seen >= 2)
			cells[i].glyph = 'x';
	}
}

void mask_canvas(struct canvas *canvas)
{
	for (int row = 0; row < canvas->height; row++) {
		struct cell *cells = canvas->cells + row * canvas->width;

		for (int col = 0, n; col < canvas->width; col += n ? n : 1) {
			struct run run;

			for (n = 0; col + n < canvas->width && is_part(cells[col + n].glyph);)
				n++;
			run = read_run(cells + col, n);
			if (is_address(&run))
				hide(cells + col, n, &run);
		}
	}
}
