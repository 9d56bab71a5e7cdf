/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/policy/core.h - what the compiler, the packet filter and the peer relation share.
 *
 * Three layers. The plan follows from the document and the users alone: which alias means whom,
 * which lists of aliases there are (sides), which rules in which order (lines). The core of a
 * snapshot has a set for each side and a source for each list of source strings. Parts hold the
 * edges that only one user (autogroup:self) or one router (via) has.
 *
 * All of it is counted and shared from step to step, and never changes once it is published, but
 * for texts and rows: those are made when first asked for and then set once, atomically.
 *
 * Source  docs/policy.md 4, 11.3
 */
#ifndef FL_DOMAIN_POLICY_CORE_H
#define FL_DOMAIN_POLICY_CORE_H

#include "base/arena.h"
#include "base/bytes.h"
#include "domain/policy/engine.h"

#define FL_NO_INDEX UINT32_MAX

/* ---- who an alias means (who.c) ---- */

enum fl_who_kind {
	FL_WHO_FAILED,
	FL_WHO_USERS,  /* the untagged nodes of some users */
	FL_WHO_TAG,    /* the nodes with a tag */
	FL_WHO_MEMBER, /* all untagged nodes */
	FL_WHO_TAGGED, /* all tagged nodes */
	FL_WHO_IPS,    /* addresses, whoever has them */
};

struct fl_who {
	enum fl_who_kind kind;
	uint64_t *users; /* ids, ascending */
	size_t users_len;
	const char *tag;
	struct fl_ipset ips;
	const char *why; /* FL_WHO_FAILED: the cause */
};

/* ---- the plan (plan.c) ---- */

/* A list of aliases whose union is one end of an edge. */
enum fl_side_kind {
	FL_SIDE_UNION,
	FL_SIDE_ROUTES, /* and every served subnet: a wildcard source */
	FL_SIDE_ALL,    /* every address: `*` of a port rule, autogroup:danger-all */
};

struct fl_side {
	enum fl_side_kind kind;
	bool wild; /* `*` is in the list; `alias` has the others, ascending */
	uint32_t *alias;
	size_t alias_len;
	uint32_t out, out_len;     /* the sides that shared edges lead to: in plan.out */
	uint32_t in, in_len;       /* those they come from: in plan.in */
	uint32_t lines, lines_len; /* shared lines with this side as destination: in plan.by_side */
};

/* Which strings stand in SrcIPs: policy.md 4.4. */
enum fl_strings {
	FL_STRINGS_ANY,    /* "*" */
	FL_STRINGS_UNION,  /* the union */
	FL_STRINGS_BESIDE, /* and explicit sources once more, beside a wildcard */
	FL_STRINGS_CONCAT, /* one view after the other: companions */
};

struct fl_source_spec {
	enum fl_strings strings;
	bool wild;
	uint32_t side;
	uint32_t *alias; /* without `*`; not sorted */
	size_t alias_len;
};

enum fl_line_kind {
	FL_LINE_PORTS,
	FL_LINE_APP,
	FL_LINE_COMPANION,
	FL_LINE_SELF_PORTS,
	FL_LINE_SELF_APP,
	FL_LINE_SELF_COMPANION,
	FL_LINE_VIA_PORTS,
};

enum { FL_PROTO_ANY = 256 };

/* A rule of a filter before merging; its index is its place in the order of policy.md 4.3. */
struct fl_line {
	enum fl_line_kind kind;
	uint32_t rule; /* FL_NO_INDEX for allow-all */
	const struct fl_ports *ports;
	size_t ports_len;
	unsigned proto;
	const char *companion;
	uint32_t side;   /* of the destination: whom the line concerns */
	uint32_t source; /* FL_NO_INDEX: that of the part */
	/* Destinations without autogroup:self; of a companion the sources. */
	const struct fl_aliases *dst;
};

struct fl_rule_plan {
	uint32_t self_line, self_lines, via_line, via_lines;
	uint32_t self_src; /* side of the sources, if it has autogroup:self */
	uint32_t via_src;  /* side of the sources, if it has via */
};

struct fl_plan_edge {
	uint32_t rule, src, dst; /* rule, sides */
	enum fl_edge_kind kind;
};

struct fl_plan_pair {
	uint64_t user;
	uint32_t alias;
};

