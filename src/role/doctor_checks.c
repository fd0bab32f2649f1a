// SPDX-License-Identifier: GPL-2.0-or-later
//
// What the doctor checks. Each check looks at the facts and nothing else, and adds a finding for
// each thing that it looked at; what is not well comes with its cause and the next step.
#include <errno.h>
#include <inttypes.h>
#include <linux/rtnetlink.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/format.h"
#include "role/doctor.h"

#define DESCRIPTORS_FEW 8192 // about 4000 connections
#define MTU_LEAST       1280 // RFC 8200, section 5
#define CONNTRACK_FULL  0.8

// The exit is asked now and then, so what it says of a path that has just come is of the past.
#define SETTLED_MS 15000

// Settings that a gateway makes are no fault while none runs.
#define AT_START "; the gateway sets it when it starts"

__attribute__((format(printf, 4, 5))) static struct doctor_finding *
add(struct doctor_report *report, enum doctor_level level, const char *object, const char *fmt, ...)
{
	static struct doctor_finding overflow;
	struct doctor_finding *f =
		report->n < DOCTOR_FINDINGS_MAX ? &report->list[report->n++] : &overflow;
	va_list ap;

	*f = (struct doctor_finding){ .level = level };
	str_copy(f->object, sizeof(f->object), object);
	va_start(ap, fmt);
	vsnprintf(f->text, sizeof(f->text), fmt, ap);
	va_end(ap);
	return f;
}

static void explain(struct doctor_finding *f, const char *cause, const char *next)
{
	str_copy(f->cause, sizeof(f->cause), cause);
	str_copy(f->next, sizeof(f->next), next);
}

static const char *sysctl_value(const struct doctor_facts *facts, const char *name)
{
	const struct ksysctl *s = kstate_sysctl(&facts->k, name);

	return s ? s->value : NULL;
}

// ---- kernel

static void check_mptcp(const struct doctor_facts *facts, struct doctor_report *report)
{
	const char *enabled = sysctl_value(facts, "net.mptcp.enabled");

	if (!facts->observed)
		explain(add(report, DOCTOR_SKIP, "", "the network's state cannot be read"),
			facts->observe_why, "run it as root");
	else if (!enabled)
		explain(add(report, DOCTOR_FAIL, "", "this kernel (%s) has no MPTCP",
			    facts->release),
			"net.mptcp.enabled does not exist, so nothing can be bonded",
			"install a kernel of 6.1 or later with CONFIG_MPTCP, as Debian's are");
	else if (strcmp(enabled, "1") == 0)
		add(report, DOCTOR_OK, "", "MPTCP built in and on, kernel %s", facts->release);
	else if (facts->gateway)
		explain(add(report, DOCTOR_FAIL, "", "MPTCP is switched off (net.mptcp.enabled=0)"),
			"somebody switched it off while the gateway runs: new connections are not "
			"bonded",
			"sysctl -w net.mptcp.enabled=1, and look for it in /etc/sysctl.d");
	else
		add(report, DOCTOR_OK, "", "MPTCP built in, but off" AT_START);
}

// A setting that the gateway makes; `good` says when it is as it should be.
static void check_setting(const struct doctor_facts *facts, struct doctor_report *report,
			  const char *name, bool (*good)(const char *value), const char *cause,
			  const char *should)
{
	const char *value = sysctl_value(facts, name);
	struct doctor_finding *f;

	if (!value)
		return; // this kernel does not know it, or nothing was read
	if (good(value) || !facts->gateway) {
		add(report, DOCTOR_OK, "", "%s=%s%s", name, value, good(value) ? "" : AT_START);
		return;
	}
	f = add(report, DOCTOR_FAIL, "", "%s=%s", name, value);
	str_copy(f->cause, sizeof(f->cause), cause);
	snprintf(f->next, sizeof(f->next), "sysctl -w %s=%s", name, should);
}

static bool is_zero(const char *value)
{
	return strcmp(value, "0") == 0;
}

static bool is_any(const char *value)
{
	return value[0];
}

static void check_manager(const struct doctor_facts *facts, struct doctor_report *report)
{
	check_setting(facts, report, "net.mptcp.pm_type", is_zero,
		      "the user-space path manager is chosen: endpoints do nothing then", "0");
}

static void check_blackhole(const struct doctor_facts *facts, struct doctor_report *report)
{
	check_setting(facts, report, "net.mptcp.blackhole_timeout", is_zero,
		      "one unlucky outage turns all new connections into plain TCP for that long",
		      "0");
}

static void check_scheduler(const struct doctor_facts *facts, struct doctor_report *report)
{
	check_setting(facts, report, "net.mptcp.scheduler", is_any, "", "default");
}

