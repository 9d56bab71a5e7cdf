/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/routes/primaries.c - routers and prefixes, each knowing the other.
 *
 * A prefix without routers goes when it is settled, so that whoever carried it loses it first.
 */
#include "domain/routes/primaries.h"

#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "base/map.h"
#include "base/order.h"
#include "domain/routes/election.h"

/* A prefix is its own key: no byte of it is padding. */
_Static_assert(sizeof(struct fl_prefix) == 18, "prefixes have no padding");

struct router {
	uint64_t id;
	bool online, unhealthy;
	size_t count;
	struct route *at[]; /* by prefix */
};

struct route {
	struct fl_list touched; /* in the list of those to settle, or alone */
	struct fl_prefix prefix;
	uint64_t primary;
	uint64_t *routers; /* ascending ids */
	size_t count, cap;
};

struct fl_primaries {
	struct fl_map routers, routes;
	struct fl_list touched;
	size_t unhealthy;
};

enum fl_err fl_primaries_new(const uint8_t seed[static 16], struct fl_primaries **out)
{
	struct fl_primaries *p = calloc(1, sizeof *p);

	if (p == NULL)
		return FL_ERR_NOMEM;
	fl_map_init(&p->routers, sizeof(uint64_t), seed);
	fl_map_init(&p->routes, sizeof(struct fl_prefix), seed);
	fl_list_init(&p->touched);
	*out = p;
	return FL_OK;
}

static void route_free(struct route *r)
{
	fl_list_del(&r->touched);
	free(r->routers);
	free(r);
}

struct fl_primaries *fl_primaries_free(struct fl_primaries *p)
{
	size_t at = 0;

	if (p == NULL)
		return NULL;
	for (struct router *r; (r = fl_map_next(&p->routers, &at)) != NULL;)
		free(r);
	at = 0;
	for (struct route *r; (r = fl_map_next(&p->routes, &at)) != NULL;)
		route_free(r);
	fl_map_done(&p->routers);
	fl_map_done(&p->routes);
	free(p);
	return NULL;
}

/* ---- prefixes ---- */

static void touch(struct fl_primaries *p, struct route *r)
{
	if (!fl_list_linked(&r->touched))
		fl_list_push(&p->touched, &r->touched);
}

static struct route *route_of(struct fl_primaries *p, const struct fl_prefix *prefix)
{
	struct route *r = fl_map_find(&p->routes, prefix);

	if (r != NULL)
		return r;
	r = calloc(1, sizeof *r);
	if (r == NULL)
		return NULL;
	fl_list_init(&r->touched);
	r->prefix = *prefix;
	if (fl_map_put(&p->routes, prefix, r) != FL_OK) {
		free(r);
		return NULL;
	}
	touch(p, r); /* one that gets no router goes again */
	return r;
}

/* Where the router stands, or would. */
static size_t place(const struct route *r, uint64_t id)
{
	return fl_u64_lower(r->routers, r->count, id);
}

static bool route_add(struct route *r, uint64_t id)
{
	if (r->count == r->cap) {
		size_t cap = r->cap > 0 ? 2 * r->cap : 2;
		uint64_t *more = realloc(r->routers, cap * sizeof *more);
		if (more == NULL)
			return false;
		r->routers = more;
		r->cap = cap;
	}
	size_t at = place(r, id);
	memmove(r->routers + at + 1, r->routers + at, (r->count - at) * sizeof *r->routers);
	r->routers[at] = id;
	r->count++;
	return true;
}

static void route_drop(struct route *r, uint64_t id)
{
	size_t at = place(r, id);

	r->count--;
	memmove(r->routers + at, r->routers + at + 1, (r->count - at) * sizeof *r->routers);
}

/* ---- routers ---- */

static struct router *find(const struct fl_primaries *p, uint64_t node)
{
	return fl_map_find(&p->routers, &node);
}

static void set_health(struct fl_primaries *p, struct router *r, bool healthy)
{
	p->unhealthy -= r->unhealthy;
	r->unhealthy = !healthy;
	p->unhealthy += r->unhealthy;
}

static void touch_all(struct fl_primaries *p, const struct router *r)
{
	for (size_t i = 0; i < r->count; i++)
		touch(p, r->at[i]);
}

/* Out of all its prefixes. */
static void leave(struct fl_primaries *p, struct router *r)
{
	touch_all(p, r);
	for (size_t i = 0; i < r->count; i++)
		route_drop(r->at[i], r->id);
	r->count = 0;
}

void fl_primaries_remove(struct fl_primaries *p, uint64_t node)
{
	struct router *r = fl_map_take(&p->routers, &node);

	if (r == NULL)
		return;
	set_health(p, r, true);
	leave(p, r);
	free(r);
}

/* Enters `r` into the prefixes; `r` has room for them. */
static bool enter(struct fl_primaries *p, struct router *r, const struct fl_prefix *subnets,
		  size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct route *route = route_of(p, &subnets[i]);
		if (route == NULL || !route_add(route, r->id))
			return false;
		touch(p, route);
		r->at[r->count++] = route;
	}
	return true;
}

