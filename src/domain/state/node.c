/* SPDX-License-Identifier: BSD-3-Clause */
/* domain/state/node.c - what admins and time do to nodes. */
#include <inttypes.h>
#include <stdlib.h>

#include "domain/state/inner.h"
#include "domain/state/names.h"

static enum fl_err no_node(struct fl_fault *fault, fl_node_id id)
{
	return fl_fault_set(fault, FL_ERR_NOT_FOUND, "there is no node %" PRIu64, id);
}

enum fl_err fl_state_node_rename(struct fl_state *s, fl_node_id id, const char *name,
				 struct fl_fault *fault)
{
	struct fl_savepoint sp = fl_state_begin(s);
	const struct fl_node *n = fl_state_node(s, id);

	if (n == NULL)
		return no_node(fault, id);
	if (!fl_name_valid(name))
		return fl_fault_set(
			fault, FL_ERR_INVALID,
			"invalid name \"%.64s\": use 1 to 63 lower-case letters, digits "
			"and inner hyphens",
			name);
	if (strlen(name) > s->label_max)
		return fl_fault_set(fault, FL_ERR_INVALID,
				    "the name is too long: with .%.190s it must not pass 255 "
				    "characters",
				    s->base_domain);
	const struct fl_node *holder = fl_state_node_by_name(s, name);
	if (holder != NULL && holder->id != id)
		return fl_fault_set(fault, FL_ERR_EXISTS,
				    "the name \"%s\" is taken by node %" PRIu64, name, holder->id);
	bool same = strcmp(n->given_name, name) == 0;
	if (same && !n->name_is_auto)
		return FL_OK;

	struct fl_node *c = fl_node_copy(n);
	if (c == NULL)
		return FL_ERR_NOMEM;
	fl_str_copy(c->given_name, sizeof c->given_name, fl_slice_str(name));
	c->name_is_auto = false; /* chosen: no longer follows the hostname (NM-3) */
	enum fl_err err = fl_state_put(s, FL_RECORD_NODE, id, c);
	if (err == FL_OK && !same)
		err = fl_state_note(s, FL_CHANGE_NODE_CHANGED, id, 0, 0);
	return fl_state_end(s, &sp, err);
}

enum fl_err fl_state_node_expire(struct fl_state *s, fl_wall now, fl_node_id id, fl_wall expiry,
				 struct fl_fault *fault)
{
	struct fl_savepoint sp = fl_state_begin(s);
	const struct fl_node *n = fl_state_node(s, id);

	if (n == NULL)
		return no_node(fault, id);
	if (expiry < 0)
		return fl_fault_set(fault, FL_ERR_INVALID, "the expiry lies before 1970");
	if (n->expiry == expiry)
		return FL_OK;
	struct fl_node *c = fl_node_copy(n);
	if (c == NULL)
		return FL_ERR_NOMEM;
	c->expiry = expiry;
	c->expiry_told = fl_node_is_expired(c, now);
	enum fl_err err = fl_state_put(s, FL_RECORD_NODE, id, c);
	if (err == FL_OK) /* the node itself must hear of it: it counts as the origin */
		err = fl_state_note(s, FL_CHANGE_NODE_PATCHED, id, FL_PATCH_EXPIRY, id);
	return fl_state_end(s, &sp, err);
}

/* Is there another tagged node on its machine? Two would have one owner (INV-02). */
static bool has_tagged_twin(const struct fl_state *s, const struct fl_node *n)
{
	const struct fl_group *m = fl_state_machine(s, &n->machine);

	for (size_t i = 0; i < m->len; i++)
		if (m->ids[i] != n->id && fl_node_is_tagged(fl_state_node(s, m->ids[i])))
			return true;
	return false;
}

static enum fl_err check_tagging(const struct fl_state *s, const struct fl_node *n, fl_node_id id,
				 const struct fl_strlist *tags, struct fl_fault *fault)
{
	if (n == NULL)
		return no_node(fault, id);
	if (tags->len == 0)
		return fl_fault_set(
			fault, FL_ERR_INVALID,
			"at least one tag is needed: a tagged node cannot become untagged "
			"here");
	if (!fl_node_is_tagged(n) && has_tagged_twin(s, n))
		return fl_fault_set(fault, FL_ERR_EXISTS,
				    "another node of the same machine is tagged already");
	return FL_OK;
}

enum fl_err fl_state_node_tag(struct fl_state *s, fl_node_id id, const struct fl_strlist *tags,
			      struct fl_fault *fault)
{
	struct fl_savepoint sp = fl_state_begin(s);
	const struct fl_node *n = fl_state_node(s, id);
	struct fl_strlist wanted;

	enum fl_err err = check_tagging(s, n, id, tags, fault);
	if (err == FL_OK)
		err = fl_tags_declared(s, tags, fault);
	if (err == FL_OK)
		err = fl_tags_copy(tags, &wanted, fault);
	if (err != FL_OK)
		return err;
	struct fl_node *c = fl_strlist_eq(&n->tags, &wanted) ? NULL : fl_node_copy(n);
	if (c == NULL) {
		err = fl_strlist_eq(&n->tags, &wanted) ? FL_OK : FL_ERR_NOMEM;
		fl_strlist_done(&wanted);
		return err;
	}
	fl_strlist_done(&c->tags);
	c->tags = wanted;
	c->user = 0;
	err = fl_state_put(s, FL_RECORD_NODE, id, c);
	if (err == FL_OK)
		err = fl_state_note(s, FL_CHANGE_NODE_CHANGED, id, 0, 0);
	return fl_state_end(s, &sp, err);
}

