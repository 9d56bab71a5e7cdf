/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * proto/derp/input.c - frames of clients, handled where they lie in the receive buffer.
 *
 * Only what cannot be handled yet is kept: the beginning of a frame whose rest has not arrived,
 * or everything behind a frame that has to wait for its client's rate or admission.
 */
#include "proto/derp/server_impl.h"

#include <stdlib.h>

enum { NOTES_BURST = 3 };

static const int64_t admit_timeout = 30 * FL_SEC; /* the driver has a shorter one */
static const int64_t home_settled = 5 * FL_SEC;   /* younger connections still make up their mind */

/* ---- limits by GCRA: one time a bucket ---- */

/* The frame's share of the rate in ns; the protocol counts bodies, clamped. */
static int64_t rate_cost(const struct fl_derp_server *s, uint64_t bytes)
{
	if (bytes > FL_DERP_RATE_BURST_MIN)
		bytes = FL_DERP_RATE_BURST_MIN;
	return (int64_t)(bytes * (uint64_t)FL_SEC / s->cfg.rate_bytes);
}

/* False: the bucket is too empty; the client waits until `c->wait`. */
static bool pay(struct fl_derp_client *c, fl_time now, uint32_t len)
{
	struct fl_derp_server *s = c->s;
	if (s->cfg.rate_bytes == 0 || c->state != STATE_ON || c->paid)
		return true;

	int64_t cost = rate_cost(s, len);
	int64_t depth =
		(int64_t)((double)s->cfg.rate_burst * (double)FL_SEC / (double)s->cfg.rate_bytes);
	if (c->rate_at > now + depth)
		c->rate_at = now + depth; /* in debt by a rate that was lower: it owes one burst */
	fl_time full = c->rate_at > now ? c->rate_at : now;
	fl_time may = full + cost - depth;
	if (may > now) {
		fl_wheel_start(&s->fast, &c->wait, now, may);
		s->stats.rate_waits++;
		return false;
	}
	c->rate_at = full + cost;
	return true;
}

/* One a second, a burst of three: a client that asks for a thousand strangers gets few answers. */
static bool may_note(struct fl_derp_client *c, fl_time now)
{
	fl_time full = c->notes_at > now ? c->notes_at : now;
	if (full + FL_SEC - NOTES_BURST * FL_SEC > now)
		return false;
	c->notes_at = full + FL_SEC;
	return true;
}

static void note_not_here(struct fl_derp_client *c, const struct fl_node_key *key, fl_time now)
{
	if (c->note_count >= FL_DERP_NOTES_MAX || !may_note(c, now))
		return;
	struct note *n = malloc(sizeof *n);
	if (n == NULL)
		return;
	n->key = *key;
	fl_list_push(&c->notes, &n->link);
	c->note_count++;
	fl_derp_todo(c, TODO_FLUSH, false);
}

/* ---- frames of a client that is logged in ---- */

static void no_receiver(struct fl_derp_client *c, const struct peer *p,
			const struct fl_derp_packet *pkt, unsigned kind, fl_time now)
{
	fl_derp_drop(c->s, p != NULL ? FL_DERP_DROP_DUP_CLIENT : FL_DERP_DROP_UNKNOWN_DEST, kind,
		     pkt->payload.len);
	if (p == NULL && kind == DISCO)
		note_not_here(c, &pkt->key, now);
}

static enum fl_err on_send(struct fl_derp_client *c, struct fl_slice body, fl_time now)
{
	struct fl_derp_stats *st = &c->s->stats;
	struct fl_derp_packet pkt;

	enum fl_err err = fl_derp_as_send(body, &pkt);
	if (err != FL_OK)
		return err;
	st->packets_received++;
	st->bytes_received += pkt.payload.len;
	unsigned kind = fl_derp_is_disco(pkt.payload) ? DISCO : OTHER;
	st->packets_disco += kind == DISCO;

