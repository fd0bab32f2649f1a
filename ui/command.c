// SPDX-License-Identifier: GPL-2.0-or-later
#include "ui/command.h"

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

int ui_command_start(struct ui_command *command, char *const argv[])
{
	int pipe_fds[2], rc;

	ui_command_stop(command);
	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return -errno;
	command->pid = fork();
	if (command->pid == 0)
		run(argv, pipe_fds[1]);
	rc = command->pid < 0 ? -errno : 0;
	close(pipe_fds[1]);
	command->fd = pipe_fds[0];
	if (rc != 0)
		ui_command_stop(command);
	else
		fcntl(command->fd, F_SETFL, O_NONBLOCK);
	return rc;
}

static int reap(struct ui_command *command)
{
	int status = 0;

	while (waitpid(command->pid, &status, 0) < 0 && errno == EINTR) {
	}
	command->pid = 0;
	close(command->fd);
	command->fd = -1;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

ssize_t ui_command_read(struct ui_command *command, char *buf, size_t size, int *status)
{
	ssize_t n = read(command->fd, buf, size);

	if (n > 0)
		return n;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	*status = reap(command);
	return -EPIPE;
}

void ui_command_stop(struct ui_command *command)
{
	if (command->pid > 0) {
		kill(command->pid, SIGKILL);
		reap(command);
	} else if (command->fd >= 0) {
		close(command->fd);
	}
	*command = UI_COMMAND_NONE;
}
