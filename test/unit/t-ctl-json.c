// SPDX-License-Identifier: GPL-2.0-or-later
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ctl/ctl_priv.h"

// ---- random values

static int64_t random_number(int64_t max)
{
	uint64_t bits = (uint64_t)random() << 33 ^ (uint64_t)random() << 11 ^ (uint64_t)random();

	return (int64_t)(bits % (uint64_t)max);
}

static bool one_in(int n)
{
	return random_number(n) == 0;
}

static int64_t random_measure(int64_t max)
{
	return one_in(4) ? SNAPSHOT_UNKNOWN : one_in(4) ? SNAPSHOT_NONE : random_number(max);
}

static double random_ratio(void)
{
	int64_t millionths = random_measure(1000001);

	return millionths < 0 ? (double)millionths : (double)millionths / 1e6;
}

// Any length that fits, cut where a character of several bytes does not.
static void random_text(char *out, size_t size)
{
	static const char *const others[] = { "\"",       "\\",           "/",
					      "\xc3\xb3", "\xe2\x82\xac", "\xf0\x9f\x93\xb6" };
	size_t want = (size_t)random_number((int64_t)size), len = 0;

	while (len + 4 < want) {
		char ascii[2] = { (char)(' ' + random_number(95)), 0 };
		const char *next = one_in(6) ? others[random_number(ARRAY_LEN(others))] : ascii;

		memcpy(out + len, next, strlen(next));
		len += strlen(next);
	}
}

#define RANDOM_TEXT(array) random_text(array, sizeof(array))

static void random_path(struct path_snapshot *p)
{
	RANDOM_TEXT(p->name);
	RANDOM_TEXT(p->kind);
	RANDOM_TEXT(p->label);
	p->state = (enum path_state)random_number(PATH_STATES);
	RANDOM_TEXT(p->reason);
	RANDOM_TEXT(p->note);
	p->since_ms = random_number(4000000000000);
	p->state_changes = (uint64_t)random_number(INT64_MAX);
	p->tier = (enum path_tier)random_number(PATH_TIERS);
	p->use = (enum path_use)random_number(PATH_USES);
	RANDOM_TEXT(p->use_reason);
	p->optional = one_in(2);
	p->bell = one_in(2);
	p->reserved = one_in(2);
	p->enabled = one_in(2);
	p->hotkey = (char)(one_in(2) ? 0 : '!' + random_number(94));
	RANDOM_TEXT(p->interface);
	RANDOM_TEXT(p->address);
	RANDOM_TEXT(p->gateway);
	p->table = (int)random_number(300);
	p->endpoint_id = (int)random_number(255);
	p->rx_bps = random_measure(INT64_MAX);
	p->tx_bps = random_measure(1000000);
	p->share_ratio = random_ratio();
	p->rx_bytes = (uint64_t)random_number(INT64_MAX);
	p->tx_bytes = (uint64_t)random_number(INT64_MAX);
	p->cap_bytes = random_measure(INT64_MAX);
	p->cap_used_bytes = random_measure(INT64_MAX);
	p->cap_began_ms = random_number(4000000000000);
	p->cap_resets_ms = random_number(4000000000000);
	p->cap_warn_percent = (int)random_measure(100);
	RANDOM_TEXT(p->cap_action);
	p->cap_ignored = one_in(2);
	RANDOM_TEXT(p->demand);
	p->enabled_until_ms = random_number(4000000000000);
	p->interface_rx_bytes = (uint64_t)random_number(INT64_MAX);
	p->interface_tx_bytes = (uint64_t)random_number(INT64_MAX);
	p->today_rx_bytes = random_measure(INT64_MAX);
	p->today_tx_bytes = random_measure(INT64_MAX);
	p->month_rx_bytes = random_measure(INT64_MAX);
	p->month_tx_bytes = random_measure(INT64_MAX);
	p->subflows = (int)random_measure(INT32_MAX);
	p->associations = (int)random_measure(INT32_MAX);
	p->udp_rx_bytes = (uint64_t)random_number(INT64_MAX);
	p->udp_tx_bytes = (uint64_t)random_number(INT64_MAX);
	p->joins_missing = (int)random_number(1000);
	p->joins_ok = random_number(1000000);
	p->joins_failed = random_number(1000);
	p->rtt_us = random_measure(1000000);
	p->jitter_us = random_measure(1000000);
	p->loss_ratio = random_ratio();
	p->download_loss_ratio = random_ratio();
	p->mptcp_ok = (int8_t)(random_number(4) - 2);
	p->least_rtt_us = random_measure(1000000);
	RANDOM_TEXT(p->who);
	p->prefix_len = (int)random_measure(128);
	RANDOM_TEXT(p->seen_as);
	p->probe_interval_ms = random_measure(1000000);
	p->answered_ms = random_number(4000000000000);
	p->probes_lost = (int)random_measure(100);
	p->probes_good = (int)random_measure(100);
	p->down_after = (int)random_measure(100);
	p->up_after = (int)random_measure(100);
	p->mptcp_checked_ms = random_number(4000000000000);
	p->mtu = (int)random_number(65536);
	RANDOM_TEXT(p->endpoint_flags);
	RANDOM_TEXT(p->peer);
	RANDOM_TEXT(p->dial);
	RANDOM_TEXT(p->concentrator);
	p->dialled_ms = random_number(4000000000000);
	p->hung_up_ms = random_number(4000000000000);
	RANDOM_TEXT(p->hung_up_why);
	p->dial_attempts = (int)random_number(100);
	p->next_dial_ms = random_number(4000000000000);
}

