// SPDX-License-Identifier: GPL-2.0-or-later
//
// `mpgate gateway` on a terminal: the gateway in a session of its own, so that a closed terminal
// does not take it along, and the console on top of it in this process. Until it has started, the
// gateway keeps the terminal for its messages; from then on it logs to a file.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "base/log.h"
#include "role/gateway_priv.h"
#include "role/role_priv.h"
#include "ui/ui.h"

void gateway_hand_over_terminal(const char *log_file, int ready_fd)
{
	int fd = open(log_file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);

	if (fd < 0)
		fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (fd >= 0) {
		dup2(fd, STDERR_FILENO);
		dup2(fd, STDOUT_FILENO);
		close(fd);
	}
	fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		dup2(fd, STDIN_FILENO);
		close(fd);
	}
	if (write(ready_fd, "", 1) != 1)
		log_debug("gateway: the console has gone already");
	close(ready_fd);
}

// The status of a gateway that ended, as the shell would see it.
static int wait_for_gateway(pid_t pid)
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
	}
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

// One key without Enter; 0 when the terminal is gone.
static char read_key(void)
{
	struct termios before, raw;
	char key = 0;

	if (tcgetattr(STDIN_FILENO, &before) < 0)
		return 0;
	raw = before;
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw);
	if (read(STDIN_FILENO, &key, 1) != 1)
		key = 0;
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
	return key;
}

// Returns 'd' leave it, 's' stop it, 'n' back to the console.
static char ask_what_now(void)
{
	char key;

	printf("The gateway is still running.\n"
	       "  [d] leave it running in the background   [s] stop the gateway   [n] back to the "
	       "console ");
	fflush(stdout);
	key = read_key();
	printf("\n");
	if (key == 'd' || key == 's')
		return key;
	return key ? 'n' : 'd'; // a terminal that went away leaves it running
}

// Until a person has chosen; 0 when the gateway has ended meanwhile.
static char run_screens(const struct role_args *args, pid_t gateway)
{
	struct role_screen screen = { 0 };
	char choice = 'n';

	role_screen_init(&screen, args);
	while (choice == 'n') {
		int status = ui_console_run(&screen.options);

		if (waitpid(gateway, NULL, WNOHANG) == gateway)
			choice = 0;
		else
			choice = status > 128 ? 'd' : ask_what_now();
	}
	role_screen_fini(&screen);
	return choice;
}

static int run_console(const struct role_args *args, pid_t gateway)
{
	char choice = run_screens(args, gateway);

	if (!choice)
		return role_fail(STATUS_FAILED, NULL, "gateway: it has ended; see %s/gateway.log",
				 args->run_dir);
	if (choice == 'd') {
		printf("mpgate: the gateway runs on as pid %d; 'mpgate console' shows it again\n",
		       gateway);
		return STATUS_DONE;
	}
	kill(gateway, SIGTERM);
	return wait_for_gateway(gateway);
}

int gateway_run_with_console(const struct role_args *args, struct config *config)
{
	int ready[2];
	char byte;
	pid_t pid;

	if (pipe2(ready, O_CLOEXEC) < 0) {
		config_free(config);
		return role_fail(STATUS_FAILED, NULL, "gateway: %s", strerror(errno));
	}
	pid = fork();
	if (pid == 0) {
		close(ready[0]);
		setsid();
		return gateway_run(args, config, ready[1]);
	}
	config_free(config);
	if (pid < 0)
		return role_fail(STATUS_FAILED, NULL, "gateway: cannot start: %s", strerror(errno));
	close(ready[1]);
	if (read(ready[0], &byte, 1) != 1) {
		close(ready[0]);
		return wait_for_gateway(pid);
	}
	close(ready[0]);
	return run_console(args, pid);
}
