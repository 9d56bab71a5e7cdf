/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/policy/diff_things.c - what the rules of two documents tell apart: classes of nodes, and
 * places that no node has the address of.
 *
 * A node's class is the sum of a number for each alias that holds one of its addresses, a family at
 * a time. A router is a class of its own, because of what it serves; and so it is with nodes whose
 * filters differ, so that the others need not be looked at as destinations.
 */
#include "domain/policy/diff_parts.h"

#include <stdio.h>
#include <stdlib.h>

enum { SALT_ALIAS = 1, SALT_SERVED = 2, SALT_WILD = 3, SALT_HAS = 4, SALT_TOLD = 5, SALT_SELF = 6 };

uint64_t fl_diff_mix(uint64_t v)
{
	v += 0x9e3779b97f4a7c15;
	v = (v ^ v >> 30) * 0xbf58476d1ce4e5b9;
	v = (v ^ v >> 27) * 0x94d049bb133111eb;
	return v ^ v >> 31;
}

bool fl_diff_allows_all(const struct fl_policy *p)
{
	return p->doc == NULL || p->doc->allow_all;
}

/* ---- nodes ---- */

static enum fl_err blank_slots(struct fl_differ *d)
{
	for (int k = 0; k < FL_SIDES; k++) {
		uint32_t slots = d->p[k]->slots;
		d->node_of[k] = fl_arena_array(&d->scratch, slots + 1, sizeof(uint32_t));
		for (uint32_t i = 0; d->node_of[k] != NULL && i < slots; i++)
			d->node_of[k][i] = FL_NO_INDEX;
	}
	return d->scratch.err;
}

/*
 * The nodes with an address in what a rule with via leads to, where that meets a subnet: which of
 * them a router has in its rule depends on single prefixes (policy.md 4.8). Bits of slots.
 */
static uint64_t *mark_targets(struct fl_differ *d, int k)
{
	const struct fl_policy *p = d->p[k];
	const struct fl_plan *plan = p->core->plan;
	uint64_t *bits = fl_arena_array(&d->scratch, p->words + 1, sizeof *bits);

	for (size_t i = 0; bits != NULL && i < plan->vias_len; i++) {
		const struct fl_aliases *dst = &plan->doc->rules[plan->vias[i]].dst;
		for (size_t n = 0; n < dst->len; n++) {
			const struct fl_policy_set *s = fl_policy_alias(p, &dst->at[n]);
			if (s->inside == NULL ||
			    !fl_ipset_overlaps_set(&s->ips, &p->core->served->ips))
				continue;
			for (uint32_t w = 0; w < p->words; w++)
				bits[w] |= s->inside[w];
		}
	}
	return bits;
}

/* Of which rules with via and with autogroup:self the node is a source: classes do not tell. */
static uint64_t own_rules_of(const struct fl_differ *d, int k, const struct fl_diff_node *n)
{
	const struct fl_plan *plan = d->p[k]->core->plan;
	struct fl_policy_set *const *sides = d->p[k]->core->sides;
	uint64_t sum = 0;

	for (size_t i = 0; i < plan->vias_len; i++) {
		uint32_t side = plan->rules[plan->vias[i]].via_src;
		if (fl_bit(sides[side]->inside, n->slot[k]))
			sum += fl_diff_mix((uint64_t)k << 62 | i);
	}
	for (size_t i = 0; i < plan->selfs_len; i++) {
		uint32_t side = plan->rules[plan->selfs[i]].self_src;
		if (fl_bit(sides[side]->inside, n->slot[k]))
			sum += fl_diff_mix((uint64_t)k << 62 | 1ULL << 61 | i);
	}
	return sum;
}

enum { KIN = 3 };

/*
 * What decides about the peers of a node, and the routes it gets from them, besides the two
 * policies: its class in each, of which rules of their own kind it is a source, and whose it is
 * where there is autogroup:self. False: something of its own counts as well.
 */
