// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef TEST_FUZZ_FUZZ_H
#define TEST_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

// One target each: test/fuzz/fuzz-NAME.c. With --enable-fuzz and clang it is linked to libFuzzer:
//	test/fuzz/fuzz-NAME $srcdir/test/fuzz/corpus/NAME
// Otherwise to replay.c, which runs the seeds of that folder, or the files named.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// What must hold for every input.
#define FUZZ_REQUIRE(condition)                                                                    \
	do {                                                                                       \
		if (!(condition))                                                                  \
			__builtin_trap();                                                          \
	} while (0)

#endif
