// SPDX-License-Identifier: GPL-2.0-or-later
#include "unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dns/dns_priv.h"

enum { A = 1, NS = 2, CNAME = 5, SOA = 6, TXT = 16, AAAA = 28, OPT = 41 };

// A message in the making.
struct made {
	uint8_t bytes[4096];
	size_t len;
};

static void add(struct made *m, const void *bytes, size_t len)
{
	assert_true(m->len + len <= sizeof(m->bytes));
	if (len)
		memcpy(m->bytes + m->len, bytes, len);
	m->len += len;
}

static void add16(struct made *m, unsigned value)
{
	const uint8_t bytes[] = { (uint8_t)(value >> 8), (uint8_t)value };

	add(m, bytes, 2);
}

static void add32(struct made *m, uint32_t value)
{
	add16(m, value >> 16);
	add16(m, value & 0xffff);
}

// "www.example" or "" for the root; "@12" points.
static void add_name(struct made *m, const char *name)
{
	uint8_t wire[255];
	int len;

	if (name[0] == '@') {
		add16(m, 0xc000u | (unsigned)strtoul(name + 1, NULL, 10));
		return;
	}
	len = dns_suffix(name, wire);
	assert_true(len > 0);
	add(m, wire, (size_t)len);
}

static void begin(struct made *m, unsigned id, unsigned flags, const unsigned counts[4])
{
	*m = (struct made){ 0 };
	add16(m, id);
	add16(m, flags);
	for (int i = 0; i < 4; i++)
		add16(m, counts[i]);
}

static void add_question(struct made *m, const char *name, unsigned type)
{
	add_name(m, name);
	add16(m, type);
	add16(m, 1);
}

static void add_record(struct made *m, const char *name, unsigned type, uint32_t ttl,
		       const void *data, size_t len)
{
	add_name(m, name);
	add16(m, type);
	add16(m, type == OPT ? 1232 : 1);
	add32(m, ttl);
	add16(m, (unsigned)len);
	add(m, data, len);
}

static void add_soa(struct made *m, const char *name, uint32_t ttl, uint32_t minimum)
{
	uint8_t data[22] = { 0 };

	for (int i = 0; i < 4; i++)
		data[18 + i] = (uint8_t)(minimum >> (24 - 8 * i));
	add_record(m, name, SOA, ttl, data, sizeof(data));
}

static const uint8_t address[] = { 192, 0, 2, 1 };

#define COUNTS(...) ((const unsigned[4]){ __VA_ARGS__ })

