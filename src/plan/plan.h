// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef PLAN_PLAN_H
#define PLAN_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "config/config.h"
#include "model/conns.h"
#include "model/kstate.h"
#include "model/op.h"
#include "model/path.h"
#include "model/path_test.h"
#include "model/snapshot.h"

// Decisions, and nothing else: no descriptor, no clock, no library. Time is CLOCK_MONOTONIC in
// milliseconds, given by the caller. The round of the gateway:
//
//	kern_observe -> plan_readiness_all -> path_fsm_observe -> plan_want -> plan_diff ->
// kern_apply
//
// and again when the kernel reports a change or a state machine does.

// ---- Readiness: what a path's interface offers.

enum plan_family { PLAN_V4, PLAN_V6, PLAN_FAMILIES };

// One family of one path.
struct path_way {
	struct addr local;   // AF_UNSPEC: no usable global address
	uint8_t prefix_len;  // of the connected network
	struct addr gateway; // AF_UNSPEC on a way that needs none (PPP, tun)
	struct addr peer;    // of a point-to-point link; else AF_UNSPEC
	bool routable;       // interface up, address there, gateway known or not needed
};

struct path_facts {
	int ifindex; // 0: no such interface
	int mtu;     // 0: not known
	struct path_way way[PLAN_FAMILIES];
	bool ready;               // the way to the exit is routable, and there is a carrier
	enum plan_family to_exit; // which way that is, or would be
	char reason[REASON_SIZE]; // when not ready, for programs: "no-carrier"
	char note[NOTE_SIZE];     // for people, short: "no carrier"
	char advice[NOTE_SIZE];   // for the log: why, and what to do; may be empty
};

// `*facts` is in and out: zero-initialised at first, then the last answer, whose addresses are kept
// while they stay usable, so that a new temporary IPv6 address does not move the path.
// `family` is that of the exit's address; a path without it is not ready. AF_UNSPEC: any will do.
void plan_readiness(const struct config_path *path, const struct kstate *observed,
		    sa_family_t family, struct path_facts *facts);
// The same for all configured paths, facts[] in their order. Of several with the same address, as
// modems like to give out, only the first is ready: packets from there can go one way only.
void plan_readiness_all(const struct config *config, const struct kstate *observed,
			sa_family_t family, struct path_facts facts[]);

// ---- Pulse of one path: does what was moving a moment ago still move? See pulse.c.

// What the data path saw, one look after the other, many a second while data moves.
struct path_traffic {
	int64_t time_ms;             // up to when the rest is complete
	int64_t heard_ms;            // last packet on a subflow of ours; 0: never
	uint64_t rx_bytes, tx_bytes; // by our subflows, since start
	uint64_t line_rx_bytes;      // of the interface, whosever they are
	bool direct;    // none of it is the exit's: new connections go straight to their targets
	uint32_t stuck; // subflows whose retransmissions go unanswered
};

struct path_rtt {
	int64_t smoothed_us, var_us, least_us; // <= 0: not known
};

// Zero-initialised at first.
struct path_pulse {
	int64_t flow_ms;    // data last moved
	int64_t heard_ms;   // last sign of life
	int64_t suspect_ms; // silent since, where it should not be; 0: no
	bool was_flowing;   // suspect because a flow stopped
	int shots;          // probes sent since, the first of them at shot_ms
	int64_t shot_ms, last_shot_ms;
	int64_t line_ms;   // the line last brought somebody's data
	int64_t dead_ms;   // last found dead, until an answer comes
	int64_t silent_ms; // how long it was silent then
	int64_t patience_ms, patience_since_ms;
	uint64_t bytes, line_bytes; // at the last look
	uint32_t stuck;
};

void path_pulse_look(struct path_pulse *pulse, const struct path_traffic *traffic);
// Something else says that it may be dead.
void path_pulse_doubt(struct path_pulse *pulse, int64_t now_ms);
// What others had moving has stopped.
void path_pulse_silence(struct path_pulse *pulse, int64_t now_ms);
void path_pulse_answer(struct path_pulse *pulse, int64_t now_ms);
// Forgets what was moving.
void path_pulse_reset(struct path_pulse *pulse);
// Whether a probe is to be sent at once; counts it. `metered`: rarely.
bool path_pulse_wants_shot(struct path_pulse *pulse, bool metered, int64_t now_ms);
// True once.
bool path_pulse_is_dead(struct path_pulse *pulse, const struct path_rtt *rtt, int64_t now_ms);

// ---- State machine of one path.

// Numbers of console.md: down after three lost, up after five good when it had failed before.
#define PATH_LOST_FOR_DOWN      3
#define PATH_GOOD_FOR_FIRST_UP  2
#define PATH_GOOD_AFTER_FAILURE 5
// Connections in a row that came back without MPTCP.
#define PATH_STRIPPED_FOR_BLOCKED 3
// Checks in a row that somebody took and nobody with the exit's key answered.
#define PATH_STRANGERS_FOR_BLOCKED 2

#define PATH_RESULTS         128 // more than a minute's probes at the shortest interval
#define PATH_MIN_RTT_MINUTES 5

// How an attempt to dial ended, or a link that was dialled.
struct path_dial_end {
	char reason[REASON_SIZE];
	char note[NOTE_SIZE];
	char text[EVENT_TEXT_SIZE];
};

