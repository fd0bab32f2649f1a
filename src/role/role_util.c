// SPDX-License-Identifier: GPL-2.0-or-later
#include "role/role_priv.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/log.h"
#include "base/str.h"
#include "model/hide.h"

#define OPTIONS_MAX ROLE_OPTIONS_MAX
#define OWN_MAX     (OPTIONS_MAX - 20) // options of one subcommand

#define DEFAULT_CONFIG MPGATE_SYSCONFDIR "/mpgate.conf"
#define SOCKET_NAME    "control.sock"

// --json was given.
static bool answers_json;
// --mask was given.
static bool hides_addresses;

static void print_words(const char *before, const char *words)
{
	char clean[1024];

	str_copy_clean(clean, sizeof(clean), words);
	if (hides_addresses)
		hide_addresses(clean);
	fprintf(stderr, "%s%s\n", before, clean);
}

// An error object on stdout with --json, else words on stderr.
static void print_failure(const struct ctl_error *error, const char *message)
{
	char *line = answers_json ? ctl_json_from_error(error) : NULL;

	if (line) {
		puts(line);
	} else {
		print_words("mpgate: ", message);
		if (error->hint[0])
			print_words("hint: ", error->hint);
	}
	free(line);
}

int role_fail_error(const struct ctl_error *error)
{
	print_failure(error, error->message);
	return (int)error->status;
}

int role_fail(enum status status, const char *hint, const char *fmt, ...)
{
	struct str message = { 0 };
	struct ctl_error error;
	va_list ap;

	va_start(ap, fmt);
	str_vaddf(&message, fmt, ap);
	va_end(ap);
	ctl_error_set(&error, status, str_text(&message), hint ? hint : "");
	print_failure(&error, str_text(&message));
	str_fini(&message);
	return (int)status;
}

static int status_of_load(int rc)
{
	switch (rc) {
	case 0:
		return STATUS_DONE;
	case -ENOENT:
		return STATUS_NO_SUCH;
	case -EACCES:
		return STATUS_NOT_ALLOWED;
	default:
		return STATUS_BAD_CONFIG;
	}
}

bool role_hear_yes(void)
{
	char line[16] = "";

	fputs("[y/N] ", stderr);
	if (!fgets(line, sizeof(line), stdin))
		fputs("\n", stderr);
	line[strcspn(line, "\n")] = '\0';
	return strcasecmp(line, "y") == 0 || strcasecmp(line, "yes") == 0;
}

void role_add_json_text(struct str *out, const char *text)
{
	char clean[1024];

	str_copy_clean(clean, sizeof(clean), text);
	str_add(out, "\"");
	for (const char *c = clean; *c; c++)
		str_addf(out, *c == '"' || *c == '\\' ? "\\%c" : "%c", *c);
	str_add(out, "\"");
}

int role_load_config(const char *file, enum config_role role, struct config **out)
{
	struct str errors = { 0 };
	int rc = config_load(file, role, out, &errors), status = status_of_load(rc);
	struct ctl_error error;
	char first[sizeof(error.message)];

	fputs(rc < 0 ? str_text(&errors) : (*out)->warnings, stderr);
	if (rc < 0 && answers_json) {
		str_copy(first, sizeof(first), str_text(&errors));
		first[strcspn(first, "\n")] = '\0';
		ctl_error_set(&error, (enum status)status, first, "");
		str_copy(error.details, sizeof(error.details), str_text(&errors));
		role_fail_error(&error);
	}
	str_fini(&errors);
	return status;
}

// ---- options

// What the options of every subcommand write to, before environment and defaults are added.
struct globals {
	const char *config, *socket, *color, *charset, *units;
	bool plain, no_header, mask, quiet, yes, no_input, help, version;
	int verbose;
};

