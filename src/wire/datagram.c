// SPDX-License-Identifier: GPL-2.0-or-later
//
// Datagrams of Shadowsocks (SIP004), each sealed by itself:
//
//	[salt][target address, payload][tag]
//
// with a subkey as for a stream and a nonce of zeros, so everything hangs on no salt coming twice.
// From a client the address is where the payload goes, from a server where it came from.
//
// Nothing in that says which datagrams belong together but the sender's address, which changes when
// a gateway moves to another path. So ours puts it where every Shadowsocks expects nothing but
// noise: the first 16 bytes of a salt of ours are
//
//	marker (4), association (7), counter (5)
//
// through AES-128 with a key made from the master key. To who does not know that it is a random
// number; to our own exit it is the association, and a counter that says which of two datagrams is
// the newer. As a salt it is as good as a random one: a permutation gives different blocks for
// different inputs, and association and the counter's start are random. Longer salts end in random
// bytes. (doc/decisions/13-udp-associations.md)
#include "wire/wire_priv.h"

#include <errno.h>
#include <mbedtls/aes.h>
#include <mbedtls/platform_util.h>
#include <string.h>

#define MARKER     0x6d706731u // "mpg1"
#define MARKER_LEN 4
#define ID_LEN     7
#define COUNT_LEN  5
#define BLOCK_LEN  16

_Static_assert(MARKER_LEN + ID_LEN + COUNT_LEN == BLOCK_LEN, "the parts fill the block");
_Static_assert(WIRE_ASSOCIATION_ID_MAX >> (8 * ID_LEN - 1) == 1, "an association's width");
_Static_assert(WIRE_ASSOCIATION_COUNTER_MAX >> (8 * COUNT_LEN - 1) == 1, "a counter's width");

int wire_datagrams_init(struct wire_datagrams *keys, const struct wire_key *key)
{
	static const char info[] = "mpgate-association";

	keys->method = key->method;
	memcpy(keys->master, key->master, sizeof(keys->master));
	return key_hkdf(NULL, 0, key->master, wire_method_key_len(key->method),
			(const uint8_t *)info, strlen(info), keys->salt_key,
			sizeof(keys->salt_key));
}

void wire_datagrams_wipe(struct wire_datagrams *keys)
{
	mbedtls_platform_zeroize(keys, sizeof(*keys));
}

// ---- what a salt says

static void put_number(uint64_t value, size_t len, uint8_t *out)
{
	for (size_t i = 0; i < len; i++)
		out[i] = (uint8_t)(value >> (8 * (len - 1 - i)));
}

static uint64_t get_number(const uint8_t *in, size_t len)
{
	uint64_t value = 0;

	for (size_t i = 0; i < len; i++)
		value = value << 8 | in[i];
	return value;
}

static int permute(const uint8_t *key, int mode, const uint8_t in[static BLOCK_LEN],
		   uint8_t out[static BLOCK_LEN])
{
	mbedtls_aes_context aes;
	int rc;

	mbedtls_aes_init(&aes);
	rc = mode == MBEDTLS_AES_ENCRYPT ? mbedtls_aes_setkey_enc(&aes, key, 128)
					 : mbedtls_aes_setkey_dec(&aes, key, 128);
	if (rc == 0)
		rc = mbedtls_aes_crypt_ecb(&aes, mode, in, out);
	mbedtls_aes_free(&aes);
	return rc == 0 ? 0 : -EIO;
}

static int make_salt(const struct wire_datagrams *keys, const struct wire_association *from,
		     uint8_t *out)
{
	size_t len = wire_method_key_len(keys->method);
	uint8_t block[BLOCK_LEN];
	int rc;

	if (!from)
		return random_fill(out, len);
	if (from->counter > WIRE_ASSOCIATION_COUNTER_MAX)
		return -EOVERFLOW;
	put_number(MARKER, MARKER_LEN, block);
	put_number(from->id, ID_LEN, block + MARKER_LEN);
	put_number(from->counter, COUNT_LEN, block + MARKER_LEN + ID_LEN);
	rc = permute(keys->salt_key, MBEDTLS_AES_ENCRYPT, block, out);
	if (rc == 0 && len > BLOCK_LEN)
		rc = random_fill(out + BLOCK_LEN, len - BLOCK_LEN);
	return rc;
}

static int read_salt(const struct wire_datagrams *keys, const uint8_t *salt,
		     struct wire_association *from)
{
	uint8_t block[BLOCK_LEN];
	int rc = permute(keys->salt_key, MBEDTLS_AES_DECRYPT, salt, block);

