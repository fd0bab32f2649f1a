// SPDX-License-Identifier: GPL-2.0-or-later
//
// Whether the program that runs is still the one that is installed. An upgrade replaces the file
// and leaves us running, because a restart would cut every connection; that it has still to come is
// told.
//
// A package manager puts another file under the same name. Which version that is, only it can say;
// so it is run once, with "version", when the file has been the same for a while.
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"
#include "role/gateway_priv.h"

#define LOOK_MS   5000
#define ANSWER_MS 5000
#define GONE      " (deleted)" // what the kernel says of a file that was replaced

static bool is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
	       a->st_size == b->st_size;
}

static void take_line(void *ctx, const char *line)
{
	static const char name[] = "mpgate ";
	struct gateway *g = ctx;

	if (strncmp(line, name, strlen(name)) == 0)
		str_copy(g->upgrade.answer, sizeof(g->upgrade.answer), line + strlen(name));
}

static void take_end(void *ctx, int status)
{
	struct gateway *g = ctx;
	const char *version = status == 0 ? g->upgrade.answer : "";

	// the same number again is another build
	if (!version[0] || strcmp(version, PACKAGE_VERSION) == 0)
		version = "(another build)";
	if (strcmp(g->upgrade.pending, version) == 0)
		return;
	str_copy(g->upgrade.pending, sizeof(g->upgrade.pending), version);
	gateway_event(g, LOG_LEVEL_NOTICE, "gw", "UPGRADE",
		      "%s is installed, " PACKAGE_VERSION
		      " runs until 'systemctl restart mpgate', which cuts connections",
		      version);
}

static void ask_version(struct gateway *g)
{
	const char *const argv[] = { g->upgrade.file, "version", NULL };

	g->upgrade.answer[0] = '\0';
	if (g->upgrade.program.pid)
		return;
	g->upgrade.program.loop = g->loop;
	g->upgrade.program.said = take_line;
	g->upgrade.program.ended = take_end;
	g->upgrade.program.ctx = g;
	if (program_start(&g->upgrade.program, argv, environ, ANSWER_MS) < 0)
		take_end(g, -1);
}

void gateway_upgrade_init(struct gateway *g)
{
	ssize_t n = readlink("/proc/self/exe", g->upgrade.file, sizeof(g->upgrade.file) - 1);
	size_t gone = strlen(GONE);

	g->upgrade.file[n > 0 ? n : 0] = '\0';
	if ((size_t)n > gone && n > 0 && strcmp(g->upgrade.file + (size_t)n - gone, GONE) == 0)
		g->upgrade.file[(size_t)n - gone] = '\0';
	if (stat("/proc/self/exe", &g->upgrade.ours) < 0)
		g->upgrade.file[0] = '\0'; // without /proc nothing is known
	g->upgrade.seen = g->upgrade.ours;
}

void gateway_upgrade_tick(struct gateway *g)
{
	struct stat now;
	bool settled;

	if (!g->upgrade.file[0] || clock_mono_ms() < g->upgrade.next_ms)
		return;
	g->upgrade.next_ms = clock_mono_ms() + LOOK_MS;
	// a file that is being replaced may be missing, or not be whole yet
	if (stat(g->upgrade.file, &now) < 0)
		return;
	settled = is_same(&now, &g->upgrade.seen);
	g->upgrade.seen = now;
	if (is_same(&now, &g->upgrade.ours)) {
		g->upgrade.pending[0] = '\0';
		g->upgrade.asked = now;
	} else if (settled && !is_same(&now, &g->upgrade.asked)) {
		g->upgrade.asked = now;
		ask_version(g);
	}
}

void gateway_upgrade_fini(struct gateway *g)
{
	program_forget(&g->upgrade.program);
}
