// SPDX-License-Identifier: GPL-2.0-or-later
//
// By their looks: an address that a column's edge cuts short is to be hidden too, so nothing is
// parsed here.
#include "model/hide.h"

#include <ctype.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define GROUPS_SHOWN 2

// What a run of digits, dots and colons is made of.
struct run {
	int digits, dots, colons, letters, longest; // of the groups between dots and colons
	bool doubled;                               // "::"
};

static bool is_part(char c)
{
	return isxdigit((unsigned char)c) || c == '.' || c == ':';
}

static bool is_separator(char c)
{
	return c == '.' || c == ':';
}

static struct run read_run(const char *text, size_t n)
{
	struct run run = { 0 };
	int group = 0;

	for (size_t i = 0; i < n; i++) {
		group = is_separator(text[i]) ? 0 : group + 1;
		run.longest = group > run.longest ? group : run.longest;
		run.digits += isdigit((unsigned char)text[i]) != 0;
		run.letters += isalpha((unsigned char)text[i]) != 0;
		run.dots += text[i] == '.';
		run.colons += text[i] == ':';
		run.doubled |= i && text[i] == ':' && text[i - 1] == ':';
	}
	return run;
}

static bool is_ipv4(const struct run *run)
{
	return run->dots == 3 && run->colons <= 1 && !run->letters &&
	       run->longest <= 5; // a port may follow
}

// Or of a card.
static bool is_ipv6(const struct run *run)
{
	return run->dots == 0 && run->longest <= 4 && (run->colons > 2 || run->doubled) &&
	       run->digits + run->letters > 0;
}

static void hide(char *text, size_t n, bool ipv4)
{
	int seen = 0;

	for (size_t i = 0; i < n; i++) {
		if (ipv4 && text[i] == ':')
			return; // the port says nothing of who
		if (is_separator(text[i]))
			seen++;
		else if (seen >= GROUPS_SHOWN)
			text[i] = 'x';
	}
}

// A run of a text, without what is the sentence's at its ends.
static void hide_run(char *text, size_t n)
{
	size_t whole = n;
	struct run run;

	while (n && is_separator(text[n - 1]) &&
	       !(n > 1 && text[n - 1] == ':' && text[n - 2] == ':'))
		n--;
	run = read_run(text, n);
	if (is_ipv4(&run) || is_ipv6(&run)) {
		hide(text, n, run.dots);
		return;
	}
	run = read_run(text, whole); // "192.0.2.", as the rest of one that was cut or hidden before
	if (is_ipv4(&run))
		hide(text, whole, true);
}

void hide_addresses(char *text)
{
	for (char *at = text; *at;) {
		bool within = at > text && (isalnum((unsigned char)at[-1]) || at[-1] == '_');
		size_t n = 0, skip = 0;

		while (is_part(at[n]))
			n++;
		// "addr:192.0.2.1"; what is left is no part of the word before it
		while (skip < n && is_separator(at[skip]) &&
		       !(at[skip] == ':' && at[skip + 1] == ':'))
			skip++;
		if (n > skip && (skip || !within))
			hide_run(at + skip, n - skip);
		at += n ? n : 1;
	}
}
