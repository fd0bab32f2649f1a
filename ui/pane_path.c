// SPDX-License-Identifier: GPL-2.0-or-later
//
// All about one path: who it is and since when, its graph, what is known of link, address, probes,
// MPTCP and data, and what happened to it. A fact that is not known is left out, and so is a line
// without facts.

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "ui/ui_priv.h"

#define LABEL_WIDTH   8
#define GRAPH_COLUMNS 66 // from here on there are graphs,
#define GRAPH_ROWS    18 // on screens that have so many rows for all
#define LARGE_ROWS    30
#define FACTS_MAX     8

// The facts of one line, or more lines when they do not fit.
struct facts {
	const char *label;
	int n;
	char texts[FACTS_MAX][120];
};

__attribute__((format(printf, 2, 3))) static void add(struct facts *facts, const char *fmt, ...)
{
	va_list ap;

	if (facts->n == FACTS_MAX)
		return;
	va_start(ap, fmt);
	vsnprintf(facts->texts[facts->n++], sizeof(facts->texts[0]), fmt, ap);
	va_end(ap);
}

// Two blanks apart, those that do not fit in the next line.
static void put_facts(const struct facts *facts, int width, struct page *page)
{
	char line[sizeof(page->lines[0].text)];
	int used = 0;

	for (int i = 0; i < facts->n; i++) {
		int more = canvas_measure(facts->texts[i]);

		if (used > LABEL_WIDTH && used + 2 + more > width) {
			page_add(page, ATTR_NORMAL, "%s", line);
			used = 0;
		}
		if (!used)
			used = snprintf(line, sizeof(line), "%-*s%s", LABEL_WIDTH,
					i ? "" : facts->label, facts->texts[i]);
		else
			used += snprintf(line + used, sizeof(line) - (size_t)used, "  %s",
					 facts->texts[i]);
		if (used > (int)sizeof(line) - 1)
			used = (int)sizeof(line) - 1;
	}
	if (used)
		page_add(page, ATTR_NORMAL, "%s", line);
}

// ---- facts

static const char *ago(const struct view *view, int64_t then_ms, char out[static FORMAT_SIZE])
{
	int64_t age_s = (view->time_ms - then_ms) / 1000;

	return format_duration(age_s < 0 ? 0 : age_s, out);
}

// "10:04:22", or "Nov 10 10:04" when it was another day.
static const char *format_since(const struct view *view, int64_t then_ms, char out[static 32])
{
	time_t then = (time_t)(then_ms / 1000), now = (time_t)(view->time_ms / 1000);
	struct tm tm, now_tm;

	out[0] = '\0';
	if (localtime_r(&then, &tm) && localtime_r(&now, &now_tm))
		strftime(out, 32,
			 tm.tm_yday == now_tm.tm_yday && tm.tm_year == now_tm.tm_year
				 ? "%H:%M:%S"
				 : "%b %d %H:%M",
			 &tm);
	return out;
}

static void tell_why(const struct view *view, const struct path_snapshot *path, struct facts *out)
{
	(void)view;
	out->label = "WHY";
	if (path->reason[0])
		add(out, "%s", path->note);
}

static void tell_use(const struct view *view, const struct path_snapshot *path, struct facts *out)
{
	static const char *const uses[PATH_USES] = {
		[PATH_USE_FULL] = "in full use",
		[PATH_USE_BACKUP] = "a backup just now",
		[PATH_USE_NONE] = "not used just now",
	};

	(void)view;
	out->label = "USE";
	if (path->tier != PATH_TIER_PRIMARY)
		add(out, "tier %s", path_tier_word(path->tier));
	if (facts_carries(path))
		add(out, "%s%s%s", uses[path->use], path->use_reason[0] ? ": " : "",
		    path->use_reason);
	else if (!path->reason[0])
		add(out, "%s", path->note);
}

static void tell_link(const struct view *view, const struct path_snapshot *path, struct facts *out)
{
	int under = facts_find_path(view->s, path->underlay);
	char text[FORMAT_SIZE];

	out->label = "LINK";
	if (strcmp(path->interface, path->name) != 0)
		add(out, "interface %s", path->interface);
	if (under >= 0)
		add(out, "rides %s, which is %s", path->underlay,
		    path_state_word(view->s->paths[under].state));
	if (strcmp(path->dial, "ppp") == 0)
		add(out, "PPP, dialled by pppd");
	else if (path->dial[0])
		add(out, "dialled by your commands");
	if (path->concentrator[0])
		add(out, "concentrator %s", path->concentrator);
	if (path->dialled_ms && facts_is_wanted(path))
		add(out, "up for %s", ago(view, path->dialled_ms, text));
}

