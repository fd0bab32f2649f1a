// SPDX-License-Identifier: GPL-2.0-or-later
//
// The exit's side of the peer service, asked over loopback by a client that seals and opens with
// the wire room alone.
#include "unit.h"
#include "port.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "relay/relay.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

#define DEADLINE_MS 20000
#define WORKERS     3

static struct {
	struct ev_loop *loop;
	struct relay *exit, *gateway;
	uint16_t exit_port, socks_port;
	struct wire_key key;
} bench;

// One sealed connection to the exit.
struct client {
	int fd;
	struct wire_sealer sealer;
	struct wire_opener opener;
	uint8_t sealed[65536], plain[65536];
	size_t sealed_len, plain_len;
};

static struct sockaddr_in loopback(uint8_t host, uint16_t port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET,
				     .sin_port = htons(port),
				     .sin_addr.s_addr = htonl(0x7f000000u | host) };
}

static int bind_to(uint8_t host, uint16_t *port)
{
	struct sockaddr_in sa = loopback(host, 0);
	socklen_t len = sizeof(sa);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
	*port = ntohs(sa.sin_port);
	return fd;
}

static void set_timeout(int fd)
{
	struct timeval tv = { .tv_sec = DEADLINE_MS / 1000 };

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
}

static void send_sealed(struct client *c, const uint8_t *plain, size_t len)
{
	uint8_t sealed[16384];
	ssize_t n = wire_seal(&c->sealer, plain, len, sealed, sizeof(sealed));

	assert_true(n > 0);
	assert_int_equal(send(c->fd, sealed, (size_t)n, MSG_NOSIGNAL), n);
}

// Connects from 127.0.0.`host` and asks for `target`.
static struct client *connect_sealed(uint8_t host, int protocol, const struct wire_target *target)
{
	struct sockaddr_in from = loopback(host, 0), to = loopback(1, bench.exit_port);
	struct client *c = calloc(1, sizeof(*c));
	uint8_t header[WIRE_TARGET_MAX];

	c->fd = socket(AF_INET, SOCK_STREAM, protocol);
	if (c->fd < 0)
		skip();
	set_timeout(c->fd);
	assert_int_equal(bind(c->fd, (struct sockaddr *)&from, sizeof(from)), 0);
	assert_int_equal(connect(c->fd, (struct sockaddr *)&to, sizeof(to)), 0);
	wire_sealer_init(&c->sealer, &bench.key, NULL);
	wire_opener_init(&c->opener, &bench.key, NULL);
	send_sealed(c, header, wire_target_put(target, header));
	return c;
}

static struct client *open_service(uint8_t host, int protocol)
{
	struct wire_target target = wire_service_target();

	return connect_sealed(host, protocol, &target);
}

static void hang_up(struct client *c)
{
	close(c->fd);
	free(c);
}

// Reads once and opens. False at the connection's end.
static bool read_more(struct client *c)
{
	ssize_t n = recv(c->fd, c->sealed + c->sealed_len, sizeof(c->sealed) - c->sealed_len, 0);
	size_t consumed, produced;

	if (n <= 0) {
		assert_true(n == 0 || errno == ECONNRESET);
		return false;
	}
	c->sealed_len += (size_t)n;
	assert_int_equal(wire_open(&c->opener, c->sealed, c->sealed_len, &consumed,
				   c->plain + c->plain_len, sizeof(c->plain) - c->plain_len,
				   &produced),
			 0);
	memmove(c->sealed, c->sealed + consumed, c->sealed_len - consumed);
	c->sealed_len -= consumed;
	c->plain_len += produced;
	return true;
}

static struct wire_service_message await_answer(struct client *c)
{
	struct wire_service_message answer;
	size_t used;

	while (wire_service_parse(c->plain, c->plain_len, &answer, &used) == -EAGAIN)
		assert_true(read_more(c));
	memmove(c->plain, c->plain + used, c->plain_len - used);
	c->plain_len -= used;
	return answer;
}

