/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * io/stream_bulk.c - busy connections are read on a beat instead of at every packet.
 *
 * A packet that is read, sealed and written on its own costs two system calls, which are most of
 * what relaying costs; several at a time share them. So a connection that brings much in small
 * pieces leaves the poll and is read a millisecond later, as a busy network card is. That delays
 * bulk traffic by about a millisecond on average and never touches a quiet connection; on the
 * contrary, between a few reads of a beat the poll is asked, so that a lone packet passes first.
 *
 * Two kinds go back to the poll for a while: who waits for an answer before it goes on, because
 * its beats bring next to nothing and it is only slowed; and who sends so much that reads are
 * large anyway, because the beat would bound its rate and swell the socket's buffer.
 */
#include "io/stream_impl.h"

#define BEAT      FL_MS
#define WINDOW    (8 * FL_MS)    /* over which a connection is judged */
#define FRUITLESS (1000 * FL_MS) /* in the poll after beats that brought nothing */
#define LARGE     (64 * FL_MS)   /* and after several that brought much */

enum {
	WINDOW_BYTES = 16 << 10, /* 16 Mbit/s, about a packet and a half in a beat */
	WINDOW_READS = 10,
	SMALL_READ = 8 << 10, /* on average; larger ones share their system calls already */
	BEAT_BYTES = 2 << 10, /* more than one packet */
	QUIET_BEATS = 8,
	LARGE_READ = 32 << 10,
	LARGE_BEATS = 4, /* in a row: one burst says nothing about the rate */
	READS_PER_TURN = 2,
};

static void beat(struct fl_loop *l);

static void on_beat(void *ctx)
{
	beat(ctx);
}

static void leave(struct fl_sock *k, int64_t hold)
{
	fl_list_del(&k->bulk.link);
	k->bulk.since = fl_loop_now(k->base.loop) + hold;
	k->bulk.bytes = k->bulk.reads = k->bulk.quiet = k->bulk.large = 0;
}

/* One read on the beat. The stream may be closed behind it, but its memory is still there. */
static void read_once(struct fl_sock *k)
{
	if (!fl_stream_wants(&k->base))
		return;
	size_t n = fl_sock_read(k);
	if (k->base.closed)
		return;
	k->bulk.quiet = n < BEAT_BYTES ? k->bulk.quiet + 1 : 0;
	k->bulk.large = n >= LARGE_READ ? k->bulk.large + 1 : 0;
	if (k->bulk.quiet >= QUIET_BEATS)
		leave(k, FRUITLESS);
	else if (k->bulk.large >= LARGE_BEATS)
		leave(k, LARGE);
	fl_stream_pump(&k->base);
}

static void on_turn(void *ctx)
{
	struct fl_loop *l = ctx;
	struct fl_list *it;

	for (int i = 0; i < READS_PER_TURN && (it = fl_list_pop(&l->bulk.due)) != NULL; i++) {
		fl_list_push(&l->bulk.resting, it);
		read_once(fl_list_entry(it, struct fl_sock, bulk.link));
	}
	if (!fl_list_empty(&l->bulk.due))
		fl_loop_defer(l, &l->bulk.turn);
	else if (!fl_list_empty(&l->bulk.resting))
		fl_timer_start(&l->bulk.beat, BEAT); /* the more to do, the longer the beat */
}

static void beat(struct fl_loop *l)
{
	struct fl_list *it;

	while ((it = fl_list_pop(&l->bulk.resting)) != NULL)
		fl_list_push(&l->bulk.due, it);
	if (!fl_list_empty(&l->bulk.due))
		fl_loop_defer(l, &l->bulk.turn);
}

static void join(struct fl_sock *k)
{
	struct fl_loop *l = k->base.loop;

	if (l->bulk.beat.loop == NULL && fl_timer_init(&l->bulk.beat, l, on_beat, l) != FL_OK)
		return; /* then it goes on as before */
	l->bulk.turn.fn = on_turn;
	l->bulk.turn.ctx = l;
	fl_list_push(&l->bulk.resting, &k->bulk.link);
	if (!fl_timer_armed(&l->bulk.beat) && fl_list_empty(&l->bulk.due))
		fl_timer_start(&l->bulk.beat, BEAT);
}

void fl_sock_bulk_note(struct fl_sock *k, size_t n)
{
	fl_time now;

	/* An error on the socket makes an event of one that is on the beat. */
	if (!k->bulk.allowed || fl_sock_is_bulk(k) ||
	    (now = fl_loop_now(k->base.loop)) < k->bulk.since)
		return;
	if (now - k->bulk.since > WINDOW) {
		k->bulk.since = now;
		k->bulk.bytes = k->bulk.reads = 0;
	}
	k->bulk.bytes += (uint32_t)n;
	k->bulk.reads++;
	if (k->bulk.bytes >= WINDOW_BYTES && k->bulk.reads >= WINDOW_READS &&
	    k->bulk.bytes / k->bulk.reads < SMALL_READ)
		join(k);
}

void fl_sock_bulk_leave(struct fl_sock *k)
{
	if (fl_sock_is_bulk(k))
		leave(k, 0);
}

void fl_stream_bulk(struct fl_stream *s)
{
	while (s->under != NULL)
		s = s->under;
	fl_list_entry(s, struct fl_sock, base)->bulk.allowed = true;
}
