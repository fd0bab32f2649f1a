// SPDX-License-Identifier: GPL-2.0-or-later
//
// The screen of what a command printed: the doctor's report, the check of the configuration, the
// start of the service. The command runs beside the console, which goes on.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ui/ui_priv.h"

static const struct {
	const char *title, *command;
} tasks[UI_TASKS] = {
	[UI_TASK_DOCTOR] = { "doctor", "mpgate doctor" },
	[UI_TASK_CHECK] = { "check of the configuration", "mpgate check" },
	[UI_TASK_START] = { "start of the service", "systemctl start mpgate" },
};

const char *task_command(enum ui_task task)
{
	return tasks[task].command;
}

// ---- the command

void report_begin(struct ui *ui, enum ui_task task, int64_t now_ms)
{
	struct report *report = &ui->report;

	if (report->running && report->task == task)
		return;
	str_clear(&report->text);
	report->task = report->wanted = task;
	report->running = true;
	report->first = 0;
	report->began_ms = now_ms;
}

void report_enter(struct ui *ui, int64_t now_ms)
{
	report_begin(ui, UI_TASK_DOCTOR, now_ms);
}

enum ui_task ui_task(struct ui *ui)
{
	enum ui_task task = ui->report.wanted;

	ui->report.wanted = UI_TASK_NONE;
	return task;
}

void ui_task_text(struct ui *ui, const char *text, size_t len)
{
	if (ui->report.text.len < REPORT_MAX)
		str_addf(&ui->report.text, "%.*s", (int)len, text);
}

void ui_task_end(struct ui *ui, int status, int64_t now_ms)
{
	struct report *report = &ui->report;

	report->running = false;
	report->status = status;
	report->took_ms = now_ms - report->began_ms;
}

// ---- lines

#define INDENT 10 // of what goes on in the next line

// A piece of the text that fits into a line.
struct piece {
	const char *text;
	int len, indent;
	bool first; // of its line
};

// The piece at *at, which is moved on. False: there is none.
static bool next_piece(const char **at, bool *inside, int width, struct piece *out)
{
	int indent = *inside ? INDENT : 0;
	int len = (int)strcspn(*at, "\n"), room = width - indent;

	if (!**at)
		return false;
	*out = (struct piece){ .text = *at, .len = len, .indent = indent, .first = !*inside };
	if (len > room) {
		int cut = room;

		while (cut > 0 && (*at)[cut] != ' ')
			cut--;
		out->len = cut > INDENT ? cut : room;
		*at += out->len + strspn(*at + out->len, " ");
		*inside = true;
		return true;
	}
	*at += len + ((*at)[len] == '\n');
	*inside = false;
	return true;
}

static enum attr attr_of(const char *text)
{
	static const struct {
		const char *word;
		enum attr attr;
	} words[] = {
		{ "  ok ", ATTR_GOOD },
		{ "  FAIL ", ATTR_FAILED },
		{ "  warn ", ATTR_BAD },
		{ "  skip ", ATTR_IDLE },
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strncmp(text, words[i].word, strlen(words[i].word)) == 0)
			return words[i].attr;
	}
	return text[0] != ' ' ? ATTR_HEADING : ATTR_NORMAL;
}

// The word alone is marked; a heading is one as a whole.
static void draw_piece(struct canvas *canvas, int row, const struct piece *piece)
{
	enum attr attr = piece->first ? attr_of(piece->text) : ATTR_NORMAL;
	int marked = attr == ATTR_NORMAL    ? 0
		     : attr == ATTR_HEADING ? piece->len
					    : 2 + (int)strcspn(piece->text + 2, " ");
	int col = 1 + piece->indent;
	char text[256];

	if (marked > piece->len)
		marked = piece->len;
	if (marked > 2 && attr != ATTR_HEADING) { // the blanks before the word stay as they are
		snprintf(text, sizeof(text), "%.*s", marked - 2, piece->text + 2);
		canvas_text(canvas, row, col + 2, canvas->width - col, attr, text);
	} else if (marked) {
		snprintf(text, sizeof(text), "%.*s", marked, piece->text);
		canvas_text(canvas, row, col, canvas->width - col, attr, text);
	}
	snprintf(text, sizeof(text), "%.*s", piece->len - marked, piece->text + marked);
	canvas_text(canvas, row, col + marked, canvas->width - col - marked, ATTR_NORMAL, text);
}

