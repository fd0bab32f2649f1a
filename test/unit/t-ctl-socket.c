// SPDX-License-Identifier: GPL-2.0-or-later
//
// Both ends of the control socket, talking to each other in one process: the loop is turned by hand
// until what a test waits for has happened, or a time limit that no good run comes near.
#include "unit.h"

#include <errno.h>
#include <ev.h>
#include <fcntl.h>
#include <grp.h>
#include <malloc.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "ctl/ctl_priv.h"

#define LIMIT_MS 10000

// A gateway that does what it is told and remembers it.
struct bench {
	struct ev_loop *loop;
	struct ctl *ctl;
	char dir[64], path[80];
	struct snapshot snapshot;
	struct history history;
	struct event_log events;
	struct command last;
	int n_commands;
	bool publishes_on_command;
	struct conns conns;
	int n_gathered;
	bool answers_at_once;
	struct path_test_order order;
	int n_tests;
};

static void give_snapshot(void *ctx, struct snapshot *out)
{
	*out = ((struct bench *)ctx)->snapshot;
}

static bool give_history(void *ctx, const char *path, enum trend_scale scale, struct history *out)
{
	*out = ((struct bench *)ctx)->history;
	str_copy(out->path, sizeof(out->path), path);
	out->scale = scale;
	return !path[0] || strcmp(path, "ppp0") == 0;
}

static const struct event_log *give_events(void *ctx)
{
	return &((struct bench *)ctx)->events;
}

static void take_command(void *ctx, const struct command *command, struct command_result *out)
{
	struct bench *bench = ctx;

	bench->last = *command;
	bench->n_commands++;
	if (bench->publishes_on_command)
		ctl_publish(bench->ctl, &bench->snapshot);
	str_copy(out->text, sizeof(out->text), "as you wish");
}

static void gather_conns(void *ctx)
{
	struct bench *bench = ctx;

	bench->n_gathered++;
	if (bench->answers_at_once)
		ctl_answer_conns(bench->ctl, &bench->conns);
}

static bool begin_test(void *ctx, const struct path_test_order *order, struct ctl_error *why)
{
	struct bench *bench = ctx;

	bench->order = *order;
	bench->n_tests++;
	if (bench->answers_at_once)
		ctl_answer_test(bench->ctl, &(struct path_test){ .path = "ppp0" });
	ctl_error_set(why, STATUS_REFUSED, "not now", "");
	return strcmp(order->path, "tun0") != 0;
}

static int open_ctl(struct bench *bench, struct ctl **out, struct str *why)
{
	const struct ctl_handler handler = { bench,       give_snapshot, give_history, take_command,
					     give_events, gather_conns,  begin_test };

	return ctl_open(bench->loop, bench->path, &handler, out, why);
}

static int set_up(void **state)
{
	static const char *const names[] = { "ppp0", "tun0", "wwan0" };
	struct bench *bench = calloc(1, sizeof(*bench));
	struct str why = { 0 };

	assert_non_null(bench);
	strcpy(bench->dir, "/tmp/mpgate-ctl-XXXXXX");
	assert_non_null(mkdtemp(bench->dir));
	snprintf(bench->path, sizeof(bench->path), "%s/control.sock", bench->dir);
	for (int i = 0; i < 3; i++) {
		strcpy(bench->snapshot.paths[i].name, names[i]);
		bench->snapshot.paths[i].state = PATH_STATE_UP;
	}
	bench->snapshot.n_paths = 3;
	bench->snapshot.time_ms = 1;
	history_add(&bench->history, &(struct history_sample){ 1000, 5, 6 });
	bench->loop = ev_loop_new(0);
	if (open_ctl(bench, &bench->ctl, &why) != 0)
		fail_msg("%s", str_text(&why));
	*state = bench;
	return 0;
}

static int tear_down(void **state)
{
	struct bench *bench = *state;

	ctl_close(bench->ctl);
	assert_int_equal(access(bench->path, F_OK), -1);
	assert_int_equal(rmdir(bench->dir), 0);
	ev_loop_destroy(bench->loop);
	free(bench);
	return 0;
}

static void turn(struct bench *bench)
{
	ev_run(bench->loop, EVRUN_NOWAIT);
}

static struct ctl_client *connect_to(struct bench *bench)
{
	struct ctl_client *c;

	assert_int_equal(ctl_client_connect(bench->path, &c), 0);
	return c;
}

// The client's next message, or its end: what ctl_client_read() says when it is not 0.
static int next(struct bench *bench, struct ctl_client *c, struct ctl_message *out)
{
	int64_t limit_ms = clock_mono_ms() + LIMIT_MS;
	int rc;

	while ((rc = ctl_client_read(c, out)) == 0) {
		assert_true(clock_mono_ms() < limit_ms);
		turn(bench);
		poll(&(struct pollfd){ .fd = ctl_client_fd(c), .events = POLLIN }, 1, 1);
	}
	return rc;
}

