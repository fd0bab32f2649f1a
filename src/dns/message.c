// SPDX-License-Identifier: GPL-2.0-or-later
//
// DNS messages as a forwarder needs them: who asks what, how long an answer holds, and the answer
// again for somebody else, older. What records mean is between the client and the upstream; here
// they are walked over, and of a record only its type and TTL are looked at, of OPT all that is no
// option, and of SOA its last field.
//
// A message is walked through once when it comes from an upstream: all records that it counts end
// inside it, and a compression pointer in an owner's name points back to before that name. None is
// followed here. Names in a record's data are passed on as they came, unread.
#include <errno.h>
#include <string.h>

#include "dns/dns_priv.h"

enum { TYPE_SOA = 6, TYPE_OPT = 41, TYPE_IXFR = 251, TYPE_AXFR = 252, TYPE_ANY = 255 };

// Of the second pair of bytes.
#define FLAG_QR       0x8000
#define FLAG_TC       0x0200
#define FLAG_RD       0x0100
#define FLAG_RA       0x0080
#define FLAG_AD       0x0020
#define FLAG_CD       0x0010
#define OPCODE(flags) ((flags) >> 11 & 15)
#define RCODE(flags)  ((flags)&15)

// Of an OPT record's TTL.
#define OPT_DO       0x8000
#define OPT_LEN      11
#define EXTRA_OPTION 15

// The longest that anything is kept, and anything that says "there is no such" (RFC 2308, 5).
#define HOLD_MAX_S      86400
#define HOLD_NONE_MAX_S 10800

static uint16_t get16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static uint32_t get32(const uint8_t *at)
{
	return (uint32_t)get16(at) << 16 | get16(at + 2);
}

static void put16(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static void put32(uint8_t *at, uint32_t value)
{
	put16(at, (uint16_t)(value >> 16));
	put16(at + 2, (uint16_t)value);
}

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 'a' - 'A') : c;
}

// ---- names

// Length of the name at `at` as it stands there, or -EPROTO.
static int measure_name(const uint8_t *m, size_t len, size_t at, bool may_point)
{
	size_t start = at;

	while (at < len) {
		uint8_t label = m[at];

		if (label >= 0xc0) {
			if (!may_point || at + 2 > len || (size_t)(get16(m + at) & 0x3fff) >= start)
				return -EPROTO;
			return (int)(at + 2 - start);
		}
		at += 1u + label;
		if (label > 63 || at - start > DNS_NAME_MAX)
			return -EPROTO;
		if (!label)
			return (int)(at - start);
	}
	return -EPROTO;
}

int dns_suffix(const char *domain, uint8_t out[static 255])
{
	size_t at = 0;

	while (*domain) {
		size_t label = strcspn(domain, ".");

		if (!label || label > 63 || at + label + 2 > DNS_NAME_MAX)
			return -EINVAL;
		out[at++] = (uint8_t)label;
		memcpy(out + at, domain, label);
		at += label;
		domain += label + (domain[label] == '.');
	}
	out[at++] = 0;
	return (int)at;
}

static bool names_equal(const uint8_t *a, const uint8_t *b, size_t len)
{
	// a label's length is no letter
	for (size_t i = 0; i < len; i++) {
		if (lower(a[i]) != lower(b[i]))
			return false;
	}
	return true;
}

bool dns_name_is_below(const uint8_t *name, size_t len, const uint8_t *suffix, size_t suffix_len)
{
	while (len > suffix_len) {
		size_t label = 1u + *name;

		if (label >= len)
			return false;
		name += label;
		len -= label;
	}
	return len == suffix_len && names_equal(name, suffix, len);
}

bool dns_question_equal(const struct dns_question *a, const struct dns_question *b)
{
	return a->type == b->type && a->class == b->class && a->name_len == b->name_len &&
	       names_equal(a->name, b->name, a->name_len);
}

// ---- questions and records

// The question behind the header. Returns where it ends, or -EPROTO.
static int read_question(const uint8_t *m, size_t len, struct dns_question *out)
{
	// the first name of a message has nothing to point to
	int name_len = measure_name(m, len, DNS_HEADER_LEN, false);
	size_t end = DNS_HEADER_LEN + (size_t)name_len + 4;

	if (name_len < 0 || end > len)
		return -EPROTO;
	memcpy(out->name, m + DNS_HEADER_LEN, (size_t)name_len);
	out->name_len = (uint8_t)name_len;
	out->type = get16(m + end - 4);
	out->class = get16(m + end - 2);
	return (int)end;
}

