/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/fuzz/fuzz_ship_qr.c - any text as that of a QR code; what is understood and has an ID is
 * written, read as the same and written as the same.
 */
#include "wire/ship/qr.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { OUT_MAX = 4096 };

static void must(bool ok)
{
	if (!ok)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fl_buf once = fl_buf_make(OUT_MAX), twice = fl_buf_make(OUT_MAX);
	struct fl_fault fault = { "" };
	struct fl_ship_txt t, back;

	enum fl_err err = fl_ship_qr_parse(fl_slice_of(data, size), &fault, &t);
	must((err == FL_OK) == (fault.text[0] == '\0'));
	if (err != FL_OK)
		return 0;
	must((fl_ship_qr_write(&t, &once) == FL_OK) == (t.id[0] != '\0'));
	if (once.len > 0) {
		must(once.len <= FL_SHIP_QR_MAX);
		must(fl_ship_qr_parse(fl_buf_slice(&once), &fault, &back) == FL_OK);
		must(fl_ship_qr_write(&back, &twice) == FL_OK);
		must(fl_slice_eq(fl_buf_slice(&once), fl_buf_slice(&twice)));
	}
	fl_buf_done(&once);
	fl_buf_done(&twice);
	return 0;
}
