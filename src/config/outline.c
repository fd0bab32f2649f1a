// SPDX-License-Identifier: GPL-2.0-or-later
//
// Finds the blocks and keys of a text and everything that is wrong in its structure, before
// libconfuse reads the values.
//
// libconfuse 3.3 cannot do this part: it stops at the first error, counts lines wrongly behind
// comments, refuses comments inside lists, takes the last of two equal keys without a word, puts
// environment variables into strings, and skips characters that it does not know. So the text is
// taken apart here, by the same rules for words, strings and braces; a statement that is wrong is
// blamed and left out, and what is right is handed on block by block, word for word and line for
// line.
//
// Recovery: a fault ends with its line or with the next '}', and the beginning of a block is taken
// for one wherever it stands, so that one missing brace does not hide the rest of the file. Secrets
// may stand in the wrong place: values are never quoted here, only names.

#include "config/config_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Room for what is quoted of a word.
#define WORD_SIZE 64

// ---- words

enum token_type {
	TOKEN_END,
	TOKEN_WORD,
	TOKEN_EQUALS,
	TOKEN_COMMA,
	TOKEN_OPEN,
	TOKEN_CLOSE,
	TOKEN_BAD
};

struct token {
	enum token_type type;
	const char *start;
	size_t len; // with the quotes of a string
	int line;
	const char *why; // of TOKEN_BAD
};

struct scan {
	const char *pos, *end;
	int line;
	struct token token; // the one at hand
	struct complaints *complaints;
	struct outline *outline;
	int blamed_line; // one fault of writing per line: the rest is its consequence
	// the last assignment, to tell a stray word from a key without '='
	char last_key[WORD_SIZE];
	int last_value_line;
};

static bool is_bare(char c)
{
	return (unsigned char)c > ' ' && c != 0x7f && !strchr("#\"'={}()+,*;", c);
}

static const char *skip_to_line_end(const char *pos, const char *end)
{
	const char *newline = memchr(pos, '\n', (size_t)(end - pos));

	return newline ? newline : end;
}

static void skip_blanks(struct scan *s)
{
	for (; s->pos < s->end; s->pos++) {
		if (*s->pos == '#')
			s->pos = skip_to_line_end(s->pos, s->end);
		if (s->pos == s->end)
			return;
		if (*s->pos == '\n')
			s->line++;
		else if (!strchr(" \t\r", *s->pos))
			return;
	}
}

static void make_bad(struct scan *s, const char *why)
{
	s->token.type = TOKEN_BAD;
	s->token.why = why;
}

static void read_string(struct scan *s, char quote)
{
	const char *why = NULL;

	for (s->pos++; s->pos < s->end && *s->pos != quote && *s->pos != '\n'; s->pos++) {
		if (*s->pos == '\\') {
			s->pos++;
			if (s->pos == s->end || (*s->pos != quote && *s->pos != '\\'))
				why = "a backslash in a string stands only before a quote or a "
				      "backslash";
			if (s->pos == s->end || *s->pos == '\n')
				break;
		} else if ((unsigned char)*s->pos < ' ' || *s->pos == 0x7f) {
			why = "control character in a string";
		} else if (*s->pos == '$' && s->pos + 1 < s->end && s->pos[1] == '{') {
			why = "environment variables are not read here, write the value itself "
			      "instead of '${...}'";
		}
	}
	if (s->pos == s->end || *s->pos != quote) {
		make_bad(s, "string without its end, the closing quote is missing on this line");
		s->pos = skip_to_line_end(s->pos, s->end);
		return;
	}
	s->pos++;
	if (why)
		make_bad(s, why);
}

static void read_bare(struct scan *s)
{
	while (s->pos < s->end && is_bare(*s->pos)) {
		if (*s->pos == '/' && s->pos + 1 < s->end && strchr("/*", s->pos[1])) {
			make_bad(s, "'//' and '/*' stand only in quotes, comments begin with '#'");
			s->pos = skip_to_line_end(s->pos, s->end);
			return;
		}
		s->pos++;
	}
}