	struct peer *p = fl_map_find(&c->s->peers, pkt.key.b);
	if (p == NULL || p->active == NULL) {
		no_receiver(c, p, &pkt, kind, now);
		return FL_OK;
	}
	fl_derp_watch(p->active, c->peer);
	fl_derp_enqueue(p->active, &c->peer->key, pkt.payload, kind, now);
	return FL_OK;
}

static enum fl_err on_preferred(struct fl_derp_client *c, struct fl_slice body, fl_time now)
{
	struct fl_derp_stats *st = &c->s->stats;
	bool yes;

	enum fl_err err = fl_derp_as_preferred(body, &yes);
	if (err != FL_OK || yes == c->preferred)
		return err;
	c->preferred = yes;
	if (yes)
		st->home_connections++;
	else
		st->home_connections--;
	if (now - c->since > home_settled) {
		st->home_moves_in += yes;
		st->home_moves_out += !yes;
	}
	return FL_OK;
}

/* While an answer waits further pings are ignored: a flood cannot build a queue. */
static enum fl_err on_ping(struct fl_derp_client *c, struct fl_slice body)
{
	uint8_t ping[FL_DERP_PING_LEN];

	enum fl_err err = fl_derp_as_ping(body, ping);
	if (err != FL_OK)
		return err;
	c->s->stats.got_ping++;
	if (c->want & WANT_PONG)
		return FL_OK;
	memcpy(c->pong, ping, sizeof ping);
	fl_derp_want(c, WANT_PONG);
	return FL_OK;
}

static enum fl_err on_frame(struct fl_derp_client *c, uint8_t type, struct fl_slice body,
			    fl_time now)
{
	fl_derp_spoke(c);
	switch (type) {
	case FL_DERP_SEND_PACKET:
		return on_send(c, body, now);
	case FL_DERP_NOTE_PREFERRED:
		return on_preferred(c, body, now);
	case FL_DERP_PING:
		return on_ping(c, body);
	case FL_DERP_FORWARD_PACKET:
	case FL_DERP_WATCH_CONNS:
	case FL_DERP_CLOSE_PEER:
		return FL_ERR_PROTO; /* nobody proved to be a relay of the mesh */
	case FL_DERP_PONG:
	case FL_DERP_KEEP_ALIVE:
		return FL_OK;
	default:
		c->s->stats.unknown_frames++;
		return FL_OK;
	}
}

/* ---- the login ---- */

static enum fl_err on_login(struct fl_derp_client *c, uint8_t type, struct fl_slice body,
			    fl_time now)
{
	struct fl_derp_client_info info;
	struct login *l = calloc(1, sizeof *l);

	if (l == NULL)
		return FL_ERR_NOMEM;
	c->login = l; /* freed with the client if all is not well */
	if (type != FL_DERP_CLIENT_INFO)
		return FL_ERR_PROTO;
	enum fl_err err = fl_derp_client_info_open(&c->s->cfg.key, body, &l->key, &info);
	if (err != FL_OK)
		return err;
	l->shared = info.shared;
	fl_wipe(&info, sizeof info);
	c->state = STATE_ADMIT;
	fl_wheel_start(&c->s->slow, &c->timer, now, now + admit_timeout);
	fl_derp_todo(c, TODO_ADMIT, true);
	return FL_OK;
}

/* ---- the byte stream ---- */

/*
 * Strangers share a part of the memory, and so does the unfinished input of those who are in:
 * what is relayed for others must not run out of it.
 */
static bool may_keep(struct fl_derp_client *c)
{
	const struct fl_derp_server *s = c->s;

	fl_derp_charge(c, fl_chunk_cost(c->kept));
	return c->state == STATE_ON
		       ? s->stats.input_memory <= s->cfg.memory_max / FL_DERP_INPUT_SHARE
		       : s->stats.login_memory <= s->cfg.memory_max / FL_DERP_LOGIN_SHARE;
}

