/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/policy/diff_pairs.c - the pairs of things between which other traffic passes than before.
 *
 * Destinations to which the same units lead are one group. Only sources of units that lead there in
 * one snapshot and not in the other can differ; of these, those that the same units of the group
 * hold differ alike. What is left is put together twice: sources of equal changes, then
 * destinations.
 */
#include "domain/policy/diff_parts.h"

#include <stdlib.h>

enum { BETWEEN = UINT32_MAX, PORTS_MAX = 64 << 10, CLASSES_MAX = 64 };

/* Destinations alike. */
struct group {
	uint64_t *dst;
	const struct fl_unit_list *units[FL_SIDES];
};

struct pairer {
	struct fl_differ *d;
	const struct fl_units *u;
	struct fl_diff_pairs *out;
	struct fl_intern groups_seen;
	struct group *groups;
	size_t groups_cap;
	uint32_t *key; /* lists of units, to be interned */
	size_t key_cap, key_len;
};

void fl_diff_pairs_done(struct fl_diff_pairs *p)
{
	free(p->at);
	fl_intern_done(&p->seen);
	*p = (struct fl_diff_pairs){ 0 };
}

static uint64_t *new_bits(struct pairer *w)
{
	return fl_arena_array(&w->d->scratch, w->d->words, sizeof(uint64_t));
}

/* ---- keys ---- */

static bool key_add(struct pairer *w, uint32_t v)
{
	if (w->key_len == w->key_cap) {
		size_t cap = w->key_cap > 0 ? w->key_cap * 2 : 64;
		uint32_t *key = realloc(w->key, cap * sizeof *key);
		if (key == NULL)
			return false;
		w->key = key;
		w->key_cap = cap;
	}
	w->key[w->key_len++] = v;
	return true;
}

/* The units of a list, of `src` those that hold it. */
static bool key_units(struct pairer *w, const struct fl_unit_list *l, uint32_t src)
{
	for (uint32_t i = 0; i < l->len; i++) {
		if (src != BETWEEN && !fl_bit(w->u->at[l->at[i]].src, src))
			continue;
		if (!key_add(w, l->at[i]))
			return false;
	}
	w->d->work += l->len;
	return key_add(w, BETWEEN);
}

/* ---- groups ---- */

static bool same_list(const struct fl_unit_list *a, const struct fl_unit_list *b)
{
	return a->len == b->len &&
	       (a->len == 0 || memcmp(a->at, b->at, a->len * sizeof *a->at) == 0);
}

static enum fl_err group_add(struct pairer *w, uint32_t thing)
{
	const struct fl_unit_list *a = &w->u->to[0][thing], *b = &w->u->to[1][thing];
	uint32_t number;
	bool fresh;

	if (same_list(a, b))
		return FL_OK;
	w->key_len = 0;
	if (!key_units(w, a, BETWEEN) || !key_units(w, b, BETWEEN) ||
	    !fl_intern(&w->groups_seen, w->key, w->key_len * sizeof *w->key, &number, &fresh))
		return FL_ERR_NOMEM;
	/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): the key stays with the pairer */
	if (fresh && number >= w->groups_cap) {
		size_t cap = w->groups_cap > 0 ? w->groups_cap * 2 : 16;
		struct group *groups = realloc(w->groups, cap * sizeof *groups);
		if (groups == NULL)
			return FL_ERR_NOMEM;
		w->groups = groups;
		w->groups_cap = cap;
	}
	if (fresh)
		w->groups[number] = (struct group){ new_bits(w), { a, b } };
	if (w->groups[number].dst == NULL)
		return FL_ERR_NOMEM;
	fl_bit_set(w->groups[number].dst, thing);
	return FL_OK;
}

/* ---- entries ---- */

/* Nothing but one node on both sides. */
static bool is_oneself(const struct pairer *w, const uint64_t *src, const uint64_t *dst)
{
	uint32_t only = BETWEEN;

	for (uint32_t i = 0; i < w->d->words; i++) {
		if (src[i] != dst[i])
			return false;
		for (uint64_t left = src[i]; left != 0; left &= left - 1) {
			if (only != BETWEEN)
				return false;
			only = i * 64 + (uint32_t)__builtin_ctzll(left);
		}
	}
	return only != BETWEEN && w->d->things[only].count == 1;
}

static void join_bits(uint64_t *to, const uint64_t *bits, uint32_t words)
{
	for (uint32_t i = 0; i < words; i++)
		to[i] |= bits[i];
}