static const char *explain_stray(char c)
{
	switch (c) {
	case '(':
	case ')':
		return "there are no functions here, and no include";
	case '+':
		return "'+' means nothing here, write a list in one piece: key = {\"a\", \"b\"}";
	case ';':
		return "there is no ';' here, a statement needs no end";
	default:
		return "a character that means nothing here, values with such characters stand in "
		       "quotes";
	}
}

static void advance(struct scan *s)
{
	skip_blanks(s);
	s->token = (struct token){ .type = TOKEN_END, .start = s->pos, .line = s->line };
	if (s->pos == s->end)
		return;
	switch (*s->pos) {
	case '=':
		s->token.type = TOKEN_EQUALS;
		s->pos++;
		break;
	case ',':
		s->token.type = TOKEN_COMMA;
		s->pos++;
		break;
	case '{':
		s->token.type = TOKEN_OPEN;
		s->pos++;
		break;
	case '}':
		s->token.type = TOKEN_CLOSE;
		s->pos++;
		break;
	case '"':
	case '\'':
		s->token.type = TOKEN_WORD;
		read_string(s, *s->pos);
		break;
	default:
		s->token.type = TOKEN_WORD;
		if (is_bare(*s->pos))
			read_bare(s);
		else
			make_bad(s, explain_stray(*s->pos++));
	}
	s->token.len = (size_t)(s->pos - s->token.start);
}

static struct token look_ahead(const struct scan *s)
{
	struct scan copy = *s;

	advance(&copy);
	return copy.token;
}

// The word without quotes; for names, which have no escapes.
static const char *word_of(const struct token *token, char *out, size_t size)
{
	bool quoted = token->start[0] == '"' || token->start[0] == '\'';
	size_t len = token->len - (quoted ? 2 : 0);

	if (len >= size)
		len = size - 1;
	memcpy(out, token->start + quoted, len);
	out[len] = '\0';
	return out;
}

static bool is_word(const struct token *token, const char *word)
{
	return token->type == TOKEN_WORD && token->len == strlen(word) &&
	       memcmp(token->start, word, token->len) == 0;
}

// ---- complaints

__attribute__((format(printf, 3, 4))) static void blame(struct scan *s, int line, const char *fmt,
							...)
{
	va_list ap;

	if (s->blamed_line == line)
		return;
	s->blamed_line = line;
	va_start(ap, fmt);
	complaints_vadd(s->complaints, COMPLAINT_ERROR, line, fmt, ap);
	va_end(ap);
}

// For what is well written but wrong: a line may have several of these.
__attribute__((format(printf, 3, 4))) static void object(struct scan *s, int line, const char *fmt,
							 ...)
{
	va_list ap;

	if (s->blamed_line == line)
		return;
	va_start(ap, fmt);
	complaints_vadd(s->complaints, COMPLAINT_ERROR, line, fmt, ap);
	va_end(ap);
}

// "in path 'dsl'"
static const char *place_of(const struct piece *piece, char *out, size_t size)
{
	if (!piece->block->word[0])
		snprintf(out, size, "outside of blocks");
	else if (piece->title[0])
		snprintf(out, size, "in %s '%s'", piece->block->word, piece->title);
	else
		snprintf(out, size, "in %s", piece->block->word);
	return out;
}

#define PLACE_SIZE 96

static void list_keys(const struct schema_block *block, struct str *out)
{
	for (size_t i = 0; i < block->n_keys; i++)
		str_addf(out, "%s%s", i ? ", " : "", block->keys[i].word);
}

// The blocks that have this key: "exit or server".
static void list_homes(const char *word, struct str *out)
{
	for (size_t i = 0; i < SCHEMA_BLOCKS; i++) {
		const struct schema_block *block = &schema_blocks[i];

		if (!schema_find(block, word))
			continue;
		str_add(out, out->len ? " or " : "");
		if (block->word[0])
			str_addf(out, "a block '%s'", block->word);
		else
			str_add(out, "no block");
	}
}