static void expect(struct bench *bench, struct ctl_client *c, enum ctl_kind kind,
		   struct ctl_message *out)
{
	assert_int_equal(next(bench, c, out), 1);
	assert_int_equal(out->kind, kind);
}

// Watches and takes the first three answers.
static void start_watch(struct bench *bench, struct ctl_client *c, int interval_ms)
{
	static struct ctl_message message;

	assert_int_equal(ctl_client_watch(c, interval_ms), 0);
	expect(bench, c, CTL_HELLO, &message);
	expect(bench, c, CTL_HISTORY, &message);
	expect(bench, c, CTL_SNAPSHOT, &message);
}

static void publish(struct bench *bench, int64_t time_ms)
{
	bench->snapshot.time_ms = time_ms;
	ctl_publish(bench->ctl, &bench->snapshot);
}

static void send_bytes(struct ctl_client *c, const char *bytes, size_t len)
{
	assert_int_equal(send(ctl_client_fd(c), bytes, len, MSG_NOSIGNAL), (ssize_t)len);
}

static void send_text(struct ctl_client *c, const char *text)
{
	send_bytes(c, text, strlen(text));
}

// ---- connections are told when they have been gathered

static void turn_often(struct bench *bench)
{
	for (int i = 0; i < 10; i++)
		turn(bench);
}

static void wait_for_gathering(struct bench *bench, int n)
{
	int64_t limit_ms = clock_mono_ms() + LIMIT_MS;

	while (bench->n_gathered < n) {
		assert_true(clock_mono_ms() < limit_ms);
		turn(bench);
	}
	turn_often(bench);
}

static void connections_are_told_at_once_or_later(void **state)
{
	struct bench *bench = *state;
	struct ctl_client *c = connect_to(bench);
	static struct ctl_message message;

	bench->conns.total = 42;
	bench->answers_at_once = true;
	assert_int_equal(ctl_client_conns(c), 0);
	expect(bench, c, CTL_CONNS, &message);
	assert_int_equal(message.conns.total, 42);

	bench->answers_at_once = false;
	assert_int_equal(ctl_client_conns(c), 0);
	wait_for_gathering(bench, 2);
	assert_int_equal(ctl_client_read(c, &message), 0);
	bench->conns.total = 43;
	ctl_answer_conns(bench->ctl, &bench->conns);
	expect(bench, c, CTL_CONNS, &message);
	assert_int_equal(message.conns.total, 43);
	ctl_client_free(c);
}

static void requests_behind_them_wait_their_turn(void **state)
{
	struct bench *bench = *state;
	struct ctl_client *c = connect_to(bench);
	static struct ctl_message message;

	assert_int_equal(ctl_client_conns(c), 0);
	assert_int_equal(ctl_client_status(c), 0);
	wait_for_gathering(bench, 1);
	assert_int_equal(ctl_client_read(c, &message), 0);
	ctl_answer_conns(bench->ctl, &bench->conns);
	expect(bench, c, CTL_CONNS, &message);
	expect(bench, c, CTL_SNAPSHOT, &message);
	ctl_client_free(c);
}

static void who_asks_meanwhile_shares_the_answer(void **state)
{
	struct bench *bench = *state;
	struct ctl_client *one = connect_to(bench), *two = connect_to(bench),
			  *gone = connect_to(bench);
	static struct ctl_message message;

	assert_int_equal(ctl_client_conns(gone), 0);
	wait_for_gathering(bench, 1);
	ctl_client_free(gone);
	assert_int_equal(ctl_client_conns(one), 0);
	assert_int_equal(ctl_client_conns(two), 0);
	turn_often(bench);
	assert_int_equal(bench->n_gathered, 1);
	ctl_answer_conns(bench->ctl, &bench->conns);
	expect(bench, one, CTL_CONNS, &message);
	expect(bench, two, CTL_CONNS, &message);
	ctl_client_free(one);
	ctl_client_free(two);
}

