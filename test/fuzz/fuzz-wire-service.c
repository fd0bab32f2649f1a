// SPDX-License-Identifier: GPL-2.0-or-later
//
// What the other end of the peer service says: message after message.
#include "fuzz.h"

#include <errno.h>
#include <string.h>

#include "wire/wire.h"

// What was understood can be said again, and means the same.
static void check_again(const struct wire_service_message *message)
{
	uint8_t bytes[WIRE_SERVICE_MAX], again[WIRE_SERVICE_MAX];
	size_t len = wire_service_put(message, bytes), used;
	struct wire_service_message heard;

	FUZZ_REQUIRE(len <= sizeof(bytes));
	FUZZ_REQUIRE(wire_service_parse(bytes, len, &heard, &used) == 0 && used == len);
	FUZZ_REQUIRE(wire_service_put(&heard, again) == len && memcmp(bytes, again, len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	for (;;) {
		struct wire_service_message message;
		size_t used;
		int rc = wire_service_parse(data, size, &message, &used);

		FUZZ_REQUIRE(rc != -EAGAIN || size < WIRE_SERVICE_MAX);
		if (rc < 0)
			return 0;
		FUZZ_REQUIRE(used > 0 && used <= size);
		FUZZ_REQUIRE(memchr(message.version, '\0', sizeof(message.version)));
		check_again(&message);
		data += used;
		size -= used;
	}
}