static void check_congestion(const struct doctor_facts *facts, struct doctor_report *report)
{
	if (!facts->congestion_error)
		add(report, DOCTOR_OK, "", "BBR congestion control is there");
	else
		explain(add(report, DOCTOR_WARN, "", "no BBR congestion control: %s",
			    strerror(-facts->congestion_error)),
			"what a dying path carried waits behind seconds of other data",
			"modprobe tcp_bbr");
}

static void check_limits(const struct doctor_facts *facts, struct doctor_report *report)
{
	uint32_t have = facts->k.limits.subflows;
	size_t need = 0;

	if (!facts->observed || !facts->config)
		return;
	for (size_t i = 0; i < facts->config->n_paths; i++)
		need += facts->wanted[i];
	need = need ? need - 1 : 0;
	if (have >= need || !facts->gateway)
		add(report, DOCTOR_OK, "", "limit of %u subflows beyond the first, %zu needed%s",
		    have, need, have >= need ? "" : AT_START);
	else
		explain(add(report, DOCTOR_FAIL, "",
			    "limit of %u subflows beyond the first, %zu needed", have, need),
			"the kernel joins no more paths than this",
			"ip mptcp limits set subflows 8");
}

// ---- gateway

static void check_config(const struct doctor_facts *facts, struct doctor_report *report)
{
	const char *line = facts->config_errors ? facts->config_errors : "";

	if (facts->config) {
		add(report, DOCTOR_OK, "", "%s has no errors, key files included",
		    facts->config->file);
		return;
	}
	for (; *line; line += strcspn(line, "\n") + (line[strcspn(line, "\n")] != '\0'))
		explain(add(report, DOCTOR_FAIL, "", "%.*s", (int)strcspn(line, "\n"), line), "",
			"correct it, then 'mpgate check'");
}

static void check_running(const struct doctor_facts *facts, struct doctor_report *report)
{
	if (facts->gateway) {
		add(report, DOCTOR_OK, "", "the gateway runs (pid %d), verdict %s",
		    facts->gateway->pid, verdict_word(facts->gateway->verdict));
	} else if (facts->gateway_error == -EACCES) {
		explain(add(report, DOCTOR_FAIL, "", "you may not talk to the gateway"),
			"the control socket is for root and the group mpgate",
			"adduser YOU mpgate, then log in again; or use sudo");
	} else if (facts->gateway_error == -ENOENT || facts->gateway_error == -ECONNREFUSED) {
		explain(add(report, DOCTOR_WARN, "", "no gateway is running"),
			"paths can only be looked at, not tried", "systemctl start mpgate");
	} else {
		explain(add(report, DOCTOR_FAIL, "", "the gateway does not answer: %s",
			    strerror(-facts->gateway_error)),
			"it hangs, or is of another version",
			"journalctl -u mpgate; systemctl restart mpgate");
	}
}

static void check_version(const struct doctor_facts *facts, struct doctor_report *report)
{
	if (!facts->gateway)
		return;
	if (strcmp(facts->gateway->version, PACKAGE_VERSION) == 0)
		add(report, DOCTOR_OK, "", "version %s, as this program", PACKAGE_VERSION);
	else
		explain(add(report, DOCTOR_WARN, "", "the gateway is %s, this program %s",
			    facts->gateway->version, PACKAGE_VERSION),
			"it was updated and not started again",
			"systemctl restart mpgate (open connections end)");
}

// Without a gateway: would one start?
static void check_start(const struct doctor_facts *facts, struct doctor_report *report)
{
	if (facts->gateway)
		return;
	if (!facts->manage_tried)
		explain(add(report, DOCTOR_SKIP, "", "whether a gateway could start (needs root)"),
			"", "sudo mpgate doctor");
	else if (!facts->manage_error)
		add(report, DOCTOR_OK, "", "nftables, routes and endpoints can be changed");
	else if (facts->manage_error == -EBUSY)
		explain(add(report, DOCTOR_FAIL, "", "another gateway holds this machine"),
			facts->manage_why,
			"find it with 'pgrep -a mpgate'; it listens on another control socket "
			"(--socket)");
	else
		explain(add(report, DOCTOR_FAIL, "",
			    "the kernel's network state cannot be changed"),
			facts->manage_why,
			"modprobe nf_tables nft_tproxy nft_socket; in a container, add "
			"CAP_NET_ADMIN");
}

// ---- other programs

