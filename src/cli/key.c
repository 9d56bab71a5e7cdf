/* SPDX-License-Identifier: BSD-3-Clause */
/* cli/key.c - fairlead preauthkeys and fairlead apikeys. A new key goes to stdout alone, once. */
#include <inttypes.h>
#include <stdio.h>

#include "cli/cli.h"

enum { PATH_MAX_LEN = 1024, BODY_MAX_LEN = 64 << 10 };

/* Prints the new key by itself for people, else the answer. */
static int create(struct fl_cli *c, const char *where, const struct fl_buf *body,
		  const struct fl_resource *r, const char *secret)
{
	char text[64];
	struct fl_buf path = fl_buf_over(text, sizeof text);
	struct fl_answer a = { 0 };

	fl_buf_str(&path, where);
	int code = fl_cli_check_columns(c, r);
	if (code == FL_EXIT_DONE)
		code = fl_cli_ask(c, "POST", &path, body, &a);
	if (code == FL_EXIT_DONE && fl_cli_wants_data(c)) {
		code = fl_cli_show(c, r, &a);
	} else if (code == FL_EXIT_DONE) {
		struct fl_jv key = fl_json_path(fl_json_root(a.doc), secret);
		struct fl_slice shown = fl_json_kind(key) == FL_JSON_STRING ? fl_json_str(key)
									    : fl_slice_of(NULL, 0);
		printf("%.*s\n", (int)shown.len, (const char *)shown.ptr);
	}
	fl_answer_done(&a);
	return code;
}

static bool write_expiration(struct fl_cli *c, struct fl_jw *w)
{
	fl_wall at;

	if (__builtin_add_overflow(c->out.now, fl_args_duration(&c->args, "expiration"), &at))
		return false;
	fl_jw_key(w, "expiration");
	fl_jw_time(w, at);
	return true;
}

static int too_long(struct fl_cli *c)
{
	return fl_cli_fail(c, FL_EXIT_USAGE, NULL, "--expiration is too long");
}

static int list(struct fl_cli *c, const char *where, const struct fl_resource *r)
{
	char text[64];
	struct fl_buf path = fl_buf_over(text, sizeof text);

	fl_buf_str(&path, where);
	return fl_cli_run(c, "GET", &path, NULL, r, NULL);
}

/* ---- pre-auth keys ---- */

static int write_preauth(struct fl_cli *c, const struct fl_pick *user,
			 const struct fl_strlist *tags, struct fl_buf *body)
{
	struct fl_jw w = fl_jw_make(body);

	fl_jw_obj(&w);
	if (user->id != 0) {
		fl_jw_key(&w, "user");
		fl_jw_u64_str(&w, user->id);
	}
	fl_jw_key(&w, "reusable");
	fl_jw_bool(&w, fl_args_on(&c->args, "reusable"));
	fl_jw_key(&w, "ephemeral");
	fl_jw_bool(&w, fl_args_on(&c->args, "ephemeral"));
	fl_jw_key(&w, "aclTags");
	fl_jw_arr(&w);
	for (size_t i = 0; i < tags->len; i++)
		fl_jw_str(&w, tags->at[i]);
	fl_jw_arr_end(&w);
	bool ok = write_expiration(c, &w);
	fl_jw_obj_end(&w);
	return ok ? FL_EXIT_DONE : too_long(c);
}

int fl_cmd_preauth_create(struct fl_cli *c)
{
	struct fl_buf body = fl_buf_make(BODY_MAX_LEN);
	struct fl_strlist tags = { 0 };
	struct fl_pick user = { 0 };
	const char *name = fl_args_text(&c->args, "user");
	int code = FL_EXIT_DONE;

	if (fl_args_list(&c->args, "tags", &tags) != FL_OK)
		code = fl_cli_fail(c, FL_EXIT_FAILED, NULL, "out of memory");
	else if (name == NULL && tags.len == 0)
		code = fl_cli_fail(c, FL_EXIT_USAGE, "Add --user NAME, or --tags tag:NAME.",
				   "whose nodes will they be?");
	if (code == FL_EXIT_DONE && name != NULL)
		code = fl_cli_pick_user(c, name, &user);
	if (code == FL_EXIT_DONE)
		code = write_preauth(c, &user, &tags, &body);
	if (code == FL_EXIT_DONE)
		code = create(c, "/api/v1/preauthkey", &body, &fl_resource_preauth,
			      "preAuthKey.key");
	fl_strlist_done(&tags);
	fl_buf_done(&body);
	return code;
}

int fl_cmd_preauth_list(struct fl_cli *c)
{
	return list(c, "/api/v1/preauthkey", &fl_resource_preauth);
}

/* To the key that -i or the word names, or to those of @FILE. */
static int each_preauth(struct fl_cli *c, fl_each_fn *fn)
{
	const char *text = fl_cli_choice(c, "id");

	if (text == NULL)
		return fl_cli_fail(c, FL_EXIT_USAGE, "See: fairlead preauthkeys list",
				   "which key?");
	return fl_cli_each(c, fl_cli_pick_preauth, text, fn);
}

