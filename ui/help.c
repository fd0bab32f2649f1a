// SPDX-License-Identifier: GPL-2.0-or-later
//
// The help page: the table of keys, told in words. Two columns where they fit, else one that
// scrolls.

#include <stdio.h>
#include <string.h>

#include "ui/ui_priv.h"

#define HALF_WIDTH 36
#define FULL_WIDTH (2 * HALF_WIDTH + 1)

static const struct {
	const char *title;
	bool right; // in which column
} groups[KEY_GROUPS] = {
	[KEY_MOVE] = { "MOVE", false },
	[KEY_OTHER] = { "OTHER", false },
	[KEY_LOOK] = { "LOOK", true },
	[KEY_CHANGE] = { "CHANGE (asks first; Enter means no)", true },
};

static const enum key_group order[KEY_GROUPS] = { KEY_MOVE, KEY_OTHER, KEY_LOOK, KEY_CHANGE };

static void write_keys(const struct binding *b, struct str *out)
{
	char name[8];

	for (int i = 0; i < KEYS_PER_BINDING && b->keys[i]; i++)
		str_addf(out, "%s%s", i ? " " : "", ui_key_name(b->keys[i], name));
}

static void add_key(struct page *page, enum attr attr, int keys_width, const char *keys,
		    const char *help)
{
	page_add(page, attr, "%-*s  %s", keys_width, keys, help);
}

static void add_hotkeys(const struct snapshot *s, const struct binding *b, enum attr attr,
			int keys_width, struct page *page)
{
	char keys[2] = "", help[64];

	for (int i = 0; i < s->n_paths; i++) {
		if (!bindings_allow_hotkey(s->paths[i].hotkey))
			continue;
		keys[0] = s->paths[i].hotkey;
		snprintf(help, sizeof(help), "%s %s", s->paths[i].name, b->help);
		add_key(page, attr, keys_width, keys, help);
	}
}

static void add_binding(const struct ui *ui, const struct binding *b, int keys_width,
			struct page *page)
{
	enum attr attr = bindings_change(b) && ui_is_read_only(ui) ? ATTR_IDLE : ATTR_NORMAL;
	struct str keys = { 0 };

	if (b->keys[0] == UI_KEY_HOTKEY) {
		add_hotkeys(&ui->live, b, attr, keys_width, page);
		return;
	}
	write_keys(b, &keys);
	add_key(page, attr, keys_width, str_text(&keys), b->help);
	str_fini(&keys);
}

static int measure_keys(enum key_group group, enum ui_mode mode)
{
	size_t n;
	const struct binding *b = bindings_list(&n);
	struct str keys = { 0 };
	int width = 1;

	for (size_t i = 0; i < n; i++) {
		if (b[i].group != group || !(b[i].modes & mode) || b[i].keys[0] == UI_KEY_HOTKEY)
			continue;
		str_clear(&keys);
		write_keys(&b[i], &keys);
		if ((int)keys.len > width)
			width = (int)keys.len;
	}
	str_fini(&keys);
	return width;
}

static void add_group(const struct ui *ui, enum key_group group, enum ui_mode mode,
		      struct page *page)
{
	int keys_width = measure_keys(group, mode), before;
	size_t n;
	const struct binding *bindings = bindings_list(&n);

	if (page->n)
		page_add(page, ATTR_NORMAL, "%s", "");
	page_add(page, ATTR_HEADING, "%s", groups[group].title);
	before = page->n;
	for (size_t i = 0; i < n; i++) {
		if (bindings[i].group == group && bindings[i].modes & mode)
			add_binding(ui, &bindings[i], keys_width, page);
	}
	if (page->n == before) // nothing of this kind works here
		page->n -= before > 1 ? 2 : 1;
}

// Puts `right` beside `left`.
static void join_columns(struct page *left, const struct page *right)
{
	for (int i = 0; i < left->n || i < right->n; i++) {
		struct page_line *line = &left->lines[i];
		int used;

		if (i >= left->n)
			page_add(left, ATTR_NORMAL, "%s", "");
		if (i >= right->n || !right->lines[i].text[0])
			continue;
		used = (int)strlen(line->text);
		snprintf(line->text + used, sizeof(line->text) - (size_t)used, "%*s%s",
			 used < HALF_WIDTH ? HALF_WIDTH + 1 - used : 1, "", right->lines[i].text);
	}
}

static void write_page(const struct ui *ui, bool two, struct page *page)
{
	enum ui_mode mode = UI_OVERVIEW;
	struct page right = { 0 };

	for (int i = 0; i < KEY_GROUPS; i++)
		add_group(ui, order[i], mode, two && groups[order[i]].right ? &right : page);
	join_columns(page, &right);
}

void help_scroll(struct ui *ui, int lines)
{
	int last = ui->help_length - ui->help_rows;

	ui->help_first += lines;
	if (ui->help_first > last)
		ui->help_first = last;
	if (ui->help_first < 0)
		ui->help_first = 0;
}

void help_draw(struct ui *ui, struct canvas *canvas)
{
	bool two = canvas->width >= FULL_WIDTH + 4;
	int width = two                                  ? FULL_WIDTH
		    : canvas->width - 4 < HALF_WIDTH + 4 ? canvas->width - 4
							 : HALF_WIDTH + 4;
	char footer[64] = "any key closes; man mpgate for all";
	struct page page = { 0 };

	write_page(ui, two, &page);
	ui->help_length = page.n;
	ui->help_rows = page.n < box_capacity(canvas) ? page.n : box_capacity(canvas);
	help_scroll(ui, 0);
	if (ui->help_rows < page.n)
		snprintf(footer, sizeof(footer), "%d-%d of %d; j k scroll, q closes",
			 ui->help_first + 1, ui->help_first + ui->help_rows, page.n);
	box_draw(canvas, "HELP: overview", footer, &page, ui->help_first, width);
}
