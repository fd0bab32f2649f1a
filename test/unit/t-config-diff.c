// SPDX-License-Identifier: GPL-2.0-or-later
//
// What a reload sees: every key of the schema, and where exits and paths go.
#include "unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/config_priv.h"

#define LAN    "lan { interface = br0 }\n"
#define EXIT_X "exit x { address = \"192.0.2.1\" key-file = \"@\" default = yes }\n"
#define EXIT_Y "exit y { address = \"192.0.2.2\" key-file = \"@\" }\n"

static char key_file[2][32];

static void make_key_files(void)
{
	for (int i = 0; i < 2 && !key_file[i][0]; i++) {
		int fd = memfd_create("key", MFD_CLOEXEC);

		assert_true(fd >= 0);
		assert_int_equal(fchmod(fd, 0600), 0);
		assert_int_equal(write(fd, "password\n", 9), 9);
		snprintf(key_file[i], sizeof(key_file[i]), "/proc/self/fd/%d", fd);
	}
}

// '@' and '%' stand for good key files.
static char *fill_in(const char *text)
{
	struct str out = { 0 };

	make_key_files();
	for (; *text; text++) {
		if (*text == '@' || *text == '%')
			str_add(&out, key_file[*text == '%']);
		else
			str_add_bytes(&out, text, 1);
	}
	return str_take(&out);
}

static struct config *load(const char *text)
{
	char *full = fill_in(text);
	struct str errors = { 0 };
	struct config *config = NULL;

	if (config_load_text("f", full, strlen(full), CONFIG_ROLE_ANY, &config, &errors) < 0)
		fail_msg("%s\n%s", full, str_text(&errors));
	str_fini(&errors);
	free(full);
	return config;
}

static void check_diff(const struct config *from, const struct config *to, size_t n,
		       const char *lines)
{
	char *expected = fill_in(lines);
	struct str out = { 0 };

	assert_int_equal(config_diff(from, to, &out), n);
	assert_string_equal(str_text(&out), expected);
	str_fini(&out);
	free(expected);
}

// ---- every key

