// SPDX-License-Identifier: GPL-2.0-or-later
#include "wire/wire_priv.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

// ATYP of RFC 1928
enum { ATYP_IPV4 = 1, ATYP_NAME = 3, ATYP_IPV6 = 4 };

#define PORT_LEN 2

// IPv4-mapped IPv6 comes out as the IPv4 it means.
static struct addr unmap(const struct addr *addr)
{
	union sockaddr_any sa = sockaddr_make(addr, 0);

	return addr_from_sockaddr(&sa);
}

static int parse_name(struct wire_target *target, const uint8_t *name, size_t len)
{
	struct addr addr;

	if (len == 0)
		return -EPROTO;
	for (size_t i = 0; i < len; i++) {
		if (name[i] <= ' ' || name[i] > '~')
			return -EPROTO;
	}
	memcpy(target->name, name, len);
	target->name[len] = '\0';
	if (addr_parse(target->name, &addr) == 0) {
		target->addr = unmap(&addr);
		target->name[0] = '\0';
	}
	return 0;
}

static void parse_addr(struct wire_target *target, sa_family_t family, const uint8_t *bytes)
{
	struct addr addr = { .family = family };

	memcpy(addr.bytes, bytes, addr_len(&addr));
	target->addr = unmap(&addr);
}

int wire_target_parse(const uint8_t *in, size_t len, struct wire_target *out, size_t *used)
{
	struct wire_target target = { .addr.family = AF_UNSPEC };
	size_t head = 1, body;
	int rc = 0;

	if (len < 1)
		return -EAGAIN;
	switch (in[0]) {
	case ATYP_IPV4:
		body = 4;
		break;
	case ATYP_IPV6:
		body = 16;
		break;
	case ATYP_NAME:
		if (len < 2)
			return -EAGAIN;
		head = 2;
		body = in[1];
		break;
	default:
		return -EAFNOSUPPORT;
	}
	if (len < head + body + PORT_LEN)
		return -EAGAIN;
	if (in[0] == ATYP_NAME)
		rc = parse_name(&target, in + head, body);
	else
		parse_addr(&target, in[0] == ATYP_IPV4 ? AF_INET : AF_INET6, in + head);
	if (rc < 0)
		return rc;
	target.port = (uint16_t)(in[head + body] << 8 | in[head + body + 1]);
	*out = target;
	*used = head + body + PORT_LEN;
	return 0;
}

size_t wire_target_put(const struct wire_target *target, uint8_t out[static WIRE_TARGET_MAX])
{
	static const struct addr none = { .family = AF_INET };
	const struct addr *addr = addr_is_set(&target->addr) ? &target->addr : &none;
	size_t n = 0, len;

	if (!addr_is_set(&target->addr) && target->name[0]) {
		len = strlen(target->name);
		out[n++] = ATYP_NAME;
		out[n++] = (uint8_t)len;
		memcpy(out + n, target->name, len);
	} else {
		len = addr_len(addr);
		out[n++] = addr->family == AF_INET ? ATYP_IPV4 : ATYP_IPV6;
		memcpy(out + n, addr->bytes, len);
	}
	n += len;
	out[n++] = (uint8_t)(target->port >> 8);
	out[n++] = (uint8_t)target->port;
	return n;
}

const char *wire_target_format(const struct wire_target *target,
			       char out[static WIRE_TARGET_STRLEN])
{
	if (addr_is_set(&target->addr)) {
		union sockaddr_any sa = sockaddr_make(&target->addr, target->port);

		return sockaddr_format(&sa, out);
	}
	snprintf(out, WIRE_TARGET_STRLEN, "%s:%u", target->name, target->port);
	return out;
}
