// SPDX-License-Identifier: GPL-2.0-or-later
//
// Keys and ciphers against published values.
#include "wire-test.h"

static const struct {
	enum wire_method method;
	const char *key, *nonce, *ad, *plain, *sealed; // sealed: with the tag
} aead_vectors[] = {
	// McGrew and Viega, "The Galois/Counter Mode of Operation", test cases 2, 4, 14 and 16 (as
	// taken over by NIST)
	{ WIRE_AES_128_GCM, "00000000000000000000000000000000", "000000000000000000000000", "",
	  "00000000000000000000000000000000",
	  "0388dace60b6a392f328c2b971b2fe78ab6e47d42cec13bdf53a67b21257bddf" },
	{ WIRE_AES_128_GCM, "feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888",
	  "feedfacedeadbeeffeedfacedeadbeefabaddad2",
	  "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e24"
	  "49a6b525b16aedf5aa0de657ba637b39",
	  "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5a"
	  "ac84aa051ba30b396a0aac973d58e0915bc94fbc3221a5db94fae95ae7121a47" },
	{ WIRE_AES_256_GCM, "0000000000000000000000000000000000000000000000000000000000000000",
	  "000000000000000000000000", "", "00000000000000000000000000000000",
	  "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919" },
	{ WIRE_AES_256_GCM, "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
	  "cafebabefacedbaddecaf888", "feedfacedeadbeeffeedfacedeadbeefabaddad2",
	  "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e24"
	  "49a6b525b16aedf5aa0de657ba637b39",
	  "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b10"
	  "56828838c5f61e6393ba7a0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b" },
	// RFC 8439 section 2.8.2
	{ WIRE_CHACHA20_POLY1305,
	  "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
	  "070000004041424344454647", "50515253c0c1c2c3c4c5c6c7",
	  "4c616469657320616e642047656e746c656d656e206f662074686520636c617373206f66202739393a204966"
	  "204920636f756c64206f6666657220796f75206f6e6c79206f6e652074697020666f72207468652066757475"
	  "72652c2073756e73637265656e20776f756c642062652069742e",
	  "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69"
	  "da92728b1a71de0a9e060b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad67594"
	  "5585808b4831d7bc3ff4def08e4b7a9de576d26586cec64b61161ae10b594f09e26a7e902ecbd0600691" },
};

static void meets_the_aead_vectors(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(aead_vectors); i++) {
		uint8_t key[32], ad[32], plain[128], sealed[160], out[160];
		struct aead_params params = { .ad = ad };
		size_t len, sealed_len;
		struct aead aead;

		assert_int_equal(unhex(aead_vectors[i].key, key, sizeof(key)),
				 wire_method_key_len(aead_vectors[i].method));
		assert_int_equal(unhex(aead_vectors[i].nonce, params.nonce, sizeof(params.nonce)),
				 AEAD_NONCE_LEN);
		params.ad_len = unhex(aead_vectors[i].ad, ad, sizeof(ad));
		len = unhex(aead_vectors[i].plain, plain, sizeof(plain));
		sealed_len = unhex(aead_vectors[i].sealed, sealed, sizeof(sealed));
		assert_int_equal(sealed_len, len + AEAD_TAG_LEN);

		assert_int_equal(aead_init(&aead, aead_vectors[i].method, key), 0);
		assert_int_equal(aead_seal(&aead, &params, plain, len, out), 0);
		assert_memory_equal(out, sealed, sealed_len);
		assert_int_equal(aead_open(&aead, &params, sealed, len, out), 0);
		assert_memory_equal(out, plain, len);

		sealed[sealed_len - 1] ^= 1;
		assert_int_equal(aead_open(&aead, &params, sealed, len, out), -EBADMSG);
		for (size_t j = 0; j < len; j++)
			assert_int_equal(out[j], 0);
		aead_fini(&aead);
	}
}

// RFC 5869 appendix A.4 to A.7
static const struct {
	const char *ikm, *salt, *info, *okm;
} hkdf_vectors[] = {
	{ "0b0b0b0b0b0b0b0b0b0b0b", "000102030405060708090a0b0c", "f0f1f2f3f4f5f6f7f8f9",
	  "085a01ea1b10f36933068b56efa5ad81a4f14b822f5b091568a9cdd4f155fda2c22e422478d305f3f896" },
	{ "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b"
	  "2c2d2e2f303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f",
	  "606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f808182838485868788898a8b"
	  "8c8d8e8f909192939495969798999a9b9c9d9e9fa0a1a2a3a4a5a6a7a8a9aaabacadaeaf",
	  "b0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadb"
	  "dcdddedfe0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
	  "0bd770a74d1160f7c9f12cd5912a06ebff6adcae899d92191fe4305673ba2ffe8fa3f1a4e5ad79f3f334b3b2"
	  "02b2173c486ea37ce3d397ed034c7f9dfeb15c5e927336d0441f4c4300e2cff0d0900b52d3b4" },
	{ "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "", "",
	  "0ac1af7002b3d761d1e55298da9d0506b9ae52057220a306e07b6b87e8df21d0ea00033de03984d34918" },
	{ "0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c", "", "",
	  "2c91117204d745f3500d636a62f64f0ab3bae548aa53d423b0d1f27ebba6f5e5673a081d70cce7acfc48" },
};

