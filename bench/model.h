/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bench/model.h - what every emulated node should see, and what it has seen.
 *
 * A peer as a node sees it is a record of the fields that matter to a client: id, key, discovery
 * key, name, addresses, allowed addresses, endpoints, home region, online. Records are interned, so
 * a thousand views of one peer cost an index each. The model holds the record that every viewer
 * ought to have; a viewer is converged when the sum over its records equals the sum over the
 * model's without its own, its own entry is right, and its filter lets in whom it should: all under
 * policy fixture P0; under P2 (own devices and tags) each of the others or not, by the rule at
 * model_by_tags. So a server that drops, delays or mixes up work never looks done.
 *
 * Thread  one.
 * Limits  BENCH_NODES_MAX nodes.
 */
#ifndef FL_BENCH_MODEL_H
#define FL_BENCH_MODEL_H

#include "base/err.h"
#include "base/slice.h"
#include "filter.h"
#include "js.h"

enum { BENCH_NODES_MAX = 20000 };

/* The facts of a peer, each text as a digest; comparable by memcmp. */
struct peer {
	uint64_t id, key, disco, name, addrs, allowed, eps;
	uint32_t derp;
	int32_t online; /* 1, 0, or -1 unknown */
};

/* What a viewer holds. */
struct view {
	uint32_t *seen; /* record of each node by its index, 0 = none */
	uint64_t sum;
	uint32_t count;
	bool self_ok, filter_ok, converged;
	struct filter filter;
	uint64_t filter_at; /* version of the model that filter_ok is about */
};

struct model;
struct model *model_new(uint32_t nodes);
struct model *model_free(struct model *m);

void view_init(const struct model *m, struct view *v);
void view_done(struct view *v);

/* ---- what ought to be ---- */

/* Names node `i` before it connects, and sets what it announces. */
void model_name(struct model *m, uint32_t i, struct fl_slice node_key, struct fl_slice disco_key,
		struct fl_slice host_name);
void model_announce(struct model *m, uint32_t i, const char *endpoint, uint32_t home_region);

/* Every third node has a tag, where the run has a key with a tag. */
static inline bool model_tagged(uint32_t i)
{
	return i % 3 == 2;
}

/*
 * Policy P2: all nodes without tag belong to one user, and may reach each other
 * (autogroup:member to autogroup:self) and the tagged ones, which reach only each other. So all see
 * all, no two kinds have one filter, and servers make it per node.
 */
void model_by_tags(struct model *m);

/* Goes up whenever something else is wanted: views that were right need another look. */
uint64_t model_version(const struct model *m);

/* A server just started: of the other nodes only keys, addresses and their number are known. */
void model_expect_rest(struct model *m);

/* ---- what was seen ---- */

enum seen {
	SEEN_NOTHING = 0,
	SEEN_MAP = 1,       /* a message other than a keep-alive */
	SEEN_KEEPALIVE = 2, /* a keep-alive */
};

/* Applies one decoded message of node `i`. Ends the run on text that is not a map response. */
enum seen view_apply(struct model *m, uint32_t i, struct view *v, struct fl_slice json);

/*
 * Keeps what a list of whole peers (without brackets) says, so that {"@":number} may stand for it
 * in a later message. Gives the number; -1: it is no such list.
 */
int64_t model_learn_piece(struct model *m, struct fl_slice text);
size_t model_piece_len(const struct model *m, uint32_t number); /* of its text */

/* The index of the node with this key as text, or -1. */
int64_t model_find(const struct model *m, struct fl_slice node_key);

/* Does the viewer hold the wanted record of node `i`? */
bool view_has(const struct model *m, const struct view *v, uint32_t i);
bool view_converged(struct model *m, uint32_t viewer, struct view *v);

/* Says on stderr what a viewer holds and what it ought to. */
void view_explain(const struct model *m, uint32_t viewer, const struct view *v);

#endif
