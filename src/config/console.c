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

int config_console_load(const char *file, const char *const actions[], size_t n, config_take_key *take, void *ctx,
			struct str *errors)
{
	cfg_opt_t *keys, opts[2];
	size_t errors_before = errors->len;
	cfg_t *cfg, *block;

	if (access(file, R_OK) < 0)
		return -errno;
	keys = list_keys(actions, n);
	opts[0] = (cfg_opt_t)CFG_SEC("keys", keys, CFGF_NONE);
	opts[1] = (cfg_opt_t)CFG_END();
	reading.file = strrchr(file, '/') ? strrchr(file, '/') + 1 : file; // it is said in one line of a screen
	reading.errors = errors;
	cfg = cfg_init(opts, CFGF_NONE);
	free(keys); // copied
	if (!cfg)
		return -ENOMEM;
	cfg_set_error_function(cfg, take_error);
	if (cfg_parse(cfg, file) != CFG_SUCCESS && errors->len == errors_before)
		str_addf(errors, "%s: cannot be read\n", reading.file);
	block = errors->len == errors_before ? cfg_getsec(cfg, "keys") : NULL;
	for (size_t i = 0; block && i < n; i++) {
		const char *value = cfg_size(block, actions[i]) ? cfg_getstr(block, actions[i]) : NULL;

		if (value)
			take(ctx, actions[i], value);
	}
	cfg_free(cfg);
	return errors->len == errors_before ? 0 : -EINVAL;
}