/* One entry a kind, ports and sources; destinations come together. */
static enum fl_err pair_add(struct pairer *w, const struct fl_diff_pair *pair)
{
	struct fl_diff_pairs *out = w->out;
	size_t bits = w->d->words * sizeof(uint64_t);
	struct fl_buf key = fl_buf_make(PORTS_MAX + bits + 2);
	uint32_t number;
	bool fresh = false;

	if (!pair->self && is_oneself(w, pair->src, pair->dst))
		return FL_OK;
	fl_buf_byte(&key, pair->gained);
	fl_buf_byte(&key, pair->self);
	fl_buf_put(&key, pair->src, bits);
	fl_buf_str(&key, pair->ports);
	bool ok = fl_buf_err(&key) == FL_OK &&
		  fl_intern(&out->seen, key.ptr, key.len, &number, &fresh);
	fl_buf_done(&key);
	if (!ok)
		return FL_ERR_NOMEM;
	if (!fresh) {
		if (!pair->self)
			join_bits(out->at[number].dst, pair->dst, w->d->words);
		return FL_OK;
	}
	if (out->len == out->cap) {
		size_t cap = out->cap > 0 ? out->cap * 2 : 32;
		struct fl_diff_pair *at = realloc(out->at, cap * sizeof *at);
		if (at == NULL)
			return FL_ERR_NOMEM;
		out->at = at;
		out->cap = cap;
	}
	out->at[out->len] = *pair;
	if (!pair->self) {
		uint64_t *dst = new_bits(w);
		if (dst == NULL)
			return FL_ERR_NOMEM;
		join_bits(dst, pair->dst, w->d->words);
		out->at[out->len].dst = dst;
	}
	out->len++;
	return FL_OK;
}

/* ---- changes of one group ---- */

/* Sources with one change. */
struct change {
	bool gained, self;
	const char *ports;
	uint64_t *src;
};

struct changes {
	struct fl_intern seen;
	struct change *at;
	size_t cap;
};

static void changes_done(struct changes *c)
{
	fl_intern_done(&c->seen);
	free(c->at);
}

/* Adds the sources `src` (bits, or one thing) to the change with these ports; none: nothing. */
static enum fl_err change_add(struct pairer *w, struct changes *c, bool gained, bool self,
			      const struct fl_traffic_set *traffic, uint32_t thing)
{
	struct fl_buf key = fl_buf_make(PORTS_MAX);
	uint32_t number;
	bool fresh = false;

	if (traffic->len == 0 && !traffic->failed)
		return FL_OK;
	fl_buf_byte(&key, (uint8_t)(gained | self << 1 | 4));
	fl_traffic_text(traffic, &key);
	fl_buf_byte(&key, '\0');
	bool ok = !traffic->failed && fl_buf_err(&key) == FL_OK &&
		  fl_intern(&c->seen, key.ptr, key.len, &number, &fresh);
	fl_buf_done(&key);
	if (ok && fresh && number >= c->cap) {
		size_t cap = c->cap > 0 ? c->cap * 2 : 8;
		struct change *at = realloc(c->at, cap * sizeof *at);
		if (at != NULL) {
			c->at = at;
			c->cap = cap;
		}
		ok = at != NULL;
	}
	if (ok && fresh)
		c->at[number] =
			(struct change){ gained, self, (const char *)c->seen.at[number].ptr + 1,
					 new_bits(w) };
	if (!ok || c->at[number].src == NULL)
		return FL_ERR_NOMEM;
	fl_bit_set(c->at[number].src, thing);
	return FL_OK;
}

static enum fl_err changes_flush(struct pairer *w, const struct changes *c, uint64_t *dst)
{
	enum fl_err err = FL_OK;

	for (uint32_t i = 0; i < c->seen.len && err == FL_OK; i++) {
		const struct fl_diff_pair pair = { c->at[i].gained, c->at[i].self, c->at[i].ports,
						   c->at[i].src, dst };
		err = pair_add(w, &pair);
	}
	return err;
}

/* What the units of the lists let through from the thing. */
static void traffic_from(const struct pairer *w, const struct fl_unit_list *l, uint32_t src,
			 struct fl_traffic_set *out)
{
	for (uint32_t i = 0; i < l->len; i++) {
		const struct fl_unit *u = &w->u->at[l->at[i]];
		if (fl_bit(u->src, src))
			fl_traffic_add_boxes(out, u->traffic, u->traffic_len);
	}
}

