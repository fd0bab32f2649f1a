// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef ROLE_DOCTOR_H
#define ROLE_DOCTOR_H

#include "config/config.h"
#include "model/kstate.h"
#include "model/snapshot.h"
#include "plan/plan.h"

// `mpgate doctor`: first everything is looked at (doctor_look.c), then judged by checks that see
// nothing but these facts (doctor_checks.c).

// One exit asked over one path.
struct doctor_reach {
	bool asked;
	int error; // 0: answered; else -errno
	bool mptcp;
	int64_t rtt_us;
};

struct doctor_facts {
	const struct config *config; // NULL: it has errors
	char *config_errors;         // lines
	char release[65];            // of the kernel
	bool root;

	bool observed;
	char observe_why[200]; // when not
	struct kstate k;
	int congestion_error; // -errno of what sock_tune() asks for
	int manage_error;     // of opening the kernel as a gateway would; 0 also when not tried
	char manage_why[256];
	bool manage_tried;

	struct path_facts paths[PATHS_MAX]; // by place in the configuration, as all below
	bool wanted[PATHS_MAX];             // to be tested: not optional, or named
	int pppd_error;            // of finding it in PATH; 0 also when no path dials with it
	int call_error[PATHS_MAX]; // of reading what its `call` names
	struct addr exit_addrs[CONFIG_EXITS_MAX]; // AF_UNSPEC: cannot be looked up
	char exit_why[CONFIG_EXITS_MAX][64];      // then
	struct doctor_reach reach[CONFIG_EXITS_MAX][PATHS_MAX];

	const struct snapshot *gateway; // NULL: none answers
	int gateway_error;              // why: -errno

	bool network_manager, mptcpd;     // run here, by their pid files
	uint64_t descriptors;             // the limit
	int64_t conntrack, conntrack_max; // negative: not known
	bool run_dir_writable, state_dir_writable;
	const char *run_dir, *state_dir, *term, *charset;
};

enum doctor_level { DOCTOR_OK, DOCTOR_WARN, DOCTOR_FAIL, DOCTOR_SKIP, DOCTOR_LEVELS };

struct doctor_finding {
	const char *check, *group; // of the table
	enum doctor_level level;
	char object[NAME_SIZE]; // path or exit; may be empty
	char text[200];
	char cause[200]; // of what is not ok; may be empty
	char next[200];  // what to do; may be empty
};

#define DOCTOR_FINDINGS_MAX 256

struct doctor_report {
	struct doctor_finding list[DOCTOR_FINDINGS_MAX];
	size_t n;
};

struct doctor_check {
	const char *id, *group;
	void (*judge)(const struct doctor_facts *facts, struct doctor_report *report);
};

// In the order in which they are shown; `id` NULL ends the table.
extern const struct doctor_check doctor_checks[];

// Runs all checks.
void doctor_judge(const struct doctor_facts *facts, struct doctor_report *report);

struct role_args;

// doctor_look.c: the gateway's snapshot, for which `snapshot` is room.
void doctor_ask_gateway(const struct role_args *args, struct snapshot *snapshot,
			struct doctor_facts *facts);
// The rest. `names` are paths to test although they are optional. Takes some seconds.
void doctor_look(const struct role_args *args, struct config *config, char *const names[],
		 int n_names, struct doctor_facts *facts);
void doctor_facts_fini(struct doctor_facts *facts);

#endif
