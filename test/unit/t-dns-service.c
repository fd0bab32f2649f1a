// SPDX-License-Identifier: GPL-2.0-or-later
//
// The service over loopback, between clients and name servers that do as they are told. Who may ask, and
// what happens to paths, is test/lab/stories/dns.py's.
#include "unit.h"

#include <errno.h>
#include <ev.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "dns/dns_priv.h"

#define WAIT_S 10.

static struct ev_loop *loop;

static void give_up(struct ev_loop *l, ev_timer *timer, int revents)
{
	(void)timer;
	(void)revents;
	ev_break(l, EVBREAK_ALL);
}

static void run_for(double seconds)
{
	ev_timer timer;

	ev_timer_init(&timer, give_up, seconds, 0);
	ev_now_update(loop);
	ev_timer_start(loop, &timer);
	ev_run(loop, 0);
	ev_timer_stop(loop, &timer);
}

// ---- a name server

enum manner {
	ANSWERS,
	IS_MUTE,
	FAILS,        // SERVFAIL
	HANGS_UP,     // after each answer
	IS_RUDE,      // and instead of one
	REVERSES,     // answers three questions at a time, the last first
	FORGES,       // says others' answers first
	TALKS_RUBBISH // and then answers
};

#define CONNS 16

struct fake;

struct fake_conn {
	struct fake *fake;
	int fd;
	ev_io io;
	struct buf in;
	uint8_t held[3][600];
	size_t held_len[3];
	int n_held;
};

struct fake {
	union sockaddr_any at;
	int fd;
	ev_io io;
	struct fake_conn conns[CONNS];
	int n_conns;
	enum manner manner;
	uint8_t address; // the last byte of its answers
	uint32_t ttl;
	int asked;
};

static void say(const struct fake_conn *c, const uint8_t *bytes, size_t len)
{
	const uint8_t prefix[] = { (uint8_t)(len >> 8), (uint8_t)len };

	(void)!write(c->fd, prefix, 2);
	(void)!write(c->fd, bytes, len);
}

static size_t make_answer(const struct fake *f, const struct dns_query *q, uint8_t *out)
{
	const uint8_t record[] = { 0xc0, 12, 0, 1, 0, 1, 0, 0, (uint8_t)(f->ttl >> 8), (uint8_t)f->ttl,
				   0, 4, 192, 0, 2, f->address };
	struct dns_query plain = { .id = q->id, .question = q->question, .recurse = true };
	size_t len = dns_reply_error(&plain, f->manner == FAILS ? DNS_SERVFAIL : DNS_NOERROR, DNS_EXTRA_NONE, out);

	if (f->manner == FAILS)
		return len;
	out[7] = 1;
	memcpy(out + len, record, sizeof(record));
	return len + sizeof(record);
}

static void hang_up(struct fake_conn *c)
{
	if (c->fd < 0)
		return;
	ev_io_stop(loop, &c->io);
	close(c->fd);
	buf_fini(&c->in);
	c->fd = -1;
}

static void answer(struct fake_conn *c, const struct dns_query *q)
{
	struct fake *f = c->fake;
	uint8_t out[600];
	size_t len = make_answer(f, q, out);

	switch (f->manner) {
	case IS_MUTE:
		return;
	case IS_RUDE:
		hang_up(c);
		return;
	case REVERSES:
		memcpy(c->held[c->n_held], out, len);
		c->held_len[c->n_held++] = len;
		if (c->n_held < 3)
			return;
		for (; c->n_held > 0; c->n_held--)
			say(c, c->held[c->n_held - 1], c->held_len[c->n_held - 1]);
		return;
	case FORGES:
		out[len - 1] = 99;
		out[1] ^= 1; // another id
		say(c, out, len);
		out[1] ^= 1;
		out[13] ^= 1; // another name
		say(c, out, len);
		out[13] ^= 1;
		out[len - 1] = f->address;
		say(c, out, len);
		return;
	case TALKS_RUBBISH:
		say(c, (const uint8_t *)"", 0);
		say(c, (const uint8_t *)"rubbish, of more than twelve bytes", 34);
		say(c, out, len - 1);
		say(c, out, len);
		return;
	default:
		say(c, out, len);
	}
	if (f->manner == HANGS_UP)
		hang_up(c);
}

