// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef TEST_UNIT_H
#define TEST_UNIT_H

// What cmocka.h wants included before it, once.
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

// Whether this is qemu's user mode (test/cross/run), which does not hand on all that the kernel
// offers: not MPTCP_INFO and TCP_INFO, SO_PEERGROUPS, SO_MARK, IP_RECVORIGDSTADDR, netlink for
// MPTCP and nftables; a child shares no memory with vfork(); and the program that runs is qemu.
// Tests that cannot do without skip() then.
static inline bool is_emulated(void)
{
	return getenv("MPGATE_TEST_EMULATED") != NULL;
}

#endif
