// SPDX-License-Identifier: GPL-2.0-or-later
//
// The gateway's datagrams: the test is the LAN's client and the exits too, on several addresses of
// loopback in a network namespace of its own. Listeners are on all addresses, so that a client of
// loopback has somewhere to write to that is not the port itself; what nft adds to that is in
// test/lab/stories/udprelay.py.
#include "unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "netns.h"
#include "relay/relay.h"
#include "sock/sock.h"
#include "udp.h"

#define DEADLINE_MS 20000
#define SILENT_MS   200

#define CLIENT   "127.0.0.20"
#define TARGET   "127.0.0.99"
#define FAR      "203.0.113.5"
#define FAR_PORT 4000

static const char *const path_hosts[] = { "127.0.0.11", "127.0.0.12" };

static struct {
	struct ev_loop *loop;
	struct relay *relay;
	struct wire_key key;
	struct wire_datagrams keys;
	uint16_t port, pinned_port;
	int exits[3]; // two addresses of the first, one of the second
	int client;
} bench;

// What an exit hears.
struct heard {
	union sockaddr_any from; // of the gateway
	struct wire_datagram d;
	uint8_t plain[1024];
};

static void say(uint16_t port, const char *text)
{
	union sockaddr_any to = address(TARGET, port);

	assert_int_equal(sendto(bench.client, text, strlen(text), 0, &to.sa, sockaddr_len(&to)),
			 strlen(text));
}

// False: nothing with that text came within the time. Announcements are skipped.
static bool exit_hears(int exit, int ms, const char *text, struct heard *out)
{
	int64_t deadline_ms = clock_mono_ms() + ms;
	uint8_t sealed[1024];

	while (clock_mono_ms() < deadline_ms) {
		ssize_t n = read_within(bench.exits[exit], (int)(deadline_ms - clock_mono_ms()),
					sealed, sizeof(sealed), &out->from);

		if (n < 0)
			continue;
		assert_int_equal(wire_datagram_open(&bench.keys, NULL, sealed, (size_t)n,
						    out->plain, &out->d),
				 0);
		if (out->d.len == strlen(text) && memcmp(out->d.payload, text, out->d.len) == 0)
			return true;
	}
	return false;
}

static void answer_as(int exit, const struct heard *to, const char *source, uint16_t port,
		      const char *text)
{
	struct wire_target target = { .addr = host(source), .port = port };
	uint8_t sealed[1024];
	ssize_t n = wire_datagram_seal(&bench.keys, NULL, NULL, &target, (const uint8_t *)text,
				       strlen(text), sealed, sizeof(sealed));

	assert_true(n > 0);
	assert_int_equal(sendto(bench.exits[exit], sealed, (size_t)n, 0, &to->from.sa,
				sockaddr_len(&to->from)),
			 n);
}

static void client_hears(const char *source, uint16_t port, const char *text)
{
	union sockaddr_any from, as = address(source, port);
	char got[64];

	assert_int_equal(read_within(bench.client, DEADLINE_MS, got, sizeof(got), &from),
			 strlen(text));
	assert_memory_equal(got, text, strlen(text));
	assert_true(sockaddr_equal(&from, &as));
}

static void client_hears_nothing(void)
{
	union sockaddr_any from;
	char got[64];

	assert_int_equal(read_within(bench.client, SILENT_MS, got, sizeof(got), &from), -EAGAIN);
}

static struct relay_udp_counters read_counters(void)
{
	struct relay_counters counters;

	ev_run(bench.loop, EVRUN_NOWAIT);
	relay_read_counters(bench.relay, &counters);
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

static struct prefix *copy_prefix(const char *text)
{
	struct prefix *prefix = calloc(1, sizeof(*prefix));

	assert_int_equal(prefix_parse(text, prefix), 0);
	return prefix;
}

// Two paths, the first of which is the best, and two exits of one key.
static struct relay_policy *make_policy(void)
{
	struct relay_policy *policy = relay_policy_new();

	policy->n_paths = 2;
	for (int i = 0; i < 2; i++) {
		policy->paths[i] = (struct relay_path){ .addr4 = host(path_hosts[i]),
							.rtt_us = -1,
							.up = true };
		policy->udp.order[i] = (uint8_t)i;
	}
	policy->udp.n = policy->udp.n_sound = 2;
	policy->udp.home = -1;
	policy->n_exits = 2;
	for (int i = 0; i < 2; i++) {
		struct relay_exit *exit = &policy->exits[i];

		exit->key = bench.key;
		exit->datagrams = bench.keys;
		exit->ours = true;
		exit->addrs[0] = name_of(bench.exits[2 * i]);
		exit->n_addrs = 1;
	}
	policy->own = copy_prefix("198.51.100.0/24");
	policy->n_own = 1;
	return policy;
}

static struct heard talk(uint16_t port, int exit, const char *text)
{
	struct heard heard;

