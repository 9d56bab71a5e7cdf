/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/state/table.c - the records by id and all their indexes, kept in step by one function.
 *
 * A record's unique keys are listed by `keys_of`. Moving a slot from one record to another first
 * adds the new keys (which can fail, and is taken back), then removes those that are gone (which
 * cannot). Uniqueness is enforced here and nowhere else (INV-01).
 */
#include "domain/state/inner.h"

#include <stdlib.h>

enum { KEYS_MAX = 4, KEY_BYTES = 64 };

struct key {
	struct fl_map *map; /* NULL: no such key */
	const char *str;    /* for a map of string keys: borrowed from the record */
	uint8_t b[KEY_BYTES];
};

void *fl_record_unref(enum fl_record_kind kind, void *rec)
{
	switch (kind) {
	case FL_RECORD_USER:
		return fl_user_unref(rec);
	case FL_RECORD_PREAUTH:
		return fl_preauth_unref(rec);
	case FL_RECORD_APIKEY:
		return fl_apikey_unref(rec);
	case FL_RECORD_NODE:
		return fl_node_unref(rec);
	case FL_RECORD_REVISION:
		return fl_revision_unref(rec);
	case FL_RECORD_KINDS:
		break;
	}
	return NULL;
}

static uint64_t id_of(enum fl_record_kind kind, const void *rec)
{
	switch (kind) {
	case FL_RECORD_USER:
		return ((const struct fl_user *)rec)->id;
	case FL_RECORD_PREAUTH:
		return ((const struct fl_preauth *)rec)->id;
	case FL_RECORD_APIKEY:
		return ((const struct fl_apikey *)rec)->id;
	case FL_RECORD_NODE:
		return ((const struct fl_node *)rec)->id;
	case FL_RECORD_REVISION:
		return ((const struct fl_revision *)rec)->rev;
	case FL_RECORD_KINDS:
		break;
	}
	return 0;
}

static void fold(const char *name, uint8_t out[static KEY_BYTES])
{
	memset(out, 0, KEY_BYTES);
	for (size_t i = 0; i < KEY_BYTES - 1 && name[i] != '\0'; i++)
		out[i] = (uint8_t)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] | 0x20 : name[i]);
}

static void prefix_key(const char *prefix, uint8_t out[static KEY_BYTES])
{
	memset(out, 0, KEY_BYTES);
	memcpy(out, prefix, strnlen(prefix, FL_TOKEN_PREFIX_LEN));
}

static void keys_of_node(struct fl_state *s, const struct fl_node *n, struct key k[static KEYS_MAX])
{
	k[0].map = &s->by_node_key;
	memcpy(k[0].b, n->key.b, sizeof n->key.b);
	k[1].map = &s->by_given_name;
	fold(n->given_name, k[1].b);
	if (fl_ip_is_set(&n->ip4)) {
		k[2].map = &s->by_ip;
		memcpy(k[2].b, &n->ip4, sizeof n->ip4);
	}
	if (fl_ip_is_set(&n->ip6)) {
		k[3].map = &s->by_ip;
		memcpy(k[3].b, &n->ip6, sizeof n->ip6);
	}
}

/* The unique keys of a record, each kind of key at its own place; none of NULL. */
static void keys_of(struct fl_state *s, enum fl_record_kind kind, const void *rec,
		    struct key k[static KEYS_MAX])
{
	memset(k, 0, KEYS_MAX * sizeof *k);
	if (rec == NULL)
		return;
	switch (kind) {
	case FL_RECORD_USER:
		/* Names of users from an identity provider need not be unique (DM-2). */
		if (((const struct fl_user *)rec)->provider_id[0] == '\0') {
			k[0].map = &s->by_user_name;
			k[0].str = ((const struct fl_user *)rec)->name;
		}
		return;
	case FL_RECORD_PREAUTH:
		k[0].map = &s->by_preauth_prefix;
		prefix_key(((const struct fl_preauth *)rec)->prefix, k[0].b);
		return;
	case FL_RECORD_APIKEY:
		k[0].map = &s->by_apikey_prefix;
		prefix_key(((const struct fl_apikey *)rec)->prefix, k[0].b);
		return;
	case FL_RECORD_NODE:
		keys_of_node(s, rec, k);
		return;
	case FL_RECORD_REVISION:
	case FL_RECORD_KINDS:
		return;
	}
}

static const void *bytes_of(const struct key *k)
{
	return k->str != NULL ? (const void *)k->str : k->b;
}

static bool same_key(const struct key *a, const struct key *b)
{
	if (a->map == NULL || a->map != b->map)
		return false;
	if (a->str != NULL)
		return strcmp(a->str, b->str) == 0;
	return memcmp(a->b, b->b, a->map->key_len) == 0;
}

static enum fl_err add_key(const struct key *k, struct fl_slot *slot)
{
	if (fl_map_find(k->map, bytes_of(k)) != NULL)
		return FL_ERR_EXISTS;
	return fl_map_put(k->map, bytes_of(k), slot);
}

/* Adds what is in `b` and not in `a`; all or nothing. */
static enum fl_err add_keys(const struct key a[static KEYS_MAX],
			    const struct key b[static KEYS_MAX], struct fl_slot *slot)
{
	for (int i = 0; i < KEYS_MAX; i++) {
		if (b[i].map == NULL || same_key(&a[i], &b[i]))
			continue;
		enum fl_err err = add_key(&b[i], slot);
		if (err == FL_OK)
			continue;
		while (--i >= 0)
			if (b[i].map != NULL && !same_key(&a[i], &b[i]))
				fl_map_take(b[i].map, bytes_of(&b[i]));
		return err;
	}
	return FL_OK;
}

