/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * io/ws_upgrade.c - the opening handshake of WebSocket as a client, and its arithmetic.
 *
 * The head of the answer is gathered whole before it is read, by llhttp; its fields are then judged
 * one by one as they come.
 */
#include "io/ws_upgrade.h"

#include "base/buf.h"
#include "base/text.h"
#include "crypto/prim.h"
#include "io/http.h"
#include "io/loop_impl.h"

#include <llhttp.h>
#include <stdlib.h>

enum { NAME_MAX_LEN = 32, VALUE_MAX = 256, REQUEST_MAX = 4 << 10 };

struct fl_ws_upgrade {
	struct fl_stream *s;
	struct fl_timer timer;
	char accept[FL_WS_ACCEPT_CAP];
	char *subprotocol;
	struct fl_buf head;
	void (*done)(void *ctx, enum fl_err err, unsigned status, struct fl_stream *s,
		     struct fl_slice early);
	void *ctx;
};

/* ---- arithmetic and texts ---- */

enum fl_err fl_ws_accept(struct fl_slice key, char out[static FL_WS_ACCEPT_CAP])
{
	static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
	struct fl_buf b = fl_buf_make(128);
	uint8_t hash[FL_SHA1_LEN];

	fl_buf_put(&b, key.ptr, key.len);
	fl_buf_str(&b, guid);
	enum fl_err err = fl_buf_err(&b);
	if (err == FL_OK)
		err = fl_sha1(fl_buf_slice(&b), hash);
	fl_buf_done(&b);
	if (err != FL_OK)
		return FL_ERR_NOMEM;
	fl_base64_encode(hash, sizeof hash, out);
	return FL_OK;
}

void fl_ws_host(const char *host, const struct fl_addrport *at, char out[static FL_WS_HOST_MAX])
{
	char text[FL_IP_TEXT_MAX];

	fl_ip_format(&at->ip, text);
	const char *name = host != NULL ? host : text;
	size_t len = strcspn(name, "%"); /* a scope is nobody else's business */
	if (len > 0 && name[len - 1] == '.')
		len--;
	bool v6 = memchr(name, ':', len) != NULL;
	if (len > 253) /* RFC 1035 */
		len = 253;
	struct fl_buf b = fl_buf_over(out, FL_WS_HOST_MAX);
	fl_buf_printf(&b, v6 ? "[%.*s]:%u" : "%.*s:%u", (int)len, name, at->port);
	out[b.len] = '\0';
}

/* ---- the answer ---- */

struct answer {
	llhttp_t llhttp;
	const struct fl_ws_upgrade *u;
	char name[NAME_MAX_LEN + 1], value[VALUE_MAX + 1];
	size_t name_len, value_len;
	bool upgrade, connection, accept, subprotocol;
	bool bad;   /* a field that says something else than it may */
	bool whole; /* the head was understood */
};

/* Keeps what fits; what we look for is short, and longer is something else. */
static void append(char *to, size_t max, size_t *len, const char *at, size_t n)
{
	size_t room = max - *len;
	size_t take = n < room ? n : room;

	memcpy(to + *len, at, take);
	*len += take;
}

static int on_name(llhttp_t *llhttp, const char *at, size_t n)
{
	struct answer *a = llhttp->data;

	append(a->name, NAME_MAX_LEN, &a->name_len, at, n);
	return 0;
}

static int on_value(llhttp_t *llhttp, const char *at, size_t n)
{
	struct answer *a = llhttp->data;

	append(a->value, VALUE_MAX, &a->value_len, at, n);
	return 0;
}

/* Is `word` one of a comma-separated list? */
static bool list_has(struct fl_slice list, const char *word)
{
	while (list.len > 0) {
		const uint8_t *comma = memchr(list.ptr, ',', list.len);
		size_t len = comma != NULL ? (size_t)(comma - list.ptr) : list.len;
		if (fl_str_ieq(fl_slice_trim(fl_slice_of(list.ptr, len)), fl_slice_str(word)))
			return true;
		list = fl_slice_skip(list, len + (comma != NULL));
	}
	return false;
}

