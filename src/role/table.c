// SPDX-License-Identifier: GPL-2.0-or-later
#include "role/table.h"

#include <stdarg.h>
#include <stdbool.h>

static bool is_character_start(char c)
{
	return ((unsigned char)c & 0xc0) != 0x80;
}

size_t table_width(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += is_character_start(*text);
	return n;
}

void table_add_cut(struct str *out, const char *text, size_t columns)
{
	size_t n = 0, len = 0;

	if (table_width(text) <= columns) {
		str_add(out, text);
		return;
	}
	while (n + 1 < columns || !is_character_start(text[len]))
		n += is_character_start(text[++len]);
	str_addf(out, "%.*s%s", (int)len, text, columns ? "~" : "");
}

void table_add_line(struct str *out, const char *fmt, ...)
{
	struct str line = { 0 };
	va_list ap;

	va_start(ap, fmt);
	str_vaddf(&line, fmt, ap);
	va_end(ap);
	table_add_cut(out, str_text(&line), TABLE_COLUMNS);
	str_add(out, "\n");
	str_fini(&line);
}

void table_add_cell(struct str *out, const char *text, int width)
{
	int columns = width < 0 ? -width : width;
	int blanks = columns - (int)table_width(text);

	if (width < 0)
		str_addf(out, "%*s", blanks > 0 ? blanks : 0, "");
	table_add_cut(out, text, (size_t)columns);
	if (width > 0)
		str_addf(out, "%*s", blanks > 0 ? blanks : 0, "");
}

void table_add_colored(struct str *out, const char *word, const char *color)
{
	if (color)
		str_addf(out, "\033[%sm%s\033[0m", color, word);
	else
		str_add(out, word);
}