static void a_test_is_answered_refused_or_of_no_path(void **state)
{
	struct bench *bench = *state;
	struct ctl_client *c = connect_to(bench), *other = connect_to(bench);
	static struct ctl_message message;

	assert_int_equal(ctl_client_test(c, &(struct path_test_order){ .path = "ppp9" }), 0);
	expect(bench, c, CTL_ERROR, &message);
	assert_int_equal(message.error.status, STATUS_NO_SUCH);
	assert_non_null(strstr(message.error.hint, "did you mean ppp0?"));
	assert_int_equal(bench->n_tests, 0);
	assert_int_equal(ctl_client_test(c, &(struct path_test_order){ .path = "tun0" }), 0);
	expect(bench, c, CTL_ERROR, &message);
	assert_int_equal(message.error.status, STATUS_REFUSED);

	bench->answers_at_once = true;
	assert_int_equal(
		ctl_client_test(c, &(struct path_test_order){ .path = "ppp0", .mptcp = true }), 0);
	expect(bench, c, CTL_TEST, &message);
	assert_true(bench->order.mptcp && !bench->order.metered && bench->order.may_spend);

	// later, and to who asked for a test only
	bench->answers_at_once = false;
	assert_int_equal(ctl_client_test(c, &(struct path_test_order){ .path = "ppp0" }), 0);
	assert_int_equal(ctl_client_conns(other), 0);
	turn_often(bench);
	ctl_answer_test(bench->ctl, &(struct path_test){ .path = "ppp0" });
	expect(bench, c, CTL_TEST, &message);
	assert_int_equal(ctl_client_read(other, &message), 0);
	ctl_answer_conns(bench->ctl, &bench->conns);
	expect(bench, other, CTL_CONNS, &message);
	ctl_client_free(other);
	ctl_client_free(c);
}

// As with socat: the question, the end, and only then the answer.
static void a_client_that_has_said_all_still_gets_them(void **state)
{
	struct bench *bench = *state;
	struct ctl_client *c = connect_to(bench);
	static struct ctl_message message;

	assert_int_equal(ctl_client_conns(c), 0);
	assert_int_equal(shutdown(ctl_client_fd(c), SHUT_WR), 0);
	wait_for_gathering(bench, 1);
	ctl_answer_conns(bench->ctl, &bench->conns);
	expect(bench, c, CTL_CONNS, &message);
	assert_int_equal(next(bench, c, &message), -EPIPE);
	ctl_client_free(c);
}

// ---- what is asked is answered

static void answers_status(void **state)
{
	struct bench *bench = *state;
	struct ctl_client *c = connect_to(bench);
	static struct ctl_message message;

	assert_int_equal(ctl_client_status(c), 0);
	expect(bench, c, CTL_SNAPSHOT, &message);
	assert_memory_equal(&message.snapshot.paths[1].name, "tun0", 5);
	assert_int_equal(message.line[0], '{');
	ctl_client_free(c);
}

static void the_log_is_read_page_by_page(void **state)
{
	struct bench *bench = *state;
	struct ctl_client *c = connect_to(bench);
	struct event_filter filter = { .from = 1, .object = "tun1" };
	static struct ctl_message message;
	uint64_t seq = 0;
	int n = 0;

	for (int i = 1; i <= 450; i++)
		event_log_add(&bench->events, i, LOG_LEVEL_NOTICE, i % 3 ? "tun1" : "gw", "TEST",
			      "%d", i);
	do {
		assert_int_equal(ctl_client_log(c, &filter), 0);
		expect(bench, c, CTL_LOG, &message);
		for (int i = 0; i < message.log.n; i++)
			seq = message.log.events[i].seq > seq ? message.log.events[i].seq : 0;
		n += message.log.n;
		filter.from = message.log.next;
	} while (message.log.next <= message.log.last);
	assert_int_equal(n, 300);
	assert_int_equal(seq, 449);
	ctl_client_free(c);
}

static void a_watcher_gets_the_past_and_then_every_snapshot(void **state)
{
	struct bench *bench = *state;
	struct ctl_client *c = connect_to(bench);
	static struct ctl_message message;

	assert_int_equal(ctl_client_watch(c, 0), 0);
	expect(bench, c, CTL_HELLO, &message);
	assert_true(message.hello.may_change);
	expect(bench, c, CTL_HISTORY, &message);
	assert_int_equal(message.history.count, 1);
	assert_int_equal(message.history.ring[0].rx_bps, 5);
	expect(bench, c, CTL_SNAPSHOT, &message);
	for (int64_t time_ms = 10; time_ms < 15; time_ms++) {
		publish(bench, time_ms);
		expect(bench, c, CTL_SNAPSHOT, &message);
		assert_int_equal(message.snapshot.time_ms, time_ms);
	}
	ctl_client_free(c);
}

static void the_history_of_a_path_can_be_asked_for(void **state)
{
	struct bench *bench = *state;
	struct ctl_client *c = connect_to(bench);
	static struct ctl_message message;

	assert_int_equal(ctl_client_history(c, "ppp0", TREND_DAY), 0);
	expect(bench, c, CTL_HISTORY, &message);
	assert_string_equal(message.history.path, "ppp0");
	assert_int_equal(message.history.scale, TREND_DAY);
	assert_int_equal(message.history.count, 1);
	assert_int_equal(ctl_client_history(c, "ppp1", TREND_DAY), 0);
	expect(bench, c, CTL_ERROR, &message);
	assert_int_equal(message.error.status, STATUS_NO_SUCH);
	assert_non_null(strstr(message.error.hint, "did you mean ppp0?"));
	ctl_client_free(c);
}

