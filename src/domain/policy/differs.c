/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/policy/differs.c - what a node is told differently by two snapshots.
 *
 * Between steps of one document most nodes have the same lines with the same sources and
 * destinations, and the same sides across; then nothing was made anew and nothing need be made to
 * see that. Else both answers are made and compared.
 */
#include "domain/policy/core.h"
#include "domain/policy/ssh.h"

#include <stdlib.h>

enum { TEXT_MAX = 1 << 30 };

/* One node in two snapshots. */
struct pair {
	const struct fl_policy *a, *b;
	uint64_t node;
	uint32_t x, y; /* slots */
	bool akin;     /* one plan, and what the node's class and parts say is comparable */
};

static const struct fl_class *class_of(const struct fl_policy *p, uint32_t slot)
{
	return p->core->classes[p->core->class_of[slot]];
}

static bool same_class(const struct fl_class *x, const struct fl_class *y)
{
	return x == y ||
	       (x->hash == y->hash && x->exit == y->exit && x->len == y->len &&
		(x->len == 0 || memcmp(x->sides, y->sides, x->len * sizeof *x->sides) == 0));
}

static const struct fl_part *self_of(const struct fl_policy *p, uint32_t slot)
{
	if (p->core->selfs_len == 0)
		return NULL;
	uint64_t user = p->nodes[slot]->user;
	return user != 0 ? fl_part_find(p->core->selfs, p->core->selfs_len, user) : NULL;
}

static const struct fl_part *via_of(const struct fl_policy *p, uint32_t slot)
{
	return fl_part_find(p->core->vias, p->core->vias_len, slot);
}

static bool is_akin(const struct pair *d)
{
	return d->a->core->plan == d->b->core->plan && d->a->nodes[d->x] == d->b->nodes[d->y] &&
	       same_class(class_of(d->a, d->x), class_of(d->b, d->y)) &&
	       self_of(d->a, d->x) == self_of(d->b, d->y) &&
	       via_of(d->a, d->x) == via_of(d->b, d->y);
}

static bool same_ips(const struct fl_policy_set *x, const struct fl_policy_set *y)
{
	return x == y || (x->hash == y->hash && fl_ipset_eq(&x->ips, &y->ips));
}

/* ---- filter ---- */

static bool same_aliases(const struct pair *d, const struct fl_aliases *list)
{
	for (size_t i = 0; i < list->len; i++) {
		const struct fl_alias *alias = &list->at[i];
		if (alias->kind != FL_ALIAS_WILDCARD &&
		    !same_ips(fl_policy_alias(d->a, alias), fl_policy_alias(d->b, alias)))
			return false;
	}
	return true;
}

/* The other end of a companion decides whether it is one at all, by being resolved or not. */
static bool same_line(const struct pair *d, uint32_t at)
{
	const struct fl_core *x = d->a->core, *y = d->b->core;
	const struct fl_line *line = &x->plan->lines[at];

	return x->first[at] == y->first[at] &&
	       fl_source_eq(x->sources[line->source], y->sources[line->source]) &&
	       same_aliases(d, line->dst);
}

/* Lines of parts: the parts are one, but their place among the shared rules may have changed. */
static bool same_own(const struct pair *d, const struct fl_part *part)
{
	const struct fl_plan *plan = d->a->core->plan;

	for (size_t i = 0; part != NULL && i < part->len; i++) {
		const struct fl_rule_plan *rp =
			&plan->rules[part->edges[i].rule - plan->doc->rules];
		bool self = part->edges[i].scope == FL_EDGE_SELF;
		uint32_t from = self ? rp->self_line : rp->via_line;
		uint32_t n = self ? rp->self_lines : rp->via_lines;
		for (uint32_t k = from; k < from + n; k++) {
			const struct fl_line *line = &plan->lines[k];
			bool given = line->source != FL_NO_INDEX;
			const struct fl_source *s =
				given ? d->a->core->sources[line->source] : part->sources[i];
			if (given && !fl_source_eq(s, d->b->core->sources[line->source]))
				return false;
			if (fl_group_find(d->a->core, s, line->proto) !=
			    fl_group_find(d->b->core, s, line->proto))
				return false;
		}
	}
	return true;
}

