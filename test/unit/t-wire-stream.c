// SPDX-License-Identifier: GPL-2.0-or-later
//
// Whole streams: those of another implementation, cut, damaged, replayed; and our own.
#include "wire-test.h"

#include <stdlib.h>

// What ss-local of shadowsocks-libev 3.3.5 (Debian 12) sent to a listening port when a script was
// its client: SOCKS5 CONNECT to the name example.org port 80, "GET / HTTP/1.0\r\n\r\n", then
// "second chunk", each once the one before had arrived. The first three with -k foobar, the last
// with
// --key -__7__v_-__7__v_-__7__v_-__7__v_-__7__v_-_8=. All decode to `recorded_plain` in three
// chunks of 15, 18 and 12 bytes.
static const struct {
	enum wire_method method;
	const char *secret, *hex;
} recorded[] = {
	{ WIRE_AES_128_GCM, "foobar",
	  "c880cf4067f2bbea83037e84c384f02e6a13fd0d2afb10d603342437da5a8f911730838d2c74c932bcd7357c"
	  "deb61b984d954c30c1180678e72728b30dac3caa4a037b330f2b1eb07a088253570f652f6b08010eb6217de9"
	  "6eff9057ea886ba5bbe05dea0547215c0d885a89af020291e099946774a1704be0c6624bc290a687f0d01959"
	  "85e3eabe37e9c5c6b40d77e390c4c84537a13ad28fdc80c9252d28d9037050" },
	{ WIRE_AES_256_GCM, "foobar",
	  "e315557be56abacae7ab1748b8a3159f2e840b96ed6aac481e6ec65f388916444f298d39ef73614544bef7b2"
	  "7c56af30a1d20bbfb2a43ca069cf533ae830f7c74776b5097b2940bf74db95b6202579359bc4b5cf7e07453c"
	  "cf479d65a2375d757cf97901e0fb8e9dafc0a8b1aa6a4e0a5c8673eb7b334425ab44807b6e70ab420124ed8f"
	  "1c6a3e9f6ceaa9edcc82b21e9d04d706729f05076d8ba5029186faebad9e91b96771a6cfcf43244c572da3b6"
	  "fcb26e" },
	{ WIRE_CHACHA20_POLY1305, "foobar",
	  "90703ca1846245619cdd894c01caa08161628c6612d8532209d8da6d3076db69a78d8168bce3de9cbb284a8f"
	  "f359c52c51437519b5f189e71b452d4495061aee4179c38ae011abdff675a338422ea44df49ad6f86805acd4"
	  "83ed7288b0fce66f97501d0c4af4c47adf9e879f4ce63b894a8d9d9ead36e99e6b1590b63e72bb7b7be4d24a"
	  "cb28ebd458a9b263e657c46f34429dd22c7c46fd04c00265768e00aa61104b471572a801de58e962d0532eb2"
	  "d3603f" },
	{ WIRE_AES_256_GCM, "base64:-__7__v_-__7__v_-__7__v_-__7__v_-__7__v_-_8=",
	  "10febac66fe77b8607459a103fe27be043aec980352277ff051fca930c91c45fa64feb521c17714d4f20c512"
	  "87c3e8e062423e34abafa0396bf1a1c562b3ae92b3bda60a88ac2f96b001d90242574f59b730d57bcdbb0303"
	  "8b585313eba92460979485275d3fe112da3d2a43bc6e3aa815ef5422787153170d11c1d9745511777e540004"
	  "260408fbd01f8bfdeb6256e2265c9b127a69dc2bd7431f8955021be891e9ea5f36738d501536382c4a53b4ee"
	  "828882" },
};
static const char recorded_plain[] = "\3\13example.org\0\120GET / HTTP/1.0\r\n\r\nsecond chunk";
static const size_t recorded_chunks[] = { 15, 18, 12 };
#define PLAIN_LEN (sizeof(recorded_plain) - 1)

struct sample {
	struct wire_key key;
	uint8_t bytes[256];
	size_t len, salt_len;
};

static struct sample load_sample(size_t i)
{
	struct sample s;

	assert_int_equal(wire_key_from_secret(&s.key, recorded[i].method, recorded[i].secret), 0);
	s.len = unhex(recorded[i].hex, s.bytes, sizeof(s.bytes));
	s.salt_len = wire_method_key_len(recorded[i].method);
	return s;
}

