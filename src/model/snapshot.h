// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef MODEL_SNAPSHOT_H
#define MODEL_SNAPSHOT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "model/conn_reason.h"
#include "model/event.h"
#include "model/path.h"

// What the gateway tells the world about itself: a plain value, made by the main thread once a
// second and on every change, shown by the console and the command line.
//
// Unknown is never zero: numbers that can be unknown or not apply are negative then
// (SNAPSHOT_UNKNOWN "not measured yet", SNAPSHOT_NONE "does not apply").

#define SNAPSHOT_UNKNOWN (-1)
#define SNAPSHOT_NONE    (-2)
// The same for a number that may be negative.
#define SNAPSHOT_NO_OFFSET INT64_MIN

#define SNAPSHOT_ALARMS 16
#define SNAPSHOT_EVENTS 24
#define NOTE_SIZE       96
#define REASON_SIZE     24
// `reason` of a path that is DEGRADED for nothing but names that cannot be looked up over it.
#define REASON_DNS "dns"
// `reason` of a path that is UP and reaches the Internet, while the exit is silent over all paths.
#define REASON_EXIT_SILENT "exit-silent"
#define LABEL_SIZE         32

enum verdict {
	VERDICT_STARTING, // no path is proved yet, and none has failed
	VERDICT_OK,
	VERDICT_DEGRADED,           // a path that is wanted is not UP, or the clocks differ
	VERDICT_NOT_BONDED,         // connections run as plain TCP
	VERDICT_SERVER_UNREACHABLE, // paths work, the exit does not answer
	VERDICT_OFFLINE,            // no path works
	VERDICTS
};

// "NOT BONDED" / "not-bonded"
const char *verdict_word(enum verdict verdict);
const char *verdict_json(enum verdict verdict);
int verdict_from_json(const char *word, enum verdict *verdict);

struct path_snapshot {
	char name[NAME_SIZE];
	char kind[NAME_SIZE];   // "adsl", "vpn", "3g" ... as configured; shown in capitals
	char label[LABEL_SIZE]; // for people; may be empty
	enum path_state state;
	char reason[REASON_SIZE]; // for programs: "no-carrier", "no-reply"; empty when all is well
	char note[NOTE_SIZE];     // for people: "no carrier 12s", "up 12d 03h"
	int64_t since_ms;         // wall clock of the last change of state
	uint64_t state_changes;   // since start
	enum path_tier tier;
	enum path_use use;
	char use_reason[NOTE_SIZE]; // for people: why it is not in full use; may be empty
	bool optional, enabled;
	bool bell;     // the console rings when it dies
	bool reserved; // a person wants it as a backup
	char hotkey;   // '\0' = none
	char interface[NAME_SIZE];
	char underlay[NAME_SIZE]; // the path whose line it rides; may be empty
	char address[ADDR_STRLEN], gateway[ADDR_STRLEN]; // empty when there is none
	int table, endpoint_id;                          // 0 = none
	int64_t rx_bps, tx_bps;                          // of the interface, over the last 2 s
	double share_ratio;                              // of all paths' bytes over 10 s
	uint64_t rx_bytes, tx_bytes;         // of our own subflows and datagrams, since start
	int associations;                    // whose datagrams take this path
	uint64_t udp_rx_bytes, udp_tx_bytes; // of these, among the above
	uint64_t interface_rx_bytes, interface_tx_bytes; // the interface's own counters
	int64_t today_rx_bytes, today_tx_bytes;          // of the interface, since local midnight
	int64_t month_rx_bytes, month_tx_bytes;          // since the first of the month
	uint64_t probe_bytes;                            // spent on probes since start
	int subflows;                                    // established
	int joins_missing; // running connections that should have one here and lack it
	uint64_t joins_ok, joins_failed; // subflows that were to be opened since start, by outcome
	int64_t rtt_us, jitter_us;       // smoothed
	double loss_ratio; // over the last minute: of probes, or of the exit's segments if that is
			   // more
	int64_t least_rtt_us;         // of the last minutes
	char who[64];                 // who switched it last: "root on pts/0"; empty: nobody
	int prefix_len;               // of the address; or negative
	char seen_as[ADDR_STRLEN];    // where the exit sees it come from; may be empty
	int64_t probe_interval_ms;    // how often it is probed; or negative
	int64_t answered_ms;          // wall clock, of the last probe that was answered; 0: none
	int probes_lost, probes_good; // in a row
	int down_after, up_after;     // as many of them, the state changes
	int64_t mptcp_checked_ms;     // wall clock, when mptcp_ok was found; 0: never
	double download_loss_ratio;   // of the segments that the exit sent lately, those sent again
	// Its data allowance. Limit and warning are SNAPSHOT_NONE where there is none; what was
	// used in the billing period is counted all the same.
	int64_t cap_bytes, cap_used_bytes;
	int64_t cap_began_ms, cap_resets_ms; // wall clock; 0: not known
	int cap_warn_percent;
	char cap_action[8];       // "off", "backup"
	bool cap_ignored;         // until it resets
	char demand[12];          // "manual", "when-down"; empty: it is not optional
	int64_t enabled_until_ms; // wall clock: it goes off then; 0: not by the clock
	int mtu;                  // of the interface; 0: not known
	char endpoint_flags[32];  // "subflow,backup", as the kernel has them; empty: there is no
				  // endpoint
	char peer[ADDR_STRLEN];   // at the other end of a point-to-point link; may be empty
	// Of links that are dialled. Times are the wall clock's, 0: none.
	char dial[8];                // "ppp", "command"; empty: not dialled by us
	char concentrator[40];       // who answered: "02:00:00:00:00:01"; empty: not known
	int64_t dialled_ms;          // the link is up since then
	int64_t hung_up_ms;          // it last came down, or did not come up
	char hung_up_why[NOTE_SIZE]; // and why, in the program's words
	int dial_attempts;           // since it was last steady
	int64_t next_dial_ms;        // not before
	int8_t mptcp_ok;             // MPTCP passes, as both ends see it: 1, 0, SNAPSHOT_UNKNOWN
};