static bool kin_of(const struct fl_differ *d, const struct fl_diff_node *n,
		   uint64_t *const targets[static FL_SIDES], uint64_t out[static KIN])
{
	bool self = false;

	for (int k = 0; k < FL_SIDES; k++) {
		const struct fl_policy_facts *f = d->p[k]->nodes[n->slot[k]];
		if (f->subnets_len + f->exits_len + f->primary_len > 0 ||
		    fl_bit(targets[k], n->slot[k]))
			return false;
		self = self || d->p[k]->core->selfs_len > 0;
	}
	out[0] = (uint64_t)d->p[0]->core->class_of[n->slot[0]] << 32 |
		 d->p[1]->core->class_of[n->slot[1]];
	out[1] = self ? d->p[0]->nodes[n->slot[0]]->user : 0;
	out[2] = own_rules_of(d, 0, n) + own_rules_of(d, 1, n);
	return true;
}

/* Lists of peers are dear to compare; one of a kind answers for the others. */
static enum fl_err tell_peers(struct fl_differ *d)
{
	struct fl_intern kinds = { .arena = &d->scratch };
	uint8_t *differs = fl_arena_array(&d->scratch, d->nodes_len + 1, 1);
	uint64_t *const targets[] = { mark_targets(d, 0), mark_targets(d, 1) };
	enum fl_err err = d->scratch.err == FL_OK ? FL_OK : FL_ERR_NOMEM;

	for (uint32_t i = 0; i < d->nodes_len && err == FL_OK; i++) {
		struct fl_diff_node *n = &d->nodes[i];
		uint64_t kin[KIN];
		uint32_t kind = 0;
		bool fresh = true, alike = kin_of(d, n, targets, kin);
		if (alike && !fl_intern(&kinds, kin, sizeof kin, &kind, &fresh))
			err = FL_ERR_NOMEM;
		else if (alike && !fresh)
			n->parts |= differs[kind];
		else
			n->parts |= fl_policy_differs_in(d->p[0], d->p[1], n->id, FL_POLICY_PEERS);
		if (alike && fresh && err == FL_OK)
			differs[kind] = n->parts & FL_POLICY_PEERS;
	}
	fl_intern_done(&kinds);
	return err;
}

/* Those that are in both worlds: nothing can be said of the others. */
enum fl_err fl_diff_nodes(struct fl_differ *d)
{
	const unsigned cheap = FL_POLICY_FILTER | FL_POLICY_SSH | FL_POLICY_ATTRS;
	const struct fl_policy *a = d->p[0], *b = d->p[1];
	enum fl_err err = blank_slots(d);

	d->nodes = fl_arena_array(&d->scratch, a->nodes_len + 1, sizeof *d->nodes);
	if (err != FL_OK || d->nodes == NULL)
		return FL_ERR_NOMEM;
	for (size_t i = 0, k = 0; i < a->nodes_len; i++) {
		while (k < b->nodes_len && b->by_id[k].id < a->by_id[i].id)
			k++;
		if (k == b->nodes_len || b->by_id[k].id != a->by_id[i].id)
			continue;
		struct fl_diff_node *n = &d->nodes[d->nodes_len];
		n->id = a->by_id[i].id;
		n->slot[0] = a->by_id[i].slot;
		n->slot[1] = b->by_id[k].slot;
		n->parts = fl_policy_differs_in(a, b, n->id, cheap);
		d->node_of[0][n->slot[0]] = d->node_of[1][n->slot[1]] = d->nodes_len++;
	}
	return tell_peers(d);
}

/* ---- classes ---- */

static uint64_t number(uint64_t salt, uint64_t v, uint64_t w)
{
	return fl_diff_mix(fl_diff_mix(salt << 56 ^ v) + w);
}

static void add_inside(struct fl_differ *d, int k, const struct fl_policy_set *s, uint64_t salt,
		       uint64_t v)
{
	const struct fl_policy *p = d->p[k];

	for (uint32_t w = 0; s->inside != NULL && w < p->words; w++) {
		for (uint64_t left = s->inside[w]; left != 0; left &= left - 1) {
			uint32_t slot = w * 64 + (uint32_t)__builtin_ctzll(left);
			uint32_t node = d->node_of[k][slot];
			if (node == FL_NO_INDEX)
				continue;
			const struct fl_policy_facts *f = p->nodes[slot];
			if (fl_ipset_has(&s->ips, &f->ip4))
				d->nodes[node].hash += number(salt, v, 4);
			if (fl_ipset_has(&s->ips, &f->ip6))
				d->nodes[node].hash += number(salt, v, 6);
		}
	}
}

