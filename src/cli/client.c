/* SPDX-License-Identifier: BSD-3-Clause */
/* cli/client.c - requests to the admin API, and what their failures mean to a person. */
#include "cli/cli.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "io/http_client.h"

#define FIRST_PAUSE   (50 * FL_MS)
#define LONGEST_PAUSE FL_SEC
#define LEAST_TIME    (100 * FL_MS) /* for the request when the wait used up its time */

enum { ANSWER_MAX = 64 << 20, VALUES_MAX = 8 << 20, ADDRESS_MAX = 1024 };

void fl_answer_done(struct fl_answer *a)
{
	a->doc = fl_json_free(a->doc);
	fl_buf_wipe(&a->body); /* it may hold a new key */
}

void fl_path_text(struct fl_buf *path, const char *text)
{
	for (; *text != '\0'; text++) {
		uint8_t ch = (uint8_t)*text;
		bool plain = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') ||
			     (ch >= '0' && ch <= '9') || strchr("-._~", ch) != NULL;
		if (plain)
			fl_buf_byte(path, ch);
		else
			fl_buf_printf(path, "%%%02X", ch);
	}
}

/* ---- failures ---- */

static int unreachable(struct fl_cli *c, enum fl_err err, const char *where,
		       const struct fl_fault *fault)
{
	bool socket = c->hub || c->config->cli_address[0] == '\0';

	if (err == FL_ERR_DENIED)
		return fl_cli_fail(c, FL_EXIT_REFUSED,
				   "Run it as root, or as a member of the socket's group.",
				   "not permitted to use %s", where);
	if (c->hub && (err == FL_ERR_NOT_FOUND || err == FL_ERR_CLOSED))
		return fl_cli_fail(
			c, FL_EXIT_UNREACHABLE, "Start it, or name its folder with --state-dir.",
			"cannot reach the hub at %s: is `fairlead ship run` running?", where);
	if (socket && (err == FL_ERR_NOT_FOUND || err == FL_ERR_CLOSED))
		return fl_cli_fail(c, FL_EXIT_UNREACHABLE,
				   "Start it, or name another socket with --socket or -c.",
				   "cannot reach the server at %s: is `fairlead serve` running?",
				   where);
	return fl_cli_fail(c, FL_EXIT_UNREACHABLE,
			   c->hub ? "Look at the log of the hub."
				  : "Check cli.address, the network and the server.",
			   "cannot reach the %s at %s: %s", c->hub ? "hub" : "server", where,
			   fault->text);
}

static enum fl_exit exit_of_status(unsigned status)
{
	switch (status) {
	case 404:
		return FL_EXIT_NOT_FOUND;
	case 409:
	case 412:
		return FL_EXIT_CONFLICT;
	case 504:
		return FL_EXIT_UNREACHABLE;
	default:
		return status >= 400 && status < 500 && status != 429 ? FL_EXIT_REFUSED
								      : FL_EXIT_FAILED;
	}
}

/* What a problem document says: the cause, else what was attempted. */
static void problem_text(struct fl_jv root, char *out, size_t cap)
{
	struct fl_jv errors = fl_json_path(root, "errors");
	struct fl_jv text = { .doc = root.doc };

	if (fl_json_kind(errors) == FL_JSON_ARRAY)
		text = fl_json_path(fl_json_at(errors, 0), "message");
	if (fl_json_kind(text) != FL_JSON_STRING || fl_json_str(text).len == 0)
		text = fl_json_path(root, "detail");
	if (fl_json_kind(text) != FL_JSON_STRING)
		text = fl_json_path(root, "error"); /* of the hub */
	if (fl_json_kind(text) == FL_JSON_STRING)
		fl_str_copy(out, cap, fl_json_str(text));
}

/* Which part of the request the server means, "" if none. */
static void problem_field(struct fl_jv root, char *out, size_t cap)
{
	struct fl_jv errors = fl_json_path(root, "errors"), at = fl_json_path(root, "field");

	if (fl_json_kind(errors) == FL_JSON_ARRAY)
		at = fl_json_path(fl_json_at(errors, 0), "location");
	if (fl_json_kind(at) == FL_JSON_STRING)
		fl_str_copy(out, cap, fl_json_str(at));
}

int fl_cli_refused(struct fl_cli *c, unsigned status, struct fl_slice body)
{
	struct fl_json *doc = NULL;
	char text[1024] = "", advice[512] = "";
	const char *hint = NULL;

	if (fl_json_parse(body, FL_JSON_DEPTH_MAX, &doc) == FL_OK) {
		problem_text(fl_json_root(doc), text, sizeof text);
		problem_field(fl_json_root(doc), c->field, sizeof c->field);
		struct fl_jv more = fl_json_path(fl_json_root(doc), "hint");
		if (fl_json_kind(more) == FL_JSON_STRING)
			fl_str_copy(advice, sizeof advice, fl_json_str(more));
	}
	fl_json_free(doc);
	if (text[0] == '\0')
		snprintf(text, sizeof text, "the server answered with status %u", status);
	if (status == 401)
		hint = "The key in cli.api_key is not valid. Make one on the server: fairlead "
		       "apikeys create";
	else if (advice[0] != '\0')
		hint = advice;
	enum fl_exit code = exit_of_status(status);
	if (c->hub && code == FL_EXIT_CONFLICT) /* with the state of a device, not with a person */
		code = FL_EXIT_FAILED;
	return fl_cli_fail(c, code, hint, "%s", text);
}

