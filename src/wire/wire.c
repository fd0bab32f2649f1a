// SPDX-License-Identifier: GPL-2.0-or-later
//
// The codecs of what goes over a connection: no descriptor, no clock, no log, no callback. Bytes go
// in, bytes come out, and a peer's nonsense comes out as an error.
//
// A Shadowsocks AEAD stream (SIP004) is, in each direction,
//
//	salt, then any number of chunks: [length][tag][payload][tag]
//
// with a subkey = HKDF-SHA1(master key, salt, "ss-subkey") per direction and one little-endian
// counter as nonce for lengths and payloads alike. The plaintext of the client's direction begins
// with the target address (target.c). This file holds the two ends of one direction, struct
// wire_sealer and struct wire_opener. Keys are made in key.c, the ciphers called in aead.c, salts
// remembered in replay.c; socks.c is SOCKS5 (RFC 1928) for a client on the LAN. mbedtls, 2.28
// or 3.x, is seen in this room only.
//
// Any thread may use any object, one thread at a time; the replay filter takes all threads at once.
//
// Memory: thousands of connections idle at any time. Keying a cipher costs 0.2 us where sealing one
// full chunk costs 70, so a direction keeps its key and its counter, 56 to 64 bytes, and each call
// keys a context on its stack for all the chunks of the call. (A kept GCM context would be 420
// bytes and 290 more on the heap, for mbedtls 2.28.) Incomplete chunks stay with the caller.
//
// Trust: no plaintext leaves before its tag is verified, and none after the first bad one. A salt
// enters the replay filter only once its stream has proved to know the key, so that strangers can
// not wash the filter out. What SIP004 leaves open stays open: the end of a stream is not
// authenticated (a cut between chunks looks like an end), and a replay is recognised only as long
// as the filter remembers it.
#include "wire/wire_priv.h"

#include <errno.h>
#include <mbedtls/platform_util.h>
#include <string.h>
#include <sys/random.h>

#define LENGTH_LEN 2
// What one call of getrandom(2) is sure to give whole.
#define RANDOM_STOCK 256

enum stream_state {
	STREAM_DEAD,  // and what zeroed memory is
	STREAM_FRESH, // no salt yet
	STREAM_LENGTH,
	STREAM_PAYLOAD, // opener only: a length is verified, its payload is awaited
};

// Only the wait for the first seeding can be interrupted.
static int ask_kernel(uint8_t *out, size_t len)
{
	ssize_t n;

	do
		n = getrandom(out, len, 0);
	while (n < 0 && errno == EINTR);
	return n == (ssize_t)len ? 0 : -EIO;
}

// Each datagram needs some, so the kernel is asked for many at once. What was handed out is
// forgotten.
int random_fill(uint8_t *out, size_t len)
{
	static _Thread_local uint8_t stock[RANDOM_STOCK];
	static _Thread_local size_t left;
	int rc;

	if (len > left) {
		left = 0;
		rc = len <= sizeof(stock) ? ask_kernel(stock, sizeof(stock)) : -EINVAL;
		if (rc < 0)
			return rc;
		left = sizeof(stock);
	}
	left -= len;
	memcpy(out, stock + left, len);
	mbedtls_platform_zeroize(stock + left, len);
	return 0;
}

static struct aead_params next_params(uint64_t *nonce)
{
	struct aead_params params = { 0 };

	for (size_t i = 0; i < sizeof(*nonce); i++)
		params.nonce[i] = (uint8_t)(*nonce >> (8 * i));
	++*nonce;
	return params;
}

// ---- sealing

void wire_sealer_init(struct wire_sealer *sealer, const struct wire_key *key,
		      struct wire_replay *replay)
{
	*sealer = (struct wire_sealer){ .replay = replay,
					.method = (uint8_t)key->method,
					.state = STREAM_FRESH };
	memcpy(sealer->key, key->master, sizeof(sealer->key));
}

void wire_sealer_fini(struct wire_sealer *sealer)
{
	mbedtls_platform_zeroize(sealer, sizeof(*sealer));
}