struct fl_plan_tag {
	const char *text;
	uint32_t alias;
};

struct fl_plan {
	atomic_uint refs;
	const struct fl_policy_doc *doc;
	struct fl_arena arena;
	struct fl_policy_user *users;
	size_t users_len;

	struct fl_who *who; /* by alias number */
	size_t who_len;
	struct fl_ipset *ipsets;    /* by index in the document */
	struct fl_plan_pair *pairs; /* user to alias, by user */
	size_t pairs_len;
	struct fl_plan_tag *tags; /* tag to alias, by text */
	size_t tags_len;

	struct fl_side *sides;
	size_t sides_len;
	struct fl_source_spec *sources;
	size_t sources_len;
	struct fl_line *lines;
	size_t lines_len;
	struct fl_rule_plan *rules; /* by rule */
	uint32_t *selfs, *vias;     /* rules with autogroup:self, with via */
	size_t selfs_len, vias_len;
	struct fl_plan_edge *edges; /* shared */
	size_t edges_len;
	uint32_t *out, *in, *by_side;
};

FL_MUST enum fl_err fl_plan_new(const struct fl_policy_doc *doc, const struct fl_policy_user *users,
				size_t users_len, struct fl_plan **out);
struct fl_plan *fl_plan_unref(struct fl_plan *plan); /* NULL in, NULL out */

/* whofill.c: users, and who of every alias. */
FL_MUST enum fl_err fl_who_fill(struct fl_plan *plan, const struct fl_policy_user *users,
				size_t users_len);
FL_MUST enum fl_err fl_who_resolve(const struct fl_plan *plan, struct fl_arena *arena,
				   const struct fl_alias *a, struct fl_who *out);
/* A user token: `found` is the user it fits if `count` is 1. */
FL_MUST enum fl_err fl_who_user(const struct fl_plan *plan, struct fl_arena *arena,
				const char *text, const struct fl_policy_user *found, size_t count,
				struct fl_who *out);
struct fl_ipset fl_fixed_view(enum fl_policy_fixed which); /* borrowed, constant */
bool fl_who_has(const struct fl_who *who, const struct fl_policy_facts *f);

/* ---- source strings (source.c) ---- */

struct fl_source {
	atomic_uint refs;
	bool any;
	const struct fl_policy_set *set; /* whose ranges are borrowed; or NULL: `own` */
	struct fl_range *own;
	size_t len;   /* ranges, ascending */
	size_t hosts; /* behind them: served single addresses, which are written as prefixes */
	uint64_t hash;
	_Atomic(struct fl_bytes *) text; /* JSON array of strings */
};

struct fl_source *fl_source_ref(struct fl_source *s);
struct fl_source *fl_source_unref(struct fl_source *s);
FL_MUST enum fl_err fl_source_new(const struct fl_policy *p, const struct fl_source_spec *spec,
				  struct fl_source **out);
struct fl_source *fl_source_of_set(const struct fl_policy_set *set);
struct fl_source *fl_source_of_ranges(struct fl_range *own, size_t len); /* takes `own` */
bool fl_source_eq(const struct fl_source *a, const struct fl_source *b);
bool fl_source_is_empty(const struct fl_source *s);

/* NULL: out of memory. */
const struct fl_bytes *fl_source_text(struct fl_source *s);

/* ---- served subnets, classes, parts ---- */

/* Subnets of all nodes: sorted, each once. */
struct fl_served {
	atomic_uint refs;
	struct fl_prefix *at;
	size_t len;
	struct fl_ipset ips;
};

struct fl_served *fl_served_unref(struct fl_served *s);

/* Which node has which slot: what policy.by_id shows. Shared until nodes come or go. */
struct fl_places {
	atomic_uint refs;
	size_t len;
	struct fl_policy_place at[];
};

struct fl_places *fl_places_new(size_t cap); /* `cap` of them, none used */
struct fl_places *fl_places_unref(struct fl_places *s);
void fl_places_use(struct fl_policy *p, struct fl_places *places); /* takes it */

/* Nodes that the same sides hold: they have the same peers and the same shared lines. */
struct fl_class {
	atomic_uint refs;
	uint64_t hash;
	bool exit; /* exit nodes count for destinations that are the internet */
	size_t len;
	uint32_t sides[];
};