// ---- the screen

void report_move(struct ui *ui, int rows)
{
	ui->report.first += rows;
}

int report_page(const struct ui *ui)
{
	return ui->report.page;
}

void report_title(const struct ui *ui, const struct view *view, struct str *out)
{
	(void)view;
	str_add(out, tasks[ui->report.task].title);
}

static int count_lines(const char *text, const char *begin)
{
	int n = 0;

	for (; text; text = strchr(text, '\n')) {
		text += *text == '\n';
		n += strncmp(text, begin, strlen(begin)) == 0;
	}
	return n;
}

// What is wrong may stand in lines that are not on the screen.
static void write_findings(const struct report *report, char out[static 48])
{
	const char *text = str_text(&report->text);
	int failed = count_lines(text, "  FAIL "), warned = count_lines(text, "  warn ");

	if (failed || warned)
		snprintf(out, 48, ": %d FAIL, %d warn", failed, warned);
	else
		snprintf(out, 48, report->status ? ", and failed" : ", no fault found");
}

static void draw_footer(const struct ui *ui, struct canvas *canvas, int row, int64_t now_ms,
			int total)
{
	char findings[48], took[24] = "", head[160], lines[64], keys[48], down[KEY_NAME_SIZE],
			   up[KEY_NAME_SIZE];
	const struct report *report = &ui->report;
	const char *command = tasks[report->task].command;
	int last = report->first + report->page < total ? report->first + report->page : total;

	if (report->running) {
		canvas_textf(canvas, row, 1, canvas->width - 1, ATTR_BUSY, "'%s' runs, %d s",
			     command, (int)((now_ms - report->began_ms) / 1000));
	} else if (total > report->page) {
		write_findings(report, findings);
		if (layout_form(canvas->width + 1) & (FORM_NORMAL | FORM_WIDE))
			snprintf(took, sizeof(took), " took %.1f s",
				 (double)report->took_ms / 1000);
		snprintf(head, sizeof(head), "'%s'%s%s.", command, took, findings);
		snprintf(lines, sizeof(lines), "  Lines %d-%d of %d", report->first + 1, last,
			 total);
		snprintf(keys, sizeof(keys), ", %s %s scroll",
			 bindings_key_of("down", UI_DOCTOR, down),
			 bindings_key_of("up", UI_DOCTOR, up));
		canvas_text_parts(canvas, row, 1, canvas->width - 1,
				  report->status ? ATTR_BAD : ATTR_NORMAL,
				  (const char *const[]){ head, lines, keys, NULL });
	} else {
		canvas_textf(canvas, row, 1, canvas->width - 1, ATTR_NORMAL,
			     "'%s' took %.1f s and ended with status %d", command,
			     (double)report->took_ms / 1000, report->status);
	}
}

void report_draw(struct ui *ui, const struct view *view, struct canvas *canvas, int row, int rows)
{
	struct report *report = &ui->report;
	const char *at = str_text(&report->text);
	struct piece piece;
	bool inside = false;
	int total = 0;

	report->page = rows - 1;
	while (next_piece(&at, &inside, canvas->width - 1, &piece))
		total++;
	if (report->first > total - report->page)
		report->first = total - report->page;
	if (report->first < 0)
		report->first = 0;
	at = str_text(&report->text);
	inside = false;
	for (int i = 0; next_piece(&at, &inside, canvas->width - 1, &piece); i++) {
		if (i >= report->first && i < report->first + report->page)
			draw_piece(canvas, row + i - report->first, &piece);
	}
	if (!report->running && !total)
		canvas_text(canvas, row, 1, canvas->width - 1, ATTR_NORMAL,
			    report->status ? "It printed nothing." : "Done; it printed nothing.");
	draw_footer(ui, canvas, row + rows - 1, view->now_ms, total);
}