static void random_exit(struct exit_snapshot *e)
{
	RANDOM_TEXT(e->endpoint);
	strcpy(e->name, "vps1");
	e->reachable = (int8_t)(random_number(4) - 2);
	e->mptcp = (int8_t)(random_number(4) - 2);
	e->rtt_us = random_measure(1000000);
	e->paths_ok = (int)random_measure(16);
	e->service = (int8_t)(random_number(4) - 2);
	RANDOM_TEXT(e->version);
	e->subflows = (int)random_measure(16);
	e->clock_offset_us = one_in(4) ? SNAPSHOT_NO_OFFSET : random_number(2000000) - 1000000;
	RANDOM_TEXT(e->why);
	RANDOM_TEXT(e->udp_fault);
}

static void random_dns(struct dns_snapshot *d)
{
	d->present = true;
	d->listeners = (int)random_number(16);
	d->listening = (int)random_number(16);
	RANDOM_TEXT(d->why);
	d->queries = (uint64_t)random_number(INT64_MAX);
	d->hits = (uint64_t)random_number(INT64_MAX);
	d->stale = (uint64_t)random_number(INT64_MAX);
	d->failures = (uint64_t)random_number(INT64_MAX);
	d->cached = (int)random_number(INT32_MAX);
	d->n_upstreams = (int)random_number(SNAPSHOT_UPSTREAMS + 1);
	for (int i = 0; i < d->n_upstreams; i++) {
		struct upstream_snapshot *u = &d->upstreams[i];

		RANDOM_TEXT(u->address);
		u->answers = (int8_t)(random_number(4) - 2);
		u->rtt_us = random_measure(1000000);
		u->asked = (uint64_t)random_number(INT64_MAX);
		u->answered = (uint64_t)random_number(INT64_MAX);
	}
}

static void random_event(struct event *e)
{
	e->seq = (uint64_t)random_number(INT64_MAX);
	e->time_ms = random_number(4000000000000);
	e->level = (enum log_level)(LOG_LEVEL_ERROR + random_number(5));
	RANDOM_TEXT(e->object);
	RANDOM_TEXT(e->verb);
	RANDOM_TEXT(e->text);
}

static void random_alarm(struct alarm *a)
{
	RANDOM_TEXT(a->id);
	RANDOM_TEXT(a->object);
	a->since_ms = random_number(4000000000000);
	a->acked = one_in(2);
	RANDOM_TEXT(a->text);
}

static void random_snapshot(struct snapshot *s)
{
	memset(s, 0, sizeof(*s));
	s->time_ms = random_number(4000000000000);
	RANDOM_TEXT(s->host);
	RANDOM_TEXT(s->version);
	s->pid = (int)random_number(INT32_MAX);
	s->uptime_s = random_measure(100000000);
	RANDOM_TEXT(s->pending);
	s->verdict = (enum verdict)random_number(VERDICTS);
	s->verdict_since_ms = random_number(4000000000000);
	s->machine = (struct machine_snapshot){
		.cpu_ratio = random_ratio(),
		.load = random_ratio(),
		.temperature_c = (int)random_measure(110),
		.memory_bytes = random_measure(INT64_MAX),
		.files = (int)random_measure(INT32_MAX),
		.files_limit = (int)random_measure(INT32_MAX),
		.conntrack = random_measure(INT64_MAX),
		.conntrack_limit = random_measure(INT64_MAX),
	};
	RANDOM_TEXT(s->timed_path);
	RANDOM_TEXT(s->config_file);
	s->revert_at_ms = random_number(4000000000000);
	if (!one_in(4))
		random_exit(&s->exit);
	if (!one_in(4))
		random_dns(&s->dns);
	s->rx_bps = random_measure(INT64_MAX);
	s->tx_bps = random_measure(INT64_MAX);
	s->unproxied_udp_rx_bps = random_measure(INT64_MAX);
	s->unproxied_udp_tx_bps = random_measure(INT64_MAX);
	s->unproxied_rest_rx_bps = random_measure(INT64_MAX);
	s->unproxied_rest_tx_bps = random_measure(INT64_MAX);
	s->rx_bytes = (uint64_t)random_number(INT64_MAX);
	s->tx_bytes = (uint64_t)random_number(INT64_MAX);
	s->today_rx_bytes = random_measure(INT64_MAX);
	s->today_tx_bytes = random_measure(INT64_MAX);
	s->month_rx_bytes = random_measure(INT64_MAX);
	s->month_tx_bytes = random_measure(INT64_MAX);
	s->connections = (int)random_measure(INT32_MAX);
	s->connections_tcp = (int)random_measure(INT32_MAX);
	s->subflows = (int)random_measure(INT32_MAX);
	s->udp_associations = (int)random_measure(INT32_MAX);
	s->udp_rx_bytes = (uint64_t)random_number(INT64_MAX);
	s->udp_tx_bytes = (uint64_t)random_number(INT64_MAX);
	s->udp_moved = (uint64_t)random_number(INT64_MAX);
	s->udp_dropped = (uint64_t)random_number(INT64_MAX);
	s->n_exits = (int)random_number(SNAPSHOT_EXITS + 1);
	for (int i = 0; i < s->n_exits; i++) {
		RANDOM_TEXT(s->exits[i].name);
		RANDOM_TEXT(s->exits[i].endpoint);
		s->exits[i].answers = (int8_t)(random_number(4) - 2);
		s->exits[i].in_use = one_in(2);
	}
	s->events_today = (uint64_t)random_number(INT64_MAX);
	for (int i = CONN_REASON_NONE + 1; i < CONN_REASONS; i++)
		s->fallbacks[i] = (uint64_t)random_number(INT64_MAX);
	s->n_paths = (int)random_number(PATHS_MAX + 1);
	for (int i = 0; i < s->n_paths; i++)
		random_path(&s->paths[i]);
	s->n_alarms = (int)random_number(SNAPSHOT_ALARMS + 1);
	for (int i = 0; i < s->n_alarms; i++)
		random_alarm(&s->alarms[i]);
	s->n_events = (int)random_number(SNAPSHOT_EVENTS + 1);
	for (int i = 0; i < s->n_events; i++)
		random_event(&s->events[i]);
}

