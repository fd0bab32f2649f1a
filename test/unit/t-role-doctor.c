// SPDX-License-Identifier: GPL-2.0-or-later
//
// A healthy machine has no findings; each fault planted into its facts is found, with a next step.
#include "unit.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "role/doctor.h"

struct machine {
	struct doctor_facts facts;
	struct config config;
	struct config_path paths[2];
	struct config_exit exits[1];
	struct snapshot gateway;
};

static struct addr addr_of(const char *text)
{
	struct addr addr;

	assert_int_equal(addr_parse(text, &addr), 0);
	return addr;
}

static void add_path(struct machine *m, size_t i, const char *name, const char *address)
{
	struct kstate *k = &m->facts.k;
	struct addr local = addr_of(address);
	int ifindex = (int)i + 2;
	uint32_t table = 101 + (uint32_t)i;
	struct path_snapshot *now = &m->gateway.paths[i];
	char name_of[96];

	str_copy(m->paths[i].name, NAME_SIZE, name);
	str_copy(m->paths[i].interface, NAME_SIZE, name);
	m->facts.wanted[i] = true;
	m->facts.paths[i] = (struct path_facts){ .ready = true, .ifindex = ifindex, .mtu = 1500 };
	m->facts.paths[i].way[PLAN_V4] = (struct path_way){ .local = local, .routable = true };
	m->facts.reach[0][i] =
		(struct doctor_reach){ .asked = true, .mptcp = true, .rtt_us = 31000 };
	str_copy(now->name, NAME_SIZE, name);
	now->state = PATH_STATE_UP;
	now->enabled = true;
	now->endpoint_id = 100 + (int)i;
	m->gateway.n_paths = (int)i + 1;
	kstate_add_link(k,
			&(struct klink){ .ifindex = ifindex, .admin_up = true, .carrier = true });
	str_copy(k->links[k->n_links - 1].name, IFNAMSIZ, name);
	kstate_add_addr(k, &(struct kaddr){ .ifindex = ifindex, .local = local, .global = true });
	kstate_add_rule(k, &(struct krule){ .family = AF_INET,
					    .table = table,
					    .src = { local, 32 },
					    .protocol = KSTATE_PROTOCOL });
	kstate_add_route(k, &(struct kroute){ .dst = { .addr = { .family = AF_INET } },
					      .table = table,
					      .oif = ifindex,
					      .type = RTN_UNICAST });
	kstate_add_endpoint(k, &(struct kendpoint){ .id = (uint8_t)(100 + i), .addr = local });
	snprintf(name_of, sizeof(name_of), "net.ipv4.conf.%s.rp_filter", name);
	kstate_add_sysctl(k, name_of, "2");
}

static void raise(struct machine *m)
{
	static char file[] = "f";
	struct kstate *k = &m->facts.k;

	*m = (struct machine){ 0 };
	m->config = (struct config){
		.file = file, .paths = m->paths, .n_paths = 2, .exits = m->exits, .n_exits = 1
	};
	str_copy(m->exits[0].name, NAME_SIZE, "sg");
	str_copy(m->exits[0].address, sizeof(m->exits[0].address), "203.0.113.10");
	m->exits[0].port = 8388;
	m->facts.config = &m->config;
	m->facts.exit_addrs[0] = addr_of("203.0.113.10");
	m->facts.observed = m->facts.root = m->facts.run_dir_writable = true;
	m->facts.run_dir = "/run/mpgate";
	m->facts.state_dir_writable = true;
	m->facts.state_dir = "/var/lib/mpgate";
	m->facts.term = "vt100";
	m->facts.charset = "UTF-8";
	m->facts.descriptors = 131072;
	m->facts.conntrack = 10;
	m->facts.conntrack_max = 1000;
	m->facts.gateway = &m->gateway;
	m->gateway.time_ms = 3600000;
	m->gateway.exit = (struct exit_snapshot){ .name = "sg", .service = 1, .subflows = 2 };
	str_copy(m->gateway.exit.version, sizeof(m->gateway.exit.version), PACKAGE_VERSION);
	str_copy(m->gateway.version, sizeof(m->gateway.version), PACKAGE_VERSION);
	k->limits.subflows = 8;
	kstate_add_sysctl(k, "net.mptcp.enabled", "1");
	kstate_add_sysctl(k, "net.mptcp.pm_type", "0");
	kstate_add_sysctl(k, "net.mptcp.blackhole_timeout", "0");
	kstate_add_sysctl(k, "net.ipv4.conf.all.rp_filter", "0");
	add_path(m, 0, "ppp0", "192.0.2.1");
	add_path(m, 1, "tun0", "192.0.2.2");
	m->paths[0].dial = PATH_DIAL_PPP;
	str_copy(m->paths[0].call, sizeof(m->paths[0].call), "dsl-provider");
}

