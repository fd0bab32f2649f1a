// SPDX-License-Identifier: GPL-2.0-or-later
//
// What the gateway shows: events, alarms, rates, the snapshot.
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "dns/dns.h"
#include "role/gateway_priv.h"
#include "role/status_view.h"

void gateway_event(struct gateway *g, enum log_level level, const char *object, const char *verb,
		   const char *fmt, ...)
{
	char text[EVENT_TEXT_SIZE];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	gateway_hooks_tell(
		g, event_log_add(&g->events, clock_wall_ms(), level, object, verb, "%s", text));
	log_line(level, "%s %s %s", object, verb, text);
}

// ---- alarms

static struct alarm *find_alarm(struct gateway *g, const char *id)
{
	for (int i = 0; i < g->n_alarms; i++) {
		if (strcmp(g->alarms[i].id, id) == 0)
			return &g->alarms[i];
	}
	return NULL;
}

void gateway_alarm_raise(struct gateway *g, const char *object, const char *what, const char *text)
{
	char id[sizeof(g->alarms[0].id)];
	struct alarm *alarm;

	snprintf(id, sizeof(id), "%s/%s", object, what);
	alarm = find_alarm(g, id);
	if (!alarm && g->n_alarms == SNAPSHOT_ALARMS)
		return;
	if (!alarm) {
		alarm = &g->alarms[g->n_alarms++];
		*alarm = (struct alarm){ .since_ms = clock_wall_ms() };
		str_copy(alarm->id, sizeof(alarm->id), id);
		str_copy(alarm->object, sizeof(alarm->object), object);
	}
	str_copy(alarm->text, sizeof(alarm->text), text);
}

void gateway_alarm_clear(struct gateway *g, const char *object, const char *what)
{
	char id[sizeof(g->alarms[0].id)];
	struct alarm *alarm;

	snprintf(id, sizeof(id), "%s/%s", object, what);
	alarm = find_alarm(g, id);
	if (!alarm)
		return;
	g->n_alarms--;
	memmove(alarm, alarm + 1, (size_t)(&g->alarms[g->n_alarms] - alarm) * sizeof(*alarm));
}

// ---- rates

static const struct gateway_sample *sample_back(const struct gateway_path *path, unsigned age)
{
	if (age >= path->n_samples || age >= GATEWAY_SAMPLES)
		return NULL;
	return &path->samples[(path->n_samples - 1 - age) % GATEWAY_SAMPLES];
}

static void take_sample(struct gateway *g, struct gateway_path *path)
{
	const struct klink *link = kstate_link(&g->observed, path->config->interface);
	const struct gateway_sample *last = sample_back(path, 0);

	// an interface that went away comes back with counters of its own
	if (!link || (last && (link->rx_bytes < last->rx_bytes || link->tx_bytes < last->tx_bytes)))
		path->n_samples = 0;
	if (!link)
		return;
	path->samples[path->n_samples++ % GATEWAY_SAMPLES] = (struct gateway_sample){
		.time_ms = clock_mono_ms(), .rx_bytes = link->rx_bytes, .tx_bytes = link->tx_bytes
	};
}

// Bytes over the last `span` seconds, or as many of them as there are. False: not measured yet.
static bool measure(const struct gateway_path *path, unsigned span, struct gateway_sample *out)
{
	const struct gateway_sample *now = sample_back(path, 0), *then = NULL;

	for (unsigned age = span; age > 0 && !then; age--)
		then = sample_back(path, age);
	if (!then || now->time_ms <= then->time_ms)
		return false;
	out->time_ms = now->time_ms - then->time_ms;
	out->rx_bytes = now->rx_bytes - then->rx_bytes;
	out->tx_bytes = now->tx_bytes - then->tx_bytes;
	return true;
}

static int64_t rate_bps(uint64_t bytes, int64_t ms)
{
	return (int64_t)((double)bytes * 8000. / (double)ms);
}

