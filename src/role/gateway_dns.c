// SPDX-License-Identifier: GPL-2.0-or-later
//
// The block `dns`: what the service goes by, made anew with each policy of the relay, so that
// questions begin on the same paths and go to the same exit as connections do.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "dns/dns.h"
#include "role/gateway_priv.h"

// ---- where to answer, and whom

static void add_listen(const struct gateway *g, const struct addr *addr, struct dns_spec *spec)
{
	const char *device = addr_is_loopback(addr) ? "lo" : g->config->lan.interface;
	const struct klink *link = kstate_link(&g->observed, device);
	struct dns_listen *listen;

	if (spec->n_listen == DNS_LISTEN_MAX)
		return;
	listen = &spec->listen[spec->n_listen++];
	listen->at = sockaddr_make(addr, g->config->dns.port);
	str_copy(listen->device, sizeof(listen->device), device);
	listen->ifindex = link ? link->ifindex : 0;
}

static void add_client(struct dns_spec *spec, const struct prefix *prefix)
{
	if (spec->n_clients < DNS_CLIENTS_MAX)
		spec->clients[spec->n_clients++] = *prefix;
}

// Those of its interface are the LAN's. A configured one that is not there is tried too, and says
// why not.
static void fill_lan(const struct gateway *g, struct dns_spec *spec)
{
	const struct config_dns *config = &g->config->dns;
	const struct klink *lan = kstate_link(&g->observed, g->config->lan.interface);
	struct prefix prefix;

	for (size_t i = 0; i < config->listen.n; i++)
		add_listen(g, &config->listen.list[i], spec);
	for (size_t i = 0; i < g->config->lan.sources.n; i++)
		add_client(spec, &g->config->lan.sources.list[i]);
	if (prefix_parse("fe80::/10", &prefix) == 0)
		add_client(spec, &prefix);
	for (size_t i = 0; lan && i < g->observed.n_addrs; i++) {
		const struct kaddr *a = &g->observed.addrs[i];

		if (a->ifindex != lan->ifindex || !a->usable || !a->global)
			continue;
		prefix = prefix_of(&a->local, a->prefix_len);
		add_client(spec, &prefix);
		if (!config->listen.n)
			add_listen(g, &a->local, spec);
	}
}

// ---- whom to ask, and how

static struct addr routed(const struct gateway *g, const struct addr *addr)
{
	// without its rule it would leave by another side
	return gateway_is_routed(g, addr) ? *addr : (struct addr){ .family = AF_UNSPEC };
}

static void fill_ways(const struct gateway *g, const struct relay_policy *policy,
		      struct dns_spec *spec)
{
	for (size_t i = 0; i < g->n_paths; i++) {
		const struct relay_path *path = &policy->paths[i];
		struct dns_way *way = &spec->ways[i];

		way->addr4 = routed(g, &path->addr4);
		way->addr6 = routed(g, &path->addr6);
		way->rtt_us = path->rtt_us;
	}
	for (int i = 0; i < policy->n_begin; i++)
		spec->begin[spec->n_begin++] = policy->begin[i];
}

static void fill_upstreams(const struct gateway *g, const struct relay_policy *policy,
			   struct dns_spec *spec)
{
	const struct config_servers *upstreams = &g->config->dns.upstreams;
	const struct relay_exit *exit = &policy->exits[policy->default_exit];

	for (size_t i = 0; i < upstreams->n && i < SNAPSHOT_UPSTREAMS; i++)
		spec->upstreams[spec->n_upstreams++] = upstreams->list[i];
	spec->sealed = !policy->direct;
	spec->key = exit->key;
	for (int i = 0; i < exit->n_addrs && i < DNS_EXIT_ADDRS_MAX; i++)
		spec->exits[spec->n_exits++] = exit->addrs[i];
}

static void fill_direct(const struct gateway *g, struct dns_direct *direct)
{
	const struct config *config = g->config;

	for (size_t i = 0; i < config->dns.direct.n; i++) {
		const struct config_direct_name *name = &config->dns.direct.list[i];
		const struct config_path *path =
			name->path[0] ? config_find_path(config, name->path) : NULL;
		int len = dns_suffix(name->suffix, direct[i].suffix);

		direct[i].suffix_len = (uint8_t)len;
		direct[i].server = name->server;
		direct[i].way = path ? (int)(path - config->paths) : -1;
	}
}

// ---- what is wrong

static void settle_alarms(struct gateway *g)
{
	struct dns_snapshot now = { 0 };
	const char *silent = NULL;
	char text[NOTE_SIZE];

	if (g->dns)
		dns_fill(g->dns, &now);
	if (now.why[0])
		gateway_alarm_raise(g, "gw", "dns", now.why);
	else
		gateway_alarm_clear(g, "gw", "dns");
	for (int i = 0; i < now.n_upstreams; i++) {
		if (now.upstreams[i].answers == 0)
			silent = now.upstreams[i].address;
	}
	if (!silent) {
		gateway_alarm_clear(g, "gw", "name-server");
		return;
	}
	snprintf(text, sizeof(text), "name server %s does not answer", silent);
	gateway_alarm_raise(g, "gw", "name-server", text);
}

void gateway_dns_note(struct gateway *g, size_t slot, const char *fault)
{
	const char *name = g->paths[slot].config->name;
	struct path_fsm *fsm = &g->fsms[slot];
	struct path_change change;
	char text[NOTE_SIZE];

	if (path_fsm_dns(fsm, fault, clock_mono_ms(), &change))
		gateway_note_change(g, slot, &change);
	if (fsm->dns_fault[0]) {
		snprintf(text, sizeof(text), "%s DNS fails: %.60s", name, fsm->dns_fault);
		gateway_alarm_raise(g, name, "dns", text);
	} else {
		gateway_alarm_clear(g, name, "dns");
	}
}

void gateway_dns_tick(struct gateway *g)
{
	for (size_t i = 0; i < g->n_paths; i++) {
		char fault[NOTE_SIZE] = "";

		if (g->dns && path_fsm_works(&g->fsms[i]))
			dns_find_fault(g->dns, (int)i, fault);
		else if (g->dns)
			dns_forgive(g->dns, (int)i);
		if (!g->paths[i].config->gone)
			gateway_dns_note(g, i, fault);
	}
}

static void tell(void *ctx, enum log_level level, const char *text)
{
	gateway_event(ctx, level, "gw", "DNS", "%s", text);
	settle_alarms(ctx);
}

void gateway_dns_set(struct gateway *g, const struct relay_policy *policy)
{
	const struct config_dns *config = &g->config->dns;
	struct dns_spec *spec;

	if (!config->present) {
		gateway_dns_fini(g);
		settle_alarms(g);
		return;
	}
	if (!g->dns)
		g->dns = dns_new(g->loop, tell, g);
	spec = xcalloc(1, sizeof(*spec));
	spec->cache_entries = (size_t)config->cache;
	spec->stale_s = config->stale_s;
	spec->mark = KSTATE_OWN_MARK;
	spec->n_direct = config->direct.n;
	spec->direct = xcalloc(spec->n_direct + 1, sizeof(*spec->direct));
	fill_lan(g, spec);
	fill_ways(g, policy, spec);
	fill_upstreams(g, policy, spec);
	fill_direct(g, spec->direct);
	dns_set(g->dns, spec);
	wire_key_wipe(&spec->key);
	free(spec->direct);
	free(spec);
	settle_alarms(g);
}

void gateway_dns_fini(struct gateway *g)
{
	dns_free(g->dns);
	g->dns = NULL;
}
