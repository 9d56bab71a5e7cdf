/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * base/map.c - linear probing over one array of slots.
 *
 * A slot is the full hash, the value (NULL: free) and the key, copied in or, for string keys, a
 * pointer. The stored hash makes a mismatch cost one comparison and lets the table grow and
 * close gaps without hashing again. A removal moves later entries of the chain back, so there
 * are no tombstones and a table with churn does not slow down.
 */
#include "base/map.h"

#include "base/sip.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
	KEY_MAX = 64,
	FIRST_CAP = 8, /* a power of two, as every capacity */
};

struct slot {
	uint64_t hash;
	void *value;
	uint8_t key[]; /* key_len bytes, or a const char * */
};

static uint64_t hash_key(const struct fl_map *m, const void *key)
{
	return fl_sip_hash(m->seed, key, m->key_len > 0 ? m->key_len : strlen(key));
}

static size_t stride(const struct fl_map *m)
{
	size_t size = sizeof(struct slot) + (m->key_len > 0 ? m->key_len : sizeof(char *));
	return (size + _Alignof(struct slot) - 1) & ~(_Alignof(struct slot) - 1);
}

static struct slot *slot_at(const struct fl_map *m, size_t i)
{
	return (struct slot *)(void *)(m->slots + i * stride(m));
}

static bool holds(const struct fl_map *m, const struct slot *s, uint64_t hash, const void *key)
{
	if (s->hash != hash)
		return false;
	if (m->key_len > 0)
		return memcmp(s->key, key, m->key_len) == 0;
	const char *str;
	memcpy(&str, s->key, sizeof str);
	return strcmp(str, key) == 0;
}

/* Where `key` is, or the free slot where it would go. The table always has a free slot. */
static size_t probe(const struct fl_map *m, uint64_t hash, const void *key)
{
	size_t mask = m->cap - 1;
	size_t i = (size_t)hash & mask;

	for (;; i = (i + 1) & mask) {
		const struct slot *s = slot_at(m, i);
		if (s->value == NULL || holds(m, s, hash, key))
			return i;
	}
}

static struct slot *find_slot(const struct fl_map *m, const void *key)
{
	if (m->len == 0)
		return NULL;
	struct slot *s = slot_at(m, probe(m, hash_key(m, key), key));
	return s->value != NULL ? s : NULL;
}

static void rehash_into(const struct fl_map *from, struct fl_map *to)
{
	for (size_t i = 0; i < from->cap; i++) {
		const struct slot *s = slot_at(from, i);
		if (s->value == NULL)
			continue;
		size_t at = (size_t)s->hash & (to->cap - 1);
		while (slot_at(to, at)->value != NULL)
			at = (at + 1) & (to->cap - 1);
		memcpy(slot_at(to, at), s, stride(to));
	}
}

static enum fl_err grow(struct fl_map *m)
{
	struct fl_map bigger = *m;

	if (m->cap > SIZE_MAX / 2)
		return FL_ERR_NOMEM;
	bigger.cap = m->cap > 0 ? m->cap * 2 : FIRST_CAP;
	bigger.slots = calloc(bigger.cap, stride(m));
	if (bigger.slots == NULL)
		return FL_ERR_NOMEM;

	rehash_into(m, &bigger);
	free(m->slots);
	*m = bigger;
	return FL_OK;
}

void fl_map_init(struct fl_map *m, size_t key_len, const uint8_t seed[16])
{
	assert(key_len <= KEY_MAX);
	*m = (struct fl_map){ .key_len = key_len };
	fl_sip_seed(m->seed, seed);
}

void fl_map_done(struct fl_map *m)
{
	free(m->slots);
	*m = (struct fl_map){ .key_len = m->key_len, .seed = { m->seed[0], m->seed[1] } };
}

void *fl_map_find(const struct fl_map *m, const void *key)
{
	const struct slot *s = find_slot(m, key);
	return s != NULL ? s->value : NULL;
}

static void fill(const struct fl_map *m, struct slot *s, uint64_t hash, const void *key,
		 void *value)
{
	s->hash = hash;
	s->value = value;
	if (m->key_len > 0)
		memcpy(s->key, key, m->key_len);
	else /* also on replacement: the old key may die with its value */
		memcpy(s->key, &key, sizeof key);
}

enum fl_err fl_map_put(struct fl_map *m, const void *key, void *value)
{
	if (value == NULL)
		return FL_ERR_ARG;

	uint64_t hash = hash_key(m, key);
	if (m->cap > 0) {
		struct slot *s = slot_at(m, probe(m, hash, key));
		if (s->value != NULL) {
			fill(m, s, hash, key, value);
			return FL_OK;
		}
	}
	if (m->len >= m->cap / 4 * 3) {
		enum fl_err err = grow(m);
		if (err != FL_OK)
			return err;
	}
	fill(m, slot_at(m, probe(m, hash, key)), hash, key, value);
	m->len++;
	return FL_OK;
}

/* Moves back each later entry of the chain that may stand in the gap at `gap`. */
static void close_gap(struct fl_map *m, size_t gap)
{
	size_t mask = m->cap - 1;

	for (size_t i = (gap + 1) & mask; slot_at(m, i)->value != NULL; i = (i + 1) & mask) {
		size_t home = (size_t)slot_at(m, i)->hash & mask;
		if (((i - home) & mask) < ((i - gap) & mask))
			continue; /* its home lies behind the gap */
		memcpy(slot_at(m, gap), slot_at(m, i), stride(m));
		gap = i;
	}
	memset(slot_at(m, gap), 0, stride(m));
}

void *fl_map_take(struct fl_map *m, const void *key)
{
	struct slot *s = find_slot(m, key);
	if (s == NULL)
		return NULL;

	void *value = s->value;
	close_gap(m, (size_t)((uint8_t *)s - m->slots) / stride(m));
	m->len--;
	return value;
}

void *fl_map_next(const struct fl_map *m, size_t *at)
{
	while (*at < m->cap) {
		const struct slot *s = slot_at(m, (*at)++);
		if (s->value != NULL)
			return s->value;
	}
	return NULL;
}
