// SPDX-License-Identifier: GPL-2.0-or-later
// The state machine of one path.
//
// What happened (a command, new facts about the link, a probe's end) is counted first, then looked
// up in the table of rows: the first row that names the state and the event and whose guard agrees
// says the next state and the sentence for it. No row: nothing to tell. Entering a state resets the
// counters that it begins with, in one place.
//
// The states for dialling join as rows; what a state means to others (may it hold an
// endpoint, is it probed) is asked through the queries at the end.

#include "plan/plan.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "model/format.h"

#define INTERVAL_MS          3000
#define INTERVAL_OPTIONAL_MS 10000 // 260 bytes a probe: 2.2 MB a day
#define INTERVAL_FAST_MS     500
#define INTERVAL_TRAFFIC_MS  250 // while data moves or connections begin, and it costs nothing
#define TRAFFIC_LASTS_MS     2000
#define TIMEOUT_MIN_MS       1000 // one SYN; the kernel's second leaves after 1 s
#define TIMEOUT_MAX_MS       3000
#define ECHO_FRESH_MS        15000
#define ECHO_OPTIONAL_MS     25000
// So many lost probes at most, until the others have been asked.
#define PATH_LOST_UNDECIDED (3 * PATH_LOST_FOR_DOWN)
#define LOSS_WINDOW_MS      60000
// A fall this long after the one before begins a new count; from the sixth on the path is held
// down.
#define FLAP_FORGET_MS 600000
#define FLAPS_FOR_HOLD 6
#define HOLD_MIN_MS    2000
#define HOLD_MAX_MS    120000
// Slow: an idle path's smoothed RTT beyond twice its least one of the last minutes and a bit.
#define SLOW_EXTRA_US    100000
#define LOSSY_RATIO      0.05 // and at least so many probes:
#define LOSSY_PROBES     3
#define CLEAN_RATIO      0.02
#define QUALITY_LASTS_MS 15000
#define REASON_PORTAL    "portal"

enum fsm_event {
	ENABLE,
	DISABLE,
	RESTART,
	READY,
	MOVED,
	LOST,
	GOOD,
	BAD,
	SILENT,
	STRIPPED,
	PASSES,
	WORSE,
	BETTER,
	DIAL,
	DIALLED,
	UNDIALLED,
	SPENT,
	ALLOWED,
	STRANGER,
	FAMILIAR,
	GONE,
	NAMELESS
};

// ---- Guards

static bool is_ready(const struct path_fsm *fsm)
{
	return fsm->facts.ready;
}

static bool is_optional(const struct path_fsm *fsm)
{
	return fsm->optional;
}

int path_fsm_good_needed(const struct path_fsm *fsm)
{
	return fsm->failed ? PATH_GOOD_AFTER_FAILURE : PATH_GOOD_FOR_FIRST_UP;
}

static bool is_used(const struct path_fsm *fsm)
{
	return fsm->state == PATH_STATE_UP || fsm->state == PATH_STATE_DEGRADED;
}

static bool is_held(const struct path_fsm *fsm)
{
	return fsm->flaps >= FLAPS_FOR_HOLD && fsm->event_ms < fsm->hold_until_ms;
}

static bool is_portal(const struct path_fsm *fsm)
{
	return fsm->strangers >= PATH_STRANGERS_FOR_BLOCKED;
}

static bool answers_enough(const struct path_fsm *fsm)
{
	return fsm->good >= path_fsm_good_needed(fsm) && !fsm->stripped && !is_portal(fsm);
}

static bool is_proved(const struct path_fsm *fsm)
{
	return answers_enough(fsm) && !is_held(fsm);
}

static bool is_proved_but_held(const struct path_fsm *fsm)
{
	return answers_enough(fsm) && is_held(fsm);
}

static bool is_new_portal(const struct path_fsm *fsm)
{
	return is_portal(fsm) && strcmp(fsm->reason, REASON_PORTAL) != 0;
}

static bool was_portal(const struct path_fsm *fsm)
{
	return strcmp(fsm->reason, REASON_PORTAL) == 0;
}

static bool is_stripped(const struct path_fsm *fsm)
{
	return fsm->stripped >= PATH_STRIPPED_FOR_BLOCKED;
}

static bool is_exit_silent(const struct path_fsm *fsm)
{
	return fsm->exit_silent;
}

static bool has_exit_back(const struct path_fsm *fsm)
{
	return fsm->exit_silent && answers_enough(fsm);
}

static bool is_silent(const struct path_fsm *fsm)
{
	return fsm->lost >= PATH_LOST_FOR_DOWN;
}

// Silent again before it was back: told already.
static bool is_relapse(const struct path_fsm *fsm)
{
	return is_silent(fsm) && fsm->failed;
}

static bool is_silent_and_held(const struct path_fsm *fsm)
{
	return is_silent(fsm) && is_held(fsm);
}

// Fell just now, while it was held.
static bool has_fallen_again(const struct path_fsm *fsm)
{
	return is_held(fsm) && fsm->fallen_ms == fsm->event_ms;
}

// Why it could not be dialled tells more than that there is no link.
static bool is_other_reason(const struct path_fsm *fsm)
{
	return !fsm->dial_note[0] && strcmp(fsm->reason, fsm->facts.reason) != 0;
}

static bool has_to_be_dialled(const struct path_fsm *fsm)
{
	return fsm->dials && !fsm->facts.ready;
}

// The last attempt ended as the one before it.
static bool is_another_try(const struct path_fsm *fsm)
{
	return fsm->dial_reason[0] && strcmp(fsm->dial_reason, fsm->dial_end.reason) == 0;
}

static bool has_been_tried(const struct path_fsm *fsm)
{
	return fsm->dial_reason[0];
}

static const char *cap_reason(const struct path_fsm *fsm)
{
	return fsm->cap.verdict == CAP_UNKNOWN ? "cap-unknown" : "cap-spent";
}

static bool is_other_cap(const struct path_fsm *fsm)
{
	return strcmp(fsm->reason, cap_reason(fsm)) != 0;
}

// ---- Sentences. Called before the state changes, so they see what was.

__attribute__((format(printf, 2, 3))) static void say(struct path_change *change, const char *fmt,
						      ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(change->text, sizeof(change->text), fmt, ap);
	va_end(ap);
}

static void say_switched(const struct path_fsm *fsm, const char *how, struct path_change *change)
{
	say(change, "%s by %s", how, fsm->who[0] ? fsm->who : "the configuration");
}

static void say_enabled(const struct path_fsm *fsm, struct path_change *change)
{
	say_switched(fsm, "enabled", change);
}

