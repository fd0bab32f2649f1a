// SPDX-License-Identifier: GPL-2.0-or-later
//
// Whose process is that? A number in a file proves nothing: the process may be gone and the number
// another's. So the process is pinned by a pidfd first, then looked at, and in the end the pidfd
// says whether it still was the one that was looked at.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "dial/dial_priv.h"

// Where pppd keeps the pid file of an interface: up to 2.4, and from 2.5 on.
static const char *const interface_pid_files[] = { "/run/%s.pid", "/run/pppd/%s.pid" };

static int read_text(const char *file, char *out, size_t size)
{
	FILE *f = fopen(file, "re");
	size_t n;

	out[0] = '\0';
	if (!f)
		return -errno;
	n = fread(out, 1, size - 1, f);
	out[n] = '\0';
	fclose(f);
	return 0;
}

static pid_t parse_pid(const char *text)
{
	size_t digits;
	long pid;

	text += strspn(text, " ");
	digits = strspn(text, "0123456789");
	pid = digits > 0 && digits < 10 ? strtol(text, NULL, 10) : 0;
	return strchr(" \n", text[digits]) && pid > 1 ? (pid_t)pid : 0;
}

uint64_t process_start_time(pid_t pid)
{
	char file[32], text[512];
	const char *at;

	snprintf(file, sizeof(file), "/proc/%d/stat", (int)pid);
	if (read_text(file, text, sizeof(text)) < 0)
		return 0;
	// proc(5): the name, field 2, may hold anything; the start is field 22
	at = strrchr(text, ')');
	for (int field = 2; at && field < 22; field++)
		at = strchr(at + 1, ' ');
	return at ? strtoull(at + 1, NULL, 10) : 0;
}

static bool is_pppd(pid_t pid, char name[static 16])
{
	char file[32], text[32];

	snprintf(file, sizeof(file), "/proc/%d/comm", (int)pid);
	read_text(file, text, sizeof(text));
	text[strcspn(text, "\n")] = '\0';
	str_copy_clean(name, 16, text);
	return strcmp(text, "pppd") == 0;
}

// Whether the process is the pppd of `interface`: so say the second line of its pid file, which a
// pppd with a linkname writes, or the interface's own pid file.
static int check_interface(const char *interface, const char *second_line, pid_t pid,
			   struct str *why)
{
	bool named = second_line[0] != '\0';

	if (named && strcmp(second_line, interface) == 0)
		return 0;
	for (size_t i = 0;
	     !named && i < sizeof(interface_pid_files) / sizeof(interface_pid_files[0]); i++) {
		char file[64], text[64];
		pid_t other;

		// the formats are ours, above
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(file, sizeof(file), interface_pid_files[i], interface);
#pragma GCC diagnostic pop
		if (read_text(file, text, sizeof(text)) < 0)
			continue;
		other = parse_pid(text);
		if (other == pid)
			return 0;
		str_addf(why, "two pppds: that of %s is %d by %s", interface, (int)other, file);
		return -EBUSY;
	}
	if (named)
		str_addf(why, "it is the pppd of %s, not of %s", second_line, interface);
	else
		str_addf(why, "it is a pppd, but nothing says that it is that of %s (yet)",
			 interface);
	return -EAGAIN;
}

int process_find_pppd(const char *file, const char *interface, pid_t *pid, struct str *why)
{
	char text[128], second[NAME_SIZE], name[16];
	const char *line;
	int pidfd, rc;

	str_addf(why, "%s: ", file);
	rc = read_text(file, text, sizeof(text));
	if (rc < 0) {
		str_add(why, strerror(-rc));
		return rc;
	}
	*pid = parse_pid(text);
	if (!*pid) {
		str_add(why, "holds no process id");
		return -EINVAL;
	}
	line = strchr(text, '\n');
	str_copy_clean(second, sizeof(second), line ? line + 1 : "");
	second[strcspn(second, "?")] = '\0'; // the line's end
	pidfd = pidfd_of(*pid);
	if (pidfd < 0) {
		str_addf(why, "process %d is gone", (int)*pid);
		return -ESRCH;
	}
	if (!is_pppd(*pid, name)) {
		str_addf(why, "process %d is '%s' and no pppd: the file is stale", (int)*pid, name);
		rc = -ESRCH;
	} else {
		str_addf(why, "process %d: ", (int)*pid);
		rc = check_interface(interface, second, *pid, why);
	}
	if (rc == 0)
		rc = pidfd_signal(pidfd, 0);
	if (rc < 0) {
		close(pidfd);
		return rc;
	}
	return pidfd;
}

// ---- our own record

int process_record(const char *file, pid_t pid)
{
	FILE *f = fopen(file, "we");

	if (!f)
		return -errno;
	fprintf(f, "%d %llu\n", (int)pid, (unsigned long long)process_start_time(pid));
	return fclose(f) == 0 ? 0 : -errno;
}

int process_recall(const char *file, pid_t *pid)
{
	unsigned long long start;
	char text[64], name[16];
	int number, pidfd;

	if (read_text(file, text, sizeof(text)) < 0 ||
	    sscanf(text, "%9d %20llu", &number, &start) != 2 || number <= 1)
		return -ENOENT;
	*pid = (pid_t)number;
	pidfd = pidfd_of(*pid);
	if (pidfd < 0)
		return pidfd;
	// the start tells it from a later process of the same number, the name from one of another
	// boot
	if (!is_pppd(*pid, name) || process_start_time(*pid) != start ||
	    pidfd_signal(pidfd, 0) < 0) {
		close(pidfd);
		return -ESRCH;
	}
	return pidfd;
}
