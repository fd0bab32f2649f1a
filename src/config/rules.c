// SPDX-License-Identifier: GPL-2.0-or-later
#include "config/config_priv.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

// MPTCP_PM_ADDR_MAX: a network namespace has this many endpoints, up to Linux 6.18.
#define ENDPOINTS_MAX 8

static const struct statement *statement_of(const struct piece *piece, const char *word)
{
	return &piece->statements[schema_find(piece->block, word) - piece->block->keys];
}

int rules_line_of(const struct piece *piece, const char *word)
{
	int line = statement_of(piece, word)->line;

	return line ? line : piece->line;
}

bool rules_is_given(const struct piece *piece, const char *word)
{
	return statement_of(piece, word)->line != 0;
}

// ---- presence

static void check_presence(struct loaded *l)
{
	const struct config *config = l->config;
	bool gateway = l->lan || config->n_exits || config->n_paths;

	if (l->role == CONFIG_ROLE_SERVER) {
		if (!l->server)
			complain(l, 0,
				 "no block 'server', add: server { key-file = "
				 "\"/etc/mpgate/server.key\" }");
		return;
	}
	if (l->role == CONFIG_ROLE_JUMPBOX) {
		if (!l->jumpbox)
			complain(l, 0, "no block 'jumpbox', add: jumpbox { }");
		return;
	}
	if (l->role == CONFIG_ROLE_ANY && !gateway) {
		if (!l->server && !l->jumpbox)
			complain(l, 0,
				 "nothing to do: neither the blocks of a gateway (lan, exit, path) "
				 "nor 'server' or 'jumpbox'; 'mpgate config --default' shows them");
		return;
	}
	if (!l->lan)
		complain(l, 0, "no block 'lan', add: lan { interface = \"br0\" }");
	if (!config->n_exits)
		complain(l, 0, "no block 'exit', add: exit NAME { address = ... key-file = ... }");
	if (!config->n_paths)
		complain(l, 0, "no block 'path', add for each link: path NAME { interface = ... }");
}

// ---- exits

static void check_exit_names(struct loaded *l)
{
	const struct config_exit *exits = l->config->exits;

	for (size_t i = 0; i < l->config->n_exits; i++) {
		for (size_t j = 0; j < i && exits[i].name[0]; j++) {
			if (strcmp(exits[i].name, exits[j].name) == 0) {
				complain(l, exits[i].line,
					 "exit '%s' was defined before, on line %d; give it "
					 "another name",
					 exits[i].name, exits[j].line);
				break;
			}
		}
	}
}

static void check_default_exit(struct loaded *l)
{
	struct config_exit *exits = l->config->exits, *found = NULL;

	if (l->config->n_exits == 1) {
		exits[0].is_default = true;
		return;
	}
	for (size_t i = 0; i < l->config->n_exits; i++) {
		if (!exits[i].is_default)
			continue;
		if (found)
			complain(l, rules_line_of(l->exits[i], "default"),
				 "exit '%s' is the default, but '%s' is already (line %d); "
				 "leave one",
				 exits[i].name, found->name,
				 rules_line_of(l->exits[found - exits], "default"));
		else
			found = &exits[i];
	}
	if (!found && l->config->n_exits)
		complain(l, exits[0].line,
			 "no exit is the default, add 'default = yes' to one of them");
}

static void check_key_file(struct loaded *l, const struct piece *piece, const char *name,
			   const char *file, enum config_method method)
{
	struct str why = { 0 };
	char *secret = NULL;
	int rc;

	if (!file)
		return;
	rc = secret_read(file, &method, &secret, &why);
	config_secret_free(secret);
	// who only checks the file need not be the one who runs it
	if (rc < 0)
		complaints_add(l->complaints,
			       rc == -EACCES && l->role == CONFIG_ROLE_ANY ? COMPLAINT_WARNING
									   : COMPLAINT_ERROR,
			       rules_line_of(piece, "key-file"), "%s%s: key-file '%s' %s",
			       piece->block->word, name, file, why.text);
	str_fini(&why);
}

static bool serves(const struct loaded *l, enum config_role role)
{
	return l->role == role || l->role == CONFIG_ROLE_ANY;
}

// Those that the role will use: the other's may be on another machine.
static void check_key_files(struct loaded *l)
{
	const struct config *config = l->config;
	char name[NAME_SIZE + 4];

	for (size_t i = 0; i < config->n_exits && serves(l, CONFIG_ROLE_GATEWAY); i++) {
		snprintf(name, sizeof(name), " '%s'", config->exits[i].name);
		check_key_file(l, l->exits[i], name, config->exits[i].key_file,
			       config->exits[i].method);
	}
	if (l->server && serves(l, CONFIG_ROLE_SERVER))
		check_key_file(l, l->server, "", config->server.key_file, config->server.method);
}

