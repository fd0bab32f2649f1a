// SPDX-License-Identifier: GPL-2.0-or-later
//
// Which worker of the exit has an association. The kernel spreads datagrams by the address that
// they come from, so when a gateway moves to another path they may arrive at another worker. Asked
// once for each association that a worker does not know, and once for each datagram of those that
// it never will.
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "relay/relay_priv.h"

#define BUCKETS 4096

struct entry {
	struct entry *next;
	uint64_t id;
	int worker;
};

struct directory {
	pthread_mutex_t lock;
	struct entry *buckets[BUCKETS];
};

struct directory *directory_new(void)
{
	struct directory *directory = calloc(1, sizeof(*directory));

	if (directory)
		pthread_mutex_init(&directory->lock, NULL);
	return directory;
}

void directory_free(struct directory *directory)
{
	if (!directory)
		return;
	for (size_t i = 0; i < BUCKETS; i++) {
		for (struct entry *e = directory->buckets[i], *next; e; e = next) {
			next = e->next;
			free(e);
		}
	}
	pthread_mutex_destroy(&directory->lock);
	free(directory);
}

// Ids are random, and come from peers that know the key.
static struct entry **find(struct directory *directory, uint64_t id)
{
	struct entry **link = &directory->buckets[id % BUCKETS];

	while (*link && (*link)->id != id)
		link = &(*link)->next;
	return link;
}

int directory_claim(struct directory *directory, uint64_t id, int worker)
{
	struct entry **link;

	pthread_mutex_lock(&directory->lock);
	link = find(directory, id);
	if (!*link) {
		*link = calloc(1, sizeof(**link));
		if (*link)
			**link = (struct entry){ .id = id, .worker = worker };
	}
	worker = *link ? (*link)->worker : -ENOMEM;
	pthread_mutex_unlock(&directory->lock);
	return worker;
}

void directory_drop(struct directory *directory, uint64_t id)
{
	struct entry **link, *entry;

	pthread_mutex_lock(&directory->lock);
	link = find(directory, id);
	entry = *link;
	if (entry)
		*link = entry->next;
	pthread_mutex_unlock(&directory->lock);
	free(entry);
}
