// SPDX-License-Identifier: GPL-2.0-or-later
//
// Without libsystemd on purpose; doc/decisions/09-notify.md says why.
#include "base/notify.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"

#define MESSAGE_SIZE 512

static struct {
	int fd; // 0: nobody listens
	struct sockaddr_un to;
	socklen_t to_len;
	int64_t watchdog_ms;
} manager;

// A path, or an abstract name that is written with '@' for its NUL. Of other families (AF_VSOCK,
// for virtual machines) nobody starts us.
static bool set_address(const char *name)
{
	size_t len = strlen(name);

	if ((name[0] != '/' && name[0] != '@') || len < 2 || len >= sizeof(manager.to.sun_path)) {
		log_warning("NOTIFY_SOCKET is no socket that can be used: %s", name);
		return false;
	}
	manager.to.sun_family = AF_UNIX;
	memcpy(manager.to.sun_path, name, len);
	if (name[0] == '@')
		manager.to.sun_path[0] = '\0';
	manager.to_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
	return true;
}

static int64_t read_watchdog(void)
{
	const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");

	if (!usec || (pid && strtol(pid, NULL, 10) != getpid()))
		return 0;
	return strtoll(usec, NULL, 10) / 1000;
}

void notify_init(void)
{
	const char *name = getenv("NOTIFY_SOCKET");

	if (manager.fd)
		close(manager.fd);
	manager.fd = 0;
	if (name && name[0] && set_address(name)) {
		manager.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		if (manager.fd < 0) {
			log_warning("cannot tell the service manager anything: %s",
				    strerror(errno));
			manager.fd = 0;
		}
		manager.watchdog_ms = read_watchdog();
	}
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
}

bool notify_is_wanted(void)
{
	return manager.fd > 0;
}

int64_t notify_watchdog_ms(void)
{
	return manager.fd > 0 ? manager.watchdog_ms : 0;
}

bool notify_send(const char *fmt, ...)
{
	char text[MESSAGE_SIZE];
	va_list ap;
	int len;

	if (!notify_is_wanted())
		return false;
	va_start(ap, fmt);
	len = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (len < 0)
		return false;
	if (len >= (int)sizeof(text))
		len = sizeof(text) - 1;
	return sendto(manager.fd, text, (size_t)len, MSG_NOSIGNAL, (struct sockaddr *)&manager.to,
		      manager.to_len) == len;
}
