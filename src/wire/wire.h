// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef WIRE_WIRE_H
#define WIRE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/addr.h"

// Codecs without I/O: Shadowsocks AEAD streams and datagrams (SIP004), the target address that
// opens each of them, and the server side of SOCKS5 (RFC 1928). Nothing here keeps a pointer into a
// caller's bytes or heap memory between two calls. Except for struct wire_replay, an object belongs
// to one thread at a time.

// ---- keys

enum wire_method { WIRE_AES_128_GCM, WIRE_AES_256_GCM, WIRE_CHACHA20_POLY1305, WIRE_METHODS };

#define WIRE_KEY_MAX 32

// A secret: end its life with wire_key_wipe().
struct wire_key {
	enum wire_method method;
	uint8_t master[WIRE_KEY_MAX];
};

// The words of SIP004: "aes-128-gcm", "aes-256-gcm", "chacha20-ietf-poly1305". -EINVAL if `word` is
// none of them.
int wire_method_from_word(const char *word, enum wire_method *out);
const char *wire_method_word(enum wire_method method);
// In bytes. The salt of a stream is as long as the key.
size_t wire_method_key_len(enum wire_method method);

// `secret` is a password, from which the key is made as every Shadowsocks does it (EVP_BytesToKey
// with MD5: short passwords are as weak as they look), or "base64:" and a raw key of exactly
// wire_method_key_len() bytes in either base64 alphabet, padded or not. -EINVAL: empty password,
// not base64, or a wrong length; *key is left wiped.
int wire_key_from_secret(struct wire_key *key, enum wire_method method, const char *secret);
void wire_key_wipe(struct wire_key *key);

// ---- replay filter

// Remembers the last `capacity` salts exactly, in 16 bytes each; a salt that was pushed out by
// newer ones, or a restart, is forgotten (SIP004 has no time stamp that could bound this). Shared
// by all workers, because a replay may reach another worker than the original: a mutex is held for
// some tens of nanoseconds once per stream.
struct wire_replay;

// NULL when memory is out. `capacity` is rounded up to a power of two; 2^20 for a server, 2^16 for
// a gateway. Memory becomes resident as salts come in.
struct wire_replay *wire_replay_new(size_t capacity);
void wire_replay_free(struct wire_replay *replay);

// ---- streams

// Most plaintext in one chunk. Read in multiples of it, so that no small chunk trails each batch.
#define WIRE_CHUNK_MAX 0x3fff
// What one chunk adds: length (2), its tag (16), tag of the payload (16).
#define WIRE_CHUNK_OVERHEAD 34
// Longest incomplete rest that wire_open() leaves with its caller.
#define WIRE_OPEN_REST_MAX (WIRE_CHUNK_MAX + 16 - 1)

// One direction of one stream. Members are private. Both are small (no cipher context is kept, one
// is keyed on the stack for each call), copyable while no call is running, and secret.
struct wire_sealer {
	uint8_t key[WIRE_KEY_MAX]; // the master key until the salt is made, then the subkey
	struct wire_replay *replay;
	uint64_t nonce;
	uint8_t method;
	uint8_t state;
};

struct wire_opener {
	uint8_t key[WIRE_KEY_MAX]; // the master key until the salt is seen, then the subkey
	struct wire_replay *replay;
	uint64_t nonce;
	uint64_t salt_print; // until the first tag is verified: what `replay` is asked
	uint16_t payload_len;
	uint8_t method;
	uint8_t state;
};

// Copies what it needs of `key`; borrows `replay` (may be NULL: no filter) until _fini. A process
// gives one filter to all its sealers and openers: a sealer records its own salt there, so that a
// stream played back to its sender is refused too (both directions use one master key).
void wire_sealer_init(struct wire_sealer *sealer, const struct wire_key *key,
		      struct wire_replay *replay);
// Wipes. All zeros is as good as finished.
void wire_sealer_fini(struct wire_sealer *sealer);
void wire_opener_init(struct wire_opener *opener, const struct wire_key *key,
		      struct wire_replay *replay);
