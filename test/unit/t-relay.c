// SPDX-License-Identifier: GPL-2.0-or-later
//
// Both halves of the relay in one process over loopback: client -> SOCKS5 listener -> gateway's
// relay
// -> exit's relay -> target. Client and target are plain blocking sockets.
#include "unit.h"
#include "port.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "relay/relay.h"

#define DEADLINE_MS 20000

struct bench {
	struct ev_loop *loop;
	struct relay *gateway, *exit;
	uint16_t socks_port, exit_port;
	struct wire_key key;
	uint64_t n_clients; // that ever connected to the SOCKS5 port
};

static struct bench bench;

// ---- helpers

static int listen_on(uint16_t *port)
{
	struct sockaddr_in sa = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(sa);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(listen(fd, 64), 0);
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

static int connect_to(uint16_t port)
{
	struct sockaddr_in sa = { .sin_family = AF_INET,
				  .sin_port = htons(port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	set_timeout(fd);
	assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	bench.n_clients += port == bench.socks_port;
	return fd;
}

static int accept_from(int listener)
{
	struct pollfd p = { .fd = listener, .events = POLLIN };
	int fd;

	assert_int_equal(poll(&p, 1, DEADLINE_MS), 1);
	fd = accept(listener, NULL, NULL);
	set_timeout(fd);
	return fd;
}

static void send_all(int fd, const void *bytes, size_t len)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = send(fd, (const char *)bytes + done, len - done, MSG_NOSIGNAL);

		assert_true(n > 0);
		done += (size_t)n;
	}
}

static void read_all(int fd, void *bytes, size_t len)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = recv(fd, (char *)bytes + done, len - done, 0);

		assert_true(n > 0);
		done += (size_t)n;
	}
}

// Asks for CONNECT to 127.0.0.1:port and returns the reply code.
static int ask_socks(int fd, uint16_t port)
{
	uint8_t hello[] = {
		5, 1, 0, 5, 1, 0, 1, 127, 0, 0, 1, (uint8_t)(port >> 8), (uint8_t)port
	};
	uint8_t reply[2 + 10];

	send_all(fd, hello, sizeof(hello));
	read_all(fd, reply, sizeof(reply));
	assert_int_equal(reply[0], 5);
	assert_int_equal(reply[1], 0);
	return reply[3];
}

static int connect_through(uint16_t port)
{
	int fd = connect_to(bench.socks_port);

	assert_int_equal(ask_socks(fd, port), 0);
	return fd;
}

// The main thread's loop runs only here: reports come in.
static struct relay_counters read_counters(const struct relay *relay)
{
	struct relay_counters counters;

	ev_run(bench.loop, EVRUN_NOWAIT);
	relay_read_counters(relay, &counters);
	return counters;
}

static void wait_for_end(const struct relay *relay, enum relay_end why, uint64_t count)
{
	int64_t deadline_ms = clock_mono_ms() + DEADLINE_MS;

	while (read_counters(relay).ended[why] < count) {
		assert_true(clock_mono_ms() < deadline_ms);
		poll(NULL, 0, 10);
	}
}

// Reports are up to a second old. Returns the gateway's counters when they know of every client
// that ever came, and that it has gone.
static struct relay_counters wait_until_settled(void)
{
	int64_t deadline_ms = clock_mono_ms() + DEADLINE_MS;

	for (;;) {
		struct relay_counters counters = read_counters(bench.gateway);
		uint64_t ended = 0;

		for (int i = 0; i < RELAY_ENDS; i++)
			ended += counters.ended[i];
		if (counters.accepted == bench.n_clients && ended == bench.n_clients)
			return counters;
		assert_true(clock_mono_ms() < deadline_ms);
		poll(NULL, 0, 10);
	}
}

static void take_conns(void *ctx, struct conns *conns)
{
	memcpy(ctx, conns, sizeof(*conns));
}

// What the gateway tells of its connections.
static const struct conns *ask_conns(void)
{
	static struct conns conns;
	int64_t deadline_ms = clock_mono_ms() + DEADLINE_MS;

	conns.total = -1;
	relay_ask_conns(bench.gateway, take_conns, &conns);
	while (conns.total < 0) {
		assert_true(clock_mono_ms() < deadline_ms);
		ev_run(bench.loop, EVRUN_NOWAIT);
		poll(NULL, 0, 1);
	}
	return &conns;
}

