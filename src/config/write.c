// SPDX-License-Identifier: GPL-2.0-or-later
#include "config/config_priv.h"

#include <string.h>

// ---- the default file

static void write_comment(const char *help, const char *indent, struct str *out)
{
	while (*help) {
		size_t len = strcspn(help, "\n");

		str_addf(out, "%s# ", indent);
		str_add_bytes(out, help, len);
		str_add(out, "\n");
		help += len + (help[len] == '\n');
	}
}

static void write_default_key(const struct schema_key *key, bool apart, const char *indent,
			      struct str *out)
{
	if (apart)
		str_add(out, "\n");
	write_comment(key->help, indent, out);
	str_addf(out, "%s# (%s; ", indent, key->type->form);
	if (key->required)
		str_add(out, "must be given)\n");
	else
		str_addf(out, "default: %s)\n", key->fallback ? key->fallback : key->otherwise);
	str_addf(out, "%s#%s = %s\n", indent, key->word,
		 key->fallback ? key->fallback : key->example);
}

// What a '#' without a blank hides is configuration: taking those away gives a file that mpgate
// reads.
void config_write_default(struct str *out)
{
	str_add(out, "# Every key of mpgate.conf(5) with its default, or an example where there is "
		     "none.\n");
	for (size_t i = 0; i < SCHEMA_BLOCKS; i++) {
		const struct schema_block *block = &schema_blocks[i];
		bool top = !block->word[0];

		str_add(out, "\n");
		write_comment(block->help, "", out);
		if (!top)
			str_addf(out, "#%s%s%s {\n", block->word, block->title ? " " : "",
				 block->title ? block->example : "");
		for (size_t k = 0; k < block->n_keys; k++)
			write_default_key(&block->keys[k], k > 0, top ? "" : "\t", out);
		if (!top)
			str_add(out, "#}\n");
	}
}

// ---- one configuration

static void write_list(const struct schema_key *key, const void *from, struct str *out)
{
	str_add(out, "{");
	for (size_t i = 0;; i++) {
		struct str item = { 0 };
		bool there = key->type->format(from, i, &item);

		if (there)
			str_addf(out, "%s\"%s\"", i ? ", " : "", str_text(&item));
		str_fini(&item);
		if (!there)
			break;
	}
	str_add(out, "}\n");
}

static void write_key(const struct schema_key *key, const void *base, const char *indent,
		      struct str *out)
{
	const void *from = (const char *)base + key->offset;
	const char *quote = key->type->quoted ? "\"" : "";
	struct str value = { 0 };

	if (key->type->list) {
		str_addf(out, "%s%s = ", indent, key->word);
		write_list(key, from, out);
	} else if (key->type->format(from, 0, &value)) {
		str_addf(out, "%s%s = %s%s%s\n", indent, key->word, quote, str_text(&value), quote);
	}
	str_fini(&value);
}

static void write_block(int which, const char *title, const void *base, struct str *out)
{
	const struct schema_block *block = &schema_blocks[which];

	str_addf(out, "%s%s%s {\n", block->word, title[0] ? " " : "", title);
	for (size_t k = 0; k < block->n_keys; k++)
		write_key(&block->keys[k], base, "\t", out);
	str_add(out, "}\n");
}

void config_write(const struct config *config, struct str *out)
{
	const struct schema_block *top = &schema_blocks[SCHEMA_TOP];

	for (size_t k = 0; k < top->n_keys; k++)
		write_key(&top->keys[k], config, "", out);
	if (config->lan.interface[0])
		write_block(SCHEMA_LAN, "", &config->lan, out);
	for (size_t i = 0; i < config->n_exits; i++)
		write_block(SCHEMA_EXIT, config->exits[i].name, &config->exits[i], out);
	for (size_t i = 0; i < config->n_paths; i++)
		write_block(SCHEMA_PATH, config->paths[i].name, &config->paths[i], out);
	for (size_t i = 0; i < config->n_pins; i++)
		write_block(SCHEMA_PIN, config->pins[i].name, &config->pins[i], out);
	if (config->udp.present)
		write_block(SCHEMA_UDP, "", &config->udp, out);
	if (config->dns.present)
		write_block(SCHEMA_DNS, "", &config->dns, out);
	if (config->metrics.present)
		write_block(SCHEMA_METRICS, "", &config->metrics, out);
	if (config->server.present)
		write_block(SCHEMA_SERVER, "", &config->server, out);
	if (config->jumpbox.present)
		write_block(SCHEMA_JUMPBOX, "", &config->jumpbox, out);
}
