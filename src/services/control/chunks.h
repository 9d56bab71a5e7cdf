/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * services/control/chunks.h - the peers of whole maps as ready pieces.
 *
 * The peer texts of neighbouring nodes stand together in a chunk, which is compressed once, as a
 * zstd frame of its own, and goes into the map of everybody who is told exactly that of those
 * nodes. So a whole map costs its own head and the one chunk that holds its node, which must not
 * be its own peer; all else is shared. That one is given as text: who sends it compresses it.
 * Between chunks goes a comma as a piece of its own: so a chunk is the same bytes wherever it
 * stands, also behind neighbours of whom nobody is shown.
 *
 * A chunk is a range of ids, 2^k of them from a multiple of 2^k: the widest around a node that
 * holds no more than FL_CHUNK_PEERS nodes. So which nodes stand together follows from the ids that
 * are there, and a node that comes or goes concerns its own chunk, at most splits it or joins it
 * with its neighbour; all others stay.
 *
 * Memory  the current texts of a chunk, for at most a few kinds of viewers; a change of one of its
 *         nodes drops it. What maps on their way hold lives as long as they do.
 * Thread  the control loop.
 * Source  docs/protocol/control.md 5.3
 */
#ifndef FL_SERVICES_CONTROL_CHUNKS_H
#define FL_SERVICES_CONTROL_CHUNKS_H

#include "base/parts.h"
#include "domain/state/record.h"
#include "wire/mapframe.h"

/*
 * Few: a map pays one chunk of its own, about 1 us a peer. Many: each frame has a start, 160 bytes
 * a peer at 64 and 187 at 16.
 */
enum { FL_CHUNK_LOG2 = 6, FL_CHUNK_PEERS = 1 << FL_CHUNK_LOG2 };

struct fl_chunks;

/* Borrows the framer. Errors: FL_ERR_NOMEM. */
FL_MUST enum fl_err fl_chunks_new(struct fl_mapframe *framer, struct fl_chunks **out);
struct fl_chunks *fl_chunks_free(struct fl_chunks *c);

/* A node's text is no more, or it came or went. To be called before the text is freed. */
void fl_chunks_drop(struct fl_chunks *c, fl_node_id node);
void fl_chunks_drop_all(struct fl_chunks *c);

/* Whose map it is. */
struct fl_chunks_view {
	struct fl_node *const *nodes; /* all, ascending ids */
	size_t count;
	/* Ascending: those of whom it may be told anything; NULL: `tell` knows. */
	const fl_node_id *seen;
	size_t seen_count;
	fl_node_id viewer; /* left out */
	bool common;       /* everybody else is told the same */
	bool zstd;
	/* What this viewer is told of a node, kept until fl_chunks_drop; NULL = nothing. */
	enum fl_err (*tell)(void *ctx, const struct fl_node *n, const struct fl_bytes **out);
	void *ctx;
};

/* The peers of a map: the text between the brackets in pieces, and who owns them. */
struct fl_chunks_peers {
	struct fl_parts parts;
	size_t own;         /* which of them is its own chunk, still plain text; SIZE_MAX: none */
	fl_user_id *owners; /* maybe some of them twice */
	size_t owners_count, owners_cap;
};

/* To be done after an error too. Errors: FL_ERR_NOMEM, FL_ERR_TOO_BIG, what `tell` says. */
FL_MUST enum fl_err fl_chunks_list(struct fl_chunks *c, const struct fl_chunks_view *v,
				   struct fl_chunks_peers *out);
void fl_chunks_peers_done(struct fl_chunks_peers *p);

/* What closes the list and the map behind the last piece. */
struct fl_bytes *fl_chunks_end(const struct fl_chunks *c, bool zstd);

struct fl_chunks_stats {
	uint64_t made, shared; /* pieces written; taken as they were */
	size_t bytes;          /* of the pieces kept */
};
struct fl_chunks_stats fl_chunks_stats(const struct fl_chunks *c);

#endif
