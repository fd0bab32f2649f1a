// SPDX-License-Identifier: GPL-2.0-or-later
// What is right and wrong with a jumpbox, in words: the same for `mpgate jumpbox --check` and for
// one that runs.

#include <stdio.h>
#include <string.h>

#include "plan/plan_priv.h"

void jumpbox_report_add(struct jumpbox_report *report, enum jumpbox_level level, const char *object,
			const char *next, const char *fmt, ...)
{
	struct jumpbox_finding *f = &report->list[report->n];
	va_list ap;

	if (report->n == JUMPBOX_FINDINGS_MAX)
		return;
	report->n++;
	*f = (struct jumpbox_finding){ .level = level };
	str_copy(f->object, sizeof(f->object), object);
	str_copy(f->next, sizeof(f->next), next);
	va_start(ap, fmt);
	vsnprintf(f->text, sizeof(f->text), fmt, ap);
	va_end(ap);
}

static void judge_uplink(const struct config_jumpbox *config, const struct jumpbox_view *view,
			 struct jumpbox_report *report)
{
	const char *v4 = view->uplink[PLAN_V4], *v6 = view->uplink[PLAN_V6];

	if (!v4[0] && !v6[0] && config->uplink[0])
		jumpbox_report_add(report, JUMPBOX_FAIL, config->uplink,
				   "give the interface that leads to the Internet as 'uplink': ip "
				   "route show default",
				   "there is no such interface to be the uplink");
	else if (!v4[0] && !v6[0])
		jumpbox_report_add(
			report, JUMPBOX_FAIL, "",
			"bring the network up, or name the 'uplink' in the configuration",
			"no uplink: there is no default route but through tunnels");
	else
		jumpbox_report_add(report, JUMPBOX_OK, v4[0] ? v4 : v6, "", "uplink%s%s%s",
				   !v4[0]   ? " of IPv6 alone"
				   : !v6[0] ? " of IPv4 alone"
					    : "",
				   v4[0] && v6[0] && strcmp(v4, v6) != 0 ? ", of IPv6 " : "",
				   v4[0] && v6[0] && strcmp(v4, v6) != 0 ? v6 : "");
}

static void list_ranges(const struct jumpbox_view *view, int ifindex, struct str *out)
{
	for (size_t i = 0; i < view->n_ranges; i++) {
		char text[ADDR_STRLEN];

		if (view->ranges[i].ifindex == ifindex)
			str_addf(out, "%s%s", out->len ? ", " : "",
				 prefix_format(&view->ranges[i].range, text));
	}
}

static void judge_tunnel(const struct jumpbox_view *view, const struct jumpbox_tunnel *tunnel,
			 const struct kstate *observed, struct jumpbox_report *report)
{
	const struct klink *uplink = kstate_link(observed, view->uplink[PLAN_V4]);
	struct str ranges = { 0 };

	list_ranges(view, tunnel->ifindex, &ranges);
	if (!tunnel->up)
		jumpbox_report_add(report, JUMPBOX_WARN, tunnel->name,
				   "start the program that it belongs to", "tunnel is down");
	else if (!ranges.len)
		jumpbox_report_add(report, JUMPBOX_FAIL, tunnel->name,
				   "give it a network ('server 10.8.1.0 255.255.255.0' in "
				   "OpenVPN's configuration)",
				   "tunnel without addresses: no route leads into it");
	else if (uplink && uplink->mtu && tunnel->mtu + TUNNEL_HEADERS_BYTES > uplink->mtu)
		jumpbox_report_add(
			report, JUMPBOX_WARN, tunnel->name,
			"'tun-mtu 1400' in OpenVPN's configuration, here and at the far end",
			"MTU %d does not pass %s (%d) together with a tunnel's headers: packets go "
			"in fragments",
			tunnel->mtu, uplink->name, uplink->mtu);
	else
		jumpbox_report_add(report, JUMPBOX_OK, tunnel->name, "", "tunnel, %.120s, MTU %d",
				   str_text(&ranges), tunnel->mtu);
	str_fini(&ranges);
}

