// SPDX-License-Identifier: GPL-2.0-or-later
#include "unit.h"
#include "port.h"

#include <errno.h>
#include <ev.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "ctl/ctl.h"

#define WAIT_MS   10000
#define PAGE_SIZE 2000000 // more than socket buffers hold

struct bench {
	struct ev_loop *loop;
	struct ctl_page *page;
	union sockaddr_any at;
	int written;
	size_t size;
};

static void write_page(void *ctx, struct str *out)
{
	struct bench *bench = ctx;

	bench->written++;
	str_add(out, "mpgate_up 1\n");
	while (out->len < bench->size)
		str_add(out, "# more and more and more and more and more\n");
}

static int begin(void **state)
{
	struct bench *bench = xcalloc(1, sizeof(*bench));
	struct str why = { 0 };
	struct addr addr;

	addr_parse("127.0.0.1", &addr);
	bench->at = sockaddr_make(&addr, free_port());
	bench->loop = ev_loop_new(0);
	assert_int_equal(ctl_page_open(bench->loop, &bench->at, "text/test", write_page, bench,
				       &bench->page, &why),
			 0);
	*state = bench;
	return 0;
}

static int end(void **state)
{
	struct bench *bench = *state;

	ctl_page_close(bench->page);
	ev_loop_destroy(bench->loop);
	free(bench);
	return 0;
}

static int dial(const struct bench *bench)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(connect(fd, &bench->at.sa, sockaddr_len(&bench->at)), 0);
	return fd;
}

// Turns the loop until the other side ends, at most WAIT_MS. The answer's length; -1: it did not
// end.
static ssize_t listen_to(struct bench *bench, int fd, char *out, size_t size)
{
	int64_t until_ms = clock_mono_ms() + WAIT_MS;
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	size_t len = 0;

	while (clock_mono_ms() < until_ms) {
		ssize_t n;

		ev_run(bench->loop, EVRUN_NOWAIT);
		if (poll(&pfd, 1, 5) <= 0)
			continue;
		n = recv(fd, out + len, size - 1 - len, MSG_DONTWAIT);
		if (n <= 0) {
			out[len] = '\0';
			return n == 0 || errno == ECONNRESET ? (ssize_t)len : -1;
		}
		len += (size_t)n;
	}
	return -1;
}

static void check(struct bench *bench, const char *request, const char *beginning,
		  const char *ending)
{
	char out[4096];
	int fd = dial(bench);
	ssize_t len;

	assert_int_equal(send(fd, request, strlen(request), 0), strlen(request));
	len = listen_to(bench, fd, out, sizeof(out));
	assert_true(len >= 0);
	if (strncmp(out, beginning, strlen(beginning)) != 0 || (size_t)len < strlen(ending) ||
	    strcmp(out + len - strlen(ending), ending) != 0)
		fail_msg("%s was answered by %s", request, out);
	close(fd);
}