static void add_aliases(struct fl_differ *d, int k)
{
	const struct fl_policy_doc *doc = d->p[k]->doc;

	add_inside(d, k, d->p[k]->fixed[FL_SET_WILDCARD], SALT_WILD, 0);
	for (uint32_t i = 0; doc != NULL && i < doc->aliases_len; i++)
		add_inside(d, k, fl_policy_alias(d->p[k], doc->aliases[i]), SALT_ALIAS,
			   (uint64_t)k << 32 | i);
}

static void add_facts(struct fl_differ *d, struct fl_diff_node *n)
{
	const struct fl_policy *p = d->p[0];
	const struct fl_policy_facts *f = p->nodes[n->slot[0]];

	n->hash += fl_ip_is_set(&f->ip4) ? number(SALT_HAS, 0, 4) : 0;
	n->hash += fl_ip_is_set(&f->ip6) ? number(SALT_HAS, 0, 6) : 0;
	n->hash += fl_ipset_has(&p->core->served->ips, &f->ip4) ? number(SALT_SERVED, 0, 4) : 0;
	n->hash += fl_ipset_has(&p->core->served->ips, &f->ip6) ? number(SALT_SERVED, 0, 6) : 0;
	n->hash += (n->parts & FL_POLICY_FILTER) != 0 ? number(SALT_TOLD, 0, 0) : 0;
	if (f->subnets_len + f->exits_len > 0)
		n->hash += number(SALT_SELF, n->id, 0);
}

struct ranked {
	uint64_t hash;
	uint32_t node;
};

static int compare(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	return x->node < y->node ? -1 : x->node > y->node;
}

static struct fl_thing *new_thing(struct fl_differ *d)
{
	return d->things_len < d->things_cap ? &d->things[d->things_len++] : NULL;
}

/* Classes in the order of their first nodes, so that answers are in an order that people know. */
static enum fl_err make_classes(struct fl_differ *d)
{
	size_t n = d->nodes_len;
	struct ranked *r = fl_arena_array(&d->scratch, n + 1, sizeof *r);
	uint32_t *first = fl_arena_array(&d->scratch, n + 1, sizeof *first);

	d->order = fl_arena_array(&d->scratch, n + 1, sizeof *d->order);
	d->thing_of = fl_arena_array(&d->scratch, n + 1, sizeof *d->thing_of);
	if (d->scratch.err != FL_OK)
		return FL_ERR_NOMEM;
	for (uint32_t i = 0; i < n; i++)
		r[i] = (struct ranked){ d->nodes[i].hash, i };
	if (n > 1)
		qsort(r, n, sizeof *r, compare);
	for (size_t i = 0; i < n; i++) { /* of each node the first of its class */
		bool same = i > 0 && r[i].hash == r[i - 1].hash;
		first[r[i].node] = same ? first[r[i - 1].node] : r[i].node;
	}
	for (uint32_t i = 0; i < n; i++) {
		if (first[i] == i) {
			struct fl_thing *t = new_thing(d);
			*t = (struct fl_thing){ .told = d->nodes[i].parts & FL_POLICY_FILTER };
			d->thing_of[i] = d->things_len - 1;
		}
		d->thing_of[i] = d->thing_of[first[i]];
		d->things[d->thing_of[i]].count++;
	}
	uint32_t at = 0;
	for (uint32_t i = 0; i < d->things_len; i++) {
		d->things[i].first = at;
		at += d->things[i].count;
		d->things[i].count = 0;
	}
	for (uint32_t i = 0; i < n; i++) {
		struct fl_thing *t = &d->things[d->thing_of[i]];
		d->order[t->first + t->count++] = i;
	}
	return FL_OK;
}

/* ---- places ---- */

static bool is_inside(const struct fl_ipset *ips, enum fl_policy_fixed fixed)
{
	const struct fl_ipset all = fl_fixed_view(fixed);
	return fl_ipset_covers_set(&all, ips);
}

static bool has_exits(const struct fl_policy *p)
{
	for (uint32_t w = 0; w < p->words; w++) {
		if (p->exits[w] != 0)
			return true;
	}
	return false;
}