static void object_unknown_key(struct scan *s, const struct piece *piece, const char *word,
			       int line)
{
	const struct schema_key *near = schema_guess(piece->block, word);
	struct str homes = { 0 }, keys = { 0 };
	char place[PLACE_SIZE];

	place_of(piece, place, sizeof(place));
	list_homes(word, &homes);
	list_keys(piece->block, &keys);
	if (homes.len)
		object(s, line, "unknown key '%s' %s, it belongs in %s", word, place, homes.text);
	else if (near)
		object(s, line, "unknown key '%s' %s, did you mean '%s'?", word, place, near->word);
	else
		object(s, line, "unknown key '%s' %s, the keys there are: %s", word, place,
		       str_text(&keys));
	str_fini(&homes);
	str_fini(&keys);
}

// ---- pieces

static struct piece *add_piece(struct outline *outline, const struct schema_block *block, int line)
{
	struct piece *piece;

	outline->pieces = xgrow(outline->pieces, outline->n, sizeof(*piece));
	piece = &outline->pieces[outline->n++];
	*piece = (struct piece){ .block = block, .line = line, .last_line = line };
	return piece;
}

static void go_to_line(struct piece *piece, int line)
{
	for (; piece->last_line < line; piece->last_line++)
		str_add(&piece->text, "\n");
}

static void put(struct piece *piece, const char *text, size_t len, int line)
{
	go_to_line(piece, line);
	str_add_bytes(&piece->text, text, len);
	str_add(&piece->text, " ");
}

static void put_token(struct piece *piece, const struct token *token)
{
	put(piece, token->start, token->len, token->line);
}

// Takes back what was put since `len` and `line`.
static void take_back(struct piece *piece, size_t len, int line)
{
	piece->text.len = len;
	if (piece->text.text)
		piece->text.text[len] = '\0';
	piece->last_line = line;
}

static void add_item(struct statement *st, int line)
{
	st->item_lines = xgrow(st->item_lines, st->n_items, sizeof(*st->item_lines));
	st->item_lines[st->n_items++] = line;
}

void outline_fini(struct outline *outline)
{
	for (size_t i = 0; i < outline->n; i++) {
		struct piece *piece = &outline->pieces[i];

		str_fini(&piece->text);
		for (size_t k = 0; k < SCHEMA_KEYS_MAX; k++)
			free(piece->statements[k].item_lines);
	}
	free(outline->pieces);
	*outline = (struct outline){ 0 };
}

// ---- recovery

static const struct schema_block *find_block(const struct token *token)
{
	for (size_t i = 0; i < SCHEMA_BLOCKS; i++) {
		if (schema_blocks[i].word[0] && is_word(token, schema_blocks[i].word))
			return &schema_blocks[i];
	}
	return NULL;
}

// The block that a word most likely means.
static const struct schema_block *guess_block(const char *word)
{
	const struct schema_block *near = NULL;
	unsigned best = 3;

	for (size_t i = 0; i < SCHEMA_BLOCKS; i++) {
		unsigned distance = str_distance(word, schema_blocks[i].word);

		if (distance < best && distance < strlen(word)) {
			best = distance;
			near = &schema_blocks[i];
		}
	}
	return near;
}

// At "lan {" or "path NAME {": wherever that stands, it is meant as a block.
static bool at_block(const struct scan *s)
{
	struct scan copy = *s;

	if (!find_block(&s->token))
		return false;
	advance(&copy);
	if (copy.token.type == TOKEN_WORD)
		advance(&copy);
	return copy.token.type == TOKEN_OPEN;
}

// At '{': to behind its '}', as far as one can tell.
static void skip_braces(struct scan *s)
{
	size_t depth = 0;

	do {
		if (s->token.type == TOKEN_OPEN)
			depth++;
		else if (s->token.type == TOKEN_CLOSE)
			depth--;
		advance(s);
	} while (depth > 0 && s->token.type != TOKEN_END && !at_block(s));
}

