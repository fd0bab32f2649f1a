// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef ROLE_ROLE_PRIV_H
#define ROLE_ROLE_PRIV_H

#include <stdbool.h>
#include <stddef.h>

#include "config/config.h"
#include "ctl/ctl.h"
#include "model/format.h"
#include "model/status.h"
#include "ui/ui.h"

// What the subcommands share. A subcommand is a row of the table in role.c and a function
//
//	int role_check(int argc, char **argv)
//	{
//		bool strict = false;
//		const struct role_option options[] = {
//			{ "strict", 's', NULL, "treat warnings as errors", .flag = &strict },
//			{ 0 },
//		};
//		struct role_args args;
//
//		if (!role_args_parse(&args, argc, argv, options))
//			return args.status;
//		...
//		return role_fail(STATUS_NO_SUCH, "did you mean ppp0?", "redial: no path '%s'",
// name);
//	}

// One option of a subcommand; exactly one of the targets is set.
struct role_option {
	const char *word;  // "strict" for --strict; NULL ends the table
	char letter;       // 's' for -s; 0: none
	const char *value; // what its argument is called, "FILE"; "[N]" may be left out; NULL: none
	const char *help;
	bool *flag;        // set to true
	int *count;        // counts how often it was given
	const char **text; // the argument, "" when it was left out; borrowed from argv
};

enum role_color { ROLE_COLOR_AUTO, ROLE_COLOR_ALWAYS, ROLE_COLOR_NEVER };

// The global options, complete with environment and defaults, and the operands.
struct role_args {
	const char *config; // file; -c, MPGATE_CONFIG, default
	char run_dir[96];   // MPGATE_RUN_DIR, default
	char state_dir[96]; // MPGATE_STATE_DIR, default
	char socket[108];   // -S, MPGATE_SOCKET, run_dir/control.sock; fits sun_path
	bool config_given;  // by option or environment
	bool json, plain, no_header, quiet, yes, no_input;
	bool mask; // addresses are hidden in all that goes to stdout and stderr, see masked.c
	int verbose;
	enum rate_choice units;
	enum role_color color;
	enum ui_charset charset;
	char **operands; // borrowed from argv
	int n_operands;
	int status; // what to return after role_args_parse() said false
};

// Takes the words of a subcommand (argv[0] is the subcommand, a row of the table): its own options
// (NULL: none), the global ones, --help. Sets the log level from -q and -v. False when there is
// nothing more to do: help was printed, or an error; the caller then returns args->status.
bool role_args_parse(struct role_args *args, int argc, char **argv, const struct role_option *own);

// Whether to send colour to this descriptor: --color, NO_COLOR, TERM=dumb, terminal or not.
bool role_color(const struct role_args *args, int fd);

// "mpgate: WHAT: WHY" on stderr, and a "hint:" line unless `hint` is NULL; with --json an error
// object on stdout instead. Returns `status`. What would steer a terminal is replaced: the text may
// quote what a person or a peer sent.
__attribute__((format(printf, 3, 4))) int role_fail(enum status status, const char *hint,
						    const char *fmt, ...);
// The same of an error that is there already, as from ctl_client_explain().
int role_fail_error(const struct ctl_error *error);

// session.c: whether this terminal is on an ssh session, and by which interface that comes in.
void role_session_find(struct ui_options *options);

// console.c: what every console is started with. Zero-initialised; options of its own may be set
// before.
struct role_screen {
	struct ui_options options;
	char last_run[sizeof(((struct role_args *)NULL)->state_dir) + 16];
	struct str complaint; // of a person's own file
};
void role_screen_init(struct role_screen *screen, const struct role_args *args);
void role_screen_fini(struct role_screen *screen);

// masked.c: from now on, and until the end, addresses in what is printed to stdout are hidden.
void role_mask_begin(void);
// Prints what is left. Nothing happens when it was not begun.
void role_mask_end(void);

// config_load(); prints errors and warnings to stderr. Returns STATUS_DONE and the configuration
// (config_free() it), or the status to end with.
int role_load_config(const char *file, enum config_role role, struct config **out);

// Asks on the terminal; anything but yes is no.
bool role_hear_yes(void);

// Appends `text` as a JSON string, cleaned.
void role_add_json_text(struct str *out, const char *text);

// What a subcommand is for; in the order of the overview.
enum role_group {
	ROLE_LOOK,
	ROLE_CHANGE,
	ROLE_FIND,
	ROLE_CONFIGURE,
	ROLE_RUN,
	ROLE_OTHER,
	ROLE_GROUPS
};

// A subcommand as users see it.
struct role_verb {
	const char *word;
	const char *operands; // "[FILE]", "" for none
	int max_operands;
	const char *help;        // one line, of at most 66 columns
	const char *examples[2]; // complete command lines
	int (*run)(int argc, char **argv);
	enum role_group group;
};

// The whole table.
const struct role_verb *role_verb_list(size_t *n);
// The options of a subcommand (NULL: none), its own first and then the global ones. Their targets
// are not to be used. Returns how many there are.
#define ROLE_OPTIONS_MAX 48
size_t role_list_options(const struct role_verb *verb,
			 struct role_option options[ROLE_OPTIONS_MAX]);

// NULL when there is none. role_verb_near() is the best "did you mean", or NULL.
const struct role_verb *role_verb_find(const char *word);
const struct role_verb *role_verb_near(const char *word);

// One per file. Each returns an exit status.
int role_alarm(int argc, char **argv);
int role_cap(int argc, char **argv);
int role_check(int argc, char **argv);
int role_completion(int argc, char **argv);
int role_config(int argc, char **argv);
int role_conns(int argc, char **argv);
int role_console(int argc, char **argv);
int role_control(int argc, char **argv); // enable, disable, redial
int role_doctor(int argc, char **argv);
int role_explain(int argc, char **argv);
int role_gateway(int argc, char **argv);
int role_jumpbox(int argc, char **argv);
int role_keys(int argc, char **argv);
int role_log(int argc, char **argv);
int role_history(int argc, char **argv);
int role_metrics(int argc, char **argv);
int role_path(int argc, char **argv);
int role_paths(int argc, char **argv);
int role_plan(int argc, char **argv);
int role_reload(int argc, char **argv);
int role_report(int argc, char **argv);
int role_server(int argc, char **argv);
int role_timed(int argc, char **argv); // confirm, revert
int role_status(int argc, char **argv);
int role_test(int argc, char **argv);

// For role_main(): takes the global options before the subcommand. Returns the subcommand's index,
// argc when there is none, or -1 after printing an error.
int role_args_scan(int argc, char **argv, bool *help, bool *version);
void role_args_print_globals(void);

#endif
