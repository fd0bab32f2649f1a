// SPDX-License-Identifier: GPL-2.0-or-later
//
// Values to lines of JSON and back. Each struct has a table of fields, one row per key, which both
// directions follow; so what is written is what is read. The form is doc/control-protocol.md's.
//
// Reading is lenient where versions may differ (unknown keys are skipped, missing ones leave zero
// or "unknown", lists that are too long are cut) and strict where a wrong value would lie (types,
// words). Texts are cleaned both ways: neither end trusts the other, and people pipe JSON to
// terminals.

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jansson.h>

#include "ctl/ctl_priv.h"

#define SCHEMA_VERSION 1
#define TEXT_MAX       256 // the longest text in any value but TYPE_LINES
#define LINE_TEXT_MAX  1024

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

enum type {
	TYPE_TEXT,
	TYPE_TEXT_OR_NULL, // "" <-> null
	TYPE_LINES,        // text of lines, each with a line end <-> list of texts
	TYPE_LETTER,       // char; '\0' <-> null
	TYPE_BOOL,
	TYPE_MAYBE,  // int8_t: 1, 0, SNAPSHOT_UNKNOWN, SNAPSHOT_NONE
	TYPE_ID,     // int; 0 <-> null
	TYPE_INT,    // int, or SNAPSHOT_UNKNOWN, SNAPSHOT_NONE
	TYPE_INT64,  // the same as int64_t
	TYPE_OFFSET, // int64_t of either sign; SNAPSHOT_NO_OFFSET <-> null
	TYPE_RATIO,  // the same as double
	TYPE_UINT64, // never unknown
	TYPE_TIME,   // int64_t, ms since the epoch; 0 <-> null
	TYPE_PATH_STATE,
	TYPE_PATH_TIER,
	TYPE_PATH_USE,
	TYPE_VERDICT,
	TYPE_LEVEL,
	TYPE_LEVEL_OR_NULL, // 0 <-> null
	TYPE_VERB,
	TYPE_SCALE,
	TYPE_CONN_MODE,
	TYPE_CONN_REASON, // CONN_REASON_NONE <-> null
	TYPE_TOKEN,       // uint32_t as eight hexadecimal digits; 0 <-> null
	TYPE_TEST_STEP,
	TYPE_TEST_LEVEL,
	TYPE_UNMEASURED, // no member: the names of this object's keys that are null because unknown
};

struct field {
	const char *key;
	enum type type;
	size_t offset, size;
};

#define FIELD(structure, member, key_, type_)                                                      \
	{                                                                                          \
		.key = (key_), .type = (type_), .offset = offsetof(struct structure, member),      \
		.size = sizeof(((struct structure *)NULL)->member),                                \
	}
#define UNMEASURED                                                                                 \
	{                                                                                          \
		.key = "unmeasured", .type = TYPE_UNMEASURED                                       \
	}
#define END                                                                                        \
	{                                                                                          \
		.key = NULL                                                                        \
	}

static const struct field time_fields[] = {
	FIELD(snapshot, time_ms, "time", TYPE_TIME),
	END,
};

static const struct field gateway_fields[] = {
	FIELD(snapshot, host, "host", TYPE_TEXT),
	FIELD(snapshot, version, "version", TYPE_TEXT),
	FIELD(snapshot, pid, "pid", TYPE_ID),
	FIELD(snapshot, config_file, "config_file", TYPE_TEXT_OR_NULL),
	FIELD(snapshot, uptime_s, "uptime_s", TYPE_INT64),
	FIELD(snapshot, pending, "restart_pending", TYPE_TEXT_OR_NULL),
	FIELD(snapshot, verdict, "verdict", TYPE_VERDICT),
	FIELD(snapshot, verdict_since_ms, "verdict_since", TYPE_TIME),
	FIELD(snapshot, machine.cpu_ratio, "cpu_ratio", TYPE_RATIO),
	FIELD(snapshot, machine.load, "load_1m", TYPE_RATIO),
	FIELD(snapshot, machine.temperature_c, "temperature_c", TYPE_INT),
	FIELD(snapshot, machine.memory_bytes, "memory_bytes", TYPE_INT64),
	FIELD(snapshot, machine.files, "files", TYPE_INT),
	FIELD(snapshot, machine.files_limit, "files_limit", TYPE_INT),
	FIELD(snapshot, machine.conntrack, "conntrack", TYPE_INT64),
	FIELD(snapshot, machine.conntrack_limit, "conntrack_limit", TYPE_INT64),
	FIELD(snapshot, timed_path, "timed_path", TYPE_TEXT_OR_NULL),
	FIELD(snapshot, revert_at_ms, "revert_at", TYPE_TIME),
	UNMEASURED,
	END,
};

static const struct field exit_fields[] = {
	FIELD(exit_snapshot, name, "name", TYPE_TEXT),
	FIELD(exit_snapshot, endpoint, "endpoint", TYPE_TEXT),
	FIELD(exit_snapshot, reachable, "reachable", TYPE_MAYBE),
	FIELD(exit_snapshot, mptcp, "mptcp", TYPE_MAYBE),
	FIELD(exit_snapshot, rtt_us, "rtt_us", TYPE_INT64),
	FIELD(exit_snapshot, paths_ok, "paths_ok", TYPE_INT),
	FIELD(exit_snapshot, service, "service", TYPE_MAYBE),
	FIELD(exit_snapshot, version, "version", TYPE_TEXT_OR_NULL),
	FIELD(exit_snapshot, subflows, "subflows", TYPE_INT),
	FIELD(exit_snapshot, clock_offset_us, "clock_offset_us", TYPE_OFFSET),
	FIELD(exit_snapshot, why, "why", TYPE_TEXT_OR_NULL),
	FIELD(exit_snapshot, udp_fault, "udp_fault", TYPE_TEXT_OR_NULL),
	UNMEASURED,
	END,
};

static const struct field upstream_fields[] = {
	FIELD(upstream_snapshot, address, "address", TYPE_TEXT),
	FIELD(upstream_snapshot, answers, "answers", TYPE_MAYBE),
	FIELD(upstream_snapshot, rtt_us, "rtt_us", TYPE_INT64),
	FIELD(upstream_snapshot, asked, "asked", TYPE_UINT64),
	FIELD(upstream_snapshot, answered, "answered", TYPE_UINT64),
	UNMEASURED,
	END,
};

static const struct field dns_fields[] = {
	FIELD(dns_snapshot, listeners, "listeners", TYPE_INT),
	FIELD(dns_snapshot, listening, "listening", TYPE_INT),
	FIELD(dns_snapshot, why, "why", TYPE_TEXT_OR_NULL),
	FIELD(dns_snapshot, queries, "queries", TYPE_UINT64),
	FIELD(dns_snapshot, hits, "hits", TYPE_UINT64),
	FIELD(dns_snapshot, stale, "stale", TYPE_UINT64),
	FIELD(dns_snapshot, failures, "failures", TYPE_UINT64),
	FIELD(dns_snapshot, cached, "cached", TYPE_INT),
	END,
};

static const struct field listed_fields[] = {
	FIELD(exit_listed, name, "name", TYPE_TEXT),
	FIELD(exit_listed, endpoint, "endpoint", TYPE_TEXT),
	FIELD(exit_listed, answers, "answers", TYPE_MAYBE),
	FIELD(exit_listed, in_use, "in_use", TYPE_BOOL),
	UNMEASURED,
	END,
};

