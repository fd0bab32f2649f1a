// SPDX-License-Identifier: GPL-2.0-or-later
//
// What the gateway says of each fault: its own code is led through it, with a clock, interfaces and
// probes that are made up here, and what it would publish is compared with
// test/screen/states/faults. The console's golden screens and the fake gateway show these files, so
// that no screen is tested with words that the gateway does not say. After a change on purpose,
// "UPDATE_GOLDEN=1 srcdir=.. test/unit/t-role-faults" writes them anew.
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "kworld.h"

#include "base/clock.h"
#include "dial/dial_priv.h"
#include "role/gateway_priv.h"
#include "role/status_view.h"

// ---- the clock, in place of base/clock.c

#define BOOT_MS (20 * 86400000LL) // CLOCK_MONOTONIC when the gateway starts
#define WALL_MS 1795349062103LL   // and the wall clock when a state is recorded

static int64_t mono_ms, wall_ms;

int64_t clock_mono_us(void)
{
	return mono_ms * 1000;
}

int64_t clock_mono_ms(void)
{
	return mono_ms;
}

int64_t clock_wall_ms(void)
{
	return wall_ms;
}

void clock_boot_id(char out[static CLOCK_BOOT_SIZE])
{
	strcpy(out, "boot");
}

// ---- a home

enum { PPP0, ETH1, TUN0, TUN1, WWAN0, N_PATHS };

// %s: a folder.
static const char configuration[] =
	"lan { interface = \"br0\" sources = {\"192.168.1.0/24\"} }\n"
	"exit vps1 { address = \"vps1.example.net\" key-file = \"%s/key\" }\n"
	"path ppp0 { kind = \"adsl\" label = \"Telekom DSL\" dial = \"ppp\" call = "
	"\"dsl-provider\" }\n"
	"path eth1 { kind = \"cable\" }\n"
	"path tun0 { kind = \"vpn\" }\n"
	"path tun1 { kind = \"vpn\" }\n"
	"path wwan0 { kind = \"3g\" label = \"3G stick\" optional = yes hotkey = \"3\" cap = \"2 "
	"GB\"\n"
	"	dial = \"command\" up = \"mmcli -m any --simple-connect=apn=internet\" }\n";

#define LINES_MAX PATHS_MAX
#define UP_S      (12 * 86400 + 3 * 3600) // it has been up for so long before something happens
#define LATELY_S  120

// What a path's line does.
struct line {
	const char *interface, *address, *gateway;
	bool point_to_point;
	int mtu;
	int64_t rtt_us, rx_bps, tx_bps;
	unsigned subflows;
	bool there, carrier;
	int error;      // of its probes
	int lose_every; // every n-th of them is lost; 0: none
	bool stripped, router_echo;
	int64_t probe_ms; // the last one
	int n_probes;
};

struct home {
	struct gateway *g;
	struct line lines[LINES_MAX];
	char folder[64];
};

static const char *source_dir(void)
{
	const char *dir = getenv("srcdir");

	return dir ? dir : ".";
}

static const struct line lines_of_home[N_PATHS] = {
	[PPP0] = { "ppp0", "203.0.113.17", NULL, true, 1492, 31000, 5910000, 620000, 42, true, true,
		   .n_probes = 0 },
	[ETH1] = { "eth1", "198.51.100.23", "198.51.100.1", false, 1500, 24000, 1640000, 90000, 38,
		   true, true, .n_probes = 0 },
	[TUN0] = { "tun0", "10.8.0.6", NULL, true, 1420, 48000, 930000, 90000, 40, true, true,
		   .n_probes = 0 },
	[TUN1] = { "tun1", "10.9.0.6", NULL, true, 1420, 71000, 420000, 30000, 36, true, true,
		   .n_probes = 0 },
	[WWAN0] = { "wwan0", "10.64.12.7", "10.64.12.1", false, 1430, 84000, 0, 0, 0, true, false,
		    .n_probes = 0 },
};