static void check_endpoints(const struct doctor_facts *facts, struct doctor_report *report)
{
	size_t n = 0;

	for (size_t i = 0; i < facts->k.n_endpoints; i++) {
		const struct kendpoint *e = &facts->k.endpoints[i];
		char text[ADDR_STRLEN];
		struct doctor_finding *f;

		if (kendpoint_is_ours(e))
			continue;
		n++;
		f = add(report, DOCTOR_WARN, "", "MPTCP endpoint %s (id %u) is not ours",
			addr_format(&e->addr, text), e->id);
		explain(f,
			facts->mptcpd ? "mptcpd runs here, and manages endpoints too"
			: facts->network_manager
				? "NetworkManager runs here; from 1.40 on it adds endpoints"
				: "another program or a person added it",
			"");
		if (facts->network_manager && !facts->mptcpd)
			str_copy(f->next, sizeof(f->next),
				 "nmcli connection modify NAME connection.mptcp-flags disabled");
		else
			snprintf(f->next, sizeof(f->next), "ip mptcp endpoint delete id %u", e->id);
	}
	if (facts->observed && !n)
		add(report, DOCTOR_OK, "", "nobody else adds MPTCP endpoints");
}

static void check_managers(const struct doctor_facts *facts, struct doctor_report *report)
{
	if (facts->mptcpd)
		explain(add(report, DOCTOR_WARN, "", "mptcpd is running"),
			"two path managers undo each other's work",
			"systemctl disable --now mptcpd");
	else
		add(report, DOCTOR_OK, "", "no other MPTCP path manager runs%s",
		    facts->network_manager ? " (NetworkManager does, without endpoints of ours)"
					   : "");
}

// ---- paths

static bool has_rule(const struct kstate *k, const struct addr *from, uint32_t *table)
{
	for (size_t i = 0; i < k->n_rules; i++) {
		if (k->rules[i].protocol == KSTATE_PROTOCOL &&
		    addr_equal(&k->rules[i].src.addr, from)) {
			*table = k->rules[i].table;
			return true;
		}
	}
	return false;
}

static bool has_default(const struct kstate *k, uint32_t table, sa_family_t family)
{
	for (size_t i = 0; i < k->n_routes; i++) {
		if (k->routes[i].table == table && k->routes[i].dst.len == 0 &&
		    k->routes[i].dst.addr.family == family)
			return true;
	}
	return false;
}

static const struct kendpoint *find_endpoint(const struct kstate *k, const struct addr *addr)
{
	for (size_t i = 0; i < k->n_endpoints; i++) {
		if (addr_equal(&k->endpoints[i].addr, addr))
			return &k->endpoints[i];
	}
	return NULL;
}

static const struct path_snapshot *find_snapshot(const struct doctor_facts *facts, const char *name)
{
	return facts->gateway ? snapshot_find_path(facts->gateway, name) : NULL;
}

// What the gateway keeps in the kernel for a path in use.
static void check_wiring(const struct doctor_facts *facts, size_t i, struct doctor_report *report)
{
	const struct config_path *path = &facts->config->paths[i];
	const struct path_snapshot *now = find_snapshot(facts, path->name);
	const struct addr *local = &facts->paths[i].way[facts->paths[i].to_exit].local;
	const struct kendpoint *e = find_endpoint(&facts->k, local);
	char text[ADDR_STRLEN];
	uint32_t table = 0;

	addr_format(local, text);
	if (!facts->gateway || !now || !now->enabled)
		add(report, DOCTOR_OK, path->name, "address %s%s", text, now ? ", not in use" : "");
	else if (!has_rule(&facts->k, local, &table) ||
		 !has_default(&facts->k, table, local->family))
		explain(add(report, DOCTOR_FAIL, path->name, "no %s for address %s",
			    table ? "default route in its table" : "rule", text),
			"another program removed it, or the gateway could not add it",
			"'mpgate plan' prints what is missing, 'mpgate status' why");
	else if (!e && now->state == PATH_STATE_UP && now->use != PATH_USE_NONE &&
		 strcmp(now->reason, REASON_EXIT_SILENT) != 0)
		explain(add(report, DOCTOR_WARN, path->name, "UP, but without an MPTCP endpoint"),
			"the kernel has room for eight endpoints, or it was removed by another "
			"program",
			"ip mptcp endpoint");
	else
		add(report, DOCTOR_OK, path->name, "address %s, table %u, rule%s", text, table,
		    e ? ", endpoint" : "");
}

static void check_paths(const struct doctor_facts *facts, struct doctor_report *report)
{
	for (size_t i = 0; facts->observed && facts->config && i < facts->config->n_paths; i++) {
		const struct config_path *path = &facts->config->paths[i];
		const struct path_facts *way = &facts->paths[i];
		char next[100];

		snprintf(next, sizeof(next), "'mpgate doctor %s' tests it", path->name);
		if (!facts->wanted[i])
			explain(add(report, DOCTOR_SKIP, path->name,
				    "not tested: optional, it may cost"),
				"", next);
		else if (!way->ready)
			explain(add(report, DOCTOR_FAIL, path->name, "%s", way->note), way->advice,
				"check the link, then 'mpgate doctor' again");
		else
			check_wiring(facts, i, report);
	}
}

