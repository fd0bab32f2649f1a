// SPDX-License-Identifier: GPL-2.0-or-later
#include "config/config_priv.h"

#include <stdlib.h>
#include <string.h>

#define TEXT_MAX 512

void complaints_fini(struct complaints *c)
{
	for (size_t i = 0; i < c->n; i++)
		free(c->list[i].text);
	c->n = 0;
}

void complaints_add(struct complaints *c, enum complaint_level level, int line, const char *fmt,
		    ...)
{
	va_list ap;

	va_start(ap, fmt);
	complaints_vadd(c, level, line, fmt, ap);
	va_end(ap);
}

void complaints_vadd(struct complaints *c, enum complaint_level level, int line, const char *fmt,
		     va_list ap)
{
	char clean[TEXT_MAX];
	struct str text = { 0 };
	size_t at;

	if (level == COMPLAINT_ERROR)
		c->n_errors++;
	if (c->n == COMPLAINTS_MAX) {
		c->n_untold++;
		return;
	}
	str_vaddf(&text, fmt, ap);
	// behind those of the same line
	for (at = c->n; at > 0 && c->list[at - 1].line > line; at--)
		c->list[at] = c->list[at - 1];
	c->list[at] = (struct complaint){
		.level = level,
		.line = line,
		.text = xstrdup(str_copy_clean(clean, sizeof(clean), str_text(&text))),
	};
	c->n++;
	str_fini(&text);
}

void complaints_write(struct complaints *c, enum complaint_level level, struct str *out)
{
	const char *kind = level == COMPLAINT_WARNING ? "warning: " : "";
	char file[TEXT_MAX];

	str_copy_clean(file, sizeof(file), c->file);
	for (size_t i = 0; i < c->n; i++) {
		const struct complaint *complaint = &c->list[i];

		if (complaint->level != level)
			continue;
		if (complaint->line)
			str_addf(out, "%s:%d: %s%s\n", file, complaint->line, kind,
				 complaint->text);
		else
			str_addf(out, "%s: %s%s\n", file, kind, complaint->text);
	}
	if (c->n_untold && level == COMPLAINT_ERROR)
		str_addf(out, "%s: and %zu more\n", file, c->n_untold);
}