static const struct field totals_fields[] = {
	FIELD(snapshot, rx_bps, "rx_bps", TYPE_INT64),
	FIELD(snapshot, tx_bps, "tx_bps", TYPE_INT64),
	FIELD(snapshot, unproxied_udp_rx_bps, "unproxied_udp_rx_bps", TYPE_INT64),
	FIELD(snapshot, unproxied_udp_tx_bps, "unproxied_udp_tx_bps", TYPE_INT64),
	FIELD(snapshot, unproxied_rest_rx_bps, "unproxied_rest_rx_bps", TYPE_INT64),
	FIELD(snapshot, unproxied_rest_tx_bps, "unproxied_rest_tx_bps", TYPE_INT64),
	FIELD(snapshot, rx_bytes, "rx_bytes", TYPE_UINT64),
	FIELD(snapshot, tx_bytes, "tx_bytes", TYPE_UINT64),
	FIELD(snapshot, today_rx_bytes, "today_rx_bytes", TYPE_INT64),
	FIELD(snapshot, today_tx_bytes, "today_tx_bytes", TYPE_INT64),
	FIELD(snapshot, month_rx_bytes, "month_rx_bytes", TYPE_INT64),
	FIELD(snapshot, month_tx_bytes, "month_tx_bytes", TYPE_INT64),
	FIELD(snapshot, connections, "connections", TYPE_INT),
	FIELD(snapshot, connections_tcp, "connections_tcp", TYPE_INT),
	FIELD(snapshot, subflows, "subflows", TYPE_INT),
	FIELD(snapshot, udp_associations, "udp_associations", TYPE_INT),
	FIELD(snapshot, udp_rx_bytes, "udp_rx_bytes", TYPE_UINT64),
	FIELD(snapshot, udp_tx_bytes, "udp_tx_bytes", TYPE_UINT64),
	FIELD(snapshot, udp_moved, "udp_moved", TYPE_UINT64),
	FIELD(snapshot, udp_dropped, "udp_dropped", TYPE_UINT64),
	FIELD(snapshot, events_today, "events_today", TYPE_UINT64),
	FIELD(snapshot, fallbacks[CONN_REASON_DIRECT], "fallbacks_direct", TYPE_UINT64),
	FIELD(snapshot, fallbacks[CONN_REASON_PIN], "fallbacks_pin", TYPE_UINT64),
	FIELD(snapshot, fallbacks[CONN_REASON_KERNEL], "fallbacks_kernel", TYPE_UINT64),
	FIELD(snapshot, fallbacks[CONN_REASON_EXIT], "fallbacks_exit", TYPE_UINT64),
	FIELD(snapshot, fallbacks[CONN_REASON_PATH], "fallbacks_path", TYPE_UINT64),
	FIELD(snapshot, fallbacks[CONN_REASON_UNKNOWN], "fallbacks_unknown", TYPE_UINT64),
	UNMEASURED,
	END,
};

static const struct field path_fields[] = {
	FIELD(path_snapshot, name, "name", TYPE_TEXT),
	FIELD(path_snapshot, kind, "kind", TYPE_TEXT),
	FIELD(path_snapshot, label, "label", TYPE_TEXT),
	FIELD(path_snapshot, underlay, "underlay", TYPE_TEXT_OR_NULL),
	FIELD(path_snapshot, probe_bytes, "probe_bytes", TYPE_UINT64),
	FIELD(path_snapshot, state, "state", TYPE_PATH_STATE),
	FIELD(path_snapshot, reason, "reason", TYPE_TEXT_OR_NULL),
	FIELD(path_snapshot, note, "note", TYPE_TEXT),
	FIELD(path_snapshot, since_ms, "since", TYPE_TIME),
	FIELD(path_snapshot, state_changes, "state_changes", TYPE_UINT64),
	FIELD(path_snapshot, tier, "tier", TYPE_PATH_TIER),
	FIELD(path_snapshot, use, "use", TYPE_PATH_USE),
	FIELD(path_snapshot, use_reason, "use_reason", TYPE_TEXT_OR_NULL),
	FIELD(path_snapshot, enabled, "enabled", TYPE_BOOL),
	FIELD(path_snapshot, reserved, "reserved", TYPE_BOOL),
	FIELD(path_snapshot, optional, "optional", TYPE_BOOL),
	FIELD(path_snapshot, bell, "bell", TYPE_BOOL),
	FIELD(path_snapshot, hotkey, "hotkey", TYPE_LETTER),
	FIELD(path_snapshot, interface, "interface", TYPE_TEXT),
	FIELD(path_snapshot, address, "address", TYPE_TEXT_OR_NULL),
	FIELD(path_snapshot, gateway, "gateway", TYPE_TEXT_OR_NULL),
	FIELD(path_snapshot, table, "table", TYPE_ID),
	FIELD(path_snapshot, endpoint_id, "endpoint_id", TYPE_ID),
	FIELD(path_snapshot, rx_bps, "rx_bps", TYPE_INT64),
	FIELD(path_snapshot, tx_bps, "tx_bps", TYPE_INT64),
	FIELD(path_snapshot, share_ratio, "share_ratio", TYPE_RATIO),
	FIELD(path_snapshot, rx_bytes, "rx_bytes", TYPE_UINT64),
	FIELD(path_snapshot, tx_bytes, "tx_bytes", TYPE_UINT64),
	FIELD(path_snapshot, interface_rx_bytes, "interface_rx_bytes", TYPE_UINT64),
	FIELD(path_snapshot, interface_tx_bytes, "interface_tx_bytes", TYPE_UINT64),
	FIELD(path_snapshot, today_rx_bytes, "today_rx_bytes", TYPE_INT64),
	FIELD(path_snapshot, today_tx_bytes, "today_tx_bytes", TYPE_INT64),
	FIELD(path_snapshot, month_rx_bytes, "month_rx_bytes", TYPE_INT64),
	FIELD(path_snapshot, month_tx_bytes, "month_tx_bytes", TYPE_INT64),
	FIELD(path_snapshot, subflows, "subflows", TYPE_INT),
	FIELD(path_snapshot, associations, "associations", TYPE_INT),
	FIELD(path_snapshot, udp_rx_bytes, "udp_rx_bytes", TYPE_UINT64),
	FIELD(path_snapshot, udp_tx_bytes, "udp_tx_bytes", TYPE_UINT64),
	FIELD(path_snapshot, joins_missing, "joins_missing", TYPE_INT),
	FIELD(path_snapshot, joins_ok, "joins_ok", TYPE_UINT64),
	FIELD(path_snapshot, joins_failed, "joins_failed", TYPE_UINT64),
	FIELD(path_snapshot, rtt_us, "rtt_us", TYPE_INT64),
	FIELD(path_snapshot, jitter_us, "jitter_us", TYPE_INT64),
	FIELD(path_snapshot, least_rtt_us, "least_rtt_us", TYPE_INT64),
	FIELD(path_snapshot, loss_ratio, "loss_ratio", TYPE_RATIO),
	FIELD(path_snapshot, download_loss_ratio, "download_loss_ratio", TYPE_RATIO),
	FIELD(path_snapshot, mptcp_ok, "mptcp_ok", TYPE_MAYBE),
	FIELD(path_snapshot, mptcp_checked_ms, "mptcp_checked", TYPE_TIME),
	FIELD(path_snapshot, who, "who", TYPE_TEXT_OR_NULL),
	FIELD(path_snapshot, prefix_len, "prefix_len", TYPE_INT),
	FIELD(path_snapshot, seen_as, "seen_as", TYPE_TEXT_OR_NULL),
	FIELD(path_snapshot, probe_interval_ms, "probe_interval_ms", TYPE_INT64),
	FIELD(path_snapshot, answered_ms, "probe_answered", TYPE_TIME),
	FIELD(path_snapshot, probes_lost, "probes_lost", TYPE_INT),
	FIELD(path_snapshot, probes_good, "probes_good", TYPE_INT),
	FIELD(path_snapshot, down_after, "down_after", TYPE_INT),
	FIELD(path_snapshot, up_after, "up_after", TYPE_INT),
	FIELD(path_snapshot, cap_bytes, "cap_bytes", TYPE_INT64),
	FIELD(path_snapshot, cap_used_bytes, "cap_used_bytes", TYPE_INT64),
	FIELD(path_snapshot, cap_began_ms, "cap_began", TYPE_TIME),
	FIELD(path_snapshot, cap_resets_ms, "cap_resets", TYPE_TIME),
	FIELD(path_snapshot, cap_warn_percent, "cap_warn_percent", TYPE_INT),
	FIELD(path_snapshot, cap_action, "cap_action", TYPE_TEXT_OR_NULL),
	FIELD(path_snapshot, cap_ignored, "cap_ignored", TYPE_BOOL),
	FIELD(path_snapshot, demand, "demand", TYPE_TEXT_OR_NULL),
	FIELD(path_snapshot, enabled_until_ms, "enabled_until", TYPE_TIME),
	FIELD(path_snapshot, mtu, "mtu", TYPE_ID),
	FIELD(path_snapshot, endpoint_flags, "endpoint_flags", TYPE_TEXT_OR_NULL),
	FIELD(path_snapshot, peer, "peer", TYPE_TEXT_OR_NULL),
	FIELD(path_snapshot, dial, "dial", TYPE_TEXT_OR_NULL),
	FIELD(path_snapshot, concentrator, "concentrator", TYPE_TEXT_OR_NULL),
	FIELD(path_snapshot, dialled_ms, "dialled", TYPE_TIME),
	FIELD(path_snapshot, hung_up_ms, "hung_up", TYPE_TIME),
	FIELD(path_snapshot, hung_up_why, "hung_up_why", TYPE_TEXT_OR_NULL),
	FIELD(path_snapshot, dial_attempts, "dial_attempts", TYPE_ID),
	FIELD(path_snapshot, next_dial_ms, "next_dial", TYPE_TIME),
	UNMEASURED,
	END,
};

