// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BASE_ADDR_H
#define BASE_ADDR_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

// An IP address without a port; family AF_UNSPEC means "none". IPv4-mapped IPv6 never appears
// here: addr_from_sockaddr() unmaps it.
struct addr {
	sa_family_t family;
	union {
		struct in_addr v4;
		struct in6_addr v6;
		uint8_t bytes[16];
	};
};

// An address range as address and length in bits; host bits are zero.
struct prefix {
	struct addr addr;
	uint8_t len;
};

// What bind(2), connect(2) and getsockname(2) take.
union sockaddr_any {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	struct sockaddr_storage storage;
};

// Room for any formatted value of this file with its final NUL ("[v6]:65535", "v6/128").
#define ADDR_STRLEN 64

// Each parses the whole of `text` and returns 0, or -EINVAL leaving *out alone.
// prefix_parse takes "a.b.c.d/n", "x::/n" or a single address (full length); host bits set in the
// text are an error, because they mostly are a typing mistake.
int addr_parse(const char *text, struct addr *out);
int prefix_parse(const char *text, struct prefix *out);

// Format into `out` and return it.
const char *addr_format(const struct addr *addr, char out[static ADDR_STRLEN]);
const char *prefix_format(const struct prefix *prefix, char out[static ADDR_STRLEN]);
const char *sockaddr_format(const union sockaddr_any *sa, char out[static ADDR_STRLEN]);

bool addr_is_set(const struct addr *addr);
bool addr_equal(const struct addr *a, const struct addr *b);
int addr_compare(const struct addr *a, const struct addr *b);
// In bytes: 4, 16, or 0 for AF_UNSPEC.
size_t addr_len(const struct addr *addr);
bool addr_is_loopback(const struct addr *addr);
bool addr_is_link_local(const struct addr *addr);
bool addr_is_multicast(const struct addr *addr);
// RFC 4193: such have global scope, but lead nowhere on their own.
bool addr_is_unique_local(const struct addr *addr);

bool prefix_contains(const struct prefix *prefix, const struct addr *addr);
bool prefix_equal(const struct prefix *a, const struct prefix *b);
// Whether there is an address in both.
bool prefix_overlap(const struct prefix *a, const struct prefix *b);
// The prefix of `len` bits that `addr` lies in.
struct prefix prefix_of(const struct addr *addr, uint8_t len);

struct addr addr_from_sockaddr(const union sockaddr_any *sa);
// Host byte order.
uint16_t sockaddr_port(const union sockaddr_any *sa);
union sockaddr_any sockaddr_make(const struct addr *addr, uint16_t port);
socklen_t sockaddr_len(const union sockaddr_any *sa);
bool sockaddr_equal(const union sockaddr_any *a, const union sockaddr_any *b);

#endif
