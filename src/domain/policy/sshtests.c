/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/policy/sshtests.c - sshTests (policy.md 8.4).
 *
 * Who gets in as a user at a node is a set of addresses, and so are the sources of a test: one set
 * covers the other, overlaps it, or has a first address that the other lacks. No address is ever
 * looked at by itself, so "*" costs what a node costs.
 */
#include "domain/policy/ssh.h"
#include "domain/policy/tests.h"

#include <stdlib.h>

struct run {
	const struct fl_policy *p;
	const struct fl_ssh *ssh;
	struct fl_ipset *all; /* sources of each rule, made when needed */
	struct fl_test_lines *lines;

	const struct fl_ssh_test *test;
	const struct fl_ipset *src;
	uint64_t user;   /* of the source, if that is a user */
	uint64_t *seen;  /* destinations */
	uint32_t *nodes; /* the same, as first seen */
	size_t nodes_len;
	size_t *like;          /* the first destination that rules treat alike; or itself */
	const char **verdicts; /* on each, for one user; NULL: it holds */
	uint64_t *marks;       /* the rules of each of `kinds` */
	size_t *kinds;         /* destinations that are like no other */
	size_t kinds_len;
};

enum goal { GOAL_ACCEPT, GOAL_DENY, GOAL_CHECK };

enum { KINDS_MAX = 64 }; /* destinations that others are compared with */

/* ---- who gets in ---- */

static enum fl_err add_who(const struct fl_ssh_from *f, size_t from, size_t to,
			   struct fl_ipset *out)
{
	enum fl_err err = FL_OK;

	for (size_t i = from; i < to && err == FL_OK; i++) {
		err = fl_ipset_add_ip(out, &f->who[i]->ip4);
		if (err == FL_OK)
			err = fl_ipset_add_ip(out, &f->who[i]->ip6);
	}
	return err;
}

static enum fl_err build_all(const struct fl_ssh_from *f, struct fl_ipset *out)
{
	struct fl_range *ranges = calloc(2 * f->who_len + 1, sizeof *ranges);
	size_t n = 0;

	if (ranges == NULL)
		return FL_ERR_NOMEM;
	for (size_t i = 0; i < f->who_len; i++) {
		const struct fl_policy_facts *w = f->who[i];
		if (fl_ip_is_set(&w->ip4))
			ranges[n++] = (struct fl_range){ w->ip4, w->ip4 };
		if (fl_ip_is_set(&w->ip6))
			ranges[n++] = (struct fl_range){ w->ip6, w->ip6 };
	}
	enum fl_err err = fl_ipset_build(out, ranges, n);
	free(ranges);
	return err;
}

static enum fl_err add_all(struct run *r, size_t rule, struct fl_ipset *out)
{
	struct fl_ipset *all = &r->all[rule];
	enum fl_err err = FL_OK;

	if (all->len == 0)
		err = build_all(r->ssh->at[rule].from, all);
	return err == FL_OK ? fl_ipset_add_set(out, all) : err;
}

static enum fl_err add_reach(struct run *r, size_t rule, const struct fl_ssh_reach *reach,
			     uint32_t slot, struct fl_ipset *out)
{
	const struct fl_policy_facts *f = r->p->nodes[slot];
	enum fl_err err;

	switch (reach->kind) {
	case FL_SSH_ALL:
		return add_all(r, rule, out);
	case FL_SSH_PART:
		return add_who(r->ssh->at[rule].from, reach->part->from, reach->part->to, out);
	case FL_SSH_OWN:
		break;
	}
	err = fl_ipset_add_ip(out, &f->ip4);
	return err == FL_OK ? fl_ipset_add_ip(out, &f->ip6) : err;
}

/* Those whom a localpart entry maps to this user. */
static enum fl_err add_mapped(struct run *r, size_t rule, const struct fl_ssh_reach *reach,
			      const char *user, struct fl_ipset *out)
{
	const struct fl_ssh_from *f = r->ssh->at[rule].from;
	const struct fl_ssh_part *parts = reach->part != NULL ? reach->part : f->parts;
	size_t n = reach->part != NULL ? 1 : f->users_len;
	enum fl_err err = FL_OK;

	for (size_t i = 0; i < n && reach->localparts && err == FL_OK; i++) {
		struct fl_slice own = fl_ssh_localpart(&r->p->doc->ssh[rule],
						       fl_policy_user_of(r->p, parts[i].user));
		if (own.len > 0 && fl_slice_is(own, user))
			err = add_who(f, parts[i].from, parts[i].to, out);
	}
	return err;
}

