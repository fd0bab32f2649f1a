// SPDX-License-Identifier: GPL-2.0-or-later
#include "wire/wire_priv.h"

#include <errno.h>
#include <mbedtls/base64.h>
#include <mbedtls/hkdf.h>
#include <mbedtls/md.h>
#include <mbedtls/platform_util.h>
#include <string.h>

#define RAW_KEY_PREFIX "base64:"
#define MD5_LEN        16

static const struct {
	const char *word;
	size_t key_len;
} methods[WIRE_METHODS] = {
	[WIRE_AES_128_GCM] = { "aes-128-gcm", 16 },
	[WIRE_AES_256_GCM] = { "aes-256-gcm", 32 },
	[WIRE_CHACHA20_POLY1305] = { "chacha20-ietf-poly1305", 32 },
};

int wire_method_from_word(const char *word, enum wire_method *out)
{
	for (int i = 0; i < WIRE_METHODS; i++) {
		if (strcmp(word, methods[i].word) == 0) {
			*out = (enum wire_method)i;
			return 0;
		}
	}
	return -EINVAL;
}

const char *wire_method_word(enum wire_method method)
{
	return methods[method].word;
}

size_t wire_method_key_len(enum wire_method method)
{
	return methods[method].key_len;
}

// digest = MD5(digest, of `digest_len` bytes, and the password)
static int hash_round(mbedtls_md_context_t *md, uint8_t digest[static MD5_LEN], size_t digest_len,
		      const char *password)
{
	int rc = mbedtls_md_starts(md);

	if (rc == 0)
		rc = mbedtls_md_update(md, digest, digest_len);
	if (rc == 0)
		rc = mbedtls_md_update(md, (const uint8_t *)password, strlen(password));
	if (rc == 0)
		rc = mbedtls_md_finish(md, digest);
	return aead_errno(rc);
}

int key_from_password(uint8_t *key, size_t len, const char *password)
{
	uint8_t digest[MD5_LEN];
	size_t digest_len = 0;
	mbedtls_md_context_t md;
	int rc;

	mbedtls_md_init(&md);
	rc = aead_errno(mbedtls_md_setup(&md, mbedtls_md_info_from_type(MBEDTLS_MD_MD5), 0));
	for (size_t done = 0; rc == 0 && done < len; done += MD5_LEN) {
		rc = hash_round(&md, digest, digest_len, password);
		digest_len = MD5_LEN;
		memcpy(key + done, digest, len - done < MD5_LEN ? len - done : MD5_LEN);
	}
	mbedtls_md_free(&md);
	mbedtls_platform_zeroize(digest, sizeof(digest));
	return rc;
}

// Exactly `len` bytes in either alphabet, with right padding or none. mbedtls wants the plain
// alphabet and padding. It skips line ends, but then too few digits are left.
static int decode_base64(uint8_t *key, size_t len, const char *text)
{
	size_t digits = (len * 8 + 5) / 6, padded = (digits + 3) / 4 * 4;
	size_t text_len = strlen(text), got = 0;
	uint8_t clean[(WIRE_KEY_MAX + 2) / 3 * 4];
	int rc;

	if (text_len != digits && text_len != padded)
		return -EINVAL;
	memset(clean, '=', padded);
	for (size_t i = 0; i < text_len; i++)
		clean[i] = text[i] == '-' ? '+' : text[i] == '_' ? '/' : (uint8_t)text[i];
	rc = mbedtls_base64_decode(key, len, &got, clean, padded);
	mbedtls_platform_zeroize(clean, sizeof(clean));
	return rc == 0 && got == len ? 0 : -EINVAL;
}

int wire_key_from_secret(struct wire_key *key, enum wire_method method, const char *secret)
{
	size_t len = wire_method_key_len(method);
	int rc;

	wire_key_wipe(key);
	key->method = method;
	if (strncmp(secret, RAW_KEY_PREFIX, strlen(RAW_KEY_PREFIX)) == 0)
		rc = decode_base64(key->master, len, secret + strlen(RAW_KEY_PREFIX));
	else if (*secret)
		rc = key_from_password(key->master, len, secret);
	else
		rc = -EINVAL;
	if (rc < 0)
		wire_key_wipe(key);
	return rc;
}

void wire_key_wipe(struct wire_key *key)
{
	mbedtls_platform_zeroize(key, sizeof(*key));
}

int key_hkdf(const uint8_t *salt, size_t salt_len, const uint8_t *ikm, size_t ikm_len,
	     const uint8_t *info, size_t info_len, uint8_t *okm, size_t okm_len)
{
	const mbedtls_md_info_t *sha1 = mbedtls_md_info_from_type(MBEDTLS_MD_SHA1);

	return aead_errno(
		mbedtls_hkdf(sha1, salt, salt_len, ikm, ikm_len, info, info_len, okm, okm_len));
}

int key_make_subkey(uint8_t *key, enum wire_method method, const uint8_t *salt)
{
	static const char info[] = "ss-subkey";
	size_t len = wire_method_key_len(method);

	return key_hkdf(salt, len, key, len, (const uint8_t *)info, strlen(info), key, len);
}
