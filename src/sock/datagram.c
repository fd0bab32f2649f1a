// SPDX-License-Identifier: GPL-2.0-or-later
//
// UDP sockets: those that are bound to a path, as streams are (sock.c), and those that speak in the
// name of others. Datagrams are read in batches; each is sent by itself.
//
// What goes to the far side goes without DF, as that of most tunnels does: a router on the way
// whose link is smaller cuts it up, where with DF it would have to tell us, which many do not.
#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/ip_icmp.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sock/sock_priv.h"

// Datagrams come in bursts, and nobody sends them again. Where that is not permitted the kernel's
// limit holds.
#define LISTEN_BUFFER (2 << 20)
#define FLOW_BUFFER   (512 << 10)
#define NO_BUFFER     0 // nobody reads; the kernel has a least one

#define IP4_HEAD 20
#define IP6_HEAD 40
#define UDP_HEAD 8

static void widen(int fd, int bytes)
{
	if (sock_set_int(fd, SOL_SOCKET, SO_RCVBUFFORCE, bytes) < 0)
		sock_set_int(fd, SOL_SOCKET, SO_RCVBUF, bytes);
}

int sock_datagram_prepare(int fd, enum sock_listen_kind kind, sa_family_t family)
{
	bool transparent = kind == SOCK_LISTEN_DATAGRAMS_TRANSPARENT;

	widen(fd, LISTEN_BUFFER);
	sock_set_int(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT);
	if (family == AF_INET)
		return sock_set_int(fd, IPPROTO_IP, transparent ? IP_RECVORIGDSTADDR : IP_PKTINFO,
				    1);
	sock_set_int(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DONT);
	return sock_set_int(fd, IPPROTO_IPV6, transparent ? IPV6_RECVORIGDSTADDR : IPV6_RECVPKTINFO,
			    1);
}

static int open_socket(sa_family_t family, int buffer)
{
	int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	widen(fd, buffer);
	sock_set_int(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT);
	if (family == AF_INET6) {
		sock_set_int(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DONT);
		sock_set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	}
	return fd;
}

static int give_up(int fd, int rc)
{
	close(fd);
	return rc;
}

int sock_datagram_dial(const struct sock_dial *how)
{
	union sockaddr_any from = sockaddr_make(&how->from, 0);
	int fd = open_socket(how->to.sa.sa_family, FLOW_BUFFER);

	if (fd < 0)
		return fd;
	if (addr_is_set(&how->from) && bind(fd, &from.sa, sockaddr_len(&from)) < 0)
		return give_up(fd, -errno);
	if (connect(fd, &how->to.sa, sockaddr_len(&how->to)) < 0)
		return give_up(fd, -errno);
	return fd;
}

int sock_datagram_open(sa_family_t family)
{
	union sockaddr_any any = { .storage = { .ss_family = family } };
	int fd = open_socket(family, FLOW_BUFFER);

	// bound, so that it can be read before it has sent anything
	if (fd >= 0 && bind(fd, &any.sa, sockaddr_len(&any)) < 0)
		return give_up(fd, -errno);
	return fd;
}

int sock_datagram_open_as(const union sockaddr_any *as)
{
	int fd = open_socket(as->sa.sa_family, NO_BUFFER);
	int rc;

	if (fd < 0)
		return fd;
	// other threads speak as the same
	rc = sock_set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (!rc)
		rc = sock_set_transparent(fd, as->sa.sa_family);
	if (!rc && bind(fd, &as->sa, sockaddr_len(as)) < 0)
		rc = -errno;
	return rc ? give_up(fd, rc) : fd;
}

// ---- reading

union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(sizeof(struct sockaddr_in6)) +
		   CMSG_SPACE(sizeof(struct in6_pktinfo))];
};

