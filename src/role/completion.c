// SPDX-License-Identifier: GPL-2.0-or-later
//
// `mpgate completion`: what the Tab key offers.
//
// The scripts for the shells are stubs that know nothing: at each Tab they hand the words of the
// line to `mpgate completion ask`, which prints what the last one could become, one per line, with
// an explanation behind a tab. So commands and options come from the tables that parse them, names
// of paths and exits from the running gateway, and a script of an old package still offers what a
// new program takes.
//
// What an operand or an option's argument may be is read from its name in the tables: "on|off" is
// one of these words, PATH and EXIT are names, COMMAND is a subcommand, CHECK one of the doctor's,
// FILE is a file; of any other nothing is known. Where nothing can be offered nothing is said: no
// error belongs on a command line that somebody is still writing.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "ctl/ctl.h"
#include "role/doctor.h"
#include "role/role_priv.h"

// A person waits for it.
#define ANSWER_MS 200
// Printed alone: the shell is to complete names of files.
#define FILES ":files"

static const char bash_script[] =
	"# bash completion for mpgate, printed by 'mpgate completion bash'\n"
	"_mpgate() {\n"
	"\tlocal line=${COMP_LINE:0:COMP_POINT} words last cut word\n"
	"\tread -ra words <<<\"$line\"\n"
	"\t[[ $line == *[[:blank:]] ]] && words+=('')\n"
	"\tlast=${words[${#words[@]} - 1]}\n"
	"\t# bash ends a word at '=' and ':' and replaces only what comes after\n"
	"\tcut=${last%\"${last##*[=:]}\"}\n"
	"\tCOMPREPLY=()\n"
	"\twhile IFS=$'\\t' read -r word _; do\n"
	"\t\tif [[ $word == " FILES " ]]; then\n"
	"\t\t\tcompopt -o filenames\n"
	"\t\t\tmapfile -t COMPREPLY < <(compgen -f -- \"${last#\"$cut\"}\")\n"
	"\t\telse\n"
	"\t\t\tCOMPREPLY+=(\"${word#\"$cut\"}\")\n"
	"\t\tfi\n"
	"\tdone < <(\"${words[0]}\" completion ask -- \"${words[@]:1}\" 2>/dev/null)\n"
	"}\n"
	"complete -F _mpgate mpgate\n";

static const char zsh_script[] =
	"#compdef mpgate\n"
	"# zsh completion for mpgate, printed by 'mpgate completion zsh'\n"
	"_mpgate() {\n"
	"\tlocal line\n"
	"\tlocal -a offers\n"
	"\tfor line in \"${(@f)$(${words[1]} completion ask -- \"${(@)words[2,CURRENT]}\" "
	"2>/dev/null)}\"; do\n"
	"\t\tif [[ $line == " FILES " ]]; then\n"
	"\t\t\tcompset -P '*='\n"
	"\t\t\t_files\n"
	"\t\t\treturn\n"
	"\t\tfi\n"
	"\t\t[[ -n $line ]] && offers+=(\"${${line%%$'\\t'*}//:/\\\\:}:${line#*$'\\t'}\")\n"
	"\tdone\n"
	"\t_describe mpgate offers\n"
	"}\n"
	"if [[ $funcstack[1] == _mpgate ]]; then\n"
	"\t_mpgate \"$@\"\n"
	"else\n"
	"\tcompdef _mpgate mpgate\n"
	"fi\n";

static const char fish_script[] =
	"# fish completion for mpgate, printed by 'mpgate completion fish'\n"
	"function __mpgate_complete\n"
	"\tset -l words (commandline -opc) (commandline -ct)\n"
	"\tfor line in (command $words[1] completion ask -- $words[2..-1] 2>/dev/null)\n"
	"\t\tif test \"$line\" = " FILES "\n"
	"\t\t\t__fish_complete_path (string replace -r '.*=' '' -- $words[-1])\n"
	"\t\telse\n"
	"\t\t\tprintf '%s\\n' $line\n"
	"\t\tend\n"
	"\tend\n"
	"end\n"
	"complete -c mpgate -f -a '(__mpgate_complete)'\n";

