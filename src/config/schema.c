// SPDX-License-Identifier: GPL-2.0-or-later
//
// What may stand in the file: blocks, their keys, and the types of values. Parsing, defaults, the
// generated default file and the check of the manual page all read these tables.

#include "config/config_priv.h"

#include <confuse.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/format.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

// ---- types

bool schema_is_name(const char *text)
{
	static const char letters[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
	size_t len = strlen(text);

	return len >= 1 && len < NAME_SIZE && strspn(text, letters) == len &&
	       !strchr("-_.", text[0]);
}

static bool format_text(const void *from, size_t i, struct str *out)
{
	if (i > 0)
		return false;
	for (const char *c = from; *c; c++)
		str_addf(out, *c == '"' || *c == '\\' ? "\\%c" : "%c", *c);
	return true;
}

static bool is_interface_name(const char *text)
{
	size_t len = strlen(text);

	if (len < 1 || len >= IFNAMSIZ || strcmp(text, ".") == 0 || strcmp(text, "..") == 0)
		return false;
	for (const char *c = text; *c; c++) {
		if (*c <= ' ' || *c > '~' || strchr("/:\\\"%", *c))
			return false;
	}
	return true;
}

static int parse_interface(const struct schema_key *key, const char *text, void *to,
			   struct str *why)
{
	(void)key;
	if (!is_interface_name(text)) {
		str_add(why,
			"is no name of an interface: 1 to 15 characters, as 'ip link' shows them");
		return -EINVAL;
	}
	str_copy(to, NAME_SIZE, text);
	return 0;
}

static const struct schema_type type_interface = {
	.form = "name of an interface",
	.quoted = true,
	.parse = parse_interface,
	.format = format_text,
};

static int parse_over(const struct schema_key *key, const char *text, void *to, struct str *why)
{
	(void)key;
	if (!*text || strlen(text) >= NAME_SIZE) {
		str_add(why, "is no name of a path, give that of one of the others");
		return -EINVAL;
	}
	str_copy(to, NAME_SIZE, text);
	return 0;
}

static bool format_over(const void *from, size_t i, struct str *out)
{
	return *(const char *)from && format_text(from, i, out);
}

// One that may be left open.
static const struct schema_type type_some_interface = {
	.form = "name of an interface",
	.quoted = true,
	.parse = parse_interface,
	.format = format_over,
};

static const struct schema_type type_over = {
	.form = "name of another path",
	.quoted = true,
	.parse = parse_over,
	.format = format_over,
};

static int parse_label(const struct schema_key *key, const char *text, void *to, struct str *why)
{
	char clean[LABEL_SIZE];

	(void)key;
	str_copy_clean(clean, sizeof(clean), text);
	if (strcmp(clean, text) != 0) {
		str_addf(why, "is no label: at most %d bytes of printable UTF-8", LABEL_SIZE - 1);
		return -EINVAL;
	}
	str_copy(to, LABEL_SIZE, text);
	return 0;
}

static const struct schema_type type_label = {
	.form = "text of at most 31 bytes",
	.quoted = true,
	.parse = parse_label,
	.format = format_text,
};

static const char *const kinds[] = { "adsl", "vdsl", "fiber",     "cable", "3g",       "lte",
				     "5g",   "wifi", "satellite", "vpn",   "ethernet", "other" };

static int parse_kind(const struct schema_key *key, const char *text, void *to, struct str *why)
{
	(void)key;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (strcmp(text, kinds[i]) == 0) {
			str_copy(to, NAME_SIZE, text);
			return 0;
		}
	}
	str_add(why, "is no kind of path, the kinds are");
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		str_addf(why, "%s %s", i ? "," : "", kinds[i]);
	return -EINVAL;
}

static const struct schema_type type_kind = {
	.form = "one of these words",
	.quoted = true,
	.parse = parse_kind,
	.format = format_text,
};

static bool is_unspecified(const struct addr *addr)
{
	static const uint8_t zero[16];

	return memcmp(addr->bytes, zero, addr_len(addr)) == 0;
}

// RFC 1123, 2.1: letters, digits and hyphens; what ends in a number is meant as an address.
static bool is_host_name(const char *text)
{
	size_t len = strlen(text), label = 0;
	bool digits_only = true;

	if (len > 0 && text[len - 1] == '.')
		len--;
	if (len < 1 || len > 253)
		return false;
	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		if (c == '.') {
			if (label == 0 || text[i - 1] == '-')
				return false;
			label = 0;
			digits_only = true;
			continue;
		}
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-", c))
			return false;
		if ((c == '-' && label == 0) || ++label > 63)
			return false;
		digits_only &= c >= '0' && c <= '9';
	}
	return label > 0 && text[len - 1] != '-' && !digits_only;
}

static int parse_host(const struct schema_key *key, const char *text, void *to, struct str *why)
{
	struct addr addr;

	if (addr_parse(text, &addr) == 0) {
		if (is_unspecified(&addr) || addr_is_multicast(&addr)) {
			str_add(why, "is no address of one machine, give that of the exit server");
			return -EINVAL;
		}
	} else if (!is_host_name(text)) {
		str_addf(why,
			 "is neither an IP address nor a host name, write %s or "
			 "\"vps.example.net\"",
			 key->example);
		return -EINVAL;
	}
	str_copy(to, sizeof(((struct config_exit *)0)->address), text);
	return 0;
}

static const struct schema_type type_host = {
	.form = "IP address or host name",
	.quoted = true,
	.parse = parse_host,
	.format = format_text,
};

static bool format_addr(const void *from, size_t i, struct str *out)
{
	char text[ADDR_STRLEN];

	if (i > 0 || !addr_is_set(from))
		return false;
	str_add(out, addr_format(from, text));
	return true;
}

static int parse_gateway(const struct schema_key *key, const char *text, void *to, struct str *why)
{
	struct addr addr;

	(void)key;
	if (addr_parse(text, &addr) < 0 || is_unspecified(&addr) || addr_is_multicast(&addr) ||
	    addr_is_loopback(&addr)) {
		str_add(why,
			"is no address of a router, write it as \"192.168.1.1\" or leave it out");
		return -EINVAL;
	}
	*(struct addr *)to = addr;
	return 0;
}

static const struct schema_type type_gateway = {
	.form = "IP address",
	.quoted = true,
	.parse = parse_gateway,
	.format = format_addr,
};

static int parse_listen(const struct schema_key *key, const char *text, void *to, struct str *why)
{
	struct addr addr;

	(void)key;
	if (addr_parse(text, &addr) < 0 || addr_is_multicast(&addr)) {
		str_add(why, "is no IP address to listen on, \"0.0.0.0\" is every IPv4 address and "
			     "\"::\" every address");
		return -EINVAL;
	}
	*(struct addr *)to = addr;
	return 0;
}

