/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/policy/filter.c - the packet filter of one node.
 *
 * The node's class knows the sides that hold it, sides know their lines, and the parts of its
 * user and of the node itself add theirs. Only those lines are looked at. Sorted by where the
 * rule that they merge into stands, they are written one after the other; the text of the
 * sources is copied.
 */
#include "domain/policy/core.h"

#include <stdlib.h>

#include "base/jw.h"

struct item {
	uint32_t first, line; /* the line whose place the rule takes; the line itself */
	const struct fl_part *part;
	size_t edge; /* of the part */
};

struct writer {
	const struct fl_policy *p;
	const struct fl_plan *plan;
	struct fl_near near;
	struct item *items;
	size_t len, cap;
	bool any; /* a rule was written */
	struct fl_buf *out;
	enum fl_err err; /* sticks */
};

/* ---- which lines ---- */

static void add_item(struct writer *w, struct item item)
{
	if (w->err == FL_OK && w->len == w->cap) {
		size_t cap = w->cap > 0 ? w->cap * 2 : 32;
		struct item *items = realloc(w->items, cap * sizeof *items);
		if (items == NULL) {
			w->err = FL_ERR_NOMEM;
			return;
		}
		w->items = items;
		w->cap = cap;
	}
	if (w->err == FL_OK)
		w->items[w->len++] = item;
}

static bool is_ports(const struct fl_line *line)
{
	return line->kind == FL_LINE_PORTS || line->kind == FL_LINE_SELF_PORTS ||
	       line->kind == FL_LINE_VIA_PORTS;
}

static void add_side(struct writer *w, uint32_t side)
{
	const struct fl_side *s = &w->plan->sides[side];

	for (uint32_t i = 0; i < s->lines_len; i++) {
		uint32_t line = w->plan->by_side[s->lines + i];
		bool ports = is_ports(&w->plan->lines[line]);
		uint32_t first = ports ? w->p->core->first[line] : line;
		if (first != FL_NO_INDEX)
			add_item(w, (struct item){ .first = first, .line = line });
	}
}

/* An exit node also filters for what is part of the internet: entries inside it are kept. */
static void add_shared(struct writer *w, uint32_t slot)
{
	const struct fl_core *c = w->p->core;
	const struct fl_class *k = c->classes[c->class_of[slot]];
	size_t at = 0;

	for (size_t i = 0; i < k->len; i++)
		add_side(w, k->sides[i]);
	for (uint32_t i = 0; i < w->plan->sides_len && w->near.exit; i++) {
		while (at < k->len && k->sides[at] < i)
			at++;
		if (c->sides[i]->outside && (at == k->len || k->sides[at] != i))
			add_side(w, i);
	}
}

static void add_lines(struct writer *w, const struct fl_part *part, size_t edge)
{
	size_t rule = (size_t)(part->edges[edge].rule - w->plan->doc->rules);
	const struct fl_rule_plan *rp = &w->plan->rules[rule];
	bool self = part->edges[edge].scope == FL_EDGE_SELF;
	uint32_t from = self ? rp->self_line : rp->via_line;
	uint32_t n = self ? rp->self_lines : rp->via_lines;

	for (uint32_t i = 0; i < n; i++)
		add_item(w,
			 (struct item){
				 .first = from + i, .line = from + i, .part = part, .edge = edge });
}

static void add_part(struct writer *w, const struct fl_part *part)
{
	for (size_t i = 0; part != NULL && i < part->len; i++)
		add_lines(w, part, i);
}

static struct fl_source *source_of(const struct writer *w, const struct item *item)
{
	const struct fl_line *line = &w->plan->lines[item->line];

	if (line->kind == FL_LINE_SELF_COMPANION)
		return item->part->each;
	if (line->source == FL_NO_INDEX)
		return item->part->sources[item->edge];
	return w->p->core->sources[w->p->core->same[line->source]];
}

/* ---- merging ---- */

static bool same_group(const struct writer *w, const struct item *a, const struct item *b)
{
	const struct fl_line *x = &w->plan->lines[a->line], *y = &w->plan->lines[b->line];

	return x->proto == y->proto && fl_source_eq(source_of(w, a), source_of(w, b));
}