static uint8_t pattern(size_t i)
{
	return (uint8_t)(i * 31 + (i >> 8) * 7);
}

// ---- tests

static void carries_both_ways(void **state)
{
	uint16_t port;
	int listener = listen_on(&port), client = connect_through(port);
	int target = accept_from(listener);
	char text[16];

	(void)state;
	send_all(client, "question", 8);
	read_all(target, text, 8);
	assert_memory_equal(text, "question", 8);
	send_all(target, "answer", 6);
	read_all(client, text, 6);
	assert_memory_equal(text, "answer", 6);
	close(client);
	close(target);
	close(listener);
}

static void lets_the_target_speak_first(void **state)
{
	uint16_t port;
	int listener = listen_on(&port), client = connect_through(port);
	int target = accept_from(listener);
	char text[8];

	(void)state;
	send_all(target, "220 hi", 6);
	read_all(client, text, 6);
	assert_memory_equal(text, "220 hi", 6);
	close(client);
	close(target);
	close(listener);
}

// Either side may finish first; the other goes on until it finishes too.
static void carries_half_close(void **state)
{
	for (int client_first = 0; client_first < 2; client_first++) {
		uint16_t port;
		int listener = listen_on(&port), client = connect_through(port);
		int target = accept_from(listener);
		int first = client_first ? client : target, second = client_first ? target : client;
		uint64_t done = read_counters(bench.exit).ended[RELAY_END_DONE];
		char text[8];

		(void)state;
		send_all(first, "last", 4);
		shutdown(first, SHUT_WR);
		read_all(second, text, 4);
		assert_int_equal(recv(second, text, 1, 0), 0);
		send_all(second, "reply", 5);
		shutdown(second, SHUT_WR);
		read_all(first, text, 5);
		assert_int_equal(recv(first, text, 1, 0), 0);
		close(client);
		close(target);
		close(listener);
		wait_for_end(bench.exit, RELAY_END_DONE, done + 1);
	}
}

// A target that ends without a word is not a refused one.
static void tells_silence_from_refusal(void **state)
{
	uint16_t port;
	int listener = listen_on(&port), client = connect_through(port);
	int target = accept_from(listener);
	char byte;

	(void)state;
	close(target);
	assert_int_equal(recv(client, &byte, 1, 0), 0);
	close(client);
	close(listener);

	client = connect_through(free_port());
	assert_int_equal(recv(client, &byte, 1, 0), -1);
	assert_int_equal(errno, ECONNRESET);
	close(client);
}

static void passes_on_a_reset(void **state)
{
	struct linger now = { .l_onoff = 1 };
	uint16_t port;
	int listener = listen_on(&port), client = connect_through(port);
	int target = accept_from(listener);
	char byte;

	(void)state;
	send_all(client, "x", 1);
	read_all(target, &byte, 1);
	setsockopt(client, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(client);
	assert_int_equal(recv(target, &byte, 1, 0), -1);
	assert_int_equal(errno, ECONNRESET);
	close(target);
	close(listener);
}

struct flood {
	int fd;
	size_t len;
};

static void *send_flood(void *arg)
{
	struct flood *flood = arg;
	uint8_t block[65536];

	for (size_t done = 0; done < flood->len; done += sizeof(block)) {
		for (size_t i = 0; i < sizeof(block); i++)
			block[i] = pattern(done + i);
		if (send(flood->fd, block, sizeof(block), MSG_NOSIGNAL) != sizeof(block))
			return NULL;
	}
	shutdown(flood->fd, SHUT_WR);
	return flood;
}

static size_t read_flood(int fd)
{
	uint8_t block[65536];
	size_t total = 0;

	for (;;) {
		ssize_t n = recv(fd, block, sizeof(block), 0);

		assert_true(n >= 0);
		if (n == 0)
			return total;
		for (ssize_t i = 0; i < n; i++) {
			if (block[i] != pattern(total + (size_t)i))
				fail_msg("byte %zu is wrong", total + (size_t)i);
		}
		total += (size_t)n;
	}
}

static size_t memory_kib(void)
{
	char line[128];
	size_t kib = 0;
	FILE *f = fopen("/proc/self/status", "r");

	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "VmRSS: %zu", &kib) == 1)
			break;
	}
	fclose(f);
	return kib;
}

