// SPDX-License-Identifier: GPL-2.0-or-later
//
// What a path is told of the name servers of domains that go direct over it. What goes through the
// exit is no path's matter: it may take any of them.
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "dns/dns_priv.h"

// Nobody may have asked since, and then nothing is known any more.
#define FRESH_MS 600000

bool dns_find_fault(const struct dns *dns, int way, char out[static NOTE_SIZE])
{
	for (size_t i = 0; i < dns->n_own; i++) {
		const struct server *server = &dns->own[i];
		struct addr addr = addr_from_sockaddr(&server->at);
		char name[ADDR_STRLEN];

		if (server->way != way || !(server->told || server->mute) ||
		    clock_mono_ms() - server->missed_ms > FRESH_MS)
			continue;
		snprintf(out, NOTE_SIZE, "name server %s: %s", addr_format(&addr, name),
			 server->error == -EPIPE ? "hangs up without an answer"
						 : strerror(-server->error));
		return true;
	}
	return false;
}

void dns_forgive(struct dns *dns, int way)
{
	for (size_t i = 0; i < dns->n_own; i++) {
		struct server *server = &dns->own[i];

		if (server->way == way) {
			server->told = server->mute = false;
			server->misses = 0;
		}
	}
}
