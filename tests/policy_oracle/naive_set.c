/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/policy_oracle/naive_set.c - address sets as sorted ranges, and their texts. */
#include "naive_impl.h"

#include <stdio.h>
#include <stdlib.h>

void *nalloc(struct naive *n, size_t count, size_t size)
{
	void *p = fl_arena_array(&n->mem, count + 1, size);

	if (p == NULL)
		abort();
	return p;
}

/* ---- numbers ---- */

static nwide number(const struct fl_ip *ip)
{
	nwide v = 0;

	for (size_t i = 0; i < fl_ip_width(ip) / 8u; i++)
		v = v << 8 | ip->b[i];
	return v;
}

static struct fl_ip address(uint8_t family, nwide v)
{
	struct fl_ip ip = { .family = family };

	for (size_t i = fl_ip_width(&ip) / 8u; i > 0; i--, v >>= 8)
		ip.b[i - 1] = (uint8_t)v;
	return ip;
}

static nwide all_ones(unsigned bits)
{
	return bits == 0 ? 0 : ~(nwide)0 >> (128 - bits);
}

static struct nrange range_of(const struct fl_prefix *p)
{
	nwide host = all_ones((unsigned)fl_ip_width(&p->ip) - p->bits);
	nwide v = number(&p->ip);

	return (struct nrange){ .family = p->ip.family, .lo = v & ~host, .hi = v | host };
}

/* ---- sets ---- */

static bool before(const struct nrange *a, const struct nrange *b)
{
	return a->family != b->family ? a->family < b->family : a->lo < b->lo;
}

static void fuse(struct nset *s)
{
	size_t out = 0;

	for (size_t i = 1; i < s->len; i++) {
		struct nrange *last = &s->at[out], *r = &s->at[i];
		bool touches =
			r->family == last->family && (r->lo <= last->hi || r->lo - last->hi == 1);
		if (!touches)
			s->at[++out] = *r;
		else if (r->hi > last->hi)
			last->hi = r->hi;
	}
	if (s->len > 0)
		s->len = out + 1;
}

void nset_add(struct naive *n, struct nset *s, struct nrange r)
{
	size_t i;

	if (s->len == s->cap) {
		struct nrange *more = nalloc(n, s->cap * 2 + 2, sizeof *more);
		for (i = 0; i < s->len; i++)
			more[i] = s->at[i];
		s->at = more;
		s->cap = s->cap * 2 + 2;
	}
	for (i = s->len; i > 0 && before(&r, &s->at[i - 1]); i--)
		s->at[i] = s->at[i - 1];
	s->at[i] = r;
	s->len++;
	fuse(s);
}

void nset_add_prefix(struct naive *n, struct nset *s, const struct fl_prefix *p)
{
	nset_add(n, s, range_of(p));
}

void nset_add_ip(struct naive *n, struct nset *s, const struct fl_ip *ip)
{
	if (fl_ip_is_set(ip))
		nset_add(n, s,
			 (struct nrange){
				 .family = ip->family, .lo = number(ip), .hi = number(ip) });
}

void nset_unite(struct naive *n, struct nset *s, const struct nset *other)
{
	for (size_t i = 0; i < other->len; i++)
		nset_add(n, s, other->at[i]);
}

static void remove_range(struct naive *n, struct nset *s, const struct nrange *r)
{
	struct nset left = { 0 };

	for (size_t i = 0; i < s->len; i++) {
		struct nrange x = s->at[i];
		if (x.family != r->family || x.hi < r->lo || x.lo > r->hi) {
			nset_add(n, &left, x);
			continue;
		}
		if (x.lo < r->lo)
			nset_add(
				n, &left,
				(struct nrange){ .family = x.family, .lo = x.lo, .hi = r->lo - 1 });
		if (x.hi > r->hi)
			nset_add(
				n, &left,
				(struct nrange){ .family = x.family, .lo = r->hi + 1, .hi = x.hi });
	}
	*s = left;
}

void nset_remove(struct naive *n, struct nset *s, const struct nset *other)
{
	for (size_t i = 0; i < other->len; i++)
		remove_range(n, s, &other->at[i]);
}

static bool covers_range(const struct nset *s, const struct nrange *r)
{
	for (size_t i = 0; i < s->len; i++)
		if (s->at[i].family == r->family && s->at[i].lo <= r->lo && r->hi <= s->at[i].hi)
			return true;
	return false;
}

bool nset_has(const struct nset *s, const struct fl_ip *ip)
{
	struct nrange r = { .family = ip->family, .lo = number(ip), .hi = number(ip) };

	return fl_ip_is_set(ip) && covers_range(s, &r);
}

bool nset_overlaps(const struct nset *s, const struct fl_prefix *p)
{
	struct nrange r = range_of(p);

	for (size_t i = 0; i < s->len; i++)
		if (s->at[i].family == r.family && s->at[i].lo <= r.hi && r.lo <= s->at[i].hi)
			return true;
	return false;
}

