/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/policy/source.c - the list of source strings of a rule (policy.md 4.4).
 *
 * A string stands for a range and a range for a string, but for served single addresses, which
 * are written as prefixes. So lists are compared as ranges, and rendered when they are needed:
 * once, sorted bytewise as the hosted service sends them (12 D3).
 */
#include "domain/policy/core.h"

#include <stdlib.h>

enum { TEXT_MAX = 1 << 30 };

struct list {
	struct fl_range *at;
	size_t len, cap;
	enum fl_err err; /* sticks */
};

static void put(struct list *l, const struct fl_range *r)
{
	if (l->err == FL_OK && l->len == l->cap) {
		size_t cap = l->cap > 0 ? l->cap * 2 : 16;
		struct fl_range *at = realloc(l->at, cap * sizeof *at);
		if (at == NULL) {
			l->err = FL_ERR_NOMEM;
			return;
		}
		l->at = at;
		l->cap = cap;
	}
	if (l->err == FL_OK)
		l->at[l->len++] = *r;
}

static void put_set(struct list *l, const struct fl_ipset *ips)
{
	for (size_t i = 0; i < ips->len; i++)
		put(l, &ips->at[i]);
}

static void put_served(struct list *l, const struct fl_served *served, bool hosts)
{
	for (size_t i = 0; i < served->len; i++) {
		const struct fl_prefix *p = &served->at[i];
		struct fl_range r = fl_range_of(p);
		if ((p->bits == fl_ip_width(&p->ip)) == hosts)
			put(l, &r);
	}
}

static int compare(const void *a, const void *b)
{
	return fl_range_cmp(a, b);
}

static size_t unique(struct fl_range *at, size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++) {
		if (kept == 0 || fl_range_cmp(&at[kept - 1], &at[i]) != 0)
			at[kept++] = at[i];
	}
	return kept;
}

static void put_union(struct list *l, const struct fl_policy *p, const struct fl_source_spec *spec)
{
	struct fl_ipset sum = { 0 };
	enum fl_err err = fl_ipset_add_set(&sum, &p->fixed[FL_SET_WILDCARD]->ips);

	for (size_t i = 0; i < spec->alias_len && err == FL_OK; i++)
		err = fl_ipset_add_set(&sum, &p->sets[spec->alias[i]]->ips);
	if (err == FL_OK)
		put_set(l, &sum);
	else
		l->err = err;
	fl_ipset_done(&sum);
}

static enum fl_err fill(const struct fl_policy *p, const struct fl_source_spec *spec,
			struct fl_source *s)
{
	struct list l = { 0 };

	if (spec->strings == FL_STRINGS_CONCAT && spec->wild)
		put_set(&l, &p->fixed[FL_SET_WILDCARD]->ips);
	else if (spec->wild)
		put_union(&l, p, spec);
	for (size_t i = 0; i < spec->alias_len && spec->strings != FL_STRINGS_UNION; i++)
		put_set(&l, &p->sets[spec->alias[i]]->ips);
	if (spec->wild)
		put_served(&l, p->core->served, false);
	if (l.len > 1)
		qsort(l.at, l.len, sizeof *l.at, compare);
	l.len = unique(l.at, l.len);
	s->len = l.len;
	if (spec->wild)
		put_served(&l, p->core->served, true);
	if (l.err != FL_OK) {
		free(l.at);
		return l.err;
	}
	s->own = l.at;
	s->hosts = l.len - s->len;
	return FL_OK;
}

static const struct fl_range *ranges(const struct fl_source *s)
{
	return s->set != NULL ? s->set->ips.at : s->own;
}

static struct fl_source *blank(void)
{
	struct fl_source *s = calloc(1, sizeof *s);

	if (s == NULL)
		return NULL;
	atomic_init(&s->refs, 1);
	atomic_init(&s->text, NULL);
	return s;
}

struct fl_source *fl_source_ref(struct fl_source *s)
{
	atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
	return s;
}

struct fl_source *fl_source_unref(struct fl_source *s)
{
	if (s == NULL || atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) != 1)
		return NULL;
	fl_policy_set_unref((struct fl_policy_set *)(uintptr_t)s->set);
	free(s->own);
	fl_bytes_unref(atomic_load_explicit(&s->text, memory_order_acquire));
	free(s);
	return NULL;
}

