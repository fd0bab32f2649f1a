// SPDX-License-Identifier: GPL-2.0-or-later
//
// A SOCKS5 client's first bytes: the greeting, and what follows it as the request.
#include "fuzz.h"

#include <errno.h>
#include <string.h>

#include "wire/wire.h"

static void check_step(int rc, const struct wire_socks_step *step, size_t size)
{
	FUZZ_REQUIRE(step->used <= size && (step->used > 0) == (rc == 0));
	FUZZ_REQUIRE(step->reply_len <= sizeof(step->reply));
	FUZZ_REQUIRE(rc != -EAGAIN || step->reply_len == 0);
	FUZZ_REQUIRE(step->reply_len == 0 || step->reply[0] == 5);
}

// A result does not depend on what follows, and a cut before it is incomplete.
static void check_cuts(const uint8_t *data, size_t used)
{
	struct wire_target target;
	struct wire_socks_step step;

	for (size_t len = 0; len < used; len++)
		FUZZ_REQUIRE(wire_socks_request(data, len, &target, &step) == -EAGAIN);
	FUZZ_REQUIRE(wire_socks_request(data, used, &target, &step) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wire_socks_step step;
	struct wire_target target;
	int rc = wire_socks_greeting(data, size, &step);

	check_step(rc, &step, size);
	FUZZ_REQUIRE(rc != -EAGAIN || size < WIRE_SOCKS_GREETING_MAX);
	if (rc < 0)
		return 0;
	data += step.used;
	size -= step.used;
	rc = wire_socks_request(data, size, &target, &step);
	check_step(rc, &step, size);
	FUZZ_REQUIRE(rc != -EAGAIN || size < WIRE_SOCKS_REQUEST_MAX);
	FUZZ_REQUIRE(rc == 0 || rc == -EAGAIN || (step.reply_len > 0 && step.reply[1] != 0));
	if (rc == 0)
		check_cuts(data, step.used);
	return 0;
}
