/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * wire/mapframe.h - the length-prefixed, optionally zstd-compressed frames of the map stream.
 *
 * u32 little-endian length, then that many bytes: a zstd frame (level 1, content size stated) or
 * plain JSON. A message may also be cut into pieces, at any places of its text, which are plain or
 * a zstd frame each: pieces that many messages have in common are made once.
 *
 * Thread  a compressor belongs to one thread and is reused.
 * Source  docs/protocol/control.md 5.3
 */
#ifndef FL_WIRE_MAPFRAME_H
#define FL_WIRE_MAPFRAME_H

#include "base/buf.h"
#include "base/bytes.h"

struct fl_mapframe;
FL_MUST enum fl_err fl_mapframe_new(struct fl_mapframe **out);
struct fl_mapframe *fl_mapframe_free(struct fl_mapframe *m);

/* One frame around `json`, with one reference. Errors: FL_ERR_NOMEM, FL_ERR_TOO_BIG (256 MiB). */
FL_MUST enum fl_err fl_mapframe_make(struct fl_mapframe *m, struct fl_slice json, bool zstd,
				     struct fl_bytes **out);

/*
 * A piece of a message, with one reference: any but the first, and the first, which knows how many
 * bytes of others follow. Errors: as above; FL_ERR_TOO_BIG also for `rest`.
 */
FL_MUST enum fl_err fl_mapframe_piece(struct fl_mapframe *m, struct fl_slice text, bool zstd,
				      struct fl_bytes **out);
FL_MUST enum fl_err fl_mapframe_first(struct fl_mapframe *m, struct fl_slice text, size_t rest,
				      bool zstd, struct fl_bytes **out);

/* No first or other piece of so long a text is longer. */
size_t fl_mapframe_bound(size_t text_len);

/* Client side: cuts one frame; body borrowed. FL_MORE; FL_ERR_TOO_BIG over `max`. */
FL_MUST enum fl_err fl_mapframe_next(struct fl_slice in, size_t max, struct fl_slice *out_body,
				     size_t *out_used);

/* Client side: decompresses zero or more concatenated zstd frames, at most `max` bytes out. */
FL_MUST enum fl_err fl_mapframe_open(struct fl_mapframe *m, struct fl_slice body, size_t max,
				     struct fl_buf *out);

#endif