static enum fl_err add_rule(struct run *r, size_t rule, uint32_t slot, const char *user,
			    struct fl_ipset *out)
{
	struct fl_ssh_reach reaches[FL_SSH_REACHES_MAX];
	size_t n = fl_ssh_reaches(r->p, rule, r->ssh->at[rule].from, slot, reaches);
	bool permits = fl_ssh_permits(&r->p->doc->ssh[rule], user);
	enum fl_err err = FL_OK;

	for (size_t i = 0; i < n && err == FL_OK; i++)
		err = permits ? add_reach(r, rule, &reaches[i], slot, out)
			      : add_mapped(r, rule, &reaches[i], user, out);
	return err;
}

/* Who gets in at all, or by a check. */
static enum fl_err who_gets_in(struct run *r, uint32_t slot, const char *user, bool check,
			       struct fl_ipset *out)
{
	enum fl_err err = FL_OK;

	for (size_t i = 0; r->ssh != NULL && i < r->ssh->len && err == FL_OK; i++) {
		if (!check || r->p->doc->ssh[i].check)
			err = add_rule(r, i, slot, user, out);
	}
	return err;
}

/* ---- verdicts ---- */

/* The first address that is in `a` and not in `b`; false: there is none. */
static bool first_beyond(const struct fl_ipset *a, const struct fl_ipset *b, struct fl_ip *out)
{
	for (size_t i = 0; i < a->len; i++) {
		struct fl_ip ip = a->at[i].first;
		size_t at = fl_ipset_seek(b, &ip);
		const struct fl_range *near = at < b->len ? &b->at[at] : NULL;
		if (near != NULL && fl_range_covers(near, &a->at[i]))
			continue;
		if (near != NULL && fl_range_covers(near, &(struct fl_range){ ip, ip })) {
			ip = near->last;
			fl_ip_next(&ip);
		}
		*out = ip;
		return true;
	}
	return false;
}

/* NULL if it holds. */
static const char *judge(enum goal goal, const struct fl_ipset *src, const struct fl_ipset *in,
			 const struct fl_ipset *checked)
{
	struct fl_ip ip;

	switch (goal) {
	case GOAL_ACCEPT:
		return fl_ipset_covers_set(in, src) ? NULL : "expected ALLOWED, got DENIED";
	case GOAL_DENY:
		return fl_ipset_overlaps_set(in, src) ? "expected DENIED, got ALLOWED" : NULL;
	case GOAL_CHECK:
		break;
	}
	if (!first_beyond(src, checked, &ip))
		return NULL;
	return fl_ipset_has(in, &ip) ? "expected ALLOWED via check, got ALLOWED via accept"
				     : "expected ALLOWED via check, got DENIED";
}

/* ---- lines ---- */

/* As the reference writes an alias: a bare address as a prefix. */
static void put_alias(struct fl_buf *out, const struct fl_alias *a)
{
	char text[FL_PREFIX_TEXT_MAX];

	if (a->kind != FL_ALIAS_PREFIX) {
		fl_buf_str(out, a->text);
		return;
	}
	fl_prefix_format(&a->prefix, text);
	fl_buf_str(out, text);
}

static void quote_alias(struct run *r, const struct fl_alias *a)
{
	char text[FL_PREFIX_TEXT_MAX];

	if (a->kind == FL_ALIAS_PREFIX)
		fl_prefix_format(&a->prefix, text);
	fl_test_quote(r->lines, a->kind == FL_ALIAS_PREFIX ? text : a->text);
}

static void begin(struct run *r)
{
	fl_test_begin(r->lines, r->test->at);
	put_alias(&r->lines->text, &r->test->src);
}

/* "SRC: WHAT "ALIAS"REST", with a cause behind if there is one. */
static void fail(struct run *r, const char *what, const struct fl_alias *a, const char *rest,
		 const char *why)
{
	begin(r);
	fl_buf_str(&r->lines->text, what);
	quote_alias(r, a);
	fl_buf_str(&r->lines->text, rest);
	if (why != NULL)
		fl_buf_str(&r->lines->text, why);
}

static void fail_pair(struct run *r, const char *user, uint32_t slot, const char *verdict)
{
	begin(r);
	fl_buf_byte(&r->lines->text, '/');
	fl_buf_str(&r->lines->text, *user != '\0' ? user : "\"\"");
	fl_buf_str(&r->lines->text, " -> ");
	fl_buf_str(&r->lines->text, r->p->nodes[slot]->name);
	fl_buf_str(&r->lines->text, ": ");
	fl_buf_str(&r->lines->text, verdict);
}

