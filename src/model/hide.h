// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef MODEL_HIDE_H
#define MODEL_HIDE_H

// Makes addresses in a text unreadable, in place and without changing its length, so that it can be
// shown to others: "192.0.2.1:443" -> "192.0.x.x:443", "2001:db8:5::34" -> "2001:db8:x::xx". Of MAC
// addresses the maker stays too. Times, versions, rates and names are left alone.
void hide_addresses(char *text);

#endif
