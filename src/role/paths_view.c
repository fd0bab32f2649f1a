// SPDX-License-Identifier: GPL-2.0-or-later
#include "role/paths_view.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "role/table.h"

// Never instead of the word: who sees no colour misses nothing.
static const char *const state_colors[PATH_STATES] = {
	[PATH_STATE_DOWN] = RED,        [PATH_STATE_BLOCKED] = RED,
	[PATH_STATE_DIALING] = CYAN,    [PATH_STATE_PROBING] = CYAN,
	[PATH_STATE_CAPPED] = MAGENTA,  [PATH_STATE_FLAPPING] = YELLOW,
	[PATH_STATE_DEGRADED] = YELLOW, [PATH_STATE_UP] = GREEN,
};

int paths_view_name_width(const struct snapshot *s)
{
	size_t width = 5;

	for (int i = 0; i < s->n_paths; i++) {
		if (table_width(s->paths[i].name) > width)
			width = table_width(s->paths[i].name);
	}
	return (int)width;
}

enum rate_unit paths_view_unit(const struct snapshot *s, enum rate_choice units)
{
	int64_t max_bps = s->rx_bps > s->tx_bps ? s->rx_bps : s->tx_bps;

	for (int i = 0; i < s->n_paths; i++) {
		max_bps = s->paths[i].rx_bps > max_bps ? s->paths[i].rx_bps : max_bps;
		max_bps = s->paths[i].tx_bps > max_bps ? s->paths[i].tx_bps : max_bps;
	}
	return rate_unit_choose(units, max_bps);
}

static const char *in_capitals(const char *kind, char out[static NAME_SIZE])
{
	str_copy(out, NAME_SIZE, kind);
	for (char *c = out; *c; c++)
		*c = (char)toupper((unsigned char)*c);
	return out;
}

// ---- the table

// The columns between the state and the note.
static void add_measures(struct str *out, const char *const cells[6])
{
	static const int widths[6] = { -8, -8, -6, -5, -5, -5 };

	for (int i = 0; i < 6; i++)
		table_add_cell(out, cells[i], widths[i]);
	str_add(out, "  ");
}

static void add_row(const struct path_snapshot *path, int width, int percent, enum rate_unit unit,
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
	snprintf(word, sizeof(word), "%-8s", path_state_word(path->state));

	table_add_cell(out, path->name, width + 2);
	table_add_cell(out, in_capitals(path->kind, kind), 5);
	str_add(out, " ");
	invisible = out->len;
	table_add_colored(out, word, color ? state_colors[path->state] : NULL);
	invisible = out->len - invisible - strlen(word);
	add_measures(out, cells);
	table_add_cut(out, path->note,
		      TABLE_COLUMNS - (table_width(out->text + begin) - invisible));
	while (out->text[out->len - 1] == ' ')
		out->text[--out->len] = '\0';
	str_add(out, "\n");
}

void paths_view_table(const struct snapshot *s, struct view_look look, struct str *out)
{
	double ratios[PATHS_MAX];
	int percents[PATHS_MAX], width = paths_view_name_width(s);
	enum rate_unit unit = paths_view_unit(s, look.units);
	char rx[16], tx[16];
	const char *const heads[6] = { rx, tx, "SHARE", "SUBF", "RTT", "LOSS" };

	if (!s->n_paths) {
		table_add_line(out, "No paths are configured.");
		return;
	}
	snprintf(rx, sizeof(rx), "RX %s", rate_unit_word(unit));
	snprintf(tx, sizeof(tx), "TX %s", rate_unit_word(unit));
	table_add_cell(out, "PATH", width + 2);
	str_add(out, "KIND  STATE   ");
	add_measures(out, heads);
	str_add(out, "NOTE\n");
	for (int i = 0; i < s->n_paths; i++)
		ratios[i] = s->paths[i].share_ratio;
	format_shares(ratios, (size_t)s->n_paths, percents);
	for (int i = 0; i < s->n_paths; i++)
		add_row(&s->paths[i], width, percents[i], unit, look.color, out);
}

// ---- all about one

#define LABEL_COLUMNS 8

// The facts of one label, comma after comma, as many to a line as fit. What is not known is left
// out, and so is a label without facts.
struct facts {
	struct str *out;
	const char *label;
	size_t used; // columns of the line; 0: none is begun
};

static struct facts begin_facts(struct str *out, const char *label)
{
	return (struct facts){ .out = out, .label = label };
}

__attribute__((format(printf, 2, 3))) static void add_fact(struct facts *f, const char *fmt, ...)
{
	struct str text = { 0 };
	va_list ap;

	va_start(ap, fmt);
	str_vaddf(&text, fmt, ap);
	va_end(ap);
	if (f->used && f->used + 2 + table_width(str_text(&text)) >= TABLE_COLUMNS) {
		str_add(f->out, ",\n");
		f->used = 0;
		f->label = "";
	}
	if (!f->used)
		str_addf(f->out, "%-*s", LABEL_COLUMNS, f->label);
	else
		str_add(f->out, ", ");
	f->used += (f->used ? 2 : LABEL_COLUMNS) + table_width(str_text(&text));
	str_add(f->out, str_text(&text));
	str_fini(&text);
}