static void set_sysctl(struct machine *m, const char *name, const char *value)
{
	for (size_t i = 0; i < m->facts.k.n_sysctls; i++) {
		struct ksysctl *s = &m->facts.k.sysctls[i];

		if (strcmp(s->name, name) == 0)
			str_copy(s->value, sizeof(s->value), value);
	}
}

static void switch_mptcp_off(struct machine *m)
{
	set_sysctl(m, "net.mptcp.enabled", "0");
}

static void choose_other_manager(struct machine *m)
{
	set_sysctl(m, "net.mptcp.pm_type", "1");
}

static void fear_black_holes(struct machine *m)
{
	set_sysctl(m, "net.mptcp.blackhole_timeout", "3600");
}

static void lose_bbr(struct machine *m)
{
	m->facts.congestion_error = -ENOENT;
}

static void lower_limits(struct machine *m)
{
	m->facts.k.limits.subflows = 0;
}

static void spoil_config(struct machine *m)
{
	static char errors[] = "f:3: unknown key\nf:4: another\n";

	m->facts.config = NULL;
	m->facts.config_errors = errors;
}

static void stop_gateway(struct machine *m)
{
	m->facts.gateway = NULL;
	m->facts.gateway_error = -ENOENT;
	m->facts.manage_tried = true;
}

static void hold_by_another(struct machine *m)
{
	stop_gateway(m);
	m->facts.manage_error = -EBUSY;
	str_copy(m->facts.manage_why, sizeof(m->facts.manage_why), "pid 7");
}

static void be_old(struct machine *m)
{
	str_copy(m->gateway.version, sizeof(m->gateway.version), "0.0.1");
}

static void add_foreign_endpoint(struct machine *m)
{
	kstate_add_endpoint(&m->facts.k,
			    &(struct kendpoint){ .id = 3, .addr = addr_of("192.0.2.3") });
	m->facts.network_manager = true;
}

static void run_mptcpd(struct machine *m)
{
	m->facts.mptcpd = true;
}

static void pull_cable(struct machine *m)
{
	m->facts.paths[1].ready = false;
	str_copy(m->facts.paths[1].note, NOTE_SIZE, "no carrier");
}

static void lose_rule(struct machine *m)
{
	m->facts.k.n_rules = 1;
}

static void lose_endpoint(struct machine *m)
{
	m->facts.k.n_endpoints = 1;
}

static void share_address(struct machine *m)
{
	kstate_add_addr(
		&m->facts.k,
		&(struct kaddr){ .ifindex = 2, .local = addr_of("192.0.2.2"), .global = true });
}

static void shrink_mtu(struct machine *m)
{
	m->facts.paths[1].mtu = 576;
}

static void filter_strictly(struct machine *m)
{
	set_sysctl(m, "net.ipv4.conf.tun0.rp_filter", "1");
}

static void route_exit_by_main(struct machine *m)
{
	kstate_add_route(&m->facts.k, &(struct kroute){ .dst = { addr_of("203.0.113.10"), 32 },
							.table = RT_TABLE_MAIN,
							.oif = 2,
							.type = RTN_UNICAST });
}

static void refuse(struct machine *m)
{
	m->facts.reach[0][0].error = m->facts.reach[0][1].error = -ECONNREFUSED;
}

static void be_silent(struct machine *m)
{
	m->facts.reach[0][0].error = m->facts.reach[0][1].error = -ETIMEDOUT;
}

static void be_silent_on_one(struct machine *m)
{
	m->facts.reach[0][1].error = -ETIMEDOUT;
}

static void strip_on_one(struct machine *m)
{
	m->facts.reach[0][1].mptcp = false;
}

static void strip_everywhere(struct machine *m)
{
	m->facts.reach[0][0].mptcp = m->facts.reach[0][1].mptcp = false;
}

static void forget_name(struct machine *m)
{
	m->facts.exit_addrs[0] = (struct addr){ 0 };
	str_copy(m->facts.exit_why[0], sizeof(m->facts.exit_why[0]), "Name or service not known");
}

static void limit_exit(struct machine *m)
{
	m->gateway.exit.subflows = 1;
}

static void leave_exit_old(struct machine *m)
{
	str_copy(m->gateway.exit.version, sizeof(m->gateway.exit.version), "0.0.1");
}

static void close_udp(struct machine *m)
{
	str_copy(m->gateway.exit.udp_fault, sizeof(m->gateway.exit.udp_fault),
		 "does not answer UDP: open its port 8388/udp");
}

