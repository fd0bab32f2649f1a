// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef WIRE_WIRE_PRIV_H
#define WIRE_WIRE_PRIV_H

#include <mbedtls/chachapoly.h>
#include <mbedtls/gcm.h>

#include "wire/wire.h"

// ---- aead.c

#define AEAD_NONCE_LEN 12
#define AEAD_TAG_LEN   16

// A keyed cipher. Lives on the stack for the length of one call.
struct aead {
	enum wire_method method;
	union {
		mbedtls_gcm_context gcm;
		mbedtls_chachapoly_context chachapoly;
	};
};

// What a seal or open works on besides the text. Streams have no associated data; it is here for
// the published vectors, which mostly do.
struct aead_params {
	uint8_t nonce[AEAD_NONCE_LEN];
	const uint8_t *ad;
	size_t ad_len;
};

// `key` is wire_method_key_len() bytes. 0, -ENOMEM or -EIO; needs aead_fini() (which wipes) in any
// case.
int aead_init(struct aead *aead, enum wire_method method, const uint8_t *key);
void aead_fini(struct aead *aead);
// Writes `len` bytes and the tag.
int aead_seal(struct aead *aead, const struct aead_params *params, const uint8_t *plain, size_t len,
	      uint8_t *out);
// Reads `len` bytes and the tag, writes `len` bytes. -EBADMSG leaves zeros in `plain`.
int aead_open(struct aead *aead, const struct aead_params *params, const uint8_t *in, size_t len,
	      uint8_t *plain);
// What a return code of mbedtls is among ours.
int aead_errno(int mbedtls_code);

// ---- key.c

// OpenSSL's EVP_BytesToKey(MD5, no salt, one round).
int key_from_password(uint8_t *key, size_t len, const char *password);
// HKDF-SHA1 (RFC 5869); `ikm` and `okm` may be the same place.
int key_hkdf(const uint8_t *salt, size_t salt_len, const uint8_t *ikm, size_t ikm_len,
	     const uint8_t *info, size_t info_len, uint8_t *okm, size_t okm_len);
// Replaces the master key in `key` by the subkey of the stream with this salt (SIP004).
int key_make_subkey(uint8_t *key, enum wire_method method, const uint8_t *salt);

// ---- replay.c

// What the filter keeps of a salt. Salts are random, so a part of one is as good as a hash.
uint64_t replay_print(const uint8_t *salt);
// Remembers `print`, or returns -EEXIST when it is known already. Any thread.
int replay_admit(struct wire_replay *replay, uint64_t print);

// ---- datagram.c

// Seals the `len` bytes at `text` in place and puts the tag behind them: for tests that reproduce a
// recorded datagram.
int datagram_seal(const struct wire_datagrams *keys, const uint8_t *salt, size_t len,
		  uint8_t *text);

// ---- wire.c

// From the kernel's generator, which needs no seeding per connection; at most 256 bytes. Blocks
// only while a machine boots. 0 or -EIO.
int random_fill(uint8_t *out, size_t len);
// Begins a sealer with a given salt instead of a random one, without writing it: for tests that
// must reproduce a recorded stream.
int sealer_start(struct wire_sealer *sealer, const uint8_t *salt);

#endif
