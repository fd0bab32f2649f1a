// SPDX-License-Identifier: GPL-2.0-or-later
//
// The command line: the table of subcommands and how one is chosen. Global options may stand before
// or after the subcommand; those before it are moved behind it, so that each subcommand sees one
// list of words (role_args_parse() in role_util.c takes it apart). Help texts come from the table.

#include "role/role.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "role/role_priv.h"

static int run_help(int argc, char **argv);
static int run_version(int argc, char **argv);

static const struct role_verb verbs[] = {
	{ "alarm",
	  "[list|ack] [ID|all]",
	  2,
	  "List what is wrong just now, or acknowledge that it is known",
	  { "mpgate alarm list --plain", "mpgate alarm ack ppp0/down" },
	  role_alarm,
	  ROLE_LOOK },
	{ "backup",
	  "PATH on|off",
	  2,
	  "Use a path as a backup only, or by its tier again",
	  { "mpgate backup wwan0 on", "mpgate backup wwan0 off" },
	  role_control,
	  ROLE_CHANGE },
	{ "cap",
	  "[PATH]",
	  1,
	  "Show what the paths have used of their data caps, or correct it",
	  { "mpgate cap", "mpgate cap wwan0 --set-used 1.2G" },
	  role_cap,
	  ROLE_CHANGE },
	{ "check",
	  "[FILE]",
	  1,
	  "Check the configuration file and print every error in it",
	  { "mpgate check", "mpgate check ./new.conf" },
	  role_check,
	  ROLE_CONFIGURE },
	{ "completion",
	  "bash|zsh|fish",
	  1000, // of the line that a shell asks about
	  "Print a script that completes mpgate's command lines",
	  { "mpgate completion bash > ~/.local/share/bash-completion/completions/mpgate",
	    "mpgate completion zsh > ~/.zfunc/_mpgate" },
	  role_completion,
	  ROLE_OTHER },
	{ "config",
	  "",
	  0,
	  "Print the configuration, as it stands or with all defaults",
	  { "mpgate config --default > mpgate.conf", "mpgate config --effective" },
	  role_config,
	  ROLE_CONFIGURE },
	{ "confirm",
	  "",
	  0,
	  "Keep a change that the gateway would take back by itself",
	  { "mpgate confirm", "mpgate disable --yes ppp0 && mpgate confirm" },
	  role_timed,
	  ROLE_CHANGE },
	{ "conns",
	  "[FILTER]...",
	  8,
	  "List the LAN's connections, their paths, and why one is plain TCP",
	  { "mpgate conns path:tun1 443", "mpgate conns --json --watch=5 mode:tcp" },
	  role_conns,
	  ROLE_LOOK },
	{ "console",
	  "",
	  0,
	  "Watch the running gateway live, and ask it for changes",
	  { "mpgate console", "mpgate console --read-only" },
	  role_console,
	  ROLE_RUN },
	{ "disable",
	  "PATH",
	  1,
	  "Take a path out of use",
	  { "mpgate disable wwan0", "mpgate disable --yes --no-wait tun1" },
	  role_control,
	  ROLE_CHANGE },
	{ "doctor",
	  "[CHECK|PATH|EXIT]...",
	  16,
	  "Find out what is wrong, why, and what to do about it",
	  { "mpgate doctor", "mpgate doctor --json --strict wwan0" },
	  role_doctor,
	  ROLE_FIND },
	{ "enable",
	  "PATH",
	  1,
	  "Bring a path into use and wait until it is up",
	  { "mpgate enable wwan0 --for 30m", "mpgate enable --timeout 120 wwan0 --boost 100M" },
	  role_control,
	  ROLE_CHANGE },
	{ "explain",
	  "HOST[:PORT] [from SOURCE]",
	  3,
	  "Say which rule, exit and path a connection would get, and why",
	  { "mpgate explain www.example.net:443",
	    "mpgate explain 198.51.100.80:53 --udp --from 192.168.1.23" },
	  role_explain,
	  ROLE_FIND },
	{ "gateway",
	  "",
	  0,
	  "Run the gateway; on a terminal with the console on top",
	  { "mpgate gateway", "mpgate gateway --headless --config ./mpgate.conf" },
	  role_gateway,
	  ROLE_RUN },
	{ "help",
	  "[COMMAND]",
	  1,
	  "Print help about mpgate or one of its commands",
	  { "mpgate help", "mpgate help check" },
	  run_help,
	  ROLE_OTHER },
	{ "history",
	  "[PATH]",
	  1,
	  "Show what paths carried: a minute to a month, or by day",
	  { "mpgate history ppp0 --scale 1d", "mpgate history --days --plain" },
	  role_history,
	  ROLE_LOOK },
	{ "jumpbox",
	  "",
	  0,
	  "Run a jumpbox: forward what comes out of its tunnels",
	  { "mpgate jumpbox --config ./jumpbox.conf", "mpgate jumpbox --check" },
	  role_jumpbox,
	  ROLE_RUN },
	{ "keys",
	  "",
	  0,
	  "List the keys of the console",
	  { "mpgate keys", "mpgate keys --plain" },
	  role_keys,
	  ROLE_OTHER },
	{ "log",
	  "",
	  0,
	  "Print what has happened, and with --follow what happens",
	  { "mpgate log --since 2h --level warning", "mpgate log -f --path ppp0" },
	  role_log,
	  ROLE_LOOK },
	{ "metrics",
	  "",
	  0,
	  "Print the gateway's numbers in the text format of Prometheus",
	  { "mpgate metrics", "mpgate metrics > /var/lib/node_exporter/mpgate.prom" },
	  role_metrics,
	  ROLE_LOOK },
	{ "path",
	  "add|remove PATH",
	  2,
	  "Add a path to the configuration file, or take one out",
	  { "mpgate path add ppp0 --kind adsl", "mpgate path remove --yes wwan0" },
	  role_path,
	  ROLE_CONFIGURE },
	{ "paths",
	  "[PATH]...",
	  16,
	  "List the paths, or tell all about those that are named",
	  { "mpgate paths", "mpgate paths --json --watch=5 ppp0 tun1" },
	  role_paths,
	  ROLE_LOOK },
	{ "plan",
	  "",
	  0,
	  "Print what the gateway would change in the kernel; do nothing",
	  { "mpgate plan", "mpgate plan --config ./new.conf" },
	  role_plan,
	  ROLE_FIND },
	{ "redial",
	  "PATH",
	  1,
	  "Hang up and dial a path anew, or reconnect it",
	  { "mpgate redial ppp0", "mpgate redial --yes --json ppp0" },
	  role_control,
	  ROLE_CHANGE },
	{ "reload",
	  "",
	  0,
	  "Let the running gateway read its configuration again",
	  { "mpgate reload", "mpgate check && mpgate reload" },
	  role_reload,
	  ROLE_CHANGE },
	{ "report",
	  "",
	  0,
	  "Write a text for a bug report, without secrets and addresses",
	  { "mpgate report > report.txt", "mpgate report --output report.txt" },
	  role_report,
	  ROLE_FIND },
	{ "revert",
	  "",
	  0,
	  "Take back at once what it would take back by itself",
	  { "mpgate revert", "mpgate revert --json" },
	  role_timed,
	  ROLE_CHANGE },
	{ "server",
	  "",
	  0,
	  "Run the exit server",
	  { "mpgate server", "mpgate server --config ./server.conf" },
	  role_server,
	  ROLE_RUN },
	{ "status",
	  "",
	  0,
	  "Show verdict, problems, paths and events of the running gateway",
	  { "mpgate status", "mpgate status --json --watch=5" },
	  role_status,
	  ROLE_LOOK },
	{ "test",
	  "PATH",
	  1,
	  "Try one path: first hop, exit, MPTCP, full-size packets, speed",
	  { "mpgate test tun1", "mpgate test --mptcp --json tun1" },
	  role_test,
	  ROLE_FIND },
	{ "version",
	  "",
	  0,
	  "Print the version",
	  { "mpgate version", "mpgate --version" },
	  run_version,
	  ROLE_OTHER },
};