/* The edges of one user or one router. */
struct fl_part {
	atomic_uint refs;
	uint64_t owner; /* user id, or slot */
	struct fl_policy_edge *edges;
	struct fl_source **sources; /* of self edges */
	size_t len;
	/* A user's devices: slots, by ascending ids; `each` if there are companions. */
	uint32_t *devices;
	size_t devices_len;
	struct fl_source *each;
	const struct fl_policy_set *all; /* their addresses */
};

struct fl_part *fl_part_ref(struct fl_part *part);
struct fl_part *fl_part_unref(struct fl_part *part);
FL_MUST enum fl_err fl_part_self(const struct fl_policy *p, uint64_t user, const uint32_t *devices,
				 size_t devices_len, struct fl_part **out);

/* *out is NULL if the router has no via edge. */
FL_MUST enum fl_err fl_part_via(const struct fl_policy *p, uint32_t slot, struct fl_part **out);
struct fl_part *fl_part_find(struct fl_part *const *parts, size_t len, uint64_t owner);

/* ---- the core of a snapshot ---- */

struct fl_core {
	struct fl_plan *plan;
	struct fl_places *places;
	struct fl_served *served;
	struct fl_policy_set **sides;
	struct fl_source **sources;
	/* Merging: each line's first of its group; FL_NO_INDEX: it makes no rule. */
	uint32_t *first;
	uint32_t *same;                 /* each source's first of equal strings */
	uint32_t *by_source, *by_group; /* hash tables of them; sizes are powers of two */
	size_t by_source_cap, by_group_cap;

	struct fl_part **selfs, **vias; /* ascending owners */
	size_t selfs_len, vias_len;
	bool odd;   /* some node has an address outside the wildcard ranges */
	bool stray; /* some router is behind devices of a user */

	uint32_t *class_of; /* by slot; FL_NO_INDEX for empty ones */
	struct fl_class **classes;
	uint32_t *class_nodes; /* how many; 0: free */
	size_t classes_len, classes_cap;
	_Atomic(uint64_t *) *rows; /* by class: peers through shared edges */

	_Atomic(struct fl_ssh *) ssh; /* ssh.h; NULL until asked for */
	struct fl_ssh *ssh_was;       /* of an older snapshot, to keep from it what stayed */
};

/* sets.c */
struct fl_policy_set *fl_set_new(void);
uint64_t *fl_bits_new(uint32_t words);
uint64_t *fl_bits_copy(const uint64_t *bits, uint32_t words); /* of some bits */
FL_MUST enum fl_err fl_bits_or(uint64_t **to, const uint64_t *bits, uint32_t words);
void fl_set_seal(struct fl_policy_set *s); /* hash and flags, once the ranges are complete */
uint64_t fl_ranges_hash(const struct fl_range *at, size_t n);
FL_MUST enum fl_err fl_set_of_side(const struct fl_policy *p, const struct fl_side *side,
				   struct fl_policy_set **out);

/* index.c: nodes by address, while a snapshot is built */
struct fl_index {
	struct fl_index_ip *ips;
	size_t ips_len;
	struct fl_index_route *routes;
	size_t routes_len;
	bool stray; /* some subnet holds an address of a node */
};
FL_MUST enum fl_err fl_index_init(struct fl_index *x, const struct fl_policy *p);
void fl_index_done(struct fl_index *x);
FL_MUST enum fl_err fl_index_inside(const struct fl_index *x, uint32_t words,
				    struct fl_policy_set *s);
FL_MUST enum fl_err fl_index_behind(const struct fl_index *x, uint32_t words,
				    struct fl_policy_set *s);

/* core.c: what follows from sets and nodes, for new snapshots and for steps */
FL_MUST enum fl_err fl_core_edges(struct fl_policy *p);
FL_MUST enum fl_err fl_core_groups(struct fl_core *c, const struct fl_core *old); /* or NULL */
FL_MUST enum fl_err fl_core_serve(struct fl_policy *p);
uint32_t fl_group_find(const struct fl_core *c, const struct fl_source *s, unsigned proto);

/* peers.c: all peers of a node as bits; *out_own is to be freed. NULL: out of memory. */
const uint64_t *fl_peers_row(const struct fl_policy *p, uint32_t slot, uint64_t **out_own);

