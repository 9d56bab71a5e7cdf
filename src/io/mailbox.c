/* SPDX-License-Identifier: BSD-3-Clause */
/* io/mailbox.c - letters from one thread to another. */
#include "io/mailbox.h"

#include <stdlib.h>
#include <string.h>

enum {
	FIRST_CAP = 64,
	KEEP = 4096, /* letters, 160 KiB: what a busy tick writes */
};

/* ---- a row of letters ---- */

static bool make_room(struct fl_letters *l, size_t n)
{
	size_t cap = l->cap > 0 ? l->cap : FIRST_CAP;

	if (n <= l->cap - l->len)
		return true;
	while (cap < l->len + n)
		cap *= 2;
	struct fl_letter *at = reallocarray(l->at, cap, sizeof *at);
	if (at == NULL)
		return false;
	l->at = at;
	l->cap = cap;
	return true;
}

static void swap(struct fl_letters *a, struct fl_letters *b)
{
	struct fl_letters tmp = *a;
	*a = *b;
	*b = tmp;
}

static void forget(struct fl_letters *l)
{
	l->len = 0;
	if (l->cap <= KEEP)
		return;
	free(l->at);
	*l = (struct fl_letters){ 0 };
}

/* Moves all of `from` behind what `to` holds. */
static bool append(struct fl_letters *to, struct fl_letters *from)
{
	if (from->len == 0)
		return true;
	if (to->len == 0) {
		swap(to, from);
		return true;
	}
	if (!make_room(to, from->len))
		return false;
	memcpy(to->at + to->len, from->at, from->len * sizeof *from->at);
	to->len += from->len;
	forget(from);
	return true;
}

/* ---- the box ---- */

static void on_wake(void *ctx)
{
	fl_mailbox_receive(ctx);
}

static void deliver(void *ctx)
{
	fl_mailbox_send(ctx);
	fl_mailbox_receive(ctx);
}

enum fl_err fl_mailbox_init(struct fl_mailbox *m, const struct fl_loop *sender,
			    struct fl_loop *receiver,
			    void (*hear)(void *ctx, const struct fl_letter *l), void *ctx)
{
	*m = (struct fl_mailbox){ 0 };
	if (sender != receiver) {
		enum fl_err err = fl_wake_new(receiver, on_wake, m, &m->wake);
		if (err != FL_OK)
			return err;
	}
	if (pthread_mutex_init(&m->lock, NULL) != 0) {
		m->wake = fl_wake_free(m->wake);
		return FL_ERR_NOMEM;
	}
	m->loop = receiver;
	m->soon = (struct fl_deferred){ .fn = deliver, .ctx = m };
	m->hear = hear;
	m->ctx = ctx;
	return FL_OK;
}

void fl_mailbox_done(struct fl_mailbox *m)
{
	if (m->loop == NULL)
		return;
	m->wake = fl_wake_free(m->wake);
	fl_deferred_cancel(&m->soon);
	pthread_mutex_destroy(&m->lock);
	free(m->writing.at);
	free(m->posted.at);
	free(m->reading.at);
}

struct fl_letter *fl_mailbox_put(struct fl_mailbox *m)
{
	if (!make_room(&m->writing, 1))
		return NULL;
	struct fl_letter *l = &m->writing.at[m->writing.len++];
	*l = (struct fl_letter){ 0 };
	if (m->wake == NULL)
		fl_loop_defer(m->loop, &m->soon);
	return l;
}

static bool hand_over(struct fl_mailbox *m, bool finish)
{
	pthread_mutex_lock(&m->lock);
	bool first = m->posted.len == 0 || finish;
	bool sent = append(&m->posted, &m->writing);
	m->finished = finish && sent;
	pthread_mutex_unlock(&m->lock);
	if (first && sent && m->wake != NULL)
		fl_wake_send(m->wake);
	return sent;
}

void fl_mailbox_send(struct fl_mailbox *m)
{
	if (m->writing.len > 0)
		(void)hand_over(m, false);
}

bool fl_mailbox_finish(struct fl_mailbox *m)
{
	return hand_over(m, true);
}

void fl_mailbox_receive(struct fl_mailbox *m)
{
	pthread_mutex_lock(&m->lock);
	swap(&m->posted, &m->reading);
	bool last = m->finished;
	m->finished = false;
	pthread_mutex_unlock(&m->lock);
	for (size_t i = 0; i < m->reading.len; i++)
		m->hear(m->ctx, &m->reading.at[i]);
	forget(&m->reading);
	if (last)
		m->hear(m->ctx, NULL);
}
