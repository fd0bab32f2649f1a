// SPDX-License-Identifier: GPL-2.0-or-later
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/notify.h"

// A service manager: a bound datagram socket, and the variables that it gives to what it starts.
static int listen_at(const char *name)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	size_t len = strlen(name);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	memcpy(at.sun_path, name, len);
	if (name[0] == '@')
		at.sun_path[0] = '\0';
	else
		unlink(name);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&at,
			      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)),
			 0);
	setenv("NOTIFY_SOCKET", name, 1);
	return fd;
}

static const char *receive(int fd)
{
	static char text[1024];
	ssize_t n = recv(fd, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

static void speaks_to_both_kinds_of_sockets(void **state)
{
	char abstract[64], path[64];
	const char *const names[] = { abstract, path };

	(void)state;
	snprintf(abstract, sizeof(abstract), "@mpgate-notify-%d", getpid());
	snprintf(path, sizeof(path), "/tmp/mpgate-notify-%d", getpid());
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		int fd = listen_at(names[i]);

		notify_init();
		assert_null(getenv("NOTIFY_SOCKET"));
		assert_true(notify_send("STATUS=%d of %d", 3, 4));
		assert_string_equal(receive(fd), "STATUS=3 of 4");
		close(fd);
		assert_false(notify_send("READY=1")); // nobody took it
	}
	unlink(path);
}

static void is_silent_when_nobody_listens(void **state)
{
	static const char *const bad[] = { NULL, "", "relative", "@", "vsock:2:1234" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		unsetenv("NOTIFY_SOCKET");
		if (bad[i])
			setenv("NOTIFY_SOCKET", bad[i], 1);
		notify_init();
		assert_false(notify_is_wanted());
		assert_false(notify_send("READY=1"));
		assert_int_equal(notify_watchdog_ms(), 0);
	}
}

static void takes_the_watchdog_that_is_meant_for_it(void **state)
{
	const struct {
		const char *usec;
		int pid; // of ours; 0: not said
		int64_t ms;
	} cases[] = {
		{ NULL, 0, 0 },
		{ "30000000", 0, 30000 },
		{ "30000000", getpid(), 30000 },
		{ "30000000", getppid(), 0 },
	};
	char name[64], pid[16];

	(void)state;
	snprintf(name, sizeof(name), "@mpgate-watchdog-%d", getpid());
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int fd = listen_at(name);

		if (cases[i].usec)
			setenv("WATCHDOG_USEC", cases[i].usec, 1);
		snprintf(pid, sizeof(pid), "%d", cases[i].pid);
		if (cases[i].pid)
			setenv("WATCHDOG_PID", pid, 1);
		notify_init();
		assert_int_equal(notify_watchdog_ms(), cases[i].ms);
		assert_null(getenv("WATCHDOG_USEC"));
		assert_null(getenv("WATCHDOG_PID"));
		close(fd);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(speaks_to_both_kinds_of_sockets),
		cmocka_unit_test(is_silent_when_nobody_listens),
		cmocka_unit_test(takes_the_watchdog_that_is_meant_for_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