// A key with another value than its block has by default, and the line that tells of it.
static const struct {
	int block;
	const char *key, *value, *line;
} keys[] = {
	{ SCHEMA_TOP, "workers", "3", "workers 0 -> 3 (at the next start)" },
	{ SCHEMA_TOP, "bell", NULL, NULL }, // below: it is the paths' too
	{ SCHEMA_TOP, "local", "yes", "local no -> yes" },
	{ SCHEMA_LAN, "interface", "br1", "lan.interface br0 -> br1" },
	{ SCHEMA_LAN, "sources", "{\"192.0.2.0/24\"}", "lan.sources +192.0.2.0/24" },
	{ SCHEMA_LAN, "source-bypass", "{\"192.0.2.0/24\"}", "lan.source-bypass +192.0.2.0/24" },
	{ SCHEMA_LAN, "bypass", "{\"192.0.2.0/24\"}", "lan.bypass +192.0.2.0/24" },
	{ SCHEMA_LAN, "when-unreachable", "\"direct\"", "lan.when-unreachable block -> direct" },
	{ SCHEMA_LAN, "tproxy-port", "12346", "lan.tproxy-port 12345 -> 12346" },
	{ SCHEMA_LAN, "refuse-ipv6", "yes", "lan.refuse-ipv6 no -> yes" },
	{ SCHEMA_EXIT, "address", "\"192.0.2.9\"", "exit.x.address 192.0.2.1 -> 192.0.2.9" },
	{ SCHEMA_EXIT, "port", "8389", "exit.x.port 8388 -> 8389" },
	{ SCHEMA_EXIT, "method", "\"aes-128-gcm\"", "exit.x.method aes-256-gcm -> aes-128-gcm" },
	{ SCHEMA_EXIT, "key-file", "\"%\"", "exit.x.key-file @ -> %" },
	{ SCHEMA_EXIT, "socks-port", "1080", "exit.x.socks-port 0 -> 1080" },
	{ SCHEMA_EXIT, "priority", "50", "exit.x.priority 100 -> 50" },
	{ SCHEMA_EXIT, "default", NULL, NULL }, // below: it takes two exits
	{ SCHEMA_EXIT, "priority", "50", "exit.x.priority 100 -> 50" },
	{ SCHEMA_PATH, "interface", "eth9", "path.a.interface a -> eth9" },
	{ SCHEMA_PATH, "kind", "\"3g\"", "path.a.kind other -> 3g" },
	{ SCHEMA_PATH, "label", "\"a b\"", "path.a.label \"\" -> a b" },
	{ SCHEMA_PATH, "gateway", "\"10.0.0.1\"", "path.a.gateway found by itself -> 10.0.0.1" },
	{ SCHEMA_PATH, "over", NULL, NULL }, // it takes two paths
	{ SCHEMA_PATH, "table", "300", "path.a.table 101 -> 300" },
	{ SCHEMA_PATH, "priority", "50", "path.a.priority 100 -> 50" },
	{ SCHEMA_PATH, "tier", "\"backup\"", "path.a.tier primary -> backup" },
	{ SCHEMA_PATH, "tier", "\"backup\"", "path.a.tier primary -> backup" },
	{ SCHEMA_PATH, "optional", "yes", "path.a.optional no -> yes" },
	{ SCHEMA_PATH, "demand", NULL, NULL }, // it takes optional = yes
	{ SCHEMA_PATH, "demand-after", "\"1 min\"", "path.a.demand-after 10 s -> 1 min" },
	{ SCHEMA_PATH, "demand-hold", "\"90s\"", "path.a.demand-hold 2 min -> 90 s" },
	{ SCHEMA_PATH, "cap", "\"1.5G\"", "path.a.cap none -> 1500 MB" },
	{ SCHEMA_PATH, "cap-day", "15", "path.a.cap-day 1 -> 15" },
	{ SCHEMA_PATH, "cap-warn", "70", "path.a.cap-warn 80 -> 70" },
	{ SCHEMA_PATH, "cap-action", "\"backup\"", "path.a.cap-action off -> backup" },
	{ SCHEMA_PATH, "hotkey", "\"3\"", "path.a.hotkey none -> 3" },
	{ SCHEMA_PATH, "dial", NULL, NULL }, // it takes another key
	{ SCHEMA_PATH, "call", "\"dsl\"", "path.a.call none -> dsl" },
	{ SCHEMA_PATH, "pid-file", "\"/run/ppp0.pid\"", "path.a.pid-file none -> /run/ppp0.pid" },
	{ SCHEMA_PATH, "up", "\"ifup a\"", "path.a.up none -> ifup a" },
	{ SCHEMA_PATH, "down", "\"ifdown a\"", "path.a.down none -> ifdown a" },
	{ SCHEMA_PATH, "status", "\"ifquery a\"", "path.a.status none -> ifquery a" },
	{ SCHEMA_PATH, "dial-timeout", "30", "path.a.dial-timeout 60 -> 30" },
	{ SCHEMA_PATH, "bell", "yes", "path.a.bell no -> yes" },
	{ SCHEMA_PIN, "to", "{\"10.9.0.0/16\"}", "pin.p.to +10.9.0.0/16" },
	{ SCHEMA_PIN, "from", "{\"192.0.2.0/24\"}", "pin.p.from +192.0.2.0/24" },
	{ SCHEMA_PIN, "ports", "{\"22\", \"30-39\"}", "pin.p.ports +30-39 -25" },
	{ SCHEMA_PIN, "proto", "\"udp\"", "pin.p.proto any -> udp" },
	{ SCHEMA_PIN, "via", "\"x\"", "pin.p.via a -> x" },
	{ SCHEMA_PIN, "proxy", "yes", "pin.p.proxy no -> yes" },
	{ SCHEMA_PIN, "when-down", "\"any\"", "pin.p.when-down block -> any" },
	{ SCHEMA_UDP, "via", "{\"a\", \"a\"}", "udp.via the primary paths in their order -> a, a" },
	{ SCHEMA_UDP, "quic", "\"reject\"", "udp.quic allow -> reject" },
	{ SCHEMA_UDP, "quic", "\"pin\"", "udp.quic allow -> pin" },
	{ SCHEMA_UDP, "mode", "\"relay\"", "udp.mode forward -> relay" },
	{ SCHEMA_DNS, "listen", "{\"127.0.0.1\", \"fd00::1\"}", "dns.listen +127.0.0.1 +fd00::1" },
	{ SCHEMA_DNS, "port", "5353", "dns.port 53 -> 5353" },
	{ SCHEMA_DNS, "upstream", "{\"192.0.2.2:54\", \"[2001:db8::1]:54\"}",
	  "dns.upstream 192.0.2.1 -> 192.0.2.2:54, [2001:db8::1]:54" },
	{ SCHEMA_DNS, "direct", "{\"corp.example  192.0.2.53 a\"}",
	  "dns.direct +corp.example 192.0.2.53 a" },
	{ SCHEMA_DNS, "cache", "0", "dns.cache 4096 -> 0" },
	{ SCHEMA_DNS, "serve-stale", "\"0 s\"", "dns.serve-stale 1 days -> 0 s" },
	{ SCHEMA_METRICS, "listen", "\"::1\"", "metrics.listen 127.0.0.1 -> ::1" },
	{ SCHEMA_METRICS, "port", "9471", "metrics.port 9470 -> 9471" },
	{ SCHEMA_METRICS, "textfile", "\"/run/m.prom\"", "metrics.textfile none -> /run/m.prom" },
	{ SCHEMA_SERVER, "listen", "\"::\"", "server.listen 0.0.0.0 -> ::" },
	{ SCHEMA_SERVER, "port", "8389", "server.port 8390 -> 8389" },
	{ SCHEMA_SERVER, "method", "\"aes-128-gcm\"", "server.method aes-256-gcm -> aes-128-gcm" },
	{ SCHEMA_SERVER, "key-file", "\"%\"", "server.key-file @ -> %" },
	{ SCHEMA_SERVER, "allow", "{\"127.0.0.1/32\"}", "server.allow +127.0.0.1/32" },
	{ SCHEMA_SERVER, "udp", "no", "server.udp yes -> no" },
	{ SCHEMA_SERVER, "tune", "no", "server.tune yes -> no (at the next start)" },
	{ SCHEMA_JUMPBOX, "tunnels", "{\"wg*\", \"tun7\"}", "jumpbox.tunnels +wg* +tun7 -tun*" },
	{ SCHEMA_JUMPBOX, "uplink", "\"eth0\"",
	  "jumpbox.uplink that of the default route -> eth0" },
	{ SCHEMA_JUMPBOX, "ranges", "{\"10.8.0.0/16\"}", "jumpbox.ranges +10.8.0.0/16" },
	{ SCHEMA_JUMPBOX, "between-tunnels", "no", "jumpbox.between-tunnels yes -> no" },
};

