// SPDX-License-Identifier: GPL-2.0-or-later
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/config_priv.h"

static char dir[] = "/tmp/mpgate-t-config-XXXXXX";
static char key_file[64];

// In the texts below '@' stands for a good key file.
static char *fill_in(const char *text)
{
	struct str out = { 0 };

	for (; *text; text++) {
		if (*text == '@')
			str_add(&out, key_file);
		else
			str_add_bytes(&out, text, 1);
	}
	return str_take(&out);
}

// Loads `text` as "f"; the caller frees both.
static struct config *load(const char *text, enum config_role role, char **errors)
{
	struct str out = { 0 };
	struct config *config = NULL;
	char *full = fill_in(text);
	int rc = config_load_text("f", full, strlen(full), role, &config, &out);

	assert_int_equal(rc == 0, out.len == 0);
	assert_int_equal(rc == 0, config != NULL);
	*errors = str_take(&out);
	free(full);
	return config;
}

static void check_errors(const char *text, enum config_role role, const char *expected)
{
	char *errors, *full = fill_in(expected);

	config_free(load(text, role, &errors));
	assert_string_equal(errors, full);
	free(errors);
	free(full);
}

#define GATEWAY                                                                                    \
	"lan { interface = br0 }\n"                                                                \
	"exit sg { address = \"192.0.2.1\" key-file = \"@\" }\n"                                   \
	"path a { }\n"

static void reads_the_example(void **state)
{
	static const char text[] = "lan { interface = \"br0\"\n"
				   "      sources = {\"192.168.5.32/27\"}\n"
				   "      bypass = {\"203.0.113.80/32\"} }\n"
				   "exit singapore { address = \"203.0.113.10\"\n"
				   "                 port = 8388\n"
				   "                 method = \"aes-128-gcm\"\n"
				   "                 key-file = \"@\"\n"
				   "                 socks-port = 1080\n"
				   "                 default = yes }\n"
				   "path ppp0 { interface = \"ppp0\"\n"
				   "            kind = \"adsl\" }\n"
				   "path wwan0 { interface = \"wwan1\"\n"
				   "             kind = \"3g\"\n"
				   "             optional = yes\n"
				   "             hotkey = \"3\" }\n"
				   "server { listen = \"::\"\n"
				   "         port = 8389\n"
				   "         method = 'chacha20-ietf-poly1305'\n"
				   "         key-file = \"@\" }\n";
	char *errors, out[ADDR_STRLEN];
	struct config *c;

	(void)state;
	c = load(text, CONFIG_ROLE_ANY, &errors);
	assert_string_equal(errors, "");
	assert_non_null(c);
	assert_string_equal(c->lan.interface, "br0");
	assert_int_equal(c->lan.sources.n, 1);
	assert_string_equal(prefix_format(&c->lan.sources.list[0], out), "192.168.5.32/27");
	assert_int_equal(c->lan.source_bypass.n, 0);
	assert_int_equal(c->lan.tproxy_port, 12345);
	assert_int_equal(c->n_exits, 1);
	assert_string_equal(c->exits[0].name, "singapore");
	assert_string_equal(c->exits[0].address, "203.0.113.10");
	assert_int_equal(c->exits[0].port, 8388);
	assert_int_equal(c->exits[0].method, CONFIG_METHOD_AES_128_GCM);
	assert_string_equal(c->exits[0].key_file, key_file);
	assert_int_equal(c->exits[0].socks_port, 1080);
	assert_true(c->exits[0].is_default);
	assert_int_equal(c->exits[0].line, 4);
	assert_int_equal(c->n_paths, 2);
	assert_string_equal(c->paths[0].kind, "adsl");
	assert_int_equal(c->paths[0].table, 101);
	assert_int_equal(c->paths[0].priority, 100);
	assert_false(c->paths[0].optional);
	assert_false(addr_is_set(&c->paths[0].gateway));
	assert_string_equal(c->paths[1].name, "wwan0");
	assert_string_equal(c->paths[1].interface, "wwan1");
	assert_int_equal(c->paths[1].table, 102);
	assert_int_equal(c->paths[1].hotkey, '3');
	assert_true(c->paths[1].optional);
	assert_true(c->server.present);
	assert_int_equal(c->server.listen.family, AF_INET6);
	assert_int_equal(c->server.method, CONFIG_METHOD_CHACHA20_POLY1305);
	assert_true(c->server.tune);
	assert_string_equal(c->warnings, "");
	config_free(c);
	free(errors);
}

static void fills_in_what_is_left_out(void **state)
{
	char *errors;
	struct config *c;

	(void)state;
	c = load(GATEWAY, CONFIG_ROLE_GATEWAY, &errors);
	assert_string_equal(errors, "");
	assert_string_equal(c->paths[0].interface, "a");
	assert_string_equal(c->paths[0].kind, "other");
	assert_string_equal(c->paths[0].label, "");
	assert_int_equal(c->exits[0].port, 8388);
	assert_int_equal(c->exits[0].method, CONFIG_METHOD_AES_256_GCM);
	assert_int_equal(c->exits[0].socks_port, 0);
	assert_true(c->exits[0].is_default);
	assert_int_equal(c->workers, 0);
	assert_false(c->server.present);
	config_free(c);
	free(errors);
}

