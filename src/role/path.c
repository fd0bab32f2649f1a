// SPDX-License-Identifier: GPL-2.0-or-later
//
// `mpgate path add` and `remove`: change the configuration file. The new file is written beside the
// old one and read as the gateway would; when it is right and the person agrees, it takes the old
// one's place at once.

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "role/role_priv.h"

#define FILE_MAX (256 * 1024)

struct path_job {
	struct role_args args;
	bool adds;
	struct config_path path;
	char *file; // the configuration, links resolved
	struct stat st;
	struct str old, new, beside; // texts, and the new file's name
};

// ---- files

static int fail_file(const char *what, const char *file)
{
	enum status status = errno == ENOENT   ? STATUS_NO_SUCH
			     : errno == EACCES ? STATUS_NOT_ALLOWED
					       : STATUS_FAILED;

	return role_fail(status, status == STATUS_NOT_ALLOWED ? "use sudo" : NULL,
			 "path: cannot %s %s: %s", what, file, strerror(errno));
}

static int read_old(struct path_job *job)
{
	char block[4096];
	FILE *file;
	size_t n;

	job->file = realpath(job->args.config, NULL);
	file = job->file ? fopen(job->file, "re") : NULL;
	if (!file || fstat(fileno(file), &job->st) < 0) {
		int status = fail_file("read", job->args.config);

		if (file)
			fclose(file);
		return status;
	}
	while (job->old.len <= FILE_MAX && (n = fread(block, 1, sizeof(block), file)) > 0)
		str_add_bytes(&job->old, block, n);
	fclose(file);
	if (job->old.len > FILE_MAX || strlen(str_text(&job->old)) != job->old.len)
		return role_fail(STATUS_BAD_CONFIG, NULL, "path: %s is no configuration file",
				 job->file);
	return STATUS_DONE;
}

static bool write_all(int fd, const struct str *text)
{
	size_t done = 0;

	while (done < text->len) {
		ssize_t n = write(fd, text->text + done, text->len - done);

		if (n < 0 && errno != EINTR)
			return false;
		done += n > 0 ? (size_t)n : 0;
	}
	return fsync(fd) == 0;
}

