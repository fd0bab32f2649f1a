// SPDX-License-Identifier: GPL-2.0-or-later
//
// The screen of connections: a table, and below it all about the one that is marked. The gateway is
// asked once for each of its snapshots, as long as the screen is in front. The mark follows its
// connection, by id, however the rows are sorted; with the order frozen they stay where they are,
// and new ones come in at the bottom.

#include <stdio.h>
#include <string.h>

#include "ui/ui_priv.h"

#define ASK_LEAST_MS 800 // snapshots that follow events come in between
#define WHY_WIDTH    66
#define TABLE_LEAST  5

// ---- what was heard

void ui_conns(struct ui *ui, const struct conns *conns)
{
	struct conns_view *view = &ui->conns;

	view->asked = false;
	if (ui->paused && view->have)
		return;
	view->conns = *conns;
	view->have = true;
}

bool conns_wish(struct ui *ui, int64_t now_ms, struct ui_wish *out)
{
	struct conns_view *view = &ui->conns;

	(void)now_ms;
	if (names_wish(ui, out))
		return true;
	if (view->asked || (ui->paused && view->have) ||
	    (view->asked_at_ms && ui->live_at_ms - view->asked_at_ms < ASK_LEAST_MS))
		return false;
	view->asked = true;
	view->asked_at_ms = ui->live_at_ms;
	*out = (struct ui_wish){ .kind = WISH_CONNS };
	return true;
}

void conns_enter(struct ui *ui, int64_t now_ms)
{
	(void)now_ms;
	ui->conns.asked_at_ms = 0;
	ui->conns.whole = false;
}

// ---- which rows, in which order

struct rows {
	int n;
	const struct conn *list[CONNS_MAX];
};

static int place_in_order(const struct conns_view *view, uint64_t id)
{
	int i = 0;

	while (i < view->n_order && view->order[i] != id)
		i++;
	return i;
}

// Those that were there when the order was frozen, as they were; then the others.
static void restore_order(const struct conns_view *view, struct rows *rows)
{
	const struct conn *sorted[CONNS_MAX];
	int places[CONNS_MAX], n = 0;

	for (int i = 0; i < rows->n; i++)
		places[i] = place_in_order(view, rows->list[i]->id);
	for (int place = 0; place <= view->n_order; place++) {
		for (int i = 0; i < rows->n; i++) {
			if (places[i] == place)
				sorted[n++] = rows->list[i];
		}
	}
	memcpy(rows->list, sorted, (size_t)n * sizeof(sorted[0]));
}

static void remember_order(struct conns_view *view, const struct rows *rows)
{
	for (int i = 0; i < rows->n; i++)
		view->order[i] = rows->list[i]->id;
	view->n_order = rows->n;
}

static void list_rows(const struct conns_view *view, struct rows *out)
{
	out->n = 0;
	for (int i = 0; i < view->conns.n; i++) {
		const struct conn *conn = &view->conns.list[i];

		if (conn_filter_match(&view->filter, conn))
			out->list[out->n++] = conn;
	}
	if (view->frozen) {
		conns_sort(out->list, (size_t)out->n, CONN_BY_AGE, false);
		restore_order(view, out);
	} else {
		conns_sort(out->list, (size_t)out->n, view->column, view->inverted);
	}
}

static int find_row(const struct rows *rows, uint64_t id)
{
	for (int i = 0; i < rows->n; i++) {
		if (rows->list[i]->id == id)
			return i;
	}
	return -1;
}

static void mark(struct conns_view *view, const struct rows *rows, int row)
{
	if (row >= rows->n)
		row = rows->n - 1;
	if (row < 0)
		row = 0;
	view->row = row;
	view->selected = rows->n ? rows->list[row]->id : 0;
}

// The mark stays with its connection; when that is gone, it goes to the one in its place.
static void follow_mark(struct conns_view *view, const struct rows *rows)
{
	int row = find_row(rows, view->selected);

	mark(view, rows, row >= 0 ? row : view->row);
}

