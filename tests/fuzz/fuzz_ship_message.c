/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/fuzz/fuzz_ship_message.c - any message; what is understood and may be sent is written in
 * one form, which is read as the same and written as the same.
 */
#include "wire/ship/message.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { OUT_MAX = 64 << 20 };

static void must(bool ok)
{
	if (!ok)
		abort();
}

static bool is_decode_err(enum fl_err err)
{
	return err == FL_OK || err == FL_ERR_PROTO || err == FL_ERR_SYNTAX || err == FL_ERR_TOO_BIG;
}

static void check_again(const struct fl_buf *wire, enum fl_ship_kind kind)
{
	struct fl_buf again = fl_buf_make(OUT_MAX);
	enum fl_ship_type type;
	struct fl_ship_msg m;

	must(fl_ship_msg_decode(fl_buf_slice(wire), &type, &m) == FL_OK);
	must(m.kind == kind && wire->ptr[0] == type);
	must(fl_ship_msg_encode(&m, &again) == FL_OK);
	must(fl_slice_eq(fl_buf_slice(wire), fl_buf_slice(&again)));
	fl_ship_msg_done(&m);
	fl_buf_done(&again);
}

static void raw(struct fl_slice in)
{
	struct fl_buf wire = fl_buf_make(OUT_MAX);
	enum fl_err err = fl_ship_payload_encode_wire(in, &wire);

	must(err == FL_OK || wire.len == 0);
	if (err == FL_OK)
		check_again(&wire, FL_SHIP_PAYLOAD);
	fl_buf_done(&wire);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fl_buf wire = fl_buf_make(OUT_MAX);
	struct fl_ship_msg m;

	raw(fl_slice_of(data, size));
	enum fl_err err = fl_ship_msg_decode(fl_slice_of(data, size), NULL, &m);
	must(is_decode_err(err));
	if (err != FL_OK)
		return 0;
	err = fl_ship_msg_encode(&m, &wire);
	must(err == FL_OK || err == FL_ERR_INVALID || m.kind == FL_SHIP_PAYLOAD);
	if (err == FL_OK)
		check_again(&wire, m.kind);
	fl_ship_msg_done(&m);
	fl_buf_done(&wire);
	return 0;
}