static void lay_line(struct kstate *k, int ifindex, const struct line *line, bool verified)
{
	if (!line->there)
		return;
	add_link(k, ifindex, line->interface, line->point_to_point);
	k->links[k->n_links - 1].carrier = line->carrier;
	k->links[k->n_links - 1].mtu = line->mtu;
	if (!line->carrier)
		return;
	add_addr(k, ifindex, line->address, line->point_to_point ? 32 : 24,
		 line->point_to_point ? "192.0.2.1" : NULL);
	if (line->gateway)
		add_default(k, ifindex, line->gateway, AF_INET, 100);
	if (verified)
		add_endpoint(k, (uint8_t)(100 + ifindex), line->address, ifindex);
}

// The kernel as it would be observed now; counters go on.
static void observe(struct home *h, int64_t span_ms)
{
	struct kstate next = { 0 };
	struct gateway *g = h->g;

	for (size_t i = 0; i < g->n_paths; i++) {
		const struct line *line = &h->lines[i];
		const struct klink *was = kstate_link(&g->observed, line->interface);
		bool carries = path_fsm_verified(&g->fsms[i]);

		lay_line(&next, (int)i + 1, line, carries);
		if (!kstate_link(&next, line->interface))
			continue;
		next.links[next.n_links - 1].rx_bytes =
			(was ? was->rx_bytes : 0) +
			(uint64_t)(carries ? line->rx_bps * span_ms / 8000 : 0);
		next.links[next.n_links - 1].tx_bytes =
			(was ? was->tx_bytes : 0) +
			(uint64_t)(carries ? line->tx_bps * span_ms / 8000 : 0);
	}
	kstate_fini(&g->observed);
	g->observed = next;
}

static void note(struct home *h, size_t slot, bool changed, const struct path_change *change)
{
	if (changed)
		gateway_note_change(h->g, slot, change);
}

static void judge_links(struct home *h)
{
	struct gateway *g = h->g;
	struct path_facts facts[PATHS_MAX];
	struct path_change change;

	for (size_t i = 0; i < g->n_paths; i++)
		facts[i] = g->fsms[i].facts;
	plan_readiness_all(g->config, &g->observed, AF_INET, facts);
	for (size_t i = 0; i < g->n_paths; i++)
		note(h, i, path_fsm_observe(&g->fsms[i], &facts[i], mono_ms, &change), &change);
}

static void probe(struct home *h, size_t slot)
{
	struct line *line = &h->lines[slot];
	struct path_fsm *fsm = &h->g->fsms[slot];
	int interval_ms = path_fsm_probe_interval_ms(fsm, mono_ms);
	struct path_change change;
	bool lost;

	if (!interval_ms || mono_ms - line->probe_ms < interval_ms)
		return;
	line->probe_ms = mono_ms;
	line->n_probes++;
	lost = line->error && line->error != -ECONNREFUSED;
	lost |= line->lose_every && line->n_probes % line->lose_every == 0;
	if (line->router_echo)
		path_fsm_router_echo(fsm, mono_ms);
	fsm->others = plan_others(h->g->fsms, h->g->n_paths, slot, h->g->choice.none);
	note(h, slot,
	     path_fsm_probe(fsm, lost && !line->error ? -ETIMEDOUT : line->error, line->rtt_us,
			    mono_ms, &change),
	     &change);
	if (!lost && !line->error)
		note(h, slot, path_fsm_mptcp(fsm, !line->stripped, mono_ms, &change), &change);
	h->g->paths[slot].mptcp_ok = lost ? SNAPSHOT_UNKNOWN : !line->stripped;
	h->g->paths[slot].mptcp_ms = mono_ms;
}