// What became of dialling: why the link last came down, and what is next.
static void tell_dial(const struct view *view, const struct path_snapshot *path, struct facts *out)
{
	int64_t left_s = (path->next_dial_ms - view->time_ms + 999) / 1000;
	char when[32], text[FORMAT_SIZE];

	out->label = "DIAL";
	if (path->next_dial_ms && left_s > 0)
		add(out, "attempt %d in %s", path->dial_attempts + 1,
		    format_duration(left_s, text));
	else if (path->dial_attempts && !facts_carries(path))
		add(out, "attempt %d", path->dial_attempts);
	if (path->dial_attempts && !facts_carries(path))
		add(out, "waits grow up to 5 min");
	if (path->hung_up_ms)
		add(out, "last failure %s: %s", format_since(view, path->hung_up_ms, when),
		    path->hung_up_why);
}

static void tell_address(const struct view *view, const struct path_snapshot *path,
			 struct facts *out)
{
	(void)view;
	out->label = "ADDR";
	if (path->address[0] && path->prefix_len >= 0)
		add(out, "%s/%d", path->address, path->prefix_len);
	else if (path->address[0])
		add(out, "%s", path->address);
	if (path->gateway[0])
		add(out, "gw %s", path->gateway);
	if (path->peer[0] && strcmp(path->peer, path->gateway) != 0)
		add(out, "peer %s", path->peer);
	if (path->address[0] && path->seen_as[0] && strcmp(path->seen_as, path->address) != 0)
		add(out, "seen by the exit as %s", path->seen_as);
	if (path->table)
		add(out, "table %d", path->table);
	if (path->mtu)
		add(out, "mtu %d", path->mtu);
}

static void tell_rtt(const struct path_snapshot *path, struct facts *out)
{
	char rtt[FORMAT_SIZE], least[FORMAT_SIZE], jitter[FORMAT_SIZE];

	if (path->rtt_us < 0)
		return;
	format_rtt(path->rtt_us, rtt);
	if (path->least_rtt_us > 0 && path->jitter_us >= 0)
		add(out, "RTT %s ms, at best %s, jitter %s", rtt,
		    format_rtt(path->least_rtt_us, least), format_rtt(path->jitter_us, jitter));
	else
		add(out, "RTT %s ms", rtt);
}

static void tell_probes(const struct view *view, const struct path_snapshot *path,
			struct facts *out)
{
	char text[FORMAT_SIZE], loss[FORMAT_SIZE];

	out->label = "PROBE";
	if (path->probe_interval_ms > 0 && view->s->exit.endpoint[0])
		add(out, "TCP to %s every %g s", view->s->exit.endpoint,
		    (double)path->probe_interval_ms / 1000);
	if (path->answered_ms)
		add(out, "last answer %s ago", ago(view, path->answered_ms, text));
	tell_rtt(path, out);
	if (path->loss_ratio >= 0)
		add(out, "loss %s%%", format_loss(path->loss_ratio, loss));
	if (path->download_loss_ratio >= 0)
		add(out, "sent again by the exit %s%%",
		    format_loss(path->download_loss_ratio, loss));
	if (path->down_after > 0 && path->up_after > 0 && facts_is_wanted(path))
		add(out, "down after %d lost, up after %d good", path->down_after, path->up_after);
	if (path->probes_lost > 0)
		add(out, "%d lost in a row", path->probes_lost);
}

static void tell_mptcp(const struct view *view, const struct path_snapshot *path, struct facts *out)
{
	char clock[FORMAT_SIZE];

	(void)view;
	out->label = "MPTCP";
	if (path->endpoint_id)
		add(out, "endpoint id %d%s%s", path->endpoint_id,
		    path->endpoint_flags[0] ? ", flags " : "", path->endpoint_flags);
	if (path->subflows >= 0 && facts_carries(path))
		add(out, "subflows %d", path->subflows);
	if (path->joins_ok || path->joins_failed)
		add(out, "joins %" PRIu64 " ok, %" PRIu64 " failed", path->joins_ok,
		    path->joins_failed);
	if (path->joins_missing > 0)
		add(out, "%d connection%s lack%s one here", path->joins_missing,
		    path->joins_missing == 1 ? "" : "s", path->joins_missing == 1 ? "s" : "");
	if (path->mptcp_ok < 0)
		return;
	if (path->mptcp_checked_ms)
		add(out, "options pass: %s (checked %s)", path->mptcp_ok ? "yes" : "NO",
		    format_clock(path->mptcp_checked_ms, clock));
	else
		add(out, "options pass: %s", path->mptcp_ok ? "yes" : "NO");
}