static const struct {
	const char *shell, *script;
} scripts[] = {
	{ "bash", bash_script },
	{ "zsh", zsh_script },
	{ "fish", fish_script },
};

// ---- the line so far

struct line {
	const char *last; // the word to complete
	const struct role_verb *verb;
	struct role_option options[ROLE_OPTIONS_MAX]; // of the verb, and the global ones
	size_t n_options;
	const struct role_option *waiting; // its argument is next
	int n_operands;
	bool ended; // "--" was there
	const struct role_args *args;
};

static const struct role_option *find_long(const struct line *line, const char *word, size_t len)
{
	for (size_t i = 0; i < line->n_options; i++) {
		if (strlen(line->options[i].word) == len &&
		    strncmp(word, line->options[i].word, len) == 0)
			return &line->options[i];
	}
	return NULL;
}

static const struct role_option *find_letter(const struct line *line, char letter)
{
	for (size_t i = 0; letter && i < line->n_options; i++) {
		if (line->options[i].letter == letter)
			return &line->options[i];
	}
	return NULL;
}

static bool needs_argument(const struct role_option *option)
{
	return option && option->value && option->value[0] != '[';
}

static void take_option(struct line *line, const char *word)
{
	const struct role_option *option;

	if (strcmp(word, "--") == 0)
		line->ended = true;
	else if (word[1] == '-')
		option = strchr(word, '=') ? NULL : find_long(line, word + 2, strlen(word + 2));
	else // the last letter's argument may be the next word, as in "-qc FILE"
		option = find_letter(line, word[strlen(word) - 1]);
	line->waiting = !line->ended && needs_argument(option) ? option : NULL;
}

static void take_word(struct line *line, const char *word)
{
	if (line->waiting) {
		line->waiting = NULL;
	} else if (word[0] == '-' && word[1] && !line->ended) {
		take_option(line, word);
	} else if (!line->verb) {
		line->verb = role_verb_find(word);
		line->n_options = role_list_options(line->verb, line->options);
		line->n_operands = line->verb ? 0 : -1; // of an unknown verb nothing is known
		line->ended = false;
	} else {
		line->n_operands++;
	}
}

// ---- what could come next

// The gateway's names; nothing when it does not answer at once.
static void read_snapshot(const struct line *line, struct ctl_message *message)
{
	int64_t deadline_ms = clock_mono_ms() + ANSWER_MS;
	struct ctl_client *c = NULL;
	int rc = ctl_client_connect(line->args->socket, &c);

	if (!rc)
		rc = ctl_client_status(c);
	while (!rc) {
		int64_t left_ms = deadline_ms - clock_mono_ms();

		rc = ctl_client_wait(c, message, left_ms > 0 ? (int)left_ms : 0);
		if (!rc && message->kind == CTL_SNAPSHOT)
			break;
	}
	if (rc)
		memset(message, 0, sizeof(*message));
	ctl_client_free(c);
}

static void offer(const struct line *line, const char *before, const char *word, const char *help)
{
	struct str whole = { 0 };

	str_addf(&whole, "%s%s", before, word);
	if (strncmp(str_text(&whole), line->last, strlen(line->last)) == 0)
		printf("%s\t%s\n", str_text(&whole), help);
	str_fini(&whole);
}

static void offer_paths(const struct line *line, const char *before)
{
	struct ctl_message *message = xcalloc(1, sizeof(*message));

	read_snapshot(line, message);
	for (int i = 0; i < message->snapshot.n_paths; i++)
		offer(line, before, message->snapshot.paths[i].name,
		      path_state_word(message->snapshot.paths[i].state));
	free(message);
}

static void offer_exits(const struct line *line, const char *before)
{
	struct ctl_message *message = xcalloc(1, sizeof(*message));

	read_snapshot(line, message);
	for (int i = 0; i < message->snapshot.n_exits; i++)
		offer(line, before, message->snapshot.exits[i].name,
		      message->snapshot.exits[i].endpoint);
	free(message);
}

static void offer_verbs(const struct line *line, const char *before)
{
	size_t n;
	const struct role_verb *verbs = role_verb_list(&n);

	for (size_t i = 0; i < n; i++)
		offer(line, before, verbs[i].word, verbs[i].help);
}