static const struct conn *find_marked(const struct conns_view *view)
{
	for (int i = 0; i < view->conns.n; i++) {
		if (view->conns.list[i].id == view->selected)
			return &view->conns.list[i];
	}
	return NULL;
}

// ---- keys

void conns_move(struct ui *ui, int by)
{
	struct conns_view *view = &ui->conns;
	struct rows rows;

	list_rows(view, &rows);
	follow_mark(view, &rows);
	mark(view, &rows, view->row + by);
	view->whole &= !by;
}

void conns_pick(struct ui *ui, int row)
{
	struct conns_view *view = &ui->conns;
	struct rows rows;

	list_rows(view, &rows);
	mark(view, &rows, view->first + row);
	view->whole = false;
}

int conns_page(const struct ui *ui)
{
	return ui->conns.page;
}

static void sort_by(struct conns_view *view, int step)
{
	view->frozen = false;
	view->column = (enum conn_column)(((int)view->column + CONN_COLUMNS + step) % CONN_COLUMNS);
}

void conns_next_column(const struct press *press)
{
	sort_by(&press->ui->conns, 1);
}

void conns_previous_column(const struct press *press)
{
	sort_by(&press->ui->conns, -1);
}

void conns_invert(const struct press *press)
{
	press->ui->conns.frozen = false;
	press->ui->conns.inverted = !press->ui->conns.inverted;
}

void conns_freeze(const struct press *press)
{
	struct conns_view *view = &press->ui->conns;
	struct rows rows;

	list_rows(view, &rows);
	remember_order(view, &rows);
	view->frozen = !view->frozen;
}

void conns_names(const struct press *press)
{
	struct ui *ui = press->ui;
	char key[KEY_NAME_SIZE];

	ui->names.wanted = !ui->names.wanted;
	if (ui->names.wanted && ui->mask)
		ui_say(ui, press->now_ms,
		       "addresses are masked: %s shows them, and then their names",
		       bindings_key_of("mask", UI_CONNS, key));
	else
		ui_say(ui, press->now_ms,
		       ui->names.wanted ? "names are looked up for what is listed"
					: "addresses are shown as they are");
}

static void take_filter(struct ui *ui, const char *text, int64_t now_ms)
{
	struct conn_filter filter;
	char why[160];

	if (conn_filter_parse(text, &filter, why, sizeof(why)) != 0) {
		ui_say(ui, now_ms, "%s", why);
		return;
	}
	ui->conns.filter = filter;
	str_copy(ui->conns.filter_text, sizeof(ui->conns.filter_text), text);
}

void conns_ask_filter(const struct press *press)
{
	prompt_open(press->ui, "Filter", press->ui->conns.filter_text, take_filter);
}

void conns_open(const struct press *press)
{
	struct conns_view *view = &press->ui->conns;
	const struct conn *conn;

	conns_move(press->ui, 0); // to one that is there
	conn = find_marked(view);
	if (conn && conn->mode == CONN_TCP)
		view->whole = !view->whole;
	else if (conn)
		ui_say(press->ui, press->now_ms, "it is MPTCP, over %d subflow%s", conn->n_subflows,
		       conn->n_subflows == 1 ? "" : "s");
}

bool conns_back(struct ui *ui)
{
	struct conns_view *view = &ui->conns;
	bool had = view->whole || view->filter.n;

	if (!view->whole)
		take_filter(ui, "", 0);
	view->whole = false;
	return had;
}

// ---- texts

void conns_title(const struct ui *ui, const struct view *view, struct str *out)
{
	const struct conns_view *c = &ui->conns;
	int total = c->have ? c->conns.total : view->s->connections;
	int n_tcp = c->have ? c->conns.n_tcp : view->s->connections_tcp;
	char n[FORMAT_SIZE];
	struct rows rows;

	if (c->filter.n) {
		list_rows(c, &rows);
		str_addf(out, "connections %d of %d  /%s", rows.n, c->conns.total, c->filter_text);
	} else if (total > 0 && view->form & (FORM_NORMAL | FORM_WIDE)) {
		str_addf(out, "connections %d (%d MPTCP, %d TCP)", total, total - n_tcp, n_tcp);
	} else {
		str_addf(out, "connections %s", format_count(total, n));
	}
	if (view->form == FORM_TINY)
		return;
	if (c->frozen)
		str_add(out, "  frozen");
	else
		str_addf(out, "  sort: %s %c", conn_column_word(c->column),
			 c->inverted ? '^' : 'v');
}

