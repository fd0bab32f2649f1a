// SPDX-License-Identifier: GPL-2.0-or-later
//
// Datagrams: those of another implementation, damaged, replayed; our own, and the association in
// them.
#include "wire-test.h"

#define PASSWORD "correct horse battery staple"
#define PAYLOAD  "a datagram"

// What ss-tunnel -U of shadowsocks-libev 3.3.5 (Debian 12) sent to a listening port for one
// datagram "a datagram", with -k and the password above and the target as -L.
static const struct {
	enum wire_method method;
	const char *target, *hex;
} recorded[] = {
	{ WIRE_AES_128_GCM, "198.51.100.80:5000",
	  "d33c015b81d0fc408fe8d67fbccc3bfff2851557950c35ca123848c6f78435e3e0bd553926655d3652cfd473"
	  "3e04512bed" },
	{ WIRE_AES_128_GCM, "[2001:db8:80::80]:5000",
	  "7cdc9f0dccc617bf7c0486cdd6245e32e0510ef05a718908c74ee3e7a2c944bad7af58df10b55698e1b6a594"
	  "431a7127635c87ebc3bd591ca50b3a18ab" },
	{ WIRE_AES_256_GCM, "198.51.100.80:5000",
	  "c95f8922d341ddf2e747288bbe34bbc410cf13ac8e9b808073912f3b3de34725357747820b5a93382ecdfc80"
	  "2666da36c2904ace91d21627b330c5b0544e6971b3" },
	{ WIRE_AES_256_GCM, "www.lab.test:53",
	  "b3a0c239b56c94247b3cf0278047d8012b7b84b7208c7075ac0ca9a33f287ac47e55b5e429605adb35d7cbf6"
	  "782ef62ef9455cd1892d41f16f2413a1d1b42b754ae7a93533cd6549af6a" },
	{ WIRE_CHACHA20_POLY1305, "198.51.100.80:5000",
	  "28d2928c4874dd233e330e11111f40a109759f3e2644d5011aa9c488c6a29bb170e0f263770dc29cbe3b9b93"
	  "a2adea412a4fc96f895889fd676259250dd1b32e18" },
	{ WIRE_CHACHA20_POLY1305, "www.lab.test:53",
	  "bee9574888594e3ef8dfc6535a64fb2c8d5b0fa10b770b0fe3aad91b86e99d62a273e6490ae8d0f012cbcd69"
	  "9d07e47cb97ff28c87c7e60e4bd78d43831e7a648fd6cf4f1ab7a81c2d79" },
};

static struct wire_datagrams make_keys(enum wire_method method)
{
	struct wire_datagrams keys;
	struct wire_key key;

	assert_int_equal(wire_key_from_secret(&key, method, PASSWORD), 0);
	assert_int_equal(wire_datagrams_init(&keys, &key), 0);
	return keys;
}

static struct wire_target make_target(const char *address, uint16_t port)
{
	struct wire_target target = { .port = port };

	assert_int_equal(addr_parse(address, &target.addr), 0);
	return target;
}

static void opens_what_another_program_sealed(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(recorded); i++) {
		struct wire_datagrams keys = make_keys(recorded[i].method);
		uint8_t in[128], plain[128], again[128];
		size_t salt_len = wire_method_key_len(recorded[i].method);
		size_t len = unhex(recorded[i].hex, in, sizeof(in));
		char text[WIRE_TARGET_STRLEN];
		struct wire_datagram d;
		size_t plain_len;

		assert_int_equal(wire_datagram_open(&keys, NULL, in, len, plain, &d), 0);
		assert_string_equal(wire_target_format(&d.target, text), recorded[i].target);
		assert_int_equal(d.len, strlen(PAYLOAD));
		assert_memory_equal(d.payload, PAYLOAD, d.len);
		assert_int_equal(d.from.id, 0);

		// and with its salt we write the same bytes
		plain_len = (size_t)(d.payload - plain) + d.len;
		memcpy(again, in, salt_len);
		memcpy(again + salt_len, plain, plain_len);
		assert_int_equal(datagram_seal(&keys, in, plain_len, again + salt_len), 0);
		assert_memory_equal(again, in, len);
	}
}

