// SPDX-License-Identifier: GPL-2.0-or-later
//
// The table of paths. A column is a row of a table here: its title, in which forms of the screen it
// stands, how wide it may grow, and what writes a cell.

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ui/ui_priv.h"

struct cell_text {
	char text[NOTE_SIZE + ADDR_STRLEN];
	enum attr attr;
};

struct column {
	const char *title;
	unsigned forms;  // where it stands
	unsigned flags;  // LEFT, RATE, SUMMED
	int gap;         // blanks before it
	int least, most; // width; most 0: the rest of the line
	void (*write)(const struct view *view, const struct path_snapshot *path, int i,
		      struct cell_text *out);
};

enum {
	LEFT = 1 << 0,
	RATE = 1 << 1,   // the title ends in the unit
	SUMMED = 1 << 2, // has a sense for all paths together
};

// `i` is the path's index, or this for the row of totals.
#define TOTAL (-1)

static void write_name(const struct view *view, const struct path_snapshot *path, int i,
		       struct cell_text *out)
{
	str_copy(out->text, sizeof(out->text), path->name);
	out->attr = i == TOTAL ? ATTR_HEADING : i == view->selected ? ATTR_SELECTED : ATTR_NORMAL;
}

static void write_kind(const struct view *view, const struct path_snapshot *path, int i,
		       struct cell_text *out)
{
	(void)view;
	(void)i;
	facts_kind(path, out->text);
}

static void write_state(const struct view *view, const struct path_snapshot *path, int i,
			struct cell_text *out)
{
	(void)view;
	(void)i;
	str_copy(out->text, sizeof(out->text), path_state_word(path->state));
	out->attr = facts_state_attr(path->state);
}

static void write_rx(const struct view *view, const struct path_snapshot *path, int i,
		     struct cell_text *out)
{
	(void)i;
	format_rate(path->rx_bps, view->unit, out->text);
}

static void write_tx(const struct view *view, const struct path_snapshot *path, int i,
		     struct cell_text *out)
{
	(void)i;
	format_rate(path->tx_bps, view->unit, out->text);
}

static int share_of(const struct view *view, int i)
{
	int sum = SNAPSHOT_UNKNOWN;

	if (i != TOTAL)
		return view->percents[i];
	for (i = 0; i < view->s->n_paths; i++) {
		if (view->percents[i] >= 0)
			sum = (sum < 0 ? 0 : sum) + view->percents[i];
	}
	return sum;
}

static void write_share(const struct view *view, const struct path_snapshot *path, int i,
			struct cell_text *out)
{
	int share = share_of(view, i);

	(void)path;
	format_count(share, out->text);
	if (share >= 0)
		strcat(out->text, "%");
}

static void write_bar(const struct view *view, const struct path_snapshot *path, int i,
		      struct cell_text *out)
{
	int share = share_of(view, i);

	(void)path;
	for (int tenth = 0; tenth < 10; tenth++)
		out->text[tenth] = tenth * 10 + 5 <= share ? '#' : '.';
	out->text[10] = '\0';
}

static void write_subflows(const struct view *view, const struct path_snapshot *path, int i,
			   struct cell_text *out)
{
	(void)view;
	(void)i;
	format_count(path->subflows, out->text);
}

static void write_rtt(const struct view *view, const struct path_snapshot *path, int i,
		      struct cell_text *out)
{
	(void)i;
	format_rtt(path->rtt_us, out->text);
	if (view->form == FORM_TINY) // where no title says so
		strcat(out->text, path->rtt_us < 0 ? "" : "ms");
}

static void write_jitter(const struct view *view, const struct path_snapshot *path, int i,
			 struct cell_text *out)
{
	(void)view;
	(void)i;
	format_rtt(path->jitter_us, out->text);
}

static void write_loss(const struct view *view, const struct path_snapshot *path, int i,
		       struct cell_text *out)
{
	(void)i;
	if (view->form == FORM_TINY && path->loss_ratio == 0)
		return;
	format_loss(path->loss_ratio, out->text);
	if (view->form == FORM_TINY)
		strcat(out->text, path->loss_ratio < 0 ? "" : "%");
}

static void write_since(const struct view *view, const struct path_snapshot *path, int i,
			struct cell_text *out)
{
	int64_t age_s = (view->time_ms - path->since_ms) / 1000;

	(void)i;
	format_duration_short(path->since_ms <= 0 ? SNAPSHOT_NONE
			      : age_s < 0         ? 0
						  : age_s,
			      out->text);
}

static void write_note(const struct view *view, const struct path_snapshot *path, int i,
		       struct cell_text *out)
{
	// where SINCE has a column of its own, a path that is well has room to say more than that
	bool spare = view->form == FORM_WIDE && i != TOTAL && !path->reason[0] &&
		     strncmp(path->note, "up ", 3) == 0;

	if (!spare)
		str_copy(out->text, sizeof(out->text), path->note);
	else if (path->underlay[0])
		snprintf(out->text, sizeof(out->text), "via %s", path->underlay);
	else if (path->gateway[0])
		snprintf(out->text, sizeof(out->text), "via %s", path->gateway);
	else
		str_copy(out->text, sizeof(out->text), path->address);
}