static void on_fake(struct ev_loop *l, ev_io *io, int revents)
{
	struct fake_conn *c = io->data;
	uint8_t bytes[4096];
	ssize_t n = read(c->fd, bytes, sizeof(bytes));

	(void)l;
	(void)revents;
	if (n <= 0) {
		hang_up(c);
		return;
	}
	assert_int_equal(buf_append(&c->in, bytes, (size_t)n), 0);
	while (c->fd >= 0 && c->in.len >= 2) {
		const uint8_t *at = buf_head(&c->in);
		size_t len = (size_t)(at[0] << 8 | at[1]);
		struct dns_query q;

		if (c->in.len < 2 + len)
			break;
		assert_int_equal(dns_query_parse(at + 2, len, &q), 0);
		assert_true(q.edns && q.recurse);
		buf_consume(&c->in, 2 + len);
		c->fake->asked++;
		answer(c, &q);
	}
}

static void on_fake_connection(struct ev_loop *l, ev_io *io, int revents)
{
	struct fake *f = io->data;
	struct fake_conn *c = &f->conns[f->n_conns++ % CONNS];

	(void)l;
	(void)revents;
	hang_up(c);
	*c = (struct fake_conn){ .fake = f, .fd = accept(f->fd, NULL, NULL) };
	assert_true(c->fd >= 0);
	ev_io_init(&c->io, on_fake, c->fd, EV_READ);
	c->io.data = c;
	ev_io_start(loop, &c->io);
}

static int bound_socket(int type, const char *address, union sockaddr_any *at)
{
	socklen_t len = sizeof(*at);
	struct addr addr;
	int fd;

	assert_int_equal(addr_parse(address, &addr), 0);
	*at = sockaddr_make(&addr, 0);
	fd = socket(AF_INET, type, 0);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, &at->sa, sockaddr_len(at)), 0);
	assert_int_equal(getsockname(fd, &at->sa, &len), 0);
	return fd;
}

static void fake_start(struct fake *f, uint8_t address)
{
	*f = (struct fake){ .address = address, .ttl = 300 };
	f->fd = bound_socket(SOCK_STREAM, "127.0.0.2", &f->at);
	assert_int_equal(listen(f->fd, 10), 0);
	for (int i = 0; i < CONNS; i++)
		f->conns[i].fd = -1;
	ev_io_init(&f->io, on_fake_connection, f->fd, EV_READ);
	f->io.data = f;
	ev_io_start(loop, &f->io);
}

static void fake_stop(struct fake *f)
{
	for (int i = 0; i < CONNS; i++)
		hang_up(&f->conns[i]);
	ev_io_stop(loop, &f->io);
	close(f->fd);
}

// ---- the service

static struct world {
	struct fake first, second, own;
	struct dns_direct direct;
	struct dns_spec spec;
	struct dns *dns;
	char told[1000];
} w;

static void keep_told(void *ctx, enum log_level level, const char *text)
{
	size_t len = strlen(w.told);

	(void)ctx;
	(void)level;
	snprintf(w.told + len, sizeof(w.told) - len, "%s\n", text);
}

static int set_up(void **state)
{
	union sockaddr_any at;
	int fd;

	(void)state;
	memset(&w, 0, sizeof(w));
	fake_start(&w.first, 1);
	fake_start(&w.second, 2);
	fake_start(&w.own, 3);
	// a port that was free just now
	fd = bound_socket(SOCK_DGRAM, "127.0.0.1", &at);
	close(fd);
	w.spec.listen[0] = (struct dns_listen){ .at = at, .device = "lo" };
	w.spec.n_listen = 1;
	w.spec.upstreams[0] = w.first.at;
	w.spec.upstreams[1] = w.second.at;
	w.spec.n_upstreams = 2;
	for (int i = 0; i < 2; i++) {
		addr_parse(i ? "127.0.0.4" : "127.0.0.3", &w.spec.ways[i].addr4);
		w.spec.ways[i].rtt_us = 1000;
		w.spec.begin[i] = (uint8_t)i;
	}
	w.spec.n_begin = 2;
	w.direct.suffix_len = (uint8_t)dns_suffix("own.example", w.direct.suffix);
	w.direct.server = w.own.at;
	w.direct.way = -1;
	w.spec.direct = &w.direct;
	w.spec.n_direct = 1;
	w.spec.cache_entries = 100;
	w.spec.stale_s = 3600;
	w.dns = dns_new(loop, keep_told, NULL);
	dns_set(w.dns, &w.spec);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	dns_free(w.dns);
	fake_stop(&w.first);
	fake_stop(&w.second);
	fake_stop(&w.own);
	return 0;
}

// ---- clients

static int connect_client(int type)
{
	const union sockaddr_any *at = &w.spec.listen[0].at;
	int fd = socket(AF_INET, type, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, &at->sa, sockaddr_len(at)), 0);
	return fd;
}