static void tell_bytes(struct facts *out, const char *when, int64_t rx_bytes, int64_t tx_bytes)
{
	char rx[FORMAT_SIZE], tx[FORMAT_SIZE];

	if (rx_bytes >= 0 && tx_bytes >= 0)
		add(out, "%s %s in, %s out", when, format_bytes(rx_bytes, rx),
		    format_bytes(tx_bytes, tx));
}

static void tell_data(const struct view *view, const struct path_snapshot *path, struct facts *out)
{
	char text[FORMAT_SIZE];

	(void)view;
	out->label = "DATA";
	tell_bytes(out, "today", path->today_rx_bytes, path->today_tx_bytes);
	tell_bytes(out, "this month", path->month_rx_bytes, path->month_tx_bytes);
	if (path->probe_bytes)
		add(out, "probes %s", format_bytes((int64_t)path->probe_bytes, text));
}

static const char *format_day(int64_t then_ms, char out[static 16])
{
	time_t then = (time_t)(then_ms / 1000);
	struct tm tm;

	out[0] = '\0';
	if (localtime_r(&then, &tm))
		strftime(out, 16, "%d %b", &tm);
	return out;
}

#define CAP_BAR 20

static void tell_cap(const struct view *view, const struct path_snapshot *path, struct facts *out)
{
	char used[FORMAT_SIZE], limit[FORMAT_SIZE], span[FORMAT_SIZE], bar[CAP_BAR + 1], day[16];
	int64_t gone_s = (view->time_ms - path->cap_began_ms) / 1000;
	int64_t left_s = (path->cap_resets_ms - view->time_ms) / 1000, lasts_s;
	double ratio = (double)path->cap_used_bytes / (double)path->cap_bytes;

	if (path->cap_bytes <= 0)
		return;
	out->label = "CAP";
	format_bytes(path->cap_bytes, limit);
	if (path->cap_used_bytes < 0) {
		add(out, "%s, used: nobody knows", limit);
		return;
	}
	for (int i = 0; i < CAP_BAR; i++)
		bar[i] = i < (int)(ratio * CAP_BAR) ? '#' : '.';
	bar[CAP_BAR] = '\0';
	add(out, "[%s] %s of %s (%.0f%%)", bar, format_bytes(path->cap_used_bytes, used), limit,
	    ratio * 100);
	if (path->cap_resets_ms && left_s > 0)
		add(out, "resets %s, in %s", format_day(path->cap_resets_ms, day),
		    format_duration(left_s, span));
	// a day tells nothing of a month yet
	lasts_s = ratio > 0 && ratio < 1 ? (int64_t)((double)gone_s * (1 - ratio) / ratio) : 0;
	if (path->cap_began_ms && gone_s > 86400 && lasts_s && lasts_s < left_s)
		add(out, "at this rate reaches 100%% in %s", format_duration(lasts_s, span));
	if (path->cap_ignored)
		add(out, "ignored until it resets");
	else
		add(out, "%d%% warns, 100%% %s", path->cap_warn_percent,
		    strcmp(path->cap_action, "backup") == 0 ? "makes it a backup"
							    : "disables path");
}

static void (*const tellers[])(const struct view *view, const struct path_snapshot *path,
			       struct facts *out) = {
	tell_why,    tell_use,   tell_link, tell_dial, tell_address,
	tell_probes, tell_mptcp, tell_data, tell_cap,
};

static void write_facts(const struct view *view, const struct path_snapshot *path, int width,
			struct page *page)
{
	for (size_t i = 0; i < sizeof(tellers) / sizeof(tellers[0]); i++) {
		struct facts facts = { 0 };

		tellers[i](view, path, &facts);
		put_facts(&facts, width, page);
	}
}

// ---- what happened

