/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * base/ipset.c - sets of addresses as one sorted array of ranges.
 *
 * Every change finds its place by halving and moves the tail once, so a set of ten thousand
 * ranges takes a change in microseconds. No two ranges overlap or touch; everything here relies
 * on it.
 */
#include "base/ipset.h"

#include <stdlib.h>

#include "base/ipnum.h"

enum {
	FIRST_CAP = 4,
	FEW = 8, /* ranges added one by one rather than by a merge of the whole */
};

/* The ends of a family have no neighbour there: they wrap to its other end. */
static struct fl_ip neighbour(const struct fl_ip *ip, bool above)
{
	struct fl_ipnum n = fl_ipnum_of(ip), one = { .lo = 1 };
	return fl_ipnum_ip(above ? fl_ipnum_add(n, one) : fl_ipnum_sub(n, one), ip->family);
}

/* Does `b`, which is above `a`, stand right behind it? */
static bool follows(const struct fl_ip *a, const struct fl_ip *b)
{
	struct fl_ip next = neighbour(a, true);
	return fl_ipnum_order(&next, b) == 0;
}

/* Ranges that are none are taken for empty, never for more than they say. */
static bool is_range(const struct fl_range *r)
{
	return fl_ip_is_set(&r->first) && r->first.family == r->last.family &&
	       fl_ipnum_order(&r->first, &r->last) <= 0;
}

static enum fl_err reserve(struct fl_ipset *s, size_t len)
{
	size_t cap = s->cap < FIRST_CAP ? FIRST_CAP : s->cap;

	if (len <= s->cap)
		return FL_OK;
	while (cap < len) {
		if (cap > SIZE_MAX / 2 / sizeof *s->at)
			return FL_ERR_NOMEM;
		cap *= 2;
	}
	struct fl_range *at = realloc(s->at, cap * sizeof *at);
	if (at == NULL)
		return FL_ERR_NOMEM;
	s->at = at;
	s->cap = cap;
	return FL_OK;
}

/* Puts `n` ranges (at most two) in the place of those from `from` up to, without, `to`. */
static enum fl_err splice(struct fl_ipset *s, size_t from, size_t to, const struct fl_range *put,
			  size_t n)
{
	size_t len = s->len - (to - from) + n;
	enum fl_err err = reserve(s, len);

	if (err != FL_OK)
		return err;
	if (to < s->len)
		memmove(s->at + from + n, s->at + to, (s->len - to) * sizeof *s->at);
	if (n > 0)
		memcpy(s->at + from, put, n * sizeof *put);
	s->len = len;
	return FL_OK;
}

/* Index of the first range that begins above `ip`. */
static size_t seek_above(const struct fl_ipset *s, const struct fl_ip *ip)
{
	size_t low = 0, high = s->len;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (fl_ipnum_order(&s->at[mid].first, ip) > 0)
			high = mid;
		else
			low = mid + 1;
	}
	return low;
}