static void the_interval_is_kept_and_the_newest_comes(void **state)
{
	struct bench *bench = *state;
	struct ctl_client *c = connect_to(bench);
	static struct ctl_message message;
	int64_t begin_ms = clock_mono_ms();

	start_watch(bench, c, 200);
	for (int64_t time_ms = 10; time_ms <= 15; time_ms++)
		publish(bench, time_ms);
	expect(bench, c, CTL_SNAPSHOT, &message);
	assert_true(clock_mono_ms() - begin_ms >= 199);
	assert_int_equal(message.snapshot.time_ms, 15);
	assert_int_equal(ctl_client_read(c, &message), 0);
	ctl_client_free(c);
}

static void commands_reach_the_handler_with_who_sent_them(void **state)
{
	struct bench *bench = *state;
	struct ctl_client *c = connect_to(bench);
	struct command redial = { .verb = COMMAND_REDIAL, .object = "ppp0", .who = "the pope" };
	static struct ctl_message message;

	assert_int_equal(ctl_client_send(c, &redial), 0);
	expect(bench, c, CTL_RESULT, &message);
	assert_int_equal(bench->last.verb, COMMAND_REDIAL);
	assert_string_equal(bench->last.object, "ppp0");
	assert_string_not_equal(bench->last.who, "the pope");
	assert_int_equal(message.result.verb, COMMAND_REDIAL);
	assert_string_equal(message.result.object, "ppp0");
	assert_int_equal(message.result.result.status, STATUS_DONE);
	assert_string_equal(message.result.result.text, "as you wish");
	ctl_client_free(c);
}

static void a_wrong_path_is_told_before_the_handler_sees_it(void **state)
{
	static const struct {
		const char *object, *hint;
	} cases[] = {
		{ "pp0", "did you mean ppp0? paths are: ppp0 tun0 wwan0" },
		{ "ethernet7", "paths are: ppp0 tun0 wwan0" },
		{ "", "paths are: ppp0 tun0 wwan0" },
	};
	struct bench *bench = *state;
	struct ctl_client *c = connect_to(bench);
	static struct ctl_message message;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct command command = { .verb = COMMAND_ENABLE };

		strcpy(command.object, cases[i].object);
		assert_int_equal(ctl_client_send(c, &command), 0);
		expect(bench, c, CTL_RESULT, &message);
		assert_int_equal(message.result.result.status, STATUS_NO_SUCH);
		assert_string_equal(message.result.result.hint, cases[i].hint);
	}
	assert_int_equal(bench->n_commands, 0);
	ctl_client_free(c);
}

static void a_command_may_publish(void **state)
{
	struct bench *bench = *state;
	struct ctl_client *c = connect_to(bench), *gone = connect_to(bench);
	static struct ctl_message message;

	start_watch(bench, c, 0);
	start_watch(bench, gone, 0);
	ctl_client_free(gone); // publishing finds it dead while the command is on the stack
	bench->publishes_on_command = true;
	ctl_client_send(c, &(struct command){ .verb = COMMAND_STOP });
	expect(bench, c, CTL_SNAPSHOT, &message);
	expect(bench, c, CTL_RESULT, &message);
	ctl_client_free(c);
}

// What a shell script with a pipe does: all requests, end of input, then the answers. Publishing on
// the way must not end the client before its last answer.
static void answers_come_after_the_end_of_input(void **state)
{
	struct bench *bench = *state;
	struct ctl_client *c = connect_to(bench);
	static struct ctl_message message;

	bench->publishes_on_command = true;
	send_text(c, "{\"request\":\"watch\"}\n{\"request\":\"status\",\"id\":5}\n"
		     "{\"request\":\"command\",\"verb\":\"redial\",\"object\":\"tun0\"}");
	assert_int_equal(shutdown(ctl_client_fd(c), SHUT_WR), 0);
	expect(bench, c, CTL_HELLO, &message);
	expect(bench, c, CTL_HISTORY, &message);
	expect(bench, c, CTL_SNAPSHOT, &message);
	expect(bench, c, CTL_SNAPSHOT, &message);
	assert_non_null(strstr(message.line, "\"id\":5"));
	expect(bench, c, CTL_SNAPSHOT, &message);
	expect(bench, c, CTL_RESULT, &message);
	assert_int_equal(next(bench, c, &message), -EPIPE);
	ctl_client_free(c);
}

// ---- clients that behave badly

static void garbage_is_answered_and_then_the_door_shut(void **state)
{
	struct bench *bench = *state;
	struct ctl_client *c = connect_to(bench);
	static struct ctl_message message;
	int answers = 0;

	for (int i = 0; i < 50; i++)
		send_text(c, "\x1b[2J\xff garbage }{\n");
	while (next(bench, c, &message) == 1) {
		assert_int_equal(message.kind, CTL_ERROR);
		answers++;
	}
	assert_int_equal(answers, 8);
	ctl_client_free(c);
}