static void write_event(const struct event *event, char *out, size_t size)
{
	time_t then = (time_t)(event->time_ms / 1000);
	char when[32] = "";
	struct tm tm;

	if (localtime_r(&then, &tm))
		strftime(when, sizeof(when), "%b %d %H:%M:%S", &tm);
	snprintf(out, size, "%s %c %-8s %s", when, event_is_alert(event) ? '!' : ' ', event->verb,
		 event->text);
}

#define HISTORY_DAYS_SHOWN 7

// How a path has fared: what its events tell of the last days, or since the gateway's start.
struct record {
	int came_up; // times
	int64_t up_ms, span_ms;
};

// What the state of an event means: the path carried from then on, or it did not.
enum turn { TURN_NONE, TURN_UP, TURN_FELL, TURN_OTHER };

static enum turn turn_of(const struct event *event)
{
	static const enum turn turns[PATH_STATES] = {
		[PATH_STATE_OFF] = TURN_OTHER,     [PATH_STATE_STANDBY] = TURN_OTHER,
		[PATH_STATE_DOWN] = TURN_FELL,     [PATH_STATE_DIALING] = TURN_OTHER,
		[PATH_STATE_PROBING] = TURN_OTHER, [PATH_STATE_BLOCKED] = TURN_FELL,
		[PATH_STATE_CAPPED] = TURN_OTHER,  [PATH_STATE_FLAPPING] = TURN_FELL,
		[PATH_STATE_DEGRADED] = TURN_UP,   [PATH_STATE_UP] = TURN_UP,
	};

	for (int state = 0; state < PATH_STATES; state++) {
		if (strcmp(event->verb, path_state_word((enum path_state)state)) == 0)
			return turns[state];
	}
	return TURN_NONE;
}

// Backwards: each event ends the time before it. The newest that is older than the days that count
// says how they began; where there is none, the path carried when it fell first, or still does.
static void count_record(const struct ui *ui, const struct view *view,
			 const struct path_snapshot *path, struct record *out)
{
	int64_t span_ms = (int64_t)HISTORY_DAYS_SHOWN * 86400000, begin_ms, end_ms = view->time_ms;
	bool began_up = facts_carries(path), within = true;

	if (view->s->uptime_s >= 0 && view->s->uptime_s * 1000 < span_ms)
		span_ms = view->s->uptime_s * 1000;
	*out = (struct record){ .span_ms = span_ms };
	// it was so old when the snapshot was made, and up to a second more
	begin_ms = view->s->time_ms - span_ms - 999;
	for (uint64_t seq = ui->log.last; within && log_event(ui, seq); seq--) {
		const struct event *event = log_event(ui, seq);
		enum turn turn = turn_of(event);

		if (strcmp(event->object, path->name) != 0 || turn == TURN_NONE)
			continue;
		within = event->time_ms >= begin_ms;
		began_up = within ? turn == TURN_FELL : turn == TURN_UP;
		if (!within)
			break;
		out->up_ms += turn == TURN_UP ? end_ms - event->time_ms : 0;
		out->came_up += strcmp(event->verb, path_state_word(PATH_STATE_UP)) == 0;
		end_ms = event->time_ms;
	}
	if (began_up)
		out->up_ms += end_ms - begin_ms;
	if (out->up_ms > span_ms)
		out->up_ms = span_ms;
}

static void write_record(const struct record *r, char *out, size_t size)
{
	char up[FORMAT_SIZE], span[FORMAT_SIZE];
	bool days = r->span_ms >= (int64_t)HISTORY_DAYS_SHOWN * 86400000;

	snprintf(out, size, "HISTORY (%s%s: up %s, came up %d time%s)",
		 days ? "last 7 days" : "since the start, ",
		 days ? "" : format_duration(r->span_ms / 1000, span),
		 format_duration(r->up_ms / 1000, up), r->came_up, r->came_up == 1 ? "" : "s");
}

// The newest first, as many as fit.
static void write_history(const struct ui *ui, const struct view *view,
			  const struct path_snapshot *path, int rows, struct page *page)
{
	char line[sizeof(page->lines[0].text)];
	struct record record;
	int n = 0;

	if (rows < 2)
		return;
	count_record(ui, view, path, &record);
	write_record(&record, line, sizeof(line));
	page_add(page, ATTR_HEADING, "%s", line);
	for (uint64_t seq = ui->log.last; log_event(ui, seq) && n < rows - 1; seq--) {
		const struct event *event = log_event(ui, seq);

		if (event->level > LOG_LEVEL_NOTICE || strcmp(event->object, path->name) != 0)
			continue;
		n++;
		write_event(event, line, sizeof(line));
		page_add(page, ATTR_NORMAL, "%s", line);
	}
}

