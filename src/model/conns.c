// SPDX-License-Identifier: GPL-2.0-or-later
#include "model/conns.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/str.h"
#include "model/format.h"

static const char *const modes[CONN_MODES] = {
	[CONN_MPTCP] = "mptcp",
	[CONN_TCP] = "tcp",
};

static const char *const reasons[CONN_REASONS] = {
	[CONN_REASON_NONE] = "",           [CONN_REASON_DIRECT] = "direct",
	[CONN_REASON_PIN] = "pin",         [CONN_REASON_KERNEL] = "kernel",
	[CONN_REASON_EXIT] = "exit",       [CONN_REASON_PATH] = "path",
	[CONN_REASON_UNKNOWN] = "unknown",
};

const char *conn_mode_word(enum conn_mode mode)
{
	return modes[mode];
}

int conn_mode_from_word(const char *word, enum conn_mode *mode)
{
	for (int i = 0; i < CONN_MODES; i++) {
		if (strcasecmp(word, modes[i]) == 0) {
			*mode = (enum conn_mode)i;
			return 0;
		}
	}
	return -EINVAL;
}

const char *conn_reason_word(enum conn_reason reason)
{
	return reasons[reason];
}

int conn_reason_from_word(const char *word, enum conn_reason *reason)
{
	for (int i = 0; i < CONN_REASONS; i++) {
		if (strcmp(word, reasons[i]) == 0) {
			*reason = (enum conn_reason)i;
			return 0;
		}
	}
	return -EINVAL;
}

// ---- sorting

static const char *const column_words[CONN_COLUMNS] = {
	[CONN_BY_AGE] = "AGE",   [CONN_BY_CLIENT] = "CLIENT", [CONN_BY_TARGET] = "DESTINATION",
	[CONN_BY_MODE] = "MODE", [CONN_BY_RX] = "RX",         [CONN_BY_TX] = "TX",
};

const char *conn_column_word(enum conn_column column)
{
	return column_words[column];
}

static int compare_numbers(int64_t a, int64_t b)
{
	return (a > b) - (a < b);
}

// Less than 0: `a` stands first.
static int compare_by(enum conn_column column, const struct conn *a, const struct conn *b)
{
	switch (column) {
	case CONN_BY_AGE:
		return compare_numbers(a->began_ms, b->began_ms);
	case CONN_BY_CLIENT:
		return strverscmp(a->client, b->client); // .9 before .10
	case CONN_BY_TARGET:
		return strverscmp(a->target, b->target);
	case CONN_BY_MODE: // what is not bonded is what one looks for
		return compare_numbers(b->mode, a->mode);
	case CONN_BY_RX:
		return compare_numbers(b->rx_bps, a->rx_bps);
	case CONN_BY_TX:
		return compare_numbers(b->tx_bps, a->tx_bps);
	case CONN_COLUMNS:
		break;
	}
	return 0;
}

struct order {
	enum conn_column column;
	bool inverted;
};

static int compare_rows(const void *a, const void *b, void *ctx)
{
	const struct conn *left = *(const struct conn *const *)a;
	const struct conn *right = *(const struct conn *const *)b;
	const struct order *order = ctx;
	int result = compare_by(order->column, left, right);

	if (result)
		return order->inverted ? -result : result;
	return (left->id > right->id) - (left->id < right->id);
}

void conns_sort(const struct conn *list[], size_t n, enum conn_column column, bool inverted)
{
	struct order order = { column, inverted };

	qsort_r(list, n, sizeof(list[0]), compare_rows, &order);
}

// ---- filters, read

// "192.0.2.1:443" and "[2001:db8::1]:443" in two.
static bool split_endpoint(const char *endpoint, struct addr *addr, uint16_t *port)
{
	const char *colon = strrchr(endpoint, ':');
	char host[ADDR_STRLEN];
	size_t len;

	if (!colon)
		return false;
	*port = (uint16_t)strtoul(colon + 1, NULL, 10);
	len = (size_t)(colon - endpoint);
	if (endpoint[0] == '[' && len > 2) {
		endpoint++;
		len -= 2;
	}
	*addr = (struct addr){ 0 };
	if (len < sizeof(host)) {
		snprintf(host, sizeof(host), "%.*s", (int)len, endpoint);
		addr_parse(host, addr); // a name has none
	}
	return true;
}

static bool parse_port(const char *text, uint16_t *port)
{
	unsigned long number;

	if (!text[0] || strlen(text) > 5 || text[strspn(text, "0123456789")])
		return false;
	number = strtoul(text, NULL, 10);
	*port = (uint16_t)number;
	return number > 0 && number <= UINT16_MAX;
}