/* The rule of a part's line may be one that all have, or stand before it. */
static void place_own(struct writer *w, size_t own, size_t at)
{
	struct item *item = &w->items[at];
	uint32_t shared =
		fl_group_find(w->p->core, source_of(w, item), w->plan->lines[item->line].proto);

	for (size_t i = own; i < at; i++) { /* earlier lines of parts were placed already */
		if (is_ports(&w->plan->lines[w->items[i].line]) &&
		    same_group(w, &w->items[i], item)) {
			item->first = w->items[i].first;
			return;
		}
	}
	if (shared == FL_NO_INDEX)
		return;
	if (shared < item->first) {
		item->first = shared;
		return;
	}
	for (size_t i = 0; i < own; i++) {
		if (w->items[i].first == shared)
			w->items[i].first = item->first;
	}
}

static int compare_items(const void *a, const void *b)
{
	const struct item *x = a, *y = b;
	int c = (x->first > y->first) - (x->first < y->first);
	return c != 0 ? c : (x->line > y->line) - (x->line < y->line);
}

static void collect(struct writer *w, uint32_t slot)
{
	const struct fl_core *c = w->p->core;

	add_shared(w, slot);
	size_t own = w->len;
	if (w->near.node->user != 0)
		add_part(w, fl_part_find(c->selfs, c->selfs_len, w->near.node->user));
	add_part(w, fl_part_find(c->vias, c->vias_len, slot));
	if (w->err != FL_OK)
		return;
	if (w->len > own + 1) /* lines of a user and of a router, in one order */
		qsort(w->items + own, w->len - own, sizeof *w->items, compare_items);
	for (size_t i = own; i < w->len; i++) {
		if (is_ports(&w->plan->lines[w->items[i].line]))
			place_own(w, own, i);
	}
	if (w->len > 1)
		qsort(w->items, w->len, sizeof *w->items, compare_items);
}

/* ---- port rules ---- */

static void put_head(struct writer *w, struct fl_source *source, const char *list)
{
	const struct fl_bytes *text = fl_source_text(source);

	if (text == NULL) {
		w->err = FL_ERR_NOMEM;
		return;
	}
	fl_buf_str(w->out, w->any ? ",{\"SrcIPs\":" : "{\"SrcIPs\":");
	fl_buf_put(w->out, text->data, text->len);
	fl_buf_str(w->out, list);
}

static void put_shared_ports(struct writer *w, const struct fl_line *line, bool *first)
{
	for (size_t i = 0; i < line->dst->len; i++) {
		const struct fl_alias *a = &line->dst->at[i];
		if (a->kind == FL_ALIAS_WILDCARD) {
			if (w->near.own.len > 0)
				fl_put_entry("*", line, first, w->out);
			continue;
		}
		enum fl_form form =
			a->autogroup == FL_AUTOGROUP_INTERNET ? FL_FORM_RANGE : FL_FORM_USUAL;
		if (a->autogroup != FL_AUTOGROUP_SELF)
			fl_put_entries(&w->near, &fl_policy_alias(w->p, a)->ips, form, line, first,
				       w->out);
	}
}

/* The internet stands last, and goes whole to exit nodes alone (policy.md 4.8). */
static void put_via_ports(struct writer *w, const struct fl_line *line, bool *first)
{
	bool internet = false;

	for (size_t i = 0; i < line->dst->len; i++) {
		const struct fl_alias *a = &line->dst->at[i];
		if (a->autogroup == FL_AUTOGROUP_INTERNET)
			internet = true;
		else
			fl_put_entries(&w->near, &fl_policy_alias(w->p, a)->ips, FL_FORM_CIDR, line,
				       first, w->out);
	}
	if (internet && w->near.exit)
		fl_put_entries(&w->near, &w->p->fixed[FL_SET_INTERNET]->ips, FL_FORM_RANGE, line,
			       first, w->out);
}