static void fill_rates(const struct gateway *g, struct snapshot *out)
{
	double bytes[PATHS_MAX] = { 0 };
	bool known[PATHS_MAX] = { 0 }, any = false;

	for (size_t i = 0; i < g->n_paths; i++) {
		struct path_snapshot *p = &out->paths[i];
		struct gateway_sample m;

		p->rx_bps = p->tx_bps =
			path_fsm_wanted(&g->fsms[i]) ? SNAPSHOT_UNKNOWN : SNAPSHOT_NONE;
		p->share_ratio = SNAPSHOT_UNKNOWN;
		if (measure(&g->paths[i], GATEWAY_RATE_SPAN, &m)) {
			p->rx_bps = rate_bps(m.rx_bytes, m.time_ms);
			p->tx_bps = rate_bps(m.tx_bytes, m.time_ms);
			// a tunnel's bytes are among those of the line that it rides
			if (g->under[i] < 0) {
				out->rx_bps += p->rx_bps;
				out->tx_bps += p->tx_bps;
			}
			any = true;
		}
		known[i] = measure(&g->paths[i], GATEWAY_SHARE_SPAN, &m);
		if (known[i])
			bytes[i] = (double)(m.rx_bytes + m.tx_bytes);
		if (g->fsms[i].state == PATH_STATE_DOWN || g->fsms[i].state == PATH_STATE_DIALING)
			p->rx_bps = p->tx_bps = SNAPSHOT_NONE;
	}
	if (!any)
		out->rx_bps = out->tx_bps = SNAPSHOT_UNKNOWN;
	plan_shares(bytes, g->under, g->n_paths);
	for (size_t i = 0; i < g->n_paths; i++) {
		// what is not there has no part
		if (known[i] || (any && !path_fsm_works(&g->fsms[i])))
			out->paths[i].share_ratio = bytes[i];
	}
}

static void forget_unproxied(struct gateway_unproxied *u)
{
	u->at_ms = 0;
	for (int i = 0; i < KSTATE_UNPROXIED; i++)
		u->bps[i] = SNAPSHOT_UNKNOWN;
}

// The counters begin anew when the table is set, as after each change of a path.
void gateway_view_unproxied(struct gateway *g)
{
	struct gateway_unproxied *u = &g->unproxied;
	int64_t now_ms = clock_mono_ms();

	if (u->at_ms && now_ms - u->at_ms < GATEWAY_RATE_SPAN * 1000)
		return;
	if (kern_unproxied(g->kern, &g->observed) < 0 || !g->observed.counts) {
		forget_unproxied(u);
		return;
	}
	for (int i = 0; i < KSTATE_UNPROXIED; i++) {
		uint64_t bytes = g->observed.unproxied[i];

		if (u->at_ms)
			u->bps[i] = rate_bps(bytes - (bytes < u->bytes[i] ? 0 : u->bytes[i]),
					     now_ms - u->at_ms);
		u->bytes[i] = bytes;
	}
	u->at_ms = now_ms;
}

static void fill_unproxied(const struct gateway *g, struct snapshot *out)
{
	const int64_t *bps = g->unproxied.bps;

	out->unproxied_udp_tx_bps = bps[KSTATE_UDP_TX];
	out->unproxied_udp_rx_bps = bps[KSTATE_UDP_RX];
	out->unproxied_rest_tx_bps = bps[KSTATE_REST_TX];
	out->unproxied_rest_rx_bps = bps[KSTATE_REST_RX];
}

// ---- the snapshot

// Of the family in which the exit is reached, if the path has it.
static void fill_way(struct path_snapshot *p, const struct path_facts *facts)
{
	const struct path_way *way = &facts->way[facts->to_exit];

	p->prefix_len = SNAPSHOT_NONE;
	for (int family = 0; family < PLAN_FAMILIES && !addr_is_set(&way->local); family++)
		way = &facts->way[family];
	if (!addr_is_set(&way->local))
		return;
	addr_format(&way->local, p->address);
	p->prefix_len = way->prefix_len;
	if (addr_is_set(&way->gateway))
		addr_format(&way->gateway, p->gateway);
	if (addr_is_set(&way->peer))
		addr_format(&way->peer, p->peer);
}

static void fill_use(const struct gateway *g, size_t slot, struct path_snapshot *p)
{
	p->tier = g->paths[slot].config->tier;
	p->use = g->uses.use[slot];
	if (p->use != PATH_USE_FULL || g->uses.trial.phase != TRIAL_NONE)
		str_copy(p->use_reason, sizeof(p->use_reason), g->uses.why[slot]);
}

