// SPDX-License-Identifier: GPL-2.0-or-later
//
// A datagram from outside. Byte 0 chooses the method and what the rest is:
//	- the datagram itself: nothing may come out of what carries no valid tag; or
//	- its plaintext, address and payload, sealed with a right tag, which is what a peer that
//	  knows the key can do to us.
#include "fuzz.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "wire/wire_priv.h"

#define SIZE_MAX_IN 65507

static void check(const struct wire_datagram *d, const uint8_t *plain, size_t plain_len)
{
	char text[WIRE_TARGET_STRLEN];

	FUZZ_REQUIRE(d->payload >= plain && d->payload + d->len == plain + plain_len);
	FUZZ_REQUIRE(addr_is_set(&d->target.addr) == (d->target.name[0] == '\0'));
	FUZZ_REQUIRE(d->from.id <= WIRE_ASSOCIATION_ID_MAX);
	FUZZ_REQUIRE(d->from.counter <= WIRE_ASSOCIATION_COUNTER_MAX);
	for (const char *c = wire_target_format(&d->target, text); *c; c++)
		FUZZ_REQUIRE(*c > ' ' && *c <= '~');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t salt[WIRE_KEY_MAX] = "a salt that never changes......";
	struct wire_key key = { .method = WIRE_AES_128_GCM };
	struct wire_datagrams keys;
	struct wire_datagram d;
	uint8_t *in, *plain;
	size_t salt_len, len;
	bool sealed;
	int rc;

	if (size < 1 || size > SIZE_MAX_IN)
		return 0;
	key.method = data[0] / 2 % WIRE_METHODS;
	sealed = data[0] % 2;
	data++;
	size--;
	FUZZ_REQUIRE(wire_datagrams_init(&keys, &key) == 0);
	salt_len = wire_method_key_len(key.method);
	len = sealed ? salt_len + size + AEAD_TAG_LEN : size;
	// exactly sized, so that the sanitizer sees a read or write past it
	in = malloc(len ? len : 1);
	plain = malloc(len ? len : 1);
	FUZZ_REQUIRE(in && plain);
	memcpy(sealed ? in + salt_len : in, data, size);
	if (sealed) {
		memcpy(in, salt, salt_len);
		FUZZ_REQUIRE(datagram_seal(&keys, salt, size, in + salt_len) == 0);
	}
	rc = wire_datagram_open(&keys, NULL, in, len, plain, &d);
	FUZZ_REQUIRE(rc == 0 || rc == -EBADMSG);
	FUZZ_REQUIRE(sealed || rc == -EBADMSG);
	if (rc == 0)
		check(&d, plain, size);
	free(plain);
	free(in);
	return 0;
}
