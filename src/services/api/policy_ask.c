/* SPDX-License-Identifier: BSD-3-Clause */
/* services/api/policy_ask.c - questions about policies: explain, who-can, can, diff. */
#include <inttypes.h>
#include <stdio.h>

#include "services/api/policy.h"

enum { WORDS_MAX = 4096, PORT_MAX = 65535 };

/* ---- explain ---- */

struct question {
	struct fl_api_trial trial;
	struct fl_api_end src, dst;
	struct fl_policy_query query;
	struct fl_policy_verdict verdict;
};

static bool read_port(struct fl_http *x, struct fl_jv body, uint16_t *out)
{
	uint64_t port;

	if (!fl_api_number(x, body, "port", &port))
		return false;
	if (port > PORT_MAX) {
		fl_api_problem(x, FL_ERR_INVALID, "ports go from 1 to 65535", "port");
		return false;
	}
	*out = (uint16_t)port;
	return true;
}

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
	       read_port(x, body, &q->query.port) &&
	       fl_api_policy_proto(x, body, &q->query.proto) && pick_family(x, q);
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
	uint64_t router = q->verdict.router,
		 viewer = q->src.node != NULL ? q->src.node->id : router;
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
	uint64_t at = q->verdict.router != 0 ? q->verdict.router
		      : q->dst.node != NULL  ? q->dst.node->id
					     : 0;
	uint64_t from = q->src.node != NULL ? q->src.node->id : 0;
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