// A term "KEY:VALUE".
static const struct {
	const char *key;
	enum conn_match match;
} keys[] = {
	{ "path", CONN_MATCH_PATH },   { "mode", CONN_MATCH_MODE },     { "exit", CONN_MATCH_EXIT },
	{ "state", CONN_MATCH_STATE }, { "client", CONN_MATCH_CLIENT }, { "to", CONN_MATCH_TARGET },
};

#define N_KEYS (sizeof(keys) / sizeof(keys[0]))

// Its place in `keys`, or N_KEYS; *value is what follows the colon.
static size_t find_key(const char *text, const char **value)
{
	size_t len = strcspn(text, ":"), i = 0;

	while (i < N_KEYS && (strlen(keys[i].key) != len || strncmp(text, keys[i].key, len) != 0))
		i++;
	*value = text[len] ? text + len + 1 : "";
	return text[len] ? i : N_KEYS;
}

// A word that looks like a key, and is none: addresses have digits or hexadecimal ones before a
// colon, and names no colon but before a port.
static bool looks_like_key(const char *text)
{
	size_t len = strcspn(text, ":");
	uint16_t port;

	return text[len] && len && strspn(text, "abcdefghijklmnopqrstuvwxyz") == len &&
	       strspn(text, "abcdef") < len && !parse_port(text + len + 1, &port);
}

static const char *parse_value(struct conn_term *term)
{
	if (term->match == CONN_MATCH_MODE && conn_mode_from_word(term->text, &term->mode) != 0)
		return "mode: is mptcp or tcp";
	if (term->match == CONN_MATCH_STATE && strcmp(term->text, "open") != 0 &&
	    strcmp(term->text, "closed") != 0)
		return "state: is open or closed";
	return term->text[0] ? NULL : "something is missing after the colon";
}

// Returns NULL, or what is wrong.
static const char *parse_term(const char *text, struct conn_term *term)
{
	const char *value;
	size_t key;

	term->negated = text[0] == '!';
	text += term->negated;
	if (!text[0])
		return "something is missing after '!'";
	key = find_key(text, &value);
	if (key < N_KEYS) {
		term->match = keys[key].match;
		str_copy(term->text, sizeof(term->text), value);
		return parse_value(term);
	}
	if (looks_like_key(text))
		return "the keys are path: mode: exit: state: client: to:";
	str_copy(term->text, sizeof(term->text), text);
	if (parse_port(text, &term->port))
		term->match = CONN_MATCH_PORT;
	else if (prefix_parse(text, &term->prefix) == 0)
		term->match = CONN_MATCH_PREFIX;
	else if (strchr(text, '/'))
		return "a range is written as 192.0.2.0/24, with no bits set behind the mask";
	return NULL;
}

int conn_filter_parse(const char *text, struct conn_filter *out, char *why, size_t size)
{
	char copy[CONN_FILTER_SIZE], *rest = copy, *word;

	*out = (struct conn_filter){ 0 };
	if (strlen(text) >= sizeof(copy)) {
		snprintf(why, size, "a filter has at most %d characters", CONN_FILTER_SIZE - 1);
		return -EINVAL;
	}
	str_copy(copy, sizeof(copy), text);
	while ((word = strtok_r(rest, " \t", &rest))) {
		const char *wrong = out->n < CONN_FILTER_TERMS
					    ? parse_term(word, &out->terms[out->n])
					    : "a filter has at most 8 terms";

		if (wrong) {
			snprintf(why, size, "'%s': %s", word, wrong);
			return -EINVAL;
		}
		out->n++;
	}
	return 0;
}

// ---- filters, held against a connection

static bool uses_path(const struct conn *conn, const char *name)
{
	for (int i = 0; i < conn->n_subflows; i++) {
		if (strcmp(conn->subflows[i].path, name) == 0)
			return true;
	}
	return false;
}

static bool holds(const char *text, const char *part)
{
	return strcasestr(text, part) != NULL;
}

static bool matches_text(const struct conn_term *term, const struct conn *conn)
{
	for (int i = 0; i < conn->n_subflows; i++) {
		if (holds(conn->subflows[i].path, term->text))
			return true;
	}
	return holds(conn->client, term->text) || holds(conn->target, term->text) ||
	       holds(conn->exit, term->text);
}

static bool matches_endpoint(const struct conn_term *term, const char *endpoint)
{
	struct addr addr;
	uint16_t port;

	if (!split_endpoint(endpoint, &addr, &port))
		return false;
	if (term->match == CONN_MATCH_PORT)
		return port == term->port;
	return addr_is_set(&addr) && prefix_contains(&term->prefix, &addr);
}

