// SPDX-License-Identifier: GPL-2.0-or-later
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/store.h"

#define KIND "test-1"

struct place {
	char folder[32], path[64];
};

static int make_place(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	if (!p)
		return -1;
	strcpy(p->folder, "store.XXXXXX");
	if (!mkdtemp(p->folder))
		return -1;
	snprintf(p->path, sizeof(p->path), "%s/caps", p->folder);
	*state = p;
	return 0;
}

static int remove_place(void **state)
{
	static const char *const suffixes[] = { "", ".old", ".new" };
	struct place *p = *state;
	char name[80];

	for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
		snprintf(name, sizeof(name), "%s%s", p->path, suffixes[i]);
		if (unlink(name) < 0)
			rmdir(name);
	}
	rmdir(p->folder);
	free(p);
	return 0;
}

static void put(const struct place *p, const char *text)
{
	struct str why = { 0 };

	assert_int_equal(store_write(p->path, KIND, text, strlen(text), &why), 0);
	assert_int_equal(why.len, 0);
}

static void put_raw(const char *path, const char *bytes, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), len);
	close(fd);
}

static void expect(int (*read)(const char *, const char *, struct str *, struct str *),
		   const struct place *p, const char *text)
{
	struct str data = { 0 }, why = { 0 };

	assert_int_equal(read(p->path, KIND, &data, &why), 0);
	assert_string_equal(str_text(&data), text);
	assert_int_equal(why.len, 0);
	str_fini(&data);
	str_fini(&why);
}

static void expect_error(const struct place *p, const char *kind, int error, const char *word)
{
	struct str data = { 0 }, why = { 0 };

	assert_int_equal(store_read(p->path, kind, &data, &why), error);
	assert_int_equal(data.len, 0);
	assert_non_null(strstr(str_text(&why), word));
	assert_non_null(strstr(str_text(&why), p->path));
	str_fini(&data);
	str_fini(&why);
}

static void keeps_what_is_written_and_what_was_before(void **state)
{
	struct place *p = *state;

	expect_error(p, KIND, -ENOENT, "No such file");
	put(p, "one\n");
	expect(store_read, p, "one\n");
	put(p, "two\n");
	put(p, "");
	expect(store_read, p, "");
	expect(store_read_previous, p, "two\n");
	expect_error(p, "test-2", -EBADMSG, "another kind");
}

// The heading is part of the format: other programs may read it, and later versions must.
static void has_the_form_that_is_described(void **state)
{
	struct place *p = *state;
	char line[64] = "";
	FILE *file;

	put(p, "123456789");
	file = fopen(p->path, "r");
	assert_non_null(file);
	assert_non_null(fgets(line, sizeof(line), file));
	fclose(file);
	assert_string_equal(line, "mpgate test-1 9 cbf43926\n");
}

static void notices_every_cut_and_every_flipped_bit(void **state)
{
	struct place *p = *state;
	const size_t crc = strlen("mpgate test-1 33 ");
	char whole[256];
	size_t len;
	FILE *file;

	put(p, "before");
	put(p, "wwan0 1210000000\nppp0 9100000000\n");
	file = fopen(p->path, "r");
	assert_non_null(file);
	len = fread(whole, 1, sizeof(whole), file);
	fclose(file);
	for (size_t cut = 0; cut < len; cut++) {
		put_raw(p->path, whole, cut);
		expect_error(p, KIND, -EBADMSG, cut ? "" : "has no heading");
	}
	for (size_t bit = 0; bit < len * 8; bit++) {
		whole[bit / 8] = (char)(whole[bit / 8] ^ 1 << bit % 8);
		put_raw(p->path, whole, len);
		// the letters of the checksum may be large or small
		if (bit / 8 < crc || bit / 8 >= crc + 8 || bit % 8 != 5)
			expect_error(p, KIND, -EBADMSG, "");
		whole[bit / 8] = (char)(whole[bit / 8] ^ 1 << bit % 8);
	}
	whole[len] = '\n';
	put_raw(p->path, whole, len + 1);
	expect_error(p, KIND, -EBADMSG, "longer");
	expect(store_read_previous, p, "before");
}

