/* SPDX-License-Identifier: BSD-3-Clause */
/* domain/ipam/ipam.c - a hash of the addresses in use and a cursor; nothing grows with 2^bits. */
#include "domain/ipam/ipam.h"

#include <assert.h>
#include <stdlib.h>

#include "base/map.h"

struct fl_ipam {
	struct fl_prefix prefix;
	struct fl_ip first, last; /* the usable ones, ends included */
	bool random;
	struct fl_map used; /* struct fl_ip to a mark */
	struct fl_ipam_cursor at;
};

static_assert(sizeof(struct fl_ip) == 17, "an address is a key of the map: no padding");

static char mark; /* what the map's entries point to */

/* DM constants: service addresses that clients use for themselves. */
static const struct fl_prefix reserved[] = {
	{ { FL_IP_V4, { 100, 115, 92, 0 } }, 23 },
	{ { FL_IP_V4, { 100, 100, 100, 100 } }, 32 },
	{ { FL_IP_V6, { 0xfd, 0x7a, 0x11, 0x5c, 0xa1, 0xe0, [15] = 0x53 } }, 128 },
};

static struct fl_ip last_of(const struct fl_prefix *p)
{
	struct fl_ip ip = p->ip;
	for (unsigned bit = p->bits; bit < fl_ip_width(&ip); bit++)
		ip.b[bit / 8] |= (uint8_t)(0x80u >> bit % 8);
	return ip;
}

/* The usable addresses of a prefix, ends included. */
static void bounds(const struct fl_prefix *p, struct fl_ip *first, struct fl_ip *last)
{
	unsigned width = fl_ip_width(&p->ip);

	*first = p->ip;
	*last = last_of(p);
	if (p->bits > width - 2)
		return;
	(void)fl_ip_next(first);
	if (width == 32)
		last->b[3] &= 0xfe;
}

enum fl_err fl_ipam_new(const struct fl_prefix *prefix, bool random, const struct fl_rng *rng,
			const uint8_t seed[16], struct fl_ipam **out)
{
	if (!fl_ip_is_set(&prefix->ip) || prefix->bits > fl_ip_width(&prefix->ip))
		return FL_ERR_INVALID;
	struct fl_ipam *a = calloc(1, sizeof *a);
	if (a == NULL)
		return FL_ERR_NOMEM;

	a->prefix = *prefix;
	fl_prefix_mask(&a->prefix);
	a->random = random;
	fl_map_init(&a->used, sizeof(struct fl_ip), seed);
	bounds(&a->prefix, &a->first, &a->last);
	a->at.next = a->first;
	a->at.rng = *rng;
	*out = a;
	return FL_OK;
}

struct fl_ipam *fl_ipam_free(struct fl_ipam *a)
{
	if (a != NULL)
		fl_map_done(&a->used);
	free(a);
	return NULL;
}

bool fl_ipam_used(const struct fl_ipam *a, const struct fl_ip *ip)
{
	return fl_map_find(&a->used, ip) != NULL;
}

size_t fl_ipam_count(const struct fl_ipam *a)
{
	return a->used.len;
}

/* If `ip` is reserved, moves it to the end of that range. */
static bool skip_reserved(struct fl_ip *ip)
{
	for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++) {
		if (!fl_prefix_has(&reserved[i], ip))
			continue;
		*ip = last_of(&reserved[i]);
		return true;
	}
	return false;
}

/* The first free address in [from, to], in order. */
static bool scan(const struct fl_ipam *a, struct fl_ip from, const struct fl_ip *to,
		 struct fl_ip *out)
{
	for (struct fl_ip ip = from; fl_ip_cmp(&ip, to) <= 0;) {
		if (!skip_reserved(&ip) && !fl_ipam_used(a, &ip)) {
			*out = ip;
			return true;
		}
		if (!fl_ip_next(&ip))
			return false;
	}
	return false;
}

static void set_next_after(struct fl_ipam *a, const struct fl_ip *ip)
{
	a->at.next = *ip;
	if (fl_ip_cmp(ip, &a->last) >= 0)
		a->at.next = (struct fl_ip){ 0 };
	else
		(void)fl_ip_next(&a->at.next);
}

