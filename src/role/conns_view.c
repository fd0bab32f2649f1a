// SPDX-License-Identifier: GPL-2.0-or-later
#include "role/conns_view.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "model/format.h"
#include "model/snapshot.h"

#define COLUMNS     80
#define AGE_WIDTH   7
#define CLIENT_MOST 18
#define MODE_WIDTH  6
#define RATE_WIDTH  7

int conns_view_filter(struct conns *conns, const struct conn_filter *filter)
{
	int listed = conns->n, kept = 0;

	for (int i = 0; i < listed; i++) {
		if (!conn_filter_match(filter, &conns->list[i]))
			continue;
		if (kept != i)
			conns->list[kept] = conns->list[i];
		kept++;
	}
	conns->n = kept;
	return listed;
}

// ---- for people

// Addresses and names are ASCII after str_copy_clean(), but for the rare name that is cut early.
static void add_cell(struct str *out, const char *text, int width)
{
	int len = (int)strlen(text);

	if (len > width)
		str_addf(out, "%.*s~ ", width - 1, text);
	else
		str_addf(out, "%-*s ", width, text);
}

static enum rate_unit choose_unit(const struct conns *conns, enum rate_choice units)
{
	int64_t max_bps = 0;

	for (int i = 0; i < conns->n; i++) {
		if (conns->list[i].rx_bps > max_bps)
			max_bps = conns->list[i].rx_bps;
		if (conns->list[i].tx_bps > max_bps)
			max_bps = conns->list[i].tx_bps;
	}
	return rate_unit_choose(units, max_bps);
}

static int client_width(const struct conns *conns)
{
	int width = 6;

	for (int i = 0; i < conns->n; i++) {
		char client[CONN_TARGET_SIZE];

		conn_host(conns->list[i].client, client);
		if ((int)strlen(client) > width)
			width = (int)strlen(client);
	}
	return width < CLIENT_MOST ? width : CLIENT_MOST;
}

// What the others leave of the line, each with a blank behind it.
static int target_width(const struct conns *conns)
{
	return COLUMNS - (AGE_WIDTH + 1) - (client_width(conns) + 1) - (MODE_WIDTH + 1) -
	       2 * (RATE_WIDTH + 1) - 1 - (conns->n_paths > 5 ? conns->n_paths : 5) - 1;
}

// "  ! plain TCP since 13:01:09: REASON", broken where the line ends.
static void add_why(const struct conn *conn, struct str *out)
{
	const char *rest = conn->why[0] ? conn->why : "the gateway does not say why";
	char clock[FORMAT_SIZE];
	int col;

	col = snprintf(NULL, 0, "      ! since %s: ", format_clock(conn->tcp_since_ms, clock));
	str_addf(out, "      ! since %s: ", clock);
	while (*rest) {
		int n = (int)strlen(rest), room = COLUMNS - col;

		if (n > room) {
			for (n = room; n > 0 && rest[n] != ' ';)
				n--;
			n = n ? n : room;
		}
		str_addf(out, "%.*s\n", n, rest);
		rest += n;
		rest += strspn(rest, " ");
		col = 8;
		if (*rest)
			str_add(out, "        ");
	}
}

static void add_row(const struct conns *conns, const struct conn *conn, enum rate_unit unit,
		    const char *letters, struct str *out)
{
	char age[FORMAT_SIZE], client[CONN_TARGET_SIZE], rx[FORMAT_SIZE], tx[FORMAT_SIZE];
	char paths[PATHS_MAX + 1];

	conn_host(conn->client, client);
	add_cell(out, format_duration_short(conn_age_s(conn, conns), age), AGE_WIDTH);
	add_cell(out, client, client_width(conns));
	add_cell(out, conn->target, target_width(conns));
	add_cell(out,
		 conn->closed               ? "closed"
		 : conn->mode == CONN_MPTCP ? "MPTCP"
					    : "TCP !",
		 MODE_WIDTH);
	str_addf(out, "%*s %*s  %s\n", RATE_WIDTH, format_rate(conn->rx_bps, unit, rx), RATE_WIDTH,
		 format_rate(conn->tx_bps, unit, tx), conn_paths(conn, conns, letters, paths));
	if (conn->mode == CONN_TCP)
		add_why(conn, out);
}

static void add_legend(const struct conns *conns, const char *letters, struct str *out)
{
	str_add(out, "\npaths:");
	for (int i = 0; i < conns->n_paths; i++)
		str_addf(out, " %c=%s", letters[i], conns->paths[i]);
	str_add(out, "\n");
}

static void add_nothing(const struct conns *conns, struct str *out)
{
	str_add(out, "No connections.");
	if (conns->sources[0])
		str_addf(out, " Clients are redirected from %s;", conns->sources);
	if (conns->accepted)
		str_addf(out, " %" PRIu64 " so far.\n", conns->accepted);
	else
		str_add(out,
			conns->sources[0] ? " nothing matched yet.\n" : " None has come yet.\n");
}

