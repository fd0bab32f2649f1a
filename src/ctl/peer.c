// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "ctl/ctl_priv.h"

gid_t ctl_peer_group(const char *name)
{
	FILE *file = fopen("/etc/group", "re");
	const struct group *group;
	gid_t gid = CTL_NO_GROUP;

	if (!file)
		return CTL_NO_GROUP;
	while (gid == CTL_NO_GROUP && (group = fgetgrent(file))) {
		if (strcmp(group->gr_name, name) == 0)
			gid = group->gr_gid;
	}
	fclose(file);
	return gid;
}

// "pi", or "uid 1000" for a user that /etc/passwd does not know.
static void name_user(uid_t uid, char *out, size_t size)
{
	FILE *file = fopen("/etc/passwd", "re");
	const struct passwd *user;

	snprintf(out, size, "uid %u", uid);
	if (!file)
		return;
	while ((user = fgetpwent(file))) {
		if (user->pw_uid == uid) {
			str_copy(out, size, user->pw_name);
			break;
		}
	}
	fclose(file);
}

// The process's controlling terminal as a device number, 0 for none (proc_pid_stat(5), field 7).
static dev_t read_tty(pid_t pid)
{
	char path[32], text[512];
	const char *after;
	ssize_t n;
	int fd, tty = 0;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	after = strrchr(text, ')'); // the command's name may hold anything
	if (!after || sscanf(after, ") %*c %*d %*d %*d %d", &tty) != 1)
		return 0;
	return (dev_t)(unsigned)tty;
}

// The kernel knows a device's name, except those of devpts: majors 136 to 143
// (Documentation/admin-guide/devices.txt).
static bool name_tty(dev_t tty, char *out, size_t size)
{
	unsigned top = major(tty);
	char path[48], line[64];
	bool found = false;
	FILE *file;

	if (!tty)
		return false;
	if (top >= 136 && top <= 143) {
		snprintf(out, size, "pts/%u", (top - 136) * 256 + minor(tty));
		return true;
	}
	snprintf(path, sizeof(path), "/sys/dev/char/%u:%u/uevent", top, minor(tty));
	file = fopen(path, "re");
	if (!file)
		return false;
	while (!found && fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		found = strncmp(line, "DEVNAME=", 8) == 0;
	}
	fclose(file);
	if (found)
		str_copy(out, size, line + 8);
	return found;
}

// The groups of the process as they were when it connected (SO_PEERGROUPS, Linux 4.13).
static bool is_in_group(int fd, gid_t gid)
{
	socklen_t len = 0;
	bool found = false;
	gid_t *groups;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &len) == 0 || errno != ERANGE)
		return false;
	groups = malloc(len);
	if (groups && getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len) == 0) {
		for (size_t i = 0; i < len / sizeof(groups[0]) && !found; i++)
			found = groups[i] == gid;
	}
	free(groups);
	return found;
}

void ctl_peer_read(int fd, gid_t admins, struct ctl_peer *out)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);
	char user[32], tty[24];

	*out = (struct ctl_peer){ .who = "nobody" };
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) != 0)
		return;
	out->may_change =
		cred.uid == 0 || cred.uid == geteuid() ||
		(admins != CTL_NO_GROUP && (cred.gid == admins || is_in_group(fd, admins)));
	name_user(cred.uid, user, sizeof(user));
	// pid 0: the peer lives in a pid namespace that we cannot see
	if (cred.pid && name_tty(read_tty(cred.pid), tty, sizeof(tty)))
		snprintf(out->who, sizeof(out->who), "%s on %s", user, tty);
	else
		snprintf(out->who, sizeof(out->who), "%s", user);
}
