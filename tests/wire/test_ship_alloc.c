/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/wire/test_ship_alloc.c - SHIP texts and messages with the n-th allocation failing for every
 * n. The allocator is replaced at link time.
 */
#include "../base/alloc_plan.h"
#include "../base/table.h"

#include "wire/ship/eebus.h"
#include "wire/ship/message.h"

enum { OUT_MAX = 1 << 20 };

static enum fl_err to_plain(struct fl_slice in, struct fl_buf *out)
{
	return fl_eebus_to_plain(in, out);
}

static enum fl_err to_wire(struct fl_slice in, struct fl_buf *out)
{
	return fl_eebus_to_wire(in, out);
}

static enum fl_err decode(struct fl_slice in, struct fl_buf *out)
{
	struct fl_ship_msg m;
	enum fl_err err = fl_ship_msg_decode(in, NULL, &m);

	if (err == FL_OK)
		fl_ship_msg_done(&m);
	(void)out;
	return err;
}

static enum fl_err encode(struct fl_slice in, struct fl_buf *out)
{
	struct fl_ship_msg m = {
		.kind = FL_SHIP_PAYLOAD,
		.data = { fl_slice_str(FL_SHIP_PROTOCOL_ID), in },
	};

	return fl_ship_msg_encode(&m, out);
}

static enum fl_err encode_hello(struct fl_slice in, struct fl_buf *out)
{
	struct fl_ship_msg m = { .kind = FL_SHIP_HELLO, .hello = { .phase = FL_SHIP_READY } };

	(void)in;
	return fl_ship_msg_encode(&m, out);
}

static struct row {
	const char *name;
	enum fl_err (*run)(struct fl_slice in, struct fl_buf *out);
	struct fl_slice in;
	size_t least; /* allocations */
} rows[] = {
	{ "to plain", to_plain, BYTES("[{\"a\":1},{\"b\":[{\"c\":2},{\"d\":\"e\"}]}]"), 1 },
	{ "to wire", to_wire,
	  BYTES("{\"a\":{\"a\":1,\"b\":1,\"c\":1,\"d\":1,\"e\":1,\"f\":1,\"g\":1,\"h\":1,\"i\":1}"
		"}"),
	  2 },
	{ "hello read", decode, BYTES("\1{\"connectionHello\":[{\"phase\":\"ready\"}]}"), 0 },
	{ "a PIN read", decode, BYTES("\1{\"connectionPinInput\":[{\"pin\":\"12345678\"}]}"), 1 },
	{ "access read", decode, BYTES("\1{\"accessMethods\":[{\"id\":\"X\"}]}"), 1 },
	{ "data read", decode,
	  BYTES("\2{\"data\":[{\"header\":[{\"protocolId\":\"ee1.0\"}]},{\"payload\":{\"d\":[{"
		"\"a\":1}]}}]}"),
	  1 },
	{ "data written", encode, BYTES("{\"datagram\":{\"a\":1,\"b\":2}}"), 2 },
	{ "hello written", encode_hello, BYTES(""), 1 },
};

static void every_allocation_may_fail(void **state)
{
	const struct row *row = *state;
	enum fl_err err = FL_ERR_NOMEM;
	size_t n = 0;

	for (; err != FL_OK; n++) {
		struct fl_buf out = fl_buf_make(OUT_MAX);
		alloc_fail_after(n);
		err = row->run(row->in, &out);
		bool failed = alloc_fail_end();
		assert_err(err, failed ? FL_ERR_NOMEM : FL_OK);
		assert_true(err == FL_OK || out.len == 0);
		fl_buf_done(&out);
	}
	assert_true(n > row->least);
}

int main(void)
{
	static struct suite s;

	ROWS(&s, rows, every_allocation_may_fail);
	return suite_run(&s, "wire/ship_alloc");
}
