/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/state/load.c - takes stored records in, and believes none of them unchecked.
 *
 * A row that breaks an invariant is refused with its reason, so that a damaged or hand-edited
 * file is found at the start and not as a strange map months later.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "crypto/prim.h"
#include "domain/state/inner.h"
#include "domain/state/names.h"

#define MAX_ID ((uint64_t)INT64_MAX / 2) /* far enough from the end of what is stored */

static enum fl_err bad(struct fl_fault *fault, const char *what)
{
	return fl_fault_set(fault, FL_ERR_CORRUPT, "%s", what);
}

static enum fl_err put_loaded(struct fl_state *s, enum fl_record_kind kind, uint64_t id, void *rec,
			      struct fl_fault *fault)
{
	struct fl_slot *slot = calloc(1, sizeof *slot);
	if (slot == NULL)
		return FL_ERR_NOMEM;
	enum fl_err err = fl_table_set(s, kind, id, slot, NULL, rec);
	if (err != FL_OK)
		free(slot);
	else if (id > s->table[kind].last_id)
		s->table[kind].last_id = id;
	return err == FL_ERR_EXISTS ? bad(fault, "a unique value is there twice") : err;
}

static enum fl_err load(struct fl_state *s, enum fl_record_kind kind, uint64_t id, void *rec,
			enum fl_err err, struct fl_fault *fault)
{
	if (err == FL_OK && (id == 0 || fl_table_find(s, kind, id) != NULL))
		err = bad(fault, id == 0 ? "the id is 0" : "the id is there twice");
	if (err == FL_OK)
		err = put_loaded(s, kind, id, rec, fault);
	if (err != FL_OK)
		fl_record_unref(kind, rec);
	else
		s->start = fl_state_begin(s);
	return err;
}

enum fl_err fl_state_load_user(struct fl_state *s, struct fl_user *u, struct fl_fault *fault)
{
	enum fl_err err = FL_OK;

	if (u->provider_id[0] == '\0' && u->name[0] == '\0')
		err = bad(fault, "a local user without a name");
	else if (strlen(u->name) > FL_USER_NAME_MAX)
		err = bad(fault, "the name is too long");
	return load(s, FL_RECORD_USER, u->id, u, err, fault);
}

/* Sorted, unique and well-formed? */
static bool tags_ok(const struct fl_strlist *tags)
{
	if (tags->len > FL_NODE_TAGS_MAX)
		return false;
	for (size_t i = 0; i < tags->len; i++)
		if (!fl_tag_valid(tags->at[i]) ||
		    (i > 0 && strcmp(tags->at[i - 1], tags->at[i]) >= 0))
			return false;
	return true;
}

/* A user made later must not get the id, and with it what belonged to another. */
static void reserve_user(struct fl_state *s, fl_user_id user)
{
	if (user > s->table[FL_RECORD_USER].last_id)
		s->table[FL_RECORD_USER].last_id = user;
}

/* A key whose user does not exist is taken in; what it is worth then, authkey.c says (TAG-6). */
enum fl_err fl_state_load_preauth(struct fl_state *s, struct fl_preauth *k, struct fl_fault *fault)
{
	enum fl_err err = FL_OK;

	if (k->prefix[0] == '\0')
		err = bad(fault, "the key has no prefix");
	else if (!tags_ok(&k->tags))
		err = bad(fault, "the tags are malformed");
	else if (k->user == 0 && k->tags.len == 0)
		err = bad(fault, "the key has neither user nor tags");
	else if (k->user > MAX_ID)
		err = bad(fault, "its user's id is too high");
	if (err == FL_OK)
		reserve_user(s, k->user);
	return load(s, FL_RECORD_PREAUTH, k->id, k, err, fault);
}

enum fl_err fl_state_load_apikey(struct fl_state *s, struct fl_apikey *k, struct fl_fault *fault)
{
	enum fl_err err = k->prefix[0] == '\0' ? bad(fault, "the key has no prefix") : FL_OK;
	return load(s, FL_RECORD_APIKEY, k->id, k, err, fault);
}

