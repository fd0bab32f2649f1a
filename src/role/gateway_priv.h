// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef ROLE_GATEWAY_PRIV_H
#define ROLE_GATEWAY_PRIV_H

#include <ev.h>
#include <sys/stat.h>

#include "base/backoff.h"
#include "base/store.h"
#include "config/config.h"
#include "ctl/ctl.h"
#include "dial/dial.h"
#include "dial/program.h"
#include "kern/kern.h"
#include "model/event.h"
#include "model/snapshot.h"
#include "model/trend.h"
#include "plan/plan.h"
#include "probe/probe.h"
#include "relay/relay.h"
#include "role/machine.h"
#include "role/service.h"
#include "sock/sock.h"

// The gateway's main thread. All of this is one room in several files; see the essay in gateway.c.

// One sample a second; the oldest is GATEWAY_SAMPLES - 1 seconds old.
#define GATEWAY_SAMPLES    11
#define GATEWAY_RATE_SPAN  2  // seconds, for RX and TX
#define GATEWAY_SHARE_SPAN 10 // seconds, for SHARE

struct gateway_sample {
	int64_t time_ms;
	uint64_t rx_bytes, tx_bytes;
};

// A path through the exit's eyes; gateway_peers.c. Times are CLOCK_MONOTONIC, 0: never.
struct gateway_path_view {
	struct addr seen_as; // where the exit sees it come from; AF_UNSPEC: not known
	bool shared;         // another path comes from there too, and `sender` is of both
	int subflows;        // of our connection to the service, established there; or unknown
	int64_t subflows_ms;
	struct wire_service_remote sender; // what the exit sends to us over it
	int64_t sender_ms;
	double loss_ratio; // of that, lately: segments that it sent again; or unknown
	int64_t loss_ms;   // when it was reckoned
	struct wire_service_remote loss_from; // the state that this is reckoned from
};

// One per configured path; its place in the array is the path's slot everywhere.
struct gateway_path {
	const struct config_path *config;
	bool routed; // our rule for its address is in the kernel, so probes leave over it
	int endpoint_id;
	struct gateway_sample samples[GATEWAY_SAMPLES]; // of the interface
	unsigned n_samples;                             // ever taken
	int interval_ms;                                // of its probes, as last set
	char last_change[EVENT_TEXT_SIZE];              // its sentence, for the alarm
	uint64_t probe_bytes;                           // spent on probes since start
	uint64_t state_changes;                         // since start
	bool reserved;                                  // 'mpgate backup PATH on'
	bool spent;                                     // its cap, or that of the line it rides
	bool capped;                                    // and so it is a backup only
	struct demand demand;
	int64_t probe_rtt_us;                      // of the last probe; -1: it was lost
	uint64_t moved_bytes;                      // of our subflows, when uses were last judged
	int64_t rate_bps;                          // from that
	uint64_t rx_bytes_before, tx_bytes_before; // of a removed path that had the slot
	uint64_t udp_rx_bytes_before, udp_tx_bytes_before;
	bool leaving;     // removed, but not quite gone
	int8_t mptcp_ok;  // the check: 1, 0, unknown
	int64_t mptcp_ms; // when it was made
	struct gateway_path_view view;
	struct join join;
	uint64_t join_bytes; // moved over it when that was last looked at
	struct redial redial;
	int64_t drain_ms;               // hang up and dial anew then; 0: no
	int64_t dialled_ms, hung_up_ms; // wall clock; 0: never
	char hung_up_why[NOTE_SIZE];
};

// What an exit says of itself.
struct gateway_service {
	int8_t serves; // 1; 0: no, it is another program; unknown
	char version[32];
	int8_t mptcp;            // our connection to the service, at both ends
	int subflows;            // of it, established at the exit
	int64_t rtt_us;          // through the whole chain: path, cipher, program
	int64_t clock_offset_us; // its clock less ours; SNAPSHOT_NO_OFFSET
	int64_t seen_ms;         // when mptcp and subflows were told; CLOCK_MONOTONIC, 0: never
	uint32_t protocol;       // of its service; 0: not known
};