// As the workers would count.
static void count_subflows(struct home *h)
{
	struct gateway *g = h->g;

	for (size_t i = 0; i < g->n_paths; i++)
		g->counters.paths[i].subflows =
			path_fsm_verified(&g->fsms[i]) ? h->lines[i].subflows : 0;
	for (size_t i = 0; i < g->n_paths; i++)
		g->paths[i].endpoint_id = path_fsm_verified(&g->fsms[i]) ? 101 + (int)i : 0;
}

static void pass(struct home *h, int seconds)
{
	for (int s = 0; s < seconds; s++) {
		mono_ms += 1000;
		wall_ms += 1000;
		observe(h, 1000);
		judge_links(h);
		for (size_t i = 0; i < h->g->n_paths; i++)
			probe(h, i);
		gateway_view_tick(h->g);
		gateway_caps_tick(h->g);
		gateway_judge(h->g);
		count_subflows(h);
	}
}

static void leap(int64_t seconds)
{
	mono_ms += seconds * 1000;
	wall_ms += seconds * 1000;
}

static void set_cap(struct home *h, int64_t used_bytes)
{
	struct cap_count *count = caps_get(&h->g->caps, "wwan0");

	if (used_bytes >= 0)
		cap_set_used(&h->g->caps, count, used_bytes, wall_ms);
	else
		count->unknown = true;
}

static void furnish_exit(struct gateway *g)
{
	g->n_exits = 1;
	g->exits[0] = (struct gateway_exit){ .config = &g->config->exits[0], .gateway = g };
	g->exits[0].service = (struct gateway_service){
		.serves = 1,
		.mptcp = 1,
		.subflows = 4,
		.rtt_us = 33000,
		.clock_offset_us = 200000,
	};
	strcpy(g->exits[0].service.version, "1.2.0");
}

static void write_file(const struct home *h, const char *name, const char *text)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", h->folder, name);
	file = fopen(path, "we");
	assert_non_null(file);
	assert_int_equal(fchmod(fileno(file), 0600), 0);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void configure(struct home *h)
{
	struct str errors = { 0 }, text = { 0 };
	char path[128];

	write_file(h, "key", "a password that is long enough\n");
	str_addf(&text, configuration, h->folder);
	write_file(h, "conf", str_text(&text));
	snprintf(path, sizeof(path), "%s/conf", h->folder);
	if (config_load(path, CONFIG_ROLE_GATEWAY, &h->g->config, &errors) != 0)
		fail_msg("%s", str_text(&errors));
	str_fini(&errors);
	str_fini(&text);
}

// There is no kernel to change.
static void skip_round(struct ev_loop *loop, ev_idle *idle, int revents)
{
	(void)revents;
	ev_idle_stop(loop, idle);
}

// Begins with everything as it is before the first probe.
static void move_in(struct home *h)
{
	struct gateway *g = xcalloc(1, sizeof(*g));

	*h = (struct home){ .g = g };
	memcpy(h->lines, lines_of_home, sizeof(lines_of_home));
	strcpy(h->folder, "/tmp/t-role-faults-XXXXXX");
	assert_non_null(mkdtemp(h->folder));
	mono_ms = BOOT_MS;
	wall_ms = WALL_MS - (UP_S + LATELY_S) * 1000LL;
	configure(h);
	g->loop = ev_default_loop(EVFLAG_NOENV); // it reaps children
	g->first_choice = -1;
	g->start_ms = g->verdict_since_ms = wall_ms;
	ev_idle_init(&g->round, skip_round);
	furnish_exit(g);
	for (size_t i = 0; i < g->config->n_paths; i++) {
		g->paths[i].config = &g->config->paths[i];
		g->paths[i].mptcp_ok = SNAPSHOT_UNKNOWN;
		g->paths[i].view.loss_ratio = SNAPSHOT_UNKNOWN;
		path_fsm_init(&g->fsms[i], g->config->paths[i].optional, mono_ms);
		g->fsms[i].dials = g->config->paths[i].dial != PATH_DIAL_NONE;
		g->under[i] = -1;
		g->n_paths++;
	}
	g->dial = dial_new(&(struct dial_options){ .loop = g->loop,
						   .run_dir = h->folder,
						   .report = gateway_dial_take_report,
						   .ctx = g });
	g->machine.seen = (struct machine_snapshot){ .cpu_ratio = .07,
						     .load = .12,
						     .temperature_c = 58,
						     .memory_bytes = 31000000,
						     .files = 214,
						     .files_limit = 4096,
						     .conntrack = 2600,
						     .conntrack_limit = 262144 };
	g->machine.next_ms = INT64_MAX;
	g->store = store_writer_start();
	gateway_caps_init(g, h->folder);
	gateway_event(g, LOG_LEVEL_NOTICE, "gw", "START", "1.2.0, %zu paths, configuration %s",
		      g->n_paths, "/etc/mpgate/mpgate.conf");
	set_cap(h, 1210000000);
}

