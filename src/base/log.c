// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/log.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_BYTES 1024

static enum log_level max_level = LOG_LEVEL_NOTICE;

static const struct {
	const char *word;
	enum log_level level;
} levels[] = {
	{ "error", LOG_LEVEL_ERROR },   { "warning", LOG_LEVEL_WARNING },
	{ "notice", LOG_LEVEL_NOTICE }, { "info", LOG_LEVEL_INFO },
	{ "debug", LOG_LEVEL_DEBUG },
};

void log_set_level(enum log_level level)
{
	max_level = level;
}

int log_level_parse(const char *word, enum log_level *level)
{
	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
		if (strcmp(word, levels[i].word) == 0) {
			*level = levels[i].level;
			return 0;
		}
	}
	return -EINVAL;
}

const char *log_level_word(enum log_level level)
{
	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
		if (levels[i].level == level)
			return levels[i].word;
	}
	return "notice";
}

// systemd sets JOURNAL_STREAM to "device:inode" of the stream; a child whose stderr was redirected
// elsewhere inherits the variable, so the numbers are compared (systemd.exec(5)).
static bool goes_to_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long dev, ino;
	struct stat st;

	return stream && sscanf(stream, "%llu:%llu", &dev, &ino) == 2 &&
	       fstat(STDERR_FILENO, &st) == 0 && st.st_dev == dev && st.st_ino == ino;
}

static size_t write_prefix(char *line, size_t size, enum log_level level)
{
	struct timespec now;
	struct tm tm;
	size_t n;

	if (goes_to_journal())
		return (size_t)snprintf(line, size, "<%d>", (int)level);
	clock_gettime(CLOCK_REALTIME, &now);
	localtime_r(&now.tv_sec, &tm);
	n = strftime(line, size, "%Y-%m-%d %H:%M:%S", &tm);
	return n + (size_t)snprintf(line + n, size - n, ".%03ld %s", now.tv_nsec / 1000000,
				    level <= LOG_LEVEL_WARNING ? "! " : "  ");
}

void log_vline(enum log_level level, const char *fmt, va_list ap)
{
	int saved_errno = errno;
	char line[LINE_MAX_BYTES];
	size_t n;
	int len;

	if (level > max_level)
		return;
	n = write_prefix(line, sizeof(line) - 1, level);
	len = vsnprintf(line + n, sizeof(line) - 1 - n, fmt, ap);
	if (len > 0)
		n += (size_t)len < sizeof(line) - 1 - n ? (size_t)len : sizeof(line) - 2 - n;
	for (size_t i = 0; i < n; i++) {
		// what came from a peer or a file must not reach a terminal raw
		if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
			line[i] = '?';
	}
	line[n++] = '\n';
	// a log that nobody takes is no reason to stop
	if (write(STDERR_FILENO, line, n) < 0) {
	}
	errno = saved_errno;
}

void log_line(enum log_level level, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_vline(level, fmt, ap);
	va_end(ap);
}
