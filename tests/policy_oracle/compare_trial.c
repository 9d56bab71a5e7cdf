/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/policy_oracle/compare_trial.c - one trial from its seed data, and shrinking it. */
#include "compare.h"

#include <stdlib.h>

enum { WHY_MAX = 1 << 20 };

struct fl_policy_doc *trial_read(const json_t *policy, struct fl_buf *why)
{
	const struct fl_policy_read how = { .domains = gen_domains, .domains_len = 2 };
	struct fl_policy_report report = { 0 };
	struct fl_policy_doc *doc = NULL;
	char *text = json_dumps(policy, JSON_COMPACT);

	if (text == NULL)
		abort();
	if (fl_policy_doc_read(fl_slice_str(text), &how, &report, &doc) != FL_OK)
		fl_policy_report_text(&report, why);
	fl_policy_report_done(&report);
	free(text);
	return doc;
}

static const struct gen_node *find(const struct gen_world *w, uint64_t id)
{
	for (size_t i = 0; i < w->nodes_len; i++)
		if (w->nodes[i].rec.id == id)
			return &w->nodes[i];
	return NULL;
}

struct fl_policy *trial_step(const struct fl_policy *old, const struct gen_world *from,
			     const struct gen_world *to)
{
	struct fl_policy_node changed[GEN_NODES];
	uint64_t removed[GEN_NODES];
	struct gen_view view;
	struct fl_policy *out = NULL;
	size_t changed_len = 0, removed_len = 0;

	gen_view(to, &view);
	for (size_t i = 0; i < to->nodes_len; i++) {
		const struct gen_node *was = find(from, to->nodes[i].rec.id);
		bool idle = to->nodes[i].rec.id % 7 == 0; /* told as changed though it is not */
		if (idle || was == NULL || !gen_same_node(was, &to->nodes[i]))
			changed[changed_len++] = view.nodes[i];
	}
	for (size_t i = 0; i < from->nodes_len; i++)
		if (find(to, from->nodes[i].rec.id) == NULL)
			removed[removed_len++] = from->nodes[i].rec.id;
	if (fl_policy_step(old, changed, changed_len, removed, removed_len, &out) != FL_OK)
		abort();
	return out;
}

static struct fl_policy *made(const struct fl_policy_doc *doc, const struct fl_policy_world *w)
{
	struct fl_policy *p = NULL;

	if (fl_policy_new(doc, w, &p) != FL_OK)
		abort();
	return p;
}

/* Takes `q`, what there is afterwards. */
static bool agrees_after(const struct trial *t, struct sides *s, struct fl_policy *q)
{
	struct gen_view next;
	bool agrees;

	gen_view(&t->after, &next);
	struct sides then = {
		.engine = q,
		.naive = naive_new(t->kind == TRIAL_STEP ? t->policy : t->other, &next.world),
		.world = &next.world,
		.why = s->why,
	};
	agrees = compare_all(&then) && compare_differs(s, &then);
	naive_free(then.naive);
	fl_policy_unref(q);
	return agrees;
}

static bool run(const struct trial *t, const struct fl_policy_doc *doc,
		const struct fl_policy_doc *other, struct fl_buf *why)
{
	struct gen_view view, next;
	bool agrees;

	gen_view(&t->world, &view);
	struct sides s = { .engine = made(doc, &view.world),
			   .naive = naive_new(t->policy, &view.world),
			   .world = &view.world,
			   .why = why };
	agrees = t->kind == TRIAL_PACKET ? compare_packet(&s, &t->query) : compare_all(&s);
	if (agrees && t->kind == TRIAL_STEP)
		agrees = agrees_after(t, &s, trial_step(s.engine, &t->world, &t->after));
	if (agrees && t->kind == TRIAL_RELOAD) {
		gen_view(&t->after, &next);
		agrees = agrees_after(t, &s, made(other, &next.world));
	}
	naive_free(s.naive);
	fl_policy_unref((struct fl_policy *)(uintptr_t)s.engine);
	return agrees;
}

bool trial_agrees(const struct trial *t, struct fl_buf *why)
{
	struct fl_policy_doc *doc = trial_read(t->policy, why), *other = NULL;
	bool agrees = true;

	if (t->kind == TRIAL_RELOAD)
		other = trial_read(t->other, why);
	if (doc != NULL && (t->kind != TRIAL_RELOAD || other != NULL))
		agrees = run(t, doc, other, why);
	fl_policy_doc_free(doc);
	fl_policy_doc_free(other);
	return agrees;
}

