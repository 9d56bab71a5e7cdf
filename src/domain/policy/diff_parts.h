/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/policy/diff_parts.h - what the files of the comparison share. For them only.
 *
 *   diff.c          from two snapshots to the answer       diff_traffic.c  ports as sets
 *   diff_things.c   classes of nodes, and places           diff_units.c    rules as bits of things
 *   diff_pairs.c    pairs of things whose ports differ     intern.c        equal bytes, one number
 */
#ifndef FL_DOMAIN_POLICY_DIFF_PARTS_H
#define FL_DOMAIN_POLICY_DIFF_PARTS_H

#include "domain/policy/diff.h"
#include "domain/policy/explain.h"

/* ---- intern.c: equal bytes get one number ---- */

struct fl_intern {
	struct fl_arena *arena;
	struct fl_slice *at; /* by number */
	uint32_t len, cap;
	uint32_t *slots; /* number + 1; 0: free */
	size_t slots_cap;
};

void fl_intern_done(struct fl_intern *t);

/* The number of these bytes, which are copied. False: out of memory. *out_fresh may be NULL. */
bool fl_intern(struct fl_intern *t, const void *bytes, size_t len, uint32_t *out, bool *out_fresh);

/* ---- diff_traffic.c: what gets through, by protocol and port ---- */

struct fl_box {
	uint16_t proto, first, last;
};

struct fl_traffic_set {
	struct fl_box *at; /* once tidy: ascending, none touching another of its protocol */
	size_t len, cap;
	bool failed; /* out of memory; sticks */
};

void fl_traffic_done(struct fl_traffic_set *s);
void fl_traffic_add(struct fl_traffic_set *s, const struct fl_traffic *t);
void fl_traffic_add_all(struct fl_traffic_set *s); /* what a rule without restriction allows */
void fl_traffic_add_boxes(struct fl_traffic_set *s, const struct fl_box *at, size_t len);
void fl_traffic_tidy(struct fl_traffic_set *s);

/* What is in `a` and not in `b`, both tidy. */
void fl_traffic_less(const struct fl_traffic_set *a, const struct fl_traffic_set *b,
		     struct fl_traffic_set *out);

/* Appends it tidy as `ip` entries separated by blanks. */
void fl_traffic_text(const struct fl_traffic_set *s, struct fl_buf *out);

/* ---- diff_things.c ---- */

enum { FL_SIDES = 2, FL_FAMILIES = 2 };

struct fl_diff_node {
	uint64_t id;
	uint64_t hash;           /* of its class */
	uint32_t slot[FL_SIDES]; /* in each snapshot */
	unsigned parts;          /* what it is told anew */
};

/* A class of nodes, or a place. */
struct fl_thing {
	uint32_t first, count; /* of diff.order; count 0: a place */
	bool told;             /* its filters differ, or it is a place */
	const char *text;      /* of a place */
	struct fl_ipset ips;   /* borrowed */
	bool behind, outside;  /* a router serves some of it; exit nodes carry all of it */
};

struct fl_differ {
	const struct fl_policy *p[FL_SIDES];
	struct fl_policy_diff *out;
	struct fl_arena scratch;
	struct fl_diff_node *nodes; /* ascending ids */
	uint32_t nodes_len;
	uint32_t *node_of[FL_SIDES]; /* by slot */
	uint32_t *order;             /* nodes, class by class */
	uint32_t *thing_of;          /* by node */
	struct fl_thing *things;
	uint32_t things_len, things_cap;
	uint32_t words; /* of a bitmap of things */
	uint64_t work;
};

bool fl_diff_allows_all(const struct fl_policy *p);
FL_MUST enum fl_err fl_diff_nodes(struct fl_differ *d);  /* and what they are told */
FL_MUST enum fl_err fl_diff_things(struct fl_differ *d); /* after the nodes */

/* A number that looks random: sums of them tell sets apart. */
uint64_t fl_diff_mix(uint64_t v);

/* ---- diff_units.c ---- */

/* A rule's sources and its traffic, for one family or for devices of one user. */
struct fl_unit {
	const uint64_t *src; /* things */
	const struct fl_box *traffic;
	size_t traffic_len;
};

struct fl_units {
	struct fl_intern seen;
	struct fl_unit *at; /* by number: equal units of the two snapshots have one */
	size_t cap;
	/* By thing: the units that lead to it; by snapshot, ascending. */
	struct fl_unit_list {
		uint32_t *at;
		uint32_t len, cap;
	} * to[FL_SIDES];
	struct fl_unit_list self[FL_SIDES]; /* those that lead to own devices */
	uint32_t things_len;
};

FL_MUST enum fl_err fl_units_new(struct fl_differ *d, struct fl_units *out);
void fl_units_done(struct fl_units *u);

/* ---- diff_pairs.c ---- */

/* An entry as bits. */
struct fl_diff_pair {
	bool gained, self;
	const char *ports;
	uint64_t *src, *dst; /* things; dst is not used for own devices */
};

struct fl_diff_pairs {
	struct fl_diff_pair *at;
	size_t len, cap;
	struct fl_intern seen; /* by all but the destinations */
};

FL_MUST enum fl_err fl_diff_pairs(struct fl_differ *d, const struct fl_units *u,
				  struct fl_diff_pairs *out);
void fl_diff_pairs_done(struct fl_diff_pairs *p);

#endif