static const struct schema_type type_listen = {
	.form = "IP address",
	.quoted = true,
	.parse = parse_listen,
	.format = format_addr,
};

// Loopback, and what RFC 1918 and RFC 4193 leave to LANs.
static int parse_listen_near(const struct schema_key *key, const char *text, void *to,
			     struct str *why)
{
	static const char *const near[] = { "127.0.0.0/8",    "10.0.0.0/8", "172.16.0.0/12",
					    "192.168.0.0/16", "::1/128",    "fc00::/7" };
	struct prefix prefix;
	struct addr addr;

	(void)key;
	for (size_t i = 0; addr_parse(text, &addr) == 0 && i < ARRAY_LEN(near); i++) {
		if (prefix_parse(near[i], &prefix) == 0 && prefix_contains(&prefix, &addr)) {
			*(struct addr *)to = addr;
			return 0;
		}
	}
	str_add(why, "is no address of loopback or of a LAN, such as \"127.0.0.1\" or "
		     "\"192.168.5.1\": what is "
		     "told there is not for the Internet");
	return -EINVAL;
}

static const struct schema_type type_listen_near = {
	.form = "IP address of loopback or of the LAN",
	.quoted = true,
	.parse = parse_listen_near,
	.format = format_addr,
};

// Explains what prefix_parse() refused.
static void explain_prefix(const char *text, struct str *why)
{
	char head[ADDR_STRLEN], range[ADDR_STRLEN], host[ADDR_STRLEN];
	const char *slash = strchr(text, '/');
	struct prefix network, single;
	struct addr addr;

	str_copy(head, sizeof(head), text);
	head[strcspn(head, "/")] = '\0';
	if (addr_parse(head, &addr) < 0 || !slash) {
		str_add(why,
			"is no address range, write it as \"192.168.5.0/24\" or \"2001:db8::/32\"");
		return;
	}
	for (unsigned len = 0; len <= addr_len(&addr) * 8; len++) {
		char digits[8];

		snprintf(digits, sizeof(digits), "%u", len);
		if (strcmp(slash + 1, digits) != 0)
			continue;
		network = prefix_of(&addr, (uint8_t)len);
		single = prefix_of(&addr, (uint8_t)(addr_len(&addr) * 8));
		str_addf(why,
			 "has bits set behind its length, write \"%s\" for the range or \"%s\" for "
			 "the one address",
			 prefix_format(&network, range), prefix_format(&single, host));
		return;
	}
	str_addf(why, "has no length of 0 to %zu behind the '/'", addr_len(&addr) * 8);
}

static int parse_prefix(const struct schema_key *key, const char *text, void *to, struct str *why)
{
	struct config_prefixes *prefixes = to;
	struct prefix prefix;

	(void)key;
	if (prefix_parse(text, &prefix) < 0) {
		explain_prefix(text, why);
		return -EINVAL;
	}
	prefixes->list = xgrow(prefixes->list, prefixes->n, sizeof(prefix));
	prefixes->list[prefixes->n++] = prefix;
	return 0;
}

static bool format_prefix(const void *from, size_t i, struct str *out)
{
	const struct config_prefixes *prefixes = from;
	char text[ADDR_STRLEN];

	if (i >= prefixes->n)
		return false;
	str_add(out, prefix_format(&prefixes->list[i], text));
	return true;
}

static const struct schema_type type_prefixes = {
	.form = "list of address ranges",
	.list = true,
	.quoted = true,
	.parse = parse_prefix,
	.format = format_prefix,
};

static int parse_name(const struct schema_key *key, const char *text, void *to, struct str *why)
{
	struct config_names *names = to;

	(void)key;
	if (!*text || strlen(text) >= NAME_SIZE) {
		str_add(why, "is no name of a path");
		return -EINVAL;
	}
	names->list = xgrow(names->list, names->n, sizeof(*names->list));
	str_copy(names->list[names->n++], NAME_SIZE, text);
	return 0;
}

static bool format_name(const void *from, size_t i, struct str *out)
{
	const struct config_names *names = from;

	if (i >= names->n)
		return false;
	str_add(out, names->list[i]);
	return true;
}

static int parse_ports(const struct schema_key *key, const char *text, void *to, struct str *why)
{
	struct config_ports *ports = to;
	struct config_port_range range;
	unsigned first, last;
	int end = 0, n = sscanf(text, "%5u%n-%5u%n", &first, &end, &last, &end);

	(void)key;
	if (n == 1)
		last = first;
	if (n < 1 || text[end] || text[strspn(text, "0123456789-")] || first < 1 || last > 65535 ||
	    first > last) {
		str_add(why, "is neither a port from 1 to 65535 nor a range such as \"6000-6100\"");
		return -EINVAL;
	}
	range = (struct config_port_range){ (uint16_t)first, (uint16_t)last };
	ports->list = xgrow(ports->list, ports->n, sizeof(range));
	ports->list[ports->n++] = range;
	return 0;
}

static bool format_ports(const void *from, size_t i, struct str *out)
{
	const struct config_ports *ports = from;

	if (i >= ports->n)
		return false;
	str_addf(out, "%u", ports->list[i].first);
	if (ports->list[i].last != ports->list[i].first)
		str_addf(out, "-%u", ports->list[i].last);
	return true;
}

static const struct schema_type type_ports = {
	.form = "list of ports and ranges of ports",
	.list = true,
	.quoted = true,
	.parse = parse_ports,
	.format = format_ports,
};

static int find_word(const char *const words[], int n, const char *text, struct str *why)
{
	for (int i = 0; i < n; i++) {
		if (strcmp(text, words[i]) == 0)
			return i;
	}
	for (int i = 0; i < n; i++)
		str_addf(why, "%s%s",
			 i == 0      ? "is none of "
			 : i + 1 < n ? ", "
				     : " and ",
			 words[i]);
	return -EINVAL;
}

static const char *const protos[CONFIG_PROTOS] = {
	[CONFIG_PROTO_ANY] = "any",
	[CONFIG_PROTO_TCP] = "tcp",
	[CONFIG_PROTO_UDP] = "udp",
};

static int parse_proto(const struct schema_key *key, const char *text, void *to, struct str *why)
{
	int i = find_word(protos, CONFIG_PROTOS, text, why);

	(void)key;
	if (i < 0)
		return i;
	*(enum config_proto *)to = (enum config_proto)i;
	return 0;
}

static bool format_proto(const void *from, size_t i, struct str *out)
{
	str_add(out, protos[*(const enum config_proto *)from]);
	return i == 0;
}

static const struct schema_type type_proto = {
	.form = "any, tcp or udp",
	.quoted = true,
	.parse = parse_proto,
	.format = format_proto,
};

