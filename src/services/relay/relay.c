/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * services/relay/relay.c - carries bytes between streams and the relay machine.
 *
 * A connection that cannot be written to keeps its packets in the machine's bounded queue, not in
 * the stream: nothing is handed over before the stream's own rest has left. One timer looks at all
 * such connections and ends those without progress.
 */
#include "services/relay/relay_impl.h"

#include "base/log.h"
#include "base/text.h"
#include "crypto/prim.h"

#include <stdlib.h>

static const int64_t default_write_timeout = 2 * FL_SEC;
static const int64_t stall_look = 250 * FL_MS;

enum {
	WS_POLICY_VIOLATION = 1008,
};

/* As derper has it (docs/protocol/relay.md 7); its user timeout is our `unanswered`. */
static const struct fl_keepalive keepalive = {
	.idle_s = 600,
	.interval_s = 15,
	.probes = 3,
	.unanswered = 15 * FL_SEC,
};

static void run(struct fl_relay *r, bool all);

/* ---- the end of a connection ---- */

static void unblock(struct relay_conn *k)
{
	if (!fl_list_linked(&k->blocked))
		return;
	fl_list_del(&k->blocked);
	k->r->blocked_count--;
}

/* Gives everything back but the struct, which a caller of feed() may still hold. */
static void detach(struct relay_conn *k, int64_t linger)
{
	fl_relay_admit_cancel(k);
	unblock(k);
	k->client = fl_derp_client_free(k->client);
	k->stream = k->is_ws && k->refused ? fl_ws_close(k->stream, WS_POLICY_VIOLATION)
					   : fl_stream_close(k->stream, linger);
	fl_list_del(&k->link);
}

void fl_relay_conn_close(struct relay_conn *k, int64_t linger)
{
	if (k->client == NULL)
		return;
	detach(k, linger);
	if (k->depth == 0)
		free(k);
}

static void log_end(const struct relay_conn *k, enum fl_err why)
{
	const struct fl_node_key *key = fl_derp_client_key(k->client);
	char from[FL_ADDRPORT_TEXT_MAX], short_key[FL_KEY_SHORT_MAX] = "-";

	if (why == FL_OK || why == FL_ERR_CLOSED || !fl_log_on(FL_LOG_INFO))
		return;
	fl_addrport_format(&k->from, from);
	if (key != NULL)
		fl_node_key_short(key, short_key);
	fl_log_info("relay client closed", FL_LS("from", from), FL_LS("key", short_key),
		    FL_LS("why", fl_err_text(why)));
}

static void end(struct relay_conn *k, enum fl_err why)
{
	log_end(k, why);
	k->refused = why == FL_ERR_DENIED;
	fl_relay_conn_close(k, 0);
}

/* ---- writing ---- */

static void block(struct relay_conn *k)
{
	struct fl_relay *r = k->r;

	fl_derp_client_blocked(k->client, true);
	if (fl_list_linked(&k->blocked))
		return;
	fl_list_push(&r->blocked, &k->blocked);
	r->blocked_count++;
	if (!fl_timer_armed(&r->stall))
		fl_timer_start(&r->stall, stall_look);
}

/* Hands over what waits until the kernel has enough. */
static void flush(struct relay_conn *k)
{
	fl_time now = fl_loop_now(k->r->loop);

	while (fl_stream_pending(k->stream) == 0) {
		struct fl_slice out = fl_derp_client_output(k->client, now);
		if (out.len == 0)
			return;
		enum fl_err err = fl_stream_write(k->stream, out);
		if (err != FL_OK) {
			fl_derp_client_lost(k->client);
			end(k, err);
			return;
		}
	}
	block(k);
}

static void on_drain(void *ctx)
{
	struct relay_conn *k = ctx;

	unblock(k);
	fl_derp_client_blocked(k->client, false);
}

/* Progress counts, not emptiness: a slow receiver is not a dead one. */
static void on_stall_look(void *ctx)
{
	struct fl_relay *r = ctx;

	fl_list_each(l, &r->blocked)
	{
		struct relay_conn *k = fl_list_entry(l, struct relay_conn, blocked);
		if (fl_stream_stalled(k->stream) < r->cfg.write_timeout)
			continue;
		r->write_timeouts++;
		end(k, FL_ERR_TIMEOUT);
	}
	if (!fl_list_empty(&r->blocked))
		fl_timer_start(&r->stall, stall_look);
}

/* ---- reading ---- */

static void set_paused(struct relay_conn *k, bool paused)
{
	if (k->paused == paused)
		return;
	k->paused = paused;
	fl_stream_pause(k->stream, paused);
}