static void end_facts(struct facts *f)
{
	if (f->used)
		str_add(f->out, "\n");
}

static const char *format_ago(const struct snapshot *s, int64_t then_ms,
			      char out[static FORMAT_SIZE])
{
	int64_t age_s = (s->time_ms - then_ms) / 1000;

	return format_duration(age_s < 0 ? 0 : age_s, out);
}

static bool carries(const struct path_snapshot *p)
{
	return p->state == PATH_STATE_UP || p->state == PATH_STATE_DEGRADED;
}

static void add_head(const struct snapshot *s, const struct path_snapshot *p, bool color,
		     struct str *out)
{
	char kind[NAME_SIZE], clock[FORMAT_SIZE], age[FORMAT_SIZE];
	const char *word = path_state_word(p->state);

	str_addf(out, "%s  %s  ", p->name, in_capitals(p->kind, kind));
	if (p->label[0])
		str_addf(out, "\"%s\"  ", p->label);
	table_add_colored(out, word, color ? state_colors[p->state] : NULL);
	if (p->since_ms)
		str_addf(out, " since %s (%s)", format_clock(p->since_ms, clock),
			 format_ago(s, p->since_ms, age));
	str_add(out, "\n");
}

static void tell_use(const struct snapshot *s, const struct path_snapshot *p, enum rate_unit unit,
		     struct str *out)
{
	static const char *const uses[PATH_USES] = {
		[PATH_USE_FULL] = "in full use",
		[PATH_USE_BACKUP] = "a backup just now",
		[PATH_USE_NONE] = "not used just now",
	};
	struct facts f = begin_facts(out, p->reason[0] ? "why" : "use");

	(void)s;
	(void)unit;
	if (p->note[0] && (p->reason[0] || !carries(p)))
		add_fact(&f, "%s", p->note);
	if (carries(p))
		add_fact(&f, "%s%s%s", uses[p->use], p->use_reason[0] ? ": " : "", p->use_reason);
	if (p->tier != PATH_TIER_PRIMARY)
		add_fact(&f, "tier %s", path_tier_word(p->tier));
	if (p->who[0])
		add_fact(&f, "switched by %s", p->who);
	if (p->demand[0])
		add_fact(&f, "wanted %s",
			 strcmp(p->demand, "manual") == 0 ? "by hand only" : p->demand);
	end_facts(&f);
}

static void tell_address(const struct snapshot *s, const struct path_snapshot *p,
			 enum rate_unit unit, struct str *out)
{
	struct facts f = begin_facts(out, "address");

	(void)s;
	(void)unit;
	if (p->address[0] && p->prefix_len >= 0)
		add_fact(&f, "%s/%d", p->address, p->prefix_len);
	else if (p->address[0])
		add_fact(&f, "%s", p->address);
	if (p->gateway[0])
		add_fact(&f, "gateway %s", p->gateway);
	if (p->address[0] && p->seen_as[0] && strcmp(p->seen_as, p->address) != 0)
		add_fact(&f, "seen by the exit as %s", p->seen_as);
	if (p->table)
		add_fact(&f, "table %d", p->table);
	if (strcmp(p->interface, p->name) != 0)
		add_fact(&f, "interface %s", p->interface);
	if (p->underlay[0])
		add_fact(&f, "rides %s", p->underlay);
	if (p->mtu)
		add_fact(&f, "MTU %d", p->mtu);
	end_facts(&f);
}

static void tell_probes(const struct snapshot *s, const struct path_snapshot *p,
			enum rate_unit unit, struct str *out)
{
	struct facts f = begin_facts(out, "probes");
	char text[FORMAT_SIZE], least[FORMAT_SIZE], jitter[FORMAT_SIZE];

	(void)unit;
	if (p->probe_interval_ms > 0)
		add_fact(&f, "one every %g s", (double)p->probe_interval_ms / 1000);
	if (p->answered_ms)
		add_fact(&f, "last answer %s ago", format_ago(s, p->answered_ms, text));
	if (p->rtt_us >= 0 && p->least_rtt_us > 0 && p->jitter_us >= 0)
		add_fact(&f, "RTT %s ms (at best %s, jitter %s)", format_rtt(p->rtt_us, text),
			 format_rtt(p->least_rtt_us, least), format_rtt(p->jitter_us, jitter));
	else if (p->rtt_us >= 0)
		add_fact(&f, "RTT %s ms", format_rtt(p->rtt_us, text));
	if (p->loss_ratio >= 0)
		add_fact(&f, "loss %s %%", format_loss(p->loss_ratio, text));
	if (p->download_loss_ratio >= 0)
		add_fact(&f, "sent again by the exit %s %%",
			 format_loss(p->download_loss_ratio, text));
	if (p->down_after > 0 && p->up_after > 0 && p->enabled)
		add_fact(&f, "down after %d lost, up after %d good", p->down_after, p->up_after);
	if (p->probes_lost > 0)
		add_fact(&f, "%d lost in a row", p->probes_lost);
	end_facts(&f);
}

