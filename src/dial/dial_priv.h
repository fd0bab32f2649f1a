// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef DIAL_DIAL_PRIV_H
#define DIAL_DIAL_PRIV_H

#include "dial/program.h"
#include "dial/dial.h"

// ---- process.c: processes that we have not started, or not in this life

// The pidfd of the pppd that `file` names, if it is one and that of `interface`; else -errno with
// the reason. -EAGAIN: it may turn out to be that one.
int process_find_pppd(const char *file, const char *interface, pid_t *pid, struct str *why);
// Ticks since boot; 0: no such process.
uint64_t process_start_time(pid_t pid);
// Notes that this pppd is ours, and finds it again: its pidfd, or -errno.
int process_record(const char *file, pid_t pid);
int process_recall(const char *file, pid_t *pid);

// ---- words.c: what programs say, in words for people. Pure.

#define WORDS_FINAL 100 // nothing else tells more

struct words {
	int weight; // 0: nothing known; of several the heaviest tells the cause
	bool refused;
	char reason[REASON_SIZE];
	char note[NOTE_SIZE];
	char text[EVENT_TEXT_SIZE];
};

// Looks at one line of pppd, of chat, or of a command.
void words_take_line(struct words *words, const char *line);
// pppd ended with this wait(2) status; keeps what was said before if that tells more.
void words_take_pppd_end(struct words *words, int status);
// pppd could not be executed.
void words_take_pppd_missing(struct words *words, int error);
// A command ended; `last` is the last line that it said.
void words_take_command_end(struct words *words, const char *what, int status, bool overdue,
			    int limit_s, const char *last);

// ---- dial.c

#define DIAL_TEXT_SIZE 256

struct way;

// One slot.
struct link {
	struct dial *dial;
	size_t slot;
	const struct way *way; // NULL: not in use
	char path[NAME_SIZE], interface[NAME_SIZE];
	char call[DIAL_TEXT_SIZE], pid_file[DIAL_TEXT_SIZE];
	char up[DIAL_TEXT_SIZE], down[DIAL_TEXT_SIZE], status[DIAL_TEXT_SIZE];
	char record[DIAL_TEXT_SIZE]; // file that says, after a crash, what we have dialled
	int timeout_ms;

	enum dial_phase phase;
	bool ready;         // as last told
	bool again;         // while dropping: and dial then
	int64_t raising_ms; // since when
	struct words words; // the cause of the failure to come
	ev_timer limit;     // of raising
	ev_timer step;      // the next thing to do while raising or dropping
	int farewell;       // pidfd of what is to end before we do; -1: none

	struct program program; // pppd, or the command that runs
	char last[256];         // that it said
	char concentrator[40];
	// ppp
	pid_t pid;
	int pidfd;    // of a pppd that is no child of ours; -1: there is none
	bool foreign; // and that something else has started
	ev_io gone;
	int harder; // signals that it has had
	// command
	int job;
};

// The verbs of a way to dial. They are called in any phase that dial.c lets them be called in.
struct way {
	void (*recall)(struct link *link); // finds what an earlier gateway has left
	void (*raise)(struct link *link);  // in DIAL_IDLE
	void (*drop)(struct link *link);   // hangs up what is ours
	void (*again)(struct link *link);  // in any phase but DIAL_DROPPING
	void (*link)(struct link *link);   // link->ready was told
	void (*late)(struct link *link);   // raising takes longer than its limit
	void (*step)(struct link *link);   // the step timer has come
	void (*leave)(struct link *link);  // like drop, but fills in `farewell`
	void (*forget)(struct link *link); // lets programs run without us
};

extern const struct way way_ppp, way_command;

struct dial {
	struct ev_loop *loop;
	char run_dir[DIAL_TEXT_SIZE / 2];
	void (*report)(void *ctx, const struct dial_report *report);
	void *ctx;
	double harder_s; // from one signal to the next
	int farewell_ms;
	bool leaving;
	struct link links[PATHS_MAX];
};

void link_enter(struct link *link, enum dial_phase phase);
// The link is up: DIAL_HELD, and said.
void link_raised(struct link *link);
// It is not, or not any more, for link->words: DIAL_IDLE, and said.
void link_fell(struct link *link);
void link_report(struct link *link, enum dial_event event, const struct words *words);
void link_news(struct link *link, const char *reason, const char *text);
// Ours, and who it is for; free it with the other.
char **link_environment(const struct link *link);
void link_environment_free(char **list);

#endif
