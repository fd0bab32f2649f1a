// SPDX-License-Identifier: GPL-2.0-or-later
//
// Lanes: the streams to name servers, one for each pair of server and way that is in use. Questions
// go out as they come, answers come back in any order (RFC 7766).
//
// They are plain TCP, each on one path, and not MPTCP: a question is a few hundred bytes, so there
// is nothing to bond, and the way around a dead path is to ask again on another lane, at once
// (doc/decisions/14-dns-lanes.md). The kernel knows first that a path is dead: what was sent there
// is not acknowledged. A server that is slow acknowledges, and only makes others be asked as well.
//
// A server that says nothing may be looking up a name whose own servers are dead. So before it is
// said not to answer, it is asked something that every name server knows.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "dns/dns_priv.h"
#include "sock/sock.h"

#define LANES_MAX 32
// Others are asked after two usual answers' time and a little.
#define PATIENCE_EXTRA_MS 50
#define PATIENCE_MAX_MS   600
// Of a lane that has answered nothing yet: connecting, through the exit, and the server's own work.
#define FIRST_RTTS     3
#define FIRST_EXTRA_MS 100
#define UNKNOWN_RTT_MS 100
// To connect.
#define CONNECT_MS 2000
// What has taken the question and says nothing for so long is asked whether it is there at all, and
// has so long to answer that.
#define SILENT_MS 2000
#define CHECK_MS  1000
// Who does not know EDNS is asked without it for so long.
#define PLAIN_MS 3600000
// A way that failed is the last choice for so long; whether it is down for longer others find out.
#define WAY_SUSPECT_MS 3000
// Servers hang up on idle lanes. One that was of use lately is opened again at once.
#define WARM_MS 60000
// One that was not for so long is closed.
#define IDLE_MS     120000
#define MISSES_TOLD 2

void server_init(struct server *server, const union sockaddr_any *at, bool sealed, int way)
{
	*server = (struct server){ .at = *at,
				   .sealed = sealed,
				   .way = way,
				   .rtt_us = -1,
				   .backoff = { .min_ms = 3000, .max_ms = 60000 } };
}

// ---- who is to blame

static const char *name_of(const struct server *server, char out[static ADDR_STRLEN])
{
	struct addr addr = addr_from_sockaddr(&server->at);

	return addr_format(&addr, out);
}

static void blame_server(struct dns *dns, struct server *server, int error)
{
	char name[ADDR_STRLEN], text[NOTE_SIZE];

	server->suspect_ms = clock_mono_ms() + backoff_next_ms(&server->backoff);
	server->misses++;
	server->missed_ms = clock_mono_ms();
	server->error = error;
	// one miss may have been the path's
	if (server->told || server->misses < MISSES_TOLD)
		return;
	server->told = true;
	// what is asked over one way is the matter of that way, see dns_find_fault()
	if (server->way >= 0)
		return;
	snprintf(text, sizeof(text), "name server %s does not answer", name_of(server, name));
	dns->tell(dns->ctx, LOG_LEVEL_WARNING, text);
}

static void blame_way(struct dns *dns, int way)
{
	if (way >= 0)
		dns->way_suspect_ms[way] = clock_mono_ms() + WAY_SUSPECT_MS;
}

static void praise(struct lane *lane)
{
	struct dns *dns = lane->dns;
	struct server *server = lane->server;
	char name[ADDR_STRLEN], text[NOTE_SIZE];

	if (lane->way >= 0)
		dns->way_suspect_ms[lane->way] = 0;
	dns->heard_ms = clock_mono_ms();
	server->suspect_ms = server->misses = 0;
	server->mute = false;
	backoff_reset(&server->backoff);
	if (!server->told)
		return;
	server->told = false;
	if (server->way >= 0)
		return;
	snprintf(text, sizeof(text), "name server %s answers again", name_of(server, name));
	dns->tell(dns->ctx, LOG_LEVEL_NOTICE, text);
}

// ---- the end of a lane

void try_stop(struct try *try)
{
	if (!try->lane)
		return;
	list_remove(&try->link);
	try->lane = NULL;
}

void lane_close(struct lane *lane)
{
	while (!list_is_empty(&lane->tries))
		try_stop(list_entry(lane->tries.next, struct try, link));
	stream_close(&lane->stream);
	list_remove(&lane->link);
	lane->dns->n_lanes--;
	free(lane);
}

