/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/state/authkey.c - which node a pre-auth key leads to, and whether it still may.
 *
 * K is the key, N the node of this machine that K leads to:
 *   K of tags:  the machine's tagged node; else its only user's node, which becomes tagged; a
 *               choice between several is refused; else a new node.
 *   K of a user: that user's node; else the machine's tagged node, which stays tagged (it was
 *               converted after it joined, and comes back with the key it has); else a new node,
 *               also beside the nodes of other users.
 * A restart - N unchanged, not expired, with the node key it has - needs only a known K, because
 * containers present the key of their first start for ever. Everything else validates K fully.
 */
#include "domain/state/authkey.h"

#include "domain/state/inner.h"

/* The key that the text proves to hold, or NULL. */
static const struct fl_preauth *find_key(const struct fl_state *s, const char *text)
{
	char prefix[FL_TOKEN_PREFIX_LEN + 1];
	struct fl_slice secret;

	if (fl_token_parse(FL_TOKEN_AUTH, fl_slice_str(text), prefix, &secret) != FL_OK)
		return NULL;
	const struct fl_preauth *k = fl_state_preauth_by_prefix(s, prefix);
	return k != NULL && fl_token_matches(secret, k->hash) ? k : NULL;
}

static enum fl_err validate(const struct fl_state *s, const struct fl_preauth *k, fl_wall now,
			    struct fl_fault *fault)
{
	/* A key of tags needs its creator no more than after the creator was deleted. */
	if (k->tags.len == 0 && fl_state_key_is_orphan(s, k))
		return fl_fault_set(fault, FL_ERR_DENIED,
				    "the pre auth key's user does not exist: create a new one with "
				    "`fairlead preauthkeys create`");
	if (k->revoked != 0)
		return fl_fault_set(fault, FL_ERR_DENIED,
				    "pre auth key revoked: create a new one with `fairlead "
				    "preauthkeys create`");
	if (k->expiration != 0 && k->expiration <= now)
		return fl_fault_set(fault, FL_ERR_EXPIRED,
				    "pre auth key expired: create a new one with `fairlead "
				    "preauthkeys create`");
	if (k->used && !k->reusable)
		return fl_fault_set(fault, FL_ERR_DENIED,
				    "pre auth key already used: create a new one with `fairlead "
				    "preauthkeys create`, or one with --reusable");
	return FL_OK;
}

/* Single writer, one transaction a tick: this is the compare-and-set of REG-10. */
static enum fl_err spend(struct fl_state *s, const struct fl_preauth *k)
{
	if (k->reusable)
		return FL_OK;
	struct fl_preauth *c = fl_preauth_copy(k);
	if (c == NULL)
		return FL_ERR_NOMEM;
	c->used = true;
	return fl_state_put(s, FL_RECORD_PREAUTH, k->id, c);
}

struct target {
	const struct fl_node *node; /* NULL: a new one */
	bool convert;
	bool ambiguous;
};

static struct target find_target(const struct fl_owned *o, bool tagged_key)
{
	if (!tagged_key)
		return (struct target){ .node = o->users != NULL ? o->users : o->tagged };
	if (o->tagged != NULL || o->user_nodes == 0)
		return (struct target){ .node = o->tagged };
	return (struct target){ .node = o->other, .convert = true, .ambiguous = o->user_nodes > 1 };
}

static enum fl_err refuse(struct fl_register_result *out)
{
	out->outcome = FL_REG_REFUSED;
	return FL_OK;
}

/*
 * Is the node key that of another user's node on the same machine? One key cannot serve two
 * nodes; a client that is told its key expired makes a new one and comes back.
 */
static bool key_serves_another(const struct fl_state *s, const struct fl_enrol *e,
			       const struct fl_node *target)
{
	const struct fl_node *holder = fl_state_node_by_key(s, &e->key);
	return holder != NULL && holder != target;
}

static enum fl_err join(struct fl_state *s, fl_wall now, const struct fl_preauth *k,
			const struct fl_enrol *e, const struct target *t,
			struct fl_register_result *out)
{
	fl_node_id id = t->node != NULL ? t->node->id : 0;
	enum fl_err err = spend(s, k);

	if (err == FL_OK && id == 0)
		err = fl_enrol_create(s, now, e, &id);
	else if (err == FL_OK)
		err = fl_enrol_renew(s, now, e, id, t->convert ? FL_RENEW_CONVERT : FL_RENEW_LOGIN);
	if (err == FL_OK)
		*out = (struct fl_register_result){ .outcome = FL_REG_ACCEPTED, .node = id };
	return err;
}

enum fl_err fl_authkey_register(struct fl_state *s, fl_wall now, const char *text,
				struct fl_enrol *e, struct fl_register_result *out)
{
	const struct fl_preauth *k = find_key(s, text);

	if (k == NULL) {
		fl_fault_set(&out->fault, FL_ERR_DENIED,
			     "invalid pre auth key: paste it whole, or create a new one with "
			     "`fairlead preauthkeys create`");
		return refuse(out);
	}
	if (fl_tags_permit(s, FL_TAGS_NEVER, 0, NULL, &e->hostinfo->request_tags, &out->fault) !=
	    FL_OK)
		return refuse(out);
	e->tags = &k->tags;
	e->user = k->tags.len > 0 ? 0 : k->user;
	e->auth_key = k->id;
	e->ephemeral = e->ephemeral || k->ephemeral;

	struct fl_owned owned = fl_enrol_owned(s, &e->machine, e->user);
	struct target t = find_target(&owned, k->tags.len > 0);
	if (t.node != NULL && !t.convert && fl_node_key_eq(&t.node->key, &e->key) &&
	    !fl_node_is_expired(t.node, now)) {
		out->outcome = FL_REG_ACCEPTED;
		out->node = t.node->id;
		return fl_enrol_renew(s, now, e, t.node->id, FL_RENEW_RESTART);
	}
	if (validate(s, k, now, &out->fault) != FL_OK)
		return refuse(out);
	if (t.ambiguous) {
		fl_fault_set(&out->fault, FL_ERR_AMBIGUOUS,
			     "this machine has nodes of %zu users: delete all but the one that the "
			     "tagged key is to convert",
			     owned.user_nodes);
		return refuse(out);
	}
	if (key_serves_another(s, e, t.node)) {
		out->outcome = FL_REG_KEY_EXPIRED;
		return FL_OK;
	}
	return join(s, now, k, e, &t, out);
}