static void note_underlay(const struct gateway *g, size_t slot, struct path_snapshot *p)
{
	int under = g->under[slot];
	char note[NOTE_SIZE];

	if (under < 0)
		return;
	str_copy(p->underlay, sizeof(p->underlay), g->paths[under].config->name);
	if (!path_fsm_works(&g->fsms[slot]) && !path_fsm_works(&g->fsms[under]))
		snprintf(note, sizeof(note), "%s is %s", p->underlay,
			 path_state_word(g->fsms[under].state));
	else
		snprintf(note, sizeof(note), "%.70s via %s", p->note, p->underlay);
	str_copy(p->note, sizeof(p->note), note);
}

// Wall clock of what CLOCK_MONOTONIC said was then.
static int64_t wall_of(int64_t then_ms, int64_t now_ms)
{
	return then_ms ? clock_wall_ms() - (now_ms - then_ms) : 0;
}

static void fill_kernel(const struct gateway *g, size_t slot, struct path_snapshot *p)
{
	const struct klink *link = kstate_link(&g->observed, g->paths[slot].config->interface);
	struct str flags = { 0 };

	p->interface_rx_bytes = link ? link->rx_bytes : 0;
	p->interface_tx_bytes = link ? link->tx_bytes : 0;
	p->mtu = link ? link->mtu : 0;
	p->endpoint_id = g->paths[slot].endpoint_id;
	for (size_t i = 0; p->endpoint_id && i < g->observed.n_endpoints; i++) {
		if (g->observed.endpoints[i].id == p->endpoint_id)
			op_format_flags(g->observed.endpoints[i].flags, ",", &flags);
	}
	str_copy(p->endpoint_flags, sizeof(p->endpoint_flags), str_text(&flags));
	str_fini(&flags);
}

// The path works, the exit does not answer over it: its name says more than "no reply".
static void note_exit_fault(const struct gateway *g, size_t slot, int64_t now_ms,
			    struct path_snapshot *p)
{
	const struct path_fsm *fsm = &g->fsms[slot];

	if ((fsm->state == PATH_STATE_UP || fsm->state == PATH_STATE_DOWN) &&
	    path_fsm_exit_fault(fsm, now_ms))
		snprintf(p->note, sizeof(p->note), "net ok, %s no",
			 g->exits[g->default_exit].config->name);
}

static void fill_probes(const struct path_fsm *fsm, int64_t now_ms, struct path_snapshot *p)
{
	int interval_ms = path_fsm_probe_interval_ms(fsm, now_ms);

	p->probe_interval_ms = interval_ms ? interval_ms : SNAPSHOT_NONE;
	p->answered_ms = wall_of(path_fsm_answered_ms(fsm), now_ms);
	p->probes_lost = fsm->lost;
	p->probes_good = fsm->good;
	p->down_after = PATH_LOST_FOR_DOWN;
	p->up_after = path_fsm_good_needed(fsm);
	p->least_rtt_us = path_fsm_min_rtt_us(fsm, now_ms);
}

static void fill_path(const struct gateway *g, size_t slot, int64_t now_ms, struct path_snapshot *p)
{
	const struct gateway_path *path = &g->paths[slot];
	const struct path_fsm *fsm = &g->fsms[slot];
	const struct relay_path_counters *counters = &g->counters.paths[slot];

	str_copy(p->name, sizeof(p->name), path->config->name);
	str_copy(p->kind, sizeof(p->kind), path->config->kind);
	str_copy(p->label, sizeof(p->label), path->config->label);
	str_copy(p->interface, sizeof(p->interface), path->config->interface);
	p->state = fsm->state;
	str_copy(p->reason, sizeof(p->reason), fsm->reason);
	fill_use(g, slot, p);
	path_fsm_note(fsm, now_ms, p->note);
	note_exit_fault(g, slot, now_ms, p);
	if (path_fsm_verified(fsm) && p->use_reason[0])
		str_copy(p->note, sizeof(p->note), p->use_reason);
	gateway_caps_fill(g, slot, p);
	gateway_demand_fill(g, slot, now_ms, p);
	note_underlay(g, slot, p);
	p->probe_bytes = path->probe_bytes;
	p->since_ms = clock_wall_ms() - (now_ms - fsm->since_ms);
	p->state_changes = path->state_changes;
	p->optional = path->config->optional;
	p->bell = path->config->bell;
	p->enabled = path_fsm_wanted(fsm);
	p->hotkey = path->config->hotkey;
	fill_way(p, &fsm->facts);
	p->table = (int)path->config->table;
	p->rx_bytes = gateway_rx_bytes(counters) - path->rx_bytes_before;
	p->tx_bytes = gateway_tx_bytes(counters) - path->tx_bytes_before;
	fill_kernel(g, slot, p);
	gateway_dial_fill(g, slot, p);
	p->subflows = (int)counters->subflows;
	gateway_relay_udp_fill_path(g, slot, p);
	p->joins_missing = (int)counters->missing;
	p->joins_ok = path->join.joined;
	p->joins_failed = path->join.failed;
	p->mptcp_ok = path->mptcp_ok;
	p->mptcp_checked_ms = wall_of(path->mptcp_ms, now_ms);
	str_copy(p->who, sizeof(p->who), fsm->who);
	p->reserved = path->reserved;
	if (addr_is_set(&path->view.seen_as))
		addr_format(&path->view.seen_as, p->seen_as);
	fill_probes(fsm, now_ms, p);
	p->download_loss_ratio = path->view.loss_ratio;
	p->rtt_us = path_fsm_rtt_us(fsm);
	p->jitter_us = path_fsm_jitter_us(fsm);
	p->loss_ratio = gateway_loss_ratio(g, slot, now_ms);
}

