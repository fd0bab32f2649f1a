// SPDX-License-Identifier: GPL-2.0-or-later
#include <ctype.h>
#include <string.h>

#include "ui/ui_priv.h"

static const char *title_of(enum status status)
{
	switch (status) {
	case STATUS_DONE:
		return "WAITING FOR THE GATEWAY";
	case STATUS_NOT_RUNNING:
		return "NO GATEWAY RUNNING";
	case STATUS_NOT_ALLOWED:
		return "NOT ALLOWED";
	default:
		return "NO ANSWER FROM THE GATEWAY";
	}
}

// What stands after "mpgate:" on the command line is a sentence here.
static void add_sentence(struct page *page, int width, const char *text)
{
	char sentence[256];

	str_copy(sentence, sizeof(sentence), text);
	sentence[0] = (char)toupper((unsigned char)sentence[0]);
	page_wrap(page, ATTR_NORMAL, width, 0, sentence);
	page_add(page, ATTR_NORMAL, "%s", "");
}

static void write_page(const struct ui *ui, int width, struct page *page)
{
	add_sentence(page, width, ui->absent_message);
	if (ui->absent_hint[0])
		add_sentence(page, width, ui->absent_hint);
}

// The screen while there is no gateway to show.
void absent_draw(const struct ui *ui, struct canvas *canvas, int64_t wall_ms)
{
	char clock[FORMAT_SIZE];
	struct page page = { 0 };
	int col;

	write_page(ui, canvas->width - 3, &page);
	canvas_fill(canvas, 0, 0, canvas->width, ' ', ATTR_STATUS);
	if (wall_ms != SNAPSHOT_NONE && canvas->width >= 50)
		canvas_text(canvas, 0, canvas->width - 8, 8, ATTR_STATUS,
			    format_clock(wall_ms, clock));
	col = 1 + canvas_text(canvas, 0, 1, canvas->width - 1, ATTR_STATUS, "mpgate") + 2;
	canvas_text_fit(canvas, 0, col, canvas->width - col, ATTR_STATUS_ALERT,
			title_of(ui->absent_status));
	for (int i = 0; i < page.n && 2 + i < canvas->height - 2; i++)
		canvas_text_fit(canvas, 2 + i, 2, canvas->width - 2, page.lines[i].attr,
				page.lines[i].text);
	if (canvas->height > 4)
		canvas_text_fit(canvas, canvas->height - 2, 1, canvas->width - 1, ATTR_NORMAL,
				"This screen changes by itself when the gateway answers.  q:Quit");
	canvas->cursor_row = canvas->height - 1;
}
