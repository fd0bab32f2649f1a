// SPDX-License-Identifier: GPL-2.0-or-later
//
// The service over loopback, between clients and name servers that do as they are told. Who may
// ask, and what happens to paths, is test/lab/stories/dns.py's.
#include "unit.h"
#include "port.h"

#include <errno.h>
#include <ev.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "dns/dns_priv.h"

#define WAIT_MS 10000

static struct ev_loop *loop;

static void on_tick(struct ev_loop *l, ev_timer *timer, int revents)
{
	(void)l;
	(void)timer;
	(void)revents;
}

// One turn of the loop, which is not long.
static void turn(void)
{
	ev_timer timer;

	ev_timer_init(&timer, on_tick, .005, 0);
	ev_now_update(loop);
	ev_timer_start(loop, &timer);
	ev_run(loop, EVRUN_ONCE);
	ev_timer_stop(loop, &timer);
}

// Runs the loop until it is so.
#define AWAIT(condition)                                                                           \
	for (int64_t until_ms = clock_mono_ms() + WAIT_MS; !(condition); turn()) {                 \
		if (clock_mono_ms() > until_ms)                                                    \
			fail_msg("waited in vain: %s", #condition);                                \
	}

// ---- a name server

enum manner {
	ANSWERS,
	IS_MUTE,
	FAILS,         // SERVFAIL
	WANTS_COOKIES, // BADCOOKIE
	HANGS_UP,      // after each answer
	IS_RUDE,       // and instead of one
	REVERSES,      // answers three questions at a time, the last first
	FORGES,        // says others' answers first
	TALKS_RUBBISH, // and then answers
	KNOWS_NO_EDNS, // and hardly sees a question then
	LOOKS_UP_LONG, // whatever begins with "s"
};

#define CONNS 32

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
	int asked, asked_plain;
};

static void say(const struct fake_conn *c, const uint8_t *bytes, size_t len)
{
	const uint8_t prefix[] = { (uint8_t)(len >> 8), (uint8_t)len };

	(void)!write(c->fd, prefix, 2);
	(void)!write(c->fd, bytes, len);
}