enum cap_verdict { CAP_FREE, CAP_SPENT, CAP_UNKNOWN };

// Whether its data allowance lets the path carry, and the words for it.
struct path_cap {
	enum cap_verdict verdict;
	char note[NOTE_SIZE]; // for the console's NOTE; empty: nothing to say
	char text[EVENT_TEXT_SIZE];
};

// Whether the exit, which is silent here, answers over other paths; see plan_others().
enum path_others {
	OTHERS_REACH_IT,
	OTHERS_UNASKED, // one of them has not been asked since
	OTHERS_FAIL,    // over none
};

// Others read `state`, `since_ms` and `reason`; the rest through the functions below.
struct path_fsm {
	enum path_state state;
	int64_t since_ms; // when the state began
	char reason[REASON_SIZE];

	int64_t event_ms; // when the newest event came
	bool optional;
	char who[64]; // who switched it last; empty: the configuration
	struct path_facts facts;
	bool dials;                    // its link has to be dialled; for others to set
	struct path_dial_end dial_end; // the newest
	char dial_reason[REASON_SIZE]; // of the last failure since the path was UP
	char dial_failure[NOTE_SIZE];  // the same for people, shown while it is tried again
	char dial_note[NOTE_SIZE];     // what the dialler has to say of the state
	bool failed;                   // broke down since it was last UP or switched on,
	int64_t failed_ms;             // at this time
	int good, lost;                // probes in a row
	int last_error;                // of the last lost probe
	bool exit_refused;             // the last answer was a refusal
	enum path_others others;       // what the others say of the exit; for others to set
	bool exit_silent;              // UP, although the exit does not answer: it does over none
	int blamed;                    // probes lost in a row since it answers over another
	int64_t lost_ms;               // when the last handshake was given up
	// Last answer to a ping of the exit, of the first hop, of the exit or a router on the way
	// there, and the first of these in this silence; 0: none
	int64_t exit_echo_ms, gateway_echo_ms, net_echo_ms, net_first_ms;
	int64_t elsewhere_ms; // the path last brought data, although the exit does not answer; 0:
			      // it did not

	int64_t srtt_us, rttvar_us; // RFC 6298; srtt 0: not measured
	struct {
		int64_t minute, rtt_us; // rtt 0: none
	} min_rtt[PATH_MIN_RTT_MINUTES];
	struct {
		int64_t time_ms;
		bool lost;
	} results[PATH_RESULTS];
	uint64_t n_results; // ever
	struct path_pulse pulse;
	uint64_t rx_bytes;  // by our subflows, at the last look
	int64_t stirred_ms; // connections last began
	int stripped;       // probes in a row whose connection was not MPTCP
	int flaps;          // falls, none more than ten minutes after the one before
	bool spoke;         // has answered since the last fall
	int64_t fallen_ms, hold_until_ms;
	struct path_cap cap;
	int64_t quality_ms; // last as good, or as bad, as the state says
	bool slow, lossy;
	char dns_fault[NOTE_SIZE]; // of name servers that are asked over it; empty: none
	double loss_ratio;         // when the quality was last judged
	int strangers;             // checks in a row that something else than the exit answered
};

// What an event changed, for log, event list and alarms. `text` is the sentence after the state's
// word: "probes back after 41 s".
struct path_change {
	enum path_state from, to; // equal when only the reason of a DOWN changed
	char reason[REASON_SIZE];
	char text[EVENT_TEXT_SIZE];
	enum log_level level;
};

// An optional path begins in STANDBY, any other in DOWN until its facts come.
void path_fsm_init(struct path_fsm *fsm, bool optional, int64_t now_ms);

// Each takes one event and returns whether there is something to tell; then *change is filled in.
// `who` is as in struct command: "root on ttyS0".
bool path_fsm_enable(struct path_fsm *fsm, const char *who, int64_t now_ms,
		     struct path_change *change);
bool path_fsm_disable(struct path_fsm *fsm, const char *who, int64_t now_ms,
		      struct path_change *change);
// Out of use and back: the path must prove itself anew, and gets a new endpoint then. Nothing
// happens to a path that is not wanted or has no link.
bool path_fsm_restart(struct path_fsm *fsm, const char *who, int64_t now_ms,
		      struct path_change *change);
// The link is being dialled, for the first time or anew; `why` is the sentence.
bool path_fsm_dial(struct path_fsm *fsm, const char *why, int64_t now_ms,
		   struct path_change *change);
// The dialler says that it is up; or that it did not come up, or is not up any more.
bool path_fsm_dialled(struct path_fsm *fsm, int64_t now_ms, struct path_change *change);
bool path_fsm_undialled(struct path_fsm *fsm, const struct path_dial_end *end, int64_t now_ms,
			struct path_change *change);
// What dialling is at, for path_fsm_note(): "searching".
void path_fsm_dial_note(struct path_fsm *fsm, const char *note);
// New facts, also when they are the same as before.
bool path_fsm_observe(struct path_fsm *fsm, const struct path_facts *facts, int64_t now_ms,
		      struct path_change *change);
