// SPDX-License-Identifier: GPL-2.0-or-later
// Pings (RFC 792, RFC 4443). A ping socket needs no privilege where net.ipv4.ping_group_range lets
// us; by default it lets nobody, not even root, so a raw socket follows (CAP_NET_RAW). Whichever it
// is, an answer is told by its cookie: a raw socket sees those to everybody, and a ping socket
// overwrites the identifier.

#include "probe/probe_priv.h"

#include <errno.h>
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
		    const union sockaddr_any *to, uint64_t cookie)
{
	union sockaddr_any from = sockaddr_make(source, 0), target = *to;
	int rc;

	echo->family = to->sa.sa_family;
	echo->cookie = cookie;
	rc = open_socket(echo);
	if (rc)
		return rc;
	if (echo->family == AF_INET6)
		target.in6.sin6_port = 0; // a raw socket takes it for the protocol
	if (bind(echo->fd, &from.sa, sockaddr_len(&from)) < 0)
		rc = -errno;
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

int probe_echo_read(const struct probe_echo *echo)
{
	uint8_t packet[128];
	ssize_t n;

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
