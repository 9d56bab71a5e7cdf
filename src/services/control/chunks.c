/* SPDX-License-Identifier: BSD-3-Clause */
/* services/control/chunks.c - chunks by their ranges of ids, each with the texts made of it. */
#include "services/control/chunks.h"

#include "base/order.h"

#include <stdlib.h>

enum {
	FORMS_MAX = 8, /* kinds of viewers whose text of a chunk is kept */
	TEXT_MAX = FL_CHUNK_PEERS * (257 << 10), /* no fragment is over 256 KiB */
	TEXT_KEPT = FL_CHUNK_PEERS * (4 << 10),  /* a larger scratch is given back */
	LOG2_WIDEST = 62,
};

/* A part of the ids, and of the nodes those that are in it: [from, to). */
struct range {
	fl_node_id lo, hi; /* hi is beyond it */
	size_t from, to;
};

/* What some viewers are told of a chunk. */
struct form {
	struct fl_bytes *piece[2]; /* plain, zstd; NULL = not made yet */
	const struct fl_bytes *fragments[FL_CHUNK_PEERS];
	fl_user_id owners[FL_CHUNK_PEERS];
	size_t count, owners_count;
	uint64_t digest; /* of `fragments` */
};

struct chunk {
	fl_node_id lo, hi;
	struct form *forms[FORMS_MAX];
	size_t next; /* form to be replaced */
	/* The form for everybody outside, or NULL, and how many nodes there were. */
	struct form *common;
	size_t nodes;
};

struct fl_chunks {
	struct fl_mapframe *framer;
	struct fl_bytes *comma[2], *end[2]; /* plain, zstd */
	struct chunk **at;                  /* ascending, none overlaps another */
	size_t count, cap;
	struct form draft;
	struct fl_buf text;
	struct fl_chunks_stats stats;
};

/* ---- forms ---- */

static void form_free(struct fl_chunks *c, struct form *f)
{
	if (f == NULL)
		return;
	for (size_t i = 0; i < 2; i++) {
		c->stats.bytes -= f->piece[i] != NULL ? f->piece[i]->len : 0;
		fl_bytes_unref(f->piece[i]);
	}
	free(f);
}

static bool same_form(const struct form *a, const struct form *b)
{
	return a->digest == b->digest && a->count == b->count &&
	       memcmp(a->fragments, b->fragments, a->count * sizeof(struct fl_bytes *)) == 0;
}

static struct form *find_form(const struct chunk *k, const struct form *wanted)
{
	for (size_t i = 0; i < FORMS_MAX; i++)
		if (k->forms[i] != NULL && same_form(k->forms[i], wanted))
			return k->forms[i];
	return NULL;
}

/* Keeps a copy of the draft, maybe in the place of another. NULL: out of memory. */
static struct form *keep_form(struct fl_chunks *c, struct chunk *k)
{
	struct form *f = malloc(sizeof *f);
	if (f == NULL)
		return NULL;
	*f = c->draft;
	struct form **place = &k->forms[k->next++ % FORMS_MAX];
	if (*place == k->common)
		k->common = NULL;
	form_free(c, *place);
	*place = f;
	return f;
}

static fl_user_id owner_of(const struct fl_node *n)
{
	return fl_node_is_tagged(n) ? FL_TAGGED_USER_ID : n->user;
}

static void draft_add(struct form *f, const struct fl_node *n, const struct fl_bytes *fragment)
{
	fl_user_id owner = owner_of(n);

	f->fragments[f->count++] = fragment;
	f->digest = (f->digest ^ (uintptr_t)fragment) * UINT64_C(0x9e3779b97f4a7c15);
	f->digest ^= f->digest >> 29;
	if (f->owners_count == 0 || f->owners[f->owners_count - 1] != owner)
		f->owners[f->owners_count++] = owner;
}

