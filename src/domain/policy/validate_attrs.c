/* SPDX-License-Identifier: BSD-3-Clause */
/* domain/policy/validate_attrs.c - nodeAttrs and ipsets as a whole (policy.md 2.5 item 4, 13). */
#include "domain/policy/decode.h"

/* ---- nodeAttrs ---- */

static void check_target(struct fl_decode *d, const struct fl_alias *a)
{
	switch (a->kind) {
	case FL_ALIAS_HOST:
		fl_validate_host(d, a);
		return;
	case FL_ALIAS_GROUP:
		fl_validate_group(d, a);
		return;
	case FL_ALIAS_TAG:
		fl_validate_tag(d, a, "");
		return;
	case FL_ALIAS_DOMAIN:
		fl_validate_domain(d, fl_domain_of(a->text, "user"), a->at, "");
		return;
	case FL_ALIAS_IPSET:
		fl_policy_report_add(d->report, a->at,
				     "nodeAttrs target does not support IP sets: %s",
				     fl_quoted(d->arena, a->text));
		return;
	case FL_ALIAS_AUTOGROUP:
		break;
	case FL_ALIAS_USER:
	case FL_ALIAS_PREFIX:
	case FL_ALIAS_WILDCARD:
		return;
	}
	if (a->autogroup == FL_AUTOGROUP_MEMBER || a->autogroup == FL_AUTOGROUP_TAGGED ||
	    a->autogroup == FL_AUTOGROUP_OWNER || a->autogroup == FL_AUTOGROUP_ADMIN)
		return;
	fl_policy_report_add(d->report, a->at,
			     "nodeAttrs target does not support this autogroup: %s, can be "
			     "[autogroup:member autogroup:tagged]",
			     fl_quoted(d->arena, a->text));
}

static bool is_overlapping(const struct fl_prefix *a, const struct fl_prefix *b)
{
	return fl_prefix_covers(a, b) || fl_prefix_covers(b, a);
}

static void check_pool(struct fl_decode *d, const struct fl_node_attr *n, const struct fl_prefix *p)
{
	static const struct fl_prefix all = { { FL_IP_V4, { 100, 64 } }, 10 };
	static const struct {
		struct fl_prefix prefix;
		const char *text;
	} reserved[] = {
		{ { { FL_IP_V4, { 100, 100, 100 } }, 24 }, "100.100.100.0/24" },
		{ { { FL_IP_V4, { 100, 115, 92 } }, 23 }, "100.115.92.0/23" },
	};
	char text[FL_PREFIX_TEXT_MAX];

	fl_prefix_format(p, text);
	if (!fl_prefix_covers(&all, p)) {
		fl_policy_report_add(d->report, n->at,
				     "nodeAttrs ipPool must be within 100.64.0.0/10: \"%s\"", text);
		return;
	}
	for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
		if (is_overlapping(p, &reserved[i].prefix))
			fl_policy_report_add(d->report, n->at,
					     "nodeAttrs ipPool must not overlap reserved Tailscale "
					     "ranges: \"%s\" overlaps \"%s\"",
					     text, reserved[i].text);
}

void fl_validate_attrs(struct fl_decode *d)
{
	for (size_t i = 0; i < d->doc->attrs_len; i++) {
		const struct fl_node_attr *n = &d->doc->attrs[i];
		for (size_t j = 0; j < n->target.len; j++)
			check_target(d, &n->target.at[j]);
		for (size_t j = 0; j < n->pool_len; j++)
			check_pool(d, n, &n->pool[j]);
	}
}

/* ---- ipsets ---- */

enum {
	NESTING_MAX = 16, /* levels; who resolves a set may recurse this deep */
};

/* Levels below each set, found so far; a set on the way down is a cycle. */
struct nesting {
	struct fl_decode *d;
	uint8_t *levels; /* 0: not visited, UINT8_MAX: on the way */
	bool failed;
};

static void fail_nesting(struct nesting *n, const struct fl_policy_ipset *s, const char *cause)
{
	fl_policy_report_add(n->d->report, s->at, "IP set %s %s", fl_quoted(n->d->arena, s->name),
			     cause);
	n->failed = true;
}

/* Recurses at most NESTING_MAX deep. */
static uint8_t measure(struct nesting *n, const struct fl_policy_ipset *s, unsigned depth)
{
	uint8_t *level = &n->levels[s - n->d->doc->ipsets], most = 1;

	if (n->failed || (*level != 0 && *level != UINT8_MAX))
		return *level;
	if (*level == UINT8_MAX) {
		fail_nesting(n, s, "contains itself");
		return 1;
	}
	if (depth == NESTING_MAX) {
		fail_nesting(n, s, "is nested too deep");
		return 1;
	}
	*level = UINT8_MAX;
	for (size_t i = 0; i < s->items_len; i++) {
		const struct fl_alias *a = &s->items[i].alias;
		const struct fl_policy_ipset *inner =
			a->kind == FL_ALIAS_IPSET ? fl_policy_doc_ipset(n->d->doc, a->text) : NULL;
		if (inner == NULL)
			continue;
		uint8_t below = measure(n, inner, depth + 1);
		if (below >= most)
			most = (uint8_t)(below + 1);
	}
	if (!n->failed && most > NESTING_MAX)
		fail_nesting(n, s, "is nested too deep");
	*level = most;
	return most;
}

void fl_validate_ipsets(struct fl_decode *d)
{
	struct nesting n = { .d = d };

	for (size_t i = 0; i < d->doc->ipsets_len; i++) {
		const struct fl_policy_ipset *s = &d->doc->ipsets[i];
		for (size_t j = 0; j < s->items_len; j++) {
			const struct fl_alias *a = &s->items[j].alias;
			if (a->kind == FL_ALIAS_HOST)
				fl_validate_host(d, a);
			else if (a->kind == FL_ALIAS_IPSET)
				fl_validate_ipset(d, a);
		}
	}
	n.levels = fl_arena_array(d->arena, d->doc->ipsets_len, 1);
	for (size_t i = 0; n.levels != NULL && !n.failed && i < d->doc->ipsets_len; i++)
		measure(&n, &d->doc->ipsets[i], 0);
}