static void move_out(struct home *h)
{
	char command[128];

	ev_idle_stop(h->g->loop, &h->g->round);
	store_writer_stop(h->g->store);
	dial_free(h->g->dial);
	kstate_fini(&h->g->observed);
	config_free(h->g->config);
	free(h->g);
	snprintf(command, sizeof(command), "rm -r %s", h->folder);
	assert_int_equal(system(command), 0);
}

// All is well, and has been for long.
static void settle(struct home *h)
{
	pass(h, 20);
	leap(UP_S - 20 - 60);
	pass(h, 60);
	h->g->counters.sessions = 42;
}

// ---- what happens to it. Each has LATELY_S seconds.

static void spend(struct home *h, int seconds)
{
	pass(h, seconds);
}

static void nothing_happens(struct home *h)
{
	spend(h, 10);
}

static void lose_carrier(struct home *h)
{
	h->lines[ETH1].carrier = false;
	spend(h, 12);
}

// pppd says this, and ends.
static void hang_up(struct home *h, size_t slot, const char *line, int status)
{
	struct dial_report report = { .slot = slot, .event = DIAL_FAILED };
	struct words words = { 0 };

	words_take_line(&words, line);
	words_take_pppd_end(&words, status << 8);
	report.refused = words.refused;
	strcpy(report.reason, words.reason);
	strcpy(report.note, words.note);
	strcpy(report.text, words.text);
	gateway_dial_take_report(h->g, &report);
}

static void dial(struct home *h, size_t slot)
{
	const struct redial_facts facts = { .wanted = true };
	struct gateway_path *path = &h->g->paths[slot];
	struct path_change change;
	char why[32];

	assert_int_equal(plan_redial(&path->redial, &facts, mono_ms), REDIAL_DIAL);
	snprintf(why, sizeof(why), path->redial.attempts > 1 ? "attempt %d" : "dialling",
		 path->redial.attempts);
	note(h, slot, path_fsm_dial(&h->g->fsms[slot], why, mono_ms, &change), &change);
}

static void lose_ppp(struct home *h)
{
	h->lines[PPP0].there = false;
	observe(h, 0);
	judge_links(h);
	gateway_judge(h->g);
	count_subflows(h);
}

static void hear_no_pado(struct home *h)
{
	lose_ppp(h);
	dial(h, PPP0);
	spend(h, 5);
	hang_up(h, PPP0, "Timeout waiting for PADO packets", 1);
	spend(h, 5);
	dial(h, PPP0);
	spend(h, 5);
	hang_up(h, PPP0, "Timeout waiting for PADO packets", 1);
	spend(h, 8);
}

static void be_refused_login(struct home *h)
{
	lose_ppp(h);
	dial(h, PPP0);
	spend(h, 3);
	hang_up(h, PPP0, "PAP authentication failed", 19);
	spend(h, 20);
}

static void go_silent(struct home *h)
{
	h->lines[TUN0].error = -ETIMEDOUT;
	spend(h, 35);
}

