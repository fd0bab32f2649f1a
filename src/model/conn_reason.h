// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef MODEL_CONN_REASON_H
#define MODEL_CONN_REASON_H

// Why a connection of the LAN is plain TCP.
enum conn_reason {
	CONN_REASON_NONE,
	CONN_REASON_DIRECT,  // no exit was reached: it goes straight to its target
	CONN_REASON_PIN,     // a pin keeps it to one path
	CONN_REASON_KERNEL,  // MPTCP is off in the gateway's kernel
	CONN_REASON_EXIT,    // the exit answers without MPTCP, whatever the path
	CONN_REASON_PATH,    // something on its path removes MPTCP's options
	CONN_REASON_UNKNOWN, // it fell back, and MPTCP passes on its path now
	CONN_REASONS
};

// "direct"; "" for none. In conns.c.
const char *conn_reason_word(enum conn_reason reason);
int conn_reason_from_word(const char *word, enum conn_reason *reason);

#endif
