/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/fuzz/fuzz_ship_txt.c - any bytes as a TXT record, a length byte before each string; what is
 * understood is written within the limit, read as the same and written as the same.
 */
#include "wire/ship/txt.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { STRINGS_MAX = 64, OUT_MAX = 4096 };

static void must(bool ok)
{
	if (!ok)
		abort();
}

static size_t split(struct fl_slice record, struct fl_slice out[static STRINGS_MAX])
{
	size_t count = 0;

	while (record.len > 0 && count < STRINGS_MAX) {
		size_t len = record.ptr[0] < record.len ? record.ptr[0] : record.len - 1;
		out[count++] = fl_slice_of(record.ptr + 1, len);
		record = fl_slice_skip(record, 1 + len);
	}
	return count;
}

static enum fl_err parse(struct fl_slice record, struct fl_fault *fault, struct fl_ship_txt *out)
{
	struct fl_slice strings[STRINGS_MAX];

	return fl_ship_txt_parse(strings, split(record, strings), fault, out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fl_buf once = fl_buf_make(OUT_MAX), twice = fl_buf_make(OUT_MAX);
	struct fl_fault fault = { "" };
	struct fl_ship_txt t, back;

	enum fl_err err = parse(fl_slice_of(data, size), &fault, &t);
	must((err == FL_OK) == (fault.text[0] == '\0'));
	if (err != FL_OK)
		return 0;
	must(fl_ship_txt_write(&t, &once) == FL_OK && once.len <= FL_SHIP_TXT_MAX);
	must(parse(fl_buf_slice(&once), &fault, &back) == FL_OK);
	must(fl_ship_txt_write(&back, &twice) == FL_OK);
	must(fl_slice_eq(fl_buf_slice(&once), fl_buf_slice(&twice)));
	must(memcmp(&t.ski, &back.ski, sizeof t.ski) == 0 && strcmp(t.id, back.id) == 0);
	must(strcmp(t.path, back.path) == 0 && t.path[0] == '/' &&
	     t.auto_accept == back.auto_accept);
	fl_buf_done(&once);
	fl_buf_done(&twice);
	return 0;
}