struct record {
	size_t start, fixed, data, end; // fixed: type, class, TTL, length of the data
	uint16_t type, class;
	uint32_t ttl;
};

static int read_record(const uint8_t *m, size_t len, size_t at, struct record *out)
{
	int name_len = measure_name(m, len, at, true);

	if (name_len < 0 || at + (size_t)name_len + 10 > len)
		return -EPROTO;
	out->start = at;
	out->fixed = at + (size_t)name_len;
	out->data = out->fixed + 10;
	out->type = get16(m + out->fixed);
	out->class = get16(m + out->fixed + 2);
	out->ttl = get32(m + out->fixed + 4);
	out->end = out->data + get16(m + out->fixed + 8);
	return out->end <= len ? 0 : -EPROTO;
}

// ---- queries

static int judge_query(const uint8_t *m, size_t len, struct dns_query *out)
{
	size_t n_records = (size_t)get16(m + 6) + get16(m + 8) + get16(m + 10);
	int at;

	if (out->opcode)
		return DNS_NOTIMP;
	at = get16(m + 4) == 1 ? read_question(m, len, &out->question) : -EPROTO;
	if (at < 0)
		return DNS_FORMERR;
	for (size_t i = 0; i < n_records; i++) {
		struct record r;

		if (read_record(m, len, (size_t)at, &r) < 0)
			return DNS_FORMERR;
		at = (int)r.end;
		if (r.type != TYPE_OPT)
			continue;
		if (out->edns || m[r.start])
			return DNS_FORMERR;
		out->edns = true;
		out->payload = r.class;
		out->dnssec_ok = r.ttl & OPT_DO;
		if (r.ttl >> 16 & 0xff)
			return DNS_BADVERS;
	}
	// zones are fetched from their own servers, and other classes do not come from the Internet
	if (out->question.class != DNS_CLASS_IN || out->question.type == TYPE_AXFR ||
	    out->question.type == TYPE_IXFR)
		return DNS_REFUSED;
	return DNS_NOERROR;
}

int dns_query_parse(const uint8_t *m, size_t len, struct dns_query *out)
{
	uint16_t flags;

	*out = (struct dns_query){ .payload = DNS_DATAGRAM_LEAST };
	if (len < DNS_HEADER_LEN)
		return -EPROTO;
	flags = get16(m + 2);
	if (flags & FLAG_QR)
		return -EPROTO; // an answer: two of us would never end
	out->id = get16(m);
	out->opcode = OPCODE(flags);
	out->recurse = flags & FLAG_RD;
	out->authentic = flags & FLAG_AD;
	out->checking_disabled = flags & FLAG_CD;
	return judge_query(m, len, out);
}

size_t dns_query_limit(const struct dns_query *query)
{
	if (query->payload < DNS_DATAGRAM_LEAST)
		return DNS_DATAGRAM_LEAST;
	return query->payload < DNS_DATAGRAM_MAX ? query->payload : DNS_DATAGRAM_MAX;
}

static size_t put_question(uint8_t *out, const struct dns_question *q)
{
	if (!q->name_len)
		return 0;
	memcpy(out, q->name, q->name_len);
	put16(out + q->name_len, q->type);
	put16(out + q->name_len + 2, q->class);
	return q->name_len + 4u;
}

static size_t put_opt(uint8_t *out, bool dnssec_ok, uint16_t rcode, enum dns_extra extra)
{
	out[0] = 0;
	put16(out + 1, TYPE_OPT);
	put16(out + 3, DNS_DATAGRAM_MAX);
	put32(out + 5, (uint32_t)(rcode >> 4) << 24 | (dnssec_ok ? OPT_DO : 0));
	put16(out + 9, extra >= 0 ? 6 : 0);
	if (extra < 0)
		return OPT_LEN;
	put16(out + OPT_LEN, EXTRA_OPTION);
	put16(out + OPT_LEN + 2, 2);
	put16(out + OPT_LEN + 4, (uint16_t)extra);
	return OPT_LEN + 6;
}

