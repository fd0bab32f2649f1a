// SPDX-License-Identifier: GPL-2.0-or-later
//
// What is to be said of the whole: the verdict and why, and whether the clocks agree. Each has an
// event when it changes and an alarm as long as it lasts. Where the paths' own alarms say it all
// (OFFLINE, DEGRADED), the whole has none.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "model/format.h"
#include "role/gateway_priv.h"

// From here on certificates and tokens are too old or too young somewhere; and back.
#define CLOCK_OFF_US   60000000
#define CLOCK_AGREE_US 30000000

static const struct gateway_exit *exit_in_use(const struct gateway *g)
{
	return &g->exits[g->default_exit];
}

int8_t gateway_exit_speaks_mptcp(const struct gateway *g)
{
	// what a pin keeps to one path asks for none
	uint32_t asking = g->counters.sessions - g->counters.sessions_alone;

	if (asking > g->counters.sessions_tcp)
		return 1;
	return asking ? 0 : exit_in_use(g)->service.mptcp;
}

static bool is_any_wanted(const struct gateway *g)
{
	for (size_t i = 0; i < g->n_paths; i++) {
		if (path_fsm_wanted(&g->fsms[i]))
			return true;
	}
	return false;
}

bool gateway_is_any_up(const struct gateway *g)
{
	for (size_t i = 0; i < g->n_paths; i++) {
		if (path_fsm_verified(&g->fsms[i]))
			return true;
	}
	return false;
}

// ---- clocks

static void judge_clock(struct gateway *g)
{
	int64_t offset_us = exit_in_use(g)->service.clock_offset_us;
	int64_t limit_us = g->clock_off ? CLOCK_AGREE_US : CLOCK_OFF_US;
	bool known = offset_us != SNAPSHOT_NO_OFFSET;
	bool off = known ? llabs(offset_us) > limit_us : g->clock_off;
	const char *name = exit_in_use(g)->config->name;
	char text[NOTE_SIZE], by[FORMAT_SIZE];

	if (off && known) {
		snprintf(text, sizeof(text), "clock off: %s %s %s, TLS and VPNs may fail",
			 format_duration(llabs(offset_us) / 1000000, by),
			 offset_us > 0 ? "behind" : "ahead of", name);
		gateway_alarm_raise(g, "gw", "clock", text);
	}
	if (off == g->clock_off)
		return;
	g->clock_off = off;
	if (off) {
		gateway_event(g, LOG_LEVEL_WARNING, "gw", "CLOCK",
			      "%s; does NTP run on both? 'timedatectl'", text);
	} else {
		gateway_event(g, LOG_LEVEL_NOTICE, "gw", "CLOCK", "agrees with that of %s again",
			      name);
		gateway_alarm_clear(g, "gw", "clock");
	}
}

// ---- the verdict

// "ppp0, tun0, tun1": those that are in question.
static void name_paths(const struct gateway *g,
		       bool (*is_meant)(const struct gateway *g, size_t slot), struct str *out)
{
	const char *comma = "";

	for (size_t i = 0; i < g->n_paths; i++) {
		if (g->paths[i].config->gone || !is_meant(g, i))
			continue;
		str_addf(out, "%s%s", comma, g->paths[i].config->name);
		comma = ", ";
	}
}

static bool has_exit_fault(const struct gateway *g, size_t slot)
{
	return path_fsm_exit_fault(&g->fsms[slot], clock_mono_ms());
}

static bool is_dialled(const struct gateway *g, size_t slot)
{
	return path_fsm_wanted(&g->fsms[slot]) && g->paths[slot].config->dial != PATH_DIAL_NONE;
}

static bool is_probed(const struct gateway *g, size_t slot)
{
	return path_fsm_wanted(&g->fsms[slot]) && !is_dialled(g, slot);
}

// It counts, and is not well.
static bool is_ailing(const struct gateway *g, size_t slot)
{
	const struct path_fsm *fsm = &g->fsms[slot];

	if (fsm->state == PATH_STATE_CAPPED)
		return !fsm->optional || fsm->cap.verdict == CAP_UNKNOWN;
	return path_fsm_wanted(fsm) && fsm->state != PATH_STATE_UP;
}

static void tell_count(const struct gateway *g, struct str *out)
{
	size_t n = 0, up = 0;

	for (size_t i = 0; i < g->n_paths; i++) {
		if (g->paths[i].config->gone)
			continue;
		n += path_fsm_wanted(&g->fsms[i]) || is_ailing(g, i);
		up += path_fsm_verified(&g->fsms[i]);
	}
	str_addf(out, "%zu of %zu paths carry", up, n);
	for (size_t i = 0; i < g->n_paths; i++) {
		if (!g->paths[i].config->gone && is_ailing(g, i))
			str_addf(out, ", %s %s", g->paths[i].config->name,
				 path_state_word(g->fsms[i].state));
	}
	if (g->clock_off)
		str_add(out, ", clock off");
}

