// SPDX-License-Identifier: GPL-2.0-or-later
//
// Data caps: feeds plan/caps.c with the counters once a second, keeps its file ("caps" in the state
// folder), and does what it decides to the path. Every path is counted, also without a cap, so that
// one that is set later knows what was used.
//
// The file is read before any path is used. When it cannot be trusted, capped paths stay off until
// somebody says what was used; what the file before it knew is kept as the least. Writing is the
// store's thread's.
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "model/format.h"
#include "role/gateway_priv.h"

#define STORE_KIND "caps-1"

static void write_name(const struct gateway *g, struct str *out)
{
	str_addf(out, "%s/caps", g->state_dir);
}

static struct cap_count *count_of(struct gateway *g, size_t slot)
{
	return caps_get(&g->caps, g->paths[slot].config->name);
}

// ---- the file

static int read_text(struct gateway *g,
		     int (*read)(const char *, const char *, struct str *, struct str *),
		     struct str *why)
{
	struct str name = { 0 }, text = { 0 };
	int rc;

	write_name(g, &name);
	rc = read(str_text(&name), STORE_KIND, &text, why);
	if (rc == 0) {
		size_t len = why->len;

		str_addf(why, "%s ", str_text(&name));
		rc = caps_read(&g->caps, str_text(&text), why);
		if (rc == 0) {
			why->len = len;
			why->text[len] = '\0';
		}
	}
	str_fini(&name);
	str_fini(&text);
	return rc;
}

static void load(struct gateway *g)
{
	struct str why = { 0 }, ignored = { 0 };
	int rc = read_text(g, store_read, &why);

	if (rc < 0 && rc != -ENOENT) {
		gateway_event(g, LOG_LEVEL_ERROR, "gw", "CAP",
			      "%s; what capped paths have used is not known, and they stay off",
			      str_text(&why));
		if (read_text(g, store_read_previous, &ignored) < 0)
			g->caps = (struct caps){ 0 };
		caps_doubt(&g->caps);
	}
	str_fini(&why);
	str_fini(&ignored);
}

static void save(struct gateway *g)
{
	struct str name = { 0 }, text = { 0 };

	if (!g->store)
		return;
	write_name(g, &name);
	caps_write(&g->caps, &text);
	store_writer_put(g->store, str_text(&name), STORE_KIND, &text);
	caps_saved(&g->caps, clock_mono_ms());
	str_fini(&name);
	str_fini(&text);
}

static void look_after_disk(struct gateway *g)
{
	struct str name = { 0 }, why = { 0 };
	int rc;

	write_name(g, &name);
	if (!g->store)
		str_add(&why, "no thread that writes can be started");
	rc = g->store ? store_writer_result(g->store, str_text(&name), &why) : -EAGAIN;
	if (rc < 0 && !g->caps_failed) {
		gateway_event(g, LOG_LEVEL_WARNING, "gw", "CAP",
			      "%s; after a restart nobody would know what was used",
			      str_text(&why));
		gateway_alarm_raise(g, "gw", "caps",
				    "what paths use of their caps cannot be written");
	} else if (rc == 0 && g->caps_failed) {
		gateway_event(g, LOG_LEVEL_NOTICE, "gw", "CAP", "%s is written again",
			      str_text(&name));
		gateway_alarm_clear(g, "gw", "caps");
	}
	g->caps_failed = rc < 0;
	str_fini(&name);
	str_fini(&why);
}

// ---- counting

static void look(struct gateway *g, size_t slot, struct cap_count *count, struct cap_news *news)
{
	const struct gateway_path *path = &g->paths[slot];
	const struct relay_path_counters *counters = &g->counters.paths[slot];
	const struct klink *link = kstate_link(&g->observed, path->config->interface);
	const struct cap_look now = {
		.wall_ms = clock_wall_ms(),
		.mono_ms = clock_mono_ms(),
		.boot = g->boot_id,
		.ifindex = link ? link->ifindex : 0,
		.rx_bytes = link ? link->rx_bytes : 0,
		.tx_bytes = link ? link->tx_bytes : 0,
		.own_bytes = gateway_rx_bytes(counters) - path->rx_bytes_before +
			     gateway_tx_bytes(counters) - path->tx_bytes_before + path->probe_bytes,
	};

	caps_look(&g->caps, count, path->config, &now, news);
}

static void tell(struct gateway *g, size_t slot, const struct cap_count *count,
		 const struct cap_news *news)
{
	const struct config_path *path = g->paths[slot].config;
	char text[EVENT_TEXT_SIZE], used[FORMAT_SIZE];

	if (!path->cap_bytes)
		return;
	cap_sentence(count, path, clock_wall_ms(), text);
	if (news->began)
		gateway_event(g, LOG_LEVEL_NOTICE, path->name, "CAP",
			      "a new period begins, %s used in the last one",
			      format_bytes(news->last_bytes, used));
	if (news->taken_back)
		gateway_event(g, LOG_LEVEL_WARNING, path->name, "CAP",
			      "the clock went back, the period before goes on: %.90s", text);
	if (news->percent)
		gateway_event(g, LOG_LEVEL_WARNING, path->name, "CAP", "%s", text);
}