// A note that is too long goes without its age, which the events tell too, and then without what
// kind of link says it: "PPP: login refused 20s".
static const char *shorten_note(char *note, int width)
{
	static const char kind[] = "PPP: ";
	char *age = strrchr(note, ' ');

	if (canvas_measure(note) > width && age && age[1] >= '0' && age[1] <= '9' &&
	    strchr("smhd", age[strlen(age) - 1]))
		*age = '\0';
	if (canvas_measure(note) > width && strncmp(note, kind, strlen(kind)) == 0)
		return note + strlen(kind);
	return note;
}

static void write_today(const struct view *view, const struct path_snapshot *path, int i,
			struct cell_text *out)
{
	int64_t today_bytes = path->today_rx_bytes + path->today_tx_bytes;

	(void)view;
	(void)i;
	if (path->today_rx_bytes < 0 || path->today_tx_bytes < 0)
		str_copy(out->text, sizeof(out->text), "?");
	else
		format_bytes(today_bytes, out->text);
}

#define EVERYWHERE  (FORM_TINY | FORM_NARROW | FORM_NORMAL | FORM_WIDE)
#define FROM_NARROW (FORM_NARROW | FORM_NORMAL | FORM_WIDE)
#define FROM_NORMAL (FORM_NORMAL | FORM_WIDE)

static const struct column columns[] = {
	{ "PATH", EVERYWHERE & ~FORM_WIDE, LEFT | SUMMED, 0, 5, 5, write_name },
	{ "PATH", FORM_WIDE, LEFT | SUMMED, 0, 5, 10, write_name },
	{ "KIND", FROM_NORMAL, LEFT, 1, 4, 5, write_kind },
	{ "STATE", EVERYWHERE, LEFT, 1, 8, 8, write_state },
	{ "RX", FORM_TINY, SUMMED, 1, 6, 6, write_rx },
	{ "RX", FROM_NARROW, RATE | SUMMED, 1, 7, 7, write_rx },
	{ "TX", FROM_NARROW, RATE | SUMMED, 1, 7, 7, write_tx },
	{ "SHARE", FROM_NORMAL, SUMMED, 1, 5, 5, write_share },
	{ "", FORM_WIDE, 0, 1, 10, 10, write_bar },
	{ "SUBF", FROM_NORMAL, SUMMED, 1, 4, 4, write_subflows },
	{ "RTT", FORM_TINY, 0, 1, 6, 6, write_rtt },
	{ "RTT", FROM_NARROW, 0, 1, 5, 5, write_rtt },
	{ "JIT", FORM_WIDE, 0, 1, 4, 4, write_jitter },
	{ "LOSS", FORM_TINY, 0, 1, 5, 5, write_loss },
	{ "LOSS", FROM_NARROW, 0, 1, 5, 5, write_loss },
	{ "SINCE", FORM_WIDE, 0, 1, 7, 7, write_since },
	{ "TODAY", FORM_WIDE, SUMMED, 1, 8, 8, write_today },
	{ "NOTE", FROM_NARROW, LEFT | SUMMED, 1, 0, 0, write_note },
};

#define N_COLUMNS   (sizeof(columns) / sizeof(columns[0]))
#define FIRST_COL   2 // after the two marks
#define TINY_NOTE   (FIRST_COL + 5 + 1 + 8 + 1)
#define TITLE_SIZE  64
#define TOTAL_LEAST 4 // rows below the header from which on the last one is the total in any case

static void write_cell(const struct view *view, const struct column *column,
		       const struct path_snapshot *path, int i, struct cell_text *out)
{
	out->text[0] = '\0';
	out->attr = view->stale && !(column->flags & LEFT) ? ATTR_IDLE : ATTR_NORMAL;
	column->write(view, path, i, out);
}

static int width_of(const struct view *view, const struct canvas *canvas,
		    const struct column *column, int col)
{
	int width = column->least;

	if (!column->most)
		return canvas->width - col;
	for (int i = 0; i < view->s->n_paths && column->least < column->most; i++) {
		struct cell_text cell;
		int wish;

		write_cell(view, column, &view->s->paths[i], i, &cell);
		wish = canvas_measure(cell.text);
		if (wish > width)
			width = wish < column->most ? wish : column->most;
	}
	return width;
}

static void draw_text(struct canvas *canvas, int row, int col, int width, bool left, enum attr attr,
		      const char *text)
{
	int used = canvas_measure(text);

	if (!left && used < width)
		col += width - used;
	canvas_text_fit(canvas, row, col, width, attr, text);
}

