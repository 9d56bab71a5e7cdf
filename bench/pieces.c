/* SPDX-License-Identifier: BSD-3-Clause */
/* bench/pieces.c - see pieces.h. */
#include "pieces.h"

#include <zstd.h>

#include "util.h"

enum { JSON_MAX = 256 << 20, PIECE_MIN = 256 };

static bool is_known(const struct pieces *p, struct model *m, uint64_t digest, struct fl_buf *out,
		     uint64_t *bytes)
{
	int64_t n = table_find(&p->known, digest);
	if (n < 0)
		return false;
	*bytes += model_piece_len(m, (uint32_t)n);
	fl_buf_printf(out, "{\"@\":%u}", (unsigned)n);
	return true;
}

static bool open_one(struct pieces *p, struct model *m, struct fl_mapframe *frames,
		     struct fl_slice frame, struct fl_buf *out, uint64_t *bytes)
{
	uint64_t digest = bench_digest(frame.ptr, frame.len, 11);
	size_t before = out->len;
	if (frame.len >= PIECE_MIN && is_known(p, m, digest, out, bytes))
		return true;
	if (fl_mapframe_open(frames, frame, JSON_MAX, out) != FL_OK)
		return false;
	struct fl_slice text = fl_slice_skip(fl_buf_slice(out), before);
	int64_t n = frame.len >= PIECE_MIN ? model_learn_piece(m, text) : -1;
	if (n >= 0)
		table_put(&p->known, digest, (uint32_t)n);
	*bytes += text.len;
	return true;
}

bool pieces_open(struct pieces *p, struct model *m, struct fl_mapframe *frames,
		 struct fl_slice body, bool last, struct fl_buf *out, uint64_t *bytes,
		 size_t *out_used)
{
	size_t at = 0;
	while (at < body.len) {
		struct fl_slice rest = fl_slice_skip(body, at);
		size_t n = ZSTD_findFrameCompressedSize(rest.ptr, rest.len);
		if (ZSTD_isError(n) && !last)
			break; /* not yet whole, or it will still be wrong at the end */
		if (ZSTD_isError(n) ||
		    !open_one(p, m, frames, fl_slice_of(rest.ptr, n), out, bytes))
			return false;
		at += n;
	}
	*out_used = at;
	return fl_buf_err(out) == FL_OK;
}

void pieces_done(struct pieces *p)
{
	free(p->known.slots);
	*p = (struct pieces){ 0 };
}