// The reader sleeps until the sender is stopped by back-pressure; nothing is lost, and what waits
// is bounded.
static void holds_back_a_fast_sender(void **state)
{
	uint16_t port;
	int listener = listen_on(&port), client = connect_through(port);
	int target = accept_from(listener);
	struct flood flood = { .fd = target, .len = 64 << 20 };
	struct pollfd stuck = { .fd = target, .events = POLLOUT };
	size_t before_kib = memory_kib();
	pthread_t thread;
	void *sent;

	(void)state;
	pthread_create(&thread, NULL, send_flood, &flood);
	// the kernel's buffers fill, then the target's socket takes no more for a while
	for (int64_t quiet_since = clock_mono_ms(); clock_mono_ms() - quiet_since < 300;) {
		if (poll(&stuck, 1, 20) > 0)
			quiet_since = clock_mono_ms();
	}
#ifndef __SANITIZE_ADDRESS__
	assert_true(memory_kib() - before_kib < 8 << 10);
#else
	(void)before_kib;
#endif
	assert_int_equal(read_flood(client), flood.len);
	pthread_join(thread, &sent);
	assert_non_null(sent);
	close(client);
	close(target);
	close(listener);
}

// A stranger gets neither an answer nor an early close.
static void tells_strangers_nothing(void **state)
{
	static const size_t sizes[] = { 1, 50, 400, 5000 };
	uint8_t noise[5000];

	(void)state;
	for (size_t i = 0; i < sizeof(noise); i++)
		noise[i] = pattern(i * 7);
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		int fd = connect_to(bench.exit_port);
		struct pollfd p = { .fd = fd, .events = POLLIN };

		send_all(fd, noise, sizes[i]);
		assert_int_equal(poll(&p, 1, 100), 0);
		close(fd);
	}
	wait_for_end(bench.exit, RELAY_END_BAD_PEER, ARRAY_LEN(sizes));
}

// A stream as a gateway would begin it: the target's address and a word for it.
static size_t make_stream(uint16_t port, uint8_t *out, size_t size)
{
	struct wire_target target = { .port = port };
	struct wire_sealer sealer;
	uint8_t plain[WIRE_TARGET_MAX + 5];
	ssize_t n;
	size_t len;

	addr_parse("127.0.0.1", &target.addr);
	len = wire_target_put(&target, plain);
	memcpy(plain + len, "hello", 5);
	wire_sealer_init(&sealer, &bench.key, NULL);
	n = wire_seal(&sealer, plain, len + 5, out, size);
	assert_true(n > 0);
	wire_sealer_fini(&sealer);
	return (size_t)n;
}

// Bytes that were recorded on their way and come again reach nobody.
static void ignores_a_replay(void **state)
{
	uint64_t before = read_counters(bench.exit).ended[RELAY_END_BAD_PEER];
	uint8_t stream[256];
	char word[5];
	uint16_t port;
	int listener = listen_on(&port), first, again, target;
	size_t len = make_stream(port, stream, sizeof(stream));
	struct pollfd quiet[2] = { { .fd = listener, .events = POLLIN }, { .events = POLLIN } };

	(void)state;
	first = connect_to(bench.exit_port);
	send_all(first, stream, len);
	target = accept_from(listener);
	read_all(target, word, sizeof(word));
	assert_memory_equal(word, "hello", sizeof(word));

	again = connect_to(bench.exit_port);
	send_all(again, stream, len);
	quiet[1].fd = again;
	assert_int_equal(poll(quiet, 2, 200), 0);
	close(again);
	wait_for_end(bench.exit, RELAY_END_BAD_PEER, before + 1);
	close(first);
	close(target);
	close(listener);
}