static enum fl_err add_place(struct fl_differ *d, struct fl_intern *seen, const char *text,
			     const struct fl_ipset *ips)
{
	const struct fl_policy *p = d->p[0];
	bool behind = fl_ipset_overlaps_set(&p->core->served->ips, ips);
	bool outside = has_exits(p) && ips->len > 0 && is_inside(ips, FL_SET_INTERNET);
	uint32_t number;
	bool fresh;

	if (!behind && !outside)
		return FL_OK;
	if (!fl_intern(seen, ips->at, ips->len * sizeof *ips->at, &number, &fresh))
		return FL_ERR_NOMEM;
	if (!fresh)
		return FL_OK;
	struct fl_thing *t = new_thing(d);
	if (t == NULL) {
		d->out->cut = true;
		return FL_OK;
	}
	*t = (struct fl_thing){
		.told = true, .text = text, .ips = *ips, .behind = behind, .outside = outside
	};
	return FL_OK;
}

/* A host's name alone would hide that it means another address now. */
static const char *text_of(struct fl_differ *d, const struct fl_policy_doc *doc,
			   const struct fl_alias *a)
{
	char prefix[FL_PREFIX_TEXT_MAX], text[512];
	const struct fl_policy_host *host = fl_policy_doc_host(doc, a->text);

	if (a->kind != FL_ALIAS_HOST || host == NULL)
		return a->text;
	fl_prefix_format(&host->prefix, prefix);
	snprintf(text, sizeof text, "%.440s (%s)", a->text, prefix);
	return fl_arena_text(&d->out->arena, fl_slice_str(text));
}

static bool is_place(const struct fl_alias *a)
{
	switch (a->kind) {
	case FL_ALIAS_PREFIX:
	case FL_ALIAS_HOST:
	case FL_ALIAS_IPSET:
		return true;
	case FL_ALIAS_AUTOGROUP:
		return a->autogroup == FL_AUTOGROUP_INTERNET;
	case FL_ALIAS_USER:
	case FL_ALIAS_DOMAIN:
	case FL_ALIAS_GROUP:
	case FL_ALIAS_TAG:
	case FL_ALIAS_WILDCARD:
		return false;
	}
	return false;
}

static enum fl_err add_document(struct fl_differ *d, struct fl_intern *seen, int k)
{
	const struct fl_policy_doc *doc = d->p[k]->doc;
	enum fl_err err = FL_OK;

	for (size_t i = 0; doc != NULL && i < doc->aliases_len && err == FL_OK; i++) {
		const struct fl_alias *a = doc->aliases[i];
		if (!is_place(a))
			continue;
		const char *text = text_of(d, doc, a);
		if (text == NULL)
			return FL_ERR_NOMEM;
		err = add_place(d, seen, text, &fl_policy_alias(d->p[k], a)->ips);
	}
	return err;
}

static enum fl_err add_served(struct fl_differ *d, struct fl_intern *seen)
{
	const struct fl_served *served = d->p[0]->core->served;
	enum fl_err err = FL_OK;

	for (size_t i = 0; i < served->len && err == FL_OK; i++) {
		char text[FL_PREFIX_TEXT_MAX];
		struct fl_range *range = fl_arena_array(&d->scratch, 1, sizeof *range);
		fl_prefix_format(&served->at[i], text);
		const char *copy = fl_arena_text(&d->out->arena, fl_slice_str(text));
		if (range == NULL || copy == NULL)
			return FL_ERR_NOMEM;
		*range = fl_range_of(&served->at[i]);
		const struct fl_ipset ips = { .at = range, .len = 1 };
		err = add_place(d, seen, copy, &ips);
	}
	return err;
}

enum fl_err fl_diff_things(struct fl_differ *d)
{
	struct fl_intern seen = { .arena = &d->scratch };
	const struct fl_ipset internet = fl_fixed_view(FL_SET_INTERNET);

	d->things_cap = d->nodes_len + FL_DIFF_PLACES_MAX;
	d->things = fl_arena_array(&d->scratch, d->things_cap, sizeof *d->things);
	if (d->things == NULL)
		return FL_ERR_NOMEM;
	for (int k = 0; k < FL_SIDES; k++)
		add_aliases(d, k);
	for (uint32_t i = 0; i < d->nodes_len; i++)
		add_facts(d, &d->nodes[i]);
	enum fl_err err = make_classes(d);
	if (err == FL_OK)
		err = add_served(d, &seen);
	for (int k = 0; k < FL_SIDES && err == FL_OK; k++)
		err = add_document(d, &seen, k);
	if (err == FL_OK)
		err = add_place(d, &seen, "autogroup:internet", &internet);
	fl_intern_done(&seen);
	d->words = (d->things_len + 63) / 64;
	return err;
}