static void random_subflow(struct conn_subflow *sf)
{
	RANDOM_TEXT(sf->path);
	RANDOM_TEXT(sf->local);
	RANDOM_TEXT(sf->remote);
	sf->local_id = (int)random_measure(255);
	sf->established = one_in(2);
	sf->rtt_us = random_measure(1000000);
	sf->cwnd = (int)random_measure(INT32_MAX);
	sf->retransmits = (int)random_measure(INT32_MAX);
	sf->rx_bytes = (uint64_t)random_number(INT64_MAX);
	sf->tx_bytes = (uint64_t)random_number(INT64_MAX);
}

static void random_conn(struct conn *conn)
{
	conn->id = (uint64_t)random_number(INT64_MAX);
	conn->closed = one_in(2);
	RANDOM_TEXT(conn->end);
	conn->mode = (enum conn_mode)random_number(CONN_MODES);
	conn->reason = (enum conn_reason)random_number(CONN_REASONS);
	RANDOM_TEXT(conn->why);
	conn->tcp_since_ms = random_number(4000000000000);
	conn->token = one_in(3) ? 0 : (uint32_t)random_number(UINT32_MAX);
	RANDOM_TEXT(conn->client);
	RANDOM_TEXT(conn->target);
	RANDOM_TEXT(conn->exit);
	conn->socks = one_in(2);
	conn->began_ms = random_number(4000000000000);
	conn->ended_ms = random_number(4000000000000);
	conn->rx_bps = random_measure(INT64_MAX);
	conn->tx_bps = random_measure(INT64_MAX);
	conn->rx_bytes = (uint64_t)random_number(INT64_MAX);
	conn->tx_bytes = (uint64_t)random_number(INT64_MAX);
	conn->n_subflows = (int)random_number(CONN_SUBFLOWS_MAX + 1);
	for (int i = 0; i < conn->n_subflows; i++)
		random_subflow(&conn->subflows[i]);
}

static void random_conns(struct conns *conns)
{
	memset(conns, 0, sizeof(*conns));
	conns->time_ms = random_number(4000000000000);
	conns->total = (int)random_number(INT32_MAX);
	conns->n_tcp = (int)random_number(INT32_MAX);
	conns->accepted = (uint64_t)random_number(INT64_MAX);
	RANDOM_TEXT(conns->sources);
	conns->n_paths = (int)random_number(PATHS_MAX + 1);
	for (int i = 0; i < conns->n_paths; i++)
		RANDOM_TEXT(conns->paths[i]);
	conns->n = (int)random_number(20);
	for (int i = 0; i < conns->n; i++)
		random_conn(&conns->list[i]);
}

// ---- there and back

// All members are set one by one in a zeroed struct on both ways, so its bytes can be compared.
static void a_snapshot_comes_back_as_it_went(void **state)
{
	static const char *const zones[] = { "UTC", "CET-1CEST,M3.5.0,M10.5.0/3", "NST3:30",
					     "<+1245>-12:45" };
	static struct snapshot sent;
	static struct ctl_message got;

	(void)state;
	srandom(2014);
	for (int round = 0; round < 400; round++) {
		char *line;

		setenv("TZ", zones[round % (int)ARRAY_LEN(zones)], 1);
		tzset();
		random_snapshot(&sent);
		line = ctl_json_from_snapshot(&sent);
		assert_non_null(line);
		assert_null(strchr(line, '\n'));
		assert_int_equal(ctl_json_parse(line, &got), 0);
		assert_int_equal(got.kind, CTL_SNAPSHOT);
		assert_memory_equal(&got.snapshot, &sent, sizeof(sent));
		free(line);
	}
}

static void connections_come_back_as_they_went(void **state)
{
	static struct ctl_message got;
	static struct conns sent;

	(void)state;
	srandom(3);
	for (int round = 0; round < 100; round++) {
		char *line;

		random_conns(&sent);
		line = ctl_json_from_conns(&sent);
		assert_int_equal(ctl_json_parse(line, &got), 0);
		assert_int_equal(got.kind, CTL_CONNS);
		assert_memory_equal(&got.conns, &sent, sizeof(sent));
		free(line);
	}
}

static void random_test(struct path_test *test)
{
	memset(test, 0, sizeof(*test));
	test->time_ms = random_number(4000000000000);
	RANDOM_TEXT(test->path);
	RANDOM_TEXT(test->exit);
	RANDOM_TEXT(test->endpoint);
	test->passed = one_in(2);
	test->rtt_us = random_measure(1000000);
	test->mptcp = (int8_t)(random_number(4) - 2);
	test->mtu = (int)random_measure(9000);
	test->download_bps = random_measure(INT64_MAX);
	RANDOM_TEXT(test->seen_as);
	test->bytes = (uint64_t)random_number(INT64_MAX);
	test->n = (int)random_number(TEST_STEPS + 1);
	for (int i = 0; i < test->n; i++) {
		struct test_finding *f = &test->list[i];

		f->step = (enum test_step)random_number(TEST_STEPS);
		f->level = (enum test_level)random_number(TEST_LEVELS);
		f->took_us = one_in(2) ? SNAPSHOT_NONE : random_number(1000000);
		RANDOM_TEXT(f->text);
		RANDOM_TEXT(f->cause);
		RANDOM_TEXT(f->next);
	}
}