static void fill_exit(const struct gateway *g, int64_t now_ms, struct exit_snapshot *e)
{
	const struct config_exit *config = g->exits[g->default_exit].config;
	bool judged = false;

	str_copy(e->name, sizeof(e->name), config->name);
	snprintf(e->endpoint, sizeof(e->endpoint), "%.64s:%u", config->address, config->port);
	e->mptcp = gateway_exit_speaks_mptcp(g);
	e->service = g->exits[g->default_exit].service.serves;
	str_copy(e->version, sizeof(e->version), g->exits[g->default_exit].service.version);
	e->subflows = g->exits[g->default_exit].service.subflows;
	e->clock_offset_us = g->exits[g->default_exit].service.clock_offset_us;
	str_copy(e->udp_fault, sizeof(e->udp_fault), g->exits[g->default_exit].udp.fault);
	e->rtt_us = SNAPSHOT_UNKNOWN;
	for (size_t i = 0; i < g->n_paths; i++) {
		const struct path_fsm *fsm = &g->fsms[i];
		int64_t rtt_us = path_fsm_rtt_us(fsm);

		judged |= path_fsm_works(fsm) || path_fsm_exit_fault(fsm, now_ms);
		if (!path_fsm_verified(fsm) || path_fsm_exit_fault(fsm, now_ms))
			continue;
		e->paths_ok++;
		if (rtt_us >= 0 && (e->rtt_us < 0 || rtt_us < e->rtt_us))
			e->rtt_us = rtt_us;
	}
	if (gateway_goes_direct(g))
		str_copy(e->why, sizeof(e->why),
			 "no exit is reached: connections go direct, not encrypted");
	else if (g->choice.none)
		str_copy(e->why, sizeof(e->why), "no exit is reached: new connections are refused");
	else if (g->choice.why[0])
		snprintf(e->why, sizeof(e->why), "stands in: %.80s", g->choice.why);
	e->reachable = e->paths_ok ? 1 : judged ? 0 : SNAPSHOT_UNKNOWN;
}

static void list_exits(const struct gateway *g, struct snapshot *out)
{
	for (size_t i = 0; i < g->n_exits && out->n_exits < SNAPSHOT_EXITS; i++) {
		const struct gateway_exit *exit = &g->exits[i];
		struct exit_listed *e = &out->exits[out->n_exits];

		if (exit->config->gone)
			continue;
		out->n_exits++;
		str_copy(e->name, sizeof(e->name), exit->config->name);
		snprintf(e->endpoint, sizeof(e->endpoint), "%.64s:%u", exit->config->address,
			 exit->config->port);
		e->in_use = i == g->default_exit;
		if (e->in_use)
			e->answers = out->exit.reachable;
		else if (exit->health.answered_ms || exit->health.fails)
			e->answers = exit->health.good_ms != 0;
		else
			e->answers =
				SNAPSHOT_UNKNOWN; // nobody asks those that wait in vain for a turn
	}
}

