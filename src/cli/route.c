/* SPDX-License-Identifier: BSD-3-Clause */
/* cli/route.c - fairlead routes, and the routes below nodes. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/ip.h"
#include "cli/nodes.h"

/* ---- list ---- */

static bool has_some(struct fl_jv node, const char *key)
{
	struct fl_jv list = fl_json_path(node, key);
	return fl_json_kind(list) == FL_JSON_ARRAY && fl_json_len(list) > 0;
}

static bool has_routes(void *ctx, struct fl_jv node)
{
	(void)ctx;
	return has_some(node, "availableRoutes") || has_some(node, "approvedRoutes");
}

int fl_cmd_route_list(struct fl_cli *c)
{
	char text[128];
	struct fl_buf path = fl_buf_over(text, sizeof text);
	struct fl_pick node = { 0 };
	struct fl_answer a;
	size_t at = 0;
	bool one = c->args.words > 0 || fl_args_has(&c->args, "identifier");

	if (one) {
		int code = fl_node_named(c, &at, &node);
		if (code != FL_EXIT_DONE)
			return code;
		fl_node_path(&path, node.id, "");
	} else {
		fl_buf_str(&path, "/api/v1/node");
	}
	int code = fl_cli_ask(c, "GET", &path, NULL, &a);
	if (code == FL_EXIT_DONE && !one)
		code = fl_cli_keep(c, &a, "nodes", has_routes, NULL);
	if (code == FL_EXIT_DONE)
		code = fl_cli_show(c, &fl_resource_route, &a);
	fl_answer_done(&a);
	return code;
}

/* ---- change ---- */

static bool is_exit(const char *text)
{
	struct fl_prefix p;
	return fl_prefix_parse(fl_slice_str(text), &p) == FL_OK && fl_prefix_is_exit(&p);
}

/* The same prefix, however it is written; one exit route stands for both families. */
static bool same_route(const char *a, const char *b)
{
	struct fl_prefix p, q;

	if (is_exit(a) && is_exit(b))
		return true;
	if (fl_prefix_parse(fl_slice_str(a), &p) != FL_OK ||
	    fl_prefix_parse(fl_slice_str(b), &q) != FL_OK)
		return strcmp(a, b) == 0;
	fl_prefix_mask(&p);
	fl_prefix_mask(&q);
	return fl_prefix_eq(&p, &q);
}

static bool holds(const struct fl_strlist *list, const char *route)
{
	for (size_t i = 0; i < list->len; i++)
		if (same_route(list->at[i], route))
			return true;
	return false;
}

static enum fl_err add_words(const struct fl_cli *c, size_t at, struct fl_strlist *out)
{
	for (; at < c->args.words; at++) {
		enum fl_err err = fl_strlist_add(out, fl_slice_str(c->args.word[at]));
		if (err != FL_OK)
			return err;
	}
	return FL_OK;
}

static int approve(struct fl_cli *c, const struct fl_pick *node, const struct fl_strlist *routes)
{
	char done[512];

	snprintf(done, sizeof done, "node %s: %zu routes approved", node->name, routes->len);
	return fl_node_post_list(c, node->id, "/approve_routes", "routes", routes, done);
}

int fl_cmd_node_approve_routes(struct fl_cli *c)
{
	struct fl_strlist routes = { 0 };
	struct fl_pick node = { 0 };
	size_t at = 0;

	int code = fl_node_named(c, &at, &node);
	if (code != FL_EXIT_DONE)
		return code;
	enum fl_err err = fl_args_list(&c->args, "routes", &routes);
	if (err == FL_OK)
		err = add_words(c, at, &routes);
	if (err != FL_OK)
		code = fl_cli_fail(c, FL_EXIT_FAILED, NULL, "%s", fl_err_text(err));
	else if (routes.len == 0 && !fl_args_has(&c->args, "routes"))
		code = fl_cli_fail(c, FL_EXIT_USAGE, "To withdraw all: -r ''", "which routes?");
	else
		code = approve(c, &node, &routes);
	fl_strlist_done(&routes);
	return code;
}

/* `now` with or without the named ones. */
static enum fl_err changed(const struct fl_cli *c, const struct fl_strlist *now, bool revoke,
			   struct fl_strlist *out)
{
	struct fl_strlist named = { 0 };
	enum fl_err err = add_words(c, 1, &named);

	for (size_t i = 0; i < now->len && err == FL_OK; i++)
		if (!holds(&named, now->at[i]))
			err = fl_strlist_add(out, fl_slice_str(now->at[i]));
	for (size_t i = 0; !revoke && i < named.len && err == FL_OK; i++)
		err = fl_strlist_add(out, fl_slice_str(named.at[i]));
	fl_strlist_done(&named);
	return err;
}

static int change(struct fl_cli *c, bool revoke)
{
	struct fl_strlist now = { 0 }, routes = { 0 };
	struct fl_pick node = { 0 };

	int code = fl_cli_pick_node(c, c->args.word[0], &node);
	if (code == FL_EXIT_DONE && (revoke || !fl_args_on(&c->args, "only")))
		code = fl_node_list_of(c, node.id, "approvedRoutes", &now);
	for (size_t i = 1; revoke && i < c->args.words && code == FL_EXIT_DONE; i++)
		if (!holds(&now, c->args.word[i]))
			code = fl_cli_fail(c, FL_EXIT_NOT_FOUND, "See: fairlead routes list",
					   "%s is not approved for %s", c->args.word[i], node.name);
	if (code == FL_EXIT_DONE && changed(c, &now, revoke, &routes) != FL_OK)
		code = fl_cli_fail(c, FL_EXIT_FAILED, NULL, "out of memory");
	if (code == FL_EXIT_DONE)
		code = approve(c, &node, &routes);
	fl_strlist_done(&now);
	fl_strlist_done(&routes);
	return code;
}

int fl_cmd_route_approve(struct fl_cli *c)
{
	return change(c, false);
}

int fl_cmd_route_revoke(struct fl_cli *c)
{
	return change(c, true);
}