// ---- paths

// What a path takes from others when it does not say it.
static void complete_paths(struct loaded *l)
{
	for (size_t i = 0; i < l->config->n_paths; i++) {
		struct config_path *path = &l->config->paths[i];

		if (!rules_is_given(l->paths[i], "interface"))
			str_copy(path->interface, sizeof(path->interface), path->name);
		path->table_given = rules_is_given(l->paths[i], "table");
		if (!path->table_given)
			path->table = FIRST_PATH_TABLE + (uint32_t)i;
		if (!rules_is_given(l->paths[i], "bell"))
			path->bell = l->config->bell;
	}
}

static void compare_paths(struct loaded *l, size_t i, size_t j)
{
	const struct config_path *a = &l->config->paths[i], *b = &l->config->paths[j];
	const struct piece *piece = l->paths[i];

	if (a->name[0] && strcmp(a->name, b->name) == 0)
		complain(l, a->line,
			 "path '%s' was defined before, on line %d; give it another name", a->name,
			 b->line);
	if (a->interface[0] && strcmp(a->interface, b->interface) == 0)
		complain(l, rules_line_of(piece, "interface"),
			 "path '%s': interface '%s' is that of path '%s' (line %d), "
			 "a path needs one of its own",
			 a->name, a->interface, b->name, b->line);
	if (a->table && a->table == b->table)
		complain(l, rules_line_of(piece, "table"),
			 "path '%s': table %u is that of path '%s' (line %d), take another number",
			 a->name, a->table, b->name, b->line);
	if (a->hotkey && a->hotkey == b->hotkey)
		complain(l, rules_line_of(piece, "hotkey"),
			 "path '%s': hotkey '%c' is that of path '%s' (line %d), take another",
			 a->name, a->hotkey, b->name, b->line);
}

static void check_over(struct loaded *l, size_t i)
{
	const struct config_path *path = &l->config->paths[i];
	const struct config_path *over =
		path->over[0] ? config_find_path(l->config, path->over) : NULL;

	if (!path->over[0] || over == path)
		return;
	if (!over)
		complain(l, rules_line_of(l->paths[i], "over"),
			 "path '%s': there is no path '%s' that it could ride, "
			 "give the name of one of the paths",
			 path->name, path->over);
	else if (over->over[0] && strcmp(over->over, over->name) != 0)
		complain(
			l, rules_line_of(l->paths[i], "over"),
			"path '%s': path '%s' rides another one itself, name the one with the line",
			path->name, path->over);
}

// Keys of one way to dial that stand beside another.
static void check_unused(struct loaded *l, size_t i, enum path_dial dial, const char *const words[])
{
	const struct config_path *path = &l->config->paths[i];

	for (; *words && path->dial != dial; words++) {
		if (rules_is_given(l->paths[i], *words))
			complaints_add(
				l->complaints, COMPLAINT_WARNING,
				rules_line_of(l->paths[i], *words),
				"path '%s': %s is of no use, it is for dial = \"%s\" and the path "
				"has \"%s\"",
				path->name, *words, path_dial_word(dial),
				path_dial_word(path->dial));
	}
}

static void check_dial(struct loaded *l, size_t i)
{
	static const char *const of_ppp[] = { "call", "pid-file", NULL };
	static const char *const of_command[] = { "up", "down", "status", NULL };
	const struct config_path *path = &l->config->paths[i];

	check_unused(l, i, PATH_DIAL_PPP, of_ppp);
	check_unused(l, i, PATH_DIAL_COMMAND, of_command);
	if (path->dial == PATH_DIAL_PPP && !rules_is_given(l->paths[i], "call") &&
	    !rules_is_given(l->paths[i], "pid-file"))
		complain(l, rules_line_of(l->paths[i], "dial"),
			 "path '%s': dial = \"ppp\" needs 'call' (the file in /etc/ppp/peers that "
			 "mpgate is to dial with) or 'pid-file' (of a pppd that is started "
			 "elsewhere)",
			 path->name);
	if (path->dial == PATH_DIAL_COMMAND && !rules_is_given(l->paths[i], "up"))
		complain(l, rules_line_of(l->paths[i], "dial"),
			 "path '%s': dial = \"command\" needs the command, add: up = \"ifup %s\"",
			 path->name, path->interface);
}

static void check_demand(struct loaded *l, size_t i)
{
	const struct config_path *path = &l->config->paths[i];

	if (path->demand != CONFIG_DEMAND_MANUAL && !path->optional)
		complain(l, rules_line_of(l->paths[i], "demand"),
			 "path '%s': demand '%s' is for an optional path, add 'optional = yes'",
			 path->name, config_demand_word(path->demand));
	else if (path->demand != CONFIG_DEMAND_MANUAL && path->tier == PATH_TIER_NEVER)
		complain(l, rules_line_of(l->paths[i], "demand"),
			 "path '%s': demand '%s' would bring in a path whose tier is never",
			 path->name, config_demand_word(path->demand));
}

