// SPDX-License-Identifier: GPL-2.0-or-later
//
// `mpgate report`: one text for a bug report. It is put together from what other commands print,
// our own and the system's; a command that is missing or fails says so in its place, and none can
// hold up the rest. Everything goes through a mask (mask.h) that knows the configuration's secrets
// and names; keys are never printed in the first place.

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "role/mask.h"
#include "role/role_priv.h"

#define LIMIT_MS   20000
#define OUTPUT_MAX (256 * 1024)
#define WORDS_MAX  12

extern char **environ;

// A section. "mpgate" stands for this program, with the options that find the same gateway.
static const struct section {
	const char *title;
	const char *words[WORDS_MAX];
} sections[] = {
	{ "versions", { "mpgate", "version" } },
	{ "system", { "uname", "-srvmo" } },
	{ "distribution", { "cat", "/etc/os-release" } },
	{ "uptime", { "uptime" } },
	{ "memory", { "free", "-m" } },
	{ "configuration", { "mpgate", "config", "--effective" } },
	{ "doctor", { "mpgate", "doctor" } },
	{ "status", { "mpgate", "status", "--json" } },
	{ "events", { "mpgate", "log", "--lines", "500", "--level", "debug" } },
	{ "connections", { "mpgate", "conns" } },
	{ "history", { "mpgate", "history", "--scale", "1d" } },
	{ "nft table", { "nft", "list", "table", "inet", "mpgate" } },
	{ "links", { "ip", "-d", "-s", "link" } },
	{ "addresses", { "ip", "address" } },
	{ "rules", { "ip", "rule" } },
	{ "rules, IPv6", { "ip", "-6", "rule" } },
	{ "routes", { "ip", "route", "show", "table", "all" } },
	{ "routes, IPv6", { "ip", "-6", "route", "show", "table", "all" } },
	{ "endpoints", { "ip", "mptcp", "endpoint" } },
	{ "limits", { "ip", "mptcp", "limits" } },
	{ "sysctls",
	  { "sysctl", "-a", "-r",
	    "^net\\.(mptcp\\.|core\\.([rw]mem|default_qdisc|somaxconn)|ipv4\\.(tcp_[rw]?mem|tcp_"
	    "congestion|tcp_notsent|"
	    "ip_forward|conf\\..*\\.(rp_filter|forwarding)))" } },
	{ "sockets", { "ss", "-s" } },
	{ "MPTCP sockets", { "ss", "-Mtin" } },
	{ "MPTCP counters", { "nstat", "-as", "MPTcp*", "Tcp*" } },
	{ "file systems", { "df", "-h", "/run", "/var" } },
};

struct report_job {
	struct role_args args;
	const char *output; // file; NULL: stdout
	struct mask mask;
	FILE *to;
};

// ---- one command

// What it printed, whichever way. Returns 0 and its wait(2) status, or -errno.
static int collect(pid_t pid, int fd, struct str *out, int *status)
{
	int64_t until_ms = clock_mono_ms() + LIMIT_MS;
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	char bytes[8192];
	ssize_t n = 1;

	while (n > 0 && out->len < OUTPUT_MAX) {
		int64_t left_ms = until_ms - clock_mono_ms();

		if (left_ms <= 0 || poll(&pfd, 1, (int)left_ms) == 0) {
			kill(pid, SIGKILL);
			waitpid(pid, status, 0);
			return -ETIMEDOUT;
		}
		n = read(fd, bytes, sizeof(bytes));
		if (n > 0)
			str_add_bytes(out, bytes, (size_t)n);
		else if (n < 0 && errno == EINTR)
			n = 1;
	}
	if (n > 0) {
		str_add(out, "\n(cut here)\n");
		kill(pid, SIGKILL);
	}
	return waitpid(pid, status, 0) < 0 ? -errno : 0;
}

static int spawn(pid_t *pid, const char *file, char *const argv[], int output)
{
	posix_spawn_file_actions_t files;
	int rc;

	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&files, output, STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&files, output, STDERR_FILENO);
	rc = posix_spawnp(pid, file, &files, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&files);
	return -rc;
}

static int run(const char *file, char *const argv[], struct str *out, int *status)
{
	int pipes[2], rc;
	pid_t pid;

	if (pipe2(pipes, O_CLOEXEC) < 0)
		return -errno;
	rc = spawn(&pid, file, argv, pipes[1]);
	close(pipes[1]);
	if (rc == 0)
		rc = collect(pid, pipes[0], out, status);
	close(pipes[0]);
	return rc;
}

