// SPDX-License-Identifier: GPL-2.0-or-later
//
// Small files that survive. A file is one line that tells what follows, and the data:
//
//	mpgate KIND LENGTH CRC32
//	...
//
// It is written beside its place, brought to the disk, and renamed into place; the one that was
// there is kept as "NAME.old". So there is a whole file at every moment, and what is nevertheless
// damaged (worn flash, a file system repaired after a power cut, an editor) shows by its length or
// its checksum, and the previous one is there to tell what was.
//
// Writers call rarely: every write wears flash. The thread of a writer has nothing but the list of
// what is to be written; data and results go in and out under its lock.
#include "base/store.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define OLD_SUFFIX ".old"
#define NEW_SUFFIX ".new"

// CRC-32 as in zlib and Ethernet.
static uint32_t checksum(const void *data, size_t len)
{
	static const uint32_t nibbles[16] = {
		0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
		0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
		0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
	};
	const uint8_t *bytes = data;
	uint32_t crc = 0xffffffff;

	for (size_t i = 0; i < len; i++) {
		crc ^= bytes[i];
		crc = crc >> 4 ^ nibbles[crc & 15];
		crc = crc >> 4 ^ nibbles[crc & 15];
	}
	return ~crc;
}

static char *with_suffix(const char *path, const char *suffix)
{
	struct str text = { 0 };

	str_addf(&text, "%s%s", path, suffix);
	return str_take(&text);
}

static int fail(int error, const char *what, const char *path, struct str *why)
{
	str_addf(why, "cannot %s %s: %s", what, path, strerror(-error));
	return error;
}

// ---- reading

static int read_all(int fd, struct str *out)
{
	char block[8192];
	ssize_t n;

	while ((n = read(fd, block, sizeof(block))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (out->len + (size_t)n > STORE_SIZE_MAX)
			return -EBADMSG;
		str_add_bytes(out, block, (size_t)n);
	}
	return 0;
}

// NULL, or what is wrong. On success *from is where the data begin.
static const char *check(const struct str *file, const char *kind, size_t *from)
{
	const char *end = file->len ? memchr(file->text, '\n', file->len) : NULL;
	char found[32];
	uint32_t crc;
	size_t len;
	int used = 0;

	if (!end)
		return "has no heading";
	if (sscanf(file->text, "mpgate %31s %zu %" SCNx32 "%n", found, &len, &crc, &used) != 3 ||
	    file->text + used != end)
		return "has no heading";
	if (strcmp(found, kind) != 0)
		return "is of another kind or version";
	*from = (size_t)(end + 1 - file->text);
	if (file->len - *from < len)
		return "is cut short";
	if (file->len - *from > len)
		return "is longer than it should be";
	return checksum(file->text + *from, len) == crc ? NULL : "has a wrong checksum";
}

static int read_file(const char *path, const char *kind, struct str *data, struct str *why)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK), rc;
	struct str file = { 0 };
	const char *wrong;
	size_t from = 0;

	if (fd < 0)
		return fail(-errno, "read", path, why);
	rc = read_all(fd, &file);
	close(fd);
	wrong = rc == 0 ? check(&file, kind, &from) : rc == -EBADMSG ? "is too long" : NULL;
	if (wrong) {
		rc = -EBADMSG;
		str_addf(why, "%s %s", path, wrong);
	} else if (rc < 0) {
		fail(rc, "read", path, why);
	} else if (file.len > from) {
		str_add_bytes(data, file.text + from, file.len - from);
	}
	str_fini(&file);
	return rc;
}

int store_read_previous(const char *path, const char *kind, struct str *data, struct str *why)
{
	char *old = with_suffix(path, OLD_SUFFIX);
	int rc = read_file(old, kind, data, why);

	free(old);
	return rc;
}

int store_read(const char *path, const char *kind, struct str *data, struct str *why)
{
	size_t len = why->len;
	int rc = read_file(path, kind, data, why);
	struct str text = { 0 };

	if (rc != -ENOENT)
		return rc;
	// where there are no hard links it is missing for a moment; see keep_previous()
	rc = store_read_previous(path, kind, data, &text);
	if (rc == 0) {
		why->len = len;
		if (why->text)
			why->text[len] = '\0';
	} else if (rc != -ENOENT) {
		str_addf(why, "; %s", str_text(&text));
	}
	str_fini(&text);
	return rc;
}

// ---- writing

static int write_all(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

static int write_new(const char *path, const char *kind, const void *data, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644), rc;
	struct str heading = { 0 };

	if (fd < 0)
		return -errno;
	if (kind)
		str_addf(&heading, "mpgate %s %zu %08" PRIx32 "\n", kind, len, checksum(data, len));
	rc = write_all(fd, str_text(&heading), heading.len);
	if (rc == 0)
		rc = write_all(fd, data, len);
	if (rc == 0 && kind && fsync(fd) < 0)
		rc = -errno;
	if (close(fd) < 0 && rc == 0)
		rc = -errno;
	str_fini(&heading);
	return rc;
}

