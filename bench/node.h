/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bench/node.h - one emulated node: its keys, its connection, its long poll and what it sees.
 *
 * A node does what a stock client does after `up` with a pre-auth key: register, then a lite
 * update and a streaming poll on the same connection. All keys follow from the seed and the
 * index, so another process can be the same nodes after a restart.
 */
#ifndef FL_BENCH_NODE_H
#define FL_BENCH_NODE_H

#include "link.h"
#include "model.h"
#include "pieces.h"
#include "wire/mapframe.h"

enum node_state {
	NODE_NEW,
	NODE_CONNECTING,
	NODE_REGISTERING,
	NODE_REGISTERED, /* and not asked to poll */
	NODE_POLLING,
	NODE_RETRY, /* at retry_at */
};

/* A message of a poll, taken in as it comes: a map of thousands may be on its way to each. */
struct message {
	struct fl_buf text;
	size_t len, left; /* as it comes; 0: between two */
};

struct node {
	struct link link;
	struct swarm *swarm;
	uint32_t index, changes;
	enum node_state state;
	bool registered, joining;
	int32_t register_stream, poll_stream, lite_stream;
	int status;
	struct fl_private_key machine;
	char node_key[FL_KEY_TEXT_MAX], disco_key[FL_KEY_TEXT_MAX], name[16];
	struct fl_buf body;  /* as it came, and not yet taken */
	struct message part; /* of the poll under way */
	struct view view;
	uint64_t keep_alives, maps, lites;
	int64_t asked_at, registered_at, retry_at, heard_at;
	int64_t first_at;   /* when the poll under way brought its first map; 0: not yet */
	size_t first_bytes; /* of that as it came */
};

/* What all nodes of one process share. */
struct swarm {
	struct link_target target;
	const char *auth_key, *tagged_key; /* see model_tagged */
	uint32_t count, region;
	uint64_t seed;
	bool register_only;
	bool announce; /* and a lite update after it */
	bool quiet;    /* losses are meant, and not told */
	struct node *nodes;
	struct model *model;
	struct fl_mapframe *frames;
	struct pieces pieces;
	uint32_t opened, joining, lost; /* from the front; on their way; waiting to be reopened */
	uint32_t registered, polling, converged;
	int64_t next_look, next_listen;
	uint64_t judged;                /* version of the model that `converged` is about */
	uint64_t drops, refused, bytes; /* connections lost, requests refused, map JSON decoded */
	void (*on_map)(struct swarm *s, struct node *n, enum seen what); /* may be NULL */
};

void swarm_init(struct swarm *s);
void swarm_done(struct swarm *s);

void node_open(struct node *n);
void node_close(struct node *n);

/* Announces a new endpoint by a lite update; the model expects it from now on. */
void node_change(struct node *n);

/* Lost nodes need not wait until they come back. */
void swarm_hurry(struct swarm *s);

/* Brings `converged` up to date after the model changed. */
void swarm_judge(struct swarm *s);

/* Opens nodes until `inflight` are on their way or all are; reopens lost ones when it is time. */
void swarm_advance(struct swarm *s, uint32_t inflight);

#endif
