// SPDX-License-Identifier: GPL-2.0-or-later
#include "role/status_view.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "model/format.h"

#define COLUMNS    80
#define EVENTS_MAX 3

// ---- texts and columns

static bool is_character_start(char c)
{
	return ((unsigned char)c & 0xc0) != 0x80;
}

static size_t count_columns(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += is_character_start(*text);
	return n;
}

// Adds as much of `text` as fits into `columns`; the last one says when something is missing.
static void add_cut(struct str *out, const char *text, size_t columns)
{
	size_t n = 0, len = 0;

	if (count_columns(text) <= columns) {
		str_add(out, text);
		return;
	}
	while (n + 1 < columns || !is_character_start(text[len]))
		n += is_character_start(text[++len]);
	str_addf(out, "%.*s%s", (int)len, text, columns ? "~" : "");
}

// One line of free text.
__attribute__((format(printf, 2, 3))) static void add_line(struct str *out, const char *fmt, ...)
{
	struct str line = { 0 };
	va_list ap;

	va_start(ap, fmt);
	str_vaddf(&line, fmt, ap);
	va_end(ap);
	add_cut(out, str_text(&line), COLUMNS);
	str_add(out, "\n");
	str_fini(&line);
}

// `width` columns, the rest blank; a negative width puts the blanks first.
static void add_cell(struct str *out, const char *text, int width)
{
	int columns = width < 0 ? -width : width;
	int blanks = columns - (int)count_columns(text);

	if (width < 0)
		str_addf(out, "%*s", blanks > 0 ? blanks : 0, "");
	add_cut(out, text, (size_t)columns);
	if (width > 0)
		str_addf(out, "%*s", blanks > 0 ? blanks : 0, "");
}

#define GREEN   "32"
#define YELLOW  "1;33"
#define RED     "7;31"
#define CYAN    "36"
#define MAGENTA "1;35"

// Never instead of the word: who sees no colour misses nothing.
static const char *const state_colors[PATH_STATES] = {
	[PATH_STATE_DOWN] = RED,        [PATH_STATE_BLOCKED] = RED,
	[PATH_STATE_DIALING] = CYAN,    [PATH_STATE_PROBING] = CYAN,
	[PATH_STATE_CAPPED] = MAGENTA,  [PATH_STATE_FLAPPING] = YELLOW,
	[PATH_STATE_DEGRADED] = YELLOW, [PATH_STATE_UP] = GREEN,
};

static const char *const verdict_colors[VERDICTS] = {
	[VERDICT_STARTING] = CYAN,          [VERDICT_OK] = GREEN,
	[VERDICT_DEGRADED] = YELLOW,        [VERDICT_NOT_BONDED] = RED,
	[VERDICT_SERVER_UNREACHABLE] = RED, [VERDICT_OFFLINE] = RED,
};

// `color` NULL: none.
static void add_colored(struct str *out, const char *word, const char *color)
{
	if (color)
		str_addf(out, "\033[%sm%s\033[0m", color, word);
	else
		str_add(out, word);
}

// ---- problems

static const struct alarm *find_alarm(const struct snapshot *s, const char *object)
{
	for (int i = 0; i < s->n_alarms; i++) {
		if (strcmp(s->alarms[i].object, object) == 0)
			return &s->alarms[i];
	}
	return NULL;
}

static bool is_wanted(const struct path_snapshot *path)
{
	return path->state != PATH_STATE_OFF && path->state != PATH_STATE_STANDBY;
}

static bool is_bad(const struct path_snapshot *path)
{
	return is_wanted(path) && path->state != PATH_STATE_UP &&
	       path->state != PATH_STATE_DIALING && path->state != PATH_STATE_PROBING;
}

static const char *format_age(const struct snapshot *s, int64_t since_ms,
			      char out[static FORMAT_SIZE])
{
	int64_t age_ms = s->time_ms - since_ms;

	return format_duration(!since_ms ? SNAPSHOT_UNKNOWN : age_ms < 0 ? 0 : age_ms / 1000, out);
}

// All alarms, and the bad paths that have none, as one text each.
struct problems {
	struct str texts[SNAPSHOT_ALARMS + PATHS_MAX];
	int n;
};

