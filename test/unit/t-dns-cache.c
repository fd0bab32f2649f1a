// SPDX-License-Identifier: GPL-2.0-or-later
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "dns/dns_priv.h"

static struct dns_query query(const char *name)
{
	struct dns_query q = { 0 };
	int len = dns_suffix(name, q.question.name);

	assert_true(len > 0);
	q.question.name_len = (uint8_t)len;
	q.question.type = q.question.class = 1;
	return q;
}

static void put(struct dns_cache *c, const char *name, const char *text, uint32_t hold_s,
		int64_t stale_s, int64_t now_ms)
{
	const struct dns_query q = query(name);
	const struct dns_kept kept = { .message = (const uint8_t *)text, .len = strlen(text) };

	dns_cache_put(c, &q, &kept, hold_s, stale_s, now_ms);
}

static enum dns_found get(struct dns_cache *c, const char *name, int64_t now_ms,
			  struct dns_kept *kept)
{
	const struct dns_query q = query(name);

	return dns_cache_get(c, &q, now_ms, kept);
}

static void keeps_for_as_long_as_it_holds(void **state)
{
	struct dns_cache *c = dns_cache_new(10, 10000, 1);
	struct dns_kept kept;

	(void)state;
	put(c, "a.example", "one", 5, 10, 1000);
	assert_int_equal(get(c, "b.example", 1000, &kept), DNS_FOUND_NONE);
	assert_int_equal(get(c, "A.EXAMPLE", 1000, &kept), DNS_FOUND_FRESH);
	assert_int_equal(kept.len, 3);
	assert_memory_equal(kept.message, "one", 3);
	assert_int_equal(kept.age_s, 0);
	assert_int_equal(get(c, "a.example", 5999, &kept), DNS_FOUND_FRESH);
	assert_int_equal(kept.age_s, 4);
	assert_int_equal(get(c, "a.example", 6000, &kept), DNS_FOUND_STALE);
	assert_true(kept.stale);
	assert_int_equal(get(c, "a.example", 15999, &kept), DNS_FOUND_STALE);
	assert_int_equal(get(c, "a.example", 16000, &kept), DNS_FOUND_NONE);
	assert_int_equal(dns_cache_entries(c), 0);

	// without time for stale answers there are none
	put(c, "a.example", "one", 5, 0, 1000);
	assert_int_equal(get(c, "a.example", 6000, &kept), DNS_FOUND_NONE);
	dns_cache_free(c);
}

static void keeps_apart_what_is_answered_otherwise(void **state)
{
	struct dns_cache *c = dns_cache_new(10, 10000, 1);
	struct dns_query q = query("a.example");
	struct dns_kept kept;

	(void)state;
	put(c, "a.example", "plain", 5, 0, 0);
	q.dnssec_ok = true;
	assert_int_equal(dns_cache_get(c, &q, 0, &kept), DNS_FOUND_NONE);
	q.dnssec_ok = false;
	q.checking_disabled = true;
	assert_int_equal(dns_cache_get(c, &q, 0, &kept), DNS_FOUND_NONE);
	q.checking_disabled = false;
	q.question.type = 28;
	assert_int_equal(dns_cache_get(c, &q, 0, &kept), DNS_FOUND_NONE);
	// what it takes in a datagram is no part of it
	q.question.type = 1;
	q.edns = true;
	assert_int_equal(dns_cache_get(c, &q, 0, &kept), DNS_FOUND_FRESH);
	dns_cache_free(c);
}

static void replaces(void **state)
{
	struct dns_cache *c = dns_cache_new(10, 10000, 1);
	struct dns_kept kept;

	(void)state;
	put(c, "a.example", "old", 5, 0, 0);
	put(c, "a.example", "newer", 5, 0, 3000);
	assert_int_equal(dns_cache_entries(c), 1);
	assert_int_equal(get(c, "a.example", 7000, &kept), DNS_FOUND_FRESH);
	assert_int_equal(kept.len, 5);
	dns_cache_free(c);
}

static void forgets(void **state)
{
	struct dns_cache *c = dns_cache_new(10, 10000, 1);
	const struct dns_query q = query("A.example"), none = query("none.example");
	struct dns_kept kept;

	(void)state;
	put(c, "a.example", "one", 5, 1000, 0);
	put(c, "b.example", "two", 5, 1000, 0);
	dns_cache_forget(c, &none);
	dns_cache_forget(c, &q);
	assert_int_equal(dns_cache_entries(c), 1);
	assert_int_equal(get(c, "a.example", 1, &kept), DNS_FOUND_NONE);
	assert_int_equal(get(c, "b.example", 1, &kept), DNS_FOUND_FRESH);
	dns_cache_free(c);
}