// The title of the last column; where not all rows are shown, it says which are.
static void write_last_title(const struct view *view, const struct column *column, int width,
			     int shown, char out[static TITLE_SIZE])
{
	char rows[32];
	int n = snprintf(rows, sizeof(rows), "rows %d-%d of %d", view->first + 1,
			 view->first + shown, view->s->n_paths);

	if (shown == view->s->n_paths)
		str_copy(out, TITLE_SIZE, column->title);
	else if (n + 2 + (int)strlen(column->title) <= width)
		snprintf(out, TITLE_SIZE, "%s  %s", column->title, rows);
	else
		str_copy(out, TITLE_SIZE, n <= width ? rows : rows + strlen("rows "));
}

static void draw_header(const struct view *view, struct canvas *canvas, int row, int shown)
{
	char text[TITLE_SIZE];
	int col = FIRST_COL;

	for (size_t c = 0; c < N_COLUMNS; c++) {
		int width;

		if (!(columns[c].forms & view->form))
			continue;
		col += columns[c].gap;
		width = width_of(view, canvas, &columns[c], col);
		if (!columns[c].most)
			write_last_title(view, &columns[c], width, shown, text);
		else
			snprintf(text, sizeof(text), "%s%s%s", columns[c].title,
				 columns[c].flags & RATE ? " " : "",
				 columns[c].flags & RATE ? rate_unit_word(view->unit) : "");
		draw_text(canvas, row, col, width, columns[c].flags & LEFT, ATTR_HEADING, text);
		col += width;
	}
}

static void draw_row(const struct view *view, struct canvas *canvas, int row,
		     const struct path_snapshot *path, int i)
{
	struct cell_text cell;
	int col = FIRST_COL;

	for (size_t c = 0; c < N_COLUMNS; c++) {
		int width;

		if (!(columns[c].forms & view->form))
			continue;
		col += columns[c].gap;
		width = width_of(view, canvas, &columns[c], col);
		if (i != TOTAL || columns[c].flags & SUMMED) {
			write_cell(view, &columns[c], path, i, &cell);
			draw_text(canvas, row, col, width, columns[c].flags & LEFT, cell.attr,
				  columns[c].write == write_note ? shorten_note(cell.text, width)
								 : cell.text);
		}
		col += width;
		// where there is no column for notes, a path without numbers shows why
		if (view->form == FORM_TINY && columns[c].write == write_state &&
		    !facts_carries(path)) {
			str_copy(cell.text, sizeof(cell.text), path->note);
			canvas_text_fit(canvas, row, TINY_NOTE, canvas->width - TINY_NOTE,
					ATTR_NORMAL,
					shorten_note(cell.text, canvas->width - TINY_NOTE));
			return;
		}
	}
}

static void draw_path(const struct view *view, struct canvas *canvas, int row, int i)
{
	const struct path_snapshot *path = &view->s->paths[i];

	draw_row(view, canvas, row, path, i);
	if (facts_is_alerting(path))
		canvas_put(canvas, row, 1, '!', ATTR_BAD);
	if (i == view->selected) {
		canvas_put(canvas, row, 0, '>', ATTR_NORMAL);
		canvas->cursor_row = row;
		canvas->cursor_col = 0;
	}
}

static void draw_total(const struct view *view, struct canvas *canvas, int row)
{
	struct path_snapshot total = {
		.name = "TOTAL",
		.rx_bps = view->s->rx_bps,
		.tx_bps = view->s->tx_bps,
		.subflows = view->s->subflows,
		.today_rx_bytes = view->s->today_rx_bytes,
		.today_tx_bytes = view->s->today_tx_bytes,
	};
	char n[FORMAT_SIZE];
	int used = snprintf(total.note, sizeof(total.note), "%s conn%s",
			    format_count(view->s->connections, n),
			    view->s->connections == 1 ? "" : "s");

	if (view->s->connections_tcp > 0)
		snprintf(total.note + used, sizeof(total.note) - (size_t)used, ", %d TCP",
			 view->s->connections_tcp);
	draw_row(view, canvas, row, &total, TOTAL);
}

int pane_paths_header(enum ui_form form)
{
	return form != FORM_TINY;
}

int pane_paths_body(enum ui_form form, bool total, int n_paths, int rows)
{
	int body = rows - pane_paths_header(form);

	return body - (total && (body > n_paths || body >= TOTAL_LEAST));
}

int pane_paths_wish(enum ui_form form, bool total, int n_paths)
{
	return pane_paths_header(form) + (n_paths ? n_paths : 1) + total;
}

void pane_paths_draw(const struct view *view, struct canvas *canvas, int row, int rows)
{
	int body = pane_paths_body(view->form, view->graphs, view->s->n_paths, rows);
	int shown = view->s->n_paths < body ? view->s->n_paths : body;
	int total_row = row + rows - 1;

	if (pane_paths_header(view->form))
		draw_header(view, canvas, row++, shown);
	if (!view->s->n_paths)
		canvas_text(
			canvas, row, FIRST_COL, canvas->width - FIRST_COL, ATTR_NORMAL,
			"No path is configured: add 'path NAME { interface = ... }' to the file.");
	for (int i = 0; i < shown; i++)
		draw_path(view, canvas, row + i, view->first + i);
	if (body + pane_paths_header(view->form) < rows && view->s->n_paths)
		draw_total(view, canvas, total_row);
}
