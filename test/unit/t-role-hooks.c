// SPDX-License-Identifier: GPL-2.0-or-later
#include "unit.h"

#include <ev.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"
#include "role/hooks.h"

#define WAIT_MS 10000

struct bench {
	struct ev_loop *loop;
	struct hooks *hooks;
	char root[64], folder[80], log[80];
	char failure[512];
	int failures;
};

static void on_failed(void *ctx, const char *text)
{
	struct bench *b = ctx;

	str_copy(b->failure, sizeof(b->failure), text);
	b->failures++;
}

static int begin(void **state)
{
	struct bench *b = xcalloc(1, sizeof(*b));

	umask(022);
	strcpy(b->root, "/tmp/mpgate-hooks-XXXXXX");
	assert_non_null(mkdtemp(b->root));
	snprintf(b->folder, sizeof(b->folder), "%s/event.d", b->root);
	snprintf(b->log, sizeof(b->log), "%s/log", b->root);
	assert_int_equal(mkdir(b->folder, 0755), 0);
	b->loop = ev_default_loop(0);
	b->hooks = hooks_new(b->loop, b->folder, on_failed, b);
	*state = b;
	return 0;
}

static int end(void **state)
{
	struct bench *b = *state;
	char command[128];

	hooks_free(b->hooks);
	snprintf(command, sizeof(command), "rm -r %s", b->root);
	assert_int_equal(system(command), 0);
	free(b);
	return 0;
}

// A hook that runs `script` with $LOG.
static void make_hook(struct bench *b, const char *name, mode_t mode, const char *script)
{
	char path[160];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", b->folder, name);
	file = fopen(path, "we");
	assert_non_null(file);
	fprintf(file, "#!/bin/sh\nLOG=%s\n%s\n", b->log, script);
	assert_int_equal(fchmod(fileno(file), mode), 0);
	fclose(file);
}

static void tell(struct bench *b, const char *verb, const char *text)
{
	struct event event = { .seq = 7, .time_ms = 1795349062103, .level = LOG_LEVEL_WARNING };

	str_copy(event.object, sizeof(event.object), "ppp0");
	str_copy(event.verb, sizeof(event.verb), verb);
	str_copy(event.text, sizeof(event.text), text);
	hooks_tell(b->hooks, &event, "down", "no-carrier");
}

static const char *read_log(const struct bench *b)
{
	static char text[8192];
	FILE *file = fopen(b->log, "re");

	text[file ? fread(text, 1, sizeof(text) - 1, file) : 0] = '\0';
	if (file)
		fclose(file);
	return text;
}

// Turns the loop until the log is `text`.
static void expect_log(struct bench *b, const char *text)
{
	int64_t until_ms = clock_mono_ms() + WAIT_MS;

	while (strcmp(read_log(b), text) != 0 && clock_mono_ms() < until_ms)
		ev_run(b->loop, EVRUN_ONCE);
	assert_string_equal(read_log(b), text);
}

static void expect_failure(struct bench *b, const char *part)
{
	int64_t until_ms = clock_mono_ms() + WAIT_MS;

	while (!b->failures && clock_mono_ms() < until_ms)
		ev_run(b->loop, EVRUN_ONCE);
	if (!strstr(b->failure, part))
		fail_msg("'%s' lacks '%s'", b->failure, part);
}

static void tells_what_happened(void **state)
{
	struct bench *b = *state;

	make_hook(b, "10-mail", 0755,
		  "echo \"$MPGATE_OBJECT $MPGATE_VERB $MPGATE_SEVERITY $MPGATE_STATE "
		  "$MPGATE_REASON $MPGATE_TIME "
		  "$MPGATE_SEQ: $MPGATE_TEXT\" >>$LOG");
	tell(b, "DOWN", "carrier lost; \033[1m$(reboot)");
	expect_log(b,
		   "ppp0 DOWN warning down no-carrier 1795349062 7: carrier lost; ?[1m$(reboot)\n");
	assert_int_equal(b->failures, 0);
}

static void runs_one_after_the_other_by_name(void **state)
{
	struct bench *b = *state;

	// the first takes longer, and would be overtaken
	make_hook(b, "10-slow", 0755, "sleep 0.2; echo \"$MPGATE_VERB slow\" >>$LOG");
	make_hook(b, "20-fast", 0755, "echo \"$MPGATE_VERB fast\" >>$LOG");
	tell(b, "DOWN", "");
	tell(b, "UP", "");
	expect_log(b, "DOWN slow\nDOWN fast\nUP slow\nUP fast\n");
}

static void leaves_alone_what_is_no_hook(void **state)
{
	struct bench *b = *state;

	make_hook(b, "10-a.dpkg-old", 0755, "echo backup >>$LOG");
	make_hook(b, ".hidden", 0755, "echo hidden >>$LOG");
	make_hook(b, "README", 0644, "echo readme >>$LOG");
	make_hook(b, "99-last", 0755, "echo last >>$LOG");
	tell(b, "DOWN", "");
	expect_log(b, "last\n");
	assert_int_equal(b->failures, 0);
}

