// SPDX-License-Identifier: GPL-2.0-or-later
//
// The configuration file: whatever stands in it, reading ends with a configuration or with
// complaints that can be shown; what was read can be written, and read again to the same. '@' in a
// seed stands for a key file that is there.
#include "fuzz.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/config_priv.h"

#define SECRET "correct-horse"

static const char *key_file(void)
{
	static char name[32];
	int fd;

	if (name[0])
		return name;
	fd = memfd_create("key", MFD_CLOEXEC);
	FUZZ_REQUIRE(fd >= 0 && fchmod(fd, 0600) == 0);
	FUZZ_REQUIRE(write(fd, SECRET, strlen(SECRET)) == (ssize_t)strlen(SECRET));
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	return name;
}

static void check_errors(const char *text, const char *errors)
{
	int line = 0;

	FUZZ_REQUIRE(strstr(text, SECRET) || !strstr(errors, SECRET));
	while (*errors) {
		const char *end = strchr(errors, '\n');
		int now = 0;

		FUZZ_REQUIRE(end);
		FUZZ_REQUIRE(strncmp(errors, "f:", 2) == 0);
		for (const char *c = errors; c < end; c++)
			FUZZ_REQUIRE((unsigned char)*c >= ' ' && *c != 0x7f);
		// in the order of the file; a summary has no line and ends it
		if (sscanf(errors, "f:%d:", &now) == 1)
			FUZZ_REQUIRE(now >= line);
		line = now;
		errors = end + 1;
	}
}

static void check_again(const struct config *config)
{
	struct str once = { 0 }, twice = { 0 }, errors = { 0 };
	struct config *again;

	config_write(config, &once);
	FUZZ_REQUIRE(config_load_text("f", str_text(&once), once.len, CONFIG_ROLE_ANY, &again,
				      &errors) == 0);
	config_write(again, &twice);
	FUZZ_REQUIRE(strcmp(str_text(&once), str_text(&twice)) == 0);
	config_free(again);
	str_fini(&once);
	str_fini(&twice);
	str_fini(&errors);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = { 0 }, errors = { 0 };
	struct config *config;
	int rc;

	for (size_t i = 0; i < size; i++) {
		if (data[i] == '@')
			str_add(&text, key_file());
		else
			str_add_bytes(&text, (const char *)data + i, 1);
	}
	rc = config_load_text("f", str_text(&text), text.len, CONFIG_ROLE_ANY, &config, &errors);
	FUZZ_REQUIRE(rc == 0 || rc == -EINVAL);
	FUZZ_REQUIRE((rc == 0) == (errors.len == 0));
	check_errors(str_text(&text), str_text(&errors));
	if (rc == 0) {
		check_again(config);
		config_free(config);
	}
	str_fini(&text);
	str_fini(&errors);
	return 0;
}
