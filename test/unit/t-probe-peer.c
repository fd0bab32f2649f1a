// SPDX-License-Identifier: GPL-2.0-or-later
//
// The gateway's side of the peer service, over loopback against the exit's real side and against
// programs that are none.
#include "unit.h"
#include "loop.h"
#include "port.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ev.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "probe/probe.h"
#include "relay/relay.h"

#define WAIT_S       15
#define REPORTS_KEPT 256

static struct ev_loop *loop;
static struct wire_key key;

static struct world {
	struct peer *peer;
	struct peer_report reports[REPORTS_KEPT];
	char versions[REPORTS_KEPT][32];
	size_t n, n_read;
	bool drop_paths; // from within the next report
} world;

static void keep(void *ctx, const struct peer_report *report)
{
	static const struct peer_target nothing;
	size_t i = world.n++ % REPORTS_KEPT;

	assert_ptr_equal(ctx, &world);
	world.reports[i] = *report;
	snprintf(world.versions[i], sizeof(world.versions[i]), "%s",
		 report->version ? report->version : "");
	if (world.drop_paths)
		peer_set(world.peer, &nothing);
	ev_break(loop, EVBREAK_ALL);
}

static bool run_for(double seconds)
{
	size_t before = world.n;

	run_loop(loop, seconds);
	return world.n > before;
}

// The next report of a kind; others before it are dropped.
static const struct peer_report *await(enum peer_report_kind kind)
{
	for (;;) {
		const struct peer_report *next = &world.reports[world.n_read % REPORTS_KEPT];

		if (world.n_read == world.n && !run_for(WAIT_S))
			fail_msg("no report of kind %d in %d s", kind, WAIT_S);
		world.n_read++;
		if (next->kind == kind)
			return next;
	}
}

static int count(enum peer_report_kind kind)
{
	int n = 0;

	for (size_t i = 0; i < world.n; i++)
		n += world.reports[i].kind == kind;
	return n;
}

// The `nth` of a kind, whatever comes before or between.
static const struct peer_report *await_nth(enum peer_report_kind kind, int nth)
{
	size_t i = 0;

	while (count(kind) < nth) {
		if (!run_for(WAIT_S))
			fail_msg("no report of kind %d in %d s", kind, WAIT_S);
	}
	while (nth -= world.reports[i].kind == kind)
		i++;
	return &world.reports[i];
}

