// SPDX-License-Identifier: GPL-2.0-or-later
//
// Where the gateway listens: on loopback for what nft's tproxy diverts, on addresses of their own
// for what pins carry, and on the LAN's addresses for SOCKS5, as far as the configuration and the
// addresses of the moment say.
#include <errno.h>

#include "base/log.h"
#include "base/str.h"
#include "role/gateway_priv.h"

// On loopback, in both families: what the LAN sends arrives by tproxy, and nobody else can get
// there.
static struct relay_listen transparent_at(enum relay_listen_kind kind, enum plan_family family,
					  uint16_t port)
{
	struct addr addr = plan_listener(family);

	return (struct relay_listen){ .kind = kind, .at = sockaddr_make(&addr, port) };
}

int gateway_listen_transparent(struct gateway *g, uint16_t port, struct str *why)
{
	int rc = 0;

	for (int f = 0; !rc && f < PLAN_FAMILIES; f++) {
		struct relay_listen listen =
			transparent_at(RELAY_LISTEN_TPROXY, (enum plan_family)f, port);

		rc = relay_listen(g->relay, &listen, why);
		if ((rc == -EADDRNOTAVAIL || rc == -EAFNOSUPPORT) && f == PLAN_V6) {
			gateway_event(g, LOG_LEVEL_NOTICE, "gw", "IPV6", "off on this machine: %s",
				      str_text(why));
			str_clear(why);
			rc = 0;
		}
	}
	if (rc < 0)
		gateway_unlisten_transparent(g, port);
	return rc;
}

void gateway_unlisten_transparent(struct gateway *g, uint16_t port)
{
	for (int f = 0; f < PLAN_FAMILIES; f++) {
		struct relay_listen listen =
			transparent_at(RELAY_LISTEN_TPROXY, (enum plan_family)f, port);

		relay_unlisten(g->relay, &listen);
	}
}

// ---- what comes and goes

static size_t list_socks(const struct gateway *g,
			 struct relay_listen list[static GATEWAY_LISTENERS_MAX])
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
				list[n++] =
					(struct relay_listen){ .kind = RELAY_LISTEN_SOCKS,
							       .at = sockaddr_make(&a->local, port),
							       .exit = (int)e };
		}
	}
	return n;
}

static size_t list_udp(const struct gateway *g, struct relay_listen list[], size_t n)
{
	const int families = plan_speaks_ipv6(&g->observed) ? PLAN_FAMILIES : PLAN_V6;

	for (int f = 0; f < families && plan_udp_relays(g->config); f++)
		list[n++] = transparent_at(RELAY_LISTEN_TPROXY_UDP, (enum plan_family)f,
					   g->config->lan.tproxy_port);
	return n;
}

static size_t list_wanted(const struct gateway *g,
			  struct relay_listen list[static GATEWAY_LISTENERS_MAX])
{
	return gateway_pins_list(g, list, list_udp(g, list, list_socks(g, list)));
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
		gateway_event(g, LOG_LEVEL_ERROR,
			      socks ? g->exits[l->listen.exit].config->name : "gw",
			      socks           ? "SOCKS"
			      : l->listen.pin ? "PIN"
					      : "UDP",
			      "%s", str_text(&why));
	str_fini(&why);
}

static void open_wanted(struct gateway *g, const struct relay_listen wanted[], size_t n)
{
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

static void close_others(struct gateway *g, const struct relay_listen wanted[], size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < g->n_listeners; i++) {
		if (is_wanted(&g->listeners[i].listen, wanted, n))
			g->listeners[kept++] = g->listeners[i];
		else if (g->listeners[i].open)
			relay_unlisten(g->relay, &g->listeners[i].listen);
	}
	g->n_listeners = kept;
}

// SOCKS5 is none of nft's business, and one that comes may need the port of one that goes.
void gateway_listen_prepare(struct gateway *g)
{
	struct relay_listen wanted[GATEWAY_LISTENERS_MAX];
	size_t socks = list_socks(g, wanted), n = list_wanted(g, wanted);

	open_wanted(g, wanted + socks, n - socks);
}

void gateway_listen_follow(struct gateway *g)
{
	struct relay_listen wanted[GATEWAY_LISTENERS_MAX];
	size_t n = list_wanted(g, wanted);

	close_others(g, wanted, n);
	open_wanted(g, wanted, n);
}

bool gateway_listens_for_udp(struct gateway *g)
{
	const struct relay_listen listen =
		transparent_at(RELAY_LISTEN_TPROXY_UDP, PLAN_V4, g->config->lan.tproxy_port);
	const struct gateway_listener *l = find_listener(g, &listen);

	return l && l->open;
}