/* ---- shrinking ---- */

static bool still_fails(const struct trial *t)
{
	struct fl_buf why = fl_buf_make(WHY_MAX);
	bool fails = !trial_agrees(t, &why);

	fl_buf_done(&why);
	return fails;
}

/* Removes the *at-th element or member, counted through the tree. The depth is the policy's. */
static bool remove_nth(json_t *v, size_t *at)
{
	const char *name;
	json_t *member;

	for (size_t i = 0; i < json_array_size(v); i++) {
		if ((*at)-- == 0) {
			json_array_remove(v, i);
			return true;
		}
		if (remove_nth(json_array_get(v, i), at))
			return true;
	}
	json_object_foreach(v, name, member)
	{
		if ((*at)-- == 0) {
			json_object_del(v, name);
			return true;
		}
		if (remove_nth(member, at))
			return true;
	}
	return false;
}

static json_t **the_policy(struct trial *t)
{
	return &t->policy;
}

static json_t **the_other(struct trial *t)
{
	return &t->other;
}

static bool shrink_policy(struct trial *t, json_t **(*which)(struct trial *))
{
	bool smaller = false;

	for (size_t i = 0;;) {
		struct trial less = *t;
		size_t at = i;
		*which(&less) = json_deep_copy(*which(t));
		if (!remove_nth(*which(&less), &at)) {
			json_decref(*which(&less));
			return smaller;
		}
		if (still_fails(&less)) {
			json_decref(*which(t));
			*t = less;
			smaller = true;
		} else {
			json_decref(*which(&less));
			i++;
		}
	}
}

static void drop_node(struct gen_world *w, uint64_t id)
{
	size_t i = 0;

	while (i < w->nodes_len && w->nodes[i].rec.id != id)
		i++;
	if (i == w->nodes_len)
		return;
	w->nodes_len--;
	for (; i < w->nodes_len; i++)
		w->nodes[i] = w->nodes[i + 1];
}

static bool keep_if_fails(struct trial *t, const struct trial *less)
{
	if (!still_fails(less))
		return false;
	*t = *less;
	return true;
}

/* One thing less at a node of one of the worlds. */
static bool shrink_node(struct trial *t, struct gen_world *(*world)(struct trial *), size_t at)
{
	struct trial less = *t;
	struct gen_node *n = &world(&less)->nodes[at];
	bool smaller = false;

	if (n->rec.served_len > 0) {
		n->rec.served_len--;
		n->rec.primary_len = 0;
		smaller |= keep_if_fails(t, &less);
		less = *t;
	}
	if (n->rec.served_len > 1) {
		for (size_t i = 1; i < n->rec.served_len; i++)
			n->served[i - 1] = n->served[i];
		n->rec.served_len--;
		n->rec.primary_len = 0;
		smaller |= keep_if_fails(t, &less);
		less = *t;
	}
	if (n->rec.tags_len > 0) {
		n->rec.tags_len--;
		smaller |= keep_if_fails(t, &less);
		less = *t;
	}
	if (fl_ip_is_set(&n->rec.ip6) && fl_ip_is_set(&n->rec.ip4)) {
		n->rec.ip6 = (struct fl_ip){ 0 };
		smaller |= keep_if_fails(t, &less);
	}
	return smaller;
}

static struct gen_world *the_world(struct trial *t)
{
	return &t->world;
}

static struct gen_world *the_after(struct trial *t)
{
	return &t->after;
}

static bool shrink_nodes(struct trial *t)
{
	bool smaller = false;

	for (uint64_t id = 1; id <= GEN_IDS; id++) {
		struct trial less = *t;
		drop_node(&less.world, id);
		drop_node(&less.after, id);
		if (less.world.nodes_len + less.after.nodes_len <
		    t->world.nodes_len + t->after.nodes_len)
			smaller |= keep_if_fails(t, &less);
	}
	for (size_t i = 0; i < t->world.nodes_len; i++)
		smaller |= shrink_node(t, the_world, i);
	for (size_t i = 0; i < t->after.nodes_len; i++)
		smaller |= shrink_node(t, the_after, i);
	return smaller;
}

void trial_shrink(struct trial *t)
{
	bool smaller = true;

	for (size_t i = 0; i < 10 && smaller; i++) {
		smaller = shrink_policy(t, the_policy);
		if (t->kind == TRIAL_RELOAD)
			smaller |= shrink_policy(t, the_other);
		smaller |= shrink_nodes(t);
	}
}