// A TCP probe ended: `error` 0 or -errno. -ECONNREFUSED proves the path, not the exit. Errors
// that are this machine's own (-EMFILE, -ENOBUFS ...) tell nothing and are ignored. `rtt_us` <= 0:
// answered, but without a sample.
bool path_fsm_probe(struct path_fsm *fsm, int error, int64_t rtt_us, int64_t now_ms,
		    struct path_change *change);
// A connection to the exit came about over this path, as MPTCP or without.
bool path_fsm_mptcp(struct path_fsm *fsm, bool passes, int64_t now_ms, struct path_change *change);
// A check of the path came to somebody who is not the exit, which does answer over another path; or
// the exit itself answered.
bool path_fsm_stranger(struct path_fsm *fsm, bool stranger, int64_t now_ms,
		       struct path_change *change);
// What ails the name servers that are asked straight over it, or "", also when it is the same as
// before.
bool path_fsm_dns(struct path_fsm *fsm, const char *fault, int64_t now_ms,
		  struct path_change *change);
// What its cap says now, also when it is the same as before.
bool path_fsm_cap(struct path_fsm *fsm, const struct path_cap *cap, int64_t now_ms,
		  struct path_change *change);
// A ping was answered: by the exit, by a router of the Internet on the way there, by the gateway.
// What that means shows when the next handshake is lost.
void path_fsm_exit_echo(struct path_fsm *fsm, int64_t now_ms);
void path_fsm_router_echo(struct path_fsm *fsm, int64_t now_ms);
void path_fsm_gateway_echo(struct path_fsm *fsm, int64_t now_ms);
// What the data path saw. Where bytes arrive, lost probes are counted anew: a full line delays them
// for seconds, and is not DOWN.
bool path_fsm_traffic(struct path_fsm *fsm, const struct path_traffic *traffic, int64_t now_ms,
		      struct path_change *change);
// A handshake over this path was overtaken by another's.
void path_fsm_doubt(struct path_fsm *fsm, int64_t now_ms);
// What others had moving over this path has stopped: nothing comes back.
void path_fsm_silence(struct path_fsm *fsm, int64_t now_ms);
// Whether a probe is to be sent at once, on top of the regular ones; counts it.
bool path_fsm_wants_shot(struct path_fsm *fsm, int64_t now_ms);
// Connections began just now, over whichever path.
void path_fsm_stir(struct path_fsm *fsm, int64_t now_ms);

// Whether the exit answers over paths other than this one, which has just lost a probe: to be asked
// before path_fsm_probe() is told. `none`: no exit is reached, by what is known of them all.
enum path_others plan_others(const struct path_fsm fsms[], size_t n, size_t path, bool none);

// A person or the configuration wants it, and it may be had: not OFF, not STANDBY, not CAPPED.
bool path_fsm_wanted(const struct path_fsm *fsm);
// The exit is reached over it: it may hold an endpoint.
bool path_fsm_verified(const struct path_fsm *fsm);
// The Internet is: verified, or the exit alone is silent. What goes straight to its target may go
// there.
bool path_fsm_works(const struct path_fsm *fsm);
// May begin connections: verified, not suspected to be dead, and the exit does not refuse.
bool path_fsm_may_begin(const struct path_fsm *fsm);
// The path works, the exit does not: its port refuses, or is silent while its address or routers on
// the way there answer, or connections straight to their targets get data.
bool path_fsm_exit_fault(const struct path_fsm *fsm, int64_t now_ms);
// The next router has answered a ping lately.
bool path_fsm_gateway_answers(const struct path_fsm *fsm, int64_t now_ms);
// How often to probe (0: not at all; it would spend, or cannot work) and how long to wait.
int path_fsm_probe_interval_ms(const struct path_fsm *fsm, int64_t now_ms);
int path_fsm_probe_timeout_ms(const struct path_fsm *fsm);
// Smoothed as in RFC 6298. SNAPSHOT_UNKNOWN before the first sample, SNAPSHOT_NONE when the state
// has none.
int64_t path_fsm_rtt_us(const struct path_fsm *fsm);
int64_t path_fsm_jitter_us(const struct path_fsm *fsm);
// Of the last PATH_MIN_RTT_MINUTES.
int64_t path_fsm_min_rtt_us(const struct path_fsm *fsm, int64_t now_ms);
// When a probe was last answered; 0: none of those that are remembered.
int64_t path_fsm_answered_ms(const struct path_fsm *fsm);
// How many good probes in a row the path needs to be used.
int path_fsm_good_needed(const struct path_fsm *fsm);
// Of the probes of the last minute.
double path_fsm_loss_ratio(const struct path_fsm *fsm, int64_t now_ms);
// For the console's NOTE: "no carrier 12s", "up 12d 03h".
void path_fsm_note(const struct path_fsm *fsm, int64_t now_ms, char out[static NOTE_SIZE]);

// ---- When to dial.

#define REDIAL_MIN_MS    5000
#define REDIAL_MAX_MS    300000
#define REDIAL_SILENT_MS 10000 // DOWN for so long with its link up
#define REDIAL_STEADY_MS 10000 // UP for so long: the next trouble is another one

// Zero-initialised at first.
struct redial {
	int64_t next_ms;   // not before; 0: at once
	int64_t silent_ms; // since when the link is up and silent; 0: it is not
	int64_t steady_ms; // since when the path is UP; 0: it is not
	int wait_ms;       // between the last attempts; 0: there were none
	int attempts;      // since it was last steady
};

