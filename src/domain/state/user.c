/* SPDX-License-Identifier: BSD-3-Clause */
/* domain/state/user.c - creates, renames and deletes local users. */
#include <inttypes.h>
#include <stdlib.h>

#include "domain/state/inner.h"

/* A letter first, so that a name is never taken for an id; then what policies can refer to. */
static bool name_valid(const char *name)
{
	size_t len = strnlen(name, FL_USER_NAME_MAX + 1), ats = 0;

	if (len == 0 || len > FL_USER_NAME_MAX || !fl_str_is_clean(fl_slice_str(name)))
		return false;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)name[i];
		bool letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
		if (letter || c >= 0x80)
			continue;
		ats += c == '@';
		if (i == 0 || ats > 1 || !((c >= '0' && c <= '9') || strchr("-._@", c) != NULL))
			return false;
	}
	return true;
}

static enum fl_err check_name(const struct fl_state *s, const char *name, fl_user_id self,
			      struct fl_fault *fault)
{
	if (!name_valid(name))
		return fl_fault_set(fault, FL_ERR_INVALID,
				    "invalid user name \"%.64s\": begin with a letter and use "
				    "letters, digits, - . _ and at most one @",
				    name);
	const struct fl_slot *slot = fl_map_find(&s->by_user_name, name);
	if (slot != NULL && ((const struct fl_user *)slot->rec)->id != self)
		return fl_fault_set(fault, FL_ERR_EXISTS, "user \"%.64s\" already exists", name);
	return FL_OK;
}

static bool set(char **field, const char *text)
{
	char *copy = fl_str_dup(fl_slice_str(text));
	if (copy == NULL)
		return false;
	free(*field);
	*field = copy;
	return true;
}

static struct fl_user *new_user(const struct fl_user_fields *f)
{
	struct fl_user *u = calloc(1, sizeof *u);
	if (u == NULL)
		return NULL;
	u->refs = 1;
	if (!set(&u->name, f->name) || !set(&u->display_name, f->display_name) ||
	    !set(&u->email, f->email) || !set(&u->picture_url, f->picture_url) ||
	    !set(&u->provider, NULL) || !set(&u->provider_id, NULL))
		return fl_user_unref(u);
	return u;
}

static bool text_ok(const char *text, size_t max)
{
	return text == NULL || (strlen(text) <= max && fl_str_is_clean(fl_slice_str(text)));
}

enum fl_err fl_state_user_create(struct fl_state *s, fl_wall now, const struct fl_user_fields *f,
				 struct fl_fault *fault, fl_user_id *out)
{
	enum { URL_MAX = 2048 };
	struct fl_savepoint sp = fl_state_begin(s);

	enum fl_err err = check_name(s, f->name != NULL ? f->name : "", 0, fault);
	if (err != FL_OK)
		return err;
	if (!text_ok(f->display_name, FL_USER_NAME_MAX) || !text_ok(f->email, FL_USER_NAME_MAX) ||
	    !text_ok(f->picture_url, URL_MAX))
		return fl_fault_set(fault, FL_ERR_INVALID,
				    "display name, e-mail or picture URL is too long or has "
				    "control characters");
	struct fl_user *u = new_user(f);
	if (u == NULL)
		return FL_ERR_NOMEM;
	fl_user_id id = u->id = ++s->table[FL_RECORD_USER].last_id;
	u->created = now;

	err = fl_state_put(s, FL_RECORD_USER, id, u);
	if (err == FL_OK)
		err = fl_state_note(s, FL_CHANGE_USER, id, 0, 0);
	if (err == FL_OK)
		*out = id;
	return fl_state_end(s, &sp, err);
}

static enum fl_err no_user(struct fl_fault *fault, fl_user_id id)
{
	return fl_fault_set(fault, FL_ERR_NOT_FOUND, "there is no user %" PRIu64, id);
}

enum fl_err fl_state_user_rename(struct fl_state *s, fl_user_id id, const char *name,
				 struct fl_fault *fault)
{
	struct fl_savepoint sp = fl_state_begin(s);
	const struct fl_user *u = fl_state_user(s, id);

	if (u == NULL)
		return no_user(fault, id);
	if (u->provider_id[0] != '\0')
		return fl_fault_set(fault, FL_ERR_DENIED,
				    "the name of this user comes from the identity provider");
	enum fl_err err = check_name(s, name, id, fault);
	if (err != FL_OK || strcmp(u->name, name) == 0)
		return err;

	struct fl_user *c = fl_user_copy(u);
	if (c == NULL || !set(&c->name, name)) {
		fl_user_unref(c);
		return FL_ERR_NOMEM;
	}
	err = fl_state_put(s, FL_RECORD_USER, id, c);
	if (err == FL_OK)
		err = fl_state_note(s, FL_CHANGE_USER, id, 0, 0);
	return fl_state_end(s, &sp, err);
}

enum fl_err fl_state_user_role(struct fl_state *s, fl_user_id id, enum fl_role role,
			       struct fl_fault *fault)
{
	struct fl_savepoint sp = fl_state_begin(s);
	const struct fl_user *u = fl_state_user(s, id);

	if (u == NULL)
		return no_user(fault, id);
	if (u->role == role)
		return FL_OK;
	struct fl_user *c = fl_user_copy(u);
	if (c == NULL)
		return FL_ERR_NOMEM;
	c->role = role;
	enum fl_err err = fl_state_put(s, FL_RECORD_USER, id, c);
	if (err == FL_OK)
		err = fl_state_note(s, FL_CHANGE_USER, id, FL_CHANGED_ROLE, 0);
	return fl_state_end(s, &sp, err);
}

/* Keys of tags stay and lose their creator; the user's own can serve nobody any more. */
static enum fl_err drop_keys(struct fl_state *s, fl_user_id user)
{
	const struct fl_table *t = &s->table[FL_RECORD_PREAUTH];
	enum fl_err err = FL_OK;

	for (size_t i = t->len; i > 0 && err == FL_OK; i--) {
		const struct fl_preauth *k = t->at[i - 1];
		if (k->user != user)
			continue;
		if (k->tags.len == 0) {
			err = fl_state_preauth_delete(s, k->id, NULL);
			continue;
		}
		struct fl_preauth *c = fl_preauth_copy(k);
		if (c == NULL)
			return FL_ERR_NOMEM;
		c->user = 0;
		err = fl_state_put(s, FL_RECORD_PREAUTH, k->id, c);
	}
	return err;
}

enum fl_err fl_state_user_delete(struct fl_state *s, fl_user_id id, struct fl_fault *fault)
{
	struct fl_savepoint sp = fl_state_begin(s);
	const fl_node_id *ids;

	if (fl_state_user(s, id) == NULL)
		return no_user(fault, id);
	size_t nodes = fl_state_nodes_of(s, id, &ids);
	if (nodes > 0)
		return fl_fault_set(fault, FL_ERR_DENIED,
				    "the user still has %zu node%s: delete or tag them first",
				    nodes, nodes == 1 ? "" : "s");
	enum fl_err err = drop_keys(s, id);
	if (err == FL_OK)
		err = fl_state_put(s, FL_RECORD_USER, id, NULL);
	if (err == FL_OK)
		err = fl_state_note(s, FL_CHANGE_USER, id, 0, 0);
	return fl_state_end(s, &sp, err);
}