/* ---- requests ---- */

/* "host" means https. */
static bool remote_url(const char *address, char out[static ADDRESS_MAX])
{
	bool whole = strncmp(address, "http://", 7) == 0 || strncmp(address, "https://", 8) == 0;
	return (size_t)snprintf(out, ADDRESS_MAX, "%s%s", whole ? "" : "https://", address) <
	       ADDRESS_MAX;
}

static int read_answer(struct fl_cli *c, unsigned status, struct fl_answer *out)
{
	if (status != 200)
		return fl_cli_refused(c, status, fl_buf_slice(&out->body));
	enum fl_err err = fl_json_parse_most(fl_buf_slice(&out->body), FL_JSON_DEPTH_MAX,
					     VALUES_MAX, &out->doc);
	if (err != FL_OK)
		return fl_cli_fail(c, FL_EXIT_FAILED,
				   "Is there another program at this address, or another version?",
				   "the server's answer cannot be read: %s", fl_err_text(err));
	return FL_EXIT_DONE;
}

/* ---- a server that is about to start ---- */

static int64_t monotonic(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * FL_SEC + now.tv_nsec;
}

/* Is there nobody at the socket, who may still come? What else is wrong shows in the request. */
static bool is_nobody_there(const char *path)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = -1, rc = 0;

	if (fl_str_copy(at.sun_path, sizeof at.sun_path, fl_slice_str(path)))
		fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0) {
		rc = connect(fd, (const struct sockaddr *)(const void *)&at, sizeof at);
		rc = rc != 0 ? errno : 0;
		close(fd);
	}
	return rc == ENOENT || rc == ECONNREFUSED;
}

/*
 * Waits in silence until someone is there or `until` is reached. Nothing was sent yet, so trying
 * again does nothing twice.
 */
static void await_server(struct fl_cli *c, int64_t until)
{
	int64_t pause = FIRST_PAUSE;

	while (!c->silent && is_nobody_there(c->socket)) {
		int64_t left = until - monotonic();
		if (left <= 0)
			return;
		if (pause > left)
			pause = left;
		nanosleep(&(struct timespec){ pause / FL_SEC, pause % FL_SEC }, NULL);
		pause = pause * 2 < LONGEST_PAUSE ? pause * 2 : LONGEST_PAUSE;
		fl_cli_choose_socket(c);
	}
}

/* Where a stream goes. */
struct taker {
	bool (*take)(void *ctx, struct fl_slice piece);
	void *ctx;
};

static int call_server(struct fl_cli *c, const char *method, const struct fl_buf *path,
		       const struct fl_buf *body, const struct taker *taker, unsigned *out_status,
		       struct fl_answer *out)
{
	char url[ADDRESS_MAX], whole[ADDRESS_MAX * 2];
	struct fl_fault fault = { "" };

	*out = (struct fl_answer){ .body = fl_buf_make(ANSWER_MAX) };
	int code = fl_cli_config(c);
	if (code != FL_EXIT_DONE)
		return code;
	bool remote =
		!c->hub && c->config->cli_address[0] != '\0' && !fl_args_has(&c->args, "socket");
	if (fl_buf_err(path) != FL_OK || (body != NULL && fl_buf_err(body) != FL_OK) ||
	    !fl_str_copy(whole, sizeof whole, fl_buf_slice(path)) ||
	    (remote && !remote_url(c->config->cli_address, url)))
		return fl_cli_fail(c, FL_EXIT_USAGE, NULL, "an argument is too long");
	int64_t until = monotonic() + (c->timeout != 0 ? c->timeout : c->config->cli_timeout);
	if (!remote)
		await_server(c, until);
	int64_t left = until - monotonic();
	const struct fl_http_call call = {
		.url = remote ? url : NULL,
		.unix_path = remote ? NULL : c->socket,
		.method = method,
		.path = whole,
		.bearer = remote ? c->config->cli_api_key : NULL,
		.body = body != NULL ? fl_buf_slice(body) : fl_slice_of(NULL, 0),
		.timeout = left > LEAST_TIME ? left : LEAST_TIME,
		.answer_max = ANSWER_MAX,
		.insecure = c->config->cli_insecure,
		.take = taker != NULL ? taker->take : NULL,
		.take_ctx = taker != NULL ? taker->ctx : NULL,
	};
	enum fl_err err = fl_http_client_call(&call, &fault, out_status, &out->body);
	if (err != FL_OK)
		return unreachable(c, err, remote ? url : c->socket, &fault);
	return FL_EXIT_DONE;
}

