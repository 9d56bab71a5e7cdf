/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/state/approve.c - an interactive registration that somebody allowed for a user.
 *
 * A machine's tagged node is in the way of a second, user-owned one (REG-12), unless the tagged
 * node itself came in by a login: then this is its re-authentication, which asks for no tags and
 * so returns it to the user (REG-14).
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

static enum fl_err do_approve(struct fl_state *s, fl_wall now, const struct fl_approval *a,
			      struct fl_fault *fault, fl_node_id *out)
{
	struct fl_enrol e = {
		.machine = a->machine,
		.key = a->key,
		.cap = a->cap,
		.hostinfo = a->hostinfo,
		.asked_expiry = a->expiry,
		.ephemeral = a->ephemeral,
		.method = a->method,
		.user = a->user,
	};

	if (fl_state_user(s, a->user) == NULL)
		return fl_fault_set(fault, FL_ERR_NOT_FOUND, "there is no user %" PRIu64, a->user);
	enum fl_err err = fl_tags_permit(&a->hostinfo->request_tags, fault);
	if (err != FL_OK)
		return err;

	struct fl_owned owned = fl_enrol_owned(s, &a->machine, a->user);
	const struct fl_node *n = owned.users != NULL ? owned.users : owned.tagged;
	if (owned.users == NULL && n != NULL && !came_by_login(n))
		return fl_fault_set(fault, FL_ERR_DENIED,
				    "the machine has the tagged node %" PRIu64
				    ": delete it before a user's node can join there",
				    n->id);
	err = check_key(s, a, n, fault);
	if (err != FL_OK)
		return err;
	if (n == NULL)
		return fl_enrol_create(s, now, &e, out);
	fl_node_id id = n->id;
	err = fl_enrol_renew(s, now, &e, id,
			     owned.users != NULL ? FL_RENEW_LOGIN : FL_RENEW_CONVERT);
	if (err == FL_OK)
		*out = id;
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