// What each block needs at least, by key.
static const struct {
	int block;
	const char *head, *key, *value;
} needs[] = {
	{ SCHEMA_LAN, "lan", "interface", "br0" },
	{ SCHEMA_EXIT, "exit x", "address", "\"192.0.2.1\"" },
	{ SCHEMA_EXIT, "exit x", "key-file", "\"@\"" },
	{ SCHEMA_PATH, "path a", "interface", "a" },
	{ SCHEMA_PIN, "pin p", "ports", "{\"22\", \"25\"}" },
	{ SCHEMA_PIN, "pin p", "via", "\"a\"" },
	{ SCHEMA_UDP, "udp", "quic", "\"allow\"" },
	{ SCHEMA_DNS, "dns", "upstream", "{\"192.0.2.1\"}" },
	{ SCHEMA_METRICS, "metrics", "port", "9470" },
	{ SCHEMA_SERVER, "server", "port", "8390" },
	{ SCHEMA_SERVER, "server", "key-file", "\"@\"" },
	{ SCHEMA_JUMPBOX, "jumpbox", "between-tunnels", "yes" },
};

// A configuration with every block, and with this value of one key.
static struct config *load_with(int block, const char *key, const char *value)
{
	struct str text = { 0 };
	struct config *config;

	if (block == SCHEMA_TOP)
		str_addf(&text, "%s = %s\n", key, value);
	for (size_t i = 0; i < ARRAY_LEN(needs); i++) {
		bool first = !i || needs[i].block != needs[i - 1].block;
		bool last = i + 1 == ARRAY_LEN(needs) || needs[i].block != needs[i + 1].block;

		if (first)
			str_addf(&text, "%s {\n", needs[i].head);
		if (needs[i].block != block || strcmp(needs[i].key, key) != 0)
			str_addf(&text, "%s = %s\n", needs[i].key, needs[i].value);
		if (last && needs[i].block == block)
			str_addf(&text, "%s = %s\n", key, value);
		if (last)
			str_add(&text, "}\n");
	}
	config = load(str_text(&text));
	str_fini(&text);
	return config;
}

