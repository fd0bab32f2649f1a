// SPDX-License-Identifier: GPL-2.0-or-later
//
// The exit's datagrams: the test speaks as a gateway, from sockets on several addresses of
// loopback, and is the target too. How the gateway takes datagrams needs nft's tproxy:
// test/lab/stories/udprelay.py.
#include "unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "netns.h"
#include "port.h"
#include "probe/probe.h"
#include "relay/relay_priv.h"
#include "udp.h"

#define DEADLINE_MS 20000
#define SILENT_MS   200
#define NEAR        "127.0.0.1"

static struct {
	struct ev_loop *loop;
	struct relay *exit;
	struct wire_key key;
	struct wire_datagrams keys;
	union sockaddr_any at;
	bool isolated; // in a network namespace
} bench;

static size_t seal(const struct wire_association *from, const struct wire_target *target,
		   const char *text, uint8_t out[1024])
{
	ssize_t n = wire_datagram_seal(&bench.keys, NULL, from, target, (const uint8_t *)text,
				       strlen(text), out, 1024);

	assert_true(n > 0);
	return (size_t)n;
}

static void send_bytes(int fd, const uint8_t *bytes, size_t len)
{
	assert_int_equal(sendto(fd, bytes, len, 0, &bench.at.sa, sockaddr_len(&bench.at)), len);
}

static void send_to(int fd, const struct wire_association *from, const union sockaddr_any *to,
		    const char *text)
{
	struct wire_target target = { .addr = addr_from_sockaddr(to), .port = sockaddr_port(to) };
	uint8_t sealed[1024];

	send_bytes(fd, sealed, seal(from, &target, text, sealed));
}

// The target hears the text; returns the port that it came from.
static union sockaddr_any hear(int target, const char *text)
{
	union sockaddr_any from;
	char got[64];
	ssize_t n = read_within(target, DEADLINE_MS, got, sizeof(got), &from);

	assert_int_equal(n, strlen(text));
	assert_memory_equal(got, text, (size_t)n);
	return from;
}

static void hear_nothing(int fd)
{
	union sockaddr_any from;
	char got[64];

	assert_int_equal(read_within(fd, SILENT_MS, got, sizeof(got), &from), -EAGAIN);
}

// The gateway's socket gets the text, as from `source`.
static void hear_answer(int fd, const union sockaddr_any *source, const char *text)
{
	uint8_t sealed[1024], plain[1024];
	union sockaddr_any from, as;
	struct wire_datagram d;
	ssize_t n = read_within(fd, DEADLINE_MS, sealed, sizeof(sealed), &from);

	assert_true(n > 0);
	assert_true(sockaddr_equal(&from, &bench.at));
	assert_int_equal(wire_datagram_open(&bench.keys, NULL, sealed, (size_t)n, plain, &d), 0);
	as = sockaddr_make(&d.target.addr, d.target.port);
	assert_true(sockaddr_equal(&as, source));
	assert_int_equal(d.len, strlen(text));
	assert_memory_equal(d.payload, text, d.len);
	assert_int_equal(d.from.id, 0);
}

static void answer(int target, const union sockaddr_any *to, const char *text)
{
	assert_int_equal(sendto(target, text, strlen(text), 0, &to->sa, sockaddr_len(to)),
			 strlen(text));
}

static struct relay_udp_counters read_counters(void)
{
	struct relay_counters counters;

	ev_run(bench.loop, EVRUN_NOWAIT);
	relay_read_counters(bench.exit, &counters);
	return counters.udp;
}

static void wait_for_drops(enum relay_drop why, uint64_t count)
{
	int64_t deadline_ms = clock_mono_ms() + DEADLINE_MS;

	while (read_counters().dropped[why] < count) {
		assert_true(clock_mono_ms() < deadline_ms);
		poll(NULL, 0, 10);
	}
}

// ---- tests

static void answers_who_knows_the_key(void **state)
{
	int gateway = open_socket(NEAR, 0), target = open_socket(NEAR, 0);
	union sockaddr_any at = name_of(target), seen;

	(void)state;
	send_to(gateway, NULL, &at, "question");
	seen = hear(target, "question");
	answer(target, &seen, "answer");
	hear_answer(gateway, &at, "answer");
	close(gateway);
	close(target);
}

