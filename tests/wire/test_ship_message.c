/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/wire/test_ship_message.c - SHIP messages: golden texts, what is forgiven, what is not. */
#include "../base/table.h"

#include <stdio.h>

#include "wire/ship/eebus.h"
#include "wire/ship/message.h"

enum { OUT_MAX = 4 << 20 };

#define TEXT(s)                                                                                    \
	{                                                                                          \
		(const uint8_t *)(s), sizeof(s) - 1                                                \
	}

/* ---- canonical messages, both ways ---- */

#define PROTOCOL(type, formats)                                                                    \
	"\1{\"messageProtocolHandshake\":[{\"handshakeType\":\"" type "\"},"                       \
	"{\"version\":[{\"major\":1},{\"minor\":0}]},{\"formats\":[{\"format\":[" formats "]}]}]}"
#define DATA(payload)                                                                              \
	"\2{\"data\":[{\"header\":[{\"protocolId\":\"ee1.0\"}]},{\"payload\":" payload "}]}"

static struct golden {
	const char *name;
	struct fl_slice wire;
	struct fl_ship_msg m;
} goldens[] = {
	{ "init", BYTES("\0\0"), { .kind = FL_SHIP_CMI } },
	{ "hello ready",
	  BYTES("\1{\"connectionHello\":[{\"phase\":\"ready\"},{\"waiting\":60000}]}"),
	  { .kind = FL_SHIP_HELLO, .hello = { FL_SHIP_READY, true, false, 60000 } } },
	{ "hello pending",
	  BYTES("\1{\"connectionHello\":[{\"phase\":\"pending\"},{\"waiting\":0}]}"),
	  { .kind = FL_SHIP_HELLO, .hello = { FL_SHIP_PENDING, true, false, 0 } } },
	{ "hello with the most waiting",
	  BYTES("\1{\"connectionHello\":[{\"phase\":\"pending\"},{\"waiting\":4294967295}]}"),
	  { .kind = FL_SHIP_HELLO, .hello = { FL_SHIP_PENDING, true, false, UINT32_MAX } } },
	{ "hello ready alone",
	  BYTES("\1{\"connectionHello\":[{\"phase\":\"ready\"}]}"),
	  { .kind = FL_SHIP_HELLO, .hello = { .phase = FL_SHIP_READY } } },
	{ "prolongation request",
	  BYTES("\1{\"connectionHello\":[{\"phase\":\"pending\"},{\"prolongationRequest\":true}]}"),
	  { .kind = FL_SHIP_HELLO, .hello = { .phase = FL_SHIP_PENDING, .prolong = true } } },
	{ "hello aborted",
	  BYTES("\1{\"connectionHello\":[{\"phase\":\"aborted\"}]}"),
	  { .kind = FL_SHIP_HELLO, .hello = { .phase = FL_SHIP_ABORTED } } },
	{ "announceMax",
	  BYTES(PROTOCOL("announceMax", "\"JSON-UTF8\"")),
	  { .kind = FL_SHIP_PROTOCOL,
	    .protocol = { FL_SHIP_ANNOUNCE_MAX, 1, 0, 1, true, false } } },
	{ "select",
	  BYTES(PROTOCOL("select", "\"JSON-UTF8\"")),
	  { .kind = FL_SHIP_PROTOCOL, .protocol = { FL_SHIP_SELECT, 1, 0, 1, true, false } } },
	{ "both formats",
	  BYTES(PROTOCOL("announceMax", "\"JSON-UTF8\",\"JSON-UTF16\"")),
	  { .kind = FL_SHIP_PROTOCOL, .protocol = { FL_SHIP_ANNOUNCE_MAX, 1, 0, 2, true, true } } },
	{ "protocol error",
	  BYTES("\1{\"messageProtocolHandshakeError\":[{\"error\":2}]}"),
	  { .kind = FL_SHIP_PROTOCOL_ERROR, .error = FL_SHIP_E_UNEXPECTED } },
	{ "PIN state none",
	  BYTES("\1{\"connectionPinState\":[{\"pinState\":\"none\"}]}"),
	  { .kind = FL_SHIP_PIN_STATE, .pin = { FL_SHIP_PIN_NONE, false, false } } },
	{ "PIN state required",
	  BYTES("\1{\"connectionPinState\":[{\"pinState\":\"required\"},{\"inputPermission\":"
		"\"ok\"}]}"),
	  { .kind = FL_SHIP_PIN_STATE, .pin = { FL_SHIP_PIN_REQUIRED, true, false } } },
	{ "PIN state optional and busy",
	  BYTES("\1{\"connectionPinState\":[{\"pinState\":\"optional\"},{\"inputPermission\":"
		"\"busy\"}]}"),
	  { .kind = FL_SHIP_PIN_STATE, .pin = { FL_SHIP_PIN_OPTIONAL, true, true } } },
	{ "PIN state ok",
	  BYTES("\1{\"connectionPinState\":[{\"pinState\":\"pinOk\"}]}"),
	  { .kind = FL_SHIP_PIN_STATE, .pin = { FL_SHIP_PIN_OK, false, false } } },
	{ "PIN input of 16",
	  BYTES("\1{\"connectionPinInput\":[{\"pin\":\"1234567890ABCDEF\"}]}"),
	  { .kind = FL_SHIP_PIN_INPUT, .pin_input = TEXT("1234567890ABCDEF") } },
	{ "PIN input of 8",
	  BYTES("\1{\"connectionPinInput\":[{\"pin\":\"1234abcd\"}]}"),
	  { .kind = FL_SHIP_PIN_INPUT, .pin_input = TEXT("1234abcd") } },
	{ "PIN error",
	  BYTES("\1{\"connectionPinError\":[{\"error\":1}]}"),
	  { .kind = FL_SHIP_PIN_ERROR, .error = 1 } },
	{ "access request",
	  BYTES("\1{\"accessMethodsRequest\":[]}"),
	  { .kind = FL_SHIP_ACCESS_REQUEST } },
	{ "access",
	  BYTES("\1{\"accessMethods\":[{\"id\":\"Demo-EVSE-234567890\"}]}"),
	  { .kind = FL_SHIP_ACCESS, .id = TEXT("Demo-EVSE-234567890") } },
	{ "an ID that is escaped",
	  BYTES("\1{\"accessMethods\":[{\"id\":\"A\\u0026B \\\"C\\\"\"}]}"),
	  { .kind = FL_SHIP_ACCESS, .id = TEXT("A&B \"C\"") } },
	{ "data",
	  BYTES(DATA("{\"datagram\":[{\"a\":1},{\"b\":[]}]}")),
	  { .kind = FL_SHIP_PAYLOAD,
	    .data = { TEXT("ee1.0"), TEXT("{\"datagram\":{\"a\":1,\"b\":{}}}") } } },
	{ "data with text that looks like syntax",
	  BYTES(DATA("{\"datagram\":[{\"a\":\"[{}]\"}]}")),
	  { .kind = FL_SHIP_PAYLOAD,
	    .data = { TEXT("ee1.0"), TEXT("{\"datagram\":{\"a\":\"[{}]\"}}") } } },
	{ "data of a scalar",
	  BYTES(DATA("{\"datagram\":1.50}")),
	  { .kind = FL_SHIP_PAYLOAD, .data = { TEXT("ee1.0"), TEXT("{\"datagram\":1.50}") } } },
	{ "close, announce",
	  BYTES("\3{\"connectionClose\":[{\"phase\":\"announce\"},{\"maxTime\":500},"
		"{\"reason\":\"unspecific\"}]}"),
	  { .kind = FL_SHIP_CLOSE,
	    .close = { FL_SHIP_CLOSE_ANNOUNCE, true, 500, FL_SHIP_UNSPECIFIC } } },
	{ "close, removed",
	  BYTES("\3{\"connectionClose\":[{\"phase\":\"announce\"},{\"reason\":"
		"\"removedConnection\"}]}"),
	  { .kind = FL_SHIP_CLOSE,
	    .close = { FL_SHIP_CLOSE_ANNOUNCE, false, 0, FL_SHIP_REMOVED_CONNECTION } } },
	{ "close, confirm",
	  BYTES("\3{\"connectionClose\":[{\"phase\":\"confirm\"}]}"),
	  { .kind = FL_SHIP_CLOSE, .close = { .phase = FL_SHIP_CLOSE_CONFIRM } } },
};

