// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef CTL_CTL_H
#define CTL_CTL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/str.h"
#include "model/command.h"
#include "model/conns.h"
#include "model/path_test.h"
#include "model/snapshot.h"
#include "model/status.h"

// The control socket, both ends of it. Protocol: doc/control-protocol.md.

struct ev_loop;

// A failure as people and programs get it: `status` is the exit status, `code` a fixed word for
// programs ("not-running"), `message` says what and why, `hint` what to do (may be empty).
struct ctl_error {
	enum status status;
	char code[24];
	char message[200];
	char hint[200];
	char details[COMMAND_DETAILS_SIZE]; // all that is wrong, each with a line end; may be empty
};

// ---- The gateway's end. All of it runs on the thread of the loop given to ctl_open().

struct ctl;

// Each is called from inside the loop and must not block. `command` may not call ctl_close().
struct ctl_handler {
	void *ctx;
	void (*snapshot)(void *ctx, struct snapshot *out);
	// Of a path, or of all for an empty name. False: there is no such path.
	bool (*history)(void *ctx, const char *path, enum trend_scale scale, struct history *out);
	// The peer's right to change things and, for a path's verbs, that the path exists have been
	// checked. `out` comes filled with STATUS_DONE and empty texts.
	void (*command)(void *ctx, const struct command *command, struct command_result *out);
	const struct event_log *(*events)(void *ctx); // borrowed likewise
	// Begins to gather the connections; ctl_answer_conns() is to follow, now or later. It is
	// not called again before that. NULL: there are none to tell of.
	void (*conns)(void *ctx);
	// Begins to test a path, which exists; ctl_answer_test() is to follow, now or later. False:
	// it does not begin, and `why` says why. NULL: nothing can be tested.
	bool (*test)(void *ctx, const struct path_test_order *order, struct ctl_error *why);
};

// Listens on `socket_path` (mode 0660, group mpgate where that exists), making its directory when
// only that is missing. The file of a dead gateway is replaced; a live one gives -EADDRINUSE.
// `handler` is copied. On failure returns -errno and adds one line without a line end to `why`.
int ctl_open(struct ev_loop *loop, const char *socket_path, const struct ctl_handler *handler,
	     struct ctl **out, struct str *why);
// To all who watch. Serialised once; a watcher that does not read gets the newest when it reads
// again, and none of those between.
void ctl_publish(struct ctl *ctl, const struct snapshot *snapshot);
// To all who have asked for the connections and wait.
void ctl_answer_conns(struct ctl *ctl, const struct conns *conns);
// To who has asked for a test and waits.
void ctl_answer_test(struct ctl *ctl, const struct path_test *test);
// The same, when it came to nothing.
void ctl_refuse_test(struct ctl *ctl, const struct ctl_error *why);
// Closes all connections, removes the socket file.
void ctl_close(struct ctl *ctl);

// ---- A page for scrapers, on a TCP port; on the same thread.

struct ctl_page;

// Answers GET /metrics with what `write` adds, of content type `type` (borrowed); a client has five
// seconds, and eight are served at once. Returns 0, or -errno with a text.
int ctl_page_open(struct ev_loop *loop, const union sockaddr_any *at, const char *type,
		  void (*write)(void *ctx, struct str *out), void *ctx, struct ctl_page **out,
		  struct str *why);
void ctl_page_close(struct ctl_page *page);

// ---- The client's end. Used from one thread; never blocks except in ctl_client_wait().

struct ctl_client;

enum ctl_kind {
	CTL_HELLO,    // the first answer to ctl_client_watch()
	CTL_HISTORY,  // the second, of all paths; also the answer to ctl_client_history()
	CTL_SNAPSHOT, // all later ones; also the answer to ctl_client_status()
	CTL_RESULT,   // of a command
	CTL_CONNS,    // the answer to ctl_client_conns()
	CTL_ERROR,    // the gateway refused a request
	CTL_LOG,      // of ctl_client_log()
	CTL_TEST,     // of ctl_client_test()
};