static bool same_lines(const struct pair *d)
{
	const struct fl_plan *plan = d->a->core->plan;
	const struct fl_class *k = class_of(d->a, d->x);

	if (!d->akin || k->exit) /* exit nodes may have lines of sides that do not hold them */
		return false;
	for (size_t i = 0; i < k->len; i++) {
		const struct fl_side *s = &plan->sides[k->sides[i]];
		for (uint32_t m = 0; m < s->lines_len; m++) {
			if (!same_line(d, plan->by_side[s->lines + m]))
				return false;
		}
	}
	return same_own(d, self_of(d->a, d->x)) && same_own(d, via_of(d->a, d->x));
}

/* What could not be made counts as different: better told twice than not at all. */
static bool same_text(const struct fl_buf *x, const struct fl_buf *y)
{
	return fl_buf_err(x) == FL_OK && fl_buf_err(y) == FL_OK &&
	       fl_slice_eq(fl_buf_slice(x), fl_buf_slice(y));
}

static bool filter_differs(const struct pair *d)
{
	struct fl_buf x = fl_buf_make(TEXT_MAX), y = fl_buf_make(TEXT_MAX);

	if (same_lines(d))
		return false;
	fl_policy_filter(d->a, d->node, &x);
	fl_policy_filter(d->b, d->node, &y);
	bool differs = !same_text(&x, &y);
	fl_buf_done(&x);
	fl_buf_done(&y);
	return differs;
}

/* ---- routes ---- */

static bool same_across(const struct pair *d, const uint32_t *sides, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		if (!same_ips(d->a->core->sides[sides[i]], d->b->core->sides[sides[i]]))
			return false;
	}
	return true;
}

/* What nodes serve decides about steering for others, and so do their tags. */
static bool same_routers(const struct pair *d)
{
	const struct fl_policy *a = d->a, *b = d->b;

	for (uint32_t w = 0; w < a->words; w++) {
		uint64_t left = a->routers[w] | a->exits[w] | b->routers[w] | b->exits[w];
		for (; left != 0; left &= left - 1) {
			uint32_t slot = w * 64 + (uint32_t)__builtin_ctzll(left);
			if (a->nodes[slot] != b->nodes[slot])
				return false;
		}
	}
	return true;
}

/* A rule with via steers those among its sources, and nobody else (policy.md 4.13). */
static bool steers(const struct pair *d, uint32_t side)
{
	return fl_bit(d->a->core->sides[side]->inside, d->x) ||
	       fl_bit(d->b->core->sides[side]->inside, d->y);
}

static bool same_steering(const struct pair *d)
{
	const struct fl_plan *plan = d->a->core->plan;
	bool steered = false;

	for (size_t i = 0; i < plan->vias_len; i++) {
		const struct fl_rule *r = &plan->doc->rules[plan->vias[i]];
		uint32_t side = plan->rules[plan->vias[i]].via_src;
		if (!steers(d, side))
			continue;
		if (!same_across(d, &side, 1) || !same_aliases(d, &r->dst))
			return false;
		steered = true;
	}
	return !steered || (d->a->words == d->b->words && same_routers(d));
}

/*
 * Is every rule that has the node on one side the same on both? Then it gets the same routes from
 * a peer that stayed as it is.
 */
static bool same_rules(const struct pair *d)
{
	const struct fl_plan *plan = d->a->core->plan;
	const struct fl_class *k = class_of(d->a, d->x);

	if (!d->akin || k->exit || !same_steering(d))
		return false;
	for (size_t i = 0; i < k->len; i++) {
		const struct fl_side *s = &plan->sides[k->sides[i]];
		if (!same_across(d, &k->sides[i], 1) ||
		    !same_across(d, plan->out + s->out, s->out_len) ||
		    !same_across(d, plan->in + s->in, s->in_len))
			return false;
	}
	return true;
}

static bool serves(const struct fl_policy_facts *f)
{
	return f->subnets_len + f->exits_len + f->primary_len > 0;
}