static void assert_same(const struct fl_ship_msg *a, const struct fl_ship_msg *b)
{
	assert_int_equal(a->kind, b->kind);
	switch (a->kind) {
	case FL_SHIP_HELLO:
		assert_int_equal(a->hello.phase, b->hello.phase);
		assert_int_equal(a->hello.has_waiting, b->hello.has_waiting);
		assert_int_equal(a->hello.prolong, b->hello.prolong);
		assert_int_equal(a->hello.waiting_ms, b->hello.waiting_ms);
		break;
	case FL_SHIP_PROTOCOL:
		assert_int_equal(a->protocol.select, b->protocol.select);
		assert_int_equal(a->protocol.major, b->protocol.major);
		assert_int_equal(a->protocol.minor, b->protocol.minor);
		assert_int_equal(a->protocol.formats, b->protocol.formats);
		assert_int_equal(a->protocol.utf8, b->protocol.utf8);
		assert_int_equal(a->protocol.utf16, b->protocol.utf16);
		break;
	case FL_SHIP_PROTOCOL_ERROR:
	case FL_SHIP_PIN_ERROR:
		assert_int_equal(a->error, b->error);
		break;
	case FL_SHIP_PIN_STATE:
		assert_int_equal(a->pin.state, b->pin.state);
		assert_int_equal(a->pin.has_permission, b->pin.has_permission);
		assert_int_equal(a->pin.busy, b->pin.busy);
		break;
	case FL_SHIP_PIN_INPUT:
		assert_bytes(a->pin_input, b->pin_input);
		break;
	case FL_SHIP_ACCESS:
		assert_bytes(a->id, b->id);
		break;
	case FL_SHIP_PAYLOAD:
		assert_bytes(a->data.protocol_id, b->data.protocol_id);
		assert_bytes(a->data.payload, b->data.payload);
		break;
	case FL_SHIP_CLOSE:
		assert_int_equal(a->close.phase, b->close.phase);
		assert_int_equal(a->close.has_max_time, b->close.has_max_time);
		assert_int_equal(a->close.max_time_ms, b->close.max_time_ms);
		assert_int_equal(a->close.reason, b->close.reason);
		break;
	case FL_SHIP_CMI:
	case FL_SHIP_ACCESS_REQUEST:
	case FL_SHIP_UNKNOWN:
		break;
	}
}

/* Decoding `wire` gives `want`. */
static void check_decode(struct fl_slice wire, const struct fl_ship_msg *want)
{
	struct fl_slice message = exact(wire);
	enum fl_ship_type type = FL_SHIP_INIT;
	struct fl_ship_msg m;

	assert_err(fl_ship_msg_decode(message, &type, &m), FL_OK);
	assert_int_equal(type, wire.ptr[0]);
	exact_free(message); /* what was decoded owns its text */
	assert_same(&m, want);
	fl_ship_msg_done(&m);
}

static void golden_decode(void **state)
{
	const struct golden *row = *state;

	check_decode(row->wire, &row->m);
}