// To the first token of a later line, or to a '}' that is not in braces of this line.
static void skip_line(struct scan *s, int line)
{
	while (s->token.type != TOKEN_END && s->token.type != TOKEN_CLOSE &&
	       s->token.line <= line) {
		if (s->token.type == TOKEN_OPEN)
			skip_braces(s);
		else
			advance(s);
	}
}

// ---- statements

// At the '{' of a list. False when something is wrong with it.
static bool take_list(struct scan *s, struct piece *piece, struct statement *st, const char *word)
{
	int line = s->token.line;
	bool ok = true;

	put_token(piece, &s->token);
	advance(s);
	for (;;) {
		if (s->token.type == TOKEN_CLOSE) {
			put_token(piece, &s->token);
			advance(s);
			return ok;
		}
		if (s->token.type == TOKEN_END || at_block(s) ||
		    (s->token.type == TOKEN_WORD && look_ahead(s).type == TOKEN_EQUALS)) {
			// what comes now is the next statement
			blame(s, line, "the list of '%s' is not closed, '}' is missing", word);
			return false;
		}
		if (s->token.type != TOKEN_WORD) {
			if (s->token.type == TOKEN_BAD)
				blame(s, s->token.line, "%s", s->token.why);
			else
				blame(s, s->token.line,
				      "unexpected '%.*s' in the list of '%s', write {\"a\", \"b\"}",
				      (int)s->token.len, s->token.start, word);
			ok = false;
			if (s->token.type == TOKEN_OPEN)
				skip_braces(s);
			else
				advance(s);
			continue;
		}
		put_token(piece, &s->token);
		add_item(st, s->token.line);
		advance(s);
		if (s->token.type == TOKEN_COMMA) {
			put_token(piece, &s->token);
			advance(s);
		} else if (s->token.type == TOKEN_WORD && look_ahead(s).type != TOKEN_EQUALS &&
			   !at_block(s)) {
			blame(s, s->token.line,
			      "',' is missing between two values of the list of '%s'", word);
			ok = false;
		}
	}
}

// Behind the '='. False when something is wrong; then the token at hand begins something else.
static bool take_value(struct scan *s, struct piece *piece, struct statement *st, const char *word,
		       int name_line)
{
	switch (s->token.type) {
	case TOKEN_WORD:
		if (s->token.line != name_line &&
		    (at_block(s) || look_ahead(s).type == TOKEN_EQUALS))
			break; // that is the next statement
		put_token(piece, &s->token);
		add_item(st, s->token.line);
		advance(s);
		if (s->token.type != TOKEN_COMMA)
			return true;
		blame(s, s->token.line,
		      "several values of '%s' need braces, write %s = {\"a\", \"b\"}", word, word);
		skip_line(s, s->token.line);
		return false;
	case TOKEN_OPEN:
		return take_list(s, piece, st, word);
	case TOKEN_BAD:
		blame(s, s->token.line, "%s", s->token.why);
		advance(s);
		return false;
	default:
		break;
	}
	blame(s, name_line, "'%s' has no value behind '='", word);
	if (s->token.line == name_line)
		skip_line(s, name_line);
	return false;
}

// Notes that a key is there in some form, so that nobody calls it missing.
static void note_key(struct piece *piece, const char *word)
{
	const struct schema_key *key = schema_guess(piece->block, word);

	if (key)
		piece->statements[key - piece->block->keys].misspelt = true;
}

// What is wrong with `key = value` as a whole. `key` is NULL when nobody knows `word`.
static bool judge_assignment(struct scan *s, struct piece *piece, const struct schema_key *key,
			     const char *word, int line, bool is_list)
{
	const struct schema_block *block = guess_block(word);
	int before = key ? piece->statements[key - piece->block->keys].line : 0;

	if (!key && block && strcmp(block->word, word) == 0)
		object(s, line, "'%s' is a block, write %s%s { ... }", word, word,
		       block->title ? " NAME" : "");
	else if (!key)
		object_unknown_key(s, piece, word, line);
	else if (before)
		object(s, line, "'%s' was given before, on line %d", word, before);
	else if (is_list && !key->type->list)
		object(s, line, "'%s' takes one value and no list, write %s = %s", word, word,
		       key->example ? key->example : key->fallback);
	else
		return true;
	return false;
}

