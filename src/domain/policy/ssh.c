/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/policy/ssh.c - the SSH policy of one node.
 *
 * Bits say whether a node is a destination or a source of a rule; then texts are put together.
 * Check rules come before the others (policy.md 6.2 step 6): so there are two rounds.
 */
#include "domain/policy/ssh.h"

#include <stdlib.h>

#include "base/jw.h"

enum { TEXT_MAX = 1 << 28 };

/* policy.md 6.6 */
static const int64_t usual_period = (int64_t)12 * 3600 * 1000 * 1000 * 1000;

/* ---- all rules of a snapshot ---- */

struct fl_ssh *fl_ssh_unref(struct fl_ssh *s)
{
	if (s == NULL || atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) != 1)
		return NULL;
	for (size_t i = 0; i < s->len; i++) {
		fl_ssh_from_unref(s->at[i].from);
		fl_bytes_unref(s->at[i].users);
		fl_bytes_unref(s->at[i].env);
	}
	free(s);
	return NULL;
}

static struct fl_bytes *env_text(const struct fl_ssh_rule *r)
{
	struct fl_buf b = fl_buf_make(TEXT_MAX);
	struct fl_jw w = fl_jw_make(&b);
	struct fl_bytes *text = NULL;

	fl_jw_arr(&w);
	for (size_t i = 0; i < r->accept_env_len; i++)
		fl_jw_str(&w, r->accept_env[i]);
	fl_jw_arr_end(&w);
	if (fl_buf_err(&b) == FL_OK)
		text = fl_bytes_new(fl_buf_slice(&b));
	fl_buf_done(&b);
	return text;
}

static bool same_list(const struct fl_aliases *a, const struct fl_aliases *b)
{
	if (a->len != b->len)
		return false;
	for (size_t i = 0; i < a->len; i++) {
		if (a->at[i].number != b->at[i].number)
			return false;
	}
	return true;
}

/* Rules with the same list of sources share them. */
static enum fl_err fill_from(const struct fl_policy *p, const struct fl_ssh *was, size_t i,
			     struct fl_ssh *s)
{
	const struct fl_ssh_rule *rules = p->doc->ssh;

	for (size_t k = 0; k < i; k++) {
		if (same_list(&rules[k].src, &rules[i].src)) {
			s->at[i].from = fl_ssh_from_ref(s->at[k].from);
			return FL_OK;
		}
	}
	return fl_ssh_from_new(p, &rules[i].src, was != NULL ? was->at[i].from : NULL,
			       &s->at[i].from);
}

static enum fl_err fill(const struct fl_policy *p, const struct fl_ssh *was, size_t i,
			struct fl_ssh *s)
{
	const struct fl_ssh_rule *r = &p->doc->ssh[i];
	struct fl_ssh_each *each = &s->at[i];

	each->users = was != NULL ? fl_bytes_ref(was->at[i].users) : fl_ssh_users_text(r);
	each->env = was != NULL ? fl_bytes_ref(was->at[i].env) : env_text(r);
	if (each->users == NULL || each->env == NULL)
		return FL_ERR_NOMEM;
	return fill_from(p, was, i, s);
}

static struct fl_ssh *make(const struct fl_policy *p, const struct fl_ssh *was)
{
	size_t n = p->doc->ssh_len;
	struct fl_ssh *s = calloc(1, sizeof *s + n * sizeof *s->at);
	enum fl_err err = s != NULL ? FL_OK : FL_ERR_NOMEM;

	if (s == NULL)
		return NULL;
	atomic_init(&s->refs, 1);
	s->len = n;
	for (size_t i = 0; i < n && err == FL_OK; i++)
		err = fill(p, was, i, s);
	return err == FL_OK ? s : fl_ssh_unref(s);
}

/* Two at once make them twice, and one of them drops its own. */
const struct fl_ssh *fl_ssh_of(const struct fl_policy *p)
{
	struct fl_ssh *have = atomic_load_explicit(&p->core->ssh, memory_order_acquire);

	if (have != NULL)
		return have;
	struct fl_ssh *fresh = make(p, p->core->ssh_was);
	if (fresh == NULL)
		return NULL;
	if (atomic_compare_exchange_strong_explicit(&p->core->ssh, &have, fresh,
						    memory_order_acq_rel, memory_order_acquire))
		return fresh;
	fl_ssh_unref(fresh);
	return have;
}

