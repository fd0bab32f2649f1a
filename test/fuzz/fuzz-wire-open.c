// SPDX-License-Identifier: GPL-2.0-or-later
//
// A stream in pieces. Byte 0 chooses the method and how the stream is made, byte 1 how it is cut,
// the rest is
//	- the stream itself: nothing may come out of what carries no valid tag; or
//	- plaintext: what is sealed must come out again; or
//	- records of a length (2 bytes) and a payload size (1), sealed with right tags, which is
// what a 	  peer that knows the key can do to us.
// With byte 0 odd, the filter has seen the salt.
#include "fuzz.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "wire/wire_priv.h"

enum mode { MODE_RAW, MODE_PLAIN, MODE_RECORDS, MODES };

#define SIZE_MAX_IN (WIRE_CHUNK_MAX * 3)

static uint8_t stream[2 * SIZE_MAX_IN], plain[2 * SIZE_MAX_IN];

static size_t seal_plain(const struct wire_key *key, const uint8_t *salt, const uint8_t *data,
			 size_t size)
{
	size_t salt_len = wire_method_key_len(key->method);
	struct wire_sealer sealer;
	ssize_t n;

	memcpy(stream, salt, salt_len);
	wire_sealer_init(&sealer, key, NULL);
	FUZZ_REQUIRE(sealer_start(&sealer, salt) == 0);
	n = wire_seal(&sealer, data, size, stream + salt_len, sizeof(stream) - salt_len);
	FUZZ_REQUIRE(n >= 0 && (n > 0) == (size > 0));
	return salt_len + (size_t)n;
}

// Returns the length of the stream, and in *expected what may come out of it at most.
static size_t seal_records(const struct wire_key *key, const uint8_t *salt, const uint8_t *data,
			   size_t size, size_t *expected)
{
	size_t len = wire_method_key_len(key->method);
	struct aead_params params = { .ad_len = 0 };
	static const uint8_t payload[255];
	uint8_t subkey[WIRE_KEY_MAX];
	struct aead aead;

	*expected = 0;
	memcpy(stream, salt, len);
	memcpy(subkey, key->master, sizeof(subkey));
	FUZZ_REQUIRE(key_make_subkey(subkey, key->method, salt) == 0);
	FUZZ_REQUIRE(aead_init(&aead, key->method, subkey) == 0);
	for (; size >= 3 && params.nonce[0] < 250; data += 3, size -= 3) {
		FUZZ_REQUIRE(aead_seal(&aead, &params, data, 2, stream + len) == 0);
		len += 2 + AEAD_TAG_LEN;
		params.nonce[0]++;
		FUZZ_REQUIRE(aead_seal(&aead, &params, payload, data[2], stream + len) == 0);
		len += data[2] + (size_t)AEAD_TAG_LEN;
		params.nonce[0]++;
		*expected += data[2];
	}
	aead_fini(&aead);
	return len;
}

// Gives the stream to the opener in pieces of 1 to 256 bytes, or all at once.
static int open_stream(struct wire_opener *opener, size_t len, uint8_t cut, size_t *produced)
{
	size_t taken = 0, end = 0, consumed, n;
	int rc = 0;

	*produced = 0;
	while (rc == 0 && end < len) {
		size_t piece = cut == 0 ? len : (size_t)(cut + 37 * end) % 256 + 1;
		// exactly sized, so that the sanitizer sees a read or write past it
		uint8_t *in, *out;

		end = len - end < piece ? len : end + piece;
		in = malloc(end - taken + 1);
		out = malloc(end - taken + 1);
		FUZZ_REQUIRE(in && out);
		memcpy(in, stream + taken, end - taken);
		rc = wire_open(opener, in, end - taken, &consumed, out, end - taken, &n);
		FUZZ_REQUIRE(consumed <= end - taken && n <= consumed);
		FUZZ_REQUIRE(rc < 0 || end - taken - consumed <= WIRE_OPEN_REST_MAX);
		memcpy(plain + *produced, out, n);
		*produced += n;
		taken += consumed;
		free(out);
		free(in);
	}
	return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t salt[WIRE_KEY_MAX] = "a salt that never changes......";
	struct wire_key key = { .method = WIRE_AES_128_GCM };
	size_t len, produced, expected = 0;
	struct wire_replay *replay = NULL;
	struct wire_opener opener;
	enum mode mode;
	uint8_t cut;
	int rc;

	if (size < 2 || size - 2 > SIZE_MAX_IN)
		return 0;
	key.method = data[0] / 2 % WIRE_METHODS;
	mode = data[0] / 2 / WIRE_METHODS % MODES;
	if (data[0] % 2) {
		replay = wire_replay_new(16);
		FUZZ_REQUIRE(replay && replay_admit(replay, replay_print(salt)) == 0);
	}
	cut = data[1];
	data += 2;
	size -= 2;
	if (mode == MODE_RAW) {
		memcpy(stream, data, size);
		len = size;
	} else if (mode == MODE_PLAIN) {
		len = seal_plain(&key, salt, data, size);
		expected = size;
	} else {
		len = seal_records(&key, salt, data, size, &expected);
	}

	wire_opener_init(&opener, &key, replay);
	rc = open_stream(&opener, len, cut, &produced);
	FUZZ_REQUIRE(produced <= (replay ? 0 : expected));
	if (mode == MODE_PLAIN && !replay)
		FUZZ_REQUIRE(rc == 0 && produced == size &&
			     (size == 0 || memcmp(plain, data, size) == 0));
	if (mode == MODE_PLAIN && replay)
		FUZZ_REQUIRE(rc == (size > 0 ? -EEXIST : 0));
	FUZZ_REQUIRE(rc == 0 || !wire_opener_started(&opener));
	wire_opener_fini(&opener);
	wire_replay_free(replay);
	return 0;
}
