// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int addr_parse(const char *text, struct addr *out)
{
	struct addr a = { .family = AF_INET };

	if (inet_pton(AF_INET, text, &a.v4) != 1) {
		a.family = AF_INET6;
		if (inet_pton(AF_INET6, text, &a.v6) != 1)
			return -EINVAL;
	}
	*out = a;
	return 0;
}

int prefix_parse(const char *text, struct prefix *out)
{
	const char *slash = strchr(text, '/');
	char addr_text[INET6_ADDRSTRLEN];
	struct prefix p, masked;
	char *end;
	long len;

	if (!slash) {
		if (addr_parse(text, &p.addr) < 0)
			return -EINVAL;
		p.len = (uint8_t)(addr_len(&p.addr) * 8);
		*out = p;
		return 0;
	}
	if ((size_t)(slash - text) >= sizeof(addr_text))
		return -EINVAL;
	memcpy(addr_text, text, (size_t)(slash - text));
	addr_text[slash - text] = '\0';
	if (addr_parse(addr_text, &p.addr) < 0)
		return -EINVAL;
	if (slash[1] < '0' || slash[1] > '9')
		return -EINVAL;
	len = strtol(slash + 1, &end, 10);
	if (*end || len > (long)(addr_len(&p.addr) * 8))
		return -EINVAL;
	p.len = (uint8_t)len;
	masked = prefix_of(&p.addr, p.len);
	if (!addr_equal(&masked.addr, &p.addr))
		return -EINVAL;
	*out = p;
	return 0;
}

const char *addr_format(const struct addr *addr, char out[static ADDR_STRLEN])
{
	if (!addr_is_set(addr) || !inet_ntop(addr->family, addr->bytes, out, ADDR_STRLEN))
		snprintf(out, ADDR_STRLEN, "none");
	return out;
}

const char *prefix_format(const struct prefix *prefix, char out[static ADDR_STRLEN])
{
	size_t n;

	addr_format(&prefix->addr, out);
	n = strlen(out);
	snprintf(out + n, ADDR_STRLEN - n, "/%u", prefix->len);
	return out;
}

const char *sockaddr_format(const union sockaddr_any *sa, char out[static ADDR_STRLEN])
{
	struct addr a = addr_from_sockaddr(sa);
	char text[ADDR_STRLEN];

	addr_format(&a, text);
	if (a.family == AF_INET6)
		snprintf(out, ADDR_STRLEN, "[%.45s]:%u", text, sockaddr_port(sa));
	else
		snprintf(out, ADDR_STRLEN, "%.45s:%u", text, sockaddr_port(sa));
	return out;
}

bool addr_is_set(const struct addr *addr)
{
	return addr->family != AF_UNSPEC;
}

size_t addr_len(const struct addr *addr)
{
	return addr->family == AF_INET ? 4 : addr->family == AF_INET6 ? 16 : 0;
}

int addr_compare(const struct addr *a, const struct addr *b)
{
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	return memcmp(a->bytes, b->bytes, addr_len(a));
}

bool addr_equal(const struct addr *a, const struct addr *b)
{
	return addr_compare(a, b) == 0;
}

bool addr_is_loopback(const struct addr *addr)
{
	if (addr->family == AF_INET)
		return addr->bytes[0] == 127;
	return addr->family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&addr->v6);
}

bool addr_is_link_local(const struct addr *addr)
{
	if (addr->family == AF_INET)
		return addr->bytes[0] == 169 && addr->bytes[1] == 254;
	return addr->family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&addr->v6);
}

bool addr_is_multicast(const struct addr *addr)
{
	return addr->family == AF_INET ? (addr->bytes[0] & 0xf0) == 0xe0 : addr->bytes[0] == 0xff;
}

bool addr_is_unique_local(const struct addr *addr)
{
	return addr->family == AF_INET6 && (addr->bytes[0] & 0xfe) == 0xfc;
}

struct prefix prefix_of(const struct addr *addr, uint8_t len)
{
	struct prefix p = { .addr = *addr, .len = len };
	size_t bytes = addr_len(addr);

	for (size_t i = 0; i < bytes; i++) {
		size_t bits = i * 8;

		if (bits >= len)
			p.addr.bytes[i] = 0;
		else if (len - bits < 8)
			p.addr.bytes[i] &= (uint8_t)(0xff << (8 - (len - bits)));
	}
	return p;
}

bool prefix_contains(const struct prefix *prefix, const struct addr *addr)
{
	struct prefix p;

	if (prefix->addr.family != addr->family)
		return false;
	p = prefix_of(addr, prefix->len);
	return addr_equal(&p.addr, &prefix->addr);
}

bool prefix_equal(const struct prefix *a, const struct prefix *b)
{
	return a->len == b->len && addr_equal(&a->addr, &b->addr);
}

bool prefix_overlap(const struct prefix *a, const struct prefix *b)
{
	return a->len < b->len ? prefix_contains(a, &b->addr) : prefix_contains(b, &a->addr);
}

struct addr addr_from_sockaddr(const union sockaddr_any *sa)
{
	struct addr a = { .family = AF_UNSPEC };

	if (sa->sa.sa_family == AF_INET) {
		a.family = AF_INET;
		a.v4 = sa->in.sin_addr;
	} else if (sa->sa.sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&sa->in6.sin6_addr)) {
		a.family = AF_INET;
		memcpy(&a.v4, sa->in6.sin6_addr.s6_addr + 12, 4);
	} else if (sa->sa.sa_family == AF_INET6) {
		a.family = AF_INET6;
		a.v6 = sa->in6.sin6_addr;
	}
	return a;
}

uint16_t sockaddr_port(const union sockaddr_any *sa)
{
	// sin_port and sin6_port share offset and size
	return ntohs(sa->in.sin_port);
}

union sockaddr_any sockaddr_make(const struct addr *addr, uint16_t port)
{
	union sockaddr_any sa = { .storage = { .ss_family = addr->family } };

	sa.in.sin_port = htons(port);
	if (addr->family == AF_INET)
		sa.in.sin_addr = addr->v4;
	else if (addr->family == AF_INET6)
		sa.in6.sin6_addr = addr->v6;
	return sa;
}

socklen_t sockaddr_len(const union sockaddr_any *sa)
{
	return sa->sa.sa_family == AF_INET ? sizeof(sa->in) : sizeof(sa->in6);
}

bool sockaddr_equal(const union sockaddr_any *a, const union sockaddr_any *b)
{
	struct addr x = addr_from_sockaddr(a), y = addr_from_sockaddr(b);

	return addr_equal(&x, &y) && sockaddr_port(a) == sockaddr_port(b);
}