static void say_disabled(const struct path_fsm *fsm, struct path_change *change)
{
	say_switched(fsm, "disabled", change);
}

static void say_restarted(const struct path_fsm *fsm, struct path_change *change)
{
	say_switched(fsm, "reconnect asked", change);
}

static void say_address(const struct path_fsm *fsm, struct path_change *change)
{
	char text[ADDR_STRLEN];

	say(change, "has address %s, asking the exit",
	    addr_format(&fsm->facts.way[fsm->facts.to_exit].local, text));
}

static void say_moved(const struct path_fsm *fsm, struct path_change *change)
{
	char text[ADDR_STRLEN];

	say(change, "address changed to %s, asking the exit anew",
	    addr_format(&fsm->facts.way[fsm->facts.to_exit].local, text));
}

static void say_facts(const struct path_fsm *fsm, struct path_change *change)
{
	say(change, "%s%s%s", fsm->facts.note, fsm->facts.advice[0] ? ": " : "", fsm->facts.advice);
}

// The words for why the last probe was lost; "no reply" is the usual case.
static const char *error_words(int error)
{
	static const struct {
		int error;
		const char *words;
	} table[] = {
		{ -ENETUNREACH, "no route" },      { -EHOSTUNREACH, "host unreachable" },
		{ -EPERM, "blocked by firewall" }, { -EACCES, "blocked by firewall" },
		{ -ENETDOWN, "link down" },        { -EADDRNOTAVAIL, "address gone" },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (table[i].error == error)
			return table[i].words;
	}
	return "no reply";
}

// A ping was answered where handshakes are not. One from before the last handshake says nothing of
// the silence that came since.
static bool is_fresh(const struct path_fsm *fsm, int64_t echo_ms, int64_t now_ms)
{
	return echo_ms && now_ms - echo_ms < (fsm->optional ? ECHO_OPTIONAL_MS : ECHO_FRESH_MS) &&
	       echo_ms >= path_fsm_answered_ms(fsm);
}

static void say_silent(const struct path_fsm *fsm, struct path_change *change)
{
	char was[FORMAT_SIZE];

	if (is_fresh(fsm, fsm->exit_echo_ms, fsm->event_ms))
		say(change,
		    "%d probes lost, but the exit answers pings: is it running, is its port open?",
		    fsm->lost);
	else if (fsm->srtt_us)
		say(change, "%d of %d probes lost: %s (was %s ms)", fsm->lost, fsm->lost,
		    error_words(fsm->last_error), format_rtt(fsm->srtt_us, was));
	else
		say(change, "%d of %d probes lost: %s", fsm->lost, fsm->lost,
		    error_words(fsm->last_error));
}

static void say_stopped(const struct path_fsm *fsm, struct path_change *change)
{
	// short, so that what it means stands beside it in 80 columns
	say(change, "no %s for %lld ms", fsm->pulse.was_flowing ? "data" : "answer",
	    (long long)fsm->pulse.silent_ms);
}

static void say_flapping(const struct path_fsm *fsm, struct path_change *change)
{
	char text[FORMAT_SIZE];

	say(change, "changed %dx in 10 min, held down for %s", fsm->flaps,
	    format_duration((fsm->hold_until_ms - fsm->event_ms + 999) / 1000, text));
}

static void say_settled(const struct path_fsm *fsm, struct path_change *change)
{
	say(change, "steady again after %d changes", fsm->flaps);
}

static void say_stripped(const struct path_fsm *fsm, struct path_change *change)
{
	(void)fsm;
	say(change, "no MPTCP on this path: something on the way removes the option");
}

static void say_passes(const struct path_fsm *fsm, struct path_change *change)
{
	(void)fsm;
	say(change, "MPTCP passes again");
}

static void say_portal(const struct path_fsm *fsm, struct path_change *change)
{
	(void)fsm;
	say(change,
	    "portal?: TCP works, but what answers is not the exit: a login page on the way?");
}

static void say_familiar(const struct path_fsm *fsm, struct path_change *change)
{
	(void)fsm;
	say(change, "the exit itself answers again");
}

// What its RTT may not be beyond.
static int64_t slow_us(const struct path_fsm *fsm, int64_t now_ms)
{
	return 2 * path_fsm_min_rtt_us(fsm, now_ms) + SLOW_EXTRA_US;
}

static void say_worse(const struct path_fsm *fsm, struct path_change *change)
{
	char rtt[FORMAT_SIZE], limit[FORMAT_SIZE], slow[64] = "", lossy[64] = "";

	if (fsm->slow)
		snprintf(slow, sizeof(slow), "RTT %s ms over %s", format_rtt(fsm->srtt_us, rtt),
			 format_rtt(slow_us(fsm, fsm->event_ms), limit));
	if (fsm->lossy)
		snprintf(lossy, sizeof(lossy), "%sloss %.0f%% over %.0f%%", fsm->slow ? ", " : "",
			 fsm->loss_ratio * 100, LOSSY_RATIO * 100);
	say(change, "%s%s for %d s; kept in use", slow, lossy, QUALITY_LASTS_MS / 1000);
}

static void say_nameless(const struct path_fsm *fsm, struct path_change *change)
{
	say(change, "%s", fsm->dns_fault);
}

static void say_better(const struct path_fsm *fsm, struct path_change *change)
{
	char rtt[FORMAT_SIZE];

	if (strcmp(fsm->reason, REASON_DNS) == 0)
		say(change, "the name servers that are asked over it answer again");
	else
		say(change, "well again, RTT %s ms", format_rtt(fsm->srtt_us, rtt));
}

static void say_dialling(const struct path_fsm *fsm, struct path_change *change)
{
	say(change, "%s", fsm->dial_end.text);
}

static void say_capped(const struct path_fsm *fsm, struct path_change *change)
{
	say(change, "%s", fsm->cap.text);
}

static void say_allowed(const struct path_fsm *fsm, struct path_change *change)
{
	say(change, "may be used again%s%s", fsm->cap.note[0] ? ", " : "", fsm->cap.note);
}

static void say_first_answer(const struct path_fsm *fsm, struct path_change *change)
{
	say(change, "a probe was answered, %d more to go", path_fsm_good_needed(fsm) - fsm->good);
}

static void say_proved(const struct path_fsm *fsm, struct path_change *change)
{
	char text[FORMAT_SIZE];

	if (fsm->exit_refused)
		say(change, "the exit is reached, but refuses: is it running?");
	else if (fsm->failed)
		say(change, "probes back after %s",
		    format_duration((fsm->event_ms - fsm->failed_ms) / 1000, text));
	else
		say(change, "the exit answers, RTT %s ms",
		    format_rtt(fsm->srtt_us ? fsm->srtt_us : SNAPSHOT_UNKNOWN, text));
}

