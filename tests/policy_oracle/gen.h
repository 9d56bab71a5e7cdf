/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/policy_oracle/gen.h - random policies, worlds, changes of a world, and packets.
 *
 * Names are few and fixed, so that whatever is drawn meets something; policies are valid by
 * construction but for a few, which the reader refuses. What the accepted ones held is counted.
 *
 * Source  docs/policy.md 2, 3.1, 3.2, 13
 */
#ifndef FL_TESTS_POLICY_ORACLE_GEN_H
#define FL_TESTS_POLICY_ORACLE_GEN_H

#include <jansson.h>

#include "base/rng.h"
#include "domain/policy/policy.h"

enum { GEN_USERS = 4, GEN_NODES = 12, GEN_TAGS = 3, GEN_ROUTES = 8, GEN_IDS = 24 };

/* By value: copies stand for themselves once gen_view has made its pointers. */
struct gen_node {
	struct fl_policy_node rec;
	const char *tags[GEN_TAGS];
	struct fl_prefix served[GEN_ROUTES], primary[GEN_ROUTES];
};
struct gen_world {
	struct fl_policy_user users[GEN_USERS];
	size_t users_len;
	struct gen_node nodes[GEN_NODES];
	size_t nodes_len;
};
struct gen_view {
	struct fl_policy_node nodes[GEN_NODES];
	struct fl_policy_world world;
};

extern const char *const gen_domains[2]; /* the tailnet's own */

void gen_world(struct fl_rng *r, struct gen_world *out);
void gen_change(struct fl_rng *r, struct gen_world *w); /* one to three changes, then elections */
void gen_view(const struct gen_world *w, struct gen_view *out); /* `w` outlives it */
bool gen_same_node(const struct gen_node *a, const struct gen_node *b);
json_t *gen_world_json(const struct gen_world *w);

json_t *gen_policy(struct fl_rng *r);
void gen_query(struct fl_rng *r, const struct gen_world *w, struct fl_policy_query *out);

/* ---- parts of a policy: gen_alias.c, gen_more.c ---- */

enum gen_place {
	GEN_ACL_SRC,
	GEN_ACL_DST,
	GEN_GRANT_SRC,
	GEN_GRANT_DST,
	GEN_VIA,
	GEN_SSH_SRC,
	GEN_SSH_DST,
	GEN_OWNER,
	GEN_APPROVER,
	GEN_TARGET,
	GEN_MEMBER,
	GEN_IPSET,
	GEN_TEST_SRC,
	GEN_TEST_DST,
	GEN_SSH_TEST_SRC,
	GEN_SSH_TEST_DST,
	GEN_SELF_SRC, /* source of a rule whose destination is autogroup:self */
	GEN_PLACES
};

bool gen_chance(struct fl_rng *r, unsigned percent);
const char *gen_pick(struct fl_rng *r, const char *const *list, size_t len);
#define GEN_PICK(r, list) gen_pick(r, list, sizeof(list) / sizeof *(list))

json_t *gen_alias(struct fl_rng *r, enum gen_place place);
json_t *gen_aliases(struct fl_rng *r, enum gen_place place, size_t most);
json_t *gen_app(struct fl_rng *r);
void gen_definitions(struct fl_rng *r, json_t *policy); /* groups, hosts, ipsets, tagOwners */
json_t *gen_ssh(struct fl_rng *r);
json_t *gen_attrs(struct fl_rng *r);
json_t *gen_approvers(struct fl_rng *r);
void gen_tests(struct fl_rng *r, json_t *policy);

/* ---- coverage ---- */

void gen_cover(const json_t *policy); /* counts one accepted policy */
void gen_cover_refused(const char *why);
void gen_cover_change(const char *what);
void gen_cover_print(void);

#endif