static void check_dialling(const struct doctor_facts *facts, struct doctor_report *report)
{
	for (size_t i = 0; facts->config && i < facts->config->n_paths; i++) {
		const struct config_path *path = &facts->config->paths[i];
		int error = facts->call_error[i];

		if (path->dial != PATH_DIAL_PPP)
			continue;
		if (facts->pppd_error)
			explain(add(report, DOCTOR_FAIL, path->name, "cannot run pppd: %s",
				    strerror(-facts->pppd_error)),
				"it dials this path", "apt install ppp");
		else if (error == -EACCES && !facts->root)
			explain(add(report, DOCTOR_SKIP, path->name,
				    "whether pppd can dial it (needs root)"),
				"", "sudo mpgate doctor");
		else if (error)
			explain(add(report, DOCTOR_FAIL, path->name,
				    "cannot read /etc/ppp/peers/%s: %s", path->call,
				    strerror(-error)),
				"'pppd call' takes the line's settings from there",
				"pppoeconf writes one; or correct 'call' of this path");
		else
			add(report, DOCTOR_OK, path->name,
			    path->call[0] ? "pppd dials it by /etc/ppp/peers/%s"
					  : "somebody else's pppd dials it%s",
			    path->call);
	}
}

static void check_duplicates(const struct doctor_facts *facts, struct doctor_report *report)
{
	const struct kstate *k = &facts->k;

	for (size_t i = 0; i < k->n_addrs; i++) {
		for (size_t j = 0; j < i; j++) {
			const struct klink *a, *b;
			char text[ADDR_STRLEN];

			if (k->addrs[i].ifindex == k->addrs[j].ifindex || !k->addrs[i].global ||
			    !addr_equal(&k->addrs[i].local, &k->addrs[j].local))
				continue;
			a = kstate_link_by_index(k, k->addrs[j].ifindex);
			b = kstate_link_by_index(k, k->addrs[i].ifindex);
			explain(add(report, DOCTOR_FAIL, "", "%s and %s both have the address %s",
				    a ? a->name : "?", b ? b->name : "?",
				    addr_format(&k->addrs[i].local, text)),
				"packets from one address can leave by one link only",
				"give one modem another network, in its own settings");
		}
	}
}

static const struct config_path *path_on(const struct doctor_facts *facts, int ifindex)
{
	const struct klink *link = kstate_link_by_index(&facts->k, ifindex);

	for (size_t i = 0; link && i < facts->config->n_paths; i++) {
		if (strcmp(facts->config->paths[i].interface, link->name) == 0)
			return &facts->config->paths[i];
	}
	return NULL;
}

static bool is_on_lan(const struct doctor_facts *facts, int ifindex)
{
	const struct klink *link = kstate_link_by_index(&facts->k, ifindex);

	return link && strcmp(link->name, facts->config->lan.interface) == 0;
}

// Modems may well be in networks of the same name, each behind its own path; the LAN and tunnels
// may not.
static void compare_ranges(const struct doctor_facts *facts, const struct kaddr *a,
			   const struct kaddr *b, struct doctor_report *report)
{
	const struct config_path *path = path_on(facts, a->ifindex),
				 *other = path_on(facts, b->ifindex);
	struct prefix network = prefix_of(&a->local, a->prefix_len),
		      theirs = prefix_of(&b->local, b->prefix_len);
	bool tunnels = path && other && path->over[0] && other->over[0] && path < other;
	char text[ADDR_STRLEN];

	if (!path || a->ifindex == b->ifindex || !(tunnels || is_on_lan(facts, b->ifindex)) ||
	    !a->global || !b->global || !prefix_overlap(&network, &theirs) ||
	    addr_equal(&a->local, &b->local))
		return;
	explain(add(report, DOCTOR_WARN, path->name,
		    "its network %s is part of %s's, or the other way round",
		    prefix_format(&network, text), tunnels ? other->name : "the LAN"),
		"what is near one of them may be looked for behind the other",
		path->over[0] ? "give each jumpbox a range of its own: 'server' in OpenVPN's "
				"configuration there"
			      : "give the modem or the LAN another network");
}

static void check_ranges(const struct doctor_facts *facts, struct doctor_report *report)
{
	for (size_t i = 0; facts->config && i < facts->k.n_addrs; i++) {
		for (size_t j = 0; j < facts->k.n_addrs; j++)
			compare_ranges(facts, &facts->k.addrs[i], &facts->k.addrs[j], report);
	}
}

