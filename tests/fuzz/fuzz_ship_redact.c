/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/fuzz/fuzz_ship_redact.c - any message; the hub's own reader finds no PIN in what is left of
 * it, once is enough, and it grows by no more than the marks.
 */
#include "wire/ship/message.h"
#include "wire/ship/redact.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { OUT_MAX = 64 << 20, SLACK = 64 };

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void look_for_pin(struct fl_slice message)
{
	struct fl_ship_msg m;

	if (fl_ship_msg_decode(message, NULL, &m) != FL_OK)
		return;
	if (m.kind == FL_SHIP_PIN_INPUT)
		must(fl_slice_is(m.pin_input, "***"));
	fl_ship_msg_done(&m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fl_buf once = fl_buf_make(OUT_MAX), twice = fl_buf_make(OUT_MAX);

	fl_ship_redact(fl_slice_of(data, size), &once);
	must(fl_buf_err(&once) == FL_OK && once.len <= 2 * size + SLACK);
	must(size == 0 || (once.len > 0 && once.ptr[0] == data[0]));
	look_for_pin(fl_buf_slice(&once));
	fl_ship_redact(fl_buf_slice(&once), &twice);
	must(fl_slice_eq(fl_buf_slice(&once), fl_buf_slice(&twice)));
	fl_buf_done(&once);
	fl_buf_done(&twice);
	return 0;
}
