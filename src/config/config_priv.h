// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef CONFIG_CONFIG_PRIV_H
#define CONFIG_CONFIG_PRIV_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"
#include "config/config.h"
#include "model/kstate.h"

// ---- complaints.c: what is wrong with a file, collected and then told in the order of its lines

// More than this helps nobody; the rest is counted.
#define COMPLAINTS_MAX 100

enum complaint_level { COMPLAINT_ERROR, COMPLAINT_WARNING };

struct complaint {
	enum complaint_level level;
	int line; // 0: about the whole file
	char *text;
};

struct complaints {
	const char *file; // borrowed
	struct complaint list[COMPLAINTS_MAX];
	size_t n;
	size_t n_errors; // including those that found no room
	size_t n_untold;
};

void complaints_fini(struct complaints *c);
// The text may quote the file: it is cleaned for terminals.
__attribute__((format(printf, 4, 5))) void
complaints_add(struct complaints *c, enum complaint_level level, int line, const char *fmt, ...);
__attribute__((format(printf, 4, 0))) void complaints_vadd(struct complaints *c,
							   enum complaint_level level, int line,
							   const char *fmt, va_list ap);
// Appends "file:line: text" lines of one level.
void complaints_write(struct complaints *c, enum complaint_level level, struct str *out);

// ---- schema.c: the tables of blocks, keys and types

struct schema_key;

// Tables of paths that name none, from here on.
#define FIRST_PATH_TABLE (KSTATE_TPROXY_TABLE + 1)

// How a value is written, read and stored.
struct schema_type {
	const char *form; // what may be written, for people: "yes or no"
	bool list;        // takes several values; parse() is called for each
	bool ordered;     // whose order has a meaning
	bool quoted;      // written in quotes
	bool secret;      // a wrong value may be a secret in the wrong place: never shown
	// Stores the value at `to`. Returns 0, or -EINVAL with the rest of a sentence in `why`:
	// what is wrong and what would be right.
	int (*parse)(const struct schema_key *key, const char *text, void *to, struct str *why);
	// Appends the value as parse() takes it: of a list the i-th; returns false when there is
	// none.
	bool (*format)(const void *from, size_t i, struct str *out);
};

struct schema_key {
	const char *word;
	const struct schema_type *type;
	size_t offset;         // of the value in the block's struct
	const char *fallback;  // the default as one would write it; NULL: none
	const char *otherwise; // or what holds without it, in words: "the name of the path"
	const char *example;   // as one would write it
	const char *help;      // lines, separated by '\n'
	bool required;
	bool at_start; // a reload leaves it as it is
	long min, max; // of numbers
};

// The most keys that a block has.
#define SCHEMA_KEYS_MAX 32

struct schema_block {
	const char *word;  // "path"; "" for the keys outside of blocks
	const char *title; // "NAME" when it has one; the title is stored at the start of the struct
	const char *example;
	const char *help;
	const struct schema_key *keys;
	size_t n_keys;
	int max; // of those with a title: how many there may be
	// Where its values go in `config`; NULL when no more of them fit.
	void *(*make)(struct config *config, int line);
};

enum {
	SCHEMA_TOP,
	SCHEMA_LAN,
	SCHEMA_EXIT,
	SCHEMA_PATH,
	SCHEMA_PIN,
	SCHEMA_UDP,
	SCHEMA_DNS,
	SCHEMA_METRICS,
	SCHEMA_SERVER,
	SCHEMA_JUMPBOX,
	SCHEMA_BLOCKS
};

extern const struct schema_block schema_blocks[SCHEMA_BLOCKS];

// NULL when there is none. The other returns the word itself or the best "did you mean", else NULL.
const struct schema_key *schema_find(const struct schema_block *block, const char *word);
const struct schema_key *schema_guess(const struct schema_block *block, const char *word);

// 1 to 15 letters, digits, '-', '_', '.', the first a letter or digit.
bool schema_is_name(const char *text);

// schema_dns.c
extern const struct schema_type schema_type_addrs, schema_type_servers, schema_type_direct_names;

// ---- outline.c: the blocks and keys of a text, with their lines

// What is known of one key in one block.
struct statement {
	int line;        // 0: not there
	bool misspelt;   // not there, but something that may have been meant as it
	bool usable;     // it is in the piece's text
	int *item_lines; // of each value
	size_t n_items;
};

// One block, or all keys that are outside of blocks, ready for libconfuse: without comments and
// without the statements that were wrong. Line n of the text is line `line` + n - 1 of the file.
struct piece {
	const struct schema_block *block;
	char title[64]; // as written, for messages
	int line;
	int last_line; // that has been put into the text
	struct str text;
	struct statement statements[SCHEMA_KEYS_MAX]; // by index in block->keys
};

struct outline {
	struct piece *pieces; // the first holds the keys outside of blocks
	size_t n;
};

// Takes `text`, which holds no NUL, apart and complains about everything in its structure.
void outline_scan(struct outline *outline, const char *text, size_t len, struct complaints *c);
void outline_fini(struct outline *outline);

// ---- rules.c: what must hold between values

struct loaded {
	struct config *config;
	struct complaints *complaints;
	enum config_role role;
	// Where things were written; as many as there are in `config`.
	const struct piece *lan, *udp, *dns, *metrics, *server, *jumpbox, *exits[CONFIG_EXITS_MAX],
		*paths[PATHS_MAX], *pins[CONFIG_PINS_MAX];
};

void rules_check(struct loaded *loaded);
// Where a key was written; else where its block begins.
int rules_line_of(const struct piece *piece, const char *word);
bool rules_is_given(const struct piece *piece, const char *word);

#define complain(l, ...) complaints_add((l)->complaints, COMPLAINT_ERROR, __VA_ARGS__)

// ---- rules_pins.c

void rules_check_pins(struct loaded *loaded);

// ---- config.c

// config_load() of a text in memory; `file` is its name in messages.
int config_load_text(const char *file, const char *text, size_t len, enum config_role role,
		     struct config **out, struct str *errors);

// ---- secret.c

// Like config_secret_read(); `why` gets the rest of a sentence that begins with the file's name.
// With `method` not NULL the secret must also be a key for it.
int secret_read(const char *file, const enum config_method *method, char **out, struct str *why);

#endif
