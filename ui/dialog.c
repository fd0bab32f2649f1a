// SPDX-License-Identifier: GPL-2.0-or-later
//
// The questions that the console asks before it changes the gateway. Only "y" means yes, or one of
// the letters that are offered beside it; where the last working path would be cut, only its name,
// typed in full. The text is made anew from the newest snapshot at each drawing, because the screen
// goes on behind it.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "ui/ui_priv.h"

#define DIALOG_WIDTH 62

// ---- what would happen

static bool is_one_of(const char *word, const char *const *words)
{
	for (; *words; words++) {
		if (strcasecmp(word, *words) == 0)
			return true;
	}
	return false;
}

static bool is_metered(const struct path_snapshot *path)
{
	return is_one_of(path->kind, (const char *const[]){ "3g", "lte", NULL });
}

static bool is_only_one(const struct snapshot *s, const struct path_snapshot *path)
{
	return facts_carries(path) && facts_count_paths(s).up == 1;
}

static bool cuts_all(const struct snapshot *s, const struct path_snapshot *path,
		     enum command_verb verb)
{
	return (verb == COMMAND_DISABLE || verb == COMMAND_REDIAL) && is_only_one(s, path);
}

static void name_others(const struct snapshot *s, const struct path_snapshot *path, struct str *out)
{
	const char *comma = "";

	for (int i = 0; i < s->n_paths; i++) {
		if (&s->paths[i] == path || !facts_carries(&s->paths[i]))
			continue;
		str_addf(out, "%s%s", comma, s->paths[i].name);
		comma = ", ";
	}
}

static void tell_move(const struct snapshot *s, const struct path_snapshot *path, struct str *out)
{
	const char *plural = path->subflows == 1 ? "" : "s";

	if (path->subflows > 0) {
		str_addf(out, "%d subflow%s move%s to ", path->subflows, plural,
			 path->subflows == 1 ? "s" : "");
		name_others(s, path, out);
	} else {
		str_add(out, "It has no subflows now");
	}
	// a plain TCP connection cannot change its path, and which one it is on is not known here
	if (s->connections_tcp > 0)
		str_addf(out, "; %d plain TCP connection%s may be cut.", s->connections_tcp,
			 s->connections_tcp == 1 ? "" : "s");
	else
		str_add(out, "; no connection is cut.");
}

static void tell_cut(const struct snapshot *s, const struct path_snapshot *path,
		     enum command_verb verb, struct str *out)
{
	char key[KEY_NAME_SIZE];

	str_addf(out, "%s is the only path that works. ", path->name);
	str_addf(out, "%s ", verb == COMMAND_DISABLE ? "Disabling it" : "Taking it down");
	if (s->connections > 0)
		str_addf(out, "cuts all %d connections, and ", s->connections);
	str_add(out, "takes the LAN offline");
	if (verb == COMMAND_DISABLE)
		str_addf(out, ". It comes back by itself after 5 min unless you press %s (keep).",
			 bindings_key_of("keep", UI_OVERVIEW, key));
	else
		str_add(out, " until it is back.");
}

static void tell_effect(const struct snapshot *s, const struct path_snapshot *path,
			enum command_verb verb, struct str *out)
{
	const char *state = path_state_word(path->state);

	if (verb == COMMAND_CONFIRM)
		str_add(out, "It stays off until somebody enables it, and does not come back by "
			     "itself.");
	else if (verb == COMMAND_BACKUP)
		str_add(out,
			"It carries only while no other path is up. Open connections follow at "
			"once, and none is cut.");
	else if (verb == COMMAND_NO_BACKUP)
		str_addf(out, "It is used by its tier again, which is %s. No connection is cut.",
			 path_tier_word(path->tier));
	else if (verb == COMMAND_ENABLE && facts_is_wanted(path))
		str_addf(out, "It is enabled already, and %s now.", state);
	else if (verb == COMMAND_ENABLE)
		str_addf(out, "Running and new connections get subflows over it.%s",
			 is_metered(path) ? " Mobile data is used while it is on." : "");
	else if (!facts_is_wanted(path))
		str_addf(out, "It is not in use: %s.", state);
	else if (!facts_carries(path))
		str_addf(out, "It carries nothing now: %s.", state);
	else if (is_only_one(s, path))
		tell_cut(s, path, verb, out);
	else
		tell_move(s, path, out);
	if (verb == COMMAND_REDIAL && facts_is_wanted(path) && !path->dial[0])
		str_add(out, " The link itself stays as it is, nothing dials it here: its subflows "
			     "close, and open "
			     "again once it has proved itself anew.");
}

