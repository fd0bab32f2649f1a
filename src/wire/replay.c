// SPDX-License-Identifier: GPL-2.0-or-later
#include "wire/wire_priv.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

// An exact memory of the last `capacity` prints: a ring in order of arrival, and a hash table over
// it whose chains run from new to old. Places in the ring are counted from 1, 0 ends a chain, so
// zeroed memory is an empty filter and costs nothing until it is used. A Bloom filter would be a
// quarter of the size, but would now and then refuse an honest stream, and forget by the half.
struct wire_replay {
	pthread_mutex_t lock;
	uint64_t multiplier; // odd and secret: nobody can aim at one chain
	unsigned shift;
	uint32_t capacity, used;
	uint32_t newest; // place, 0 while empty
	uint32_t *heads;
	uint32_t *older; // by place - 1, as is `prints`
	uint64_t *prints;
};

#define CAPACITY_MIN (1U << 4)
#define CAPACITY_MAX (1U << 30)

struct wire_replay *wire_replay_new(size_t capacity)
{
	struct wire_replay *replay = calloc(1, sizeof(*replay));

	if (!replay)
		return NULL;
	pthread_mutex_init(&replay->lock, NULL);
	replay->capacity = CAPACITY_MIN;
	replay->shift = 64 - 4;
	while (replay->capacity < capacity && replay->capacity < CAPACITY_MAX) {
		replay->capacity *= 2;
		replay->shift--;
	}
	replay->heads = calloc(replay->capacity, sizeof(*replay->heads));
	replay->older = calloc(replay->capacity, sizeof(*replay->older));
	replay->prints = calloc(replay->capacity, sizeof(*replay->prints));
	if (!replay->heads || !replay->older || !replay->prints ||
	    random_fill((uint8_t *)&replay->multiplier, sizeof(replay->multiplier)) < 0) {
		wire_replay_free(replay);
		return NULL;
	}
	replay->multiplier |= 1;
	return replay;
}

void wire_replay_free(struct wire_replay *replay)
{
	if (!replay)
		return;
	free(replay->prints);
	free(replay->older);
	free(replay->heads);
	pthread_mutex_destroy(&replay->lock);
	free(replay);
}

uint64_t replay_print(const uint8_t *salt)
{
	uint64_t print;

	memcpy(&print, salt, sizeof(print));
	return print;
}

static uint32_t *find_chain(struct wire_replay *replay, uint64_t print)
{
	return &replay->heads[(print * replay->multiplier) >> replay->shift];
}

static bool chain_has(const struct wire_replay *replay, uint32_t place, uint64_t print)
{
	for (; place; place = replay->older[place - 1]) {
		if (replay->prints[place - 1] == print)
			return true;
	}
	return false;
}

// What is oldest of all ends its chain.
static void forget_oldest(struct wire_replay *replay, uint32_t place)
{
	uint32_t *link = find_chain(replay, replay->prints[place - 1]);

	while (*link != place)
		link = &replay->older[*link - 1];
	*link = 0;
}

static void remember(struct wire_replay *replay, uint64_t print)
{
	uint32_t place = replay->newest % replay->capacity + 1;
	uint32_t *head = find_chain(replay, print);

	if (replay->used == replay->capacity)
		forget_oldest(replay, place);
	else
		replay->used++;
	replay->prints[place - 1] = print;
	replay->older[place - 1] = *head;
	*head = place;
	replay->newest = place;
}

int replay_admit(struct wire_replay *replay, uint64_t print)
{
	bool known;

	pthread_mutex_lock(&replay->lock);
	known = chain_has(replay, *find_chain(replay, print), print);
	if (!known)
		remember(replay, print);
	pthread_mutex_unlock(&replay->lock);
	return known ? -EEXIST : 0;
}
