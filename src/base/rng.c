/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * base/rng.c - xoshiro256** seeded through splitmix64 (Blackman and Vigna, "Scrambled linear
 * pseudorandom number generators", 2018).
 */
#include "base/rng.h"

static uint64_t rotl(uint64_t v, unsigned n)
{
	return v << n | v >> (64 - n);
}

static uint64_t splitmix(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

void fl_rng_init(struct fl_rng *r, uint64_t seed)
{
	for (size_t i = 0; i < 4; i++)
		r->s[i] = splitmix(&seed);
}

/* The name's FNV-1a hash, so that streams depend on their name and not on the order of splits. */
static uint64_t name_hash(const char *name)
{
	uint64_t h = 0xcbf29ce484222325;
	for (; *name != '\0'; name++)
		h = (h ^ (uint8_t)*name) * 0x100000001b3;
	return h;
}

void fl_rng_split(const struct fl_rng *parent, const char *name, struct fl_rng *out)
{
	uint64_t seed = name_hash(name);
	for (size_t i = 0; i < 4; i++)
		seed = splitmix(&seed) ^ parent->s[i];
	fl_rng_init(out, seed);
}

uint64_t fl_rng_next(struct fl_rng *r)
{
	uint64_t *s = r->s;
	uint64_t result = rotl(s[1] * 5, 7) * 9;
	uint64_t t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotl(s[3], 45);
	return result;
}

uint64_t fl_rng_below(struct fl_rng *r, uint64_t bound)
{
	if (bound == 0)
		return 0;
	/* Numbers below 2^64 mod bound would make the small results likelier; draw again. */
	uint64_t skip = (0 - bound) % bound;
	uint64_t v = fl_rng_next(r);
	while (v < skip)
		v = fl_rng_next(r);
	return v % bound;
}