/* The connection may end while effects are handled; `depth` keeps the struct until we are out. */
static void feed(struct relay_conn *k, struct fl_slice in)
{
	fl_time now = fl_loop_now(k->r->loop);
	enum fl_err err = FL_MORE;

	k->depth++;
	while (err == FL_MORE && k->client != NULL) {
		size_t used = 0;
		err = fl_derp_client_input(k->client, now, in, &used);
		in = fl_slice_skip(in, used);
		if (err == FL_MORE)
			run(k->r, false);
	}
	if (k->client != NULL && (err == FL_OK || err == FL_AGAIN)) {
		set_paused(k, err == FL_AGAIN);
	} else if (k->client != NULL) {
		log_end(k, err);
		detach(k, 0);
	}
	if (--k->depth == 0 && k->client == NULL)
		free(k);
}

/*
 * What a read brought leaves at once, not at the end of the tick: a lone packet would otherwise
 * wait for all that is read after it. Under load reads are full, and so are the writes.
 */
static void on_data(void *ctx, uint8_t *data, size_t len)
{
	struct relay_conn *k = ctx;
	struct fl_relay *r = k->r;

	feed(k, fl_slice_of(data, len));
	run(r, true);
}

static void on_end(void *ctx, enum fl_err why)
{
	end(ctx, why);
}

static const struct fl_stream_owner owner = {
	.on_data = on_data,
	.on_drain = on_drain,
	.on_end = on_end,
};

enum fl_err fl_relay_conn_new(struct fl_relay *r, struct fl_stream *s, struct fl_slice early,
			      bool not_ideal, bool is_ws)
{
	struct relay_conn *k = calloc(1, sizeof *k);
	if (k == NULL)
		return FL_ERR_NOMEM;

	k->r = r;
	k->from = fl_stream_peer(s);
	k->is_ws = is_ws;
	fl_list_init(&k->link);
	fl_list_init(&k->blocked);
	fl_list_init(&k->waiting);
	enum fl_err err = fl_derp_client_new(r->server, fl_loop_now(r->loop), &k->from, not_ideal,
					     k, &k->client);
	if (err == FL_OK)
		err = fl_stream_own(s, &owner, k, early);
	if (err != FL_OK) {
		fl_derp_client_free(k->client);
		free(k);
		return err;
	}
	k->stream = s;
	fl_stream_keepalive(s, &keepalive);
	fl_stream_bulk(s);
	fl_list_push(&r->conns, &k->link);
	return FL_OK;
}

/* ---- effects ---- */

static void handle(const struct fl_derp_effect *e)
{
	struct relay_conn *k = e->ctx;

	switch (e->kind) {
	case FL_DERP_CLOSE:
		end(k, e->reason);
		break;
	case FL_DERP_ADMIT:
		fl_relay_admit(k);
		break;
	case FL_DERP_RESUME:
		feed(k, fl_slice_of(NULL, 0));
		break;
	case FL_DERP_FLUSH:
		flush(k);
		break;
	}
}

static void run(struct fl_relay *r, bool all)
{
	struct fl_derp_effect e;

	while (fl_derp_server_next(r->server, all, &e))
		handle(&e);
}

static void arm(struct fl_relay *r)
{
	fl_time at = fl_derp_server_deadline(r->server);
	fl_time now = fl_loop_now(r->loop);

	if (at == r->armed && (at == FL_NEVER || fl_timer_armed(&r->timer)))
		return;
	r->armed = at;
	if (at == FL_NEVER)
		fl_timer_stop(&r->timer);
	else
		fl_timer_start(&r->timer, at > now ? at - now : 0);
}

static void on_tick(void *ctx)
{
	struct fl_relay *r = ctx;

	run(r, true);
	arm(r);
}

static void on_timer(void *ctx)
{
	struct fl_relay *r = ctx;
	fl_derp_server_tick(r->server, fl_loop_now(r->loop));
}

/* ---- life ---- */

static enum fl_err make_server(struct fl_relay *r, const struct fl_relay_config *cfg)
{
	struct fl_derp_config d = {
		.key = cfg->key,
		.rng_seed = cfg->rng_seed,
		.rate_bytes = cfg->rate_bytes,
		.rate_burst = cfg->rate_burst,
		.advise_bytes = cfg->advise_bytes,
		.advise_burst = cfg->advise_burst,
		.queue_packets = cfg->queue_packets,
		.queue_bytes = cfg->queue_bytes,
		.memory_max = cfg->memory_max,
		.keep_alive = cfg->keep_alive,
	};