// ---- what follows

struct judgement {
	struct path_cap cap;
	bool off, backup; // what it may not be used for
};

static struct judgement judge_alone(struct gateway *g, size_t slot)
{
	const struct config_path *path = g->paths[slot].config;
	const struct cap_count *count = path->cap_bytes ? count_of(g, slot) : NULL;
	struct judgement j = { 0 };

	if (!count)
		return j;
	j.cap.verdict = cap_judge(count, path);
	cap_note(count, path, j.cap.note);
	cap_sentence(count, path, clock_wall_ms(), j.cap.text);
	j.backup = j.cap.verdict == CAP_SPENT && path->cap_action == CONFIG_CAP_BACKUP;
	j.off = j.cap.verdict != CAP_FREE && !j.backup;
	return j;
}

// A tunnel spends what the line that it rides has.
static struct judgement judge(struct gateway *g, size_t slot)
{
	struct judgement j = judge_alone(g, slot), line = { 0 };
	int under = g->under[slot];

	if (under >= 0)
		line = judge_alone(g, (size_t)under);
	j.backup |= line.backup;
	if (line.off && !j.off) {
		j.off = true;
		j.cap.verdict = line.cap.verdict;
		snprintf(j.cap.note, sizeof(j.cap.note), "%s is CAPPED",
			 g->paths[under].config->name);
		snprintf(j.cap.text, sizeof(j.cap.text), "it rides %s, whose cap is %s",
			 g->paths[under].config->name,
			 line.cap.verdict == CAP_UNKNOWN ? "not known" : "used up");
	}
	if (!j.off)
		j.cap.verdict = CAP_FREE; // as far as the path's state goes
	return j;
}

static void settle_alarm(struct gateway *g, size_t slot)
{
	const struct path_fsm *fsm = &g->fsms[slot];
	const char *name = g->paths[slot].config->name;
	char text[NOTE_SIZE + NAME_SIZE];

	snprintf(text, sizeof(text), "%s CAPPED: %.40s%s", name, fsm->cap.note,
		 fsm->cap.verdict == CAP_UNKNOWN ? ", say what is used: 'mpgate cap'" : "");
	if (fsm->state == PATH_STATE_CAPPED && !g->paths[slot].config->gone)
		gateway_alarm_raise(g, name, "cap", text);
	else
		gateway_alarm_clear(g, name, "cap");
}

static void set_backup(struct gateway *g, size_t slot, bool capped, const char *text)
{
	struct gateway_path *path = &g->paths[slot];

	if (path->capped == capped)
		return;
	path->capped = capped;
	if (capped)
		gateway_event(g, LOG_LEVEL_WARNING, path->config->name, "CAP",
			      "backup only: %.120s", text);
	else
		gateway_event(g, LOG_LEVEL_NOTICE, path->config->name, "CAP",
			      "no longer kept as a backup");
	gateway_round_soon(g);
}

static void apply(struct gateway *g, size_t slot)
{
	const struct judgement j = judge(g, slot);
	struct path_change change;

	g->paths[slot].spent = j.off || j.backup;
	set_backup(g, slot, j.backup,
		   j.cap.text[0] ? j.cap.text : "it rides a path whose cap is used up");
	if (path_fsm_cap(&g->fsms[slot], &j.cap, clock_mono_ms(), &change)) {
		gateway_note_change(g, slot, &change);
		gateway_round_soon(g);
	}
	settle_alarm(g, slot);
}

static void apply_all(struct gateway *g)
{
	for (size_t i = 0; i < g->n_paths; i++) {
		if (!g->paths[i].config->gone)
			apply(g, i);
	}
}

void gateway_caps_tick(struct gateway *g)
{
	for (size_t i = 0; i < g->n_paths; i++) {
		struct cap_count *count = g->paths[i].config->gone ? NULL : count_of(g, i);
		struct cap_news news;

		if (!count)
			continue;
		look(g, i, count, &news);
		tell(g, i, count, &news);
	}
	apply_all(g);
	if (caps_due(&g->caps, g->config->paths, g->config->n_paths, clock_mono_ms()))
		save(g);
	look_after_disk(g);
}

void gateway_caps_init(struct gateway *g, const char *state_dir)
{
	str_copy(g->state_dir, sizeof(g->state_dir), state_dir);
	clock_boot_id(g->boot_id);
	if (mkdir(g->state_dir, 0755) < 0 && errno != EEXIST)
		gateway_event(g, LOG_LEVEL_WARNING, "gw", "CAP",
			      "cannot make the folder %s: %s; make it, or set MPGATE_STATE_DIR",
			      g->state_dir, strerror(errno));
	load(g);
	caps_saved(&g->caps, clock_mono_ms());
	gateway_caps_tick(g);
}

