/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * wire/ship/message.c - SHIP messages: the type byte, the root, and whose message it is. What
 * stands under a root is in a file for each family of messages.
 */
#include "wire/ship/message.h"

#include "base/text.h"
#include "wire/ship/eebus.h"
#include "wire/ship/part.h"

enum {
	CMI_HEAD = 0,
	CMI_LEN = 2,
	ENVELOPE_DEPTH = 3, /* {"data":[{"payload": */
	DEPTH_MAX = FL_EEBUS_DEPTH_MAX + ENVELOPE_DEPTH,
};
_Static_assert((int)DEPTH_MAX <= (int)FL_TOKENS_DEPTH_MAX, "levels of a walk");

/* By kind; those without a root have none. */
static const struct fl_ship_part *const parts[FL_SHIP_UNKNOWN] = {
	[FL_SHIP_HELLO] = &fl_ship_part_hello,
	[FL_SHIP_PROTOCOL] = &fl_ship_part_protocol,
	[FL_SHIP_PROTOCOL_ERROR] = &fl_ship_part_protocol_error,
	[FL_SHIP_PIN_STATE] = &fl_ship_part_pin_state,
	[FL_SHIP_PIN_INPUT] = &fl_ship_part_pin_input,
	[FL_SHIP_PIN_ERROR] = &fl_ship_part_pin_error,
	[FL_SHIP_ACCESS_REQUEST] = &fl_ship_part_access_request,
	[FL_SHIP_ACCESS] = &fl_ship_part_access,
	[FL_SHIP_PAYLOAD] = &fl_ship_part_payload,
	[FL_SHIP_CLOSE] = &fl_ship_part_close,
};

/* ---- the text of a message ---- */

bool fl_ship_text_ready(struct fl_tokens *t, struct fl_ship_msg *m)
{
	if (m->text.cap > 0)
		return true;
	enum fl_err err = fl_buf_reserve(&m->text, t->in.len);
	if (err != FL_OK)
		fl_tokens_fail(t, err);
	return err == FL_OK;
}

bool fl_ship_read_text(struct fl_tokens *t, struct fl_ship_msg *m, size_t most,
		       struct fl_slice *out)
{
	size_t start = m->text.len;
	struct fl_slice quoted;

	if (!fl_member_string(t, &quoted) || !fl_ship_text_ready(t, m))
		return false;
	if (!fl_member_unescape(quoted, &m->text)) {
		fl_tokens_fail(t, FL_ERR_SYNTAX);
		return false;
	}
	if (m->text.len - start > most) {
		fl_tokens_fail(t, FL_ERR_TOO_BIG);
		return false;
	}
	*out = fl_slice_of(m->text.ptr + start, m->text.len - start);
	return true;
}

/* ---- decode ---- */

static enum fl_ship_kind kind_of(enum fl_ship_type type, struct fl_slice root)
{
	for (int kind = 0; kind < FL_SHIP_UNKNOWN; kind++) {
		if (parts[kind] != NULL && parts[kind]->type == type &&
		    fl_token_is(root, parts[kind]->root))
			return (enum fl_ship_kind)kind;
	}
	return FL_SHIP_UNKNOWN;
}

/* {"error":2}, as older peers write it: the error of the protocol handshake without its root. */
static void read_flat_error(struct fl_tokens *t, struct fl_ship_msg *m)
{
	m->kind = FL_SHIP_PROTOCOL_ERROR;
	fl_ship_require(t, fl_member_u32(t, &m->error));
}

static void read_root(struct fl_tokens *t, enum fl_ship_type type, struct fl_slice root,
		      struct fl_ship_msg *m)
{
	m->kind = kind_of(type, root);
	if (m->kind != FL_SHIP_UNKNOWN) {
		parts[m->kind]->read(t, m);
	} else if (type == FL_SHIP_CONTROL && fl_token_is(root, "error")) {
		read_flat_error(t, m);
	} else {
		fl_ship_require(t, type == FL_SHIP_CONTROL);
		fl_tokens_skip(t);
	}
}

/* The first member of the root says what it is; more of them would be somebody's extension. */
static void read_value(struct fl_tokens *t, enum fl_ship_type type, struct fl_ship_msg *m)
{
	struct fl_slice name;

	if (!fl_member_next(t, 0, &name)) {
		fl_tokens_fail(t, FL_ERR_SYNTAX);
		return;
	}
	read_root(t, type, name, m);
	while (fl_member_next(t, 0, &name))
		fl_tokens_skip(t);
	fl_ship_require(t, fl_tokens_next(t) == FL_TOKEN_END);
}

static enum fl_err decode_value(struct fl_slice value, enum fl_ship_type type,
				struct fl_ship_msg *out)
{
	struct fl_ship_msg m = { .text = fl_buf_make(value.len) };
	struct fl_tokens t;

	fl_tokens_init(&t, value, DEPTH_MAX);
	read_value(&t, type, &m);
	enum fl_err err = t.err != FL_OK ? t.err : fl_buf_err(&m.text);
	if (err != FL_OK) {
		fl_buf_wipe(&m.text);
		return err;
	}
	*out = m;
	return FL_OK;
}

enum fl_err fl_ship_msg_decode(struct fl_slice message, enum fl_ship_type *out_type,
			       struct fl_ship_msg *out)
{
	if (message.len == 0 || message.ptr[0] > FL_SHIP_END)
		return FL_ERR_PROTO;
	enum fl_ship_type type = (enum fl_ship_type)message.ptr[0];
	if (out_type != NULL)
		*out_type = type;
	if (message.len < CMI_LEN)
		return FL_ERR_PROTO;
	if (type != FL_SHIP_INIT)
		return decode_value(fl_slice_skip(message, 1), type, out);
	if (message.len != CMI_LEN || message.ptr[1] != CMI_HEAD)
		return FL_ERR_SYNTAX;
	*out = (struct fl_ship_msg){ .kind = FL_SHIP_CMI };
	return FL_OK;
}

void fl_ship_msg_done(struct fl_ship_msg *m)
{
	if (m->kind == FL_SHIP_PIN_INPUT)
		fl_buf_wipe(&m->text);
	else
		fl_buf_done(&m->text);
}

/* ---- encode ---- */

static void write_value(const struct fl_ship_part *part, const struct fl_ship_msg *m,
			struct fl_buf *out)
{
	struct fl_jw w = fl_jw_make(out);

	fl_member_open(&w, part->root);
	part->write(m, &w);
	fl_member_close(&w);
}

enum fl_err fl_ship_msg_encode(const struct fl_ship_msg *m, struct fl_buf *out)
{
	size_t start = out->len;

	if (m->kind == FL_SHIP_PAYLOAD)
		return fl_ship_payload_encode(m, out);
	if (m->kind == FL_SHIP_CMI) {
		fl_buf_be(out, 0, CMI_LEN);
		return fl_buf_err(out);
	}
	if (m->kind == FL_SHIP_UNKNOWN)
		return FL_ERR_INVALID;
	const struct fl_ship_part *part = parts[m->kind];
	if (part->check != NULL && part->check(m) != FL_OK)
		return FL_ERR_INVALID;
	fl_buf_byte(out, (uint8_t)part->type);
	write_value(part, m, out);
	if (fl_buf_err(out) != FL_OK)
		out->len = start;
	return fl_buf_err(out);
}
