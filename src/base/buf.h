// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stddef.h>
#include <stdint.h>

// A byte queue: bytes go in at the tail and out at the head. Zero-initialised is empty and owns
// no memory; a drained queue gives its memory back.
struct buf {
	uint8_t *data;
	size_t head; // offset of the first byte
	size_t len;  // bytes held
	size_t cap;  // bytes allocated
};

void buf_fini(struct buf *buf);
const uint8_t *buf_head(const struct buf *buf);
// Copies `len` bytes in. Returns 0 or -ENOMEM (the queue is unchanged).
int buf_append(struct buf *buf, const void *bytes, size_t len);
// Room for at least `len` bytes at the tail; NULL when memory is out. Fill, then buf_commit().
uint8_t *buf_reserve(struct buf *buf, size_t len);
void buf_commit(struct buf *buf, size_t len);
// Drops `len` (<= buf->len) bytes from the head.
void buf_consume(struct buf *buf, size_t len);

#endif
