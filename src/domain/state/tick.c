/* SPDX-License-Identifier: BSD-3-Clause */
/* domain/state/tick.c - savepoints, the undo log, dirty rows and changes of one tick. */
#include "domain/state/inner.h"

#include <assert.h>
#include <stdlib.h>

enum { FIRST_CAP = 16 };

void *fl_state_grow(void *at, size_t *cap, size_t len, size_t size)
{
	if (len < *cap)
		return at;
	size_t more = *cap > 0 ? *cap * 2 : FIRST_CAP;
	if (more > SIZE_MAX / size)
		return NULL;
	void *moved = realloc(at, more * size);
	if (moved != NULL)
		*cap = more;
	return moved;
}

struct fl_savepoint fl_state_begin(const struct fl_state *s)
{
	struct fl_savepoint sp = {
		.undo = s->undo_len,
		.dirty = s->dirty_len,
		.changes = s->changes_len,
		.taken = s->taken_len,
		.freed = s->freed_len,
	};
	for (int kind = 0; kind < FL_RECORD_KINDS; kind++)
		sp.last_id[kind] = s->table[kind].last_id;
	for (int i = 0; i < 2; i++)
		if (s->ipam[i] != NULL)
			sp.cursor[i] = fl_ipam_tell(s->ipam[i]);
	return sp;
}

static void undo_last(struct fl_state *s)
{
	struct fl_undo *u = &s->undo[--s->undo_len];
	void *now = u->slot->rec;

	enum fl_err err = fl_table_set(s, u->kind, u->id, u->slot, now, u->old);
	assert(err == FL_OK);
	(void)err;
	fl_record_unref(u->kind, now);
	if (u->old == NULL)
		free(u->slot);
}

static void forget_dirty(struct fl_state *s, size_t keep)
{
	while (s->dirty_len > keep) {
		struct fl_dirty d = s->dirty[--s->dirty_len];
		uint64_t key[2] = { d.kind, d.id };
		fl_map_take(&s->dirty_set, key);
	}
}

void fl_state_undo(struct fl_state *s, const struct fl_savepoint *to)
{
	while (s->undo_len > to->undo)
		undo_last(s);
	forget_dirty(s, to->dirty);
	s->changes_len = to->changes;

	s->freed_len = to->freed;
	while (s->taken_len > to->taken)
		fl_state_release_address(s, &s->taken[--s->taken_len]);
	for (int i = 0; i < 2; i++)
		if (s->ipam[i] != NULL)
			fl_ipam_seek(s->ipam[i], &to->cursor[i]);
	for (int kind = 0; kind < FL_RECORD_KINDS; kind++)
		s->table[kind].last_id = to->last_id[kind];
}

enum fl_err fl_state_end(struct fl_state *s, const struct fl_savepoint *sp, enum fl_err err)
{
	if (err != FL_OK)
		fl_state_undo(s, sp);
	return err;
}

/* Entries of the set are places in the list, from 1: the list may move. */
static void *place(size_t i)
{
	return (void *)(uintptr_t)(i + 1);
}

static enum fl_err mark_dirty(struct fl_state *s, enum fl_record_kind kind, uint64_t id, bool moved)
{
	uint64_t key[2] = { kind, id };
	uintptr_t known = (uintptr_t)fl_map_find(&s->dirty_set, key);
	if (known != 0) {
		s->dirty[known - 1].moved |= moved;
		return FL_OK;
	}

	struct fl_dirty *at = fl_state_grow(s->dirty, &s->dirty_cap, s->dirty_len, sizeof *at);
	if (at == NULL)
		return FL_ERR_NOMEM;
	s->dirty = at;
	enum fl_err err = fl_map_put(&s->dirty_set, key, place(s->dirty_len));
	if (err == FL_OK)
		at[s->dirty_len++] = (struct fl_dirty){ .kind = kind, .id = id, .moved = moved };
	return err;
}