static void check_cap(struct loaded *l, size_t i)
{
	static const char *const words[] = { "cap-day", "cap-warn", "cap-action" };
	const struct config_path *path = &l->config->paths[i];

	for (size_t k = 0; k < sizeof(words) / sizeof(words[0]) && !path->cap_bytes; k++) {
		if (rules_is_given(l->paths[i], words[k]))
			complaints_add(
				l->complaints, COMPLAINT_WARNING,
				rules_line_of(l->paths[i], words[k]),
				"path '%s': %s does nothing without a cap, add 'cap = \"2 GB\"'",
				path->name, words[k]);
	}
}

static void check_udp(struct loaded *l)
{
	const struct config_names *via = &l->config->udp.via;

	for (size_t i = 0; i < via->n; i++) {
		if (!config_find_path(l->config, via->list[i]))
			complain(l, rules_line_of(l->udp, "via"),
				 "udp: there is no path '%s', give names of paths", via->list[i]);
	}
}

static void check_dns(struct loaded *l)
{
	const struct statement *st = statement_of(l->dns, "direct");
	const struct config_direct_names *direct = &l->config->dns.direct;

	for (size_t i = 0; i < direct->n; i++) {
		const struct config_direct_name *name = &direct->list[i];
		int line = i < st->n_items ? st->item_lines[i] : st->line;

		if (name->path[0] && !config_find_path(l->config, name->path))
			complain(l, line,
				 "dns: direct '%s': there is no path '%s', give the name of one or "
				 "leave it out",
				 name->suffix, name->path);
		for (size_t j = 0; j < i; j++) {
			if (strcasecmp(name->suffix, direct->list[j].suffix) == 0)
				complain(l, line, "dns: direct '%s' was given before, leave one",
					 name->suffix);
		}
	}
}

static void check_paths(struct loaded *l)
{
	const struct config *config = l->config;
	size_t wanted = 0;

	for (size_t i = 0; i < config->n_paths; i++) {
		const struct config_path *path = &config->paths[i];

		for (size_t j = 0; j < i; j++)
			compare_paths(l, i, j);
		check_over(l, i);
		check_dial(l, i);
		check_demand(l, i);
		check_cap(l, i);
		if (path->interface[0] && strcmp(path->interface, config->lan.interface) == 0 &&
		    !addr_is_set(&path->gateway))
			complain(l, rules_line_of(l->paths[i], "interface"),
				 "path '%s': interface '%s' is that of the LAN, a path leads "
				 "elsewhere; if "
				 "its router is on the LAN, name it: gateway = \"192.168.1.1\"",
				 path->name, path->interface);
		if (!path->optional && ++wanted == ENDPOINTS_MAX + 1)
			complaints_add(l->complaints, COMPLAINT_WARNING, path->line,
				       "path '%s' is number %zu, the kernel joins %d at a time; "
				       "the best will be used",
				       path->name, wanted, ENDPOINTS_MAX);
	}
}

// ---- ports

struct listener {
	const char *key;
	const struct piece *piece;
	uint16_t port;
};

static void check_ports(struct loaded *l)
{
	const struct config *config = l->config;
	struct listener list[CONFIG_EXITS_MAX + 4];
	size_t n = 0;

	if (l->lan)
		list[n++] = (struct listener){ "tproxy-port", l->lan, config->lan.tproxy_port };
	for (size_t i = 0; i < config->n_exits; i++)
		list[n++] =
			(struct listener){ "socks-port", l->exits[i], config->exits[i].socks_port };
	if (l->dns)
		list[n++] = (struct listener){ "port", l->dns, config->dns.port };
	if (l->metrics)
		list[n++] = (struct listener){ "port", l->metrics, config->metrics.port };
	if (l->server)
		list[n++] = (struct listener){ "port", l->server, config->server.port };
	for (size_t i = 0; i < n; i++) {
		for (size_t j = 0; j < i && list[i].port; j++) {
			if (list[i].port != list[j].port)
				continue;
			complain(l, rules_line_of(list[i].piece, list[i].key),
				 "%s %u is the %s of line %d, "
				 "each listener needs a port of its own",
				 list[i].key, list[i].port, list[j].key,
				 rules_line_of(list[j].piece, list[j].key));
			break;
		}
	}
}

void rules_check(struct loaded *l)
{
	complete_paths(l);
	check_presence(l);
	check_exit_names(l);
	check_default_exit(l);
	check_paths(l);
	if (l->udp)
		check_udp(l);
	if (l->dns)
		check_dns(l);
	rules_check_pins(l);
	check_ports(l);
	check_key_files(l);
}