static void judge_tunnels(const struct config_jumpbox *config, const struct jumpbox_view *view,
			  const struct kstate *observed, struct jumpbox_report *report)
{
	struct str names = { 0 };

	for (size_t i = 0; i < view->n_tunnels; i++)
		judge_tunnel(view, &view->tunnels[i], observed, report);
	for (size_t i = 0; i < config->tunnels.n; i++)
		str_addf(&names, "%s%s", i ? ", " : "", config->tunnels.list[i]);
	if (!view->n_tunnels)
		jumpbox_report_add(report, JUMPBOX_WARN, "",
				   "start the tunnels: systemctl start openvpn-server@NAME",
				   "no tunnel yet: there is no interface %.100s", str_text(&names));
	str_fini(&names);
}

static const char *name_of(const struct kstate *k, int ifindex)
{
	const struct klink *link = kstate_link_by_index(k, ifindex);

	return link ? link->name : "";
}

#define OTHER_RANGE                                                                                \
	"give each tunnel a range of its own: 'server' in OpenVPN's configuration, "               \
	"'ifconfig-push' in "                                                                      \
	"client-config-dir"

// Networks of this machine that a range is part of, or the other way round: what belongs to one may
// go to the other then.
static void judge_range(const struct jumpbox_range *r, const struct kstate *observed,
			struct jumpbox_report *report)
{
	for (size_t i = 0; i < observed->n_addrs; i++) {
		const struct kaddr *a = &observed->addrs[i];
		struct prefix network = prefix_of(&a->local, a->prefix_len);
		char range[ADDR_STRLEN], text[ADDR_STRLEN];

		if (a->ifindex == r->ifindex || !a->global || !prefix_overlap(&network, &r->range))
			continue;
		jumpbox_report_add(report, JUMPBOX_FAIL, name_of(observed, r->ifindex), OTHER_RANGE,
				   "range %s overlaps %s, the network of %s",
				   prefix_format(&r->range, range), prefix_format(&network, text),
				   name_of(observed, a->ifindex));
	}
}

// Some packets are between the chains when the counters are read.
#define FEW_PACKETS 8

void plan_jumpbox_losses(struct jumpbox_losses *losses, const struct kstate *observed)
{
	// with a new table they begin anew
	bool same = observed->passed >= losses->passed && observed->left >= losses->left;
	uint64_t passed = observed->passed - (same ? losses->passed : 0);
	uint64_t left = observed->left - (same ? losses->left : 0);

	if (same && passed <= FEW_PACKETS)
		return;
	losses->loses = passed > left + FEW_PACKETS && passed - left > passed / 10;
	losses->passed = observed->passed;
	losses->left = observed->left;
}

static void judge_firewalls(const struct kstate *observed, bool loses,
			    struct jumpbox_report *report)
{
	for (size_t i = 0; i < observed->n_drops; i++) {
		const struct kchain *c = &observed->drops[i];
		const char *family = c->family == AF_INET    ? "ip"
				     : c->family == AF_INET6 ? "ip6"
							     : "inet";
		char next[sizeof(report->list->next)];

		snprintf(next, sizeof(next),
			 "let tunnels through there, both ways: nft insert rule %s %.40s %.40s "
			 "iifname \"tun*\" accept, "
			 "and the same with oifname",
			 family, c->table, c->name);
		jumpbox_report_add(
			report, loses ? JUMPBOX_FAIL : JUMPBOX_WARN, "", next,
			"another firewall's chain %s of table %s %s drops what it does not know%s",
			c->name, family, c->table, loses ? ", the tunnels' packets too" : "");
	}
	if (loses && !observed->n_drops)
		jumpbox_report_add(report, JUMPBOX_FAIL, "",
				   "nft list ruleset, and iptables-legacy -vnL FORWARD",
				   "another firewall drops packets of the tunnels");
}

void plan_jumpbox_judge(const struct config_jumpbox *config, const struct jumpbox_view *view,
			const struct kstate *observed, bool loses, struct jumpbox_report *report)
{
	judge_uplink(config, view, report);
	judge_tunnels(config, view, observed, report);
	// those of the configuration may well be networks of a tunnel
	for (size_t i = 0; i < view->n_ranges; i++) {
		if (view->ranges[i].ifindex)
			judge_range(&view->ranges[i], observed, report);
	}
	judge_firewalls(observed, loses, report);
}