static void has_one_port_for_a_client_and_others_for_others(void **state)
{
	int gateway = open_socket(NEAR, 0), other = open_socket(NEAR, 0);
	int targets[] = { open_socket(NEAR, 0), open_socket(NEAR, 0) },
	    third = open_socket(NEAR, 0);
	union sockaddr_any at[2], seen[2], stranger, source = name_of(third);

	(void)state;
	for (int i = 0; i < 2; i++) {
		at[i] = name_of(targets[i]);
		send_to(gateway, NULL, &at[i], "who am I");
		seen[i] = hear(targets[i], "who am I");
	}
	assert_true(sockaddr_equal(&seen[0], &seen[1]));
	send_to(other, NULL, &at[0], "and I");
	stranger = hear(targets[0], "and I");
	assert_false(sockaddr_equal(&seen[0], &stranger));
	// and anybody may send there
	answer(third, &seen[0], "hello");
	hear_answer(gateway, &source, "hello");
	hear_nothing(other);
	close(gateway);
	close(other);
	close(third);
	close(targets[0]);
	close(targets[1]);
}

// From many addresses, so that they come to both workers.
static void knows_an_association_from_wherever_it_comes(void **state)
{
	int target = open_socket(NEAR, 0), before = -1;
	union sockaddr_any at = name_of(target), first, seen;
	struct wire_association from;
	char host[16];

	(void)state;
	assert_int_equal(wire_association_start(&from), 0);
	for (int i = 0; i < 16; i++) {
		int gateway;

		snprintf(host, sizeof(host), "127.0.0.%d", 10 + i);
		gateway = open_socket(host, 0);
		from.counter++;
		send_to(gateway, &from, &at, "here");
		seen = hear(target, "here");
		if (i == 0)
			first = seen;
		assert_true(sockaddr_equal(&seen, &first));
		answer(target, &seen, "there");
		hear_answer(gateway, &at, "there");
		close(before);
		before = gateway;
	}
	close(before);
	close(target);
}

static void hears_where_a_silent_one_is(void **state)
{
	const struct wire_target announcement = { .port = WIRE_SERVICE_PORT,
						  .name = WIRE_SERVICE_NAME };
	int before = open_socket("127.0.0.50", 0), after = open_socket("127.0.0.51", 0),
	    target = open_socket(NEAR, 0);
	union sockaddr_any at = name_of(target), seen;
	int64_t deadline_ms = clock_mono_ms() + DEADLINE_MS;
	struct wire_association from;
	uint8_t sealed[1024];

	(void)state;
	assert_int_equal(wire_association_start(&from), 0);
	send_to(before, &from, &at, "play");
	seen = hear(target, "play");
	from.counter++;
	send_bytes(after, sealed, seal(&from, &announcement, "", sealed));
	// until the exit has taken that, answers go to where it was
	do
		answer(target, &seen, "music");
	while (poll(&(struct pollfd){ .fd = after, .events = POLLIN }, 1, 50) == 0 &&
	       clock_mono_ms() < deadline_ms);
	hear_answer(after, &at, "music");
	hear_nothing(target);
	close(before);
	close(after);
	close(target);
}

static void follows_nobody_who_plays_back(void **state)
{
	int gateway = open_socket("127.0.0.60", 0), thief = open_socket("127.0.0.61", 0),
	    target = open_socket(NEAR, 0);
	struct wire_target to;
	union sockaddr_any at = name_of(target), seen;
	uint64_t drops = read_counters().dropped[RELAY_DROP_REPLAYED];
	struct wire_association from, late;
	uint8_t sealed[1024];
	size_t len;

	(void)state;
	assert_int_equal(wire_association_start(&from), 0);
	from.counter += 10;
	to = (struct wire_target){ .addr = addr_from_sockaddr(&at), .port = sockaddr_port(&at) };
	len = seal(&from, &to, "once", sealed);
	send_bytes(gateway, sealed, len);
	seen = hear(target, "once");
	send_bytes(thief, sealed, len);
	wait_for_drops(RELAY_DROP_REPLAYED, ++drops);
	// the same counter under a salt with another end is nothing new either
	send_bytes(thief, sealed, seal(&from, &to, "twice", sealed));
	wait_for_drops(RELAY_DROP_REPLAYED, ++drops);
	// one that was held up is passed on, but the association stays where the newest came from
	late = from;
	late.counter--;
	send_to(thief, &late, &at, "late");
	hear(target, "late");
	answer(target, &seen, "for the gateway");
	hear_answer(gateway, &at, "for the gateway");
	hear_nothing(thief);
	hear_nothing(target);
	close(gateway);
	close(thief);
	close(target);
}