size_t dns_query_put(const struct dns_query *query, uint16_t id, bool edns,
		     uint8_t out[static DNS_QUERY_MAX])
{
	size_t len = DNS_HEADER_LEN;

	memset(out, 0, DNS_HEADER_LEN);
	put16(out, id);
	// AD asks for that flag in the answer (RFC 6840, 5.7)
	put16(out + 2, FLAG_RD | FLAG_AD | (query->checking_disabled ? FLAG_CD : 0));
	put16(out + 4, 1);
	put16(out + 10, edns);
	len += put_question(out + len, &query->question);
	return edns ? len + put_opt(out + len, query->dnssec_ok, 0, DNS_EXTRA_NONE) : len;
}

// ---- answers

struct walk {
	uint32_t least_ttl;
	uint32_t none_ttl; // how long "there is none" holds
	bool has_ttl, has_data, has_none;
};

// How long "there is none" holds by an SOA (RFC 2308, 3). False: it has no room for the field.
static bool read_none_ttl(const uint8_t *m, const struct record *r, uint32_t *ttl)
{
	uint32_t minimum;

	// MNAME and RNAME are a byte each at least; MINIMUM comes last
	if (r->end - r->data < 22)
		return false;
	minimum = get32(m + r->end - 4);
	*ttl = minimum < r->ttl ? minimum : r->ttl;
	return true;
}

static void look_at(const uint8_t *m, const struct record *r, int section,
		    const struct dns_question *q, struct walk *w)
{
	if (!w->has_ttl || r->ttl < w->least_ttl)
		w->least_ttl = r->ttl;
	w->has_ttl = true;
	if (section == 0 && (r->type == q->type || q->type == TYPE_ANY))
		w->has_data = true;
	if (section == 1 && r->type == TYPE_SOA)
		w->has_none = read_none_ttl(m, r, &w->none_ttl);
}

static bool is_error(uint16_t rcode)
{
	return rcode != DNS_NOERROR && rcode != DNS_NXDOMAIN;
}

// RFC 2308: what has no data holds as long as its SOA says; without one it is not kept.
static uint32_t choose_hold_s(const struct dns_answer *a, const struct walk *w)
{
	uint32_t hold_s = w->least_ttl, max_s = HOLD_MAX_S;

	if (a->truncated || !w->has_ttl || is_error(a->rcode))
		return 0;
	if (a->rcode == DNS_NXDOMAIN || !w->has_data) {
		if (!w->has_none)
			return 0;
		hold_s = w->none_ttl < hold_s ? w->none_ttl : hold_s;
		max_s = HOLD_NONE_MAX_S;
	}
	return hold_s < max_s ? hold_s : max_s;
}

// All records, from `at` on. Fills in what is known when they have been seen. 0 or -EPROTO.
static int walk_records(const uint8_t *m, size_t len, size_t at, struct walk *walk,
			struct dns_answer *out)
{
	for (int section = 0; section < 3; section++) {
		uint16_t n = get16(m + 6 + 2 * section);

		for (uint16_t i = 0; i < n; i++) {
			struct record r;

			if (read_record(m, len, at, &r) < 0 || (section < 2 && r.type == TYPE_OPT))
				return -EPROTO;
			at = r.end;
			if (r.type == TYPE_OPT && !out->edns) {
				// what is behind it could point into it, and is nobody's loss
				out->edns = true;
				out->rcode |= (uint16_t)(r.ttl >> 24 << 4);
				out->len = r.start;
				out->n_additional = i;
			} else if (r.type != TYPE_OPT) {
				look_at(m, &r, section, &out->question, walk);
			}
		}
	}
	if (!out->edns) {
		out->len = at;
		out->n_additional = get16(m + 10);
	}
	return 0;
}

int dns_answer_parse(const uint8_t *m, size_t len, struct dns_answer *out)
{
	int at = DNS_HEADER_LEN;
	struct walk walk = { 0 };
	uint16_t flags;

	*out = (struct dns_answer){ 0 };
	if (len < DNS_HEADER_LEN || len > DNS_MESSAGE_MAX)
		return -EPROTO;
	flags = get16(m + 2);
	if (!(flags & FLAG_QR) || OPCODE(flags) || get16(m + 4) > 1)
		return -EPROTO;
	out->id = get16(m);
	out->rcode = RCODE(flags);
	out->truncated = flags & FLAG_TC;
	if (get16(m + 4))
		at = read_question(m, len, &out->question);
	if (at < 0 || walk_records(m, len, (size_t)at, &walk, out) < 0)
		return -EPROTO;
	// who cannot read a query may answer without it
	if (!out->question.name_len && !is_error(out->rcode))
		return -EPROTO;
	out->hold_s = choose_hold_s(out, &walk);
	return 0;
}

