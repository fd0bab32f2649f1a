// SPDX-License-Identifier: GPL-2.0-or-later
//
// Links against programs of the test's own: a pppd that does as its call file says (that is, as its
// second argument says), and commands.
#include "unit.h"

#include <errno.h>
#include <ev.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"
#include "dial/dial_priv.h"

static char dir[] = "/tmp/mpgate-t-dial-XXXXXX";
static char *old_path, pid_file[64];

static const char fake_pppd[] =
	"#!/bin/sh\n"
	"echo $$ $* >>$T/calls\n"
	"case $2 in\n"
	"no-pado) echo 'Timeout waiting for PADO packets'; echo 'Unable to complete PPPoE "
	"Discovery'; exit 1;;\n"
	"refused) echo 'PAP authentication failed'; echo 'Connection terminated.'; exit 19;;\n"
	"dies) exit 16;;\n"
	"crashes) kill -SEGV $$;;\n"
	"second) echo 'Using interface ppp7'; trap 'exit 5' TERM;;\n"
	"garbage) printf 'a\\033[2Jb\\nx%0999d\\n' 1; head -c 100000 /dev/zero | tr '\\0' 'z'; "
	"exit 1;;\n"
	"deaf) trap '' HUP; trap 'exit 5' TERM;;\n"
	"stuck) trap '' HUP TERM;;\n"
	"*) echo 'Using interface ppp-t'; trap 'echo hung up; exit 5' HUP TERM;;\n"
	"esac\n"
	": >$T/running\n"
	"while :; do sleep 0.05; done\n";

struct bench {
	struct ev_loop *loop;
	struct dial *dial;
	struct dial_report reports[16];
	int n;
	struct dial_settings settings;
};

static void take_report(void *ctx, const struct dial_report *report)
{
	struct bench *bench = ctx;

	assert_true(bench->n < 16);
	bench->reports[bench->n++] = *report;
}

static const char *in_dir(const char *name)
{
	static char file[4][96];
	static int i;

	i = (i + 1) % 4;
	snprintf(file[i], sizeof(file[i]), "%s/%s", dir, name);
	return file[i];
}

static void write_file(const char *name, const char *text, mode_t mode)
{
	FILE *f = fopen(in_dir(name), "we");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	chmod(in_dir(name), mode);
}

static char *read_file(const char *name)
{
	static char text[2048];
	FILE *f = fopen(in_dir(name), "re");
	size_t n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;

	text[n] = '\0';
	if (f)
		fclose(f);
	return text;
}

