// SPDX-License-Identifier: GPL-2.0-or-later
#include "unit.h"

#include <string.h>

#include "base/str.h"

static void cleans_what_is_shown(void **state)
{
	static const struct {
		const char *src, *clean;
	} cases[] = {
		{ "", "" },
		{ "T-Mobile", "T-Mobile" },
		{ "a\x1b[31mb\r\n\t\x7f", "a?[31mb????" },
		{ "Telef\xc3\xb3nica", "Telef\xc3\xb3nica" },
		{ "\xe2\x82\xac \xf0\x9f\x93\xb6", "\xe2\x82\xac \xf0\x9f\x93\xb6" },
		{ "C1 \xc2\x9b"
		  "31m",
		  "C1 ?31m" },
		{ "turned \xe2\x80\xae round", "turned ? round" },
		{ "cut \xe2\x82", "cut ??" },
		{ "latin \xf3", "latin ?" },
		{ "overlong \xc0\xaf", "overlong ??" },
		{ "surrogate \xed\xa0\x80", "surrogate ???" },
		{ "beyond \xf4\x90\x80\x80 \xff", "beyond ???? ?" },
	};
	char out[64];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_string_equal(str_copy_clean(out, sizeof(out), cases[i].src), cases[i].clean);
}

static void cuts_between_characters(void **state)
{
	char out[6];

	(void)state;
	assert_string_equal(str_copy_clean(out, 6, "abcdefg"), "abcde");
	assert_string_equal(str_copy_clean(out, 6, "abc\xe2\x82\xac"), "abc");
	assert_string_equal(str_copy_clean(out, 6, "ab\xe2\x82\xac"), "ab\xe2\x82\xac");
	assert_string_equal(str_copy_clean(out, 1, "a"), "");
}

// Every two-byte input gives something that cleaning again leaves alone.
static void cleaning_is_final(void **state)
{
	char src[3] = "", once[8], twice[8];

	(void)state;
	for (unsigned i = 0x0101; i <= 0xffff; i++) {
		src[0] = (char)(i >> 8);
		src[1] = (char)i;
		str_copy_clean(once, sizeof(once), src);
		str_copy_clean(twice, sizeof(twice), once);
		assert_string_equal(once, twice);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cleans_what_is_shown),
		cmocka_unit_test(cuts_between_characters),
		cmocka_unit_test(cleaning_is_final),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