#define N_VERBS (sizeof(verbs) / sizeof(verbs[0]))

const struct role_verb *role_verb_list(size_t *n)
{
	*n = N_VERBS;
	return verbs;
}

const struct role_verb *role_verb_find(const char *word)
{
	for (size_t i = 0; i < N_VERBS; i++) {
		if (strcmp(word, verbs[i].word) == 0)
			return &verbs[i];
	}
	return NULL;
}

const struct role_verb *role_verb_near(const char *word)
{
	const struct role_verb *near = NULL;
	unsigned best = 3; // more than two slips is another word

	for (size_t i = 0; i < N_VERBS; i++) {
		unsigned distance = str_distance(word, verbs[i].word);

		if (distance < best && distance < strlen(word)) {
			best = distance;
			near = &verbs[i];
		}
	}
	return near;
}

static int fail_verb(const char *word)
{
	const struct role_verb *near = role_verb_near(word);
	char hint[64] = "'mpgate help' lists the commands";

	if (near)
		snprintf(hint, sizeof(hint), "did you mean '%s'?", near->word);
	return role_fail(STATUS_USAGE, hint, "unknown command '%s'", word);
}

static void print_overview(void)
{
	static const char *const groups[ROLE_GROUPS] = {
		[ROLE_LOOK] = "see how it is:",
		[ROLE_CHANGE] = "change it while it runs:",
		[ROLE_FIND] = "find out what is wrong:",
		[ROLE_CONFIGURE] = "write its configuration:",
		[ROLE_RUN] = "run it:",
		[ROLE_OTHER] = "help with all this:",
	};

	printf("usage: mpgate [OPTION]... COMMAND [WORD]...\n\n"
	       "A home gateway over several Internet links: each connection uses all of them.\n"
	       "\nCommands:\n");
	for (int group = 0; group < ROLE_GROUPS; group++) {
		printf(" %s\n", groups[group]);
		for (size_t i = 0; i < N_VERBS; i++) {
			if (verbs[i].group == (enum role_group)group)
				printf("  %-11s %s\n", verbs[i].word, verbs[i].help);
		}
	}
	printf("\nGlobal options:\n");
	role_args_print_globals();
	printf("\n'mpgate COMMAND --help' tells more. Manual: mpgate(8), mpgate.conf(5)\n");
}

