// SPDX-License-Identifier: GPL-2.0-or-later
//
// A person's own file for the console:
//
//	keys {
//		redial = "Ctrl-r"
//		next-screen = "Tab ]"
//	}
//
// Which actions there are, the console knows.
#include <confuse.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "config/config.h"

static struct {
	const char *file;
	struct str *errors;
} reading; // libconfuse hands its errors no context; one file is read at a time

static void take_error(cfg_t *cfg, const char *fmt, va_list ap)
{
	str_addf(reading.errors, "%s:%d: ", reading.file, cfg ? cfg->line : 0);
	str_vaddf(reading.errors, fmt, ap);
	str_add(reading.errors, "\n");
}

static cfg_opt_t *list_keys(const char *const actions[], size_t n)
{
	cfg_opt_t *keys = xcalloc(n + 1, sizeof(*keys));

	for (size_t i = 0; i < n; i++)
		keys[i] = (cfg_opt_t)CFG_STR(actions[i], NULL, CFGF_NODEFAULT);
	keys[n] = (cfg_opt_t)CFG_END();
	return keys;
}

static void take_keys(cfg_t *block, const struct config_console_keys *keys)
{
	for (size_t i = 0; block && i < keys->n; i++) {
		const char *value = cfg_size(block, keys->actions[i])
					    ? cfg_getstr(block, keys->actions[i])
					    : NULL;

		if (value)
			keys->take(keys->ctx, keys->actions[i], value);
	}
}

int config_console_load(const char *file, const struct config_console_keys *keys, bool *accessible,
			struct str *errors)
{
	cfg_opt_t *list, opts[3];
	size_t errors_before = errors->len;
	cfg_t *cfg;

	if (access(file, R_OK) < 0)
		return -errno;
	list = list_keys(keys->actions, keys->n);
	opts[0] = (cfg_opt_t)CFG_SEC("keys", list, CFGF_NONE);
	opts[1] = (cfg_opt_t)CFG_BOOL("accessible", cfg_false, CFGF_NONE);
	opts[2] = (cfg_opt_t)CFG_END();
	reading.file = strrchr(file, '/') ? strrchr(file, '/') + 1
					  : file; // it is said in one line of a screen
	reading.errors = errors;
	cfg = cfg_init(opts, CFGF_NONE);
	free(list); // copied
	if (!cfg)
		return -ENOMEM;
	cfg_set_error_function(cfg, take_error);
	if (cfg_parse(cfg, file) != CFG_SUCCESS && errors->len == errors_before)
		str_addf(errors, "%s: cannot be read\n", reading.file);
	if (errors->len == errors_before) {
		take_keys(cfg_getsec(cfg, "keys"), keys);
		*accessible |= cfg_getbool(cfg, "accessible") == cfg_true;
	}
	cfg_free(cfg);
	return errors->len == errors_before ? 0 : -EINVAL;
}
