// SPDX-License-Identifier: GPL-2.0-or-later
// One path tried on demand, beside the probes that go on: is its first hop there, does the exit's
// port answer over it, is what goes through the exit answered, do packets of full size pass, does
// MPTCP?
//
// All of it is asked at once. A plain TCP connection goes over this path and no other, so it is
// what times and sizes are taken from; an MPTCP connection beside it is joined by the kernel over
// the other paths, and says only whether the options pass. A third one begins on another path, to
// see whether this one joins it. What has no answer when the time is over has none. The speed,
// where it is asked for, comes last and alone.

#include "probe/probe_priv.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/str.h"
#include "probe/probe.h"
#include "sock/sock.h"

#define PATIENCE_S 6.
#define FILL_S     5. // for the speed, beyond that
#define LOOK_S     .1 // at the subflows of the third connection
// More than two packets of any usual size.
#define FULL_BYTES      3800
#define REPLAY_CAPACITY 64

// Open as long as its owner waits for something.
struct leg {
	struct peer_link link;
	struct exam *exam;
	struct test_leg *result;
	bool fills; // then asks a question that fills packets
	uint64_t nonce;
	int64_t asked_us;
	bool sized;          // that question is under way
	bool filled;         // the one for the speed is
	int64_t first_us;    // its first answer; 0: none yet
	uint32_t first_left; // bytes to come after that
	int mss;             // before it
};

struct exam {
	struct ev_loop *loop;
	exam_done_fn *done;
	void *ctx;
	struct exam_target target;
	struct test_facts facts;
	struct wire_replay *replay;
	struct leg tcp, mptcp, join;
	struct test_leg beside; // what the third one finds out besides
	struct probe_echo echo;
	bool pings;
	ev_io ping;
	ev_timer deadline, look;
	int64_t begin_us;
};

static void end_ping(struct exam *exam)
{
	if (!exam->pings)
		return;
	exam->pings = false;
	ev_io_stop(exam->loop, &exam->ping);
	close(exam->echo.fd);
}

static void spend(struct exam *exam, struct leg *leg)
{
	exam->facts.bytes += leg->link.stream.bytes;
	leg->link.stream.bytes = 0;
}

static void end_leg(struct leg *leg)
{
	peer_link_close(&leg->link);
	spend(leg->exam, leg);
}

static bool is_over(const struct exam *exam)
{
	return !exam->pings && !peer_link_is_open(&exam->tcp.link) &&
	       !peer_link_is_open(&exam->mptcp.link) && !peer_link_is_open(&exam->join.link);
}

static void end_all(struct exam *exam)
{
	end_ping(exam);
	end_leg(&exam->tcp);
	end_leg(&exam->mptcp);
	end_leg(&exam->join);
	ev_timer_stop(exam->loop, &exam->look);
	ev_timer_stop(exam->loop, &exam->deadline);
}

// The deadline's watcher tells, so that nobody is called back from within a link.
static void check_end(struct exam *exam)
{
	if (is_over(exam))
		ev_feed_event(exam->loop, &exam->deadline, EV_CUSTOM);
}

static void on_deadline(struct ev_loop *loop, ev_timer *timer, int revents)
{
	struct exam *exam = timer->data;

	(void)loop;
	(void)revents;
	end_all(exam);
	exam->done(exam->ctx, &exam->facts); // may free it
}

// ---- the first hop

static void on_ping(struct ev_loop *loop, ev_io *io, int revents)
{
	struct exam *exam = io->data;
	int rc = probe_echo_read(&exam->echo);

	(void)loop;
	(void)revents;
	if (rc == -EAGAIN)
		return;
	exam->facts.hop_error = rc;
	exam->facts.hop_us = clock_mono_us() - exam->begin_us;
	end_ping(exam);
	check_end(exam);
}

