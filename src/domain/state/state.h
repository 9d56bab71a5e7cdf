/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/state/state.h - everything the control server knows durably, with one writer.
 *
 * Commands come in with the time as an argument; each either changes nothing and returns an
 * error, or publishes new records, marks their rows dirty and appends changes that others must
 * hear of. At the end of a tick the service writes the dirty rows in one transaction and then
 * calls fl_state_committed, or, when that failed, fl_state_rollback, which puts every record of
 * the tick back. Nothing is announced before the commit: durable before announced.
 *
 * No clock, no socket, no entropy: random values (key secrets) come in as arguments or from the
 * seeded generator given at init, so a run can be replayed.
 *
 * Thread  one owner.
 * Memory  records are counted; pointers returned by find and iteration are borrowed until the
 *         next command.
 * Limits  FL_STATE_NODES_MAX nodes.
 * Source  docs/lifecycle.md REG, STO, IP, NM, TAG, RT, EXP, EPH; docs/protocol/control.md 4
 */
#ifndef FL_DOMAIN_STATE_STATE_H
#define FL_DOMAIN_STATE_STATE_H

#include "base/rng.h"
#include "domain/state/change.h"
#include "domain/state/record.h"

enum { FL_STATE_NODES_MAX = 1 << 20 };

enum fl_ip_allocation { FL_IP_SEQUENTIAL, FL_IP_RANDOM };

struct fl_state_config {
	struct fl_prefix prefix4, prefix6; /* ip unset = family off */
	enum fl_ip_allocation allocation;
	const char *base_domain; /* for the 255-byte limit of full names */
	int64_t node_expiry;     /* default for untagged nodes, 0 = never */
	uint32_t min_cap;        /* lowest admitted capability version */
	uint8_t seed[32];        /* hash maps and random allocation */
};

struct fl_state;

/*
 * Errors: FL_ERR_NOMEM, FL_ERR_INVALID (a prefix of the wrong family), FL_ERR_TOO_BIG (a base
 * domain so long that no name would fit before it).
 */
FL_MUST enum fl_err fl_state_new(const struct fl_state_config *cfg, struct fl_state **out);
struct fl_state *fl_state_free(struct fl_state *s);

/* ---- loading (start only; users, keys, nodes, revisions, counters in this order) ---- */

/*
 * Takes one reference, on failure too; checks invariants, marks nothing dirty.
 * Errors: FL_ERR_CORRUPT with a text for people, FL_ERR_NOMEM.
 */
FL_MUST enum fl_err fl_state_load_user(struct fl_state *s, struct fl_user *u,
				       struct fl_fault *fault);
FL_MUST enum fl_err fl_state_load_preauth(struct fl_state *s, struct fl_preauth *k,
					  struct fl_fault *fault);
FL_MUST enum fl_err fl_state_load_apikey(struct fl_state *s, struct fl_apikey *k,
					 struct fl_fault *fault);
FL_MUST enum fl_err fl_state_load_node(struct fl_state *s, struct fl_node *n,
				       struct fl_fault *fault);

FL_MUST enum fl_err fl_state_load_revision(struct fl_state *s, struct fl_revision *r,
					   struct fl_fault *fault);

/* The highest id ever given per kind; ids are never reused. */
void fl_state_load_counter(struct fl_state *s, enum fl_record_kind kind, uint64_t last_id);

/* ---- what a policy says of tags and addresses ---- */

enum fl_tag_verdict {
	FL_TAG_FREE,       /* no policy names tags: an admin may use each, a client none */
	FL_TAG_DECLARED,   /* it names this one */
	FL_TAG_UNDECLARED, /* it names others */
};