static enum fl_err draft_node(struct form *f, const struct fl_chunks_view *v,
			      const struct fl_node *n)
{
	const struct fl_bytes *fragment = NULL;

	if (n->id == v->viewer)
		return FL_OK;
	enum fl_err err = v->tell(v->ctx, n, &fragment);
	if (err == FL_OK && fragment != NULL)
		draft_add(f, n, fragment);
	return err;
}

/* NULL: not among the nodes of the range. */
static const struct fl_node *node_of(const struct fl_chunks_view *v, const struct range *r,
				     fl_node_id id)
{
	size_t lo = r->from, hi = r->to;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (v->nodes[mid]->id < id)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < r->to && v->nodes[lo]->id == id ? v->nodes[lo] : NULL;
}

/* The first of those seen that is no lower than `id`. */
static size_t seen_from(const struct fl_chunks_view *v, fl_node_id id)
{
	return fl_u64_lower(v->seen, v->seen_count, id);
}

static enum fl_err draft_seen(struct form *f, const struct fl_chunks_view *v, const struct range *r)
{
	enum fl_err err = FL_OK;

	for (size_t i = seen_from(v, r->lo);
	     i < v->seen_count && v->seen[i] < r->hi && err == FL_OK; i++) {
		const struct fl_node *n = node_of(v, r, v->seen[i]);
		if (n != NULL)
			err = draft_node(f, v, n);
	}
	return err;
}

/* What the viewer is told of the nodes of a range. */
static enum fl_err draft(struct fl_chunks *c, const struct fl_chunks_view *v, const struct range *r)
{
	struct form *f = &c->draft;
	enum fl_err err = FL_OK;

	f->count = f->owners_count = 0;
	f->digest = 0;
	if (v->seen != NULL)
		return draft_seen(f, v, r);
	for (size_t i = r->from; i < r->to && err == FL_OK; i++)
		err = draft_node(f, v, v->nodes[i]);
	return err;
}

/* ---- chunks ---- */

static void chunk_free(struct fl_chunks *c, struct chunk *k)
{
	for (size_t i = 0; i < FORMS_MAX; i++)
		form_free(c, k->forms[i]);
	free(k);
}

/* The first that ends behind `id`. */
static size_t index_of(const struct fl_chunks *c, fl_node_id id)
{
	size_t lo = 0, hi = c->count;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (c->at[mid]->hi <= id)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static void remove_chunks(struct fl_chunks *c, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++)
		chunk_free(c, c->at[i]);
	for (size_t i = to; i < c->count; i++)
		c->at[from + i - to] = c->at[i];
	c->count -= to - from;
}

static enum fl_err insert_chunk(struct fl_chunks *c, size_t at, const struct range *r)
{
	if (c->count == c->cap) {
		size_t cap = c->cap > 0 ? 2 * c->cap : 16;
		struct chunk **more = realloc(c->at, cap * sizeof(struct chunk *));
		if (more == NULL)
			return FL_ERR_NOMEM;
		c->at = more;
		c->cap = cap;
	}
	struct chunk *k = calloc(1, sizeof *k);
	if (k == NULL)
		return FL_ERR_NOMEM;
	k->lo = r->lo;
	k->hi = r->hi;
	for (size_t i = c->count++; i > at; i--)
		c->at[i] = c->at[i - 1];
	c->at[at] = k;
	return FL_OK;
}

/* The chunk of exactly this range, in the place of all that overlap it. */
static enum fl_err chunk_of(struct fl_chunks *c, const struct range *r, struct chunk **out)
{
	size_t from = index_of(c, r->lo), to = from;

	while (to < c->count && c->at[to]->lo < r->hi)
		to++;
	if (to == from + 1 && c->at[from]->lo == r->lo && c->at[from]->hi == r->hi) {
		*out = c->at[from];
		return FL_OK;
	}
	remove_chunks(c, from, to);
	enum fl_err err = insert_chunk(c, from, r);
	if (err == FL_OK)
		*out = c->at[from];
	return err;
}

