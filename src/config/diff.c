// SPDX-License-Identifier: GPL-2.0-or-later
//
// Two configurations compared, for a reload. The differences are found key by key along the tables
// of schema.c, so a new key is compared from its first day.
#include "config/config_priv.h"

#include <stdlib.h>
#include <string.h>

// ---- what differs, in words

struct diff {
	struct str *out;
	size_t n;
};

// "path.ppp0", "lan"; empty for the keys outside of blocks.
static void add_block(struct str *out, const struct schema_block *block, const char *title)
{
	str_addf(out, "%s%s%s", block->word, title[0] ? "." : "", title);
}

static void tell_block(struct diff *diff, const struct schema_block *block, const char *title,
		       const char *what)
{
	add_block(diff->out, block, title);
	str_addf(diff->out, " %s\n", what);
	diff->n++;
}

static bool has_item(const struct schema_key *key, const void *list, const char *item)
{
	bool found = false, there = true;

	for (size_t i = 0; there && !found; i++) {
		struct str text = { 0 };

		there = key->type->format(list, i, &text);
		found = there && strcmp(str_text(&text), item) == 0;
		str_fini(&text);
	}
	return found;
}

// Adds the items of `a` that `b` does not have.
static void add_items(const struct schema_key *key, const void *a, const void *b, char sign,
		      struct str *out)
{
	bool there = true;

	for (size_t i = 0; there; i++) {
		struct str text = { 0 };

		there = key->type->format(a, i, &text);
		if (there && !has_item(key, b, str_text(&text)))
			str_addf(out, " %c%s", sign, str_text(&text));
		str_fini(&text);
	}
}

static void add_value(const struct schema_key *key, const void *value, struct str *out)
{
	bool there = true;

	for (size_t i = 0; there && (!i || key->type->list); i++) {
		struct str text = { 0 };

		there = key->type->format(value, i, &text);
		if (there)
			str_addf(out, "%s%s", i ? ", " : "", text.len ? str_text(&text) : "\"\"");
		else if (!i)
			str_add(out, key->otherwise ? key->otherwise : "none");
		str_fini(&text);
	}
}

// Appends " A -> B" or " +A -B" unless the values are the same.
static void compare_values(const struct schema_key *key, const void *from, const void *to,
			   struct str *out)
{
	struct str a = { 0 }, b = { 0 };

	if (key->type->list && !key->type->ordered) {
		add_items(key, to, from, '+', out);
		add_items(key, from, to, '-', out);
		return;
	}
	add_value(key, from, &a);
	add_value(key, to, &b);
	if (strcmp(str_text(&a), str_text(&b)) != 0)
		str_addf(out, " %s -> %s", str_text(&a), str_text(&b));
	str_fini(&a);
	str_fini(&b);
}

static void compare_blocks(struct diff *diff, const struct schema_block *block, const char *title,
			   const void *from, const void *to)
{
	for (size_t k = 0; k < block->n_keys; k++) {
		const struct schema_key *key = &block->keys[k];
		struct str what = { 0 };

		compare_values(key, (const char *)from + key->offset,
			       (const char *)to + key->offset, &what);
		if (what.len) {
			add_block(diff->out, block, title);
			str_addf(diff->out, "%s%s%s%s\n", block->word[0] ? "." : "", key->word,
				 str_text(&what), key->at_start ? " (at the next start)" : "");
			diff->n++;
		}
		str_fini(&what);
	}
}

// A block that may be there or not; NULL: it is not.
static void compare_optional(struct diff *diff, int which, const char *title, const void *from,
			     const void *to)
{
	const struct schema_block *block = &schema_blocks[which];

	if (from && to)
		compare_blocks(diff, block, title, from, to);
	else if (from || to)
		tell_block(diff, block, title, to ? "added" : "removed");
}

static void compare_exits(struct diff *diff, const struct config *from, const struct config *to)
{
	for (size_t i = 0; i < from->n_exits; i++) {
		const struct config_exit *e = &from->exits[i];

		if (!e->gone)
			compare_optional(diff, SCHEMA_EXIT, e->name, e,
					 config_find_exit(to, e->name));
	}
	for (size_t i = 0; i < to->n_exits; i++) {
		const struct config_exit *e = &to->exits[i];

		if (!e->gone && !config_find_exit(from, e->name))
			compare_optional(diff, SCHEMA_EXIT, e->name, NULL, e);
	}
}

static void compare_paths(struct diff *diff, const struct config *from, const struct config *to)
{
	for (size_t i = 0; i < from->n_paths; i++) {
		const struct config_path *p = &from->paths[i];

		if (!p->gone)
			compare_optional(diff, SCHEMA_PATH, p->name, p,
					 config_find_path(to, p->name));
	}
	for (size_t i = 0; i < to->n_paths; i++) {
		const struct config_path *p = &to->paths[i];

		if (!p->gone && !config_find_path(from, p->name))
			compare_optional(diff, SCHEMA_PATH, p->name, NULL, p);
	}
}

