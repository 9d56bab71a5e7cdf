/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * services/ship/link.c - connections of the machine: a number, and the WebSocket that it stands
 * for.
 */
#include "services/ship/hub_impl.h"

#include "base/log.h"

#include <stdlib.h>

enum { PENDING_MIN = 1 << 20 };

#define WRITE_WITHIN (10 * FL_SEC)

/* ---- what a WebSocket tells ---- */

static void on_message(void *ctx, struct fl_slice message)
{
	struct fl_ship_link *k = ctx;
	struct fl_ship_hub *h = k->hub;

	h->counts.messages_in++;
	fl_ship_message_log_put(h->log, &k->ski, k->number, true, message);
	fl_devices_message(h->devices, fl_loop_now(h->loop), k->number, message);
	fl_ship_pump(h);
}

/* From now on the number is the machine's alone: it finds nothing here. */
static struct fl_wsm *forget(struct fl_ship_link *k)
{
	struct fl_wsm *wsm = k->wsm;

	fl_map_take(&k->hub->links, &k->number);
	fl_list_del(&k->in);
	free(k);
	return wsm;
}

static void on_end(void *ctx, enum fl_err err, uint16_t code, struct fl_slice reason)
{
	struct fl_ship_link *k = ctx;
	struct fl_ship_hub *h = k->hub;
	uint64_t number = k->number;

	if (err != FL_OK)
		fl_log_debug("connection ended", FL_LU("number", number),
			     FL_LS("why", fl_err_text(err)), FL_LU("code", code));
	struct fl_wsm *wsm = forget(k);
	fl_devices_lost(h->devices, fl_loop_now(h->loop), number, code, reason);
	fl_wsm_close(wsm, FL_SHIP_CODE_NORMAL, "");
	fl_ship_pump(h);
}

static const struct fl_wsm_owner owner = { .on_message = on_message, .on_end = on_end };

/* ---- life ---- */

static struct fl_wsm_config config(const struct fl_ship_hub *h, bool client)
{
	return (struct fl_wsm_config){
		.client = client,
		.message_max = h->message_max,
		/* The largest message fits, and some behind it. */
		.pending_max = 2 * h->message_max + PENDING_MIN,
		.ping_every = h->ping_every,
		.pong_within = h->pong_within,
		.write_within = WRITE_WITHIN,
	};
}

static void settle_pause(struct fl_ship_link *k)
{
	fl_wsm_pause(k->wsm, k->parked || k->hub->holds > 0);
}

enum fl_err fl_ship_link_new(struct fl_ship_hub *h, struct fl_stream *s, struct fl_slice early,
			     const struct fl_ship_link_facts *facts)
{
	const struct fl_wsm_config cfg = config(h, facts->client);
	struct fl_ship_link *k = calloc(1, sizeof *k);

	if (k == NULL || fl_map_put(&h->links, &facts->number, k) != FL_OK) {
		fl_stream_close(s, 0);
		free(k);
		return FL_ERR_NOMEM;
	}
	*k = (struct fl_ship_link){
		.hub = h,
		.number = facts->number,
		.ski = facts->ski,
		.here = fl_stream_here(s),
		.there = fl_stream_peer(s),
		.parked = facts->parked,
	};
	enum fl_err err = fl_wsm_new(s, early, &cfg, &owner, k, &k->wsm);
	if (err != FL_OK) {
		fl_map_take(&h->links, &facts->number);
		free(k);
		return err;
	}
	fl_list_push(&h->link_list, &k->in);
	settle_pause(k);
	return FL_OK;
}

struct fl_ship_link *fl_ship_link_find(const struct fl_ship_hub *h, uint64_t number)
{
	return fl_map_find(&h->links, &number);
}

void fl_ship_link_send(struct fl_ship_link *k, struct fl_slice message)
{
	struct fl_ship_hub *h = k->hub;
	uint64_t number = k->number;

	enum fl_err err = fl_wsm_send(k->wsm, message);
	if (err == FL_OK) {
		h->counts.messages_out++;
		fl_ship_message_log_put(h->log, &k->ski, number, false, message);
		return;
	}
	h->counts.slow += err == FL_ERR_FULL;
	fl_log_warn("connection given up: the device does not take what is sent",
		    FL_LU("number", number), FL_LS("why", fl_err_text(err)));
	fl_ship_link_close(k, FL_SHIP_CODE_CLOSE, "send queue full");
	fl_devices_lost(h->devices, fl_loop_now(h->loop), number, 1006, fl_slice_of(NULL, 0));
}

void fl_ship_link_close(struct fl_ship_link *k, uint16_t code, const char *text)
{
	fl_wsm_close(forget(k), code, text);
}

void fl_ship_link_resume(struct fl_ship_link *k)
{
	k->parked = false;
	settle_pause(k);
}

void fl_ship_links_pause(struct fl_ship_hub *h)
{
	fl_list_each(it, &h->link_list) settle_pause(fl_list_entry(it, struct fl_ship_link, in));
}

/* ---- one that is not wanted ---- */

static void ignore_message(void *ctx, struct fl_slice message)
{
	(void)ctx, (void)message;
}

static void ignore_end(void *ctx, enum fl_err err, uint16_t code, struct fl_slice reason)
{
	(void)ctx, (void)err, (void)code, (void)reason;
}

void fl_ship_link_refuse(struct fl_ship_hub *h, struct fl_stream *s, struct fl_slice early,
			 bool client)
{
	static const struct fl_wsm_owner nobody = { .on_message = ignore_message,
						    .on_end = ignore_end };
	const struct fl_wsm_config cfg = config(h, client);
	struct fl_wsm *wsm;

	h->counts.double_closed++;
	if (fl_wsm_new(s, early, &cfg, &nobody, NULL, &wsm) == FL_OK)
		fl_wsm_close(wsm, FL_SHIP_CODE_CLOSE, "double connection");
}