// What a person may write in more than one way.
static void takes_every_spelling(void **state)
{
	static const char *const texts[] = {
		GATEWAY,
		"\xef\xbb\xbf" GATEWAY,
		"# comment\n" GATEWAY "# no newline at the end",
		"workers=2\r\n" GATEWAY,
		"lan{interface='br0'}exit sg{address=sg.example.net key-file='@'}path "
		"a{optional=no}",
		"lan\n{\ninterface\n=\n\"br0\"\n}\n"
		"exit \"sg\" { # why not\naddress = 2001:db8::1 key-file = \"@\" } path a { }",
		GATEWAY "path b { label = \"a \\\"b\\\" c\\\\\" optional = YES }",
		GATEWAY "path b { label = 'it\\'s' optional = true }",
		"lan { interface = br0 sources = \"10.0.0.0/8\" bypass = {} source-bypass = { # "
		"one\n"
		" 10.0.0.1, # two\n 10.0.0.2,\n } }\n"
		"exit sg { address = x.example.net. key-file = \"@\" } path a { }",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		check_errors(texts[i], CONFIG_ROLE_GATEWAY, "");
}

static void unescapes_strings(void **state)
{
	char *errors;
	struct config *c;

	(void)state;
	c = load(GATEWAY
		 "path b { label = \"a \\\"b\\\" # c\\\\\" }\npath c { label = '$HOME \"x\"' }",
		 CONFIG_ROLE_GATEWAY, &errors);
	assert_non_null(c);
	assert_string_equal(c->paths[1].label, "a \"b\" # c\\");
	assert_string_equal(c->paths[2].label, "$HOME \"x\"");
	config_free(c);
	free(errors);
}

static void complains_about_structure(void **state)
{
	static const struct {
		const char *text, *errors;
	} cases[] = {
		{ GATEWAY "path dsl {\n\n  lable = \"x\"\n}",
		  "f:6: unknown key 'lable' in path 'dsl', did you mean 'label'?\n" },
		{ GATEWAY "path dsl { port = 3 }",
		  "f:4: unknown key 'port' in path 'dsl', it belongs in a block 'exit' or a block "
		  "'dns' or a block 'metrics' or a block 'server'\n" },
		{ GATEWAY "path dsl { xyzzy = 3 }",
		  "f:4: unknown key 'xyzzy' in path 'dsl', the keys there are: interface, kind, "
		  "label, "
		  "gateway, over, table, priority, tier, optional, demand, demand-after, "
		  "demand-hold, cap, cap-day, "
		  "cap-warn, cap-action, hotkey, dial, call, pid-file, up, down, status, "
		  "dial-timeout, bell\n" },
		{ GATEWAY "wrkers = 2",
		  "f:4: unknown key 'wrkers' outside of blocks, did you mean 'workers'?\n" },
		// two in one line, and comments that must not move the lines
		{ GATEWAY "# one\n# two\npath b { kinde = vpn # three\n\n tabel = 2 prio = 3 }",
		  "f:6: unknown key 'kinde' in path 'b', did you mean 'kind'?\n"
		  "f:8: unknown key 'tabel' in path 'b', did you mean 'table'?\n"
		  "f:8: unknown key 'prio' in path 'b', the keys there are: interface, kind, "
		  "label, "
		  "gateway, over, table, priority, tier, optional, demand, demand-after, "
		  "demand-hold, cap, cap-day, "
		  "cap-warn, cap-action, hotkey, dial, call, pid-file, up, down, status, "
		  "dial-timeout, bell\n" },
		// a misspelt key is not missing as well, a misspelt block is read all the same
		{ "lann { intrface = br0 }\nexit sg { adress = 192.0.2.1\nkey_file = \"@\" }\n"
		  "pth a { table = 0 }",
		  "f:1: unknown block 'lann', did you mean 'lan'?\n"
		  "f:1: unknown key 'intrface' in lan, did you mean 'interface'?\n"
		  "f:2: unknown key 'adress' in exit 'sg', did you mean 'address'?\n"
		  "f:3: unknown key 'key_file' in exit 'sg', did you mean 'key-file'?\n"
		  "f:4: unknown block 'pth', did you mean 'path'?\n"
		  "f:4: path 'a': table '0' is out of range, give a number from 1 to "
		  "2147483647\n" },
		{ GATEWAY "lan = br0", "f:4: 'lan' is a block, write lan { ... }\n" },
		{ GATEWAY "path b { frob { x = 1 } }\nfrob x { y { } }",
		  "f:4: unknown block 'frob' in path 'b'\nf:5: unknown block 'frob' outside of "
		  "blocks\n" },
		{ GATEWAY "path { }",
		  "f:4: a block 'path' needs a name, write path ppp0 { ... }\n" },
		{ GATEWAY "server x { key-file = \"@\" }",
		  "f:4: a block 'server' has no name, write server { ... }\n" },
		{ GATEWAY "path b\n\npath c { }", "f:4: '{' is missing behind 'path b'\n" },
		{ GATEWAY "path b\n kind = vpm\n}\npath c { }",
		  "f:4: '{' is missing behind 'path b'\n"
		  "f:5: path 'b': kind 'vpm' is no kind of path, the kinds are adsl, vdsl, fiber, "
		  "cable, 3g, "
		  "lte, 5g, wifi, satellite, vpn, ethernet, other\n" },
		{ GATEWAY "path b { table 200 }", "f:4: '=' is missing behind 'table'\n" },
		{ GATEWAY "path b { table { 200 } }", "f:4: '=' is missing behind 'table'\n" },
		{ GATEWAY "path b { table = }", "f:4: 'table' has no value behind '='\n" },
		{ GATEWAY "path b { table =\nkind = vpn }",
		  "f:4: 'table' has no value behind '='\n" },
		{ GATEWAY "path b { label = my line\n table = x }",
		  "f:4: a word too much behind the value of 'label', values with blanks stand in "
		  "quotes\n"
		  "f:5: path 'b': table 'x' is no number, give one from 1 to 2147483647\n" },
		{ GATEWAY "path b { label = \"open\n table = x }",
		  "f:4: string without its end, the closing quote is missing on this line\n"
		  "f:5: path 'b': table 'x' is no number, give one from 1 to 2147483647\n" },
		{ GATEWAY "path b { label = \"\\n\" }",
		  "f:4: a backslash in a string stands only before a quote or a backslash\n" },
		{ GATEWAY "path b { label = \"a\tb\" }", "f:4: control character in a string\n" },
		{ GATEWAY "path b { label = \"${HOME}\" }",
		  "f:4: environment variables are not read here, write the value itself instead of "
		  "'${...}'\n" },
		{ GATEWAY "include(\"/etc/passwd\")",
		  "f:4: there are no functions here, and no include\n" },
		{ GATEWAY "workers = 2;", "f:4: there is no ';' here, a statement needs no end\n" },
		{ GATEWAY "// x\n/* y */",
		  "f:4: '//' and '/*' stand only in quotes, comments begin with '#'\n"
		  "f:5: '//' and '/*' stand only in quotes, comments begin with '#'\n" },
		{ GATEWAY "}\nworkers = 999",
		  "f:4: '}' closes nothing, no block is open\n"
		  "f:5: workers '999' is out of range, give a number from 0 to 256\n" },
		{ GATEWAY "= 3\n, {", "f:4: unexpected '=', a statement is: key = value\n"
				      "f:5: unexpected ',', a statement is: key = value\n" },
		{ GATEWAY "path b { table = 200 table = 201 }",
		  "f:4: 'table' was given before, on line 4\n" },
		{ GATEWAY "path b { optional = {yes} }",
		  "f:4: 'optional' takes one value and no list, write optional = no\n" },
		// one missing brace hides nothing behind it
		{ GATEWAY "path b {\n table = 253\npath c {\n table = 0\n",
		  "f:4: the '}' of block 'path b' is missing\n"
		  "f:5: path 'b': table '253' is the kernel's table 'default', take another "
		  "number\n"
		  "f:6: the '}' of block 'path c' is missing\n"
		  "f:7: path 'c': table '0' is out of range, give a number from 1 to "
		  "2147483647\n" },
		{ "lan { interface = br0\n sources = { 10.0.0.0/8,\n 10.0.0.0/33 }\n bypass = { "
		  "::/0\n"
		  " tproxy-port = x\n}\nexit sg { address = \"192.0.2.1\" key-file = \"@\" } path "
		  "a { }",
		  "f:3: lan: sources '10.0.0.0/33' has no length of 0 to 32 behind the '/'\n"
		  "f:4: the list of 'bypass' is not closed, '}' is missing\n"
		  "f:5: lan: tproxy-port 'x' is no number, give one from 1 to 65535\n" },
		{ "lan { interface = br0\n sources = { 10.0.0.0/8 \"11.0.0.0/8\"\n, { 12.0.0.0/8 } "
		  "}\n"
		  " bypass = 10.0.0.0/8, 11.0.0.0/8\n tproxy-port = x }\n"
		  "exit sg { address = \"192.0.2.1\" key-file = \"@\" } path a { }",
		  "f:2: ',' is missing between two values of the list of 'sources'\n"
		  "f:3: unexpected '{' in the list of 'sources', write {\"a\", \"b\"}\n"
		  "f:4: several values of 'bypass' need braces, write bypass = {\"a\", \"b\"}\n"
		  "f:5: lan: tproxy-port 'x' is no number, give one from 1 to 65535\n" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		check_errors(cases[i].text, CONFIG_ROLE_ANY, cases[i].errors);
}

// One value, in a block where all else is right.
static void judges_values(void **state)
{
	enum { LAN, EXIT, PATH, DNS, METRICS, SERVER };
	static const char *const blocks[] = {
		[LAN] = "lan { interface = br0\n%s = %s }\n"
			"exit sg { address = \"192.0.2.1\" key-file = \"@\" } path a { }",
		[EXIT] = "lan { interface = br0 } path a { } exit sg { address = \"192.0.2.1\"\n%s "
			 "= %s "
			 "key-file = \"@\" }",
		[PATH] = "lan { interface = br0 }\nexit sg { address = \"192.0.2.1\" key-file = "
			 "\"@\" } "
			 "path a {\n%s = %s }",
		[DNS] = "lan { interface = br0 } exit sg { address = \"192.0.2.1\" key-file = "
			"\"@\" } path a { }\n"
			"dns { upstream = { \"192.0.2.53\" } %s = %s }",
		[METRICS] = "lan { interface = br0 } exit sg { address = \"192.0.2.1\" key-file = "
			    "\"@\" } path a { }\n"
			    "metrics {\n%s = %s }",
		[SERVER] = "server { key-file = \"@\"\n%s = %s }",
	};
	static const struct {
		int block;
		const char *key, *value, *why; // why: NULL = right; else a part of the message
	} cases[] = {
		{ LAN, "sources", "{\"192.168.5.32/27\", \"2001:db8::/32\"}", NULL },
		{ LAN, "sources", "\"192.168.5.33/27\"",
		  "lan: sources '192.168.5.33/27' has bits set behind its length, write "
		  "\"192.168.5.32/27\" "
		  "for the range or \"192.168.5.33/32\" for the one address" },
		{ LAN, "bypass", "\"2001:db8::1/32\"",
		  "has bits set behind its length, write \"2001:db8::/32\" for the range or "
		  "\"2001:db8::1/128\"" },
		{ LAN, "bypass", "\"example.net\"",
		  "is no address range, write it as \"192.168.5.0/24\" or \"2001:db8::/32\"" },
		{ LAN, "bypass", "\"10.0.0.0/8 \"", "has no length of 0 to 32 behind the '/'" },
		{ LAN, "bypass", "\"\"", "is no address range" },
		{ LAN, "source-bypass", "\"10.0.0.7\"", NULL },
		{ LAN, "tproxy-port", "0", "is out of range, give a number from 1 to 65535" },
		{ LAN, "tproxy-port", "65535", NULL },
		{ EXIT, "port", "65536", "exit 'sg': port '65536' is out of range" },
		{ EXIT, "port", "-1", "is no number, give one from 1 to 65535" },
		{ EXIT, "port", "0x50", "is no number" },
		{ EXIT, "port", "99999999999999999999", "is out of range" },
		{ EXIT, "port", "\"\"", "is no number" },
		{ EXIT, "port", "\" 8388\"", "is no number" },
		{ EXIT, "port", "\"8388\"", NULL },
		{ EXIT, "method", "\"rc4-md5\"",
		  "is no method that mpgate speaks, the methods are aes-128-gcm, aes-256-gcm, "
		  "chacha20-ietf-poly1305" },
		{ EXIT, "method", "AES-256-GCM", "is no method" },
		{ EXIT, "socks-port", "0", NULL },
		{ EXIT, "socks-port", "65536", "is out of range, give a number from 0 to 65535" },
		{ EXIT, "default", "maybe", "exit 'sg': default 'maybe' is neither yes nor no" },
		{ PATH, "interface", "eth0", NULL },
		{ PATH, "interface", "\"eth0/1\"", "is no name of an interface" },
		{ PATH, "interface", "\"\"", "is no name of an interface" },
		{ PATH, "interface", "\"..\"", "is no name of an interface" },
		{ PATH, "interface", "sixteen-letters-", "is no name of an interface" },
		{ PATH, "interface", "br0",
		  "interface 'br0' is that of the LAN, a path leads elsewhere; if its router is on "
		  "the LAN" },
		{ PATH, "interface", "br0\ngateway = \"192.168.1.1\"", NULL }, // one arm
		{ PATH, "kind", "lte", NULL },
		{ PATH, "kind", "3G",
		  "path 'a': kind '3G' is no kind of path, the kinds are adsl, " },
		{ PATH, "label", "\"1234567890123456789012345678901\"", NULL },
		{ PATH, "label", "\"12345678901234567890123456789012\"",
		  "is no label: at most 31 bytes of printable UTF-8" },
		{ PATH, "label", "\"Telef\xc3\xb3nica\"", NULL },
		{ PATH, "label", "\"\xff\xfe\"",
		  "path 'a': label '?"
		  "?' is no label" },
		{ PATH, "gateway", "192.168.1.1", NULL },
		{ PATH, "gateway", "fe80::1", NULL },
		{ PATH, "gateway", "0.0.0.0", "is no address of a router" },
		{ PATH, "gateway", "224.0.0.1", "is no address of a router" },
		{ PATH, "gateway", "127.0.0.1", "is no address of a router" },
		{ PATH, "gateway", "router", "is no address of a router" },
		{ PATH, "table", "1", NULL },
		{ PATH, "table", "2147483647", NULL },
		{ PATH, "table", "2147483648",
		  "is out of range, give a number from 1 to 2147483647" },
		{ PATH, "table", "253", "is the kernel's table 'default'" },
		{ PATH, "table", "254", "is the kernel's table 'main', take another number" },
		{ PATH, "table", "255", "is the kernel's table 'local'" },
		{ PATH, "table", "100", "is the table that mpgate itself uses for TPROXY" },
		{ PATH, "priority", "1", NULL },
		{ PATH, "priority", "0", "is out of range, give a number from 1 to 1000" },
		{ PATH, "optional", "on", NULL },
		{ PATH, "optional", "1", "is neither yes nor no" },
		{ PATH, "demand", "\"manual\"", NULL },
		{ PATH, "demand", "\"down\"", "is none of manual, when-down, when-slow" },
		{ PATH, "demand-after", "0s", NULL },
		{ PATH, "demand-after", "\"24 h\"", NULL },
		{ PATH, "demand-after", "\"2 days\"",
		  "is no time from 0 to 86400 seconds, write it as" },
		{ PATH, "demand-after", "10", "is no time from 0 to 86400 seconds" },
		{ PATH, "demand-hold", "\"0 s\"", "is no time from 1 to 86400 seconds" },
		{ PATH, "cap", "\"1.5 GB\"", NULL },
		{ PATH, "cap", "2G", NULL },
		{ PATH, "cap", "\"0 GB\"",
		  "is no amount of data, write it as \"2 GB\": at least 1000 bytes" },
		{ PATH, "cap", "\"2 GiB\"", "is no amount of data" },
		{ PATH, "cap", "\"99999999 TB\"", "is no amount of data" },
		{ PATH, "cap-day", "32", "is out of range, give a number from 1 to 31" },
		{ PATH, "cap-warn", "0", "is out of range, give a number from 1 to 100" },
		{ PATH, "cap-action", "\"slow\"", "is neither off nor backup" },
		{ PATH, "hotkey", "3", NULL },
		{ PATH, "hotkey", "\"q\"", "is a key of the console itself, take a digit" },
		{ PATH, "hotkey", "\"R\"", "is a key of the console itself" },
		{ PATH, "hotkey", "\"33\"", "is no hotkey, give one printable ASCII character" },
		{ PATH, "hotkey", "\"\"", "is no hotkey" },
		{ PATH, "hotkey", "\" \"", "is no hotkey" },
		{ PATH, "hotkey", "\"\xc3\xb3\"", "is no hotkey" },
		{ DNS, "listen", "{\"192.168.5.1\", \"::1\"}", NULL },
		{ DNS, "listen", "{\"0.0.0.0\"}",
		  "dns: listen '0.0.0.0' is no address of one machine" },
		{ DNS, "listen", "{\"224.0.0.251\"}", "is no address of one machine" },
		{ DNS, "direct", "{\"corp.example 192.0.2.1 a\", \"_tcp.home.arpa  [fd00::1]:54\"}",
		  NULL },
		{ DNS, "direct", "{\"corp.example\"}",
		  "is not a domain, the address of its name server and, if it is to be asked over "
		  "one, a path" },
		{ DNS, "direct", "{\"corp..example 192.0.2.1\"}", "is not a domain" },
		{ DNS, "direct", "{\"corp.example. 192.0.2.1\"}", "is not a domain" },
		{ DNS, "direct", "{\"corp.example 192.0.2.1:0\"}", "is not a domain" },
		{ DNS, "direct", "{\"corp.example 192.0.2.1:65536\"}", "is not a domain" },
		{ DNS, "direct", "{\"corp.example 192.0.2.1 a b\"}", "is not a domain" },
		{ DNS, "direct", "{\"corp.example 192.0.2.1 b\"}",
		  "f:2: dns: direct 'corp.example': there is no path 'b', give the name of one or "
		  "leave it out" },
		{ DNS, "direct", "{\"a.example 192.0.2.1\", \"A.Example 192.0.2.2\"}",
		  "dns: direct 'A.Example' was given before, leave one" },
		{ DNS, "cache", "100001", "is out of range, give a number from 0 to 100000" },
		{ DNS, "serve-stale", "\"8 days\"", "is no time from 0 to 604800 seconds" },
		{ DNS, "port", "12345", "port 12345 is the tproxy-port of line 1" },
		{ PATH, "dial", "none", NULL },
		{ PATH, "dial", "pppd", "is no way to dial, the ways are ppp, command, none" },
		{ PATH, "dial", "ppp",
		  "f:3: path 'a': dial = \"ppp\" needs 'call' (the file in /etc/ppp/peers that "
		  "mpgate is to dial with) or 'pid-file'" },
		{ PATH, "dial", "command",
		  "path 'a': dial = \"command\" needs the command, add: up = \"ifup a\"" },
		{ PATH, "dial", "ppp call = isp/dsl", NULL },
		{ PATH, "dial", "ppp call = \"/etc/ppp/peers/dsl\"",
		  "is no name of a file in /etc/ppp/peers" },
		{ PATH, "dial", "ppp call = \"a/../../b\"", "is no name of a file" },
		{ PATH, "dial", "ppp call = \"-detach\"", "is no name of a file" },
		{ PATH, "dial", "ppp call = \"\"", "is no name of a file" },
		{ PATH, "dial", "ppp pid-file = \"/run/ppp0.pid\"", NULL },
		{ PATH, "dial", "ppp pid-file = \"ppp0.pid\"",
		  "is no absolute name of a file (of at most 127 bytes), such as "
		  "\"/run/ppp0.pid\"" },
		{ PATH, "dial", "command up = \"ifup a\"", NULL },
		{ PATH, "dial", "command up = \" \"", "is no command: one line of at most 255" },
		{ PATH, "dial-timeout", "600", NULL },
		{ PATH, "dial-timeout", "0", "is out of range, give a number from 1 to 600" },
		{ PATH, "bell", "yes", NULL },
		{ PATH, "bell", "loud", "is neither yes nor no" },
		{ METRICS, "listen", "\"192.168.5.1\"", NULL },
		{ METRICS, "listen", "\"::1\"", NULL },
		{ METRICS, "listen", "\"0.0.0.0\"", "is no address of loopback or of a LAN" },
		{ METRICS, "listen", "\"203.0.113.1\"", "is no address of loopback or of a LAN" },
		{ METRICS, "listen", "\"172.32.0.1\"", "is no address of loopback or of a LAN" },
		{ METRICS, "port", "0", NULL },
		{ METRICS, "textfile", "\"/var/lib/node_exporter/mpgate.prom\"", NULL },
		{ METRICS, "textfile", "\"mpgate.prom\"",
		  "textfile 'mpgate.prom' must be the absolute name of a file" },
		{ METRICS, "textfile", "\"/var/lib/\"", "must be the absolute name of a file" },
		{ METRICS, "port", "12345", "is the tproxy-port of line 1, each listener needs" },
		{ SERVER, "listen", "\"::\"", NULL },
		{ SERVER, "listen", "\"localhost\"", "is no IP address to listen on" },
		{ SERVER, "allow", "{\"127.0.0.1/32\", \"fe80::/10\"}", NULL },
		{ SERVER, "tune", "no", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char text[512], *errors;

		// the format is one of ours, above
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(text, sizeof(text), blocks[cases[i].block], cases[i].key, cases[i].value);
#pragma GCC diagnostic pop
		config_free(load(text, CONFIG_ROLE_ANY, &errors));
		if (!cases[i].why && errors[0])
			fail_msg("%s = %s: %s", cases[i].key, cases[i].value, errors);
		if (cases[i].why && !strstr(errors, cases[i].why))
			fail_msg("%s = %s: '%s' is not in '%s'", cases[i].key, cases[i].value,
				 cases[i].why, errors);
		// and nothing else
		if (cases[i].why)
			assert_ptr_equal(strchr(errors, '\n') + 1, errors + strlen(errors));
		free(errors);
	}
}

static void knows_hosts(void **state)
{
	static const struct {
		const char *host;
		bool good;
	} cases[] = {
		{ "192.0.2.1", true },
		{ "2001:db8::1", true },
		{ "vps1.example.net", true },
		{ "localhost", true },
		{ "a-b.c", true },
		{ "example.net.", true },
		{ "1.example", true },
		{ "192.0.2.256", false },
		{ "192.0.2", false },
		{ "0.0.0.0", false },
		{ "::", false },
		{ "224.0.0.1", false },
		{ "ff02::1", false },
		{ "-a.example", false },
		{ "a-.example", false },
		{ "a..example", false },
		{ ".example", false },
		{ "exam ple", false },
		{ "vps_1.example", false },
		{ "https://example", false },
		{ "", false },
		{ "a.example-", false },
		{ ".", false },
		{ "192.0.2.1:80", false },
	};
	char label[65], name[300], text[512];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char *errors;

		snprintf(text, sizeof(text),
			 "lan { interface = br0 } path a { }\n"
			 "exit sg { key-file = \"@\"\n address = \"%s\" }",
			 cases[i].host);
		config_free(load(text, CONFIG_ROLE_ANY, &errors));
		if ((errors[0] == '\0') != cases[i].good)
			fail_msg("%s: %s", cases[i].host, errors);
		free(errors);
	}
	memset(label, 'a', 64);
	label[64] = '\0';
	for (int cut = 0; cut < 2; cut++) { // a label of 64, then of 63
		char *errors;

		snprintf(name, sizeof(name), "%s.example", label + cut);
		snprintf(text, sizeof(text),
			 "lan { interface = br0 } path a { } exit sg { key-file = \"@\" address = "
			 "%s }",
			 name);
		config_free(load(text, CONFIG_ROLE_ANY, &errors));
		assert_int_equal(errors[0] == '\0', cut);
		free(errors);
	}
}

static void compares_values(void **state)
{
	static const struct {
		const char *text, *errors;
	} cases[] = {
		{ GATEWAY "path a { interface = b }",
		  "f:4: path 'a' was defined before, on line 3; give it another name\n" },
		{ GATEWAY "path b {\n interface = a\n}",
		  "f:5: path 'b': interface 'a' is that of path 'a' (line 3), a path needs one of "
		  "its "
		  "own\n" },
		{ GATEWAY "path b {\n table = 101\n}",
		  "f:5: path 'b': table 101 is that of path 'a' (line 3), take another number\n" },
		{ GATEWAY "path b {\n demand = when-down }",
		  "f:5: path 'b': demand 'when-down' is for an optional path, add 'optional = "
		  "yes'\n" },
		{ GATEWAY "path b { optional = yes tier = never\n demand = when-slow }",
		  "f:5: path 'b': demand 'when-slow' would bring in a path whose tier is never\n" },
		{ GATEWAY "path b {\n hotkey = 4\n}\npath c {\n hotkey = 4 }",
		  "f:8: path 'c': hotkey '4' is that of path 'b' (line 4), take another\n" },
		{ GATEWAY "lan {\n interface = br1 }",
		  "f:4: a second block 'lan', the first is on line 1; put their keys into one\n" },
		{ GATEWAY "exit sg { address = x.example\n key-file = \"@\"\ndefault = yes }",
		  "f:4: exit 'sg' was defined before, on line 2; give it another name\n" },
		{ GATEWAY "exit de { address = x.example key-file = \"@\" }",
		  "f:2: no exit is the default, add 'default = yes' to one of them\n" },
		{ GATEWAY "exit de { address = x.example key-file = \"@\" default = yes }\n"
			  "exit fr { address = y.example key-file = \"@\"\n default = yes }",
		  "f:6: exit 'fr' is the default, but 'de' is already (line 4); leave one\n" },
		{ GATEWAY "exit de { address = x.example key-file = \"@\" default = yes\n"
			  "socks-port = 12345 }\n",
		  "f:5: socks-port 12345 is the tproxy-port of line 1, each listener needs a port "
		  "of its "
		  "own\n" },
		{ GATEWAY
		  "exit de { address = x.example key-file = \"@\" default = yes socks-port = 1 }\n"
		  "exit fr { address = x.example key-file = \"@\"\n socks-port = 1 }",
		  "f:6: socks-port 1 is the socks-port of line 4, each listener needs a port of "
		  "its own\n" },
		{ GATEWAY "server { key-file = \"@\"\nport = 12345 }",
		  "f:5: port 12345 is the tproxy-port of line 1, each listener needs a port of its "
		  "own\n" },
		{ GATEWAY
		  "exit no-name-can-be-this-long { address = x.example\nkey-file = \"@\" default = "
		  "yes }\npath -b { interface = b }",
		  "f:4: 'no-name-can-be-this-long' is no name, use 1 to 15 letters, digits, '-', "
		  "'_' and "
		  "'.'\n"
		  "f:6: '-b' is no name, use 1 to 15 letters, digits, '-', '_' and '.'\n" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		check_errors(cases[i].text, CONFIG_ROLE_ANY, cases[i].errors);
}

static void wants_the_blocks_of_a_role(void **state)
{
	static const char server[] = "server { key-file = \"@\" }";
	static const char no_lan[] = "f: no block 'lan', add: lan { interface = \"br0\" }\n";
	static const char no_gateway[] =
		"f: no block 'lan', add: lan { interface = \"br0\" }\n"
		"f: no block 'exit', add: exit NAME { address = ... key-file = ... }\n"
		"f: no block 'path', add for each link: path NAME { interface = ... }\n";
	static const char no_server[] =
		"f: no block 'server', add: server { key-file = \"/etc/mpgate/server.key\" }\n";

	(void)state;
	check_errors(GATEWAY, CONFIG_ROLE_GATEWAY, "");
	check_errors(GATEWAY, CONFIG_ROLE_ANY, "");
	check_errors(GATEWAY, CONFIG_ROLE_SERVER, no_server);
	check_errors(server, CONFIG_ROLE_SERVER, "");
	check_errors(server, CONFIG_ROLE_ANY, "");
	check_errors(server, CONFIG_ROLE_GATEWAY, no_gateway);
	check_errors("exit sg { address = x.example key-file = \"@\" } path a { }", CONFIG_ROLE_ANY,
		     no_lan);
	check_errors(
		"workers = 3", CONFIG_ROLE_ANY,
		"f: nothing to do: neither the blocks of a gateway (lan, exit, path) nor 'server' "
		"or 'jumpbox'; 'mpgate config --default' shows them\n");
	check_errors("jumpbox { }", CONFIG_ROLE_JUMPBOX, "");
	check_errors("jumpbox { }", CONFIG_ROLE_ANY, "");
	check_errors("jumpbox { }", CONFIG_ROLE_SERVER, no_server);
	check_errors(server, CONFIG_ROLE_JUMPBOX, "f: no block 'jumpbox', add: jumpbox { }\n");
	// the exit's key is on another machine
	check_errors("jumpbox { } server { key-file = \"/no/such\" }", CONFIG_ROLE_JUMPBOX, "");
	check_errors("lan { }", CONFIG_ROLE_SERVER,
		     "f: no block 'server', add: server { key-file = \"/etc/mpgate/server.key\" }\n"
		     "f:1: lan: interface is missing, add: interface = \"br0\"\n");
}

static void takes_patterns_of_tunnels(void **state)
{
	static const char *const wrong[] = { "*", "tun/0", "t*n", "tun**", "a-name-of-16-by*", "" };
	struct config *c;
	char *errors;

	(void)state;
	c = load("jumpbox { tunnels = {\"tun*\", \"a-name-of-15b*\", \"wg0\"} }",
		 CONFIG_ROLE_JUMPBOX, &errors);
	assert_string_equal(errors, "");
	assert_int_equal(c->jumpbox.tunnels.n, 3);
	config_free(c);
	free(errors);
	c = load("jumpbox { }", CONFIG_ROLE_JUMPBOX, &errors);
	assert_int_equal(c->jumpbox.tunnels.n, 1);
	assert_string_equal(c->jumpbox.tunnels.list[0], "tun*");
	config_free(c);
	free(errors);
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		struct str text = { 0 }, expected = { 0 };

		str_addf(&text, "jumpbox { tunnels = {\"%s\"} }", wrong[i]);
		str_addf(&expected,
			 "f:1: jumpbox: tunnels '%s' is no name of an interface, nor the beginning "
			 "of "
			 "one and '*'\n",
			 wrong[i]);
		check_errors(str_text(&text), CONFIG_ROLE_JUMPBOX, str_text(&expected));
		str_fini(&text);
		str_fini(&expected);
	}
}

static void limits_the_paths(void **state)
{
	struct str text = { 0 };
	struct config *c;
	char *errors;

	(void)state;
	str_add(&text, GATEWAY);
	for (int i = 2; i <= 10; i++)
		str_addf(&text, "path p%d { optional = %s }\n", i, i == 2 ? "yes" : "no");
	c = load(str_text(&text), CONFIG_ROLE_GATEWAY, &errors);
	assert_string_equal(errors, "");
	assert_string_equal(c->warnings,
			    "f:12: warning: path 'p10' is number 9, the kernel joins 8 at a "
			    "time; the best will be used\n");
	config_free(c);
	free(errors);
	for (int i = 11; i <= PATHS_MAX + 1; i++)
		str_addf(&text, "path p%d { }\n", i);
	check_errors(str_text(&text), CONFIG_ROLE_GATEWAY,
		     "f:19: a block 'path' too many, there may be 16\n");
	str_fini(&text);
}

static void counts_what_it_does_not_tell(void **state)
{
	struct str text = { 0 };
	const char *line;
	char *errors;
	int n = 0;

	(void)state;
	for (int i = 0; i < 250; i++)
		str_add(&text, "nonsense = 1\n");
	config_free(load(str_text(&text), CONFIG_ROLE_SERVER, &errors));
	for (line = errors; *line; line = strchr(line, '\n') + 1)
		n++;
	assert_int_equal(n, COMPLAINTS_MAX + 1);
	assert_non_null(strstr(errors, "f: and 151 more\n"));
	free(errors);
	str_fini(&text);
}

static void writes_what_it_reads(void **state)
{
	static const char *const texts[] = {
		GATEWAY,
		"workers = 3\n" GATEWAY "path b { gateway = 192.168.1.1 label = \"a \\\"b\\\" "
		"\\\\\" hotkey = '\"' table = 7 }\n"
		"server { key-file = \"@\" allow = {10.0.0.0/8, ::1} listen = \"::1\" tune = no }",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct str once = { 0 }, twice = { 0 };
		struct config *c;
		char *errors;

		c = load(texts[i], CONFIG_ROLE_ANY, &errors);
		assert_non_null(c);
		config_write(c, &once);
		config_free(c);
		free(errors);
		c = load(once.text, CONFIG_ROLE_ANY, &errors);
		assert_string_equal(errors, "");
		config_write(c, &twice);
		config_free(c);
		free(errors);
		assert_string_equal(once.text, twice.text);
		str_fini(&once);
		str_fini(&twice);
	}
}

// ---- files

static void write_file(const char *name, const char *text, size_t len, mode_t mode)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, len), len);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static void check_load(const char *name, int rc, const char *part)
{
	struct str errors = { 0 };
	struct config *config = NULL;

	assert_int_equal(config_load(name, CONFIG_ROLE_ANY, &config, &errors), rc);
	if (!strstr(str_text(&errors), part))
		fail_msg("'%s' is not in '%s'", part, str_text(&errors));
	config_free(config);
	str_fini(&errors);
}

static void survives_what_is_no_configuration(void **state)
{
	enum { BIG = 10 << 20 };
	char name[64], *big = malloc(BIG);
	uint32_t seed = 1;

	(void)state;
	assert_non_null(big);
	snprintf(name, sizeof(name), "%s/conf", dir);
	check_load("/nonexistent/mpgate.conf", -ENOENT,
		   "cannot be read: No such file or directory; 'mpgate");
	check_load(dir, -EISDIR, "is a directory");
	check_load("/dev/zero", -EINVAL, "is no file, the configuration is a regular file");
	assert_int_equal(mkfifo(name, 0600), 0);
	check_load(name, -EINVAL, "is no file");
	unlink(name);

	write_file(name, "", 0, 0600);
	check_load(name, -EINVAL, "nothing to do");
	memset(big, '#', BIG);
	write_file(name, big, BIG, 0600);
	check_load(name, -EFBIG, "is larger than 256 KiB");
	write_file(name, big, 200 * 1024, 0600);
	check_load(name, -EINVAL, ":1: a line of more than 4096 bytes");
	for (int i = 0; i < 4096; i++) {
		seed = seed * 1103515245 + 12345;
		big[i] = (char)(seed >> 16);
	}
	write_file(name, big, 4096, 0600);
	check_load(name, -EINVAL, "a NUL byte: this is no text file");
	for (int i = 0; i < 200 * 1024; i++)
		big[i] = i % 80 ? '{' : '\n';
	write_file(name, big, 200 * 1024, 0600);
	check_load(name, -EINVAL, "unexpected '{'");
	for (int i = 0; i < 200 * 1024; i++)
		big[i] = "path a{\n"[i % 8];
	write_file(name, big, 200 * 1024, 0600);
	check_load(name, -EINVAL, "the '}' of block 'path a' is missing");
	for (int i = 0; i < 200 * 1024; i++)
		big[i] = "a=b\n"[i % 4];
	write_file(name, big, 200 * 1024, 0600);
	check_load(name, -EINVAL, ":100: unknown key 'a' outside of blocks");
	free(big);
	unlink(name);
}

static void judges_key_files(void **state)
{
	static const struct {
		const char *content;
		mode_t mode;
		const char *why; // NULL: good
	} cases[] = {
		{ "correct horse battery staple\n", 0600, NULL },
		{ "no line end", 0400, NULL },
		{ "dos\r\n", 0600, NULL },
		{ "base64:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n", 0600, NULL },
		{ "base64:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\n", 0600, NULL },
		{ "base64:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd-_8=", 0600, NULL },
		{ "base64:AAECAwQFBgcICQoLDA0ODw==\n", 0600,
		  "holds no base64 of 32 bytes, which aes-256-gcm" },
		{ "base64:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh!=\n", 0600,
		  "holds no base64 of 32 bytes" },
		{ "base64:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8==\n", 0600,
		  "holds no base64" },
		{ "base64:\n", 0600, "holds no base64" },
		{ "s3cr3t\n", 0640,
		  "is open to others (mode 0640), set it right with 'chmod 600'" },
		{ "s3cr3t\n", 0604, "is open to others (mode 0604)" },
		{ "s3cr3t\n", 0620, "is open to others (mode 0620)" },
		{ "", 0600, "is empty" },
		{ "\n", 0600, "is empty" },
		{ "s3cr3t\ns3cr3t\n", 0600, "has more than one line" },
	};
	char name[64], text[256];

	(void)state;
	snprintf(name, sizeof(name), "%s/bad.key", dir);
	snprintf(text, sizeof(text), "server {\n key-file = \"%s\" }", name);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char *errors, expected[160];

		write_file(name, cases[i].content, strlen(cases[i].content), cases[i].mode);
		config_free(load(text, CONFIG_ROLE_SERVER, &errors));
		if (!cases[i].why) {
			assert_string_equal(errors, "");
		} else {
			snprintf(expected, sizeof(expected), "f:2: server: key-file '%s' %s", name,
				 cases[i].why);
			if (strncmp(errors, expected, strlen(expected)) != 0)
				fail_msg("'%s' does not begin with '%s'", errors, expected);
		}
		assert_null(strstr(errors, "s3cr3t"));
		assert_null(strstr(errors, "AAECAw"));
		free(errors);
		unlink(name);
	}
	check_errors("server { key-file = \"/nonexistent/key\" }", CONFIG_ROLE_SERVER,
		     "f:1: server: key-file '/nonexistent/key' cannot be read: No such file or "
		     "directory\n");
	check_errors(
		"server { key-file = s3cr3t }", CONFIG_ROLE_SERVER,
		"f:1: server: key-file must be the absolute name of a file that holds the key, as "
		"\"/etc/mpgate/server.key\"\n");
	check_errors("server { key-file = \"/\" }", CONFIG_ROLE_SERVER,
		     "f:1: server: key-file '/' is no regular file\n");
	// a key file of the other role may be on another machine
	check_errors(GATEWAY "server { key-file = \"/nonexistent/key\" }", CONFIG_ROLE_GATEWAY, "");
}

static void reads_secrets(void **state)
{
	char name[64], long_text[1100];
	struct str errors = { 0 };
	char *secret = NULL;

	(void)state;
	snprintf(name, sizeof(name), "%s/secret", dir);
	write_file(name, " two words \r\n", 13, 0600);
	assert_int_equal(config_secret_read(name, &secret, &errors), 0);
	assert_string_equal(secret, " two words ");
	assert_string_equal(str_text(&errors), "");
	config_secret_free(secret);
	config_secret_free(NULL);

	write_file(name, "s3\0r3t", 6, 0600);
	assert_int_equal(config_secret_read(name, &secret, &errors), -EINVAL);
	memset(long_text, 'x', sizeof(long_text));
	write_file(name, long_text, 1024, 0600);
	assert_int_equal(config_secret_read(name, &secret, &errors), 0);
	config_secret_free(secret);
	write_file(name, long_text, 1025, 0600);
	assert_int_equal(config_secret_read(name, &secret, &errors), -EFBIG);
	unlink(name);
	assert_int_equal(mkfifo(name, 0600), 0);
	assert_int_equal(config_secret_read(name, &secret, &errors), -EINVAL);
	unlink(name);
	assert_int_equal(config_secret_read(name, &secret, &errors), -ENOENT);
	assert_non_null(strstr(errors.text, "/secret holds a NUL byte"));
	assert_non_null(strstr(errors.text, "/secret is larger than 1024 bytes"));
	assert_non_null(strstr(errors.text, "/secret is no regular file\n"));
	assert_non_null(strstr(errors.text, "/secret cannot be read: No such file or directory\n"));
	str_fini(&errors);
}

static int make_dir(void **state)
{
	(void)state;
	if (!mkdtemp(dir))
		return -1;
	snprintf(key_file, sizeof(key_file), "%s/good.key", dir);
	write_file(key_file, "password\n", 9, 0600);
	return 0;
}

static int remove_dir(void **state)
{
	(void)state;
	unlink(key_file);
	return rmdir(dir);
}

// ---- pins

#define PINS(pins)                                                                                 \
	GATEWAY "exit us { address = \"192.0.2.2\" key-file = \"@\" default = yes }\n" pins

static void reads_pins_in_their_order(void **state)
{
	char *errors;
	struct config *c;

	(void)state;
	c = load(
		PINS("pin z { to = {\"10.8.0.10/32\", \"2001:db8::/32\"} from = "
		     "\"192.168.5.40/32\"\n"
		     "ports = {22, \"6000-6100\"} proto = tcp via = a proxy = yes when-down = any "
		     "}\n"
		     "pin b { to = \"192.0.2.9/32\" via = sg }\npin c { ports = 25 via = direct }"),
		CONFIG_ROLE_GATEWAY, &errors);
	assert_string_equal(errors, "");
	assert_non_null(c);
	assert_string_equal(c->warnings, "");
	assert_int_equal(c->n_pins, 3);
	assert_string_equal(c->pins[0].name, "z");
	assert_int_equal(c->pins[0].to.n, 2);
	assert_int_equal(c->pins[0].from.n, 1);
	assert_int_equal(c->pins[0].ports.n, 2);
	assert_int_equal(c->pins[0].ports.list[0].last, 22);
	assert_int_equal(c->pins[0].ports.list[1].first, 6000);
	assert_int_equal(c->pins[0].ports.list[1].last, 6100);
	assert_int_equal(c->pins[0].proto, CONFIG_PROTO_TCP);
	assert_true(c->pins[0].proxy);
	assert_int_equal(c->pins[0].when_down, CONFIG_DOWN_ANY);
	assert_string_equal(c->pins[1].via, "sg");
	assert_int_equal(c->pins[1].when_down, CONFIG_DOWN_BLOCK);
	assert_string_equal(c->pins[2].via, CONFIG_DIRECT);
	config_free(c);
	free(errors);
}

static void judges_pins(void **state)
{
	static const struct {
		const char *pins, *errors;
	} cases[] = {
		{ "pin p { via = a }", "f:5: pin 'p' takes everything, say what it is for with "
				       "'to', 'from' or 'ports'\n" },
		{ "pin p { to = \"10.0.0.0/8\" }",
		  "f:5: pin 'p': via is missing, add: via = \"ppp0\"\n" },
		{ "pin p { to = \"10.0.0.0/8\"\nvia = b }",
		  "f:6: pin 'p': there is neither a path nor an exit 'b', give the name of one, or "
		  "\"direct\"\n" },
		{ "path us { }\npin p { to = \"10.0.0.0/8\" via = us }",
		  "f:6: pin 'p': 'us' has more than one meaning here, as a path and an exit have "
		  "that name; give the "
		  "path or exit another name\n" },
		{ "path direct { }\npin p { to = \"10.0.0.0/8\" via = direct }",
		  "f:6: pin 'p': 'direct' has more than one meaning here, as a path or an exit has "
		  "that name; give the "
		  "path or exit another name\n" },
		{ "pin p { to = \"10.0.0.0/8\" via = us\nproxy = no }",
		  "f:6: pin 'p': proxy is for a path, and 'us' is an exit, which always carries; "
		  "leave it out\n" },
		{ "pin p { to = \"10.0.0.0/8\" via = direct proxy = yes }",
		  "f:5: pin 'p': proxy is for a path, and 'direct' never carries; leave it out\n" },
		{ "pin p { to = \"10.0.0.0/8\" from = \"2001:db8::/32\" via = a }",
		  "f:5: pin 'p' takes nothing: of 'to' and 'from' one is IPv4, the other IPv6\n" },
		{ "pin p { ports = 25 via = a }\npin p { ports = 26 via = a }",
		  "f:6: pin 'p' was defined before, on line 5; give it another name\n" },
		{ "pin p { ports = \"0\" via = a }",
		  "f:5: pin 'p': ports '0' is neither a port from 1 to 65535 nor a range such as "
		  "\"6000-6100\"\n" },
		{ "pin p { ports = {\"9-8\", \"1-65536\", \"1-\", \"x\", \"1-2-3\", \" 1\"} via = "
		  "a }",
		  "f:5: pin 'p': ports '9-8' is neither a port from 1 to 65535 nor a range such as "
		  "\"6000-6100\"\n"
		  "f:5: pin 'p': ports '1-65536' is neither a port from 1 to 65535 nor a range "
		  "such as \"6000-6100\"\n"
		  "f:5: pin 'p': ports '1-' is neither a port from 1 to 65535 nor a range such as "
		  "\"6000-6100\"\n"
		  "f:5: pin 'p': ports 'x' is neither a port from 1 to 65535 nor a range such as "
		  "\"6000-6100\"\n"
		  "f:5: pin 'p': ports '1-2-3' is neither a port from 1 to 65535 nor a range such "
		  "as \"6000-6100\"\n"
		  "f:5: pin 'p': ports ' 1' is neither a port from 1 to 65535 nor a range such as "
		  "\"6000-6100\"\n" },
		{ "pin p { ports = 25 proto = icmp via = a }",
		  "f:5: pin 'p': proto 'icmp' is none of any, tcp and udp\n" },
		{ "pin p { ports = 25 when-down = wait via = a }",
		  "f:5: pin 'p': when-down 'wait' is none of block and any\n" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct str text = { 0 };

		str_addf(&text, PINS("%s"), cases[i].pins);
		check_errors(str_text(&text), CONFIG_ROLE_GATEWAY, cases[i].errors);
		str_fini(&text);
	}
}

static void warns_of_hidden_pins(void **state)
{
	static const struct {
		const char *first, *later;
		bool hidden;
	} cases[] = {
		{ "to = \"10.0.0.0/8\"", "to = \"10.8.0.0/16\"", true },
		{ "to = \"10.8.0.0/16\"", "to = \"10.0.0.0/8\"", false },
		{ "to = {\"10.0.0.0/9\", \"2001:db8::/32\"}",
		  "to = {\"10.8.0.0/16\", \"2001:db8:1::/48\"}", true },
		{ "to = \"10.0.0.0/8\"", "to = {\"10.8.0.0/16\", \"2001:db8::/32\"}", false },
		{ "to = \"10.0.0.0/8\" when-down = any", "to = \"10.8.0.0/16\"", false },
		{ "to = \"10.0.0.0/8\" proto = tcp", "to = \"10.8.0.0/16\"", false },
		{ "to = \"10.0.0.0/8\"", "to = \"10.8.0.0/16\" proto = udp", true },
		{ "ports = \"20-30\"", "ports = {22, 25}", true },
		{ "ports = \"20-30\"", "ports = {22, 31}", false },
		{ "to = \"10.0.0.0/8\" ports = 22", "to = \"10.0.0.0/8\"", false },
		// what is left alone otherwise, the first does not take
		{ "ports = 22", "ports = 22 to = \"10.0.0.0/8\"", false },
		{ "from = \"192.168.5.0/24\"", "from = \"192.168.5.4/32\" ports = 3", true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct str text = { 0 };
		struct config *c;
		char *errors;

		str_addf(&text, PINS("pin p { via = a %s }\npin q { via = a %s }"), cases[i].first,
			 cases[i].later);
		c = load(str_text(&text), CONFIG_ROLE_GATEWAY, &errors);
		assert_string_equal(errors, "");
		assert_non_null(c);
		if (strcmp(c->warnings, cases[i].hidden ? "f:6: warning: pin 'q' is never asked, "
							  "pin 'p' on line 5 takes all of "
							  "it before; put the narrower one first\n"
							: "") != 0)
			fail_msg("%s; %s: %s", cases[i].first, cases[i].later, c->warnings);
		config_free(c);
		free(errors);
		str_fini(&text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_pins_in_their_order),
		cmocka_unit_test(judges_pins),
		cmocka_unit_test(warns_of_hidden_pins),
		cmocka_unit_test(reads_the_example),
		cmocka_unit_test(fills_in_what_is_left_out),
		cmocka_unit_test(takes_every_spelling),
		cmocka_unit_test(unescapes_strings),
		cmocka_unit_test(complains_about_structure),
		cmocka_unit_test(judges_values),
		cmocka_unit_test(knows_hosts),
		cmocka_unit_test(compares_values),
		cmocka_unit_test(wants_the_blocks_of_a_role),
		cmocka_unit_test(takes_patterns_of_tunnels),
		cmocka_unit_test(limits_the_paths),
		cmocka_unit_test(counts_what_it_does_not_tell),
		cmocka_unit_test(writes_what_it_reads),
		cmocka_unit_test(survives_what_is_no_configuration),
		cmocka_unit_test(judges_key_files),
		cmocka_unit_test(reads_secrets),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