void wire_opener_fini(struct wire_opener *opener);

// What wire_seal() of `len` bytes will write, exactly.
size_t wire_seal_bound(const struct wire_sealer *sealer, size_t len);
// Seals `len` bytes into as few chunks as possible, after a fresh salt in the first call. With
// `len` 0 the first call writes the salt alone, later calls nothing. `out` must not overlap
// `plain`. Returns the bytes written; -ENOBUFS if `out_size` < wire_seal_bound() (nothing happened,
// call again); -EIO or -ENOMEM: the sealer is dead.
ssize_t wire_seal(struct wire_sealer *sealer, const uint8_t *plain, size_t len, uint8_t *out,
		  size_t out_size);
// Whether the salt has been written.
bool wire_sealer_started(const struct wire_sealer *sealer);

// Opens every complete piece in `in`, which is what the last call left over plus what arrived
// since. Takes *consumed bytes and writes *produced bytes of verified plaintext (both set whatever
// the result). The caller keeps the rest, at most WIRE_OPEN_REST_MAX bytes, and gives it again with
// more behind it. A chunk that does not fit in `out` stays in the rest too; that cannot happen with
// out_size >= in_len. `out` must not overlap `in`.
// Returns 0; -EBADMSG: forged, wrong key, or a length that SIP004 forbids (over 0x3fff; or 0, which
// shadowsocks-libev refuses as well); -EEXIST: the replay filter knows the salt; -ENOMEM. After an
// error the opener is dead: later calls return -EBADMSG and produce nothing. Plaintext of chunks
// before the bad one is still produced by the failing call.
int wire_open(struct wire_opener *opener, const uint8_t *in, size_t in_len, size_t *consumed,
	      uint8_t *out, size_t out_size, size_t *produced);
// Whether the peer's salt has come (not that it knows the key: the first chunk shows that).
bool wire_opener_started(const struct wire_opener *opener);
// Whether some chunk has been verified, at least its length: the peer knows the key.
bool wire_opener_trusted(const struct wire_opener *opener);
// Whether the stream may end here: not inside a chunk. Ask at end of file, together with "the rest
// is empty"; anything else is a cut stream.
bool wire_opener_between_chunks(const struct wire_opener *opener);

// ---- target address

// Where a stream is to go. A name is 1 to 255 printable ASCII bytes without space; a name that is
// the text of an IP address is parsed into one, and IPv4-mapped IPv6 is unmapped, so that rules on
// addresses cannot be walked around. What a name resolves to is the caller's to check.
struct wire_target {
	struct addr addr; // AF_UNSPEC: `name` is used
	uint16_t port;
	char name[256]; // "" when `addr` is used
};

#define WIRE_TARGET_MAX    (1 + 1 + 255 + 2)
#define WIRE_TARGET_STRLEN 264

// Parses the address (RFC 1928 section 5 from ATYP on) at the start of `in`. Returns 0 and its
// length in *used; -EAGAIN if it may become one with more bytes; -EAFNOSUPPORT for an unknown ATYP;
// -EPROTO for a bad name. *out and *used are written only on success.
int wire_target_parse(const uint8_t *in, size_t len, struct wire_target *out, size_t *used);
// Returns the length written, at most WIRE_TARGET_MAX. A target with neither address nor name
// becomes 0.0.0.0.
size_t wire_target_put(const struct wire_target *target, uint8_t out[static WIRE_TARGET_MAX]);
// "192.0.2.1:80", "[2001:db8::1]:80" or "example.org:80"; returns `out`.
const char *wire_target_format(const struct wire_target *target,
			       char out[static WIRE_TARGET_STRLEN]);

// ---- datagrams

// What all datagrams of one key share. A secret: end its life with wire_datagrams_wipe(). Does not
// change once made, so that any number of threads may use one.
struct wire_datagrams {
	enum wire_method method;
	uint8_t master[WIRE_KEY_MAX];
	uint8_t salt_key[16];
};

