// SPDX-License-Identifier: GPL-2.0-or-later
//
// The one way from thread to thread. libev allows no call on a loop that another thread runs but
// ev_async_send(), and this file is its only user.
#include "sock/sock.h"

// Letters posted while these are opened ring the bell again.
static void open_letters(struct ev_loop *loop, ev_async *bell, int revents)
{
	struct mailbox *mailbox = bell->data;
	struct letter *letter;

	(void)loop;
	(void)revents;
	pthread_mutex_lock(&mailbox->lock);
	letter = mailbox->first;
	mailbox->first = NULL;
	mailbox->last = &mailbox->first;
	pthread_mutex_unlock(&mailbox->lock);
	while (letter) {
		struct letter *next = letter->next;

		letter->open(letter, mailbox->ctx);
		letter = next;
	}
}

void mailbox_init(struct mailbox *mailbox, struct ev_loop *loop, void *ctx)
{
	pthread_mutex_init(&mailbox->lock, NULL);
	mailbox->first = NULL;
	mailbox->last = &mailbox->first;
	mailbox->loop = loop;
	mailbox->ctx = ctx;
	ev_async_init(&mailbox->bell, open_letters);
	mailbox->bell.data = mailbox;
	ev_async_start(loop, &mailbox->bell);
	ev_unref(loop);
}

void mailbox_fini(struct mailbox *mailbox)
{
	struct letter *letter = mailbox->first;

	ev_ref(mailbox->loop);
	ev_async_stop(mailbox->loop, &mailbox->bell);
	while (letter) {
		struct letter *next = letter->next;

		letter->free(letter);
		letter = next;
	}
	pthread_mutex_destroy(&mailbox->lock);
}

void mailbox_post(struct mailbox *mailbox, struct letter *letter)
{
	letter->next = NULL;
	pthread_mutex_lock(&mailbox->lock);
	*mailbox->last = letter;
	mailbox->last = &letter->next;
	pthread_mutex_unlock(&mailbox->lock);
	ev_async_send(mailbox->loop, &mailbox->bell);
}