static void say_gone(const struct path_fsm *fsm, struct path_change *change)
{
	(void)fsm;
	say(change, "reaches the Internet; the exit is silent over every path");
}

static void say_exit_back(const struct path_fsm *fsm, struct path_change *change)
{
	(void)fsm;
	say(change, "the exit answers again");
}

// ---- The table

#define IN(state) (1u << PATH_STATE_##state)
#define USED      (IN(UP) | IN(DEGRADED))
#define WANTED    (IN(DOWN) | IN(DIALING) | IN(PROBING) | IN(BLOCKED) | IN(FLAPPING) | USED)
#define LINKED    (WANTED & ~IN(DOWN) & ~IN(DIALING))

// clang-format off
static const struct row {
	unsigned from; // bits of enum path_state
	enum fsm_event event;
	bool (*guard)(const struct path_fsm *fsm); // NULL: always
	enum path_state to;
	enum log_level level;
	void (*say)(const struct path_fsm *fsm, struct path_change *change);
} rows[] = {
	// a person
	{ IN(OFF) | IN(STANDBY),      ENABLE,   has_to_be_dialled,  PATH_STATE_DIALING,  LOG_LEVEL_NOTICE,  say_enabled },
	{ IN(OFF) | IN(STANDBY),      ENABLE,   is_ready,           PATH_STATE_PROBING,  LOG_LEVEL_NOTICE,  say_enabled },
	{ IN(OFF) | IN(STANDBY),      ENABLE,   NULL,               PATH_STATE_DOWN,     LOG_LEVEL_NOTICE,  say_enabled },
	{ IN(CAPPED),                 DISABLE,  is_optional,        PATH_STATE_CAPPED,   LOG_LEVEL_DEBUG,   NULL },
	{ IN(CAPPED),                 DISABLE,  NULL,               PATH_STATE_OFF,      LOG_LEVEL_NOTICE,  say_disabled },
	{ WANTED,                     DISABLE,  is_optional,        PATH_STATE_STANDBY,  LOG_LEVEL_NOTICE,  say_disabled },
	{ WANTED,                     DISABLE,  NULL,               PATH_STATE_OFF,      LOG_LEVEL_NOTICE,  say_disabled },
	{ WANTED & ~IN(DIALING),      RESTART,  is_ready,           PATH_STATE_PROBING,  LOG_LEVEL_NOTICE,  say_restarted },
	// the dialler
	{ IN(DOWN),                   DIAL,     has_been_tried,     PATH_STATE_DIALING,  LOG_LEVEL_INFO,    say_dialling },
	{ WANTED & ~IN(DIALING),      DIAL,     NULL,               PATH_STATE_DIALING,  LOG_LEVEL_NOTICE,  say_dialling },
	{ IN(DIALING),                DIALLED,  is_ready,           PATH_STATE_PROBING,  LOG_LEVEL_INFO,    say_address },
	{ IN(DIALING) | IN(DOWN),     UNDIALLED, is_another_try,    PATH_STATE_DOWN,     LOG_LEVEL_INFO,    say_dialling },
	{ WANTED,                     UNDIALLED, NULL,              PATH_STATE_DOWN,     LOG_LEVEL_WARNING, say_dialling },
	// the link
	{ IN(DIALING),                READY,    NULL,               PATH_STATE_PROBING,  LOG_LEVEL_INFO,    say_address },
	{ IN(DOWN),                   READY,    NULL,               PATH_STATE_PROBING,  LOG_LEVEL_INFO,    say_address },
	{ IN(DOWN) | IN(DIALING) | IN(PROBING), MOVED, NULL,               PATH_STATE_PROBING,  LOG_LEVEL_INFO,    say_moved },
	{ LINKED,                     MOVED,    NULL,               PATH_STATE_PROBING,  LOG_LEVEL_WARNING, say_moved },
	{ IN(DOWN),                   LOST,     is_other_reason,    PATH_STATE_DOWN,     LOG_LEVEL_NOTICE,  say_facts },
	{ IN(PROBING) | IN(FLAPPING), LOST,     NULL,               PATH_STATE_DOWN,     LOG_LEVEL_NOTICE,  say_facts },
	{ USED | IN(BLOCKED),         LOST,     NULL,               PATH_STATE_DOWN,     LOG_LEVEL_WARNING, say_facts },
	// probes
	{ IN(DOWN),                   GOOD,     NULL,               PATH_STATE_PROBING,  LOG_LEVEL_INFO,    say_first_answer },
	{ IN(PROBING),                GOOD,     is_proved_but_held, PATH_STATE_FLAPPING, LOG_LEVEL_WARNING, say_flapping },
	{ IN(PROBING),                GOOD,     is_proved,          PATH_STATE_UP,       LOG_LEVEL_NOTICE,  say_proved },
	{ IN(FLAPPING),               GOOD,     is_proved,          PATH_STATE_UP,       LOG_LEVEL_NOTICE,  say_settled },
	{ IN(FLAPPING),               BAD,      has_fallen_again,   PATH_STATE_FLAPPING, LOG_LEVEL_INFO,    say_flapping },
	// the exit alone, which has an event of its own
	{ USED,                       GOOD,     has_exit_back,      PATH_STATE_UP,       LOG_LEVEL_DEBUG,   say_exit_back },
	{ USED,                       GONE,     is_exit_silent,     PATH_STATE_UP,       LOG_LEVEL_DEBUG,   NULL },
	{ USED,                       GONE,     NULL,               PATH_STATE_UP,       LOG_LEVEL_DEBUG,   say_gone },
	{ IN(DOWN) | IN(PROBING) | IN(FLAPPING), GONE, is_held,      PATH_STATE_DOWN,     LOG_LEVEL_DEBUG,   NULL },
	{ IN(DOWN) | IN(PROBING) | IN(FLAPPING), GONE, NULL,         PATH_STATE_UP,       LOG_LEVEL_NOTICE,  say_gone },
	{ IN(PROBING) | USED,         BAD,      is_silent_and_held, PATH_STATE_FLAPPING, LOG_LEVEL_WARNING, say_flapping },
	{ IN(FLAPPING),               BAD,      is_silent_and_held, PATH_STATE_FLAPPING, LOG_LEVEL_DEBUG,   NULL },
	{ IN(PROBING),                BAD,      is_relapse,         PATH_STATE_DOWN,     LOG_LEVEL_INFO,    say_silent },
	{ LINKED,                     BAD,      is_silent,          PATH_STATE_DOWN,     LOG_LEVEL_WARNING, say_silent },
	// data
	{ USED,                       SILENT,   is_held,            PATH_STATE_FLAPPING, LOG_LEVEL_WARNING, say_flapping },
	{ USED,                       SILENT,   NULL,               PATH_STATE_DOWN,     LOG_LEVEL_WARNING, say_stopped },
	// what the probes' connections are
	{ IN(PROBING) | USED,         STRIPPED, is_stripped,        PATH_STATE_BLOCKED,  LOG_LEVEL_WARNING, say_stripped },
	{ IN(BLOCKED),                PASSES,   is_portal,          PATH_STATE_BLOCKED,  LOG_LEVEL_DEBUG,   NULL },
	{ IN(BLOCKED),                PASSES,   NULL,               PATH_STATE_PROBING,  LOG_LEVEL_NOTICE,  say_passes },
	{ IN(PROBING) | USED | IN(BLOCKED), STRANGER, is_new_portal, PATH_STATE_BLOCKED, LOG_LEVEL_WARNING, say_portal },
	{ IN(BLOCKED),                FAMILIAR, was_portal,         PATH_STATE_PROBING,  LOG_LEVEL_NOTICE,  say_familiar },
	// its data allowance
	{ WANTED | IN(STANDBY),       SPENT,    NULL,               PATH_STATE_CAPPED,   LOG_LEVEL_WARNING, say_capped },
	{ IN(CAPPED),                 SPENT,    is_other_cap,       PATH_STATE_CAPPED,   LOG_LEVEL_WARNING, say_capped },
	{ IN(CAPPED),                 ALLOWED,  is_optional,        PATH_STATE_STANDBY,  LOG_LEVEL_NOTICE,  say_allowed },
	{ IN(CAPPED),                 ALLOWED,  is_ready,           PATH_STATE_PROBING,  LOG_LEVEL_NOTICE,  say_allowed },
	{ IN(CAPPED),                 ALLOWED,  NULL,               PATH_STATE_DOWN,     LOG_LEVEL_NOTICE,  say_allowed },
	// quality
	{ USED,                       NAMELESS, NULL,               PATH_STATE_DEGRADED, LOG_LEVEL_WARNING, say_nameless },
	{ IN(UP),                     WORSE,    NULL,               PATH_STATE_DEGRADED, LOG_LEVEL_WARNING, say_worse },
	{ IN(DEGRADED),               BETTER,   NULL,               PATH_STATE_UP,       LOG_LEVEL_NOTICE,  say_better },
};
// clang-format on