static const struct field alarm_fields[] = {
	FIELD(alarm, id, "id", TYPE_TEXT),          FIELD(alarm, object, "object", TYPE_TEXT),
	FIELD(alarm, since_ms, "since", TYPE_TIME), FIELD(alarm, acked, "acked", TYPE_BOOL),
	FIELD(alarm, text, "text", TYPE_TEXT),      END,
};

static const struct field event_fields[] = {
	FIELD(event, seq, "seq", TYPE_UINT64),
	FIELD(event, time_ms, "time", TYPE_TIME),
	FIELD(event, level, "severity", TYPE_LEVEL),
	FIELD(event, object, "object", TYPE_TEXT),
	FIELD(event, verb, "verb", TYPE_TEXT),
	FIELD(event, text, "text", TYPE_TEXT),
	END,
};

static const struct field page_fields[] = {
	FIELD(event_page, next, "next", TYPE_UINT64),
	FIELD(event_page, last, "last", TYPE_UINT64),
	END,
};

static const struct field filter_fields[] = {
	FIELD(event_filter, from, "from", TYPE_UINT64),
	FIELD(event_filter, limit, "limit", TYPE_ID),
	FIELD(event_filter, level, "level", TYPE_LEVEL_OR_NULL),
	FIELD(event_filter, object, "object", TYPE_TEXT_OR_NULL),
	END,
};

static const struct field sample_fields[] = {
	FIELD(history_sample, time_ms, "time", TYPE_TIME),
	FIELD(history_sample, rx_bps, "rx_bps", TYPE_INT64),
	FIELD(history_sample, tx_bps, "tx_bps", TYPE_INT64),
	UNMEASURED,
	END,
};

static const struct field history_fields[] = {
	FIELD(history, path, "path", TYPE_TEXT_OR_NULL),
	FIELD(history, scale, "scale", TYPE_SCALE),
	END,
};

static const struct field day_fields[] = {
	FIELD(history_day, date, "date", TYPE_TEXT),
	FIELD(history_day, rx_bytes, "rx_bytes", TYPE_UINT64),
	FIELD(history_day, tx_bytes, "tx_bytes", TYPE_UINT64),
	END,
};

static const struct field hello_fields[] = {
	FIELD(ctl_hello, may_change, "may_change", TYPE_BOOL),
	FIELD(ctl_hello, who, "who", TYPE_TEXT),
	END,
};

static const struct field result_fields[] = {
	FIELD(ctl_result, verb, "verb", TYPE_VERB),
	FIELD(ctl_result, object, "object", TYPE_TEXT_OR_NULL),
	FIELD(ctl_result, result.status, "exit_status", TYPE_INT),
	FIELD(ctl_result, result.text, "text", TYPE_TEXT),
	FIELD(ctl_result, result.hint, "hint", TYPE_TEXT_OR_NULL),
	FIELD(ctl_result, result.details, "details", TYPE_LINES),
	END,
};

static const struct field error_fields[] = {
	FIELD(ctl_error, code, "code", TYPE_TEXT),
	FIELD(ctl_error, message, "message", TYPE_TEXT),
	FIELD(ctl_error, hint, "hint", TYPE_TEXT_OR_NULL),
	FIELD(ctl_error, status, "exit_status", TYPE_INT),
	FIELD(ctl_error, details, "details", TYPE_LINES),
	END,
};

static const struct field conns_fields[] = {
	FIELD(conns, time_ms, "time", TYPE_TIME),
	FIELD(conns, total, "total", TYPE_INT),
	FIELD(conns, n_tcp, "total_tcp", TYPE_INT),
	FIELD(conns, accepted, "accepted", TYPE_UINT64),
	FIELD(conns, sources, "sources", TYPE_TEXT),
	END,
};

static const struct field conn_fields[] = {
	FIELD(conn, id, "id", TYPE_UINT64),
	FIELD(conn, closed, "closed", TYPE_BOOL),
	FIELD(conn, end, "end", TYPE_TEXT_OR_NULL),
	FIELD(conn, mode, "mode", TYPE_CONN_MODE),
	FIELD(conn, reason, "reason", TYPE_CONN_REASON),
	FIELD(conn, why, "note", TYPE_TEXT_OR_NULL),
	FIELD(conn, tcp_since_ms, "tcp_since", TYPE_TIME),
	FIELD(conn, token, "token", TYPE_TOKEN),
	FIELD(conn, client, "client", TYPE_TEXT),
	FIELD(conn, target, "target", TYPE_TEXT),
	FIELD(conn, socks, "socks", TYPE_BOOL),
	FIELD(conn, exit, "exit", TYPE_TEXT_OR_NULL),
	FIELD(conn, began_ms, "began", TYPE_TIME),
	FIELD(conn, ended_ms, "ended", TYPE_TIME),
	FIELD(conn, rx_bps, "rx_bps", TYPE_INT64),
	FIELD(conn, tx_bps, "tx_bps", TYPE_INT64),
	FIELD(conn, rx_bytes, "rx_bytes", TYPE_UINT64),
	FIELD(conn, tx_bytes, "tx_bytes", TYPE_UINT64),
	UNMEASURED,
	END,
};

