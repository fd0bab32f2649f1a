// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef TEST_UNIT_H
#define TEST_UNIT_H

// What cmocka.h wants included before it, once.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#endif
