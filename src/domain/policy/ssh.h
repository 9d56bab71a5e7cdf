/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/policy/ssh.h - SSH rules between the document and one node. For the files of this folder.
 *
 *   ssh.c        what a node is told        sshfrom.c   sources of rules, and their texts
 *   ssh_users.c  who one may be there       sshtests.c  sshTests
 *
 * The sources of a rule are the same for every node that it concerns: they are listed and written
 * once a snapshot, when first asked for, and kept from step to step while nobody comes or goes.
 * A node then takes all of the text, or the piece of its own user.
 *
 * Source  docs/policy.md 6
 */
#ifndef FL_DOMAIN_POLICY_SSH_H
#define FL_DOMAIN_POLICY_SSH_H

#include "domain/policy/core.h"

/* ---- sources ---- */

/* Those of one user, or the tagged ones. */
struct fl_ssh_part {
	uint64_t user;   /* 0: nobody's */
	size_t from, to; /* of `who` */
	size_t text, text_end;
};

struct fl_ssh_from {
	atomic_uint refs;
	struct fl_policy_facts **who; /* untagged by user, then tagged; each by id */
	size_t who_len;
	struct fl_ssh_part *parts; /* of users by id, then that of the tagged, if there are */
	size_t parts_len, users_len;
	struct fl_bytes *text; /* principals with commas between them */
};

struct fl_ssh_each { /* one rule */
	struct fl_ssh_from *from;
	struct fl_bytes *users, *env; /* JSON: an object, an array */
};

struct fl_ssh {
	atomic_uint refs;
	size_t len;
	struct fl_ssh_each at[]; /* as doc->ssh */
};

/* Those of a snapshot, made by who asks first; borrowed from it. NULL: out of memory. */
const struct fl_ssh *fl_ssh_of(const struct fl_policy *p);

/* Lets a new snapshot keep what it can of an older one of the same document. */
void fl_ssh_follow(const struct fl_policy *old, struct fl_policy *p);
struct fl_ssh *fl_ssh_unref(struct fl_ssh *s); /* NULL in, NULL out */

/* sshfrom.c. `was`: of the same rule in an older snapshot, or NULL. */
FL_MUST enum fl_err fl_ssh_from_new(const struct fl_policy *p, const struct fl_aliases *src,
				    struct fl_ssh_from *was, struct fl_ssh_from **out);
struct fl_ssh_from *fl_ssh_from_ref(struct fl_ssh_from *f);
struct fl_ssh_from *fl_ssh_from_unref(struct fl_ssh_from *f); /* NULL in, NULL out */

/* The part of a user, or NULL. */
const struct fl_ssh_part *fl_ssh_part_of(const struct fl_ssh_from *f, uint64_t user);
void fl_ssh_put_principals(const struct fl_policy_facts *f, bool *first, struct fl_buf *out);

/* ---- whom a node lets in ---- */

enum fl_ssh_reach_kind {
	FL_SSH_ALL,  /* all sources of the rule */
	FL_SSH_PART, /* those of one user */
	FL_SSH_OWN,  /* the node itself */
};

struct fl_ssh_reach {
	enum fl_ssh_reach_kind kind;
	const struct fl_ssh_part *part;
	bool localparts; /* each user also as the one that the rule maps it to */
};

/* What a rule means at a node: at most two, in the order of policy.md 6.2 steps 4 and 5. */
enum { FL_SSH_REACHES_MAX = 2 };
size_t fl_ssh_reaches(const struct fl_policy *p, size_t rule, const struct fl_ssh_from *from,
		      uint32_t slot, struct fl_ssh_reach out[static FL_SSH_REACHES_MAX]);

/*
 * Is it seen at a glance that a node is told the same in two snapshots? False: texts have to be
 * compared.
 */
bool fl_ssh_same(const struct fl_policy *a, uint32_t x, const struct fl_policy *b, uint32_t y);

/* Is a node among the sources, or the destinations other than autogroup:self? */
bool fl_ssh_is_among(const struct fl_policy *p, const struct fl_aliases *list, uint32_t slot);

/* ---- users ---- */

/* Does the map that is the same for all sources let one in as this user? */
bool fl_ssh_permits(const struct fl_ssh_rule *r, const char *user);

/* Has it a localpart entry? */
bool fl_ssh_has_localparts(const struct fl_ssh_rule *r);

/* The user of the machine that such entries map a user to; empty: none. `u` may be NULL. */
struct fl_slice fl_ssh_localpart(const struct fl_ssh_rule *r, const struct fl_policy_user *u);

/* The map for all sources as JSON. NULL: out of memory. */
struct fl_bytes *fl_ssh_users_text(const struct fl_ssh_rule *r);

#endif