static const struct field subflow_fields[] = {
	FIELD(conn_subflow, path, "path", TYPE_TEXT_OR_NULL),
	FIELD(conn_subflow, local_id, "local_id", TYPE_INT),
	FIELD(conn_subflow, local, "local", TYPE_TEXT),
	FIELD(conn_subflow, remote, "remote", TYPE_TEXT),
	FIELD(conn_subflow, established, "established", TYPE_BOOL),
	FIELD(conn_subflow, rtt_us, "rtt_us", TYPE_INT64),
	FIELD(conn_subflow, cwnd, "cwnd_segments", TYPE_INT),
	FIELD(conn_subflow, retransmits, "retransmits", TYPE_INT),
	FIELD(conn_subflow, rx_bytes, "rx_bytes", TYPE_UINT64),
	FIELD(conn_subflow, tx_bytes, "tx_bytes", TYPE_UINT64),
	UNMEASURED,
	END,
};

static const struct field test_fields[] = {
	FIELD(path_test, time_ms, "time", TYPE_TIME),
	FIELD(path_test, path, "path", TYPE_TEXT),
	FIELD(path_test, exit, "exit", TYPE_TEXT),
	FIELD(path_test, endpoint, "endpoint", TYPE_TEXT),
	FIELD(path_test, passed, "passed", TYPE_BOOL),
	FIELD(path_test, rtt_us, "rtt_us", TYPE_INT64),
	FIELD(path_test, mptcp, "mptcp", TYPE_MAYBE),
	FIELD(path_test, mtu, "mtu_bytes", TYPE_INT),
	FIELD(path_test, download_bps, "download_bps", TYPE_INT64),
	FIELD(path_test, seen_as, "seen_as", TYPE_TEXT_OR_NULL),
	FIELD(path_test, bytes, "spent_bytes", TYPE_UINT64),
	UNMEASURED,
	END,
};

static const struct field finding_fields[] = {
	FIELD(test_finding, step, "step", TYPE_TEST_STEP),
	FIELD(test_finding, level, "level", TYPE_TEST_LEVEL),
	FIELD(test_finding, took_us, "took_us", TYPE_INT64),
	FIELD(test_finding, text, "text", TYPE_TEXT),
	FIELD(test_finding, cause, "cause", TYPE_TEXT_OR_NULL),
	FIELD(test_finding, next, "next", TYPE_TEXT_OR_NULL),
	END,
};

static const struct field order_fields[] = {
	FIELD(path_test_order, path, "path", TYPE_TEXT),
	FIELD(path_test_order, metered, "metered", TYPE_BOOL),
	FIELD(path_test_order, mptcp, "mptcp", TYPE_BOOL),
	FIELD(path_test_order, speed, "speed", TYPE_BOOL),
	END,
};

static const struct field command_fields[] = {
	FIELD(command, verb, "verb", TYPE_VERB),
	FIELD(command, object, "object", TYPE_TEXT_OR_NULL),
	END,
};

// What only some commands have; missing or null where it is nought.
static const struct field enable_fields[] = {
	FIELD(command, for_s, "for_s", TYPE_INT64),
	FIELD(command, boost_bytes, "boost_bytes", TYPE_INT64),
	FIELD(command, ignore_cap, "ignore_cap", TYPE_BOOL),
	END,
};
static const struct field cap_fields[] = {
	FIELD(command, used_bytes, "used_bytes", TYPE_INT64),
	END,
};

// ---- one field, written

// RFC 3339 with milliseconds and the local offset; null where that has no such form.
static json_t *time_to_json(int64_t time_ms)
{
	time_t seconds = (time_t)(time_ms / 1000);
	char text[32], offset[8];
	struct tm tm;

	if (time_ms <= 0 || !localtime_r(&seconds, &tm) || tm.tm_year + 1900 > 9999)
		return json_null();
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	strftime(offset, sizeof(offset), "%z", &tm); // "+0100"
	return json_sprintf("%s.%03d%.3s:%s", text, (int)(time_ms % 1000), offset, offset + 3);
}

static int time_from_text(const char *text, int64_t *time_ms)
{
	int year, month, day, hour, minute, second, ms, off_hour, off_minute, used = 0;
	struct tm tm;
	char sign;

	if (sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d.%3d%c%2d:%2d%n", &year, &month, &day, &hour,
		   &minute, &second, &ms, &sign, &off_hour, &off_minute, &used) < 10 ||
	    text[used] || (sign != '+' && sign != '-'))
		return -EPROTO;
	tm = (struct tm){ .tm_year = year - 1900,
			  .tm_mon = month - 1,
			  .tm_mday = day,
			  .tm_hour = hour,
			  .tm_min = minute,
			  .tm_sec = second };
	*time_ms = (int64_t)timegm(&tm) * 1000 + ms;
	*time_ms -= (sign == '-' ? -60000 : 60000) * (off_hour * 60 + off_minute);
	return 0;
}

static json_t *text_to_json(const char *text)
{
	char clean[TEXT_MAX];

	return json_string(str_copy_clean(clean, sizeof(clean), text));
}

static json_t *lines_to_json(const char *text)
{
	json_t *list = json_array();

	while (*text) {
		size_t len = strcspn(text, "\n");
		char line[LINE_TEXT_MAX], clean[LINE_TEXT_MAX];

		snprintf(line, sizeof(line), "%.*s", (int)len, text);
		json_array_append_new(list,
				      json_string(str_copy_clean(clean, sizeof(clean), line)));
		text += len + (text[len] == '\n');
	}
	return list;
}

// A number, or null; sets *unknown when it is null because nobody knows.
static json_t *number_to_json(int64_t number, bool *unknown)
{
	*unknown = number == SNAPSHOT_UNKNOWN;
	return number < 0 ? json_null() : json_integer(number);
}

static json_t *ratio_to_json(double ratio, bool *unknown)
{
	*unknown = !isfinite(ratio) || ratio == SNAPSHOT_UNKNOWN;
	return *unknown || ratio < 0 ? json_null() : json_real(ratio);
}

static json_t *reason_to_json(enum conn_reason reason)
{
	return reason ? json_string(conn_reason_word(reason)) : json_null();
}

static json_t *token_to_json(uint32_t token)
{
	return token ? json_sprintf("%08" PRIx32, token) : json_null();
}