static bool same_routes(const struct fl_node *n, const struct fl_prefix *p, size_t count)
{
	if (n->approved_count != count)
		return false;
	for (size_t i = 0; i < count; i++)
		if (!fl_prefix_eq(&n->approved[i], &p[i]))
			return false;
	return true;
}

static enum fl_err set_approved(struct fl_state *s, const struct fl_node *n, struct fl_prefix *take,
				size_t count)
{
	struct fl_node *c = fl_node_copy(n);
	if (c == NULL) {
		free(take);
		return FL_ERR_NOMEM;
	}
	free(c->approved);
	c->approved = take;
	c->approved_count = count;
	enum fl_err err = fl_state_put(s, FL_RECORD_NODE, n->id, c);
	return err == FL_OK ? fl_routes_note(s, n, c) : err;
}

enum fl_err fl_state_node_approve(struct fl_state *s, fl_node_id id, const struct fl_prefix *routes,
				  size_t count, struct fl_fault *fault)
{
	struct fl_savepoint sp = fl_state_begin(s);
	const struct fl_node *n = fl_state_node(s, id);
	struct fl_prefix *wanted;

	if (n == NULL)
		return no_node(fault, id);
	enum fl_err err = fl_routes_normalise(routes, count, &wanted, &count);
	if (err == FL_ERR_TOO_BIG) /* all or nothing: nobody could tell which ones were left out */
		return fl_fault_set(fault, FL_ERR_INVALID,
				    "a node has at most %d approved routes, of which exit routes "
				    "are two: revoke some, or approve a prefix that covers several",
				    FL_NODE_ROUTES_MAX);
	if (err != FL_OK)
		return err;
	if (same_routes(n, wanted, count)) {
		free(wanted);
		return FL_OK;
	}
	return fl_state_end(s, &sp, set_approved(s, n, wanted, count));
}

enum fl_err fl_state_node_delete(struct fl_state *s, fl_node_id id, struct fl_fault *fault)
{
	struct fl_savepoint sp = fl_state_begin(s);
	const struct fl_node *n = fl_state_node(s, id);

	if (n == NULL)
		return no_node(fault, id);
	enum fl_err err = fl_state_free_address(s, &n->ip4);
	if (err == FL_OK)
		err = fl_state_free_address(s, &n->ip6);
	if (err == FL_OK)
		err = fl_state_put(s, FL_RECORD_NODE, id, NULL);
	if (err == FL_OK)
		err = fl_state_note(s, FL_CHANGE_NODE_REMOVED, id, 0, 0);
	return fl_state_end(s, &sp, err);
}

enum fl_err fl_state_node_seen(struct fl_state *s, fl_node_id id, fl_wall last_seen)
{
	struct fl_savepoint sp = fl_state_begin(s);
	const struct fl_node *n = fl_state_node(s, id);

	if (n == NULL)
		return FL_ERR_NOT_FOUND;
	if (n->last_seen == last_seen)
		return FL_OK;
	struct fl_node *c = fl_node_copy(n);
	if (c == NULL)
		return FL_ERR_NOMEM;
	c->last_seen = last_seen;
	return fl_state_end(s, &sp, fl_state_put(s, FL_RECORD_NODE, id, c));
}

/* One that was announced when it was set is to be announced again when it passes. */
static enum fl_err untell(struct fl_state *s, const struct fl_node *n)
{
	struct fl_node *c = fl_node_copy(n);

	if (c == NULL)
		return FL_ERR_NOMEM;
	c->expiry_told = false;
	return fl_state_put(s, FL_RECORD_NODE, c->id, c);
}

size_t fl_state_expiry_undo(struct fl_state *s, fl_wall now, fl_wall told)
{
	struct fl_savepoint sp = fl_state_begin(s);
	const struct fl_table *t = &s->table[FL_RECORD_NODE];
	enum fl_err err = FL_OK;
	size_t count = 0;

	for (size_t i = 0; i < t->len && err == FL_OK; i++) {
		const struct fl_node *n = t->at[i];
		fl_node_id id = n->id;
		if (n->expiry <= now || (n->expiry > told && !n->expiry_told))
			continue;
		if (n->expiry_told)
			err = untell(s, n);
		if (err == FL_OK)
			err = fl_state_note(s, FL_CHANGE_NODE_EXPIRED, id, 0, id);
		count++;
	}
	return fl_state_end(s, &sp, err) == FL_OK ? count : SIZE_MAX;
}

size_t fl_state_expire_scan(struct fl_state *s, fl_wall after, fl_wall upto)
{
	struct fl_savepoint sp = fl_state_begin(s);
	const struct fl_table *t = &s->table[FL_RECORD_NODE];
	size_t count = 0;

	for (size_t i = 0; i < t->len; i++) {
		const struct fl_node *n = t->at[i];
		if (n->expiry == 0 || n->expiry <= after || n->expiry > upto || n->expiry_told)
			continue;
		if (fl_state_note(s, FL_CHANGE_NODE_EXPIRED, n->id, 0, n->id) != FL_OK) {
			fl_state_undo(s, &sp);
			return SIZE_MAX;
		}
		count++;
	}
	return count;
}