void fl_ssh_follow(const struct fl_policy *old, struct fl_policy *p)
{
	struct fl_ssh *was = atomic_load_explicit(&old->core->ssh, memory_order_acquire);

	if (was == NULL)
		was = old->core->ssh_was;
	if (was == NULL)
		return;
	atomic_fetch_add_explicit(&was->refs, 1, memory_order_relaxed);
	p->core->ssh_was = was;
}

/* ---- whom a node lets in ---- */

static bool is_self(const struct fl_alias *a)
{
	return a->kind == FL_ALIAS_AUTOGROUP && a->autogroup == FL_AUTOGROUP_SELF;
}

static bool has_self(const struct fl_aliases *list)
{
	for (size_t i = 0; i < list->len; i++) {
		if (is_self(&list->at[i]))
			return true;
	}
	return false;
}

static bool has_others(const struct fl_aliases *list)
{
	for (size_t i = 0; i < list->len; i++) {
		if (!is_self(&list->at[i]))
			return true;
	}
	return false;
}

bool fl_ssh_is_among(const struct fl_policy *p, const struct fl_aliases *list, uint32_t slot)
{
	for (size_t i = 0; i < list->len; i++) {
		if (fl_bit(fl_policy_alias(p, &list->at[i])->inside, slot))
			return true;
	}
	return false;
}

size_t fl_ssh_reaches(const struct fl_policy *p, size_t rule, const struct fl_ssh_from *from,
		      uint32_t slot, struct fl_ssh_reach out[static FL_SSH_REACHES_MAX])
{
	const struct fl_ssh_rule *r = &p->doc->ssh[rule];
	const struct fl_policy_facts *f = p->nodes[slot];
	const struct fl_ssh_part *mine = f->user != 0 ? fl_ssh_part_of(from, f->user) : NULL;
	bool mapped = fl_ssh_has_localparts(r);
	size_t n = 0;

	if (from->who_len == 0)
		return 0;
	if (mine != NULL && has_self(&r->dst))
		out[n++] = (struct fl_ssh_reach){ FL_SSH_PART, mine, mapped };
	if (fl_ssh_is_among(p, &r->dst, slot)) {
		out[n++] = (struct fl_ssh_reach){ FL_SSH_ALL, NULL, mapped };
	} else if (mapped && has_others(&r->dst) && fl_ssh_is_among(p, &r->src, slot)) {
		if (fl_facts_tagged(f))
			out[n++] = (struct fl_ssh_reach){ FL_SSH_OWN, NULL, false };
		else if (mine != NULL)
			out[n++] = (struct fl_ssh_reach){ FL_SSH_PART, mine, true };
	}
	return n;
}

/* ---- the same at a glance ---- */

static bool same_part(const struct fl_ssh_from *a, const struct fl_ssh_part *x,
		      const struct fl_ssh_from *b, const struct fl_ssh_part *y)
{
	return x->user == y->user &&
	       fl_slice_eq(fl_slice_of(a->text->data + x->text, x->text_end - x->text),
			   fl_slice_of(b->text->data + y->text, y->text_end - y->text));
}

static bool same_reach(const struct fl_ssh_from *a, const struct fl_ssh_reach *x,
		       const struct fl_ssh_from *b, const struct fl_ssh_reach *y)
{
	if (x->kind != y->kind)
		return false;
	switch (x->kind) {
	case FL_SSH_ALL:
		return a == b;
	case FL_SSH_PART:
		return same_part(a, x->part, b, y->part);
	case FL_SSH_OWN:
		break;
	}
	return false; /* rare: the texts are short */
}

