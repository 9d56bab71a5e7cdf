/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * services/control/map.c - POST /machine/map: stores what the client says, then opens a session,
 * answers once, or answers empty.
 *
 * Source: docs/protocol/control.md 5.1, 5.2; docs/lifecycle.md section 4.
 */
#include "services/control/internal.h"

#include <stdlib.h>

#include "base/log.h"

struct request {
	struct fl_control *control;
	struct fl_http *x;
	struct fl_noise_link *carrier;
	struct fl_core_wait wait;
	fl_node_id node;
	fl_time asked;
	struct fl_map_form form;
	bool stream, read_only;
	bool wrote; /* something of it waits to be stored */
};

static void request_free(struct request *r)
{
	fl_core_wait_cancel(&r->wait);
	free(r);
}

static void on_gone(void *ctx)
{
	request_free(ctx);
}

static void answer_once(struct request *r, const struct fl_node *n)
{
	enum fl_err err = fl_control_send_map(r->control, r->x, n, &r->form, 0);

	if (err == FL_OK)
		fl_http_stream_end(r->x);
	else
		fl_control_refuse_map(r->x, err);
}

/* Wants no map. */
static bool is_update(const struct request *r)
{
	return !r->stream && r->form.omit_peers && !r->read_only;
}

/* Takes the request. */
static void answer(struct request *r)
{
	const struct fl_node *n = fl_state_node(r->control->core->state, r->node);

	fl_http_on_gone(r->x, NULL, NULL);
	if (n == NULL)
		fl_control_text(r->x, 404, "unknown node\n");
	else if (r->control->stopping) /* since it was accepted: sessions are closed already */
		fl_control_text(r->x, 503, "the server is stopping\n");
	else if (r->control->core->policy_behind)
		fl_control_refuse_map(r->x, FL_ERR_NOMEM);
	else if (r->stream)
		fl_session_open(r->control, r->x, r->node, &r->form, r->asked);
	else if (is_update(r))
		fl_http_respond(r->x, 200, NULL, fl_slice_of(NULL, 0));
	else
		answer_once(r, n);
	request_free(r);
}

static void on_turn(void *ctx, enum fl_err err, const struct fl_fault *fault)
{
	struct request *r = ctx;

	(void)err;
	(void)fault;
	answer(r);
}

static void on_committed(void *ctx, enum fl_err err, const struct fl_fault *fault)
{
	struct request *r = ctx;

	(void)fault;
	if (is_update(r))
		r->control->stats.endpoint_updates[err != FL_OK && r->wrote]++;
	/*
	 * Maps go on from memory, which is as the disk is again (STO-12). Only who came to have
	 * something stored must hear that it was not: clients repeat such updates.
	 */
	if (err != FL_OK && r->wrote && !r->stream) {
		fl_http_on_gone(r->x, NULL, NULL);
		fl_control_text(r->x, 503,
				"the server could not store the update; try again later\n");
		request_free(r);
	} else if (is_update(r)) {
		answer(r);
	} else {
		r->wait.fn = on_turn;
		fl_core_turn(r->control->core, &r->wait);
	}
}

/*
 * A streaming request may carry stale facts: they count only until the node has sent a lite
 * update on this connection (docs/protocol/control.md 5.2).
 */
static enum fl_err apply(struct request *r, const struct fl_map_request *req)
{
	struct fl_noise_link *l = r->carrier;

	if (r->read_only)
		return FL_OK;
	if (!r->stream)
		l->lite_node = r->node;
	else if (l->lite_node == r->node)
		return FL_OK;
	struct fl_state *state = r->control->core->state;
	const struct fl_node *before = fl_state_node(state, r->node);
	enum fl_err err = fl_state_node_update(state, r->node, req);
	/*
	 * Some changes are kept and not announced: the text for later viewers is old all the
	 * same.
	 */
	const struct fl_node *after = fl_state_node(state, r->node);
	r->wrote = after != before;
	if (req->has_hostinfo)
		fl_hostinfo_learn(after->hostinfo, req->hostinfo);
	if (r->wrote)
		fl_fragments_drop(r->control->fragments, r->node);
	return err;
}

