// SPDX-License-Identifier: GPL-2.0-or-later
//
// Texts that tell the tables of schema.c to people: the default file, the files that are installed,
// the manual page. They must say what the tables say.
#include "unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/config_priv.h"
#include "ui/ui_priv.h"

// ---- files

static char *read_source(const char *name)
{
	const char *srcdir = getenv("srcdir");
	struct str path = { 0 }, text = { 0 };
	char chunk[4096];
	size_t n;
	FILE *file;

	str_addf(&path, "%s/%s", srcdir ? srcdir : ".", name);
	file = fopen(str_text(&path), "re");
	if (!file)
		fail_msg("cannot read %s; run make check, or set srcdir", str_text(&path));
	while ((n = fread(chunk, 1, sizeof(chunk), file)) > 0)
		str_add_bytes(&text, chunk, n);
	fclose(file);
	str_fini(&path);
	return str_take(&text);
}

static const char *good_key_file(void)
{
	static char name[32];
	int fd;

	if (!name[0]) {
		fd = memfd_create("key", MFD_CLOEXEC);
		assert_true(fd >= 0);
		assert_int_equal(fchmod(fd, 0600), 0);
		assert_int_equal(write(fd, "password\n", 9), 9);
		snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	}
	return name;
}

// A copy with a key file that is there. With `uncomment` every '#' that begins a line and has no
// blank behind it is taken away.
static char *prepare(const char *text, bool uncomment)
{
	struct str out = { 0 };

	while (*text) {
		size_t len = strcspn(text, "\n"), blanks = strspn(text, "\t ");

		str_add_bytes(&out, text, blanks);
		text += blanks;
		len -= blanks;
		if (uncomment && len > 1 && text[0] == '#' && !strchr(" \t", text[1]))
			text++, len--;
		if (strncmp(text, "key-file", 8) == 0)
			str_addf(&out, "key-file = \"%s\"", good_key_file());
		else
			str_add_bytes(&out, text, len);
		str_add(&out, "\n");
		text += len + (text[len] == '\n');
	}
	return str_take(&out);
}

static struct config *load(const char *text, bool uncomment)
{
	char *prepared = prepare(text, uncomment);
	struct str errors = { 0 };
	struct config *config = NULL;

	if (config_load_text("f", prepared, strlen(prepared), CONFIG_ROLE_ANY, &config, &errors) <
	    0)
		fail_msg("%s", str_text(&errors));
	// with everything taken out of its comment, the keys of one way to dial stand beside
	// another
	for (const char *line = config->warnings; *line; line += strcspn(line, "\n") + 1) {
		if (!uncomment || !strstr(line, "is of no use"))
			fail_msg("%s", config->warnings);
	}
	str_fini(&errors);
	free(prepared);
	return config;
}

// ---- configuration files

// Whether `key` stands in `text`: in use, or commented out with its default.
static bool has_key(const char *text, const struct schema_key *key)
{
	size_t word_len = strlen(key->word);

	for (const char *line = text; line; line = strchr(line, '\n')) {
		size_t blanks;
		bool commented;

		line += *line == '\n';
		blanks = strspn(line, "\t");
		commented = line[blanks] == '#';
		line += blanks + commented;
		if (strncmp(line, key->word, word_len) != 0 ||
		    strncmp(line + word_len, " = ", 3) != 0)
			continue;
		if (!commented || !key->fallback ||
		    strncmp(line + word_len + 3, key->fallback, strlen(key->fallback)) == 0)
			return true;
	}
	return false;
}

static void check_keys(const char *text, const char *name, int block)
{
	for (size_t k = 0; k < schema_blocks[block].n_keys; k++) {
		if (!has_key(text, &schema_blocks[block].keys[k]))
			fail_msg("%s: no '%s' of block '%s', or with another default", name,
				 schema_blocks[block].keys[k].word, schema_blocks[block].word);
	}
}

static void writes_a_default_file_that_it_reads(void **state)
{
	struct str text = { 0 };
	struct config *c;

	(void)state;
	config_write_default(&text);
	c = load(text.text, true);
	assert_int_equal(c->n_exits, 1);
	assert_int_equal(c->n_paths, 1);
	assert_true(c->server.present);
	for (int i = 0; i < SCHEMA_BLOCKS; i++)
		check_keys(text.text, "default", i);
	config_free(c);
	str_fini(&text);
}

static void installs_files_that_it_reads(void **state)
{
	char *gateway = read_source("conf/mpgate.conf"),
	     *server = read_source("conf/mpgate-server.conf"),
	     *jumpbox = read_source("conf/mpgate-jumpbox.conf");
	struct config *c;

	(void)state;
	for (int uncomment = 0; uncomment < 2; uncomment++) {
		c = load(gateway, uncomment);
		assert_int_equal(c->n_exits, 1);
		assert_int_equal(c->n_paths, uncomment ? 3 : 2);
		assert_false(c->server.present);
		config_free(c);
		c = load(server, uncomment);
		assert_int_equal(c->n_paths, 0);
		assert_true(c->server.present);
		config_free(c);
		c = load(jumpbox, uncomment);
		assert_true(c->jumpbox.present);
		config_free(c);
	}
	for (int i = 0; i < SCHEMA_BLOCKS; i++) {
		if (i != SCHEMA_SERVER && i != SCHEMA_JUMPBOX)
			check_keys(gateway, "mpgate.conf", i);
	}
	check_keys(server, "mpgate-server.conf", SCHEMA_SERVER);
	check_keys(jumpbox, "mpgate-jumpbox.conf", SCHEMA_JUMPBOX);
	assert_non_null(strstr(server, "\n#workers = 0\n"));
	free(gateway);
	free(server);
	free(jumpbox);
}

