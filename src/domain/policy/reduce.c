/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/policy/reduce.c - what of a destination concerns one node (policy.md 4.10).
 *
 * The node's addresses, its subnets and the internet for an exit node are one sorted list of
 * ranges; the ranges of a destination are another. Entries are found by walking the first and
 * seeking in the second, so a large destination costs no more than what is kept of it.
 */
#include "domain/policy/core.h"

#include <stdlib.h>

static enum fl_err fill(const struct fl_policy_facts *f, struct fl_near *n)
{
	const struct fl_ipset internet = fl_fixed_view(FL_SET_INTERNET);
	enum fl_err err = FL_OK;

	for (size_t i = 0; i < f->subnets_len && err == FL_OK; i++)
		err = fl_ipset_add_prefix(&n->subnets, &f->subnets[i]);
	if (err == FL_OK)
		err = fl_ipset_copy(&n->subnets, &n->own);
	if (err == FL_OK)
		err = fl_ipset_add_ip(&n->own, &f->ip4);
	if (err == FL_OK)
		err = fl_ipset_add_ip(&n->own, &f->ip6);
	if (err == FL_OK && n->exit)
		err = fl_ipset_copy(&n->own, &n->all);
	if (err == FL_OK && n->exit)
		err = fl_ipset_add_set(&n->all, &internet);
	return err;
}

enum fl_err fl_near_init(const struct fl_policy_facts *f, struct fl_near *out)
{
	struct fl_near n = { .node = f, .exit = f->exits_len > 0 };
	enum fl_err err = fill(f, &n);

	if (err != FL_OK) {
		fl_near_done(&n);
		return err;
	}
	*out = n;
	return FL_OK;
}

void fl_near_done(struct fl_near *n)
{
	fl_ipset_done(&n->subnets);
	fl_ipset_done(&n->own);
	fl_ipset_done(&n->all);
}

bool fl_near_keeps(const struct fl_near *n, const struct fl_range *entry)
{
	const struct fl_ipset internet = fl_fixed_view(FL_SET_INTERNET);

	return fl_ipset_overlaps(&n->own, entry) || (n->exit && fl_ipset_covers(&internet, entry));
}

/* ---- walks ---- */

/* The next range of `in` that overlaps one of `by`; both cursors only go up. */
struct walk {
	const struct fl_ipset *by, *in;
	size_t at, next;
};

static const struct fl_range *next_range(struct walk *w)
{
	for (; w->at < w->by->len; w->at++) {
		const struct fl_range *r = &w->by->at[w->at];
		size_t i = fl_ipset_seek(w->in, &r->first);
		if (i < w->next)
			i = w->next; /* seen with the range before */
		if (i < w->in->len && fl_range_overlaps(&w->in->at[i], r)) {
			w->next = i + 1;
			return &w->in->at[i];
		}
	}
	return NULL;
}

/* ---- ports ---- */

void fl_put_entry(const char *ip, const struct fl_line *line, bool *first, struct fl_buf *out)
{
	for (size_t i = 0; i < line->ports_len; i++) {
		fl_buf_str(out, *first ? "{\"IP\":\"" : ",{\"IP\":\"");
		fl_buf_str(out, ip);
		fl_buf_printf(out, "\",\"Ports\":{\"First\":%u,\"Last\":%u}}", line->ports[i].first,
			      line->ports[i].last);
		*first = false;
	}
}

static void format_range(const struct fl_range *r, char out[static FL_RANGE_TEXT_MAX])
{
	fl_ip_format(&r->first, out);
	size_t len = strlen(out);
	out[len++] = '-';
	fl_ip_format(&r->last, out + len);
}

static bool keeps(const struct fl_near *n, enum fl_form form, const struct fl_range *entry)
{
	return form == FL_FORM_CIDR ? fl_ipset_overlaps(&n->subnets, entry)
				    : fl_near_keeps(n, entry);
}

static void put_prefixes(const struct fl_near *n, const struct fl_range *range, enum fl_form form,
			 const struct fl_line *line, bool *first, struct fl_buf *out)
{
	struct fl_range rest = *range;
	struct fl_prefix p;
	char text[FL_PREFIX_TEXT_MAX];

	while (fl_range_next_prefix(&rest, &p)) {
		struct fl_range r = fl_range_of(&p);
		if (!keeps(n, form, &r))
			continue;
		if (form == FL_FORM_USUAL && p.bits == fl_ip_width(&p.ip))
			fl_ip_format(&p.ip, text);
		else
			fl_prefix_format(&p, text);
		fl_put_entry(text, line, first, out);
	}
}

void fl_put_entries(const struct fl_near *n, const struct fl_ipset *ips, enum fl_form form,
		    const struct fl_line *line, bool *first, struct fl_buf *out)
{
	const struct fl_ipset *by = form == FL_FORM_CIDR ? &n->subnets
				    : n->exit            ? &n->all
							 : &n->own;
	struct walk w = { .by = by, .in = ips };

	for (const struct fl_range *r; (r = next_range(&w)) != NULL;) {
		char text[FL_RANGE_TEXT_MAX];
		if (form != FL_FORM_RANGE) {
			put_prefixes(n, r, form, line, first, out);
		} else if (fl_near_keeps(n, r)) {
			format_range(r, text);
			fl_put_entry(text, line, first, out);
		}
	}
}

/* ---- capabilities ---- */

static void add(struct fl_dsts *d, const struct fl_prefix *p)
{
	if (d->err == FL_OK && d->len == d->cap) {
		size_t cap = d->cap > 0 ? d->cap * 2 : 8;
		struct fl_prefix *at = realloc(d->at, cap * sizeof *at);
		if (at == NULL) {
			d->err = FL_ERR_NOMEM;
			return;
		}
		d->at = at;
		d->cap = cap;
	}
	if (d->err == FL_OK)
		d->at[d->len++] = *p;
}

static void add_own(struct fl_dsts *d, const struct fl_ip *ip, const struct fl_ipset *ips)
{
	const struct fl_prefix host = fl_prefix_host(ip);

	if (fl_ipset_has(ips, ip))
		add(d, &host);
}

/* The node's own addresses narrow what holds them; what overlaps a subnet stays as written. */
void fl_dsts_add(struct fl_dsts *d, const struct fl_near *n, const struct fl_ipset *ips)
{
	struct walk w = { .by = &n->subnets, .in = ips };

	add_own(d, &n->node->ip4, ips);
	add_own(d, &n->node->ip6, ips);
	for (const struct fl_range *r; (r = next_range(&w)) != NULL;) {
		struct fl_range rest = *r;
		struct fl_prefix p;
		while (fl_range_next_prefix(&rest, &p)) {
			struct fl_range one = fl_range_of(&p);
			if (fl_ipset_overlaps(&n->subnets, &one))
				add(d, &p);
		}
	}
}

static int compare(const void *a, const void *b)
{
	return fl_prefix_cmp(a, b);
}

void fl_dsts_put(struct fl_dsts *d, struct fl_buf *out)
{
	char text[FL_PREFIX_TEXT_MAX];

	if (d->len > 1)
		qsort(d->at, d->len, sizeof *d->at, compare);
	fl_buf_byte(out, '[');
	for (size_t i = 0; i < d->len; i++) {
		if (i > 0 && fl_prefix_eq(&d->at[i - 1], &d->at[i]))
			continue;
		fl_prefix_format(&d->at[i], text);
		fl_buf_str(out, i > 0 ? ",\"" : "\"");
		fl_buf_str(out, text);
		fl_buf_byte(out, '"');
	}
	fl_buf_byte(out, ']');
	d->len = 0;
}