static void golden_encode(void **state)
{
	const struct golden *row = *state;
	struct fl_buf out = fl_buf_make(OUT_MAX);

	assert_err(fl_ship_msg_encode(&row->m, &out), FL_OK);
	assert_bytes(fl_buf_slice(&out), row->wire);
	fl_buf_done(&out);
}

static void golden_prefixes(void **state)
{
	const struct golden *row = *state;

	for (size_t n = 0; n < row->wire.len; n++) {
		struct fl_slice part = exact(fl_slice_of(row->wire.ptr, n));
		struct fl_ship_msg m = { .kind = FL_SHIP_UNKNOWN };
		assert_err(fl_ship_msg_decode(part, NULL, &m),
			   n < 2 ? FL_ERR_PROTO : FL_ERR_SYNTAX);
		assert_int_equal(m.kind, FL_SHIP_UNKNOWN);
		exact_free(part);
	}
}

/* A buffer that is full at any place, and one that is just large enough. */
static void golden_room(void **state)
{
	const struct golden *row = *state;

	for (size_t room = 0; room <= row->wire.len; room++) {
		struct fl_buf out = fl_buf_make(1 + room);
		bool fits = room == row->wire.len;
		fl_buf_byte(&out, '<');
		assert_err(fl_ship_msg_encode(&row->m, &out), fits ? FL_OK : FL_ERR_TOO_BIG);
		assert_text(fl_slice_of(out.ptr, 1), "<");
		assert_bytes(fl_slice_skip(fl_buf_slice(&out), 1),
			     fits ? row->wire : fl_slice_of(NULL, 0));
		fl_buf_done(&out);
	}
}

/* Plain objects in place of wrapped ones, and white space wherever it may be. */
static struct fl_buf spread(struct fl_slice wire, bool plain)
{
	struct fl_buf flat = fl_buf_make(OUT_MAX), out = fl_buf_make(OUT_MAX);
	bool in_string = false;

	if (plain)
		assert_err(fl_eebus_to_plain(fl_slice_skip(wire, 1), &flat), FL_OK);
	else
		fl_buf_put(&flat, wire.ptr + 1, wire.len - 1);
	fl_buf_byte(&out, wire.ptr[0]);
	for (size_t i = 0; i < flat.len; i++) {
		uint8_t c = flat.ptr[i];
		in_string ^= c == '"' && flat.ptr[i - 1] != '\\';
		bool space = !in_string && strchr("[]{}:,", c) != NULL;
		fl_buf_str(&out, space ? " \n" : "");
		fl_buf_byte(&out, c);
		fl_buf_str(&out, space ? "\t" : "");
	}
	fl_buf_put(&out, "\r\n\0", 3);
	fl_buf_done(&flat);
	return out;
}

static void golden_forms(void **state)
{
	const struct golden *row = *state;

	for (int plain = 0; plain < 2 && row->wire.ptr[0] != 0; plain++) {
		struct fl_buf text = spread(row->wire, plain);
		check_decode(fl_buf_slice(&text), &row->m);
		fl_buf_done(&text);
	}
}

/* ---- what is forgiven ---- */

