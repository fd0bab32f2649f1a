// SPDX-License-Identifier: GPL-2.0-or-later
//
// Where the gateway listens: on loopback for what nft's tproxy diverts, on addresses of their own for what
// pins carry, and on the LAN's addresses for SOCKS5, as far as the configuration and the addresses of the
// moment say.
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

// ---- what comes and goes

static size_t list_socks(const struct gateway *g, struct relay_listen list[static GATEWAY_LISTENERS_MAX])
{
	const struct klink *lan = kstate_link(&g->observed, g->config->lan.interface);
	const size_t max = GATEWAY_LISTENERS_MAX - PLAN_FAMILIES * CONFIG_PINS_MAX;
	size_t n = 0;

	for (size_t i = 0; lan && i < g->observed.n_addrs; i++) {
		const struct kaddr *a = &g->observed.addrs[i];

		if (a->ifindex != lan->ifindex || !a->usable || !a->global)
			continue;
		for (size_t e = 0; e < g->n_exits && n < max; e++) {
			uint16_t port = g->exits[e].config->socks_port;

			if (port)
				list[n++] = (struct relay_listen){ .kind = RELAY_LISTEN_SOCKS,
								   .at = sockaddr_make(&a->local, port),
								   .exit = (int)e };
		}
	}
	return n;
}

static struct gateway_listener *find_listener(struct gateway *g, const struct relay_listen *listen)
{
	for (size_t i = 0; i < g->n_listeners; i++) {
		if (relay_listen_equal(&g->listeners[i].listen, listen))
			return &g->listeners[i];
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
static void open_listener(struct gateway *g, struct gateway_listener *l, bool first)
{
	bool socks = l->listen.kind == RELAY_LISTEN_SOCKS;
	struct str why = { 0 };

	l->open = relay_listen(g->relay, &l->listen, &why) == 0;
	if (!l->open && first)
		gateway_event(g, LOG_LEVEL_ERROR, socks ? g->exits[l->listen.exit].config->name : "gw",
			      socks ? "SOCKS" : "PIN", "%s", str_text(&why));
	str_fini(&why);
}

void gateway_listen_follow(struct gateway *g)
{
	struct relay_listen wanted[GATEWAY_LISTENERS_MAX];
	size_t n = gateway_pins_list(g, wanted, list_socks(g, wanted)), kept = 0;

	for (size_t i = 0; i < g->n_listeners; i++) {
		if (is_wanted(&g->listeners[i].listen, wanted, n))
			g->listeners[kept++] = g->listeners[i];
		else if (g->listeners[i].open)
			relay_unlisten(g->relay, &g->listeners[i].listen);
	}
	g->n_listeners = kept;
	for (size_t i = 0; i < n; i++) {
		struct gateway_listener *l = find_listener(g, &wanted[i]);
		bool first = !l;

		if (first) {
			l = &g->listeners[g->n_listeners++];
			*l = (struct gateway_listener){ .listen = wanted[i] };
		}
		if (!l->open)
			open_listener(g, l, first);
	}
}
