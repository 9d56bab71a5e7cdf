/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * io/ws_frame.h - the heads of WebSocket frames and what control frames carry. No stream, no
 * memory.
 *
 * Of our own, beside a library that io/ws.c uses: that keeps five kilobytes a connection, which is
 * more than all else that an idle one has.
 *
 * Source    RFC 6455 5.2, 5.5, 7.4
 */
#ifndef FL_IO_WS_FRAME_H
#define FL_IO_WS_FRAME_H

#include "base/err.h"
#include "base/slice.h"

enum {
	FL_WS_CONTINUATION = 0,
	FL_WS_TEXT = 1,
	FL_WS_BINARY = 2,
	FL_WS_CLOSE = 8,
	FL_WS_PING = 9,
	FL_WS_PONG = 10,
};

enum {
	FL_WS_NORMAL = 1000,
	FL_WS_PROTOCOL_ERROR = 1002,
	FL_WS_UNSUPPORTED_DATA = 1003,
	FL_WS_NO_CODE = 1005, /* these two never on the wire: a close frame without, none at all */
	FL_WS_CUT = 1006,
	FL_WS_BAD_TEXT = 1007,
	FL_WS_TOO_BIG = 1009,
};

enum { FL_WS_HEAD_MAX = 14, FL_WS_CONTROL_MAX = 125, FL_WS_REASON_MAX = 123 };

struct fl_ws_head {
	uint8_t opcode;
	bool fin, masked;
	uint8_t mask[4];
	uint64_t len;
};

static inline bool fl_ws_is_control(const struct fl_ws_head *h)
{
	return (h->opcode & 8) != 0;
}

/*
 * Reads one head. FL_MORE: there is not all of it. FL_ERR_PROTO: reserved bits, an unknown opcode,
 * a control frame that is long or in fragments, a length in a longer form than it needs.
 */
FL_MUST enum fl_err fl_ws_head_decode(struct fl_slice in, struct fl_ws_head *out, size_t *out_used);

/* Of a whole message or a control frame; `mask` may be NULL. Gives its length. */
size_t fl_ws_head_encode(uint8_t opcode, uint64_t len, const uint8_t *mask,
			 uint8_t out[static FL_WS_HEAD_MAX]);

/* Masks or unmasks `n` bytes that begin `at` bytes behind the head. */
void fl_ws_mask(const uint8_t mask[static 4], uint64_t at, uint8_t *p, size_t n);

/* What a close frame carries. *out_bad is the code to refuse with where FL_ERR_PROTO is given. */
FL_MUST enum fl_err fl_ws_close_decode(struct fl_slice payload, uint16_t *out_code,
				       struct fl_slice *out_reason, uint16_t *out_bad);

/* Writes code and reason, cut at the end of a character; gives the length. */
size_t fl_ws_close_encode(uint16_t code, struct fl_slice reason,
			  uint8_t out[static FL_WS_CONTROL_MAX]);

#endif