static void finds_the_previous_one_where_the_file_itself_is_missing(void **state)
{
	struct place *p = *state;

	put(p, "one");
	put(p, "two");
	assert_int_equal(unlink(p->path), 0);
	expect(store_read, p, "one");
}

static void says_why_it_cannot_write(void **state)
{
	struct place *p = *state, gone = *p;
	struct str why = { 0 };
	char name[80];

	snprintf(gone.path, sizeof(gone.path), "%s/nowhere/caps", p->folder);
	assert_int_equal(store_write(gone.path, KIND, "x", 1, &why), -ENOENT);
	assert_non_null(strstr(str_text(&why), "cannot write store."));
	str_clear(&why);
	// what is in the way of the new file leaves the old one as it is
	put(p, "one");
	snprintf(name, sizeof(name), "%s.new", p->path);
	assert_int_equal(mkdir(name, 0700), 0);
	assert_int_equal(store_write(p->path, KIND, "two", 3, &why), -EISDIR);
	expect(store_read, p, "one");
	str_fini(&why);
}

// For other programs: the data and nothing else, and nothing beside the file.
static void writes_plain_files(void **state)
{
	struct store_writer *w = store_writer_start();
	struct place *p = *state;
	struct str data = { 0 };
	char line[16] = "", old[80];
	FILE *file;

	snprintf(old, sizeof(old), "%s.old", p->path);
	for (int i = 0; i < 2; i++) {
		str_addf(&data, "a %d\n", i);
		store_writer_put(w, p->path, NULL, &data);
	}
	store_writer_stop(w);
	file = fopen(p->path, "r");
	assert_non_null(file);
	assert_non_null(fgets(line, sizeof(line), file));
	assert_string_equal(line, "a 1\n");
	assert_null(fgets(line, sizeof(line), file));
	fclose(file);
	assert_int_equal(access(old, F_OK), -1);
}

static void writes_in_a_thread(void **state)
{
	struct store_writer *w = store_writer_start();
	struct place *p = *state;
	struct str data = { 0 }, why = { 0 };
	char text[16];

	assert_non_null(w);
	assert_int_equal(store_writer_result(w, p->path, &why), 0);
	for (int i = 0; i < 20; i++) {
		str_addf(&data, "%d", i);
		store_writer_put(w, p->path, KIND, &data);
		assert_int_equal(data.len, 0);
	}
	store_writer_stop(w); // the newest is written first
	snprintf(text, sizeof(text), "%d", 19);
	expect(store_read, p, text);
	str_fini(&why);
}

static void tells_how_a_write_in_the_thread_went(void **state)
{
	struct store_writer *w = store_writer_start();
	struct place *p = *state;
	struct str data = { 0 }, why = { 0 };
	char path[80];
	int rc = 0;

	assert_non_null(w);
	snprintf(path, sizeof(path), "%s/nowhere/caps", p->folder);
	str_add(&data, "x");
	store_writer_put(w, path, KIND, &data);
	for (int i = 0; i < 5000 && rc == 0; i++) {
		usleep(1000);
		rc = store_writer_result(w, path, &why);
	}
	assert_int_equal(rc, -ENOENT);
	assert_non_null(strstr(str_text(&why), "nowhere/caps"));
	assert_int_equal(store_writer_result(w, p->path, &why), 0);
	store_writer_stop(w);
	str_fini(&why);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make_place, remove_place)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(keeps_what_is_written_and_what_was_before),
		TEST(has_the_form_that_is_described),
		TEST(notices_every_cut_and_every_flipped_bit),
		TEST(finds_the_previous_one_where_the_file_itself_is_missing),
		TEST(says_why_it_cannot_write),
		TEST(writes_plain_files),
		TEST(writes_in_a_thread),
		TEST(tells_how_a_write_in_the_thread_went),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