struct redial_facts {
	bool wanted;
	bool busy;            // the dialler is dialling or hanging up
	bool dialled;         // it holds the link, as far as it knows
	bool ready;           // the interface has what it needs
	bool up;              // the path is proved
	bool silent;          // it is DOWN although ready
	bool exit_fault;      // the exit's address answers over it, or routers on the way there
	bool gateway_answers; // the next router does
	bool others_up;       // another path reaches the exit
};

enum redial_action {
	REDIAL_NOTHING,
	REDIAL_DIAL,    // there is no link
	REDIAL_AGAIN,   // there is a dead one
	REDIAL_HANG_UP, // it is not wanted any more
};

// What to do now; an attempt that it asks for is counted as made.
enum redial_action plan_redial(struct redial *redial, const struct redial_facts *facts,
			       int64_t now_ms);
// The attempt failed. `refused`: so that soon again would not help.
void plan_redial_failed(struct redial *redial, bool refused, int64_t now_ms);
// A person asks for an attempt, which counts as the first.
void plan_redial_asked(struct redial *redial, int64_t now_ms);

// ---- Data caps: what each path has used in its billing period. See caps.c.

// The interface's counters as they were last seen, and which interface of which boot they are of.
struct cap_line {
	char boot[CLOCK_BOOT_SIZE]; // empty: never seen
	int ifindex;
	uint64_t rx_bytes, tx_bytes;
};

// One path's count. Zero-initialised but for `name` and `unknown`: nothing was counted yet.
struct cap_count {
	char name[NAME_SIZE]; // of the path
	bool unknown;         // what the file said cannot be trusted
	int day;              // of the month, that `period` goes by
	int32_t period;      // its first day, counted from 1970-01-01; 0: the clock was never right
	int32_t undo_period; // the one before, while it is not certain that it is over; 0: it is
	uint64_t undo_bytes;
	int64_t steady_ms;    // so long the clock has run on evenly in this period
	uint64_t base_bytes;  // as a person said, or taken over
	uint64_t line_bytes;  // since then, by the interface's counters
	uint64_t own_bytes;   // and by our own
	uint64_t boost_bytes; // allowed on top, in this period
	bool ignored;         // in this period
	int warned;           // percent that were told, in this period
	struct cap_line line;

	// Not kept.
	bool looked, behind;      // behind: the clock is, and the period cannot end
	int64_t wall_ms, mono_ms; // of the last look
	uint64_t own_seen;
	int64_t saved_bytes; // used, as last written
};

// More than there can be paths, for those that a reload takes away and brings back.
#define CAPS_MAX (2 * PATHS_MAX)

// Zero-initialised: a first start.
struct caps {
	struct cap_count counts[CAPS_MAX];
	size_t n;
	bool damaged;     // paths that are not among the counts are unknown
	bool urgent;      // to be written now
	int64_t saved_ms; // when it was, CLOCK_MONOTONIC
};

struct cap_look {
	int64_t wall_ms, mono_ms;
	const char *boot;            // id of this boot
	int ifindex;                 // 0: there is no such interface now
	uint64_t rx_bytes, tx_bytes; // its counters
	uint64_t own_bytes;          // of our subflows and probes, since this program began
};

// What a look found out, to be told.
struct cap_news {
	bool began;         // a new period
	int64_t last_bytes; // what was used in the one before
	bool taken_back;    // the clock went back, and so did the period
	int percent;        // a warning is due; 0: none
};

// Finds the path's count, or begins one. NULL when there is no room.
struct cap_count *caps_get(struct caps *caps, const char *name);
// Counts; often, since what an interface that goes away did after the last look is lost.
void caps_look(struct caps *caps, struct cap_count *count, const struct config_path *path,
	       const struct cap_look *look, struct cap_news *news);
// Whether the file is to be written; not often, for it wears flash. caps_saved() when it was.
bool caps_due(const struct caps *caps, const struct config_path paths[], size_t n, int64_t mono_ms);
void caps_saved(struct caps *caps, int64_t mono_ms);
// The file's contents, and back: 0, or -EBADMSG with the number of the line in `why`.
void caps_write(const struct caps *caps, struct str *out);
int caps_read(struct caps *caps, const char *text, struct str *why);
// Nothing that was read is to be believed; what was counted counts as the least.
void caps_doubt(struct caps *caps);

// By a person's word; the first makes the count known.
void cap_set_used(struct caps *caps, struct cap_count *count, int64_t bytes, int64_t wall_ms);
void cap_boost(struct caps *caps, struct cap_count *count, int64_t bytes);
void cap_ignore(struct caps *caps, struct cap_count *count);
// The path's interface is another one from now on, which may have counted long before.
void cap_forget_line(struct cap_count *count);

enum cap_verdict cap_judge(const struct cap_count *count, const struct config_path *path);
// In this period; of a count that is unknown: at least.
int64_t cap_used_bytes(const struct cap_count *count);
// With what was allowed on top; 0: no cap.
int64_t cap_limit_bytes(const struct cap_count *count, const struct config_path *path);
// Midnight, wall clock; 0: not known.
int64_t cap_began_ms(const struct cap_count *count);
int64_t cap_ends_ms(const struct cap_count *count);
// For the console's NOTE: "cap 60% of 2.0 GB", "2.00 of 2.0 GB", "cap unknown".
void cap_note(const struct cap_count *count, const struct config_path *path,
	      char out[static NOTE_SIZE]);