static const struct config_pin *find_pin(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->n_pins; i++) {
		if (strcmp(config->pins[i].name, name) == 0)
			return &config->pins[i];
	}
	return NULL;
}

// The first from *i on that the other configuration has too.
static const char *next_common(const struct config *config, size_t *i, const struct config *other)
{
	for (; *i < config->n_pins; (*i)++) {
		if (find_pin(other, config->pins[*i].name))
			return config->pins[(*i)++].name;
	}
	return NULL;
}

static bool is_reordered(const struct config *from, const struct config *to)
{
	size_t i = 0, k = 0;
	const char *a, *b;

	do {
		a = next_common(from, &i, to);
		b = next_common(to, &k, from);
	} while (a && b && strcmp(a, b) == 0);
	return a || b;
}

static void compare_pins(struct diff *diff, const struct config *from, const struct config *to)
{
	for (size_t i = 0; i < from->n_pins; i++)
		compare_optional(diff, SCHEMA_PIN, from->pins[i].name, &from->pins[i],
				 find_pin(to, from->pins[i].name));
	for (size_t i = 0; i < to->n_pins; i++) {
		if (!find_pin(from, to->pins[i].name))
			compare_optional(diff, SCHEMA_PIN, to->pins[i].name, NULL, &to->pins[i]);
	}
	if (is_reordered(from, to))
		tell_block(diff, &schema_blocks[SCHEMA_PIN], "", "in another order");
}

size_t config_diff(const struct config *from, const struct config *to, struct str *out)
{
	struct diff diff = { .out = out };

	compare_blocks(&diff, &schema_blocks[SCHEMA_TOP], "", from, to);
	compare_optional(&diff, SCHEMA_LAN, "", from->lan.interface[0] ? &from->lan : NULL,
			 to->lan.interface[0] ? &to->lan : NULL);
	compare_exits(&diff, from, to);
	compare_paths(&diff, from, to);
	compare_pins(&diff, from, to);
	compare_optional(&diff, SCHEMA_UDP, "", from->udp.present ? &from->udp : NULL,
			 to->udp.present ? &to->udp : NULL);
	compare_optional(&diff, SCHEMA_DNS, "", from->dns.present ? &from->dns : NULL,
			 to->dns.present ? &to->dns : NULL);
	compare_optional(&diff, SCHEMA_METRICS, "", from->metrics.present ? &from->metrics : NULL,
			 to->metrics.present ? &to->metrics : NULL);
	compare_optional(&diff, SCHEMA_SERVER, "", from->server.present ? &from->server : NULL,
			 to->server.present ? &to->server : NULL);
	compare_optional(&diff, SCHEMA_JUMPBOX, "", from->jumpbox.present ? &from->jumpbox : NULL,
			 to->jumpbox.present ? &to->jumpbox : NULL);
	return diff.n;
}

// ---- places

#define PLACES_MAX (PATHS_MAX > CONFIG_EXITS_MAX ? PATHS_MAX : CONFIG_EXITS_MAX)

// Who has which place.
struct places {
	const char *names[PLACES_MAX];
	bool gone[PLACES_MAX];
	size_t n;
};

// The place for one that is new: one that nobody has had, else one that has long been given up,
// else one that is given up now.
static size_t find_room(const struct places *from, const bool taken[], size_t max)
{
	for (size_t i = from->n; i < max; i++) {
		if (!taken[i])
			return i;
	}
	for (size_t i = 0; i < from->n; i++) {
		if (from->gone[i] && !taken[i])
			return i;
	}
	for (size_t i = 0; i < from->n; i++) {
		if (!taken[i])
			return i;
	}
	return max;
}

// Where each of `to` goes, into place[]; taken[] says which places have somebody then.
static void assign_places(const struct places *from, const struct places *to, size_t max,
			  size_t place[], bool taken[])
{
	for (size_t i = 0; i < to->n; i++) {
		place[i] = max;
		for (size_t k = 0; k < from->n; k++) {
			if (strcmp(from->names[k], to->names[i]) == 0 && !taken[k]) {
				place[i] = k;
				taken[k] = true;
				break;
			}
		}
	}
	for (size_t i = 0; i < to->n; i++) {
		if (place[i] < max)
			continue;
		place[i] = find_room(from, taken, max);
		taken[place[i]] = true;
	}
}

