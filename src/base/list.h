// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

// Circular doubly linked list with the link inside the element. An element that is in no list
// points at itself, so removing it twice is harmless.
struct list {
	struct list *prev, *next;
};

#define list_entry(link, type, member) ((type *)((char *)(link)-offsetof(type, member)))

// The element at `pos` may be removed inside the loop, its neighbours may not.
#define list_for_each_safe(pos, after, list)                                                       \
	for ((pos) = (list)->next, (after) = (pos)->next; (pos) != (list);                         \
	     (pos) = (after), (after) = (pos)->next)

static inline void list_init(struct list *list)
{
	list->prev = list->next = list;
}

static inline bool list_is_empty(const struct list *list)
{
	return list->next == list;
}

static inline void list_add_tail(struct list *list, struct list *link)
{
	link->prev = list->prev;
	link->next = list;
	list->prev->next = link;
	list->prev = link;
}

static inline void list_remove(struct list *link)
{
	link->prev->next = link->next;
	link->next->prev = link->prev;
	list_init(link);
}

#endif