static void ping(struct exam *exam)
{
	const struct exam_target *t = &exam->target;
	union sockaddr_any to = sockaddr_make(&t->hop, 0);
	uint64_t cookie = 0;
	int rc;

	if (!addr_is_set(&t->hop)) {
		exam->facts.hop_error = -ENOENT;
		return;
	}
	if (addr_is_link_local(&t->hop) && to.sa.sa_family == AF_INET6)
		to.in6.sin6_scope_id = (uint32_t)t->ifindex;
	(void)!getrandom(&cookie, sizeof(cookie), GRND_NONBLOCK); // any will do
	rc = probe_echo_open(&exam->echo, &t->source, &to, 0, cookie);
	exam->facts.hop_error = rc < 0 ? rc : -ETIMEDOUT;
	if (rc < 0)
		return;
	exam->facts.bytes += 2 * probe_echo_bytes(to.sa.sa_family);
	exam->pings = true;
	ev_io_set(&exam->ping, exam->echo.fd, EV_READ);
	ev_io_start(exam->loop, &exam->ping);
}

// ---- connections to the exit

static struct leg *leg_of(struct peer_link *link)
{
	return list_entry(link, struct leg, link);
}

// Of at least `bytes` bytes.
static void ask(struct leg *leg, uint8_t type, size_t bytes)
{
	struct wire_service_message question = {
		.type = type, .bytes = type == WIRE_SERVICE_FILL ? WIRE_SERVICE_FILL_MAX : 0
	};
	uint8_t message[WIRE_SERVICE_MAX];
	size_t len;

	leg->nonce = (uint64_t)clock_mono_us() | 1;
	leg->asked_us = clock_mono_us();
	question.nonce = leg->nonce;
	len = wire_service_pad(message, wire_service_put(&question, message), bytes);
	// without memory it is lost, and the time runs out
	(void)stream_send(&leg->link.stream, message, len);
}

static int mss_of(int fd)
{
	struct tcp_info info = { 0 };
	socklen_t len = sizeof(info);

	return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0 ? (int)info.tcpi_snd_mss : 0;
}

static void leg_up(struct peer_link *link)
{
	struct leg *leg = leg_of(link);
	struct test_leg *r = leg->result;

	r->error = 0;
	r->connect_us = clock_mono_us() - leg->exam->begin_us;
	r->asked = sock_asked_mptcp(link->stream.fd);
	r->mptcp = sock_is_mptcp(link->stream.fd);
	ask(leg, WIRE_SERVICE_SEEN, 0);
}

// The kernel's own search for what passes makes segments smaller and leaves the route's MTU as it
// is.
static void take_size(struct leg *leg)
{
	struct test_facts *facts = &leg->exam->facts;
	int fd = leg->link.stream.fd;

	facts->size_error = 0;
	facts->mtu = sock_mtu(fd);
	facts->shrank = mss_of(fd) < leg->mss && facts->mtu > mss_of(fd) + 100;
}

static void begin_fill(struct leg *leg)
{
	struct exam *exam = leg->exam;

	leg->filled = true;
	exam->facts.fill_error = -ETIMEDOUT;
	ask(leg, WIRE_SERVICE_FILL, 0);
	ev_timer_stop(exam->loop, &exam->deadline);
	ev_timer_set(&exam->deadline, FILL_S, 0.);
	ev_now_update(exam->loop);
	ev_timer_start(exam->loop, &exam->deadline);
}

// What came before the first answer has waited a round trip, and counts for nothing.
static void take_fill(struct leg *leg, uint32_t left)
{
	struct test_facts *facts = &leg->exam->facts;
	int64_t now_us = clock_mono_us();

	facts->fill_error = 0;
	if (!leg->first_us) {
		leg->first_us = now_us;
		leg->first_left = left;
	}
	facts->fill_bytes = leg->first_left > left ? leg->first_left - left : 0;
	facts->fill_us = now_us - leg->first_us;
	if (left)
		return;
	end_leg(leg);
	check_end(leg->exam);
}

static void leg_heard(struct peer_link *link, const struct wire_service_message *message)
{
	struct leg *leg = leg_of(link);
	struct exam *exam = leg->exam;
	struct test_leg *r = leg->result;

	if (message->nonce != leg->nonce)
		return;
	if (leg->filled) {
		take_fill(leg, message->bytes);
		return;
	}
	if (leg->sized) {
		take_size(leg);
	} else {
		r->echo_error = 0;
		r->echo_us = clock_mono_us() - leg->asked_us;
		r->mptcp_there = message->mptcp;
		// the subflow that a connection began on comes first
		if (message->n_subflows)
			r->seen_as = message->subflows[0].addr;
	}
	if (leg == &exam->join) {
		ev_timer_start(exam->loop,
			       &exam->look); // the connection is whole now, and can be joined
	} else if (leg->fills && !leg->sized) {
		leg->sized = true;
		leg->mss = mss_of(link->stream.fd);
		ask(leg, WIRE_SERVICE_ECHO, FULL_BYTES);
	} else if (leg->fills && exam->target.fill) {
		begin_fill(leg);
	} else {
		end_leg(leg);
		check_end(exam);
	}
}

