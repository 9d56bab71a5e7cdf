/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/policy_oracle/naive_routes.c - what a viewer gets routed through a peer.
 *
 * Source  docs/policy.md 4.12, 4.13, 12 D6
 */
#include "naive_impl.h"

#include <stdlib.h>

enum { LIST_MAX = FL_POLICY_ROUTES_MAX };

struct list {
	struct fl_prefix at[LIST_MAX];
	size_t len;
};

static size_t find(const struct list *l, const struct fl_prefix *p)
{
	size_t i = 0;

	while (i < l->len && !fl_prefix_eq(&l->at[i], p))
		i++;
	return i;
}

static bool in(const struct list *l, const struct fl_prefix *p)
{
	return find(l, p) < l->len;
}

static void add(struct list *l, const struct fl_prefix *p)
{
	if (in(l, p))
		return;
	if (l->len == LIST_MAX)
		abort();
	l->at[l->len++] = *p;
}

static void drop(struct list *l, size_t at)
{
	l->len--;
	for (size_t i = at; i < l->len; i++)
		l->at[i] = l->at[i + 1];
}

/* ---- steering: 4.13 ---- */

struct steering {
	struct list include, exclude, use_primary;
};

static bool applies(struct naive *n, const struct ngrant *g, const struct fl_policy_node *viewer)
{
	for (size_t i = 0; i < g->src_len; i++) {
		struct nset s = nresolve(n, g->src[i]);
		if (nnode_in(&s, viewer))
			return true;
	}
	return false;
}

static struct nprefixes dst_prefixes(struct naive *n, const char *dst)
{
	struct nset s = { 0 };

	if (strcmp(dst, "autogroup:internet") != 0)
		s = nresolve_dst(n, dst);
	return nset_prefixes(n, &s);
}

/* The peer's routes that the grant leads to. */
static void match(struct naive *n, const struct ngrant *g, const struct fl_policy_node *peer,
		  struct list *out)
{
	for (size_t i = 0; i < g->dst_len; i++) {
		bool internet = strcmp(g->dst[i], "autogroup:internet") == 0;
		struct nprefixes dsts = dst_prefixes(n, g->dst[i]);
		for (size_t k = 0; k < peer->served_len; k++) {
			const struct fl_prefix *r = &peer->served[k];
			if (fl_prefix_is_exit(r) && internet)
				add(out, r);
			for (size_t d = 0; d < dsts.len && !fl_prefix_is_exit(r); d++)
				if (nprefix_overlap(&dsts.at[d], r))
					add(out, r);
		}
	}
}

/* Online and healthy, then online, then the lowest id. */
static int rank(const struct fl_policy_node *node)
{
	return node->online ? (node->healthy ? 0 : 1) : 2;
}

static const struct fl_policy_node *winner(const struct naive *n, const json_t *tags,
					   const struct fl_prefix *p)
{
	const struct fl_policy_node *best = NULL;

	for (size_t i = 0; i < n->w->nodes_len; i++) {
		const struct fl_policy_node *node = &n->w->nodes[i];
		if (nnode_has_tag(node, tags) && nnode_serves(node, p) &&
		    (best == NULL || rank(node) < rank(best)))
			best = node;
	}
	return best;
}

static void elect(struct naive *n, const struct ngrant *g, const struct fl_policy_node *peer,
		  struct steering *s)
{
	for (size_t i = 0; i < g->dst_len; i++) {
		struct nprefixes dsts = dst_prefixes(n, g->dst[i]);
		for (size_t d = 0; d < dsts.len; d++) {
			const struct list copy = s->include;
			for (size_t k = 0; k < copy.len; k++) {
				const struct fl_prefix *p = &copy.at[k];
				if (fl_prefix_is_exit(p) || !nprefix_overlap(&dsts.at[d], p) ||
				    !in(&s->include, p))
					continue;
				const struct fl_policy_node *best = winner(n, g->via, p);
				if (best == NULL || best == peer)
					continue;
				drop(&s->include, find(&s->include, p));
				add(&s->exclude, p);
			}
		}
	}
}