struct exit_snapshot {
	char name[NAME_SIZE];
	char endpoint[80];         // "vps1.example.net:8388"
	int8_t reachable, mptcp;   // 1 yes, 0 no, SNAPSHOT_UNKNOWN
	int64_t rtt_us;            // best path's
	int paths_ok;              // paths over which it answers
	int8_t service;            // it answers as mpgate does: 1, 0, SNAPSHOT_UNKNOWN
	char version[32];          // of its program; empty: not known
	int subflows;              // of our connection to its service, as it sees them
	int64_t clock_offset_us;   // its clock less ours; SNAPSHOT_NO_OFFSET
	char why[NOTE_SIZE];       // it stands in for another, or none is reached; else empty
	char udp_fault[NOTE_SIZE]; // UDP is to go through it, and it does not answer that; else
				   // empty
};

#define SNAPSHOT_UPSTREAMS 4

struct upstream_snapshot {
	char address[ADDR_STRLEN];
	int8_t answers; // 1 yes, 0 no, SNAPSHOT_UNKNOWN
	int64_t rtt_us; // from question to answer, smoothed; that of answers that came too late,
			// too
	uint64_t asked, answered; // since it is configured; with what asks only whether it is there
};

// DNS for the LAN.
struct dns_snapshot {
	bool present;
	int listeners, listening; // addresses where it should answer; where it does
	char why[NOTE_SIZE];      // it does not everywhere; else empty
	uint64_t queries;         // of clients, since start; of these
	uint64_t hits;            // answered from what is kept
	uint64_t stale;           // with what had expired
	uint64_t failures;        // with an error, because no name server said anything
	int cached;               // answers kept now
	int n_upstreams;
	struct upstream_snapshot upstreams[SNAPSHOT_UPSTREAMS];
};

// One of all that are configured.
#define SNAPSHOT_EXITS 16
struct exit_listed {
	char name[NAME_SIZE];
	char endpoint[80];
	int8_t answers; // over some path, lately: 1, 0, SNAPSHOT_UNKNOWN
	bool in_use;    // new connections take it
};

