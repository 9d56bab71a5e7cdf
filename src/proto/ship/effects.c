/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * proto/ship/effects.c - the queue of effects, early data, and the end.
 *
 * CLOSE lies in the connection itself and needs no memory, so it can be promised after any failure.
 */
#include "proto/ship/conn_impl.h"

#include <assert.h>
#include <stdlib.h>

enum { CONTROL_MAX = 4096 }; /* bytes of the longest control message of ours, generously */

static void item_free(struct fl_ship_item *it)
{
	if (it == NULL)
		return;
	if (it->effect.kind == FL_SHIP_DO_SEND)
		fl_buf_wipe(&it->bytes); /* it may hold a PIN */
	else
		fl_buf_done(&it->bytes);
	free(it);
}

static void append(struct fl_ship_queue *q, struct fl_ship_item *it)
{
	it->next = NULL;
	if (q->first == NULL)
		q->first = it;
	else
		q->last->next = it;
	q->last = it;
	q->count++;
	q->bytes += it->bytes.len;
}

static struct fl_ship_item *take(struct fl_ship_queue *q)
{
	struct fl_ship_item *it = q->first;

	if (it == NULL)
		return NULL;
	q->first = it->next;
	q->count--;
	q->bytes -= it->bytes.len;
	return it;
}

void fl_ship_queue_done(struct fl_ship_queue *q)
{
	struct fl_ship_item *it;

	while ((it = take(q)) != NULL)
		item_free(it);
}

void fl_ship_lent_done(struct fl_ship_conn *c)
{
	item_free(c->lent);
	c->lent = NULL;
}

/* ---- the end ---- */

void fl_ship_finish(struct fl_ship_conn *c, uint16_t code, const char *text, enum fl_err err)
{
	if (c->state == FL_SHIP_S_CLOSED)
		return;
	c->state = FL_SHIP_S_CLOSED;
	fl_ship_timers_stop(c);
	fl_ship_queue_done(&c->early);
	fl_ship_pin_wipe(c);
	c->close_due = true;
	c->close = (struct fl_ship_effect){
		.kind = FL_SHIP_DO_CLOSE,
		.state = FL_SHIP_S_CLOSED,
		.code = code,
		.text = text,
		.err = err,
		.completed = c->completed,
	};
}

void fl_ship_fail(struct fl_ship_conn *c, enum fl_err err, const char *text)
{
	fl_ship_enter(c, FL_SHIP_S_ERROR);
	fl_ship_finish(c, FL_SHIP_CODE_CLOSE, text, err);
}

void fl_ship_impossible(struct fl_ship_conn *c)
{
	assert(false && "no input leads here");
	fl_ship_finish(c, FL_SHIP_CODE_CLOSE, "internal error", FL_ERR_STATE);
}

static void out_of_memory(struct fl_ship_conn *c)
{
	fl_ship_finish(c, FL_SHIP_CODE_CLOSE, "out of memory", FL_ERR_NOMEM);
}

/* ---- effects ---- */

void fl_ship_push(struct fl_ship_conn *c, const struct fl_ship_effect *e, struct fl_buf *bytes)
{
	if (c->state == FL_SHIP_S_CLOSED)
		return;
	if (c->out.count >= FL_SHIP_OUT_MAX) {
		fl_ship_finish(c, FL_SHIP_CODE_CLOSE, "too much is waiting", FL_ERR_FULL);
		return;
	}
	struct fl_ship_item *it = calloc(1, sizeof *it);
	if (it == NULL) {
		out_of_memory(c);
		return;
	}
	it->effect = *e;
	if (bytes != NULL) {
		it->bytes = *bytes;
		*bytes = (struct fl_buf){ 0 };
	}
	append(&c->out, it);
}

void fl_ship_tell(struct fl_ship_conn *c, enum fl_ship_effect_kind kind)
{
	fl_ship_push(c, &(struct fl_ship_effect){ .kind = kind }, NULL);
}

static void push_bytes(struct fl_ship_conn *c, enum fl_ship_effect_kind kind, struct fl_buf *b)
{
	fl_ship_push(c, &(struct fl_ship_effect){ .kind = kind, .bytes = fl_buf_slice(b) }, b);
}