// Lists that speak of IPv4 alone leave the IPv6 of the same machines to go around.
static void check_ipv6(const struct doctor_facts *facts, struct doctor_report *report)
{
	const struct config_lan *lan = facts->config ? &facts->config->lan : NULL;
	const struct klink *link = lan ? kstate_link(&facts->k, lan->interface) : NULL;

	if (!link || lan->refuse_ipv6 || !lan->sources.n)
		return;
	for (size_t i = 0; i < lan->sources.n; i++) {
		if (lan->sources.list[i].addr.family == AF_INET6)
			return;
	}
	for (size_t i = 0; i < facts->k.n_addrs; i++) {
		const struct kaddr *a = &facts->k.addrs[i];

		if (a->ifindex != link->ifindex || a->local.family != AF_INET6 || !a->global ||
		    addr_is_unique_local(&a->local))
			continue;
		explain(add(report, DOCTOR_WARN, "",
			    "the LAN has IPv6, and lan.sources only ranges of IPv4"),
			"its machines prefer IPv6, which goes around mpgate",
			"add its range to 'sources', or say 'refuse-ipv6 = yes'; and let no other "
			"router announce IPv6");
		return;
	}
}

// A tunnel's packets are to fit into those of the line that it rides.
static void check_fit(const struct doctor_facts *facts, size_t i, struct doctor_report *report)
{
	const struct config_path *path = &facts->config->paths[i], *line;

	for (size_t under = 0; under < facts->config->n_paths; under++) {
		line = &facts->config->paths[under];
		if (under == i || strcmp(line->name, path->over) != 0 || !facts->paths[under].mtu ||
		    facts->paths[i].mtu + TUNNEL_HEADERS_BYTES <= facts->paths[under].mtu)
			continue;
		explain(add(report, DOCTOR_WARN, path->name,
			    "MTU %d does not pass %s (%d) together with a tunnel's headers",
			    facts->paths[i].mtu, line->name, facts->paths[under].mtu),
			"its packets go in fragments, which cost, and get lost in some networks",
			"'tun-mtu 1400' in OpenVPN's configuration, here and at the far end");
	}
}

static void check_mtu(const struct doctor_facts *facts, struct doctor_report *report)
{
	for (size_t i = 0; facts->config && i < facts->config->n_paths; i++) {
		const struct config_path *path = &facts->config->paths[i];
		char next[100];

		if (!facts->wanted[i] || !facts->paths[i].mtu)
			continue;
		if (path->over[0])
			check_fit(facts, i, report);
		if (facts->paths[i].mtu >= MTU_LEAST)
			continue;
		snprintf(next, sizeof(next), "ip link set %s mtu 1400, and the same at the far end",
			 path->interface);
		explain(add(report, DOCTOR_WARN, path->name, "MTU of %s is %d", path->interface,
			    facts->paths[i].mtu),
			"IPv6 needs 1280, and each small packet costs", next);
	}
}

// The greater of the two counts.
static int rp_filter_of(const struct doctor_facts *facts, const char *interface)
{
	const char *all = sysctl_value(facts, "net.ipv4.conf.all.rp_filter"), *own;
	char name[sizeof(((struct ksysctl *)0)->name)];
	int a = all ? atoi(all) : 0, b;

	plan_name_setting("ipv4", interface, "rp_filter", name);
	own = sysctl_value(facts, name);
	b = own ? atoi(own) : 0;
	return a > b ? a : b;
}

static void check_rp_filter(const struct doctor_facts *facts, struct doctor_report *report)
{
	size_t n = 0;

	for (size_t i = 0; facts->observed && facts->config && i < facts->config->n_paths; i++) {
		const struct config_path *path = &facts->config->paths[i];
		char next[160];

		if (!facts->gateway || !facts->wanted[i] ||
		    rp_filter_of(facts, path->interface) != 1)
			continue; // without a gateway it will be set at the start
		n++;
		snprintf(next, sizeof(next), "sysctl -w net/ipv4/conf/%s/rp_filter=2",
			 path->interface);
		explain(add(report, DOCTOR_WARN, path->name,
			    "rp_filter=1 on %s: replies may be dropped", path->interface),
			"strict filtering drops what comes in by another way than main's route",
			next);
	}
	if (facts->observed && facts->config && !n)
		add(report, DOCTOR_OK, "", "no path filters strictly by return path (rp_filter)");
}

// ---- exits

// A route of main, no default, that leads to the exit goes before every path's own table.
static void check_underlay(const struct doctor_facts *facts, struct doctor_report *report)
{
	for (size_t e = 0; facts->config && e < facts->config->n_exits; e++) {
		const struct addr *to = &facts->exit_addrs[e];

		for (size_t i = 0; addr_is_set(to) && i < facts->k.n_routes; i++) {
			const struct kroute *r = &facts->k.routes[i];
			const struct klink *link = kstate_link_by_index(&facts->k, r->oif);
			char text[ADDR_STRLEN], next[160];

			if (r->table != RT_TABLE_MAIN || r->type != RTN_UNICAST ||
			    r->dst.addr.family != to->family ||
			    r->dst.len <= (to->family == AF_INET6 ? PLAN_DEFAULT_LEN_V6
								  : PLAN_DEFAULT_LEN_V4) ||
			    !prefix_contains(&r->dst, to))
				continue;
			prefix_format(&r->dst, text);
			snprintf(next, sizeof(next),
				 "ip route delete %s dev %s; or give the VPN another server", text,
				 link ? link->name : "?");
			explain(add(report, DOCTOR_FAIL, facts->config->exits[e].name,
				    "all paths lead to it by %s",
				    link ? link->name : "one interface"),
				"a route in the table main, as VPN clients add to their server, "
				"goes before the "
				"paths' own tables",
				next);
		}
	}
}