static void read_destination(struct msghdr *msg, union sockaddr_any *to)
{
	*to = (union sockaddr_any){ .storage = { .ss_family = AF_UNSPEC } };
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_ORIGDSTADDR) {
			memcpy(&to->in, CMSG_DATA(c), sizeof(to->in));
		} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVORIGDSTADDR) {
			memcpy(&to->in6, CMSG_DATA(c), sizeof(to->in6));
		} else if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			struct in_pktinfo info;

			memcpy(&info, CMSG_DATA(c), sizeof(info));
			to->in = (struct sockaddr_in){ .sin_family = AF_INET,
						       .sin_addr = info.ipi_addr };
		} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			struct in6_pktinfo info;

			memcpy(&info, CMSG_DATA(c), sizeof(info));
			to->in6 = (struct sockaddr_in6){ .sin6_family = AF_INET6,
							 .sin6_addr = info.ipi6_addr };
		}
	}
}

int sock_batch_read(struct sock_batch *batch, int fd)
{
	struct mmsghdr messages[SOCK_BATCH] = { 0 };
	union control controls[SOCK_BATCH];
	struct iovec pieces[SOCK_BATCH];
	int n;

	for (int i = 0; i < SOCK_BATCH; i++) {
		pieces[i] = (struct iovec){ batch->memory[i], SOCK_DATAGRAM_MAX };
		messages[i].msg_hdr = (struct msghdr){ .msg_name = &batch->list[i].from,
						       .msg_namelen = sizeof(batch->list[i].from),
						       .msg_iov = &pieces[i],
						       .msg_iovlen = 1,
						       .msg_control = &controls[i],
						       .msg_controllen = sizeof(controls[i]) };
	}
	n = recvmmsg(fd, messages, SOCK_BATCH, MSG_DONTWAIT, NULL);
	if (n < 0)
		return -errno;
	for (int i = 0; i < n; i++) {
		struct sock_datagram *d = &batch->list[i];

		d->bytes = batch->memory[i];
		d->len = messages[i].msg_len;
		read_destination(&messages[i].msg_hdr, &d->to);
	}
	return n;
}

// ---- sending

static void put_source(struct msghdr *msg, const union sockaddr_any *from)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(msg);

	if (from->sa.sa_family == AF_INET) {
		struct in_pktinfo info = { .ipi_spec_dst = from->in.sin_addr };

		*c = (struct cmsghdr){ CMSG_LEN(sizeof(info)), IPPROTO_IP, IP_PKTINFO };
		memcpy(CMSG_DATA(c), &info, sizeof(info));
		msg->msg_controllen = CMSG_SPACE(sizeof(info));
	} else {
		struct in6_pktinfo info = { .ipi6_addr = from->in6.sin6_addr };

		*c = (struct cmsghdr){ CMSG_LEN(sizeof(info)), IPPROTO_IPV6, IPV6_PKTINFO };
		memcpy(CMSG_DATA(c), &info, sizeof(info));
		msg->msg_controllen = CMSG_SPACE(sizeof(info));
	}
}

int sock_datagram_send(int fd, const union sockaddr_any *to, const union sockaddr_any *from,
		       const uint8_t *bytes, size_t len)
{
	struct iovec piece = { (void *)(uintptr_t)bytes, len };
	union sockaddr_any name = *to;
	union control control = { 0 };
	struct msghdr msg = { .msg_name = &name,
			      .msg_namelen = sockaddr_len(to),
			      .msg_iov = &piece,
			      .msg_iovlen = 1 };

	if (from && from->sa.sa_family != AF_UNSPEC) {
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
		put_source(&msg, from);
	}
	return sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

// ---- lengths

static int family_of(int fd)
{
	socklen_t size = sizeof(int);
	int family = AF_UNSPEC;

	getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &size);
	return family;
}

int sock_mtu(int fd)
{
	bool v6 = family_of(fd) == AF_INET6;
	socklen_t size = sizeof(int);
	int mtu = 0;

	if (getsockopt(fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_MTU : IP_MTU, &mtu, &size) < 0)
		return 0;
	return mtu;
}

size_t sock_datagram_fits(int fd)
{
	size_t head = UDP_HEAD + (family_of(fd) == AF_INET6 ? IP6_HEAD : IP4_HEAD);
	int mtu = sock_mtu(fd);

	if (!mtu)
		return SOCK_DATAGRAM_MAX;
	return (size_t)mtu > head ? (size_t)mtu - head : 0;
}

