// SPDX-License-Identifier: GPL-2.0-or-later
#include "role/status_view.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "role/table.h"

#define EVENTS_MAX 3

static const char *const verdict_colors[VERDICTS] = {
	[VERDICT_STARTING] = CYAN,          [VERDICT_OK] = GREEN,
	[VERDICT_DEGRADED] = YELLOW,        [VERDICT_NOT_BONDED] = RED,
	[VERDICT_SERVER_UNREACHABLE] = RED, [VERDICT_OFFLINE] = RED,
};

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

	table_add_cut(out, s->host[0] ? s->host : "mpgate", 30);
	str_add(out, "  ");
	used = table_width(out->text + begin) + strlen(word);
	table_add_colored(out, word, color ? verdict_colors[s->verdict] : NULL);
	if (s->verdict_since_ms)
		str_addf(&rest, " since %s (%s)", format_clock(s->verdict_since_ms, clock),
			 format_age(s, s->verdict_since_ms, age));
	str_addf(&rest, "   mpgate %s   up %s   pid %d", s->version,
		 format_duration(s->uptime_s, up), s->pid);
	table_add_cut(out, str_text(&rest), TABLE_COLUMNS - used);
	str_add(out, "\n");
	str_fini(&rest);
}

static void add_pending(const struct snapshot *s, struct str *out)
{
	if (s->pending[0])
		table_add_line(
			out,
			"restart pending: %s is installed, %s runs; a restart cuts connections",
			s->pending, s->version);
}

static void add_problems(const struct snapshot *s, struct str *out)
{
	struct problems problems;

	list_problems(s, &problems);
	for (int i = 0; i < problems.n; i++)
		table_add_line(out, "! %s", str_text(&problems.texts[i]));
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
		table_add_line(out, "exit    none is configured");
	else if (e->reachable < 0)
		table_add_line(out, "exit    %s not tried yet (%s)", e->name, e->endpoint);
	else if (e->reachable == 0)
		table_add_line(out, "exit    %s NOT REACHED over any path (%s)", e->name,
			       e->endpoint);
	else
		table_add_line(out, "exit    %s over %s of %d paths, MPTCP %s, RTT %s ms (%s)",
			       e->name, format_count(e->paths_ok, ok), count_wanted(s), mptcp,
			       format_rtt(e->rtt_us, rtt), e->endpoint);
	if (e->why[0])
		table_add_line(out, "        %s", e->why);
	if (e->udp_fault[0])
		table_add_line(out, "        it %s", e->udp_fault);
}

static void add_dns(const struct dns_snapshot *d, struct str *out)
{
	struct str servers = { 0 };
	char rtt[FORMAT_SIZE];

	if (!d->present)
		return;
	table_add_line(out,
		       "dns     %" PRIu64 " queries, %" PRIu64 " from the cache, %" PRIu64
		       " stale, %" PRIu64 " failed",
		       d->queries, d->hits, d->stale, d->failures);
	for (int i = 0; i < d->n_upstreams; i++) {
		const struct upstream_snapshot *u = &d->upstreams[i];

		str_addf(&servers, "%s%s ", i ? ", " : "", u->address);
		if (u->answers == 0)
			str_add(&servers, "SILENT");
		else if (u->rtt_us < 0)
			str_add(&servers, u->asked ? "no answer yet" : "not asked yet");
		else
			str_addf(&servers, "%s ms", format_rtt(u->rtt_us, rtt));
	}
	table_add_line(out, "        %s", str_text(&servers));
	if (d->why[0])
		table_add_line(out, "        %s", d->why);
	str_fini(&servers);
}

static void add_traffic(const struct snapshot *s, enum rate_unit unit, struct str *out)
{
	char rx[FORMAT_SIZE], tx[FORMAT_SIZE], in[FORMAT_SIZE], sent[FORMAT_SIZE];

	table_add_line(out, "traffic RX %s %s  TX %s %s   since start %s in, %s out",
		       format_rate(s->rx_bps, unit, rx), rate_unit_word(unit),
		       format_rate(s->tx_bps, unit, tx), rate_unit_word(unit),
		       format_bytes((int64_t)s->rx_bytes, in),
		       format_bytes((int64_t)s->tx_bytes, sent));
}

static void add_connections(const struct snapshot *s, struct str *out)
{
	char subflows[FORMAT_SIZE], all[FORMAT_SIZE];

	if (s->connections < 0 || s->connections_tcp < 0)
		table_add_line(out, "conns   %s", format_count(s->connections, all));
	else
		table_add_line(out, "conns   %d, of them %d MPTCP over %s subflows, %d plain TCP",
			       s->connections, s->connections - s->connections_tcp,
			       format_count(s->subflows, subflows), s->connections_tcp);
}

static void add_associations(const struct snapshot *s, struct str *out)
{
	char rx[FORMAT_SIZE], tx[FORMAT_SIZE];

	if (s->udp_associations > 0 || s->udp_tx_bytes)
		table_add_line(
			out, "udp     %d association%s through the exit, since start %s in, %s out",
			s->udp_associations > 0 ? s->udp_associations : 0,
			s->udp_associations == 1 ? "" : "s",
			format_bytes((int64_t)s->udp_rx_bytes, rx),
			format_bytes((int64_t)s->udp_tx_bytes, tx));
}

static void add_events(const struct snapshot *s, struct str *out)
{
	char clock[FORMAT_SIZE];

	for (int i = 0; i < s->n_events && i < EVENTS_MAX; i++) {
		const struct event *event = &s->events[i];

		table_add_line(out, "%s %c %-*s %-8s %s", format_clock(event->time_ms, clock),
			       event_is_alert(event) ? '!' : ' ', paths_view_name_width(s),
			       event->object, event->verb, event->text);
	}
}

void status_view_text(const struct snapshot *s, struct view_look look, struct str *out)
{
	add_heading(s, look.color, out);
	add_pending(s, out);
	add_problems(s, out);
	add_exit(s, out);
	add_traffic(s, paths_view_unit(s, look.units), out);
	add_connections(s, out);
	add_associations(s, out);
	add_dns(&s->dns, out);
	str_add(out, "\n");
	paths_view_table(s, look, out);
	if (s->n_events)
		str_add(out, "\n");
	add_events(s, out);
}

// ---- for programs

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
		up += s->paths[i].state == PATH_STATE_UP ||
		      s->paths[i].state == PATH_STATE_DEGRADED;
	add_verdict(s, out);
	str_addf(out, "%d of %d paths up", up, count_wanted(s));
	for (int i = 0; i < s->n_paths; i++) {
		if (is_bad(&s->paths[i]))
			str_addf(out, ", %s %s %s", s->paths[i].name,
				 path_state_word(s->paths[i].state),
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
