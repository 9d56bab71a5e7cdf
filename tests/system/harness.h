/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/system/harness.h - the whole server in this process, on loopback, in a folder of its own.
 *
 * Server and clients share one loop and one thread: sys_until turns the loop and moves every
 * client until a condition holds. Nothing sleeps; what does not happen within ten seconds fails
 * the test that waited for it.
 */
#ifndef FL_TESTS_SYSTEM_HARNESS_H
#define FL_TESTS_SYSTEM_HARNESS_H

#include "base/table.h"

#include "services/server/server.h"

#include <jansson.h>

struct sys {
	struct fl_loop *loop;
	struct fl_server *server; /* NULL while it is stopped */
	struct fl_addrport at;
	struct fl_machine_key noise; /* the server's public key, as GET /key tells it */
	struct fl_list clients;      /* moved by sys_until */
	bool short_timers;
	bool narrow; /* new connections hold little on their way to a client that does not read */
	char dir[64], socket[128];
};

/* A folder and a configuration in it. `extra`: further lines of YAML, or NULL. */
void sys_make(struct sys *s, bool short_timers, const char *extra);
void sys_configure(const struct sys *s, const char *extra); /* writes it anew */
/* Starts the server. Fails the test, or gives the error. */
void sys_boot(struct sys *s);
enum fl_err sys_try(struct sys *s, struct fl_fault *fault);
void sys_halt(struct sys *s);   /* stops the server, keeps the folder */
void sys_remove(struct sys *s); /* the loop and the folder */

void sys_start(struct sys *s, bool short_timers, const char *extra); /* make and boot */
void sys_stop(struct sys *s);                                        /* halt and remove */

/* Asks the server, wherever it runs, for its public key. */
void sys_learn_key(struct sys *s);

/* The path of a file in the folder; the last eight answers stay valid. */
const char *sys_path(const struct sys *s, const char *name);
/* Replaces a file. */
void sys_write(const struct sys *s, const char *name, const char *text);

struct fl_core *sys_core(struct sys *s);
struct fl_state *sys_state(struct sys *s);
struct fl_control_stats sys_stats(struct sys *s);

bool sys_until(struct sys *s, bool (*cond)(void *ctx), void *ctx);
void sys_turn(struct sys *s, unsigned ticks); /* some ticks, without waiting */
/* Turns for a while: only where a lapse of time is the subject. */
void sys_for(struct sys *s, int64_t ns);

/* Descriptors and threads of this process, and what malloc has given out. */
struct sys_usage {
	unsigned fds, threads;
	size_t live;
};
struct sys_usage sys_usage(void);
/* How far `live` may be off: malloc counts what it keeps for itself, a sanitizer does not. */
size_t sys_usage_slack(void);
/*
 * Who tries every place tries each n-th only, with STEP=n in the environment, or, as that takes
 * long there, in a build with a sanitizer: each `sanitized`-th.
 */
size_t sys_step(size_t sanitized);

/*
 * A test that failed leaves clients on its stack: forgets after each all but those that are there
 * now, so that others still run.
 */
void sys_guard(struct sys *s, struct suite *suite);

/* ---- plain HTTP/1 ---- */

struct reply {
	unsigned status;
	char type[64];
	char head[2048];
	struct fl_buf body; /* terminated */
	bool ended;         /* the server closed */
};
void reply_done(struct reply *r);

int sys_dial(struct sys *s); /* non-blocking */
/* The server's end of a connection to a server in this process. */
int sys_server_end(const struct sys *s, int client_fd);
/* Sends `len` bytes over a fresh connection and waits for one answer. */
struct reply sys_http(struct sys *s, const void *request, size_t len);
struct reply sys_get(struct sys *s, const char *path);
/* Reads one answer, or what came before the end. */
struct reply sys_answer(struct sys *s, int fd);
void sys_send(struct sys *s, int fd, const void *data, size_t len);
/* Does the server close the connection within the deadline? */
bool sys_closes(struct sys *s, int fd);

/* ---- admin API ---- */

/* Over the Unix socket. `body` NULL: none. */
struct reply api_call(struct sys *s, const char *method, const char *path, const char *body);
/* The same with a length, and over TCP when `bearer` is not NULL. */
struct reply api_send(struct sys *s, const char *bearer, const char *method, const char *path,
		      struct fl_slice body);
/* The same without waiting: a socket for sys_answer. */
int api_begin(struct sys *s, const char *bearer, const char *method, const char *path,
	      struct fl_slice body);
/* Requires the status and gives the parsed answer. */
json_t *api_json(struct sys *s, const char *method, const char *path, const char *body,
		 unsigned status);
/* As api_json, without looking at the answer. */
void api_ok(struct sys *s, const char *method, const char *path, const char *body);

json_int_t api_user(struct sys *s, const char *name);
/* A pre-auth key; `fields` are further members, like "\"reusable\":true". Released by free. */
char *api_key(struct sys *s, json_int_t user, const char *fields);

/* "a.b.0.c" inside a document, NULL if absent. */
json_t *at(json_t *doc, const char *path);
const char *text_at(json_t *doc, const char *path);

#endif
