// SPDX-License-Identifier: GPL-2.0-or-later
// The file with the values from before us, across clean stops, crashes and reboots.
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "kern/kern_priv.h"

#define BOOT  "0dd9f5a5-8f4a-4c5a-8f0c-0e4b3f7f4c55"
#define NETNS 4026531840u

static char folder[] = "/tmp/mpgate-t-saved-XXXXXX";
static char path[sizeof(folder) + 32];

static int set_up(void **state)
{
	(void)state;
	strcpy(folder + strlen(folder) - 6, "XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	// one level below, which the code makes
	snprintf(path, sizeof(path), "%s/run/saved", folder);
	return 0;
}

static int tear_down(void **state)
{
	char run[sizeof(folder) + 32];

	(void)state;
	snprintf(run, sizeof(run), "%s/run", folder);
	unlink(path);
	rmdir(run);
	return rmdir(folder);
}

static struct kern_saved load(const char *boot, uint64_t netns)
{
	struct kern_saved saved;
	struct str why = { 0 };

	if (kern_saved_load(&saved, path, boot, netns, &why) < 0)
		fail_msg("%s", str_text(&why));
	return saved;
}

static void note(struct kern_saved *saved, const char *name, const char *original, const char *ours)
{
	struct str why = { 0 };

	if (kern_saved_note(saved, name, original, ours, &why) < 0)
		fail_msg("%s", str_text(&why));
}

static void write_text(const char *text)
{
	struct kern_saved saved = load(BOOT, NETNS);
	FILE *file;

	// makes the folder
	note(&saved, "a", "1", "2");
	kern_saved_fini(&saved);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void test_survives_a_crash(void **state)
{
	struct kern_saved saved = load(BOOT, NETNS);

	(void)state;
	assert_int_equal(saved.n, 0);
	note(&saved, "net.ipv4.tcp_rmem", "4096 131072 6291456", "4096 131072 33554432");
	note(&saved, "net.ipv4.conf.eth0/100.rp_filter", "1", "2");
	kern_saved_fini(&saved); // nothing is written here: the crash

	saved = load(BOOT, NETNS);
	assert_int_equal(saved.n, 2);
	assert_string_equal(saved.entries[0].name, "net.ipv4.tcp_rmem");
	assert_string_equal(saved.entries[0].original, "4096 131072 6291456");
	assert_string_equal(saved.entries[0].ours, "4096 131072 33554432");
	assert_string_equal(saved.entries[1].name, "net.ipv4.conf.eth0/100.rp_filter");
	kern_saved_fini(&saved);
}

static void test_first_original_is_kept(void **state)
{
	struct kern_saved saved = load(BOOT, NETNS);

	(void)state;
	note(&saved, "a", "1", "2");
	kern_saved_fini(&saved);
	// the restarted process finds its own 2 and wants 3 now
	saved = load(BOOT, NETNS);
	note(&saved, "a", "2", "3");
	kern_saved_fini(&saved);
	saved = load(BOOT, NETNS);
	assert_int_equal(saved.n, 1);
	assert_string_equal(saved.entries[0].original, "1");
	assert_string_equal(saved.entries[0].ours, "3");
	kern_saved_fini(&saved);
}

static void test_void_elsewhere(void **state)
{
	struct kern_saved saved = load(BOOT, NETNS);

	(void)state;
	note(&saved, "a", "1", "2");
	kern_saved_fini(&saved);
	saved = load("11111111-8f4a-4c5a-8f0c-0e4b3f7f4c55", NETNS);
	assert_int_equal(saved.n, 0);
	kern_saved_fini(&saved);
	saved = load(BOOT, NETNS + 1);
	assert_int_equal(saved.n, 0);
	kern_saved_fini(&saved);
}

static void test_last_entry_removes_the_file(void **state)
{
	struct kern_saved saved = load(BOOT, NETNS);
	struct str why = { 0 };

	(void)state;
	note(&saved, "a", "1", "2");
	note(&saved, "b", "3", "4");
	kern_saved_drop(&saved, 0);
	assert_string_equal(saved.entries[0].name, "b");
	assert_int_equal(kern_saved_store(&saved, &why), 0);
	assert_int_equal(access(path, F_OK), 0);
	kern_saved_drop(&saved, 0);
	assert_int_equal(kern_saved_store(&saved, &why), 0);
	assert_int_equal(access(path, F_OK), -1);
	// and there being none is fine
	assert_int_equal(kern_saved_store(&saved, &why), 0);
	kern_saved_fini(&saved);
}

#define HEAD "mpgate saved values 1\nboot " BOOT "\nnetns 4026531840\n"

static void test_damage(void **state)
{
	static const struct {
		const char *text;
		int line; // 0: fine
	} files[] = {
		{ HEAD, 0 },
		{ HEAD "a\t\t\n", 0 },
		{ "", 1 },
		{ "garbage\n", 1 },
		{ "mpgate saved values 2\n", 1 },
		{ "mpgate saved values 1\n", 2 },
		{ "mpgate saved values 1\nboat\n", 2 },
		{ "mpgate saved values 1\nboot " BOOT "\n", 3 },
		{ HEAD "a\t1\n", 4 },
		{ HEAD "a\t1\t2", 4 },
		{ HEAD "a\t1\t2\n\t1\t2\n", 5 },
		{ HEAD "a\t1\t2\t3\n", 4 },
		{ HEAD "a\t1\t0123456789012345678901234567890123456789012345678901234567890123\n",
		  4 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		struct kern_saved saved;
		struct str why = { 0 };
		char place[64];
		int error;

		unlink(path);
		write_text(files[i].text);
		error = kern_saved_load(&saved, path, BOOT, NETNS, &why);
		assert_int_equal(error, files[i].line ? -EBADMSG : 0);
		snprintf(place, sizeof(place), "saved:%d: damaged", files[i].line);
		if (files[i].line && !strstr(str_text(&why), place))
			fail_msg("case %zu: %s", i, str_text(&why));
		str_fini(&why);
		kern_saved_fini(&saved);
	}
}

static void test_refuses_what_it_cannot_keep(void **state)
{
	struct kern_saved saved;
	struct str why = { 0 };
	char blocked[sizeof(path) + 8];

	(void)state;
	write_text(HEAD);
	// a file where a folder would have to be
	snprintf(blocked, sizeof(blocked), "%s/deeper", path);
	assert_int_equal(kern_saved_load(&saved, blocked, BOOT, NETNS, &why), -ENOTDIR);
	str_clear(&why);
	kern_saved_fini(&saved);

	saved = load(BOOT, NETNS);
	free(saved.path);
	saved.path = strdup(blocked);
	assert_int_equal(kern_saved_note(&saved, "a", "1", "2", &why), -ENOTDIR);
	assert_non_null(strstr(str_text(&why), "Not a directory"));
	// not remembered, so a second attempt must not pass either
	assert_int_equal(saved.n, 0);
	assert_int_equal(kern_saved_note(&saved, "a", "1", "2", &why), -ENOTDIR);
	kern_saved_fini(&saved);
	str_fini(&why);
}

static void test_without_a_path(void **state)
{
	struct kern_saved saved;
	struct str why = { 0 };

	(void)state;
	assert_int_equal(kern_saved_load(&saved, NULL, BOOT, NETNS, &why), 0);
	note(&saved, "a", "1", "2");
	assert_int_equal(saved.n, 0);
	kern_saved_fini(&saved);
}

static void test_sysctl_names(void **state)
{
	static const struct {
		const char *name, *path; // NULL: refused
	} names[] = {
		{ "net.ipv4.ip_forward", "/proc/sys/net/ipv4/ip_forward" },
		{ "net.ipv4.conf.eth0/100.rp_filter",
		  "/proc/sys/net/ipv4/conf/eth0.100/rp_filter" },
		{ "net/ipv4/conf/eth0.100/rp_filter",
		  "/proc/sys/net/ipv4/conf/eth0.100/rp_filter" },
		{ "net.ipv4.conf.//.rp_filter", NULL },
		{ "net.ipv4.conf./.rp_filter", NULL },
		{ "../../etc/passwd", NULL },
		{ "net/../../../etc/passwd", NULL },
		{ "net..ipv4", NULL },
		{ "/etc/passwd", NULL },
		{ "net.ipv4.", NULL },
		{ "", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		char out[128];
		int error = kern_sysctl_path(names[i].name, out, sizeof(out));

		assert_int_equal(error, names[i].path ? 0 : -EINVAL);
		if (names[i].path)
			assert_string_equal(out, names[i].path);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_survives_a_crash, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_first_original_is_kept, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_void_elsewhere, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_last_entry_removes_the_file, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_damage, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_refuses_what_it_cannot_keep, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_without_a_path, set_up, tear_down),
		cmocka_unit_test(test_sysctl_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