static void forget_rtt(struct path_fsm *fsm)
{
	fsm->srtt_us = fsm->rttvar_us = 0;
	memset(fsm->min_rtt, 0, sizeof(fsm->min_rtt));
}

// `event` tells apart the two ways into PROBING: with a first answer counted, or with none.
static void enter(struct path_fsm *fsm, enum path_state to, enum fsm_event event)
{
	if (to != fsm->state || event == MOVED || event == RESTART)
		fsm->since_ms = fsm->event_ms;
	fsm->reason[0] = '\0';
	fsm->exit_silent = event == GONE;
	fsm->blamed = 0;
	if (!fsm->exit_silent)
		fsm->elsewhere_ms = 0;
	switch (to) {
	case PATH_STATE_CAPPED:
		str_copy(fsm->reason, sizeof(fsm->reason), cap_reason(fsm));
		// fallthrough
	case PATH_STATE_OFF:
	case PATH_STATE_STANDBY:
		fsm->failed = false;
		fsm->dial_reason[0] = fsm->dial_failure[0] = fsm->dial_note[0] = '\0';
		fsm->n_results = 0;
		fsm->flaps = fsm->stripped = fsm->strangers = 0;
		path_pulse_reset(&fsm->pulse);
		break;
	case PATH_STATE_FLAPPING:
	case PATH_STATE_DOWN:
		fsm->strangers = 0; // whoever answers next is asked anew
		path_pulse_reset(&fsm->pulse);
		if (!fsm->failed && 1u << fsm->state & LINKED && event != ENABLE) {
			fsm->failed = true;
			fsm->failed_ms = fsm->event_ms;
		}
		if (to == PATH_STATE_FLAPPING) {
			str_copy(fsm->reason, sizeof(fsm->reason), "flapping");
			break;
		}
		str_copy(fsm->reason, sizeof(fsm->reason),
			 event == UNDIALLED ? fsm->dial_end.reason
			 : fsm->facts.ready ? "no-reply"
					    : fsm->facts.reason);
		if (event != UNDIALLED)
			break;
		str_copy(fsm->dial_reason, sizeof(fsm->dial_reason), fsm->dial_end.reason);
		str_copy(fsm->dial_failure, sizeof(fsm->dial_failure), fsm->dial_end.note);
		str_copy(fsm->dial_note, sizeof(fsm->dial_note), fsm->dial_end.note);
		break;
	case PATH_STATE_DIALING:
		str_copy(fsm->reason, sizeof(fsm->reason), fsm->dial_reason);
		fsm->dial_note[0] = '\0';
		path_pulse_reset(&fsm->pulse);
		break;
	case PATH_STATE_PROBING:
		fsm->dial_note[0] = '\0';
		fsm->lost = 0;
		if (event != GOOD && event != PASSES) {
			fsm->stripped = fsm->strangers = 0;
			fsm->good = 0;
			forget_rtt(fsm);
			fsm->exit_echo_ms = fsm->gateway_echo_ms = fsm->net_echo_ms = 0;
		}
		break;
	case PATH_STATE_BLOCKED:
		str_copy(fsm->reason, sizeof(fsm->reason),
			 event == STRANGER ? REASON_PORTAL : "no-mptcp");
		break;
	case PATH_STATE_DEGRADED:
		str_copy(fsm->reason, sizeof(fsm->reason),
			 fsm->lossy                    ? "loss"
			 : fsm->slow || event == WORSE ? "slow"
						       : REASON_DNS);
		break;
	case PATH_STATE_UP:
		fsm->dial_reason[0] = fsm->dial_failure[0] = '\0';
		// the exit has yet to answer as often as after any failure
		fsm->failed &= fsm->exit_silent;
		if (fsm->exit_silent) {
			str_copy(fsm->reason, sizeof(fsm->reason), REASON_EXIT_SILENT);
			path_pulse_reset(&fsm->pulse);
		}
		fsm->quality_ms = 0;
		break;
	default:
		break;
	}
	fsm->state = to;
}

