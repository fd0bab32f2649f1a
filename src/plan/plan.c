// SPDX-License-Identifier: GPL-2.0-or-later
// The wanted state of the kernel.
//
// plan/ computes and never acts: it has no descriptor, no clock and no library, so that every
// decision can be tested and printed. readiness.c says what the interfaces offer, path_fsm.c what
// state each path is in, this file what the kernel ought to hold for that, diff.c what to change.
// rank.c chooses the path that begins a connection, verdict.c the word for all of it. Main thread;
// nothing here keeps state between calls except what the caller hands in (struct path_fsm, struct
// plan_ids).
//
// For each path that is switched on and has an address:
//
//	table T     connected network, default route, both with the address as preferred source
//	rule 1000+i from the address, lookup T
//	endpoint    only while the path is proved: subflows begin there, on all connections
//
// so that a socket bound to the address leaves by the path, and so do the subflows that the kernel
// makes. Before these come:
//
//	rule 890    the TPROXY mark, lookup the table whose only route is "everything is local"
//	rule 900    lookup main, but not its default routes: the LAN is reached from any address
//
// and for what is forwarded instead of carried (flows.c):
//
//	rule 800+p  a pin's mark, of what comes in from the LAN, lookup T
//	rule 1100+i the path's mark, lookup T
//
// and with `local`:
//
//	rule 33000+i our own packets that nothing else has a route for, lookup T
//
// Assumes the in-kernel path manager of Linux 6.1 to 6.18. Forwarding and NAT of what is not
// carried are the administrator's, unless the configuration has a block udp or pins over paths.

#include "plan/plan.h"

#include <inttypes.h>
#include <linux/mptcp.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plan/plan_priv.h"

#define PREF_TPROXY 890
#define PREF_MAIN   900
#define PREF_PATHS  1000
#define PREF_OWN    33000 // behind main and default

// The kernel's metric for IPv6 routes that name none; said outright so that observed equals wanted.
#define METRIC_V6 1024

#define ENDPOINTS_MAX 8 // MPTCP_PM_ADDR_MAX of Linux 6.1 to 6.18, both families together
#define SUBFLOWS_MAX  8 // the same, for the limit

#define LOOPBACK_IFINDEX 1 // in every network namespace
#define LO_DISABLE_IPV6  "net.ipv6.conf.lo.disable_ipv6"
#define IP_FORWARD       "net.ipv4.ip_forward"
#define SRC_VALID_MARK   "src_valid_mark"
#define ACCEPT_LOCAL     "accept_local"
#define ALL_MARKED       "net.ipv4.conf.all.src_valid_mark"

// ---- Routes and rules

static void want_route(struct kstate *want, const struct prefix *dst, const struct addr *gateway,
		       const struct addr *src, int oif, uint32_t table)
{
	struct kroute route = {
		.dst = *dst,
		.oif = oif,
		.table = table,
		.protocol = KSTATE_PROTOCOL,
		.type = RTN_UNICAST,
	};

	if (gateway)
		route.gateway = *gateway;
	if (src)
		route.src = *src;
	if (dst->addr.family == AF_INET6)
		route.metric = METRIC_V6; // and IPv6 has no scopes
	else
		route.scope = addr_is_set(&route.gateway) ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
	kstate_add_route(want, &route);
}

static void want_path_routes(struct kstate *want, const struct path_way *way, int oif,
			     uint32_t table)
{
	const uint8_t full = (uint8_t)(addr_len(&way->local) * 8);
	struct prefix everything = { .addr = { .family = way->local.family } };
	struct prefix connected = prefix_of(&way->local, way->prefix_len);
	struct prefix hop = { .addr = way->gateway, .len = full };
	bool network = way->prefix_len > 0 && way->prefix_len < full;
	bool fe80 = way->gateway.family == AF_INET6 && addr_is_link_local(&way->gateway);

	if (addr_is_set(&way->gateway)) {
		if (network)
			want_route(want, &connected, NULL, &way->local, oif, table);
		// the kernel wants a gateway on the link; providers do put it elsewhere
		if (!fe80 && !(network && prefix_contains(&connected, &way->gateway)))
			want_route(want, &hop, NULL, &way->local, oif, table);
	}
	want_route(want, &everything, &way->gateway, &way->local, oif, table);
}

