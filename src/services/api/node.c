/* SPDX-License-Identifier: BSD-3-Clause */
/* services/api/node.c - /api/v1/node. */
#include <stdio.h>
#include <stdlib.h>

#include "services/api/internal.h"

/* ---- reading ---- */

/* Only the nodes of this user; an unknown one has none. */
static bool owned_by(struct fl_api *a, const struct fl_node *n, const char *user)
{
	if (user[0] == '\0')
		return true;
	const struct fl_user *u = fl_state_user_by_name(a->state, user);
	return u != NULL && !fl_node_is_tagged(n) && n->user == u->id;
}

void fl_api_node_list(void *ctx, struct fl_http *x)
{
	struct fl_api *a = ctx;
	char user[FL_USER_NAME_MAX + 1] = "";

	if (!fl_api_admit(a, x))
		return;
	enum fl_err err = fl_http_query(x, "user", user, sizeof user);
	if (err != FL_OK && err != FL_ERR_NOT_FOUND) {
		fl_api_problem(x, FL_ERR_INVALID, "malformed query parameter", "user");
		return;
	}
	struct fl_node *const *nodes;
	size_t count = fl_state_nodes(a->state, &nodes);
	struct fl_buf out = fl_buf_make(FL_API_ANSWER_MAX);
	struct fl_jw w = fl_jw_make(&out);
	fl_jw_obj(&w);
	fl_jw_key(&w, "nodes");
	fl_jw_arr(&w);
	for (size_t i = 0; i < count; i++) {
		if (owned_by(a, nodes[i], user))
			fl_api_node(a, nodes[i], &w);
	}
	fl_jw_arr_end(&w);
	fl_jw_obj_end(&w);
	fl_api_json(x, &out);
}

/* True with an existing node's id; else answered. */
static bool admit_node(struct fl_api *a, struct fl_http *x, struct fl_api_subject *out)
{
	*out = (struct fl_api_subject){ 0 };
	if (!fl_api_admit(a, x) || !fl_api_path_id(x, 0, &out->id))
		return false;
	if (fl_state_node(a->state, out->id) != NULL)
		return true;
	fl_api_problem(x, FL_ERR_NOT_FOUND, "no node has this id", "path");
	return false;
}

void fl_api_node_show(void *ctx, struct fl_http *x)
{
	struct fl_api *a = ctx;
	struct fl_api_subject node;

	if (!admit_node(a, x, &node))
		return;
	struct fl_buf out = fl_buf_make(FL_API_ANSWER_MAX);
	struct fl_jw w = fl_jw_make(&out);
	fl_api_write_node(a, &node, &w);
	fl_api_json(x, &out);
}

/* ---- changing ---- */

void fl_api_node_delete(void *ctx, struct fl_http *x)
{
	struct fl_api *a = ctx;
	struct fl_api_subject node;
	struct fl_fault fault = { "" };

	if (!admit_node(a, x, &node))
		return;
	enum fl_err err = fl_state_node_delete(a->state, node.id, &fault);
	fl_api_conclude(a, x, err, &fault, "path", fl_api_write_empty, &node);
}

void fl_api_node_expire(void *ctx, struct fl_http *x)
{
	struct fl_api *a = ctx;
	struct fl_api_subject node;
	struct fl_fault fault = { "" };

	if (!admit_node(a, x, &node))
		return;
	struct fl_json *doc = fl_api_body(x);
	if (doc == NULL)
		return;
	struct fl_jv body = fl_json_root(doc);
	fl_wall at = fl_json_time(fl_json_get(body, "expiry"));
	bool never = fl_json_bool(fl_json_get(body, "disableExpiry"));
	bool malformed = fl_json_err(doc) != FL_OK;
	fl_json_free(doc);
	if (malformed || (at != 0 && never)) {
		fl_api_problem(x, FL_ERR_INVALID,
			       malformed ? "expected a time like 2026-12-31T00:00:00Z"
					 : "expiry and disableExpiry exclude each other",
			       "expiry");
		return;
	}
	if (at == 0 && !never)
		at = fl_api_now(a);
	enum fl_err err =
		fl_state_node_expire(a->state, fl_api_now(a), node.id, never ? 0 : at, &fault);
	fl_api_conclude(a, x, err, &fault, "expiry", fl_api_write_node, &node);
}

