/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/policy/engine.h - what a snapshot is made of. For the files of this folder only.
 *
 *   facts.c    nodes as kept            plan.c, who.c  what document and users alone decide
 *   sets.c     aliases to sets          edges.c    edges of one user or one router
 *   compile.c  new, with fill.c, index.c, core.c, class.c   step.c, stepsets.c, stepparts.c
 *   filter.c, reduce.c, source.c  packet filters
 *   peers.c    who sees whom            routes.c   routes of a viewer, via steering
 *   approve.c  approval, tags, pools    ssh.c      SSH policy, see ssh.h
 *   attrs.c    node attributes          tests.c, sshtests.c  tests, see tests.h
 *   explain.c  why, with chain.c        reach.c    who reaches what
 *   differs.c  what a node is told differently
 *   moved.c    which peers came and went
 *   diff.c     what changes for people, see diff_parts.h
 *
 * core.h holds what only the files of the compiler, the filter and the peers share.
 *
 * Nodes have dense slots. A bitmap has a bit a slot; all bitmaps of a snapshot have `words` words.
 * A slot whose node went away stays empty until a node takes it, so that bits keep their meaning
 * from step to step.
 *
 * Memory  sets are counted and shared between snapshots; they never change once published.
 * Source  docs/policy.md 11.3
 */
#ifndef FL_DOMAIN_POLICY_ENGINE_H
#define FL_DOMAIN_POLICY_ENGINE_H

#include <stdatomic.h>

#include "base/ipset.h"
#include "domain/policy/policy.h"

#define FL_SLOT_NONE UINT32_MAX

/* ---- nodes ---- */

/* One node as kept; counted, because a step shares those that did not change. */
struct fl_policy_facts {
	atomic_uint refs;
	uint64_t id, user; /* user 0 when tagged or unowned */
	struct fl_ip ip4, ip6;
	char *name;
	char **tags;
	size_t tags_len;
	struct fl_prefix *subnets; /* served, without exit routes, in announced order */
	size_t subnets_len;
	struct fl_prefix *exits; /* 0.0.0.0/0, ::/0 as served */
	size_t exits_len;
	struct fl_prefix *primary;
	size_t primary_len;
	bool online, healthy;
};

static inline bool fl_facts_tagged(const struct fl_policy_facts *f)
{
	return f->tags_len > 0;
}

/* ---- bitmaps over slots ---- */

static inline bool fl_bit(const uint64_t *bits, uint32_t slot)
{
	return bits != NULL && (bits[slot / 64] >> (slot % 64) & 1) != 0;
}

static inline void fl_bit_set(uint64_t *bits, uint32_t slot)
{
	bits[slot / 64] |= (uint64_t)1 << (slot % 64);
}

static inline void fl_bit_clear(uint64_t *bits, uint32_t slot)
{
	bits[slot / 64] &= ~((uint64_t)1 << (slot % 64));
}

/* ---- sets ---- */

/*
 * What an alias, or a list of them, stands for. NULL bitmaps are empty ones.
 */
struct fl_policy_set {
	atomic_uint refs;
	struct fl_ipset ips;
	uint64_t *inside; /* nodes with an address in it */
	uint64_t *behind; /* nodes that serve a subnet (no exit route) overlapping it */
	bool internet;    /* policy.md 4.11 "is the internet": exit nodes count as destinations */
	bool failed;      /* the alias does not resolve: unknown user, host or autogroup, self */
	char *why;        /* then the CAUSE of policy.md Appendix A (T) */
	bool outside;     /* some of it is inside the internet set: exit nodes filter for it */
	uint64_t hash;    /* of the ranges */
};

struct fl_policy_set *fl_policy_set_ref(const struct fl_policy_set *s);
struct fl_policy_set *fl_policy_set_unref(struct fl_policy_set *s); /* NULL in, NULL out */

/*
 * The set of an alias of the document: never NULL. A failed one is empty. Aliases that only came
 * from fl_alias_parse (number UINT32_MAX) are resolved anew by fl_policy_resolve.
 */
const struct fl_policy_set *fl_policy_alias(const struct fl_policy *p, const struct fl_alias *a);

/* Resolves an alias that is not of the document, or any for that matter. Release with unref. */
FL_MUST enum fl_err fl_policy_resolve(const struct fl_policy *p, const struct fl_alias *a,
				      struct fl_policy_set **out);

/* Fixed sets, made once a snapshot. */
enum fl_policy_fixed { FL_SET_EVERYTHING, FL_SET_INTERNET, FL_SET_WILDCARD, FL_SET_FIXED };

/* ---- edges: policy.md 4.11 as data ---- */

enum fl_edge_scope {
	FL_EDGE_SHARED, /* a rule that every node has */
	FL_EDGE_SELF,   /* autogroup:self of one user: the rule of its untagged nodes only */
	FL_EDGE_VIA,    /* the rule of one router only */
};

/*
 * A matcher: what may come from `src` may reach `dst`, ports aside. `*` as destination of a port
 * rule is FL_SET_EVERYTHING; a wildcard source includes the served subnets of every node.
 */
enum fl_edge_kind {
	FL_EDGE_PORTS,     /* of the `ip` entries of a rule: lets packets through */
	FL_EDGE_APP,       /* of its capabilities: makes visible, lets no packet through */
	FL_EDGE_COMPANION, /* as FL_EDGE_APP, from the destinations of the rule to its sources */
};

struct fl_policy_edge {
	const struct fl_policy_set *src, *dst; /* referenced by the snapshot */
	const struct fl_rule *rule;            /* NULL for allow-all */
	enum fl_edge_scope scope;
	enum fl_edge_kind kind;
	uint64_t owner; /* FL_EDGE_SELF: user id; FL_EDGE_VIA: slot of the router */
};

/* ---- the snapshot ---- */

struct fl_policy_place { /* of a node */
	uint64_t id;
	uint32_t slot;
};

struct fl_core; /* core.h */

struct fl_policy {
	atomic_uint refs;
	const struct fl_policy_doc *doc; /* NULL: no policy */

	struct fl_policy_facts **nodes;      /* by slot; NULL = empty slot */
	uint32_t slots, words;               /* slots = 64 * words, empty ones included */
	const struct fl_policy_place *by_id; /* every node, ascending ids */
	size_t nodes_len;
	uint64_t *routers; /* bitmap: serve a subnet */
	uint64_t *exits;   /* bitmap: exit nodes */

	const struct fl_policy_user *users; /* copies with their texts, ascending ids */
	size_t users_len;

	struct fl_policy_set **sets; /* by alias number of the document */
	struct fl_policy_set *fixed[FL_SET_FIXED];

	struct fl_policy_edge *edges; /* the shared ones; fl_policy_edge_next has the others */
	size_t edges_len;

	struct fl_core *core;
};

/* FL_SLOT_NONE if the node is unknown. */
uint32_t fl_policy_slot(const struct fl_policy *p, uint64_t node);

const struct fl_policy_user *fl_policy_user_of(const struct fl_policy *p, uint64_t user);

/* Does a node have an address (4, 6 or either) in the set, or serve a subnet that overlaps it? */
bool fl_facts_inside(const struct fl_policy_facts *f, const struct fl_ipset *ips);
bool fl_facts_behind(const struct fl_policy_facts *f, const struct fl_ipset *ips);

/*
 * The unreduced rules of a node, as edges: all shared ones, its user's self edges, its via edges.
 * Start with *at = 0; NULL at the end.
 */
const struct fl_policy_edge *fl_policy_edge_next(const struct fl_policy *p, uint32_t slot,
						 size_t *at);

#endif