static void refuses_what_is_damaged_or_cut(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(recorded); i++) {
		struct wire_datagrams keys = make_keys(recorded[i].method);
		struct wire_replay *replay = wire_replay_new(16);
		uint8_t in[128], plain[128];
		size_t len = unhex(recorded[i].hex, in, sizeof(in));
		struct wire_datagram d;

		for (size_t at = 0; at < len; at++) {
			in[at] ^= 0x40;
			assert_int_equal(wire_datagram_open(&keys, replay, in, len, plain, &d),
					 -EBADMSG);
			in[at] ^= 0x40;
			assert_int_equal(wire_datagram_open(&keys, replay, in, at, plain, &d),
					 -EBADMSG);
		}
		// none of these was remembered, the good one is
		assert_int_equal(wire_datagram_open(&keys, replay, in, len, plain, &d), 0);
		assert_int_equal(wire_datagram_open(&keys, replay, in, len, plain, &d), -EEXIST);
		wire_replay_free(replay);
	}
}

static void carries_any_payload_and_target(void **state)
{
	static const size_t lens[] = { 0, 1, 1472, 65000 };
	static uint8_t payload[65000], sealed[65507], plain[65507];
	struct wire_target targets[] = { make_target("192.0.2.1", 1),
					 make_target("2001:db8::1", 65535),
					 { .port = 53, .name = "example.org" } };

	(void)state;
	for (size_t i = 0; i < sizeof(payload); i++)
		payload[i] = (uint8_t)(i * 7);
	for (size_t m = 0; m < WIRE_METHODS; m++) {
		struct wire_datagrams keys = make_keys((enum wire_method)m);

		for (size_t t = 0; t < ARRAY_LEN(targets) * ARRAY_LEN(lens); t++) {
			const struct wire_target *target = &targets[t % ARRAY_LEN(targets)];
			size_t len = lens[t / ARRAY_LEN(targets)];
			uint8_t head[WIRE_TARGET_MAX];
			size_t whole = wire_method_key_len(keys.method) +
				       wire_target_put(target, head) + len + 16;
			struct wire_datagram d;

			assert_int_equal(wire_datagram_seal(&keys, NULL, NULL, target, payload, len,
							    sealed, whole - 1),
					 -ENOBUFS);
			assert_int_equal(wire_datagram_seal(&keys, NULL, NULL, target, payload, len,
							    sealed, sizeof(sealed)),
					 whole);
			assert_int_equal(wire_datagram_open(&keys, NULL, sealed, whole, plain, &d),
					 0);
			assert_int_equal(d.len, len);
			assert_memory_equal(d.payload, payload, len);
			assert_int_equal(d.target.port, target->port);
			assert_string_equal(d.target.name, target->name);
			assert_true(addr_equal(&d.target.addr, &target->addr));
			assert_int_equal(d.from.id, 0);
		}
	}
}

static ssize_t seal_from(const struct wire_datagrams *keys, uint64_t id, uint64_t counter,
			 uint8_t out[128])
{
	const struct wire_association from = { id, counter };
	struct wire_target target = make_target("192.0.2.1", 53);

	return wire_datagram_seal(keys, NULL, &from, &target, (const uint8_t *)PAYLOAD,
				  strlen(PAYLOAD), out, 128);
}

static void tells_the_association_to_our_own(void **state)
{
	static const struct wire_association cases[] = {
		{ 1, 0 },
		{ WIRE_ASSOCIATION_ID_MAX, WIRE_ASSOCIATION_COUNTER_MAX },
		{ 0x0123456789abcd, 0x0123456789 },
	};

	(void)state;
	for (size_t m = 0; m < WIRE_METHODS; m++) {
		struct wire_datagrams keys = make_keys((enum wire_method)m);
		uint8_t sealed[128], plain[128];
		struct wire_datagram d;

		for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
			ssize_t n = seal_from(&keys, cases[i].id, cases[i].counter, sealed);

			assert_true(n > 0);
			assert_int_equal(
				wire_datagram_open(&keys, NULL, sealed, (size_t)n, plain, &d), 0);
			assert_int_equal(d.from.id, cases[i].id);
			assert_int_equal(d.from.counter, cases[i].counter);
		}
		assert_int_equal(seal_from(&keys, 1, WIRE_ASSOCIATION_COUNTER_MAX + 1, sealed),
				 -EOVERFLOW);
	}
}