static void an_endless_line_is_refused(void **state)
{
	struct bench *bench = *state;
	struct ctl_client *c = connect_to(bench);
	static struct ctl_message message;
	char bytes[8192];

	memset(bytes, 'x', sizeof(bytes));
	send_bytes(c, bytes, sizeof(bytes));
	expect(bench, c, CTL_ERROR, &message);
	assert_string_equal(message.error.message, "a request is longer than 4096 bytes");
	assert_int_equal(next(bench, c, &message), -EPIPE);
	ctl_client_free(c);
}

static void a_request_may_come_byte_by_byte(void **state)
{
	static const char request[] = "{\"request\":\"status\"}\n";
	struct bench *bench = *state;
	struct ctl_client *c = connect_to(bench);
	static struct ctl_message message;

	for (const char *byte = request; *byte; byte++) {
		send_bytes(c, byte, 1);
		turn(bench);
	}
	expect(bench, c, CTL_SNAPSHOT, &message);
	ctl_client_free(c);
}

static size_t memory_in_use(void)
{
	struct mallinfo2 info = mallinfo2();

	return info.uordblks + info.hblkhd; // large blocks are mapped
}

static void a_stopped_watcher_costs_nothing_and_then_gets_the_newest(void **state)
{
	struct bench *bench = *state;
	struct ctl_client *stopped = connect_to(bench), *lively = connect_to(bench);
	static struct ctl_message message;
	int64_t last_ms = 0;
	size_t before;
	int got = 0;

	bench->snapshot.n_events = SNAPSHOT_EVENTS;
	start_watch(bench, stopped, 0);
	start_watch(bench, lively, 0);
	before = memory_in_use();
	for (int64_t time_ms = 10; time_ms < 2010; time_ms++) {
		publish(bench, time_ms);
		expect(bench, lively, CTL_SNAPSHOT, &message);
		assert_int_equal(message.snapshot.time_ms, time_ms);
	}
	assert_true(memory_in_use() < before + 100000);
	while (last_ms < 2009) {
		expect(bench, stopped, CTL_SNAPSHOT, &message);
		assert_true(message.snapshot.time_ms > last_ms);
		last_ms = message.snapshot.time_ms;
		got++;
	}
	assert_true(got < 100); // what the kernel's buffer held, and the newest
	ctl_client_free(stopped);
	ctl_client_free(lively);
}

// Asks on and on and reads nothing: its requests stay in the kernel.
static void a_client_that_only_asks_is_not_read(void **state)
{
	static const char watch[] = "{\"request\":\"watch\"}\n";
	struct bench *bench = *state;
	struct ctl_client *c = connect_to(bench);
	char many[200 * (sizeof(watch) - 1)]; // fits into the gateway's buffer of requests
	size_t before = memory_in_use();
	int idle = 0;

	for (size_t i = 0; i < sizeof(many); i += sizeof(watch) - 1)
		memcpy(many + i, watch, sizeof(watch) - 1);
	for (int i = 0; i < HISTORY_SIZE; i++)
		history_add(&bench->history, &(struct history_sample){ 1795349062103, 1, 1 });
	for (int sent = 0; sent < 1000 && idle < 10; sent++) {
		if (send(ctl_client_fd(c), many, sizeof(many), MSG_NOSIGNAL) < 0)
			idle++;
		turn(bench);
	}
	assert_int_equal(idle, 10);
	assert_true(memory_in_use() < before + 300000);
	ctl_client_free(c);
}

static void the_number_of_clients_is_bounded(void **state)
{
	struct bench *bench = *state;
	struct ctl_client *clients[64], *extra;
	static struct ctl_message message;

	for (size_t i = 0; i < ARRAY_LEN(clients); i++) {
		clients[i] = connect_to(bench);
		turn(bench);
	}
	extra = connect_to(bench);
	expect(bench, extra, CTL_ERROR, &message);
	assert_int_equal(message.error.status, STATUS_REFUSED);
	assert_int_equal(next(bench, extra, &message), -EPIPE);
	ctl_client_free(extra);

	ctl_client_free(clients[0]);
	turn(bench);
	turn(bench);
	extra = connect_to(bench);
	ctl_client_status(extra);
	expect(bench, extra, CTL_SNAPSHOT, &message);
	ctl_client_free(extra);
	for (size_t i = 1; i < ARRAY_LEN(clients); i++)
		ctl_client_free(clients[i]);
}

static void accepting_goes_on_after_descriptors_ran_out(void **state)
{
	struct bench *bench = *state;
	struct ctl_client *c = connect_to(bench);
	struct rlimit normal, none;
	static struct ctl_message message;
	int free_fd = dup(0);

	close(free_fd);
	getrlimit(RLIMIT_NOFILE, &normal);
	none = (struct rlimit){ (rlim_t)free_fd, normal.rlim_max };
	ctl_client_status(c);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	turn(bench);
	assert_int_equal(ctl_client_read(c, &message), 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &normal), 0);
	expect(bench, c, CTL_SNAPSHOT, &message);
	ctl_client_free(c);
}

