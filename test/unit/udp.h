// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef TEST_UDP_H
#define TEST_UDP_H

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include "base/addr.h"
#include "unit.h"

static inline struct addr host(const char *text)
{
	struct addr addr;

	assert_int_equal(addr_parse(text, &addr), 0);
	return addr;
}

static inline union sockaddr_any address(const char *text, uint16_t port)
{
	struct addr addr = host(text);

	return sockaddr_make(&addr, port);
}

// `port` 0: whichever is free.
static inline int open_socket(const char *text, uint16_t port)
{
	union sockaddr_any sa = address(text, port);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	assert_int_equal(bind(fd, &sa.sa, sockaddr_len(&sa)), 0);
	return fd;
}

static inline union sockaddr_any name_of(int fd)
{
	union sockaddr_any sa;
	socklen_t len = sizeof(sa);

	assert_int_equal(getsockname(fd, &sa.sa, &len), 0);
	return sa;
}

// Returns -EAGAIN when nothing comes within the time.
static inline ssize_t read_within(int fd, int ms, void *bytes, size_t size,
				  union sockaddr_any *from)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	socklen_t len = sizeof(*from);

	if (poll(&p, 1, ms) != 1)
		return -EAGAIN;
	return recvfrom(fd, bytes, size, 0, &from->sa, &len);
}

#endif