// A sentence: "85% used, 300 MB left, resets in 8 days".
void cap_sentence(const struct cap_count *count, const struct config_path *path, int64_t wall_ms,
		  char out[static EVENT_TEXT_SIZE]);

// ---- On demand: whether an optional path is wanted just now. See demand.c.

// Zero-initialised: a person has said nothing.
struct demand {
	bool engaged;      // a need has brought it in
	bool declined;     // a person has put it out in this need
	int64_t needed_ms; // since when; 0: not
	int64_t calm_ms;   // since when not; 0: it is
	int64_t until_ms;  // the end of the time that a person gave it; 0: none
	int64_t for_s;     // how long that was
};

// Of the primaries that are not optional themselves.
struct demand_need {
	int primaries, up, poor; // poor: up, but DEGRADED
	bool full;               // all that are up, see struct overflow
};

struct demand_state {
	bool wanted;  // path_fsm_wanted()
	bool allowed; // its cap lets it be spent
};

enum demand_wish { DEMAND_KEEP, DEMAND_BRING, DEMAND_RELEASE };

// Once a second. Of a path that is to be brought in or let go, `why` gets who says so, in words for
// path_fsm_enable().
enum demand_wish plan_demand(struct demand *demand, const struct config_path *path,
			     const struct demand_need *need, const struct demand_state *state,
			     int64_t now_ms, char why[static NOTE_SIZE]);
// A person has; `for_s` 0: for good.
void plan_demand_enabled(struct demand *demand, int64_t for_s, int64_t now_ms);
void plan_demand_disabled(struct demand *demand);

// ---- The verdict over all paths. `exit_mptcp` as in struct exit_snapshot.
enum verdict plan_verdict(const struct path_fsm fsms[], size_t n, int8_t exit_mptcp,
			  int64_t now_ms);

// ---- Which path begins a connection.

struct plan_candidate {
	bool may_begin;
	bool has[PLAN_FAMILIES]; // has an address of the family
	bool reserve;            // not in full use, or not always: last of all
	int priority;            // lower is better
	bool optional;           // last among equals: it costs
	int64_t rtt_us;          // < 0: not known, last among equals
};

// Indices of the candidates that may begin a connection to an exit of `family`, best first, into
// order[]; returns how many. `current` is the last first choice (-1: none): it stays first until
// another is clearly faster, so that the choice does not swing with every probe.
size_t plan_rank_paths(const struct plan_candidate candidates[], size_t n, sa_family_t family,
		       int current, int order[]);

// Why the first of order[] is the first, in words.
void plan_explain_first(const struct plan_candidate candidates[], const int order[], size_t n,
			char out[static NOTE_SIZE]);

// ---- What each path is used for: its tier, and never worse than the best line.

// What is known of one path.
struct use_evidence {
	const char *name;
	bool up; // proved, may hold an endpoint
	enum path_tier tier;
	bool optional;      // comes and goes, so it is no measure of what the primaries can
	bool reserved;      // a person wants it as backup
	bool capped;        // its cap is used up, and it may carry as a backup only
	int64_t min_rtt_us; // of the last minutes: without queues; < 0: not known
	int64_t rtt_us;     // of the last probe; < 0: not known
	double loss_ratio;  // of probes or downloads; < 0: not known
	int64_t rate_bps;   // of our connections over the last second, both directions
};

// A path whose presence lowers the total is demoted: a backup until a trial, or its RTT, says
// otherwise.
struct demotion {
	bool demoted;
	bool by_rtt;           // for its RTT alone; no trial has been made
	bool proved;           // a trial found that it helps, whatever its RTT
	int64_t well_ms;       // since when the RTT no longer speaks against it; 0: it does
	int64_t next_trial_ms; // not before
	int64_t wait_ms;       // from one trial to the next; doubles
	double rate_bps;       // smoothed
	char why[NOTE_SIZE];
};

enum trial_phase { TRIAL_NONE, TRIAL_DURING, TRIAL_AFTER };

// The total without, with and again without the path; or the other way round. One at a time.
struct trial {
	enum trial_phase phase;
	size_t path;
	bool with;                  // the path is in full use during the trial
	int64_t measure_ms, end_ms; // of this phase
	double before_bps, during_bps, sum_bps;
	unsigned n;
};

// Whether the primaries are full.
struct overflow {
	bool engaged;
	int64_t full_ms, spare_ms;    // since when; 0: not so now
	int64_t queued_ms[PATHS_MAX]; // when a probe last found a queue
	double rate_bps, ceiling_bps; // of the primaries: now, smoothed, and the most they did
	double total_bps;             // of all paths, smoothed
};

#define USES_RATES 10 // seconds of a steady load before a trial

// Zero-initialised at start. Others read `use` and `why`.
struct plan_uses {
	enum path_use use[PATHS_MAX];
	char why[PATHS_MAX][NOTE_SIZE]; // why it is not in full use, or was put back into it
	struct demotion demotions[PATHS_MAX];
	struct trial trial;
	struct overflow overflow;
	double rates[USES_RATES]; // totals of the last seconds
	unsigned n_rates;         // since paths last came or went
	uint32_t up;              // those that took part then, a bit each
};

