// SPDX-License-Identifier: GPL-2.0-or-later
//
// A program that we have started: its output line by line, its end, its time limit.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/str.h"
#include "dial/program.h"

// What a program may say a second before we stop listening for the rest of it.
#define OUTPUT_BUDGET 16384
#define BUDGET_S      1.
// From SIGTERM to SIGKILL.
#define GRACE_S 2.

int pidfd_of(pid_t pid)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);

	return fd < 0 ? -errno : fd;
}

int pidfd_signal(int pidfd, int number)
{
	return syscall(SYS_pidfd_send_signal, pidfd, number, NULL, 0) < 0 ? -errno : 0;
}

static void end_line(struct program *program)
{
	char clean[sizeof(program->line)];

	program->line[program->len] = '\0';
	program->len = 0;
	str_copy_clean(clean, sizeof(clean), program->line);
	if (clean[strspn(clean, " \t?")] && program->said)
		program->said(program->ctx, clean);
}

static void take_bytes(struct program *program, const char *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (bytes[i] == '\n' || bytes[i] == '\r')
			end_line(program);
		else if (program->len < sizeof(program->line) - 1)
			program->line[program->len++] = bytes[i];
	}
}

static void read_output(struct program *program)
{
	char bytes[4096];
	ssize_t n = -1;

	while (program->budget > 0 && (n = read(program->fd, bytes, sizeof(bytes))) > 0) {
		program->budget -= (int)n;
		take_bytes(program, bytes, (size_t)n);
	}
	if (program->budget <= 0 || n == 0)
		ev_io_stop(program->loop, &program->output);
}

static void on_output(struct ev_loop *loop, ev_io *w, int revents)
{
	(void)loop;
	(void)revents;
	read_output(w->data);
}

static void on_refill(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct program *program = w->data;

	(void)revents;
	if (program->budget <= 0)
		ev_io_start(loop, &program->output);
	program->budget = OUTPUT_BUDGET;
}

// The whole group, while its leader is there: until then the number is nobody else's.
static void signal_group(const struct program *program, int number)
{
	if (pidfd_signal(program->pidfd, 0) == 0)
		kill(-program->pid, number);
}

static void on_limit(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct program *program = w->data;

	(void)revents;
	signal_group(program, program->overdue ? SIGKILL : SIGTERM);
	if (program->overdue)
		return;
	program->overdue = true;
	ev_timer_set(w, GRACE_S, 0.);
	ev_timer_start(loop, w);
}

static void on_end(struct ev_loop *loop, ev_child *w, int revents)
{
	struct program *program = w->data;
	int status = w->rstatus;

	(void)loop;
	(void)revents;
	program->budget = OUTPUT_BUDGET;
	read_output(program);
	if (program->len)
		end_line(program);
	program_forget(program);
	program->ended(program->ctx, status);
}

static void watch(struct program *program, double limit_s)
{
	ev_child_init(&program->end, on_end, program->pid, 0);
	ev_io_init(&program->output, on_output, program->fd, EV_READ);
	ev_timer_init(&program->limit, on_limit, limit_s, 0.);
	ev_timer_init(&program->refill, on_refill, BUDGET_S, BUDGET_S);
	program->end.data = program->output.data = program->limit.data = program->refill.data =
		program;
	ev_child_start(program->loop, &program->end);
	ev_io_start(program->loop, &program->output);
	ev_timer_start(program->loop, &program->refill);
	if (limit_s > 0)
		ev_timer_start(program->loop, &program->limit);
}

// In a session of its own, without our signal dispositions and our descriptors.
static int spawn(pid_t *pid, const char *const argv[], char *const envp[], int output)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	sigset_t none, all;
	int rc;

	sigemptyset(&none);
	sigfillset(&all);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF |
						POSIX_SPAWN_SETSIGMASK);
	posix_spawnattr_setsigdefault(&attr, &all);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&files, output, STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&files, output, STDERR_FILENO);
	posix_spawn_file_actions_addclosefrom_np(&files, STDERR_FILENO + 1);
	rc = posix_spawnp(pid, argv[0], &files, &attr, (char *const *)(uintptr_t)argv, envp);
	posix_spawn_file_actions_destroy(&files);
	posix_spawnattr_destroy(&attr);
	return -rc;
}

int program_start(struct program *program, const char *const argv[], char *const envp[],
		  int limit_ms)
{
	int output[2], rc;

	if (pipe2(output, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	// theirs is an ordinary one
	fcntl(output[1], F_SETFL, 0);
	rc = spawn(&program->pid, argv, envp, output[1]);
	close(output[1]);
	if (rc == 0) {
		program->pidfd = pidfd_of(program->pid);
		rc = program->pidfd < 0 ? program->pidfd : 0;
		if (rc < 0) {
			kill(program->pid, SIGKILL);
			waitpid(program->pid, NULL, 0);
		}
	}
	if (rc < 0) {
		close(output[0]);
		program->pid = 0;
		return rc;
	}
	program->fd = output[0];
	program->len = 0;
	program->budget = OUTPUT_BUDGET;
	program->overdue = false;
	watch(program, limit_ms / 1e3);
	return 0;
}

void program_forget(struct program *program)
{
	if (!program->pid)
		return;
	ev_child_stop(program->loop, &program->end);
	ev_io_stop(program->loop, &program->output);
	ev_timer_stop(program->loop, &program->limit);
	ev_timer_stop(program->loop, &program->refill);
	close(program->fd);
	close(program->pidfd);
	program->pid = 0;
}

void program_end(struct program *program)
{
	if (!program->pid || program->overdue)
		return;
	ev_timer_stop(program->loop, &program->limit);
	on_limit(program->loop, &program->limit, 0);
}
