// SPDX-License-Identifier: GPL-2.0-or-later
//
// A question under way: who waits for it, and whom it was put to. The first server is asked over
// the first way. When the answer is later than usual, another server is asked as well, and the
// first answer counts: over another way, unless it is known that the question has got through on
// this one; then over the same, and no server twice. A domain's own name server has no other beside
// it, and is asked over its own way alone. All who ask the same meanwhile wait for the same.
//
// What is kept but has expired is given out when nobody has answered by STALE_MS, and the question
// goes on for the sake of the cache (RFC 8767). Nobody waits for longer than GIVE_UP_MS.
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "dns/dns_priv.h"

#define GIVE_UP_MS 4000
#define STALE_MS   800
#define ASKS_MAX   1024
// Until a question that failed is put again while an expired answer serves (RFC 8767, 5); sooner
// when nobody answered anything meanwhile, because that is not the name's fault.
#define FAILED_MS 30000
#define OUTAGE_MS 5000
// After the others have been overtaken, who was overtaken is second choice for so long.
#define OVERTAKEN_MS 1000
#define PAIRS_MAX    32
// Where every try fails at once: the first ones follow one another, the others wait as for an
// answer, but no longer than this; and then it is enough.
#define SENT_AT_ONCE 4
#define SENT_MAX     12
#define PACE_MS      250

// ---- answers

static void answer_error(struct ask *ask, uint16_t rcode, enum dns_extra extra)
{
	struct dns *dns = ask->dns;

	while (!list_is_empty(&ask->waiters)) {
		struct waiter *w = list_entry(ask->waiters.next, struct waiter, link);

		dns->counted.failures += extra == DNS_EXTRA_UNREACHABLE;
		client_answer(w, dns->reply, dns_reply_error(&w->query, rcode, extra, dns->reply));
		waiter_free(dns, w);
	}
}

static void answer_kept(struct ask *ask, const struct dns_kept *kept)
{
	struct dns *dns = ask->dns;

	while (!list_is_empty(&ask->waiters)) {
		struct waiter *w = list_entry(ask->waiters.next, struct waiter, link);

		dns->counted.stale += kept->stale;
		client_answer(w, dns->reply,
			      dns_reply(&w->query, kept, client_limit(w), dns->reply));
		waiter_free(dns, w);
	}
}

// Gives out what has expired, if there is such.
static bool answer_stale(struct ask *ask, bool failed)
{
	struct dns *dns = ask->dns;
	int64_t now_ms = clock_mono_ms();
	struct dns_kept kept;

	if (!dns->cache)
		return false;
	if (failed)
		dns_cache_note_failure(
			dns->cache, &ask->query,
			now_ms + (dns->heard_ms < ask->begun_ms ? OUTAGE_MS : FAILED_MS));
	if (dns_cache_get(dns->cache, &ask->query, now_ms, &kept) == DNS_FOUND_NONE)
		return false;
	answer_kept(ask, &kept);
	return true;
}

static void ask_free(struct ask *ask)
{
	ev_timer_stop(ask->dns->loop, &ask->timer);
	for (int i = 0; i < ASK_TRIES_MAX; i++)
		try_stop(&ask->tries[i]);
	list_remove(&ask->link);
	ask->dns->n_asks--;
	free(ask);
}

static void ask_fail(struct ask *ask)
{
	if (!answer_stale(ask, true))
		answer_error(ask, ask->error_rcode ? ask->error_rcode : DNS_SERVFAIL,
			     ask->error_rcode ? DNS_EXTRA_NONE : DNS_EXTRA_UNREACHABLE);
	ask_free(ask);
}

// ---- whom to ask

struct pair {
	struct server *server;
	int way;
};

// Those that are not suspect first, otherwise in the order given.
static size_t order_servers(struct ask *ask, int64_t now_ms,
			    struct server *out[static SNAPSHOT_UPSTREAMS])
{
	struct dns *dns = ask->dns;
	size_t n = 0;

	if (ask->own) {
		out[n++] = ask->own;
		return n;
	}
	for (int suspect = 0; suspect < 2; suspect++) {
		for (size_t i = 0; i < dns->spec.n_upstreams; i++) {
			if ((now_ms < dns->upstreams[i].suspect_ms) == suspect &&
			    !(ask->refused & 1u << i))
				out[n++] = &dns->upstreams[i];
		}
	}
	return n;
}

static size_t order_ways(struct ask *ask, int64_t now_ms, int out[static PATHS_MAX])
{
	const struct dns *dns = ask->dns;
	size_t n = 0;

	if (ask->own) {
		out[n++] = ask->own->way;
		return n;
	}
	for (int suspect = 0; suspect < 2; suspect++) {
		for (size_t i = 0; i < dns->spec.n_begin; i++) {
			int way = dns->spec.begin[i];

			if ((now_ms < dns->way_suspect_ms[way]) == suspect)
				out[n++] = way;
		}
	}
	return n;
}