static void want_path_rule(struct kstate *want, const struct addr *local, uint32_t pref,
			   uint32_t table)
{
	kstate_add_rule(want,
			&(struct krule){
				.family = local->family,
				.pref = pref,
				.table = table,
				.src = { .addr = *local, .len = (uint8_t)(addr_len(local) * 8) },
				.suppress_prefix_len = -1,
				.protocol = KSTATE_PROTOCOL,
			});
}

// Parts of a default route must not catch the paths' traffic either.
static void want_main_rule(struct kstate *want, sa_family_t af)
{
	kstate_add_rule(want, &(struct krule){
				      .family = af,
				      .pref = PREF_MAIN,
				      .table = RT_TABLE_MAIN,
				      .suppress_prefix_len = af == AF_INET6 ? PLAN_DEFAULT_LEN_V6
									    : PLAN_DEFAULT_LEN_V4,
				      .protocol = KSTATE_PROTOCOL,
			      });
}

static void want_tproxy(struct kstate *want, sa_family_t af)
{
	kstate_add_route(want, &(struct kroute){
				       .dst = { .addr = { .family = af } },
				       .oif = LOOPBACK_IFINDEX,
				       .table = KSTATE_TPROXY_TABLE,
				       .metric = af == AF_INET6 ? METRIC_V6 : 0,
				       .protocol = KSTATE_PROTOCOL,
				       .type = RTN_LOCAL,
				       .scope = af == AF_INET6 ? RT_SCOPE_UNIVERSE : RT_SCOPE_HOST,
			       });
	kstate_add_rule(want, &(struct krule){
				      .family = af,
				      .pref = PREF_TPROXY,
				      .table = KSTATE_TPROXY_TABLE,
				      .fwmark = KSTATE_TPROXY_MARK,
				      .fwmask = KSTATE_MARK_MASK,
				      .suppress_prefix_len = -1,
				      .protocol = KSTATE_PROTOCOL,
			      });
}

// A program's connection needs a route before it can be carried, and where pppd has left main
// without a default route there is none.
static void want_own_routes(const struct config *config, const struct plan_ways *ways,
			    enum plan_family family, struct kstate *want)
{
	for (size_t i = 0; i < config->n_paths; i++) {
		if (!ways->over[i][family] || config->paths[i].tier == PATH_TIER_NEVER)
			continue;
		kstate_add_rule(want, &(struct krule){
					      .family = plan_af(family),
					      .pref = PREF_OWN + (uint32_t)i,
					      .table = config->paths[i].table,
					      .iif = "lo",
					      .suppress_prefix_len = -1,
					      .protocol = KSTATE_PROTOCOL,
				      });
	}
}

bool plan_speaks_ipv6(const struct kstate *observed)
{
	const struct ksysctl *s = kstate_sysctl(observed, LO_DISABLE_IPV6);

	return s && strcmp(s->value, "0") == 0;
}

// ---- Endpoints
//
// An endpoint is removed when its path is found dead, and comes back with another id: a late
// message about the old id would end the new subflow. But the last ones stay: with no live path
// left, nobody could be told of the removal, and connections heal faster when the path returns than
// when they have no subflow at all. Endpoints so kept are stale: a subflow that wakes up after an
// outage can stall its connection, so as soon as a path is proved again its endpoint is renewed;
// when that one is in the kernel, the other stale ones go.

static const struct path_way *way_to_exit(const struct path_fsm *fsm)
{
	return &fsm->facts.way[fsm->facts.to_exit];
}