// The machine, and what this process takes of it; SNAPSHOT_NONE: the machine does not tell.
struct machine_snapshot {
	double cpu_ratio;       // of all processors' time over the last seconds, whoever took it
	double load;            // of the last minute
	int temperature_c;      // of the processor
	int64_t memory_bytes;   // resident, ours
	int files, files_limit; // that we have open, and may
	int64_t conntrack, conntrack_limit; // entries of the kernel's table of connections
};

struct alarm {
	char id[NAME_SIZE + 16]; // "ppp0/down"
	char object[NAME_SIZE];
	int64_t since_ms;
	bool acked;
	char text[NOTE_SIZE];
};

struct snapshot {
	int64_t time_ms; // wall clock
	char host[64];
	char version[32];
	int pid;
	char config_file[256]; // in full; empty when it does not fit
	int64_t uptime_s;
	char pending[32]; // another version is installed, and runs after a restart; empty: none
	enum verdict verdict;
	int64_t verdict_since_ms;
	struct machine_snapshot machine;
	struct exit_snapshot exit; // that new connections take; name empty when none is configured
	struct dns_snapshot dns;
	int n_exits;
	struct exit_listed exits[SNAPSHOT_EXITS]; // in the order of the configuration
	int64_t rx_bps, tx_bps;
	uint64_t rx_bytes, tx_bytes; // of our own subflows and datagrams, since start
	// What the LAN sends and gets over the paths past the relay.
	int64_t unproxied_udp_rx_bps, unproxied_udp_tx_bps, unproxied_rest_rx_bps,
		unproxied_rest_tx_bps;
	int64_t today_rx_bytes, today_tx_bytes; // of all interfaces, since local midnight
	int64_t month_rx_bytes, month_tx_bytes;
	int connections, connections_tcp, subflows;
	uint64_t fallbacks[CONN_REASONS]; // connections that became plain TCP since start, by why
	int udp_associations; // whose datagrams go through the exit; SNAPSHOT_NONE: none may
	uint64_t udp_rx_bytes, udp_tx_bytes; // of these, since start
	uint64_t udp_moved, udp_dropped;     // associations, to another path; datagrams
	char timed_path[NAME_SIZE]; // was switched off, and comes back unless that is kept; may be
				    // empty
	int64_t revert_at_ms;       // wall clock, when; 0: nothing does
	int n_paths;
	struct path_snapshot paths[PATHS_MAX];
	int n_alarms;
	struct alarm alarms[SNAPSHOT_ALARMS];
	uint64_t events_today;
	int n_events;
	struct event events[SNAPSHOT_EVENTS]; // newest first
};

// The path of this name, or NULL.
const struct path_snapshot *snapshot_find_path(const struct snapshot *s, const char *name);

// How far back a history goes.
enum trend_scale { TREND_MINUTE, TREND_HOUR, TREND_DAY, TREND_MONTH, TREND_SCALES };

// "1m", "1h", "1d", "30d"
const char *trend_scale_word(enum trend_scale scale);
int trend_scale_from_word(const char *word, enum trend_scale *scale);
// How far apart its samples are, and how many there can be.
int trend_step_s(enum trend_scale scale);
unsigned trend_slots(enum trend_scale scale);

// RX and TX of one path, or of all: what a console draws. Samples are trend_step_s() apart; a gap
// has none, or one whose rates are unknown.
#define HISTORY_SIZE 360
#define HISTORY_DAYS 62
struct history_sample {
	int64_t time_ms; // wall clock, of the beginning of the span that it stands for
	int64_t rx_bps, tx_bps;
};
struct history_day {
	char date[16]; // "2026-11-22", local
	uint64_t rx_bytes, tx_bytes;
};
struct history {
	char path[NAME_SIZE]; // empty: all paths
	enum trend_scale scale;
	struct history_sample ring[HISTORY_SIZE];
	uint64_t count; // samples ever added
	int n_days;
	struct history_day days[HISTORY_DAYS]; // the oldest first
};

struct str;

// "did you mean ppp0? paths are: ppp0 tun0", for a name that no path has.
void snapshot_hint_at_paths(const struct snapshot *s, const char *name, struct str *out);

void history_add(struct history *history, const struct history_sample *sample);
// The sample `age` places before the newest (0 = newest), or NULL.
const struct history_sample *history_get(const struct history *history, unsigned age);

#endif
