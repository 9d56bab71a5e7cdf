/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/captures/check.h - compares what the engine says with what a case recorded.
 *
 * Each check looks at one machine and one part and reports differences through check_differs; a
 * difference that the list of known ones names is counted, not reported.
 *
 * Source  docs/policy.md 10.3
 */
#ifndef FL_TESTS_CAPTURES_CHECK_H
#define FL_TESTS_CAPTURES_CHECK_H

#include "capture.h"

/* "CASE PART", as in known.txt, with the line's reason. */
struct known {
	char **lines;
	bool *used;
	size_t len;
};

struct check {
	const struct capture *c;
	const struct fl_policy *p;
	struct known *known;
	unsigned failed;
};

/* Reports one difference of `part` at `node` (NULL: of the whole case). Both texts may be NULL. */
void check_differs(struct check *k, const char *part, const char *node, const char *want,
		   const char *got);

/* As check_differs when the values are not equal. Steals both. */
void check_equal(struct check *k, const char *part, const struct fl_policy_node *n, json_t *want,
		 json_t *got);

void check_filter(struct check *k, const struct fl_policy_node *n, json_t *told);
void check_whois(struct check *k, const struct fl_policy_node *n, json_t *told);
void check_ssh(struct check *k, const struct fl_policy_node *n, json_t *told);
void check_caps(struct check *k, const struct fl_policy_node *n, json_t *told);
void check_peers(struct check *k, const struct fl_policy_node *n, json_t *told);
void check_approval(struct check *k); /* category routes only */
void check_as_grants(struct check *k);

/* ---- JSON made comparable: canon.c ---- */

/* A new array, sorted by text. NULL gives an empty one. */
json_t *canon_set(const json_t *list);
/* CapMap: null and absent lists are empty ones. */
json_t *canon_caps(const json_t *map);
json_t *canon_filter(const json_t *rules);
json_t *canon_ssh(const json_t *rules);

#endif
