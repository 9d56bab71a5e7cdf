/* SPDX-License-Identifier: BSD-3-Clause */
/* proto/derp/server.c - life of the server and its clients, effects, timers. */
#include "proto/derp/server_impl.h"

#include <assert.h>
#include <stdlib.h>

enum {
	DEFAULT_QUEUE_PACKETS = 512,
	DEFAULT_QUEUE_BYTES = 256 << 10,
	DEFAULT_DISCO_PACKETS = 32,
	DEFAULT_MEMORY = 256 << 20,
};

static const int64_t default_keep_alive = 60 * FL_SEC;
static const int64_t default_jitter = 5 * FL_SEC;
static const int64_t default_login = 10 * FL_SEC;
static const int64_t frame_timeout = FL_DERP_FRAME_TIMEOUT_S * FL_SEC;

/* ---- effects ---- */

static void line_up(struct fl_derp_client *c, bool urgent)
{
	if (urgent && !c->urgent)
		fl_list_del(&c->ready); /* moves to the other list */
	if (fl_list_linked(&c->ready))
		return;
	c->urgent = urgent;
	fl_list_push(urgent ? &c->s->urgent : &c->s->dirty, &c->ready);
}

void fl_derp_todo(struct fl_derp_client *c, uint8_t what, bool urgent)
{
	if (c->state == STATE_CLOSING)
		return;
	c->todo |= what;
	if (c->todo == TODO_FLUSH && c->blocked)
		return;
	line_up(c, urgent);
}

void fl_derp_want(struct fl_derp_client *c, uint8_t what)
{
	c->want |= what;
	fl_derp_todo(c, TODO_FLUSH, false);
}

void fl_derp_close(struct fl_derp_client *c, enum fl_err reason)
{
	if (c->state == STATE_CLOSING)
		return;
	c->reason = reason;
	fl_derp_todo(c, TODO_CLOSE, true);
}

static bool take_effect(struct fl_derp_client *c, bool all, struct fl_derp_effect *out)
{
	*out = (struct fl_derp_effect){ .client = c, .ctx = c->ctx, .reason = c->reason };
	if (c->todo & TODO_CLOSE) {
		out->kind = FL_DERP_CLOSE;
		c->todo = 0;
		c->state = STATE_CLOSING;
		return true;
	}
	if (c->todo & TODO_ADMIT) {
		out->kind = FL_DERP_ADMIT;
		c->todo &= (uint8_t)~TODO_ADMIT;
		return true;
	}
	if (c->todo & TODO_RESUME && all) {
		out->kind = FL_DERP_RESUME;
		c->todo &= (uint8_t)~TODO_RESUME;
		return true;
	}
	if (!(c->todo & TODO_FLUSH) || c->blocked)
		return false;
	out->kind = FL_DERP_FLUSH;
	c->todo &= (uint8_t)~TODO_FLUSH;
	return true;
}

bool fl_derp_server_next(struct fl_derp_server *s, bool all, struct fl_derp_effect *out)
{
	for (;;) {
		struct fl_list *l = fl_list_pop(&s->urgent);
		if (l == NULL && all)
			l = fl_list_pop(&s->dirty);
		if (l == NULL)
			return false;

		struct fl_derp_client *c = fl_list_entry(l, struct fl_derp_client, ready);
		c->urgent = false;
		bool found = take_effect(c, all, out);
		if (c->todo & (uint8_t)~TODO_FLUSH || (c->todo && !c->blocked))
			line_up(c, false);
		if (found)
			return true;
	}
}

void fl_derp_drop(struct fl_derp_server *s, enum fl_derp_drop why, unsigned kind, size_t bytes)
{
	s->stats.drop[why].packets[kind]++;
	s->stats.drop[why].bytes[kind] += bytes;
}

/* ---- the server ---- */

