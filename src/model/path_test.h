// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef MODEL_PATH_TEST_H
#define MODEL_PATH_TEST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "model/path.h"
#include "model/snapshot.h"

// A test of one path on demand (`mpgate test`): what was measured, and what that comes to. probe/
// measures, plan/ judges, ctl/ carries the judgement to whoever asked.

// ---- what was measured

// One connection to the exit. Errors are 0, or -errno: -ETIMEDOUT without an answer in time.
struct test_leg {
	int error;          // of the handshake
	int64_t connect_us; // how long that took
	bool asked, mptcp;  // the options were sent; came back, too
	int echo_error;     // of a question to the exit's peer service
	int64_t echo_us;
	bool mptcp_there;    // at the other end, as that answered
	struct addr seen_as; // likewise
};

struct test_facts {
	int hop_error; // of a ping to the other end of the link; -ENOENT: it is not known
	int64_t hop_us;
	struct test_leg tcp, mptcp; // a connection of each kind, over this path alone
	int size_error;             // of a question that fills packets
	int mtu;                    // as the kernel has it then; 0: unknown
	bool shrank;                // they passed only once they were made smaller
	bool join_asked;
	int join_error; // of a subflow over this path, of a connection that began on another one
	int64_t join_us;
	bool fill_asked;
	int fill_error;      // of the bytes to measure by; -ECANCELED: it never came to that
	uint64_t fill_bytes; // that came
	int64_t fill_us;     // in this time
	uint64_t bytes;      // spent, headers estimated
};

// What is known of the path without a test; texts are borrowed.
struct test_context {
	const char *path, *interface;
	struct addr address, gateway, hop; // AF_UNSPEC: none
	uint32_t table;
	bool wanted, routed;
	const char *state;         // "DOWN"
	const char *note, *advice; // why it has no address, and what to do
	const char *passing; // another path over which the exit answers with MPTCP; NULL: none
	int8_t serves;       // the exit answers such questions: 1, 0, unknown
	bool has_endpoint;
	bool mptcp_only; // what is asked for
};

// ---- what that comes to

enum test_step {
	TEST_ADDRESS,
	TEST_ROUTE,
	TEST_HOP,
	TEST_EXIT,
	TEST_ECHO,
	TEST_SIZE,
	TEST_MPTCP,
	TEST_JOIN,
	TEST_SPEED,
	TEST_STEPS
};

enum test_level { TEST_OK, TEST_WARN, TEST_FAIL, TEST_SKIP, TEST_LEVELS };

// "first-hop"; "ok", "warning", "failure", "skipped". From a word: 0 or -EINVAL.
const char *test_step_word(enum test_step step);
int test_step_from_word(const char *word, enum test_step *step);
const char *test_level_word(enum test_level level);
int test_level_from_word(const char *word, enum test_level *level);

#define TEST_TEXT_SIZE 160

struct test_finding {
	enum test_step step;
	enum test_level level;
	int64_t took_us; // or negative
	char text[TEST_TEXT_SIZE], cause[TEST_TEXT_SIZE],
		next[TEST_TEXT_SIZE]; // the latter two may be empty
};

struct path_test {
	int64_t time_ms; // wall clock
	char path[NAME_SIZE], exit[NAME_SIZE], endpoint[80];
	bool passed;               // something was measured, and nothing failed
	int64_t rtt_us;            // of the handshake over this path alone; or negative
	int8_t mptcp;              // 1, 0 or unknown
	int mtu;                   // or negative
	int64_t download_bps;      // or negative
	char seen_as[ADDR_STRLEN]; // may be empty
	uint64_t bytes;
	int n;
	struct test_finding list[TEST_STEPS];
};

// What a person asks for.
struct path_test_order {
	char path[NAME_SIZE];
	bool metered;   // although every byte costs
	bool mptcp;     // only that, and whether it can be joined
	bool speed;     // how fast the exit's bytes come, too
	bool may_spend; // the asker may change things; filled in by the receiving end
};

#endif