/* A field that comes once and says exactly `want`. */
static void judge_exact(struct answer *a, bool *seen, struct fl_slice value, const char *want)
{
	if (*seen || !fl_slice_is(value, want))
		a->bad = true;
	*seen = true;
}

static int on_field(llhttp_t *llhttp)
{
	struct answer *a = llhttp->data;
	struct fl_slice name = fl_slice_of(a->name, a->name_len);
	struct fl_slice value = fl_slice_trim(fl_slice_of(a->value, a->value_len));

	if (fl_str_ieq(name, fl_slice_str("upgrade")))
		a->upgrade = a->upgrade || fl_str_ieq(value, fl_slice_str("websocket"));
	else if (fl_str_ieq(name, fl_slice_str("connection")))
		a->connection = a->connection || list_has(value, "upgrade");
	else if (fl_str_ieq(name, fl_slice_str("sec-websocket-accept")))
		judge_exact(a, &a->accept, value, a->u->accept);
	else if (fl_str_ieq(name, fl_slice_str("sec-websocket-protocol")))
		judge_exact(a, &a->subprotocol, value, a->u->subprotocol);
	else if (fl_str_ieq(name, fl_slice_str("sec-websocket-extensions")))
		a->bad = true; /* we offered none */
	a->name_len = a->value_len = 0;
	return 0;
}

static int on_head(llhttp_t *llhttp)
{
	struct answer *a = llhttp->data;

	a->whole = true;
	return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
	.on_header_field = on_name,
	.on_header_value = on_value,
	.on_header_value_complete = on_field,
	.on_headers_complete = on_head,
};

static enum fl_err judge(const struct fl_ws_upgrade *u, struct fl_slice head, unsigned *out_status)
{
	struct answer a = { .u = u };

	llhttp_init(&a.llhttp, HTTP_RESPONSE, &settings);
	a.llhttp.data = &a;
	(void)llhttp_execute(&a.llhttp, (const char *)head.ptr, head.len);
	if (!a.whole)
		return FL_ERR_PROTO;
	*out_status = a.llhttp.status_code;
	if (*out_status != 101)
		return FL_ERR_DENIED;
	return a.upgrade && a.connection && a.accept && a.subprotocol && !a.bad ? FL_OK
										: FL_ERR_PROTO;
}

/* ---- the stream ---- */

static void release(struct fl_ws_upgrade *u)
{
	fl_timer_done(&u->timer);
	fl_buf_done(&u->head);
	free(u->subprotocol);
	free(u);
}

/* `early` lies in the head or in what is being delivered; both last through the call. */
static void finish(struct fl_ws_upgrade *u, enum fl_err err, unsigned status, struct fl_slice early)
{
	struct fl_ws_upgrade was = *u;

	u->head = fl_buf_make(0);
	release(u);
	if (err == FL_OK)
		fl_stream_disown(was.s);
	else
		was.s = fl_stream_close(was.s, 0);
	was.done(was.ctx, err, status, was.s, early);
	fl_buf_done(&was.head);
}

static void on_data(void *ctx, uint8_t *data, size_t len)
{
	struct fl_ws_upgrade *u = ctx;
	const struct fl_slice none = { 0 };
	size_t seen = u->head.len > 3 ? u->head.len - 3 : 0;
	unsigned status = 0;

	fl_buf_put(&u->head, data, len);
	struct fl_slice in = fl_buf_slice(&u->head);
	if (fl_buf_err(&u->head) != FL_OK) {
		finish(u, fl_buf_err(&u->head), 0, none);
		return;
	}
	const uint8_t *end = memmem(in.ptr + seen, in.len - seen, "\r\n\r\n", 4);
	size_t head_len = end != NULL ? (size_t)(end - in.ptr) + 4 : in.len;
	if (head_len > FL_HTTP_HEAD_MAX) {
		finish(u, FL_ERR_TOO_BIG, 0, none);
	} else if (end != NULL) {
		enum fl_err err = judge(u, fl_slice_of(in.ptr, head_len), &status);
		finish(u, err, status, err == FL_OK ? fl_slice_skip(in, head_len) : none);
	}
}

