// SPDX-License-Identifier: GPL-2.0-or-later
#include "ui/canvas.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

// Blocks whose characters are printable, one column wide and not combining. Anything else could
// move the rest of the line on some terminal, so it is shown as "?".
static const struct {
	uint32_t first, last;
} plain[] = {
	{ 0x20, 0x7e },     // ASCII
	{ 0xa1, 0xac },     // Latin-1, without NBSP and soft hyphen
	{ 0xae, 0x2ff },    // Latin-1 to spacing modifiers
	{ 0x370, 0x377 },   // Greek
	{ 0x384, 0x482 },   // Greek, Cyrillic
	{ 0x48a, 0x52f },   // Cyrillic
	{ 0x2010, 0x2027 }, // dashes, quotes
	{ 0x20a0, 0x20bf }, // currencies
	{ 0x2581, 0x2588 }, // the eighth blocks
};

static bool is_plain(uint32_t glyph)
{
	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
		if (glyph >= plain[i].first && glyph <= plain[i].last)
			return true;
	}
	return false;
}

// C0, DEL and C1: the bytes that a terminal may take for commands.
static bool is_control(uint32_t glyph)
{
	return glyph < 0x20 || (glyph >= 0x7f && glyph < 0xa0);
}

// Takes one character off the text. A byte that is no UTF-8 counts as one unknown character.
static uint32_t take_character(const char **text)
{
	static const struct {
		uint8_t mask, lead, more;
		uint32_t least;
	} forms[] = {
		{ 0x80, 0x00, 0, 0 },
		{ 0xe0, 0xc0, 1, 0x80 },
		{ 0xf0, 0xe0, 2, 0x800 },
		{ 0xf8, 0xf0, 3, 0x10000 },
	};
	const uint8_t *bytes = (const uint8_t *)*text;

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		uint32_t glyph = bytes[0] & (uint8_t)~forms[i].mask;
		int n = 1;

		if ((bytes[0] & forms[i].mask) != forms[i].lead)
			continue;
		for (; n <= forms[i].more && (bytes[n] & 0xc0) == 0x80; n++)
			glyph = glyph << 6 | (bytes[n] & 0x3f);
		if (n <= forms[i].more || glyph < forms[i].least)
			break;
		*text += n;
		return glyph;
	}
	++*text;
	return 0xfffd;
}

void canvas_reset(struct canvas *canvas, int width, int height, bool utf8)
{
	if (!canvas->cells || width != canvas->width || height != canvas->height) {
		free(canvas->cells);
		canvas->cells = xcalloc((size_t)width * (size_t)height, sizeof(struct cell));
	}
	canvas->width = width;
	canvas->height = height;
	canvas->utf8 = utf8;
	canvas->cursor_row = height - 1;
	canvas->cursor_col = 0;
	for (int row = 0; row < height; row++)
		canvas_fill(canvas, row, 0, width, ' ', ATTR_NORMAL);
}

void canvas_fini(struct canvas *canvas)
{
	free(canvas->cells);
	*canvas = (struct canvas){ 0 };
}

void canvas_put(struct canvas *canvas, int row, int col, uint32_t glyph, enum attr attr)
{
	struct cell *cell;

	if (row < 0 || row >= canvas->height || col < 0 || col >= canvas->width)
		return;
	if (!is_plain(glyph) || (glyph > 0x7e && !canvas->utf8))
		glyph = '?';
	cell = &canvas->cells[row * canvas->width + col];
	cell->glyph = glyph;
	cell->attr = (uint8_t)attr;
}

void canvas_fill(struct canvas *canvas, int row, int col, int width, uint32_t glyph, enum attr attr)
{
	for (int i = 0; i < width; i++)
		canvas_put(canvas, row, col + i, glyph, attr);
}

int canvas_text(struct canvas *canvas, int row, int col, int width, enum attr attr,
		const char *text)
{
	int used = 0;

	while (*text && used < width) {
		uint32_t glyph = take_character(&text);

		if (!is_control(glyph))
			canvas_put(canvas, row, col + used++, glyph, attr);
	}
	return used;
}

int canvas_textf(struct canvas *canvas, int row, int col, int width, enum attr attr,
		 const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return canvas_text(canvas, row, col, width, attr, text);
}

int canvas_text_fit(struct canvas *canvas, int row, int col, int width, enum attr attr,
		    const char *text)
{
	int used = canvas_text(canvas, row, col, width, attr, text);

	if (used > 0 && canvas_measure(text) > width)
		canvas_put(canvas, row, col + used - 1, '~', attr);
	return used;
}

void canvas_text_parts(struct canvas *canvas, int row, int col, int width, enum attr attr,
		       const char *const *parts)
{
	int used = canvas_text_fit(canvas, row, col, width, attr, *parts++);

	for (; *parts && used + canvas_measure(*parts) <= width; parts++)
		used += canvas_text(canvas, row, col + used, width - used, attr, *parts);
}

int canvas_measure(const char *text)
{
	int used = 0;

	while (*text) {
		if (!is_control(take_character(&text)))
			used++;
	}
	return used;
}

static void add_glyph(struct str *out, uint32_t glyph)
{
	if (glyph < 0x80)
		str_addf(out, "%c", (int)glyph);
	else if (glyph < 0x800)
		str_addf(out, "%c%c", (int)(0xc0 | glyph >> 6), (int)(0x80 | (glyph & 0x3f)));
	else
		str_addf(out, "%c%c%c", (int)(0xe0 | glyph >> 12),
			 (int)(0x80 | (glyph >> 6 & 0x3f)), (int)(0x80 | (glyph & 0x3f)));
}

void canvas_dump(const struct canvas *canvas, struct str *out)
{
	for (int row = 0; row < canvas->height; row++) {
		const struct cell *cells = &canvas->cells[row * canvas->width];
		int end = canvas->width;

		while (end > 0 && cells[end - 1].glyph == ' ')
			end--;
		for (int col = 0; col < end; col++)
			add_glyph(out, cells[col].glyph);
		str_add(out, "\n");
	}
}
