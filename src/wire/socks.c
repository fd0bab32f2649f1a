// SPDX-License-Identifier: GPL-2.0-or-later
#include "wire/wire_priv.h"

#include <errno.h>
#include <string.h>

#define SOCKS_VERSION 5

enum { METHOD_NO_AUTH = 0x00, METHOD_NONE = 0xff };
enum { COMMAND_CONNECT = 1 };

// REP of RFC 1928 section 6
enum {
	REPLY_OK,
	REPLY_FAILURE,
	REPLY_NOT_ALLOWED,
	REPLY_NET_UNREACHABLE,
	REPLY_HOST_UNREACHABLE,
	REPLY_REFUSED,
	REPLY_TTL_EXPIRED,
	REPLY_BAD_COMMAND,
	REPLY_BAD_ADDRESS,
};

static const struct {
	int err;
	uint8_t reply;
} replies[] = {
	{ 0, REPLY_OK },
	{ -EACCES, REPLY_NOT_ALLOWED },
	{ -EPERM, REPLY_NOT_ALLOWED },
	{ -ENETUNREACH, REPLY_NET_UNREACHABLE },
	{ -ENETDOWN, REPLY_NET_UNREACHABLE },
	{ -EHOSTUNREACH, REPLY_HOST_UNREACHABLE },
	{ -ETIMEDOUT, REPLY_HOST_UNREACHABLE },
	{ -ECONNREFUSED, REPLY_REFUSED },
	{ -EOPNOTSUPP, REPLY_BAD_COMMAND },
	{ -EAFNOSUPPORT, REPLY_BAD_ADDRESS },
};

static uint8_t find_reply(int err)
{
	for (size_t i = 0; i < sizeof(replies) / sizeof(replies[0]); i++) {
		if (replies[i].err == err)
			return replies[i].reply;
	}
	return REPLY_FAILURE;
}

size_t wire_socks_reply(int err, const union sockaddr_any *bound,
			uint8_t out[static WIRE_SOCKS_REPLY_MAX])
{
	struct wire_target target = { .addr.family = AF_UNSPEC };
	uint8_t address[WIRE_TARGET_MAX];
	size_t len;

	if (bound) {
		target.addr = addr_from_sockaddr(bound);
		target.port = sockaddr_port(bound);
	}
	len = wire_target_put(&target, address);
	out[0] = SOCKS_VERSION;
	out[1] = find_reply(err);
	out[2] = 0;
	memcpy(out + 3, address, len);
	return 3 + len;
}

int wire_socks_greeting(const uint8_t *in, size_t len, struct wire_socks_step *step)
{
	*step = (struct wire_socks_step){ 0 };
	if (len < 1)
		return -EAGAIN;
	if (in[0] != SOCKS_VERSION)
		return -EPROTO;
	if (len < 2 || len < 2U + in[1])
		return -EAGAIN;
	step->reply[0] = SOCKS_VERSION;
	step->reply_len = 2;
	if (!memchr(in + 2, METHOD_NO_AUTH, in[1])) {
		step->reply[1] = METHOD_NONE;
		return -EACCES;
	}
	step->reply[1] = METHOD_NO_AUTH;
	step->used = 2U + in[1];
	return 0;
}

int wire_socks_request(const uint8_t *in, size_t len, struct wire_target *target,
		       struct wire_socks_step *step)
{
	size_t target_len = 0;
	int rc = -EAGAIN;

	*step = (struct wire_socks_step){ 0 };
	if (len > 0 && in[0] != SOCKS_VERSION)
		rc = -EPROTO;
	else if (len > 3)
		rc = wire_target_parse(in + 3, len - 3, target, &target_len);
	if (rc == 0 && in[1] != COMMAND_CONNECT)
		rc = -EOPNOTSUPP;
	if (rc == 0)
		step->used = 3 + target_len;
	else if (rc != -EAGAIN)
		step->reply_len = wire_socks_reply(rc, NULL, step->reply);
	return rc;
}