static void fill_defaults(struct fl_derp_config *cfg)
{
	if (cfg->queue_packets == 0)
		cfg->queue_packets = DEFAULT_QUEUE_PACKETS;
	if (cfg->queue_bytes == 0)
		cfg->queue_bytes = DEFAULT_QUEUE_BYTES;
	if (cfg->disco_packets == 0)
		cfg->disco_packets = DEFAULT_DISCO_PACKETS;
	if (cfg->memory_max == 0)
		cfg->memory_max = DEFAULT_MEMORY;
	if (cfg->keep_alive == 0)
		cfg->keep_alive = default_keep_alive;
	if (cfg->keep_alive_jitter == 0)
		cfg->keep_alive_jitter = default_jitter;
	if (cfg->login_timeout == 0)
		cfg->login_timeout = default_login;
}

enum fl_err fl_derp_server_new(const struct fl_derp_config *cfg, struct fl_derp_server **out)
{
	struct fl_derp_server *s = calloc(1, sizeof *s);
	if (s == NULL)
		return FL_ERR_NOMEM;

	s->cfg = *cfg;
	fill_defaults(&s->cfg);
	s->pool.max = s->cfg.memory_max;
	fl_private_key_public(&s->cfg.key, s->public);
	fl_map_init(&s->peers, FL_KEY_LEN, cfg->hash_seed);
	fl_map_init(&s->watches, 2 * sizeof(void *), cfg->hash_seed);
	fl_list_init(&s->urgent);
	fl_list_init(&s->dirty);
	fl_list_init(&s->all);
	fl_wheel_init(&s->slow, FL_SEC);
	fl_wheel_init(&s->fast, 5 * FL_MS);
	fl_rng_init(&s->rng, cfg->rng_seed);
	fl_derp_server_rate(s, cfg->rate_bytes, cfg->rate_burst);
	*out = s;
	return FL_OK;
}

struct fl_derp_server *fl_derp_server_free(struct fl_derp_server *s)
{
	if (s == NULL)
		return NULL;
	assert(fl_list_empty(&s->all));
	fl_chunk_free(&s->pool, s->lent);
	fl_chunk_pool_done(&s->pool);
	fl_map_done(&s->peers);
	fl_map_done(&s->watches);
	fl_wipe(&s->cfg.key, sizeof s->cfg.key);
	free(s);
	return NULL;
}

const uint8_t *fl_derp_server_public(const struct fl_derp_server *s)
{
	return s->public;
}

const struct fl_derp_stats *fl_derp_server_stats(struct fl_derp_server *s)
{
	s->stats.clients_local = s->peers.len;
	s->stats.watches = s->watches.len;
	s->stats.memory = s->pool.used;
	s->stats.memory_cache = s->pool.cached;
	return &s->stats;
}

void fl_derp_server_rate(struct fl_derp_server *s, uint64_t bytes, uint64_t burst)
{
	s->cfg.rate_bytes = bytes;
	s->cfg.rate_burst = burst > FL_DERP_RATE_BURST_MIN ? burst : FL_DERP_RATE_BURST_MIN;
	fl_list_each(l, &s->all)
	{ /* who waits is judged again */
		struct fl_derp_client *c = fl_list_entry(l, struct fl_derp_client, everyone);
		if (fl_list_linked(&c->wait.link)) {
			fl_wheel_stop(&c->wait);
			fl_derp_todo(c, TODO_RESUME, false);
		}
	}
}

void fl_derp_server_restarting(struct fl_derp_server *s, const struct fl_derp_restarting *r)
{
	s->restarting = *r;
	fl_list_each(l, &s->all)
	{
		struct fl_derp_client *c = fl_list_entry(l, struct fl_derp_client, everyone);
		if (c->state == STATE_ON)
			fl_derp_want(c, WANT_RESTARTING);
	}
}

size_t fl_derp_server_close_key(struct fl_derp_server *s, const struct fl_node_key *key)
{
	struct peer *p = fl_map_find(&s->peers, key->b);
	size_t n = 0;

	if (p == NULL)
		return 0;
	fl_list_each(l, &p->members)
	{
		fl_derp_close(fl_list_entry(l, struct fl_derp_client, member), FL_ERR_DENIED);
		n++;
	}
	return n;
}

/* A client that waits for its rate may keep what it sent meanwhile. */
static bool is_unfinished(const struct fl_derp_client *c, fl_time now)
{
	return c->kept != NULL && !fl_list_linked(&c->wait.link) &&
	       now - c->kept->since > frame_timeout;
}

