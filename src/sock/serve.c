// SPDX-License-Identifier: GPL-2.0-or-later
//
// Sockets of services for the LAN, which answer on one address and one interface only.
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sock/sock.h"
#include "sock/sock_priv.h"

#define BACKLOG 64

// The kernel takes packets for any of its addresses in by any interface; those that come by another
// one are not for this socket then.
static int bind_device(int fd, const char *device)
{
	return setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device, (socklen_t)strlen(device)) < 0
		       ? -errno
		       : 0;
}

static int open_bound(int type, const union sockaddr_any *at, const char *device)
{
	int fd = socket(at->sa.sa_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int rc = fd < 0 ? -errno : bind_device(fd, device);

	// after a restart, beside connections of before
	if (!rc && type == SOCK_STREAM)
		rc = sock_set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (!rc && at->sa.sa_family == AF_INET6)
		rc = sock_set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	if (!rc && bind(fd, &at->sa, sockaddr_len(at)) < 0)
		rc = -errno;
	if (!rc && type == SOCK_STREAM && listen(fd, BACKLOG) < 0)
		rc = -errno;
	if (rc && fd >= 0)
		close(fd);
	return rc ? rc : fd;
}

int sock_serve(int type, const union sockaddr_any *at, const char *device, struct str *why)
{
	char text[ADDR_STRLEN];
	int rc = open_bound(type, at, device);

	if (rc < 0)
		str_addf(why, "cannot serve %s on %s: %s; %s", type == SOCK_STREAM ? "TCP" : "UDP",
			 sockaddr_format(at, text), strerror(-rc), sock_advice(-rc));
	return rc;
}
