// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "ui/ui_priv.h"

static struct page_line *take_line(struct page *page, enum attr attr)
{
	struct page_line *line = &page->lines[page->n < PAGE_LINES ? page->n++ : PAGE_LINES - 1];

	line->attr = attr;
	line->text[0] = '\0';
	return line;
}

void page_add(struct page *page, enum attr attr, const char *fmt, ...)
{
	struct page_line *line = take_line(page, attr);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line->text, sizeof(line->text), fmt, ap);
	va_end(ap);
}

// The bytes of `text` that go into a line of `width` columns: up to the last blank that fits. Texts
// that are wrapped are our own sentences; a byte is taken for a column.
static int break_at(const char *text, int width)
{
	int n = (int)strlen(text), at = width;

	if (n <= width)
		return n;
	while (at > 0 && text[at] != ' ')
		at--;
	return at ? at : width;
}

void page_wrap(struct page *page, enum attr attr, int width, int indent, const char *text)
{
	int margin = 0;

	while (*text) {
		int n = break_at(text, width - margin);

		page_add(page, attr, "%*s%.*s", margin, "", n, text);
		text += n;
		text += strspn(text, " ");
		margin = indent;
	}
}

static void drop_line(struct page *page, int at)
{
	page->n--;
	memmove(&page->lines[at], &page->lines[at + 1],
		(size_t)(page->n - at) * sizeof(page->lines[0]));
}

void page_squeeze(struct page *page, int rows)
{
	for (int i = page->n - 1; i >= 0 && page->n > rows; i--) {
		if (!page->lines[i].text[0])
			drop_line(page, i);
	}
	while (page->n > rows && page->n > 1)
		drop_line(page, page->n - 2);
}

#define MARGIN 2 // blank columns at each side, and the frame

// The status line stays to be seen, and the key bar when there is room.
static int room_for_box(const struct canvas *canvas)
{
	return canvas->height - (canvas->height >= 16 ? 2 : 1);
}

int box_capacity(const struct canvas *canvas)
{
	return room_for_box(canvas) - 2;
}

// "+--- TITLE ---+"
static void draw_edge(struct canvas *canvas, int row, int col, int width, const char *text)
{
	int used = canvas_measure(text);

	canvas_fill(canvas, row, col, width, '-', ATTR_NORMAL);
	canvas_put(canvas, row, col, '+', ATTR_NORMAL);
	canvas_put(canvas, row, col + width - 1, '+', ATTR_NORMAL);
	if (!used || used + 4 > width)
		return;
	col += (width - used - 2) / 2;
	canvas_put(canvas, row, col, ' ', ATTR_NORMAL);
	canvas_text(canvas, row, col + 1, used, ATTR_HEADING, text);
	canvas_put(canvas, row, col + 1 + used, ' ', ATTR_NORMAL);
}

struct box box_draw(struct canvas *canvas, const char *title, const char *footer,
		    const struct page *page, int first, int width)
{
	int rows = page->n < box_capacity(canvas) ? page->n : box_capacity(canvas);
	int outer = width + 2 * MARGIN;
	int top = 1 + (room_for_box(canvas) - rows - 2) / 2, left = (canvas->width - outer) / 2;

	draw_edge(canvas, top, left, outer, title);
	for (int i = 0; i < rows; i++) {
		int row = top + 1 + i;

		canvas_fill(canvas, row, left, outer, ' ', ATTR_NORMAL);
		canvas_put(canvas, row, left, '|', ATTR_NORMAL);
		canvas_put(canvas, row, left + outer - 1, '|', ATTR_NORMAL);
		if (first + i < page->n)
			canvas_text_fit(canvas, row, left + MARGIN, width,
					page->lines[first + i].attr, page->lines[first + i].text);
	}
	draw_edge(canvas, top + 1 + rows, left, outer, footer);
	return (struct box){ .row = top + 1, .col = left + MARGIN, .rows = rows };
}