// Fills `options` with the global options and returns how many there are.
static size_t list_globals(struct globals *g, struct role_option *options)
{
	const struct role_option list[] = {
		{ "config", 'c', "FILE", "the configuration file", .text = &g->config },
		{ "socket", 'S', "FILE", "the gateway's control socket", .text = &g->socket },
		{ "json", 0, NULL, "answer in JSON", .flag = &answers_json },
		{ "plain", 0, NULL, "answer in tab-separated columns", .flag = &g->plain },
		{ "no-header", 0, NULL, "without the line of their names", .flag = &g->no_header },
		{ "color", 0, "auto|always|never", "when to use colour", .text = &g->color },
		{ "charset", 0, "auto|ascii|utf8", "what the terminal can show",
		  .text = &g->charset },
		{ "units", 0, "bit|kbit|byte|auto", "of rates, for people", .text = &g->units },
		{ "mask", 0, NULL, "hide addresses, to show it to others", .flag = &g->mask },
		{ "quiet", 'q', NULL, "log errors only", .flag = &g->quiet },
		{ "verbose", 'v', NULL, "log more; twice: everything", .count = &g->verbose },
		{ "yes", 'y', NULL, "skip confirmations", .flag = &g->yes },
		{ "no-input", 0, NULL, "never ask: fail instead", .flag = &g->no_input },
		{ "version", 0, NULL, "print the version", .flag = &g->version },
		{ "help", 'h', NULL, "print this help", .flag = &g->help },
	};

	memcpy(options, list, sizeof(list));
	return sizeof(list) / sizeof(list[0]);
}

// The tables that getopt_long(3) wants. A long option's value is its index + 256; a short one's is
// its letter.
struct getopt_tables {
	struct option words[OPTIONS_MAX + 1];
	char letters[2 + 3 * OPTIONS_MAX + 1];
};

static void make_tables(struct getopt_tables *t, const struct role_option *options, size_t n,
			const char *mode)
{
	size_t at = (size_t)snprintf(t->letters, sizeof(t->letters), "%s", mode);

	memset(t->words, 0, sizeof(t->words));
	for (size_t i = 0; i < n; i++) {
		int has = !options[i].value            ? no_argument
			  : options[i].value[0] == '[' ? optional_argument
						       : required_argument;

		t->words[i] = (struct option){ options[i].word, has, NULL, (int)i + 256 };
		if (!options[i].letter)
			continue;
		t->letters[at++] = options[i].letter;
		for (int colons = 0; colons < has; colons++)
			t->letters[at++] = ':';
	}
	t->letters[at] = '\0';
}

static const struct role_option *find_option(const struct role_option *options, size_t n, int value)
{
	for (size_t i = 0; i < n; i++) {
		if (value == (int)i + 256 || (value && value == options[i].letter))
			return &options[i];
	}
	return NULL;
}

static void store(const struct role_option *option, const char *argument)
{
	if (option->flag)
		*option->flag = true;
	else if (option->count)
		++*option->count;
	else
		*option->text = argument ? argument : "";
}

static int fail_option(const char *who, const char *word, const struct role_option *options,
		       size_t n)
{
	const struct role_option *near = NULL;
	unsigned best = 3;
	char hint[128];

	// a letter, or the value of a known word with an argument that it cannot have
	if (optopt) {
		const struct role_option *known = find_option(options, n, optopt);

		if (known)
			return role_fail(STATUS_USAGE, NULL, "%soption '--%s' takes no argument",
					 who, known->word);
		snprintf(hint, sizeof(hint), "'mpgate help' lists commands and options");
		return role_fail(STATUS_USAGE, hint, "%sunknown option '-%c'", who, optopt);
	}
	for (size_t i = 0; i < n; i++) {
		unsigned distance = str_distance(word + strspn(word, "-"), options[i].word);

		if (distance < best) {
			best = distance;
			near = &options[i];
		}
	}
	if (near)
		snprintf(hint, sizeof(hint), "did you mean '--%s'?", near->word);
	else
		snprintf(hint, sizeof(hint), "'mpgate help' lists commands and options");
	return role_fail(STATUS_USAGE, hint, "%sunknown or ambiguous option '%s'", who, word);
}

// Stores all options. `mode` starts getopt's letters: ":" takes options wherever they stand, "+:"
// stops at the first operand. Returns the index of the first operand, or -1 after an error.
static int take_options(int argc, char **argv, const char *who, const char *mode,
			const struct role_option *options, size_t n)
{
	struct getopt_tables tables;
	int value;

	make_tables(&tables, options, n, mode);
	opterr = 0;
	optind = 0; // starts over, also after an earlier scan (getopt(3), NOTES)
	while ((value = getopt_long(argc, argv, tables.letters, tables.words, NULL)) != -1) {
		const struct role_option *option =
			find_option(options, n, value == ':' ? optopt : value);

		if (value == ':') {
			role_fail(STATUS_USAGE, NULL, "%soption '--%s' needs an argument: %s", who,
				  option->word, option->value);
			return -1;
		}
		if (value == '?') {
			fail_option(who, argv[optind - 1], options, n);
			return -1;
		}
		store(option, optarg);
	}
	return optind;
}