static struct forgiven {
	const char *name;
	struct fl_slice wire;
	struct fl_ship_msg m;
} forgiven[] = {
	{ "members in another order",
	  BYTES("\1{\"connectionHello\":[{\"waiting\":1},{\"phase\":\"ready\"}]}"),
	  { .kind = FL_SHIP_HELLO, .hello = { FL_SHIP_READY, true, false, 1 } } },
	{ "unknown members",
	  BYTES("\1{\"connectionHello\":[{\"x\":[{\"phase\":\"aborted\"}]},{\"phase\":\"ready\"},"
		"{\"keyMaterialState\":{\"a\":[1,[2]]}},{\"y\":\"\\u0000\"}]}"),
	  { .kind = FL_SHIP_HELLO, .hello = { .phase = FL_SHIP_READY } } },
	{ "a member twice",
	  BYTES("\1{\"connectionHello\":[{\"phase\":\"ready\"},{\"waiting\":1},{\"phase\":"
		"\"pending\"},"
		"{\"waiting\":2}]}"),
	  { .kind = FL_SHIP_HELLO, .hello = { FL_SHIP_PENDING, true, false, 2 } } },
	{ "two members in one element",
	  BYTES("\1{\"connectionHello\":[{\"phase\":\"ready\",\"waiting\":3}]}"),
	  { .kind = FL_SHIP_HELLO, .hello = { FL_SHIP_READY, true, false, 3 } } },
	{ "waiting that is null",
	  BYTES("\1{\"connectionHello\":[{\"phase\":\"ready\"},{\"waiting\":null}]}"),
	  { .kind = FL_SHIP_HELLO, .hello = { .phase = FL_SHIP_READY } } },
	{ "waiting beyond 32 bits",
	  BYTES("\1{\"connectionHello\":[{\"phase\":\"ready\"},{\"waiting\":4294967296}]}"),
	  { .kind = FL_SHIP_HELLO, .hello = { FL_SHIP_READY, true, false, UINT32_MAX } } },
	{ "waiting beyond 64 bits",
	  BYTES("\1{\"connectionHello\":[{\"phase\":\"ready\"},{\"waiting\":99999999999999999999}]"
		"}"),
	  { .kind = FL_SHIP_HELLO, .hello = { FL_SHIP_READY, true, false, UINT32_MAX } } },
	{ "waiting and a request",
	  BYTES("\1{\"connectionHello\":[{\"phase\":\"pending\"},{\"waiting\":5},"
		"{\"prolongationRequest\":true}]}"),
	  { .kind = FL_SHIP_HELLO, .hello = { FL_SHIP_PENDING, true, true, 5 } } },
	{ "a request that is false",
	  BYTES("\1{\"connectionHello\":[{\"phase\":\"pending\"},{\"prolongationRequest\":false}]"
		"}"),
	  { .kind = FL_SHIP_HELLO, .hello = { .phase = FL_SHIP_PENDING } } },
	{ "escapes in words",
	  BYTES("\1{\"connectionHell\\u006f\":[{\"ph\\u0061se\":\"re\\u0061dy\"}]}"),
	  { .kind = FL_SHIP_HELLO, .hello = { .phase = FL_SHIP_READY } } },
	{ "a list around the root",
	  BYTES("\1[{\"connectionHello\":[{\"phase\":\"ready\"}]}]"),
	  { .kind = FL_SHIP_HELLO, .hello = { .phase = FL_SHIP_READY } } },
	{ "a second root",
	  BYTES("\1{\"connectionHello\":[{\"phase\":\"ready\"}],\"x\":[1]}"),
	  { .kind = FL_SHIP_HELLO, .hello = { .phase = FL_SHIP_READY } } },
	{ "one format without its list",
	  BYTES("\1{\"messageProtocolHandshake\":[{\"handshakeType\":\"select\"},{\"version\":"
		"[{\"major\":1},{\"minor\":0}]},{\"formats\":[{\"format\":\"JSON-UTF8\"}]}]}"),
	  { .kind = FL_SHIP_PROTOCOL, .protocol = { FL_SHIP_SELECT, 1, 0, 1, true, false } } },
	{ "no formats",
	  BYTES("\1{\"messageProtocolHandshake\":[{\"handshakeType\":\"select\"},{\"version\":"
		"[{\"major\":1},{\"minor\":0}]}]}"),
	  { .kind = FL_SHIP_PROTOCOL, .protocol = { FL_SHIP_SELECT, 1, 0, 0, false, false } } },
	{ "empty formats",
	  BYTES(PROTOCOL("select", "")),
	  { .kind = FL_SHIP_PROTOCOL, .protocol = { FL_SHIP_SELECT, 1, 0, 0, false, false } } },
	{ "8 formats",
	  BYTES(PROTOCOL("select",
			 "\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"JSON-UTF16\",\"JSON-UTF8\"")),
	  { .kind = FL_SHIP_PROTOCOL, .protocol = { FL_SHIP_SELECT, 1, 0, 8, true, true } } },
	{ "7 formats",
	  BYTES(PROTOCOL("select", "\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"JSON-UTF8\"")),
	  { .kind = FL_SHIP_PROTOCOL, .protocol = { FL_SHIP_SELECT, 1, 0, 7, true, false } } },
	{ "a version beyond 16 bits",
	  BYTES("\1{\"messageProtocolHandshake\":[{\"handshakeType\":\"announceMax\"},{\"version\":"
		"[{\"major\":65536},{\"minor\":65535}]},{\"formats\":[{\"format\":[]}]}]}"),
	  { .kind = FL_SHIP_PROTOCOL,
	    .protocol = { FL_SHIP_ANNOUNCE_MAX, 65535, 65535, 0, false, false } } },
	{ "a flat error",
	  BYTES("\1{\"error\":2}"),
	  { .kind = FL_SHIP_PROTOCOL_ERROR, .error = 2 } },
	{ "a flat error in a list",
	  BYTES("\1[{\"error\":3}]"),
	  { .kind = FL_SHIP_PROTOCOL_ERROR, .error = 3 } },
	{ "a PIN of other characters",
	  BYTES("\1{\"connectionPinInput\":[{\"pin\":\"x\\u0031\"}]}"),
	  { .kind = FL_SHIP_PIN_INPUT, .pin_input = TEXT("x1") } },
	{ "an empty PIN",
	  BYTES("\1{\"connectionPinInput\":[{\"pin\":\"\"}]}"),
	  { .kind = FL_SHIP_PIN_INPUT, .pin_input = TEXT("") } },
	{ "a permission without need",
	  BYTES("\1{\"connectionPinState\":[{\"pinState\":\"none\"},{\"inputPermission\":\"busy\"}]"
		"}"),
	  { .kind = FL_SHIP_PIN_STATE, .pin = { FL_SHIP_PIN_NONE, true, true } } },
	{ "an access request that is an object",
	  BYTES("\1{\"accessMethodsRequest\":{}}"),
	  { .kind = FL_SHIP_ACCESS_REQUEST } },
	{ "access without id", BYTES("\1{\"accessMethods\":[]}"), { .kind = FL_SHIP_ACCESS } },
	{ "access that is null", BYTES("\1{\"accessMethods\":null}"), { .kind = FL_SHIP_ACCESS } },
	{ "access with all methods",
	  BYTES("\1{\"accessMethods\":[{\"id\":\"X\"},{\"dnsSd_mDns\":[]},"
		"{\"dns\":[{\"uri\":\"wss://h:4712/ship/\"}]}]}"),
	  { .kind = FL_SHIP_ACCESS, .id = TEXT("X") } },
	{ "dns as a string",
	  BYTES("\1{\"accessMethods\":[{\"dns\":\"wss://h\"},{\"id\":\"X\"}]}"),
	  { .kind = FL_SHIP_ACCESS, .id = TEXT("X") } },
	{ "an id twice",
	  BYTES("\1{\"accessMethods\":[{\"id\":\"first\"},{\"id\":\"second\"}]}"),
	  { .kind = FL_SHIP_ACCESS, .id = TEXT("second") } },
	{ "an ID of 63 bytes",
	  BYTES("\1{\"accessMethods\":[{\"id\":"
		"\"123456789.123456789.123456789.123456789.123456789.123456789.123\"}]}"),
	  { .kind = FL_SHIP_ACCESS,
	    .id = TEXT("123456789.123456789.123456789.123456789.123456789.123456789.123") } },
	{ "data that is plain",
	  BYTES("\2{\"data\":{\"header\":{\"protocolId\":\"ee1.0\"},"
		"\"payload\":{\"datagram\":{\"a\":1,\"b\":2}}}}"),
	  { .kind = FL_SHIP_PAYLOAD,
	    .data = { TEXT("ee1.0"), TEXT("{\"datagram\":{\"a\":1,\"b\":2}}") } } },
	{ "data with a wrapped payload",
	  BYTES(DATA("[{\"datagram\":[{\"a\":1}]}]")),
	  { .kind = FL_SHIP_PAYLOAD,
	    .data = { TEXT("ee1.0"), TEXT("{\"datagram\":{\"a\":1}}") } } },
	{ "data with its payload first",
	  BYTES("\2{\"data\":[{\"payload\":{\"d\":[]}},{\"extension\":[{\"string\":\"payload\"}]},"
		"{\"header\":[{\"protocolId\":\"x\"}]}]}"),
	  { .kind = FL_SHIP_PAYLOAD, .data = { TEXT("x"), TEXT("{\"d\":{}}") } } },
	{ "data without header",
	  BYTES("\2{\"data\":[{\"payload\":{\"d\":1}}]}"),
	  { .kind = FL_SHIP_PAYLOAD, .data = { TEXT(""), TEXT("{\"d\":1}") } } },
	{ "two payloads",
	  BYTES("\2{\"data\":[{\"payload\":{\"d\":1}},{\"payload\":{\"e\":2}}]}"),
	  { .kind = FL_SHIP_PAYLOAD, .data = { TEXT(""), TEXT("{\"e\":2}") } } },
	{ "close with free text",
	  BYTES("\3{\"connectionClose\":[{\"phase\":\"announce\"},{\"reason\":\"user said so\"}]}"),
	  { .kind = FL_SHIP_CLOSE,
	    .close = { FL_SHIP_CLOSE_ANNOUNCE, false, 0, FL_SHIP_UNSPECIFIC } } },
	{ "close without reason",
	  BYTES("\3{\"connectionClose\":[{\"phase\":\"announce\"}]}"),
	  { .kind = FL_SHIP_CLOSE, .close = { .phase = FL_SHIP_CLOSE_ANNOUNCE } } },
	{ "an unknown root",
	  BYTES("\1{\"somethingNew\":[{\"phase\":\"ready\"}]}"),
	  { .kind = FL_SHIP_UNKNOWN } },
	{ "an unknown root of a scalar", BYTES("\1{\"x\":1}"), { .kind = FL_SHIP_UNKNOWN } },
	{ "a root in other letters",
	  BYTES("\1{\"connectionhello\":[{\"phase\":\"ready\"}]}"),
	  { .kind = FL_SHIP_UNKNOWN } },
	{ "a root of another type",
	  BYTES("\1{\"connectionClose\":[{\"phase\":\"confirm\"}]}"),
	  { .kind = FL_SHIP_UNKNOWN } },
};

