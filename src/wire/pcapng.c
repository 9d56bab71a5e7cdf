/* SPDX-License-Identifier: BSD-3-Clause */
/* wire/pcapng.c - blocks of a pcap-ng file. */
#include "wire/pcapng.h"

#include "base/cur.h"

enum {
	BYTE_ORDER = 0x1a2b3c4d,
	MAJOR = 1,
	MINOR = 0,
	BLOCK_LEAST = 12, /* kind and both lengths */
	NANOSECONDS = 9,  /* ten to the minus ninth */
	INBOUND = 1,
	OUTBOUND = 2,
};
#define LENGTH_UNKNOWN UINT64_MAX /* of a section: up to the next one, or the end */

/* By their names in the draft. */
enum option {
	OPT_END = 0,
	OPT_COMMENT = 1,
	SHB_USERAPPL = 4,
	IF_NAME = 2,
	IF_DESCRIPTION = 3,
	IF_TSRESOL = 9,
	EPB_FLAGS = 2,
	EPB_DROPCOUNT = 4,
};

static void pad(struct fl_buf *out, size_t len)
{
	static const uint8_t zero[4];
	fl_buf_put(out, zero, (4 - len % 4) % 4);
}

static void put_option(struct fl_buf *out, enum option code, const void *value, size_t len)
{
	fl_buf_le(out, code, 2);
	fl_buf_le(out, len, 2);
	fl_buf_put(out, value, len);
	pad(out, len);
}

static void put_text(struct fl_buf *out, enum option code, const char *text)
{
	size_t len = text != NULL ? strlen(text) : 0;

	if (len > 0)
		put_option(out, code, text, len < FL_PCAPNG_TEXT_MAX ? len : FL_PCAPNG_TEXT_MAX);
}

static void put_number(struct fl_buf *out, enum option code, uint64_t value, size_t width)
{
	fl_buf_le(out, code, 2);
	fl_buf_le(out, width, 2);
	fl_buf_le(out, value, width);
	pad(out, width);
}

/* The length is known at the end. Gives where the block begins. */
static size_t begin_block(struct fl_buf *out, enum fl_pcapng_kind kind)
{
	size_t start = out->len;

	fl_buf_le(out, kind, 4);
	fl_buf_le(out, 0, 4);
	return start;
}

static void end_block(struct fl_buf *out, size_t start)
{
	fl_buf_le(out, OPT_END, 4);
	size_t len = out->len - start + 4;
	fl_buf_le(out, len, 4);
	if (fl_buf_err(out) != FL_OK)
		return;
	for (size_t i = 0; i < 4; i++)
		out->ptr[start + 4 + i] = (uint8_t)(len >> 8 * i);
}

void fl_pcapng_begin(const struct fl_pcapng_about *a, struct fl_buf *out)
{
	size_t start = begin_block(out, FL_PCAPNG_SECTION);

	fl_buf_le(out, BYTE_ORDER, 4);
	fl_buf_le(out, MAJOR, 2);
	fl_buf_le(out, MINOR, 2);
	fl_buf_le(out, LENGTH_UNKNOWN, 8);
	put_text(out, SHB_USERAPPL, a->program);
	end_block(out, start);

	start = begin_block(out, FL_PCAPNG_INTERFACE);
	fl_buf_le(out, a->link_type, 2);
	fl_buf_le(out, 0, 2);
	fl_buf_le(out, FL_PCAPNG_SNAP, 4);
	put_text(out, IF_NAME, a->name);
	put_text(out, IF_DESCRIPTION, a->describe);
	put_number(out, IF_TSRESOL, NANOSECONDS, 1);
	end_block(out, start);
}

void fl_pcapng_packet(const struct fl_pcapng_packet *p, struct fl_buf *out)
{
	size_t kept = p->bytes.len < FL_PCAPNG_SNAP ? p->bytes.len : FL_PCAPNG_SNAP;
	uint64_t at = p->at > 0 ? (uint64_t)p->at : 0;
	size_t start = begin_block(out, FL_PCAPNG_PACKET);

	fl_buf_le(out, 0, 4); /* the one interface */
	fl_buf_le(out, at >> 32, 4);
	fl_buf_le(out, at & UINT32_MAX, 4);
	fl_buf_le(out, kept, 4);
	fl_buf_le(out, p->bytes.len, 4);
	fl_buf_put(out, p->bytes.ptr, kept);
	pad(out, kept);
	put_text(out, OPT_COMMENT, p->comment);
	put_number(out, EPB_FLAGS, p->inbound ? INBOUND : OUTBOUND, 4);
	if (p->lost > 0)
		put_number(out, EPB_DROPCOUNT, p->lost, 8);
	end_block(out, start);
}

enum fl_err fl_pcapng_head(struct fl_slice head, uint32_t *out_kind, uint32_t *out_len)
{
	struct fl_cur c = { .in = head };
	uint32_t kind = (uint32_t)fl_cur_le(&c, 4), len = (uint32_t)fl_cur_le(&c, 4);

	if (c.bad || len < BLOCK_LEAST || len % 4 != 0 || len > FL_PCAPNG_BLOCK_MAX)
		return FL_ERR_SYNTAX;
	if (kind != FL_PCAPNG_SECTION && kind != FL_PCAPNG_INTERFACE && kind != FL_PCAPNG_PACKET)
		return FL_ERR_SYNTAX;
	*out_kind = kind;
	*out_len = len;
	return FL_OK;
}
