/* SPDX-License-Identifier: BSD-3-Clause */
/* wire/ship/protocol.c - messageProtocolHandshake and its error: version and text form. */
#include "wire/ship/part.h"

enum { FORMATS_MAX = 8 };

static const char *const selects[] = {
	[FL_SHIP_ANNOUNCE_MAX] = "announceMax",
	[FL_SHIP_SELECT] = "select",
};
enum { SELECTS = sizeof selects / sizeof *selects };

static const char *const formats[] = { "JSON-UTF8", "JSON-UTF16" };
enum { UTF8, UTF16, FORMATS };

static bool read_number(struct fl_tokens *t, uint16_t *out)
{
	uint32_t v;

	if (!fl_member_u32(t, &v))
		return false;
	*out = v < UINT16_MAX ? (uint16_t)v : UINT16_MAX;
	return true;
}

/* True if both numbers are there. */
static bool read_version(struct fl_tokens *t, struct fl_ship_msg *m)
{
	size_t floor = t->depth;
	bool major = false, minor = false;
	struct fl_slice name;

	while (fl_member_next(t, floor, &name)) {
		if (fl_token_is(name, "major"))
			major = read_number(t, &m->protocol.major);
		else if (fl_token_is(name, "minor"))
			minor = read_number(t, &m->protocol.minor);
		else
			fl_tokens_skip(t);
	}
	return major && minor;
}

static void note_format(struct fl_tokens *t, struct fl_ship_msg *m)
{
	if (++m->protocol.formats > FORMATS_MAX)
		fl_tokens_fail(t, FL_ERR_TOO_BIG);
	m->protocol.utf8 |= fl_token_is(t->text, formats[UTF8]);
	m->protocol.utf16 |= fl_token_is(t->text, formats[UTF16]);
}

/* A list of strings, or one alone. */
static void read_format(struct fl_tokens *t, struct fl_ship_msg *m)
{
	size_t floor = t->depth;

	m->protocol.formats = 0;
	m->protocol.utf8 = m->protocol.utf16 = false;
	do {
		enum fl_token token = fl_tokens_next(t);
		if (token == FL_TOKEN_STRING)
			note_format(t, m);
		else if (token != FL_TOKEN_ARR_END &&
			 (token != FL_TOKEN_ARR || t->depth > floor + 1))
			fl_tokens_fail(t, FL_ERR_SYNTAX);
	} while (t->err == FL_OK && t->depth > floor);
}

static void read_formats(struct fl_tokens *t, struct fl_ship_msg *m)
{
	size_t floor = t->depth;
	struct fl_slice name;

	while (fl_member_next(t, floor, &name)) {
		if (fl_token_is(name, "format"))
			read_format(t, m);
		else
			fl_tokens_skip(t);
	}
}

/* A message without formats is whole: the handshake answers it as a mismatch. */
static void read(struct fl_tokens *t, struct fl_ship_msg *m)
{
	size_t floor = t->depth, select = SELECTS;
	bool version = false;
	struct fl_slice name;

	while (fl_member_next(t, floor, &name)) {
		if (fl_token_is(name, "handshakeType"))
			fl_member_word(t, selects, SELECTS, &select);
		else if (fl_token_is(name, "version"))
			version = read_version(t, m);
		else if (fl_token_is(name, "formats"))
			read_formats(t, m);
		else
			fl_tokens_skip(t);
	}
	fl_ship_require(t, version && select < SELECTS);
	m->protocol.select = (enum fl_ship_select)select;
}

static enum fl_err check(const struct fl_ship_msg *m)
{
	return m->protocol.utf8 || m->protocol.utf16 ? FL_OK : FL_ERR_INVALID;
}

static void write(const struct fl_ship_msg *m, struct fl_jw *w)
{
	fl_member_put_str(w, "handshakeType", selects[m->protocol.select]);
	fl_member_open(w, "version");
	fl_member_put_u64(w, "major", m->protocol.major);
	fl_member_put_u64(w, "minor", m->protocol.minor);
	fl_member_close(w);
	fl_member_open(w, "formats");
	fl_member_open(w, "format");
	if (m->protocol.utf8)
		fl_jw_str(w, formats[UTF8]);
	if (m->protocol.utf16)
		fl_jw_str(w, formats[UTF16]);
	fl_member_close(w);
	fl_member_close(w);
}

const struct fl_ship_part fl_ship_part_protocol = {
	FL_SHIP_CONTROL, "messageProtocolHandshake", read, check, write,
};

/* ---- errors, of the handshake and of a PIN ---- */

void fl_ship_read_error(struct fl_tokens *t, struct fl_ship_msg *m)
{
	size_t floor = t->depth;
	bool has = false;
	struct fl_slice name;

	while (fl_member_next(t, floor, &name)) {
		if (fl_token_is(name, "error"))
			has = fl_member_u32(t, &m->error);
		else
			fl_tokens_skip(t);
	}
	fl_ship_require(t, has);
}

void fl_ship_write_error(const struct fl_ship_msg *m, struct fl_jw *w)
{
	fl_member_put_u64(w, "error", m->error);
}

const struct fl_ship_part fl_ship_part_protocol_error = {
	FL_SHIP_CONTROL,     "messageProtocolHandshakeError", fl_ship_read_error, NULL,
	fl_ship_write_error,
};
