/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/state/approve.c - an interactive registration that somebody allowed for a user.
 *
 * A machine's tagged node is in the way of a second, user-owned one (REG-12), unless the tagged
 * node itself came in by a login: then this is its re-authentication, which asks for no tags and
 * so returns it to the user (REG-14). One that asks for tags which the user owns is tagged.
 */
#include <inttypes.h>

#include "domain/state/enrol.h"
#include "domain/state/inner.h"

static bool came_by_login(const struct fl_node *n)
{
	return n->method == FL_REGISTER_CLI || n->method == FL_REGISTER_OIDC;
}

static enum fl_err check_key(const struct fl_state *s, const struct fl_approval *a,
			     const struct fl_node *target, struct fl_fault *fault)
{
	const struct fl_node *holder = fl_state_node_by_key(s, &a->key);

	if (fl_node_key_is_zero(&a->key) || fl_machine_key_is_zero(&a->machine))
		return fl_fault_set(fault, FL_ERR_INVALID, "a key of the registration is zero");
	if (holder == NULL || holder == target)
		return FL_OK;
	if (!fl_machine_key_eq(&holder->machine, &a->machine)) /* REG-13 */
		return fl_fault_set(fault, FL_ERR_DENIED,
				    "unauthorized: the node key belongs to another machine");
	return fl_fault_set(fault, FL_ERR_EXISTS,
			    "this registration was approved already, as node %" PRIu64, holder->id);
}

/*
 * The node that the machine gets: with tags the tagged one, or the user's which becomes tagged;
 * else the user's, or the tagged one which returns to him.
 */
static const struct fl_node *target_of(const struct fl_owned *o, bool tagged)
{
	if (tagged)
		return o->tagged != NULL ? o->tagged : o->users;
	return o->users != NULL ? o->users : o->tagged;
}

static enum fl_err check_target(const struct fl_node *n, struct fl_fault *fault)
{
	if (n == NULL || !fl_node_is_tagged(n) || came_by_login(n))
		return FL_OK;
	return fl_fault_set(fault, FL_ERR_DENIED,
			    "the machine has the tagged node %" PRIu64
			    ": delete it before a user's node can join there",
			    n->id);
}

static enum fl_err enrol(struct fl_state *s, fl_wall now, const struct fl_approval *a,
			 const struct fl_strlist *tags, const struct fl_node *n, fl_node_id *out)
{
	const struct fl_enrol e = {
		.machine = a->machine,
		.key = a->key,
		.cap = a->cap,
		.hostinfo = a->hostinfo,
		.asked_expiry = a->expiry,
		.ephemeral = a->ephemeral,
		.method = a->method,
		.user = tags->len > 0 ? 0 : a->user,
		.tags = tags,
	};

	if (n == NULL)
		return fl_enrol_create(s, now, &e, out);
	bool converts = tags->len > 0 || fl_node_is_tagged(n);
	fl_node_id id = n->id;
	enum fl_err err =
		fl_enrol_renew(s, now, &e, id, converts ? FL_RENEW_CONVERT : FL_RENEW_LOGIN);
	if (err == FL_OK)
		*out = id;
	return err;
}

static enum fl_err do_approve(struct fl_state *s, fl_wall now, const struct fl_approval *a,
			      struct fl_fault *fault, fl_node_id *out)
{
	const struct fl_strlist *wanted = &a->hostinfo->request_tags;
	struct fl_strlist tags = { 0 };

	if (fl_state_user(s, a->user) == NULL)
		return fl_fault_set(fault, FL_ERR_NOT_FOUND, "there is no user %" PRIu64, a->user);
	struct fl_owned owned = fl_enrol_owned(s, &a->machine, a->user);
	enum fl_err err = fl_tags_permit(s, FL_TAGS_OF_A_USER, a->user, owned.users, wanted, fault);
	const struct fl_node *n = target_of(&owned, wanted->len > 0);
	if (err == FL_OK)
		err = check_target(n, fault);
	if (err == FL_OK)
		err = check_key(s, a, n, fault);
	if (err == FL_OK)
		err = fl_tags_copy(wanted, &tags, fault);
	if (err == FL_OK)
		err = enrol(s, now, a, &tags, n, out);
	fl_strlist_done(&tags);
	return err;
}

enum fl_err fl_state_approve(struct fl_state *s, fl_wall now, const struct fl_approval *a,
			     struct fl_fault *fault, fl_node_id *out)
{
	struct fl_savepoint sp = fl_state_begin(s);
	fl_node_id id;

	enum fl_err err = do_approve(s, now, a, fault, &id);
	if (err == FL_ERR_FULL)
		fl_fault_set(fault, err, "no free address or no room for another node");
	if (err == FL_OK)
		*out = id;
	return fl_state_end(s, &sp, err);
}
