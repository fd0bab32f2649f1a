// SPDX-License-Identifier: GPL-2.0-or-later
//
// --mask: what a command prints goes through a stream that hides addresses, a line at a time. So it
// works for every command, and for those to come, and for JSON as well: a hidden address is as long
// as it was.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "model/hide.h"
#include "role/role_priv.h"

static struct {
	FILE *real, *ours; // NULL: it has not begun
	struct str line;   // not ended yet
} masked;

static bool print_hidden(const char *text, size_t len)
{
	struct str part = { 0 };
	bool printed = true;

	str_add_bytes(&part, text, len);
	if (part.len) {
		hide_addresses(part.text);
		printed = fwrite(part.text, 1, part.len, masked.real) == part.len &&
			  fflush(masked.real) == 0;
	}
	str_fini(&part);
	return printed;
}

static ssize_t take(void *cookie, const char *bytes, size_t n)
{
	struct str rest = { 0 };
	const char *end;
	bool printed;

	(void)cookie;
	str_add_bytes(&masked.line, bytes, n);
	end = strrchr(str_text(&masked.line), '\n');
	if (!end)
		return (ssize_t)n;
	printed = print_hidden(masked.line.text, (size_t)(end + 1 - masked.line.text));
	str_add(&rest, end + 1);
	str_fini(&masked.line);
	masked.line = rest;
	return printed ? (ssize_t)n : 0; // fopencookie(3): 0 is an error
}

void role_mask_begin(void)
{
	const cookie_io_functions_t functions = { .write = take };

	if (masked.ours)
		return;
	masked.real = stdout;
	masked.ours = fopencookie(NULL, "w", functions);
	if (!masked.ours) {
		perror("mpgate: --mask");
		exit(STATUS_FAILED); // better nothing than an address
	}
	stdout = masked.ours;
}

void role_mask_end(void)
{
	if (!masked.ours)
		return;
	fclose(masked.ours);
	print_hidden(str_text(&masked.line), masked.line.len);
	str_fini(&masked.line);
	stdout = masked.real;
	masked.ours = NULL;
}
