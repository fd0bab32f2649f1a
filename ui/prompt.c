// SPDX-License-Identifier: GPL-2.0-or-later
//
// One line that a person types, in the place of the key bar: what to search for, what to show only.

#include <string.h>

#include "ui/ui_priv.h"

void prompt_open(struct ui *ui, const char *label, const char *text,
		 void (*done)(struct ui *ui, const char *text, int64_t now_ms))
{
	ui->prompt = (struct prompt){ .open = true, .label = label, .done = done };
	str_copy(ui->prompt.text, sizeof(ui->prompt.text), text);
}

void prompt_key(const struct press *press)
{
	struct prompt *prompt = &press->ui->prompt;
	size_t n = strlen(prompt->text);

	if (press->key == UI_KEY_ENTER || press->key == UI_KEY_ESC || press->key == UI_CTRL('c')) {
		prompt->open = false;
		if (press->key == UI_KEY_ENTER)
			prompt->done(press->ui, prompt->text, press->now_ms);
	} else if (press->key == UI_KEY_BACKSPACE || press->key == UI_CTRL('h')) {
		if (n)
			prompt->text[n - 1] = '\0';
	} else if (press->key == UI_CTRL('u')) {
		prompt->text[0] = '\0';
	} else if (press->key >= ' ' && press->key < 0x7f && n + 1 < sizeof(prompt->text)) {
		prompt->text[n] = (char)press->key;
		prompt->text[n + 1] = '\0';
	}
}

void prompt_draw(const struct ui *ui, struct canvas *canvas)
{
	static const char hint[] = "Enter:Take Esc:Leave";
	int row = canvas->height - 1, hint_width = (int)sizeof(hint) - 1, col;

	canvas_fill(canvas, row, 0, canvas->width, ' ', ATTR_NORMAL);
	col = 1 + canvas_textf(canvas, row, 1, canvas->width - 1, ATTR_HEADING,
			       "%s: ", ui->prompt.label);
	col += canvas_text(canvas, row, col, canvas->width - col, ATTR_NORMAL, ui->prompt.text);
	canvas->cursor_row = row;
	canvas->cursor_col = col < canvas->width ? col : canvas->width - 1;
	if (col + 2 + hint_width < canvas->width)
		canvas_text(canvas, row, canvas->width - hint_width, hint_width, ATTR_IDLE, hint);
}