static uint16_t checksum(const uint8_t *bytes, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)bytes[i] << 8 | bytes[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

// The head of the datagram as it was on the wire; the client finds its socket by it.
static struct udphdr quote_udp(const union sockaddr_any *client, const union sockaddr_any *target,
			       size_t len)
{
	return (struct udphdr){ .source = client->in.sin_port,
				.dest = target->in.sin_port,
				.len = htons((uint16_t)(UDP_HEAD + len)) };
}

static size_t write_too_big4(const union sockaddr_any *client, const union sockaddr_any *target,
			     size_t len, size_t fits, uint8_t *out)
{
	struct icmphdr icmp = { .type = ICMP_DEST_UNREACH, .code = ICMP_FRAG_NEEDED };
	struct udphdr udp = quote_udp(client, target, len);
	struct iphdr ip = { .version = 4,
			    .ihl = IP4_HEAD / 4,
			    .tot_len = htons((uint16_t)(IP4_HEAD + UDP_HEAD + len)),
			    .frag_off = htons(IP_DF),
			    .ttl = 64,
			    .protocol = IPPROTO_UDP,
			    .saddr = client->in.sin_addr.s_addr,
			    .daddr = target->in.sin_addr.s_addr };
	size_t whole = sizeof(icmp) + sizeof(ip) + sizeof(udp);

	icmp.un.frag.mtu = htons((uint16_t)(fits + IP4_HEAD + UDP_HEAD));
	memcpy(out, &icmp, sizeof(icmp));
	memcpy(out + sizeof(icmp), &ip, sizeof(ip));
	ip.check = checksum(out + sizeof(icmp), sizeof(ip));
	memcpy(out + sizeof(icmp), &ip, sizeof(ip));
	memcpy(out + sizeof(icmp) + sizeof(ip), &udp, sizeof(udp));
	icmp.checksum = checksum(out, whole);
	memcpy(out, &icmp, sizeof(icmp));
	return whole;
}

// The kernel adds the checksum.
static size_t write_too_big6(const union sockaddr_any *client, const union sockaddr_any *target,
			     size_t len, size_t fits, uint8_t *out)
{
	struct icmp6_hdr icmp = { .icmp6_type = ICMP6_PACKET_TOO_BIG };
	struct udphdr udp = quote_udp(client, target, len);
	struct ip6_hdr ip = { .ip6_src = client->in6.sin6_addr, .ip6_dst = target->in6.sin6_addr };

	icmp.icmp6_mtu = htonl((uint32_t)(fits + IP6_HEAD + UDP_HEAD));
	ip.ip6_flow = htonl(6u << 28);
	ip.ip6_plen = udp.len;
	ip.ip6_nxt = IPPROTO_UDP;
	ip.ip6_hlim = 64;
	memcpy(out, &icmp, sizeof(icmp));
	memcpy(out + sizeof(icmp), &ip, sizeof(ip));
	memcpy(out + sizeof(icmp) + sizeof(ip), &udp, sizeof(udp));
	return sizeof(icmp) + sizeof(ip) + sizeof(udp);
}

int sock_say_too_big(const union sockaddr_any *client, const union sockaddr_any *target, size_t len,
		     size_t fits)
{
	bool v4 = client->sa.sa_family == AF_INET;
	union sockaddr_any to = *client;
	uint8_t message[8 + IP6_HEAD + UDP_HEAD];
	int fd = socket(client->sa.sa_family, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC,
			v4 ? (int)IPPROTO_ICMP : (int)IPPROTO_ICMPV6);
	size_t n;
	int rc;

	if (fd < 0)
		return -errno;
	n = v4 ? write_too_big4(client, target, len, fits, message)
	       : write_too_big6(client, target, len, fits, message);
	to.in.sin_port = 0;
	rc = sock_datagram_send(fd, &to, NULL, message, n);
	close(fd);
	return rc;
}