static const char *masked(const struct ui *ui, const char *endpoint,
			  char out[static CONN_TARGET_SIZE])
{
	return ui->mask ? conn_mask(endpoint, out) : names_put(ui, endpoint, out);
}

// ---- the table

#define CELL_SIZE CONN_TARGET_SIZE

struct table {
	const struct ui *ui;
	const struct view *view;
	const struct conns *conns;
	char letters[PATHS_MAX];
};

// "14m", "2h": roughly, so that it fits.
static void write_age(const struct table *t, const struct conn *conn, char *out)
{
	char age[FORMAT_SIZE];

	str_copy(out, CELL_SIZE, format_duration_short(conn_age_s(conn, t->conns), age));
	out[strcspn(out, " ")] = '\0';
}

static void write_client(const struct table *t, const struct conn *conn, char *out)
{
	char client[CONN_TARGET_SIZE];

	masked(t->ui, conn->client, client);
	if (t->view->form == FORM_WIDE)
		str_copy(out, CELL_SIZE, client);
	else
		conn_host(client, out);
}

static void write_target(const struct table *t, const struct conn *conn, char *out)
{
	masked(t->ui, conn->target, out);
}

static void write_exit(const struct table *t, const struct conn *conn, char *out)
{
	(void)t;
	str_copy(out, CELL_SIZE, conn->exit[0] ? conn->exit : "-");
}

static void write_mode(const struct table *t, const struct conn *conn, char *out)
{
	(void)t;
	str_copy(out, CELL_SIZE,
		 conn->closed               ? "closed"
		 : conn->mode == CONN_MPTCP ? "MPTCP"
					    : "TCP !");
}

static void write_paths(const struct table *t, const struct conn *conn, char *out)
{
	conn_paths(conn, t->conns, t->letters, out);
}

static void write_rate(const struct table *t, int64_t bps, char *out)
{
	char text[FORMAT_SIZE];

	if (t->view->stale && bps >= 0)
		bps = SNAPSHOT_UNKNOWN;
	str_copy(out, CELL_SIZE, format_rate(bps, t->view->unit, text));
}

static void write_rx(const struct table *t, const struct conn *conn, char *out)
{
	write_rate(t, conn->rx_bps, out);
}

static void write_tx(const struct table *t, const struct conn *conn, char *out)
{
	write_rate(t, conn->tx_bps, out);
}

static void write_in(const struct table *t, const struct conn *conn, char *out)
{
	char text[FORMAT_SIZE];

	(void)t;
	str_copy(out, CELL_SIZE, format_bytes((int64_t)conn->rx_bytes, text));
}

static void write_out(const struct table *t, const struct conn *conn, char *out)
{
	char text[FORMAT_SIZE];

	(void)t;
	str_copy(out, CELL_SIZE, format_bytes((int64_t)conn->tx_bytes, text));
}

#define EVERYWHERE  (FORM_TINY | FORM_NARROW | FORM_NORMAL | FORM_WIDE)
#define FROM_NARROW (FORM_NARROW | FORM_NORMAL | FORM_WIDE)
#define FROM_NORMAL (FORM_NORMAL | FORM_WIDE)

