// SPDX-License-Identifier: GPL-2.0-or-later
//
// The exit's side of the peer service (doc/peer-service.md): a session whose target is the reserved
// name has a sealed side only, and questions are answered one after the other.
//
// ECHO and SEEN are answered on the spot. FILL is answered as the far end takes it, and by the same
// thread that serves others: so in pieces, and never more is kept than one message. For STATS a
// letter goes round the workers, because the connections of one gateway are spread over all of
// them; each adds what it knows, and when it is home again the answer is sent. No lock, and nothing
// that a relayed connection would notice.
//
// Whose connections? Nothing in a Shadowsocks stream says which gateway opened it. So statistics
// are kept by address, and a peer is told of those addresses alone from which it has reached us
// over this very connection: an established subflow proves that. Gateways with one key behind one
// address see each other's sums there.
//
// A peer is trusted no more than it must: questions beyond a few a second wait, an answer that it
// does not read stops the next question, and a broken message or long silence ends the session.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "relay/relay_priv.h"

#define QUESTIONS_PER_S 32
#define IDLE_S          300.
#define FILL_BURST      64 // messages in a row

struct service {
	struct list link; // in the worker's services
	struct session *session;
	int allowance;   // questions until the next tick
	ev_tstamp heard; // when the last one came
	uint64_t survey; // the one under way; 0: none
	uint32_t fill;   // bytes that are still to be sent
	uint64_t fill_nonce;
	// from where this connection has come so far, in a ring
	struct addr addrs[WIRE_SERVICE_LIST_MAX];
	unsigned n_addrs;
};

// A question that goes round the workers. It belongs to whoever it was posted to.
struct survey {
	struct letter letter;
	int home;    // worker
	uint64_t id; // of that worker
	struct wire_service_message answer;
};

static void answer(struct session *s, struct wire_service_message *message)
{
	uint8_t bytes[WIRE_SERVICE_MAX];
	int rc;

	message->type |= WIRE_SERVICE_ANSWER;
	rc = flow_seal(s, bytes, wire_service_put(message, bytes));
	if (rc < 0)
		session_end(s, RELAY_END_RESET);
}

// ---- what this connection is

static void note_addr(struct service *service, const struct addr *addr)
{
	for (unsigned i = 0; i < service->n_addrs && i < WIRE_SERVICE_LIST_MAX; i++) {
		if (addr_equal(&service->addrs[i], addr))
			return;
	}
	service->addrs[service->n_addrs++ % WIRE_SERVICE_LIST_MAX] = *addr;
}

// Lists the subflows in the answer, and remembers where they come from.
static void list_subflows(struct session *s, struct wire_service_message *m)
{
	struct sock_subflow subflows[SOCK_SUBFLOWS_MAX];
	int n = sock_subflows(s->sealed.fd, subflows);

	for (int i = 0; i < n && i < WIRE_SERVICE_LIST_MAX; i++) {
		struct wire_service_subflow *sf = &m->subflows[m->n_subflows++];

		sf->addr = addr_from_sockaddr(&subflows[i].remote);
		sf->port = sockaddr_port(&subflows[i].remote);
		sf->established = subflows[i].established;
		if (sf->established)
			note_addr(s->service, &sf->addr);
	}
}

static void answer_echo(struct session *s, struct wire_service_message *m)
{
	m->time_us = (uint64_t)clock_wall_ms() * 1000;
	answer(s, m);
}

static void answer_seen(struct session *s, struct wire_service_message *m)
{
	m->time_us = (uint64_t)clock_wall_ms() * 1000;
	m->protocol = WIRE_SERVICE_VERSION;
	m->mptcp = sock_is_mptcp(s->sealed.fd);
	str_copy(m->version, sizeof(m->version), PACKAGE_VERSION);
	list_subflows(s, m);
	answer(s, m);
}

// ---- the bytes to measure by

static void answer_fill(struct session *s, struct wire_service_message *m)
{
	s->service->fill = m->bytes < WIRE_SERVICE_FILL_MAX ? m->bytes : WIRE_SERVICE_FILL_MAX;
	s->service->fill_nonce = m->nonce;
}

// As long as the socket takes them, and others are not kept waiting. 0, or an errno.
static int send_fill(struct session *s)
{
	struct service *service = s->service;
	uint8_t bytes[WIRE_SERVICE_MAX];
	int rc = 0;

	for (int i = 0; !rc && i < FILL_BURST && service->fill && !s->up.waiting.len; i++) {
		struct wire_service_message m = { .type = WIRE_SERVICE_FILL | WIRE_SERVICE_ANSWER,
						  .nonce = service->fill_nonce };

		service->fill -= service->fill < sizeof(bytes) ? service->fill : sizeof(bytes);
		m.bytes = service->fill;
		rc = flow_seal(s, bytes,
			       wire_service_pad(bytes, wire_service_put(&m, bytes), sizeof(bytes)));
	}
	return rc;
}

// ---- the survey

static void free_survey(struct letter *letter)
{
	free(letter);
}

static void finish_survey(struct worker *w, struct survey *survey)
{
	struct list *pos, *after;

	list_for_each_safe(pos, after, &w->services) {
		struct service *service = list_entry(pos, struct service, link);
		struct session *session = service->session;

		// the session that asked may have ended meanwhile
		if (service->survey != survey->id)
			continue;
		service->survey = 0;
		answer(session, &survey->answer);
		service_ready(session);
		break;
	}
	free(survey);
}

