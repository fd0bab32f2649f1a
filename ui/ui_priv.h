// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef UI_UI_PRIV_H
#define UI_UI_PRIV_H

#include "model/command.h"
#include "model/conns.h"
#include "model/format.h"
#include "model/last_run.h"
#include "model/snapshot.h"
#include "model/status.h"
#include "ui/canvas.h"
#include "ui/interfaces.h"
#include "ui/keys.h"
#include "ui/ui.h"

#define UI_STALE_MS      3000  // without a snapshot, the numbers are unknown
#define UI_ABSENT_MS     6000  // without a gateway, the screen says so
#define UI_MESSAGE_MS    5000  // a message stays this long
#define UI_DIALOG_MS     30000 // a question that nobody answers is answered with No
#define UI_LEAST_COLUMNS 40    // below these, there is a status line only
#define UI_LEAST_ROWS    8
#define UI_TYPE_AHEAD_MS 300 // keys that cannot be meant for the question that just came up

// ---- the console without terminal and socket: news and keys go in, a canvas and wishes come out.
// The loop around it is console.c. Times named now_ms are monotonic.

struct ui;

struct ui *ui_new(const struct ui_options *options);
void ui_free(struct ui *ui);

// ---- news. All are copied.

// The gateway answers; `may_change` is whether it would take commands from us.
void ui_hello(struct ui *ui, bool may_change);
// Also the answer to a wish.
void ui_history(struct ui *ui, const struct history *history, int64_t now_ms);
void ui_snapshot(struct ui *ui, const struct snapshot *snapshot, int64_t now_ms);
void ui_log(struct ui *ui, const struct event_page *page);
void ui_conns(struct ui *ui, const struct conns *conns);
// Of an address that was wished for; empty: it has none.
void ui_name(struct ui *ui, const char *host, const char *name);
void ui_result(struct ui *ui, enum command_verb verb, const char *object,
	       const struct command_result *result, int64_t now_ms);
// Says something in the message line. For what no other call fits.
__attribute__((format(printf, 3, 4))) void ui_say(struct ui *ui, int64_t now_ms, const char *fmt,
						  ...);
// The gateway is gone, or could not be asked, and why. The last snapshot stays a while, marked as
// stale; then the screen says what to do.
void ui_absent(struct ui *ui, enum status status, const char *message, const char *hint);
// What the last gateway left behind.
void ui_last_run(struct ui *ui, const struct last_run *run);
// None has ever run here: what its paths could be.
void ui_first_run(struct ui *ui, const struct interfaces *interfaces);

// ---- a person

// How often the screen is drawn when nothing happens; `base_ms` is the terminal's.
int ui_refresh_ms(const struct ui *ui, int base_ms);
// What the key `w` writes: the screen's own text, or what the canvas shows.
void ui_save_text(const struct ui *ui, const struct canvas *canvas, struct str *out);

// What is to be done after a key. `command` belongs to the gateway.
struct ui_need {
	bool redraw;
	bool repaint; // send everything, whatever the terminal is believed to show
	bool suspend, quit;
	bool save;     // write what is on the screen to a file
	bool run_here; // leave, and run the gateway in this terminal
	bool send;
	struct command command;
};
struct ui_need ui_key(struct ui *ui, int key, int64_t now_ms);
// Needs nothing but to be drawn.
void ui_mouse(struct ui *ui, const struct ui_mouse_event *event, int64_t now_ms);

// What a screen would like to know that does not come by itself. The loop asks for it when there is
// a gateway to ask, once: a wish is told again only after its answer, or a new connection.
// WISH_NAME is for the name service, and needs no gateway.
enum ui_wish_kind { WISH_LOG, WISH_HISTORY, WISH_CONNS, WISH_NAME };
struct ui_wish {
	enum ui_wish_kind kind;
	struct event_filter log;
	char path[NAME_SIZE]; // of the history; empty: all
	enum trend_scale scale;
	char host[ADDR_STRLEN]; // the address whose name is wanted
};
bool ui_wish(struct ui *ui, int64_t now_ms, struct ui_wish *out);