static void grow_slow_and_lossy(struct home *h)
{
	h->lines[TUN1].rtt_us = 480000;
	h->lines[TUN1].lose_every = 5;
	spend(h, 70);
}

static void flap(struct home *h)
{
	struct path_fsm *fsm = &h->g->fsms[TUN1];

	for (int i = 0; i < 200 && fsm->state != PATH_STATE_FLAPPING; i++) {
		h->lines[TUN1].error = fsm->state == PATH_STATE_UP ? -ETIMEDOUT : 0;
		if (fsm->state == PATH_STATE_DOWN || fsm->state == PATH_STATE_PROBING)
			h->lines[TUN1].error = 0;
		spend(h, 1);
	}
	spend(h, 1);
}

static void meet_portal(struct home *h)
{
	struct path_change change;

	h->lines[ETH1].stripped = true;
	spend(h, 20);
	for (int i = 0; i < 2; i++) {
		note(h, ETH1, path_fsm_stranger(&h->g->fsms[ETH1], true, mono_ms, &change),
		     &change);
		spend(h, 5);
	}
}

static void be_stripped(struct home *h)
{
	h->lines[TUN0].stripped = true;
	spend(h, 30);
}

static void lose_mptcp(struct home *h)
{
	h->g->exits[0].service.mptcp = 0;
	h->g->counters.sessions_tcp = 42;
	for (int i = 0; i < N_PATHS; i++)
		h->lines[i].subflows = i == PPP0 ? 42 : 0;
	spend(h, 60);
}

static void fall_back(struct home *h)
{
	struct conn ssh = { .target = "203.0.113.9:22",
			    .exit = "vps1",
			    .n_subflows = 1,
			    .subflows = { { .slot = ETH1 } } };

	h->g->counters.sessions_tcp = 2;
	for (int i = 0; i < 2; i++) {
		ssh.reason = CONN_REASON_UNKNOWN;
		gateway_tell_plain(h->g, &ssh);
		spend(h, 5);
	}
}

static void lose_exit(struct home *h)
{
	for (int i = 0; i < WWAN0; i++) {
		h->lines[i].error = -ETIMEDOUT;
		h->lines[i].router_echo = true;
	}
	h->g->exits[0].service.mptcp = SNAPSHOT_UNKNOWN;
	h->g->counters.sessions = 0;
	spend(h, 61);
}

static void be_refused_by_exit(struct home *h)
{
	for (int i = 0; i < WWAN0; i++)
		h->lines[i].error = -ECONNREFUSED;
	h->g->exits[0].service.mptcp = SNAPSHOT_UNKNOWN;
	h->g->counters.sessions = 0;
	spend(h, 61);
}

static void lose_all(struct home *h)
{
	h->lines[ETH1].carrier = false;
	lose_ppp(h);
	dial(h, PPP0);
	h->lines[TUN0].error = h->lines[TUN1].error = -ETIMEDOUT;
	spend(h, 5);
	hang_up(h, PPP0, "Timeout waiting for PADO packets", 1);
	h->g->counters.sessions = 7;
	spend(h, 50);
}

static void enable_3g(struct home *h)
{
	struct path_change change;

	note(h, WWAN0, path_fsm_enable(&h->g->fsms[WWAN0], "root on ttyS0", mono_ms, &change),
	     &change);
	h->g->paths[WWAN0].redial.attempts = 1;
}

static void come_up_3g(struct home *h)
{
	struct path_change change;

	enable_3g(h);
	spend(h, 6);
	h->lines[WWAN0].carrier = true;
	h->lines[WWAN0].rx_bps = 1210000;
	h->lines[WWAN0].tx_bps = 280000;
	h->lines[WWAN0].subflows = 9;
	note(h, WWAN0, path_fsm_dialled(&h->g->fsms[WWAN0], mono_ms, &change), &change);
	spend(h, 40);
}

