// SPDX-License-Identifier: GPL-2.0-or-later
#include "wire-test.h"

static struct wire_service_message parse_hex(const char *hex, int expected)
{
	struct wire_service_message message = { 0 };
	uint8_t bytes[256];
	size_t len = unhex(hex, bytes, sizeof(bytes)), used = 0;

	assert_int_equal(wire_service_parse(bytes, len, &message, &used), expected);
	if (!expected)
		assert_int_equal(used, len);
	return message;
}

static struct wire_service_message full_message(void)
{
	struct wire_service_message m = {
		.type = WIRE_SERVICE_STATS | WIRE_SERVICE_ANSWER,
		.nonce = UINT64_MAX,
		.time_us = 1790000000000000,
		.protocol = 1,
		.mptcp = true,
		.version = "1.2.3~rc4",
		.n_subflows = WIRE_SERVICE_LIST_MAX,
		.n_remotes = WIRE_SERVICE_LIST_MAX,
	};

	for (int i = 0; i < WIRE_SERVICE_LIST_MAX; i++) {
		struct addr addr = { .family = i % 2 ? AF_INET : AF_INET6 };

		memset(addr.bytes, 0x20 + i, addr_len(&addr));
		m.subflows[i] = (struct wire_service_subflow){ addr, (uint16_t)(65535 - i), i % 3 };
		m.remotes[i] = (struct wire_service_remote){
			.addr = addr,
			.subflows = UINT32_MAX,
			.stalled = (uint32_t)i,
			.rtt_us = 48000,
			.cwnd = UINT32_MAX,
			.unacked = UINT32_MAX,
			.tx_bytes = UINT64_MAX,
			.rx_bytes = UINT64_MAX,
			.segments = UINT64_MAX,
			.retransmits = UINT64_MAX,
		};
	}
	return m;
}

static void assert_same(const struct wire_service_message *a, const struct wire_service_message *b)
{
	assert_int_equal(a->type, b->type);
	assert_int_equal(a->nonce, b->nonce);
	assert_int_equal(a->time_us, b->time_us);
	assert_int_equal(a->protocol, b->protocol);
	assert_int_equal(a->mptcp, b->mptcp);
	assert_string_equal(a->version, b->version);
	assert_int_equal(a->n_subflows, b->n_subflows);
	assert_int_equal(a->n_remotes, b->n_remotes);
	for (int i = 0; i < a->n_subflows; i++) {
		assert_true(addr_equal(&a->subflows[i].addr, &b->subflows[i].addr));
		assert_int_equal(a->subflows[i].port, b->subflows[i].port);
		assert_int_equal(a->subflows[i].established, b->subflows[i].established);
	}
	for (int i = 0; i < a->n_remotes; i++) {
		const struct wire_service_remote *x = &a->remotes[i], *y = &b->remotes[i];

		assert_true(addr_equal(&x->addr, &y->addr));
		assert_int_equal(x->subflows, y->subflows);
		assert_int_equal(x->stalled, y->stalled);
		assert_int_equal(x->rtt_us, y->rtt_us);
		assert_int_equal(x->cwnd, y->cwnd);
		assert_int_equal(x->unacked, y->unacked);
		assert_int_equal(x->tx_bytes, y->tx_bytes);
		assert_int_equal(x->rx_bytes, y->rx_bytes);
		assert_int_equal(x->segments, y->segments);
		assert_int_equal(x->retransmits, y->retransmits);
	}
}

static void comes_back_as_it_went(void **state)
{
	struct wire_service_message sent = full_message(), echo = { .type = WIRE_SERVICE_ECHO },
				    heard;
	uint8_t bytes[WIRE_SERVICE_MAX];
	size_t len = wire_service_put(&sent, bytes), used;

	(void)state;
	assert_true(len <= WIRE_SERVICE_MAX);
	assert_int_equal(wire_service_parse(bytes, len, &heard, &used), 0);
	assert_int_equal(used, len);
	assert_same(&heard, &sent);
	len = wire_service_put(&echo, bytes);
	assert_int_equal(len, 3);
	assert_int_equal(wire_service_parse(bytes, len, &heard, &used), 0);
	assert_same(&heard, &echo);
}

static void takes_one_message_at_a_time(void **state)
{
	struct wire_service_message sent = full_message(), heard;
	uint8_t bytes[2 * WIRE_SERVICE_MAX];
	size_t len = wire_service_put(&sent, bytes), used = 77;

	(void)state;
	for (size_t cut = 0; cut < len; cut++)
		assert_int_equal(wire_service_parse(bytes, cut, &heard, &used), -EAGAIN);
	assert_int_equal(used, 77);
	memset(bytes + len, 0xff, 100);
	assert_int_equal(wire_service_parse(bytes, len + 100, &heard, &used), 0);
	assert_int_equal(used, len);
}

