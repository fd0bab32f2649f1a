// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef DNS_DNS_PRIV_H
#define DNS_DNS_PRIV_H

#include <ev.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/backoff.h"
#include "base/list.h"
#include "dns/dns.h"
#include "stream/stream.h"

// ---- message.c: messages of RFC 1035, with EDNS(0) (RFC 6891). Pure; nothing is allocated.

#define DNS_HEADER_LEN  12
#define DNS_NAME_MAX    255 // in wire form
#define DNS_MESSAGE_MAX 65535
#define DNS_QUERY_MAX   (DNS_HEADER_LEN + DNS_NAME_MAX + 4 + 11)
// Most that goes out in a datagram, whatever the client takes: no link of a LAN cuts that in
// pieces.
#define DNS_DATAGRAM_MAX   1232
#define DNS_DATAGRAM_LEAST 512 // what every client takes

#define DNS_TYPE_NS  2
#define DNS_CLASS_IN 1

enum dns_rcode {
	DNS_NOERROR = 0,
	DNS_FORMERR = 1,
	DNS_SERVFAIL = 2,
	DNS_NXDOMAIN = 3,
	DNS_NOTIMP = 4,
	DNS_REFUSED = 5,
	DNS_BADVERS = 16,
};

// What an error or a stale answer is due to (RFC 8914).
enum dns_extra {
	DNS_EXTRA_NONE = -1,
	DNS_EXTRA_STALE = 3,
	DNS_EXTRA_STALE_NXDOMAIN = 19,
	DNS_EXTRA_UNREACHABLE = 22,
};

struct dns_question {
	uint8_t name[DNS_NAME_MAX]; // in wire form and the asker's own capitals
	uint8_t name_len;           // 0: there is no question
	uint16_t type, class;
};

// What a client asks, as far as it matters.
struct dns_query {
	uint16_t id;
	uint8_t opcode;
	struct dns_question question;
	bool recurse, checking_disabled, authentic;
	bool edns, dnssec_ok;
	uint16_t payload; // what it takes in a datagram
};

// Reads a query. 0; or the rcode to answer it with at once, the question being what could be read
// of it; or -EPROTO: not worth an answer.
int dns_query_parse(const uint8_t *message, size_t len, struct dns_query *out);
// Writes a query of our own, which asks the same; returns its length. Without `edns` it asks for no
// DNSSEC.
size_t dns_query_put(const struct dns_query *query, uint16_t id, bool edns,
		     uint8_t out[static DNS_QUERY_MAX]);

struct dns_answer {
	uint16_t id;
	struct dns_question question; // errors may come without one
	uint16_t rcode;               // with the upper bits that are in the OPT record
	bool truncated;
	bool edns;             // it has an OPT record
	uint32_t hold_s;       // how long it may be kept; 0: not at all
	size_t len;            // without the OPT record and what is behind it
	uint16_t n_additional; // before that
};

// Checks a whole answer. 0 or -EPROTO.
int dns_answer_parse(const uint8_t *message, size_t len, struct dns_answer *out);
// Takes the OPT record, and all that is behind it, out of an answer that was parsed. Returns its
// length.
size_t dns_answer_strip(uint8_t *message, const struct dns_answer *answer);

// By RFC 4343: without regard to capitals.
bool dns_question_equal(const struct dns_question *a, const struct dns_question *b);

// A stripped answer, as kept.
struct dns_kept {
	const uint8_t *message;
	size_t len;
	uint16_t rcode;
	uint32_t age_s; // comes off the TTLs
	bool stale;     // its time is over: the TTLs become DNS_STALE_TTL_S
};

#define DNS_STALE_TTL_S 30 // RFC 8767, 4

// Writes what `query` is answered with from what was kept for the same question. When that is more
// than `limit` bytes, what goes with the answer stays out, and without room for the answer itself
// it is truncated. `out` has room for kept->len + DNS_REPLY_EXTRA. Returns the length.
size_t dns_reply(const struct dns_query *query, const struct dns_kept *kept, size_t limit,
		 uint8_t *out);
#define DNS_REPLY_EXTRA 32
// An answer without records. Returns the length, at most DNS_QUERY_MAX + DNS_REPLY_EXTRA.
size_t dns_reply_error(const struct dns_query *query, uint16_t rcode, enum dns_extra extra,
		       uint8_t *out);