// How much may be spent, and how long that lasts.
static void tell_cap(const struct snapshot *s, const struct path_snapshot *path, struct str *out)
{
	int64_t left_bytes = path->cap_bytes - path->cap_used_bytes,
		load_bps = s->rx_bps + s->tx_bps;
	char used[FORMAT_SIZE], limit[FORMAT_SIZE], span[FORMAT_SIZE];

	format_bytes(path->cap_bytes, limit);
	if (path->cap_used_bytes < 0) {
		str_addf(out, "Data cap: %s, but nobody knows what is used of it.", limit);
		return;
	}
	str_addf(out, "Data cap: %s of %s used (%.0f%%)", format_bytes(path->cap_used_bytes, used),
		 limit, (double)path->cap_used_bytes * 100 / (double)path->cap_bytes);
	if (path->cap_resets_ms > s->time_ms)
		str_addf(out, ", resets in %s",
			 format_duration((path->cap_resets_ms - s->time_ms) / 1000, span));
	str_add(out, ".");
	if (path->cap_ignored)
		str_add(out, " It is ignored until then.");
	else if (left_bytes > 0 && s->rx_bps >= 0 && s->tx_bps >= 0 && load_bps > 100000)
		str_addf(out, " At the present load of %.1f Mb/s the rest lasts %s.",
			 (double)load_bps / 1e6,
			 format_duration((int64_t)((double)left_bytes * 8 / (double)load_bps),
					 span));
}

static bool is_to(const struct path_snapshot *path, const char *server)
{
	struct addr session, own;

	return addr_parse(server, &session) == 0 && addr_parse(path->address, &own) == 0 &&
	       addr_equal(&session, &own);
}

// Warns when this very terminal is on an ssh session that comes in over the path, or over what
// rides it.
static void tell_session(const struct ui *ui, const struct path_snapshot *path, struct str *out)
{
	const char *interface = ui->options.session_interface;
	char client[ADDR_STRLEN], server[ADDR_STRLEN];

	// sshd(8): client address, client port, server address, server port
	if (!ui->options.ssh_connection ||
	    sscanf(ui->options.ssh_connection, "%63s %*s %63s", client, server) != 2)
		return;
	for (int i = 0; i < ui->live.n_paths; i++) {
		const struct path_snapshot *p = &ui->live.paths[i];
		bool rides = strcmp(p->underlay, path->name) == 0;

		if ((p != path && !rides) ||
		    !(is_to(p, server) || (interface && strcmp(p->interface, interface) == 0)))
			continue;
		str_addf(out, "! Your SSH session from %s comes in over %s%s%s%s and will drop.",
			 client, p->name, rides ? ", which rides " : "", rides ? path->name : "",
			 rides ? "," : "");
		return;
	}
}

// ---- the words for each verb

static const char *title_word(enum command_verb verb, const struct path_snapshot *path)
{
	return verb == COMMAND_ENABLE      ? "Enable"
	       : verb == COMMAND_DISABLE   ? "Disable"
	       : verb == COMMAND_CONFIRM   ? "Keep"
	       : verb == COMMAND_BACKUP    ? "Backup"
	       : verb == COMMAND_NO_BACKUP ? "Full use"
					   : facts_redial_word(path);
}

// What may be answered besides no.
struct answer {
	int key;
	const char *words;
	struct command extra; // what the command gets
};

#define FOR_S       (30 * 60)
#define BOOST_BYTES 100000000

static const struct answer plain_answers[] = { { 'y', NULL, { 0 } }, { 0 } };
static const struct answer enable_answers[] = {
	{ 'y', "Enable", { 0 } },
	{ 't', "Enable for 30 min only", { .for_s = FOR_S } },
	{ 0 },
};
static const struct answer capped_answers[] = {
	{ 'b', "+100 MB", { .boost_bytes = BOOST_BYTES } },
	{ 'i', "Ignore cap until it resets", { .ignore_cap = true } },
	{ 0 },
};
static const struct answer unknown_answers[] = {
	{ 'i', "Ignore cap until it resets", { .ignore_cap = true } },
	{ 0 },
};

