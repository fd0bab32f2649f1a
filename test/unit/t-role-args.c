// SPDX-License-Identifier: GPL-2.0-or-later
#include "unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "role/role.h"
#include "role/role_priv.h"

#define WORDS_MAX 10

// ---- whole command lines

// Sends a stream to memory while something runs.
struct capture {
	FILE *stream;
	int saved, fd;
};

static void capture_start(struct capture *c, FILE *stream)
{
	fflush(stream);
	c->stream = stream;
	c->saved = dup(fileno(stream));
	c->fd = memfd_create("capture", MFD_CLOEXEC);
	assert_true(c->saved >= 0 && c->fd >= 0);
	assert_true(dup2(c->fd, fileno(stream)) >= 0);
}

static void capture_stop(struct capture *c, char *out, size_t size)
{
	ssize_t n;

	fflush(c->stream);
	assert_true(dup2(c->saved, fileno(c->stream)) >= 0);
	n = pread(c->fd, out, size - 1, 0);
	out[n > 0 ? n : 0] = '\0';
	close(c->saved);
	close(c->fd);
}

static int run(const char *const words[WORDS_MAX], char *out, char *err, size_t size)
{
	struct capture to_out, to_err;
	char *argv[WORDS_MAX + 2] = { (char[]){ "mpgate" } };
	int argc = 1, status;

	for (; words[argc - 1]; argc++)
		argv[argc] = xstrdup(words[argc - 1]);
	capture_start(&to_out, stdout);
	capture_start(&to_err, stderr);
	status = role_main(argc, argv);
	capture_stop(&to_out, out, size);
	capture_stop(&to_err, err, size);
	while (argc > 1)
		free(argv[--argc]);
	return status;
}