/* A stream has all peers. */
static struct fl_map_form form_of(const struct fl_node *n, const struct fl_map_request *req)
{
	const struct fl_hostinfo *h = req->has_hostinfo ? req->hostinfo : n->hostinfo;

	return (struct fl_map_form){
		.omit_peers = req->omit_peers && !req->stream,
		.zstd = req->compress_zstd,
		.one_frame = h->one_frame,
	};
}

static void accept(struct fl_control *c, struct fl_http *x, struct fl_noise_link *l,
		   const struct fl_node *n, const struct fl_map_request *req)
{
	struct request *r = calloc(1, sizeof *r);
	if (r == NULL) {
		fl_control_text(x, 503, "out of memory; try again later\n");
		return;
	}
	*r = (struct request){
		.control = c,
		.x = x,
		.carrier = l,
		.node = n->id,
		.asked = fl_loop_now(c->core->loop),
		.form = form_of(n, req),
		.stream = req->stream,
		.read_only = req->read_only,
		.wait = { .fn = on_committed, .ctx = r },
	};
	if (apply(r, req) != FL_OK) {
		fl_control_text(x, 503, "the update could not be stored; try again later\n");
		request_free(r);
		return;
	}
	l->node = r->node;
	fl_http_drop_request(x); /* a stream lives for days */
	fl_http_on_gone(x, on_gone, r);
	fl_core_wait(c->core, &r->wait);
}

/*
 * A client whose node was deleted repeats its poll for ever if it gets a 404. One map in which its
 * own key has expired makes it ask for a login instead (docs/lifecycle.md SES-13). It tells nothing
 * that the client did not say itself.
 */
static void answer_unknown(struct fl_control *c, struct fl_http *x,
			   const struct fl_map_request *req)
{
	struct fl_buf json = fl_buf_make(64 << 10);
	struct fl_bytes *frame = NULL;

	enum fl_err err = fl_netmap_expired_self(c->netmap, &req->node_key,
						 fl_loop_wall(c->core->loop), &json);
	if (err == FL_OK)
		err = fl_mapframe_make(c->framer, fl_buf_slice(&json), req->compress_zstd, &frame);
	fl_buf_done(&json);
	if (err != FL_OK || !req->stream) {
		fl_control_text(x, 404, "unknown node: log in again\n");
	} else {
		fl_http_respond(x, 200, "application/json", fl_bytes_slice(frame));
	}
	fl_bytes_unref(frame);
}

static void refuse_thief(struct fl_control *c, struct fl_http *x)
{
	c->stats.key_theft_refusals++;
	fl_control_text(x, 401, "this node key belongs to another machine\n");
}

static void route(struct fl_control *c, struct fl_http *x, struct fl_noise_link *l,
		  const struct fl_map_request *req)
{
	if (req->version < c->cfg.min_cap) {
		fl_control_text(x, 400, "client too old: update it to version 1.80 or newer\n");
		return;
	}
	if (fl_node_key_is_zero(&req->node_key)) {
		fl_control_text(x, 400, "zero node key\n");
		return;
	}
	const struct fl_node *n = fl_state_node_by_key(c->core->state, &req->node_key);
	if (n == NULL)
		answer_unknown(c, x, req);
	else if (!fl_machine_key_eq(&n->machine, &l->machine))
		refuse_thief(c, x);
	else if (c->stopping)
		fl_control_text(x, 503, "the server is stopping\n");
	else
		accept(c, x, l, n, req);
}

/* What the node of this connection last said of itself. */
static struct fl_hostinfo *known_of(const struct fl_control *c, const struct fl_noise_link *l)
{
	const struct fl_node *n = fl_state_node(c->core->state, l->node);

	return n != NULL ? n->hostinfo : NULL;
}

void fl_control_map(void *ctx, struct fl_http *x)
{
	struct fl_control *c = ctx;
	struct fl_noise_link *l = fl_http_conn_ctx(x);
	struct fl_map_request req;

	c->stats.map_requests++;
	fl_noise_link_request(l);
	enum fl_err err = fl_map_request_parse(fl_http_body(x), known_of(c, l), &req);
	if (err != FL_OK) {
		fl_control_malformed(x, err, "malformed map request\n");
		return;
	}
	route(c, x, l, &req);
	fl_map_request_done(&req);
}
