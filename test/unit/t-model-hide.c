// SPDX-License-Identifier: GPL-2.0-or-later
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "model/hide.h"

static void hides_what_looks_like_an_address(void **state)
{
	static const struct {
		const char *text, *hidden; // NULL: nothing is to be hidden
	} cases[] = {
		{ "192.0.2.1", "192.0.x.x" },
		{ "192.168.1.23:51514 -> 93.184.216.34:443",
		  "192.168.x.xx:51514 -> 93.184.xxx.xx:443" },
		{ "via 203.0.113.10. Then", "via 203.0.xxx.xx. Then" },
		{ "addr:192.0.2.1,", "addr:192.0.x.x," },
		{ "10.8.0.6/32", "10.8.x.x/32" },
		{ "192.0.2.x and more", "192.0.x.x and more" },
		{ "2001:db8:5::34", "2001:db8:x::xx" },
		{ "[2a00:1450::200e]:443", "[2a00:1450::xxxx]:443" },
		{ "fe80::1", "fe80::x" },
		{ "\"address\":\"203.0.113.10\"", "\"address\":\"203.0.xxx.xx\"" },
		{ "02:42:ac:11:00:02", "02:42:xx:xx:xx:xx" },
		{ "since 13:04:22: lost", NULL },
		{ "2026-11-22T13:04:22.103+01:00", NULL },
		{ "mpgate 1.2.0   up 12d 03h", NULL },
		{ "\"loss_ratio\":0.041,\"table\":101", NULL },
		{ "vps1.example.net:65101", NULL },
		{ "RTT 31/48.5/62 ms", NULL },
		{ "std::string abcd", NULL },
		{ "", NULL },
		{ "::", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char text[128];

		snprintf(text, sizeof(text), "%s", cases[i].text);
		hide_addresses(text);
		assert_string_equal(text, cases[i].hidden ? cases[i].hidden : cases[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hides_what_looks_like_an_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