static void takes_command_lines(void **state)
{
	static const struct {
		const char *words[WORDS_MAX];
		int status;
		const char *out, *err; // parts; "" = nothing at all
	} cases[] = {
		{ { "version" }, STATUS_DONE, "mpgate " PACKAGE_VERSION "\n", "" },
		{ { "--version" }, STATUS_DONE, "mpgate " PACKAGE_VERSION "\n", "" },
		{ { "check", "--version" }, STATUS_DONE, "mpgate " PACKAGE_VERSION "\n", "" },
		{ { "-q", "--json", "version" }, STATUS_DONE, "\"schema\":\"mpgate.version\"", "" },
		{ { "--", "version" }, STATUS_DONE, "mpgate ", "" },
		{ { "help" }, STATUS_DONE, "\n  check       ", "" },
		{ { "--help" }, STATUS_DONE, "Global options:\n  -c, --config FILE ", "" },
		{ { "help", "check" },
		  STATUS_DONE,
		  "usage: mpgate check [OPTION]... [FILE]\n",
		  "" },
		{ { "check", "-h" },
		  STATUS_DONE,
		  "Examples:\n  mpgate check\n  mpgate check ./new.conf\n",
		  "" },
		{ { "-h", "config" }, STATUS_DONE, "      --effective ", "" },
		{ { "help", "chekc" },
		  STATUS_USAGE,
		  "",
		  "mpgate: unknown command 'chekc'\nhint: did you mean 'check'?\n" },
		{ { "vresion" },
		  STATUS_USAGE,
		  "",
		  "mpgate: unknown command 'vresion'\nhint: did you mean 'version'?\n" },
		{ { "frobnicate" },
		  STATUS_USAGE,
		  "",
		  "mpgate: unknown command 'frobnicate'\nhint: 'mpgate help' lists the "
		  "commands\n" },
		{ { "\x1b[31mx" }, STATUS_USAGE, "", "mpgate: unknown command '?[31mx'\n" },
		{ { "version", "too", "much" },
		  STATUS_USAGE,
		  "",
		  "mpgate: version: too many words: 'too'\n" },
		{ { "--jsn", "version" },
		  STATUS_USAGE,
		  "",
		  "mpgate: unknown or ambiguous option '--jsn'\nhint: did you mean '--json'?\n" },
		{ { "config", "--effektive" },
		  STATUS_USAGE,
		  "",
		  "mpgate: config: unknown or ambiguous option '--effektive'\n"
		  "hint: did you mean '--effective'?\n" },
		{ { "version", "-Z" }, STATUS_USAGE, "", "mpgate: version: unknown option '-Z'\n" },
		{ { "version", "--json=x" },
		  STATUS_USAGE,
		  "",
		  "mpgate: version: option '--json' takes no argument\n" },
		{ { "check", "-c" },
		  STATUS_USAGE,
		  "",
		  "mpgate: check: option '--config' needs an argument: FILE\n" },
		{ { "--charset=latin1", "version" },
		  STATUS_USAGE,
		  "",
		  "mpgate: --charset: 'latin1' is not auto, ascii or utf8\n" },
		{ { "--color=pink", "version" },
		  STATUS_USAGE,
		  "",
		  "mpgate: --color: 'pink' is not auto, always or never\n" },
		{ { "config", "--default", "--effective" },
		  STATUS_USAGE,
		  "",
		  "exclude each other\n" },
		{ { "--json", "check", "/nonexistent.conf" },
		  STATUS_NO_SUCH,
		  "\"schema\":\"mpgate.error\"",
		  "/nonexistent.conf: cannot" },
		{ { "version", "--json", "x" }, STATUS_USAGE, "\"message\":\"", "" },
		{ { "--json", "frobnicate" }, STATUS_USAGE, "\"message\":\"", "" },
		{ { "version", "--json", "--nope" }, STATUS_USAGE, "'--nope'", "" },
		{ { "config", "--default" }, STATUS_DONE, "\n#path ppp0 {\n", "" },
		{ { "check", "/nonexistent.conf" },
		  STATUS_NO_SUCH,
		  "",
		  "/nonexistent.conf: cannot be read: No such file or directory" },
		{ { "-c", "/nonexistent.conf", "check" },
		  STATUS_NO_SUCH,
		  "",
		  "/nonexistent.conf: cannot" },
		{ { "check", "--config=/nonexistent.conf" },
		  STATUS_NO_SUCH,
		  "",
		  "/nonexistent.conf: cannot" },
		{ { "config", "-c/nonexistent.conf" },
		  STATUS_NO_SUCH,
		  "",
		  "/nonexistent.conf: cannot" },
		{ { "check", "/dev/null" }, STATUS_BAD_CONFIG, "", "/dev/null: is no file" },
	};
	char out[8192], err[8192];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int status = run(cases[i].words, out, err, sizeof(out));
		bool out_ok = cases[i].out[0] ? strstr(out, cases[i].out) != NULL : !out[0];
		bool err_ok = cases[i].err[0] ? strstr(err, cases[i].err) != NULL : !err[0];

		if (status != cases[i].status || !out_ok || !err_ok)
			fail_msg("case %zu (%s): status %d, out '%s', err '%s'", i,
				 cases[i].words[0], status, out, err);
	}
}

static void finds_the_state_directory(void **state)
{
	char word[] = "version", *argv[] = { word, NULL };
	struct role_args args;

	(void)state;
	assert_true(role_args_parse(&args, 1, argv, NULL));
	assert_string_equal(args.state_dir, MPGATE_STATEDIR);
	setenv("MPGATE_STATE_DIR", "/srv/state", 1);
	assert_true(role_args_parse(&args, 1, argv, NULL));
	assert_string_equal(args.state_dir, "/srv/state");
	unsetenv("MPGATE_STATE_DIR");
}

