/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/state/routes.c - which routes a node serves, who is primary for a prefix, and whom a
 * change of that concerns.
 *
 * Served is announced and approved (RT-1). Until high availability is there, the lowest id that
 * serves a prefix is its primary; exit routes have none.
 */
#include "domain/state/inner.h"

#include <assert.h>
#include <stdlib.h>

static_assert((int)FL_HOSTINFO_ROUTES_MAX <= (int)FL_NODE_ROUTES_MAX, "served routes fit");

static const struct fl_prefix exits[] = {
	{ { FL_IP_V4, { 0 } }, 0 },
	{ { FL_IP_V6, { 0 } }, 0 },
};

static bool same_prefixes(const struct fl_prefix *a, size_t an, const struct fl_prefix *b,
			  size_t bn)
{
	if (an != bn)
		return false;
	for (size_t i = 0; i < an; i++)
		if (!fl_prefix_eq(&a[i], &b[i]))
			return false;
	return true;
}

bool fl_routes_announced_same(const struct fl_node *a, const struct fl_node *b)
{
	return same_prefixes(a->hostinfo->routes, a->hostinfo->routes_count, b->hostinfo->routes,
			     b->hostinfo->routes_count);
}

bool fl_routes_same(const struct fl_node *a, const struct fl_node *b)
{
	if (a == NULL || b == NULL)
		return (a == NULL || a->approved_count == 0) &&
		       (b == NULL || b->approved_count == 0);
	return same_prefixes(a->approved, a->approved_count, b->approved, b->approved_count) &&
	       fl_routes_announced_same(a, b);
}

/* The intersection of two sorted lists, as the caller's array. */
static size_t served_by(const struct fl_node *n, struct fl_prefix *out)
{
	const struct fl_hostinfo *h = n->hostinfo;
	size_t len = 0;

	for (size_t i = 0, j = 0; i < n->approved_count && j < h->routes_count;) {
		int order = fl_prefix_cmp(&n->approved[i], &h->routes[j]);
		if (order == 0)
			out[len++] = n->approved[i];
		i += order <= 0;
		j += order >= 0;
	}
	return len;
}

size_t fl_state_served(const struct fl_state *s, const struct fl_node *n, struct fl_prefix *out)
{
	(void)s;
	return served_by(n, out);
}

static int by_prefix_and_id(const void *pa, const void *pb)
{
	const struct fl_serving *a = pa, *b = pb;
	int order = fl_prefix_cmp(&a->prefix, &b->prefix);

	return order != 0 ? order : (a->id > b->id) - (a->id < b->id);
}

static bool collect(struct fl_routes *r, const struct fl_node *n)
{
	struct fl_prefix served[FL_NODE_ROUTES_MAX];
	size_t count = served_by(n, served);

	for (size_t i = 0; i < count; i++) {
		if (fl_prefix_is_exit(&served[i]))
			continue;
		struct fl_serving *at = fl_state_grow(r->at, &r->cap, r->len, sizeof *at);
		if (at == NULL)
			return false;
		r->at = at;
		at[r->len++] = (struct fl_serving){ .prefix = served[i], .id = n->id };
	}
	return true;
}

/* False when there is no memory for the sorted list. */
static bool rebuild(const struct fl_state *s)
{
	struct fl_routes *r = s->routes;
	const struct fl_table *t = &s->table[FL_RECORD_NODE];

	if (!r->stale)
		return true;
	r->len = 0;
	for (size_t i = 0; i < t->len; i++) {
		const struct fl_node *n = t->at[i];
		if (n->approved_count > 0 && !collect(r, n))
			return false;
	}
	if (r->len > 0)
		qsort(r->at, r->len, sizeof *r->at, by_prefix_and_id);
	r->stale = false;
	return true;
}

static bool serves(const struct fl_node *n, const struct fl_prefix *p)
{
	struct fl_prefix served[FL_NODE_ROUTES_MAX];
	size_t count = n->approved_count > 0 ? served_by(n, served) : 0;

	for (size_t i = 0; i < count; i++)
		if (fl_prefix_eq(&served[i], p))
			return true;
	return false;
}

static fl_node_id search_all(const struct fl_state *s, const struct fl_prefix *p)
{
	const struct fl_table *t = &s->table[FL_RECORD_NODE];

	for (size_t i = 0; i < t->len; i++)
		if (serves(t->at[i], p))
			return ((const struct fl_node *)t->at[i])->id;
	return 0;
}

