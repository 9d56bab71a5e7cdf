/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * base/rng.h - a small seedable generator for jitter and random choices; never for secrets.
 *
 * Same seed, same sequence, so a run can be replayed. Streams are split by name, so that a new
 * consumer does not shift the numbers of the others.
 */
#ifndef FL_BASE_RNG_H
#define FL_BASE_RNG_H

#include <stddef.h>
#include <stdint.h>

struct fl_rng {
	uint64_t s[4]; /* xoshiro256** */
};

void fl_rng_init(struct fl_rng *r, uint64_t seed);
void fl_rng_split(const struct fl_rng *parent, const char *name, struct fl_rng *out);
uint64_t fl_rng_next(struct fl_rng *r);

/* Uniform in [0, bound); 0 for bound 0. */
uint64_t fl_rng_below(struct fl_rng *r, uint64_t bound);

#endif
