// SPDX-License-Identifier: GPL-2.0-or-later
// Our nftables table. It has `flags owner`: the kernel removes it when the netlink socket inside
// the nft_ctx is closed, however the process ends, and refuses changes to it from everybody else.
// That makes it the lock against a second gateway in the same network namespace as well.
#include "kern/kern_priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <netlink/msg.h>
#include <nftables/libnftables.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void add_empty_table(struct str *out, const struct kern_nft *nft)
{
	str_addf(out, "table inet %s {\n\tflags owner;\n}\n", nft->table);
}

// ---- whose table is it

struct table_info {
	bool exists, owned;
	uint32_t owner; // a netlink port: the pid, when it was the process's first such socket
};

static void take_table(void *ctx, struct nlmsghdr *msg)
{
	static const struct nla_policy policy[NFTA_TABLE_MAX + 1] = {
		[NFTA_TABLE_OWNER] = { .type = NLA_U32 },
	};
	struct nlattr *attrs[NFTA_TABLE_MAX + 1];
	struct table_info *info = ctx;

	if (nlmsg_parse(msg, sizeof(struct nfgenmsg), attrs, NFTA_TABLE_MAX, policy) < 0)
		return;
	info->exists = true;
	if (attrs[NFTA_TABLE_OWNER]) {
		info->owned = true;
		info->owner = ntohl(nla_get_u32(attrs[NFTA_TABLE_OWNER]));
	}
}

static int look_at_table(const char *table, struct table_info *info)
{
	struct nfgenmsg header = { .nfgen_family = NFPROTO_INET, .version = NFNETLINK_V0 };
	struct str ignored = { 0 };
	struct kern_netlink nl;
	struct nl_msg *msg;
	int error;

	*info = (struct table_info){ 0 };
	error = kern_netlink_open(&nl, NETLINK_NETFILTER);
	if (error < 0)
		return error;
	msg = kern_netlink_request(NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETTABLE, 0, &header,
				   sizeof(header));
	if (msg)
		nla_put_string(msg, NFTA_TABLE_NAME, table);
	error = kern_netlink_call(&nl, msg, take_table, info, &ignored);
	kern_netlink_close(&nl);
	str_fini(&ignored);
	return error == -ENOENT ? 0 : error;
}

static void add_owner(uint32_t port, struct str *why)
{
	char proc[32], name[32] = "";
	FILE *file;

	snprintf(proc, sizeof(proc), "/proc/%u/comm", port);
	file = fopen(proc, "re");
	if (!file)
		return;
	if (fgets(name, sizeof(name), file))
		name[strcspn(name, "\n")] = '\0';
	fclose(file);
	str_addf(why, " by pid %u (%s)", port, name);
}

// Turns a refusal of the kernel into what the user has to know: 0 when the table is not the reason.
static int explain_table(const struct kern_nft *nft, struct str *why)
{
	struct table_info info;
	int error = look_at_table(nft->table, &info);

	if (error == -EINVAL || error == -EOPNOTSUPP) {
		str_add(why,
			"this kernel has no nftables: use one built with CONFIG_NF_TABLES_INET, "
			"as Debian's are");
		return -EOPNOTSUPP;
	}
	if (error < 0 || !info.exists)
		return 0;
	if (!info.owned) {
		str_addf(why,
			 "an nftables table inet %s exists that is not from a running %s; remove "
			 "it with: nft delete table inet %s",
			 nft->table, nft->holder, nft->table);
		return -EEXIST;
	}
	str_addf(why, "another mpgate %s runs in this network namespace: table inet %s is held",
		 nft->holder, nft->table);
	add_owner(info.owner, why);
	str_add(why, "; stop that one first");
	return -EBUSY;
}

// ---- the library

static bool is_netfilter_socket(int fd)
{
	int domain, protocol;
	socklen_t domain_len = sizeof(domain), protocol_len = sizeof(protocol);

	return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &domain_len) == 0 &&
	       domain == AF_NETLINK &&
	       getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &protocol_len) == 0 &&
	       protocol == NETLINK_NETFILTER;
}

// libnftables opens its socket without CLOEXEC and does not show it. A child that inherits it, such
// as pppd, would keep the table alive after us.
static void close_sockets_on_exec(void)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		int fd = atoi(entry->d_name);

		if (entry->d_name[0] != '.' && is_netfilter_socket(fd))
			fcntl(fd, F_SETFD, FD_CLOEXEC);
	}
	if (dir)
		closedir(dir);
}

// The library's report has the text again with carets below; its first line says it all.
static void add_report(const char *report, struct str *why)
{
	const char *error = strstr(report, "Error: ");

	if (error)
		report = error + strlen("Error: ");
	str_addf(why, "nftables: %.*s", (int)strcspn(report, "\n"),
		 *report ? report : "no reason given");
}

static int run(struct kern_nft *nft, const char *commands, struct str *why)
{
	bool failed = nft_run_cmd_from_buffer(nft->ctx, commands) != 0;
	// also empties it
	const char *report = nft_ctx_get_error_buffer(nft->ctx);

	if (!failed)
		return 0;
	add_report(report, why);
	// the library gives no number
	return -EIO;
}

int kern_nft_open(struct kern_nft *nft, const char *table, const char *holder, struct str *why)
{
	struct kern_netlink attempt;
	struct str text = { 0 }, commands = { 0 };
	int error;

	*nft = (struct kern_nft){ .table = table, .holder = holder };
	// the library ends the process when it cannot open its socket, so try that first; and close
	// it, so that the library's socket is the one that gets our pid as its port
	error = kern_netlink_open(&attempt, NETLINK_NETFILTER);
	if (error < 0) {
		str_addf(why, "cannot open a netfilter socket: %s; the kernel needs nftables",
			 strerror(-error));
		return error;
	}
	kern_netlink_close(&attempt);
	nft->ctx = nft_ctx_new(NFT_CTX_DEFAULT);
	if (!nft->ctx || nft_ctx_buffer_error(nft->ctx) || nft_ctx_buffer_output(nft->ctx)) {
		str_add(why, "cannot start libnftables: out of memory");
		kern_nft_close(nft);
		return -ENOMEM;
	}
	close_sockets_on_exec();
	add_empty_table(&commands, nft);
	error = run(nft, str_text(&commands), &text);
	str_fini(&commands);
	if (error < 0) {
		int reason = explain_table(nft, why);

		if (reason < 0)
			error = reason;
		else
			str_add(why, str_text(&text));
		kern_nft_close(nft);
	}
	str_fini(&text);
	return error;
}

void kern_nft_close(struct kern_nft *nft)
{
	if (nft->ctx)
		nft_ctx_free(nft->ctx);
	free(nft->text);
	*nft = (struct kern_nft){ 0 };
}

int kern_nft_set(struct kern_nft *nft, const char *text, struct str *why)
{
	struct str commands = { 0 };
	int error;

	// one buffer is one transaction; the first line is for a table that somehow is gone
	add_empty_table(&commands, nft);
	str_addf(&commands, "delete table inet %s\n", nft->table);
	if (text)
		str_add(&commands, text);
	else
		add_empty_table(&commands, nft);
	error = run(nft, str_text(&commands), why);
	if (error == 0) {
		free(nft->text);
		nft->text = text ? xstrdup(text) : NULL;
	}
	str_fini(&commands);
	return error;
}
