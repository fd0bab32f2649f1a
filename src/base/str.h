// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdarg.h>
#include <stddef.h>

// A text that grows. Zero-initialised is the empty text. Running out of memory ends the process:
// nothing here is sized by a peer.
struct str {
	char *text; // NUL-terminated, or NULL while empty
	size_t len;
	size_t cap;
};

void str_fini(struct str *str);
void str_clear(struct str *str);
void str_add(struct str *str, const char *text);
// `len` bytes of `text`, which need not be terminated.
void str_add_bytes(struct str *str, const char *text, size_t len);
__attribute__((format(printf, 2, 3))) void str_addf(struct str *str, const char *fmt, ...);
__attribute__((format(printf, 2, 0))) void str_vaddf(struct str *str, const char *fmt, va_list ap);
// The text, "" while empty; borrowed.
const char *str_text(const struct str *str);
// Hands the text over; the caller frees it. The str is empty afterwards.
char *str_take(struct str *str);

// Copies with truncation and always terminates; returns dst.
char *str_copy(char *dst, size_t size, const char *src);
// The same for text from outside that is going to be shown: "?" takes the place of bytes that are
// not UTF-8 and of characters that steer a terminal (controls, changes of direction). Cuts between
// characters.
char *str_copy_clean(char *dst, size_t size, const char *src);

// How many slips lie between two words, for "did you mean": letters missing, extra, wrong, or two
// neighbours swapped. Texts longer than 63 bytes are never near.
unsigned str_distance(const char *a, const char *b);

// Like calloc and strdup, but end the process with a message when memory is out.
void *xcalloc(size_t n, size_t size);
char *xstrdup(const char *text);
// Makes room for one more element behind the `n` of `list` (NULL at first), all of which must have
// been added this way. The room doubles, so that adding many is cheap.
void *xgrow(void *list, size_t n, size_t size);

#endif
