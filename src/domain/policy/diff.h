/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/policy/diff.h - what changes for people when one snapshot takes the place of another: who
 * gains and who loses which way to whom, and who is told what anew.
 *
 * Not texts are compared but what they let through. Nodes that no rule of the two documents tells
 * apart are one class, so that the work follows the rules and not the pairs of nodes; what changes
 * alike is one entry. An address, a host or an IP set that leads behind a router, and each served
 * subnet, stands beside the nodes as a place of its own.
 *
 * An entry about autogroup:self says what changes between the devices of one user beyond what the
 * other entries say of them. What a rule of theirs still allows is not taken out of the others.
 *
 * Memory  an arena of the diff; texts of aliases are borrowed from the two documents.
 * Limits  FL_DIFF_ENTRIES_MAX entries of each kind and FL_DIFF_SHOWN names a side are kept; the
 *         rest is counted. `cut`: too large to compare by pairs within FL_DIFF_WORK_MAX; who is
 *         told what is complete even so.
 * Source  docs/policy.md 4, 8
 */
#ifndef FL_DOMAIN_POLICY_DIFF_H
#define FL_DOMAIN_POLICY_DIFF_H

#include "base/arena.h"
#include "domain/policy/policy.h"

enum {
	FL_DIFF_ENTRIES_MAX = 500,
	FL_DIFF_SHOWN = 32,
	FL_DIFF_PLACES_MAX = 1024,
	FL_DIFF_WORK_MAX = 1 << 26, /* rules held against things, and bits looked at */
};

/* One end of an entry. */
struct fl_diff_side {
	const char *alias;             /* stands for exactly these nodes; NULL: none does */
	bool self;                     /* the source's other devices (autogroup:self) */
	const uint64_t *nodes;         /* ids, ascending; at most FL_DIFF_SHOWN */
	size_t nodes_shown, nodes_len; /* of how many */
	const char *const *places;     /* what else: subnets, addresses, hosts */
	size_t places_shown, places_len;
};

struct fl_diff_entry {
	struct fl_diff_side src, dst;
	const char *ports; /* as `ip` entries, separated by blanks: "80,443 udp:53" or "*" */
};

struct fl_diff_list {
	struct fl_diff_entry *at;
	size_t len, count; /* kept, and found */
};

/* Nodes that are told the same parts anew. */
struct fl_diff_told {
	unsigned parts; /* of enum fl_policy_part */
	const uint64_t *nodes;
	size_t nodes_shown, nodes_len;
};

enum { FL_DIFF_TOLD_MAX = 16 };

struct fl_policy_diff {
	struct fl_diff_list gained, lost;
	struct fl_diff_told told[FL_DIFF_TOLD_MAX];
	size_t told_len;
	size_t nodes_told;
	bool cut;
	struct fl_arena arena;
};

/*
 * From `a` to `b`, two snapshots of one world. Errors: FL_ERR_NOMEM. Release with done.
 */
FL_MUST enum fl_err fl_policy_diff(const struct fl_policy *a, const struct fl_policy *b,
				   struct fl_policy_diff *out);
void fl_policy_diff_done(struct fl_policy_diff *d);

#endif