static bool take(struct path_fsm *fsm, enum fsm_event event, int64_t now_ms,
		 struct path_change *change)
{
	fsm->event_ms = now_ms;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *row = &rows[i];

		if (row->event != event || !(row->from & 1u << fsm->state) ||
		    (row->guard && !row->guard(fsm)))
			continue;
		if (!row->say)
			return false;
		*change = (struct path_change){ .from = fsm->state,
						.to = row->to,
						.level = row->level };
		row->say(fsm, change);
		enter(fsm, row->to, event);
		str_copy(change->reason, sizeof(change->reason), fsm->reason);
		return true;
	}
	return false;
}

// ---- Events

void path_fsm_init(struct path_fsm *fsm, bool optional, int64_t now_ms)
{
	*fsm = (struct path_fsm){
		.state = optional ? PATH_STATE_STANDBY : PATH_STATE_DOWN,
		.since_ms = now_ms,
		.optional = optional,
	};
	if (!optional)
		str_copy(fsm->reason, sizeof(fsm->reason), "starting");
}

bool path_fsm_enable(struct path_fsm *fsm, const char *who, int64_t now_ms,
		     struct path_change *change)
{
	str_copy(fsm->who, sizeof(fsm->who), who);
	return take(fsm, ENABLE, now_ms, change);
}

bool path_fsm_disable(struct path_fsm *fsm, const char *who, int64_t now_ms,
		      struct path_change *change)
{
	str_copy(fsm->who, sizeof(fsm->who), who);
	return take(fsm, DISABLE, now_ms, change);
}

bool path_fsm_restart(struct path_fsm *fsm, const char *who, int64_t now_ms,
		      struct path_change *change)
{
	str_copy(fsm->who, sizeof(fsm->who), who);
	return take(fsm, RESTART, now_ms, change);
}

bool path_fsm_dial(struct path_fsm *fsm, const char *why, int64_t now_ms,
		   struct path_change *change)
{
	fsm->dial_end = (struct path_dial_end){ 0 };
	str_copy(fsm->dial_end.text, sizeof(fsm->dial_end.text), why);
	return take(fsm, DIAL, now_ms, change);
}

bool path_fsm_dialled(struct path_fsm *fsm, int64_t now_ms, struct path_change *change)
{
	return take(fsm, DIALLED, now_ms, change);
}

bool path_fsm_undialled(struct path_fsm *fsm, const struct path_dial_end *end, int64_t now_ms,
			struct path_change *change)
{
	fsm->dial_end = *end;
	return take(fsm, UNDIALLED, now_ms, change);
}

void path_fsm_dial_note(struct path_fsm *fsm, const char *note)
{
	if (fsm->state == PATH_STATE_DIALING)
		str_copy(fsm->dial_note, sizeof(fsm->dial_note), note);
}

static bool has_moved(const struct path_facts *was, const struct path_facts *is)
{
	return was->ifindex != is->ifindex ||
	       !addr_equal(&was->way[was->to_exit].local, &is->way[is->to_exit].local);
}

bool path_fsm_observe(struct path_fsm *fsm, const struct path_facts *facts, int64_t now_ms,
		      struct path_change *change)
{
	const struct path_facts was = fsm->facts;

	fsm->facts = *facts;
	if (!facts->ready)
		return take(fsm, LOST, now_ms, change);
	if (!was.ready)
		return take(fsm, READY, now_ms, change);
	return has_moved(&was, facts) && take(fsm, MOVED, now_ms, change);
}

static void record_result(struct path_fsm *fsm, bool lost, int64_t now_ms)
{
	size_t i = fsm->n_results++ % PATH_RESULTS;

	fsm->results[i].time_ms = now_ms;
	fsm->results[i].lost = lost;
}

// Of the last minute; `lost`: only those.
static unsigned count_results(const struct path_fsm *fsm, int64_t now_ms, bool lost)
{
	uint64_t held = fsm->n_results < PATH_RESULTS ? fsm->n_results : PATH_RESULTS;
	unsigned n = 0;

	for (uint64_t i = 0; i < held; i++)
		n += now_ms - fsm->results[i].time_ms < LOSS_WINDOW_MS &&
		     (!lost || fsm->results[i].lost);
	return n;
}

// RFC 6298, section 2, without the granularity.
static void record_rtt(struct path_fsm *fsm, int64_t rtt_us, int64_t now_ms)
{
	int64_t minute = now_ms / 60000, error_us;
	size_t i = (size_t)(minute % PATH_MIN_RTT_MINUTES);

	if (!fsm->srtt_us) {
		fsm->srtt_us = rtt_us;
		fsm->rttvar_us = rtt_us / 2;
	} else {
		error_us = rtt_us > fsm->srtt_us ? rtt_us - fsm->srtt_us : fsm->srtt_us - rtt_us;
		fsm->rttvar_us += (error_us - fsm->rttvar_us) / 4;
		fsm->srtt_us += (rtt_us - fsm->srtt_us) / 8;
	}
	if (fsm->min_rtt[i].minute != minute || !fsm->min_rtt[i].rtt_us ||
	    rtt_us < fsm->min_rtt[i].rtt_us) {
		fsm->min_rtt[i].minute = minute;
		fsm->min_rtt[i].rtt_us = rtt_us;
	}
}

// Counts a fall of a path that was in use or about to be.
static void count_fall(struct path_fsm *fsm, int64_t now_ms)
{
	int64_t hold_ms = HOLD_MIN_MS;

	if (now_ms - fsm->fallen_ms > FLAP_FORGET_MS)
		fsm->flaps = 0;
	fsm->fallen_ms = now_ms;
	fsm->spoke = false;
	fsm->good = 0; // or the next lost probe would seem to end another series
	fsm->flaps++;
	for (int i = FLAPS_FOR_HOLD; i < fsm->flaps && hold_ms < HOLD_MAX_MS; i++)
		hold_ms *= 2;
	fsm->hold_until_ms = now_ms + (hold_ms < HOLD_MAX_MS ? hold_ms : HOLD_MAX_MS);
}

static bool is_own_fault(int error)
{
	return error == -EMFILE || error == -ENFILE || error == -ENOMEM || error == -ENOBUFS;
}

static bool is_slow(const struct path_fsm *fsm, int64_t now_ms)
{
	return path_fsm_min_rtt_us(fsm, now_ms) > 0 && fsm->srtt_us > slow_us(fsm, now_ms);
}

