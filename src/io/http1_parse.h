/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * io/http1_parse.h - reads HTTP/1 requests, for http1.c only. No stream, no loop.
 *
 * A head is gathered whole and read twice: once here, line by line and by the strictest reading
 * of RFC 9112, to fill the exchange; once by llhttp, whose view of the body's framing must agree.
 * Bodies are cut by llhttp.
 *
 * Limits    head FL_HTTP_HEAD_MAX; chunk framing may be CHUNK_OVERHEAD_MAX plus eight times the
 *           payload, whatever the extensions say.
 * Security  refused: bare CR or LF, NUL, folded lines, space before a colon, no Host or two, two
 *           Content-Length, Content-Length beside Transfer-Encoding, codings other than chunked.
 */
#ifndef FL_IO_HTTP1_PARSE_H
#define FL_IO_HTTP1_PARSE_H

#include "io/http_exchange.h"

#include <llhttp.h>

struct fl_http1_parser {
	llhttp_t llhttp;
	struct fl_http *x;
	uint64_t length;           /* announced by Content-Length */
	uint64_t framing, payload; /* bytes of a chunked body so far */
	bool chunked;
	bool has_body; /* one was announced, not empty */
	bool http11, keep_alive, expects_continue, upgrade;
	bool whole;   /* message complete */
	bool too_big; /* body over its limit */
};

/*
 * Finds the end of a head in what has been gathered; the first `seen` bytes were looked at before.
 * FL_OK with the length including the empty line, FL_MORE, or FL_ERR_SYNTAX when this is no HTTP.
 */
FL_MUST enum fl_err fl_http1_head_end(struct fl_slice in, size_t seen, size_t *out_len);

/*
 * Reads a whole head into `x`. Returns 0, or the status to refuse it with (400, 414, 417, 431,
 * 501, 503, 505); then the connection cannot be kept.
 */
unsigned fl_http1_parse_head(struct fl_http1_parser *p, struct fl_http *x, struct fl_slice head);

/*
 * Takes body bytes into the exchange. FL_OK: the message is whole, *out_used bytes belonged to
 * it. FL_MORE: all were used. FL_ERR_TOO_BIG: over the body's limit. FL_ERR_SYNTAX, FL_ERR_NOMEM.
 */
FL_MUST enum fl_err fl_http1_parse_body(struct fl_http1_parser *p, struct fl_slice in,
					size_t *out_used);

#endif