size_t dns_answer_strip(uint8_t *m, const struct dns_answer *answer)
{
	put16(m + 10, answer->n_additional);
	return answer->len;
}

// ---- replies

static uint32_t reduce_ttl(uint32_t ttl, const struct dns_kept *kept)
{
	if (kept->stale)
		return DNS_STALE_TTL_S;
	return ttl > kept->age_s ? ttl - kept->age_s : 0;
}

// Where each section ends.
struct ends {
	size_t at[3];
};

static void age_records(uint8_t *m, const struct dns_kept *kept, const struct dns_question *q,
			struct ends *ends)
{
	size_t at = DNS_HEADER_LEN + q->name_len + 4u;

	for (int section = 0; section < 3; section++) {
		uint16_t n = get16(m + 6 + 2 * section);
		struct record r;

		for (uint16_t i = 0; i < n && read_record(m, kept->len, at, &r) == 0; i++) {
			uint32_t ttl = r.ttl;

			// "there is none" grows old as the rest does (RFC 2308, 5)
			if (section == 1 && r.type == TYPE_SOA)
				read_none_ttl(m, &r, &ttl);
			put32(m + r.fixed + 4, reduce_ttl(ttl, kept));
			at = r.end;
		}
		ends->at[section] = at;
	}
}

static uint16_t reply_flags(const struct dns_query *query, uint16_t rcode)
{
	// its upper bits have no place
	if (rcode > 15 && !query->edns)
		rcode = DNS_SERVFAIL;
	return (uint16_t)(FLAG_QR | query->opcode << 11 | FLAG_RA | (query->recurse ? FLAG_RD : 0) |
			  (query->checking_disabled ? FLAG_CD : 0) | RCODE(rcode));
}

// Ends a reply of which `len` bytes are written, its counts but that of the OPT record too.
static size_t finish(const struct dns_query *query, uint16_t rcode, enum dns_extra extra,
		     uint8_t *out, size_t len)
{
	if (!query->edns)
		return len;
	put16(out + 10, (uint16_t)(get16(out + 10) + 1));
	return len + put_opt(out + len, query->dnssec_ok, rcode, extra);
}

size_t dns_reply_error(const struct dns_query *query, uint16_t rcode, enum dns_extra extra,
		       uint8_t *out)
{
	size_t len = DNS_HEADER_LEN;

	memset(out, 0, DNS_HEADER_LEN);
	put16(out, query->id);
	put16(out + 2, reply_flags(query, rcode));
	put16(out + 4, query->question.name_len > 0);
	len += put_question(out + len, &query->question);
	return finish(query, rcode, extra, out, len);
}

// The first section that may stay out quietly, when there is no room (RFC 2181, 9): additional
// records, and what stands beside an answer. Without one, or for who validates it, that is part of
// it.
static int first_to_spare(const struct dns_query *query, const uint8_t *m)
{
	return get16(m + 6) && !query->dnssec_ok ? 1 : 2;
}

size_t dns_reply(const struct dns_query *query, const struct dns_kept *kept, size_t limit,
		 uint8_t *out)
{
	enum dns_extra extra = !kept->stale                  ? DNS_EXTRA_NONE
			       : kept->rcode == DNS_NXDOMAIN ? DNS_EXTRA_STALE_NXDOMAIN
							     : DNS_EXTRA_STALE;
	uint16_t flags = reply_flags(query, kept->rcode);
	struct ends ends;
	size_t len;

	memcpy(out, kept->message, kept->len);
	if ((get16(out + 2) & FLAG_AD) && (query->authentic || query->dnssec_ok))
		flags |= FLAG_AD;
	flags |= get16(out + 2) & FLAG_TC;
	put16(out, query->id);
	put16(out + 2, flags);
	// in the asker's own capitals, by which some know their answers
	put_question(out + DNS_HEADER_LEN, &query->question);
	age_records(out, kept, &query->question, &ends);
	len = finish(query, kept->rcode, extra, out, kept->len);
	for (int section = 2; len > limit && section >= first_to_spare(query, kept->message);
	     section--) {
		put16(out + 6 + 2 * section, 0);
		put16(out + 10, 0); // of OPT
		len = finish(query, kept->rcode, extra, out, ends.at[section - 1]);
	}
	if (len <= limit)
		return len;
	len = dns_reply_error(query, kept->rcode, extra, out);
	put16(out + 2, flags | FLAG_TC);
	return len;
}