// All pairs. With `spread` each next one has another server and another way than the one before, as
// far as there are; without it, the first way comes with all servers before the next one does.
static size_t order_pairs(struct ask *ask, bool spread, struct pair out[static PAIRS_MAX])
{
	struct server *servers[SNAPSHOT_UPSTREAMS];
	int64_t now_ms = clock_mono_ms();
	int ways[PATHS_MAX];
	size_t n_servers = order_servers(ask, now_ms, servers),
	       n_ways = order_ways(ask, now_ms, ways), n = 0;

	for (size_t turn = 0; turn < n_ways && n_servers; turn++) {
		for (size_t i = 0; i < n_servers && n < PAIRS_MAX; i++) {
			int way = ways[(turn + (spread ? i : 0)) % n_ways];

			if (lane_is_possible(ask->dns, servers[i], way))
				out[n++] = (struct pair){ servers[i], way };
		}
	}
	return n;
}

// With `over_any`, it is enough that the server is asked.
static bool is_asked(const struct ask *ask, const struct pair *pair, bool over_any)
{
	for (int i = 0; i < ASK_TRIES_MAX; i++) {
		const struct lane *lane = ask->tries[i].lane;

		if (lane && lane->server == pair->server && (over_any || lane->way == pair->way))
			return true;
	}
	return false;
}

static bool is_under_way(const struct ask *ask)
{
	for (int i = 0; i < ASK_TRIES_MAX; i++) {
		if (ask->tries[i].lane)
			return true;
	}
	return false;
}

// Whether all who are asked have got the question, so that another way would not help, and is
// spared: it may be one where every byte counts.
static bool is_delivered(const struct ask *ask)
{
	for (int i = 0; i < ASK_TRIES_MAX; i++) {
		if (ask->tries[i].lane && !lane_is_acked(ask->tries[i].lane))
			return false;
	}
	return is_under_way(ask);
}

static void arm(struct ask *ask, int64_t now_ms)
{
	int64_t due_ms = ask->begun_ms + GIVE_UP_MS;

	if (!ask->stale_given && ask->begun_ms + STALE_MS < due_ms)
		due_ms = ask->begun_ms + STALE_MS;
	if (ask->next_ms && ask->next_ms < due_ms)
		due_ms = ask->next_ms;
	ev_timer_stop(ask->dns->loop, &ask->timer);
	ev_timer_set(&ask->timer, due_ms > now_ms ? (double)(due_ms - now_ms) / 1e3 : 0., 0.);
	ev_timer_start(ask->dns->loop, &ask->timer);
}

static struct try *find_room(struct ask *ask)
{
	for (int i = 0; i < ASK_TRIES_MAX && ask->n_sent < SENT_MAX; i++) {
		if (!ask->tries[i].lane)
			return &ask->tries[i];
	}
	return NULL;
}

// Puts the question to the next who is not asked already.
static void ask_next(struct ask *ask)
{
	bool delivered = is_delivered(ask);
	struct pair pairs[PAIRS_MAX];
	size_t n = order_pairs(ask, !delivered, pairs);
	int64_t now_ms = clock_mono_ms();
	struct try *try = find_room(ask);

	// the way may still fail
	ask->next_ms = delivered ? now_ms + PACE_MS : 0;
	for (size_t i = 0; i < n && try; i++) {
		struct lane *lane = NULL;

		if (!is_asked(ask, &pairs[i], delivered))
			lane = lane_get(ask->dns, pairs[i].server, pairs[i].way);
		if (!lane || lane_send(lane, try) < 0)
			continue;
		ask->n_sent++;
		ask->next_ms = now_ms + lane_patience_ms(lane);
		break;
	}
	arm(ask, now_ms);
}

static void on_timer(struct ev_loop *loop, ev_timer *timer, int revents)
{
	struct ask *ask = timer->data;
	int64_t now_ms = clock_mono_ms(), age_ms = now_ms - ask->begun_ms;

	(void)loop;
	(void)revents;
	if (age_ms >= GIVE_UP_MS) {
		ask_fail(ask);
		return;
	}
	if (age_ms >= STALE_MS && !ask->stale_given) {
		ask->stale_given = true;
		answer_stale(ask, false);
	}
	if (ask->next_ms && now_ms >= ask->next_ms)
		ask_next(ask);
	else
		arm(ask, now_ms);
}

// ---- what comes

// Who was asked before the one that has answered, and is silent since, comes second for a while.
static void note_overtaken(struct ask *ask, const struct try *winner, const struct lane *by)
{
	int64_t until_ms = clock_mono_ms() + OVERTAKEN_MS;

	for (int i = 0; i < ASK_TRIES_MAX; i++) {
		const struct try *t = &ask->tries[i];

		if (!t->lane || t->sent_us > winner->sent_us || t->lane->heard_us > t->sent_us)
			continue;
		if (t->lane->way >= 0 && t->lane->way != by->way &&
		    ask->dns->way_suspect_ms[t->lane->way] < until_ms)
			ask->dns->way_suspect_ms[t->lane->way] = until_ms;
		if (t->lane->server != by->server && t->lane->server->suspect_ms < until_ms)
			t->lane->server->suspect_ms = until_ms;
	}
}