static const struct answer *list_answers(enum command_verb verb, const struct path_snapshot *path)
{
	if (verb != COMMAND_ENABLE)
		return plain_answers;
	if (path->state == PATH_STATE_CAPPED && path->cap_bytes > 0)
		return path->cap_used_bytes < 0 ? unknown_answers : capped_answers;
	return path->optional && !facts_is_wanted(path) ? enable_answers : plain_answers;
}

static const char *write_answers(enum command_verb verb, const struct path_snapshot *path,
				 struct str *out)
{
	for (const struct answer *a = list_answers(verb, path); a->key; a++)
		str_addf(out, "[%c] %s    ", a->key, a->words ? a->words : title_word(verb, path));
	return str_text(out);
}

static void write_question(enum command_verb verb, const struct path_snapshot *path,
			   struct str *out)
{
	const char *doing = verb == COMMAND_ENABLE      ? "Enable path"
			    : verb == COMMAND_DISABLE   ? "Disable path"
			    : verb == COMMAND_CONFIRM   ? "Keep it switched off: path"
			    : verb == COMMAND_BACKUP    ? "As a backup only: path"
			    : verb == COMMAND_NO_BACKUP ? "No longer a backup only: path"
			    : path->dial[0]             ? "Hang up and redial"
							: "Take out of use and reconnect";
	char kind[NAME_SIZE];

	str_addf(out, "%s %s", doing, path->name);
	if (path->kind[0])
		str_addf(out, " (%s)", facts_kind(path, kind));
	str_add(out, "?");
}

// ---- drawing

static void wrap_and_clear(struct page *page, enum attr attr, int width, int indent,
			   struct str *text)
{
	page_wrap(page, attr, width, indent, str_text(text));
	str_clear(text);
}

static void write_page(const struct ui *ui, const struct path_snapshot *path, int width,
		       struct page *page)
{
	const struct dialog *d = &ui->dialog;
	struct str text = { 0 };

	page_add(page, ATTR_NORMAL, "%s", "");
	write_question(d->verb, path, &text);
	wrap_and_clear(page, ATTR_HEADING, width, 0, &text);
	page_add(page, ATTR_NORMAL, "%s", "");
	if (d->verb == COMMAND_DISABLE || d->verb == COMMAND_REDIAL)
		tell_session(ui, path, &text);
	if (text.len)
		wrap_and_clear(page, ATTR_BAD, width, 2, &text);
	tell_effect(&ui->live, path, d->verb, &text);
	wrap_and_clear(page, ATTR_NORMAL, width, 0, &text);
	page_add(page, ATTR_NORMAL, "%s", "");
	if (d->verb == COMMAND_ENABLE && path->cap_bytes > 0) {
		tell_cap(&ui->live, path, &text);
		wrap_and_clear(page, ATTR_NORMAL, width, 0, &text);
		page_add(page, ATTR_NORMAL, "%s", "");
	}
	if (d->by_name)
		page_add(page, ATTR_NORMAL, "Type its name to confirm: %s", d->typed);
	else
		page_add(page, ATTR_NORMAL, "%s[n] Cancel", write_answers(d->verb, path, &text));
	str_clear(&text);
	page_add(page, ATTR_NORMAL, "%s", "");
	str_fini(&text);
}

static void write_title(enum command_verb verb, const struct path_snapshot *path,
			char out[static 48])
{
	snprintf(out, 48, "%s %s", title_word(verb, path), path->name);
	for (char *c = out; *c && *c != ' '; c++)
		*c &= (char)~0x20;
}

void dialog_draw(const struct ui *ui, struct canvas *canvas, int64_t now_ms)
{
	int at = facts_find_path(&ui->live, ui->dialog.path);
	int width = canvas->width - 4 < DIALOG_WIDTH ? canvas->width - 4 : DIALOG_WIDTH;
	const struct path_snapshot *path = &ui->live.paths[at];
	int left_s = (int)((UI_DIALOG_MS - (now_ms - ui->dialog.touched_ms) + 999) / 1000);
	struct page page = { 0 };
	char title[48], footer[64];
	struct box box;
	int last;

	write_page(ui, path, width, &page);
	write_title(ui->dialog.verb, path, title);
	snprintf(footer, sizeof(footer), "%s = Cancel%s %d s",
		 ui->dialog.by_name ? "Esc" : "Enter or Esc",
		 width < DIALOG_WIDTH ? "," : "   closes in", left_s);
	page_squeeze(&page, box_capacity(canvas));
	box = box_draw(canvas, title, footer, &page, 0, width);
	last = page.n - 1;
	if (!page.lines[last].text[0] && last > 0)
		last--;
	canvas->cursor_row = box.row + last;
	canvas->cursor_col = box.col + canvas_measure(page.lines[last].text);
}