// Half of something must not look like the whole of it.
static void passes_on_a_cut_as_a_reset(void **state)
{
	uint8_t stream[256];
	char word[5];
	uint16_t port;
	int listener = listen_on(&port), gateway = connect_to(bench.exit_port), target;
	size_t len = make_stream(port, stream, sizeof(stream));

	(void)state;
	send_all(gateway, stream, len);
	target = accept_from(listener);
	read_all(target, word, sizeof(word));
	send_all(gateway, "\x01", 1); // the first byte of a chunk
	shutdown(gateway, SHUT_WR);
	assert_int_equal(recv(target, word, 1, 0), -1);
	assert_int_equal(errno, ECONNRESET);
	close(gateway);
	close(target);
	close(listener);
}

static void refuses_socks_nonsense(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
	} cases[] = {
		{ "GET / HTTP/1.0\r\n\r\n", 18 },
		{ "\x04\x01\x00\x50\x7f\x00\x00\x01\x00", 9 },
		{ "\x05\x01\x02", 3 },
		{ "\x05\x01\x00\x05\x02\x00\x01\x7f\x00\x00\x01\x00\x50", 13 }, // BIND
		{ "\x05\x01\x00\x05\x01\x00\x09", 7 },
	};
	char bytes[64];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int fd = connect_to(bench.socks_port);
		ssize_t n;

		send_all(fd, cases[i].bytes, cases[i].len);
		while ((n = recv(fd, bytes, sizeof(bytes), 0)) > 0) {
		}
		assert_true(n == 0 || errno == ECONNRESET);
		close(fd);
	}
}

// The reply says why, and is not overtaken by a reset.
static void tells_socks_clients_what_is_wrong(void **state)
{
	static const uint8_t bind_request[] = { 5, 1, 0, 5, 2, 0, 1, 127, 0, 0, 1, 0, 80 };
	uint8_t reply[12], byte;
	int fd = connect_to(bench.socks_port);

	(void)state;
	send_all(fd, bind_request, sizeof(bind_request));
	read_all(fd, reply, sizeof(reply));
	assert_int_equal(reply[3], 7); // command not supported
	assert_int_equal(recv(fd, &byte, 1, 0), 0);
	close(fd);
}

static void counts_bytes_by_path(void **state)
{
	struct relay_counters before = wait_until_settled(), after;
	uint16_t port;
	int listener = listen_on(&port), client = connect_through(port);
	int target = accept_from(listener);
	struct flood flood = { .fd = target, .len = 1 << 20 };
	pthread_t thread;

	(void)state;
	pthread_create(&thread, NULL, send_flood, &flood);
	assert_int_equal(read_flood(client), flood.len);
	pthread_join(thread, NULL);
	close(client);
	close(target);
	close(listener);
	after = wait_until_settled();
	assert_true(after.paths[0].rx_bytes - before.paths[0].rx_bytes >= flood.len);
	// salt, chunk heads and tags come on top: a few per mille
	assert_true(after.paths[0].rx_bytes - before.paths[0].rx_bytes <
		    flood.len + flood.len / 50);
}

// ---- the bench

static struct relay_policy *make_policy(void)
{
	struct relay_policy *policy = relay_policy_new();
	struct addr loopback;

	addr_parse("127.0.0.1", &loopback);
	policy->server_key = bench.key;
	policy->allow = xcalloc(1, sizeof(*policy->allow));
	policy->n_allow = prefix_parse("127.0.0.0/8", &policy->allow[0]) == 0;
	policy->n_exits = 1;
	str_copy(policy->exits[0].name, sizeof(policy->exits[0].name), "test");
	policy->exits[0].key = bench.key;
	policy->exits[0].n_addrs = 1;
	policy->exits[0].addrs[0] = sockaddr_make(&loopback, bench.exit_port);
	policy->n_paths = policy->n_begin = 1;
	policy->paths[0] = (struct relay_path){ .addr4 = loopback, .rtt_us = 100 };
	return policy;
}