void fl_chunks_drop(struct fl_chunks *c, fl_node_id node)
{
	size_t at = index_of(c, node);

	if (at < c->count && c->at[at]->lo <= node)
		remove_chunks(c, at, at + 1);
}

void fl_chunks_drop_all(struct fl_chunks *c)
{
	remove_chunks(c, 0, c->count);
}

/* ---- ranges ---- */

/* Has the range of 2^log2 ids around the i-th node none before it, and not too many in all? */
static bool fits(const struct fl_chunks_view *v, size_t i, unsigned log2)
{
	fl_node_id lo = v->nodes[i]->id >> log2 << log2, hi = lo + ((fl_node_id)1 << log2);

	return (i == 0 || v->nodes[i - 1]->id < lo) &&
	       (v->count - i <= FL_CHUNK_PEERS || v->nodes[i + FL_CHUNK_PEERS]->id >= hi);
}

/* The one whose first node is the i-th. */
static struct range range_at(const struct fl_chunks_view *v, size_t i)
{
	unsigned log2 = FL_CHUNK_LOG2;

	while (log2 < LOG2_WIDEST && fits(v, i, log2 + 1))
		log2++;
	struct range r = { .lo = v->nodes[i]->id >> log2 << log2, .from = i };
	r.hi = r.lo + ((fl_node_id)1 << log2);
	size_t beyond = v->count - i > FL_CHUNK_PEERS ? i + FL_CHUNK_PEERS : v->count;
	for (r.to = i + 1; r.to < beyond;) {
		size_t mid = r.to + (beyond - r.to) / 2;
		if (v->nodes[mid]->id < r.hi)
			r.to = mid + 1;
		else
			beyond = mid;
	}
	return r;
}

/* ---- pieces ---- */

static enum fl_err make_piece(struct fl_chunks *c, struct form *f, bool zstd)
{
	struct fl_buf *b = &c->text;

	fl_buf_reset(b);
	for (size_t i = 0; i < f->count; i++) {
		if (i > 0)
			fl_buf_byte(b, ',');
		fl_buf_put(b, f->fragments[i]->data, f->fragments[i]->len);
	}
	enum fl_err err = fl_buf_err(b);
	if (err == FL_OK)
		err = fl_mapframe_piece(c->framer, fl_buf_slice(b), zstd, &f->piece[zstd]);
	if (b->cap > TEXT_KEPT)
		fl_buf_done(b);
	return err;
}

static enum fl_err add_owners(struct fl_chunks_peers *p, const struct form *f)
{
	if (p->owners_cap - p->owners_count < f->owners_count) {
		size_t cap = 2 * p->owners_cap + FL_CHUNK_PEERS;
		fl_user_id *more = realloc(p->owners, cap * sizeof *more);
		if (more == NULL)
			return FL_ERR_NOMEM;
		p->owners = more;
		p->owners_cap = cap;
	}
	memcpy(p->owners + p->owners_count, f->owners, f->owners_count * sizeof *f->owners);
	p->owners_count += f->owners_count;
	return FL_OK;
}

static enum fl_err put_piece(struct fl_chunks *c, const struct form *f, struct fl_bytes *piece,
			     bool zstd, struct fl_chunks_peers *out)
{
	enum fl_err err = add_owners(out, f);

	if (err == FL_OK && out->parts.count > 0)
		err = fl_parts_add(&out->parts, c->comma[zstd]);
	if (err == FL_OK)
		err = fl_parts_add(&out->parts, piece);
	return err;
}

static enum fl_err put_shared(struct fl_chunks *c, struct form *f, bool zstd,
			      struct fl_chunks_peers *out)
{
	if (f->piece[zstd] != NULL) {
		c->stats.shared++;
		return put_piece(c, f, f->piece[zstd], zstd, out);
	}
	enum fl_err err = make_piece(c, f, zstd);
	if (err != FL_OK)
		return err;
	c->stats.made++;
	c->stats.bytes += f->piece[zstd]->len;
	return put_piece(c, f, f->piece[zstd], zstd, out);
}