// Before anything is known of the path.
enum path_use plan_use_of_tier(enum path_tier tier);
// Decides `use` from tiers and RTTs; whenever something about the paths has changed.
void plan_uses_judge(struct plan_uses *uses, const struct use_evidence evidence[], size_t n,
		     int64_t now_ms);
// The same, once a second: also looks at the load, and makes trials under it.
void plan_uses_tick(struct plan_uses *uses, const struct use_evidence evidence[], size_t n,
		    int64_t now_ms);

// ---- Tunnels that ride another path's line. See underlay.c.

// The path whose line each one rides into under[], or -1: an own line, or one that is no path. What
// the configuration says (`over`) comes before what the kernel's routes say. under[] is in and out:
// all -1 at first, then the last answer.
void plan_underlays(const struct config *config, const struct kstate *observed, int under[]);
// It does not carry, and its line does not either, or is in doubt, or has come back just now: no
// fault of its own.
bool plan_rides_dead_line(const struct path_fsm fsms[], const int under[], size_t path,
			  int64_t now_ms);
// Each path's part of all bytes, those of the tunnels that ride it taken off: bytes[] become
// ratios.
void plan_shares(double bytes[], const int under[], size_t n);

// ---- Whether running connections really got a subflow on a path's endpoint. See join.c.

// What is known of one path.
struct join_evidence {
	uint8_t endpoint;      // id of ours that is in the kernel; 0: none
	bool wanted;           // proved and in use
	bool alone;            // no other path has an endpoint
	bool busy;             // our subflows on it moved bytes lately
	unsigned due, missing; // as in struct relay_path_counters, a second old at most
	int64_t rtt_us;        // < 0: not known
};

enum join_phase {
	JOIN_NONE,    // no endpoint
	JOIN_WAIT,    // it is new
	JOIN_DONE,    // all have a subflow
	JOIN_LACKING, // some have none; the endpoint is renewed when that is worth it
	JOIN_OUT,     // taken out for a moment, to come back with another id
};

// One path's. Zero-initialised at start.
struct join {
	enum join_phase phase;
	uint8_t endpoint;
	bool again;         // it had one before
	int64_t since_ms;   // of the phase
	int64_t lacking_ms; // connections lack a subflow since; 0: none does
	int64_t out_until_ms;
	int64_t next_ms;         // not renewed before
	int64_t wait_ms;         // from one renewal to the next
	uint64_t joined, failed; // subflows, ever, as counted when an endpoint had had its time
};

// What there is to tell; `text` is empty when there is nothing.
struct join_news {
	enum log_level level;
	char text[EVENT_TEXT_SIZE];
};

// Once a second, with the largest RTT of all paths. Whether the path's endpoint is to be out of the
// kernel is then `phase == JOIN_OUT`.
void join_tick(struct join *join, const struct join_evidence *evidence, int64_t largest_rtt_us,
	       int64_t now_ms, struct join_news *news);

// ---- Which exit new connections take.

#define EXIT_GOOD_MS     30000 // before connections go back to it
#define EXIT_GOOD_MAX_MS 1800000

// What probes over the paths say of one exit. Zero-initialised: nothing yet.
struct exit_health {
	int64_t answered_ms; // last, over any path; 0: never
	int64_t good_ms;     // since when it has answered, single losses aside; 0: it does not
	int64_t failing_ms;  // first failure since the last answer; 0: none
	int fails;           // since the last answer
	bool refuses;        // all of these: the machine answers, the exit does not
	int64_t failed_ms[PATHS_MAX]; // last failure over each path
};

// A probe of the exit over `path` ended: 0, -ECONNREFUSED or another error.
void exit_health_probe(struct exit_health *health, size_t path, int error, int64_t now_ms);

struct exit_candidate {
	const char *name;
	bool known;   // has an address
	int priority; // lower stands in first, then the order of the list
	const struct exit_health *health;
};

// The paths over which exits are probed just now, and whether bytes arrive over them.
struct exit_paths {
	bool usable[PATHS_MAX];
	bool progress;
};

// `preferred` is the configuration's default exit; the caller sets both to it at first.
struct exit_choice {
	size_t preferred, active;
	bool none;           // no exit can be reached
	int64_t good_for_ms; // before going back; 0: EXIT_GOOD_MS
	int64_t back_ms;     // when connections last went back
	char why[NOTE_SIZE]; // why the active one is not the preferred one, or none is reached
};

// Whether no usable path reaches it.
bool plan_exit_is_down(const struct exit_candidate *exit, const struct exit_paths *paths,
		       int64_t now_ms);
// Chooses anew; call it on every probe's end. Returns whether `active` or `none` has changed.
bool plan_choose_exit(struct exit_choice *choice, const struct exit_candidate exits[], size_t n,
		      const struct exit_paths *paths, int64_t now_ms);

// ---- Which connections that have become plain TCP are worth an event. See fallbacks.c.

#define FALLBACKS_TOLD 32 // destinations an hour

// Zero-initialised at start.
struct told_fallbacks {
	struct told_fallback {
		char target[CONN_TARGET_SIZE]; // empty: none yet
		int64_t told_ms;
	} list[FALLBACKS_TOLD];
};

