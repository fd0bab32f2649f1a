// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef ROLE_MASK_H
#define ROLE_MASK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/addr.h"
#include "base/str.h"

// Takes out of texts what is not for strangers: public addresses, MAC addresses and given words.
// Each gets a pseudonym that is the same wherever it stands, so that a text can still be followed:
// "ip4-1", "ip6-1", "mac-1". Private, special and multicast addresses stay; of IPv6 only those
// without a host.

struct mask_word {
	char *word, *as;
	bool anywhere; // also within a longer word
};

// Zero-initialised is empty.
struct mask {
	struct mask_word *words;
	struct addr *addrs;
	char (*macs)[18];
	size_t n_words, n_addrs, n_macs;
};

void mask_fini(struct mask *mask);
// Shows `word` as `as`. One of fewer than four letters is left as it is: it would be found in
// others.
void mask_add_word(struct mask *mask, const char *word, const char *as, bool anywhere);
// Appends `text` without all that. Addresses must not be cut in two: give whole lines.
void mask_text(struct mask *mask, const char *text, struct str *out);

#endif
