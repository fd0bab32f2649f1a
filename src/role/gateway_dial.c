// SPDX-License-Identifier: GPL-2.0-or-later
//
// Links that are dialled: plan_redial() decides when, src/dial does it, the paths' state machines
// hear what came of it.
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "model/format.h"
#include "role/gateway_priv.h"

// From the moment that a path leaves use to its hanging up: what is under way on it arrives.
#define DRAIN_MS 1000

static bool is_dialled(const struct gateway *g, size_t slot)
{
	const struct gateway_path *path = &g->paths[slot];

	return path->config->dial != PATH_DIAL_NONE && !path->config->gone;
}

static void note(struct gateway *g, size_t slot, bool changed, const struct path_change *change)
{
	if (!changed)
		return;
	gateway_note_change(g, slot, change);
	gateway_round_soon(g);
}

static void say_dialling(struct gateway *g, size_t slot, const char *why)
{
	struct path_change change;

	note(g, slot, path_fsm_dial(&g->fsms[slot], why, clock_mono_ms(), &change), &change);
}

// ---- what the dialler reports

static void note_failure(struct gateway *g, const struct dial_report *report)
{
	struct gateway_path *path = &g->paths[report->slot];
	struct redial *redial = &g->paths[report->slot].redial;
	struct path_fsm *fsm = &g->fsms[report->slot];
	int64_t now_ms = clock_mono_ms();
	struct path_dial_end end = { 0 };
	struct path_change change;
	char wait[FORMAT_SIZE];

	if (report->event == DIAL_FAILED || report->refused)
		plan_redial_failed(redial, report->refused, now_ms);
	str_copy(end.reason, sizeof(end.reason), report->reason);
	str_copy(end.note, sizeof(end.note), report->note);
	if (now_ms < redial->next_ms)
		snprintf(end.text, sizeof(end.text), "%.125s; next attempt in %s", report->text,
			 format_duration((redial->next_ms - now_ms + 999) / 1000, wait));
	else
		str_copy(end.text, sizeof(end.text), report->text);
	path->dialled_ms = 0;
	path->hung_up_ms = clock_wall_ms();
	str_copy(path->hung_up_why, sizeof(path->hung_up_why), report->text);
	note(g, report->slot, path_fsm_undialled(fsm, &end, now_ms, &change), &change);
}

void gateway_dial_take_report(void *ctx, const struct dial_report *report)
{
	struct gateway *g = ctx;
	struct path_fsm *fsm = &g->fsms[report->slot];
	struct path_change change;

	switch (report->event) {
	case DIAL_RAISED:
		g->paths[report->slot].dialled_ms = clock_wall_ms();
		note(g, report->slot, path_fsm_dialled(fsm, clock_mono_ms(), &change), &change);
		break;
	case DIAL_FAILED:
	case DIAL_ENDED:
		note_failure(g, report);
		break;
	case DIAL_NEWS:
		path_fsm_dial_note(fsm, report->note);
		if (report->text[0])
			gateway_event(g, LOG_LEVEL_NOTICE, g->paths[report->slot].config->name,
				      "DIAL", "%s", report->text);
		break;
	}
}

// ---- what is to be done

static bool is_any_other_up(const struct gateway *g, size_t slot)
{
	for (size_t i = 0; i < g->n_paths; i++) {
		if (i != slot && path_fsm_verified(&g->fsms[i]))
			return true;
	}
	return false;
}

static enum redial_action decide(struct gateway *g, size_t slot)
{
	const struct path_fsm *fsm = &g->fsms[slot];
	enum dial_phase phase = dial_phase(g->dial, slot);
	int64_t now_ms = clock_mono_ms();
	struct redial_facts facts = {
		.wanted = path_fsm_wanted(fsm),
		.busy = phase == DIAL_RAISING || phase == DIAL_DROPPING || g->paths[slot].drain_ms,
		.dialled = phase == DIAL_HELD,
		.ready = fsm->facts.ready,
		.up = path_fsm_works(fsm),
		.silent = fsm->state == PATH_STATE_DOWN && fsm->facts.ready,
		.exit_fault = path_fsm_exit_fault(fsm, now_ms),
		.gateway_answers = path_fsm_gateway_answers(fsm, now_ms),
		.others_up = is_any_other_up(g, slot),
	};

	return plan_redial(&g->paths[slot].redial, &facts, now_ms);
}