// ---- help

#define HELP_LEFT 20 // columns for an option

static void print_options(const struct role_option *options, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const char *value = options[i].value;
		char letter[8] = "      ", left[64];

		if (!value)
			snprintf(left, sizeof(left), "--%s", options[i].word);
		else if (value[0] == '[') // "[N]" is shown as "--watch[=N]"
			snprintf(left, sizeof(left), "--%s[=%s", options[i].word, value + 1);
		else
			snprintf(left, sizeof(left), "--%s %s", options[i].word, value);
		if (options[i].letter)
			snprintf(letter, sizeof(letter), "  -%c, ", options[i].letter);
		if (strlen(left) <= HELP_LEFT)
			printf("%s%-*s %s\n", letter, HELP_LEFT, left, options[i].help);
		else
			printf("%s%s\n%*s %s\n", letter, left, HELP_LEFT + 6, "", options[i].help);
	}
}

static void print_help(const struct role_verb *verb, const struct role_option *options,
		       size_t n_own, size_t n)
{
	printf("usage: mpgate %s [OPTION]...%s%s\n\n%s.\n", verb->word,
	       verb->operands[0] ? " " : "", verb->operands, verb->help);
	if (n_own) {
		printf("\nOptions:\n");
		print_options(options, n_own);
	}
	printf("\nGlobal options:\n");
	print_options(options + n_own, n - n_own);
	printf("\nExamples:\n  %s\n  %s\n", verb->examples[0], verb->examples[1]);
}

// ---- what role_main() needs

int role_args_scan(int argc, char **argv, bool *help, bool *version)
{
	struct role_option options[OPTIONS_MAX];
	struct globals g = { 0 };
	size_t n = list_globals(&g, options);
	int at = take_options(argc, argv, "", "+:", options, n);

	*help = g.help;
	*version = g.version;
	return at;
}

void role_args_print_globals(void)
{
	struct role_option options[OPTIONS_MAX];
	struct globals g;

	print_options(options, list_globals(&g, options));
}

// ---- the options of a subcommand, for others than itself

// They stand in its function, because they point at its variables. So it is called, and stopped as
// soon as it has told them to role_args_parse().
static struct {
	struct role_option *options; // NULL: nobody wants to know
	size_t n;
} listing;

size_t role_list_options(const struct role_verb *verb, struct role_option options[OPTIONS_MAX])
{
	struct globals g;
	char word[32];

	if (!verb)
		return list_globals(&g, options);
	listing.options = options;
	verb->run(1, (char *[]){ str_copy(word, sizeof(word), verb->word), NULL });
	listing.options = NULL;
	return listing.n;
}

// ---- a subcommand's words

// The index of `word` among `words`; of no word, the first. -1: it is none of them, and that was
// said.
static int choose_word(struct role_args *args, const char *option, const char *word,
		       const char *const words[3])
{
	for (int i = 0; i < 3; i++) {
		if (!word || strcmp(word, words[i]) == 0)
			return i;
	}
	args->status = role_fail(STATUS_USAGE, NULL, "--%s: '%s' is not %s, %s or %s", option, word,
				 words[0], words[1], words[2]);
	return -1;
}

static bool set_color(struct role_args *args, const char *word)
{
	static const char *const words[] = {
		[ROLE_COLOR_AUTO] = "auto",
		[ROLE_COLOR_ALWAYS] = "always",
		[ROLE_COLOR_NEVER] = "never",
	};
	int i = choose_word(args, "color", word, words);

	args->color = (enum role_color)i;
	return i >= 0;
}

static bool set_charset(struct role_args *args, const char *word)
{
	static const char *const words[] = {
		[UI_CHARSET_AUTO] = "auto",
		[UI_CHARSET_ASCII] = "ascii",
		[UI_CHARSET_UTF8] = "utf8",
	};
	int i = choose_word(args, "charset", word, words);

	args->charset = (enum ui_charset)i;
	return i >= 0;
}