static const struct column {
	const char *title;
	unsigned forms;
	bool left, rate; // rate: the title ends in the unit
	int gap, width;  // width 0: what is left; -1: one column per path, and as many as the title
	void (*write)(const struct table *t, const struct conn *conn, char *out);
} columns[] = {
	{ "AGE", FROM_NARROW, true, false, 0, 4, write_age },
	{ "CLIENT", FORM_NARROW, true, false, 1, 13, write_client },
	{ "CLIENT", FORM_NORMAL, true, false, 2, 17, write_client },
	{ "CLIENT", FORM_WIDE, true, false, 2, 21, write_client },
	{ "DESTINATION", EVERYWHERE & ~FORM_TINY, true, false, 1, 0, write_target },
	{ "DESTINATION", FORM_TINY, true, false, 0, 0, write_target },
	{ "EXIT", FORM_WIDE, true, false, 1, 10, write_exit },
	{ "MODE", EVERYWHERE, true, false, 1, 6, write_mode },
	{ "PATHS", FROM_NARROW, true, false, 1, -1, write_paths },
	{ "RX", EVERYWHERE, false, true, 1, 7, write_rx },
	{ "TX", FROM_NORMAL, false, true, 1, 7, write_tx },
	{ "IN", FORM_WIDE, false, false, 1, 7, write_in },
	{ "OUT", FORM_WIDE, false, false, 1, 7, write_out },
};

#define N_COLUMNS (sizeof(columns) / sizeof(columns[0]))
#define FIRST_COL 1 // after the mark

static int fixed_width(const struct table *t, const struct column *column)
{
	int least = (int)strlen(column->title);

	if (column->width >= 0)
		return column->width;
	return t->conns->n_paths > least ? t->conns->n_paths : least;
}

// What all columns of fixed width leave for the one that has none.
static int rest_width(const struct table *t, int width)
{
	int left = width - FIRST_COL - 1;

	for (size_t i = 0; i < N_COLUMNS; i++) {
		if (columns[i].forms & t->view->form)
			left -= columns[i].gap + fixed_width(t, &columns[i]);
	}
	return left;
}

static void draw_cell(struct canvas *canvas, int row, int col, int width, bool left, enum attr attr,
		      const char *text)
{
	int used = canvas_measure(text);

	if (!left && used < width)
		col += width - used;
	canvas_text_fit(canvas, row, col, width, attr, text);
}

static enum attr attr_of(const struct table *t, const struct column *column,
			 const struct conn *conn)
{
	if (conn->closed || (t->view->stale && !column->left))
		return ATTR_IDLE;
	if (column->write == write_mode && conn->mode == CONN_TCP)
		return ATTR_BAD;
	if (column->write == write_target && conn->id == t->ui->conns.selected)
		return ATTR_SELECTED;
	return ATTR_NORMAL;
}

// The header, when there is no connection.
static void draw_line(const struct table *t, struct canvas *canvas, int row,
		      const struct conn *conn)
{
	int col = FIRST_COL;

	for (size_t i = 0; i < N_COLUMNS; i++) {
		const struct column *column = &columns[i];
		int width = column->width ? fixed_width(t, column) : rest_width(t, canvas->width);
		char text[CELL_SIZE];

		if (!(column->forms & t->view->form))
			continue;
		col += column->gap;
		if (conn)
			column->write(t, conn, text);
		else
			snprintf(text, sizeof(text), "%s%s%s", column->title,
				 column->rate ? " " : "",
				 column->rate ? rate_unit_word(t->view->unit) : "");
		draw_cell(canvas, row, col, width, column->left,
			  conn ? attr_of(t, column, conn) : ATTR_HEADING, text);
		col += width;
	}
}

static void draw_table(const struct table *t, struct canvas *canvas, int row, int n,
		       const struct rows *rows)
{
	const struct conns_view *view = &t->ui->conns;

	draw_line(t, canvas, row++, NULL);
	for (int i = 0; i < n && view->first + i < rows->n; i++, row++) {
		const struct conn *conn = rows->list[view->first + i];

		draw_line(t, canvas, row, conn);
		if (conn->id != view->selected)
			continue;
		canvas_put(canvas, row, 0, '>', ATTR_NORMAL);
		canvas->cursor_row = row;
		canvas->cursor_col = 0;
	}
}

// ---- the one that is marked

// "rows 1-10 of 42", and of how many these are the busiest.
static void write_rows(const struct table *t, int shown, int n_rows, char *out, size_t size)
{
	int first = t->ui->conns.first;
	char all[24] = "";

	if (t->conns->total > CONNS_MAX)
		snprintf(all, sizeof(all), ", %d in all", t->conns->total);
	snprintf(out, size, "rows %d-%d of %d%s", first + 1, first + shown, n_rows, all);
}