/* Traffic before and after, and what it gains and loses. */
struct delta {
	struct fl_traffic_set was, is, gained, lost;
};

static void delta_done(struct delta *t)
{
	fl_traffic_done(&t->was);
	fl_traffic_done(&t->is);
	fl_traffic_done(&t->gained);
	fl_traffic_done(&t->lost);
}

static void delta_make(const struct pairer *w, const struct group *g, uint32_t src, bool self,
		       struct delta *out)
{
	*out = (struct delta){ 0 };
	traffic_from(w, g->units[0], src, &out->was);
	traffic_from(w, g->units[1], src, &out->is);
	if (self) {
		traffic_from(w, &w->u->self[0], src, &out->was);
		traffic_from(w, &w->u->self[1], src, &out->is);
	}
	fl_traffic_tidy(&out->was);
	fl_traffic_tidy(&out->is);
	fl_traffic_less(&out->is, &out->was, &out->gained);
	fl_traffic_less(&out->was, &out->is, &out->lost);
}

/* Bits of the sources of units that are in one list only. */
static void mark_candidates(const struct pairer *w, const struct group *g, uint64_t *bits)
{
	const struct fl_unit_list *a = g->units[0], *b = g->units[1];
	uint32_t i = 0, k = 0;

	while (i < a->len || k < b->len) {
		uint32_t x = i < a->len ? a->at[i] : BETWEEN, y = k < b->len ? b->at[k] : BETWEEN;
		if (x != y)
			join_bits(bits, w->u->at[x < y ? x : y].src, w->d->words);
		i += x <= y;
		k += y <= x;
	}
}

/* The number of what holds the source; a number that was there has the change of `*out_like`. */
static bool kind_of(struct pairer *w, struct fl_intern *kinds, const struct group *g, uint32_t src,
		    uint32_t *out, bool *out_fresh)
{
	w->key_len = 0;
	return key_units(w, g->units[0], src) && key_units(w, g->units[1], src) &&
	       fl_intern(kinds, w->key, w->key_len * sizeof *w->key, out, out_fresh);
}

static enum fl_err add_source(struct pairer *w, struct changes *c, const struct group *g,
			      uint32_t src)
{
	struct delta t;

	delta_make(w, g, src, false, &t);
	enum fl_err err = change_add(w, c, true, false, &t.gained, src);
	if (err == FL_OK)
		err = change_add(w, c, false, false, &t.lost, src);
	delta_done(&t);
	return err;
}

static enum fl_err pair_group(struct pairer *w, const struct group *g)
{
	struct fl_intern kinds = { .arena = &w->d->scratch };
	struct changes c = { .seen = { .arena = &w->d->scratch } };
	uint64_t *bits = new_bits(w);
	uint32_t *like = fl_arena_array(&w->d->scratch, w->d->things_len + 1, sizeof *like), kind;
	enum fl_err err = bits != NULL && like != NULL ? FL_OK : FL_ERR_NOMEM;
	bool fresh;

	if (err == FL_OK)
		mark_candidates(w, g, bits);
	for (uint32_t src = 0; err == FL_OK && src < w->d->things_len; src++) {
		if (!fl_bit(bits, src))
			continue;
		if (!kind_of(w, &kinds, g, src, &kind, &fresh)) {
			err = FL_ERR_NOMEM;
		} else if (fresh) {
			like[kind] = src;
			err = add_source(w, &c, g, src);
		} else {
			for (uint32_t i = 0; i < c.seen.len; i++) {
				if (fl_bit(c.at[i].src, like[kind]))
					fl_bit_set(c.at[i].src, src);
			}
		}
	}
	if (err == FL_OK)
		err = changes_flush(w, &c, g->dst);
	changes_done(&c);
	fl_intern_done(&kinds);
	return err;
}

/* ---- own devices ---- */

/* What changes between two classes for devices of one user, beyond what changes for all. */
static enum fl_err add_own(struct pairer *w, struct changes *c, uint32_t src, uint32_t dst)
{
	const struct group g = { NULL, { &w->u->to[0][dst], &w->u->to[1][dst] } };
	struct fl_traffic_set gained = { 0 }, lost = { 0 };
	struct delta all, own;