static int parse_via(const struct schema_key *key, const char *text, void *to, struct str *why)
{
	(void)key;
	if (!schema_is_name(text)) {
		str_add(why, "is no name of a path or exit, nor \"" CONFIG_DIRECT "\"");
		return -EINVAL;
	}
	str_copy(to, NAME_SIZE, text);
	return 0;
}

static const struct schema_type type_via = {
	.form = "name of a path or exit, or direct",
	.quoted = true,
	.parse = parse_via,
	.format = format_text,
};

static const char *const downs[CONFIG_DOWNS] = {
	[CONFIG_DOWN_BLOCK] = "block",
	[CONFIG_DOWN_ANY] = "any",
};

static int parse_when_down(const struct schema_key *key, const char *text, void *to,
			   struct str *why)
{
	int i = find_word(downs, CONFIG_DOWNS, text, why);

	(void)key;
	if (i < 0)
		return i;
	*(enum config_when_down *)to = (enum config_when_down)i;
	return 0;
}

static bool format_when_down(const void *from, size_t i, struct str *out)
{
	str_add(out, downs[*(const enum config_when_down *)from]);
	return i == 0;
}

static const struct schema_type type_when_down = {
	.form = "block or any",
	.quoted = true,
	.parse = parse_when_down,
	.format = format_when_down,
};

static const struct schema_type type_names = {
	.form = "list of names of paths",
	.list = true,
	.ordered = true,
	.quoted = true,
	.parse = parse_name,
	.format = format_name,
};

static int parse_pattern(const struct schema_key *key, const char *text, void *to, struct str *why)
{
	struct config_names *names = to;
	char name[NAME_SIZE];
	size_t len = strlen(text);

	(void)key;
	str_copy(name, sizeof(name), text);
	if (len > 1 && len < sizeof(name) && name[len - 1] == '*')
		name[len - 1] = '\0';
	if (len >= sizeof(name) || !is_interface_name(name) || strchr(name, '*')) {
		str_add(why, "is no name of an interface, nor the beginning of one and '*'");
		return -EINVAL;
	}
	names->list = xgrow(names->list, names->n, sizeof(*names->list));
	str_copy(names->list[names->n++], NAME_SIZE, text);
	return 0;
}

static const struct schema_type type_patterns = {
	.form = "list of interfaces",
	.list = true,
	.quoted = true,
	.parse = parse_pattern,
	.format = format_name,
};

// The place of the text in the list, or -EINVAL with a text of what it could be.
static const char *const udp_modes[CONFIG_UDP_MODES] = {
	[CONFIG_UDP_FORWARD] = "forward", [CONFIG_UDP_RELAY] = "relay"
};

static int parse_udp_mode(const struct schema_key *key, const char *text, void *to, struct str *why)
{
	int i = find_word(udp_modes, CONFIG_UDP_MODES, text, why);

	(void)key;
	if (i < 0)
		return i;
	*(enum config_udp_mode *)to = (enum config_udp_mode)i;
	return 0;
}

static bool format_udp_mode(const void *from, size_t i, struct str *out)
{
	str_add(out, udp_modes[*(const enum config_udp_mode *)from]);
	return i == 0;
}

static const struct schema_type type_udp_mode = {
	.form = "forward or relay",
	.quoted = true,
	.parse = parse_udp_mode,
	.format = format_udp_mode,
};

static const char *const quics[CONFIG_QUICS] = {
	[CONFIG_QUIC_ALLOW] = "allow",
	[CONFIG_QUIC_PIN] = "pin",
	[CONFIG_QUIC_REJECT] = "reject",
};

static int parse_quic(const struct schema_key *key, const char *text, void *to, struct str *why)
{
	int i = find_word(quics, CONFIG_QUICS, text, why);

	(void)key;
	if (i < 0)
		return i;
	*(enum config_quic *)to = (enum config_quic)i;
	return 0;
}

static bool format_quic(const void *from, size_t i, struct str *out)
{
	str_add(out, quics[*(const enum config_quic *)from]);
	return i == 0;
}

static const struct schema_type type_quic = {
	.form = "allow, pin or reject",
	.quoted = true,
	.parse = parse_quic,
	.format = format_quic,
};

// Digits only: strtol(3) takes blanks and signs, libconfuse's own integers are octal behind a 0.
static int parse_long(const struct schema_key *key, const char *text, long *out, struct str *why)
{
	size_t digits = strspn(text, "0123456789");

	if (digits == 0 || text[digits]) {
		str_addf(why, "is no number, give one from %ld to %ld", key->min, key->max);
		return -EINVAL;
	}
	*out = digits > 10 ? LONG_MAX : strtol(text, NULL, 10);
	if (*out < key->min || *out > key->max) {
		str_addf(why, "is out of range, give a number from %ld to %ld", key->min, key->max);
		return -EINVAL;
	}
	return 0;
}

static int parse_port(const struct schema_key *key, const char *text, void *to, struct str *why)
{
	long n;

	if (parse_long(key, text, &n, why) < 0)
		return -EINVAL;
	*(uint16_t *)to = (uint16_t)n;
	return 0;
}

static bool format_port(const void *from, size_t i, struct str *out)
{
	str_addf(out, "%u", *(const uint16_t *)from);
	return i == 0;
}

static const struct schema_type type_port = {
	.form = "port",
	.parse = parse_port,
	.format = format_port,
};

static int parse_int(const struct schema_key *key, const char *text, void *to, struct str *why)
{
	long n;

	if (parse_long(key, text, &n, why) < 0)
		return -EINVAL;
	*(int *)to = (int)n;
	return 0;
}

static bool format_int(const void *from, size_t i, struct str *out)
{
	str_addf(out, "%d", *(const int *)from);
	return i == 0;
}

static const struct schema_type type_int = {
	.form = "number",
	.parse = parse_int,
	.format = format_int,
};

static int parse_table(const struct schema_key *key, const char *text, void *to, struct str *why)
{
	long n;

	if (parse_long(key, text, &n, why) < 0)
		return -EINVAL;
	if (n >= 253 && n <= 255) {
		str_addf(why, "is the kernel's table '%s', take another number",
			 n == 253   ? "default"
			 : n == 254 ? "main"
				    : "local");
		return -EINVAL;
	}
	if (n == KSTATE_TPROXY_TABLE) {
		str_add(why,
			"is the table that mpgate itself uses for TPROXY, take another number");
		return -EINVAL;
	}
	*(uint32_t *)to = (uint32_t)n;
	return 0;
}

static bool format_table(const void *from, size_t i, struct str *out)
{
	str_addf(out, "%u", *(const uint32_t *)from);
	return i == 0;
}

