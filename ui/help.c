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
	[GROUP_SCREENS] = { "SCREENS", false },
	[GROUP_OTHER] = { "OTHER", false },
	[GROUP_LOOK] = { "LOOK", true },
	[GROUP_CHANGE] = { "CHANGE (asks first; Enter means no)", true },
};

// The binding after `b` when the two are told in one line, else NULL.
static const struct binding *twin_of(const struct binding *b)
{
	size_t n;
	const struct binding *all = bindings_list(&n);

	return b + 1 < all + n && !b[1].help ? &b[1] : NULL;
}

// Of two bindings in one line, two keys each: "j k Down Up".
static void write_keys(const struct binding *b, struct str *out)
{
	const struct binding *twin = twin_of(b);
	int most = twin ? 2 : KEYS_PER_BINDING;
	char name[KEY_NAME_SIZE];

	for (int i = 0; i < most && b->keys[i]; i++) {
		str_addf(out, "%s%s", i ? " " : "", ui_key_name(b->keys[i], name));
		if (twin && twin->keys[i])
			str_addf(out, " %s", ui_key_name(twin->keys[i], name));
	}
}

static bool is_told(const struct ui *ui, const struct binding *b, enum key_group group)
{
	return b->group == group && b->help && b->modes & ui_screen(ui)->mode;
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

static int measure_keys(const struct ui *ui, enum key_group group)
{
	size_t n;
	const struct binding *b = bindings_list(&n);
	struct str keys = { 0 };
	int width = 1;

	for (size_t i = 0; i < n; i++) {
		if (!is_told(ui, &b[i], group) || b[i].keys[0] == UI_KEY_HOTKEY)
			continue;
		str_clear(&keys);
		write_keys(&b[i], &keys);
		if ((int)keys.len > width)
			width = (int)keys.len;
	}
	str_fini(&keys);
	return width;
}

static const char *title_of(const struct ui *ui, enum key_group group)
{
	return group == GROUP_CHANGE && ui_is_read_only(ui) ? "CHANGE (not here: read-only)"
							    : groups[group].title;
}

static void add_group(const struct ui *ui, enum key_group group, struct page *page)
{
	int keys_width = measure_keys(ui, group);
	bool titled = false;
	size_t n;
	const struct binding *bindings = bindings_list(&n);

	for (size_t i = 0; i < n; i++) {
		if (!is_told(ui, &bindings[i], group))
			continue;
		if (!titled && page->n)
			page_add(page, ATTR_NORMAL, "%s", "");
		if (!titled)
			page_add(page, ATTR_HEADING, "%s", title_of(ui, group));
		titled = true;
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
	char footer[64] = "any key closes; man mpgate-console for all", title[32];
	char down[KEY_NAME_SIZE], up[KEY_NAME_SIZE], closes[KEY_NAME_SIZE];
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
		snprintf(footer, sizeof(footer), "%d-%d of %d; %s %s scroll, %s closes",
			 ui->help_first + 1, ui->help_first + ui->help_rows, left.n,
			 bindings_key_of("down", UI_HELP, down), bindings_key_of("up", UI_HELP, up),
			 bindings_key_of("close-help", UI_HELP, closes));
	snprintf(title, sizeof(title), "HELP: %s", ui_screen(ui)->name);
	box = box_draw(canvas, title, footer, &left, ui->help_first, width);
	draw_right(canvas, &box, &right, ui->help_first);
}