static void list_problems(const struct snapshot *s, struct problems *p)
{
	char age[FORMAT_SIZE];

	*p = (struct problems){ 0 };
	for (int i = 0; i < s->n_alarms; i++)
		str_addf(&p->texts[p->n++], "%s (%s%s)", s->alarms[i].text,
			 format_age(s, s->alarms[i].since_ms, age),
			 s->alarms[i].acked ? ", acknowledged" : "");
	for (int i = 0; i < s->n_paths; i++) {
		const struct path_snapshot *path = &s->paths[i];

		if (is_bad(path) && !find_alarm(s, path->name))
			str_addf(&p->texts[p->n++], "%s %s%s%s (%s)", path->name,
				 path_state_word(path->state), path->note[0] ? ": " : "",
				 path->note, format_age(s, path->since_ms, age));
	}
}

static void free_problems(struct problems *p)
{
	for (int i = 0; i < p->n; i++)
		str_fini(&p->texts[i]);
}

// ---- for people

static void add_heading(const struct snapshot *s, bool color, struct str *out)
{
	const char *word = verdict_word(s->verdict);
	char clock[FORMAT_SIZE], age[FORMAT_SIZE], up[FORMAT_SIZE];
	size_t begin = out->len, used;
	struct str rest = { 0 };

	add_cut(out, s->host[0] ? s->host : "mpgate", 30);
	str_add(out, "  ");
	used = count_columns(out->text + begin) + strlen(word);
	add_colored(out, word, color ? verdict_colors[s->verdict] : NULL);
	if (s->verdict_since_ms)
		str_addf(&rest, " since %s (%s)", format_clock(s->verdict_since_ms, clock),
			 format_age(s, s->verdict_since_ms, age));
	str_addf(&rest, "   mpgate %s   up %s   pid %d", s->version,
		 format_duration(s->uptime_s, up), s->pid);
	add_cut(out, str_text(&rest), COLUMNS - used);
	str_add(out, "\n");
	str_fini(&rest);
}

static void add_problems(const struct snapshot *s, struct str *out)
{
	struct problems problems;

	list_problems(s, &problems);
	for (int i = 0; i < problems.n; i++)
		add_line(out, "! %s", str_text(&problems.texts[i]));
	free_problems(&problems);
}

static int count_wanted(const struct snapshot *s)
{
	int n = 0;

	for (int i = 0; i < s->n_paths; i++)
		n += is_wanted(&s->paths[i]);
	return n;
}

// What may be cut, the address, comes last.
static void add_exit(const struct snapshot *s, struct str *out)
{
	const struct exit_snapshot *e = &s->exit;
	const char *mptcp = e->mptcp > 0 ? "yes" : e->mptcp == 0 ? "NO" : "?";
	char rtt[FORMAT_SIZE], ok[FORMAT_SIZE];

	if (!e->name[0])
		add_line(out, "exit    none is configured");
	else if (e->reachable < 0)
		add_line(out, "exit    %s not tried yet (%s)", e->name, e->endpoint);
	else if (e->reachable == 0)
		add_line(out, "exit    %s NOT REACHED over any path (%s)", e->name, e->endpoint);
	else
		add_line(out, "exit    %s over %s of %d paths, MPTCP %s, RTT %s ms (%s)", e->name,
			 format_count(e->paths_ok, ok), count_wanted(s), mptcp,
			 format_rtt(e->rtt_us, rtt), e->endpoint);
	if (e->why[0])
		add_line(out, "        %s", e->why);
}

static void add_traffic(const struct snapshot *s, enum rate_unit unit, struct str *out)
{
	char rx[FORMAT_SIZE], tx[FORMAT_SIZE], in[FORMAT_SIZE], sent[FORMAT_SIZE];

	add_line(out, "traffic RX %s %s  TX %s %s   since start %s in, %s out",
		 format_rate(s->rx_bps, unit, rx), rate_unit_word(unit),
		 format_rate(s->tx_bps, unit, tx), rate_unit_word(unit),
		 format_bytes((int64_t)s->rx_bytes, in), format_bytes((int64_t)s->tx_bytes, sent));
}

static void add_connections(const struct snapshot *s, struct str *out)
{
	char subflows[FORMAT_SIZE], all[FORMAT_SIZE];

	if (s->connections < 0 || s->connections_tcp < 0)
		add_line(out, "conns   %s", format_count(s->connections, all));
	else
		add_line(out, "conns   %d, of them %d MPTCP over %s subflows, %d plain TCP",
			 s->connections, s->connections - s->connections_tcp,
			 format_count(s->subflows, subflows), s->connections_tcp);
}

static int name_width(const struct snapshot *s)
{
	size_t width = 5;

	for (int i = 0; i < s->n_paths; i++) {
		if (count_columns(s->paths[i].name) > width)
			width = count_columns(s->paths[i].name);
	}
	return (int)width;
}

static enum rate_unit choose_unit(const struct snapshot *s)
{
	int64_t max_bps = s->rx_bps > s->tx_bps ? s->rx_bps : s->tx_bps;

