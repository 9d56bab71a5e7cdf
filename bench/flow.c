/* SPDX-License-Identifier: BSD-3-Clause */
/* bench/flow.c - see flow.h. */
#include "flow.h"

enum { MARK = 0x464c4250, CRC_AT = FLOW_HEAD - 4 };

#if defined(__x86_64__)
#include <immintrin.h>

__attribute__((target("sse4.2"))) static uint32_t crc_hardware(const uint8_t *p, size_t len)
{
	uint64_t c = 0xffffffff, v;
	for (; len >= 8; p += 8, len -= 8) {
		memcpy(&v, p, 8);
		c = _mm_crc32_u64(c, v);
	}
	uint32_t r = (uint32_t)c;
	while (len--)
		r = _mm_crc32_u8(r, *p++);
	return ~r;
}

static bool has_hardware(void)
{
	return __builtin_cpu_supports("sse4.2");
}
#else
static uint32_t crc_hardware(const uint8_t *p, size_t len)
{
	(void)p, (void)len;
	return 0;
}

static bool has_hardware(void)
{
	return false;
}
#endif

static uint32_t crc_bitwise(const uint8_t *p, size_t len)
{
	uint32_t c = 0xffffffff;
	while (len--) {
		c ^= *p++;
		for (int k = 0; k < 8; k++)
			c = c >> 1 ^ (0x82f63b78 & (0u - (c & 1)));
	}
	return ~c;
}

uint32_t flow_crc(const uint8_t *p, size_t len)
{
	static int hardware = -1;
	if (hardware < 0)
		hardware = has_hardware();
	return hardware ? crc_hardware(p, len) : crc_bitwise(p, len);
}

/* The checksum takes in everything but its own four bytes. */
static uint32_t checksum(const uint8_t *p, size_t len)
{
	return flow_crc(p, CRC_AT) ^ flow_crc(p + FLOW_HEAD, len - FLOW_HEAD);
}

static void put(uint8_t *out, uint64_t v, size_t width)
{
	memcpy(out, &v, width); /* both ends are this program */
}

static uint64_t get(const uint8_t *p, size_t width)
{
	uint64_t v = 0;
	memcpy(&v, p, width);
	return v;
}

void flow_write(const struct flow_packet *p, uint8_t *out, size_t len)
{
	put(out, MARK, 4);
	put(out + 4, (uint64_t)p->kind << 8 | p->phase, 4);
	put(out + 8, p->from, 4);
	put(out + 12, p->to, 4);
	put(out + 16, p->number, 8);
	put(out + 24, (uint64_t)p->stamp, 8);
	put(out + 32, len, 4);
	put(out + CRC_AT, checksum(out, len), 4);
}

bool flow_read(struct fl_slice in, struct flow_packet *out)
{
	if (in.len < FLOW_HEAD || get(in.ptr, 4) != MARK || get(in.ptr + 32, 4) != in.len ||
	    get(in.ptr + CRC_AT, 4) != checksum(in.ptr, in.len))
		return false;
	out->kind = (enum flow_kind)(get(in.ptr + 4, 4) >> 8);
	out->phase = (uint32_t)get(in.ptr + 4, 1);
	out->from = (uint32_t)get(in.ptr + 8, 4);
	out->to = (uint32_t)get(in.ptr + 12, 4);
	out->number = get(in.ptr + 16, 8);
	out->stamp = (int64_t)get(in.ptr + 24, 8);
	return true;
}

static bool set_bit(struct flow_seen *s, uint64_t number, bool to)
{
	uint8_t *byte = &s->bits[number % FLOW_WINDOW / 8], mask = (uint8_t)(1u << (number % 8));
	bool was = *byte & mask;
	*byte = (uint8_t)(to ? *byte | mask : *byte & ~mask);
	return was;
}

enum flow_verdict flow_note(struct flow_seen *s, uint64_t number)
{
	if (number >= s->next) {
		uint64_t from = number - s->next > FLOW_WINDOW ? number - FLOW_WINDOW : s->next;
		for (uint64_t k = from; k < number; k++)
			set_bit(s, k, false);
		set_bit(s, number, true);
		s->next = number + 1;
		return FLOW_NEW;
	}
	if (s->next - number > FLOW_WINDOW)
		return FLOW_TWICE;
	return set_bit(s, number, true) ? FLOW_TWICE : FLOW_LATE;
}