static bool routes_differ(const struct pair *d, const struct fl_policy_facts *f,
			  const struct fl_policy_facts *g, bool same_rules)
{
	struct fl_prefix x[FL_POLICY_ROUTES_MAX], y[FL_POLICY_ROUTES_MAX];

	if ((same_rules && f == g) || (!serves(f) && !serves(g)))
		return false;
	size_t n = fl_policy_routes(d->a, d->node, f->id, x);
	if (n != fl_policy_routes(d->b, d->node, f->id, y))
		return true;
	for (size_t i = 0; i < n; i++) {
		if (!fl_prefix_eq(&x[i], &y[i]))
			return true;
	}
	return false;
}

/* ---- peers ---- */

static bool lists_differ(const struct pair *d, uint64_t *x, uint64_t *y, size_t cap, bool same)
{
	size_t n = fl_policy_peers(d->a, d->node, x, cap);

	if (n != fl_policy_peers(d->b, d->node, y, cap) ||
	    (n > 0 && memcmp(x, y, n * sizeof *x) != 0))
		return true;
	for (size_t i = 0; i < n; i++) {
		if (routes_differ(d, d->a->nodes[fl_policy_slot(d->a, x[i])],
				  d->b->nodes[fl_policy_slot(d->b, x[i])], same))
			return true;
	}
	return false;
}

static bool compare_lists(const struct pair *d, bool same)
{
	size_t cap = d->a->nodes_len > d->b->nodes_len ? d->a->nodes_len : d->b->nodes_len;
	uint64_t *x = calloc(cap, sizeof *x), *y = calloc(cap, sizeof *y);
	bool differs = x == NULL || y == NULL || lists_differ(d, x, y, cap, same);

	free(x);
	free(y);
	return differs;
}

/* The node itself has its bit where it is on both sides of a rule: that is nobody. */
static bool same_bits(const struct pair *d, const uint64_t *x, const uint64_t *y)
{
	for (uint32_t w = 0; w < d->a->words; w++) {
		uint64_t self = w == d->x / 64 ? (uint64_t)1 << d->x % 64 : 0;
		if (((x[w] ^ y[w]) & ~self) != 0)
			return false;
	}
	return true;
}

static bool some_router_differs(const struct pair *d, const uint64_t *row, bool same)
{
	const struct fl_policy *a = d->a, *b = d->b;

	for (uint32_t w = 0; w < a->words; w++) {
		uint64_t served = a->routers[w] | a->exits[w] | b->routers[w] | b->exits[w];
		for (uint64_t left = row[w] & served; left != 0; left &= left - 1) {
			uint32_t slot = w * 64 + (uint32_t)__builtin_ctzll(left);
			if (slot != d->x && routes_differ(d, a->nodes[slot], b->nodes[slot], same))
				return true;
		}
	}
	return false;
}

/* With the same nodes in the same slots, bits say what lists would. */
static bool compare_rows(const struct pair *d, bool same)
{
	uint64_t *x_own, *y_own;
	const uint64_t *x = fl_peers_row(d->a, d->x, &x_own), *y = fl_peers_row(d->b, d->y, &y_own);
	bool differs =
		x == NULL || y == NULL || !same_bits(d, x, y) || some_router_differs(d, x, same);

	free(x_own);
	free(y_own);
	return differs;
}

/* The node's own routes are told too. */
static bool peers_differ(const struct pair *d)
{
	bool placed = d->a->core->places == d->b->core->places && d->a->words == d->b->words;
	bool same = same_rules(d);

	return (placed ? compare_rows(d, same) : compare_lists(d, same)) ||
	       routes_differ(d, d->a->nodes[d->x], d->b->nodes[d->y], same);
}

/* Of the peers that have the same slot in both. */
static bool kept_differ(const struct pair *d, const uint64_t *x, const uint64_t *y)
{
	const struct fl_policy *a = d->a, *b = d->b;
	uint32_t words = a->words < b->words ? a->words : b->words;
	bool same = same_rules(d);

	for (uint32_t w = 0; w < words; w++) {
		uint64_t served = a->routers[w] | a->exits[w] | b->routers[w] | b->exits[w];
		for (uint64_t left = x[w] & y[w] & served; left != 0; left &= left - 1) {
			uint32_t slot = w * 64 + (uint32_t)__builtin_ctzll(left);
			if (slot != d->x && a->nodes[slot]->id == b->nodes[slot]->id &&
			    routes_differ(d, a->nodes[slot], b->nodes[slot], same))
				return true;
		}
	}
	return false;
}