/* class.c */
struct fl_class *fl_class_unref(struct fl_class *k);
FL_MUST enum fl_err fl_classes_new(struct fl_policy *p);
FL_MUST enum fl_err fl_class_give(struct fl_policy *p, uint32_t slot);
void fl_class_drop(struct fl_core *c, uint32_t slot);

/* ---- steps ---- */

struct fl_move {
	uint32_t slot;
	const struct fl_policy_facts *was, *is; /* NULL: was not there, is gone */
	bool ips, subnets;                      /* these changed */
};

struct fl_step {
	const struct fl_policy *old;
	struct fl_policy *p; /* under construction */
	struct fl_move *moves;
	size_t len;
	uint32_t *near; /* routers with a subnet that holds an address that moved */
	size_t near_len;
	bool served; /* subnets changed */
};

bool fl_step_turns(const struct fl_step *st, const struct fl_policy_set *s); /* some bit of it */
FL_MUST enum fl_err fl_step_sets(const struct fl_step *st);    /* stepsets.c: sets, sides */
FL_MUST enum fl_err fl_step_sources(const struct fl_step *st); /* and sources */
FL_MUST enum fl_err fl_step_selfs(const struct fl_step *st);   /* stepparts.c */
FL_MUST enum fl_err fl_step_vias(const struct fl_step *st);
FL_MUST enum fl_err fl_step_classes(const struct fl_step *st);
bool fl_facts_carry(const struct fl_policy_facts *f, const struct fl_aliases *tags);
bool fl_facts_eq(const struct fl_policy_facts *a, const struct fl_policy_facts *b);
bool fl_facts_same_ips(const struct fl_policy_facts *a, const struct fl_policy_facts *b);
bool fl_facts_same_subnets(const struct fl_policy_facts *a, const struct fl_policy_facts *b);

/* facts.c */
FL_MUST enum fl_err fl_facts_new(const struct fl_policy_node *n, struct fl_policy_facts **out);
bool fl_facts_odd(const struct fl_policy_facts *f); /* an address outside the wildcard ranges */
struct fl_policy_facts *fl_facts_ref(struct fl_policy_facts *f);
struct fl_policy_facts *fl_facts_unref(struct fl_policy_facts *f);

/* reduce.c: what of a destination concerns one node (policy.md 4.10) */
struct fl_near {
	const struct fl_policy_facts *node;
	struct fl_ipset subnets; /* that it serves */
	struct fl_ipset own;     /* and its addresses */
	struct fl_ipset all;     /* and the internet, if it is an exit node */
	bool exit;
};
FL_MUST enum fl_err fl_near_init(const struct fl_policy_facts *f, struct fl_near *out);
void fl_near_done(struct fl_near *n);
bool fl_near_keeps(const struct fl_near *n, const struct fl_range *entry);

/* How the entries of DstPorts are written. */
enum fl_form {
	FL_FORM_USUAL, /* prefixes, single addresses bare */
	FL_FORM_CIDR,  /* prefixes (via); of these only what overlaps a subnet */
	FL_FORM_RANGE, /* ranges: the internet set (12 D2) */
};

/* Append entries with a comma before each but the first in the array. */
void fl_put_entry(const char *ip, const struct fl_line *line, bool *first, struct fl_buf *out);
void fl_put_entries(const struct fl_near *n, const struct fl_ipset *ips, enum fl_form form,
		    const struct fl_line *line, bool *first, struct fl_buf *out);

/* Destinations of a capability: prefixes, in the end sorted and each once. */
struct fl_dsts {
	struct fl_prefix *at;
	size_t len, cap;
	enum fl_err err; /* sticks */
};
void fl_dsts_add(struct fl_dsts *d, const struct fl_near *n, const struct fl_ipset *ips);
void fl_dsts_put(struct fl_dsts *d, struct fl_buf *out); /* JSON array; empties the list */

/* fill.c */
FL_MUST enum fl_err fl_fill_sets(struct fl_policy *p);

/* compile.c */
FL_MUST enum fl_err fl_core_rows(struct fl_core *c);                     /* after classes */
struct fl_policy *fl_policy_blank(struct fl_plan *plan, uint32_t words); /* takes the plan */
FL_MUST enum fl_err fl_policy_build(struct fl_plan *plan, struct fl_policy_facts **facts, size_t n,
				    struct fl_policy **out); /* refs both; ascending ids */

#endif