// ---- drawing

void path_title(const struct ui *ui, const struct view *view, struct str *out)
{
	(void)ui;
	if (view->selected < 0)
		str_add(out, "path");
	else
		str_addf(out, "path %s (%d of %d)", view->s->paths[view->selected].name,
			 view->selected + 1, view->s->n_paths);
}

bool path_wish(struct ui *ui, int64_t now_ms, struct ui_wish *out)
{
	return past_wish(ui, now_ms, out) || log_wish(ui, now_ms, out);
}

static void draw_head(const struct view *view, const struct path_snapshot *path,
		      struct canvas *canvas, int row)
{
	char kind[NAME_SIZE], age[FORMAT_SIZE], since[32], rest[160];
	int col = 1 + canvas_text(canvas, row, 1, canvas->width - 1, ATTR_HEADING, path->name);

	col += canvas_textf(canvas, row, col, canvas->width - col, ATTR_NORMAL, "  %s  ",
			    facts_kind(path, kind));
	if (path->label[0])
		col += canvas_textf(canvas, row, col, canvas->width - col, ATTR_NORMAL, "\"%s\"  ",
				    path->label);
	col += canvas_text(canvas, row, col, canvas->width - col, facts_state_attr(path->state),
			   path_state_word(path->state));
	if (path->since_ms <= 0)
		return;
	snprintf(rest, sizeof(rest), " since %s (%s)%s%s",
		 format_since(view, path->since_ms, since), ago(view, path->since_ms, age),
		 !path->who[0]   ? ""
		 : path->enabled ? ", on by "
				 : ", off by ",
		 path->who);
	canvas_text_fit(canvas, row, col, canvas->width - col, ATTR_NORMAL, rest);
}

// Returns how many rows that takes.
static int draw_graphs(const struct view *view, struct canvas *canvas, int row, int rows)
{
	int rx = rows < LARGE_ROWS ? 4 : rows / 5, tx = rows < LARGE_ROWS ? 2 : rows / 10;
	const struct subject *of = &view->subject;
	char rx_text[FORMAT_SIZE], tx_text[FORMAT_SIZE];

	if (canvas->width + 1 < GRAPH_COLUMNS || rows < GRAPH_ROWS) {
		canvas_textf(canvas, row, 1, canvas->width - 1, ATTR_NORMAL, "RX %s  TX %s %s",
			     format_rate(of->rx_bps, view->unit, rx_text),
			     format_rate(of->tx_bps, view->unit, tx_text),
			     rate_unit_word(view->unit));
		return 1;
	}
	pane_graph_rx_draw(view, canvas, row, rx);
	pane_graph_tx_draw(view, canvas, row + rx, tx);
	pane_graph_axis_draw(view, canvas, row + rx + tx, 1);
	return rx + tx + 1;
}

void path_scroll(struct ui *ui, int lines)
{
	ui->path_first += lines;
}

void path_draw(struct ui *ui, const struct view *view, struct canvas *canvas, int row, int rows)
{
	const struct path_snapshot *path;
	struct page page = { 0 };
	int used, last;

	if (view->selected < 0) {
		canvas_text(canvas, row, 1, canvas->width - 1, ATTR_NORMAL,
			    "No path is configured.");
		return;
	}
	path = &view->s->paths[view->selected];
	draw_head(view, path, canvas, row);
	used = 1 + draw_graphs(view, canvas, row + 1, rows);
	write_facts(view, path, canvas->width - 1, &page);
	// where not all fits, what happened is for those who scroll
	write_history(ui, view, path, rows - used - page.n > 3 ? rows - used - page.n : 5, &page);
	last = page.n - (rows - used);
	if (ui->path_first > last)
		ui->path_first = last;
	if (ui->path_first < 0)
		ui->path_first = 0;
	for (int i = 0; i < rows - used && ui->path_first + i < page.n; i++)
		canvas_text_fit(canvas, row + used + i, 1, canvas->width - 1,
				page.lines[ui->path_first + i].attr,
				page.lines[ui->path_first + i].text);
	ui->path_page = rows - used;
}