// ---- the client's end

static void a_gateway_that_ends_is_noticed(void **state)
{
	struct bench *bench = *state;
	struct ctl_client *c = connect_to(bench);
	static struct ctl_message message;
	struct str why = { 0 };

	start_watch(bench, c, 0);
	ctl_close(bench->ctl);
	assert_int_equal(next(bench, c, &message), -EPIPE);
	ctl_client_free(c);
	assert_int_equal(open_ctl(bench, &bench->ctl, &why), 0);
}

static void waiting_has_a_limit(void **state)
{
	struct bench *bench = *state;
	struct ctl_client *c = connect_to(bench);
	static struct ctl_message message;

	ctl_client_status(c);
	assert_int_equal(ctl_client_wait(c, &message, 20), -ETIMEDOUT); // nobody turns the loop
	ctl_client_free(c);
}

// Connects to a peer that is a plain socket.
static struct ctl_client *connect_to_other(struct bench *bench, int *peer)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	struct ctl_client *c;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/other", bench->dir);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(ctl_client_connect(sa.sun_path, &c), 0);
	*peer = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	assert_true(*peer >= 0);
	close(fd);
	unlink(sa.sun_path);
	return c;
}

static void nonsense_from_a_gateway_is_an_error(void **state)
{
	static const char *const answers[] = { "HTTP/1.1 400 Bad Request\r\n", "\n", "{}\n",
					       "{\"schema\":\"mpgate.status\"}\n" };
	static struct ctl_message message;

	for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
		int peer;
		struct ctl_client *c = connect_to_other(*state, &peer);

		assert_true(write(peer, answers[i], strlen(answers[i])) > 0);
		assert_int_equal(ctl_client_wait(c, &message, LIMIT_MS), -EPROTO);
		close(peer);
		ctl_client_free(c);
	}
}

static void an_endless_answer_is_an_error(void **state)
{
	static struct ctl_message message;
	static const char bytes[65536] = "{";
	int peer, rc = 0;
	struct ctl_client *c = connect_to_other(*state, &peer);

	for (int i = 0; i < 1000 && rc == 0; i++) {
		assert_true(write(peer, bytes, sizeof(bytes)) > 0 || errno == EAGAIN);
		rc = ctl_client_read(c, &message);
	}
	assert_int_equal(rc, -EPROTO);
	close(peer);
	ctl_client_free(c);
}

