// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef CTL_CTL_PRIV_H
#define CTL_CTL_PRIV_H

#include <stdbool.h>
#include <sys/types.h>
#include <sys/un.h>

#include "ctl/ctl.h"

#define CTL_GROUP_LOOK   "mpgate"       // may connect
#define CTL_GROUP_CHANGE "mpgate-admin" // may send commands

// ---- listen.c

struct ctl_listen {
	int fd;
	struct sockaddr_un sa;
	dev_t dev; // of the socket file, to remove no other's
	ino_t ino;
};

// As ctl_open() says of the socket file.
int ctl_listen_open(struct ctl_listen *l, const char *path, int backlog, struct str *why);
void ctl_listen_close(struct ctl_listen *l);

// ---- peer.c

#define CTL_NO_GROUP ((gid_t)-1)

// What the kernel says about the process at the other end.
struct ctl_peer {
	bool may_change;
	char who[64]; // "pi on pts/0"
};

// From /etc/group alone: name services may need the network, and the gateway must not wait for it.
// CTL_NO_GROUP when there is none of this name.
gid_t ctl_peer_group(const char *name);
// `admins` may change things, as root and the gateway's own user may.
void ctl_peer_read(int fd, gid_t admins, struct ctl_peer *out);

// ---- json.c

enum ctl_ask {
	CTL_ASK_STATUS,
	CTL_ASK_WATCH,
	CTL_ASK_HISTORY,
	CTL_ASK_COMMAND,
	CTL_ASK_LOG,
	CTL_ASK_CONNS,
	CTL_ASK_TEST,
	CTL_ASKS
};

struct ctl_request {
	enum ctl_ask ask;
	int64_t id; // to be repeated in the answer; CTL_NO_ID: none was given
	int interval_ms;
	char path[NAME_SIZE]; // of a history; empty: all
	enum trend_scale scale;
	struct command command;
	struct event_filter filter;
	struct path_test_order test;
};

#define CTL_NO_ID (-1)

// Reads one request. On failure returns -EINVAL and the answer in `error`; `out->id` is set all the
// same.
int ctl_json_to_request(const char *line, size_t len, struct ctl_request *out,
			struct ctl_error *error);
char *ctl_json_from_request(const struct ctl_request *request);
// `value` is what a message of this kind holds.
char *ctl_json_from_value(enum ctl_kind kind, const void *value, int64_t id);

#endif
