// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef TEST_GOLDEN_H
#define TEST_GOLDEN_H

#include <stdio.h>

#include "unit.h"

#define GOLDEN_SIZE 16384

// Compares with test/golden/`name`; UPDATE_GOLDEN=1 writes that anew.
static inline void compare_golden(const char *name, const char *text)
{
	const char *srcdir = getenv("srcdir");
	bool update = getenv("UPDATE_GOLDEN");
	char path[256], golden[GOLDEN_SIZE] = "";
	FILE *file;

	snprintf(path, sizeof(path), "%s/test/golden/%s", srcdir ? srcdir : ".", name);
	file = fopen(path, update ? "we" : "re");
	if (!file)
		fail_msg("cannot open %s", path);
	if (update)
		fputs(text, file);
	else
		golden[fread(golden, 1, sizeof(golden) - 1, file)] = '\0';
	fclose(file);
	if (!update)
		assert_string_equal(text, golden);
}

#endif