static void act(struct gateway *g, size_t slot, enum redial_action action)
{
	int attempts = g->paths[slot].redial.attempts;
	char why[EVENT_TEXT_SIZE];

	switch (action) {
	case REDIAL_NOTHING:
		break;
	case REDIAL_DIAL:
		snprintf(why, sizeof(why), attempts > 1 ? "attempt %d" : "dialling", attempts);
		say_dialling(g, slot, why);
		dial_up(g->dial, slot);
		break;
	case REDIAL_AGAIN:
		snprintf(why, sizeof(why),
			 "the link is up, but silent: hanging up and dialling anew (attempt %d)",
			 attempts);
		say_dialling(g, slot, why);
		dial_again(g->dial, slot);
		break;
	case REDIAL_HANG_UP:
		dial_down(g->dial, slot);
		break;
	}
}

static void look_at_path(struct gateway *g, size_t slot)
{
	struct gateway_path *path = &g->paths[slot];
	struct path_fsm *fsm = &g->fsms[slot];

	dial_link(g->dial, slot, fsm->facts.ready);
	if (path->drain_ms && clock_mono_ms() >= path->drain_ms) {
		path->drain_ms = 0;
		if (path_fsm_wanted(fsm))
			dial_again(g->dial, slot);
	}
	act(g, slot, decide(g, slot));
	// pppd may dial by itself
	if (fsm->state == PATH_STATE_DOWN && !fsm->facts.ready &&
	    dial_phase(g->dial, slot) == DIAL_RAISING)
		say_dialling(g, slot, "pppd dials");
}

void gateway_dial_look(struct gateway *g)
{
	for (size_t i = 0; i < g->n_paths; i++) {
		if (is_dialled(g, i))
			look_at_path(g, i);
	}
}

bool gateway_dial_redial(struct gateway *g, size_t slot, const char *who)
{
	struct gateway_path *path = &g->paths[slot];
	int64_t now_ms = clock_mono_ms();
	bool carries = path_fsm_verified(&g->fsms[slot]);
	char why[EVENT_TEXT_SIZE];

	if (!is_dialled(g, slot))
		return false;
	snprintf(why, sizeof(why), "redial asked by %s", who);
	plan_redial_asked(&path->redial, now_ms);
	say_dialling(g, slot, why);
	path->drain_ms = now_ms + (carries ? DRAIN_MS : 0);
	return true;
}

void gateway_dial_fill(const struct gateway *g, size_t slot, struct path_snapshot *p)
{
	const struct gateway_path *path = &g->paths[slot];
	int64_t now_ms = clock_mono_ms();

	if (!is_dialled(g, slot))
		return;
	str_copy(p->dial, sizeof(p->dial), path_dial_word(path->config->dial));
	str_copy(p->concentrator, sizeof(p->concentrator), dial_concentrator(g->dial, slot));
	p->dialled_ms = path->dialled_ms;
	p->hung_up_ms = path->hung_up_ms;
	str_copy(p->hung_up_why, sizeof(p->hung_up_why), path->hung_up_why);
	p->dial_attempts = path->redial.attempts;
	if (p->state == PATH_STATE_DOWN && path->redial.next_ms > now_ms)
		p->next_dial_ms = clock_wall_ms() + path->redial.next_ms - now_ms;
}

// ---- configuration

void gateway_dial_follow(struct gateway *g)
{
	for (size_t i = 0; i < PATHS_MAX; i++) {
		const struct config_path *config = i < g->n_paths ? g->paths[i].config : NULL;
		struct dial_settings settings;

		if (config)
			g->fsms[i].dials = is_dialled(g, i);
		if (!config || !is_dialled(g, i)) {
			dial_set(g->dial, i, NULL);
			continue;
		}
		settings = (struct dial_settings){
			.way = config->dial,
			.path = config->name,
			.interface = config->interface,
			.call = config->call,
			.pid_file = config->pid_file,
			.up = config->up,
			.down = config->down,
			.status = config->status,
			.timeout_ms = config->dial_timeout_s * 1000,
		};
		dial_set(g->dial, i, &settings);
	}
}

void gateway_dial_start(struct gateway *g, const char *run_dir)
{
	g->dial = dial_new(&(struct dial_options){ .loop = g->loop,
						   .run_dir = run_dir,
						   .report = gateway_dial_take_report,
						   .ctx = g });
	gateway_dial_follow(g);
}

void gateway_dial_stop(struct gateway *g)
{
	dial_free(g->dial);
}
