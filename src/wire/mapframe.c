/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * wire/mapframe.c - frames of the map stream over libzstd.
 *
 * Frames are written as the stock servers write them: fastest level, content size and checksum
 * stated, one segment. One context each way is kept, because making one costs more than
 * compressing a small message.
 */
#include "wire/mapframe.h"

#include <stdlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "base/cur.h"

enum {
	HEAD_LEN = 4,
	LEVEL = 1,
	SHORT = 256,      /* bytes; a text below that is not worth tables for Huffman's code, ... */
	LEVEL_SHORT = -1, /* ... which negative levels leave out: a tenth longer */
	JSON_MAX = 256 << 20,
	SCRATCH_KEPT = 4 << 20, /* a larger scratch is given back after use */
	LOG2_STEP = 17,
	STEP = 1 << LOG2_STEP, /* output of one decompression step */
	WINDOW_LOG_MIN = 23,   /* other encoders state 8 MiB windows for small content */
	WINDOW_LOG_MAX = 27,
};

struct fl_mapframe {
	ZSTD_CCtx *out_ctx;
	ZSTD_DCtx *in_ctx;
	struct fl_buf scratch;
};

static bool configure(struct fl_mapframe *m)
{
	return !ZSTD_isError(ZSTD_CCtx_setParameter(m->out_ctx, ZSTD_c_checksumFlag, 1)) &&
	       !ZSTD_isError(ZSTD_CCtx_setParameter(m->out_ctx, ZSTD_c_contentSizeFlag, 1));
}

enum fl_err fl_mapframe_new(struct fl_mapframe **out)
{
	struct fl_mapframe *m = calloc(1, sizeof *m);
	if (m == NULL)
		return FL_ERR_NOMEM;

	m->scratch = fl_buf_make(HEAD_LEN + ZSTD_COMPRESSBOUND((size_t)JSON_MAX));
	m->out_ctx = ZSTD_createCCtx();
	m->in_ctx = ZSTD_createDCtx();
	if (m->out_ctx == NULL || m->in_ctx == NULL || !configure(m)) {
		fl_mapframe_free(m);
		return FL_ERR_NOMEM;
	}
	*out = m;
	return FL_OK;
}

struct fl_mapframe *fl_mapframe_free(struct fl_mapframe *m)
{
	if (m == NULL)
		return NULL;
	ZSTD_freeCCtx(m->out_ctx);
	ZSTD_freeDCtx(m->in_ctx);
	fl_buf_done(&m->scratch);
	free(m);
	return NULL;
}

/* The smallest n with 2^n >= size, within bounds. */
static int log2_within(size_t size, int least, int most)
{
	int n = least;

	while (n < most && ((size_t)1 << n) < size)
		n++;
	return n;
}

/* A window as large as the content makes libzstd write a single segment. */
static enum fl_err put_compressed(struct fl_mapframe *m, struct fl_slice json)
{
	struct fl_buf *b = &m->scratch;
	size_t bound = ZSTD_compressBound(json.len);
	int level = json.len < SHORT ? LEVEL_SHORT : LEVEL;
	int window = json.len > STEP ? log2_within(json.len, LOG2_STEP, WINDOW_LOG_MAX)
				     : 0; /* 0 = by level, which is large enough */

	if (ZSTD_isError(ZSTD_CCtx_setParameter(m->out_ctx, ZSTD_c_compressionLevel, level)) ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(m->out_ctx, ZSTD_c_windowLog, window)))
		return FL_ERR_ARG;
	if (fl_buf_reserve(b, bound) != FL_OK)
		return fl_buf_err(b);
	size_t n = ZSTD_compress2(m->out_ctx, b->ptr + b->len, bound, json.ptr, json.len);
	if (ZSTD_isError(n))
		return FL_ERR_NOMEM; /* the bound fits, so nothing else can fail */
	b->len += n;
	return FL_OK;
}

static enum fl_err put_text(struct fl_mapframe *m, struct fl_slice text, bool zstd)
{
	if (zstd)
		return put_compressed(m, text);
	fl_buf_put(&m->scratch, text.ptr, text.len);
	return fl_buf_err(&m->scratch);
}

/* Gives what the scratch holds, unless `err` says that it is not whole. */
static enum fl_err take_scratch(struct fl_mapframe *m, enum fl_err err, struct fl_bytes **out)
{
	if (err == FL_OK) {
		struct fl_bytes *made = fl_bytes_new(fl_buf_slice(&m->scratch));
		if (made == NULL)
			err = FL_ERR_NOMEM;
		else
			*out = made;
	}
	fl_buf_reset(&m->scratch);
	if (m->scratch.cap > SCRATCH_KEPT)
		fl_buf_done(&m->scratch);
	return err;
}

