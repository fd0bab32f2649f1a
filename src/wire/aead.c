// SPDX-License-Identifier: GPL-2.0-or-later
#include "wire/wire_priv.h"

#include <errno.h>
#include <mbedtls/cipher.h>
#include <mbedtls/md.h>

int aead_errno(int mbedtls_code)
{
	switch (mbedtls_code) {
	case 0:
		return 0;
	case MBEDTLS_ERR_GCM_AUTH_FAILED:
	case MBEDTLS_ERR_CHACHAPOLY_AUTH_FAILED:
		return -EBADMSG;
	case MBEDTLS_ERR_CIPHER_ALLOC_FAILED:
	case MBEDTLS_ERR_MD_ALLOC_FAILED:
		return -ENOMEM;
	default:
		return -EIO;
	}
}

int aead_init(struct aead *aead, enum wire_method method, const uint8_t *key)
{
	aead->method = method;
	if (method == WIRE_CHACHA20_POLY1305) {
		mbedtls_chachapoly_init(&aead->chachapoly);
		return aead_errno(mbedtls_chachapoly_setkey(&aead->chachapoly, key));
	}
	mbedtls_gcm_init(&aead->gcm);
	return aead_errno(mbedtls_gcm_setkey(&aead->gcm, MBEDTLS_CIPHER_ID_AES, key,
					     8 * (unsigned)wire_method_key_len(method)));
}

void aead_fini(struct aead *aead)
{
	if (aead->method == WIRE_CHACHA20_POLY1305)
		mbedtls_chachapoly_free(&aead->chachapoly);
	else
		mbedtls_gcm_free(&aead->gcm);
}

int aead_seal(struct aead *aead, const struct aead_params *params, const uint8_t *plain, size_t len,
	      uint8_t *out)
{
	int rc;

	if (aead->method == WIRE_CHACHA20_POLY1305)
		rc = mbedtls_chachapoly_encrypt_and_tag(&aead->chachapoly, len, params->nonce,
							params->ad, params->ad_len, plain, out,
							out + len);
	else
		rc = mbedtls_gcm_crypt_and_tag(&aead->gcm, MBEDTLS_GCM_ENCRYPT, len, params->nonce,
					       AEAD_NONCE_LEN, params->ad, params->ad_len, plain,
					       out, AEAD_TAG_LEN, out + len);
	return aead_errno(rc);
}

int aead_open(struct aead *aead, const struct aead_params *params, const uint8_t *in, size_t len,
	      uint8_t *plain)
{
	int rc;

	if (aead->method == WIRE_CHACHA20_POLY1305)
		rc = mbedtls_chachapoly_auth_decrypt(&aead->chachapoly, len, params->nonce,
						     params->ad, params->ad_len, in + len, in,
						     plain);
	else
		rc = mbedtls_gcm_auth_decrypt(&aead->gcm, len, params->nonce, AEAD_NONCE_LEN,
					      params->ad, params->ad_len, in + len, AEAD_TAG_LEN,
					      in, plain);
	return aead_errno(rc);
}