// Our own commands are to ask the same gateway and read the same file.
static void run_section(const struct report_job *job, const struct section *s, struct str *out)
{
	bool own = strcmp(s->words[0], "mpgate") == 0;
	char *argv[WORDS_MAX + 5];
	int n = 0, status = 0, rc;

	for (int i = 0; i < WORDS_MAX && s->words[i]; i++)
		argv[n++] = xstrdup(s->words[i]);
	if (own) {
		argv[n++] = xstrdup("--socket");
		argv[n++] = xstrdup(job->args.socket);
		argv[n++] = xstrdup("--config");
		argv[n++] = xstrdup(job->args.config);
	}
	argv[n] = NULL;
	rc = run(own ? "/proc/self/exe" : argv[0], argv, out, &status);
	if (rc == -ENOENT)
		str_addf(out, "(%s is not installed)\n", argv[0]);
	else if (rc < 0)
		str_addf(out, "(%s: %s)\n", argv[0], strerror(-rc));
	else if (!WIFEXITED(status) || WEXITSTATUS(status))
		str_addf(out, "(ended with status %d)\n",
			 WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
	while (n > 0)
		free(argv[--n]);
}

// ---- what is to be masked

static void mask_secret(struct mask *mask, const char *key_file)
{
	static const char base64[] = "base64:";
	struct str errors = { 0 };
	char *secret = NULL;

	if (key_file && config_secret_read(key_file, &secret, &errors) == 0) {
		mask_add_word(mask, secret, "(secret)", true);
		if (strncmp(secret, base64, sizeof(base64) - 1) == 0)
			mask_add_word(mask, secret + sizeof(base64) - 1, "(secret)", true);
		config_secret_free(secret);
	}
	str_fini(&errors);
}

// As it stands, and as it is written in a configuration or in JSON.
static void mask_command(struct mask *mask, const char *command)
{
	struct str quoted = { 0 };

	for (const char *c = command; *c; c++)
		str_addf(&quoted, *c == '"' || *c == '\\' ? "\\%c" : "%c", *c);
	mask_add_word(mask, command, "(command)", true);
	mask_add_word(mask, str_text(&quoted), "(command)", true);
	str_fini(&quoted);
}

static void mask_config(struct mask *mask, const struct config *config)
{
	struct addr addr;
	char as[32];

	for (size_t i = 0; i < config->n_exits; i++) {
		mask_secret(mask, config->exits[i].key_file);
		snprintf(as, sizeof(as), "exit-host-%zu", i + 1);
		if (addr_parse(config->exits[i].address, &addr) < 0)
			mask_add_word(mask, config->exits[i].address, as, false);
	}
	mask_secret(mask, config->server.key_file);
	for (size_t i = 0; i < config->n_paths; i++) {
		const struct config_path *path = &config->paths[i];
		const char *commands[] = { path->up, path->down, path->status };

		// they may hold a password
		for (size_t k = 0; k < sizeof(commands) / sizeof(commands[0]); k++)
			mask_command(mask, commands[k]);
	}
}

static void mask_host(struct mask *mask)
{
	char name[256] = "";

	gethostname(name, sizeof(name) - 1);
	mask_add_word(mask, name, "(this-host)", false);
}

static void prepare(struct report_job *job)
{
	struct str errors = { 0 };
	struct config *config = NULL;

	mask_host(&job->mask);
	if (config_load(job->args.config, CONFIG_ROLE_ANY, &config, &errors) == 0)
		mask_config(&job->mask, config);
	config_free(config);
	str_fini(&errors);
	setenv("LC_ALL", "C", 1);
	setenv("NO_COLOR", "1", 1);
	// ip, nft and sysctl are there, whoever asks
	setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
}

// ---- the whole

static void write_section(struct report_job *job, const struct section *s)
{
	struct str raw = { 0 }, masked = { 0 };

	run_section(job, s, &raw);
	mask_text(&job->mask, str_text(&raw), &masked);
	fprintf(job->to, "==== %s:", s->title);
	for (int i = 0; i < WORDS_MAX && s->words[i]; i++)
		fprintf(job->to, " %s", s->words[i]);
	fprintf(job->to, "\n%s%s\n", str_text(&masked),
		masked.len && masked.text[masked.len - 1] == '\n' ? "" : "\n");
	if (raw.len)
		explicit_bzero(raw.text, raw.len);
	str_fini(&raw);
	str_fini(&masked);
}

static bool open_output(struct report_job *job)
{
	// it is for strangers, but who gives it to them is the owner's business
	int fd =
		job->output ? open(job->output, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600) : -1;

	job->to = job->output ? fd < 0 ? NULL : fdopen(fd, "w") : stdout;
	if (job->to)
		return true;
	job->args.status = role_fail(errno == EACCES ? STATUS_NOT_ALLOWED : STATUS_FAILED,
				     errno == EEXIST ? "give another name" : NULL,
				     "report: cannot make %s: %s", job->output, strerror(errno));
	return false;
}

static int finish(struct report_job *job)
{
	bool failed = ferror(job->to);

	failed |= job->output ? fclose(job->to) == EOF : fflush(stdout) == EOF;
	if (failed)
		return role_fail(STATUS_FAILED, NULL, "report: cannot write: %s", strerror(errno));
	if (job->output)
		fprintf(stderr, "mpgate: %s: look through it before you give it away\n",
			job->output);
	return STATUS_DONE;
}

int role_report(int argc, char **argv)
{
	struct report_job job = { 0 };
	const struct role_option options[] = {
		{ "output", 'o', "FILE", "write it there; the file must not exist",
		  .text = &job.output },
		{ 0 },
	};

	if (!role_args_parse(&job.args, argc, argv, options) || !open_output(&job))
		return job.args.status;
	prepare(&job);
	fprintf(job.to,
		"mpgate report. Public addresses, MAC addresses, names of hosts and secrets are\n"
		"replaced; the names of paths, and private addresses, are not.\n\n");
	for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++)
		write_section(&job, &sections[i]);
	mask_fini(&job.mask);
	return finish(&job);
}