struct fl_judge {
	enum fl_tag_verdict (*verdict)(void *ctx, const char *tag);
	/* May a client that logs in for this user ask for it? `n` is the node it has, or NULL. */
	bool (*may_ask)(void *ctx, fl_user_id user, const struct fl_node *n, const char *tag);
	/* Where a node's first IPv4 address comes from; false: from anywhere. Borrowed. */
	bool (*pool)(void *ctx, const struct fl_node *n, const struct fl_prefix **out,
		     size_t *out_len);
	void *ctx;
};
void fl_state_judge(struct fl_state *s, const struct fl_judge *judge);

/* ---- one tick ---- */

/* Rows to write: each (kind, id) once. The row's content is the live record, or absent = delete. */
struct fl_dirty {
	enum fl_record_kind kind;
	uint64_t id;
	/* The row is new or gone, or a unique value, the method or the key may not be as stored. */
	bool moved;
};
size_t fl_state_dirty(const struct fl_state *s, const struct fl_dirty **out);

/* The highest id given so far, stored with the rows. */
uint64_t fl_state_counter(const struct fl_state *s, enum fl_record_kind kind);

/* Changes of this tick in order; valid until committed or rolled back. */
size_t fl_state_changes(const struct fl_state *s, const struct fl_change **out);

/*
 * The next node key that this tick took out of use: its node was deleted or has another one. `*at`
 * begins at 0; NULL after the last. A key may come twice. Valid until committed or rolled back.
 */
const struct fl_node_key *fl_state_retired_key(const struct fl_state *s, size_t *at);

/* Forgets dirty rows, changes and undo records. */
void fl_state_committed(struct fl_state *s);

/* Records, indexes, addresses and counters as before the tick. Cannot fail. */
void fl_state_rollback(struct fl_state *s);

/* ---- reading: borrowed, NULL if there is none; lists by ascending id ---- */

struct fl_node *fl_state_node(const struct fl_state *s, fl_node_id id);
struct fl_node *fl_state_node_by_key(const struct fl_state *s, const struct fl_node_key *key);
struct fl_node *fl_state_node_by_ip(const struct fl_state *s, const struct fl_ip *ip);
size_t fl_state_nodes(const struct fl_state *s, struct fl_node *const **out);

/* Does it belong to a user that does not exist? Only a loaded record can (TAG-6). */
bool fl_state_is_orphan(const struct fl_state *s, const struct fl_node *n);
bool fl_state_key_is_orphan(const struct fl_state *s, const struct fl_preauth *k);

/* Ids of the user's nodes, in no order; returns how many. Borrowed until the next command. */
size_t fl_state_nodes_of(const struct fl_state *s, fl_user_id user, const fl_node_id **out);

/* Does the machine own a node? */
bool fl_state_knows_machine(const struct fl_state *s, const struct fl_machine_key *machine);

/* Without a dot at its end, maybe "". */
const char *fl_state_base_domain(const struct fl_state *s);

/* By given name, in any case. */
struct fl_node *fl_state_node_by_name(const struct fl_state *s, const char *given_name);

struct fl_user *fl_state_user(const struct fl_state *s, fl_user_id id);
size_t fl_state_users(const struct fl_state *s, struct fl_user *const **out);

/* By the name of a local user, else by a name or an e-mail that only one user has. */
struct fl_user *fl_state_user_by_name(const struct fl_state *s, const char *name);

size_t fl_state_preauths(const struct fl_state *s, struct fl_preauth *const **out);
struct fl_preauth *fl_state_preauth(const struct fl_state *s, fl_key_id id);
struct fl_preauth *fl_state_preauth_by_prefix(const struct fl_state *s, const char *prefix);
size_t fl_state_apikeys(const struct fl_state *s, struct fl_apikey *const **out);
struct fl_apikey *fl_state_apikey(const struct fl_state *s, fl_key_id id);
struct fl_apikey *fl_state_apikey_by_prefix(const struct fl_state *s, const char *prefix);

/* Revisions of the policy, the newest last and in force. */
size_t fl_state_revisions(const struct fl_state *s, struct fl_revision *const **out);
struct fl_revision *fl_state_revision(const struct fl_state *s, uint64_t rev);