// A command to run beside the console, whose output a screen shows.
enum ui_task { UI_TASK_NONE, UI_TASK_DOCTOR, UI_TASK_CHECK, UI_TASK_START, UI_TASKS };
// Which one is to be started now, in place of one that runs. Told once.
enum ui_task ui_task(struct ui *ui);
const char *task_command(enum ui_task task); // as a person would type it
void ui_task_text(struct ui *ui, const char *text, size_t len);
void ui_task_end(struct ui *ui, int status, int64_t now_ms);

// Draws all. The canvas has the terminal's height and one column less than it. `wall_ms` is for the
// clock.
void ui_draw(struct ui *ui, struct canvas *canvas, int64_t now_ms, int64_t wall_ms);

// One line about the gateway, without a line end, for the shell that comes back.
void ui_summary(const struct ui *ui, int64_t now_ms, struct str *out);

// ---- its state

// What keys mean depends on what is in front: a screen, or what covers it.
enum ui_mode {
	UI_OVERVIEW = 1 << 0,
	UI_PATH = 1 << 1,
	UI_CONNS = 1 << 2,
	UI_LOG = 1 << 3,
	UI_DOCTOR = 1 << 4,
	UI_ABSENT = 1 << 5,
	UI_HELP = 1 << 6,
	UI_DIALOG = 1 << 7,
	UI_PROMPT = 1 << 8, // a line is being typed
};

// In the order of Tab.
enum ui_screen { SCREEN_OVERVIEW, SCREEN_PATH, SCREEN_CONNS, SCREEN_LOG, SCREEN_DOCTOR, SCREENS };

struct dialog {
	bool open;
	enum command_verb verb;
	char path[NAME_SIZE];
	bool by_name;          // "y" is not enough; never taken back while the dialog is open
	char typed[NAME_SIZE]; // the name as typed so far
	int64_t opened_ms;
	int64_t touched_ms; // when the last key came
};

// A line that a person types: a search, a filter.
#define PROMPT_SIZE 64
struct prompt {
	bool open;
	const char *label; // "Search"
	char text[PROMPT_SIZE];
	void (*done)(struct ui *ui, const char *text, int64_t now_ms); // not called after Esc
};

// The gateway's log, as far as it was read, and how it is looked at (pane_log.c).
struct log_view {
	struct event ring[EVENT_LOG_SIZE]; // by seq
	uint64_t first, last;              // seqs that it holds; last 0: none
	uint64_t next;                     // to ask for
	int pid;                           // of the gateway that it is from
	bool asked;

	enum log_level level;
	char object[NAME_SIZE]; // only this one's events; empty: all
	uint64_t cursor,
		top; // seqs of the marked line and the highest on the screen; cursor 0: follow
	int shift;   // columns that the texts are moved to the left
	bool whole;  // the marked line is shown in full
	char search[PROMPT_SIZE];
	int page;      // lines on the screen
	uint64_t ends; // newer ones are not shown: the display is paused
};

// Names of addresses, each asked for once (names.c).
#define NAMES_MAX   256
#define NAMES_ASKED 8 // at a time
struct names {
	bool wanted;
	int n, asked;
	struct named {
		char host[ADDR_STRLEN];
		char name[64]; // empty: not known
		bool done;
	} list[NAMES_MAX];
};

// The connections as last told, and how they are looked at (pane_conns.c).
struct conns_view {
	struct conns conns;
	bool have;
	bool asked;
	int64_t asked_at_ms; // 0: ask at once

	uint64_t selected; // id
	int row;           // where it was, for when it is gone
	int first, page;   // of the table, as drawn last
	enum conn_column column;
	bool inverted;
	bool frozen; // the order is that of `order`
	uint64_t order[CONNS_MAX];
	int n_order;
	char filter_text[PROMPT_SIZE];
	struct conn_filter filter;
	bool unproxied; // there was something of the LAN that is none of these
	bool whole;     // why the marked one is plain TCP is shown in full
};