static void take_dns_port(struct machine *m)
{
	m->gateway.dns = (struct dns_snapshot){
		.present = true, .listeners = 2, .listening = 1, .why = "port 53"
	};
}

static void lose_lan_address(struct machine *m)
{
	m->gateway.dns = (struct dns_snapshot){ .present = true };
}

static void silence_name_server(struct machine *m)
{
	m->gateway.dns = (struct dns_snapshot){
		.present = true, .listeners = 1, .listening = 1, .n_upstreams = 2
	};
	m->gateway.dns.upstreams[0] =
		(struct upstream_snapshot){ .address = "9.9.9.9", .answers = 0 };
	m->gateway.dns.upstreams[1] =
		(struct upstream_snapshot){ .address = "1.1.1.1", .answers = SNAPSHOT_UNKNOWN };
}

static void lack_descriptors(struct machine *m)
{
	m->facts.descriptors = 1024;
}

static void fill_conntrack(struct machine *m)
{
	m->facts.conntrack = 900;
}

static void give_lan_ipv6(struct machine *m)
{
	static struct prefix sources[1];
	struct kstate *k = &m->facts.k;

	assert_int_equal(prefix_parse("192.168.5.32/27", &sources[0]), 0);
	str_copy(m->config.lan.interface, NAME_SIZE, "br0");
	m->config.lan.sources = (struct config_prefixes){ sources, 1 };
	kstate_add_link(
		k,
		&(struct klink){ .ifindex = 9, .name = "br0", .admin_up = true, .carrier = true });
	kstate_add_addr(
		k,
		&(struct kaddr){ .ifindex = 9, .local = addr_of("2001:db8:5::1"), .global = true });
}

static void lose_pppd(struct machine *m)
{
	m->facts.pppd_error = -ENOENT;
}

static void lose_call_file(struct machine *m)
{
	m->facts.call_error[0] = -ENOENT;
}

static void run_docker(struct machine *m)
{
	kstate_add_drop(&m->facts.k, &(struct kchain){ AF_INET, "filter", "FORWARD" });
}

static void add_network(struct machine *m, const char *interface, const char *address)
{
	int ifindex = (int)m->facts.k.n_links + 20;

	if (kstate_link(&m->facts.k, interface)) {
		ifindex = kstate_link(&m->facts.k, interface)->ifindex;
	} else {
		kstate_add_link(&m->facts.k, &(struct klink){ .ifindex = ifindex });
		str_copy(m->facts.k.links[m->facts.k.n_links - 1].name, IFNAMSIZ, interface);
	}
	kstate_add_addr(&m->facts.k, &(struct kaddr){ .ifindex = ifindex,
						      .local = addr_of(address),
						      .prefix_len = 24,
						      .global = true });
}

static void share_the_lans_network(struct machine *m)
{
	str_copy(m->config.lan.interface, NAME_SIZE, "br0");
	add_network(m, "br0", "192.168.1.1");
	add_network(m, m->paths[0].name, "192.168.1.77");
}

static void share_a_tunnels_range(struct machine *m)
{
	str_copy(m->paths[0].over, NAME_SIZE, "line");
	str_copy(m->paths[1].over, NAME_SIZE, "line");
	add_network(m, m->paths[0].name, "10.8.1.2");
	add_network(m, m->paths[1].name, "10.8.1.3");
}

static void fill_line(struct machine *m)
{
	str_copy(m->paths[1].over, NAME_SIZE, m->paths[0].name);
}

static void lock_state_dir(struct machine *m)
{
	m->facts.state_dir_writable = false;
}