// Datagrams that belong together, whatever address they are sent from. Our own exit reads it out of
// the salt, every other Shadowsocks sees a salt like any other.
struct wire_association {
	uint64_t id;      // 0: there is none
	uint64_t counter; // never twice with the same id; greater: sent later
};

#define WIRE_ASSOCIATION_ID_MAX      ((1ull << 56) - 1)
#define WIRE_ASSOCIATION_COUNTER_MAX ((1ull << 40) - 1)

struct wire_datagram {
	struct wire_target target; // to a server: where it goes; from one: where it came from
	const uint8_t *payload;    // in the caller's own buffer
	size_t len;
	struct wire_association from;
};

// Which counters of an association have come: the last 2048 or so are known one by one, what is
// older counts as having come (RFC 4303, section 3.4.3). All zeros: none has.
struct wire_window {
	bool begun;
	uint64_t top;
	uint64_t seen[32];
};

// 0, or -ENOMEM or -EIO.
int wire_datagrams_init(struct wire_datagrams *keys, const struct wire_key *key);
void wire_datagrams_wipe(struct wire_datagrams *keys);
// A new association with its first counter, both random. 0 or -EIO.
int wire_association_start(struct wire_association *out);
// Writes a datagram with this target and `len` bytes of payload, which does not overlap `out`.
// `from` may be NULL: no association. `replay` (may be NULL) remembers the salt, so that a datagram
// played back to its sender is refused. Returns its length; -ENOBUFS: longer than `size`;
// -EOVERFLOW: the counter has run out; -EIO or -ENOMEM.
ssize_t wire_datagram_seal(const struct wire_datagrams *keys, struct wire_replay *replay,
			   const struct wire_association *from, const struct wire_target *target,
			   const uint8_t *payload, size_t len, uint8_t *out, size_t size);
// Opens the datagram of `len` bytes at `in`; `plain` has room for as many and does not overlap.
// Returns 0 and fills in *out; -EBADMSG: not sealed with this key, or no address in it; -EEXIST: it
// has come before, as far as `replay` (may be NULL) remembers; -EIO or -ENOMEM.
int wire_datagram_open(const struct wire_datagrams *keys, struct wire_replay *replay,
		       const uint8_t *in, size_t len, uint8_t *plain, struct wire_datagram *out);
// Remembers the counter. -EEXIST: it has come before, or is too old to tell.
int wire_window_admit(struct wire_window *window, uint64_t counter);

// ---- peer service (doc/peer-service.md)

// A stream to this target is answered by our own exit itself. No resolver knows names under
// ".invalid" (RFC 6761), so any other Shadowsocks server refuses it.
#define WIRE_SERVICE_NAME    "peer.mpgate.invalid"
#define WIRE_SERVICE_PORT    1
#define WIRE_SERVICE_VERSION 2
// From this version on ECHO is answered to datagrams, too.
#define WIRE_SERVICE_DATAGRAMS 2

// Questions. The answer to one has WIRE_SERVICE_ANSWER added to its type and the same nonce.
enum wire_service_type {
	WIRE_SERVICE_ECHO = 1,  // nothing but the way there and back
	WIRE_SERVICE_SEEN = 2,  // what the exit sees of this very connection
	WIRE_SERVICE_STATS = 3, // and of the relayed connections from the same addresses
	WIRE_SERVICE_FILL = 4,  // so many bytes, in as many answers as that takes
	WIRE_SERVICE_ANSWER = 0x80,
};

#define WIRE_SERVICE_LIST_MAX 16
#define WIRE_SERVICE_MAX      4096    // a whole message
#define WIRE_SERVICE_FILL_MAX 4000000 // bytes for one question

// A subflow as the exit sees it: the address is the one after all translation on the way.
struct wire_service_subflow {
	struct addr addr;
	uint16_t port;
	bool established;
};