void conns_view_text(const struct conns *conns, const char *filter, int listed,
		     enum rate_choice units, struct str *out)
{
	enum rate_unit unit = choose_unit(conns, units);
	char letters[PATHS_MAX], rx[16], tx[16];

	if (!conns->total && !listed) {
		add_nothing(conns, out);
		return;
	}
	if (!conns->n) {
		str_addf(out, "0 of %d match \"%s\"\n", conns->total, filter);
		return;
	}
	conns_letters(conns, letters);
	str_addf(out, "%d connection%s, %d MPTCP, %d TCP", conns->total,
		 conns->total == 1 ? "" : "s", conns->total - conns->n_tcp, conns->n_tcp);
	if (filter[0])
		str_addf(out, "; %d match \"%s\"", conns->n, filter);
	if (conns->total > CONNS_MAX)
		str_addf(out, "; of the %d busiest", listed);
	str_add(out, "\n");
	snprintf(rx, sizeof(rx), "RX %s", rate_unit_word(unit));
	snprintf(tx, sizeof(tx), "TX %s", rate_unit_word(unit));
	add_cell(out, "AGE", AGE_WIDTH);
	add_cell(out, "CLIENT", client_width(conns));
	add_cell(out, "DESTINATION", target_width(conns));
	add_cell(out, "MODE", MODE_WIDTH);
	str_addf(out, "%*s %*s  PATHS\n", RATE_WIDTH, rx, RATE_WIDTH, tx);
	for (int i = 0; i < conns->n; i++)
		add_row(conns, &conns->list[i], unit, letters, out);
	add_legend(conns, letters, out);
}

// ---- for programs

static void add_rate(struct str *out, int64_t bps)
{
	char text[FORMAT_SIZE];

	str_addf(out, "\t%s", format_count(bps, text));
}

static void add_path_names(const struct conns *conns, const struct conn *conn, struct str *out)
{
	static const char marks[PATHS_MAX] = "xxxxxxxxxxxxxxxx";
	char used[PATHS_MAX + 1];
	int n = 0;

	conn_paths(conn, conns, marks, used);
	str_add(out, "\t");
	for (int i = 0; i < conns->n_paths; i++) {
		if (used[i] == 'x')
			str_addf(out, "%s%s", n++ ? "," : "", conns->paths[i]);
	}
	if (!n)
		str_add(out, "-");
}

static const char *or_dash(const char *text)
{
	return text[0] ? text : "-";
}

// Columns are only ever added at the end.
void conns_view_plain(const struct conns *conns, struct str *out)
{
	str_add(out, "#id\tstate\tmode\treason\tclient\ttarget\texit\tage_s\trx_bps\ttx_bps\t"
		     "rx_bytes\ttx_bytes\tsubflows\tpaths\tnote\n");
	for (int i = 0; i < conns->n; i++) {
		const struct conn *conn = &conns->list[i];

		str_addf(out, "%" PRIu64 "\t%s\t%s\t%s\t%s\t%s\t%s\t%" PRId64, conn->id,
			 conn->closed ? "closed" : "open", conn_mode_word(conn->mode),
			 or_dash(conn_reason_word(conn->reason)), or_dash(conn->client),
			 or_dash(conn->target), or_dash(conn->exit), conn_age_s(conn, conns));
		add_rate(out, conn->rx_bps);
		add_rate(out, conn->tx_bps);
		str_addf(out, "\t%" PRIu64 "\t%" PRIu64 "\t%d", conn->rx_bytes, conn->tx_bytes,
			 conn->n_subflows);
		add_path_names(conns, conn, out);
		str_addf(out, "\t%s\n", or_dash(conn->why));
	}
}

static const struct conn *find(const struct conns *conns, uint64_t id)
{
	for (int i = 0; i < conns->n; i++) {
		if (conns->list[i].id == id)
			return &conns->list[i];
	}
	return NULL;
}

static void add_change(const struct conns *now, const struct conn *conn, bool closed,
		       struct str *out)
{
	char clock[FORMAT_SIZE], in[FORMAT_SIZE], sent[FORMAT_SIZE], age[FORMAT_SIZE];

	str_addf(out, "%s -> %s %s", conn->client, conn->target, closed ? "closed" : "opened");
	if (closed)
		str_addf(out, ": %s after %s, %s in, %s out", conn->end,
			 format_duration(conn_age_s(conn, now), age),
			 format_bytes((int64_t)conn->rx_bytes, in),
			 format_bytes((int64_t)conn->tx_bytes, sent));
	else if (conn->mode == CONN_TCP)
		str_addf(out, " as plain TCP: %s", conn->why);
	str_addf(out, "  %s\n", format_clock(closed ? conn->ended_ms : conn->began_ms, clock));
}

void conns_view_changes(const struct conns *before, const struct conns *now, struct str *out)
{
	for (int i = 0; i < now->n; i++) {
		const struct conn *conn = &now->list[i], *old = find(before, conn->id);

		if (!old)
			add_change(now, conn, false, out);
		if (conn->closed && (!old || !old->closed))
			add_change(now, conn, true, out);
	}
}