static void tell_mptcp(const struct snapshot *s, const struct path_snapshot *p, enum rate_unit unit,
		       struct str *out)
{
	struct facts f = begin_facts(out, "mptcp");
	char clock[FORMAT_SIZE];

	(void)s;
	(void)unit;
	if (p->mptcp_ok >= 0 && p->mptcp_checked_ms)
		add_fact(&f, "options pass: %s (checked %s)", p->mptcp_ok ? "yes" : "NO",
			 format_clock(p->mptcp_checked_ms, clock));
	else if (p->mptcp_ok >= 0)
		add_fact(&f, "options pass: %s", p->mptcp_ok ? "yes" : "NO");
	if (p->endpoint_id)
		add_fact(&f, "endpoint id %d", p->endpoint_id);
	if (p->subflows >= 0 && carries(p))
		add_fact(&f, "%d subflows", p->subflows);
	if (p->joins_ok || p->joins_failed)
		add_fact(&f, "joins %" PRIu64 " ok, %" PRIu64 " failed", p->joins_ok,
			 p->joins_failed);
	end_facts(&f);
}

static void tell_traffic(const struct snapshot *s, const struct path_snapshot *p,
			 enum rate_unit unit, struct str *out)
{
	struct facts f = begin_facts(out, "traffic");
	char rx[FORMAT_SIZE], tx[FORMAT_SIZE];
	const char *word = rate_unit_word(unit);

	(void)s;
	if (p->rx_bps >= 0 && p->tx_bps >= 0)
		add_fact(&f, "RX %s %s  TX %s %s", format_rate(p->rx_bps, unit, rx), word,
			 format_rate(p->tx_bps, unit, tx), word);
	if (p->share_ratio >= 0)
		add_fact(&f, "share %.0f%%", p->share_ratio * 100);
	if (p->today_rx_bytes >= 0 && p->today_tx_bytes >= 0)
		add_fact(&f, "today %s in, %s out", format_bytes(p->today_rx_bytes, rx),
			 format_bytes(p->today_tx_bytes, tx));
	if (p->month_rx_bytes >= 0 && p->month_tx_bytes >= 0)
		add_fact(&f, "this month %s in, %s out", format_bytes(p->month_rx_bytes, rx),
			 format_bytes(p->month_tx_bytes, tx));
	if (p->probe_bytes)
		add_fact(&f, "probes %s", format_bytes((int64_t)p->probe_bytes, rx));
	end_facts(&f);
}

static void tell_cap(const struct snapshot *s, const struct path_snapshot *p, enum rate_unit unit,
		     struct str *out)
{
	struct facts f = begin_facts(out, "cap");
	char used[FORMAT_SIZE], limit[FORMAT_SIZE], left[FORMAT_SIZE];

	(void)unit;
	if (p->cap_bytes <= 0)
		return;
	if (p->cap_used_bytes < 0)
		add_fact(&f, "%s, used: nobody knows", format_bytes(p->cap_bytes, limit));
	else
		add_fact(&f, "%s of %s used (%.0f%%)", format_bytes(p->cap_used_bytes, used),
			 format_bytes(p->cap_bytes, limit),
			 (double)p->cap_used_bytes / (double)p->cap_bytes * 100);
	if (p->cap_resets_ms > s->time_ms)
		add_fact(&f, "resets in %s",
			 format_duration((p->cap_resets_ms - s->time_ms) / 1000, left));
	if (p->cap_ignored)
		add_fact(&f, "ignored until then");
	else
		add_fact(&f, "%d%% warns, 100%% %s", p->cap_warn_percent,
			 strcmp(p->cap_action, "backup") == 0 ? "makes it a backup"
							      : "switches it off");
	end_facts(&f);
}

static void add_event(const struct event *event, const char *label, struct str *out)
{
	time_t then = (time_t)(event->time_ms / 1000);
	char when[32] = "";
	struct tm tm;

	if (localtime_r(&then, &tm))
		strftime(when, sizeof(when), "%b %d %H:%M:%S", &tm);
	table_add_line(out, "%-*s%s %c %-8s %s", LABEL_COLUMNS, label, when,
		       event_is_alert(event) ? '!' : ' ', event->verb, event->text);
}

void paths_view_detail(const struct snapshot *s, const struct path_snapshot *path,
		       const struct event *events, int n_events, struct view_look look,
		       struct str *out)
{
	static void (*const tellers[])(const struct snapshot *s, const struct path_snapshot *p,
				       enum rate_unit unit, struct str *out) = {
		tell_use, tell_address, tell_probes, tell_mptcp, tell_traffic, tell_cap,
	};

	add_head(s, path, look.color, out);
	for (size_t i = 0; i < sizeof(tellers) / sizeof(tellers[0]); i++)
		tellers[i](s, path, paths_view_unit(s, look.units), out);
	for (int i = n_events - 1; i >= 0; i--)
		add_event(&events[i], i == n_events - 1 ? "events" : "", out);
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
void paths_view_plain(const struct snapshot *s, struct str *out)
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
