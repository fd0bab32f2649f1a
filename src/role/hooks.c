// SPDX-License-Identifier: GPL-2.0-or-later
//
// Event hooks: every program in a folder is run for every event, to send a mail or an SMS, or to
// light a lamp. What happened stands in its environment.
//
// The folder is read anew for each event, by the rules of run-parts(8): names of letters, digits,
// '-' and '_', in the order of their bytes. A program is run only when it and the folder belong to
// root (or to the user that the gateway runs as) and nobody else can write them.
//
// One program runs at a time, for at most HOOK_LIMIT_MS, in a session of its own, with nothing of
// ours but its standard descriptors. Events wait in a queue of QUEUE_MAX; what does not fit is
// dropped. So a hook that hangs costs the gateway nothing but the later events' punctuality.
#include "role/hooks.h"

#include <dirent.h>
#include <errno.h>
#include <ev.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"
#include "dial/program.h"

#define QUEUE_MAX     64
#define HOOKS_MAX     64
#define HOOK_LIMIT_MS 10000
#define SILENCE_MS    (60 * 60 * 1000)

struct occasion {
	struct event event;
	char state[16], reason[32];
};

struct hooks {
	char *folder;
	void (*failed)(void *ctx, const char *text);
	void *ctx;
	struct program program;
	struct occasion queue[QUEUE_MAX]; // the first is the one being told
	size_t n, dropped;
	char *names[HOOKS_MAX]; // still to be told of it, the first one is being run
	size_t n_names, next;
	char last[128];    // line that it said
	int64_t failed_ms; // when a failure was last told; 0: never
	unsigned silent;   // failures since
};

static void go_on(struct hooks *h);

// ---- failures

__attribute__((format(printf, 2, 3))) static void fail(struct hooks *h, const char *fmt, ...)
{
	int64_t now_ms = clock_mono_ms();
	struct str text = { 0 };
	va_list ap;

	if (h->failed_ms && now_ms - h->failed_ms < SILENCE_MS) {
		h->silent++;
		return;
	}
	va_start(ap, fmt);
	str_vaddf(&text, fmt, ap);
	va_end(ap);
	if (h->silent)
		str_addf(&text, "; %u more failures in the hour before", h->silent);
	h->failed_ms = now_ms;
	h->silent = 0;
	h->failed(h->ctx, str_text(&text));
	str_fini(&text);
}

// ---- the folder

