// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdarg.h>

// Levels carry syslog's numbers (RFC 5424, 6.2.1), because that is what systemd reads in "<N>".
enum log_level {
	LOG_LEVEL_ERROR = 3,
	LOG_LEVEL_WARNING = 4,
	LOG_LEVEL_NOTICE = 5,
	LOG_LEVEL_INFO = 6,
	LOG_LEVEL_DEBUG = 7,
};

// Lines above this level are dropped. Default: notice. Set once, before threads start.
void log_set_level(enum log_level level);

// Parses "error" ... "debug". Returns 0 or -EINVAL.
int log_level_parse(const char *word, enum log_level *level);
// "warning"
const char *log_level_word(enum log_level level);

// One line to stderr, written by a single write(2) so that lines of different threads never mix.
// Prefix: "<N>" when stderr goes to the journal (JOURNAL_STREAM), else date and time.
// Safe from every thread; keeps errno.
__attribute__((format(printf, 2, 3))) void log_line(enum log_level level, const char *fmt, ...);
__attribute__((format(printf, 2, 0))) void log_vline(enum log_level level, const char *fmt,
						     va_list ap);

#define log_error(...)   log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_notice(...)  log_line(LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_info(...)    log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)   log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
