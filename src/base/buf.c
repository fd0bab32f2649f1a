// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/buf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void buf_fini(struct buf *buf)
{
	free(buf->data);
	*buf = (struct buf){ 0 };
}

const uint8_t *buf_head(const struct buf *buf)
{
	return buf->data + buf->head;
}

uint8_t *buf_reserve(struct buf *buf, size_t len)
{
	size_t cap = buf->cap;
	uint8_t *data;

	if (buf->head && buf->head + buf->len + len > cap) {
		memmove(buf->data, buf->data + buf->head, buf->len);
		buf->head = 0;
	}
	if (buf->len + len > cap) {
		while (cap < buf->len + len)
			cap = cap ? cap * 2 : 1024;
		data = realloc(buf->data, cap);
		if (!data)
			return NULL;
		buf->data = data;
		buf->cap = cap;
	}
	return buf->data + buf->head + buf->len;
}

void buf_commit(struct buf *buf, size_t len)
{
	buf->len += len;
}

int buf_append(struct buf *buf, const void *bytes, size_t len)
{
	uint8_t *tail;

	if (!len)
		return 0;
	tail = buf_reserve(buf, len);
	if (!tail)
		return -ENOMEM;
	memcpy(tail, bytes, len);
	buf_commit(buf, len);
	return 0;
}

void buf_consume(struct buf *buf, size_t len)
{
	buf->head += len;
	buf->len -= len;
	if (!buf->len)
		buf_fini(buf);
}