static void leg_ended(struct peer_link *link, int error)
{
	struct leg *leg = leg_of(link);
	struct test_leg *r = leg->result;

	if (r->error)
		r->error = error;
	else if (r->echo_error)
		r->echo_error = error;
	else if (leg->filled && leg->exam->facts.fill_error)
		leg->exam->facts.fill_error = error;
	else if (leg->sized && !leg->filled)
		leg->exam->facts.size_error = error;
	if (leg == &leg->exam->join)
		leg->exam->facts.join_error = error;
	spend(leg->exam, leg);
	check_end(leg->exam);
}

static void open_leg(struct exam *exam, struct leg *leg, const struct addr *source, bool mptcp,
		     struct test_leg *result)
{
	static const struct peer_link_events events = { .up = leg_up,
							.heard = leg_heard,
							.ended = leg_ended };
	const struct peer_link_spec spec = { .key = &exam->target.key,
					     .replay = exam->replay,
					     .exit = exam->target.exit,
					     .source = *source,
					     .plain = !mptcp };
	int rc;

	leg->exam = exam;
	leg->result = result;
	*result = (struct test_leg){ .error = -ETIMEDOUT, .echo_error = -ETIMEDOUT };
	peer_link_init(&leg->link, exam->loop, &events, NULL);
	if (!addr_is_set(source))
		return;
	rc = peer_link_open(&leg->link, &spec);
	if (rc < 0)
		result->error = rc;
}

// ---- the third one

// A subflow over this path?
static void on_look(struct ev_loop *loop, ev_timer *timer, int revents)
{
	struct exam *exam = timer->data;
	struct sock_subflow list[SOCK_SUBFLOWS_MAX];
	int n = sock_subflows(exam->join.link.stream.fd, list);

	(void)loop;
	(void)revents;
	for (int i = 0; i < n; i++) {
		struct addr local = addr_from_sockaddr(&list[i].local);

		if (!list[i].established || !addr_equal(&local, &exam->target.source))
			continue;
		exam->facts.join_error = 0;
		exam->facts.join_us = clock_mono_us() - exam->join.asked_us;
		ev_timer_stop(exam->loop, &exam->look);
		end_leg(&exam->join);
		check_end(exam);
		return;
	}
}

// ---- the whole

struct exam *exam_start(struct ev_loop *loop, const struct exam_target *target, exam_done_fn *done,
			void *ctx)
{
	struct exam *exam = xcalloc(1, sizeof(*exam));
	struct test_facts *facts = &exam->facts;

	exam->loop = loop;
	exam->target = *target;
	exam->done = done;
	exam->ctx = ctx;
	exam->replay = wire_replay_new(REPLAY_CAPACITY);
	exam->begin_us = clock_mono_us();
	facts->size_error = facts->join_error = -ETIMEDOUT;
	facts->join_asked = addr_is_set(&target->other);
	facts->fill_asked = target->fill;
	facts->fill_error = -ECANCELED; // as long as it has not come to that
	ev_init(&exam->ping, on_ping);
	ev_timer_init(&exam->look, on_look, LOOK_S, LOOK_S);
	ev_timer_init(&exam->deadline, on_deadline, PATIENCE_S, 0.);
	exam->ping.data = exam->look.data = exam->deadline.data = exam;
	ev_now_update(loop);
	ev_timer_start(loop, &exam->deadline);
	ping(exam);
	exam->tcp.fills = true;
	open_leg(exam, &exam->tcp, &target->source, false, &facts->tcp);
	open_leg(exam, &exam->mptcp, &target->source, true, &facts->mptcp);
	open_leg(exam, &exam->join, &target->other, true, &exam->beside);
	check_end(exam);
	return exam;
}

void exam_free(struct exam *exam)
{
	if (!exam)
		return;
	end_all(exam);
	wire_replay_free(exam->replay);
	wire_key_wipe(&exam->target.key);
	free(exam);
}
