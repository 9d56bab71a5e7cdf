/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/state/enrol.h - what every accepted registration ends in: a new node, or an old one
 * renewed. Who may is decided before (register.c, authkey.c, approve.c).
 *
 * Source  docs/lifecycle.md 3 REG-9, REG-12, REG-15 to REG-17
 */
#ifndef FL_DOMAIN_STATE_ENROL_H
#define FL_DOMAIN_STATE_ENROL_H

#include "domain/state/state.h"

struct fl_enrol {
	struct fl_machine_key machine;
	struct fl_node_key key;
	uint32_t cap;
	struct fl_hostinfo *hostinfo; /* borrowed */
	fl_wall asked_expiry;         /* by the client, 0 = none */
	bool ephemeral;
	enum fl_register_method method;
	fl_key_id auth_key;            /* 0 = none */
	fl_user_id user;               /* new owner, 0 when tagged */
	const struct fl_strlist *tags; /* new owner, NULL or empty when a user */
};

/* How much of a node a registration replaces. */
enum fl_renewal {
	FL_RENEW_RESTART, /* the same key again: only what the client says of itself */
	FL_RENEW_LOGIN,   /* key, expiry and credential too; owner kept */
	FL_RENEW_CONVERT, /* owner too */
};

/* The nodes of a machine, by owner. */
struct fl_owned {
	const struct fl_node *tagged; /* or NULL */
	const struct fl_node *users;  /* that of `user` asked for, or NULL */
	const struct fl_node *other;  /* one of another user, or NULL */
	size_t user_nodes;            /* of any user */
};
struct fl_owned fl_enrol_owned(const struct fl_state *s, const struct fl_machine_key *machine,
			       fl_user_id user);

/* Errors: FL_ERR_NOMEM, FL_ERR_FULL (addresses or nodes). The caller undoes. */
FL_MUST enum fl_err fl_enrol_create(struct fl_state *s, fl_wall now, const struct fl_enrol *e,
				    fl_node_id *out);
FL_MUST enum fl_err fl_enrol_renew(struct fl_state *s, fl_wall now, const struct fl_enrol *e,
				   fl_node_id id, enum fl_renewal how);

#endif