static bool routes_ok(const struct fl_node *n)
{
	if (n->approved_count > FL_NODE_ROUTES_MAX)
		return false;
	for (size_t i = 0; i < n->approved_count; i++) {
		struct fl_prefix masked = n->approved[i];
		fl_prefix_mask(&masked);
		if (!fl_prefix_eq(&masked, &n->approved[i]) ||
		    (i > 0 && fl_prefix_cmp(&n->approved[i - 1], &n->approved[i]) >= 0))
			return false;
	}
	return true;
}

static bool name_ok(const char *name)
{
	char lower[FL_NAME_MAX + 1] = "";

	for (size_t i = 0; i < FL_NAME_MAX && name[i] != '\0'; i++)
		lower[i] = (char)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] | 0x20 : name[i]);
	return fl_name_valid(lower);
}

static bool owner_taken(const struct fl_state *s, const struct fl_node *n)
{
	const struct fl_group *m = fl_state_machine(s, &n->machine);

	for (size_t i = 0; m != NULL && i < m->len; i++)
		if (fl_state_node(s, m->ids[i])->user == n->user)
			return true;
	return false;
}

static bool is_of(const struct fl_ip *ip, enum fl_family family)
{
	return !fl_ip_is_set(ip) || ip->family == family;
}

/*
 * What is wrong with the node, or NULL. That its user does not exist is not: one such row must not
 * keep all others from their network (TAG-6). It belongs to nobody until it is tagged or deleted.
 */
static const char *fault_of(const struct fl_state *s, const struct fl_node *n)
{
	if (n->hostinfo == NULL)
		return "the hostinfo is missing";
	if (fl_machine_key_is_zero(&n->machine) || fl_node_key_is_zero(&n->key))
		return "a key is zero";
	if (!name_ok(n->given_name))
		return "the given name is not a DNS label";
	if (!is_of(&n->ip4, FL_IP_V4) || !is_of(&n->ip6, FL_IP_V6))
		return "an address is of the other family";
	if (n->expiry < 0)
		return "the expiry lies before 1970";
	if (!tags_ok(&n->tags))
		return "the tags are malformed";
	if ((n->user == 0) != fl_node_is_tagged(n))
		return "a node has a user or tags, not both and not neither";
	if (n->user > MAX_ID)
		return "its user's id is too high";
	if (n->auth_key != 0 && fl_state_preauth(s, n->auth_key) == NULL)
		return "its pre auth key does not exist";
	if (!routes_ok(n))
		return "the approved routes are malformed";
	if (owner_taken(s, n))
		return "its machine has another node of the same owner";
	return NULL;
}

static enum fl_err mark_addresses(struct fl_state *s, const struct fl_node *n,
				  struct fl_fault *fault)
{
	enum fl_err err = fl_state_mark_address(s, &n->ip4);
	if (err == FL_OK) {
		err = fl_state_mark_address(s, &n->ip6);
		if (err != FL_OK)
			fl_state_release_address(s, &n->ip4);
	}
	return err == FL_ERR_EXISTS ? bad(fault, "an address is there twice") : err;
}

enum fl_err fl_state_load_node(struct fl_state *s, struct fl_node *n, struct fl_fault *fault)
{
	const char *why = fault_of(s, n);
	enum fl_err err = why != NULL ? bad(fault, why) : FL_OK;

	if (err == FL_OK)
		err = mark_addresses(s, n, fault);
	if (err == FL_OK)
		reserve_user(s, n->user);
	return load(s, FL_RECORD_NODE, n->id, n, err, fault);
}

enum fl_err fl_state_load_revision(struct fl_state *s, struct fl_revision *r,
				   struct fl_fault *fault)
{
	fl_sha256(fl_slice_of(r->text, r->text_len), r->hash);
	return load(s, FL_RECORD_REVISION, r->rev, r, FL_OK, fault);
}

void fl_state_load_counter(struct fl_state *s, enum fl_record_kind kind, uint64_t last_id)
{
	if (last_id > s->table[kind].last_id)
		s->table[kind].last_id = last_id;
	s->start = fl_state_begin(s);
}
