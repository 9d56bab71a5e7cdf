/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/fuzz/fuzz_mapframe.c - any bytes as map frames, and any bytes through a frame and back. */
#include <stdlib.h>

#include "wire/mapframe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { OPEN_MAX = 1 << 18 };

static void check(bool ok)
{
	if (!ok)
		abort();
}

static void cut_and_open(struct fl_mapframe *m, struct fl_slice in)
{
	struct fl_slice body;
	size_t used;

	while (fl_mapframe_next(in, OPEN_MAX, &body, &used) == FL_OK) {
		struct fl_buf out = fl_buf_make(OPEN_MAX);
		enum fl_err err = fl_mapframe_open(m, body, OPEN_MAX, &out);
		check(used == body.len + 4 && used <= in.len);
		check(err == FL_OK || out.len == 0);
		fl_buf_done(&out);
		in = fl_slice_skip(in, used);
	}
}

static void there_and_back(struct fl_mapframe *m, struct fl_slice json)
{
	struct fl_bytes *frame = NULL;
	struct fl_buf out = fl_buf_make(json.len);
	struct fl_slice body;
	size_t used;

	check(fl_mapframe_make(m, json, true, &frame) == FL_OK);
	check(fl_mapframe_next(fl_bytes_slice(frame), SIZE_MAX, &body, &used) == FL_OK);
	check(fl_mapframe_open(m, body, json.len, &out) == FL_OK);
	check(fl_slice_eq(fl_buf_slice(&out), json));
	fl_buf_done(&out);
	fl_bytes_unref(frame);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fl_mapframe *m;

	if (m == NULL)
		check(fl_mapframe_new(&m) == FL_OK);
	cut_and_open(m, fl_slice_of(data, size));
	there_and_back(m, fl_slice_of(data, size));
	return 0;
}