static void draw_selected_head(const struct table *t, struct canvas *canvas, int row,
			       const char *rows, const struct conn *conn)
{
	char client[CONN_TARGET_SIZE], target[CONN_TARGET_SIZE], text[2 * CONN_TARGET_SIZE + 4];
	int col = canvas->width - canvas_measure(rows) - 1;

	snprintf(text, sizeof(text), "%s -> %s", masked(t->ui, conn->client, client),
		 masked(t->ui, conn->target, target));
	canvas_text(canvas, row, 0, 8, ATTR_HEADING, "SELECTED");
	canvas_text(canvas, row, col, canvas->width - col, ATTR_NORMAL, rows);
	if (col > 12)
		canvas_text_fit(canvas, row, 10, col - 12, ATTR_NORMAL, text);
}

static void draw_sums(const struct table *t, struct canvas *canvas, int row,
		      const struct conn *conn)
{
	char text[FORMAT_SIZE], clock[FORMAT_SIZE];
	struct str line = { 0 };

	if (conn->token)
		str_addf(&line, "token %08x  ", conn->token);
	if (conn->closed)
		str_addf(&line, "closed: %s at %s  ", conn->end,
			 format_clock(conn->ended_ms, clock));
	else if (conn->mode == CONN_TCP)
		str_addf(&line, "plain TCP since %s  ", format_clock(conn->tcp_since_ms, clock));
	str_addf(&line, "age %s  ", format_duration(conn_age_s(conn, t->conns), text));
	str_addf(&line, "in %s  ", format_bytes((int64_t)conn->rx_bytes, text));
	str_addf(&line, "out %s  ", format_bytes((int64_t)conn->tx_bytes, text));
	if (conn->exit[0])
		str_addf(&line, "exit %s%s", conn->exit, conn->socks ? "  by SOCKS" : "");
	canvas_text_fit(canvas, row, 1, canvas->width - 1, ATTR_NORMAL, str_text(&line));
	str_fini(&line);
}

static int address_width(const struct table *t, const struct conn *conn)
{
	int width = 9, most = t->view->form == FORM_WIDE ? 45 : 21;

	for (int i = 0; i < conn->n_subflows; i++) {
		char local[CONN_TARGET_SIZE];
		int n = canvas_measure(masked(t->ui, conn->subflows[i].local, local));

		width = n > width ? n : width;
	}
	return width < most ? width : most;
}

static void draw_subflow(const struct table *t, struct canvas *canvas, int row,
			 const struct conn *conn, const struct conn_subflow *sf, int percent)
{
	enum attr attr = sf->established && !t->view->stale ? ATTR_NORMAL : ATTR_IDLE;
	char local[CONN_TARGET_SIZE], number[FORMAT_SIZE], in[FORMAT_SIZE], sent[FORMAT_SIZE];
	enum ui_form form = t->view->form;
	int col = 10, width = address_width(t, conn);
	struct str rest = { 0 };

	canvas_text_fit(canvas, row, 3, 6, attr, sf->path[0] ? sf->path : "other");
	if (form & FROM_NORMAL)
		col += canvas_textf(canvas, row, col, canvas->width - col, attr,
				    form == FORM_WIDE ? "local id %-3s  " : "id %-3s  ",
				    format_count(sf->local_id, number));
	canvas_text_fit(canvas, row, col, width, attr, masked(t->ui, sf->local, local));
	str_addf(&rest, "RTT %3s ms ",
		 format_rtt(t->view->stale ? SNAPSHOT_UNKNOWN : sf->rtt_us, number));
	if (form & FROM_NORMAL)
		str_addf(&rest, "cwnd %3d ", sf->cwnd);
	str_addf(&rest, "retrans %3d %3d%%", sf->retransmits, percent);
	if (form == FORM_WIDE)
		str_addf(&rest, "  in %s  out %s", format_bytes((int64_t)sf->rx_bytes, in),
			 format_bytes((int64_t)sf->tx_bytes, sent));
	col += width + 2;
	canvas_text_fit(canvas, row, col, canvas->width - col, attr, str_text(&rest));
	str_fini(&rest);
}