static void tells_every_key(void **state)
{
	struct config *plain = load_with(-1, "", "");

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		struct config *other;
		struct str line = { 0 };

		if (!keys[i].value)
			continue;
		other = load_with(keys[i].block, keys[i].key, keys[i].value);
		str_addf(&line, "%s\n", keys[i].line);
		check_diff(plain, other, 1, str_text(&line));
		check_diff(other, other, 0, "");
		str_fini(&line);
		config_free(other);
	}
	config_free(plain);
}

static void tells_the_bell_of_all_paths(void **state)
{
	struct config *plain = load_with(-1, "", ""), *other = load_with(SCHEMA_TOP, "bell", "yes");

	(void)state;
	check_diff(plain, other, 2, "bell no -> yes\npath.a.bell no -> yes\n");
	config_free(other);
	config_free(plain);
}

static void has_a_case_for_every_key(void **state)
{
	(void)state;
	for (int b = 0; b < SCHEMA_BLOCKS; b++) {
		for (size_t k = 0; k < schema_blocks[b].n_keys; k++) {
			const char *word = schema_blocks[b].keys[k].word;
			size_t i = 0;

			while (i < ARRAY_LEN(keys) &&
			       (keys[i].block != b || strcmp(keys[i].key, word) != 0))
				i++;
			if (i == ARRAY_LEN(keys))
				fail_msg("'%s' of block '%s' has no case here", word,
					 schema_blocks[b].word);
		}
	}
}

// ---- blocks

static void tells_blocks_and_lists(void **state)
{
	struct config *a =
		load("lan { interface = br0 bypass = {\"192.0.2.0/24\", \"10.0.0.0/8\"} }\n" EXIT_X
			     EXIT_Y "path a {}\npath b {}\n");
	struct config *b =
		load("lan { interface = br0 bypass = {\"10.0.0.0/8\", \"192.0.3.0/24\"} }\n"
		     "exit y { address = \"192.0.2.2\" key-file = \"@\" default = yes }\n"
		     "path c {}\npath a { priority = 7 }\n");

	(void)state;
	check_diff(a, b, 7,
		   "lan.bypass +192.0.3.0/24 -192.0.2.0/24\n"
		   "exit.x removed\n"
		   "exit.y.default no -> yes\n"
		   "path.a.table 101 -> 102\n"
		   "path.a.priority 100 -> 7\n"
		   "path.b removed\n"
		   "path.c added\n");
	config_free(a);
	config_free(b);
}

#define PIN_A "pin a { to = \"10.1.0.0/16\" via = a }\n"
#define PIN_B "pin b { to = \"10.2.0.0/16\" via = b }\n"
#define PIN_C "pin c { to = \"10.3.0.0/16\" via = a }\n"

static void tells_the_order_of_pins(void **state)
{
	struct config *abc = load(LAN EXIT_X "path a {}\npath b {}\n" PIN_A PIN_B PIN_C);
	struct config *acb = load(LAN EXIT_X "path a {}\npath b {}\n" PIN_A PIN_C PIN_B);
	struct config *ac = load(LAN EXIT_X "path a {}\npath b {}\n" PIN_A PIN_C);

	(void)state;
	check_diff(abc, acb, 1, "pin in another order\n");
	check_diff(abc, ac, 1, "pin.b removed\n");
	check_diff(ac, acb, 1, "pin.b added\n");
	config_free(abc);
	config_free(acb);
	config_free(ac);
}

// ---- places