static json_t *field_to_json(const struct field *f, const void *value, bool *unknown)
{
	*unknown = false;
	switch (f->type) {
	case TYPE_TEXT:
		return text_to_json(value);
	case TYPE_TEXT_OR_NULL:
		return *(const char *)value ? text_to_json(value) : json_null();
	case TYPE_LINES:
		return lines_to_json(value);
	case TYPE_LETTER:
		return *(const char *)value ? text_to_json((char[]){ *(const char *)value, 0 })
					    : json_null();
	case TYPE_BOOL:
		return json_boolean(*(const bool *)value);
	case TYPE_MAYBE:
		*unknown = *(const int8_t *)value == SNAPSHOT_UNKNOWN;
		return *(const int8_t *)value < 0 ? json_null()
						  : json_boolean(*(const int8_t *)value);
	case TYPE_ID:
		return *(const int *)value > 0 ? json_integer(*(const int *)value) : json_null();
	case TYPE_INT:
		return number_to_json(*(const int *)value, unknown);
	case TYPE_INT64:
		return number_to_json(*(const int64_t *)value, unknown);
	case TYPE_OFFSET:
		*unknown = *(const int64_t *)value == SNAPSHOT_NO_OFFSET;
		return *unknown ? json_null() : json_integer(*(const int64_t *)value);
	case TYPE_RATIO:
		return ratio_to_json(*(const double *)value, unknown);
	case TYPE_UINT64:
		return json_integer((json_int_t)(*(const uint64_t *)value & INT64_MAX));
	case TYPE_TIME:
		return time_to_json(*(const int64_t *)value);
	case TYPE_PATH_STATE:
		return json_string(path_state_json(*(const enum path_state *)value));
	case TYPE_PATH_TIER:
		return json_string(path_tier_word(*(const enum path_tier *)value));
	case TYPE_PATH_USE:
		return json_string(path_use_word(*(const enum path_use *)value));
	case TYPE_VERDICT:
		return json_string(verdict_json(*(const enum verdict *)value));
	case TYPE_LEVEL_OR_NULL:
		if (!*(const enum log_level *)value)
			return json_null();
		// fall through
	case TYPE_LEVEL:
		return json_string(log_level_word(*(const enum log_level *)value));
	case TYPE_VERB:
		return json_string(command_word(*(const enum command_verb *)value));
	case TYPE_SCALE:
		return json_string(trend_scale_word(*(const enum trend_scale *)value));
	case TYPE_CONN_MODE:
		return json_string(conn_mode_word(*(const enum conn_mode *)value));
	case TYPE_CONN_REASON:
		return reason_to_json(*(const enum conn_reason *)value);
	case TYPE_TEST_STEP:
		return json_string(test_step_word(*(const enum test_step *)value));
	case TYPE_TEST_LEVEL:
		return json_string(test_level_word(*(const enum test_level *)value));
	case TYPE_TOKEN:
		return token_to_json(*(const uint32_t *)value);
	case TYPE_UNMEASURED:
		break;
	}
	return NULL;
}

// ---- one struct by its table, written

static void add_fields(json_t *object, const struct field *f, const void *base)
{
	json_t *unmeasured = json_array();

	for (; f->key; f++) {
		bool unknown;

		if (f->type == TYPE_UNMEASURED) {
			json_object_set(object, f->key, unmeasured);
			continue;
		}
		json_object_set_new(object, f->key,
				    field_to_json(f, (const char *)base + f->offset, &unknown));
		if (unknown)
			json_array_append_new(unmeasured, json_string(f->key));
	}
	json_decref(unmeasured);
}

static json_t *make_object(const struct field *fields, const void *base)
{
	json_t *object = json_object();

	add_fields(object, fields, base);
	return object;
}

// ---- one field, read

static int text_from_json(const json_t *json, char *out, size_t size)
{
	if (json_is_string(json))
		str_copy_clean(out, size, json_string_value(json));
	return json_is_string(json) || json_is_null(json) ? 0 : -EPROTO;
}

// What does not fit is left out.
static int lines_from_json(const json_t *json, char *out, size_t size)
{
	char line[LINE_TEXT_MAX];
	const json_t *element;
	size_t i, used = 0;

	out[0] = '\0';
	if (!json_is_array(json) && !json_is_null(json))
		return -EPROTO;
	json_array_foreach(json, i, element) {
		if (text_from_json(element, line, sizeof(line)) != 0)
			return -EPROTO;
		if (used + strlen(line) + 2 > size)
			break;
		used += (size_t)snprintf(out + used, size - used, "%s\n", line);
	}
	return 0;
}

static int letter_from_json(const json_t *json, char *out)
{
	char text[2] = "";
	int rc = text_from_json(json, text, sizeof(text));

	*out = text[0];
	return rc;
}

// `absent` is what null means here.
static int number_from_json(const json_t *json, int64_t absent, int64_t max, int64_t *out)
{
	*out = absent;
	if (json_is_null(json))
		return 0;
	if (!json_is_integer(json) || json_integer_value(json) < 0 ||
	    json_integer_value(json) > max)
		return -EPROTO;
	*out = json_integer_value(json);
	return 0;
}

static int int_from_json(const json_t *json, int absent, int *out)
{
	int64_t number;
	int rc = number_from_json(json, absent, INT_MAX, &number);

	*out = (int)number;
	return rc;
}

static int maybe_from_json(const json_t *json, int absent, int8_t *out)
{
	*out = (int8_t)(json_is_boolean(json) ? json_is_true(json) : absent);
	return json_is_boolean(json) || json_is_null(json) ? 0 : -EPROTO;
}

static int offset_from_json(const json_t *json, int64_t *out)
{
	*out = json_is_integer(json) ? json_integer_value(json) : SNAPSHOT_NO_OFFSET;
	return json_is_integer(json) || json_is_null(json) ? 0 : -EPROTO;
}

static int ratio_from_json(const json_t *json, double absent, double *out)
{
	*out = json_is_number(json) ? json_number_value(json) : absent;
	return json_is_null(json) || (json_is_number(json) && *out >= 0) ? 0 : -EPROTO;
}

static int time_from_json(const json_t *json, int64_t *out)
{
	*out = 0;
	if (json_is_null(json))
		return 0;
	return json_is_string(json) ? time_from_text(json_string_value(json), out) : -EPROTO;
}

static int token_from_json(const json_t *json, uint32_t *out)
{
	const char *text = json_string_value(json);

	*out = 0;
	if (!text)
		return json_is_null(json) ? 0 : -EPROTO;
	if (strlen(text) != 8 || text[strspn(text, "0123456789abcdef")])
		return -EPROTO;
	*out = (uint32_t)strtoul(text, NULL, 16);
	return 0;
}

static int field_from_json(const struct field *f, const json_t *json, bool unknown, void *value)
{
	const char *word = json_is_string(json) ? json_string_value(json) : "";
	int absent = unknown ? SNAPSHOT_UNKNOWN : SNAPSHOT_NONE;
	int64_t number;
	int rc;

	switch (f->type) {
	case TYPE_TEXT:
	case TYPE_TEXT_OR_NULL:
		return text_from_json(json, value, f->size);
	case TYPE_LINES:
		return lines_from_json(json, value, f->size);
	case TYPE_LETTER:
		return letter_from_json(json, value);
	case TYPE_BOOL:
		*(bool *)value = json_is_true(json);
		return json_is_boolean(json) || json_is_null(json) ? 0 : -EPROTO;
	case TYPE_MAYBE:
		return maybe_from_json(json, absent, value);
	case TYPE_ID:
		return int_from_json(json, 0, value);
	case TYPE_INT:
		return int_from_json(json, absent, value);
	case TYPE_INT64:
		return number_from_json(json, absent, INT64_MAX, value);
	case TYPE_OFFSET:
		return offset_from_json(json, value);
	case TYPE_RATIO:
		return ratio_from_json(json, absent, value);
	case TYPE_UINT64:
		rc = number_from_json(json, 0, INT64_MAX, &number);
		*(uint64_t *)value = (uint64_t)number;
		return rc;
	case TYPE_TIME:
		return time_from_json(json, value);
	case TYPE_PATH_STATE:
		return path_state_from_json(word, value);
	case TYPE_PATH_TIER:
		*(enum path_tier *)value = PATH_TIER_PRIMARY; // for gateways that do not say
		return json_is_null(json) ? 0 : path_tier_from_word(word, value);
	case TYPE_PATH_USE:
		*(enum path_use *)value = PATH_USE_FULL; // the same
		return json_is_null(json) ? 0 : path_use_from_word(word, value);
	case TYPE_VERDICT:
		return verdict_from_json(word, value);
	case TYPE_LEVEL_OR_NULL:
		*(enum log_level *)value = 0;
		if (json_is_null(json))
			return 0;
		// fall through
	case TYPE_LEVEL:
		return log_level_parse(word, value);
	case TYPE_VERB:
		return command_from_word(word, value);
	case TYPE_SCALE:
		*(enum trend_scale *)value = TREND_MINUTE; // for gateways that know no other
		return json_is_null(json) ? 0 : trend_scale_from_word(word, value);
	case TYPE_CONN_MODE:
		return conn_mode_from_word(word, value);
	case TYPE_CONN_REASON:
		return conn_reason_from_word(word, value);
	case TYPE_TEST_STEP:
		return test_step_from_word(word, value);
	case TYPE_TEST_LEVEL:
		return test_level_from_word(word, value);
	case TYPE_TOKEN:
		return token_from_json(json, value);
	case TYPE_UNMEASURED:
		break;
	}
	return 0;
}