static void finds_what_is_planted(void **state)
{
	static const struct {
		void (*plant)(struct machine *m);
		enum doctor_level level;
		const char *check, *object, *text;
	} cases[] = {
		{ switch_mptcp_off, DOCTOR_FAIL, "mptcp", "", "switched off" },
		{ choose_other_manager, DOCTOR_FAIL, "path-manager", "", "pm_type=1" },
		{ fear_black_holes, DOCTOR_FAIL, "blackhole", "", "=3600" },
		{ lose_bbr, DOCTOR_WARN, "congestion", "",
		  "no BBR congestion control: No such file or directory" },
		{ lower_limits, DOCTOR_FAIL, "limits", "",
		  "limit of 0 subflows beyond the first, 1 needed" },
		{ spoil_config, DOCTOR_FAIL, "config", "", "f:3: unknown key" },
		{ stop_gateway, DOCTOR_WARN, "running", "", "no gateway" },
		{ hold_by_another, DOCTOR_FAIL, "start", "", "another gateway" },
		{ be_old, DOCTOR_WARN, "version", "", "0.0.1" },
		{ add_foreign_endpoint, DOCTOR_WARN, "endpoints", "", "192.0.2.3 (id 3)" },
		{ run_mptcpd, DOCTOR_WARN, "managers", "", "mptcpd" },
		{ pull_cable, DOCTOR_FAIL, "links", "tun0", "no carrier" },
		{ lose_rule, DOCTOR_FAIL, "links", "tun0", "no rule" },
		{ lose_endpoint, DOCTOR_WARN, "links", "tun0", "without an MPTCP endpoint" },
		{ give_lan_ipv6, DOCTOR_WARN, "ipv6", "", "the LAN has IPv6" },
		{ lose_pppd, DOCTOR_FAIL, "dialling", "ppp0", "cannot run pppd: No such file" },
		{ lose_call_file, DOCTOR_FAIL, "dialling", "ppp0",
		  "cannot read /etc/ppp/peers/dsl-provider" },
		{ lock_state_dir, DOCTOR_WARN, "state-folder", "",
		  "/var/lib/mpgate cannot be written" },
		{ share_address, DOCTOR_FAIL, "duplicates", "", "192.0.2.2" },
		{ shrink_mtu, DOCTOR_WARN, "mtu", "tun0", "576" },
		{ run_docker, DOCTOR_SKIP, "firewalls", "", "chain FORWARD of table ip filter" },
		{ share_the_lans_network, DOCTOR_WARN, "ranges", "ppp0",
		  "192.168.1.0/24 is part of the LAN's" },
		{ share_a_tunnels_range, DOCTOR_WARN, "ranges", "ppp0",
		  "10.8.1.0/24 is part of tun0's" },
		{ fill_line, DOCTOR_WARN, "mtu", "tun0", "MTU 1500 does not pass" },
		{ filter_strictly, DOCTOR_WARN, "rp-filter", "tun0", "rp_filter=1" },
		{ route_exit_by_main, DOCTOR_FAIL, "underlay", "sg",
		  "all paths lead to it by ppp0" },
		{ refuse, DOCTOR_FAIL, "reach", "sg", "refuses port 8388 (asked over ppp0, tun0)" },
		{ be_silent, DOCTOR_FAIL, "reach", "sg", "silent" },
		{ be_silent_on_one, DOCTOR_FAIL, "reach", "tun0", "does not reach sg" },
		{ strip_on_one, DOCTOR_FAIL, "reach", "tun0", "MPTCP options do not pass" },
		{ strip_everywhere, DOCTOR_FAIL, "reach", "sg", "without MPTCP on every path" },
		{ forget_name, DOCTOR_FAIL, "reach", "sg", "cannot look up" },
		{ limit_exit, DOCTOR_WARN, "service", "sg", "joins only 1 of 2 paths" },
		{ close_udp, DOCTOR_FAIL, "udp", "sg", "8388/udp" },
		{ take_dns_port, DOCTOR_FAIL, "dns", "", "DNS is answered on 1 of 2 addresses" },
		{ lose_lan_address, DOCTOR_FAIL, "dns", "", "DNS is answered nowhere" },
		{ silence_name_server, DOCTOR_WARN, "dns", "",
		  "name server 9.9.9.9 does not answer" },
		{ leave_exit_old, DOCTOR_WARN, "service", "sg", "the server is mpgate 0.0.1" },
		{ lack_descriptors, DOCTOR_WARN, "descriptors", "", "1024" },
		{ fill_conntrack, DOCTOR_WARN, "conntrack", "", "900 of 1000" },
	};
	static struct doctor_report report;
	static struct machine m;

	(void)state;
	raise(&m);
	doctor_judge(&m.facts, &report);
	for (size_t i = 0; i < report.n; i++) {
		if (report.list[i].level != DOCTOR_OK)
			fail_msg("a healthy machine: %s: %s", report.list[i].check,
				 report.list[i].text);
	}
	kstate_fini(&m.facts.k);
	for (size_t c = 0; c < ARRAY_LEN(cases); c++) {
		const struct doctor_finding *found = NULL;

		raise(&m);
		cases[c].plant(&m);
		doctor_judge(&m.facts, &report);
		for (size_t i = 0; i < report.n && !found; i++) {
			const struct doctor_finding *f = &report.list[i];

			if (f->level == cases[c].level && strcmp(f->check, cases[c].check) == 0 &&
			    strcmp(f->object, cases[c].object) == 0 &&
			    strstr(f->text, cases[c].text))
				found = f;
		}
		if (!found)
			fail_msg("%s '%s' was not found", cases[c].check, cases[c].text);
		if (!found->next[0])
			fail_msg("%s '%s' has no next step", cases[c].check, cases[c].text);
		kstate_fini(&m.facts.k);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_what_is_planted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