static void says_nothing_to_strangers(void **state)
{
	int stranger = open_socket(NEAR, 0), target = open_socket(NEAR, 0);
	union sockaddr_any at = name_of(target);
	struct wire_target to = { .addr = addr_from_sockaddr(&at), .port = sockaddr_port(&at) };
	uint64_t drops = read_counters().dropped[RELAY_DROP_BAD_PEER];
	uint8_t sealed[1024];
	size_t len = seal(NULL, &to, "let me in", sealed);

	(void)state;
	sealed[len - 1] ^= 1;
	send_bytes(stranger, sealed, len);
	send_bytes(stranger, sealed, 10);
	send_bytes(stranger, sealed, 0);
	wait_for_drops(RELAY_DROP_BAD_PEER, drops + 3);
	hear_nothing(stranger);
	hear_nothing(target);
	close(stranger);
	close(target);
}

static void keeps_to_where_gateways_may_go(void **state)
{
	int gateway = open_socket(NEAR, 0), own = open_socket("127.0.0.9", 0);
	union sockaddr_any at = name_of(own), nowhere = address(NEAR, 0);
	uint64_t drops = read_counters().dropped[RELAY_DROP_REFUSED];

	(void)state;
	send_to(gateway, NULL, &at, "psst");
	send_to(gateway, NULL, &nowhere, "psst");
	wait_for_drops(RELAY_DROP_REFUSED, drops + 2);
	hear_nothing(own);
	close(gateway);
	close(own);
}

// A service of the exit's own machine finds the port, and speaks up unasked.
static void lets_nobody_speak_who_may_not_be_spoken_to(void **state)
{
	int gateway = open_socket(NEAR, 0), target = open_socket(NEAR, 0),
	    own = open_socket("127.0.0.9", 0);
	uint64_t drops = read_counters().dropped[RELAY_DROP_REFUSED];
	union sockaddr_any at = name_of(target), seen;

	(void)state;
	send_to(gateway, NULL, &at, "question");
	seen = hear(target, "question");
	answer(own, &seen, "psst");
	wait_for_drops(RELAY_DROP_REFUSED, drops + 1);
	answer(target, &seen, "answer");
	hear_answer(gateway, &at, "answer");
	hear_nothing(gateway);
	close(gateway);
	close(target);
	close(own);
}

static void asks_for_one_name_at_a_time(void **state)
{
	struct wire_target names[] = { { .port = 9, .name = "one.invalid" },
				       { .port = 9, .name = "two.invalid" } };
	uint64_t drops = read_counters().dropped[RELAY_DROP_FULL];
	int gateway = open_socket(NEAR, 0);
	uint8_t sealed[1024];

	(void)state;
	if (!bench.isolated)
		skip(); // a name server would be asked
	for (int i = 0; i < 200; i++)
		send_bytes(gateway, sealed, seal(NULL, &names[i % 2], "hello", sealed));
	wait_for_drops(RELAY_DROP_FULL, drops + 1);
	close(gateway);
}

static void end_knock(void *ctx, int error)
{
	*(int *)ctx = error;
	ev_break(bench.loop, EVBREAK_ALL);
}

// What a knock at the address comes to.
static int knock_at(const union sockaddr_any *at, const struct wire_key *key)
{
	struct knock_target target = { .exit = *at, .key = *key, .n_sources = 2 };
	struct knock *knock;
	int error = 1;

	assert_int_equal(addr_parse("127.0.0.70", &target.sources[0]), 0);
	assert_int_equal(addr_parse("127.0.0.71", &target.sources[1]), 0);
	knock = knock_start(bench.loop, &target, end_knock, &error);
	assert_non_null(knock);
	// reports of the relay wake the loop, too
	while (error == 1)
		ev_run(bench.loop, 0);
	knock_free(knock);
	return error;
}