void fl_api_node_rename(void *ctx, struct fl_http *x)
{
	struct fl_api *a = ctx;
	struct fl_api_subject node;
	struct fl_fault fault = { "" };
	char name[256];

	if (!admit_node(a, x, &node) || !fl_api_segment_text(x, 1, name, sizeof name))
		return;
	enum fl_err err = fl_state_node_rename(a->state, node.id, name, &fault);
	if (err == FL_ERR_EXISTS)
		err = FL_ERR_INVALID; /* the API of others says 400 for a taken name */
	fl_api_conclude(a, x, err, &fault, "path", fl_api_write_node, &node);
}

void fl_api_node_tags(void *ctx, struct fl_http *x)
{
	struct fl_api *a = ctx;
	struct fl_api_subject node;
	struct fl_fault fault = { "" };
	struct fl_strlist tags = { 0 };

	if (!admit_node(a, x, &node))
		return;
	struct fl_json *doc = fl_api_body(x);
	if (doc == NULL)
		return;
	bool ok = fl_api_list(x, fl_json_root(doc), "tags", &tags);
	fl_json_free(doc);
	if (!ok)
		return;
	enum fl_err err = fl_state_node_tag(a->state, node.id, &tags, &fault);
	fl_strlist_done(&tags);
	fl_api_conclude(a, x, err, &fault, "tags", fl_api_write_node, &node);
}

/* One more than are possible is enough to be refused. */
static enum fl_err parse_routes(const struct fl_strlist *texts, struct fl_prefix **out,
				size_t *out_count, struct fl_fault *fault)
{
	enum { MAX = FL_NODE_ROUTES_MAX + 1 };
	size_t count = texts->len < MAX ? texts->len : MAX;
	struct fl_prefix *routes = calloc(count + 1, sizeof *routes);

	if (routes == NULL)
		return fl_fault_set(fault, FL_ERR_NOMEM, "out of memory");
	for (size_t i = 0; i < count; i++) {
		struct fl_prefix masked;
		if (fl_prefix_parse(fl_slice_str(texts->at[i]), &routes[i]) != FL_OK) {
			free(routes);
			return fl_fault_set(fault, FL_ERR_INVALID,
					    "'%.60s' is not a prefix; write it like 10.0.0.0/24",
					    texts->at[i]);
		}
		masked = routes[i];
		fl_prefix_mask(&masked);
		routes[i] = masked;
	}
	*out = routes;
	*out_count = count;
	return FL_OK;
}

void fl_api_node_routes(void *ctx, struct fl_http *x)
{
	struct fl_api *a = ctx;
	struct fl_api_subject node;
	struct fl_fault fault = { "" };
	struct fl_strlist texts = { 0 };
	struct fl_prefix *routes = NULL;
	size_t count;

	if (!admit_node(a, x, &node))
		return;
	struct fl_json *doc = fl_api_body(x);
	if (doc == NULL)
		return;
	bool ok = fl_api_list(x, fl_json_root(doc), "routes", &texts);
	fl_json_free(doc);
	if (!ok)
		return;
	enum fl_err err = parse_routes(&texts, &routes, &count, &fault);
	if (err == FL_OK)
		err = fl_state_node_approve(a->state, node.id, routes, count, &fault);
	free(routes);
	fl_strlist_done(&texts);
	fl_api_conclude(a, x, err, &fault, "routes", fl_api_write_node, &node);
}

static void write_backfill(struct fl_api *a, const struct fl_api_subject *s, struct fl_jw *w)
{
	char text[64];

	(void)a;
	snprintf(text, sizeof text, "%zu nodes changed", s->count);
	fl_jw_obj(w);
	fl_jw_key(w, "changes");
	fl_jw_arr(w);
	if (s->count > 0)
		fl_jw_str(w, text);
	fl_jw_arr_end(w);
	fl_jw_obj_end(w);
}

void fl_api_node_backfill(void *ctx, struct fl_http *x)
{
	struct fl_api *a = ctx;
	struct fl_api_subject subject = { 0 };
	struct fl_fault fault = { "" };
	char confirmed[8];

	if (!fl_api_admit(a, x))
		return;
	if (fl_http_query(x, "confirmed", confirmed, sizeof confirmed) != FL_OK ||
	    strcmp(confirmed, "true") != 0) {
		fl_api_problem(x, FL_ERR_INVALID, "this changes addresses: add ?confirmed=true",
			       "confirmed");
		return;
	}
	enum fl_err err = fl_state_backfill_ips(a->state, &subject.count, &fault);
	fl_api_conclude(a, x, err, &fault, NULL, write_backfill, &subject);
}
