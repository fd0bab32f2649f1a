// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef SOCK_PRIV_H
#define SOCK_PRIV_H

#include <netinet/in.h>

#include "sock/sock.h"

// Debian 12's headers are those of 6.1; newer numbers are stable kernel ABI (include/uapi).
#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif
#ifndef SOL_MPTCP
#define SOL_MPTCP 284
#endif
#ifndef TCP_IS_MPTCP
#define TCP_IS_MPTCP 43 // 6.10
#endif
#ifndef IPV6_RECVORIGDSTADDR
#define IPV6_RECVORIGDSTADDR 74
#endif
#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24
#endif

// sock.c. 0 or -errno.
int sock_set_int(int fd, int level, int option, int value);
int sock_set_transparent(int fd, sa_family_t family);

// datagram.c: what a listener of this kind wants to be told of each datagram. 0 or -errno.
int sock_datagram_prepare(int fd, enum sock_listen_kind kind, sa_family_t family);
// What to do about a socket that cannot be had.
const char *sock_advice(int error);

#endif