static uint32_t get32(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

// ---- queries

static void reads_queries(void **state)
{
	struct dns_query q;
	struct made m;

	(void)state;
	begin(&m, 0x1234, 0x0130, COUNTS(1, 0, 0, 1));
	add_question(&m, "WWW.Example", AAAA);
	add_record(&m, "", OPT, 0x8000, NULL, 0);
	assert_int_equal(dns_query_parse(m.bytes, m.len, &q), 0);
	assert_int_equal(q.id, 0x1234);
	assert_int_equal(q.opcode, 0);
	assert_true(q.recurse && q.checking_disabled && q.authentic && q.edns && q.dnssec_ok);
	assert_int_equal(q.payload, 1232);
	assert_int_equal(q.question.type, AAAA);
	assert_int_equal(q.question.name_len, 13);
	assert_memory_equal(q.question.name, "\3WWW\7Example", 13);
	for (size_t cut = 0; cut < m.len; cut++) {
		int rc = dns_query_parse(m.bytes, cut, &q);

		assert_int_equal(rc, cut < DNS_HEADER_LEN ? -EPROTO : DNS_FORMERR);
	}
}

static void refuses_queries(void **state)
{
	static const struct {
		const char *what;
		unsigned flags, counts[4];
		const char *name;
		unsigned type;
		uint32_t opt; // its TTL; 1: no OPT
		int rc;
	} cases[] = {
		{ "an answer", 0x8100, { 1, 0, 0, 0 }, "a", A, 1, -EPROTO },
		{ "a notification", 0x2000, { 1, 0, 0, 0 }, "a", SOA, 1, DNS_NOTIMP },
		{ "no question", 0x0100, { 0, 0, 0, 0 }, "a", A, 1, DNS_FORMERR },
		{ "two questions", 0x0100, { 2, 0, 0, 0 }, "a", A, 1, DNS_FORMERR },
		{ "a record that is not there", 0x0100, { 1, 0, 0, 1 }, "a", A, 1, DNS_FORMERR },
		{ "a pointer for a name", 0x0100, { 1, 0, 0, 0 }, "@12", A, 1, DNS_FORMERR },
		{ "a pointer that ends like a name",
		  0x0100,
		  { 1, 0, 0, 0 },
		  "@0",
		  A,
		  1,
		  DNS_FORMERR },
		{ "a zone", 0x0100, { 1, 0, 0, 0 }, "a", 252, 1, DNS_REFUSED },
		{ "EDNS version 1", 0x0100, { 1, 0, 0, 1 }, "a", A, 0x10000, DNS_BADVERS },
		{ "the root", 0x0100, { 1, 0, 0, 0 }, "", NS, 1, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct dns_query q;
		struct made m;
		int rc;

		begin(&m, 1, cases[i].flags, cases[i].counts);
		add_question(&m, cases[i].name, cases[i].type);
		if (cases[i].opt != 1)
			add_record(&m, "", OPT, cases[i].opt, NULL, 0);
		rc = dns_query_parse(m.bytes, m.len, &q);
		assert_int_equal(rc < 0 ? 0 : q.opcode, rc < 0 ? 0 : cases[i].flags >> 11 & 15);
		if (rc != cases[i].rc)
			fail_msg("%s: %d, not %d", cases[i].what, rc, cases[i].rc);
	}
}

static struct dns_query ask_for(const char *name, unsigned type)
{
	struct dns_query q = { .id = 7, .recurse = true, .payload = 512 };
	int len = dns_suffix(name, q.question.name);

	assert_true(len > 0);
	q.question.name_len = (uint8_t)len;
	q.question.type = (uint16_t)type;
	q.question.class = 1;
	return q;
}

static void writes_queries_that_it_reads(void **state)
{
	struct dns_query q = ask_for("www.example", A), again;
	uint8_t out[DNS_QUERY_MAX];
	size_t len;

	(void)state;
	q.dnssec_ok = q.checking_disabled = true;
	len = dns_query_put(&q, 0xbeef, true, out);
	assert_int_equal(dns_query_parse(out, len, &again), 0);
	assert_int_equal(again.id, 0xbeef);
	assert_true(again.edns && again.dnssec_ok && again.checking_disabled && again.recurse);
	assert_true(dns_question_equal(&q.question, &again.question));
	assert_int_equal(dns_query_put(&q, 1, false, out), len - 11);
	assert_int_equal(dns_query_parse(out, len - 11, &again), 0);
	assert_false(again.edns || again.dnssec_ok);
}

static void knows_the_longest_name(void **state)
{
	uint8_t wire[255];
	char name[300];

	(void)state;
	memset(name, 'a', sizeof(name));
	name[63] = name[127] = name[191] = '.';
	name[253] = '\0';
	assert_int_equal(dns_suffix(name, wire), 255);
	name[253] = 'a';
	name[254] = '\0';
	assert_int_equal(dns_suffix(name, wire), -EINVAL);
	memset(name, 'a', 64);
	name[64] = '\0';
	assert_int_equal(dns_suffix(name, wire), -EINVAL);
	assert_int_equal(dns_suffix("a..b", wire), -EINVAL);
}

static void knows_what_is_below(void **state)
{
	static const struct {
		const char *name, *suffix;
		bool below;
	} cases[] = {
		{ "corp.example", "corp.example", true },
		{ "a.b.Corp.EXAMPLE", "corp.example", true },
		{ "notcorp.example", "corp.example", false },
		{ "example", "corp.example", false },
		{ "corp.example.net", "corp.example", false },
		{ "x", "", true },
		// a label's bytes are no labels
		{ "\4corp.example", "corp.example", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint8_t name[255], suffix[255];
		int len = dns_suffix(cases[i].name, name),
		    suffix_len = dns_suffix(cases[i].suffix, suffix);

		if (dns_name_is_below(name, (size_t)len, suffix, (size_t)suffix_len) !=
		    cases[i].below)
			fail_msg("%s below %s", cases[i].name, cases[i].suffix);
	}
}

// ---- answers

static void reads_the_names_of_rfc_1035(void **state)
{
	struct dns_answer a;
	struct made m;
	size_t at;

	(void)state;
	// 4.1.4: F.ISI.ARPA, FOO.F.ISI.ARPA by a pointer, ARPA by one into the middle, and the root
	begin(&m, 9, 0x8180, COUNTS(1, 4, 0, 0));
	add_question(&m, "F.ISI.ARPA", A);
	add_record(&m, "@12", A, 10, address, 4);
	add(&m, "\3FOO", 4);
	add_record(&m, "@12", A, 10, address, 4);
	add_record(&m, "@18", A, 10, address, 4);
	add_record(&m, "", A, 10, address, 4);
	assert_int_equal(dns_answer_parse(m.bytes, m.len, &a), 0);
	assert_int_equal(a.len, m.len);
	assert_int_equal(a.hold_s, 10);
	for (size_t cut = 0; cut < m.len; cut++)
		assert_int_equal(dns_answer_parse(m.bytes, cut, &a), -EPROTO);

	// to itself, ahead, and in a circle by way of labels
	begin(&m, 9, 0x8180, COUNTS(1, 1, 0, 0));
	add_question(&m, "a", A);
	at = m.len;
	add_record(&m, "@19", A, 10, address, 4);
	assert_int_equal(at, 19);
	assert_int_equal(dns_answer_parse(m.bytes, m.len, &a), -EPROTO);
	m.bytes[20] = 200;
	assert_int_equal(dns_answer_parse(m.bytes, m.len, &a), -EPROTO);
	m.bytes[20] = 12;
	assert_int_equal(dns_answer_parse(m.bytes, m.len, &a), 0);
	m.bytes[19] = 0x80; // 01 and 10 are no labels (RFC 6891, 5)
	assert_int_equal(dns_answer_parse(m.bytes, m.len, &a), -EPROTO);
}

static void knows_how_long_answers_hold(void **state)
{
	static const struct {
		const char *what;
		unsigned flags;
		uint32_t answer_ttl, soa_ttl, minimum; // 0: no such record
		unsigned answer_type;
		uint32_t hold_s;
	} cases[] = {
		{ "an address", 0x8180, 300, 0, 0, A, 300 },
		{ "an address with an SOA beside it", 0x8180, 300, 200, 1, A, 200 },
		{ "no more than a day", 0x8180, 604800, 0, 0, A, 86400 },
		{ "the highest bit (RFC 8767, 4)", 0x8180, 0xffffffff, 0, 0, A, 86400 },
		{ "NXDOMAIN: the least of both", 0x8183, 0, 600, 60, 0, 60 },
		{ "NXDOMAIN: the least of both", 0x8183, 0, 60, 600, 0, 60 },
		{ "NXDOMAIN behind an alias", 0x8183, 30, 600, 60, CNAME, 30 },
		{ "NXDOMAIN: no more than three hours", 0x8183, 0, 86400, 86400, 0, 10800 },
		{ "NXDOMAIN without an SOA", 0x8183, 0, 0, 0, 0, 0 },
		{ "no such data", 0x8180, 0, 600, 60, 0, 60 },
		{ "an alias alone", 0x8180, 300, 0, 0, CNAME, 0 },
		{ "no data and no SOA", 0x8180, 0, 0, 0, 0, 0 },
		{ "truncated", 0x8380, 300, 0, 0, A, 0 },
		{ "SERVFAIL", 0x8182, 300, 600, 60, A, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct dns_answer a;
		struct made m;

		begin(&m, 9, cases[i].flags,
		      COUNTS(1, cases[i].answer_type > 0, cases[i].soa_ttl > 0, 1));
		add_question(&m, "www.example", A);
		if (cases[i].answer_type)
			add_record(&m, "@12", cases[i].answer_type, cases[i].answer_ttl, address,
				   4);
		if (cases[i].soa_ttl)
			add_soa(&m, "@16", cases[i].soa_ttl, cases[i].minimum);
		add_record(&m, "", OPT, 0, NULL, 0); // its "TTL" is none
		assert_int_equal(dns_answer_parse(m.bytes, m.len, &a), 0);
		if (a.hold_s != cases[i].hold_s)
			fail_msg("%s: %u s, not %u", cases[i].what, a.hold_s, cases[i].hold_s);
	}
}

static void refuses_what_is_no_answer(void **state)
{
	struct dns_answer a;
	struct made m;

	(void)state;
	begin(&m, 9, 0x0100, COUNTS(1, 0, 0, 0));
	add_question(&m, "a", A);
	assert_int_equal(dns_answer_parse(m.bytes, m.len, &a), -EPROTO);
	m.bytes[2] = 0x81;
	assert_int_equal(dns_answer_parse(m.bytes, m.len, &a), 0);
	m.bytes[5] = 0;
	assert_int_equal(dns_answer_parse(m.bytes, m.len, &a), -EPROTO);
	m.bytes[5] = 2;
	assert_int_equal(dns_answer_parse(m.bytes, m.len, &a), -EPROTO);
}

// Who cannot read a query does not say it again; but what there is or is not, is of a question.
static void reads_errors_without_a_question(void **state)
{
	static const unsigned good[] = { 1, 2, 4, 5 };
	struct dns_answer a;
	struct made m;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		begin(&m, 9, 0x8100 | good[i], COUNTS(0, 0, 0, 0));
		assert_int_equal(dns_answer_parse(m.bytes, m.len, &a), 0);
		assert_int_equal(a.rcode, good[i]);
		assert_int_equal(a.question.name_len, 0);
		assert_false(a.edns);
	}
	begin(&m, 9, 0x8103, COUNTS(0, 0, 0, 0));
	assert_int_equal(dns_answer_parse(m.bytes, m.len, &a), -EPROTO);
	begin(&m, 9, 0x8180, COUNTS(0, 1, 0, 0));
	add_record(&m, "", A, 5, address, 4);
	assert_int_equal(dns_answer_parse(m.bytes, m.len, &a), -EPROTO);
	// BADVERS, of which only the OPT record tells
	begin(&m, 9, 0x8100, COUNTS(0, 0, 0, 1));
	add_record(&m, "", OPT, 0x01000000, NULL, 0);
	assert_int_equal(dns_answer_parse(m.bytes, m.len, &a), 0);
	assert_int_equal(a.rcode, DNS_BADVERS);
	assert_true(a.edns);
}

// ---- replies

// An answer of `n` addresses with an OPT record, and something behind that; stripped.
static struct dns_kept make_kept(struct made *m, unsigned n, struct dns_answer *a)
{
	begin(m, 9, 0x81a0, COUNTS(1, n, 0, 2));
	add_question(m, "www.example", A);
	for (unsigned i = 0; i < n; i++)
		add_record(m, "@12", A, 100 + i, address, 4);
	add_record(m, "", OPT, 0, "abc", 3);
	add_record(m, "late.example", A, 5, address, 4);
	assert_int_equal(dns_answer_parse(m->bytes, m->len, a), 0);
	m->len = dns_answer_strip(m->bytes, a);
	return (struct dns_kept){ .message = m->bytes, .len = m->len, .rcode = a->rcode };
}

static void replies_with_what_was_kept(void **state)
{
	struct dns_query q = ask_for("wWw.Example", A);
	uint8_t out[4096];
	struct dns_answer a;
	struct dns_kept kept;
	struct made m;
	size_t len;

	(void)state;
	kept = make_kept(&m, 2, &a);
	assert_int_equal(m.bytes[11], 0);
	kept.age_s = 40;
	len = dns_reply(&q, &kept, 512, out);
	assert_int_equal(len, m.len);
	assert_int_equal(out[0] << 8 | out[1], 7);
	// QR, RD, RA; AD only for who understands it (RFC 6840, 5.8)
	assert_int_equal(out[2] << 8 | out[3], 0x8180);
	assert_memory_equal(out + 12, "\3wWw\7Example", 13);
	assert_int_equal(get32(out + 29 + 6), 60);
	assert_int_equal(get32(out + 29 + 16 + 6), 61);
	q.authentic = true;
	dns_reply(&q, &kept, 512, out);
	assert_int_equal(out[2] << 8 | out[3], 0x81a0);

	kept.age_s = 101;
	dns_reply(&q, &kept, 512, out);
	assert_int_equal(get32(out + 29 + 6), 0);
	assert_int_equal(get32(out + 29 + 16 + 6), 0);

	// the same bytes once more: what is kept is not changed
	assert_int_equal(get32(m.bytes + 29 + 6), 100);

	kept.stale = q.edns = true;
	len = dns_reply(&q, &kept, 512, out);
	assert_int_equal(get32(out + 29 + 6), DNS_STALE_TTL_S);
	assert_int_equal(len, m.len + 17);
	assert_int_equal(out[11], 1);
	// EDE 3, "Stale Answer"
	assert_memory_equal(out + len - 8, "\0\6\0\17\0\2\0\3", 8);
}

static void ages_what_there_is_not(void **state)
{
	struct dns_query q = ask_for("www.example", A);
	struct dns_kept kept = { .age_s = 40, .rcode = DNS_NXDOMAIN };
	uint8_t out[600];
	struct made m;

	(void)state;
	begin(&m, 9, 0x8183, COUNTS(1, 0, 1, 0));
	add_question(&m, "www.example", A);
	add_soa(&m, "@16", 600, 60);
	kept.message = m.bytes;
	kept.len = m.len;
	dns_reply(&q, &kept, 512, out);
	// it holds for twenty more, and not for MINIMUM from now on (RFC 2308, 5)
	assert_int_equal(get32(out + 29 + 6), 20);
}

static void passes_truncation_on(void **state)
{
	struct dns_query q = ask_for("www.example", A);
	struct dns_kept kept = { 0 };
	uint8_t out[600];
	struct made m;

	(void)state;
	begin(&m, 9, 0x8380, COUNTS(1, 1, 0, 0));
	add_question(&m, "www.example", A);
	add_record(&m, "@12", A, 10, address, 4);
	kept.message = m.bytes;
	kept.len = m.len;
	assert_int_equal(dns_reply(&q, &kept, 512, out), m.len);
	assert_int_equal(out[2] << 8 | out[3], 0x8380);
}

// Of two answers, what the domain's servers are (two), and where those are (two).
static void leaves_out_what_goes_with_the_answer(void **state)
{
	enum { ANSWERS = 29 + 2 * 16, SERVERS = ANSWERS + 2 * 16, ALL = SERVERS + 2 * 16 };
	static const struct {
		const char *what;
		bool edns, dnssec_ok, negative;
		size_t limit, len;
		const char *counts; // of the reply, all but the question
		bool truncated;
	} cases[] = {
		{ "all", false, false, false, ALL, ALL, "\0\2\0\2\0\2", false },
		{ "no room for addresses", false, false, false, ALL - 1, SERVERS, "\0\2\0\2\0\0",
		  false },
		{ "nor for servers", false, false, false, SERVERS - 1, ANSWERS, "\0\2\0\0\0\0",
		  false },
		{ "nor for the answer", false, false, false, ANSWERS - 1, 29, "\0\0\0\0\0\0",
		  true },
		{ "EDNS always goes", true, false, false, ALL, SERVERS + 11, "\0\2\0\2\0\1",
		  false },
		{ "EDNS, and less room", true, false, false, SERVERS, ANSWERS + 11, "\0\2\0\0\0\1",
		  false },
		{ "proofs go with the answer", true, true, false, SERVERS + 10, 29 + 11,
		  "\0\0\0\0\0\1", true },
		{ "none is said by the servers' section", false, false, true, SERVERS - 33, 29,
		  "\0\0\0\0\0\0", true },
	};
	uint8_t out[600];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct dns_query q = ask_for("www.example", A);
		struct dns_kept kept = { 0 };
		struct made m;
		size_t len;

		q.edns = cases[i].edns;
		q.dnssec_ok = cases[i].dnssec_ok;
		begin(&m, 9, 0x8180, COUNTS(1, cases[i].negative ? 0 : 2, 2, 2));
		add_question(&m, "www.example", A);
		for (int r = cases[i].negative ? 2 : 0; r < 6; r++)
			add_record(&m, "@12", r / 2 == 1 ? NS : A, 10, address, 4);
		kept.message = m.bytes;
		kept.len = m.len;
		len = dns_reply(&q, &kept, cases[i].limit, out);
		if (len != cases[i].len || memcmp(out + 6, cases[i].counts, 6) != 0 ||
		    !(out[2] & 2) == cases[i].truncated)
			fail_msg("%s: %zu bytes, flags %02x", cases[i].what, len, out[2]);
	}
}

static void truncates(void **state)
{
	struct dns_query q = ask_for("www.example", A);
	uint8_t out[4096];
	struct dns_answer a;
	struct dns_kept kept;
	struct made m;

	(void)state;
	kept = make_kept(&m, 40, &a); // 29 + 40 * 16 = 669
	assert_int_equal(dns_query_limit(&q), 512);
	assert_int_equal(dns_reply(&q, &kept, 512, out), 29);
	assert_int_equal(out[2] << 8 | out[3], 0x8380);
	assert_memory_equal(out + 4, "\0\1\0\0\0\0\0\0", 8);
	assert_int_equal(dns_reply(&q, &kept, 669, out), 669);
	assert_int_equal(dns_reply(&q, &kept, 668, out), 29);

	q.edns = true;
	q.payload = 100; // taken as 512 (RFC 6891, 6.2.3)
	assert_int_equal(dns_query_limit(&q), 512);
	q.payload = 679;
	assert_int_equal(dns_reply(&q, &kept, dns_query_limit(&q), out), 29 + 11);
	q.payload = 680;
	assert_int_equal(dns_reply(&q, &kept, dns_query_limit(&q), out), 680);
	q.payload = 65535;
	assert_int_equal(dns_query_limit(&q), DNS_DATAGRAM_MAX);
}

static void replies_with_errors(void **state)
{
	struct dns_query q = ask_for("www.example", A);
	uint8_t out[DNS_QUERY_MAX + DNS_REPLY_EXTRA];
	struct dns_answer a;
	size_t len;

	(void)state;
	assert_int_equal(dns_reply_error(&q, DNS_SERVFAIL, DNS_EXTRA_NONE, out), 29);
	assert_int_equal(out[3] & 15, DNS_SERVFAIL);
	q.edns = true;
	len = dns_reply_error(&q, DNS_BADVERS, DNS_EXTRA_NONE, out);
	assert_int_equal(dns_answer_parse(out, len, &a), 0);
	assert_int_equal(a.rcode, DNS_BADVERS);
	len = dns_reply_error(&q, DNS_SERVFAIL, DNS_EXTRA_UNREACHABLE, out);
	assert_int_equal(out[len - 1], 22);
	// what does not fit into four bits is nothing to who has no more
	dns_reply_error(&q, 23, DNS_EXTRA_NONE, out);
	assert_int_equal(out[3] & 15, 7);
	q.edns = false;
	dns_reply_error(&q, 23, DNS_EXTRA_NONE, out);
	assert_int_equal(out[3] & 15, DNS_SERVFAIL);
	q = (struct dns_query){ .id = 3, .opcode = 4 };
	dns_reply_error(&q, DNS_NOTIMP, DNS_EXTRA_NONE, out);
	assert_int_equal(out[2] << 8 | out[3], 0xa084);
	q = (struct dns_query){ .id = 3 };
	assert_int_equal(dns_reply_error(&q, DNS_FORMERR, DNS_EXTRA_NONE, out), DNS_HEADER_LEN);
	assert_int_equal(out[5], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_queries),
		cmocka_unit_test(refuses_queries),
		cmocka_unit_test(writes_queries_that_it_reads),
		cmocka_unit_test(knows_the_longest_name),
		cmocka_unit_test(knows_what_is_below),
		cmocka_unit_test(reads_the_names_of_rfc_1035),
		cmocka_unit_test(knows_how_long_answers_hold),
		cmocka_unit_test(refuses_what_is_no_answer),
		cmocka_unit_test(reads_errors_without_a_question),
		cmocka_unit_test(replies_with_what_was_kept),
		cmocka_unit_test(ages_what_there_is_not),
		cmocka_unit_test(passes_truncation_on),
		cmocka_unit_test(leaves_out_what_goes_with_the_answer),
		cmocka_unit_test(truncates),
		cmocka_unit_test(replies_with_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
