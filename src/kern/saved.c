// SPDX-License-Identifier: GPL-2.0-or-later
// What sysctls and limits were before us. The file is written before a change is made, so that
// after kill -9 the next start still knows the true originals and never takes our own values for
// them. A file from before a reboot, or of another network namespace, speaks of values that are
// gone.
//
//	mpgate saved values 1
//	boot 0dd9f5a5-8f4a-4c5a-8f0c-0e4b3f7f4c55
//	netns 1
//	net.ipv4.tcp_rmem<TAB>4096 131072 6291456<TAB>4096 131072 33554432
#include "kern/kern_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEADING "mpgate saved values 1"

// ---- reading

static int complain(const struct kern_saved *saved, const char *what, int error, struct str *why)
{
	str_addf(why, "cannot %s %s, which keeps the values to put back at the end: %s", what,
		 saved->path, strerror(-error));
	return error;
}

static void add_entry(struct kern_saved *saved, const char *name, const char *original,
		      const char *ours)
{
	struct kern_saved_entry *all = xcalloc(saved->n + 1, sizeof(*all)), *e = &all[saved->n];

	if (saved->n)
		memcpy(all, saved->entries, saved->n * sizeof(*all));
	free(saved->entries);
	saved->entries = all;
	saved->n++;
	str_copy(e->name, sizeof(e->name), name);
	str_copy(e->original, sizeof(e->original), original);
	str_copy(e->ours, sizeof(e->ours), ours);
}

static bool take_entry(struct kern_saved *saved, char *line)
{
	char *original = strchr(line, '\t'), *ours = original ? strchr(original + 1, '\t') : NULL;

	if (!ours || strchr(ours + 1, '\t'))
		return false;
	*original++ = '\0';
	*ours++ = '\0';
	if (line[0] == '\0' || strlen(line) >= sizeof(saved->entries->name) ||
	    strlen(original) >= KERN_SYSCTL_VALUE_SIZE || strlen(ours) >= KERN_SYSCTL_VALUE_SIZE)
		return false;
	add_entry(saved, line, original, ours);
	return true;
}

// The number of the first bad line, or 0. Stops early, with no entries, at a file of another boot
// or namespace.
static int read_lines(struct kern_saved *saved, FILE *file)
{
	char line[512], netns[24];
	const struct {
		const char *key, *value;
	} head[] = { { HEADING, "" }, { "boot ", saved->boot_id }, { "netns ", netns } };
	const int head_lines = sizeof(head) / sizeof(head[0]);
	int number;

	snprintf(netns, sizeof(netns), "%" PRIu64, saved->netns);
	for (number = 1; fgets(line, sizeof(line), file); number++) {
		char *end = strchr(line, '\n');

		if (!end)
			return number;
		*end = '\0';
		if (number > head_lines) {
			if (!take_entry(saved, line))
				return number;
			continue;
		}
		if (strncmp(line, head[number - 1].key, strlen(head[number - 1].key)) != 0)
			return number;
		if (strcmp(line + strlen(head[number - 1].key), head[number - 1].value) != 0)
			return number == 1 ? 1 : 0;
	}
	return number <= head_lines ? number : 0;
}

int kern_saved_load(struct kern_saved *saved, const char *path, const char *boot_id, uint64_t netns,
		    struct str *why)
{
	FILE *file;
	int bad_line;

	*saved = (struct kern_saved){ .netns = netns };
	str_copy(saved->boot_id, sizeof(saved->boot_id), boot_id);
	if (!path)
		return 0;
	saved->path = xstrdup(path);
	file = fopen(path, "re");
	if (!file && errno == ENOENT)
		return 0;
	if (!file)
		return complain(saved, "read", -errno, why);
	bad_line = read_lines(saved, file);
	if (ferror(file)) {
		fclose(file);
		return complain(saved, "read", -EIO, why);
	}
	fclose(file);
	if (bad_line) {
		str_addf(why,
			 "%s:%d: damaged; remove the file to start without the values of the last "
			 "run, which then are not put back",
			 path, bad_line);
		return -EBADMSG;
	}
	return 0;
}

void kern_saved_fini(struct kern_saved *saved)
{
	free(saved->path);
	free(saved->entries);
	*saved = (struct kern_saved){ 0 };
}

// ---- writing

static void make_folder(const char *path)
{
	char *folder = xstrdup(path), *slash = strrchr(folder, '/');

	if (slash && slash > folder) {
		*slash = '\0';
		// if this fails the open that follows says so
		if (mkdir(folder, 0755) < 0) {
		}
	}
	free(folder);
}

static void render(const struct kern_saved *saved, struct str *out)
{
	str_addf(out, HEADING "\nboot %s\nnetns %" PRIu64 "\n", saved->boot_id, saved->netns);
	for (size_t i = 0; i < saved->n; i++)
		str_addf(out, "%s\t%s\t%s\n", saved->entries[i].name, saved->entries[i].original,
			 saved->entries[i].ours);
}

static int write_file(const char *path, const struct str *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644), error = 0;
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = write(fd, text->text, text->len);
	if (n < 0 || fsync(fd) < 0)
		error = -errno;
	else if ((size_t)n != text->len)
		error = -ENOSPC;
	close(fd);
	return error;
}

int kern_saved_store(const struct kern_saved *saved, struct str *why)
{
	struct str temporary = { 0 }, text = { 0 };
	int error = 0;

	if (!saved->path)
		return 0;
	if (saved->n == 0)
		return unlink(saved->path) < 0 && errno != ENOENT
			       ? complain(saved, "remove", -errno, why)
			       : 0;
	make_folder(saved->path);
	str_addf(&temporary, "%s.new", saved->path);
	render(saved, &text);
	error = write_file(temporary.text, &text);
	if (error == 0 && rename(temporary.text, saved->path) < 0)
		error = -errno;
	if (error < 0) {
		unlink(temporary.text);
		complain(saved, "write", error, why);
	}
	str_fini(&temporary);
	str_fini(&text);
	return error;
}

int kern_saved_note(struct kern_saved *saved, const char *name, const char *original,
		    const char *ours, struct str *why)
{
	struct kern_saved_entry before;
	int error;

	if (!saved->path)
		return 0;
	for (size_t i = 0; i < saved->n; i++) {
		struct kern_saved_entry *e = &saved->entries[i];

		if (strcmp(e->name, name) != 0)
			continue;
		if (strcmp(e->ours, ours) == 0)
			return 0;
		before = *e;
		str_copy(e->ours, sizeof(e->ours), ours);
		error = kern_saved_store(saved, why);
		if (error < 0)
			*e = before;
		return error;
	}
	add_entry(saved, name, original, ours);
	error = kern_saved_store(saved, why);
	if (error < 0)
		kern_saved_drop(saved, saved->n - 1);
	return error;
}

void kern_saved_drop(struct kern_saved *saved, size_t i)
{
	saved->n--;
	memmove(&saved->entries[i], &saved->entries[i + 1],
		(saved->n - i) * sizeof(*saved->entries));
}
