/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/policy/whofill.c - resolves all aliases of a document at once.
 *
 * Users look for their tokens, not tokens for their users: a step for each of both, not for each
 * pair. What comes out is also turned round, so that a node finds the aliases that mean it.
 */
#include "domain/policy/core.h"

#include <stdlib.h>

enum { IPSET_DEPTH = 64 }; /* IP sets that name IP sets; deeper ones hold nothing */

/* ---- users ---- */

static char *copy_text(struct fl_arena *arena, const char *text)
{
	return fl_arena_text(arena, fl_slice_str(text != NULL ? text : ""));
}

static enum fl_err copy_users(struct fl_plan *plan, const struct fl_policy_user *users, size_t n)
{
	struct fl_policy_user *copy = fl_arena_array(&plan->arena, n, sizeof *copy);

	for (size_t i = 0; i < n && plan->arena.err == FL_OK; i++) {
		copy[i] = users[i];
		copy[i].name = copy_text(&plan->arena, users[i].name);
		copy[i].email = copy_text(&plan->arena, users[i].email);
		copy[i].provider_id = copy_text(&plan->arena, users[i].provider_id);
	}
	plan->users = copy;
	plan->users_len = n;
	return plan->arena.err;
}

struct token {
	struct fl_slice text;
	uint32_t alias;
	const struct fl_policy_user *provider, *found;
	size_t count;
};

static int compare_slices(struct fl_slice a, struct fl_slice b)
{
	size_t n = a.len < b.len ? a.len : b.len;
	int c = n > 0 ? memcmp(a.ptr, b.ptr, n) : 0;
	return c != 0 ? c : (a.len > b.len) - (a.len < b.len);
}

static int compare_tokens(const void *a, const void *b)
{
	return compare_slices(((const struct token *)a)->text, ((const struct token *)b)->text);
}