// A past that does not come by itself: of one path, or at a longer scale (past.c).
struct past {
	struct history history;
	bool asked, known;
	int64_t at_ms; // when it came
};

#define REPORT_MAX 65536
struct report {
	enum ui_task task, wanted;
	struct str text;
	bool running;
	int status;
	int64_t began_ms, took_ms;
	int first, page; // lines
};

struct ui {
	struct ui_options options;

	bool connected, may_change;
	enum status absent_status;
	char absent_message[200], absent_hint[200];
	struct last_run last_run;     // started_ms 0: not known
	struct interfaces interfaces; // then; n 0: not known either

	struct snapshot live; // the newest
	bool have_live;
	int64_t live_at_ms;
	struct history history; // the last minutes of all paths
	struct past past;
	enum trend_scale scale;
	bool events_short; // the overview has room for more events than a snapshot holds

	struct snapshot shown; // what the last ui_draw() drew
	struct snapshot frozen;
	bool paused;
	int64_t paused_at_ms;

	enum rate_choice units;
	bool same_scale;
	char selected[NAME_SIZE]; // a path's name
	int selected_row;         // where it was, for when it is gone
	int first_row, page_rows; // of the table, as drawn last
	int columns, rows;        // of the terminal, as drawn last
	int list_row, list_rows;  // where rows can be picked, as drawn last

	enum ui_screen screen;
	int path_first, path_page; // lines of a path's facts: the first shown, how many are
	struct log_view log;
	struct conns_view conns;
	struct names names;
	bool mask; // addresses of clients and targets are hidden
	struct report report;
	struct prompt prompt;
	struct dialog dialog;
	int refresh_s; // 0: as the terminal is
	bool help_open;
	int help_first, help_rows, help_length; // lines: first shown, shown, all

	char message[320];
	int64_t message_until_ms;
};

// ---- what panes draw from

// Which columns and words fit, by the terminal's width: 40, 60, 80, 120.
enum ui_form {
	FORM_TINY = 1 << 0,
	FORM_NARROW = 1 << 1,
	FORM_NORMAL = 1 << 2,
	FORM_WIDE = 1 << 3,
};

// What the graphs are of: all paths, or one.
struct subject {
	const struct history *history; // at this scale
	enum trend_scale scale;
	int64_t rx_bps, tx_bps;
	int64_t today_rx_bytes, today_tx_bytes, month_rx_bytes, month_tx_bytes; // or negative
};

struct view {
	const struct ui *ui;           // for the events that were read from the log
	const struct snapshot *s;      // what was not heard of lately is unknown in it
	const struct history *history; // the last minutes of all paths
	struct subject subject;
	enum ui_form form;
	bool stale;          // the numbers are old
	int64_t silent_s;    // for how long, when stale
	int64_t paused_s;    // SNAPSHOT_NONE: not paused
	int64_t time_ms;     // the gateway's wall clock now
	int64_t wall_ms;     // ours; SNAPSHOT_NONE: no clock is wanted
	enum rate_unit unit; // of every rate on the screen
	bool graphs;         // the screen has room for them
	bool same_scale, read_only;
	bool accessible;
	enum ui_mode mode;
	enum ui_mode screen; // the screen's own, whatever covers it
	const char *absent;  // there is no gateway: the words for it; else NULL
	int64_t now_ms;
	const char *trail;       // what the status line says of the screen; NULL on the overview
	const char *message;     // NULL: none
	int selected, first;     // rows of the table; selected -1: none
	int percents[PATHS_MAX]; // shares
};

