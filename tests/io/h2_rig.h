/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/io/h2_rig.h - what the HTTP/2 tests share: routes with handlers that note what they saw,
 * and one connection `p` of an h2_peer on one loop.
 */
#ifndef FL_TESTS_IO_H2_RIG_H
#define FL_TESTS_IO_H2_RIG_H

#include "h2_peer.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

enum { ECHO_MAX = 100000, BIG_MAX = 1 << 20, WINDOW = 4 << 20 };

/* What the handlers saw; cleared for each test. */
struct h2_seen {
	unsigned calls, gone, drains;
	size_t body;
	struct fl_http *held[256];
	size_t held_count;
	struct fl_http *stream;
	struct fl_h2 **free_me;
	bool end_on_drain;
	/* Of /made: what its recipe does, says, and with whose tools; how often it was freed. */
	unsigned pieces, made_freed;
	size_t most;
	enum fl_err made_err, begun;
	void *tools;
};
extern struct h2_seen seen;

/*
 * /hello /none /echo /big /empty /user answer; /hold and /held keep the exchange in `held`;
 * /stream starts an answer; /made one that begins with a recipe, of `pieces` times "made";
 * /abort aborts; /free frees `*free_me`.
 */
extern const struct fl_http_router router;
extern const struct fl_http_router router_sorry;

extern struct fl_loop *loop;
extern struct peer p;

int set_up(void **state);
int tear_down(void **state);

/* A greeted connection. */
void open_peer(const struct fl_http_limits *limits);

/* Runs until `cond` holds; false if it does not within ten seconds. */
bool loop_until(bool (*cond)(void));

/* Sends `len` bytes of a pattern on a started stream. */
void send_chunk(struct fl_http *x, size_t len, unsigned seed, enum fl_err want);

#endif