static void on_end(void *ctx, enum fl_err why)
{
	finish(ctx, why == FL_OK ? FL_ERR_CLOSED : why, 0, (struct fl_slice){ 0 });
}

static void on_timeout(void *ctx)
{
	finish(ctx, FL_ERR_TIMEOUT, 0, (struct fl_slice){ 0 });
}

static const struct fl_stream_owner owner = { .on_data = on_data, .on_end = on_end };

/* ---- the request ---- */

/* Nothing that could end a line or the target early. */
static bool is_word(const char *s)
{
	for (; *s != '\0'; s++)
		if (*s <= ' ' || *s > '~')
			return false;
	return true;
}

static enum fl_err ask(struct fl_ws_upgrade *u, const char *host, const char *path)
{
	uint8_t raw[FL_WS_KEY_LEN];
	char key[(FL_WS_KEY_LEN + 2) / 3 * 4 + 1];
	struct fl_buf b = fl_buf_make(REQUEST_MAX);

	fl_random(raw, sizeof raw);
	fl_base64_encode(raw, sizeof raw, key);
	enum fl_err err = fl_ws_accept(fl_slice_str(key), u->accept);
	fl_buf_printf(&b, "GET %s%s HTTP/1.1\r\nHost: %s\r\n", path[0] == '/' ? "" : "/", path,
		      host);
	fl_buf_printf(&b,
		      "Upgrade: websocket\r\n"
		      "Connection: Upgrade\r\n"
		      "Sec-WebSocket-Key: %s\r\n"
		      "Sec-WebSocket-Version: 13\r\n"
		      "Sec-WebSocket-Protocol: %s\r\n\r\n",
		      key, u->subprotocol);
	if (err == FL_OK)
		err = fl_buf_err(&b) == FL_ERR_TOO_BIG ? FL_ERR_INVALID : fl_buf_err(&b);
	if (err == FL_OK)
		err = fl_stream_write(u->s, fl_buf_slice(&b));
	fl_buf_done(&b);
	return err;
}

static enum fl_err start(struct fl_ws_upgrade *u, const char *host, const char *path,
			 const char *subprotocol)
{
	u->subprotocol = strdup(subprotocol);
	if (u->subprotocol == NULL)
		return FL_ERR_NOMEM;
	if (!is_word(host) || !is_word(path) || !is_word(subprotocol))
		return FL_ERR_INVALID;
	enum fl_err err = fl_timer_init(&u->timer, fl_stream_loop(u->s), on_timeout, u);
	if (err == FL_OK)
		err = fl_stream_own(u->s, &owner, u, (struct fl_slice){ 0 });
	return err == FL_OK ? ask(u, host, path) : err;
}

enum fl_err fl_ws_upgrade_start(struct fl_stream *s, const char *host_header, const char *path,
				const char *subprotocol, int64_t timeout,
				void (*done)(void *ctx, enum fl_err err, unsigned status,
					     struct fl_stream *s, struct fl_slice early),
				void *ctx, struct fl_ws_upgrade **out)
{
	struct fl_ws_upgrade *u = calloc(1, sizeof *u);
	enum fl_err err = FL_ERR_NOMEM;

	if (u != NULL) {
		u->s = s;
		u->head = fl_buf_make(FL_HTTP_HEAD_MAX +
				      FL_LOOP_SCRATCH); /* and one read behind it */
		u->done = done;
		u->ctx = ctx;
		err = start(u, host_header, path, subprotocol);
	}
	if (err != FL_OK) {
		if (u != NULL)
			release(u);
		fl_stream_close(s, 0);
		return err;
	}
	fl_timer_start(&u->timer, timeout);
	*out = u;
	return FL_OK;
}

struct fl_ws_upgrade *fl_ws_upgrade_cancel(struct fl_ws_upgrade *u)
{
	if (u == NULL)
		return NULL;
	fl_stream_close(u->s, 0);
	release(u);
	return NULL;
}