static bool find_next(struct fl_ipam *a, struct fl_ip *out)
{
	struct fl_ipam_cursor *at = &a->at;

	if (!fl_ip_is_set(&at->next) || !scan(a, at->next, &a->last, out)) {
		at->next = (struct fl_ip){ 0 };
		if (!fl_ip_is_set(&at->low) || !scan(a, at->low, &a->last, out))
			return false;
		at->low = (struct fl_ip){ 0 };
	}
	set_next_after(a, out);
	return true;
}

static bool find_random(struct fl_ipam *a, struct fl_ip *out)
{
	struct fl_ip start = a->prefix.ip;

	for (unsigned bit = a->prefix.bits; bit < fl_ip_width(&start); bit++)
		if (fl_rng_next(&a->at.rng) >> 63)
			start.b[bit / 8] |= (uint8_t)(0x80u >> bit % 8);
	if (fl_ip_cmp(&start, &a->first) < 0)
		start = a->first;
	if (fl_ip_cmp(&start, &a->last) > 0)
		start = a->last;
	return scan(a, start, &a->last, out) || scan(a, a->first, &start, out);
}

enum fl_err fl_ipam_take(struct fl_ipam *a, struct fl_ip *out)
{
	struct fl_ipam_cursor before = a->at;
	struct fl_ip ip;

	if (a->at.full)
		return FL_ERR_FULL;
	if (!(a->random ? find_random(a, &ip) : find_next(a, &ip))) {
		a->at.full = true;
		return FL_ERR_FULL;
	}
	enum fl_err err = fl_map_put(&a->used, &ip, &mark);
	if (err != FL_OK) {
		a->at = before;
		return err;
	}
	*out = ip;
	return FL_OK;
}

enum fl_err fl_ipam_take_from(struct fl_ipam *a, const struct fl_prefix *pools, size_t count,
			      struct fl_ip *out)
{
	for (size_t i = 0; i < count; i++) {
		struct fl_prefix pool = pools[i];
		struct fl_ip first, last, ip;
		fl_prefix_mask(&pool);
		bounds(&pool, &first, &last);
		if (!scan(a, first, &last, &ip))
			continue;
		enum fl_err err = fl_map_put(&a->used, &ip, &mark);
		if (err == FL_OK)
			*out = ip;
		return err;
	}
	return FL_ERR_FULL;
}

static bool is_ours(const struct fl_ipam *a, const struct fl_ip *ip)
{
	return ip->family == a->first.family && fl_ip_cmp(ip, &a->first) >= 0 &&
	       fl_ip_cmp(ip, &a->last) <= 0;
}

static void lower(struct fl_ipam_cursor *at, const struct fl_ip *ip)
{
	if (!fl_ip_is_set(&at->low) || fl_ip_cmp(ip, &at->low) < 0)
		at->low = *ip;
}

enum fl_err fl_ipam_mark(struct fl_ipam *a, const struct fl_ip *ip)
{
	if (fl_ipam_used(a, ip))
		return FL_ERR_EXISTS;
	enum fl_err err = fl_map_put(&a->used, ip, &mark);
	if (err != FL_OK)
		return err;
	if (!is_ours(a, ip) || !fl_ip_is_set(&a->at.next) || fl_ip_cmp(ip, &a->at.next) < 0)
		return FL_OK;

	if (fl_ip_cmp(ip, &a->at.next) > 0)
		lower(&a->at, &a->at.next); /* a gap stays behind */
	set_next_after(a, ip);
	return FL_OK;
}

void fl_ipam_release(struct fl_ipam *a, const struct fl_ip *ip)
{
	if (fl_map_take(&a->used, ip) == NULL || !is_ours(a, ip))
		return;
	a->at.full = false;
	if (!fl_ip_is_set(&a->at.next) || fl_ip_cmp(ip, &a->at.next) < 0)
		lower(&a->at, ip);
}

struct fl_ipam_cursor fl_ipam_tell(const struct fl_ipam *a)
{
	return a->at;
}

void fl_ipam_seek(struct fl_ipam *a, const struct fl_ipam_cursor *c)
{
	a->at = *c;
}
