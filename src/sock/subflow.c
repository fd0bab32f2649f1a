// SPDX-License-Identifier: GPL-2.0-or-later
//
// What the kernel knows of a connection's subflows. The structures are ABI (include/uapi/linux/
// mptcp.h); sizes differ between kernels, so elements are walked by the size that the kernel says
// it used.
#include <errno.h>
#include <linux/mptcp.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#include "sock/sock.h"
#include "sock/sock_priv.h"

#ifndef MPTCP_FULL_INFO // 6.5
#define MPTCP_FULL_INFO 4
struct mptcp_subflow_info {
	__u32 id;
	struct mptcp_subflow_addrs addrs;
};
#endif

// struct mptcp_full_info without its last member, which the kernel lets us leave out.
struct full_info_request {
	__u32 size_tcpinfo_kernel; // 0, set by the kernel
	__u32 size_tcpinfo_user;
	__u32 size_sfinfo_kernel; // 0, set by the kernel
	__u32 size_sfinfo_user;
	__u32 num_subflows; // 0, set by the kernel
	__u32 size_arrays_user;
	__aligned_u64 subflow_info;
	__aligned_u64 tcp_info;
};

// A few more than we report: subflows that are closing are still listed.
#define SLOTS (SOCK_SUBFLOWS_MAX * 2)

bool sock_asked_mptcp(int fd)
{
	socklen_t len = sizeof(int);
	int protocol = 0;

	return getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &len) == 0 &&
	       protocol == IPPROTO_MPTCP;
}

bool sock_is_mptcp(int fd)
{
	struct mptcp_info info;
	socklen_t len = sizeof(int);
	int yes = 0;

	if (!sock_asked_mptcp(fd))
		return false;
	if (getsockopt(fd, IPPROTO_TCP, TCP_IS_MPTCP, &yes, &len) == 0)
		return yes;
	// before 6.10
	len = sizeof(info);
	return getsockopt(fd, SOL_MPTCP, MPTCP_INFO, &info, &len) == 0;
}

uint32_t sock_mptcp_token(int fd)
{
	struct mptcp_info info = { 0 };
	socklen_t len = sizeof(info);

	return getsockopt(fd, SOL_MPTCP, MPTCP_INFO, &info, &len) < 0 ? 0 : info.mptcpi_token;
}

static void fill_counters(struct sock_subflow *sf, const struct tcp_info *ti)
{
	sf->established = ti->tcpi_state == 1 /* TCP_ESTABLISHED */ ||
			  ti->tcpi_state == 8 /* TCP_CLOSE_WAIT */ ||
			  ti->tcpi_state == 4 /* TCP_FIN_WAIT1 */ ||
			  ti->tcpi_state == 5 /* TCP_FIN_WAIT2 */;
	sf->rx_bytes = ti->tcpi_bytes_received;
	sf->tx_bytes = ti->tcpi_bytes_acked;
	sf->rtt_us = ti->tcpi_rtt;
	sf->least_rtt_us = ti->tcpi_min_rtt == UINT32_MAX ? 0 : ti->tcpi_min_rtt;
	sf->rate = ti->tcpi_delivery_rate;
	sf->cwnd = ti->tcpi_snd_cwnd;
	sf->retransmits = ti->tcpi_total_retrans;
	sf->segments = ti->tcpi_data_segs_out;
	sf->unacked = ti->tcpi_unacked;
	sf->backoff = ti->tcpi_backoff;
	// the kernel notes data and acknowledgements apart
	sf->heard_ago_ms = ti->tcpi_last_data_recv < ti->tcpi_last_ack_recv
				   ? ti->tcpi_last_data_recv
				   : ti->tcpi_last_ack_recv;
}

static void fill_addresses(struct sock_subflow *sf, const struct mptcp_subflow_addrs *addrs)
{
	*sf = (struct sock_subflow){ 0 };
	memcpy(&sf->local, &addrs->ss_local, sizeof(sf->local.in6));
	memcpy(&sf->remote, &addrs->ss_remote, sizeof(sf->remote.in6));
}

