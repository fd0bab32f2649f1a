// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef PROBE_PROBE_PRIV_H
#define PROBE_PROBE_PRIV_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"

// An ICMP or ICMPv6 echo under way.
struct probe_echo {
	int fd;
	sa_family_t family;
	bool raw; // a raw socket: others' answers come too, and for IPv4 with their IP header
	uint64_t cookie;
};

// Sends one echo request from `source` to `to`. Returns 0, or -errno: -EACCES or -EPERM when pings
// are not permitted. Close echo->fd, also when the answer is in.
int probe_echo_open(struct probe_echo *echo, const struct addr *source,
		    const union sockaddr_any *to, uint64_t cookie);
// When echo->fd is readable: 0 for our answer, -EAGAIN while it is not there, or another -errno.
int probe_echo_read(const struct probe_echo *echo);
// What a request or an answer is on the wire, IP header included.
unsigned probe_echo_bytes(sa_family_t family);

#endif
