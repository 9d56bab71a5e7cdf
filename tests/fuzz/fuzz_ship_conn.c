/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/fuzz/fuzz_ship_conn.c - a script of what may happen to one SHIP connection.
 *
 * Three bytes set it up. Then each step is an operation byte and an argument: one of the usual
 * messages, raw bytes of the input as a message, time, the user, the transport. At most one CLOSE
 * comes, nothing after it, and until then a deadline lies ahead, but in a connection that is
 * complete.
 */
#include "crypto/prim.h"
#include "proto/ship/conn.h"

#include <stdlib.h>

enum { MESSAGE_MAX = 1 << 16 };

static const struct fl_slice usual[] = {
#define BYTES(s)                                                                                   \
	{                                                                                          \
		(const uint8_t *)(s), sizeof(s) - 1                                                \
	}
#define FORMAT                                                                                     \
	"{\"version\":[{\"major\":1},{\"minor\":0}]},{\"formats\":[{\"format\":[\"JSON-UTF8\"]}]}" \
	"]}"
	BYTES("\0\0"),
	BYTES("\1{\"connectionHello\":[{\"phase\":\"ready\"}]}"),
	BYTES("\1{\"connectionHello\":[{\"phase\":\"ready\"},{\"waiting\":60000}]}"),
	BYTES("\1{\"connectionHello\":[{\"phase\":\"pending\"},{\"waiting\":40000}]}"),
	BYTES("\1{\"connectionHello\":[{\"phase\":\"pending\"},{\"prolongationRequest\":true}]}"),
	BYTES("\1{\"connectionHello\":[{\"phase\":\"aborted\"}]}"),
	BYTES("\1{\"messageProtocolHandshake\":[{\"handshakeType\":\"announceMax\"}," FORMAT),
	BYTES("\1{\"messageProtocolHandshake\":[{\"handshakeType\":\"select\"}," FORMAT),
	BYTES("\1{\"connectionPinState\":[{\"pinState\":\"none\"}]}"),
	BYTES("\1{\"connectionPinState\":[{\"pinState\":\"required\"},{\"inputPermission\":\"ok\"}]"
	      "}"),
	BYTES("\1{\"connectionPinState\":[{\"pinState\":\"optional\"},{\"inputPermission\":"
	      "\"busy\"}]}"),
	BYTES("\1{\"connectionPinState\":[{\"pinState\":\"pinOk\"}]}"),
	BYTES("\1{\"connectionPinInput\":[{\"pin\":\"12345678\"}]}"),
	BYTES("\1{\"connectionPinInput\":[{\"pin\":\"87654321\"}]}"),
	BYTES("\1{\"connectionPinError\":[{\"error\":1}]}"),
	BYTES("\1{\"accessMethodsRequest\":[]}"),
	BYTES("\1{\"accessMethods\":[{\"id\":\"Them-1\"}]}"),
	BYTES("\2{\"data\":[{\"header\":[{\"protocolId\":\"ee1.0\"}]},{\"payload\":{\"datagram\":[]"
	      "}}]}"),
	BYTES("\3{\"connectionClose\":[{\"phase\":\"announce\"},{\"maxTime\":500}]}"),
	BYTES("\3{\"connectionClose\":[{\"phase\":\"confirm\"}]}"),
#undef FORMAT
#undef BYTES
};

static struct fl_ship_conn *c;
static fl_time now;
static bool closed;

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void take(void)
{
	struct fl_ship_effect e;
	uint8_t sum = 0;

	while (fl_ship_conn_next(c, &e)) {
		must(!closed);
		closed = e.kind == FL_SHIP_DO_CLOSE;
		must(!closed || (e.text != NULL && e.code >= 1000));
		for (size_t i = 0; i < e.bytes.len; i++)
			sum ^= e.bytes.ptr[i]; /* every byte is there */
		must(e.kind != FL_SHIP_DO_SEND || e.bytes.len >= 2);
	}
	(void)sum;
}

static void check(void)
{
	fl_time due = fl_ship_conn_deadline(c);
	enum fl_ship_state s = fl_ship_conn_state(c);

	must(closed == (s == FL_SHIP_S_CLOSED));
	if (closed)
		must(due == FL_NEVER);
	else if (s != FL_SHIP_S_COMPLETE)
		must(due != FL_NEVER);
	must(due > now);
}

static void set_up(const uint8_t b[static 3])
{
	static const char *const pins[] = { NULL, "12345678" };
	struct fl_ship_conn_config cfg = {
		.client = b[0] & 1,
		.trusted = b[0] & 2,
		.may_wait = b[0] & 4,
		.ship_id = "Us-1",
		.peer_id = b[0] & 8 ? "Them-1" : NULL,
		.peer_pin = pins[b[0] >> 4 & 1],
		.pin_wanted = (enum fl_ship_pin_state)(b[1] % 3),
		.pin = "12345678",
		.pin_failures = b[1] / 3 % 8,
		.pin_busy_until = FL_SEC * b[2],
		.message_max = MESSAGE_MAX,
	};

	now = 20 * FL_SEC;
	closed = false;
	must(fl_ship_conn_new(&cfg, &c) == FL_OK);
	fl_ship_conn_start(c, now);
}

static void user(uint8_t arg)
{
	switch (arg % 6) {
	case 0:
	case 1:
		fl_ship_conn_decide(c, now, arg % 6);
		break;
	case 2:
	case 3:
		fl_ship_conn_may_wait(c, arg % 2);
		break;
	case 4:
		(void)!fl_ship_conn_pin(c, now, arg & 1 ? "1234567" : "12345678");
		break;
	case 5:
		fl_ship_conn_end(c, now, FL_SHIP_UNSPECIFIC, FL_SHIP_CODE_USER, "User close");
		break;
	}
}

static struct fl_slice cut(struct fl_slice *in, size_t n)
{
	struct fl_slice s = { in->ptr, n < in->len ? n : in->len };

	*in = fl_slice_skip(*in, n);
	return s;
}

static void step(uint8_t op, uint8_t arg, struct fl_slice *in)
{
	switch (op % 8) {
	case 0:
	case 1:
		fl_ship_conn_message(c, now, usual[arg % (sizeof usual / sizeof *usual)]);
		break;
	case 2:
		fl_ship_conn_message(c, now, cut(in, (size_t)arg + (op / 8) * 16u));
		break;
	case 3:
		now += arg * (arg & 1 ? FL_SEC : FL_MS);
		break;
	case 4:
		if (fl_ship_conn_deadline(c) != FL_NEVER)
			now = fl_ship_conn_deadline(c) - arg % 2;
		break;
	case 5:
		user(arg);
		break;
	case 6:
		(void)!fl_ship_conn_send(c, now, cut(in, arg), op & 8);
		break;
	case 7:
		if (arg < 16)
			fl_ship_conn_lost(c, now, arg & 1);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fl_slice in = fl_slice_of(data, size);

	must(fl_crypto_init() == FL_OK);
	if (size < 3)
		return 0;
	set_up(data);
	in = fl_slice_skip(in, 3);
	while (in.len >= 2) {
		uint8_t op = in.ptr[0], arg = in.ptr[1];
		in = fl_slice_skip(in, 2);
		step(op, arg, &in);
		if (op & 0x80) /* effects may wait */
			continue;
		fl_ship_conn_tick(c, now);
		take();
		check();
	}
	take();
	fl_ship_conn_free(c);
	return 0;
}
