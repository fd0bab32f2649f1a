// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef TEST_PORT_H
#define TEST_PORT_H

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "unit.h"

// Below those that the kernel gives away by itself (ip_local_port_range), which another test's
// connection might be given before ours is opened.
#define PORTS_FIRST 10000
#define PORTS       20000

static inline bool is_free(int type, uint16_t port)
{
	struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, type, 0);
	bool can = fd >= 0 && bind(fd, (struct sockaddr *)&any, sizeof(any)) == 0;

	if (fd >= 0)
		close(fd);
	return can;
}

// For UDP and TCP, on all addresses; another one each time, and in each program that runs beside
// this one.
static inline uint16_t free_port(void)
{
	static unsigned tried;

	for (;;) {
		uint16_t port =
			(uint16_t)(PORTS_FIRST + ((unsigned)getpid() * 7919u + tried++) % PORTS);

		if (is_free(SOCK_STREAM, port) && is_free(SOCK_DGRAM, port))
			return port;
	}
}

#endif
