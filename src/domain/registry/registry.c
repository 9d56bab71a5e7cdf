/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/registry/registry.c - one record a key, with the connections themselves as the count.
 *
 * There is no number beside the list that could disagree with it, and a connection knows its
 * record: so removing twice, or after a replacement, finds nothing to remove.
 */
#include "domain/registry/registry.h"

#include <stdlib.h>
#include <string.h>

#include "base/map.h"

struct fl_registry_key {
	struct fl_list conns; /* oldest first */
	struct fl_list idle;  /* in the registry's list while it has none */
	size_t live, open;
	fl_time gone; /* since when it has none; meaningless while it has */
	uint8_t name[];
};

struct fl_registry {
	struct fl_map keys;
	struct fl_list idle; /* offline records, longest first */
	size_t key_len, conns_max;
	size_t online;
	uint64_t last_gen; /* one for all keys, so it rises for each, forgotten or not */
	bool closed;
};

enum fl_err fl_registry_new(size_t key_len, size_t conns_max, const uint8_t seed[16],
			    struct fl_registry **out)
{
	struct fl_registry *r = calloc(1, sizeof *r);
	if (r == NULL)
		return FL_ERR_NOMEM;
	r->key_len = key_len;
	r->conns_max = conns_max;
	fl_list_init(&r->idle);
	fl_map_init(&r->keys, key_len, seed);
	*out = r;
	return FL_OK;
}

static void detach(struct fl_conn *c)
{
	fl_list_del(&c->link);
	c->key = NULL;
}

/* Takes all connections of a key out; `out` NULL: nobody closes them any more. */
static void detach_all(struct fl_registry *r, struct fl_registry_key *k, struct fl_list *out)
{
	if (k->live > 0)
		r->online--;
	k->live = k->open = 0;
	for (struct fl_list *l; (l = fl_list_pop(&k->conns)) != NULL;) {
		fl_list_entry(l, struct fl_conn, link)->key = NULL;
		if (out != NULL)
			fl_list_push(out, l);
	}
}

struct fl_registry *fl_registry_free(struct fl_registry *r)
{
	if (r == NULL)
		return NULL;
	size_t at = 0;
	for (struct fl_registry_key *k; (k = fl_map_next(&r->keys, &at)) != NULL;) {
		detach_all(r, k, NULL);
		free(k);
	}
	fl_map_done(&r->keys);
	free(r);
	return NULL;
}

static struct fl_registry_key *find(const struct fl_registry *r, const void *key)
{
	return fl_map_find(&r->keys, key);
}

static struct fl_registry_key *find_or_add(struct fl_registry *r, const void *key)
{
	struct fl_registry_key *k = find(r, key);
	if (k != NULL)
		return k;
	k = calloc(1, sizeof *k + r->key_len);
	if (k == NULL)
		return NULL;
	fl_list_init(&k->conns);
	fl_list_init(&k->idle);
	memcpy(k->name, key, r->key_len);
	if (fl_map_put(&r->keys, key, k) != FL_OK) {
		free(k);
		return NULL;
	}
	return k;
}

static void attach(struct fl_registry *r, struct fl_registry_key *k, struct fl_conn *c)
{
	if (k->live++ == 0) {
		fl_list_del(&k->idle);
		r->online++;
	}
	k->open++;
	c->key = k;
	c->gen = ++r->last_gen;
	c->leaving = false;
	fl_list_push(&k->conns, &c->link);
}

enum fl_err fl_registry_enter(struct fl_registry *r, const void *key, struct fl_conn *c,
			      bool *out_first)
{
	if (r->closed)
		return FL_ERR_CLOSED;
	struct fl_registry_key *k = find_or_add(r, key);
	if (k == NULL)
		return FL_ERR_NOMEM;
	if (k->live >= r->conns_max)
		return FL_ERR_FULL;
	*out_first = k->live == 0;
	attach(r, k, c);
	return FL_OK;
}