static void requests_are_answered(void **state)
{
	static const struct {
		const char *request, *beginning, *ending;
	} cases[] = {
		{ "GET /metrics HTTP/1.0\r\n\r\n",
		  "HTTP/1.0 200 OK\r\nContent-Type: text/test\r\nContent-Length: 12\r\n",
		  "\r\n\r\nmpgate_up 1\n" },
		{ "GET /metrics?x=1 HTTP/1.1\r\nHost: gw\r\nAccept: */*\r\n\r\n",
		  "HTTP/1.0 200 OK\r\n", "mpgate_up 1\n" },
		{ "GET /metrics HTTP/1.1\n\n", "HTTP/1.0 200 OK\r\n", "mpgate_up 1\n" },
		{ "HEAD /metrics HTTP/1.1\r\n\r\n", "HTTP/1.0 200 OK\r\n",
		  "Connection: close\r\n\r\n" },
		{ "GET / HTTP/1.1\r\n\r\n", "HTTP/1.0 404 ",
		  "There is /metrics, and nothing else.\n" },
		{ "GET /metricsx HTTP/1.1\r\n\r\n", "HTTP/1.0 404 ", "" },
		{ "POST /metrics HTTP/1.1\r\n\r\nmpgate_up 2\n", "HTTP/1.0 405 ",
		  "GET and HEAD.\n" },
		{ "get /metrics HTTP/1.1\r\n\r\n", "HTTP/1.0 400 ", "" },
		{ "GET /metrics\r\n\r\n", "HTTP/1.0 400 ", "" },
		{ "\r\n\r\n", "HTTP/1.0 400 ", "" },
		{ "\x16\x03\x01\x02\n\n", "HTTP/1.0 400 ", "" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		check(*state, cases[i].request, cases[i].beginning, cases[i].ending);
}

static void a_request_without_end_is_refused(void **state)
{
	char request[8192];

	memset(request, 'x', sizeof(request) - 1);
	request[sizeof(request) - 1] = '\0';
	memcpy(request, "GET /metrics HTTP/1.1\r\nX: ", 26);
	check(*state, request, "HTTP/1.0 431 ", "");
	assert_int_equal(((struct bench *)*state)->written, 0);
}

static void a_request_in_pieces_is_one(void **state)
{
	struct bench *bench = *state;
	static const char request[] = "GET /metrics HTTP/1.0\r\n\r\n";
	char out[4096];
	int fd = dial(bench);

	for (size_t i = 0; i < sizeof(request) - 1; i++) {
		assert_int_equal(send(fd, request + i, 1, 0), 1);
		ev_run(bench->loop, EVRUN_NOWAIT);
	}
	assert_true(listen_to(bench, fd, out, sizeof(out)) > 0);
	assert_int_equal(strncmp(out, "HTTP/1.0 200 ", 13), 0);
	close(fd);
}

// Eight that never read, and one that is served when their time is over.
static void the_slow_hold_up_nobody_for_long(void **state)
{
	struct bench *bench = *state;
	static const char request[] = "GET /metrics HTTP/1.0\r\n\r\n";
	static char out[PAGE_SIZE + 4096];
	int slow[8], fd;
	int64_t began_ms;

	bench->size = PAGE_SIZE;
	for (size_t i = 0; i < ARRAY_LEN(slow); i++) {
		slow[i] = dial(bench);
		assert_true(send(slow[i], request, sizeof(request) - 1, 0) > 0);
	}
	began_ms = clock_mono_ms();
	for (int i = 0; i < 100; i++)
		ev_run(bench->loop, EVRUN_NOWAIT);
	assert_true(clock_mono_ms() - began_ms < 2000);
	assert_int_equal(bench->written, 8);
	fd = dial(bench);
	assert_true(send(fd, request, sizeof(request) - 1, 0) > 0);
	assert_true(listen_to(bench, fd, out, sizeof(out)) > PAGE_SIZE);
	assert_int_equal(bench->written, 9);
	close(fd);
	for (size_t i = 0; i < ARRAY_LEN(slow); i++)
		close(slow[i]);
}

static void a_port_that_is_taken_is_told(void **state)
{
	struct bench *bench = *state;
	struct ctl_page *second = NULL;
	struct str why = { 0 };

	assert_int_equal(ctl_page_open(bench->loop, &bench->at, "text/test", write_page, bench,
				       &second, &why),
			 -EADDRINUSE);
	assert_non_null(strstr(str_text(&why), "cannot listen on 127.0.0.1:"));
	assert_null(second);
	str_fini(&why);
}

static void clients_of_a_closed_page_are_ended(void **state)
{
	struct bench *bench = *state;
	int fd = dial(bench);
	char byte;

	ev_run(bench->loop, EVRUN_NOWAIT);
	ctl_page_close(bench->page);
	bench->page = NULL;
	assert_int_equal(recv(fd, &byte, 1, 0), 0);
	close(fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(requests_are_answered),        TEST(a_request_without_end_is_refused),
		TEST(a_request_in_pieces_is_one),   TEST(the_slow_hold_up_nobody_for_long),
		TEST(a_port_that_is_taken_is_told), TEST(clients_of_a_closed_page_are_ended),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
