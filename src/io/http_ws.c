/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * io/http_ws.c - the opening handshake of WebSocket, server side (RFC 6455 4.2).
 *
 * Any origin is accepted: what runs inside authenticates itself by keys, not by cookies. No
 * extension is ever agreed to.
 */
#include "io/http1_conn.h"

#include "base/text.h"

#include <openssl/evp.h>

enum { KEY_LEN = 16, SHA1_LEN = 20, ACCEPT_CAP = 32 };

static enum fl_err make_accept(struct fl_slice key, char out[static ACCEPT_CAP])
{
	static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
	struct fl_buf b = fl_buf_make(128);
	uint8_t hash[SHA1_LEN];

	fl_buf_put(&b, key.ptr, key.len);
	fl_buf_str(&b, guid);
	bool ok = fl_buf_err(&b) == FL_OK &&
		  EVP_Digest(b.ptr, b.len, hash, NULL, EVP_sha1(), NULL) == 1;
	fl_buf_done(&b);
	if (!ok)
		return FL_ERR_NOMEM;
	fl_base64_encode(hash, sizeof hash, out);
	return FL_OK;
}

static bool key_ok(struct fl_slice key)
{
	uint8_t raw[KEY_LEN + 4];
	size_t len = 0;

	return fl_base64_decode(key, raw, sizeof raw, &len) == FL_OK && len == KEY_LEN;
}

/* 0, or the status to refuse with. */
static unsigned judge(const struct fl_http *x, const char *subprotocol)
{
	const struct fl_http1 *h = x->conn;

	if (!fl_http_field_has(x, "upgrade", "websocket") ||
	    !fl_http_field_has(x, "connection", "upgrade"))
		return 426;
	if (!fl_slice_is(fl_http_field(x, "sec-websocket-version"), "13"))
		return 426;
	if (!fl_slice_is(fl_http_method(x), "GET") || !h->parser.http11 || h->parser.has_body)
		return 400;
	if (fl_http_field_count(x, "sec-websocket-key") != 1 ||
	    !key_ok(fl_http_field(x, "sec-websocket-key")))
		return 400;
	if (subprotocol != NULL && !fl_http_field_has(x, "sec-websocket-protocol", subprotocol))
		return 400;
	return 0;
}

static void put_answer(struct fl_buf *b, const char *accept, const char *subprotocol)
{
	fl_buf_str(b, "HTTP/1.1 101 Switching Protocols\r\n"
		      "Upgrade: websocket\r\n"
		      "Connection: Upgrade\r\n");
	fl_buf_printf(b, "Sec-WebSocket-Accept: %s\r\n", accept);
	if (subprotocol != NULL)
		fl_buf_printf(b, "Sec-WebSocket-Protocol: %s\r\n", subprotocol);
	fl_buf_str(b, "\r\n");
}

static enum fl_err refuse(struct fl_http *x, unsigned status)
{
	if (status == 426) {
		fl_http_set(x, "Upgrade", "websocket");
		fl_http_set(x, "Sec-WebSocket-Version", "13");
	}
	fl_httpx_refuse(x, status);
	return FL_ERR_PROTO;
}

enum fl_err fl_http_upgrade_ws(struct fl_http *x, const char *subprotocol, size_t message_max,
			       struct fl_stream **out)
{
	char accept[ACCEPT_CAP];
	struct fl_stream *s;
	struct fl_slice early;

	if (x->ops->h2)
		return refuse(x, 400);
	unsigned status = judge(x, subprotocol);
	if (status != 0)
		return refuse(x, status);
	if (make_accept(fl_http_field(x, "sec-websocket-key"), accept) != FL_OK)
		return refuse(x, 503);
	enum fl_err err = fl_http_upgrade(x, &s, &early);
	if (err != FL_OK)
		return err;

	struct fl_buf b = fl_buf_make(1024);
	put_answer(&b, accept, subprotocol);
	err = fl_buf_err(&b);
	if (err == FL_OK)
		err = fl_stream_write(s, fl_buf_slice(&b));
	fl_buf_done(&b);
	if (err != FL_OK) {
		fl_stream_close(s, 0);
		return err;
	}
	return fl_ws_wrap(s, early, message_max, false, out);
}
