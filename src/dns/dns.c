// SPDX-License-Identifier: GPL-2.0-or-later
//
// DNS for the LAN: queries come in from the LAN's clients (client.c), are answered from what is
// kept (cache.c) or put to name servers (ask.c) over streams (lane.c): to the upstreams through the
// exit, sealed as the LAN's connections are, or, for the domains that go direct, to a name server
// of their own over a path of their own. message.c knows the format.
//
// All of it runs in the main thread, on its loop, and never waits. A query costs some microseconds,
// and how many may be under way is bounded, for each client and for all; so are memory for what is
// kept and the number of streams. From whom a bad message comes, it costs that message or that
// connection.
//
// An upstream's answer is believed when it comes on the stream that the question went out on, with
// its id and its question: nobody can add one to a sealed stream, and to a plain one only who is on
// its way can. What the answer says is believed as the upstream says it: nothing is validated here,
// names in answers are not followed, and what is kept serves for the very question alone.
//
// Not here: zones of our own, DHCP's names (give their domain to a resolver beside this one by
// `direct`), DNS over TLS or HTTPS to clients, QUIC.
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/str.h"
#include "dns/dns_priv.h"

#define TICK_S .1
// For a client it is as good as at once, and short of that most answers are there.
#define PATIENCE_LEAST_MS 100
// Of kept answers, on the average; most have less.
#define ENTRY_BYTES 1024
// Of salts, for the two directions of our few streams.
#define REPLAY_CAPACITY 4096

// ---- time

static void on_tick(struct ev_loop *loop, ev_timer *timer, int revents)
{
	struct dns *dns = timer->data;
	int64_t now_ms = clock_mono_ms();
	struct list *pos, *after;

	(void)revents;
	list_for_each_safe(pos, after, &dns->lanes) {
		if (lane_tick(list_entry(pos, struct lane, link), now_ms))
			break; // the rest has its turn next time
	}
	client_tick(dns, now_ms);
	if (list_is_empty(&dns->lanes) && list_is_empty(&dns->conns))
		ev_timer_stop(loop, timer);
}

void dns_stir(struct dns *dns)
{
	if (!ev_is_active(&dns->tick))
		ev_timer_again(dns->loop, &dns->tick);
}

int dns_upstream_place(const struct dns *dns, const struct server *server)
{
	for (size_t i = 0; i < dns->spec.n_upstreams; i++) {
		if (server == &dns->upstreams[i])
			return (int)i;
	}
	return -1;
}

// ---- another specification

static bool has_way(const struct dns_spec *spec, int way)
{
	for (size_t i = 0; i < spec->n_begin; i++) {
		if (spec->begin[i] == way)
			return true;
	}
	return false;
}

// Its path is not to be used any more, or has another address.
static bool is_off_its_way(const struct lane *lane, const struct dns_spec *next)
{
	const struct dns_way *was, *is;

	if (lane->way < 0)
		return false;
	was = &lane->dns->spec.ways[lane->way];
	is = &next->ways[lane->way];
	return !addr_equal(&was->addr4, &is->addr4) || !addr_equal(&was->addr6, &is->addr6) ||
	       (dns_upstream_place(lane->dns, lane->server) >= 0 && !has_way(next, lane->way));
}

static bool asks_the_same(const struct dns *dns, const struct dns_spec *next)
{
	const struct dns_spec *was = &dns->spec;

	if (was->n_upstreams != next->n_upstreams || was->n_direct != next->n_direct)
		return false;
	for (size_t i = 0; i < next->n_upstreams; i++) {
		if (!sockaddr_equal(&was->upstreams[i], &next->upstreams[i]))
			return false;
	}
	for (size_t i = 0; i < next->n_direct; i++) {
		const struct dns_direct *d = &next->direct[i];
		const struct direct *ours = &dns->direct[i];

		if (d->suffix_len != ours->suffix_len ||
		    memcmp(d->suffix, ours->suffix, d->suffix_len) != 0 ||
		    !sockaddr_equal(&d->server, &ours->server->at) || d->way != ours->server->way)
			return false;
	}
	return true;
}

// Upstreams are reached as they were.
static bool has_same_exit(const struct dns_spec *was, const struct dns_spec *next)
{
	if (was->sealed != next->sealed)
		return false;
	if (!next->sealed)
		return true;
	if (was->n_exits != next->n_exits || was->key.method != next->key.method ||
	    memcmp(was->key.master, next->key.master, sizeof(was->key.master)) != 0)
		return false;
	for (size_t i = 0; i < next->n_exits; i++) {
		if (!sockaddr_equal(&was->exits[i], &next->exits[i]))
			return false;
	}
	return true;
}

// Domains that are asked of the same server have one in common, and so its streams.
static struct server *find_or_make_own(struct dns *dns, const struct dns_direct *d)
{
	struct server *own;

	for (size_t i = 0; i < dns->n_own; i++) {
		own = &dns->own[i];
		if (sockaddr_equal(&own->at, &d->server) && own->way == d->way)
			return own;
	}
	own = &dns->own[dns->n_own++];
	server_init(own, &d->server, false, d->way);
	return own;
}

// One that was there before stays what it is, with its numbers.
static void make_upstreams(struct dns *dns, const struct dns_spec *spec)
{
	struct server was[SNAPSHOT_UPSTREAMS];

	memcpy(was, dns->upstreams, sizeof(was));
	memset(dns->upstreams, 0, sizeof(dns->upstreams));
	for (size_t i = 0; i < spec->n_upstreams; i++) {
		server_init(&dns->upstreams[i], &spec->upstreams[i], spec->sealed, -1);
		for (size_t j = 0; j < SNAPSHOT_UPSTREAMS; j++) {
			if (sockaddr_equal(&was[j].at, &spec->upstreams[i]))
				dns->upstreams[i] = was[j];
		}
	}
}

