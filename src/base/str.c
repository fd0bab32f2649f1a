// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/str.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

static void die_of_memory(void)
{
	log_error("out of memory");
	abort();
}

void *xcalloc(size_t n, size_t size)
{
	void *p = calloc(n ? n : 1, size ? size : 1);

	if (!p)
		die_of_memory();
	return p;
}

char *xstrdup(const char *text)
{
	char *copy = strdup(text);

	if (!copy)
		die_of_memory();
	return copy;
}

void *xgrow(void *list, size_t n, size_t size)
{
	if (n & (n - 1)) // room was doubled at the last power of two
		return list;
	list = reallocarray(list, n ? 2 * n : 1, size);
	if (!list)
		die_of_memory();
	return list;
}

static void make_room(struct str *str, size_t more)
{
	size_t cap = str->cap ? str->cap : 64;

	while (cap < str->len + more + 1)
		cap *= 2;
	if (cap == str->cap)
		return;
	str->text = realloc(str->text, cap);
	if (!str->text)
		die_of_memory();
	str->cap = cap;
}

void str_fini(struct str *str)
{
	free(str->text);
	*str = (struct str){ 0 };
}

void str_clear(struct str *str)
{
	str->len = 0;
	if (str->text)
		str->text[0] = '\0';
}

void str_add_bytes(struct str *str, const char *text, size_t len)
{
	make_room(str, len);
	memcpy(str->text + str->len, text, len);
	str->len += len;
	str->text[str->len] = '\0';
}

void str_add(struct str *str, const char *text)
{
	str_add_bytes(str, text, strlen(text));
}

void str_vaddf(struct str *str, const char *fmt, va_list ap)
{
	va_list again;
	int n;

	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (n < 0)
		return;
	make_room(str, (size_t)n);
	vsnprintf(str->text + str->len, (size_t)n + 1, fmt, ap);
	str->len += (size_t)n;
}

void str_addf(struct str *str, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	str_vaddf(str, fmt, ap);
	va_end(ap);
}

const char *str_text(const struct str *str)
{
	return str->text ? str->text : "";
}

char *str_take(struct str *str)
{
	char *text = str->text ? str->text : xstrdup("");

	*str = (struct str){ 0 };
	return text;
}

char *str_copy(char *dst, size_t size, const char *src)
{
	size_t n = strnlen(src, size - 1);

	memcpy(dst, src, n);
	dst[n] = '\0';
	return dst;
}

// The length of the UTF-8 sequence at `s` (RFC 3629, 4), 0 when it is not one; *c gets its code.
static size_t take_utf8(const unsigned char *s, unsigned *c)
{
	static const unsigned least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t n = s[0] < 0x80 ? 1 : s[0] < 0xc0 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;

	if (n < 2) {
		*c = s[0];
		return n;
	}
	*c = s[0] & (0xffu >> (n + 1));
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		*c = *c << 6 | (s[i] & 0x3f);
	}
	if (s[0] > 0xf4 || *c < least[n] || *c > 0x10ffff || (*c >= 0xd800 && *c < 0xe000))
		return 0;
	return n;
}

static bool is_steering(unsigned c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x2028 && c <= 0x202e) ||
	       (c >= 0x2066 && c <= 0x2069);
}

char *str_copy_clean(char *dst, size_t size, const char *src)
{
	const char *s = src;
	size_t len = 0;

	while (*s) {
		unsigned c;
		size_t n = take_utf8((const unsigned char *)s, &c);
		bool bad = !n || is_steering(c);
		size_t more = bad ? 1 : n;

		if (len + more >= size)
			break;
		memcpy(dst + len, bad ? "?" : s, more);
		len += more;
		s += n ? n : 1;
	}
	dst[len] = '\0';
	return dst;
}

unsigned str_distance(const char *a, const char *b)
{
	unsigned rows[3][64], *row = rows[0], *above = rows[1], *above2 = rows[2];
	size_t n = strlen(b);

	if (n >= sizeof(rows[0]) / sizeof(rows[0][0]) ||
	    strlen(a) >= sizeof(rows[0]) / sizeof(rows[0][0]))
		return UINT_MAX;
	for (unsigned j = 0; j <= n; j++)
		row[j] = j;
	for (unsigned i = 0; a[i]; i++) {
		unsigned *oldest = above2;

		above2 = above;
		above = row;
		row = oldest;
		row[0] = i + 1;
		for (unsigned j = 0; j < n; j++) {
			unsigned best = above[j] + (a[i] != b[j]);

			if (above[j + 1] + 1 < best)
				best = above[j + 1] + 1;
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j] &&
			    above2[j - 1] + 1 < best)
				best = above2[j - 1] + 1;
			row[j + 1] = best;
		}
	}
	return row[n];
}
