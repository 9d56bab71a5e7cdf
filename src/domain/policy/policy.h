/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/policy/policy.h - what a policy means for each node: a snapshot and its answers.
 *
 * A snapshot is a document applied to a world. Aliases become interned address sets with a bitmap
 * of the nodes inside and of the routers behind them; a rule becomes an edge between two sets;
 * everything a node is told follows from bit tests and from fragments rendered once. A change of
 * the world makes a new snapshot that shares whatever the change did not touch, so its cost is that
 * of what it touches.
 *
 * Thread  a snapshot may be read by several threads at once; its count is atomic.
 * Memory  a snapshot holds its document, whoever else lets it go (fl_policy_doc_free).
 * Source  docs/policy.md 3.3, 4 to 8, 11.3, 13
 */
#ifndef FL_DOMAIN_POLICY_POLICY_H
#define FL_DOMAIN_POLICY_POLICY_H

#include "base/buf.h"
#include "base/bytes.h"
#include "domain/policy/document.h"

struct fl_policy;

/* ---- snapshots ---- */

/*
 * Applies a document (NULL: no policy, everything is allowed) to a world.
 * Errors: FL_ERR_NOMEM, FL_ERR_ARG (ids do not ascend).
 */
FL_MUST enum fl_err fl_policy_new(const struct fl_policy_doc *doc,
				  const struct fl_policy_world *world, struct fl_policy **out);

/* Another document (NULL as above) in the world of `p`. Errors: FL_ERR_NOMEM. */
FL_MUST enum fl_err fl_policy_with(const struct fl_policy *p, const struct fl_policy_doc *doc,
				   struct fl_policy **out);

/*
 * The same document in a world that differs by some nodes: those in `changed` (as they are now, new
 * ones included) and those whose ids are in `removed`. Both ascend. Users did not change.
 */
FL_MUST enum fl_err fl_policy_step(const struct fl_policy *old,
				   const struct fl_policy_node *changed, size_t changed_len,
				   const uint64_t *removed, size_t removed_len,
				   struct fl_policy **out);

struct fl_policy *fl_policy_ref(struct fl_policy *p);
struct fl_policy *fl_policy_unref(struct fl_policy *p); /* NULL in, NULL out */

const struct fl_policy_doc *fl_policy_document(const struct fl_policy *p); /* may be NULL */

/* ---- packet filter ---- */

/*
 * Appends the node's rules, reduced to it, as a JSON array of tailcfg.FilterRule; "[]" when nothing
 * may reach it or the node is unknown. Source strings are sorted bytewise.
 */
void fl_policy_filter(const struct fl_policy *p, uint64_t node, struct fl_buf *out);

/* ---- peers ---- */

/* Does either of two nodes see the other? Symmetric; false for a node and itself. */
bool fl_policy_sees(const struct fl_policy *p, uint64_t a, uint64_t b);

/* The ids of all peers of a node, ascending; returns how many. `out` has room for `cap`. */
size_t fl_policy_peers(const struct fl_policy *p, uint64_t node, uint64_t *out, size_t cap);

/* ---- routes ---- */

enum { FL_POLICY_ROUTES_MAX = 512 }; /* of one peer, exit routes included */

/*
 * The routes that `viewer` gets from `peer`, sorted: AllowedIPs without the peer's own addresses.
 * PrimaryRoutes are those that are no exit routes. With viewer == peer: all that it serves, and
 * PrimaryRoutes are what it is elected for. `out` has room for FL_POLICY_ROUTES_MAX; returns how
 * many.
 */
size_t fl_policy_routes(const struct fl_policy *p, uint64_t viewer, uint64_t peer,
			struct fl_prefix *out);

/* ---- approval and tags ---- */

/* May the node serve this route without an administrator? By `node`, known to the world or not. */
bool fl_policy_approves(const struct fl_policy *p, const struct fl_policy_node *node,
			const struct fl_prefix *route);

bool fl_policy_tag_exists(const struct fl_policy *p, const char *tag); /* declared in tagOwners */

/* May the node ask for this tag? */
bool fl_policy_may_have_tag(const struct fl_policy *p, const struct fl_policy_node *node,
			    const char *tag);

/* Does one of the tags held own `tag`, or is it among them? */
bool fl_policy_tag_owned(const struct fl_policy *p, const char *tag, const char *const *held,
			 size_t held_len);

/* The pool for a new node's first address; false: the general one. Prefixes borrowed. */
bool fl_policy_pool(const struct fl_policy *p, const struct fl_policy_node *node,
		    const struct fl_prefix **out, size_t *out_len);

/* ---- SSH ---- */

/*
 * Appends the node's SSH policy as JSON ({"rules":[...]}) and returns true; false, appending
 * nothing, when the document has no ssh section. `base_url` is the server's, without a slash at
 * its end.
 */