/* ---- assertions ---- */

static enum fl_err judge_pair(struct run *r, enum goal goal, const char *user, uint32_t slot,
			      const char **out)
{
	struct fl_ipset in = { 0 }, checked = { 0 };
	enum fl_err err = who_gets_in(r, slot, user, false, &in);

	if (err == FL_OK && goal == GOAL_CHECK)
		err = who_gets_in(r, slot, user, true, &checked);
	if (err == FL_OK)
		*out = judge(goal, r->src, &in, &checked);
	fl_ipset_done(&in);
	fl_ipset_done(&checked);
	return err;
}

static enum fl_err try_user(struct run *r, enum goal goal, const char *user)
{
	enum fl_err err = FL_OK;

	for (size_t i = 0; i < r->nodes_len && err == FL_OK; i++) {
		r->verdicts[i] = NULL;
		if (r->like[i] != i)
			r->verdicts[i] = r->verdicts[r->like[i]];
		else
			err = judge_pair(r, goal, user, r->nodes[i], &r->verdicts[i]);
		if (r->verdicts[i] != NULL)
			fail_pair(r, user, r->nodes[i], r->verdicts[i]);
	}
	return err;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* By name, each once. */
static enum fl_err try_users(struct run *r, enum goal goal, const char *const *users, size_t n)
{
	const char **sorted = calloc(n + 1, sizeof *sorted);
	enum fl_err err = sorted != NULL ? FL_OK : FL_ERR_NOMEM;

