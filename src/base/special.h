// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BASE_SPECIAL_H
#define BASE_SPECIAL_H

#include "base/addr.h"

// Ranges that have no meaning beyond this house or its provider: nothing there is reached through
// an exit, and nothing comes from there by one. From the IANA registries of special-purpose
// addresses (RFC 6890) and multicast. The documentation ranges (RFC 5737, 3849) are left out:
// nobody is there, and test beds play the Internet with them.
struct special_range {
	struct prefix prefix;
	const char *source; // what it is, and where that is laid down: "private, RFC 1918"
};

#define SPECIAL_RANGES 22

extern const struct special_range special_ranges[SPECIAL_RANGES];

// The one that the address lies in, or NULL.
const struct special_range *special_find(const struct addr *addr);

#endif