bool nset_covers(const struct nset *outer, const struct nset *inner)
{
	for (size_t i = 0; i < inner->len; i++)
		if (!covers_range(outer, &inner->at[i]))
			return false;
	return true;
}

/* ---- views ---- */

/* The widest prefix that begins at `lo` and does not reach beyond `hi`. */
static struct fl_prefix first_prefix(const struct nrange *r)
{
	struct fl_prefix p = { .ip = address(r->family, r->lo) };
	unsigned width = fl_ip_width(&p.ip), host = 0;

	while (host < width && (r->lo & all_ones(host + 1)) == 0 &&
	       (r->lo | all_ones(host + 1)) <= r->hi)
		host++;
	p.bits = (uint8_t)(width - host);
	return p;
}

struct nprefixes nset_prefixes(struct naive *n, const struct nset *s)
{
	struct nprefixes out = { .at = nalloc(n, s->len * 256, sizeof *out.at) };

	for (size_t i = 0; i < s->len; i++) {
		struct nrange r = s->at[i];
		for (;;) {
			struct fl_prefix p = first_prefix(&r);
			nwide last = range_of(&p).hi;
			out.at[out.len++] = p;
			if (last == r.hi)
				break;
			r.lo = last + 1;
		}
	}
	return out;
}

void nprefix_append(const struct fl_prefix *p, bool bare, json_t *list)
{
	char text[FL_PREFIX_TEXT_MAX];

	if (bare && p->bits == fl_ip_width(&p->ip))
		fl_ip_format(&p->ip, text);
	else
		fl_prefix_format(p, text);
	json_array_append_new(list, json_string(text));
}

void nset_append_texts(const struct nset *s, json_t *list)
{
	for (size_t i = 0; i < s->len; i++) {
		struct fl_prefix p = first_prefix(&s->at[i]);
		if (range_of(&p).hi == s->at[i].hi) {
			nprefix_append(&p, true, list);
			continue;
		}
		struct fl_ip hi = address(s->at[i].family, s->at[i].hi);
		char first[FL_IP_TEXT_MAX], last[FL_IP_TEXT_MAX], both[2 * FL_IP_TEXT_MAX];
		fl_ip_format(&p.ip, first);
		fl_ip_format(&hi, last);
		snprintf(both, sizeof both, "%s-%s", first, last);
		json_array_append_new(list, json_string(both));
	}
}

/* ---- strings of rules: section 0, "Matcher" ---- */

static const struct fl_prefix everything[2] = { { .ip = { .family = FL_IP_V4 } },
						{ .ip = { .family = FL_IP_V6 } } };

struct nset nset_of_text(struct naive *n, const char *text)
{
	struct nset s = { 0 };
	struct fl_ip lo, hi;
	struct fl_prefix p;
	const char *dash = strchr(text, '-');

	if (strcmp(text, "*") == 0) {
		nset_add_prefix(n, &s, &everything[0]);
		nset_add_prefix(n, &s, &everything[1]);
	} else if (dash != NULL) {
		if (fl_ip_parse(fl_slice_of(text, (size_t)(dash - text)), &lo) == FL_OK &&
		    fl_ip_parse(fl_slice_str(dash + 1), &hi) == FL_OK && lo.family == hi.family &&
		    number(&lo) <= number(&hi))
			nset_add(n, &s,
				 (struct nrange){ .family = lo.family,
						  .lo = number(&lo),
						  .hi = number(&hi) });
	} else if (fl_prefix_parse(fl_slice_str(text), &p) == FL_OK) {
		if (range_of(&p).lo == number(&p.ip))
			nset_add_prefix(n, &s, &p);
	} else if (fl_ip_parse(fl_slice_str(text), &lo) == FL_OK) {
		nset_add_ip(n, &s, &lo);
	}
	return s;
}

bool nprefix_overlap(const struct fl_prefix *a, const struct fl_prefix *b)
{
	struct nrange x = range_of(a), y = range_of(b);

	return x.family == y.family && x.lo <= y.hi && y.lo <= x.hi;
}

/* ---- lists of texts ---- */

static int by_text(const void *a, const void *b)
{
	return strcmp(json_string_value(*(json_t *const *)a),
		      json_string_value(*(json_t *const *)b));
}

json_t *njson_sorted(json_t *list)
{
	size_t count = json_array_size(list);
	json_t **items = calloc(count + 1, sizeof(json_t *)), *out = json_array();

	if (items == NULL)
		abort();
	for (size_t i = 0; i < count; i++)
		items[i] = json_array_get(list, i);
	qsort(items, count, sizeof(json_t *), by_text);
	for (size_t i = 0; i < count; i++)
		json_array_append(out, items[i]);
	free(items);
	json_decref(list);
	return out;
}

bool njson_has(const json_t *list, const char *text)
{
	for (size_t i = 0; i < json_array_size(list); i++)
		if (strcmp(json_string_value(json_array_get(list, i)), text) == 0)
			return true;
	return false;
}