/* Removes what is in `a` and not in `b`, and lets string keys point into the record of `b`. */
static void drop_keys(const struct key a[static KEYS_MAX], const struct key b[static KEYS_MAX],
		      struct fl_slot *slot)
{
	for (int i = 0; i < KEYS_MAX; i++) {
		if (a[i].map == NULL)
			continue;
		if (!same_key(&a[i], &b[i]))
			fl_map_take(a[i].map, bytes_of(&a[i]));
		else if (b[i].str != NULL)
			(void)!fl_map_put(b[i].map, b[i].str, slot); /* replaces: cannot fail */
	}
}

static size_t position(const struct fl_table *t, enum fl_record_kind kind, uint64_t id)
{
	size_t lo = 0, hi = t->len;

	if (hi > 0 && id_of(kind, t->at[hi - 1]) < id) /* a new record goes to the end */
		return hi;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (id_of(kind, t->at[mid]) < id)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static enum fl_err insert(struct fl_table *t, enum fl_record_kind kind, uint64_t id,
			  struct fl_slot *slot, void *rec)
{
	void **at = fl_state_grow(t->at, &t->cap, t->len, sizeof *at);
	if (at == NULL)
		return FL_ERR_NOMEM;
	t->at = at;
	enum fl_err err = fl_map_put(&t->by_id, &id, slot);
	if (err != FL_OK)
		return err;

	size_t i = position(t, kind, id);
	memmove(at + i + 1, at + i, (t->len - i) * sizeof *at);
	at[i] = rec;
	t->len++;
	return FL_OK;
}

static void take_out(struct fl_table *t, enum fl_record_kind kind, uint64_t id)
{
	size_t i = position(t, kind, id);

	memmove(t->at + i, t->at + i + 1, (t->len - i - 1) * sizeof *t->at);
	t->len--;
	fl_map_take(&t->by_id, &id);
}

struct fl_slot *fl_table_find(const struct fl_state *s, enum fl_record_kind kind, uint64_t id)
{
	return fl_map_find(&s->table[kind].by_id, &id);
}

/* ---- groups: the nodes of a machine, which never changes; the nodes of a user ---- */

static enum fl_err join_user(struct fl_state *s, const struct fl_node *n)
{
	return n->user != 0 ? fl_group_join(s, &s->by_user, &n->user, n->id) : FL_OK;
}

static void leave_user(struct fl_state *s, const struct fl_node *n)
{
	if (n->user != 0)
		fl_group_leave(s, &s->by_user, &n->user, n->id);
}

static enum fl_err join_groups(struct fl_state *s, const struct fl_node *n)
{
	enum fl_err err = fl_group_join(s, &s->by_machine, n->machine.b, n->id);
	if (err != FL_OK)
		return err;
	err = join_user(s, n);
	if (err != FL_OK)
		fl_group_leave(s, &s->by_machine, n->machine.b, n->id);
	return err;
}

static void leave_groups(struct fl_state *s, const struct fl_node *n)
{
	fl_group_leave(s, &s->by_machine, n->machine.b, n->id);
	leave_user(s, n);
}

static bool has_other_user(enum fl_record_kind kind, const void *old, const void *rec)
{
	return kind == FL_RECORD_NODE &&
	       ((const struct fl_node *)old)->user != ((const struct fl_node *)rec)->user;
}

/* ---- records ---- */

static enum fl_err create(struct fl_state *s, enum fl_record_kind kind, uint64_t id,
			  struct fl_slot *slot, void *rec)
{
	enum fl_err err = insert(&s->table[kind], kind, id, slot, rec);
	if (err != FL_OK || kind != FL_RECORD_NODE)
		return err;
	err = join_groups(s, rec);
	if (err != FL_OK)
		take_out(&s->table[kind], kind, id);
	return err;
}

static void destroy(struct fl_state *s, enum fl_record_kind kind, uint64_t id, const void *old)
{
	take_out(&s->table[kind], kind, id);
	if (kind == FL_RECORD_NODE)
		leave_groups(s, old);
}

/* What may fail of it comes before anything else changes. */
static enum fl_err prepare(struct fl_state *s, enum fl_record_kind kind, uint64_t id,
			   struct fl_slot *slot, const void *old, void *rec)
{
	if (old == NULL)
		return create(s, kind, id, slot, rec);
	return rec != NULL && has_other_user(kind, old, rec) ? join_user(s, rec) : FL_OK;
}

static void replace(struct fl_state *s, enum fl_record_kind kind, uint64_t id, const void *old,
		    void *rec)
{
	struct fl_table *t = &s->table[kind];

	t->at[position(t, kind, id)] = rec;
	if (has_other_user(kind, old, rec))
		leave_user(s, old);
}

enum fl_err fl_table_set(struct fl_state *s, enum fl_record_kind kind, uint64_t id,
			 struct fl_slot *slot, void *old, void *rec)
{
	struct key before[KEYS_MAX], after[KEYS_MAX];

	keys_of(s, kind, old, before);
	keys_of(s, kind, rec, after);
	enum fl_err err = add_keys(before, after, slot);
	if (err != FL_OK)
		return err;
	err = prepare(s, kind, id, slot, old, rec);
	if (err != FL_OK) {
		drop_keys(after, before, slot);
		return err;
	}
	drop_keys(before, after, slot);
	if (rec == NULL)
		destroy(s, kind, id, old);
	else if (old != NULL)
		replace(s, kind, id, old, rec);
	slot->rec = rec;
	return FL_OK;
}