// The server has no answer. Whether another one is asked.
static bool ask_others(struct ask *ask, const struct server *server)
{
	int place = dns_upstream_place(ask->dns, server);

	if (place >= 0)
		ask->refused |= 1u << place;
	if (!is_under_way(ask) && !ask->own)
		ask_next(ask);
	return is_under_way(ask);
}

static void keep(struct ask *ask, const struct dns_kept *kept, const struct dns_answer *answer)
{
	struct dns *dns = ask->dns;

	if (!dns->cache)
		return;
	if (answer->hold_s)
		dns_cache_put(dns->cache, &ask->query, kept, answer->hold_s, dns->spec.stale_s,
			      clock_mono_ms());
	else
		dns_cache_forget(dns->cache, &ask->query);
}

void ask_take(struct ask *ask, const struct try *try, const struct lane *lane, uint8_t *message,
	      const struct dns_answer *answer)
{
	struct dns_kept kept = { .message = message,
				 .len = dns_answer_strip(message, answer),
				 .rcode = answer->rcode };

	if (answer->rcode != DNS_NOERROR && answer->rcode != DNS_NXDOMAIN) {
		// somebody else may know better
		// BADVERS, BADCOOKIE and their like are between that server and us
		ask->error_rcode = answer->rcode > 15 ? DNS_SERVFAIL : answer->rcode;
		if (!ask_others(ask, lane->server))
			ask_fail(ask);
		return;
	}
	note_overtaken(ask, try, lane);
	keep(ask, &kept, answer);
	answer_kept(ask, &kept);
	ask_free(ask);
}

// ---- beginning

static struct server *find_own(const struct dns *dns, const struct dns_question *q)
{
	const struct direct *best = NULL;

	for (size_t i = 0; i < dns->n_direct; i++) {
		const struct direct *d = &dns->direct[i];

		if (dns_name_is_below(q->name, q->name_len, d->suffix, d->suffix_len) &&
		    (!best || d->suffix_len > best->suffix_len))
			best = d;
	}
	return best ? best->server : NULL;
}

struct ask *ask_find(struct dns *dns, const struct dns_query *query)
{
	struct list *pos, *after;

	list_for_each_safe(pos, after, &dns->asks) {
		struct ask *ask = list_entry(pos, struct ask, link);

		if (ask->query.dnssec_ok == query->dnssec_ok &&
		    ask->query.checking_disabled == query->checking_disabled &&
		    dns_question_equal(&ask->query.question, &query->question))
			return ask;
	}
	return NULL;
}

void ask_again_all(struct dns *dns)
{
	int64_t now_ms = clock_mono_ms();
	struct list *pos, *after;

	list_for_each_safe(pos, after, &dns->asks) {
		struct ask *ask = list_entry(pos, struct ask, link);

		ask->own = find_own(dns, &ask->query.question);
		if (is_under_way(ask))
			continue;
		if (ask->n_sent < SENT_AT_ONCE) {
			ask_next(ask);
		} else if (!ask->next_ms || ask->next_ms > now_ms + PACE_MS) {
			ask->next_ms = now_ms + PACE_MS;
			arm(ask, now_ms);
		}
	}
}

static void add_waiter(struct ask *ask, struct waiter *waiter)
{
	waiter->ask = ask;
	list_add_tail(&ask->waiters, &waiter->link);
}

void ask_join(struct ask *ask, struct waiter *waiter)
{
	add_waiter(ask, waiter);
	// others have waited long enough for two
	if (ask->stale_given)
		answer_stale(ask, false);
}

void ask_leave(struct waiter *waiter)
{
	struct ask *ask = waiter->ask;

	waiter_free(ask->dns, waiter);
	if (list_is_empty(&ask->waiters))
		ask_free(ask);
}

void ask_begin(struct dns *dns, struct waiter *waiter)
{
	struct ask *ask;

	if (dns->n_asks == ASKS_MAX) {
		client_answer(
			waiter, dns->reply,
			dns_reply_error(&waiter->query, DNS_SERVFAIL, DNS_EXTRA_NONE, dns->reply));
		waiter_free(dns, waiter);
		return;
	}
	ask = xcalloc(1, sizeof(*ask));
	ask->dns = dns;
	ask->query = waiter->query;
	ask->own = find_own(dns, &waiter->query.question);
	ask->begun_ms = clock_mono_ms();
	list_init(&ask->waiters);
	add_waiter(ask, waiter);
	list_add_tail(&dns->asks, &ask->link);
	dns->n_asks++;
	ev_timer_init(&ask->timer, on_timer, 0., 0.);
	ask->timer.data = ask;
	for (int i = 0; i < ASK_TRIES_MAX; i++)
		ask->tries[i].ask = ask;
	ask_next(ask);
	// there is nobody to wait for
	if (!is_under_way(ask))
		ask->stale_given = answer_stale(ask, false);
}

void ask_free_all(struct dns *dns)
{
	while (!list_is_empty(&dns->asks)) {
		struct ask *ask = list_entry(dns->asks.next, struct ask, link);

		answer_error(ask, DNS_SERVFAIL, DNS_EXTRA_NONE);
		ask_free(ask);
	}
}
