/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * io/http1_out.c - answers on an HTTP/1 connection: heads, chunks, and when the stream is full.
 *
 * A small answer is one write. Large bodies go from the counted bytes to the stream a piece at a
 * time, while little is pending there; the rest waits in the exchange, where it can be counted.
 */
#include "io/http1_conn.h"

#include <stdio.h>
#include <time.h>

enum {
	HIGH_WATER = 256 << 10, /* in the stream; below its own limit with room for one piece */
	PIECE = 64 << 10,
	SMALL_BODY = 16 << 10, /* goes out in one write with the head */
	HEAD_MAX = FL_HTTPX_ANSWER_TEXT_MAX + (8 << 10),
};

bool fl_http1_has_room(const struct fl_http1 *h)
{
	return fl_stream_pending(h->stream) < HIGH_WATER;
}

static bool write_out(struct fl_http1 *h, struct fl_buf *b)
{
	if (!h->broken &&
	    (fl_buf_err(b) != FL_OK || fl_stream_write(h->stream, fl_buf_slice(b)) != FL_OK))
		h->broken = true;
	fl_buf_done(b);
	return !h->broken;
}

/* ---- heads ---- */

static void put_date(struct fl_buf *b, fl_wall wall)
{
	time_t t = (time_t)(wall / FL_SEC);
	struct tm tm;
	char text[40];

	if (gmtime_r(&t, &tm) == NULL)
		return;
	/* The C locale's names, which are those of RFC 9110 5.6.7. */
	if (strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &tm) > 0)
		fl_buf_printf(b, "Date: %s\r\n", text);
}

static void put_framing(struct fl_http1 *h, struct fl_buf *b)
{
	const struct fl_http *x = &h->x;

	if (x->sized)
		fl_buf_printf(b, "Content-Length: %zu\r\n", x->size);
	else if (h->chunked)
		fl_buf_str(b, "Transfer-Encoding: chunked\r\n");
	if (!h->keep)
		fl_buf_str(b, "Connection: close\r\n");
	else if (!h->parser.http11)
		fl_buf_str(b, "Connection: keep-alive\r\n");
	fl_buf_str(b, "\r\n");
}

static void put_head(struct fl_http1 *h, struct fl_buf *b)
{
	const struct fl_http *x = &h->x;
	const char *name, *value;

	fl_buf_printf(b, "HTTP/1.1 %03u %s\r\n", x->status, fl_http_reason(x->status));
	put_date(b, fl_loop_wall(h->loop));
	for (size_t at = 0; fl_httpx_answer_next(x, &at, &name, &value);)
		fl_buf_printf(b, "%s: %s\r\n", name, value);
	put_framing(h, b);
}

/* How the end of the body is told; without either way, by closing. */
static void choose_framing(struct fl_http1 *h)
{
	struct fl_http *x = &h->x;
	bool bodyless = x->status == 204 || x->status == 304;

	h->chunked = !x->sized && !bodyless && h->parser.http11;
	if (!x->sized && !bodyless && !h->chunked)
		h->keep = false;
	if (h->draining)
		h->keep = false;
}

static void start(struct fl_http *x)
{
	struct fl_http1 *h = x->conn;
	struct fl_buf b = fl_buf_make(HEAD_MAX + SMALL_BODY);

	choose_framing(h);
	put_head(h, &b);
	fl_buf_done(&x->answer);
	if (x->sized && x->pending <= SMALL_BODY)
		fl_httpx_put_front(x, x->pending, &b);
	h->head_sent = true;
	write_out(h, &b);
	fl_http1_pump(h);
}

/* ---- bodies ---- */

static bool write_chunk(struct fl_http1 *h)
{
	struct fl_http *x = &h->x;
	size_t n = x->pending < PIECE ? x->pending : PIECE;
	struct fl_buf b = fl_buf_make(PIECE + 32);

	fl_buf_printf(&b, "%zx\r\n", n);
	fl_httpx_put_front(x, n, &b);
	fl_buf_str(&b, "\r\n");
	return write_out(h, &b);
}

static bool write_piece(struct fl_http1 *h)
{
	struct fl_slice piece = fl_httpx_front(&h->x);

	if (piece.len > PIECE)
		piece.len = PIECE;
	if (fl_stream_write(h->stream, piece) != FL_OK) {
		h->broken = true;
		return false;
	}
	fl_httpx_consume(&h->x, piece.len);
	return true;
}

static void finish(struct fl_http1 *h)
{
	struct fl_buf b = fl_buf_make(16);

	h->finished = true;
	if (!h->chunked || h->x.no_body)
		return;
	fl_buf_str(&b, "0\r\n\r\n");
	write_out(h, &b);
}

void fl_http1_pump(struct fl_http1 *h)
{
	struct fl_http *x = &h->x;
	bool had = x->pending > 0;

	if (!h->head_sent || h->finished || x->aborted)
		return;
	while (x->pending > 0 && !h->broken && fl_http1_has_room(h))
		if (!(h->chunked ? write_chunk(h) : write_piece(h)))
			break;
	if (x->pending == 0 && fl_httpx_released(x) && !h->broken)
		finish(h);
	if (x->pending == 0 && had)
		h->tell_drain = true;
	if (h->broken || h->finished || h->tell_drain)
		fl_http1_later(h);
}

static void kick(struct fl_http *x)
{
	fl_http1_pump(x->conn);
}

static void abort_answer(struct fl_http *x)
{
	struct fl_http1 *h = x->conn;

	h->broken = true;
	fl_http1_later(h);
}

const struct fl_httpx_ops fl_http1_ops = {
	.start = start,
	.kick = kick,
	.abort = abort_answer,
};
