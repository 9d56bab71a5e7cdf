/* SPDX-License-Identifier: BSD-3-Clause */
/* cli/ask.c - fairlead nodes ping, nodes health: what the node itself says. */
#include "cli/nodes.h"

#define SPARE (5 * FL_SEC) /* for the server, beyond what the node may take */

/* Asks the server to ask the node. */
static int ask(struct fl_cli *c, const char *method, const char *what, struct fl_pick *node,
	       struct fl_answer *out)
{
	char text[256];
	struct fl_buf path = fl_buf_over(text, sizeof text);
	size_t at = 0;

	int code = fl_node_named(c, &at, node);
	if (code != FL_EXIT_DONE)
		return code;
	c->timeout = fl_args_duration(&c->args, "wait") + SPARE;
	fl_node_path(&path, node->id, what);
	fl_buf_str(&path, "?timeout=");
	fl_path_text(&path, fl_args_text(&c->args, "wait"));
	return fl_cli_ask(c, method, &path, NULL, out);
}

static bool is_true(const struct fl_answer *a, const char *name)
{
	struct fl_jv v = fl_json_path(fl_json_root(a->doc), name);
	return fl_json_kind(v) == FL_JSON_BOOL && fl_json_bool(v);
}

static const char *name_of(const struct fl_answer *a, const struct fl_pick *node)
{
	struct fl_slice name = fl_json_str(fl_json_path(fl_json_root(a->doc), "givenName"));
	return name.len > 0 ? (const char *)name.ptr : node->name;
}

static int silence(struct fl_cli *c, const struct fl_answer *a, const struct fl_pick *node)
{
	return fl_cli_fail(c, FL_EXIT_CHECK,
			   is_true(a, "online") ? "Its connection stands, but it does not answer."
						: "It is not connected.",
			   "no answer from %s within %s", name_of(a, node),
			   fl_args_text(&c->args, "wait"));
}

int fl_cmd_node_ping(struct fl_cli *c)
{
	struct fl_answer a = { 0 };
	struct fl_pick node = { 0 };

	int code = ask(c, "POST", "/ping", &node, &a);
	if (code == FL_EXIT_DONE && fl_cli_wants_data(c))
		code = fl_cli_show(c, &fl_resource_change, &a);
	if (code == FL_EXIT_DONE && !is_true(&a, "answered"))
		code = silence(c, &a, &node);
	else if (code == FL_EXIT_DONE)
		fl_cli_say(c, "%s answered in %.0f ms", name_of(&a, &node),
			   fl_json_f64(fl_json_path(fl_json_root(a.doc), "seconds")) * 1e3);
	fl_answer_done(&a);
	return code;
}

static size_t warnings(const struct fl_answer *a)
{
	struct fl_jv list = fl_json_path(fl_json_root(a->doc), "warnings");
	return fl_json_kind(list) == FL_JSON_ARRAY ? fl_json_len(list) : 0;
}

/* What is wrong goes to people as a table, and the code says so to programs. */
int fl_cmd_node_health(struct fl_cli *c)
{
	struct fl_answer a = { 0 };
	struct fl_pick node = { 0 };

	int code = ask(c, "GET", "/health", &node, &a);
	if (code == FL_EXIT_DONE && (fl_cli_wants_data(c) || warnings(&a) > 0))
		code = fl_cli_show(c, &fl_resource_warning, &a);
	if (code == FL_EXIT_DONE && !is_true(&a, "answered"))
		code = silence(c, &a, &node);
	else if (code == FL_EXIT_DONE && warnings(&a) > 0)
		code = FL_EXIT_CHECK;
	else if (code == FL_EXIT_DONE)
		fl_cli_say(c, "%s says that all is well", name_of(&a, &node));
	fl_answer_done(&a);
	return code;
}