// Whether the exit answers UDP; see gateway_exit_udp.c.
struct gateway_exit_udp {
	struct knock *knock;               // NULL: it is not asked just now
	int64_t ask_ms;                    // again then,
	int64_t suspect_ms;                // or already then, when associations hear nothing
	int fails;                         // in a row
	int8_t answers;                    // 1, 0, unknown
	bool looks;                        // there is a last look
	struct relay_exit_counters before; // when associations last heard it, or at the first look
	int64_t heard_ms;                  // then
	char fault[NOTE_SIZE];             // what is wrong while it does not
};

struct gateway_exit {
	const struct config_exit *config;
	struct gateway *gateway;
	struct wire_key key;
	struct addr addrs[RESOLVER_ADDRS_MAX];
	int n_addrs;
	struct resolver_query *query;
	ev_timer again;
	struct backoff backoff;
	bool failing; // the last look-up failed, and that was said
	struct peer *peer;
	struct gateway_service service;
	struct exit_health health;
	struct gateway_exit_udp udp;
};

// A listener that there should be: for SOCKS5, a pin, or UDP.
struct gateway_listener {
	struct relay_listen listen;
	bool open;
};

// The history of a slot's path, and how far its interface's counters have been read;
// gateway_trends.c
struct gateway_trend {
	bool used, seen, resumes;
	char name[NAME_SIZE]; // empty: all paths
	int ifindex;          // 0: it is not there
	uint64_t rx_bytes, tx_bytes;
	struct trend trend;
};

// Behind the paths' slots: all of them together.
#define GATEWAY_TREND_ALL PATHS_MAX

// For SOCKS5; and those for what nft gives us: of UDP, and of TCP and UDP for each pin. While a
// reload is under way the former ones of these are open, too.
#define GATEWAY_SOCKS_MAX     64
#define GATEWAY_DIVERTED_MAX  (PLAN_FAMILIES * (1 + 2 * CONFIG_PINS_MAX))
#define GATEWAY_LISTENERS_MAX (GATEWAY_SOCKS_MAX + 2 * GATEWAY_DIVERTED_MAX)

// See gateway_pins.c.
struct gateway_pins {
	uint32_t exits_down; // of the exits that pins name: by their places, a bit each
};

// What the relay has moved over a path, streams and datagrams.
static inline uint64_t gateway_rx_bytes(const struct relay_path_counters *c)
{
	return c->rx_bytes + c->udp_rx_bytes;
}

static inline uint64_t gateway_tx_bytes(const struct relay_path_counters *c)
{
	return c->tx_bytes + c->udp_tx_bytes;
}

// See gateway_udp.c.
struct gateway_udp_path {
	uint64_t rx_bytes, tx_bytes; // of the interface, at the last look
	int64_t waits_ms;            // for an answer since; 0: does not
	int64_t ask_ms;              // not asked again before
};

struct gateway_udp {
	struct plan_udp plan;
	struct gateway_udp_path paths[PATHS_MAX];
	uint64_t sent_bytes; // over the paths that take flows, at the last tick
	int64_t moved_ms;
	bool listens; // the relay takes datagrams
	ev_timer watch;
};

// See gateway_upgrade.c.
struct gateway_upgrade {
	char file[4096];         // that we were started from; empty: not known
	struct stat ours;        // what runs
	struct stat seen, asked; // what was installed at the last look, and when it was last asked
	int64_t next_ms;
	struct program program;
	char answer[32];
	char pending[32]; // the version that is installed, when it is not what runs
};

// A path that was switched off and is switched on again unless that is kept; revert_ms 0: none.
struct gateway_timed {
	char path[NAME_SIZE];
	int64_t revert_ms; // CLOCK_MONOTONIC
};

// A test of a path that somebody waits for; see gateway_test.c.
struct gateway_test {
	struct exam *exam; // NULL: none is under way
	struct path_test_order order;
	size_t slot, exit; // of the path, and of the exit that it is tried with
};