static void put_question(struct client *c, uint8_t type, uint64_t nonce)
{
	struct wire_service_message question = { .type = type, .nonce = nonce };
	uint8_t bytes[WIRE_SERVICE_MAX];

	send_sealed(c, bytes, wire_service_put(&question, bytes));
}

static struct wire_service_message ask(struct client *c, uint8_t type)
{
	static uint64_t nonce;
	struct wire_service_message answer;

	put_question(c, type, ++nonce);
	answer = await_answer(c);
	assert_int_equal(answer.type, type | WIRE_SERVICE_ANSWER);
	assert_int_equal(answer.nonce, nonce);
	return answer;
}

// ---- tests

static void answers_an_echo(void **state)
{
	struct client *c = open_service(1, IPPROTO_TCP);
	int64_t before_us = clock_wall_ms() * 1000;
	struct wire_service_message answer = ask(c, WIRE_SERVICE_ECHO);

	(void)state;
	assert_true((int64_t)answer.time_us >= before_us);
	assert_true((int64_t)answer.time_us <= clock_wall_ms() * 1000);
	ask(c, WIRE_SERVICE_ECHO);
	hang_up(c);
}

static void says_what_it_sees(int protocol, bool mptcp)
{
	struct client *c = open_service(1, protocol);
	struct sockaddr_in local;
	socklen_t len = sizeof(local);
	struct wire_service_message answer = ask(c, WIRE_SERVICE_SEEN);

	getsockname(c->fd, (struct sockaddr *)&local, &len);
	assert_int_equal(answer.protocol, WIRE_SERVICE_VERSION);
	assert_string_equal(answer.version, PACKAGE_VERSION);
	assert_int_equal(answer.mptcp, mptcp);
	assert_true(answer.n_subflows >= 1);
	assert_true(answer.subflows[0].established);
	assert_int_equal(answer.subflows[0].port, ntohs(local.sin_port));
	assert_int_equal(answer.subflows[0].addr.v4.s_addr, htonl(INADDR_LOOPBACK));
	hang_up(c);
}

static void sees_tcp(void **state)
{
	(void)state;
	says_what_it_sees(IPPROTO_TCP, false);
}

static void sees_mptcp(void **state)
{
	(void)state;
	if (is_emulated())
		skip();
	says_what_it_sees(IPPROTO_MPTCP, true);
}

static struct wire_service_remote ask_stats(struct client *c)
{
	struct wire_service_message answer = ask(c, WIRE_SERVICE_STATS);

	assert_int_equal(answer.n_remotes, 1);
	return answer.remotes[0];
}

// Sums over all workers, those of sessions that ended included; and each only its own address.
static void sums_what_it_sent(void **state)
{
	enum { SESSIONS = 8, BYTES = 20000 };
	struct client *service, *other;
	int64_t deadline_ms = clock_mono_ms() + DEADLINE_MS;
	struct wire_service_remote before, now;
	struct wire_target target = { 0 };
	struct client *clients[SESSIONS];
	uint8_t bytes[BYTES] = { 0 };
	int listener;

	(void)state;
	if (is_emulated())
		skip();
	service = open_service(1, IPPROTO_TCP);
	other = open_service(2, IPPROTO_TCP);
	before = ask_stats(service);
	listener = bind_to(1, &target.port);
	addr_parse("127.0.0.1", &target.addr);
	assert_int_equal(listen(listener, SESSIONS), 0);
	for (int i = 0; i < SESSIONS; i++) {
		int fd;

		clients[i] = connect_sealed(1, IPPROTO_TCP, &target);
		fd = accept(listener, NULL, NULL);
		assert_int_equal(send(fd, bytes, BYTES, MSG_NOSIGNAL), BYTES);
		while (clients[i]->plain_len < BYTES)
			assert_true(read_more(clients[i]));
		close(fd);
	}
	do {
		assert_true(clock_mono_ms() < deadline_ms);
		poll(NULL, 0, 50);
		now = ask_stats(service);
	} while (now.subflows < SESSIONS || now.tx_bytes - before.tx_bytes < SESSIONS * BYTES);
	assert_true(now.tx_bytes - before.tx_bytes < SESSIONS * (BYTES + BYTES / 50));
	assert_true(now.segments - before.segments >= SESSIONS);
	assert_true(now.cwnd >= SESSIONS);
	assert_int_equal(now.stalled, 0);
	for (int i = 0; i < SESSIONS; i++)
		hang_up(clients[i]);
	do {
		assert_true(clock_mono_ms() < deadline_ms);
		poll(NULL, 0, 50);
		now = ask_stats(service);
	} while (now.subflows);
	assert_true(now.tx_bytes - before.tx_bytes >= SESSIONS * BYTES);

	now = ask_stats(other);
	assert_int_equal(now.addr.v4.s_addr, htonl(0x7f000002));
	assert_int_equal(now.tx_bytes, 0);
	close(listener);
	hang_up(service);
	hang_up(other);
}