static const struct schema_type type_table = {
	.form = "number of a routing table",
	.parse = parse_table,
	.format = format_table,
};

static int parse_bool(const struct schema_key *key, const char *text, void *to, struct str *why)
{
	int value = cfg_parse_boolean(text);

	(void)key;
	if (value < 0) {
		str_add(why, "is neither yes nor no");
		return -EINVAL;
	}
	*(bool *)to = value;
	return 0;
}

static bool format_bool(const void *from, size_t i, struct str *out)
{
	str_add(out, *(const bool *)from ? "yes" : "no");
	return i == 0;
}

static const struct schema_type type_bool = {
	.form = "yes or no",
	.parse = parse_bool,
	.format = format_bool,
};

static const char *const methods[CONFIG_METHODS] = {
	[CONFIG_METHOD_AES_128_GCM] = "aes-128-gcm",
	[CONFIG_METHOD_AES_256_GCM] = "aes-256-gcm",
	[CONFIG_METHOD_CHACHA20_POLY1305] = "chacha20-ietf-poly1305",
};

const char *config_method_word(enum config_method method)
{
	return methods[method];
}

static int parse_method(const struct schema_key *key, const char *text, void *to, struct str *why)
{
	(void)key;
	for (size_t i = 0; i < CONFIG_METHODS; i++) {
		if (strcmp(text, methods[i]) == 0) {
			*(enum config_method *)to = (enum config_method)i;
			return 0;
		}
	}
	str_add(why, "is no method that mpgate speaks, the methods are");
	for (size_t i = 0; i < CONFIG_METHODS; i++)
		str_addf(why, "%s %s", i ? "," : "", methods[i]);
	return -EINVAL;
}

static bool format_method(const void *from, size_t i, struct str *out)
{
	str_add(out, methods[*(const enum config_method *)from]);
	return i == 0;
}

static const struct schema_type type_method = {
	.form = "one of these words",
	.quoted = true,
	.parse = parse_method,
	.format = format_method,
};

static int parse_tier(const struct schema_key *key, const char *text, void *to, struct str *why)
{
	(void)key;
	if (path_tier_from_word(text, to) < 0) {
		str_add(why, "is no tier, the tiers are primary, overflow, backup, never");
		return -EINVAL;
	}
	return 0;
}

static bool format_tier(const void *from, size_t i, struct str *out)
{
	str_add(out, path_tier_word(*(const enum path_tier *)from));
	return i == 0;
}

static const struct schema_type type_tier = {
	.form = "primary, overflow, backup or never",
	.quoted = true,
	.parse = parse_tier,
	.format = format_tier,
};

static const char *const unreachables[CONFIG_UNREACHABLES] = {
	[CONFIG_UNREACHABLE_BLOCK] = "block",
	[CONFIG_UNREACHABLE_DIRECT] = "direct",
};

static int parse_unreachable(const struct schema_key *key, const char *text, void *to,
			     struct str *why)
{
	(void)key;
	for (size_t i = 0; i < CONFIG_UNREACHABLES; i++) {
		if (strcmp(text, unreachables[i]) == 0) {
			*(enum config_unreachable *)to = (enum config_unreachable)i;
			return 0;
		}
	}
	str_add(why, "is neither block nor direct");
	return -EINVAL;
}

static bool format_unreachable(const void *from, size_t i, struct str *out)
{
	str_add(out, unreachables[*(const enum config_unreachable *)from]);
	return i == 0;
}

static const struct schema_type type_unreachable = {
	.form = "block or direct",
	.quoted = true,
	.parse = parse_unreachable,
	.format = format_unreachable,
};

static const char *const cap_actions[CONFIG_CAP_ACTIONS] = {
	[CONFIG_CAP_OFF] = "off",
	[CONFIG_CAP_BACKUP] = "backup",
};

const char *config_cap_action_word(enum config_cap_action action)
{
	return cap_actions[action];
}

static int parse_cap_action(const struct schema_key *key, const char *text, void *to,
			    struct str *why)
{
	(void)key;
	for (size_t i = 0; i < CONFIG_CAP_ACTIONS; i++) {
		if (strcmp(text, cap_actions[i]) == 0) {
			*(enum config_cap_action *)to = (enum config_cap_action)i;
			return 0;
		}
	}
	str_add(why, "is neither off nor backup");
	return -EINVAL;
}

static bool format_cap_action(const void *from, size_t i, struct str *out)
{
	str_add(out, cap_actions[*(const enum config_cap_action *)from]);
	return i == 0;
}

static const struct schema_type type_cap_action = {
	.form = "off or backup",
	.quoted = true,
	.parse = parse_cap_action,
	.format = format_cap_action,
};

static const char *const demands[CONFIG_DEMANDS] = {
	[CONFIG_DEMAND_MANUAL] = "manual",
	[CONFIG_DEMAND_WHEN_DOWN] = "when-down",
	[CONFIG_DEMAND_WHEN_SLOW] = "when-slow",
};

const char *config_demand_word(enum config_demand demand)
{
	return demands[demand];
}

static int parse_demand(const struct schema_key *key, const char *text, void *to, struct str *why)
{
	(void)key;
	for (size_t i = 0; i < CONFIG_DEMANDS; i++) {
		if (strcmp(text, demands[i]) == 0) {
			*(enum config_demand *)to = (enum config_demand)i;
			return 0;
		}
	}
	str_add(why, "is none of manual, when-down, when-slow");
	return -EINVAL;
}

static bool format_demand(const void *from, size_t i, struct str *out)
{
	str_add(out, demands[*(const enum config_demand *)from]);
	return i == 0;
}

static const struct schema_type type_demand = {
	.form = "manual, when-down or when-slow",
	.quoted = true,
	.parse = parse_demand,
	.format = format_demand,
};

static int parse_size(const struct schema_key *key, const char *text, void *to, struct str *why)
{
	int64_t bytes;

	if (format_parse_bytes(text, &bytes) < 0 || bytes < key->min) {
		str_addf(why,
			 "is no amount of data, write it as %s: at least %ld bytes, units kB, MB, "
			 "GB, TB",
			 key->example, key->min);
		return -EINVAL;
	}
	*(int64_t *)to = bytes;
	return 0;
}

static bool format_size(const void *from, size_t i, struct str *out)
{
	char text[FORMAT_SIZE];
	int64_t bytes = *(const int64_t *)from;

	if (i > 0 || !bytes)
		return false;
	str_add(out, format_exact_bytes(bytes, text));
	return true;
}

static const struct schema_type type_size = {
	.form = "amount of data",
	.quoted = true,
	.parse = parse_size,
	.format = format_size,
};

