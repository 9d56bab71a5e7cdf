/* SPDX-License-Identifier: BSD-3-Clause */
/* cli/node.c - fairlead nodes. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/cli.h"
#include "cli/nodes.h"

enum { PATH_MAX_LEN = 2048, BODY_MAX_LEN = 256 << 10 };

/* ---- shared with route.c ---- */

int fl_node_named(struct fl_cli *c, size_t *at, struct fl_pick *out)
{
	const char *text = fl_args_text(&c->args, "identifier");

	if (text == NULL && *at < c->args.words)
		text = c->args.word[(*at)++];
	if (text == NULL)
		return fl_cli_fail(c, FL_EXIT_USAGE, "See: fairlead nodes list", "which node?");
	return fl_cli_pick_node(c, text, out);
}

void fl_node_path(struct fl_buf *path, uint64_t id, const char *rest)
{
	fl_buf_printf(path, "/api/v1/node/%" PRIu64 "%s", id, rest);
}

int fl_node_post_list(struct fl_cli *c, uint64_t id, const char *rest, const char *key,
		      const struct fl_strlist *values, const char *done)
{
	struct fl_buf path = fl_buf_make(PATH_MAX_LEN), body = fl_buf_make(BODY_MAX_LEN);
	struct fl_jw w = fl_jw_make(&body);

	fl_node_path(&path, id, rest);
	fl_jw_obj(&w);
	fl_jw_key(&w, key);
	fl_jw_arr(&w);
	for (size_t i = 0; i < values->len; i++)
		fl_jw_str(&w, values->at[i]);
	fl_jw_arr_end(&w);
	fl_jw_obj_end(&w);
	int code = fl_cli_run(c, "POST", &path, &body, &fl_resource_node, done);
	fl_buf_done(&path);
	fl_buf_done(&body);
	return code;
}

int fl_node_list_of(struct fl_cli *c, uint64_t id, const char *key, struct fl_strlist *out)
{
	char text[128];
	struct fl_buf path = fl_buf_over(text, sizeof text);
	struct fl_answer a;

	fl_node_path(&path, id, "");
	int code = fl_cli_ask(c, "GET", &path, NULL, &a);
	if (code == FL_EXIT_DONE) {
		struct fl_jv node = fl_json_path(fl_json_root(a.doc), "node");
		struct fl_jv list = fl_json_path(node, key);
		size_t len = fl_json_kind(list) == FL_JSON_ARRAY ? fl_json_len(list) : 0;
		for (size_t i = 0; i < len && code == FL_EXIT_DONE; i++)
			if (fl_strlist_add(out, fl_json_str(fl_json_at(list, i))) != FL_OK)
				code = fl_cli_fail(c, FL_EXIT_FAILED, NULL, "out of memory");
	}
	fl_answer_done(&a);
	return code;
}

/* ---- list, show ---- */

int fl_cmd_node_list(struct fl_cli *c)
{
	struct fl_buf path = fl_buf_make(PATH_MAX_LEN);
	const char *user = fl_args_text(&c->args, "user");
	struct fl_pick owner = { 0 };
	struct fl_answer a = { 0 };

	int code = fl_node_check_filter(c);
	if (code == FL_EXIT_DONE)
		code = fl_cli_check_columns(c, &fl_resource_node);
	if (code == FL_EXIT_DONE && user != NULL)
		code = fl_cli_pick_user(c, user, &owner);
	if (code != FL_EXIT_DONE)
		return code;
	fl_buf_str(&path, "/api/v1/node");
	if (user != NULL) {
		fl_buf_str(&path, "?user=");
		fl_path_text(&path, owner.name);
	}
	code = fl_cli_ask(c, "GET", &path, NULL, &a);
	if (code == FL_EXIT_DONE)
		code = fl_node_filter(c, &a);
	if (code == FL_EXIT_DONE)
		code = fl_cli_show(c, &fl_resource_node, &a);
	fl_answer_done(&a);
	fl_buf_done(&path);
	return code;
}

static int show_record(struct fl_cli *c, const struct fl_answer *a)
{
	struct fl_buf text = fl_buf_make(BODY_MAX_LEN);

	int code = fl_cli_check_columns(c, &fl_resource_node);
	if (code != FL_EXIT_DONE)
		return code;
	fl_output_record(&c->out, &fl_resource_node,
			 fl_json_path(fl_json_root(a->doc), fl_resource_node.item), &text);
	fwrite(text.ptr, 1, text.len, stdout);
	fl_buf_done(&text);
	return FL_EXIT_DONE;
}

