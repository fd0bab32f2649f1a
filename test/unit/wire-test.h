// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef TEST_UNIT_WIRE_TEST_H
#define TEST_UNIT_WIRE_TEST_H

#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "wire/wire_priv.h"

// Hexadecimal text to bytes; returns their number.
static inline size_t unhex(const char *hex, uint8_t *out, size_t size)
{
	size_t n = strlen(hex) / 2;

	assert_true(strlen(hex) % 2 == 0 && n <= size);
	for (size_t i = 0; i < n; i++) {
		unsigned byte;

		assert_int_equal(sscanf(hex + 2 * i, "%2x", &byte), 1);
		out[i] = (uint8_t)byte;
	}
	return n;
}

#endif