static void take_survey(struct letter *letter, void *ctx);

static void pass_survey_on(struct worker *w, struct survey *survey)
{
	int next = (w->number + 1) % w->relay->n_workers;

	for (int i = 0; i < survey->answer.n_remotes; i++)
		remote_add(w, &survey->answer.remotes[i]);
	survey->letter = (struct letter){ .open = take_survey, .free = free_survey };
	mailbox_post(&w->relay->workers[next].mailbox, &survey->letter);
}

static void take_survey(struct letter *letter, void *ctx)
{
	struct survey *survey = (struct survey *)letter;
	struct worker *w = ctx;

	if (survey->home == w->number)
		finish_survey(w, survey);
	else
		pass_survey_on(w, survey);
}

static void start_survey(struct session *s, struct wire_service_message *m)
{
	struct worker *w = s->worker;
	struct service *service = s->service;
	struct survey *survey = calloc(1, sizeof(*survey));
	struct wire_service_message here = { 0 };

	if (!survey) {
		session_end(s, RELAY_END_LIMIT);
		return;
	}
	list_subflows(s, &here);
	survey->home = w->number;
	survey->id = service->survey = ++w->last_survey;
	survey->answer.type = m->type;
	survey->answer.nonce = m->nonce;
	for (unsigned i = 0; i < service->n_addrs && i < WIRE_SERVICE_LIST_MAX; i++)
		survey->answer.remotes[survey->answer.n_remotes++].addr = service->addrs[i];
	pass_survey_on(w, survey);
}

// ---- the session

static bool may_take(const struct session *s)
{
	return s->state == SESSION_SERVICE && s->service->allowance > 0 && !s->service->survey &&
	       !s->service->fill && !s->up.waiting.len;
}

// Takes the next question that is there whole. 0, -EAGAIN, or another errno.
static int take_question(struct session *s)
{
	static void (*const answers[])(struct session *, struct wire_service_message *) = {
		[WIRE_SERVICE_ECHO] = answer_echo,
		[WIRE_SERVICE_SEEN] = answer_seen,
		[WIRE_SERVICE_STATS] = start_survey,
		[WIRE_SERVICE_FILL] = answer_fill,
	};
	struct wire_service_message question, m = { 0 };
	size_t used;
	int rc = wire_service_parse(buf_head(&s->down.waiting), s->down.waiting.len, &question,
				    &used);

	if (rc < 0)
		return rc;
	buf_consume(&s->down.waiting, used);
	s->service->allowance--;
	s->service->heard = ev_now(s->worker->loop);
	m.type = question.type;
	m.nonce = question.nonce;
	m.bytes = question.bytes;
	if (m.type < sizeof(answers) / sizeof(answers[0]) && answers[m.type])
		answers[m.type](s, &m);
	return 0;
}

static int take_questions(struct session *s)
{
	int rc = 0;

	while (!rc && may_take(s))
		rc = take_question(s);
	return rc == -EAGAIN ? 0 : rc;
}

int service_events(const struct session *s)
{
	if (s->up.waiting.len || s->service->fill)
		return EV_WRITE;
	return may_take(s) ? EV_READ : 0;
}

static void end_service(struct session *s, int error)
{
	switch (error) {
	case -EPIPE:
		session_end(s, RELAY_END_DONE);
		break;
	case -EPROTO:
		log_debug("service: a message that makes no sense");
		session_end(s, RELAY_END_BAD_CLIENT);
		break;
	case -EBADMSG:
	case -EEXIST:
		session_end(s, RELAY_END_BAD_PEER);
		break;
	default:
		session_end(s, RELAY_END_RESET);
	}
}

// Called for whatever may have changed: bytes have come, others have gone, an answer is complete.
void service_ready(struct session *s)
{
	ssize_t n;
	int rc;

	if (s->state != SESSION_SERVICE)
		return;
	rc = flow_drain(&s->up);
	if (!rc)
		rc = send_fill(s);
	if (!rc)
		rc = take_questions(s);
	// what was left over has been answered; now the socket
	if (!rc && s->state == SESSION_SERVICE && may_take(s)) {
		n = flow_open_once(s);
		rc = n < 0 ? (int)n : take_questions(s);
	}
	if (rc < 0)
		end_service(s, rc);
	else if (s->state == SESSION_SERVICE)
		session_watch(s);
}

void service_start(struct session *s)
{
	struct service *service = calloc(1, sizeof(*service));

	if (!service) {
		session_end(s, RELAY_END_LIMIT);
		return;
	}
	session_drop_opening(s);
	service->session = s;
	service->allowance = QUESTIONS_PER_S;
	service->heard = ev_now(s->worker->loop);
	list_add_tail(&s->worker->services, &service->link);
	s->service = service;
	s->state = SESSION_SERVICE;
	service_ready(s);
}

void service_tick(struct session *s, ev_tstamp now)
{
	if (now - s->service->heard > IDLE_S) {
		session_end(s, RELAY_END_IDLE);
		return;
	}
	s->service->allowance = QUESTIONS_PER_S;
	service_ready(s);
}

void service_free(struct session *s)
{
	if (!s->service)
		return;
	list_remove(&s->service->link);
	free(s->service);
	s->service = NULL;
}
