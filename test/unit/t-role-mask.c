// SPDX-License-Identifier: GPL-2.0-or-later
#include "unit.h"

#include <string.h>

#include "role/mask.h"

static void check(struct mask *mask, const char *text, const char *expected)
{
	struct str out = { 0 };

	mask_text(mask, text, &out);
	assert_string_equal(str_text(&out), expected);
	str_fini(&out);
}

static void masks_addresses_and_leaves_the_rest(void **state)
{
	static const struct {
		const char *text, *expected;
	} cases[] = {
		{ "", "" },
		{ "default via 203.0.113.1 dev ppp0", "default via ip4-1 dev ppp0" },
		{ "203.0.113.10:8388", "ip4-1:8388" },
		{ "seen as 203.0.113.10.", "seen as ip4-1." },
		{ "\"203.0.113.10\",\"198.51.100.0/24\"", "\"ip4-1\",\"ip4-2/24\"" },
		{ "203.0.113.1 203.0.113.2 203.0.113.1", "ip4-1 ip4-2 ip4-1" },
		{ "10.64.4.2%tun3:56274 192.168.5.32/27 127.0.0.1 100.64.1.1",
		  "10.64.4.2%tun3:56274 192.168.5.32/27 127.0.0.1 100.64.1.1" },
		{ "198.18.0.0/15, 224.0.0.0/3", "198.18.0.0/15, 224.0.0.0/3" },
		{ "[2001:db8::1]:443", "[ip6-1]:443" },
		{ "2001:db8::1%eth0 2001:DB8:0::1", "ip6-1%eth0 ip6-1" },
		{ "via fe80::2aa:bbff:fecc:1 fe80::/64", "via ip6-1 fe80::/64" },
		{ "::ffff:203.0.113.1", "ip6-1" },
		{ "addr:203.0.113.1", "addr:ip4-1" },
		{ "dead:203.0.113.1,2001:db8::7", "dead:ip4-1,ip6-1" },
		{ "link/ether 26:51:DB:62:ac:6c brd ff:ff:ff:ff:ff:ff",
		  "link/ether mac-1 brd mac-2" },
		{ "26:51:db:62:ac:6c 26:51:DB:62:AC:6C", "mac-1 mac-1" },
		{ "13:04:22.103 version 1.2.3, 1.2.3.400, 12:30",
		  "13:04:22.103 version 1.2.3, 1.2.3.400, 12:30" },
		{ "token:815088d4(id:0)/2a2f4fcb", "token:815088d4(id:0)/2a2f4fcb" },
		{ "2026-11-22T13:04:22.103+01:00", "2026-11-22T13:04:22.103+01:00" },
		{ "table 101 ... :: ::1", "table 101 ... :: ::1" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct mask mask = { 0 };

		check(&mask, cases[i].text, cases[i].expected);
		mask_fini(&mask);
	}
}

static void pseudonyms_last_over_texts(void **state)
{
	struct mask mask = { 0 };

	(void)state;
	check(&mask, "203.0.113.1 2001:db8::1", "ip4-1 ip6-1");
	check(&mask, "2001:db8::2 203.0.113.2 203.0.113.1", "ip6-2 ip4-2 ip4-1");
	mask_fini(&mask);
}

static void masks_words(void **state)
{
	struct mask mask = { 0 };

	(void)state;
	mask_add_word(&mask, "vps1.example.net", "exit-1", false);
	mask_add_word(&mask, "example", "(host)", false);
	mask_add_word(&mask, "s3cr3t", "(secret)", true);
	mask_add_word(&mask, "gw", "(never)", true);
	check(&mask, "vps1.example.net:8388", "exit-1:8388");
	check(&mask, "example examples my-example", "(host) examples my-example");
	check(&mask, "xs3cr3tx=s3cr3t abs3cr3t", "x(secret)x=(secret) ab(secret)");
	check(&mask, "gw START", "gw START");
	// of digits that could be an address's
	mask_add_word(&mask, "fade1234", "(key)", true);
	check(&mask, "abcfade1234", "abc(key)");
	mask_fini(&mask);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(masks_addresses_and_leaves_the_rest),
		cmocka_unit_test(pseudonyms_last_over_texts),
		cmocka_unit_test(masks_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
