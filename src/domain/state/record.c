/* SPDX-License-Identifier: BSD-3-Clause */
/* domain/state/record.c - counting, deep copies and names of the durable records. */
#include "domain/state/record.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct fl_user *fl_user_ref(struct fl_user *u)
{
	u->refs++;
	return u;
}

struct fl_user *fl_user_unref(struct fl_user *u)
{
	if (u == NULL || --u->refs > 0)
		return NULL;
	free(u->name);
	free(u->display_name);
	free(u->email);
	free(u->picture_url);
	free(u->provider);
	free(u->provider_id);
	free(u);
	return NULL;
}

struct fl_preauth *fl_preauth_unref(struct fl_preauth *k)
{
	if (k == NULL || --k->refs > 0)
		return NULL;
	fl_strlist_done(&k->tags);
	fl_wipe(k->hash, sizeof k->hash);
	free(k);
	return NULL;
}

struct fl_apikey *fl_apikey_unref(struct fl_apikey *k)
{
	if (k == NULL || --k->refs > 0)
		return NULL;
	fl_wipe(k->hash, sizeof k->hash);
	free(k);
	return NULL;
}

struct fl_revision *fl_revision_unref(struct fl_revision *r)
{
	if (r == NULL || --r->refs > 0)
		return NULL;
	free(r->author);
	free(r->comment);
	free(r->text);
	free(r);
	return NULL;
}

struct fl_node *fl_node_ref(struct fl_node *n)
{
	n->refs++;
	return n;
}

struct fl_node *fl_node_unref(struct fl_node *n)
{
	if (n == NULL || --n->refs > 0)
		return NULL;
	fl_strlist_done(&n->tags);
	fl_hostinfo_unref(n->hostinfo);
	free(n->endpoints);
	free(n->approved);
	free(n);
	return NULL;
}

static char *dup(const char *s)
{
	return fl_str_dup(fl_slice_str(s));
}

struct fl_user *fl_user_copy(const struct fl_user *u)
{
	struct fl_user *c = calloc(1, sizeof *c);
	if (c == NULL)
		return NULL;
	*c = (struct fl_user){ .refs = 1, .id = u->id, .created = u->created, .role = u->role };
	c->name = dup(u->name);
	c->display_name = dup(u->display_name);
	c->email = dup(u->email);
	c->picture_url = dup(u->picture_url);
	c->provider = dup(u->provider);
	c->provider_id = dup(u->provider_id);
	if (c->name == NULL || c->display_name == NULL || c->email == NULL ||
	    c->picture_url == NULL || c->provider == NULL || c->provider_id == NULL)
		return fl_user_unref(c);
	return c;
}

struct fl_preauth *fl_preauth_copy(const struct fl_preauth *k)
{
	struct fl_preauth *c = malloc(sizeof *c);
	if (c == NULL)
		return NULL;
	*c = *k;
	c->refs = 1;
	c->tags = (struct fl_strlist){ 0 };
	if (fl_strlist_copy(&k->tags, &c->tags) != FL_OK)
		return fl_preauth_unref(c);
	return c;
}

struct fl_apikey *fl_apikey_copy(const struct fl_apikey *k)
{
	struct fl_apikey *c = malloc(sizeof *c);
	if (c == NULL)
		return NULL;
	*c = *k;
	c->refs = 1;
	return c;
}

/* A copy of `count` elements; an empty list is NULL. False when out of memory. */
static bool copy_array(const void *from, size_t count, size_t size, void **out)
{
	*out = NULL;
	if (count == 0)
		return true;
	*out = malloc(count * size);
	if (*out == NULL)
		return false;
	memcpy(*out, from, count * size);
	return true;
}

struct fl_node *fl_node_copy(const struct fl_node *n)
{
	struct fl_node *c = malloc(sizeof *c);
	if (c == NULL)
		return NULL;
	*c = *n;
	c->refs = 1;
	c->tags = (struct fl_strlist){ 0 };
	c->endpoints = NULL;
	c->approved = NULL;
	c->hostinfo = n->hostinfo != NULL ? fl_hostinfo_ref(n->hostinfo) : NULL;

	void *endpoints = NULL, *approved = NULL;
	bool ok = fl_strlist_copy(&n->tags, &c->tags) == FL_OK &&
		  copy_array(n->endpoints, n->endpoints_count, sizeof *n->endpoints, &endpoints) &&
		  copy_array(n->approved, n->approved_count, sizeof *n->approved, &approved);
	c->endpoints = endpoints;
	c->approved = approved;
	return ok ? c : fl_node_unref(c);
}

static const char *const role_texts[] = {
	[FL_ROLE_MEMBER] = "member",     [FL_ROLE_OWNER] = "owner",
	[FL_ROLE_ADMIN] = "admin",       [FL_ROLE_NETWORK_ADMIN] = "network_admin",
	[FL_ROLE_IT_ADMIN] = "it_admin", [FL_ROLE_AUDITOR] = "auditor",
	[FL_ROLE_VIEWER] = "viewer",
};

const char *fl_role_text(enum fl_role role)
{
	return role_texts[role];
}

enum fl_err fl_role_parse(struct fl_slice text, enum fl_role *out)
{
	for (size_t i = 0; i < sizeof role_texts / sizeof *role_texts; i++) {
		if (!fl_slice_is(text, role_texts[i]))
			continue;
		*out = (enum fl_role)i;
		return FL_OK;
	}
	return FL_ERR_INVALID;
}

const char *fl_user_login_name(const struct fl_user *u, char buf[static 24])
{
	if (u->email[0] != '\0')
		return u->email;
	if (u->name[0] != '\0')
		return u->name;
	if (u->provider_id[0] != '\0')
		return u->provider_id;
	snprintf(buf, 24, "%" PRIu64, u->id);
	return buf;
}

const char *fl_user_shown_name(const struct fl_user *u, char buf[static 24])
{
	return u->display_name[0] != '\0' ? u->display_name : fl_user_login_name(u, buf);
}
