// SPDX-License-Identifier: GPL-2.0-or-later
// Pings (RFC 792, RFC 4443). A ping socket needs no privilege where net.ipv4.ping_group_range lets
// us; by default it lets nobody, not even root, so a raw socket follows (CAP_NET_RAW). Whichever it
// is, an answer is told by its cookie: a raw socket sees those to everybody, and a ping socket
// overwrites the identifier.
//
// A request that may go a few hops only makes the router there say so, as traceroute has it. That
// comes by the socket's error queue (IP_RECVERR), for both kinds of socket alike.

#include "base/special.h"
#include "probe/probe_priv.h"

#include <errno.h>
#include <linux/errqueue.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

// The two protocols differ in the values of `type` alone.
struct message {
	uint8_t type, code;
	uint16_t checksum;
	uint16_t id, sequence;
	uint64_t cookie;
} __attribute__((packed));

static int open_socket(struct probe_echo *echo)
{
	const int protocol = echo->family == AF_INET6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
	const int flags = SOCK_NONBLOCK | SOCK_CLOEXEC;

	echo->raw = false;
	echo->fd = socket(echo->family, SOCK_DGRAM | flags, protocol);
	if (echo->fd < 0 && (errno == EACCES || errno == EPERM)) {
		echo->raw = true;
		echo->fd = socket(echo->family, SOCK_RAW | flags, protocol);
	}
	return echo->fd < 0 ? -errno : 0;
}

static int limit_hops(const struct probe_echo *echo)
{
	const bool v6 = echo->family == AF_INET6;
	int hops = echo->hops, on = 1;

	if (setsockopt(echo->fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_UNICAST_HOPS : IP_TTL,
		       &hops, sizeof(hops)) < 0 ||
	    setsockopt(echo->fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_RECVERR : IP_RECVERR,
		       &on, sizeof(on)) < 0)
		return -errno;
	return 0;
}

// RFC 1071. The kernel fills in those of ICMPv6 and of ping sockets.
static uint16_t checksum_of(const struct message *message)
{
	const uint8_t *bytes = (const uint8_t *)message;
	uint32_t sum = 0;

	for (size_t i = 0; i < sizeof(*message); i += 2)
		sum += (uint32_t)bytes[i] << 8 | bytes[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

static int send_request(const struct probe_echo *echo, const union sockaddr_any *to)
{
	struct message message = {
		.type = echo->family == AF_INET6 ? ICMP6_ECHO_REQUEST : ICMP_ECHO,
		.id = htons((uint16_t)getpid()),
		.cookie = echo->cookie,
	};
	ssize_t n;

	message.checksum = checksum_of(&message);
	n = sendto(echo->fd, &message, sizeof(message), 0, &to->sa, sockaddr_len(to));
	return n < 0 ? -errno : 0;
}

int probe_echo_open(struct probe_echo *echo, const struct addr *source,
		    const union sockaddr_any *to, uint8_t hops, uint64_t cookie)
{
	union sockaddr_any from = sockaddr_make(source, 0), target = *to;
	int rc;

	echo->family = to->sa.sa_family;
	echo->hops = hops;
	echo->cookie = cookie;
	rc = open_socket(echo);
	if (rc)
		return rc;
	if (echo->family == AF_INET6)
		target.in6.sin6_port = 0; // a raw socket takes it for the protocol
	if (bind(echo->fd, &from.sa, sockaddr_len(&from)) < 0)
		rc = -errno;
	if (!rc && hops)
		rc = limit_hops(echo);
	if (!rc)
		rc = send_request(echo, &target);
	if (rc)
		close(echo->fd);
	return rc;
}

static bool is_our_answer(const struct probe_echo *echo, const uint8_t *packet, size_t len)
{
	const uint8_t type = echo->family == AF_INET6 ? ICMP6_ECHO_REPLY : ICMP_ECHOREPLY;
	size_t skip =
		echo->raw && echo->family == AF_INET && len ? (size_t)(packet[0] & 0x0f) * 4 : 0;
	struct message message;

	if (len < skip + sizeof(message))
		return false;
	memcpy(&message, packet + skip, sizeof(message));
	return message.type == type && message.cookie == echo->cookie;
}

// A router's message about what we sent, which quotes the beginning of it. Routers need not quote
// the cookie.
static bool is_ours(const struct probe_echo *echo, const struct message *quoted, size_t len)
{
	const uint8_t type = echo->family == AF_INET6 ? ICMP6_ECHO_REQUEST : ICMP_ECHO;

	if (len < offsetof(struct message, cookie) || quoted->type != type)
		return false;
	if (len >= sizeof(*quoted))
		return quoted->cookie == echo->cookie;
	return !echo->raw || quoted->id == htons((uint16_t)getpid());
}

static const struct sock_extended_err *find_error(struct msghdr *msg)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if ((c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR) ||
		    (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR))
			return (const struct sock_extended_err *)CMSG_DATA(c);
	}
	return NULL;
}

// As probe_echo_read(), of the error queue.
static int read_router(const struct probe_echo *echo)
{
	_Alignas(struct cmsghdr) uint8_t
		control[CMSG_SPACE(sizeof(struct sock_extended_err) + sizeof(union sockaddr_any))];
	struct message quoted;
	struct iovec iov = { .iov_base = &quoted, .iov_len = sizeof(quoted) };

	for (;;) {
		struct msghdr msg = { .msg_iov = &iov,
				      .msg_iovlen = 1,
				      .msg_control = control,
				      .msg_controllen = sizeof(control) };
		ssize_t n = recvmsg(echo->fd, &msg, MSG_ERRQUEUE | MSG_DONTWAIT);
		const struct sock_extended_err *error = n < 0 ? NULL : find_error(&msg);
		union sockaddr_any from = { 0 };
		struct addr router;

		if (n < 0)
			return -errno;
		if (!error ||
		    (error->ee_origin != SO_EE_ORIGIN_ICMP &&
		     error->ee_origin != SO_EE_ORIGIN_ICMP6) ||
		    !is_ours(echo, &quoted, (size_t)n))
			continue;
		memcpy(&from, SO_EE_OFFENDER(error),
		       echo->family == AF_INET6 ? sizeof(from.in6) : sizeof(from.in));
		router = addr_from_sockaddr(&from);
		// a private one says nothing of the Internet
		return special_find(&router) ? -EHOSTUNREACH : 0;
	}
}

int probe_echo_read(const struct probe_echo *echo)
{
	int rc = echo->hops ? read_router(echo) : -EAGAIN;
	uint8_t packet[128];
	ssize_t n;

	if (rc != -EAGAIN)
		return rc;
	do {
		n = recv(echo->fd, packet, sizeof(packet), 0);
		if (n < 0)
			return -errno;
	} while (!is_our_answer(echo, packet, (size_t)n));
	return 0;
}

unsigned probe_echo_bytes(sa_family_t family)
{
	return (family == AF_INET6 ? 40 : 20) + (unsigned)sizeof(struct message);
}