bool fl_policy_ssh(const struct fl_policy *p, uint64_t node, const char *base_url,
		   struct fl_buf *out);

/* Is (src, dst) a pair that needs a check, and for how long does one hold? 0 = ask each time. */
bool fl_policy_ssh_check(const struct fl_policy *p, uint64_t src, uint64_t dst,
			 int64_t *out_period_ns);

/* ---- node attributes ---- */

/*
 * Calls `each` for every attribute of the node by policy, in byte order of names. `args` is JSON: a
 * list, or null. Errors: FL_ERR_NOMEM; `each` may have been called for some.
 */
FL_MUST enum fl_err fl_policy_attrs(const struct fl_policy *p, uint64_t node,
				    void (*each)(void *ctx, const char *name, const char *args),
				    void *ctx);
bool fl_policy_has_attr(const struct fl_policy *p, uint64_t node, const char *name);

/*
 * Do its peers see `suggest-exit-node` on it? The service gives it to every exit node (recorded on
 * 88 peers whose policy has no node attributes).
 */
bool fl_policy_suggests_exit(const struct fl_policy *p, uint64_t node);

/* ---- what differs ---- */

enum fl_policy_part {
	FL_POLICY_FILTER = 1 << 0,
	FL_POLICY_PEERS = 1 << 1, /* the list, or the routes of a peer */
	FL_POLICY_SSH = 1 << 2,
	FL_POLICY_ATTRS = 1 << 3,
	FL_POLICY_ROUTES = 1 << 4, /* of a peer in both, see fl_policy_moved_new; part of PEERS */
};

/*
 * What a node is told differently in `b` than in `a`: bits of enum fl_policy_part. Exact: equal
 * results give no bit. Work: what changed between two steps of one document is found by sharing.
 */
unsigned fl_policy_differs(const struct fl_policy *a, const struct fl_policy *b, uint64_t node);

/* The same, of these parts alone: FL_POLICY_ROUTES only here. */
unsigned fl_policy_differs_in(const struct fl_policy *a, const struct fl_policy *b, uint64_t node,
			      unsigned parts);

/*
 * Which peers came and went, for one node after the other. NULL: lists must be compared, because
 * `b` did not come from `a` by steps, or for want of memory. Both are borrowed.
 */
struct fl_policy_moved;
struct fl_policy_moved *fl_policy_moved_new(const struct fl_policy *a, const struct fl_policy *b);
struct fl_policy_moved *fl_policy_moved_free(struct fl_policy_moved *m); /* NULL in, NULL out */

struct fl_policy_ids {
	uint64_t *at; /* the caller's, with room for all nodes */
	size_t len;
};

/* In no order. False: lists must be compared for this node. */
bool fl_policy_moved_of(const struct fl_policy_moved *m, uint64_t node, struct fl_policy_ids *lost,
			struct fl_policy_ids *gained);

/* ---- tests of the document ---- */

/*
 * Runs `tests` and `sshTests`. FL_ERR_INVALID: `report` has a problem for each block that failed,
 * with the lines of policy.md 8.3 and 8.4. Errors: FL_ERR_NOMEM.
 */
FL_MUST enum fl_err fl_policy_run_tests(const struct fl_policy *p, struct fl_policy_report *report);

/* ---- explanation ---- */

struct fl_policy_query {
	struct fl_ip src, dst; /* dst may be an address behind a router, or of the internet */
	uint8_t proto;         /* 0 = as a client tries: TCP */
	uint16_t port;
	bool any_port; /* in place of a port: some will do; without a protocol, any traffic */
};

enum fl_policy_why {
	FL_WHY_RULE,      /* a rule allows it */
	FL_WHY_ALLOW_ALL, /* no rules at all */
	FL_WHY_NO_RULE,   /* none matches; the nearest miss is told */
};

enum fl_policy_miss {
	FL_MISS_NONE,
	FL_MISS_SRC,
	FL_MISS_DST,
	FL_MISS_PORT,
	FL_MISS_PROTO,
	FL_MISS_ROUTE
};

struct fl_policy_verdict {
	bool allowed;
	enum fl_policy_why why;
	const struct fl_rule *rule;       /* that allows, or the nearest that missed; or NULL */
	const struct fl_alias *src, *dst; /* its aliases that matched; NULL where none did */
	enum fl_policy_miss miss;
	uint64_t
		router; /* the node that filters for dst, when dst is no node's address; 0 = none */
};

/*
 * Would the packet filter of the node at (or in front of) `dst` let it in? The answer is that of
 * fl_policy_filter applied to the packet.
 */
void fl_policy_explain(const struct fl_policy *p, const struct fl_policy_query *q,
		       struct fl_policy_verdict *out);

#endif
