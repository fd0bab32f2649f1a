// SPDX-License-Identifier: GPL-2.0-or-later
//
// Sockets to the far side.
//
// Every connection between gateway and exit is opened here, bound to the source address of the
// path it begins on: a rule "from ADDRESS" then picks the path's routing table, and the kernel's
// path manager adds subflows over the other paths' endpoints by itself. SO_MARK and SO_BINDTODEVICE
// are not used for that, because the kernel hands them down to every subflow or wants a route of
// its own (doc/kernel-notes.md).
//
// Nothing here blocks or keeps state, so any thread may call it.
#include "sock/sock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "sock/sock_priv.h"

#define LISTEN_BACKLOG 4096

int sock_set_int(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value)) < 0 ? -errno : 0;
}

int sock_set_transparent(int fd, sa_family_t family)
{
	return family == AF_INET ? sock_set_int(fd, IPPROTO_IP, IP_TRANSPARENT, 1)
				 : sock_set_int(fd, IPPROTO_IPV6, IPV6_TRANSPARENT, 1);
}

static int open_stream(int family, bool mptcp)
{
	int type = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
	int fd = -1;

	if (mptcp)
		fd = socket(family, type, IPPROTO_MPTCP);
	// EINVAL, EPROTONOSUPPORT: built without; ENOPROTOOPT: net.mptcp.enabled=0
	if (fd < 0 &&
	    (!mptcp || errno == EPROTONOSUPPORT || errno == ENOPROTOOPT || errno == EINVAL))
		fd = socket(family, type, IPPROTO_TCP);
	return fd < 0 ? -errno : fd;
}

static int bind_source(int fd, const struct addr *from)
{
	union sockaddr_any sa = sockaddr_make(from, 0);

	// The port is chosen at connect, so 28,000 ports are the limit per destination and not
	// per source. Kernel 6.1 refuses that on MPTCP sockets and reserves at bind.
	sock_set_int(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
	return bind(fd, &sa.sa, sockaddr_len(&sa)) < 0 ? -errno : 0;
}

int sock_dial(const struct sock_dial *how)
{
	int fd = open_stream(how->to.sa.sa_family, how->mptcp);
	int rc = 0;

	if (fd < 0)
		return fd;
	if (how->mark)
		rc = sock_set_int(fd, SOL_SOCKET, SO_MARK, (int)how->mark);
	if (!rc && addr_is_set(&how->from))
		rc = bind_source(fd, &how->from);
	if (!rc && connect(fd, &how->to.sa, sockaddr_len(&how->to)) < 0 && errno != EINPROGRESS)
		rc = -errno;
	if (rc) {
		close(fd);
		return rc;
	}
	return fd;
}

int sock_dial_result(int fd)
{
	int error = 0;
	socklen_t len = sizeof(error);

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		return -errno;
	return -error;
}

static bool takes_datagrams(enum sock_listen_kind kind)
{
	return kind == SOCK_LISTEN_DATAGRAMS || kind == SOCK_LISTEN_DATAGRAMS_TRANSPARENT;
}

static bool is_transparent(enum sock_listen_kind kind)
{
	return kind == SOCK_LISTEN_TRANSPARENT || kind == SOCK_LISTEN_DATAGRAMS_TRANSPARENT;
}

static int open_of_kind(enum sock_listen_kind kind, sa_family_t family)
{
	int fd;

	if (!takes_datagrams(kind))
		return open_stream(family, kind == SOCK_LISTEN_MPTCP);
	fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	return fd < 0 ? -errno : fd;
}

// A socket bound for listening, but not listening yet.
static int open_bound(enum sock_listen_kind kind, const union sockaddr_any *at, bool shared)
{
	int fd = open_of_kind(kind, at->sa.sa_family);
	int rc = fd < 0 ? fd : 0;

	// with UDP it would share the port with anybody
	if (!rc && !takes_datagrams(kind))
		rc = sock_set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (!rc && shared)
		rc = sock_set_int(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	if (!rc && is_transparent(kind))
		rc = sock_set_transparent(fd, at->sa.sa_family);
	if (!rc && takes_datagrams(kind))
		rc = sock_datagram_prepare(fd, kind, at->sa.sa_family);
	// "::" serves both families
	if (!rc && at->sa.sa_family == AF_INET6)
		rc = sock_set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY,
				  !IN6_IS_ADDR_UNSPECIFIED(&at->in6.sin6_addr));
	if (!rc && bind(fd, &at->sa, sockaddr_len(at)) < 0)
		rc = -errno;
	if (rc && fd >= 0)
		close(fd);
	return rc ? rc : fd;
}

static int open_listener(enum sock_listen_kind kind, const union sockaddr_any *at)
{
	int fd = open_bound(kind, at, true);
	int rc;

	if (fd < 0 || takes_datagrams(kind) || listen(fd, LISTEN_BACKLOG) == 0)
		return fd;
	rc = -errno;
	close(fd);
	return rc;
}

const char *sock_advice(int error)
{
	switch (error) {
	case EADDRINUSE:
		return "another program has this port; see who with 'ss -lntup', or choose another "
		       "port";
	case EADDRNOTAVAIL:
		return "no interface of this machine has that address";
	case EACCES:
	case EPERM:
		return "not permitted; run as root, or give CAP_NET_ADMIN and CAP_NET_BIND_SERVICE";
	case EMFILE:
		return "the descriptor limit is reached; raise it (LimitNOFILE= or ulimit -n)";
	default:
		return "see the error";
	}
}

int sock_listen(enum sock_listen_kind kind, const union sockaddr_any *at, int fds[], int n,
		struct str *why)
{
	char text[ADDR_STRLEN];
	int done = 0, rc;

	// SO_REUSEPORT would let us share the port with another instance of ourselves without a
	// word. A first socket without it finds out. It must not listen: a client that hit that
	// moment would be left hanging.
	rc = open_bound(kind, at, false);
	if (rc >= 0) {
		close(rc);
		for (rc = 0; done < n; done++) {
			fds[done] = open_listener(kind, at);
			if (fds[done] < 0) {
				rc = fds[done];
				break;
			}
		}
	}
	if (rc < 0) {
		str_addf(why, "cannot listen on %s%s: %s; %s", takes_datagrams(kind) ? "UDP " : "",
			 sockaddr_format(at, text), strerror(-rc), sock_advice(-rc));
		while (done > 0)
			close(fds[--done]);
	}
	return rc;
}

// BBR leaves the providers' queues short: what a dead path carried does not wait there behind
// seconds of other data when it is sent again (doc/decisions/10-bbr.md). All subflows take it.
static int set_congestion(int fd)
{
	if (setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "bbr", strlen("bbr")) < 0)
		return -errno;
	return 0;
}

