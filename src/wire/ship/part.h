/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * wire/ship/part.h - what message.c knows of each kind of message. For the files of the messages.
 *
 * A part reads the value under its root, which is due in the walk, straight into the message, and
 * writes the members of that value. Errors of reading stay in the walk.
 *
 * Source  docs/protocol/ship.md 4.3
 */
#ifndef FL_WIRE_SHIP_PART_H
#define FL_WIRE_SHIP_PART_H

#include "wire/ship/member.h"
#include "wire/ship/message.h"

struct fl_ship_part {
	enum fl_ship_type type;
	const char *root;
	void (*read)(struct fl_tokens *t, struct fl_ship_msg *m);
	/* May it be written? FL_OK or FL_ERR_INVALID; NULL: always. */
	enum fl_err (*check)(const struct fl_ship_msg *m);
	void (*write)(const struct fl_ship_msg *m, struct fl_jw *w);
};

extern const struct fl_ship_part fl_ship_part_hello;
extern const struct fl_ship_part fl_ship_part_protocol;
extern const struct fl_ship_part fl_ship_part_protocol_error;
extern const struct fl_ship_part fl_ship_part_pin_state;
extern const struct fl_ship_part fl_ship_part_pin_input;
extern const struct fl_ship_part fl_ship_part_pin_error;
extern const struct fl_ship_part fl_ship_part_access_request;
extern const struct fl_ship_part fl_ship_part_access;
extern const struct fl_ship_part fl_ship_part_payload; /* written by payload.c itself */
extern const struct fl_ship_part fl_ship_part_close;

/* An error number, which two messages have; it has to be there. */
void fl_ship_read_error(struct fl_tokens *t, struct fl_ship_msg *m);
void fl_ship_write_error(const struct fl_ship_msg *m, struct fl_jw *w);

/* For members that have to be there. */
static inline void fl_ship_require(struct fl_tokens *t, bool has)
{
	if (!has)
		fl_tokens_fail(t, FL_ERR_SYNTAX);
}

/*
 * Room in the message's text for all that the message could hold, so that slices of it stay where
 * they are and a secret leaves no copy behind. False: out of memory, which fails the walk.
 */
bool fl_ship_text_ready(struct fl_tokens *t, struct fl_ship_msg *m);

/* Reads a string of at most `most` bytes into the text. False: null, or the walk has failed. */
bool fl_ship_read_text(struct fl_tokens *t, struct fl_ship_msg *m, size_t most,
		       struct fl_slice *out);

/* Writes a whole PAYLOAD message. */
enum fl_err fl_ship_payload_encode(const struct fl_ship_msg *m, struct fl_buf *out);

#endif