// What the format is, byte by byte: two versions of the program must agree on it.
static void keeps_its_format(void **state)
{
	struct wire_service_message m = { .type = WIRE_SERVICE_SEEN | WIRE_SERVICE_ANSWER,
					  .nonce = 0x0102,
					  .protocol = 1,
					  .mptcp = true,
					  .version = "1",
					  .n_subflows = 1 };
	const char *hex =
		"82 001c 01020102 030101 040101 050131 060d 0104c0000201 0202 1f90 030101";
	uint8_t expected[64], bytes[WIRE_SERVICE_MAX];
	size_t len;

	(void)state;
	addr_parse("192.0.2.1", &m.subflows[0].addr);
	m.subflows[0].port = 8080;
	m.subflows[0].established = true;
	len = wire_service_put(&m, bytes);
	assert_int_equal(len, unhex(hex, expected, sizeof(expected)));
	assert_memory_equal(bytes, expected, len);
}

static void skips_what_it_does_not_know(void **state)
{
	struct wire_service_message m;

	(void)state;
	m = parse_hex("01 000c 630568656c6c6f 010142 6400", 0); // fields 99 and 100
	assert_int_equal(m.nonce, 0x42);
	m = parse_hex("55 0003 010142", 0); // type 0x55
	assert_int_equal(m.type, 0x55);
	m = parse_hex("82 000c 060a 0104c0000201 630103 0e",
		      -EPROTO); // entry shorter than its fields
	m = parse_hex("82 000f 060b 0104c0000201 6301030e00 6200", 0); // fields of an entry
	assert_int_equal(m.n_subflows, 1);
	assert_true(addr_is_set(&m.subflows[0].addr));
	m = parse_hex("82 0005 0303 ffffff", 0);
	assert_int_equal(m.protocol, 0xffffff);
	m = parse_hex("82 0007 0305 0100000000", 0); // too large for its place
	assert_int_equal(m.protocol, UINT32_MAX);
	m = parse_hex("82 0007 0505 61 1b 5b 80 62", 0); // nothing that a terminal would obey
	assert_string_equal(m.version, "a?[?b");
}

static void refuses_what_is_broken(void **state)
{
	(void)state;
	parse_hex("01 1000", -EPROTO);                         // too long, said before it has come
	parse_hex("01 0001 01", -EPROTO);                      // half a field
	parse_hex("01 0003 010242", -EPROTO);                  // a field that ends outside
	parse_hex("01 000b 0109 010203040506070809", -EPROTO); // a number of nine bytes
	parse_hex("82 0007 0605 0103c00002", -EPROTO);         // an address of three
	parse_hex("82 0004 0602 0105", -EPROTO); // a field that ends outside its entry
}

static void drops_entries_beyond_the_most(void **state)
{
	struct wire_service_message m;
	uint8_t bytes[3 + 100 * 5] = { 0x82, 0x01, 0xf4 };
	size_t used;

	(void)state;
	for (int i = 0; i < 100; i++)
		memcpy(bytes + 3 + i * 5, (uint8_t[]){ 6, 3, 2, 1, (uint8_t)i }, 5);
	assert_int_equal(wire_service_parse(bytes, sizeof(bytes), &m, &used), 0);
	assert_int_equal(m.n_subflows, WIRE_SERVICE_LIST_MAX);
	assert_int_equal(m.subflows[15].port, 15);
}

static void knows_its_target(void **state)
{
	struct wire_target target = wire_service_target(), parsed;
	uint8_t bytes[WIRE_TARGET_MAX];
	size_t used;

	(void)state;
	assert_int_equal(wire_target_parse(bytes, wire_target_put(&target, bytes), &parsed, &used),
			 0);
	assert_true(wire_service_is_target(&parsed));
	parsed.port = 80;
	assert_false(wire_service_is_target(&parsed));
	parsed = (struct wire_target){ .port = WIRE_SERVICE_PORT, .name = "example.org" };
	assert_false(wire_service_is_target(&parsed));
}

// A question that is to fill packets is the same question.
static void padding_is_skipped(void **state)
{
	const struct wire_service_message sent = { .type = WIRE_SERVICE_ECHO,
						   .nonce = 0x1234567890 };
	struct wire_service_message got;
	uint8_t bytes[WIRE_SERVICE_MAX];
	size_t len = wire_service_put(&sent, bytes), used;

	(void)state;
	assert_int_equal(wire_service_pad(bytes, len, 0), len);
	len = wire_service_pad(bytes, len, 3800);
	assert_in_range(len, 3800, WIRE_SERVICE_MAX);
	assert_int_equal(wire_service_parse(bytes, len - 1, &got, &used), -EAGAIN);
	assert_int_equal(wire_service_parse(bytes, len, &got, &used), 0);
	assert_int_equal(used, len);
	assert_memory_equal(&got, &sent, sizeof(sent));
	assert_in_range(
		wire_service_pad(bytes, wire_service_put(&sent, bytes), WIRE_SERVICE_MAX + 1000),
		3900, WIRE_SERVICE_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(comes_back_as_it_went),
		cmocka_unit_test(takes_one_message_at_a_time),
		cmocka_unit_test(keeps_its_format),
		cmocka_unit_test(skips_what_it_does_not_know),
		cmocka_unit_test(refuses_what_is_broken),
		cmocka_unit_test(drops_entries_beyond_the_most),
		cmocka_unit_test(knows_its_target),
		cmocka_unit_test(padding_is_skipped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
