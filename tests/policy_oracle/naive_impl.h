/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/policy_oracle/naive_impl.h - what the files of the oracle share.
 *
 * Source  docs/policy.md 0
 */
#ifndef FL_TESTS_POLICY_ORACLE_NAIVE_IMPL_H
#define FL_TESTS_POLICY_ORACLE_NAIVE_IMPL_H

#include "base/arena.h"
#include "naive.h"

typedef unsigned __int128 nwide;

/* ---- address sets: maximal closed ranges, IPv4 before IPv6, ascending ---- */

struct nrange {
	nwide lo, hi;
	uint8_t family;
};
struct nset {
	struct nrange *at;
	size_t len, cap;
};
struct nprefixes {
	struct fl_prefix *at;
	size_t len;
};

void nset_add(struct naive *n, struct nset *s, struct nrange r);
void nset_add_ip(struct naive *n, struct nset *s, const struct fl_ip *ip); /* unset adds nothing */
void nset_add_prefix(struct naive *n, struct nset *s, const struct fl_prefix *p);
void nset_unite(struct naive *n, struct nset *s, const struct nset *other);
void nset_remove(struct naive *n, struct nset *s, const struct nset *other);
bool nset_has(const struct nset *s, const struct fl_ip *ip);
bool nset_overlaps(const struct nset *s, const struct fl_prefix *p);
bool nset_covers(const struct nset *outer, const struct nset *inner);

struct nprefixes nset_prefixes(struct naive *n, const struct nset *s); /* the prefix view */
void nset_append_texts(const struct nset *s, json_t *list); /* the string view, at the end */
/* The set of a string of a rule; of anything else nothing. */
struct nset nset_of_text(struct naive *n, const char *text);

bool nprefix_overlap(const struct fl_prefix *a, const struct fl_prefix *b);
void nprefix_append(const struct fl_prefix *p, bool bare, json_t *list);

/* ---- JSON ---- */

json_t *njson_sorted(json_t *list); /* a list of texts, in byte order; takes the list */
bool njson_has(const json_t *list, const char *text);

/* ---- grants ---- */

struct nports {
	uint16_t first, last;
};
struct ntraffic {
	int proto; /* -1: any */
	struct nports *ports;
	size_t ports_len;
};
struct ngrant {
	const char **src, **dst;
	size_t src_len, dst_len;
	struct ntraffic *ip;
	size_t ip_len;
	json_t *app;   /* NULL: none */
	json_t *via;   /* NULL: none */
	json_t *plain; /* its rules for all nodes, once they are made */
};
struct nmatcher {
	struct nset src, dst;
};
struct nmatchers {
	struct nmatcher *at;
	size_t len;
};

struct naive {
	struct fl_arena mem;
	json_t *policy;
	const struct fl_policy_world *w;
	struct nset internet, star;
	bool allow_all;
	struct ngrant *grants; /* 4.1 */
	size_t grants_len;
	json_t **rules;                         /* of each node, unreduced */
	json_t **filters;                       /* of each node, reduced, once asked for */
	struct nmatchers *matchers, *seen_only; /* of each node */
};

void *nalloc(struct naive *n, size_t count, size_t size); /* zeroed; never NULL */

/* ---- aliases ---- */

const char *ntrim(struct naive *n, const char *text);
/* Does an identity alias mean the node, whatever addresses it has? */
bool nalias_means(const struct naive *n, const char *text, const struct fl_policy_node *node);
bool nalias_is(const char *text, const char *prefix);
struct nset nresolve(struct naive *n, const char *text);        /* as a source or a target */
struct nset nresolve_dst(struct naive *n, const char *text);    /* as a destination */
struct nset nresolve_holder(struct naive *n, const char *text); /* as an owner or an approver */
const struct fl_policy_user *nuser_of_token(const struct naive *n, const char *token);
const struct fl_policy_user *nuser(const struct naive *n, uint64_t id);
bool ndomain_is(const char *email, const char *domain);
void nhost_prefix(const char *text, struct fl_prefix *out); /* unset if it is no address */

/* ---- nodes ---- */

bool nnode_in(const struct nset *s, const struct fl_policy_node *node);
bool nnode_owned(const struct fl_policy_node *node); /* untagged, and has a user */
bool nnode_has_tag(const struct fl_policy_node *node, const json_t *tags);
bool nnode_route_in(const struct nset *s, const struct fl_policy_node *node);
bool nnode_serves(const struct fl_policy_node *node, const struct fl_prefix *p);
bool nnode_exits(const struct fl_policy_node *node);

/* ---- stages ---- */

void ngrants_read(struct naive *n);
json_t *nrules_of(struct naive *n, size_t node); /* merged, unreduced */
/* D5: what makes the router of an app-only via grant visible without being a rule. */
json_t *nrules_seen_only(struct naive *n, size_t node);
bool nrules_by_node(const struct naive *n); /* do they depend on the node? */
bool nset_is_internet(const struct naive *n, const struct nset *s); /* 4.11 */
void nmatchers_read(struct naive *n, const json_t *rules, struct nmatchers *out);

#endif
