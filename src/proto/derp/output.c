/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * proto/derp/output.c - frames to clients: queues of packets, and what the relay says itself.
 *
 * Packets wait as finished frames. Usually a client has only data waiting and its chunk is handed
 * out as it is; only when other things go along are they gathered in the scratch buffer, so that
 * one write carries all.
 */
#include "proto/derp/server_impl.h"

#include <stdlib.h>

enum {
	DROP_TRIES = 3,
	URGENT_BYTES = 48 << 10, /* nearly a large chunk: worth a write on its own */
	GONE_BATCH = 64,
};

/* ---- into the queues ---- */

static bool is_full(const struct fl_derp_server *s, const struct fl_chunkq *q, unsigned kind)
{
	uint32_t max = kind == DISCO ? s->cfg.disco_packets : s->cfg.queue_packets;
	return q->packets >= max || q->bytes >= s->cfg.queue_bytes;
}

/* Sheds the oldest; false if the new one has to go instead. */
static bool make_room(struct fl_derp_server *s, struct fl_chunkq *q, unsigned kind)
{
	for (int i = 0; i < DROP_TRIES && is_full(s, q, kind); i++) {
		size_t n = fl_chunkq_drop(&s->pool, q);
		if (n > 0)
			fl_derp_drop(s, FL_DERP_DROP_QUEUE_HEAD, kind, n - FL_DERP_RECV_HEAD);
	}
	return !is_full(s, q, kind);
}

static void write_recv(uint8_t *at, const struct fl_node_key *src, struct fl_slice payload)
{
	fl_derp_header(at, FL_DERP_RECV_PACKET, (uint32_t)(FL_KEY_LEN + payload.len));
	memcpy(at + FL_DERP_HEADER_LEN, src->b, FL_KEY_LEN);
	if (payload.len > 0)
		memcpy(at + FL_DERP_RECV_HEAD, payload.ptr, payload.len);
}

void fl_derp_enqueue(struct fl_derp_client *to, const struct fl_node_key *src,
		     struct fl_slice payload, unsigned kind, fl_time now)
{
	struct fl_derp_server *s = to->s;
	struct fl_chunkq *q = kind == DISCO ? &to->disco : &to->data;

	if (to->state != STATE_ON) {
		fl_derp_drop(s, FL_DERP_DROP_GONE_DISCONNECTED, kind, payload.len);
		return;
	}
	uint8_t *at = NULL;
	if (make_room(s, q, kind))
		at = fl_chunkq_put(&s->pool, q, FL_DERP_RECV_HEAD + payload.len, now);
	if (at == NULL) {
		fl_derp_drop(s, FL_DERP_DROP_QUEUE_TAIL, kind, payload.len);
		return;
	}
	write_recv(at, src, payload);
	fl_derp_todo(to, TODO_FLUSH,
		     q->bytes >= URGENT_BYTES || q->packets >= s->cfg.queue_packets / 2 ||
			     (kind == DISCO && is_full(s, q, kind)));
}

static void drain_queue(struct fl_derp_server *s, struct fl_chunkq *q, unsigned kind)
{
	size_t n;
	while ((n = fl_chunkq_drop(&s->pool, q)) > 0)
		fl_derp_drop(s, FL_DERP_DROP_GONE_DISCONNECTED, kind, n - FL_DERP_RECV_HEAD);
}

void fl_derp_drain(struct fl_derp_client *c)
{
	drain_queue(c->s, &c->data, OTHER);
	drain_queue(c->s, &c->disco, DISCO);
}

/* ---- what the relay says itself ---- */

static void next_nonce(struct fl_derp_server *s, uint8_t out[static FL_BOX_NONCE_LEN])
{
	uint64_t n = s->nonce_count++;

	memcpy(out, s->cfg.nonce_base, sizeof s->cfg.nonce_base);
	for (unsigned i = 0; i < 8; i++)
		out[sizeof s->cfg.nonce_base + i] = (uint8_t)(n >> (56 - 8 * i));
}

static void put_server_info(struct fl_derp_client *c, struct fl_buf *b)
{
	struct fl_derp_server *s = c->s;
	struct fl_derp_server_info info = { .version = FL_DERP_VERSION,
					    .bytes_per_second = s->cfg.advise_bytes,
					    .bytes_burst = s->cfg.advise_burst };
	uint8_t nonce[FL_BOX_NONCE_LEN];

	next_nonce(s, nonce);
	enum fl_err err = fl_derp_server_info_seal(&c->login->shared, nonce, &info, b);
	fl_derp_login_free(c);
	if (err != FL_OK) /* cannot be: the login opened with the same keys */
		fl_derp_close(c, err);
}

static void put_wanted(struct fl_derp_client *c, struct fl_buf *b)
{
	struct fl_derp_server *s = c->s;

	if (c->want & WANT_SERVER_KEY)
		fl_derp_put_server_key(b, s->public);
	if (c->want & WANT_SERVER_INFO)
		put_server_info(c, b);
	if (c->want & WANT_PONG) {
		fl_derp_put(b, FL_DERP_PONG, fl_slice_of(c->pong, sizeof c->pong));
		s->stats.sent_pong++;
	}
	if (c->want & WANT_KEEP_ALIVE) {
		fl_derp_put(b, FL_DERP_KEEP_ALIVE, fl_slice_of(NULL, 0));
		s->stats.keep_alives++;
	}
	if (c->want & WANT_RESTARTING)
		fl_derp_put_restarting(b, &s->restarting);
	c->want = 0;
}