// Each draws `rows` rows from `row` on, the whole width.
void pane_status_draw(const struct view *view, struct canvas *canvas, int row, int rows);
void pane_rates_draw(const struct view *view, struct canvas *canvas, int row, int rows);
void pane_graph_rx_draw(const struct view *view, struct canvas *canvas, int row, int rows);
void pane_graph_tx_draw(const struct view *view, struct canvas *canvas, int row, int rows);
void pane_graph_axis_draw(const struct view *view, struct canvas *canvas, int row, int rows);
void pane_paths_draw(const struct view *view, struct canvas *canvas, int row, int rows);
void pane_exit_draw(const struct view *view, struct canvas *canvas, int row, int rows);
void pane_gateway_draw(const struct view *view, struct canvas *canvas, int row, int rows);
void pane_events_draw(const struct view *view, struct canvas *canvas, int row, int rows);
void pane_alarm_draw(const struct view *view, struct canvas *canvas, int row, int rows);
void pane_keys_draw(const struct view *view, struct canvas *canvas, int row, int rows);

// How many rows its heading takes.
int pane_paths_header(enum ui_form form);
// How many rows of a table of `rows` rows are for paths, and how many rows it wants. With `total`,
// the last row sums up.
int pane_paths_body(enum ui_form form, bool total, int n_paths, int rows);
int pane_paths_wish(enum ui_form form, bool total, int n_paths);

// ---- screens. The overview is laid out by layout.c; each other one has the status line above it,
// and the alarm and the key bar below.

struct press;

struct screen {
	const char *name; // "log"
	enum ui_mode mode;
	// Each may be NULL.
	void (*enter)(struct ui *ui, int64_t now_ms);
	// What the status line says after ">".
	void (*title)(const struct ui *ui, const struct view *view, struct str *out);
	// Draws `rows` rows from `row` on; never called for the overview.
	void (*draw)(struct ui *ui, const struct view *view, struct canvas *canvas, int row,
		     int rows);
	void (*move)(struct ui *ui, int rows);   // by so many rows, often more than there are
	int (*page)(const struct ui *ui);        // how many rows are shown
	void (*open)(const struct press *press); // Enter
	void (*pick)(struct ui *ui, int row); // selects the row-th of those that are shown, from 0
	// What it wants to know now. False: nothing.
	bool (*wish)(struct ui *ui, int64_t now_ms, struct ui_wish *out);
	void (*save)(const struct ui *ui, struct str *out); // all that it could show
	bool (*back)(struct ui *ui); // Esc: closes or clears something of its own, if there is any
};

// The event of this number, or NULL when it was not read or is too old.
const struct event *log_event(const struct ui *ui, uint64_t seq);

const struct screen *ui_screen(const struct ui *ui);
void ui_show(struct ui *ui, enum ui_screen screen, int64_t now_ms);
// The screen of this name, or SCREENS.
enum ui_screen screen_from_name(const char *name);

bool past_wish(struct ui *ui, int64_t now_ms, struct ui_wish *out);
void past_take(struct ui *ui, const struct history *history, int64_t now_ms);
// Goes on with the newest rates, where that is what the past is of.
void past_add(struct ui *ui, const struct snapshot *s);
// What the graphs show now; `path` NULL: all.
void past_subject(const struct ui *ui, const struct snapshot *s, const struct path_snapshot *path,
		  struct subject *out);

bool path_wish(struct ui *ui, int64_t now_ms, struct ui_wish *out);
void path_scroll(struct ui *ui, int lines);
void path_title(const struct ui *ui, const struct view *view, struct str *out);
void path_draw(struct ui *ui, const struct view *view, struct canvas *canvas, int row, int rows);

// Wishes for the name of the first endpoint ("192.0.2.1:443") of the connections that has none yet.
bool names_wish(struct ui *ui, struct ui_wish *out);
// The endpoint with its name in the address's place, or as it is.
const char *names_put(const struct ui *ui, const char *endpoint, char out[static CONN_TARGET_SIZE]);

void conns_enter(struct ui *ui, int64_t now_ms);
bool conns_wish(struct ui *ui, int64_t now_ms, struct ui_wish *out);
void conns_move(struct ui *ui, int rows);
int conns_page(const struct ui *ui);
void conns_pick(struct ui *ui, int row);
void conns_open(const struct press *press);
bool conns_back(struct ui *ui);
void conns_next_column(const struct press *press);
void conns_previous_column(const struct press *press);
void conns_invert(const struct press *press);
void conns_freeze(const struct press *press);
void conns_ask_filter(const struct press *press);
void conns_names(const struct press *press);
void conns_title(const struct ui *ui, const struct view *view, struct str *out);
void conns_draw(struct ui *ui, const struct view *view, struct canvas *canvas, int row, int rows);

