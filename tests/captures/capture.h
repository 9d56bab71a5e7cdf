/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/captures/capture.h - one recorded case: a policy, the machines it was applied to, and what
 * the hosted service told each of them.
 *
 * Memory  a case owns its world; everything is borrowed until capture_done.
 * Source  docs/policy.md 10
 */
#ifndef FL_TESTS_CAPTURES_CAPTURE_H
#define FL_TESTS_CAPTURES_CAPTURE_H

#include <jansson.h>

#include "base/arena.h"
#include "domain/policy/policy.h"

struct capture {
	json_t *json;
	const char *id, *category, *policy;
	bool rejected;
	const char *message; /* NULL if there is none */
	struct fl_arena arena;
	struct fl_policy_world world;
};

/* What is wrong with the file, or NULL. */
const char *capture_load(const char *path, struct capture *c);
void capture_done(struct capture *c);

/* By hostname; NULL if there is none. */
const struct fl_policy_node *capture_node(const struct capture *c, const char *name);

/* What the machine was told, NULL if that was not recorded. */
json_t *capture_told(const struct capture *c, const struct fl_policy_node *n);

/* The mail domain that the recorded tailnet owned. */
extern const char *const capture_domains[1];

#endif
