/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * services/api/policy.h - what the handlers of /api/v1/policy share.
 *
 *   policy.c        get, check, test        policy_change.c set, history, rollback
 *   policy_ask.c    explain                 policy_reach.c  who-can, can
 *   policy_diff.c   diff                    policy_long.c   answers made beside the loop
 *   policy_json.c   rules, nodes, reports and diffs as JSON
 *   policy_select.c sources and destinations by what people call them; ports, protocols
 *
 * Every question may come with a text of its own; it is then answered as if that were in force, in
 * the world of now. Nothing of it is kept.
 */
#ifndef FL_SERVICES_API_POLICY_H
#define FL_SERVICES_API_POLICY_H

#include "domain/policy/chain.h"
#include "domain/policy/diff.h"
#include "domain/policy/reach.h"
#include "services/api/internal.h"
#include "services/policy/policies.h"

/* ---- policy.c ---- */

/* The admitted request's body; false: answered. First call of every handler of policies. */
bool fl_api_policy_open(struct fl_api *a, struct fl_http *x, struct fl_json **out);

/*
 * The text that a request must bring. An empty one allows everything, so one that was forgotten
 * must not pass for it. False: answered.
 */
bool fl_api_policy_text(struct fl_http *x, struct fl_jv body, struct fl_slice *out);

fl_api_write fl_api_policy_write; /* the text in force */

/* A text of the request as a snapshot. */
struct fl_api_trial {
	struct fl_policy *policy;      /* counted */
	struct fl_policy_doc *doc;     /* owned; NULL: none, or that in force */
	struct fl_policy_report tests; /* tests that fail; the snapshot is there even so */
};

/*
 * The policy that a question is about: the text `name` of the request if there is one, or what is
 * in force. False: it was refused and answered. Release with done in any case.
 */
bool fl_api_trial(struct fl_api *a, struct fl_http *x, struct fl_jv body, const char *name,
		  struct fl_api_trial *out);

/* The same for a text, which problems call `name`. */
bool fl_api_trial_text(struct fl_api *a, struct fl_http *x, const char *name, struct fl_slice text,
		       struct fl_api_trial *out);
void fl_api_trial_done(struct fl_api_trial *t);

/* ---- policy_change.c ---- */

enum {
	FL_API_HASH_TEXT_MAX = 2 * FL_HASH_LEN + 1,
	FL_API_ETAG_MAX = FL_API_HASH_TEXT_MAX + 2,
};

/* SHA-256 in hex: by it a change names the text that it was made from. */
void fl_api_policy_hash(struct fl_slice text, char out[static FL_API_HASH_TEXT_MAX]);
void fl_api_policy_etag(const char *hash, char out[static FL_API_ETAG_MAX]); /* in quotes */

/* ---- policy_long.c ---- */

/* A question whose answer takes long; embedded in what it is made from. */
struct fl_api_long {
	enum fl_err (*work)(struct fl_api_long *l); /* beside the loop: reads snapshots alone */
	void (*tell)(struct fl_api_long *l);        /* on the loop, after FL_OK: answers `x` */
	void (*release)(struct fl_api_long *l);     /* frees all, in any case the last */

	struct fl_api *api;
	struct fl_http *x; /* NULL once the client has gone */
	enum fl_err err;   /* of the work */
	struct fl_aside_job job;
};

/* Answers `x` sooner or later. The question is taken. */
void fl_api_long_start(struct fl_api *a, struct fl_http *x, struct fl_api_long *l);

/* ---- policy_json.c ---- */

/*
 * A refused text, member `name` of the request: each problem with message, location, line and
 * column. The location of tests that fail is "NAME.tests".
 */
void fl_api_policy_problem(struct fl_http *x, const char *name, struct fl_slice text,
			   const struct fl_policy_report *report);

/* Is it nothing but tests that fail? */
bool fl_api_policy_only_tests(const struct fl_policy_report *report);
void fl_api_policy_failures(const struct fl_policy_report *report, struct fl_jw *w);

void fl_api_policy_rule(const struct fl_policy_doc *d, const struct fl_rule *r, struct fl_jw *w);
void fl_api_policy_ports(const char *ports, struct fl_jw *w); /* separated by blanks; an array */
void fl_api_policy_node(struct fl_api *a, uint64_t id, struct fl_jw *w);
void fl_api_policy_nodes(struct fl_api *a, const uint64_t *ids, size_t len, struct fl_jw *w);

/* Members of an object that the caller begins and ends. */
void fl_api_policy_diff(struct fl_api *a, const struct fl_policy_diff *d,
			const struct fl_policy_report *tests, struct fl_jw *w);

/* ---- policy_select.c ---- */

/* One end of a question. */
struct fl_api_end {
	uint64_t node;         /* 0: an address that no node has */
	struct fl_ip ip4, ip6; /* unset: not with this family */
	size_t of;             /* how many nodes the text fits; the first is taken */
	const char *by;        /* what it names: "node", "user", "tag", "host", "address" */
};

/*
 * Finds what member `name` of the request means: an id, name, MagicDNS name or address of a node, a
 * user, a tag, a host of the policy, any address. False: answered.
 */
bool fl_api_policy_end(struct fl_api *a, struct fl_http *x, struct fl_jv body, const char *name,
		       const struct fl_policy_doc *doc, struct fl_api_end *out);

/* A port, and a protocol by name or number; any port if none is given. False: answered. */
bool fl_api_policy_traffic(struct fl_http *x, struct fl_jv body, struct fl_policy_query *out);

/* The end as JSON; `ip` is the address in question, unset: none in particular. */
void fl_api_policy_end_json(struct fl_api *a, const struct fl_api_end *e, const struct fl_ip *ip,
			    struct fl_jw *w);

/* ---- handlers ---- */
fl_api_handler fl_api_policy_get, fl_api_policy_put, fl_api_policy_check, fl_api_policy_test,
	fl_api_policy_history, fl_api_policy_revision, fl_api_policy_rollback;
fl_api_handler fl_api_policy_explain, fl_api_policy_who_can, fl_api_policy_can,
	fl_api_policy_compare;

#endif
