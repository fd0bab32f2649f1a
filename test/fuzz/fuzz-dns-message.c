// SPDX-License-Identifier: GPL-2.0-or-later
//
// A DNS message, as a client's query and as an upstream's answer; what is good is said again.
#include "fuzz.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dns/dns_priv.h"

static void check_query(const uint8_t *data, size_t size)
{
	uint8_t out[DNS_QUERY_MAX + DNS_REPLY_EXTRA];
	struct dns_query query, again;
	int rc = dns_query_parse(data, size, &query);
	size_t len;

	FUZZ_REQUIRE(rc >= 0 || rc == -EPROTO);
	if (rc < 0)
		return;
	FUZZ_REQUIRE(dns_reply_error(&query, (uint16_t)rc, DNS_EXTRA_STALE, out) <= sizeof(out));
	if (rc)
		return;
	FUZZ_REQUIRE(dns_query_limit(&query) >= DNS_DATAGRAM_LEAST &&
		     dns_query_limit(&query) <= DNS_DATAGRAM_MAX);
	for (int edns = 0; edns < 2; edns++) {
		len = dns_query_put(&query, 1, edns, out);
		FUZZ_REQUIRE(len <= DNS_QUERY_MAX);
		FUZZ_REQUIRE(dns_query_parse(out, len, &again) == 0);
		FUZZ_REQUIRE(dns_question_equal(&query.question, &again.question));
	}
}

static void check_reply(const struct dns_query *query, const struct dns_kept *kept, size_t limit)
{
	// exactly as much as is promised to be enough
	uint8_t *out = malloc(kept->len + DNS_REPLY_EXTRA);
	struct dns_answer again;
	size_t len;

	FUZZ_REQUIRE(out);
	len = dns_reply(query, kept, limit, out);
	FUZZ_REQUIRE(len <= limit || len <= DNS_QUERY_MAX + DNS_REPLY_EXTRA);
	FUZZ_REQUIRE(len <= kept->len + DNS_REPLY_EXTRA);
	FUZZ_REQUIRE(dns_answer_parse(out, len, &again) == 0);
	FUZZ_REQUIRE(dns_question_equal(&query->question, &again.question));
	free(out);
}

static void check_answer(const uint8_t *data, size_t size)
{
	uint8_t *message = malloc(size ? size : 1);
	struct dns_query query = { .id = 1, .edns = true, .authentic = true };
	struct dns_kept kept = { .age_s = 100 };
	struct dns_answer answer, again;

	FUZZ_REQUIRE(message);
	memcpy(message, data, size);
	if (dns_answer_parse(message, size, &answer) == 0) {
		kept.message = message;
		kept.len = dns_answer_strip(message, &answer);
		kept.rcode = answer.rcode;
		FUZZ_REQUIRE(kept.len <= size);
		query.question = answer.question;
		// an error is told by its code alone
		FUZZ_REQUIRE(answer.question.name_len || !answer.hold_s);
		FUZZ_REQUIRE(!answer.question.name_len ||
			     (dns_answer_parse(message, kept.len, &again) == 0 &&
			      again.len == kept.len));
		for (size_t limit = DNS_DATAGRAM_LEAST;
		     answer.question.name_len && limit <= DNS_MESSAGE_MAX; limit += limit / 4) {
			check_reply(&query, &kept, limit);
			kept.stale = !kept.stale;
		}
	}
	free(message);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_query(data, size);
	check_answer(data, size);
	return 0;
}