static void meets_the_hkdf_vectors(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(hkdf_vectors); i++) {
		uint8_t ikm[80], salt[80], info[80], okm[82], out[82];
		size_t ikm_len = unhex(hkdf_vectors[i].ikm, ikm, sizeof(ikm));
		size_t salt_len = unhex(hkdf_vectors[i].salt, salt, sizeof(salt));
		size_t info_len = unhex(hkdf_vectors[i].info, info, sizeof(info));
		size_t okm_len = unhex(hkdf_vectors[i].okm, okm, sizeof(okm));

		assert_int_equal(
			key_hkdf(salt, salt_len, ikm, ikm_len, info, info_len, out, okm_len), 0);
		assert_memory_equal(out, okm, okm_len);
	}
}

// The 32 bytes are those of `openssl enc -aes-256-ecb -md md5 -nosalt -P -pass pass:WORD`.
static void makes_keys_from_passwords(void **state)
{
	static const struct {
		const char *password, *key;
	} cases[] = {
		{ "foobar", "3858f62230ac3c915f300c664312c63f568378529614d22ddb49237d2f60bfdf" },
		{ "barfoo", "96948aad3fcae80c08a35c9b5958cd896d4e419db93f1736fc687d94b8a4814f" },
	};
	struct wire_key key;
	uint8_t want[32];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		unhex(cases[i].key, want, sizeof(want));
		for (enum wire_method m = 0; m < WIRE_METHODS; m++) {
			assert_int_equal(wire_key_from_secret(&key, m, cases[i].password), 0);
			assert_int_equal(key.method, m);
			assert_memory_equal(key.master, want, wire_method_key_len(m));
		}
	}
	assert_int_equal(wire_key_from_secret(&key, WIRE_AES_256_GCM, ""), -EINVAL);
}

static void takes_raw_keys(void **state)
{
	static const struct {
		enum wire_method method;
		const char *secret, *key; // key: NULL = refused
	} cases[] = {
		{ WIRE_AES_128_GCM,
		  "base64:AAECAwQFBgcICQoLDA0ODw==", "000102030405060708090a0b0c0d0e0f" },
		{ WIRE_AES_128_GCM, "base64:AAECAwQFBgcICQoLDA0ODw",
		  "000102030405060708090a0b0c0d0e0f" },
		{ WIRE_AES_256_GCM, "base64:+/8AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
		  "fbff000000000000000000000000000000000000000000000000000000000000" },
		{ WIRE_AES_256_GCM, "base64:-_8AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		  "fbff000000000000000000000000000000000000000000000000000000000000" },
		{ WIRE_AES_256_GCM, "base64:AAECAwQFBgcICQoLDA0ODw==", NULL },
		{ WIRE_AES_128_GCM, "base64:AAECAwQFBgcICQoLDA0ODxAA", NULL },
		{ WIRE_AES_128_GCM, "base64:AAECAwQFBgcICQoLDA0ODw=", NULL },
		{ WIRE_AES_128_GCM, "base64:AAECAwQFBgcICQoLDA0OD", NULL },
		{ WIRE_AES_128_GCM, "base64:AAECAwQFBgcICQoLDA0OD===", NULL },
		{ WIRE_AES_128_GCM, "base64:AAECAwQFBgcICQ*LDA0ODw==", NULL },
		{ WIRE_AES_128_GCM, "base64:AAECAwQFBgcICQoLDA0O\r\n==", NULL },
		{ WIRE_AES_128_GCM, "base64:AAECAwQFBgcICQoLDA0ODw\r\n", NULL },
		{ WIRE_AES_128_GCM, "base64:", NULL },
		{ WIRE_AES_256_GCM, "base64:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", NULL },
	};
	static const struct wire_key wiped;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct wire_key key;
		uint8_t want[32];
		int rc = wire_key_from_secret(&key, cases[i].method, cases[i].secret);

		if (cases[i].key) {
			assert_int_equal(rc, 0);
			assert_memory_equal(key.master, want,
					    unhex(cases[i].key, want, sizeof(want)));
		} else {
			assert_int_equal(rc, -EINVAL);
			assert_memory_equal(&key, &wiped, sizeof(key));
		}
	}
}

static void knows_the_methods(void **state)
{
	static const char *const wrong[] = { "", "aes-256-cfb", "aes-256-gcm ", "AES-256-GCM",
					     "chacha20-poly1305" };
	enum wire_method method;

	(void)state;
	for (enum wire_method m = 0; m < WIRE_METHODS; m++) {
		assert_int_equal(wire_method_from_word(wire_method_word(m), &method), 0);
		assert_int_equal(method, m);
	}
	assert_string_equal(wire_method_word(WIRE_CHACHA20_POLY1305), "chacha20-ietf-poly1305");
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		assert_int_equal(wire_method_from_word(wrong[i], &method), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(meets_the_aead_vectors),
		cmocka_unit_test(meets_the_hkdf_vectors),
		cmocka_unit_test(makes_keys_from_passwords),
		cmocka_unit_test(takes_raw_keys),
		cmocka_unit_test(knows_the_methods),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