static void does_not_trust_what_others_can_write(void **state)
{
	struct bench *b = *state;

	make_hook(b, "10-open", 0775, "echo open >>$LOG");
	make_hook(b, "20-good", 0755, "echo good >>$LOG");
	tell(b, "DOWN", "");
	expect_log(b, "good\n");
	expect_failure(b, "10-open is not run: it can be written by others");
}

static void does_not_trust_an_open_folder(void **state)
{
	struct bench *b = *state;

	make_hook(b, "20-good", 0755, "echo good >>$LOG");
	assert_int_equal(chmod(b->folder, 0777), 0);
	tell(b, "DOWN", "");
	expect_failure(b, "is left alone: it can be written by others");
	assert_string_equal(read_log(b), "");
}

static void does_not_trust_another_owner(void **state)
{
	struct bench *b = *state;
	char path[160];

	make_hook(b, "10-theirs", 0755, "echo theirs >>$LOG");
	snprintf(path, sizeof(path), "%s/10-theirs", b->folder);
	if (chown(path, 65534, 65534) < 0)
		skip();
	tell(b, "DOWN", "");
	expect_failure(b, "10-theirs is not run: it belongs to neither root nor us");
}

static void a_missing_folder_is_no_failure(void **state)
{
	struct bench *b = *state;

	assert_int_equal(rmdir(b->folder), 0);
	tell(b, "DOWN", "");
	assert_int_equal(b->failures, 0);
	// it may come later
	assert_int_equal(mkdir(b->folder, 0755), 0);
	make_hook(b, "10-late", 0755, "echo late >>$LOG");
	tell(b, "UP", "");
	expect_log(b, "late\n");
}

static void tells_a_failure_once_an_hour(void **state)
{
	struct bench *b = *state;

	make_hook(b, "10-bad", 0755, "echo cannot reach the mail server; exit 3");
	make_hook(b, "20-good", 0755, "echo $MPGATE_VERB >>$LOG");
	tell(b, "DOWN", "");
	tell(b, "UP", "");
	expect_log(b, "DOWN\nUP\n");
	assert_string_equal(b->failure, "10-bad ended with status 3: cannot reach the mail server");
	assert_int_equal(b->failures, 1);
}

static void says_what_cannot_be_run(void **state)
{
	struct bench *b = *state;
	char path[160];
	int fd;

	if (is_emulated())
		skip();
	snprintf(path, sizeof(path), "%s/10-broken", b->folder);
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0755);
	assert_int_equal(write(fd, "#!/nonexistent/sh\n", 18), 18);
	close(fd);
	make_hook(b, "20-good", 0755, "echo good >>$LOG");
	tell(b, "DOWN", "");
	expect_log(b, "good\n");
	assert_string_equal(b->failure, "10-broken cannot be run: No such file or directory");
}

static void gives_nothing_of_ours_away(void **state)
{
	struct bench *b = *state;
	int secret = open("/dev/null", O_RDONLY); // without O_CLOEXEC

	assert_true(secret > 2);
	setenv("MPGATE_SECRET", "x", 1);
	make_hook(b, "10-look", 0755,
		  "for fd in 0 1 2 3 4 5 6 7 8 9; do readlink /proc/$$/fd/$fd >/dev/null && "
		  "n=$n$fd; done\n"
		  "echo \"$n ${MPGATE_SECRET-none} $(readlink /proc/$$/fd/0)\" >>$LOG");
	tell(b, "DOWN", "");
	// sh has its script open too, as 10 or 255
	expect_log(b, "012 none /dev/null\n");
	close(secret);
	unsetenv("MPGATE_SECRET");
}

static void more_than_fit_are_dropped_and_told(void **state)
{
	struct bench *b = *state;

	make_hook(b, "10-count", 0755,
		  "test $MPGATE_VERB = FIRST && sleep 0.1; echo $MPGATE_VERB >>$LOG");
	tell(b, "FIRST", "");
	for (int i = 0; i < 100; i++)
		tell(b, i < 63 ? "KEPT" : "LOST", "");
	while (b->failures == 0)
		ev_run(b->loop, EVRUN_ONCE);
	assert_string_equal(b->failure, "37 events came too fast for the hooks and were not told");
	assert_null(strstr(read_log(b), "LOST"));
	assert_int_equal(strlen(read_log(b)), strlen("FIRST\n") + 63 * strlen("KEPT\n"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(tells_what_happened),
		TEST(runs_one_after_the_other_by_name),
		TEST(leaves_alone_what_is_no_hook),
		TEST(does_not_trust_what_others_can_write),
		TEST(does_not_trust_an_open_folder),
		TEST(does_not_trust_another_owner),
		TEST(a_missing_folder_is_no_failure),
		TEST(tells_a_failure_once_an_hour),
		TEST(says_what_cannot_be_run),
		TEST(gives_nothing_of_ours_away),
		TEST(more_than_fit_are_dropped_and_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