	say(port, text);
	assert_true(exit_hears(exit, DEADLINE_MS, text, &heard));
	return heard;
}

// ---- tests

static void carries_there_and_back(void **state)
{
	union sockaddr_any to = address(TARGET, bench.port), named;
	struct heard heard;

	(void)state;
	relay_set_policy(bench.relay, make_policy());
	heard = talk(bench.port, 0, "question");
	named = sockaddr_make(&heard.d.target.addr, heard.d.target.port);
	assert_true(sockaddr_equal(&named, &to));
	answer_as(0, &heard, FAR, FAR_PORT, "answer");
	client_hears(FAR, FAR_PORT, "answer");
}

static void lets_no_exit_speak_for_this_house(void **state)
{
	static const char *const sources[] = { "192.168.7.1", "10.0.0.1",    "127.0.0.1",
					       "224.0.0.251", "169.254.1.1", "0.0.0.0",
					       "198.51.100.9" };
	uint64_t drops = read_counters().dropped[RELAY_DROP_REFUSED];
	struct heard heard;

	(void)state;
	relay_set_policy(bench.relay, make_policy());
	heard = talk(bench.port, 0, "question");
	for (size_t i = 0; i < ARRAY_LEN(sources); i++) {
		answer_as(0, &heard, sources[i], 53, "I am the router");
		wait_for_drops(RELAY_DROP_REFUSED, ++drops);
	}
	client_hears_nothing();
	answer_as(0, &heard, FAR, FAR_PORT, "answer");
	client_hears(FAR, FAR_PORT, "answer");
}

static struct relay_policy *make_pinned(const char *to, int exit, int path)
{
	struct relay_policy *policy = make_policy();

	policy->pins[0] =
		(struct relay_pin){ .exit = exit, .path = path, .to = copy_prefix(to), .n_to = 1 };
	return policy;
}

static void lets_speak_whom_a_pin_names(void **state)
{
	uint64_t drops = read_counters().dropped[RELAY_DROP_REFUSED];
	struct heard heard;

	(void)state;
	relay_set_policy(bench.relay, make_pinned("10.0.0.0/8", 1, -1));
	heard = talk(bench.pinned_port, 2, "to the office");
	answer_as(2, &heard, "192.168.7.1", 53, "I am the router");
	wait_for_drops(RELAY_DROP_REFUSED, ++drops);
	answer_as(2, &heard, "10.1.2.3", 53, "answer");
	client_hears("10.1.2.3", 53, "answer");
}

// One socket of the client's, whose datagrams go two ways.
static void goes_where_a_pin_leads(void **state)
{
	struct addr second = host(path_hosts[1]), from;
	struct heard plain, pinned, over;

	(void)state;
	relay_set_policy(bench.relay, make_pinned("0.0.0.0/0", 1, -1));
	plain = talk(bench.port, 0, "anywhere");
	pinned = talk(bench.pinned_port, 2, "to the second");
	assert_true(plain.d.from.id != pinned.d.from.id);
	answer_as(2, &pinned, FAR, FAR_PORT, "there");
	client_hears(FAR, FAR_PORT, "there");
	// to the second path, and back to what the order says
	relay_set_policy(bench.relay, make_pinned("0.0.0.0/0", 1, 1));
	over = talk(bench.pinned_port, 2, "over the second");
	from = addr_from_sockaddr(&over.from);
	assert_true(addr_equal(&from, &second));
	assert_true(over.d.from.id == pinned.d.from.id);
}

static void refuses_what_has_no_pin_any_more(void **state)
{
	uint64_t drops = read_counters().dropped[RELAY_DROP_NO_WAY];
	int64_t deadline_ms = clock_mono_ms() + DEADLINE_MS;
	uint64_t begun = read_counters().begun;
	uint32_t before;

	(void)state;
	relay_set_policy(bench.relay, make_pinned("0.0.0.0/0", 1, -1));
	talk(bench.pinned_port, 2, "somebody");
	while (read_counters().begun == begun)
		poll(NULL, 0, 10);
	before = read_counters().associations;
	relay_set_policy(bench.relay, make_policy());
	while (read_counters().associations >= before) {
		assert_true(clock_mono_ms() < deadline_ms);
		poll(NULL, 0, 10);
	}
	say(bench.pinned_port, "anybody");
	wait_for_drops(RELAY_DROP_NO_WAY, drops + 1);
}

// As long as the old one answers, the far end knows its port.
static void finds_the_exit_at_its_new_address(void **state)
{
	struct relay_policy *policy = make_policy();
	int64_t deadline_ms = clock_mono_ms() + DEADLINE_MS, end_ms;
	struct heard heard;
	bool found = false;

	(void)state;
	relay_set_policy(bench.relay, make_policy());
	heard = talk(bench.port, 0, "before");
	answer_as(0, &heard, FAR, FAR_PORT, "here");
	client_hears(FAR, FAR_PORT, "here");
	policy->exits[0].addrs[0] = name_of(bench.exits[1]);
	relay_set_policy(bench.relay, policy);
	for (end_ms = clock_mono_ms() + 3000; clock_mono_ms() < end_ms; poll(NULL, 0, 200)) {
		heard = talk(bench.port, 0, "still");
		answer_as(0, &heard, FAR, FAR_PORT, "here");
		client_hears(FAR, FAR_PORT, "here");
	}
	while (!found && clock_mono_ms() < deadline_ms) {
		say(bench.port, "hello");
		found = exit_hears(1, 200, "hello", &heard);
	}
	assert_true(found);
}

// A path that has become the best has another address at the same time.
static void binds_to_the_new_address_of_where_it_has_strayed_to(void **state)
{
	struct relay_policy *strayed = make_policy(), *home = make_policy();
	struct addr second = host(path_hosts[1]), renewed = host("127.0.0.13"), from;
	struct heard heard;

	(void)state;
	relay_set_policy(bench.relay, make_policy());
	talk(bench.port, 0, "on the first");
	strayed->udp.order[0] = 1;
	strayed->udp.n = strayed->udp.n_sound = 1;
	relay_set_policy(bench.relay, strayed);
	heard = talk(bench.port, 0, "on the second");
	from = addr_from_sockaddr(&heard.from);
	assert_true(addr_equal(&from, &second));
	home->udp.home = 1;
	home->paths[1].addr4 = renewed;
	relay_set_policy(bench.relay, home);
	heard = talk(bench.port, 0, "renewed");
	from = addr_from_sockaddr(&heard.from);
	assert_true(addr_equal(&from, &renewed));
}

static void tells_when_a_port_is_taken(void **state)
{
	int other = open_socket("0.0.0.0", 0);
	union sockaddr_any taken = name_of(other);
	uint16_t port = sockaddr_port(&taken);
	struct heard heard;

	(void)state;
	relay_set_policy(bench.relay, make_policy());
	heard = talk(bench.port, 0, "question");
	answer_as(0, &heard, FAR, port, "answer");
	wait_for_drops(RELAY_DROP_TAKEN, 1);
	close(other);
	answer_as(0, &heard, FAR, port, "answer");
	client_hears(FAR, port, "answer");
}

// There may be thousands, and nothing is read from them.
static void needs_no_room_for_what_is_never_read(void **state)
{
	union sockaddr_any as = address(FAR, FAR_PORT + 1);
	int fd = sock_datagram_open_as(&as), room = 0;
	socklen_t len = sizeof(room);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, &len), 0);
	assert_in_range(room, 1, 8192);
	close(fd);
}