static void tell_fallback(const struct gateway *g, struct str *out)
{
	if (gateway_exit_speaks_mptcp(g) == 0)
		str_addf(out,
			 "exit %s answers without MPTCP; each connection runs over one path only",
			 exit_in_use(g)->config->name);
	else
		str_add(out,
			"MPTCP passes on no path; connections run over one of them, as plain TCP");
}

static bool is_any_refused(const struct gateway *g)
{
	for (size_t i = 0; i < g->n_paths; i++) {
		if (path_fsm_verified(&g->fsms[i]) && g->fsms[i].exit_refused)
			return true;
	}
	return false;
}

static void tell_unreachable(const struct gateway *g, struct str *out)
{
	bool direct = g->config->lan.when_unreachable == CONFIG_UNREACHABLE_DIRECT;
	const char *comma = "";

	for (size_t i = 0; i < g->n_exits; i++) {
		const struct config_exit *exit = g->exits[i].config;

		if (exit->gone || (i != g->default_exit && !g->choice.none))
			continue;
		str_addf(out, "%s%s port %u", comma, exit->name, exit->port);
		comma = ", ";
	}
	str_addf(out, " %s over ", is_any_refused(g) ? "refuses" : "silent");
	name_paths(g, has_exit_fault, out);
	str_addf(out, "; net ok; policy %s",
		 direct ? "direct: not encrypted" : "block: all refused");
}

static void tell_offline(const struct gateway *g, struct str *out)
{
	struct str dialled = { 0 }, probed = { 0 };

	name_paths(g, is_dialled, &dialled);
	name_paths(g, is_probed, &probed);
	str_add(out, "no path carries");
	if (dialled.len)
		str_addf(out, "; dialling %s", str_text(&dialled));
	if (probed.len)
		str_addf(out, "%s probing %s", dialled.len ? " and" : ";", str_text(&probed));
	str_fini(&dialled);
	str_fini(&probed);
}

static const struct verdict_row {
	const char *verb; // of the event: the verdict's word where it is short enough
	enum log_level level;
	void (*tell)(const struct gateway *g, struct str *out);
} rows[VERDICTS] = {
	[VERDICT_STARTING] = { "STARTING", LOG_LEVEL_NOTICE, tell_offline },
	[VERDICT_OK] = { "OK", LOG_LEVEL_NOTICE, tell_count },
	[VERDICT_DEGRADED] = { "DEGRADED", LOG_LEVEL_NOTICE, tell_count },
	[VERDICT_NOT_BONDED] = { "NOT BONDED", LOG_LEVEL_WARNING, tell_fallback },
	[VERDICT_SERVER_UNREACHABLE] = { "UNREACHABLE", LOG_LEVEL_WARNING, tell_unreachable },
	[VERDICT_OFFLINE] = { "OFFLINE", LOG_LEVEL_WARNING, tell_offline },
};

// What is wrong with the whole, where no path and no exit has an alarm that says it.
static void settle_alarm(struct gateway *g)
{
	const char *exit = exit_in_use(g)->config->name;
	char why[48] = "", text[NOTE_SIZE];

	if (g->verdict == VERDICT_NOT_BONDED && gateway_is_any_up(g))
		snprintf(why, sizeof(why), "%s answers without MPTCP", exit);
	else if (g->verdict == VERDICT_NOT_BONDED)
		snprintf(why, sizeof(why), "no path carries MPTCP to %s", exit);
	else if (g->verdict == VERDICT_SERVER_UNREACHABLE && !g->choice.none)
		snprintf(why, sizeof(why), "no path reaches %s", exit);
	else if (g->verdict == VERDICT_OFFLINE && !is_any_wanted(g))
		snprintf(why, sizeof(why), "every path is switched off");
	if (!why[0]) {
		gateway_alarm_clear(g, "gw", "verdict");
		return;
	}
	snprintf(text, sizeof(text), "%s: %s", verdict_word(g->verdict), why);
	gateway_alarm_raise(g, "gw", "verdict", text);
}

static void take_verdict(struct gateway *g, enum verdict verdict)
{
	const struct verdict_row *row = &rows[verdict];
	struct str text = { 0 };

	g->verdict = verdict;
	g->verdict_since_ms = clock_wall_ms();
	row->tell(g, &text);
	gateway_event(g, row->level, "gw", row->verb, "%s", str_text(&text));
	str_fini(&text);
	gateway_settle_alarms(g);
}

void gateway_judge(struct gateway *g)
{
	enum verdict verdict =
		plan_verdict(g->fsms, g->n_paths, gateway_exit_speaks_mptcp(g), clock_mono_ms());

	judge_clock(g);
	if (verdict == VERDICT_OK && g->clock_off)
		verdict = VERDICT_DEGRADED;
	if (verdict != g->verdict)
		take_verdict(g, verdict);
	settle_alarm(g);
}