// ---- one struct by its table, read

static bool holds_text(const json_t *array, const char *text)
{
	const json_t *element;
	size_t i;

	json_array_foreach(array, i, element) {
		if (json_is_string(element) && strcmp(json_string_value(element), text) == 0)
			return true;
	}
	return false;
}

static int read_object(const struct field *f, const json_t *object, void *base)
{
	const json_t *unmeasured = json_object_get(object, "unmeasured");

	if (!json_is_object(object))
		return -EPROTO;
	for (; f->key; f++) {
		const json_t *json = json_object_get(object, f->key);
		bool unknown = !json || holds_text(unmeasured, f->key);

		if (field_from_json(f, json ? json : json_null(), unknown,
				    (char *)base + f->offset) != 0)
			return -EPROTO;
	}
	return 0;
}

// ---- lists of structs

static json_t *make_list(const struct field *fields, const void *base, size_t n, size_t stride)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, make_object(fields, (const char *)base + i * stride));
	return list;
}

// What does not fit into `max` is left out.
static int read_list(const struct field *fields, const json_t *list, void *base, size_t max,
		     size_t stride, int *n)
{
	const json_t *element;
	size_t i;

	*n = 0;
	if (list && !json_is_array(list))
		return -EPROTO;
	json_array_foreach(list, i, element) {
		if (i == max)
			break;
		if (read_object(fields, element, (char *)base + i * stride) != 0)
			return -EPROTO;
		*n = (int)i + 1;
	}
	return 0;
}

// ---- messages

static json_t *make_dns(const struct dns_snapshot *dns)
{
	json_t *object = make_object(dns_fields, dns);

	json_object_set_new(object, "upstreams",
			    make_list(upstream_fields, dns->upstreams, (size_t)dns->n_upstreams,
				      sizeof(dns->upstreams[0])));
	return object;
}

// An older gateway has none.
static int read_dns(const json_t *object, struct dns_snapshot *dns)
{
	dns->present = object && !json_is_null(object);
	if (!dns->present)
		return 0;
	if (read_object(dns_fields, object, dns) != 0)
		return -EPROTO;
	return read_list(upstream_fields, json_object_get(object, "upstreams"), dns->upstreams,
			 SNAPSHOT_UPSTREAMS, sizeof(dns->upstreams[0]), &dns->n_upstreams);
}

static void put_snapshot(json_t *root, const void *value)
{
	const struct snapshot *s = value;

	add_fields(root, time_fields, s);
	json_object_set_new(root, "gateway", make_object(gateway_fields, s));
	json_object_set_new(root, "exit",
			    s->exit.name[0] ? make_object(exit_fields, &s->exit) : json_null());
	json_object_set_new(
		root, "exits",
		make_list(listed_fields, s->exits, (size_t)s->n_exits, sizeof(s->exits[0])));
	json_object_set_new(root, "totals", make_object(totals_fields, s));
	json_object_set_new(root, "dns", s->dns.present ? make_dns(&s->dns) : json_null());
	json_object_set_new(
		root, "paths",
		make_list(path_fields, s->paths, (size_t)s->n_paths, sizeof(s->paths[0])));
	json_object_set_new(
		root, "alarms",
		make_list(alarm_fields, s->alarms, (size_t)s->n_alarms, sizeof(s->alarms[0])));
	json_object_set_new(
		root, "events",
		make_list(event_fields, s->events, (size_t)s->n_events, sizeof(s->events[0])));
}

static int get_snapshot(const json_t *root, void *value)
{
	const json_t *ex = json_object_get(root, "exit");
	struct snapshot *s = value;

	if (read_object(time_fields, root, s) != 0 ||
	    read_object(gateway_fields, json_object_get(root, "gateway"), s) != 0 ||
	    read_object(totals_fields, json_object_get(root, "totals"), s) != 0 ||
	    (ex && !json_is_null(ex) && read_object(exit_fields, ex, &s->exit) != 0) ||
	    read_dns(json_object_get(root, "dns"), &s->dns) != 0 ||
	    read_list(listed_fields, json_object_get(root, "exits"), s->exits, SNAPSHOT_EXITS,
		      sizeof(s->exits[0]), &s->n_exits) != 0 ||
	    read_list(path_fields, json_object_get(root, "paths"), s->paths, PATHS_MAX,
		      sizeof(s->paths[0]), &s->n_paths) != 0 ||
	    read_list(alarm_fields, json_object_get(root, "alarms"), s->alarms, SNAPSHOT_ALARMS,
		      sizeof(s->alarms[0]), &s->n_alarms) != 0 ||
	    read_list(event_fields, json_object_get(root, "events"), s->events, SNAPSHOT_EVENTS,
		      sizeof(s->events[0]), &s->n_events) != 0)
		return -EPROTO;
	return 0;
}

// The oldest sample first.
static void put_history(json_t *root, const void *value)
{
	const struct history *history = value;
	const struct history_sample *sample;
	json_t *list = json_array();

	add_fields(root, history_fields, history);
	json_object_set_new(root, "step_s", json_integer(trend_step_s(history->scale)));
	for (unsigned age = HISTORY_SIZE; age-- > 0;) {
		sample = history_get(value, age);
		if (sample)
			json_array_append_new(list, make_object(sample_fields, sample));
	}
	json_object_set_new(root, "samples", list);
	json_object_set_new(root, "days",
			    make_list(day_fields, history->days, (size_t)history->n_days,
				      sizeof(history->days[0])));
}

static int get_history(const json_t *root, void *value)
{
	struct history *history = value;
	int n = 0;

	if (read_object(history_fields, root, history) != 0 ||
	    read_list(sample_fields, json_object_get(root, "samples"), history->ring, HISTORY_SIZE,
		      sizeof(history->ring[0]), &n) != 0 ||
	    read_list(day_fields, json_object_get(root, "days"), history->days, HISTORY_DAYS,
		      sizeof(history->days[0]), &history->n_days) != 0)
		return -EPROTO;
	history->count = (uint64_t)n;
	return 0;
}

static void put_hello(json_t *root, const void *value)
{
	add_fields(root, hello_fields, value);
}

static int get_hello(const json_t *root, void *value)
{
	return read_object(hello_fields, root, value);
}

static void put_result(json_t *root, const void *value)
{
	json_object_set_new(root, "result", make_object(result_fields, value));
}

static int get_result(const json_t *root, void *value)
{
	return read_object(result_fields, json_object_get(root, "result"), value);
}