struct tally {
	size_t asked, answered, mptcp, refused;
	int64_t min_us, max_us;
	char lost[120]; // names
};

static void count(const struct doctor_facts *facts, size_t e, struct tally *t)
{
	*t = (struct tally){ .min_us = INT64_MAX };
	for (size_t i = 0; i < facts->config->n_paths; i++) {
		const struct doctor_reach *r = &facts->reach[e][i];
		size_t len = strlen(t->lost);

		t->asked += r->asked;
		t->refused += r->asked && r->error == -ECONNREFUSED;
		if (r->asked && r->error)
			snprintf(t->lost + len, sizeof(t->lost) - len, "%s%s", len ? ", " : "",
				 facts->config->paths[i].name);
		if (!r->asked || r->error)
			continue;
		t->answered++;
		t->mptcp += r->mptcp;
		t->min_us = r->rtt_us < t->min_us ? r->rtt_us : t->min_us;
		t->max_us = r->rtt_us > t->max_us ? r->rtt_us : t->max_us;
	}
}

static void judge_answers(const struct doctor_facts *facts, size_t e, const struct tally *t,
			  struct doctor_report *report)
{
	const struct config_exit *exit = &facts->config->exits[e];
	char min[FORMAT_SIZE], max[FORMAT_SIZE];

	const char *enabled = sysctl_value(facts, "net.mptcp.enabled");

	if (!t->mptcp && enabled && strcmp(enabled, "1") != 0)
		add(report, DOCTOR_SKIP, exit->name,
		    "%s:%u answers; MPTCP is off here, so it was not tried", exit->address,
		    exit->port);
	else if (!t->mptcp)
		explain(add(report, DOCTOR_FAIL, exit->name,
			    "%s:%u answers without MPTCP on every path", exit->address, exit->port),
			"the server's kernel or program does not speak it, or something before it "
			"strips it",
			"on the server: sysctl net.mptcp.enabled; ss -tln should show 'mptcp' "
			"sockets");
	else
		add(report, DOCTOR_OK, exit->name, "%s:%u over %zu path%s, %s..%s ms, MPTCP",
		    exit->address, exit->port, t->answered, t->answered == 1 ? "" : "s",
		    format_rtt(t->min_us, min), format_rtt(t->max_us, max));
	for (size_t i = 0; i < facts->config->n_paths; i++) {
		const struct doctor_reach *r = &facts->reach[e][i];
		const char *path = facts->config->paths[i].name;
		char next[120];

		if (r->asked && r->error)
			explain(add(report, DOCTOR_FAIL, path, "does not reach %s: %s", exit->name,
				    strerror(-r->error)),
				"other paths reach it, so the line or its provider is at fault",
				"restart the modem; 'mpgate log' tells since when");
		else if (r->asked && t->mptcp && !r->mptcp) {
			snprintf(next, sizeof(next),
				 "mpgate test %s --mptcp ; see OPTIONS STRIPPED in mpgate(8)",
				 path);
			explain(add(report, DOCTOR_FAIL, path, "MPTCP options do not pass to %s",
				    exit->name),
				"over another path the same server answers with them, so something "
				"on this one "
				"strips them",
				next);
		}
	}
}

static void check_exits(const struct doctor_facts *facts, struct doctor_report *report)
{
	for (size_t e = 0; facts->config && e < facts->config->n_exits; e++) {
		const struct config_exit *exit = &facts->config->exits[e];
		struct tally t;

		count(facts, e, &t);
		if (!addr_is_set(&facts->exit_addrs[e]))
			explain(add(report, DOCTOR_FAIL, exit->name, "cannot look up %s: %s",
				    exit->address, facts->exit_why[e]),
				"the name is wrong, or no name server is reached",
				"getent hosts NAME; or write the address into the file");
		else if (!t.asked)
			explain(add(report, DOCTOR_SKIP, exit->name,
				    "not asked: no path leads to it now"),
				facts->gateway
					? ""
					: "without the gateway there are no rules for the paths",
				facts->gateway ? "" : "systemctl start mpgate");
		else if (t.answered)
			judge_answers(facts, e, &t, report);
		else if (t.refused)
			explain(add(report, DOCTOR_FAIL, exit->name,
				    "%s refuses port %u (asked over %s)", exit->address, exit->port,
				    t.lost),
				"the machine is there, but no server listens on that port",
				"on the server: systemctl status mpgate-server; compare 'port' on "
				"both sides");
		else
			explain(add(report, DOCTOR_FAIL, exit->name, "%s:%u is silent over %s",
				    exit->address, exit->port, t.lost),
				"the server is down, a firewall drops the port, or no path reaches "
				"the Internet",
				"ping the server from elsewhere; open the port in its firewall");
	}
}