static bool matches(const struct conn_term *term, const struct conn *conn)
{
	switch (term->match) {
	case CONN_MATCH_TEXT:
		return matches_text(term, conn);
	case CONN_MATCH_PREFIX:
	case CONN_MATCH_PORT:
		return matches_endpoint(term, conn->client) || matches_endpoint(term, conn->target);
	case CONN_MATCH_PATH:
		return uses_path(conn, term->text);
	case CONN_MATCH_MODE:
		return conn->mode == term->mode;
	case CONN_MATCH_EXIT:
		return strcmp(conn->exit, term->text) == 0;
	case CONN_MATCH_STATE:
		return conn->closed == (term->text[0] == 'c');
	case CONN_MATCH_CLIENT:
		return holds(conn->client, term->text);
	case CONN_MATCH_TARGET:
		return holds(conn->target, term->text);
	}
	return false;
}

bool conn_filter_match(const struct conn_filter *filter, const struct conn *conn)
{
	for (int i = 0; i < filter->n; i++) {
		if (matches(&filter->terms[i], conn) == filter->terms[i].negated)
			return false;
	}
	return true;
}

// ---- what else a listing says

static bool is_taken(const char letters[static PATHS_MAX], char letter)
{
	return !isgraph((unsigned char)letter) || letter == '-' ||
	       memchr(letters, letter, PATHS_MAX) != NULL;
}

static bool shares_first_letter(const struct conns *conns, int path)
{
	for (int i = 0; i < conns->n_paths; i++) {
		if (i != path && conns->paths[i][0] == conns->paths[path][0])
			return true;
	}
	return false;
}

// From the end of the name, as that is where names of a kind differ; then any letter.
static char find_letter(const char letters[static PATHS_MAX], const char *name)
{
	for (size_t i = strlen(name); i-- > 0;) {
		if (!is_taken(letters, name[i]))
			return name[i];
	}
	for (char letter = 'a'; letter <= 'z'; letter++) {
		if (!is_taken(letters, letter))
			return letter;
	}
	return '?'; // there are fewer paths than letters
}

void conns_letters(const struct conns *conns, char letters[static PATHS_MAX])
{
	memset(letters, '\0', PATHS_MAX);
	for (int i = 0; i < conns->n_paths; i++) {
		if (!shares_first_letter(conns, i) && !is_taken(letters, conns->paths[i][0]))
			letters[i] = conns->paths[i][0];
	}
	for (int i = 0; i < conns->n_paths; i++) {
		if (!letters[i])
			letters[i] = find_letter(letters, conns->paths[i]);
	}
}

// A closed one is shown as it was.
static bool goes_over(const struct conn *conn, const char *path)
{
	for (int i = 0; i < conn->n_subflows; i++) {
		const struct conn_subflow *sf = &conn->subflows[i];

		if ((sf->established || conn->closed) && strcmp(sf->path, path) == 0)
			return true;
	}
	return false;
}

const char *conn_paths(const struct conn *conn, const struct conns *conns,
		       const char letters[static PATHS_MAX], char out[static PATHS_MAX + 1])
{
	for (int i = 0; i < conns->n_paths; i++)
		out[i] = goes_over(conn, conns->paths[i]) ? letters[i] : '-';
	out[conns->n_paths] = '\0';
	return out;
}

int64_t conn_age_s(const struct conn *conn, const struct conns *conns)
{
	int64_t until_ms = conn->closed ? conn->ended_ms : conns->time_ms;

	return until_ms > conn->began_ms ? (until_ms - conn->began_ms) / 1000 : 0;
}

const char *conn_host(const char *endpoint, char out[static CONN_TARGET_SIZE])
{
	bool brackets = endpoint[0] == '[';
	char *end;

	str_copy(out, CONN_TARGET_SIZE, endpoint + brackets);
	end = strrchr(out, brackets ? ']' : ':');
	if (end)
		*end = '\0';
	return out;
}

void conn_shares(const struct conn *conn, int percents[static CONN_SUBFLOWS_MAX])
{
	double ratios[CONN_SUBFLOWS_MAX];

	for (int i = 0; i < conn->n_subflows; i++)
		ratios[i] = (double)conn->subflows[i].rx_bytes + (double)conn->subflows[i].tx_bytes;
	format_shares(ratios, (size_t)conn->n_subflows, percents);
}

const char *conn_mask(const char *endpoint, char out[static CONN_TARGET_SIZE])
{
	struct addr addr;
	uint16_t port;

	if (!split_endpoint(endpoint, &addr, &port))
		return str_copy(out, CONN_TARGET_SIZE, endpoint[0] ? "x" : "");
	if (addr.family == AF_INET)
		snprintf(out, CONN_TARGET_SIZE, "%d.%d.x.x:%u", addr.bytes[0], addr.bytes[1], port);
	else if (addr.family == AF_INET6)
		snprintf(out, CONN_TARGET_SIZE, "[%x:%x::x]:%u", addr.bytes[0] << 8 | addr.bytes[1],
			 addr.bytes[2] << 8 | addr.bytes[3], port);
	else
		snprintf(out, CONN_TARGET_SIZE, "x:%u", port);
	return out;
}