static bool is_hook_name(const char *name)
{
	static const char letters[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";

	return *name && !name[strspn(name, letters)];
}

// NULL, or what is wrong.
static const char *distrust(const struct stat *st)
{
	if (st->st_uid != 0 && st->st_uid != geteuid())
		return "belongs to neither root nor us";
	if (st->st_mode & (S_IWGRP | S_IWOTH))
		return "can be written by others";
	return NULL;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void take_name(struct hooks *h, int folder, const char *name)
{
	const char *wrong;
	struct stat st;

	// a link counts as what it leads to: whoever can make one here may run anything
	if (!is_hook_name(name) || fstatat(folder, name, &st, 0) < 0 || !S_ISREG(st.st_mode) ||
	    !(st.st_mode & 0111))
		return;
	wrong = distrust(&st);
	if (wrong)
		fail(h, "%s/%s is not run: it %s", h->folder, name, wrong);
	else if (h->n_names == HOOKS_MAX)
		fail(h, "%s holds more than %d programs, some are not run", h->folder, HOOKS_MAX);
	else
		h->names[h->n_names++] = xstrdup(name);
}

static void list_names(struct hooks *h)
{
	int fd = open(h->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	const char *wrong;
	struct stat st;

	if (!dir) {
		if (fd >= 0)
			close(fd);
		if (errno != ENOENT)
			fail(h, "cannot read %s: %s", h->folder, strerror(errno));
		return;
	}
	wrong = fstat(fd, &st) < 0 ? "cannot be looked at" : distrust(&st);
	if (wrong)
		fail(h, "%s is left alone: it %s", h->folder, wrong);
	while (!wrong && (entry = readdir(dir)))
		take_name(h, fd, entry->d_name);
	closedir(dir);
	if (h->n_names)
		qsort(h->names, h->n_names, sizeof(h->names[0]), compare_names);
}

static void forget_names(struct hooks *h)
{
	for (size_t i = 0; i < h->n_names; i++)
		free(h->names[i]);
	h->n_names = h->next = 0;
}

// ---- running one

enum {
	ENV_PATH,
	ENV_OBJECT,
	ENV_VERB,
	ENV_TEXT,
	ENV_SEVERITY,
	ENV_STATE,
	ENV_REASON,
	ENV_TIME,
	ENV_SEQ,
	ENVS
};

static char *make_variable(const char *name, const char *value)
{
	struct str text = { 0 };
	char clean[EVENT_TEXT_SIZE];

	str_addf(&text, "%s=%s", name, str_copy_clean(clean, sizeof(clean), value));
	return str_take(&text);
}

static void make_environment(const struct occasion *o, char *env[static ENVS + 1])
{
	char time[32], seq[32];

	snprintf(time, sizeof(time), "%" PRId64, o->event.time_ms / 1000);
	snprintf(seq, sizeof(seq), "%" PRIu64, o->event.seq);
	env[ENV_PATH] =
		xstrdup("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	env[ENV_OBJECT] = make_variable("MPGATE_OBJECT", o->event.object);
	env[ENV_VERB] = make_variable("MPGATE_VERB", o->event.verb);
	env[ENV_TEXT] = make_variable("MPGATE_TEXT", o->event.text);
	env[ENV_SEVERITY] = make_variable("MPGATE_SEVERITY", log_level_word(o->event.level));
	env[ENV_STATE] = make_variable("MPGATE_STATE", o->state);
	env[ENV_REASON] = make_variable("MPGATE_REASON", o->reason);
	env[ENV_TIME] = make_variable("MPGATE_TIME", time);
	env[ENV_SEQ] = make_variable("MPGATE_SEQ", seq);
	env[ENVS] = NULL;
}

// Returns whether it runs.
static bool run_next(struct hooks *h)
{
	const char *name = h->names[h->next];
	struct str file = { 0 };
	char *env[ENVS + 1];
	int rc;

	str_addf(&file, "%s/%s", h->folder, name);
	make_environment(&h->queue[0], env);
	h->last[0] = '\0';
	rc = program_start(&h->program, (const char *[]){ file.text, NULL }, env, HOOK_LIMIT_MS);
	if (rc < 0) {
		fail(h, "%s cannot be run: %s", name, strerror(-rc));
		h->next++;
	}
	for (int i = 0; i < ENVS; i++)
		free(env[i]);
	str_fini(&file);
	return rc == 0;
}

static void on_said(void *ctx, const char *line)
{
	struct hooks *h = ctx;

	str_copy(h->last, sizeof(h->last), line);
	log_debug("hook %s: %s", h->names[h->next], line);
}

static void on_ended(void *ctx, int status)
{
	struct hooks *h = ctx;
	const char *name = h->names[h->next], *colon = h->last[0] ? ": " : "";

	if (h->program.overdue)
		fail(h, "%s was ended after %d s%s%s", name, HOOK_LIMIT_MS / 1000, colon, h->last);
	else if (WIFSIGNALED(status))
		fail(h, "%s died of signal %d%s%s", name, WTERMSIG(status), colon, h->last);
	else if (WEXITSTATUS(status))
		fail(h, "%s ended with status %d%s%s", name, WEXITSTATUS(status), colon, h->last);
	h->next++;
	go_on(h);
}

// ---- the queue

static void drop_first(struct hooks *h)
{
	memmove(&h->queue[0], &h->queue[1], --h->n * sizeof(h->queue[0]));
}

static void go_on(struct hooks *h)
{
	while (h->n) {
		if (!h->n_names)
			list_names(h);
		while (h->next < h->n_names) {
			if (run_next(h))
				return;
		}
		forget_names(h);
		drop_first(h);
	}
	if (h->dropped)
		fail(h, "%zu events came too fast for the hooks and were not told", h->dropped);
	h->dropped = 0;
}

struct hooks *hooks_new(struct ev_loop *loop, const char *folder,
			void (*failed)(void *ctx, const char *text), void *ctx)
{
	struct hooks *h = xcalloc(1, sizeof(*h));

	h->folder = xstrdup(folder);
	h->failed = failed;
	h->ctx = ctx;
	h->program = (struct program){ .loop = loop, .said = on_said, .ended = on_ended, .ctx = h };
	return h;
}

void hooks_free(struct hooks *h)
{
	if (!h)
		return;
	program_end(&h->program);
	program_forget(&h->program);
	forget_names(h);
	free(h->folder);
	free(h);
}

void hooks_tell(struct hooks *h, const struct event *event, const char *state, const char *reason)
{
	struct occasion *o = &h->queue[h->n];

	if (h->n == QUEUE_MAX) {
		h->dropped++;
		return;
	}
	o->event = *event;
	str_copy(o->state, sizeof(o->state), state);
	str_copy(o->reason, sizeof(o->reason), reason);
	if (h->n++ == 0)
		go_on(h);
}