	if (sorted != NULL && n > 0) {
		memcpy(sorted, users, n * sizeof *sorted);
		qsort(sorted, n, sizeof(const char *), compare);
	}
	for (size_t i = 0; i < n && err == FL_OK; i++) {
		if (i == 0 || strcmp(sorted[i - 1], sorted[i]) != 0)
			err = try_user(r, goal, sorted[i]);
	}
	free(sorted);
	return err;
}

/* ---- destinations ---- */

static bool is_self(const struct fl_alias *a)
{
	return a->kind == FL_ALIAS_AUTOGROUP && a->autogroup == FL_AUTOGROUP_SELF;
}

static bool is_dst(const struct run *r, const struct fl_alias *a, uint32_t slot)
{
	if (is_self(a))
		return r->user != 0 && r->p->nodes[slot]->user == r->user;
	return fl_bit(fl_policy_alias(r->p, a)->inside, slot);
}

static void list_dst(struct run *r, const struct fl_alias *a)
{
	bool any = false;

	for (size_t i = 0; i < r->p->nodes_len; i++) {
		uint32_t slot = r->p->by_id[i].slot;
		if (!is_dst(r, a, slot))
			continue;
		any = true;
		if (fl_bit(r->seen, slot))
			continue;
		fl_bit_set(r->seen, slot);
		r->nodes[r->nodes_len++] = slot;
	}
	if (!any)
		fail(r, ": dst alias ", a, " resolved to no nodes", NULL);
}

/* False: one does not resolve, which ends the entry. */
static bool list_nodes(struct run *r)
{
	const struct fl_aliases *dst = &r->test->dst;

	r->nodes_len = 0;
	memset(r->seen, 0, r->p->words * sizeof *r->seen);
	for (size_t i = 0; i < dst->len; i++) {
		const struct fl_policy_set *s = fl_policy_alias(r->p, &dst->at[i]);
		if (s->failed && !is_self(&dst->at[i])) {
			fail(r, ": failed to resolve destinations: resolving destination ",
			     &dst->at[i], ": ", s->why);
			return false;
		}
		list_dst(r, &dst->at[i]);
	}
	return true;
}

/* ---- destinations that are alike ---- */

static size_t mark_words(const struct run *r)
{
	return r->p->doc->ssh_len / 64 + 1;
}

/* The rules whose sources a node lets in; false: it also knows one user's, or itself. */
static bool mark_rules(const struct run *r, uint32_t slot, uint64_t *marks)
{
	struct fl_ssh_reach reaches[FL_SSH_REACHES_MAX];

	memset(marks, 0, mark_words(r) * sizeof *marks);
	for (uint32_t i = 0; r->ssh != NULL && i < r->ssh->len; i++) {
		size_t n = fl_ssh_reaches(r->p, i, r->ssh->at[i].from, slot, reaches);
		for (size_t k = 0; k < n; k++) {
			if (reaches[k].kind != FL_SSH_ALL)
				return false;
			fl_bit_set(marks, i);
		}
	}
	return true;
}

/* Of ten thousand servers with one tag only the first is judged. */
static size_t find_like(struct run *r, size_t node)
{
	size_t words = mark_words(r);
	uint64_t *own = r->marks + r->kinds_len * words; /* room for one beyond KINDS_MAX */

	if (!mark_rules(r, r->nodes[node], own))
		return node;
	for (size_t i = 0; i < r->kinds_len; i++) {
		if (memcmp(r->marks + i * words, own, words * sizeof *own) == 0)
			return r->kinds[i];
	}
	if (r->kinds_len < KINDS_MAX)
		r->kinds[r->kinds_len++] = node;
	return node;
}

static void find_alike(struct run *r)
{
	r->kinds_len = 0;
	for (size_t i = 0; i < r->nodes_len; i++)
		r->like[i] = find_like(r, i);
}

/* ---- entries ---- */

static bool has_source(struct run *r)
{
	const struct fl_alias *a = &r->test->src;
	const struct fl_policy_set *s = fl_policy_alias(r->p, a);
	const struct fl_who *who = &r->p->core->plan->who[a->number];

	if (s->failed) {
		fail(r, ": failed to resolve source ", a, ": resolving: ", s->why);
		return false;
	}
	if (s->ips.len == 0) {
		fail(r, ": source ", a, " resolved to no IP addresses", NULL);
		return false;
	}
	r->src = &s->ips;
	r->user = a->kind == FL_ALIAS_USER && who->users_len == 1 ? who->users[0] : 0;
	return true;
}

static enum fl_err run_entry(struct run *r, const struct fl_ssh_test *t)
{
	r->test = t;
	if (!has_source(r))
		return FL_OK;
	if (t->accept_len + t->deny_len + t->check_len == 0) {
		begin(r);
		fl_buf_str(&r->lines->text, ": no accept, deny, or check assertions specified");
		return FL_OK;
	}
	if (!list_nodes(r))
		return FL_OK;
	find_alike(r);
	enum fl_err err = try_users(r, GOAL_ACCEPT, t->accept, t->accept_len);
	if (err == FL_OK)
		err = try_users(r, GOAL_DENY, t->deny, t->deny_len);
	return err == FL_OK ? try_users(r, GOAL_CHECK, t->check, t->check_len) : err;
}

static bool make_room(struct run *r)
{
	size_t nodes = r->p->nodes_len + 1;

	r->all = calloc(r->p->doc->ssh_len + 1, sizeof *r->all);
	r->seen = fl_bits_new(r->p->words);
	r->nodes = calloc(nodes, sizeof *r->nodes);
	r->like = calloc(nodes, sizeof *r->like);
	r->verdicts = calloc(nodes, sizeof *r->verdicts);
	r->marks = calloc((KINDS_MAX + 1) * mark_words(r), sizeof *r->marks);
	r->kinds = calloc(KINDS_MAX, sizeof *r->kinds);
	return r->all != NULL && r->seen != NULL && r->nodes != NULL && r->like != NULL &&
	       r->verdicts != NULL && r->marks != NULL && r->kinds != NULL;
}

static enum fl_err run_entries(struct run *r)
{
	const struct fl_policy_doc *doc = r->p->doc;
	enum fl_err err = FL_OK;

	r->ssh = doc->ssh_given ? fl_ssh_of(r->p) : NULL;
	if ((doc->ssh_given && r->ssh == NULL) || !make_room(r))
		return FL_ERR_NOMEM;
	for (size_t i = 0; i < doc->ssh_tests_len && err == FL_OK; i++)
		err = run_entry(r, &doc->ssh_tests[i]);
	return err;
}

enum fl_err fl_ssh_tests_run(const struct fl_policy *p, struct fl_test_lines *l)
{
	struct run r = { .p = p, .lines = l };

	if (p->doc->ssh_tests_len == 0)
		return FL_OK;
	enum fl_err err = run_entries(&r);
	for (size_t i = 0; r.all != NULL && i < p->doc->ssh_len; i++)
		fl_ipset_done(&r.all[i]);
	free(r.all);
	free(r.seen);
	free(r.nodes);
	free(r.like);
	free(r.verdicts);
	free(r.marks);
	free(r.kinds);
	return err;
}