// What passes the relay by, as nftables counts it; measured over some seconds.
struct gateway_unproxied {
	uint64_t bytes[KSTATE_UNPROXIED];
	int64_t bps[KSTATE_UNPROXIED]; // or unknown
	int64_t at_ms;                 // of the last measure; 0: none yet
};

// How the machine was at the last look.
struct gateway_machine {
	struct machine machine;
	struct machine_snapshot seen;
	int64_t next_ms;
};

struct gateway {
	struct gateway_timed timed;
	struct gateway_machine machine;
	struct gateway_unproxied unproxied;
	struct gateway_test test;
	struct service service;
	struct ev_loop *loop;
	struct config *config;
	char config_file[256]; // in full, for who asks
	struct kern *kern;
	struct kstate observed;
	struct plan_names sysctls;
	struct plan_ids ids;
	struct gateway_udp udp;
	struct gateway_pins pins;
	struct probe *probe;
	struct relay *relay;
	struct resolver *resolver;
	struct dns *dns; // NULL: the configuration has none
	struct ctl *ctl;
	struct dial *dial;
	struct gateway_path paths[PATHS_MAX];
	struct path_fsm fsms[PATHS_MAX]; // by slot too
	int under[PATHS_MAX];            // slot of the path whose line it rides; -1: its own
	size_t n_paths;
	struct gateway_exit exits[RELAY_EXITS_MAX];
	size_t n_exits;
	size_t default_exit; // in use; choice.preferred is the configuration's
	struct exit_choice choice;
	struct probe *exit_probe; // NULL: there is nothing to choose
	int64_t busy_ms;          // when the LAN last asked for something
	uint64_t accepted;        // by then
	bool progress;            // bytes arrived over our subflows in the last second
	uint64_t relay_rx_bytes;  // of our subflows, at the last tick
	struct plan_uses uses;
	int64_t uses_ms;      // when they were last judged by the load
	uint64_t peers_bytes; // moved by all paths, at the last tick
	int64_t busy_until_ms;
	int first_choice; // path that connections begin on; -1: none
	struct gateway_listener listeners[GATEWAY_LISTENERS_MAX];
	size_t n_listeners;
	ev_timer leave; // when paths that are leaving go

	ev_timer tick;
	ev_timer retry;       // a round that failed in part, and the slow look for foreign hands
	ev_idle round;        // active: a round is due in this turn of the loop
	unsigned busy_rounds; // in a row; see RESTLESS_ROUNDS
	char *last_failure;   // so that a lasting one is said once

	struct event_log events;
	char state_dir[96];
	struct store_writer *store; // of the files there; NULL: there is none
	struct gateway_trend trends[GATEWAY_TREND_ALL + 1];
	int64_t trends_ms, trends_saved_ms;
	struct hooks *hooks;
	struct ctl_page *page; // for scrapers; NULL: it is not open
	union sockaddr_any page_at;
	bool page_failed;     // and that was said
	char *textfile;       // that is written; NULL: none
	int64_t textfile_ms;  // last; CLOCK_MONOTONIC
	bool textfile_failed; // and that was said
	bool trends_failed;   // the last file could not be written, and that was said
	char boot_id[CLOCK_BOOT_SIZE];
	struct caps caps;
	bool caps_failed; // they could not be written, and that was said
	struct alarm alarms[SNAPSHOT_ALARMS];
	int n_alarms;
	int64_t start_ms; // wall clock
	enum verdict verdict;
	int64_t verdict_since_ms;
	bool clock_off; // ours and that of the exit differ
	struct gateway_upgrade upgrade;
	struct relay_counters counters;
	uint64_t fallbacks[CONN_REASONS]; // as in the snapshot
	struct told_fallbacks told_fallbacks;
};

struct role_args;

// gateway.c: runs until it is told to stop; returns an exit status. Takes `config`. `ready_fd` gets
// a byte when it has started, and the terminal is left then; -1: it stays on the terminal.
int gateway_run(const struct role_args *args, struct config *config, int ready_fd);

