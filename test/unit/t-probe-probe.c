// SPDX-License-Identifier: GPL-2.0-or-later
#include "unit.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <ev.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kworld.h"
#include "loop.h"
#include "netns.h"

#include "probe/probe.h"

// In a namespace of our own: an exit that listens on ::1 and 127.0.0.1, one whose port drops
// everything (127.0.0.3), and a line into nowhere (198.51.100.0/24 by way of `hole`).

#define WAIT_S       10
#define INTERVAL_MS  40
#define TIMEOUT_MS   5000 // not to be met, however busy the machine
#define SHORT_MS     60
#define RESULTS_KEPT 64

static struct ev_loop *loop;
static uint16_t port, closed_port;

static struct world {
	struct probe *probe;
	struct probe_result results[RESULTS_KEPT];
	size_t n, n_read;
	const struct probe_target *set_on_result; // to be set from within the next result
} world;

static void keep(void *ctx, const struct probe_result *result)
{
	assert_ptr_equal(ctx, &world);
	world.results[world.n++ % RESULTS_KEPT] = *result;
	if (world.set_on_result)
		probe_set(world.probe, world.set_on_result, 1);
	world.set_on_result = NULL;
	ev_break(loop, EVBREAK_ALL);
}

// Runs the loop until something was reported or `seconds` have passed.
static bool run_for(double seconds)
{
	size_t before = world.n;

	run_loop(loop, seconds);
	return world.n > before;
}

// The next result of a kind; others before it are dropped.
static struct probe_result await(enum probe_kind kind)
{
	for (;;) {
		const struct probe_result *next = &world.results[world.n_read % RESULTS_KEPT];

		if (world.n_read == world.n && !run_for(WAIT_S))
			fail_msg("no result of kind %d in %d s", kind, WAIT_S);
		world.n_read++;
		if (next->kind == kind)
			return *next;
	}
}

static int open_world(void **state)
{
	(void)state;
	world = (struct world){ 0 };
	world.probe = probe_new(loop, keep, &world);
	return 0;
}

static int close_world(void **state)
{
	(void)state;
	probe_free(world.probe);
	return 0;
}

static struct probe_target target_of(const char *source, const char *exit, uint16_t exit_port)
{
	struct addr addr = addr_of(exit);

	return (struct probe_target){
		.path = 3,
		.ifindex = 1,
		.source = addr_of(source),
		.exit = sockaddr_make(&addr, exit_port),
		.interval_ms = INTERVAL_MS,
		.timeout_ms = TIMEOUT_MS,
	};
}

static int count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static void measures_an_exit_that_answers(void **state)
{
	static const struct {
		const char *source, *exit;
		unsigned bytes;
	} cases[] = {
		{ "127.0.0.2", "127.0.0.1", 260 },
		{ "::1", "::1", 340 },
	};

	(void)state;
	if (is_emulated())
		skip();
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct probe_target target = target_of(cases[i].source, cases[i].exit, port);

		target.gateway = target.source;
		probe_set(world.probe, &target, 1);
		for (size_t round = 1; round <= 3; round++) {
			struct probe_result result = await(PROBE_TCP);

			assert_int_equal(world.n, 3 * i + round); // no ping was needed
			assert_int_equal(result.path, 3);
			assert_int_equal(result.error, 0);
			assert_in_range(result.rtt_us, 1, 1000000);
			assert_int_equal(result.bytes, cases[i].bytes);
		}
	}
}

static void tells_a_refusal(void **state)
{
	struct probe_target target = target_of("127.0.0.2", "127.0.0.1", closed_port);
	struct probe_result result;

	(void)state;
	probe_set(world.probe, &target, 1);
	result = await(PROBE_TCP);
	assert_int_equal(result.error, -ECONNREFUSED);
	assert_in_range(result.rtt_us, 0, 1000000);
	assert_int_equal(result.bytes, 104);
}

static void gives_up_on_a_hole(void **state)
{
	struct probe_target target = target_of("192.0.2.1", "198.51.100.1", port);
	struct probe_result result;

	(void)state;
	target.timeout_ms = SHORT_MS;
	probe_set(world.probe, &target, 1);
	result = await(PROBE_TCP);
	assert_int_equal(result.error, -ETIMEDOUT);
	assert_true(result.rtt_us < 0);
	assert_int_equal(result.bytes, 64);
	result = await(PROBE_EXIT_ECHO);
	assert_int_equal(result.error, -ETIMEDOUT);
	assert_int_equal(result.bytes, 36);
	result = await(PROBE_TCP); // and tries again
	assert_int_equal(result.error, -ETIMEDOUT);
}

static void allow_pings(const char *range)
{
	char command[128];

	snprintf(command, sizeof(command), "sysctl -qw 'net.ipv4.ping_group_range=%s'", range);
	assert_int_equal(system(command), 0);
}

