/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/policy/weigh.c - how much rules hold once IP sets are spelled out.
 *
 * Each list of a rule becomes ranges of its own, so a large set named beside something else in many
 * rules is multiplied: a text of half a megabyte can mean gigabytes. What the other aliases hold is
 * bounded by the nodes or by the text.
 */
#include "domain/policy/decode.h"

enum { RANGES_MAX = 1 << 24 }; /* some 600 MiB; ten thousand rules may name a set of 1600 */

struct weighing {
	const struct fl_policy_doc *doc;
	uint32_t *sets; /* by IP set: ranges at most; 0: not weighed yet */
	uint32_t total;
};

static uint32_t sum(uint32_t a, uint32_t b)
{
	return a + b > RANGES_MAX ? RANGES_MAX + 1 : a + b;
}

/* Validation has bounded the nesting. */
static uint32_t weigh_set(struct weighing *w, const struct fl_policy_ipset *s)
{
	uint32_t *weight = &w->sets[s - w->doc->ipsets];
	uint32_t ranges = 1;

	if (*weight != 0)
		return *weight;
	for (size_t i = 0; i < s->items_len; i++) {
		const struct fl_alias *a = &s->items[i].alias;
		ranges = sum(ranges, a->kind == FL_ALIAS_IPSET
					     ? weigh_set(w, fl_policy_doc_ipset(w->doc, a->text))
					     : 1);
	}
	*weight = ranges;
	return ranges;
}

static void add(struct weighing *w, const struct fl_alias *a)
{
	if (a->kind == FL_ALIAS_IPSET)
		w->total = sum(w->total, weigh_set(w, fl_policy_doc_ipset(w->doc, a->text)));
}

static void add_list(struct weighing *w, const struct fl_aliases *list)
{
	for (size_t i = 0; i < list->len; i++)
		add(w, &list->at[i]);
}

static bool is_light(struct fl_decode *d, const struct weighing *w, size_t at)
{
	if (w->total <= RANGES_MAX)
		return true;
	fl_policy_report_add(d->report, at,
			     "the rules hold too many addresses by way of IP sets: more than %d, "
			     "counted up to here",
			     RANGES_MAX);
	return false;
}

static bool weigh_sets(struct fl_decode *d, struct weighing *w)
{
	for (size_t i = 0; i < d->doc->ipsets_len; i++) {
		w->total = sum(w->total, weigh_set(w, &d->doc->ipsets[i]));
		if (!is_light(d, w, d->doc->ipsets[i].at))
			return false;
	}
	return true;
}

static bool weigh_grants(struct fl_decode *d, struct weighing *w)
{
	for (size_t i = 0; i < d->grants_len; i++) {
		add_list(w, &d->grants[i].src);
		add_list(w, &d->grants[i].dst);
		if (!is_light(d, w, d->grants[i].at))
			return false;
	}
	return true;
}

static bool weigh_acls(struct fl_decode *d, struct weighing *w)
{
	for (size_t i = 0; i < d->acls_len; i++) {
		add_list(w, &d->acls[i].src);
		for (size_t j = 0; j < d->acls[i].dst_len; j++)
			add(w, &d->acls[i].dst[j].alias);
		if (!is_light(d, w, d->acls[i].at))
			return false;
	}
	return true;
}

enum fl_err fl_policy_weigh(struct fl_decode *d)
{
	struct weighing w = {
		.doc = d->doc,
		.sets = fl_arena_array(d->arena, d->doc->ipsets_len, sizeof(uint32_t)),
	};

	if (w.sets == NULL)
		return d->arena->err;
	return weigh_sets(d, &w) && weigh_grants(d, &w) && weigh_acls(d, &w) ? FL_OK
									     : FL_ERR_INVALID;
}
