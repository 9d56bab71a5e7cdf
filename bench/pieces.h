/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bench/pieces.h - opens maps of which many have pieces in common, and looks at each piece once.
 *
 * Ten thousand nodes that see each other are told a hundred million peers, and a generator beside
 * the server has no time to unpack each. A server may send what many are told in zstd frames of
 * their own, the same bytes to all: where such a frame is a list of whole peers, the model keeps
 * their records under a number, and {"@":number} stands in the text for it whenever the very same
 * bytes come again.
 *
 * Thread  one.
 */
#ifndef FL_BENCH_PIECES_H
#define FL_BENCH_PIECES_H

#include "base/buf.h"
#include "model.h"
#include "table.h"
#include "wire/mapframe.h"

struct pieces {
	struct table known; /* digest of a frame's bytes to the number of its piece */
};

/*
 * Appends the text of the whole zstd frames that `body` begins with, pieces as said above, counts
 * into `bytes` what the text is long without that, and says how much it took. `last`: the message
 * ends with `body`. False: it does not decompress.
 */
bool pieces_open(struct pieces *p, struct model *m, struct fl_mapframe *frames,
		 struct fl_slice body, bool last, struct fl_buf *out, uint64_t *bytes,
		 size_t *out_used);
void pieces_done(struct pieces *p);

#endif