static void a_test_comes_back_as_it_went(void **state)
{
	static struct ctl_message got;
	static struct path_test sent;

	(void)state;
	srandom(7);
	for (int round = 0; round < 100; round++) {
		char *line;

		random_test(&sent);
		line = ctl_json_from_value(CTL_TEST, &sent, CTL_NO_ID);
		assert_int_equal(ctl_json_parse(line, &got), 0);
		assert_int_equal(got.kind, CTL_TEST);
		assert_memory_equal(&got.test, &sent, sizeof(sent));
		free(line);
	}
}

static void paths_are_cut_out_of_a_status(void **state)
{
	static const char status[] =
		"{\"schema\":\"mpgate.status\",\"schema_version\":1,\"time\":\"T\",\"gateway\":{},"
		"\"paths\":[{\"name\":\"a\",\"new\":1},{\"name\":\"b\"}]}";
	static const struct {
		const char *names[2];
		int n;
		const char *paths;
	} cases[] = {
		{ { NULL }, 0, "[{\"name\":\"a\",\"new\":1},{\"name\":\"b\"}]" },
		{ { "a" }, 1, "[{\"name\":\"a\",\"new\":1}]" },
		{ { "b", "a" }, 2, "[{\"name\":\"a\",\"new\":1},{\"name\":\"b\"}]" },
		{ { "c" }, 1, "[]" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char *names[2] = { (char *)(uintptr_t)cases[i].names[0],
				   (char *)(uintptr_t)cases[i].names[1] };
		char *line = ctl_json_paths(status, names, cases[i].n), wanted[256];

		snprintf(wanted, sizeof(wanted),
			 "{\"schema\":\"mpgate.paths\",\"schema_version\":1,\"time\":\"T\","
			 "\"paths\":%s}",
			 cases[i].paths);
		assert_string_equal(line, wanted);
		free(line);
	}
	assert_null(ctl_json_paths("{", NULL, 0));
}

static void a_history_comes_back_oldest_first(void **state)
{
	static struct ctl_message got;
	static struct history sent;
	char *line;

	(void)state;
	strcpy(sent.path, "tun0");
	sent.scale = TREND_DAY;
	sent.n_days = 2;
	sent.days[0] = (struct history_day){ "2026-11-21", 1, 0 };
	sent.days[1] = (struct history_day){ "2026-11-22", INT64_MAX, 7 };
	for (int i = 0; i < HISTORY_SIZE + 20; i++)
		history_add(&sent, &(struct history_sample){ 1000 * (i + 1), i,
							     i % 7 ? i : SNAPSHOT_UNKNOWN });
	line = ctl_json_from_value(CTL_HISTORY, &sent, CTL_NO_ID);
	assert_int_equal(ctl_json_parse(line, &got), 0);
	assert_int_equal(got.kind, CTL_HISTORY);
	assert_string_equal(got.history.path, "tun0");
	assert_int_equal(got.history.scale, TREND_DAY);
	assert_int_equal(got.history.n_days, 2);
	assert_memory_equal(got.history.days, sent.days, sizeof(sent.days));
	assert_int_equal(got.history.count, HISTORY_SIZE);
	for (unsigned age = 0; age < HISTORY_SIZE; age++)
		assert_memory_equal(history_get(&got.history, age), history_get(&sent, age),
				    sizeof(struct history_sample));
	free(line);
}

static void requests_come_back_as_they_went(void **state)
{
	static const struct ctl_request cases[] = {
		{ .ask = CTL_ASK_STATUS },
		{ .ask = CTL_ASK_WATCH, .interval_ms = 5000 },
		{ .ask = CTL_ASK_HISTORY },
		{ .ask = CTL_ASK_HISTORY, .path = "tun0", .scale = TREND_MONTH },
		{ .ask = CTL_ASK_COMMAND, .command = { .verb = COMMAND_REDIAL, .object = "ppp0" } },
		{ .ask = CTL_ASK_COMMAND, .command = { .verb = COMMAND_STOP } },
		{ .ask = CTL_ASK_COMMAND,
		  .command = { .verb = COMMAND_ENABLE,
			       .object = "wwan0",
			       .for_s = 1800,
			       .boost_bytes = 100000000,
			       .ignore_cap = true } },
		{ .ask = CTL_ASK_COMMAND,
		  .command = { .verb = COMMAND_CAP, .object = "wwan0", .used_bytes = 1200000000 } },
		{ .ask = CTL_ASK_LOG },
		{ .ask = CTL_ASK_LOG,
		  .filter = { .from = 7,
			      .limit = 20,
			      .level = LOG_LEVEL_WARNING,
			      .object = "tun1" } },
		{ .ask = CTL_ASK_CONNS },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char *line = ctl_json_from_request(&cases[i]);
		struct ctl_request got;
		struct ctl_error error;

		assert_int_equal(ctl_json_to_request(line, strlen(line), &got, &error), 0);
		assert_int_equal(got.ask, cases[i].ask);
		assert_int_equal(got.id, CTL_NO_ID);
		assert_int_equal(got.interval_ms, cases[i].interval_ms);
		assert_string_equal(got.path, cases[i].path);
		assert_int_equal(got.scale, cases[i].scale);
		assert_int_equal(got.command.verb, cases[i].command.verb);
		assert_string_equal(got.command.object, cases[i].command.object);
		if (cases[i].command.verb == COMMAND_ENABLE && cases[i].ask == CTL_ASK_COMMAND) {
			assert_int_equal(got.command.for_s, cases[i].command.for_s);
			assert_int_equal(got.command.boost_bytes, cases[i].command.boost_bytes);
			assert_int_equal(got.command.ignore_cap, cases[i].command.ignore_cap);
		}
		if (cases[i].command.verb == COMMAND_CAP)
			assert_int_equal(got.command.used_bytes, cases[i].command.used_bytes);
		assert_memory_equal(&got.filter, &cases[i].filter, sizeof(got.filter));
		free(line);
	}
}

// ---- the published form

static void fill_golden(struct snapshot *s)
{
	*s = (struct snapshot){
		.time_ms = 1795349062103,
		.host = "home-gw",
		.version = "1.2.0",
		.pid = 812,
		.config_file = "/etc/mpgate/mpgate.conf",
		.uptime_s = 1047682,
		.pending = "1.3.0",
		.verdict = VERDICT_DEGRADED,
		.verdict_since_ms = 1795349041000,
		.machine = { .cpu_ratio = .07,
			     .load = .12,
			     .temperature_c = SNAPSHOT_NONE,
			     .memory_bytes = 31000000,
			     .files = 214,
			     .files_limit = 4096,
			     .conntrack = 2600,
			     .conntrack_limit = 262144 },
		.exit = { .name = "vps1",
			  .endpoint = "vps1.example.net:8388",
			  .reachable = 1,
			  .mptcp = SNAPSHOT_UNKNOWN,
			  .rtt_us = 48210,
			  .paths_ok = 3,
			  .service = 1,
			  .version = "1.1.9",
			  .subflows = 2,
			  .clock_offset_us = -12500 },
		.rx_bps = 2990000,
		.tx_bps = 210000,
		.rx_bytes = 14200331776,
		.tx_bytes = 1600112233,
		.today_rx_bytes = 14200331776,
		.today_tx_bytes = 1600112233,
		.month_rx_bytes = 212000000000,
		.month_tx_bytes = 21000000000,
		.connections = 42,
		.connections_tcp = 2,
		.subflows = 114,
		.udp_associations = 7,
		.udp_rx_bytes = 120000000,
		.udp_tx_bytes = 9000000,
		.udp_moved = 2,
		.udp_dropped = 31,
		.n_paths = 2,
		.paths = { { .name = "ppp0",
			     .kind = "adsl",
			     .label = "Telef\xc3\xb3nica",
			     .state = PATH_STATE_DOWN,
			     .reason = "no-carrier",
			     .note = "no carrier 21s",
			     .since_ms = 1795349041000,
			     .state_changes = 3,
			     .cap_bytes = SNAPSHOT_NONE,
			     .cap_used_bytes = SNAPSHOT_UNKNOWN,
			     .cap_warn_percent = SNAPSHOT_NONE,
			     .enabled = true,
			     .interface = "ppp0",
			     .table = 101,
			     .rx_bps = SNAPSHOT_NONE,
			     .tx_bps = SNAPSHOT_NONE,
			     .share_ratio = 0,
			     .rx_bytes = 9100000000,
			     .tx_bytes = 620000000,
			     .interface_rx_bytes = 9555000000,
			     .interface_tx_bytes = 651000000,
			     .today_rx_bytes = 9100000000,
			     .today_tx_bytes = 620000000,
			     .month_rx_bytes = 140000000000,
			     .month_tx_bytes = 9200000000,
			     .rtt_us = SNAPSHOT_NONE,
			     .jitter_us = SNAPSHOT_NONE,
			     .loss_ratio = 1,
			     .download_loss_ratio = SNAPSHOT_UNKNOWN,
			     .mptcp_ok = SNAPSHOT_UNKNOWN },
			   { .name = "wwan0",
			     .kind = "3g",
			     .state = PATH_STATE_UP,
			     .note = "up 3s",
			     .since_ms = 1795349059000,
			     .optional = true,
			     .enabled = true,
			     .hotkey = '3',
			     .cap_bytes = 2000000000,
			     .cap_used_bytes = 1210000000,
			     .cap_began_ms = 1793487600000,
			     .cap_resets_ms = 1796079600000,
			     .cap_warn_percent = 80,
			     .cap_action = "off",
			     .demand = "when-down",
			     .enabled_until_ms = 1795350859000,
			     .mtu = 1430,
			     .endpoint_flags = "subflow,backup",
			     .dial = "command",
			     .dialled_ms = 1795348859000,
			     .dial_attempts = 1,
			     .interface = "wwan0",
			     .address = "10.8.4.6",
			     .gateway = "10.8.4.1",
			     .table = 105,
			     .endpoint_id = 104,
			     .rx_bps = 2990000,
			     .tx_bps = 210000,
			     .share_ratio = .664,
			     .rx_bytes = 30200000,
			     .tx_bytes = 140000,
			     .interface_rx_bytes = 31000000,
			     .interface_tx_bytes = 150000,
			     .today_rx_bytes = SNAPSHOT_UNKNOWN,
			     .today_tx_bytes = SNAPSHOT_UNKNOWN,
			     .month_rx_bytes = SNAPSHOT_UNKNOWN,
			     .month_tx_bytes = SNAPSHOT_UNKNOWN,
			     .subflows = 31,
			     .associations = 7,
			     .udp_rx_bytes = 20000000,
			     .udp_tx_bytes = 1000000,
			     .rtt_us = 92000,
			     .jitter_us = SNAPSHOT_UNKNOWN,
			     .loss_ratio = SNAPSHOT_UNKNOWN,
			     .download_loss_ratio = .0125,
			     .mptcp_ok = 1 } },
		.n_alarms = 1,
		.alarms = { { .id = "ppp0/down",
			      .object = "ppp0",
			      .since_ms = 1795349041000,
			      .text = "ppp0 DOWN: carrier lost" } },
		.events_today = 217,
		.fallbacks = { [CONN_REASON_EXIT] = 2 },
		.n_exits = 2,
		.exits = { { "vps1", "vps1.example.net:65101", 1, true },
			   { "vps2", "198.51.100.9:8388", SNAPSHOT_UNKNOWN, false } },
		.n_events = 1,
		.events = { { .seq = 217,
			      .time_ms = 1795349041000,
			      .level = LOG_LEVEL_WARNING,
			      .object = "ppp0",
			      .verb = "DOWN",
			      .text = "carrier lost; 42 subflows moved" } },
	};
}

// The file holds the line that `value` must give; a change of the form shows as a change of a file.
// UPDATE_GOLDEN=1 writes the files anew.
static void compare_with_file(const char *name, enum ctl_kind kind, const void *value, int64_t id)
{
	const char *srcdir = getenv("srcdir");
	bool update = getenv("UPDATE_GOLDEN");
	char *line = ctl_json_from_value(kind, value, id);
	char path[256], *golden = NULL;
	size_t size = 0;
	FILE *file;

	snprintf(path, sizeof(path), "%s/test/golden/%s", srcdir ? srcdir : ".", name);
	file = fopen(path, update ? "we" : "re");
	if (!file)
		fail_msg("cannot open %s", path);
	if (update) {
		fprintf(file, "%s\n", line);
	} else {
		assert_true(getline(&golden, &size, file) > 0);
		golden[strcspn(golden, "\n")] = '\0';
		assert_string_equal(line, golden);
	}
	fclose(file);
	free(golden);
	free(line);
}

static const struct conns conns = {
	.time_ms = 1795349062103,
	.total = 42,
	.n_tcp = 1,
	.accepted = 1780,
	.sources = "br0 (192.168.1.0/24)",
	.n_paths = 2,
	.paths = { "ppp0", "wwan0" },
	.n = 2,
	.list = { { .id = 7168,
		    .mode = CONN_MPTCP,
		    .token = 0x8a3f11c,
		    .client = "192.168.1.23:51514",
		    .target = "93.184.216.34:443",
		    .exit = "vps1",
		    .began_ms = 1795348202103,
		    .rx_bps = 4020000,
		    .tx_bps = SNAPSHOT_UNKNOWN,
		    .rx_bytes = 418000000,
		    .tx_bytes = 12000000,
		    .n_subflows = 1,
		    .subflows = { { .path = "ppp0",
				    .local = "10.0.0.2:40112",
				    .remote = "203.0.113.10:8388",
				    .established = true,
				    .rtt_us = 31000,
				    .cwnd = 38,
				    .retransmits = 12,
				    .rx_bytes = 418000000,
				    .tx_bytes = 12000000 } } },
		  { .id = 8192,
		    .closed = true,
		    .end = "reset",
		    .mode = CONN_TCP,
		    .reason = CONN_REASON_DIRECT,
		    .why = "no exit was reached when it began",
		    .tcp_since_ms = 1795349050000,
		    .client = "192.168.1.7:40022",
		    .target = "example.net:22",
		    .socks = true,
		    .began_ms = 1795349050000,
		    .ended_ms = 1795349061000,
		    .rx_bps = SNAPSHOT_NONE,
		    .tx_bps = SNAPSHOT_NONE } },
};

static void the_form_is_the_published_one(void **state)
{
	static struct snapshot snapshot;
	static struct history history = { .ring = { { 1795349061000, 100, SNAPSHOT_UNKNOWN },
						    { 1795349062000, 200, 20 } },
					  .count = 2,
					  .n_days = 1,
					  .days = { { "2026-11-22", 14200331776, 1600112233 } } };
	static struct event_page page = { .next = 218, .last = 217 };
	const struct ctl_hello hello = { .may_change = true, .who = "root on pts/0" };
	const struct ctl_result result = { COMMAND_ENABLE,
					   "wwan0",
					   { STATUS_DONE, "wwan0 is already UP", "", "" } };
	const struct ctl_result reload = { COMMAND_RELOAD,
					   "",
					   { STATUS_BAD_CONFIG, "nothing was changed", "",
					     "f:1: \"a\"\nf:2: b\033[1m\n" } };
	static const struct path_test test = {
		.time_ms = 1795349062103,
		.path = "tun1",
		.exit = "vps1",
		.endpoint = "vps1.example.net:65101",
		.rtt_us = 62000,
		.mptcp = 0,
		.mtu = 1500,
		.download_bps = 11400000,
		.seen_as = "198.51.100.7",
		.bytes = 18000,
		.n = 2,
		.list = { { TEST_EXIT, TEST_OK, 62000, "its port answers in 62 ms", "", "" },
			  { TEST_MPTCP, TEST_FAIL, SNAPSHOT_NONE,
			    "SYN sent with MP_CAPABLE, SYN/ACK came without",
			    "over ppp0 the same exit answers with them, so something on tun1 "
			    "strips them",
			    "see OPTIONS STRIPPED in mpgate(8)" } },
	};
	struct ctl_error error;

	(void)state;
	setenv("TZ", "CET-1", 1);
	tzset();
	fill_golden(&snapshot);
	compare_with_file("ctl-status.json", CTL_SNAPSHOT, &snapshot, CTL_NO_ID);
	compare_with_file("ctl-status-empty.json", CTL_SNAPSHOT, &(struct snapshot){ 0 }, 7);
	compare_with_file("ctl-history.json", CTL_HISTORY, &history, CTL_NO_ID);
	compare_with_file("ctl-hello.json", CTL_HELLO, &hello, 1);
	compare_with_file("ctl-result.json", CTL_RESULT, &result, 2);
	compare_with_file("ctl-result-lines.json", CTL_RESULT, &reload, CTL_NO_ID);
	page.n = snapshot.n_events;
	memcpy(page.events, snapshot.events, sizeof(snapshot.events));
	compare_with_file("ctl-log.json", CTL_LOG, &page, 3);
	ctl_error_set(&error, STATUS_NOT_RUNNING, "no gateway is running", "start it");
	compare_with_file("ctl-error.json", CTL_ERROR, &error, CTL_NO_ID);
	compare_with_file("ctl-conns.json", CTL_CONNS, &conns, CTL_NO_ID);
	compare_with_file("ctl-test.json", CTL_TEST, &test, CTL_NO_ID);
}

// ---- what others send

static void texts_are_cleaned_both_ways(void **state)
{
	static struct snapshot sent = { .host = "a\x1b[2J\r\n",
					.n_paths = 1,
					.paths = { { .note = "\xff\xc2\x9b"
							     "31m" } } };
	static struct ctl_message got;
	char *line = ctl_json_from_snapshot(&sent);

	(void)state;
	for (const char *c = line; *c; c++)
		assert_true((unsigned char)*c >= ' ' && (unsigned char)*c < 0x7f);
	assert_null(strstr(line, "\\u00"));
	free(line);
	assert_int_equal(
		ctl_json_parse("{\"schema\":\"mpgate.error\",\"schema_version\":1,\"error\":"
			       "{\"code\":\"x\\u001b[2J\",\"message\":\"\\u009b1m\","
			       "\"exit_status\":1}}",
			       &got),
		0);
	assert_string_equal(got.error.code, "x?[2J");
	assert_string_equal(got.error.message, "?1m");
}

#define STATUS_HEAD "{\"schema\":\"mpgate.status\",\"schema_version\":1,"
#define GATEWAY     "\"gateway\":{\"verdict\":\"ok\"},\"totals\":{}"

static void other_versions_are_read_if_possible(void **state)
{
	static const struct {
		const char *line;
		int rc;
	} cases[] = {
		{ STATUS_HEAD GATEWAY "}", 0 },
		{ STATUS_HEAD GATEWAY ",\"news\":[1,{}],\"paths\":[]}", 0 },
		{ STATUS_HEAD GATEWAY ",\"paths\":[{\"name\":\"a\",\"state\":\"up\",\"cap\":3}]}",
		  0 },
		{ STATUS_HEAD GATEWAY ",\"paths\":[{\"name\":\"a\",\"state\":\"sleepy\"}]}",
		  -EPROTO },
		{ STATUS_HEAD GATEWAY ",\"paths\":[{\"name\":7,\"state\":\"up\"}]}", -EPROTO },
		{ STATUS_HEAD GATEWAY ",\"paths\":[[]]}", -EPROTO },
		{ STATUS_HEAD GATEWAY ",\"paths\":{}}", -EPROTO },
		{ STATUS_HEAD GATEWAY ",\"time\":\"yesterday\"}", -EPROTO },
		{ STATUS_HEAD GATEWAY ",\"exit\":null}", 0 },
		{ STATUS_HEAD GATEWAY ",\"exit\":{\"rtt_us\":-4}}", -EPROTO },
		{ STATUS_HEAD GATEWAY ",\"exit\":{\"paths_ok\":4294967296}}", -EPROTO },
		{ STATUS_HEAD GATEWAY ",\"exit\":{\"rtt_us\":1.5}}", -EPROTO },
		{ STATUS_HEAD "\"totals\":{}}", -EPROTO },
		{ "{\"schema\":\"mpgate.status\",\"schema_version\":2," GATEWAY "}", -EPROTO },
		{ "{\"schema\":\"mpgate.weather\",\"schema_version\":1}", -EPROTO },
		{ "{\"schema\":5,\"schema_version\":1}", -EPROTO },
		{ "[]", -EPROTO },
		{ "{", -EPROTO },
		{ "", -EPROTO },
	};
	static struct ctl_message got;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		if (ctl_json_parse(cases[i].line, &got) != cases[i].rc)
			fail_msg("wrong answer for %s", cases[i].line);
	}
}