// At the '=' behind `name`.
static void take_assignment(struct scan *s, struct piece *piece, const struct token *name)
{
	struct statement now = { .line = name->line };
	const struct schema_key *key;
	char word[WORD_SIZE];
	size_t old_len;
	bool is_list;

	// empty lines stay when the statement goes: to put them again each time would be quadratic
	go_to_line(piece, name->line);
	old_len = piece->text.len;
	key = schema_find(piece->block, word_of(name, word, sizeof(word)));
	put(piece, word, strlen(word), name->line);
	put_token(piece, &s->token);
	advance(s);
	is_list = s->token.type == TOKEN_OPEN;
	now.usable = take_value(s, piece, &now, word, name->line);
	str_copy(s->last_key, sizeof(s->last_key), word);
	s->last_value_line = now.n_items ? now.item_lines[now.n_items - 1] : 0;
	now.usable &= judge_assignment(s, piece, key, word, name->line, is_list);

	if (!now.usable)
		take_back(piece, old_len, name->line);
	if (!key)
		note_key(piece, word);
	if (key && !piece->statements[key - piece->block->keys].line)
		piece->statements[key - piece->block->keys] = now;
	else
		free(now.item_lines);
}

// At the token behind `name`, which is neither '=' nor '{'.
static void blame_bare_word(struct scan *s, const struct piece *piece, const struct token *name)
{
	char word[WORD_SIZE];

	word_of(name, word, sizeof(word));
	if (schema_find(piece->block, word))
		blame(s, name->line, "'=' is missing behind '%s'", word);
	else if (s->last_key[0] && s->last_value_line == name->line)
		blame(s, name->line,
		      "a word too much behind the value of '%s', values with blanks stand in "
		      "quotes",
		      s->last_key);
	else if (s->token.type == TOKEN_BAD)
		blame(s, name->line, "%s", s->token.why);
	else
		object_unknown_key(s, piece, word, name->line);
}

// At a word that begins no block.
static void take_statement(struct scan *s, struct piece *piece)
{
	struct token name = s->token;
	char word[WORD_SIZE], inside[PLACE_SIZE];

	advance(s);
	if (s->token.type == TOKEN_EQUALS) {
		take_assignment(s, piece, &name);
		return;
	}
	word_of(&name, word, sizeof(word));
	note_key(piece, word);
	if (s->token.type == TOKEN_OPEN && schema_find(piece->block, word)) {
		blame(s, name.line, "'=' is missing behind '%s'", word);
		skip_braces(s);
	} else if (s->token.type == TOKEN_OPEN ||
		   (s->token.type == TOKEN_WORD && look_ahead(s).type == TOKEN_OPEN)) {
		blame(s, name.line, "unknown block '%s' %s", word,
		      place_of(piece, inside, sizeof(inside)));
		if (s->token.type == TOKEN_WORD)
			advance(s);
		skip_braces(s);
	} else {
		blame_bare_word(s, piece, &name);
		skip_line(s, name.line);
	}
}

// Anything but a word where a statement should begin.
static void take_stray(struct scan *s)
{
	int line = s->token.line;

	if (s->token.type == TOKEN_BAD)
		blame(s, line, "%s", s->token.why);
	else
		blame(s, line, "unexpected '%.*s', a statement is: key = value", (int)s->token.len,
		      s->token.start);
	if (s->token.type == TOKEN_OPEN)
		skip_braces(s);
	else
		advance(s);
	skip_line(s, line);
}

// ---- blocks

