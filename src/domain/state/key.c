/* SPDX-License-Identifier: BSD-3-Clause */
/* domain/state/key.c - creates, expires and deletes pre-auth keys and API keys. */
#include <inttypes.h>
#include <stdlib.h>

#include "domain/state/inner.h"

static enum fl_err check_preauth(const struct fl_state *s, const struct fl_preauth_fields *f,
				 struct fl_fault *fault)
{
	if (f->user == 0 && (f->tags == NULL || f->tags->len == 0))
		return fl_fault_set(fault, FL_ERR_INVALID,
				    "a pre auth key needs a user or at least one tag");
	if (f->user != 0 && fl_state_user(s, f->user) == NULL)
		return fl_fault_set(fault, FL_ERR_NOT_FOUND, "there is no user %" PRIu64, f->user);
	if (strnlen(f->prefix, sizeof f->prefix) != FL_TOKEN_PREFIX_LEN)
		return fl_fault_set(fault, FL_ERR_INVALID, "the prefix has a wrong length");
	if (fl_state_preauth_by_prefix(s, f->prefix) != NULL)
		return fl_fault_set(fault, FL_ERR_EXISTS, "a key with this prefix exists");
	return FL_OK;
}

enum fl_err fl_state_preauth_create(struct fl_state *s, fl_wall now,
				    const struct fl_preauth_fields *f, struct fl_fault *fault,
				    fl_key_id *out)
{
	struct fl_savepoint sp = fl_state_begin(s);
	struct fl_strlist tags = { 0 };

	enum fl_err err = check_preauth(s, f, fault);
	if (err == FL_OK && f->tags != NULL)
		err = fl_tags_declared(s, f->tags, fault);
	if (err == FL_OK && f->tags != NULL)
		err = fl_tags_copy(f->tags, &tags, fault);
	if (err != FL_OK)
		return err;
	struct fl_preauth *k = calloc(1, sizeof *k);
	if (k == NULL) {
		fl_strlist_done(&tags);
		return FL_ERR_NOMEM;
	}
	fl_key_id id = ++s->table[FL_RECORD_PREAUTH].last_id;
	*k = (struct fl_preauth){
		.refs = 1,
		.id = id,
		.user = f->user,
		.tags = tags,
		.reusable = f->reusable,
		.ephemeral = f->ephemeral,
		.created = now,
		.expiration = f->expiration,
	};
	memcpy(k->prefix, f->prefix, FL_TOKEN_PREFIX_LEN);
	memcpy(k->hash, f->hash, sizeof k->hash);
	err = fl_state_put(s, FL_RECORD_PREAUTH, id, k);
	if (err == FL_OK)
		*out = id;
	return fl_state_end(s, &sp, err);
}

static enum fl_err no_key(struct fl_fault *fault, fl_key_id id)
{
	return fl_fault_set(fault, FL_ERR_NOT_FOUND, "there is no key %" PRIu64, id);
}

enum fl_err fl_state_preauth_expire(struct fl_state *s, fl_wall now, fl_key_id id,
				    struct fl_fault *fault)
{
	struct fl_savepoint sp = fl_state_begin(s);
	const struct fl_preauth *k = fl_state_preauth(s, id);

	if (k == NULL)
		return no_key(fault, id);
	if (k->expiration != 0 && k->expiration <= now)
		return FL_OK;
	struct fl_preauth *c = fl_preauth_copy(k);
	if (c == NULL)
		return FL_ERR_NOMEM;
	c->expiration = now;
	return fl_state_end(s, &sp, fl_state_put(s, FL_RECORD_PREAUTH, id, c));
}

/* Nodes that came with the key stay; they forget where they came from (INV-06). */
static enum fl_err unlink_nodes(struct fl_state *s, fl_key_id key)
{
	const struct fl_table *t = &s->table[FL_RECORD_NODE];
	enum fl_err err = FL_OK;

	for (size_t i = 0; i < t->len && err == FL_OK; i++) {
		const struct fl_node *n = t->at[i];
		if (n->auth_key != key)
			continue;
		struct fl_node *c = fl_node_copy(n);
		if (c == NULL)
			return FL_ERR_NOMEM;
		c->auth_key = 0;
		err = fl_state_put(s, FL_RECORD_NODE, n->id, c);
	}
	return err;
}

enum fl_err fl_state_preauth_delete(struct fl_state *s, fl_key_id id, struct fl_fault *fault)
{
	struct fl_savepoint sp = fl_state_begin(s);

	if (fl_state_preauth(s, id) == NULL)
		return no_key(fault, id);
	enum fl_err err = unlink_nodes(s, id);
	if (err == FL_OK)
		err = fl_state_put(s, FL_RECORD_PREAUTH, id, NULL);
	return fl_state_end(s, &sp, err);
}

enum fl_err fl_state_apikey_create(struct fl_state *s, fl_wall now, fl_wall expiration,
				   const char *prefix, const uint8_t hash[static 32],
				   fl_key_id *out)
{
	struct fl_savepoint sp = fl_state_begin(s);

	if (strlen(prefix) != FL_TOKEN_PREFIX_LEN)
		return FL_ERR_INVALID;
	if (fl_state_apikey_by_prefix(s, prefix) != NULL)
		return FL_ERR_EXISTS;
	struct fl_apikey *k = calloc(1, sizeof *k);
	if (k == NULL)
		return FL_ERR_NOMEM;
	fl_key_id id = ++s->table[FL_RECORD_APIKEY].last_id;
	*k = (struct fl_apikey){ .refs = 1, .id = id, .created = now, .expiration = expiration };
	memcpy(k->prefix, prefix, FL_TOKEN_PREFIX_LEN);
	memcpy(k->hash, hash, sizeof k->hash);
	enum fl_err err = fl_state_put(s, FL_RECORD_APIKEY, id, k);
	if (err == FL_OK)
		*out = id;
	return fl_state_end(s, &sp, err);
}

enum fl_err fl_state_apikey_expire(struct fl_state *s, fl_wall now, fl_key_id id,
				   struct fl_fault *fault)
{
	struct fl_savepoint sp = fl_state_begin(s);
	const struct fl_apikey *k = fl_state_apikey(s, id);

	if (k == NULL)
		return no_key(fault, id);
	if (k->expiration != 0 && k->expiration <= now)
		return FL_OK;
	struct fl_apikey *c = fl_apikey_copy(k);
	if (c == NULL)
		return FL_ERR_NOMEM;
	c->expiration = now;
	return fl_state_end(s, &sp, fl_state_put(s, FL_RECORD_APIKEY, id, c));
}

enum fl_err fl_state_apikey_delete(struct fl_state *s, fl_key_id id, struct fl_fault *fault)
{
	struct fl_savepoint sp = fl_state_begin(s);

	if (fl_state_apikey(s, id) == NULL)
		return no_key(fault, id);
	return fl_state_end(s, &sp, fl_state_put(s, FL_RECORD_APIKEY, id, NULL));
}

enum fl_err fl_state_apikey_seen(struct fl_state *s, fl_wall now, fl_key_id id)
{
	struct fl_savepoint sp = fl_state_begin(s);
	const struct fl_apikey *k = fl_state_apikey(s, id);

	if (k == NULL)
		return FL_ERR_NOT_FOUND;
	if (k->last_seen == now)
		return FL_OK;
	struct fl_apikey *c = fl_apikey_copy(k);
	if (c == NULL)
		return FL_ERR_NOMEM;
	c->last_seen = now;
	return fl_state_end(s, &sp, fl_state_put(s, FL_RECORD_APIKEY, id, c));
}
