// SPDX-License-Identifier: GPL-2.0-or-later
#include "wire-test.h"

typedef int parse_fn(const uint8_t *in, size_t len, struct wire_socks_step *step);

static int parse_request(const uint8_t *in, size_t len, struct wire_socks_step *step)
{
	struct wire_target target;

	return wire_socks_request(in, len, &target, step);
}

static const struct {
	parse_fn *parse;
	const char *hex;
	int err;
	const char *reply;
	size_t settled; // with so many bytes the result is there; 0: with all
} cases[] = {
	{ wire_socks_greeting, "050100", 0, "0500", 0 },
	{ wire_socks_greeting, "05020200", 0, "0500", 0 },
	{ wire_socks_greeting, "0504010280 00", 0, "0500", 0 },
	{ wire_socks_greeting, "050102", -EACCES, "05ff", 0 },
	{ wire_socks_greeting, "0500", -EACCES, "05ff", 0 },
	{ wire_socks_greeting, "0503010203", -EACCES, "05ff", 0 },
	{ wire_socks_greeting, "04010050c0000201 00", -EPROTO, "", 1 },
	{ wire_socks_greeting, "474554202f", -EPROTO, "", 1 },
	{ wire_socks_greeting, "160301", -EPROTO, "", 1 },

	{ parse_request, "050100 01c0000201 0050", 0, "", 0 },
	{ parse_request, "050100 030b6578616d706c652e6f7267 0050", 0, "", 0 },
	{ parse_request, "050100 0420010db8000000000000000000000001 01bb", 0, "", 0 },
	{ parse_request, "050200 01c0000201 0050", -EOPNOTSUPP, "05070001000000000000", 0 },
	{ parse_request, "050300 01c0000201 0050", -EOPNOTSUPP, "05070001000000000000", 0 },
	{ parse_request, "050000 01c0000201 0050", -EOPNOTSUPP, "05070001000000000000", 0 },
	{ parse_request, "050100 02c0000201 0050", -EAFNOSUPPORT, "05080001000000000000", 4 },
	{ parse_request, "050100 0300 0050", -EPROTO, "05010001000000000000", 0 },
	{ parse_request, "050100 0303610062 0050", -EPROTO, "05010001000000000000", 0 },
	{ parse_request, "040100 01c0000201 0050", -EPROTO, "05010001000000000000", 1 },
};

static void answers_each_case_at_each_cut(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint8_t bytes[64], reply[WIRE_SOCKS_REPLY_MAX];
		size_t len = unhex(cases[i].hex, bytes, sizeof(bytes));
		size_t reply_len = unhex(cases[i].reply, reply, sizeof(reply));
		size_t settled = cases[i].settled ? cases[i].settled : len;

		// one more byte than it needs: data may follow at once
		bytes[len] = 0xee;
		for (size_t cut = 0; cut <= len + 1; cut++) {
			struct wire_socks_step step;
			int rc = cases[i].parse(bytes, cut, &step);

			if (cut < settled) {
				assert_int_equal(rc, -EAGAIN);
				assert_int_equal(step.used, 0);
				assert_int_equal(step.reply_len, 0);
				continue;
			}
			assert_int_equal(rc, cases[i].err);
			assert_int_equal(step.used, rc == 0 ? len : 0);
			assert_int_equal(step.reply_len, reply_len);
			assert_memory_equal(step.reply, reply, reply_len);
		}
	}
}

static void hands_the_target_over(void **state)
{
	static const uint8_t request[] = { 5, 1, 0, 3, 4, 'h', 'o', 's', 't', 0x1f, 0x90 };
	char text[WIRE_TARGET_STRLEN];
	struct wire_socks_step step;
	struct wire_target target;

	(void)state;
	assert_int_equal(wire_socks_request(request, sizeof(request), &target, &step), 0);
	assert_string_equal(wire_target_format(&target, text), "host:8080");
}

static void replies_to_outcomes(void **state)
{
	static const struct {
		int err;
		const char *bound, *reply;
	} outcomes[] = {
		{ 0, "192.0.2.7", "0500 0001c00002071234" },
		{ 0, "2001:db8::7", "0500 000420010db80000000000000000000000071234" },
		{ 0, "::ffff:192.0.2.7", "0500 0001c00002071234" },
		{ 0, NULL, "0500 0001000000000000" },
		{ -EACCES, NULL, "0502 0001000000000000" },
		{ -ENETUNREACH, NULL, "0503 0001000000000000" },
		{ -EHOSTUNREACH, NULL, "0504 0001000000000000" },
		{ -ETIMEDOUT, NULL, "0504 0001000000000000" },
		{ -ECONNREFUSED, NULL, "0505 0001000000000000" },
		{ -EMFILE, NULL, "0501 0001000000000000" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(outcomes); i++) {
		uint8_t out[WIRE_SOCKS_REPLY_MAX], want[WIRE_SOCKS_REPLY_MAX];
		size_t want_len = unhex(outcomes[i].reply, want, sizeof(want));
		union sockaddr_any sa;
		struct addr addr;

		if (outcomes[i].bound) {
			assert_int_equal(addr_parse(outcomes[i].bound, &addr), 0);
			sa = sockaddr_make(&addr, 0x1234);
		}
		assert_int_equal(
			wire_socks_reply(outcomes[i].err, outcomes[i].bound ? &sa : NULL, out),
			want_len);
		assert_memory_equal(out, want, want_len);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_each_case_at_each_cut),
		cmocka_unit_test(hands_the_target_over),
		cmocka_unit_test(replies_to_outcomes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