static void does_not_ask_again_at_once(void **state)
{
	struct dns_cache *c = dns_cache_new(10, 10000, 1);
	const struct dns_query q = query("a.example"), none = query("none.example");
	struct dns_kept kept;

	(void)state;
	put(c, "a.example", "one", 5, 1000, 0);
	assert_int_equal(get(c, "a.example", 10000, &kept), DNS_FOUND_STALE);
	dns_cache_note_failure(c, &q, 40000);
	dns_cache_note_failure(c, &none, 40000);
	assert_int_equal(get(c, "a.example", 10001, &kept), DNS_FOUND_STALE_ONLY);
	assert_int_equal(get(c, "a.example", 39999, &kept), DNS_FOUND_STALE_ONLY);
	assert_int_equal(get(c, "a.example", 40000, &kept), DNS_FOUND_STALE);
	dns_cache_note_failure(c, &q, 90000);
	put(c, "a.example", "two", 5, 1000, 60000);
	assert_int_equal(get(c, "a.example", 66000, &kept), DNS_FOUND_STALE);
	dns_cache_free(c);
}

static void drops_whoever_was_asked_for_longest_ago(void **state)
{
	struct dns_cache *c = dns_cache_new(3, 100000, 1);
	struct dns_kept kept;

	(void)state;
	put(c, "a.example", "a", 50, 0, 0);
	put(c, "b.example", "b", 50, 0, 0);
	put(c, "c.example", "c", 50, 0, 0);
	assert_int_equal(get(c, "a.example", 1, &kept), DNS_FOUND_FRESH);
	put(c, "d.example", "d", 50, 0, 2);
	assert_int_equal(dns_cache_entries(c), 3);
	assert_int_equal(get(c, "b.example", 3, &kept), DNS_FOUND_NONE);
	assert_int_equal(get(c, "a.example", 3, &kept), DNS_FOUND_FRESH);
	dns_cache_clear(c);
	assert_int_equal(dns_cache_entries(c), 0);
	assert_int_equal(get(c, "a.example", 4, &kept), DNS_FOUND_NONE);
	dns_cache_free(c);
}

static void is_bounded_in_bytes(void **state)
{
	struct dns_cache *c = dns_cache_new(1000, 4000, 1);
	char text[2001], name[32];
	struct dns_kept kept;

	(void)state;
	memset(text, 'x', 2000);
	text[2000] = '\0';
	put(c, "a.example", text, 50, 0, 0);
	put(c, "b.example", text, 50, 0, 0);
	assert_int_equal(dns_cache_entries(c), 1);
	assert_int_equal(get(c, "b.example", 0, &kept), DNS_FOUND_FRESH);
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "n%d.example", i);
		put(c, name, "small", 50, 0, 0);
	}
	assert_in_range(dns_cache_entries(c), 5, 15);
	assert_int_equal(get(c, "n99.example", 0, &kept), DNS_FOUND_FRESH);
	dns_cache_free(c);

	c = dns_cache_new(10, 100, 1); // nothing fits at all
	put(c, "a.example", "one", 50, 0, 0);
	assert_int_equal(dns_cache_entries(c), 0);
	dns_cache_free(c);
}

static void holds_many(void **state)
{
	struct dns_cache *c = dns_cache_new(500, 1000000, 0x123456789abcdef);
	struct dns_kept kept;
	char name[32];

	(void)state;
	for (int i = 0; i < 2000; i++) {
		snprintf(name, sizeof(name), "host%d.example", i);
		put(c, name, name, 50, 0, i);
	}
	assert_int_equal(dns_cache_entries(c), 500);
	for (int i = 0; i < 2000; i++) {
		snprintf(name, sizeof(name), "host%d.example", i);
		assert_int_equal(get(c, name, 2000, &kept),
				 i < 1500 ? DNS_FOUND_NONE : DNS_FOUND_FRESH);
		if (i >= 1500)
			assert_memory_equal(kept.message, name, kept.len);
	}
	dns_cache_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_for_as_long_as_it_holds),
		cmocka_unit_test(keeps_apart_what_is_answered_otherwise),
		cmocka_unit_test(replaces),
		cmocka_unit_test(forgets),
		cmocka_unit_test(does_not_ask_again_at_once),
		cmocka_unit_test(drops_whoever_was_asked_for_longest_ago),
		cmocka_unit_test(is_bounded_in_bytes),
		cmocka_unit_test(holds_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