// Whether it is slow or lossy, once that has lasted. What a path carries itself makes it slow,
// which is no fault: its RTT counts while it is idle only.
static bool judge_quality(struct path_fsm *fsm, int64_t now_ms, struct path_change *change)
{
	bool was = fsm->state == PATH_STATE_DEGRADED;
	bool flows = fsm->pulse.flow_ms && now_ms - fsm->pulse.flow_ms < QUALITY_LASTS_MS;
	bool poor;

	if (fsm->exit_silent)
		return false;
	fsm->loss_ratio = path_fsm_loss_ratio(fsm, now_ms);
	fsm->lossy = was ? fsm->loss_ratio > CLEAN_RATIO
			 : fsm->loss_ratio > LOSSY_RATIO &&
				     count_results(fsm, now_ms, true) >= LOSSY_PROBES;
	fsm->slow = !flows && is_slow(fsm, now_ms);
	poor = fsm->lossy || fsm->slow || fsm->dns_fault[0];
	if (poor == was) {
		fsm->quality_ms = now_ms;
		return false;
	}
	if (!fsm->quality_ms)
		fsm->quality_ms = now_ms;
	if (now_ms - fsm->quality_ms < QUALITY_LASTS_MS)
		return false;
	return take(fsm, poor ? WORSE : BETTER, now_ms, change);
}

// Data comes over it from others than the exit, or did until nobody asked for any.
static bool works_elsewhere(const struct path_fsm *fsm, int64_t now_ms)
{
	int64_t asked_ms = fsm->stirred_ms < now_ms ? fsm->stirred_ms : now_ms;

	return fsm->elsewhere_ms && asked_ms - fsm->elsewhere_ms < ECHO_FRESH_MS;
}

// Pings past the first hop are answered, and a handshake that was begun after that is not. One that
// was under way when a line came back is given up later than the first ping is answered.
static bool pings_alone(const struct path_fsm *fsm, int64_t now_ms)
{
	return is_fresh(fsm, fsm->net_echo_ms, now_ms) &&
	       fsm->lost_ms - path_fsm_probe_timeout_ms(fsm) >= fsm->net_first_ms;
}

static bool reaches_net(const struct path_fsm *fsm, int64_t now_ms)
{
	return pings_alone(fsm, now_ms) || works_elsewhere(fsm, now_ms);
}

static bool take_lost(struct path_fsm *fsm, int error, int64_t now_ms, struct path_change *change)
{
	bool net;

	fsm->spoke |= fsm->good > 0;
	fsm->good = 0;
	fsm->lost++;
	fsm->last_error = error;
	fsm->lost_ms = now_ms;
	fsm->blamed = fsm->others == OTHERS_REACH_IT ? fsm->blamed + 1 : 0;
	net = reaches_net(fsm, now_ms);
	if (net && fsm->others == OTHERS_FAIL && (is_silent(fsm) || fsm->failed))
		return take(fsm, GONE, now_ms, change);
	// when the exit comes back it does not answer over all paths at once
	if (net &&
	    (fsm->exit_silent ? fsm->blamed < PATH_LOST_FOR_DOWN
			      : fsm->others == OTHERS_UNASKED && fsm->lost < PATH_LOST_UNDECIDED))
		return false;
	if (is_silent(fsm) && (path_fsm_verified(fsm) ||
			       (fsm->failed && fsm->spoke && fsm->lost == PATH_LOST_FOR_DOWN)))
		count_fall(fsm, now_ms);
	return take(fsm, BAD, now_ms, change);
}

bool path_fsm_probe(struct path_fsm *fsm, int error, int64_t rtt_us, int64_t now_ms,
		    struct path_change *change)
{
	bool lost = error && error != -ECONNREFUSED;

	// a result that comes after the link went or the path was switched off is about the past
	if (is_own_fault(error) || !path_fsm_wanted(fsm) || !fsm->facts.ready)
		return false;
	// what was lost while it was out says nothing about the line that came back
	if (!lost && (fsm->failed || fsm->exit_silent) && !fsm->good)
		fsm->n_results = 0;
	record_result(fsm, lost, now_ms);
	if (lost)
		return take_lost(fsm, error, now_ms, change);
	fsm->blamed = 0;
	path_pulse_answer(&fsm->pulse, now_ms);
	fsm->lost = 0;
	fsm->good = fsm->state == PATH_STATE_DOWN ? 1 : fsm->good + 1;
	fsm->exit_refused = error == -ECONNREFUSED;
	// the least RTT stays: a line that comes back loaded is not a longer one
	if (fsm->state == PATH_STATE_DOWN)
		fsm->srtt_us = fsm->rttvar_us = 0;
	if (rtt_us > 0)
		record_rtt(fsm, rtt_us, now_ms);
	if (take(fsm, GOOD, now_ms, change))
		return true;
	return judge_quality(fsm, now_ms, change);
}

bool path_fsm_mptcp(struct path_fsm *fsm, bool passes, int64_t now_ms, struct path_change *change)
{
	if (!path_fsm_wanted(fsm) || !fsm->facts.ready)
		return false;
	fsm->stripped = passes ? 0 : fsm->stripped + 1;
	return take(fsm, passes ? PASSES : STRIPPED, now_ms, change);
}

bool path_fsm_stranger(struct path_fsm *fsm, bool stranger, int64_t now_ms,
		       struct path_change *change)
{
	if (!path_fsm_wanted(fsm) || !fsm->facts.ready)
		return false;
	fsm->strangers = stranger ? fsm->strangers + 1 : 0;
	return take(fsm, stranger ? STRANGER : FAMILIAR, now_ms, change);
}

// Quality has to be well for a while before it counts as well; that names are answered is told at
// once.
bool path_fsm_dns(struct path_fsm *fsm, const char *fault, int64_t now_ms,
		  struct path_change *change)
{
	bool failed = fsm->dns_fault[0];

	// while it does not carry its state says more
	if (!path_fsm_verified(fsm))
		fault = "";
	str_copy(fsm->dns_fault, sizeof(fsm->dns_fault), fault);
	if (fault[0] && !failed)
		return take(fsm, NAMELESS, now_ms, change);
	return !fault[0] && failed && strcmp(fsm->reason, REASON_DNS) == 0 &&
	       take(fsm, BETTER, now_ms, change);
}

bool path_fsm_cap(struct path_fsm *fsm, const struct path_cap *cap, int64_t now_ms,
		  struct path_change *change)
{
	fsm->cap = *cap;
	return take(fsm, cap->verdict == CAP_FREE ? ALLOWED : SPENT, now_ms, change);
}