static size_t make_query(uint16_t id, const char *name, uint8_t out[DNS_QUERY_MAX])
{
	struct dns_query q = { .question = { .type = 1, .class = 1 } };
	int len = dns_suffix(name, q.question.name);

	assert_true(len > 0);
	q.question.name_len = (uint8_t)len;
	return dns_query_put(&q, id, true, out);
}

static void ask_udp(int fd, uint16_t id, const char *name)
{
	uint8_t query[DNS_QUERY_MAX];
	size_t len = make_query(id, name, query);

	assert_int_equal(send(fd, query, len, 0), len);
}

static void on_readable(struct ev_loop *l, ev_io *io, int revents)
{
	(void)io;
	(void)revents;
	ev_break(l, EVBREAK_ALL);
}

// Runs the loop until something can be read. False: nothing came.
static bool await(int fd, double seconds)
{
	fd_set set;
	struct timeval now = { 0 };
	ev_io io;

	ev_io_init(&io, on_readable, fd, EV_READ);
	ev_io_start(loop, &io);
	run_for(seconds);
	ev_io_stop(loop, &io);
	FD_ZERO(&set);
	FD_SET(fd, &set);
	return select(fd + 1, &set, NULL, NULL, &now) == 1;
}

struct got {
	uint16_t id;
	int rcode;
	uint8_t address; // 0: none
	uint32_t ttl;
};

static struct got read_answer(const uint8_t *m, size_t len)
{
	struct got got = { 0 };
	struct dns_answer a;

	assert_int_equal(dns_answer_parse(m, len, &a), 0);
	got.id = a.id;
	got.rcode = a.rcode;
	if (m[7] == 1) {
		size_t at = DNS_HEADER_LEN + a.question.name_len + 4u;

		got.ttl = (uint32_t)(m[at + 8] << 8 | m[at + 9]);
		got.address = m[at + 15];
	}
	return got;
}

static struct got await_udp(int fd)
{
	uint8_t m[2000];
	ssize_t n;

	if (!await(fd, WAIT_S))
		fail_msg("no answer in %.0f s", WAIT_S);
	n = recv(fd, m, sizeof(m), 0);
	assert_true(n > 0);
	return read_answer(m, (size_t)n);
}

static struct got lookup(const char *name)
{
	int fd = connect_client(SOCK_DGRAM);
	struct got got;

	ask_udp(fd, 77, name);
	got = await_udp(fd);
	close(fd);
	assert_int_equal(got.id, 77);
	return got;
}

static void expect_from(const char *name, const struct fake *f)
{
	struct got got = lookup(name);

	assert_int_equal(got.rcode, DNS_NOERROR);
	assert_int_equal(got.address, f->address);
}

// ---- stories

static void asks_and_keeps(void **state)
{
	struct dns_snapshot now;

	(void)state;
	expect_from("a.example", &w.first);
	expect_from("A.Example", &w.first);
	assert_int_equal(w.first.asked, 1);
	expect_from("b.example", &w.first);
	assert_int_equal(w.first.asked, 2);
	assert_int_equal(w.first.n_conns, 1);
	assert_int_equal(w.second.asked, 0);
	dns_fill(w.dns, &now);
	assert_int_equal(now.queries, 3);
	assert_int_equal(now.hits, 1);
	assert_int_equal(now.cached, 2);
	assert_int_equal(now.listening, 1);
	assert_int_equal(now.upstreams[0].answers, 1);
	assert_int_equal(now.upstreams[1].answers, SNAPSHOT_UNKNOWN);
}

static void asks_once_for_all_who_wait(void **state)
{
	int a = connect_client(SOCK_DGRAM), b = connect_client(SOCK_DGRAM);

	(void)state;
	ask_udp(a, 1, "a.example");
	ask_udp(a, 1, "a.example"); // the same once more, as clients do
	ask_udp(b, 2, "a.example");
	assert_int_equal(await_udp(a).id, 1);
	assert_int_equal(await_udp(b).id, 2);
	assert_false(await(a, .1));
	assert_int_equal(w.first.asked, 1);
	close(a);
	close(b);
}