static void put_device(struct writer *w, const struct fl_policy_facts *f,
		       const struct fl_line *line, bool *first)
{
	const struct fl_ip *ips[] = { &f->ip4, &f->ip6 };
	char text[FL_IP_TEXT_MAX];

	for (size_t i = 0; i < line->ports_len; i++) {
		struct fl_line one = *line;
		one.ports = &line->ports[i];
		one.ports_len = 1;
		for (size_t k = 0; k < 2; k++) {
			const struct fl_range r = { *ips[k], *ips[k] };
			if (!fl_ip_is_set(ips[k]) || !fl_near_keeps(&w->near, &r))
				continue;
			fl_ip_format(ips[k], text);
			fl_put_entry(text, &one, first, w->out);
		}
	}
}

/* Most often a node keeps itself alone, out of all devices of its user (policy.md 4.7). */
static bool only_itself(const struct writer *w)
{
	return !w->near.exit && w->near.node->subnets_len == 0;
}

static void put_self_ports(struct writer *w, const struct fl_part *part, const struct fl_line *line,
			   bool *first)
{
	if (only_itself(w)) {
		put_device(w, w->near.node, line, first);
		return;
	}
	for (size_t i = 0; i < part->devices_len; i++)
		put_device(w, w->p->nodes[part->devices[i]], line, first);
}

static void put_item(struct writer *w, const struct item *item, bool *first)
{
	const struct fl_line *line = &w->plan->lines[item->line];

	if (line->kind == FL_LINE_PORTS)
		put_shared_ports(w, line, first);
	else if (line->kind == FL_LINE_VIA_PORTS)
		put_via_ports(w, line, first);
	else
		put_self_ports(w, item->part, line, first);
}

/* A rule with nothing left is taken back. */
static void put_ports(struct writer *w, const struct item *items, size_t n)
{
	const struct fl_line *line = &w->plan->lines[items[0].line];
	size_t mark = w->out->len;
	bool first = true;

	put_head(w, source_of(w, &items[0]), ",\"DstPorts\":[");
	for (size_t i = 0; i < n; i++)
		put_item(w, &items[i], &first);
	if (first) {
		w->out->len = mark;
		return;
	}
	fl_buf_byte(w->out, ']');
	if (line->proto != FL_PROTO_ANY)
		fl_buf_printf(w->out, ",\"IPProto\":[%u]", line->proto);
	fl_buf_byte(w->out, '}');
	w->any = true;
}

/* ---- capability rules ---- */

static void put_text(struct fl_buf *out, const char *text)
{
	struct fl_jw w = fl_jw_make(out);
	fl_jw_str(&w, text);
}

static void put_caps(struct writer *w, const struct fl_line *line)
{
	fl_buf_str(w->out, ",\"CapMap\":{");
	if (line->companion != NULL) {
		put_text(w->out, line->companion);
		fl_buf_str(w->out, ":null");
	}
	const struct fl_rule *r = &w->plan->doc->rules[line->rule];
	for (size_t i = 0; i < r->app_len && line->companion == NULL; i++) {
		if (i > 0)
			fl_buf_byte(w->out, ',');
		put_text(w->out, r->app[i].name);
		fl_buf_byte(w->out, ':');
		fl_buf_str(w->out, r->app[i].args);
	}
	fl_buf_str(w->out, "}}");
}

static void put_grant(struct writer *w, const struct fl_line *line, struct fl_dsts *d, bool *first)
{
	if (d->err != FL_OK)
		w->err = d->err;
	if (d->len == 0)
		return;
	fl_buf_str(w->out, *first ? "{\"Dsts\":" : ",{\"Dsts\":");
	fl_dsts_put(d, w->out);
	put_caps(w, line);
	*first = false;
}

static const struct fl_ipset *ips_of(const struct writer *w, const struct fl_alias *a)
{
	return a->kind == FL_ALIAS_WILDCARD ? &w->p->fixed[FL_SET_WILDCARD]->ips
					    : &fl_policy_alias(w->p, a)->ips;
}

