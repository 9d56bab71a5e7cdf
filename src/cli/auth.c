/* SPDX-License-Identifier: BSD-3-Clause */
/* cli/auth.c - fairlead auth: a person's word on nodes that wait to join, and SSH. */
#include <inttypes.h>
#include <stdio.h>

#include "cli/cli.h"

enum { BODY_MAX_LEN = 4096 };

/* The id is a word, --auth-id, or --key of the older form. */
static const char *waiting_id(struct fl_cli *c)
{
	const char *id = fl_args_text(&c->args, "auth-id");

	if (id == NULL)
		id = fl_args_text(&c->args, "key");
	return id != NULL || c->args.words == 0 ? id : c->args.word[0];
}

static int send(struct fl_cli *c, const char *what, const struct fl_pick *user, const char *id,
		const char *done)
{
	char text[64];
	struct fl_buf path = fl_buf_over(text, sizeof text), body = fl_buf_make(BODY_MAX_LEN);
	struct fl_jw w = fl_jw_make(&body);

	fl_buf_printf(&path, "/api/v1/auth/%s", what);
	fl_jw_obj(&w);
	if (user != NULL) {
		char number[24];
		snprintf(number, sizeof number, "%" PRIu64, user->id);
		fl_jw_key(&w, "user");
		fl_jw_str(&w, number);
	}
	fl_jw_key(&w, "authId");
	fl_jw_str(&w, id);
	fl_jw_obj_end(&w);
	int code = fl_cli_run(c, "POST", &path, &body, &fl_resource_node, done);
	fl_buf_done(&body);
	return code;
}

static int which(struct fl_cli *c)
{
	return fl_cli_fail(c, FL_EXIT_USAGE,
			   "The client's page shows the id; all that wait: fairlead auth pending",
			   "which login? Name its id");
}

int fl_cmd_auth_register(struct fl_cli *c)
{
	const char *name = fl_args_text(&c->args, "user"), *id = waiting_id(c);
	struct fl_pick user = { 0 };
	char done[512];

	if (id == NULL)
		return which(c);
	if (name == NULL)
		return fl_cli_fail(c, FL_EXIT_USAGE, "Add --user NAME; see: fairlead users list",
				   "whose node will it be?");
	int code = fl_cli_pick_user(c, name, &user);
	if (code != FL_EXIT_DONE)
		return code;
	snprintf(done, sizeof done, "node registered for %s", user.name);
	return send(c, "register", &user, id, done);
}

int fl_cmd_auth_approve(struct fl_cli *c)
{
	const char *id = waiting_id(c);
	return id != NULL ? send(c, "approve", NULL, id, "approved") : which(c);
}

int fl_cmd_auth_reject(struct fl_cli *c)
{
	const char *id = waiting_id(c);
	return id != NULL ? send(c, "reject", NULL, id, "rejected") : which(c);
}

int fl_cmd_auth_pending(struct fl_cli *c)
{
	char text[64];
	struct fl_buf path = fl_buf_over(text, sizeof text);

	fl_buf_str(&path, "/api/v1/auth/pending");
	return fl_cli_run(c, "GET", &path, NULL, &fl_resource_pending, NULL);
}