static void offer_checks(const struct line *line, const char *before)
{
	for (const struct doctor_check *c = doctor_checks; c->id; c++)
		offer(line, before, c->id, c->group);
}

static void offer_files(const struct line *line, const char *before)
{
	(void)line;
	(void)before;
	puts(FILES);
}

static const struct {
	const char *word;
	void (*offer)(const struct line *line, const char *before);
} kinds[] = {
	{ "PATH", offer_paths },   { "EXIT", offer_exits }, { "COMMAND", offer_verbs },
	{ "CHECK", offer_checks }, { "FILE", offer_files },
};

// One of the alternatives in a table: a placeholder, or a word that is meant as it stands.
static void offer_kind(const struct line *line, const char *before, const char *kind)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(kind, kinds[i].word) == 0) {
			kinds[i].offer(line, before);
			return;
		}
	}
	if ((kind[0] >= 'a' && kind[0] <= 'z') || (kind[0] >= '0' && kind[0] <= '9'))
		offer(line, before, kind, "");
}

// `form` is "PATH", "on|off", "[CHECK|PATH]..." as it stands in a table.
static void offer_form(const struct line *line, const char *before, const char *form)
{
	char text[128], *rest = text, *kind;

	str_copy(text, sizeof(text), form);
	while ((kind = strsep(&rest, "[]|.")))
		offer_kind(line, before, kind);
}

// The form of the operand in place `at`, counted from 0; the last one repeats when it says so.
static void offer_operand(const struct line *line)
{
	char text[128], *rest = text, *form = NULL, *next;

	str_copy(text, sizeof(text), line->verb->operands);
	for (int i = 0; i <= line->n_operands && (next = strsep(&rest, " ")); i++) {
		form = next;
		if (i < line->n_operands && !rest && !strstr(form, "..."))
			return;
	}
	if (form && line->n_operands < line->verb->max_operands)
		offer_form(line, "", form);
}

static void offer_options(const struct line *line)
{
	for (size_t i = 0; i < line->n_options; i++)
		offer(line, "--", line->options[i].word, line->options[i].help);
}

static void offer_argument(const struct line *line, const struct role_option *option,
			   const char *before)
{
	if (option && option->value)
		offer_form(line, before, option->value);
}

static void offer_next(const struct line *line)
{
	const char *equals = strchr(line->last, '=');
	char before[64];

	if (line->waiting) {
		offer_argument(line, line->waiting, "");
	} else if (line->last[0] == '-' && !line->ended && equals && line->last[1] == '-') {
		snprintf(before, sizeof(before), "%.*s", (int)(equals + 1 - line->last),
			 line->last);
		offer_argument(line,
			       find_long(line, line->last + 2, (size_t)(equals - line->last) - 2),
			       before);
	} else if (line->last[0] == '-' && !line->ended) {
		offer_options(line);
	} else if (!line->verb && !line->n_operands) {
		offer_verbs(line, "");
	} else if (line->verb) {
		offer_operand(line);
	}
}

static void answer(const struct role_args *args, char *const *words, int n)
{
	struct line line = { .args = args, .last = n ? words[n - 1] : "" };

	line.n_options = role_list_options(NULL, line.options);
	for (int i = 0; i < n - 1; i++)
		take_word(&line, words[i]);
	offer_next(&line);
}

int role_completion(int argc, char **argv)
{
	struct role_args args;

	if (!role_args_parse(&args, argc, argv, NULL))
		return args.status;
	if (args.n_operands && strcmp(args.operands[0], "ask") == 0) {
		answer(&args, args.operands + 1, args.n_operands - 1);
		return STATUS_DONE;
	}
	for (size_t i = 0; args.n_operands == 1 && i < sizeof(scripts) / sizeof(scripts[0]); i++) {
		if (strcmp(args.operands[0], scripts[i].shell) == 0) {
			fputs(scripts[i].script, stdout);
			return STATUS_DONE;
		}
	}
	return role_fail(STATUS_USAGE, "'mpgate help completion' shows examples",
			 "completion: name one shell: bash, zsh or fish");
}