void fl_ship_send(struct fl_ship_conn *c, const struct fl_ship_msg *m)
{
	struct fl_buf b = fl_buf_make(CONTROL_MAX);

	if (fl_ship_msg_encode(m, &b) == FL_OK)
		push_bytes(c, FL_SHIP_DO_SEND, &b);
	else /* what we say ourselves is small and well formed */
		out_of_memory(c);
	fl_buf_wipe(&b);
}

void fl_ship_deliver(struct fl_ship_conn *c, struct fl_ship_msg *m)
{
	struct fl_ship_effect e = { .kind = FL_SHIP_DO_DATA, .bytes = m->data.payload };

	fl_ship_push(c, &e, &m->text);
}

/* The payload alone is copied: a message may be mostly white space. */
void fl_ship_keep(struct fl_ship_conn *c, const struct fl_ship_msg *m)
{
	struct fl_slice payload = m->data.payload;

	if (c->early.count >= FL_SHIP_EARLY_MESSAGES ||
	    payload.len > FL_SHIP_EARLY_BYTES - c->early.bytes) {
		fl_ship_finish(c, FL_SHIP_CODE_CLOSE, "too much data before data exchange",
			       FL_ERR_FULL);
		return;
	}
	struct fl_ship_item *it = calloc(1, sizeof *it);
	struct fl_buf b = fl_buf_make(payload.len);
	fl_buf_put(&b, payload.ptr, payload.len);
	if (it == NULL || fl_buf_err(&b) != FL_OK) {
		free(it);
		fl_buf_done(&b);
		out_of_memory(c);
		return;
	}
	it->effect = (struct fl_ship_effect){ .kind = FL_SHIP_DO_DATA, .bytes = fl_buf_slice(&b) };
	it->bytes = b;
	append(&c->early, it);
}

void fl_ship_deliver_kept(struct fl_ship_conn *c)
{
	struct fl_ship_item *it;

	while ((it = take(&c->early)) != NULL) {
		if (c->out.count < FL_SHIP_OUT_MAX) {
			append(&c->out, it);
			continue;
		}
		item_free(it);
		fl_ship_finish(c, FL_SHIP_CODE_CLOSE, "too much is waiting", FL_ERR_FULL);
	}
}

static enum fl_err encode_payload(struct fl_slice payload, bool wire, struct fl_buf *out)
{
	struct fl_ship_msg m = { .kind = FL_SHIP_PAYLOAD, .data.payload = payload };

	if (wire)
		return fl_ship_payload_encode_wire(payload, out);
	m.data.protocol_id = fl_slice_str(FL_SHIP_PROTOCOL_ID);
	return fl_ship_msg_encode(&m, out);
}

enum fl_err fl_ship_conn_send(struct fl_ship_conn *c, fl_time now, struct fl_slice payload,
			      bool wire)
{
	(void)now;
	fl_ship_lent_done(c);
	if (!fl_ship_conn_is_open(c))
		return FL_ERR_STATE;
	if (c->out.count >= FL_SHIP_OUT_MAX / 2) /* the rest is for what the peer causes */
		return FL_ERR_FULL;
	struct fl_ship_item *it = calloc(1, sizeof *it);
	if (it == NULL)
		return FL_ERR_NOMEM;
	it->bytes = fl_buf_make(c->message_max);
	enum fl_err err = encode_payload(payload, wire, &it->bytes);
	if (err != FL_OK) {
		item_free(it);
		return err;
	}
	it->effect.kind = FL_SHIP_DO_SEND;
	it->effect.bytes = fl_buf_slice(&it->bytes);
	append(&c->out, it);
	return FL_OK;
}

bool fl_ship_conn_next(struct fl_ship_conn *c, struct fl_ship_effect *out)
{
	fl_ship_lent_done(c);
	c->lent = take(&c->out);
	if (c->lent != NULL) {
		*out = c->lent->effect;
		return true;
	}
	if (!c->close_due)
		return false;
	c->close_due = false;
	*out = c->close;
	return true;
}
