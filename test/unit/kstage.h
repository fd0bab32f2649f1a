// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef TEST_KSTAGE_H
#define TEST_KSTAGE_H

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kern/kern.h"
#include "netns.h"
#include "unit.h"

// Where kern keeps what it found, in a folder of this test's own.
static char saved_path[] = "/tmp/mpgate-t-kern-XXXXXX/saved";

static inline bool make_saved_folder(void)
{
	char *slash = strrchr(saved_path, '/');
	bool fine;

	*slash = '\0';
	fine = mkdtemp(saved_path) != NULL;
	*slash = '/';
	return fine;
}

static inline int clear_stage(void **state)
{
	(void)state;
	unlink(saved_path);
	*strrchr(saved_path, '/') = '\0';
	return rmdir(saved_path);
}

// Enters a namespace, which goes with the last process in it and takes everything along.
static inline bool can_run(void)
{
	const struct kern_options options = { .mode = KERN_MANAGE };
	struct kern *kern = NULL;
	struct str why = { 0 };
	bool fine = netns_enter() && kern_open(&options, &kern, &why) == 0;

	if (!fine)
		fprintf(stderr, "skipped: %s\n",
			why.len ? str_text(&why) : "needs root for a network namespace");
	kern_close(kern);
	str_fini(&why);
	return fine;
}

#endif