static void checks_files(void **state)
{
	static const char good[] = "lan { interface = br0 } path a { } path b { }\n"
				   "exit sg { address = \"192.0.2.1\" key-file = \"%s\" }\n";
	char out[8192], err[8192], name[64], key[64], text[512], expected[128];
	int fd = memfd_create("conf", MFD_CLOEXEC), key_fd = memfd_create("key", MFD_CLOEXEC);

	(void)state;
	assert_true(fd >= 0 && key_fd >= 0);
	assert_int_equal(fchmod(key_fd, 0600), 0);
	assert_int_equal(write(key_fd, "password\n", 9), 9);
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	snprintf(key, sizeof(key), "/proc/self/fd/%d", key_fd);

	snprintf(text, sizeof(text), good, key);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(run((const char *[WORDS_MAX]){ "check", name }, out, err, sizeof(out)),
			 STATUS_DONE);
	snprintf(expected, sizeof(expected), "%s: ok, 2 paths, 1 exit\n", name);
	assert_string_equal(out, expected);
	assert_string_equal(err, "");
	assert_int_equal(setenv("MPGATE_CONFIG", name, 1), 0);
	assert_int_equal(
		run((const char *[WORDS_MAX]){ "config", "--effective" }, out, err, sizeof(out)),
		STATUS_DONE);
	assert_non_null(strstr(out, "\tmethod = \"aes-256-gcm\"\n"));
	assert_int_equal(unsetenv("MPGATE_CONFIG"), 0);

	assert_int_equal(write(fd, "wrkers = 2\nworkers = x\n", 23), 23);
	assert_int_equal(run((const char *[WORDS_MAX]){ "check", name }, out, err, sizeof(out)),
			 STATUS_BAD_CONFIG);
	assert_string_equal(out, "");
	assert_non_null(strstr(
		err, ":3: unknown key 'wrkers' outside of blocks, did you mean 'workers'?\n"));
	assert_non_null(strstr(err, ":4: workers 'x' is no number"));
	close(fd);
	close(key_fd);
}

// ---- options