/* Nobody else is told just this. */
static enum fl_err put_own(struct fl_chunks *c, bool zstd, struct fl_chunks_peers *out)
{
	struct form *f = &c->draft;

	enum fl_err err = make_piece(c, f, false);
	if (err != FL_OK)
		return err;
	c->stats.made++;
	err = put_piece(c, f, f->piece[false], zstd, out);
	if (err == FL_OK)
		out->own = out->parts.count - 1;
	f->piece[false] = fl_bytes_unref(f->piece[false]);
	return err;
}

static enum fl_err put_range(struct fl_chunks *c, const struct fl_chunks_view *v,
			     const struct range *r, struct fl_chunks_peers *out)
{
	bool own = r->lo <= v->viewer && v->viewer < r->hi;
	struct chunk *k = NULL;
	enum fl_err err = own ? FL_OK : chunk_of(c, r, &k);

	if (err != FL_OK)
		return err;
	/* A node that was taken back because it could not be stored was never dropped. */
	if (k != NULL && v->common && k->common != NULL && k->nodes == r->to - r->from)
		return put_shared(c, k->common, v->zstd, out);
	err = draft(c, v, r);
	if (err != FL_OK || c->draft.count == 0)
		return err;
	if (k == NULL)
		return put_own(c, v->zstd, out);
	struct form *f = find_form(k, &c->draft);
	if (f == NULL)
		f = keep_form(c, k);
	if (f == NULL)
		return FL_ERR_NOMEM;
	if (v->common) {
		k->common = f;
		k->nodes = r->to - r->from;
	}
	return put_shared(c, f, v->zstd, out);
}

enum fl_err fl_chunks_list(struct fl_chunks *c, const struct fl_chunks_view *v,
			   struct fl_chunks_peers *out)
{
	enum fl_err err = FL_OK;
	struct range r;

	*out = (struct fl_chunks_peers){ .own = SIZE_MAX };
	for (size_t i = 0; i < v->count && err == FL_OK; i = r.to) {
		r = range_at(v, i);
		err = put_range(c, v, &r, out);
	}
	return err;
}

void fl_chunks_peers_done(struct fl_chunks_peers *p)
{
	fl_parts_done(&p->parts);
	free(p->owners);
	*p = (struct fl_chunks_peers){ 0 };
}

struct fl_bytes *fl_chunks_end(const struct fl_chunks *c, bool zstd)
{
	return c->end[zstd];
}

struct fl_chunks_stats fl_chunks_stats(const struct fl_chunks *c)
{
	return c->stats;
}

/* ---- life ---- */

enum fl_err fl_chunks_new(struct fl_mapframe *framer, struct fl_chunks **out)
{
	struct fl_chunks *c = calloc(1, sizeof *c);
	enum fl_err err = FL_OK;

	if (c == NULL)
		return FL_ERR_NOMEM;
	c->framer = framer;
	c->text = fl_buf_make(TEXT_MAX);
	for (int zstd = 0; zstd < 2 && err == FL_OK; zstd++) {
		err = fl_mapframe_piece(framer, fl_slice_str(","), zstd, &c->comma[zstd]);
		if (err == FL_OK)
			err = fl_mapframe_piece(framer, fl_slice_str("]}"), zstd, &c->end[zstd]);
	}
	if (err != FL_OK) {
		fl_chunks_free(c);
		return err;
	}
	*out = c;
	return FL_OK;
}

struct fl_chunks *fl_chunks_free(struct fl_chunks *c)
{
	if (c == NULL)
		return NULL;
	fl_chunks_drop_all(c);
	for (size_t i = 0; i < 2; i++) {
		fl_bytes_unref(c->comma[i]);
		fl_bytes_unref(c->end[i]);
	}
	free(c->at);
	fl_buf_done(&c->text);
	free(c);
	return NULL;
}