int fl_cli_send(struct fl_cli *c, const char *method, const struct fl_buf *path,
		const struct fl_buf *body, unsigned *out_status, struct fl_answer *out)
{
	return call_server(c, method, path, body, NULL, out_status, out);
}

/* ---- streams ---- */

struct follower {
	struct fl_buf line; /* so far */
	fl_line_fn *fn;
	void *ctx;
	bool enough;
};

static bool on_piece(void *ctx, struct fl_slice piece)
{
	struct follower *f = ctx;

	while (piece.len > 0 && !f->enough) {
		const uint8_t *end = memchr(piece.ptr, '\n', piece.len);
		size_t len = end != NULL ? (size_t)(end - piece.ptr) : piece.len;
		fl_buf_put(&f->line, piece.ptr, len);
		piece = fl_slice_skip(piece, len + (end != NULL));
		if (fl_buf_err(&f->line) != FL_OK)
			return false;
		if (end == NULL)
			continue;
		f->enough = f->line.len > 0 && !f->fn(f->ctx, fl_buf_slice(&f->line));
		fl_buf_reset(&f->line);
	}
	return !f->enough;
}

int fl_cli_follow(struct fl_cli *c, const struct fl_buf *path, fl_line_fn *line, void *ctx)
{
	struct follower f = { .line = fl_buf_make(ANSWER_MAX), .fn = line, .ctx = ctx };
	const struct taker taker = { .take = on_piece, .ctx = &f };
	struct fl_answer a;
	unsigned status = 0;

	int code = call_server(c, "GET", path, NULL, &taker, &status, &a);
	if (code == FL_EXIT_DONE && status != 200)
		code = fl_cli_refused(c, status, fl_buf_slice(&a.body));
	else if (code == FL_EXIT_DONE && fl_buf_err(&f.line) != FL_OK)
		code = fl_cli_fail(c, FL_EXIT_FAILED, NULL, "an event is too long");
	else if (code == FL_EXIT_DONE && !f.enough)
		code = fl_cli_fail(c, FL_EXIT_UNREACHABLE, "Was it stopped? Begin again.",
				   "the stream of events has ended");
	fl_answer_done(&a);
	fl_buf_done(&f.line);
	return code;
}

int fl_cli_ask(struct fl_cli *c, const char *method, const struct fl_buf *path,
	       const struct fl_buf *body, struct fl_answer *out)
{
	unsigned status = 0;
	int code = fl_cli_send(c, method, path, body, &status, out);
	return code == FL_EXIT_DONE ? read_answer(c, status, out) : code;
}

int fl_cli_get(struct fl_cli *c, const char *path, struct fl_answer *out)
{
	char text[ADDRESS_MAX];
	struct fl_buf b = fl_buf_over(text, sizeof text);

	fl_buf_str(&b, path);
	return fl_cli_ask(c, "GET", &b, NULL, out);
}

/* ---- showing ---- */

int fl_cli_show(struct fl_cli *c, const struct fl_resource *r, const struct fl_answer *a)
{
	struct fl_buf text = fl_buf_make(ANSWER_MAX * 2);

	int code = fl_cli_check_columns(c, r);
	if (code != FL_EXIT_DONE)
		return code;
	fl_output_write(&c->out, r, fl_buf_slice(&a->body), fl_json_root(a->doc), &text);
	enum fl_err err = fl_buf_err(&text);
	if (err == FL_OK && text.len > 0)
		fwrite(text.ptr, 1, text.len, stdout);
	fl_buf_wipe(&text);
	if (err != FL_OK)
		return fl_cli_fail(c, FL_EXIT_FAILED, NULL, "cannot show the answer: %s",
				   fl_err_text(err));
	return FL_EXIT_DONE;
}

/* Does the answer of a change go to stdout as data? */
bool fl_cli_wants_data(const struct fl_cli *c)
{
	return c->out.format != FL_FORMAT_TABLE && c->out.format != FL_FORMAT_TABS &&
	       c->out.format != FL_FORMAT_WIDE;
}

int fl_cli_run(struct fl_cli *c, const char *method, const struct fl_buf *path,
	       const struct fl_buf *body, const struct fl_resource *r, const char *done)
{
	struct fl_answer a = { 0 };
	int code = fl_cli_check_columns(c, r); /* before anything changes */

	if (code == FL_EXIT_DONE)
		code = fl_cli_ask(c, method, path, body, &a);
	if (code == FL_EXIT_DONE && (done == NULL || fl_cli_wants_data(c)))
		code = fl_cli_show(c, r, &a);
	else if (code == FL_EXIT_DONE)
		fl_cli_say(c, "%s", done);
	fl_answer_done(&a);
	return code;
}
