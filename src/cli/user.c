/* SPDX-License-Identifier: BSD-3-Clause */
/* cli/user.c - fairlead users. */
#include <inttypes.h>
#include <stdio.h>

#include "cli/cli.h"

enum { PATH_MAX_LEN = 2048, BODY_MAX_LEN = 64 << 10 };

static void member(struct fl_jw *w, struct fl_cli *c, const char *key, const char *flag)
{
	const char *text = fl_args_text(&c->args, flag);

	fl_jw_key(w, key);
	fl_jw_str(w, text);
}

int fl_cmd_user_create(struct fl_cli *c)
{
	struct fl_buf path = fl_buf_make(PATH_MAX_LEN), body = fl_buf_make(BODY_MAX_LEN);
	struct fl_jw w = fl_jw_make(&body);
	char done[512];

	fl_buf_str(&path, "/api/v1/user");
	fl_jw_obj(&w);
	fl_jw_key(&w, "name");
	fl_jw_str(&w, c->args.word[0]);
	member(&w, c, "displayName", "display-name");
	member(&w, c, "email", "email");
	member(&w, c, "pictureUrl", "picture-url");
	fl_jw_obj_end(&w);
	snprintf(done, sizeof done, "user %s created", c->args.word[0]);
	int code = fl_cli_run(c, "POST", &path, &body, &fl_resource_user, done);
	fl_buf_done(&path);
	fl_buf_done(&body);
	return code;
}

static int list(struct fl_cli *c, const char *key, const char *value)
{
	struct fl_buf path = fl_buf_make(PATH_MAX_LEN);

	fl_buf_str(&path, "/api/v1/user");
	if (value != NULL) {
		fl_buf_printf(&path, "?%s=", key);
		fl_path_text(&path, value);
	}
	int code = fl_cli_run(c, "GET", &path, NULL, &fl_resource_user, NULL);
	fl_buf_done(&path);
	return code;
}

int fl_cmd_user_list(struct fl_cli *c)
{
	static const struct {
		const char *flag, *key;
	} filters[] = { { "identifier", "id" }, { "name", "name" }, { "email", "email" } };

	for (size_t i = 0; i < sizeof filters / sizeof *filters; i++)
		if (fl_args_has(&c->args, filters[i].flag))
			return list(c, filters[i].key, fl_args_text(&c->args, filters[i].flag));
	return list(c, NULL, NULL);
}

int fl_cmd_user_show(struct fl_cli *c)
{
	struct fl_pick user = { 0 };
	char id[24];

	if (c->args.words == 0)
		return fl_cmd_user_list(c);
	int code = fl_cli_pick_user(c, c->args.word[0], &user);
	if (code != FL_EXIT_DONE)
		return code;
	snprintf(id, sizeof id, "%" PRIu64, user.id);
	return list(c, "id", id);
}

/* The user that -i, -n or the word at `at` names; *at moves behind the word. */
static int named(struct fl_cli *c, size_t *at, const char **out)
{
	*out = fl_args_text(&c->args, "identifier");
	if (*out == NULL)
		*out = fl_args_text(&c->args, "name");
	if (*out == NULL && *at < c->args.words)
		*out = c->args.word[(*at)++];
	if (*out == NULL)
		return fl_cli_fail(c, FL_EXIT_USAGE, "See: fairlead users list", "which user?");
	return FL_EXIT_DONE;
}

int fl_cmd_user_rename(struct fl_cli *c)
{
	struct fl_buf path = fl_buf_make(PATH_MAX_LEN);
	const char *name = fl_args_text(&c->args, "new-name"), *text;
	struct fl_pick user = { 0 };
	char done[768];
	size_t at = 0;

	int code = named(c, &at, &text);
	if (code == FL_EXIT_DONE)
		code = fl_cli_pick_user(c, text, &user);
	if (code != FL_EXIT_DONE)
		return code;
	if (name == NULL && at < c->args.words)
		name = c->args.word[at++];
	if (name == NULL || at < c->args.words)
		return fl_cli_fail(c, FL_EXIT_USAGE, "See: fairlead help users rename",
				   name == NULL ? "which new name?" : "too many names");
	fl_buf_printf(&path, "/api/v1/user/%" PRIu64 "/rename/", user.id);
	fl_path_text(&path, name);
	snprintf(done, sizeof done, "user %s is now %.256s", user.name, name);
	code = fl_cli_run(c, "POST", &path, NULL, &fl_resource_user, done);
	fl_buf_done(&path);
	return code;
}

int fl_cmd_user_role(struct fl_cli *c)
{
	struct fl_buf path = fl_buf_make(PATH_MAX_LEN), body = fl_buf_make(BODY_MAX_LEN);
	struct fl_jw w = fl_jw_make(&body);
	const char *role = c->args.word[1];
	struct fl_pick user = { 0 };
	char done[512];

	int code = fl_cli_pick_user(c, c->args.word[0], &user);
	if (code != FL_EXIT_DONE)
		return code;
	fl_buf_printf(&path, "/api/v1/user/%" PRIu64 "/role", user.id);
	fl_jw_obj(&w);
	fl_jw_key(&w, "role");
	fl_jw_str(&w, role);
	fl_jw_obj_end(&w);
	snprintf(done, sizeof done, "the role of user %s is now %.64s", user.name, role);
	code = fl_cli_run(c, "PUT", &path, &body, &fl_resource_user, done);
	fl_buf_done(&path);
	fl_buf_done(&body);
	return code;
}

static int delete_one(struct fl_cli *c, const struct fl_pick *user, size_t at)
{
	struct fl_buf path = fl_buf_make(PATH_MAX_LEN);
	char done[512];

	(void)at;
	int code = fl_cli_confirm(c, "Delete the user %s?", user->name);
	if (code != FL_EXIT_DONE)
		return code;
	fl_buf_printf(&path, "/api/v1/user/%" PRIu64, user->id);
	snprintf(done, sizeof done, "user %s deleted", user->name);
	code = fl_cli_run(c, "DELETE", &path, NULL, &fl_resource_user, done);
	fl_buf_done(&path);
	return code;
}

int fl_cmd_user_delete(struct fl_cli *c)
{
	const char *text;
	size_t at = 0;

	int code = named(c, &at, &text);
	return code == FL_EXIT_DONE ? fl_cli_each(c, fl_cli_pick_user, text, delete_one) : code;
}
