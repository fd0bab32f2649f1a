// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/special.h"

#define V4(len_, ...)                                                                              \
	{                                                                                          \
		.addr = { .family = AF_INET, .bytes = { __VA_ARGS__ } }, .len = (len_)             \
	}
#define V6(len_, ...)                                                                              \
	{                                                                                          \
		.addr = { .family = AF_INET6, .bytes = { __VA_ARGS__ } }, .len = (len_)            \
	}

// In binary: each datagram that an exit sends is asked about.
const struct special_range special_ranges[SPECIAL_RANGES] = {
	{ V4(8, 0), "this network, RFC 791" },
	{ V4(8, 10), "private, RFC 1918" },
	{ V4(10, 100, 64), "carrier-grade NAT, RFC 6598" },
	{ V4(8, 127), "loopback, RFC 1122" },
	{ V4(16, 169, 254), "link local, RFC 3927" },
	{ V4(12, 172, 16), "private, RFC 1918" },
	{ V4(24, 192), "protocol assignments, RFC 6890" },
	{ V4(16, 192, 168), "private, RFC 1918" },
	{ V4(15, 198, 18), "benchmarks, RFC 2544" },
	{ V4(4, 224), "multicast, RFC 5771" },
	{ V4(4, 240), "reserved and broadcast, RFC 1112, 8190" },
	{ V6(127, 0), "unspecified and loopback, RFC 4291" },
	{ V6(96, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff), "IPv4-mapped, RFC 4291" },
	{ V6(96, 0, 0x64, 0xff, 0x9b), "NAT64: IPv4 by way of the provider, RFC 6052" },
	{ V6(48, 0, 0x64, 0xff, 0x9b, 0, 0x01), "local NAT64, RFC 8215" },
	{ V6(64, 0x01), "discard, RFC 6666" },
	{ V6(23, 0x20, 0x01), "protocol assignments, Teredo among them, RFC 2928" },
	{ V6(16, 0x5f), "segment routing, RFC 9602" },
	{ V6(7, 0xfc), "unique local, RFC 4193" },
	{ V6(10, 0xfe, 0x80), "link local, RFC 4291" },
	{ V6(10, 0xfe, 0xc0), "site local, RFC 3879" },
	{ V6(8, 0xff), "multicast, RFC 4291" },
};

const struct special_range *special_find(const struct addr *addr)
{
	for (int i = 0; i < SPECIAL_RANGES; i++) {
		if (prefix_contains(&special_ranges[i].prefix, addr))
			return &special_ranges[i];
	}
	return NULL;
}
