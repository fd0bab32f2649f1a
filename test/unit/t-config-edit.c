// SPDX-License-Identifier: GPL-2.0-or-later
#include "unit.h"

#include <errno.h>
#include <string.h>

#include "config/config.h"

static void check_remove(const char *text, const char *name, int rc, const char *expected)
{
	struct str out = { 0 }, why = { 0 };

	assert_int_equal(config_edit_remove_path(text, name, &out, &why), rc);
	if (rc == 0)
		assert_string_equal(str_text(&out), expected);
	else if (!strstr(str_text(&why), expected))
		fail_msg("'%s' lacks '%s'", str_text(&why), expected);
	str_fini(&out);
	str_fini(&why);
}

static void removes_whole_lines_and_keeps_comments(void **state)
{
	static const char text[] =
		"# mine\nlan { interface = br0 }\n\n# the line\npath a {\n\tkind = \"adsl\" # old\n"
		"} # a\n\n# more\n  path b { }\n#path c { }\npath 'd'\n{\n}";

	(void)state;
	check_remove(text, "a", 0,
		     "# mine\nlan { interface = br0 }\n\n# the line\n\n# more\n  path b { }\n#path "
		     "c { }\n"
		     "path 'd'\n{\n}");
	check_remove(text, "b", 0,
		     "# mine\nlan { interface = br0 }\n\n# the line\npath a {\n\tkind = \"adsl\" # "
		     "old\n} # a\n\n"
		     "# more\n#path c { }\npath 'd'\n{\n}");
	check_remove(text, "c", -ENOENT, "no path 'c'");
	check_remove(text, "d", 0,
		     "# mine\nlan { interface = br0 }\n\n# the line\npath a {\n\tkind = \"adsl\" # "
		     "old\n} # a\n\n"
		     "# more\n  path b { }\n#path c { }\n");
	check_remove("path a { }\n\npath b { }\n\npath c { }\n", "b", 0,
		     "path a { }\n\npath c { }\n");
	check_remove("path a { }\n\npath b { }\n", "a", 0, "path b { }\n");
}

static void leaves_to_people_what_shares_a_line(void **state)
{
	(void)state;
	check_remove("path a { } path b { }\n", "a", -EINVAL, "shares its lines");
	check_remove("path a { } path b { }\n", "b", -EINVAL, "shares its lines");
	check_remove("path a {\n} path b {\n}\n", "b", -EINVAL, "shares its lines");
	check_remove("path a {\n} path b {\n}\n", "a", -EINVAL, "shares its lines");
	check_remove("path a {\n} workers = 3\n", "a", -EINVAL, "shares its lines");
	check_remove("workers = 3 path a {\n}\n", "a", -EINVAL, "shares its lines");
	check_remove("path a {\n", "a", -EINVAL, "the file has errors");
}

static void adds_at_the_end(void **state)
{
	const struct config_path path = { .name = "ppp1",
					  .interface = "eth7",
					  .kind = "adsl",
					  .label = "2nd",
					  .optional = true };
	struct str out = { 0 }, why = { 0 };

	(void)state;
	assert_int_equal(config_edit_add_path("# x\npath ppp0 { }", &path, &out, &why), 0);
	assert_string_equal(str_text(&out),
			    "# x\npath ppp0 { }\n\npath ppp1 {\n\tinterface = \"eth7\"\n"
			    "\tkind = \"adsl\"\n\tlabel = \"2nd\"\n\toptional = yes\n}\n");
	str_clear(&out);
	assert_int_equal(config_edit_add_path("path ppp1 { }\n", &path, &out, &why), -EEXIST);
	assert_string_equal(str_text(&why), "there is a path 'ppp1' already");
	str_clear(&why);
	assert_int_equal(
		config_edit_add_path("", &(struct config_path){ .name = "a b" }, &out, &why),
		-EINVAL);
	assert_int_equal(config_edit_add_path("", &(struct config_path){ .name = "a" }, &out, &why),
			 0);
	assert_string_equal(str_text(&out), "\npath a {\n}\n");
	str_fini(&out);
	str_fini(&why);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(removes_whole_lines_and_keeps_comments),
		cmocka_unit_test(leaves_to_people_what_shares_a_line),
		cmocka_unit_test(adds_at_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