// Feeds in[0..cuts[0]), in[cuts[0]..cuts[1]) and so on to the end as if each arrived alone, keeping
// the rest as a session does. Returns the first error; *produced is what came out until then.
static int open_in_pieces(struct wire_opener *opener, const uint8_t *in, size_t len,
			  const size_t *cuts, size_t n_cuts, uint8_t *out, size_t *produced)
{
	size_t taken = 0, consumed, n;
	int rc = 0;

	*produced = 0;
	for (size_t i = 0; i <= n_cuts && rc == 0; i++) {
		size_t end = i < n_cuts ? cuts[i] : len;

		rc = wire_open(opener, in + taken, end - taken, &consumed, out + *produced, len,
			       &n);
		taken += consumed;
		*produced += n;
		assert_true(taken <= end && end - taken <= WIRE_OPEN_REST_MAX);
	}
	return rc;
}

static void opens_recorded_streams(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(recorded); i++) {
		struct sample s = load_sample(i);
		size_t consumed, produced, used;
		struct wire_target target;
		struct wire_opener opener;
		uint8_t out[256];
		char text[WIRE_TARGET_STRLEN];

		wire_opener_init(&opener, &s.key, NULL);
		assert_int_equal(
			wire_open(&opener, s.bytes, s.len, &consumed, out, sizeof(out), &produced),
			0);
		assert_int_equal(consumed, s.len);
		assert_int_equal(produced, PLAIN_LEN);
		assert_memory_equal(out, recorded_plain, PLAIN_LEN);
		assert_true(wire_opener_between_chunks(&opener));
		assert_int_equal(wire_target_parse(out, produced, &target, &used), 0);
		assert_string_equal(wire_target_format(&target, text), "example.org:80");
		wire_opener_fini(&opener);
	}
}

static void seals_what_was_recorded(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(recorded); i++) {
		struct sample s = load_sample(i);
		size_t done = 0, written = s.salt_len;
		struct wire_sealer sealer;
		uint8_t out[256];

		wire_sealer_init(&sealer, &s.key, NULL);
		assert_int_equal(sealer_start(&sealer, s.bytes), 0);
		memcpy(out, s.bytes, s.salt_len);
		for (size_t c = 0; c < ARRAY_LEN(recorded_chunks); c++) {
			const uint8_t *plain = (const uint8_t *)recorded_plain + done;
			ssize_t n = wire_seal(&sealer, plain, recorded_chunks[c], out + written,
					      sizeof(out) - written);

			assert_int_equal(n, recorded_chunks[c] + WIRE_CHUNK_OVERHEAD);
			written += (size_t)n;
			done += recorded_chunks[c];
		}
		assert_int_equal(written, s.len);
		assert_memory_equal(out, s.bytes, s.len);
	}
}

static void opens_the_same_however_cut(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(recorded); i++) {
		struct sample s = load_sample(i);
		struct wire_opener opener;
		uint8_t out[512];
		size_t produced, cuts[256];

		for (cuts[0] = 0; cuts[0] <= s.len; cuts[0]++) {
			for (cuts[1] = cuts[0]; cuts[1] <= s.len; cuts[1]++) {
				wire_opener_init(&opener, &s.key, NULL);
				assert_int_equal(open_in_pieces(&opener, s.bytes, s.len, cuts, 2,
								out, &produced),
						 0);
				assert_int_equal(produced, PLAIN_LEN);
				assert_memory_equal(out, recorded_plain, PLAIN_LEN);
			}
		}
		for (size_t c = 0; c < s.len; c++)
			cuts[c] = c;
		wire_opener_init(&opener, &s.key, NULL);
		assert_int_equal(
			open_in_pieces(&opener, s.bytes, s.len, cuts, s.len, out, &produced), 0);
		assert_int_equal(produced, PLAIN_LEN);
		assert_memory_equal(out, recorded_plain, PLAIN_LEN);
	}
}

// How much plaintext comes before the chunk that byte `at` of the stream belongs to.
static size_t plain_before(const struct sample *s, size_t at)
{
	size_t end = s->salt_len, plain = 0;

	for (size_t c = 0; c < ARRAY_LEN(recorded_chunks); c++) {
		end += recorded_chunks[c] + WIRE_CHUNK_OVERHEAD;
		if (at < end)
			break;
		plain += recorded_chunks[c];
	}
	return plain;
}

