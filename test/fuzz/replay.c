// SPDX-License-Identifier: GPL-2.0-or-later
//
// The main() of a fuzz target without a fuzzer: gives it every seed of its corpus, or the files
// named on the command line (what a fuzzer wrote when it found something).
#include "fuzz.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int run_file(const char *path)
{
	FILE *file = fopen(path, "rb");
	uint8_t *data = NULL;
	long size = -1;

	if (file && fseek(file, 0, SEEK_END) == 0)
		size = ftell(file);
	if (size >= 0)
		data = malloc(size > 0 ? (size_t)size : 1);
	if (data)
		rewind(file);
	if (!data || fread(data, 1, (size_t)size, file) != (size_t)size) {
		fprintf(stderr, "%s: cannot read: %s\n", path, strerror(errno));
		free(data);
		if (file)
			fclose(file);
		return 1;
	}
	fclose(file);
	LLVMFuzzerTestOneInput(data, (size_t)size);
	free(data);
	return 0;
}

static int run_corpus(const char *program)
{
	const char *srcdir = getenv("srcdir"), *base = strrchr(program, '/');
	const char *name = strstr(base ? base : program, "fuzz-");
	struct dirent *entry;
	char path[1024];
	int seeds = 0, failed = 0;
	DIR *dir;

	if (!name)
		return 1;
	snprintf(path, sizeof(path), "%s/test/fuzz/corpus/%s", srcdir ? srcdir : ".",
		 name + strlen("fuzz-"));
	dir = opendir(path);
	if (!dir) {
		fprintf(stderr, "%s: %s; run make check, or name files\n", path, strerror(errno));
		return 1;
	}
	while ((entry = readdir(dir))) {
		char file[sizeof(path) + sizeof(entry->d_name)];

		if (entry->d_name[0] == '.')
			continue;
		snprintf(file, sizeof(file), "%s/%s", path, entry->d_name);
		failed |= run_file(file);
		seeds++;
	}
	closedir(dir);
	printf("%s: %d seeds\n", name, seeds);
	return failed || seeds == 0;
}

int main(int argc, char **argv)
{
	int failed = 0;

	if (argc < 2)
		return run_corpus(argv[0]);
	for (int i = 1; i < argc; i++)
		failed |= run_file(argv[i]);
	return failed;
}
