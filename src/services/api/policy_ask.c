/* SPDX-License-Identifier: BSD-3-Clause */
/* services/api/policy_ask.c - why a packet gets in or not: one packet, one answer. */
#include <inttypes.h>
#include <stdio.h>

#include "services/api/policy.h"

enum { WORDS_MAX = 4096, TCP = 6 };

struct question {
	struct fl_api_trial trial;
	struct fl_api_end src, dst;
	struct fl_policy_query query;
	struct fl_policy_verdict verdict;
};

/* An address of one family on both sides, IPv4 if there is one. */
static bool pick_family(struct fl_http *x, struct question *q)
{
	if (fl_ip_is_set(&q->src.ip4) && fl_ip_is_set(&q->dst.ip4)) {
		q->query.src = q->src.ip4;
		q->query.dst = q->dst.ip4;
		return true;
	}
	if (fl_ip_is_set(&q->src.ip6) && fl_ip_is_set(&q->dst.ip6)) {
		q->query.src = q->src.ip6;
		q->query.dst = q->dst.ip6;
		return true;
	}
	fl_api_problem(x, FL_ERR_INVALID, "src and dst have no addresses of one family", "dst");
	return false;
}

static bool read_question(struct fl_api *a, struct fl_http *x, struct fl_jv body,
			  struct question *q)
{
	if (!fl_api_trial(a, x, body, "policy", &q->trial))
		return false;
	const struct fl_policy_doc *doc = fl_policy_document(q->trial.policy);
	return fl_api_policy_end(a, x, body, "src", doc, &q->src) &&
	       fl_api_policy_end(a, x, body, "dst", doc, &q->dst) &&
	       fl_api_policy_traffic(x, body, &q->query) && pick_family(x, q);
}

static void put_steps(const struct fl_strlist *steps, bool backwards, struct fl_jw *w)
{
	for (size_t i = 0; i < steps->len; i++)
		fl_jw_str(w, steps->at[backwards ? steps->len - 1 - i : i]);
}

static void put_rule_step(const struct fl_rule *r, struct fl_jw *w)
{
	struct fl_buf text = fl_buf_make(WORDS_MAX);

	if (r == NULL)
		fl_buf_str(&text, "no rules: everything is allowed");
	else
		fl_buf_printf(&text, "%s[%" PRIu32 "]: ", r->is_acl ? "acls" : "grants", r->entry);
	if (r != NULL)
		fl_policy_rule_ports(r, &text);
	if (fl_buf_err(&text) == FL_OK)
		fl_jw_text(w, fl_buf_slice(&text));
	fl_buf_done(&text);
}

/* From the source to the rule and from it to the destination, as far as they go. */
static enum fl_err write_chain(const struct question *q, struct fl_jw *w)
{
	const struct fl_policy_verdict *v = &q->verdict;
	struct fl_strlist from = { 0 }, to = { 0 };

	enum fl_err err = fl_policy_chain(q->trial.policy, &q->query.src, v->src, &from);
	if (err == FL_OK)
		err = fl_policy_chain(q->trial.policy, &q->query.dst, v->dst, &to);
	fl_jw_arr(w);
	put_steps(&from, false, w);
	if (v->allowed || v->src != NULL)
		put_rule_step(v->rule, w);
	put_steps(&to, true, w);
	fl_jw_arr_end(w);
	fl_strlist_done(&from);
	fl_strlist_done(&to);
	return err;
}

/* The longest route through the router that the source has; "" none. */
static void write_route(const struct question *q, struct fl_jw *w)
{
	const struct fl_policy *p = q->trial.policy;
	struct fl_prefix routes[FL_POLICY_ROUTES_MAX];
	char text[FL_PREFIX_TEXT_MAX];
	uint64_t router = q->verdict.router, viewer = q->src.node != 0 ? q->src.node : router;
	size_t n = router != 0 ? fl_policy_routes(p, viewer, router, routes) : 0;
	const struct fl_prefix *best = NULL;

	for (size_t i = 0; i < n; i++) {
		if (fl_prefix_has(&routes[i], &q->query.dst) &&
		    (best == NULL || best->bits < routes[i].bits))
			best = &routes[i];
	}
	if (best == NULL) {
		fl_jw_null(w);
		return;
	}
	fl_prefix_format(best, text);
	fl_jw_str(w, text);
}

/*
 * Answers need no rule of their own: filters keep state. But who answers must have the source as a
 * peer, or has no way back.
 */
