// SPDX-License-Identifier: GPL-2.0-or-later
//
// The configuration file -> struct config. A file passes four stations, and what one of them finds
// wrong does not keep the others from looking at the rest, so that one run tells every error:
//
//	outline.c   takes the text apart into blocks and keys, with their lines; leaves out what is
// wrong 	libconfuse  reads the values of one block at a time 	schema.c    the tables:
// which keys there are, how a value becomes a field, what the default is 	rules.c     what
// must hold between values, and of the files that they name
//
// Complaints are collected (complaints.c) and told in the order of their lines. secret.c reads key
// files. write.c prints a configuration, and the default one, from the same tables.
//
// Called from the main thread only: libconfuse's scanner is one for the whole process. Input is
// bounded: a regular file of at most FILE_MAX_BYTES, lines of at most LINE_MAX_BYTES.
//
// Not here: whether an interface exists, whether a name resolves. They come and go while we run.

#include "config/config_priv.h"

#include <confuse.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX_BYTES (256 * 1024)
#define LINE_MAX_BYTES 4096

// What editors of another system put before a text in UTF-8.
#define BYTE_ORDER_MARK "\xef\xbb\xbf"

// ---- values

static const char *name_of(const struct piece *piece, char *out, size_t size)
{
	if (!piece->block->word[0])
		return "";
	if (piece->block->title)
		snprintf(out, size, "%s '%s': ", piece->block->word, piece->title);
	else
		snprintf(out, size, "%s: ", piece->block->word);
	return out;
}

static void store(struct complaints *c, const struct piece *piece, const struct schema_key *key,
		  const char *text, int line, void *base)
{
	struct str why = { 0 };
	char name[96];

	if (key->type->parse(key, text, (char *)base + key->offset, &why) < 0) {
		if (key->type->secret)
			complaints_add(c, COMPLAINT_ERROR, line, "%s%s %s",
				       name_of(piece, name, sizeof(name)), key->word,
				       str_text(&why));
		else
			complaints_add(c, COMPLAINT_ERROR, line, "%s%s '%.64s' %s",
				       name_of(piece, name, sizeof(name)), key->word, text,
				       str_text(&why));
	}
	str_fini(&why);
}

// A default is written as in a file; none needs more than its quotes taken off.
static void store_fallback(struct complaints *c, const struct piece *piece,
			   const struct schema_key *key, void *base)
{
	char text[64];

	str_copy(text, sizeof(text), key->fallback + (key->fallback[0] == '"'));
	text[strcspn(text, "\"")] = '\0';
	store(c, piece, key, text, piece->line, base);
}

static void store_key(struct complaints *c, const struct piece *piece, size_t k, cfg_t *section,
		      void *base)
{
	const struct schema_key *key = &piece->block->keys[k];
	const struct statement *st = &piece->statements[k];
	cfg_opt_t *opt = cfg_getopt(section, key->word);
	char name[96];

	if (st->usable) {
		for (unsigned i = 0; i < cfg_opt_size(opt); i++)
			store(c, piece, key, cfg_opt_getnstr(opt, i),
			      i < st->n_items ? st->item_lines[i] : st->line, base);
	} else if (!st->line && !st->misspelt && key->required) {
		complaints_add(c, COMPLAINT_ERROR, piece->line, "%s%s is missing, add: %s = %s",
			       name_of(piece, name, sizeof(name)), key->word, key->word,
			       key->example);
	} else if (key->fallback) {
		store_fallback(c, piece, key, base);
	}
}

// ---- libconfuse

// Its error function gets no pointer of ours.
static struct {
	struct complaints *complaints;
	int line; // of the text's first line in the file
} reading;

__attribute__((format(printf, 2, 0))) static void take_library_error(cfg_t *cfg, const char *fmt,
								     va_list ap)
{
	complaints_vadd(reading.complaints, COMPLAINT_ERROR, reading.line + cfg->line - 1, fmt, ap);
}

// All values are strings to libconfuse: what they mean is for the schema to say.
static void list_options(const struct schema_block *block,
			 cfg_opt_t options[static SCHEMA_KEYS_MAX + 1])
{
	for (size_t i = 0; i < block->n_keys; i++) {
		const struct schema_key *key = &block->keys[i];

		if (key->type->list)
			options[i] = (cfg_opt_t)CFG_STR_LIST(key->word, NULL, CFGF_NODEFAULT);
		else
			options[i] = (cfg_opt_t)CFG_STR(key->word, NULL, CFGF_NODEFAULT);
	}
	options[block->n_keys] = (cfg_opt_t)CFG_END();
}

