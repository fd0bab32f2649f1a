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
#include "dial/child.h"

// What a program may say a second before we stop listening for the rest of it.
#define OUTPUT_BUDGET 16384
#define BUDGET_S      1.
// From SIGTERM to SIGKILL.
#define GRACE_S       2.

int pidfd_of(pid_t pid)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);

	return fd < 0 ? -errno : fd;
}

int pidfd_signal(int pidfd, int number)
{
	return syscall(SYS_pidfd_send_signal, pidfd, number, NULL, 0) < 0 ? -errno : 0;
}

static void end_line(struct child *child)
{
	char clean[sizeof(child->line)];

	child->line[child->len] = '\0';
	child->len = 0;
	str_copy_clean(clean, sizeof(clean), child->line);
	if (clean[strspn(clean, " \t?")] && child->said)
		child->said(child->ctx, clean);
}

static void take_bytes(struct child *child, const char *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (bytes[i] == '\n' || bytes[i] == '\r')
			end_line(child);
		else if (child->len < sizeof(child->line) - 1)
			child->line[child->len++] = bytes[i];
	}
}

static void read_output(struct child *child)
{
	char bytes[4096];
	ssize_t n;

	while (child->budget > 0 && (n = read(child->fd, bytes, sizeof(bytes))) > 0) {
		child->budget -= (int)n;
		take_bytes(child, bytes, (size_t)n);
	}
	if (child->budget <= 0 || n == 0)
		ev_io_stop(child->loop, &child->output);
}

static void on_output(struct ev_loop *loop, ev_io *w, int revents)
{
	(void)loop;
	(void)revents;
	read_output(w->data);
}

static void on_refill(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct child *child = w->data;

	(void)revents;
	if (child->budget <= 0)
		ev_io_start(loop, &child->output);
	child->budget = OUTPUT_BUDGET;
}

// The whole group, while its leader is there: until then the number is nobody else's.
static void signal_group(const struct child *child, int number)
{
	if (pidfd_signal(child->pidfd, 0) == 0)
		kill(-child->pid, number);
}

static void on_limit(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct child *child = w->data;

	(void)revents;
	signal_group(child, child->overdue ? SIGKILL : SIGTERM);
	if (child->overdue)
		return;
	child->overdue = true;
	ev_timer_set(w, GRACE_S, 0.);
	ev_timer_start(loop, w);
}

static void on_end(struct ev_loop *loop, ev_child *w, int revents)
{
	struct child *child = w->data;
	int status = w->rstatus;

	(void)loop;
	(void)revents;
	child->budget = OUTPUT_BUDGET;
	read_output(child);
	if (child->len)
		end_line(child);
	child_forget(child);
	child->ended(child->ctx, status);
}

static void watch(struct child *child, double limit_s)
{
	ev_child_init(&child->end, on_end, child->pid, 0);
	ev_io_init(&child->output, on_output, child->fd, EV_READ);
	ev_timer_init(&child->limit, on_limit, limit_s, 0.);
	ev_timer_init(&child->refill, on_refill, BUDGET_S, BUDGET_S);
	child->end.data = child->output.data = child->limit.data = child->refill.data = child;
	ev_child_start(child->loop, &child->end);
	ev_io_start(child->loop, &child->output);
	ev_timer_start(child->loop, &child->refill);
	if (limit_s > 0)
		ev_timer_start(child->loop, &child->limit);
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

int child_start(struct child *child, const char *const argv[], char *const envp[], int limit_ms)
{
	int output[2], rc;

	if (pipe2(output, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	// theirs is an ordinary one
	fcntl(output[1], F_SETFL, 0);
	rc = spawn(&child->pid, argv, envp, output[1]);
	close(output[1]);
	if (rc == 0) {
		child->pidfd = pidfd_of(child->pid);
		rc = child->pidfd < 0 ? child->pidfd : 0;
		if (rc < 0) {
			kill(child->pid, SIGKILL);
			waitpid(child->pid, NULL, 0);
		}
	}
	if (rc < 0) {
		close(output[0]);
		child->pid = 0;
		return rc;
	}
	child->fd = output[0];
	child->len = 0;
	child->budget = OUTPUT_BUDGET;
	child->overdue = false;
	watch(child, limit_ms / 1e3);
	return 0;
}

void child_forget(struct child *child)
{
	if (!child->pid)
		return;
	ev_child_stop(child->loop, &child->end);
	ev_io_stop(child->loop, &child->output);
	ev_timer_stop(child->loop, &child->limit);
	ev_timer_stop(child->loop, &child->refill);
	close(child->fd);
	close(child->pidfd);
	child->pid = 0;
}

void child_end(struct child *child)
{
	if (!child->pid || child->overdue)
		return;
	ev_timer_stop(child->loop, &child->limit);
	on_limit(child->loop, &child->limit, 0);
}