bool fl_ssh_same(const struct fl_policy *a, uint32_t x, const struct fl_policy *b, uint32_t y)
{
	const struct fl_ssh *m = NULL, *n = NULL;

	if (a->core->plan == b->core->plan && a->doc != NULL) {
		m = fl_ssh_of(a);
		n = fl_ssh_of(b);
	}
	for (size_t i = 0; m != NULL && n != NULL && i < m->len; i++) {
		struct fl_ssh_reach from[FL_SSH_REACHES_MAX], to[FL_SSH_REACHES_MAX];
		size_t count = fl_ssh_reaches(a, i, m->at[i].from, x, from);
		if (count != fl_ssh_reaches(b, i, n->at[i].from, y, to))
			return false;
		for (size_t k = 0; k < count; k++) {
			if (!same_reach(m->at[i].from, &from[k], n->at[i].from, &to[k]))
				return false;
		}
	}
	return m != NULL && n != NULL;
}

/* ---- as text ---- */

struct writer {
	const struct fl_policy *p;
	const char *base_url;
	const struct fl_policy_facts *node;
	const struct fl_ssh_rule *rule;
	const struct fl_ssh_each *each;
	bool any; /* a rule was written */
	struct fl_buf *out;
};

/* policy.md 6.5; the words behind "$" are for the client. */
static void put_action(struct writer *w)
{
	struct fl_jw jw = fl_jw_make(w->out);
	struct fl_buf *out = w->out;

	if (!w->rule->check) {
		fl_buf_str(out, ",\"action\":{\"accept\":true,\"allowAgentForwarding\":true,"
				"\"allowLocalPortForwarding\":true,"
				"\"allowRemotePortForwarding\":true}");
		return;
	}
	fl_buf_str(out, ",\"action\":{\"holdAndDelegate\":");
	fl_jw_str(&jw, w->base_url);
	if (fl_buf_err(out) == FL_OK)
		out->len--; /* the quote, for the text goes on */
	fl_buf_str(out, "/machine/ssh/action/$SRC_NODE_ID/to/$DST_NODE_ID"
			"?local_user=$LOCAL_USER\"}");
}

static void put_map(struct writer *w, struct fl_slice localpart)
{
	struct fl_jw jw = fl_jw_make(w->out);

	fl_buf_str(w->out, ",\"sshUsers\":");
	if (localpart.len == 0) {
		fl_buf_put(w->out, w->each->users->data, w->each->users->len);
		return;
	}
	fl_jw_obj(&jw);
	fl_jw_key_text(&jw, localpart);
	fl_jw_text(&jw, localpart);
	fl_jw_obj_end(&jw);
}

/* What stands behind the principals. */
static void put_tail(struct writer *w, struct fl_slice localpart)
{
	fl_buf_byte(w->out, ']');
	put_map(w, localpart);
	put_action(w);
	if (w->rule->accept_env_len > 0) {
		fl_buf_str(w->out, ",\"acceptEnv\":");
		fl_buf_put(w->out, w->each->env->data, w->each->env->len);
	}
	fl_buf_byte(w->out, '}');
}

static void put_head(struct writer *w)
{
	fl_buf_str(w->out, w->any ? ",{\"principals\":[" : "{\"principals\":[");
	w->any = true;
}

/* A piece of the text of all sources. */
static void put_rule(struct writer *w, size_t from, size_t to, struct fl_slice localpart)
{
	put_head(w);
	fl_buf_put(w->out, w->each->from->text->data + from, to - from);
	put_tail(w, localpart);
}

static void put_own(struct writer *w)
{
	bool first = true;

	put_head(w);
	fl_ssh_put_principals(w->node, &first, w->out);
	put_tail(w, fl_slice_of(NULL, 0));
}

/* "pair" of policy.md 6.2. */
static void put_pair(struct writer *w, const struct fl_ssh_part *part)
{
	struct fl_slice localpart = fl_ssh_localpart(w->rule, fl_policy_user_of(w->p, part->user));

	put_rule(w, part->text, part->text_end, fl_slice_of(NULL, 0));
	if (localpart.len > 0)
		put_rule(w, part->text, part->text_end, localpart);
}