static void write_reason(const struct question *q, struct fl_jw *w)
{
	struct fl_buf text = fl_buf_make(WORDS_MAX);

	if (q->verdict.why == FL_WHY_ALLOW_ALL)
		fl_buf_str(&text, "there are no rules: everything is allowed");
	else if (q->verdict.allowed)
		fl_buf_str(&text, "the rule allows it");
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
	fl_jw_u64(w, q->query.proto != 0 ? q->query.proto : 6);
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

/* ---- who-can and can ---- */

static void write_routes(struct fl_api *a, const struct fl_reach *e, struct fl_jw *w)
{
	char text[FL_PREFIX_TEXT_MAX];

	fl_jw_arr(w);
	for (size_t i = 0; i < e->routes_shown; i++) {
		fl_prefix_format(&e->routes[i].prefix, text);
		fl_jw_obj(w);
		fl_jw_key(w, "route");
		fl_jw_str(w, text);
		fl_jw_key(w, "via");
		fl_api_policy_node(a, e->routes[i].router, w);
		fl_jw_obj_end(w);
	}
	fl_jw_arr_end(w);
}

static void write_reach(struct fl_api *a, const struct fl_policy *p, const struct fl_reach *e,
			struct fl_jw *w)
{
	struct fl_buf ports = fl_buf_make(WORDS_MAX);

	fl_policy_rule_ports(e->rule, &ports);
	fl_buf_byte(&ports, '\0');
	fl_jw_obj(w);
	fl_jw_key(w, "src");
	fl_jw_str(w, e->src != NULL ? e->src->text : "*");
	fl_jw_key(w, "dst");
	fl_jw_str(w, e->dst != NULL ? e->dst->text : "*");
	fl_jw_key(w, "ports");
	fl_api_policy_ports(fl_buf_err(&ports) == FL_OK ? (const char *)ports.ptr : "...", w);
	fl_jw_key(w, "nodes");
	fl_api_policy_nodes(a, e->nodes, e->nodes_shown, w);
	fl_jw_key(w, "nodeCount");
	fl_jw_u64(w, e->nodes_len);
	fl_jw_key(w, "routes");
	write_routes(a, e, w);
	fl_jw_key(w, "routeCount");
	fl_jw_u64(w, e->routes_len);
	fl_jw_key(w, "rule");
	fl_api_policy_rule(fl_policy_document(p), e->rule, w);
	fl_jw_obj_end(w);
	fl_buf_done(&ports);
}

/* The owners of the nodes, each once; names, sorted. */
static void write_users(struct fl_api *a, const struct fl_reaches *r, struct fl_jw *w)
{
	struct fl_strlist users = { 0 };
	enum fl_err err = FL_OK;
	uint64_t last = 0;
	char room[24];

	for (size_t i = 0; i < r->nodes_len && err == FL_OK; i++) {
		const struct fl_node *n = fl_state_node(a->state, r->nodes[i]);
		const struct fl_user *u = n != NULL && !fl_node_is_tagged(n) && n->user != last
						  ? fl_state_user(a->state, n->user)
						  : NULL;
		if (u == NULL)
			continue;
		last = u->id;
		err = fl_strlist_add(&users, fl_slice_str(fl_user_login_name(u, room)));
	}
	fl_strlist_sort_unique(&users);
	fl_jw_arr(w);
	for (size_t i = 0; i < users.len; i++)
		fl_jw_str(w, users.at[i]);
	fl_jw_arr_end(w);
	fl_strlist_done(&users);
}

static void answer_reaches(struct fl_api *a, struct fl_http *x, const char *key,
			   const struct fl_api_end *end, const struct fl_ip *ip,
			   const struct fl_policy *p, const struct fl_reaches *r)
{
	struct fl_buf out = fl_buf_make(FL_API_ANSWER_MAX);
	struct fl_jw w = fl_jw_make(&out);

	fl_jw_obj(&w);
	fl_jw_key(&w, key);
	fl_api_policy_end_json(a, end, ip, &w);
	fl_jw_key(&w, "entries");
	fl_jw_arr(&w);
	for (size_t i = 0; i < r->len; i++)
		write_reach(a, p, &r->at[i], &w);
	fl_jw_arr_end(&w);
	fl_jw_key(&w, "nodeCount");
	fl_jw_u64(&w, r->nodes_len);
	fl_jw_key(&w, "users");
	write_users(a, r, &w);
	fl_jw_obj_end(&w);
	fl_api_json(x, &out);
}

void fl_api_policy_who_can(void *ctx, struct fl_http *x)
{
	struct fl_api *a = ctx;
	struct question q = { 0 };
	struct fl_reaches r;
	struct fl_json *doc;

	if (!fl_api_policy_open(a, x, &doc))
		return;
	struct fl_jv body = fl_json_root(doc);
	bool ok =
		fl_api_trial(a, x, body, "policy", &q.trial) &&
		fl_api_policy_end(a, x, body, "dst", fl_policy_document(q.trial.policy), &q.dst) &&
		read_port(x, body, &q.query.port) && fl_api_policy_proto(x, body, &q.query.proto);
	fl_json_free(doc);
	if (ok) {
		q.query.dst = fl_ip_is_set(&q.dst.ip4) ? q.dst.ip4 : q.dst.ip6;
		enum fl_err err = fl_policy_who_can(q.trial.policy, &q.query, &r);
		if (err == FL_OK) {
			answer_reaches(a, x, "dst", &q.dst, &q.query.dst, q.trial.policy, &r);
			fl_reaches_done(&r);
		} else {
			fl_api_problem(x, err, fl_err_text(err), NULL);
		}
	}
	fl_api_trial_done(&q.trial);
}

void fl_api_policy_can(void *ctx, struct fl_http *x)
{
	static const struct fl_ip none;
	struct fl_api *a = ctx;
	struct question q = { 0 };
	struct fl_reaches r;
	struct fl_json *doc;

	if (!fl_api_policy_open(a, x, &doc))
		return;
	struct fl_jv body = fl_json_root(doc);
	bool ok = fl_api_trial(a, x, body, "policy", &q.trial) &&
		  fl_api_policy_end(a, x, body, "src", fl_policy_document(q.trial.policy), &q.src);
	fl_json_free(doc);
	if (ok && q.src.node == NULL) {
		fl_api_problem(x, FL_ERR_NOT_FOUND, "no node has this address", "src");
		ok = false;
	}
	if (ok) {
		enum fl_err err = fl_policy_can(q.trial.policy, q.src.node->id, &r);
		if (err == FL_OK) {
			answer_reaches(a, x, "src", &q.src, &none, q.trial.policy, &r);
			fl_reaches_done(&r);
		} else {
			fl_api_problem(x, err, fl_err_text(err), "src");
		}
	}
	fl_api_trial_done(&q.trial);
}

/* ---- diff ---- */

/* A text, or the number of a revision. */
static bool read_version(struct fl_api *a, struct fl_http *x, struct fl_jv body, const char *name,
			 struct fl_api_trial *out)
{
	const struct fl_policy_revision *revs;
	uint64_t rev = 0;

	if (!fl_json_is_number(fl_json_get(body, name)))
		return fl_api_trial(a, x, body, name, out);
	if (!fl_api_number(x, body, name, &rev))
		return false;
	size_t count = fl_policies_history(a->policies, &revs);
	for (size_t i = 0; i < count; i++) {
		if (revs[i].rev == rev)
			return fl_api_trial_text(a, x, name, revs[i].text, out);
	}
	fl_api_problem(x, FL_ERR_NOT_FOUND, "no revision has this number", name);
	return false;
}

/* {policy}: from what is in force; {from, to}: between any two. What is left out is in force. */
void fl_api_policy_compare(void *ctx, struct fl_http *x)
{
	struct fl_api *a = ctx;
	struct fl_api_trial from = { 0 }, to = { 0 };
	struct fl_policy_diff diff;
	struct fl_json *doc;

	if (!fl_api_policy_open(a, x, &doc))
		return;
	struct fl_jv body = fl_json_root(doc);
	const char *target = fl_json_has(fl_json_get(body, "policy")) ? "policy" : "to";
	bool ok = read_version(a, x, body, "from", &from) && read_version(a, x, body, target, &to);
	fl_json_free(doc);
	if (ok) {
		struct fl_buf out = fl_buf_make(FL_API_ANSWER_MAX);
		struct fl_jw w = fl_jw_make(&out);
		enum fl_err err = fl_policy_diff(from.policy, to.policy, &diff);
		if (err == FL_OK) {
			fl_api_policy_diff(a, &diff, &to.tests, &w);
			fl_policy_diff_done(&diff);
			fl_api_json(x, &out);
		} else {
			fl_api_problem(x, err, fl_err_text(err), NULL);
		}
	}
	fl_api_trial_done(&from);
	fl_api_trial_done(&to);
}