fl_node_id fl_state_primary(const struct fl_state *s, const struct fl_prefix *p)
{
	if (fl_prefix_is_exit(p))
		return 0;
	if (!rebuild(s))
		return search_all(s, p);

	const struct fl_routes *r = s->routes;
	size_t lo = 0, hi = r->len;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (fl_prefix_cmp(&r->at[mid].prefix, p) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < r->len && fl_prefix_eq(&r->at[lo].prefix, p) ? r->at[lo].id : 0;
}

/* What only one of two sorted lists holds. `out` has room for both. */
static size_t difference(const struct fl_prefix *a, size_t an, const struct fl_prefix *b, size_t bn,
			 struct fl_prefix *out)
{
	size_t i = 0, j = 0, len = 0;

	while (i < an || j < bn) {
		int order = i == an ? 1 : j == bn ? -1 : fl_prefix_cmp(&a[i], &b[j]);
		if (order < 0)
			out[len++] = a[i++];
		else if (order > 0)
			out[len++] = b[j++];
		else
			i++, j++;
	}
	return len;
}

/* Does the node announce one of these subnets? Exit routes concern only their own node. */
static bool announces_any(const struct fl_node *n, const struct fl_prefix *p, size_t count)
{
	const struct fl_hostinfo *h = n->hostinfo;

	for (size_t i = 0, j = 0; i < count && j < h->routes_count;) {
		int order = fl_prefix_cmp(&p[i], &h->routes[j]);
		if (order == 0 && !fl_prefix_is_exit(&p[i]))
			return true;
		i += order <= 0;
		j += order >= 0;
	}
	return false;
}

enum fl_err fl_routes_note(struct fl_state *s, const struct fl_node *before,
			   const struct fl_node *after)
{
	struct fl_prefix was[FL_NODE_ROUTES_MAX], is[FL_NODE_ROUTES_MAX];
	struct fl_prefix touched[2 * FL_NODE_ROUTES_MAX];

	if (fl_routes_same(before, after))
		return FL_OK;
	size_t was_count = before != NULL ? served_by(before, was) : 0;
	size_t is_count = after != NULL ? served_by(after, is) : 0;
	size_t count = difference(was, was_count, is, is_count, touched);
	if (count == 0)
		return FL_OK;

	const struct fl_table *t = &s->table[FL_RECORD_NODE];
	fl_node_id self = after != NULL ? after->id : before->id;
	enum fl_err err = FL_OK;
	if (after != NULL)
		err = fl_state_note(s, FL_CHANGE_ROUTES, self, 0, self);
	for (size_t i = 0; i < t->len && err == FL_OK; i++) {
		const struct fl_node *n = t->at[i];
		if (n->id != self && announces_any(n, touched, count))
			err = fl_state_note(s, FL_CHANGE_ROUTES, n->id, 0, self);
	}
	return err;
}

static int compare(const void *a, const void *b)
{
	return fl_prefix_cmp(a, b);
}

static size_t unique(struct fl_prefix *p, size_t count)
{
	size_t len = 0;

	for (size_t i = 0; i < count; i++)
		if (len == 0 || !fl_prefix_eq(&p[len - 1], &p[i]))
			p[len++] = p[i];
	return len;
}

enum fl_err fl_routes_normalise(const struct fl_prefix *routes, size_t count,
				struct fl_prefix **out, size_t *out_count)
{
	bool exit = false;

	if (count > FL_NODE_ROUTES_MAX)
		return FL_ERR_TOO_BIG;
	if (count == 0) {
		*out = NULL;
		*out_count = 0;
		return FL_OK;
	}
	struct fl_prefix *p = malloc((count + 2) * sizeof *p);
	if (p == NULL)
		return FL_ERR_NOMEM;
	memcpy(p, routes, count * sizeof *p);
	for (size_t i = 0; i < count; i++) {
		fl_prefix_mask(&p[i]);
		exit = exit || fl_prefix_is_exit(&p[i]);
	}
	if (exit) { /* RT-4 */
		p[count++] = exits[0];
		p[count++] = exits[1];
	}
	qsort(p, count, sizeof *p, compare);
	count = unique(p, count);
	if (count > FL_NODE_ROUTES_MAX) {
		free(p);
		return FL_ERR_TOO_BIG;
	}
	*out = p;
	*out_count = count;
	return FL_OK;
}