	for (int i = 0; i < s->n_paths; i++) {
		max_bps = s->paths[i].rx_bps > max_bps ? s->paths[i].rx_bps : max_bps;
		max_bps = s->paths[i].tx_bps > max_bps ? s->paths[i].tx_bps : max_bps;
	}
	return rate_unit_for(max_bps);
}

// The columns between the state and the note.
static void add_measures(struct str *out, const char *const cells[6])
{
	static const int widths[6] = { -8, -8, -6, -5, -5, -5 };

	for (int i = 0; i < 6; i++)
		add_cell(out, cells[i], widths[i]);
	str_add(out, "  ");
}

static void add_path(const struct path_snapshot *path, int width, int percent, enum rate_unit unit,
		     bool color, struct str *out)
{
	char rx[FORMAT_SIZE], tx[FORMAT_SIZE], share[FORMAT_SIZE], subflows[FORMAT_SIZE];
	char rtt[FORMAT_SIZE], loss[FORMAT_SIZE], kind[NAME_SIZE], word[16];
	const char *const cells[6] = { format_rate(path->rx_bps, unit, rx),
				       format_rate(path->tx_bps, unit, tx),
				       share,
				       format_count(path->subflows, subflows),
				       format_rtt(path->rtt_us, rtt),
				       format_loss(path->loss_ratio, loss) };
	size_t begin = out->len, invisible = out->len;

	format_count(percent, share);
	if (percent >= 0)
		strcat(share, "%");
	str_copy(kind, sizeof(kind), path->kind);
	for (char *c = kind; *c; c++)
		*c = (char)toupper((unsigned char)*c);
	snprintf(word, sizeof(word), "%-8s", path_state_word(path->state));

	add_cell(out, path->name, width + 2);
	add_cell(out, kind, 5);
	str_add(out, " ");
	invisible = out->len;
	add_colored(out, word, color ? state_colors[path->state] : NULL);
	invisible = out->len - invisible - strlen(word);
	add_measures(out, cells);
	add_cut(out, path->note, COLUMNS - (count_columns(out->text + begin) - invisible));
	while (out->text[out->len - 1] == ' ')
		out->text[--out->len] = '\0';
	str_add(out, "\n");
}

static void add_paths(const struct snapshot *s, enum rate_unit unit, bool color, struct str *out)
{
	double ratios[PATHS_MAX];
	int percents[PATHS_MAX], width = name_width(s);
	char rx[16], tx[16];
	const char *const heads[6] = { rx, tx, "SHARE", "SUBF", "RTT", "LOSS" };

	if (!s->n_paths) {
		add_line(out, "No paths are configured.");
		return;
	}
	snprintf(rx, sizeof(rx), "RX %s", rate_unit_word(unit));
	snprintf(tx, sizeof(tx), "TX %s", rate_unit_word(unit));
	add_cell(out, "PATH", width + 2);
	str_add(out, "KIND  STATE   ");
	add_measures(out, heads);
	str_add(out, "NOTE\n");
	for (int i = 0; i < s->n_paths; i++)
		ratios[i] = s->paths[i].share_ratio;
	format_shares(ratios, (size_t)s->n_paths, percents);
	for (int i = 0; i < s->n_paths; i++)
		add_path(&s->paths[i], width, percents[i], unit, color, out);
}

static void add_events(const struct snapshot *s, struct str *out)
{
	char clock[FORMAT_SIZE];

	for (int i = 0; i < s->n_events && i < EVENTS_MAX; i++) {
		const struct event *event = &s->events[i];

		add_line(out, "%s %c %-*s %-8s %s", format_clock(event->time_ms, clock),
			 event_is_alert(event) ? '!' : ' ', name_width(s), event->object,
			 event->verb, event->text);
	}
}

void status_view_text(const struct snapshot *s, bool color, struct str *out)
{
	enum rate_unit unit = choose_unit(s);

	add_heading(s, color, out);
	add_problems(s, out);
	add_exit(s, out);
	add_traffic(s, unit, out);
	add_connections(s, out);
	str_add(out, "\n");
	add_paths(s, unit, color, out);
	if (s->n_events)
		str_add(out, "\n");
	add_events(s, out);
}

// ---- for programs

static const char *or_dash(const char *text)
{
	return text[0] ? text : "-";
}

static void add_ratio(struct str *out, double ratio)
{
	if (ratio < 0)
		str_add(out, ratio == SNAPSHOT_NONE ? "\t-" : "\t?");
	else
		str_addf(out, "\t%.4f", ratio);
}

