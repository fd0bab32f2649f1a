// SPDX-License-Identifier: GPL-2.0-or-later
#include "ui/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOT_FOUND 127 // as a shell says

// In the child: only what is safe after fork(2) in a process with handlers of its own.
static void run(char *const argv[], int out_fd)
{
	int in_fd = open("/dev/null", O_RDONLY);
	sigset_t none;

	for (int signal = 1; signal < NSIG; signal++)
		sigaction(signal, &(struct sigaction){ .sa_handler = SIG_DFL }, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	dup2(in_fd, STDIN_FILENO);
	dup2(out_fd, STDOUT_FILENO);
	dup2(out_fd, STDERR_FILENO);
	execvp(argv[0], argv);
	_exit(NOT_FOUND);
}

int child_start(struct child *child, char *const argv[])
{
	int pipe_fds[2], rc;

	child_stop(child);
	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return -errno;
	child->pid = fork();
	if (child->pid == 0)
		run(argv, pipe_fds[1]);
	rc = child->pid < 0 ? -errno : 0;
	close(pipe_fds[1]);
	child->fd = pipe_fds[0];
	if (rc != 0)
		child_stop(child);
	else
		fcntl(child->fd, F_SETFL, O_NONBLOCK);
	return rc;
}

static int reap(struct child *child)
{
	int status = 0;

	while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR) {
	}
	child->pid = 0;
	close(child->fd);
	child->fd = -1;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

ssize_t child_read(struct child *child, char *buf, size_t size, int *status)
{
	ssize_t n = read(child->fd, buf, size);

	if (n > 0)
		return n;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	*status = reap(child);
	return -EPIPE;
}

void child_stop(struct child *child)
{
	if (child->pid > 0) {
		kill(child->pid, SIGKILL);
		reap(child);
	} else if (child->fd >= 0) {
		close(child->fd);
	}
	*child = CHILD_NONE;
}
