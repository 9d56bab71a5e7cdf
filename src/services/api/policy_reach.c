/* SPDX-License-Identifier: BSD-3-Clause */
/* services/api/policy_reach.c - who reaches a place, and what a node reaches. */
#include <stdlib.h>

#include "services/api/policy.h"

enum { WORDS_MAX = 4096 };

struct reach {
	struct fl_api_long later; /* first */
	const char *key;          /* "dst" or "src": which end is given */
	struct fl_api_trial trial;
	struct fl_api_end end;
	struct fl_policy_query query; /* of who-can; its source does not count */
	struct fl_reaches reaches;
};

static struct reach *of(struct fl_api_long *l)
{
	return (struct reach *)(void *)l;
}

static struct reach *reach_new(struct fl_http *x, const struct fl_api_long *how, const char *key)
{
	struct reach *r = calloc(1, sizeof *r);

	if (r == NULL) {
		fl_api_problem(x, FL_ERR_NOMEM, "out of memory", NULL);
		return NULL;
	}
	r->later = *how;
	r->key = key;
	return r;
}

static void release(struct fl_api_long *l)
{
	struct reach *r = of(l);

	fl_reaches_done(&r->reaches);
	fl_api_trial_done(&r->trial);
	free(r);
}

/* The policy, and the end that is given. */
static bool read_reach(struct fl_api *a, struct fl_http *x, struct fl_jv body, struct reach *r)
{
	return fl_api_trial(a, x, body, "policy", &r->trial) &&
	       fl_api_policy_end(a, x, body, r->key, fl_policy_document(r->trial.policy), &r->end);
}

/* ---- the answer ---- */

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

static void tell(struct fl_api_long *l)
{
	const struct reach *r = of(l);
	struct fl_buf out = fl_buf_make(FL_API_ANSWER_MAX);
	struct fl_jw w = fl_jw_make(&out);

	fl_jw_obj(&w);
	fl_jw_key(&w, r->key);
	fl_api_policy_end_json(l->api, &r->end, &r->query.dst, &w);
	fl_jw_key(&w, "entries");
	fl_jw_arr(&w);
	for (size_t i = 0; i < r->reaches.len; i++)
		write_reach(l->api, r->trial.policy, &r->reaches.at[i], &w);
	fl_jw_arr_end(&w);
	fl_jw_key(&w, "entryCount");
	fl_jw_u64(&w, r->reaches.count);
	fl_jw_key(&w, "nodeCount");
	fl_jw_u64(&w, r->reaches.nodes_len);
	fl_jw_key(&w, "users");
	write_users(l->api, &r->reaches, &w);
	fl_jw_obj_end(&w);
	fl_api_json(l->x, &out);
}

/* ---- who-can ---- */

static enum fl_err find_sources(struct fl_api_long *l)
{
	struct reach *r = of(l);
	return fl_policy_who_can(r->trial.policy, &r->query, &r->reaches);
}

void fl_api_policy_who_can(void *ctx, struct fl_http *x)
{
	static const struct fl_api_long how = { .work = find_sources,
						.tell = tell,
						.release = release };
	struct fl_api *a = ctx;
	struct fl_json *doc;

	if (!fl_api_policy_open(a, x, &doc))
		return;
	struct reach *r = reach_new(x, &how, "dst");
	struct fl_jv body = fl_json_root(doc);
	bool ok =
		r != NULL && read_reach(a, x, body, r) && fl_api_policy_traffic(x, body, &r->query);
	fl_json_free(doc);
	if (ok) {
		r->query.dst = fl_ip_is_set(&r->end.ip4) ? r->end.ip4 : r->end.ip6;
		fl_api_long_start(a, x, &r->later);
	} else if (r != NULL) {
		release(&r->later);
	}
}

/* ---- can ---- */

static enum fl_err find_targets(struct fl_api_long *l)
{
	struct reach *r = of(l);
	return fl_policy_can(r->trial.policy, r->end.node, &r->reaches);
}

void fl_api_policy_can(void *ctx, struct fl_http *x)
{
	static const struct fl_api_long how = { .work = find_targets,
						.tell = tell,
						.release = release };
	struct fl_api *a = ctx;
	struct fl_json *doc;

	if (!fl_api_policy_open(a, x, &doc))
		return;
	struct reach *r = reach_new(x, &how, "src");
	bool ok = r != NULL && read_reach(a, x, fl_json_root(doc), r);
	fl_json_free(doc);
	if (ok && r->end.node == 0) {
		fl_api_problem(x, FL_ERR_NOT_FOUND, "no node has this address", "src");
		ok = false;
	}
	if (ok)
		fl_api_long_start(a, x, &r->later);
	else if (r != NULL)
		release(&r->later);
}