static void make_servers(struct dns *dns, const struct dns_spec *spec)
{
	make_upstreams(dns, spec);
	free(dns->direct);
	free(dns->own);
	dns->n_direct = spec->n_direct;
	dns->direct = xcalloc(spec->n_direct + 1, sizeof(*dns->direct));
	dns->n_own = 0;
	dns->own = xcalloc(spec->n_direct + 1, sizeof(*dns->own));
	for (size_t i = 0; i < spec->n_direct; i++) {
		const struct dns_direct *d = &spec->direct[i];

		memcpy(dns->direct[i].suffix, d->suffix, d->suffix_len);
		dns->direct[i].suffix_len = d->suffix_len;
		dns->direct[i].server = find_or_make_own(dns, d);
	}
}

static void make_cache(struct dns *dns, size_t entries)
{
	uint64_t seed;

	dns_cache_free(dns->cache);
	dns->cache = NULL;
	if (!entries)
		return;
	if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) < 0)
		seed = (uint64_t)clock_mono_us();
	dns->cache = dns_cache_new(entries, entries * ENTRY_BYTES, seed);
}

static bool has_same_ways(const struct dns_spec *was, const struct dns_spec *next)
{
	return was->n_begin == next->n_begin && memcmp(was->begin, next->begin, next->n_begin) == 0;
}

// What questions under way have tried in vain is of the past.
static void forget_tries(struct dns *dns)
{
	struct list *pos, *after;

	list_for_each_safe(pos, after, &dns->asks) {
		struct ask *ask = list_entry(pos, struct ask, link);

		ask->refused = 0;
		ask->n_sent = 0;
	}
}

void dns_set(struct dns *dns, const struct dns_spec *spec)
{
	bool other_servers = !asks_the_same(dns, spec),
	     other_exit = !has_same_exit(&dns->spec, spec);
	bool other_ways = !has_same_ways(&dns->spec, spec);
	bool other_cache = spec->cache_entries != dns->spec.cache_entries;
	struct list *pos, *after;

	list_for_each_safe(pos, after, &dns->lanes) {
		struct lane *lane = list_entry(pos, struct lane, link);

		// those that went without the exit while there was none, too
		if (other_servers || (other_exit && dns_upstream_place(dns, lane->server) >= 0) ||
		    is_off_its_way(lane, spec))
			lane_close(lane);
	}
	dns->spec = *spec;
	dns->spec.direct = NULL; // ours is in dns->direct
	if (other_servers)
		make_servers(dns, spec);
	if (other_servers || other_exit || other_ways)
		forget_tries(dns);
	for (size_t i = 0; i < spec->n_upstreams; i++)
		dns->upstreams[i].sealed = spec->sealed;
	if (other_cache)
		make_cache(dns, spec->cache_entries);
	else if (other_servers && dns->cache)
		dns_cache_clear(dns->cache);
	client_listen(dns);
	ask_again_all(dns);
}

// ---- what is told

static void fill_upstream(const struct server *server, struct upstream_snapshot *out)
{
	struct addr addr = addr_from_sockaddr(&server->at);

	addr_format(&addr, out->address);
	out->answers = server->told ? 0 : server->answered ? 1 : SNAPSHOT_UNKNOWN;
	out->rtt_us = server->rtt_us < 0 ? SNAPSHOT_UNKNOWN : server->rtt_us;
	out->asked = server->asked;
	out->answered = server->answered;
}

void dns_fill(const struct dns *dns, struct dns_snapshot *out)
{
	*out = (struct dns_snapshot){ .present = true,
				      .queries = dns->counted.queries,
				      .hits = dns->counted.hits,
				      .stale = dns->counted.stale,
				      .failures = dns->counted.failures,
				      .cached =
					      dns->cache ? (int)dns_cache_entries(dns->cache) : 0 };
	client_count(dns, out);
	for (size_t i = 0; i < dns->spec.n_upstreams; i++)
		fill_upstream(&dns->upstreams[i], &out->upstreams[out->n_upstreams++]);
}

// ----

struct dns *dns_new(struct ev_loop *loop, dns_tell_fn *tell, void *ctx)
{
	struct dns *dns = xcalloc(1, sizeof(*dns));

	dns->loop = loop;
	dns->tell = tell;
	dns->ctx = ctx;
	dns->least_patience_ms = PATIENCE_LEAST_MS;
	dns->replay = wire_replay_new(REPLAY_CAPACITY);
	list_init(&dns->lanes);
	list_init(&dns->asks);
	list_init(&dns->listeners);
	list_init(&dns->conns);
	list_init(&dns->accounts);
	ev_timer_init(&dns->tick, on_tick, 0., TICK_S);
	dns->tick.data = dns;
	return dns;
}

void dns_free(struct dns *dns)
{
	struct list *pos, *after;

	if (!dns)
		return;
	list_for_each_safe(pos, after, &dns->lanes)
		lane_close(list_entry(pos, struct lane, link));
	ask_free_all(dns);
	client_close_all(dns);
	ev_timer_stop(dns->loop, &dns->tick);
	dns_cache_free(dns->cache);
	wire_replay_free(dns->replay);
	wire_key_wipe(&dns->spec.key);
	free(dns->direct);
	free(dns->own);
	free(dns);
}