// gateway_console.c
// Takes `config` too.
int gateway_run_with_console(const struct role_args *args, struct config *config);
void gateway_hand_over_terminal(const char *log_file, int ready_fd);

// gateway_paths.c
// Observe, decide, apply, and tell probe and relay. gateway_round_soon() does it once in this turn
// of the loop, however often it is called.
void gateway_round(struct gateway *g);
void gateway_round_soon(struct gateway *g);
void gateway_note_change(struct gateway *g, size_t slot, const struct path_change *change);
// Raises and clears the paths' alarms, after the verdict has changed.
void gateway_settle_alarms(struct gateway *g);
// Whether a rule of ours sends packets from the address over its path.
bool gateway_is_routed(const struct gateway *g, const struct addr *from);
void gateway_take_probe(void *ctx, const struct probe_result *result);
// New counters of the data path have come: what they say about each path.
void gateway_take_counters(void *ctx);
// Once a second: what each path is used for, which exit, and the policy that follows.
void gateway_paths_tick(struct gateway *g);
void gateway_push_policy(struct gateway *g);
// Takes all that is ours out of the kernel and puts its settings back.
void gateway_leave_kernel(struct gateway *g);

// gateway_joins.c
// Once a second: whether running connections have a subflow on every endpoint.
void gateway_joins_tick(struct gateway *g);

// gateway_udp.c
void gateway_udp_init(struct gateway *g);
void gateway_udp_fini(struct gateway *g);
// Chooses the path of new flows that are not TCP. Returns whether it has changed: then the kernel
// is to be told.
bool gateway_udp_judge(struct gateway *g);
void gateway_udp_tick(struct gateway *g);

// gateway_relay_udp.c
// Before the kernel is told, and after gateway_listen_prepare(): settles whether UDP is relayed.
void gateway_relay_udp_round(struct gateway *g);
// After new counters have come.
void gateway_relay_udp_settle(struct gateway *g);
// After the rest of the policy.
void gateway_relay_udp_fill(struct gateway *g, struct relay_policy *policy);
void gateway_relay_udp_fill_path(const struct gateway *g, size_t slot, struct path_snapshot *p);
void gateway_relay_udp_fill_snapshot(const struct gateway *g,
				     struct snapshot *out); // paths are filled in

// gateway_exit_udp.c
// Once a second.
void gateway_exit_udp_tick(struct gateway *g);
// Of an exit that goes, or that does not carry UDP any more.
void gateway_exit_udp_forget(struct gateway_exit *exit);

// gateway_dns.c
// DNS goes by the same policy as connections.
void gateway_dns_set(struct gateway *g, const struct relay_policy *policy);
void gateway_dns_fini(struct gateway *g);
// Once a second: over which paths names cannot be looked up.
void gateway_dns_tick(struct gateway *g);
// What ails the name servers that are asked over the path, or "".
void gateway_dns_note(struct gateway *g, size_t slot, const char *fault);

// gateway_uses.c
// What each path is used for: by what is known of the paths, and once a second by the load too.
void gateway_uses_judge(struct gateway *g);
void gateway_uses_tick(struct gateway *g);
void gateway_uses_take_probe(struct gateway *g, const struct probe_result *result);

// gateway_exits.c
int gateway_exits_init(struct gateway *g, struct str *why);
void gateway_exits_fini(struct gateway *g);
// Goes by another configuration from now on; keys[] are those of its exits.
void gateway_exits_follow(struct gateway *g, const struct config *next,
			  const struct wire_key keys[]);
// Looks up names as far as they are not known yet.
void gateway_exits_resolve(struct gateway *g);
// The first address of the default exit, or one of family AF_UNSPEC.
struct addr gateway_exit_address(const struct gateway *g);

