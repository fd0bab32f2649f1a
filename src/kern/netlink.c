// SPDX-License-Identifier: GPL-2.0-or-later
// The transport of requests and dumps. libnl builds and takes apart the messages; sockets are ours,
// because libnl 3.7 drops the extended acknowledgement and folds errno into numbers of its own.
#include "kern/kern_priv.h"

#include <errno.h>
#include <netlink/msg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

// The kernel fills up to 32 KiB per read of a dump when it is offered that much.
#define BUFFER_BYTES (64 * 1024)
// Answers come within the system call; a time-out means that the kernel could not store one.
#define ANSWER_TIMEOUT_S 2

static void set_option(int fd, int level, int option)
{
	int one = 1;

	// a kernel that lacks one of these gives shorter texts or longer dumps, no wrong ones
	if (setsockopt(fd, level, option, &one, sizeof(one)) < 0) {
	}
}

int kern_netlink_open(struct kern_netlink *nl, int protocol)
{
	struct timeval timeout = { .tv_sec = ANSWER_TIMEOUT_S };
	const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };

	*nl = (struct kern_netlink){ .fd = -1 };
	nl->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
	if (nl->fd < 0)
		return -errno;
	set_option(nl->fd, SOL_NETLINK, NETLINK_EXT_ACK);
	set_option(nl->fd, SOL_NETLINK, NETLINK_CAP_ACK);
	set_option(nl->fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK);
	if (setsockopt(nl->fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) < 0 ||
	    connect(nl->fd, (const struct sockaddr *)&kernel, sizeof(kernel)) < 0) {
		int error = -errno;

		kern_netlink_close(nl);
		return error;
	}
	nl->buffer = xcalloc(1, BUFFER_BYTES);
	return 0;
}

void kern_netlink_close(struct kern_netlink *nl)
{
	if (nl->fd >= 0)
		close(nl->fd);
	free(nl->buffer);
	*nl = (struct kern_netlink){ .fd = -1 };
}

struct nl_msg *kern_netlink_request(int type, int flags, const void *header, size_t header_len)
{
	struct nl_msg *msg = nlmsg_alloc_simple(type, NLM_F_REQUEST | flags);

	if (msg && nlmsg_append(msg, (void *)header, header_len, NLMSG_ALIGNTO) < 0) {
		nlmsg_free(msg);
		return NULL;
	}
	return msg;
}

// Where the attributes of an acknowledgement begin, in bytes of payload.
static size_t extack_offset(const struct nlmsghdr *msg, size_t payload)
{
	const struct nlmsgerr *error = nlmsg_data(msg);
	size_t offset = sizeof(*error);

	if (msg->nlmsg_type == NLMSG_DONE)
		return NLMSG_ALIGN(sizeof(int));
	if (payload >= offset && !(msg->nlmsg_flags & NLM_F_CAPPED) &&
	    error->msg.nlmsg_len > NLMSG_HDRLEN)
		offset += NLMSG_ALIGN(error->msg.nlmsg_len - NLMSG_HDRLEN);
	return offset;
}

void kern_netlink_extack(const struct nlmsghdr *msg, char *out, size_t size)
{
	size_t payload = (size_t)nlmsg_datalen(msg), offset = extack_offset(msg, payload);
	struct nlattr *text;

	out[0] = '\0';
	if (!(msg->nlmsg_flags & NLM_F_ACK_TLVS) || offset >= payload)
		return;
	text = nla_find((struct nlattr *)((char *)nlmsg_data(msg) + offset),
			(int)(payload - offset), NLMSGERR_ATTR_MSG);
	if (text)
		nla_strlcpy(out, text, size);
}

void kern_netlink_explain(struct str *why, int error, const char *extack)
{
	str_add(why, strerror(-error));
	if (*extack)
		str_addf(why, " (%s)", extack);
}

static int send_request(struct kern_netlink *nl, struct nlmsghdr *request)
{
	ssize_t n;

	request->nlmsg_seq = ++nl->seq;
	// a dump that begins is not acknowledged, flag or not
	request->nlmsg_flags |= NLM_F_ACK;
	do
		n = send(nl->fd, request, request->nlmsg_len, 0);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

// One datagram from the kernel, from which alone a connected socket takes any: its length or a
// negative errno.
static int receive(struct kern_netlink *nl)
{
	ssize_t n;

	do
		n = recv(nl->fd, nl->buffer, BUFFER_BYTES, MSG_TRUNC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	return n > BUFFER_BYTES ? -EMSGSIZE : (int)n;
}

// The number in NLMSG_ERROR and NLMSG_DONE: 0 or a negative errno.
static int read_verdict(const struct nlmsghdr *msg, struct str *why)
{
	char extack[256];
	int error;

	if (nlmsg_datalen(msg) < (int)sizeof(error)) {
		// a dump may end without a number
		error = msg->nlmsg_type == NLMSG_DONE ? 0 : -EBADMSG;
	} else {
		memcpy(&error, nlmsg_data(msg), sizeof(error));
	}
	if (error >= 0)
		return 0;
	kern_netlink_extack(msg, extack, sizeof(extack));
	kern_netlink_explain(why, error, extack);
	return error;
}

static int receive_answer(struct kern_netlink *nl, kern_message_fn *got, void *ctx, struct str *why)
{
	bool torn = false;

	for (;;) {
		int len = receive(nl);

		if (len < 0) {
			kern_netlink_explain(why, len, "");
			return len;
		}
		for (struct nlmsghdr *msg = nl->buffer; nlmsg_ok(msg, len);
		     msg = nlmsg_next(msg, &len)) {
			// a late answer to a call that was given up
			if (msg->nlmsg_seq != nl->seq)
				continue;
			torn |= msg->nlmsg_flags & NLM_F_DUMP_INTR;
			if (msg->nlmsg_type == NLMSG_ERROR || msg->nlmsg_type == NLMSG_DONE) {
				int error = read_verdict(msg, why);

				return error < 0 ? error : torn ? -EINTR : 0;
			}
			if (msg->nlmsg_type >= NLMSG_MIN_TYPE && got)
				got(ctx, msg);
		}
	}
}

int kern_netlink_call(struct kern_netlink *nl, struct nl_msg *msg, kern_message_fn *got, void *ctx,
		      struct str *why)
{
	int error;

	if (!msg) {
		kern_netlink_explain(why, -ENOMEM, "");
		return -ENOMEM;
	}
	error = send_request(nl, nlmsg_hdr(msg));
	nlmsg_free(msg);
	if (error < 0) {
		kern_netlink_explain(why, error, "");
		return error;
	}
	return receive_answer(nl, got, ctx, why);
}
