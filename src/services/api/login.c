/* SPDX-License-Identifier: BSD-3-Clause */
/* services/api/login.c - /api/v1/auth: a person's word on machines that wait to join, and SSH. */
#include "services/api/internal.h"

enum { PENDING_SHOWN_MAX = 1024 };

/* Filled and used within one call; there is one loop. */
static struct fl_pending_info logins[PENDING_SHOWN_MAX];
static struct fl_check_info checks[PENDING_SHOWN_MAX];

/* By name, else by id. 0: answered. */
static fl_user_id find_user(struct fl_api *a, struct fl_http *x, const char *text)
{
	uint64_t id;
	const struct fl_user *u = text[0] != '\0' ? fl_state_user_by_name(a->state, text) : NULL;

	if (u == NULL && fl_u64_parse(fl_slice_str(text), &id) == FL_OK)
		u = fl_state_user(a->state, id);
	if (u != NULL)
		return u->id;
	fl_api_problem(
		x, FL_ERR_NOT_FOUND,
		"no such user: create it with 'fairlead users create NAME', or list the users",
		"user");
	return 0;
}

static void approve(struct fl_api *a, struct fl_http *x, const char *user, const char *auth_id)
{
	struct fl_api_subject node = { 0 };
	struct fl_fault fault = { "" };

	fl_user_id id = find_user(a, x, user);
	if (id == 0)
		return;
	enum fl_err err =
		fl_control_approve(a->control, fl_slice_str(auth_id), id, &fault, &node.id);
	fl_api_conclude(a, x, err, &fault, "authId", fl_api_write_node, &node);
}

void fl_api_login_register(void *ctx, struct fl_http *x)
{
	struct fl_api *a = ctx;
	char user[FL_USER_NAME_MAX + 1], auth_id[64];

	if (!fl_api_admit(a, x))
		return;
	struct fl_json *doc = fl_api_body(x);
	if (doc == NULL)
		return;
	bool ok = fl_api_text(x, fl_json_root(doc), "user", user, sizeof user) &&
		  fl_api_text(x, fl_json_root(doc), "authId", auth_id, sizeof auth_id);
	fl_json_free(doc);
	if (ok)
		approve(a, x, user, auth_id);
}

/* The older form: POST /api/v1/node/register?user=&key=. */
void fl_api_node_register(void *ctx, struct fl_http *x)
{
	struct fl_api *a = ctx;
	char user[FL_USER_NAME_MAX + 1], key[64];

	if (!fl_api_admit(a, x))
		return;
	if (fl_http_query(x, "user", user, sizeof user) != FL_OK ||
	    fl_http_query(x, "key", key, sizeof key) != FL_OK) {
		fl_api_problem(x, FL_ERR_INVALID, "the query parameters user and key are needed",
			       "query");
		return;
	}
	approve(a, x, user, key);
}

static bool read_auth_id(struct fl_http *x, char out[static 64])
{
	struct fl_json *doc = fl_api_body(x);
	if (doc == NULL)
		return false;
	bool ok = fl_api_text(x, fl_json_root(doc), "authId", out, 64);
	fl_json_free(doc);
	return ok;
}

/* Is it the id of a machine that waits to join? */
static bool is_login(struct fl_api *a, const char *auth_id)
{
	size_t count = fl_control_pending(a->control, logins, PENDING_SHOWN_MAX);

	for (size_t i = 0; i < count; i++)
		if (strcmp(logins[i].id, auth_id) == 0)
			return true;
	return false;
}

/* Approval without a user belongs to SSH checks; a login needs to know whose machine it is. */
void fl_api_login_approve(void *ctx, struct fl_http *x)
{
	struct fl_api *a = ctx;
	struct fl_api_subject none = { 0 };
	struct fl_fault fault = { "" };
	char auth_id[64];

	if (!fl_api_admit(a, x) || !read_auth_id(x, auth_id))
		return;
	if (is_login(a, auth_id)) {
		fl_api_problem(x, FL_ERR_INVALID,
			       "a machine that waits to join needs an owner: use "
			       "'fairlead auth register --auth-id ID --user USER'",
			       "authId");
		return;
	}
	enum fl_err err = fl_control_check_say(a->control, fl_slice_str(auth_id), true, &fault);
	fl_api_conclude(a, x, err, &fault, "authId", fl_api_write_empty, &none);
}

void fl_api_login_reject(void *ctx, struct fl_http *x)
{
	struct fl_api *a = ctx;
	struct fl_api_subject none = { 0 };
	struct fl_fault fault = { "" };
	char auth_id[64];

	if (!fl_api_admit(a, x) || !read_auth_id(x, auth_id))
		return;
	enum fl_err err = fl_control_check_say(a->control, fl_slice_str(auth_id), false, &fault);
	if (err == FL_ERR_NOT_FOUND)
		err = fl_control_reject(a->control, fl_slice_str(auth_id), &fault);
	fl_api_conclude(a, x, err, &fault, "authId", fl_api_write_empty, &none);
}

/* `destination`: of an SSH connection, NULL of a login. */
static void write_pending(const struct fl_pending_info *p, const char *destination, struct fl_jw *w)
{
	char key[FL_KEY_TEXT_MAX];

	fl_machine_key_format(&p->machine, key);
	fl_jw_obj(w);
	fl_jw_key(w, "authId");
	fl_jw_str(w, p->id);
	fl_jw_key(w, "kind");
	fl_jw_str(w, destination != NULL ? "ssh" : "login");
	fl_jw_key(w, "hostname");
	fl_jw_str(w, p->hostname);
	fl_jw_key(w, "destination");
	fl_jw_str(w, destination);
	fl_jw_key(w, "os");
	fl_jw_str(w, p->os);
	fl_jw_key(w, "machineKey");
	fl_jw_str(w, key);
	fl_jw_key(w, "since");
	fl_jw_time(w, p->since);
	fl_jw_obj_end(w);
}

static void write_check(const struct fl_check_info *k, struct fl_jw *w)
{
	struct fl_pending_info p = {
		.machine = k->src->machine,
		.hostname = k->src->given_name,
		.os = k->src->hostinfo->os,
		.since = k->since,
	};

	memcpy(p.id, k->id, sizeof p.id);
	write_pending(&p, k->dst->given_name, w);
}

void fl_api_login_pending(void *ctx, struct fl_http *x)
{
	struct fl_api *a = ctx;

	if (!fl_api_admit(a, x))
		return;
	size_t count = fl_control_pending(a->control, logins, PENDING_SHOWN_MAX);
	size_t waiting = fl_control_checks(a->control, checks, PENDING_SHOWN_MAX);
	struct fl_buf out = fl_buf_make(FL_API_ANSWER_MAX);
	struct fl_jw w = fl_jw_make(&out);
	fl_jw_obj(&w);
	fl_jw_key(&w, "pending");
	fl_jw_arr(&w);
	for (size_t i = 0; i < count; i++)
		write_pending(&logins[i], NULL, &w);
	for (size_t i = 0; i < waiting; i++)
		write_check(&checks[i], &w);
	fl_jw_arr_end(&w);
	fl_jw_obj_end(&w);
	fl_api_json(x, &out);
}