// Closes it; what was under way there begins anew elsewhere.
static void lane_break(struct lane *lane)
{
	struct dns *dns = lane->dns;

	lane_close(lane);
	ask_again_all(dns);
}

// ---- what goes

// Returns the id that it went with, or -errno.
static int send_query(struct lane *lane, const struct dns_query *query, bool edns)
{
	uint8_t bytes[2 + DNS_QUERY_MAX];
	uint16_t id = lane->next_id;
	size_t len = dns_query_put(query, id, edns, bytes + 2);
	int rc;

	bytes[0] = (uint8_t)(len >> 8);
	bytes[1] = (uint8_t)len;
	rc = stream_send(&lane->stream, bytes, 2 + len);
	if (rc < 0)
		return rc;
	lane->next_id++;
	lane->sent[id % LANE_SENT].id = id;
	lane->sent[id % LANE_SENT].at_us = clock_mono_us();
	lane->server->asked++;
	if (!lane->waiting_ms)
		lane->waiting_ms = clock_mono_ms();
	dns_stir(lane->dns);
	return id;
}

static int send_try(struct lane *lane, struct try *try, bool edns)
{
	int id = send_query(lane, &try->ask->query, edns);

	if (id < 0)
		return id;
	try->id = (uint16_t)id;
	try->edns = edns;
	try->sent_us = clock_mono_us();
	try->lane = lane;
	list_add_tail(&lane->tries, &try->link);
	lane->used_ms = clock_mono_ms();
	return 0;
}

int lane_send(struct lane *lane, struct try *try)
{
	return send_try(lane, try, clock_mono_ms() >= lane->server->plain_until_ms);
}

// The root's name servers, which every server knows by heart; a refusal will do as well.
static void check(struct lane *lane)
{
	const struct dns_query query = {
		.question = { .name_len = 1, .type = DNS_TYPE_NS, .class = DNS_CLASS_IN }
	};

	(void)send_query(lane, &query, true);
}

// ---- what comes

static void smooth(int64_t *smoothed_us, int64_t sample_us)
{
	*smoothed_us = *smoothed_us < 0 ? sample_us : *smoothed_us + (sample_us - *smoothed_us) / 8;
}

static struct try *find_try(const struct lane *lane, const struct dns_answer *answer)
{
	struct list *pos, *after;

	list_for_each_safe(pos, after, &lane->tries) {
		struct try *try = list_entry(pos, struct try, link);

		// who could not read the question does not say it again
		if (try->id == answer->id &&
		    (!answer->question.name_len ||
		     dns_question_equal(&try->ask->query.question, &answer->question)))
			return try;
	}
	return NULL;
}

// Also when nobody waits for it any more, because another server was first.
static void note_answer(struct lane *lane, uint16_t id)
{
	int64_t *sent_us = &lane->sent[id % LANE_SENT].at_us, took_us = clock_mono_us() - *sent_us;

	if (!*sent_us || lane->sent[id % LANE_SENT].id != id)
		return;
	*sent_us = 0;
	lane->server->answered++;
	smooth(&lane->server->rtt_us, took_us);
	// one name that took long to look up is no reason to have patience with all
	smooth(&lane->rtt_us, took_us < PATIENCE_MAX_MS * 1000 ? took_us : PATIENCE_MAX_MS * 1000);
}

static void note_heard(struct lane *lane)
{
	lane->heard_us = clock_mono_us();
	lane->waiting_ms = list_is_empty(&lane->tries) ? 0 : clock_mono_ms();
	lane->checked_ms = 0;
	lane->blamed = false;
	praise(lane);
}

// A server that does not know EDNS cannot read the question, or will not, and says so without EDNS
// (RFC 6891, 7).
static bool wants_it_plain(const struct try *try, const struct dns_answer *answer)
{
	return try->edns && !answer->edns &&
	       (answer->rcode == DNS_FORMERR || answer->rcode == DNS_NOTIMP);
}

// It has answered without EDNS. After a while it is tried again.
static void note_plain(struct server *server)
{
	if (clock_mono_ms() >= server->plain_until_ms)
		server->plain_until_ms = clock_mono_ms() + PLAIN_MS;
}

