// SPDX-License-Identifier: GPL-2.0-or-later
//
// The socket file: one gateway's at a time, never in the way of the next one, and open to the right
// people only.

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "ctl/ctl_priv.h"

static int fail(int error, struct str *why, const char *path, const char *what)
{
	str_addf(why, "control socket %s: %s: %s", path, what, strerror(error));
	return -error;
}

// Opens the file's directory, makes it when it is missing, and locks it, so that of two gateways
// that start at once one finds the other. Returns a descriptor, whose closing unlocks, or -errno.
static int lock_directory(const char *path, gid_t group, struct str *why)
{
	char dir[sizeof(((struct sockaddr_un *)NULL)->sun_path)] = ".";
	const char *slash = strrchr(path, '/');
	int fd;

	if (slash)
		snprintf(dir, sizeof(dir), "%.*s", slash == path ? 1 : (int)(slash - path), path);
	if (mkdir(dir, 0750) == 0 && group != CTL_NO_GROUP && chown(dir, (uid_t)-1, group) != 0)
		log_warning("%s: cannot give it to the group " CTL_GROUP_LOOK ": %s", dir,
			    strerror(errno));
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return fail(errno, why, path, "cannot open its directory");
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		int rc = fail(errno, why, path,
			      errno == EWOULDBLOCK ? "another gateway is starting"
						   : "cannot lock its directory");

		close(fd);
		return rc;
	}
	return fd;
}

// Removes the socket file of a gateway that is dead.
static int remove_stale(const struct sockaddr_un *sa, struct str *why)
{
	struct ctl_client *c;
	struct stat st;
	int rc;

	if (lstat(sa->sun_path, &st) != 0)
		return errno == ENOENT ? 0 : fail(errno, why, sa->sun_path, "cannot look at it");
	if (!S_ISSOCK(st.st_mode)) {
		str_addf(why,
			 "control socket %s: something else is there that is not a socket; "
			 "remove it, or choose another path with --socket",
			 sa->sun_path);
		return -EEXIST;
	}
	rc = ctl_client_connect(sa->sun_path, &c);
	if (rc == 0)
		ctl_client_free(c);
	if (rc == 0 || rc == -EAGAIN) {
		str_addf(why,
			 "another gateway answers on %s; stop it first, or choose another "
			 "path with --socket",
			 sa->sun_path);
		return -EADDRINUSE;
	}
	if (rc != -ECONNREFUSED)
		return fail(-rc, why, sa->sun_path, "cannot ask whether a gateway answers there");
	if (unlink(sa->sun_path) != 0 && errno != ENOENT)
		return fail(errno, why, sa->sun_path, "cannot remove what a dead gateway left");
	return 0;
}

// The mode is narrow from the file's first moment (fchmod(2) on the socket reaches the file that
// bind(2) makes) and widened once the group is right.
static int bind_socket(struct ctl_listen *l, int backlog, gid_t group, struct str *why)
{
	const char *path = l->sa.sun_path;
	mode_t mode = 0660;
	struct stat st;

	if (fchmod(l->fd, 0600) != 0 ||
	    bind(l->fd, (const struct sockaddr *)&l->sa, sizeof(l->sa)) != 0)
		return fail(errno, why, path, "cannot bind");
	if (group != CTL_NO_GROUP && chown(path, (uid_t)-1, group) != 0) {
		log_warning("control socket %s: cannot give it to the group " CTL_GROUP_LOOK
			    ": %s; only root and this user may connect",
			    path, strerror(errno));
		mode = 0600;
	}
	if (chmod(path, mode) != 0 || lstat(path, &st) != 0 || listen(l->fd, backlog) != 0) {
		int rc = fail(errno, why, path, "cannot listen");

		unlink(path);
		return rc;
	}
	l->dev = st.st_dev;
	l->ino = st.st_ino;
	return 0;
}

static int open_socket(struct ctl_listen *l, int backlog, gid_t group, struct str *why)
{
	int rc;

	l->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (l->fd < 0)
		return fail(errno, why, l->sa.sun_path, "cannot make a socket");
	rc = bind_socket(l, backlog, group, why);
	if (rc != 0)
		close(l->fd);
	return rc;
}

int ctl_listen_open(struct ctl_listen *l, const char *path, int backlog, struct str *why)
{
	gid_t group = ctl_peer_group(CTL_GROUP_LOOK);
	int lock, rc;

	*l = (struct ctl_listen){ .sa.sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(l->sa.sun_path))
		return fail(ENAMETOOLONG, why, path, "cannot bind");
	str_copy(l->sa.sun_path, sizeof(l->sa.sun_path), path);
	lock = lock_directory(path, group, why);
	if (lock < 0)
		return lock;
	rc = remove_stale(&l->sa, why);
	if (rc == 0)
		rc = open_socket(l, backlog, group, why);
	close(lock);
	return rc;
}

void ctl_listen_close(struct ctl_listen *l)
{
	struct stat st;

	close(l->fd);
	if (lstat(l->sa.sun_path, &st) == 0 && st.st_dev == l->dev && st.st_ino == l->ino)
		unlink(l->sa.sun_path);
}
