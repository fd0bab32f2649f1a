// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef UI_INTERFACES_H
#define UI_INTERFACES_H

#include <net/if.h>
#include <stdbool.h>

#include "base/addr.h"

// The interfaces of this machine, for a console that finds no configuration to speak of.

#define INTERFACES_MAX 12

struct interface {
	char name[IFNAMSIZ];
	bool up;
	char address[ADDR_STRLEN + 4]; // "192.0.2.17/24"; empty: none
	char gateway[ADDR_STRLEN];     // of a default route over it; empty: none
};

struct interfaces {
	int n;
	struct interface list[INTERFACES_MAX];
};

// All but loopback, in the kernel's order. Asks the kernel, and blocks no longer than that takes.
void interfaces_look(struct interfaces *out);
// What kind of path one of this name would be: "adsl" for ppp0.
const char *interface_kind(const char *name);

#endif
