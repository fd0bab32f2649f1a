// SPDX-License-Identifier: GPL-2.0-or-later
//
// The table of screens, and the frame around all but the overview.

#include <string.h>

#include "ui/ui_priv.h"

static void move_selection(struct ui *ui, int rows)
{
	ui_select(ui, ui->selected_row + rows);
}

static void pick_path(struct ui *ui, int row)
{
	ui_select(ui, ui->first_row + row);
}

static int fact_rows(const struct ui *ui)
{
	return ui->path_page;
}

static int table_rows(const struct ui *ui)
{
	return ui->page_rows;
}

static bool overview_wish(struct ui *ui, int64_t now_ms, struct ui_wish *out)
{
	return past_wish(ui, now_ms, out) || (ui->events_short && log_wish(ui, now_ms, out));
}

static void open_path(const struct press *press)
{
	ui_show(press->ui, SCREEN_PATH, press->now_ms);
}

// clang-format off
static const struct screen screens[SCREENS] = {
	[SCREEN_OVERVIEW] = { .name = "overview", .mode = UI_OVERVIEW, .move = move_selection,
			      .page = table_rows, .pick = pick_path, .open = open_path, .wish = overview_wish },
	[SCREEN_PATH] = { .name = "path", .mode = UI_PATH, .title = path_title, .draw = path_draw,
			  .move = move_selection, .page = fact_rows, .wish = path_wish },
	[SCREEN_CONNS] = { .name = "connections", .mode = UI_CONNS, .enter = conns_enter,
			   .title = conns_title, .draw = conns_draw, .move = conns_move,
			   .page = conns_page, .pick = conns_pick, .open = conns_open, .wish = conns_wish,
			   .back = conns_back },
	[SCREEN_LOG] = { .name = "log", .mode = UI_LOG, .enter = log_enter, .title = log_title,
			 .draw = log_draw, .move = log_move, .page = log_page, .pick = log_pick, .open = log_open,
			 .wish = log_wish, .back = log_back, .save = log_save },
	[SCREEN_DOCTOR] = { .name = "doctor", .mode = UI_DOCTOR, .enter = report_enter,
			    .title = report_title, .draw = report_draw, .move = report_move,
			    .page = report_page },
};
// clang-format on

const struct screen *ui_screen(const struct ui *ui)
{
	return &screens[ui->screen];
}

void ui_show(struct ui *ui, enum ui_screen screen, int64_t now_ms)
{
	ui->screen = screen;
	if (screens[screen].enter)
		screens[screen].enter(ui, now_ms);
}

bool ui_knows_screen(const char *name, struct str *out)
{
	for (int i = 0; i < SCREENS; i++)
		str_addf(out, "%s%s", i ? ", " : "", screens[i].name);
	return screen_from_name(name) != SCREENS;
}

enum ui_screen screen_from_name(const char *name)
{
	int i = 0;

	while (i < SCREENS && strcmp(screens[i].name, name) != 0)
		i++;
	return (enum ui_screen)i;
}