void path_fsm_exit_echo(struct path_fsm *fsm, int64_t now_ms)
{
	path_fsm_router_echo(fsm, now_ms);
	fsm->exit_echo_ms = now_ms;
}

void path_fsm_router_echo(struct path_fsm *fsm, int64_t now_ms)
{
	if (!is_fresh(fsm, fsm->net_echo_ms, now_ms))
		fsm->net_first_ms = now_ms;
	fsm->net_echo_ms = now_ms;
}

void path_fsm_gateway_echo(struct path_fsm *fsm, int64_t now_ms)
{
	fsm->gateway_echo_ms = now_ms;
}

bool path_fsm_traffic(struct path_fsm *fsm, const struct path_traffic *traffic, int64_t now_ms,
		      struct path_change *change)
{
	const struct path_rtt rtt = {
		.smoothed_us = fsm->srtt_us,
		.var_us = fsm->rttvar_us,
		.least_us = path_fsm_min_rtt_us(fsm, now_ms),
	};
	bool progress = traffic->rx_bytes > fsm->rx_bytes;

	fsm->rx_bytes = traffic->rx_bytes;
	path_pulse_look(&fsm->pulse, traffic);
	if (progress && (traffic->direct || fsm->exit_silent || fsm->state == PATH_STATE_DOWN))
		fsm->elsewhere_ms = now_ms;
	if (!path_fsm_verified(fsm)) {
		path_pulse_reset(&fsm->pulse);
		return false;
	}
	if (progress && !traffic->direct)
		fsm->lost = 0;
	if (!path_pulse_is_dead(&fsm->pulse, &rtt, now_ms))
		return false;
	count_fall(fsm, now_ms);
	return take(fsm, SILENT, now_ms, change);
}

void path_fsm_doubt(struct path_fsm *fsm, int64_t now_ms)
{
	if (path_fsm_verified(fsm))
		path_pulse_doubt(&fsm->pulse, now_ms);
}

void path_fsm_silence(struct path_fsm *fsm, int64_t now_ms)
{
	if (path_fsm_verified(fsm))
		path_pulse_silence(&fsm->pulse, now_ms);
}

bool path_fsm_wants_shot(struct path_fsm *fsm, int64_t now_ms)
{
	return path_fsm_verified(fsm) && path_pulse_wants_shot(&fsm->pulse, fsm->optional, now_ms);
}

void path_fsm_stir(struct path_fsm *fsm, int64_t now_ms)
{
	fsm->stirred_ms = now_ms;
}

// ---- Queries

bool path_fsm_wanted(const struct path_fsm *fsm)
{
	return fsm->state != PATH_STATE_OFF && fsm->state != PATH_STATE_STANDBY &&
	       fsm->state != PATH_STATE_CAPPED;
}

bool path_fsm_verified(const struct path_fsm *fsm)
{
	return is_used(fsm) && !fsm->exit_silent;
}

bool path_fsm_works(const struct path_fsm *fsm)
{
	return is_used(fsm);
}

bool path_fsm_may_begin(const struct path_fsm *fsm)
{
	return path_fsm_verified(fsm) && fsm->lost < PATH_LOST_FOR_DOWN - 1 &&
	       !fsm->pulse.suspect_ms && !fsm->exit_refused;
}

bool path_fsm_exit_fault(const struct path_fsm *fsm, int64_t now_ms)
{
	if (is_used(fsm) || fsm->state == PATH_STATE_BLOCKED)
		return fsm->exit_refused || fsm->exit_silent;
	return path_fsm_wanted(fsm) && fsm->facts.ready && reaches_net(fsm, now_ms);
}

static bool was_lost(const struct path_fsm *fsm)
{
	return fsm->n_results && fsm->results[(fsm->n_results - 1) % PATH_RESULTS].lost;
}

// When the last probes began, as many as make a path DOWN with the one that is told next.
static int64_t asked_since_ms(const struct path_fsm *fsm)
{
	uint64_t n = fsm->n_results < PATH_LOST_FOR_DOWN ? fsm->n_results : PATH_LOST_FOR_DOWN - 1;

	if (!n)
		return 0;
	return fsm->results[(fsm->n_results - n) % PATH_RESULTS].time_ms -
	       path_fsm_probe_timeout_ms(fsm);
}

enum path_others plan_others(const struct path_fsm fsms[], size_t n, size_t path, bool none)
{
	int64_t since_ms = asked_since_ms(&fsms[path]);
	enum path_others others = OTHERS_FAIL;

	for (size_t i = 0; i < n; i++) {
		const struct path_fsm *fsm = &fsms[i];

		// what answers at a portal is not the exit
		if (i == path || !path_fsm_wanted(fsm) || !fsm->facts.ready || is_portal(fsm))
			continue;
		if (path_fsm_answered_ms(fsm) > since_ms)
			return OTHERS_REACH_IT;
		if (path_fsm_verified(fsm) && !was_lost(fsm) && !none)
			others = OTHERS_UNASKED;
	}
	return others;
}

bool path_fsm_gateway_answers(const struct path_fsm *fsm, int64_t now_ms)
{
	return is_fresh(fsm, fsm->gateway_echo_ms, now_ms);
}

static bool is_busy(const struct path_fsm *fsm, int64_t now_ms)
{
	return (fsm->pulse.flow_ms && now_ms - fsm->pulse.flow_ms < TRAFFIC_LASTS_MS) ||
	       (fsm->stirred_ms && now_ms - fsm->stirred_ms < TRAFFIC_LASTS_MS);
}

int path_fsm_probe_interval_ms(const struct path_fsm *fsm, int64_t now_ms)
{
	if (!path_fsm_wanted(fsm) || !fsm->facts.ready || fsm->state == PATH_STATE_DIALING)
		return 0;
	if (fsm->exit_silent)
		return fsm->good || fsm->blamed ? INTERVAL_FAST_MS
		       : fsm->optional          ? INTERVAL_OPTIONAL_MS
						: INTERVAL_MS;
	if (is_used(fsm) && !fsm->optional && is_busy(fsm, now_ms))
		return INTERVAL_TRAFFIC_MS;
	if (fsm->state == PATH_STATE_FLAPPING && !fsm->optional)
		return INTERVAL_FAST_MS;
	if (fsm->state == PATH_STATE_PROBING || (is_used(fsm) && fsm->lost))
		return INTERVAL_FAST_MS;
	return fsm->optional ? INTERVAL_OPTIONAL_MS : INTERVAL_MS;
}

