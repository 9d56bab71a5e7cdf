/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/state/inner.h - what the files of domain/state share; nobody else includes it.
 *
 * Every command works like this: take a savepoint, check, put records, note changes; on an error
 * undo to the savepoint. A tick's rollback is the same undo, to the savepoint of its start.
 *
 * Undo cannot fail. It replays the log strictly backwards, so each step finds the room that the
 * forward step left: tables and maps never shrink, slots of deleted records and emptied groups
 * live until the commit, and a released address stays taken until then (so it cannot be
 * given away while its release may still be undone).
 */
#ifndef FL_DOMAIN_STATE_INNER_H
#define FL_DOMAIN_STATE_INNER_H

#include "base/list.h"
#include "base/map.h"
#include "domain/ipam/ipam.h"
#include "domain/state/state.h"

/* The stable place of a record: indexes point here, so replacing a record is one store. */
struct fl_slot {
	void *rec; /* NULL: deleted in this tick */
};

struct fl_table {
	struct fl_map by_id; /* to struct fl_slot */
	void **at;           /* records by ascending id */
	size_t len, cap;
	uint64_t last_id;
};

/* The nodes of one machine, at most one per owner (DM-6), or those of one user. */
struct fl_group {
	struct fl_list empty; /* on fl_state.empty_groups while without nodes */
	struct fl_map *by;    /* the index it stands in */
	uint8_t key[FL_KEY_LEN];
	size_t len, cap;
	fl_node_id *ids; /* in no order */
};

struct fl_undo {
	enum fl_record_kind kind;
	bool deleted;
	uint64_t id;
	struct fl_slot *slot;
	void *old; /* owned reference; NULL: the record was created */
};

struct fl_savepoint {
	size_t undo, dirty, changes, taken, freed;
	uint64_t last_id[FL_RECORD_KINDS];
	struct fl_ipam_cursor cursor[2];
};

struct fl_state {
	char *base_domain;
	size_t label_max; /* so that label + base domain keep to 255 */
	int64_t node_expiry;
	uint32_t min_cap;
	struct fl_table table[FL_RECORD_KINDS];
	struct fl_map by_node_key, by_machine, by_user, by_given_name, by_ip;
	struct fl_map by_user_name, by_preauth_prefix, by_apikey_prefix;
	struct fl_list empty_groups;
	struct fl_ipam *ipam[2]; /* IPv4, IPv6; NULL: family off */
	struct fl_judge judge;   /* all NULL: no policy */

	struct fl_undo *undo;
	size_t undo_len, undo_cap;
	struct fl_dirty *dirty;
	size_t dirty_len, dirty_cap;
	struct fl_map dirty_set;
	struct fl_change *changes;
	size_t changes_len, changes_cap;
	struct fl_ip *taken, *freed; /* addresses of this tick */
	size_t taken_len, taken_cap, freed_len, freed_cap;
	struct fl_savepoint start; /* of the tick */
};

/* ---- tick.c ---- */

/* Room for one more element: the array, maybe moved, or NULL (then the old one stays). */
void *fl_state_grow(void *at, size_t *cap, size_t len, size_t size);

struct fl_savepoint fl_state_begin(const struct fl_state *s);
void fl_state_undo(struct fl_state *s, const struct fl_savepoint *to);

/* Undoes to the savepoint if `err` is an error; returns `err`. Ends every command. */
enum fl_err fl_state_end(struct fl_state *s, const struct fl_savepoint *sp, enum fl_err err);

FL_MUST enum fl_err fl_state_note(struct fl_state *s, enum fl_change_kind kind, uint64_t id,
				  uint32_t fields, uint64_t origin);

/*
 * Publishes `rec` (taken, on failure too) under `id`, or deletes with NULL. Errors: FL_ERR_NOMEM,
 * FL_ERR_EXISTS when a unique key of it belongs to another record.
 */
FL_MUST enum fl_err fl_state_put(struct fl_state *s, enum fl_record_kind kind, uint64_t id,
				 void *rec);

/* ---- table.c ---- */
void *fl_record_unref(enum fl_record_kind kind, void *rec);
struct fl_slot *fl_table_find(const struct fl_state *s, enum fl_record_kind kind, uint64_t id);

/* Moves a slot from record `old` to `rec` in table and indexes; either may be NULL. No counting. */
FL_MUST enum fl_err fl_table_set(struct fl_state *s, enum fl_record_kind kind, uint64_t id,
				 struct fl_slot *slot, void *old, void *rec);

/* ---- group.c ---- */

/* Adds the node to the group of `key` in the index `by`. Errors: FL_ERR_NOMEM. */
FL_MUST enum fl_err fl_group_join(struct fl_state *s, struct fl_map *by, const void *key,
				  fl_node_id id);
void fl_group_leave(struct fl_state *s, struct fl_map *by, const void *key, fl_node_id id);
void fl_groups_sweep(struct fl_state *s); /* frees those without nodes */
void fl_groups_done(struct fl_map *by);
const struct fl_group *fl_state_machine(const struct fl_state *s,
					const struct fl_machine_key *key); /* or NULL */

/* ---- address.c ---- */

/* An address of each family that is on and that the node lacks. FL_ERR_FULL, FL_ERR_NOMEM. */
FL_MUST enum fl_err fl_state_take_addresses(struct fl_state *s, struct fl_node *n);

/* The address becomes free with the commit. */
FL_MUST enum fl_err fl_state_free_address(struct fl_state *s, const struct fl_ip *ip);
FL_MUST enum fl_err fl_state_mark_address(struct fl_state *s, const struct fl_ip *ip);
void fl_state_release_address(struct fl_state *s, const struct fl_ip *ip);

/* ---- routes.c ---- */
bool fl_routes_announced_same(const struct fl_node *a, const struct fl_node *b);

/* Notes FL_CHANGE_ROUTES if the node serves other routes than before. */
FL_MUST enum fl_err fl_routes_note(struct fl_state *s, const struct fl_node *before,
				   const struct fl_node *after);

/*
 * Copies, masks, adds the other exit route to one, sorts, removes duplicates; *out is NULL when
 * empty. Errors: FL_ERR_TOO_BIG (over FL_NODE_ROUTES_MAX), FL_ERR_NOMEM.
 */
FL_MUST enum fl_err fl_routes_normalise(const struct fl_prefix *routes, size_t count,
					struct fl_prefix **out, size_t *out_count);

/* ---- tags.c ---- */
bool fl_tag_valid(const char *tag);

/* Copies tags, checked, sorted, unique. FL_ERR_INVALID, FL_ERR_TOO_BIG, FL_ERR_NOMEM. */
FL_MUST enum fl_err fl_tags_copy(const struct fl_strlist *tags, struct fl_strlist *out,
				 struct fl_fault *fault);

/* Refuses tags that an admin uses and the policy does not name (TAG-2). */
FL_MUST enum fl_err fl_tags_declared(const struct fl_state *s, const struct fl_strlist *tags,
				     struct fl_fault *fault);

/* Tags that a client asks for; nobody owns any without a policy (REG-14). */
enum fl_tags_when {
	FL_TAGS_NEVER,     /* an auth key brings its own */
	FL_TAGS_ANYBODY,   /* it is not known yet who logs in: somebody may own them */
	FL_TAGS_OF_A_USER, /* the user must own them */
};
FL_MUST enum fl_err fl_tags_permit(const struct fl_state *s, enum fl_tags_when when,
				   fl_user_id user, const struct fl_node *n,
				   const struct fl_strlist *wanted, struct fl_fault *fault);

#endif