void log_enter(struct ui *ui, int64_t now_ms);
bool log_wish(struct ui *ui, int64_t now_ms, struct ui_wish *out);
void log_move(struct ui *ui, int rows);
int log_page(const struct ui *ui);
void log_pick(struct ui *ui, int row);
void log_open(const struct press *press);
bool log_back(struct ui *ui);
void log_next_level(const struct press *press);
void log_only_object(const struct press *press);
void log_ask_search(const struct press *press);
void log_search_older(const struct press *press);
void log_search_newer(const struct press *press);
void log_shift(struct ui *ui, int columns);
void log_save(const struct ui *ui, struct str *out);
void log_title(const struct ui *ui, const struct view *view, struct str *out);
void log_draw(struct ui *ui, const struct view *view, struct canvas *canvas, int row, int rows);

void report_begin(struct ui *ui, enum ui_task task, int64_t now_ms);
void report_enter(struct ui *ui, int64_t now_ms);
void report_move(struct ui *ui, int rows);
int report_page(const struct ui *ui);
void report_title(const struct ui *ui, const struct view *view, struct str *out);
void report_draw(struct ui *ui, const struct view *view, struct canvas *canvas, int row, int rows);

// ---- a line to type, in the place of the key bar

void prompt_open(struct ui *ui, const char *label, const char *text,
		 void (*done)(struct ui *ui, const char *text, int64_t now_ms));
void prompt_key(const struct press *press);
void prompt_draw(const struct ui *ui, struct canvas *canvas);

void mask_canvas(struct canvas *canvas);

// ---- where panes stand

enum pane {
	PANE_STATUS,
	PANE_RATES, // stands in for the graphs where these do not fit
	PANE_RX,
	PANE_TX,
	PANE_AXIS,
	PANE_PATHS,
	PANE_EXIT,
	PANE_GATEWAY,
	PANE_EVENTS,
	PANE_ALARM,
	PANE_KEYS,
	PANES
};

struct layout {
	int row[PANES], rows[PANES]; // rows 0: not shown
	int spare;                   // rows that nobody wanted
	bool graphs;
};

struct layout_wish {
	int columns, rows; // of the terminal
	int n_paths, n_events;
	bool alarm;      // there is an alarm or a message to show
	bool accessible; // no graphs
};

enum ui_form layout_form(int columns);
void layout_make(const struct layout_wish *wish, struct layout *out);

// ---- what panes conclude from a snapshot

enum attr facts_state_attr(enum path_state state);
// Is in use now.
bool facts_carries(const struct path_snapshot *path);
// Should be in use now: neither off nor standing by.
bool facts_is_wanted(const struct path_snapshot *path);
// Deserves the mark "!".
bool facts_is_alerting(const struct path_snapshot *path);
struct facts_count {
	int up, wanted, standby;
};
struct facts_count facts_count_paths(const struct snapshot *s);
// Returns -1 when there is none.
int facts_find_path(const struct snapshot *s, const char *name);
// A path that has the bell died after the snapshot `was`.
bool facts_has_died(const struct snapshot *was, const struct snapshot *now);
// The kind in capitals: "ADSL".
const char *facts_kind(const struct path_snapshot *path, char out[static NAME_SIZE]);
// Short, for a person: "3G" says more than "wwan0", as long as there is one only.
const char *facts_word(const struct snapshot *s, const struct path_snapshot *path,
		       char out[static NAME_SIZE]);
// What COMMAND_REDIAL does to it, which has a dialler or not.
const char *facts_redial_word(const struct path_snapshot *path);
// The i-th newest event, from the snapshot or, when that holds no more, from what was read of the
// log.
const struct event *facts_event(const struct ui *ui, const struct snapshot *s, int i);
// There is something for the line of alarms.
bool facts_has_alarm(const struct snapshot *s);
// The oldest alarm that nobody acknowledged, or NULL.
const struct alarm *facts_first_alarm(const struct snapshot *s);