// ---- keys

void dialog_open(struct ui *ui, enum command_verb verb, const char *path, int64_t now_ms)
{
	if (ui->columns < UI_LEAST_COLUMNS || ui->rows < UI_LEAST_ROWS) {
		ui_say(ui, now_ms, "too small to ask: 40x8 is needed");
		return;
	}
	ui->dialog = (struct dialog){
		.open = true, .verb = verb, .opened_ms = now_ms, .touched_ms = now_ms
	};
	str_copy(ui->dialog.path, sizeof(ui->dialog.path), path);
	dialog_check(ui, now_ms);
}

void dialog_check(struct ui *ui, int64_t now_ms)
{
	struct dialog *d = &ui->dialog;
	int at = facts_find_path(&ui->live, d->path);
	const char *why = NULL;

	if (!d->open)
		return;
	if (at < 0)
		why = "the path is gone";
	else if (now_ms - d->touched_ms >= UI_DIALOG_MS)
		why = "no answer for 30 s";
	else if (ui->columns < UI_LEAST_COLUMNS || ui->rows < UI_LEAST_ROWS)
		why = "too small to ask: 40x8 is needed";
	if (!why) {
		d->by_name |= cuts_all(&ui->live, &ui->live.paths[at], d->verb);
		return;
	}
	d->open = false;
	ui_say(ui, now_ms, "%s %s cancelled: %s", command_word(d->verb), d->path, why);
}

static void cancel(const struct press *press)
{
	press->ui->dialog.open = false;
}

static void act(const struct press *press, const struct answer *answer)
{
	struct ui *ui = press->ui;
	struct dialog *d = &ui->dialog;

	d->open = false;
	ui_say(ui, press->now_ms, "%s %s: asked the gateway", command_word(d->verb), d->path);
	press->need->send = true;
	if (answer)
		press->need->command = answer->extra;
	press->need->command.verb = d->verb;
	str_copy(press->need->command.object, sizeof(press->need->command.object), d->path);
}

static const struct answer *find_answer(const struct press *press)
{
	const struct dialog *d = &press->ui->dialog;
	int at = facts_find_path(&press->ui->live, d->path);
	const struct answer *a = at < 0 ? NULL : list_answers(d->verb, &press->ui->live.paths[at]);

	while (a && a->key && a->key != press->key)
		a++;
	return a && a->key ? a : NULL;
}

static void type_name(const struct press *press)
{
	struct dialog *d = &press->ui->dialog;
	size_t n = strlen(d->typed);

	if (press->key == UI_KEY_ENTER && strcmp(d->typed, d->path) == 0)
		act(press, NULL);
	else if (press->key == UI_KEY_ENTER)
		cancel(press);
	else if ((press->key == UI_KEY_BACKSPACE || press->key == UI_CTRL('h')) && n)
		d->typed[n - 1] = '\0';
	else if (press->key > ' ' && press->key < 0x7f && n + 1 < sizeof(d->typed)) {
		d->typed[n] = (char)press->key;
		d->typed[n + 1] = '\0';
	}
}

void dialog_key(const struct press *press)
{
	struct dialog *d = &press->ui->dialog;
	const struct answer *answer;

	if (press->now_ms - d->opened_ms < UI_TYPE_AHEAD_MS)
		return;
	d->touched_ms = press->now_ms;
	if (press->key == UI_KEY_ESC || press->key == UI_CTRL('c'))
		cancel(press);
	else if (d->by_name)
		type_name(press);
	else if ((answer = find_answer(press)))
		act(press, answer);
	else if (press->key == 'n' || press->key == 'q' || press->key == UI_KEY_ENTER ||
		 press->key == UI_KEY_F10)
		cancel(press);
}
