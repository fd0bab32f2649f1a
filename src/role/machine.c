// SPDX-License-Identifier: GPL-2.0-or-later
//
// How the machine is doing, for the line GATEWAY of the console: what makes a gateway slow or stops
// it although every line is well. Processors, temperature, load and connection tracking are the
// whole machine's, because tunnels and the kernel's own work count as much as ours; memory and open
// files are this process's.
#include "role/machine.h"

#include <dirent.h>
#include <glob.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_SIZE 512

static bool read_file(const char *file, char *out, size_t size)
{
	FILE *stream = fopen(file, "re");
	size_t n = stream ? fread(out, 1, size - 1, stream) : 0;

	out[n] = '\0';
	if (stream)
		fclose(stream);
	return n > 0;
}

static bool read_under(const char *root, const char *name, char *out, size_t size)
{
	char file[PATH_SIZE];

	snprintf(file, sizeof(file), "%s/%s", root, name);
	return read_file(file, out, size);
}

static int64_t read_number(const char *root, const char *name)
{
	char text[32];
	int64_t number;

	return read_under(root, name, text, sizeof(text)) &&
			       sscanf(text, "%" SCNd64, &number) == 1 && number >= 0
		       ? number
		       : SNAPSHOT_NONE;
}

// Time that the processors waited for a disk is idle, too; guests' time is in user's already
// (proc(5)).
static double look_at_processors(struct machine *machine)
{
	uint64_t user, nice, system, idle, iowait, irq, softirq, steal, busy, all;
	double ratio = SNAPSHOT_UNKNOWN;
	char text[256];

	if (!read_under(machine->proc, "stat", text, sizeof(text)) ||
	    sscanf(text,
		   "cpu %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64
		   " %" SCNu64 " %" SCNu64,
		   &user, &nice, &system, &idle, &iowait, &irq, &softirq, &steal) != 8)
		return SNAPSHOT_NONE;
	busy = user + nice + system + irq + softirq + steal;
	all = busy + idle + iowait;
	// the kernel's idle time may go back a little
	if (machine->all && all > machine->all && busy >= machine->busy)
		ratio = (double)(busy - machine->busy) / (double)(all - machine->all);
	machine->busy = busy;
	machine->all = all;
	return ratio > 1 ? 1 : ratio;
}

static int64_t look_at_memory(const struct machine *machine)
{
	int64_t size, resident;
	char text[128];

	if (!read_under(machine->proc, "self/statm", text, sizeof(text)) ||
	    sscanf(text, "%" SCNd64 " %" SCNd64, &size, &resident) != 2)
		return SNAPSHOT_NONE;
	return resident * sysconf(_SC_PAGESIZE);
}

static double look_at_load(const struct machine *machine)
{
	char text[64];
	double load;

	if (!read_under(machine->proc, "loadavg", text, sizeof(text)) ||
	    sscanf(text, "%lf", &load) != 1)
		return SNAPSHOT_NONE;
	return load;
}

// ---- the processor's temperature

// Boards have sensors of much else, so those that are not known for what they measure are left
// alone.
static bool is_processor(const char *name)
{
	static const char *const known[] = { "k10temp",      "coretemp", "zenpower",
					     "x86_pkg_temp", "cpu",      "soc" };

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strncmp(name, known[i], strlen(known[i])) == 0)
			return true;
	}
	return false;
}

static int hottest(const char *pattern, int so_far)
{
	glob_t files;

	if (glob(pattern, 0, NULL, &files) != 0)
		return so_far;
	for (size_t i = 0; i < files.gl_pathc; i++) {
		char text[32];
		int thousandths;

		if (read_file(files.gl_pathv[i], text, sizeof(text)) &&
		    sscanf(text, "%d", &thousandths) == 1 && thousandths > 0 &&
		    (thousandths + 500) / 1000 > so_far)
			so_far = (thousandths + 500) / 1000;
	}
	globfree(&files);
	return so_far;
}

// Of the sensors that the files `names` name; their values are beside these.
static int look_at_sensors(const char *sys, const char *names, const char *values)
{
	int found = SNAPSHOT_NONE;
	char pattern[PATH_SIZE];
	glob_t files;

	snprintf(pattern, sizeof(pattern), "%s/%s", sys, names);
	if (glob(pattern, 0, NULL, &files) != 0)
		return SNAPSHOT_NONE;
	for (size_t i = 0; i < files.gl_pathc; i++) {
		const char *file = files.gl_pathv[i];
		char name[32];

		if (!read_file(file, name, sizeof(name)) || !is_processor(name))
			continue;
		snprintf(pattern, sizeof(pattern), "%.*s/%s", (int)(strrchr(file, '/') - file),
			 file, values);
		found = hottest(pattern, found);
	}
	globfree(&files);
	return found;
}

static int look_at_temperature(const struct machine *machine)
{
	int found = look_at_sensors(machine->sys, "class/hwmon/hwmon*/name", "temp*_input");

	return found >= 0
		       ? found
		       : look_at_sensors(machine->sys, "class/thermal/thermal_zone*/type", "temp");
}

// ---- open files

static int count_entries(const char *folder)
{
	DIR *dir = opendir(folder);
	int n = 0;

	if (!dir)
		return SNAPSHOT_NONE;
	while (readdir(dir))
		n++;
	closedir(dir);
	return n - 3; // ".", "..", and what reads them
}

// See kernel-notes.
static int look_at_files(const struct machine *machine)
{
	char folder[PATH_SIZE];
	struct stat st;

	snprintf(folder, sizeof(folder), "%s/self/fd", machine->proc);
	if (stat(folder, &st) == 0 && st.st_size > 0)
		return (int)st.st_size;
	return count_entries(folder);
}

static int look_at_files_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur > INT32_MAX)
		return SNAPSHOT_NONE;
	return (int)limit.rlim_cur;
}

void machine_look(struct machine *machine, struct machine_snapshot *out)
{
	*out = (struct machine_snapshot){
		.cpu_ratio = look_at_processors(machine),
		.load = look_at_load(machine),
		.temperature_c = look_at_temperature(machine),
		.memory_bytes = look_at_memory(machine),
		.files = look_at_files(machine),
		.files_limit = look_at_files_limit(),
		.conntrack = read_number(machine->proc, "sys/net/netfilter/nf_conntrack_count"),
		.conntrack_limit = read_number(machine->proc, "sys/net/netfilter/nf_conntrack_max"),
	};
}