enum fl_err fl_registry_swap(struct fl_registry *r, const void *key, struct fl_conn *c,
			     struct fl_list *old, bool *out_first)
{
	if (r->closed)
		return FL_ERR_CLOSED;
	struct fl_registry_key *k = find_or_add(r, key);
	if (k == NULL)
		return FL_ERR_NOMEM;
	*out_first = k->live == 0;
	detach_all(r, k, old);
	attach(r, k, c);
	return FL_OK;
}

bool fl_registry_leave(struct fl_conn *c)
{
	if (c->key == NULL || c->leaving)
		return false;
	c->leaving = true;
	return --c->key->open == 0;
}

enum fl_conn_end fl_registry_remove(struct fl_registry *r, struct fl_conn *c, fl_time now)
{
	struct fl_registry_key *k = c->key;

	if (k == NULL)
		return FL_CONN_STALE;
	k->open -= !c->leaving;
	detach(c);
	if (--k->live > 0)
		return FL_CONN_OTHERS;
	k->gone = now;
	fl_list_push(&r->idle, &k->idle);
	r->online--;
	return FL_CONN_LAST;
}

void fl_registry_forget(struct fl_registry *r, const void *key, struct fl_list *out)
{
	struct fl_registry_key *k = fl_map_take(&r->keys, key);

	if (k == NULL)
		return;
	detach_all(r, k, out);
	fl_list_del(&k->idle);
	free(k);
}

/* ---- questions ---- */

struct fl_conn *fl_registry_current(const struct fl_registry *r, const void *key)
{
	const struct fl_registry_key *k = find(r, key);

	if (k == NULL)
		return NULL;
	for (struct fl_list *l = k->conns.prev; l != &k->conns; l = l->prev) {
		struct fl_conn *c = fl_list_entry(l, struct fl_conn, link);
		if (!c->leaving)
			return c;
	}
	return NULL;
}

struct fl_conn *fl_registry_find(const struct fl_registry *r, const void *key, uint64_t gen)
{
	struct fl_registry_key *k = find(r, key);

	if (k == NULL)
		return NULL;
	fl_list_each(it, &k->conns)
	{
		struct fl_conn *c = fl_list_entry(it, struct fl_conn, link);
		if (c->gen == gen)
			return c->leaving ? NULL : c;
	}
	return NULL;
}

size_t fl_registry_live(const struct fl_registry *r, const void *key)
{
	const struct fl_registry_key *k = find(r, key);
	return k != NULL ? k->live : 0;
}

size_t fl_registry_open(const struct fl_registry *r, const void *key)
{
	const struct fl_registry_key *k = find(r, key);
	return k != NULL ? k->open : 0;
}

bool fl_registry_gone_since(const struct fl_registry *r, const void *key, fl_time *out)
{
	const struct fl_registry_key *k = find(r, key);

	if (k == NULL || k->live > 0)
		return false;
	*out = k->gone;
	return true;
}

struct fl_list *fl_registry_conns(const struct fl_registry *r, const void *key)
{
	struct fl_registry_key *k = find(r, key);
	return k != NULL && k->live > 0 ? &k->conns : NULL;
}

size_t fl_registry_online(const struct fl_registry *r)
{
	return r->online;
}

size_t fl_registry_keys(const struct fl_registry *r)
{
	return r->keys.len;
}

/* ---- upkeep ---- */

size_t fl_registry_sweep(struct fl_registry *r, fl_time now, int64_t idle)
{
	size_t dropped = 0;

	fl_list_each(it, &r->idle)
	{
		struct fl_registry_key *k = fl_list_entry(it, struct fl_registry_key, idle);
		if (now - k->gone < idle)
			break;
		fl_list_del(&k->idle);
		fl_map_take(&r->keys, k->name);
		free(k);
		dropped++;
	}
	return dropped;
}

void fl_registry_close(struct fl_registry *r)
{
	r->closed = true;
}