/* Would the row keep its place in every unique index of the store, and how it was enrolled? */
static bool keeps_place(enum fl_record_kind kind, const void *old, const void *rec)
{
	const struct fl_node *a = old, *b = rec;

	if (kind != FL_RECORD_NODE || a == NULL || b == NULL)
		return false;
	return fl_machine_key_eq(&a->machine, &b->machine) && fl_node_key_eq(&a->key, &b->key) &&
	       a->user == b->user && fl_ip_eq(&a->ip4, &b->ip4) && fl_ip_eq(&a->ip6, &b->ip6) &&
	       strcmp(a->given_name, b->given_name) == 0 && a->method == b->method &&
	       a->auth_key == b->auth_key;
}

static enum fl_err put(struct fl_state *s, enum fl_record_kind kind, uint64_t id,
		       struct fl_slot *slot, void *rec)
{
	struct fl_undo *at = fl_state_grow(s->undo, &s->undo_cap, s->undo_len, sizeof *at);
	if (at == NULL)
		return FL_ERR_NOMEM;
	s->undo = at;
	void *old = slot->rec;
	enum fl_err err = mark_dirty(s, kind, id, !keeps_place(kind, old, rec));
	if (err != FL_OK)
		return err;

	err = fl_table_set(s, kind, id, slot, old, rec);
	if (err == FL_OK)
		at[s->undo_len++] = (struct fl_undo){
			.kind = kind, .deleted = rec == NULL, .id = id, .slot = slot, .old = old
		};
	return err;
}

enum fl_err fl_state_put(struct fl_state *s, enum fl_record_kind kind, uint64_t id, void *rec)
{
	struct fl_slot *slot = fl_table_find(s, kind, id), *fresh = NULL;

	if (slot == NULL) {
		if (rec == NULL)
			return FL_ERR_NOT_FOUND;
		slot = fresh = calloc(1, sizeof *slot);
	}
	enum fl_err err = slot != NULL ? put(s, kind, id, slot, rec) : FL_ERR_NOMEM;
	if (err != FL_OK) {
		fl_record_unref(kind, rec);
		free(fresh);
	}
	return err;
}

enum fl_err fl_state_note(struct fl_state *s, enum fl_change_kind kind, uint64_t id,
			  uint32_t fields, uint64_t origin)
{
	struct fl_change *at =
		fl_state_grow(s->changes, &s->changes_cap, s->changes_len, sizeof *at);
	if (at == NULL)
		return FL_ERR_NOMEM;
	s->changes = at;
	at[s->changes_len++] =
		(struct fl_change){ .kind = kind, .id = id, .fields = fields, .origin = origin };
	return FL_OK;
}

size_t fl_state_dirty(const struct fl_state *s, const struct fl_dirty **out)
{
	*out = s->dirty;
	return s->dirty_len;
}

uint64_t fl_state_counter(const struct fl_state *s, enum fl_record_kind kind)
{
	return s->table[kind].last_id;
}

size_t fl_state_changes(const struct fl_state *s, const struct fl_change **out)
{
	*out = s->changes;
	return s->changes_len;
}

const struct fl_node_key *fl_state_retired_key(const struct fl_state *s, size_t *at)
{
	while (*at < s->undo_len) {
		const struct fl_undo *u = &s->undo[(*at)++];
		const struct fl_node *old = u->old;
		if (u->kind == FL_RECORD_NODE && old != NULL &&
		    fl_state_node_by_key(s, &old->key) == NULL)
			return &old->key;
	}
	return NULL;
}

void fl_state_committed(struct fl_state *s)
{
	for (size_t i = 0; i < s->undo_len; i++) {
		fl_record_unref(s->undo[i].kind, s->undo[i].old);
		if (s->undo[i].deleted)
			free(s->undo[i].slot);
	}
	s->undo_len = 0;
	forget_dirty(s, 0);
	s->changes_len = 0;
	for (size_t i = 0; i < s->freed_len; i++)
		fl_state_release_address(s, &s->freed[i]);
	s->freed_len = s->taken_len = 0;
	fl_groups_sweep(s);
	s->start = fl_state_begin(s);
}

void fl_state_rollback(struct fl_state *s)
{
	fl_state_undo(s, &s->start);
	fl_groups_sweep(s);
}