static void what_is_missing_is_unknown(void **state)
{
	static struct ctl_message got;

	(void)state;
	assert_int_equal(
		ctl_json_parse(STATUS_HEAD GATEWAY
			       ",\"paths\":[{\"name\":\"a\",\"state\":\"up\",\"tx_bps\":null,"
			       "\"rtt_us\":null,\"unmeasured\":[\"rtt_us\"]}]}",
			       &got),
		0);
	assert_int_equal(got.snapshot.paths[0].rx_bps, SNAPSHOT_UNKNOWN);
	assert_int_equal(got.snapshot.paths[0].tx_bps, SNAPSHOT_NONE);
	assert_int_equal(got.snapshot.paths[0].rtt_us, SNAPSHOT_UNKNOWN);
	assert_int_equal(got.snapshot.connections, SNAPSHOT_UNKNOWN);
}

static void lists_that_are_too_long_are_cut(void **state)
{
	static struct ctl_message got;
	struct str line = { 0 };

	(void)state;
	str_add(&line, STATUS_HEAD GATEWAY ",\"paths\":[{\"name\":\"p0\",\"state\":\"up\"}");
	for (int i = 1; i < 3 * PATHS_MAX; i++)
		str_addf(&line, ",{\"name\":\"p%d-and-a-name-far-too-long\",\"state\":\"up\"}", i);
	str_add(&line, "]}");
	assert_int_equal(ctl_json_parse(str_text(&line), &got), 0);
	assert_int_equal(got.snapshot.n_paths, PATHS_MAX);
	assert_string_equal(got.snapshot.paths[PATHS_MAX - 1].name, "p15-and-a-name-");
	str_fini(&line);
}