int fl_cmd_node_show(struct fl_cli *c)
{
	char text[128];
	struct fl_buf path = fl_buf_over(text, sizeof text);
	struct fl_pick node = { 0 };
	struct fl_answer a;
	size_t at = 0;

	if (c->args.words == 0 && !fl_args_has(&c->args, "identifier"))
		return fl_cmd_node_list(c);
	int code = fl_node_named(c, &at, &node);
	if (code != FL_EXIT_DONE)
		return code;
	fl_node_path(&path, node.id, "");
	code = fl_cli_ask(c, "GET", &path, NULL, &a);
	if (code == FL_EXIT_DONE)
		code = fl_cli_wants_data(c) ? fl_cli_show(c, &fl_resource_node, &a)
					    : show_record(c, &a);
	fl_answer_done(&a);
	return code;
}

/* ---- changes ---- */

int fl_cmd_node_rename(struct fl_cli *c)
{
	struct fl_buf path = fl_buf_make(PATH_MAX_LEN);
	struct fl_pick node = { 0 };
	char done[768];
	size_t at = 0;

	int code = fl_node_named(c, &at, &node);
	if (code != FL_EXIT_DONE)
		return code;
	if (at + 1 != c->args.words)
		return fl_cli_fail(c, FL_EXIT_USAGE, "See: fairlead help nodes rename",
				   at == c->args.words ? "which new name?" : "too many names");
	fl_node_path(&path, node.id, "/rename/");
	fl_path_text(&path, c->args.word[at]);
	snprintf(done, sizeof done, "node %s is now %.256s", node.name, c->args.word[at]);
	code = fl_cli_run(c, "POST", &path, NULL, &fl_resource_node, done);
	fl_buf_done(&path);
	return code;
}

static bool expiry_of(const struct fl_cli *c, const char *text, fl_wall *out)
{
	int64_t ns;

	if (fl_wall_parse(fl_slice_str(text), out) == FL_OK && *out != 0)
		return true;
	if (fl_duration_parse(fl_slice_str(text), &ns) != FL_OK ||
	    __builtin_add_overflow(c->out.now, ns, out))
		return false;
	return true;
}

/* What --expiry and --disable say; 0 without them: now. */
static int read_expiry(struct fl_cli *c, fl_wall *out)
{
	const char *text = fl_args_text(&c->args, "expiry");
	bool given = text != NULL && text[0] != '\0';

	*out = 0;
	if (fl_args_on(&c->args, "disable") && given)
		return fl_cli_fail(c, FL_EXIT_USAGE, NULL,
				   "--expiry and --disable exclude each other");
	if (given && !expiry_of(c, text, out))
		return fl_cli_fail(c, FL_EXIT_USAGE, "Write 2027-01-31T12:00:00Z or 30d.",
				   "'%s' is neither a time nor a duration", text);
	return FL_EXIT_DONE;
}

static int expire_one(struct fl_cli *c, const struct fl_pick *node, size_t at)
{
	struct fl_buf path = fl_buf_make(PATH_MAX_LEN), body = fl_buf_make(BODY_MAX_LEN);
	struct fl_jw w = fl_jw_make(&body);
	bool never = fl_args_on(&c->args, "disable");
	fl_wall when;
	char done[512];

	(void)at;
	int code = read_expiry(c, &when);
	if (code != FL_EXIT_DONE)
		return code;
	fl_node_path(&path, node->id, "/expire");
	fl_jw_obj(&w);
	if (never) {
		fl_jw_key(&w, "disableExpiry");
		fl_jw_bool(&w, true);
	} else if (when != 0) {
		fl_jw_key(&w, "expiry");
		fl_jw_time(&w, when);
	}
	fl_jw_obj_end(&w);
	snprintf(done, sizeof done, "node %s %s", node->name,
		 never               ? "never expires"
		 : when > c->out.now ? "expires at that time"
				     : "expired");
	code = fl_cli_run(c, "POST", &path, &body, &fl_resource_node, done);
	fl_buf_done(&path);
	fl_buf_done(&body);
	return code;
}

int fl_cmd_node_expire(struct fl_cli *c)
{
	fl_wall when;
	int code = read_expiry(c, &when); /* before any node is asked for */
	return code == FL_EXIT_DONE ? fl_node_each(c, 0, expire_one) : code;
}

static int delete_one(struct fl_cli *c, const struct fl_pick *node, size_t at)
{
	struct fl_buf path = fl_buf_make(PATH_MAX_LEN);
	char done[512];

	(void)at;
	int code = fl_cli_confirm(c, "Delete the node %s?", node->name);
	if (code != FL_EXIT_DONE)
		return code;
	fl_node_path(&path, node->id, "");
	snprintf(done, sizeof done, "node %s deleted", node->name);
	code = fl_cli_run(c, "DELETE", &path, NULL, &fl_resource_node, done);
	fl_buf_done(&path);
	return code;
}