int path_fsm_probe_timeout_ms(const struct path_fsm *fsm)
{
	int64_t wait_ms = 2 * (fsm->srtt_us + 4 * fsm->rttvar_us) / 1000;

	if (!fsm->srtt_us || wait_ms > TIMEOUT_MAX_MS)
		return TIMEOUT_MAX_MS;
	return wait_ms < TIMEOUT_MIN_MS ? TIMEOUT_MIN_MS : (int)wait_ms;
}

// Of a number that the state PROBING and UP have.
static int64_t measured(const struct path_fsm *fsm, int64_t value)
{
	if (!path_fsm_wanted(fsm) || fsm->state == PATH_STATE_DOWN ||
	    fsm->state == PATH_STATE_DIALING)
		return SNAPSHOT_NONE;
	return fsm->srtt_us && !fsm->exit_silent ? value : SNAPSHOT_UNKNOWN;
}

int64_t path_fsm_rtt_us(const struct path_fsm *fsm)
{
	return measured(fsm, fsm->srtt_us);
}

int64_t path_fsm_jitter_us(const struct path_fsm *fsm)
{
	return measured(fsm, fsm->rttvar_us);
}

int64_t path_fsm_min_rtt_us(const struct path_fsm *fsm, int64_t now_ms)
{
	int64_t oldest = now_ms / 60000 - PATH_MIN_RTT_MINUTES + 1, min_us = 0;

	for (size_t i = 0; i < PATH_MIN_RTT_MINUTES; i++) {
		int64_t rtt_us = fsm->min_rtt[i].rtt_us;

		if (rtt_us && fsm->min_rtt[i].minute >= oldest && (!min_us || rtt_us < min_us))
			min_us = rtt_us;
	}
	return min_us ? measured(fsm, min_us) : measured(fsm, SNAPSHOT_UNKNOWN);
}

int64_t path_fsm_answered_ms(const struct path_fsm *fsm)
{
	for (uint64_t n = fsm->n_results; n > 0 && n + PATH_RESULTS > fsm->n_results; n--) {
		if (!fsm->results[(n - 1) % PATH_RESULTS].lost)
			return fsm->results[(n - 1) % PATH_RESULTS].time_ms;
	}
	return 0;
}

double path_fsm_loss_ratio(const struct path_fsm *fsm, int64_t now_ms)
{
	unsigned n = count_results(fsm, now_ms, false);

	if (!path_fsm_wanted(fsm) || fsm->state == PATH_STATE_DIALING)
		return SNAPSHOT_NONE;
	if (fsm->state == PATH_STATE_DOWN)
		return 1;
	// the exit's fault, not its own
	if (fsm->exit_silent)
		return SNAPSHOT_UNKNOWN;
	return n ? (double)count_results(fsm, now_ms, true) / n : SNAPSHOT_UNKNOWN;
}

static const char *down_words(const struct path_fsm *fsm, int64_t now_ms)
{
	if (fsm->dial_note[0])
		return fsm->dial_note;
	if (!fsm->facts.ready)
		return fsm->facts.note[0] ? fsm->facts.note : "starting";
	if (path_fsm_exit_fault(fsm, now_ms))
		return "net ok, exit no";
	if (is_fresh(fsm, fsm->gateway_echo_ms, now_ms))
		return "no reply past gateway";
	return error_words(fsm->last_error);
}

// "RTT>184 LOSS>5%", or "DNS fails"; as it was when it became so, while it gets better.
static void write_quality(const struct path_fsm *fsm, int64_t now_ms, char out[static NOTE_SIZE])
{
	bool lossy = fsm->lossy || (!fsm->slow && strcmp(fsm->reason, "loss") == 0);
	char limit[FORMAT_SIZE], slow[FORMAT_SIZE + 8] = "";

	if (fsm->slow || (!lossy && strcmp(fsm->reason, REASON_DNS) != 0))
		snprintf(slow, sizeof(slow), "RTT>%s", format_rtt(slow_us(fsm, now_ms), limit));
	snprintf(out, NOTE_SIZE, "%s%s", slow, slow[0] && lossy ? " " : "");
	if (lossy)
		snprintf(out + strlen(out), NOTE_SIZE - strlen(out), "LOSS>%.0f%%",
			 LOSSY_RATIO * 100);
	if (fsm->dns_fault[0])
		snprintf(out + strlen(out), NOTE_SIZE - strlen(out), "%sDNS fails",
			 out[0] ? " " : "");
}

void path_fsm_note(const struct path_fsm *fsm, int64_t now_ms, char out[static NOTE_SIZE])
{
	char age[FORMAT_SIZE];

	format_duration_short((now_ms - fsm->since_ms) / 1000, age);
	switch (fsm->state) {
	case PATH_STATE_OFF:
		snprintf(out, NOTE_SIZE, "off %s", age);
		break;
	case PATH_STATE_STANDBY:
		str_copy(out, NOTE_SIZE, fsm->cap.note[0] ? fsm->cap.note : "on demand");
		break;
	case PATH_STATE_CAPPED:
		str_copy(out, NOTE_SIZE, fsm->cap.note);
		break;
	case PATH_STATE_DIALING:
		if (fsm->dial_note[0])
			snprintf(out, NOTE_SIZE, "%s %.70s", age, fsm->dial_note);
		else if (fsm->dial_failure[0])
			snprintf(out, NOTE_SIZE, "%s (%.60s)", age, fsm->dial_failure);
		else
			str_copy(out, NOTE_SIZE, age);
		break;
	case PATH_STATE_PROBING:
		snprintf(out, NOTE_SIZE, "%d of %d answers", fsm->good, path_fsm_good_needed(fsm));
		break;
	case PATH_STATE_FLAPPING:
		snprintf(out, NOTE_SIZE, "%dx in 10 min", fsm->flaps);
		break;
	case PATH_STATE_BLOCKED:
		str_copy(out, NOTE_SIZE, was_portal(fsm) ? "portal?" : "no MPTCP on path");
		break;
	case PATH_STATE_DEGRADED:
		write_quality(fsm, now_ms, out);
		break;
	case PATH_STATE_UP:
		if (fsm->exit_refused)
			snprintf(out, NOTE_SIZE, "up, exit refuses");
		else if (fsm->exit_silent)
			snprintf(out, NOTE_SIZE, "up, exit silent");
		else
			snprintf(out, NOTE_SIZE, "up %s", age);
		break;
	default:
		snprintf(out, NOTE_SIZE, "%.70s %s", down_words(fsm, now_ms), age);
		break;
	}
}