static void draw_why(struct canvas *canvas, int row, int rows, const struct conn *conn)
{
	struct page page = { 0 };

	page_wrap(&page, ATTR_BAD, canvas->width - 4, 0, conn->why);
	for (int i = 0; i < page.n && i < rows; i++)
		canvas_text_fit(canvas, row + i, 3, canvas->width - 3, page.lines[i].attr,
				page.lines[i].text);
}

static void draw_selected(const struct table *t, struct canvas *canvas, int row, int rows,
			  const struct conn *conn)
{
	int percents[CONN_SUBFLOWS_MAX], i = 0;

	draw_sums(t, canvas, row++, conn);
	conn_shares(conn, percents);
	for (rows--; i < conn->n_subflows && i < rows; i++)
		draw_subflow(t, canvas, row + i, conn, &conn->subflows[i], percents[i]);
	if (conn->mode == CONN_TCP)
		draw_why(canvas, row + i, rows - i, conn);
}

static void draw_legend(const struct table *t, struct canvas *canvas, int row)
{
	struct str line = { 0 };
	char key[KEY_NAME_SIZE];

	str_add(&line, "PATHS");
	for (int i = 0; i < t->conns->n_paths; i++)
		str_addf(&line, " %c=%s", t->letters[i], t->conns->paths[i]);
	str_add(&line, " -=none");
	if (t->view->form & FROM_NORMAL)
		str_addf(&line, "  TCP!=not bonded, %s: why",
			 bindings_key_of("open", UI_CONNS, key));
	canvas_text_fit(canvas, row, 1, canvas->width - 1, ATTR_NORMAL, str_text(&line));
	str_fini(&line);
}

// "not proxied: UDP 0.31/0.02  other 1.20/0.10 Mb/s in/out", so that the sums agree with the
// paths'. Once there was any, the line stays: a list that jumps is hard to read.
static void draw_unproxied(const struct view *view, struct canvas *canvas, int row)
{
	const struct snapshot *s = view->s;
	char udp_in[FORMAT_SIZE], udp_out[FORMAT_SIZE], in[FORMAT_SIZE], out[FORMAT_SIZE];

	canvas_textf(canvas, row, 1, canvas->width - 1, ATTR_NORMAL,
		     "not proxied: UDP %s/%s  other %s/%s %s in/out",
		     format_rate(s->unproxied_udp_rx_bps, view->unit, udp_in),
		     format_rate(s->unproxied_udp_tx_bps, view->unit, udp_out),
		     format_rate(s->unproxied_rest_rx_bps, view->unit, in),
		     format_rate(s->unproxied_rest_tx_bps, view->unit, out),
		     rate_unit_word(view->unit));
}

static bool has_unproxied(const struct snapshot *s)
{
	return s->unproxied_udp_rx_bps > 0 || s->unproxied_udp_tx_bps > 0 ||
	       s->unproxied_rest_rx_bps > 0 || s->unproxied_rest_tx_bps > 0;
}

static void draw_whole(const struct ui *ui, struct canvas *canvas)
{
	const struct conn *conn = find_marked(&ui->conns);
	int width = canvas->width - 4 < WHY_WIDTH ? canvas->width - 4 : WHY_WIDTH;
	char target[CONN_TARGET_SIZE], clock[FORMAT_SIZE], age[FORMAT_SIZE], head[160],
		closes[CLOSING_SIZE];
	struct page page = { 0 };

	if (!conn || conn->mode != CONN_TCP)
		return;
	snprintf(head, sizeof(head), "%s is not bonded, since %s (%s).",
		 masked(ui, conn->target, target), format_clock(conn->tcp_since_ms, clock),
		 format_duration((ui->conns.conns.time_ms - conn->tcp_since_ms) / 1000, age));
	page_wrap(&page, ATTR_HEADING, width, 0, head);
	page_wrap(&page, ATTR_NORMAL, width, 0, conn->why);
	page_add(&page, ATTR_NORMAL, "%s", "");
	page_wrap(&page, ATTR_NORMAL, width, 0, "'mpgate doctor' tries each path and exit.");
	box_draw(canvas, "PLAIN TCP", bindings_closing(UI_CONNS, closes), &page, 0, width);
}