static void put_all(struct writer *w, bool localparts)
{
	const struct fl_ssh_from *from = w->each->from;

	if (!localparts) {
		put_rule(w, 0, from->text->len, fl_slice_of(NULL, 0));
		return;
	}
	for (size_t i = 0; i < from->users_len; i++)
		put_pair(w, &from->parts[i]);
	for (size_t i = from->users_len; i < from->parts_len; i++)
		put_rule(w, from->parts[i].text, from->parts[i].text_end, fl_slice_of(NULL, 0));
}

static void put_reach(struct writer *w, const struct fl_ssh_reach *reach)
{
	switch (reach->kind) {
	case FL_SSH_ALL:
		put_all(w, reach->localparts);
		break;
	case FL_SSH_PART:
		put_pair(w, reach->part);
		break;
	case FL_SSH_OWN:
		put_own(w);
		break;
	}
}

static void put_rules(struct writer *w, const struct fl_ssh *ssh, uint32_t slot, bool check)
{
	struct fl_ssh_reach reaches[FL_SSH_REACHES_MAX];

	for (size_t i = 0; i < ssh->len; i++) {
		w->rule = &w->p->doc->ssh[i];
		w->each = &ssh->at[i];
		if (w->rule->check != check)
			continue;
		size_t n = fl_ssh_reaches(w->p, i, w->each->from, slot, reaches);
		for (size_t k = 0; k < n; k++)
			put_reach(w, &reaches[k]);
	}
}

static enum fl_err put_policy(const struct fl_policy *p, uint32_t slot, const char *base_url,
			      struct fl_buf *out)
{
	const struct fl_ssh *ssh = fl_ssh_of(p);
	struct writer w = { .p = p, .base_url = base_url, .node = p->nodes[slot], .out = out };

	if (ssh == NULL)
		return FL_ERR_NOMEM;
	put_rules(&w, ssh, slot, true);
	put_rules(&w, ssh, slot, false);
	return FL_OK;
}

bool fl_policy_ssh(const struct fl_policy *p, uint64_t node, const char *base_url,
		   struct fl_buf *out)
{
	uint32_t slot = fl_policy_slot(p, node);

	if (p->doc == NULL || !p->doc->ssh_given)
		return false;
	fl_buf_str(out, "{\"rules\":[");
	enum fl_err err = slot != FL_SLOT_NONE ? put_policy(p, slot, base_url, out) : FL_OK;
	fl_buf_str(out, "]}");
	if (err != FL_OK && out->err == FL_OK)
		out->err = err; /* never a policy with rules missing */
	return true;
}

/* ---- checks ---- */

static bool is_self_pair(const struct fl_policy *p, uint32_t src, uint32_t dst)
{
	return p->nodes[src]->user != 0 && p->nodes[src]->user == p->nodes[dst]->user;
}

static bool is_pair(const struct fl_policy *p, const struct fl_ssh_rule *r, uint32_t src,
		    uint32_t dst)
{
	return fl_ssh_is_among(p, &r->src, src) &&
	       (fl_ssh_is_among(p, &r->dst, dst) ||
		(has_self(&r->dst) && is_self_pair(p, src, dst)));
}

static int64_t period_of(const struct fl_ssh_rule *r)
{
	switch (r->period_kind) {
	case FL_SSH_PERIOD_ALWAYS:
		return 0;
	case FL_SSH_PERIOD_GIVEN:
		return r->period;
	case FL_SSH_PERIOD_DEFAULT:
		break;
	}
	return usual_period;
}

bool fl_policy_ssh_check(const struct fl_policy *p, uint64_t src, uint64_t dst,
			 int64_t *out_period_ns)
{
	uint32_t from = fl_policy_slot(p, src), to = fl_policy_slot(p, dst);

	if (p->doc == NULL || from == FL_SLOT_NONE || to == FL_SLOT_NONE)
		return false;
	for (size_t i = 0; i < p->doc->ssh_len; i++) {
		const struct fl_ssh_rule *r = &p->doc->ssh[i];
		if (!r->check || !is_pair(p, r, from, to))
			continue;
		*out_period_ns = period_of(r);
		return true;
	}
	return false;
}