static void puts_answers_to_their_questions(void **state)
{
	int fd = connect_client(SOCK_STREAM);
	uint8_t bytes[3 * (2 + DNS_QUERY_MAX)];
	bool seen[4] = { false };
	size_t len = 0;

	(void)state;
	w.first.manner = REVERSES;
	for (uint16_t i = 1; i <= 3; i++) {
		char name[] = { (char)('a' + i), '.', 'x', '\0' };
		size_t n = make_query(i, name, bytes + len + 2);

		bytes[len] = 0;
		bytes[len + 1] = (uint8_t)n;
		len += 2 + n;
	}
	// in two pieces, the first of which ends inside a message
	assert_int_equal(send(fd, bytes, 41, 0), 41);
	assert_false(await(fd, .02));
	assert_int_equal(send(fd, bytes + 41, len - 41, 0), len - 41);
	for (int i = 0; i < 3; i++) {
		uint8_t m[600];
		struct got got;

		assert_true(await(fd, WAIT_S));
		assert_int_equal(recv(fd, m, 2, MSG_WAITALL), 2);
		len = (size_t)(m[0] << 8 | m[1]);
		assert_int_equal(recv(fd, m, len, MSG_WAITALL), len);
		got = read_answer(m, len);
		assert_in_range(got.id, 1, 3);
		assert_false(seen[got.id]);
		seen[got.id] = true;
		// the first letter of the name goes with the id
		assert_int_equal(m[13], 'a' + got.id);
	}
	close(fd);
}

static void believes_its_own_answers_only(void **state)
{
	(void)state;
	w.first.manner = FORGES;
	expect_from("a.example", &w.first);
	w.first.manner = TALKS_RUBBISH;
	expect_from("b.example", &w.first);
	assert_int_equal(w.first.asked, 2);
	assert_int_equal(w.second.asked, 0);
}

static void asks_another_when_the_first_is_mute(void **state)
{
	int64_t began_ms = clock_mono_ms();

	(void)state;
	w.first.manner = IS_MUTE;
	expect_from("a.example", &w.second);
	assert_in_range(clock_mono_ms() - began_ms, 50, 900);
	// and for a while before it
	expect_from("b.example", &w.second);
	assert_int_equal(w.first.asked, 1);
}

static void lives_through_servers_that_are_away(void **state)
{
	int fd = connect_client(SOCK_DGRAM);
	struct dns_snapshot now;

	(void)state;
	w.first.manner = w.second.manner = IS_RUDE;
	ask_udp(fd, 1, "a.example");
	assert_false(await(fd, .6));
	assert_non_null(strstr(w.told, "name server 127.0.0.2 does not answer"));
	dns_fill(w.dns, &now);
	assert_int_equal(now.upstreams[0].answers, 0);
	assert_in_range(w.first.asked + w.second.asked, 5, 11);
	// the same question still finds them when they are back
	w.first.manner = w.second.manner = ANSWERS;
	assert_int_equal(await_udp(fd).rcode, DNS_NOERROR);
	assert_non_null(strstr(w.told, "name server 127.0.0.2 answers again"));
	close(fd);
}

static void asks_another_when_the_first_fails(void **state)
{
	(void)state;
	w.first.manner = FAILS;
	expect_from("a.example", &w.second);
	w.second.manner = FAILS;
	assert_int_equal(lookup("b.example").rcode, DNS_SERVFAIL);
	assert_int_equal(w.first.asked, 2);
	assert_int_equal(w.second.asked, 2);
}

static void lives_with_a_server_that_hangs_up(void **state)
{
	(void)state;
	w.first.manner = HANGS_UP;
	w.spec.n_upstreams = 1;
	dns_set(w.dns, &w.spec);
	for (int i = 0; i < 20; i++) {
		char name[32];

		snprintf(name, sizeof(name), "n%d.example", i);
		expect_from(name, &w.first);
	}
	// it is opened again before somebody asks
	run_for(.1);
	assert_int_equal(w.first.n_conns, 21);
}

static void serves_what_has_expired(void **state)
{
	int64_t began_ms;
	struct got got;

	(void)state;
	w.first.ttl = w.second.ttl = 1;
	expect_from("a.example", &w.first);
	run_for(1.1);
	w.first.manner = w.second.manner = IS_MUTE;
	began_ms = clock_mono_ms();
	got = lookup("a.example");
	assert_in_range(clock_mono_ms() - began_ms, 700, 1500);
	assert_int_equal(got.address, 1);
	assert_int_equal(got.ttl, DNS_STALE_TTL_S);
	// the next one need not wait
	began_ms = clock_mono_ms();
	got = lookup("a.example");
	assert_in_range(clock_mono_ms() - began_ms, 0, 300);
	assert_int_equal(got.ttl, DNS_STALE_TTL_S);
}

static void gives_up_with_an_error(void **state)
{
	int64_t began_ms = clock_mono_ms();
	struct dns_snapshot now;

	(void)state;
	w.first.manner = w.second.manner = IS_MUTE;
	assert_int_equal(lookup("a.example").rcode, DNS_SERVFAIL);
	assert_in_range(clock_mono_ms() - began_ms, 3000, 4900);
	dns_fill(w.dns, &now);
	assert_int_equal(now.failures, 1);
	assert_int_equal(now.cached, 0);
}