static int parse_span(const struct schema_key *key, const char *text, void *to, struct str *why)
{
	int64_t seconds;

	if (format_parse_duration(text, &seconds) < 0 || seconds < key->min || seconds > key->max) {
		str_addf(why, "is no time from %ld to %ld seconds, write it as %s: units s, min, h",
			 key->min, key->max, key->fallback);
		return -EINVAL;
	}
	*(int64_t *)to = seconds;
	return 0;
}

static bool format_time(const void *from, size_t i, struct str *out)
{
	char text[FORMAT_SIZE];

	str_add(out, format_exact_duration(*(const int64_t *)from, text));
	return i == 0;
}

static const struct schema_type type_time = {
	.form = "time",
	.quoted = true,
	.parse = parse_span,
	.format = format_time,
};

static int parse_file(const struct schema_key *key, const char *text, void *to, struct str *why)
{
	char **file = to;

	if (text[0] != '/') {
		// it may be the secret itself
		str_addf(why, "must be the absolute name of a file that holds the key, as %s",
			 key->example);
		return -EINVAL;
	}
	free(*file);
	*file = xstrdup(text);
	return 0;
}

static bool format_file(const void *from, size_t i, struct str *out)
{
	const char *file = *(char *const *)from;

	return file && format_text(file, i, out);
}

// Which another program reads; empty: none is written.
static int parse_output(const struct schema_key *key, const char *text, void *to, struct str *why)
{
	char **file = to;

	if (text[0] != '/' || text[strlen(text) - 1] == '/') {
		str_addf(why, "must be the absolute name of a file, as %s", key->example);
		return -EINVAL;
	}
	free(*file);
	*file = xstrdup(text);
	return 0;
}

static const struct schema_type type_output = {
	.form = "absolute name of a file",
	.quoted = true,
	.parse = parse_output,
	.format = format_file,
};

static const struct schema_type type_file = {
	.form = "absolute name of a file",
	.quoted = true,
	.secret = true,
	.parse = parse_file,
	.format = format_file,
};

static int parse_dial(const struct schema_key *key, const char *text, void *to, struct str *why)
{
	(void)key;
	if (path_dial_from_word(text, to) < 0) {
		str_add(why, "is no way to dial, the ways are ppp, command, none");
		return -EINVAL;
	}
	return 0;
}

static bool format_dial(const void *from, size_t i, struct str *out)
{
	str_add(out, path_dial_word(*(const enum path_dial *)from));
	return i == 0;
}

static const struct schema_type type_dial = {
	.form = "ppp, command or none",
	.quoted = true,
	.parse = parse_dial,
	.format = format_dial,
};

static bool format_some_text(const void *from, size_t i, struct str *out)
{
	return *(const char *)from && format_text(from, i, out);
}

