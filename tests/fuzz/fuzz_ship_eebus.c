/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/fuzz/fuzz_ship_eebus.c - any text as wire text and as plain text; what comes out is sound,
 * converting it again changes nothing, and what is written is read as it was.
 */
#include "wire/ship/eebus.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { OUT_MAX = 64 << 20 };

static void must(bool ok)
{
	if (!ok)
		abort();
}

typedef enum fl_err convert(struct fl_slice in, struct fl_buf *out);

static bool run(convert *how, struct fl_slice in, struct fl_buf *out)
{
	*out = fl_buf_make(OUT_MAX);
	enum fl_err err = how(in, out);
	must(err == FL_OK || err == FL_ERR_SYNTAX || err == FL_ERR_TOO_BIG);
	must(err == FL_OK ? out->len > 0 : out->len == 0);
	return err == FL_OK;
}

/* Does the text hold a list that the wire cannot tell from an object? */
static bool is_told_apart(struct fl_slice plain)
{
	struct fl_tokens t;
	enum fl_token token, before = FL_TOKEN_END;

	fl_tokens_init(&t, plain, FL_TOKENS_DEPTH_MAX);
	do {
		token = fl_tokens_next(&t);
		if (token == FL_TOKEN_ARR_END && before == FL_TOKEN_ARR)
			return false;
		before = token;
	} while (token != FL_TOKEN_END && token != FL_TOKEN_BAD);
	return true;
}

static void read_wire(struct fl_slice in)
{
	struct fl_buf plain, again;

	if (run(fl_eebus_to_plain, in, &plain)) {
		must(plain.len <= in.len);
		/* Lists of lists may have become lists of objects: shorter now, but sound. */
		must(run(fl_eebus_to_plain, fl_buf_slice(&plain), &again));
		must(again.len <= plain.len);
		fl_buf_done(&again);
	}
	fl_buf_done(&plain);
}

static void write_wire(struct fl_slice in)
{
	struct fl_buf wire, plain, again;

	if (run(fl_eebus_to_wire, in, &wire)) {
		must(run(fl_eebus_to_plain, fl_buf_slice(&wire), &plain));
		must(run(fl_eebus_to_wire, fl_buf_slice(&plain), &again));
		must(!is_told_apart(in) || fl_slice_eq(fl_buf_slice(&wire), fl_buf_slice(&again)));
		fl_buf_done(&plain);
		fl_buf_done(&again);
	}
	fl_buf_done(&wire);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	read_wire(fl_slice_of(data, size));
	write_wire(fl_slice_of(data, size));
	return 0;
}
