// SPDX-License-Identifier: GPL-2.0-or-later
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "ui/canvas.h"

static const char *drawn(const char *text, int width, bool utf8, struct str *out)
{
	struct canvas canvas = { 0 };

	canvas_reset(&canvas, 20, 1, utf8);
	canvas_text(&canvas, 0, 0, width, ATTR_NORMAL, text);
	str_clear(out);
	canvas_dump(&canvas, out);
	canvas_fini(&canvas);
	return str_text(out);
}

static void text_from_outside_cannot_steer_a_terminal(void **state)
{
	static const struct {
		const char *text, *utf8, *ascii;
	} cases[] = {
		{ "plain", "plain\n", "plain\n" },
		{ "\x1b[31mred\x07", "[31mred\n", "[31mred\n" },
		{ "a\tb\r\nc\x7f", "abc\n", "abc\n" },
		{ "\xc2\x9b"
		  "2J",
		  "2J\n", "2J\n" }, // CSI as one character of C1
		{ "\xe2\x80\xae"
		  "abc",
		  "?abc\n", "?abc\n" }, // right-to-left override
		{ "M\xc3\xbcnchen", "München\n", "M?nchen\n" },
		{ "e\xcc\x81", "e?\n", "e?\n" },      // a combining accent
		{ "\xe6\xbc\xa2", "?\n", "?\n" },     // two columns wide
		{ "\xf0\x9f\x93\xb6", "?\n", "?\n" }, // an emoji
		{ "\xff\xfe", "??\n", "??\n" },       // no UTF-8
		{ "\xc3", "?\n", "?\n" },             // cut off
		{ "\xc0\x9b", "??\n", "??\n" },       // ESC, encoded too long
		{ "\xe2\x96\x88", "█\n", "?\n" },
	};
	struct str out = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_string_equal(drawn(cases[i].text, 20, true, &out), cases[i].utf8);
		assert_string_equal(drawn(cases[i].text, 20, false, &out), cases[i].ascii);
	}
	str_fini(&out);
}

// Whatever the bytes, cells hold nothing but printable characters, and no byte behind the end is
// read (the sanitizers watch).
static void noise_is_printable(void **state)
{
	struct str out = { 0 };

	(void)state;
	srandom(3);
	for (int round = 0; round < 20000; round++) {
		size_t n = (size_t)(random() % 12);
		char *text = xcalloc(n + 1, 1);

		for (size_t i = 0; i < n; i++)
			text[i] = (char)(random() % 255 + 1);
		drawn(text, 20, false, &out);
		for (size_t i = 0; i + 1 < out.len; i++)
			assert_in_range(out.text[i], 0x20, 0x7e);
		free(text);
	}
	str_fini(&out);
}

static void what_does_not_fit_is_marked_and_clipped(void **state)
{
	struct canvas canvas = { 0 };
	struct str out = { 0 };

	(void)state;
	canvas_reset(&canvas, 8, 2, true);
	assert_int_equal(canvas_text_fit(&canvas, 0, 1, 5, ATTR_NORMAL, "München"), 5);
	assert_int_equal(canvas_text_fit(&canvas, 1, 1, 7, ATTR_NORMAL, "München"), 7);
	canvas_text(&canvas, 0, 7, 9, ATTR_NORMAL, "over");
	canvas_text(&canvas, 5, -3, 9, ATTR_NORMAL, "outside");
	canvas_dump(&canvas, &out);
	assert_string_equal(str_text(&out), " Münc~ o\n München\n");
	str_fini(&out);
	canvas_fini(&canvas);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_from_outside_cannot_steer_a_terminal),
		cmocka_unit_test(noise_is_printable),
		cmocka_unit_test(what_does_not_fit_is_marked_and_clipped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