static void forgiven_row(void **state)
{
	const struct forgiven *row = *state;

	check_decode(row->wire, &row->m);
}

/* ---- what is refused ---- */

static struct refused {
	const char *name;
	struct fl_slice wire;
	enum fl_err want;
} refused[] = {
	{ "nothing", BYTES(""), FL_ERR_PROTO },
	{ "a type alone", BYTES("\1"), FL_ERR_PROTO },
	{ "init alone", BYTES("\0"), FL_ERR_PROTO },
	{ "type 4", BYTES("\4{}"), FL_ERR_PROTO },
	{ "type 255", BYTES("\xff{}"), FL_ERR_PROTO },
	{ "another head of init", BYTES("\0\1"), FL_ERR_SYNTAX },
	{ "an init of three", BYTES("\0\0\0"), FL_ERR_SYNTAX },
	{ "zeros alone", BYTES("\1\0\0"), FL_ERR_SYNTAX },
	{ "an empty root", BYTES("\1{}"), FL_ERR_SYNTAX },
	{ "a root that is a list", BYTES("\1[]"), FL_ERR_SYNTAX },
	{ "a root that is a number", BYTES("\0011"), FL_ERR_SYNTAX },
	{ "a root that is null", BYTES("\1null"), FL_ERR_SYNTAX },
	{ "a second value", BYTES("\1{\"x\":1}{}"), FL_ERR_SYNTAX },
	{ "another root of data", BYTES("\2{\"connectionHello\":[{\"phase\":\"ready\"}]}"),
	  FL_ERR_SYNTAX },
	{ "another root of the end", BYTES("\3{\"data\":[]}"), FL_ERR_SYNTAX },
	{ "an error as data", BYTES("\2{\"error\":2}"), FL_ERR_SYNTAX },
	{ "hello without phase", BYTES("\1{\"connectionHello\":[]}"), FL_ERR_SYNTAX },
	{ "hello that is a string", BYTES("\1{\"connectionHello\":\"ready\"}"), FL_ERR_SYNTAX },
	{ "hello that is null", BYTES("\1{\"connectionHello\":null}"), FL_ERR_SYNTAX },
	{ "hello of a string", BYTES("\1{\"connectionHello\":[\"phase\",\"ready\"]}"),
	  FL_ERR_SYNTAX },
	{ "hello of a null", BYTES("\1{\"connectionHello\":[null]}"), FL_ERR_SYNTAX },
	{ "hello in two lists", BYTES("\1{\"connectionHello\":[[{\"phase\":\"ready\"}]]}"),
	  FL_ERR_SYNTAX },
	{ "an unknown phase", BYTES("\1{\"connectionHello\":[{\"phase\":\"steady\"}]}"),
	  FL_ERR_SYNTAX },
	{ "a phase in capitals", BYTES("\1{\"connectionHello\":[{\"phase\":\"Ready\"}]}"),
	  FL_ERR_SYNTAX },
	{ "a phase that is null", BYTES("\1{\"connectionHello\":[{\"phase\":null}]}"),
	  FL_ERR_SYNTAX },
	{ "a phase that is a number", BYTES("\1{\"connectionHello\":[{\"phase\":1}]}"),
	  FL_ERR_SYNTAX },
	{ "waiting that is a string",
	  BYTES("\1{\"connectionHello\":[{\"phase\":\"ready\"},{\"waiting\":\"1\"}]}"),
	  FL_ERR_SYNTAX },
	{ "waiting below zero",
	  BYTES("\1{\"connectionHello\":[{\"phase\":\"ready\"},{\"waiting\":-1}]}"),
	  FL_ERR_SYNTAX },
	{ "waiting with a fraction",
	  BYTES("\1{\"connectionHello\":[{\"phase\":\"ready\"},{\"waiting\":1.5}]}"),
	  FL_ERR_SYNTAX },
	{ "a request that is a string",
	  BYTES("\1{\"connectionHello\":[{\"phase\":\"ready\"},{\"prolongationRequest\":\"true\"}]"
		"}"),
	  FL_ERR_SYNTAX },
	{ "an unknown member that is malformed",
	  BYTES("\1{\"connectionHello\":[{\"phase\":\"ready\"},{\"x\":\"\xff\"}]}"),
	  FL_ERR_SYNTAX },
	{ "no handshake type",
	  BYTES("\1{\"messageProtocolHandshake\":[{\"version\":[{\"major\":1},{\"minor\":0}]}]}"),
	  FL_ERR_SYNTAX },
	{ "an unknown handshake type", BYTES(PROTOCOL("offer", "\"JSON-UTF8\"")), FL_ERR_SYNTAX },
	{ "no version", BYTES("\1{\"messageProtocolHandshake\":[{\"handshakeType\":\"select\"}]}"),
	  FL_ERR_SYNTAX },
	{ "no minor version",
	  BYTES("\1{\"messageProtocolHandshake\":[{\"handshakeType\":\"select\"},{\"version\":"
		"[{\"major\":1}]}]}"),
	  FL_ERR_SYNTAX },
	{ "a format that is a number", BYTES(PROTOCOL("select", "8")), FL_ERR_SYNTAX },
	{ "a format in two lists", BYTES(PROTOCOL("select", "[\"JSON-UTF8\"]")), FL_ERR_SYNTAX },
	{ "9 formats",
	  BYTES(PROTOCOL("select",
			 "\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"g\",\"h\",\"JSON-UTF8\"")),
	  FL_ERR_TOO_BIG },
	{ "no error", BYTES("\1{\"messageProtocolHandshakeError\":[]}"), FL_ERR_SYNTAX },
	{ "an error that is a string", BYTES("\1{\"error\":\"2\"}"), FL_ERR_SYNTAX },
	{ "an error that is null", BYTES("\1{\"error\":null}"), FL_ERR_SYNTAX },
	{ "no PIN state", BYTES("\1{\"connectionPinState\":[]}"), FL_ERR_SYNTAX },
	{ "an unknown PIN state", BYTES("\1{\"connectionPinState\":[{\"pinState\":\"maybe\"}]}"),
	  FL_ERR_SYNTAX },
	{ "an unknown permission",
	  BYTES("\1{\"connectionPinState\":[{\"pinState\":\"required\"},{\"inputPermission\":"
		"\"no\"}]}"),
	  FL_ERR_SYNTAX },
	{ "no PIN", BYTES("\1{\"connectionPinInput\":[]}"), FL_ERR_SYNTAX },
	{ "a PIN that is a number", BYTES("\1{\"connectionPinInput\":[{\"pin\":12345678}]}"),
	  FL_ERR_SYNTAX },
	{ "a PIN of 17", BYTES("\1{\"connectionPinInput\":[{\"pin\":\"1234567890ABCDEF0\"}]}"),
	  FL_ERR_TOO_BIG },
	{ "no PIN error", BYTES("\1{\"connectionPinError\":[{\"x\":1}]}"), FL_ERR_SYNTAX },
	{ "an ID that is a number", BYTES("\1{\"accessMethods\":[{\"id\":1}]}"), FL_ERR_SYNTAX },
	{ "an ID with a zero byte", BYTES("\1{\"accessMethods\":[{\"id\":\"a\\u0000b\"}]}"),
	  FL_ERR_SYNTAX },
	{ "an ID with half a pair", BYTES("\1{\"accessMethods\":[{\"id\":\"\\ud83d\"}]}"),
	  FL_ERR_SYNTAX },
	{ "an ID of 64 bytes",
	  BYTES("\1{\"accessMethods\":[{\"id\":"
		"\"123456789.123456789.123456789.123456789.123456789.123456789.1234\"}]}"),
	  FL_ERR_TOO_BIG },
	{ "data without payload", BYTES("\2{\"data\":[{\"header\":[{\"protocolId\":\"ee1.0\"}]}]}"),
	  FL_ERR_SYNTAX },
	{ "data that is empty", BYTES("\2{\"data\":[]}"), FL_ERR_SYNTAX },
	{ "data with a malformed payload", BYTES(DATA("{\"datagram\":[1,]}")), FL_ERR_SYNTAX },
	{ "a protocol that is a number",
	  BYTES("\2{\"data\":[{\"header\":[{\"protocolId\":1}]},"
		"{\"payload\":{}}]}"),
	  FL_ERR_SYNTAX },
	{ "close without phase", BYTES("\3{\"connectionClose\":[{\"maxTime\":1}]}"),
	  FL_ERR_SYNTAX },
	{ "close with an unknown phase", BYTES("\3{\"connectionClose\":[{\"phase\":\"now\"}]}"),
	  FL_ERR_SYNTAX },
};