static void take_message(struct lane *lane, const uint8_t *bytes, size_t len)
{
	struct dns_answer answer;
	uint8_t *message;
	struct try *try;

	if (dns_answer_parse(bytes, len, &answer) < 0)
		return;
	note_answer(lane, answer.id);
	try = find_try(lane, &answer);
	if (try)
		try_stop(try);
	note_heard(lane);
	if (!try || (wants_it_plain(try, &answer) && send_try(lane, try, false) == 0))
		return;
	if (!try->edns && (answer.rcode == DNS_NOERROR || answer.rcode == DNS_NXDOMAIN))
		note_plain(lane->server);
	message = malloc(len);
	if (!message)
		return;
	memcpy(message, bytes, len);
	ask_take(try->ask, try, lane, message, &answer);
	free(message);
}

static struct lane *lane_of(struct stream *stream)
{
	return list_entry(stream, struct lane, stream);
}

static int on_heard(struct stream *stream, struct buf *in)
{
	struct lane *lane = lane_of(stream);

	lane->in_use = true;
	while (in->len >= 2) {
		const uint8_t *at = buf_head(in);
		size_t len = (size_t)(at[0] << 8 | at[1]);

		if (in->len < 2 + len)
			break;
		take_message(lane, at + 2, len);
		buf_consume(in, 2 + len);
	}
	lane->in_use = false;
	return 0;
}

static void on_up(struct stream *stream)
{
	struct lane *lane = lane_of(stream);

	if (lane->waiting_ms)
		lane->waiting_ms = clock_mono_ms();
}

// What the next question would take.
static bool is_preferred(const struct dns *dns, const struct server *server, int way)
{
	int place = dns_upstream_place(dns, server);

	return place < 0 || (place == 0 && dns->spec.n_begin && dns->spec.begin[0] == way);
}

static void on_ended(struct stream *stream, int error)
{
	struct lane *lane = lane_of(stream);
	struct dns *dns = lane->dns;
	struct server *server = lane->server;
	bool idle = list_is_empty(&lane->tries), heard = lane->heard_us > 0;
	bool warm = clock_mono_ms() - lane->used_ms < WARM_MS;
	int way = lane->way;
	char name[ADDR_STRLEN];

	log_debug("dns: stream to %s over path %d: %s", name_of(server, name), way,
		  strerror(-error));
	// the exit closes without a word when it does not get there, and what it says otherwise is
	// not the server's
	if (server->sealed && (!stream->connected || error == -EPROTO))
		blame_way(dns, way);
	else if (!heard && !idle)
		blame_server(dns, server, error);
	lane_break(lane);
	if (idle && heard && warm && is_preferred(dns, server, way))
		lane_get(dns, server, way);
}

static const struct stream_events events = {
	.up = on_up,
	.heard = on_heard,
	.ended = on_ended,
};

// ---- opening

static struct addr source_of(const struct dns *dns, int way, const union sockaddr_any *to)
{
	if (way < 0)
		return (struct addr){ .family = AF_UNSPEC };
	return to->sa.sa_family == AF_INET6 ? dns->spec.ways[way].addr6 : dns->spec.ways[way].addr4;
}

// Where the connection goes over the way, and from where. False: nowhere.
static bool find_ends(const struct dns *dns, const struct server *server, int way,
		      union sockaddr_any *to, struct addr *from)
{
	if (!server->sealed) {
		*to = server->at;
		*from = source_of(dns, way, to);
		return way < 0 || addr_is_set(from);
	}
	for (size_t i = 0; i < dns->spec.n_exits; i++) {
		*to = dns->spec.exits[i];
		*from = source_of(dns, way, to);
		if (addr_is_set(from))
			return true;
	}
	return false;
}

bool lane_is_possible(const struct dns *dns, const struct server *server, int way)
{
	union sockaddr_any to;
	struct addr from;

	return find_ends(dns, server, way, &to, &from);
}

static int lane_open(struct lane *lane)
{
	struct dns *dns = lane->dns;
	struct wire_target target = { .addr = addr_from_sockaddr(&lane->server->at),
				      .port = sockaddr_port(&lane->server->at) };
	struct stream_spec spec = { .replay = dns->replay, .target = &target };

	if (!find_ends(dns, lane->server, lane->way, &spec.to, &spec.from))
		return -EADDRNOTAVAIL;
	if (lane->server->sealed)
		spec.key = &dns->spec.key;
	else
		spec.mark = dns->spec.mark;
	return stream_open(&lane->stream, &spec);
}

static struct lane *find_lane(const struct dns *dns, const struct server *server, int way)
{
	struct list *pos, *after;