static void not_running_and_not_allowed_are_told_apart(void **state)
{
	static const struct {
		int rc;
		enum status status;
		const char *code, *part;
	} cases[] = {
		{ -ENOENT, STATUS_NOT_RUNNING, "not-running", "/x/y does not exist" },
		{ -ECONNREFUSED, STATUS_NOT_RUNNING, "not-running", "none answers on /x/y" },
		{ -EACCES, STATUS_NOT_ALLOWED, "not-allowed",
		  "may not talk to the gateway (/x/y: " },
		{ -EPIPE, STATUS_NOT_RUNNING, "gone", "/x/y has ended" },
		{ -ETIMEDOUT, STATUS_FAILED, "no-answer", "does not answer" },
		{ -EPROTO, STATUS_FAILED, "protocol", "not understood" },
		{ -ENOTDIR, STATUS_FAILED, "failed", "Not a directory" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct ctl_error error;

		ctl_client_explain(cases[i].rc, "/x/y", &error);
		assert_int_equal(error.status, cases[i].status);
		assert_string_equal(error.code, cases[i].code);
		assert_non_null(strstr(error.message, cases[i].part));
	}
}

// ---- the socket file

static void a_live_gateway_is_not_replaced(void **state)
{
	struct bench *bench = *state;
	struct ctl *second = NULL;
	struct str why = { 0 };

	assert_int_equal(open_ctl(bench, &second, &why), -EADDRINUSE);
	assert_non_null(strstr(str_text(&why), "another gateway answers on /tmp/"));
	str_fini(&why);
	turn(bench);
	assert_int_equal(access(bench->path, F_OK), 0);
}

static void a_dead_gateways_file_is_replaced(void **state)
{
	struct bench *bench = *state;
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	struct str why = { 0 };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ctl_close(bench->ctl);
	strcpy(sa.sun_path, bench->path);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	close(fd);
	assert_int_equal(open_ctl(bench, &bench->ctl, &why), 0);
	answers_status(state);
}

static void another_kind_of_file_is_left_alone(void **state)
{
	struct bench *bench = *state;
	struct ctl *second;
	struct str why = { 0 };
	char file[80], link[80];

	snprintf(file, sizeof(file), "%s/file", bench->dir);
	snprintf(link, sizeof(link), "%s/link", bench->dir);
	close(open(file, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	assert_int_equal(symlink(bench->path, link), 0);
	for (int i = 0; i < 2; i++) {
		const struct ctl_handler handler = { 0 };

		assert_int_equal(ctl_open(bench->loop, i ? link : file, &handler, &second, &why),
				 -EEXIST);
		assert_non_null(strstr(str_text(&why), "not a socket"));
		str_clear(&why);
	}
	str_fini(&why);
	assert_int_equal(unlink(file), 0);
	assert_int_equal(unlink(link), 0);
}

static void a_missing_directory_is_made(void **state)
{
	struct bench *bench = *state;
	struct ctl_handler handler = { bench,       give_snapshot, give_history, take_command,
				       give_events, gather_conns,  begin_test };
	struct ctl *second;
	struct str why = { 0 };
	char dir[80], path[120];

	snprintf(dir, sizeof(dir), "%s/run", bench->dir);
	snprintf(path, sizeof(path), "%s/control.sock", dir);
	assert_int_equal(ctl_open(bench->loop, path, &handler, &second, &why), 0);
	ctl_close(second);
	assert_int_equal(rmdir(dir), 0);
	snprintf(path, sizeof(path), "%s/not/there/control.sock", bench->dir);
	assert_int_equal(ctl_open(bench->loop, path, &handler, &second, &why), -ENOENT);
	str_fini(&why);
	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(ctl_open(bench->loop, path, &handler, &second, &why), -ENAMETOOLONG);
	str_fini(&why);
}

static void a_gateway_that_is_starting_is_respected(void **state)
{
	struct bench *bench = *state;
	struct ctl *second;
	struct str why = { 0 };
	int dir = open(bench->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_int_equal(flock(dir, LOCK_EX), 0);
	assert_int_equal(open_ctl(bench, &second, &why), -EWOULDBLOCK);
	assert_non_null(strstr(str_text(&why), "another gateway is starting"));
	close(dir);
	str_fini(&why);
}

static void others_may_not_open_the_file(void **state)
{
	struct bench *bench = *state;
	struct stat st;

	assert_int_equal(stat(bench->path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0660);
}

// ---- who may do what. Needs root, to be somebody else.

#define NOBODY 65534

// Runs `run` in a process of user nobody with these groups, turning the loop meanwhile. Returns its
// exit status.
static int as_nobody(struct bench *bench, const gid_t *groups, size_t n,
		     int (*run)(const struct bench *bench))
{
	int64_t limit_ms = clock_mono_ms() + LIMIT_MS;
	int status;
	pid_t pid;

	assert_int_equal(chmod(bench->dir, 0755), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (setgroups(n, groups) != 0 || setresgid(NOBODY, NOBODY, NOBODY) != 0 ||
		    setresuid(NOBODY, NOBODY, NOBODY) != 0)
			_exit(99);
		_exit(run(bench));
	}
	while (waitpid(pid, &status, WNOHANG) == 0) {
		assert_true(clock_mono_ms() < limit_ms);
		turn(bench);
	}
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int try_to_redial(const struct bench *bench)
{
	static struct ctl_message message;
	struct command redial = { .verb = COMMAND_REDIAL, .object = "ppp0" };
	struct ctl_client *c;
	int rc = ctl_client_connect(bench->path, &c);

	if (rc != 0)
		return -rc;
	if (ctl_client_watch(c, 0) != 0 || ctl_client_wait(c, &message, LIMIT_MS) != 0 ||
	    message.kind != CTL_HELLO || message.hello.may_change ||
	    ctl_client_send(c, &redial) != 0)
		return 90;
	do
		rc = ctl_client_wait(c, &message, LIMIT_MS);
	while (rc == 0 && message.kind != CTL_RESULT);
	ctl_client_free(c);
	return rc == 0 ? message.result.result.status : 91;
}

static void strangers_are_kept_out_and_members_may_only_look(void **state)
{
	struct bench *bench = *state;
	struct stat st;

	if (geteuid() != 0)
		skip();
	assert_int_equal(stat(bench->path, &st), 0);
	assert_int_equal(as_nobody(bench, NULL, 0, try_to_redial), EACCES);
	assert_int_equal(as_nobody(bench, &st.st_gid, 1, try_to_redial), STATUS_NOT_ALLOWED);
	assert_int_equal(bench->n_commands, 0);
}

static int connect_and_wait(const struct bench *bench)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char byte;

	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/peers", bench->dir);
	if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) != 0)
		return errno;
	return read(fd, &byte, 1) == 1 ? byte : 92;
}

struct peers {
	ev_io io;
	gid_t admins;
	struct ctl_peer seen;
};

static void on_peer(struct ev_loop *loop, ev_io *w, int revents)
{
	struct peers *peers = w->data;
	int fd = accept(w->fd, NULL, NULL);

	(void)loop;
	(void)revents;
	ctl_peer_read(fd, peers->admins, &peers->seen);
	assert_int_equal(write(fd, "\0", 1), 1);
	close(fd);
}

static void members_of_the_admins_group_may_change(void **state)
{
	struct bench *bench = *state;
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct peers peers = { 0 };
	gid_t groups[100];
	const struct {
		gid_t admins;
		size_t n_groups;
		bool may_change;
	} cases[] = {
		{ 4242, 100, true }, { 4242, 42, false },          { 4242, 0, false },
		{ NOBODY, 0, true }, { CTL_NO_GROUP, 100, false },
	};

	if (geteuid() != 0 || is_emulated())
		skip();
	for (gid_t i = 0; i < ARRAY_LEN(groups); i++)
		groups[i] = 4200 + i;
	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/peers", bench->dir);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(chmod(sa.sun_path, 0666), 0);
	assert_int_equal(listen(fd, 1), 0);
	ev_io_init(&peers.io, on_peer, fd, EV_READ);
	peers.io.data = &peers;
	ev_io_start(bench->loop, &peers.io);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		peers.admins = cases[i].admins;
		assert_int_equal(as_nobody(bench, groups, cases[i].n_groups, connect_and_wait), 0);
		assert_int_equal(peers.seen.may_change, cases[i].may_change);
		assert_int_equal(strncmp(peers.seen.who, "nobody", 6), 0);
	}
	ev_io_stop(bench->loop, &peers.io);
	close(fd);
	unlink(sa.sun_path);
}

// A process with a terminal of its own connects; the gateway names the terminal.
static void the_terminal_is_named(void **state)
{
	struct bench *bench = *state;
	struct command stop = { .verb = COMMAND_STOP };
	int64_t limit_ms = clock_mono_ms() + LIMIT_MS;
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), status;
	char name[64], on[80];
	pid_t pid;

	assert_true(master >= 0);
	assert_int_equal(grantpt(master) | unlockpt(master), 0);
	assert_int_equal(ptsname_r(master, name, sizeof(name)), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		static struct ctl_message message;
		struct ctl_client *c;
		int tty;

		setsid();
		tty = open(name, O_RDWR | O_CLOEXEC);
		if (tty < 0 || ioctl(tty, TIOCSCTTY, 0) != 0 ||
		    ctl_client_connect(bench->path, &c) != 0 || ctl_client_send(c, &stop) != 0)
			_exit(99);
		_exit(ctl_client_wait(c, &message, LIMIT_MS) != 0);
	}
	while (waitpid(pid, &status, WNOHANG) == 0) {
		assert_true(clock_mono_ms() < limit_ms);
		turn(bench);
	}
	assert_int_equal(status, 0);
	snprintf(on, sizeof(on), " on %s", name + strlen("/dev/"));
	assert_non_null(strstr(bench->last.who, on));
	close(master);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(connections_are_told_at_once_or_later),
		TEST(requests_behind_them_wait_their_turn),
		TEST(who_asks_meanwhile_shares_the_answer),
		TEST(a_client_that_has_said_all_still_gets_them),
		TEST(a_test_is_answered_refused_or_of_no_path),
		TEST(answers_status),
		TEST(the_log_is_read_page_by_page),
		TEST(a_watcher_gets_the_past_and_then_every_snapshot),
		TEST(the_history_of_a_path_can_be_asked_for),
		TEST(the_interval_is_kept_and_the_newest_comes),
		TEST(commands_reach_the_handler_with_who_sent_them),
		TEST(a_wrong_path_is_told_before_the_handler_sees_it),
		TEST(a_command_may_publish),
		TEST(answers_come_after_the_end_of_input),
		TEST(garbage_is_answered_and_then_the_door_shut),
		TEST(an_endless_line_is_refused),
		TEST(a_request_may_come_byte_by_byte),
		TEST(a_stopped_watcher_costs_nothing_and_then_gets_the_newest),
		TEST(a_client_that_only_asks_is_not_read),
		TEST(the_number_of_clients_is_bounded),
		TEST(accepting_goes_on_after_descriptors_ran_out),
		TEST(a_gateway_that_ends_is_noticed),
		TEST(waiting_has_a_limit),
		TEST(nonsense_from_a_gateway_is_an_error),
		TEST(an_endless_answer_is_an_error),
		cmocka_unit_test(not_running_and_not_allowed_are_told_apart),
		TEST(a_live_gateway_is_not_replaced),
		TEST(a_dead_gateways_file_is_replaced),
		TEST(another_kind_of_file_is_left_alone),
		TEST(a_missing_directory_is_made),
		TEST(a_gateway_that_is_starting_is_respected),
		TEST(others_may_not_open_the_file),
		TEST(strangers_are_kept_out_and_members_may_only_look),
		TEST(members_of_the_admins_group_may_change),
		TEST(the_terminal_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