// gateway_dial.c
// Links that are dialled. A path that is enabled is dialled and one that is disabled hung up,
// whoever did that: the dialler follows the state machine, once a second and in every round.
void gateway_dial_start(struct gateway *g, const char *run_dir);
// Hangs up what was dialled; may take some seconds.
void gateway_dial_stop(struct gateway *g);
// Goes by the present configuration.
void gateway_dial_follow(struct gateway *g);
// Tells the dialler what the links have come to, and dials what is to be dialled.
void gateway_dial_look(struct gateway *g);
// Moves what runs over the path, hangs up, and dials. False: the path is not one that is dialled.
bool gateway_dial_redial(struct gateway *g, size_t slot, const char *who);
void gateway_dial_take_report(void *ctx, const struct dial_report *report);
void gateway_dial_fill(const struct gateway *g, size_t slot, struct path_snapshot *p);

// gateway_listen.c
// For TCP that no pin decides of. Both return at once; what was taken lives on. 0, or -errno with a
// text.
int gateway_listen_transparent(struct gateway *g, uint16_t port, struct str *why);
void gateway_unlisten_transparent(struct gateway *g, uint16_t port);
// Before the kernel is told: opens what nft is about to give us more of. After that: closes what it
// does not give us any more, and follows the LAN's addresses with SOCKS5.
void gateway_listen_prepare(struct gateway *g);
void gateway_listen_follow(struct gateway *g);
bool gateway_listens_for_udp(struct gateway *g);

// gateway_pins.c
bool gateway_pins_name_exit(const struct gateway *g, size_t exit);
// Which of the exits that pins name cannot be reached.
void gateway_pins_judge(struct gateway *g, const struct exit_candidate exits[],
			const struct exit_paths *paths, int64_t now_ms);
void gateway_pins_fill(const struct gateway *g, struct relay_policy *policy);
// Appends the listeners that there should be; returns how many there are then.
size_t gateway_pins_list(const struct gateway *g, struct relay_listen list[], size_t n);

// gateway_reload.c
// Reads the configuration file again and applies what differs, or nothing when it has errors. `who`
// asked for it. Fills in `out` as for a command.
void gateway_reload(struct gateway *g, const char *who, struct command_result *out);
void gateway_on_hangup(void *ctx);

// gateway_peers.c
// Tells the exits' peers of the paths; reports come in between.
void gateway_peers_fini(struct gateway *g);
void gateway_peers_set(struct gateway *g);
void gateway_peers_tick(struct gateway *g);
// The greater of what probes lost over the last minute and what the exit had to send again.
double gateway_loss_ratio(const struct gateway *g, size_t slot, int64_t now_ms);

// gateway_choice.c
// Goes by the default exit of another configuration, or the first; exits[] are already its own.
void gateway_choice_follow(struct gateway *g, const struct config *config);
void gateway_choice_stop(struct gateway *g);
// Probes all exits, at a pace that fits, after paths or exits have changed.
void gateway_choice_watch(struct gateway *g);
// What the paths' own probes find out about the exit in use.
void gateway_choice_take_probe(struct gateway *g, const struct probe_result *result);
void gateway_choice_tick(struct gateway *g);
// New connections go straight to their targets just now.
bool gateway_goes_direct(const struct gateway *g);

// gateway_timed.c
// Whether no other path would be left to carry connections.
bool gateway_timed_is_last(const struct gateway *g, size_t slot);
// The path was switched off just now.
void gateway_timed_begin(struct gateway *g, size_t slot);
// The path was switched on by hand.
void gateway_timed_forget(struct gateway *g, const char *path);
void gateway_timed_tick(struct gateway *g);
void gateway_timed_command(struct gateway *g, const struct command *command,
			   struct command_result *out);
void gateway_timed_fill(const struct gateway *g, struct snapshot *out);

// gateway_verdict.c
// The word for all of it, what else is wrong with the whole, and the alarms of that.
void gateway_judge(struct gateway *g);
bool gateway_is_any_up(const struct gateway *g);
// As the connections have it; while there are none, our own one to the exit's service.
int8_t gateway_exit_speaks_mptcp(const struct gateway *g);

// gateway_view.c
__attribute__((format(printf, 5, 6))) void gateway_event(struct gateway *g, enum log_level level,
							 const char *object, const char *verb,
							 const char *fmt, ...);