	list_for_each_safe(pos, after, &dns->lanes) {
		struct lane *lane = list_entry(pos, struct lane, link);

		if (lane->server == server && lane->way == way)
			return lane;
	}
	return NULL;
}

static bool make_room(struct dns *dns)
{
	struct list *pos, *after;

	list_for_each_safe(pos, after, &dns->lanes) {
		struct lane *lane = list_entry(pos, struct lane, link);

		if (lane->in_use || !list_is_empty(&lane->tries))
			continue;
		lane_close(lane);
		return true;
	}
	return false;
}

struct lane *lane_get(struct dns *dns, struct server *server, int way)
{
	struct lane *lane = find_lane(dns, server, way);

	if (lane)
		return lane;
	if (dns->n_lanes == LANES_MAX && !make_room(dns))
		return NULL;
	lane = xcalloc(1, sizeof(*lane));
	*lane = (struct lane){ .dns = dns, .server = server, .way = way, .rtt_us = -1 };
	lane->opened_ms = lane->used_ms = clock_mono_ms();
	list_init(&lane->tries);
	stream_init(&lane->stream, dns->loop, &events);
	list_add_tail(&dns->lanes, &lane->link);
	dns->n_lanes++;
	if (getrandom(&lane->next_id, sizeof(lane->next_id), GRND_NONBLOCK) < 0)
		lane->next_id = (uint16_t)clock_mono_us();
	if (lane_open(lane) < 0) {
		blame_way(dns, way);
		lane_close(lane);
		return NULL;
	}
	dns_stir(dns);
	return lane;
}

// ---- time

static int64_t clamp(int64_t value, int64_t least, int64_t most)
{
	return value < least ? least : value > most ? most : value;
}

int64_t lane_patience_ms(const struct lane *lane)
{
	int64_t rtt_us = lane->way < 0 ? -1 : lane->dns->spec.ways[lane->way].rtt_us;
	int64_t rtt_ms = rtt_us < 0 ? UNKNOWN_RTT_MS : rtt_us / 1000;
	int64_t wait_ms = lane->rtt_us < 0 ? FIRST_RTTS * rtt_ms + FIRST_EXTRA_MS
					   : 2 * lane->rtt_us / 1000 + PATIENCE_EXTRA_MS;

	return clamp(wait_ms, lane->dns->least_patience_ms, PATIENCE_MAX_MS);
}

// Whether what was sent is not acknowledged, although the kernel has sent it again.
static bool is_cut(const struct lane *lane)
{
	struct sock_subflow subflows[SOCK_SUBFLOWS_MAX];
	int n = sock_subflows(lane->stream.fd, subflows);

	return n > 0 && subflows[0].backoff > 0;
}

bool lane_is_acked(const struct lane *lane)
{
	struct sock_subflow subflows[SOCK_SUBFLOWS_MAX];

	return lane->stream.connected && !lane->stream.out.len &&
	       sock_subflows(lane->stream.fd, subflows) > 0 && !subflows[0].unacked;
}

// Whether it has said nothing for too long, although it has got the question.
static bool is_silent(const struct lane *lane, int64_t now_ms)
{
	return lane->stream.connected && lane->waiting_ms && now_ms - lane->waiting_ms > SILENT_MS;
}

bool lane_tick(struct lane *lane, int64_t now_ms)
{
	struct dns *dns = lane->dns;
	bool connected = lane->stream.connected;

	if (!connected && now_ms - lane->opened_ms > CONNECT_MS) {
		blame_way(dns, lane->way);
		if (!lane->server->sealed)
			blame_server(dns, lane->server, -ETIMEDOUT);
	} else if (connected && lane->waiting_ms && is_cut(lane)) {
		blame_way(dns, lane->way);
	} else if (!lane->checked_ms && is_silent(lane, now_ms)) {
		check(lane);
		lane->checked_ms = now_ms;
		return false;
	} else if (lane->checked_ms && !lane->blamed && now_ms - lane->checked_ms > CHECK_MS) {
		blame_server(dns, lane->server, -ETIMEDOUT);
		lane->server->mute = lane->blamed = true;
		return false;
	} else if (lane->blamed && list_is_empty(&lane->tries)) {
		// the next question is to find a new one
	} else if (!list_is_empty(&lane->tries) || now_ms - lane->used_ms < IDLE_MS) {
		return false;
	}
	lane_break(lane);
	return true;
}
