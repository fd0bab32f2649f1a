// SPDX-License-Identifier: GPL-2.0-or-later
//
// Where the gateway listens: on loopback for what nft's tproxy diverts, and on the LAN's addresses for
// SOCKS5, as far as the configuration and the addresses of the moment say.
#include <errno.h>

#include "base/log.h"
#include "base/str.h"
#include "role/gateway_priv.h"

// Both families: what the LAN sends arrives by tproxy, and nobody else can reach loopback.
static const char *const loopback[] = { "127.0.0.1", "::1" };

static struct relay_listen transparent_at(enum relay_listen_kind kind, const char *address, uint16_t port)
{
	struct relay_listen listen = { .kind = kind };
	struct addr addr;

	addr_parse(address, &addr);
	listen.at = sockaddr_make(&addr, port);
	return listen;
}

int gateway_listen_transparent(struct gateway *g, enum relay_listen_kind kind, uint16_t port, struct str *why)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < sizeof(loopback) / sizeof(loopback[0]); i++) {
		struct relay_listen listen = transparent_at(kind, loopback[i], port);

		rc = relay_listen(g->relay, &listen, why);
		if ((rc == -EADDRNOTAVAIL || rc == -EAFNOSUPPORT) && listen.at.sa.sa_family == AF_INET6) {
			if (kind == RELAY_LISTEN_TPROXY)
				gateway_event(g, LOG_LEVEL_NOTICE, "gw", "IPV6", "off on this machine: %s",
					      str_text(why));
			str_clear(why);
			rc = 0;
		}
	}
	if (rc < 0)
		gateway_unlisten_transparent(g, kind, port);
	return rc;
}

void gateway_unlisten_transparent(struct gateway *g, enum relay_listen_kind kind, uint16_t port)
{
	for (size_t i = 0; i < sizeof(loopback) / sizeof(loopback[0]); i++) {
		struct relay_listen listen = transparent_at(kind, loopback[i], port);

		relay_unlisten(g->relay, &listen);
	}
}

// ---- SOCKS5

static size_t list_wanted(const struct gateway *g, struct relay_listen list[static GATEWAY_SOCKS_MAX])
{
	const struct klink *lan = kstate_link(&g->observed, g->config->lan.interface);
	size_t n = 0;

	for (size_t i = 0; lan && i < g->observed.n_addrs; i++) {
		const struct kaddr *a = &g->observed.addrs[i];

		if (a->ifindex != lan->ifindex || !a->usable || !a->global)
			continue;
		for (size_t e = 0; e < g->n_exits && n < GATEWAY_SOCKS_MAX; e++) {
			uint16_t port = g->exits[e].config->socks_port;

			if (port)
				list[n++] = (struct relay_listen){ .kind = RELAY_LISTEN_SOCKS,
								   .at = sockaddr_make(&a->local, port),
								   .exit = (int)e };
		}
	}
	return n;
}

static struct gateway_socks *find_socks(struct gateway *g, const struct relay_listen *listen)
{
	for (size_t i = 0; i < g->n_socks; i++) {
		if (relay_listen_equal(&g->socks[i].listen, listen))
			return &g->socks[i];
	}
	return NULL;
}

static bool is_wanted(const struct relay_listen *listen, const struct relay_listen *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (relay_listen_equal(listen, &list[i]))
			return true;
	}
	return false;
}

// One that cannot be opened is tried again in every round, and complained of once.
static void open_socks(struct gateway *g, struct gateway_socks *socks, bool first)
{
	struct str why = { 0 };

	socks->open = relay_listen(g->relay, &socks->listen, &why) == 0;
	if (!socks->open && first)
		gateway_event(g, LOG_LEVEL_ERROR, g->exits[socks->listen.exit].config->name, "SOCKS",
			      "%s", str_text(&why));
	str_fini(&why);
}

void gateway_listen_on_lan(struct gateway *g)
{
	struct relay_listen wanted[GATEWAY_SOCKS_MAX];
	size_t n = list_wanted(g, wanted), kept = 0;

	for (size_t i = 0; i < g->n_socks; i++) {
		if (is_wanted(&g->socks[i].listen, wanted, n))
			g->socks[kept++] = g->socks[i];
		else if (g->socks[i].open)
			relay_unlisten(g->relay, &g->socks[i].listen);
	}
	g->n_socks = kept;
	for (size_t i = 0; i < n; i++) {
		struct gateway_socks *socks = find_socks(g, &wanted[i]);
		bool first = !socks;

		if (first) {
			socks = &g->socks[g->n_socks++];
			*socks = (struct gateway_socks){ .listen = wanted[i] };
		}
		if (!socks->open)
			open_socks(g, socks, first);
	}
}