static void refuses_each_flipped_bit(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(recorded); i++) {
		struct sample s = load_sample(i);

		for (size_t bit = 0; bit < s.len * 8; bit++) {
			struct sample good = load_sample(i);
			struct wire_opener opener;
			size_t consumed, produced;
			uint8_t out[256];

			s.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
			wire_opener_init(&opener, &s.key, NULL);
			assert_int_equal(wire_open(&opener, s.bytes, s.len, &consumed, out,
						   sizeof(out), &produced),
					 -EBADMSG);
			assert_int_equal(produced, plain_before(&s, bit / 8));
			assert_memory_equal(out, recorded_plain, produced);
			s.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);

			// and stays dead, even for the right bytes
			assert_int_equal(wire_open(&opener, good.bytes + consumed,
						   good.len - consumed, &consumed, out, sizeof(out),
						   &produced),
					 -EBADMSG);
			assert_int_equal(produced, 0);
			assert_int_equal(consumed, 0);
		}
	}
}

static void refuses_another_key(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(recorded); i++) {
		struct sample s = load_sample(i);
		struct wire_opener opener;
		size_t consumed, produced;
		uint8_t out[256];

		assert_int_equal(wire_key_from_secret(&s.key, recorded[i].method, "barfoo"), 0);
		wire_opener_init(&opener, &s.key, NULL);
		assert_int_equal(
			wire_open(&opener, s.bytes, s.len, &consumed, out, sizeof(out), &produced),
			-EBADMSG);
		assert_int_equal(produced, 0);
		assert_false(wire_opener_trusted(&opener));
	}
}

static void tells_where_a_stream_stands(void **state)
{
	struct sample s = load_sample(0);
	struct wire_opener opener;
	size_t consumed, produced;
	uint8_t out[256], *at = s.bytes;
	const struct {
		size_t give;
		bool started, trusted, between;
	} steps[] = {
		{ s.salt_len - 1, false, false, true },
		{ s.salt_len, true, false, true },
		{ 17, true, false, true },
		{ 18, true, true, false }, // the length of the first chunk
		{ recorded_chunks[0] + 15, true, true, false },
		{ recorded_chunks[0] + 16, true, true, true },
	};

	(void)state;
	wire_opener_init(&opener, &s.key, NULL);
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		assert_int_equal(wire_open(&opener, at, steps[i].give, &consumed, out, sizeof(out),
					   &produced),
				 0);
		at += consumed;
		assert_int_equal(wire_opener_started(&opener), steps[i].started);
		assert_int_equal(wire_opener_trusted(&opener), steps[i].trusted);
		assert_int_equal(wire_opener_between_chunks(&opener), steps[i].between);
	}
	assert_int_equal(produced, recorded_chunks[0]);
}

static void leaves_what_does_not_fit(void **state)
{
	struct sample s = load_sample(1);
	struct wire_opener opener;
	size_t consumed, produced;
	uint8_t out[256];

	(void)state;
	wire_opener_init(&opener, &s.key, NULL);
	// the first chunk fits, the second does not
	assert_int_equal(wire_open(&opener, s.bytes, s.len, &consumed, out, 15 + 17, &produced), 0);
	assert_int_equal(produced, 15);
	assert_int_equal(consumed, s.salt_len + 15 + WIRE_CHUNK_OVERHEAD + 18);
	assert_int_equal(wire_open(&opener, s.bytes + consumed, s.len - consumed, &consumed,
				   out + produced, 18 + 12, &produced),
			 0);
	assert_int_equal(produced, 18 + 12);
	assert_memory_equal(out, recorded_plain, PLAIN_LEN);
}

// A stream whose chunks say `lengths`, all tags right; a payload is as long as the low 14 bits.
static size_t seal_lengths(const struct wire_key *key, const uint16_t *lengths, size_t n,
			   uint8_t *out)
{
	static const uint8_t payload[WIRE_CHUNK_MAX];
	struct aead_params params = { .ad_len = 0 };
	uint8_t subkey[WIRE_KEY_MAX];
	size_t written = wire_method_key_len(key->method);
	struct aead aead;

	memset(out, 0x5a, written);
	memcpy(subkey, key->master, sizeof(subkey));
	assert_int_equal(key_make_subkey(subkey, key->method, out), 0);
	assert_int_equal(aead_init(&aead, key->method, subkey), 0);
	for (size_t i = 0; i < n; i++) {
		const uint8_t length[] = { (uint8_t)(lengths[i] >> 8), (uint8_t)lengths[i] };
		size_t len = lengths[i] & WIRE_CHUNK_MAX;

		params.nonce[0] = (uint8_t)(2 * i);
		aead_seal(&aead, &params, length, sizeof(length), out + written);
		written += sizeof(length) + AEAD_TAG_LEN;
		params.nonce[0]++;
		aead_seal(&aead, &params, payload, len, out + written);
		written += len + AEAD_TAG_LEN;
	}
	aead_fini(&aead);
	return written;
}

