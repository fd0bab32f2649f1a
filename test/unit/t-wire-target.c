// SPDX-License-Identifier: GPL-2.0-or-later
#include "wire-test.h"

static const struct {
	const char *hex, *text; // text: NULL = `err`
	int err;
	const char *again; // what it is written as, NULL: the same bytes
} cases[] = {
	{ "01c0000201 0050", "192.0.2.1:80", 0, NULL },
	{ "01ffffffff ffff", "255.255.255.255:65535", 0, NULL },
	{ "0100000000 0000", "0.0.0.0:0", 0, NULL },
	{ "0420010db8000000000000000000000001 01bb", "[2001:db8::1]:443", 0, NULL },
	{ "0400000000000000000000000000000001 1f90", "[::1]:8080", 0, NULL },
	{ "030b 6578616d706c652e6f7267 0050", "example.org:80", 0, NULL },
	{ "0301 61 0001", "a:1", 0, NULL },
	{ "0306 5f612d2e7e21 0001", "_a-.~!:1", 0, NULL },
	// an address in whatever clothes is an address
	{ "0400000000000000000000ffff7f000001 0016", "127.0.0.1:22", 0, "017f0000010016" },
	{ "0309 3132372e302e302e31 0016", "127.0.0.1:22", 0, "017f0000010016" },
	{ "0303 3a3a31 0016", "[::1]:22", 0, "04000000000000000000000000000000010016" },
	{ "0310 3a3a666666663a3132372e302e302e31 0016", "127.0.0.1:22", 0, "017f0000010016" },
	// nonsense
	{ "00", NULL, -EAFNOSUPPORT, NULL },
	{ "02", NULL, -EAFNOSUPPORT, NULL },
	{ "05c0000201 0050", NULL, -EAFNOSUPPORT, NULL },
	{ "11c0000201 0050", NULL, -EAFNOSUPPORT, NULL }, // the one-time authentication of old
	{ "ff", NULL, -EAFNOSUPPORT, NULL },
	{ "0300 0050", NULL, -EPROTO, NULL },
	{ "0303 610062 0050", NULL, -EPROTO, NULL },
	{ "0303 610a62 0050", NULL, -EPROTO, NULL },
	{ "0303 612062 0050", NULL, -EPROTO, NULL },
	{ "0303 617f62 0050", NULL, -EPROTO, NULL },
	{ "0303 61c3a9 0050", NULL, -EPROTO, NULL },
	{ "0303 1b5b4a 0050", NULL, -EPROTO, NULL },
};

static void parses_targets(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint8_t bytes[64], again[WIRE_TARGET_MAX], want[64];
		size_t len = unhex(cases[i].hex, bytes, sizeof(bytes)), used = 99, want_len;
		char text[WIRE_TARGET_STRLEN];
		struct wire_target target;

		// what follows is not looked at
		bytes[len] = 0xee;
		assert_int_equal(wire_target_parse(bytes, len + 1, &target, &used), cases[i].err);
		if (!cases[i].text) {
			assert_int_equal(used, 99);
			continue;
		}
		assert_int_equal(used, len);
		assert_string_equal(wire_target_format(&target, text), cases[i].text);
		want_len =
			unhex(cases[i].again ? cases[i].again : cases[i].hex, want, sizeof(want));
		assert_int_equal(wire_target_put(&target, again), want_len);
		assert_memory_equal(again, want, want_len);
	}
}

static void waits_for_the_rest(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint8_t bytes[64];
		size_t len = unhex(cases[i].hex, bytes, sizeof(bytes)), used = 99;
		struct wire_target target;

		for (size_t cut = 0; cut < len; cut++) {
			int rc = wire_target_parse(bytes, cut, &target, &used);

			assert_int_equal(rc, cut > 0 && cases[i].err == -EAFNOSUPPORT ? cases[i].err
										      : -EAGAIN);
			assert_int_equal(used, 99);
		}
	}
}

static void takes_the_longest_name(void **state)
{
	uint8_t bytes[WIRE_TARGET_MAX], again[WIRE_TARGET_MAX];
	char text[WIRE_TARGET_STRLEN];
	struct wire_target target;
	size_t used = 0;

	(void)state;
	memset(bytes, 'x', sizeof(bytes));
	bytes[0] = 3;
	bytes[1] = 255;
	bytes[257] = bytes[258] = 0xff;
	assert_int_equal(wire_target_parse(bytes, sizeof(bytes) - 1, &target, &used), -EAGAIN);
	assert_int_equal(wire_target_parse(bytes, sizeof(bytes), &target, &used), 0);
	assert_int_equal(used, WIRE_TARGET_MAX);
	assert_int_equal(strlen(target.name), 255);
	assert_int_equal(strlen(wire_target_format(&target, text)), 255 + strlen(":65535"));
	assert_int_equal(wire_target_put(&target, again), WIRE_TARGET_MAX);
	assert_memory_equal(again, bytes, WIRE_TARGET_MAX);
}

static void writes_an_empty_target(void **state)
{
	static const uint8_t want[] = { 1, 0, 0, 0, 0, 0, 0 };
	const struct wire_target target = { .port = 0 };
	uint8_t out[WIRE_TARGET_MAX];

	(void)state;
	assert_int_equal(wire_target_put(&target, out), sizeof(want));
	assert_memory_equal(out, want, sizeof(want));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parses_targets),
		cmocka_unit_test(waits_for_the_rest),
		cmocka_unit_test(takes_the_longest_name),
		cmocka_unit_test(writes_an_empty_target),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
