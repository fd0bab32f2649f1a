// SPDX-License-Identifier: GPL-2.0-or-later
#include "unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "role/machine.h"

// Folders that stand in for /proc and /sys.
struct tree {
	char root[64], proc[80], sys[80];
	struct machine machine;
};

static void put(const struct tree *tree, const char *name, const char *text)
{
	char file[256], command[300];
	FILE *stream;

	snprintf(file, sizeof(file), "%s/%s", tree->root, name);
	snprintf(command, sizeof(command), "mkdir -p $(dirname %s)", file);
	assert_int_equal(system(command), 0);
	stream = fopen(file, "we");
	assert_non_null(stream);
	fputs(text, stream);
	fclose(stream);
}

static int begin(void **state)
{
	struct tree *tree = xcalloc(1, sizeof(*tree));

	strcpy(tree->root, "/tmp/mpgate-machine-XXXXXX");
	assert_non_null(mkdtemp(tree->root));
	snprintf(tree->proc, sizeof(tree->proc), "%s/proc", tree->root);
	snprintf(tree->sys, sizeof(tree->sys), "%s/sys", tree->root);
	tree->machine = (struct machine){ .proc = tree->proc, .sys = tree->sys };
	*state = tree;
	return 0;
}

static int end(void **state)
{
	struct tree *tree = *state;
	char command[128];

	snprintf(command, sizeof(command), "rm -r %s", tree->root);
	assert_int_equal(system(command), 0);
	free(tree);
	return 0;
}

static void knows_nothing_of_an_empty_machine(void **state)
{
	struct tree *tree = *state;
	struct machine_snapshot seen;

	machine_look(&tree->machine, &seen);
	assert_true(seen.cpu_ratio == SNAPSHOT_NONE);
	assert_true(seen.load == SNAPSHOT_NONE);
	assert_int_equal(seen.temperature_c, SNAPSHOT_NONE);
	assert_int_equal(seen.memory_bytes, SNAPSHOT_NONE);
	assert_int_equal(seen.files, SNAPSHOT_NONE);
	assert_int_equal(seen.conntrack, SNAPSHOT_NONE);
	assert_int_equal(seen.conntrack_limit, SNAPSHOT_NONE);
}

static void reads_what_the_kernel_tells(void **state)
{
	struct tree *tree = *state;
	struct machine_snapshot seen;

	put(tree, "proc/loadavg", "0.12 0.10 0.05 1/123 4567\n");
	put(tree, "proc/self/statm", "50000 7568 2000 300 0 9000 0\n");
	put(tree, "proc/sys/net/netfilter/nf_conntrack_count", "2600\n");
	put(tree, "proc/sys/net/netfilter/nf_conntrack_max", "262144\n");
	machine_look(&tree->machine, &seen);
	assert_true(seen.load > .119 && seen.load < .121);
	assert_int_equal(seen.memory_bytes, 7568 * sysconf(_SC_PAGESIZE));
	assert_int_equal(seen.conntrack, 2600);
	assert_int_equal(seen.conntrack_limit, 262144);
}

static void the_processors_part_is_since_the_last_look(void **state)
{
	struct tree *tree = *state;
	struct machine_snapshot seen;

	put(tree, "proc/stat", "cpu  1000 0 500 8000 500 10 90 0 0 0\ncpu0 1 2 3\n");
	machine_look(&tree->machine, &seen);
	assert_true(seen.cpu_ratio == SNAPSHOT_UNKNOWN);
	// 70 of 1000 ticks: the disk's 130 are nobody's
	put(tree, "proc/stat", "cpu  1030 0 520 8800 630 10 110 0 0 0\ncpu0 1 2 3\n");
	machine_look(&tree->machine, &seen);
	assert_true(seen.cpu_ratio > .0699 && seen.cpu_ratio < .0701);
	// nothing has passed, and nothing can be said
	machine_look(&tree->machine, &seen);
	assert_true(seen.cpu_ratio == SNAPSHOT_UNKNOWN);
}

static void the_hottest_core_counts(void **state)
{
	struct tree *tree = *state;
	struct machine_snapshot seen;

	put(tree, "sys/class/hwmon/hwmon0/name", "nvme\n");
	put(tree, "sys/class/hwmon/hwmon0/temp1_input", "81000\n");
	put(tree, "sys/class/thermal/thermal_zone0/type", "acpitz\n");
	put(tree, "sys/class/thermal/thermal_zone0/temp", "16800\n");
	machine_look(&tree->machine, &seen);
	assert_int_equal(seen.temperature_c, SNAPSHOT_NONE); // of others than the processor
	put(tree, "sys/class/thermal/thermal_zone1/type", "cpu-thermal\n");
	put(tree, "sys/class/thermal/thermal_zone1/temp", "47500\n");
	machine_look(&tree->machine, &seen);
	assert_int_equal(seen.temperature_c, 48);
	put(tree, "sys/class/hwmon/hwmon1/name", "k10temp\n");
	put(tree, "sys/class/hwmon/hwmon1/temp1_input", "57600\n");
	put(tree, "sys/class/hwmon/hwmon1/temp2_input", "52000\n");
	machine_look(&tree->machine, &seen);
	assert_int_equal(seen.temperature_c, 58);
}

static void counts_open_files(void **state)
{
	struct machine real = { .proc = "/proc", .sys = "/sys" };
	struct machine_snapshot before, after;
	int fds[10];

	(void)state;
	machine_look(&real, &before);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		fds[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	machine_look(&real, &after);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		close(fds[i]);
	assert_true(before.files > 0);
	assert_int_equal(after.files, before.files + 10);
	assert_true(after.files_limit >= after.files);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(knows_nothing_of_an_empty_machine, begin, end),
		cmocka_unit_test_setup_teardown(reads_what_the_kernel_tells, begin, end),
		cmocka_unit_test_setup_teardown(the_processors_part_is_since_the_last_look, begin,
						end),
		cmocka_unit_test_setup_teardown(the_hottest_core_counts, begin, end),
		cmocka_unit_test(counts_open_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