static cfg_t *parse_piece(const struct piece *piece, struct complaints *c)
{
	const struct schema_block *block = piece->block;
	cfg_opt_t keys[SCHEMA_KEYS_MAX + 1], blocks[2];
	size_t errors_before = c->n_errors;
	cfg_t *cfg;

	list_options(block, keys);
	blocks[0] =
		(cfg_opt_t)CFG_SEC(block->word, keys, CFGF_MULTI | (block->title ? CFGF_TITLE : 0));
	blocks[1] = (cfg_opt_t)CFG_END();
	cfg = cfg_init(block->word[0] ? blocks : keys, CFGF_NONE);
	if (!cfg)
		return NULL;
	reading.complaints = c;
	reading.line = piece->line;
	cfg_set_error_function(cfg, take_library_error);
	if (cfg_parse_buf(cfg, str_text(&piece->text)) == CFG_SUCCESS)
		return cfg;
	// it is not known to always complain by itself
	if (c->n_errors == errors_before)
		complaints_add(c, COMPLAINT_ERROR, piece->line, "libconfuse cannot read this");
	cfg_free(cfg);
	return NULL;
}

// Where to note what `block` made last; NULL for the keys outside of blocks.
static const struct piece **slot_of(struct loaded *loaded, const struct schema_block *block)
{
	switch (block - schema_blocks) {
	case SCHEMA_LAN:
		return &loaded->lan;
	case SCHEMA_UDP:
		return &loaded->udp;
	case SCHEMA_DNS:
		return &loaded->dns;
	case SCHEMA_METRICS:
		return &loaded->metrics;
	case SCHEMA_SERVER:
		return &loaded->server;
	case SCHEMA_JUMPBOX:
		return &loaded->jumpbox;
	case SCHEMA_EXIT:
		return &loaded->exits[loaded->config->n_exits - 1];
	case SCHEMA_PATH:
		return &loaded->paths[loaded->config->n_paths - 1];
	case SCHEMA_PIN:
		return &loaded->pins[loaded->config->n_pins - 1];
	default:
		return NULL;
	}
}

static void load_piece(struct loaded *loaded, const struct piece *piece)
{
	const struct schema_block *block = piece->block;
	struct complaints *c = loaded->complaints;
	void *base = block->make(loaded->config, piece->line);
	const struct piece **slot;
	cfg_t *cfg, *section;

	if (!base) {
		complaints_add(c, COMPLAINT_ERROR, piece->line,
			       "a block '%s' too many, there may be %d", block->word, block->max);
		return;
	}
	slot = slot_of(loaded, block);
	if (slot && *slot)
		complaints_add(
			c, COMPLAINT_ERROR, piece->line,
			"a second block '%s', the first is on line %d; put their keys into one",
			block->word, (*slot)->line);
	else if (slot)
		*slot = piece;
	cfg = parse_piece(piece, c);
	if (!cfg)
		return;
	section = block->word[0] ? cfg_getsec(cfg, block->word) : cfg;
	if (block->title && schema_is_name(piece->title))
		str_copy(base, NAME_SIZE, piece->title);
	for (size_t k = 0; k < block->n_keys; k++)
		store_key(c, piece, k, section, base);
	cfg_free(cfg);
}

// ---- whole texts

// Whether libconfuse and people can be shown this at all.
static bool is_text(const char *text, size_t len, struct complaints *c)
{
	size_t start = 0;
	int line = 1;

	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\0') {
			complaints_add(c, COMPLAINT_ERROR, line,
				       "a NUL byte: this is no text file");
			return false;
		}
		if (text[i] == '\n') {
			line++;
			start = i + 1;
		} else if (i - start >= LINE_MAX_BYTES) {
			complaints_add(
				c, COMPLAINT_ERROR, line,
				"a line of more than %d bytes: this is no configuration file",
				LINE_MAX_BYTES);
			return false;
		}
	}
	return true;
}

static struct config *make_config(const char *file)
{
	struct config *config = xcalloc(1, sizeof(*config));

	config->file = xstrdup(file);
	config->exits = xcalloc(CONFIG_EXITS_MAX, sizeof(*config->exits));
	config->paths = xcalloc(PATHS_MAX, sizeof(*config->paths));
	config->pins = xcalloc(CONFIG_PINS_MAX, sizeof(*config->pins));
	return config;
}