static void sends_domains_to_their_own_server(void **state)
{
	int fd = connect_client(SOCK_DGRAM);

	(void)state;
	expect_from("own.example", &w.own);
	expect_from("a.b.OWN.example", &w.own);
	expect_from("notown.example", &w.first);
	w.own.manner = IS_MUTE;
	// not to others, whatever happens
	ask_udp(fd, 1, "c.own.example");
	assert_false(await(fd, 1.));
	assert_int_equal(w.own.asked, 3);
	assert_int_equal(w.first.asked + w.second.asked, 1);
	close(fd);
}

static void bounds_what_one_client_has_under_way(void **state)
{
	int fd = connect_client(SOCK_DGRAM), refused = 0;

	(void)state;
	w.first.manner = w.second.manner = IS_MUTE;
	for (uint16_t i = 0; i < 200; i++) {
		char name[32];

		snprintf(name, sizeof(name), "n%u.example", i);
		ask_udp(fd, i, name);
		if (i % 20 == 0)
			run_for(.01);
	}
	while (await(fd, .2)) {
		uint8_t m[600];
		ssize_t n = recv(fd, m, sizeof(m), 0);

		assert_int_equal(read_answer(m, (size_t)n).rcode, DNS_SERVFAIL);
		refused++;
	}
	assert_int_equal(refused, 200 - 128);
	close(fd);
}

static void follows_another_configuration(void **state)
{
	int fd = connect_client(SOCK_DGRAM);

	(void)state;
	w.first.manner = IS_MUTE;
	ask_udp(fd, 5, "a.example");
	assert_false(await(fd, .05));
	// who is being asked is none of them any more
	w.spec.upstreams[0] = w.second.at;
	w.spec.n_upstreams = 1;
	dns_set(w.dns, &w.spec);
	assert_int_equal(await_udp(fd).address, 2);
	expect_from("a.example", &w.second);
	w.spec.cache_entries = 0;
	dns_set(w.dns, &w.spec);
	expect_from("a.example", &w.second);
	expect_from("a.example", &w.second);
	assert_int_equal(w.second.asked, 3);
	// one that waits when all listeners go
	w.second.manner = IS_MUTE;
	ask_udp(fd, 6, "b.example");
	assert_false(await(fd, .05));
	w.spec.n_listen = 0;
	dns_set(w.dns, &w.spec);
	assert_false(await(fd, .1) && recv(fd, (uint8_t[600]){ 0 }, 600, MSG_DONTWAIT) > 0);
	close(fd);
}

static void waits_for_a_way(void **state)
{
	int fd = connect_client(SOCK_DGRAM);

	(void)state;
	w.spec.n_begin = 0;
	dns_set(w.dns, &w.spec);
	ask_udp(fd, 5, "a.example");
	assert_false(await(fd, .1));
	w.spec.n_begin = 1;
	dns_set(w.dns, &w.spec);
	assert_int_equal(await_udp(fd).address, 1);
	close(fd);
}

static void closes_connections_of_nonsense(void **state)
{
	int fd = connect_client(SOCK_STREAM);
	uint8_t byte;

	(void)state;
	assert_int_equal(send(fd, "\0\5hello", 7, 0), 7);
	assert_true(await(fd, WAIT_S));
	assert_int_equal(recv(fd, &byte, 1, 0), 0);
	close(fd);
	// hung up with a question under way
	fd = connect_client(SOCK_STREAM);
	w.first.manner = IS_MUTE;
	{
		uint8_t query[2 + DNS_QUERY_MAX] = { 0 };

		query[1] = (uint8_t)make_query(1, "a.example", query + 2);
		assert_int_equal(send(fd, query, 2u + query[1], 0), 2 + query[1]);
	}
	run_for(.05);
	close(fd);
	expect_from("a.example", &w.second);
}

#define STORY(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORY(asks_and_keeps),
		STORY(asks_once_for_all_who_wait),
		STORY(puts_answers_to_their_questions),
		STORY(believes_its_own_answers_only),
		STORY(asks_another_when_the_first_is_mute),
		STORY(lives_through_servers_that_are_away),
		STORY(asks_another_when_the_first_fails),
		STORY(lives_with_a_server_that_hangs_up),
		STORY(serves_what_has_expired),
		STORY(gives_up_with_an_error),
		STORY(sends_domains_to_their_own_server),
		STORY(bounds_what_one_client_has_under_way),
		STORY(follows_another_configuration),
		STORY(waits_for_a_way),
		STORY(closes_connections_of_nonsense),
	};

	loop = ev_default_loop(EVFLAG_AUTO);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