// How much of an answer the client takes in a datagram.
size_t dns_query_limit(const struct dns_query *query);

// Whether a name is `suffix` or below it.
bool dns_name_is_below(const uint8_t *name, size_t len, const uint8_t *suffix, size_t suffix_len);

// ---- cache.c: answers that were kept. Pure: the time is a parameter, CLOCK_MONOTONIC. Bounded in
// entries and bytes; whoever was asked for longest ago goes first.

struct dns_cache;

enum dns_found {
	DNS_FOUND_NONE,
	DNS_FOUND_FRESH,
	DNS_FOUND_STALE,
	DNS_FOUND_STALE_ONLY, // and asking for a newer one has just failed: not to be tried now
};

// `seed` is a secret, so that nobody can choose names that all fall into one place.
struct dns_cache *dns_cache_new(size_t max_entries, size_t max_bytes, uint64_t seed);
void dns_cache_free(struct dns_cache *cache);
// What goes by other upstreams is not kept apart: empty it when they change.
void dns_cache_clear(struct dns_cache *cache);
// *kept is valid until the cache is changed.
enum dns_found dns_cache_get(struct dns_cache *cache, const struct dns_query *query, int64_t now_ms,
			     struct dns_kept *kept);
// Copies `kept`, which holds for `hold_s` from now on, and may serve for `stale_s` longer. Without
// memory, or without room, nothing is kept.
void dns_cache_put(struct dns_cache *cache, const struct dns_query *query,
		   const struct dns_kept *kept, uint32_t hold_s, int64_t stale_s, int64_t now_ms);
// What was kept is not so any more.
void dns_cache_forget(struct dns_cache *cache, const struct dns_query *query);
// Nobody has given a newer one just now, and nobody is to be asked before `until_ms`.
void dns_cache_note_failure(struct dns_cache *cache, const struct dns_query *query,
			    int64_t until_ms);
size_t dns_cache_entries(const struct dns_cache *cache);

// ---- the service: see the essay in dns.c

struct account;
struct ask;
struct conn;
struct lane;

// A name server, as it has been lately.
struct server {
	union sockaddr_any at;
	bool sealed; // asked through the exit, over any of the ways
	int way;     // else over this one; negative: as the routes say
	uint64_t asked, answered;
	int64_t rtt_us;         // of its answers, smoothed; negative: unknown
	int64_t suspect_ms;     // until then others are asked first; CLOCK_MONOTONIC
	int64_t plain_until_ms; // it does not know EDNS
	int misses;             // in a row,
	int64_t missed_ms;      // the last of them
	int error;              // and how it came about
	bool mute;              // it has acknowledged the questions, so it is not the path's fault
	bool told;              // that it does not answer
	struct backoff backoff;
};

// One client's answer to come.
struct waiter {
	struct list link; // of the ask
	struct list home; // of the connection or listener
	struct ask *ask;
	struct dns_query query;
	struct account *account;
	struct conn *conn;         // NULL: it came as a datagram,
	struct listener *listener; // here
	union sockaddr_any from;
};

// One question put to one server over one lane.
struct
try {
	struct list link; // of the lane
	struct ask *ask;
	struct lane *lane; // NULL: not under way
	uint16_t id;
	bool edns;
	int64_t sent_us;
};

#define ASK_TRIES_MAX 6

// A question that is put to servers, for all who wait for the answer.
struct ask {
	struct list link;
	struct dns *dns;
	struct dns_query query; // the first client's
	struct server *own;     // its domain's; NULL: it goes to the upstreams
	struct list waiters;
	struct try tries[ASK_TRIES_MAX];
	int n_sent;       // tries ever begun
	unsigned refused; // upstreams that had no answer, by place
	int64_t begun_ms, next_ms;
	ev_timer timer;
	bool stale_given; // or there was none to give
	// a server's answer that is no answer, for when nobody has a better one; DNS_NOERROR: none
	// has come
	uint16_t error_rcode;
};

// Of so many questions it is known when they went out.
#define LANE_SENT 128

