/* SPDX-License-Identifier: BSD-3-Clause */
/* domain/policy/facts.c - nodes as a snapshot keeps them, and where to find one. */
#include "domain/policy/core.h"

#include <stdlib.h>

static size_t text_size(const struct fl_policy_node *n)
{
	size_t size = strlen(n->name != NULL ? n->name : "") + 1;

	for (size_t i = 0; i < n->tags_len; i++)
		size += strlen(n->tags[i]) + 1;
	return size;
}

static char *put_text(char **at, const char *text)
{
	char *copy = *at;
	size_t size = strlen(text) + 1;

	memcpy(copy, text, size);
	*at += size;
	return copy;
}

static void split_served(const struct fl_policy_node *n, struct fl_policy_facts *f)
{
	for (size_t i = 0; i < n->served_len; i++) {
		if (fl_prefix_is_exit(&n->served[i]))
			f->exits[f->exits_len++] = n->served[i];
		else
			f->subnets[f->subnets_len++] = n->served[i];
	}
}

/* One allocation: the struct, prefixes, pointers, texts. */
enum fl_err fl_facts_new(const struct fl_policy_node *n, struct fl_policy_facts **out)
{
	size_t prefixes = 2 * n->served_len + n->primary_len;
	size_t tags = sizeof(struct fl_policy_facts);
	size_t nets = tags + n->tags_len * sizeof(char *);
	size_t texts = nets + prefixes * sizeof(struct fl_prefix);
	struct fl_policy_facts *f = calloc(1, texts + text_size(n));

	if (f == NULL)
		return FL_ERR_NOMEM;
	char *base = (char *)f, *text = base + texts;
	atomic_init(&f->refs, 1);
	f->id = n->id;
	f->user = n->tags_len > 0 ? 0 : n->user; /* a tagged node is nobody's */
	f->ip4 = n->ip4;
	f->ip6 = n->ip6;
	f->online = n->online;
	f->healthy = n->healthy;
	f->name = put_text(&text, n->name != NULL ? n->name : "");
	f->tags = (char **)(void *)(base + tags);
	for (; f->tags_len < n->tags_len; f->tags_len++)
		f->tags[f->tags_len] = put_text(&text, n->tags[f->tags_len]);
	f->subnets = (struct fl_prefix *)(void *)(base + nets);
	f->exits = f->subnets + n->served_len;
	f->primary = f->exits + n->served_len;
	split_served(n, f);
	if (n->primary_len > 0)
		memcpy(f->primary, n->primary, n->primary_len * sizeof *f->primary);
	f->primary_len = n->primary_len;
	*out = f;
	return FL_OK;
}

struct fl_policy_facts *fl_facts_ref(struct fl_policy_facts *f)
{
	atomic_fetch_add_explicit(&f->refs, 1, memory_order_relaxed);
	return f;
}

struct fl_policy_facts *fl_facts_unref(struct fl_policy_facts *f)
{
	if (f != NULL && atomic_fetch_sub_explicit(&f->refs, 1, memory_order_acq_rel) == 1)
		free(f);
	return NULL;
}

static bool same_prefixes(const struct fl_prefix *a, size_t a_len, const struct fl_prefix *b,
			  size_t b_len)
{
	if (a_len != b_len)
		return false;
	for (size_t i = 0; i < a_len; i++) {
		if (!fl_prefix_eq(&a[i], &b[i]))
			return false;
	}
	return true;
}

static bool same_tags(const struct fl_policy_facts *a, const struct fl_policy_facts *b)
{
	if (a->tags_len != b->tags_len)
		return false;
	for (size_t i = 0; i < a->tags_len; i++) {
		if (strcmp(a->tags[i], b->tags[i]) != 0)
			return false;
	}
	return true;
}

bool fl_facts_same_ips(const struct fl_policy_facts *a, const struct fl_policy_facts *b)
{
	return fl_ip_eq(&a->ip4, &b->ip4) && fl_ip_eq(&a->ip6, &b->ip6);
}

bool fl_facts_same_subnets(const struct fl_policy_facts *a, const struct fl_policy_facts *b)
{
	return same_prefixes(a->subnets, a->subnets_len, b->subnets, b->subnets_len);
}

bool fl_facts_eq(const struct fl_policy_facts *a, const struct fl_policy_facts *b)
{
	return a == b ||
	       (a->id == b->id && a->user == b->user && a->online == b->online &&
		a->healthy == b->healthy && strcmp(a->name, b->name) == 0 && same_tags(a, b) &&
		fl_facts_same_ips(a, b) && fl_facts_same_subnets(a, b) &&
		same_prefixes(a->exits, a->exits_len, b->exits, b->exits_len) &&
		same_prefixes(a->primary, a->primary_len, b->primary, b->primary_len));
}

bool fl_facts_odd(const struct fl_policy_facts *f)
{
	const struct fl_ipset usual = fl_fixed_view(FL_SET_WILDCARD);

	return (fl_ip_is_set(&f->ip4) && !fl_ipset_has(&usual, &f->ip4)) ||
	       (fl_ip_is_set(&f->ip6) && !fl_ipset_has(&usual, &f->ip6));
}

bool fl_facts_inside(const struct fl_policy_facts *f, const struct fl_ipset *ips)
{
	return ips->len > 0 && (fl_ipset_has(ips, &f->ip4) || fl_ipset_has(ips, &f->ip6));
}

bool fl_facts_behind(const struct fl_policy_facts *f, const struct fl_ipset *ips)
{
	for (size_t i = 0; i < f->subnets_len && ips->len > 0; i++) {
		struct fl_range r = fl_range_of(&f->subnets[i]);
		if (fl_ipset_overlaps(ips, &r))
			return true;
	}
	return false;
}

struct fl_places *fl_places_new(size_t cap)
{
	struct fl_places *places = malloc(sizeof *places + cap * sizeof *places->at);

	if (places == NULL)
		return NULL;
	atomic_init(&places->refs, 1);
	places->len = 0;
	return places;
}

struct fl_places *fl_places_unref(struct fl_places *s)
{
	if (s != NULL && atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) == 1)
		free(s);
	return NULL;
}

void fl_places_use(struct fl_policy *p, struct fl_places *places)
{
	p->core->places = places;
	p->by_id = places->at;
	p->nodes_len = places->len;
}

uint32_t fl_policy_slot(const struct fl_policy *p, uint64_t node)
{
	size_t low = 0, high = p->nodes_len;

	if (high == 0 || node < p->by_id[0].id || node > p->by_id[high - 1].id)
		return FL_SLOT_NONE;
	/* No id stands twice, so it is no further from either end than from the id there. */
	uint64_t before = node - p->by_id[0].id, behind = p->by_id[high - 1].id - node;
	if (behind < high)
		low = high - 1 - behind;
	if (before < high)
		high = before + 1;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (p->by_id[mid].id < node)
			low = mid + 1;
		else
			high = mid;
	}
	return low < p->nodes_len && p->by_id[low].id == node ? p->by_id[low].slot : FL_SLOT_NONE;
}

const struct fl_policy_user *fl_policy_user_of(const struct fl_policy *p, uint64_t user)
{
	size_t low = 0, high = p->users_len;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (p->users[mid].id < user)
			low = mid + 1;
		else
			high = mid;
	}
	return low < p->users_len && p->users[low].id == user ? &p->users[low] : NULL;
}