// Turns the loop until the condition holds.
#define until(bench, condition)                                                                    \
	do {                                                                                       \
		int64_t end_ms_ = clock_mono_ms() + 10000;                                         \
		while (!(condition)) {                                                             \
			ev_run((bench)->loop, EVRUN_NOWAIT);                                       \
			if (clock_mono_ms() > end_ms_)                                             \
				fail_msg("never: %s", #condition);                                 \
			usleep(2000);                                                              \
		}                                                                                  \
	} while (0)

static void open_dial(struct bench *bench)
{
	bench->dial = dial_new(&(struct dial_options){
		.loop = bench->loop, .run_dir = dir, .report = take_report, .ctx = bench });
	bench->dial->harder_s = 0.3;
	bench->dial->farewell_ms = 1000;
	dial_set(bench->dial, 0, &bench->settings);
}

static void begin(struct bench *bench)
{
	unlink(in_dir("calls"));
	unlink(in_dir("running"));
	unlink(in_dir("dial-t"));
	*bench = (struct bench){
		.loop = ev_default_loop(0),
		.settings = { .path = "t",
			      .interface = "ppp-t",
			      .call = "",
			      .pid_file = "",
			      .up = "",
			      .down = "",
			      .status = "",
			      .timeout_ms = 5000 },
	};
}

static void begin_call(struct bench *bench, const char *call)
{
	begin(bench);
	bench->settings.way = PATH_DIAL_PPP;
	bench->settings.call = call;
	open_dial(bench);
}

static void begin_command(struct bench *bench, const char *up, const char *down, const char *status)
{
	begin(bench);
	bench->settings.way = PATH_DIAL_COMMAND;
	bench->settings.up = up;
	bench->settings.down = down;
	bench->settings.status = status;
	open_dial(bench);
}

static void end(struct bench *bench)
{
	dial_free(bench->dial);
	bench->dial = NULL;
}

static pid_t last_pppd(void)
{
	const char *calls = read_file("calls"), *line = calls;

	for (const char *c = calls; *c; c++) {
		if (*c == '\n' && c[1])
			line = c + 1;
	}
	return (pid_t)atoi(line);
}

static bool is_running(pid_t pid)
{
	siginfo_t ended = { 0 };

	if (pid <= 0)
		return false;
	// a child that has ended is there until the loop takes note of it
	if (waitid(P_PID, (id_t)pid, &ended, WEXITED | WNOHANG | WNOWAIT) == 0 &&
	    ended.si_pid == pid)
		return false;
	return kill(pid, 0) == 0;
}

// ---- pppd

static void dials_and_hangs_up(void **state)
{
	struct bench bench;
	pid_t pid;

	(void)state;
	begin_call(&bench, "isp");
	dial_up(bench.dial, 0);
	assert_int_equal(dial_phase(bench.dial, 0), DIAL_RAISING);
	until(&bench, access(in_dir("running"), F_OK) == 0);
	assert_non_null(
		strstr(read_file("calls"), " call isp nodetach nopersist logfd 1 ifname ppp-t\n"));
	assert_int_equal(bench.n, 0);
	dial_link(bench.dial, 0, true);
	assert_int_equal(dial_phase(bench.dial, 0), DIAL_HELD);
	assert_int_equal(bench.reports[0].event, DIAL_RAISED);
	pid = last_pppd();
	dial_down(bench.dial, 0);
	until(&bench, dial_phase(bench.dial, 0) == DIAL_IDLE);
	assert_false(is_running(pid));
	assert_int_equal(access(in_dir("dial-t"), F_OK), -1);
	assert_int_equal(bench.n, 1); // it was asked for: no news
	end(&bench);
}

static void says_why_it_does_not_come_up(void **state)
{
	static const struct {
		const char *call, *reason, *text;
		bool refused;
	} cases[] = {
		{ "no-pado", "no-pado", "no PADO", false },
		{ "refused", "login-refused", "PAP authentication failed", true },
		{ "dies", "hung-up", "the modem hung up (pppd's status 16)", false },
		{ "crashes", "killed", "pppd was killed by signal 11", false },
		{ "second", "other-interface", "pppd has got ppp7 and not ppp-t", false },
		{ "garbage", "pppd-failed", "status 1", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bench bench;

		begin_call(&bench, cases[i].call);
		dial_up(bench.dial, 0);
		until(&bench, bench.n > 0);
		assert_int_equal(bench.n, 1);
		assert_int_equal(bench.reports[0].event, DIAL_FAILED);
		assert_string_equal(bench.reports[0].reason, cases[i].reason);
		if (!strstr(bench.reports[0].text, cases[i].text))
			fail_msg("%s: %s", cases[i].call, bench.reports[0].text);
		assert_int_equal(bench.reports[0].refused, cases[i].refused);
		assert_int_equal(dial_phase(bench.dial, 0), DIAL_IDLE);
		assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); // no zombie, no other child
		end(&bench);
	}
}

static void says_that_there_is_no_pppd(void **state)
{
	struct bench bench;

	(void)state;
	begin_call(&bench, "isp");
	rename(in_dir("pppd"), in_dir("away"));
	setenv("PATH", dir, 1);
	dial_up(bench.dial, 0);
	assert_int_equal(bench.n, 1);
	assert_int_equal(bench.reports[0].event, DIAL_FAILED);
	assert_true(bench.reports[0].refused);
	assert_non_null(strstr(bench.reports[0].text, "pppd is not installed"));
	rename(in_dir("away"), in_dir("pppd"));
	chmod(in_dir("pppd"), 0600);
	dial_up(bench.dial, 0);
	assert_int_equal(bench.n, 2);
	assert_non_null(strstr(bench.reports[1].text, "cannot run pppd: Permission denied"));
	chmod(in_dir("pppd"), 0700);
	setenv("PATH", old_path, 1);
	end(&bench);
}

static void dials_again(void **state)
{
	static const char *const calls[] = { "isp", "deaf", "stuck" };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct bench bench;
		pid_t first;

		begin_call(&bench, calls[i]);
		dial_up(bench.dial, 0);
		until(&bench, access(in_dir("running"), F_OK) == 0);
		dial_link(bench.dial, 0, true);
		first = last_pppd();
		unlink(in_dir("running"));
		dial_again(bench.dial, 0);
		assert_int_equal(dial_phase(bench.dial, 0), DIAL_DROPPING);
		until(&bench, !is_running(first));
		dial_link(bench.dial, 0, false);
		until(&bench, access(in_dir("running"), F_OK) == 0);
		assert_int_not_equal(last_pppd(), first);
		assert_int_equal(dial_phase(bench.dial, 0), DIAL_RAISING);
		dial_link(bench.dial, 0, true);
		assert_int_equal(dial_phase(bench.dial, 0), DIAL_HELD);
		assert_int_equal(bench.n, 2); // raised twice
		end(&bench);
		assert_false(is_running(last_pppd()));
	}
}

