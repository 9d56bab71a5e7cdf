/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/io/http1_rig.h - what the HTTP/1 tests share: routes with handlers that note what they
 * saw, a server on loopback and one raw client `fd` whose bytes are gathered in `got`.
 */
#ifndef FL_TESTS_IO_HTTP1_RIG_H
#define FL_TESTS_IO_HTTP1_RIG_H

#include "io/http.h"
#include "net.h"

enum { ECHO_MAX = 1000, GOT_MAX = 64 << 20 };

#define H                   "Host: x\r\n"
#define GET11(path, fields) "GET " path " HTTP/1.1\r\n" H fields "\r\n"
#define OK_AFTER            GET11("/hello", "")

/* What the handlers saw; cleared for each test. */
struct http1_seen {
	unsigned calls, gone, drains;
	struct fl_http *held;
	struct fl_stream *raw;
	struct fl_buf early;
	enum fl_err upgrade_err;
	bool end_on_drain, want_gone;
	bool close_group; /* by the farewell of the first that goes */
};
extern struct http1_seen seen;

/*
 * /hello /none /echo /empty /show /big answer; /hold keeps the exchange in `held`; /stream starts
 * an answer; /abort aborts; /up and /ws take the stream away, /up into `ear`.
 */
extern const struct fl_http_router router;
extern struct fl_http_group group;

extern struct fl_loop *loop;
extern struct net_server server;
extern struct net_ear ear;
extern int fd;
extern struct fl_buf got;
extern bool ended, reset;

int set_up(void **state);
int tear_down(void **state);

/* Connects the client and serves it. */
void open_client(const struct fl_http_limits *limits);
void close_client(void);

void push(const void *data, size_t len);
void push_str(const char *s);
bool read_some(void);

/* Runs until nothing has moved for a few rounds. */
void run(void);
bool wait_for(bool (*cond)(void));
bool is_ended(void);

/* What was received, as a string. */
const char *text(void);

/* "200 404 ": the statuses of all answers that were received. */
void statuses(char *out, size_t cap);

#endif