bool wire_sealer_started(const struct wire_sealer *sealer)
{
	return sealer->state == STREAM_LENGTH;
}

static size_t min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

size_t wire_seal_bound(const struct wire_sealer *sealer, size_t len)
{
	size_t chunks = len / WIRE_CHUNK_MAX + (len % WIRE_CHUNK_MAX != 0);
	size_t salt_len = sealer->state == STREAM_FRESH ? wire_method_key_len(sealer->method) : 0;

	return salt_len + len + chunks * WIRE_CHUNK_OVERHEAD;
}

int sealer_start(struct wire_sealer *sealer, const uint8_t *salt)
{
	int rc = key_make_subkey(sealer->key, sealer->method, salt);

	if (rc < 0)
		return rc;
	if (sealer->replay)
		replay_admit(sealer->replay, replay_print(salt));
	sealer->state = STREAM_LENGTH;
	return 0;
}

static int seal_salt(struct wire_sealer *sealer, uint8_t *out)
{
	int rc = random_fill(out, wire_method_key_len(sealer->method));

	return rc < 0 ? rc : sealer_start(sealer, out);
}

static int seal_chunk(struct wire_sealer *sealer, struct aead *aead, const uint8_t *plain,
		      size_t len, uint8_t *out)
{
	const uint8_t length[LENGTH_LEN] = { (uint8_t)(len >> 8), (uint8_t)len };
	struct aead_params params = next_params(&sealer->nonce);
	int rc = aead_seal(aead, &params, length, LENGTH_LEN, out);

	if (rc < 0)
		return rc;
	params = next_params(&sealer->nonce);
	return aead_seal(aead, &params, plain, len, out + LENGTH_LEN + AEAD_TAG_LEN);
}

static ssize_t seal_chunks(struct wire_sealer *sealer, const uint8_t *plain, size_t len,
			   uint8_t *out)
{
	size_t written = 0;
	struct aead aead;
	int rc = aead_init(&aead, sealer->method, sealer->key);

	while (rc == 0 && len > 0) {
		size_t n = min_size(len, WIRE_CHUNK_MAX);

		rc = seal_chunk(sealer, &aead, plain, n, out + written);
		written += n + WIRE_CHUNK_OVERHEAD;
		plain += n;
		len -= n;
	}
	aead_fini(&aead);
	return rc < 0 ? rc : (ssize_t)written;
}

ssize_t wire_seal(struct wire_sealer *sealer, const uint8_t *plain, size_t len, uint8_t *out,
		  size_t out_size)
{
	size_t salt_len = 0;
	ssize_t n = 0;

	if (sealer->state == STREAM_DEAD)
		return -EIO;
	if (out_size < wire_seal_bound(sealer, len))
		return -ENOBUFS;
	if (sealer->state == STREAM_FRESH) {
		salt_len = wire_method_key_len(sealer->method);
		n = seal_salt(sealer, out);
	}
	if (n == 0 && len > 0)
		n = seal_chunks(sealer, plain, len, out + salt_len);
	if (n < 0) {
		wire_sealer_fini(sealer);
		return n;
	}
	return (ssize_t)salt_len + n;
}

// ---- opening

void wire_opener_init(struct wire_opener *opener, const struct wire_key *key,
		      struct wire_replay *replay)
{
	*opener = (struct wire_opener){ .replay = replay,
					.method = (uint8_t)key->method,
					.state = STREAM_FRESH };
	memcpy(opener->key, key->master, sizeof(opener->key));
}

void wire_opener_fini(struct wire_opener *opener)
{
	mbedtls_platform_zeroize(opener, sizeof(*opener));
}

bool wire_opener_started(const struct wire_opener *opener)
{
	return opener->state == STREAM_LENGTH || opener->state == STREAM_PAYLOAD;
}

bool wire_opener_trusted(const struct wire_opener *opener)
{
	return opener->nonce > 0;
}