static int start(void **state)
{
	struct addr loopback;
	struct relay_listen at_exit = { .kind = RELAY_LISTEN_EXIT },
			    socks = { .kind = RELAY_LISTEN_SOCKS };
	struct str why = { 0 };

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	addr_parse("127.0.0.1", &loopback);
	bench.loop = ev_default_loop(EVFLAG_NOENV);
	bench.exit_port = free_port();
	bench.socks_port = free_port();
	if (wire_key_from_secret(&bench.key, WIRE_AES_256_GCM, "correct horse") < 0 ||
	    relay_start(bench.loop, 2, &bench.exit, &why) < 0 ||
	    relay_start(bench.loop, 2, &bench.gateway, &why) < 0)
		return -1;
	relay_set_policy(bench.exit, make_policy());
	relay_set_policy(bench.gateway, make_policy());
	at_exit.at = sockaddr_make(&loopback, bench.exit_port);
	socks.at = sockaddr_make(&loopback, bench.socks_port);
	return relay_listen(bench.exit, &at_exit, &why) | relay_listen(bench.gateway, &socks, &why);
}

// Over all workers, the busiest first, and what has ended stays to be seen.
static void tells_of_its_connections(void **state)
{
	const int n = 5, busy = 3;
	const struct conns *conns;
	int clients[5], targets[5];
	static uint8_t bytes[50000];
	char at[32];
	uint16_t port;
	int listener = listen_on(&port);

	(void)state;
	if (is_emulated())
		skip();
	wait_until_settled();
	assert_int_equal(ask_conns()->total, 0);
	for (int i = 0; i < n; i++) {
		clients[i] = connect_through(port);
		targets[i] = accept(listener, NULL, NULL);
	}
	poll(NULL, 0, 350); // before that no rate is known
	send_all(targets[busy], bytes, sizeof(bytes));
	read_all(clients[busy], bytes, sizeof(bytes));
	conns = ask_conns();
	assert_int_equal(conns->total, n);
	assert_int_equal(conns->n, n);
	snprintf(at, sizeof(at), "127.0.0.1:%u", port);
	for (int i = 0; i < n; i++) {
		assert_string_equal(conns->list[i].target, at);
		assert_string_equal(conns->list[i].exit, "test");
		assert_true(conns->list[i].socks && !conns->list[i].closed);
		assert_true(conns->list[i].n_subflows >= 1);
		assert_int_equal(conns->list[i].mode == CONN_TCP, conns->list[i].token == 0);
	}
	assert_true(conns->list[0].rx_bps > conns->list[1].rx_bps);
	assert_in_range(conns->list[0].rx_bytes, sizeof(bytes), sizeof(bytes) + 1000);
	assert_in_range(conns->list[0].subflows[0].rx_bytes, sizeof(bytes), sizeof(bytes) + 1000);

	for (int i = 0; i < n; i++) {
		close(clients[i]);
		close(targets[i]);
	}
	close(listener);
	wait_until_settled();
	conns = ask_conns();
	assert_int_equal(conns->total, 0);
	assert_int_equal(conns->n, n);
	for (int i = 0; i < n; i++)
		assert_true(conns->list[i].closed && conns->list[i].end[0] &&
			    conns->list[i].ended_ms);
}

static int stop(void **state)
{
	(void)state;
	relay_stop(bench.gateway);
	relay_stop(bench.exit);
	ev_loop_destroy(bench.loop);
	return 0;
}

static void says_when_the_port_is_taken(void **state)
{
	struct relay_listen again = { .kind = RELAY_LISTEN_EXIT };
	struct addr loopback;
	struct str why = { 0 };

	(void)state;
	addr_parse("127.0.0.1", &loopback);
	again.at = sockaddr_make(&loopback, bench.exit_port);
	assert_int_equal(relay_listen(bench.gateway, &again, &why), -EADDRINUSE);
	assert_non_null(strstr(str_text(&why), "another program has this port"));
	str_fini(&why);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(carries_both_ways),
		cmocka_unit_test(lets_the_target_speak_first),
		cmocka_unit_test(carries_half_close),
		cmocka_unit_test(tells_silence_from_refusal),
		cmocka_unit_test(passes_on_a_reset),
		cmocka_unit_test(holds_back_a_fast_sender),
		cmocka_unit_test(tells_strangers_nothing),
		cmocka_unit_test(ignores_a_replay),
		cmocka_unit_test(passes_on_a_cut_as_a_reset),
		cmocka_unit_test(refuses_socks_nonsense),
		cmocka_unit_test(tells_socks_clients_what_is_wrong),
		cmocka_unit_test(counts_bytes_by_path),
		cmocka_unit_test(tells_of_its_connections),
		cmocka_unit_test(says_when_the_port_is_taken),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