size_t fl_ipset_seek(const struct fl_ipset *s, const struct fl_ip *ip)
{
	size_t low = 0, high = s->len;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (fl_ipnum_order(&s->at[mid].last, ip) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

void fl_ipset_done(struct fl_ipset *s)
{
	free(s->at);
	*s = (struct fl_ipset){ 0 };
}

enum fl_err fl_ipset_add(struct fl_ipset *s, const struct fl_range *r)
{
	if (!is_range(r))
		return FL_OK;

	struct fl_range sum = *r;
	size_t from = fl_ipset_seek(s, &r->first), to = seek_above(s, &r->last);
	if (from > 0 && follows(&s->at[from - 1].last, &r->first))
		from--;
	if (to < s->len && follows(&r->last, &s->at[to].first))
		to++;
	if (from < to) {
		if (fl_ipnum_order(&s->at[from].first, &sum.first) < 0)
			sum.first = s->at[from].first;
		if (fl_ipnum_order(&s->at[to - 1].last, &sum.last) > 0)
			sum.last = s->at[to - 1].last;
	}
	return splice(s, from, to, &sum, 1);
}

enum fl_err fl_ipset_add_prefix(struct fl_ipset *s, const struct fl_prefix *p)
{
	struct fl_range r = fl_range_of(p);
	return fl_ipset_add(s, &r);
}

enum fl_err fl_ipset_add_ip(struct fl_ipset *s, const struct fl_ip *ip)
{
	return fl_ipset_add(s, &(struct fl_range){ *ip, *ip });
}

/* Appends a range that begins no lower than the last one; there is room. */
static void append(struct fl_ipset *s, const struct fl_range *r)
{
	if (s->len == 0) {
		s->at[s->len++] = *r;
		return;
	}
	struct fl_range *end = &s->at[s->len - 1];
	if (fl_ipnum_order(&r->first, &end->last) > 0 && !follows(&end->last, &r->first))
		s->at[s->len++] = *r;
	else if (fl_ipnum_order(&r->last, &end->last) > 0)
		end->last = r->last;
}

static enum fl_err merge(struct fl_ipset *s, const struct fl_ipset *more)
{
	struct fl_ipset sum = { 0 };
	enum fl_err err = reserve(&sum, s->len + more->len);

	if (err != FL_OK)
		return err;
	for (size_t i = 0, k = 0; i < s->len || k < more->len;) {
		bool ours =
			k == more->len ||
			(i < s->len && fl_ipnum_order(&s->at[i].first, &more->at[k].first) <= 0);
		append(&sum, ours ? &s->at[i++] : &more->at[k++]);
	}
	free(s->at);
	*s = sum;
	return FL_OK;
}

enum fl_err fl_ipset_add_set(struct fl_ipset *s, const struct fl_ipset *more)
{
	if (s == more || more->len == 0)
		return FL_OK;
	if (more->len > FEW)
		return merge(s, more);

	enum fl_err err = reserve(s, s->len + more->len); /* from here on nothing can fail */
	for (size_t i = 0; i < more->len && err == FL_OK; i++)
		err = fl_ipset_add(s, &more->at[i]);
	return err;
}

enum fl_err fl_ipset_remove(struct fl_ipset *s, const struct fl_range *r)
{
	struct fl_range keep[2];
	size_t kept = 0;

	if (!is_range(r))
		return FL_OK;
	size_t from = fl_ipset_seek(s, &r->first), to = seek_above(s, &r->last);
	if (from >= to)
		return FL_OK;
	if (fl_ipnum_order(&s->at[from].first, &r->first) < 0)
		keep[kept++] = (struct fl_range){ s->at[from].first, neighbour(&r->first, false) };
	if (fl_ipnum_order(&s->at[to - 1].last, &r->last) > 0)
		keep[kept++] = (struct fl_range){ neighbour(&r->last, true), s->at[to - 1].last };
	return splice(s, from, to, keep, kept);
}

static int cmp_for_sort(const void *a, const void *b)
{
	return fl_range_cmp(a, b);
}

/* Ranges mostly come in order: then there is nothing to sort. */
static void sort(struct fl_range *at, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		if (fl_range_cmp(&at[i - 1], &at[i]) > 0) {
			qsort(at, n, sizeof *at, cmp_for_sort);
			return;
		}
	}
}

enum fl_err fl_ipset_build(struct fl_ipset *s, const struct fl_range *ranges, size_t n)
{
	struct fl_ipset all = { 0 };
	enum fl_err err = n > 0 ? reserve(&all, n) : FL_OK;
	size_t len = 0;

	if (err != FL_OK)
		return err;
	for (size_t i = 0; i < n; i++) {
		if (is_range(&ranges[i]))
			all.at[len++] = ranges[i];
	}
	sort(all.at, len);
	for (size_t i = 0; i < len; i++) { /* the sum never outgrows what was read */
		struct fl_range r = all.at[i];
		append(&all, &r);
	}
	free(s->at);
	*s = all;
	return FL_OK;
}

enum fl_err fl_ipset_copy(const struct fl_ipset *src, struct fl_ipset *out)
{
	struct fl_ipset copy = { 0 };

	if (src->len > 0) {
		copy.at = malloc(src->len * sizeof *copy.at);
		if (copy.at == NULL)
			return FL_ERR_NOMEM;
		memcpy(copy.at, src->at, src->len * sizeof *copy.at);
		copy.len = copy.cap = src->len;
	}
	*out = copy;
	return FL_OK;
}

bool fl_ipset_eq(const struct fl_ipset *a, const struct fl_ipset *b)
{
	return a->len == b->len &&
	       (a->len == 0 || memcmp(a->at, b->at, a->len * sizeof *a->at) == 0);
}

bool fl_ipset_has(const struct fl_ipset *s, const struct fl_ip *ip)
{
	return fl_ipset_covers(s, &(struct fl_range){ *ip, *ip });
}

bool fl_ipset_overlaps(const struct fl_ipset *s, const struct fl_range *r)
{
	if (!is_range(r))
		return false;
	size_t i = fl_ipset_seek(s, &r->first);
	return i < s->len && fl_ipnum_order(&s->at[i].first, &r->last) <= 0;
}

bool fl_ipset_overlaps_set(const struct fl_ipset *a, const struct fl_ipset *b)
{
	const struct fl_ipset *few = a->len < b->len ? a : b, *many = few == a ? b : a;

	for (size_t i = 0; i < few->len; i++) {
		if (fl_ipset_overlaps(many, &few->at[i]))
			return true;
	}
	return false;
}

bool fl_ipset_covers(const struct fl_ipset *s, const struct fl_range *r)
{
	if (!is_range(r))
		return false;
	size_t i = fl_ipset_seek(s, &r->first);
	return i < s->len && fl_range_covers(&s->at[i], r);
}

bool fl_ipset_covers_set(const struct fl_ipset *outer, const struct fl_ipset *inner)
{
	for (size_t i = 0; i < inner->len; i++) {
		if (!fl_ipset_covers(outer, &inner->at[i]))
			return false;
	}
	return true;
}
