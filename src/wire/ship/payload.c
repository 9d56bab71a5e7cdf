/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * wire/ship/payload.c - data messages. The hot path: one walk over the text, in and out, and no
 * memory but the result's.
 */
#include "wire/ship/eebus.h"
#include "wire/ship/part.h"

static const char head_start[] = "\2{\"data\":[{\"header\":[{\"protocolId\":";
static const char head_end[] = "}]},{\"payload\":", tail[] = "}]}";

static void read_header(struct fl_tokens *t, struct fl_ship_msg *m)
{
	size_t floor = t->depth;
	struct fl_slice name;

	while (fl_member_next(t, floor, &name)) {
		if (fl_token_is(name, "protocolId"))
			fl_ship_read_text(t, m, SIZE_MAX, &m->data.protocol_id);
		else
			fl_tokens_skip(t);
	}
}

static void read_payload(struct fl_tokens *t, struct fl_ship_msg *m)
{
	size_t start = m->text.len;

	if (!fl_ship_text_ready(t, m))
		return;
	fl_eebus_value_to_plain(t, &m->text);
	m->data.payload = fl_slice_of(m->text.ptr + start, m->text.len - start);
}

static void read(struct fl_tokens *t, struct fl_ship_msg *m)
{
	size_t floor = t->depth;
	struct fl_slice name;

	while (fl_member_next(t, floor, &name)) {
		if (fl_token_is(name, "header"))
			read_header(t, m);
		else if (fl_token_is(name, "payload"))
			read_payload(t, m);
		else
			fl_tokens_skip(t);
	}
	fl_ship_require(t, m->data.payload.len > 0);
}

const struct fl_ship_part fl_ship_part_payload = { .type = FL_SHIP_DATA,
						   .root = "data",
						   .read = read };

static void write_head(struct fl_slice protocol_id, struct fl_buf *out)
{
	struct fl_jw w = fl_jw_make(out);

	fl_buf_put(out, head_start, sizeof head_start - 1);
	fl_jw_text(&w, protocol_id);
	fl_buf_put(out, head_end, sizeof head_end - 1);
}

/* {"name":value}, the value as `put` writes it. */
static void write_root(struct fl_tokens *t, void (*put)(struct fl_tokens *, struct fl_buf *),
		       struct fl_buf *out)
{
	enum fl_token open = fl_tokens_next(t), name = fl_tokens_next(t);

	if (open != FL_TOKEN_OBJ || name != FL_TOKEN_NAME) {
		fl_tokens_fail(t, FL_ERR_INVALID);
		return;
	}
	fl_buf_byte(out, '{');
	fl_buf_put(out, t->text.ptr, t->text.len);
	fl_buf_byte(out, ':');
	put(t, out);
	if (fl_buf_err(out) != FL_OK) /* the walk was left where it was */
		return;
	bool closed = fl_tokens_next(t) == FL_TOKEN_OBJ_END;
	if (!closed || fl_tokens_next(t) != FL_TOKEN_END)
		fl_tokens_fail(t, FL_ERR_INVALID);
	fl_buf_byte(out, '}');
}

static enum fl_err encode(struct fl_slice protocol_id, struct fl_slice payload,
			  void (*put)(struct fl_tokens *, struct fl_buf *), struct fl_buf *out)
{
	struct fl_tokens t;
	size_t start = out->len;

	fl_tokens_init(&t, payload, FL_EEBUS_DEPTH_MAX);
	write_head(protocol_id, out);
	write_root(&t, put, out);
	fl_buf_put(out, tail, sizeof tail - 1);
	enum fl_err err = t.err != FL_OK ? t.err : fl_buf_err(out);
	if (err != FL_OK)
		out->len = start;
	return err;
}

enum fl_err fl_ship_payload_encode(const struct fl_ship_msg *m, struct fl_buf *out)
{
	return encode(m->data.protocol_id, m->data.payload, fl_eebus_value_to_wire, out);
}

enum fl_err fl_ship_payload_encode_wire(struct fl_slice wire, struct fl_buf *out)
{
	return encode(fl_slice_str(FL_SHIP_PROTOCOL_ID), wire, fl_eebus_value_copy, out);
}