static void gives_examples_that_it_reads(void **state)
{
	static const struct {
		const char *name;
		size_t n_exits, n_paths, n_pins;
	} cases[] = {
		{ "conf/one-arm.conf", 1, 2, 0 },
		{ "conf/seed.conf", 2, 5, 2 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char *text = read_source(cases[i].name);
		struct config *c = load(text, false);

		assert_int_equal(c->n_exits, cases[i].n_exits);
		assert_int_equal(c->n_paths, cases[i].n_paths);
		assert_int_equal(c->n_pins, cases[i].n_pins);
		assert_true(c->udp.present);
		config_free(c);
		free(text);
	}
}

// ---- manual page

// The lines of one item of the page, joined by blanks.
struct item {
	const struct schema_block *block;
	char word[32];
	struct str text;
};

static const struct schema_block *block_of_section(const char *line)
{
	char word[32] = "";

	sscanf(line, ".Ss %31s", word);
	for (size_t i = 1; i < SCHEMA_BLOCKS; i++) {
		if (strcmp(schema_blocks[i].word, word) == 0)
			return &schema_blocks[i];
	}
	return strcmp(word, "Outside") == 0 ? &schema_blocks[SCHEMA_TOP] : NULL;
}

// A value without quotes and braces, as the page shows it.
static void strip(const char *value, char *out, size_t size)
{
	size_t len;

	value += strspn(value, "{\"");
	str_copy(out, size, value);
	len = strlen(out);
	while (len > 0 && strchr("\"}", out[len - 1]))
		out[--len] = '\0';
}

static void check_item(const struct item *item, bool seen[SCHEMA_BLOCKS][SCHEMA_KEYS_MAX])
{
	const struct schema_key *key = schema_find(item->block, item->word);
	char plain[128], expected[192];
	const char *text = str_text(&item->text), *tail;

	if (!key)
		fail_msg("the page has '%s' in block '%s', mpgate has not", item->word,
			 item->block->word);
	seen[item->block - schema_blocks][key - item->block->keys] = true;
	tail = strstr(text, "Default: ");
	assert_int_equal(strstr(text, "Required.") != NULL, key->required);
	assert_int_equal(tail == NULL, key->required);
	if (key->fallback) {
		strip(key->fallback, plain, sizeof(plain));
		if (strcmp(key->fallback, "\"\"") == 0)
			snprintf(expected, sizeof(expected), "Default: .Qq \"\" .");
		else if (key->fallback[0] == '"')
			snprintf(expected, sizeof(expected), "Default: .Qq %s .", plain);
		else
			snprintf(expected, sizeof(expected), "Default: %s.", plain);
	} else if (!key->required) {
		snprintf(expected, sizeof(expected), "Default: %s", key->otherwise);
	} else {
		snprintf(expected, sizeof(expected), "Required.");
	}
	if (strncmp(tail ? tail : strstr(text, "Required."), expected, strlen(expected)) != 0)
		fail_msg("the page says of '%s': %s, not: %s", key->word, tail, expected);
	if (key->required) {
		strip(key->example, plain, sizeof(plain));
		if (!strstr(text, plain))
			fail_msg("the page has no example '%s' of '%s'", plain, key->word);
	}
}

static void documents_every_key(void **state)
{
	bool seen[SCHEMA_BLOCKS][SCHEMA_KEYS_MAX] = { 0 };
	char *page = read_source("doc/mpgate.conf.5"), *at = page, *line;
	struct item item = { 0 };

	(void)state;
	while ((line = strsep(&at, "\n"))) {
		if (strncmp(line, ".It", 3) == 0 || strncmp(line, ".El", 3) == 0) {
			if (item.word[0])
				check_item(&item, seen);
			item.word[0] = '\0';
			str_clear(&item.text);
			if (item.block)
				sscanf(line, ".It Ic %31s", item.word);
		} else if (strncmp(line, ".Ss ", 4) == 0) {
			item.block = block_of_section(line);
		} else if (strncmp(line, ".Sh ", 4) == 0) {
			item.block = NULL;
		} else {
			str_addf(&item.text, "%s ", line);
		}
	}
	for (size_t i = 0; i < SCHEMA_BLOCKS; i++) {
		for (size_t k = 0; k < schema_blocks[i].n_keys; k++) {
			if (!seen[i][k])
				fail_msg("the page has no '%s' of block '%s'",
					 schema_blocks[i].keys[k].word, schema_blocks[i].word);
		}
	}
	str_fini(&item.text);
	free(page);
}

// ---- the console

// A key that the file accepts is one that the console gives away.
static void leaves_the_console_its_keys(void **state)
{
	const struct schema_key *key = schema_find(&schema_blocks[SCHEMA_PATH], "hotkey");
	int accepted = 0;

	(void)state;
	for (int c = 1; c < 256; c++) {
		const char text[] = { (char)c, '\0' };
		struct str why = { 0 };
		char hotkey;

		if (key->type->parse(key, text, &hotkey, &why) == 0) {
			accepted++;
			if (!bindings_allow_hotkey((char)c))
				fail_msg("'%c' is a key of the console", c);
		}
		str_fini(&why);
	}
	assert_true(accepted >= 10); // the digits at least
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_a_default_file_that_it_reads),
		cmocka_unit_test(installs_files_that_it_reads),
		cmocka_unit_test(gives_examples_that_it_reads),
		cmocka_unit_test(documents_every_key),
		cmocka_unit_test(leaves_the_console_its_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