static void put_events(json_t *root, const struct event *events, size_t n)
{
	json_object_set_new(root, "events", make_list(event_fields, events, n, sizeof(*events)));
}

static void put_log(json_t *root, const void *value)
{
	const struct event_page *page = value;

	add_fields(root, page_fields, page);
	put_events(root, page->events, (size_t)page->n);
}

static int get_log(const json_t *root, void *value)
{
	struct event_page *page = value;

	if (read_object(page_fields, root, page) != 0)
		return -EPROTO;
	return read_list(event_fields, json_object_get(root, "events"), page->events,
			 EVENT_PAGE_SIZE, sizeof(page->events[0]), &page->n);
}

static void put_conns(json_t *root, const void *value)
{
	const struct conns *conns = value;
	json_t *list = json_array(), *paths = json_array();

	add_fields(root, conns_fields, conns);
	for (int i = 0; i < conns->n_paths; i++)
		json_array_append_new(paths, text_to_json(conns->paths[i]));
	json_object_set_new(root, "paths", paths);
	for (int i = 0; i < conns->n; i++) {
		const struct conn *conn = &conns->list[i];
		json_t *object = make_object(conn_fields, conn);

		json_object_set_new(object, "subflows",
				    make_list(subflow_fields, conn->subflows,
					      (size_t)conn->n_subflows, sizeof(conn->subflows[0])));
		json_array_append_new(list, object);
	}
	json_object_set_new(root, "connections", list);
}

static int get_path_names(const json_t *list, struct conns *out)
{
	const json_t *element;
	size_t i;

	if (list && !json_is_array(list))
		return -EPROTO;
	json_array_foreach(list, i, element) {
		if (i == PATHS_MAX)
			break;
		if (!json_is_string(element))
			return -EPROTO;
		str_copy_clean(out->paths[i], sizeof(out->paths[i]), json_string_value(element));
		out->n_paths = (int)i + 1;
	}
	return 0;
}

static int get_conns(const json_t *root, void *value)
{
	const json_t *list = json_object_get(root, "connections");
	struct conns *conns = value;

	if (read_object(conns_fields, root, conns) != 0 ||
	    get_path_names(json_object_get(root, "paths"), conns) != 0 ||
	    read_list(conn_fields, list, conns->list, CONNS_MAX, sizeof(conns->list[0]),
		      &conns->n) != 0)
		return -EPROTO;
	for (int i = 0; i < conns->n; i++) {
		struct conn *conn = &conns->list[i];

		if (read_list(subflow_fields,
			      json_object_get(json_array_get(list, (size_t)i), "subflows"),
			      conn->subflows, CONN_SUBFLOWS_MAX, sizeof(conn->subflows[0]),
			      &conn->n_subflows) != 0)
			return -EPROTO;
	}
	return 0;
}

static void put_test(json_t *root, const void *value)
{
	const struct path_test *test = value;

	add_fields(root, test_fields, test);
	json_object_set_new(
		root, "steps",
		make_list(finding_fields, test->list, (size_t)test->n, sizeof(test->list[0])));
}

static int get_test(const json_t *root, void *value)
{
	struct path_test *test = value;

	if (read_object(test_fields, root, test) != 0)
		return -EPROTO;
	return read_list(finding_fields, json_object_get(root, "steps"), test->list, TEST_STEPS,
			 sizeof(test->list[0]), &test->n);
}

static void put_error(json_t *root, const void *value)
{
	json_object_set_new(root, "error", make_object(error_fields, value));
}

static int get_error(const json_t *root, void *value)
{
	return read_object(error_fields, json_object_get(root, "error"), value);
}

static const struct {
	const char *schema;
	void (*put)(json_t *root, const void *value);
	int (*get)(const json_t *root, void *value);
} kinds[] = {
	[CTL_HELLO] = { "mpgate.hello", put_hello, get_hello },
	[CTL_HISTORY] = { "mpgate.history", put_history, get_history },
	[CTL_SNAPSHOT] = { "mpgate.status", put_snapshot, get_snapshot },
	[CTL_RESULT] = { "mpgate.result", put_result, get_result },
	[CTL_CONNS] = { "mpgate.conns", put_conns, get_conns },
	[CTL_ERROR] = { "mpgate.error", put_error, get_error },
	[CTL_LOG] = { "mpgate.log", put_log, get_log },
	[CTL_TEST] = { "mpgate.test", put_test, get_test },
};

// Takes `root`. Six digits are enough for a ratio, and "0.66" stays "0.66".
static char *dump(json_t *root)
{
	char *text = json_dumps(root, JSON_COMPACT | JSON_REAL_PRECISION(6));

	json_decref(root);
	return text;
}

static json_t *begin_message(enum ctl_kind kind, int64_t id)
{
	json_t *root = json_object();

	json_object_set_new(root, "schema", json_string(kinds[kind].schema));
	json_object_set_new(root, "schema_version", json_integer(SCHEMA_VERSION));
	if (id != CTL_NO_ID)
		json_object_set_new(root, "id", json_integer(id));
	return root;
}

char *ctl_json_from_value(enum ctl_kind kind, const void *value, int64_t id)
{
	json_t *root = begin_message(kind, id);

	kinds[kind].put(root, value);
	return dump(root);
}

char *ctl_json_from_snapshot(const struct snapshot *snapshot)
{
	return ctl_json_from_value(CTL_SNAPSHOT, snapshot, CTL_NO_ID);
}

char *ctl_json_from_history(const struct history *history)
{
	return ctl_json_from_value(CTL_HISTORY, history, CTL_NO_ID);
}

char *ctl_json_from_events(const struct event *events, size_t n, uint64_t next, uint64_t last)
{
	const struct event_page page = { .next = next, .last = last };
	json_t *root = begin_message(CTL_LOG, CTL_NO_ID);

	add_fields(root, page_fields, &page);
	put_events(root, events, n);
	return dump(root);
}

char *ctl_json_from_result(const struct ctl_result *result)
{
	return ctl_json_from_value(CTL_RESULT, result, CTL_NO_ID);
}

char *ctl_json_from_conns(const struct conns *conns)
{
	return ctl_json_from_value(CTL_CONNS, conns, CTL_NO_ID);
}

char *ctl_json_from_error(const struct ctl_error *error)
{
	return ctl_json_from_value(CTL_ERROR, error, CTL_NO_ID);
}

char *ctl_json_from_alarms(const struct snapshot *snapshot)
{
	json_t *root = json_object();

	json_object_set_new(root, "schema", json_string("mpgate.alarms"));
	json_object_set_new(root, "schema_version", json_integer(SCHEMA_VERSION));
	add_fields(root, time_fields, snapshot);
	json_object_set_new(root, "alarms",
			    make_list(alarm_fields, snapshot->alarms, (size_t)snapshot->n_alarms,
				      sizeof(snapshot->alarms[0])));
	return dump(root);
}

static bool is_named(const json_t *path, char *const names[], int n)
{
	const char *name = json_string_value(json_object_get(path, "name"));

	for (int i = 0; i < n; i++) {
		if (name && strcmp(name, names[i]) == 0)
			return true;
	}
	return n == 0;
}

