// SPDX-License-Identifier: GPL-2.0-or-later
#include "wire-test.h"

#include <pthread.h>
#include <stdatomic.h>

#define CAPACITY 16

static void remembers_exactly_its_capacity(void **state)
{
	struct wire_replay *replay = wire_replay_new(CAPACITY);

	(void)state;
	assert_non_null(replay);
	// several times round the ring
	for (uint64_t i = 0; i < 5 * CAPACITY; i++) {
		uint64_t oldest = i < CAPACITY - 1 ? 0 : i - (CAPACITY - 1);

		assert_int_equal(replay_admit(replay, i), 0);
		for (uint64_t known = oldest; known <= i; known++)
			assert_int_equal(replay_admit(replay, known), -EEXIST);
	}
	// 4 * CAPACITY - 1 was pushed out by the last, and coming back it pushes out the next
	assert_int_equal(replay_admit(replay, 4 * CAPACITY - 1), 0);
	assert_int_equal(replay_admit(replay, 4 * CAPACITY), 0);
	assert_int_equal(replay_admit(replay, 4 * CAPACITY + 2), -EEXIST);
	wire_replay_free(replay);
}

static void takes_any_print(void **state)
{
	static const uint64_t prints[] = { 0, UINT64_MAX, 1, (uint64_t)1 << 63 };
	struct wire_replay *replay = wire_replay_new(0);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(prints); i++)
		assert_int_equal(replay_admit(replay, prints[i]), 0);
	for (size_t i = 0; i < ARRAY_LEN(prints); i++)
		assert_int_equal(replay_admit(replay, prints[i]), -EEXIST);
	wire_replay_free(replay);
	wire_replay_free(NULL);
}

static void rounds_its_capacity_up(void **state)
{
	struct wire_replay *replay = wire_replay_new(1000);

	(void)state;
	for (uint64_t i = 0; i < 1024; i++)
		assert_int_equal(replay_admit(replay, i), 0);
	assert_int_equal(replay_admit(replay, 0), -EEXIST);
	assert_int_equal(replay_admit(replay, 1024), 0);
	assert_int_equal(replay_admit(replay, 0), 0);
	wire_replay_free(replay);
}

#define THREADS 4
#define PRINTS  5000

static struct wire_replay *shared;
static atomic_uint admitted;

static void *offer_all(void *arg)
{
	(void)arg;
	for (uint64_t i = 0; i < PRINTS; i++) {
		if (replay_admit(shared, i * 0x9e3779b97f4a7c15U) == 0)
			atomic_fetch_add(&admitted, 1);
	}
	return NULL;
}

static void admits_once_among_threads(void **state)
{
	pthread_t threads[THREADS];

	(void)state;
	shared = wire_replay_new(PRINTS);
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, offer_all, NULL), 0);
	for (size_t i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(admitted, PRINTS);
	wire_replay_free(shared);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(remembers_exactly_its_capacity),
		cmocka_unit_test(takes_any_print),
		cmocka_unit_test(rounds_its_capacity_up),
		cmocka_unit_test(admits_once_among_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