// The endpoint that serves the path's address, of ours or another program's.
static const struct kendpoint *find_endpoint(const struct kstate *k, const struct path_fsm *fsm)
{
	for (size_t i = 0; i < k->n_endpoints; i++) {
		const struct kendpoint *e = &k->endpoints[i];

		if (!addr_equal(&e->addr, &way_to_exit(fsm)->local) ||
		    !(e->flags & MPTCP_PM_ADDR_FLAG_SUBFLOW))
			continue;
		if (!kendpoint_is_ours(e) || (e->ifindex == fsm->facts.ifindex &&
					      (e->flags & ~(uint32_t)MPTCP_PM_ADDR_FLAG_BACKUP) ==
						      MPTCP_PM_ADDR_FLAG_SUBFLOW))
			return e;
	}
	return NULL;
}

static bool has_link(const struct path_fsm *fsm)
{
	return path_fsm_wanted(fsm) && way_to_exit(fsm)->routable;
}

static bool is_proved(const struct path_fsm *fsm)
{
	return has_link(fsm) && path_fsm_verified(fsm);
}

static bool id_is_taken(const struct kstate *k, uint8_t id)
{
	for (size_t i = 0; i < k->n_endpoints; i++) {
		if (k->endpoints[i].id == id)
			return true;
	}
	return false;
}

static uint8_t id_after(uint8_t id)
{
	return id < KSTATE_ENDPOINT_LAST ? id + 1 : KSTATE_ENDPOINT_FIRST;
}

static uint8_t take_id(struct plan_ids *ids, const struct kstate *observed)
{
	uint8_t id = ids->next;

	while (id_is_taken(observed, id))
		id = id_after(id);
	ids->next = id_after(id);
	ids->of[id].used = true;
	return id;
}

static void refresh_ids(struct plan_ids *ids, const struct kstate *observed)
{
	uint8_t highest = 0;

	for (int id = KSTATE_ENDPOINT_FIRST; id <= KSTATE_ENDPOINT_LAST; id++) {
		if (id_is_taken(observed, (uint8_t)id))
			highest = (uint8_t)id;
		else
			ids->of[id].used = ids->of[id].stale = false;
	}
	if (!ids->next)
		ids->next = highest ? id_after(highest) : KSTATE_ENDPOINT_FIRST;
}

static bool is_live(const struct kendpoint *e, const struct plan_ids *ids)
{
	return e && !ids->of[e->id].stale;
}

// The endpoint's id to want for a path, or 0: none.
static uint8_t choose_id(const struct path_fsm *fsm, const struct kstate *observed, bool any_live,
			 struct plan_ids *ids)
{
	const struct kendpoint *e = has_link(fsm) ? find_endpoint(observed, fsm) : NULL;
	bool ours = e && kendpoint_is_ours(e);

	if (is_proved(fsm)) {
		if (!ours || ids->of[e->id].stale)
			return take_id(ids, observed);
		ids->of[e->id].used = true;
		return e->id;
	}
	if (!ours || any_live)
		return 0;
	// one that a crash left behind serves no connection, so it may live on as it is
	ids->of[e->id].stale = ids->of[e->id].used;
	return e->id;
}

static enum path_use use_of(const enum path_use uses[], size_t i)
{
	return uses ? uses[i] : PATH_USE_FULL;
}

static uint32_t endpoint_flags(enum path_use use)
{
	return MPTCP_PM_ADDR_FLAG_SUBFLOW |
	       (use == PATH_USE_BACKUP ? MPTCP_PM_ADDR_FLAG_BACKUP : 0);
}

