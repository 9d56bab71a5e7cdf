/* SPDX-License-Identifier: BSD-3-Clause */
/* embed/hub.c - a hub that is stepped by whoever owns it. */
#include "embed/hub_impl.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

enum { CLOSING_ROUNDS = 200 };

/* ---- events ---- */

void fl_embed_settle(struct fl_hub *h)
{
	bool hold = h->queue.count >= FL_EMBED_HOLD_EVENTS || h->queue.bytes >= FL_EMBED_HOLD_BYTES;

	if (hold == h->held)
		return;
	h->held = hold;
	fl_ship_hub_hold(h->ship, hold);
}

static void hear(void *ctx, const struct fl_ship_event *e)
{
	struct fl_hub *h = ctx;

	fl_embed_queue_add(&h->queue, e);
	fl_embed_settle(h);
}

/* ---- life ---- */

/* Runs the loop until `*stop`, nothing is left on it, or `until`. */
static void run_until(struct fl_loop *l, const bool *stop, fl_time until)
{
	while (fl_loop_poll(l) && !*stop) {
		fl_time now = fl_loop_now(l), at = fl_loop_deadline(l);
		struct pollfd p = { .fd = fl_loop_fd(l), .events = POLLIN };
		if (now >= until)
			return;
		if (at > until)
			at = until;
		poll(&p, 1, at > now ? (int)((at - now) / FL_MS) + 1 : 0);
	}
}

static void free_loop(struct fl_loop *l)
{
	fl_loop_cut(l);
	for (int i = 0; i < CLOSING_ROUNDS && fl_loop_poll(l); i++)
		continue;
	fl_loop_free(l);
}

static void on_down(void *ctx)
{
	struct fl_hub *h = ctx;
	h->down = true;
}

static enum fl_err start(struct fl_hub *h, const fl_hub_config *cfg, struct fl_fault *fault)
{
	struct fl_embed_settings settings;

	enum fl_err err = fl_embed_settings_read(cfg, fault, &settings);
	if (err == FL_OK)
		err = fl_loop_new(&h->loop);
	if (err == FL_OK)
		err = fl_ship_hub_new(h->loop, &settings.hub, fault, &h->ship);
	fl_embed_settings_done(&settings);
	if (err == FL_OK) {
		h->ear = (struct fl_ship_ear){ .hear = hear, .ctx = h };
		fl_ship_hub_listen(h->ship, &h->ear);
		err = fl_ship_hub_start(h->ship, fault);
	}
	return err;
}

static void release(struct fl_hub *h)
{
	fl_ship_hub_unlisten(&h->ear);
	fl_ship_hub_free(h->ship);
	fl_embed_queue_done(&h->queue);
	free(h);
}

static void say(char *text, size_t size, enum fl_err err, const struct fl_fault *fault)
{
	if (text != NULL && size > 0)
		snprintf(text, size, "%s", fault->text[0] != '\0' ? fault->text : fl_err_text(err));
}

fl_hub_result fl_hub_open(const fl_hub_config *cfg, char *text, size_t text_size, fl_hub **out)
{
	fl_hub_config own = { 0 };
	struct fl_fault fault = { "" };

	if (cfg == NULL || out == NULL || cfg->size < sizeof cfg->size || cfg->size > sizeof own) {
		say(text, text_size, FL_ERR_ARG, &fault);
		return FL_HUB_E_ARGUMENT;
	}
	memcpy(&own, cfg, cfg->size); /* a program of an older header knows fewer members */
	struct fl_hub *h = calloc(1, sizeof *h);
	if (h == NULL) {
		say(text, text_size, FL_ERR_NOMEM, &fault);
		return FL_HUB_E_NO_MEMORY;
	}
	fl_embed_queue_init(&h->queue);
	enum fl_err err = start(h, &own, &fault);
	if (err != FL_OK) {
		struct fl_loop *loop = h->loop;
		release(h);
		if (loop != NULL)
			free_loop(loop);
		say(text, text_size, err, &fault);
		return fl_embed_result(err);
	}
	*out = h;
	return FL_HUB_OK;
}

fl_hub *fl_hub_close(fl_hub *h)
{
	const bool never = false;

	if (h == NULL)
		return NULL;
	struct fl_loop *loop = h->loop;
	fl_time until = fl_loop_now(loop) + FL_SHIP_STOP_GRACE;
	if (h->held) /* what is still read is the peers' farewell */
		fl_ship_hub_hold(h->ship, false);
	fl_ship_hub_unlisten(&h->ear);
	fl_ship_hub_stop(h->ship, on_down, h);
	run_until(loop, &h->down, until);
	release(h);
	run_until(loop, &never, until); /* what was queued leaves */
	free_loop(loop);
	return NULL;
}

/* ---- steps ---- */

int fl_hub_fd(const fl_hub *h)
{
	return fl_loop_fd(h->loop);
}

int64_t fl_hub_deadline(const fl_hub *h)
{
	return fl_loop_deadline(h->loop);
}

fl_hub_result fl_hub_step(fl_hub *h)
{
	if (h->queue.lost)
		return FL_HUB_E_NO_MEMORY;
	if (h->queue.count >= FL_EMBED_EVENTS_MAX)
		return FL_HUB_AGAIN;
	fl_loop_poll(h->loop);
	return h->queue.lost ? FL_HUB_E_NO_MEMORY : FL_HUB_OK;
}

bool fl_hub_next(fl_hub *h, fl_hub_event *out)
{
	bool got = fl_embed_queue_next(&h->queue, out);

	fl_embed_settle(h);
	return got;
}