static bool set_units(struct role_args *args, const char *word)
{
	args->units = RATE_BITS;
	if (!word || rate_choice_from_word(word, &args->units) == 0)
		return true;
	args->status =
		role_fail(STATUS_USAGE, NULL, "--units: '%s' is not bit, kbit, byte or auto", word);
	return false;
}

static const char *environment(const char *name)
{
	const char *value = getenv(name);

	return value && value[0] ? value : NULL;
}

static bool set_folder(struct role_args *args, char *out, size_t size, const char *variable,
		       const char *fallback)
{
	const char *dir = environment(variable);

	if (snprintf(out, size, "%s", dir ? dir : fallback) < (int)size)
		return true;
	args->status =
		role_fail(STATUS_USAGE, NULL, "%s is longer than %zu bytes", variable, size - 1);
	return false;
}

static bool set_paths(struct role_args *args, const struct globals *g)
{
	const char *socket = g->socket ? g->socket : environment("MPGATE_SOCKET");
	int n;

	args->config = g->config ? g->config : environment("MPGATE_CONFIG");
	args->config_given = args->config;
	if (!args->config)
		args->config = DEFAULT_CONFIG;
	if (!set_folder(args, args->run_dir, sizeof(args->run_dir), "MPGATE_RUN_DIR",
			MPGATE_RUNDIR) ||
	    !set_folder(args, args->state_dir, sizeof(args->state_dir), "MPGATE_STATE_DIR",
			MPGATE_STATEDIR))
		return false;
	if (socket)
		n = snprintf(args->socket, sizeof(args->socket), "%s", socket);
	else
		n = snprintf(args->socket, sizeof(args->socket), "%s/" SOCKET_NAME, args->run_dir);
	if (n >= (int)sizeof(args->socket)) {
		args->status = role_fail(STATUS_USAGE, NULL,
					 "the socket's path is longer than %zu bytes: %s",
					 sizeof(args->socket) - 1, socket);
		return false;
	}
	return true;
}

bool role_args_parse(struct role_args *args, int argc, char **argv, const struct role_option *own)
{
	const struct role_verb *verb = role_verb_find(argv[0]);
	struct role_option options[OPTIONS_MAX];
	struct globals g = { 0 };
	size_t n_own = 0, n;
	char who[32];
	int at;

	*args = (struct role_args){ .status = STATUS_USAGE };
	answers_json = hides_addresses = false;
	for (; own && own[n_own].word && n_own < OWN_MAX; n_own++)
		options[n_own] = own[n_own];
	n = n_own + list_globals(&g, options + n_own);
	if (listing.options) {
		memcpy(listing.options, options, n * sizeof(*options));
		listing.n = n;
		return false;
	}
	snprintf(who, sizeof(who), "%s: ", argv[0]);
	at = take_options(argc, argv, who, ":", options, n);
	if (at < 0)
		return false;
	if (g.help || g.version) {
		if (g.help)
			print_help(verb, options, n_own, n);
		else
			puts("mpgate " PACKAGE_VERSION);
		args->status = STATUS_DONE;
		return false;
	}
	args->operands = argv + at;
	args->n_operands = argc - at;
	if (args->n_operands > verb->max_operands) {
		role_fail(STATUS_USAGE, NULL, "%stoo many words: '%s'", who,
			  args->operands[verb->max_operands]);
		return false;
	}
	args->json = answers_json;
	args->plain = g.plain;
	args->no_header = g.no_header;
	args->mask = hides_addresses = g.mask;
	args->quiet = g.quiet;
	args->yes = g.yes;
	args->no_input = g.no_input;
	args->verbose = g.verbose;
	if (g.quiet)
		log_set_level(LOG_LEVEL_ERROR);
	else if (g.verbose)
		log_set_level(g.verbose > 1 ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO);
	if (g.mask && verb->group != ROLE_RUN) // the console draws, and hides by itself
		role_mask_begin();
	return set_color(args, g.color) && set_charset(args, g.charset) &&
	       set_units(args, g.units) && set_paths(args, &g);
}

bool role_color(const struct role_args *args, int fd)
{
	const char *term = getenv("TERM");

	if (args->color != ROLE_COLOR_AUTO)
		return args->color == ROLE_COLOR_ALWAYS;
	return isatty(fd) && !environment("NO_COLOR") && term && strcmp(term, "dumb") != 0;
}