static void refused_row(void **state)
{
	const struct refused *row = *state;
	struct fl_slice message = exact(row->wire);
	struct fl_ship_msg m = { .kind = FL_SHIP_UNKNOWN };
	enum fl_ship_type type = FL_SHIP_INIT;

	assert_err(fl_ship_msg_decode(message, &type, &m), row->want);
	assert_int_equal(m.kind, FL_SHIP_UNKNOWN);
	if (row->wire.len > 0 && row->wire.ptr[0] <= FL_SHIP_END)
		assert_int_equal(type, row->wire.ptr[0]);
	exact_free(message);
}

/* ---- what is not sent ---- */

static struct unsent {
	const char *name;
	struct fl_ship_msg m;
	enum fl_err want;
} unsent[] = {
	{ "an unknown message", { .kind = FL_SHIP_UNKNOWN }, FL_ERR_INVALID },
	{ "waiting with a request",
	  { .kind = FL_SHIP_HELLO, .hello = { FL_SHIP_PENDING, true, true, 1 } },
	  FL_ERR_INVALID },
	{ "no format", { .kind = FL_SHIP_PROTOCOL, .protocol = { .major = 1 } }, FL_ERR_INVALID },
	{ "required without permission",
	  { .kind = FL_SHIP_PIN_STATE, .pin = { .state = FL_SHIP_PIN_REQUIRED } },
	  FL_ERR_INVALID },
	{ "optional without permission",
	  { .kind = FL_SHIP_PIN_STATE, .pin = { .state = FL_SHIP_PIN_OPTIONAL } },
	  FL_ERR_INVALID },
	{ "none with a permission",
	  { .kind = FL_SHIP_PIN_STATE, .pin = { FL_SHIP_PIN_NONE, true, false } },
	  FL_ERR_INVALID },
	{ "pinOk with a permission",
	  { .kind = FL_SHIP_PIN_STATE, .pin = { FL_SHIP_PIN_OK, true, false } },
	  FL_ERR_INVALID },
	{ "a PIN of 7",
	  { .kind = FL_SHIP_PIN_INPUT, .pin_input = TEXT("1234567") },
	  FL_ERR_INVALID },
	{ "a PIN of 17",
	  { .kind = FL_SHIP_PIN_INPUT, .pin_input = TEXT("12345678901234567") },
	  FL_ERR_INVALID },
	{ "a PIN of letters",
	  { .kind = FL_SHIP_PIN_INPUT, .pin_input = TEXT("1234567g") },
	  FL_ERR_INVALID },
	{ "no ID", { .kind = FL_SHIP_ACCESS }, FL_ERR_INVALID },
	{ "an ID of 64",
	  { .kind = FL_SHIP_ACCESS,
	    .id = TEXT("123456789.123456789.123456789.123456789.123456789.123456789.1234") },
	  FL_ERR_INVALID },
	{ "an ID with a newline", { .kind = FL_SHIP_ACCESS, .id = TEXT("a\nb") }, FL_ERR_INVALID },
	{ "an ID that is no UTF-8",
	  { .kind = FL_SHIP_ACCESS, .id = TEXT("a\xff") },
	  FL_ERR_INVALID },
	{ "an ID like data",
	  { .kind = FL_SHIP_ACCESS, .id = TEXT("my-datagram-1") },
	  FL_ERR_INVALID },
	{ "an ID that is data",
	  { .kind = FL_SHIP_ACCESS, .id = TEXT("datagram") },
	  FL_ERR_INVALID },
	{ "no payload", { .kind = FL_SHIP_PAYLOAD }, FL_ERR_SYNTAX },
	{ "an empty payload",
	  { .kind = FL_SHIP_PAYLOAD, .data.payload = TEXT("{}") },
	  FL_ERR_INVALID },
	{ "a payload of two",
	  { .kind = FL_SHIP_PAYLOAD, .data.payload = TEXT("{\"a\":1,\"b\":2}") },
	  FL_ERR_INVALID },
	{ "a payload that is a list",
	  { .kind = FL_SHIP_PAYLOAD, .data.payload = TEXT("[{\"a\":1}]") },
	  FL_ERR_INVALID },
	{ "a payload that is a number",
	  { .kind = FL_SHIP_PAYLOAD, .data.payload = TEXT("1") },
	  FL_ERR_INVALID },
	{ "a payload that breaks off",
	  { .kind = FL_SHIP_PAYLOAD, .data.payload = TEXT("{\"a\":[1") },
	  FL_ERR_SYNTAX },
	{ "more behind a payload",
	  { .kind = FL_SHIP_PAYLOAD, .data.payload = TEXT("{\"a\":1}{}") },
	  FL_ERR_SYNTAX },
};