static enum fl_err add(struct fl_primaries *p, uint64_t node, bool online, bool healthy,
		       const struct fl_prefix *subnets, size_t count)
{
	struct router *r = calloc(1, sizeof *r + count * sizeof(struct route *));

	if (r == NULL)
		return FL_ERR_NOMEM;
	r->id = node;
	r->online = online;
	if (!enter(p, r, subnets, count) || fl_map_put(&p->routers, &node, r) != FL_OK) {
		leave(p, r);
		free(r);
		return FL_ERR_NOMEM;
	}
	set_health(p, r, healthy);
	return FL_OK;
}

static bool serves_just(const struct router *r, const struct fl_prefix *subnets, size_t count)
{
	if (r->count != count)
		return false;
	for (size_t i = 0; i < count; i++)
		if (!fl_prefix_eq(&r->at[i]->prefix, &subnets[i]))
			return false;
	return true;
}

static enum fl_err put(struct fl_primaries *p, uint64_t node, bool online,
		       const struct fl_prefix *subnets, size_t count)
{
	struct router *r = find(p, node);
	bool healthy = r == NULL || !online || !r->unhealthy;

	if (r == NULL || !serves_just(r, subnets, count)) {
		fl_primaries_remove(p, node);
		return count > 0 ? add(p, node, online, healthy, subnets, count) : FL_OK;
	}
	if (r->online == online)
		return FL_OK;
	r->online = online;
	set_health(p, r, healthy);
	touch_all(p, r);
	return FL_OK;
}

enum fl_err fl_primaries_put(struct fl_primaries *p, uint64_t node, bool online,
			     const struct fl_prefix *served, size_t count)
{
	struct fl_prefix *subnets = NULL;
	size_t len = 0;

	if (count > 0) {
		subnets = malloc(count * sizeof *subnets);
		if (subnets == NULL) {
			fl_primaries_remove(p, node);
			return FL_ERR_NOMEM;
		}
	}
	for (size_t i = 0; i < count; i++)
		if (!fl_prefix_is_exit(&served[i]))
			subnets[len++] = served[i];
	enum fl_err err = put(p, node, online, subnets, len);
	free(subnets);
	return err;
}

bool fl_primaries_mark(struct fl_primaries *p, uint64_t node, bool healthy)
{
	struct router *r = find(p, node);

	if (r == NULL || !r->online || r->unhealthy != healthy)
		return false;
	set_health(p, r, healthy);
	touch_all(p, r);
	return true;
}

/* ---- election ---- */

bool fl_primaries_unsettled(const struct fl_primaries *p)
{
	return !fl_list_empty(&p->touched);
}

static uint64_t elect(const struct fl_primaries *p, const struct route *route)
{
	struct fl_election e = fl_election_of(route->primary);

	for (size_t i = 0; i < route->count; i++) {
		const struct router *r = find(p, route->routers[i]);
		if (r->online)
			fl_election_add(&e, r->id, !r->unhealthy);
	}
	return fl_election_winner(&e);
}

void fl_primaries_settle(struct fl_primaries *p, fl_primaries_moved *moved, void *ctx)
{
	for (struct fl_list *l; (l = fl_list_pop(&p->touched)) != NULL;) {
		struct route *r = fl_list_entry(l, struct route, touched);
		uint64_t was = r->primary;
		r->primary = elect(p, r);
		if (r->primary != was)
			moved(ctx, &r->prefix, was, r->primary);
		if (r->count > 0)
			continue;
		fl_map_take(&p->routes, &r->prefix);
		route_free(r);
	}
}

/* ---- questions ---- */

uint64_t fl_primaries_of(const struct fl_primaries *p, const struct fl_prefix *prefix)
{
	const struct route *r = fl_map_find(&p->routes, prefix);
	return r != NULL ? r->primary : 0;
}

bool fl_primaries_healthy(const struct fl_primaries *p, uint64_t node)
{
	const struct router *r = find(p, node);
	return r == NULL || !r->unhealthy;
}

size_t fl_primaries_unhealthy(const struct fl_primaries *p)
{
	return p->unhealthy;
}

uint64_t fl_primaries_next(const struct fl_primaries *p, size_t *at)
{
	const struct router *r = fl_map_next(&p->routers, at);
	return r != NULL ? r->id : 0;
}

static size_t list_candidates(const struct fl_primaries *p, const struct route *r, uint64_t *out)
{
	size_t len = 0;

	for (size_t i = 0; i < r->count; i++)
		if (find(p, r->routers[i])->online)
			out[len++] = r->routers[i];
	return len;
}

enum fl_err fl_primaries_contested(const struct fl_primaries *p, fl_primaries_contest *each,
				   void *ctx)
{
	uint64_t *nodes = NULL;
	size_t cap = 0, at = 0;

	for (const struct route *r; (r = fl_map_next(&p->routes, &at)) != NULL;) {
		if (r->count < 2)
			continue;
		if (r->count > cap) {
			free(nodes);
			nodes = malloc(r->count * sizeof *nodes);
			if (nodes == NULL)
				return FL_ERR_NOMEM;
			cap = r->count;
		}
		size_t count = list_candidates(p, r, nodes);
		if (count >= 2)
			each(ctx, nodes, count);
	}
	free(nodes);
	return FL_OK;
}