static void skips_a_question_it_does_not_know(void **state)
{
	struct client *c = open_service(1, IPPROTO_TCP);

	(void)state;
	put_question(c, 0x7f, 1);
	put_question(c, WIRE_SERVICE_ECHO | WIRE_SERVICE_ANSWER, 2);
	put_question(c, 0, 3);
	ask(c, WIRE_SERVICE_ECHO);
	hang_up(c);
}

// As many bytes as were asked for come, however many that are, and then the next answer.
static void fills_a_line(void **state)
{
	static const uint32_t asked[] = { 1, 4096, 1000000, 4000000000 };
	struct client *c = open_service(1, IPPROTO_TCP);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(asked); i++) {
		uint32_t left = asked[i] < WIRE_SERVICE_FILL_MAX ? asked[i] : WIRE_SERVICE_FILL_MAX;
		struct wire_service_message question = { .type = WIRE_SERVICE_FILL,
							 .nonce = i + 1,
							 .bytes = asked[i] };
		uint8_t bytes[WIRE_SERVICE_MAX];

		send_sealed(c, bytes, wire_service_put(&question, bytes));
		put_question(c, WIRE_SERVICE_ECHO, 99);
		while (left) {
			struct wire_service_message answer = await_answer(c);

			assert_int_equal(answer.type, WIRE_SERVICE_FILL | WIRE_SERVICE_ANSWER);
			assert_int_equal(answer.nonce, i + 1);
			assert_int_equal(answer.bytes,
					 left < sizeof(bytes) ? 0 : left - sizeof(bytes));
			left = answer.bytes;
		}
		assert_int_equal(await_answer(c).nonce, 99);
	}
	hang_up(c);
}

// All are answered, in order, however many come at once and however they are cut.
static void answers_many_in_order(void **state)
{
	enum { QUESTIONS = 40 };
	struct client *c = open_service(1, IPPROTO_TCP);
	uint8_t all[QUESTIONS * 16];
	size_t len = 0;

	(void)state;
	for (int i = 1; i <= QUESTIONS; i++) {
		struct wire_service_message question = { .type = 1 + i % 3, .nonce = (uint64_t)i };
		uint8_t bytes[WIRE_SERVICE_MAX];
		size_t n = wire_service_put(&question, bytes);

		memcpy(all + len, bytes, n);
		len += n;
	}
	for (size_t at = 0; at < len; at += 7)
		send_sealed(c, all + at, len - at < 7 ? len - at : 7);
	for (int i = 1; i <= QUESTIONS; i++)
		assert_int_equal(await_answer(c).nonce, i);
	hang_up(c);
}

static void ends_what_makes_no_sense(void **state)
{
	struct client *bystander = open_service(1, IPPROTO_TCP);

	(void)state;
	ask(bystander, WIRE_SERVICE_ECHO);
	for (unsigned seed = 1; seed <= 20; seed++) {
		struct client *c = open_service(1, IPPROTO_TCP);
		uint8_t noise[9000];

		srandom(seed);
		for (size_t i = 0; i < sizeof(noise); i++)
			noise[i] = (uint8_t)random();
		noise[1] = 0xff; // longer than a message may be
		send_sealed(c, noise, sizeof(noise));
		while (read_more(c)) {
		}
		hang_up(c);
	}
	ask(bystander, WIRE_SERVICE_ECHO);
	hang_up(bystander);
}