// pppd(8), call: a name without "/" at its begin and without ".." in it.
static int parse_call(const struct schema_key *key, const char *text, void *to, struct str *why)
{
	static const char letters[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./";

	(void)key;
	if (!*text || strlen(text) >= CONFIG_FILE_SIZE || strspn(text, letters) != strlen(text) ||
	    strchr("/-.", text[0]) || strstr(text, "..")) {
		str_add(why, "is no name of a file in /etc/ppp/peers, such as \"dsl-provider\"");
		return -EINVAL;
	}
	str_copy(to, CONFIG_FILE_SIZE, text);
	return 0;
}

static const struct schema_type type_call = {
	.form = "name of a file in /etc/ppp/peers",
	.quoted = true,
	.parse = parse_call,
	.format = format_some_text,
};

static int parse_pid_file(const struct schema_key *key, const char *text, void *to, struct str *why)
{
	if (text[0] != '/' || strlen(text) >= CONFIG_FILE_SIZE) {
		str_addf(why, "is no absolute name of a file (of at most %d bytes), such as %s",
			 CONFIG_FILE_SIZE - 1, key->example);
		return -EINVAL;
	}
	str_copy(to, CONFIG_FILE_SIZE, text);
	return 0;
}

static const struct schema_type type_pid_file = {
	.form = "absolute name of a file",
	.quoted = true,
	.parse = parse_pid_file,
	.format = format_some_text,
};

static int parse_command(const struct schema_key *key, const char *text, void *to, struct str *why)
{
	char clean[CONFIG_COMMAND_SIZE];

	str_copy_clean(clean, sizeof(clean), text);
	if (strcmp(clean, text) != 0 || !text[strspn(text, " ")]) {
		str_addf(why, "is no command: one line of at most %d bytes, such as %s",
			 CONFIG_COMMAND_SIZE - 1, key->example);
		return -EINVAL;
	}
	str_copy(to, CONFIG_COMMAND_SIZE, text);
	return 0;
}

static const struct schema_type type_command = {
	.form = "command, for /bin/sh",
	.quoted = true,
	.parse = parse_command,
	.format = format_some_text,
};

// Keys that the console uses itself, and those that answer its questions.
static const char console_keys[] = "?qQjkgGboacld/nN<>iptuz+-xaAwERDBKyfFvVsS=hH:";

static int parse_hotkey(const struct schema_key *key, const char *text, void *to, struct str *why)
{
	(void)key;
	if (text[0] <= ' ' || text[0] > '~' || text[1]) {
		str_add(why, "is no hotkey, give one printable ASCII character");
		return -EINVAL;
	}
	if (strchr(console_keys, text[0])) {
		str_add(why, "is a key of the console itself, take a digit");
		return -EINVAL;
	}
	*(char *)to = text[0];
	return 0;
}

static bool format_hotkey(const void *from, size_t i, struct str *out)
{
	const char text[] = { *(const char *)from, '\0' };

	return text[0] && format_text(text, i, out);
}

static const struct schema_type type_hotkey = {
	.form = "one character",
	.quoted = true,
	.parse = parse_hotkey,
	.format = format_hotkey,
};

// ---- keys

#define AT(type, field) .offset = offsetof(struct type, field)

// clang-format off

static const struct schema_key top_keys[] = {
	{ "workers", &type_int, AT(config, workers), .fallback = "0", .max = 256,
	  .at_start = true,
	  .help = "Threads that relay connections; 0 means one per processor core." },
	{ "bell", &type_bool, AT(config, bell), .fallback = "no",
	  .help = "The console rings the terminal's bell when a path dies." },
	{ "local", &type_bool, AT(config, local), .fallback = "no",
	  .help = "This machine's own TCP connections are carried too, as those of the LAN are." },
};

static const struct schema_key lan_keys[] = {
	{ "interface", &type_interface, AT(config_lan, interface), .required = true,
	  .example = "\"br0\"", .help = "The interface that the LAN is on." },
	{ "sources", &type_prefixes, AT(config_lan, sources),
	  .otherwise = "every machine on the interface", .example = "{\"192.168.5.32/27\"}",
	  .help = "Machines of the LAN whose connections are carried over the paths." },
	{ "source-bypass", &type_prefixes, AT(config_lan, source_bypass), .otherwise = "none",
	  .example = "{\"192.168.5.40/32\"}",
	  .help = "Machines of the LAN that are left alone although they are in sources." },
	{ "bypass", &type_prefixes, AT(config_lan, bypass), .otherwise = "none",
	  .example = "{\"203.0.113.80/32\"}",
	  .help = "Destinations that are left alone. Private and special ranges, the exits and the\n"
		  "addresses of the paths always are." },
	{ "tproxy-port", &type_port, AT(config_lan, tproxy_port), .fallback = "12345", .min = 1,
	  .max = 65535,
	  .help = "Port on which the gateway takes the connections that the kernel diverts to it." },
	{ "when-unreachable", &type_unreachable, AT(config_lan, when_unreachable),
	  .fallback = "\"block\"",
	  .help = "While no exit can be reached: block refuses new connections, direct carries them\n"
		  "to their targets over the best path, not encrypted by mpgate." },
	{ "refuse-ipv6", &type_bool, AT(config_lan, refuse_ipv6), .fallback = "no",
	  .help = "yes: IPv6 of the LAN's machines to the Internet is refused, so that programs take\n"
		  "IPv4 at once, and nothing goes around mpgate." },
};

static const struct schema_key exit_keys[] = {
	{ "address", &type_host, AT(config_exit, address), .required = true,
	  .example = "\"203.0.113.10\"", .help = "The exit server: IP address or host name." },
	{ "port", &type_port, AT(config_exit, port), .fallback = "8388", .min = 1, .max = 65535,
	  .help = "The server's port." },
	{ "method", &type_method, AT(config_exit, method), .fallback = "\"aes-256-gcm\"",
	  .help = "Encryption, the same as on the server: aes-128-gcm, aes-256-gcm or\n"
		  "chacha20-ietf-poly1305 (faster on processors without AES instructions)." },
	{ "key-file", &type_file, AT(config_exit, key_file), .required = true,
	  .example = "\"/etc/mpgate/singapore.key\"",
	  .help = "File with the secret shared with the server, mode 0600: one line, a password or\n"
		  "\"base64:\" and a random key." },
	{ "socks-port", &type_port, AT(config_exit, socks_port), .fallback = "0", .max = 65535,
	  .example = "1080",
	  .help = "SOCKS5 on this port of the LAN address leads to this exit; 0 means no SOCKS5." },
	{ "default", &type_bool, AT(config_exit, is_default), .fallback = "no",
	  .help = "Diverted connections take this exit. With one exit it is the default anyway." },
	{ "priority", &type_int, AT(config_exit, priority), .fallback = "100", .min = 1,
	  .max = 1000,
	  .help = "Which exit stands in while the default one cannot be reached: the lowest." },
};

static const struct schema_key path_keys[] = {
	{ "interface", &type_interface, AT(config_path, interface),
	  .otherwise = "the name of the path", .example = "\"ppp0\"",
	  .help = "The interface of this link." },
	{ "kind", &type_kind, AT(config_path, kind), .fallback = "\"other\"",
	  .help = "What the link is, for people: adsl, vdsl, fiber, cable, 3g, lte, 5g, wifi,\n"
		  "satellite, vpn, ethernet or other." },
	{ "label", &type_label, AT(config_path, label), .fallback = "\"\"",
	  .example = "\"Telefonica, 2nd floor\"",
	  .help = "A few words of your own, shown in the console." },
	{ "gateway", &type_gateway, AT(config_path, gateway), .otherwise = "found by itself",
	  .example = "\"192.168.1.1\"",
	  .help = "The next router. It is found by itself behind DHCP and PPP." },
	{ "over", &type_over, AT(config_path, over), .otherwise = "found by its routes",
	  .example = "\"ppp0\"",
	  .help = "The path whose line a tunnel rides: its bytes are counted once, and when that\n"
		  "path is down, so is this one, without an alarm of its own." },
	{ "table", &type_table, AT(config_path, table),
	  .otherwise = "100 and the path's place in the file", .example = "101", .min = 1,
	  .max = INT32_MAX,
	  .help = "Number of the routing table that mpgate makes for this path." },
	{ "priority", &type_int, AT(config_path, priority), .fallback = "100", .min = 1,
	  .max = 1000,
	  .help = "Which path begins connections where paths are otherwise alike: the lowest." },
	{ "tier", &type_tier, AT(config_path, tier), .fallback = "\"primary\"",
	  .help = "primary: always used. overflow: used while the primaries are full. backup: used\n"
		  "while no other path is up. never: only probed." },
	{ "optional", &type_bool, AT(config_path, optional), .fallback = "no",
	  .help = "The path stays in standby until it is wanted (a 3G stick): by a person, or as demand\n"
		  "says." },
	{ "demand", &type_demand, AT(config_path, demand), .fallback = "\"manual\"",
	  .help = "What brings an optional path in: manual, a person alone. when-down: also while no\n"
		  "primary is up. when-slow: also while the primaries are full or poor." },
	{ "demand-after", &type_time, AT(config_path, demand_after_s), .fallback = "\"10 s\"",
	  .max = 86400,
	  .help = "How long that has to last before the path is brought in." },
	{ "demand-hold", &type_time, AT(config_path, demand_hold_s), .fallback = "\"2 min\"",
	  .min = 1, .max = 86400,
	  .help = "How long it has to be over before the path goes off again." },
	{ "cap", &type_size, AT(config_path, cap_bytes), .otherwise = "none",
	  .example = "\"2 GB\"", .min = 1000,
	  .help = "How much data this link may use in a billing period, both directions together." },
	{ "cap-day", &type_int, AT(config_path, cap_day), .fallback = "1", .min = 1, .max = 31,
	  .help = "Day of the month on which a billing period begins, at midnight; 31 is the last\n"
		  "day of every month." },
	{ "cap-warn", &type_int, AT(config_path, cap_warn), .fallback = "80", .min = 1, .max = 100,
	  .help = "Percent of the cap from which on it warns." },
	{ "cap-action", &type_cap_action, AT(config_path, cap_action), .fallback = "\"off\"",
	  .help = "When the cap is used up: off takes the path out, backup keeps it for when no\n"
		  "other path is up." },
	{ "hotkey", &type_hotkey, AT(config_path, hotkey), .otherwise = "none", .example = "\"3\"",
	  .help = "Key of the console that switches the path on and off." },
	{ "dial", &type_dial, AT(config_path, dial), .fallback = "\"none\"",
	  .help = "Who brings the link up, and anew when it is dead: ppp (pppd), command (the commands\n"
		  "below), none (not mpgate)." },
	{ "call", &type_call, AT(config_path, call), .otherwise = "none",
	  .example = "\"dsl-provider\"",
	  .help = "dial = \"ppp\": mpgate runs 'pppd call' with this file of /etc/ppp/peers." },
	{ "pid-file", &type_pid_file, AT(config_path, pid_file), .otherwise = "none",
	  .example = "\"/run/ppp0.pid\"",
	  .help = "dial = \"ppp\": where a pppd that something else has started is found." },
	{ "up", &type_command, AT(config_path, up), .otherwise = "none",
	  .example = "\"mmcli -m any --simple-connect=apn=internet\"",
	  .help = "dial = \"command\": brings the link up, and fails with a reason as its last line." },
	{ "down", &type_command, AT(config_path, down), .otherwise = "none",
	  .example = "\"mmcli -m any --simple-disconnect\"",
	  .help = "dial = \"command\": takes the link down." },
	{ "status", &type_command, AT(config_path, status), .otherwise = "none",
	  .example = "\"mmcli -m any -K | grep state\"",
	  .help = "dial = \"command\": its last line says how the link is doing while it is not up." },
	{ "dial-timeout", &type_int, AT(config_path, dial_timeout_s), .fallback = "60", .min = 1,
	  .max = 600,
	  .help = "Seconds that dialling, or a command, may take." },
	{ "bell", &type_bool, AT(config_path, bell), .otherwise = "as outside of the blocks",
	  .example = "yes", .help = "The console rings the terminal's bell when this path dies." },
};

static const struct schema_key pin_keys[] = {
	{ "to", &type_prefixes, AT(config_pin, to), .otherwise = "all that is not left alone",
	  .example = "{\"10.8.0.10/32\"}",
	  .help = "Destinations that go there, also those that are left alone otherwise, such as private\n"
		  "ranges and bypass." },
	{ "from", &type_prefixes, AT(config_pin, from), .otherwise = "the machines that are carried",
	  .example = "{\"192.168.5.40/32\"}",
	  .help = "Machines of the LAN that it is for, also those that are left alone otherwise." },
	{ "ports", &type_ports, AT(config_pin, ports), .otherwise = "all",
	  .example = "{\"22\", \"6000-6100\"}", .help = "Ports at the destination, of TCP and UDP." },
	{ "proto", &type_proto, AT(config_pin, proto), .fallback = "\"any\"",
	  .help = "tcp, udp, or any: ping and all the rest too." },
	{ "via", &type_via, AT(config_pin, via), .required = true, .example = "\"ppp0\"",
	  .help = "A path: straight to the destination over that path, masqueraded. An exit: carried to\n"
		  "that exit. direct: as if mpgate were not there." },
	{ "proxy", &type_bool, AT(config_pin, proxy), .fallback = "no",
	  .help = "With a path: TCP is carried to the exit after all, but over that path alone." },
	{ "when-down", &type_when_down, AT(config_pin, when_down), .fallback = "\"block\"",
	  .help = "While that path or exit is down: block refuses, any goes on as if the pin were not\n"
		  "there." },
};

static const struct schema_key udp_keys[] = {
	{ "mode", &type_udp_mode, AT(config_udp, mode), .fallback = "\"forward\"",
	  .help = "forward: masqueraded over one path. relay: UDP goes through the exit, encrypted as\n"
		  "TCP is, and moves to another path without the far end's noticing." },
	{ "via", &type_names, AT(config_udp, via), .otherwise = "the primary paths in their order",
	  .example = "{\"ppp0\"}",
	  .help = "Paths that may carry it, the best first: the first one that works does." },
	{ "quic", &type_quic, AT(config_udp, quic), .fallback = "\"allow\"",
	  .help = "reject: UDP to port 443 is refused, so that browsers take TCP, over all paths.\n"
		  "pin: it stays on the path that it began on until that dies." },
};

static const struct schema_key dns_keys[] = {
	{ "listen", &schema_type_addrs, AT(config_dns, listen),
	  .otherwise = "every address of the LAN's interface", .example = "{\"192.168.5.1\"}",
	  .help = "Addresses to answer on: of the LAN's interface or of loopback." },
	{ "port", &type_port, AT(config_dns, port), .fallback = "53", .min = 1, .max = 65535,
	  .help = "Port to answer on, by UDP and TCP." },
	{ "upstream", &schema_type_servers, AT(config_dns, upstreams), .required = true,
	  .example = "{\"9.9.9.9\"}",
	  .help = "Name servers that are asked, through the exit and by TCP: the first, and the others\n"
		  "when it does not answer." },
	{ "direct", &schema_type_direct_names, AT(config_dns, direct), .otherwise = "none",
	  .example = "{\"corp.example 10.9.0.53 ppp0\"}",
	  .help = "Domains that are not asked through the exit, each with its name server and the path\n"
		  "to it. Without a path it is reached as the routes say, as one on the LAN is." },
	{ "cache", &type_int, AT(config_dns, cache), .fallback = "4096", .max = 100000,
	  .help = "Answers that are kept for as long as they hold; 0 keeps none." },
	{ "serve-stale", &type_time, AT(config_dns, stale_s), .fallback = "\"24 h\"", .max = 604800,
	  .help = "How long an answer may still be given after that, when nobody gives a newer one\n"
		  "(RFC 8767); 0 s is not at all." },
};

static const struct schema_key metrics_keys[] = {
	{ "listen", &type_listen_near, AT(config_metrics, listen), .fallback = "\"127.0.0.1\"",
	  .help = "Address to listen on: of loopback or of the LAN." },
	{ "port", &type_port, AT(config_metrics, port), .fallback = "9469", .min = 0, .max = 65535,
	  .help = "Port to listen on; 0: do not." },
	{ "textfile", &type_output, AT(config_metrics, textfile), .otherwise = "none",
	  .example = "\"/var/lib/node_exporter/mpgate.prom\"",
	  .help = "A file for node_exporter's textfile collector, written every 15 seconds. Its folder\n"
		  "must be root's to write in." },
};

static const struct schema_key server_keys[] = {
	{ "listen", &type_listen, AT(config_server, listen), .fallback = "\"0.0.0.0\"",
	  .help = "Address to listen on; \"::\" is every address, IPv4 and IPv6." },
	{ "port", &type_port, AT(config_server, port), .fallback = "8388", .min = 1, .max = 65535,
	  .help = "Port to listen on." },
	{ "method", &type_method, AT(config_server, method), .fallback = "\"aes-256-gcm\"",
	  .help = "Encryption, the same as on the gateway: aes-128-gcm, aes-256-gcm or\n"
		  "chacha20-ietf-poly1305." },
	{ "key-file", &type_file, AT(config_server, key_file), .required = true,
	  .example = "\"/etc/mpgate/server.key\"",
	  .help = "File with the secret shared with the gateways, mode 0600: one line, a password\n"
		  "or \"base64:\" and a random key." },
	{ "allow", &type_prefixes, AT(config_server, allow), .otherwise = "none",
	  .example = "{\"127.0.0.1/32\"}",
	  .help = "Targets that gateways may reach although they are in the server's own ranges\n"
		  "(loopback, link-local), which are refused otherwise." },
	{ "udp", &type_bool, AT(config_server, udp), .fallback = "yes",
	  .help = "Answer UDP on the same port, for gateways with udp { mode = \"relay\" }." },
	{ "tune", &type_bool, AT(config_server, tune), .fallback = "yes",
	  .at_start = true,
	  .help = "Set the kernel's MPTCP limits and buffer sizes, where that is permitted." },
};

static const struct schema_key jumpbox_keys[] = {
	{ "tunnels", &type_patterns, AT(config_jumpbox, tunnels), .fallback = "\"tun*\"",
	  .help = "Interfaces of the tunnels that end here; a '*' at the end stands for any rest." },
	{ "uplink", &type_some_interface, AT(config_jumpbox, uplink),
	  .otherwise = "that of the default route", .example = "\"eth0\"",
	  .help = "The interface that leads to the Internet." },
	{ "ranges", &type_prefixes, AT(config_jumpbox, ranges),
	  .otherwise = "those that the routes into the tunnels tell", .example = "{\"10.8.1.0/24\"}",
	  .help = "Addresses behind the tunnels, on top of those that the routes into them tell." },
	{ "between-tunnels", &type_bool, AT(config_jumpbox, between), .fallback = "no",
	  .help = "Whether what comes out of one tunnel may go into another, or back into its own." },
};

// clang-format on

// ---- blocks

static void *make_top(struct config *config, int line)
{
	(void)line;
	return config;
}

static void *make_lan(struct config *config, int line)
{
	(void)line;
	return &config->lan;
}

static void *make_exit(struct config *config, int line)
{
	struct config_exit *exit;

	if (config->n_exits == CONFIG_EXITS_MAX)
		return NULL;
	exit = &config->exits[config->n_exits++];
	exit->line = line;
	return exit;
}

static void *make_path(struct config *config, int line)
{
	struct config_path *path;

	if (config->n_paths == PATHS_MAX)
		return NULL;
	path = &config->paths[config->n_paths++];
	path->line = line;
	return path;
}

static void *make_pin(struct config *config, int line)
{
	struct config_pin *pin;

	if (config->n_pins == CONFIG_PINS_MAX)
		return NULL;
	pin = &config->pins[config->n_pins];
	pin->slot = (uint8_t)config->n_pins++;
	pin->line = line;
	return pin;
}

static void *make_udp(struct config *config, int line)
{
	(void)line;
	config->udp.present = true;
	return &config->udp;
}

static void *make_dns(struct config *config, int line)
{
	(void)line;
	config->dns.present = true;
	return &config->dns;
}

static void *make_metrics(struct config *config, int line)
{
	(void)line;
	config->metrics.present = true;
	return &config->metrics;
}

static void *make_server(struct config *config, int line)
{
	(void)line;
	config->server.present = true;
	return &config->server;
}

static void *make_jumpbox(struct config *config, int line)
{
	(void)line;
	config->jumpbox.present = true;
	return &config->jumpbox;
}

#define KEYS(array) .keys = array, .n_keys = ARRAY_LEN(array)

const struct schema_block schema_blocks[SCHEMA_BLOCKS] = {
	[SCHEMA_TOP] = { "", KEYS(top_keys), .make = make_top,
			 .help = "Keys outside of any block." },
	[SCHEMA_LAN] = { "lan", KEYS(lan_keys), .make = make_lan,
			 .help = "The LAN, and which of its connections are carried." },
	[SCHEMA_EXIT] = { "exit", "NAME", "singapore", KEYS(exit_keys), .make = make_exit,
			  .max = CONFIG_EXITS_MAX,
			  .help = "An exit: the server where connections leave for the Internet.\n"
				  "There may be several, each with a name of its own." },
	[SCHEMA_PATH] = { "path", "NAME", "ppp0", KEYS(path_keys), .make = make_path,
			  .max = PATHS_MAX,
			  .help = "A path: one link to the Internet. One block for each." },
	[SCHEMA_PIN] = { "pin", "NAME", "office", KEYS(pin_keys), .make = make_pin,
			 .max = CONFIG_PINS_MAX,
			 .help = "Some destinations or machines over one path, to one exit, or "
				 "past mpgate. The\n"
				 "first that fits decides." },
	[SCHEMA_UDP] = { "udp", KEYS(udp_keys), .make = make_udp,
			 .help = "What of the LAN is not TCP: it is forwarded and masqueraded over "
				 "one path, and\n"
				 "moves when that dies; or UDP goes through the exit. Without the "
				 "block it is\n"
				 "left to you." },
	[SCHEMA_DNS] = { "dns", KEYS(dns_keys), .make = make_dns,
			 .help = "DNS for the LAN, carried through the exit. Without the block "
				 "nothing listens." },
	[SCHEMA_METRICS] = { "metrics", KEYS(metrics_keys), .make = make_metrics,
			     .help = "The gateway's numbers over HTTP, as "
				     "http://127.0.0.1:9469/metrics, for\n"
				     "Prometheus. Without the block nothing listens." },
	[SCHEMA_SERVER] = { "server", KEYS(server_keys), .make = make_server,
			    .help = "For the exit server ('mpgate server'); a gateway has no such "
				    "block." },
	[SCHEMA_JUMPBOX] = { "jumpbox", KEYS(jumpbox_keys), .make = make_jumpbox,
			     .help = "For the jumpbox ('mpgate jumpbox'), where tunnels end and "
				     "their packets go\n"
				     "on to the Internet; a gateway has no such block." },
};

const struct schema_key *schema_find(const struct schema_block *block, const char *word)
{
	for (size_t i = 0; i < block->n_keys; i++) {
		if (strcmp(block->keys[i].word, word) == 0)
			return &block->keys[i];
	}
	return NULL;
}

const struct schema_key *schema_guess(const struct schema_block *block, const char *word)
{
	const struct schema_key *near = NULL;
	unsigned best = 3; // more than two slips is another word

	for (size_t i = 0; i < block->n_keys; i++) {
		const struct schema_key *key = &block->keys[i];
		unsigned distance = str_distance(word, key->word);

		// people rarely get the first letter wrong: "tabel" is "table", "lable" is "label"
		if (distance < best || (near && distance == best && key->word[0] == word[0])) {
			best = distance;
			near = key;
		}
	}
	return near;
}