	fl_random(d.nonce_base, sizeof d.nonce_base);
	fl_random(d.hash_seed, sizeof d.hash_seed);
	if (d.rng_seed == 0)
		fl_random(&d.rng_seed, sizeof d.rng_seed);
	enum fl_err err = fl_derp_server_new(&d, &r->server);
	fl_wipe(&d.key, sizeof d.key);
	return err;
}

static void copy_config(struct fl_relay *r, const struct fl_relay_config *cfg)
{
	r->cfg = *cfg;
	fl_wipe(&r->cfg.key, sizeof r->cfg.key);
	r->cfg.verify_url = r->cfg.verify_ca_file = NULL;
	if (r->cfg.write_timeout == 0)
		r->cfg.write_timeout = default_write_timeout;
	else if (r->cfg.write_timeout < 0)
		r->cfg.write_timeout = FL_NEVER;
}

static enum fl_err start(struct fl_relay *r, const struct fl_relay_config *cfg)
{
	enum fl_err err = make_server(r, cfg);
	if (err == FL_OK)
		err = fl_timer_init(&r->timer, r->loop, on_timer, r);
	if (err == FL_OK)
		err = fl_timer_init(&r->stall, r->loop, on_stall_look, r);
	if (err == FL_OK)
		err = fl_relay_verify_init(r, cfg);
	return err;
}

enum fl_err fl_relay_new(struct fl_loop *loop, const struct fl_relay_config *cfg,
			 struct fl_fault *fault, struct fl_relay **out)
{
	static const struct fl_private_key zero;
	if (fl_equal_ct(&cfg->key, &zero, sizeof zero))
		return fl_fault_set(fault, FL_ERR_INVALID, "the relay has no private key");
	struct fl_relay *r = calloc(1, sizeof *r);
	if (r == NULL)
		return FL_ERR_NOMEM;

	r->loop = loop;
	r->armed = FL_NEVER;
	fl_list_init(&r->conns);
	fl_list_init(&r->blocked);
	copy_config(r, cfg);
	r->hook = (struct fl_tick_hook){ .fn = on_tick, .ctx = r };
	fl_loop_hook_add(loop, &r->hook);
	enum fl_err err = start(r, cfg);
	if (err != FL_OK) {
		fl_relay_free(r);
		return fl_fault_set(fault, err, "the relay cannot start: %s", fl_err_text(err));
	}
	*out = r;
	return FL_OK;
}

struct fl_relay *fl_relay_free(struct fl_relay *r)
{
	if (r == NULL)
		return NULL;
	fl_list_each(l, &r->conns)
		fl_relay_conn_close(fl_list_entry(l, struct relay_conn, link), 0);
	fl_loop_hook_del(&r->hook);
	fl_timer_done(&r->timer);
	fl_timer_done(&r->stall);
	fl_relay_verify_done(r);
	fl_derp_server_free(r->server);
	free(r);
	return NULL;
}

const uint8_t *fl_relay_public(const struct fl_relay *r)
{
	return fl_derp_server_public(r->server);
}

/*
 * The last words of a client: what waits in its queue, which is bounded, goes behind what its
 * stream still holds, and leaves within the linger like that.
 */
static void write_out(struct relay_conn *k)
{
	fl_time now = fl_loop_now(k->r->loop);
	struct fl_slice out;

	while ((out = fl_derp_client_output(k->client, now)).len > 0) {
		if (fl_stream_write(k->stream, out) != FL_OK) {
			fl_derp_client_lost(k->client);
			return;
		}
	}
}

void fl_relay_stop(struct fl_relay *r, const struct fl_derp_restarting *restarting, int64_t linger)
{
	r->stopping = true;
	if (restarting != NULL)
		fl_derp_server_restarting(r->server, restarting);
	run(r, true);
	fl_list_each(l, &r->conns)
	{
		struct relay_conn *k = fl_list_entry(l, struct relay_conn, link);
		if (linger > 0)
			write_out(k);
		fl_relay_conn_close(k, linger);
	}
}

void fl_relay_rate(struct fl_relay *r, uint64_t bytes, uint64_t burst)
{
	fl_derp_server_rate(r->server, bytes, burst);
}

size_t fl_relay_revoke(struct fl_relay *r, const struct fl_node_key *key)
{
	fl_relay_verify_forget(r, key);
	size_t n = fl_derp_server_close_key(r->server, key);
	run(r, false);
	return n;
}

bool fl_relay_check(const struct fl_relay *r)
{
	return fl_derp_server_check(r->server);
}
