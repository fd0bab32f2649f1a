// SPDX-License-Identifier: GPL-2.0-or-later
// Sysctls through /proc/sys, which shows the network namespace of the thread that opens a file.
#include "kern/kern_priv.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ROOT "/proc/sys/"

int kern_sysctl_path(const char *name, char *path, size_t size)
{
	// a name that uses '/' first is a path already, as for sysctl(8)
	bool dotted = strcspn(name, "./") < strlen(name) && name[strcspn(name, "./")] == '.';
	size_t n = strlen(ROOT), part = n;

	if (n + strlen(name) >= size || strlen(name) == 0)
		return -EINVAL;
	memcpy(path, ROOT, n);
	for (const char *c = name;; c++) {
		char out = *c;

		if (dotted && (out == '.' || out == '/'))
			out = out == '.' ? '/' : '.';
		if (out == '/' || out == '\0') {
			size_t len = n - part;

			if (len == 0 || (len <= 2 && strncmp(path + part, "..", len) == 0))
				return -EINVAL;
			part = n + 1;
		}
		path[n++] = out;
		if (out == '\0')
			return 0;
	}
}

static int explain(const char *name, const char *what, int error, struct str *why)
{
	const char *advice = "";

	if (error == -ENOENT)
		advice = ": this kernel has no such setting, or the interface is gone";
	else if (error == -EROFS)
		advice = ": /proc/sys is mounted read-only, as in a container; set it on the host";
	else if (error == -EACCES || error == -EPERM)
		advice = ": needs root, or the setting belongs to the host";
	str_addf(why, "cannot %s %s: %s%s", what, name, strerror(-error), advice);
	return error;
}

static int open_sysctl(const char *name, int flags)
{
	char path[sizeof(ROOT) + 128];
	int fd;

	if (kern_sysctl_path(name, path, sizeof(path)) < 0)
		return -EINVAL;
	fd = open(path, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

// Fields with one space between, nothing around; returns the length.
static size_t squeeze(char *text)
{
	char *out = text;

	for (char *c = text; *c; c++) {
		if (!isspace((unsigned char)*c))
			*out++ = *c;
		else if (out > text && out[-1] != ' ')
			*out++ = ' ';
	}
	if (out > text && out[-1] == ' ')
		out--;
	*out = '\0';
	return (size_t)(out - text);
}

int kern_sysctl_get(const char *name, char value[static KERN_SYSCTL_VALUE_SIZE], struct str *why)
{
	char text[1024];
	ssize_t n;
	int fd = open_sysctl(name, O_RDONLY), error = 0;

	if (fd < 0)
		return explain(name, "read", fd, why);
	n = read(fd, text, sizeof(text) - 1);
	if (n < 0)
		error = -errno;
	close(fd);
	if (error < 0)
		return explain(name, "read", error, why);
	text[n] = '\0';
	if (squeeze(text) >= KERN_SYSCTL_VALUE_SIZE)
		return explain(name, "read", -EMSGSIZE, why);
	str_copy(value, KERN_SYSCTL_VALUE_SIZE, text);
	return 0;
}

int kern_sysctl_set(const char *name, const char *value, struct str *why)
{
	char now[KERN_SYSCTL_VALUE_SIZE];
	int fd = open_sysctl(name, O_WRONLY), error = 0;

	if (fd < 0)
		return explain(name, "set", fd, why);
	// one write: procfs takes each as a value of its own
	if (write(fd, value, strlen(value)) < 0)
		error = -errno;
	close(fd);
	if (error < 0) {
		str_addf(why, "cannot set %s to \"%s\": %s", name, value, strerror(-error));
		return error;
	}
	error = kern_sysctl_get(name, now, why);
	if (error == 0 && strcmp(now, value) != 0) {
		str_addf(why, "%s: asked for \"%s\", the kernel made it \"%s\"", name, value, now);
		error = -ERANGE;
	}
	return error;
}