int sock_congestion_check(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);
	int rc;

	if (fd < 0)
		return -errno;
	rc = set_congestion(fd);
	close(fd);
	return rc;
}

static int set_unsent(int fd)
{
	return sock_set_int(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, 256 * 1024);
}

bool sock_bounds_unsent(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_MPTCP);
	bool does = fd >= 0 && set_unsent(fd) == 0;

	if (fd >= 0)
		close(fd);
	return does;
}

void sock_tune(int fd, bool far)
{
	sock_set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	// Keeps NAT entries alive and ends connections to machines that went away.
	sock_set_int(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	sock_set_int(fd, IPPROTO_TCP, TCP_KEEPIDLE, far ? 60 : 300);
	sock_set_int(fd, IPPROTO_TCP, TCP_KEEPINTVL, far ? 10 : 30);
	sock_set_int(fd, IPPROTO_TCP, TCP_KEEPCNT, 5);
	if (!far)
		return;
	// What waits unsent in the kernel is neither fast nor fresh.
	set_unsent(fd);
	set_congestion(fd);
}

void sock_bound_backlog(int fd, uint64_t bytes)
{
	// the kernel doubles it, for its own bookkeeping
	int half = (int)(bytes < INT_MAX ? bytes / 2 : INT_MAX / 2);

	if (sock_set_int(fd, SOL_SOCKET, SO_SNDBUFFORCE, half) < 0)
		sock_set_int(fd, SOL_SOCKET, SO_SNDBUF, half);
}

void sock_abort(int fd)
{
	struct linger now = { .l_onoff = 1, .l_linger = 0 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(fd);
}