struct ctl_hello {
	bool may_change; // false: commands will be answered with STATUS_NOT_ALLOWED
	char who[64];    // whom the gateway takes us for: "pi on pts/0"
};

struct ctl_result {
	enum command_verb verb;
	char object[NAME_SIZE];
	struct command_result result;
};

struct ctl_message {
	enum ctl_kind kind;
	union {
		struct ctl_hello hello;
		struct history history;
		struct snapshot snapshot;
		struct ctl_result result;
		struct conns conns;
		struct ctl_error error;
		struct event_page log;
		struct path_test test;
	};
	const char *line; // the JSON it came as; borrowed until the next call on this client
};

// Returns 0, or -ENOENT, -ECONNREFUSED (no gateway runs), -EACCES (not allowed), another -errno.
int ctl_client_connect(const char *socket_path, struct ctl_client **out);
void ctl_client_free(struct ctl_client *c);
int ctl_client_fd(const struct ctl_client *c);
// What to poll(2) the descriptor for: POLLIN, and POLLOUT while a request waits to be sent.
short ctl_client_events(const struct ctl_client *c);

// Requests. Each returns 0 or -errno; the answer comes through ctl_client_read(), in order.
int ctl_client_status(struct ctl_client *c);
// History at once, then snapshots, at most one per `interval_ms` (0: every one that is made).
int ctl_client_watch(struct ctl_client *c, int interval_ms);
// Of one path, or of all for an empty name.
int ctl_client_history(struct ctl_client *c, const char *path, enum trend_scale scale);
int ctl_client_log(struct ctl_client *c, const struct event_filter *filter);
// The connections as they are now. Costs the gateway something, so only while somebody looks.
int ctl_client_conns(struct ctl_client *c);
// Takes some seconds. `may_spend` is ignored: the gateway sees for itself who asks.
int ctl_client_test(struct ctl_client *c, const struct path_test_order *order);
// `who` is ignored: the gateway sees for itself who asks.
int ctl_client_send(struct ctl_client *c, const struct command *command);

// Call when the descriptor is ready, until it returns 0. Returns 1 and a message, 0 when more must
// come first, -EPIPE when the gateway is gone, -EPROTO when it does not speak our protocol. Texts
// in a message hold no control characters and are valid UTF-8, whatever was sent.
int ctl_client_read(struct ctl_client *c, struct ctl_message *out);
// The same for programs without a loop: waits for a message, at most `timeout_ms`. Returns 0,
// -ETIMEDOUT, or an error of ctl_client_read().
int ctl_client_wait(struct ctl_client *c, struct ctl_message *out, int timeout_ms);

// Why no gateway could be asked, in words: `rc` comes from a ctl_client_ function.
void ctl_client_explain(int rc, const char *socket_path, struct ctl_error *out);

// ---- Values as lines of JSON without a line end; the caller frees them.

char *ctl_json_from_snapshot(const struct snapshot *snapshot);
char *ctl_json_from_history(const struct history *history);
// As a gateway answers ctl_client_log(), with any number of events, the oldest first.
char *ctl_json_from_events(const struct event *events, size_t n, uint64_t next, uint64_t last);
char *ctl_json_from_result(const struct ctl_result *result);
char *ctl_json_from_alarms(const struct snapshot *snapshot);
// mpgate.paths: of a line that holds an mpgate.status, the paths with these names (n 0: all) as
// they stand there, in their order. NULL: it is no such line.
char *ctl_json_paths(const char *status_line, char *const names[], int n);
char *ctl_json_from_conns(const struct conns *conns);
char *ctl_json_from_error(const struct ctl_error *error);
// Fills `error` from an exit status and texts; the code word follows from the status.
void ctl_error_set(struct ctl_error *error, enum status status, const char *message,
		   const char *hint);
// Reads any line that a gateway sends. Returns 0, or -EPROTO. `out->line` is `line`.
int ctl_json_parse(const char *line, struct ctl_message *out);

#endif