static void place_exits(const struct config *from, struct config *to)
{
	struct config_exit *placed = xcalloc(CONFIG_EXITS_MAX, sizeof(*placed));
	struct places was = { .n = from->n_exits }, will = { .n = to->n_exits };
	bool taken[PLACES_MAX] = { false };
	size_t place[PLACES_MAX], n = 0;

	for (size_t i = 0; i < from->n_exits; i++) {
		was.names[i] = from->exits[i].name;
		was.gone[i] = from->exits[i].gone;
	}
	for (size_t i = 0; i < to->n_exits; i++)
		will.names[i] = to->exits[i].name;
	assign_places(&was, &will, CONFIG_EXITS_MAX, place, taken);
	for (size_t i = 0; i < to->n_exits; i++)
		placed[place[i]] = to->exits[i];
	for (size_t i = 0; i < CONFIG_EXITS_MAX; i++) {
		if (taken[i] || i < from->n_exits)
			n = i + 1;
		if (taken[i] || i >= from->n_exits)
			continue;
		placed[i] = from->exits[i];
		placed[i].key_file = NULL;
		placed[i].socks_port = 0;
		placed[i].is_default = false;
		placed[i].gone = true;
	}
	free(to->exits);
	to->exits = placed;
	to->n_exits = n;
}

static void place_paths(const struct config *from, struct config *to)
{
	struct config_path *placed = xcalloc(PATHS_MAX, sizeof(*placed));
	struct places was = { .n = from->n_paths }, will = { .n = to->n_paths };
	bool taken[PLACES_MAX] = { false };
	size_t place[PLACES_MAX], n = 0;

	for (size_t i = 0; i < from->n_paths; i++) {
		was.names[i] = from->paths[i].name;
		was.gone[i] = from->paths[i].gone;
	}
	for (size_t i = 0; i < to->n_paths; i++)
		will.names[i] = to->paths[i].name;
	assign_places(&was, &will, PATHS_MAX, place, taken);
	for (size_t i = 0; i < to->n_paths; i++)
		placed[place[i]] = to->paths[i];
	for (size_t i = 0; i < PATHS_MAX; i++) {
		if (taken[i] || i < from->n_paths)
			n = i + 1;
		if (taken[i] || i >= from->n_paths)
			continue;
		placed[i] = from->paths[i];
		placed[i].gone = true;
	}
	free(to->paths);
	to->paths = placed;
	to->n_paths = n;
}

static bool is_free(const struct config *config, uint32_t table, bool settled[])
{
	for (size_t i = 0; i < config->n_paths; i++) {
		if (settled[i] && config->paths[i].table == table)
			return false;
	}
	return true;
}

// Tables that the file does not name stay what they were, wherever the block has moved to.
static void keep_tables(const struct config *from, struct config *to)
{
	bool settled[PATHS_MAX] = { false };

	for (size_t i = 0; i < to->n_paths; i++)
		settled[i] = !to->paths[i].gone && to->paths[i].table_given;
	for (size_t i = 0; i < from->n_paths; i++) {
		struct config_path *path = &to->paths[i];
		uint32_t was = from->paths[i].table;

		if (path->gone || path->table_given || from->paths[i].gone ||
		    from->paths[i].table_given || strcmp(path->name, from->paths[i].name) != 0 ||
		    !is_free(to, was, settled))
			continue;
		path->table = was;
		settled[i] = true;
	}
	for (size_t i = 0; i < to->n_paths; i++) {
		struct config_path *path = &to->paths[i];

		if (path->gone || settled[i])
			continue;
		if (!is_free(to, path->table, settled))
			path->table = FIRST_PATH_TABLE;
		while (!is_free(to, path->table, settled))
			path->table++;
		settled[i] = true;
	}
}

static bool is_same_pin(const struct config_pin *a, const struct config_pin *b)
{
	struct str what = { 0 };
	struct diff diff = { .out = &what };

	compare_blocks(&diff, &schema_blocks[SCHEMA_PIN], "", a, b);
	str_fini(&what);
	return diff.n == 0;
}

// A flow knows its pin by the slot. So that the flows of a pin that is gone or has changed are
// nobody's, nobody takes its slot now.
static void place_pins(const struct config *from, struct config *to)
{
	bool taken[CONFIG_PIN_SLOTS] = { false };
	uint8_t slot = 0;

	for (size_t i = 0; i < from->n_pins; i++)
		taken[from->pins[i].slot] = true;
	for (size_t i = 0; i < to->n_pins; i++) {
		const struct config_pin *was = find_pin(from, to->pins[i].name);

		if (was && is_same_pin(was, &to->pins[i])) {
			to->pins[i].slot = was->slot;
			continue;
		}
		while (taken[slot])
			slot++;
		to->pins[i].slot = slot;
		taken[slot] = true;
	}
}

void config_keep_places(const struct config *from, struct config *to)
{
	place_pins(from, to);
	place_exits(from, to);
	place_paths(from, to);
	keep_tables(from, to);
}
