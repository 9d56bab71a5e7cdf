/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/proto/ship/kit.h - stories of one SHIP connection, in words.
 *
 * A story is a text. Its first line sets the connection up, each line at the margin is something
 * that happens, and the indented lines below are the effects that it has to have, all of them, in
 * order:
 *
 *	conn server wait
 *	start
 *	  state cmi-server-wait
 *	< cmi
 *	  > cmi
 *	...
 *
 * conn      client | server, then any of: trusted, wait, peer=ID, need=PIN (required), may=PIN
 *           (optional), knows=PIN, fails=N, busy=MS
 * < WORDS   a message: cmi, cmi-bad, hello PHASE [w=MS] [ask], proto max|select [v=1.0]
 *           [f=8|16|both|none], proto-error N, pin none|ok|required|optional [ok|busy],
 *           pin-input PIN, pin-error N, access?, access [ID], data WORD, close
 *           announce|removed|confirm, unknown, or what cannot be read: bad-init, bad-control,
 *           bad-data, bad-end, empty, short, bad-type, big
 * +MS       time passes, then a tick
 * due       prints how long until the deadline
 * others    start trust refuse wait no-wait give-pin PIN send WORD send-wire WORD end lost refused
 *
 * After each line the kit checks what holds always: after CLOSE nothing comes and no timer runs;
 * before it one runs, but in a connection that is complete.
 */
#ifndef FL_TESTS_PROTO_SHIP_KIT_H
#define FL_TESTS_PROTO_SHIP_KIT_H

#include "proto/ship/conn.h"

struct ship_story {
	const char *name, *text;
};

/* A cmocka test with a struct ship_story as its state: plays it, and compares. */
void ship_story_play(void **state);

/* Appends the message that a line of words means, in the form of the wire. */
void ship_message_of(const char *line, struct fl_buf *out);

/* The connection hears that message. */
void ship_hear(struct fl_ship_conn *c, fl_time now, const char *words);

/* A config as after `conn`; its texts live in `text`, which is cut up. Times count from `from`. */
struct fl_ship_conn_config ship_config_of(char *text, fl_time from);

/* Appends one line on the effect; times in it are relative to `from`. */
void ship_effect_print(const struct fl_ship_effect *e, fl_time from, struct fl_buf *out);

/* What has to hold at `now`, once all effects are taken and what was due has happened. */
void ship_invariants(const struct fl_ship_conn *c, fl_time now, bool started, bool closed);

#endif
