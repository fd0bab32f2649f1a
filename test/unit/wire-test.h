// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef TEST_UNIT_WIRE_TEST_H
#define TEST_UNIT_WIRE_TEST_H

#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "wire/wire_priv.h"

// Hexadecimal text, with spaces between bytes where it helps, to bytes; returns their number.
static inline size_t unhex(const char *hex, uint8_t *out, size_t size)
{
	size_t n = 0;

	for (hex += strspn(hex, " "); *hex; hex += strspn(hex, " ")) {
		unsigned byte;

		assert_true(n < size);
		assert_int_equal(sscanf(hex, "%2x", &byte), 1);
		out[n++] = (uint8_t)byte;
		hex += 2;
	}
	return n;
}

#endif