static void want_endpoints(const struct path_fsm fsms[], const enum path_use uses[], size_t n,
			   const struct kstate *observed, struct plan_ids *ids, struct kstate *want)
{
	size_t room = ENDPOINTS_MAX;
	bool any_live = false;

	refresh_ids(ids, observed);
	for (size_t i = 0; i < observed->n_endpoints && room; i++)
		room -= !kendpoint_is_ours(&observed->endpoints[i]);
	for (size_t i = 0; i < n; i++)
		any_live |= use_of(uses, i) != PATH_USE_NONE && is_proved(&fsms[i]) &&
			    is_live(find_endpoint(observed, &fsms[i]), ids);
	// who has an endpoint keeps it; the rest get what room is left, in the configuration's
	// order
	for (int with = 1; with >= 0; with--) {
		for (size_t i = 0; i < n && room; i++) {
			bool has = has_link(&fsms[i]) && find_endpoint(observed, &fsms[i]);
			enum path_use use = use_of(uses, i);
			uint8_t id = 0;

			if (has == with && use != PATH_USE_NONE && !ids->out[i])
				id = choose_id(&fsms[i], observed, any_live, ids);
			if (!id)
				continue;
			kstate_add_endpoint(want, &(struct kendpoint){
							  .id = id,
							  .addr = way_to_exit(&fsms[i])->local,
							  .ifindex = fsms[i].facts.ifindex,
							  .flags = endpoint_flags(use),
						  });
			room--;
		}
	}
}

// ---- Sysctls

enum { GATEWAY = 1, SERVER = 2 };

#define SYSCTL_NAME_SIZE sizeof(((struct ksysctl *)0)->name)

// What a fast path brings while the first data of a slow one is on its way has to fit.
#define RMEM_FIRST (8u << 20)
#define RMEM_MAX   (32u << 20)

// Lifts the receive buffers that connections begin with, and may grow to; larger ones are left.
static void raise_rmem(const char *observed, char *out, size_t size)
{
	uint64_t min, first, max;

	if (sscanf(observed, "%" SCNu64 " %" SCNu64 " %" SCNu64, &min, &first, &max) == 3)
		snprintf(out, size, "%" PRIu64 " %" PRIu64 " %" PRIu64, min,
			 first < RMEM_FIRST ? RMEM_FIRST : first, max < RMEM_MAX ? RMEM_MAX : max);
	else
		str_copy(out, size, observed);
}

// 2 probes always, which does as well as 1.
static void raise_mtu_probing(const char *observed, char *out, size_t size)
{
	str_copy(out, size, strcmp(observed, "0") == 0 ? "1" : observed);
}

// Either a value, or what makes one of the observed.
static const struct {
	unsigned roles;
	const char *name, *value;
	void (*raise)(const char *observed, char *out, size_t size);
} sysctls[] = {
	{ GATEWAY | SERVER, "net.mptcp.enabled", "1", NULL },
	// the in-kernel path manager, which is the one that endpoints steer
	{ GATEWAY | SERVER, "net.mptcp.pm_type", "0", NULL },
	// Linux 6.12: one unlucky outage would turn all new connections into plain TCP for an hour
	{ GATEWAY, "net.mptcp.blackhole_timeout", "0", NULL },
	// Linux 6.18: rather fail on a path than fall back to TCP on it; the next path is tried
	// then
	{ GATEWAY, "net.mptcp.syn_retrans_before_tcp_fallback", "128", NULL },
	// the window covers the sum of all paths' rates times the slowest one's round trip
	{ GATEWAY | SERVER, "net.ipv4.tcp_rmem", NULL, raise_rmem },
	// tunnels and PPP over which path MTU discovery fails
	{ GATEWAY | SERVER, "net.ipv4.tcp_mtu_probing", NULL, raise_mtu_probing },
	// a connection that paused must not begin again from nothing on every subflow
	{ GATEWAY | SERVER, "net.ipv4.tcp_slow_start_after_idle", "0", NULL },
};

void plan_name_setting(const char *family, const char *interface, const char *key,
		       char out[static SYSCTL_NAME_SIZE])
{
	char escaped[IFNAMSIZ];

	str_copy(escaped, sizeof(escaped), interface);
	for (char *p = escaped; *p; p++) {
		if (*p == '.')
			*p = '/';
	}
	snprintf(out, SYSCTL_NAME_SIZE, "net.%s.conf.%s.%s", family, escaped, key);
}

// The greater of `all` and the interface's own counts. Strict filtering drops answers that come by
// another way than main's; loose filtering asks only for some way back.
static void want_rp_filter(const struct kstate *observed, const char *interface,
			   struct kstate *want)
{
	const struct ksysctl *all = kstate_sysctl(observed, "net.ipv4.conf.all.rp_filter"), *own;
	char name[SYSCTL_NAME_SIZE];
	int level;

