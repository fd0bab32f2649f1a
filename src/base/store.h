// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BASE_STORE_H
#define BASE_STORE_H

#include <stddef.h>

#include "base/str.h"

// Small files that survive restarts, crashes and power cuts; see store.c. `kind` is a word, such as
// "caps-1", that names contents and version: a file of another kind is refused, not misread.

// 64 MiB; a longer file is taken for damaged, longer data is not written.
#define STORE_SIZE_MAX (64u << 20)

// Appends what was last written to `data`. Returns 0; -ENOENT: there is no file, nor a previous
// one; -EBADMSG: it is damaged, cut short or of another kind; or another -errno. All but 0 leave
// `data` alone and add a text to `why`, which names the file.
int store_read(const char *path, const char *kind, struct str *data, struct str *why);
// The same of what was written before that, for when store_read() says -EBADMSG.
int store_read_previous(const char *path, const char *kind, struct str *data, struct str *why);

// Writes and waits for the disk, which can take seconds on flash: in a loop, use a writer. Whatever
// happens meanwhile, store_read() then finds the old data or the new. Returns 0, or -errno with a
// text.
int store_write(const char *path, const char *kind, const void *data, size_t len, struct str *why);

// A thread that writes, so that a slow disk stalls nobody. The calls are for one thread.
struct store_writer;

// NULL when no thread can be had.
struct store_writer *store_writer_start(void);
// Writes what is waiting, then returns. NULL is allowed.
void store_writer_stop(struct store_writer *writer);
// Takes the contents of `data`, which is empty afterwards. What was waiting for the same file is
// replaced. `path` and `kind` are copied. `kind` NULL: for another program, as it is: no heading,
// no previous file is kept, and the disk is not waited for; a reader finds the old data or the new
// all the same.
void store_writer_put(struct store_writer *writer, const char *path, const char *kind,
		      struct str *data);
// How the last write of the file went: 0 (also when there was none yet), or -errno with a text.
int store_writer_result(struct store_writer *writer, const char *path, struct str *why);

#endif