static void reach_warning(struct home *h)
{
	set_cap(h, 1690000000);
	come_up_3g(h);
	set_cap(h, 1700000000);
	spend(h, 10);
}

static void spend_cap(struct home *h)
{
	come_up_3g(h);
	set_cap(h, 2000000000);
	spend(h, 10);
}

static void forget_cap(struct home *h)
{
	set_cap(h, -1);
	spend(h, 10);
}

static void lock_sim(struct home *h)
{
	enable_3g(h);
	spend(h, 4);
	hang_up(h, WWAN0, "error: couldn't connect the modem: 'SIM PIN required'", 1);
	spend(h, 12);
}

static void set_clock_wrong(struct home *h)
{
	h->g->exits[0].service.clock_offset_us = 5400000000;
	spend(h, 10);
}

static void dial_ppp(struct home *h)
{
	lose_ppp(h);
	dial(h, PPP0);
	spend(h, 7);
}

static void dial_capped_3g(struct home *h)
{
	enable_3g(h);
	path_fsm_dial_note(&h->g->fsms[WWAN0], "searching");
	spend(h, 12);
}

static void lose_line_below(struct home *h)
{
	h->g->under[TUN1] = PPP0;
	pass(h, 5);
	h->lines[TUN1].error = -ETIMEDOUT;
	lose_ppp(h);
	dial(h, PPP0);
	spend(h, 5);
	hang_up(h, PPP0, "Timeout waiting for PADO packets", 1);
	spend(h, 10);
}

static void lose_names(struct home *h)
{
	for (int i = 0; i < 20; i++) {
		gateway_dns_note(h->g, TUN1, "name server 10.9.0.53: Connection refused");
		spend(h, 1);
	}
}

static void be_upgraded(struct home *h)
{
	strcpy(h->g->upgrade.pending, "1.3.0");
	spend(h, 10);
}

static const struct scene {
	const char *name;
	void (*happen)(struct home *h);
	bool at_start; // the gateway has only just begun
} scenes[] = {
	{ "well", nothing_happens, false },
	{ "starting", nothing_happens, true },
	{ "no-carrier", lose_carrier, false },
	{ "no-pado", hear_no_pado, false },
	{ "login-refused", be_refused_login, false },
	{ "no-reply", go_silent, false },
	{ "slow-lossy", grow_slow_and_lossy, false },
	{ "flapping", flap, false },
	{ "portal", meet_portal, false },
	{ "stripped", be_stripped, false },
	{ "no-mptcp", lose_mptcp, false },
	{ "fallbacks", fall_back, false },
	{ "exit-silent", lose_exit, false },
	{ "exit-refuses", be_refused_by_exit, false },
	{ "all-down", lose_all, false },
	{ "3g-on", come_up_3g, false },
	{ "cap-warning", reach_warning, false },
	{ "capped", spend_cap, false },
	{ "cap-unknown", forget_cap, false },
	{ "sim-pin", lock_sim, false },
	{ "clock-off", set_clock_wrong, false },
	{ "dialing", dial_ppp, false },
	{ "dialing-cap", dial_capped_3g, false },
	{ "line-below", lose_line_below, false },
	{ "dns-fails", lose_names, false },
	{ "restart-pending", be_upgraded, false },
};

static void play(const struct scene *scene, struct snapshot *out)
{
	struct home h;

	move_in(&h);
	if (scene->at_start) {
		leap(UP_S + LATELY_S - 2);
		h.g->start_ms = wall_ms;
		for (size_t i = 0; i < h.g->n_paths; i++)
			h.g->fsms[i].since_ms = mono_ms;
		pass(&h, 1);
	} else {
		settle(&h);
		scene->happen(&h);
	}
	gateway_snapshot(h.g, out);
	strcpy(out->host, "home-gw");
	strcpy(out->version, "1.2.0");
	out->pid = 812;
	move_out(&h);
}

// ---- and what it says

