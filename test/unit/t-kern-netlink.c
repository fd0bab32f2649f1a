// SPDX-License-Identifier: GPL-2.0-or-later
// Requests and their answers, with this test in the kernel's place at the other end of a socket
// pair.
#include "unit.h"

#include <errno.h>
#include <netlink/msg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kern/kern_priv.h"

#define TYPE 0x20 // of requests and answers

struct stage {
	struct kern_netlink nl;
	int kernel;
	int got; // messages handed on
};

static void set_up(struct stage *s)
{
	int fds[2];
	struct timeval soon = { .tv_usec = 50000 };

	*s = (struct stage){ .kernel = -1 };
	assert_int_equal(kern_netlink_open(&s->nl, NETLINK_ROUTE), 0);
	close(s->nl.fd);
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, fds), 0);
	assert_int_equal(setsockopt(fds[0], SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof(soon)), 0);
	s->nl.fd = fds[0];
	s->kernel = fds[1];
}

static void tear_down(struct stage *s)
{
	kern_netlink_close(&s->nl);
	close(s->kernel);
}

// A message at `out`; returns where the next goes.
static uint8_t *put(uint8_t *out, uint16_t type, uint16_t flags, uint32_t seq, int payload)
{
	struct nlmsghdr head = { .nlmsg_len = NLMSG_HDRLEN + sizeof(payload),
				 .nlmsg_type = type,
				 .nlmsg_flags = flags,
				 .nlmsg_seq = seq };

	memcpy(out, &head, sizeof(head));
	memcpy(out + NLMSG_HDRLEN, &payload, sizeof(payload));
	return out + head.nlmsg_len;
}

// What the kernel sends for one call, a datagram at a time.
struct part {
	uint16_t type, flags;
	uint32_t seq;
	int payload;
	bool more; // the next message is in the same datagram
};

static void answer(struct stage *s, const struct part *parts)
{
	uint8_t bytes[256], *end = bytes;

	for (; parts->type; parts++) {
		end = put(end, parts->type, parts->flags, parts->seq, parts->payload);
		if (parts->more)
			continue;
		assert_int_equal(send(s->kernel, bytes, (size_t)(end - bytes), 0), end - bytes);
		end = bytes;
	}
}

static void count(void *ctx, struct nlmsghdr *msg)
{
	struct stage *s = ctx;

	(void)msg;
	s->got++;
}

static struct nl_msg *request(void)
{
	return kern_netlink_request(TYPE, 0, "head", 4);
}

static void test_answers(void **state)
{
	static const struct {
		const char *name;
		struct part parts[5];
		int error, got;
		const char *why;
	} cases[] = {
		{ "acknowledged", { { NLMSG_ERROR, 0, 1, 0, false } }, 0, 0, "" },
		{ "refused",
		  { { NLMSG_ERROR, 0, 1, -ESRCH, false } },
		  -ESRCH,
		  0,
		  "No such process" },
		{ "dump in two datagrams",
		  { { TYPE, NLM_F_MULTI, 1, 7, true },
		    { TYPE, NLM_F_MULTI, 1, 7, false },
		    { TYPE, NLM_F_MULTI, 1, 7, false },
		    { NLMSG_DONE, NLM_F_MULTI, 1, 0, false } },
		  0,
		  3,
		  "" },
		{ "torn dump is complete, and said to be torn",
		  { { TYPE, NLM_F_MULTI, 1, 7, false },
		    { TYPE, NLM_F_MULTI | NLM_F_DUMP_INTR, 1, 7, false },
		    { NLMSG_DONE, NLM_F_MULTI, 1, 0, false } },
		  -EINTR,
		  2,
		  "" },
		{ "dump that ends with an error",
		  { { NLMSG_DONE, NLM_F_MULTI, 1, -EOPNOTSUPP, false } },
		  -EOPNOTSUPP,
		  0,
		  "Operation not supported" },
		{ "late answer to an earlier call",
		  { { NLMSG_ERROR, 0, 0, -EPERM, true },
		    { TYPE, 0, 0, 7, false },
		    { NLMSG_ERROR, 0, 1, 0, false } },
		  0,
		  0,
		  "" },
		{ "no answer",
		  { { TYPE, 0, 0, 7, false } },
		  -ETIMEDOUT,
		  0,
		  "Connection timed out" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct str why = { 0 };
		struct stage s;
		int error;

		set_up(&s);
		answer(&s, cases[i].parts);
		error = kern_netlink_call(&s.nl, request(), count, &s, &why);
		if (error != cases[i].error || s.got != cases[i].got ||
		    strcmp(str_text(&why), cases[i].why) != 0)
			fail_msg("%s: error %d, %d messages, \"%s\"", cases[i].name, error, s.got,
				 str_text(&why));
		str_fini(&why);
		tear_down(&s);
	}
}

static void test_request(void **state)
{
	struct nlmsghdr sent;
	struct str why = { 0 };
	struct stage s;
	uint8_t bytes[64];

	(void)state;
	set_up(&s);
	for (uint32_t seq = 1; seq <= 2; seq++) {
		answer(&s, (struct part[]){ { NLMSG_ERROR, 0, seq, 0, false }, { 0 } });
		assert_int_equal(kern_netlink_call(&s.nl, request(), NULL, NULL, &why), 0);
		assert_int_equal(recv(s.kernel, bytes, sizeof(bytes), 0), NLMSG_HDRLEN + 4);
		memcpy(&sent, bytes, sizeof(sent));
		assert_int_equal(sent.nlmsg_type, TYPE);
		assert_int_equal(sent.nlmsg_flags, NLM_F_REQUEST | NLM_F_ACK);
		assert_int_equal(sent.nlmsg_seq, seq);
		assert_memory_equal(bytes + NLMSG_HDRLEN, "head", 4);
	}
	tear_down(&s);
}

// Lengths that lie about the datagram.
static void test_malformed(void **state)
{
	static const uint32_t lengths[] = { 0, 15, 21, 0x7fffffff, 0xffffffff };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
		struct str why = { 0 };
		struct stage s;
		uint8_t bytes[64];

		set_up(&s);
		put(bytes, TYPE, 0, 1, 7);
		memcpy(bytes, &lengths[i], sizeof(lengths[i]));
		assert_int_equal(send(s.kernel, bytes, NLMSG_HDRLEN + 4, 0), NLMSG_HDRLEN + 4);
		// passed over; then comes the answer
		answer(&s, (struct part[]){ { NLMSG_ERROR, 0, 1, 0, false }, { 0 } });
		assert_int_equal(kern_netlink_call(&s.nl, request(), count, &s, &why), 0);
		assert_int_equal(s.got, 0);
		tear_down(&s);
	}
}

static void test_no_memory(void **state)
{
	struct kern_netlink nl = { .fd = -1 };
	struct str why = { 0 };

	(void)state;
	assert_int_equal(kern_netlink_call(&nl, NULL, NULL, NULL, &why), -ENOMEM);
	assert_string_equal(str_text(&why), "Cannot allocate memory");
	str_fini(&why);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_request),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