static void pings_an_exit_that_is_silent(void **state)
{
	static const struct {
		const char *source, *exit, *gateway, *ping_group_range;
	} cases[] = {
		{ "127.0.0.2", "127.0.0.3", "127.0.0.1", "1 0" }, // raw sockets
		{ "127.0.0.2", "127.0.0.3", "127.0.0.1", "0 2147483647" },
		{ "::1", "2001:db8::3", "::1", "1 0" },
		{ "::1", "2001:db8::3", "::1", "0 2147483647" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct probe_target target = target_of(cases[i].source, cases[i].exit, port);
		struct probe_result result;

		target.gateway = addr_of(cases[i].gateway);
		target.timeout_ms = 10 * SHORT_MS;
		allow_pings(cases[i].ping_group_range);
		probe_set(world.probe, &target, 1);
		assert_int_equal(await(PROBE_TCP).error, -ETIMEDOUT);
		for (int round = 0; round < 2; round++) {
			result = await(PROBE_EXIT_ECHO);
			assert_int_equal(result.error, 0);
			assert_in_range(result.rtt_us, 0, 1000000);
			assert_int_equal(result.bytes, target.source.family == AF_INET ? 72 : 112);
		}
		assert_int_equal(await(PROBE_GATEWAY_ECHO).error, 0);
	}
}

// ---- routers on the way, played by this program

struct router {
	ev_io io;             // all that leaves for nowhere
	int fd;               // to answer with
	int first_hop, heard; // that answers; of the last request
};

// RFC 792 and 1071: time exceeded, which quotes the request as far as `len`.
static void say_time_exceeded(const struct router *router, const uint8_t *packet, size_t len,
			      const struct in_addr *to)
{
	uint8_t message[8 + 128] = { 11 };
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr = *to };
	uint32_t sum = 0;

	memcpy(message + 8, packet, len);
	for (size_t i = 0; i < 8 + len; i += 2)
		sum += (uint32_t)message[i] << 8 | message[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	sum = ~(sum + (sum >> 16));
	message[2] = (uint8_t)(sum >> 8);
	message[3] = (uint8_t)sum;
	assert_int_equal(
		sendto(router->fd, message, 8 + len, 0, (struct sockaddr *)&sa, sizeof(sa)),
		8 + len);
}

static void on_packet(struct ev_loop *l, ev_io *io, int events)
{
	struct router *router = io->data;
	uint8_t packet[128];
	ssize_t n = recv(io->fd, packet, sizeof(packet), 0);
	struct in_addr from;

	(void)l;
	(void)events;
	if (n != 36 || packet[9] != IPPROTO_ICMP || packet[8] > 8)
		return;
	router->heard = packet[8];
	memcpy(&from, packet + 12, sizeof(from));
	if (router->heard >= router->first_hop)
		say_time_exceeded(router, packet, router->heard & 1 ? 28 : 36, &from);
}

static void open_router(struct router *router, const char *address)
{
	struct sockaddr_ll far = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP) };
	struct sockaddr_in sa = { .sin_family = AF_INET };
	int fd = socket(AF_PACKET, SOCK_DGRAM, htons(ETH_P_IP));

	far.sll_ifindex = (int)if_nametoindex("far");
	assert_int_equal(bind(fd, (struct sockaddr *)&far, sizeof(far)), 0);
	router->fd = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
	assert_int_equal(inet_pton(AF_INET, address, &sa.sin_addr), 1);
	assert_int_equal(bind(router->fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	ev_io_init(&router->io, on_packet, fd, EV_READ);
	router->io.data = router;
	ev_io_start(loop, &router->io);
}

static void close_router(struct router *router)
{
	ev_io_stop(loop, &router->io);
	close(router->io.fd);
	close(router->fd);
}

static void hears_routers_on_the_way(void **state)
{
	static const struct {
		const char *router, *ping_group_range;
		int first_hop, error, hops[3]; // of the probes
	} cases[] = {
		{ "192.0.2.3", "1 0", 2, 0, { 2, 2, 2 } }, // it is asked again
		{ "192.0.2.3", "0 2147483647", 2, 0, { 2, 2, 2 } },
		{ "192.0.2.3", "1 0", 3, 0, { 2, 3, 3 } }, // it quotes 8 bytes only
		{ "192.0.2.3", "0 2147483647", 3, 0, { 2, 3, 3 } },
		{ "10.0.0.1", "1 0", 2, -EHOSTUNREACH, { 2, 3, 4 } }, // none of the Internet
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct probe_target target = target_of("192.0.2.1", "198.51.100.1", port);
		struct router router = { .first_hop = cases[i].first_hop };

		target.timeout_ms = 5 * SHORT_MS;
		allow_pings(cases[i].ping_group_range);
		open_router(&router, cases[i].router);
		probe_set(world.probe, &target, 1);
		for (int round = 0; round < 3; round++) {
			struct probe_result result = await(PROBE_ROUTER_ECHO);

			assert_int_equal(router.heard, cases[i].hops[round]);
			assert_int_equal(result.error, router.heard < router.first_hop
							       ? -ETIMEDOUT
							       : cases[i].error);
		}
		probe_set(world.probe, NULL, 0);
		world.n_read = world.n;
		close_router(&router);
	}
}

static void says_when_the_source_is_gone(void **state)
{
	struct probe_target target = target_of("192.0.2.77", "127.0.0.1", port);

	(void)state;
	probe_set(world.probe, &target, 1);
	assert_int_equal(await(PROBE_TCP).error, -EADDRNOTAVAIL);
	assert_int_equal(await(PROBE_EXIT_ECHO).error, -EADDRNOTAVAIL);
}

// Runs the loop until so many descriptors are open, and nothing is reported meanwhile.
static void await_fds(int n)
{
	for (int waited_ms = 0; count_fds() != n; waited_ms += 5) {
		assert_true(waited_ms < WAIT_S * 1000);
		assert_false(run_for(0.005));
	}
}

static void keeps_no_descriptor(void **state)
{
	struct probe_target targets[] = {
		target_of("192.0.2.1", "198.51.100.1", port),
		target_of("192.0.2.1", "198.51.100.2", port),
		target_of("127.0.0.2", "127.0.0.3", port),
	};
	int before = count_fds();

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
		targets[i].path = (int)i;
		targets[i].timeout_ms = 60000;
	}
	probe_set(world.probe, targets, 3);
	await_fds(before + 3);

	// what stays the same keeps its probe under way, wherever it is in the list
	probe_set(world.probe, targets + 1, 2);
	assert_int_equal(count_fds(), before + 2);
	targets[1].interval_ms = 10;
	probe_set(world.probe, targets + 1, 1);
	assert_int_equal(count_fds(), before + 1);

	// another address is another target
	targets[1].source = addr_of("192.0.2.3");
	probe_set(world.probe, targets + 1, 1);
	assert_int_equal(count_fds(), before);
	await_fds(before + 1);
	probe_set(world.probe, NULL, 0);
	assert_int_equal(count_fds(), before);
}