static void completes_options(void **state)
{
	static const struct {
		const char *words[WORDS_MAX];
		const char *config_env, *dir_env, *socket_env;
		const char *config, *socket;
	} cases[] = {
		{ { "version" },
		  NULL,
		  NULL,
		  NULL,
		  MPGATE_SYSCONFDIR "/mpgate.conf",
		  MPGATE_RUNDIR "/control.sock" },
		{ { "version" }, "/e", "/run/x", NULL, "/e", "/run/x/control.sock" },
		{ { "version" },
		  "",
		  "",
		  "",
		  MPGATE_SYSCONFDIR "/mpgate.conf",
		  MPGATE_RUNDIR "/control.sock" },
		{ { "version", "-c", "/o" }, "/e", "/run/x", "/s", "/o", "/s" },
		{ { "version", "-S", "/o" }, "/e", "/run/x", "/s", "/e", "/o" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *const names[] = { "MPGATE_CONFIG", "MPGATE_RUN_DIR", "MPGATE_SOCKET" };
		const char *const values[] = { cases[i].config_env, cases[i].dir_env,
					       cases[i].socket_env };
		struct role_args args;
		char *argv[WORDS_MAX] = { NULL };
		int argc = 0;

		for (; cases[i].words[argc]; argc++)
			argv[argc] = xstrdup(cases[i].words[argc]);
		for (size_t k = 0; k < ARRAY_LEN(names); k++) {
			if (values[k])
				setenv(names[k], values[k], 1);
			else
				unsetenv(names[k]);
		}
		assert_true(role_args_parse(&args, argc, argv, NULL));
		assert_string_equal(args.config, cases[i].config);
		assert_string_equal(args.socket, cases[i].socket);
		for (size_t k = 0; k < ARRAY_LEN(names); k++)
			unsetenv(names[k]);
		while (argc > 0)
			free(argv[--argc]);
	}
}

static void stores_options(void **state)
{
	const char *text = NULL, *maybe = NULL;
	bool flag = false, other = false;
	int count = 0;
	const struct role_option options[] = {
		{ "flag", 'f', NULL, "", .flag = &flag },
		{ "other", 0, NULL, "", .flag = &other },
		{ "text", 't', "TEXT", "", .text = &text },
		{ "maybe", 0, "[N]", "", .text = &maybe },
		{ "count", 'n', NULL, "", .count = &count },
		{ 0 },
	};
	char *argv[] = { (char[]){ "check" },  (char[]){ "-fnn" },     (char[]){ "file" },
			 (char[]){ "--text" }, (char[]){ "-x" },       (char[]){ "--maybe" },
			 (char[]){ "--yes" },  (char[]){ "--no-inp" }, NULL };
	struct role_args args;

	(void)state;
	assert_true(role_args_parse(&args, 8, argv, options));
	assert_true(flag);
	assert_false(other);
	assert_string_equal(text, "-x");
	assert_string_equal(maybe, "");
	assert_int_equal(count, 2);
	assert_true(args.yes);
	assert_true(args.no_input);
	assert_false(args.json);
	assert_int_equal(args.n_operands, 1);
	assert_string_equal(args.operands[0], "file");
}

static void refuses_long_sockets(void **state)
{
	char path[128], out[8192], err[8192];

	(void)state;
	memset(path, 'x', sizeof(path));
	path[108] = '\0'; // sun_path holds 107 and the end
	assert_int_equal(
		run((const char *[WORDS_MAX]){ "version", "-S", path }, out, err, sizeof(out)),
		STATUS_USAGE);
	assert_non_null(strstr(err, "the socket's path is longer than 107 bytes"));
	path[107] = '\0';
	assert_int_equal(
		run((const char *[WORDS_MAX]){ "version", "-S", path }, out, err, sizeof(out)),
		STATUS_DONE);
}

static void chooses_color(void **state)
{
	static const struct {
		enum role_color color;
		const char *no_color;
		bool on;
	} cases[] = {
		{ ROLE_COLOR_ALWAYS, NULL, true },
		{ ROLE_COLOR_ALWAYS, "1", true },
		{ ROLE_COLOR_NEVER, NULL, false },
		{ ROLE_COLOR_AUTO, NULL, false }, // a pipe is no terminal
	};
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct role_args args = { .color = cases[i].color };

		if (cases[i].no_color)
			setenv("NO_COLOR", cases[i].no_color, 1);
		else
			unsetenv("NO_COLOR");
		assert_int_equal(role_color(&args, fds[1]), cases[i].on);
	}
	unsetenv("NO_COLOR");
	close(fds[0]);
	close(fds[1]);
}

// Every subcommand has help with two examples that begin with its own name.
static void has_help_for_every_verb(void **state)
{
	char out[8192], err[8192], overview[8192], word[32];

	(void)state;
	assert_int_equal(run((const char *[WORDS_MAX]){ "help" }, overview, err, sizeof(out)),
			 STATUS_DONE);
	for (const char *line = strstr(overview, "Commands:\n") + 10; strncmp(line, "  ", 2) == 0;
	     line = strchr(line, '\n') + 1) {
		const struct role_verb *verb;

		sscanf(line, " %31s", word);
		verb = role_verb_find(word);
		assert_non_null(verb);
		assert_int_equal(
			run((const char *[WORDS_MAX]){ word, "--help" }, out, err, sizeof(out)),
			STATUS_DONE);
		for (int i = 0; i < 2; i++) {
			assert_int_equal(strncmp(verb->examples[i], "mpgate", 6), 0);
			assert_non_null(strstr(out, verb->examples[i]));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_command_lines),
		cmocka_unit_test(checks_files),
		cmocka_unit_test(completes_options),
		cmocka_unit_test(stores_options),
		cmocka_unit_test(refuses_long_sockets),
		cmocka_unit_test(chooses_color),
		cmocka_unit_test(has_help_for_every_verb),
		cmocka_unit_test(finds_the_state_directory),
	};

	unsetenv("MPGATE_CONFIG");
	unsetenv("MPGATE_RUN_DIR");
	unsetenv("MPGATE_SOCKET");
	unsetenv("MPGATE_STATE_DIR");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
