/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/policy/references.c - user tokens that more than one user fits (policy.md 2.6). Each
 * token is told once, where it stands first; every section counts.
 */
#include "domain/policy/decode.h"

#include <inttypes.h>

struct lookup {
	const struct fl_policy_user *users;
	size_t len;
	struct fl_map by_provider; /* provider id to user */
	struct fl_map by_text;     /* name or email to the first user; */
	struct fl_map twice;       /* those texts that another user has too */
};

static enum fl_err add_text(struct lookup *l, const char *text, const struct fl_policy_user *u)
{
	void *user = (void *)(uintptr_t)u;
	const void *first = fl_map_find(&l->by_text, text);

	if (*text == '\0' || first == u)
		return FL_OK;
	return fl_map_put(first != NULL ? &l->twice : &l->by_text, text, user);
}

static enum fl_err add_user(struct lookup *l, const struct fl_policy_user *u)
{
	enum fl_err err = FL_OK;

	if (*u->provider_id != '\0')
		err = fl_map_put(&l->by_provider, u->provider_id, (void *)(uintptr_t)u);
	if (err == FL_OK)
		err = add_text(l, u->name, u);
	return err == FL_OK ? add_text(l, u->email, u) : err;
}

static void done(struct lookup *l)
{
	fl_map_done(&l->by_provider);
	fl_map_done(&l->by_text);
	fl_map_done(&l->twice);
}

/* Users differ in what they fit, so the list is made by looking at all; it is rare. */
static void report(const struct lookup *l, const char *written, const char *token, size_t at,
		   struct fl_policy_report *out)
{
	struct fl_buf text = fl_buf_make(SIZE_MAX / 2);

	fl_buf_str(&text, "validating policy user references: multiple users found: token ");
	fl_go_quote(&text, fl_slice_str(written));
	fl_buf_str(&text, " found: [ ");
	for (size_t i = 0; i < l->len; i++)
		if (strcmp(l->users[i].email, token) == 0 || strcmp(l->users[i].name, token) == 0)
			fl_buf_printf(&text, "%" PRIu64 ": %s, ", l->users[i].id, l->users[i].name);
	fl_buf_str(&text, " ]");
	fl_buf_byte(&text, '\0');
	if (fl_buf_err(&text) == FL_OK)
		fl_policy_report_add(out, at, "%s", (const char *)text.ptr);
	else
		out->nomem = true;
	fl_buf_done(&text);
}

/* `scratch` holds the token without the '@' at its end. */
static void check(const struct lookup *l, const char *written, size_t at, struct fl_buf *scratch,
		  struct fl_policy_report *out)
{
	size_t len = strlen(written);

	if (len > 0 && written[len - 1] == '@')
		len--;
	fl_buf_reset(scratch);
	fl_buf_put(scratch, written, len);
	fl_buf_byte(scratch, '\0');
	if (fl_buf_err(scratch) != FL_OK) {
		out->nomem = true;
		return;
	}
	const char *token = (const char *)scratch->ptr;
	if (fl_map_find(&l->by_provider, token) == NULL && fl_map_find(&l->twice, token) != NULL)
		report(l, written, token, at, out);
}

static void check_all(const struct fl_policy_doc *d, const struct lookup *l,
		      struct fl_policy_report *out)
{
	struct fl_buf scratch = fl_buf_make(SIZE_MAX / 2);

	for (size_t i = 0; i < d->aliases_len; i++)
		if (d->aliases[i]->kind == FL_ALIAS_USER)
			check(l, d->aliases[i]->text, d->aliases[i]->at, &scratch, out);
	for (size_t i = 0; i < d->tests_len; i++) { /* sources of tests are texts only */
		struct fl_alias a;
		if (fl_alias_recognise(d->tests[i].src, &a) && a.kind == FL_ALIAS_USER)
			check(l, a.text, d->tests[i].at, &scratch, out);
	}
	fl_buf_done(&scratch);
}

enum fl_err fl_policy_doc_users(const struct fl_policy_doc *d, const struct fl_policy_user *users,
				size_t users_len, struct fl_policy_report *out)
{
	struct lookup l = { .users = users, .len = users_len };
	size_t before = out->len;
	enum fl_err err = FL_OK;

	fl_map_init(&l.by_provider, 0, fl_policy_map_seed);
	fl_map_init(&l.by_text, 0, fl_policy_map_seed);
	fl_map_init(&l.twice, 0, fl_policy_map_seed);
	for (size_t i = 0; err == FL_OK && i < users_len; i++)
		err = add_user(&l, &users[i]);
	if (err == FL_OK)
		check_all(d, &l, out);
	done(&l);
	if (err == FL_OK && out->nomem)
		err = FL_ERR_NOMEM;
	return err == FL_OK && out->len > before ? FL_ERR_INVALID : err;
}