// Everything in words, so that a new number in the protocol does not make the files wrong.
static void describe(const struct snapshot *s, struct str *out)
{
	status_view_text(s, (struct view_look){ 0 }, out);
	paths_view_plain(s, out);
	for (int i = 0; i < s->n_alarms; i++)
		str_addf(out, "%s %s\n", s->alarms[i].id, s->alarms[i].text);
	for (int i = 0; i < s->n_events; i++)
		str_addf(out, "%d %s %s %s\n", s->events[i].level, s->events[i].object,
			 s->events[i].verb, s->events[i].text);
}

static bool is_as_recorded(const char *path, const struct snapshot *s)
{
	static struct ctl_message message;
	struct str now = { 0 }, then = { 0 };
	FILE *file = fopen(path, "re");
	char *line = NULL;
	size_t size = 0;
	bool same;

	if (!file || getline(&line, &size, file) < 0 || ctl_json_parse(line, &message) != 0)
		message = (struct ctl_message){ 0 };
	if (file)
		fclose(file);
	free(line);
	describe(s, &now);
	describe(&message.snapshot, &then);
	same = strcmp(str_text(&now), str_text(&then)) == 0;
	if (!same)
		print_message("%s differs; now it is:\n%s", path, str_text(&now));
	str_fini(&now);
	str_fini(&then);
	return same;
}

static void record(const char *path, const struct snapshot *s)
{
	FILE *file = fopen(path, "we");
	char *line = ctl_json_from_snapshot(s);

	assert_non_null(file);
	fprintf(file, "%s\n", line);
	assert_int_equal(fclose(file), 0);
	free(line);
}

static void the_gateway_says_what_is_recorded(void **state)
{
	static struct snapshot snapshot;
	int wrong = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(scenes); i++) {
		char path[512];
		bool same;

		snprintf(path, sizeof(path), "%s/test/screen/states/faults/%s.jsonl", source_dir(),
			 scenes[i].name);
		play(&scenes[i], &snapshot);
		same = is_as_recorded(path, &snapshot);
		if (!same && getenv("UPDATE_GOLDEN"))
			record(path, &snapshot);
		wrong += !same;
	}
	if (!getenv("UPDATE_GOLDEN"))
		assert_int_equal(wrong, 0);
}

// ---- sums, alarms, upgrades

// A tunnel's bytes are also its line's: in totals and shares they count once.
static void a_tunnels_bytes_count_once(void **state)
{
	static struct snapshot s;
	double shares = 0;
	struct home h;

	(void)state;
	move_in(&h);
	settle(&h);
	h.g->under[TUN1] = PPP0;
	h.lines[PPP0].rx_bps = 6000000;
	h.lines[TUN1].rx_bps = 2000000; // of these
	h.lines[PPP0].tx_bps = h.lines[TUN1].tx_bps = 0;
	pass(&h, 20);
	gateway_snapshot(h.g, &s);
	assert_int_equal(s.rx_bps,
			 s.paths[PPP0].rx_bps + s.paths[ETH1].rx_bps + s.paths[TUN0].rx_bps);
	assert_int_equal(s.paths[TUN1].rx_bps, 2000000);
	for (int i = 0; i < s.n_paths; i++)
		shares += s.paths[i].share_ratio;
	assert_true(shares > .999 && shares < 1.001);
	// what is ppp0's own is twice what the tunnel has
	assert_true(s.paths[PPP0].share_ratio > 1.99 * s.paths[TUN1].share_ratio &&
		    s.paths[PPP0].share_ratio < 2.01 * s.paths[TUN1].share_ratio);
	move_out(&h);
}

static const struct alarm *alarm_of(const struct home *h, const char *id)
{
	for (int i = 0; i < h->g->n_alarms; i++) {
		if (strcmp(h->g->alarms[i].id, id) == 0)
			return &h->g->alarms[i];
	}
	return NULL;
}

