// SPDX-License-Identifier: GPL-2.0-or-later
//
// What holds at every size of the terminal.
#include "unit.h"

#include "ui-test.h"

static const char *const states[] = { "ok", "degraded", "twelve-paths", "offline", "starting" };

struct size {
	char *text;
	char *rows[128]; // into the text
	int n;
};

static struct size take(struct ui *ui, int columns, int rows)
{
	struct str out = { 0 };
	struct size screen = { 0 };

	screen_text(ui, columns, rows, false, 0, &out);
	screen.text = str_take(&out);
	for (char *row = strtok(screen.text, "\n"); row; row = strtok(NULL, "\n"))
		screen.rows[screen.n++] = row;
	return screen;
}

static bool has_row(const struct size *screen, const char *a, const char *b)
{
	for (int i = 0; i < screen->n; i++) {
		if (strstr(screen->rows[i], a) && strstr(screen->rows[i], b))
			return true;
	}
	return false;
}

static void check_rows(struct ui *ui, int columns, int rows)
{
	struct size screen = take(ui, columns, rows);

	if (!strstr(screen.rows[0], verdict_word(ui->live.verdict)))
		fail_msg("%dx%d: no verdict in '%s'", columns, rows, screen.rows[0]);
	for (int i = 0; i < screen.n; i++) {
		if ((int)strlen(screen.rows[i]) >= columns)
			fail_msg("%dx%d: '%s' is too long", columns, rows, screen.rows[i]);
	}
	free(screen.text);
}

// Every path can be got at, with its state.
static void check_paths(struct ui *ui, int columns, int rows)
{
	for (int i = 0; i < ui->live.n_paths; i++) {
		const struct path_snapshot *path = &ui->live.paths[i];
		struct size screen;
		char mark[8];

		ui_select(ui, i);
		screen = take(ui, columns, rows);
		snprintf(mark, sizeof(mark), ">%c%s", facts_is_alerting(path) ? '!' : ' ',
			 path->name);
		if (!has_row(&screen, mark, path_state_word(path->state)))
			fail_msg("%dx%d: no row of %s", columns, rows, path->name);
		free(screen.text);
	}
}

static void every_size_shows_verdict_and_paths(void **state)
{
	(void)state;
	if (is_emulated()) // it would take minutes
		skip();
	for (size_t s = 0; s < ARRAY_LEN(states); s++) {
		struct ui *ui = ui_from_state(states[s], &(struct ui_options){ 0 });

		for (int columns = 40; columns <= 300; columns += columns < 130 ? 3 : 24) {
			for (int rows = 8; rows <= 100; rows += rows < 45 ? 1 : 11) {
				check_rows(ui, columns, rows);
				if (rows % 5 == 3)
					check_paths(ui, columns, rows);
			}
		}
		ui_free(ui);
	}
}

// Rows are not left blank while something is cut off.
static void no_row_is_wasted(void **state)
{
	(void)state;
	for (int n_paths = 0; n_paths <= PATHS_MAX; n_paths++) {
		for (int rows = 8; rows <= 60; rows++) {
			struct layout_wish wish = {
				.columns = 80, .rows = rows, .n_paths = n_paths, .n_events = 24
			};
			struct layout layout;
			int used = 0;

			layout_make(&wish, &layout);
			for (int pane = 0; pane < PANES; pane++)
				used += layout.rows[pane];
			if (layout.rows[PANE_EVENTS] < 25)
				assert_int_equal(used, rows);
			assert_int_equal(layout.row[PANE_KEYS] + layout.rows[PANE_KEYS], rows);
		}
	}
}

// Of lines that follow one another, the most that are blank; and how many there are below `heading`
// before one is.
static int count_blank(const char *screen, const char *heading, int *below)
{
	const char *text = strstr(screen, heading);
	int most = 0, run = 0;

	*below = 0;
	for (const char *line = screen; *line; line = strchr(line, '\n') + 1) {
		run = *line == '\n' ? run + 1 : 0;
		most = run > most ? run : most;
	}
	for (text = text ? strchr(text, '\n') + 1 : "";
	     *text && *text != '\n' && strncmp(text, " ?:", 3) != 0 &&
	     strncmp(text, " ALARM", 6) != 0;
	     text = strchr(text, '\n') + 1)
		(*below)++;
	return most;
}

// Console.md, statement 2: on every screen that was recorded, and all it could show of.
static void no_list_is_cut_above_blank_rows(void **state)
{
	static const struct {
		int columns, rows;
	} sizes[] = { { 60, 16 },  { 66, 18 },  { 80, 24 },  { 100, 30 },
		      { 120, 40 }, { 160, 60 }, { 300, 100 } };
	static const char *const recorded[] = { "ok", "degraded", "twelve-paths", "offline",
						RECORDED_FAULTS };
	struct str screen = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(recorded) * ARRAY_LEN(sizes); i++) {
		int columns = sizes[i % ARRAY_LEN(sizes)].columns,
		    rows = sizes[i % ARRAY_LEN(sizes)].rows, events;
		const char *name = recorded[i / ARRAY_LEN(sizes)];
		struct ui *ui = ui_from_state(name, &(struct ui_options){ 0 });

		screen_text(ui, columns, rows, false, 0, &screen);
		answer_wishes(ui);
		screen_text(ui, columns, rows, false, 0, &screen);
		if (count_blank(str_text(&screen), "\nEVENTS (", &events) > 2 &&
		    (strstr(str_text(&screen), "rows 1-") || facts_event(ui, &ui->live, events)))
			fail_msg("%s, %dx%d:\n%s", name, columns, rows, str_text(&screen));
		ui_free(ui);
	}
	str_fini(&screen);
}

// The order of survival: what is named first is there whenever the next one is.
static void panes_leave_in_order(void **state)
{
	static const enum pane order[] = { PANE_STATUS, PANE_ALARM,  PANE_PATHS, PANE_KEYS,
					   PANE_RX,     PANE_EVENTS, PANE_TX };

	(void)state;
	for (int rows = 1; rows <= 60; rows++) {
		struct layout_wish wish = {
			.columns = 80, .rows = rows, .n_paths = 5, .n_events = 24, .alarm = true
		};
		struct layout layout;

		layout_make(&wish, &layout);
		assert_int_equal(layout.row[PANE_STATUS], 0);
		for (size_t i = 1; i < ARRAY_LEN(order) && layout.graphs; i++) {
			if (layout.rows[order[i]])
				assert_true(layout.rows[order[i - 1]] > 0);
		}
		if (layout.rows[PANE_EVENTS] > 0)
			assert_true(layout.rows[PANE_EVENTS] >= 3 || !layout.graphs);
	}
}

// 80x24 with five paths, as designed.
static void the_design_size_is_as_designed(void **state)
{
	static const int rows[PANES] = {
		[PANE_STATUS] = 1, [PANE_RX] = 5,     [PANE_TX] = 2,    [PANE_AXIS] = 1,
		[PANE_PATHS] = 7,  [PANE_EVENTS] = 6, [PANE_ALARM] = 1, [PANE_KEYS] = 1,
	};
	struct layout_wish wish = {
		.columns = 80, .rows = 24, .n_paths = 5, .n_events = 24, .alarm = true
	};
	struct layout layout;

	(void)state;
	layout_make(&wish, &layout);
	assert_memory_equal(layout.rows, rows, sizeof(rows));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_size_shows_verdict_and_paths),
		cmocka_unit_test(no_row_is_wasted),
		cmocka_unit_test(no_list_is_cut_above_blank_rows),
		cmocka_unit_test(panes_leave_in_order),
		cmocka_unit_test(the_design_size_is_as_designed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