// The LAN's clients cannot ask the exit about us.
static void is_not_for_the_lan(void **state)
{
	uint8_t request[WIRE_SOCKS_REQUEST_MAX + 3] = { 5, 1, 0, 5, 1, 0 }, reply[12];
	struct wire_target target = wire_service_target();
	struct sockaddr_in to = loopback(1, bench.socks_port);
	size_t len = 6 + wire_target_put(&target, request + 6), got = 0;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	(void)state;
	set_timeout(fd);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	assert_int_equal(send(fd, request, len, MSG_NOSIGNAL), len);
	while (got < sizeof(reply)) {
		ssize_t n = recv(fd, reply + got, sizeof(reply) - got, 0);

		assert_true(n > 0);
		got += (size_t)n;
	}
	assert_int_equal(reply[3], 2); // not allowed
	close(fd);
}

// ---- the bench

static struct relay_policy *make_policy(void)
{
	struct relay_policy *policy = relay_policy_new();
	struct addr addr;

	addr_parse("127.0.0.1", &addr);
	policy->server_key = bench.key;
	policy->allow = xcalloc(1, sizeof(*policy->allow));
	policy->n_allow = prefix_parse("127.0.0.0/8", &policy->allow[0]) == 0;
	policy->n_exits = 1;
	policy->exits[0].key = bench.key;
	policy->exits[0].n_addrs = 1;
	policy->exits[0].addrs[0] = sockaddr_make(&addr, bench.exit_port);
	policy->n_paths = policy->n_begin = 1;
	policy->paths[0] = (struct relay_path){ .addr4 = addr, .rtt_us = 100 };
	return policy;
}

static int start(void **state)
{
	struct relay_listen at_exit = { .kind = RELAY_LISTEN_EXIT },
			    socks = { .kind = RELAY_LISTEN_SOCKS };
	struct str why = { 0 };

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	bench.loop = ev_default_loop(EVFLAG_NOENV);
	bench.exit_port = free_port();
	bench.socks_port = free_port();
	if (wire_key_from_secret(&bench.key, WIRE_CHACHA20_POLY1305, "correct horse") < 0 ||
	    relay_start(bench.loop, WORKERS, &bench.exit, &why) < 0 ||
	    relay_start(bench.loop, 1, &bench.gateway, &why) < 0)
		return -1;
	relay_set_policy(bench.exit, make_policy());
	relay_set_policy(bench.gateway, make_policy());
	at_exit.at.in = loopback(1, bench.exit_port);
	socks.at.in = loopback(1, bench.socks_port);
	return relay_listen(bench.exit, &at_exit, &why) | relay_listen(bench.gateway, &socks, &why);
}

// With service connections and questions still open.
static int stop(void **state)
{
	struct client *clients[4];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(clients); i++) {
		clients[i] = open_service(1, IPPROTO_TCP);
		ask(clients[i], WIRE_SERVICE_ECHO);
		put_question(clients[i], WIRE_SERVICE_STATS, 1);
	}
	relay_stop(bench.gateway);
	relay_stop(bench.exit);
	ev_loop_destroy(bench.loop);
	for (size_t i = 0; i < ARRAY_LEN(clients); i++)
		hang_up(clients[i]);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_an_echo),
		cmocka_unit_test(sees_tcp),
		cmocka_unit_test(sees_mptcp),
		cmocka_unit_test(sums_what_it_sent),
		cmocka_unit_test(skips_a_question_it_does_not_know),
		cmocka_unit_test(fills_a_line),
		cmocka_unit_test(answers_many_in_order),
		cmocka_unit_test(ends_what_makes_no_sense),
		cmocka_unit_test(is_not_for_the_lan),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