static void ends_what_does_not_come_up(void **state)
{
	struct bench bench;
	pid_t pid;

	(void)state;
	begin(&bench);
	bench.settings.way = PATH_DIAL_PPP;
	bench.settings.call = "isp";
	bench.settings.timeout_ms = 300;
	open_dial(&bench);
	dial_up(bench.dial, 0);
	until(&bench, bench.n > 0);
	pid = last_pppd();
	assert_int_equal(bench.reports[0].event, DIAL_FAILED);
	assert_string_equal(bench.reports[0].reason, "no-link");
	assert_int_equal(dial_phase(bench.dial, 0), DIAL_IDLE);
	assert_false(is_running(pid));
	end(&bench);
}

static void hangs_up_when_it_ends(void **state)
{
	struct bench bench;

	(void)state;
	begin_call(&bench, "isp");
	dial_up(bench.dial, 0);
	until(&bench, access(in_dir("running"), F_OK) == 0);
	end(&bench);
	assert_false(is_running(last_pppd()));
	assert_int_equal(access(in_dir("dial-t"), F_OK), -1);
}

// ---- processes that are not our children

// Runs a program in the test's own name; argv[0] is not its name, comm is.
static pid_t start_other(const char *program, const char *arg)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		execl(in_dir(program), program, "call", arg, (char *)NULL);
		_exit(127);
	}
	for (int i = 0; i < 1000 && access(in_dir("running"), F_OK) < 0; i++)
		usleep(5000);
	return pid;
}