/*
 * The routes a node serves now: announced and approved, exit routes included; sorted. `out` has
 * room for FL_NODE_ROUTES_MAX.
 */
size_t fl_state_served(const struct fl_state *s, const struct fl_node *n, struct fl_prefix *out);

/* ---- users ---- */
struct fl_user_fields {
	const char *name, *display_name, *email, *picture_url; /* NULL = "" */
};
FL_MUST enum fl_err fl_state_user_create(struct fl_state *s, fl_wall now,
					 const struct fl_user_fields *f, struct fl_fault *fault,
					 fl_user_id *out);
FL_MUST enum fl_err fl_state_user_rename(struct fl_state *s, fl_user_id id, const char *name,
					 struct fl_fault *fault);

/* FL_ERR_DENIED: the user still has nodes. Its own keys go with it. */
FL_MUST enum fl_err fl_state_user_delete(struct fl_state *s, fl_user_id id, struct fl_fault *fault);

FL_MUST enum fl_err fl_state_user_role(struct fl_state *s, fl_user_id id, enum fl_role role,
				       struct fl_fault *fault);

/* ---- policy ---- */

/*
 * Stores a text as the next revision; only the newest FL_REVISIONS_MAX are kept. What it says is
 * not looked at. `author` and `comment` may be NULL. FL_ERR_INVALID: one is too long, or has
 * control characters.
 */
FL_MUST enum fl_err fl_state_policy_set(struct fl_state *s, fl_wall now, struct fl_slice text,
					const char *author, const char *comment,
					struct fl_fault *fault, uint64_t *out_rev);

/* ---- keys ---- */
struct fl_preauth_fields {
	fl_user_id user;               /* 0 needs tags */
	const struct fl_strlist *tags; /* may be NULL; beside a user they own the node */
	bool reusable, ephemeral;
	fl_wall expiration;                   /* 0 = never */
	char prefix[FL_TOKEN_PREFIX_LEN + 1]; /* from crypto/token.h */
	uint8_t hash[32];
};
FL_MUST enum fl_err fl_state_preauth_create(struct fl_state *s, fl_wall now,
					    const struct fl_preauth_fields *f,
					    struct fl_fault *fault, fl_key_id *out);
FL_MUST enum fl_err fl_state_preauth_expire(struct fl_state *s, fl_wall now, fl_key_id id,
					    struct fl_fault *fault);
FL_MUST enum fl_err fl_state_preauth_delete(struct fl_state *s, fl_key_id id,
					    struct fl_fault *fault);
FL_MUST enum fl_err fl_state_apikey_create(struct fl_state *s, fl_wall now, fl_wall expiration,
					   const char *prefix, const uint8_t hash[static 32],
					   fl_key_id *out);
FL_MUST enum fl_err fl_state_apikey_expire(struct fl_state *s, fl_wall now, fl_key_id id,
					   struct fl_fault *fault);
FL_MUST enum fl_err fl_state_apikey_delete(struct fl_state *s, fl_key_id id,
					   struct fl_fault *fault);
FL_MUST enum fl_err fl_state_apikey_seen(struct fl_state *s, fl_wall now, fl_key_id id);

/* ---- registration (docs/lifecycle.md section 3, every rule and every order of checks) ---- */

enum fl_register_outcome {
	FL_REG_ACCEPTED,     /* `node` is registered: success answer */
	FL_REG_KEY_EXPIRED,  /* answer NodeKeyExpired */
	FL_REG_LOGGED_OUT,   /* answer NodeKeyExpired; node 0 if there is none (any more) */
	FL_REG_INTERACTIVE,  /* unknown key, no credentials: open a pending registration */
	FL_REG_REFUSED,      /* `fault` goes to the user in `Error`, status 200 */
	FL_REG_BAD_REQUEST,  /* HTTP 400 with `fault` */
	FL_REG_UNAUTHORIZED, /* node key of another machine: only `fault` is told, in `Error` */
};
struct fl_register_result {
	enum fl_register_outcome outcome;
	fl_node_id node;
	struct fl_fault fault;
};
/*
 * One register request without a follow-up (or whose follow-up record is gone: treat as none).
 * `machine` is the Noise peer. Steps: version, zero key, logout, restart, auth key, interactive.
 * Errors: FL_ERR_NOMEM, FL_ERR_FULL only; policy outcomes are in *out.
 */
