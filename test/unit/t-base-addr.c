// SPDX-License-Identifier: GPL-2.0-or-later
#include "unit.h"

#include "base/addr.h"
#include "base/str.h"

static void parses_prefixes(void **state)
{
	static const struct {
		const char *text, *same; // same: NULL = refused
	} cases[] = {
		{ "192.168.5.32/27", "192.168.5.32/27" },
		{ "10.0.0.0/8", "10.0.0.0/8" },
		{ "203.0.113.80", "203.0.113.80/32" },
		{ "2001:db8::/32", "2001:db8::/32" },
		{ "::1", "::1/128" },
		{ "0.0.0.0/0", "0.0.0.0/0" },
		{ "192.168.5.33/27", NULL },
		{ "192.168.5.32/33", NULL },
		{ "192.168.5.32/", NULL },
		{ "192.168.5.32/-1", NULL },
		{ "192.168.5.32/+8", NULL },
		{ "2001:db8::1/32", NULL },
		{ "2001:db8::/129", NULL },
		{ "example.net", NULL },
		{ "", NULL },
		{ "/8", NULL },
	};
	char out[ADDR_STRLEN];
	struct prefix p;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int rc = prefix_parse(cases[i].text, &p);

		assert_int_equal(rc == 0, cases[i].same != NULL);
		if (cases[i].same)
			assert_string_equal(prefix_format(&p, out), cases[i].same);
	}
}

static void says_what_a_prefix_contains(void **state)
{
	static const struct {
		const char *prefix, *addr;
		bool inside;
	} cases[] = {
		{ "192.168.5.32/27", "192.168.5.63", true },
		{ "192.168.5.32/27", "192.168.5.64", false },
		{ "0.0.0.0/0", "203.0.113.1", true },
		{ "0.0.0.0/0", "2001:db8::1", false },
		{ "2001:db8::/33", "2001:db8:7fff::", true },
		{ "2001:db8::/33", "2001:db8:8000::", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct prefix p;
		struct addr a;

		assert_int_equal(prefix_parse(cases[i].prefix, &p), 0);
		assert_int_equal(addr_parse(cases[i].addr, &a), 0);
		assert_int_equal(prefix_contains(&p, &a), cases[i].inside);
	}
}

static void says_which_prefixes_overlap(void **state)
{
	static const struct {
		const char *a, *b;
		bool overlap;
	} cases[] = {
		{ "10.8.0.0/16", "10.8.1.0/24", true }, { "10.8.1.0/24", "10.8.2.0/24", false },
		{ "10.8.1.0/24", "10.8.1.0/24", true }, { "0.0.0.0/0", "::/0", false },
		{ "fd00::/8", "fd00:8::1/128", true },  { "10.8.1.0/25", "10.8.1.128/25", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct prefix a, b;

		assert_int_equal(prefix_parse(cases[i].a, &a), 0);
		assert_int_equal(prefix_parse(cases[i].b, &b), 0);
		assert_int_equal(prefix_overlap(&a, &b), cases[i].overlap);
		assert_int_equal(prefix_overlap(&b, &a), cases[i].overlap);
	}
}

static void unmaps_mapped_addresses(void **state)
{
	union sockaddr_any sa = { .in6 = { .sin6_family = AF_INET6, .sin6_port = htons(80) } };
	char out[ADDR_STRLEN];

	(void)state;
	sa.in6.sin6_addr.s6_addr[10] = sa.in6.sin6_addr.s6_addr[11] = 0xff;
	sa.in6.sin6_addr.s6_addr[12] = 192;
	sa.in6.sin6_addr.s6_addr[15] = 7;
	assert_string_equal(sockaddr_format(&sa, out), "192.0.0.7:80");
}

static void measures_distance(void **state)
{
	(void)state;
	assert_int_equal(str_distance("lable", "label"), 1);
	assert_int_equal(str_distance("ab", "ba"), 1);
	assert_int_equal(str_distance("abcd", "badc"), 2);
	assert_int_equal(str_distance("interace", "interface"), 1);
	assert_int_equal(str_distance("kitten", "sitting"), 3);
	assert_int_equal(str_distance("pp0", "ppp0"), 1);
	assert_int_equal(str_distance("", "abc"), 3);
	assert_int_equal(str_distance("same", "same"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parses_prefixes),
		cmocka_unit_test(says_what_a_prefix_contains),
		cmocka_unit_test(says_which_prefixes_overlap),
		cmocka_unit_test(unmaps_mapped_addresses),
		cmocka_unit_test(measures_distance),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