static void answers_a_knock(void **state)
{
	int silent = open_socket(NEAR, 0);
	union sockaddr_any at = name_of(silent);
	struct wire_key other;

	(void)state;
	assert_int_equal(wire_key_from_secret(&other, WIRE_CHACHA20_POLY1305, "another"), 0);
	assert_int_equal(knock_at(&bench.at, &bench.key), 0);
	assert_int_equal(knock_at(&bench.at, &other), -ETIMEDOUT);
	assert_int_equal(knock_at(&at, &bench.key), -ETIMEDOUT);
	close(silent);
	assert_int_equal(knock_at(&at, &bench.key), -ECONNREFUSED);
}

// An announcement is none of the client's datagrams. A worker without a thread, so that nobody has
// to wait for patience to end.
static void has_no_more_patience_for_having_moved(void **state)
{
	const struct wire_target announcement = { .port = WIRE_SERVICE_PORT,
						  .name = WIRE_SERVICE_NAME };
	struct relay relay = { .udp_replay = wire_replay_new(16) };
	struct worker w = { .relay = &relay, .loop = ev_loop_new(0), .policy = relay_policy_new() };
	int gateway = open_socket(NEAR, 0);
	struct listener l = { .worker = &w, .io = { .fd = open_socket(NEAR, 0) } };
	union sockaddr_any at = name_of(l.io.fd);
	struct wire_association from;
	uint8_t sealed[1024];
	size_t len;

	(void)state;
	w.policy->server_datagrams = bench.keys;
	w.in = malloc(RELAY_IN_SIZE);
	w.batch = malloc(sizeof(*w.batch));
	list_init(&w.listeners);
	assoc_init(&w);
	assert_int_equal(wire_association_start(&from), 0);
	len = seal(&from, &announcement, "", sealed);
	assert_int_equal(sendto(gateway, sealed, len, 0, &at.sa, sockaddr_len(&at)), len);
	exit_udp_ready(&l);
	assert_int_equal(assoc_find_name(&w, from.id)->patience, ASSOC_SHORT);
	assoc_fini(&w);
	relay_policy_put(w.policy);
	wire_replay_free(relay.udp_replay);
	ev_loop_destroy(w.loop);
	free(w.in);
	free(w.batch);
	close(l.io.fd);
	close(gateway);
}

// ---- set-up

static int start(void **state)
{
	struct relay_policy *policy = relay_policy_new();
	struct relay_listen listen = { .kind = RELAY_LISTEN_EXIT_UDP };
	struct str why = { 0 };

	(void)state;
	bench.isolated = netns_enter() && system("ip link set lo up") == 0;
	bench.loop = ev_default_loop(0);
	bench.at = listen.at = address(NEAR, free_port());
	if (wire_key_from_secret(&bench.key, WIRE_CHACHA20_POLY1305, "secret") < 0 ||
	    wire_datagrams_init(&bench.keys, &bench.key) < 0 ||
	    relay_start(bench.loop, 2, &bench.exit, &why) < 0)
		return -1;
	policy->server_datagrams = bench.keys;
	policy->allow = calloc(1, sizeof(*policy->allow));
	policy->n_allow = prefix_parse("127.0.0.1/32", &policy->allow[0]) == 0;
	relay_set_policy(bench.exit, policy);
	return relay_listen(bench.exit, &listen, &why);
}

static int stop(void **state)
{
	(void)state;
	relay_stop(bench.exit);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_who_knows_the_key),
		cmocka_unit_test(has_one_port_for_a_client_and_others_for_others),
		cmocka_unit_test(knows_an_association_from_wherever_it_comes),
		cmocka_unit_test(hears_where_a_silent_one_is),
		cmocka_unit_test(follows_nobody_who_plays_back),
		cmocka_unit_test(says_nothing_to_strangers),
		cmocka_unit_test(keeps_to_where_gateways_may_go),
		cmocka_unit_test(lets_nobody_speak_who_may_not_be_spoken_to),
		cmocka_unit_test(asks_for_one_name_at_a_time),
		cmocka_unit_test(answers_a_knock),
		cmocka_unit_test(has_no_more_patience_for_having_moved),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