	plan_name_setting("ipv4", interface, "rp_filter", name);
	own = kstate_sysctl(observed, name);
	if (!own)
		return;
	level = atoi(own->value);
	if (all && atoi(all->value) > level)
		level = atoi(all->value);
	kstate_add_sysctl(want, name, level == 1 ? "2" : own->value);
}

// For what is forwarded. The reverse path of an answer is that of its mark. Not so on the LAN's
// interface: there the mark of what is carried would lead the reverse path here, and the packet be
// a martian.
static void want_forwarding(const struct config *config, const struct kstate *observed,
			    struct kstate *want)
{
	char name[SYSCTL_NAME_SIZE];

	if (kstate_sysctl(observed, IP_FORWARD))
		kstate_add_sysctl(want, IP_FORWARD, "1");
	for (size_t i = 0; i < config->n_paths; i++) {
		const char *interface = config->paths[i].interface;

		plan_name_setting("ipv4", interface, SRC_VALID_MARK, name);
		if (kstate_sysctl(observed, name) && strcmp(interface, config->lan.interface) != 0)
			kstate_add_sysctl(want, name, "1");
	}
}

static bool is_on(const struct kstate *observed, const char *name)
{
	const struct ksysctl *s = kstate_sysctl(observed, name);

	return s && strcmp(s->value, "0") != 0;
}

// wg-quick turns src_valid_mark on for all interfaces: then what is carried is a martian on the
// LAN's, unless that may bring packets whose way back is this machine.
static void want_accept_local(const struct config *config, const struct kstate *observed,
			      struct kstate *want)
{
	char marked[SYSCTL_NAME_SIZE], accepts[SYSCTL_NAME_SIZE];

	plan_name_setting("ipv4", config->lan.interface, SRC_VALID_MARK, marked);
	plan_name_setting("ipv4", config->lan.interface, ACCEPT_LOCAL, accepts);
	if (kstate_sysctl(observed, accepts) &&
	    (is_on(observed, ALL_MARKED) || is_on(observed, marked)))
		kstate_add_sysctl(want, accepts, "1");
}

static void want_sysctls(const struct kstate *observed, unsigned role, struct kstate *want)
{
	for (size_t i = 0; i < sizeof(sysctls) / sizeof(sysctls[0]); i++) {
		const struct ksysctl *s = kstate_sysctl(observed, sysctls[i].name);
		char value[sizeof(s->value)];

		if (!s || !(sysctls[i].roles & role))
			continue;
		if (sysctls[i].raise)
			sysctls[i].raise(s->value, value, sizeof(value));
		else
			str_copy(value, sizeof(value), sysctls[i].value);
		kstate_add_sysctl(want, s->name, value);
	}
}

static void add_name(struct plan_names *names, const char *name)
{
	names->list[names->n++] = xstrdup(name);
}

static struct plan_names names_for(unsigned role, size_t more)
{
	const size_t n = sizeof(sysctls) / sizeof(sysctls[0]);
	struct plan_names names = { .list = xcalloc(n + more, sizeof(*names.list)) };

	for (size_t i = 0; i < n; i++) {
		if (sysctls[i].roles & role)
			add_name(&names, sysctls[i].name);
	}
	return names;
}

struct plan_names plan_sysctls_for_gateway(const struct config *config)
{
	struct plan_names names = names_for(GATEWAY, 2 * config->n_paths + 6);
	char name[SYSCTL_NAME_SIZE];