// ---- all of it

static void draw_nothing(const struct ui *ui, struct canvas *canvas, int row)
{
	const struct conns_view *view = &ui->conns;
	char key[KEY_NAME_SIZE];
	struct page page = { 0 };
	struct str text = { 0 };

	if (!view->have) {
		str_add(&text, "Asking the gateway for its connections.");
	} else if (view->conns.n) {
		str_addf(&text, "0 of %d match \"%s\"  %s clears", view->conns.total,
			 view->filter_text, bindings_key_of("back", UI_CONNS, key));
	} else {
		str_add(&text, "No connections.");
		if (view->conns.sources[0])
			str_addf(&text, " Clients are redirected from %s;", view->conns.sources);
		if (view->conns.accepted)
			str_addf(&text, " %llu so far.", (unsigned long long)view->conns.accepted);
		else
			str_add(&text, " nothing matched yet.");
	}
	page_wrap(&page, ATTR_NORMAL, canvas->width - 2, 0, str_text(&text));
	for (int i = 0; i < page.n; i++)
		canvas_text_fit(canvas, row + i, 1, canvas->width - 1, ATTR_NORMAL,
				page.lines[i].text);
	str_fini(&text);
}

// How the rows are shared out: the table first, then what is marked, then the legend. The part for
// the marked one has room for any, so that it does not change its height with the mark.
static void share_rows(const struct conns *conns, int rows, int *table, int *selected, int *legend)
{
	int want = 2 + 3, left = rows - 1 - TABLE_LEAST; // two lines say why it is TCP

	for (int i = 0; i < conns->n; i++) {
		if (want < 2 + conns->list[i].n_subflows)
			want = 2 + conns->list[i].n_subflows;
	}
	*legend = left >= 6;
	left -= *legend;
	*selected = left < 3 ? 0 : left < want ? left : want;
	*table = rows - 1 - *legend - *selected;
}

static void scroll(struct conns_view *view, int n_rows, int shown)
{
	int last = n_rows - shown;

	view->page = shown;
	if (view->first > view->row)
		view->first = view->row;
	if (view->first < view->row - shown + 1)
		view->first = view->row - shown + 1;
	if (view->first > last)
		view->first = last;
	if (view->first < 0)
		view->first = 0;
}

void conns_draw(struct ui *ui, const struct view *view, struct canvas *canvas, int row, int rows)
{
	struct table t = { .ui = ui, .view = view, .conns = &ui->conns.conns };
	int table, selected, legend, shown;
	const struct conn *conn;
	struct rows list;
	char which[48];

	ui->conns.unproxied |= has_unproxied(view->s);
	if (ui->conns.unproxied && view->form != FORM_TINY)
		draw_unproxied(view, canvas, row + --rows);
	list_rows(&ui->conns, &list);
	follow_mark(&ui->conns, &list);
	if (!list.n) {
		draw_nothing(ui, canvas, row + 1);
		return;
	}
	conns_letters(t.conns, t.letters);
	share_rows(t.conns, rows, &table, &selected, &legend);
	scroll(&ui->conns, list.n, table);
	shown = list.n < table ? list.n : table;
	ui->list_row = row + 1;
	ui->list_rows = shown;
	draw_table(&t, canvas, row, table, &list);
	conn = list.list[ui->conns.row];
	row += 1 + table;
	if (selected) {
		write_rows(&t, shown, list.n, which, sizeof(which));
		draw_selected_head(&t, canvas, row, which, conn);
		draw_selected(&t, canvas, row + 1, selected - 1, conn);
	}
	if (legend)
		draw_legend(&t, canvas, row + selected);
	if (ui->conns.whole)
		draw_whole(ui, canvas);
}
