// SPDX-License-Identifier: GPL-2.0-or-later
//
// The target address at the start of a stream: what is parsed can be written and parsed again to
// the same value, never carries bytes that would harm a log line, and a cut of it is incomplete,
// not wrong.
#include "fuzz.h"

#include <errno.h>
#include <string.h>

#include "wire/wire.h"

static void check_text(const struct wire_target *target)
{
	char text[WIRE_TARGET_STRLEN];

	wire_target_format(target, text);
	FUZZ_REQUIRE(strlen(text) >= 3);
	for (const char *c = text; *c; c++)
		FUZZ_REQUIRE(*c > ' ' && *c <= '~');
}

static void check_again(const struct wire_target *target)
{
	struct wire_target again;
	uint8_t bytes[WIRE_TARGET_MAX];
	size_t len = wire_target_put(target, bytes), used = 0;

	FUZZ_REQUIRE(len <= WIRE_TARGET_MAX);
	FUZZ_REQUIRE(wire_target_parse(bytes, len, &again, &used) == 0 && used == len);
	FUZZ_REQUIRE(addr_equal(&again.addr, &target->addr) && again.port == target->port);
	FUZZ_REQUIRE(strcmp(again.name, target->name) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wire_target target, cut;
	size_t used, cut_used;
	int rc = wire_target_parse(data, size, &target, &used);

	FUZZ_REQUIRE(rc == 0 || rc == -EAGAIN || rc == -EPROTO || rc == -EAFNOSUPPORT);
	FUZZ_REQUIRE(rc != -EAGAIN || size < WIRE_TARGET_MAX);
	if (rc < 0)
		return 0;
	FUZZ_REQUIRE(used <= size && used <= WIRE_TARGET_MAX);
	FUZZ_REQUIRE(addr_is_set(&target.addr) == (target.name[0] == '\0'));
	check_text(&target);
	check_again(&target);
	for (size_t len = 0; len < used; len++)
		FUZZ_REQUIRE(wire_target_parse(data, len, &cut, &cut_used) == -EAGAIN);
	return 0;
}