// ---- set-up

static uint16_t listen_at(int pin)
{
	int fd = open_socket("0.0.0.0", 0);
	struct relay_listen listen = { .kind = RELAY_LISTEN_TPROXY_UDP,
				       .at = name_of(fd),
				       .pin = pin };
	struct str why = { 0 };

	close(fd);
	assert_int_equal(relay_listen(bench.relay, &listen, &why), 0);
	return sockaddr_port(&listen.at);
}

static int start(void **state)
{
	struct str why = { 0 };

	(void)state;
	bench.loop = ev_default_loop(0);
	if (wire_key_from_secret(&bench.key, WIRE_CHACHA20_POLY1305, "secret") < 0 ||
	    wire_datagrams_init(&bench.keys, &bench.key) < 0 ||
	    relay_start(bench.loop, 1, &bench.relay, &why) < 0)
		return -1;
	bench.port = listen_at(0);
	bench.pinned_port = listen_at(1);
	bench.exits[0] = open_socket("127.0.0.2", 0);
	bench.exits[1] = open_socket("127.0.0.3", 0);
	bench.exits[2] = open_socket("127.0.0.4", 0);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	relay_stop(bench.relay);
	return 0;
}

// Another socket each time, and so another association.
static int open_client(void **state)
{
	(void)state;
	bench.client = open_socket(CLIENT, 0);
	return 0;
}

static int close_client(void **state)
{
	(void)state;
	close(bench.client);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_client, close_client)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(carries_there_and_back),
		TEST(lets_no_exit_speak_for_this_house),
		TEST(lets_speak_whom_a_pin_names),
		TEST(goes_where_a_pin_leads),
		TEST(refuses_what_has_no_pin_any_more),
		TEST(finds_the_exit_at_its_new_address),
		TEST(binds_to_the_new_address_of_where_it_has_strayed_to),
		TEST(tells_when_a_port_is_taken),
		TEST(needs_no_room_for_what_is_never_read),
	};

	if (is_emulated() || !netns_enter() || system("ip link set lo up") != 0) {
		print_message("this needs network namespaces\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, start, stop);
}
