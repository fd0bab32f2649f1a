// SPDX-License-Identifier: GPL-2.0-or-later
//
// Kept answers, found by what was asked: the question, and the two flags that make an upstream
// answer otherwise. An entry is one piece of memory, in a chain of its hash and in the order of
// use.
#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "base/str.h"
#include "dns/dns_priv.h"

struct entry {
	struct list used; // in the cache's order; the last is the newest
	struct entry *next;
	struct dns_question question;
	bool dnssec_ok, checking_disabled;
	uint16_t rcode;
	int64_t kept_ms, fresh_until_ms, until_ms;
	int64_t failed_until_ms;
	size_t len;
	uint8_t message[];
};

struct dns_cache {
	struct entry **chains;
	size_t n_chains; // a power of two
	struct list order;
	size_t n, bytes, max_entries, max_bytes;
	uint64_t seed;
};

// FNV-1a, from a secret start. Who finds collisions all the same makes chains of max_entries at
// most.
static uint64_t hash_question(uint64_t seed, const struct dns_question *q)
{
	uint64_t hash = seed ^ 0xcbf29ce484222325u ^ (uint64_t)q->type << 16;

	for (size_t i = 0; i < q->name_len; i++) {
		uint8_t c = q->name[i];

		hash = (hash ^ (c >= 'A' && c <= 'Z' ? c | 0x20u : c)) * 0x100000001b3u;
	}
	return hash ^ hash >> 32;
}

static struct entry **chain_of(struct dns_cache *cache, const struct dns_question *q)
{
	return &cache->chains[hash_question(cache->seed, q) & (cache->n_chains - 1)];
}

static bool is_of(const struct entry *e, const struct dns_query *query)
{
	return e->dnssec_ok == query->dnssec_ok &&
	       e->checking_disabled == query->checking_disabled &&
	       dns_question_equal(&e->question, &query->question);
}

// The link that leads to the entry, or to the end of the chain.
static struct entry **find(struct dns_cache *cache, const struct dns_query *query)
{
	struct entry **at = chain_of(cache, &query->question);

	while (*at && !is_of(*at, query))
		at = &(*at)->next;
	return at;
}

static size_t size_of(const struct entry *e)
{
	return sizeof(*e) + e->len;
}

static void drop(struct dns_cache *cache, struct entry **at)
{
	struct entry *e = *at;

	*at = e->next;
	list_remove(&e->used);
	cache->n--;
	cache->bytes -= size_of(e);
	free(e);
}

static void drop_oldest(struct dns_cache *cache)
{
	struct entry *e = list_entry(cache->order.next, struct entry, used);
	struct entry **at = chain_of(cache, &e->question);

	while (*at != e)
		at = &(*at)->next;
	drop(cache, at);
}

enum dns_found dns_cache_get(struct dns_cache *cache, const struct dns_query *query, int64_t now_ms,
			     struct dns_kept *kept)
{
	struct entry **at = find(cache, query), *e = *at;

	if (!e)
		return DNS_FOUND_NONE;
	if (now_ms >= e->until_ms) {
		drop(cache, at);
		return DNS_FOUND_NONE;
	}
	list_remove(&e->used);
	list_add_tail(&cache->order, &e->used);
	*kept = (struct dns_kept){ .message = e->message,
				   .len = e->len,
				   .rcode = e->rcode,
				   .age_s = (uint32_t)((now_ms - e->kept_ms) / 1000),
				   .stale = now_ms >= e->fresh_until_ms };
	if (!kept->stale)
		return DNS_FOUND_FRESH;
	return now_ms < e->failed_until_ms ? DNS_FOUND_STALE_ONLY : DNS_FOUND_STALE;
}

void dns_cache_forget(struct dns_cache *cache, const struct dns_query *query)
{
	struct entry **at = find(cache, query);

	if (*at)
		drop(cache, at);
}

void dns_cache_put(struct dns_cache *cache, const struct dns_query *query,
		   const struct dns_kept *kept, uint32_t hold_s, int64_t stale_s, int64_t now_ms)
{
	struct entry **at, *e;

	dns_cache_forget(cache, query);
	if (sizeof(*e) + kept->len > cache->max_bytes || !cache->max_entries)
		return;
	e = malloc(sizeof(*e) + kept->len);
	if (!e)
		return;
	*e = (struct entry){ .question = query->question,
			     .dnssec_ok = query->dnssec_ok,
			     .checking_disabled = query->checking_disabled,
			     .rcode = kept->rcode,
			     .kept_ms = now_ms,
			     .fresh_until_ms = now_ms + (int64_t)hold_s * 1000,
			     .until_ms = now_ms + ((int64_t)hold_s + stale_s) * 1000,
			     .len = kept->len };
	memcpy(e->message, kept->message, kept->len);
	while (cache->n == cache->max_entries || cache->bytes + size_of(e) > cache->max_bytes)
		drop_oldest(cache);
	at = chain_of(cache, &e->question);
	e->next = *at;
	*at = e;
	list_add_tail(&cache->order, &e->used);
	cache->n++;
	cache->bytes += size_of(e);
}

void dns_cache_note_failure(struct dns_cache *cache, const struct dns_query *query,
			    int64_t until_ms)
{
	struct entry *e = *find(cache, query);

	if (e)
		e->failed_until_ms = until_ms;
}

size_t dns_cache_entries(const struct dns_cache *cache)
{
	return cache->n;
}

void dns_cache_clear(struct dns_cache *cache)
{
	while (cache->n)
		drop_oldest(cache);
}

struct dns_cache *dns_cache_new(size_t max_entries, size_t max_bytes, uint64_t seed)
{
	struct dns_cache *cache = xcalloc(1, sizeof(*cache));

	*cache = (struct dns_cache){
		.n_chains = 16, .max_entries = max_entries, .max_bytes = max_bytes, .seed = seed
	};
	while (cache->n_chains < max_entries)
		cache->n_chains *= 2;
	cache->chains = xcalloc(cache->n_chains, sizeof(struct entry *));
	list_init(&cache->order);
	return cache;
}

void dns_cache_free(struct dns_cache *cache)
{
	if (!cache)
		return;
	dns_cache_clear(cache);
	free(cache->chains);
	free(cache);
}