// Neighbours differ in about half of the bits, as chance would have it, in the first bytes too, by
// which the replay filter knows them.
static void hides_the_association_in_noise(void **state)
{
	struct wire_datagrams keys = make_keys(WIRE_AES_128_GCM);
	uint8_t before[128], now[128];
	int least = 128, first_least = 64;

	(void)state;
	assert_true(seal_from(&keys, 7, 0, before) > 0);
	for (uint64_t counter = 1; counter < 500; counter++) {
		int differ = 0, first = 0;

		assert_true(seal_from(&keys, 7, counter, now) > 0);
		for (int i = 0; i < 16; i++) {
			differ += __builtin_popcount(now[i] ^ before[i]);
			if (i == 7)
				first = differ;
		}
		least = differ < least ? differ : least;
		first_least = first < first_least ? first : first_least;
		memcpy(before, now, sizeof(before));
	}
	assert_true(least > 32);
	assert_true(first_least > 8);
}

static void starts_associations_apart(void **state)
{
	struct wire_association a, b;

	(void)state;
	assert_int_equal(wire_association_start(&a), 0);
	assert_int_equal(wire_association_start(&b), 0);
	assert_true(a.id && a.id <= WIRE_ASSOCIATION_ID_MAX);
	assert_true(a.counter <= WIRE_ASSOCIATION_COUNTER_MAX / 2);
	assert_true(a.id != b.id && a.counter != b.counter);
}

static void refuses_its_own_played_back(void **state)
{
	struct wire_datagrams keys = make_keys(WIRE_AES_256_GCM);
	struct wire_replay *replay = wire_replay_new(16);
	struct wire_target target = make_target("192.0.2.1", 53);
	uint8_t sealed[128], plain[128];
	struct wire_datagram d;
	ssize_t n;

	(void)state;
	n = wire_datagram_seal(&keys, replay, NULL, &target, (const uint8_t *)PAYLOAD,
			       strlen(PAYLOAD), sealed, sizeof(sealed));
	assert_true(n > 0);
	assert_int_equal(wire_datagram_open(&keys, replay, sealed, (size_t)n, plain, &d), -EEXIST);
	wire_replay_free(replay);
}

// Steps through counters as they come; `taken` of each: 1 admitted, 0 refused.
static void knows_which_counters_have_come(void **state)
{
	static const struct {
		uint64_t counter;
		bool taken;
	} steps[] = {
		{ 5000, true },
		{ 5000, false },
		{ 5001, true },
		{ 4990, true },
		{ 4990, false },
		{ 3050, true },
		{ 3050, false },
		{ 2000, false },
		{ 5064, true },
		{ 5063, true },
		{ 5063, false },
		{ 5001, false },
		{ 9000, true },
		{ 5002, false },
		{ 8999, true },
		{ 7100, true },
		{ 7100, false },
		{ 90000, true },
		{ 9001, false },
		{ 89999, true },
		{ 90000, false },
		{ WIRE_ASSOCIATION_COUNTER_MAX, true },
		{ WIRE_ASSOCIATION_COUNTER_MAX, false },
	};
	struct wire_window window = { 0 }, zero = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(steps); i++)
		assert_int_equal(wire_window_admit(&window, steps[i].counter),
				 steps[i].taken ? 0 : -EEXIST);
	assert_int_equal(wire_window_admit(&zero, 0), 0);
	assert_int_equal(wire_window_admit(&zero, 0), -EEXIST);
	assert_int_equal(wire_window_admit(&zero, 1), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(opens_what_another_program_sealed),
		cmocka_unit_test(refuses_what_is_damaged_or_cut),
		cmocka_unit_test(carries_any_payload_and_target),
		cmocka_unit_test(tells_the_association_to_our_own),
		cmocka_unit_test(hides_the_association_in_noise),
		cmocka_unit_test(starts_associations_apart),
		cmocka_unit_test(refuses_its_own_played_back),
		cmocka_unit_test(knows_which_counters_have_come),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