char *ctl_json_paths(const char *status_line, char *const names[], int n)
{
	json_t *status = json_loads(status_line, JSON_REJECT_DUPLICATES, NULL), *root, *list, *path;
	size_t i;

	if (!status)
		return NULL;
	root = json_object();
	list = json_array();
	json_object_set_new(root, "schema", json_string("mpgate.paths"));
	json_object_set_new(root, "schema_version", json_integer(SCHEMA_VERSION));
	json_object_set(root, "time", json_object_get(status, "time"));
	json_array_foreach(json_object_get(status, "paths"), i, path) {
		if (is_named(path, names, n))
			json_array_append(list, path);
	}
	json_object_set_new(root, "paths", list);
	json_decref(status);
	return dump(root);
}

int ctl_json_parse(const char *line, struct ctl_message *out)
{
	json_t *root = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
	const char *schema = json_string_value(json_object_get(root, "schema"));
	const json_t *version = json_object_get(root, "schema_version");
	int rc = -EPROTO;

	memset(out, 0, sizeof(*out));
	for (size_t i = 0; schema && i < ARRAY_LEN(kinds); i++) {
		if (strcmp(schema, kinds[i].schema) != 0 ||
		    json_integer_value(version) != SCHEMA_VERSION)
			continue;
		out->kind = (enum ctl_kind)i;
		rc = kinds[i].get(root, &out->hello); // all members of the union begin there
	}
	out->line = line;
	json_decref(root);
	return rc;
}

// ---- requests

static const char *const asks[CTL_ASKS] = {
	[CTL_ASK_STATUS] = "status",   [CTL_ASK_WATCH] = "watch", [CTL_ASK_HISTORY] = "history",
	[CTL_ASK_COMMAND] = "command", [CTL_ASK_LOG] = "log",     [CTL_ASK_CONNS] = "conns",
	[CTL_ASK_TEST] = "test",
};

static int read_interval(const json_t *root, int *interval_ms)
{
	const json_t *json = json_object_get(root, "interval_ms");

	return json ? int_from_json(json, 0, interval_ms) : 0;
}

static const char *read_history(const json_t *root, struct ctl_request *out)
{
	const json_t *path = json_object_get(root, "path"), *scale = json_object_get(root, "scale");

	if ((path && !json_is_string(path) && !json_is_null(path)) ||
	    (json_is_string(path) && json_string_length(path) >= NAME_SIZE))
		return "\"path\" is a path's name, or null for all";
	if (scale && (!json_is_string(scale) ||
		      trend_scale_from_word(json_string_value(scale), &out->scale) != 0))
		return "\"scale\" is \"1m\", \"1h\", \"1d\" or \"30d\"";
	if (json_is_string(path))
		str_copy(out->path, sizeof(out->path), json_string_value(path));
	return NULL;
}

// Returns NULL, or what is wrong.
static const char *read_request(const json_t *root, struct ctl_request *out)
{
	const json_t *id = json_object_get(root, "id");
	const char *word = json_string_value(json_object_get(root, "request"));
	const char *object = json_string_value(json_object_get(root, "object"));

	if (!json_is_object(root))
		return "a request is an object";
	if (json_is_integer(id) && json_integer_value(id) >= 0)
		out->id = json_integer_value(id);
	else if (id)
		return "\"id\" is a number, 0 or more";
	while (out->ask < CTL_ASKS && (!word || strcmp(word, asks[out->ask]) != 0))
		out->ask++;
	if (out->ask == CTL_ASKS)
		return "\"request\" is \"status\", \"watch\", \"history\", \"command\", \"log\", "
		       "\"conns\" or \"test\"";
	if (read_interval(root, &out->interval_ms) != 0)
		return "\"interval_ms\" is a number, 0 or more";
	if (out->ask == CTL_ASK_HISTORY)
		return read_history(root, out);
	if (out->ask == CTL_ASK_TEST &&
	    (read_object(order_fields, root, &out->test) != 0 || !out->test.path[0] ||
	     json_string_length(json_object_get(root, "path")) >= NAME_SIZE))
		return "a test has a \"path\", and may have \"metered\" and \"mptcp\", which are "
		       "true or false";
	if (object && strlen(object) >= NAME_SIZE)
		return "\"object\" is longer than any name can be";
	if (out->ask == CTL_ASK_LOG && read_object(filter_fields, root, &out->filter) != 0)
		return "a look at the log may have \"from\" and \"limit\", which are numbers, "
		       "a \"level\" and an \"object\"";
	if (out->ask != CTL_ASK_COMMAND)
		return NULL;
	if (read_object(command_fields, root, &out->command) != 0)
		return "a command has a \"verb\" (enable, disable, redial, backup, no-backup, cap, "
		       "ack, reload, stop, "
		       "confirm, revert) and an "
		       "\"object\"";
	if (read_object(enable_fields, root, &out->command) != 0 ||
	    read_object(cap_fields, root, &out->command) != 0)
		return "\"for_s\", \"boost_bytes\" and \"used_bytes\" are numbers, 0 or more, "
		       "\"ignore_cap\" is true or "
		       "false";
	return NULL;
}

int ctl_json_to_request(const char *line, size_t len, struct ctl_request *out,
			struct ctl_error *error)
{
	json_t *root;
	json_error_t parse;
	const char *wrong;

	*out = (struct ctl_request){ .id = CTL_NO_ID };
	root = json_loadb(line, len, JSON_REJECT_DUPLICATES, &parse);
	wrong = root ? read_request(root, out) : parse.text;
	json_decref(root);
	if (!wrong)
		return 0;
	ctl_error_set(error, STATUS_USAGE, wrong, "see doc/control-protocol.md");
	return -EINVAL;
}

char *ctl_json_from_request(const struct ctl_request *request)
{
	json_t *root = json_object();

	json_object_set_new(root, "request", json_string(asks[request->ask]));
	if (request->ask == CTL_ASK_WATCH)
		json_object_set_new(root, "interval_ms", json_integer(request->interval_ms));
	if (request->ask == CTL_ASK_HISTORY) {
		json_object_set_new(root, "path",
				    request->path[0] ? json_string(request->path) : json_null());
		json_object_set_new(root, "scale", json_string(trend_scale_word(request->scale)));
	}
	if (request->ask == CTL_ASK_COMMAND)
		add_fields(root, command_fields, &request->command);
	if (request->ask == CTL_ASK_TEST)
		add_fields(root, order_fields, &request->test);
	if (request->ask == CTL_ASK_LOG)
		add_fields(root, filter_fields, &request->filter);
	if (request->ask == CTL_ASK_COMMAND && request->command.verb == COMMAND_ENABLE)
		add_fields(root, enable_fields, &request->command);
	if (request->ask == CTL_ASK_COMMAND && request->command.verb == COMMAND_CAP)
		add_fields(root, cap_fields, &request->command);
	return dump(root);
}

// ---- errors

void ctl_error_set(struct ctl_error *error, enum status status, const char *message,
		   const char *hint)
{
	static const char *const codes[] = {
		[STATUS_DONE] = "done",
		[STATUS_FAILED] = "failed",
		[STATUS_USAGE] = "usage",
		[STATUS_NOT_RUNNING] = "not-running",
		[STATUS_NOT_ALLOWED] = "not-allowed",
		[STATUS_NO_SUCH] = "no-such",
		[STATUS_BAD_CONFIG] = "bad-config",
		[STATUS_REFUSED] = "refused",
		[STATUS_TIMEOUT] = "timeout",
	};

	*error = (struct ctl_error){ .status = status };
	str_copy(error->code, sizeof(error->code),
		 (size_t)status < ARRAY_LEN(codes) ? codes[status] : "failed");
	str_copy(error->message, sizeof(error->message), message);
	str_copy(error->hint, sizeof(error->hint), hint);
}