	delta_make(w, &g, src, false, &all);
	delta_make(w, &g, src, true, &own);
	fl_traffic_less(&own.gained, &all.gained, &gained);
	fl_traffic_less(&own.lost, &all.lost, &lost);
	enum fl_err err = change_add(w, c, true, true, &gained, src);
	if (err == FL_OK)
		err = change_add(w, c, false, true, &lost, src);
	fl_traffic_done(&gained);
	fl_traffic_done(&lost);
	delta_done(&all);
	delta_done(&own);
	return err;
}

struct owned {
	uint64_t user;
	uint32_t thing;
};

static int compare(const void *a, const void *b)
{
	const struct owned *x = a, *y = b;

	if (x->user != y->user)
		return x->user < y->user ? -1 : 1;
	return x->thing < y->thing ? -1 : x->thing > y->thing;
}

/* Users and the classes of their devices, each once. */
static struct owned *list_owned(struct pairer *w, size_t *out_len)
{
	struct owned *at = fl_arena_array(&w->d->scratch, w->d->nodes_len + 1, sizeof *at);
	size_t len = 0, n = 0;

	for (uint32_t i = 0; at != NULL && i < w->d->nodes_len; i++) {
		uint64_t user = w->d->p[0]->nodes[w->d->nodes[i].slot[0]]->user;
		if (user != 0)
			at[len++] = (struct owned){ user, w->d->thing_of[i] };
	}
	if (len > 1)
		qsort(at, len, sizeof *at, compare);
	for (size_t i = 0; i < len; i++) {
		if (n == 0 || at[n - 1].user != at[i].user || at[n - 1].thing != at[i].thing)
			at[n++] = at[i];
	}
	*out_len = n;
	return at;
}

static enum fl_err pair_user(struct pairer *w, struct changes *c, struct fl_intern *seen,
			     const struct owned *at, size_t len)
{
	enum fl_err err = FL_OK;

	for (size_t i = 0; i < len && err == FL_OK; i++) {
		for (size_t k = 0; k < len && err == FL_OK; k++) {
			const uint32_t pair[] = { at[i].thing, at[k].thing };
			uint32_t number;
			bool fresh;
			if (pair[0] == pair[1] && w->d->things[pair[0]].count == 1)
				continue;
			if (!fl_intern(seen, pair, sizeof pair, &number, &fresh))
				err = FL_ERR_NOMEM;
			else if (fresh && w->d->things[pair[1]].told)
				err = add_own(w, c, pair[0], pair[1]);
		}
	}
	return err;
}

static enum fl_err pair_own(struct pairer *w)
{
	struct fl_intern seen = { .arena = &w->d->scratch };
	struct changes c = { .seen = { .arena = &w->d->scratch } };
	size_t len, next;

	if (same_list(&w->u->self[0], &w->u->self[1]))
		return FL_OK;
	struct owned *at = list_owned(w, &len);
	enum fl_err err = at != NULL ? FL_OK : FL_ERR_NOMEM;
	for (size_t i = 0; err == FL_OK && i < len; i = next) {
		for (next = i; next < len && at[next].user == at[i].user; next++)
			;
		w->d->out->cut = w->d->out->cut || next - i > CLASSES_MAX;
		size_t n = next - i < CLASSES_MAX ? next - i : CLASSES_MAX;
		err = pair_user(w, &c, &seen, at + i, n);
	}
	if (err == FL_OK)
		err = changes_flush(w, &c, NULL);
	changes_done(&c);
	fl_intern_done(&seen);
	return err;
}

enum fl_err fl_diff_pairs(struct fl_differ *d, const struct fl_units *u, struct fl_diff_pairs *out)
{
	struct pairer w = { .d = d, .u = u, .out = out, .groups_seen = { .arena = &d->scratch } };
	enum fl_err err = FL_OK;

	*out = (struct fl_diff_pairs){ .seen = { .arena = &d->scratch } };
	for (uint32_t i = 0; i < d->things_len && err == FL_OK; i++) {
		if (d->things[i].told)
			err = group_add(&w, i);
	}
	for (uint32_t i = 0; i < w.groups_seen.len && err == FL_OK; i++) {
		d->out->cut = d->out->cut || d->work > FL_DIFF_WORK_MAX;
		if (d->work <= FL_DIFF_WORK_MAX)
			err = pair_group(&w, &w.groups[i]);
	}
	if (err == FL_OK)
		err = pair_own(&w);
	fl_intern_done(&w.groups_seen);
	free(w.groups);
	free(w.key);
	return err;
}