enum fl_err fl_mapframe_piece(struct fl_mapframe *m, struct fl_slice text, bool zstd,
			      struct fl_bytes **out)
{
	if (text.len > JSON_MAX)
		return FL_ERR_TOO_BIG;
	return take_scratch(m, put_text(m, text, zstd), out);
}

static void set_length(struct fl_buf *b, size_t rest)
{
	size_t n = b->len - HEAD_LEN + rest;

	for (size_t i = 0; i < HEAD_LEN; i++)
		b->ptr[i] = (uint8_t)(n >> (8 * i));
}

enum fl_err fl_mapframe_first(struct fl_mapframe *m, struct fl_slice text, size_t rest, bool zstd,
			      struct fl_bytes **out)
{
	if (text.len > JSON_MAX || rest > JSON_MAX)
		return FL_ERR_TOO_BIG;
	fl_buf_le(&m->scratch, 0, HEAD_LEN);
	enum fl_err err = put_text(m, text, zstd);
	if (err == FL_OK)
		set_length(&m->scratch, rest);
	return take_scratch(m, err, out);
}

enum fl_err fl_mapframe_make(struct fl_mapframe *m, struct fl_slice json, bool zstd,
			     struct fl_bytes **out)
{
	return fl_mapframe_first(m, json, 0, zstd, out);
}

size_t fl_mapframe_bound(size_t text_len)
{
	return HEAD_LEN + ZSTD_COMPRESSBOUND(text_len);
}

enum fl_err fl_mapframe_next(struct fl_slice in, size_t max, struct fl_slice *out_body,
			     size_t *out_used)
{
	struct fl_cur c = { .in = in };
	uint64_t n = fl_cur_le(&c, HEAD_LEN);

	if (c.bad)
		return FL_MORE;
	if (n > max)
		return FL_ERR_TOO_BIG;
	struct fl_slice body = fl_cur_take(&c, (size_t)n);
	if (c.bad)
		return FL_MORE;
	*out_body = body;
	*out_used = c.at;
	return FL_OK;
}

static enum fl_err open_error(size_t code)
{
	switch (ZSTD_getErrorCode(code)) {
	case ZSTD_error_frameParameter_windowTooLarge:
		return FL_ERR_TOO_BIG;
	case ZSTD_error_memory_allocation:
		return FL_ERR_NOMEM;
	default:
		return FL_ERR_SYNTAX;
	}
}

/* Room for the next step: one byte over `max` is enough to know that it is too big. */
static size_t step_room(const struct fl_buf *out, size_t left)
{
	size_t room = out->max - out->len;

	if (room > left)
		room = left + 1;
	return room < STEP ? room : STEP;
}

/* Decompresses until the input is used up. */
static enum fl_err open_all(struct fl_mapframe *m, ZSTD_inBuffer *in, size_t max,
			    struct fl_buf *out)
{
	size_t start = out->len, due = 0;

	while (in->pos < in->size || due > 0) {
		size_t room = step_room(out, max - (out->len - start)), before = in->pos;
		if (fl_buf_reserve(out, room) != FL_OK)
			return fl_buf_err(out);
		ZSTD_outBuffer step = { .dst = room > 0 ? out->ptr + out->len : NULL,
					.size = room };
		due = ZSTD_decompressStream(m->in_ctx, &step, in);
		if (ZSTD_isError(due))
			return open_error(due);
		out->len += step.pos;
		if (out->len - start > max)
			return FL_ERR_TOO_BIG;
		if (step.pos == 0 && in->pos == before && (due > 0 || in->pos < in->size))
			return room == 0 ? FL_ERR_TOO_BIG : FL_ERR_SYNTAX; /* full, or cut off */
	}
	return FL_OK;
}

enum fl_err fl_mapframe_open(struct fl_mapframe *m, struct fl_slice body, size_t max,
			     struct fl_buf *out)
{
	ZSTD_inBuffer in = { .src = body.ptr, .size = body.len };
	size_t start = out->len;
	int window = log2_within(max, WINDOW_LOG_MIN, WINDOW_LOG_MAX);

	if (max >= SIZE_MAX - start)
		return FL_ERR_ARG;
	ZSTD_DCtx_reset(m->in_ctx, ZSTD_reset_session_only);
	if (ZSTD_isError(ZSTD_DCtx_setParameter(m->in_ctx, ZSTD_d_windowLogMax, window)))
		return FL_ERR_ARG;
	enum fl_err err = open_all(m, &in, max, out);
	if (err != FL_OK)
		out->len = start;
	return err;
}
