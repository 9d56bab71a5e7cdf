/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * base/sip.c - SipHash-1-3: one round a word, three to finish (Aumasson and Bernstein, "SipHash:
 * a fast short-input PRF", 2012, with the round counts that hash tables use).
 */
#include "base/sip.h"

static uint64_t rotl(uint64_t v, unsigned n)
{
	return v << n | v >> (64 - n);
}

static uint64_t load_le(const uint8_t *p, size_t n)
{
	uint64_t v = 0;
	for (size_t i = n; i > 0; i--)
		v = v << 8 | p[i - 1];
	return v;
}

/* As load_le(p, 8), in the form that compilers turn into one load. */
static inline uint64_t load_le64(const uint8_t *p)
{
	return (uint64_t)p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 | (uint64_t)p[3] << 24 |
	       (uint64_t)p[4] << 32 | (uint64_t)p[5] << 40 | (uint64_t)p[6] << 48 |
	       (uint64_t)p[7] << 56;
}

static inline void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[2] += v[3];
	v[1] = rotl(v[1], 13) ^ v[0];
	v[3] = rotl(v[3], 16) ^ v[2];
	v[0] = rotl(v[0], 32);
	v[2] += v[1];
	v[0] += v[3];
	v[1] = rotl(v[1], 17) ^ v[2];
	v[3] = rotl(v[3], 21) ^ v[0];
	v[2] = rotl(v[2], 32);
}

void fl_sip_seed(uint64_t seed[2], const uint8_t bytes[16])
{
	seed[0] = load_le64(bytes);
	seed[1] = load_le64(bytes + 8);
}

uint64_t fl_sip_hash(const uint64_t seed[2], const void *src, size_t len)
{
	const uint8_t *p = src;
	uint64_t v[4] = { seed[0] ^ 0x736f6d6570736575, seed[1] ^ 0x646f72616e646f6d,
			  seed[0] ^ 0x6c7967656e657261, seed[1] ^ 0x7465646279746573 };
	uint64_t last = (uint64_t)len << 56;

	for (; len >= 8; len -= 8, p += 8) {
		uint64_t word = load_le64(p);
		v[3] ^= word;
		sip_round(v);
		v[0] ^= word;
	}
	last |= load_le(p, len);
	v[3] ^= last;
	sip_round(v);
	v[0] ^= last;
	v[2] ^= 0xff;
	for (int i = 0; i < 3; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}