// At the title or the '{' of a block of which `name` is the first word. Leaves what is behind the
// '{', or where that should be, at hand.
static void take_header(struct scan *s, struct piece *piece, const struct token *name)
{
	const struct schema_block *block = piece->block;
	char title[WORD_SIZE] = "", quoted[WORD_SIZE + 2];

	put(piece, block->word, strlen(block->word), name->line);
	if (s->token.type == TOKEN_WORD) {
		word_of(&s->token, title, sizeof(title));
		advance(s);
		if (!block->title)
			blame(s, name->line, "a block '%s' has no name, write %s { ... }",
			      block->word, block->word);
	} else if (block->title) {
		blame(s, name->line, "a block '%s' needs a name, write %s %s { ... }", block->word,
		      block->word, block->example);
	}
	if (block->title) {
		str_copy_clean(piece->title, sizeof(piece->title), title);
		if (title[0] && !schema_is_name(title))
			object(s, name->line,
			       "'%s' is no name, use 1 to %d letters, digits, '-', '_' and '.'",
			       title, NAME_SIZE - 1);
		// what is no name must not trip libconfuse
		snprintf(quoted, sizeof(quoted), "\"%s\"", schema_is_name(title) ? title : "");
		put(piece, quoted, strlen(quoted), name->line);
	}
	if (s->token.type == TOKEN_OPEN) {
		put_token(piece, &s->token);
		advance(s);
		return;
	}
	blame(s, name->line, "'{' is missing behind '%s%s%s'", block->word, title[0] ? " " : "",
	      title);
	put(piece, "{", 1, name->line);
	skip_line(s, name->line);
}

// At the first word of a block that is known or can be guessed.
static void take_block(struct scan *s, const struct schema_block *block)
{
	struct piece *piece = add_piece(s->outline, block, s->token.line);
	struct token name = s->token;

	s->last_key[0] = '\0';
	advance(s);
	take_header(s, piece, &name);
	while (s->token.type != TOKEN_CLOSE && s->token.type != TOKEN_END && !at_block(s)) {
		if (s->token.type == TOKEN_WORD)
			take_statement(s, piece);
		else
			take_stray(s);
	}
	if (s->token.type == TOKEN_CLOSE) {
		put_token(piece, &s->token);
		advance(s);
		return;
	}
	blame(s, piece->line, "the '}' of block '%s%s%s' is missing", block->word,
	      piece->title[0] ? " " : "", piece->title);
	put(piece, "}", 1, piece->last_line);
}

// At a word outside of blocks.
static void take_top_word(struct scan *s)
{
	const struct schema_block *block = find_block(&s->token);
	struct token next = look_ahead(s);
	char word[WORD_SIZE];

	if (block && next.type != TOKEN_EQUALS) {
		take_block(s, block);
		return;
	}
	word_of(&s->token, word, sizeof(word));
	if (!block && (next.type == TOKEN_OPEN || next.type == TOKEN_WORD) &&
	    !schema_find(&schema_blocks[SCHEMA_TOP], word)) {
		block = guess_block(word);
		if (block) {
			object(s, s->token.line, "unknown block '%s', did you mean '%s'?", word,
			       block->word);
			take_block(s, block);
			return;
		}
	}
	take_statement(s, &s->outline->pieces[0]);
}

void outline_scan(struct outline *outline, const char *text, size_t len, struct complaints *c)
{
	struct scan s = {
		.pos = text,
		.end = text + len,
		.line = 1,
		.complaints = c,
		.outline = outline,
	};

	*outline = (struct outline){ 0 };
	add_piece(outline, &schema_blocks[SCHEMA_TOP], 1);
	advance(&s);
	while (s.token.type != TOKEN_END) {
		if (s.token.type == TOKEN_WORD) {
			take_top_word(&s);
		} else if (s.token.type == TOKEN_CLOSE) {
			blame(&s, s.token.line, "'}' closes nothing, no block is open");
			advance(&s);
		} else {
			take_stray(&s);
		}
	}
}
