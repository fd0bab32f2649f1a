// SPDX-License-Identifier: GPL-2.0-or-later
//
// Messages of the peer service (doc/peer-service.md):
//
//	message: type (1), length of the rest (2), fields
//	field:   tag (1), length (1), value
//
// A number is big-endian in as many bytes as it needs, an address 4 or 16 bytes, an entry of a list
// a field whose value is fields. Zero is not sent. The tables below are all there is to know of the
// two versions of a structure, in memory and on the wire.
#include <errno.h>
#include <string.h>

#include "wire/wire.h"

#define HEAD_LEN 3

enum kind { BOOL, U16, U32, U64, ADDR, TEXT, LIST };

struct list_of;

struct field {
	uint8_t tag;
	uint8_t kind;
	uint16_t offset;
	uint16_t size; // TEXT: room with its NUL
	const struct list_of *list;
};

struct list_of {
	const struct field *fields;
	size_t n_fields;
	size_t entry_size;
	size_t count; // offset of the uint8_t that counts the entries
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define SUBFLOW(tag_, kind_, member_)                                                              \
	{                                                                                          \
		.tag = tag_, .kind = kind_,                                                        \
		.offset = offsetof(struct wire_service_subflow, member_)                           \
	}
#define REMOTE(tag_, kind_, member_)                                                               \
	{                                                                                          \
		.tag = tag_, .kind = kind_,                                                        \
		.offset = offsetof(struct wire_service_remote, member_)                            \
	}
#define MESSAGE(tag_, kind_, member_, ...)                                                         \
	{                                                                                          \
		.tag = tag_, .kind = kind_,                                                        \
		.offset = offsetof(struct wire_service_message, member_), __VA_ARGS__              \
	}

static const struct field subflow_fields[] = {
	SUBFLOW(1, ADDR, addr),
	SUBFLOW(2, U16, port),
	SUBFLOW(3, BOOL, established),
};

static const struct field remote_fields[] = {
	REMOTE(1, ADDR, addr),        REMOTE(2, U32, subflows), REMOTE(3, U32, stalled),
	REMOTE(4, U32, rtt_us),       REMOTE(5, U32, cwnd),     REMOTE(6, U32, unacked),
	REMOTE(7, U64, tx_bytes),     REMOTE(8, U64, rx_bytes), REMOTE(9, U64, segments),
	REMOTE(10, U64, retransmits),
};

static const struct list_of subflow_list = {
	.fields = subflow_fields,
	.n_fields = COUNT(subflow_fields),
	.entry_size = sizeof(struct wire_service_subflow),
	.count = offsetof(struct wire_service_message, n_subflows),
};

static const struct list_of remote_list = {
	.fields = remote_fields,
	.n_fields = COUNT(remote_fields),
	.entry_size = sizeof(struct wire_service_remote),
	.count = offsetof(struct wire_service_message, n_remotes),
};

static const struct field message_fields[] = {
	MESSAGE(1, U64, nonce),
	MESSAGE(2, U64, time_us),
	MESSAGE(3, U32, protocol),
	MESSAGE(4, BOOL, mptcp),
	MESSAGE(5, TEXT, version, .size = sizeof(((struct wire_service_message *)0)->version)),
	MESSAGE(6, LIST, subflows, .list = &subflow_list),
	MESSAGE(7, LIST, remotes, .list = &remote_list),
	MESSAGE(8, U32, bytes),
};

// No field is longer than 2 + 32 bytes, and an entry is a field of fields.
_Static_assert(HEAD_LEN + COUNT(message_fields) * 34 +
			       WIRE_SERVICE_LIST_MAX *
				       (2 + (COUNT(subflow_fields) + COUNT(remote_fields)) * 10 +
					2 * 18) <=
		       WIRE_SERVICE_MAX,
	       "the longest message fits");

// ---- the reserved target

struct wire_target wire_service_target(void)
{
	return (struct wire_target){ .port = WIRE_SERVICE_PORT, .name = WIRE_SERVICE_NAME };
}

bool wire_service_is_target(const struct wire_target *target)
{
	return target->port == WIRE_SERVICE_PORT && strcmp(target->name, WIRE_SERVICE_NAME) == 0;
}

// ---- writing

static uint64_t load_number(const void *from, uint8_t kind)
{
	switch (kind) {
	case BOOL:
		return *(const bool *)from;
	case U16:
		return *(const uint16_t *)from;
	case U32:
		return *(const uint32_t *)from;
	default:
		return *(const uint64_t *)from;
	}
}

static size_t put_bytes(uint8_t tag, const void *bytes, size_t len, uint8_t *out)
{
	if (!len)
		return 0;
	out[0] = tag;
	out[1] = (uint8_t)len;
	memcpy(out + 2, bytes, len);
	return 2 + len;
}

static size_t put_number(uint8_t tag, uint64_t value, uint8_t *out)
{
	uint8_t bytes[sizeof(value)];
	size_t first = sizeof(bytes);

	for (; value; value >>= 8)
		bytes[--first] = (uint8_t)value;
	return put_bytes(tag, bytes + first, sizeof(bytes) - first, out);
}

static size_t put_list(const struct field *field, const uint8_t *base, uint8_t *out);

static size_t put_fields(const struct field *fields, size_t n_fields, const uint8_t *base,
			 uint8_t *out)
{
	size_t n = 0;

	for (size_t i = 0; i < n_fields; i++) {
		const struct field *f = &fields[i];
		const struct addr *addr = (const struct addr *)(const void *)(base + f->offset);
		const char *text = (const char *)base + f->offset;

		if (f->kind == LIST)
			n += put_list(f, base, out + n);
		else if (f->kind == ADDR)
			n += put_bytes(f->tag, addr->bytes, addr_len(addr), out + n);
		else if (f->kind == TEXT)
			n += put_bytes(f->tag, text, strnlen(text, f->size - 1u), out + n);
		else
			n += put_number(f->tag, load_number(base + f->offset, f->kind), out + n);
	}
	return n;
}

static size_t put_list(const struct field *field, const uint8_t *base, uint8_t *out)
{
	const struct list_of *list = field->list;
	size_t n = 0;

	for (size_t i = 0; i < base[list->count] && i < WIRE_SERVICE_LIST_MAX; i++) {
		const uint8_t *entry = base + field->offset + i * list->entry_size;
		size_t len = put_fields(list->fields, list->n_fields, entry, out + n + 2);

		out[n] = field->tag;
		out[n + 1] = (uint8_t)len;
		n += 2 + len;
	}
	return n;
}

size_t wire_service_put(const struct wire_service_message *message,
			uint8_t out[static WIRE_SERVICE_MAX])
{
	size_t len = put_fields(message_fields, COUNT(message_fields), (const uint8_t *)message,
				out + HEAD_LEN);

	out[0] = message->type;
	out[1] = (uint8_t)(len >> 8);
	out[2] = (uint8_t)len;
	return HEAD_LEN + len;
}

// Nobody's tag.
#define PADDING       255
#define PADDING_BYTES 128

size_t wire_service_pad(uint8_t message[static WIRE_SERVICE_MAX], size_t len, size_t to)
{
	static const uint8_t nothing[PADDING_BYTES];

	while (len < to && len + 2 + PADDING_BYTES <= WIRE_SERVICE_MAX)
		len += put_bytes(PADDING, nothing, sizeof(nothing), message + len);
	message[1] = (uint8_t)((len - HEAD_LEN) >> 8);
	message[2] = (uint8_t)(len - HEAD_LEN);
	return len;
}

// ---- parsing

// What is too large for its place becomes the largest that fits.
static void store_number(void *to, uint8_t kind, uint64_t value)
{
	switch (kind) {
	case BOOL:
		*(bool *)to = value != 0;
		break;
	case U16:
		*(uint16_t *)to = value > UINT16_MAX ? UINT16_MAX : (uint16_t)value;
		break;
	case U32:
		*(uint32_t *)to = value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;
		break;
	default:
		*(uint64_t *)to = value;
	}
}

static int parse_number(const uint8_t *value, size_t len, uint64_t *out)
{
	*out = 0;
	if (len > sizeof(*out))
		return -EPROTO;
	for (size_t i = 0; i < len; i++)
		*out = *out << 8 | value[i];
	return 0;
}

static int parse_addr(const uint8_t *value, size_t len, struct addr *out)
{
	struct addr addr = { .family = len == 4 ? AF_INET : AF_INET6 };
	union sockaddr_any sa;

	if (len != 4 && len != 16)
		return -EPROTO;
	memcpy(addr.bytes, value, len);
	sa = sockaddr_make(&addr, 0);
	*out = addr_from_sockaddr(&sa); // unmapped
	return 0;
}

// It will be shown and logged.
static void parse_text(const uint8_t *value, size_t len, char *out, size_t size)
{
	size_t n = len < size ? len : size - 1;

	for (size_t i = 0; i < n; i++)
		out[i] = value[i] >= ' ' && value[i] <= '~' ? (char)value[i] : '?';
	out[n] = '\0';
}

static int parse_fields(const struct field *fields, size_t n_fields, const uint8_t *in, size_t len,
			uint8_t *base);

static int parse_entry(const struct field *field, const uint8_t *value, size_t len, uint8_t *base)
{
	const struct list_of *list = field->list;
	uint8_t *count = base + list->count;

	if (*count == WIRE_SERVICE_LIST_MAX)
		return 0;
	return parse_fields(list->fields, list->n_fields, value, len,
			    base + field->offset + (*count)++ * list->entry_size);
}

static int parse_value(const struct field *field, const uint8_t *value, size_t len, uint8_t *base)
{
	uint64_t number;
	int rc;

	switch (field->kind) {
	case ADDR:
		return parse_addr(value, len, (struct addr *)(void *)(base + field->offset));
	case TEXT:
		parse_text(value, len, (char *)base + field->offset, field->size);
		return 0;
	case LIST:
		return parse_entry(field, value, len, base);
	default:
		rc = parse_number(value, len, &number);
		if (!rc)
			store_number(base + field->offset, field->kind, number);
		return rc;
	}
}

static int parse_fields(const struct field *fields, size_t n_fields, const uint8_t *in, size_t len,
			uint8_t *base)
{
	int rc = 0;

	for (size_t at = 0; !rc && at < len; at += 2u + in[at + 1]) {
		if (len - at < 2 || len - at - 2 < in[at + 1])
			return -EPROTO;
		for (size_t i = 0; !rc && i < n_fields; i++) {
			if (fields[i].tag == in[at])
				rc = parse_value(&fields[i], in + at + 2, in[at + 1], base);
		}
	}
	return rc;
}

int wire_service_parse(const uint8_t *in, size_t len, struct wire_service_message *out,
		       size_t *used)
{
	struct wire_service_message message = { 0 };
	size_t body;
	int rc;

	if (len < HEAD_LEN)
		return -EAGAIN;
	body = (size_t)(in[1] << 8 | in[2]);
	if (body > WIRE_SERVICE_MAX - HEAD_LEN)
		return -EPROTO;
	if (len - HEAD_LEN < body)
		return -EAGAIN;
	message.type = in[0];
	rc = parse_fields(message_fields, COUNT(message_fields), in + HEAD_LEN, body,
			  (uint8_t *)&message);
	if (rc < 0)
		return rc;
	*out = message;
	*used = HEAD_LEN + body;
	return 0;
}