static size_t make_answer(const struct fake *f, const struct dns_query *q, uint8_t *out)
{
	const uint8_t record[] = {
		0xc0, 12, 0,   1, 0, 1,         0, 0, (uint8_t)(f->ttl >> 8), (uint8_t)f->ttl,
		0,    4,  192, 0, 2, f->address
	};
	struct dns_query plain = { .id = q->id, .question = q->question, .recurse = true };
	size_t len = dns_reply_error(&plain, f->manner == FAILS ? DNS_SERVFAIL : DNS_NOERROR,
				     DNS_EXTRA_NONE, out);

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
	case LOOKS_UP_LONG:
		if (q->question.name[1] != 's')
			say(c, out, len);
		return;
	case WANTS_COOKIES:
		say(c, out, dns_reply_error(q, 23, DNS_EXTRA_NONE, out));
		return;
	case KNOWS_NO_EDNS:
		if (q->edns) {
			memset(out, 0, DNS_HEADER_LEN);
			out[0] = (uint8_t)(q->id >> 8);
			out[1] = (uint8_t)q->id;
			out[2] = 0x81;
			out[3] = DNS_FORMERR;
			len = DNS_HEADER_LEN;
		}
		say(c, out, len);
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
		assert_true(q.recurse);
		c->fake->asked_plain += !q.edns;
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

static int64_t usual_patience_ms;

static int set_up(void **state)
{
	struct addr loopback;

	(void)state;
	memset(&w, 0, sizeof(w));
	fake_start(&w.first, 1);
	fake_start(&w.second, 2);
	fake_start(&w.own, 3);
	addr_parse("127.0.0.1", &loopback);
	w.spec.listen[0] =
		(struct dns_listen){ .at = sockaddr_make(&loopback, free_port()), .device = "lo" };
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
	// a machine that is busy with other tests is no reason to ask others
	usual_patience_ms = w.dns->least_patience_ms;
	w.dns->least_patience_ms = WAIT_MS;
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

static bool is_readable(int fd)
{
	struct pollfd one = { .fd = fd, .events = POLLIN };

	return poll(&one, 1, 0) == 1;
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

	AWAIT(is_readable(fd));
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

static struct server *upstream(int place)
{
	return &w.dns->upstreams[place];
}

// The one question that is under way.
static struct ask *only_ask(void)
{
	assert_int_equal(w.dns->n_asks, 1);
	return list_entry(w.dns->asks.next, struct ask, link);
}

static struct lane *lane_to(const struct server *server)
{
	struct list *pos, *after;

	list_for_each_safe(pos, after, &w.dns->lanes) {
		struct lane *lane = list_entry(pos, struct lane, link);

		if (lane->server == server)
			return lane;
	}
	fail_msg("no stream to that server");
	return NULL;
}

// As if the fake had said so long ago.
static void keep_expired(const char *name, const struct fake *f)
{
	struct dns_query q = { .question = { .type = 1, .class = 1 } };
	struct dns_answer parsed;
	uint8_t message[600];
	struct dns_kept kept = { .message = message };

	q.question.name_len = (uint8_t)dns_suffix(name, q.question.name);
	kept.len = make_answer(f, &q, message);
	assert_int_equal(dns_answer_parse(message, kept.len, &parsed), 0);
	dns_cache_put(w.dns->cache, &q, &kept, 1, 3600, clock_mono_ms() - 60000);
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
	assert_int_equal(w.first.asked, 1);
	ask_udp(a, 3, "b.example");
	assert_int_equal(await_udp(a).id, 3); // and nothing before
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
	AWAIT(w.dns->counted.queries == 1);
	assert_int_equal(send(fd, bytes + 41, len - 41, 0), len - 41);
	for (int i = 0; i < 3; i++) {
		uint8_t m[600];
		struct got got;

		AWAIT(is_readable(fd));
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
	(void)state;
	w.dns->least_patience_ms = usual_patience_ms;
	w.first.manner = IS_MUTE;
	expect_from("a.example", &w.second);
	assert_int_equal(w.first.asked, 1);
	// and for a while before it
	assert_true(upstream(0)->suspect_ms > 0);
	upstream(0)->suspect_ms = INT64_MAX;
	expect_from("b.example", &w.second);
	assert_int_equal(w.first.asked, 1);
}

static void tells_a_slow_name_from_a_mute_server(void **state)
{
	struct lane *lane;
	int64_t later_ms;

	(void)state;
	w.dns->least_patience_ms = usual_patience_ms;
	w.first.manner = LOOKS_UP_LONG;
	expect_from("slow.example", &w.second);
	lane = lane_to(upstream(0));
	assert_int_equal(w.first.asked, 1);
	// it is asked something that it knows
	assert_false(lane_tick(lane, lane->waiting_ms + 1000));
	assert_false(lane_tick(lane, lane->waiting_ms + 2500));
	AWAIT(w.first.asked == 2);
	AWAIT(!lane->checked_ms);
	assert_int_equal(upstream(0)->misses, 0);

	w.first.manner = IS_MUTE;
	upstream(0)->suspect_ms = w.dns->way_suspect_ms[0] = 0;
	expect_from("s2.example", &w.second);
	later_ms = lane->waiting_ms + 2500;
	assert_false(lane_tick(lane, later_ms));
	AWAIT(w.first.asked == 4);
	assert_int_equal(upstream(0)->misses, 0);
	assert_false(lane_tick(lane, later_ms + 1500));
	assert_int_equal(upstream(0)->misses, 1);
	// nobody waits for anything there
	assert_true(lane_tick(lane, later_ms + 1600));
	assert_null(strstr(w.told, "does not answer"));
}

static void counts_late_answers_too(void **state)
{
	struct dns_snapshot now;

	(void)state;
	// the first one's comes when the second one's has been taken
	w.dns->least_patience_ms = usual_patience_ms;
	w.first.manner = REVERSES;
	expect_from("a.example", &w.second);
	w.dns->least_patience_ms = WAIT_MS;
	w.first.manner = ANSWERS;
	upstream(0)->suspect_ms = w.dns->way_suspect_ms[0] = 0;
	expect_from("b.example", &w.first);
	dns_fill(w.dns, &now);
	assert_int_equal(now.upstreams[0].asked, 2);
	assert_int_equal(now.upstreams[0].answered, 1);
	for (int i = 0; i < CONNS; i++) {
		struct fake_conn *c = &w.first.conns[i];

		if (c->fd >= 0 && c->n_held)
			say(c, c->held[0], c->held_len[0]);
	}
	AWAIT(upstream(0)->answered == 2);
}

static void lives_through_servers_that_are_away(void **state)
{
	int fd = connect_client(SOCK_DGRAM);
	struct dns_snapshot now;

	(void)state;
	w.first.manner = w.second.manner = IS_RUDE;
	ask_udp(fd, 1, "a.example");
	AWAIT(w.first.asked + w.second.asked >= 4);
	AWAIT(list_is_empty(&w.dns->lanes));
	assert_non_null(strstr(w.told, "name server 127.0.0.2 does not answer"));
	dns_fill(w.dns, &now);
	assert_int_equal(now.upstreams[0].answers, 0);
	// the next ones wait
	assert_in_range(only_ask()->n_sent, 4, 11);
	assert_true(only_ask()->next_ms > 0);
	AWAIT(w.first.asked + w.second.asked >= 5);
	// the same question still finds them when they are back
	w.first.manner = w.second.manner = ANSWERS;
	assert_int_equal(await_udp(fd).rcode, DNS_NOERROR);
	assert_non_null(strstr(w.told, "name server 127.0.0.2 answers again"));
	close(fd);
}

static void asks_another_when_the_first_fails(void **state)
{
	struct dns_snapshot now;

	(void)state;
	w.first.manner = FAILS;
	expect_from("a.example", &w.second);
	w.second.manner = WANTS_COOKIES;
	assert_int_equal(lookup("b.example").rcode, DNS_SERVFAIL);
	assert_int_equal(w.first.asked, 2);
	assert_int_equal(w.second.asked, 2);
	// they did answer
	dns_fill(w.dns, &now);
	assert_int_equal(now.failures, 0);
	assert_int_equal(now.upstreams[0].answered, 2);
}

static void asks_without_edns_who_does_not_know_it(void **state)
{
	(void)state;
	w.first.manner = KNOWS_NO_EDNS;
	expect_from("a.example", &w.first);
	assert_int_equal(w.first.asked, 2);
	assert_int_equal(w.first.asked_plain, 1);
	// and keeps that in mind
	expect_from("b.example", &w.first);
	assert_int_equal(w.first.asked, 3);
	assert_int_equal(w.first.asked_plain, 2);
	// for a while
	upstream(0)->plain_until_ms = 1;
	expect_from("c.example", &w.first);
	assert_int_equal(w.first.asked, 5);
	assert_int_equal(w.second.asked, 0);
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
	AWAIT(w.first.n_conns == 21);
}

static void serves_what_has_expired(void **state)
{
	struct got got;

	(void)state;
	keep_expired("a.example", &w.first);
	w.first.manner = w.second.manner = IS_MUTE;
	got = lookup("a.example");
	assert_int_equal(got.address, 1);
	assert_int_equal(got.ttl, DNS_STALE_TTL_S);
	// the next one need not wait, while the question goes on
	assert_true(only_ask()->stale_given);
	assert_int_equal(lookup("a.example").ttl, DNS_STALE_TTL_S);
	assert_int_equal(w.dns->n_asks, 1);
}

static void does_not_ask_again_at_once_what_failed(void **state)
{
	(void)state;
	keep_expired("a.example", &w.first);
	w.first.manner = w.second.manner = FAILS;
	assert_int_equal(lookup("a.example").ttl, DNS_STALE_TTL_S);
	assert_int_equal(w.first.asked + w.second.asked, 2);
	assert_int_equal(lookup("a.example").ttl, DNS_STALE_TTL_S);
	assert_int_equal(w.dns->n_asks, 0);
	assert_int_equal(w.dns->counted.hits, 1);
	assert_int_equal(w.dns->counted.stale, 2);
	assert_int_equal(w.first.asked + w.second.asked, 2);
}

static void forgets_what_is_not_so_any_more(void **state)
{
	(void)state;
	keep_expired("a.example", &w.second);
	w.first.ttl = 0;
	expect_from("a.example", &w.first);
	// what it said before is not to come up again when it falls silent
	assert_int_equal(dns_cache_entries(w.dns->cache), 0);
}

static void gives_up_with_an_error(void **state)
{
	struct dns_snapshot now;

	(void)state;
	w.first.manner = w.second.manner = IS_MUTE;
	assert_int_equal(lookup("a.example").rcode, DNS_SERVFAIL);
	dns_fill(w.dns, &now);
	assert_int_equal(now.failures, 1);
	assert_int_equal(now.cached, 0);
	assert_int_equal(w.dns->n_asks, 0);
}

static void sends_domains_to_their_own_server(void **state)
{
	int fd = connect_client(SOCK_DGRAM);

	(void)state;
	expect_from("own.example", &w.own);
	expect_from("a.b.OWN.example", &w.own);
	expect_from("notown.example", &w.first);
	w.own.manner = IS_RUDE;
	// not to others, whatever happens
	ask_udp(fd, 1, "c.own.example");
	AWAIT(w.own.asked == 2 + 4);
	assert_int_equal(w.first.asked + w.second.asked, 1);
	close(fd);
}

static void has_one_stream_for_domains_of_one_server(void **state)
{
	struct dns_direct two[2] = { w.direct, w.direct };

	(void)state;
	two[1].suffix_len = (uint8_t)dns_suffix("other.example", two[1].suffix);
	w.spec.direct = two;
	w.spec.n_direct = 2;
	dns_set(w.dns, &w.spec);
	expect_from("a.own.example", &w.own);
	expect_from("a.other.example", &w.own);
	assert_int_equal(w.own.n_conns, 1);
	two[1].way = 0;
	dns_set(w.dns, &w.spec);
	expect_from("a.other.example", &w.own);
	expect_from("b.own.example", &w.own);
	assert_int_equal(w.own.n_conns, 3);
}

static void closes_streams_that_nobody_uses(void **state)
{
	struct lane *lane;

	(void)state;
	expect_from("a.own.example", &w.own);
	lane = lane_to(&w.dns->own[0]);
	lane->used_ms -= 100000;
	// others' questions do not keep it
	expect_from("a.example", &w.first);
	assert_true(lane_tick(lane, lane->used_ms + 120001));
	assert_int_equal(w.dns->n_lanes, 1);
}

static void tells_a_way_of_its_name_servers(void **state)
{
	char fault[NOTE_SIZE];

	(void)state;
	w.direct.way = 0;
	dns_set(w.dns, &w.spec);
	expect_from("own.example", &w.own);
	assert_false(dns_find_fault(w.dns, 0, fault));
	w.own.manner = IS_RUDE;
	assert_int_equal(lookup("a.own.example").rcode, DNS_SERVFAIL);
	assert_true(dns_find_fault(w.dns, 0, fault));
	assert_string_equal(fault, "name server 127.0.0.2: hangs up without an answer");
	assert_false(dns_find_fault(w.dns, 1, fault));
	assert_null(strstr(w.told, "name server")); // that is for the way to say
	w.own.manner = ANSWERS;
	expect_from("b.own.example", &w.own);
	assert_false(dns_find_fault(w.dns, 0, fault));

	// when the way was down it was not the name server
	w.own.manner = IS_RUDE;
	assert_int_equal(lookup("c.own.example").rcode, DNS_SERVFAIL);
	assert_true(dns_find_fault(w.dns, 0, fault));
	dns_forgive(w.dns, 0);
	assert_false(dns_find_fault(w.dns, 0, fault));

	// one that takes questions and says nothing, while others go on asking
	w.own.manner = IS_MUTE;
	lookup("d.own.example");
	assert_true(dns_find_fault(w.dns, 0, fault));
	assert_string_equal(fault, "name server 127.0.0.2: Connection timed out");
}

static void bounds_what_one_client_has_under_way(void **state)
{
	int fd = connect_client(SOCK_DGRAM);

	(void)state;
	w.first.manner = w.second.manner = IS_MUTE;
	for (uint16_t i = 0; i < 200; i++) {
		char name[32];

		snprintf(name, sizeof(name), "n%u.example", i);
		ask_udp(fd, i, name);
		AWAIT(w.dns->counted.queries == i + 1u);
		assert_int_equal(w.dns->n_waiters, i < 128 ? i + 1 : 128);
		if (i >= 128)
			assert_int_equal(await_udp(fd).id, i);
	}
	assert_false(is_readable(fd));
	close(fd);
}

static void follows_another_configuration(void **state)
{
	int fd = connect_client(SOCK_DGRAM);

	(void)state;
	w.first.manner = IS_MUTE;
	ask_udp(fd, 5, "a.example");
	AWAIT(w.first.asked == 1);
	// who is being asked is none of them any more
	w.spec.upstreams[0] = w.second.at;
	w.spec.n_upstreams = 1;
	dns_set(w.dns, &w.spec);
	assert_int_equal(await_udp(fd).address, 2);
	expect_from("a.example", &w.second);
	assert_int_equal(upstream(0)->asked, 1);
	w.spec.cache_entries = w.spec.n_direct = 0;
	dns_set(w.dns, &w.spec);
	assert_int_equal(upstream(0)->asked, 1);
	expect_from("a.example", &w.second);
	expect_from("a.example", &w.second);
	assert_int_equal(w.second.asked, 3);
	// one that waits when all listeners go
	w.second.manner = IS_MUTE;
	ask_udp(fd, 6, "b.example");
	AWAIT(w.second.asked == 4);
	w.spec.n_listen = 0;
	dns_set(w.dns, &w.spec);
	assert_int_equal(w.dns->n_asks, 0);
	assert_int_equal(w.dns->n_waiters, 0);
	close(fd);
}

// Streams to upstreams end when these are to be asked another way, those that go straight as well.
static void leaves_no_stream_that_goes_around_the_exit(void **state)
{
	int fd = connect_client(SOCK_DGRAM);

	(void)state;
	expect_from("a.example", &w.first);
	expect_from("a.own.example", &w.own);
	assert_int_equal(w.dns->n_lanes, 2);
	w.spec.sealed = true;
	w.spec.key.method = WIRE_AES_256_GCM;
	w.spec.exits[0] = w.second.at; // which does not understand that
	w.spec.n_exits = 1;
	dns_set(w.dns, &w.spec);
	assert_int_equal(w.dns->n_lanes, 1);
	lane_to(&w.dns->own[0]);
	ask_udp(fd, 1, "b.example");
	AWAIT(w.second.n_conns > 0);
	assert_int_equal(w.first.asked, 1);
	// and back
	w.spec.sealed = false;
	dns_set(w.dns, &w.spec);
	assert_int_equal(await_udp(fd).address, 1);
	close(fd);
}

// What the gateway's own rules go by, so that it does not carry what is to go straight (lan.local).
static void marks_what_goes_straight(void **state)
{
	const struct server *servers[2];
	socklen_t len = sizeof(int);

	(void)state;
	if (geteuid() != 0 || is_emulated())
		skip();
	w.spec.mark = 0x6e000000;
	dns_set(w.dns, &w.spec);
	expect_from("a.example", &w.first);
	expect_from("a.own.example", &w.own);
	servers[0] = upstream(0);
	servers[1] = &w.dns->own[0];
	for (int i = 0; i < 2; i++) {
		int mark = 0;

		assert_int_equal(getsockopt(lane_to(servers[i])->stream.fd, SOL_SOCKET, SO_MARK,
					    &mark, &len),
				 0);
		assert_int_equal(mark, w.spec.mark);
	}
}

static void listens_anew_when_the_device_is_another(void **state)
{
	char *first, *again;

	(void)state;
	expect_from("a.example", &w.first);
	dns_set(w.dns, &w.spec);
	first = strstr(w.told, "answers on");
	assert_non_null(first);
	assert_null(strstr(first + 1, "answers on"));
	w.spec.listen[0].ifindex = 7;
	dns_set(w.dns, &w.spec);
	again = strstr(first + 1, "answers on");
	assert_non_null(again);
	expect_from("a.example", &w.first);
}

static void waits_for_a_way(void **state)
{
	int fd = connect_client(SOCK_DGRAM);

	(void)state;
	w.spec.n_begin = 0;
	dns_set(w.dns, &w.spec);
	ask_udp(fd, 5, "a.example");
	AWAIT(w.dns->n_asks == 1);
	assert_int_equal(w.dns->n_lanes, 0);
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
	AWAIT(is_readable(fd));
	assert_int_equal(recv(fd, &byte, 1, 0), 0);
	close(fd);
}

static void send_tcp(int fd, uint16_t id, const char *name)
{
	uint8_t query[2 + DNS_QUERY_MAX] = { 0 };

	query[1] = (uint8_t)make_query(id, name, query + 2);
	assert_int_equal(send(fd, query, 2u + query[1], 0), 2 + query[1]);
}

static void asks_no_more_for_who_is_gone(void **state)
{
	int fd = connect_client(SOCK_STREAM);
	const struct linger at_once = { .l_onoff = 1 };

	(void)state;
	w.first.manner = w.second.manner = IS_MUTE;
	send_tcp(fd, 1, "a.example");
	send_tcp(fd, 2, "b.example");
	AWAIT(w.dns->n_waiters == 2);
	ask_udp(connect_client(SOCK_DGRAM), 3, "b.example");
	AWAIT(w.dns->n_waiters == 3);
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(fd);
	AWAIT(w.dns->n_waiters == 1);
	// another client's is still worth it
	assert_string_equal((const char *)only_ask()->query.question.name, "\1b\7example");
}

// An answer of sixty thousand bytes.
static size_t keep_big(const char *name)
{
	static uint8_t message[61000];
	const struct fake f = { .ttl = 300 };
	struct dns_query q = { .question = { .type = 1, .class = 1 } };
	struct dns_kept kept = { .message = message };

	q.question.name_len = (uint8_t)dns_suffix(name, q.question.name);
	kept.len = make_answer(&f, &q, message) + 60000;
	message[kept.len - 60000 - 6] = (60004 >> 8) & 255;
	message[kept.len - 60000 - 5] = 60004 & 255;
	w.spec.cache_entries = 1000;
	dns_set(w.dns, &w.spec);
	dns_cache_put(w.dns->cache, &q, &kept, 300, 0, clock_mono_ms());
	return kept.len;
}

static void tells_all_to_who_reads_late(void **state)
{
	static uint8_t answer[61000];
	const int size = 65536;
	int fd = connect_client(SOCK_STREAM), n = 150;
	size_t len = keep_big("big.example");
	uint64_t before;

	(void)state;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	for (uint16_t i = 0; i < n; i++)
		send_tcp(fd, i, "big.example");
	AWAIT(w.dns->counted.queries > 0);
	// it stops listening when the answers are not taken
	do {
		before = w.dns->counted.queries;
		turn();
	} while (w.dns->counted.queries > before);
	assert_in_range(before, 1, n - 1);
	for (uint16_t i = 0; i < n; i++) {
		size_t at = 0;

		// with the EDNS record
		while (at < 2 + len + 11) {
			ssize_t got = recv(fd, answer + at, 2 + len + 11 - at, MSG_DONTWAIT);

			assert_int_not_equal(got, 0);
			if (got > 0)
				at += (size_t)got;
			else
				AWAIT(is_readable(fd));
		}
		assert_int_equal(answer[0] << 8 | answer[1], len + 11);
		assert_int_equal(answer[2] << 8 | answer[3], i);
	}
	assert_int_equal(w.dns->counted.queries, n);
	close(fd);
}

static uint64_t queries_before;

static void on_other_work(struct ev_loop *l, ev_io *io, int revents)
{
	(void)revents;
	queries_before =
		w.dns->counted.queries > queries_before ? w.dns->counted.queries : queries_before;
	ev_io_stop(l, io);
}

static void lets_other_work_go_first(void **state)
{
	int fd = connect_client(SOCK_STREAM), pipes[2][2];
	uint8_t flood[100 * (2 + DNS_QUERY_MAX)] = { 0 };
	uint64_t counted;
	size_t len = 0;
	ev_io io[2];

	(void)state;
	w.first.manner = w.second.manner = IS_MUTE;
	for (uint16_t i = 0; i < 100; i++) {
		size_t n = make_query(i, "a.example", flood + len + 2);

		flood[len + 1] = (uint8_t)n;
		len += 2 + n;
	}
	send_tcp(fd, 0, "a.example");
	AWAIT(w.dns->n_waiters == 1);
	counted = queries_before = w.dns->counted.queries;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(pipe(pipes[i]), 0);
		ev_io_init(&io[i], on_other_work, pipes[i][0], EV_READ);
		ev_io_start(loop, &io[i]);
	}
	turn();
	// whether what came first or what came last goes first otherwise
	assert_int_equal(write(pipes[0][1], "", 1), 1);
	assert_int_equal(send(fd, flood, len, 0), len);
	assert_int_equal(write(pipes[1][1], "", 1), 1);
	AWAIT(w.dns->counted.queries > counted);
	assert_false(ev_is_active(&io[0]) || ev_is_active(&io[1]));
	assert_int_equal(queries_before, counted);
	// it does not take all that there is
	assert_in_range(w.dns->counted.queries - counted, 1, 50);
	AWAIT(w.dns->counted.queries == counted + 100);
	for (int i = 0; i < 2; i++) {
		close(pipes[i][0]);
		close(pipes[i][1]);
	}
	close(fd);
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
		STORY(tells_a_slow_name_from_a_mute_server),
		STORY(counts_late_answers_too),
		STORY(lives_through_servers_that_are_away),
		STORY(asks_another_when_the_first_fails),
		STORY(asks_without_edns_who_does_not_know_it),
		STORY(lives_with_a_server_that_hangs_up),
		STORY(serves_what_has_expired),
		STORY(does_not_ask_again_at_once_what_failed),
		STORY(forgets_what_is_not_so_any_more),
		STORY(gives_up_with_an_error),
		STORY(sends_domains_to_their_own_server),
		STORY(has_one_stream_for_domains_of_one_server),
		STORY(closes_streams_that_nobody_uses),
		STORY(tells_a_way_of_its_name_servers),
		STORY(bounds_what_one_client_has_under_way),
		STORY(follows_another_configuration),
		STORY(leaves_no_stream_that_goes_around_the_exit),
		STORY(marks_what_goes_straight),
		STORY(listens_anew_when_the_device_is_another),
		STORY(waits_for_a_way),
		STORY(closes_connections_of_nonsense),
		STORY(asks_no_more_for_who_is_gone),
		STORY(tells_all_to_who_reads_late),
		STORY(lets_other_work_go_first),
	};

	loop = ev_default_loop(EVFLAG_AUTO);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
