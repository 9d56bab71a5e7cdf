/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/policy/index.c - the nodes by address and by subnet, so that a set finds them by seeking.
 *
 * Subnets overlap. They are sorted by where they begin, and each knows how far any up to it
 * reaches, which ends a walk backwards.
 */
#include "domain/policy/core.h"

#include <stdlib.h>

struct fl_index_ip {
	struct fl_ip ip;
	uint32_t slot;
};

struct fl_index_route {
	struct fl_range r;
	struct fl_ip reach; /* the highest last address so far */
	uint32_t slot;
};

static int compare_ips(const void *a, const void *b)
{
	return fl_ip_cmp(&((const struct fl_index_ip *)a)->ip,
			 &((const struct fl_index_ip *)b)->ip);
}

static int compare_routes(const void *a, const void *b)
{
	return fl_range_cmp(&((const struct fl_index_route *)a)->r,
			    &((const struct fl_index_route *)b)->r);
}

static void add_ip(struct fl_index *x, const struct fl_ip *ip, uint32_t slot)
{
	if (fl_ip_is_set(ip))
		x->ips[x->ips_len++] = (struct fl_index_ip){ *ip, slot };
}

/* All of IPv4 first: mostly that is sorted already. */
static void collect(struct fl_index *x, const struct fl_policy *p)
{
	bool sorted = true;

	for (uint32_t i = 0; i < p->slots; i++) {
		if (p->nodes[i] != NULL)
			add_ip(x, &p->nodes[i]->ip4, i);
	}
	for (uint32_t i = 0; i < p->slots; i++) {
		const struct fl_policy_facts *f = p->nodes[i];
		if (f == NULL)
			continue;
		add_ip(x, &f->ip6, i);
		for (size_t k = 0; k < f->subnets_len; k++)
			x->routes[x->routes_len++] =
				(struct fl_index_route){ .r = fl_range_of(&f->subnets[k]),
							 .slot = i };
	}
	for (size_t i = 1; i < x->ips_len && sorted; i++)
		sorted = compare_ips(&x->ips[i - 1], &x->ips[i]) <= 0;
	if (!sorted)
		qsort(x->ips, x->ips_len, sizeof *x->ips, compare_ips);
	if (x->routes_len > 1)
		qsort(x->routes, x->routes_len, sizeof *x->routes, compare_routes);
}

static size_t seek_ip(const struct fl_index *x, const struct fl_ip *ip)
{
	size_t low = 0, high = x->ips_len;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (fl_ip_cmp(&x->ips[mid].ip, ip) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* The number of routes that begin no higher than `ip`. */
static size_t routes_until(const struct fl_index *x, const struct fl_ip *ip)
{
	size_t low = 0, high = x->routes_len;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (fl_ip_cmp(&x->routes[mid].r.first, ip) <= 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static bool range_has_ip(const struct fl_index *x, const struct fl_range *r)
{
	size_t at = seek_ip(x, &r->first);
	return at < x->ips_len && fl_ip_cmp(&x->ips[at].ip, &r->last) <= 0;
}

enum fl_err fl_index_init(struct fl_index *x, const struct fl_policy *p)
{
	size_t routes = 0;

	for (uint32_t i = 0; i < p->slots; i++)
		routes += p->nodes[i] != NULL ? p->nodes[i]->subnets_len : 0;
	*x = (struct fl_index){ 0 };
	x->ips = calloc(2 * p->nodes_len + 1, sizeof *x->ips);
	x->routes = calloc(routes + 1, sizeof *x->routes);
	if (x->ips == NULL || x->routes == NULL) {
		fl_index_done(x);
		return FL_ERR_NOMEM;
	}
	collect(x, p);
	for (size_t i = 0; i < x->routes_len; i++) {
		struct fl_index_route *r = &x->routes[i];
		r->reach = r->r.last;
		if (i > 0 && fl_ip_cmp(&r[-1].reach, &r->reach) > 0)
			r->reach = r[-1].reach;
		x->stray = x->stray || range_has_ip(x, &r->r);
	}
	return FL_OK;
}

void fl_index_done(struct fl_index *x)
{
	free(x->ips);
	free(x->routes);
	*x = (struct fl_index){ 0 };
}

static bool mark(uint64_t **bits, uint32_t words, uint32_t slot)
{
	if (*bits == NULL && (*bits = fl_bits_new(words)) == NULL)
		return false;
	fl_bit_set(*bits, slot);
	return true;
}

enum fl_err fl_index_inside(const struct fl_index *x, uint32_t words, struct fl_policy_set *s)
{
	for (size_t i = 0; i < s->ips.len; i++) {
		const struct fl_range *r = &s->ips.at[i];
		for (size_t k = seek_ip(x, &r->first);
		     k < x->ips_len && fl_ip_cmp(&x->ips[k].ip, &r->last) <= 0; k++) {
			if (!mark(&s->inside, words, x->ips[k].slot))
				return FL_ERR_NOMEM;
		}
	}
	return FL_OK;
}

enum fl_err fl_index_behind(const struct fl_index *x, uint32_t words, struct fl_policy_set *s)
{
	for (size_t i = 0; i < s->ips.len && x->routes_len > 0; i++) {
		const struct fl_range *r = &s->ips.at[i];
		for (size_t k = routes_until(x, &r->last); k > 0; k--) {
			const struct fl_index_route *route = &x->routes[k - 1];
			if (fl_ip_cmp(&route->reach, &r->first) < 0)
				break;
			if (fl_ip_cmp(&route->r.last, &r->first) >= 0 &&
			    !mark(&s->behind, words, route->slot))
				return FL_ERR_NOMEM;
		}
	}
	return FL_OK;
}