static void refuses_forbidden_lengths(void **state)
{
	static const struct {
		uint16_t length;
		int rc;
	} cases[] = {
		{ 1, 0 },
		{ 0x3fff, 0 },
		{ 0, -EBADMSG },
		{ 0x4000, -EBADMSG },
		{ 0x4001, -EBADMSG },
		{ 0x8001, -EBADMSG },
		{ 0xc001, -EBADMSG },
		{ 0xffff, -EBADMSG },
	};
	static uint8_t stream[2 * WIRE_CHUNK_MAX], out[2 * WIRE_CHUNK_MAX];

	(void)state;
	for (enum wire_method m = 0; m < WIRE_METHODS; m++) {
		for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
			const uint16_t lengths[] = { 5, cases[i].length };
			size_t len, consumed, produced;
			struct wire_opener opener;
			struct wire_key key;

			assert_int_equal(wire_key_from_secret(&key, m, "foobar"), 0);
			len = seal_lengths(&key, lengths, 2, stream);
			wire_opener_init(&opener, &key, NULL);
			assert_int_equal(wire_open(&opener, stream, len, &consumed, out,
						   sizeof(out), &produced),
					 cases[i].rc);
			assert_int_equal(produced, cases[i].rc == 0 ? 5 + cases[i].length : 5);
		}
	}
}

static void carries_any_amount(void **state)
{
	static const size_t lens[] = {
		1, 2, 0x3ffe, 0x3fff, 0x4000, 0x7ffe, 0x7fff, 5 * 0x3fff + 9
	};
	static uint8_t plain[6 * 0x3fff], sealed[7 * 0x3fff], out[7 * 0x3fff];

	(void)state;
	for (size_t i = 0; i < sizeof(plain); i++)
		plain[i] = (uint8_t)(i * 31 + i / 251);
	for (enum wire_method m = 0; m < WIRE_METHODS; m++) {
		struct wire_sealer sealer;
		struct wire_opener opener;
		struct wire_key key;

		assert_int_equal(wire_key_from_secret(&key, m, "foobar"), 0);
		wire_sealer_init(&sealer, &key, NULL);
		wire_opener_init(&opener, &key, NULL);
		for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
			size_t chunks = (lens[i] + 0x3ffe) / 0x3fff, bound, produced;
			const size_t cuts[] = { lens[i] / 3, lens[i] / 2 };

			bound = wire_seal_bound(&sealer, lens[i]);
			assert_int_equal(bound, lens[i] + chunks * WIRE_CHUNK_OVERHEAD +
							(i == 0 ? wire_method_key_len(m) : 0));
			assert_int_equal(wire_seal(&sealer, plain, lens[i], sealed, bound - 1),
					 -ENOBUFS);
			assert_int_equal(wire_seal(&sealer, plain, lens[i], sealed, bound), bound);
			memset(out, 0, sizeof(out));
			assert_int_equal(
				open_in_pieces(&opener, sealed, bound, cuts, 2, out, &produced), 0);
			assert_int_equal(produced, lens[i]);
			assert_memory_equal(out, plain, lens[i]);
		}
	}
}

static void sends_the_salt_alone(void **state)
{
	struct sample s = load_sample(2);
	struct wire_sealer a, b;
	uint8_t salt[32], other[32];

	(void)state;
	wire_sealer_init(&a, &s.key, NULL);
	wire_sealer_init(&b, &s.key, NULL);
	assert_false(wire_sealer_started(&a));
	assert_int_equal(wire_seal_bound(&a, 0), 32);
	assert_int_equal(wire_seal(&a, NULL, 0, salt, sizeof(salt)), 32);
	assert_true(wire_sealer_started(&a));
	assert_int_equal(wire_seal(&a, NULL, 0, salt, sizeof(salt)), 0);
	assert_int_equal(wire_seal(&b, NULL, 0, other, sizeof(other)), 32);
	assert_memory_not_equal(salt, other, sizeof(salt));
}

