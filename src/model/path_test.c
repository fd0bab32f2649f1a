// SPDX-License-Identifier: GPL-2.0-or-later
#include "model/path_test.h"

#include <errno.h>
#include <string.h>

static const char *const steps[TEST_STEPS] = {
	[TEST_ADDRESS] = "address", [TEST_ROUTE] = "route",       [TEST_HOP] = "first-hop",
	[TEST_EXIT] = "exit",       [TEST_ECHO] = "through-exit", [TEST_SIZE] = "full-size",
	[TEST_MPTCP] = "mptcp",     [TEST_JOIN] = "join",         [TEST_SPEED] = "speed",
};

static const char *const levels[TEST_LEVELS] = {
	[TEST_OK] = "ok", [TEST_WARN] = "warning", [TEST_FAIL] = "failure", [TEST_SKIP] = "skipped"
};

static int find_word(const char *const *words, int n, const char *word)
{
	int i = 0;

	while (i < n && strcmp(word, words[i]) != 0)
		i++;
	return i < n ? i : -EINVAL;
}

const char *test_step_word(enum test_step step)
{
	return steps[step];
}

int test_step_from_word(const char *word, enum test_step *step)
{
	int i = find_word(steps, TEST_STEPS, word);

	*step = i < 0 ? TEST_ADDRESS : (enum test_step)i;
	return i < 0 ? i : 0;
}

const char *test_level_word(enum test_level level)
{
	return levels[level];
}

int test_level_from_word(const char *word, enum test_level *level)
{
	int i = find_word(levels, TEST_LEVELS, word);

	*level = i < 0 ? TEST_SKIP : (enum test_level)i;
	return i < 0 ? i : 0;
}