/* Looking at the keep-alive only costs a frame that is never completed up to a minute more. */
static void timer_fired(struct fl_derp_server *s, struct fl_derp_client *c, fl_time now)
{
	if (c->state != STATE_ON || is_unfinished(c, now)) {
		fl_derp_close(c, FL_ERR_TIMEOUT);
		return;
	}
	int64_t jitter = (int64_t)fl_rng_below(&s->rng, (uint64_t)s->cfg.keep_alive_jitter);
	fl_wheel_start(&s->slow, &c->timer, now, now + s->cfg.keep_alive + jitter);
	fl_derp_want(c, WANT_KEEP_ALIVE);
}

void fl_derp_server_tick(struct fl_derp_server *s, fl_time now)
{
	struct fl_wheel_item *it;

	while ((it = fl_wheel_pop(&s->slow, now)) != NULL) {
		if (it->due > now)
			fl_wheel_start(&s->slow, it, now, it->due);
		else
			timer_fired(s, fl_list_entry(it, struct fl_derp_client, timer), now);
	}
	while ((it = fl_wheel_pop(&s->fast, now)) != NULL) {
		if (it->due > now)
			fl_wheel_start(&s->fast, it, now, it->due);
		else
			fl_derp_todo(fl_list_entry(it, struct fl_derp_client, wait), TODO_RESUME,
				     false);
	}
}

fl_time fl_derp_server_deadline(const struct fl_derp_server *s)
{
	fl_time slow = fl_wheel_deadline(&s->slow), fast = fl_wheel_deadline(&s->fast);
	return slow < fast ? slow : fast;
}

/* ---- clients ---- */

/* Sets what a client's input holds, in the account of logins until it is admitted. */
void fl_derp_charge(struct fl_derp_client *c, size_t bytes)
{
	struct fl_derp_stats *st = &c->s->stats;
	uint64_t *sum = c->peer != NULL ? &st->input_memory : &st->login_memory;

	*sum += bytes - c->charged;
	c->charged = (uint32_t)bytes;
}

enum fl_err fl_derp_client_new(struct fl_derp_server *s, fl_time now,
			       const struct fl_addrport *from, bool not_ideal, void *ctx,
			       struct fl_derp_client **out)
{
	struct fl_derp_client *c = calloc(1, sizeof *c);
	if (c == NULL)
		return FL_ERR_NOMEM;

	c->s = s;
	c->ctx = ctx;
	c->from = *from;
	c->not_ideal = not_ideal;
	fl_list_init(&c->member);
	fl_list_init(&c->ready);
	fl_list_init(&c->watches);
	fl_list_init(&c->unsaid);
	fl_list_init(&c->notes);
	fl_list_init(&c->timer.link);
	fl_list_init(&c->wait.link);
	fl_list_push(&s->all, &c->everyone);
	fl_wheel_start(&s->slow, &c->timer, now, now + s->cfg.login_timeout);
	s->stats.accepts++;
	s->stats.logins++;
	fl_derp_want(c, WANT_SERVER_KEY);
	*out = c;
	return FL_OK;
}

void fl_derp_login_free(struct fl_derp_client *c)
{
	if (c->login == NULL)
		return;
	fl_wipe(c->login, sizeof *c->login);
	free(c->login);
	c->login = NULL;
}

/* Registered: from here on the counters of connections include it. */
static void start(struct fl_derp_client *c, fl_time now)
{
	struct fl_derp_server *s = c->s;
	int64_t jitter = (int64_t)fl_rng_below(&s->rng, (uint64_t)s->cfg.keep_alive_jitter);

	c->state = STATE_ON;
	c->since = now;
	fl_derp_charge(c, fl_chunk_cost(c->kept));
	fl_wheel_start(&s->slow, &c->timer, now, now + s->cfg.keep_alive + jitter);
	s->stats.logins--;
	s->stats.connections++;
	s->stats.not_ideal_connections += c->not_ideal;
	c->want |= WANT_SERVER_INFO;
	fl_derp_todo(c, TODO_FLUSH, true);
	fl_derp_todo(c, TODO_RESUME, false);
}