static void end_other(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void takes_over_after_a_crash(void **state)
{
	struct bench bench;
	pid_t pid;

	(void)state;
	begin_call(&bench, "isp");
	end(&bench);
	pid = start_other("pppd", "isp");
	assert_int_equal(process_record(in_dir("dial-t"), pid), 0);
	bench.n = 0;
	open_dial(&bench);
	assert_int_equal(bench.reports[0].event, DIAL_NEWS);
	assert_int_equal(dial_phase(bench.dial, 0), DIAL_RAISING);
	dial_link(bench.dial, 0, true);
	assert_int_equal(dial_phase(bench.dial, 0), DIAL_HELD);
	dial_free(bench.dial);
	assert_int_equal(waitpid(pid, NULL, 0), pid); // it was ours, so it is hung up
}

static void leaves_others_alone(void **state)
{
	struct bench bench;
	char text[64];
	pid_t other, pppd;

	(void)state;
	begin(&bench);
	bench.settings.way = PATH_DIAL_PPP;
	bench.settings.pid_file = pid_file;

	// a record of ours that names a process which started at another time, or is no pppd
	pppd = start_other("pppd", "isp");
	unlink(in_dir("running"));
	other = start_other("other", "isp");
	snprintf(text, sizeof(text), "%d 1\n", (int)pppd);
	write_file("dial-t", text, 0600);
	open_dial(&bench);
	assert_int_equal(dial_phase(bench.dial, 0), DIAL_IDLE);
	end(&bench);
	assert_int_equal(process_record(in_dir("dial-t"), other), 0);
	open_dial(&bench);
	assert_int_equal(dial_phase(bench.dial, 0), DIAL_IDLE);

	static const struct {
		const char *format, *text;
	} cases[] = {
		{ "%d\nppp-t\n", "and no pppd: the file is stale" },
		{ "x%d\n", "holds no process id" },
		{ "1\n%.0d", "holds no process id" },
		{ "%d%d99\n", "holds no process id" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(text, sizeof(text), cases[i].format, (int)other, (int)other);
#pragma GCC diagnostic pop
		write_file("ppp.pid", text, 0600);
		bench.n = 0;
		dial_link(bench.dial, 0, true);
		dial_again(bench.dial, 0);
		assert_int_equal(bench.reports[0].event, DIAL_FAILED);
		if (!strstr(bench.reports[0].text, cases[i].text))
			fail_msg("%s: %s", text, bench.reports[0].text);
		assert_true(is_running(other));
	}
	// a pppd, but of another link
	snprintf(text, sizeof(text), "%d\nppp9\n", (int)pppd);
	write_file("ppp.pid", text, 0600);
	bench.n = 0;
	dial_again(bench.dial, 0);
	assert_non_null(strstr(bench.reports[0].text, "it is the pppd of ppp9, not of ppp-t"));
	snprintf(text, sizeof(text), "%d\n", (int)pppd);
	write_file("ppp.pid", text, 0600);
	bench.n = 0;
	dial_again(bench.dial, 0);
	assert_non_null(strstr(bench.reports[0].text, "nothing says that it is that of ppp-t"));
	end(&bench);
	for (int i = 0; i < 20; i++)
		usleep(5000);
	assert_int_equal(waitpid(pppd, NULL, WNOHANG), 0); // not a signal to either
	assert_int_equal(waitpid(other, NULL, WNOHANG), 0);
	end_other(pppd);
	end_other(other);
}

static void nudges_a_pppd_of_others(void **state)
{
	struct bench bench;
	char text[64];
	pid_t pppd;

	(void)state;
	begin(&bench);
	bench.settings.way = PATH_DIAL_PPP;
	bench.settings.pid_file = pid_file;
	pppd = start_other("pppd", "persists");
	snprintf(text, sizeof(text), "%d\nppp-t\n", (int)pppd);
	write_file("ppp.pid", text, 0600);
	open_dial(&bench);
	dial_link(bench.dial, 0, true);
	assert_int_equal(dial_phase(bench.dial, 0), DIAL_HELD);
	dial_down(bench.dial, 0); // not ours to take down
	assert_int_equal(dial_phase(bench.dial, 0), DIAL_HELD);
	dial_again(bench.dial, 0);
	assert_int_equal(dial_phase(bench.dial, 0), DIAL_DROPPING);
	// this one ends by SIGHUP, and there is no call to dial with
	assert_int_equal(waitpid(pppd, NULL, 0), pppd);
	until(&bench, dial_phase(bench.dial, 0) == DIAL_IDLE && bench.n > 0);
	assert_int_equal(bench.reports[0].event, DIAL_FAILED);
	end(&bench);
}

static void replaces_a_pppd_that_is_stuck(void **state)
{
	struct bench bench;
	char text[64];
	pid_t pppd;

	(void)state;
	for (int with_call = 0; with_call < 2; with_call++) {
		begin(&bench);
		bench.settings.way = PATH_DIAL_PPP;
		bench.settings.pid_file = pid_file;
		bench.settings.call = with_call ? "isp" : "";
		pppd = start_other("pppd", "deaf");
		snprintf(text, sizeof(text), "%d\nppp-t\n", (int)pppd);
		write_file("ppp.pid", text, 0600);
		open_dial(&bench);
		dial_link(bench.dial, 0, true);
		dial_again(bench.dial, 0);
		if (with_call) {
			// SIGHUP was of no use, SIGTERM is; then ours is there
			until(&bench,
			      dial_phase(bench.dial, 0) == DIAL_RAISING && last_pppd() != pppd);
			assert_false(is_running(pppd));
		} else {
			until(&bench, bench.n > 0);
			assert_non_null(strstr(bench.reports[0].text, "does not react to SIGHUP"));
			assert_true(is_running(pppd));
			kill(pppd, SIGKILL);
			until(&bench, !is_running(pppd));
		}
		end(&bench);
	}
}

// ---- commands

static void runs_commands(void **state)
{
	struct bench bench;

	(void)state;
	begin_command(&bench, "echo $MPGATE_PATH $MPGATE_INTERFACE >>$T/calls",
		      "echo down >>$T/calls", "");
	dial_up(bench.dial, 0);
	dial_link(bench.dial, 0, true);
	until(&bench, bench.n > 0);
	assert_int_equal(bench.reports[0].event, DIAL_RAISED);
	dial_again(bench.dial, 0);
	until(&bench, bench.n > 1);
	assert_int_equal(bench.reports[1].event, DIAL_RAISED);
	end(&bench);
	assert_string_equal(read_file("calls"), "t ppp-t\ndown\nt ppp-t\ndown\n");
}

static void says_what_a_command_says(void **state)
{
	static const struct {
		const char *up, *reason, *text;
		bool refused;
	} cases[] = {
		{ "echo one; echo 'modem is busy' >&2; exit 3", "command-failed",
		  "'up' failed with status 3: modem is busy", false },
		{ "exit 1", "command-failed", "'up' failed with status 1", false },
		{ "echo 'error: SIM PIN required'; false", "sim-pin", "SIM PIN needed", true },
		{ "echo 'NO CARRIER'; false", "no-carrier", "no carrier", false },
		{ "printf 'a\\033]0;b\\007c'; false", "command-failed", "a?]0;b?c", false },
		{ "echo dialling; sleep 100", "command-hangs",
		  "'up' took longer than 0 s and was ended; it said last: dialling", false },
		{ "/nonexistent/up", "command-failed", "not found", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bench bench;

		begin(&bench);
		bench.settings.way = PATH_DIAL_COMMAND;
		bench.settings.up = cases[i].up;
		bench.settings.timeout_ms = 500;
		open_dial(&bench);
		dial_up(bench.dial, 0);
		until(&bench, bench.n > 0);
		assert_int_equal(bench.reports[0].event, DIAL_FAILED);
		assert_string_equal(bench.reports[0].reason, cases[i].reason);
		if (!strstr(bench.reports[0].text, cases[i].text))
			fail_msg("%s: %s", cases[i].up, bench.reports[0].text);
		assert_int_equal(bench.reports[0].refused, cases[i].refused);
		assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
		end(&bench);
	}
}

static void ends_the_whole_group(void **state)
{
	struct bench bench;
	pid_t pid;

	(void)state;
	begin(&bench);
	bench.settings.way = PATH_DIAL_COMMAND;
	bench.settings.up =
		"trap '' TERM; (trap '' TERM; echo $$ >$T/calls; while :; do sleep 1; done) & wait";
	bench.settings.timeout_ms = 300;
	open_dial(&bench);
	dial_up(bench.dial, 0);
	until(&bench, bench.n > 0);
	pid = last_pppd();
	until(&bench, !is_running(pid) && kill(-pid, 0) < 0);
	assert_string_equal(bench.reports[0].reason, "command-hangs");
	end(&bench);
}

static void asks_for_the_status(void **state)
{
	struct bench bench;

	(void)state;
	begin(&bench);
	bench.settings.way = PATH_DIAL_COMMAND;
	bench.settings.up = "true";
	bench.settings.status = "echo 'SIM PUK'";
	open_dial(&bench);
	dial_up(bench.dial, 0);
	dial_link(bench.dial, 0, true);
	until(&bench, bench.n > 0);
	dial_link(bench.dial, 0, false);
	until(&bench, bench.n > 1);
	assert_int_equal(bench.reports[1].event, DIAL_ENDED);
	assert_string_equal(bench.reports[1].reason, "sim-puk");
	end(&bench);
}

static void gives_no_descriptors_away(void **state)
{
	struct bench bench;
	int leaky = open("/dev/null", O_RDONLY); // on purpose without O_CLOEXEC

	(void)state;
	begin_command(&bench,
		      "ls /proc/$$/fd | wc -l >$T/calls; cut -c1-40 /proc/$$/status | grep SigIgn "
		      ">>$T/calls",
		      "", "");
	signal(SIGPIPE, SIG_IGN); // as the gateway does
	dial_link(bench.dial, 0, true);
	dial_up(bench.dial, 0);
	until(&bench, bench.n > 0);
	assert_true(atoi(read_file("calls")) <= 4);
	// SIGPIPE is theirs to die of
	assert_false(strtoull(strchr(read_file("calls"), ':') + 1, NULL, 16) &
		     1ull << (SIGPIPE - 1));
	close(leaky);
	end(&bench);
}

static int make_folder(void **state)
{
	char path[512];

	(void)state;
	assert_non_null(mkdtemp(dir));
	old_path = getenv("PATH");
	snprintf(path, sizeof(path), "%s:%s", dir, old_path);
	old_path = strdup(path);
	setenv("PATH", old_path, 1);
	setenv("T", dir, 1);
	str_copy(pid_file, sizeof(pid_file), in_dir("ppp.pid"));
	write_file("pppd", fake_pppd, 0700);
	write_file("other", fake_pppd, 0700);
	return 0;
}

static int remove_folder(void **state)
{
	char command[96];

	(void)state;
	free(old_path);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dials_and_hangs_up),
		cmocka_unit_test(says_why_it_does_not_come_up),
		cmocka_unit_test(says_that_there_is_no_pppd),
		cmocka_unit_test(dials_again),
		cmocka_unit_test(ends_what_does_not_come_up),
		cmocka_unit_test(hangs_up_when_it_ends),
		cmocka_unit_test(takes_over_after_a_crash),
		cmocka_unit_test(leaves_others_alone),
		cmocka_unit_test(nudges_a_pppd_of_others),
		cmocka_unit_test(replaces_a_pppd_that_is_stuck),
		cmocka_unit_test(runs_commands),
		cmocka_unit_test(says_what_a_command_says),
		cmocka_unit_test(ends_the_whole_group),
		cmocka_unit_test(asks_for_the_status),
		cmocka_unit_test(gives_no_descriptors_away),
	};

	if (is_emulated())
		return 77;
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