// The flows of a pin that goes on as it was are still its own; those of any other are nobody's.
static void keeps_slots_of_pins(void **state)
{
	struct config *a = load(LAN EXIT_X "path a {}\npath b {}\n" PIN_A PIN_B PIN_C);
	struct config *b =
		load(LAN EXIT_X "path a {}\npath b {}\npin d { ports = 1 via = a }\n" PIN_C
				"pin b { to = \"10.2.0.0/16\" via = a }\n" PIN_A);

	(void)state;
	config_keep_places(a, b);
	assert_int_equal(b->pins[1].slot, a->pins[2].slot);
	assert_int_equal(b->pins[3].slot, a->pins[0].slot);
	for (size_t i = 0; i < 3; i++) {
		assert_int_not_equal(b->pins[0].slot, a->pins[i].slot);
		assert_int_not_equal(b->pins[2].slot, a->pins[i].slot);
	}
	assert_int_not_equal(b->pins[0].slot, b->pins[2].slot);
	config_free(a);
	config_free(b);
}

static const char *name_at(const struct config *config, size_t i)
{
	return i < config->n_paths ? config->paths[i].name : "";
}

static void keeps_places_and_tables(void **state)
{
	struct config *a = load(LAN EXIT_X EXIT_Y "path a {}\npath b {}\npath c {}\n");
	struct config *b = load(
		LAN EXIT_Y "exit x { address = \"192.0.2.1\" key-file = \"@\" default = yes }\n"
			   "path d {}\npath c {}\npath a {}\n");
	struct config *c = load(LAN EXIT_X "path b {}\npath e { table = 104 }\npath d {}\n");

	(void)state;
	config_keep_places(a, b);
	assert_string_equal(b->exits[0].name, "x");
	assert_string_equal(b->exits[1].name, "y");
	assert_int_equal(b->n_paths, 4);
	assert_string_equal(name_at(b, 0), "a");
	assert_string_equal(name_at(b, 1), "b");
	assert_true(b->paths[1].gone);
	assert_string_equal(name_at(b, 2), "c");
	assert_string_equal(name_at(b, 3), "d");
	assert_int_equal(b->paths[0].table, 101);
	assert_int_equal(b->paths[2].table, 103);
	assert_int_equal(b->paths[3].table, 102);
	check_diff(a, b, 2, "path.b removed\npath.d added\n");

	// who comes back finds its place; a table that is named goes before one that is kept
	config_keep_places(b, c);
	assert_true(c->exits[1].gone);
	assert_null(c->exits[1].key_file);
	assert_int_equal(c->n_paths, 5);
	assert_string_equal(name_at(c, 1), "b");
	assert_false(c->paths[1].gone);
	assert_true(c->paths[0].gone && c->paths[2].gone);
	assert_string_equal(name_at(c, 4), "e");
	assert_int_equal(c->paths[4].table, 104);
	assert_int_equal(c->paths[3].table, 102);
	check_diff(b, c, 5,
		   "exit.y removed\npath.a removed\npath.c removed\npath.b added\npath.e added\n");
	config_free(a);
	config_free(b);
	config_free(c);
}

// With all places taken, those given up are used again, and who stays stays.
static void uses_places_again(void **state)
{
	struct str text = { 0 };
	struct config *a, *b;

	(void)state;
	str_add(&text, LAN EXIT_X);
	for (int i = 0; i < PATHS_MAX; i++)
		str_addf(&text, "path a%d {}\n", i);
	a = load(str_text(&text));
	str_clear(&text);
	str_add(&text, LAN EXIT_X "path a3 {}\n");
	for (int i = 1; i < PATHS_MAX; i++)
		str_addf(&text, "path b%d {}\n", i);
	b = load(str_text(&text));
	config_keep_places(a, b);
	assert_int_equal(b->n_paths, PATHS_MAX);
	assert_string_equal(name_at(b, 3), "a3");
	assert_string_equal(name_at(b, 0), "b1");
	assert_string_equal(name_at(b, 15), "b15");
	for (int i = 0; i < PATHS_MAX; i++) {
		assert_false(b->paths[i].gone);
		for (int k = 0; k < i; k++)
			assert_true(b->paths[i].table != b->paths[k].table);
	}
	assert_int_equal(b->paths[3].table, a->paths[3].table);
	config_free(a);
	config_free(b);
	str_fini(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_every_key),
		cmocka_unit_test(tells_the_bell_of_all_paths),
		cmocka_unit_test(has_a_case_for_every_key),
		cmocka_unit_test(tells_blocks_and_lists),
		cmocka_unit_test(tells_the_order_of_pins),
		cmocka_unit_test(keeps_slots_of_pins),
		cmocka_unit_test(keeps_places_and_tables),
		cmocka_unit_test(uses_places_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
