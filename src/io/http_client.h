/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * io/http_client.h - small HTTP(S) requests to others: blocking for the command line, on the loop
 * for services (the relay's verify URL, a relay map, an identity provider).
 *
 * Hides libcurl. Redirects are not followed: a status of 3xx is handed to the caller.
 *
 * Thread    fl_http_client_call: any, it blocks. The others: the thread of the fetcher's loop.
 * Limits    an answer's body is at most FL_HTTP_CLIENT_ANSWER_MAX (or the request's own, smaller
 *           limit); a fetcher runs at most FL_FETCH_MAX requests at once.
 * Security  https verifies chain and name against the system's roots unless `insecure`. Only http
 *           and https URLs are spoken, no credentials from files, no proxies for Unix sockets.
 */
#ifndef FL_IO_HTTP_CLIENT_H
#define FL_IO_HTTP_CLIENT_H

#include "base/buf.h"
#include "base/slice.h"
#include "io/loop.h"

enum {
	FL_HTTP_CLIENT_ANSWER_MAX = 64 << 20,
	FL_FETCH_MAX = 64,
};

/* A request; every string is borrowed during the call that takes it. Zero-initialise the rest. */
struct fl_http_call {
	const char *url;       /* "https://host[:port][/base]"; for a Unix socket NULL */
	const char *unix_path; /* a Unix socket, or NULL */
	const char *method;    /* NULL: GET, or POST when there is a body */
	const char *path;      /* appended to `url`: "/api/v1/node"; may be NULL */
	const char *bearer;    /* sent as "Authorization: Bearer ..."; may be NULL */
	const char *type;      /* content type of the body; NULL: application/json */
	const char *ca_file;   /* further roots; may be NULL */
	struct fl_slice body;
	int64_t timeout;   /* ns for the whole call; 0: 30 s */
	size_t answer_max; /* 0: FL_HTTP_CLIENT_ANSWER_MAX */
	bool insecure;     /* accept any certificate */
	/*
	 * Of fl_http_client_call: a body of status 200 goes here piece by piece as it comes, and
	 * not into `out_body`; `timeout` is for the connection alone. False ends the call with
	 * FL_OK.
	 */
	bool (*take)(void *ctx, struct fl_slice piece);
	void *take_ctx;
};

/*
 * Sends the request and waits for the whole answer. Any status is FL_OK. `out_body` gets the body
 * (an initialised or zeroed buffer; its content is replaced, release with fl_buf_done).
 *
 * Errors with text in `fault`: FL_ERR_INVALID (URL), FL_ERR_NOT_FOUND (no such socket or name),
 * FL_ERR_DENIED (socket permission), FL_ERR_CLOSED (refused, reset), FL_ERR_TIMEOUT,
 * FL_ERR_CRYPTO (TLS), FL_ERR_TOO_BIG, FL_ERR_PROTO, FL_ERR_NOMEM, FL_ERR_IO,
 * FL_ERR_UNSUPPORTED (libcurl is not installed).
 */
FL_MUST enum fl_err fl_http_client_call(const struct fl_http_call *call, struct fl_fault *fault,
					unsigned *out_status, struct fl_buf *out_body);

/* Runs requests on one loop and keeps their connections for the next ones. */
struct fl_fetcher;
FL_MUST enum fl_err fl_fetcher_new(struct fl_loop *l, struct fl_fetcher **out);

/* Cancels what is under way; no callback runs. Allowed inside `done`. */
struct fl_fetcher *fl_fetcher_free(struct fl_fetcher *f);

/* What a request came to. Borrowed during the callback. */
struct fl_fetch_result {
	enum fl_err err; /* as fl_http_client_call */
	unsigned status; /* 0 unless FL_OK */
	struct fl_slice body;
	const char *fault; /* text for people when err is not FL_OK, else "" */
};

/*
 * Starts a request. `done` runs once from the loop, then the handle is dead; fl_fetch_cancel
 * before that. Everything in `call` is copied.
 *
 * Errors  FL_ERR_FULL (FL_FETCH_MAX under way), FL_ERR_INVALID, FL_ERR_NOMEM; `done` never runs.
 */
struct fl_fetch;
FL_MUST enum fl_err fl_fetch_start(struct fl_fetcher *f, const struct fl_http_call *call,
				   void (*done)(void *ctx, const struct fl_fetch_result *r),
				   void *ctx, struct fl_fetch **out);

/* Gives up; `done` will not run. Accepts NULL; returns NULL. */
struct fl_fetch *fl_fetch_cancel(struct fl_fetch *t);

#endif