// Whether to tell of one to this destination; then it counts as told. `*last`: no other will be
// told for a while.
bool plan_tell_fallback(struct told_fallbacks *told, const char *target, int64_t now_ms,
			bool *last);

// ---- What a test of one path comes to. See path_test.c. `facts` NULL: nothing could be sent.
// Fills in `out` but for time and names.
void plan_judge_test(const struct test_context *c, const struct test_facts *facts,
		     struct path_test *out);

// ---- Wanted kernel state.

// What was done with our endpoints' ids and cannot be read from the kernel. Zero-initialised at
// start, then kept.
struct plan_ids {
	uint8_t next; // 0: take up after the highest that is there
	struct {
		bool used;  // has served a path that was proved
		bool stale; // was kept through an outage; renew it when its path is back
	} of[KSTATE_ENDPOINT_LAST + 1];
	bool out[PATHS_MAX]; // by path: its endpoint is to go, and to come back with another id
};

// ---- What of the LAN is not TCP. See udp.c.

struct plan_ways;

struct plan_udp {
	int path[PLAN_FAMILIES];          // slot of the path that new flows take; -1: none works
	int better[PLAN_FAMILIES];        // the best that works,
	int64_t better_ms[PLAN_FAMILIES]; // since then
	bool relayed;                     // UDP goes to the relay, as long as a path works
	bool lingers;                     // it does no more, but the relay has associations still
	int home;                         // slot of the first in the relay's order; -1: none
	int64_t home_ms;                  // since then
};

// Slots of the paths that the relay may send datagrams over, the best first. Those in doubt come
// last.
struct plan_udp_order {
	int slots[PATHS_MAX];
	int n, n_sound;
	int home; // the first, when it has been that for a while; else -1
};

void plan_udp_init(struct plan_udp *udp);
// Whether the relay takes UDP, as the configuration has it.
bool plan_udp_relays(const struct config *config);
// Chooses anew; whenever a path's state has changed, and once a second. Returns whether `path` did.
bool plan_udp_choose(struct plan_udp *udp, const struct config *config,
		     const struct path_fsm fsms[], int64_t now_ms);
// The slot of the first path that flows could take, or -1.
int plan_udp_first(const struct config *config, const struct plan_ways *ways,
		   enum plan_family family);

// In what order the relay takes paths. `ranked` are the slots on which connections should begin, in
// their order, for who has no list of his own.
void plan_udp_rank(struct plan_udp *udp, const struct config *config, const struct path_fsm fsms[],
		   const uint8_t ranked[], int n_ranked, int64_t now_ms,
		   struct plan_udp_order *out);

// What the exits' names stand for.
struct plan_exits {
	const struct addr *list;
	size_t n;
	uint32_t down; // a bit for each place in the configuration: it cannot be reached
};

// ---- Pins. See pins.c.

struct plan_packet;

// What pins may lead to just now.
struct plan_ways {
	bool over[PATHS_MAX][PLAN_FAMILIES]; // straight to destinations of the family
	bool proxied[PATHS_MAX];             // to the exit over this path alone
	bool exit[CONFIG_EXITS_MAX];
};

void plan_ways(const struct config *config, const struct path_fsm fsms[],
	       const struct plan_exits *exits, struct plan_ways *out);
// Whether the pin leads anywhere for packets of the family.
bool plan_pin_works(const struct config *config, const struct config_pin *pin,
		    const struct plan_ways *ways, enum plan_family family);
// The first that takes the packet and whose way works, or which refuses it as its way is down;
// NULL: none. `exempt_to`, `exempt_from`: whether the LAN's lists leave that side alone.
const struct config_pin *plan_find_pin(const struct config *config, const struct plan_ways *ways,
				       const struct plan_packet *packet, bool exempt_to,
				       bool exempt_from);
// Whether TCP that it takes is carried to an exit.
bool plan_pin_carries(const struct config *config, const struct config_pin *pin);
// Whether UDP that it takes is.
bool plan_pin_carries_udp(const struct config *config, const struct config_pin *pin);
// Where what nothing else decides of is taken, at lan.tproxy-port, and where what the pin carries.
struct addr plan_listener(enum plan_family family);
struct addr plan_pin_listener(const struct config_pin *pin, enum plan_family family);
// Whether any leads packets over this path straight to their destinations; over any path for -1.
bool plan_pins_route(const struct config *config, int slot);

// A default route, or one of the halves and thirds that VPN programs write instead: OpenVPN's
// 0.0.0.0/1 and 128.0.0.0/1, for IPv6 2000::/3 and nearby.
#define PLAN_DEFAULT_LEN_V4 1
#define PLAN_DEFAULT_LEN_V6 4

// "net.ipv4.conf.eth0/5.rp_filter": as sysctl(8), dots inside the interface's name become slashes.
void plan_name_setting(const char *family, const char *interface, const char *key,
		       char out[static sizeof(((struct ksysctl *)0)->name)]);

// The names to hand to kern_observe(); what does not exist there is not wanted either. The list is
// on the heap.
struct plan_names {
	char **list;
	size_t n;
};
// As net.ipv6.conf.lo.disable_ipv6 says.
bool plan_speaks_ipv6(const struct kstate *observed);
struct plan_names plan_sysctls_for_gateway(const struct config *config);
struct plan_names plan_sysctls_for_server(void);
void plan_names_fini(struct plan_names *names);