// ---- keys

// In the order of the help page.
enum key_group { GROUP_MOVE, GROUP_SCREENS, GROUP_OTHER, GROUP_LOOK, GROUP_CHANGE, GROUPS };

#define KEYS_PER_BINDING 4

// One press of a key.
struct press {
	struct ui *ui;
	int key;
	int64_t now_ms;
	struct ui_need *need;
};

struct binding {
	int keys[KEYS_PER_BINDING]; // 0: no more
	unsigned modes;             // enum ui_mode
	enum key_group group;
	void (*act)(const struct press *press);
	const char *help; // NULL: told in the line of the binding before it
	const char *bar;  // its word in the key bar; NULL: not there
	int rank;         // the highest leaves the key bar first
};

const struct binding *bindings_list(size_t *n);
// What it is called in console.conf; empty: it is not there.
const char *bindings_action(const struct binding *b);
// The first key of an action, by its name, which no text may have in words: a person may have bound
// it anew. NULL: it is not for this mode.
const char *bindings_key_of(const char *name, enum ui_mode mode, char out[static KEY_NAME_SIZE]);
// "Enter or Esc closes": what was opened in a box.
#define CLOSING_SIZE (2 * KEY_NAME_SIZE + 16)
const char *bindings_closing(enum ui_mode mode, char out[static CLOSING_SIZE]);
// NULL: the key means nothing in this mode.
const struct binding *bindings_find(const struct snapshot *s, int key, enum ui_mode mode);
// Whether it acts on the gateway, and so is not for read-only consoles.
bool bindings_change(const struct binding *b);
// Whether a path's own key can be used: it must not be one of the console's.
bool bindings_allow_hotkey(char hotkey);

// ---- what actions use

enum ui_mode ui_mode(const struct ui *ui, int64_t now_ms);
bool ui_is_read_only(const struct ui *ui);
// Moves the selection, as far as there are paths.
void ui_select(struct ui *ui, int row);
// The selected path as of now, or NULL.
const struct path_snapshot *ui_selected(const struct ui *ui);

// ---- dialogs and help

// Opens the question whether to do `verb` to the path.
void dialog_open(struct ui *ui, enum command_verb verb, const char *path, int64_t now_ms);
void dialog_key(const struct press *press);
// Closes a dialog whose time is over, whose path is gone, or that fits no more.
void dialog_check(struct ui *ui, int64_t now_ms);
void dialog_draw(const struct ui *ui, struct canvas *canvas, int64_t now_ms);

void help_scroll(struct ui *ui, int lines);
void help_draw(struct ui *ui, struct canvas *canvas);

void absent_draw(const struct ui *ui, struct canvas *canvas, int64_t wall_ms);
// "NO GATEWAY RUNNING"
const char *absent_title(const struct ui *ui);

// ---- boxes

// A text of some lines.
#define PAGE_LINES 48
struct page {
	int n;
	struct page_line {
		char text[200];
		enum attr attr;
	} lines[PAGE_LINES];
};

__attribute__((format(printf, 3, 4))) void page_add(struct page *page, enum attr attr,
						    const char *fmt, ...);
// Breaks `text` at blanks into lines of at most `width` columns; all but the first are indented.
void page_wrap(struct page *page, enum attr attr, int width, int indent, const char *text);
// Drops blank lines, then lines above the last one, until `rows` are left.
void page_squeeze(struct page *page, int rows);

// How many lines a box on this canvas can hold.
int box_capacity(const struct canvas *canvas);
// Draws the lines from `first` on in a frame in the middle, `width` columns wide inside. Returns
// the place of the first line.
struct box {
	int row, col, rows;
};
struct box box_draw(struct canvas *canvas, const char *title, const char *footer,
		    const struct page *page, int first, int width);

#endif