// What the exit in use says through its peer service.
static void check_service(const struct doctor_facts *facts, struct doctor_report *report)
{
	const struct exit_snapshot *e = facts->gateway ? &facts->gateway->exit : NULL;
	int paths = 0;

	for (int i = 0; e && i < facts->gateway->n_paths; i++) {
		const struct path_snapshot *p = &facts->gateway->paths[i];

		paths += p->state == PATH_STATE_UP && p->endpoint_id > 0 &&
			 facts->gateway->time_ms - p->since_ms > SETTLED_MS;
	}
	if (!e || e->service < 0)
		return;
	if (!e->service) {
		add(report, DOCTOR_SKIP, e->name,
		    "no mpgate server, so it does not say what it sees");
		return;
	}
	if (e->subflows > 0 && e->subflows < paths)
		explain(add(report, DOCTOR_WARN, e->name,
			    "it joins only %d of %d paths to one connection", e->subflows, paths),
			"its kernel's limit is too low, or joins do not pass on some path",
			"on the server: ip mptcp limits set subflows 8");
	if (strcmp(e->version, PACKAGE_VERSION) != 0)
		explain(add(report, DOCTOR_WARN, e->name, "the server is mpgate %s, this one %s",
			    e->version, PACKAGE_VERSION),
			"both understand each other, but the newer one's remedies need both",
			"update the older of the two");
	else
		add(report, DOCTOR_OK, e->name, "mpgate %s, as this one", e->version);
}

// Without a fault there is nothing to say: nobody may have asked for UDP.
static void check_udp(const struct doctor_facts *facts, struct doctor_report *report)
{
	const struct exit_snapshot *e = facts->gateway ? &facts->gateway->exit : NULL;

	if (e && e->udp_fault[0])
		explain(add(report, DOCTOR_FAIL, e->name, "it %s", e->udp_fault),
			"its TCP is answered, its UDP is not, so calls, games and QUIC of the LAN "
			"lead nowhere",
			"let UDP to that port in by its firewall and its provider's, and see that "
			"'mpgate server' has udp = yes");
}

// What a running gateway says of its DNS.
static void check_dns(const struct doctor_facts *facts, struct doctor_report *report)
{
	const struct dns_snapshot *d = facts->gateway ? &facts->gateway->dns : NULL;

	if (!d || !d->present)
		return;
	if (d->why[0])
		explain(add(report, DOCTOR_FAIL, "", "DNS is answered on %d of %d addresses",
			    d->listening, d->listeners),
			d->why,
			"give the block dns another port or listen, or stop the other program");
	else if (!d->listeners)
		explain(add(report, DOCTOR_FAIL, "", "DNS is answered nowhere"),
			"the LAN's interface has no address", "ip addr show, on that interface");
	else
		add(report, DOCTOR_OK, "", "DNS is answered on %d addresses, %d answers kept",
		    d->listening, d->cached);
	for (int i = 0; i < d->n_upstreams; i++) {
		const struct upstream_snapshot *u = &d->upstreams[i];

		if (u->answers == 0)
			explain(add(report, DOCTOR_WARN, "", "name server %s does not answer",
				    u->address),
				"it is down, or the exit does not get there or is not let through "
				"to it by TCP",
				"on the exit: dig +tcp, with its address; a server on the exit "
				"itself needs 'allow' there");
		else if (u->answers > 0)
			add(report, DOCTOR_OK, "", "name server %s answers", u->address);
	}
}

// ---- system

static void check_descriptors(const struct doctor_facts *facts, struct doctor_report *report)
{
	if (facts->descriptors >= DESCRIPTORS_FEW)
		add(report, DOCTOR_OK, "", "%" PRIu64 " descriptors allowed", facts->descriptors);
	else
		explain(add(report, DOCTOR_WARN, "", "only %" PRIu64 " descriptors allowed here",
			    facts->descriptors),
			"each connection takes two; the service's own limit may be higher",
			"LimitNOFILE=131072 in the unit, or ulimit -Hn");
}