struct lane {
	struct list link;
	struct dns *dns;
	struct stream stream;
	struct server *server;
	int way; // negative: as the routes say
	struct list tries;
	uint16_t next_id;
	// by the last bits of the id; at_us 0: it is answered
	struct {
		int64_t at_us;
		uint16_t id;
	} sent[LANE_SENT];
	int64_t opened_ms;
	int64_t used_ms;    // when a client's question was last put
	int64_t waiting_ms; // since when an answer is due and nothing has come at all; 0: not
			    // waiting
	int64_t checked_ms; // when it was asked whether it is there at all, because of that; 0: it
			    // was not
	bool blamed;        // because it has not answered that either
	bool in_use;        // what it has brought is being looked at
	int64_t heard_us;   // when something came last; 0: never
	int64_t rtt_us;     // of its answers, smoothed; negative: unknown
};

struct direct {
	uint8_t suffix[DNS_NAME_MAX];
	uint8_t suffix_len;
	struct server *server;
};

struct dns {
	struct ev_loop *loop;
	dns_tell_fn *tell;
	void *ctx;
	struct dns_spec spec;
	struct wire_replay *replay;
	struct dns_cache *cache; // NULL: none
	struct server upstreams[SNAPSHOT_UPSTREAMS];
	struct direct *direct;
	size_t n_direct;
	struct server *own; // of these
	size_t n_own;
	int64_t way_suspect_ms[PATHS_MAX]; // until then other ways are taken first
	struct list lanes, asks, listeners, conns, accounts;
	int n_lanes, n_asks, n_waiters, n_conns;
	int64_t least_patience_ms; // others are not asked sooner; see lane_patience_ms()
	int64_t heard_ms;          // when anybody last answered
	ev_timer tick;             // active while there is a lane or a connection
	struct {
		uint64_t queries, hits, stale, failures;
	} counted;
	uint8_t reply[DNS_MESSAGE_MAX + DNS_REPLY_EXTRA];
};

// dns.c
void dns_stir(struct dns *dns); // the tick runs for a while
// Its place among the upstreams; negative: it is none.
int dns_upstream_place(const struct dns *dns, const struct server *server);

// lane.c
// The lane to the server over the way, opened if there is none; NULL: it cannot be.
struct lane *lane_get(struct dns *dns, struct server *server, int way);
// Whether there could be one.
bool lane_is_possible(const struct dns *dns, const struct server *server, int way);
int lane_send(struct lane *lane, struct try *try);
void try_stop(struct try *try);
// How long to wait before somebody else is asked too.
int64_t lane_patience_ms(const struct lane *lane);
// Without a word to those whose questions are under way there: see ask_again_all().
void lane_close(struct lane *lane);
// Whether the other end has got all that was sent.
bool lane_is_acked(const struct lane *lane);
// Looks after it. Whether it is gone, and maybe others with it.
bool lane_tick(struct lane *lane, int64_t now_ms);
void server_init(struct server *server, const union sockaddr_any *at, bool sealed, int way);

// ask.c
// The same question that is under way already, or NULL.
struct ask *ask_find(struct dns *dns, const struct dns_query *query);
// Both take the waiter.
void ask_join(struct ask *ask, struct waiter *waiter);
void ask_begin(struct dns *dns, struct waiter *waiter);
// Its client is gone. The last one's question is not worth asking any more: the ask is freed.
void ask_leave(struct waiter *waiter);
// An answer, checked and of the same question. It is changed.
void ask_take(struct ask *ask, const struct try *try, const struct lane *lane, uint8_t *message,
	      const struct dns_answer *answer);
// Puts those anew that nobody is asked any more, after a lane is gone, or servers or ways have
// changed.
void ask_again_all(struct dns *dns);
void ask_free_all(struct dns *dns);

// client.c
void client_answer(struct waiter *waiter, const uint8_t *message, size_t len);
size_t client_limit(const struct waiter *waiter);
// Removes it from wherever it is listed.
void waiter_free(struct dns *dns, struct waiter *waiter);
void client_listen(struct dns *dns);
void client_tick(struct dns *dns, int64_t now_ms);
void client_close_all(struct dns *dns);
void client_count(const struct dns *dns, struct dns_snapshot *out);

#endif
