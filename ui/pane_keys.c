// SPDX-License-Identifier: GPL-2.0-or-later
//
// The key bar, made from the tables of keys, so that it cannot promise what does not work. When it
// is too long for the line, the entries of the highest rank leave.

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "ui/ui_priv.h"

#define ENTRIES_MAX 32

struct entry {
	char text[32];
	int rank;
};

struct bar {
	int n;
	struct entry entries[ENTRIES_MAX];
};

__attribute__((format(printf, 3, 4))) static void add_entry(struct bar *bar, int rank,
							    const char *fmt, ...)
{
	va_list ap;

	if (bar->n == ENTRIES_MAX)
		return;
	va_start(ap, fmt);
	vsnprintf(bar->entries[bar->n].text, sizeof(bar->entries[0].text), fmt, ap);
	va_end(ap);
	bar->entries[bar->n++].rank = rank;
}

static void add_hotkeys(struct bar *bar, int rank, const struct snapshot *s)
{
	char kind[NAME_SIZE];

	for (int i = 0; i < s->n_paths; i++) {
		const struct path_snapshot *path = &s->paths[i];

		if (bindings_allow_hotkey(path->hotkey))
			add_entry(bar, rank, "%c:%s-%s", path->hotkey, facts_word(s, path, kind),
				  facts_is_wanted(path) ? "off" : "on");
	}
}

static int measure(const struct bar *bar, int gap)
{
	int used = 0;

	for (int i = 0; i < bar->n; i++)
		used += (i ? gap : 0) + (int)strlen(bar->entries[i].text);
	return used;
}

static void drop_entry(struct bar *bar)
{
	int worst = 0;

	for (int i = 1; i < bar->n; i++) {
		if (bar->entries[i].rank >= bar->entries[worst].rank)
			worst = i;
	}
	bar->n--;
	memmove(&bar->entries[worst], &bar->entries[worst + 1],
		(size_t)(bar->n - worst) * sizeof(bar->entries[0]));
}

static void draw_bar(struct canvas *canvas, int row, struct bar *bar)
{
	int col = 1, gap = 2;

	if (measure(bar, gap) > canvas->width - 1)
		gap = 1;
	while (bar->n && measure(bar, gap) > canvas->width - 1)
		drop_entry(bar);
	for (int i = 0; i < bar->n; i++)
		col += canvas_text(canvas, row, col, canvas->width - col, ATTR_NORMAL,
				   bar->entries[i].text) +
		       gap;
}

void pane_keys_draw(const struct view *view, struct canvas *canvas, int row, int rows)
{
	struct bar bar = { 0 };
	size_t n;
	const struct binding *bindings = bindings_list(&n);
	char name[KEY_NAME_SIZE];

	(void)rows;
	for (size_t i = 0; i < n; i++) {
		const struct binding *b = &bindings[i];

		if (!b->bar || !(b->modes & view->mode) || (bindings_change(b) && view->read_only))
			continue;
		if (b->keys[0] == UI_KEY_HOTKEY)
			add_hotkeys(&bar, b->rank, view->s);
		else
			add_entry(&bar, b->rank, "%s:%s", ui_key_name(b->keys[0], name), b->bar);
	}
	draw_bar(canvas, row, &bar);
}