static void check_firewalls(const struct doctor_facts *facts, struct doctor_report *report)
{
	for (size_t i = 0; facts->config && i < facts->k.n_drops; i++) {
		const struct kchain *c = &facts->k.drops[i];
		const char *family = c->family == AF_INET    ? "ip"
				     : c->family == AF_INET6 ? "ip6"
							     : "inet";
		char next[160];

		snprintf(next, sizeof(next),
			 "nft insert rule %s %.40s %.40s iifname \"%s\" accept, and with oifname",
			 family, c->table, c->name, facts->config->lan.interface);
		explain(add(report, DOCTOR_SKIP, "",
			    "whether chain %s of table %s %s lets the LAN through", c->name, family,
			    c->table),
			"it drops what it does not know, perhaps also what of the LAN is "
			"forwarded, and not carried",
			next);
	}
}

static void check_conntrack(const struct doctor_facts *facts, struct doctor_report *report)
{
	if (facts->conntrack < 0 || facts->conntrack_max <= 0)
		return; // not in use here
	if ((double)facts->conntrack < CONNTRACK_FULL * (double)facts->conntrack_max)
		add(report, DOCTOR_OK, "", "conntrack holds %" PRId64 " of %" PRId64,
		    facts->conntrack, facts->conntrack_max);
	else
		explain(add(report, DOCTOR_WARN, "", "conntrack holds %" PRId64 " of %" PRId64,
			    facts->conntrack, facts->conntrack_max),
			"when it is full, new connections are dropped",
			"sysctl -w net.netfilter.nf_conntrack_max=262144");
}

static void check_run_dir(const struct doctor_facts *facts, struct doctor_report *report)
{
	if (!facts->root)
		return; // it need not be writable for us
	if (facts->run_dir_writable)
		add(report, DOCTOR_OK, "", "%s can be written", facts->run_dir);
	else
		explain(add(report, facts->gateway ? DOCTOR_WARN : DOCTOR_FAIL, "",
			    "%s cannot be written", facts->run_dir),
			"the control socket and the old values of sysctls are kept there",
			"mkdir -p that folder, or set MPGATE_RUN_DIR");
}

static void check_state_dir(const struct doctor_facts *facts, struct doctor_report *report)
{
	if (!facts->root)
		return;
	if (facts->state_dir_writable)
		add(report, DOCTOR_OK, "", "%s can be written", facts->state_dir);
	else
		explain(add(report, DOCTOR_WARN, "", "%s cannot be written", facts->state_dir),
			"what was used of the caps, and the history, would be lost with a restart",
			"mkdir -p that folder, or set MPGATE_STATE_DIR; is the file system "
			"read-only?");
}

static void check_terminal(const struct doctor_facts *facts, struct doctor_report *report)
{
	if (!facts->term || !facts->term[0] || strcmp(facts->term, "dumb") == 0)
		explain(add(report, DOCTOR_SKIP, "", "no terminal that a console could use"), "",
			"TERM=vt100 mpgate console");
	else
		add(report, DOCTOR_OK, "", "terminal %s, characters %s", facts->term,
		    facts->charset);
}

const struct doctor_check doctor_checks[] = {
	{ "mptcp", "kernel", check_mptcp },
	{ "path-manager", "kernel", check_manager },
	{ "blackhole", "kernel", check_blackhole },
	{ "scheduler", "kernel", check_scheduler },
	{ "congestion", "kernel", check_congestion },
	{ "limits", "kernel", check_limits },
	{ "config", "gateway", check_config },
	{ "running", "gateway", check_running },
	{ "version", "gateway", check_version },
	{ "start", "gateway", check_start },
	{ "endpoints", "others", check_endpoints },
	{ "managers", "others", check_managers },
	{ "links", "paths", check_paths },
	{ "dialling", "paths", check_dialling },
	{ "duplicates", "paths", check_duplicates },
	{ "ranges", "paths", check_ranges },
	{ "ipv6", "paths", check_ipv6 },
	{ "mtu", "paths", check_mtu },
	{ "rp-filter", "paths", check_rp_filter },
	{ "underlay", "exits", check_underlay },
	{ "reach", "exits", check_exits },
	{ "service", "exits", check_service },
	{ "udp", "exits", check_udp },
	{ "dns", "exits", check_dns },
	{ "descriptors", "system", check_descriptors },
	{ "firewalls", "system", check_firewalls },
	{ "conntrack", "system", check_conntrack },
	{ "run-folder", "system", check_run_dir },
	{ "state-folder", "system", check_state_dir },
	{ "terminal", "system", check_terminal },
	{ 0 },
};

void doctor_judge(const struct doctor_facts *facts, struct doctor_report *report)
{
	report->n = 0;
	for (const struct doctor_check *c = doctor_checks; c->id; c++) {
		size_t first = report->n;

		c->judge(facts, report);
		for (size_t i = first; i < report->n; i++) {
			report->list[i].check = c->id;
			report->list[i].group = c->group;
		}
	}
}