void fl_derp_client_admit(struct fl_derp_client *c, fl_time now, bool allow)
{
	if (c->state != STATE_ADMIT)
		return;
	fl_derp_charge(c, 0); /* changes the account */
	enum fl_err err = allow ? fl_derp_join(c, &c->login->key) : FL_ERR_DENIED;
	if (err == FL_OK) {
		start(c, now);
		return;
	}
	c->s->stats.refused += err == FL_ERR_DENIED;
	c->state = STATE_LOGIN;
	fl_derp_close(c, err);
}

const struct fl_node_key *fl_derp_client_key(const struct fl_derp_client *c)
{
	if (c->state == STATE_ADMIT)
		return &c->login->key;
	return c->peer != NULL ? &c->peer->key : NULL;
}

static void free_notes(struct fl_derp_client *c)
{
	struct fl_list *l;

	while ((l = fl_list_pop(&c->notes)) != NULL)
		free(fl_list_entry(l, struct note, link));
	while ((l = fl_list_pop(&c->watches)) != NULL)
		fl_derp_watch_free(fl_list_entry(l, struct watch, of_receiver));
	while ((l = fl_list_pop(&c->unsaid)) != NULL) {
		struct watch *w = fl_list_entry(l, struct watch, of_receiver);
		fl_derp_peer_said(w->from);
		free(w);
	}
}

struct fl_derp_client *fl_derp_client_free(struct fl_derp_client *c)
{
	if (c == NULL)
		return NULL;
	struct fl_derp_server *s = c->s;

	fl_derp_charge(c, 0);
	if (c->peer != NULL) {
		s->stats.connections--;
		s->stats.not_ideal_connections -= c->not_ideal;
		s->stats.home_connections -= c->preferred;
		fl_derp_leave(c);
	} else {
		s->stats.logins--;
	}
	fl_derp_login_free(c);
	fl_list_del(&c->ready);
	fl_list_del(&c->everyone);
	fl_wheel_stop(&c->timer);
	fl_wheel_stop(&c->wait);
	free_notes(c);
	fl_derp_drain(c);
	fl_chunk_free(&s->pool, c->kept);
	free(c);
	return NULL;
}

void fl_derp_client_blocked(struct fl_derp_client *c, bool blocked)
{
	c->blocked = blocked;
	if (!blocked)
		fl_derp_todo(c, TODO_FLUSH, false);
}

/* ---- consistency ---- */

struct census {
	uint64_t on, logins, home, not_ideal, dup_conns, dup_keys;
};

static bool count_peer(const struct peer *p, struct census *n)
{
	uint64_t members = 0;
	bool active_is_member = p->active == NULL;

	fl_list_each(l, &p->members)
	{
		const struct fl_derp_client *c = fl_list_entry(l, struct fl_derp_client, member);
		members++;
		active_is_member = active_is_member || c == p->active;
		if (c->peer != p)
			return false;
	}
	n->on += members;
	n->dup_keys += members > 1;
	n->dup_conns += members > 1 ? members : 0;
	return members > 0 && members == p->count && active_is_member;
}

bool fl_derp_server_check(const struct fl_derp_server *s)
{
	const struct fl_derp_stats *st = &s->stats;
	struct census n = { 0 };
	size_t at = 0;

	for (const struct peer *p = fl_map_next(&s->peers, &at); p != NULL;
	     p = fl_map_next(&s->peers, &at)) {
		if (!count_peer(p, &n))
			return false;
	}
	fl_list_each(l, &s->all)
	{
		const struct fl_derp_client *c = fl_list_entry(l, struct fl_derp_client, everyone);
		n.logins += c->peer == NULL;
		n.home += c->preferred;
		n.not_ideal += c->peer != NULL && c->not_ideal;
	}
	return n.on == st->connections && n.logins == st->logins &&
	       n.home == st->home_connections && n.not_ideal == st->not_ideal_connections &&
	       n.dup_keys == st->dup_keys && n.dup_conns == st->dup_conns;
}