/* Exit routes take no part: 4.13 [C]. */
static void pass_regular(struct naive *n, const struct ngrant *g, struct steering *s)
{
	for (size_t i = 0; i < g->dst_len; i++) {
		struct nprefixes dsts = dst_prefixes(n, g->dst[i]);
		for (size_t d = 0; d < dsts.len; d++) {
			for (size_t k = 0; k < s->include.len; k++)
				if (!fl_prefix_is_exit(&s->include.at[k]) &&
				    nprefix_overlap(&dsts.at[d], &s->include.at[k]))
					add(&s->use_primary, &s->include.at[k]);
			for (size_t k = 0; k < s->exclude.len;) {
				if (!fl_prefix_is_exit(&s->exclude.at[k]) &&
				    nprefix_overlap(&dsts.at[d], &s->exclude.at[k]))
					drop(&s->exclude, k);
				else
					k++;
			}
		}
	}
}

static void steer(struct naive *n, const struct fl_policy_node *viewer,
		  const struct fl_policy_node *peer, struct steering *s)
{
	size_t i;

	for (i = 0; i < n->grants_len; i++) {
		const struct ngrant *g = &n->grants[i];
		struct list matched = { .len = 0 };
		if (g->via == NULL || !applies(n, g, viewer))
			continue;
		match(n, g, peer, &matched);
		for (size_t k = 0; k < matched.len; k++)
			add(nnode_has_tag(peer, g->via) ? &s->include : &s->exclude,
			    &matched.at[k]);
	}
	if (s->include.len == 0 && s->exclude.len == 0)
		return;
	for (i = 0; i < n->grants_len; i++)
		if (n->grants[i].via != NULL && nnode_has_tag(peer, n->grants[i].via) &&
		    applies(n, &n->grants[i], viewer))
			elect(n, &n->grants[i], peer, s);
	for (i = 0; i < n->grants_len; i++)
		if (n->grants[i].via == NULL && applies(n, &n->grants[i], viewer))
			pass_regular(n, &n->grants[i], s);
}

/* ---- what matchers allow: routeOK ---- */

static bool route_ok(const struct naive *n, size_t viewer, const struct fl_prefix *r)
{
	const struct fl_policy_node *v = &n->w->nodes[viewer];
	const struct nmatchers *ms = &n->matchers[viewer];

	for (size_t i = 0; i < ms->len; i++) {
		const struct nset *src = &ms->at[i].src, *dst = &ms->at[i].dst;
		bool from = nset_overlaps(src, r), to = nset_overlaps(dst, r);
		if ((nnode_in(src, v) && to) || (from && nnode_in(dst, v)) ||
		    (nnode_route_in(src, v) && to) || (from && nnode_route_in(dst, v)) ||
		    (from && nnode_exits(v) && nset_is_internet(n, dst)))
			return true;
	}
	return false;
}

static int by_prefix(const void *a, const void *b)
{
	return fl_prefix_cmp(a, b);
}

static void collect(struct naive *n, size_t viewer, size_t peer, struct list *out)
{
	const struct fl_policy_node *v = &n->w->nodes[viewer], *p = &n->w->nodes[peer];
	struct steering s = { .include.len = 0 };
	struct list primary = { .len = 0 }, offered;
	size_t i;

	for (i = 0; i < p->primary_len; i++)
		add(&primary, &p->primary[i]);
	offered = primary;
	for (i = 0; i < p->served_len; i++)
		if (fl_prefix_is_exit(&p->served[i]))
			add(&offered, &p->served[i]);
	steer(n, v, p, &s);
	for (i = 0; i < offered.len; i++)
		if (!in(&s.exclude, &offered.at[i]) && route_ok(n, viewer, &offered.at[i]))
			add(out, &offered.at[i]);
	for (i = 0; i < s.include.len; i++)
		if (in(&primary, &s.include.at[i]) || !in(&s.use_primary, &s.include.at[i]))
			add(out, &s.include.at[i]);
	for (i = 0; i < primary.len; i++)
		if (nnode_serves(v, &primary.at[i]))
			add(out, &primary.at[i]);
}

size_t naive_routes(struct naive *n, size_t viewer, size_t peer, struct fl_prefix *out)
{
	struct list *l = nalloc(n, 1, sizeof *l);
	const struct fl_policy_node *p = &n->w->nodes[peer];

	if (viewer == peer)
		for (size_t i = 0; i < p->served_len; i++)
			add(l, &p->served[i]);
	else
		collect(n, viewer, peer, l);
	qsort(l->at, l->len, sizeof *l->at, by_prefix);
	memcpy(out, l->at, l->len * sizeof *out);
	return l->len;
}