static int expire_preauth(struct fl_cli *c, const struct fl_pick *key, size_t at)
{
	char text[64];
	struct fl_buf path = fl_buf_over(text, sizeof text), body = fl_buf_make(BODY_MAX_LEN);
	struct fl_jw w = fl_jw_make(&body);
	char done[64];

	(void)at;
	fl_buf_str(&path, "/api/v1/preauthkey/expire");
	fl_jw_obj(&w);
	fl_jw_key(&w, "id");
	fl_jw_u64_str(&w, key->id);
	fl_jw_obj_end(&w);
	snprintf(done, sizeof done, "key %" PRIu64 " expired", key->id);
	int code = fl_cli_run(c, "POST", &path, &body, &fl_resource_preauth, done);
	fl_buf_done(&body);
	return code;
}

int fl_cmd_preauth_expire(struct fl_cli *c)
{
	return each_preauth(c, expire_preauth);
}

static int delete_preauth(struct fl_cli *c, const struct fl_pick *key, size_t at)
{
	char text[64], done[64];
	struct fl_buf path = fl_buf_over(text, sizeof text);

	(void)at;
	fl_buf_printf(&path, "/api/v1/preauthkey?id=%" PRIu64, key->id);
	snprintf(done, sizeof done, "key %" PRIu64 " deleted", key->id);
	return fl_cli_run(c, "DELETE", &path, NULL, &fl_resource_preauth, done);
}

int fl_cmd_preauth_delete(struct fl_cli *c)
{
	return each_preauth(c, delete_preauth);
}

/* ---- API keys ---- */

int fl_cmd_apikey_create(struct fl_cli *c)
{
	struct fl_buf body = fl_buf_make(BODY_MAX_LEN);
	struct fl_jw w = fl_jw_make(&body);

	fl_jw_obj(&w);
	bool ok = write_expiration(c, &w);
	fl_jw_obj_end(&w);
	int code = ok ? create(c, "/api/v1/apikey", &body, &fl_resource_apikey, "apiKey")
		      : too_long(c);
	fl_buf_done(&body);
	return code;
}

int fl_cmd_apikey_list(struct fl_cli *c)
{
	return list(c, "/api/v1/apikey", &fl_resource_apikey);
}

/* Exactly one of id and prefix; a word is an id when it is a number shorter than a prefix. */
static int named_apikey(struct fl_cli *c, uint64_t *out_id, const char **out_prefix)
{
	const char *id = fl_args_text(&c->args, "id"), *prefix = fl_args_text(&c->args, "prefix");
	const char *word = c->args.words > 0 ? c->args.word[0] : NULL;

	if ((id != NULL) + (prefix != NULL) + (word != NULL) != 1)
		return fl_cli_fail(c, FL_EXIT_USAGE, "See: fairlead apikeys list",
				   "name the key by exactly one of --id and --prefix");
	if (word != NULL && strlen(word) < 12)
		id = word;
	else if (word != NULL)
		prefix = word;
	*out_id = 0;
	*out_prefix = prefix;
	if (id != NULL && (fl_u64_parse(fl_slice_str(id), out_id) != FL_OK || *out_id == 0))
		return fl_cli_fail(c, FL_EXIT_USAGE, "See: fairlead apikeys list",
				   "'%s' is neither an id nor a prefix", id);
	return FL_EXIT_DONE;
}

int fl_cmd_apikey_expire(struct fl_cli *c)
{
	char text[64];
	struct fl_buf path = fl_buf_over(text, sizeof text), body = fl_buf_make(BODY_MAX_LEN);
	struct fl_jw w = fl_jw_make(&body);
	const char *prefix = NULL;
	uint64_t id = 0;

	int code = named_apikey(c, &id, &prefix);
	if (code != FL_EXIT_DONE)
		return code;
	fl_buf_str(&path, "/api/v1/apikey/expire");
	fl_jw_obj(&w);
	fl_jw_key(&w, id != 0 ? "id" : "prefix");
	if (id != 0)
		fl_jw_u64_str(&w, id);
	else
		fl_jw_str(&w, prefix);
	fl_jw_obj_end(&w);
	code = fl_cli_run(c, "POST", &path, &body, &fl_resource_apikey, "key expired");
	fl_buf_done(&body);
	return code;
}

int fl_cmd_apikey_delete(struct fl_cli *c)
{
	struct fl_buf path = fl_buf_make(PATH_MAX_LEN);
	const char *prefix = NULL;
	uint64_t id = 0;

	int code = named_apikey(c, &id, &prefix);
	if (code != FL_EXIT_DONE)
		return code;
	fl_buf_str(&path, "/api/v1/apikey/");
	if (id != 0)
		fl_buf_printf(&path, "-?id=%" PRIu64, id); /* some prefix must stand in the path */
	else
		fl_path_text(&path, prefix);
	code = fl_cli_run(c, "DELETE", &path, NULL, &fl_resource_apikey, "key deleted");
	fl_buf_done(&path);
	return code;
}
