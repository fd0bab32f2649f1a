// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef MODEL_CONNS_H
#define MODEL_CONNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "model/conn_reason.h"
#include "model/path.h"

// The LAN's connections as the gateway carries them: a plain value, gathered when somebody asks.
// Numbers that can be unknown or not apply are SNAPSHOT_UNKNOWN or SNAPSHOT_NONE then.

// Of more connections than this the busiest are listed, and all are counted.
#define CONNS_MAX         200
#define CONN_SUBFLOWS_MAX 8 // endpoints of the kernel
#define CONN_TARGET_SIZE  72
#define CONN_WHY_SIZE     160
#define CONN_CLOSED_S     10 // closed ones are listed this long

// How a connection goes to the exit.
enum conn_mode { CONN_MPTCP, CONN_TCP, CONN_MODES };

// "mptcp"; JSON and filters.
const char *conn_mode_word(enum conn_mode mode);
int conn_mode_from_word(const char *word, enum conn_mode *mode);

struct conn_subflow {
	char path[NAME_SIZE];    // empty: over no path of ours
	int slot;                // the path's, for the gateway alone; -1: none
	int local_id;            // MPTCP's, 0: the subflow that it began with
	char local[ADDR_STRLEN]; // "10.0.0.2:40112"
	char remote[ADDR_STRLEN];
	bool established;
	int64_t rtt_us;
	int cwnd;        // segments
	int retransmits; // segments, since it began
	uint64_t rx_bytes, tx_bytes;
};

struct conn {
	uint64_t id; // never used again while the gateway runs
	bool closed;
	char end[16]; // how, when closed: "done", "reset"
	enum conn_mode mode;
	enum conn_reason reason;
	char why[CONN_WHY_SIZE]; // the reason for people
	int64_t tcp_since_ms;    // wall clock; 0: it is not plain TCP
	uint32_t token;          // MPTCP's, as ss(8) and ip-mptcp(8) name it; 0: none
	char client[ADDR_STRLEN];
	char target[CONN_TARGET_SIZE]; // "93.184.216.34:443", or a name that SOCKS was asked for
	bool socks;
	char exit[NAME_SIZE];       // empty: none
	int64_t began_ms, ended_ms; // wall clock; 0: not ended
	int64_t rx_bps, tx_bps;     // over the last 1 to 2 s
	uint64_t rx_bytes, tx_bytes;
	int n_subflows;
	struct conn_subflow subflows[CONN_SUBFLOWS_MAX];
};

struct conns {
	int64_t time_ms;   // wall clock
	int total, n_tcp;  // open ones, also those that are not listed
	uint64_t accepted; // since the gateway's start
	char sources[96];  // who is diverted: "br0 (192.168.1.0/24)"
	int n_paths;       // in the order of the configuration
	char paths[PATHS_MAX][NAME_SIZE];
	int n;
	struct conn list[CONNS_MAX];
};

// ---- sorting

enum conn_column {
	CONN_BY_AGE,
	CONN_BY_CLIENT,
	CONN_BY_TARGET,
	CONN_BY_MODE,
	CONN_BY_RX,
	CONN_BY_TX,
	CONN_COLUMNS
};

// "RX"
const char *conn_column_word(enum conn_column column);
// Sorts `n` pointers: numbers and ages from the largest down, texts from A to Z, and all the other
// way round when `inverted`. Equal ones stand in the order of their ids, so that rows do not jump.
void conns_sort(const struct conn *list[], size_t n, enum conn_column column, bool inverted);

// ---- filters

// Blanks separate terms, and all must hold; "!" before a term negates it. A term is one of
//	path:NAME  mode:mptcp|tcp  exit:NAME  state:open|closed  client:TEXT  to:TEXT
//	443           the port of client or target
//	192.0.2.0/24  or a whole address: of client or target
//	TEXT          is part of client, target, exit or the name of a path in use
#define CONN_FILTER_SIZE  64
#define CONN_FILTER_TERMS 8

enum conn_match {
	CONN_MATCH_TEXT,
	CONN_MATCH_PREFIX,
	CONN_MATCH_PORT,
	CONN_MATCH_PATH,
	CONN_MATCH_MODE,
	CONN_MATCH_EXIT,
	CONN_MATCH_STATE,
	CONN_MATCH_CLIENT,
	CONN_MATCH_TARGET,
};

struct conn_filter {
	int n;
	struct conn_term {
		enum conn_match match;
		bool negated;
		char text[CONN_FILTER_SIZE];
		struct prefix prefix;
		uint16_t port;
		enum conn_mode mode;
	} terms[CONN_FILTER_TERMS];
};

// Returns 0, or -EINVAL with a sentence in `why`. The empty text matches all.
int conn_filter_parse(const char *text, struct conn_filter *out, char *why, size_t size);
bool conn_filter_match(const struct conn_filter *filter, const struct conn *conn);

// ---- what else a listing says

// A letter for each path, as like its name as can be and no two alike: "p" for ppp0, "0" and "1"
// for tun0 and tun1.
void conns_letters(const struct conns *conns, char letters[static PATHS_MAX]);
// "p01-": by their letters, the paths over which the connection has subflows.
const char *conn_paths(const struct conn *conn, const struct conns *conns,
		       const char letters[static PATHS_MAX], char out[static PATHS_MAX + 1]);
// How long it has lived, or did.
int64_t conn_age_s(const struct conn *conn, const struct conns *conns);
// An endpoint without its port: "192.0.2.1", "2001:db8::1".
const char *conn_host(const char *endpoint, char out[static CONN_TARGET_SIZE]);
// Percents of the connection's bytes by subflow, which sum to 100 when any were carried.
void conn_shares(const struct conn *conn, int percents[static CONN_SUBFLOWS_MAX]);
// "192.0.2.1:443" -> "192.0.2.x:443": enough to tell rows apart, not enough to tell whose they are.
const char *conn_mask(const char *endpoint, char out[static CONN_TARGET_SIZE]);

#endif