struct fl_source *fl_source_of_set(const struct fl_policy_set *set)
{
	struct fl_source *s = blank();

	if (s == NULL)
		return NULL;
	s->set = fl_policy_set_ref(set);
	s->len = set->ips.len;
	s->hash = set->hash;
	return s;
}

struct fl_source *fl_source_of_ranges(struct fl_range *own, size_t len)
{
	struct fl_source *s = blank();

	if (s == NULL) {
		free(own);
		return NULL;
	}
	s->own = own;
	s->len = len;
	s->hash = fl_ranges_hash(own, len);
	return s;
}

enum fl_err fl_source_new(const struct fl_policy *p, const struct fl_source_spec *spec,
			  struct fl_source **out)
{
	bool plain = spec->strings == FL_STRINGS_UNION && !spec->wild;
	struct fl_source *s = plain ? fl_source_of_set(p->core->sides[spec->side]) : blank();

	if (s == NULL)
		return FL_ERR_NOMEM;
	s->any = spec->strings == FL_STRINGS_ANY;
	if (!plain && !s->any) {
		enum fl_err err = fill(p, spec, s);
		if (err != FL_OK) {
			fl_source_unref(s);
			return err;
		}
		s->hash = fl_ranges_hash(s->own, s->len + s->hosts);
	}
	*out = s;
	return FL_OK;
}

bool fl_source_eq(const struct fl_source *a, const struct fl_source *b)
{
	if (a == b)
		return true;
	if (a->any || b->any)
		return a->any == b->any;
	size_t n = a->len + a->hosts;
	return a->hash == b->hash && a->len == b->len && a->hosts == b->hosts &&
	       (n == 0 || memcmp(ranges(a), ranges(b), n * sizeof(struct fl_range)) == 0);
}

bool fl_source_is_empty(const struct fl_source *s)
{
	return !s->any && s->len + s->hosts == 0;
}

/* ---- text ---- */

struct text {
	char at[FL_RANGE_TEXT_MAX];
};

static int compare_texts(const void *a, const void *b)
{
	return strcmp(((const struct text *)a)->at, ((const struct text *)b)->at);
}

static void format_host(const struct fl_range *r, struct text *out)
{
	const struct fl_prefix host = fl_prefix_host(&r->first);

	fl_prefix_format(&host, out->at);
}

static struct fl_bytes *render(const struct fl_source *s)
{
	size_t n = s->len + s->hosts;
	struct text *texts = malloc((n + 1) * sizeof *texts);
	struct fl_buf b = fl_buf_make(TEXT_MAX);

	if (texts == NULL)
		return NULL;
	for (size_t i = 0; i < s->len; i++)
		fl_range_format(&ranges(s)[i], texts[i].at);
	for (size_t i = s->len; i < n; i++)
		format_host(&ranges(s)[i], &texts[i]);
	if (n > 1)
		qsort(texts, n, sizeof *texts, compare_texts);
	fl_buf_byte(&b, '[');
	for (size_t i = 0; i < n; i++) {
		fl_buf_str(&b, i > 0 ? ",\"" : "\"");
		fl_buf_str(&b, texts[i].at);
		fl_buf_byte(&b, '"');
	}
	fl_buf_str(&b, s->any ? "\"*\"]" : "]");
	free(texts);
	struct fl_bytes *bytes = fl_buf_err(&b) == FL_OK ? fl_bytes_new(fl_buf_slice(&b)) : NULL;
	fl_buf_done(&b);
	return bytes;
}

/* Whoever comes first leaves the text; two at once make it twice and one of them drops it. */
const struct fl_bytes *fl_source_text(struct fl_source *s)
{
	struct fl_bytes *have = atomic_load_explicit(&s->text, memory_order_acquire);

	if (have != NULL)
		return have;
	struct fl_bytes *fresh = render(s);
	if (fresh == NULL)
		return NULL;
	if (atomic_compare_exchange_strong_explicit(&s->text, &have, fresh, memory_order_acq_rel,
						    memory_order_acquire))
		return fresh;
	fl_bytes_unref(fresh);
	return have;
}
