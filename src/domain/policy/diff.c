/* SPDX-License-Identifier: BSD-3-Clause */
/* domain/policy/diff.c - what changes for people: entries with names, and who is told what anew. */
#include "domain/policy/diff.h"

#include <stdlib.h>

#include "base/order.h"
#include "domain/policy/diff_parts.h"

enum { SCRATCH_MAX = 1 << 30, RESULT_MAX = 64 << 20 };

void fl_policy_diff_done(struct fl_policy_diff *d)
{
	fl_arena_done(&d->arena);
	*d = (struct fl_policy_diff){ 0 };
}

/* ---- aliases that stand for a set of nodes ---- */

struct named {
	uint64_t hash;
	uint32_t rank; /* of equal ones the lowest is told */
	const char *text;
};

struct names {
	struct named *at;
	size_t len;
	uint64_t *hash_of; /* by node */
};

static int compare_named(const void *a, const void *b)
{
	const struct named *x = a, *y = b;

	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	return x->rank < y->rank ? -1 : x->rank > y->rank;
}

static uint64_t hash_inside(const struct fl_differ *d, int side, const struct fl_policy_set *s)
{
	const struct fl_policy *p = d->p[side];
	uint64_t hash = 0;

	for (uint32_t w = 0; s->inside != NULL && w < p->words; w++) {
		for (uint64_t left = s->inside[w]; left != 0; left &= left - 1) {
			uint32_t node = d->node_of[side][w * 64 + (uint32_t)__builtin_ctzll(left)];
			hash += node != FL_NO_INDEX ? fl_diff_mix(d->nodes[node].id) : 0;
		}
	}
	return hash;
}

/* The later policy's own words come first; people before addresses. */
static uint32_t rank_of(const struct fl_alias *a, int side)
{
	static const uint8_t ranks[] = {
		[FL_ALIAS_GROUP] = 0,     [FL_ALIAS_TAG] = 1,    [FL_ALIAS_USER] = 2,
		[FL_ALIAS_AUTOGROUP] = 3, [FL_ALIAS_DOMAIN] = 4, [FL_ALIAS_IPSET] = 5,
		[FL_ALIAS_HOST] = 6,      [FL_ALIAS_PREFIX] = 7, [FL_ALIAS_WILDCARD] = 8,
	};
	return ranks[a->kind] * 2U + (side == 0);
}

static int compare_text(const void *a, const void *b)
{
	const struct named *x = a, *y = b;
	return strcmp(x->text, y->text);
}

/* A name that means others in one policy than in the other would mislead: neither stands. */
static size_t drop_ambiguous(struct named *at, size_t len)
{
	size_t n = 0, next;

	if (len > 1)
		qsort(at, len, sizeof *at, compare_text);
	for (size_t i = 0; i < len; i = next) {
		bool same = true;
		for (next = i; next < len && strcmp(at[next].text, at[i].text) == 0; next++)
			same = same && at[next].hash == at[i].hash;
		for (size_t k = i; same && k < next; k++)
			at[n++] = at[k];
	}
	return n;
}

static enum fl_err make_names(struct fl_differ *d, struct names *out)
{
	const struct fl_policy_doc *const docs[] = { d->p[0]->doc, d->p[1]->doc };
	size_t cap = 1 + (docs[0] != NULL ? docs[0]->aliases_len : 0) +
		     (docs[1] != NULL ? docs[1]->aliases_len : 0);
	uint64_t all = 0;

	out->at = fl_arena_array(&d->scratch, cap, sizeof *out->at);
	if (out->at == NULL)
		return FL_ERR_NOMEM;
	for (int k = 0; k < FL_SIDES; k++) {
		for (size_t i = 0; docs[k] != NULL && i < docs[k]->aliases_len; i++) {
			const struct fl_alias *a = docs[k]->aliases[i];
			uint64_t hash = hash_inside(d, k, fl_policy_alias(d->p[k], a));
			if (hash != 0)
				out->at[out->len++] =
					(struct named){ hash, 1 + rank_of(a, k), a->text };
		}
	}
	out->len = drop_ambiguous(out->at, out->len);
	for (uint32_t i = 0; i < d->nodes_len; i++)
		all += fl_diff_mix(d->nodes[i].id);
	out->at[out->len++] = (struct named){ all, 0, "*" };
	qsort(out->at, out->len, sizeof *out->at, compare_named);
	return FL_OK;
}

static const char *find_name(const struct names *n, uint64_t hash)
{
	size_t from = 0, to = n->len;

	while (from < to) {
		size_t mid = from + (to - from) / 2;
		if (n->at[mid].hash < hash)
			from = mid + 1;
		else
			to = mid;
	}
	return from < n->len && n->at[from].hash == hash ? n->at[from].text : NULL;
}

/* ---- sides ---- */

/* The first of a list of ids, ascending. */
static const uint64_t *keep_ids(struct fl_differ *d, uint64_t *ids, size_t len, size_t *out_shown)
{
	if (len > 1)
		qsort(ids, len, sizeof *ids, fl_u64_order);
	*out_shown = len < FL_DIFF_SHOWN ? len : FL_DIFF_SHOWN;
	uint64_t *kept = fl_arena_array(&d->out->arena, *out_shown + 1, sizeof *kept);
	if (kept != NULL && len > 0)
		memcpy(kept, ids, *out_shown * sizeof *kept);
	return kept;
}

static enum fl_err make_side(struct fl_differ *d, const struct names *names, const uint64_t *bits,
			     struct fl_diff_side *out)
{
	uint64_t *ids = calloc(d->nodes_len + 1, sizeof *ids), hash = 0;
	const char **places = fl_arena_array(&d->out->arena, FL_DIFF_SHOWN, sizeof *places);