static void bad_requests_are_explained(void **state)
{
	static const struct {
		const char *line, *part; // part of the message
		int64_t id;
	} cases[] = {
		{ "", "expected", CTL_NO_ID },
		{ "status", "expected", CTL_NO_ID },
		{ "[]", "a request is an object", CTL_NO_ID },
		{ "{}", "\"request\" is", CTL_NO_ID },
		{ "{\"id\":3}", "\"request\" is", 3 },
		{ "{\"id\":\"3\",\"request\":\"status\"}", "\"id\" is", CTL_NO_ID },
		{ "{\"id\":-1,\"request\":\"status\"}", "\"id\" is", CTL_NO_ID },
		{ "{\"id\":4,\"request\":\"dance\"}", "\"request\" is", 4 },
		{ "{\"request\":7}", "\"request\" is", CTL_NO_ID },
		{ "{\"request\":\"watch\",\"interval_ms\":-1}", "\"interval_ms\" is", CTL_NO_ID },
		{ "{\"request\":\"history\",\"scale\":\"2h\"}", "\"scale\" is", CTL_NO_ID },
		{ "{\"request\":\"history\",\"path\":7}", "\"path\" is", CTL_NO_ID },
		{ "{\"request\":\"history\",\"path\":\"0123456789abcdef\"}", "\"path\" is",
		  CTL_NO_ID },
		{ "{\"request\":\"command\"}", "a command has", CTL_NO_ID },
		{ "{\"request\":\"command\",\"verb\":\"blow\",\"object\":\"ppp0\"}",
		  "a command has", CTL_NO_ID },
		{ "{\"request\":\"command\",\"verb\":\"redial\",\"object\":7}", "a command has",
		  CTL_NO_ID },
		{ "{\"request\":\"command\",\"verb\":\"redial\",\"object\":\"0123456789abcdef\"}",
		  "longer than any name", CTL_NO_ID },
		{ "{\"request\":\"test\"}", "a test has", CTL_NO_ID },
		{ "{\"request\":\"test\",\"path\":\"0123456789abcdef\"}", "a test has", CTL_NO_ID },
		{ "{\"request\":\"test\",\"path\":\"ppp0\",\"mptcp\":1}", "a test has", CTL_NO_ID },
		{ "{\"request\":\"status\",\"request\":\"watch\"}", "duplicate", CTL_NO_ID },
		{ "{\"request\":\"status\"} {}", "end of file expected", CTL_NO_ID },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct ctl_request got;
		struct ctl_error error;

		assert_int_equal(
			ctl_json_to_request(cases[i].line, strlen(cases[i].line), &got, &error),
			-EINVAL);
		assert_int_equal(got.id, cases[i].id);
		assert_int_equal(error.status, STATUS_USAGE);
		if (!strstr(error.message, cases[i].part))
			fail_msg("%s: said '%s'", cases[i].line, error.message);
	}
}

