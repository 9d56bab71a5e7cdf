/* SPDX-License-Identifier: BSD-3-Clause */
/* services/api/user.c - /api/v1/user. */
#include "services/api/internal.h"

static bool matches(const struct fl_user *u, const char *name, const char *email, uint64_t id)
{
	if (name[0] != '\0')
		return strcmp(u->name, name) == 0;
	if (email[0] != '\0')
		return strcmp(u->email, email) == 0;
	return id == 0 || u->id == id;
}

static bool query_text(struct fl_http *x, const char *name, char *out, size_t cap)
{
	out[0] = '\0';
	enum fl_err err = fl_http_query(x, name, out, cap);
	if (err == FL_OK || err == FL_ERR_NOT_FOUND)
		return true;
	fl_api_problem(x, FL_ERR_INVALID, "malformed query parameter", name);
	return false;
}

void fl_api_user_list(void *ctx, struct fl_http *x)
{
	struct fl_api *a = ctx;
	char name[FL_USER_NAME_MAX + 1], email[FL_USER_NAME_MAX + 1], id_text[24];
	uint64_t id = 0;

	if (!fl_api_admit(a, x) || !query_text(x, "name", name, sizeof name) ||
	    !query_text(x, "email", email, sizeof email) ||
	    !query_text(x, "id", id_text, sizeof id_text))
		return;
	if (id_text[0] != '\0' && fl_u64_parse(fl_slice_str(id_text), &id) != FL_OK) {
		fl_api_problem(x, FL_ERR_INVALID, "expected a number", "id");
		return;
	}
	struct fl_user *const *users;
	size_t count = fl_state_users(a->state, &users);
	struct fl_buf out = fl_buf_make(FL_API_ANSWER_MAX);
	struct fl_jw w = fl_jw_make(&out);
	fl_jw_obj(&w);
	fl_jw_key(&w, "users");
	fl_jw_arr(&w);
	for (size_t i = 0; i < count; i++) {
		if (matches(users[i], name, email, id))
			fl_api_user(a, users[i], &w);
	}
	fl_jw_arr_end(&w);
	fl_jw_obj_end(&w);
	fl_api_json(x, &out);
}

struct user_form {
	char name[FL_USER_NAME_MAX + 1], display[FL_USER_NAME_MAX + 1], email[FL_USER_NAME_MAX + 1],
		picture[FL_TAILCFG_URL_MAX];
};

static bool read_form(struct fl_http *x, struct user_form *f)
{
	struct fl_json *doc = fl_api_body(x);
	if (doc == NULL)
		return false;
	struct fl_jv body = fl_json_root(doc);
	bool ok = fl_api_text(x, body, "name", f->name, sizeof f->name) &&
		  fl_api_text(x, body, "displayName", f->display, sizeof f->display) &&
		  fl_api_text(x, body, "email", f->email, sizeof f->email) &&
		  fl_api_text(x, body, "pictureUrl", f->picture, sizeof f->picture);
	fl_json_free(doc);
	return ok;
}

void fl_api_user_create(void *ctx, struct fl_http *x)
{
	struct fl_api *a = ctx;
	struct user_form f;
	struct fl_fault fault = { "" };
	struct fl_api_subject created = { 0 };

	if (!fl_api_admit(a, x) || !read_form(x, &f))
		return;
	const struct fl_user_fields fields = {
		.name = f.name,
		.display_name = f.display,
		.email = f.email,
		.picture_url = f.picture,
	};
	enum fl_err err =
		fl_state_user_create(a->state, fl_api_now(a), &fields, &fault, &created.id);
	fl_api_conclude(a, x, err, &fault, "name", fl_api_write_user, &created);
}

void fl_api_user_rename(void *ctx, struct fl_http *x)
{
	struct fl_api *a = ctx;
	struct fl_api_subject user = { 0 };
	struct fl_fault fault = { "" };
	char name[FL_USER_NAME_MAX + 1];

	if (!fl_api_admit(a, x) || !fl_api_path_id(x, 0, &user.id) ||
	    !fl_api_segment_text(x, 1, name, sizeof name))
		return;
	enum fl_err err = fl_state_user_rename(a->state, user.id, name, &fault);
	fl_api_conclude(a, x, err, &fault, "path", fl_api_write_user, &user);
}

static bool read_role(struct fl_http *x, enum fl_role *out)
{
	struct fl_json *doc = fl_api_body(x);

	if (doc == NULL)
		return false;
	enum fl_err err = fl_role_parse(fl_json_str(fl_json_get(fl_json_root(doc), "role")), out);
	fl_json_free(doc);
	if (err == FL_OK)
		return true;
	fl_api_problem(x, FL_ERR_INVALID,
		       "a role is one of owner, admin, network_admin, it_admin, auditor, viewer, "
		       "member",
		       "role");
	return false;
}

void fl_api_user_role(void *ctx, struct fl_http *x)
{
	struct fl_api *a = ctx;
	struct fl_api_subject user = { 0 };
	struct fl_fault fault = { "" };
	enum fl_role role;

	if (!fl_api_admit(a, x) || !fl_api_path_id(x, 0, &user.id) || !read_role(x, &role))
		return;
	enum fl_err err = fl_state_user_role(a->state, user.id, role, &fault);
	fl_api_conclude(a, x, err, &fault, "path", fl_api_write_user, &user);
}

void fl_api_user_delete(void *ctx, struct fl_http *x)
{
	struct fl_api *a = ctx;
	struct fl_api_subject user = { 0 };
	struct fl_fault fault = { "" };

	if (!fl_api_admit(a, x) || !fl_api_path_id(x, 0, &user.id))
		return;
	enum fl_err err = fl_state_user_delete(a->state, user.id, &fault);
	fl_api_conclude(a, x, err, &fault, "path", fl_api_write_empty, &user);
}
