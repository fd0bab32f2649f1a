// SPDX-License-Identifier: GPL-2.0-or-later
//
// The help page: the table of keys, told in words. Two columns where they fit, else one that
// scrolls.

#include <stdio.h>

#include "ui/ui_priv.h"

#define HALF_WIDTH 36
#define FULL_WIDTH (2 * HALF_WIDTH + 1)
#define ONE_WIDTH  40 // of one column alone

static const struct {
	const char *title;
	bool right; // in which column
} groups[GROUPS] = {
	[GROUP_MOVE] = { "MOVE", false },
	[GROUP_OTHER] = { "OTHER", false },
	[GROUP_LOOK] = { "LOOK", true },
	[GROUP_CHANGE] = { "CHANGE (asks first; Enter means no)", true },
};

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

static int measure_keys(enum key_group group)
{
	size_t n;
	const struct binding *b = bindings_list(&n);
	struct str keys = { 0 };
	int width = 1;

	for (size_t i = 0; i < n; i++) {
		if (b[i].group != group || !(b[i].modes & UI_OVERVIEW) ||
		    b[i].keys[0] == UI_KEY_HOTKEY)
			continue;
		str_clear(&keys);
		write_keys(&b[i], &keys);
		if ((int)keys.len > width)
			width = (int)keys.len;
	}
	str_fini(&keys);
	return width;
}

static void add_group(const struct ui *ui, enum key_group group, struct page *page)
{
	int keys_width = measure_keys(group);
	size_t n;
	const struct binding *bindings = bindings_list(&n);

	if (page->n)
		page_add(page, ATTR_NORMAL, "%s", "");
	page_add(page, ATTR_HEADING, "%s",
		 group == GROUP_CHANGE && ui_is_read_only(ui) ? "CHANGE (not here: read-only)"
							      : groups[group].title);
	for (size_t i = 0; i < n; i++) {
		if (bindings[i].group == group && bindings[i].modes & UI_OVERVIEW)
			add_binding(ui, &bindings[i], keys_width, page);
	}
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

static void draw_right(struct canvas *canvas, const struct box *box, const struct page *right,
		       int first)
{
	for (int i = 0; i < box->rows && first + i < right->n; i++)
		canvas_text_fit(canvas, box->row + i, box->col + HALF_WIDTH + 1, HALF_WIDTH,
				right->lines[first + i].attr, right->lines[first + i].text);
}

void help_draw(struct ui *ui, struct canvas *canvas)
{
	bool two = canvas->width >= FULL_WIDTH + 4;
	int width = two                             ? FULL_WIDTH
		    : canvas->width - 4 < ONE_WIDTH ? canvas->width - 4
						    : ONE_WIDTH;
	char footer[64] = "any key closes; man mpgate for all";
	struct page left = { 0 }, right = { 0 };
	struct box box;

	for (int i = 0; i < GROUPS; i++)
		add_group(ui, (enum key_group)i, two && groups[i].right ? &right : &left);
	while (left.n < right.n)
		page_add(&left, ATTR_NORMAL, "%s", "");
	ui->help_length = left.n;
	ui->help_rows = left.n < box_capacity(canvas) ? left.n : box_capacity(canvas);
	help_scroll(ui, 0);
	if (ui->help_rows < left.n)
		snprintf(footer, sizeof(footer), "%d-%d of %d; j k scroll, q closes",
			 ui->help_first + 1, ui->help_first + ui->help_rows, left.n);
	box = box_draw(canvas, "HELP: overview", footer, &left, ui->help_first, width);
	draw_right(canvas, &box, &right, ui->help_first);
}