int config_load_text(const char *file, const char *text, size_t len, enum config_role role,
		     struct config **out, struct str *errors)
{
	struct complaints complaints = { .file = file };
	struct loaded loaded = { .complaints = &complaints, .role = role };
	struct outline outline = { 0 };
	struct str warnings = { 0 };
	int rc = 0;

	if (len >= strlen(BYTE_ORDER_MARK) &&
	    memcmp(text, BYTE_ORDER_MARK, strlen(BYTE_ORDER_MARK)) == 0) {
		text += strlen(BYTE_ORDER_MARK);
		len -= strlen(BYTE_ORDER_MARK);
	}
	loaded.config = make_config(file);
	if (is_text(text, len, &complaints)) {
		outline_scan(&outline, text, len, &complaints);
		for (size_t i = 0; i < outline.n; i++)
			load_piece(&loaded, &outline.pieces[i]);
		rules_check(&loaded);
	}
	complaints_write(&complaints, COMPLAINT_ERROR, errors);
	complaints_write(&complaints, COMPLAINT_WARNING, &warnings);
	loaded.config->warnings = str_take(&warnings);
	if (complaints.n_errors) {
		config_free(loaded.config);
		rc = -EINVAL;
	} else {
		*out = loaded.config;
	}
	outline_fini(&outline);
	complaints_fini(&complaints);
	return rc;
}

// The whole file into `text`. Returns 0 or -errno with the reason in `why`. Never waits: a FIFO or
// a device in place of the file is refused.
static int read_file(const char *file, struct str *text, struct str *why)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	char chunk[4096];
	struct stat st;
	ssize_t n;
	int rc = 0;

	if (fd < 0 || fstat(fd, &st) < 0) {
		rc = -errno;
		str_addf(why, "cannot be read: %s", strerror(errno));
		if (rc == -ENOENT)
			str_add(why, "; 'mpgate config --default' prints one to begin with");
		goto out;
	}
	if (!S_ISREG(st.st_mode)) {
		rc = S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
		str_addf(why, "is %s, the configuration is a regular file",
			 S_ISDIR(st.st_mode) ? "a directory" : "no file");
		goto out;
	}
	while ((n = read(fd, chunk, sizeof(chunk))) > 0 && text->len <= FILE_MAX_BYTES)
		str_add_bytes(text, chunk, (size_t)n);
	if (n < 0) {
		rc = -errno;
		str_addf(why, "cannot be read: %s", strerror(errno));
	} else if (text->len > FILE_MAX_BYTES) {
		rc = -EFBIG;
		str_addf(why, "is larger than %d KiB, this is no configuration file",
			 FILE_MAX_BYTES / 1024);
	}
out:
	if (fd >= 0)
		close(fd);
	return rc;
}

int config_load(const char *file, enum config_role role, struct config **out, struct str *errors)
{
	struct str text = { 0 }, why = { 0 };
	int rc = read_file(file, &text, &why);

	if (rc == 0)
		rc = config_load_text(file, str_text(&text), text.len, role, out, errors);
	else
		str_addf(errors, "%s: %s\n", file, why.text);
	str_fini(&text);
	str_fini(&why);
	return rc;
}

void config_free(struct config *config)
{
	if (!config)
		return;
	for (size_t i = 0; i < config->n_exits; i++)
		free(config->exits[i].key_file);
	free(config->exits);
	free(config->paths);
	for (size_t i = 0; i < config->n_pins; i++) {
		free(config->pins[i].to.list);
		free(config->pins[i].from.list);
		free(config->pins[i].ports.list);
	}
	free(config->pins);
	free(config->lan.sources.list);
	free(config->lan.source_bypass.list);
	free(config->lan.bypass.list);
	free(config->udp.via.list);
	free(config->dns.listen.list);
	free(config->dns.upstreams.list);
	free(config->dns.direct.list);
	free(config->server.key_file);
	free(config->metrics.textfile);
	free(config->jumpbox.tunnels.list);
	free(config->jumpbox.ranges.list);
	free(config->server.allow.list);
	free(config->warnings);
	free(config->file);
	free(config);
}

const struct config_path *config_find_path(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->n_paths; i++) {
		if (!config->paths[i].gone && strcmp(config->paths[i].name, name) == 0)
			return &config->paths[i];
	}
	return NULL;
}

const struct config_exit *config_find_exit(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->n_exits; i++) {
		if (!config->exits[i].gone && strcmp(config->exits[i].name, name) == 0)
			return &config->exits[i];
	}
	return NULL;
}