static void write_return(struct fl_api *a, const struct question *q, struct fl_jw *w)
{
	uint64_t at = q->verdict.router != 0 ? q->verdict.router : q->dst.node;
	uint64_t from = q->src.node;
	const struct fl_node *n = at != 0 ? fl_state_node(a->state, at) : NULL;
	bool open =
		at != 0 && from != 0 && (at == from || fl_policy_sees(q->trial.policy, at, from));
	struct fl_buf text = fl_buf_make(WORDS_MAX);

	if (at == 0)
		fl_buf_str(&text, "nobody is there to answer");
	else if (from == 0)
		fl_buf_str(&text, "the source is no node: its router must carry the answers");
	else if (open)
		fl_buf_printf(&text, "answers pass: %s has the source as a peer",
			      n != NULL ? n->given_name : "the destination");
	else
		fl_buf_printf(&text, "%s does not have the source as a peer",
			      n != NULL ? n->given_name : "the destination");
	fl_jw_obj(w);
	fl_jw_key(w, "open");
	fl_jw_bool(w, open);
	fl_jw_key(w, "text");
	fl_jw_text(w, fl_buf_slice(&text));
	fl_jw_obj_end(w);
	fl_buf_done(&text);
}

/* Where no port was asked about, some may be allowed and others not. */
static void put_allowed(const struct question *q, struct fl_buf *out)
{
	struct fl_buf ports = fl_buf_make(WORDS_MAX);

	fl_policy_rule_ports(q->verdict.rule, &ports);
	if (q->query.any_port && !fl_slice_is(fl_buf_slice(&ports), "*")) {
		fl_buf_str(out, "the rule allows ");
		fl_buf_put(out, ports.ptr, ports.len);
	} else {
		fl_buf_str(out, "the rule allows it");
	}
	fl_buf_done(&ports);
}

static void write_reason(const struct question *q, struct fl_jw *w)
{
	struct fl_buf text = fl_buf_make(WORDS_MAX);

	if (q->verdict.why == FL_WHY_ALLOW_ALL)
		fl_buf_str(&text, "there are no rules: everything is allowed");
	else if (q->verdict.allowed)
		put_allowed(q, &text);
	else
		fl_policy_miss_text(q->trial.policy, &q->query, &q->verdict, &text);
	fl_jw_text(w, fl_buf_slice(&text));
	fl_buf_done(&text);
}

static enum fl_err write_verdict(struct fl_api *a, const struct question *q, struct fl_jw *w)
{
	const struct fl_policy_verdict *v = &q->verdict;

	fl_jw_obj(w);
	fl_jw_key(w, "allowed");
	fl_jw_bool(w, v->allowed);
	fl_jw_key(w, "src");
	fl_api_policy_end_json(a, &q->src, &q->query.src, w);
	fl_jw_key(w, "dst");
	fl_api_policy_end_json(a, &q->dst, &q->query.dst, w);
	fl_jw_key(w, "port");
	fl_jw_u64(w, q->query.port);
	fl_jw_key(w, "proto");
	fl_jw_u64(w, q->query.proto != 0 || q->query.any_port ? q->query.proto : TCP);
	fl_jw_key(w, "reason");
	write_reason(q, w);
	fl_jw_key(w, "rule");
	fl_api_policy_rule(fl_policy_document(q->trial.policy), v->rule, w);
	fl_jw_key(w, "chain");
	enum fl_err err = write_chain(q, w);
	fl_jw_key(w, "via");
	if (v->router != 0)
		fl_api_policy_node(a, v->router, w);
	else
		fl_jw_null(w);
	fl_jw_key(w, "route");
	write_route(q, w);
	fl_jw_key(w, "returnPath");
	write_return(a, q, w);
	fl_jw_obj_end(w);
	return err;
}

void fl_api_policy_explain(void *ctx, struct fl_http *x)
{
	struct fl_api *a = ctx;
	struct fl_buf out = fl_buf_make(FL_API_ANSWER_MAX);
	struct fl_jw w = fl_jw_make(&out);
	struct question q = { 0 };
	struct fl_json *doc;

	if (!fl_api_policy_open(a, x, &doc))
		return;
	bool ok = read_question(a, x, fl_json_root(doc), &q);
	fl_json_free(doc);
	if (ok) {
		fl_policy_explain(q.trial.policy, &q.query, &q.verdict);
		if (write_verdict(a, &q, &w) == FL_OK)
			fl_api_json(x, &out);
		else
			fl_api_problem(x, FL_ERR_NOMEM, "out of memory", NULL);
	}
	fl_buf_done(&out);
	fl_api_trial_done(&q.trial);
}