static void add_number(struct str *out, int64_t number)
{
	char text[FORMAT_SIZE];

	str_addf(out, "\t%s", format_count(number, text));
}

// Columns are only ever added at the end.
void status_view_plain(const struct snapshot *s, struct str *out)
{
	str_add(out, "#path\tkind\tstate\treason\tinterface\taddress\trx_bps\ttx_bps\tshare_ratio\t"
		     "subflows\trtt_us\tjitter_us\tloss_ratio\trx_bytes\ttx_bytes\t"
		     "interface_rx_bytes\tinterface_tx_bytes\tnote\n");
	for (int i = 0; i < s->n_paths; i++) {
		const struct path_snapshot *path = &s->paths[i];

		str_addf(out, "%s\t%s\t%s\t%s\t%s\t%s", path->name, or_dash(path->kind),
			 path_state_json(path->state), or_dash(path->reason),
			 or_dash(path->interface), or_dash(path->address));
		add_number(out, path->rx_bps);
		add_number(out, path->tx_bps);
		add_ratio(out, path->share_ratio);
		add_number(out, path->subflows);
		add_number(out, path->rtt_us);
		add_number(out, path->jitter_us);
		add_ratio(out, path->loss_ratio);
		str_addf(out, "\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t%s\n",
			 path->rx_bytes, path->tx_bytes, path->interface_rx_bytes,
			 path->interface_tx_bytes, or_dash(path->note));
	}
}

int status_view_check(const struct snapshot *s, struct str *out)
{
	static const int severity[VERDICTS] = {
		[VERDICT_STARTING] = 1,   [VERDICT_OK] = 0,      [VERDICT_DEGRADED] = 1,
		[VERDICT_NOT_BONDED] = 2, [VERDICT_OFFLINE] = 2, [VERDICT_SERVER_UNREACHABLE] = 2,
	};
	int up = 0, wanted = count_wanted(s);
	struct problems problems;
	struct str why = { 0 };

	for (int i = 0; i < s->n_paths; i++)
		up += s->paths[i].state == PATH_STATE_UP;
	list_problems(s, &problems);
	str_addf(&why, "%s %d of %d paths up", verdict_word(s->verdict), up, wanted);
	for (int i = 0; i < problems.n; i++)
		str_addf(&why, "; %s", str_text(&problems.texts[i]));
	free_problems(&problems);
	for (size_t i = 0; i < why.len; i++) {
		if (why.text[i] == '|') // begins the numbers
			why.text[i] = '/';
	}
	str_addf(out, "%s|paths_up=%d;;;0;%d", str_text(&why), up, wanted);
	str_fini(&why);
	if (s->rx_bps >= 0)
		str_addf(out, " rx_bps=%" PRId64, s->rx_bps);
	if (s->tx_bps >= 0)
		str_addf(out, " tx_bps=%" PRId64, s->tx_bps);
	if (s->connections >= 0)
		str_addf(out, " conns=%d", s->connections);
	str_add(out, "\n");
	return severity[s->verdict];
}

// OK and DEGRADED go without saying, when the paths are told.
static void add_verdict(const struct snapshot *s, struct str *out)
{
	if (s->verdict != VERDICT_OK && s->verdict != VERDICT_DEGRADED)
		str_addf(out, "%s, ", verdict_word(s->verdict));
}

void status_view_sentence(const struct snapshot *s, struct str *out)
{
	char age[FORMAT_SIZE];
	int up = 0;

	for (int i = 0; i < s->n_paths; i++)
		up += s->paths[i].state == PATH_STATE_UP || s->paths[i].state == PATH_STATE_DEGRADED;
	add_verdict(s, out);
	str_addf(out, "%d of %d paths up", up, count_wanted(s));
	for (int i = 0; i < s->n_paths; i++) {
		if (is_bad(&s->paths[i]))
			str_addf(out, ", %s %s %s", s->paths[i].name, path_state_word(s->paths[i].state),
				 format_age(s, s->paths[i].since_ms, age));
	}
	str_addf(out, ", %d connection%s", s->connections, s->connections == 1 ? "" : "s");
}

uint64_t status_view_changes(const struct snapshot *s, uint64_t seen_seq, struct str *out)
{
	uint64_t newest = seen_seq;
	char clock[FORMAT_SIZE];

	for (int i = s->n_events - 1; i >= 0; i--) {
		const struct event *event = &s->events[i];

		if (event->seq <= newest)
			continue;
		newest = event->seq;
		str_addf(out, "%s %s: %s  %s\n", event->object, event->verb, event->text,
			 format_clock(event->time_ms, clock));
	}
	return newest;
}