// No cut or changed line may crash the reader; a sanitizer build makes this test worth more.
static void damaged_lines_are_survived(void **state)
{
	static struct snapshot snapshot;
	static struct ctl_message got;
	char *line;
	size_t len;

	(void)state;
	srandom(7);
	fill_golden(&snapshot);
	line = ctl_json_from_snapshot(&snapshot);
	len = strlen(line);
	for (int round = 0; round < 3000; round++) {
		size_t at = (size_t)random_number((int64_t)len);
		char kept = line[at];

		line[at] = (char)random_number(round % 3 ? 128 : 256);
		ctl_json_parse(line, &got);
		line[at] = kept;
	}
	free(line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_snapshot_comes_back_as_it_went),
		cmocka_unit_test(connections_come_back_as_they_went),
		cmocka_unit_test(a_history_comes_back_oldest_first),
		cmocka_unit_test(a_test_comes_back_as_it_went),
		cmocka_unit_test(paths_are_cut_out_of_a_status),
		cmocka_unit_test(requests_come_back_as_they_went),
		cmocka_unit_test(the_form_is_the_published_one),
		cmocka_unit_test(texts_are_cleaned_both_ways),
		cmocka_unit_test(other_versions_are_read_if_possible),
		cmocka_unit_test(what_is_missing_is_unknown),
		cmocka_unit_test(lists_that_are_too_long_are_cut),
		cmocka_unit_test(bad_requests_are_explained),
		cmocka_unit_test(damaged_lines_are_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