static int write_beside(struct path_job *job)
{
	int fd, status = STATUS_DONE;

	str_addf(&job->beside, "%s.new", job->file);
	unlink(str_text(&job->beside)); // of one that died
	fd = open(str_text(&job->beside), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return fail_file("write", str_text(&job->beside));
	if (fchown(fd, job->st.st_uid, job->st.st_gid) < 0 ||
	    fchmod(fd, job->st.st_mode & 07777) < 0 || !write_all(fd, &job->new))
		status = fail_file("write", str_text(&job->beside));
	close(fd);
	return status;
}

static int check_new(struct path_job *job)
{
	struct str errors = { 0 };
	struct config *config = NULL;
	int rc = config_load(str_text(&job->beside), CONFIG_ROLE_ANY, &config, &errors),
	    status = STATUS_DONE;

	if (rc < 0) {
		fputs(str_text(&errors), stderr);
		status = role_fail(STATUS_BAD_CONFIG, "the file is as it was",
				   "path: with this change %s would have errors", job->file);
	}
	config_free(config);
	str_fini(&errors);
	return status;
}

// ---- the person

static void show_lines(FILE *to, char mark, const char *from, const char *end)
{
	while (from < end) {
		size_t len = strcspn(from, "\n");

		fprintf(to, "%c%.*s\n", mark, (int)len, from);
		from += len + 1;
	}
}

// All of it lies in one place: what is the same at both ends is left out.
static void show_change(const struct path_job *job, FILE *to)
{
	const char *a = str_text(&job->old), *b = str_text(&job->new);
	size_t head = 0, line = 0, tail = 0;

	for (; a[head] && a[head] == b[head]; head++) {
		if (a[head] == '\n')
			line = head + 1;
	}
	while (tail < job->old.len - line &&
	       tail < job->new.len - line &&a[job->old.len - 1 - tail] ==
		       b[job->new.len - 1 - tail])
		tail++;
	// whole lines
	while (tail && job->old.len - tail > line && a[job->old.len - tail - 1] != '\n')
		tail--;
	fprintf(to, "%s:\n", job->file);
	show_lines(to, '-', a + line, a + job->old.len - tail);
	show_lines(to, '+', b + line, b + job->new.len - tail);
}

static int confirm(const struct path_job *job)
{
	bool terminal = isatty(STDIN_FILENO) && isatty(STDERR_FILENO);

	show_change(job, stderr);
	if (job->args.yes)
		return STATUS_DONE;
	if (!terminal || job->args.no_input)
		return role_fail(STATUS_REFUSED, "--yes changes the file without asking",
				 "path: not done");
	return role_hear_yes() ? STATUS_DONE : role_fail(STATUS_REFUSED, NULL, "path: not done");
}

// ---- the whole

static int edit(struct path_job *job)
{
	struct str why = { 0 };
	int rc = job->adds ? config_edit_add_path(str_text(&job->old), &job->path, &job->new, &why)
			   : config_edit_remove_path(str_text(&job->old), job->path.name, &job->new,
						     &why);
	int status = STATUS_DONE;

	if (rc < 0)
		status = role_fail(rc == -ENOENT   ? STATUS_NO_SUCH
				   : rc == -EEXIST ? STATUS_REFUSED
						   : STATUS_BAD_CONFIG,
				   NULL, "path: %s: %s", job->file, str_text(&why));
	str_fini(&why);
	return status;
}

static int replace(struct path_job *job)
{
	if (rename(str_text(&job->beside), job->file) < 0)
		return fail_file("replace", job->file);
	printf("path %s is %s %s; 'mpgate reload' puts it into effect\n", job->path.name,
	       job->adds ? "in" : "no longer in", job->file);
	return STATUS_DONE;
}

static int run(struct path_job *job)
{
	int status = read_old(job);

	if (status == STATUS_DONE)
		status = edit(job);
	if (status == STATUS_DONE)
		status = write_beside(job);
	if (status == STATUS_DONE)
		status = check_new(job);
	if (status == STATUS_DONE)
		status = confirm(job);
	if (status == STATUS_DONE)
		status = replace(job);
	if (status != STATUS_DONE && job->beside.len)
		unlink(str_text(&job->beside));
	return status;
}

// What goes into the file as it is must fit there.
static bool take_word(struct path_job *job, const char *what, const char *word, char *to,
		      size_t size)
{
	if (strlen(word) < size && !strpbrk(word, "\"\\\n")) {
		str_copy(to, size, word);
		return true;
	}
	job->args.status =
		role_fail(STATUS_USAGE, NULL,
			  "path: %s '%s' is longer than %zu bytes, or holds quotes or backslashes",
			  what, word, size - 1);
	return false;
}

static bool parse(struct path_job *job, int argc, char **argv)
{
	const char *interface = "", *kind = "", *label = "", *verb;
	struct config_path *path = &job->path;
	const struct role_option options[] = {
		{ "interface", 'i', "NAME", "its interface; without this the path's name",
		  .text = &interface },
		{ "kind", 'k', "KIND", "adsl, vpn, 3g, ...", .text = &kind },
		{ "label", 'l', "TEXT", "a few words for people", .text = &label },
		{ "optional", 0, NULL, "in standby until it is wanted", .flag = &path->optional },
		{ 0 },
	};

	if (!role_args_parse(&job->args, argc, argv, options))
		return false;
	verb = job->args.n_operands == 2 ? job->args.operands[0] : "";
	job->adds = strcmp(verb, "add") == 0;
	if (!job->adds && strcmp(verb, "remove") != 0) {
		job->args.status = role_fail(
			STATUS_USAGE, "write 'mpgate path add PATH' or 'mpgate path remove PATH'",
			"path: what is to be done with which path?");
		return false;
	}
	return take_word(job, "name", job->args.operands[1], path->name, sizeof(path->name)) &&
	       take_word(job, "interface", interface, path->interface, sizeof(path->interface)) &&
	       take_word(job, "kind", kind, path->kind, sizeof(path->kind)) &&
	       take_word(job, "label", label, path->label, sizeof(path->label));
}

int role_path(int argc, char **argv)
{
	struct path_job job = { 0 };
	int status = parse(&job, argc, argv) ? run(&job) : job.args.status;

	free(job.file);
	str_fini(&job.old);
	str_fini(&job.new);
	str_fini(&job.beside);
	return status;
}