// Nonces are little-endian: the 129th chunk has nonces 256 and 257.
static void counts_past_one_byte(void **state)
{
	struct sample s = load_sample(0);
	const struct aead_params params = { .nonce = { 0, 1 } };
	uint8_t sealed[1 + WIRE_CHUNK_OVERHEAD], length[2];
	struct wire_sealer sealer;
	struct aead aead;

	(void)state;
	wire_sealer_init(&sealer, &s.key, NULL);
	assert_int_equal(sealer_start(&sealer, s.bytes), 0);
	for (int i = 0; i < 129; i++)
		assert_int_equal(
			wire_seal(&sealer, (const uint8_t *)"x", 1, sealed, sizeof(sealed)),
			sizeof(sealed));
	assert_int_equal(aead_init(&aead, sealer.method, sealer.key), 0);
	assert_int_equal(aead_open(&aead, &params, sealed, sizeof(length), length), 0);
	assert_int_equal(length[0] << 8 | length[1], 1);
	aead_fini(&aead);
}

static int open_all(struct wire_opener *opener, const uint8_t *in, size_t len, size_t *produced)
{
	uint8_t out[256];
	size_t consumed;

	return wire_open(opener, in, len, &consumed, out, sizeof(out), produced);
}

static void refuses_replays(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(recorded); i++) {
		struct wire_replay *replay = wire_replay_new(16);
		struct sample s = load_sample(i);
		struct wire_opener opener;
		size_t produced;

		// a stranger who only knows the salt does not get it into the filter
		s.bytes[s.salt_len] ^= 1;
		wire_opener_init(&opener, &s.key, replay);
		assert_int_equal(open_all(&opener, s.bytes, s.len, &produced), -EBADMSG);
		s.bytes[s.salt_len] ^= 1;

		wire_opener_init(&opener, &s.key, replay);
		assert_int_equal(open_all(&opener, s.bytes, s.len, &produced), 0);
		assert_int_equal(produced, PLAIN_LEN);

		wire_opener_init(&opener, &s.key, replay);
		assert_int_equal(open_all(&opener, s.bytes, s.len, &produced), -EEXIST);
		assert_int_equal(produced, 0);
		assert_false(wire_opener_trusted(&opener));
		assert_int_equal(open_all(&opener, s.bytes, s.len, &produced), -EBADMSG);

		wire_opener_init(&opener, &s.key, NULL);
		assert_int_equal(open_all(&opener, s.bytes, s.len, &produced), 0);
		wire_replay_free(replay);
	}
}

static void refuses_its_own_stream_back(void **state)
{
	struct wire_replay *replay = wire_replay_new(16);
	struct sample s = load_sample(0);
	struct wire_sealer sealer;
	struct wire_opener opener;
	uint8_t sealed[128];
	size_t produced;
	ssize_t n;

	(void)state;
	wire_sealer_init(&sealer, &s.key, replay);
	n = wire_seal(&sealer, (const uint8_t *)"hello", 5, sealed, sizeof(sealed));
	assert_true(n > 0);
	wire_opener_init(&opener, &s.key, replay);
	assert_int_equal(open_all(&opener, sealed, (size_t)n, &produced), -EEXIST);
	assert_int_equal(produced, 0);
	wire_replay_free(replay);
}

static void does_nothing_when_finished(void **state)
{
	static const struct wire_sealer no_sealer;
	static const struct wire_opener no_opener;
	struct sample s = load_sample(0);
	struct wire_sealer sealer;
	struct wire_opener opener;
	uint8_t out[128];
	size_t produced;

	(void)state;
	wire_sealer_init(&sealer, &s.key, NULL);
	wire_sealer_fini(&sealer);
	assert_memory_equal(&sealer, &no_sealer, sizeof(sealer));
	assert_int_equal(wire_seal(&sealer, (const uint8_t *)"x", 1, out, sizeof(out)), -EIO);
	wire_opener_init(&opener, &s.key, NULL);
	wire_opener_fini(&opener);
	assert_memory_equal(&opener, &no_opener, sizeof(opener));
	assert_int_equal(open_all(&opener, s.bytes, s.len, &produced), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(opens_recorded_streams),
		cmocka_unit_test(seals_what_was_recorded),
		cmocka_unit_test(opens_the_same_however_cut),
		cmocka_unit_test(refuses_each_flipped_bit),
		cmocka_unit_test(refuses_another_key),
		cmocka_unit_test(tells_where_a_stream_stands),
		cmocka_unit_test(leaves_what_does_not_fit),
		cmocka_unit_test(refuses_forbidden_lengths),
		cmocka_unit_test(carries_any_amount),
		cmocka_unit_test(sends_the_salt_alone),
		cmocka_unit_test(counts_past_one_byte),
		cmocka_unit_test(refuses_replays),
		cmocka_unit_test(refuses_its_own_stream_back),
		cmocka_unit_test(does_nothing_when_finished),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