static void put_notes(struct fl_derp_client *c, struct fl_buf *b)
{
	struct fl_list *l;

	while ((l = fl_list_pop(&c->notes)) != NULL) {
		struct note *n = fl_list_entry(l, struct note, link);
		struct fl_derp_peer_gone gone = { .key = n->key, .reason = FL_DERP_GONE_NOT_HERE };
		fl_derp_put_peer_gone(b, &gone);
		c->s->stats.gone_not_here++;
		free(n);
	}
	c->note_count = 0;
}

static void put_unsaid(struct fl_derp_client *c, struct fl_buf *b)
{
	struct fl_list *l;

	for (int i = 0; i < GONE_BATCH && (l = fl_list_pop(&c->unsaid)) != NULL; i++) {
		struct watch *w = fl_list_entry(l, struct watch, of_receiver);
		struct fl_derp_peer_gone gone = { .key = w->from->key,
						  .reason = FL_DERP_GONE_DISCONNECTED };
		fl_derp_put_peer_gone(b, &gone);
		c->s->stats.gone_disconnected++;
		c->unsaid_count--;
		fl_derp_peer_said(w->from);
		free(w);
	}
}

/*
 * Farewells follow the packets of those who left, where those can go at once; they let at most
 * one chunk of data pass.
 */
static bool farewells_due(struct fl_derp_client *c)
{
	if (fl_list_empty(&c->unsaid))
		return false;
	c->gone_skipped = c->data.head != NULL && !c->gone_skipped;
	return !c->gone_skipped;
}

/* ---- out of the queues ---- */

static void account(struct fl_derp_server *s, const struct fl_chunk *c, unsigned kind, fl_time now)
{
	size_t bytes = c->tail - c->head - (size_t)c->packets * FL_DERP_RECV_HEAD;

	s->stats.packets_sent += c->packets;
	s->stats.bytes_sent += bytes;
	s->lent_packets[kind] += c->packets;
	s->lent_bytes[kind] += bytes;
	s->stats.queue_avg += (now - c->since - s->stats.queue_avg) / 10;
}

/* Copies whole chunks while they fit. */
static void gather(struct fl_derp_server *s, struct fl_chunkq *q, unsigned kind, fl_time now,
		   struct fl_buf *b)
{
	while (q->head != NULL && fl_chunk_slice(q->head).len <= b->max - b->len) {
		struct fl_chunk *c = fl_chunkq_take(q);
		struct fl_slice bytes = fl_chunk_slice(c);
		fl_buf_put(b, bytes.ptr, bytes.len);
		account(s, c, kind, now);
		fl_chunk_free(&s->pool, c);
	}
}

static struct fl_slice lend(struct fl_derp_server *s, struct fl_chunkq *q, unsigned kind,
			    fl_time now)
{
	struct fl_chunk *c = fl_chunkq_take(q);
	if (c == NULL)
		return fl_slice_of(NULL, 0);
	account(s, c, kind, now);
	s->lent = c;
	return fl_chunk_slice(c);
}

struct fl_slice fl_derp_client_output(struct fl_derp_client *c, fl_time now)
{
	struct fl_derp_server *s = c->s;
	struct fl_buf b = fl_buf_over(s->scratch, sizeof s->scratch);

	fl_chunk_free(&s->pool, s->lent);
	s->lent = NULL;
	memset(s->lent_packets, 0, sizeof s->lent_packets);
	memset(s->lent_bytes, 0, sizeof s->lent_bytes);
	if (c->state == STATE_CLOSING)
		return fl_slice_of(NULL, 0);

	put_wanted(c, &b);
	put_notes(c, &b);
	if (farewells_due(c))
		put_unsaid(c, &b);
	if (b.len == 0 && c->disco.head == NULL)
		return lend(s, &c->data, OTHER, now);

	gather(s, &c->disco, DISCO, now, &b);
	if (b.len == 0)
		return lend(s, &c->disco, DISCO, now);
	if (c->disco.head == NULL)
		gather(s, &c->data, OTHER, now, &b);
	return fl_buf_slice(&b);
}

void fl_derp_client_lost(struct fl_derp_client *c)
{
	struct fl_derp_server *s = c->s;

	for (unsigned kind = 0; kind < 2; kind++) {
		s->stats.packets_sent -= s->lent_packets[kind];
		s->stats.bytes_sent -= s->lent_bytes[kind];
		s->stats.drop[FL_DERP_DROP_WRITE_ERROR].packets[kind] += s->lent_packets[kind];
		s->stats.drop[FL_DERP_DROP_WRITE_ERROR].bytes[kind] += s->lent_bytes[kind];
		s->lent_packets[kind] = 0;
		s->lent_bytes[kind] = 0;
	}
}