static struct sockaddr_in loopback(uint16_t port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET,
				     .sin_port = htons(port),
				     .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

static int listen_on(uint16_t *port)
{
	struct sockaddr_in sa = loopback(*port);
	socklen_t len = sizeof(sa);
	int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(listen(fd, 64), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
	*port = ntohs(sa.sin_port);
	return fd;
}

// `sources`: the last byte of each path's address, "123".
static struct peer_target target_at(uint16_t port, const char *sources)
{
	struct peer_target target = { .key = key };

	target.exit.in = loopback(port);
	for (; *sources; sources++) {
		struct peer_path *path = &target.paths[target.n_paths];

		path->path = (int)target.n_paths++;
		path->source = (struct addr){ .family = AF_INET,
					      .v4.s_addr = htonl(0x7f000000u |
								 (unsigned)(*sources - '0')) };
	}
	return target;
}

static struct relay *start_exit(uint16_t port)
{
	struct relay_policy *policy = relay_policy_new();
	struct relay_listen at = { .kind = RELAY_LISTEN_EXIT };
	struct str why = { 0 };
	struct relay *relay;

	policy->server_key = key;
	at.at.in = loopback(port);
	if (relay_start(loop, 2, &relay, &why) < 0)
		fail_msg("%s", str_text(&why));
	relay_set_policy(relay, policy);
	if (relay_listen(relay, &at, &why) < 0)
		fail_msg("%s", str_text(&why));
	return relay;
}

static void begin(const struct peer_target *target)
{
	world = (struct world){ .peer = peer_new(loop, keep, &world) };
	peer_set(world.peer, target);
	assert_int_equal(world.n, 0);
}

static void end(void)
{
	peer_free(world.peer);
	world.peer = NULL;
}

// ---- a program that is not our exit, in a thread

enum manner { HANGS_UP, SPEAKS_NOISE, ANSWERS_OTHERS };

struct impostor {
	int listener;
	enum manner manner;
	pthread_t thread;
};

static size_t say(enum manner manner, uint8_t *out)
{
	struct wire_service_message m = { .type = WIRE_SERVICE_SEEN | WIRE_SERVICE_ANSWER,
					  .nonce = 12345,
					  .version = "lie" };

	if (manner == ANSWERS_OTHERS)
		return wire_service_put(&m, out);
	memset(out, 0xee, 3000);
	return 3000;
}

static void *serve(void *arg)
{
	struct impostor *impostor = arg;
	int fd;

	while ((fd = accept(impostor->listener, NULL, NULL)) >= 0) {
		uint8_t heard[256], plain[WIRE_SERVICE_MAX], sealed[2 * WIRE_SERVICE_MAX];
		struct wire_sealer sealer;
		ssize_t n = recv(fd, heard, sizeof(heard), 0);

		if (n > 0 && impostor->manner != HANGS_UP) {
			wire_sealer_init(&sealer, &key, NULL);
			n = wire_seal(&sealer, plain, say(impostor->manner, plain), sealed,
				      sizeof(sealed));
			n = send(fd, sealed, (size_t)n, MSG_NOSIGNAL);
			// until the other end is satisfied or not
			while (n > 0)
				n = recv(fd, heard, sizeof(heard), 0);
		}
		close(fd);
	}
	return NULL;
}

static uint16_t start_impostor(struct impostor *impostor, enum manner manner)
{
	uint16_t port = 0;

	impostor->listener = listen_on(&port);
	impostor->manner = manner;
	assert_int_equal(pthread_create(&impostor->thread, NULL, serve, impostor), 0);
	return port;
}

static void stop_impostor(struct impostor *impostor)
{
	shutdown(impostor->listener, SHUT_RDWR);
	pthread_join(impostor->thread, NULL);
	close(impostor->listener);
}

// ---- tests

static void passes_on_what_the_exit_says(void **state)
{
	uint16_t port = free_port();
	struct relay *exit = start_exit(port);
	struct peer_target target = target_at(port, "123");
	const struct peer_report *report;

	(void)state;
	target.busy = true;
	begin(&target);
	report = await(PEER_SERVICE);
	assert_true(report->serves);
	assert_true(report->bytes > 100);
	report = await(PEER_SEEN);
	assert_string_equal(world.versions[(size_t)(report - world.reports)], PACKAGE_VERSION);
	assert_true(report->subflows >= 1);
	assert_in_range(report->rtt_us, 1, 5000000);
	assert_in_range(report->clock_offset_us + 5000000, 0, 10000000);
	for (int path = 0; path < 3; path++) {
		report = await(PEER_PATH);
		assert_int_equal(report->path, path);
		assert_int_equal(report->error, 0);
		assert_true(addr_equal(&report->seen_as, &target.paths[path].source));
		assert_in_range(report->rtt_us, 1, 5000000);
	}
	assert_in_range(await_nth(PEER_ECHO, 1)->rtt_us, 1, 5000000);
	report = await_nth(PEER_STATS, 1);
	for (int path = 0; path < 3; path++) {
		assert_true(report->paths[path].known);
		assert_false(report->paths[path].shared);
	}
	// the long connection came from the first path's address alone
	assert_true(addr_equal(&report->paths[0].sender.addr, &target.paths[0].source));
	assert_false(addr_is_set(&report->paths[1].sender.addr));
	report = await_nth(PEER_SEEN, 2); // after the paths have settled
	assert_int_equal(report->paths[0].subflows, 1);
	assert_int_equal(report->paths[1].subflows, 0);
	assert_int_equal(count(PEER_SERVICE), 1);
	end();
	relay_stop(exit);
}

static void tells_paths_behind_one_address(void **state)
{
	uint16_t port = free_port();
	struct relay *exit = start_exit(port);
	struct peer_target target = target_at(port, "112");
	const struct peer_report *report;

	(void)state;
	begin(&target);
	for (int path = 0; path < 3; path++)
		await(PEER_PATH);
	report = await_nth(PEER_SEEN, 2); // after the paths have settled
	assert_true(report->paths[0].shared && report->paths[1].shared);
	assert_true(report->paths[2].known && !report->paths[2].shared);
	end();
	relay_stop(exit);
}

static void checks_a_path_when_it_is_back(void **state)
{
	uint16_t port = free_port();
	struct relay *exit = start_exit(port);
	struct peer_target both = target_at(port, "12"), one = target_at(port, "1");

	(void)state;
	begin(&both);
	assert_int_equal(await(PEER_PATH)->path, 0);
	assert_int_equal(await(PEER_PATH)->path, 1);
	peer_set(world.peer, &one);
	peer_set(world.peer, &both);
	assert_int_equal(await(PEER_PATH)->path, 1);
	// another address is another path
	both.paths[0].source.bytes[3] = 9;
	peer_set(world.peer, &both);
	assert_int_equal(await(PEER_PATH)->path, 0);
	assert_int_equal(count(PEER_PATH), 4);
	end();
	relay_stop(exit);
}

static void finds_an_exit_again(void **state)
{
	uint16_t port = free_port();
	struct relay *exit = start_exit(port);
	struct peer_target target = target_at(port, "1");

	(void)state;
	begin(&target);
	await(PEER_PATH);
	relay_stop(exit);
	assert_false(run_for(0.1));
	exit = start_exit(port);
	await(PEER_SEEN);
	assert_int_equal(count(PEER_SERVICE), 1);
	end();
	relay_stop(exit);
}

static void goes_on_without_a_service(void **state)
{
	static const enum manner manners[] = { HANGS_UP, SPEAKS_NOISE };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(manners); i++) {
		struct impostor impostor;
		struct peer_target target = target_at(start_impostor(&impostor, manners[i]), "12");
		const struct peer_report *report;

		begin(&target);
		report = await(PEER_SERVICE);
		assert_false(report->serves);
		assert_true(report->error < 0);
		for (int path = 0; path < 2; path++) {
			report = await(PEER_PATH);
			assert_int_equal(report->path, path);
			assert_int_equal(report->error, 0);
			assert_false(report->mptcp); // it listens with plain TCP
			assert_false(addr_is_set(&report->seen_as));
		}
		assert_false(run_for(1.5));
		assert_int_equal(count(PEER_SERVICE), 1);
		end();
		stop_impostor(&impostor);
	}
}

static void believes_no_answer_that_it_did_not_ask_for(void **state)
{
	struct impostor impostor;
	struct peer_target target = target_at(start_impostor(&impostor, ANSWERS_OTHERS), "1");

	(void)state;
	begin(&target);
	assert_false(run_for(1.5));
	end();
	stop_impostor(&impostor);
}

static void may_be_told_from_within_a_report(void **state)
{
	uint16_t port = free_port();
	struct relay *exit = start_exit(port);
	struct peer_target target = target_at(port, "12");

	(void)state;
	begin(&target);
	world.drop_paths = true;
	await(PEER_SERVICE);
	world.drop_paths = false;
	run_for(0.3);
	assert_int_equal(count(PEER_PATH), 0);
	peer_set(world.peer, &target);
	await(PEER_PATH);
	world.drop_paths = true;
	assert_true(run_for(
		WAIT_S)); // whichever comes next: the other path's check, or of the long one
	end();
	relay_stop(exit);
}

static int start(void **state)
{
	(void)state;
	signal(SIGPIPE, SIG_IGN);
	loop = ev_default_loop(EVFLAG_NOENV);
	return wire_key_from_secret(&key, WIRE_AES_256_GCM, "correct horse");
}

static int stop(void **state)
{
	(void)state;
	ev_loop_destroy(loop);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(passes_on_what_the_exit_says),
		cmocka_unit_test(tells_paths_behind_one_address),
		cmocka_unit_test(checks_a_path_when_it_is_back),
		cmocka_unit_test(finds_an_exit_again),
		cmocka_unit_test(goes_on_without_a_service),
		cmocka_unit_test(believes_no_answer_that_it_did_not_ask_for),
		cmocka_unit_test(may_be_told_from_within_a_report),
	};

	if (is_emulated())
		return 77;
	return cmocka_run_group_tests(tests, start, stop);
}
