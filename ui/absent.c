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

static void write_page(const struct ui *ui, int width, bool roomy, struct page *page)
{
	add_sentence(page, width, ui->absent_message);
	if (ui->absent_hint[0])
		add_sentence(page, width, ui->absent_hint);
	if (roomy)
		add_sentence(page, width, "this screen changes by itself when the gateway answers");
}

// The screen while there is no gateway to show.
void absent_draw(const struct ui *ui, struct canvas *canvas, int64_t wall_ms)
{
	const struct view view = { .s = &ui->live, .mode = UI_ABSENT };
	bool roomy = canvas->height >= 12;
	char clock[FORMAT_SIZE];
	struct page page = { 0 };
	int col, top = roomy ? 2 : 1;

	canvas_fill(canvas, 0, 0, canvas->width, ' ', ATTR_STATUS);
	if (wall_ms != SNAPSHOT_NONE && canvas->width >= 50)
		canvas_text(canvas, 0, canvas->width - 8, 8, ATTR_STATUS,
			    format_clock(wall_ms, clock));
	col = 1 + canvas_text(canvas, 0, 1, canvas->width - 1, ATTR_STATUS, "mpgate") + 2;
	canvas_text_fit(canvas, 0, col, canvas->width - col, ATTR_STATUS_ALERT,
			title_of(ui->absent_status));
	write_page(ui, canvas->width < 30 ? 27 : canvas->width - 3, roomy, &page);
	for (int i = 0; i < page.n && top + i < canvas->height - 1; i++)
		canvas_text_fit(canvas, top + i, 2, canvas->width - 2, page.lines[i].attr,
				page.lines[i].text);
	if (canvas->height > 1)
		pane_keys_draw(&view, canvas, canvas->height - 1, 1);
}