static void fill_events(const struct gateway *g, struct snapshot *out)
{
	time_t now = (time_t)(out->time_ms / 1000);
	const struct event *event;
	time_t midnight;
	struct tm tm;

	localtime_r(&now, &tm);
	tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
	tm.tm_isdst = -1;
	midnight = mktime(&tm);
	for (size_t age = 0; (event = event_log_get(&g->events, age)); age++) {
		if (event->time_ms / 1000 >= midnight)
			out->events_today++;
		if (out->n_events < SNAPSHOT_EVENTS)
			out->events[out->n_events++] = *event;
	}
}

// Paths that a reload removed have a slot, but are nobody's business.
static void drop_removed(const struct gateway *g, struct snapshot *out)
{
	out->n_paths = 0;
	for (size_t i = 0; i < g->n_paths; i++) {
		if (!g->paths[i].config->gone && !g->paths[i].leaving)
			out->paths[out->n_paths++] = out->paths[i];
	}
}

void gateway_snapshot(void *ctx, struct snapshot *out)
{
	const struct gateway *g = ctx;
	int64_t now_ms = clock_mono_ms();

	*out = (struct snapshot){ .time_ms = clock_wall_ms(), .pid = getpid() };
	gethostname(out->host, sizeof(out->host) - 1);
	str_copy(out->version, sizeof(out->version), PACKAGE_VERSION);
	str_copy(out->config_file, sizeof(out->config_file), g->config_file);
	out->uptime_s = (out->time_ms - g->start_ms) / 1000;
	str_copy(out->pending, sizeof(out->pending), g->upgrade.pending);
	out->verdict = g->verdict;
	out->verdict_since_ms = g->verdict_since_ms;
	out->machine = g->machine.seen;
	out->n_paths = (int)g->n_paths;
	for (size_t i = 0; i < g->n_paths; i++) {
		fill_path(g, i, now_ms, &out->paths[i]);
		out->rx_bytes += out->paths[i].rx_bytes;
		out->tx_bytes += out->paths[i].tx_bytes;
		out->subflows += out->paths[i].subflows;
	}
	fill_rates(g, out);
	fill_unproxied(g, out);
	gateway_trends_tell(g, out);
	drop_removed(g, out);
	fill_exit(g, now_ms, &out->exit);
	list_exits(g, out);
	out->connections = (int)g->counters.sessions;
	out->connections_tcp = (int)g->counters.sessions_tcp;
	memcpy(out->fallbacks, g->fallbacks, sizeof(out->fallbacks));
	gateway_relay_udp_fill_snapshot(g, out);
	out->n_alarms = g->n_alarms;
	memcpy(out->alarms, g->alarms, sizeof(out->alarms));
	fill_events(g, out);
	gateway_timed_fill(g, out);
	if (g->dns)
		dns_fill(g->dns, &out->dns);
}

// Connections are taken as soon as nftables diverts them, which the first round sees to; but before
// a path is proved they would wait or be refused. A name that nobody resolves must not keep the
// boot waiting.
#define READY_LATEST_S 20

bool gateway_describe(void *ctx, struct str *out)
{
	const struct gateway *g = ctx;
	struct snapshot snapshot;

	gateway_snapshot(ctx, &snapshot);
	status_view_sentence(&snapshot, out);
	return g->verdict != VERDICT_STARTING || snapshot.uptime_s >= READY_LATEST_S;
}

// So many seconds are what the processors' part is an average of.
#define MACHINE_MS 5000

static void look_at_machine(struct gateway *g, int64_t now_ms)
{
	if (now_ms < g->machine.next_ms)
		return;
	g->machine.next_ms = now_ms + MACHINE_MS;
	machine_look(&g->machine.machine, &g->machine.seen);
}

void gateway_view_init(struct gateway *g)
{
	g->machine.machine = (struct machine){ .proc = "/proc", .sys = "/sys" };
	look_at_machine(g, clock_mono_ms());
	forget_unproxied(&g->unproxied);
}

void gateway_view_tick(struct gateway *g)
{
	for (size_t i = 0; i < g->n_paths; i++)
		take_sample(g, &g->paths[i]);
	look_at_machine(g, clock_mono_ms());
	gateway_trends_tick(g);
}

void gateway_publish(struct gateway *g)
{
	struct snapshot snapshot;

	gateway_judge(g);
	gateway_snapshot(g, &snapshot);
	ctl_publish(g->ctl, &snapshot);
}