void gateway_alarm_raise(struct gateway *g, const char *object, const char *what, const char *text);
void gateway_alarm_clear(struct gateway *g, const char *object, const char *what);
void gateway_view_init(struct gateway *g);
// Takes the counters in g->observed.
void gateway_view_tick(struct gateway *g);
// Reads those of what passes the relay by.
void gateway_view_unproxied(struct gateway *g);
void gateway_snapshot(void *ctx, struct snapshot *out);
// For the service manager: see service.h. It serves when the first path is decided, whichever way.
bool gateway_describe(void *ctx, struct str *out);
// To all who watch: once a second, and when something has changed.
void gateway_publish(struct gateway *g);

// gateway_last_run.c
void gateway_last_run_begin(struct gateway *g);
// The store's writer has it written when it stops.
void gateway_last_run_end(struct gateway *g);

// gateway_upgrade.c
void gateway_upgrade_init(struct gateway *g);
void gateway_upgrade_tick(struct gateway *g);
void gateway_upgrade_fini(struct gateway *g);

// gateway_hooks.c
void gateway_hooks_init(struct gateway *g);
void gateway_hooks_fini(struct gateway *g);
void gateway_hooks_tell(struct gateway *g, const struct event *event);

// gateway_test.c
bool gateway_test_start(void *ctx, const struct path_test_order *order, struct ctl_error *why);
// Without an answer.
// Before a reload that makes another of what is being tested: who waits is told.
void gateway_test_refuse(struct gateway *g);
void gateway_test_fini(struct gateway *g);

// gateway_metrics.c
void gateway_metrics_round(struct gateway *g);
void gateway_metrics_tick(struct gateway *g);
// After the store's writer has stopped.
void gateway_metrics_fini(struct gateway *g);

// gateway_trends.c
// `fini` leaves the files to the store's writer.
void gateway_trends_init(struct gateway *g);
void gateway_trends_fini(struct gateway *g);
// Takes the counters in g->observed.
void gateway_trends_tick(struct gateway *g);
// Fills in the bytes of today and of this month.
void gateway_trends_tell(const struct gateway *g, struct snapshot *out);
bool gateway_history(void *ctx, const char *path, enum trend_scale scale, struct history *out);

// gateway_conns.c
// Why a connection that began on this path (-1: on none) is plain TCP although MPTCP was asked for.
enum conn_reason gateway_fallback_reason(const struct gateway *g, int slot);
// Adds up what has become plain TCP between these counters and g->counters.
void gateway_count_fallbacks(struct gateway *g, const struct relay_counters *before);
// A connection has become plain TCP: an event, unless that is known.
void gateway_tell_plain(void *ctx, struct conn *conn);
// Asks the relay for its connections; they are told to all who wait at the control socket.
void gateway_conns_ask(void *ctx);
// gateway_caps.c
// Reads what was used before; `fini` leaves the file to the store's writer.
void gateway_caps_init(struct gateway *g, const char *state_dir);
void gateway_caps_fini(struct gateway *g);
// Takes the counters in g->observed, and does to the paths what their caps say.
void gateway_caps_tick(struct gateway *g);
void gateway_caps_forget_interface(struct gateway *g, size_t slot);
void gateway_caps_fill(const struct gateway *g, size_t slot, struct path_snapshot *p);
void gateway_caps_set_used(struct gateway *g, size_t slot, const struct command *command,
			   struct command_result *out);
// Gives the path what the command gives it. Whether it may be enabled then; else `out` says why
// not.
bool gateway_caps_allow(struct gateway *g, size_t slot, const struct command *command,
			struct command_result *out);

// gateway_demand.c
void gateway_demand_tick(struct gateway *g);
// enable, disable, cap
void gateway_demand_command(struct gateway *g, size_t slot, const struct command *command,
			    struct command_result *out);
void gateway_demand_fill(const struct gateway *g, size_t slot, int64_t now_ms,
			 struct path_snapshot *p);

// gateway_control.c
void gateway_acknowledge(struct gateway *g, const struct command *command,
			 struct command_result *out);
extern const struct ctl_handler gateway_handler; // `ctx` is the caller's to fill in

#endif