static void unsent_row(void **state)
{
	const struct unsent *row = *state;
	struct fl_buf out = fl_buf_make(OUT_MAX);

	fl_buf_str(&out, "<");
	assert_err(fl_ship_msg_encode(&row->m, &out), row->want);
	assert_text(fl_buf_slice(&out), "<");
	fl_buf_done(&out);
}

/* ---- payloads that are wire text already ---- */

static struct raw {
	const char *name, *wire;
	enum fl_err want;
	const char *sent;
} raws[] = {
	{ "as it is", "{\"datagram\":[{\"a\":1},{\"b\":[[{\"c\":2}],[3,\"x\"],[]]}]}", FL_OK,
	  DATA("{\"datagram\":[{\"a\":1},{\"b\":[[{\"c\":2}],[3,\"x\"],[]]}]}") },
	{ "without white space", " { \"datagram\" : [ { \"a b\" : 1 } ] }\n", FL_OK,
	  DATA("{\"datagram\":[{\"a b\":1}]}") },
	{ "a plain object", "{\"datagram\":{\"a\":1}}", FL_ERR_INVALID, "" },
	{ "a plain object deeper", "{\"datagram\":[{\"a\":{\"b\":1}}]}", FL_ERR_INVALID, "" },
	{ "an element of two", "{\"datagram\":[{\"a\":1,\"b\":2}]}", FL_ERR_INVALID, "" },
	{ "an element of none", "{\"datagram\":[{}]}", FL_ERR_INVALID, "" },
	{ "an object before a number", "{\"datagram\":[{\"a\":1},1]}", FL_ERR_INVALID, "" },
	{ "an object after a list", "{\"datagram\":[[{\"a\":1}],{\"b\":1}]}", FL_ERR_INVALID, "" },
	{ "lists and numbers", "{\"datagram\":[[{\"a\":1}],1,[{\"b\":1},{\"c\":1}]]}", FL_OK,
	  DATA("{\"datagram\":[[{\"a\":1}],1,[{\"b\":1},{\"c\":1}]]}") },
	{ "two roots", "{\"datagram\":[],\"b\":[]}", FL_ERR_INVALID, "" },
	{ "a list", "[{\"datagram\":[]}]", FL_ERR_INVALID, "" },
	{ "malformed", "{\"datagram\":[1 2]}", FL_ERR_SYNTAX, "" },
	{ "nothing", "", FL_ERR_SYNTAX, "" },
};