static size_t first_token(const struct token *tokens, size_t n, struct fl_slice text)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (compare_slices(tokens[mid].text, text) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

enum field { FIELD_PROVIDER, FIELD_NAME };

/* "a" and "a@" are two aliases with one token. */
static void offer(struct token *tokens, size_t n, const char *text, enum field field,
		  const struct fl_policy_user *u)
{
	struct fl_slice s = fl_slice_str(text);

	if (s.len == 0)
		return;
	for (size_t i = first_token(tokens, n, s); i < n && fl_slice_eq(tokens[i].text, s); i++) {
		if (field == FIELD_PROVIDER && tokens[i].provider == NULL)
			tokens[i].provider = u;
		if (field == FIELD_NAME && tokens[i].found != u) { /* its name may be its e-mail */
			tokens[i].found = u;
			tokens[i].count++;
		}
	}
}

static size_t collect_tokens(const struct fl_plan *plan, struct token *tokens)
{
	size_t n = 0;

	for (size_t i = 0; i < plan->who_len; i++) {
		const struct fl_alias *a = plan->doc->aliases[i];
		if (a->kind != FL_ALIAS_USER)
			continue;
		struct fl_slice text = fl_slice_str(a->text);
		if (text.len > 0 && text.ptr[text.len - 1] == '@')
			text.len--;
		tokens[n++] = (struct token){ .text = text, .alias = (uint32_t)i };
	}
	return n;
}

static enum fl_err fill_users(struct fl_plan *plan)
{
	struct token *tokens = calloc(plan->who_len + 1, sizeof *tokens);
	enum fl_err err = FL_OK;

	if (tokens == NULL)
		return FL_ERR_NOMEM;
	size_t n = collect_tokens(plan, tokens);
	qsort(tokens, n, sizeof *tokens, compare_tokens);
	for (size_t i = 0; i < plan->users_len && n > 0; i++) {
		const struct fl_policy_user *u = &plan->users[i];
		offer(tokens, n, u->provider_id, FIELD_PROVIDER, u);
		offer(tokens, n, u->email, FIELD_NAME, u);
		offer(tokens, n, u->name, FIELD_NAME, u);
	}
	for (size_t i = 0; i < n && err == FL_OK; i++) {
		const struct token *t = &tokens[i];
		bool provided = t->provider != NULL;
		err = fl_who_user(plan, &plan->arena, plan->doc->aliases[t->alias]->text,
				  provided ? t->provider : t->found, provided ? 1 : t->count,
				  &plan->who[t->alias]);
	}
	free(tokens);
	return err;
}

/* ---- IP sets ---- */

enum state { STATE_NEW, STATE_BUSY, STATE_DONE, STATE_BAD };

struct walk {
	struct fl_plan *plan;
	uint8_t *state;
	struct {
		size_t set, item;
	} stack[IPSET_DEPTH];
	size_t depth;
};

static enum fl_err apply_ips(struct fl_ipset *s, bool remove, const struct fl_ipset *ips)
{
	enum fl_err err = FL_OK;

	if (!remove)
		return fl_ipset_add_set(s, ips);
	for (size_t i = 0; i < ips->len && err == FL_OK; i++)
		err = fl_ipset_remove(s, &ips->at[i]);
	return err;
}

static size_t index_of_ipset(const struct fl_plan *plan, const char *name)
{
	const struct fl_policy_ipset *s = fl_policy_doc_ipset(plan->doc, name);
	return s != NULL ? (size_t)(s - plan->doc->ipsets) : SIZE_MAX;
}

/* A set that cannot be told holds nothing: never more than was meant. */
static void spoil(struct walk *w)
{
	for (size_t i = 0; i < w->depth; i++) {
		size_t set = w->stack[i].set;
		fl_ipset_done(&w->plan->ipsets[set]);
		w->state[set] = STATE_BAD;
	}
	w->depth = 0;
}

static enum fl_err apply_item(struct walk *w, const struct fl_policy_ipset_item *item,
			      struct fl_ipset *to)
{
	struct fl_who who = { 0 };
	enum fl_err err = fl_who_resolve(w->plan, &w->plan->arena, &item->alias, &who);

	if (err != FL_OK)
		return err;
	if (who.kind == FL_WHO_IPS)
		err = apply_ips(to, item->remove, &who.ips);
	else
		spoil(w);
	fl_ipset_done(&who.ips);
	return err;
}

static void push(struct walk *w, size_t set)
{
	w->stack[w->depth].set = set;
	w->stack[w->depth++].item = 0;
	w->state[set] = STATE_BUSY;
}

/* One item of the set on top, or first the set that it names. */
static enum fl_err advance(struct walk *w)
{
	size_t set = w->stack[w->depth - 1].set, at = w->stack[w->depth - 1].item;
	const struct fl_policy_ipset *s = &w->plan->doc->ipsets[set];

	if (at == s->items_len) {
		w->state[set] = STATE_DONE;
		w->depth--;
		return FL_OK;
	}
	const struct fl_policy_ipset_item *item = &s->items[at];
	if (item->alias.kind == FL_ALIAS_IPSET) {
		size_t other = index_of_ipset(w->plan, item->alias.text);
		if (other == SIZE_MAX || w->state[other] == STATE_BUSY ||
		    w->state[other] == STATE_BAD || w->depth == IPSET_DEPTH) {
			spoil(w);
			return FL_OK;
		}
		if (w->state[other] == STATE_NEW) {
			push(w, other);
			return FL_OK;
		}
	}
	w->stack[w->depth - 1].item++;
	return apply_item(w, item, &w->plan->ipsets[set]);
}

static enum fl_err fill_ipsets(struct fl_plan *plan)
{
	size_t n = plan->doc->ipsets_len;
	struct walk w = { .plan = plan };
	enum fl_err err = FL_OK;

	plan->ipsets = calloc(n + 1, sizeof *plan->ipsets);
	w.state = calloc(n + 1, 1);
	if (plan->ipsets == NULL || w.state == NULL)
		err = FL_ERR_NOMEM;
	for (size_t i = 0; i < n && err == FL_OK; i++) {
		if (w.state[i] == STATE_NEW)
			push(&w, i);
		while (w.depth > 0 && err == FL_OK)
			err = advance(&w);
	}
	free(w.state);
	return err;
}

/* ---- everything ---- */

static enum fl_err fill_kind(struct fl_plan *plan, bool groups)
{
	for (size_t i = 0; i < plan->who_len; i++) {
		const struct fl_alias *a = plan->doc->aliases[i];
		if (a->kind == FL_ALIAS_USER || (a->kind == FL_ALIAS_GROUP) != groups)
			continue;
		enum fl_err err = fl_who_resolve(plan, &plan->arena, a, &plan->who[i]);
		if (err != FL_OK)
			return err;
	}
	return FL_OK;
}

static int compare_pairs(const void *a, const void *b)
{
	const struct fl_plan_pair *x = a, *y = b;
	int c = (x->user > y->user) - (x->user < y->user);
	return c != 0 ? c : (x->alias > y->alias) - (x->alias < y->alias);
}

static int compare_tags(const void *a, const void *b)
{
	return strcmp(((const struct fl_plan_tag *)a)->text, ((const struct fl_plan_tag *)b)->text);
}

static enum fl_err turn_round(struct fl_plan *plan)
{
	size_t pairs = 0, tags = 0;

	for (size_t i = 0; i < plan->who_len; i++) {
		pairs += plan->who[i].users_len;
		tags += plan->who[i].kind == FL_WHO_TAG;
	}
	plan->pairs = fl_arena_array(&plan->arena, pairs, sizeof *plan->pairs);
	plan->tags = fl_arena_array(&plan->arena, tags, sizeof *plan->tags);
	if (plan->pairs == NULL || plan->tags == NULL)
		return plan->arena.err;
	for (size_t i = 0; i < plan->who_len; i++) {
		const struct fl_who *who = &plan->who[i];
		for (size_t k = 0; k < who->users_len; k++)
			plan->pairs[plan->pairs_len++] =
				(struct fl_plan_pair){ who->users[k], (uint32_t)i };
		if (who->kind == FL_WHO_TAG)
			plan->tags[plan->tags_len++] =
				(struct fl_plan_tag){ who->tag, (uint32_t)i };
	}
	qsort(plan->pairs, pairs, sizeof *plan->pairs, compare_pairs);
	qsort(plan->tags, tags, sizeof *plan->tags, compare_tags);
	return FL_OK;
}

enum fl_err fl_who_fill(struct fl_plan *plan, const struct fl_policy_user *users, size_t users_len)
{
	enum fl_err err = copy_users(plan, users, users_len);

	if (err != FL_OK || plan->doc == NULL)
		return err;
	plan->who = calloc(plan->doc->aliases_len + 1, sizeof *plan->who);
	if (plan->who == NULL)
		return FL_ERR_NOMEM;
	plan->who_len = plan->doc->aliases_len;
	err = fill_ipsets(plan);
	if (err == FL_OK)
		err = fill_users(plan);
	if (err == FL_OK)
		err = fill_kind(plan, false);
	if (err == FL_OK)
		err = fill_kind(plan, true); /* their members are known now */
	return err == FL_OK ? turn_round(plan) : err;
}