static bool kept_routes_differ(const struct pair *d)
{
	uint64_t *x_own, *y_own;
	const uint64_t *x = fl_peers_row(d->a, d->x, &x_own), *y = fl_peers_row(d->b, d->y, &y_own);
	bool differs = x == NULL || y == NULL || kept_differ(d, x, y);

	free(x_own);
	free(y_own);
	return differs;
}

/* ---- SSH and attributes ---- */

static bool ssh_differs(const struct pair *d)
{
	const struct fl_policy_doc *x_doc = d->a->doc, *y_doc = d->b->doc;
	struct fl_buf x = fl_buf_make(TEXT_MAX), y = fl_buf_make(TEXT_MAX);

	if ((x_doc == NULL || !x_doc->ssh_given) && (y_doc == NULL || !y_doc->ssh_given))
		return false;
	if (fl_ssh_same(d->a, d->x, d->b, d->y))
		return false;
	bool has_x = fl_policy_ssh(d->a, d->node, "", &x);
	bool has_y = fl_policy_ssh(d->b, d->node, "", &y);
	bool differs = has_x != has_y || !same_text(&x, &y);
	fl_buf_done(&x);
	fl_buf_done(&y);
	return differs;
}

static void put_attr(void *ctx, const char *name, const char *args)
{
	struct fl_buf *out = ctx;

	fl_buf_put(out, name, strlen(name) + 1);
	fl_buf_put(out, args, strlen(args) + 1);
}

static bool has_attrs(const struct fl_policy *p)
{
	return p->doc != NULL && (p->doc->attrs_len > 0 || p->doc->randomize_client_port);
}

static bool attrs_differ(const struct pair *d)
{
	struct fl_buf x = fl_buf_make(TEXT_MAX), y = fl_buf_make(TEXT_MAX);

	if (!has_attrs(d->a) && !has_attrs(d->b))
		return false;
	bool differs = fl_policy_attrs(d->a, d->node, put_attr, &x) != FL_OK ||
		       fl_policy_attrs(d->b, d->node, put_attr, &y) != FL_OK || !same_text(&x, &y);
	fl_buf_done(&x);
	fl_buf_done(&y);
	return differs;
}

/* ---- all of it ---- */

static unsigned parts_of(const struct pair *d, unsigned of)
{
	static const struct {
		unsigned part;
		bool (*differs)(const struct pair *d);
	} parts[] = { { FL_POLICY_FILTER, filter_differs },
		      { FL_POLICY_PEERS, peers_differ },
		      { FL_POLICY_SSH, ssh_differs },
		      { FL_POLICY_ATTRS, attrs_differ },
		      { FL_POLICY_ROUTES, kept_routes_differ } };
	unsigned out = 0;

	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		if ((of & parts[i].part) != 0 && parts[i].differs(d))
			out |= parts[i].part;
	}
	return out;
}

/* A node that is in one of the two alone is told everything anew, or nothing any more. */
unsigned fl_policy_differs_in(const struct fl_policy *a, const struct fl_policy *b, uint64_t node,
			      unsigned parts)
{
	struct pair d = { .a = a, .b = b, .node = node };

	d.x = fl_policy_slot(a, node);
	d.y = fl_policy_slot(b, node);
	if (a == b || (d.x == FL_SLOT_NONE && d.y == FL_SLOT_NONE))
		return 0;
	if (d.x == FL_SLOT_NONE || d.y == FL_SLOT_NONE)
		return parts;
	d.akin = is_akin(&d);
	return parts_of(&d, parts);
}

unsigned fl_policy_differs(const struct fl_policy *a, const struct fl_policy *b, uint64_t node)
{
	return fl_policy_differs_in(
		a, b, node, FL_POLICY_FILTER | FL_POLICY_PEERS | FL_POLICY_SSH | FL_POLICY_ATTRS);
}
