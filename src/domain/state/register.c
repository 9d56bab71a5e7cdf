/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/state/register.c - one register request, decided in the order of docs/lifecycle.md 3.
 *
 * The first step that applies wins. A node found by its node key is shown to nobody but the
 * machine that owns it (REG-4): node keys are public, machine keys are proven by the handshake.
 */
#include "domain/state/authkey.h"
#include "domain/state/inner.h"

static enum fl_err refuse(struct fl_register_result *out, enum fl_register_outcome outcome,
			  const char *why)
{
	out->outcome = outcome;
	fl_fault_set(&out->fault, FL_ERR_DENIED, "%s", why);
	return FL_OK;
}

static enum fl_err expire_now(struct fl_state *s, fl_wall now, const struct fl_node *n)
{
	if (fl_node_is_expired(n, now))
		return FL_OK;
	return fl_state_node_expire(s, now, n->id, now, NULL);
}

/* REG-2. A node that is gone already is logged out: the client wants only to hear so. */
static enum fl_err log_out(struct fl_state *s, fl_wall now, const struct fl_node *n,
			   struct fl_register_result *out)
{
	out->outcome = FL_REG_LOGGED_OUT;
	if (n == NULL)
		return FL_OK;
	if (n->ephemeral)
		return fl_state_node_delete(s, n->id, NULL);
	out->node = n->id;
	return expire_now(s, now, n);
}

/* REG-3. */
static enum fl_err restart(struct fl_state *s, fl_wall now, const struct fl_node *n, fl_wall expiry,
			   struct fl_register_result *out)
{
	out->node = n->id;
	if (fl_node_is_expired(n, now)) {
		out->outcome = FL_REG_KEY_EXPIRED;
		return FL_OK;
	}
	out->outcome = FL_REG_ACCEPTED;
	if (expiry == 0)
		return FL_OK;
	if (n->expiry == 0 || expiry < n->expiry)
		return fl_state_node_expire(s, now, n->id, expiry, NULL);
	out->node = 0;
	return refuse(out, FL_REG_BAD_REQUEST, "a node cannot extend the life of its own key");
}

/* REG-7: nothing is stored here; the service opens a pending registration. */
static enum fl_err interactive(const struct fl_state *s, const struct fl_register_request *req,
			       struct fl_register_result *out)
{
	out->outcome = FL_REG_INTERACTIVE;
	if (fl_tags_permit(s, FL_TAGS_ANYBODY, 0, NULL, &req->hostinfo->request_tags,
			   &out->fault) != FL_OK)
		out->outcome = FL_REG_REFUSED;
	return FL_OK;
}

static enum fl_err with_key(struct fl_state *s, fl_wall now, const struct fl_machine_key *machine,
			    const struct fl_register_request *req, struct fl_register_result *out)
{
	struct fl_enrol e = {
		.machine = *machine,
		.key = req->node_key,
		.cap = req->version,
		.hostinfo = req->hostinfo,
		.asked_expiry = req->expiry,
		.ephemeral = req->ephemeral,
		.method = FL_REGISTER_AUTH_KEY,
	};
	return fl_authkey_register(s, now, req->auth_key, &e, out);
}

static enum fl_err decide(struct fl_state *s, fl_wall now, const struct fl_machine_key *machine,
			  const struct fl_register_request *req, struct fl_register_result *out)
{
	if (req->version < s->min_cap) /* REG-1: before anything is changed */
		return refuse(out, FL_REG_BAD_REQUEST,
			      "unsupported client version: update the Tailscale client");
	if (fl_node_key_is_zero(&req->node_key))
		return refuse(out, FL_REG_BAD_REQUEST, "the node key is zero");
	if (fl_machine_key_is_zero(machine))
		return refuse(out, FL_REG_BAD_REQUEST, "the machine key is zero");

	const struct fl_node *n = fl_state_node_by_key(s, &req->node_key);
	if (n != NULL && !fl_machine_key_eq(&n->machine, machine)) /* REG-4, REG-13 */
		return refuse(out, FL_REG_UNAUTHORIZED,
			      "unauthorized: the node key does not belong to this machine");
	if (req->expiry != 0 && req->expiry <= now)
		return log_out(s, now, n, out);
	bool has_key = req->auth_key != NULL && req->auth_key[0] != '\0';
	if (!has_key && n != NULL)
		return restart(s, now, n, req->expiry, out);
	if (has_key)
		return with_key(s, now, machine, req, out);
	return interactive(s, req, out);
}

enum fl_err fl_state_register(struct fl_state *s, fl_wall now, const struct fl_machine_key *machine,
			      const struct fl_register_request *req, struct fl_register_result *out)
{
	struct fl_savepoint sp = fl_state_begin(s);
	struct fl_register_result result = { 0 };

	enum fl_err err = decide(s, now, machine, req, &result);
	if (err == FL_OK)
		*out = result;
	return fl_state_end(s, &sp, err);
}
