/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/state/routes.c - which routes a node serves: those announced and approved (RT-1).
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

static bool same_routes(const struct fl_node *a, const struct fl_node *b)
{
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

enum fl_err fl_routes_note(struct fl_state *s, const struct fl_node *before,
			   const struct fl_node *after)
{
	struct fl_prefix was[FL_NODE_ROUTES_MAX], is[FL_NODE_ROUTES_MAX];

	if (same_routes(before, after) ||
	    same_prefixes(was, served_by(before, was), is, served_by(after, is)))
		return FL_OK;
	return fl_state_note(s, FL_CHANGE_ROUTES, after->id, 0, after->id);
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