// Where the file system has no hard links (vfat) the file moves away before the new one comes.
static void keep_previous(const char *path, const char *old)
{
	if (unlink(old) < 0 && errno != ENOENT)
		return;
	if (link(path, old) < 0 && errno != ENOENT && rename(path, old) < 0)
		return; // then there is no previous one, which is no reason not to write
}

// The names of what was renamed are in the folder.
static int sync_folder(const char *path)
{
	char *folder = xstrdup(path), *slash = strrchr(folder, '/');
	int fd, rc = 0;

	if (slash)
		slash[slash == folder] = '\0';
	fd = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		rc = -errno;
	// some file systems cannot, and need not
	else if (fsync(fd) < 0 && errno != EINVAL && errno != ENOSYS)
		rc = -errno;
	if (fd >= 0)
		close(fd);
	free(folder);
	return rc;
}

int store_write(const char *path, const char *kind, const void *data, size_t len, struct str *why)
{
	char *new = with_suffix(path, NEW_SUFFIX), *old = with_suffix(path, OLD_SUFFIX);
	int rc = len > STORE_SIZE_MAX - 128 ? -EFBIG : write_new(new, kind, data, len);

	if (rc == 0 && kind)
		keep_previous(path, old);
	if (rc == 0)
		rc = rename(new, path) < 0 ? -errno : kind ? sync_folder(path) : 0;
	if (rc < 0) {
		fail(rc, "write", path, why);
		unlink(new);
	}
	free(new);
	free(old);
	return rc;
}

// ---- the writer

struct job {
	struct job *next;
	char *path, *kind;
	struct str data;
	bool waiting;
	int result;
	struct str why;
};

struct store_writer {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t news;
	struct job *jobs; // one for each file, for as long as the writer lives
	bool stopping;
};

static struct job *find_waiting(struct store_writer *w)
{
	struct job *job = w->jobs;

	while (job && !job->waiting)
		job = job->next;
	return job;
}

static struct job *find_job(struct store_writer *w, const char *path)
{
	struct job *job = w->jobs;

	while (job && strcmp(job->path, path) != 0)
		job = job->next;
	return job;
}

// With the lock held, which it gives up while it writes. `path` and `kind` of a job never change.
static void write_job(struct store_writer *w, struct job *job)
{
	struct str data = job->data, why = { 0 };
	int rc;

	job->data = (struct str){ 0 };
	job->waiting = false;
	pthread_mutex_unlock(&w->lock);
	rc = store_write(job->path, job->kind, str_text(&data), data.len, &why);
	str_fini(&data);
	pthread_mutex_lock(&w->lock);
	job->result = rc;
	str_fini(&job->why);
	job->why = why;
}

static void *run(void *arg)
{
	struct store_writer *w = arg;

	pthread_mutex_lock(&w->lock);
	for (;;) {
		struct job *job = find_waiting(w);

		if (job)
			write_job(w, job);
		else if (w->stopping)
			break;
		else
			pthread_cond_wait(&w->news, &w->lock);
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

struct store_writer *store_writer_start(void)
{
	struct store_writer *w = xcalloc(1, sizeof(*w));
	sigset_t all, before;
	int error;

	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->news, NULL);
	sigfillset(&all); // signals are for the main thread
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&w->thread, NULL, run, w);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (!error)
		return w;
	pthread_cond_destroy(&w->news);
	pthread_mutex_destroy(&w->lock);
	free(w);
	return NULL;
}

static void free_jobs(struct store_writer *w)
{
	while (w->jobs) {
		struct job *job = w->jobs;

		w->jobs = job->next;
		str_fini(&job->data);
		str_fini(&job->why);
		free(job->path);
		free(job->kind);
		free(job);
	}
}

void store_writer_stop(struct store_writer *w)
{
	if (!w)
		return;
	pthread_mutex_lock(&w->lock);
	w->stopping = true;
	pthread_cond_signal(&w->news);
	pthread_mutex_unlock(&w->lock);
	pthread_join(w->thread, NULL);
	free_jobs(w);
	pthread_cond_destroy(&w->news);
	pthread_mutex_destroy(&w->lock);
	free(w);
}

void store_writer_put(struct store_writer *w, const char *path, const char *kind, struct str *data)
{
	struct job *job;

	pthread_mutex_lock(&w->lock);
	job = find_job(w, path);
	if (!job) {
		job = xcalloc(1, sizeof(*job));
		job->path = xstrdup(path);
		job->kind = kind ? xstrdup(kind) : NULL;
		job->next = w->jobs;
		w->jobs = job;
	}
	str_fini(&job->data);
	job->data = *data;
	job->waiting = true;
	*data = (struct str){ 0 };
	pthread_cond_signal(&w->news);
	pthread_mutex_unlock(&w->lock);
}

int store_writer_result(struct store_writer *w, const char *path, struct str *why)
{
	const struct job *job;
	int result;

	pthread_mutex_lock(&w->lock);
	job = find_job(w, path);
	result = job ? job->result : 0;
	if (result < 0)
		str_add(why, str_text(&job->why));
	pthread_mutex_unlock(&w->lock);
	return result;
}