FL_MUST enum fl_err fl_state_register(struct fl_state *s, fl_wall now,
				      const struct fl_machine_key *machine,
				      const struct fl_register_request *req,
				      struct fl_register_result *out);

/*
 * A pending interactive registration, approved by an admin for `user` (method FL_REGISTER_CLI).
 * REG-12, REG-13 and REG-14 apply.
 */
struct fl_approval {
	struct fl_machine_key machine;
	struct fl_node_key key;
	uint32_t cap;
	bool ephemeral;
	fl_wall expiry;               /* as asked by the client, 0 = none */
	struct fl_hostinfo *hostinfo; /* borrowed */
	fl_user_id user;
	enum fl_register_method method;
};
FL_MUST enum fl_err fl_state_approve(struct fl_state *s, fl_wall now, const struct fl_approval *a,
				     struct fl_fault *fault, fl_node_id *out);

/* ---- nodes ---- */

/*
 * Applies what a map request carries (cap, disco key, hostinfo, endpoints), touching nothing else.
 * A hostinfo replaces the stored one but for its NetInfo, so that routes can be withdrawn; an empty
 * one, and anything absent, erases nothing. Of a stream no absent or empty member of the hostinfo
 * and no empty list of endpoints erases a stored one. A request that changes nothing leaves no
 * dirty row and no change. STUN-only endpoint churn is stored without a change.
 */
FL_MUST enum fl_err fl_state_node_update(struct fl_state *s, fl_node_id id,
					 const struct fl_map_request *req);

FL_MUST enum fl_err fl_state_node_rename(struct fl_state *s, fl_node_id id, const char *name,
					 struct fl_fault *fault);

/* Sets when the key expires; 0 = never. One that has passed by now is announced with it. */
FL_MUST enum fl_err fl_state_node_expire(struct fl_state *s, fl_wall now, fl_node_id id,
					 fl_wall expiry, struct fl_fault *fault);

/* Replaces the tags, of which there must be one; a user's node becomes a tagged one. */
FL_MUST enum fl_err fl_state_node_tag(struct fl_state *s, fl_node_id id,
				      const struct fl_strlist *tags, struct fl_fault *fault);

/* Replaces the approved routes; one exit route implies both. */
FL_MUST enum fl_err fl_state_node_approve(struct fl_state *s, fl_node_id id,
					  const struct fl_prefix *routes, size_t count,
					  struct fl_fault *fault);
FL_MUST enum fl_err fl_state_node_delete(struct fl_state *s, fl_node_id id, struct fl_fault *fault);

/* Without a change: presence tells. */
FL_MUST enum fl_err fl_state_node_seen(struct fl_state *s, fl_node_id id, fl_wall last_seen);

/* Adds missing and removes disabled address families; returns how many nodes changed. */
FL_MUST enum fl_err fl_state_backfill_ips(struct fl_state *s, size_t *out_changed,
					  struct fl_fault *fault);

/*
 * Nodes whose expiry lies in (after, upto] and was not announced when it was set: appends a
 * FL_CHANGE_NODE_EXPIRED each. Returns how many; SIZE_MAX: out of memory and nothing was appended,
 * so ask for the same window again.
 */
size_t fl_state_expire_scan(struct fl_state *s, fl_wall after, fl_wall upto);

/*
 * The calendar was set back to `now`, and expiries up to `told` are announced: those that lie ahead
 * again are announced as that, and once more when they pass. Returns as above.
 */
size_t fl_state_expiry_undo(struct fl_state *s, fl_wall now, fl_wall told);

#endif
