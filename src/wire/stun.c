/* SPDX-License-Identifier: BSD-3-Clause */
/* wire/stun.c - Binding requests and answers. */
#include "wire/stun.h"

#include "base/cur.h"

enum {
	TYPE_REQUEST = 0x0001,
	TYPE_ANSWER = 0x0101,
	ATTR_MAPPED = 0x0001,
	ATTR_XOR_MAPPED = 0x0020,
	ATTR_XOR_MAPPED_OLD = 0x8020,
	ATTR_SOFTWARE = 0x8022,
	ATTR_FINGERPRINT = 0x8028,
	FAMILY_V4 = 1,
	FAMILY_V6 = 2,
	FINGERPRINT_LEN = 8, /* whole attribute */
};

static const uint8_t cookie[4] = { 0x21, 0x12, 0xa4, 0x42 };
static const char software[] = "tailnode";
static const uint32_t fingerprint_mask = 0x5354554e;

struct attr {
	uint16_t type;
	size_t at; /* of its header, from the start of the message */
	struct fl_slice value;
};

/* CRC-32 (IEEE), a nibble at a time: 64 bytes of table, and messages are 32 bytes. */
static uint32_t crc32(struct fl_slice in)
{
	static const uint32_t table[16] = {
		0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
		0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
		0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
	};
	uint32_t crc = 0xffffffff;

	for (size_t i = 0; i < in.len; i++) {
		crc ^= in.ptr[i];
		crc = crc >> 4 ^ table[crc & 15];
		crc = crc >> 4 ^ table[crc & 15];
	}
	return ~crc;
}

bool fl_stun_is(struct fl_slice packet)
{
	return packet.len >= FL_STUN_HEADER_LEN && (packet.ptr[0] & 0xc0) == 0 &&
	       memcmp(packet.ptr + 4, cookie, sizeof cookie) == 0;
}

static uint16_t message_type(struct fl_slice packet)
{
	return (uint16_t)(packet.ptr[0] << 8 | packet.ptr[1]);
}

/* Leaves `cur` behind the header; the length field must match what is there. */
static bool header_ok(struct fl_slice packet, uint16_t type, struct fl_cur *cur)
{
	if (!fl_stun_is(packet) || message_type(packet) != type)
		return false;
	*cur = (struct fl_cur){ .in = packet, .at = 2 };
	size_t len = (size_t)fl_cur_be(cur, 2);
	cur->at = FL_STUN_HEADER_LEN;
	return len == packet.len - FL_STUN_HEADER_LEN;
}

/* The next attribute; false at the end or with `cur->bad` set for one that is cut short. */
static bool next_attr(struct fl_cur *cur, struct attr *out)
{
	if (cur->bad || cur->at == cur->in.len)
		return false;
	out->at = cur->at;
	out->type = (uint16_t)fl_cur_be(cur, 2);
	size_t len = (size_t)fl_cur_be(cur, 2);
	out->value = fl_cur_take(cur, len);
	fl_cur_take(cur, (4 - len % 4) % 4); /* padding */
	return !cur->bad;
}

static bool fingerprint_ok(struct fl_slice packet, const struct attr *a)
{
	struct fl_cur cur = { .in = a->value };
	uint32_t want = crc32(fl_slice_of(packet.ptr, a->at)) ^ fingerprint_mask;

	return a->value.len == 4 && a->at + FINGERPRINT_LEN == packet.len &&
	       (uint32_t)fl_cur_be(&cur, 4) == want;
}

enum fl_err fl_stun_request_parse(struct fl_slice packet, bool any, struct fl_stun_txid *out)
{
	bool known_software = false, fingerprint = false;
	struct fl_cur cur;
	struct attr a;

	if (!header_ok(packet, TYPE_REQUEST, &cur))
		return FL_ERR_PROTO;
	while (next_attr(&cur, &a)) {
		if (a.type == ATTR_SOFTWARE && fl_slice_is(a.value, software))
			known_software = true;
		if (a.type == ATTR_FINGERPRINT) {
			if (!fingerprint_ok(packet, &a))
				return FL_ERR_PROTO;
			fingerprint = true;
		}
	}
	if (cur.bad || (!any && !(known_software && fingerprint)))
		return FL_ERR_PROTO;
	memcpy(out->b, packet.ptr + 8, sizeof out->b);
	return FL_OK;
}

static uint8_t *put_be16(uint8_t *p, unsigned v)
{
	*p++ = (uint8_t)(v >> 8);
	*p++ = (uint8_t)v;
	return p;
}

static uint8_t *put_bytes(uint8_t *p, const void *src, size_t n)
{
	memcpy(p, src, n);
	return p + n;
}