/* What comes behind a frame that waits is kept with it. */
static enum fl_err keep(struct fl_derp_client *c, struct fl_slice rest, fl_time now)
{
	if (rest.len == 0)
		return FL_OK;
	bool first = c->kept == NULL;
	if (!fl_chunk_grow(&c->s->pool, &c->kept, rest.len) || !may_keep(c))
		return FL_ERR_FULL;
	if (first)
		c->kept->since = now;
	fl_chunk_put(c->kept, rest.ptr, rest.len);
	return FL_OK;
}

/* Completes what is kept to `want` bytes from `in`. */
static enum fl_err top_up(struct fl_derp_client *c, size_t want, struct fl_slice *in, fl_time now)
{
	size_t have = fl_chunk_slice(c->kept).len;
	size_t n = have < want ? want - have : 0;
	if (n > in->len)
		n = in->len;

	enum fl_err err = keep(c, fl_slice_of(in->ptr, n), now);
	if (err == FL_OK)
		*in = fl_slice_skip(*in, n);
	return err;
}

static struct fl_slice pending(const struct fl_derp_client *c, struct fl_slice in)
{
	return c->kept != NULL ? fl_chunk_slice(c->kept) : in;
}

static void consume(struct fl_derp_client *c, size_t n, struct fl_slice *in)
{
	if (c->kept == NULL) {
		*in = fl_slice_skip(*in, n);
		return;
	}
	c->kept->head += (uint32_t)n;
	if (c->kept->head == c->kept->tail) {
		fl_chunk_free(&c->s->pool, c->kept);
		c->kept = NULL;
		fl_derp_charge(c, 0);
	}
}

/* Handles one frame. FL_MORE: its rest has not arrived. FL_AGAIN: it has to wait. */
static enum fl_err step(struct fl_derp_client *c, fl_time now, struct fl_slice *in)
{
	uint32_t max = c->state == STATE_ON ? FL_DERP_BODY_MAX : FL_DERP_LOGIN_MAX;
	enum fl_err err = FL_OK;
	uint32_t len;
	uint8_t type;

	if (c->state == STATE_ADMIT)
		return FL_AGAIN;
	if (c->kept != NULL)
		err = top_up(c, FL_DERP_HEADER_LEN, in, now);
	if (err == FL_OK)
		err = fl_derp_peek(pending(c, *in), max, &type, &len);
	if (err != FL_OK)
		return err;
	if (!pay(c, now, len))
		return FL_AGAIN;
	if (!c->paid && c->kept != NULL)
		c->kept->since = now; /* what stood before it is done, and the wait was ours */
	c->paid = true;
	if (c->kept != NULL)
		err = top_up(c, FL_DERP_HEADER_LEN + (size_t)len, in, now);
	if (err != FL_OK)
		return err;

	struct fl_slice frame = pending(c, *in);
	if (frame.len - FL_DERP_HEADER_LEN < len)
		return FL_MORE;
	struct fl_slice body = fl_slice_of(frame.ptr + FL_DERP_HEADER_LEN, len);
	err = c->state == STATE_ON ? on_frame(c, type, body, now) : on_login(c, type, body, now);
	if (err == FL_OK) {
		c->paid = false;
		consume(c, FL_DERP_HEADER_LEN + (size_t)len, in);
	}
	return err;
}

enum fl_err fl_derp_client_input(struct fl_derp_client *c, fl_time now, struct fl_slice in,
				 size_t *out_used)
{
	struct fl_slice rest = in;
	enum fl_err err = FL_OK;

	if (in.len > FL_DERP_INPUT_MAX)
		return FL_ERR_TOO_BIG;
	while (err == FL_OK) {
		if (!fl_list_empty(&c->s->urgent)) {
			*out_used = in.len - rest.len;
			return FL_MORE;
		}
		err = step(c, now, &rest);
	}
	if (err != FL_MORE && err != FL_AGAIN)
		return err;
	enum fl_err kept = keep(c, rest, now);
	if (kept != FL_OK)
		return kept;
	*out_used = in.len;
	return err == FL_MORE ? FL_OK : FL_AGAIN;
}
