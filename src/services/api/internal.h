/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * services/api/internal.h - how the API's handlers read requests, change state and answer.
 *
 *   api.c     routes, start, end     auth.c   bearer keys        answer.c  answers after the commit
 *   object.c  records as JSON        aside.c  long work beside the loop
 *   user.c node.c key.c login.c      the resources; policy.h: policies
 *   ask.c     questions to a node itself                     debug.c   what the server does
 */
#ifndef FL_SERVICES_API_INTERNAL_H
#define FL_SERVICES_API_INTERNAL_H

#include "base/jw.h"
#include "services/api/api.h"
#include "services/api/aside.h"
#include "wire/json.h"

enum {
	FL_API_BODY_MAX = 1 << 20,
	FL_API_POLICY_BODY_MAX = 4 << 20, /* of requests with a policy text */
	FL_API_ANSWER_MAX = 64 << 20,
	FL_API_FAIL_SLOTS = 256,
	FL_API_FAILS_PER_MINUTE = 20,
};

/* Failed keys of the addresses that hash to one slot, in the current minute. */
struct fl_api_fails {
	fl_time since;
	uint32_t count;
};

struct fl_api {
	struct fl_control *control;
	struct fl_core *core;
	struct fl_state *state;       /* of the core */
	struct fl_policies *policies; /* NULL until given */
	uint64_t seed[2];
	struct fl_aside aside; /* long questions about policies */
	struct fl_api_fails fails[FL_API_FAIL_SLOTS];
	uint64_t refusals;
};

/* ---- auth.c ---- */
/* True if the request may go on; else it has been answered. First call of every handler. */
bool fl_api_admit(struct fl_api *a, struct fl_http *x);

/* ---- answer.c ---- */

/*
 * application/problem+json with the status that fits `err`. `location` names a field or may be
 * NULL.
 */
void fl_api_problem(struct fl_http *x, enum fl_err err, const char *detail, const char *location);
void fl_api_problem_of(struct fl_http *x, unsigned status, const char *detail,
		       const char *location);

/* Answers with what `b` holds (JSON) and frees it. */
void fl_api_json(struct fl_http *x, struct fl_buf *b);

/* What the answer of a change is written from, after the commit. */
struct fl_api_subject {
	uint64_t id;
	size_t count;
	char secret[FL_TOKEN_TEXT_MAX]; /* shown once, wiped */
};
typedef void fl_api_write(struct fl_api *a, const struct fl_api_subject *s, struct fl_jw *w);

/*
 * Waits for this tick's commit, then answers with one JSON value by `write`; a failed commit is a
 * 503.
 */
void fl_api_after_commit(struct fl_api *a, struct fl_http *x, fl_api_write *write,
			 const struct fl_api_subject *subject);

/* The answer to a change that was tried: the problem that `fault` tells, or as above. */
void fl_api_conclude(struct fl_api *a, struct fl_http *x, enum fl_err err,
		     const struct fl_fault *fault, const char *location, fl_api_write *write,
		     const struct fl_api_subject *subject);

/*
 * Parses the body; an empty one is an empty object. NULL: it was malformed and has been answered.
 */
struct fl_json *fl_api_body(struct fl_http *x);

/* A terminated copy of a string member in `out`; "" if absent. False: too long, answered. */
bool fl_api_text(struct fl_http *x, struct fl_jv obj, const char *name, char *out, size_t cap);

/* A number written as JSON number or string; 0 if absent. False: malformed, answered. */
bool fl_api_number(struct fl_http *x, struct fl_jv obj, const char *name, uint64_t *out);

/* An id in the path. False: not a number, answered. */
bool fl_api_path_id(struct fl_http *x, size_t segment, uint64_t *out);

/* A name in the path. False: malformed or too long, answered. */
bool fl_api_segment_text(struct fl_http *x, size_t segment, char *out, size_t cap);

/* A list of strings. False: malformed, answered. */
bool fl_api_list(struct fl_http *x, struct fl_jv obj, const char *name, struct fl_strlist *out);

fl_wall fl_api_now(const struct fl_api *a);

/* ---- object.c ---- */
void fl_api_user(struct fl_api *a, const struct fl_user *u, struct fl_jw *w);
void fl_api_node(struct fl_api *a, const struct fl_node *n, struct fl_jw *w);
/* `secret` NULL masks the key. */
void fl_api_preauth(struct fl_api *a, const struct fl_preauth *k, const char *secret,
		    struct fl_jw *w);
void fl_api_apikey(struct fl_api *a, const struct fl_apikey *k, struct fl_jw *w);
fl_api_write fl_api_write_empty, fl_api_write_node, fl_api_write_user;

/* ---- handlers ---- */
typedef void fl_api_handler(void *ctx, struct fl_http *x);
fl_api_handler fl_api_user_list, fl_api_user_create, fl_api_user_rename, fl_api_user_role,
	fl_api_user_delete;
fl_api_handler fl_api_node_list, fl_api_node_show, fl_api_node_delete, fl_api_node_expire,
	fl_api_node_rename, fl_api_node_tags, fl_api_node_routes, fl_api_node_register,
	fl_api_node_backfill, fl_api_node_ping, fl_api_node_health;
fl_api_handler fl_api_preauth_list, fl_api_preauth_create, fl_api_preauth_expire,
	fl_api_preauth_delete;
fl_api_handler fl_api_key_list, fl_api_key_create, fl_api_key_expire, fl_api_key_delete;
fl_api_handler fl_api_login_register, fl_api_login_approve, fl_api_login_reject,
	fl_api_login_pending;
fl_api_handler fl_api_debug_sessions, fl_api_debug_changes, fl_api_debug_views;
fl_api_handler fl_api_health;

#endif