static void raw_row(void **state)
{
	const struct raw *row = *state;
	struct fl_buf out = fl_buf_make(OUT_MAX);

	assert_err(fl_ship_payload_encode_wire(fl_slice_str(row->wire), &out), row->want);
	assert_text(fl_buf_slice(&out), row->sent);
	fl_buf_done(&out);
}

/* ---- limits ---- */

/* What may be sent may be read, to the last level. */
static void the_deepest_payload(void **state)
{
	(void)state;
	for (size_t depth = FL_EEBUS_DEPTH_MAX - 2; depth <= FL_EEBUS_DEPTH_MAX; depth++) {
		struct fl_buf plain = fl_buf_make(OUT_MAX), wire = fl_buf_make(OUT_MAX);
		fl_buf_str(&plain, "{\"datagram\":");
		for (size_t i = 0; i < depth; i++)
			fl_buf_byte(&plain, '[');
		fl_buf_byte(&plain, '1');
		for (size_t i = 0; i < depth; i++)
			fl_buf_byte(&plain, ']');
		fl_buf_byte(&plain, '}');
		struct fl_ship_msg m = {
			.kind = FL_SHIP_PAYLOAD,
			.data = { TEXT("ee1.0"), fl_buf_slice(&plain) },
		};
		bool fits = depth < FL_EEBUS_DEPTH_MAX;
		assert_err(fl_ship_msg_encode(&m, &wire), fits ? FL_OK : FL_ERR_TOO_BIG);
		if (fits)
			check_decode(fl_buf_slice(&wire), &m);
		fl_buf_done(&plain);
		fl_buf_done(&wire);
	}
}

static void a_message_too_deep(void **state)
{
	(void)state;
	struct fl_buf wire = fl_buf_make(OUT_MAX);
	struct fl_ship_msg m;

	fl_buf_str(&wire, "\1{\"x\":");
	for (size_t i = 0; i < 100000; i++)
		fl_buf_byte(&wire, '[');
	assert_err(fl_ship_msg_decode(fl_buf_slice(&wire), NULL, &m), FL_ERR_TOO_BIG);
	fl_buf_done(&wire);
}

/* 90 KB of what a device tells about its use cases. */
static void a_long_payload(void **state)
{
	(void)state;
	struct fl_buf plain = fl_buf_make(OUT_MAX), wire = fl_buf_make(OUT_MAX);

	fl_buf_str(&plain, "{\"datagram\":{\"payload\":{\"cmd\":[");
	for (int i = 0; plain.len < 90000; i++)
		fl_buf_printf(&plain, "%s{\"id\":%d,\"value\":{\"number\":%d.50,\"scale\":0}}",
			      i > 0 ? "," : "", i, i);
	fl_buf_str(&plain, "]}}}");
	struct fl_ship_msg m = {
		.kind = FL_SHIP_PAYLOAD,
		.data = { TEXT("ee1.0"), fl_buf_slice(&plain) },
	};
	assert_err(fl_ship_msg_encode(&m, &wire), FL_OK);
	check_decode(fl_buf_slice(&wire), &m);
	fl_buf_done(&plain);
	fl_buf_done(&wire);
}

int main(void)
{
	static struct suite s;

	ROWS(&s, goldens, golden_decode);
	ROWS(&s, goldens, golden_encode);
	ROWS(&s, goldens, golden_prefixes);
	ROWS(&s, goldens, golden_room);
	ROWS(&s, goldens, golden_forms);
	ROWS(&s, forgiven, forgiven_row);
	ROWS(&s, refused, refused_row);
	ROWS(&s, unsent, unsent_row);
	ROWS(&s, raws, raw_row);
	suite_add(&s, "the deepest payload", the_deepest_payload, NULL);
	suite_add(&s, "a message too deep", a_message_too_deep, NULL);
	suite_add(&s, "a long payload", a_long_payload, NULL);
	return suite_run(&s, "wire/ship_message");
}
