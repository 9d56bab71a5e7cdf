/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * services/policy/policies.h - the policy in force: from a file or the database, applied to the
 * state, replaced as a whole or not at all. Its history are the revisions of domain/state.
 *
 * A new text is read, checked against the users and nodes of now, and its tests are run; only then
 * is it stored, and only after the commit does it take effect. Whatever fails on the way leaves
 * the policy in force untouched. Changes of users and nodes lead to the next snapshot at the end
 * of their tick, before anything is told to anybody.
 *
 * Thread  the control loop.
 * Source  docs/policy.md 5.2, 8.1, 9; docs/lifecycle.md 20
 */
#ifndef FL_SERVICES_POLICY_POLICIES_H
#define FL_SERVICES_POLICY_POLICIES_H

#include "domain/policy/policy.h"
#include "services/control/core.h"

enum fl_policy_mode {
	FL_POLICY_MODE_FILE,     /* policy.path; "" = no policy: everything is allowed */
	FL_POLICY_MODE_DATABASE, /* set by administrators, with its history */
};

struct fl_policies;

struct fl_policies_config {
	enum fl_policy_mode mode;
	const char *path;           /* FL_POLICY_MODE_FILE */
	const char *const *domains; /* own e-mail domains, see fl_policy_read */
	size_t domains_len;
};

/*
 * Reads what is in force and applies it to the state. A policy that cannot be read refuses the
 * start; one whose tests fail is only logged.
 * Errors: FL_ERR_INVALID, FL_ERR_NOT_FOUND, FL_ERR_IO with `fault`; FL_ERR_NOMEM.
 */
FL_MUST enum fl_err fl_policies_new(struct fl_core *core, const struct fl_policies_config *cfg,
				    struct fl_fault *fault, struct fl_policies **out);
struct fl_policies *fl_policies_free(struct fl_policies *s); /* NULL in, NULL out */

/*
 * The snapshot in force; never NULL. Borrowed until the end of the tick; a reference keeps it and
 * its document.
 */
struct fl_policy *fl_policies_now(struct fl_policies *s);

/* The text in force and when it came ("" and 0: there is none). Borrowed until the next change. */
struct fl_slice fl_policies_text(const struct fl_policies *s, fl_wall *out_updated);
enum fl_policy_mode fl_policies_mode(const struct fl_policies *s);

/* ---- candidates: texts that are tried, not stored ---- */

struct fl_policy_candidate {
	struct fl_policy_doc *doc; /* NULL: an empty text */
	struct fl_policy *policy;  /* applied to the users and nodes of now */
};

/*
 * Reads, checks user references, applies, runs tests. FL_ERR_INVALID: `report` says why, and
 * *out holds nothing. Errors: FL_ERR_NOMEM.
 */
FL_MUST enum fl_err fl_policies_try(struct fl_policies *s, struct fl_slice text,
				    struct fl_policy_report *report,
				    struct fl_policy_candidate *out);
void fl_policy_candidate_done(struct fl_policy_candidate *c);

/* ---- changing ---- */

/*
 * Tries the text and, if it is good, stores it as the next revision in this tick; in force with
 * the commit (wait for it with fl_core_wait). FL_ERR_DENIED: the mode is file. FL_ERR_INVALID:
 * `report` says why.
 */
FL_MUST enum fl_err fl_policies_set(struct fl_policies *s, struct fl_slice text, const char *author,
				    const char *comment, struct fl_policy_report *report,
				    uint64_t *out_rev);

/*
 * Reads the file again (SIGHUP). On any error the policy in force stays; the problems are logged
 * too. In database mode nothing.
 */
FL_MUST enum fl_err fl_policies_reload(struct fl_policies *s, struct fl_policy_report *report);

/* Prometheus text. */
void fl_policies_metrics(const struct fl_policies *s, struct fl_buf *out);

#endif
