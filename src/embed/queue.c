/* SPDX-License-Identifier: BSD-3-Clause */
/* embed/queue.c - events that wait for the application, each with a copy of its text. */
#include "embed/hub_impl.h"

#include <stdlib.h>

struct fl_embed_item {
	struct fl_list in;
	fl_hub_event event;
	size_t bytes;
	char content[]; /* text with its end, then data */
};

void fl_embed_queue_init(struct fl_embed_queue *q)
{
	*q = (struct fl_embed_queue){ 0 };
	fl_list_init(&q->waiting);
}

void fl_embed_queue_done(struct fl_embed_queue *q)
{
	fl_list_each(it, &q->waiting) free(fl_list_entry(it, struct fl_embed_item, in));
	free(q->taken);
}

static fl_hub_event_kind kind_of(enum fl_ship_event_kind kind)
{
	switch (kind) {
	case FL_SHIP_EV_VISIBLE:
		return FL_HUB_EV_VISIBLE;
	case FL_SHIP_EV_STATE:
		return FL_HUB_EV_STATE;
	case FL_SHIP_EV_CONNECTED:
		return FL_HUB_EV_CONNECTED;
	case FL_SHIP_EV_REPLACED:
		return FL_HUB_EV_REPLACED;
	case FL_SHIP_EV_DISCONNECTED:
		return FL_HUB_EV_DISCONNECTED;
	case FL_SHIP_EV_SHIP_ID:
		return FL_HUB_EV_SHIP_ID;
	case FL_SHIP_EV_TRUST:
		return FL_HUB_EV_TRUST;
	case FL_SHIP_EV_PIN_WANTED:
		return FL_HUB_EV_PIN_WANTED;
	case FL_SHIP_EV_FORGOTTEN:
		return FL_HUB_EV_FORGOTTEN;
	case FL_SHIP_EV_DATA:
		break;
	}
	return FL_HUB_EV_DATA;
}

/* Members of both enumerations have the same values: see the assertions in call.c. */
static void fill(struct fl_embed_item *i, const struct fl_ship_event *e)
{
	size_t text_len = strlen(e->text);

	memcpy(i->content, e->text, text_len + 1);
	if (e->data.len > 0)
		memcpy(i->content + text_len + 1, e->data.ptr, e->data.len);
	i->bytes = e->data.len;
	i->event = (fl_hub_event){
		.kind = kind_of(e->kind),
		.conn = e->conn,
		.old_conn = e->old_conn,
		.state = (fl_hub_state)e->state,
		.trusted = e->trusted,
		.optional = e->optional,
		.text = i->content,
		.data = i->content + text_len + 1,
		.data_len = e->data.len,
	};
	memcpy(i->event.ski.b, e->ski.b, sizeof i->event.ski.b);
}

void fl_embed_queue_add(struct fl_embed_queue *q, const struct fl_ship_event *e)
{
	if (e->kind == FL_SHIP_EV_VISIBLE && q->visible)
		return;
	struct fl_embed_item *i = malloc(sizeof *i + strlen(e->text) + 1 + e->data.len);
	if (i == NULL) {
		q->lost = true;
		return;
	}
	fill(i, e);
	fl_list_push(&q->waiting, &i->in);
	q->count++;
	q->bytes += i->bytes;
	q->visible |= e->kind == FL_SHIP_EV_VISIBLE;
}

bool fl_embed_queue_next(struct fl_embed_queue *q, fl_hub_event *out)
{
	struct fl_list *first = fl_list_pop(&q->waiting);

	free(q->taken);
	q->taken = NULL;
	if (first == NULL)
		return false;
	q->taken = fl_list_entry(first, struct fl_embed_item, in);
	q->count--;
	q->bytes -= q->taken->bytes;
	if (q->taken->event.kind == FL_HUB_EV_VISIBLE)
		q->visible = false;
	*out = q->taken->event;
	return true;
}