// All that the gateway wants of the kernel, into *want (overwritten; kstate_fini() it). `fsms` has
// one for each configured path, in the same order; their facts are what path_fsm_observe() was last
// given. `uses`: what each path is used for; NULL: all in full. `observed` must show what the last
// ops did, endpoints included: an endpoint that is not there gets a new id.
void plan_want(const struct config *config, const struct path_fsm fsms[],
	       const enum path_use uses[], const struct plan_exits *exits,
	       const struct plan_udp *udp, const struct kstate *observed, struct plan_ids *ids,
	       struct kstate *want);
// The exit server's wishes: limits and sysctls.
void plan_want_server(const struct kstate *observed, struct kstate *want);
// Nothing of ours, for a clean stop. Sysctls and limits are kern_restore()'s.
void plan_want_nothing(const struct kstate *observed, struct kstate *want);

// ---- What becomes of one connection of the LAN.

// Its first packet. `from` of family AF_UNSPEC: some machine of the LAN, of those that are carried.
// `port` 0: one that no pin names.
struct plan_packet {
	struct addr to, from;
	uint16_t port;
	enum config_proto proto; // CONFIG_PROTO_ANY: neither TCP nor UDP
};

enum plan_fate {
	PLAN_LET_THROUGH,
	PLAN_CARRIED,
	PLAN_FORWARDED, // straight over one path
	PLAN_REFUSED,
};

// "let-through"
const char *plan_fate_word(enum plan_fate fate);

struct plan_explanation {
	enum plan_fate fate;
	char rule[24];                // which rule decided, for programs: "bypass"
	char text[EVENT_TEXT_SIZE];   // and for people
	const struct config_pin *pin; // that decided; NULL: none
	int path; // slot, of what is forwarded, or carried over that path alone; else -1
	int exit; // of a pin; -1: the one in use
};

// `observed` may be empty: then this machine's own addresses are not known.
void plan_explain(const struct config *config, const struct kstate *observed,
		  const struct plan_exits *exits, const struct plan_ways *ways,
		  const struct plan_packet *packet, struct plan_explanation *out);

// ---- What to do about the difference.

// Ops from `observed` to `want`, in the order of enum op_kind, into *out (overwritten;
// op_list_fini() it); it borrows want->nft. Only what has our mark is ever deleted or replaced.
// What another program's object prevents is left out; `conflicts` (may be NULL) gets one line each,
// with what to do.
void plan_diff(const struct kstate *observed, const struct kstate *want, struct op_list *out,
	       struct str *conflicts);

// ---- Jumpbox: what passes between the tunnels that end here and the uplink. See jumpbox.c.

struct jumpbox_tunnel {
	char name[IFNAMSIZ];
	int ifindex, mtu;
	bool up;
};

struct jumpbox_range {
	struct prefix range;
	int ifindex; // of the tunnel whose route tells it; 0: the configuration does
};

// What there is to work with.
struct jumpbox_view {
	char uplink[PLAN_FAMILIES][IFNAMSIZ]; // empty: none
	struct jumpbox_tunnel *tunnels;
	struct jumpbox_range *ranges;
	size_t n_tunnels, n_ranges;
};

void plan_jumpbox_look(const struct config_jumpbox *config, const struct kstate *observed,
		       struct jumpbox_view *view);
void jumpbox_view_fini(struct jumpbox_view *view);
// The sysctls to read for the next; which depends on the uplink.
struct plan_names plan_sysctls_for_jumpbox(const struct jumpbox_view *view);
void plan_want_jumpbox(const struct config_jumpbox *config, const struct jumpbox_view *view,
		       const struct kstate *observed, struct kstate *want);

enum jumpbox_level { JUMPBOX_OK, JUMPBOX_WARN, JUMPBOX_FAIL, JUMPBOX_LEVELS };

struct jumpbox_finding {
	enum jumpbox_level level;
	char object[NAME_SIZE]; // an interface; may be empty
	char text[200];
	char next[240]; // what to do; empty when it is ok
};

#define JUMPBOX_FINDINGS_MAX 64

struct jumpbox_report {
	struct jumpbox_finding list[JUMPBOX_FINDINGS_MAX];
	size_t n;
};

// Adds one; those beyond the room for them are left out.
__attribute__((format(printf, 5, 6))) void jumpbox_report_add(struct jumpbox_report *report,
							      enum jumpbox_level level,
							      const char *object, const char *next,
							      const char *fmt, ...);
// What a tunnel in UDP over IPv4 adds to a packet, at least.
#define TUNNEL_HEADERS_BYTES 52

// Whether what the jumpbox lets pass is lost behind its chains. Zero-initialised at first.
struct jumpbox_losses {
	uint64_t passed, left; // when it was last judged
	bool loses;
};

// Takes another look at the counters; with too few packets since the last the verdict stays.
void plan_jumpbox_losses(struct jumpbox_losses *losses, const struct kstate *observed);
// What is right and wrong with tunnels, uplink, ranges and other programs' firewalls.
void plan_jumpbox_judge(const struct config_jumpbox *config, const struct jumpbox_view *view,
			const struct kstate *observed, bool loses, struct jumpbox_report *report);

#endif