	add_name(&names, LO_DISABLE_IPV6);
	add_name(&names, "net.ipv4.conf.all.rp_filter");
	add_name(&names, IP_FORWARD);
	add_name(&names, ALL_MARKED);
	if (config->lan.interface[0]) {
		plan_name_setting("ipv4", config->lan.interface, SRC_VALID_MARK, name);
		add_name(&names, name);
		plan_name_setting("ipv4", config->lan.interface, ACCEPT_LOCAL, name);
		add_name(&names, name);
	}
	for (size_t i = 0; i < config->n_paths; i++) {
		plan_name_setting("ipv4", config->paths[i].interface, "rp_filter", name);
		add_name(&names, name);
		plan_name_setting("ipv4", config->paths[i].interface, SRC_VALID_MARK, name);
		add_name(&names, name);
	}
	return names;
}

struct plan_names plan_sysctls_for_server(void)
{
	return names_for(SERVER, 0);
}

void plan_names_fini(struct plan_names *names)
{
	for (size_t i = 0; i < names->n; i++)
		free(names->list[i]);
	free(names->list);
	*names = (struct plan_names){ 0 };
}

// ---- All of it

void plan_want(const struct config *config, const struct path_fsm fsms[],
	       const enum path_use uses[], const struct plan_exits *exits,
	       const struct plan_udp *udp, const struct kstate *observed, struct plan_ids *ids,
	       struct kstate *want)
{
	const bool ipv6 = plan_speaks_ipv6(observed);
	const bool carries = config->lan.interface[0] != '\0';
	struct plan_ways ways;

	plan_ways(config, fsms, exits, &ways);
	*want = (struct kstate){ .limits = { .subflows = SUBFLOWS_MAX } };
	want_sysctls(observed, GATEWAY, want);
	for (int f = 0; f < (ipv6 ? PLAN_FAMILIES : PLAN_V6); f++) {
		if (carries)
			want_tproxy(want, plan_af(f));
		want_main_rule(want, plan_af(f));
		for (size_t i = 0; i < config->n_paths; i++) {
			const struct path_way *way = &fsms[i].facts.way[f];
			uint32_t table = config->paths[i].table;

			if (!way->routable || !path_fsm_wanted(&fsms[i]))
				continue;
			want_path_routes(want, way, fsms[i].facts.ifindex, table);
			want_path_rule(want, &way->local, PREF_PATHS + (uint32_t)i, table);
		}
		if (carries && plan_forwards(config)) {
			plan_want_flows(config, fsms, (enum plan_family)f, want);
			plan_want_pins(config, &ways, (enum plan_family)f, want);
		}
		if (carries)
			plan_want_relay_udp(config, udp, (enum plan_family)f, want);
		if (carries && config->local)
			want_own_routes(config, &ways, (enum plan_family)f, want);
	}
	for (size_t i = 0; i < config->n_paths; i++)
		want_rp_filter(observed, config->paths[i].interface, want);
	if (carries && plan_forwards(config))
		want_forwarding(config, observed, want);
	if (carries)
		want_accept_local(config, observed, want);
	want_endpoints(fsms, uses, config->n_paths, observed, ids, want);
	if (carries)
		want->nft = plan_nft_text(config, fsms, exits, udp, &ways, observed, ipv6);
}

void plan_leave_to_gateway(const struct kstate *observed, struct kstate *want)
{
	for (size_t i = 0; i < observed->n_routes; i++) {
		if (observed->routes[i].protocol == KSTATE_PROTOCOL)
			kstate_add_route(want, &observed->routes[i]);
	}
	for (size_t i = 0; i < observed->n_rules; i++) {
		if (observed->rules[i].protocol == KSTATE_PROTOCOL)
			kstate_add_rule(want, &observed->rules[i]);
	}
	for (size_t i = 0; i < observed->n_endpoints; i++) {
		if (kendpoint_is_ours(&observed->endpoints[i]))
			kstate_add_endpoint(want, &observed->endpoints[i]);
	}
}

void plan_want_server(const struct kstate *observed, struct kstate *want)
{
	*want = (struct kstate){ .limits = { .subflows = SUBFLOWS_MAX } };
	want_sysctls(observed, SERVER, want);
	plan_leave_to_gateway(observed, want);
}

void plan_want_nothing(const struct kstate *observed, struct kstate *want)
{
	*want = (struct kstate){ .limits = observed->limits };
}
