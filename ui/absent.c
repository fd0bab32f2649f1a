// SPDX-License-Identifier: GPL-2.0-or-later
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "ui/ui_priv.h"

const char *absent_title(const struct ui *ui)
{
	switch (ui->absent_status) {
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

static bool offers_start(const struct ui *ui)
{
	return ui->absent_status == STATUS_NOT_RUNNING && !ui->options.read_only;
}

static void add_offer(struct page *page, const char *action, const char *words, const char *command)
{
	char name[KEY_NAME_SIZE], key[KEY_NAME_SIZE + 2];

	snprintf(key, sizeof(key), "[%s]", bindings_key_of(action, UI_ABSENT, name));
	page_add(page, ATTR_NORMAL, "%-3s %-27s%s", key, words, command);
}

static void write_offers(const struct ui *ui, struct page *page)
{
	if (offers_start(ui)) {
		add_offer(page, "start", "Start the service now", "systemctl start mpgate");
		add_offer(page, "run-here", "Run it in this terminal", "mpgate gateway");
	}
	add_offer(page, "check", "Check the configuration", "mpgate check");
	add_offer(page, "doctor", "Doctor: what is missing", "mpgate doctor");
	add_offer(page, "quit", "Quit", "");
	page_add(page, ATTR_NORMAL, "%s", "");
}

static const char *format_day(int64_t time_ms, char out[static 32])
{
	time_t then = (time_t)(time_ms / 1000);
	struct tm tm;

	out[0] = '\0';
	if (localtime_r(&then, &tm))
		strftime(out, 32, "%d %b %H:%M:%S", &tm);
	return out;
}

// When it last ran, and its last words.
static void write_last_run(const struct last_run *run, struct page *page)
{
	char when[32], up[FORMAT_SIZE];

	if (!run->started_ms)
		return;
	page_add(page, ATTR_NORMAL, "%s", "");
	if (run->stopped_ms)
		page_add(page, ATTR_NORMAL, "Last run: stopped %s, after %s.",
			 format_day(run->stopped_ms, when),
			 format_duration((run->stopped_ms - run->started_ms) / 1000, up));
	else
		page_add(page, ATTR_BAD,
			 "Last run: started %s, and did not come to stop: 'journalctl -u mpgate'.",
			 format_day(run->started_ms, when));
	page_add(page, ATTR_NORMAL, "%s", "Its last words:");
	for (int i = 0; i < run->n; i++)
		page_add(page, ATTR_NORMAL, "  %s %c %-5s %-8s %s",
			 format_day(run->events[i].time_ms, when),
			 event_is_alert(&run->events[i]) ? '!' : ' ', run->events[i].object,
			 run->events[i].verb, run->events[i].text);
}

// What could be written into the file. Which one the LAN is on, only a person knows; most likely it
// has no way out.
static void write_first_run(const struct interfaces *all, struct page *page)
{
	const struct interface *first = NULL;

	if (!all->n)
		return;
	page_add(page, ATTR_NORMAL, "%s", "");
	page_add(page, ATTR_NORMAL, "%s",
		 "None has run here yet. These interfaces could be its paths:");
	page_add(page, ATTR_HEADING, "  %-10s %-20s %-16s %s", "IFACE", "ADDRESS", "GATEWAY", "");
	for (int i = 0; i < all->n; i++) {
		const struct interface *it = &all->list[i];

		page_add(page, ATTR_NORMAL, "  %-10s %-20s %-16s %s", it->name,
			 it->address[0] ? it->address : "-", it->gateway[0] ? it->gateway : "-",
			 !it->up          ? "down"
			 : it->gateway[0] ? ""
					  : "no default route: the LAN?");
		if (!first && it->gateway[0])
			first = it;
	}
	if (!first)
		first = &all->list[0];
	page_add(page, ATTR_NORMAL, "%s", "");
	page_add(page, ATTR_NORMAL,
		 "Put lan and exit into /etc/mpgate/mpgate.conf, and for each path:");
	page_add(page, ATTR_NORMAL, "  mpgate path add %s --kind %s", first->name,
		 interface_kind(first->name));
}

static void write_page(const struct ui *ui, int width, bool roomy, struct page *page)
{
	add_sentence(page, width, ui->absent_message);
	// the keys say the same, where they can be pressed
	if (ui->absent_hint[0] && !(roomy && offers_start(ui)))
		add_sentence(page, width, ui->absent_hint);
	if (!roomy)
		return;
	write_offers(ui, page);
	page_add(page, ATTR_NORMAL, "%s",
		 "This screen changes by itself when the gateway answers.");
	if (ui->absent_status == STATUS_NOT_RUNNING)
		write_last_run(&ui->last_run, page);
	if (ui->absent_status == STATUS_NOT_RUNNING && !ui->last_run.started_ms)
		write_first_run(&ui->interfaces, page);
}

// The screen while there is no gateway to show.
void absent_draw(const struct ui *ui, struct canvas *canvas, int64_t wall_ms)
{
	const struct view view = { .s = &ui->live,
				   .mode = UI_ABSENT,
				   .read_only = !offers_start(ui) };
	bool roomy = canvas->height >= 12;
	char clock[FORMAT_SIZE];
	struct page page = { 0 };
	int col, top = roomy ? 2 : 1;

	canvas_fill(canvas, 0, 0, canvas->width, ' ', ATTR_STATUS);
	if (wall_ms != SNAPSHOT_NONE && canvas->width >= 50)
		canvas_text(canvas, 0, canvas->width - 8, 8, ATTR_STATUS,
			    format_clock(wall_ms, clock));
	col = 1 + canvas_text(canvas, 0, 1, canvas->width - 1, ATTR_STATUS, "mpgate") + 2;
	canvas_text_fit(canvas, 0, col, canvas->width - col, ATTR_STATUS_ALERT, absent_title(ui));
	write_page(ui, canvas->width < 30 ? 27 : canvas->width - 3, roomy, &page);
	for (int i = 0; i < page.n && top + i < canvas->height - 1; i++)
		canvas_text_fit(canvas, top + i, 2, canvas->width - 2, page.lines[i].attr,
				page.lines[i].text);
	if (canvas->height > 1)
		pane_keys_draw(&view, canvas, canvas->height - 1, 1);
}