static void put_app(struct writer *w, const struct fl_line *line, struct fl_dsts *d, bool *first)
{
	for (size_t i = 0; i < line->dst->len; i++) {
		if (line->dst->at[i].autogroup == FL_AUTOGROUP_SELF)
			continue;
		fl_dsts_add(d, &w->near, ips_of(w, &line->dst->at[i]));
		put_grant(w, line, d, first);
	}
}

/* Reversed: the sources of the rule are its destinations, in one entry. */
static void put_companion(struct writer *w, const struct fl_line *line, struct fl_dsts *d,
			  bool *first)
{
	const struct fl_aliases *dst = &w->plan->doc->rules[line->rule].dst;
	bool resolved = false;

	for (size_t i = 0; i < dst->len; i++)
		resolved = resolved || dst->at[i].kind == FL_ALIAS_WILDCARD ||
			   !fl_policy_alias(w->p, &dst->at[i])->failed;
	for (size_t i = 0; i < line->dst->len && resolved; i++)
		fl_dsts_add(d, &w->near, ips_of(w, &line->dst->at[i]));
	put_grant(w, line, d, first);
}

static void put_self_app(struct writer *w, const struct fl_part *part, const struct fl_line *line,
			 struct fl_dsts *d, bool *first)
{
	for (size_t i = 0; i < part->devices_len; i++) {
		const struct fl_policy_facts *f = w->p->nodes[part->devices[i]];
		struct fl_ipset ips = { 0 };
		if (f != w->near.node && only_itself(w))
			continue;
		enum fl_err err = fl_ipset_add_ip(&ips, &f->ip4);
		if (err == FL_OK)
			err = fl_ipset_add_ip(&ips, &f->ip6);
		if (err == FL_OK)
			fl_dsts_add(d, &w->near, &ips);
		else
			w->err = err;
		fl_ipset_done(&ips);
		put_grant(w, line, d, first);
	}
}

static void put_caps_rule(struct writer *w, const struct item *item)
{
	const struct fl_line *line = &w->plan->lines[item->line];
	size_t mark = w->out->len;
	struct fl_dsts d = { 0 };
	bool first = true;

	put_head(w, source_of(w, item), ",\"CapGrant\":[");
	if (line->kind == FL_LINE_APP) {
		put_app(w, line, &d, &first);
	} else if (line->kind == FL_LINE_COMPANION) {
		put_companion(w, line, &d, &first);
	} else if (line->kind == FL_LINE_SELF_APP) {
		put_self_app(w, item->part, line, &d, &first);
	} else {
		fl_dsts_add(&d, &w->near, &item->part->edges[item->edge].src->ips);
		put_grant(w, line, &d, &first);
	}
	free(d.at);
	if (first) {
		w->out->len = mark;
		return;
	}
	fl_buf_str(w->out, "]}");
	w->any = true;
}

/* ---- the filter ---- */

static void put_rules(struct writer *w)
{
	for (size_t from = 0, to; from < w->len && w->err == FL_OK; from = to) {
		to = from + 1;
		if (!is_ports(&w->plan->lines[w->items[from].line])) {
			put_caps_rule(w, &w->items[from]);
			continue;
		}
		while (to < w->len && w->items[to].first == w->items[from].first)
			to++;
		put_ports(w, &w->items[from], to - from);
	}
}

static enum fl_err put_filter(const struct fl_policy *p, uint32_t slot, struct fl_buf *out)
{
	struct writer w = { .p = p, .plan = p->core->plan, .out = out };
	enum fl_err err = fl_near_init(p->nodes[slot], &w.near);

	if (err != FL_OK)
		return err;
	collect(&w, slot);
	put_rules(&w);
	free(w.items);
	fl_near_done(&w.near);
	return w.err;
}

void fl_policy_filter(const struct fl_policy *p, uint64_t node, struct fl_buf *out)
{
	uint32_t slot = fl_policy_slot(p, node);

	fl_buf_byte(out, '[');
	enum fl_err err = slot != FL_SLOT_NONE ? put_filter(p, slot, out) : FL_OK;
	fl_buf_byte(out, ']');
	if (err != FL_OK && out->err == FL_OK)
		out->err = err; /* never a filter with rules missing */
}