int fl_cmd_node_delete(struct fl_cli *c)
{
	return fl_node_each(c, 0, delete_one);
}

int fl_cmd_node_backfill(struct fl_cli *c)
{
	char text[64];
	struct fl_buf path = fl_buf_over(text, sizeof text);

	int code = fl_cli_confirm(c, "Add missing addresses to all nodes, and take away those of "
				     "families that are off?");
	if (code != FL_EXIT_DONE)
		return code;
	fl_buf_str(&path, "/api/v1/node/backfillips?confirmed=true");
	return fl_cli_run(c, "POST", &path, NULL, &fl_resource_change, NULL);
}

/* ---- tags ---- */

enum tag_form { TAG_SET, TAG_ADD, TAG_REMOVE };

/* "add", "remove" or "set" in front of the node. */
static enum tag_form tag_form(const struct fl_cli *c, size_t *at)
{
	static const struct {
		const char *word, *also;
		enum tag_form form;
	} forms[] = { { "set", NULL, TAG_SET },
		      { "add", NULL, TAG_ADD },
		      { "remove", "rm del delete", TAG_REMOVE } };

	for (size_t i = 0; c->args.words > 0 && i < sizeof forms / sizeof *forms; i++) {
		if (fl_word_is(fl_slice_str(c->args.word[0]), forms[i].word, forms[i].also)) {
			(*at)++;
			return forms[i].form;
		}
	}
	return TAG_SET;
}

/* "ci" is tag:ci. */
static enum fl_err add_tag(struct fl_strlist *list, const char *text)
{
	char tag[256];

	snprintf(tag, sizeof tag, "%s%s", strncmp(text, "tag:", 4) == 0 ? "" : "tag:", text);
	return fl_strlist_has(list, tag) ? FL_OK : fl_strlist_add(list, fl_slice_str(tag));
}

static enum fl_err without(const struct fl_strlist *from, const struct fl_strlist *minus,
			   struct fl_strlist *out)
{
	for (size_t i = 0; i < from->len; i++) {
		if (fl_strlist_has(minus, from->at[i]))
			continue;
		enum fl_err err = fl_strlist_add(out, fl_slice_str(from->at[i]));
		if (err != FL_OK)
			return err;
	}
	return FL_OK;
}

static enum fl_err named_tags(const struct fl_cli *c, size_t at, struct fl_strlist *out)
{
	struct fl_strlist given = { 0 };
	enum fl_err err = fl_args_list(&c->args, "tags", &given);

	for (size_t i = 0; i < given.len && err == FL_OK; i++)
		err = add_tag(out, given.at[i]);
	for (size_t i = at; i < c->args.words && err == FL_OK; i++)
		err = add_tag(out, c->args.word[i]);
	fl_strlist_done(&given);
	return err;
}

static int change_tags(struct fl_cli *c, enum tag_form form, const struct fl_pick *node,
		       const struct fl_strlist *named)
{
	struct fl_strlist now = { 0 }, result = { 0 };
	enum fl_err err = FL_OK;
	int code = FL_EXIT_DONE;
	char done[512];

	if (form != TAG_SET)
		code = fl_node_list_of(c, node->id, "tags", &now);
	if (form == TAG_REMOVE)
		err = without(&now, named, &result);
	else
		err = fl_strlist_copy(form == TAG_ADD ? &now : named, &result);
	for (size_t i = 0; form == TAG_ADD && i < named->len && err == FL_OK; i++)
		err = add_tag(&result, named->at[i]);
	if (code == FL_EXIT_DONE && err != FL_OK)
		code = fl_cli_fail(c, FL_EXIT_FAILED, NULL, "%s", fl_err_text(err));
	snprintf(done, sizeof done, "node %s has %zu tags", node->name, result.len);
	if (code == FL_EXIT_DONE)
		code = fl_node_post_list(c, node->id, "/tags", "tags", &result, done);
	fl_strlist_done(&now);
	fl_strlist_done(&result);
	return code;
}

static int tag_one(struct fl_cli *c, const struct fl_pick *node, size_t at)
{
	struct fl_strlist named = { 0 };
	size_t unused = 0;
	int code;

	if (named_tags(c, at, &named) != FL_OK)
		code = fl_cli_fail(c, FL_EXIT_FAILED, NULL, "out of memory");
	else if (named.len == 0)
		code = fl_cli_fail(c, FL_EXIT_USAGE, "Like: fairlead nodes tag add NODE tag:ci",
				   "which tags?");
	else
		code = change_tags(c, tag_form(c, &unused), node, &named);
	fl_strlist_done(&named);
	return code;
}

int fl_cmd_node_tag(struct fl_cli *c)
{
	size_t at = 0;

	(void)tag_form(c, &at);
	return fl_node_each(c, at, tag_one);
}