	if (ids == NULL || places == NULL) {
		free(ids);
		return FL_ERR_NOMEM;
	}
	for (uint32_t i = 0; i < d->things_len; i++) {
		const struct fl_thing *t = &d->things[i];
		if (!fl_bit(bits, i))
			continue;
		for (uint32_t k = 0; k < t->count; k++) {
			ids[out->nodes_len] = d->nodes[d->order[t->first + k]].id;
			hash += fl_diff_mix(ids[out->nodes_len++]);
		}
		if (t->count == 0 && out->places_len++ < FL_DIFF_SHOWN)
			places[out->places_shown++] = t->text;
	}
	out->alias = out->nodes_len > 1 ? find_name(names, hash) : NULL;
	out->places = places;
	out->nodes = keep_ids(d, ids, out->nodes_len, &out->nodes_shown);
	free(ids);
	return out->nodes != NULL ? FL_OK : FL_ERR_NOMEM;
}

static enum fl_err keep_entry(struct fl_differ *d, const struct names *names,
			      const struct fl_diff_pair *pair)
{
	struct fl_diff_list *list = pair->gained ? &d->out->gained : &d->out->lost;
	struct fl_diff_entry entry = { .dst = { .self = pair->self } };
	enum fl_err err;

	if (list->count++ >= FL_DIFF_ENTRIES_MAX)
		return FL_OK;
	entry.ports = fl_arena_text(&d->out->arena, fl_slice_str(pair->ports));
	err = entry.ports != NULL ? make_side(d, names, pair->src, &entry.src) : FL_ERR_NOMEM;
	if (err == FL_OK && !pair->self)
		err = make_side(d, names, pair->dst, &entry.dst);
	if (err == FL_OK)
		list->at[list->len++] = entry;
	return err;
}

static enum fl_err keep_pairs(struct fl_differ *d, const struct fl_diff_pairs *pairs)
{
	struct fl_diff_list *const lists[] = { &d->out->gained, &d->out->lost };
	struct names names = { 0 };
	enum fl_err err = make_names(d, &names);

	for (int i = 0; i < 2 && err == FL_OK; i++) {
		lists[i]->at =
			fl_arena_array(&d->out->arena, FL_DIFF_ENTRIES_MAX, sizeof *lists[i]->at);
		if (lists[i]->at == NULL)
			err = FL_ERR_NOMEM;
	}
	for (size_t i = 0; i < pairs->len && err == FL_OK; i++)
		err = keep_entry(d, &names, &pairs->at[i]);
	return err;
}

/* ---- who is told what ---- */

static enum fl_err list_told(struct fl_differ *d)
{
	uint64_t *ids = calloc(d->nodes_len + 1, sizeof *ids);
	enum fl_err err = ids != NULL ? FL_OK : FL_ERR_NOMEM;

	for (unsigned parts = FL_DIFF_TOLD_MAX - 1; parts > 0 && err == FL_OK; parts--) {
		struct fl_diff_told *t = &d->out->told[d->out->told_len];
		size_t len = 0;
		for (uint32_t i = 0; i < d->nodes_len; i++) {
			if (d->nodes[i].parts == parts)
				ids[len++] = d->nodes[i].id;
		}
		if (len == 0)
			continue;
		*t = (struct fl_diff_told){ .parts = parts, .nodes_len = len };
		t->nodes = keep_ids(d, ids, len, &t->nodes_shown);
		d->out->told_len++;
		d->out->nodes_told += len;
		if (t->nodes == NULL)
			err = FL_ERR_NOMEM;
	}
	free(ids);
	return err;
}

/* ---- all of it ---- */

static bool any_filter(const struct fl_differ *d)
{
	for (uint32_t i = 0; i < d->nodes_len; i++) {
		if ((d->nodes[i].parts & FL_POLICY_FILTER) != 0)
			return true;
	}
	return false;
}

static bool is_too_much(const struct fl_differ *d)
{
	uint64_t rules = 0;

	for (int k = 0; k < FL_SIDES; k++)
		rules += fl_diff_allows_all(d->p[k]) ? 1 : d->p[k]->doc->rules_len;
	return rules * d->things_len * FL_FAMILIES > FL_DIFF_WORK_MAX;
}

static enum fl_err compare_pairs(struct fl_differ *d)
{
	struct fl_units units = { 0 };
	struct fl_diff_pairs pairs = { 0 };
	enum fl_err err = fl_diff_things(d);

	if (err == FL_OK && is_too_much(d)) {
		d->out->cut = true;
		return FL_OK;
	}
	if (err == FL_OK)
		err = fl_units_new(d, &units);
	if (err == FL_OK)
		err = fl_diff_pairs(d, &units, &pairs);
	if (err == FL_OK)
		err = keep_pairs(d, &pairs);
	fl_diff_pairs_done(&pairs);
	fl_units_done(&units);
	return err;
}

enum fl_err fl_policy_diff(const struct fl_policy *a, const struct fl_policy *b,
			   struct fl_policy_diff *out)
{
	struct fl_differ d = { .p = { a, b }, .out = out, .scratch = fl_arena_make(SCRATCH_MAX) };

	*out = (struct fl_policy_diff){ .arena = fl_arena_make(RESULT_MAX) };
	enum fl_err err = a != b ? fl_diff_nodes(&d) : FL_OK;
	if (err == FL_OK)
		err = list_told(&d);
	/* Equal filters let the same through. */
	if (err == FL_OK && any_filter(&d))
		err = compare_pairs(&d);
	fl_arena_done(&d.scratch);
	if (err != FL_OK)
		fl_policy_diff_done(out);
	return err;
}
