/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/policy/tests.h - what tests.c and sshtests.c share: the lines of a block that failed.
 *
 * Source  docs/policy.md 8.3, 8.4
 */
#ifndef FL_DOMAIN_POLICY_TESTS_H
#define FL_DOMAIN_POLICY_TESTS_H

#include "domain/policy/core.h"

struct fl_test_lines {
	struct fl_buf text;
	size_t at; /* of the entry with the first line */
};

/* Begins a line for the entry that stands at `at`. */
void fl_test_begin(struct fl_test_lines *l, size_t at);
void fl_test_quote(struct fl_test_lines *l, const char *text);

/* Adds a line for everything in sshTests that does not hold. Errors: FL_ERR_NOMEM. */
FL_MUST enum fl_err fl_ssh_tests_run(const struct fl_policy *p, struct fl_test_lines *l);

#endif