static void keeps_pace(void **state)
{
	struct probe_target target = target_of("127.0.0.2", "127.0.0.1", port);

	(void)state;
	target.interval_ms = 60000;
	probe_set(world.probe, &target, 1);
	await(PROBE_TCP);
	assert_false(run_for(0.1));
	// a shorter interval counts from the last start
	target.interval_ms = INTERVAL_MS;
	probe_set(world.probe, &target, 1);
	await(PROBE_TCP);
	target.interval_ms = 60000;
	probe_set(world.probe, &target, 1);
	assert_false(run_for(0.1));
}

static void may_be_set_from_a_result(void **state)
{
	struct probe_target target = target_of("127.0.0.2", "127.0.0.1", port), other = target;

	(void)state;
	other.path = 4;
	probe_set(world.probe, &target, 1);
	world.set_on_result = &other; // frees the target that reports
	assert_int_equal(await(PROBE_TCP).path, 3);
	assert_int_equal(await(PROBE_TCP).path, 4);
}

static int listen_on_all(void)
{
	struct sockaddr_in6 sa = { .sin6_family = AF_INET6 };
	socklen_t len = sizeof(sa);
	int fd = socket(AF_INET6, SOCK_STREAM, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
	port = ntohs(sa.sin6_port);
	return fd;
}

static int make_world(void **state)
{
	int fd;

	(void)state;
	if (!netns_enter() || system("command -v ip nft sysctl >/dev/null") != 0)
		exit(77);
	loop = EV_DEFAULT;
	assert_int_equal(
		system("ip link set lo up && ip addr add 2001:db8::3/128 dev lo && "
		       "ip link add hole type veth peer name far && ip link set hole up && "
		       "ip link set far up && ip addr add 192.0.2.1/24 dev hole && "
		       "ip addr add 192.0.2.3/24 dev hole && ip addr add 10.0.0.1/32 dev lo && "
		       "ip neigh add 192.0.2.2 lladdr 02:00:00:00:00:02 dev hole nud permanent && "
		       "ip route add 198.51.100.0/24 via 192.0.2.2 && "
		       "nft 'table inet t { chain in { type filter hook input priority 0; "
		       "ip daddr 127.0.0.3 meta l4proto tcp drop; "
		       "ip6 daddr 2001:db8::3 meta l4proto tcp drop; }; }'"),
		0);
	closed_port = 9; // discard: nobody in this namespace
	fd = listen_on_all();
	return listen(fd, 4096);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(measures_an_exit_that_answers, open_world,
						close_world),
		cmocka_unit_test_setup_teardown(tells_a_refusal, open_world, close_world),
		cmocka_unit_test_setup_teardown(gives_up_on_a_hole, open_world, close_world),
		cmocka_unit_test_setup_teardown(pings_an_exit_that_is_silent, open_world,
						close_world),
		cmocka_unit_test_setup_teardown(hears_routers_on_the_way, open_world, close_world),
		cmocka_unit_test_setup_teardown(says_when_the_source_is_gone, open_world,
						close_world),
		cmocka_unit_test_setup_teardown(keeps_no_descriptor, open_world, close_world),
		cmocka_unit_test_setup_teardown(keeps_pace, open_world, close_world),
		cmocka_unit_test_setup_teardown(may_be_set_from_a_result, open_world, close_world),
	};

	return cmocka_run_group_tests(tests, make_world, NULL);
}
