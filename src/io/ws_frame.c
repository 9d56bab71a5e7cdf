/* SPDX-License-Identifier: BSD-3-Clause */
/* io/ws_frame.c - frames of RFC 6455, strictly. */
#include "io/ws_frame.h"

#include "base/utf8.h"

enum {
	FIN = 0x80,
	RESERVED = 0x70,
	OPCODE = 0x0f,
	MASKED = 0x80,
	LENGTH = 0x7f,
	LENGTH_16 = 126,
	LENGTH_64 = 127,
};

static bool is_known(uint8_t opcode)
{
	return opcode <= FL_WS_BINARY || (opcode >= FL_WS_CLOSE && opcode <= FL_WS_PONG);
}

static uint64_t read_be(const uint8_t *p, size_t width)
{
	uint64_t v = 0;

	for (size_t i = 0; i < width; i++)
		v = v << 8 | p[i];
	return v;
}

enum fl_err fl_ws_head_decode(struct fl_slice in, struct fl_ws_head *out, size_t *out_used)
{
	if (in.len < 1)
		return FL_MORE;
	struct fl_ws_head h = { .opcode = in.ptr[0] & OPCODE, .fin = (in.ptr[0] & FIN) != 0 };
	if (in.ptr[0] & RESERVED || !is_known(h.opcode) || (fl_ws_is_control(&h) && !h.fin))
		return FL_ERR_PROTO;
	if (in.len < 2)
		return FL_MORE;
	h.masked = (in.ptr[1] & MASKED) != 0;
	h.len = in.ptr[1] & LENGTH;
	if (fl_ws_is_control(&h) && h.len > FL_WS_CONTROL_MAX)
		return FL_ERR_PROTO;
	size_t width = h.len == LENGTH_64 ? 8 : h.len == LENGTH_16 ? 2 : 0;
	size_t used = 2 + width + (h.masked ? sizeof h.mask : 0);
	if (in.len < used)
		return FL_MORE;
	if (width > 0)
		h.len = read_be(in.ptr + 2, width);
	if ((width == 2 && h.len < LENGTH_16) ||
	    (width == 8 && (h.len <= UINT16_MAX || h.len > INT64_MAX)))
		return FL_ERR_PROTO;
	if (h.masked)
		memcpy(h.mask, in.ptr + 2 + width, sizeof h.mask);
	*out = h;
	*out_used = used;
	return FL_OK;
}

static size_t put_be(uint8_t *out, uint64_t v, size_t width)
{
	for (size_t i = 0; i < width; i++)
		out[i] = (uint8_t)(v >> (8 * (width - 1 - i)));
	return width;
}

size_t fl_ws_head_encode(uint8_t opcode, uint64_t len, const uint8_t *mask,
			 uint8_t out[static FL_WS_HEAD_MAX])
{
	size_t at = 2;

	out[0] = (uint8_t)(FIN | opcode);
	if (len < LENGTH_16) {
		out[1] = (uint8_t)len;
	} else if (len <= UINT16_MAX) {
		out[1] = LENGTH_16;
		at += put_be(out + at, len, 2);
	} else {
		out[1] = LENGTH_64;
		at += put_be(out + at, len, 8);
	}
	if (mask != NULL) {
		out[1] |= MASKED;
		memcpy(out + at, mask, 4);
		at += 4;
	}
	return at;
}

void fl_ws_mask(const uint8_t mask[static 4], uint64_t at, uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] ^= mask[(at + i) % 4];
}

/* ---- close frames ---- */

/* RFC 6455 7.4 and what has been registered since. */
static bool code_ok(uint16_t code)
{
	return (code >= 1000 && code <= 1014 && code != 1004 && code != FL_WS_NO_CODE &&
		code != FL_WS_CUT) ||
	       (code >= 3000 && code <= 4999);
}

enum fl_err fl_ws_close_decode(struct fl_slice payload, uint16_t *out_code,
			       struct fl_slice *out_reason, uint16_t *out_bad)
{
	if (payload.len == 0) {
		*out_code = FL_WS_NO_CODE;
		*out_reason = (struct fl_slice){ 0 };
		return FL_OK;
	}
	uint16_t code = payload.len >= 2 ? (uint16_t)read_be(payload.ptr, 2) : 0;
	struct fl_slice reason = fl_slice_skip(payload, 2);
	if (!code_ok(code)) {
		*out_bad = FL_WS_PROTOCOL_ERROR;
		return FL_ERR_PROTO;
	}
	if (fl_utf8_front(reason.ptr, reason.len, FL_WS_REASON_MAX) != reason.len) {
		*out_bad = FL_WS_BAD_TEXT;
		return FL_ERR_PROTO;
	}
	*out_code = code;
	*out_reason = reason;
	return FL_OK;
}

size_t fl_ws_close_encode(uint16_t code, struct fl_slice reason,
			  uint8_t out[static FL_WS_CONTROL_MAX])
{
	reason.len = fl_utf8_front(reason.ptr, reason.len, FL_WS_REASON_MAX);
	size_t at = put_be(out, code, 2);
	if (reason.len > 0)
		memcpy(out + at, reason.ptr, reason.len);
	return at + reason.len;
}