// The subflows of relayed connections from one address, as their sender sees them. The first five
// are of now, the others totals since the exit began to see the address; they never fall but at a
// restart of the exit.
struct wire_service_remote {
	struct addr addr;
	uint32_t subflows;      // established
	uint32_t stalled;       // of these: a retransmission time-out has passed without an answer
	uint32_t rtt_us;        // least smoothed; 0: unknown
	uint32_t cwnd, unacked; // segments, summed
	uint64_t tx_bytes, rx_bytes;    // to and from the gateway; TX as acknowledged
	uint64_t segments, retransmits; // with data, sent
};

// One for all types. What a type does not have, or a peer did not say, is zero.
struct wire_service_message {
	uint8_t type;
	uint64_t nonce;
	// answers to ECHO and SEEN
	uint64_t time_us; // the exit's wall clock, since the epoch
	// answer to SEEN
	uint32_t protocol; // WIRE_SERVICE_VERSION of the exit
	bool mptcp;        // this connection is MPTCP at the exit's end
	char version[32];  // of its program
	uint8_t n_subflows;
	struct wire_service_subflow subflows[WIRE_SERVICE_LIST_MAX];
	// answer to STATS
	uint8_t n_remotes;
	struct wire_service_remote remotes[WIRE_SERVICE_LIST_MAX];
	uint32_t bytes; // FILL: of all answers; in an answer: that are still to come
};

bool wire_service_is_target(const struct wire_target *target);
struct wire_target wire_service_target(void);
// Returns the length written. Lists longer than WIRE_SERVICE_LIST_MAX are cut.
size_t wire_service_put(const struct wire_service_message *message,
			uint8_t out[static WIRE_SERVICE_MAX]);
// Makes a message of `len` bytes at least `to` bytes long, with fields that everybody skips.
// Returns the new length, at most WIRE_SERVICE_MAX.
size_t wire_service_pad(uint8_t message[static WIRE_SERVICE_MAX], size_t len, size_t to);
// Parses the message at the start of `in`. Returns 0 and its length in *used; -EAGAIN: incomplete;
// -EPROTO: broken, or longer than WIRE_SERVICE_MAX. Types, fields and list entries that are not
// known are skipped, and a type that is not known is the caller's to ignore. *out and *used are
// written only on success.
int wire_service_parse(const uint8_t *in, size_t len, struct wire_service_message *out,
		       size_t *used);

// ---- SOCKS5, server side

// The longest greeting and the longest request: no need to keep more than this while one is
// incomplete.
#define WIRE_SOCKS_GREETING_MAX (2 + 255)
#define WIRE_SOCKS_REQUEST_MAX  (3 + WIRE_TARGET_MAX)
#define WIRE_SOCKS_REPLY_MAX    (4 + 16 + 2)

struct wire_socks_step {
	size_t used; // bytes of input taken; 0 unless the result is 0
	size_t reply_len;
	uint8_t reply[WIRE_SOCKS_REPLY_MAX]; // send this; after an error, then close
};

// First the greeting, then the request. Each looks at the start of `in` and returns 0: taken;
// -EAGAIN: incomplete so far; other errors: not for us, send the reply (empty if the peer does not
// speak SOCKS5) and close.
// Greeting: the only method offered is "no authentication" (-EACCES if the peer wants another).
int wire_socks_greeting(const uint8_t *in, size_t len, struct wire_socks_step *step);
// Request: CONNECT only (-EOPNOTSUPP), addresses as wire_target_parse(). On success there is no
// reply yet: send that of wire_socks_reply() once the outcome is known.
int wire_socks_request(const uint8_t *in, size_t len, struct wire_target *target,
		       struct wire_socks_step *step);
// The reply to a request; `err` is 0 or the negative errno of the attempt, `bound` the local
// address of the connection or NULL. Returns its length.
size_t wire_socks_reply(int err, const union sockaddr_any *bound,
			uint8_t out[static WIRE_SOCKS_REPLY_MAX]);

#endif