static int read_full_info(int fd, struct sock_subflow *out)
{
	struct mptcp_subflow_info sf[SLOTS];
	struct tcp_info ti[SLOTS];
	struct full_info_request req = {
		.size_tcpinfo_user = sizeof(ti[0]),
		.size_sfinfo_user = sizeof(sf[0]),
		.size_arrays_user = SLOTS,
		.subflow_info = (uintptr_t)sf,
		.tcp_info = (uintptr_t)ti,
	};
	socklen_t len = sizeof(req);
	int n = 0;

	memset(ti, 0, sizeof(ti));
	if (getsockopt(fd, SOL_MPTCP, MPTCP_FULL_INFO, &req, &len) < 0)
		return -errno;
	for (__u32 i = 0; i < req.num_subflows && i < SLOTS && n < SOCK_SUBFLOWS_MAX; i++) {
		const char *s = (char *)sf + (size_t)i * req.size_sfinfo_user;
		const char *t = (char *)ti + (size_t)i * req.size_tcpinfo_user;
		struct tcp_info info = { 0 };

		memcpy(&info, t,
		       req.size_tcpinfo_user < sizeof(info) ? req.size_tcpinfo_user : sizeof(info));
		fill_addresses(&out[n],
			       (const void *)(s + offsetof(struct mptcp_subflow_info, addrs)));
		fill_counters(&out[n++], &info);
	}
	return n;
}

struct addrs_reply {
	struct mptcp_subflow_data head;
	struct mptcp_subflow_addrs list[SLOTS];
};

struct tcpinfo_reply {
	struct mptcp_subflow_data head;
	struct tcp_info list[SLOTS];
};

static int ask_list(int fd, int option, struct mptcp_subflow_data *head, size_t size,
		    size_t element)
{
	socklen_t len = (socklen_t)size;

	*head = (struct mptcp_subflow_data){ .size_subflow_data = sizeof(*head),
					     .size_user = (__u32)element };
	return getsockopt(fd, SOL_MPTCP, option, head, &len) < 0 ? -errno : 0;
}

static bool same_list(const struct addrs_reply *a, const struct addrs_reply *b)
{
	__u32 n = a->head.num_subflows < SLOTS ? a->head.num_subflows : SLOTS;

	return a->head.num_subflows == b->head.num_subflows &&
	       memcmp(a->list, b->list, n * sizeof(a->list[0])) == 0;
}

// Before 6.5 addresses and counters come from two calls, and a subflow may open or close between
// them. Its counters would then be taken for those of another path, so the addresses are read once
// more, and all again when they have changed.
static int read_two_lists(int fd, struct sock_subflow *out)
{
	struct addrs_reply addrs, after;
	struct tcpinfo_reply info;
	int n = 0, rc;

	memset(&info, 0, sizeof(info));
	memset(&after, 0, sizeof(after));
	rc = ask_list(fd, MPTCP_SUBFLOW_ADDRS, &after.head, sizeof(after), sizeof(after.list[0]));
	for (int attempt = 0; !rc; attempt++) {
		addrs = after;
		rc = ask_list(fd, MPTCP_TCPINFO, &info.head, sizeof(info), sizeof(info.list[0]));
		if (!rc)
			rc = ask_list(fd, MPTCP_SUBFLOW_ADDRS, &after.head, sizeof(after),
				      sizeof(after.list[0]));
		if (rc || (same_list(&addrs, &after) &&
			   info.head.num_subflows == addrs.head.num_subflows))
			break;
		if (attempt == 2)
			rc = -EAGAIN;
	}
	if (rc)
		return rc;
	for (__u32 i = 0; i < info.head.num_subflows && i < SLOTS && n < SOCK_SUBFLOWS_MAX; i++) {
		const char *t = (char *)info.list + (size_t)i * info.head.size_user;
		struct tcp_info ti = { 0 };

		memcpy(&ti, t, info.head.size_user < sizeof(ti) ? info.head.size_user : sizeof(ti));
		fill_addresses(&out[n], &addrs.list[i]);
		fill_counters(&out[n++], &ti);
	}
	return n;
}

static int read_single(int fd, struct sock_subflow *out)
{
	struct tcp_info info = { 0 };
	socklen_t len = sizeof(info), addr_len = sizeof(out->local);

	*out = (struct sock_subflow){ 0 };
	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0 ||
	    getsockname(fd, &out->local.sa, &addr_len) < 0)
		return -errno;
	addr_len = sizeof(out->remote);
	if (getpeername(fd, &out->remote.sa, &addr_len) < 0)
		return -errno;
	fill_counters(out, &info);
	return 1;
}

int sock_subflows(int fd, struct sock_subflow out[static SOCK_SUBFLOWS_MAX])
{
	int n;

	if (!sock_is_mptcp(fd))
		return read_single(fd, out);
	n = read_full_info(fd, out);
	if (n == -EOPNOTSUPP || n == -ENOPROTOOPT)
		n = read_two_lists(fd, out);
	return n;
}