void gateway_caps_fini(struct gateway *g)
{
	save(g);
}

void gateway_caps_forget_interface(struct gateway *g, size_t slot)
{
	struct cap_count *count = count_of(g, slot);

	if (count)
		cap_forget_line(count);
}

// ---- who asks

void gateway_caps_fill(const struct gateway *g, size_t slot, struct path_snapshot *p)
{
	const struct config_path *path = g->paths[slot].config;
	const struct cap_count *count = NULL;

	for (size_t i = 0; i < g->caps.n && !count; i++) {
		if (strcmp(g->caps.counts[i].name, path->name) == 0)
			count = &g->caps.counts[i];
	}
	p->cap_bytes = p->cap_warn_percent = SNAPSHOT_NONE;
	p->cap_used_bytes = SNAPSHOT_UNKNOWN;
	if (!count)
		return;
	if (!count->unknown)
		p->cap_used_bytes = cap_used_bytes(count);
	p->cap_began_ms = cap_began_ms(count);
	p->cap_resets_ms = count->behind ? 0 : cap_ends_ms(count);
	if (!path->cap_bytes)
		return;
	p->cap_bytes = cap_limit_bytes(count, path);
	p->cap_warn_percent = path->cap_warn;
	p->cap_ignored = count->ignored;
	str_copy(p->cap_action, sizeof(p->cap_action), config_cap_action_word(path->cap_action));
	// from the warning on it is what matters most of a path that is well
	if (p->state == PATH_STATE_UP && !p->use_reason[0] && count->warned)
		str_copy(p->note, sizeof(p->note), g->fsms[slot].cap.note);
	// and of one that is on its way, what it may spend
	if (p->state == PATH_STATE_DIALING && g->fsms[slot].cap.note[0])
		snprintf(p->note + strlen(p->note), sizeof(p->note) - strlen(p->note), ", %.40s",
			 g->fsms[slot].cap.note);
}

static void refuse(struct command_result *out, const char *path, const char *what, const char *hint)
{
	out->status = STATUS_REFUSED;
	snprintf(out->text, sizeof(out->text), "%s %s", path, what);
	str_copy(out->hint, sizeof(out->hint), hint);
}

void gateway_caps_set_used(struct gateway *g, size_t slot, const struct command *command,
			   struct command_result *out)
{
	const struct config_path *path = g->paths[slot].config;
	struct cap_count *count = count_of(g, slot);
	char used[FORMAT_SIZE];

	if (!count || command->used_bytes < 0) {
		refuse(out, path->name, "was not changed",
		       "say how much, as in 'mpgate cap wwan0 --set-used 1.2G'");
		return;
	}
	cap_set_used(&g->caps, count, command->used_bytes, clock_wall_ms());
	format_bytes(command->used_bytes, used);
	gateway_event(g, LOG_LEVEL_NOTICE, path->name, "CAP", "%s used, as said by %s", used,
		      command->who);
	snprintf(out->text, sizeof(out->text), "%s has used %s", path->name, used);
	apply_all(g);
}

static void give(struct gateway *g, const char *name, struct cap_count *count,
		 const struct command *command)
{
	char more[FORMAT_SIZE];

	if (command->boost_bytes > 0) {
		cap_boost(&g->caps, count, command->boost_bytes);
		gateway_event(g, LOG_LEVEL_NOTICE, name, "CAP", "%s more until it resets, by %s",
			      format_bytes(command->boost_bytes, more), command->who);
	}
	if (command->ignore_cap) {
		cap_ignore(&g->caps, count);
		gateway_event(g, LOG_LEVEL_NOTICE, name, "CAP", "ignored until it resets, by %s",
			      command->who);
	}
	apply_all(g);
}

bool gateway_caps_allow(struct gateway *g, size_t slot, const struct command *command,
			struct command_result *out)
{
	const char *name = g->paths[slot].config->name;
	struct cap_count *count = g->paths[slot].config->cap_bytes ? count_of(g, slot) : NULL;
	bool gives = command->boost_bytes > 0 || command->ignore_cap;
	char what[NOTE_SIZE + 16];
	struct judgement j;

	if (gives && !count) {
		refuse(out, name, "has no cap that could be raised", "enable it without that");
		return false;
	}
	// more than nobody knows is still nobody knows
	if (gives && (command->ignore_cap || !count->unknown))
		give(g, name, count, command);
	j = judge(g, slot);
	if (!j.off)
		return true;
	snprintf(what, sizeof(what), "is CAPPED: %s", j.cap.note);
	refuse(out, name, what,
	       j.cap.verdict == CAP_UNKNOWN ? "say what was used: 'mpgate cap PATH --set-used "
					      "1.2G'; 'mpgate log' has what is known"
					    : "'mpgate enable PATH --boost 100M' gives it more, "
					      "--ignore-cap lifts the cap until it resets");
	return false;
}
