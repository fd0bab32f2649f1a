// SPDX-License-Identifier: GPL-2.0-or-later
// The types of values that only the block `dns` has: lists of addresses, of name servers, and of
// names that are asked elsewhere.

#include "config/config_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define DNS_PORT 53
// RFC 1035, 2.3.4, without the final dot.
#define DNS_NAME_MAX  253
#define DNS_LABEL_MAX 63

static bool is_one_machine(const struct addr *addr)
{
	static const uint8_t zero[16];
	bool multicast = addr->family == AF_INET ? addr->bytes[0] >= 0xe0 : addr->bytes[0] == 0xff;

	return !multicast && memcmp(addr->bytes, zero, addr_len(addr)) != 0;
}

// ---- addresses to listen on

static int parse_addr(const struct schema_key *key, const char *text, void *to, struct str *why)
{
	struct config_addrs *addrs = to;
	struct addr addr;

	(void)key;
	if (addr_parse(text, &addr) < 0 || !is_one_machine(&addr)) {
		str_add(why, "is no address of one machine, give one that the LAN's interface or "
			     "loopback has, "
			     "such as \"192.168.5.1\" or \"127.0.0.1\"");
		return -EINVAL;
	}
	if (addrs->n == CONFIG_DNS_LISTEN_MAX) {
		str_addf(why, "is too many, there may be %d", CONFIG_DNS_LISTEN_MAX);
		return -EINVAL;
	}
	addrs->list = xgrow(addrs->list, addrs->n, sizeof(addr));
	addrs->list[addrs->n++] = addr;
	return 0;
}

static bool format_addr(const void *from, size_t i, struct str *out)
{
	const struct config_addrs *addrs = from;
	char text[ADDR_STRLEN];

	if (i >= addrs->n)
		return false;
	str_add(out, addr_format(&addrs->list[i], text));
	return true;
}

const struct schema_type schema_type_addrs = {
	.form = "list of IP addresses",
	.list = true,
	.quoted = true,
	.parse = parse_addr,
	.format = format_addr,
};

// ---- name servers

// "9.9.9.9", "9.9.9.9:5353", "2620:fe::9", "[2620:fe::9]:5353"
static int parse_server(const char *text, union sockaddr_any *out)
{
	char host[ADDR_STRLEN];
	const char *port = NULL;
	struct addr addr;
	long number = DNS_PORT;

	if (strlen(text) >= sizeof(host))
		return -EINVAL;
	str_copy(host, sizeof(host), text);
	if (text[0] == '[') {
		const char *end = strchr(text, ']');

		if (!end || (end[1] && end[1] != ':'))
			return -EINVAL;
		str_copy(host, (size_t)(end - text), text + 1);
		port = end[1] ? end + 2 : NULL;
	} else if (strchr(text, ':') && strchr(text, ':') == strrchr(text, ':')) {
		host[strcspn(host, ":")] = '\0';
		port = strchr(text, ':') + 1;
	}
	if (port) {
		size_t digits = strspn(port, "0123456789");

		if (!digits || digits > 5 || port[digits])
			return -EINVAL;
		number = strtol(port, NULL, 10);
	}
	if (addr_parse(host, &addr) < 0 || !is_one_machine(&addr) || number < 1 ||
	    number > UINT16_MAX)
		return -EINVAL;
	*out = sockaddr_make(&addr, (uint16_t)number);
	return 0;
}

// As parse_server() takes it.
static void format_server(const union sockaddr_any *server, struct str *out)
{
	struct addr addr = addr_from_sockaddr(server);
	char text[ADDR_STRLEN];

	if (sockaddr_port(server) == DNS_PORT)
		str_add(out, addr_format(&addr, text));
	else
		str_add(out, sockaddr_format(server, text));
}

static int parse_upstream(const struct schema_key *key, const char *text, void *to, struct str *why)
{
	struct config_servers *servers = to;
	union sockaddr_any server;

	if (parse_server(text, &server) < 0) {
		str_addf(why,
			 "is no address of a name server, write them as %s, with a port as "
			 "\"192.0.2.1:5353\"",
			 key->example);
		return -EINVAL;
	}
	if (servers->n == CONFIG_DNS_UPSTREAMS_MAX) {
		str_addf(why, "is too many, there may be %d", CONFIG_DNS_UPSTREAMS_MAX);
		return -EINVAL;
	}
	servers->list = xgrow(servers->list, servers->n, sizeof(server));
	servers->list[servers->n++] = server;
	return 0;
}

static bool format_upstream(const void *from, size_t i, struct str *out)
{
	const struct config_servers *servers = from;

	if (i >= servers->n)
		return false;
	format_server(&servers->list[i], out);
	return true;
}

const struct schema_type schema_type_servers = {
	.form = "list of addresses",
	.list = true,
	.ordered = true,
	.quoted = true,
	.parse = parse_upstream,
	.format = format_upstream,
};

// ---- names that go direct

// Letters, digits, '-' and '_' (RFC 2782) in labels.
static bool is_domain(const char *text)
{
	static const char letters[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
	size_t len = strlen(text);

	if (!len || len > DNS_NAME_MAX)
		return false;
	while (*text) {
		size_t label = strspn(text, letters);

		if (!label || label > DNS_LABEL_MAX)
			return false;
		text += label;
		if (*text == '.' && text[1])
			text++;
		else if (*text)
			return false;
	}
	return true;
}

static int parse_direct(const struct schema_key *key, const char *text, void *to, struct str *why)
{
	struct config_direct_names *names = to;
	struct config_direct_name name = { 0 };
	char copy[512], *rest = copy, *words[3] = { 0 };
	size_t n = 0;

	str_copy(copy, sizeof(copy), text);
	for (char *word; (word = strsep(&rest, " ")) != NULL;) {
		if (*word && n < 3)
			words[n++] = word;
		else if (*word)
			n = 4;
	}
	if (strlen(text) >= sizeof(copy) || n < 2 || n > 3 || !is_domain(words[0]) ||
	    parse_server(words[1], &name.server) < 0 ||
	    (words[2] && strlen(words[2]) >= NAME_SIZE)) {
		str_addf(why,
			 "is not a domain, the address of its name server and, if it is to be "
			 "asked over one, a "
			 "path: write it as %s",
			 key->example);
		return -EINVAL;
	}
	str_copy(name.suffix, sizeof(name.suffix), words[0]);
	str_copy(name.path, sizeof(name.path), words[2] ? words[2] : "");
	names->list = xgrow(names->list, names->n, sizeof(name));
	names->list[names->n++] = name;
	return 0;
}

static bool format_direct(const void *from, size_t i, struct str *out)
{
	const struct config_direct_names *names = from;
	const struct config_direct_name *name;

	if (i >= names->n)
		return false;
	name = &names->list[i];
	str_addf(out, "%s ", name->suffix);
	format_server(&name->server, out);
	if (name->path[0])
		str_addf(out, " %s", name->path);
	return true;
}

const struct schema_type schema_type_direct_names = {
	.form = "list of domains, each with a name server and maybe a path",
	.list = true,
	.quoted = true,
	.parse = parse_direct,
	.format = format_direct,
};