static uint8_t *put_header(uint8_t *p, unsigned type, unsigned len, const struct fl_stun_txid *tx)
{
	p = put_be16(p, type);
	p = put_be16(p, len);
	p = put_bytes(p, cookie, sizeof cookie);
	return put_bytes(p, tx->b, sizeof tx->b);
}

void fl_stun_request(const struct fl_stun_txid *tx, uint8_t out[static FL_STUN_REQUEST_LEN])
{
	const unsigned software_len = sizeof software - 1;
	uint8_t *p = put_header(out, TYPE_REQUEST, FL_STUN_REQUEST_LEN - FL_STUN_HEADER_LEN, tx);

	p = put_be16(p, ATTR_SOFTWARE); /* first: fast-path servers look for it there */
	p = put_be16(p, software_len);
	p = put_bytes(p, software, software_len);
	uint32_t crc = crc32(fl_slice_of(out, (size_t)(p - out))) ^ fingerprint_mask;
	p = put_be16(p, ATTR_FINGERPRINT);
	p = put_be16(p, 4);
	p = put_be16(p, crc >> 16);
	put_be16(p, crc & 0xffff);
}

/* The pad an address is xored with: cookie, then transaction id. */
static void make_pad(const uint8_t *header, uint8_t pad[static 16])
{
	memcpy(pad, header + 4, 16);
}

size_t fl_stun_answer(const struct fl_stun_txid *tx, const struct fl_addrport *from,
		      uint8_t out[static FL_STUN_ANSWER_MAX])
{
	const struct fl_ip ip = fl_ip_unmap(&from->ip);
	const bool v4 = ip.family == FL_IP_V4;
	const unsigned ip_len = v4 ? 4 : 16;
	uint8_t pad[16];

	uint8_t *p = put_header(out, TYPE_ANSWER, 8 + ip_len, tx);
	make_pad(out, pad);
	p = put_be16(p, ATTR_XOR_MAPPED);
	p = put_be16(p, 4 + ip_len);
	p = put_be16(p, v4 ? FAMILY_V4 : FAMILY_V6);
	p = put_be16(p, from->port ^ (unsigned)(cookie[0] << 8 | cookie[1]));
	for (unsigned i = 0; i < ip_len; i++)
		*p++ = ip.b[i] ^ pad[i];
	return (size_t)(p - out);
}

static bool read_address(struct fl_slice value, const uint8_t pad[static 16],
			 struct fl_addrport *out)
{
	struct fl_cur cur = { .in = value };
	unsigned family = (unsigned)fl_cur_be(&cur, 2) & 0xff; /* the first byte is reserved */
	unsigned port = (unsigned)fl_cur_be(&cur, 2);
	struct fl_ip ip = { .family = family == FAMILY_V4 ? FL_IP_V4 : FL_IP_V6 };
	size_t ip_len = family == FAMILY_V4 ? 4 : 16;

	if (family != FAMILY_V4 && family != FAMILY_V6)
		return false;
	fl_cur_copy(&cur, ip.b, ip_len);
	if (cur.bad || cur.at != value.len)
		return false;
	for (size_t i = 0; i < ip_len; i++)
		ip.b[i] ^= pad[i];
	out->ip = fl_ip_unmap(&ip);
	out->port = (uint16_t)(port ^ (unsigned)(pad[0] << 8 | pad[1]));
	return true;
}

/* Servers are forgiven bytes behind the message. */
static struct fl_slice trim(struct fl_slice packet)
{
	if (packet.len >= FL_STUN_HEADER_LEN) {
		size_t len = (size_t)(packet.ptr[2] << 8 | packet.ptr[3]) + FL_STUN_HEADER_LEN;
		if (len < packet.len)
			packet.len = len;
	}
	return packet;
}

enum fl_err fl_stun_answer_parse(struct fl_slice packet, struct fl_stun_txid *out_tx,
				 struct fl_addrport *out)
{
	static const uint8_t no_pad[16];
	struct fl_addrport plain = { 0 }, xored = { 0 };
	bool has_plain = false, has_xored = false;
	uint8_t pad[16];
	struct fl_cur cur;
	struct attr a;

	packet = trim(packet);
	if (!header_ok(packet, TYPE_ANSWER, &cur))
		return FL_ERR_PROTO;
	make_pad(packet.ptr, pad);
	while (next_attr(&cur, &a)) {
		if (a.type == ATTR_XOR_MAPPED || a.type == ATTR_XOR_MAPPED_OLD)
			has_xored = has_xored || read_address(a.value, pad, &xored);
		else if (a.type == ATTR_MAPPED)
			has_plain = has_plain || read_address(a.value, no_pad, &plain);
	}
	if (cur.bad || !(has_xored || has_plain))
		return FL_ERR_PROTO;
	memcpy(out_tx->b, packet.ptr + 8, sizeof out_tx->b);
	*out = has_xored ? xored : plain;
	return FL_OK;
}