static int run_help(int argc, char **argv)
{
	struct role_args args;
	const struct role_verb *verb;

	if (!role_args_parse(&args, argc, argv, NULL))
		return args.status;
	if (args.n_operands == 0) {
		print_overview();
		return STATUS_DONE;
	}
	verb = role_verb_find(args.operands[0]);
	if (!verb)
		return fail_verb(args.operands[0]);
	return verb->run(2, (char *[]){ args.operands[0], (char[]){ "--help" }, NULL });
}

static int run_version(int argc, char **argv)
{
	struct role_args args;

	if (!role_args_parse(&args, argc, argv, NULL))
		return args.status;
	puts(args.json ? "{\"schema\":\"mpgate.version\",\"schema_version\":1,\"version\":"
			 "\"" PACKAGE_VERSION "\"}"
		       : "mpgate " PACKAGE_VERSION);
	return STATUS_DONE;
}

// What "mpgate" alone means: look at the gateway, as lively as the output allows.
static const struct role_verb *default_verb(void)
{
	bool terminal = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);

	return role_verb_find(terminal ? "console" : "status");
}

// argv is "mpgate OPTION... VERB WORD..." with the verb at `at` (or nothing there).
static int run_verb(const struct role_verb *verb, char **argv, int argc, int at)
{
	char **words = xcalloc((size_t)argc + 2, sizeof(*words));
	char word[32];
	int n = 0, status;

	words[n++] = str_copy(word, sizeof(word), verb->word);
	for (int i = 1; i < argc; i++) {
		// "--" before the verb has done its work; behind the verb it would end the options
		if (i != at && !(i == at - 1 && strcmp(argv[i], "--") == 0))
			words[n++] = argv[i];
	}
	status = verb->run(n, words);
	role_mask_end();
	free(words);
	return status;
}

int role_main(int argc, char **argv)
{
	const struct role_verb *verb;
	bool help, version;
	int at = role_args_scan(argc, argv, &help, &version);

	if (at < 0)
		return STATUS_USAGE;
	if (version)
		return run_verb(role_verb_find("version"), argv, 1, 1);
	if (help && at >= argc) {
		print_overview();
		return STATUS_DONE;
	}
	verb = at < argc ? role_verb_find(argv[at]) : default_verb();
	if (verb)
		return run_verb(verb, argv, argc, at);
	if (at < argc)
		return fail_verb(argv[at]);
	print_overview();
	return STATUS_USAGE;
}
