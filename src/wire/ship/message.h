/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * wire/ship/message.h - SHIP messages: one WebSocket message is a type byte and a value.
 *
 * Reading forgives what peers in the field do (white space, plain objects, trailing zero bytes, a
 * flat error, unknown members); writing is one canonical form without white space.
 *
 * Memory  a decoded message owns its text until done; its slices point into it.
 * Limits  the caller bounds the message. 8 formats, 63 bytes of a SHIP ID, 16 digits of a PIN.
 * Source  docs/protocol/ship.md 4.1, 4.3
 */
#ifndef FL_WIRE_SHIP_MESSAGE_H
#define FL_WIRE_SHIP_MESSAGE_H

#include "base/buf.h"

enum { FL_SHIP_ID_MAX = 63, FL_SHIP_PIN_MIN = 8, FL_SHIP_PIN_MAX = 16 };

#define FL_SHIP_PROTOCOL_ID "ee1.0" /* of every data message */

/*
 * May it be sent as a SHIP ID? 1 to 63 bytes of clean text, without "datagram" in it: peers in the
 * field take every message that has it for data.
 */
bool fl_ship_id_ok(struct fl_slice id);

/* Is it a PIN: 8 to 16 hex digits, capital or not? */
bool fl_ship_pin_ok(struct fl_slice pin);

/* The first byte. */
enum fl_ship_type { FL_SHIP_INIT, FL_SHIP_CONTROL, FL_SHIP_DATA, FL_SHIP_END };

enum fl_ship_kind {
	FL_SHIP_CMI,
	FL_SHIP_HELLO,
	FL_SHIP_PROTOCOL,
	FL_SHIP_PROTOCOL_ERROR,
	FL_SHIP_PIN_STATE,
	FL_SHIP_PIN_INPUT,
	FL_SHIP_PIN_ERROR,
	FL_SHIP_ACCESS_REQUEST,
	FL_SHIP_ACCESS,
	FL_SHIP_PAYLOAD, /* type DATA */
	FL_SHIP_CLOSE,   /* type END */
	FL_SHIP_UNKNOWN, /* a control message with a root that we do not know */
};

enum fl_ship_phase { FL_SHIP_PENDING, FL_SHIP_READY, FL_SHIP_ABORTED };
enum fl_ship_select { FL_SHIP_ANNOUNCE_MAX, FL_SHIP_SELECT };
enum fl_ship_protocol_error {
	FL_SHIP_E_RESERVED,
	FL_SHIP_E_TIMEOUT,
	FL_SHIP_E_UNEXPECTED,
	FL_SHIP_E_MISMATCH
};
enum fl_ship_pin_state {
	FL_SHIP_PIN_NONE,
	FL_SHIP_PIN_REQUIRED,
	FL_SHIP_PIN_OPTIONAL,
	FL_SHIP_PIN_OK
};
enum fl_ship_close_phase { FL_SHIP_CLOSE_ANNOUNCE, FL_SHIP_CLOSE_CONFIRM };
enum fl_ship_close_reason { FL_SHIP_UNSPECIFIC, FL_SHIP_REMOVED_CONNECTION };

struct fl_ship_msg {
	enum fl_ship_kind kind;
	union {
		struct {
			enum fl_ship_phase phase;
			bool has_waiting, prolong; /* prolong: prolongationRequest is true */
			uint32_t waiting_ms;       /* larger ones are cut to this */
		} hello;
		struct {
			enum fl_ship_select select;
			uint16_t major, minor;
			uint8_t formats;  /* how many the peer named; encode does not look */
			bool utf8, utf16; /* JSON-UTF8, JSON-UTF16 among them */
		} protocol;
		uint32_t error; /* PROTOCOL_ERROR, PIN_ERROR */
		struct {
			enum fl_ship_pin_state state;
			bool has_permission, busy; /* inputPermission */
		} pin;
		struct fl_slice pin_input; /* secret */
		struct fl_slice id;        /* ACCESS: empty if missing */
		struct {
			struct fl_slice protocol_id;
			struct fl_slice payload; /* plain JSON of what stands under "payload" */
		} data;
		struct {
			enum fl_ship_close_phase phase;
			bool has_max_time;
			uint32_t max_time_ms;
			enum fl_ship_close_reason reason; /* free text counts as unspecific */
		} close;
	};
	struct fl_buf text; /* owned: what the slices point into */
};

/*
 * Reads one message. `*out_type` (may be NULL) is set as soon as the type byte is one of the four.
 * Members count by their last appearance, null as absent. Errors: FL_ERR_PROTO (shorter than 2
 * bytes, unknown type), FL_ERR_SYNTAX (value malformed, a known root with a member of a wrong type
 * or a required one missing; of the types INIT, DATA and END also another root), FL_ERR_TOO_BIG,
 * FL_ERR_NOMEM. Free with done after FL_OK.
 */
FL_MUST enum fl_err fl_ship_msg_decode(struct fl_slice message, enum fl_ship_type *out_type,
				       struct fl_ship_msg *out);
void fl_ship_msg_done(struct fl_ship_msg *m); /* wipes a PIN */

/*
 * Appends the canonical form, or nothing. `text` is not looked at. Errors: FL_ERR_INVALID (a value
 * that must not be sent: an ID or a PIN that is none, `waiting` and `prolong` together, a
 * permission without a PIN state that has one, no format, UNKNOWN; a payload that is not an object
 * of exactly one member), FL_ERR_SYNTAX (payload), FL_ERR_TOO_BIG, FL_ERR_NOMEM.
 */
FL_MUST enum fl_err fl_ship_msg_encode(const struct fl_ship_msg *m, struct fl_buf *out);

/*
 * The PAYLOAD form, under FL_SHIP_PROTOCOL_ID, of a text that is in wire form already:
 * {"datagram":[...]}. It is only checked and freed of white space. Errors as above.
 */
FL_MUST enum fl_err fl_ship_payload_encode_wire(struct fl_slice wire, struct fl_buf *out);

#endif