static void acknowledge(struct home *h, const char *object)
{
	struct command command = { .verb = COMMAND_ACK, .who = "root on tty1" };
	struct command_result result = { 0 };

	strcpy(command.object, object);
	gateway_acknowledge(h->g, &command, &result);
}

// Acknowledged is one fault, from its beginning to its end; attempts to come back are a part of it.
static void a_fault_that_comes_again_raises_its_alarm_again(void **state)
{
	struct home h;

	(void)state;
	move_in(&h);
	settle(&h);
	h.lines[TUN0].error = -ETIMEDOUT;
	pass(&h, 30);
	assert_non_null(alarm_of(&h, "tun0/down"));
	acknowledge(&h, "tun0");
	assert_true(alarm_of(&h, "tun0/down")->acked);
	h.lines[TUN0].error = 0;
	for (int i = 0; i < 20 && h.g->fsms[TUN0].state != PATH_STATE_PROBING; i++)
		pass(&h, 1);
	assert_int_equal(h.g->fsms[TUN0].state, PATH_STATE_PROBING);
	h.lines[TUN0].error = -ETIMEDOUT;
	pass(&h, 20);
	assert_true(alarm_of(&h, "tun0/down")->acked);
	h.lines[TUN0].error = 0;
	pass(&h, 60);
	assert_int_equal(h.g->fsms[TUN0].state, PATH_STATE_UP);
	assert_null(alarm_of(&h, "tun0/down"));
	h.lines[TUN0].error = -ETIMEDOUT;
	pass(&h, 30);
	assert_non_null(alarm_of(&h, "tun0/down"));
	assert_false(alarm_of(&h, "tun0/down")->acked);
	move_out(&h);
}

static void install(const struct home *h, const char *version)
{
	char text[64], name[128], other[128];

	snprintf(text, sizeof(text), "#!/bin/sh\necho mpgate %s\n", version);
	write_file(h, "new", text);
	snprintf(name, sizeof(name), "%s/new", h->folder);
	snprintf(other, sizeof(other), "%s/mpgate", h->folder);
	assert_int_equal(chmod(name, 0755), 0);
	assert_int_equal(rename(name, other), 0);
}

// Two looks: the file has to be the same at both.
static void look_for_upgrade(struct home *h)
{
	for (int i = 0; i < 2; i++) {
		leap(10);
		gateway_upgrade_tick(h->g);
	}
	while (h->g->upgrade.program.pid)
		ev_run(h->g->loop, EVRUN_ONCE);
}

static void an_upgrade_is_pending_until_a_restart(void **state)
{
	static struct snapshot s;
	struct home h;

	(void)state;
	if (is_emulated())
		skip();
	move_in(&h);
	gateway_upgrade_init(h.g);
	assert_true(h.g->upgrade.file[0]);
	look_for_upgrade(&h);
	assert_string_equal(h.g->upgrade.pending, "");
	install(&h, "1.2.9");
	snprintf(h.g->upgrade.file, sizeof(h.g->upgrade.file), "%s/mpgate", h.folder);
	look_for_upgrade(&h);
	gateway_snapshot(h.g, &s);
	assert_string_equal(s.pending, "1.2.9");
	install(&h, "1.3.0");
	look_for_upgrade(&h);
	gateway_snapshot(h.g, &s);
	assert_string_equal(s.pending, "1.3.0");
	install(&h, PACKAGE_VERSION);
	look_for_upgrade(&h);
	assert_string_equal(h.g->upgrade.pending, "(another build)");
	gateway_upgrade_fini(h.g);
	move_out(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_gateway_says_what_is_recorded),
		cmocka_unit_test(a_tunnels_bytes_count_once),
		cmocka_unit_test(a_fault_that_comes_again_raises_its_alarm_again),
		cmocka_unit_test(an_upgrade_is_pending_until_a_restart),
	};

	setenv("TZ", "CET-1", 1); // of the recorded states
	tzset();
	log_set_level(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
