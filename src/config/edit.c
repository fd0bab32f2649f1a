// SPDX-License-Identifier: GPL-2.0-or-later
//
// Changes of a configuration file's text that leave everything else in it as it is: comments,
// blanks, the order of blocks. Blocks are found by the scanner that reads files (outline.c), and
// moved by whole lines.
#include "config/config_priv.h"

#include <errno.h>
#include <string.h>

// ---- lines

// Where line `number`, from 1 on, begins; the end of the text when there are fewer.
static size_t line_at(const char *text, int number)
{
	const char *at = text;

	for (; number > 1 && *at; number--)
		at += strcspn(at, "\n") + (at[strcspn(at, "\n")] == '\n');
	return (size_t)(at - text);
}

static bool is_blank_line(const char *line)
{
	return line[strspn(line, " \t\r")] == '\n' || !line[strspn(line, " \t\r")];
}

// ---- blocks

// The path's block; NULL when there is none.
static const struct piece *find_path(const struct outline *outline, const char *name)
{
	for (size_t i = 0; i < outline->n; i++) {
		const struct piece *piece = &outline->pieces[i];

		if (piece->block == &schema_blocks[SCHEMA_PATH] && strcmp(piece->title, name) == 0)
			return piece;
	}
	return NULL;
}

// Whether the block has its lines for itself, but for comments behind it.
static bool stands_alone(const struct outline *outline, const struct piece *piece, const char *from,
			 const char *to)
{
	const char *close = to;

	// the keys outside of blocks are no block of their own
	for (size_t i = 1; i < outline->n; i++) {
		const struct piece *other = &outline->pieces[i];

		if (other != piece && other->last_line >= piece->line &&
		    other->line <= piece->last_line)
			return false;
	}
	while (close > from && *close != '}')
		close--;
	close++;
	return strncmp(from + strspn(from, " \t"), "path", 4) == 0 &&
	       (is_blank_line(close) || close[strspn(close, " \t")] == '#');
}

int config_edit_remove_path(const char *text, const char *name, struct str *out, struct str *why)
{
	struct complaints complaints = { 0 };
	struct outline outline = { 0 };
	const struct piece *piece;
	size_t from = 0, to = 0;
	int rc = -ENOENT;

	outline_scan(&outline, text, strlen(text), &complaints);
	piece = find_path(&outline, name);
	if (complaints.n_errors) {
		rc = -EINVAL;
		str_add(why, "the file has errors, 'mpgate check' prints them");
	} else if (!piece) {
		str_addf(why, "no path '%s' in the file", name);
	} else {
		from = line_at(text, piece->line);
		to = line_at(text, piece->last_line + 1);
		rc = stands_alone(&outline, piece, text + from, text + to) ? 0 : -EINVAL;
		if (rc < 0)
			str_addf(why,
				 "path '%s' shares its lines with something else (lines %d to %d); "
				 "take it "
				 "out by hand",
				 name, piece->line, piece->last_line);
	}
	if (rc == 0) {
		// of two blank lines, before it and behind, one is enough
		if (text[to] && is_blank_line(text + to) &&
		    (from == 0 || (from > 1 && text[from - 2] == '\n')))
			to += strcspn(text + to, "\n") + 1;
		str_add_bytes(out, text, from);
		str_add(out, text + to);
	}
	outline_fini(&outline);
	complaints_fini(&complaints);
	return rc;
}

int config_edit_add_path(const char *text, const struct config_path *path, struct str *out,
			 struct str *why)
{
	struct complaints complaints = { 0 };
	struct outline outline = { 0 };
	size_t len = strlen(text);
	int rc = 0;

	outline_scan(&outline, text, len, &complaints);
	if (!schema_is_name(path->name)) {
		rc = -EINVAL;
		str_addf(why, "'%s' is no name, use 1 to 15 letters, digits, '-', '_' and '.'",
			 path->name);
	} else if (find_path(&outline, path->name)) {
		rc = -EEXIST;
		str_addf(why, "there is a path '%s' already", path->name);
	}
	if (rc == 0) {
		str_addf(out, "%s%s\npath %s {\n", text, len && text[len - 1] != '\n' ? "\n" : "",
			 path->name);
		if (path->interface[0])
			str_addf(out, "\tinterface = \"%s\"\n", path->interface);
		if (path->kind[0])
			str_addf(out, "\tkind = \"%s\"\n", path->kind);
		if (path->label[0])
			str_addf(out, "\tlabel = \"%s\"\n", path->label);
		if (path->optional)
			str_add(out, "\toptional = yes\n");
		str_add(out, "}\n");
	}
	outline_fini(&outline);
	complaints_fini(&complaints);
	return rc;
}