	*from = (struct wire_association){ 0 };
	if (rc == 0 && get_number(block, MARKER_LEN) == MARKER) {
		from->id = get_number(block + MARKER_LEN, ID_LEN);
		from->counter = get_number(block + MARKER_LEN + ID_LEN, COUNT_LEN);
	}
	return rc;
}

int wire_association_start(struct wire_association *out)
{
	uint64_t random[2];
	int rc = random_fill((uint8_t *)random, sizeof(random));

	// in the lower half, so that it does not run out
	*out = (struct wire_association){ .id = random[0] & WIRE_ASSOCIATION_ID_MAX,
					  .counter =
						  random[1] & (WIRE_ASSOCIATION_COUNTER_MAX >> 1) };
	if (!rc && !out->id)
		out->id = 1;
	return rc;
}

// ---- sealing and opening

static int start_cipher(const struct wire_datagrams *keys, const uint8_t *salt, struct aead *aead)
{
	uint8_t subkey[WIRE_KEY_MAX];
	int rc;

	memcpy(subkey, keys->master, sizeof(subkey));
	rc = key_make_subkey(subkey, keys->method, salt);
	if (rc == 0) {
		rc = aead_init(aead, keys->method, subkey);
		if (rc < 0)
			aead_fini(aead);
	}
	mbedtls_platform_zeroize(subkey, sizeof(subkey));
	return rc;
}

int datagram_seal(const struct wire_datagrams *keys, const uint8_t *salt, size_t len, uint8_t *text)
{
	const struct aead_params params = { 0 };
	struct aead aead;
	int rc = start_cipher(keys, salt, &aead);

	if (rc < 0)
		return rc;
	rc = aead_seal(&aead, &params, text, len, text);
	aead_fini(&aead);
	return rc;
}

ssize_t wire_datagram_seal(const struct wire_datagrams *keys, struct wire_replay *replay,
			   const struct wire_association *from, const struct wire_target *target,
			   const uint8_t *payload, size_t len, uint8_t *out, size_t size)
{
	size_t salt_len = wire_method_key_len(keys->method), head_len;
	uint8_t head[WIRE_TARGET_MAX];
	int rc;

	head_len = wire_target_put(target, head);
	if (size < salt_len + head_len + len + AEAD_TAG_LEN)
		return -ENOBUFS;
	rc = make_salt(keys, from, out);
	if (rc < 0)
		return rc;
	if (replay)
		replay_admit(replay, replay_print(out));
	memcpy(out + salt_len, head, head_len);
	if (len)
		memcpy(out + salt_len + head_len, payload, len);
	rc = datagram_seal(keys, out, head_len + len, out + salt_len);
	return rc < 0 ? rc : (ssize_t)(salt_len + head_len + len + AEAD_TAG_LEN);
}

int wire_datagram_open(const struct wire_datagrams *keys, struct wire_replay *replay,
		       const uint8_t *in, size_t len, uint8_t *plain, struct wire_datagram *out)
{
	size_t salt_len = wire_method_key_len(keys->method), plain_len, used;
	const struct aead_params params = { 0 };
	struct aead aead;
	int rc;

	if (len < salt_len + AEAD_TAG_LEN)
		return -EBADMSG;
	plain_len = len - salt_len - AEAD_TAG_LEN;
	rc = start_cipher(keys, in, &aead);
	if (rc < 0)
		return rc;
	rc = aead_open(&aead, &params, in + salt_len, plain_len, plain);
	aead_fini(&aead);
	// strangers cannot wash the filter out
	if (rc == 0 && replay)
		rc = replay_admit(replay, replay_print(in));
	if (rc == 0)
		rc = read_salt(keys, in, &out->from);
	if (rc < 0)
		return rc;
	if (wire_target_parse(plain, plain_len, &out->target, &used) < 0)
		return -EBADMSG;
	out->payload = plain + used;
	out->len = plain_len - used;
	return 0;
}

// ---- which counters have come

int wire_window_admit(struct wire_window *window, uint64_t counter)
{
	size_t words = sizeof(window->seen) / sizeof(window->seen[0]);
	uint64_t word = counter / 64, bit = 1ull << counter % 64, top = window->top / 64;
	uint64_t steps;

	if (!window->begun || word > top) {
		steps = window->begun && word - top < words ? word - top : words;
		for (uint64_t i = 0; i < steps; i++)
			window->seen[(word - i) % words] = 0;
	} else if (top - word >= words) {
		return -EEXIST;
	}
	if (window->seen[word % words] & bit)
		return -EEXIST;
	window->seen[word % words] |= bit;
	if (!window->begun || counter > window->top)
		window->top = counter;
	window->begun = true;
	return 0;
}
