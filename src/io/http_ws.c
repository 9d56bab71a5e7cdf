/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * io/http_ws.c - the opening handshake of WebSocket, server side (RFC 6455 4.2).
 *
 * Any origin is accepted: what runs inside authenticates itself by keys, not by cookies. No
 * extension is ever agreed to.
 */
#include "io/http1_conn.h"

#include "base/text.h"
#include "io/ws_upgrade.h"

static bool key_ok(struct fl_slice key)
{
	uint8_t raw[FL_WS_KEY_LEN + 4];
	size_t len = 0;

	return fl_base64_decode(key, raw, sizeof raw, &len) == FL_OK && len == FL_WS_KEY_LEN;
}

unsigned fl_http_ws_verdict(const struct fl_http *x, const char *subprotocol)
{
	if (x->ops->h2)
		return 400;
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

void fl_http_ws_refuse(struct fl_http *x, unsigned status)
{
	if (status == 426) {
		fl_http_set(x, "Upgrade", "websocket");
		fl_http_set(x, "Sec-WebSocket-Version", "13");
	}
	fl_httpx_refuse(x, status);
}

enum fl_err fl_http_upgrade_wsm(struct fl_http *x, const char *subprotocol, struct fl_stream **out,
				struct fl_slice *out_early)
{
	char accept[FL_WS_ACCEPT_CAP];
	struct fl_stream *s;
	struct fl_slice early;

	unsigned status = fl_http_ws_verdict(x, subprotocol);
	if (status == 0 && fl_ws_accept(fl_http_field(x, "sec-websocket-key"), accept) != FL_OK)
		status = 503;
	if (status != 0) {
		fl_http_ws_refuse(x, status);
		return FL_ERR_PROTO;
	}
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
	*out = s;
	*out_early = early;
	return FL_OK;
}

enum fl_err fl_http_upgrade_ws(struct fl_http *x, const char *subprotocol, size_t message_max,
			       struct fl_stream **out)
{
	struct fl_stream *s;
	struct fl_slice early;

	enum fl_err err = fl_http_upgrade_wsm(x, subprotocol, &s, &early);
	return err == FL_OK ? fl_ws_wrap(s, early, message_max, false, out) : err;
}
