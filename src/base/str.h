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

// Levenshtein distance, for "did you mean"; texts longer than 63 bytes are never near.
unsigned str_distance(const char *a, const char *b);

// Like malloc and strdup, but end the process with a message when memory is out.
void *xcalloc(size_t n, size_t size);
char *xstrdup(const char *text);

#endif
