/* SPDX-License-Identifier: BSD-3-Clause */
/* domain/state/enrol.c - builds the record of a registered node, new or renewed. */
#include "domain/state/enrol.h"

#include <stdlib.h>

#include "domain/state/inner.h"
#include "domain/state/names.h"
#include "domain/state/update.h"

struct fl_owned fl_enrol_owned(const struct fl_state *s, const struct fl_machine_key *machine,
			       fl_user_id user)
{
	const struct fl_group *m = fl_state_machine(s, machine);
	struct fl_owned o = { 0 };

	for (size_t i = 0; m != NULL && i < m->len; i++) {
		const struct fl_node *n = fl_state_node(s, m->ids[i]);
		if (fl_node_is_tagged(n)) {
			o.tagged = n;
			continue;
		}
		o.user_nodes++;
		if (user != 0 && n->user == user)
			o.users = n;
		else
			o.other = n;
	}
	return o;
}

/* REG-16: a client may ask for less than the default, not for more; tagged nodes never expire. */
static fl_wall expiry_of(const struct fl_state *s, fl_wall now, fl_wall asked, bool tagged)
{
	fl_wall latest = 0;

	if (tagged)
		return 0;
	if (s->node_expiry > 0 && __builtin_add_overflow(now, s->node_expiry, &latest))
		latest = FL_NEVER;
	if (asked > now && (latest == 0 || asked <= latest))
		return asked;
	return latest;
}

static enum fl_err set_owner(struct fl_node *n, const struct fl_enrol *e)
{
	fl_strlist_done(&n->tags);
	n->tags = (struct fl_strlist){ 0 };
	n->user = 0;
	if (e->tags != NULL && e->tags->len > 0)
		return fl_strlist_copy(e->tags, &n->tags);
	n->user = e->user;
	return FL_OK;
}

static struct fl_node *new_node(struct fl_state *s, fl_wall now, const struct fl_enrol *e)
{
	struct fl_node *n = calloc(1, sizeof *n);
	if (n == NULL)
		return NULL;
	*n = (struct fl_node){
		.refs = 1,
		.machine = e->machine,
		.key = e->key,
		.cap = e->cap,
		.name_is_auto = true,
		.ephemeral = e->ephemeral,
		.method = e->method,
		.auth_key = e->auth_key,
		.created = now,
		.hostinfo = fl_hostinfo_ref(e->hostinfo),
	};
	if (set_owner(n, e) != FL_OK)
		return fl_node_unref(n);
	n->expiry = expiry_of(s, now, e->asked_expiry, fl_node_is_tagged(n));
	return n;
}

enum fl_err fl_enrol_create(struct fl_state *s, fl_wall now, const struct fl_enrol *e,
			    fl_node_id *out)
{
	struct fl_table *t = &s->table[FL_RECORD_NODE];

	if (t->len >= FL_STATE_NODES_MAX)
		return FL_ERR_FULL;
	struct fl_node *n = new_node(s, now, e);
	if (n == NULL)
		return FL_ERR_NOMEM;
	enum fl_err err = fl_state_take_addresses(s, n);
	if (err != FL_OK) {
		fl_node_unref(n);
		return err;
	}
	fl_name_derive(s, e->hostinfo->hostname, 0, n->given_name);
	fl_node_id id = n->id = ++t->last_id;
	err = fl_state_put(s, FL_RECORD_NODE, id, n);
	if (err == FL_OK)
		err = fl_state_note(s, FL_CHANGE_NODE_ADDED, id, 0, id);
	if (err == FL_OK)
		*out = id;
	return err;
}

static enum fl_err fill(const struct fl_state *s, fl_wall now, const struct fl_enrol *e,
			enum fl_renewal how, struct fl_node *c)
{
	struct fl_hostinfo *merged;

	enum fl_err err = fl_hostinfo_carry(c->hostinfo, e->hostinfo, &merged);
	if (err != FL_OK)
		return err;
	fl_hostinfo_unref(c->hostinfo);
	c->hostinfo = merged;
	c->cap = e->cap;
	if (how == FL_RENEW_RESTART) {
		/* No proof of a new login: the key's life may end sooner, never later. */
		if (e->asked_expiry > now && (c->expiry == 0 || e->asked_expiry < c->expiry)) {
			c->expiry = e->asked_expiry;
			c->expiry_told = false;
		}
		return FL_OK;
	}
	if (how == FL_RENEW_CONVERT)
		err = set_owner(c, e);
	c->key = e->key;
	c->expiry = expiry_of(s, now, e->asked_expiry, fl_node_is_tagged(c));
	c->expiry_told = false;
	c->method = e->method;
	c->auth_key = e->auth_key;
	c->ephemeral = c->ephemeral || e->ephemeral; /* once ephemeral, always (DM-3) */
	return err;
}

static bool same_owner(const struct fl_node *a, const struct fl_node *b)
{
	return a->user == b->user && fl_strlist_eq(&a->tags, &b->tags);
}

static bool same_record(const struct fl_node *a, const struct fl_node *b)
{
	return same_owner(a, b) && fl_hostinfo_eq(a->hostinfo, b->hostinfo) && a->cap == b->cap &&
	       a->expiry == b->expiry && fl_node_key_eq(&a->key, &b->key) &&
	       a->method == b->method && a->auth_key == b->auth_key && a->ephemeral == b->ephemeral;
}

/* REG-17: a pure key rotation is a small patch with everything that hangs on the key. */
static struct fl_news news_of(const struct fl_node *a, const struct fl_node *b)
{
	struct fl_news news = fl_hostinfo_news(a->hostinfo, b->hostinfo);

	news.whole = news.whole || !same_owner(a, b);
	if (!fl_node_key_eq(&a->key, &b->key))
		news.fields |= FL_PATCH_KEY | FL_PATCH_DISCO | FL_PATCH_EXPIRY | FL_PATCH_ENDPOINTS;
	if (a->expiry != b->expiry)
		news.fields |= FL_PATCH_EXPIRY;
	if (a->cap != b->cap)
		news.fields |= FL_PATCH_CAP;
	return news;
}

enum fl_err fl_enrol_renew(struct fl_state *s, fl_wall now, const struct fl_enrol *e, fl_node_id id,
			   enum fl_renewal how)
{
	const struct fl_node *n = fl_state_node(s, id);
	struct fl_node *c = fl_node_copy(n);
	if (c == NULL)
		return FL_ERR_NOMEM;

	enum fl_err err = fill(s, now, e, how, c);
	if (err != FL_OK || same_record(n, c)) {
		fl_node_unref(c);
		return err;
	}
	err = fl_state_put(s, FL_RECORD_NODE, id, c);
	return err == FL_OK ? fl_news_note(s, news_of(n, c), n, c) : err;
}
