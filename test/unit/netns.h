// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef TEST_NETNS_H
#define TEST_NETNS_H

#include <sched.h>
#include <stdbool.h>
#include <unistd.h>

// Moves this process into a network namespace of its own, which goes with it. False when that is
// not permitted; tests skip() then. Without root not even user namespaces help: most sysctls and
// nftables' kernel modules stay out of reach, so that is not tried.
static inline bool netns_enter(void)
{
	return geteuid() == 0 && unshare(CLONE_NEWNET) == 0;
}

#endif