bool wire_opener_between_chunks(const struct wire_opener *opener)
{
	return opener->state == STREAM_FRESH || opener->state == STREAM_LENGTH;
}

// How many bytes the next step takes.
static size_t step_len(const struct wire_opener *opener)
{
	switch (opener->state) {
	case STREAM_FRESH:
		return wire_method_key_len(opener->method);
	case STREAM_LENGTH:
		return LENGTH_LEN + AEAD_TAG_LEN;
	default:
		return opener->payload_len + AEAD_TAG_LEN;
	}
}

static int open_salt(struct wire_opener *opener, const uint8_t *salt)
{
	int rc = key_make_subkey(opener->key, opener->method, salt);

	if (rc < 0)
		return rc;
	opener->salt_print = replay_print(salt);
	opener->state = STREAM_LENGTH;
	return 0;
}

static int open_length(struct wire_opener *opener, struct aead *aead, const uint8_t *in)
{
	uint64_t nonce = opener->nonce;
	struct aead_params params = next_params(&nonce);
	uint8_t length[LENGTH_LEN];
	int rc = aead_open(aead, &params, in, LENGTH_LEN, length);

	if (rc < 0)
		return rc;
	if (opener->nonce == 0 && opener->replay)
		rc = replay_admit(opener->replay, opener->salt_print);
	if (rc < 0)
		return rc;
	opener->nonce = nonce;
	opener->payload_len = (uint16_t)(length[0] << 8 | length[1]);
	if (opener->payload_len == 0 || opener->payload_len > WIRE_CHUNK_MAX)
		return -EBADMSG;
	opener->state = STREAM_PAYLOAD;
	return 0;
}

static int open_payload(struct wire_opener *opener, struct aead *aead, const uint8_t *in,
			uint8_t *out)
{
	struct aead_params params = next_params(&opener->nonce);

	opener->state = STREAM_LENGTH;
	return aead_open(aead, &params, in, opener->payload_len, out);
}

// Whether the next step has its input and room for its output.
static bool step_is_ready(const struct wire_opener *opener, size_t in_len, size_t out_size)
{
	return in_len >= step_len(opener) &&
	       (opener->state != STREAM_PAYLOAD || out_size >= opener->payload_len);
}

static int open_chunks(struct wire_opener *opener, const uint8_t *in, size_t in_len,
		       size_t *consumed, uint8_t *out, size_t out_size, size_t *produced)
{
	struct aead aead;
	int rc = aead_init(&aead, opener->method, opener->key);

	while (rc == 0 && step_is_ready(opener, in_len - *consumed, out_size - *produced)) {
		const uint8_t *step = in + *consumed;
		size_t len = step_len(opener);

		if (opener->state == STREAM_LENGTH) {
			rc = open_length(opener, &aead, step);
		} else {
			rc = open_payload(opener, &aead, step, out + *produced);
			if (rc == 0)
				*produced += opener->payload_len;
		}
		if (rc == 0)
			*consumed += len;
	}
	aead_fini(&aead);
	return rc;
}

static void kill_opener(struct wire_opener *opener)
{
	mbedtls_platform_zeroize(opener->key, sizeof(opener->key));
	opener->state = STREAM_DEAD;
}

int wire_open(struct wire_opener *opener, const uint8_t *in, size_t in_len, size_t *consumed,
	      uint8_t *out, size_t out_size, size_t *produced)
{
	int rc = 0;

	*consumed = *produced = 0;
	if (opener->state == STREAM_DEAD)
		return -EBADMSG;
	if (opener->state == STREAM_FRESH) {
		size_t salt_len = step_len(opener);

		if (in_len < salt_len)
			return 0;
		rc = open_salt(opener, in);
		*consumed = salt_len;
	}
	if (rc == 0 && step_is_ready(opener, in_len - *consumed, out_size))
		rc = open_chunks(opener, in, in_len, consumed, out, out_size, produced);
	if (rc < 0)
		kill_opener(opener);
	return rc;
}
